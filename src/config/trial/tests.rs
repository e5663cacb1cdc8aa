use super::*;
use crate::config::tests::{accepted, read, read_one};
use crate::config::{Config, SETTINGS, Setting};

/// Returns the setting in force that one on trial takes the place of.
fn in_force(on_trial: &Setting) -> &'static Setting {
    let name = on_trial.name.strip_prefix("REPORT_ONLY_").unwrap();
    SETTINGS.iter().find(|setting| setting.name == name).unwrap()
}

/// Returns the rules of the one issuer, as text: those in force, and those on trial.
fn rules(config: &Config) -> (String, String) {
    let [issuer] = &config.issuers[..] else { panic!("{:?}", config.issuers) };
    let access = config.access_on_trial.as_ref().unwrap_or(&config.access);
    let enforced = (&issuer.keys.algorithms, &issuer.rules, &issuer.scopes, &config.access);
    let on_trial = issuer.on_trial.as_deref().map_or_else(
        || format!("{:?}", (&issuer.keys.algorithms, &issuer.rules, &issuer.scopes, access)),
        |trial| format!("{:?}", (&trial.algorithms, &trial.claims, &trial.scopes, access)),
    );
    (format!("{enforced:?}"), on_trial)
}

#[test]
fn a_setting_on_trial_means_what_it_means_in_force() {
    let algorithms = ("ALGORITHMS", "RS256,ES256,PS256");
    for setting in TRIAL_SETTINGS {
        let example = if setting.name.ends_with("_ALGORITHMS") { "PS256" } else { setting.example };
        let required = [("ISSUER", "https://issuer.example"), ("AUDIENCE", "chat"), algorithms];
        let others = required.into_iter().filter(|(name, _)| *name != in_force(setting).name);
        let others: Vec<_> = others.collect();
        let bare = accepted(read(&required));
        let on_trial = accepted(read(&[&required[..], &[(setting.name, example)]].concat()));
        let enforced =
            accepted(read(&[&others[..], &[(in_force(setting).name, example)]].concat()));
        assert_eq!(rules(&on_trial).0, rules(&bare).0, "{} is enforced", setting.name);
        assert_eq!(rules(&on_trial).1, rules(&enforced).0, "{}", setting.name);
        assert_ne!(rules(&on_trial).0, rules(&on_trial).1, "{}", setting.name);
    }
}

#[test]
fn nothing_is_on_trial_by_default() {
    let config = accepted(read_one("CLIENT_IDS", "web"));
    assert!(config.access_on_trial.is_none() && config.issuers[0].on_trial.is_none());
}

#[test]
fn names_the_mistakes_in_settings_on_trial() {
    #[track_caller]
    fn check(name: &str, value: &str, expected: &str) {
        let error = read_one(name, value).map(drop).expect_err(name).to_string();
        assert_eq!(error.lines().nth(1), Some(&*format!("- AUTHORIZER_{expected}")), "{error}");
    }
    check(
        "REPORT_ONLY_CLIENT_IDS",
        "",
        "REPORT_ONLY_CLIENT_IDS is empty. Unset it to use the default (none), or set it to a comma-separated list of client IDs. Example: 2k5v1q8r,7h3m0x9s",
    );
    check(
        "REPORT_ONLY_TOKEN_USE",
        "refresh",
        r#"REPORT_ONLY_TOKEN_USE is "refresh": it is not one of the choices. Set it to access or id. Example: access"#,
    );
    check(
        "REPORT_ONLY_ALGORITHMS",
        "RS256,ES256",
        r#"REPORT_ONLY_ALGORITHMS is "RS256,ES256": ES256 is not in AUTHORIZER_ALGORITHMS. Set it to a comma-separated list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, Ed25519. Example: RS256,ES256"#,
    );
    check(
        "REPORT_ONLY_AUDIENCES",
        "a",
        "REPORT_ONLY_AUDIENCES is not a setting. Did you mean AUTHORIZER_REPORT_ONLY_AUDIENCE?",
    );
    // AUTHORIZER_REPORT_ONLY_LEEWAY_SECONDS is more similar, but is not a setting.
    check(
        "REPORT_ONLY_LEEWAY_SECOND",
        "5",
        "REPORT_ONLY_LEEWAY_SECOND is not a setting. Did you mean AUTHORIZER_REPORT_ONLY_MAX_TOKEN_AGE_SECONDS?",
    );
    // It does not restrict.
    check(
        "REPORT_ONLY_LEEWAY_SECONDS",
        "5",
        "REPORT_ONLY_LEEWAY_SECONDS is not a setting. AUTHORIZER_LEEWAY_SECONDS restricts nothing that could be reported only.",
    );
}

#[test]
fn mistakes_on_trial_are_named_beside_those_in_force() {
    let error = read(&[("ISSUER", "x"), ("REPORT_ONLY_TOKEN_USE", "x")]).map(drop).unwrap_err();
    let variables: Vec<_> = error.0.iter().map(|problem| problem.variable.as_str()).collect();
    assert_eq!(
        variables,
        ["AUTHORIZER_ISSUER", "AUTHORIZER_AUDIENCE", "AUTHORIZER_REPORT_ONLY_TOKEN_USE"]
    );
}

#[test]
fn settings_on_trial_belong_where_those_in_force_belong() {
    let issuers =
        r#"[{"issuer": "https://a.example", "audience": "chat", "report_only_route_rules": {}}]"#;
    let error = read(&[("ISSUERS", issuers)]).map(drop).unwrap_err().to_string();
    assert!(error.contains("Set AUTHORIZER_REPORT_ONLY_ROUTE_RULES instead"), "{error}");
    let issuers = r#"[{"issuer": "https://a.example", "audience": "chat", "report_only_client_ids": ["web"]}]"#;
    let config = accepted(read(&[("ISSUERS", issuers)]));
    assert_eq!(config.issuers[0].on_trial.as_ref().unwrap().claims.client_ids, ["web"]);
    let both = [("ISSUERS", issuers), ("REPORT_ONLY_CLIENT_IDS", "web")];
    let error = read(&both).map(drop).unwrap_err().to_string();
    assert!(error.contains(r#"as "report_only_client_ids""#), "{error}");
}
