//! Runs the recipes of `docs/providers.md`. Each accepts the token beside it, and refuses that token
//! with one thing changed that its settings check.
//!
//! Most tests call the library, because a test then sets the clock and the key source. One test runs
//! the executable, which can be that of another architecture.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod key_sets;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwks_authorizer::jwks::{
    Content, FetchError, Fetched, KeyLocation, KeyRequest, KeySet, KeySource,
};
use jwks_authorizer::{Authorizer, Config, Invocation};
use local_gateway::request::Request;
use serde_json::{Value, json};

use test_support::deployment::Deployment;
use test_support::gateway::Verdict;
use test_support::markdown::{blocks, read, settings};

/// The keys that every provider of this test publishes. To make RSA keys takes a while.
static ISSUER: LazyLock<Keys> = LazyLock::new(Keys::generate);
/// Keys that no provider publishes.
static FORGER: LazyLock<Keys> = LazyLock::new(Keys::generate);

/// A key for each type of algorithm in the recipes.
struct Keys {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
}

impl Keys {
    fn generate() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    /// Returns the public key for the algorithm in a token's header, with the header's `kid`.
    fn jwk(&self, header: &Value) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = if header["alg"] == "ES256" {
            // An uncompressed point: one byte, then the two coordinates.
            let (x, y) = self.p256.public_key().as_ref()[1..].split_at(32);
            json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
        } else {
            let key = self.rsa.public_key();
            let n = key.modulus().big_endian_without_leading_zero();
            let e = key.exponent().big_endian_without_leading_zero();
            json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
        };
        jwk["alg"] = header["alg"].clone();
        jwk["kid"] = header["kid"].clone();
        jwk
    }

    /// Signs a token with the algorithm in its header.
    fn sign(&self, token: &Token) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let input = format!("{}.{}", part(&token.header), part(&token.claims));
        let (random, bytes) = (SystemRandom::new(), input.as_bytes());
        let signature = match token.header["alg"].as_str().unwrap() {
            "ES256" => self.p256.sign(&random, bytes).unwrap().as_ref().to_vec(),
            name => {
                let rsa = if name == "RS512" { &RSA_PKCS1_SHA512 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(rsa, &random, bytes, &mut signature).unwrap();
                signature
            }
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A provider's settings, and a token that they accept.
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

impl Token {
    /// Returns the token with its times moved, so that it was issued 30 s ago.
    fn issued_now(&self) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let later = now - 30 - self.claims["iat"].as_u64().unwrap();
        let mut token = self.clone();
        for claim in ["iat", "nbf", "exp"] {
            if let Some(time) = token.claims.get_mut(claim) {
                *time = (time.as_u64().unwrap() + later).into();
            }
        }
        token
    }
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

/// Publishes a key set.
struct Issuer {
    jwks_uri: Option<String>,
    key_set: Value,
}

impl KeySource for Issuer {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let origin = request.origin;
        let configured = match &origin.location {
            KeyLocation::Uri(uri) => Some(uri.as_str()),
            KeyLocation::Discovery(_) => None,
        };
        assert_eq!(configured, self.jwks_uri.as_deref());
        let set = self.key_set.to_string();
        let (keys, skipped) =
            KeySet::parse(set.as_bytes(), &origin.issuer, &origin.algorithms).unwrap();
        let uri = origin.location.first_uri().clone();
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}

impl Recipe {
    /// Asks about a token 30 s after the recipe's own was issued. Returns the context if it is
    /// accepted, and the reason if it is not. The key set is the key that the header of the recipe's
    /// token asks for.
    async fn judge(&self, token: &str) -> Result<Value, String> {
        self.judge_by_keys(json!({ "keys": [ISSUER.jwk(&self.token.header)] }), token).await
    }

    /// Does the same with a key that names its issuer.
    async fn judge_by_key_of(&self, issuer: &str, token: &str) -> Result<Value, String> {
        let mut jwk = ISSUER.jwk(&self.token.header);
        jwk["issuer"] = issuer.into();
        self.judge_by_keys(json!({ "keys": [jwk] }), token).await
    }

    /// Does the same with any key set.
    async fn judge_by_keys(&self, key_set: Value, token: &str) -> Result<Value, String> {
        let mut settings = self.settings.clone();
        // A 401 has its reason in the log only, a Deny in its context.
        settings.insert("AUTHORIZER_UNAUTHENTICATED_RESPONSE".to_owned(), "deny".to_owned());
        let config = Config::from_variables(settings).unwrap();
        let jwks_uri = self.settings.get("AUTHORIZER_JWKS_URI").cloned();
        let issuer = Issuer { jwks_uri, key_set };
        let issued_at = self.token.claims["iat"].as_u64().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(issued_at + 30);
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

    /// Returns the settings with a key set file for each issuer, so that the function fetches nothing.
    fn settings_with_keys_in(&self, file: &Path) -> BTreeMap<String, String> {
        let mut settings = self.settings.clone();
        let path = file.to_str().unwrap();
        if let Some(list) = settings.get_mut("AUTHORIZER_ISSUERS") {
            let mut issuers: Value = serde_json::from_str(list).unwrap();
            for issuer in issuers.as_array_mut().unwrap() {
                issuer["jwks_file"] = path.into();
            }
            *list = issuers.to_string();
        } else {
            settings.insert("AUTHORIZER_JWKS_FILE".to_owned(), path.to_owned());
        }
        settings
    }

    #[track_caller]
    fn assert_names(&self, reason: &str) {
        let link = format!("(errors.md#{reason})");
        assert!(self.text.contains(&link), "{} does not name {reason}", self.title);
    }

    /// Returns, for each thing that the settings check, the token that is wrong in this thing only,
    /// and the reason for which it must be refused.
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
                "ALGORITHMS" => {
                    twin("unsupported_algorithm", &|token| token.header["alg"] = "RS256".into());
                }
                "ISSUER" => twin("unknown_issuer", &|token| {
                    let iss = token.claims["iss"].as_str().unwrap();
                    let other = match iss.strip_suffix('/') {
                        Some(without_slash) => without_slash.to_owned(),
                        None => format!("{iss}/"),
                    };
                    token.claims["iss"] = other.into();
                }),
                "TENANTS" => {
                    let tenant = self.token.claims["tid"].as_str().unwrap();
                    let other = value.split(',').find(|other| *other != tenant).unwrap();
                    let with = |tenant: &str| {
                        self.settings["AUTHORIZER_ISSUER"].replace("{tenant}", tenant)
                    };
                    twin("wrong_tenant", &|token| token.claims["tid"] = other.into());
                    twin("wrong_tenant", &|token| token.claims["iss"] = with(other).into());
                    twin("unknown_issuer", &|token| {
                        token.claims["iss"] = with(&tenant.to_uppercase()).into();
                        token.claims["tid"] = tenant.to_uppercase().into();
                    });
                }
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
                    let required: BTreeMap<String, Value> = serde_json::from_str(value).unwrap();
                    for claim in required.keys() {
                        twin("claim_mismatch", &|token| token.claims[claim] = "another".into());
                        twin("missing_claim", &|token| remove(&mut token.claims, claim));
                    }
                }
                // These check nothing.
                "JWKS_URI" | "CONTEXT_CLAIMS" => {}
                other => panic!("{}: which token does {other} refuse?", self.title),
            }
        }
        twins
    }
}

