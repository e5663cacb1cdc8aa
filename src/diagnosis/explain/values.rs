//! How the values of claims are shown, or hidden.

use serde_json::Value;

use crate::excerpt::Excerpt;

/// Whether the values of claims are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// They are shown.
    Shown,
    /// Only their types are.
    Hidden,
}

impl Values {
    /// Returns `shown`, or `hidden` if it must not be shown.
    pub(super) fn either(self, shown: impl FnOnce() -> String, hidden: &str) -> String {
        match self {
            Self::Shown => shown(),
            Self::Hidden => hidden.to_owned(),
        }
    }

    /// Describes a claim, shortened.
    pub(super) fn claim(self, name: &str, value: Option<&Value>) -> String {
        match value {
            None => format!("there is no {name}"),
            Some(value) => format!("{name} is {}", self.value(value)),
        }
    }

    /// Returns the JSON of a value, shortened, or its type.
    pub(super) fn value(self, value: &Value) -> String {
        self.either(|| Excerpt::from(value.to_string().as_str()).to_string(), type_of(value))
    }

    /// Returns the value, with a type in place of each string, number and boolean if they are hidden.
    pub(super) fn json(self, value: Value) -> Value {
        match (self, value) {
            (Self::Shown, value) => value,
            (Self::Hidden, Value::Null) => Value::Null,
            (Self::Hidden, Value::Array(values)) => {
                values.into_iter().map(|value| self.json(value)).collect()
            }
            (Self::Hidden, Value::Object(members)) => {
                members.into_iter().map(|(name, value)| (name, self.json(value))).collect()
            }
            (Self::Hidden, value @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
                Value::from(format!("({})", type_of(&value)))
            }
        }
    }

    /// Returns the response to API Gateway, without what comes from claims if they are hidden. The
    /// policy document and the reason come from no claim.
    pub(super) fn answer(self, mut answer: Value) -> Value {
        if let Some(members) = answer.as_object_mut() {
            for (name, value) in members {
                match name.as_str() {
                    "principalId" | "usageIdentifierKey" => *value = self.json(value.take()),
                    "context" => {
                        for (name, value) in value.as_object_mut().into_iter().flatten() {
                            if name != "reason" {
                                *value = self.json(value.take());
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        answer
    }
}

/// Returns the type of a value, as a noun with its article.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
