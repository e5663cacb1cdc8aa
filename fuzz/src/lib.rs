//! What the fuzz targets share: an authorizer without a network, keys that sign its tokens, and
//! independent implementations of what it decides.
//!
//! The oracles are written from the RFCs and from the documentation of IAM, without the function's
//! code. They are slow and simple.

pub mod authorizer;
pub mod event;
pub mod iam;
pub mod json;
pub mod keys;
pub mod log;
pub mod path;
pub mod tokens;
