//! The function's settings in the environment of the command line program.
//!
//! Only the command line program reads the environment. The library gets settings as arguments.

use std::ffi::OsString;

const PREFIX: &str = "AUTHORIZER_";

/// Environment variables whose names start with `AUTHORIZER_`, sorted by name.
pub(crate) struct Settings(Vec<(OsString, OsString)>);

/// The environment has settings, which would change the demo's results.
#[derive(Debug, thiserror::Error)]
#[error(
    "the demo needs its own settings, but the environment sets {names}. \
     Unset them, for example with `unset {}`.",
    .names.replace(',', "")
)]
pub(crate) struct NotForDemo {
    names: String,
}

impl Settings {
    /// Picks the function's settings from environment variables.
    pub(crate) fn pick(environment: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let is_setting = |name: &OsString| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let mut settings: Vec<_> = environment.filter(|(name, _)| is_setting(name)).collect();
        settings.sort();
        Self(settings)
    }

    /// Returns the names and values.
    pub(crate) fn variables(&self) -> &[(OsString, OsString)] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names, separated by commas.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, _)| name.to_string_lossy()).collect();
        names.join(", ")
    }

    /// Fails if there are any settings.
    pub(crate) fn check_none(&self) -> Result<(), NotForDemo> {
        if self.is_empty() { Ok(()) } else { Err(NotForDemo { names: self.names() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(names: &[&str]) -> Settings {
        Settings::pick(names.iter().map(|name| (name.into(), "value".into())))
    }

    #[test]
    fn picks_only_the_functions_settings() {
        let settings = settings(&["PATH", "AUTHORIZER_LEEWAY_SECONDS", "AUTHORIZER_AUDIENCE"]);
        assert_eq!(settings.names(), "AUTHORIZER_AUDIENCE, AUTHORIZER_LEEWAY_SECONDS");
    }

    #[test]
    fn refuses_a_demo_with_settings() {
        let error = settings(&["AUTHORIZER_AUDIENCE", "AUTHORIZER_ISSUER"]).check_none();
        assert_eq!(
            error.unwrap_err().to_string(),
            "the demo needs its own settings, but the environment sets AUTHORIZER_AUDIENCE, \
             AUTHORIZER_ISSUER. Unset them, for example with \
             `unset AUTHORIZER_AUDIENCE AUTHORIZER_ISSUER`."
        );
        settings(&["PATH"]).check_none().unwrap();
    }
}
