use std::time::{Duration, UNIX_EPOCH};

use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::context::{ContextClaim, ContextRules};
use crate::error::{Excerpt, KeysUnavailableCause};
use crate::jwks::FetchError;
use crate::jwt::testing::with_claims;
use crate::jwt::{Audience, ClaimPath, ClaimRules};

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
        issuer: "https://issuer.example/".to_owned(),
        audience: Audience::Unchecked,
        client_ids: Vec::new(),
        token_types: Vec::new(),
        token_use: None,
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
    with_claims(r#"{"alg":"RS256"}"#, payload, &claim_rules, UNIX_EPOCH, |claims| {
        let claims = claims.map_err(|error| error.to_string()).unwrap();
        then(context_rules.context(&claims, Some("bearer")).unwrap())
    })
}

fn verdict<'a>(context: Context<'a>, routes: Option<Policy>) -> Verdict<'a> {
    Verdict { principal: Cow::Borrowed("alice"), usage_key: None, context, routes }
}

/// A policy of which one route is allowed and one denied.
fn routes(arn: &MethodArn<'_>) -> Policy {
    Policy::of_routes(arn, ["GET/*"].into_iter(), ["POST/*"].into_iter())
}

fn pretty(answer: &Answer) -> String {
    let value: Value = serde_json::from_str(answer.get()).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

/// Answers for one kind of event, as pretty JSON.
fn answer(
    rules: ResponseRules,
    kind: EventKind,
    give: impl FnOnce(&ResponseRules, &MethodArn<'_>, Context<'_>) -> Result<Answer, Error>,
) -> String {
    let route = if kind == EventKind::WebSocket { "$connect" } else { "GET/x" };
    let arn = format!("{STAGE}/{route}");
    let arn = MethodArn::parse(&arn).unwrap();
    let further = [("admin", "admin"), ("level", "level"), ("roles", "roles")];
    with_context(CLAIMS, &further, |context| pretty(&give(&rules, &arn, context).unwrap()))
}

/// Answers for every kind of event that gets a policy, which must be the same.
fn policy_answer(
    give: impl Fn(EventKind, &ResponseRules, &MethodArn<'_>, Context<'_>) -> Result<Answer, Error>,
) -> String {
    let http_api_2 = answer(WITH_POLICIES, EventKind::HttpApi2, |rules, arn, context| {
        give(EventKind::HttpApi2, rules, arn, context)
    });
    for kind in POLICY_KINDS {
        for rules in [RULES, WITH_POLICIES] {
            let other = answer(rules, kind, |rules, arn, context| give(kind, rules, arn, context));
            assert_eq!(other, http_api_2, "{kind:?}");
        }
    }
    http_api_2
}

fn simple_answer(
    give: impl FnOnce(EventKind, &ResponseRules, &MethodArn<'_>, Context<'_>) -> Result<Answer, Error>,
) -> String {
    answer(RULES, EventKind::HttpApi2, |rules, arn, context| {
        give(EventKind::HttpApi2, rules, arn, context)
    })
}

#[test]
fn allows_by_a_policy_for_the_stage() {
    assert_snapshot!(policy_answer(|kind, rules, arn, context| {
        rules.allow(kind, arn, verdict(context, None))
    }));
}

#[test]
fn allows_payload_2_simply() {
    assert_snapshot!(simple_answer(|kind, rules, arn, context| {
        rules.allow(kind, arn, verdict(context, None))
    }));
}

#[test]
fn denies_by_a_policy_and_tells_the_reason_only() {
    assert_snapshot!(policy_answer(|kind, rules, arn, context| {
        rules.deny(kind, arn, verdict(context, None), "insufficient_scope")
    }));
}

#[test]
fn denies_payload_2_simply() {
    assert_snapshot!(simple_answer(|kind, rules, arn, context| {
        rules.deny(kind, arn, verdict(context, None), "insufficient_scope")
    }));
}

#[test]
fn denies_who_is_not_known_by_a_policy() {
    assert_snapshot!(policy_answer(|kind, rules, arn, _| {
        rules.deny(kind, arn, Verdict::unauthenticated(), "expired")
    }));
}

#[test]
fn denies_payload_2_to_who_is_not_known() {
    assert_snapshot!(simple_answer(|kind, rules, arn, _| {
        rules.deny(kind, arn, Verdict::unauthenticated(), "expired")
    }));
}

#[test]
fn allows_and_denies_routes_by_the_rules_policy() {
    assert_snapshot!(policy_answer(|kind, rules, arn, context| {
        rules.allow(kind, arn, verdict(context, Some(routes(arn))))
    }));
}

#[test]
fn denies_a_route_with_the_context_that_other_routes_of_the_policy_need() {
    let deny = |kind| {
        answer(WITH_POLICIES, kind, |rules, arn, context| {
            rules.deny(kind, arn, verdict(context, Some(routes(arn))), "route_forbidden")
        })
    };
    assert_snapshot!(deny(EventKind::RestRequest));
    for kind in [EventKind::RestToken, EventKind::HttpApi1, EventKind::HttpApi2] {
        assert_eq!(deny(kind), deny(EventKind::RestRequest), "{kind:?}");
    }
    // Neither of these answers for other routes.
    let simple = simple_answer(|kind, rules, arn, context| {
        rules.deny(kind, arn, verdict(context, Some(routes(arn))), "route_forbidden")
    });
    for alone in [deny(EventKind::WebSocket), simple] {
        let alone: Value = serde_json::from_str(&alone).unwrap();
        assert_eq!(alone["context"], serde_json::json!({"reason": "route_forbidden"}));
    }
}

#[test]
fn names_the_key_of_a_usage_plan() {
    assert_snapshot!(policy_answer(|kind, rules, arn, context| {
        let usage_key = Some(Cow::Borrowed("key-1"));
        rules.allow(kind, arn, Verdict { usage_key, ..verdict(context, None) })
    }));
}

#[test]
fn covers_what_the_resource_scope_says() {
    let resource = |resource_scope| {
        let rules = ResponseRules { resource_scope, ..RULES };
        let answer = answer(rules, EventKind::RestRequest, |rules, arn, context| {
            rules.allow(EventKind::RestRequest, arn, verdict(context, None))
        });
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
    let arn = format!("{STAGE}/GET/x");
    let arn = MethodArn::parse(&arn).unwrap();
    // A token is not as long as an answer may be, so one claim is shown twice.
    let length_with = |rules: ResponseRules, kind, (once, twice): (&str, &str)| {
        let payload = format!(
            r#"{{"iss":"https://issuer.example/","exp":1700000000,"sub":"{once}","pad":"{twice}"}}"#
        );
        let further = [("pad", "pad"), ("again", "pad")];
        with_context(&payload, &further, |context| rules.allow(kind, &arn, verdict(context, None)))
            .map(|answer| answer.get().len())
    };
    for (rules, kind) in [
        (RULES, EventKind::WebSocket),
        (RULES, EventKind::HttpApi2),
        (WITH_POLICIES, EventKind::HttpApi2),
    ] {
        let room = MAX_ANSWER_LENGTH - length_with(rules, kind, ("", "")).unwrap();
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
    let arn = format!("{STAGE}/GET/x");
    let arn = MethodArn::parse(&arn).unwrap();
    let payload = format!(
        r#"{{"iss":"https://issuer.example/","exp":1700000000,"sub":"{}","list":[{}1],"n":1}}"#,
        "s".repeat(2400),
        "1,".repeat(1300),
    );
    let further = [("list", "list"), ("again", "list"), ("n", "n"), ("sub_claim", "sub")];
    let error = with_context(&payload, &further, |context| {
        RULES.allow(EventKind::WebSocket, &arn, verdict(context, None)).unwrap_err()
    });
    let Error::ContextTooLarge { biggest, .. } = error else { panic!("{error}") };
    assert_eq!(biggest, "list (2603 bytes), again (2603 bytes), sub_claim (2400 bytes)");
    // A plain refusal needs no context, so it is not too large.
    with_context(&payload, &further, |context| {
        let verdict = verdict(context, None);
        RULES.deny(EventKind::WebSocket, &arn, verdict, "insufficient_scope").unwrap();
    });
}

#[test]
fn reaches_as_far_as_the_answer_is_kept() {
    for (kind, simple, with_policies) in [
        (EventKind::WebSocket, PolicyReach::Route, PolicyReach::Route),
        (EventKind::RestRequest, PolicyReach::Stage, PolicyReach::Stage),
        (EventKind::RestToken, PolicyReach::Stage, PolicyReach::Stage),
        (EventKind::HttpApi1, PolicyReach::Stage, PolicyReach::Stage),
        (EventKind::HttpApi2, PolicyReach::NoPolicy, PolicyReach::Stage),
    ] {
        assert_eq!(RULES.policy_reach(kind), simple, "{kind:?}");
        assert_eq!(WITH_POLICIES.policy_reach(kind), with_policies, "{kind:?}");
    }
}

#[test]
fn says_exactly_unauthorized_for_a_401_unless_it_is_to_be_a_deny() {
    let deny = ResponseRules { unauthenticated_response: UnauthenticatedResponse::Deny, ..RULES };
    let unauthorized =
        FunctionError { error_type: "Unauthorized", error_message: "Unauthorized".to_owned() };
    for error in [
        Error::Expired { seconds_ago: 7 },
        Error::InvalidSignature,
        Error::MissingToken { sources: "header:authorization".to_owned(), hint: "" },
    ] {
        assert_eq!(RULES.function_error(&error), Some(unauthorized.clone()));
        assert_eq!(deny.function_error(&error), None);
    }
    for error in [
        Error::RouteForbidden,
        Error::InsufficientScope("chat".to_owned()),
        Error::OriginNotAllowed(Excerpt::from("https://evil.example")),
    ] {
        assert_eq!(RULES.function_error(&error), None);
        assert_eq!(deny.function_error(&error), None);
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
                cause: KeysUnavailableCause::Fetch(timeout.into()),
            },
            "keys_unavailable",
            "keys_unavailable: no keys of https://issuer.example/: no answer within 3000 ms",
        ),
        (Error::UnusableEvent("it is odd"), "unusable_event", "unusable_event: it is odd"),
        (
            Error::ContextTooLarge {
                length: 9000,
                limit: 8192,
                biggest: "a (8000 bytes)".to_owned(),
            },
            "context_too_large",
            "context_too_large: the answer has 9000 bytes, API Gateway takes 8192; the biggest parts: a (8000 bytes)",
        ),
    ] {
        let expected = FunctionError { error_type: reason, error_message: message.to_owned() };
        assert_eq!(RULES.function_error(&error), Some(expected.clone()));
        assert_eq!(deny.function_error(&error), Some(expected.clone()));
        assert_eq!(FunctionError::fault(&error), expected);
        let diagnostic = lambda_runtime::Diagnostic::from(expected);
        assert_eq!(
            (diagnostic.error_type.as_str(), diagnostic.error_message.as_str()),
            (reason, message)
        );
    }
}
