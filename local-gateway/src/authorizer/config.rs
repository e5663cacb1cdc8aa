//! How an authorizer is set up, and what API Gateway does not accept.
//!
//! - REST: <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>
//! - HTTP and WebSocket: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html>
//!
//! That the validation expression must match the whole token is not documented. A token that matches
//! as a whole passes in any case.

use std::time::Duration;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use crate::cache::MAX_TTL;
use crate::identity::{ApiKind, IdentitySource, NotASource};

/// An authorizer's kind of API, type and payload format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// That of a WebSocket API. The function gets a REQUEST event at `$connect`.
    WebSocket,
    /// That of a REST API, of type REQUEST.
    RestRequest,
    /// That of a REST API, of type TOKEN: the function gets the token, and no more of the request.
    RestToken {
        /// The expression that the token must match, or else the function is not asked.
        validation: Option<String>,
    },
    /// That of an HTTP API, with payload format 1.0. The function returns a policy.
    Http1,
    /// That of an HTTP API, with payload format 2.0.
    Http2 {
        /// Whether the function returns a simple response in place of a policy.
        simple_responses: bool,
    },
}

/// An authorizer's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuthorizerType {
    /// The function gets the request.
    Request,
    /// The function gets the token only.
    Token,
}

impl AuthorizerKind {
    /// Returns the kind of API.
    #[must_use]
    pub fn api(&self) -> ApiKind {
        match self {
            Self::WebSocket => ApiKind::WebSocket,
            Self::RestRequest | Self::RestToken { .. } => ApiKind::Rest,
            Self::Http1 | Self::Http2 { .. } => ApiKind::Http,
        }
    }

    /// Returns the type.
    #[must_use]
    pub fn authorizer_type(&self) -> AuthorizerType {
        match self {
            Self::RestToken { .. } => AuthorizerType::Token,
            Self::WebSocket | Self::RestRequest | Self::Http1 | Self::Http2 { .. } => {
                AuthorizerType::Request
            }
        }
    }

    /// Returns the payload format. Only HTTP APIs have one.
    #[must_use]
    pub fn payload_format(&self) -> Option<&'static str> {
        match self {
            Self::Http1 => Some("1.0"),
            Self::Http2 { .. } => Some("2.0"),
            Self::WebSocket | Self::RestRequest | Self::RestToken { .. } => None,
        }
    }

    /// Returns the validation expression.
    #[must_use]
    pub fn validation(&self) -> Option<&str> {
        match self {
            Self::RestToken { validation } => validation.as_deref(),
            Self::WebSocket | Self::RestRequest | Self::Http1 | Self::Http2 { .. } => None,
        }
    }

    /// Returns this kind with another type and validation expression.
    ///
    /// # Errors
    ///
    /// When this kind of API does not have the type, or the type has no validation expression.
    pub fn with(
        &self,
        authorizer_type: AuthorizerType,
        validation: Option<String>,
    ) -> Result<Self, ConfigError> {
        match (authorizer_type, self.api()) {
            (AuthorizerType::Token, ApiKind::Rest) => Ok(Self::RestToken { validation }),
            (AuthorizerType::Token, api) => Err(ConfigError::NoTokenType(api.title())),
            (AuthorizerType::Request, _) if validation.is_some() => Err(ConfigError::NoValidation),
            (AuthorizerType::Request, ApiKind::Rest) => Ok(Self::RestRequest),
            (AuthorizerType::Request, _) => Ok(self.clone()),
        }
    }
}

/// How an authorizer is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerConfig {
    /// The kind of its API, its type and its payload format.
    pub kind: AuthorizerKind,
    /// The identity sources, in the API's syntax. For a TOKEN authorizer, the token source.
    pub identity_sources: Vec<String>,
    /// The cache's time to live. Zero switches the cache off.
    pub ttl: Duration,
}

/// Why API Gateway does not accept an authorizer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An identity source has the syntax of another kind of API, or none.
    #[error(transparent)]
    Source(#[from] NotASource),
    /// The time to live is over an hour.
    #[error("the time to live is {} s, over the limit of {} s", .0.as_secs(), MAX_TTL.as_secs())]
    Ttl(Duration),
    /// The cache has no key.
    #[error("the cache needs an identity source; without one, set the time to live to 0")]
    NoKey,
    /// WebSocket APIs have no cache.
    #[error("a WebSocket API does not cache; set the time to live to 0")]
    NoCache,
    /// Only REST APIs have TOKEN authorizers.
    #[error(
        "{0} APIs have no TOKEN authorizers; choose the type REQUEST, and read the token from the \
         headers of the event"
    )]
    NoTokenType(&'static str),
    /// The token source is not one header.
    #[error(
        "a TOKEN authorizer has one identity source, which is a header, for example \
         `method.request.header.Authorization`"
    )]
    TokenSource,
    /// A REQUEST authorizer has no validation expression.
    #[error("only TOKEN authorizers have a validation expression; REQUEST authorizers ignore it")]
    NoValidation,
    /// The validation expression cannot be compiled.
    #[error(
        "the validation expression is not valid: {0}; look-around and back-references are not \
         supported here"
    )]
    Validation(String),
}

