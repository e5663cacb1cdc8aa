//! Mistakes that people make, each with the words that the log has for it.
//!
//! Each table has the settings, a request that is let in, and requests with one mistake each. The
//! words are part of one [`Hint`], with which the log line ends. Together, the tables produce every
//! hint.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jwks_authorizer::Hint;
use local_gateway::issuer::{AUDIENCE, Issuer, now_seconds};
use local_gateway::keys::SigningKey;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{compact, connect};
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, fault, forbidden, unauthorized};

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
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
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

const TENANT: &str = "8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f";
const ENTRA_V1: &str = "https://sts.windows.net/8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f/";
const ENTRA_V2: &str =
    "https://login.microsoftonline.com/8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f/v2.0";
const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A1b2C3d4E";

/// What is no event of an authorizer.
fn events(keys: &Issuer) -> Table {
    let provider = Provider::new(keys, "https://id.example", json!({ "aud": AUDIENCE }));
    let request = Request::new("GET", "/orders/1").bearer(&provider.token(json!({})));
    // The integration of each API gets the event of its authorizer without what names the route.
    let integration = |mut event: Value| {
        for name in ["type", "methodArn", "routeArn", "identitySource", "authorizationToken"] {
            event.as_object_mut().unwrap().remove(name);
        }
        event
    };
    let mut message = integration(request.websocket_connect());
    message["requestContext"] = request.websocket_context("$default", "MESSAGE");
    let not_an_authorizer = || fault("unusable_event");
    let example = json!({ "key1": "value1", "key2": "value2", "key3": "value3" });
    let mut empty = request.rest_token();
    empty["authorizationToken"] = "".into();
    let mut absent = request.rest_token();
    absent["authorizationToken"] = Value::Null;
    provider.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE)],
        vec![
            ("the console's example", example, not_an_authorizer(), "Lambda console"),
            (
                "a REST API's integration",
                integration(request.rest_request()),
                not_an_authorizer(),
                "integration of a REST API",
            ),
            (
                "an HTTP API's integration, payload 1.0",
                integration(request.http_api_1()),
                not_an_authorizer(),
                "integration of an HTTP API",
            ),
            (
                "an HTTP API's integration, payload 2.0",
                integration(request.http_api_2()),
                not_an_authorizer(),
                "integration of an HTTP API",
            ),
            (
                "a WebSocket API's integration of $connect",
                integration(request.websocket_connect()),
                not_an_authorizer(),
                "integration of a WebSocket API",
            ),
            (
                "a WebSocket API's integration of a message",
                message,
                not_an_authorizer(),
                "integration of a WebSocket API",
            ),
            (
                "an event of another service",
                json!({ "Records": [] }),
                not_an_authorizer(),
                "is the function attached",
            ),
            (
                "an empty TOKEN event",
                empty,
                unauthorized("missing_token"),
                "authorizationToken of the TOKEN event is empty",
            ),
            (
                "a TOKEN event without a token",
                absent,
                unauthorized("missing_token"),
                "authorizationToken of the TOKEN event is empty",
            ),
        ],
    )
}

