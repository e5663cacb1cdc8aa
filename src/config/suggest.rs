//! Suggests the setting that a user may have meant by an unknown name.
//!
//! A wrong suggestion is worse than none. So a setting is suggested only if its name is nearly the
//! same as the unknown one, or has enough words in common with it.

use super::setting::{LEEWAY_SECONDS, REQUIRED_SCOPES, ROUTE_RULES, Setting};

/// Names that other products use for our settings, and names that ours had.
const OTHER_NAMES: [(&str, &Setting); 7] = [
    ("CLOCK_SKEW", &LEEWAY_SECONDS),
    ("CLOCK_SKEW_SECONDS", &LEEWAY_SECONDS),
    ("CLOCK_TOLERANCE", &LEEWAY_SECONDS),
    ("CLOCK_TOLERANCE_SECONDS", &LEEWAY_SECONDS),
    ("SKEW", &LEEWAY_SECONDS),
    ("SCOPE", &REQUIRED_SCOPES),
    ("ROUTE_SCOPES", &ROUTE_RULES),
];

/// The Jaro-Winkler similarity, from 0 to 1, at which a name counts as a misspelt one.
const MISSPELT: f64 = 0.92;

/// The most settings that are suggested for one name. A longer list does not help.
const MAX_SUGGESTIONS: usize = 3;

/// Returns the settings that `name` may mean. `name` is in upper case and without its prefix.
pub(super) fn similar<'s>(name: &str, settings: &[&'s Setting]) -> Vec<&'s Setting> {
    let exact = of_other_product(name, settings).or_else(|| misspelt(name, settings));
    match exact {
        Some(setting) => vec![setting],
        None => with_shared_words(name, settings),
    }
}

fn of_other_product<'s>(name: &str, settings: &[&'s Setting]) -> Option<&'s Setting> {
    let (_, meant) = OTHER_NAMES.iter().find(|(other, _)| *other == name)?;
    settings.iter().find(|setting| setting.name == meant.name).copied()
}

fn misspelt<'s>(name: &str, settings: &[&'s Setting]) -> Option<&'s Setting> {
    let similarity = |setting: &Setting| strsim::jaro_winkler(setting.name, name);
    let nearest = settings.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(nearest) >= MISSPELT).then_some(nearest)
}

/// Returns the settings with the highest score for shared words.
fn with_shared_words<'s>(name: &str, settings: &[&'s Setting]) -> Vec<&'s Setting> {
    let score = |setting: &Setting| shared_words(name, setting.name);
    let best = settings.iter().map(|setting| score(setting)).max().unwrap_or_default();
    let candidates: Vec<_> =
        settings.iter().filter(|setting| score(setting) == best).copied().collect();
    if best == 0 || candidates.len() > MAX_SUGGESTIONS { Vec::new() } else { candidates }
}

/// Scores the words that a name shares with the name of a setting: two points for the same word,
/// one for a word that differs in its plural only. The score is zero if fewer than half of the
/// name's words are shared.
fn shared_words(name: &str, setting: &str) -> usize {
    let scores: Vec<usize> = name
        .split('_')
        .map(|word| setting.split('_').map(|other| score(word, other)).max().unwrap_or_default())
        .collect();
    let shared = scores.iter().filter(|score| **score > 0).count();
    if 2 * shared >= scores.len() { scores.iter().sum() } else { 0 }
}

fn score(word: &str, other: &str) -> usize {
    fn singular(word: &str) -> &str {
        word.strip_suffix('S').unwrap_or(word)
    }
    if word.is_empty() {
        0
    } else if word == other {
        2
    } else if singular(word) == singular(other) {
        1
    } else {
        0
    }
}

/// Returns what to do instead of setting `name`, if Lambda itself has such a setting. `name` is in
/// upper case and without its prefix.
pub(super) fn setting_of_lambda(name: &str) -> Option<&'static str> {
    match name {
        "LOG_LEVEL" => Some(
            "The log level is a setting of Lambda. Set ApplicationLogLevel in the function's LoggingConfig (the parameter LogLevel of template.yaml). Lambda passes it on as AWS_LAMBDA_LOG_LEVEL.",
        ),
        "LOG_FORMAT" => Some(
            "The log format is a setting of Lambda. Set LogFormat in the function's LoggingConfig. Lambda passes it on as AWS_LAMBDA_LOG_FORMAT.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;

    #[track_caller]
    fn check(name: &str, expected: &[&str]) {
        let settings: Vec<_> = SETTINGS.iter().collect();
        let names: Vec<_> = similar(name, &settings).iter().map(|setting| setting.name).collect();
        assert_eq!(names, expected, "{name}");
    }

    #[test]
    fn suggests_the_name_that_was_misspelt() {
        for (name, nearest) in [
            ("ISUER", "ISSUER"),
            ("ISSUER_URL", "ISSUER"),
            ("AUDIANCE", "AUDIENCE"),
            ("AUDIENCES", "AUDIENCE"),
            ("CLIENT_ID", "CLIENT_IDS"),
            ("REQUIRED_CLAIM", "REQUIRED_CLAIMS"),
            ("JWKS_URL", "JWKS_URI"),
            ("JWK_URI", "JWKS_URI"),
            ("ALOWED_ORIGINS", "ALLOWED_ORIGINS"),
            ("AUDIENCE", "AUDIENCE"),
        ] {
            check(name, &[nearest]);
        }
    }

    #[test]
    fn suggests_the_names_that_share_words() {
        check("LEEWAY", &["LEEWAY_SECONDS"]);
        check("ORIGIN", &["ALLOWED_ORIGINS"]);
        check("ORIGINS", &["ALLOWED_ORIGINS"]);
        check("CORS_ORIGINS", &["ALLOWED_ORIGINS"]);
        check("MAX_AGE", &["MAX_TOKEN_AGE_SECONDS"]);
        check("CACHE_TTL", &["JWKS_TTL_SECONDS"]);
        check("METRICS", &["METRICS_NAMESPACE"]);
        check("CLIENT", &["CLIENT_IDS"]);
        check("CLAIMS", &["SCOPE_CLAIMS", "REQUIRED_CLAIMS", "CONTEXT_CLAIMS"]);
    }

    #[test]
    fn suggests_scopes_for_scopes() {
        let settings: Vec<_> = SETTINGS.iter().collect();
        let names: Vec<_> = similar("SCOPES", &settings).iter().map(|it| it.name).collect();
        assert!(names.contains(&"REQUIRED_SCOPES"), "{names:?}");
        assert!(!names.contains(&"RESOURCE_SCOPE"), "{names:?}");
        check("SCOPE", &["REQUIRED_SCOPES"]);
    }

    #[test]
    fn knows_the_names_of_other_products() {
        check("ROUTE_SCOPES", &["ROUTE_RULES"]);
        for name in ["CLOCK_SKEW", "SKEW", "CLOCK_TOLERANCE", "CLOCK_SKEW_SECONDS"] {
            check(name, &["LEEWAY_SECONDS"]);
        }
    }

    #[test]
    fn suggests_nothing_where_nothing_is_near() {
        for name in
            ["LOG_LEVEL", "DOMAIN", "URL", "REGION", "USER_POOL_ID", "X", "", "_", "SECONDS"]
        {
            check(name, &[]);
        }
    }
}
