//! Settings of any text: a variable on each line, without its prefix. What follows the line `---` is
//! the content of `AUTHORIZER_ISSUERS_FILE`.
//!
//! A mistake names a variable that is set or required. Without a mistake, every variable is a setting,
//! and there are an issuer and an audience.

#![no_main]

use std::collections::BTreeMap;

use jwks_authorizer::Config;
use jwks_authorizer::config::{PREFIX, Problem, SETTINGS, TRIAL_SETTINGS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (lines, file) = text.split_once("\n---\n").unwrap_or((text, ""));
    let lines = lines.lines().filter_map(|line| line.split_once('='));
    let variables: BTreeMap<String, String> =
        lines.map(|(name, value)| (format!("{PREFIX}{name}"), value.to_owned())).collect();
    match Config::from_variables_and_files(variables.clone(), |_| Ok(file.to_owned())) {
        Err(error) => {
            assert!(!error.0.is_empty());
            for problem in &error.0 {
                check_problem(problem, &variables);
            }
            let text = error.to_string();
            assert!(error.0.iter().take(50).all(|problem| text.contains(&problem.variable)));
        }
        Ok(config) => {
            let is_set = |name: &str| variables.contains_key(&format!("{PREFIX}{name}"));
            let has_list = is_set("ISSUERS") || is_set("ISSUERS_FILE");
            assert!(has_list || (is_set("ISSUER") && (is_set("AUDIENCE") || is_set("RESOURCE"))));
            let is_setting = |name: &str| {
                SETTINGS.iter().chain(TRIAL_SETTINGS).any(|setting| setting.name == name)
            };
            assert!(variables.keys().all(|name| is_setting(&name[PREFIX.len()..])));
            drop(format!("{config:?}"));
        }
    }
});

/// Checks that users find the variable: it is set, or it is a setting, or a member of a list.
fn check_problem(problem: &Problem, variables: &BTreeMap<String, String>) {
    let name = &problem.variable;
    let is_setting = SETTINGS.iter().any(|setting| *name == format!("{PREFIX}{}", setting.name));
    // A file is shown by its path, shortened.
    let has_file = variables.contains_key("AUTHORIZER_ISSUERS_FILE");
    let is_member = name.starts_with("AUTHORIZER_ISSUERS[") || has_file;
    assert!(variables.contains_key(name) || is_setting || is_member, "{problem}");
    assert!(problem.to_string().len() > name.len() + 1, "{problem}");
}
