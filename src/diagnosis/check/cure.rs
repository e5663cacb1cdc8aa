//! What to do about what a check finds. The errors themselves are the function's own.

use std::time::Duration;

use super::observed::{Exchange, Observed};
use super::probe::Failure;
use crate::config::IssuerConfig;
use crate::diagnosis::text::duration;
use crate::hints::issuer::small_difference;
use crate::jwks::{
    CacheRules, ConnectionFault, DiscoveryError, Document, FetchError, KeySetError, LifetimeCause,
};

/// Returns what to do about a failed fetch.
pub(super) fn hint(
    failure: &Failure,
    document: Document,
    issuer: &IssuerConfig,
    observed: &Observed,
) -> Option<String> {
    let Failure::Fetch(error) = failure else { return None };
    let is_web_page = observed.exchange(document).is_some_and(Exchange::is_web_page);
    match error {
        FetchError::Connection { fault, .. } => of_connection(*fault).map(str::to_owned),
        FetchError::Timeout(_) => Some(NO_ROUTE.to_owned()),
        FetchError::Status { status, .. } => Some(of_status(*status, document)),
        FetchError::TooLarge { .. } => None,
        FetchError::KeySet { cause: KeySetError::NotAKeySet, .. }
        | FetchError::Discovery { cause: DiscoveryError::NotADocument, .. }
            if is_web_page =>
        {
            Some("The response is a web page. Check the URL, and whether a login or a firewall is in front of the issuer.".to_owned())
        }
        FetchError::KeySet { cause, .. } => of_key_set(cause, observed),
        FetchError::Discovery { cause, .. } => of_discovery(cause, issuer),
    }
}

const NO_ROUTE: &str = "In a VPC, a function reaches the internet only through a NAT gateway or a proxy (HTTPS_PROXY). Check the route and the security groups. If the issuer is just slow, raise AUTHORIZER_JWKS_TIMEOUT_MS.";

fn of_connection(fault: ConnectionFault) -> Option<&'static str> {
    match fault {
        ConnectionFault::Dns => Some(
            "Check the spelling of the host name, and of the proxy if there is one. In a VPC, check that its DNS resolves public names.",
        ),
        ConnectionFault::Refused => Some(
            "Nothing accepts connections at this address. Check the host and the port, and the proxy if there is one.",
        ),
        ConnectionFault::Timeout | ConnectionFault::NoRoute => Some(NO_ROUTE),
        ConnectionFault::UntrustedCertificate => Some(
            "Set AUTHORIZER_CA_FILE to a PEM file with the root certificate of the authority that signed it, for example of your company or of a proxy that inspects TLS.",
        ),
        ConnectionFault::CertificateDates => {
            Some("The issuer must renew its certificate. Check this machine's clock too.")
        }
        ConnectionFault::CertificateName => Some(
            "Check the host in the URL. If it is right, another server answers in its place, or its certificate lacks the name.",
        ),
        ConnectionFault::Other => None,
    }
}

fn of_status(status: u16, document: Document) -> String {
    let text = match (status, document) {
        (300..=399, Document::Discovery) => {
            "Redirects are not followed. Set AUTHORIZER_ISSUER to the `iss` of the tokens, and AUTHORIZER_JWKS_URI if the issuer has no discovery document there."
        }
        (300..=399, Document::KeySet) => {
            "Redirects are not followed. Set AUTHORIZER_JWKS_URI to where the redirect leads."
        }
        (407, _) => "The proxy wants credentials. Add them to HTTPS_PROXY.",
        (401 | 403, _) => {
            "The document must be public. Check the URL, and whether a firewall refuses this network."
        }
        (429, _) => "The issuer was asked too often. Try again later.",
        (500..=599, _) => "The issuer or a proxy fails. Try again later.",
        (_, Document::Discovery) => {
            "There is no discovery document at this URL. Check AUTHORIZER_ISSUER, or set AUTHORIZER_JWKS_URI to the URL of the key set."
        }
        (_, Document::KeySet) => {
            "There is no key set at this URL. Check AUTHORIZER_JWKS_URI, or unset it to let the issuer's discovery document name the URL."
        }
    };
    text.to_owned()
}

