//! What a REST API does with one request.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::RestSettings;
use super::backend::answer_of_backend;
use super::gateway_response::{GatewayResponse, refusal_of};
use crate::authorizer::{Authorization, Refusal};
use crate::client_request::{read_body, read_request};
use crate::events::STAGE;
use crate::identity::ApiKind;
use crate::recorder::Recorder;
use crate::request;
use crate::server::{Answer, Disconnect};
use crate::stage::{self, Stage};

/// The path whose requests the function answers itself.
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

#[derive(Debug)]
pub(super) struct Api {
    pub(super) stages: Vec<Stage>,
    pub(super) settings: RestSettings,
    pub(super) recorder: Arc<Recorder>,
    /// The HTTP server of the API of `docs/deploy/mcp.yaml`. The integration has the metadata then.
    pub(super) backend: Option<SocketAddr>,
}

impl Api {
    pub(super) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Answer, Disconnect> {
        let (parts, body) = request.into_parts();
        let body = read_body(body).await?;
        let number = self.recorder.number();
        let mut request = read_request(&parts);
        let (authorization, refusal) = match self.stage(&mut request) {
            None => (None, Some(GatewayResponse::UnknownStage)),
            Some(_) if body.is_none() => (None, Some(GatewayResponse::RequestTooLarge)),
            Some(_) if self.is_for_metadata(&request) => (None, None),
            Some(stage) => {
                let authorization = self.authorize(number, stage, &request).await;
                let refusal = refusal_of(&authorization);
                (Some(authorization), refusal)
            }
        };
        let (authorization, body) = (authorization.as_ref(), body.unwrap_or_default());
        let (integrated, answer) = match (refusal, self.backend) {
            (Some(refusal), _) => (None, Err(refusal)),
            (None, Some(backend)) if authorization.is_some() => {
                let answer = answer_of_backend(backend, parts, body).await;
                (None, answer.ok_or(GatewayResponse::IntegrationFailure))
            }
            (None, _) => {
                let event = proxy_event(&request, authorization, &body);
                let integrated = self.settings.integration.call(ApiKind::Rest, event).await;
                let answer = match &integrated.result {
                    Ok(response) => Ok(response.answer()),
                    Err(error) => Err(GatewayResponse::of_integration(error)),
                };
                (Some(integrated), answer)
            }
        };
        let answer = answer.unwrap_or_else(|refusal| {
            refusal.answer(&self.settings.gateway_responses, &request, authorization)
        });
        let recorder = &self.recorder;
        let integrated = integrated.as_ref();
        recorder.record(number, ApiKind::Rest, &request, authorization, integrated, &answer).await;
        Ok(answer)
    }

    /// Returns the stage that the request is for, and makes the request's path the one below it.
    fn stage(&self, request: &mut request::Request) -> Option<&Stage> {
        match self.backend {
            // The API's custom domain name has the stage.
            Some(_) => self.stages.first(),
            None => {
                let (stage, below) = stage::find(&self.stages, &request.path)?;
                request.path = below;
                request.stage = (stage.name != STAGE).then(|| stage.name.clone());
                Some(stage)
            }
        }
    }

    /// Tells whether the function itself answers the request, without an authorizer.
    fn is_for_metadata(&self, request: &request::Request) -> bool {
        self.backend.is_some() && request.path.starts_with(METADATA_PATH)
    }

    /// Decides whether a request may enter: the authorizer first, then the API key.
    async fn authorize(
        &self,
        number: u64,
        stage: &Stage,
        request: &request::Request,
    ) -> Authorization {
        let mut authorization = stage.authorizer.authorize(number, request).await;
        let known = |key: &String| self.settings.api_keys.contains(key);
        if authorization.decision.is_ok()
            && !self.settings.api_keys.is_empty()
            && !authorization.usage_identifier_key.as_ref().is_some_and(known)
        {
            authorization.decision = Err(Refusal::InvalidApiKey);
        }
        authorization
    }
}

/// Returns the event of a proxy integration.
///
/// The API has no binary media types, so the body is text.
fn proxy_event(
    request: &request::Request,
    authorization: Option<&Authorization>,
    body: &[u8],
) -> Value {
    let mut event = request.rest_proxy();
    if let Some(context) = authorization.and_then(|it| it.decision.as_ref().ok()) {
        event["requestContext"]["authorizer"] = json!(context);
    }
    if !body.is_empty() {
        event["body"] = String::from_utf8_lossy(body).into();
    }
    event
}
