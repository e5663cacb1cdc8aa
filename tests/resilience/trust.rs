//! The issuer's certificate is signed by an authority that only a company knows.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local_gateway::issuer::Issuer;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;

use test_support::deployment::{Deployment, executable};
use test_support::gateway::Verdict;
use test_support::line::RemoteIssuer;

/// A certificate authority that nobody knows.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: rcgen::Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: rcgen::Issuer::new(params, key) }
    }

    /// Makes a server that proves to be `name`.
    pub(crate) fn acceptor(&self, name: &str) -> TlsAcceptor {
        self.acceptor_with(CertificateParams::new([name.to_owned()]).unwrap())
    }

    fn acceptor_with(&self, params: CertificateParams) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        acceptor_of(certificate, &key)
    }

    /// Writes what `AUTHORIZER_CA_FILE` takes.
    pub(crate) fn file(&self, name: &str) -> String {
        pem_file(&self.certificate, name)
    }
}

fn pem_file(certificate: &CertificateDer<'_>, name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let base64 = STANDARD.encode(certificate);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    fs::write(&path, pem).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Serves a certificate.
fn acceptor_of(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Starts the function, and asks once.
async fn ask(issuer: &RemoteIssuer, settings: &[(&str, &str)]) -> (Verdict, String) {
    let mut deployment = Deployment::trusting(&issuer.url(), settings).await;
    let verdict = deployment.ask_token(&issuer.token()).await.verdict;
    (verdict, deployment.refreshes[0].error.clone())
}

#[tokio::test]
async fn trusts_the_companys_authority_only_when_told_to() {
    let authority = Authority::new();
    let issuer = RemoteIssuer::secured(authority.acceptor("127.0.0.1")).await;
    let file = authority.file("trust.pem");
    let (verdict, error) = ask(&issuer, &[("AUTHORIZER_CA_FILE", &file)]).await;
    assert_eq!(verdict, Verdict::Allow, "{error}");

    let (verdict, error) = ask(&issuer, &[]).await;
    assert_eq!(verdict, Verdict::keys_unavailable());
    assert!(error.contains("no trusted certificate authority signed"), "{error}");
    assert!(error.contains("set AUTHORIZER_CA_FILE to its certificate"), "{error}");
}

#[tokio::test]
async fn does_not_take_a_trusted_certificate_for_another_name() {
    let authority = Authority::new();
    let issuer = RemoteIssuer::secured(authority.acceptor("issuer.example")).await;
    let file = authority.file("other-name.pem");
    let (verdict, error) = ask(&issuer, &[("AUTHORIZER_CA_FILE", &file)]).await;
    assert_eq!(verdict, Verdict::keys_unavailable());
    assert!(error.contains("is for another name"), "{error}");
    assert!(error.contains("issuer.example"), "the names that it is for: {error}");
}

#[tokio::test]
async fn does_not_take_a_trusted_certificate_that_has_expired() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let issuer = RemoteIssuer::secured(authority.acceptor_with(params)).await;
    let file = authority.file("expired.pem");
    let (verdict, error) = ask(&issuer, &[("AUTHORIZER_CA_FILE", &file)]).await;
    assert_eq!(verdict, Verdict::keys_unavailable());
    assert!(error.contains("the server's certificate has expired"), "{error}");
}

#[tokio::test]
async fn says_so_when_a_port_does_not_speak_tls() {
    let issuer = Issuer::start().await.unwrap();
    let url = issuer.url().replace("http://", "https://");
    let mut deployment = Deployment::trusting(&url, &[]).await;
    let mut claims = issuer.claims();
    claims["iss"] = url.into();
    let decision = deployment.ask_token(&issuer.token(&claims)).await;
    assert_eq!(decision.verdict, Verdict::keys_unavailable());
    let error = &deployment.refreshes[0].error;
    let said = "the server did not respond with TLS; check the port, which may use plain http";
    assert!(error.ends_with(said), "{error}");
}

/// A name in a certificate is the server's to choose, and so is a foreign text.
#[tokio::test]
async fn shows_the_names_of_a_certificate_on_one_line() {
    let authority = Authority::new();
    let name = "issuer.example\n2026-01-01T00:00:00Z ERROR forged";
    let issuer = RemoteIssuer::secured(authority.acceptor(name)).await;
    let file = authority.file("forged-name.pem");
    let (verdict, error) = ask(&issuer, &[("AUTHORIZER_CA_FILE", &file)]).await;
    assert_eq!(verdict, Verdict::keys_unavailable());
    assert!(!error.contains('\n'), "{error}");
    assert!(error.contains("ERROR forged"), "{error}");
}

/// Returns the status of a check, and what it says about the issuer.
async fn check(issuer: &RemoteIssuer, ca_file: Option<&str>) -> (Option<i32>, Value) {
    let url = issuer.url();
    let ca_file = ca_file.map(|file| ("AUTHORIZER_CA_FILE", file));
    let output = Command::new(executable())
        .args(["check", "--json"])
        .env_clear()
        .envs([("AUTHORIZER_ISSUER", &*url), ("AUTHORIZER_AUDIENCE", "x")])
        .envs(ca_file)
        .output()
        .await
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), report["issuers"][0].clone())
}

#[tokio::test]
async fn a_check_says_what_is_wrong_with_a_certificate_and_what_to_do() {
    let authority = Authority::new();
    let file = authority.file("check.pem");
    let mut expired = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let mut future = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    future.not_before = rcgen::date_time_ymd(4000, 1, 1);
    let key = KeyPair::generate().unwrap();
    let mut of_authority = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let self_signed = of_authority.self_signed(&key).unwrap().der().clone();
    let self_signed_file = pem_file(&self_signed, "check-self-signed.pem");

    let good = RemoteIssuer::secured(authority.acceptor("127.0.0.1")).await;
    let (status, report) = check(&good, Some(&file)).await;
    assert_eq!((status, &report["ok"]), (Some(0), &json!(true)), "{report:#}");
    for (acceptor, ca_file, error, hint) in [
        (authority.acceptor("127.0.0.1"), None, "no trusted", "Set AUTHORIZER_CA_FILE to a PEM"),
        (
            acceptor_of(self_signed, &key),
            Some(&*self_signed_file),
            "self-signed, and it is a certificate of an authority; give the server",
            "",
        ),
        (
            authority.acceptor("issuer.example"),
            Some(&*file),
            "is for another name",
            "Check the host in the URL",
        ),
        (
            authority.acceptor_with(expired),
            Some(&*file),
            "has expired",
            "The issuer must renew its certificate",
        ),
        (
            authority.acceptor_with(future),
            Some(&*file),
            "is not valid yet",
            "Check this machine's clock",
        ),
    ] {
        let issuer = RemoteIssuer::secured(acceptor).await;
        let (status, report) = check(&issuer, ca_file).await;
        let discovery = &report["discovery"];
        assert_eq!((status, &discovery["ok"]), (Some(1), &json!(false)), "{report:#}");
        assert!(discovery["error"].as_str().unwrap().contains(error), "{discovery:#}");
        assert!(discovery["hint"].as_str().unwrap_or_default().contains(hint), "{discovery:#}");
        assert_eq!(discovery["status"], Value::Null);
    }
}
