//! The documentation says what the code does: names, defaults, examples and
//! reason codes are the code's, links lead somewhere, and blocks can be used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod route_example;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use jwks_authorizer::Class;
use jwks_authorizer::config::{ConfigError, PREFIX, SETTINGS, TRIAL_SETTINGS};
use jwks_authorizer::{Config, Error};
use serde_json::Value;

use test_support::markdown::{Document, blocks, read, root, settings};

/// Every page that people read, whoever wrote it.
fn pages() -> Vec<Document> {
    let is_ours = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !name.starts_with('.') && !["dist", "target", "node_modules"].contains(&name)
    };
    let mut pages: Vec<_> = files_below(root(), &is_ours)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    pages.sort();
    pages.into_iter().map(read).collect()
}

fn files_below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = Vec::new();
    for path in entries.filter(|path| wanted(path)) {
        if path.is_dir() { files.extend(files_below(&path, wanted)) } else { files.push(path) }
    }
    files
}

/// Completes settings to what a function needs: an issuer, and files that exist.
fn complete(mut settings: Vec<(String, String)>) -> Vec<(String, String)> {
    let given: BTreeMap<String, String> = settings.iter().cloned().collect();
    let mut complete = |name: &str, value: &str| {
        if !given.contains_key(name) {
            settings.push((name.to_owned(), value.to_owned()));
        }
    };
    let is_list =
        given.contains_key("AUTHORIZER_ISSUERS") || given.contains_key("AUTHORIZER_ISSUERS_FILE");
    if !is_list {
        complete("AUTHORIZER_AUDIENCE", "chat");
        let has_tenants =
            given.get("AUTHORIZER_ISSUER").is_some_and(|issuer| issuer.contains("{tenant}"));
        if has_tenants || given.contains_key("AUTHORIZER_TENANTS") {
            complete("AUTHORIZER_ISSUER", "https://a.example/{tenant}");
            complete("AUTHORIZER_TENANTS", "a");
            complete("AUTHORIZER_JWKS_URI", "https://a.example/keys");
        } else {
            complete("AUTHORIZER_ISSUER", "https://a.example");
        }
    }
    for (_, value) in settings.iter_mut().filter(|(name, _)| name.ends_with("_FILE")) {
        *value = root().join("Cargo.toml").to_str().unwrap().to_owned();
    }
    settings
}

/// Reads settings, completed to what a function needs. A file with issuers has the example of a list.
fn parse(settings: Vec<(String, String)>) -> Result<Config, ConfigError> {
    let issuers = SETTINGS.iter().find(|setting| setting.name == "ISSUERS").unwrap();
    Config::from_variables_and_files(complete(settings), |_| Ok(issuers.example.to_owned()))
}

#[test]
fn every_setting_is_documented_as_it_is() {
    let page = read("docs/configuration.md");
    let sections = page.sections();
    let documented: Vec<_> =
        sections.iter().filter(|section| section.title.starts_with(PREFIX)).collect();
    for setting in SETTINGS {
        let name = format!("{PREFIX}{}", setting.name);
        let section = documented.iter().find(|section| section.title == name);
        let text = section.unwrap_or_else(|| panic!("{name} has no section")).text.replace('`', "");
        let default = match setting.default {
            "required" => "Required.".to_owned(),
            default => format!("Default: {default}."),
        };
        let takes = setting.takes.replace('`', "");
        let line = format!("Takes {takes}. {default} {name}={}", setting.example);
        assert!(text.lines().any(|documented| documented == line), "{name} lacks {line:?}");
        let overview = format!("[{}](#{})", setting.name, name.to_lowercase());
        assert!(page.text.contains(&overview), "{name} is not in the overview");
    }
    assert_eq!(documented.len(), SETTINGS.len(), "a section is about no setting");
}

