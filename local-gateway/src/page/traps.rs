//! Mistakes that are easily made with API Gateway's authorizers, to watch them happen.
//!
//! Each trap has an API of its own, which exists while its requests are sent: the mistake may be in the
//! API's configuration, in the request, or in what a function returns. In the last case, another
//! function answers in place of the real one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::send::{Message, Place, Token};
use crate::authorizer::{
    Authorizer, AuthorizerConfig, AuthorizerKind, AuthorizerType, ConfigError,
};
use crate::cache::DEFAULT_TTL;
use crate::client_request::json_answer;
use crate::events::{API_ID, STAGE};
use crate::identity::ApiKind;
use crate::invocation::{FunctionError, FunctionOutcome};
use crate::lambda::Target;
use crate::recorder::Recorder;
use crate::request::Request;
use crate::rest::{Listening, RestApi, RestSettings};
use crate::runtime_api::RuntimeApi;
use crate::stage::Stage;
use crate::websocket::WebSocketApi;

/// A trap to run into.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    pub(super) id: String,
}

struct Trap {
    id: &'static str,
    title: &'static str,
    what: &'static str,
    why: &'static str,
    cure: &'static str,
    /// Whether it can happen with this project's function.
    here: &'static str,
    /// The section of the documentation that says more.
    page: &'static str,
    api: ApiKind,
    identity_sources: &'static [&'static str],
    ttl: Duration,
    function: Function,
    /// The paths that are requested, one after the other.
    paths: &'static [&'static str],
    place: Place,
    token: Token,
}

