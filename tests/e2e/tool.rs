//! The executable as a tool: what it prints where, and its status. And the same explanations by
//! direct invocation.

use std::process::Stdio;

use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH, now_seconds};
use local_gateway::request::Request;
use serde_json::{Value, json};
use test_support::deployment::{Deployment, executable, in_time};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::tokens::{claims_with, connect, good_token, token_with};

/// What the tool printed, and its status.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Runs the tool without Lambda's variables, with this standard input.
async fn run_with(
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: impl Into<Vec<u8>>,
) -> Output {
    let input = input.into();
    let mut child = Command::new(executable())
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = tokio::spawn(async move {
        // A tool that does not read its input may have closed it.
        let _ = stdin.write_all(&input).await;
    });
    let output = in_time(child.wait_with_output()).await.unwrap();
    writing.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    Output { status: output.status.code(), stdout, stderr }
}

pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    run_with(arguments, environment, "").await
}

#[tokio::test]
async fn says_what_it_is_when_started_without_lambda() {
    for environment in [&[][..], &[("AUTHORIZER_ISSUER", "https://a.example")]] {
        let said = run(&[], environment).await;
        assert_eq!((said.status, said.stdout.as_str()), (Some(2), ""));
        for helpful in ["a Lambda authorizer", "check", "explain", "cargo run -p local-gateway"] {
            assert!(said.stderr.contains(helpful), "{}", said.stderr);
        }
    }
}

#[tokio::test]
async fn prints_its_usage_and_its_version_if_asked_to() {
    let help = run(&["--help"], &[]).await;
    assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("jwks-authorizer explain"), "{}", help.stdout);
    let version = run(&["--version"], &[]).await;
    let expected = concat!("jwks-authorizer ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((version.status, version.stdout.as_str()), (Some(0), expected));
}

#[tokio::test]
async fn refuses_unknown_arguments() {
    let said = run(&["explian"], &[]).await;
    assert_eq!((said.status, said.stdout.as_str()), (Some(2), ""));
    assert!(said.stderr.contains("explian") && said.stderr.contains("--help"), "{}", said.stderr);
    let token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
    let said = run(&["explain", token], &[]).await;
    assert_eq!((said.status, said.stdout.as_str()), (Some(2), ""));
    assert!(said.stderr.contains("standard input"), "{}", said.stderr);
    assert!(!said.stderr.contains("eyJ"), "{}", said.stderr);
}

fn trusting(issuer: &Issuer) -> [(&str, &str); 2] {
    [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_AUDIENCE", AUDIENCE)]
}

#[tokio::test]
async fn explains_a_token_from_standard_input() {
    let issuer = Issuer::start().await.unwrap();
    for line_end in ["", "\n", "\r\n"] {
        let claims = issuer.claims();
        let token = format!("{}{line_end}", issuer.token(&claims));
        let said = run_with(&["explain", "--json"], &trusting(&issuer), token).await;
        assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
        let report = said.json();
        let members: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "decision",
            "reason",
            "reasons",
            "client_sees",
            "event_kind",
            "issuer",
            "verified",
            "steps",
            "claims",
            "answer",
        ];
        expected.sort_unstable();
        assert_eq!(members, expected);
        assert_eq!(report["decision"], "allow");
        assert_eq!((&report["reason"], &report["reasons"]), (&Value::Null, &json!([])));
        assert_eq!((&report["client_sees"], &report["verified"]), (&json!(101), &json!(true)));
        assert_eq!(
            (&report["event_kind"], &report["issuer"]),
            (&Value::Null, &json!(issuer.url()))
        );
        assert_eq!(report["claims"], claims);
        for step in report["steps"].as_array().unwrap() {
            let members: Vec<_> = step.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["cure", "found", "outcome", "step", "wanted"]);
        }
    }
}

#[tokio::test]
async fn explains_every_mistake_to_people() {
    let issuer = Issuer::start().await.unwrap();
    let wrong = json!({ "exp": now_seconds() - 180, "aud": "other", "scope": "openid" });
    let token = token_with(&issuer, wrong);
    let scope = [("AUTHORIZER_REQUIRED_SCOPES", "chat:connect")];
    let settings = [&trusting(&issuer)[..], &scope].concat();
    let said = run_with(&["explain"], &settings, token.clone()).await;
    assert_eq!((said.status, said.stderr.as_str()), (Some(1), ""));
    for expected in [
        "FAILED   expiry",
        "(3 min ",
        "FAILED   audience",
        "wanted: local-gateway (AUTHORIZER_AUDIENCE)",
        "FAILED   required_scopes",
        "unauthorized, expired",
        "The client sees 401.",
        "expired: The client must renew the token.",
        "wrong_audience: ",
        "insufficient_scope: ",
    ] {
        assert!(said.stdout.contains(expected), "{expected:?} is not in {}", said.stdout);
    }
    assert!(!said.stdout.contains('\u{1b}'), "colour in a pipe: {}", said.stdout);
    for part in token.split('.') {
        assert!(!said.stdout.contains(&part[..12]), "{part} is in {}", said.stdout);
    }
}

