//! Reads settings one by one, and collects the mistakes in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::members::Members;
use super::parse::Parsed;
use super::problem::{ConfigError, Mistake, Problem};
use super::setting::{
    self, ISSUERS, ISSUERS_FILE, PREFIX, REQUIRED_SCOPES, SETTINGS, Setting, SettingInForce,
    TRIAL_PREFIX, trial,
};
use super::suggest;
use super::variables::Variables;
use crate::excerpt::Excerpt;
use crate::uri::without_credentials;

/// How many characters of a value a message shows.
const SHOWN_CHARS: usize = 200;

/// How many characters of the description of a fault a message shows.
const SHOWN_FAULT_CHARS: usize = 500;

/// The most warnings at a start. Each of 1,000 issuers can cause the same one.
const MAX_WARNINGS: usize = 20;

/// Reads the environment variables, or one object of a list of issuers.
pub(super) struct Reader {
    place: Place,
    /// The texts of the settings, by name. A member of an object can be wrong before it is read.
    values: BTreeMap<String, Result<String, Mistake>>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

/// Where the settings of a reader are.
enum Place {
    Variables,
    /// An object of a list of issuers.
    Issuer {
        /// The name that users know the list by.
        list: Arc<str>,
        index: usize,
    },
}

impl Place {
    /// Returns the name that users know a setting by.
    fn full_name(&self, name: &str) -> String {
        match self {
            Self::Variables => format!("{PREFIX}{name}"),
            Self::Issuer { list, index } => {
                format!("{list}[{index}].{}", name.to_ascii_lowercase())
            }
        }
    }

    /// Returns whether a setting may be in this place.
    fn allows(&self, setting: &Setting) -> bool {
        match self {
            Self::Variables => true,
            Self::Issuer { .. } => setting.per_issuer,
        }
    }
}

impl Reader {
    /// Takes the variables whose names begin with [`PREFIX`].
    pub(super) fn of_variables(variables: &Variables) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in variables.iter() {
            if let Some(name) = name.strip_prefix(PREFIX) {
                values.insert(name.to_owned(), Ok(value.to_owned()));
            }
        }
        Self::new(Place::Variables, values)
    }

    /// Takes the object with this index of a list of issuers. `list` is the name that users know the
    /// list by.
    pub(super) fn of_issuer(list: &Arc<str>, index: usize, members: Members) -> Self {
        let mut values = BTreeMap::new();
        for (name, json) in members.0 {
            let name = name.to_ascii_uppercase();
            let value = as_text(&name, &json).ok_or_else(|| Mistake::WrongType(shown(json.get())));
            values.entry(name).and_modify(|value| *value = Err(Mistake::SetTwice)).or_insert(value);
        }
        Self::new(Place::Issuer { list: Arc::clone(list), index }, values)
    }

    /// Reports every name that is not a setting. If one was ignored, a misspelt restriction would
    /// be no restriction.
    fn new(place: Place, values: BTreeMap<String, Result<String, Mistake>>) -> Self {
        let unknown = values.keys().filter_map(|name| {
            let mistake = mistake_in_name(&place, name)?;
            Some(Problem { variable: place.full_name(name), mistake })
        });
        let problems = unknown.collect();
        Self { place, values, problems, warnings: Vec::new() }
    }

    /// Returns the name that users know a setting by.
    pub(super) fn name(&self, setting: &Setting) -> String {
        self.place.full_name(setting.name)
    }

    pub(super) fn is_set(&self, setting: &Setting) -> bool {
        self.values.contains_key(setting.name)
    }

    /// Returns the text of a setting, right or wrong.
    pub(super) fn text(&self, setting: &Setting) -> Option<&str> {
        self.values.get(setting.name)?.as_deref().ok()
    }

    /// Reads a setting that has a default. Returns `None` if it is not set, or after it has reported
    /// a mistake.
    pub(super) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Option<T> {
        let parsed = match self.values.get(setting.name)? {
            Ok(value) => parse_value(setting, value.trim(), parse),
            Err(mistake) => Err(mistake.clone()),
        };
        parsed.map_err(|mistake| self.report(setting, mistake)).ok()
    }

    /// Reads a setting that has no default. Returns `None` after it has reported a mistake.
    pub(super) fn required<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Option<T> {
        if !self.is_set(setting) {
            self.report(setting, Mistake::NotSet(setting));
        }
        self.optional(setting, parse)
    }

    /// Adds the mistakes and the warnings of an issuer's reader to this one's.
    pub(super) fn merge(&mut self, issuer: Self) {
        self.problems.extend(issuer.problems);
        self.warnings.extend(issuer.warnings);
    }

    /// Adds a mistake.
    pub(super) fn report(&mut self, setting: &Setting, mistake: Mistake) {
        self.problems.push(Problem { variable: self.name(setting), mistake });
    }

    /// Adds a mistake in what users know by this name.
    pub(super) fn report_at(&mut self, name: &str, mistake: Mistake) {
        self.problems.push(Problem { variable: name.to_owned(), mistake });
    }

