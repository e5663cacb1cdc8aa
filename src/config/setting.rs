//! The settings: what each takes, its default and an example. A test compares
//! `docs/configuration.md` with this table.

use serde::Serialize;

/// What the name of every variable begins with.
pub const PREFIX: &str = "AUTHORIZER_";

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The name of its environment variable, without [`PREFIX`].
    pub name: &'static str,
    /// Whether each issuer has its own, so that the objects of a list of issuers may have it.
    pub per_issuer: bool,
    /// The values that it takes. Completes the sentence "Set it to …".
    pub takes: &'static str,
    /// The default value, or words for it: required, discovered, none, any, the first 32.
    pub default: &'static str,
    /// An example of a value.
    pub example: &'static str,
}

impl Setting {
    pub(super) fn is_required(&self) -> bool {
        self.default == "required"
    }

    pub(super) fn is_boolean(&self) -> bool {
        self.takes == "true or false"
    }
}

/// A setting, and the value that the function uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingInForce {
    /// The name of its variable, or of the member of an issuer's object, for example
    /// `AUTHORIZER_ISSUERS[0].audience`.
    pub variable: String,
    /// The value as it is set, or else [`Setting::default`].
    pub value: String,
    /// Whether it is not set, so that the default is used.
    pub default: bool,
}

/// Defines a constant for each setting, and [`SETTINGS`].
macro_rules! settings {
    ($(
        $name:ident, per_issuer: $per_issuer:literal,
        takes: $takes:literal,
        default: $default:literal,
        example: $example:literal;
    )*) => {
        $(pub(super) const $name: Setting = Setting {
            name: stringify!($name),
            per_issuer: $per_issuer,
            takes: $takes,
            default: $default,
            example: $example,
        };)*

        /// All settings, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[$($name),*];
    };
}

