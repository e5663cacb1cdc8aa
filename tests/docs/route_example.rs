//! An authorizer in this process, and a token as the example of the route rules has it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jwks_authorizer::jwks::{Content, FetchError, Fetched, KeyRequest, KeySet, KeySource};
use jwks_authorizer::{Authorizer, Config, Invocation};
use local_gateway::keys::SigningKey;
use local_gateway::request::Request;
use serde_json::{Value, json};

/// Settings, and a token whose context is known.
pub(crate) struct Example {
    authorizer: Authorizer<Issuer>,
    token: String,
    now: SystemTime,
}

/// Publishes one key.
struct Issuer(Value);

impl KeySource for Issuer {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let set = json!({ "keys": [self.0] }).to_string();
        let (keys, skipped) =
            KeySet::parse(set.as_bytes(), &request.origin.issuer, &request.origin.algorithms)
                .unwrap();
        let uri = request.origin.location.first_uri().clone();
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}

impl Example {
    /// Takes the settings and the context that the token's claims become.
    pub(crate) async fn of(settings: Vec<(String, String)>, context: &Value) -> Self {
        let mut claims = context.clone();
        let audience = settings.iter().find(|(name, _)| name == "AUTHORIZER_AUDIENCE");
        claims["aud"] = json!(audience.expect("the example has an audience").1);
        let config = Config::from_variables(settings).unwrap();
        let key = SigningKey::generate("any").unwrap();
        let token = key.sign(&key.header(), claims.to_string().as_bytes());
        let expiry = Duration::from_secs(claims["exp"].as_u64().unwrap());
        let now = SystemTime::UNIX_EPOCH + expiry - Duration::from_secs(60);
        let authorizer =
            Authorizer::with_source(config, Issuer(key.jwk()), Arc::new(move || now)).await;
        Self { authorizer: authorizer.unwrap(), token, now }
    }

    /// Asks as a REST API does.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Value {
        let event = Request::new(method, path).bearer(&self.token).rest_request().to_string();
        let deadline = self.now + Duration::from_secs(10);
        let invocation = Invocation { request_id: "test", trace_id: None, deadline };
        let answer = self.authorizer.authorize(&event, invocation).await.unwrap();
        serde_json::from_str(answer.as_json()).unwrap()
    }
}
