//! An issuer, a token of it, and authorizers that accept it, all in this process.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use jwks_authorizer::gateway::Answer;
use jwks_authorizer::jwks::{Content, FetchError, Fetched, KeyRequest, KeySet, KeySource};
use jwks_authorizer::{Authorizer, Config, Invocation};
use local_gateway::keys::SigningKey;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::yardstick::Yardstick;

/// The issuer of the tokens.
pub const ISSUER: &str = "https://issuer.example.com/";
/// Whom the tokens are for.
pub const AUDIENCE: &str = "https://api.example.com";

/// What may go wrong while a benchmark sets itself up.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A key of the issuer's, and a token that it has signed.
pub struct Scene {
    /// The public key, as the issuer publishes it.
    pub jwk: Value,
    /// The token: some 1.1 kB with 16 claims, as an identity provider issues them.
    pub token: String,
}

impl Scene {
    /// Makes a key and signs a token.
    ///
    /// # Errors
    ///
    /// When there is no randomness to be had.
    pub fn new() -> Outcome<Self> {
        Self::with_claims(&claims())
    }

    /// Makes a key and signs a token with these claims.
    ///
    /// # Errors
    ///
    /// When there is no randomness to be had.
    pub fn with_claims(claims: &Value) -> Outcome<Self> {
        Ok(Self::signed(&SigningKey::generate("2026-11-signing-key-of-the-issuer")?, claims))
    }

    /// Signs a token with this key.
    #[must_use]
    pub fn signed(key: &SigningKey, claims: &Value) -> Self {
        let token = key.sign(&key.header(), claims.to_string().as_bytes());
        Self { jwk: key.jwk(), token }
    }

    /// Returns the bare check of this scene's token.
    ///
    /// # Errors
    ///
    /// When the key and the token do not belong together.
    pub fn yardstick(&self) -> Outcome<Yardstick> {
        Yardstick::new(&self.jwk, &self.token)
    }

