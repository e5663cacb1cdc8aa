//! Where in a request the one token is, and what of two.

use local_gateway::issuer::Issuer;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{connect, good_token, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, unauthorized};

/// Every kind of source, one of them twice.
const SOURCES: &str =
    "header:authorization,header:x-token,query:access_token,cookie:session,subprotocol:bearer";

/// A function that looks everywhere, and two tokens that are both good.
struct Everywhere {
    deployment: Deployment,
    one: String,
    other: String,
    _issuer: Issuer,
}

impl Everywhere {
    async fn start() -> Self {
        let issuer = Issuer::start().await.unwrap();
        let sources = [("AUTHORIZER_TOKEN_SOURCES", SOURCES)];
        let deployment = Deployment::trusting(issuer.url(), &sources).await;
        let one = token_with(&issuer, json!({ "jti": "one" }));
        let other = token_with(&issuer, json!({ "jti": "other" }));
        Self { deployment, one, other, _issuer: issuer }
    }

    async fn check(&mut self, cases: Vec<(&str, Value)>, expected: Result<(), Refused>) {
        for (case, event) in cases {
            let outcome = self.deployment.ask(&event).await.map(drop);
            assert_eq!(outcome, expected, "{case}");
        }
    }
}

fn get() -> Request {
    Request::new("GET", "/orders/1")
}

fn handshake() -> Request {
    Request::handshake()
}

/// A handshake that offers these subprotocols.
fn offering(protocols: &str) -> Request {
    handshake().header("Sec-WebSocket-Protocol", protocols)
}

/// A `$connect` whose maps hold exactly these headers.
fn headers(headers: Value, multi_value_headers: Value) -> Value {
    let mut event = handshake().websocket_connect();
    event["headers"] = headers;
    event["multiValueHeaders"] = multi_value_headers;
    event
}

#[tokio::test]
async fn finds_a_token_in_every_source() {
    let mut everywhere = Everywhere::start().await;
    let token = everywhere.one.clone();
    let bearer = format!("Bearer {token}");
    let cases = vec![
        ("a header", get().header("Authorization", &bearer).rest_request()),
        ("a header in lower case", get().header("authorization", &bearer).rest_request()),
        ("a header in upper case", get().header("AUTHORIZATION", &bearer).rest_request()),
        (
            "a scheme in lower case",
            get().header("Authorization", format!("bearer {token}")).rest_request(),
        ),
        (
            "a scheme in any case",
            get().header("Authorization", format!("bEARER {token}")).http_api_2(),
        ),
        (
            "space around the token",
            get().header("Authorization", format!(" Bearer   {token}  ")).rest_request(),
        ),
        ("another header", get().header("X-Token", &bearer).http_api_1()),
        ("a TOKEN event's header", get().bearer(&token).rest_token()),
        ("the multi-value headers", headers(json!(null), json!({ "Authorization": [bearer] }))),
        ("a query parameter", get().query("access_token", &token).rest_request()),
        (
            "a query parameter of a handshake",
            handshake().query("access_token", &token).websocket_connect(),
        ),
        ("a query parameter, payload 2.0", get().query("access_token", &token).http_api_2()),
        ("a cookie", get().cookie("session", &token).rest_request()),
        ("a cookie of a handshake", handshake().cookie("session", &token).websocket_connect()),
        (
            "a cookie among others",
            get().cookie("a", "b=c").cookie("session", &token).cookie("z", "").rest_request(),
        ),
        ("a cookie in quotes", get().cookie("session", &format!("\"{token}\"")).rest_request()),
        (
            "a cookie in payload 2.0's list",
            get().cookie("a", "b").cookie("session", &token).http_api_2(),
        ),
        ("a subprotocol", offering(&format!("bearer, {token}")).websocket_connect()),
        (
            "a subprotocol without a space",
            handshake()
                .header("sec-websocket-protocol", format!("bearer,{token}"))
                .websocket_connect(),
        ),
        (
            "a subprotocol behind another",
            handshake()
                .header("SEC-WEBSOCKET-PROTOCOL", format!("chat, bearer, {token}"))
                .websocket_connect(),
        ),
    ];
    everywhere.check(cases, Ok(())).await;
}

#[tokio::test]
async fn takes_the_same_token_from_several_places() {
    let mut everywhere = Everywhere::start().await;
    let token = everywhere.one.clone();
    let bearer = format!("Bearer {token}");
    let cases = vec![
        (
            "a header and the query",
            get().bearer(&token).query("access_token", &token).rest_request(),
        ),
        ("two headers", get().bearer(&token).header("X-Token", &bearer).http_api_2()),
        ("one header twice", get().bearer(&token).bearer(&token).rest_request()),
        (
            "one parameter twice",
            get().query("access_token", &token).query("access_token", &token).rest_request(),
        ),
        ("all sources", {
            let protocols = format!("bearer, {token}");
            let request = handshake().bearer(&token).query("access_token", &token);
            request
                .cookie("session", &token)
                .header("Sec-WebSocket-Protocol", protocols)
                .websocket_connect()
        }),
        ("and nothing in another", get().bearer(&token).query("access_token", "").rest_request()),
        (
            "and another token where none is looked for",
            get()
                .bearer(&token)
                .header("X-Other", format!("Bearer {}", everywhere.other))
                .rest_request(),
        ),
    ];
    everywhere.check(cases, Ok(())).await;
}

