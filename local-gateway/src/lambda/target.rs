//! What an authorizer or the Invoke API invokes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Invocation, Lambda};
use crate::invocation::InvokeError;
use crate::runtime_api::RuntimeApi;

/// The function, with or without Lambda.
#[derive(Clone, Debug)]
pub enum Target {
    /// Lambda, which runs the function in execution environments.
    Lambda(Arc<Lambda>),
    /// Whatever asks this Runtime API for events. Each event waits for it.
    Process(Arc<RuntimeApi>),
}

impl From<Arc<Lambda>> for Target {
    fn from(lambda: Arc<Lambda>) -> Self {
        Self::Lambda(lambda)
    }
}

impl From<Arc<RuntimeApi>> for Target {
    fn from(runtime_api: Arc<RuntimeApi>) -> Self {
        Self::Process(runtime_api)
    }
}

impl Target {
    /// Invokes the function, and waits for the answer.
    pub(crate) async fn invoke(&self, event: Bytes) -> Invocation {
        match self {
            Self::Lambda(lambda) => lambda.invoke(event).await,
            Self::Process(runtime_api) => {
                Invocation { outcome: runtime_api.invoke(event).await, report: None }
            }
        }
    }

    /// Invokes the function, and waits for the answer no longer than `limit`. Also returns how long it
    /// took.
    pub(crate) async fn invoke_within(
        &self,
        limit: Duration,
        event: Bytes,
    ) -> (Invocation, Duration) {
        let asked_at = Instant::now();
        let invocation = tokio::time::timeout(limit, self.invoke(event)).await;
        let invocation = invocation
            .unwrap_or(Invocation { outcome: Err(InvokeError::ApiTimeout(limit)), report: None });
        (invocation, asked_at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn api_gateway_does_not_wait_longer_than_its_limit() {
        // No function asks for the event.
        let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
        let limit = Duration::from_millis(1);
        let target = Target::from(Arc::clone(&runtime_api));
        let (invocation, took) = target.invoke_within(limit, "event".into()).await;
        assert_eq!(invocation.outcome, Err(InvokeError::ApiTimeout(limit)));
        assert!(took >= limit);
    }
}