    /// Returns the event of each kind, with the token in the `Authorization` header, and a
    /// WebSocket's with the token where a browser can put it.
    #[must_use]
    pub fn events(&self) -> [(&'static str, Value); 6] {
        let request = self.request();
        [
            ("WebSocket", request.websocket_connect()),
            ("WebSocket, subprotocol", self.offer().websocket_connect()),
            ("REST REQUEST", request.rest_request()),
            ("REST TOKEN", request.rest_token()),
            ("HTTP API 1.0", request.http_api_1()),
            ("HTTP API 2.0", request.http_api_2()),
        ]
    }

    /// Returns a request with the token in the `Authorization` header.
    #[must_use]
    pub fn request(&self) -> Request {
        headers().bearer(&self.token)
    }

    /// Returns a handshake that offers the token as a subprotocol.
    fn offer(&self) -> Request {
        headers().header("Sec-WebSocket-Protocol", format!("bearer, {}", self.token))
    }

    /// Returns the issuer's key set, with so many other keys before the one that counts.
    #[must_use]
    pub fn key_set(&self, others: usize) -> Vec<u8> {
        let other = |number| {
            let mut jwk = self.jwk.clone();
            jwk["kid"] = json!(format!("{number}-signing-key-of-the-issuer"));
            jwk
        };
        let keys: Vec<_> = (0..others).map(other).chain([self.jwk.clone()]).collect();
        json!({ "keys": keys }).to_string().into_bytes()
    }

    /// Returns the settings of an authorizer that accepts the token; those given come on top.
    pub fn variables(&self, settings: &[(&str, &str)]) -> Vec<(String, String)> {
        let required = [("AUTHORIZER_ISSUER", ISSUER), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
        // A list of issuers brings its own.
        let has_issuers = settings.iter().any(|(name, _)| *name == "AUTHORIZER_ISSUERS");
        let required = if has_issuers { &[][..] } else { &required };
        let settings = required.iter().chain(settings);
        settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Returns an authorizer with its keys at hand.
    ///
    /// # Errors
    ///
    /// When the settings are mistaken.
    pub fn round(&self, settings: &[(&str, &str)]) -> Outcome<Round> {
        self.round_among(0, settings)
    }

    /// Returns an authorizer whose issuer has so many other keys.
    ///
    /// # Errors
    ///
    /// When the settings are mistaken.
    pub fn round_among(&self, other_keys: usize, settings: &[(&str, &str)]) -> Outcome<Round> {
        let config = Config::from_variables(self.variables(settings))?;
        let keys = FromMemory(self.key_set(other_keys));
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio.block_on(async {
            let authorizer = Authorizer::new(config, keys, Arc::new(SystemTime::now)).await?;
            authorizer.prefetch().await;
            Ok(Round(authorizer))
        })
    }
}

/// A request for a route, with some of the headers that browsers send.
fn headers() -> Request {
    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36";
    Request::new("GET", "/orders/1")
        .header("Accept-Language", "en-GB,en;q=0.9,de;q=0.8")
        .header("Origin", "https://app.example.com")
        .header("User-Agent", BROWSER)
}

/// Returns `AUTHORIZER_ISSUERS` with so many issuers, of which the scene's is the last.
#[must_use]
pub fn issuers(count: usize) -> String {
    let others = (1..count).map(|number| format!("https://issuer-{number}.example.com/"));
    let issuer = |issuer| json!({ "issuer": issuer, "audience": AUDIENCE });
    Value::from_iter(others.chain([ISSUER.to_owned()]).map(issuer)).to_string()
}

/// Returns `AUTHORIZER_ROUTE_SCOPES` with so many rules, which the scene's token meets and the
/// first of which its request matches.
#[must_use]
pub fn route_scopes(count: usize) -> String {
    let rule = |number| (format!("GET /orders/{number}"), json!(["orders:read"]));
    Value::from_iter((1..=count).map(rule)).to_string()
}

/// The claims of the token that most is measured with.
#[must_use]
pub fn claims() -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({
        "iss": ISSUER, "sub": "auth0|6422f1c2a0b1c2d3e4f50617", "aud": AUDIENCE,
        "azp": "hTq3mZ0uY5sXw8vB1nK4cD7eF2gJ6lPa", "iat": now, "nbf": now, "exp": now + 36_000,
        "jti": "3f0c7a3e-9f1b-4d59-8a51-0c8a4b6b7f10", "scope": "openid profile email orders:read chat:connect",
        "permissions": ["orders:read", "chat:connect"], "https://example.com/tenant": "tenant-0001",
        "email": "somebody@example.com", "email_verified": true, "sid": "Zx1Cv2Bn3Mq4Wa5", "acr": "1", "amr": ["pwd"]
    })
}

/// An issuer that answers from memory, with this key set.
pub struct FromMemory(pub Vec<u8>);

impl KeySource for FromMemory {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let uri = request.origin.discovery_uri.clone();
        let (keys, skipped) = KeySet::parse(&self.0, &request.origin.algorithms)
            .map_err(|cause| FetchError::KeySet { url: uri.to_string(), cause })?;
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}

/// An authorizer with its keys at hand.
pub struct Round(Authorizer<FromMemory>);

impl Round {
    /// Takes an event to its answer, and returns that if it is an Allow.
    #[must_use]
    pub fn allow(&self, event: &str) -> Option<Answer> {
        // A Deny has no subject in it.
        self.answer(event).filter(|answer| answer.get().contains("\"sub\""))
    }

    /// Takes an event to its answer. With the keys at hand nothing is waited for, so no runtime is
    /// needed, and none is measured.
    pub fn answer(&self, event: &str) -> Option<Answer> {
        let deadline = UNIX_EPOCH;
        let invocation = Invocation { request_id: "", trace_id: None, deadline };
        black_box(at_once(self.0.authorize(black_box(event), invocation))?.ok())
    }

    /// Takes an event to its answer again and again, and tells whether that was always the Allow
    /// that it is now. Which it is, its length tells at no cost.
    ///
    /// # Errors
    ///
    /// When it is not allowed to begin with.
    pub fn always_allows(&self, event: &str) -> Outcome<impl Fn() -> bool> {
        let length = self.allow(event).ok_or("the event is not allowed")?.get().len();
        Ok(move || self.answer(event).is_some_and(|answer| answer.get().len() == length))
    }
}

/// Returns what needs not be waited for.
pub fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
