//! What to do about each reason. `docs/errors.md` contains each text in the section of its reason.

use super::Error;

impl Error {
    /// Each reason code, and what to do about it, in the order of [`Error::REASONS`].
    pub const CURES: &[(&'static str, &'static str)] = CURES;

    /// Returns what to do about the error, in one or two sentences.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        let reason = self.reason();
        let cure = CURES.iter().find(|(of, _)| *of == reason);
        cure.map_or("", |(_, cure)| cure)
    }
}

const CURES: &[(&str, &str)] = &[
    (
        "missing_token",
        "Send the token in one of the places that AUTHORIZER_TOKEN_SOURCES lists. A header must be Authorization: Bearer TOKEN.",
    ),
    (
        "malformed_token",
        "Send one whole and unchanged JWT, once. If the token is opaque, the client must request an audience: many issuers issue a JWT only then.",
    ),
    ("token_too_large", "Take claims out of the token at the issuer, for example lists of groups."),
    (
        "unsupported_algorithm",
        "If the issuer signs with this algorithm, add it to AUTHORIZER_ALGORITHMS. Tokens without a signature (none) and with HS… are never accepted: the client must send the token that the issuer signed.",
    ),
    (
        "unsupported_critical_header",
        "Configure the issuer to leave crit, b64 and zip out of the header.",
    ),
    (
        "unknown_issuer",
        "If the token's iss is yours, set AUTHORIZER_ISSUER to exactly this text. Otherwise the client must get a token from a configured issuer.",
    ),
    ("wrong_tenant", "An issuer does not do that: find out who made the token."),
    (
        "unknown_key",
        "After a change of keys, retry some seconds later. Otherwise the key is in the issuer's key set, but not usable, or the token is from another environment of the issuer.",
    ),
    (
        "invalid_signature",
        "Get a new token, in case this one was changed or cut off. If all tokens of an issuer fail, check AUTHORIZER_JWKS_URI.",
    ),
    ("expired", "The client must renew the token. If new tokens are expired, a clock is wrong."),
    (
        "not_yet_valid",
        "The issuer's clock is probably ahead. For some seconds, a larger AUTHORIZER_LEEWAY_SECONDS helps.",
    ),
    (
        "issued_in_future",
        "The issuer's clock is probably ahead. For some seconds, a larger AUTHORIZER_LEEWAY_SECONDS helps.",
    ),
    (
        "too_old",
        "The client must get a new token. If new tokens get this too, raise AUTHORIZER_MAX_TOKEN_AGE_SECONDS.",
    ),
    (
        "wrong_audience",
        "If the token is right, correct AUTHORIZER_AUDIENCE. Otherwise the client must request an access token for this API.",
    ),
    ("wrong_client", "If this client may use the API, add it to AUTHORIZER_CLIENT_IDS."),
    (
        "wrong_token_use",
        "The client must send the other token, or AUTHORIZER_TOKEN_USE must name this one.",
    ),
    (
        "wrong_token_type",
        "If the issuer does not mark its access tokens, remove AUTHORIZER_TOKEN_TYPES. Otherwise the client must send an access token.",
    ),
    (
        "wrong_certificate",
        "The client must connect with the certificate that the token is bound to, to a REST or HTTP API with mutual TLS. Nothing may be cached without the certificate.",
    ),
    (
        "unsupported_binding",
        "The client must get a bearer token, or one that is bound to its certificate. DPoP is not supported.",
    ),
    (
        "missing_claim",
        "Configure the issuer to add the claim, or change the setting that needs it.",
    ),
    ("claim_mismatch", "If the token is right, add its value to AUTHORIZER_REQUIRED_CLAIMS."),
    (
        "insufficient_scope",
        "The client must request the scope, and the issuer must grant it. If the token has it in another claim than scope or scp, set AUTHORIZER_SCOPE_CLAIMS.",
    ),
    ("route_claim_mismatch", "The issuer must give the user this value, or the token this claim."),
    (
        "route_forbidden",
        "Add a rule to AUTHORIZER_ROUTE_RULES that matches the requested path without the stage.",
    ),
    ("ambiguous_path", "The client must send the plain path."),
    (
        "origin_not_allowed",
        "If the page is yours, add exactly its origin to AUTHORIZER_ALLOWED_ORIGINS. If the token is in a cookie only, send it in a header.",
    ),
    (
        "keys_unavailable",
        "Make the issuer's key set reachable from the function: see its network, AUTHORIZER_JWKS_URI and AUTHORIZER_CA_FILE. For what to do about the message, run jwks-authorizer check.",
    ),
    ("unusable_event", "Attach the function as an authorizer, and not as an integration."),
    (
        "context_too_large",
        "Add fewer claims with AUTHORIZER_CONTEXT_CLAIMS, or use fewer and wider patterns in AUTHORIZER_ROUTE_RULES.",
    ),
];
