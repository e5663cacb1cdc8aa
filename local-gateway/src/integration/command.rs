//! A command that answers one event, as a process of its own.

use std::convert::Infallible;
use std::process::Stdio;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{self, ChildStdin};

use super::{IntegrationError, MAX_RESPONSE_BYTES, NotAnIntegration};
use crate::process_group::ProcessGroup;

/// A program and its arguments.
#[derive(Debug)]
pub(super) struct Command {
    program: String,
    arguments: Vec<String>,
}

impl Command {
    /// Splits a text into words, as [`Integration::parse`](super::Integration::parse) says.
    pub(super) fn parse(text: &str) -> Result<Self, NotAnIntegration> {
        let mut words = words(text)?.into_iter();
        let program = words.next().ok_or(NotAnIntegration::Empty)?;
        Ok(Self { program, arguments: words.collect() })
    }

    /// Runs the command with `event` as its input, and returns its output.
    ///
    /// If the future is dropped, the process and those that it has started are killed.
    pub(super) async fn run(&self, event: &[u8]) -> Result<Bytes, IntegrationError> {
        let mut command = process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut group = ProcessGroup::spawn(&mut command)
            .map_err(|reason| IntegrationError::Start { program: self.program.clone(), reason })?;
        let leader = &mut group.leader;
        let (stdin, stdout) = (leader.stdin.take(), leader.stdout.take());
        let read = async {
            let mut output = Vec::new();
            if let Some(stdout) = stdout {
                // One byte more tells an output that is too large.
                stdout.take(MAX_RESPONSE_BYTES as u64 + 1).read_to_end(&mut output).await?;
            }
            Ok(output)
        };
        let output = tokio::select! {
            output = read => output.map_err(IntegrationError::Read)?,
            never = feed(stdin, event) => match never {},
        };
        if output.len() > MAX_RESPONSE_BYTES {
            return Err(IntegrationError::TooLarge);
        }
        let status = leader.wait().await.map_err(IntegrationError::Read)?;
        if !status.success() {
            return Err(IntegrationError::Failed(status));
        }
        Ok(output.into())
    }
}

/// Writes the event. The output decides when the command has ended, so this does not end.
async fn feed(stdin: Option<ChildStdin>, event: &[u8]) -> Infallible {
    if let Some(mut stdin) = stdin {
        // A command need not read its input.
        let _ = stdin.write_all(event).await;
    }
    std::future::pending().await
}

fn words(text: &str) -> Result<Vec<String>, NotAnIntegration> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        None => return Err(NotAnIntegration::OpenQuote(character)),
                        Some(end) if end == character => break,
                        Some(inner) => word.push(inner),
                    }
                }
            }
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_command_into_words() {
        for (text, expected) in [
            ("a", &["a"] as &[&str]),
            ("  a \t b\n", &["a", "b"]),
            ("a 'b c' \"d 'e'\"", &["a", "b c", "d 'e'"]),
            ("a '' b", &["a", "", "b"]),
            ("--name='a b'c", &["--name=a bc"]),
            (r"C:\a\b $HOME a;b *", &[r"C:\a\b", "$HOME", "a;b", "*"]),
            ("", &[]),
        ] {
            assert_eq!(words(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_a_quotation_mark_without_a_second_one() {
        assert_eq!(words("a 'b"), Err(NotAnIntegration::OpenQuote('\'')));
        assert_eq!(words("a \"b'c'"), Err(NotAnIntegration::OpenQuote('"')));
    }
}
