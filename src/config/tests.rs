use std::collections::BTreeSet;
use std::fmt::Debug;

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::access::{RequiredScopes, RouteNeeds, RouteRule, RouteRules, ScopeRules};
use crate::context::ContextClaim;
use crate::jwks::KeyLocation;
use crate::jwt::{Audience, ClaimPath, ClaimRules, RequiredClaim, TokenBinding};

const ISSUER: &str = "https://issuer.example/";

/// Reads variables, named without their prefix.
pub(super) fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variable = |(name, value): &(&str, &str)| (format!("{PREFIX}{name}"), (*value).to_owned());
    Config::from_variables(variables.iter().map(variable))
}

/// Reads a variable beside the two that there must be.
pub(super) fn read_one(name: &str, value: &str) -> Result<Config, ConfigError> {
    let required = [("ISSUER", ISSUER), ("AUDIENCE", "chat")];
    let mut variables: Vec<_> =
        required.into_iter().filter(|(required, _)| *required != name).collect();
    variables.push((name, value));
    read(&variables)
}

pub(super) fn accepted(outcome: Result<Config, ConfigError>) -> Config {
    outcome.unwrap_or_else(|error| panic!("{error}"))
}

/// Checks what a variable's values are parsed to, and the message for each value that is refused.
#[track_caller]
fn check<T: PartialEq + Debug>(
    name: &str,
    parsed: impl Fn(&Config) -> T,
    accepted: &[(&str, T)],
    refused: &[(&str, &str)],
) {
    let setting = SETTINGS.iter().find(|setting| setting.name == name).unwrap();
    for (value, expected) in accepted {
        for value in [(*value).to_owned(), format!("  {value}\n")] {
            let config = read_one(name, &value).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(parsed(&config), *expected, "{name}={value}");
        }
    }
    let how_to_set = format!("Set it to {}. Example: {}", setting.takes, setting.example);
    for (value, expected) in refused {
        let error = read_one(name, value).map(drop).expect_err(value);
        let [problem] = &error.0[..] else { panic!("{error}") };
        let Mistake::Invalid { fault, .. } = &problem.mistake else { panic!("{error}") };
        assert!(fault.contains(expected), "{name}={value}: {fault}");
        let shown = value.replace("user@", "…@").replace("a:b@", "…@");
        assert_eq!(
            error.to_string(),
            format!(
                "1 mistake in the settings:\n- AUTHORIZER_{name} is {shown:?}: {fault}. {how_to_set}"
            )
        );
    }
    let when_empty = match setting.default {
        "required" => how_to_set,
        default => format!(
            "Unset it to use the default ({default}), or set it to {}. Example: {}",
            setting.takes, setting.example
        ),
    };
    for empty in ["", " \t"] {
        let error = read_one(name, empty).map(drop).expect_err(name);
        let [problem] = &error.0[..] else { panic!("{error}") };
        assert_eq!(problem.to_string(), format!("AUTHORIZER_{name} is empty. {when_empty}"));
    }
}

