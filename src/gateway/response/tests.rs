use std::time::{Duration, UNIX_EPOCH};

use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::access::{
    AccessRules, AllowedOrigins, RequiredScopes, RouteNeeds, RouteRule, RouteRules, ScopeRules,
};
use crate::context::{ContextClaim, ContextRules};
use crate::error::ForeignOrigin;
use crate::gateway::request::Delivery;
use crate::issuer::IssuerName;
use crate::jwks::{FetchError, KeysUnavailableCause};
use crate::jwt::testing::with_claims;
use crate::jwt::{Audience, ClaimPath, ClaimRules, TokenBinding, testing};

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod";
const POLICY_KINDS: [EventKind; 4] =
    [EventKind::WebSocket, EventKind::RestRequest, EventKind::RestToken, EventKind::HttpApi1];

const RULES: ResponseRules = ResponseRules {
    resource_scope: ResourceScope::Stage,
    http_api_response: HttpApiResponse::Simple,
    unauthenticated_response: UnauthenticatedResponse::Error,
};
const WITH_POLICIES: ResponseRules =
    ResponseRules { http_api_response: HttpApiResponse::Policy, ..RULES };

const CLAIMS: &str = r#"{"iss":"https://issuer.example/","sub":"alice","client_id":"web",
    "scope":"chat","exp":1700000000,"admin":true,"level":1.5,"roles":["a","b"]}"#;

/// Hands on the context of a payload: the claims that are always there, and
/// `further` ones, each a name and the claim that it shows.
fn with_context<R>(
    payload: &str,
    further: &[(&str, &str)],
    then: impl FnOnce(Context<'_>) -> R,
) -> R {
    let claim_rules = ClaimRules {
        issuer: IssuerName::exact("https://issuer.example/"),
        audience: Audience::Unchecked,
        client_ids: Vec::new(),
        token_types: Vec::new(),
        token_use: None,
        token_binding: TokenBinding::AsIssued,
        required_claims: Vec::new(),
        max_age: None,
        leeway: Duration::ZERO,
    };
    let claim = |(name, path): &(&str, &str)| ContextClaim {
        name: (*name).to_owned(),
        path: ClaimPath::new(path),
    };
    let context_rules = ContextRules {
        claims: further.iter().map(claim).collect(),
        principal: None,
        usage_key: None,
    };
    with_claims(r#"{"alg":"EdDSA"}"#, payload, &claim_rules, UNIX_EPOCH, |claims| {
        let claims = claims.map_err(|error| error.to_string()).unwrap();
        then(context_rules.context(&claims, Some("bearer")).unwrap())
    })
}

