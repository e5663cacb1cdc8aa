//! Which route a message takes.
//!
//! The route selection expression names a member of the message's JSON. Its value is the key of the
//! route. Messages without such a route take `$default`.
//!
//! Deliberately absent: expressions of several parts, and messages that select `$connect`,
//! `$disconnect` or `$default` by name (not documented; here they take `$default`).
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html>

use serde_json::Value;

/// The key of the route for messages that have no other.
const DEFAULT: &str = "$default";

/// The beginning of each route selection expression.
const OF_BODY: &str = "$request.body.";

/// The routes of an API for messages.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The names of the members, from the outermost.
    path: Vec<String>,
    keys: Vec<String>,
}

/// Why a route selection expression is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a route selection expression, for example $request.body.action")]
pub struct NotASelection(String);

impl Default for Routes {
    /// Selects by `$request.body.action`, and has one custom route, `hello`, beside `$default`.
    fn default() -> Self {
        let keys = ["hello", DEFAULT].map(String::from).into();
        Self { path: vec![String::from("action")], keys }
    }
}

impl Routes {
    /// Creates the routes with these keys, selected by an expression such as `$request.body.action`
    /// or `${request.body.action}`.
    ///
    /// # Errors
    ///
    /// When the expression does not name a member of the body.
    pub fn new(expression: &str, keys: &[&str]) -> Result<Self, NotASelection> {
        let in_braces = expression.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
        let plain = in_braces.map_or_else(|| expression.to_owned(), |inner| format!("${inner}"));
        let path: Vec<String> = plain
            .strip_prefix(OF_BODY)
            .map(|path| path.split('.').map(str::to_owned).collect())
            .unwrap_or_default();
        if path.is_empty() || path.iter().any(String::is_empty) {
            return Err(NotASelection(expression.to_owned()));
        }
        Ok(Self { path, keys: keys.iter().map(|key| (*key).to_owned()).collect() })
    }

    /// Returns the key of the message's route, if there is one.
    pub(crate) fn select(&self, message: &str) -> Option<&str> {
        let body: Value = serde_json::from_str(message).unwrap_or_default();
        let selected = self.path.iter().try_fold(&body, |value, name| value.get(name));
        let selected = selected.and_then(Value::as_str).filter(|key| !key.starts_with('$'));
        let key_of = |wanted: &str| self.keys.iter().map(String::as_str).find(|key| *key == wanted);
        selected.and_then(key_of).or_else(|| key_of(DEFAULT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_the_route_of_a_message() {
        let with_default = Routes::new("$request.body.action", &["join", DEFAULT]).unwrap();
        let without = Routes::new("${request.body.action}", &["join", "$connect"]).unwrap();
        let nested = Routes::new("$request.body.a.b", &["join"]).unwrap();
        let default = Some(DEFAULT);
        for (routes, message, expected) in [
            (&with_default, r#"{"action":"join"}"#, Some("join")),
            (&with_default, r#"{"action":"leave"}"#, default),
            (&with_default, r#"{"action":7}"#, default),
            (&with_default, r#"{"action":"$connect"}"#, default),
            (&with_default, r#"["action"]"#, default),
            (&with_default, "join", default),
            (&with_default, "", default),
            (&without, r#"{"action":"join"}"#, Some("join")),
            (&without, r#"{"action":"leave"}"#, None),
            (&without, r#"{"action":"$connect"}"#, None),
            (&without, "join", None),
            (&nested, r#"{"a":{"b":"join"}}"#, Some("join")),
            (&nested, r#"{"a":"join"}"#, None),
        ] {
            assert_eq!(routes.select(message), expected, "{message}");
        }
    }

    #[test]
    fn refuses_other_expressions() {
        assert!(Routes::new("$request.body.action", &[]).is_ok());
        for expression in ["", "action", "$request.body.", "$request.body.a..b", "${request.body"] {
            let refused = Routes::new(expression, &[]).unwrap_err();
            assert_eq!(refused, NotASelection(expression.to_owned()));
        }
    }
}
