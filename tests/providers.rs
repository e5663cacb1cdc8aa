//! The recipes of `docs/providers.md`, run: each lets in the token that stands
//! beside it, and refuses it with anything changed that its settings speak of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use jwks_authorizer::jwks::{Content, FetchError, Fetched, KeyRequest, KeySet, KeySource};
use jwks_authorizer::{Authorizer, Config, Invocation};
use local_gateway::keys::SigningKey;
use local_gateway::request::Request;
use serde_json::{Value, json};

use test_support::markdown::{blocks, read, settings};

/// What every provider of this test signs with: making RSA keys takes a while.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("any").unwrap());
/// What nobody has published.
static FORGER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("any").unwrap());

/// One provider's settings and a token of its making.
struct Recipe {
    title: String,
    text: String,
    settings: BTreeMap<String, String>,
    token: Token,
}

#[derive(Clone)]
struct Token {
    header: Value,
    claims: Value,
}

fn recipes() -> Vec<Recipe> {
    let page = read("docs/providers.md");
    let mut recipes = Vec::new();
    for section in page.sections().into_iter().filter(|section| section.level == 2) {
        let env = blocks(section.text, "env");
        let json = blocks(section.text, "json");
        let ([env], [header, claims]) = (env.as_slice(), json.as_slice()) else {
            panic!("{} is not one block of settings, a header and claims", section.title)
        };
        recipes.push(Recipe {
            title: section.title.to_owned(),
            text: section.text.to_owned(),
            settings: settings(env).into_iter().collect(),
            token: Token {
                header: serde_json::from_str(header).unwrap(),
                claims: serde_json::from_str(claims).unwrap(),
            },
        });
    }
    recipes
}

fn recipe(title: &str) -> Recipe {
    let found = recipes().into_iter().find(|recipe| recipe.title == title);
    found.unwrap_or_else(|| panic!("there is no recipe {title:?}"))
}

/// Publishes [`KEY`] under the `kid` that the recipe's token has.
struct Issuer {
    kid: Value,
    jwks_uri: Option<String>,
}

impl KeySource for Issuer {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let configured = request.origin.jwks_uri.as_ref();
        assert_eq!(configured.map(|uri| uri.as_str()), self.jwks_uri.as_deref());
        let mut jwk = KEY.jwk();
        jwk["kid"] = self.kid.clone();
        let set = json!({ "keys": [jwk] }).to_string();
        let (keys, skipped) = KeySet::parse(set.as_bytes(), &request.origin.algorithms).unwrap();
        let uri = configured.unwrap_or(&request.origin.discovery_uri).clone();
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}

