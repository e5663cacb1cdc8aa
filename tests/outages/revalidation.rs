//! The keys have not changed, says the issuer, and need not say more.

use local_gateway::header::{ETAG, HeaderValue};
use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use local_gateway::served::Served;

use crate::gateway::Verdict;
use crate::outage::{Decision, Environment};

fn outcomes(environment: &Environment) -> Vec<&str> {
    environment.refreshes.iter().map(|refresh| refresh.outcome.as_str()).collect()
}

#[tokio::test]
async fn a_304_renews_the_keys_and_a_200_replaces_them() {
    let issuer = Issuer::start().await.unwrap();
    let tagged = |tag| Served::own().with_header(ETAG, HeaderValue::from_static(tag));
    issuer.serve_key_set(tagged("\"1\""));
    let token = issuer.token(&issuer.claims());
    let settings = [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_JWKS_TTL_SECONDS", "1")];
    let mut environment = Environment::start(&settings).await;

    let renewed = |seen: &Environment, _: &Decision| seen.refreshes.len() == 2;
    let decisions = environment.ask_until(&token, renewed).await;
    let (last, before) = decisions.split_last().unwrap();
    before.iter().for_each(|decision| decision.is_allowed_by("fresh"));
    last.is_allowed_by("fetched");
    environment.ask(&token).await.is_allowed_by("fresh");
    assert_eq!(outcomes(&environment), ["fetched", "not_modified"]);
    assert_eq!(issuer.requests(KEY_SET_PATH), 2);

    issuer.rotate().unwrap();
    issuer.serve_key_set(tagged("\"2\""));
    environment.ask(&issuer.token(&issuer.claims())).await.is_allowed_by("fetched");
    assert_eq!(environment.ask(&token).await.verdict, Verdict::Unauthorized);
    assert_eq!(outcomes(&environment), ["fetched", "not_modified", "fetched"]);
}
