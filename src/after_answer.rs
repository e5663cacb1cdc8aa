//! The layer around the service that posts an answer to Lambda: it refreshes keys when the answer has
//! been posted, and before Lambda is asked for the next event.
//!
//! Until then, Lambda neither freezes the environment nor sends it a request. So the refresh delays no
//! request. With concurrent invocations, Lambda does not freeze the environment, and the refresh goes on
//! in the background.

use std::sync::Arc;

use jwks_authorizer::Authorizer;
use lambda_runtime::{Error, LambdaInvocation, Service, service_fn};

/// Whether Lambda sends the environment one invocation at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invocations {
    OneAtATime,
    Concurrent,
}

/// Wraps the service that handles an invocation and posts the answer. That service is always ready.
pub(crate) fn refresh_keys<S>(
    mut service: S,
    authorizer: Arc<Authorizer>,
    invocations: Invocations,
) -> impl Service<LambdaInvocation, Response = (), Error = Error, Future: Send> + Clone + Send
where
    S: Service<LambdaInvocation, Response = (), Error = Error, Future: Send> + Clone + Send,
{
    service_fn(move |invocation| {
        let answered = service.call(invocation);
        let authorizer = Arc::clone(&authorizer);
        async move {
            answered.await?;
            let refreshed = authorizer.refresh_ahead();
            match invocations {
                Invocations::OneAtATime => refreshed.await,
                Invocations::Concurrent => drop(refreshed),
            }
            Ok(())
        }
    })
}
