//! A signing key, a token, events with the token, and authorizers in this process that accept it.

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use jwks_authorizer::Response;
use jwks_authorizer::jwks::{Content, FetchError, Fetched, KeyRequest, KeySet, KeySource};
use jwks_authorizer::{Authorizer, Config, Invocation};
use local_gateway::keys::SigningKey;
use local_gateway::request::Request;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::signature_check::SignatureCheck;

/// The token's issuer, for an authorizer in this process.
pub const ISSUER: &str = "https://issuer.example.com/";
/// The token's audience.
pub const AUDIENCE: &str = "https://api.example.com";
/// The settings of an authorizer with rules on trial that the token meets.
pub const WITH_TRIAL: Settings = &[
    ("AUTHORIZER_REPORT_ONLY_REQUIRED_SCOPES", "orders:read"),
    ("AUTHORIZER_REPORT_ONLY_MAX_TOKEN_AGE_SECONDS", "31536000"),
];

/// The settings of an authorizer that writes metrics.
pub const WITH_METRICS: Settings = &[("AUTHORIZER_METRICS_NAMESPACE", "Benchmark")];

/// Environment variables and their values.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// The result of a benchmark's step.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A public key, and a token that its private key signed.
pub struct Fixture {
    /// The public key, as the issuer publishes it.
    pub jwk: Value,
    /// The token: about 1.1 kB with 16 claims, as identity providers issue them.
    pub token: String,
}

impl Fixture {
    /// Makes a key, and signs a token with [`claims`].
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn new() -> Outcome<Self> {
        Ok(Self::signed(&SigningKey::generate("2026-11-signing-key-of-the-issuer")?, &claims()))
    }

    /// Signs a token with this key.
    #[must_use]
    pub fn signed(key: &SigningKey, claims: &Value) -> Self {
        let token = key.sign(&key.header(), claims.to_string().as_bytes());
        Self { jwk: key.jwk(), token }
    }

    /// Returns the bare signature check of the token.
    ///
    /// # Errors
    ///
    /// When another key signed the token.
    pub fn signature_check(&self) -> Outcome<SignatureCheck> {
        SignatureCheck::new(&self.jwk, &self.token)
    }

