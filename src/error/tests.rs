use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::jwks::{FetchError, KeysUnavailableCause};

/// One of every variant, with its reason code and its class.
fn every_error() -> Vec<(Error, &'static str, Class)> {
    use Class::{Fault, Forbidden, Unauthenticated};
    let (text, excerpt) = (|| "x".to_owned(), || Excerpt::from("x"));
    let cause = KeysUnavailableCause::Deadline.into();
    vec![
        (Error::MissingToken { sources: text(), hint: None }, "missing_token", Unauthenticated),
        (Error::malformed_token("x"), "malformed_token", Unauthenticated),
        (Error::TokenTooLarge { length: 1, limit: 1 }, "token_too_large", Unauthenticated),
        (
            Error::UnsupportedAlgorithm { alg: excerpt(), allowed: text(), hint: None },
            "unsupported_algorithm",
            Unauthenticated,
        ),
        (Error::UnsupportedCriticalHeader("x"), "unsupported_critical_header", Unauthenticated),
        (
            Error::UnknownIssuer { issuer: excerpt(), configured: text(), hint: None },
            "unknown_issuer",
            Unauthenticated,
        ),
        (Error::WrongTenant { tid: excerpt(), tenant: text() }, "wrong_tenant", Unauthenticated),
        (Error::UnknownKey { fault: "x", hint: None }, "unknown_key", Unauthenticated),
        (Error::InvalidSignature { hint: None }, "invalid_signature", Unauthenticated),
        (Error::Expired { seconds_ago: 1 }, "expired", Unauthenticated),
        (Error::NotYetValid { seconds_ahead: 1, hint: None }, "not_yet_valid", Unauthenticated),
        (
            Error::IssuedInFuture { seconds_ahead: 1, hint: None },
            "issued_in_future",
            Unauthenticated,
        ),
        (Error::TooOld { age_seconds: 1, limit_seconds: 1 }, "too_old", Unauthenticated),
        (
            Error::WrongAudience { audience: excerpt(), wanted: text(), hint: None },
            "wrong_audience",
            Unauthenticated,
        ),
        (Error::WrongClient { client: excerpt(), wanted: text() }, "wrong_client", Unauthenticated),
        (
            Error::WrongTokenUse { token_use: excerpt(), wanted: text(), hint: None },
            "wrong_token_use",
            Unauthenticated,
        ),
        (
            Error::WrongTokenType { typ: excerpt(), wanted: text(), hint: None },
            "wrong_token_type",
            Unauthenticated,
        ),
        (Error::WrongCertificate("x"), "wrong_certificate", Unauthenticated),
        (Error::UnsupportedBinding(excerpt()), "unsupported_binding", Unauthenticated),
        (Error::missing_claim("x"), "missing_claim", Unauthenticated),
        (
            Error::ClaimMismatch { claim: text(), wanted: excerpt() },
            "claim_mismatch",
            Unauthenticated,
        ),
        (
            Error::InsufficientScope { any_of: vec![text()], required_by: text(), hint: None },
            "insufficient_scope",
            Forbidden,
        ),
        (
            Error::RouteClaimMismatch { claim: text(), wanted: None, required_by: text() },
            "route_claim_mismatch",
            Forbidden,
        ),
        (Error::RouteForbidden, "route_forbidden", Forbidden),
        (Error::AmbiguousPath, "ambiguous_path", Forbidden),
        (Error::OriginNotAllowed(ForeignOrigin::Missing), "origin_not_allowed", Forbidden),
        (Error::KeysUnavailable { issuer: text(), cause }, "keys_unavailable", Fault),
        (Error::unusable_event("x"), "unusable_event", Fault),
        (
            Error::ContextTooLarge { length: 1, limit: 1, largest: text() },
            "context_too_large",
            Fault,
        ),
    ]
}

#[test]
fn every_error_has_its_documented_reason_and_class() {
    let mut reasons = Vec::new();
    for (error, reason, class) in every_error() {
        assert_eq!((error.reason(), error.class()), (reason, class), "{error:?}");
        reasons.push((reason, class));
    }
    assert_eq!(reasons, Error::REASONS, "an error is missing above");
}

#[test]
fn every_reason_has_a_cure_that_names_settings_that_exist() {
    let reasons: Vec<_> = Error::REASONS.iter().map(|(reason, _)| *reason).collect();
    let cured: Vec<_> = Error::CURES.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(cured, reasons);
    for (error, ..) in every_error() {
        let cure = error.cure();
        assert!(cure.starts_with(char::is_uppercase) && cure.ends_with('.'), "{cure}");
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let words = cure.split(|character| !is_of_name(character));
        for name in words.filter_map(|word| word.strip_prefix(crate::config::PREFIX)) {
            let exists = crate::config::SETTINGS.iter().any(|setting| setting.name == name);
            assert!(exists, "{name} is no setting");
        }
    }
}

#[test]
fn no_two_errors_share_a_reason() {
    let reasons: BTreeSet<_> = Error::REASONS.iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons.len(), Error::REASONS.len());
}

#[test]
fn messages_are_clauses_without_a_full_stop() {
    for (error, ..) in every_error() {
        let message = error.to_string();
        assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
        assert!(!message.starts_with(char::is_uppercase), "{message}");
    }
}

#[test]
fn says_why_there_are_no_keys() {
    let timeout = || Arc::new(FetchError::Timeout(Duration::from_secs(3)));
    for (cause, expected) in [
        (
            KeysUnavailableCause::Fetch(timeout()),
            "no keys for i: no response within 3000 ms (AUTHORIZER_JWKS_TIMEOUT_MS)",
        ),
        (
            KeysUnavailableCause::Backoff(timeout()),
            "no keys for i: the last fetch failed (no response within 3000 ms (AUTHORIZER_JWKS_TIMEOUT_MS)), and the backoff before the next one has not ended",
        ),
        (
            KeysUnavailableCause::Deadline,
            "no keys for i: the fetch did not end before the invocation's deadline",
        ),
    ] {
        let error = Error::KeysUnavailable { issuer: "i".to_owned(), cause: cause.into() };
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn shows_what_the_caller_chose_on_one_line() {
    let issuer = Excerpt::from("https://a\nreason=expired\u{1b}[2J");
    let message = Error::UnknownIssuer { issuer, configured: "https://a".to_owned(), hint: None };
    assert_eq!(
        message.to_string(),
        r#"iss is "https://a\nreason=expired\u{1b}[2J", which is not a configured issuer (https://a)"#
    );
}
