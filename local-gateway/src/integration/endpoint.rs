//! A URL that answers events, as Lambda's Invoke API does.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Uri, client};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{IntegrationError, MAX_RESPONSE_BYTES, NotAnIntegration};

/// With this header, Lambda says that the function failed; the status is 200 nevertheless.
///
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// Where events are sent.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: String,
    /// The host and the port.
    address: String,
    host: HeaderValue,
    /// The path and the query string.
    target: Uri,
}

impl Endpoint {
    /// Reads a URL whose scheme is `http`.
    pub(super) fn parse(url: &str) -> Result<Self, NotAnIntegration> {
        let not_a_url = || NotAnIntegration::NotAUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| not_a_url())?;
        let authority = uri.authority().ok_or_else(not_a_url)?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(80),
            Some(_) => authority.port_u16(),
            // There is a user name, which nothing would send.
            None => None,
        };
        let port = port.filter(|_| !authority.host().is_empty()).ok_or_else(not_a_url)?;
        let address = format!("{}:{port}", authority.host());
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| not_a_url())?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = target.parse().map_err(|_| not_a_url())?;
        Ok(Self { url: url.to_owned(), address, host, target })
    }

    /// Posts the event, and returns the body of the response.
    pub(super) async fn post(&self, event: Bytes) -> Result<Bytes, IntegrationError> {
        let stream =
            TcpStream::connect(&self.address).await.map_err(|error| self.no_answer(&error))?;
        let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.no_answer(&error))?;
        let connection = tokio::spawn(connection);
        let mut request = Request::post(self.target.clone())
            .body(Full::new(event))
            .map_err(|error| self.no_answer(&error))?;
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response =
            sender.send_request(request).await.map_err(|error| self.no_answer(&error))?;
        let status = response.status();
        let failed = response.headers().contains_key(FUNCTION_ERROR);
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
        connection.abort();
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                IntegrationError::TooLarge
            } else {
                self.no_answer(error.as_ref())
            }
        })?;
        let body = body.to_bytes();
        if !status.is_success() {
            return Err(IntegrationError::Status { url: self.url.clone(), status });
        }
        if failed {
            return Err(IntegrationError::Function(String::from_utf8_lossy(&body).into_owned()));
        }
        Ok(body)
    }

    /// Describes an error with its causes, because the library's own words say little.
    fn no_answer(&self, error: &(dyn std::error::Error + 'static)) -> IntegrationError {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let reason = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        IntegrationError::NoAnswer { url: self.url.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_parts_of_a_url() {
        for (url, address, host, target) in [
            ("http://127.0.0.1:3000/a/b?c=d", "127.0.0.1:3000", "127.0.0.1:3000", "/a/b?c=d"),
            ("http://localhost", "localhost:80", "localhost", "/"),
            ("http://[::1]:9/", "[::1]:9", "[::1]:9", "/"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.address, address);
            assert_eq!(endpoint.host, host);
            assert_eq!(endpoint.target.to_string(), target);
        }
    }

    #[test]
    fn refuses_what_is_not_a_url() {
        for url in [
            "http://",
            "http://:3000/",
            "http://a:b@127.0.0.1/",
            "http://127.0.0.1:x/",
            "http://127.0.0.1:65536/",
            "http://127.0.0.1/a b",
        ] {
            let error = Endpoint::parse(url).unwrap_err();
            assert_eq!(error, NotAnIntegration::NotAUrl(url.to_owned()));
        }
    }
}
