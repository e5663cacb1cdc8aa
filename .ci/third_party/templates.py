"""Checks what the deployment templates promise, as far as no linter does.

SAM templates are looked at after SAM's own transformation, so that what counts
is what CloudFormation gets.

Usage: templates.py CDK_OUTPUT SERVERLESS_OUTPUT
"""

import json
import logging
import pathlib
import re
import sys

import hcl2
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[2]
DEPLOY = PROJECT / "docs" / "deploy"


def settings():
    """The settings that the authorizer knows, each with its example."""
    source = (PROJECT / "src/config/setting.rs").read_text()
    row = re.compile(r'^    ([A-Z_]+), .*, (?:"([^"]*)"|r#"(.*)"#);$', re.MULTILINE)
    found = {name: plain or raw for name, plain, raw in row.findall(source)}
    assert len(found) == source.split("settings! {")[1].count(";\n"), "settings were overlooked"
    return found


# Templates as CloudFormation gets them.


# It warns that nobody collects the metrics of its own speed.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class NoManagedPolicies:
    def load(self):
        return {}


def template(path, change=lambda parsed: None):
    """Returns a template as CloudFormation gets it, after a change to what the file says."""
    parsed = yaml_parse(path.read_text())
    change(parsed)
    if "Transform" not in parsed:
        return parsed
    for resource in parsed["Resources"].values():
        # The transformation wants what `sam deploy` has uploaded.
        properties = resource["Properties"]
        if "CodeUri" in properties:
            properties["CodeUri"] = "s3://bucket/key"
        if "Location" in properties:
            properties["Location"] = "https://s3.amazonaws.com/bucket/key"
    return transform(parsed, {}, NoManagedPolicies())


def of_type(resources, kind):
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}


def only(found):
    assert len(found) == 1, f"one was expected: {found}"
    return next(iter(found.values()))


def contains(tree, leaf):
    return json.dumps(leaf) in json.dumps(tree)


# Every template.


def names_known_settings_only(path):
    unknown = set(re.findall(r"AUTHORIZER_([A-Z][A-Z_]*)", path.read_text())) - set(settings())
    assert not unknown, f"no settings: {unknown}"


def lets_the_api_call(resources, function):
    """Checks that a permission is there, without which API Gateway answers 500."""
    callers = [
        permission["Principal"]
        for permission in of_type(resources, "AWS::Lambda::Permission").values()
        if contains(permission["FunctionName"], function)
        and "authorizers" in json.dumps(permission.get("SourceArn", "authorizers"))
    ]
    assert callers == ["apigateway.amazonaws.com"], f"callers of {function}: {callers}"


def guards_connect(resources, function):
    """Checks that a WebSocket API asks the function at $connect, whatever the client sends."""
    authorizers = of_type(resources, "AWS::ApiGatewayV2::Authorizer")
    authorizer = only(authorizers)
    assert authorizer["AuthorizerType"] == "REQUEST"
    assert authorizer["IdentitySource"] == []
    uri = json.dumps(authorizer["AuthorizerUri"])
    assert json.dumps(function) in uri or "${%s}" % function.get("Ref") in uri, uri
    routes = of_type(resources, "AWS::ApiGatewayV2::Route")
    guarded = {
        route["RouteKey"]: route.get("AuthorizationType", "NONE") for route in routes.values()
    }
    assert guarded == {"$connect": "CUSTOM", "$default": "NONE", "$disconnect": "NONE"}, guarded
    connect = next(route for route in routes.values() if route["RouteKey"] == "$connect")
    assert connect["AuthorizerId"] == {"Ref": next(iter(authorizers))}
    lets_the_api_call(resources, function)


def may_do_nothing_but(resources, role, actions):
    policies = resources[role]["Properties"].get("Policies", [])
    assert "ManagedPolicyArns" not in resources[role]["Properties"]
    attached = of_type(resources, "AWS::IAM::Policy").values()
    policies = policies + [policy for policy in attached if {"Ref": role} in policy["Roles"]]
    statements = [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]
    allowed = set()
    for statement in statements:
        assert statement["Resource"] != "*", statement
        action = statement["Action"]
        allowed.update([action] if isinstance(action, str) else action)
    assert allowed == actions, allowed


LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}


# template.yaml