/// What is around a token, and what is no JWT.
fn texts(keys: &Issuer) -> Table {
    let provider = Provider::new(keys, "https://id.example", json!({ "aud": AUDIENCE }));
    let token = provider.token(json!({}));
    let header =
        |value: &str| Request::handshake().header("Authorization", value).websocket_connect();
    let bearer = |token: &str| header(&format!("Bearer {token}"));
    let malformed = || unauthorized("malformed_token");
    let missing = || unauthorized("missing_token");
    let in_base64 = {
        let parts: Vec<_> = token.split('.').collect();
        let mut payload = provider.claims.to_string();
        while payload.len() % 3 == 0 {
            payload.push(' ');
        }
        let payload = STANDARD.encode(payload);
        format!("{}.{payload}.{}", parts[0], parts[2])
    };
    let (start, end) = token.split_at(76);
    provider.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE)],
        vec![
            ("no Bearer", header(&token), missing(), "a token without \"Bearer\""),
            ("another scheme", header("Basic YTpi"), missing(), "is not \"Bearer\" and a token"),
            ("Bearer and nothing", header("Bearer "), missing(), "is not \"Bearer\" and a token"),
            ("quotes around Bearer", header(&format!("\"Bearer {token}\"")), missing(), "quotes"),
            ("Bearer twice", bearer(&format!("Bearer {token}")), malformed(), "is there twice"),
            ("Bearer: twice", bearer(&format!("bearer:{token}")), malformed(), "is there twice"),
            ("quotes", bearer(&format!("\"{token}\"")), malformed(), "quotes around"),
            ("single quotes", bearer(&format!("'{token}'")), malformed(), "quotes around"),
            ("a line break", bearer(&format!("{start}\n{end}")), malformed(), "line break"),
            ("an escaped line break", bearer(&format!("{token}\\n")), malformed(), "line break"),
            ("an encoded line break", bearer(&format!("{token}%0A")), malformed(), "line break"),
            ("undefined", bearer("undefined"), malformed(), "\"undefined\""),
            ("null", bearer("null"), malformed(), "\"undefined\""),
            ("base64", bearer(&in_base64), malformed(), "characters of base64"),
            ("an opaque token", bearer("X3kR9pZq7LmN2vB8"), malformed(), "it has one part"),
            (
                "an encrypted token of Auth0",
                bearer(&format!("{}..AAAA.BBBB.CCCC", {
                    let dir = compact(br#"{"alg":"dir","enc":"A256GCM"}"#, b"", b"");
                    dir.split('.').next().unwrap().to_owned()
                })),
                malformed(),
                "five parts",
            ),
            ("Google's access token", bearer("ya29.a0AfH6SMBx"), malformed(), "token of Google"),
        ],
    )
}

/// An issuer that is spelled in another way, its clock, and its key.
fn one_issuer(keys: &Issuer) -> Table {
    let provider = Provider::new(
        keys,
        "https://id.example/realms/Shop",
        json!({ "aud": AUDIENCE, "client_id": "web" }),
    );
    let named = |issuer: &str| provider.event(json!({ "iss": issuer }));
    let unknown = || unauthorized("unknown_issuer");
    let now = now_seconds();
    let replaced = SigningKey::generate(keys.key().kid()).unwrap();
    let by_another_key = |changes: Value| {
        let claims = provider.changed(changes).to_string();
        connect(&replaced.sign(&replaced.header(), claims.as_bytes()))
    };
    provider.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE)],
        vec![
            ("a slash", named("https://id.example/realms/Shop/"), unknown(), "only the slash"),
            ("the case", named("https://id.example/realms/shop"), unknown(), "only upper and"),
            ("the scheme", named("http://id.example/realms/Shop"), unknown(), "scheme differs"),
            ("no scheme", named("id.example/realms/Shop"), unknown(), "https://, is missing"),
            (
                "another environment",
                named("https://id.test.example/realms/Shop"),
                unknown(),
                "only the host differs",
            ),
            (
                "another realm",
                named("https://id.example/realms/Test"),
                unknown(),
                "another tenant, realm",
            ),
            (
                "another key with the kid",
                by_another_key(json!({})),
                unauthorized("invalid_signature"),
                "has replaced the key",
            ),
            (
                "a clock that is ahead, iat",
                provider.event(json!({ "iat": now + 60 })),
                unauthorized("issued_in_future"),
                "the issuer's clock",
            ),
            (
                "a clock that is ahead, nbf",
                provider.event(json!({ "nbf": now + 60 })),
                unauthorized("not_yet_valid"),
                "the issuer's clock",
            ),
            (
                "milliseconds",
                provider.event(json!({ "iat": now * 1000, "exp": now * 1000 + 600_000 })),
                unauthorized("issued_in_future"),
                "milliseconds",
            ),
            (
                "an ID token",
                provider.event(json!({ "aud": "web", "client_id": null, "azp": "web" })),
                unauthorized("wrong_audience"),
                "this is an ID token",
            ),
            (
                "an ID token with a nonce",
                provider.event(json!({ "aud": "web", "client_id": null, "nonce": "n" })),
                unauthorized("wrong_audience"),
                "this is an ID token",
            ),
            (
                "an ID token with at_hash",
                provider.event(json!({ "aud": "web", "client_id": null, "at_hash": "h" })),
                unauthorized("wrong_audience"),
                "this is an ID token",
            ),
            (
                "Keycloak's default audience",
                provider.event(json!({ "aud": "account", "typ": "Bearer" })),
                unauthorized("wrong_audience"),
                "audience mapper",
            ),
            (
                "Keycloak without an audience",
                provider.event(json!({ "aud": null, "typ": "Bearer" })),
                unauthorized("missing_claim"),
                "audience mapper",
            ),
            (
                "an audience with a slash",
                provider.event(json!({ "aud": format!("{AUDIENCE}/") })),
                unauthorized("wrong_audience"),
                "only the slash",
            ),
        ],
    )
}