impl Recipe {
    /// Judges a token a minute after the recipe's own was issued: the context
    /// where it is let in, the reason where it is not.
    async fn judge(&self, token: &str) -> Result<Value, String> {
        let mut settings = self.settings.clone();
        // A 401 has its reason in the log only, a Deny in its context.
        settings.insert("AUTHORIZER_UNAUTHENTICATED_RESPONSE".to_owned(), "deny".to_owned());
        let config = Config::from_variables(settings).unwrap();
        let issuer = Issuer {
            kid: self.token.header["kid"].clone(),
            jwks_uri: self.settings.get("AUTHORIZER_JWKS_URI").cloned(),
        };
        let issued_at = self.token.claims["iat"].as_u64().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(issued_at + 60);
        let authorizer =
            Authorizer::with_source(config, issuer, Arc::new(move || now)).await.unwrap();

        let event = Request::handshake().bearer(token).websocket_connect().to_string();
        let deadline = now + Duration::from_secs(10);
        let invocation = Invocation { request_id: "test", trace_id: None, deadline };
        let answer = authorizer.authorize(&event, invocation).await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error:?}", self.title));
        let answer: Value = serde_json::from_str(answer.as_json()).unwrap();
        match answer["policyDocument"]["Statement"][0]["Effect"].as_str() {
            Some("Allow") => Ok(answer["context"].clone()),
            _ => Err(answer["context"]["reason"].as_str().unwrap().to_owned()),
        }
    }

    #[track_caller]
    fn assert_names(&self, reason: &str) {
        let link = format!("(errors.md#{reason})");
        assert!(self.text.contains(&link), "{} does not tell of {reason}", self.title);
    }

    #[track_caller]
    fn setting_as_json(&self, name: &str) -> Value {
        serde_json::from_str(&self.settings[name]).unwrap()
    }

    /// Makes, for everything that the settings speak of, the token that is wrong
    /// in just that, and the reason for which it must be refused.
    fn wrong_twins(&self) -> Vec<(Token, &'static str)> {
        let mut twins = Vec::new();
        let mut twin = |reason, change: &dyn Fn(&mut Token)| {
            let mut token = self.token.clone();
            change(&mut token);
            twins.push((token, reason));
        };
        twin("expired", &|token| token.claims["exp"] = token.claims["iat"].clone());
        for (name, value) in &self.settings {
            match name.strip_prefix("AUTHORIZER_").unwrap() {
                "ISSUER" => twin("unknown_issuer", &|token| {
                    let other = match value.strip_suffix('/') {
                        Some(without_slash) => without_slash.to_owned(),
                        None => format!("{value}/"),
                    };
                    token.claims["iss"] = other.into();
                }),
                "AUDIENCE" if value == "*" => {}
                "AUDIENCE" => {
                    twin("wrong_audience", &|token| token.claims["aud"] = "another".into());
                    twin("missing_claim", &|token| remove(&mut token.claims, "aud"));
                }
                "CLIENT_IDS" => {
                    twin("wrong_client", &|token| {
                        for claim in ["client_id", "azp"] {
                            if let Some(client) = token.claims.get_mut(claim) {
                                *client = "another".into();
                            }
                        }
                    });
                }
                "TOKEN_TYPES" => {
                    twin("wrong_token_type", &|token| token.header["typ"] = "JWT".into())
                }
                "TOKEN_USE" => twin("wrong_token_use", &|token| {
                    token.claims["token_use"] = if value == "id" { "access" } else { "id" }.into();
                }),
                "REQUIRED_SCOPES" => twin("insufficient_scope", &|token| {
                    for claim in ["scope", "scp"] {
                        if token.claims.get(claim).is_some() {
                            token.claims[claim] = "openid".into();
                        }
                    }
                }),
                "REQUIRED_CLAIMS" => {
                    for claim in self.setting_as_json(name).as_object().unwrap().keys() {
                        twin("claim_mismatch", &|token| token.claims[claim] = "another".into());
                        twin("missing_claim", &|token| remove(&mut token.claims, claim));
                    }
                }
                // No restriction.
                "JWKS_URI" | "CONTEXT_CLAIMS" => {}
                other => panic!("{}: which token does {other} refuse?", self.title),
            }
        }
        twins
    }
}

impl Token {
    fn signed_by(&self, key: &SigningKey) -> String {
        key.sign(&self.header, self.claims.to_string().as_bytes())
    }
}

fn remove(claims: &mut Value, claim: &str) {
    claims.as_object_mut().unwrap().remove(claim);
}

#[tokio::test]
async fn each_recipe_lets_in_the_token_beside_it() {
    for recipe in recipes() {
        let context = recipe.judge(&recipe.token.signed_by(&KEY)).await;
        let context = context.unwrap_or_else(|reason| panic!("{}: {reason}", recipe.title));
        let added = recipe.settings.get("AUTHORIZER_CONTEXT_CLAIMS");
        for claim in added.into_iter().flat_map(|claims| claims.split(',')) {
            let name = claim.split('=').next().unwrap();
            assert!(context.get(name).is_some(), "{}: {name} in {context}", recipe.title);
        }
    }
}

#[tokio::test]
async fn each_recipe_refuses_a_token_that_is_wrong_in_one_thing() {
    for recipe in recipes() {
        let forged = recipe.judge(&recipe.token.signed_by(&FORGER)).await;
        assert_eq!(forged.unwrap_err(), "invalid_signature", "{}", recipe.title);
        for (token, reason) in recipe.wrong_twins() {
            let refused = recipe.judge(&token.signed_by(&KEY)).await;
            assert_eq!(refused.unwrap_err(), reason, "{}: {}", recipe.title, token.claims);
        }
    }
}