#[tokio::test]
async fn explains_what_rules_on_trial_would_change() {
    let issuer = Issuer::start().await.unwrap();
    for (scope, outcome, found) in [
        ("a", "passed", "they decide in the same way"),
        ("b", "warning", "they would refuse the request: the scope \"a\" is missing"),
    ] {
        let token = token_with(&issuer, json!({ "scope": scope }));
        let trial = [("AUTHORIZER_REPORT_ONLY_REQUIRED_SCOPES", "a")];
        let environment = [&trusting(&issuer)[..], &trial].concat();
        let output = run_with(&["explain", "--json"], &environment, token).await;
        assert_eq!(output.status, Some(0), "{}", output.stderr);
        let explanation = output.json();
        let steps = explanation["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["step"] == "trial").unwrap();
        assert_eq!(step["outcome"], outcome, "{step}");
        assert!(step["found"].as_str().unwrap().starts_with(found), "{step}");
    }
}

#[tokio::test]
async fn explains_an_event_from_a_file_or_standard_input() {
    let issuer = Issuer::start().await.unwrap();
    let request = Request::new("GET", "/orders/1").bearer(&good_token(&issuer));
    let path = format!("{}/explained-event.json", env!("CARGO_TARGET_TMPDIR"));
    for (event, kind, status) in [
        (request.websocket_connect(), "websocket", 101),
        (request.rest_request(), "rest_request", 200),
        (request.rest_token(), "rest_token", 200),
        (request.http_api_1(), "http_api_1.0", 200),
        (request.http_api_2(), "http_api_2.0", 200),
    ] {
        let event = event.to_string();
        std::fs::write(&path, &event).unwrap();
        let settings = trusting(&issuer);
        for said in [
            run(&["explain", "--json", "--event", &path], &settings).await,
            run_with(&["explain", "--json", "--event", "-"], &settings, event).await,
        ] {
            assert_eq!(said.status, Some(0), "{said:?}");
            let report = said.json();
            assert_eq!(
                (&report["event_kind"], &report["client_sees"]),
                (&json!(kind), &json!(status))
            );
        }
    }
    std::fs::remove_file(&path).unwrap();
    let said = run(&["explain", "--event", &path], &trusting(&issuer)).await;
    assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("cannot read"), "{}", said.stderr);
}

#[tokio::test]
async fn judges_at_another_time_and_hides_values_if_asked_to() {
    let issuer = Issuer::start().await.unwrap();
    let token = token_with(&issuer, json!({ "exp": 1_700_000_000, "iat": 1_699_990_000 }));
    for (at, status) in [("2023-11-14T22:00:00Z", 0), ("1699999200", 0), ("1700000005", 1)] {
        let said = run_with(&["explain", "--at", at], &trusting(&issuer), token.clone()).await;
        assert_eq!(said.status, Some(status), "{said:?}");
    }
    let token = token_with(&issuer, json!({ "sub": "hidden-subject" }));
    for arguments in [&["explain", "--redact"][..], &["explain", "--redact", "--json"]] {
        let said = run_with(arguments, &trusting(&issuer), token.clone()).await;
        assert_eq!(said.status, Some(0));
        assert!(!said.stdout.contains("hidden-subject"), "{}", said.stdout);
        assert!(said.stdout.contains(r#""sub": "(a string)""#), "{}", said.stdout);
    }
}

#[tokio::test]
async fn no_claim_can_control_the_terminal() {
    const ODD: &str = "\u{9b}2J\u{202e}\u{7f}\u{1b}[2J\u{2028}語";
    let issuer = Issuer::start().await.unwrap();
    let token = token_with(&issuer, json!({ "sub": ODD }));
    for arguments in [&["explain"][..], &["explain", "--json"]] {
        let said = run_with(arguments, &trusting(&issuer), token.clone()).await;
        let controls = ['\u{9b}', '\u{202e}', '\u{7f}', '\u{1b}', '\u{2028}'];
        assert!(!said.stdout.contains(controls), "{arguments:?}: {:?}", said.stdout);
        assert!(said.stdout.contains('語'), "{arguments:?}: {}", said.stdout);
    }
    let said = run_with(&["explain", "--json"], &trusting(&issuer), token).await;
    assert_eq!(said.json()["claims"]["sub"], ODD);
}

#[tokio::test]
async fn reports_mistakes_and_warnings_on_standard_error() {
    let said = run_with(&["explain"], &[("AUTHORIZER_ISSUER", "http://a.example")], "x").await;
    assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("AUTHORIZER_AUDIENCE is not set"), "{}", said.stderr);

    let issuer = Issuer::start().await.unwrap();
    let any = [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_AUDIENCE", "*")];
    // The function would write its metrics to standard output.
    let metrics = [("AUTHORIZER_METRICS_NAMESPACE", "Jwks"), ("RUST_LOG", "trace")];
    let settings = [&any[..], &metrics].concat();
    let said = run_with(&["explain", "--json"], &settings, good_token(&issuer)).await;
    assert_eq!(said.json()["decision"], "allow");
    assert!(said.stderr.starts_with("warning: AUTHORIZER_AUDIENCE=*"), "{}", said.stderr);
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
}

#[tokio::test]
async fn survives_odd_input() {
    let issuer = Issuer::start().await.unwrap();
    let settings = trusting(&issuer);
    for (input, reason) in [
        (Vec::new(), "missing_token"),
        (b"\n".to_vec(), "missing_token"),
        (vec![b'x'; 1_000_000], "token_too_large"),
        (b"a.b.c".to_vec(), "malformed_token"),
        (b"\0\x1b[2J.\t.\"".to_vec(), "malformed_token"),
        ("\u{fffd}.é.💥".as_bytes().to_vec(), "malformed_token"),
    ] {
        let said = run_with(&["explain", "--json"], &settings, input).await;
        assert_eq!((said.status, &said.json()["reason"]), (Some(1), &json!(reason)));
    }
    for arguments in [&["explain"][..], &["explain", "--event", "-"]] {
        let said = run_with(arguments, &settings, b"\xff\xfe.x.y".to_vec()).await;
        assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""));
        assert!(said.stderr.contains("not UTF-8"), "{}", said.stderr);
    }
    for event in ["", "[", "null", "\"x\"", &"[".repeat(100_000), r#"{"type":"EXPLAIN"}"#] {
        let said = run_with(&["explain", "--json", "--event", "-"], &settings, event).await;
        assert_eq!((said.status, &said.json()["reason"]), (Some(1), &json!("unusable_event")));
    }
    // A standard input that is not there at all, and an output that nobody reads.
    let tool = executable();
    for redirection in ["<&-", "</dev/null >&-", "</dev/null | true"] {
        let command = format!("{} explain {redirection}", tool.display());
        let output = Command::new("sh").args(["-c", &command]).envs(settings).output();
        let output = in_time(output).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{redirection}: {stderr}");
    }
}

