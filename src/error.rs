//! Why a request is refused: the errors, and the table of their reason codes and classes.
//!
//! An error has what an operator needs for troubleshooting. It never has a token, a signature or a
//! claims set, so `Debug` and `Display` may be logged. [`crate::gateway::response`] makes the
//! response, which is generic.

mod cures;

use crate::excerpt::Excerpt;
use crate::hints::{Hint, clause};

/// Why a request is refused.
///
/// A message says what was found, what was expected, and which setting says so. `docs/errors.md` has
/// each reason, and what to do about it. Messages are clauses without a full stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None of the configured sources has a token.
    #[error("no token in {sources}{}", clause(.hint.as_ref()))]
    MissingToken {
        /// The sources that were searched, as configured.
        sources: String,
        /// What was there instead.
        hint: Option<Hint>,
    },
    /// The credential is not a JWT in JWS compact serialization
    /// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)),
    /// or a part of it does not follow RFC 7515 or RFC 7519.
    #[error("{fault}{}", clause(.hint.as_ref()))]
    MalformedToken {
        /// What is wrong.
        fault: &'static str,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// The token is longer than the limit.
    #[error("the token has {length} bytes, the limit is {limit}")]
    TokenTooLarge {
        /// The token's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The issuer may not use the algorithm in the `alg` header parameter.
    #[error("the token's alg is {alg:?}, expected one of: {allowed} (AUTHORIZER_ALGORITHMS){}", clause(.hint.as_ref()))]
    UnsupportedAlgorithm {
        /// The token's `alg`, shortened.
        alg: Excerpt,
        /// The configured algorithms.
        allowed: String,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// The token's header asks for an extension, and none is supported
    /// ([RFC 7515 §4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    #[error("the header parameter {0:?} is not supported")]
    UnsupportedCriticalHeader(&'static str),
    /// The `iss` claim is not a configured issuer.
    #[error("iss is {issuer:?}, which is not a configured issuer ({configured}){}", clause(.hint.as_ref()))]
    UnknownIssuer {
        /// The unverified `iss`, shortened.
        issuer: Excerpt,
        /// The first of the configured issuers.
        configured: String,
        /// What differs, or where the token is probably from.
        hint: Option<Hint>,
    },
    /// `tid` is not the tenant in `iss`.
    #[error("tid is {tid:?}, expected the tenant in iss: {tenant}")]
    WrongTenant {
        /// The token's `tid`, shortened.
        tid: Excerpt,
        /// The tenant in `iss`.
        tenant: String,
    },
    /// The issuer's key set has no usable key for the token.
    #[error("{fault}{}", clause(.hint.as_ref()))]
    UnknownKey {
        /// What does not match.
        fault: &'static str,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// The issuer's key did not make the signature.
    #[error("signature verification failed{}", clause(.hint.as_ref()))]
    InvalidSignature {
        /// The likely causes.
        hint: Option<Hint>,
    },
    /// `exp` has passed.
    #[error("the token expired {seconds_ago} s ago")]
    Expired {
        /// Whole seconds since `exp`.
        seconds_ago: i64,
    },
    /// `nbf` is in the future.
    #[error("the token is not valid yet, nbf is {seconds_ahead} s in the future{}", clause(.hint.as_ref()))]
    NotYetValid {
        /// Whole seconds until `nbf`.
        seconds_ahead: i64,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// `iat` is in the future.
    #[error("iat is {seconds_ahead} s in the future{}", clause(.hint.as_ref()))]
    IssuedInFuture {
        /// Whole seconds until `iat`.
        seconds_ahead: i64,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// `iat` is longer ago than the issuer's rules allow.
    #[error(
        "the token was issued {age_seconds} s ago, the limit is {limit_seconds} s (AUTHORIZER_MAX_TOKEN_AGE_SECONDS)"
    )]
    TooOld {
        /// Whole seconds since `iat`.
        age_seconds: i64,
        /// The configured limit.
        limit_seconds: u64,
    },
    /// `aud` has none of the configured audiences.
    #[error("aud is {audience}, expected one of: {wanted} (AUTHORIZER_AUDIENCE){}", clause(.hint.as_ref()))]
    WrongAudience {
        /// The token's `aud`, shortened.
        audience: Excerpt,
        /// The configured audiences.
        wanted: String,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// The client in `client_id`, or else in `azp`, is not a configured one.
    #[error("the client is {client:?}, expected one of: {wanted} (AUTHORIZER_CLIENT_IDS)")]
    WrongClient {
        /// The token's client, shortened.
        client: Excerpt,
        /// The configured clients.
        wanted: String,
    },
    /// Cognito's `token_use` is not the configured one.
    #[error("token_use is {token_use:?}, expected: {wanted} (AUTHORIZER_TOKEN_USE){}", clause(.hint.as_ref()))]
    WrongTokenUse {
        /// The token's `token_use`, shortened.
        token_use: Excerpt,
        /// The configured one.
        wanted: String,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// The `typ` header parameter is not a configured one.
    #[error("typ is {typ:?}, expected one of: {wanted} (AUTHORIZER_TOKEN_TYPES){}", clause(.hint.as_ref()))]
    WrongTokenType {
        /// The token's `typ`, shortened; empty if there is none.
        typ: Excerpt,
        /// The configured ones.
        wanted: String,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// The client does not have the certificate that the token is bound to
    /// ([RFC 8705 §3](https://www.rfc-editor.org/rfc/rfc8705#section-3)).
    #[error("{0}")]
    WrongCertificate(&'static str),
    /// The token is bound to something that this function cannot check. Holds the member of `cnf`.
    #[error("the token's cnf has {0:?}, and only certificates (x5t#S256) can be checked")]
    UnsupportedBinding(Excerpt),
    /// The token does not have a claim that the issuer's rules need.
    #[error("the claim {claim:?} is missing{}", clause(.hint.as_ref()))]
    MissingClaim {
        /// The claim's name, or its path.
        claim: String,
        /// The likely cause.
        hint: Option<Hint>,
    },
    /// A claim has none of the values that the issuer's rules accept.
    #[error(
        "the claim {claim:?} has no accepted value, expected one of: {wanted} (AUTHORIZER_REQUIRED_CLAIMS)"
    )]
    ClaimMismatch {
        /// The claim's name, or its path.
        claim: String,
        /// The accepted values of which it has none, as JSON, shortened.
        wanted: Excerpt,
    },
    /// The token does not have a scope that the issuer's rules or the route need.
    #[error("{} ({required_by}){}", missing_scopes(.any_of), clause(.hint.as_ref()))]
    InsufficientScope {
        /// The scopes of which the token needs one and has none.
        any_of: Vec<String>,
        /// The setting, and for a route its rule.
        required_by: String,
        /// Where one of them is instead, or another likely cause.
        hint: Option<Hint>,
    },
    /// A claim does not have a value that the route needs.
    #[error("the claim {claim:?} {} ({required_by})", claim_fault(.wanted.as_ref()))]
    RouteClaimMismatch {
        /// The claim's name, or its path.
        claim: String,
        /// The accepted values of which it has none, as JSON, shortened. `None` if the token does
        /// not have the claim.
        wanted: Option<Excerpt>,
        /// The setting and the rule.
        required_by: String,
    },
    /// No route rule matches the request.
    #[error("no rule in AUTHORIZER_ROUTE_RULES matches this route")]
    RouteForbidden,
    /// A backend may read the path as another path, which may have another rule.
    #[error(
        "a backend may read this path as another path: it has an empty, \".\" or \"..\" segment, a slash at the end, a backslash, # or ;, or an encoded letter, digit, slash or percent sign"
    )]
    AmbiguousPath,
    /// A web page whose origin is not allowed sent the request, or may have sent it.
    #[error("{0}")]
    OriginNotAllowed(ForeignOrigin),
    /// There are no keys to verify the token with.
    #[error("no keys for {issuer}: {cause}")]
    KeysUnavailable {
        /// The configured issuer.
        issuer: String,
        /// Why there are none.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The event is not one that API Gateway sends to an authorizer.
    #[error("{fault}{}", clause(.hint.as_ref()))]
    UnusableEvent {
        /// What is wrong.
        fault: &'static str,
        /// Where the event is probably from.
        hint: Option<Hint>,
    },
    /// The response would be larger than API Gateway accepts.
    #[error(
        "the response has {length} bytes, the limit is {limit}; the largest context values: {largest}"
    )]
    ContextTooLarge {
        /// The response's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
        /// The names and sizes of the largest context values.
        largest: String,
    },
}

fn missing_scopes(any_of: &[String]) -> String {
    match any_of {
        [scope] => format!("the scope {scope:?} is missing"),
        scopes => {
            format!("all of these scopes are missing, and one is needed: {}", scopes.join(", "))
        }
    }
}

fn claim_fault(wanted: Option<&Excerpt>) -> String {
    match wanted {
        None => "is missing".to_owned(),
        Some(wanted) => format!("has no accepted value, expected one of: {wanted}"),
    }
}

/// Why a request's origin is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignOrigin {
    /// `Origin` is not a configured one.
    #[error("the origin {0:?} is not in AUTHORIZER_ALLOWED_ORIGINS")]
    NotAllowed(Excerpt),
    /// The browser says that a page of another site sent the request.
    #[error(
        "the token is in a cookie only, and another site sent the request (Sec-Fetch-Site: cross-site)"
    )]
    CrossSite,
    /// The method is not a safe one, and nothing says which page sent the request.
    #[error(
        "the token is in a cookie only, and a request that is not GET, HEAD or OPTIONS needs an Origin header"
    )]
    Missing,
}