/// What a client sends by mistake.
enum Sent {
    Opaque(&'static str),
    Claims(Value),
}

/// Returns a recipe's claims with some changed, or taken out where they are null.
fn claims_of(title: &str, changes: Value) -> Sent {
    let mut claims = recipe(title).token.claims;
    for (claim, value) in changes.as_object().unwrap() {
        if value.is_null() {
            remove(&mut claims, claim);
        } else {
            claims[claim] = value.clone();
        }
    }
    Sent::Claims(claims)
}

/// What goes wrong in practice is refused for the reason that the page names.
#[tokio::test]
async fn each_slip_has_the_reason_that_the_page_names() {
    let (access, id) = ("Cognito, access tokens", "Cognito, ID tokens");
    let (v2, v1) = ("Entra ID, v2.0 tokens", "Entra ID, v1.0 tokens");
    let slips = [
        ("Auth0", "opaque", Sent::Opaque("EuP7xq0cVkXWgAqz5dWnHj3mJ9Q"), "malformed_token"),
        (
            "Auth0",
            "an ID token",
            claims_of("Auth0", json!({"aud": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "azp": null})),
            "wrong_audience",
        ),
        (access, "an ID token", claims_of(id, json!({})), "missing_claim"),
        (id, "an access token", claims_of(access, json!({})), "missing_claim"),
        (
            "Okta",
            "the organization's own",
            claims_of("Okta", json!({"iss": "https://example.okta.com"})),
            "unknown_issuer",
        ),
        (
            "Okta",
            "an ID token",
            claims_of("Okta", json!({"aud": "0oa5g7h9k2LmNpQrS5d7", "cid": null, "scp": null})),
            "wrong_audience",
        ),
        (v2, "a v1.0 token", claims_of(v1, json!({})), "unknown_issuer"),
        (v1, "a v2.0 token", claims_of(v2, json!({})), "unknown_issuer"),
        (
            v2,
            "for Graph",
            claims_of(v2, json!({"aud": "00000003-0000-0000-c000-000000000000"})),
            "wrong_audience",
        ),
        (
            v2,
            "an app's",
            claims_of(v2, json!({"scp": null, "roles": ["Chat.Connect.All"]})),
            "insufficient_scope",
        ),
        (
            "Keycloak",
            "no mapper",
            claims_of("Keycloak", json!({"aud": "account"})),
            "wrong_audience",
        ),
        ("Keycloak", "no audience", claims_of("Keycloak", json!({"aud": null})), "missing_claim"),
        ("Google", "opaque", Sent::Opaque("ya29.a0AfB5byC1x2y3z4"), "malformed_token"),
        ("Google", "anyone's", claims_of("Google", json!({"hd": null})), "missing_claim"),
        (
            "Google",
            "the other form of the issuer",
            claims_of("Google", json!({"iss": "accounts.google.com"})),
            "unknown_issuer",
        ),
    ];
    for (title, slip, sent, reason) in slips {
        let recipe = recipe(title);
        let token = match sent {
            Sent::Opaque(token) => token.to_owned(),
            Sent::Claims(claims) => Token { claims, ..recipe.token.clone() }.signed_by(&KEY),
        };
        let refused = recipe.judge(&token).await;
        assert_eq!(refused.unwrap_err(), reason, "{title}: {slip}");
        recipe.assert_names(reason);
    }
}

/// The page says of some settings that they would not do.
#[tokio::test]
async fn settings_that_the_page_warns_of_refuse_each_token() {
    for (title, name, value, reason) in [
        ("Auth0", "AUTHORIZER_ISSUER", "https://example.eu.auth0.com", "unknown_issuer"),
        ("Cognito, access tokens", "AUTHORIZER_AUDIENCE", "chat", "missing_claim"),
        ("Okta", "AUTHORIZER_CLIENT_IDS", "0oa5g7h9k2LmNpQrS5d7", "missing_claim"),
        ("Okta", "AUTHORIZER_TOKEN_TYPES", "at+jwt", "wrong_token_type"),
        (
            "Entra ID, v1.0 tokens",
            "AUTHORIZER_CLIENT_IDS",
            "d1e2f3a4-b5c6-4d7e-8f90-1a2b3c4d5e6f",
            "missing_claim",
        ),
    ] {
        let mut recipe = recipe(title);
        recipe.settings.insert(name.to_owned(), value.to_owned());
        let refused = recipe.judge(&recipe.token.signed_by(&KEY)).await;
        assert_eq!(refused.unwrap_err(), reason, "{title} with {name}={value}");
        recipe.assert_names(reason);
    }
}