/// What answers the authorizer's events.
#[derive(Clone, Copy)]
enum Function {
    /// The real function.
    Real,
    /// A function that returns what this makes of the event.
    Returns(fn(&Value) -> Value),
    /// A function that fails with this message.
    Fails(&'static str),
    /// The real function, which API Gateway may not invoke.
    NotPermitted,
    /// That of a TOKEN authorizer, which API Gateway does not accept here.
    OfTypeToken,
}

const HEADER_OF_HANDSHAKE: &str = "route.request.header.Authorization";
const HEADER_OF_METHOD: &str = "method.request.header.Authorization";

const TRAPS: [Trap; 12] = [
    Trap {
        id: "token_type",
        title: "A TOKEN authorizer for a WebSocket API",
        what: "API Gateway refused to create the authorizer, so no client was let in or refused.",
        why: "Only REST APIs have TOKEN authorizers. A WebSocket API has REQUEST authorizers only.",
        cure: "For the authorizer, choose the type REQUEST. Its function finds the token in the headers.",
        here: "Can happen: the type is your API's configuration. API Gateway refuses it at once.",
        page: "docs/websocket.md#websocket-apis",
        api: ApiKind::WebSocket,
        identity_sources: &[HEADER_OF_HANDSHAKE],
        ttl: Duration::ZERO,
        function: Function::OfTypeToken,
        paths: &[""],
        place: Place::Header,
        token: Token::Good,
    },
    Trap {
        id: "token_event",
        title: "A function for TOKEN authorizers on a WebSocket",
        what: "The function failed, and the client got a 500.",
        why: "A WebSocket API sends REQUEST events only, and these have no authorizationToken.",
        cure: "Read the token from the headers of the REQUEST event, as this authorizer does.",
        here: "Cannot happen: it reads TOKEN and REQUEST events.",
        page: "docs/websocket.md#troubleshooting",
        api: ApiKind::WebSocket,
        identity_sources: &[],
        ttl: Duration::ZERO,
        function: Function::Fails("Cannot read properties of undefined (reading 'split')"),
        paths: &[""],
        place: Place::Header,
        token: Token::Good,
    },
    Trap {
        id: "source_absent",
        title: "The token is not in the identity source",
        what: "API Gateway answered 401, and the function was not asked and logged nothing.",
        why: "The identity source is the Authorization header, and the token is in the query string.",
        cure: "Send the token where the identity source is, or change the identity source.",
        here: "Can happen: identity sources are your API's configuration.",
        page: "docs/deploy/README.md#identity-sources",
        api: ApiKind::Rest,
        identity_sources: &[HEADER_OF_METHOD],
        ttl: DEFAULT_TTL,
        function: Function::Real,
        paths: &["/orders"],
        place: Place::Query,
        token: Token::Good,
    },
    Trap {
        id: "sources_anded",
        title: "Two identity sources are not “one or the other”",
        what: "API Gateway answered 401, although the token is in the Authorization header.",
        why: "All identity sources that are listed must be in the request.",
        cure: "For “header or query string”, list no identity source, and switch the cache off.",
        here: "Can happen: identity sources are your API's configuration.",
        page: "docs/deploy/README.md#identity-sources",
        api: ApiKind::Rest,
        identity_sources: &[HEADER_OF_METHOD, "method.request.querystring.access_token"],
        ttl: DEFAULT_TTL,
        function: Function::Real,
        paths: &["/orders"],
        place: Place::Header,
        token: Token::Good,
    },
    Trap {
        id: "browser_header",
        title: "A browser cannot set the header of a WebSocket",
        what: "API Gateway answered 401. The page sees only that the WebSocket closed with 1006.",
        why: "The identity source is a header, and a browser can send a token as a subprotocol only.",
        cure: "List no identity source. The function finds the token in the subprotocols.",
        here: "Can happen: identity sources are your API's configuration.",
        page: "docs/websocket.md#browsers-as-a-subprotocol",
        api: ApiKind::WebSocket,
        identity_sources: &[HEADER_OF_HANDSHAKE],
        ttl: Duration::ZERO,
        function: Function::Real,
        paths: &[""],
        place: Place::Subprotocol,
        token: Token::Good,
    },
    Trap {
        id: "subprotocol_not_echoed",
        title: "The subprotocol is not in the answer",
        what: "The API accepted the handshake, and a browser closes the connection all the same.",
        why: "The browser offered the subprotocol “bearer”, and the answer selects none.",
        cure: "Your $connect backend must answer with Sec-WebSocket-Protocol: bearer, never with the token.",
        here: "Can happen: your $connect backend selects the subprotocol.",
        page: "docs/websocket.md#browsers-as-a-subprotocol",
        api: ApiKind::WebSocket,
        identity_sources: &[],
        ttl: Duration::ZERO,
        function: Function::Returns(|_| allow("*", &json!({}))),
        paths: &[""],
        place: Place::Subprotocol,
        token: Token::Good,
    },
    Trap {
        id: "connect_missed",
        title: "A policy for /*/* does not match $connect",
        what: "The policy looks as if it allowed everything, and the client got a 403.",
        why: "The ARN ends in STAGE/$connect: it has one part after the stage, and the pattern wants two.",
        cure: "Allow API/STAGE/*, because * matches slashes too.",
        here: "Cannot happen: its policy always matches $connect.",
        page: "docs/websocket.md#the-policy",
        api: ApiKind::WebSocket,
        identity_sources: &[],
        ttl: Duration::ZERO,
        function: Function::Returns(|_| allow("arn:aws:execute-api:*:*:*/prod/*/*", &json!({}))),
        paths: &[""],
        place: Place::Header,
        token: Token::Good,
    },
    Trap {
        id: "narrow_policy",
        title: "A cached policy for one route",
        what: "The first route worked. The second got a 403, and the function was not asked.",
        why: "The policy allows only the route of the first request, and API Gateway has cached it.",
        cure: "Return one policy for every route that the caller may use.",
        here: "Only with AUTHORIZER_RESOURCE_SCOPE=request, and a cache.",
        page: "docs/rest-and-http.md#what-is-cached",
        api: ApiKind::Rest,
        identity_sources: &[HEADER_OF_METHOD],
        ttl: DEFAULT_TTL,
        function: Function::Returns(|event| {
            allow(event["methodArn"].as_str().unwrap_or_default(), &json!({}))
        }),
        paths: &["/orders", "/me"],
        place: Place::Header,
        token: Token::Good,
    },
    Trap {
        id: "error_text",
        title: "An error other than “Unauthorized”",
        what: "The function refused the token, and the client got a 500 in place of a 401.",
        why: "Only an error whose message is exactly Unauthorized is a 401. This one is in lower case.",
        cure: "Fail with exactly Unauthorized.",
        here: "Cannot happen: it fails with exactly Unauthorized.",
        page: "docs/errors.md#what-the-client-gets",
        api: ApiKind::Rest,
        identity_sources: &[HEADER_OF_METHOD],
        ttl: DEFAULT_TTL,
        function: Function::Fails("unauthorized"),
        paths: &["/orders"],
        place: Place::Header,
        token: Token::Expired,
    },
    Trap {
        id: "nested_context",
        title: "A list in the context",
        what: "The policy allows the request, and the client got a 500.",
        why: "Context values of REST and WebSocket APIs are strings, numbers or booleans.",
        cure: "Join the list into a string.",
        here: "Cannot happen: a list or an object becomes its JSON text.",
        page: "docs/configuration.md#authorizer_context_claims",
        api: ApiKind::Rest,
        identity_sources: &[HEADER_OF_METHOD],
        ttl: DEFAULT_TTL,
        function: Function::Returns(|_| allow("*", &json!({ "groups": ["ops", "sales"] }))),
        paths: &["/orders"],
        place: Place::Header,
        token: Token::Good,
    },
    Trap {
        id: "permission_missing",
        title: "API Gateway may not invoke the function",
        what: "The client got a 500, and the function was not asked and logged nothing.",
        why: "The function's resource-based policy has no statement for this authorizer.",
        cure: "Allow lambda:InvokeFunction to apigateway.amazonaws.com, with the authorizer's SourceArn.",
        here: "Can happen: the permission is part of your deployment.",
        page: "docs/deploy/README.md#the-permission",
        api: ApiKind::Rest,
        identity_sources: &[HEADER_OF_METHOD],
        ttl: DEFAULT_TTL,
        function: Function::NotPermitted,
        paths: &["/orders"],
        place: Place::Header,
        token: Token::Good,
    },
    Trap {
        id: "slash",
        title: "A slash at the end of the issuer",
        what: "The function refused a token of the right issuer with a 401.",
        why: "The token's iss ends with a slash and the setting does not. Issuers are compared exactly.",
        cure: "Copy the iss of a real token into AUTHORIZER_ISSUER.",
        here: "Can happen: the setting is yours. The function's log says that only the slash differs.",
        page: "docs/errors.md#unknown_issuer",
        api: ApiKind::Rest,
        identity_sources: &[HEADER_OF_METHOD],
        ttl: DEFAULT_TTL,
        function: Function::Real,
        paths: &["/orders"],
        place: Place::Header,
        token: Token::SlashInIssuer,
    },
];

#[cfg(test)]
pub(super) fn pages() -> impl Iterator<Item = &'static str> {
    TRAPS.iter().map(|trap| trap.page)
}

