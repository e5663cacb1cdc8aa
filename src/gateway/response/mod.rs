//! The response to API Gateway: a policy, a simple response, or a function error.

mod answer;
mod policy;

pub use answer::{
    Answer, Caller, FunctionError, HttpApiResponse, MAX_ANSWER_LENGTH, ResponseRules,
    UnauthenticatedResponse,
};
pub use policy::{Policy, ResourceScope};
