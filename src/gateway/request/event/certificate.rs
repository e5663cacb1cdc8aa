//! The client's certificate, which API Gateway puts into the event if the API uses mutual TLS.
//!
//! See [mutual TLS for REST](https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mutual-tls.html)
//! and [for HTTP APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{AuthorizerRequest, EventKind, strings};
use crate::error::Error;
use crate::json::{Text, object};

/// The members of `requestContext` that may hold the certificate.
#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    identity: Option<Client<'a>>,
    #[serde(borrow)]
    authentication: Option<Client<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client<'a> {
    #[serde(borrow)]
    client_cert: Option<ClientCert<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientCert<'a> {
    #[serde(borrow)]
    client_cert_pem: Option<Text<'a>>,
}

impl<'a> AuthorizerRequest<'a> {
    /// Returns the client's certificate as PEM, from the place where AWS documents it for this kind
    /// of event.
    ///
    /// # Errors
    ///
    /// [`Error::WrongCertificate`] if the event has none. Also if the certificate is possibly not in
    /// API Gateway's cache key: a client with the token and another certificate would get the cached
    /// Allow.
    pub(crate) fn client_certificate(&self) -> Result<Text<'a>, Error> {
        let client = match self.kind {
            EventKind::WebSocket => return Err(NOT_FOR_WEBSOCKET),
            EventKind::RestToken => return Err(NOT_FOR_TOKEN),
            EventKind::RestRequest | EventKind::HttpApi1 => {
                self.context().and_then(|it| it.identity)
            }
            EventKind::HttpApi2 => self.context().and_then(|it| it.authentication),
        };
        let certificate = client.and_then(|client| client.client_cert);
        let pem = certificate.and_then(|it| it.client_cert_pem).ok_or(NO_CERTIFICATE)?;
        match self.event.identity_source {
            Some(source) if source_lacks(source, &pem) => Err(NOT_IN_IDENTITY_SOURCE),
            Some(_) | None => Ok(pem),
        }
    }

    fn context(&self) -> Option<Context<'a>> {
        object(self.event.request_context?.get())
    }
}

/// Returns whether the event tells the cache key, and the certificate is not in it. An empty list
/// tells that nothing is cached.
fn source_lacks(identity_source: &RawValue, pem: &str) -> bool {
    let mut known = false;
    let has_pem = strings(identity_source).any(|value| {
        known |= !value.is_empty();
        value.contains(pem.trim())
    });
    known && !has_pem
}

const NO_CERTIFICATE: Error = Error::WrongCertificate(
    "the token is bound to a client certificate, and the event has none; use the API's custom domain name with mutual TLS, and disable its default endpoint",
);
const NOT_FOR_WEBSOCKET: Error = Error::WrongCertificate(
    "the token is bound to a client certificate, and WebSocket APIs pass none to an authorizer",
);
const NOT_FOR_TOKEN: Error = Error::WrongCertificate(
    "the token is bound to a client certificate, and TOKEN events have none; use an authorizer of type REQUEST",
);
const NOT_IN_IDENTITY_SOURCE: Error = Error::WrongCertificate(
    "the token is bound to a client certificate, and the event's identitySource does not contain the certificate; remove all identity sources, and set the authorizer's cache time to 0",
);

#[cfg(test)]
mod tests;