/// Returns the traps' names, for the page.
pub(super) fn titles() -> Value {
    TRAPS.iter().map(|trap| json!({ "id": trap.id, "title": trap.title })).collect()
}

impl State {
    /// Sends the requests of a trap to an API of its own.
    pub(super) async fn spring(&self, id: &str) -> Result<Value, String> {
        let trap = TRAPS.iter().find(|trap| trap.id == id);
        let trap = trap.ok_or_else(|| format!("there is no trap {id}"))?;
        let runtime_api = RuntimeApi::start().await.map_err(|error| error.to_string())?;
        let runtime_api = Arc::new(runtime_api);
        let function: Target = match trap.function {
            Function::Real | Function::NotPermitted | Function::OfTypeToken => {
                Arc::clone(&self.lambda).into()
            }
            Function::Returns(_) | Function::Fails(_) => Arc::clone(&runtime_api).into(),
        };
        let recorder = Arc::new(self.recorder.labelled(trap.label()));
        let kind = match trap.kind() {
            Ok(kind) => kind,
            Err(refused) => {
                record_refusal(&recorder, trap.api, &refused).await;
                return Ok(json!({}));
            }
        };
        let identity_sources = trap.identity_sources.iter().map(ToString::to_string).collect();
        let config = AuthorizerConfig { kind, identity_sources, ttl: trap.ttl };
        let authorizer = Authorizer::new(function, config);
        let authorizer = Arc::new(authorizer.map_err(|error| error.to_string())?);
        authorizer.permit(!matches!(trap.function, Function::NotPermitted));
        let api = Api::start(trap.api, authorizer, recorder).await.map_err(|it| it.to_string())?;
        let url = api.url();
        let sent = self.send_all(trap, &url);
        tokio::select! {
            sent = sent => sent?,
            () = answer(&runtime_api, trap.function) => {}
        }
        Ok(json!({}))
    }

