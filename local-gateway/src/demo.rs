//! The tour: a real client, the real function, and a check of every answer.

use std::time::Duration;

use local_gateway::keys::KeyError;
use local_gateway::log::Follower;
use local_gateway::stack::Stack;
use serde_json::Value;

use crate::client::{self, ClientError, Offer, Seen};
use crate::tokens;

/// How long the function may take to log a decision.
const LOG_TIMEOUT: Duration = Duration::from_secs(10);

/// What must come of a stop on the tour.
enum Expected {
    /// The client connects, with this subprotocol.
    Open(Option<&'static str>),
    /// The API answers the handshake with 401, for this reason.
    Unauthorized(&'static str),
}

/// Why the tour ended early, or was not as it must be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("could not sign a token with a key that is not the issuer's")]
    Forge(#[source] KeyError),
    #[error("could not rotate the issuer's key")]
    Rotate(#[source] KeyError),
    #[error("stopped at \"{title}\"")]
    Connect { title: String, source: ClientError },
    #[error("stopped at \"{title}\": the function logged no decision within {LOG_TIMEOUT:?}")]
    NotLogged { title: String },
    #[error("stopped at \"{title}\": the function ended without logging a decision")]
    FunctionEnded { title: String },
    #[error("{0} of the answers above are marked WRONG")]
    Wrong(usize),
}

pub(crate) async fn run(stack: &Stack) -> Result<(), DemoError> {
    let mut tour = Tour { stack, log: stack.function.follow_log(), wrong: 0 };
    let issuer = &stack.issuer;
    let old = tokens::valid(issuer);
    println!("WebSocket API {}, issuer {}", stack.websocket_api.url(), issuer.url());

    tour.stop("A token in the header", Offer::Header(old.clone()), Expected::Open(None)).await?;
    tour.stop(
        "A token as a subprotocol, as a browser sends it",
        Offer::Subprotocol(old.clone()),
        Expected::Open(Some("bearer")),
    )
    .await?;
    for (title, offer, reason) in [
        ("No token", Offer::Nothing, "missing_token"),
        ("An expired token", Offer::Header(tokens::expired(issuer)), "expired"),
        (
            "A token for another audience",
            Offer::Header(tokens::for_another_audience(issuer)),
            "wrong_audience",
        ),
        (
            "A token that another key signed",
            Offer::Header(tokens::forged(issuer).map_err(DemoError::Forge)?),
            "invalid_signature",
        ),
    ] {
        tour.stop(title, offer, Expected::Unauthorized(reason)).await?;
    }

    issuer.rotate().map_err(DemoError::Rotate)?;
    println!("\nThe issuer replaces its key. The function has cached the old one.");
    let new = Offer::Header(tokens::valid(issuer));
    tour.stop("A token signed with the new key", new, Expected::Open(None)).await?;
    let withdrawn = Expected::Unauthorized("unknown_key");
    tour.stop("A token signed with the withdrawn key", Offer::Header(old), withdrawn).await?;

    match tour.wrong {
        0 => {
            println!("\nEvery answer was correct.");
            Ok(())
        }
        wrong => Err(DemoError::Wrong(wrong)),
    }
}

struct Tour<'a> {
    stack: &'a Stack,
    log: Follower,
    wrong: usize,
}

impl Tour<'_> {
    async fn stop(
        &mut self,
        title: &str,
        offer: Offer,
        expected: Expected,
    ) -> Result<(), DemoError> {
        println!("\n{title}");
        let seen = client::connect(self.stack, offer)
            .await
            .map_err(|source| DemoError::Connect { title: title.to_owned(), source })?;
        let decision = self.decision(title).await?;
        let reason = decision.reason.as_deref().unwrap_or("-");
        match &seen {
            Seen::Open { subprotocol, authorizer } => {
                let subprotocol = subprotocol.as_deref().unwrap_or("none");
                println!("  client    connected, subprotocol: {subprotocol}");
                println!("  backend   {authorizer}");
            }
            Seen::Refused { status, body } => println!("  client    HTTP {status} {body}"),
        }
        println!("  decision  {}, reason: {reason}", decision.decision);

        let right = match (&expected, &seen) {
            (Expected::Open(expected), Seen::Open { subprotocol, authorizer }) => {
                subprotocol.as_deref() == *expected && authorizer["sub"] == "alice"
            }
            (Expected::Unauthorized(expected), Seen::Refused { status: 401, .. }) => {
                reason == *expected
            }
            (
                Expected::Open(_) | Expected::Unauthorized(_),
                Seen::Open { .. } | Seen::Refused { .. },
            ) => false,
        };
        if !right {
            self.wrong += 1;
            match expected {
                Expected::Open(subprotocol) => println!(
                    "  WRONG     expected a connection, subprotocol: {}",
                    subprotocol.unwrap_or("none")
                ),
                Expected::Unauthorized(reason) => {
                    println!("  WRONG     expected HTTP 401, reason: {reason}");
                }
            }
        }
        Ok(())
    }

    /// Waits until the function logs its next decision.
    async fn decision(&mut self, title: &str) -> Result<Decision, DemoError> {
        let line = self.log.line(|line| Decision::read(line).is_some());
        let line = tokio::time::timeout(LOG_TIMEOUT, line)
            .await
            .map_err(|_| DemoError::NotLogged { title: title.to_owned() })?;
        let decision = line.as_deref().and_then(Decision::read);
        decision.ok_or_else(|| DemoError::FunctionEnded { title: title.to_owned() })
    }
}

/// What the function's log says of one request.
struct Decision {
    decision: String,
    reason: Option<String>,
}

impl Decision {
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
    fn reads_a_decision_wherever_the_log_format_puts_it() {
        for line in [
            r#"{"level":"INFO","decision":"refuse","reason":"expired"}"#,
            r#"{"level":"INFO","fields":{"decision":"refuse","reason":"expired"}}"#,
        ] {
            let decision = Decision::read(line).unwrap();
            assert_eq!(decision.decision, "refuse");
            assert_eq!(decision.reason.as_deref(), Some("expired"));
        }
    }

    #[test]
    fn ignores_other_lines() {
        for line in ["", "plain text", "[]", r#"{"fields":{"message":"keys fetched"}}"#] {
            assert!(Decision::read(line).is_none(), "{line}");
        }
    }
}