    /// Returns one event of each kind. The token is in the `Authorization` header; the second
    /// WebSocket event has it in the list of subprotocols instead.
    #[must_use]
    pub fn events(&self) -> [(&'static str, Value); 6] {
        let request = self.request();
        let subprotocols = format!("bearer, {}", self.token);
        let handshake = headers().header("Sec-WebSocket-Protocol", subprotocols);
        [
            ("WebSocket", request.websocket_connect()),
            ("WebSocket, subprotocol", handshake.websocket_connect()),
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

    /// Returns a key set of `count` keys. The last one is the token's.
    #[must_use]
    pub fn key_set(&self, count: usize) -> Vec<u8> {
        let other = |number| {
            let mut jwk = self.jwk.clone();
            jwk["kid"] = json!(format!("{number}-signing-key-of-the-issuer"));
            jwk
        };
        let keys: Vec<_> = (1..count).map(other).chain([self.jwk.clone()]).collect();
        json!({ "keys": keys }).to_string().into_bytes()
    }

    /// Returns the configuration of an authorizer that accepts the token, with further settings.
    ///
    /// # Errors
    ///
    /// When a setting is invalid.
    pub fn config(&self, settings: Settings<'_>) -> Outcome<Config> {
        let required = [("AUTHORIZER_ISSUER", ISSUER), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
        let variables = required.iter().chain(settings);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(Config::from_variables(variables)?)
    }

    /// Returns an authorizer that has its keys cached.
    ///
    /// # Errors
    ///
    /// When a setting is invalid.
    pub fn authorizer(&self, settings: Settings<'_>) -> Outcome<InProcessAuthorizer> {
        self.authorizer_with(self.config(settings)?)
    }

    /// Returns an authorizer that has the keys of so many issuers cached, two of each.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn authorizer_of_issuers(&self, count: usize) -> Outcome<InProcessAuthorizer> {
        let files = IssuersFile::new(self, ISSUER, count)?;
        let variables = [("AUTHORIZER_ISSUERS".to_owned(), files.issuers()?)];
        self.authorizer_with(Config::from_variables(variables)?)
    }

    fn authorizer_with(&self, config: Config) -> Outcome<InProcessAuthorizer> {
        let keys = FromMemory(self.key_set(1));
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio.block_on(async {
            let authorizer =
                Authorizer::with_source(config, keys, Arc::new(SystemTime::now)).await?;
            authorizer.prefetch().await;
            Ok(InProcessAuthorizer(authorizer))
        })
    }
}

/// A file with a list of issuers, and the file with their keys.
pub struct IssuersFile {
    issuers: NamedTempFile,
    /// The list names this file.
    _key_set: NamedTempFile,
}

impl IssuersFile {
    /// Lists so many issuers, each with two keys. The last one is `issuer`, and has the key of the
    /// fixture's token.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn new(fixture: &Fixture, issuer: &str, count: usize) -> Outcome<Self> {
        let mut key_set = NamedTempFile::new()?;
        key_set.write_all(&fixture.key_set(2))?;
        let other = |number| format!("https://login.example.com/tenant-{number:04}/v2.0");
        let names = (1..count).map(other).chain([issuer.to_owned()]);
        let object =
            |name| json!({ "issuer": name, "audience": AUDIENCE, "jwks_file": key_set.path() });
        let list: Vec<Value> = names.map(object).collect();
        let mut issuers = NamedTempFile::new()?;
        issuers.write_all(json!(list).to_string().as_bytes())?;
        Ok(Self { issuers, _key_set: key_set })
    }

    /// Returns the path of the list.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.issuers.path()
    }

    fn issuers(&self) -> Outcome<String> {
        Ok(std::fs::read_to_string(self.path())?)
    }
}

/// Returns the headers that a browser sends.
fn headers() -> Request {
    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36";
    Request::new("GET", "/orders/1")
        .header("Accept-Language", "en-GB,en;q=0.9,de;q=0.8")
        .header("Origin", "https://app.example.com")
        .header("User-Agent", BROWSER)
}

/// Returns the claims of the token.
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

/// A key source that returns this key set from memory.
struct FromMemory(Vec<u8>);

impl KeySource for FromMemory {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let uri = request.origin.location.first_uri().clone();
        let (keys, skipped) =
            KeySet::parse(&self.0, &request.origin.issuer, &request.origin.algorithms)
                .map_err(|cause| FetchError::KeySet { url: uri.to_string(), cause })?;
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}

/// An authorizer that has its keys cached.
pub struct InProcessAuthorizer(Authorizer<FromMemory>);

impl InProcessAuthorizer {
    /// Returns a function that answers the event, and tells whether the answer allows the request.
    ///
    /// The function only compares the length of the answer with that of the first one, since that
    /// costs nothing.
    ///
    /// # Errors
    ///
    /// When the first answer does not allow the request.
    pub fn always_allows(&self, event: &str) -> Outcome<impl Fn() -> bool> {
        // An answer that denies has no subject.
        let allowing = self.answer(event).filter(|answer| answer.as_json().contains("\"sub\""));
        let length = allowing.ok_or("the event is not allowed")?.as_json().len();
        Ok(move || self.answer(event).is_some_and(|answer| answer.as_json().len() == length))
    }

    /// Returns the answer to an event.
    fn answer(&self, event: &str) -> Option<Response> {
        let invocation = Invocation { request_id: "", trace_id: None, deadline: UNIX_EPOCH };
        black_box(ready(self.0.authorize(black_box(event), invocation))?.ok())
    }
}

/// Returns the output of a future that never waits. It needs no runtime, so none is measured.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
