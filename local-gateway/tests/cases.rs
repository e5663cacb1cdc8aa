//! Sends the requests of `cases.json` to the built-in APIs, through real sockets.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use local_gateway::conformance::{self, BuiltIn, Endpoints, Function, Table, Verdict, template};
use local_gateway::executable::{self, Profile};
use local_gateway::stack::Stack;

#[tokio::test]
async fn does_what_api_gateway_does() {
    let table = Table::read().unwrap();
    let function = executable::find(Profile::OWN).await.unwrap();
    let settings: Vec<_> = table.settings.iter().collect();
    let endpoints = Endpoints::BuiltIn(Box::new(Stack::start(&function, &settings).await.unwrap()));
    let mut wrong = Vec::new();
    for case in &table.cases {
        let verdict = conformance::check(&table, case, &endpoints).await;
        if verdict != Verdict::Passed {
            wrong.push((&case.rule, verdict));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_rule_has_its_source_and_both_outcomes_are_covered() {
    let table = Table::read().unwrap();
    for case in &table.cases {
        let is_page = ["https://docs.aws.amazon.com/", "https://repost.aws/"]
            .iter()
            .any(|prefix| case.source.starts_with(prefix));
        assert!(is_page || case.source == "not documented", "{}", case.rule);
        assert!(table.apis.contains_key(&case.api), "{}", case.api);
    }
    let cached = [(200, false, true), (403, false, true)];
    let asked = [(401, false, false), (401, true, false), (403, true, false), (500, true, false)];
    for (kind, outcomes) in [
        ("rest", [&[(200, true, false)], asked.as_slice(), &cached].concat()),
        ("http", [&[(200, true, false)], asked.as_slice(), &cached].concat()),
        ("websocket", [&[(101, true, false)], asked.as_slice()].concat()),
    ] {
        let cases = table.cases.iter().filter(|case| table.apis[&case.api].kind == kind);
        let stub = cases.filter(|case| case.function == Function::Stub);
        let requests: Vec<_> = stub.flat_map(|case| &case.requests).collect();
        for outcome in outcomes {
            let covered = requests.iter().any(|it| (it.status, it.invoked, it.cached) == outcome);
            assert!(covered, "{kind} {outcome:?}");
        }
    }
}

/// Starts every API of the table, with the stub.
async fn start_all(table: &Table) -> BTreeMap<String, BuiltIn> {
    let mut apis = BTreeMap::new();
    for (name, api) in &table.apis {
        apis.insert(name.clone(), BuiltIn::start(table, api, None).await.unwrap());
    }
    apis
}

#[tokio::test]
async fn sends_the_cases_to_apis_at_urls_that_have_cached_responses_of_other_cases() {
    let table = Table::read().unwrap();
    let apis = start_all(&table).await;
    let urls = apis.iter().map(|(name, api)| (name.clone(), api.url())).collect();
    let endpoints = Endpoints::at(urls, Duration::ZERO);
    let mut counts = [0; 3];
    for case in &table.cases {
        let sent = case.function == Function::Stub && case.waits().is_zero();
        // Only an integration shows the invocation.
        let is_visible = case.requests.iter().all(|exchange| [101, 200].contains(&exchange.status));
        let verdict = conformance::check(&table, case, &endpoints).await;
        let (count, as_expected) = match &verdict {
            Verdict::Passed => (0, sent && is_visible),
            Verdict::PassedInPart(_) => (1, sent && !is_visible),
            Verdict::NotChecked(_) => (2, !sent),
            Verdict::Failed(_) => (0, false),
        };
        assert!(as_expected, "{}: {verdict:?}", case.rule);
        counts[count] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[tokio::test]
async fn finds_the_differences_of_an_api() {
    let table = Table::read().unwrap();
    let apis = start_all(&table).await;
    for (name, actual, rule, difference) in [
        ("RestHeader", "RestHeaderUncached", "REST: a Deny is cached", None),
        (
            "RestHeader",
            "RestHeaderUncached",
            "REST: a cached policy is evaluated again for each route",
            Some("request 2, GET /orders: the function was asked: expected no, got yes"),
        ),
        (
            "RestHeader",
            "HttpPolicyHeader",
            "REST: an Allow lets the request in",
            Some("request 1, GET /orders: context: expected {\"admin\":\"true\","),
        ),
        (
            "RestHeader",
            "HttpPolicyHeader",
            "REST: an explicit Deny overrides an Allow",
            Some("request 2, DELETE /orders: body: expected {\"Message\":"),
        ),
        (
            "WebSocketHeader",
            "WebSocketNone",
            "WebSocket: a browser's subprotocol is not the header",
            None,
        ),
        (
            "RestHeaderDefaults",
            "RestHeader",
            "REST: a gateway response that is not specified",
            Some("request 1, GET /orders: status: expected 400, got 401"),
        ),
        (
            "RestHeaderDefaults",
            "RestHeader",
            "REST: a gateway response that is not specified",
            Some("request 1, GET /orders: Access-Control-Allow-Origin: expected *, got none"),
        ),
        (
            "WebSocketHeader",
            "RestHeader",
            "WebSocket: a response is never cached",
            Some("request 1, CONNECT: status: expected 101, got 200"),
        ),
    ] {
        let urls = [(name.to_owned(), apis[actual].url())].into();
        let endpoints = Endpoints::at(urls, Duration::ZERO);
        let mut cases = table.cases.iter().filter(|case| case.rule.starts_with(rule));
        let case = cases.next().unwrap();
        match (conformance::check(&table, case, &endpoints).await, difference) {
            (Verdict::Failed(differences), Some(difference)) => {
                let found = differences.iter().any(|it| it.starts_with(difference));
                assert!(found, "{difference} is not in {differences:#?}");
            }
            // From outside, nothing differs.
            (Verdict::PassedInPart(_) | Verdict::NotChecked(_), None) => {}
            (verdict, _) => panic!("{rule}: {verdict:?}"),
        }
    }
}

#[tokio::test]
async fn an_api_that_does_not_answer_differs() {
    let table = Table::read().unwrap();
    let urls = [("RestHeader".to_owned(), "http://127.0.0.1:9/prod".to_owned())].into();
    let endpoints = Endpoints::at(urls, Duration::ZERO);
    let verdict = conformance::check(&table, &table.cases[0], &endpoints).await;
    let Verdict::Failed(differences) = verdict else { panic!("{verdict:?}") };
    assert!(differences[0].contains("no answer: "), "{differences:?}");
}

#[test]
fn the_sam_template_is_that_of_the_table() {
    let written = include_str!("../conformance.yaml");
    let table = Table::read().unwrap();
    assert!(
        written == template::sam(&table),
        "write it again: \
         cargo run -p local-gateway -- conformance --template > local-gateway/conformance.yaml"
    );
}
