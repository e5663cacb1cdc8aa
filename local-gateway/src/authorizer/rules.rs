//! What an authorizer's configuration makes of a request and of a response.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::config::{AuthorizerKind, Checked};
use super::outcome::{Authorization, Refusal};
use crate::identity::ApiKind;
use crate::policy::{self, Verdict};
use crate::request::Request;

impl Checked {
    /// Returns the event for the function, and each identity source with its value.
    pub(super) fn event(&self, request: &Request) -> (Value, Vec<(String, Option<String>)>) {
        let mut event = match self.kind {
            AuthorizerKind::WebSocket => request.websocket_connect(),
            AuthorizerKind::RestRequest | AuthorizerKind::RestToken { .. } => {
                request.rest_request()
            }
            AuthorizerKind::Http1 => request.http_api_1(),
            AuthorizerKind::Http2 { .. } => request.http_api_2(),
        };
        let described = match self.kind.api() {
            ApiKind::WebSocket | ApiKind::Rest => None,
            ApiKind::Http => Some(request.http_api_variables()),
        };
        let described = described.as_ref().unwrap_or(&event);
        let sources = self.sources.iter();
        let identity: Vec<_> =
            sources.map(|source| (source.text().to_owned(), source.value(described))).collect();
        let values: Vec<_> = identity.iter().filter_map(|(_, value)| value.as_deref()).collect();
        match self.kind {
            AuthorizerKind::WebSocket | AuthorizerKind::RestRequest => {}
            AuthorizerKind::RestToken { .. } => {
                event = request.rest_token();
                event["authorizationToken"] = values.first().copied().into();
            }
            AuthorizerKind::Http1 => {
                let joined = (!values.is_empty()).then(|| values.join(","));
                event["identitySource"] = json!(joined);
                event["authorizationToken"] = json!(joined);
            }
            AuthorizerKind::Http2 { .. } => {
                event["identitySource"] =
                    if identity.is_empty() { Value::Null } else { json!(values) };
            }
        }
        (event, identity)
    }

    /// Tells whether the token matches the validation expression.
    pub(super) fn accepts(&self, values: &[String]) -> bool {
        let Some(validation) = &self.validation else { return true };
        values.iter().all(|value| validation.is_match(value))
    }

    /// Evaluates a response for the request, and notes what the policy says of it.
    pub(super) fn evaluate(
        &self,
        response: &Bytes,
        into: &mut Authorization,
    ) -> Result<Map<String, Value>, Refusal> {
        if self.kind == (AuthorizerKind::Http2 { simple_responses: true }) {
            let (is_authorized, context) = policy::read_simple(response)?;
            return if is_authorized { Ok(context) } else { Err(Refusal::NotAuthorized) };
        }
        let api = self.kind.api();
        let evaluation = policy::judge(api, response, into.arn())?;
        into.matched = evaluation.matched;
        into.usage_identifier_key = evaluation.usage_identifier_key;
        into.context = match api {
            ApiKind::Http => evaluation.caller.context,
            ApiKind::WebSocket | ApiKind::Rest => evaluation.caller.authorizer(),
        };
        match evaluation.verdict {
            Verdict::Allow => Ok(into.context.clone()),
            Verdict::ExplicitDeny => Err(Refusal::ExplicitDeny),
            Verdict::ImplicitDeny => Err(Refusal::ImplicitDeny),
        }
    }
}
