//! Walks one request through the stages of the pipeline, and goes on after a failure if it can.
//!
//! Each stage is the pipeline's own function. What is here is only their order, which is that of
//! `Authorizer::decide`, and what to do when one of them fails.

use std::time::SystemTime;

use serde_json::Value;

use super::routes::RulePatterns;
use super::steps::Steps;
use super::values::Values;
use crate::authorizer::Authorizer;
use crate::config::IssuerConfig;
use crate::excerpt::Excerpt;
use crate::gateway::request::{AuthorizerRequest, Delivery, EventKind, find_credential};
use crate::hints;
use crate::invocation::Invocation;
use crate::jwks::KeySource;
use crate::jwt::{DecodedToken, RawToken, UnverifiedToken};

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// A request of API Gateway.
    Request,
    /// A token alone, in an event that was made for it.
    Token,
}

/// A walk through the stages, and what it has found.
pub(super) struct Walk<'w, S> {
    pub(super) authorizer: &'w Authorizer<S>,
    pub(super) judged: Judged,
    pub(super) now: SystemTime,
    pub(super) values: Values,
    /// The steps so far.
    pub(super) steps: Steps,
    /// The configured issuer that the token names.
    pub(super) issuer: Option<&'w IssuerConfig>,
    /// Whether there is a signature that could be verified.
    pub(super) has_signature: bool,
    /// Whether the signature was verified.
    pub(super) verified: bool,
    /// The token's claims.
    pub(super) claims: Option<Value>,
    /// The kind of the event.
    pub(super) kind: Option<EventKind>,
    /// The route rules that the token meets, and those that it does not meet.
    pub(super) rules: Option<RulePatterns>,
}

/// Why the stages that follow cannot run.
struct Stop(&'static str);

impl<'w, S: KeySource> Walk<'w, S> {
    pub(super) fn new(
        authorizer: &'w Authorizer<S>,
        judged: Judged,
        now: SystemTime,
        values: Values,
    ) -> Self {
        Self {
            authorizer,
            judged,
            now,
            values,
            steps: Steps::default(),
            issuer: None,
            has_signature: true,
            verified: false,
            claims: None,
            kind: None,
            rules: None,
        }
    }

    /// Walks through all stages but the response.
    pub(super) async fn run(mut self, event: &str, invocation: Invocation<'_>) -> Self {
        if let Err(Stop(why)) = self.walk_request(event, invocation).await {
            self.steps.skip_rest(why);
        }
        self
    }

    async fn walk_request(&mut self, event: &str, invocation: Invocation<'_>) -> Result<(), Stop> {
        let request = self.event(event)?;
        let config = &self.authorizer.config;
        let sources: Vec<_> = config.token_sources.iter().map(ToString::to_string).collect();
        let wanted = format!("one token in: {} (AUTHORIZER_TOKEN_SOURCES)", sources.join(", "));
        let credential = match find_credential(&request, &config.token_sources) {
            Ok(credential) => credential,
            Err(error) => {
                self.steps.fail("credential", &error, &error.to_string(), wanted);
                return Err(Stop("there is no token"));
            }
        };
        let place = match credential.delivery {
            Delivery::Explicit => "",
            Delivery::CookieOnly => ", in a cookie only",
        };
        let found = format!("a token of {} bytes{place}", credential.token.len());
        self.steps.pass("credential", found, wanted);

        let unsigned;
        let decoded = match RawToken::new(&credential.token).decode() {
            Ok(decoded) => {
                let found = "three parts of base64url".to_owned();
                self.steps.pass("decode", found, "a signed JWT".to_owned());
                decoded
            }
            Err(error) => {
                let wanted = "a signed JWT: three parts of base64url".to_owned();
                self.steps.fail("decode", &error, &error.to_string(), wanted);
                // Of a token that was cut off, the header and the claims can be read.
                self.has_signature = false;
                unsigned = without_signature(&credential.token);
                let decoded = RawToken::new(&unsigned).decode();
                decoded.map_err(|_| Stop("the token cannot be decoded"))?
            }
        };
        self.walk_token(&decoded, &request, credential.delivery, invocation).await
    }

    fn event<'e>(&mut self, event: &'e str) -> Result<AuthorizerRequest<'e>, Stop> {
        let wanted = "an event of API Gateway to an authorizer".to_owned();
        match AuthorizerRequest::parse(event) {
            Ok(request) => {
                self.kind = Some(request.kind);
                if self.judged == Judged::Token {
                    self.steps.skip("event", "there is no event; the token is judged as if it came after \"Bearer\" in the Authorization header of a WebSocket handshake");
                } else {
                    let route = Excerpt::from(request.arn.route());
                    self.steps.pass("event", format!("{}, {route}", request.kind.as_str()), wanted);
                }
                Ok(request)
            }
            Err(error) => {
                self.steps.fail("event", &error, &error.to_string(), wanted);
                Err(Stop("the event is not an authorizer's"))
            }
        }
    }

    async fn walk_token(
        &mut self,
        decoded: &DecodedToken<'_>,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
        invocation: Invocation<'_>,
    ) -> Result<(), Stop> {
        let claims = serde_json::from_slice(decoded.unverified_payload()).ok();
        self.claims = claims.filter(Value::is_object);
        let wanted = "a JOSE header and a claims set as in RFC 7515 and RFC 7519".to_owned();
        let token = match UnverifiedToken::read(decoded) {
            Ok(token) => token,
            Err(error) => {
                let header = String::from_utf8_lossy(decoded.unverified_header());
                let found = format!("{error}; the header is {}", Excerpt::from(&*header));
                self.steps.fail("read", &error, &found, wanted);
                return Err(Stop("the header or the claims cannot be read"));
            }
        };
        let header = [
            Some(("alg", token.unverified_alg())),
            token.unverified_kid().map(|kid| ("kid", kid)),
            token.unverified_content().typ().map(|typ| ("typ", typ)),
        ];
        let header = header.into_iter().flatten();
        let header: Vec<_> = header
            .map(|(name, value)| Values::Shown.claim(name, Some(&Value::from(value))))
            .collect();
        self.steps.pass("read", header.join(", "), wanted);

        let issuer = self.issuer(&token);
        let query = issuer.and_then(|issuer| Some((issuer, self.query(&token, issuer)?)));
        // No reference to the token may live while keys are fetched: it is not `Sync`.
        if let Some((issuer, query)) = query {
            let found = self.authorizer.keys.find(&issuer.keys, &query, invocation).await;
            let found = found
                .map_err(|error| hints::with_key_hint(error.into(), issuer.rules.issuer.as_str()));
            self.key(decoded, &query, issuer, found);
        }
        let content = token.unverified_content();
        self.claims(request, content, issuer);
        self.access(request, delivery, content, issuer);
        Ok(())
    }
}

/// Returns the token with an empty signature.
fn without_signature(token: &str) -> String {
    match token.rsplit_once('.') {
        Some((signing_input, _)) => [signing_input, "."].concat(),
        None => String::new(),
    }
}
