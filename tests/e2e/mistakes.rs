//! Mistakes that people make, each with the words that the log has for it.
//!
//! Each table has the settings, a request that is let in, and requests with one mistake each. The
//! words are part of one [`Hint`], with which the log line ends. Together, the tables produce every
//! hint.

mod claims;
mod providers;
mod requests;

use std::collections::BTreeSet;

use jwks_authorizer::Hint;
use local_gateway::issuer::{Issuer, now_seconds};
use serde_json::{Value, json};

use crate::tokens::connect;
use claims::{one_issuer, scopes, types};
use providers::{cognito, entra, other_providers};
use requests::{events, texts};
use test_support::deployment::Deployment;
use test_support::gateway::Refused;

/// A request with a mistake, how it is refused, and some of the words for the mistake.
type Mistake = (&'static str, Value, Refused, &'static str);

/// The mistakes that can be made with some settings.
struct Table {
    settings: Vec<(&'static str, String)>,
    accepted: Value,
    mistakes: Vec<Mistake>,
}

impl Table {
    /// Checks each mistake, and returns the hints that the log had.
    async fn check(self) -> BTreeSet<&'static str> {
        let settings = self.settings.iter().map(|(name, value)| (*name, value.as_str()));
        let mut deployment = Deployment::start(&settings.collect::<Vec<_>>()).await;
        let accepted = deployment.ask(&self.accepted).await;
        assert!(accepted.is_ok(), "{:?}: {accepted:?}", self.settings);
        let mut logged = BTreeSet::new();
        for (mistake, event, refused, words) in self.mistakes {
            let (outcome, line) = deployment.ask_for_more(&event).await;
            assert_eq!(outcome, Err(refused), "{mistake}");
            let hints: Vec<_> =
                Hint::ALL.iter().filter(|hint| hint.as_str().contains(words)).collect();
            let [hint] = hints[..] else { panic!("{words:?} is in {} hints", hints.len()) };
            let message = line["message"].as_str().unwrap();
            assert!(message.ends_with(&format!("; {hint}")), "{mistake}: {message}");
            logged.insert(hint.as_str());
        }
        logged
    }
}

/// An issuer with a provider's name. Its keys are on this machine.
struct Provider<'i> {
    keys: &'i Issuer,
    issuer: &'static str,
    claims: Value,
}

impl<'i> Provider<'i> {
    /// Takes the `iss` and the other claims of an accepted token.
    fn new(keys: &'i Issuer, issuer: &'static str, claims: Value) -> Self {
        let mut provider = Self { keys, issuer, claims: json!({}) };
        let now = now_seconds();
        provider.claims = provider.changed(json!({
            "iss": issuer, "sub": "alice", "iat": now, "exp": now + 600,
        }));
        provider.claims = provider.changed(claims);
        provider
    }

    /// The claims with some of them replaced, or removed where the new value is null.
    fn changed(&self, changes: Value) -> Value {
        let mut claims = self.claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            let claims = claims.as_object_mut().unwrap();
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        claims
    }

    fn token(&self, changes: Value) -> String {
        self.keys.token(&self.changed(changes))
    }

    fn event(&self, changes: Value) -> Value {
        connect(&self.token(changes))
    }

    fn event_with_header(&self, header: Value, changes: Value) -> Value {
        let mut whole = self.keys.key().header();
        whole.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        connect(&self.keys.sign(&whole, self.changed(changes).to_string().as_bytes()))
    }

    fn table(&self, settings: &[(&'static str, &str)], mistakes: Vec<Mistake>) -> Table {
        let own = [
            ("AUTHORIZER_ISSUER", self.issuer.to_owned()),
            ("AUTHORIZER_JWKS_URI", self.keys.key_set_url()),
        ];
        let further = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Table {
            settings: own.into_iter().chain(further).collect(),
            accepted: self.event(json!({})),
            mistakes,
        }
    }
}

#[tokio::test]
async fn the_log_names_every_usual_mistake() {
    let keys = Issuer::start().await.unwrap();
    let mut logged = BTreeSet::new();
    let single = [events(&keys), texts(&keys), one_issuer(&keys)];
    let several =
        [entra(&keys), cognito(&keys), types(&keys), other_providers(&keys), scopes(&keys)];
    for table in single.into_iter().chain(several.into_iter().flatten()) {
        logged.extend(table.check().await);
    }
    assert_eq!(logged, Hint::ALL.iter().map(|hint| hint.as_str()).collect());
}