fn entra(keys: &Issuer) -> Vec<Table> {
    let unknown = || unauthorized("unknown_issuer");
    let api = "0b5c6d7e-8f90-4a1b-b2c3-d4e5f6a7b8c9";
    let with_scp = json!({ "aud": api, "azp": "web", "scp": "Chat.Connect", "ver": "2.0" });
    let audience = [("AUTHORIZER_AUDIENCE", api)];
    let v1_claims = json!({ "iss": ENTRA_V1, "aud": format!("api://{api}"), "ver": "1.0" });
    let graph = "00000003-0000-0000-c000-000000000000";

    let v2 = Provider::new(keys, ENTRA_V2, with_scp.clone());
    let replaced = SigningKey::generate(keys.key().kid()).unwrap();
    let of_graph = v2.changed(json!({ "aud": graph })).to_string();
    let v2 = v2.table(
        &audience,
        vec![
            ("a v1.0 token", v2.event(v1_claims), unknown(), "a v1.0 token of Entra"),
            (
                "another tenant",
                v2.event(json!({ "iss": ENTRA_V2.replace(TENANT, graph) })),
                unknown(),
                "another tenant, realm",
            ),
            (
                "a token for Microsoft Graph, v1.0",
                v2.event(json!({ "iss": ENTRA_V1, "aud": "https://graph.microsoft.com/" })),
                unknown(),
                "Microsoft Graph",
            ),
            (
                "a token for Microsoft Graph, v2.0",
                connect(&replaced.sign(&replaced.header(), of_graph.as_bytes())),
                unauthorized("invalid_signature"),
                "Microsoft Graph",
            ),
            (
                "the API's id as a URI",
                v2.event(json!({ "aud": format!("api://{api}") })),
                unauthorized("wrong_audience"),
                "api://",
            ),
        ],
    );

    let v1 = Provider::new(keys, ENTRA_V1, with_scp.clone());
    let v1 = v1.table(
        &audience,
        vec![("a v2.0 token", v1.event(json!({ "iss": ENTRA_V2 })), unknown(), "a v2.0 token")],
    );

    let by_name = ["contoso.onmicrosoft.com", "common", "organizations"].map(|name| {
        let issuer = String::leak(ENTRA_V2.replace(TENANT, name));
        let provider = Provider::new(keys, issuer, with_scp.clone());
        let event = provider.event(json!({ "iss": ENTRA_V2 }));
        provider.table(&audience, vec![(name, event, unknown(), "id of the Entra ID tenant")])
    });
    [v2, v1].into_iter().chain(by_name).collect()
}

