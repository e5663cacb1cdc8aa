//! Identity sources: the parts of a request that API Gateway needs before it asks the authorizer.
//!
//! Each kind of API has its own syntax. All sources of an authorizer must be in the request and not
//! empty; otherwise the client gets a 401, and the authorizer is not asked.
//!
//! - REST: <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>
//! - HTTP: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.identity-sources>
//! - WebSocket: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>
//!
//! Which value counts if a header comes twice is not documented. Here it is the one in the event's
//! `headers`: the last one for REST and WebSocket APIs, and all of them joined for HTTP APIs.

use serde_json::Value;

/// A kind of API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKind {
    /// A WebSocket API, with an authorizer for `$connect`.
    WebSocket,
    /// A REST API.
    Rest,
    /// An HTTP API.
    Http,
}

impl ApiKind {
    /// Returns the kind's name in records and in the table of cases.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Rest => "rest",
            Self::Http => "http",
        }
    }

    /// Returns the kind's name in messages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::Rest => "REST",
            Self::Http => "HTTP",
        }
    }

    /// Returns the beginnings of a source in this kind's syntax.
    fn prefixes(self) -> [(&'static str, Place); 4] {
        let [header, query, context, stage_variable] = match self {
            Self::WebSocket => [
                "route.request.header.",
                "route.request.querystring.",
                "context.",
                "stageVariables.",
            ],
            Self::Rest => [
                "method.request.header.",
                "method.request.querystring.",
                "context.",
                "stageVariables.",
            ],
            Self::Http => {
                ["$request.header.", "$request.querystring.", "$context.", "$stageVariables."]
            }
        };
        [
            (header, Place::Header),
            (query, Place::Query),
            (context, Place::Context),
            (stage_variable, Place::StageVariable),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Query,
    Context,
    StageVariable,
}

/// An identity source of an authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySource {
    text: String,
    place: Place,
    name: String,
}

/// The text is not an identity source of this kind of API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an identity source of this API, for example `{example}Authorization`")]
pub struct NotASource {
    text: String,
    example: &'static str,
}

impl IdentitySource {
    /// Reads a source in the syntax of `api`, for example `method.request.header.Authorization`.
    ///
    /// # Errors
    ///
    /// When the text has another syntax.
    pub fn parse(api: ApiKind, text: &str) -> Result<Self, NotASource> {
        let prefixes = api.prefixes();
        let read = prefixes.iter().find_map(|(prefix, place)| {
            let name = text.strip_prefix(prefix).filter(|name| !name.is_empty())?;
            Some(Self { text: text.to_owned(), place: *place, name: name.to_owned() })
        });
        let [(example, _), ..] = prefixes;
        read.ok_or_else(|| NotASource { text: text.to_owned(), example })
    }

    /// Returns the source as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether the source is a header.
    pub(crate) fn is_header(&self) -> bool {
        self.place == Place::Header
    }

    /// Returns the value in the request that `event` describes. An empty value counts as missing.
    #[must_use]
    pub fn value(&self, event: &Value) -> Option<String> {
        let found = match self.place {
            Place::Header => {
                event.get("headers")?.as_object()?.iter().find_map(|(name, value)| {
                    name.eq_ignore_ascii_case(&self.name).then_some(value)
                })?
            }
            Place::Query => event.get("queryStringParameters")?.get(&self.name)?,
            Place::StageVariable => event.get("stageVariables")?.get(&self.name)?,
            Place::Context => {
                let pointer = format!("/requestContext/{}", self.name.replace('.', "/"));
                event.pointer(&pointer)?
            }
        };
        let value = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        (!found.is_null() && !value.is_empty()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    #[test]
    fn each_kind_of_api_has_its_own_syntax() {
        let sources = [
            (ApiKind::WebSocket, "route.request.header.Authorization"),
            (ApiKind::WebSocket, "route.request.querystring.token"),
            (ApiKind::Rest, "method.request.header.Authorization"),
            (ApiKind::Rest, "method.request.querystring.token"),
            (ApiKind::Http, "$request.header.Authorization"),
            (ApiKind::Http, "$request.querystring.token"),
            (ApiKind::Http, "$context.routeKey"),
            (ApiKind::Http, "$stageVariables.tenant"),
        ];
        for kind in [ApiKind::WebSocket, ApiKind::Rest, ApiKind::Http] {
            for (owner, text) in sources {
                assert_eq!(IdentitySource::parse(kind, text).is_ok(), kind == owner, "{text}");
            }
        }
        // These two kinds share a syntax here.
        for kind in [ApiKind::WebSocket, ApiKind::Rest] {
            IdentitySource::parse(kind, "context.identity.sourceIp").unwrap();
            IdentitySource::parse(kind, "stageVariables.tenant").unwrap();
        }
        for text in ["", "Authorization", "method.request.header.", "method.request.body.x"] {
            assert!(IdentitySource::parse(ApiKind::Rest, text).is_err(), "{text}");
        }
        assert_eq!(
            IdentitySource::parse(ApiKind::Http, "method.request.header.A")
                .unwrap_err()
                .to_string(),
            "`method.request.header.A` is not an identity source of this API, for example \
             `$request.header.Authorization`"
        );
    }

    #[test]
    fn finds_values_in_the_request() {
        let request = Request::new("GET", "/orders")
            .header("X-Key", "k")
            .header("Empty", "")
            .query("token", "t");
        let (rest, http) = (request.rest_request(), request.http_api_2());
        for (kind, event, text, value) in [
            (ApiKind::Rest, &rest, "method.request.header.x-key", Some("k")),
            (ApiKind::Rest, &rest, "method.request.querystring.token", Some("t")),
            (ApiKind::Rest, &rest, "context.identity.sourceIp", Some("127.0.0.1")),
            (ApiKind::Rest, &rest, "method.request.header.Empty", None),
            (ApiKind::Rest, &rest, "method.request.header.Other", None),
            (ApiKind::Rest, &rest, "method.request.querystring.Token", None),
            (ApiKind::Rest, &rest, "context.identity.user", None),
            (ApiKind::Rest, &rest, "stageVariables.tenant", None),
            (ApiKind::Http, &http, "$request.header.X-Key", Some("k")),
            (ApiKind::Http, &http, "$context.routeKey", Some("GET /orders")),
            (ApiKind::Http, &http, "$request.querystring.token", Some("t")),
        ] {
            let source = IdentitySource::parse(kind, text).unwrap();
            assert_eq!(source.value(event).as_deref(), value, "{text}");
        }
    }
}
