//! Sends the requests of `cases.json` to the built-in APIs, through real sockets.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use local_gateway::conformance::{self, Endpoints, Function, Table, Verdict};
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
