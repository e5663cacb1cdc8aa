//! The demo: connects a real client to the real function and checks every result.

use std::time::Duration;

use local_gateway::issuer::Issuer;
use local_gateway::keys::KeyError;
use local_gateway::log::Follower;
use local_gateway::stack::Stack;
use local_gateway::tokens;
use serde_json::Value;

use crate::client::{self, ClientError, Credential, Received};

/// How long the demo waits until the function logs a decision.
const LOG_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("could not sign a token with a key that is not the issuer's")]
    Forge(#[source] KeyError),
    #[error("could not rotate the issuer's key")]
    Rotate(#[source] KeyError),
    #[error("stopped at \"{title}\"")]
    Connect { title: &'static str, source: ClientError },
    #[error("stopped at \"{title}\": the function logged no decision within {LOG_TIMEOUT:?}")]
    NotLogged { title: &'static str },
    #[error("stopped at \"{title}\": the function ended without logging a decision")]
    FunctionEnded { title: &'static str },
    #[error("{0} of the results above are marked WRONG")]
    Wrong(usize),
}

/// A connection that the demo makes.
struct Step {
    title: &'static str,
    credential: Credential,
    expected: Expected,
}

/// The result that a step must have.
enum Expected {
    /// The client connects, and the API selects this subprotocol.
    Connection { subprotocol: Option<&'static str> },
    /// The API answers 401, and the function logs this reason.
    Unauthorized { reason: &'static str },
}

/// Runs the demo's steps and prints their results.
pub(crate) async fn run(stack: &Stack) -> Result<(), DemoError> {
    let issuer = &stack.issuer;
    println!("WebSocket API {}, issuer {}", stack.websocket_api.url(), issuer.url());
    let mut demo = Demo { stack, log: stack.lambda.follow_log(), wrong: 0 };
    let old = tokens::valid(issuer);
    for step in accepted(&old).into_iter().chain(refused(issuer)?) {
        demo.run(step).await?;
    }
    issuer.rotate().map_err(DemoError::Rotate)?;
    println!("\nThe issuer replaces its key. The function has the old key in its cache.");
    for step in after_rotation(tokens::valid(issuer), old) {
        demo.run(step).await?;
    }
    if demo.wrong > 0 {
        return Err(DemoError::Wrong(demo.wrong));
    }
    println!("\nEvery result was correct.");
    Ok(())
}

fn accepted(token: &str) -> [Step; 2] {
    [
        Step {
            title: "A token in the header",
            credential: Credential::Header(token.to_owned()),
            expected: Expected::Connection { subprotocol: None },
        },
        Step {
            title: "A token as a subprotocol, as a browser sends it",
            credential: Credential::Subprotocol(token.to_owned()),
            expected: Expected::Connection { subprotocol: Some("bearer") },
        },
    ]
}

fn refused(issuer: &Issuer) -> Result<[Step; 4], DemoError> {
    let forged = tokens::forged(issuer).map_err(DemoError::Forge)?;
    Ok([
        Step {
            title: "No token",
            credential: Credential::None,
            expected: Expected::Unauthorized { reason: "missing_token" },
        },
        Step {
            title: "An expired token",
            credential: Credential::Header(tokens::expired(issuer)),
            expected: Expected::Unauthorized { reason: "expired" },
        },
        Step {
            title: "A token for another audience",
            credential: Credential::Header(tokens::for_another_audience(issuer)),
            expected: Expected::Unauthorized { reason: "wrong_audience" },
        },
        Step {
            title: "A token signed with a key that is not the issuer's",
            credential: Credential::Header(forged),
            expected: Expected::Unauthorized { reason: "invalid_signature" },
        },
    ])
}

fn after_rotation(new: String, old: String) -> [Step; 2] {
    [
        Step {
            title: "A token signed with the new key",
            credential: Credential::Header(new),
            expected: Expected::Connection { subprotocol: None },
        },
        Step {
            title: "A token signed with the old key",
            credential: Credential::Header(old),
            expected: Expected::Unauthorized { reason: "unknown_key" },
        },
    ]
}

struct Demo<'a> {
    stack: &'a Stack,
    log: Follower,
    wrong: usize,
}

impl Demo<'_> {
    /// Connects, prints what the client received and the function logged, and checks both.
    async fn run(&mut self, step: Step) -> Result<(), DemoError> {
        let Step { title, credential, expected } = step;
        println!("\n{title}");
        let received = client::connect(self.stack, credential)
            .await
            .map_err(|source| DemoError::Connect { title, source })?;
        let logged = self.decision(title).await?;
        print_result(&received, &logged);
        if !expected.is_met(&received, &logged) {
            self.wrong += 1;
            expected.print_as_missed();
        }
        Ok(())
    }

    /// Waits until the function logs its next decision.
    async fn decision(&mut self, title: &'static str) -> Result<LoggedDecision, DemoError> {
        let line = self.log.line(|line| LoggedDecision::read(line).is_some());
        let line = tokio::time::timeout(LOG_TIMEOUT, line)
            .await
            .map_err(|_| DemoError::NotLogged { title })?;
        let logged = line.as_deref().and_then(LoggedDecision::read);
        logged.ok_or(DemoError::FunctionEnded { title })
    }
}

fn print_result(received: &Received, logged: &LoggedDecision) {
    match received {
        Received::Connection { subprotocol, authorizer } => {
            let subprotocol = subprotocol.as_deref().unwrap_or("none");
            println!("  client    connected, subprotocol: {subprotocol}");
            println!("  backend   {authorizer}");
        }
        Received::HttpError { status, body } => println!("  client    HTTP {status} {body}"),
    }
    let reason = logged.reason.as_deref().unwrap_or("-");
    println!("  decision  {}, reason: {reason}", logged.decision);
}

impl Expected {
    fn is_met(&self, received: &Received, logged: &LoggedDecision) -> bool {
        match (self, received) {
            (
                Self::Connection { subprotocol: expected },
                Received::Connection { subprotocol, authorizer },
            ) => subprotocol.as_deref() == *expected && authorizer["sub"] == "alice",
            (Self::Unauthorized { reason }, Received::HttpError { status: 401, .. }) => {
                logged.reason.as_deref() == Some(*reason)
            }
            (
                Self::Connection { .. } | Self::Unauthorized { .. },
                Received::Connection { .. } | Received::HttpError { .. },
            ) => false,
        }
    }

    fn print_as_missed(&self) {
        match self {
            Self::Connection { subprotocol } => {
                let subprotocol = subprotocol.unwrap_or("none");
                println!("  WRONG     expected a connection, subprotocol: {subprotocol}");
            }
            Self::Unauthorized { reason } => {
                println!("  WRONG     expected HTTP 401, reason: {reason}");
            }
        }
    }
}

/// A decision in the function's log.
struct LoggedDecision {
    decision: String,
    reason: Option<String>,
}

impl LoggedDecision {
    fn read(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let field = |name: &str| {
            let value = line.get(name).or_else(|| line.get("fields")?.get(name))?;
            value.as_str().map(str::to_owned)
        };
        Some(Self { decision: field("decision")?, reason: field("reason") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_decision_at_the_top_level_and_in_fields() {
        for line in [
            r#"{"level":"INFO","decision":"refuse","reason":"expired"}"#,
            r#"{"level":"INFO","fields":{"decision":"refuse","reason":"expired"}}"#,
        ] {
            let decision = LoggedDecision::read(line).unwrap();
            assert_eq!(decision.decision, "refuse");
            assert_eq!(decision.reason.as_deref(), Some("expired"));
        }
    }

    #[test]
    fn ignores_other_lines() {
        for line in ["", "plain text", "[]", r#"{"fields":{"message":"keys fetched"}}"#] {
            assert!(LoggedDecision::read(line).is_none(), "{line}");
        }
    }
}