def resolve(value, parameters, conditions):
    """Resolves the few functions that the function's Environment uses."""
    match value:
        case {"Ref": "AWS::NoValue"}:
            return None
        case {"Ref": name}:
            return parameters[name]
        case {"Fn::If": [name, met, unmet]}:
            holds = resolve(conditions[name], parameters, conditions)
            return resolve(met if holds else unmet, parameters, conditions)
        case {"Fn::Not": [condition]}:
            return not resolve(condition, parameters, conditions)
        case {"Fn::Equals": [left, right]}:
            return resolve(left, parameters, conditions) == resolve(right, parameters, conditions)
        case str():
            return value
    raise AssertionError(f"cannot resolve {value}")


def with_defaults(main, given):
    return {name: str(p.get("Default")) for name, p in main["Parameters"].items()} | given


def environment(main, given):
    parameters = with_defaults(main, given)
    variables = main["Resources"]["Authorizer"]["Properties"]["Environment"]["Variables"]
    values = {name: resolve(v, parameters, main["Conditions"]) for name, v in variables.items()}
    return {name: value for name, value in values.items() if value is not None}


def is_accepted(parameter, value):
    if "AllowedValues" in parameter:
        return value in parameter["AllowedValues"]
    return re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None


def sets_what_is_given_and_nothing_else(main):
    known = settings()
    parameter_of = {
        name: "".join(word.capitalize() for word in name.split("_")) for name in known
    }
    offered = {name for name, parameter in parameter_of.items() if parameter in main["Parameters"]}
    variables = main["Resources"]["Authorizer"]["Properties"]["Environment"]["Variables"]
    assert set(variables) == {f"AUTHORIZER_{name}" for name in offered}

    required = {"Issuer": known["ISSUER"], "Audience": known["AUDIENCE"]}
    least = {"AUTHORIZER_ISSUER": known["ISSUER"], "AUTHORIZER_AUDIENCE": known["AUDIENCE"]}
    assert environment(main, required) == least
    for name in offered:
        parameter, example = parameter_of[name], known[name]
        definition = main["Parameters"][parameter]
        assert is_accepted(definition, example), f"{parameter} refuses {example}"
        if parameter in required:
            assert not is_accepted(definition, ""), f"{parameter} may be empty"
        else:
            assert is_accepted(definition, definition["Default"]), f"{parameter} has no default"
        expected = least | {f"AUTHORIZER_{name}": example}
        assert environment(main, required | {parameter: example}) == expected


def refuses_what_the_function_would(main):
    bad = {
        "Issuer": ["http://issuer.example.com", "https://a.example.com?b=c", "issuer", " "],
        "Audience": [" ", "chat "],
        "JwksUri": ["http://issuer.example.com/keys", "/keys"],
        "Algorithms": ["HS256", "none", "RS256,", "RS256 ES256", "ed25519", "Ed448"],
        "TokenSources": ["authorization", "header:", "header:a,,query:b", "body:token"],
        "AllowedOrigins": ["app.example.com", "https://app.example.com/", "*"],
        "RequiredScopes": ["chat mail", "chat,"],
        "RequiredClaims": ["tenant=a", "{}"],
        "RouteScopes": ["[]", "{}"],
        "TokenUse": ["refresh"],
        # A function with a reservation of 0 is switched off.
        "ReservedConcurrency": ["0", "-1", "1.5", "many"],
        "AlarmTopicArn": ["my-topic", "arn:aws:sqs:eu-west-1:123456789012:queue"],
    }
    for parameter, values in bad.items():
        for value in values:
            definition = main["Parameters"][parameter]
            assert not is_accepted(definition, value), f"{parameter} takes {value!r}"


def reserves_concurrency_where_asked(main):
    reserved = main["Resources"]["Authorizer"]["Properties"]["ReservedConcurrentExecutions"]
    for given, expected in [({}, None), ({"ReservedConcurrency": "50"}, "50")]:
        parameters = with_defaults(main, given)
        value = parameters["ReservedConcurrency"]
        assert is_accepted(main["Parameters"]["ReservedConcurrency"], value), f"refuses {value!r}"
        assert resolve(reserved, parameters, main["Conditions"]) == expected, given


