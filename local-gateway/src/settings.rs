//! The function's settings: the environment's, those of files, and those of the command line.
//!
//! Only the command line program reads them. The library gets settings as arguments.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "AUTHORIZER_";

/// Environment variables whose names start with `AUTHORIZER_`, sorted by name.
#[derive(Debug)]
pub(crate) struct Settings {
    variables: Vec<(OsString, OsString)>,
    /// Where the settings are from, in the order in which they override each other.
    sources: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    /// For example `the environment`.
    name: String,
    settings: Vec<String>,
    /// Other variables, which the function does not get.
    ignored: Vec<String>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(
        "the demo needs its own settings, but the environment sets {names}. \
         Unset them, for example with `unset {}`.",
        .names.replace(',', "")
    )]
    NotForDemo { names: String },
    #[error("could not read the settings in {}", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error(
        "line {line} of {} is not NAME=VALUE, a comment or blank. Correct the line.",
        .file.display()
    )]
    Line { file: PathBuf, line: usize },
    #[error("--set takes a setting, for example --set {PREFIX}LEEWAY_SECONDS=30, and not `{0}`")]
    Set(String),
}

impl Settings {
    /// Picks the function's settings from environment variables, files, and `--set` arguments. Later
    /// ones override earlier ones.
    pub(crate) fn read(
        environment: impl Iterator<Item = (OsString, OsString)>,
        files: &[PathBuf],
        set: &[String],
    ) -> Result<Self, SettingsError> {
        let is_setting = |name: &OsString| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let mut variables: BTreeMap<OsString, OsString> =
            environment.filter(|(name, _)| is_setting(name)).collect();
        let names = variables.keys().map(|name| name.to_string_lossy().into_owned()).collect();
        let mut sources = vec![Source {
            name: String::from("the environment"),
            settings: names,
            ignored: Vec::new(),
        }];
        for file in files {
            let (settings, ignored): (Vec<_>, Vec<_>) =
                read_file(file)?.into_iter().partition(|(name, _)| name.starts_with(PREFIX));
            let names = |list: &[(String, String)]| {
                list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
            };
            sources.push(Source {
                name: file.display().to_string(),
                settings: names(&settings),
                ignored: names(&ignored),
            });
            variables.extend(settings.into_iter().map(|(name, value)| (name.into(), value.into())));
        }
        let mut names = Vec::new();
        for argument in set {
            let (name, value) = read_assignment(argument)
                .filter(|(name, _)| name.starts_with(PREFIX))
                .ok_or_else(|| SettingsError::Set(name_of(argument).to_owned()))?;
            names.push(name.to_owned());
            variables.insert(name.into(), value.into());
        }
        sources.push(Source { name: String::from("--set"), settings: names, ignored: Vec::new() });
        Ok(Self { variables: variables.into_iter().collect(), sources })
    }

    /// Returns the names and values.
    pub(crate) fn variables(&self) -> &[(OsString, OsString)] {
        &self.variables
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// Returns the names, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.variables.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }

    /// Says where the settings are from, a line for each place.
    pub(crate) fn summary(&self) -> String {
        let mut summary = String::new();
        for Source { name, settings, ignored } in &self.sources {
            if !settings.is_empty() {
                summary += &format!("Settings from {name}: {}\n", settings.join(", "));
            }
            if !ignored.is_empty() {
                let names = ignored.join(", ");
                summary += &format!("Not settings of the function, ignored in {name}: {names}\n");
            }
        }
        summary
    }

    /// Fails if there are any settings.
    pub(crate) fn check_none(&self) -> Result<(), SettingsError> {
        let names = self.names();
        if names.is_empty() {
            Ok(())
        } else {
            Err(SettingsError::NotForDemo { names: names.join(", ") })
        }
    }
}

fn read_file(file: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| SettingsError::File { file: file.to_owned(), source })?;
    let mut settings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = read_assignment(line.strip_prefix("export ").unwrap_or(line))
            .ok_or_else(|| SettingsError::Line { file: file.to_owned(), line: number + 1 })?;
        settings.push((name.to_owned(), unquote(value).to_owned()));
    }
    Ok(settings)
}

/// Splits `NAME=VALUE`.
fn read_assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    is_name.then_some((name, value))
}