fn cognito(keys: &Issuer) -> Vec<Table> {
    let access = json!({ "client_id": "app", "token_use": "access", "scope": "openid" });
    let id = json!({ "client_id": null, "aud": "app", "token_use": "id", "scope": null });
    let access = Provider::new(keys, COGNITO, access);
    let by_client = access.table(
        &[
            ("AUTHORIZER_AUDIENCE", "*"),
            ("AUTHORIZER_CLIENT_IDS", "app"),
            ("AUTHORIZER_TOKEN_USE", "access"),
        ],
        vec![
            (
                "an ID token",
                access.event(id.clone()),
                unauthorized("missing_claim"),
                "this is an ID token",
            ),
            (
                "another user pool",
                access.event(json!({ "iss": COGNITO.replace("A1b2", "Z9y8") })),
                unauthorized("unknown_issuer"),
                "another tenant, realm, user pool",
            ),
            (
                "a user pool of another region",
                access.event(json!({ "iss": COGNITO.replace("eu-west-1", "us-east-1") })),
                unauthorized("unknown_issuer"),
                "another tenant, realm, user pool",
            ),
        ],
    );
    let by_use = access.table(
        &[("AUTHORIZER_AUDIENCE", "*"), ("AUTHORIZER_TOKEN_USE", "access")],
        vec![(
            "an ID token",
            access.event(id.clone()),
            unauthorized("wrong_token_use"),
            "this is an ID token",
        )],
    );
    let bound =
        Provider::new(keys, COGNITO, access.changed(json!({ "aud": "https://api.example" })));
    let by_audience = bound.table(
        &[("AUTHORIZER_AUDIENCE", "https://api.example")],
        vec![(
            "an access token without aud",
            bound.event(json!({ "aud": null })),
            unauthorized("missing_claim"),
            "an access token of Cognito has none",
        )],
    );
    let id = Provider::new(keys, COGNITO, id);
    let for_id = id.table(
        &[("AUTHORIZER_AUDIENCE", "app"), ("AUTHORIZER_TOKEN_USE", "id")],
        vec![(
            "an access token",
            id.event(json!({ "aud": null, "client_id": "app", "token_use": "access" })),
            unauthorized("missing_claim"),
            "this is an access token",
        )],
    );
    let for_any_id = id.table(
        &[("AUTHORIZER_AUDIENCE", "*"), ("AUTHORIZER_TOKEN_USE", "id")],
        vec![(
            "an access token",
            id.event(json!({ "aud": null, "client_id": "app", "token_use": "access" })),
            unauthorized("wrong_token_use"),
            "this is an access token",
        )],
    );
    vec![by_client, by_use, by_audience, for_id, for_any_id]
}

/// The header's `typ`, where the settings want the other kind of token.
fn types(keys: &Issuer) -> Vec<Table> {
    let issuer = "https://id.example";
    let jwt = Provider::new(keys, issuer, json!({ "aud": AUDIENCE }));
    let for_id_tokens = jwt.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE), ("AUTHORIZER_TOKEN_TYPES", "jwt")],
        vec![(
            "an access token",
            jwt.event_with_header(json!({ "typ": "at+jwt" }), json!({ "scope": "chat" })),
            unauthorized("wrong_token_type"),
            "this is an access token",
        )],
    );
    let mut for_access_tokens = jwt.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE), ("AUTHORIZER_TOKEN_TYPES", "at+jwt")],
        vec![(
            "an ID token",
            jwt.event(json!({ "nonce": "n" })),
            unauthorized("wrong_token_type"),
            "this is an ID token",
        )],
    );
    for_access_tokens.accepted = jwt.event_with_header(json!({ "typ": "at+jwt" }), json!({}));
    vec![for_id_tokens, for_access_tokens]
}