/// A configuration that API Gateway accepts.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) kind: AuthorizerKind,
    pub(super) sources: Vec<IdentitySource>,
    pub(super) validation: Option<Regex>,
    pub(super) ttl: Duration,
}

impl Checked {
    pub(super) fn new(config: AuthorizerConfig) -> Result<Self, ConfigError> {
        let AuthorizerConfig { kind, identity_sources, ttl } = config;
        let api = kind.api();
        let sources = identity_sources.iter().map(|text| IdentitySource::parse(api, text));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        if ttl > MAX_TTL {
            return Err(ConfigError::Ttl(ttl));
        }
        if !ttl.is_zero() && api == ApiKind::WebSocket {
            return Err(ConfigError::NoCache);
        }
        if kind.authorizer_type() == AuthorizerType::Token
            && !matches!(sources.as_slice(), [source] if source.is_header())
        {
            return Err(ConfigError::TokenSource);
        }
        if !ttl.is_zero() && sources.is_empty() {
            return Err(ConfigError::NoKey);
        }
        let validation = kind.validation().map(|text| {
            Regex::new(text)?;
            Regex::new(&format!(r"\A(?:{text})\z"))
        });
        let validation = validation.transpose();
        let validation = validation.map_err(|error| ConfigError::Validation(error.to_string()))?;
        Ok(Self { kind, sources, validation, ttl })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_METHOD: &str = "method.request.header.Authorization";
    const OF_ROUTE: &str = "route.request.header.Authorization";
    const SIMPLE: AuthorizerKind = AuthorizerKind::Http2 { simple_responses: true };

    fn token(validation: &str) -> AuthorizerKind {
        AuthorizerKind::RestToken { validation: Some(validation.to_owned()) }
    }

    fn check(kind: AuthorizerKind, sources: &[&str], ttl: u64) -> Result<(), ConfigError> {
        let identity_sources = sources.iter().map(|source| (*source).to_owned()).collect();
        let ttl = Duration::from_secs(ttl);
        Checked::new(AuthorizerConfig { kind, identity_sources, ttl }).map(drop)
    }

    #[test]
    fn refuses_what_api_gateway_does_not_accept() {
        use AuthorizerKind::{Http1, RestRequest, WebSocket};
        assert_eq!(check(RestRequest, &[OF_METHOD], 3600), Ok(()));
        let too_long = ConfigError::Ttl(Duration::from_secs(3601));
        assert_eq!(check(RestRequest, &[OF_METHOD], 3601), Err(too_long));
        assert_eq!(check(RestRequest, &[], 0), Ok(()));
        assert_eq!(check(RestRequest, &[], 1), Err(ConfigError::NoKey));
        assert_eq!(check(WebSocket, &[OF_ROUTE], 0), Ok(()));
        assert_eq!(check(WebSocket, &[OF_ROUTE], 1), Err(ConfigError::NoCache));
        assert_eq!(check(Http1, &["$request.header.A"], 1), Ok(()));
        assert_eq!(check(SIMPLE, &[], 1), Err(ConfigError::NoKey));
        let other_syntax = check(RestRequest, &[OF_ROUTE], 0).unwrap_err();
        assert!(matches!(other_syntax, ConfigError::Source(_)));
    }

    #[test]
    fn a_token_source_is_one_header() {
        let kind = || AuthorizerKind::RestToken { validation: None };
        assert_eq!(check(kind(), &[OF_METHOD], 300), Ok(()));
        for sources in [&[][..], &[OF_METHOD, OF_METHOD], &["method.request.querystring.token"]] {
            for ttl in [0, 300] {
                assert_eq!(check(kind(), sources, ttl), Err(ConfigError::TokenSource));
            }
        }
    }

    #[test]
    fn refuses_a_validation_expression_that_cannot_be_compiled() {
        assert_eq!(check(token(r"^Bearer [-0-9a-zA-Z._]+$"), &[OF_METHOD], 0), Ok(()));
        for text in ["(", "a)|(b", "(?=a)"] {
            let error = check(token(text), &[OF_METHOD], 0).unwrap_err();
            assert!(matches!(error, ConfigError::Validation(_)), "{text}");
        }
    }

    #[test]
    fn only_rest_apis_have_token_authorizers() {
        use AuthorizerType::{Request, Token};
        let text = || Some(String::from("x"));
        for kind in [AuthorizerKind::RestRequest, token("y")] {
            assert_eq!(kind.with(Token, text()), Ok(token("x")));
            assert_eq!(kind.with(Request, None), Ok(AuthorizerKind::RestRequest));
            assert_eq!(kind.with(Request, text()), Err(ConfigError::NoValidation));
        }
        for kind in [AuthorizerKind::WebSocket, AuthorizerKind::Http1, SIMPLE] {
            let title = kind.api().title();
            assert_eq!(kind.with(Token, None), Err(ConfigError::NoTokenType(title)));
            assert_eq!(kind.with(Request, text()), Err(ConfigError::NoValidation));
            assert_eq!(kind.with(Request, None).as_ref(), Ok(&kind));
        }
        assert_eq!(
            ConfigError::NoTokenType("WebSocket").to_string(),
            "WebSocket APIs have no TOKEN authorizers; choose the type REQUEST, and read the token \
             from the headers of the event"
        );
    }
}
