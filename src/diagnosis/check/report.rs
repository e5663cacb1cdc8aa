//! The report of a check. Its JSON is in `docs/diagnosis.md`; absent things are null.

use serde::Serialize;

use crate::config::SettingInForce;

/// What is right and wrong with the settings, the network and the issuers' keys.
#[derive(Debug, Default, Serialize)]
pub struct CheckReport {
    /// Whether the function would start and could judge tokens of every issuer.
    pub ok: bool,
    /// Every mistake that stops the start.
    pub mistakes: Vec<String>,
    /// What is allowed, but is likely not meant.
    pub warnings: Vec<String>,
    /// Every setting, with its value or its default.
    pub settings: Vec<SettingInForce>,
    /// The variables that choose a proxy and are set.
    pub proxy: Vec<ProxyVariable>,
    /// Each issuer. Empty after a mistake in the settings.
    pub issuers: Vec<IssuerReport>,
}

/// A variable that chooses a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProxyVariable {
    /// Its name.
    pub variable: String,
    /// Its value, without credentials.
    pub value: String,
}

/// One issuer.
#[derive(Debug, Serialize)]
pub struct IssuerReport {
    /// The issuer, as configured.
    pub issuer: String,
    /// Whether the function could judge its tokens.
    pub ok: bool,
    /// The discovery document; `None` if the settings name the key set's URL.
    pub discovery: Option<DiscoveryReport>,
    /// The key set.
    pub key_set: KeySetReport,
    /// The file of `AUTHORIZER_JWKS_FILE`, if the issuer has one that can be used.
    pub key_file: Option<KeyFileReport>,
    /// How many keys can be used: of the key set, or else of the file.
    pub usable_keys: usize,
    /// How many seconds this machine's clock is ahead of the issuer's; negative if it is behind.
    pub clock_skew_s: Option<i64>,
    /// What is not wrong, but is likely not meant. Part of [`CheckReport::warnings`].
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
}

/// A discovery document.
#[derive(Debug, Serialize)]
pub struct DiscoveryReport {
    /// Its URL.
    pub url: String,
    /// Whether it names the key set.
    pub ok: bool,
    /// The status of the last response, if there was one.
    pub status: Option<u16>,
    /// How long it took, with a retry.
    pub duration_ms: Option<u64>,
    /// What is wrong.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A key set.
#[derive(Debug, Serialize)]
pub struct KeySetReport {
    /// Its URL, if it is known.
    pub url: Option<String>,
    /// Whether it has a usable key.
    pub ok: bool,
    /// The status of the last response, if there was one.
    pub status: Option<u16>,
    /// How long it took, with a retry.
    pub duration_ms: Option<u64>,
    /// The length of its body.
    pub bytes: Option<usize>,
    /// How long its keys would be fresh.
    pub lifetime_s: Option<u64>,
    /// What decides the lifetime.
    pub lifetime_why: Option<String>,
    /// The validator for the next request.
    pub etag: Option<String>,
    /// What is wrong.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Each key.
    pub keys: Vec<KeyReport>,
}

/// A file with keys.
#[derive(Debug, Serialize)]
pub struct KeyFileReport {
    /// Its path.
    pub path: String,
    /// Each key.
    pub keys: Vec<KeyReport>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyReport {
    /// Its `kid`.
    pub kid: Option<String>,
    /// Its `kty`.
    pub kty: Option<String>,
    /// Its `alg`.
    pub alg: Option<String>,
    /// Whether it verifies signatures.
    pub usable: bool,
    /// Why it does not.
    pub why: Option<String>,
}
