//! Tokens that are bound to the client's certificate
//! ([RFC 8705 §3](https://www.rfc-editor.org/rfc/rfc8705#section-3)).
//!
//! A thief cannot use such a token, because the TLS handshake proves that the client has the
//! certificate's private key. Here, its fingerprint is compared. Not here: where the certificate is in
//! an event (`gateway`), and whom it is issued by, which API Gateway's truststore decides.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::base64url;
use crate::error::Error;
use crate::excerpt::Excerpt;
use crate::hints;
use crate::json::Text;

/// What an issuer's tokens must be bound to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenBinding {
    /// To what their `cnf` says. A token without one is a bearer token.
    #[default]
    AsIssued,
    /// To the client's certificate.
    MutualTls,
}

/// The `cnf` claim ([RFC 7800 §3.1](https://www.rfc-editor.org/rfc/rfc7800#section-3.1)).
pub(crate) enum Confirmation<'a> {
    /// `x5t#S256`: the SHA-256 fingerprint of the client's certificate.
    Certificate([u8; SHA256_OUTPUT_LEN]),
    /// Something that this function cannot check, for example a DPoP key (`jkt`). Holds the name of
    /// the first such member. It may come together with a certificate.
    Other(Text<'a>),
}

/// The member of `cnf` with a certificate's fingerprint.
const CERTIFICATE_MEMBER: &str = "x5t#S256";

impl<'de: 'a, 'a> Deserialize<'de> for Confirmation<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConfirmationVisitor;

        impl<'de> Visitor<'de> for ConfirmationVisitor {
            type Value = Confirmation<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a confirmation method")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut certificate, mut other) = (None, None);
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    if &*name == CERTIFICATE_MEMBER {
                        let repeated =
                            certificate.replace(fingerprint(&map.next_value::<Text<'_>>()?));
                        if repeated.is_some() {
                            return Err(A::Error::duplicate_field(CERTIFICATE_MEMBER));
                        }
                    } else {
                        map.next_value::<IgnoredAny>()?;
                        other.get_or_insert(name);
                    }
                }
                match (certificate, other) {
                    (Some(None), _) => Err(A::Error::custom("x5t#S256 is not a SHA-256 value")),
                    (_, Some(name)) => Ok(Confirmation::Other(name)),
                    (Some(Some(fingerprint)), None) => Ok(Confirmation::Certificate(fingerprint)),
                    (None, None) => Err(A::Error::custom("cnf is empty")),
                }
            }
        }

        deserializer.deserialize_map(ConfirmationVisitor)
    }
}

/// Decodes a fingerprint: 43 characters of base64url.
fn fingerprint(text: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    base64url::decode(text)?.try_into().ok()
}

/// Checks that the client has what a token is bound to. `certificate` returns the client's
/// certificate as PEM. It is called only if the token is bound to one.
///
/// # Errors
///
/// [`Error::WrongCertificate`] or [`Error::UnsupportedBinding`], [`Error::MissingClaim`] if a token
/// that must be bound is not, and what `certificate` returns.
pub(super) fn check_binding<'c>(
    cnf: Option<&Confirmation<'_>>,
    binding: TokenBinding,
    certificate: impl FnOnce() -> Result<Text<'c>, Error>,
) -> Result<(), Error> {
    match (cnf, binding) {
        (None, TokenBinding::AsIssued) => Ok(()),
        (None, TokenBinding::MutualTls) => {
            Err(Error::MissingClaim { claim: "cnf".to_owned(), hint: Some(hints::not_bound()) })
        }
        (Some(Confirmation::Other(name)), _) => {
            Err(Error::UnsupportedBinding(Excerpt::from(&**name)))
        }
        (Some(Confirmation::Certificate(bound)), _) => {
            let der = CertificateDer::from_pem_slice(certificate()?.as_bytes())
                .map_err(|_| UNREADABLE_CERTIFICATE)?;
            let presented = digest(&SHA256, &der);
            // Who may guess is whom the API's truststore trusts, but a comparison in constant time
            // costs nothing.
            verify_slices_are_equal(bound, presented.as_ref()).map_err(|_| OTHER_CERTIFICATE)
        }
    }
}

const OTHER_CERTIFICATE: Error = Error::WrongCertificate(
    "the client's certificate is not the one that the token is bound to (cnf, x5t#S256)",
);
const UNREADABLE_CERTIFICATE: Error = Error::WrongCertificate(
    "the token is bound to a client certificate, and the event's clientCertPem is not a PEM certificate",
);

#[cfg(test)]
mod tests;
