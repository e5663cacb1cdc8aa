//! The in-process round: event bytes to answer bytes, keys at hand, over the
//! bare signature check.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwks_authorizer::jwks::{Content, FetchError, Fetched, KeyRequest, KeySet, KeySource};
use jwks_authorizer::{Authorizer, Config, Invocation};
use local_gateway::keys::SigningKey;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::contest::{Contestant, Score, hold};

const ISSUER: &str = "https://issuer.example.com/";
const AUDIENCE: &str = "https://api.example.com";

/// An issuer that answers from memory.
struct FromMemory(Vec<u8>);

impl KeySource for FromMemory {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let uri = request.origin.discovery_uri.clone();
        let (keys, skipped) = KeySet::parse(&self.0, &request.origin.algorithms)
            .map_err(|cause| FetchError::KeySet { url: uri.to_string(), cause })?;
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}

/// A key, a token of it and an authorizer that accepts it.
struct Scene {
    key: SigningKey,
    token: String,
}

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

impl Scene {
    fn new() -> Outcome<Self> {
        let key = SigningKey::generate("2026-11-signing-key-of-the-issuer")?;
        let token = key.sign(&key.header(), claims().to_string().as_bytes());
        Ok(Self { key, token })
    }

    async fn authorizer(&self, settings: &[(&str, &str)]) -> Outcome<Authorizer<FromMemory>> {
        let required = [("AUTHORIZER_ISSUER", ISSUER), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
        let variables = required
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let key_set = json!({ "keys": [self.key.jwk()] }).to_string().into_bytes();
        Ok(Authorizer::new(
            Config::from_variables(variables)?,
            FromMemory(key_set),
            Arc::new(SystemTime::now),
        )
        .await?)
    }

    /// A request as a browser behind CloudFront sends it: some 2.7 kB of event.
    fn request(&self) -> Request {
        Request::new("GET", "/orders/1").bearer(&self.token)
            .header("Accept-Language", "en-GB,en;q=0.9,de;q=0.8")
            .header("Origin", "https://app.example.com")
            .header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36")
    }

    fn bare_check(&self) -> Outcome<impl FnMut() + '_> {
        let jwk = self.key.jwk();
        let parameter = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default());
        let components = RsaPublicKeyComponents { n: parameter("n")?, e: parameter("e")? };
        let key: ParsedPublicKey = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?;
        let (message, signature) = self.token.rsplit_once('.').ok_or("no token")?;
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        Ok(move || {
            assert!(key.verify_sig(black_box(message.as_bytes()), black_box(&signature)).is_ok())
        })
    }
}

fn claims() -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({
        "iss": ISSUER, "sub": "auth0|6422f1c2a0b1c2d3e4f50617", "aud": AUDIENCE,
        "azp": "hTq3mZ0uY5sXw8vB1nK4cD7eF2gJ6lPa", "iat": now, "nbf": now, "exp": now + 36_000,
        "jti": "3f0c7a3e-9f1b-4d59-8a51-0c8a4b6b7f10", "scope": "openid profile email orders:read chat:connect",
        "permissions": ["orders:read", "chat:connect"], "https://example.com/tenant": "tenant-0001",
        "email": "somebody@example.com", "email_verified": true, "sid": "Zx1Cv2Bn3Mq4Wa5", "acr": "1", "amr": ["pwd"]
    })
}

/// Measures the round for each kind of event, over the bare check.
pub(crate) fn measure(rounds: usize, runs: u32) -> Outcome<Vec<Score>> {
    let scene = Scene::new()?;
    let request = scene.request();
    let round = Round::new(&scene, &[])?;
    let contestants = vec![
        Contestant::new("bare check", scene.bare_check()?),
        round.contestant("WebSocket", &request.websocket_connect()),
        round.contestant("REST REQUEST", &request.rest_request()),
        round.contestant("REST TOKEN", &request.rest_token()),
        round.contestant("HTTP API 1.0", &request.http_api_1()),
        round.contestant("HTTP API 2.0", &request.http_api_2()),
    ];
    Ok(hold(rounds, runs, contestants))
}

/// Measures what metrics add to the round of a WebSocket.
pub(crate) fn measure_metrics(rounds: usize, runs: u32) -> Outcome<Vec<Score>> {
    let scene = Scene::new()?;
    let event = scene.request().websocket_connect();
    let off = Round::new(&scene, &[])?;
    let on = Round::new(&scene, &[("AUTHORIZER_METRICS_NAMESPACE", "Bench")])?;
    let contestants =
        vec![off.contestant("WebSocket", &event), on.contestant("the same with metrics", &event)];
    Ok(hold(rounds, runs, contestants))
}

/// Measures what route rules add to the round: the whole policy for a REST API,
/// as many rules as fit into one, and the one decision for an HTTP API.
pub(crate) fn measure_routes(rounds: usize, runs: u32) -> Outcome<Vec<Score>> {
    let scene = Scene::new()?;
    let request = scene.request();
    let (rest, http) = (request.rest_request(), request.http_api_2());
    let with_rules = |count: usize| -> Outcome<Round<FromMemory>> {
        let rules: Vec<_> =
            (1..=count).map(|rule| format!(r#""GET /orders/{rule}": ["orders:read"]"#)).collect();
        Round::new(&scene, &[("AUTHORIZER_ROUTE_SCOPES", &format!("{{{}}}", rules.join(",")))])
    };
    let none = Round::new(&scene, &[])?;
    let (one, twenty, eighty, many) =
        (with_rules(1)?, with_rules(20)?, with_rules(80)?, with_rules(200)?);
    let contestants = vec![
        none.contestant("REST, no rules", &rest),
        one.contestant("REST, 1 rule", &rest),
        twenty.contestant("REST, 20 rules", &rest),
        eighty.contestant("REST, 80 rules", &rest),
        none.contestant("HTTP API 2.0, no rules", &http),
        many.contestant("HTTP API 2.0, 200 rules", &http),
    ];
    Ok(hold(rounds, runs, contestants))
}

/// An authorizer with its keys at hand, on a runtime as the function has it.
struct Round<S> {
    tokio: tokio::runtime::Runtime,
    authorizer: Authorizer<S>,
}

impl Round<FromMemory> {
    fn new(scene: &Scene, settings: &[(&str, &str)]) -> Outcome<Self> {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let authorizer = tokio.block_on(scene.authorizer(settings))?;
        Ok(Self { tokio, authorizer })
    }

    fn contestant(&self, name: &str, event: &Value) -> Contestant<'_> {
        let event = event.to_string();
        Contestant::new(format!("{name} ({} bytes)", event.len()), move || {
            let deadline = SystemTime::now() + Duration::from_secs(3);
            let invocation = Invocation { request_id: "", trace_id: None, deadline };
            let answer =
                self.tokio.block_on(self.authorizer.authorize(black_box(&event), invocation));
            assert!(answer.is_ok_and(|answer| answer.get().contains("sub")));
        })
    }
}
