//! An explanation for people.

use std::fmt::Write;

use serde_json::Value;

use super::super::text::{Meaning, Style, escape, pad, wrap};
use super::report::{Explanation, Outcome, Step};
use super::routes::{OtherRoutes, RulePatterns};

/// How wide the columns with the outcomes and the names of steps are.
const OUTCOME_WIDTH: usize = 9;
const STEP_WIDTH: usize = 17;
/// Where the text of a step begins: after two spaces and the two columns.
const INDENT: usize = 2 + OUTCOME_WIDTH + STEP_WIDTH;

impl Explanation {
    /// Returns the explanation for people.
    #[must_use]
    pub fn to_text(&self, style: Style) -> String {
        let mut text = String::new();
        let mut write = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        let title = |title: &str| style.paint(Meaning::Title, title);
        write(&title("Steps"));
        let mut steps = &*self.steps;
        while let Some(step) = steps.first() {
            let is_same = |other: &&Step| {
                step.outcome == Outcome::Skipped
                    && other.outcome == Outcome::Skipped
                    && step.found == other.found
            };
            let same = steps.iter().take_while(is_same).count().max(1);
            write(&lines_of(&steps[..same], style));
            steps = &steps[same..];
        }
        if let Some(claims) = &self.claims {
            write("");
            let mark = if self.verified { "" } else { ", not verified" };
            write(&title(&format!("Claims{mark}")));
            write(&pretty(claims));
        }
        write("");
        write(&title("Decision"));
        let meaning = if self.decision == "allow" { Meaning::Good } else { Meaning::Bad };
        let reason = self.reason.map(|reason| format!(", {reason}")).unwrap_or_default();
        write(&format!("  {}{reason}", style.paint(meaning, self.decision)));
        write(&format!("  {}", self.status()));
        if let Some(answer) = &self.answer {
            write("");
            write(&title("Answer to API Gateway"));
            write(&pretty(&with_short_lists(answer)));
        }
        if let Some(routes) = &self.other_routes {
            write("");
            write(&title("Other routes of this caller"));
            write(&lines_of_routes(routes));
        }
        if !self.cures.is_empty() {
            write("");
            write(&title("What to do"));
        }
        for reason in &self.reasons {
            for (_, cure) in self.cures.iter().filter(|(of, _)| of == reason) {
                write(&format!("  {reason}: {}", wrap_after(cure, 4, reason.len() + 4)));
            }
        }
        text
    }

    /// Says what the client sees.
    fn status(&self) -> String {
        let status = self.client_sees;
        match status {
            101 => format!("The client sees {status}, if the integration of $connect succeeds."),
            200 => format!("The client sees what the API behind responds, for example {status}."),
            _ => format!("The client sees {status}."),
        }
    }
}

/// Describes a step, or several that were skipped for the same reason.
fn lines_of(steps: &[Step], style: Style) -> String {
    let Some(step) = steps.first() else { return String::new() };
    let (outcome, meaning) = match step.outcome {
        Outcome::Passed => ("passed", Meaning::Good),
        Outcome::Failed => ("FAILED", Meaning::Bad),
        Outcome::Skipped => ("skipped", Meaning::Minor),
        Outcome::Warning => ("warning", Meaning::Doubtful),
    };
    let outcome = style.paint(meaning, &pad(outcome, OUTCOME_WIDTH));
    let found = escape(step.found.as_deref().unwrap_or_default());
    let mut lines = String::new();
    if let [_, _, ..] = steps {
        let names: Vec<_> = steps.iter().map(|step| step.step).collect();
        let names = wrap(&names.join(", "), 2 + OUTCOME_WIDTH);
        let indent = " ".repeat(INDENT);
        let _ = write!(lines, "  {outcome}{names}\n{indent}{}", wrap(&found, INDENT));
        return lines;
    }
    let name = pad(step.step, STEP_WIDTH);
    let wanted = step.wanted.as_ref().map(|wanted| format!("wanted: {}", escape(wanted)));
    match (step.outcome, wanted) {
        (_, None) => {
            let _ = write!(lines, "  {outcome}{name}{}", wrap(&found, INDENT));
        }
        (Outcome::Passed, Some(wanted)) => {
            let found = wrap(&format!("{found}; {wanted}"), INDENT);
            let _ = write!(lines, "  {outcome}{name}{found}");
        }
        (_, Some(wanted)) => {
            let (found, indent) = (wrap(&found, INDENT), " ".repeat(INDENT));
            let wanted = wrap(&wanted, INDENT);
            let _ = write!(lines, "  {outcome}{name}{found}\n{indent}{wanted}");
        }
    }
    lines
}

/// Breaks a text that begins after `column` characters, and indents the lines that follow.
fn wrap_after(text: &str, indent: usize, column: usize) -> String {
    let filler = "x".repeat(column.saturating_sub(indent + 1));
    let wrapped = wrap(&format!("{filler} {text}"), indent);
    wrapped.split_once(' ').map_or(wrapped.clone(), |(_, rest)| rest.to_owned())
}

/// Returns the answer with its lists of resources cut short: the policy for route rules denies 78
/// spellings of paths.
fn with_short_lists(answer: &Value) -> Value {
    const SHOWN: usize = 12;
    let mut answer = answer.clone();
    let statements = answer.pointer_mut("/policyDocument/Statement").and_then(Value::as_array_mut);
    for statement in statements.into_iter().flatten() {
        if let Some(resources) = statement.get_mut("Resource").and_then(Value::as_array_mut)
            && resources.len() > SHOWN
        {
            let further = resources.split_off(SHOWN / 2).len();
            resources.push(format!("… and {further} more").into());
        }
    }
    answer
}

/// Writes JSON in lines, indented by two spaces.
fn pretty(json: &Value) -> String {
    let json = serde_json::to_string_pretty(json).unwrap_or_default();
    let lines: Vec<_> = json.lines().map(|line| format!("  {}", escape(line))).collect();
    lines.join("\n")
}

fn lines_of_routes(routes: &OtherRoutes) -> String {
    match routes {
        OtherRoutes::NotCached(sentence) => format!("  {}", wrap(sentence, 2)),
        OtherRoutes::All(sentence) => format!("  {}", wrap(sentence, 2)),
        OtherRoutes::ByRule(RulePatterns { allowed, denied }) => {
            let mut lines = "  API Gateway's cache answers them by this policy.".to_owned();
            for (verb, patterns) in [("allowed", allowed), ("denied", denied)] {
                for pattern in patterns {
                    let _ = write!(lines, "\n    {}{}", pad(verb, OUTCOME_WIDTH), escape(pattern));
                }
            }
            lines.push_str(
                "\n    denied   every other route, and paths that a backend may read as another path",
            );
            lines
        }
    }
}
