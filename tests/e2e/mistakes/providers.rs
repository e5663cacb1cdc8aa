//! What the tokens of a provider have that others do not.

use local_gateway::issuer::Issuer;
use local_gateway::keys::SigningKey;
use serde_json::json;

use super::{Provider, Table};
use crate::tokens::connect;
use test_support::gateway::unauthorized;

const TENANT: &str = "8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f";
const ENTRA_V1: &str = "https://sts.windows.net/8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f/";
const ENTRA_V2: &str =
    "https://login.microsoftonline.com/8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f/v2.0";
const OKTA: &str = "https://example.okta.com/oauth2/default";
const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A1b2C3d4E";

pub(super) fn entra(keys: &Issuer) -> Vec<Table> {
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
    let template = Provider::new(keys, ENTRA_V2, with_scp);
    let mut tenants = template.table(
        &[("AUTHORIZER_AUDIENCE", api), ("AUTHORIZER_TENANTS", TENANT)],
        vec![
            (
                "a tenant that is not in the list",
                template.event(json!({ "iss": ENTRA_V2.replace(TENANT, graph) })),
                unknown(),
                "not in AUTHORIZER_TENANTS",
            ),
            (
                "a tenant in upper case",
                template.event(json!({ "iss": ENTRA_V2.replace(TENANT, &TENANT.to_uppercase()) })),
                unknown(),
                "case of the tenant",
            ),
            (
                "a slash after the version",
                template.event(json!({ "iss": format!("{ENTRA_V2}/") })),
                unknown(),
                "only the slash",
            ),
            (
                "a v1.0 token",
                template.event(json!({ "iss": ENTRA_V1 })),
                unknown(),
                "a v1.0 token of Entra",
            ),
        ],
    );
    tenants.settings[0].1 = ENTRA_V2.replace(TENANT, "{tenant}");
    [v2, v1, tenants].into_iter().chain(by_name).collect()
}

pub(super) fn cognito(keys: &Issuer) -> Vec<Table> {
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
                "an ID token, which is for the client",
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
            "an ID token, which is for the client",
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
        vec![
            (
                "an access token",
                id.event(json!({ "aud": null, "client_id": "app", "token_use": "access" })),
                unauthorized("missing_claim"),
                "this is an access token",
            ),
            (
                "an ID token for another app client",
                id.event(json!({ "aud": "other" })),
                unauthorized("wrong_audience"),
                "an ID token for another client",
            ),
        ],
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

pub(super) fn other_providers(keys: &Issuer) -> Vec<Table> {
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
    let okta = Provider::new(keys, OKTA, json!({ "aud": "api://default" }));
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
    let by_client = Provider::new(keys, OKTA, json!({ "aud": "api", "azp": "web" }));
    let by_client = by_client.table(
        &[("AUTHORIZER_AUDIENCE", "api"), ("AUTHORIZER_CLIENT_IDS", "web")],
        vec![
            (
                "Okta's claim for the client",
                by_client.event(json!({ "azp": null, "cid": "web", "scp": ["a"] })),
                unauthorized("missing_claim"),
                "the client is in cid",
            ),
            (
                "Entra ID's claim for the client",
                by_client.event(json!({ "azp": null, "appid": "web", "scp": "a" })),
                unauthorized("missing_claim"),
                "the client is in cid",
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
        vec![
            (
                "Google's bare issuer",
                google.event(json!({ "iss": "accounts.google.com" })),
                unknown(),
                "Google documents this form",
            ),
            (
                "Google's ID token for another client",
                google.event(json!({ "aud": "other", "azp": "other" })),
                wrong_audience(),
                "an ID token for another client",
            ),
        ],
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
        vec![
            (
                "Supabase's audience",
                supabase.event(json!({ "aud": "authenticated" })),
                wrong_audience(),
                "AUTHORIZER_AUDIENCE=authenticated",
            ),
            (
                "Supabase's old shared secret",
                supabase.event_with_header(json!({ "alg": "HS256" }), json!({})),
                unauthorized("unsupported_algorithm"),
                "a shared secret",
            ),
        ],
    );
    vec![auth0, okta, by_client, org, google, firebase, supabase]
}
