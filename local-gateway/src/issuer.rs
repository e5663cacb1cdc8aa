//! An OIDC issuer on loopback: discovery, key set, key rotation, and tokens of every quality.
//!
//! It has no login and no token endpoint: [`Issuer::token`] signs any claims. It serves other
//! documents, hangs or closes connections when a test says so, and counts the requests.
//!
//! <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig>

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::keys::{KeyError, SigningKey};
use crate::served::{Endpoint, Served};
use crate::server::{self, Answer, Disconnect, Server};

/// Where the discovery document is.
pub const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// Where the key set is.
pub const KEY_SET_PATH: &str = "/jwks.json";

/// The audience of [`Issuer::claims`].
pub const AUDIENCE: &str = "local-gateway";

/// How long a token of [`Issuer::claims`] lives.
const TOKEN_LIFETIME_SECONDS: u64 = 3600;

/// A running issuer; dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Issuer {
    server: Server,
    state: Arc<State>,
}

impl Issuer {
    /// Makes a key and starts serving on a free port.
    ///
    /// # Errors
    ///
    /// When no port or no key can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(0).await
    }

    /// Makes a key and starts serving on `port`, or on a free one if another program has it.
    ///
    /// # Errors
    ///
    /// When no port or no key can be had.
    pub async fn start_at(port: u16) -> io::Result<Self> {
        let key = SigningKey::generate("key-1").map_err(io::Error::other)?;
        let listener = server::listen_preferring(port).await?;
        let state = Arc::new(State {
            url: format!("http://{}", listener.local_addr()?),
            keys: Mutex::new(Keys { current: Arc::new(key), old: None, made: 1 }),
            discovery: Endpoint::new(),
            key_set: Endpoint::new(),
            requests: watch::Sender::default(),
        });
        let server = Server::start(listener, {
            let state = Arc::clone(&state);
            move |request| answer(Arc::clone(&state), request)
        })?;
        Ok(Self { server, state })
    }

    /// The issuer's identifier: its base URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// The URL of the key set.
    #[must_use]
    pub fn key_set_url(&self) -> String {
        format!("{}{KEY_SET_PATH}", self.url())
    }

    /// The key that signs at the moment.
    #[must_use]
    pub fn key(&self) -> Arc<SigningKey> {
        self.state.key()
    }

    /// Returns the key that signed before the last rotation.
    #[must_use]
    pub fn old_key(&self) -> Option<Arc<SigningKey>> {
        self.state.keys().old.as_ref().map(|old| Arc::clone(&old.key))
    }

    /// Replaces the key by a new one, which is then the only one in the key set.
    ///
    /// # Errors
    ///
    /// When no key can be had.
    pub fn rotate(&self) -> Result<(), KeyError> {
        self.rotate_with_overlap()?;
        self.withdraw_old_key();
        Ok(())
    }

    /// Replaces the key by a new one, and leaves the replaced one in the key set.
    ///
    /// # Errors
    ///
    /// When no key can be had.
    pub fn rotate_with_overlap(&self) -> Result<(), KeyError> {
        let mut keys = self.state.keys();
        let key = Arc::new(SigningKey::generate(format!("key-{}", keys.made + 1))?);
        keys.made += 1;
        let key = std::mem::replace(&mut keys.current, key);
        keys.old = Some(OldKey { key, is_published: true });
        Ok(())
    }

    /// Takes the old key out of the key set.
    pub fn withdraw_old_key(&self) {
        if let Some(old) = &mut self.state.keys().old {
            old.is_published = false;
        }
    }

    /// The claims of a token that nothing speaks against, issued now for [`AUDIENCE`].
    #[must_use]
    pub fn claims(&self) -> Value {
        let now = now_seconds();
        json!({
            "iss": self.url(),
            "sub": "alice",
            "aud": AUDIENCE,
            "client_id": "local-client",
            "scope": "chat:read chat:write",
            "iat": now,
            "exp": now + TOKEN_LIFETIME_SECONDS,
        })
    }

    /// Signs `claims` with the current key.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let key = self.key();
        key.sign(&key.header(), claims.to_string().as_bytes())
    }

    /// Signs any header and payload with the current key; see [`SigningKey::sign`].
    #[must_use]
    pub fn sign(&self, header: &Value, payload: &[u8]) -> String {
        self.key().sign(header, payload)
    }

    /// Serves this in place of the key set, and lets go of requests that hang.
    pub fn serve_key_set(&self, served: Served) {
        self.state.key_set.serve(served);
    }

    /// Serves this in place of the discovery document, and lets go of requests that hang.
    pub fn serve_discovery(&self, served: Served) {
        self.state.discovery.serve(served);
    }

    /// Counts the requests for `path`.
    #[must_use]
    pub fn requests(&self, path: &str) -> usize {
        self.state.requests.borrow().get(path).copied().unwrap_or_default()
    }

    /// Waits until `path` was requested `count` times, counted from the issuer's start.
    pub async fn requested(&self, path: &str, count: usize) {
        let mut requests = self.state.requests.subscribe();
        // The sender lives as long as `self`, so this only ends when the count is reached.
        let _ = requests
            .wait_for(|requests| requests.get(path).is_some_and(|counted| *counted >= count))
            .await;
    }

    /// Counts the connections that were opened, closed ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.connections()
    }
}

/// The seconds since the epoch, as claims count time.
#[must_use]
pub fn now_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[derive(Debug)]
struct State {
    url: String,
    keys: Mutex<Keys>,
    discovery: Endpoint,
    key_set: Endpoint,
    requests: watch::Sender<HashMap<String, usize>>,
}

#[derive(Debug)]
struct Keys {
    current: Arc<SigningKey>,
    old: Option<OldKey>,
    made: usize,
}

#[derive(Debug)]
struct OldKey {
    key: Arc<SigningKey>,
    is_published: bool,
}

impl State {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.keys().current)
    }

    /// Returns the JWKs that are published, the current one first.
    fn jwks(&self) -> Vec<Value> {
        let keys = self.keys();
        let old = keys.old.iter().filter(|old| old.is_published).map(|old| old.key.jwk());
        std::iter::once(keys.current.jwk()).chain(old).collect()
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Disconnect> {
    let path = request.uri().path();
    state.requests.send_modify(|requests| *requests.entry(path.to_owned()).or_default() += 1);
    match path {
        DISCOVERY_PATH => {
            let document = || {
                let url = &state.url;
                json!({ "issuer": url, "jwks_uri": format!("{url}{KEY_SET_PATH}") }).to_string()
            };
            state.discovery.answer(|| document().into()).await
        }
        KEY_SET_PATH => {
            let document = || json!({ "keys": state.jwks() }).to_string();
            state.key_set.answer(|| document().into()).await
        }
        _ => {
            let mut nothing = Answer::default();
            *nothing.status_mut() = StatusCode::NOT_FOUND;
            Ok(nothing)
        }
    }
}