settings! {
    ISSUER, per_issuer: true,
    takes: "the exact `iss` of the tokens, an https URL",
    default: "required",
    example: "https://example.eu.auth0.com/";

    AUDIENCE, per_issuer: true,
    takes: "the token's `aud` value (comma-separated for several), or `*` to accept any audience",
    default: "required",
    example: "https://api.example.com";

    TENANTS, per_issuer: true,
    takes: "a comma-separated list of the values of `{tenant}` in the issuer, or `*` for any tenant",
    default: "none",
    example: "8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f,2b3c4d5e-6f70-4182-93a4-b5c6d7e8f901";

    JWKS_URI, per_issuer: true,
    takes: "the https URL of the key set",
    default: "discovered",
    example: "https://example.eu.auth0.com/.well-known/jwks.json";

    JWKS_FILE, per_issuer: true,
    takes: "the path of a key set in the deployment package or in a layer",
    default: "none",
    example: "/opt/jwks.json";

    PREFETCH, per_issuer: true,
    takes: "true or false",
    default: "the first 32",
    example: "true";

    ALGORITHMS, per_issuer: true,
    takes: "a comma-separated list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, Ed25519",
    default: "RS256",
    example: "RS256,ES256";

    CLIENT_IDS, per_issuer: true,
    takes: "a comma-separated list of client IDs",
    default: "any",
    example: "2k5v1q8r,7h3m0x9s";

    TOKEN_TYPES, per_issuer: true,
    takes: "a comma-separated list of values of the `typ` header parameter",
    default: "any",
    example: "at+jwt";

    TOKEN_USE, per_issuer: true,
    takes: "access or id",
    default: "any",
    example: "access";

    TOKEN_BINDING, per_issuer: true,
    takes: "mtls",
    default: "none",
    example: "mtls";

    REQUIRED_SCOPES, per_issuer: true,
    takes: "a comma-separated list of scopes, or a JSON list of scopes and lists of scopes",
    default: "none",
    example: "chat:connect";

    SCOPE_CLAIMS, per_issuer: true,
    takes: "a comma-separated list of claims (names or JSON Pointers)",
    default: "none",
    example: "permissions,/realm_access/roles";

    REQUIRED_CLAIMS, per_issuer: true,
    takes: "a JSON object that maps claims (names or JSON Pointers) to a value, a list of values, or {\"all\": [...]}",
    default: "none",
    example: r#"{"tenant": ["a", "b"], "/realm_access/roles": "admin"}"#;

    MAX_TOKEN_AGE_SECONDS, per_issuer: true,
    takes: "a whole number of seconds from 1 to 31536000",
    default: "any",
    example: "3600";

    LEEWAY_SECONDS, per_issuer: true,
    takes: "a whole number of seconds from 0 to 300",
    default: "5",
    example: "30";

    ISSUERS, per_issuer: false,
    takes: "a JSON list of objects, each with the settings of one issuer in lower case",
    default: "none",
    example: r#"[{"issuer": "https://a.example.com", "audience": "chat"}]"#;

    ISSUERS_FILE, per_issuer: false,
    takes: "the path of a file with such a list, in the deployment package or in a layer",
    default: "none",
    example: "/opt/issuers.json";

    RESOURCE, per_issuer: false,
    takes: "the URL of the API as clients use it, its resource identifier",
    default: "none",
    example: "https://api.example.com/mcp";

    TOKEN_SOURCES, per_issuer: false,
    takes: "a comma-separated list of header:NAME, query:NAME, cookie:NAME, subprotocol:MARKER",
    default: "header:authorization,subprotocol:bearer",
    example: "header:authorization,query:access_token";

    ALLOWED_ORIGINS, per_issuer: false,
    takes: "a comma-separated list of origins, exactly as browsers send them",
    default: "any",
    example: "https://app.example.com";

    ROUTE_RULES, per_issuer: false,
    takes: "a JSON object that maps route patterns to lists of scopes, or to objects with scopes and claims",
    default: "none",
    example: r#"{"GET /orders/*": ["orders:read"], "* /admin/*": {"claims": {"groups": "admins"}}}"#;

    CONTEXT_CLAIMS, per_issuer: false,
    takes: "a comma-separated list of NAME, NAME=CLAIM, NAME=/JSON/POINTER",
    default: "none",
    example: "email,roles=/realm_access/roles";

    PRINCIPAL_CLAIM, per_issuer: false,
    takes: "the name of a claim or a JSON Pointer",
    default: "sub",
    example: "email";

    USAGE_KEY_CLAIM, per_issuer: false,
    takes: "the name of a claim or a JSON Pointer",
    default: "none",
    example: "api_key";

    RESOURCE_SCOPE, per_issuer: false,
    takes: "stage, api or request",
    default: "stage",
    example: "stage";

    HTTP_API_RESPONSE, per_issuer: false,
    takes: "simple or policy",
    default: "simple",
    example: "simple";

    UNAUTHENTICATED_RESPONSE, per_issuer: false,
    takes: "error or deny",
    default: "error",
    example: "error";

    JWKS_TTL_SECONDS, per_issuer: false,
    takes: "a whole number of seconds from 1 to 86400",
    default: "600",
    example: "600";

    JWKS_MAX_STALE_SECONDS, per_issuer: false,
    takes: "a whole number of seconds from 0 to 604800",
    default: "86400",
    example: "86400";

    JWKS_COOLDOWN_SECONDS, per_issuer: false,
    takes: "a whole number of seconds from 1 to 3600",
    default: "30",
    example: "30";

    JWKS_TIMEOUT_MS, per_issuer: false,
    takes: "a whole number of milliseconds from 100 to 25000",
    default: "3000",
    example: "3000";

    METRICS_NAMESPACE, per_issuer: false,
    takes: "the name of a CloudWatch namespace",
    default: "none",
    example: "JwksAuthorizer";

    CA_FILE, per_issuer: false,
    takes: "the path of a PEM file with root certificates",
    default: "none",
    example: "/opt/company-ca.pem";
}

/// What the names of the settings on trial begin with, after [`PREFIX`].
pub(super) const TRIAL_PREFIX: &str = "REPORT_ONLY_";

/// Defines a setting on trial for each of some settings, and [`TRIAL_SETTINGS`].
macro_rules! settings_on_trial {
    ($($name:ident)*) => {
        /// The settings on trial. Their values are evaluated, but not enforced.
        pub(super) mod trial {
            use super::Setting;

            $(pub(in crate::config) const $name: Setting = Setting {
                name: concat!("REPORT_ONLY_", stringify!($name)),
                default: "none",
                ..super::$name
            };)*
        }

        /// The settings that restrict, a second time: their values are evaluated, but not enforced.
        pub const TRIAL_SETTINGS: &[Setting] = &[$(trial::$name),*];
    };
}

settings_on_trial! {
    AUDIENCE
    ALGORITHMS
    CLIENT_IDS
    TOKEN_TYPES
    TOKEN_USE
    TOKEN_BINDING
    REQUIRED_SCOPES
    REQUIRED_CLAIMS
    MAX_TOKEN_AGE_SECONDS
    ALLOWED_ORIGINS
    ROUTE_RULES
}

/// Returns every setting, those on trial included.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(TRIAL_SETTINGS)
}
