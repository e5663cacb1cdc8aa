//! The environment variables that matter to this function.

use std::fmt;
use std::sync::Arc;

use super::setting::PREFIX;

/// The variables that the settings and the choice of a proxy come from, for a diagnosis.
///
/// `Debug` shows only their names: a proxy's URL may have a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Variables(Arc<[(String, String)]>);

impl Variables {
    /// Takes those of some variables that matter.
    pub(crate) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let matters =
            |name: &str| name.starts_with(PREFIX) || name.to_ascii_uppercase().ends_with("_PROXY");
        Self(variables.into_iter().filter(|(name, _)| matters(name)).collect())
    }

    /// Returns the names and the values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_matters_and_shows_no_value() {
        let variables = [
            ("AUTHORIZER_ISSUER", "https://a.example"),
            ("https_proxy", "http://user:secret@proxy"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let variables =
            Variables::of(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let names: Vec<_> = variables.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["AUTHORIZER_ISSUER", "https_proxy"]);
        assert_eq!(format!("{variables:?}"), r#"["AUTHORIZER_ISSUER", "https_proxy"]"#);
    }
}
