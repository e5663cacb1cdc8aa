//! Who may do what: origins, cookies, and the scopes of routes.

use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::Issuer;
use local_gateway::policy::PolicyDecision;
use local_gateway::request::Request;

use serde_json::json;

use crate::tokens::{connect, good_token, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{evaluate, forbidden};

#[tokio::test]
async fn allowed_origins_are_exact_and_for_browsers() {
    let issuer = Issuer::start().await.unwrap();
    let origins = [("AUTHORIZER_ALLOWED_ORIGINS", "https://app.example,http://localhost:3000")];
    let mut deployment = Deployment::trusting(issuer.url(), &origins).await;
    let request = Request::handshake().bearer(&good_token(&issuer));
    let from = |origin: &str| request.clone().header("Origin", origin).websocket_connect();
    let refused = || Err(forbidden("origin_not_allowed"));
    for (case, event, expected) in [
        ("no origin", request.websocket_connect(), Ok(())),
        ("an allowed one", from("https://app.example"), Ok(())),
        ("another allowed one", from("http://localhost:3000"), Ok(())),
        ("another port", from("http://localhost:3001"), refused()),
        ("another scheme", from("http://app.example"), refused()),
        ("another case", from("https://APP.example"), refused()),
        ("a suffix", from("https://app.example.evil.example"), refused()),
        ("a subdomain", from("https://evil.app.example"), refused()),
        ("null", from("null"), refused()),
        ("nothing", from(""), refused()),
        ("any", from("*"), refused()),
        (
            "two, one of them allowed",
            request
                .clone()
                .header("Origin", "https://app.example")
                .header("origin", "https://evil.example")
                .websocket_connect(),
            refused(),
        ),
        // A page of another site cannot send this header to a REST API.
        (
            "a REST API",
            request.clone().header("Origin", "https://evil.example").rest_request(),
            Ok(()),
        ),
    ] {
        assert_eq!(deployment.ask(&event).await.map(drop), expected, "{case}");
    }
}

/// A browser sends cookies along for any page.
#[tokio::test]
async fn a_cookie_lets_no_browser_in_unless_its_origin_is_named() {
    let issuer = Issuer::start().await.unwrap();
    let token = good_token(&issuer);
    let by_cookie = Request::handshake().cookie("session", &token);
    let from = |request: &Request| request.clone().header("Origin", "https://app.example");
    let cookie = ("AUTHORIZER_TOKEN_SOURCES", "header:authorization,cookie:session");
    let refused = || Err(forbidden("origin_not_allowed"));
    for (settings, request, expected) in [
        (&[cookie][..], by_cookie.clone(), Ok(())),
        (&[cookie], from(&by_cookie), refused()),
        (&[cookie], from(&by_cookie.clone().bearer(&token)), Ok(())),
        (
            &[cookie, ("AUTHORIZER_ALLOWED_ORIGINS", "https://app.example")],
            from(&by_cookie),
            Ok(()),
        ),
        (
            &[cookie, ("AUTHORIZER_ALLOWED_ORIGINS", "https://b.example")],
            from(&by_cookie),
            refused(),
        ),
    ] {
        let mut deployment = Deployment::trusting(issuer.url(), settings).await;
        let outcome = deployment.ask(&request.websocket_connect()).await.map(drop);
        assert_eq!(outcome, expected, "{settings:?}");
    }
}

/// A form or a simple `fetch` of any page sends cookies along, and CORS stops neither.
#[tokio::test]
async fn a_cookie_lets_no_page_of_another_site_send_requests() {
    let issuer = Issuer::start().await.unwrap();
    let settings = [
        ("AUTHORIZER_TOKEN_SOURCES", "header:authorization,cookie:session"),
        ("AUTHORIZER_ALLOWED_ORIGINS", "https://app.example"),
    ];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    let token = good_token(&issuer);
    let cookie = |method: &str| Request::new(method, "/orders").cookie("session", &token);
    let foreign = |request: Request| request.header("Origin", "https://evil.example");
    let own = |request: Request| request.header("Origin", "https://app.example");
    let site = |request: Request, site: &str| request.header("Sec-Fetch-Site", site);
    let refused = || Err(forbidden("origin_not_allowed"));
    for (case, request, expected) in [
        ("a form of another site", foreign(cookie("POST")), refused()),
        ("a form of the app", own(cookie("POST")), Ok(())),
        ("no origin", cookie("POST"), refused()),
        ("a header in place of a cookie", Request::new("POST", "/orders").bearer(&token), Ok(())),
        ("a page of another site", foreign(cookie("GET")), refused()),
        ("a page of the app", own(cookie("GET")), Ok(())),
        ("a page of the same origin", cookie("GET"), Ok(())),
        ("the same, as the browser says", site(cookie("GET"), "same-origin"), Ok(())),
        ("a link of another site", site(cookie("GET"), "cross-site"), refused()),
        ("the app on another site", site(own(cookie("POST")), "cross-site"), Ok(())),
        ("a cookie and a header", foreign(cookie("POST").bearer(&token)), Ok(())),
    ] {
        for event in [request.rest_request(), request.http_api_1(), request.http_api_2()] {
            assert_eq!(deployment.ask(&event).await.map(drop), expected, "{case}: {event}");
        }
    }
}

const ROUTES: &str = r#"{
    "GET /orders/*": ["orders:read"], "* /orders/*/refund": ["orders:refund"],
    "POST /orders": ["orders:write"], "GET /health": [], "$connect": ["chat"]
}"#;