/// The status that the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 401: the token does not prove who the caller is.
    Unauthenticated,
    /// 403: the caller is known and may not do this.
    Forbidden,
    /// 500: the function cannot decide, and the caller is not the cause.
    Fault,
}

/// Makes the list of all reason codes and the method that returns an error's own from one table.
macro_rules! reasons {
    ($($error:pat => $reason:literal, $class:ident;)*) => {
        /// Each error's reason code and class.
        pub const REASONS: &[(&'static str, Class)] = &[$(($reason, Class::$class)),*];

        fn reason_and_class(&self) -> (&'static str, Class) {
            match self {
                $($error => ($reason, Class::$class)),*
            }
        }
    };
}

impl Error {
    pub(crate) fn missing_claim(claim: &str) -> Self {
        Self::MissingClaim { claim: claim.to_owned(), hint: None }
    }

    pub(crate) const fn malformed_token(fault: &'static str) -> Self {
        Self::MalformedToken { fault, hint: None }
    }

    pub(crate) const fn unusable_event(fault: &'static str) -> Self {
        Self::UnusableEvent { fault, hint: None }
    }

    /// Returns the reason code, which is stable. It is in the log, in a Deny's context, and in
    /// `docs/errors.md`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason_and_class().0
    }

    /// Returns the class, which decides the status that the client sees.
    #[must_use]
    pub fn class(&self) -> Class {
        self.reason_and_class().1
    }

    reasons! {
        Self::MissingToken { .. } => "missing_token", Unauthenticated;
        Self::MalformedToken { .. } => "malformed_token", Unauthenticated;
        Self::TokenTooLarge { .. } => "token_too_large", Unauthenticated;
        Self::UnsupportedAlgorithm { .. } => "unsupported_algorithm", Unauthenticated;
        Self::UnsupportedCriticalHeader(_) => "unsupported_critical_header", Unauthenticated;
        Self::UnknownIssuer { .. } => "unknown_issuer", Unauthenticated;
        Self::WrongTenant { .. } => "wrong_tenant", Unauthenticated;
        Self::UnknownKey { .. } => "unknown_key", Unauthenticated;
        Self::InvalidSignature { .. } => "invalid_signature", Unauthenticated;
        Self::Expired { .. } => "expired", Unauthenticated;
        Self::NotYetValid { .. } => "not_yet_valid", Unauthenticated;
        Self::IssuedInFuture { .. } => "issued_in_future", Unauthenticated;
        Self::TooOld { .. } => "too_old", Unauthenticated;
        Self::WrongAudience { .. } => "wrong_audience", Unauthenticated;
        Self::WrongClient { .. } => "wrong_client", Unauthenticated;
        Self::WrongTokenUse { .. } => "wrong_token_use", Unauthenticated;
        Self::WrongTokenType { .. } => "wrong_token_type", Unauthenticated;
        Self::WrongCertificate(_) => "wrong_certificate", Unauthenticated;
        Self::UnsupportedBinding(_) => "unsupported_binding", Unauthenticated;
        Self::MissingClaim { .. } => "missing_claim", Unauthenticated;
        Self::ClaimMismatch { .. } => "claim_mismatch", Unauthenticated;
        Self::InsufficientScope { .. } => "insufficient_scope", Forbidden;
        Self::RouteClaimMismatch { .. } => "route_claim_mismatch", Forbidden;
        Self::RouteForbidden => "route_forbidden", Forbidden;
        Self::AmbiguousPath => "ambiguous_path", Forbidden;
        Self::OriginNotAllowed(_) => "origin_not_allowed", Forbidden;
        Self::KeysUnavailable { .. } => "keys_unavailable", Fault;
        Self::UnusableEvent { .. } => "unusable_event", Fault;
        Self::ContextTooLarge { .. } => "context_too_large", Fault;
    }
}

#[cfg(test)]
mod tests;
