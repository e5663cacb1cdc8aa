//! The ARN that an event asks about.
//!
//! See [the format of permissions for API execution](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html).

use std::borrow::Cow;

use crate::error::Error;

/// `arn:PARTITION:execute-api:REGION:ACCOUNT:API/STAGE/ROUTE`, where the route
/// is `METHOD/path` or, on a WebSocket API, a route key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MethodArn<'a> {
    whole: Cow<'a, str>,
    /// Where the API's id ends.
    api_end: usize,
    /// Where the stage ends.
    stage_end: usize,
}

impl<'a> MethodArn<'a> {
    /// The route of a WebSocket handshake.
    const CONNECT: &'static str = "$connect";

    /// Parses an ARN.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableEvent`] if it is not the ARN of an API's route.
    pub(crate) fn parse(whole: impl Into<Cow<'a, str>>) -> Result<Self, Error> {
        let whole = whole.into();
        let error = || {
            Error::unusable_event(
                "the event's ARN is not an execute-api ARN with an API, a stage and a route",
            )
        };
        let mut fields = whole.splitn(6, ':');
        let is_execute_api = fields.next() == Some("arn") && fields.nth(1) == Some("execute-api");
        // What follows the region and the account.
        let resource = fields.nth(2).filter(|_| is_execute_api).ok_or_else(error)?;
        let (api, rest) = resource.split_once('/').ok_or_else(error)?;
        let (stage, _) = rest.split_once('/').ok_or_else(error)?;
        if api.is_empty() || stage.is_empty() {
            return Err(error());
        }
        let api_end = whole.len() - resource.len() + api.len();
        let stage_end = api_end + 1 + stage.len();
        Ok(Self { whole, api_end, stage_end })
    }

    /// Returns the whole ARN.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.whole
    }

    /// Returns the ARN up to the API's id, without a slash at the end.
    #[must_use]
    pub(crate) fn api(&self) -> &str {
        &self.whole[..self.api_end]
    }

    /// Returns the ARN up to the stage, without a slash at the end.
    #[must_use]
    pub(crate) fn stage(&self) -> &str {
        &self.whole[..self.stage_end]
    }

    /// Returns the route: `METHOD/path`, or a WebSocket's route key.
    #[must_use]
    pub(crate) fn route(&self) -> &str {
        &self.whole[self.stage_end + 1..]
    }

    /// Returns the HTTP method; a WebSocket's route key is in its place.
    #[must_use]
    pub(crate) fn method(&self) -> &str {
        self.route().split('/').next().unwrap_or_default()
    }

    /// Returns the partition, for example `aws` or `aws-cn`.
    #[must_use]
    pub(crate) fn partition(&self) -> &str {
        self.whole.split(':').nth(1).unwrap_or_default()
    }

    /// Returns whether this is a WebSocket handshake.
    #[must_use]
    pub(crate) fn is_connect(&self) -> bool {
        self.route() == Self::CONNECT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_api_gateway_sends() {
        #[track_caller]
        fn check(arn: &str, api: &str, stage: &str, route: &str) {
            let parsed = MethodArn::parse(arn).unwrap();
            assert_eq!((parsed.api(), parsed.stage(), parsed.route()), (api, stage, route));
        }
        let base = "arn:aws:execute-api:eu-west-1:123456789012:abc123";
        check(&format!("{base}/prod/$connect"), base, &format!("{base}/prod"), "$connect");
        check(&format!("{base}/prod/GET/"), base, &format!("{base}/prod"), "GET/");
        check(
            &format!("{base}/$default/GET/a/b:c/d"),
            base,
            &format!("{base}/$default"),
            "GET/a/b:c/d",
        );
        let china = "arn:aws-cn:execute-api:cn-north-1:123456789012:abc123";
        check(&format!("{china}/s/POST/x"), china, &format!("{china}/s"), "POST/x");
    }

    #[test]
    fn refuses_other_arns() {
        for arn in [
            "",
            "arn:aws:execute-api:eu-west-1:123456789012:abc123",
            "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod",
            "arn:aws:execute-api:eu-west-1:123456789012:/prod/GET/",
            "arn:aws:execute-api:eu-west-1:123456789012:abc//GET/",
            "arn:aws:lambda:eu-west-1:123456789012:function/a/b",
            "arn:aws:x:execute-api:eu-west-1:123456789012:abc/prod/GET/",
            "*",
        ] {
            assert!(MethodArn::parse(arn).is_err(), "{arn:?}");
        }
    }
}