fn of_discovery(error: &DiscoveryError, issuer: &IssuerConfig) -> Option<String> {
    match error {
        DiscoveryError::OtherIssuer(found) => {
            let difference = small_difference(found.as_str(), issuer.rules.issuer.as_str())
                .map(|hint| format!("{}. ", difference(hint.as_str())));
            Some(format!(
                "{}If the tokens' `iss` is {found:?} too, set AUTHORIZER_ISSUER to it. If their `iss` is as configured, set AUTHORIZER_JWKS_URI to the URL of the key set.",
                difference.unwrap_or_default()
            ))
        }
        DiscoveryError::NotADocument => Some(
            "Check AUTHORIZER_ISSUER, or set AUTHORIZER_JWKS_URI to the URL of the key set."
                .to_owned(),
        ),
        DiscoveryError::Downgrade(_) | DiscoveryError::Uri(_) => {
            Some("Set AUTHORIZER_JWKS_URI to the https URL of the key set.".to_owned())
        }
    }
}

/// Returns what a hint says before its cure, which is for tokens, as a sentence.
fn difference(hint: &str) -> String {
    let clause = hint.split_once(": ").map_or(hint, |(clause, _)| clause);
    let mut characters = clause.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

fn of_key_set(error: &KeySetError, observed: &Observed) -> Option<String> {
    let algorithms = observed.other_algorithms();
    match error {
        KeySetError::NoUsableKey { .. } if !algorithms.is_empty() => Some(format!(
            "The keys are for {}. Set AUTHORIZER_ALGORITHMS to the `alg` of the tokens.",
            algorithms.join(", ")
        )),
        KeySetError::NoUsableKey { .. } => None,
        KeySetError::NotAKeySet => Some(
            "Check that the URL is of the key set (jwks_uri), not of a certificate or of the discovery document.".to_owned(),
        ),
        KeySetError::Empty => Some("The issuer publishes no keys. Check the URL.".to_owned()),
    }
}

/// Says what decides the lifetime of keys.
pub(super) fn lifetime(cause: LifetimeCause, max_age: Option<Duration>) -> String {
    const TTL: &str = "AUTHORIZER_JWKS_TTL_SECONDS";
    let max_age = max_age.unwrap_or_default().as_secs();
    match cause {
        LifetimeCause::AsRequested => format!("the response's max-age={max_age}"),
        LifetimeCause::Missing => format!("{TTL}, because the response has no max-age"),
        LifetimeCause::TooLong => {
            format!("{TTL}, because the response's max-age={max_age} is longer")
        }
        LifetimeCause::TooShort => {
            format!("the shortest lifetime, because the response's max-age={max_age} is shorter")
        }
    }
}

/// Warns if the keys of a file are the only ones.
pub(super) fn only_from_file(issuer: &IssuerConfig, rules: &CacheRules) -> String {
    let usable = duration((rules.ttl + rules.max_stale).as_secs());
    format!(
        "The key set of {} cannot be fetched. The function uses the keys of AUTHORIZER_JWKS_FILE for {usable} after each start.",
        issuer.rules.issuer.as_str()
    )
}

/// Warns if two clocks differ by more than the leeway.
pub(super) fn clock_skew(issuer: &IssuerConfig, skew: i64) -> Option<String> {
    /// A date has whole seconds.
    const RESOLUTION: Duration = Duration::from_secs(1);
    let leeway = issuer.rules.leeway;
    if Duration::from_secs(skew.unsigned_abs()) <= leeway + RESOLUTION {
        return None;
    }
    let (direction, consequence) = if skew > 0 {
        ("ahead of", "tokens expire early")
    } else {
        ("behind", "new tokens seem to be issued in the future")
    };
    Some(format!(
        "This machine's clock is {} {direction} the clock of {}, and the leeway is {} s: {consequence}. Set the clock, or raise AUTHORIZER_LEEWAY_SECONDS.",
        duration(skew.unsigned_abs()),
        issuer.rules.issuer.as_str(),
        leeway.as_secs()
    ))
}

#[cfg(test)]
mod tests;