/// Invokes the deployed function, and returns the report.
async fn explained(deployment: &Deployment, event: &Value) -> Value {
    match deployment.invoke(event.to_string()).await {
        FunctionOutcome::Response(body) => serde_json::from_slice(&body).unwrap(),
        FunctionOutcome::Error(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn explains_in_lambda_with_the_deployed_settings_and_keys() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let good = good_token(&issuer);
    let report = explained(&deployment, &json!({ "type": "EXPLAIN", "token": good })).await;
    assert_eq!((&report["decision"], &report["client_sees"]), (&json!("allow"), &json!(101)));
    let claims = claims_with(&issuer, json!({ "exp": now_seconds() - 66, "aud": "other" }));
    let late = issuer.token(&claims);
    for event in [
        json!({ "type": "EXPLAIN", "token": late }),
        json!({ "type": "EXPLAIN", "event": connect(&late) }),
        json!({ "type": "EXPLAIN", "event": Request::new("GET", "/").bearer(&late).http_api_2() }),
    ] {
        let report = explained(&deployment, &event).await;
        assert_eq!(report["reasons"], json!(["expired", "wrong_audience"]), "{report}");
        assert_eq!(report["claims"], claims);
    }
    // The keys are those of the requests: nothing was fetched again.
    assert_eq!(issuer.requests(KEY_SET_PATH), 1);
    deployment.ask(&connect(&good)).await.unwrap();

    let odd = deployment.invoke(json!({ "type": "EXPLAIN" }).to_string()).await;
    let FunctionOutcome::Error(error) = odd else { panic!("{odd:?}") };
    assert!(error.error_message.contains("either a token"), "{error}");

    let log = deployment.end().await;
    let asked: Vec<_> =
        log.iter().filter(|line| line.contains("a diagnosis was asked for")).collect();
    assert_eq!(asked.len(), 4, "{log:#?}");
    for line in asked {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["level"], &line["diagnosis"]), (&json!("INFO"), &json!("EXPLAIN")));
        assert!(line["requestId"].is_string() && line["decision"].is_null(), "{line}");
    }
    let log = log.join("\n");
    for part in good.split('.').chain(late.split('.')) {
        assert!(!log.contains(&part[..24]), "{part} is in the log");
    }
}

#[tokio::test]
async fn explains_an_unknown_key_within_the_cooldown_of_the_requests() {
    let issuer = Issuer::start().await.unwrap();
    let deployment = Deployment::trusting(issuer.url(), &[]).await;
    for kid in ["other-1", "other-2", "other-3"] {
        let header = json!({ "alg": "RS256", "kid": kid });
        let token = issuer.sign(&header, issuer.claims().to_string().as_bytes());
        let report = explained(&deployment, &json!({ "type": "EXPLAIN", "token": token })).await;
        assert_eq!(report["reason"], "unknown_key");
    }
    // At the start, and for the first unknown key.
    assert_eq!(issuer.requests(KEY_SET_PATH), 2);
}
