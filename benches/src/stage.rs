//! What every process is measured in: an issuer over HTTPS, an event with its token, the yardstick.

use std::ffi::OsString;
use std::path::Path;

use bench::scene::{AUDIENCE, Outcome, Scene, claims};
use bench::yardstick::Yardstick;
use bytes::Bytes;
use local_gateway::keys::SigningKey;
use serde_json::json;

use crate::https::{Authority, HttpsIssuer};
use crate::process::Program;

/// An issuer, and a WebSocket's `$connect` event with a token of it.
pub(crate) struct Stage {
    /// Who vouches for the issuer.
    pub(crate) authority: Authority,
    /// Who signed the token.
    pub(crate) issuer: HttpsIssuer,
    /// The event.
    pub(crate) event: Bytes,
    /// The bare check of the token.
    pub(crate) yardstick: Yardstick,
}

impl Stage {
    /// Makes all of it.
    pub(crate) async fn new() -> Outcome<Self> {
        let authority = Authority::new()?;
        let key = SigningKey::generate("2026-11-signing-key-of-the-issuer")?;
        let key_set = json!({ "keys": [key.jwk()] }).to_string().into_bytes();
        let issuer = HttpsIssuer::start(&authority, key_set).await?;
        let mut claims = claims();
        claims["iss"] = issuer.url().into();
        let scene = Scene::signed(&key, &claims);
        let event = scene.request().websocket_connect().to_string().into();
        Ok(Self { authority, issuer, event, yardstick: scene.yardstick()? })
    }

    /// The function, told where the issuer's key set is.
    pub(crate) fn authorizer(&self, executable: &Path) -> Program {
        let mut program = self.discovering_authorizer(executable);
        program.environment.push(("AUTHORIZER_JWKS_URI", self.issuer.key_set_url().into()));
        program
    }

    /// The function, which discovers where the key set is.
    pub(crate) fn discovering_authorizer(&self, executable: &Path) -> Program {
        self.authorizer_for(
            executable,
            vec![
                ("AUTHORIZER_ISSUER", self.issuer.url().into()),
                ("AUTHORIZER_AUDIENCE", AUDIENCE.into()),
            ],
        )
    }

    /// The function with such issuers.
    pub(crate) fn authorizer_for(
        &self,
        executable: &Path,
        mut issuers: Vec<(&'static str, OsString)>,
    ) -> Program {
        issuers.push(("AUTHORIZER_CA_FILE", self.authority.file().into()));
        Program { executable: executable.to_owned(), arguments: Vec::new(), environment: issuers }
    }
}
