//! Measures jwks-authorizer as a whole process.

fn main() {}
