//! Reads settings one by one and collects what is wrong with them.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::PREFIX;
use super::parse::Members;
use super::problem::{ConfigError, Problem};
use super::setting::{SETTINGS, Setting};
use super::suggest;
use crate::uri::without_credentials;

/// Where settings stand: in environment variables, or in an object of `ISSUERS`.
enum Place {
    Variables,
    Issuer(usize),
}

/// Values by setting, and the mistakes found so far.
pub(super) struct Reader {
    place: Place,
    values: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn of_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours =
            |(name, value): (String, String)| Some((name.strip_prefix(PREFIX)?.to_owned(), value));
        let values = variables.into_iter().filter_map(ours).collect();
        let mut reader = Self { place: Place::Variables, values, problems: Vec::new() };
        reader.refuse_unknown(|_| true);
        reader
    }

    fn of_issuer(place: usize, members: Members) -> Self {
        let mut reader =
            Self { place: Place::Issuer(place), values: BTreeMap::new(), problems: Vec::new() };
        for (name, value) in members.0 {
            let name = name.to_ascii_uppercase();
            let (fault, remedy) = match as_text(&value) {
                Some(_) if reader.values.contains_key(&name) => {
                    ("stands twice".to_owned(), "It is one setting, whatever its case")
                }
                Some(text) => {
                    reader.values.insert(name, text);
                    continue;
                }
                None => (
                    format!("is {}", shortened(value.get())),
                    "It takes a string, a number, a list of strings without commas, or an object",
                ),
            };
            let variable = reader.full_name(&name);
            reader.problems.push(Problem { variable, fault, remedy: remedy.to_owned() });
        }
        reader.refuse_unknown(|setting| setting.per_issuer);
        reader
    }

    /// Returns the name that a setting has in this place.
    pub(super) fn name(&self, setting: &Setting) -> String {
        self.full_name(setting.name)
    }

    fn full_name(&self, name: &str) -> String {
        match self.place {
            Place::Variables => format!("{PREFIX}{name}"),
            Place::Issuer(place) => {
                format!("{PREFIX}ISSUERS[{place}].{}", name.to_ascii_lowercase())
            }
        }
    }

    pub(super) fn has(&self, setting: &Setting) -> bool {
        self.values.contains_key(setting.name)
    }

    /// Reads a setting that may be left out.
    pub(super) fn read<T>(
        &mut self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.values.get(setting.name)?.trim();
        let parsed = if value.is_empty() {
            Err("is empty, which may be a restriction that got lost".to_owned())
        } else {
            parse(value).map_err(|fault| {
                format!("is {:?}, {fault}", shortened(&without_credentials(value)))
            })
        };
        parsed.map_err(|fault| self.problem(setting, fault)).ok()
    }

    /// Reads a setting that may not be left out.
    pub(super) fn require<T>(
        &mut self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let is_known_to_be_wrong =
            || self.problems.iter().any(|problem| problem.variable == self.name(setting));
        if !self.has(setting) && !is_known_to_be_wrong() {
            self.problem(setting, "is not set".to_owned());
        }
        self.read(setting, parse)
    }

    /// Reads a setting that is a JSON list of objects, each with settings of its own.
    pub(super) fn objects(&mut self, setting: &Setting) -> Vec<Self> {
        let parse = |text: &str| -> Result<Vec<Members>, String> {
            let objects: Vec<Members> = serde_json::from_str(text)
                .map_err(|error| format!("which is not a JSON list of objects: {error}"))?;
            if objects.is_empty() { Err("which is empty".to_owned()) } else { Ok(objects) }
        };
        let objects = self.read(setting, parse).unwrap_or_default();
        objects
            .into_iter()
            .enumerate()
            .map(|(place, members)| Self::of_issuer(place, members))
            .collect()
    }

    /// Takes over what was found wrong with an object.
    pub(super) fn adopt(&mut self, object: Self) {
        self.problems.extend(object.problems);
    }

    pub(super) fn problem(&mut self, setting: &Setting, fault: String) {
        let name = self.name(setting);
        let remedy = format!("It takes {}, for example {name}={}", setting.takes, setting.example);
        self.problems.push(Problem { variable: self.name(setting), fault, remedy });
    }

    /// Refuses settings that cannot stand beside `setting`.
    pub(super) fn refuse_beside<'s>(
        &mut self,
        setting: &Setting,
        others: impl Iterator<Item = &'s Setting>,
    ) {
        for other in others.filter(|other| self.values.contains_key(other.name)).collect::<Vec<_>>()
        {
            let problem = Problem {
                variable: self.name(other),
                fault: format!("is set beside {}", self.name(setting)),
                remedy: format!(
                    "Put it into the objects of {} as {:?}",
                    self.name(setting),
                    other.name.to_ascii_lowercase()
                ),
            };
            self.problems.push(problem);
        }
    }

    /// Refuses names that are no setting: a misspelt restriction must not be none.
    fn refuse_unknown(&mut self, known: impl Fn(&Setting) -> bool) {
        let settings: Vec<_> = SETTINGS.iter().filter(|setting| known(setting)).collect();
        let unknown =
            self.values.keys().filter(|name| settings.iter().all(|setting| setting.name != **name));
        let problems: Vec<_> = unknown
            .map(|name| {
                let upper = name.to_ascii_uppercase();
                let elsewhere =
                    SETTINGS.iter().find(|setting| setting.name == upper && !known(setting));
                let remedy = match elsewhere {
                    Some(setting) => {
                        format!("Set {PREFIX}{} beside it, for all issuers", setting.name)
                    }
                    None => self.suggestion(&upper, &settings),
                };
                Problem {
                    variable: self.full_name(name),
                    fault: "is not a setting".to_owned(),
                    remedy,
                }
            })
            .collect();
        self.problems.extend(problems);
    }

    /// Says which of `settings` may be meant by an unknown name, in upper case and without prefix.
    fn suggestion(&self, name: &str, settings: &[&Setting]) -> String {
        match name {
            "LOG_LEVEL" => {
                "The log level is a setting of Lambda: set ApplicationLogLevel in the function's LoggingConfig (the parameter LogLevel of template.yaml), which becomes AWS_LAMBDA_LOG_LEVEL".to_owned()
            }
            "LOG_FORMAT" => {
                "The log format is a setting of Lambda: set LogFormat in the function's LoggingConfig, which becomes AWS_LAMBDA_LOG_FORMAT".to_owned()
            }
            _ => {
                let similar = suggest::similar(name, settings);
                let names: Vec<_> = similar.into_iter().map(|setting| self.name(setting)).collect();
                match &names[..] {
                    [] => "docs/configuration.md lists the settings".to_owned(),
                    names => format!("Did you mean {}?", names.join(" or ")),
                }
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }
}

/// Puts a JSON value as the same setting's variable would.
fn as_text(json: &RawValue) -> Option<String> {
    let value: Value = serde_json::from_str(json.get()).ok()?;
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        // As it stands: a member that stands twice is still to be refused.
        Value::Object(_) => Some(json.get().to_owned()),
        Value::Array(items) => {
            let items: Option<Vec<_>> =
                items.iter().map(|item| item.as_str().filter(|item| !item.contains(','))).collect();
            items.map(|items| items.join(","))
        }
        Value::Null | Value::Bool(_) => None,
    }
}

fn shortened(value: &str) -> String {
    const SHOWN: usize = 200;
    match value.char_indices().nth(SHOWN) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}