fn rules(config: &Config) -> &ClaimRules {
    let [issuer] = &config.issuers[..] else { panic!("{:?}", config.issuers) };
    &issuer.rules
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn has_the_documented_defaults() {
    let config = accepted(read(&[("ISSUER", ISSUER), ("AUDIENCE", "chat")]));
    let [issuer] = &config.issuers[..] else { panic!("{:?}", config.issuers) };
    assert_eq!(issuer.keys.issuer.as_str(), ISSUER);
    assert!(issuer.prefetch);
    let discovery_uri = "https://issuer.example/.well-known/openid-configuration";
    assert_eq!(issuer.keys.location, KeyLocation::Discovery(discovery_uri.parse().unwrap()));
    let algorithms: Vec<_> = issuer.keys.algorithms.iter().map(|row| row.name).collect();
    assert_eq!(algorithms, ["RS256"]);
    assert_eq!(issuer.jwks_file, None);
    assert_eq!(issuer.rules.token_binding, TokenBinding::AsIssued);
    assert_eq!(config.resource, None);
    assert_eq!(issuer.scopes, ScopeRules::default());
    let rules = &issuer.rules;
    assert_eq!(rules.issuer.as_str(), ISSUER);
    assert!(!rules.issuer.has_tenants());
    assert_eq!(rules.audience, Audience::AnyOf(strings(&["chat"])));
    assert!(rules.client_ids.is_empty() && rules.token_types.is_empty());
    assert_eq!((&rules.token_use, rules.max_age), (&None, None));
    assert!(rules.required_claims.is_empty());
    assert_eq!(rules.leeway, Duration::from_secs(5));
    assert_eq!(
        config.token_sources,
        [
            TokenSource::Header("authorization".to_owned()),
            TokenSource::Subprotocol("bearer".to_owned())
        ]
    );
    let allowed_origins = AllowedOrigins::Unrestricted;
    assert_eq!(config.access, AccessRules { allowed_origins, route_rules: None });
    assert!(config.context.claims.is_empty());
    assert_eq!((config.context.principal, config.context.usage_key), (None, None));
    assert_eq!(
        config.responses,
        ResponseRules {
            resource_scope: ResourceScope::Stage,
            http_api_response: HttpApiResponse::Simple,
            unauthenticated_response: UnauthenticatedResponse::Error,
        }
    );
    assert_eq!(
        config.cache,
        CacheRules {
            ttl: Duration::from_secs(600),
            max_stale: Duration::from_secs(86_400),
            cooldown: Duration::from_secs(30),
            timeout: Duration::from_millis(3_000),
        }
    );
    assert_eq!(config.ca_file, None);
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn writing_a_default_down_changes_nothing() {
    let required = [("ISSUER", ISSUER), ("AUDIENCE", "chat")];
    let bare = accepted(read(&required));
    let words = ["required", "discovered", "none", "any", "the first 32"];
    let written = SETTINGS.iter().filter(|setting| !words.contains(&setting.default));
    let variables: Vec<_> = written.map(|setting| (setting.name, setting.default)).collect();
    assert_eq!(variables.len(), 11);
    let config = accepted(read(&[&required[..], &variables].concat()));
    assert_ne!(config.variables, bare.variables);
    let config = Config { variables: bare.variables.clone(), ..config };
    assert_eq!(format!("{config:?}"), format!("{bare:?}"));
}

#[test]
fn every_example_is_accepted() {
    for setting in SETTINGS {
        let outcome = match setting.name {
            "ISSUERS" => read(&[("ISSUERS", setting.example)]),
            // There is no such file here.
            "JWKS_FILE" | "CA_FILE" | "ISSUERS_FILE" => continue,
            "TENANTS" => read(&[
                ("ISSUER", "https://issuer.example/{tenant}"),
                ("AUDIENCE", "chat"),
                ("JWKS_URI", "https://issuer.example/keys"),
                ("TENANTS", setting.example),
            ]),
            name => read_one(name, setting.example),
        };
        accepted(outcome);
    }
}

#[test]
fn issuer() {
    check(
        "ISSUER",
        |config| {
            let location = &config.issuers[0].keys.location;
            assert!(matches!(location, KeyLocation::Discovery(_)));
            (rules(config).issuer.to_string(), location.first_uri().to_string())
        },
        &[
            ("https://a.example", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
            (
                "https://a.example/t/v2.0",
                "https://a.example/t/v2.0/.well-known/openid-configuration",
            ),
            ("https://A.Example:443/x/", "https://a.example/x/.well-known/openid-configuration"),
            ("http://localhost:8080", "http://localhost:8080/.well-known/openid-configuration"),
            ("http://127.0.0.1/a", "http://127.0.0.1/a/.well-known/openid-configuration"),
            (
                "https://a.example/.well-known",
                "https://a.example/.well-known/.well-known/openid-configuration",
            ),
        ]
        .map(|(issuer, discovery)| (issuer, (issuer.to_owned(), discovery.to_owned()))),
        &[
            ("a.example", "it is not a URL"),
            ("/a", "it is not a URL"),
            ("http://a.example", "it is not https"),
            ("ftp://a.example", "it is not https"),
            ("https://a.example/?tenant=1", "an issuer has no query"),
            ("https://a.example/#x", "it is a URL with a fragment"),
            ("https://user@a.example/", "it is a URL with credentials"),
            ("https://a.example, https://b.example", "it is not a URL"),
            (
                "https://a.example/.well-known/openid-configuration",
                "it is the URL of a document. The issuer is \"https://a.example\", with a slash",
            ),
            (
                "https://a.example/t/.well-known/oauth-authorization-server",
                "The issuer is \"https://a.example/t\"",
            ),
            ("https://a.example/.well-known/jwks.json", "The issuer is \"https://a.example\""),
            ("https://a.example/{tenantid}/v2.0", "the only placeholder is {tenant}"),
            ("https://a.example/{Tenant}", "the only placeholder is {tenant}"),
            ("https://a.example/tenant}", "the only placeholder is {tenant}"),
            ("https://a.example/{tenant}/{tenant}", "it has more than one placeholder"),
            ("https://a.example/{tenant}/{x}", "it has more than one placeholder"),
            ("https://a.example/{{tenant}}", "it has more than one placeholder"),
            ("https://a.example/x{tenant}", "{tenant} is not a whole segment of the path"),
            ("https://a.example/{tenant}x/v2.0", "{tenant} is not a whole segment of the path"),
            ("https://a.example/t/{tenant}.", "{tenant} is not a whole segment of the path"),
            ("https://{tenant}/v2.0", "{tenant} is not a whole segment of the path"),
            ("https://{tenant}.a.example/v2.0", "{tenant} is not a whole segment of the path"),
            ("https://a.example{tenant}/v2.0", "{tenant} is not a whole segment of the path"),
            ("https://a.example:{tenant}/", "it is not a URL"),
            ("{tenant}", "it is not a URL"),
            ("{tenant}://a.example/", "it is not https"),
            ("http://a.example/{tenant}", "it is not https"),
            ("https://a.example/?x=/{tenant}", "an issuer has no query"),
            ("https://a.example/#/{tenant}", "it is a URL with a fragment"),
            (
                "https://a.example/{tenant}/v2.0/.well-known/openid-configuration",
                "The issuer is \"https://a.example/{tenant}/v2.0\"",
            ),
        ],
    );
}

#[test]
fn audience() {
    let any_of = |audiences: &[&str]| Audience::AnyOf(strings(audiences));
    check(
        "AUDIENCE",
        |config| rules(config).audience.clone(),
        &[
            ("chat", any_of(&["chat"])),
            ("chat,https://api.example", any_of(&["chat", "https://api.example"])),
            ("chat , api", any_of(&["chat", "api"])),
            ("a b", any_of(&["a b"])),
            ("**", any_of(&["**"])),
            ("*", Audience::Unchecked),
        ],
        &[
            ("chat,*", "`*` must be the only item"),
            ("*,*", "\"*\" is in the list twice"),
            ("chat,", "an item is empty"),
            (",chat", "an item is empty"),
            ("chat,,api", "an item is empty"),
            (",", "an item is empty"),
            ("chat,api,chat", "\"chat\" is in the list twice"),
        ],
    );
}

#[test]
fn jwks_uri() {
    check(
        "JWKS_URI",
        |config| match &config.issuers[0].keys.location {
            KeyLocation::Uri(uri) => Some(uri.to_string()),
            KeyLocation::Discovery(_) => None,
        },
        &[
            ("https://a.example/keys?x=1", Some("https://a.example/keys?x=1".to_owned())),
            ("http://[::1]:1/keys", Some("http://[::1]:1/keys".to_owned())),
        ],
        &[
            ("keys.json", "it is not a URL"),
            ("http://a.example/keys", "it is not https"),
            ("https://a:b@a.example/keys", "it is a URL with credentials"),
            ("https://a.example/{tenant}/keys", "the URL of a key set has no placeholder"),
            ("https://a.example/{tenantid}/keys", "the URL of a key set has no placeholder"),
            ("https://a.example/keys}", "the URL of a key set has no placeholder"),
        ],
    );
}

#[test]
fn files() {
    let there = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let directory = env!("CARGO_MANIFEST_DIR");
    let not_there = concat!(env!("CARGO_MANIFEST_DIR"), "/nothing.pem");
    let no_file = "there is no such file";
    check(
        "JWKS_FILE",
        |config| config.issuers[0].jwks_file.clone(),
        &[(there, Some(PathBuf::from(there)))],
        &[(not_there, no_file), (directory, no_file)],
    );
    check(
        "CA_FILE",
        |config| config.ca_file.clone(),
        &[(there, Some(PathBuf::from(there)))],
        &[(not_there, no_file), (directory, no_file)],
    );
}

#[test]
fn metrics_namespace() {
    let longest = "n".repeat(255);
    let no = "CloudWatch does not accept this name";
    let parsed = |name: &str| Some(name.to_owned());
    check(
        "METRICS_NAMESPACE",
        |config| config.metrics_namespace.clone(),
        &[
            ("JwksAuthorizer", parsed("JwksAuthorizer")),
            ("a.-_/#: 1", parsed("a.-_/#: 1")),
            ("AWSome/x", parsed("AWSome/x")),
            ("a:b", parsed("a:b")),
            (&longest, parsed(&longest)),
        ],
        &[("AWS/Lambda", no), (":a", no), ("a!", no), ("é", no)],
    );
    assert!(read_one("METRICS_NAMESPACE", &"n".repeat(256)).is_err());
    let config = accepted(read_one("METRICS_NAMESPACE", "JwksAuthorizer"));
    assert_eq!(config.without_metrics().metrics_namespace, None);
}

#[test]
fn algorithms() {
    let all = "RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,EdDSA";
    check(
        "ALGORITHMS",
        |config| config.issuers[0].keys.algorithms.iter().map(|row| row.name).collect::<Vec<_>>(),
        &[
            ("ES256", vec!["ES256"]),
            ("RS256, EdDSA", vec!["RS256", "EdDSA"]),
            (all, all.split(',').collect()),
            ("Ed25519", vec!["EdDSA"]),
            ("EdDSA,RS256,Ed25519", vec!["EdDSA", "RS256"]),
        ],
        &[
            ("HS256", "\"HS256\" is not supported"),
            ("RS256,none", "\"none\" is not supported (symmetric algorithms and none never are)"),
            ("rs256", "\"rs256\" is not supported"),
            ("ed25519", "\"ed25519\" is not supported"),
            ("Ed448", "\"Ed448\" is not supported"),
            ("Ed25519,Ed25519", "\"Ed25519\" is in the list twice"),
            ("*", "\"*\" is not supported"),
            ("RS256,RS256", "\"RS256\" is in the list twice"),
            ("RS256,", "an item is empty"),
        ],
    );
}

#[test]
fn client_ids() {
    check(
        "CLIENT_IDS",
        |config| rules(config).client_ids.clone(),
        &[("web", strings(&["web"])), ("web, app", strings(&["web", "app"]))],
        &[("web,", "an item is empty"), ("web,web", "\"web\" is in the list twice")],
    );
}

#[test]
fn token_types() {
    check(
        "TOKEN_TYPES",
        |config| rules(config).token_types.clone(),
        &[
            ("at+jwt", strings(&["at+jwt"])),
            ("AT+JWT, JWT", strings(&["at+jwt", "jwt"])),
            ("application/at+jwt", strings(&["at+jwt"])),
            ("Application/AT+jwt", strings(&["at+jwt"])),
        ],
        &[
            ("jwt,", "an item is empty"),
            ("jwt,jwt", "\"jwt\" is in the list twice"),
            // A token without a type would pass.
            ("application/", "\"application/\" is not a media type"),
            ("jwt,Application/", "\"Application/\" is not a media type"),
        ],
    );
}

#[test]
fn token_use() {
    let none = "it is not one of the choices";
    check(
        "TOKEN_USE",
        |config| rules(config).token_use.clone(),
        &[("access", Some("access".to_owned())), ("id", Some("id".to_owned()))],
        &[("Access", none), ("refresh", none), ("access,id", none), ("*", none)],
    );
}

fn groups(groups: &[&[&str]]) -> RequiredScopes {
    RequiredScopes(groups.iter().map(|group| strings(group)).collect())
}

/// Lists of scopes that cannot be used, wherever they are, and what is wrong with them.
const BAD_SCOPE_LISTS: [(&str, &str); 14] = [
    (r#"["a",]"#, "has no list of scopes (trailing comma"),
    (r#"["a b"]"#, "has the scope \"a b\", which a token cannot have"),
    (r#"["a b"]"#, "(to require a value with a space, use a claim)"),
    (r#"[""]"#, "has the scope \"\", which a token cannot have"),
    (r#"["é"]"#, "has the scope \"é\""),
    ("[1]", "has 1 in place of a scope"),
    ("[null]", "has null in place of a scope"),
    (r#"[{"a":1}]"#, "has {\"a\":1} in place of a scope"),
    ("[[]]", "has an empty list, of which a token cannot have an item"),
    (r#"["a",[["b"]]]"#, "has [\"b\"] in place of a scope"),
    (r#"["a",["b",2]]"#, "has 2 in place of a scope"),
    (r#"["a",["b","b"]]"#, "has the same item twice in a list"),
    (r#"["a","a"]"#, "has the same element twice"),
    (r#"[["a","b"],["a","b"]]"#, "has the same element twice"),
];

#[test]
fn token_binding() {
    let none = "it is not one of the choices";
    check(
        "TOKEN_BINDING",
        |config| rules(config).token_binding,
        &[("mtls", TokenBinding::MutualTls)],
        &[("MTLS", none), ("dpop", none), ("mtls,dpop", none), ("none", none)],
    );
}

#[test]
fn resource() {
    let identifier = |config: &Config| config.resource.as_ref().unwrap().resource().to_owned();
    let accepted = [
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/v1/mcp",
        "http://localhost:3000/mcp",
    ];
    let query = "a resource has no query";
    check(
        "RESOURCE",
        identifier,
        &accepted.map(|resource| (resource, resource.to_owned())),
        &[
            ("api.example.com", "it is not a URL"),
            ("http://api.example.com", "it is not https"),
            ("https://a:b@api.example.com", "it is a URL with credentials"),
            ("https://api.example.com/mcp#x", "it is a URL with a fragment"),
            ("https://api.example.com/mcp?a=b", query),
            ("https://api.example.com/mcp?", query),
            ("urn:example:api", "it is a URL without a host"),
            (
                "https://a.example/.well-known/oauth-protected-resource/mcp",
                "the URL of the metadata",
            ),
        ],
    );
}

#[test]
fn the_resource_is_the_default_audience() {
    let resource = ("RESOURCE", "https://api.example.com/mcp");
    let of_resource = Audience::AnyOf(strings(&["https://api.example.com/mcp"]));
    let chat = Audience::AnyOf(strings(&["chat"]));
    let issuer = ("ISSUER", ISSUER);
    for (variables, audience) in [
        (&[issuer, resource][..], &of_resource),
        (&[issuer, resource, ("AUDIENCE", "chat")], &chat),
        (&[issuer, resource, ("AUDIENCE", "*")], &Audience::Unchecked),
        (&[("ISSUERS", r#"[{"issuer": "https://issuer.example/"}]"#), resource], &of_resource),
    ] {
        let config = accepted(read(variables));
        assert_eq!(rules(&config).audience, *audience, "{variables:?}");
    }
    // Without a usable resource, the audience must be set.
    let error = read(&[issuer, ("RESOURCE", "x")]).unwrap_err().to_string();
    assert!(error.contains("AUTHORIZER_RESOURCE is") && error.contains("AUDIENCE is not set"));
    let error = read(&[issuer, resource, ("AUDIENCE", "")]).unwrap_err();
    assert_eq!(error.0.len(), 1, "{error}");
}

#[test]
fn the_metadata_of_the_resource_has_what_is_enforced() {
    #[track_caller]
    fn check(variables: &[(&str, &str)], members: &str) {
        let required = [("ISSUER", ISSUER), ("RESOURCE", "https://api.example.com")];
        let config = accepted(read(&[&required[..], variables].concat()));
        let expected = format!(
            r#"{{"resource":"https://api.example.com","authorization_servers":["{ISSUER}"],{members}}}"#
        );
        let metadata = format!("{:?}", config.resource.unwrap());
        assert!(metadata.contains(&format!("{expected:?}")), "{metadata} and {expected}");
    }
    let methods = r#""bearer_methods_supported":["header"]"#;
    check(&[], methods);
    let rules = r#"{"GET /a": ["b", ["c", "d"]], "GET /x": ["a"], "GET /y": {"claims": {"e": 1}}}"#;
    check(
        &[("REQUIRED_SCOPES", "a"), ("ROUTE_RULES", rules)],
        &format!(r#""scopes_supported":["a","b","c"],{methods}"#),
    );
    check(
        &[("TOKEN_BINDING", "mtls")],
        &format!(r#"{methods},"tls_client_certificate_bound_access_tokens":true"#),
    );
}

#[test]
fn required_scopes() {
    let refused = BAD_SCOPE_LISTS.map(|(value, fault)| (value, fault.to_owned()));
    let mut refused: Vec<_> = refused.iter().map(|(value, fault)| (*value, &**fault)).collect();
    refused.extend([
        ("a b", "a token cannot have the scope \"a b\""),
        ("a,é", "a token cannot have the scope \"é\""),
        ("\"a\"", "a token cannot have the scope"),
        ("a,,b", "an item is empty"),
        ("a,a", "\"a\" is in the list twice"),
        ("[]", "the list is empty"),
        ("[a,b]", "it has no list of scopes"),
        ("[a", "it has no list of scopes"),
        (r#"["a"],b"#, "it has no list of scopes"),
    ]);
    check(
        "REQUIRED_SCOPES",
        |config| config.issuers[0].scopes.required.clone(),
        &[
            ("chat:connect", groups(&[&["chat:connect"]])),
            ("a, https://x/b", groups(&[&["a"], &["https://x/b"]])),
            (r#"["a"]"#, groups(&[&["a"]])),
            (r#"["a","b"]"#, groups(&[&["a"], &["b"]])),
            (r#"["a",["b","c"]]"#, groups(&[&["a"], &["b", "c"]])),
            (r#"[["a","b"],["b","c"]]"#, groups(&[&["a", "b"], &["b", "c"]])),
            (r#" [ ["a,b"] ] "#, groups(&[&["a,b"]])),
        ],
        &refused,
    );
}

#[test]
fn required_scopes_of_an_issuer_are_a_json_list_as_well() {
    let parse = |scopes: &str| {
        let object =
            format!(r#"[{{"issuer":"{ISSUER}","audience":"chat","required_scopes":{scopes}}}]"#);
        read(&[("ISSUERS", &object)]).map(|config| config.issuers[0].scopes.required.clone())
    };
    for (scopes, expected) in [
        (r#""a, b""#, groups(&[&["a"], &["b"]])),
        (r#"["a","b"]"#, groups(&[&["a"], &["b"]])),
        (r#"["a",["b","c"]]"#, groups(&[&["a"], &["b", "c"]])),
    ] {
        assert_eq!(parse(scopes).unwrap(), expected, "{scopes}");
    }
    for (scopes, fault) in [("[]", "the list is empty"), (r#"["a",[]]"#, "it has an empty list")] {
        let error = parse(scopes).unwrap_err().to_string();
        assert!(error.contains("AUTHORIZER_ISSUERS[0].required_scopes is"), "{error}");
        assert!(error.contains(fault), "{error}");
    }
    // No other list has lists in it.
    let audience = format!(r#"[{{"issuer":"{ISSUER}","audience":["a",["b"]]}}]"#);
    let error = read(&[("ISSUERS", &audience)]).unwrap_err().to_string();
    assert!(error.contains(r#"[0].audience is ["a",["b"]]. Set it to a string"#), "{error}");
}

#[test]
fn scope_claims() {
    let paths = |paths: &[&str]| paths.iter().map(|path| ClaimPath::new(path)).collect::<Vec<_>>();
    check(
        "SCOPE_CLAIMS",
        |config| config.issuers[0].scopes.claims.clone(),
        &[
            ("permissions", paths(&["permissions"])),
            (
                "cognito:groups, /realm_access/roles",
                paths(&["cognito:groups", "/realm_access/roles"]),
            ),
            ("/a~1b/scope", paths(&["/a~1b/scope"])),
        ],
        &[
            ("permissions,scope", "\"scope\" is always read (leave it out)"),
            ("/scp", "\"/scp\" is always read (leave it out)"),
            ("a,a", "\"a\" is in the list twice"),
            ("a,", "an item is empty"),
            ("/a~", "is not a JSON Pointer"),
        ],
    );
}

#[test]
fn required_claims() {
    let claim = |path: &str, groups: serde_json::Value| RequiredClaim {
        path: ClaimPath::new(path),
        groups: serde_json::from_value(groups).unwrap(),
    };
    let no_value = "has neither a value, a list of values nor an object with \"all\" only";
    check(
        "REQUIRED_CLAIMS",
        |config| rules(config).required_claims.clone(),
        &[
            (r#"{"tenant":"a"}"#, vec![claim("tenant", json!([["a"]]))]),
            (r#"{"tenant": ["a", 1, true]}"#, vec![claim("tenant", json!([["a", 1, true]]))]),
            (
                r#"{"b":1.5,"/realm_access/roles":"admin","/a~1b":false}"#,
                vec![
                    claim("b", json!([[1.5]])),
                    claim("/realm_access/roles", json!([["admin"]])),
                    claim("/a~1b", json!([[false]])),
                ],
            ),
            (r#"{"https://x/r~":""}"#, vec![claim("https://x/r~", json!([[""]]))]),
            (r#"{"a":{"all":["x","y"]}}"#, vec![claim("a", json!([["x"], ["y"]]))]),
            (
                r#"{"a":{"all":["x",["y",1]]}, "b": "c"}"#,
                vec![claim("a", json!([["x"], ["y", 1]])), claim("b", json!([["c"]]))],
            ),
            (r#"{"all":"x"}"#, vec![claim("all", json!([["x"]]))]),
        ],
        &[
            ("tenant=a", "it cannot be read as a JSON object"),
            ("[]", "it cannot be read as a JSON object"),
            (r#"{"tenant":"a""#, "it cannot be read as a JSON object"),
            ("{}", "the object is empty"),
            (r#"{"a":1,"a":1}"#, "\"a\" is there twice"),
            (r#"{"a":[]}"#, "\"a\" has an empty list"),
            (r#"{"a":null}"#, "\"a\" has null, which is not a string, a number or a boolean"),
            (r#"{"a":["x",null]}"#, "\"a\" has null, which is not a string"),
            (r#"{"a":{"b":1}}"#, no_value),
            (r#"{"a":{}}"#, no_value),
            (r#"{"a":{"any":["b"]}}"#, no_value),
            (r#"{"a":{"all":["b"],"x":1}}"#, no_value),
            (r#"{"a":{"all":["b"],"all":["c"]}}"#, no_value),
            (r#"{"a":{"all":"b"}}"#, "\"a\" has \"all\" without a list"),
            (r#"{"a":{"all":[]}}"#, "\"a\" has an empty list"),
            (r#"{"a":{"all":["b",[]]}}"#, "\"a\" has an empty list"),
            (r#"{"a":{"all":["b","b"]}}"#, "\"a\" has the same element twice"),
            (r#"{"a":{"all":[[["b"]]]}}"#, "\"a\" has [\"b\"], which is not a string"),
            (r#"{"a":["b","b"]}"#, "\"a\" has the same item twice in a list"),
            // Only within `all`, so that a pair of brackets never turns any into all.
            (r#"{"a":[["b"]]}"#, "\"a\" has [\"b\"], which is not a string"),
            (r#"{"a":["b",["c"]]}"#, "\"a\" has [\"c\"], which is not a string"),
            (r#"{"/a~b":1}"#, "is not a JSON Pointer"),
            (r#"{"/a~":1}"#, "is not a JSON Pointer"),
        ],
    );
}

/// Checks a number's range: its ends, and the first numbers outside.
#[track_caller]
fn check_number(name: &str, parsed: impl Fn(&Config) -> Duration, unit: Duration, ends: [u32; 2]) {
    let [least, most] = ends;
    let outside = format!("it is not from {least} to {most}");
    let texts = [least.to_string(), most.to_string(), (most + 1).to_string()];
    let mut refused = vec![
        (texts[2].as_str(), outside.as_str()),
        ("-1", "it is not a whole number"),
        ("1.5", "it is not a whole number"),
        ("1e3", "it is not a whole number"),
        ("5s", "it is not a whole number"),
        ("1 000", "it is not a whole number"),
        ("five", "it is not a whole number"),
        ("99999999999999999999", "it is not a whole number"),
    ];
    if least > 0 {
        refused.push(("0", &outside));
    }
    check(name, parsed, &[(&texts[0], unit * least), (&texts[1], unit * most)], &refused);
}

#[test]
fn numbers() {
    let (second, millisecond) = (Duration::from_secs(1), Duration::from_millis(1));
    check_number(
        "MAX_TOKEN_AGE_SECONDS",
        |config| rules(config).max_age.unwrap(),
        second,
        [1, 31_536_000],
    );
    check_number("LEEWAY_SECONDS", |config| rules(config).leeway, second, [0, 300]);
    check_number("JWKS_TTL_SECONDS", |config| config.cache.ttl, second, [1, 86_400]);
    check_number("JWKS_MAX_STALE_SECONDS", |config| config.cache.max_stale, second, [0, 604_800]);
    check_number("JWKS_COOLDOWN_SECONDS", |config| config.cache.cooldown, second, [1, 3_600]);
    check_number("JWKS_TIMEOUT_MS", |config| config.cache.timeout, millisecond, [100, 25_000]);
}

#[test]
fn token_sources() {
    let header = |name: &str| TokenSource::Header(name.to_owned());
    let query = |name: &str| TokenSource::Query(name.to_owned());
    let cookie = |name: &str| TokenSource::Cookie(name.to_owned());
    let subprotocol = |marker: &str| TokenSource::Subprotocol(marker.to_owned());
    check(
        "TOKEN_SOURCES",
        |config| config.token_sources.clone(),
        &[
            ("header:authorization", vec![header("authorization")]),
            ("header:X-Token", vec![header("x-token")]),
            ("query:Token, cookie:Id", vec![query("Token"), cookie("Id")]),
            ("subprotocol:base64.Bearer", vec![subprotocol("base64.Bearer")]),
            (
                "cookie:__Host-id,query:t,header:a,subprotocol:b",
                vec![cookie("__Host-id"), query("t"), header("a"), subprotocol("b")],
            ),
        ],
        &[
            ("authorization", "\"authorization\" has no colon"),
            ("header", "\"header\" has no colon"),
            ("header:", "\"\" is not a valid header name"),
            ("header:a b", "\"a b\" is not a valid header name"),
            ("query:a=b", "\"a=b\" is not a valid query name"),
            ("subprotocol:é", "\"é\" is not a valid subprotocol name"),
            ("cookie:a;b", "\"a;b\" is not a valid cookie name"),
            ("Header:a", "\"Header\" is not one of header, query, cookie, subprotocol"),
            ("body:a", "\"body\" is not one of header, query, cookie, subprotocol"),
            ("header: a", "\" a\" is not a valid header name"),
            ("query:a,query:a", "\"query:a\" is in the list twice"),
            ("query:a,", "an item is empty"),
        ],
    );
}

#[test]
fn allowed_origins() {
    let only = |origins: &[&str]| AllowedOrigins::Only(strings(origins));
    check(
        "ALLOWED_ORIGINS",
        |config| config.access.allowed_origins.clone(),
        &[
            ("https://app.example.com", only(&["https://app.example.com"])),
            (
                "https://a.example, http://localhost:3000",
                only(&["https://a.example", "http://localhost:3000"]),
            ),
            ("capacitor://localhost", only(&["capacitor://localhost"])),
            ("chrome-extension://abcdef", only(&["chrome-extension://abcdef"])),
        ],
        &[
            ("*", "`*` is not an origin (unset the variable to allow any)"),
            ("null", "\"null\" is not an origin"),
            ("app.example.com", "\"app.example.com\" is not an origin"),
            ("https://*.example.com", "has a wildcard, which matches no origin"),
            ("https://a.example/", "browsers send \"https://a.example/\" as \"https://a.example\""),
            ("https://a.example:443", "as \"https://a.example\""),
            ("capacitor://localhost/", "is not an origin"),
            ("capacitor:localhost", "is not an origin"),
            ("file://a", "is not an origin"),
            ("https://A.example", "as \"https://a.example\""),
            ("https://a.example/chat", "as \"https://a.example\""),
            ("https://a.example,https://a.example", "twice"),
        ],
    );
}

#[test]
fn route_rules() {
    let rule = |pattern: &str, scopes: &[&str]| {
        let (method, path) = pattern.split_at(pattern.find(['/', ' ']).unwrap_or(pattern.len()));
        let scopes = RequiredScopes(scopes.iter().map(|scope| strings(&[scope])).collect());
        let needs = RouteNeeds { scopes, claims: Vec::new() };
        RouteRule::new(method, path.trim_start(), needs).unwrap()
    };
    let longest = format!("GET /{}", "x".repeat(512 - 195 - "GET/".len()));
    let (fits, too_long) = (format!(r#"{{"{longest}":[]}}"#), format!(r#"{{"{longest}y":[]}}"#));
    check(
        "ROUTE_RULES",
        |config| config.access.route_rules.clone(),
        &[
            (r#"{"*":[]}"#, vec![rule("*", &[])]),
            (r#"{"$connect":["chat"]}"#, vec![rule("$connect", &["chat"])]),
            (r#"{"GET /orders/*":["a","b"]}"#, vec![rule("GET/orders/*", &["a", "b"])]),
            (
                r#"{"* /a":[],"P*T /b":[],"?ET /c":[],"GET *":[],"DELETE /":[]}"#,
                vec![
                    rule("*/a", &[]),
                    rule("P*T/b", &[]),
                    rule("?ET/c", &[]),
                    rule("GET *", &[]),
                    rule("DELETE/", &[]),
                ],
            ),
            (&fits, vec![rule(&longest.replace(' ', ""), &[])]),
        ]
        .map(|(value, rules)| (value, Some(RouteRules(rules)))),
        &[
            ("GET /x", "it cannot be read as a JSON object"),
            ("{}", "the object is empty"),
            (r#"{"GET /x":["a"],"GET /x":["b"]}"#, "\"GET /x\" is there twice"),
            (r#"{"GET /x":"a"}"#, "\"GET /x\" has neither a list of scopes nor an object"),
            (r#"{"GET /x":null}"#, "has neither a list of scopes nor an object"),
            (r#"{"/x":[]}"#, "\"/x\" has no method"),
            (r#"{"":[]}"#, "\"\" is not METHOD /path"),
            (r#"{"$default":[]}"#, "authorizes only $connect"),
            (r#"{"sendMessage":[]}"#, "authorizes only $connect"),
            (r#"{"ANY /x":[]}"#, "has the method ANY (write * for any)"),
            (r#"{"get /x":[]}"#, "has a method that no request has (methods are in upper case)"),
            (r#"{"FETCH /x":[]}"#, "has a method that no request has (methods are in upper case)"),
            (r#"{" /x":[]}"#, "has a method that no request has (methods are in upper case)"),
            (
                r#"{"GET x":[]}"#,
                "has a path that no request has (start it with /, and encode spaces)",
            ),
            (
                r#"{"GET ":[]}"#,
                "has a path that no request has (start it with /, and encode spaces)",
            ),
            (
                r#"{"GET /a b":[]}"#,
                "has a path that no request has (start it with /, and encode spaces)",
            ),
            (r#"{"GET /a/${b}":[]}"#, "contains ${, which is not a wildcard"),
            (r#"{"GET *;v":[]}"#, "\"GET *;v\" has a path that is always refused"),
            (r#"{"GET /a/":[]}"#, "\"GET /a/\" has a path that is always refused"),
            (r#"{"GET /@:+=":[]}"#, "has more than 3 characters that a request may send encoded"),
        ],
    );
    // An encoded character is longer.
    let longest_spelling = format!(r#"{{"{}":[]}}"#, longest.replace("/xxx", "/@"));
    let too_long_encoded = format!(r#"{{"{}":[]}}"#, longest.replace("/x", "/@"));
    assert!(read_one("ROUTE_RULES", &longest_spelling).is_ok());
    for too_long in [too_long, too_long_encoded] {
        let error = read_one("ROUTE_RULES", &too_long).unwrap_err();
        assert!(error.to_string().contains("is too long for a resource of a policy"), "{error}");
    }
}

#[test]
fn route_rules_need_scopes_claims_or_both() {
    let rule = |scopes: &[&[&str]], claims: &[(&str, serde_json::Value)]| {
        let claim = |(path, groups): &(&str, serde_json::Value)| RequiredClaim {
            path: ClaimPath::new(path),
            groups: serde_json::from_value(groups.clone()).unwrap(),
        };
        let needs =
            RouteNeeds { scopes: groups(scopes), claims: claims.iter().map(claim).collect() };
        Some(RouteRules(vec![RouteRule::new("GET", "/x", needs).unwrap()]))
    };
    let of_x = |needs: &str| format!(r#"{{"GET /x": {needs}}}"#);
    let accepted = [
        (r#"["a",["b","c"]]"#, rule(&[&["a"], &["b", "c"]], &[])),
        (r#"{"scopes":["a"]}"#, rule(&[&["a"]], &[])),
        (r#"{"scopes":[]}"#, rule(&[], &[])),
        (
            r#"{"scopes":["a",["b","c"]],"claims":{"cognito:groups":["x","y"],"/r/s":"e","v":true}}"#,
            rule(
                &[&["a"], &["b", "c"]],
                &[
                    ("cognito:groups", json!([["x", "y"]])),
                    ("/r/s", json!([["e"]])),
                    ("v", json!([[true]])),
                ],
            ),
        ),
        (
            r#"{"claims":{"g":{"all":["x",["y","z"]]}}}"#,
            rule(&[], &[("g", json!([["x"], ["y", "z"]]))]),
        ),
    ]
    .map(|(needs, rules)| (of_x(needs), rules));
    let mut refused = BAD_SCOPE_LISTS.map(|(list, fault)| (list.to_owned(), fault)).to_vec();
    refused.extend(BAD_SCOPE_LISTS.map(|(list, fault)| (format!(r#"{{"scopes":{list}}}"#), fault)));
    refused.extend(
        [
            ("{}", "\"GET /x\" has an object that cannot be used: the object is empty"),
            (r#"{"scope":["a"]}"#, "\"GET /x\" has \"scope\", which is neither scopes nor claims"),
            (r#"{"scopes":["a"],"roles":[]}"#, "has \"roles\", which is neither"),
            (r#"{"scopes":["a"],"scopes":["b"]}"#, "\"scopes\" is there twice"),
            (r#"{"scopes":"a"}"#, "has no list of scopes"),
            (r#"{"scopes":null}"#, "has no list of scopes"),
            (r#"{"claims":{}}"#, "\"GET /x\" has claims that cannot be used: the object is empty"),
            (r#"{"claims":["a"]}"#, "has claims that cannot be used: it cannot be read as a JSON"),
            (r#"{"claims":null}"#, "has claims that cannot be used: it cannot be read as a JSON"),
            (r#"{"claims":{"a":1,"a":2}}"#, "\"a\" is there twice"),
            (r#"{"claims":{"a":{"all":["b"],"all":["c"]}}}"#, "\"a\" has neither a value"),
            (r#"{"claims":{"a":[]}}"#, "has claims that cannot be used: \"a\" has an empty list"),
            (r#"{"claims":{"/a~":"b"}}"#, "is not a JSON Pointer"),
        ]
        .map(|(needs, fault)| (needs.to_owned(), fault)),
    );
    // A value that is not JSON is a fault of the whole setting.
    refused
        .retain(|(needs, _)| serde_json::from_str::<&serde_json::value::RawValue>(needs).is_ok());
    let refused: Vec<_> = refused.iter().map(|(needs, fault)| (of_x(needs), *fault)).collect();
    let accepted: Vec<_> = accepted.iter().map(|(text, it)| (text.as_str(), it.clone())).collect();
    let refused: Vec<_> = refused.iter().map(|(text, fault)| (text.as_str(), *fault)).collect();
    check("ROUTE_RULES", |config| config.access.route_rules.clone(), &accepted, &refused);
}

#[test]
fn the_old_name_of_the_route_rules_is_refused() {
    let error = read_one("ROUTE_SCOPES", r#"{"GET /x": ["a"]}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 mistake in the settings:\n- AUTHORIZER_ROUTE_SCOPES is not a setting. Did you mean AUTHORIZER_ROUTE_RULES?"
    );
}

#[test]
fn context_claims() {
    let claim =
        |name: &str, path: &str| ContextClaim { name: name.to_owned(), path: ClaimPath::new(path) };
    check(
        "CONTEXT_CLAIMS",
        |config| config.context.claims.clone(),
        &[
            ("email", vec![claim("email", "email")]),
            ("mail=email", vec![claim("mail", "email")]),
            (
                "roles=/realm_access/roles, t = https://x/t",
                vec![claim("roles", "/realm_access/roles"), claim("t", "https://x/t")],
            ),
            ("a=x,b=x", vec![claim("a", "x"), claim("b", "x")]),
            ("issuer=iss", vec![claim("issuer", "iss")]),
        ],
        &[
            ("/realm_access/roles", "\"/realm_access/roles\" has no name or no claim"),
            ("a=", "\"a=\" has no name or no claim"),
            ("=a", "\"=a\" has no name or no claim"),
            ("a=x,a=y", "the name \"a\" is in the list twice"),
            ("a,a=y", "the name \"a\" is in the list twice"),
            ("a,a", "\"a\" is in the list twice"),
            ("a,", "an item is empty"),
            ("a=/x~2", "is not a JSON Pointer"),
            ("sub", "the name \"sub\" is reserved (use another one, for example sub_claim=sub)"),
            (
                "reason=x",
                "the name \"reason\" is reserved (use another one, for example reason_claim=x)",
            ),
        ],
    );
    for name in ContextRules::RESERVED_NAMES {
        assert!(read_one("CONTEXT_CLAIMS", &format!("{name}=x")).is_err(), "{name}");
        assert!(read_one("CONTEXT_CLAIMS", &format!("my_{name}={name}")).is_ok(), "{name}");
    }
}

#[test]
fn the_context_has_the_name_of_the_tenant_only_if_an_issuer_has_tenants() {
    assert!(read_one("CONTEXT_CLAIMS", "tenant").is_ok());
    let tenants = [
        ("ISSUER", "https://login.example/{tenant}/v2.0"),
        ("TENANTS", "a"),
        ("JWKS_URI", "https://login.example/keys"),
        ("AUDIENCE", "chat"),
    ];
    let list = r#"[{"issuer": "https://login.example/{tenant}/v2.0", "tenants": "a",
                    "jwks_uri": "https://login.example/keys", "audience": "chat"}]"#;
    // A mistake elsewhere does not hide that the issuer has tenants.
    let with_a_mistake = [&tenants[..3], &[("AUDIENCE", "")]].concat();
    accepted(read(&[&tenants[..], &[("CONTEXT_CLAIMS", "tid")]].concat()));
    accepted(read(&[("ISSUERS", list), ("CONTEXT_CLAIMS", "tid")]));
    for issuer in [&tenants[..], &[("ISSUERS", list)], &with_a_mistake] {
        let error = read(&[issuer, &[("CONTEXT_CLAIMS", "tenant")]].concat()).map(drop);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the name \"tenant\" is reserved"), "{error}");
    }
}

#[test]
fn claim_paths() {
    let refused = [("/a~", "is not a JSON Pointer"), ("/a~2b", "is not a JSON Pointer")];
    check(
        "PRINCIPAL_CLAIM",
        |config| config.context.principal.clone(),
        &[
            ("email", Some(ClaimPath::new("email"))),
            ("/a/b~0~1", Some(ClaimPath::new("/a/b~0~1"))),
            ("a~", Some(ClaimPath::new("a~"))),
            ("sub", None),
        ],
        &refused,
    );
    check(
        "USAGE_KEY_CLAIM",
        |config| config.context.usage_key.clone(),
        &[("sub", Some(ClaimPath::new("sub"))), ("/k", Some(ClaimPath::new("/k")))],
        &refused,
    );
}

#[test]
fn choices() {
    let none = "it is not one of the choices";
    check(
        "RESOURCE_SCOPE",
        |config| config.responses.resource_scope,
        &[
            ("stage", ResourceScope::Stage),
            ("api", ResourceScope::Api),
            ("request", ResourceScope::Request),
        ],
        &[("Stage", none), ("*", none), ("stage,api", none)],
    );
    check(
        "HTTP_API_RESPONSE",
        |config| config.responses.http_api_response,
        &[("simple", HttpApiResponse::Simple), ("policy", HttpApiResponse::Policy)],
        &[("Simple", none), ("true", none)],
    );
    check(
        "UNAUTHENTICATED_RESPONSE",
        |config| config.responses.unauthenticated_response,
        &[("error", UnauthenticatedResponse::Error), ("deny", UnauthenticatedResponse::Deny)],
        &[("Deny", none), ("401", none), ("allow", none)],
    );
}

#[test]
fn shows_no_password_of_a_value_or_of_what_is_wrong_with_it() {
    for (name, value) in [
        ("JWKS_URI", "https://u:s3cret@a.example/k"),
        ("JWKS_URI", "https://u:s3cret,s3cret@a.example/k"),
        ("ALLOWED_ORIGINS", "https://u:s3cret@a.example"),
        ("ISSUERS", r#"["https://u:s3cret@a.example"]"#),
        ("ISSUERS", r#"[{"issuer":"https://u:s3cret@a.example"},"#),
    ] {
        let report = read_one(name, value).unwrap_err().to_string();
        assert!(report.contains("…@a.example"), "{report}");
        assert!(!report.contains("s3cret"), "{report}");
    }
}

#[test]
fn every_mistake_is_named_at_once() {
    let error = read(&[
        ("AUDIENCE", "chat,*"),
        ("ALGORITHMS", "HS256"),
        ("LEEWAY_SECONDS", "301"),
        ("REQUIRED_SCOPE", "chat"),
        ("ROUTE_RULES", r#"{"sendMessage": ["chat"]}"#),
        ("TOKEN_SOURCES", ""),
        ("JWKS_TTL_SECONDS", "ten minutes"),
        ("CONTEXT_CLAIMS", "reason"),
    ])
    .unwrap_err();
    assert_snapshot!(error);
}

#[test]
fn every_mistake_within_issuers_is_named_at_its_place() {
    let error = read(&[
        ("AUDIENCE", "chat"),
        (
            "ISSUERS",
            r#"[
                {"issuer": "http://a.example", "audiences": "chat", "leeway_seconds": 301},
                {"issuer": "https://b.example", "audience": "chat", "token_sources": "query:t"},
                {"issuer": "https://b.example", "audience": ["a,b"], "client_ids": null}
            ]"#,
        ),
    ])
    .unwrap_err();
    assert_snapshot!(error);
}

#[test]
fn an_unknown_variable_is_a_mistake_and_a_similar_name_is_suggested() {
    for (name, nearest) in [
        ("ISUER", "ISSUER"),
        ("AUDIENCES", "AUDIENCE"),
        ("CLIENT_ID", "CLIENT_IDS"),
        ("REQUIRED_CLAIM", "REQUIRED_CLAIMS"),
        ("JWKS_URL", "JWKS_URI"),
        ("audience", "AUDIENCE"),
        ("LEEWAY", "LEEWAY_SECONDS"),
    ] {
        let error = read_one(name, "x").unwrap_err();
        let [problem] = &error.0[..] else { panic!("{error}") };
        let expected =
            format!("AUTHORIZER_{name} is not a setting. Did you mean AUTHORIZER_{nearest}?");
        assert_eq!(problem.to_string(), expected);
    }
    for (name, remedy) in [
        (
            "CLAIMS",
            "Did you mean AUTHORIZER_SCOPE_CLAIMS or AUTHORIZER_REQUIRED_CLAIMS or AUTHORIZER_CONTEXT_CLAIMS?",
        ),
        ("DOMAIN", "See docs/configuration.md for the settings."),
        ("", "See docs/configuration.md for the settings."),
    ] {
        let error = read_one(name, "x").unwrap_err();
        let expected = format!("AUTHORIZER_{name} is not a setting. {remedy}");
        assert_eq!(error.0[0].to_string(), expected);
    }
    for (name, of_lambda) in
        [("LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"), ("log_format", "AWS_LAMBDA_LOG_FORMAT")]
    {
        let error = read_one(name, "x").unwrap_err().to_string();
        assert!(error.contains("is a setting of Lambda") && error.contains(of_lambda), "{error}");
    }
}

#[test]
fn variables_without_the_prefix_are_not_ours() {
    let pairs = [
        ("AUTHORIZER_ISSUER", ISSUER),
        ("AUTHORIZER_AUDIENCE", "chat"),
        ("AUDIENCE", "x"),
        ("authorizer_leeway_seconds", "x"),
        ("XAUTHORIZER_LEEWAY_SECONDS", "x"),
        ("AUTHORIZER", "x"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(accepted(Config::from_variables(pairs)).issuers.len(), 1);
}

#[test]
fn issuer_and_audience_must_be_set() {
    let mistakes = |variables: &[(&str, &str)]| -> Vec<String> {
        let error = read(variables).unwrap_err();
        error.0.iter().map(ToString::to_string).collect()
    };
    let issuer = "Set it to the exact `iss` of the tokens, an https URL. Example: https://example.eu.auth0.com/";
    let audience = "Set it to the token's `aud` value (comma-separated for several), or `*` to accept any audience. Example: https://api.example.com";
    let no_issuer = format!("AUTHORIZER_ISSUER is not set. {issuer}");
    let no_audience = format!("AUTHORIZER_AUDIENCE is not set. {audience}");
    assert_eq!(mistakes(&[]), [&*no_issuer, &*no_audience]);
    assert_eq!(mistakes(&[("ISSUER", ISSUER)]), [no_audience]);
    assert_eq!(mistakes(&[("AUDIENCE", "*")]), [no_issuer]);
    let empty = format!("AUTHORIZER_AUDIENCE is empty. {audience}");
    assert_eq!(mistakes(&[("ISSUER", ISSUER), ("AUDIENCE", "")]), [empty]);
}

#[test]
fn a_long_value_is_shortened_in_the_message() {
    let error = read_one("AUDIENCE", &format!("{},", "é".repeat(300))).unwrap_err();
    let [problem] = &error.0[..] else { panic!("{error}") };
    let shown = "é".repeat(200) + "…";
    let message = problem.to_string();
    assert!(message.starts_with(&format!("AUTHORIZER_AUDIENCE is {shown:?}: ")), "{message}");
}

#[test]
fn an_issuer_must_leave_room_for_the_url_of_its_discovery_document() {
    let issuer = |length: usize| format!("{ISSUER}{}", "x".repeat(length - ISSUER.len()));
    let discovery = "/.well-known/openid-configuration".len();
    assert!(read_one("ISSUER", &issuer(2048 - discovery)).is_ok());
    let error = read_one("ISSUER", &issuer(2049 - discovery)).unwrap_err().to_string();
    assert!(
        error.contains("the URL of its discovery document is longer than 2048 characters"),
        "{error}"
    );
}

#[test]
fn issuers_each_have_their_own_settings() {
    let config = accepted(read(&[(
        "ISSUERS",
        r#"[
            {"issuer": "https://a.example", "audience": ["chat", "api"], "leeway_seconds": 30,
             "algorithms": "ES256", "required_claims": {"tenant": ["a"]}, "token_use": "id"},
            {"issuer": "https://a.example/", "audience": "chat,api", "required_scopes": ["x", "y"],
             "max_token_age_seconds": "60", "jwks_uri": "https://keys.example/"}
        ]"#,
    )]));
    let [first, second] = &config.issuers[..] else { panic!("{:?}", config.issuers) };
    let both = Audience::AnyOf(strings(&["chat", "api"]));
    assert_eq!(first.rules.issuer.as_str(), "https://a.example");
    assert_eq!((&first.rules.audience, &second.rules.audience), (&both, &both));
    assert_eq!(first.rules.leeway, Duration::from_secs(30));
    assert_eq!(second.rules.leeway, Duration::from_secs(5));
    assert_eq!(first.keys.algorithms[0].name, "ES256");
    assert_eq!(second.keys.algorithms[0].name, "RS256");
    assert_eq!(first.rules.required_claims.len(), 1);
    assert_eq!(first.rules.token_use.as_deref(), Some("id"));
    assert_eq!(second.rules.issuer.as_str(), "https://a.example/");
    assert_eq!(second.scopes.required, groups(&[&["x"], &["y"]]));
    assert_eq!(second.rules.max_age, Some(Duration::from_secs(60)));
    let keys = KeyLocation::Uri("https://keys.example/".parse().unwrap());
    assert_eq!(second.keys.location, keys);
}

/// Checks an object of `ISSUERS` that has an issuer and an audience besides.
#[track_caller]
fn check_issuer(members: &str, expected: Result<(), &str>) {
    let issuers = format!(r#"[{{"issuer": "https://a.example", "audience": "chat", {members}}}]"#);
    let outcome = read(&[("ISSUERS", &issuers)]).map(drop).map_err(|error| error.to_string());
    match (outcome, expected) {
        (Ok(()), Ok(())) => {}
        (Err(message), Err(expected)) => {
            assert!(message.contains(expected), "{members}: {message}")
        }
        (outcome, expected) => panic!("{members}: {outcome:?}, expected {expected:?}"),
    }
}

#[test]
fn the_objects_of_issuers_take_the_settings_of_an_issuer_once_and_in_their_types() {
    check_issuer(r#""leeway_seconds": 10"#, Ok(()));
    check_issuer(r#""leeway_seconds": "10""#, Ok(()));
    check_issuer(r#""client_ids": ["web", "app"]"#, Ok(()));
    check_issuer(r#""required_claims": {"a": 1}"#, Ok(()));
    check_issuer(r#""required_claims": {"a": 1, "a": 2}"#, Err(r#""a" is there twice"#));
    check_issuer(r#""required_claims": "{\"a\": 1}""#, Ok(()));
    let place = "AUTHORIZER_ISSUERS[0].";
    for (members, fault) in [
        (r#""leeway_seconds": 10.5"#, r#"leeway_seconds is "10.5": it is not a whole number"#),
        (r#""leeway_seconds": -1"#, r#"leeway_seconds is "-1": it is not a whole number"#),
        (r#""leeway_seconds": true"#, "leeway_seconds is true. Set it to a string, a number"),
        (r#""client_ids": null"#, "client_ids is null. Set it to a string"),
        (r#""client_ids": []"#, "client_ids is empty"),
        (r#""client_ids": """#, "client_ids is empty"),
        (r#""client_ids": [1]"#, "client_ids is [1]. Set it to a string"),
        (r#""client_ids": ["a,b"]"#, r#"client_ids is ["a,b"]. Set it to a string"#),
        (r#""client_ids": ["a", "a"]"#, r#"client_ids is "a,a": "a" is in the list twice"#),
        (r#""required_claims": {}"#, "required_claims is \"{}\": the object is empty"),
        (
            r#""client_id": "web""#,
            "client_id is not a setting. Did you mean AUTHORIZER_ISSUERS[0].client_ids?",
        ),
        (
            r#""resource_scope": "api""#,
            "resource_scope is not a setting of one issuer. Set AUTHORIZER_RESOURCE_SCOPE instead",
        ),
        (r#""issuers": "x""#, "issuers is not a setting"),
        // Which of the two would hold?
        (r#""client_ids": "web", "CLIENT_IDS": "app""#, "client_ids is set twice"),
        (r#""AUDIENCE": "*""#, "audience is set twice"),
    ] {
        check_issuer(members, Err(&format!("{place}{fault}")));
    }
    check_issuer(
        r#""client_ids": "web", "client_ids": "app""#,
        Err("\"client_ids\" is there twice"),
    );
}

#[test]
fn issuers_is_a_list_of_different_issuers() {
    let object = |issuer: &str| format!(r#"{{"issuer": "{issuer}", "audience": "chat"}}"#);
    let (a, b) = (object("https://a.example"), object("https://b.example"));
    let check = |value: &str, expected: Result<usize, &str>| {
        let outcome = read(&[("ISSUERS", value)]);
        match (outcome.map_err(|error| error.to_string()), expected) {
            (Ok(config), Ok(count)) => assert_eq!(config.issuers.len(), count),
            (Err(message), Err(expected)) => assert!(message.contains(expected), "{message}"),
            (outcome, expected) => panic!("{outcome:?}, expected {expected:?}"),
        }
    };
    check(&format!("[{a}]"), Ok(1));
    check(&format!("[{a}, {b}]"), Ok(2));
    check(&format!("[{a}, {b}, {a}]"), Err("has the issuer \"https://a.example\" twice"));
    check("[]", Err("the list is empty"));
    check("", Err("is empty. Unset it"));
    check(&a, Err("it cannot be read as a JSON list of objects"));
    check("[1]", Err("it cannot be read as a JSON list of objects"));
    check("[[]]", Err("it cannot be read as a JSON list of objects"));
    check("[{}]", Err("AUTHORIZER_ISSUERS[0].issuer is not set"));
    check("https://a.example", Err("it cannot be read as a JSON list of objects"));
}

#[test]
fn issuers_never_stands_beside_the_settings_of_one_issuer() {
    let issuers = r#"[{"issuer": "https://a.example", "audience": "chat"}]"#;
    for setting in SETTINGS.iter().filter(|setting| setting.name != "ISSUERS") {
        if matches!(setting.name, "JWKS_FILE" | "CA_FILE" | "ISSUERS_FILE") {
            continue;
        }
        let outcome = read(&[("ISSUERS", issuers), (setting.name, setting.example)]);
        if !setting.per_issuer {
            accepted(outcome);
            continue;
        }
        let error = outcome.unwrap_err();
        let [problem] = &error.0[..] else { panic!("{error}") };
        assert_eq!(
            problem.to_string(),
            format!(
                "AUTHORIZER_{} is set together with AUTHORIZER_ISSUERS. Move it into each object of AUTHORIZER_ISSUERS, as {:?}.",
                setting.name,
                setting.name.to_lowercase()
            )
        );
    }
}

#[test]
fn warns_of_what_is_allowed_but_likely_not_meant() {
    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &[&str]) {
        let required = [("ISSUER", ISSUER)];
        let config = accepted(read(&[&required[..], variables].concat()));
        assert_eq!(config.warnings.len(), expected.len(), "{:?}", config.warnings);
        for (warning, expected) in config.warnings.iter().zip(expected) {
            assert!(warning.starts_with(expected), "{warning}");
        }
    }
    check(&[("AUDIENCE", "chat")], &[]);
    check(&[("AUDIENCE", "a,b , c")], &[]);
    for audience in ["a b", "x,a b"] {
        let warning =
            "AUTHORIZER_AUDIENCE has the audience \"a b\", which contains a space. To set several";
        check(&[("AUDIENCE", audience)], &[warning]);
    }
    check(
        &[("AUDIENCE", "*")],
        &["AUTHORIZER_AUDIENCE=* accepts every token of https://issuer.example/"],
    );
    check(&[("AUDIENCE", "*"), ("TOKEN_USE", "access")], &["AUTHORIZER_AUDIENCE=* accepts"]);
    for narrowed in
        [("CLIENT_IDS", "a"), ("REQUIRED_SCOPES", "a"), ("REQUIRED_CLAIMS", r#"{"a": 1}"#)]
    {
        check(&[("AUDIENCE", "*"), narrowed], &[]);
    }
    check(
        &[("AUDIENCE", "chat"), ("TOKEN_USE", "access")],
        &["AUTHORIZER_TOKEN_USE=access is set together with an audience"],
    );
    check(&[("AUDIENCE", "chat"), ("TOKEN_USE", "id")], &[]);
    let cookie = ("TOKEN_SOURCES", "header:authorization,cookie:id");
    check(
        &[("AUDIENCE", "chat"), cookie],
        &["AUTHORIZER_TOKEN_SOURCES has a cookie, but AUTHORIZER_ALLOWED_ORIGINS is not set"],
    );
    check(&[("AUDIENCE", "chat"), cookie, ("ALLOWED_ORIGINS", "https://a.example")], &[]);
    let scope_claims = ("SCOPE_CLAIMS", "permissions");
    for without_use in [("LEEWAY_SECONDS", "5"), ("ROUTE_RULES", r#"{"*": {"claims": {"a": 1}}}"#)]
    {
        check(
            &[("AUDIENCE", "chat"), scope_claims, without_use],
            &["AUTHORIZER_SCOPE_CLAIMS has no effect on tokens of https://issuer.example/"],
        );
    }
    for with_use in [("REQUIRED_SCOPES", "a"), ("ROUTE_RULES", r#"{"*": [["a", "b"]]}"#)] {
        check(&[("AUDIENCE", "chat"), scope_claims, with_use], &[]);
    }
    let rules = |count: usize| {
        let rules: Vec<_> =
            (0..count).map(|place| format!(r#""GET /{place:03}{}":[]"#, "x".repeat(33))).collect();
        format!("{{{}}}", rules.join(","))
    };
    // Each resource has 56 characters up to the route, 40 of it, and 3 around it.
    check(&[("AUDIENCE", "chat"), ("ROUTE_RULES", &rules(82))], &[]);
    check(
        &[("AUDIENCE", "chat"), ("ROUTE_RULES", &rules(83))],
        &["AUTHORIZER_ROUTE_RULES can make a policy of 8217 bytes or more"],
    );
    // With a wildcard, the paths that are always denied take 2,388 bytes more.
    let with_wildcard = |count: usize| rules(count).replace("/000x", "/000*");
    check(&[("AUDIENCE", "chat"), ("ROUTE_RULES", &with_wildcard(58))], &[]);
    check(
        &[("AUDIENCE", "chat"), ("ROUTE_RULES", &with_wildcard(59))],
        &["AUTHORIZER_ROUTE_RULES can make a policy of 8229 bytes or more"],
    );
    // As long as a response may be.
    let longest = rules(82).replace("/000", &format!("/000{}", "x".repeat(8192 - 8118)));
    check(&[("AUDIENCE", "chat"), ("ROUTE_RULES", &longest)], &[]);
    check(
        &[("AUDIENCE", "chat"), ("ROUTE_RULES", &longest.replace("/000", "/000x"))],
        &["AUTHORIZER_ROUTE_RULES can make a policy of 8193 bytes or more"],
    );
    for path in ["/*9", "/a/*aa", "/*F", "/???", "/*?", "/?4"] {
        let rules = format!(r#"{{"GET /a/*": [], "GET {path}": []}}"#);
        let warning =
            format!("AUTHORIZER_ROUTE_RULES has \"GET {path}\", which also matches a part");
        check(&[("AUDIENCE", "chat"), ("ROUTE_RULES", &rules)], &[&warning]);
    }
    for route in ["GET /*", "GET /*/9", "GET /*g", "GET /*.a", "P?A /a", "GET /9*", "GET /a?", "*"]
    {
        let rules = format!(r#"{{"{route}": []}}"#);
        check(&[("AUDIENCE", "chat"), ("ROUTE_RULES", &rules)], &[]);
    }
}

#[test]
fn warns_of_each_issuer_by_its_place() {
    let issuers = r#"[{"issuer": "https://a.example", "audience": "chat"},
                      {"issuer": "https://b.example", "audience": "*"}]"#;
    let config = accepted(read(&[("ISSUERS", issuers)]));
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert!(warning.starts_with("AUTHORIZER_ISSUERS[1].audience=* accepts"), "{warning}");
}

#[test]
fn lists_every_setting_with_its_value_or_its_default() {
    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &[(&str, &str, bool)]) {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let found = settings_in_force(&Variables::of(variables), &|_| {
            Err(io::Error::other("no files here"))
        });
        for (variable, value, default) in expected {
            let setting = found.iter().find(|it| it.variable == *variable);
            let setting = setting.unwrap_or_else(|| panic!("{variable} is not in {found:#?}"));
            assert_eq!((&*setting.value, setting.default), (*value, *default), "{variable}");
        }
    }
    check(
        &[
            ("AUTHORIZER_AUDIENCE", " chat "),
            ("AUTHORIZER_LEEWAY_SECONDS", "5"),
            ("AUTHORIZER_REPORT_ONLY_AUDIENCE", "b"),
            ("OTHER", "x"),
        ],
        &[
            ("AUTHORIZER_REPORT_ONLY_AUDIENCE", "b", false),
            ("AUTHORIZER_ISSUER", "required", true),
            ("AUTHORIZER_AUDIENCE", "chat", false),
            ("AUTHORIZER_LEEWAY_SECONDS", "5", false),
            ("AUTHORIZER_ALGORITHMS", "RS256", true),
            ("AUTHORIZER_CLIENT_IDS", "any", true),
        ],
    );
    let issuers = r#"[{"issuer": "https://a.example", "audience": ["a", "b"]}, {"audience": 1}]"#;
    let variables =
        [("AUTHORIZER_ISSUERS", issuers), ("AUTHORIZER_ISSUER", "https://u:secret@b.example")];
    check(
        &variables,
        &[
            ("AUTHORIZER_ISSUERS", issuers, false),
            ("AUTHORIZER_ISSUERS[0].issuer", "https://a.example", false),
            ("AUTHORIZER_ISSUERS[0].audience", "a,b", false),
            ("AUTHORIZER_ISSUERS[0].leeway_seconds", "5", true),
            ("AUTHORIZER_ISSUERS[1].audience", "1", false),
            ("AUTHORIZER_ISSUERS[1].issuer", "required", true),
            // It is a mistake, and has no effect. It is shown all the same.
            ("AUTHORIZER_ISSUER", "https://…@b.example", false),
            ("AUTHORIZER_JWKS_TTL_SECONDS", "600", true),
        ],
    );
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let found =
        settings_in_force(&Variables::of(variables), &|_| Err(io::Error::other("no files here")));
    for absent in ["AUTHORIZER_AUDIENCE", "AUTHORIZER_REPORT_ONLY_AUDIENCE"] {
        assert!(!found.iter().any(|it| it.variable == absent), "{absent} is in {found:#?}");
    }
    let names: BTreeSet<_> = found.iter().map(|it| &it.variable).collect();
    assert_eq!(names.len(), found.len());
}
