//! The request that API Gateway asks about, read from any kind of authorizer event.

mod arn;
mod credentials;
mod event;

pub(crate) use arn::MethodArn;
pub(crate) use credentials::{Delivery, TokenSource, find_credential};
pub(crate) use event::{AuthorizerRequest, EventKind};
