//! The request that API Gateway asks about, read from any kind of authorizer event.

mod arn;
mod credentials;
mod event;

pub use arn::MethodArn;
pub use credentials::{Credential, Delivery, TokenSource, find_credential};
pub use event::{AuthorizerRequest, EventKind};
