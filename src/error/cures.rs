//! What to do about each reason. `docs/errors.md` has the same texts.

use super::Error;

/// The cure of each reason, in the order of [`Error::REASONS`].
const CURES: &[(&str, &str)] = &[
    (
        "missing_token",
        "Send the token in one of the places that AUTHORIZER_TOKEN_SOURCES lists, usually as the header Authorization: Bearer TOKEN. Or add the place where the client sends it.",
    ),
    (
        "malformed_token",
        "Send one whole and unchanged JWT, once. If the issuer issues opaque tokens, the client must request a token for the audience of this API.",
    ),
    ("token_too_large", "Take claims out of the token at the issuer, for example lists of groups."),
    (
        "unsupported_algorithm",
        "If the issuer signs with this algorithm, add it to AUTHORIZER_ALGORITHMS. Algorithms with a shared secret (HS256) and none are not supported.",
    ),
    (
        "unsupported_critical_header",
        "Configure the issuer to leave crit, b64 and zip out of the header.",
    ),
    (
        "unknown_issuer",
        "If the token is from your issuer, set AUTHORIZER_ISSUER to exactly its iss. Otherwise the client must get a token from the configured issuer.",
    ),
    (
        "unknown_key",
        "After a change of keys, retry when AUTHORIZER_JWKS_COOLDOWN_SECONDS has passed. Otherwise look for the token's kid in the issuer's key set: the key is not usable, or the token is from another environment of the issuer.",
    ),
    (
        "invalid_signature",
        "Get a new token: this one was changed, cut off, or signed with another key. If all tokens of the issuer fail, check AUTHORIZER_JWKS_URI.",
    ),
    ("expired", "The client must get a new token. If new tokens are expired, a clock is wrong."),
    (
        "not_yet_valid",
        "Correct the clock of the issuer, which is probably ahead. A larger AUTHORIZER_LEEWAY_SECONDS helps against some seconds.",
    ),
    (
        "issued_in_future",
        "Correct the clock of the issuer, which is probably ahead. A larger AUTHORIZER_LEEWAY_SECONDS helps against some seconds.",
    ),
    (
        "too_old",
        "The client must get a new token. If new tokens are refused before their exp, AUTHORIZER_MAX_TOKEN_AGE_SECONDS is shorter than their life.",
    ),
    (
        "wrong_audience",
        "The client must request an access token for this API. If the token is the right one, add its aud to AUTHORIZER_AUDIENCE.",
    ),
    ("wrong_client", "If this client may use the API, add it to AUTHORIZER_CLIENT_IDS."),
    (
        "wrong_token_use",
        "The client must send Cognito's other token, or AUTHORIZER_TOKEN_USE must name this one.",
    ),
    (
        "wrong_token_type",
        "The client must send an access token. If the issuer does not mark its access tokens, remove AUTHORIZER_TOKEN_TYPES.",
    ),
    (
        "missing_claim",
        "Configure the issuer to add the claim, or remove the setting that needs it.",
    ),
    (
        "claim_mismatch",
        "If the token's value is right, add it to AUTHORIZER_REQUIRED_CLAIMS, with its JSON type: \"1\" is not 1.",
    ),
    (
        "insufficient_scope",
        "The client must request the scope, and the issuer must grant it. Otherwise remove it from AUTHORIZER_REQUIRED_SCOPES or AUTHORIZER_ROUTE_SCOPES.",
    ),
    (
        "route_forbidden",
        "Add a rule for the route to AUTHORIZER_ROUTE_SCOPES. An empty list of scopes accepts every valid token.",
    ),
    (
        "ambiguous_path",
        "The client must send the plain path, without encoded letters, empty segments or a slash at the end.",
    ),
    (
        "origin_not_allowed",
        "If the page is yours, add its origin to AUTHORIZER_ALLOWED_ORIGINS, exactly as the browser sends it, or send the token in a header.",
    ),
    (
        "keys_unavailable",
        "Make the issuer's key set reachable from the function: its network, AUTHORIZER_JWKS_URI, and AUTHORIZER_CA_FILE for a private certificate authority.",
    ),
    (
        "unusable_event",
        "Attach the function to the API as an authorizer, and not as an integration.",
    ),
    (
        "context_too_large",
        "Add fewer claims with AUTHORIZER_CONTEXT_CLAIMS, or use fewer and wider patterns in AUTHORIZER_ROUTE_SCOPES.",
    ),
];

impl Error {
    /// Each reason code, and what to do about it.
    pub const CURES: &[(&'static str, &'static str)] = CURES;

    /// Returns what to do about the error, in one or two sentences.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        let reason = self.reason();
        let cure = CURES.iter().find(|(of, _)| *of == reason);
        cure.map_or("", |(_, cure)| cure)
    }
}