/// Whichever of two were chosen, a party before or behind may choose the other.
#[tokio::test]
async fn refuses_two_tokens_wherever_they_are() {
    let mut everywhere = Everywhere::start().await;
    let (one, other) = (everywhere.one.clone(), everywhere.other.clone());
    let bearer = |token: &str| format!("Bearer {token}");
    let cases = vec![
        ("a header and the query", get().bearer(&one).query("access_token", &other).rest_request()),
        ("a header and a cookie", get().bearer(&one).cookie("session", &other).http_api_2()),
        (
            "the query and a cookie",
            get().query("access_token", &one).cookie("session", &other).http_api_1(),
        ),
        (
            "a header and a subprotocol",
            handshake()
                .bearer(&one)
                .header("Sec-WebSocket-Protocol", format!("bearer, {other}"))
                .websocket_connect(),
        ),
        (
            "a header, and one beside it that proves nothing",
            headers(
                json!({ "Authorization": "Basic dTpw" }),
                json!({ "Authorization": ["Basic dTpw", bearer(&one)] }),
            ),
        ),
        ("two headers", get().bearer(&one).header("X-Token", bearer(&other)).rest_request()),
        ("one header twice", get().bearer(&one).bearer(&other).rest_request()),
        (
            "one header twice, on a handshake",
            handshake().bearer(&one).bearer(&other).websocket_connect(),
        ),
        ("one header twice, joined by API Gateway", get().bearer(&one).bearer(&other).http_api_2()),
        (
            "one header in two cases",
            headers(
                json!({ "Authorization": bearer(&one), "authorization": bearer(&other) }),
                json!(null),
            ),
        ),
        (
            "a header that its multi-value twin contradicts",
            headers(
                json!({ "Authorization": bearer(&one) }),
                json!({ "Authorization": [bearer(&other)] }),
            ),
        ),
        (
            "one parameter twice",
            get().query("access_token", &one).query("access_token", &other).rest_request(),
        ),
        (
            "one parameter twice, joined by API Gateway",
            get().query("access_token", &one).query("access_token", &other).http_api_2(),
        ),
        (
            "one cookie twice",
            get().cookie("session", &one).cookie("session", &other).rest_request(),
        ),
        (
            "one cookie twice in payload 2.0's list",
            get().cookie("session", &one).cookie("session", &other).http_api_2(),
        ),
        (
            "a good one and one that is none",
            get().bearer(&one).query("access_token", "x").rest_request(),
        ),
    ];
    everywhere.check(cases, Err(unauthorized("malformed_token"))).await;
}

/// API Gateway would cache the Allow under a key that proves nothing.
#[tokio::test]
async fn refuses_a_token_that_the_cache_key_may_not_contain() {
    let mut everywhere = Everywhere::start().await;
    let token = everywhere.one.clone();
    let bearer = format!("Bearer {token}");
    let session = format!("session={token}");
    let changed = |mut event: Value, field: &str, value: Value| {
        event[field] = value;
        event
    };
    let by_query = || get().query("access_token", &token).rest_request();
    let refused = vec![
        (
            "two lines of cookies, one without the token",
            headers(json!({ "Cookie": "a=b" }), json!({ "Cookie": [session, "a=b"] })),
        ),
        (
            "a parameter whose single value is blank",
            changed(by_query(), "queryStringParameters", json!({ "access_token": "" })),
        ),
        (
            "another scheme beside the query",
            get()
                .header("Authorization", "Basic dTpw")
                .query("access_token", &token)
                .rest_request(),
        ),
        (
            "an identity source without the token, payload 2.0",
            changed(get().bearer(&token).http_api_2(), "identitySource", json!(["GET /orders/1"])),
        ),
        (
            "an identity source without the token, payload 1.0",
            changed(get().bearer(&token).http_api_1(), "identitySource", json!("GET /orders/1")),
        ),
    ];
    let accepted = vec![
        (
            "one line of cookies, twice",
            headers(json!({ "Cookie": session }), json!({ "Cookie": [session, session] })),
        ),
        ("a parameter with one value", by_query()),
        (
            "another scheme where no token is looked for",
            get().header("X-Other", "Basic dTpw").query("access_token", &token).rest_request(),
        ),
        (
            "an identity source with the token, payload 2.0",
            changed(
                get().bearer(&token).http_api_2(),
                "identitySource",
                json!(["GET /orders/1", bearer]),
            ),
        ),
        (
            "an identity source with the token, payload 1.0",
            changed(
                get().bearer(&token).http_api_1(),
                "identitySource",
                json!(format!("GET /orders/1,{bearer}")),
            ),
        ),
        (
            "no identity source",
            changed(get().bearer(&token).http_api_2(), "identitySource", json!(null)),
        ),
    ];
    everywhere.check(refused, Err(unauthorized("malformed_token"))).await;
    everywhere.check(accepted, Ok(())).await;
}

