//! Which setting somebody may have meant by a name that is none.
//!
//! A wrong suggestion is worse than none, so a setting is suggested only if its name is nearly the
//! same, or has enough words in common with it.

use super::setting::{LEEWAY_SECONDS, REQUIRED_SCOPES, Setting};

/// Names that other products use for what is here under another name.
const OTHER_NAMES: [(&str, &Setting); 6] = [
    ("CLOCK_SKEW", &LEEWAY_SECONDS),
    ("CLOCK_SKEW_SECONDS", &LEEWAY_SECONDS),
    ("CLOCK_TOLERANCE", &LEEWAY_SECONDS),
    ("CLOCK_TOLERANCE_SECONDS", &LEEWAY_SECONDS),
    ("SKEW", &LEEWAY_SECONDS),
    ("SCOPE", &REQUIRED_SCOPES),
];

/// The similarity from which on a name counts as misspelt, from 0 to 1.
const MISSPELT: f64 = 0.92;

/// More settings than this say nothing.
const MOST: usize = 3;

/// Returns the settings that `name` may mean, the likeliest first. `name` is without its prefix and
/// in upper case.
pub(super) fn similar<'s>(name: &str, settings: &[&'s Setting]) -> Vec<&'s Setting> {
    let other_name = OTHER_NAMES.iter().find(|(other, _)| *other == name);
    let meant = other_name.and_then(|(_, meant)| settings.iter().find(|it| it.name == meant.name));
    if let Some(meant) = meant {
        return vec![meant];
    }
    let similarity = |setting: &Setting| strsim::jaro_winkler(setting.name, name);
    let nearest = settings.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    if let Some(nearest) = nearest.filter(|nearest| similarity(nearest) >= MISSPELT) {
        return vec![nearest];
    }
    let most = settings.iter().map(|setting| shared_words(name, setting.name)).max();
    let sharing = |setting: &&&Setting| Some(shared_words(name, setting.name)) == most;
    let candidates: Vec<_> = settings.iter().filter(sharing).copied().collect();
    if most == Some(0) || candidates.len() > MOST { Vec::new() } else { candidates }
}

/// Scores the words that a name has in common with a setting's: two for each that is the same, one
/// for each that differs in its plural. Zero unless at least half of the name's words count.
fn shared_words(name: &str, setting: &str) -> usize {
    let singular = |word: &str| word.strip_suffix('S').unwrap_or(word).to_owned();
    let score = |word: &str| {
        let of_setting = setting.split('_');
        let scores = of_setting.map(|other| match word {
            "" => 0,
            _ if word == other => 2,
            _ if singular(word) == singular(other) => 1,
            _ => 0,
        });
        scores.max().unwrap_or_default()
    };
    let scores: Vec<usize> = name.split('_').map(score).collect();
    let shared = scores.iter().filter(|score| **score > 0).count();
    if 2 * shared >= scores.len() { scores.iter().sum() } else { 0 }
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
        check("CLAIMS", &["REQUIRED_CLAIMS", "CONTEXT_CLAIMS"]);
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