#[tokio::test]
async fn route_rules_want_every_rule_that_matches_to_be_met() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_ROUTE_RULES", ROUTES)]).await;
    let insufficient = || Err(forbidden("insufficient_scope"));
    let no_rule = || Err(forbidden("route_forbidden"));
    for (scope, method, path, expected) in [
        ("orders:read", "GET", "/orders/1", Ok(())),
        ("orders:read", "GET", "/orders/1/items/2", Ok(())),
        ("orders:write", "GET", "/orders/1", insufficient()),
        ("orders:read orders:refund", "GET", "/orders/1/refund", Ok(())),
        ("orders:read", "GET", "/orders/1/refund", insufficient()),
        ("orders:refund", "GET", "/orders/1/refund", insufficient()),
        ("orders:refund", "PUT", "/orders/1/refund", Ok(())),
        ("orders:write", "POST", "/orders", Ok(())),
        ("orders:write", "POST", "/orders/1", no_rule()),
        ("", "GET", "/health", Ok(())),
        ("orders:read", "GET", "/orders", no_rule()),
        ("orders:read", "GET", "/Orders/1", no_rule()),
        ("orders:read", "get", "/orders/1", no_rule()),
        ("chat orders:read", "GET", "/", no_rule()),
    ] {
        let token = token_with(&issuer, json!({ "scope": scope }));
        let request = Request::new(method, path).bearer(&token);
        for event in [
            request.rest_request(),
            request.rest_token(),
            request.http_api_1(),
            request.http_api_2(),
        ] {
            let outcome = deployment.ask(&event).await.map(drop);
            assert_eq!(outcome, expected, "{scope:?} for {method} {path} in {event}");
        }
    }
    for (scope, expected) in [("chat", Ok(())), ("orders:read", insufficient())] {
        let token = token_with(&issuer, json!({ "scope": scope }));
        assert_eq!(deployment.ask(&connect(&token)).await.map(drop), expected, "{scope}");
    }
}