/// Removes a pair of quotation marks around a value, as a shell does.
fn unquote(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

/// Returns what is before `=`. A value may be secret, so that no message repeats it.
fn name_of(argument: &str) -> &str {
    argument.split_once('=').map_or(argument, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(names: &[&str]) -> Settings {
        let environment = names.iter().map(|name| (name.into(), "value".into()));
        Settings::read(environment, &[], &[]).unwrap()
    }

    fn written(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn picks_only_the_functions_settings() {
        let settings = environment(&["PATH", "AUTHORIZER_LEEWAY_SECONDS", "AUTHORIZER_AUDIENCE"]);
        assert_eq!(
            settings.summary(),
            "Settings from the environment: AUTHORIZER_AUDIENCE, AUTHORIZER_LEEWAY_SECONDS\n"
        );
        assert!(environment(&["PATH"]).is_empty());
    }

    #[test]
    fn refuses_a_demo_with_settings() {
        let error = environment(&["AUTHORIZER_AUDIENCE", "AUTHORIZER_ISSUER"]).check_none();
        assert_eq!(
            error.unwrap_err().to_string(),
            "the demo needs its own settings, but the environment sets AUTHORIZER_AUDIENCE, \
             AUTHORIZER_ISSUER. Unset them, for example with \
             `unset AUTHORIZER_AUDIENCE AUTHORIZER_ISSUER`."
        );
        environment(&["PATH"]).check_none().unwrap();
    }

    #[test]
    fn a_file_overrides_the_environment_and_set_overrides_a_file() {
        let file =
            written("settings", "# my settings\n\nexport AUTHORIZER_A=\"file\"\nAUTHORIZER_B=no\n");
        let rules = written("rules", "AUTHORIZER_RULES='{\"GET /\": [\"a=b\"]}'\nAWS_REGION=x\n");
        let environment =
            ["AUTHORIZER_A", "AUTHORIZER_Z"].map(|name| (name.into(), "environment".into()));
        let set = ["AUTHORIZER_B=set", "AUTHORIZER_C="].map(str::to_owned);
        let files = [file.clone(), rules.clone()];
        let settings = Settings::read(environment.into_iter(), &files, &set).unwrap();
        let expected = [
            ("AUTHORIZER_A", "file"),
            ("AUTHORIZER_B", "set"),
            ("AUTHORIZER_C", ""),
            ("AUTHORIZER_RULES", "{\"GET /\": [\"a=b\"]}"),
            ("AUTHORIZER_Z", "environment"),
        ];
        let expected = expected.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(settings.variables(), expected);
        assert_eq!(
            settings.summary(),
            format!(
                "Settings from the environment: AUTHORIZER_A, AUTHORIZER_Z\n\
                 Settings from {}: AUTHORIZER_A, AUTHORIZER_B\n\
                 Settings from {rules}: AUTHORIZER_RULES\n\
                 Not settings of the function, ignored in {rules}: AWS_REGION\n\
                 Settings from --set: AUTHORIZER_B, AUTHORIZER_C\n",
                file.display(),
                rules = rules.display(),
            )
        );
    }

    #[test]
    fn names_the_line_that_it_cannot_read() {
        for (text, line) in [("\nAUTHORIZER_A\n", 2), ("AUTHORIZER A=1", 1), ("=1", 1)] {
            let file = written("broken", text);
            let error = Settings::read(std::iter::empty(), &[file], &[]).unwrap_err();
            assert!(error.to_string().contains(&format!("line {line} of ")), "{error}");
        }
        let file = PathBuf::from("/nonexistent");
        let error = Settings::read(std::iter::empty(), &[file], &[]).unwrap_err();
        assert_eq!(error.to_string(), "could not read the settings in /nonexistent");
    }

    #[test]
    fn set_takes_only_settings_and_shows_no_value() {
        for (argument, shown) in
            [("AUTHORIZER_A", "`AUTHORIZER_A`"), ("PATH=secret", "`PATH`"), ("=secret", "``")]
        {
            let error = Settings::read(std::iter::empty(), &[], &[argument.to_owned()]);
            let error = error.unwrap_err().to_string();
            assert!(error.ends_with(&format!("and not {shown}")), "{error}");
        }
    }
}
