//! API Gateway's side of the function: the events it sends and the responses it accepts.
//!
//! Nothing here knows how a token is judged, and nothing elsewhere knows the shape of an event or
//! of a response.

pub(crate) mod request;
pub(crate) mod response;