/// API Gateway asks once and answers the caller's other routes from the policy that it keeps.
#[tokio::test]
async fn route_rules_answer_every_route_of_the_caller_from_any_cached_policy() {
    let issuer = Issuer::start().await.unwrap();
    let deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_ROUTE_RULES", ROUTES)]).await;
    let token = token_with(&issuer, json!({ "scope": "orders:read" }));
    let routes = [
        ("GET", "/orders/1", true),
        ("GET", "/orders/1/refund", false),
        ("PUT", "/orders/1/refund", false),
        ("POST", "/orders", false),
        ("GET", "/health", true),
        ("GET", "/", false),
    ];
    let event = |(method, path, _)| Request::new(method, path).bearer(&token).rest_request();
    for asked in routes {
        let answer = deployment.invoke(event(asked).to_string()).await;
        let FunctionOutcome::Response(body) = answer else { panic!("{asked:?}: {answer:?}") };
        for route in routes {
            let (.., allowed) = route;
            let verdict = evaluate(&event(route), &body);
            let is_allowed = matches!(verdict, PolicyDecision::Allow(_));
            assert_eq!(is_allowed, allowed, "{route:?} by the policy for {asked:?}");
            let (PolicyDecision::Allow(caller) | PolicyDecision::Deny(caller)) = verdict;
            assert_eq!(caller.context["sub"], "alice", "whoever is let in needs a context");
        }
    }
}

/// Spellings that API Gateway or a backend may take for `/orders/42/invoice` or `/orders/42`.
#[tokio::test]
async fn no_spelling_of_a_path_escapes_from_its_rule() {
    const RULES: &str = r#"{
        "GET /orders/*": ["orders:read"], "GET /orders/*/invoice": ["billing"], "GET /public/*": []
    }"#;
    let issuer = Issuer::start().await.unwrap();
    let settings = [("AUTHORIZER_ROUTE_RULES", RULES)];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    let cached = Deployment::trusting(issuer.url(), &settings).await;
    let get = |path: &str, scope: &str| {
        let token = token_with(&issuer, json!({ "scope": scope }));
        Request::new("GET", path).bearer(&token)
    };
    let ambiguous = || Err(forbidden("ambiguous_path"));
    let insufficient = || Err(forbidden("insufficient_scope"));
    for (scope, path, expected) in [
        ("orders:read", "/orders/42/invoice", insufficient()),
        ("orders:read billing", "/orders/42/invoice", Ok(())),
        ("orders:read", "/orders/42/invoice/", ambiguous()),
        ("orders:read", "/orders/42/%69nvoice", ambiguous()),
        ("orders:read", "/orders/42%2Finvoice", ambiguous()),
        ("orders:read", "/orders/42/invoice;v=1", ambiguous()),
        ("orders:read", "/orders/42/invoice/.", ambiguous()),
        ("orders:read", "/orders/42//invoice", ambiguous()),
        ("orders:read", "/orders/42\\invoice", ambiguous()),
        ("", "/public/../orders/42", ambiguous()),
        ("", "/public/%2e%2e/orders/42", ambiguous()),
        ("", "/public/orders/42", Ok(())),
        ("orders:read", "/orders/a%20b", Ok(())),
        ("orders:read", "/orders/caf%C3%A9", Ok(())),
        ("orders:read", "/orders/café", Ok(())),
        ("orders:read", "/orders/alice@example.com", Ok(())),
        ("orders:read", "/orders/alice%40example.com", Ok(())),
        // Upper and lower case are different paths.
        ("orders:read", "/orders/42/Invoice", Ok(())),
    ] {
        let request = get(path, scope);
        for event in [
            request.rest_request(),
            request.rest_token(),
            request.http_api_1(),
            request.http_api_2(),
        ] {
            let outcome = deployment.ask(&event).await.map(drop);
            assert_eq!(outcome, expected, "{scope:?} for {path} in {event}");
        }
        // API Gateway answers it from the policy that it cached for another route.
        let answer = cached.invoke(get("/orders/1", scope).rest_request().to_string()).await;
        let FunctionOutcome::Response(body) = answer else { panic!("{answer:?}") };
        let verdict = evaluate(&request.rest_request(), &body);
        let is_allowed = matches!(verdict, PolicyDecision::Allow(_));
        assert_eq!(is_allowed, expected.is_ok(), "{scope:?} for {path} by a cached policy");
    }
}