#[tokio::test]
async fn misses_a_token_that_is_nowhere() {
    let mut everywhere = Everywhere::start().await;
    let token = everywhere.one.clone();
    let protocols =
        |offer: &str| handshake().header("Sec-WebSocket-Protocol", offer).websocket_connect();
    let authorization = |value: &str| get().header("Authorization", value);
    let cases = vec![
        ("nothing", get().rest_request()),
        ("nothing on a handshake", handshake().websocket_connect()),
        ("nothing in a TOKEN event", get().rest_token()),
        ("nothing in payload 1.0", get().http_api_1()),
        ("nothing in payload 2.0", get().http_api_2()),
        ("another scheme", authorization("Basic dXNlcjpwYXNz").rest_request()),
        ("another scheme in a TOKEN event", authorization("Basic dXNlcjpwYXNz").rest_token()),
        ("another scheme with a token", authorization(&format!("DPoP {token}")).rest_request()),
        ("a scheme without a token", authorization("Bearer").rest_request()),
        ("a scheme and a space", authorization("Bearer ").rest_request()),
        ("a token without a scheme", authorization(&token).rest_request()),
        (
            "a token without a space before it",
            authorization(&format!("Bearer:{token}")).rest_request(),
        ),
        ("an empty header", authorization("").rest_request()),
        ("an empty TOKEN event", authorization("").rest_token()),
        (
            "another header",
            get().header("X-Authorization", format!("Bearer {token}")).rest_request(),
        ),
        ("an empty parameter", get().query("access_token", "").rest_request()),
        ("a parameter in another case", get().query("Access_Token", &token).rest_request()),
        ("an empty cookie", get().cookie("session", "").rest_request()),
        ("a cookie in another case", get().cookie("Session", &token).http_api_2()),
        ("a cookie whose name ends so", get().cookie("my_session", &token).rest_request()),
        ("a marker and nothing after it", protocols("bearer")),
        ("a marker and an empty protocol", protocols("bearer, ")),
        ("a token before its marker", protocols(&format!("{token}, bearer"))),
        ("a marker in another case", protocols(&format!("Bearer, {token}"))),
        ("another marker", protocols(&format!("jwt, {token}"))),
        (
            "a subprotocol of what is no handshake",
            get().header("Sec-WebSocket-Protocol", format!("bearer, {token}")).rest_request(),
        ),
        (
            "values of other types",
            headers(
                json!({ "Authorization": 1, "X-Token": null }),
                json!({ "Authorization": [null] }),
            ),
        ),
    ];
    everywhere.check(cases, Err(unauthorized("missing_token"))).await;
}

#[tokio::test]
async fn echoes_the_marker_and_never_the_token() {
    let issuer = Issuer::start().await.unwrap();
    let sources = [("AUTHORIZER_TOKEN_SOURCES", "header:authorization,subprotocol:jwt.v1")];
    let mut deployment = Deployment::trusting(issuer.url(), &sources).await;
    let token = good_token(&issuer);
    let protocols = format!("jwt.v1, {token}");

    let offered = handshake().header("Sec-WebSocket-Protocol", &protocols);
    let caller = deployment.ask(&offered.websocket_connect()).await.unwrap();
    assert_eq!(caller.context["subprotocol"], "jwt.v1");
    assert!(!format!("{caller:?}").contains(&token));

    let both = handshake().bearer(&token).header("Sec-WebSocket-Protocol", &protocols);
    let caller = deployment.ask(&both.websocket_connect()).await.unwrap();
    assert_eq!(
        caller.context["subprotocol"], "jwt.v1",
        "the browser waits for its echo all the same"
    );

    let caller = deployment.ask(&connect(&token)).await.unwrap();
    assert!(!caller.context.contains_key("subprotocol"));
}

#[tokio::test]
async fn looks_by_default_into_the_header_and_the_subprotocols_only() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let token = good_token(&issuer);
    let protocols = format!("bearer, {token}");
    for (case, request, expected) in [
        ("a header", handshake().bearer(&token), Ok(())),
        ("a subprotocol", handshake().header("Sec-WebSocket-Protocol", protocols), Ok(())),
        (
            "the query",
            handshake().query("access_token", &token),
            Err(unauthorized("missing_token")),
        ),
        ("a cookie", handshake().cookie("session", &token), Err(unauthorized("missing_token"))),
    ] {
        assert_eq!(
            deployment.ask(&request.websocket_connect()).await.map(drop),
            expected,
            "{case}"
        );
    }
}

#[tokio::test]
async fn tells_the_operator_where_it_looked_and_what_was_there_instead() {
    let mut everywhere = Everywhere::start().await;
    let looked = format!("no token in {}", SOURCES.replace(',', ", "));
    let basic = format!("{looked}; the header is there, but is not \"Bearer\" and a token");
    for (request, message) in
        [(get(), looked), (get().header("Authorization", "Basic dTpw"), basic)]
    {
        let (_, line) = everywhere.deployment.ask_for_more(&request.rest_request()).await;
        assert_eq!(line["message"], message);
    }
}
