//! The function's settings that the caller's environment holds.
//!
//! Only the command line program reads them. Users of the library get what they ask for, whatever
//! the developer's shell holds.

use std::ffi::OsString;

const PREFIX: &str = "AUTHORIZER_";

/// Environment variables, sorted by name.
pub(crate) struct Settings(Vec<(OsString, OsString)>);

/// The demo was asked for with settings that would change its outcome.
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
        let ours = |name: &OsString| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let mut settings: Vec<_> = environment.filter(|(name, _)| ours(name)).collect();
        settings.sort();
        Self(settings)
    }

    pub(crate) fn variables(&self) -> &[(OsString, OsString)] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, separated by commas.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, _)| name.to_string_lossy()).collect();
        names.join(", ")
    }

    /// Refuses any settings.
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
    fn picks_the_functions_settings_and_nothing_else() {
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
