//! Runs the program as a user does. Shell scripts stand in for cargo and for the function.

#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use local_gateway::conformance::{BuiltIn, Table};

use support::http_client;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// Returns the program, with no environment variables but these and `PATH`.
fn program(environment: &[(&str, &str)]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_local-gateway"));
    program
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    program
}

/// Returns the path of a script in `tests/scripts`.
fn script(name: &str) -> String {
    format!("{}/tests/scripts/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program to its end and returns its exit code and what it wrote to standard error.
async fn run(program: &mut Command) -> (Option<i32>, String) {
    let output = program.output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// Reads lines until one contains `part`, and returns them all.
async fn read_until(lines: &mut Lines<impl AsyncBufRead + Unpin>, part: &str) -> String {
    let mut read = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        read.push_str(&line);
        read.push('\n');
        if line.contains(part) {
            return read;
        }
    }
    panic!("{part:?} is not in:\n{read}");
}

/// Does what Ctrl-C does: a terminal sends the signal to the program's children too.
async fn interrupt(program: &Child) {
    kill("-INT", &format!("-{}", program.id().unwrap())).await;
}

async fn kill(signal: &str, target: &str) {
    let mut kill = Command::new("kill");
    assert!(kill.args([signal, "--", target]).status().await.unwrap().success());
}

#[tokio::test]
async fn needs_the_address_of_the_rest_apis_backend() {
    let mut rest = program(&[("JWKS_AUTHORIZER_BIN", &script("function"))]);
    let (code, stderr) = run(rest.args(["rest", "localhost", "mcp:tools"])).await;
    assert_eq!(code, Some(1));
    assert_contains(&stderr, &["error: localhost is not an address, for example 127.0.0.1:3000"]);
    let mut rest = program(&[]);
    let (code, stderr) = run(rest.args(["rest", "127.0.0.1:3000"])).await;
    assert_eq!(code, Some(2));
    assert_contains(&stderr, &["unknown arguments: rest 127.0.0.1:3000", "rest ADDRESS SCOPE"]);
}

#[tokio::test]
async fn serves_a_rest_api_until_ctrl_c() {
    let function = script("function");
    let mut rest = program(&[("JWKS_AUTHORIZER_BIN", &function)]);
    let mut rest = rest.args(["rest", "127.0.0.1:9", "mcp:tools"]).spawn().unwrap();
    let mut lines = BufReader::new(rest.stdout.take().unwrap()).lines();
    read_until(&mut lines, "REST API        http://127.0.0.1:").await;
    interrupt(&rest).await;
    assert_eq!(rest.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn refuses_an_integration_that_is_neither_a_command_nor_a_url() {
    for (integration, error) in [
        (
            "https://127.0.0.1/",
            "error: the integration's URL begins with https://; only http:// is",
        ),
        ("node 'a.js", "error: the integration's command has a ' without a second one"),
        ("", "error: the integration is empty; it is a command, or a URL that begins with http://"),
    ] {
        let (code, stderr) = run(program(&[]).args(["--integration", integration])).await;
        assert_eq!(code, Some(1));
        assert_contains(&stderr, &[error]);
    }
}

#[tokio::test]
async fn shows_what_the_integration_writes_and_why_it_failed() {
    for (action, lines) in [
        ("warns", "the disk is nearly full\n"),
        ("fails", "no database\nintegration: the command failed (exit status: 3)"),
    ] {
        let function = script("function");
        let integration = format!("'{}' {action}", script("integration"));
        let mut program = program(&[("JWKS_AUTHORIZER_BIN", &function)]);
        let mut program = program.args(["--integration", &integration]).spawn().unwrap();
        let mut stdout = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut stderr = BufReader::new(program.stderr.take().unwrap()).lines();
        let message = read_until(&mut stdout, "The function's log follows.").await;
        assert_contains(&message, &[&format!("\nintegration     {integration}\n")]);
        let _client = get(&message).await;
        let last = lines.trim_end().lines().last().unwrap();
        assert_contains(&read_until(&mut stderr, last).await, &[lines]);
        interrupt(&program).await;
        assert!(program.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn a_signal_to_the_program_alone_ends_its_processes_too() {
    for signal in ["-TERM", "-INT"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let integration = format!("'{}' delegates {port}", script("integration"));
        let (mut program, _stdout, message) = start(&["--integration", &integration]).await;
        let _client = get(&message).await;
        let (mut command, _) = listener.accept().await.unwrap();
        kill(signal, &program.id().unwrap().to_string()).await;
        assert_eq!(program.wait().await.unwrap().code(), Some(0));
        // The connection ends with the command.
        command.read_to_string(&mut String::new()).await.unwrap();
    }
}

/// Sends a request to the REST API.
async fn get(message: &str) -> TcpStream {
    let address = message.lines().find_map(|line| line.strip_prefix("REST API        http://"));
    let (address, stage) = address.unwrap().split_once('/').unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /{stage}/ HTTP/1.1\r\nHost: a\r\nAuthorization: t\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn names_the_variable_and_the_path_of_a_prebuilt_executable_that_cannot_run() {
    for (path, cause) in [
        ("/nonexistent/bootstrap", "caused by: No such file or directory"),
        ("/", "caused by: it is not a file"),
        (
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            "caused by: the file has no execute permission",
        ),
    ] {
        let (code, stderr) = run(&mut program(&[("JWKS_AUTHORIZER_BIN", path)])).await;
        assert_eq!(code, Some(1));
        assert_contains(&stderr, &[&format!("error: JWKS_AUTHORIZER_BIN is {path}, "), cause]);
    }
}

#[tokio::test]
async fn names_the_executable_that_the_operating_system_does_not_start() {
    let path = script("no-interpreter");
    let (code, stderr) = run(&mut program(&[("JWKS_AUTHORIZER_BIN", &path)])).await;
    assert_eq!(code, Some(1));
    assert_contains(
        &stderr,
        &[&format!("could not start the function, {path}"), "caused by: No such file"],
    );
}

#[tokio::test]
async fn builds_the_function_with_its_own_profile() {
    let cargo = script("cargo-that-builds");
    let mut program = program(&[("CARGO", &cargo)]).spawn().unwrap();
    let mut stdout = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut stderr = BufReader::new(program.stderr.take().unwrap()).lines();
    let progress = read_until(&mut stderr, "Built jwks-authorizer in ").await;
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    assert_contains(
        &progress,
        &[
            &format!("Building jwks-authorizer ({profile} profile)."),
            &format!("arguments: build --profile {profile} --package jwks-authorizer --bins"),
        ],
    );
    let message = read_until(&mut stdout, "The function's log follows.").await;
    assert_contains(&message, &["\nTOKEN=ey", "\nwebsocat ws://127.0.0.1:"]);
    assert!(!message.contains("from the environment"), "{message}");
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_failed_build_shows_cargos_errors_and_says_what_to_do() {
    let cargo = script("cargo-that-fails");
    let (code, stderr) = run(&mut program(&[("CARGO", &cargo)])).await;
    assert_eq!(code, Some(1));
    assert_contains(
        &stderr,
        &["error: a typo\n", "error: cargo could not build jwks-authorizer (exit status: 101)"],
    );
    assert_contains(&stderr, &["C compiler", "JWKS_AUTHORIZER_BIN"]);
}

#[tokio::test]
async fn names_the_cargo_that_does_not_exist() {
    let (code, stderr) = run(&mut program(&[("CARGO", "/nonexistent/cargo")])).await;
    assert_eq!(code, Some(1));
    assert_contains(&stderr, &["`/nonexistent/cargo`", "caused by: No such file or directory"]);
}

#[tokio::test]
async fn ctrl_c_during_the_build_ends_cargo_and_the_program() {
    let cargo = script("cargo-that-hangs");
    // With and without the signal to cargo itself.
    for target in ["-", ""] {
        let mut program = program(&[("CARGO", &cargo)]).spawn().unwrap();
        let mut stderr = BufReader::new(program.stderr.take().unwrap()).lines();
        // Cargo's progress appears while cargo runs.
        read_until(&mut stderr, "Compiling").await;
        kill("-INT", &format!("{target}{}", program.id().unwrap())).await;
        assert_eq!(stderr.next_line().await.unwrap().as_deref(), Some("interrupted"));
        // Cargo writes to the same stream, so its end shows that cargo has ended.
        assert_eq!(stderr.next_line().await.unwrap(), None);
        assert_eq!(program.wait().await.unwrap().code(), Some(130));
    }
}

#[tokio::test]
async fn passes_settings_to_the_function_and_names_them() {
    let executable = script("function");
    let mut program = program(&[
        ("JWKS_AUTHORIZER_BIN", &executable),
        ("AUTHORIZER_LEEWAY_SECONDS", "7"),
        ("AUTHORIZER_TOKEN_USE", "access"),
    ])
    .spawn()
    .unwrap();
    let mut stdout = BufReader::new(program.stdout.take().unwrap()).lines();
    let message = read_until(&mut stdout, "The function's log follows.").await;
    assert_contains(
        &message,
        &[
            "Settings from the environment: AUTHORIZER_LEEWAY_SECONDS, AUTHORIZER_TOKEN_USE\n",
            "\nTOKEN=ey",
        ],
    );
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());
}

#[tokio::test]
async fn prints_no_token_that_the_function_refuses() {
    let executable = script("function");
    let mut program = program(&[
        ("JWKS_AUTHORIZER_BIN", &executable),
        ("AUTHORIZER_AUDIENCE", "chat"),
        ("AUTHORIZER_ISSUER", "https://issuer.example"),
    ])
    .spawn()
    .unwrap();
    let mut stdout = BufReader::new(program.stdout.take().unwrap()).lines();
    let message = read_until(&mut stdout, "The function's log follows.").await;
    assert_contains(
        &message,
        &[
            "Settings from the environment: AUTHORIZER_AUDIENCE, AUTHORIZER_ISSUER\n",
            "does not accept the built-in issuer's tokens",
            "it refused one with HTTP 401",
        ],
    );
    assert!(!message.contains("=ey"), "{message}");
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());
}

#[tokio::test]
async fn shows_the_start_error_of_the_users_settings() {
    let environment =
        [("JWKS_AUTHORIZER_BIN", "/usr/bin/env"), ("AUTHORIZER_ISSUERS", r#"[{"issuer":"x"}]"#)];
    let (code, stderr) = run(&mut program(&environment)).await;
    assert_eq!(code, Some(1));
    assert_contains(&stderr, &["the function ended", r#"AUTHORIZER_ISSUERS=[{"issuer":"x"}]"#]);
    assert!(!stderr.contains("AUTHORIZER_AUDIENCE="), "{stderr}");
}

#[tokio::test]
async fn the_demo_refuses_settings() {
    let executable = script("function");
    let demo = |environment| {
        let mut demo = program(environment);
        demo.arg("demo");
        demo
    };
    let settings = [("JWKS_AUTHORIZER_BIN", &*executable), ("AUTHORIZER_LEEWAY_SECONDS", "7")];
    let (code, stderr) = run(&mut demo(&settings)).await;
    assert_eq!(code, Some(1));
    assert_contains(
        &stderr,
        &["error: the demo needs its own", "`unset AUTHORIZER_LEEWAY_SECONDS`"],
    );

    // Without settings, the demo starts. It then waits for a decision, which this function never logs.
    let settings = [("JWKS_AUTHORIZER_BIN", &*executable)];
    let mut demo = demo(&settings).spawn().unwrap();
    let mut stdout = BufReader::new(demo.stdout.take().unwrap()).lines();
    read_until(&mut stdout, "A token in the header").await;
    interrupt(&demo).await;
    assert_eq!(demo.wait().await.unwrap().code(), Some(130));
}

#[tokio::test]
async fn prints_tokens_that_are_good_but_may_not_connect() {
    let set = ["--set", "AUTHORIZER_ROUTE_RULES={}"];
    let (mut program, _stdout, message) = start(&set).await;
    assert_contains(&message, &["a good token at $connect with HTTP 403.\n", "\nTOKEN=ey"]);
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());
}

/// Starts the program with the test's function, and returns what it prints at its start.
async fn start(
    arguments: &[&str],
) -> (Child, Lines<BufReader<tokio::process::ChildStdout>>, String) {
    let mut program = program(&[]);
    program.args(["--binary", &script("function")]).args(arguments);
    let mut program = program.spawn().unwrap();
    let mut stdout = BufReader::new(program.stdout.take().unwrap()).lines();
    let message = read_until(&mut stdout, "The function's log follows.").await;
    (program, stdout, message)
}

#[tokio::test]
async fn prints_every_address_and_serves_the_page_on_the_chosen_port() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    let mut taken = program(&[]);
    taken.args(["--binary", &script("function"), "--port", &port]);
    let (code, stderr) = run(&mut taken).await;
    assert_eq!(code, Some(1));
    let message = format!("error: could not take port {port} for the page.");
    assert_contains(&stderr, &[&message, "--port 0 is any free one", "caused by: "]);
    drop(free);

    let (mut program, _stdout, message) = start(&["--port", &port]).await;
    assert_contains(
        &message,
        &[
            &format!("\npage            http://127.0.0.1:{port}/\n"),
            "\nWebSocket API   ws://127.0.0.1:",
            "\nREST API        http://127.0.0.1:",
            "/prod\n  TOKEN         http://127.0.0.1:",
            "/token\nHTTP API        http://127.0.0.1:",
            "\n  payload 1.0   http://127.0.0.1:",
            "\nfunction        http://127.0.0.1:",
            "\nissuer          http://127.0.0.1:",
            "\nTOKEN=ey",
        ],
    );
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());
}

#[tokio::test]
async fn takes_free_ports_if_the_default_ones_are_taken() {
    let (first, _out, one) = start(&[]).await;
    let (second, _out, two) = start(&[]).await;
    let page =
        |message: &str| message.lines().find(|line| line.starts_with("page ")).unwrap().to_owned();
    assert_ne!(page(&one), page(&two));
    for mut program in [first, second] {
        interrupt(&program).await;
        assert!(program.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn runs_the_settings_of_a_file_and_of_arguments_in_place_of_the_built_in_ones() {
    let file = std::env::temp_dir().join(format!("production-{}.env", std::process::id()));
    let text = "AUTHORIZER_ISSUER=https://issuer.example\nAUTHORIZER_AUDIENCE=chat\nAWS_REGION=x\n";
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    let (mut program, _stdout, message) = start(&["--env-file", name]).await;
    assert_contains(
        &message,
        &[
            &format!("Settings from {name}: AUTHORIZER_ISSUER, AUTHORIZER_AUDIENCE\n"),
            &format!("Not settings of the function, ignored in {name}: AWS_REGION\n"),
            "does not accept the built-in issuer's tokens",
        ],
    );
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());

    // The function of this test accepts the audience `local-gateway`.
    let set = ["--env-file", name, "--set", "AUTHORIZER_AUDIENCE=local-gateway"];
    let (mut program, _stdout, message) = start(&set).await;
    assert_contains(&message, &["Settings from --set: AUTHORIZER_AUDIENCE\n", "\nTOKEN=ey"]);
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());
}

#[tokio::test]
async fn sends_the_gateway_responses_of_a_file() {
    let file = std::env::temp_dir().join(format!("gateway-responses-{}.json", std::process::id()));
    let name = file.to_str().unwrap();
    std::fs::write(&file, r#"{ "UNAUTHORIZED": { "statusCode": "407" } }"#).unwrap();
    let (mut program, _stdout, message) = start(&["--gateway-responses", name]).await;
    let url = message.lines().find_map(|line| line.strip_prefix("REST API        "));
    let answer = http_client().get(format!("{}/orders", url.unwrap())).send().await.unwrap();
    assert_eq!(answer.status(), 407);
    interrupt(&program).await;
    assert!(program.wait().await.unwrap().success());

    std::fs::write(&file, r#"{ "UNAUTHORISED": {} }"#).unwrap();
    let mut refused = self::program(&[]);
    let (code, stderr) = run(refused.args(["--gateway-responses", name])).await;
    assert_eq!(code, Some(1));
    let error = format!("error: could not read the gateway responses in {name}\n");
    assert_contains(&stderr, &[&error, "there is no gateway response type `UNAUTHORISED`"]);
}

#[tokio::test]
async fn explains_its_arguments() {
    for (arguments, code, text) in [
        (["--binary", "/nonexistent"].as_slice(), 1, "error: --binary is /nonexistent, "),
        (&["--env-file", "/nonexistent"], 1, "error: could not read the settings in /nonexistent"),
        (&["--set", "LEEWAY=1"], 1, "error: --set takes a setting"),
        (&["--prot", "1"], 2, "invalid option '--prot'\nFor the usage: cargo run -p local-gateway"),
    ] {
        let mut program = program(&[]);
        let (found, stderr) = run(program.args(arguments)).await;
        assert_eq!(found, Some(code), "{stderr}");
        assert_contains(&stderr, &[text]);
    }
    let help = program(&[]).arg("--help").output().await.unwrap();
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    assert_contains(
        &help,
        &[
            "--port PORT",
            "--env-file FILE",
            "--set NAME=VALUE",
            "--gateway-responses FILE",
            "--binary FILE",
        ],
    );
}

/// An API of the table that keeps running until it is dropped, and the argument for its URL.
async fn api(name: &str, actual: &str) -> (BuiltIn, String) {
    let table = Table::read().unwrap();
    let api = BuiltIn::start(&table, &table.apis[actual], None).await.unwrap();
    let argument = format!("{name}={}", api.url());
    (api, argument)
}

/// Runs `conformance` for this URL. Returns the exit code, standard output and standard error.
async fn conformance(url: &str) -> (Option<i32>, String, String) {
    let arguments = ["conformance", "--max-wait", "0", "--url", url];
    let output = program(&[]).args(arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn conformance_passes_against_an_api_that_does_as_the_table_says() {
    let (_api, url) = api("RestHeader", "RestHeader").await;
    let (code, output, errors) = conformance(&url).await;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{output}");
    assert_contains(
        &output,
        &[
            "The cases wait for 0 s in all",
            "passed       REST: an Allow lets the request in",
            "in part      REST: a Deny is cached",
            "not visible whether the function was asked and the response was cached: request 1, 2",
            "not checked  REST: a response is cached for the time to live, 300 s by default",
            "it waits for 300 s; --max-wait allows it",
            "there is no URL of HttpHeader",
            "its tokens are the built-in issuer's",
            " passed, 0 failed, ",
        ],
    );
}

#[tokio::test]
async fn conformance_prints_the_differences_and_fails() {
    let (_api, url) = api("RestHeader", "RestHeaderUncached").await;
    let (code, output, errors) = conformance(&url).await;
    assert_eq!(code, Some(1), "{output}");
    assert_contains(&errors, &["1 cases failed; the differences are above"]);
    assert_contains(
        &output,
        &[
            "FAILED       REST: a cached policy is evaluated again for each route",
            "  request 2, GET /orders: the function was asked: expected no, got yes",
            "  request 2, GET /orders: the response was cached: expected yes, got no",
            " passed, 1 failed, ",
        ],
    );
}

#[tokio::test]
async fn conformance_refuses_an_unknown_name_and_a_url_that_checks_nothing() {
    let (code, _, errors) = conformance("RestHeadr=http://127.0.0.1:9").await;
    assert_eq!(code, Some(1));
    assert_contains(&errors, &["not RestHeadr=http://127.0.0.1:9. The names are Http1Header, "]);
    let (code, output, errors) = conformance("HttpNone=http://127.0.0.1:9").await;
    assert_eq!(code, Some(1), "{output}");
    assert_contains(&errors, &["no case was checked"]);
}
