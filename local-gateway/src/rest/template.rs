//! The variables in the body templates and headers of gateway responses.
//!
//! API Gateway replaces variables, and does not run the Velocity Template Language. What it writes for a
//! variable that has no value is not documented; here it is nothing, and a header with such a value is
//! left out.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html>

use serde_json::{Value, json};

use crate::authorizer::Authorization;
use crate::request::Request;

/// The values of the variables for a request.
pub(super) struct Variables {
    /// `context`, `stageVariables` and `method`, each with its members.
    values: Value,
}

impl Variables {
    pub(super) fn new(
        request: &Request,
        authorization: Option<&Authorization>,
        response_type: &str,
        message: Option<&str>,
    ) -> Self {
        let event = request.rest_proxy();
        let mut context = event["requestContext"].clone();
        // Unlike `resourcePath`, it has the stage.
        context["path"] = match context["stage"].as_str() {
            Some(stage) => format!("/{stage}{}", request.path).into(),
            None => request.path.as_str().into(),
        };
        context["error"] = json!({
            "message": message,
            // This one is JSON, so it is in quotes or null.
            "messageString": Value::from(message).to_string(),
            "responseType": response_type,
        });
        context["authorizer"] = json!(authorization.map(|it| &it.context));
        // Header names have no case.
        let headers = request.sent_headers().into_iter();
        let headers: serde_json::Map<_, _> =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect();
        let values = json!({
            "context": context,
            "stageVariables": event["stageVariables"],
            "method": {
                "request": {
                    "header": headers,
                    "querystring": event["queryStringParameters"],
                    "path": event["pathParameters"],
                },
            },
        });
        Self { values }
    }

    /// Replaces each variable, for example `$context.error.message`.
    pub(super) fn fill(&self, template: &str) -> String {
        let mut filled = String::new();
        let mut parts = template.split('$');
        filled.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let in_name = |character: char| {
                character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
            };
            let end = part.find(|character| !in_name(character)).unwrap_or(part.len());
            // A full stop after a variable ends the sentence.
            let name = part.get(..end).unwrap_or_default().trim_end_matches('.');
            let root = name.split('.').next().unwrap_or_default();
            if self.values.get(root).is_some() {
                filled.push_str(&self.find(name).unwrap_or_default());
                filled.push_str(part.get(name.len()..).unwrap_or_default());
            } else {
                filled.push('$');
                filled.push_str(part);
            }
        }
        filled
    }

    /// Returns the value of a response parameter: a text in single quotes, or a variable without a `$`.
    pub(super) fn parameter(&self, expression: &str) -> Option<String> {
        let quoted = expression.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        quoted.map(str::to_owned).or_else(|| self.find(expression))
    }

    fn find(&self, name: &str) -> Option<String> {
        let header = "method.request.header.";
        let name = match name.strip_prefix(header) {
            Some(header_name) => format!("{header}{}", header_name.to_ascii_lowercase()),
            None => name.to_owned(),
        };
        let found = self.values.pointer(&format!("/{}", name.replace('.', "/")))?;
        match found {
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(found.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let request = Request::new("GET", "/orders").header("X-Client", "web").query("q", "1");
        Variables::new(&request, None, "UNAUTHORIZED", Some("say \"no\""))
    }

    #[test]
    fn replaces_variables_in_a_body() {
        for (template, filled) in [
            ("no variable", "no variable"),
            ("{\"m\":$context.error.messageString}", "{\"m\":\"say \\\"no\\\"\"}"),
            ("$context.error.message", "say \"no\""),
            ("$context.error.responseType.", "UNAUTHORIZED."),
            ("$context.httpMethod$context.path", "GET/prod/orders"),
            ("$context.resourcePath $context.requestId", "/orders GnIxmFqQjoEEPqQ="),
            ("<$context.authorizer.reason>", "<>"),
            ("<$context.nothing.at.all>", "<>"),
            ("<$context.identity>", "<>"),
            ("<$stageVariables.tenant>", "<>"),
            ("$method.request.header.x-client", "web"),
            ("$method.request.querystring.q", "1"),
            ("$5, $, $input.body, ü$é", "$5, $, $input.body, ü$é"),
        ] {
            assert_eq!(variables().fill(template), filled, "{template}");
        }
    }

    #[test]
    fn maps_parameters_to_headers() {
        for (expression, value) in [
            ("'Bearer'", Some("Bearer")),
            ("'it''s'", Some("it''s")),
            ("context.error.responseType", Some("UNAUTHORIZED")),
            ("method.request.header.X-Client", Some("web")),
            ("method.request.header.Other", None),
            ("method.request.path.id", None),
            ("Bearer", None),
        ] {
            assert_eq!(variables().parameter(expression).as_deref(), value, "{expression}");
        }
    }
}
