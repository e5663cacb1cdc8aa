//! Tests of issuers with tenants, of lists of issuers, and of which issuer accepts an `iss`.

use std::fmt::Write;
use std::io;
use std::path::Path;

use super::*;
use crate::config::{Config, ConfigError, PREFIX};
use crate::jwks::KeyLocation;
use crate::jwt::testing::claims;

const TEMPLATE: &str = "https://login.example/{tenant}/v2.0";
const KEYS: &str = "https://login.example/keys";

/// Reads variables, named without their prefix, and a file.
fn read_with(variables: &[(&str, &str)], file: io::Result<&str>) -> Result<Config, ConfigError> {
    let variable = |(name, value): &(&str, &str)| (format!("{PREFIX}{name}"), (*value).to_owned());
    Config::from_variables_and_files(variables.iter().map(variable), |path| {
        assert_eq!(path, Path::new("/opt/issuers.json"));
        file.as_ref()
            .map(|text| (*text).to_owned())
            .map_err(|error| io::Error::new(error.kind(), error.to_string()))
    })
}

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    read_with(variables, Err(io::Error::other("no file is expected")))
}

fn problems(outcome: Result<Config, ConfigError>) -> Vec<String> {
    outcome.unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// Checks the settings of an issuer with tenants, of which `changed` are changed or left out. Each
/// text of `expected` is in the problem at its place.
#[track_caller]
fn check(changed: &[(&str, Option<&str>)], expected: &[&str]) {
    let good = [("ISSUER", TEMPLATE), ("AUDIENCE", "chat"), ("TENANTS", "a"), ("JWKS_URI", KEYS)];
    let value = |name: &str| changed.iter().find(|(changed, _)| *changed == name);
    let mut variables: Vec<(&str, &str)> =
        good.into_iter().filter(|(name, _)| value(name).is_none()).collect();
    variables.extend(changed.iter().filter_map(|(name, value)| Some((*name, (*value)?))));
    match read(&variables) {
        Ok(_) => assert!(expected.is_empty(), "{changed:?} is accepted"),
        Err(error) => {
            let problems = problems(Err(error));
            assert_eq!(problems.len(), expected.len(), "{changed:?}: {problems:?}");
            for (problem, expected) in problems.iter().zip(expected) {
                assert!(problem.contains(expected), "{changed:?}: {problem}");
            }
        }
    }
}

#[test]
fn an_issuer_with_tenants_needs_the_tenants_and_the_key_set() {
    check(&[], &[]);
    check(&[("ISSUER", Some("https://login.example/t/{tenant}"))], &[]);
    check(&[("ISSUER", Some("https://login.example/{tenant}/"))], &[]);
    check(&[("ISSUER", Some("http://127.0.0.1:1/{tenant}"))], &[]);
    check(
        &[("TENANTS", None)],
        &[
            "AUTHORIZER_TENANTS is not set, but the issuer has {tenant}. Set it to a comma-separated",
        ],
    );
    check(
        &[("JWKS_URI", None)],
        &[
            "AUTHORIZER_JWKS_URI is not set. The key set of an issuer with {tenant} cannot be discovered. Set it to the https URL",
        ],
    );
    check(
        &[("TENANTS", None), ("JWKS_URI", None), ("AUDIENCE", None)],
        &["AUTHORIZER_TENANTS is not set", "AUTHORIZER_JWKS_URI is not set", "AUDIENCE is not set"],
    );
    check(&[("TENANTS", Some("a/b")), ("JWKS_URI", None)], &["AUTHORIZER_TENANTS is \"a/b\""]);
    check(
        &[("JWKS_URI", Some("https://login.example/{tenant}/keys"))],
        &[
            "AUTHORIZER_JWKS_URI is \"https://login.example/{tenant}/keys\": the URL of a key set has no placeholder",
        ],
    );
    check(
        &[("ISSUER", Some("https://login.example/a/v2.0"))],
        &["AUTHORIZER_TENANTS is set, but the issuer has no {tenant}. Remove it, or write"],
    );
    check(&[("ISSUER", Some("https://login.example/a/v2.0")), ("TENANTS", None)], &[]);
}

#[test]
fn tenants_are_segments_that_are_written_in_one_way() {
    for accepted in ["a", "*", "a,B", " a , b ", "A,a", "8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f"] {
        check(&[("TENANTS", Some(accepted))], &[]);
    }
    for (refused, fault) in [
        ("", "is empty. Unset it"),
        ("a,", "an item is empty"),
        ("a,a", "\"a\" is in the list twice"),
        ("a,*", "`*` must be the only item"),
        ("*,*", "\"*\" is in the list twice"),
        ("**", "\"**\" is not a tenant"),
        ("a*", "\"a*\" is not a tenant"),
        ("a b", "\"a b\" is not a tenant"),
        ("a/b", "\"a/b\" is not a tenant"),
        ("a%20", "\"a%20\" is not a tenant"),
        ("{tenant}", "\"{tenant}\" is not a tenant"),
        ("..", "\"..\" is not a tenant"),
        ("ä", "\"ä\" is not a tenant"),
        (TEMPLATE, "is not a tenant"),
    ] {
        check(&[("TENANTS", Some(refused))], &[fault]);
    }
}

#[test]
fn warns_of_any_tenant_unless_claims_restrict_it() {
    #[track_caller]
    fn check(further: &[(&str, &str)], warns: bool) {
        let required = [("ISSUER", TEMPLATE), ("AUDIENCE", "chat"), ("JWKS_URI", KEYS)];
        let config = read(&[&required, further].concat()).unwrap();
        assert_eq!(!config.warnings.is_empty(), warns, "{further:?}: {:?}", config.warnings);
        let expected = "AUTHORIZER_TENANTS=* accepts the tokens of every tenant of https://login.example/{tenant}/v2.0: anybody";
        assert!(config.warnings.iter().all(|it| it.starts_with(expected)), "{:?}", config.warnings);
    }
    check(&[("TENANTS", "*")], true);
    check(&[("TENANTS", "*"), ("CLIENT_IDS", "x"), ("REQUIRED_SCOPES", "x")], true);
    check(&[("TENANTS", "*"), ("REQUIRED_CLAIMS", r#"{"a": 1}"#)], false);
    check(&[("TENANTS", "a")], false);
}

fn object(issuer: &str, members: &str) -> String {
    format!(r#"{{"issuer": "{issuer}", "audience": "chat"{members}}}"#)
}

fn list(objects: &[String]) -> String {
    format!("[{}]", objects.join(","))
}

fn many(count: usize, members: impl Fn(usize) -> &'static str) -> String {
    let object = |index| object(&format!("https://issuer-{index}.example"), members(index));
    list(&(0..count).map(object).collect::<Vec<_>>())
}

const WITH_TENANTS: &str = r#", "tenants": ["a", "b"], "jwks_uri": "https://login.example/keys""#;
const WITH_ANY_TENANT: &str = r#", "tenants": "*", "jwks_uri": "https://login.example/keys""#;

/// Checks which issuer accepts an `iss`, and with which tenant.
#[track_caller]
fn check_found(issuers: &Issuers, iss: &str, expected: Option<(&str, Option<&str>)>) {
    let found = issuers.find(iss).map(|it| (it.issuer.rules.issuer.as_str(), it.tenant));
    assert_eq!(found, expected, "{iss}");
}

#[test]
fn finds_the_issuer_that_accepts_an_iss() {
    let issuers = list(&[
        object("https://login.example/b/v2.0", ""),
        object(TEMPLATE, WITH_TENANTS),
        object("https://login.example/t/{tenant}", WITH_ANY_TENANT),
        object("https://login.example/{tenant}/x", WITH_ANY_TENANT),
        object("https://other.example/{tenant}/v2.0", WITH_TENANTS),
        object("https://other.example", ""),
    ]);
    let issuers = read(&[("ISSUERS", &issuers)]).unwrap().issuers;
    let check = |iss: &str, expected| check_found(&issuers, iss, expected);
    check("https://other.example", Some(("https://other.example", None)));
    check("https://login.example/a/v2.0", Some((TEMPLATE, Some("a"))));
    // An issuer with this very name comes first.
    check("https://login.example/b/v2.0", Some(("https://login.example/b/v2.0", None)));
    check("https://other.example/b/v2.0", Some(("https://other.example/{tenant}/v2.0", Some("b"))));
    check("https://login.example/t/c", Some(("https://login.example/t/{tenant}", Some("c"))));
    check("https://login.example/c/x", Some(("https://login.example/{tenant}/x", Some("c"))));
    // Of two with tenants, the leftmost tenant.
    check("https://login.example/t/x", Some(("https://login.example/{tenant}/x", Some("t"))));
    for unknown in [
        "",
        "/",
        "https://login.example/c/v2.0",
        "https://login.example/A/v2.0",
        "https://login.example//v2.0",
        "https://login.example/a/v2.0/",
        "https://login.example/t/",
        "https://login.example/t/c/d",
        "https://other.example/",
        "https://other.example/t/c",
        TEMPLATE,
        &"/".repeat(10_000),
    ] {
        check(unknown, None);
    }
}

#[test]
fn finds_the_only_issuer() {
    let exact = read(&[("ISSUER", "https://a.example"), ("AUDIENCE", "chat")]).unwrap().issuers;
    check_found(&exact, "https://a.example", Some(("https://a.example", None)));
    check_found(&exact, "https://a.example/", None);
    let tenants = list(&[object(TEMPLATE, WITH_TENANTS)]);
    let tenants = read(&[("ISSUERS", &tenants)]).unwrap().issuers;
    check_found(&tenants, "https://login.example/b/v2.0", Some((TEMPLATE, Some("b"))));
    check_found(&tenants, "https://login.example/c/v2.0", None);
    check_found(&tenants, TEMPLATE, None);
}

#[test]
fn finds_each_of_a_thousand_issuers() {
    let issuers = read(&[("ISSUERS", &many(1000, |_| ""))]).unwrap().issuers;
    assert_eq!(issuers.len(), 1000);
    for index in 0..1000 {
        let iss = format!("https://issuer-{index}.example");
        check_found(&issuers, &iss, Some((&iss, None)));
    }
    check_found(&issuers, "https://issuer-1000.example", None);
}

#[test]
fn says_how_an_unknown_issuer_differs() {
    let issuers = list(&[
        object("https://a.example/", ""),
        object("https://login.example/{tenant}/v2.0", WITH_TENANTS),
    ]);
    let issuers = read(&[("ISSUERS", &issuers)]).unwrap().issuers;
    for (iss, hint) in [
        (
            "https://a.example",
            "; only the slash at the end differs: write the setting exactly as the token has it",
        ),
        (
            "https://A.example/",
            "; only upper and lower case differ: write the setting exactly as the token has it",
        ),
        (
            "http://a.example/",
            "; only the scheme differs: the issuer must write its https URL into iss",
        ),
        (
            "https://login.example/c/v2.0",
            "; its tenant is not in AUTHORIZER_TENANTS: add it there if its users may enter",
        ),
        (
            "https://login.example/A/v2.0",
            "; only upper and lower case of the tenant differ: write AUTHORIZER_TENANTS exactly as the token has it",
        ),
        (
            "https://login.example/a/v2.0/",
            "; only the slash at the end differs: write the setting exactly as the token has it",
        ),
        ("https://x.example", ""),
    ] {
        let message = issuers.unknown(iss, claims("{}").content()).to_string();
        let configured = "https://a.example/, https://login.example/{tenant}/v2.0";
        let expected =
            format!("iss is {iss:?}, which is not a configured issuer ({configured}){hint}");
        assert_eq!(message, expected);
    }
}

#[test]
fn a_refusal_names_three_of_the_configured_issuers() {
    for (count, shown) in [
        (2, "https://a0.example, https://a1.example"),
        (3, "https://a0.example, https://a1.example, https://a2.example"),
        (4, "https://a0.example, https://a1.example, https://a2.example, …"),
    ] {
        let issuer = |index| format!(r#"{{"issuer":"https://a{index}.example","audience":"x"}}"#);
        let list = format!("[{}]", (0..count).map(issuer).collect::<Vec<_>>().join(","));
        let issuers = read(&[("ISSUERS", &list)]).unwrap().issuers;
        let message = issuers.unknown("https://b.example", claims("{}").content()).to_string();
        assert!(message.ends_with(&format!("issuer ({shown})")), "{message}");
    }
}

#[test]
fn a_list_has_a_thousand_issuers_at_most() {
    assert!(read(&[("ISSUERS", &many(1000, |_| ""))]).is_ok());
    assert_eq!(
        problems(read(&[("ISSUERS", &many(1001, |_| ""))])),
        ["AUTHORIZER_ISSUERS has 1001 issuers. The limit is 1000."]
    );
}

#[test]
fn a_message_shows_fifty_mistakes_and_counts_the_others() {
    for (count, last) in [(50, "leeway_seconds is"), (51, "- and 1 more"), (1000, "- and 950 more")]
    {
        let list = many(count, |_| r#", "leeway_seconds": 900"#);
        let message = read(&[("ISSUERS", &list)]).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{count} mistakes in the settings:")), "{message}");
        assert_eq!(message.lines().count(), 1 + 50 + usize::from(count > 50));
        assert!(message.lines().last().unwrap().contains(last), "{message}");
    }
}

#[test]
fn a_start_shows_twenty_warnings_and_counts_the_others() {
    let list = |count| many(count, |_| r#", "token_use": "access""#);
    assert_eq!(read(&[("ISSUERS", &list(20))]).unwrap().warnings.len(), 20);
    let warnings = read(&[("ISSUERS", &list(23))]).unwrap().warnings;
    assert_eq!(warnings.len(), 21);
    assert_eq!(warnings[20], "There are 3 more warnings about the settings.");
}

/// Returns the indices of the issuers whose keys the start fetches.
fn prefetched(list: &str) -> Vec<usize> {
    let issuers = read(&[("ISSUERS", list)]).unwrap().issuers;
    let chosen = issuers.iter().enumerate().filter(|(_, issuer)| issuer.prefetch);
    chosen.map(|(index, _)| index).collect()
}

#[test]
fn the_start_fetches_for_the_chosen_issuers_or_the_first_ones() {
    const YES: &str = r#", "prefetch": true"#;
    const NO: &str = r#", "prefetch": false"#;
    let with_file = concat!(r#", "jwks_file": ""#, env!("CARGO_MANIFEST_DIR"), r#"/Cargo.toml""#);
    assert_eq!(prefetched(&many(1, |_| "")), [0]);
    assert_eq!(prefetched(&many(32, |_| "")), Vec::from_iter(0..32));
    assert_eq!(prefetched(&many(1000, |_| "")), Vec::from_iter(0..32));
    assert_eq!(
        prefetched(&many(40, |index| if index < 5 { NO } else { "" })),
        Vec::from_iter(5..37)
    );
    // Those with a file have keys.
    let some_with_files = many(40, |index| if index < 5 { with_file } else { "" });
    assert_eq!(prefetched(&some_with_files), Vec::from_iter(5..37));
    assert_eq!(prefetched(&many(40, |index| if index == 35 { YES } else { "" })), [35]);
    assert_eq!(prefetched(&many(2, |_| NO)), [0_usize; 0]);
    assert_eq!(prefetched(&many(1000, |index| if index >= 968 { YES } else { NO })).len(), 32);
    assert_eq!(
        problems(read(&[("ISSUERS", &many(1000, |index| if index < 33 { YES } else { "" }))])),
        [
            "AUTHORIZER_ISSUERS has \"prefetch\": true for 33 issuers. The limit is 32. Remove it from the others: their keys are fetched when they are first needed."
        ]
    );
    for (members, accepted) in [
        (r#", "prefetch": "true""#, true),
        (r#", "prefetch": "yes""#, false),
        (r#", "prefetch": 1"#, false),
        (r#", "prefetch": null"#, false),
        (r#", "prefetch": [true]"#, false),
    ] {
        let list = list(&[object("https://a.example", members)]);
        assert_eq!(read(&[("ISSUERS", &list)]).is_ok(), accepted, "{members}");
    }
}

const FILE: (&str, &str) = ("ISSUERS_FILE", "/opt/issuers.json");

#[test]
fn reads_the_issuers_of_a_file() {
    let file = list(&[object("https://a.example", ""), object(TEMPLATE, WITH_TENANTS)]);
    let issuers = read_with(&[FILE], Ok(&file)).unwrap().issuers;
    check_found(&issuers, "https://a.example", Some(("https://a.example", None)));
    check_found(&issuers, "https://login.example/a/v2.0", Some((TEMPLATE, Some("a"))));
    assert_eq!(issuers[1].keys.location, KeyLocation::Uri(KEYS.parse().unwrap()));
}

#[test]
fn names_every_mistake_of_a_file_at_once_with_its_place() {
    let mut file = String::from("[");
    write!(file, "{},", object("https://a.example", r#", "algorithm": "RS256""#)).unwrap();
    write!(file, "{},", object("https://a.example", r#", "leeway_seconds": 900"#)).unwrap();
    write!(file, "{},", object(TEMPLATE, r#", "resource_scope": "api""#)).unwrap();
    file.push_str("{}]");
    let problems = problems(read_with(&[FILE, ("AUDIENCE", "chat")], Ok(&file)));
    let expected = [
        "AUTHORIZER_AUDIENCE is set together with AUTHORIZER_ISSUERS_FILE. Move it into each object of AUTHORIZER_ISSUERS_FILE, as \"audience\".",
        "/opt/issuers.json[0].algorithm is not a setting. Did you mean /opt/issuers.json[0].algorithms?",
        "/opt/issuers.json[1].leeway_seconds is \"900\": it is not from 0 to 300.",
        "/opt/issuers.json[2].resource_scope is not a setting of one issuer. Set AUTHORIZER_RESOURCE_SCOPE instead",
        "/opt/issuers.json[2].tenants is not set, but the issuer has {tenant}.",
        "/opt/issuers.json[2].jwks_uri is not set. The key set of an issuer with {tenant}",
        "/opt/issuers.json[3].issuer is not set.",
        "/opt/issuers.json[3].audience is not set.",
        "/opt/issuers.json has the issuer \"https://a.example\" twice. Remove one",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn a_file_that_is_not_a_list_is_a_mistake() {
    let check = |file: io::Result<&str>, fault: &str| {
        let problems = problems(read_with(&[FILE], file));
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        let start = format!("AUTHORIZER_ISSUERS_FILE is \"/opt/issuers.json\": {fault}");
        assert!(problem.starts_with(&start), "{problem}");
    };
    check(Err(io::ErrorKind::NotFound.into()), "it cannot be read (entity not found)");
    check(Ok(""), "it cannot be read as a JSON list of objects (EOF");
    check(Ok("[]"), "the list is empty");
    check(Ok("{}"), "it cannot be read as a JSON list of objects");
    check(Ok("[{}"), "it cannot be read as a JSON list of objects (EOF");
    check(Ok("[1]"), "it cannot be read as a JSON list of objects");
}

#[test]
fn a_program_that_reads_no_files_says_so() {
    let variables = [("AUTHORIZER_ISSUERS_FILE".to_owned(), "/opt/issuers.json".to_owned())];
    let error = Config::from_variables(variables).unwrap_err().to_string();
    assert!(
        error.contains("it cannot be read (this program reads no settings from files)"),
        "{error}"
    );
}

#[test]
fn one_list_only_is_set() {
    let a = list(&[object("https://a.example", "")]);
    assert!(read(&[("ISSUERS", &a)]).is_ok() && read_with(&[FILE], Ok(&a)).is_ok());
    assert_eq!(
        problems(read_with(&[FILE, ("ISSUERS", &a)], Ok(&a))),
        ["AUTHORIZER_ISSUERS_FILE is set together with AUTHORIZER_ISSUERS. Remove one of the two."]
    );
    // The mistakes in both are reported all the same.
    let bad = list(&[object("https://a.example", r#", "x": 1"#)]);
    let problems =
        problems(read_with(&[FILE, ("ISSUERS", &bad), ("LEEWAY_SECONDS", "1")], Ok(&bad)));
    assert_eq!(problems.len(), 4, "{problems:#?}");
}
