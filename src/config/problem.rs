//! The mistakes in the settings, and the message of each.

use std::fmt;

use super::issuer_list::{MAX_ISSUERS, MAX_PREFETCHED};
use super::setting::{PREFIX, Setting};
use crate::excerpt::Excerpt;
use crate::issuer::TENANT;

/// All mistakes in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

/// One mistake, and the variable that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable, or the member of an object, for example `AUTHORIZER_ISSUERS[0].audience`.
    pub variable: String,
    /// What is wrong with it.
    pub mistake: Mistake,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// A required setting has no value.
    NotSet(&'static Setting),
    /// The value is empty.
    Empty(&'static Setting),
    /// The setting does not take this value.
    Invalid {
        /// The setting.
        setting: &'static Setting,
        /// The value, shortened.
        value: Excerpt,
        /// What is wrong with the value, as a clause.
        fault: String,
    },
    /// No setting takes a JSON value of this type. Holds the value, shortened.
    WrongType(Excerpt),
    /// The setting is not set, and an issuer with tenants needs it.
    NotSetForTenants(&'static Setting),
    /// The URL of the key set is not set, and it cannot be discovered for an issuer with tenants.
    NotDiscoverable(&'static Setting),
    /// Tenants are set for an issuer without a placeholder.
    NoPlaceholder,
    /// An object of a list of issuers has the same setting twice, in upper and in lower case.
    SetTwice,
    /// A setting of one issuer is set together with a list of issuers.
    BesideIssuers {
        /// The setting of one issuer.
        setting: &'static Setting,
        /// The setting that has the list.
        list: &'static Setting,
    },
    /// Both settings that have a list of issuers are set.
    TwoLists,
    /// A list has this many issuers, which are too many.
    TooManyIssuers(usize),
    /// This many issuers of a list are to be prefetched, which are too many.
    TooManyPrefetched(usize),
    /// Several objects of a list of issuers have this issuer.
    RepeatedIssuer(Excerpt),
    /// A setting of the whole function is in an object of a list of issuers.
    NotPerIssuer(&'static Setting),
    /// The name is that of a setting on trial, but this setting cannot be on trial.
    NeverOnTrial(&'static Setting),
    /// There is no such setting, but Lambda has one. Holds what to do instead.
    SettingOfLambda(&'static str),
    /// There is no such setting.
    Unknown {
        /// The similar names that there are.
        similar: Vec<String>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A list of 1,000 issuers can have the same mistake 1,000 times.
        const SHOWN: usize = 50;
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} mistake{plural} in the settings:", self.0.len())?;
        self.0.iter().take(SHOWN).try_for_each(|problem| write!(f, "\n- {problem}"))?;
        if self.0.len() > SHOWN {
            write!(f, "\n- and {} more", self.0.len() - SHOWN)
        } else {
            Ok(())
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.mistake)
    }
}

/// Says what is wrong and what to do, after the name of the variable. An example at the end has no
/// full stop, so that users can copy it.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet(setting) => write!(f, "is not set. {}", how_to_set(setting)),
            Self::Empty(setting) if setting.is_required() => {
                write!(f, "is empty. {}", how_to_set(setting))
            }
            Self::Empty(setting) => {
                let Setting { default, takes, example, .. } = setting;
                write!(
                    f,
                    "is empty. Unset it to use the default ({default}), or set it to {takes}. Example: {example}"
                )
            }
            Self::Invalid { setting, value, fault } => {
                write!(f, "is {value:?}: {fault}. {}", how_to_set(setting))
            }
            Self::WrongType(value) => write!(
                f,
                "is {value}. Set it to a string, a number, an object, or a list of strings without commas."
            ),
            Self::NotSetForTenants(setting) => {
                write!(f, "is not set, but the issuer has {TENANT}. {}", how_to_set(setting))
            }
            Self::NotDiscoverable(setting) => write!(
                f,
                "is not set. The key set of an issuer with {TENANT} cannot be discovered. {}",
                how_to_set(setting)
            ),
            Self::NoPlaceholder => write!(
                f,
                "is set, but the issuer has no {TENANT}. Remove it, or write {TENANT} into the issuer in place of the tenant."
            ),
            Self::SetTwice => {
                f.write_str("is set twice, in upper and in lower case. Remove one of the two.")
            }
            Self::BesideIssuers { setting, list } => write!(
                f,
                "is set together with {PREFIX}{0}. Move it into each object of {PREFIX}{0}, as {1:?}.",
                list.name,
                setting.name.to_ascii_lowercase()
            ),
            Self::TwoLists => {
                write!(f, "is set together with {PREFIX}ISSUERS. Remove one of the two.")
            }
            Self::TooManyIssuers(count) => {
                write!(f, "has {count} issuers. The limit is {MAX_ISSUERS}.")
            }
            Self::TooManyPrefetched(count) => write!(
                f,
                "has \"prefetch\": true for {count} issuers. The limit is {MAX_PREFETCHED}. Remove it from the others: their keys are fetched when they are first needed."
            ),
            Self::RepeatedIssuer(issuer) => {
                write!(f, "has the issuer {issuer:?} twice. Remove one of the two objects.")
            }
            Self::NotPerIssuer(setting) => write!(
                f,
                "is not a setting of one issuer. Set {PREFIX}{} instead, for all issuers.",
                setting.name
            ),
            Self::NeverOnTrial(setting) => write!(
                f,
                "is not a setting. {PREFIX}{} restricts nothing that could be reported only.",
                setting.name
            ),
            Self::SettingOfLambda(instead) => write!(f, "is not a setting. {instead}"),
            Self::Unknown { similar } if similar.is_empty() => {
                f.write_str("is not a setting. See docs/configuration.md for the settings.")
            }
            Self::Unknown { similar } => {
                write!(f, "is not a setting. Did you mean {}?", similar.join(" or "))
            }
        }
    }
}

fn how_to_set(setting: &Setting) -> String {
    format!("Set it to {}. Example: {}", setting.takes, setting.example)
}
