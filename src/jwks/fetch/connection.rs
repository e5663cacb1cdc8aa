//! Says in words why there is no connection, or why it broke.

use std::error::Error;
use std::io;
use std::iter::successors;

use rustls::{CertificateError, InvalidMessage};
use url::Url;

use super::super::source::{ConnectionFault, FetchError};
use crate::excerpt::Excerpt;

/// The most characters of a connection error that are shown: enough for the names in a server's
/// certificate.
const MAX_CAUSE_CHARS: usize = 512;

/// The usual mistake behind a connection that cannot be set up.
const NO_ROUTE: &str = "no route: is the function in a VPC without NAT?";

/// Describes a connection error by its innermost cause. The outer errors only say that a request
/// failed.
pub(super) fn connection_error(url: &Url, error: &reqwest::Error) -> FetchError {
    let causes = || successors(Some(error as &(dyn Error + 'static)), |error| cause_of(*error));
    let tls = causes().find_map(|error| error.downcast_ref::<rustls::Error>());
    let innermost = || causes().last().map(ToString::to_string).unwrap_or_default();
    let (fault, cause) = match tls {
        Some(error) => describe_tls_error(error),
        None if error.is_timeout() => {
            (ConnectionFault::Timeout, format!("the connection was not set up in time; {NO_ROUTE}"))
        }
        None if causes().any(is_unreachable) => {
            (ConnectionFault::NoRoute, format!("{}; {NO_ROUTE}", innermost()))
        }
        None if causes().any(is_dns_error) => {
            (ConnectionFault::Dns, format!("the host name cannot be resolved ({})", innermost()))
        }
        None if causes().any(is_refusal) => (ConnectionFault::Refused, innermost()),
        None => (ConnectionFault::Other, innermost()),
    };
    let cause = Excerpt::of(&cause, MAX_CAUSE_CHARS);
    FetchError::Connection { url: url.to_string(), fault, cause }
}

fn cause_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    // `source` of an I/O error skips the error that it wraps.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn is_dns_error(error: &(dyn Error + 'static)) -> bool {
    // The HTTP client's type for it is private.
    error.to_string() == "dns error"
}

fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::ConnectionRefused)
}

fn is_unreachable(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable))
}

/// Says what is wrong with a TLS connection and what to do, for the frequent errors.
fn describe_tls_error(error: &rustls::Error) -> (ConnectionFault, String) {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, Other, UnknownIssuer,
    };
    if matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) {
        let cause = "the server did not respond with TLS; check the port, which may use plain http";
        return (ConnectionFault::Other, cause.to_owned());
    }
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return (ConnectionFault::Other, error.to_string());
    };
    if matches!(certificate, UnknownIssuer) {
        let cause = "no trusted certificate authority signed the server's certificate; if a private authority did, set AUTHORIZER_CA_FILE to its certificate";
        (ConnectionFault::UntrustedCertificate, cause.to_owned())
    } else if matches!(certificate, Expired | ExpiredContext { .. }) {
        let cause = format!("the server's certificate has expired ({error})");
        (ConnectionFault::CertificateDates, cause)
    } else if matches!(certificate, NotValidYet | NotValidYetContext { .. }) {
        let cause = format!("the server's certificate is not valid yet ({error})");
        (ConnectionFault::CertificateDates, cause)
    } else if matches!(certificate, NotValidForName | NotValidForNameContext { .. }) {
        let cause = format!("the server's certificate is for another name ({error})");
        (ConnectionFault::CertificateName, cause)
    } else if matches!(certificate, Other(_)) && error.to_string().contains("CaUsedAsEndEntity") {
        let cause = "the server's certificate is self-signed, and it is a certificate of an authority; give the server a certificate that the authority signed";
        (ConnectionFault::Other, cause.to_owned())
    } else {
        (ConnectionFault::Other, error.to_string())
    }
}

#[cfg(test)]
mod tests;
