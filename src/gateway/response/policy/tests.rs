use super::*;

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";

/// The statements as `EFFECT RESOURCE…`, after a look at what all have in common.
fn lines(policy: Policy) -> Vec<String> {
    let document = policy.into_document();
    assert_eq!(document.version.as_deref(), Some("2012-10-17"));
    let line = |statement: IamPolicyStatement| {
        assert_eq!(statement.action, ["execute-api:Invoke"]);
        format!("{:?} {}", statement.effect, statement.resource.join(" "))
    };
    document.statement.into_iter().map(line).collect()
}

#[test]
fn covers_the_stage_the_api_or_the_request() {
    #[track_caller]
    fn check(arn: &str, scope: ResourceScope, resource: &str) {
        let parsed = MethodArn::parse(arn).unwrap();
        assert_eq!(
            lines(Policy::new(IamPolicyEffect::Allow, &parsed, scope)),
            [format!("Allow {resource}")]
        );
        assert_eq!(
            lines(Policy::new(IamPolicyEffect::Deny, &parsed, scope)),
            [format!("Deny {resource}")]
        );
    }
    let api = "arn:aws:execute-api:eu-west-1:123456789012:abc123/*";
    for route in ["$connect", "GET/", "GET/a/b:c", "POST/"] {
        let arn = format!("{STAGE}/{route}");
        check(&arn, ResourceScope::Stage, &format!("{STAGE}/*"));
        check(&arn, ResourceScope::Api, api);
        check(&arn, ResourceScope::Request, &arn);
    }
    let gov = "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:abc123/$default";
    check(&format!("{gov}/GET/x"), ResourceScope::Stage, &format!("{gov}/*"));
}

#[test]
fn a_resource_has_512_characters_at_most() {
    for character in ["x", "é"] {
        let of_length = |length: usize| {
            let prefix = format!("{STAGE}/GET/");
            let path = character.repeat(length - prefix.chars().count());
            format!("{prefix}{path}")
        };
        let resource = |arn: &str| {
            let arn = MethodArn::parse(arn).unwrap();
            lines(Policy::new(IamPolicyEffect::Allow, &arn, ResourceScope::Request)).remove(0)
        };
        let longest = of_length(512);
        assert_eq!(resource(&longest), format!("Allow {longest}"));
        for length in [513, 514, 9000] {
            let shortened: String = longest.chars().take(511).chain(['*']).collect();
            assert_eq!(resource(&of_length(length)), format!("Allow {shortened}"));
        }
    }
}
