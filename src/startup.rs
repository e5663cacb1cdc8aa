//! Starts an authorizer: reads the files that the settings name, and fetches the first keys.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;
use tracing::warn;

use crate::authorizer::Authorizer;
use crate::config::{Config, IssuerConfig};
use crate::jwks::{ClientError, Clock, HttpKeySource, KeySet, KeySetError, KeySource, SkippedKey};

/// Why the authorizer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file cannot be read.
    #[error("{variable}{}: cannot read {path}: {cause}", of_issuer(issuer.as_deref()))]
    File {
        /// The setting that names the file.
        variable: &'static str,
        /// The issuer that has the setting, if it is a setting of one issuer.
        issuer: Option<String>,
        /// The file's path.
        path: String,
        /// What the operating system or the PEM reader says.
        cause: String,
    },
    /// A key set file contains no usable key.
    #[error("AUTHORIZER_JWKS_FILE of {issuer} cannot be used: {cause}")]
    KeySet {
        /// The issuer of the keys.
        issuer: String,
        /// What is wrong with the key set.
        cause: KeySetError,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// How long the start waits for keys. Lambda ends the init phase after 10 s. One issuer that hangs must
/// not delay the tokens of the others.
const TIME_TO_START: Duration = Duration::from_secs(5);

impl Authorizer<HttpKeySource> {
    /// Makes an authorizer that fetches keys over HTTP. It fetches the keys of all issuers
    /// concurrently, so that they are cached when the first request comes. A fetch that fails is
    /// logged, and the next request that needs the keys tries again.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a file that the settings name cannot be used, or the HTTP client cannot be set
    /// up.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let authorizer = Self::without_prefetch(config).await?;
        // A fetch that takes longer goes on, and a request that needs it waits for it.
        let _ = timeout(TIME_TO_START, authorizer.prefetch()).await;
        Ok(authorizer)
    }

    /// Makes an authorizer that fetches keys over HTTP when a request needs them.
    ///
    /// # Errors
    ///
    /// The same as those of [`Authorizer::start`].
    pub async fn without_prefetch(config: Config) -> Result<Self, StartError> {
        let source = key_source(&config)?;
        Self::with_source(config, source, Arc::new(system_time)).await
    }
}

impl<S: KeySource> Authorizer<S> {
    /// Makes an authorizer that fetches keys from `source`, and reads the time from `clock`.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a key set file cannot be used.
    pub async fn with_source(config: Config, source: S, clock: Clock) -> Result<Self, StartError> {
        let mut key_sets = Vec::new();
        for issuer in config.issuers.iter() {
            if let Some((keys, skipped)) =
                key_file(issuer)?.map(|file| file.parse(issuer)).transpose()?
            {
                log_skipped(issuer, &skipped);
                key_sets.push((Arc::clone(&issuer.keys), keys));
            }
        }
        let authorizer = Self::new(config, source, clock);
        for (origin, key_set) in key_sets {
            authorizer.seed(&origin, key_set).await;
        }
        Ok(authorizer)
    }
}

#[expect(clippy::disallowed_methods, reason = "the only place that reads the wall clock")]
pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}

/// Sets up what fetches the keys.
pub(crate) fn key_source(config: &Config) -> Result<HttpKeySource, StartError> {
    let roots = match &config.ca_file {
        None => Vec::new(),
        Some(path) => root_certificates(path)?,
    };
    Ok(HttpKeySource::new(roots, config.cache.timeout)?)
}

fn root_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let fail = |cause| file_error("AUTHORIZER_CA_FILE", None, path, cause);
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| fail(error.to_string()))?;
    if certificates.is_empty() {
        return Err(fail("it contains no PEM certificate".to_owned()));
    }
    Ok(certificates)
}

/// The content of an issuer's key set file.
pub(crate) struct KeyFile(pub(crate) Vec<u8>);

/// Reads an issuer's key set file, if it has one.
pub(crate) fn key_file(issuer: &IssuerConfig) -> Result<Option<KeyFile>, StartError> {
    let Some(path) = &issuer.jwks_file else { return Ok(None) };
    let json = std::fs::read(path).map_err(|error| {
        file_error("AUTHORIZER_JWKS_FILE", Some(issuer), path, error.to_string())
    })?;
    Ok(Some(KeyFile(json)))
}

impl KeyFile {
    /// Parses the keys, and returns those that are skipped too.
    pub(crate) fn parse(
        &self,
        issuer: &IssuerConfig,
    ) -> Result<(KeySet, Vec<SkippedKey>), StartError> {
        KeySet::parse(&self.0, &issuer.keys.issuer, &issuer.keys.algorithms).map_err(|cause| {
            StartError::KeySet { issuer: issuer.rules.issuer.as_str().to_owned(), cause }
        })
    }
}

fn log_skipped(issuer: &IssuerConfig, skipped: &[SkippedKey]) {
    let issuer = issuer.rules.issuer.as_str();
    for key in skipped {
        let key = key.to_string();
        warn!(issuer, key, "a key of AUTHORIZER_JWKS_FILE is skipped");
    }
}

fn of_issuer(issuer: Option<&str>) -> String {
    issuer.map(|issuer| format!(" of {issuer}")).unwrap_or_default()
}

fn file_error(
    variable: &'static str,
    issuer: Option<&IssuerConfig>,
    path: &Path,
    cause: String,
) -> StartError {
    let issuer = issuer.map(|issuer| issuer.rules.issuer.as_str().to_owned());
    StartError::File { variable, issuer, path: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_issuer_whose_file_cannot_be_read() {
        let path = "/opt/x".to_owned();
        let cause = "permission denied".to_owned();
        let file = |variable, issuer: Option<&str>| {
            let (path, cause) = (path.clone(), cause.clone());
            StartError::File { variable, issuer: issuer.map(str::to_owned), path, cause }
        };
        assert_eq!(
            file("AUTHORIZER_JWKS_FILE", Some("https://a.example")).to_string(),
            "AUTHORIZER_JWKS_FILE of https://a.example: cannot read /opt/x: permission denied"
        );
        assert_eq!(
            file("AUTHORIZER_CA_FILE", None).to_string(),
            "AUTHORIZER_CA_FILE: cannot read /opt/x: permission denied"
        );
    }
}
