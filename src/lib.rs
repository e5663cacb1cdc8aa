//! A Lambda authorizer for API Gateway that verifies JWTs.
//!
//! [`Authorizer::authorize`] takes an authorizer event and returns the response for API Gateway. A
//! request passes through the modules in this order:
//!
//! ```text
//! event ─▶ request ─▶ token ─▶ issuer ─▶ key ─▶ verified token ─▶ claims ─▶ permit ─▶ context ─▶ response
//!          gateway    jwt      config    jwks   jwt               jwt       access    context    gateway
//! ```
//!
//! Only [`jwks`] uses the network. It fetches the issuer's key set if there are no keys, if they are too
//! old, or, after an answer, if they will soon be ([`Authorizer::refresh_ahead`]). Everything else is a
//! function of the event, the settings and the time.
//!
//! The executable reads the environment into a [`Config`] and runs an [`Authorizer`] behind Lambda's
//! Runtime API. To use the crate as a library:
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
//! #   // So that this example does not use the network.
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
//!
//! // The answer has been sent. Refresh the keys that are near the end of their lifetime.
//! authorizer.refresh_ahead().await;
//! # Ok(())
//! # }
//! # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # tokio.block_on(decide()).unwrap();
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod access;
mod authorizer;
pub mod config;
mod context;
mod decision_log;
pub mod diagnosis;
mod error;
mod excerpt;
mod gateway;
mod hints;
mod invocation;
mod issuer;
mod json;
pub mod jwks;
mod jwt;
mod metrics;
mod resource_metadata;
mod startup;
mod trial;
mod uri;

pub use authorizer::Authorizer;
pub use config::Config;
pub use error::{Class, Error};
pub use excerpt::Excerpt;
pub use gateway::response::{FunctionError, Response};
pub use hints::Hint;
pub use invocation::Invocation;
pub use issuer::{IssuerName, Tenants};
pub use jwt::{PublicKeyError, SUPPORTED_ALGORITHMS, SignatureAlgorithm};
pub use startup::StartError;
pub use uri::UriError;