    async fn send_all(&self, trap: &Trap, url: &str) -> Result<(), String> {
        for path in trap.paths {
            let message = Message {
                api: trap.api.name().to_owned(),
                stage: None,
                method: String::from("GET"),
                path: (*path).to_owned(),
                place: trap.place,
                token: trap.token.clone(),
            };
            self.send_to(url, trap.api, &message).await?;
        }
        Ok(())
    }
}

/// Records the call of API Gateway's own API that creates an authorizer, and its refusal.
async fn record_refusal(recorder: &Recorder, api: ApiKind, refused: &ConfigError) {
    let mut call = Request::new("POST", format!("/v2/apis/{API_ID}/authorizers"));
    call.received_at = SystemTime::now();
    let body = json!({ "message": refused.to_string() });
    let answer = json_answer(StatusCode::BAD_REQUEST, &body);
    recorder.record(recorder.number(), api, &call, None, None, &answer).await;
}

/// A trap's API, while it runs.
enum Api {
    WebSocket(WebSocketApi),
    Rest(RestApi),
}

impl Api {
    async fn start(
        kind: ApiKind,
        authorizer: Arc<Authorizer>,
        recorder: Arc<Recorder>,
    ) -> std::io::Result<Self> {
        Ok(match kind {
            ApiKind::WebSocket => {
                Self::WebSocket(WebSocketApi::start_at(0, authorizer, recorder).await?)
            }
            ApiKind::Rest | ApiKind::Http => {
                let listening = Listening::start().await?;
                let stages = vec![Stage::new(STAGE, authorizer)];
                let settings = RestSettings::default();
                Self::Rest(RestApi::start_stages(listening, stages, settings, recorder)?)
            }
        })
    }

    fn url(&self) -> String {
        match self {
            Self::WebSocket(api) => api.url(),
            Self::Rest(api) => api.url(),
        }
    }
}

/// Answers events in place of the real function, without an end.
async fn answer(runtime_api: &RuntimeApi, function: Function) {
    let respond: &(dyn Fn(&[u8]) -> FunctionOutcome + Sync) = match function {
        // It takes its events itself.
        Function::Real | Function::NotPermitted | Function::OfTypeToken => {
            return std::future::pending().await;
        }
        Function::Returns(respond) => &move |event| {
            let event = serde_json::from_slice(event).unwrap_or_default();
            FunctionOutcome::Response(respond(&event).to_string().into())
        },
        Function::Fails(message) => &move |_| {
            FunctionOutcome::Error(FunctionError {
                error_type: String::from("Error"),
                error_message: message.to_owned(),
            })
        },
    };
    while let Some((event, id)) = runtime_api.take().await {
        runtime_api.complete(&id, respond(&event));
    }
}

impl Trap {
    /// Returns the kind of the authorizer, if API Gateway accepts it.
    fn kind(&self) -> Result<AuthorizerKind, ConfigError> {
        let kind = match self.api {
            ApiKind::WebSocket => AuthorizerKind::WebSocket,
            // No trap is about HTTP APIs only.
            ApiKind::Rest | ApiKind::Http => AuthorizerKind::RestRequest,
        };
        match self.function {
            Function::OfTypeToken => kind.with(AuthorizerType::Token, None),
            Function::Real | Function::NotPermitted | Function::Returns(_) | Function::Fails(_) => {
                Ok(kind)
            }
        }
    }

    /// Returns what the page says of each request.
    fn label(&self) -> Value {
        json!({
            "title": self.title,
            "what": self.what,
            "why": self.why,
            "cure": self.cure,
            "here": self.here,
            "page": self.page,
            "ttl_s": self.ttl.as_secs(),
            "real": matches!(self.function, Function::Real | Function::NotPermitted),
        })
    }
}

/// Returns an answer that allows one resource.
fn allow(resource: &str, context: &Value) -> Value {
    json!({
        "principalId": "alice",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource }
            ],
        },
        "context": context,
    })
}
