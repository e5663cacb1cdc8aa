//! What API Gateway sends an authorizer, and what it wants back.
//!
//! Nothing here knows how a token is judged; nothing elsewhere knows how API
//! Gateway puts things.

mod arn;
mod credentials;
mod event;
mod policy;
mod response;

pub use arn::MethodArn;
pub use credentials::{Credential, TokenSource, find_credential};
pub use event::{AuthorizerRequest, EventKind};
pub use policy::{Policy, PolicyReach, ResourceScope};
pub use response::{
    Answer, FunctionError, HttpApiResponse, MAX_ANSWER_LENGTH, ResponseRules,
    UnauthenticatedResponse, Verdict,
};
