//! Decides for API Gateway whether a request may enter, by the JWT it brings.
//!
//! [`Authorizer::authorize`] takes an authorizer event and returns the response for API Gateway. A
//! request passes through the modules in this order:
//!
//! ```text
//! event ─▶ request ─▶ token ─▶ issuer ─▶ key ─▶ verified token ─▶ claims ─▶ permit ─▶ context ─▶ response
//!          gateway    jwt      config    jwks   jwt               jwt       access    context    gateway
//! ```
//!
//! All of this is pure, without I/O, clock or environment, except for the key: [`jwks`] fetches the
//! issuer's key set when it has to.
//!
//! The executable reads the environment into a [`Config`] and runs an [`Authorizer`] behind Lambda's
//! Runtime API. As a library, the crate decides on an event like this:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use jwks_authorizer::{Authorizer, Config, Invocation};
//!
//! # async fn decide() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = [
//!     ("AUTHORIZER_ISSUER", "https://example.eu.auth0.com/"),
//!     ("AUTHORIZER_AUDIENCE", "https://api.example.com"),
//! #   ("AUTHORIZER_JWKS_URI", "http://127.0.0.1:9/"),
//! ];
//! let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
//! let authorizer = Authorizer::start(Config::from_variables(settings)?).await?;
//!
//! let event = r#"{
//!     "type": "REQUEST",
//!     "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/$connect",
//!     "headers": {}
//! }"#;
//! let deadline = SystemTime::now() + Duration::from_secs(9);
//! let invocation = Invocation { request_id: "1", trace_id: None, deadline };
//!
//! // There is no token in the event. API Gateway answers 401 to this error.
//! let error = authorizer.authorize(event, invocation).await.unwrap_err();
//! assert_eq!(error.error_message, "Unauthorized");
//! # Ok(())
//! # }
//! # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # tokio.block_on(decide()).unwrap();
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod access;
pub mod authorizer;
pub mod config;
pub mod context;
mod decision_log;
pub mod error;
mod excerpt;
pub mod gateway;
pub mod invocation;
mod json;
pub mod jwks;
pub mod jwt;
pub mod metrics;
mod startup;
pub mod uri;

pub use authorizer::Authorizer;
pub use config::Config;
pub use error::Error;
pub use excerpt::Excerpt;
pub use invocation::Invocation;
pub use startup::StartError;