def refuses_metrics_where_lambda_drops_their_lines(main):
    rule = main["Rules"]["MetricsNeedInfo"]
    [assertion] = rule["Assertions"]
    for namespace, level, accepted in [
        ("", "WARN", True),
        ("JwksAuthorizer", "WARN", False),
        ("JwksAuthorizer", "INFO", True),
        ("JwksAuthorizer", "DEBUG", True),
    ]:
        parameters = with_defaults(main, {"MetricsNamespace": namespace, "LogLevel": level})
        applies = resolve(rule["RuleCondition"], parameters, {})
        holds = not applies or resolve(assertion["Assert"], parameters, {})
        assert holds == accepted, f"{namespace!r} at {level}"


def shows_every_parameter_in_a_group(main):
    groups = main["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(main["Parameters"])


def never_alarms_on_errors(resources):
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        assert alarm["MetricName"] != "Errors", "a 401 is a function error"


def check_main():
    path = PROJECT / "template.yaml"
    main = yaml_parse(path.read_text())
    names_known_settings_only(path)
    sets_what_is_given_and_nothing_else(main)
    refuses_what_the_function_would(main)
    reserves_concurrency_where_asked(main)
    refuses_metrics_where_lambda_drops_their_lines(main)
    shows_every_parameter_in_a_group(main)
    resources = template(path)["Resources"]
    never_alarms_on_errors(resources)
    may_do_nothing_but(resources, "AuthorizerRole", LOGGING)
    assert resources["Sample"]["Condition"] == "HasSample"


def check_sample():
    resources = template(PROJECT / "samples/websocket/template.yaml")["Resources"]
    guards_connect(resources, {"Ref": "AuthorizerArn"})
    may_do_nothing_but(resources, "RoutesRole", LOGGING | {"execute-api:ManageConnections"})


# docs/deploy


def check_websocket_raw():
    names_known_settings_only(DEPLOY / "websocket-raw.yaml")
    guards_connect(template(DEPLOY / "websocket-raw.yaml")["Resources"], {"Ref": "AuthorizerArn"})


def check_rest_api():
    names_known_settings_only(DEPLOY / "rest-api.yaml")
    resources = template(DEPLOY / "rest-api.yaml")["Resources"]
    body = only(of_type(resources, "AWS::ApiGateway::RestApi"))["Body"]
    schemes = {
        name: scheme["x-amazon-apigateway-authorizer"]["type"]
        for name, scheme in body["securityDefinitions"].items()
    }
    assert schemes == {"ByToken": "token", "ByRequest": "request"}
    by_request = body["securityDefinitions"]["ByRequest"]["x-amazon-apigateway-authorizer"]
    assert by_request["identitySource"] == "method.request.header.Authorization"
    assert body["securityDefinitions"]["ByToken"]["name"] == "Authorization"
    guards = {path: methods["get"]["security"] for path, methods in body["paths"].items()}
    assert guards == {"/token": [{"ByToken": []}], "/request": [{"ByRequest": []}]}
    permissions = of_type(resources, "AWS::Lambda::Permission").values()
    callable_ = [p for p in permissions if p["FunctionName"] == {"Ref": "AuthorizerArn"}]
    assert len(callable_) == 2, "each authorizer has a permission"


def without_identity_source(seconds):
    """Returns what a REST API's authorizer becomes that has no identity source and this cache time."""

    def change(parsed):
        authorizers = parsed["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]
        authorizers["ByRequest"]["Identity"] = {"ReauthorizeEvery": seconds}

    resources = template(DEPLOY / "rest-api.yaml", change)["Resources"]
    body = only(of_type(resources, "AWS::ApiGateway::RestApi"))["Body"]
    return body["securityDefinitions"]["ByRequest"]["x-amazon-apigateway-authorizer"]


def check_rest_api_without_identity_source():
    """Checks what the documentation says of SAM: without a cache, no identity source is needed."""
    authorizer = without_identity_source(0)
    assert authorizer["authorizerResultTtlInSeconds"] == 0
    assert "identitySource" not in authorizer
    try:
        without_identity_source(300)
    except InvalidDocumentException:
        return
    raise AssertionError("SAM takes a cache without a key")


def check_http_api():
    names_known_settings_only(DEPLOY / "http-api.yaml")
    resources = template(DEPLOY / "http-api.yaml")["Resources"]
    body = only(of_type(resources, "AWS::ApiGatewayV2::Api"))["Body"]
    authorizer = only(body["components"]["securitySchemes"])["x-amazon-apigateway-authorizer"]
    assert authorizer["authorizerPayloadFormatVersion"] == "2.0"
    assert authorizer["enableSimpleResponses"] is True
    sources = {"$request.header.Authorization", "$context.routeKey"}
    assert set(authorizer["identitySource"]) == sources
    assert body["paths"]["/"]["get"]["security"] == [{"Jwks": []}]
    lets_the_api_call(resources, {"Ref": "AuthorizerArn"})


def check_cdk(output):
    for path in (DEPLOY / "cdk").glob("*.ts"):
        names_known_settings_only(path)
    resources = json.loads(output.read_text())["Resources"]
    functions = of_type(resources, "AWS::Lambda::Function")
    name, function = next(
        (n, f) for n, f in functions.items() if f["Runtime"] == "provided.al2023"
    )
    variables = function["Environment"]["Variables"]
    assert set(variables) == {"AUTHORIZER_ISSUER", "AUTHORIZER_AUDIENCE"}
    assert "ReservedConcurrentExecutions" not in function
    guards_connect(resources, {"Fn::GetAtt": [name, "Arn"]})
    may_do_nothing_but(resources, function["Role"]["Fn::GetAtt"][0], LOGGING)


def check_serverless(output):
    names_known_settings_only(DEPLOY / "serverless.yml")
    resources = json.loads(output.read_text())["Resources"]
    variables = resources["AuthorizerLambdaFunction"]["Properties"]["Environment"]["Variables"]
    assert set(variables) == {"AUTHORIZER_ISSUER", "AUTHORIZER_AUDIENCE"}
    guards_connect(resources, {"Fn::GetAtt": ["AuthorizerLambdaFunction", "Arn"]})
    may_do_nothing_but(resources, "AuthorizerRole", LOGGING)


def check_terraform():
    path = DEPLOY / "terraform" / "main.tf"
    names_known_settings_only(path)
    parsed = hcl2.loads(path.read_text())
    resources = {}
    for block in parsed["resource"]:
        for kind, named in block.items():
            for name, body in named.items():
                resources[f"{unquoted(kind)}.{unquoted(name)}"] = body
    authorizer = resources["aws_apigatewayv2_authorizer.jwks"]
    assert unquoted(authorizer["authorizer_type"]) == "REQUEST"
    assert authorizer["identity_sources"] == []
    connect = resources["aws_apigatewayv2_route.connect"]
    assert unquoted(connect["route_key"]) == "$connect"
    assert unquoted(connect["authorization_type"]) == "CUSTOM"
    assert "aws_apigatewayv2_authorizer.jwks.id" in connect["authorizer_id"]
    permission = resources["aws_lambda_permission.authorizer"]
    assert unquoted(permission["principal"]) == "apigateway.amazonaws.com"
    assert "/authorizers/" in permission["source_arn"]
    function = resources["aws_lambda_function.authorizer"]
    assert unquoted(function["runtime"]) == "provided.al2023"
    assert function["reserved_concurrent_executions"] == "${var.reserved_concurrency}"
    # References to blocks that do not exist, which `terraform validate` would find.
    for kind, name in re.findall(r"\b(aws_[a-z0-9_]+)\.([a-z]+)\.", path.read_text()):
        is_data = any(name in data.get(kind, {}) for data in map(plain_keys, parsed["data"]))
        assert f"{kind}.{name}" in resources or is_data, f"{kind}.{name} does not exist"
    declared = {unquoted(name) for block in parsed["variable"] for name in block}
    used = set(re.findall(r"\bvar\.([a-z_]+)", path.read_text()))
    assert used == declared, f"variables: {used ^ declared}"


def unquoted(text):
    return text.strip('"')


def plain_keys(block):
    return {unquoted(kind): {unquoted(name) for name in named} for kind, named in block.items()}


def main():
    cdk_output, serverless_output = map(pathlib.Path, sys.argv[1:])
    checks = {
        "template.yaml": check_main,
        "samples/websocket": check_sample,
        "docs/deploy/websocket-raw.yaml": check_websocket_raw,
        "docs/deploy/rest-api.yaml": check_rest_api,
        "docs/deploy/rest-api.yaml without identity source": check_rest_api_without_identity_source,
        "docs/deploy/http-api.yaml": check_http_api,
        "docs/deploy/cdk": lambda: check_cdk(cdk_output),
        "docs/deploy/serverless.yml": lambda: check_serverless(serverless_output),
        "docs/deploy/terraform": check_terraform,
    }
    for name, check in checks.items():
        check()
        print(f"  {name}")


if __name__ == "__main__":
    main()
