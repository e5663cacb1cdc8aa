//! The stages of a REST or HTTP API. Each has an authorizer of its own, and so a cache of its own.
//!
//! The first part of a URL's path is the stage. `$default`, which only HTTP APIs have, is not in the
//! URL; it gets what no other stage gets.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/stages.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html>

use std::sync::Arc;

use crate::authorizer::Authorizer;
use crate::events::HTTP_API_STAGE;

/// A stage of an API.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The name.
    pub name: String,
    /// The authorizer of all its routes.
    pub authorizer: Arc<Authorizer>,
}

impl Stage {
    /// Creates a stage.
    #[must_use]
    pub fn new(name: &str, authorizer: Arc<Authorizer>) -> Self {
        Self { name: name.to_owned(), authorizer }
    }

    /// Returns what a URL has for the stage, with a slash in front.
    #[must_use]
    pub fn path(&self) -> String {
        if self.name == HTTP_API_STAGE { String::new() } else { format!("/{}", self.name) }
    }

    /// Returns the path below the stage, if the path is in it.
    fn below(&self, path: &str) -> Option<String> {
        match path.strip_prefix(&self.path())? {
            "" => Some(String::from("/")),
            below => below.starts_with('/').then(|| below.to_owned()),
        }
    }
}

/// Returns the stage that a path is in, and the path below it.
pub(crate) fn find<'a>(stages: &'a [Stage], path: &str) -> Option<(&'a Stage, String)> {
    let in_stage = |stage: &'a Stage| Some((stage, stage.below(path)?));
    let (default, named): (Vec<_>, Vec<_>) =
        stages.iter().partition(|stage| stage.name == HTTP_API_STAGE);
    named.into_iter().chain(default).find_map(in_stage)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::authorizer::{AuthorizerConfig, AuthorizerKind};
    use crate::runtime_api::RuntimeApi;

    #[tokio::test]
    async fn finds_the_stage_of_a_path() {
        let config = AuthorizerConfig {
            kind: AuthorizerKind::Http1,
            identity_sources: Vec::new(),
            ttl: Duration::ZERO,
        };
        let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
        let authorizer = Arc::new(Authorizer::new(runtime_api, config).unwrap());
        let stages = |names: &[&str]| -> Vec<Stage> {
            names.iter().map(|name| Stage::new(name, Arc::clone(&authorizer))).collect()
        };
        let (rest, http) = (stages(&["prod", "token"]), stages(&["$default", "v1"]));
        for (stages, path, expected) in [
            (&rest, "/prod/orders", Some(("prod", "/orders"))),
            (&rest, "/token/orders", Some(("token", "/orders"))),
            (&rest, "/prod", Some(("prod", "/"))),
            (&rest, "/production/orders", None),
            (&rest, "/orders", None),
            (&rest, "/", None),
            (&http, "/orders", Some(("$default", "/orders"))),
            (&http, "/v1/orders", Some(("v1", "/orders"))),
            (&http, "/v10/orders", Some(("$default", "/v10/orders"))),
        ] {
            let found = find(stages, path);
            let found = found.as_ref().map(|(stage, below)| (stage.name.as_str(), below.as_str()));
            assert_eq!(found, expected, "{path}");
        }
    }
}