    /// Adds a warning about something that is allowed, but is likely not meant.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Returns each setting of this place with its value, or its default. The settings on trial have no
    /// defaults. The settings of one issuer are left out where a list of issuers has them. The
    /// value is empty if it is of a type that no setting takes.
    pub(super) fn settings(&self) -> impl Iterator<Item = SettingInForce> {
        let is_elsewhere = move |setting: &Setting| {
            let has_list = self.is_set(&ISSUERS) || self.is_set(&ISSUERS_FILE);
            (has_list && setting.per_issuer) || setting.name.starts_with(TRIAL_PREFIX)
        };
        let here = setting::all().filter(move |setting| {
            self.place.allows(setting) && (self.is_set(setting) || !is_elsewhere(setting))
        });
        here.map(|setting| {
            let value = self.values.get(setting.name);
            let shown = value.map(|value| value.as_deref().unwrap_or_default().trim());
            SettingInForce {
                variable: self.name(setting),
                value: without_credentials(shown.unwrap_or(setting.default)).into_owned(),
                default: value.is_none(),
            }
        })
    }

    /// Returns the warnings, or the mistakes if there are any.
    pub(super) fn finish(mut self) -> Result<Vec<String>, ConfigError> {
        if !self.problems.is_empty() {
            return Err(ConfigError(self.problems));
        }
        let further = self.warnings.len().saturating_sub(MAX_WARNINGS);
        if further > 0 {
            self.warnings.truncate(MAX_WARNINGS);
            self.warnings.push(format!("There are {further} more warnings about the settings."));
        }
        Ok(self.warnings)
    }
}

fn parse_value<T>(
    setting: &'static Setting,
    value: &str,
    parse: impl FnOnce(&str) -> Parsed<T>,
) -> Result<T, Mistake> {
    if value.is_empty() {
        return Err(Mistake::Empty(setting));
    }
    parse(value).map_err(|fault| invalid(setting, value, fault))
}

/// Makes the mistake that `setting` does not take `value`.
pub(super) fn invalid(setting: &'static Setting, value: &str, fault: String) -> Mistake {
    // A fault may quote a part of the value.
    let fault = Excerpt::of(&without_credentials(&fault), SHOWN_FAULT_CHARS).to_string();
    Mistake::Invalid { setting, value: shown(value), fault }
}

/// Returns a value as a message shows it.
pub(super) fn shown(value: &str) -> Excerpt {
    Excerpt::of(&without_credentials(value), SHOWN_CHARS)
}

/// Returns the mistake in a name that is not the name of a setting in this place.
fn mistake_in_name(place: &Place, name: &str) -> Option<Mistake> {
    let (allowed, elsewhere): (Vec<&Setting>, Vec<&Setting>) =
        setting::all().partition(|setting| place.allows(setting));
    if allowed.iter().any(|setting| setting.name == name) {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    if let Some(setting) = elsewhere.into_iter().find(|setting| setting.name == upper) {
        return Some(Mistake::NotPerIssuer(setting));
    }
    if let Some(instead) = suggest::setting_of_lambda(&upper) {
        return Some(Mistake::SettingOfLambda(instead));
    }
    // Without the prefix of settings on trial: with it, they are all similar.
    let (prefix, base) = match upper.strip_prefix(TRIAL_PREFIX) {
        Some(base) => (TRIAL_PREFIX, base),
        None => ("", &*upper),
    };
    if !prefix.is_empty()
        && let Some(setting) = SETTINGS.iter().find(|setting| setting.name == base)
    {
        return Some(Mistake::NeverOnTrial(setting));
    }
    let candidates = SETTINGS.iter().filter(|setting| {
        allowed.iter().any(|allowed| allowed.name.strip_prefix(prefix) == Some(setting.name))
    });
    let candidates: Vec<_> = candidates.collect();
    let similar = suggest::similar(base, &candidates).into_iter();
    let full_name = |setting: &Setting| place.full_name(&[prefix, setting.name].concat());
    Some(Mistake::Unknown { similar: similar.map(full_name).collect() })
}

/// The settings that are lists whose items can be lists.
const SCOPE_LISTS: [&str; 2] = [REQUIRED_SCOPES.name, trial::REQUIRED_SCOPES.name];

/// Returns the text that means the same in the environment variable of a setting. `None` for a value of
/// a type that the setting does not take. `name` is the name of the setting in upper case.
fn as_text(name: &str, json: &RawValue) -> Option<String> {
    let value: Value = serde_json::from_str(json.get()).ok()?;
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        // The raw JSON: a `Value` has already dropped a repeated member, which is a mistake.
        Value::Object(_) => Some(json.get().to_owned()),
        Value::Array(_) if SCOPE_LISTS.contains(&name) => Some(json.get().to_owned()),
        Value::Array(items) => {
            let items: Option<Vec<_>> =
                items.iter().map(|item| item.as_str().filter(|item| !item.contains(','))).collect();
            items.map(|items| items.join(","))
        }
        Value::Bool(flag) => {
            let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
            setting.is_boolean().then(|| flag.to_string())
        }
        Value::Null => None,
    }
}