#[test]
fn every_setting_that_can_be_on_trial_is_named() {
    let page = read("docs/configuration.md");
    let sections = page.sections();
    let section = sections.iter().find(|section| section.title == "Rules on trial").unwrap();
    for setting in TRIAL_SETTINGS {
        let name = format!("{PREFIX}{}", setting.name);
        assert!(section.text.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_example_of_a_setting_can_be_used() {
    for setting in SETTINGS {
        let example = vec![(format!("{PREFIX}{}", setting.name), setting.example.to_owned())];
        let config = parse(example);
        assert!(config.is_ok(), "{}: {}", setting.name, config.unwrap_err());
    }
}

#[test]
fn no_page_names_a_setting_that_does_not_exist() {
    /// Of API Gateway's types of gateway responses.
    const OF_OTHERS: [&str; 2] = ["FAILURE", "CONFIGURATION_ERROR"];
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    for page in pages() {
        let names = page.text.split(|character| !is_of_name(character));
        for name in names.filter_map(|word| word.strip_prefix(PREFIX)) {
            let known = name.is_empty()
                || OF_OTHERS.contains(&name)
                || name == "REPORT_ONLY_"
                || SETTINGS.iter().chain(TRIAL_SETTINGS).any(|setting| setting.name == name);
            assert!(known, "{}: {PREFIX}{name} is no setting", page.path.display());
        }
    }
}

#[test]
fn every_block_of_settings_can_be_used() {
    for page in pages() {
        for block in blocks(&page.text, "env") {
            let config = parse(settings(block));
            assert!(config.is_ok(), "{}: {}\n{block}", page.path.display(), config.unwrap_err());
        }
    }
}

#[test]
fn every_setting_in_running_text_can_be_used() {
    for page in pages() {
        for setting in page.inline_code().filter(|code| code.starts_with(PREFIX)) {
            let Some((name, value)) = setting.split_once('=') else { continue };
            let setting = vec![(name.to_owned(), value.to_owned())];
            let config = parse(setting);
            assert!(config.is_ok(), "{}: {}", page.path.display(), config.unwrap_err());
        }
    }
}

#[test]
fn mistakes_are_reported_as_documented() {
    let mistaken = [
        ("AUTHORIZER_ISSUER", "https://example.eu.auth0.com/"),
        ("AUTHORIZER_LEEWAY_SECONDS", "5m"),
    ];
    let mistaken = mistaken.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let report = Config::from_variables(mistaken).unwrap_err().to_string();
    let page = read("docs/configuration.md");
    assert!(blocks(&page.text, "text").contains(&format!("{report}\n").as_str()), "{report}");
}

#[test]
fn every_block_of_json_is_json() {
    for page in pages() {
        for block in blocks(&page.text, "json") {
            let parsed = serde_json::from_str::<Value>(block);
            assert!(parsed.is_ok(), "{}: {block}", page.path.display());
        }
    }
}

#[test]
fn every_reason_is_documented_under_what_the_client_sees() {
    let page = read("docs/errors.md");
    let mut documented = Vec::new();
    let mut status = None;
    for section in page.sections() {
        match section.level {
            2 => status = section.title.split(':').next(),
            3 => documented.push((section.title.to_owned(), status.unwrap().to_owned())),
            _ => {}
        }
    }
    documented.sort();
    let status = |class| match class {
        Class::Unauthenticated => "401".to_owned(),
        Class::Forbidden => "403".to_owned(),
        Class::Fault => "500".to_owned(),
    };
    let reasons = Error::REASONS.iter();
    let mut reasons: Vec<_> =
        reasons.map(|(reason, class)| ((*reason).to_owned(), status(*class))).collect();
    reasons.sort();
    assert_eq!(documented, reasons);
}

#[test]
fn every_reason_has_the_cure_that_the_diagnosis_shows() {
    let page = read("docs/errors.md");
    let sections = page.sections();
    for (reason, cure) in Error::CURES {
        let section = sections.iter().find(|section| section.title == *reason).unwrap();
        let text = plain_text(section.text);
        assert!(text.contains(cure), "{reason}: {cure:?} is not in {text:?}");
    }
}

/// Returns Markdown without links, list marks, code marks and line breaks.
fn plain_text(markdown: &str) -> String {
    let lines = markdown.lines().map(|line| line.trim().trim_start_matches("- "));
    let mut rest = &*lines.collect::<Vec<_>>().join(" ").replace('`', "");
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("](") {
        let (before, name) = before.rsplit_once('[').unwrap_or((before, ""));
        text.extend([before, name]);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    text + rest
}

#[tokio::test]
async fn route_rules_answer_as_their_example_says() {
    let page = read("docs/rest-and-http.md");
    let sections = page.sections();
    let section = sections.iter().find(|section| section.title == "Rules by route").unwrap();
    let ([env], [policy]) = (&*blocks(section.text, "env"), &*blocks(section.text, "json")) else {
        panic!("the example is not one block of settings and one answer")
    };
    let answer: Value = serde_json::from_str(policy).unwrap();
    let example = route_example::Example::of(settings(env), &answer["context"]).await;
    let mut given = example.ask("GET", "/orders/42").await;
    let ambiguous_paths = take_further_statements(&mut given);
    assert_eq!(ambiguous_paths.len(), 1);
    assert_eq!(ambiguous_paths[0]["Effect"], "Deny");
    assert_eq!(given, answer);

    let table = section.text.split("<!-- routes -->").nth(1).unwrap();
    let rows = table.split("<!-- /routes -->").next().unwrap().lines();
    let mut count = 0;
    for row in rows.filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [request, _, documented] = *cells else { panic!("{row}") };
        let (method, path) = request.trim_matches('`').split_once(' ').unwrap();
        let mut given = example.ask(method, path).await;
        assert_eq!(take_further_statements(&mut given)[0], ambiguous_paths[0], "{request}");
        let reason = given["context"]["reason"].as_str().unwrap_or("allow");
        assert_eq!(reason, documented.trim_matches('`'), "{request}");
        assert_eq!(given["policyDocument"], answer["policyDocument"], "{request}");
        count += 1;
    }
    assert!(count > 5, "the table is no longer read as it is written");
}

/// Removes the statements that the page describes and does not show.
fn take_further_statements(answer: &mut Value) -> Vec<Value> {
    const SHOWN: usize = 2;
    answer["policyDocument"]["Statement"].as_array_mut().unwrap().split_off(SHOWN)
}

#[test]
fn every_link_within_the_project_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        for link in page.links() {
            if ["https:", "http:", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((link, None), |(f, a)| (f, Some(a)));
            let target = match file {
                "" => page.path.clone(),
                file => normal(&page.path.parent().unwrap().join(file)),
            };
            let found = root().join(&target).exists()
                && anchor.is_none_or(|anchor| {
                    read(&target).sections().iter().any(|section| section.anchor == anchor)
                });
            if !found {
                dead.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// Resolves `..`, so that messages and comparisons have one name for a file.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, component| {
        match component {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                path.push(component)
            }
        }
        path
    })
}