fn remove(claims: &mut Value, claim: &str) {
    claims.as_object_mut().unwrap().remove(claim);
}

#[tokio::test]
async fn each_recipe_accepts_the_token_beside_it() {
    for recipe in recipes() {
        let context = recipe.judge(&ISSUER.sign(&recipe.token)).await;
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
        let forged = recipe.judge(&FORGER.sign(&recipe.token)).await;
        assert_eq!(forged.unwrap_err(), "invalid_signature", "{}", recipe.title);
        for (token, reason) in recipe.wrong_twins() {
            let refused = recipe.judge(&ISSUER.sign(&token)).await;
            assert_eq!(refused.unwrap_err(), reason, "{}: {}", recipe.title, token.claims);
        }
    }
}

#[tokio::test]
async fn a_key_that_names_its_issuer_is_for_no_other() {
    let entra = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let personal_accounts = entra("9188040d-6c67-4b5b-b112-36a304b66dad");
    for (title, refused) in
        [("Entra ID, v2.0 tokens", None), ("Entra ID, several tenants", Some("unknown_key"))]
    {
        let recipe = recipe(title);
        let token = ISSUER.sign(&recipe.token);
        let of_tenant = recipe.token.claims["iss"].as_str().unwrap();
        for issuer in [of_tenant, &entra("{tenantid}")] {
            let outcome = recipe.judge_by_key_of(issuer, &token).await;
            assert!(outcome.is_ok(), "{title}: {issuer}: {outcome:?}");
        }
        // A key set without a usable key is a fault, and ends the request without an answer.
        if let Some(refused) = refused {
            let outcome = recipe.judge_by_key_of(&personal_accounts, &token).await;
            assert_eq!(outcome.unwrap_err(), refused, "{title}");
            recipe.assert_names(refused);
        }
    }
}

