//! Issuers are independent: one that hangs delays only its own tokens.

use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::json;

use test_support::deployment::{Decision, Deployment};
use test_support::gateway::Verdict;

#[tokio::test]
async fn tokens_of_a_well_issuer_do_not_wait_for_one_that_hangs() {
    let (well, ill) = (Issuer::start().await.unwrap(), Issuer::start().await.unwrap());
    let token = |issuer: &Issuer| issuer.token(&issuer.claims());
    let issuers = json!([
        { "issuer": ill.url(), "audience": AUDIENCE },
        { "issuer": well.url(), "audience": AUDIENCE },
    ]);
    // At the start it fails at once, so that the start does not wait for it.
    ill.serve_key_set(Served::Disconnect);
    let issuers = issuers.to_string();
    let settings = [
        ("AUTHORIZER_ISSUERS", issuers.as_str()),
        ("AUTHORIZER_JWKS_TIMEOUT_MS", "25000"),
        ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "4"),
    ];
    let mut deployment = Deployment::start(&settings).await;
    deployment.hold_keys(&token(&well)).await;

    ill.serve_key_set(Served::Hang);
    let next = ill.requests(KEY_SET_PATH) + 1;
    let waiting = deployment.ask_until_requested(&token(&ill), &ill, next).await;
    // Fresh keys and, with a lifetime of a second, fetches as well.
    let fetched = |seen: &Deployment| {
        seen.refreshes.iter().filter(|refresh| refresh.outcome == "fetched").count()
    };
    let refreshes = fetched(&deployment);
    let refreshed = |seen: &Deployment, _: &Decision| fetched(seen) > refreshes + 1;
    for decision in deployment.ask_until(&token(&well), refreshed).await {
        assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
    }
    assert!(!waiting.is_finished(), "the other issuer's request had its answer before");

    ill.serve_key_set(Served::Own);
    assert_eq!(waiting.await.unwrap(), Verdict::Allow);
}