fn caller(context: Context<'_>) -> Caller<'_> {
    Caller { principal: Cow::Borrowed("alice"), usage_key: None, context }
}

/// An event of a kind, about `GET /x` where it is not a handshake.
fn event(kind: EventKind) -> String {
    let (kind, version, arn, route) = match kind {
        EventKind::WebSocket => ("REQUEST", "", "methodArn", "$connect"),
        EventKind::RestRequest => ("REQUEST", "", "methodArn", "GET/x"),
        EventKind::RestToken => ("TOKEN", "", "methodArn", "GET/x"),
        EventKind::HttpApi1 => ("REQUEST", "1.0", "methodArn", "GET/x"),
        EventKind::HttpApi2 => ("REQUEST", "2.0", "routeArn", "GET/x"),
    };
    format!(r#"{{"type":"{kind}","version":"{version}","{arn}":"{STAGE}/{route}"}}"#)
}

/// Judges a request of a kind by these scopes and route rules, and answers it.
fn judged(
    rules: ResponseRules,
    kind: EventKind,
    required_scopes: &[&str],
    route_rules: &[(&str, &[&str])],
    caller: Caller<'_>,
) -> Result<Response, Error> {
    let all_of = |scopes: &[&str]| {
        RequiredScopes(scopes.iter().map(|scope| vec![(*scope).to_owned()]).collect())
    };
    let rule = |(pattern, scopes): &(&str, &[&str])| {
        let (method, path) = pattern.split_at(pattern.find('/').unwrap_or(pattern.len()));
        let needs = RouteNeeds { scopes: all_of(scopes), claims: Vec::new() };
        RouteRule::new(method, path, needs).unwrap()
    };
    let route_rules: Vec<_> = route_rules.iter().map(rule).collect();
    let access = AccessRules {
        allowed_origins: AllowedOrigins::Unrestricted,
        route_rules: (!route_rules.is_empty()).then_some(RouteRules(route_rules)),
    };
    let event = event(kind);
    let request = AuthorizerRequest::parse(&event)?;
    let claims = testing::claims(CLAIMS);
    let scopes = ScopeRules { required: all_of(required_scopes), claims: Vec::new() };
    match access.judge(&request, Delivery::Explicit, &scopes, &claims) {
        Ok(permit) => rules.allow(&request, &caller, &permit),
        Err(refusal) => rules.deny(&request, caller, &refusal),
    }
}

fn pretty(response: &Response) -> String {
    let value: Value = serde_json::from_str(response.as_json()).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

/// Answers for one kind of event, as pretty JSON.
fn answer(
    rules: ResponseRules,
    kind: EventKind,
    required_scopes: &[&str],
    route_rules: &[(&str, &[&str])],
) -> String {
    let further = [("admin", "admin"), ("level", "level"), ("roles", "roles")];
    with_context(CLAIMS, &further, |context| {
        pretty(&judged(rules, kind, required_scopes, route_rules, caller(context)).unwrap())
    })
}

/// Answers for every kind of event that gets a policy, which must be the same.
fn policy_answer(give: impl Fn(ResponseRules, EventKind) -> String) -> String {
    let http_api_2 = give(WITH_POLICIES, EventKind::HttpApi2);
    for kind in POLICY_KINDS {
        for rules in [RULES, WITH_POLICIES] {
            assert_eq!(give(rules, kind), http_api_2, "{kind:?}");
        }
    }
    http_api_2
}

#[test]
fn allows_by_a_policy_for_the_stage() {
    assert_snapshot!(policy_answer(|rules, kind| answer(rules, kind, &[], &[])));
}

#[test]
fn allows_payload_2_simply() {
    assert_snapshot!(answer(RULES, EventKind::HttpApi2, &[], &[]));
}

#[test]
fn denies_by_a_policy_and_tells_the_reason_only() {
    assert_snapshot!(policy_answer(|rules, kind| answer(rules, kind, &["admin"], &[])));
}

#[test]
fn denies_payload_2_simply() {
    assert_snapshot!(answer(RULES, EventKind::HttpApi2, &["admin"], &[]));
}

fn unauthenticated(rules: ResponseRules, kind: EventKind) -> String {
    let event = event(kind);
    let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
    let rules = ResponseRules { unauthenticated_response: UnauthenticatedResponse::Deny, ..rules };
    let expired = Error::Expired { seconds_ago: 7 };
    pretty(&rules.refuse(&expired, Some((kind, &request.arn))).unwrap())
}

#[test]
fn denies_who_is_not_known_by_a_policy() {
    assert_snapshot!(policy_answer(unauthenticated));
}

#[test]
fn denies_payload_2_to_who_is_not_known() {
    assert_snapshot!(unauthenticated(RULES, EventKind::HttpApi2));
}

const CACHED: [EventKind; 3] = [EventKind::RestRequest, EventKind::RestToken, EventKind::HttpApi1];

/// Answers for every kind of event whose policy is cached, which must be the same.
fn cached_answer(route_rules: &[(&str, &[&str])]) -> String {
    let http_api_2 = answer(WITH_POLICIES, EventKind::HttpApi2, &[], route_rules);
    for kind in CACHED {
        assert_eq!(answer(RULES, kind, &[], route_rules), http_api_2, "{kind:?}");
    }
    http_api_2
}

#[test]
fn allows_and_denies_routes_by_the_rules_policy() {
    assert_snapshot!(cached_answer(&[("GET/*", &["chat"]), ("POST/*", &["admin"])]));
}

#[test]
fn denies_a_route_with_the_context_that_other_routes_of_the_policy_need() {
    let rules: &[(&str, &[&str])] = &[("GET/y", &["chat"]), ("POST/*", &["admin"])];
    assert_snapshot!(cached_answer(rules));
    // Neither of these answers for other routes.
    for kind in [EventKind::WebSocket, EventKind::HttpApi2] {
        let alone: Value = serde_json::from_str(&answer(RULES, kind, &[], rules)).unwrap();
        assert_eq!(alone["context"], serde_json::json!({"reason": "route_forbidden"}));
    }
}

#[test]
fn answers_a_handshake_alone_however_many_rules_there_are() {
    let patterns: Vec<_> = (0..500).map(|n| format!("GET/{}/{n}", "long".repeat(20))).collect();
    let mut rules: Vec<(&str, &[&str])> =
        patterns.iter().map(|pattern| (pattern.as_str(), &["x"][..])).collect();
    for (scopes, effect) in [(&["chat"], "Allow"), (&["admin"], "Deny")] {
        rules.push(("$connect", scopes));
        let answer = answer(RULES, EventKind::WebSocket, &[], &rules);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let expected = serde_json::json!([{
            "Action": ["execute-api:Invoke"],
            "Effect": effect,
            "Resource": [format!("{STAGE}/$connect")],
        }]);
        assert_eq!(answer["policyDocument"]["Statement"], expected);
        rules.pop();
    }
}

#[test]
fn names_the_key_of_a_usage_plan() {
    assert_snapshot!(policy_answer(|rules, kind| {
        let further = [("admin", "admin"), ("level", "level"), ("roles", "roles")];
        with_context(CLAIMS, &further, |context| {
            let caller = Caller { usage_key: Some(Cow::Borrowed("key-1")), ..caller(context) };
            pretty(&judged(rules, kind, &[], &[], caller).unwrap())
        })
    }));
}

#[test]
fn covers_what_the_resource_scope_says() {
    let resource = |resource_scope| {
        let rules = ResponseRules { resource_scope, ..RULES };
        let answer = answer(rules, EventKind::RestRequest, &[], &[]);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["policyDocument"]["Statement"][0]["Resource"].clone()
    };
    // IAM takes a resource alone or in a list.
    let text = |resource: Value| {
        let one = resource.get(0).unwrap_or(&resource);
        one.as_str().unwrap().to_owned()
    };
    assert_eq!(text(resource(ResourceScope::Stage)), format!("{STAGE}/*"));
    assert_eq!(text(resource(ResourceScope::Request)), format!("{STAGE}/GET/x"));
    let api = STAGE.strip_suffix("/prod").unwrap();
    assert_eq!(text(resource(ResourceScope::Api)), format!("{api}/*"));
}

#[test]
fn an_answer_has_8192_bytes_at_most() {
    // A token is not as long as an answer may be, so one claim is shown twice.
    let length_with = |rules: ResponseRules, kind, (once, twice): (&str, &str)| {
        let payload = format!(
            r#"{{"iss":"https://issuer.example/","exp":1700000000,"sub":"{once}","pad":"{twice}"}}"#
        );
        let further = [("pad", "pad"), ("again", "pad")];
        with_context(&payload, &further, |context| judged(rules, kind, &[], &[], caller(context)))
            .map(|response| response.as_json().len())
    };
    for (rules, kind) in [
        (RULES, EventKind::WebSocket),
        (RULES, EventKind::HttpApi2),
        (WITH_POLICIES, EventKind::HttpApi2),
    ] {
        let room = MAX_RESPONSE_LENGTH - length_with(rules, kind, ("", "")).unwrap();
        // A quote takes two bytes in an answer as well as in a token, and so does é.
        for (character, size) in [("x", 1), ("\\\"", 2), ("é", 2)] {
            let twice = character.repeat(room / 2 / size);
            let left = room - 2 * size * (room / 2 / size);
            let longest = length_with(rules, kind, (&"x".repeat(left), &twice)).unwrap();
            assert_eq!(longest, 8192, "{character}");
            let error = length_with(rules, kind, (&"x".repeat(left + 1), &twice)).unwrap_err();
            let Error::ContextTooLarge { length, limit, .. } = error else { panic!("{error}") };
            assert_eq!((length, limit), (8193, 8192), "{character}");
        }
    }
}

#[test]
fn names_the_biggest_entries_of_an_answer_that_is_too_large() {
    let payload = format!(
        r#"{{"iss":"https://issuer.example/","exp":1700000000,"sub":"{}","list":[{}1],"n":1}}"#,
        "s".repeat(2400),
        "1,".repeat(1300),
    );
    let further = [("list", "list"), ("again", "list"), ("n", "n"), ("sub_claim", "sub")];
    let error = with_context(&payload, &further, |context| {
        judged(RULES, EventKind::WebSocket, &[], &[], caller(context)).unwrap_err()
    });
    let Error::ContextTooLarge { largest, .. } = error else { panic!("{error}") };
    assert_eq!(largest, "list (2603 bytes), again (2603 bytes), sub_claim (2400 bytes)");
    // A plain refusal needs no context, so it is not too large.
    with_context(&payload, &further, |context| {
        judged(RULES, EventKind::WebSocket, &["admin"], &[], caller(context)).unwrap();
    });
}

#[test]
fn responds_in_the_form_of_the_event() {
    for (kind, simple, with_policies) in [
        (EventKind::WebSocket, Form::RoutePolicy, Form::RoutePolicy),
        (EventKind::RestRequest, Form::StagePolicy, Form::StagePolicy),
        (EventKind::RestToken, Form::StagePolicy, Form::StagePolicy),
        (EventKind::HttpApi1, Form::StagePolicy, Form::StagePolicy),
        (EventKind::HttpApi2, Form::Simple, Form::StagePolicy),
    ] {
        assert_eq!(RULES.form(kind), simple, "{kind:?}");
        assert_eq!(WITH_POLICIES.form(kind), with_policies, "{kind:?}");
    }
}

/// The function error of a refusal, or the reason in a Deny's context.
fn refusal(rules: &ResponseRules, error: &Error) -> Result<String, FunctionError> {
    let arn = format!("{STAGE}/GET/x");
    let arn = MethodArn::parse(&arn).map_err(|error| FunctionError::fault(&error))?;
    let response = rules.refuse(error, Some((EventKind::RestRequest, &arn)))?;
    let response: Value = serde_json::from_str(response.as_json()).unwrap();
    assert_eq!(response["policyDocument"]["Statement"][0]["Effect"], "Deny");
    Ok(response["context"]["reason"].as_str().unwrap().to_owned())
}

#[test]
fn says_exactly_unauthorized_for_a_401_unless_it_is_to_be_a_deny() {
    let deny = ResponseRules { unauthenticated_response: UnauthenticatedResponse::Deny, ..RULES };
    let unauthorized =
        FunctionError { error_type: "Unauthorized", error_message: "Unauthorized".to_owned() };
    for error in [
        Error::Expired { seconds_ago: 7 },
        Error::InvalidSignature { hint: None },
        Error::MissingToken { sources: "header:authorization".to_owned(), hint: None },
    ] {
        assert_eq!(refusal(&RULES, &error), Err(unauthorized.clone()));
        assert_eq!(refusal(&deny, &error), Ok(error.reason().to_owned()));
        // Nothing can be denied while it is not known what was asked for.
        assert_eq!(RULES.refuse(&error, None).map(drop), Err(unauthorized.clone()));
        assert_eq!(deny.refuse(&error, None).map(drop), Err(FunctionError::fault(&error)));
    }
    for error in [
        Error::RouteForbidden,
        Error::InsufficientScope {
            any_of: vec!["chat".to_owned()],
            required_by: "AUTHORIZER_REQUIRED_SCOPES".to_owned(),
            hint: None,
        },
        Error::OriginNotAllowed(ForeignOrigin::Missing),
    ] {
        assert_eq!(refusal(&RULES, &error), Ok(error.reason().to_owned()));
        assert_eq!(refusal(&deny, &error), Ok(error.reason().to_owned()));
    }
}

#[test]
fn a_500_begins_with_its_reason_and_is_never_a_deny() {
    let deny = ResponseRules { unauthenticated_response: UnauthenticatedResponse::Deny, ..RULES };
    let timeout = FetchError::Timeout(Duration::from_secs(3));
    for (error, reason, message) in [
        (
            Error::KeysUnavailable {
                issuer: "https://issuer.example/".to_owned(),
                cause: KeysUnavailableCause::Fetch(timeout.into()).into(),
            },
            "keys_unavailable",
            "keys_unavailable: no keys for https://issuer.example/: no response within 3000 ms (AUTHORIZER_JWKS_TIMEOUT_MS)",
        ),
        (Error::unusable_event("it is odd"), "unusable_event", "unusable_event: it is odd"),
        (
            Error::ContextTooLarge {
                length: 9000,
                limit: 8192,
                largest: "a (8000 bytes)".to_owned(),
            },
            "context_too_large",
            "context_too_large: the response has 9000 bytes, the limit is 8192; the largest context values: a (8000 bytes)",
        ),
    ] {
        let expected = FunctionError { error_type: reason, error_message: message.to_owned() };
        assert_eq!(refusal(&RULES, &error), Err(expected.clone()));
        assert_eq!(refusal(&deny, &error), Err(expected.clone()));
        assert_eq!(FunctionError::fault(&error), expected);
        let diagnostic = lambda_runtime::Diagnostic::from(expected);
        assert_eq!(
            (diagnostic.error_type.as_str(), diagnostic.error_message.as_str()),
            (reason, message)
        );
    }
}