#[tokio::test]
async fn a_key_of_external_id_may_name_the_tenant_twice() {
    let recipe = recipe("Entra External ID");
    let token = ISSUER.sign(&recipe.token);
    let key_issuer = "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0";
    let outcome = recipe.judge_by_key_of(key_issuer, &token).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test]
async fn the_executable_decides_in_the_same_way() {
    for (number, recipe) in recipes().into_iter().enumerate() {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("provider-{number}.json"));
        let keys = json!({ "keys": [ISSUER.jwk(&recipe.token.header)] });
        std::fs::write(&file, keys.to_string()).unwrap();
        let settings = recipe.settings_with_keys_in(&file);
        let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut function = Deployment::start(&settings).await;

        let token = recipe.token.issued_now();
        function.ask_token(&ISSUER.sign(&token)).await.is_allowed_by("fresh");
        let forged = function.ask_token(&FORGER.sign(&token)).await;
        assert_eq!(forged.reason.as_deref(), Some("invalid_signature"), "{}", recipe.title);
        for (token, reason) in recipe.wrong_twins() {
            let refused = function.ask_token(&ISSUER.sign(&token.issued_now())).await;
            assert!([Verdict::Unauthorized, Verdict::Deny].contains(&refused.verdict), "{refused}");
            assert_eq!(refused.reason.as_deref(), Some(reason), "{}: {refused}", recipe.title);
        }
        assert!(function.refreshes.is_empty(), "{}: {:?}", recipe.title, function.refreshes);
    }
}

/// Where a page says to read scopes from another claim: a token that has the scope there, and the
/// nearest that does not.
#[tokio::test]
async fn reads_scopes_from_the_claims_that_the_page_names() {
    let (entra, auth0) = ("Entra ID, v2.0 tokens", "Auth0");
    let any = r#"[["Chat.Connect", "Chat.Connect.All"]]"#;
    let of_app = |role: &str| claims_of(entra, json!({"scp": null, "roles": ["Other", role]}));
    let with_permission =
        |it: &str| claims_of(auth0, json!({"scope": "openid", "permissions": [it]}));
    for (title, further, sent, expected) in [
        (
            entra,
            &[("SCOPE_CLAIMS", "roles"), ("REQUIRED_SCOPES", any)][..],
            of_app("Chat.Connect.All"),
            true,
        ),
        (
            entra,
            &[("SCOPE_CLAIMS", "roles"), ("REQUIRED_SCOPES", any)],
            of_app("Chat.Read.All"),
            false,
        ),
        (
            entra,
            &[("SCOPE_CLAIMS", "roles"), ("REQUIRED_SCOPES", any)],
            claims_of(entra, json!({})),
            true,
        ),
        (
            entra,
            &[("SCOPE_CLAIMS", "roles"), ("REQUIRED_SCOPES", any)],
            claims_of(entra, json!({"scp": "Chat"})),
            false,
        ),
        (auth0, &[("SCOPE_CLAIMS", "permissions")], with_permission("chat:connect"), true),
        (auth0, &[("SCOPE_CLAIMS", "permissions")], with_permission("chat:connect x"), false),
        (auth0, &[], with_permission("chat:connect"), false),
    ] {
        let mut recipe = recipe(title);
        for (name, value) in further {
            let name = format!("AUTHORIZER_{name}");
            let setting = format!("`{name}={value}`");
            assert!(recipe.text.contains(&setting), "{title} does not say {setting}");
            recipe.settings.insert(name, (*value).to_owned());
        }
        let Sent::Claims(claims) = sent else { panic!("{title}: not a JWT") };
        let header = recipe.token.header.clone();
        let outcome = recipe.judge(&ISSUER.sign(&Token { header, claims: claims.clone() })).await;
        let outcome = outcome.map(drop);
        let refused = Err("insufficient_scope".to_owned());
        assert_eq!(outcome, if expected { Ok(()) } else { refused }, "{title}: {claims}");
    }
}

