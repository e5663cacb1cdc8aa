//! An issuer, an attacker, and the attempts that are made on the function.

use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use serde_json::{Value, json};

/// A token, what it tries, and the reason code that it meets.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) case: String,
    pub(super) token: String,
    pub(super) reason: &'static str,
}

pub(super) fn attempt(
    case: impl Into<String>,
    token: impl Into<String>,
    reason: &'static str,
) -> Attempt {
    Attempt { case: case.into(), token: token.into(), reason }
}

/// An issuer, and somebody who would like to be it.
pub(super) struct Parties {
    pub(super) issuer: Issuer,
    pub(super) attacker: Issuer,
}

impl Parties {
    pub(super) async fn meet() -> Self {
        let (issuer, attacker) = tokio::join!(Issuer::start(), Issuer::start());
        Self { issuer: issuer.unwrap(), attacker: attacker.unwrap() }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        self.issuer.claims().to_string().into_bytes()
    }

    /// The issuer's good header, some of it replaced.
    pub(super) fn header(&self, replaced: Value) -> Value {
        let mut header = self.issuer.key().header();
        header.as_object_mut().unwrap().extend(replaced.as_object().unwrap().clone());
        header
    }

    /// Signed by the issuer, under a header that is a little off.
    pub(super) fn under_header(&self, replaced: Value) -> String {
        self.issuer.sign(&self.header(replaced), &self.payload())
    }

    /// Signed by the issuer, under a header that need not be JSON.
    pub(super) fn under_raw_header(&self, header: impl AsRef<[u8]>) -> String {
        self.issuer.key().sign_bytes(header.as_ref(), &self.payload())
    }

    /// Signed by the issuer, whatever it is.
    pub(super) fn of_raw_payload(&self, payload: impl AsRef<[u8]>) -> String {
        self.issuer.sign(&self.header(json!({})), payload.as_ref())
    }

    /// Every attempt.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        [self.forged(), self.broken()].concat()
    }

    /// What must not have come of all of that.
    pub(super) fn check_fetches(&self) {
        assert_eq!(self.attacker.connections(), 0, "nothing in a token becomes a URL");
        let fetches = self.issuer.requests(KEY_SET_PATH);
        assert_eq!(fetches, 2, "one at the start and one for all the kids that are not known");
    }
}
