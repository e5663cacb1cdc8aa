//! The issuer says that the keys have not changed.

use test_support::deployment::{Decision, Deployment};
use test_support::fixtures::{Fixtures, SIGNING_KID, token};
use test_support::gateway::Verdict;

fn outcomes(deployment: &Deployment) -> Vec<&str> {
    deployment.refreshes.iter().map(|refresh| refresh.outcome.as_str()).collect()
}

#[tokio::test]
async fn a_304_and_a_200_renew_the_keys() {
    let fixtures = Fixtures::serve().await.unwrap();
    fixtures.switch_to("cache-control");
    let issuer = fixtures.switched_issuer();
    let good = token(&issuer, SIGNING_KID);
    let settings = [("AUTHORIZER_JWKS_TTL_SECONDS", "3")];
    let mut deployment = Deployment::trusting(&issuer, &settings).await;

    let renewed = |seen: &Deployment, _: &Decision| seen.refreshes.len() == 2;
    let decisions = deployment.ask_until(&good, renewed).await;
    decisions
        .iter()
        .for_each(|decision| assert_eq!(decision.verdict, Verdict::Allow, "{decision}"));
    deployment.ask_token(&good).await.is_allowed_by("fresh");
    assert_eq!(outcomes(&deployment), ["fetched", "not_modified"]);
    assert_eq!(fixtures.requests_to("/issuer/jwks.json").await, 2);

    // This one has an `ETag` no more, and another set.
    fixtures.switch_to("healthy");
    let unknown = deployment.ask_token(&token(&issuer, "unknown")).await;
    assert_eq!(unknown.verdict, Verdict::Unauthorized);
    deployment.ask_token(&good).await.is_allowed_by("fresh");
    assert_eq!(outcomes(&deployment), ["fetched", "not_modified", "fetched"]);
}
