//! One error per way in which a request can fail, and the one table that says
//! what its reason code is and what the client sees.
//!
//! Errors carry what an operator needs to find the fault. They never carry a
//! token, a signature or a claims set, so that `Debug` and `Display` may be
//! logged. What the client sees is generic and made in [`crate::gateway`].

pub use crate::excerpt::Excerpt;
use crate::jwks::{KeyError, KeysUnavailableCause};

/// Why a request is not let in.
///
/// Every variant stands in `docs/errors.md` with its cure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No configured source holds a token.
    #[error("no token in {sources}{hint}")]
    MissingToken {
        /// The sources that were searched, as configured.
        sources: String,
        /// A remark on what was there instead, starting with `; `, or nothing.
        hint: &'static str,
    },
    /// What came is not a JWT in JWS compact serialization
    /// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)),
    /// or a part of it is not what RFC 7515 or RFC 7519 say it is.
    #[error("{0}")]
    MalformedToken(&'static str),
    /// The token is longer than [`crate::jwt::MAX_TOKEN_LENGTH`].
    #[error("the token has {length} characters, at most {limit} are read")]
    TokenTooLarge {
        /// The token's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The `alg` header is not one that the issuer may use.
    #[error("the token's alg is {alg:?}, allowed: {allowed}")]
    UnsupportedAlgorithm {
        /// The header's `alg`, shortened.
        alg: Excerpt,
        /// What would have passed.
        allowed: String,
    },
    /// The header asks for an extension ([RFC 7515 §4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11));
    /// none are supported.
    #[error("the header parameter {0:?} is not supported")]
    UnsupportedCriticalHeader(&'static str),
    /// The `iss` claim names no configured issuer.
    #[error("iss is {issuer:?}, which is not a configured issuer ({configured}){hint}")]
    UnknownIssuer {
        /// The unverified `iss`, shortened.
        issuer: Excerpt,
        /// The first of the configured issuers.
        configured: String,
        /// What little differs, starting with `; `, or nothing.
        hint: &'static str,
    },
    /// The issuer's key set has no usable key for this token.
    #[error("{0}")]
    UnknownKey(&'static str),
    /// The signature is not the key's.
    #[error("the signature does not fit the token and the issuer's key")]
    InvalidSignature,
    /// `exp` has passed.
    #[error("expired {seconds_ago} s ago")]
    Expired {
        /// Whole seconds since `exp`.
        seconds_ago: i64,
    },
    /// `nbf` lies ahead.
    #[error("not valid before {seconds_ahead} s from now")]
    NotYetValid {
        /// Whole seconds until `nbf`.
        seconds_ahead: i64,
    },
    /// `iat` lies ahead.
    #[error("issued {seconds_ahead} s in the future")]
    IssuedInFuture {
        /// Whole seconds until `iat`.
        seconds_ahead: i64,
    },
    /// `iat` lies further back than the issuer's rules allow.
    #[error("issued {age_seconds} s ago, at most {limit_seconds} s are allowed")]
    TooOld {
        /// Whole seconds since `iat`.
        age_seconds: i64,
        /// The configured limit.
        limit_seconds: u64,
    },
    /// `aud` holds none of the configured audiences.
    #[error("aud is {audience}, wanted: {wanted}")]
    WrongAudience {
        /// The token's `aud`, shortened.
        audience: Excerpt,
        /// The configured audiences.
        wanted: String,
    },
    /// Neither `client_id` nor `azp` names an allowed client.
    #[error("the client is {client:?}, wanted: {wanted}")]
    WrongClient {
        /// The token's client, shortened.
        client: Excerpt,
        /// The configured clients.
        wanted: String,
    },
    /// Cognito's `token_use` is another one.
    #[error("token_use is {token_use:?}, wanted: {wanted}")]
    WrongTokenUse {
        /// The token's `token_use`, shortened.
        token_use: Excerpt,
        /// The configured one.
        wanted: String,
    },
    /// The `typ` header is not an allowed one.
    #[error("typ is {typ:?}, wanted: {wanted}")]
    WrongTokenType {
        /// The header's `typ`, shortened; empty where there is none.
        typ: Excerpt,
        /// The configured ones.
        wanted: String,
    },
    /// A claim that the issuer's rules need is not there.
    #[error("the claim {claim:?} is missing{hint}")]
    MissingClaim {
        /// The claim's name, or its path.
        claim: String,
        /// What may be the cause, starting with `; `, or nothing.
        hint: &'static str,
    },
    /// A claim that the issuer's rules constrain has another value.
    #[error("the claim {0:?} has none of the accepted values")]
    ClaimMismatch(String),
    /// The token lacks a scope that the issuer or the route needs.
    #[error("the scope {0:?} is missing")]
    InsufficientScope(String),
    /// No route rule matches the request.
    #[error("no rule in ROUTE_SCOPES matches this route")]
    RouteForbidden,
    /// A backend may read the path as another one, for which another rule may hold.
    #[error(
        "the path can be read as another path: it has an empty, \".\" or \"..\" segment, a slash at the end, a backslash, # or ;, or an encoded letter, digit, slash or percent sign"
    )]
    AmbiguousPath,
    /// A web page sent the request whose origin is not an allowed one, or may have.
    #[error("{0}")]
    OriginNotAllowed(ForeignOrigin),
    /// There are no keys to judge the token by.
    #[error("no keys of {issuer}: {cause}")]
    KeysUnavailable {
        /// The configured issuer.
        issuer: String,
        /// Why there are none.
        cause: KeysUnavailableCause,
    },
    /// The event is not one that an API Gateway authorizer gets.
    #[error("{0}")]
    UnusableEvent(&'static str),
    /// The answer would be larger than API Gateway takes.
    #[error(
        "the answer has {length} bytes, API Gateway takes {limit}; the biggest parts: {biggest}"
    )]
    ContextTooLarge {
        /// The answer's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
        /// The names and sizes of the biggest context entries.
        biggest: String,
    },
}

