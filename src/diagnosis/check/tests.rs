use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::report::ProxyVariable;
use super::*;
use crate::config::SettingInForce;
use crate::diagnosis::text::Style;

fn issuer(ok: bool) -> IssuerReport {
    let why = (!ok).then(|| "it is symmetric".to_owned());
    let kid = Some("a\nb\u{1b}[2J".to_owned());
    let key = KeyReport { kid, kty: Some("RSA".into()), alg: None, usable: ok, why };
    IssuerReport {
        issuer: "https://a.example".to_owned(),
        ok,
        discovery: Some(DiscoveryReport {
            url: "https://a.example/.well-known/openid-configuration".to_owned(),
            ok: true,
            status: Some(200),
            duration_ms: Some(87),
            error: None,
            hint: None,
        }),
        key_set: KeySetReport {
            url: Some("https://a.example/keys".to_owned()),
            ok,
            status: Some(200),
            duration_ms: Some(45),
            bytes: Some(1522),
            lifetime_s: ok.then_some(600),
            lifetime_why: ok.then(|| "the response's max-age=600".to_owned()),
            etag: Some("\"7\"".to_owned()),
            error: (!ok).then(|| "none of the key set's 1 keys is usable".to_owned()),
            hint: (!ok).then(|| "Do something.".to_owned()),
            keys: vec![key],
        },
        key_file: None,
        usable_keys: usize::from(ok),
        clock_skew_s: Some(-90),
        warnings: Vec::new(),
    }
}

fn report(ok: bool) -> CheckReport {
    let setting = |name: &str, value: &str, default| SettingInForce {
        variable: format!("AUTHORIZER_{name}"),
        value: value.to_owned(),
        default,
    };
    CheckReport {
        ok,
        mistakes: Vec::new(),
        warnings: vec!["A warning.".to_owned()],
        settings: vec![
            setting("ISSUERS", &"x".repeat(300), false),
            setting("LEEWAY_SECONDS", "5", true),
            setting("AUDIENCE", "required", true),
            setting("ISSUERS[0].audience", "chat", false),
            setting("ISSUERS[0].leeway_seconds", "5", true),
        ],
        proxy: vec![ProxyVariable { variable: "NO_PROXY".into(), value: "127.0.0.1".into() }],
        issuers: vec![issuer(ok)],
    }
}

#[test]
fn writes_a_report_for_people() {
    insta::assert_snapshot!(report(true).to_text(Style::Plain));
}

#[test]
fn writes_what_is_wrong_and_what_to_do() {
    insta::assert_snapshot!(report(false).to_text(Style::Plain));
}

#[test]
fn says_first_of_all_that_the_function_does_not_start() {
    let mistakes = vec!["AUTHORIZER_AUDIENCE is not set.".to_owned()];
    let text = CheckReport { mistakes, ..CheckReport::default() }.to_text(Style::Plain);
    assert!(text.contains("  FAIL  AUTHORIZER_AUDIENCE is not set.\n"), "{text}");
    assert!(text.ends_with("  FAIL  The function would not start.\n"), "{text}");
}

#[test]
fn colours_the_marks_only_on_a_terminal() {
    let coloured = report(false).to_text(Style::Coloured);
    assert!(coloured.contains("\u{1b}[31mFAIL  \u{1b}[0m"), "{coloured}");
    assert!(!report(false).to_text(Style::Plain).contains('\u{1b}'));
}

/// Reads a request, and answers that there is nothing.
async fn answer(mut stream: TcpStream) {
    let mut request = [0; 4096];
    assert!(stream.read(&mut request).await.unwrap() > 0);
    let nothing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(nothing.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn asks_many_issuers_at_once_but_not_all() {
    const ISSUERS: usize = MAX_CONCURRENT + 3;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let issuers: Vec<_> = (0..ISSUERS)
        .map(|index| serde_json::json!({ "issuer": format!("{url}/{index}"), "audience": "x" }))
        .collect();
    let variables = [
        ("AUTHORIZER_ISSUERS", serde_json::to_string(&issuers).unwrap()),
        ("AUTHORIZER_JWKS_TIMEOUT_MS", "25000".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let checking = tokio::spawn(check(variables, None));
    let accept = async || {
        let accepted = timeout(Duration::from_secs(20), listener.accept()).await;
        accepted.expect("no further connection").unwrap().0
    };
    let mut waiting = Vec::new();
    for _ in 0..MAX_CONCURRENT {
        waiting.push(accept().await);
    }
    let time_for_more = async {
        for _ in 0..1_000 {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = listener.accept() => panic!("more connections than allowed"),
        () = time_for_more => {}
    }
    for stream in waiting {
        answer(stream).await;
    }
    for _ in MAX_CONCURRENT..ISSUERS {
        answer(accept().await).await;
    }
    let report = checking.await.unwrap();
    let asked: Vec<_> = report.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect();
    let expected: Vec<_> = (0..ISSUERS).map(|index| format!("{url}/{index}")).collect();
    assert_eq!(asked, expected);
    assert!(report.issuers.iter().all(|issuer| {
        issuer.discovery.as_ref().is_some_and(|discovery| discovery.status == Some(404))
    }));
}