fn other_providers(keys: &Issuer) -> Vec<Table> {
    let unknown = || unauthorized("unknown_issuer");
    let wrong_audience = || unauthorized("wrong_audience");
    let auth0 =
        Provider::new(keys, "https://prod.eu.auth0.com/", json!({ "aud": "https://api.example" }));
    let auth0 = auth0.table(
        &[("AUTHORIZER_AUDIENCE", "https://api.example")],
        vec![(
            "the token of another environment",
            auth0.event(json!({ "iss": "https://test.eu.auth0.com/" })),
            unknown(),
            "only the host differs",
        )],
    );
    let okta = Provider::new(
        keys,
        "https://example.okta.com/oauth2/default",
        json!({ "aud": "api://default" }),
    );
    let okta = okta.table(
        &[("AUTHORIZER_AUDIENCE", "api://default")],
        vec![
            (
                "a token of the org server",
                okta.event(json!({ "iss": "https://example.okta.com", "scp": ["openid"] })),
                unknown(),
                "org authorization server",
            ),
            (
                "a token of another authorization server",
                okta.event(json!({ "iss": "https://example.okta.com/oauth2/aus1a2b3c4" })),
                unknown(),
                "or authorization server",
            ),
        ],
    );
    let org = Provider::new(keys, "https://example.okta.com", json!({ "aud": "web" }));
    let org = org.table(
        &[("AUTHORIZER_AUDIENCE", "web")],
        vec![(
            "an access token while the org server is the issuer",
            org.event_with_header(json!({ "kid": "secret" }), json!({})),
            unauthorized("unknown_key"),
            "org authorization server",
        )],
    );
    let google = Provider::new(keys, "https://accounts.google.com", json!({ "aud": "web" }));
    let google = google.table(
        &[("AUTHORIZER_AUDIENCE", "web")],
        vec![(
            "Google's bare issuer",
            google.event(json!({ "iss": "accounts.google.com" })),
            unknown(),
            "Google documents this form",
        )],
    );
    let firebase =
        Provider::new(keys, "https://securetoken.google.com/shop-1", json!({ "aud": "other" }));
    let firebase = firebase.table(
        &[("AUTHORIZER_AUDIENCE", "other")],
        vec![(
            "Firebase's audience",
            firebase.event(json!({ "aud": "shop-1" })),
            wrong_audience(),
            "audience of Firebase's tokens",
        )],
    );
    let supabase = Provider::new(
        keys,
        "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
        json!({ "aud": "x" }),
    );
    let supabase = supabase.table(
        &[("AUTHORIZER_AUDIENCE", "x")],
        vec![(
            "Supabase's audience",
            supabase.event(json!({ "aud": "authenticated" })),
            wrong_audience(),
            "AUTHORIZER_AUDIENCE=authenticated",
        )],
    );
    vec![auth0, okta, org, google, firebase, supabase]
}

/// The required scope is in the token, but not where the function reads it.
fn scopes(keys: &Issuer) -> Vec<Table> {
    let provider =
        Provider::new(keys, "https://id.example", json!({ "aud": "api", "scope": "chat/read" }));
    let event = |mut changes: Value| {
        if changes.get("scope").is_none() {
            changes["scope"] = "openid".into();
        }
        provider.event(changes)
    };
    let denied = || forbidden("insufficient_scope");
    let audience = ("AUTHORIZER_AUDIENCE", "api");
    let mistakes = || {
        vec![
            (
                "Auth0's permissions",
                event(json!({ "permissions": ["a", "chat/read"] })),
                denied(),
                "the claim permissions has it",
            ),
            ("scopes", event(json!({ "scopes": ["chat/read"] })), denied(), "the claim scopes"),
            ("scopes in a text", event(json!({ "scopes": "a chat/read" })), denied(), "=scopes"),
            (
                "Cognito's groups",
                event(json!({ "cognito:groups": ["chat/read"] })),
                denied(),
                "=cognito:groups",
            ),
            ("app roles", event(json!({ "roles": ["chat/read"] })), denied(), "=roles"),
            ("groups", event(json!({ "groups": ["chat/read"] })), denied(), "SCOPE_CLAIMS=groups"),
            (
                "commas in scope",
                event(json!({ "scope": "openid,chat/read" })),
                denied(),
                "list with commas",
            ),
            ("commas in scp", event(json!({ "scp": "a,chat/read" })), denied(), "with commas"),
            ("no prefix", event(json!({ "scope": "read" })), denied(), "the same last part"),
            (
                "another prefix",
                event(json!({ "scp": ["api://1234/read"] })),
                denied(),
                "the same last part",
            ),
            (
                "an ID token",
                provider.event(json!({ "scope": null, "nonce": "n" })),
                denied(),
                "this is an ID token",
            ),
        ]
    };
    vec![
        provider.table(&[audience, ("AUTHORIZER_REQUIRED_SCOPES", "chat/read")], mistakes()),
        provider.table(
            &[audience, ("AUTHORIZER_ROUTE_SCOPES", r#"{"$connect": ["chat/read"]}"#)],
            mistakes(),
        ),
    ]
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
