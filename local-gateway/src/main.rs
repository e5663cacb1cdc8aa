//! Runs the authorizer behind a WebSocket API on this machine, to be tried without AWS.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command line program; talking is its purpose"
)]

mod client;
mod demo;
mod tokens;

use std::process::ExitCode;

use local_gateway::executable;
use local_gateway::stack::Stack;

const USAGE: &str = "\
Runs the authorizer behind a WebSocket API on this machine.

Usage: cargo run -p local-gateway           serve until Ctrl-C, with tokens and clients to paste
       cargo run -p local-gateway -- demo   a tour with a real client; fails if an answer is wrong

JWKS_AUTHORIZER_BIN names a prebuilt executable of the function; without it, one is built.";

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => serve().await,
        ["demo"] => demo::run().await,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => {
            eprintln!("unknown arguments: {}\n\n{USAGE}", unknown.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<Stack, Failure> {
    let executable = executable::find().await?;
    Ok(Stack::start(&executable, &[]).await?)
}

async fn serve() -> Result<(), Failure> {
    let mut stack = start().await?;
    println!("{}", invitation(&stack));

    let mut log = stack.function.follow_log();
    loop {
        tokio::select! {
            line = log.line(|_| true) => match line {
                Some(line) => println!("{line}"),
                None => return Err(format!("the function ended: {}", stack.function.wait().await?).into()),
            },
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

/// What to paste where.
fn invitation(stack: &Stack) -> String {
    let url = stack.websocket_api.url();
    let http_url = url.replacen("ws:", "http:", 1);
    let issuer = &stack.issuer;
    let valid = tokens::valid(issuer);
    format!(
        r#"
WebSocket API   {url}
issuer          {issuer_url}
key set         {key_set_url}

# Tokens, to paste into a shell:
TOKEN={valid}
EXPIRED={expired}
OTHER_AUDIENCE={other_audience}

# Clients:
websocat -H "Authorization: Bearer $TOKEN" {url}
wscat -c {url} -H "Authorization: Bearer $TOKEN"
wscat -c {url} -s bearer -s "$TOKEN"
curl -i --max-time 2 {http_url} -H "Authorization: Bearer $TOKEN" \
  -H "Connection: Upgrade" -H "Upgrade: websocket" \
  -H "Sec-WebSocket-Version: 13" -H "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

// In a browser's console; it offers the token as a subprotocol, since it can set no header:
socket = new WebSocket("{url}", ["bearer", "{valid}"]);
socket.onmessage = (message) => console.log(JSON.parse(message.data));
socket.onopen = () => socket.send("hello");

Each message comes back as the event that a function behind the API would get.
The function's log follows; Ctrl-C ends all of it.
"#,
        issuer_url = issuer.url(),
        key_set_url = issuer.key_set_url(),
        expired = tokens::expired(issuer),
        other_audience = tokens::for_another_audience(issuer),
    )
}
