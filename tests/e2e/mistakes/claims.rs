//! Claims of any issuer that are wrong in a usual way.

use local_gateway::issuer::{AUDIENCE, Issuer, now_seconds};
use local_gateway::keys::SigningKey;
use local_gateway::request::Request;
use serde_json::{Value, json};

use super::{Provider, Table};
use crate::binding::ClientCertificate;
use crate::tokens::connect;
use test_support::gateway::{forbidden, unauthorized};

/// An issuer that is spelled in another way, its clock, and its key.
pub(super) fn one_issuer(keys: &Issuer) -> Table {
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
            ("the case", named("https://id.example/realms/shop"), unknown(), "lower case differ"),
            ("the scheme", named("http://id.example/realms/Shop"), unknown(), "scheme differs"),
            ("no scheme", named("id.example/realms/Shop"), unknown(), "https:// is missing"),
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
                "an ID token, which is for the client",
            ),
            (
                "an ID token with a nonce",
                provider.event(json!({ "aud": "web", "client_id": null, "nonce": "n" })),
                unauthorized("wrong_audience"),
                "an ID token, which is for the client",
            ),
            (
                "an ID token with at_hash",
                provider.event(json!({ "aud": "web", "client_id": null, "at_hash": "h" })),
                unauthorized("wrong_audience"),
                "an ID token, which is for the client",
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

/// The header's `typ`, where the settings want the other kind of token.
pub(super) fn types(keys: &Issuer) -> Vec<Table> {
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
            "an ID token, which is for the client",
        )],
    );
    let certificate = ClientCertificate::generate();
    let with_certificate = |claims: Value| {
        let request = Request::new("GET", "/").bearer(&jwt.token(claims));
        request.client_certificate(&certificate.pem).rest_request()
    };
    let mut for_bound_tokens = jwt.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE), ("AUTHORIZER_TOKEN_BINDING", "mtls")],
        vec![(
            "a token that is not bound",
            with_certificate(json!({})),
            unauthorized("missing_claim"),
            "bound to the client's certificate",
        )],
    );
    let cnf = json!({ "x5t#S256": certificate.fingerprint });
    for_bound_tokens.accepted = with_certificate(json!({ "cnf": cnf }));
    for_access_tokens.accepted = jwt.event_with_header(json!({ "typ": "at+jwt" }), json!({}));
    vec![for_id_tokens, for_access_tokens, for_bound_tokens]
}

/// The required scope is in the token, but not where the function reads it.
pub(super) fn scopes(keys: &Issuer) -> Vec<Table> {
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
            ("scopes in a text", event(json!({ "scopes": "a chat/read" })), denied(), "add scopes"),
            (
                "Cognito's groups",
                event(json!({ "cognito:groups": ["chat/read"] })),
                denied(),
                "add cognito:groups",
            ),
            ("app roles", event(json!({ "roles": ["chat/read"] })), denied(), "add roles"),
            ("groups", event(json!({ "groups": ["chat/read"] })), denied(), "add groups"),
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
                "an ID token, which is for the client",
            ),
        ]
    };
    // The setting that a hint names lets the token in.
    let mut cured = provider.table(
        &[
            audience,
            ("AUTHORIZER_REQUIRED_SCOPES", "chat/read"),
            ("AUTHORIZER_SCOPE_CLAIMS", "permissions,scopes,cognito:groups"),
        ],
        vec![("app roles", event(json!({ "roles": ["chat/read"] })), denied(), "add roles")],
    );
    cured.accepted = event(json!({ "cognito:groups": ["chat/read"] }));
    vec![
        cured,
        provider.table(&[audience, ("AUTHORIZER_REQUIRED_SCOPES", "chat/read")], mistakes()),
        provider.table(
            &[audience, ("AUTHORIZER_ROUTE_RULES", r#"{"$connect": ["chat/read"]}"#)],
            mistakes(),
        ),
    ]
}
