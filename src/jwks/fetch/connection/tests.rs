use std::future::pending;
use std::net::Ipv4Addr;
use std::time::Duration;

use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::OtherError;
use tokio::net::TcpListener;

use super::*;

/// How host names are resolved.
#[derive(Clone, Copy)]
enum Resolver {
    Fails,
    Hangs,
}

impl Resolve for Resolver {
    fn resolve(&self, _: Name) -> Resolving {
        match self {
            Self::Fails => Box::pin(async { Err::<Addrs, _>("no such host".into()) }),
            Self::Hangs => Box::pin(pending()),
        }
    }
}

/// Returns the fault and the message of a request that fails.
async fn failure(resolver: Resolver, url: &str) -> (ConnectionFault, String) {
    // The client needs one, even for plain HTTP. Another test may have installed it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::builder()
        .no_proxy()
        .dns_resolver(resolver)
        .connect_timeout(Duration::from_millis(10))
        .build()
        .unwrap();
    let error = client.get(url).send().await.unwrap_err();
    let error = connection_error(&url.parse().unwrap(), &error);
    let FetchError::Connection { fault, cause, .. } = error else { panic!("{error}") };
    (fault, cause.to_string())
}

#[tokio::test]
async fn distinguishes_why_there_is_no_connection() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let refused = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let unresolved = "http://issuer.example/";
    for (resolver, url, fault, cause) in [
        (
            Resolver::Fails,
            unresolved,
            ConnectionFault::Dns,
            "the host name cannot be resolved (no such host)",
        ),
        (
            Resolver::Hangs,
            unresolved,
            ConnectionFault::Timeout,
            "the connection was not set up in time; no route: is the function in a VPC without NAT?",
        ),
        (Resolver::Fails, &refused, ConnectionFault::Refused, "Connection refused (os error 111)"),
    ] {
        let (found, message) = failure(resolver, url).await;
        assert_eq!(found, fault, "{message}");
        // The number of the error is the operating system's.
        assert_eq!(message.split(" (os").next(), cause.split(" (os").next());
    }
}

/// TCP has no connections to a group of hosts. So no network is used.
#[tokio::test]
async fn names_the_likely_cause_of_an_unreachable_network() {
    let (fault, message) = failure(Resolver::Fails, "http://224.0.0.1/").await;
    assert_eq!(fault, ConnectionFault::NoRoute, "{message}");
    assert!(message.ends_with("; no route: is the function in a VPC without NAT?"), "{message}");
}

#[test]
fn distinguishes_what_is_wrong_with_a_certificate() {
    #[track_caller]
    fn check(error: CertificateError, fault: ConnectionFault, cause: &str) {
        let (found, message) = describe_tls_error(&rustls::Error::InvalidCertificate(error));
        assert_eq!(found, fault, "{message}");
        assert!(message.contains(cause), "{message}");
    }
    use CertificateError::{
        BadSignature, Expired, NotValidForName, NotValidYet, Other, UnknownIssuer,
    };
    check(UnknownIssuer, ConnectionFault::UntrustedCertificate, "set AUTHORIZER_CA_FILE");
    check(Expired, ConnectionFault::CertificateDates, "has expired");
    check(NotValidYet, ConnectionFault::CertificateDates, "is not valid yet");
    check(NotValidForName, ConnectionFault::CertificateName, "is for another name");
    check(BadSignature, ConnectionFault::Other, "");
    let other = Other(OtherError(std::sync::Arc::new(std::io::Error::other("something else"))));
    check(other, ConnectionFault::Other, "something else");
}
