//! What is behind one connection: the integration gets each event, and its responses become messages.
//!
//! | what happens to a message | the client gets | source |
//! |---|---|---|
//! | the integration answers | the body, if it is not empty: each route has a route response | [AWS, route responses]; that an empty body is no message is not documented |
//! | the stage has neither the route nor `$default` | `Forbidden` | not documented |
//! | the integration fails, or its response is malformed | `Internal server error` | not documented |
//! | the integration's time limit | `Endpoint request timed out` | not documented |
//!
//! An error is JSON with `message`, `connectionId` and `requestId` (not documented). The context of
//! [`$connect`'s authorizer] is in each event. What the integration answers to `$disconnect` has no effect.
//!
//! The events of one connection are answered one after the other; API Gateway promises no order.
//!
//! [AWS, route responses]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
//! [`$connect`'s authorizer]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{Receiver, Sender};

use super::Api;
use super::connection::End;
use super::connections::Command;
use crate::identity::ApiKind;
use crate::integration::{Integrated, IntegrationError};
use crate::recorder::ConnectionEvent;
use crate::request::Request;

/// The connection, as its integration knows it.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) api: Arc<Api>,
    /// The number of the handshake.
    pub(super) number: u64,
    pub(super) handshake: Request,
    /// The authorizer's context.
    pub(super) authorizer: Map<String, Value>,
    pub(super) replies: Sender<Command>,
}

impl Backend {
    /// Asks the `$connect` integration.
    pub(super) async fn connect(&self) -> Integrated {
        let mut event = self.handshake.websocket_connect_proxy();
        event["requestContext"]["authorizer"] = self.authorizer.clone().into();
        self.api.settings.integration.call(ApiKind::WebSocket, event).await
    }

    /// Answers messages until there are no more.
    pub(super) async fn answer(&self, mut messages: Receiver<String>) {
        while let Some(message) = messages.recv().await {
            self.answer_one(&message).await;
        }
    }

    async fn answer_one(&self, body: &str) {
        let number = self.api.recorder.number();
        let route = self.api.settings.routes.select(body);
        let (integrated, reply) = match route {
            None => (None, self.error("Forbidden")),
            Some(route) => {
                let mut event = self.event(route, "MESSAGE");
                event["requestContext"]["messageId"] = STANDARD.encode(number.to_be_bytes()).into();
                event["body"] = body.into();
                let integrated =
                    self.api.settings.integration.call(ApiKind::WebSocket, event).await;
                let reply = match &integrated.result {
                    Ok(response) => String::from_utf8_lossy(&response.body).into_owned(),
                    Err(IntegrationError::Timeout(_)) => self.error("Endpoint request timed out"),
                    Err(_) => self.error("Internal server error"),
                };
                (Some(integrated), reply)
            }
        };
        let reply = (!reply.is_empty()).then_some(reply);
        self.record(number, ("MESSAGE", route), Some(body), integrated.as_ref(), reply.as_deref());
        if let Some(reply) = reply {
            // A client that is gone gets nothing.
            let _ = self.replies.send(Command::Send(reply)).await;
        }
    }

    /// Tells the `$disconnect` integration how the connection ended.
    pub(super) async fn disconnect(&self, end: &End) {
        let number = self.api.recorder.number();
        let mut event = self.event("$disconnect", "DISCONNECT");
        event["requestContext"]["disconnectStatusCode"] = end.code.into();
        event["requestContext"]["disconnectReason"] = end.reason.as_str().into();
        let integrated = self.api.settings.integration.call(ApiKind::WebSocket, event).await;
        let route = ("DISCONNECT", Some("$disconnect"));
        self.record(number, route, None, Some(&integrated), None);
    }

    fn event(&self, route: &str, event_type: &str) -> Value {
        let mut request = self.handshake.clone();
        request.received_at = self.api.clock().wall_time();
        let mut context = request.websocket_context(route, event_type);
        context["connectedAt"] = self.handshake.epoch_millis().into();
        context["authorizer"] = self.authorizer.clone().into();
        json!({ "requestContext": context, "isBase64Encoded": false })
    }

    fn error(&self, message: &str) -> String {
        let id = &self.handshake.connection_id;
        json!({ "message": message, "connectionId": id, "requestId": id }).to_string()
    }

    fn record(
        &self,
        number: u64,
        (event_type, route): (&str, Option<&str>),
        body: Option<&str>,
        integrated: Option<&Integrated>,
        reply: Option<&str>,
    ) {
        self.api.recorder.record_on_connection(&ConnectionEvent {
            number,
            at: self.api.clock().wall_time(),
            connection_id: &self.handshake.connection_id,
            handshake: self.number,
            event_type,
            route,
            body,
            integrated,
            reply,
        });
    }
}
