//! Checks of the settings, on a command line and in Lambda.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use local_gateway::invocation::{Deadline, FunctionOutcome};
use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::{Value, json};
use test_support::deployment::Deployment;
use test_support::fixtures::Fixtures;
use test_support::gateway::fault;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::tokens::{connect, good_token};
use crate::tool::run;

/// Checks settings, and returns the report.
async fn check(settings: &[(&str, &str)]) -> Value {
    let output = run(&["check", "--json"], settings).await;
    assert_eq!(output.stderr, "");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let expected = if report["ok"] == true { 0 } else { 1 };
    assert_eq!(output.status, Some(expected), "{report:#}");
    report
}

/// Checks the settings for one issuer.
async fn check_issuer(issuer: &str, settings: &[(&str, &str)]) -> Value {
    let trust = [("AUTHORIZER_ISSUER", issuer), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
    check(&[&trust, settings].concat()).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Returns the names of an object's members.
fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn finds_nothing_wrong_with_a_healthy_issuer() {
    let issuer = Issuer::start().await.unwrap();
    let report = check_issuer(issuer.url(), &[]).await;
    assert_eq!((&report["ok"], &report["mistakes"]), (&json!(true), &json!([])));
    assert_eq!((&report["warnings"], &report["proxy"]), (&json!([]), &json!([])));
    let [found] = &report["issuers"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!((&found["issuer"], &found["ok"]), (&json!(issuer.url()), &json!(true)));
    assert_eq!((&found["usable_keys"], &found["key_file"]), (&json!(1), &Value::Null));
    assert!(found["clock_skew_s"].as_i64().unwrap().abs() <= 1, "{found:#}");
    let discovery = &found["discovery"];
    assert_eq!(discovery["url"], format!("{}/.well-known/openid-configuration", issuer.url()));
    assert_eq!((&discovery["ok"], &discovery["status"]), (&json!(true), &json!(200)));
    assert!(discovery["duration_ms"].is_u64() && discovery["error"].is_null(), "{discovery:#}");
    let key_set = &found["key_set"];
    let body = json!({ "keys": [issuer.key().jwk()] }).to_string();
    assert_eq!((&key_set["url"], &key_set["ok"]), (&json!(issuer.key_set_url()), &json!(true)));
    assert_eq!((&key_set["status"], &key_set["bytes"]), (&json!(200), &json!(body.len())));
    assert_eq!((&key_set["lifetime_s"], &key_set["error"]), (&json!(600), &Value::Null));
    assert!(text(&key_set["lifetime_why"]).contains("no max-age"), "{key_set:#}");
    let key = json!({ "kid": "key-1", "kty": "RSA", "alg": "RS256", "usable": true, "why": null });
    assert_eq!(key_set["keys"], json!([key]));
    assert_eq!(issuer.requests(KEY_SET_PATH), 1);
}

/// Other programs read these members.
#[tokio::test]
async fn always_has_the_same_members() {
    let issuer = Issuer::start().await.unwrap();
    issuer.serve_key_set(Served::bytes("{}"));
    for settings in [&[][..], &[("AUTHORIZER_JWKS_URI", &*issuer.key_set_url())]] {
        let report = check_issuer(issuer.url(), settings).await;
        let members = ["ok", "mistakes", "warnings", "settings", "proxy", "issuers"];
        assert_eq!(names(&report), members.into());
        for setting in report["settings"].as_array().unwrap() {
            assert_eq!(names(setting), ["variable", "value", "default"].into());
        }
        let found = &report["issuers"][0];
        let members =
            ["issuer", "ok", "discovery", "key_set", "key_file", "usable_keys", "clock_skew_s"];
        assert_eq!(names(found), members.into());
        let members = ["url", "ok", "status", "duration_ms", "error", "hint"];
        match settings {
            [] => assert_eq!(names(&found["discovery"]), members.into()),
            _ => assert_eq!(found["discovery"], Value::Null),
        }
        let of_key_set = ["bytes", "lifetime_s", "lifetime_why", "etag", "keys"];
        assert_eq!(names(&found["key_set"]), members.into_iter().chain(of_key_set).collect());
    }
}

#[tokio::test]
async fn says_what_is_wrong_with_an_issuer_and_what_to_do() {
    let fixtures = Fixtures::serve().await.unwrap();
    for (fixture, failed, error, hint) in [
        ("not-found", "discovery", "status 404", "set AUTHORIZER_JWKS_URI to the URL of the key"),
        ("error-500", "discovery", "status 500", "Try again later"),
        ("redirect", "discovery", "status 302", "Redirects are not followed"),
        ("html", "discovery", "not a JSON object", "The response is a web page"),
        ("slash-after-issuer", "discovery", "must be exactly", "Only the slash at the end differs"),
        ("wrong-issuer", "discovery", "must be exactly", "set AUTHORIZER_ISSUER to it"),
        ("key-set-over-plain-http", "discovery", "not https", "Set AUTHORIZER_JWKS_URI to the"),
        ("discovery-list", "discovery", "not a JSON object", "Check AUTHORIZER_ISSUER"),
        ("slow", "discovery", "no response within 500 ms", "only through a NAT gateway"),
        ("empty-set", "key_set", "the key set is empty", "publishes no keys"),
        (
            "key-set-list",
            "key_set",
            "not a JSON object with a list",
            "Check that the URL is of the",
        ),
    ] {
        let timeout = [("AUTHORIZER_JWKS_TIMEOUT_MS", "500")];
        let report = check_issuer(&fixtures.issuer(fixture), &timeout).await;
        assert_eq!((&report["ok"], &report["mistakes"]), (&json!(false), &json!([])), "{fixture}");
        let found = &report["issuers"][0];
        assert_eq!((&found["ok"], &found["usable_keys"]), (&json!(false), &json!(0)));
        assert_eq!(found[failed]["ok"], false, "{found:#}");
        assert!(text(&found[failed]["error"]).contains(error), "{fixture}: {found:#}");
        assert!(text(&found[failed]["hint"]).contains(hint), "{fixture}: {found:#}");
        // What was not reached is marked so.
        assert_eq!(found["discovery"]["ok"], failed != "discovery");
        assert_eq!(found["key_set"]["ok"], false);
        if failed == "discovery" {
            let key_set = &found["key_set"];
            assert_eq!((&key_set["url"], &key_set["duration_ms"]), (&Value::Null, &Value::Null));
            assert!(text(&key_set["error"]).contains("not requested"), "{key_set:#}");
        }
    }
    let report = check_issuer(&fixtures.issuer("healthy"), &[]).await;
    assert_eq!(report["ok"], true, "{report:#}");
}

#[tokio::test]
async fn says_that_nothing_listens() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let report = check_issuer(&url, &[]).await;
    let discovery = &report["issuers"][0]["discovery"];
    assert!(text(&discovery["error"]).contains("Connection refused"), "{discovery:#}");
    assert!(text(&discovery["hint"]).contains("Nothing accepts connections"), "{discovery:#}");
    assert_eq!(discovery["status"], Value::Null);
}

#[tokio::test]
async fn lists_each_key_and_why_it_is_skipped() {
    let fixtures = Fixtures::serve().await.unwrap();
    let report = check_issuer(&fixtures.issuer("healthy"), &[]).await;
    let keys = report["issuers"][0]["key_set"]["keys"].as_array().unwrap();
    let usable: Vec<_> = keys.iter().filter(|key| key["usable"] == true).collect();
    assert_eq!(report["issuers"][0]["usable_keys"], usable.len());
    assert!(usable.iter().all(|key| key["why"].is_null()));
    let symmetric = keys.iter().find(|key| key["kid"] == "test-symmetric-key").unwrap();
    assert_eq!(
        symmetric,
        &json!({ "kid": "test-symmetric-key", "kty": "oct", "alg": symmetric["alg"],
            "usable": false, "why": "it is symmetric" })
    );
    let skipped = keys.iter().filter(|key| key["usable"] == false);
    assert!(skipped.clone().count() >= 5 && skipped.clone().all(|key| key["why"].is_string()));
}

#[tokio::test]
async fn says_which_algorithms_the_keys_are_for_if_none_fits() {
    let issuer = Issuer::start().await.unwrap();
    let algorithms = |allowed| [("AUTHORIZER_ALGORITHMS", allowed)];
    let report = check_issuer(issuer.url(), &algorithms("ES256")).await;
    assert_eq!(report["ok"], false);
    let key_set = &report["issuers"][0]["key_set"];
    assert!(text(&key_set["error"]).contains("none of the key set's 1 keys"), "{key_set:#}");
    let hint = "The keys are for RS256. Set AUTHORIZER_ALGORITHMS to the `alg` of the tokens.";
    assert_eq!(key_set["hint"], hint);
    assert_eq!(key_set["keys"][0]["usable"], false);
    assert_eq!(check_issuer(issuer.url(), &algorithms("ES256,RS256")).await["ok"], true);

    // The keys count, and not what a server says they are.
    let issuer = RawIssuer::start("Content-Type: text/html\r\n").await;
    let report = check_issuer(&issuer.url, &algorithms("ES256")).await;
    assert_eq!(report["issuers"][0]["key_set"]["hint"], hint);
}

#[tokio::test]
async fn checks_every_issuer_though_one_is_down() {
    let (first, second) = tokio::join!(Issuer::start(), Issuer::start());
    let (first, second) = (first.unwrap(), second.unwrap());
    let down = first.url().to_owned();
    let issuers = json!([
        { "issuer": first.url(), "audience": "a" },
        { "issuer": second.url(), "audience": ["b", "c"] },
    ]);
    let settings = [("AUTHORIZER_ISSUERS", &*issuers.to_string())];
    let report = check(&settings).await;
    assert_eq!(report["ok"], true, "{report:#}");
    let values: Vec<_> = report["settings"].as_array().unwrap().iter().collect();
    let value = |name: &str| values.iter().find(|setting| setting["variable"] == name).unwrap();
    assert_eq!(value("AUTHORIZER_ISSUERS[1].audience")["value"], "b,c");
    assert_eq!(value("AUTHORIZER_ISSUERS[1].leeway_seconds")["default"], true);

    drop(first);
    let report = check(&settings).await;
    assert_eq!(report["ok"], false);
    let found: Vec<_> = report["issuers"].as_array().unwrap().iter().collect();
    let states: Vec<_> = found.iter().map(|it| (text(&it["issuer"]), &it["ok"])).collect();
    assert_eq!(states, [(&*down, &json!(false)), (second.url(), &json!(true))]);
    let output = run(&["check"], &settings).await;
    assert_eq!(output.status, Some(1));
    assert!(
        output.stdout.contains("could not judge tokens of 1 of 2 issuers"),
        "{}",
        output.stdout
    );
}

#[tokio::test]
async fn names_every_mistake_and_asks_nobody() {
    let issuer = Issuer::start().await.unwrap();
    let wrong = [("AUTHORIZER_LEEWAY_SECONDS", "900"), ("AUTHORIZER_REQUIRED_SCOPE", "chat")];
    let report = check_issuer(issuer.url(), &wrong).await;
    let mistakes = report["mistakes"].as_array().unwrap();
    assert_eq!((&report["ok"], mistakes.len()), (&json!(false), 2), "{report:#}");
    assert!(mistakes.iter().any(|it| text(it).contains("Did you mean AUTHORIZER_REQUIRED_SCOPES")));
    assert_eq!((&report["issuers"], issuer.connections()), (&json!([]), 0));
    let report = check(&[]).await;
    assert_eq!(report["mistakes"].as_array().unwrap().len(), 2, "{report:#}");
}

#[tokio::test]
async fn shows_settings_and_proxies_without_credentials() {
    let report = check(&[
        ("AUTHORIZER_ISSUER", "https://user:secret@issuer.example"),
        ("HTTPS_PROXY", "http://user:secret@proxy.example:3128"),
        ("NO_PROXY", "127.0.0.1"),
    ])
    .await;
    assert!(!report.to_string().contains("secret"), "{report:#}");
    let setting = &report["settings"][0];
    assert_eq!(setting["value"], "https://…@issuer.example");
    let proxies = json!([
        { "variable": "HTTPS_PROXY", "value": "http://…@proxy.example:3128" },
        { "variable": "NO_PROXY", "value": "127.0.0.1" },
    ]);
    assert_eq!(report["proxy"], proxies);
}

/// A file for one test, gone with it.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, content: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // One that is left over harms nobody.
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn reports_files_that_stop_the_start() {
    let issuer = Issuer::start().await.unwrap();
    let empty = TestFile::new("check-empty.json", r#"{"keys":[]}"#);
    for (variable, mistake, asked) in [
        ("AUTHORIZER_JWKS_FILE", "cannot be used: the key set is empty", 1),
        ("AUTHORIZER_CA_FILE", "it contains no PEM certificate", 0),
    ] {
        let report = check_issuer(issuer.url(), &[(variable, empty.path())]).await;
        assert_eq!(report["ok"], false);
        let [found] = &report["mistakes"].as_array().unwrap()[..] else { panic!("{report:#}") };
        assert!(text(found).contains(mistake), "{found}");
        // Without the certificates, a fetch would report another mistake.
        assert_eq!(report["issuers"].as_array().unwrap().len(), asked, "{report:#}");
    }
}

#[tokio::test]
async fn accepts_keys_from_a_file_though_the_issuer_is_down() {
    let issuer = Issuer::start().await.unwrap();
    let key_set = json!({ "keys": [issuer.key().jwk(), { "kty": "oct", "kid": "s", "k": "AA" }] });
    let file = TestFile::new("check-keys.json", &key_set.to_string());
    let url = issuer.url().to_owned();
    drop(issuer);
    let report = check_issuer(&url, &[("AUTHORIZER_JWKS_FILE", file.path())]).await;
    assert_eq!(report["ok"], true, "{report:#}");
    let found = &report["issuers"][0];
    assert_eq!((&found["usable_keys"], &found["key_set"]["ok"]), (&json!(1), &json!(false)));
    assert_eq!(found["key_file"]["keys"][1]["why"], "it is symmetric");
    let warning = "The function uses the keys of AUTHORIZER_JWKS_FILE for 1 day after each start.";
    assert!(text(&report["warnings"][0]).contains(warning), "{report:#}");
    assert_eq!(check_issuer(&url, &[]).await["ok"], false);
}

#[tokio::test]
async fn checks_the_issuers_of_a_file_and_of_many_tenants() {
    let issuer = Issuer::start().await.unwrap();
    let tenants = format!("{}/{{tenant}}", issuer.url());
    let issuers = json!([
        { "issuer": issuer.url(), "audience": "chat" },
        { "issuer": tenants, "audience": "b", "tenants": "*", "jwks_uri": issuer.key_set_url() },
    ]);
    let file = TestFile::new("check-issuers.json", &issuers.to_string());
    let report = check(&[("AUTHORIZER_ISSUERS_FILE", file.path())]).await;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["issuers"][1]["issuer"], tenants);
    assert_eq!(report["issuers"][1]["discovery"], Value::Null);
    let name = format!("{}[0].audience", file.path());
    let settings = report["settings"].as_array().unwrap();
    let audience = settings.iter().find(|setting| setting["variable"] == *name).unwrap();
    assert_eq!(audience["value"], "chat");
    assert!(!settings.iter().any(|setting| setting["variable"] == "AUTHORIZER_AUDIENCE"));

    let broken = TestFile::new("check-broken-issuers.json", "[{");
    let report = check(&[("AUTHORIZER_ISSUERS_FILE", broken.path())]).await;
    assert_eq!((&report["ok"], &report["issuers"]), (&json!(false), &json!([])));
}

/// An issuer whose responses have these header lines.
struct RawIssuer {
    url: String,
    accepting: JoinHandle<()>,
}

impl RawIssuer {
    async fn start(headers: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = Issuer::start().await.unwrap().key().jwk();
        let key_set = json!({ "keys": [key] }).to_string();
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string();
        let headers = headers.to_owned();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut lines = (&mut stream).lines();
                let mut body = &discovery;
                while let Some(line) = lines.next_line().await.unwrap() {
                    if line.starts_with("GET /keys ") {
                        body = &key_set;
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let length = body.len();
                let response = format!(
                    "HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                stream.write_all(response.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        Self { url, accepting }
    }
}

impl Drop for RawIssuer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The date of the issuer's clock is far in the past.
const PAST: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

#[tokio::test]
async fn compares_the_clock_with_the_issuers() {
    const PAST_S: u64 = 784_111_777;
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let stored_s = now() - PAST_S;
    for (headers, is_skewed) in [
        (PAST.to_owned(), true),
        // A cache has stored the response since then.
        (format!("{PAST}Age: {stored_s}\r\n"), false),
    ] {
        let issuer = RawIssuer::start(&headers).await;
        let report = check_issuer(&issuer.url, &[]).await;
        // The tokens are not judged here, so this stops nothing.
        assert_eq!(report["ok"], true, "{report:#}");
        let skew = report["issuers"][0]["clock_skew_s"].as_u64().unwrap();
        if is_skewed {
            assert!((stored_s..=now() - PAST_S).contains(&skew), "{skew}");
            let warning = text(&report["warnings"][0]);
            assert!(warning.contains("ahead of") && warning.contains("leeway"), "{warning}");
        } else {
            assert!(skew <= now() - PAST_S - stored_s, "{skew}");
            assert_eq!(report["warnings"], json!([]));
        }
    }
    let issuer = RawIssuer::start("").await;
    let report = check_issuer(&issuer.url, &[]).await;
    assert_eq!(report["issuers"][0]["clock_skew_s"], Value::Null);
}

#[tokio::test]
async fn says_what_decides_the_lifetime_of_the_keys() {
    for (header, lifetime, why) in [
        ("Cache-Control: max-age=300\r\nETag: \"7\"\r\n", 300, "the response's max-age=300"),
        ("Cache-Control: max-age=86400\r\n", 600, "max-age=86400 is longer"),
        ("Cache-Control: max-age=5\r\n", 60, "max-age=5 is shorter"),
    ] {
        let issuer = RawIssuer::start(header).await;
        let report = check_issuer(&issuer.url, &[]).await;
        let key_set = &report["issuers"][0]["key_set"];
        assert_eq!(key_set["lifetime_s"], lifetime, "{key_set:#}");
        assert!(text(&key_set["lifetime_why"]).contains(why), "{key_set:#}");
        let etag = if header.contains("ETag") { json!("\"7\"") } else { Value::Null };
        assert_eq!(key_set["etag"], etag);
    }
}

#[tokio::test]
async fn prints_a_report_for_people() {
    let issuer = Issuer::start().await.unwrap();
    let settings = [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_AUDIENCE", "*")];
    let output = run(&["check"], &settings).await;
    assert_eq!((output.status, output.stderr.as_str()), (Some(0), ""));
    let report = output.stdout;
    for line in [
        &format!("  AUTHORIZER_ISSUER                    {}\n", issuer.url()),
        "  AUTHORIZER_ALGORITHMS                RS256 (default)\n",
        &format!("Issuer {}\n", issuer.url()),
        &format!(
            "  ok    discovery  {}/.well-known/openid-configuration (status 200, ",
            issuer.url()
        ),
        "        lifetime   10 min: AUTHORIZER_JWKS_TTL_SECONDS, because",
        "  ok    key        key-1  RSA  RS256\n",
        "        clock      in step with the issuer's\n",
        "  warn  AUTHORIZER_AUDIENCE=* accepts every token",
        "  ok    The function would start, and could judge tokens of every issuer.\n",
    ] {
        assert!(report.contains(line), "{line:?}\n{report}");
    }
    assert!(!report.contains('\u{1b}'), "{report}");
}

/// Invokes a function directly for a check.
async fn check_deployed(deployment: &Deployment) -> Value {
    match deployment.invoke(r#"{"type": "CHECK"}"#).await {
        FunctionOutcome::Response(report) => serde_json::from_slice(&report).unwrap(),
        other @ FunctionOutcome::Error(_) => panic!("{other:?}"),
    }
}

/// Replaces what two fetches need not have in common.
fn without_times(mut report: Value) -> Value {
    for issuer in report["issuers"].as_array_mut().unwrap() {
        issuer["discovery"]["duration_ms"].take();
        issuer["key_set"]["duration_ms"].take();
        issuer["clock_skew_s"].take();
    }
    report
}

#[tokio::test]
async fn reports_the_same_in_lambda_and_changes_no_cached_key() {
    let issuer = Issuer::start().await.unwrap();
    let settings = [("HTTPS_PROXY", "http://proxy.example"), ("AUTHORIZER_LEEWAY_SECONDS", "7")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    issuer.rotate().unwrap();
    let report = check_deployed(&deployment).await;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["issuers"][0]["key_set"]["keys"][0]["kid"], "key-2");
    let outside = check_issuer(issuer.url(), &settings).await;
    assert_eq!(without_times(report), without_times(outside));
    let line = deployment.logged("a diagnosis was asked for").await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["diagnosis"]), (&json!("INFO"), &json!("CHECK")));
    assert!(line["requestId"].is_string() && line["decision"].is_null(), "{line}");

    // The start, both checks, and the request, for which the check has cached nothing.
    let (_, line) = deployment.ask_for_more(&connect(&good_token(&issuer))).await;
    assert_eq!((&line["keys"], issuer.requests(KEY_SET_PATH)), (&json!("fetched"), 4));
}

#[tokio::test]
async fn takes_no_other_event_for_a_check() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    assert_eq!(check_deployed(&deployment).await["ok"], true);
    for event in [json!({ "type": "check" }), json!(["CHECK"]), json!({ "type": ["CHECK"] })] {
        let outcome = deployment.ask(&event).await.map(drop);
        assert_eq!(outcome, Err(fault("unusable_event")), "{event}");
    }
}

#[tokio::test]
async fn answers_before_the_deadline_though_an_issuer_hangs() {
    let issuer = Issuer::start().await.unwrap();
    let timeout = [("AUTHORIZER_JWKS_TIMEOUT_MS", "25000")];
    let deployment = Deployment::trusting(issuer.url(), &timeout).await;
    issuer.serve_key_set(Served::Hang);
    // The truth would leave the answer no time on a machine that is busy.
    let deadline = SystemTime::now() + Duration::from_secs(1);
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let header = deadline.to_string().parse().unwrap();
    let deadline = Deadline::Told { header, timeout: Duration::from_secs(10) };
    let answer = deployment.invoke_before(deadline, &json!({ "type": "CHECK" })).await;
    let FunctionOutcome::Response(report) = answer else { panic!("{answer:?}") };
    let report: Value = serde_json::from_slice(&report).unwrap();
    let key_set = &report["issuers"][0]["key_set"];
    assert!(text(&key_set["error"]).contains("before the invocation's deadline"), "{key_set:#}");
    assert_eq!((&report["ok"], &key_set["url"]), (&json!(false), &json!(issuer.key_set_url())));
}