/// What is wrong with a request's origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignOrigin {
    /// `Origin` is not a configured one.
    #[error("the origin {0:?} is not in AUTHORIZER_ALLOWED_ORIGINS")]
    NotAllowed(Excerpt),
    /// The browser says that the page is of another site.
    #[error(
        "the token came in a cookie only, without an Origin, and with Sec-Fetch-Site: cross-site"
    )]
    CrossSite,
    /// The request may change something, and nothing says where it comes from.
    #[error(
        "the token came in a cookie only, and a request that can change something needs an Origin"
    )]
    Missing,
}

/// Who is at fault, which decides what the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 401: the caller did not prove who they are.
    Unauthenticated,
    /// 403: the caller is known and may not.
    Forbidden,
    /// 500: it cannot be told, through no fault of the caller's.
    Fault,
}

impl Error {
    pub(crate) fn missing_claim(claim: &str) -> Self {
        Self::MissingClaim { claim: claim.to_owned(), hint: "" }
    }

    /// Returns the stable reason code, as logged, as in a Deny's context, and
    /// as in `docs/errors.md`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.row().0
    }

    /// Returns who is at fault.
    #[must_use]
    pub fn class(&self) -> Class {
        self.row().1
    }

    /// The table: each error's reason code and class.
    fn row(&self) -> (&'static str, Class) {
        use Class::{Fault, Forbidden, Unauthenticated};
        match self {
            Self::MissingToken { .. } => ("missing_token", Unauthenticated),
            Self::MalformedToken(_) => ("malformed_token", Unauthenticated),
            Self::TokenTooLarge { .. } => ("token_too_large", Unauthenticated),
            Self::UnsupportedAlgorithm { .. } => ("unsupported_algorithm", Unauthenticated),
            Self::UnsupportedCriticalHeader(_) => ("unsupported_critical_header", Unauthenticated),
            Self::UnknownIssuer { .. } => ("unknown_issuer", Unauthenticated),
            Self::UnknownKey(_) => ("unknown_key", Unauthenticated),
            Self::InvalidSignature => ("invalid_signature", Unauthenticated),
            Self::Expired { .. } => ("expired", Unauthenticated),
            Self::NotYetValid { .. } => ("not_yet_valid", Unauthenticated),
            Self::IssuedInFuture { .. } => ("issued_in_future", Unauthenticated),
            Self::TooOld { .. } => ("too_old", Unauthenticated),
            Self::WrongAudience { .. } => ("wrong_audience", Unauthenticated),
            Self::WrongClient { .. } => ("wrong_client", Unauthenticated),
            Self::WrongTokenUse { .. } => ("wrong_token_use", Unauthenticated),
            Self::WrongTokenType { .. } => ("wrong_token_type", Unauthenticated),
            Self::MissingClaim { .. } => ("missing_claim", Unauthenticated),
            Self::ClaimMismatch(_) => ("claim_mismatch", Unauthenticated),
            Self::InsufficientScope(_) => ("insufficient_scope", Forbidden),
            Self::RouteForbidden => ("route_forbidden", Forbidden),
            Self::AmbiguousPath => ("ambiguous_path", Forbidden),
            Self::OriginNotAllowed(_) => ("origin_not_allowed", Forbidden),
            Self::KeysUnavailable { .. } => ("keys_unavailable", Fault),
            Self::UnusableEvent(_) => ("unusable_event", Fault),
            Self::ContextTooLarge { .. } => ("context_too_large", Fault),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown(mismatch) => Self::UnknownKey(mismatch),
            KeyError::Unavailable { issuer, cause } => Self::KeysUnavailable { issuer, cause },
        }
    }
}

#[cfg(test)]
mod tests;
