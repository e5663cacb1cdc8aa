//! What each measured process needs: an issuer over HTTPS and an event with a token of that issuer.

use std::path::Path;

use bench::fixture::{AUDIENCE, Fixture, Outcome, claims};
use bench::signature_check::SignatureCheck;
use bytes::Bytes;
use local_gateway::keys::SigningKey;
use serde_json::json;

use crate::https::{Authority, HttpsIssuer};
use crate::process::Program;

/// An issuer, and a WebSocket `$connect` event with a token of it.
pub(crate) struct ProcessFixture {
    /// The authority that signed the issuer's certificate.
    pub(crate) authority: Authority,
    /// The token's issuer.
    pub(crate) issuer: HttpsIssuer,
    /// The event.
    pub(crate) event: Bytes,
    /// The check of the token's signature.
    pub(crate) signature_check: SignatureCheck,
}

impl ProcessFixture {
    /// Starts the issuer, and signs the token.
    pub(crate) async fn new() -> Outcome<Self> {
        let authority = Authority::new()?;
        let key = SigningKey::generate("2026-11-signing-key-of-the-issuer")?;
        let key_set = json!({ "keys": [key.jwk()] }).to_string().into_bytes();
        let issuer = HttpsIssuer::start(&authority, key_set).await?;
        let mut claims = claims();
        claims["iss"] = issuer.url().into();
        let fixture = Fixture::signed(&key, &claims);
        let event = fixture.request().websocket_connect().to_string().into();
        Ok(Self { authority, issuer, event, signature_check: fixture.signature_check()? })
    }

    /// Returns the function with `AUTHORIZER_JWKS_URI` set.
    pub(crate) fn authorizer(&self, executable: &Path) -> Program {
        let mut program = self.discovering_authorizer(executable);
        program.environment.push(("AUTHORIZER_JWKS_URI", self.issuer.key_set_url().into()));
        program
    }

    /// Returns the function, which finds the key set by discovery.
    pub(crate) fn discovering_authorizer(&self, executable: &Path) -> Program {
        Program {
            executable: executable.to_owned(),
            arguments: Vec::new(),
            environment: vec![
                ("AUTHORIZER_ISSUER", self.issuer.url().into()),
                ("AUTHORIZER_AUDIENCE", AUDIENCE.into()),
                ("AUTHORIZER_CA_FILE", self.authority.file().into()),
            ],
        }
    }
}