/// A token that a client sends by mistake.
enum Sent {
    Opaque(&'static str),
    Claims(Value),
}

/// Returns a recipe's claims with some of them changed, or removed if their new value is null.
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

#[tokio::test]
async fn refuses_each_usual_mistake_for_the_reason_that_the_page_names() {
    let (access, id) = ("Cognito, access tokens", "Cognito, ID tokens");
    let (v2, v1) = ("Entra ID, v2.0 tokens", "Entra ID, v1.0 tokens");
    let (tenants, external) = ("Entra ID, several tenants", "Entra External ID");
    let identity_pool = "Cognito, identity pools";
    let mistakes = [
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
        (
            identity_pool,
            "a guest's",
            claims_of(identity_pool, json!({"amr": ["unauthenticated"]})),
            "claim_mismatch",
        ),
        (
            tenants,
            "a tenant that is not in the list",
            claims_of(v2, json!({"iss": "https://login.microsoftonline.com/common/v2.0"})),
            "unknown_issuer",
        ),
        (
            tenants,
            "another tenant in tid",
            claims_of(tenants, json!({"tid": "8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f"})),
            "wrong_tenant",
        ),
        (
            external,
            "from the other host",
            claims_of(v2, json!({"tid": "3c4d5e6f-7081-4293-a4b5-c6d7e8f90a1b"})),
            "unknown_issuer",
        ),
        ("Firebase", "a Google ID token", claims_of("Google", json!({})), "unknown_issuer"),
        (
            "Firebase",
            "an anonymous user's",
            claims_of("Firebase", json!({"email": null, "email_verified": null})),
            "missing_claim",
        ),
        (
            "Clerk",
            "requested without an origin",
            claims_of("Clerk", json!({"azp": null})),
            "missing_claim",
        ),
        (
            "GitHub Actions",
            "the default audience",
            claims_of("GitHub Actions", json!({"aud": "https://github.com/octo-org"})),
            "wrong_audience",
        ),
        (
            "GitHub Actions",
            "another repository's",
            claims_of("GitHub Actions", json!({"repository_id": "75"})),
            "claim_mismatch",
        ),
        (
            "Supabase",
            "an anonymous user's",
            claims_of("Supabase", json!({"is_anonymous": true})),
            "claim_mismatch",
        ),
        (
            "Supabase",
            "the anon key",
            claims_of("Supabase", json!({"iss": "supabase", "aud": null, "role": "anon"})),
            "unknown_issuer",
        ),
    ];
    for (title, mistake, sent, reason) in mistakes {
        let recipe = recipe(title);
        let token = match sent {
            Sent::Opaque(token) => token.to_owned(),
            Sent::Claims(claims) => ISSUER.sign(&Token { claims, ..recipe.token.clone() }),
        };
        let refused = recipe.judge(&token).await;
        assert_eq!(refused.unwrap_err(), reason, "{title}: {mistake}");
        recipe.assert_names(reason);
    }
}

#[tokio::test]
async fn settings_that_the_page_warns_about_refuse_each_token() {
    for (title, name, value, reason) in [
        ("Auth0", "AUTHORIZER_ISSUER", "https://example.eu.auth0.com", "unknown_issuer"),
        ("Cognito, access tokens", "AUTHORIZER_AUDIENCE", "chat", "missing_claim"),
        ("Okta", "AUTHORIZER_CLIENT_IDS", "0oa5g7h9k2LmNpQrS5d7", "missing_claim"),
        ("Okta", "AUTHORIZER_TOKEN_TYPES", "at+jwt", "wrong_token_type"),
        ("Cognito, identity pools", "AUTHORIZER_ALGORITHMS", "RS256", "unsupported_algorithm"),
        ("Clerk", "AUTHORIZER_AUDIENCE", "https://api.example.com", "missing_claim"),
        (
            "Entra External ID",
            "AUTHORIZER_ISSUER",
            "https://example.ciamlogin.com/3c4d5e6f-7081-4293-a4b5-c6d7e8f90a1b/v2.0",
            "unknown_issuer",
        ),
        ("Supabase", "AUTHORIZER_ALGORITHMS", "RS256", "unsupported_algorithm"),
        (
            "Entra ID, v1.0 tokens",
            "AUTHORIZER_CLIENT_IDS",
            "d1e2f3a4-b5c6-4d7e-8f90-1a2b3c4d5e6f",
            "missing_claim",
        ),
    ] {
        let mut recipe = recipe(title);
        recipe.settings.insert(name.to_owned(), value.to_owned());
        let refused = recipe.judge(&ISSUER.sign(&recipe.token)).await;
        assert_eq!(refused.unwrap_err(), reason, "{title} with {name}={value}");
        recipe.assert_names(reason);
    }
}
