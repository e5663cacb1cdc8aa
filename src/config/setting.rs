//! The settings by name: what each takes, its default and an example.
//! `docs/configuration.md` is held against this table by a test.

/// An environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The name without its prefix.
    pub name: &'static str,
    /// The default, in the words of the documentation.
    pub default: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// An example.
    pub example: &'static str,
    /// Whether it belongs to an issuer, and so also into the objects of `ISSUERS`.
    pub per_issuer: bool,
}

macro_rules! settings {
    ($($name:ident, $default:literal, $per_issuer:literal, $takes:literal, $example:literal;)*) => {
        $(pub(super) const $name: Setting = Setting {
            name: stringify!($name),
            default: $default,
            takes: $takes,
            example: $example,
            per_issuer: $per_issuer,
        };)*

        /// Every setting, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[$($name),*];
    };
}

settings! {
    ISSUER, "required", true, "the exact iss of the tokens, an https URL", "https://example.eu.auth0.com/";
    AUDIENCE, "required", true, "a comma list of audiences, or * alone to accept any", "https://api.example.com";
    JWKS_URI, "discovered", true, "the key set's https URL", "https://example.eu.auth0.com/.well-known/jwks.json";
    JWKS_FILE, "none", true, "the path of a key set in the package or a layer", "/opt/jwks.json";
    ALGORITHMS, "RS256", true, "a comma list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, Ed25519", "RS256,ES256";
    CLIENT_IDS, "any", true, "a comma list of client ids", "2k5v1q8r,7h3m0x9s";
    TOKEN_TYPES, "any", true, "a comma list of typ header values", "at+jwt";
    TOKEN_USE, "any", true, "access or id", "access";
    REQUIRED_SCOPES, "none", true, "a comma list of scopes, all of which are needed", "chat:connect";
    REQUIRED_CLAIMS, "none", true, "a JSON object from claims (names or JSON Pointers) to a value or a list of values", r#"{"tenant": ["a", "b"], "/realm_access/roles": "admin"}"#;
    MAX_TOKEN_AGE_SECONDS, "any", true, "whole seconds from 1 to 31536000", "3600";
    LEEWAY_SECONDS, "5", true, "whole seconds from 0 to 300", "30";
    ISSUERS, "none", false, "a JSON list of objects with the settings of an issuer in lower case", r#"[{"issuer": "https://a.example.com", "audience": "chat"}]"#;
    TOKEN_SOURCES, "header:authorization,subprotocol:bearer", false, "a comma list of header:NAME, query:NAME, cookie:NAME, subprotocol:MARKER", "header:authorization,query:access_token";
    ALLOWED_ORIGINS, "any", false, "a comma list of origins, exactly as browsers send them", "https://app.example.com";
    ROUTE_SCOPES, "none", false, "a JSON object from route patterns to lists of scopes", r#"{"GET /orders/*": ["orders:read"], "$connect": ["chat"]}"#;
    CONTEXT_CLAIMS, "none", false, "a comma list of NAME, NAME=CLAIM, NAME=/JSON/POINTER", "email,roles=/realm_access/roles";
    PRINCIPAL_CLAIM, "sub", false, "a claim's name or a JSON Pointer", "email";
    USAGE_KEY_CLAIM, "none", false, "a claim's name or a JSON Pointer", "api_key";
    RESOURCE_SCOPE, "stage", false, "stage, api or request", "stage";
    HTTP_API_RESPONSE, "simple", false, "simple or policy", "simple";
    UNAUTHENTICATED_RESPONSE, "error", false, "error or deny", "error";
    JWKS_TTL_SECONDS, "600", false, "whole seconds from 1 to 86400", "600";
    JWKS_MAX_STALE_SECONDS, "86400", false, "whole seconds from 0 to 604800", "86400";
    JWKS_COOLDOWN_SECONDS, "30", false, "whole seconds from 1 to 3600", "30";
    JWKS_TIMEOUT_MS, "3000", false, "whole milliseconds from 100 to 25000", "3000";
    METRICS_NAMESPACE, "none", false, "a CloudWatch namespace", "JwksAuthorizer";
    CA_FILE, "none", false, "the path of a PEM file with root certificates", "/opt/company-ca.pem";
}
