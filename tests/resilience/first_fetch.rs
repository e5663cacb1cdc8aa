//! The first fetch, during the start: the issuer is slow, or there is no way to it.

use std::net::Ipv4Addr;
use std::time::Duration;

use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use test_support::deployment::{Deployment, in_time};
use test_support::gateway::Verdict;

#[tokio::test]
async fn the_start_waits_for_a_slow_issuer_and_the_first_request_does_not() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    issuer.serve_key_set(Served::Hang);
    let settings = [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
    let mut deployment = Deployment::begin_to_start(&settings).await;
    in_time(issuer.requested(KEY_SET_PATH, 1)).await;
    issuer.serve_key_set(Served::Own);
    deployment.ready().await;
    deployment.ask_token(&token).await.is_allowed_by("fresh");
    assert_eq!(issuer.requests(KEY_SET_PATH), 1);
}

#[tokio::test]
async fn the_start_ends_though_the_issuer_hangs_and_the_request_says_why() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    issuer.serve_key_set(Served::Hang);
    let settings = [("AUTHORIZER_JWKS_TIMEOUT_MS", "300")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    let decision = deployment.ask_token(&token).await;
    assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{decision}");
    let error = &deployment.refreshes[0].error;
    assert_eq!(error, "no response within 300 ms (AUTHORIZER_JWKS_TIMEOUT_MS)");
    issuer.serve_key_set(Served::Own);
    deployment.hold_keys(&token).await;
}

/// A port that takes no more connections: packets to it are dropped, as in a VPC without NAT.
struct Blackhole {
    url: String,
    _waiting: Vec<TcpStream>,
    _listener: tokio::net::TcpListener,
}

impl Blackhole {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(connection) =
            timeout(Duration::from_millis(500), TcpStream::connect(address)).await
        {
            waiting.push(connection.unwrap());
        }
        Self { url: format!("http://{address}"), _waiting: waiting, _listener: listener }
    }
}

#[tokio::test]
async fn without_a_route_the_message_names_the_likely_cause() {
    let blackhole = Blackhole::new().await;
    // Both connections take a third of this, so a busy machine has the rest.
    let settings = [("AUTHORIZER_JWKS_TIMEOUT_MS", "4500")];
    let mut deployment = Deployment::trusting(&blackhole.url, &settings).await;
    let issuer = Issuer::start().await.unwrap();
    let mut claims = issuer.claims();
    claims["iss"] = blackhole.url.clone().into();
    let decision = deployment.ask_token(&issuer.token(&claims)).await;
    assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{decision}");
    let error = &deployment.refreshes[0].error;
    let cause =
        "the connection was not set up in time; no route: is the function in a VPC without NAT?";
    assert!(error.ends_with(cause), "{error}");
    deployment.logged("no route: is the function in a VPC without NAT?").await;
}
