"""Checks what the deployment templates promise, as far as no linter does.

SAM templates are looked at after SAM's own transformation, so that what counts
is what CloudFormation gets.

Usage: templates.py CDK_FOLDER SERVERLESS_OUTPUT
"""

import json
import logging
import pathlib
import re
import sys
import tempfile

import hcl2
from samcli.cli.types import CfnParameterOverridesType
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[2]
DEPLOY = PROJECT / "docs" / "deploy"


def settings():
    """The settings that the authorizer knows, each with its example."""
    return {name: example for name, _, example in setting_rows()}


def settings_of_an_issuer():
    """The settings that are for one issuer, and go into the objects of ISSUERS."""
    return [name for name, per_issuer, _ in setting_rows() if per_issuer == "true"]


def setting_rows():
    source = (PROJECT / "src/config/setting.rs").read_text()
    row = re.compile(
        r"^    ([A-Z_]+), per_issuer: (true|false),\n"
        r"(?:    .*\n)*?"
        r'    example: (?:"([^"]*)"|r#"(.*)"#);$',
        re.MULTILINE,
    )
    found = [(name, per, plain or raw) for name, per, plain, raw in row.findall(source)]
    settings = source.split("settings! {")[1].split("}\n\n")[0]
    assert len(found) == settings.count(";\n"), "settings were overlooked"
    on_trial = source.split("settings_on_trial! {")[1].split("}")[0].split()
    return found + [(f"REPORT_ONLY_{name}", *row) for name, *row in found if name in on_trial]


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
    """Resolves the few functions that the template's conditions and values use."""
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
        case {"Fn::And": all_of}:
            return all(resolve(condition, parameters, conditions) for condition in all_of)
        case {"Fn::Or": any_of}:
            return any(resolve(condition, parameters, conditions) for condition in any_of)
        case {"Fn::Join": [separator, {"Ref": name}]}:
            return separator.join(parameters[name].split(","))
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
        return value in map(str, parameter["AllowedValues"])
    return re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None


def parameter_of(setting):
    return "".join(word.capitalize() for word in setting.split("_"))


def least_of(main):
    """The least that a deployment gives, each with the environment that comes of it."""
    known = settings()
    for names in [["ISSUER", "AUDIENCE"], ["ISSUERS"], ["ISSUERS_FILE"]]:
        given = {parameter_of(name): known[name] for name in names}
        yield given, {f"AUTHORIZER_{name}": known[name] for name in names}


def sets_what_is_given_and_nothing_else(main):
    """Checks that a parameter sets each setting, and an empty one nothing."""
    known = settings()
    variables = main["Resources"]["Authorizer"]["Properties"]["Environment"]["Variables"]
    missing = {f"AUTHORIZER_{name}" for name in known} ^ set(variables)
    assert not missing, f"no parameter, or no setting: {missing}"
    for given, least in least_of(main):
        assert environment(main, given) == least
        for name, example in known.items():
            parameter = parameter_of(name)
            definition = main["Parameters"][parameter]
            assert is_accepted(definition, example), f"{parameter} refuses {example}"
            assert is_accepted(definition, ""), f"{parameter} must be given"
            expected = least | {f"AUTHORIZER_{name}": example}
            assert environment(main, given | {parameter: example}) == expected


def asks_for_what_is_needed_first(main):
    """Checks what `sam deploy --guided` asks: it goes through the parameters in their order."""
    names = list(main["Parameters"])
    assert names[:3] == ["Issuer", "Audience", "Issuers"], names[:3]
    for name, definition in main["Parameters"].items():
        assert "Default" in definition, f"Return is no answer to {name}"
        assert is_accepted(definition, str(definition["Default"])), f"{name} refuses its default"


def broken_rules(main, given):
    parameters = with_defaults(main, given)
    return [
        assertion["AssertDescription"]
        for rule in main["Rules"].values()
        if resolve(rule.get("RuleCondition", {"Fn::And": []}), parameters, {})
        for assertion in rule["Assertions"]
        if not resolve(assertion["Assert"], parameters, {})
    ]


def wants_one_issuer_or_several(main):
    known = settings()
    one, several, file = (given for given, _ in least_of(main))
    for given in [one, several, file]:
        assert broken_rules(main, given) == [], given
    for given in [
        {},
        {"Issuer": one["Issuer"]},
        {"Audience": one["Audience"]},
        one | several,
        one | file,
        several | file,
        {"Issuer": one["Issuer"]} | several,
        {"Audience": one["Audience"]} | several,
    ]:
        assert broken_rules(main, given), f"{given} is accepted"
    # Whatever is for one issuer is refused beside several, and accepted with one.
    for name in settings_of_an_issuer():
        more = {parameter_of(name): known[name]}
        assert not broken_rules(main, one | more), name
        for list_of_issuers in [several, file]:
            assert broken_rules(main, list_of_issuers | more), f"{name} is accepted beside it"
    for name in set(known) - set(settings_of_an_issuer()) - {"ISSUERS", "ISSUERS_FILE"}:
        assert not broken_rules(main, several | {parameter_of(name): known[name]}), name


def adds_layers_where_asked(main):
    layers = main["Resources"]["Authorizer"]["Properties"]["Layers"]
    two = "arn:aws:lambda:eu-west-1:123456789012:layer:a:1,arn:aws:lambda:eu-west-1:123456789012:layer:b:2"
    for given, expected in [({}, None), ({"LayerArns": two}, two)]:
        parameters = with_defaults(main, given)
        assert resolve(layers, parameters, main["Conditions"]) == expected, given


def refuses_what_the_function_would(main):
    bad = {
        "Issuer": ["http://issuer.example.com", "https://a.example.com?b=c", "issuer", " "],
        "Audience": [" ", "chat "],
        "Issuers": ["[]", '{"issuer": "https://a.example.com"}', "https://a.example.com"],
        "IssuersFile": ["issuers.json", " "],
        "Tenants": ["a b", "a,", "a/b", "*,a", "{tenant}"],
        "Prefetch": ["yes", "True"],
        "JwksFile": ["jwks.json", " "],
        "CaFile": ["company-ca.pem", " "],
        "MaxTokenAgeSeconds": ["0", "1h", "-1"],
        "LeewaySeconds": ["5s", "-1", "1000"],
        "ResourceScope": ["all"],
        "HttpApiResponse": ["json"],
        "JwksTtlSeconds": ["0", "10m"],
        "JwksMaxStaleSeconds": ["-1", "1d"],
        "JwksCooldownSeconds": ["0", "30s"],
        "JwksTimeoutMs": ["99", "3s"],
        "JwksUri": ["http://issuer.example.com/keys", "/keys"],
        "Algorithms": ["HS256", "none", "RS256,", "RS256 ES256", "ed25519", "Ed448"],
        "TokenSources": ["authorization", "header:", "header:a,,query:b", "body:token"],
        "AllowedOrigins": ["app.example.com", "https://app.example.com/", "*"],
        "RequiredScopes": ["chat mail", "chat,", "[chat", "[]"],
        "ScopeClaims": ["a b", "a,", " "],
        "RequiredClaims": ["tenant=a", "{}"],
        "RouteRules": ["[]", "{}"],
        "TokenUse": ["refresh"],
        "TokenBinding": ["dpop", "MTLS"],
        "Resource": ["api.example.com", "http://api.example.com", "https://a.example/?b"],
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
    least, _ = next(least_of(main))
    for namespace, level, accepted in [
        ("", "WARN", True),
        ("JwksAuthorizer", "WARN", False),
        ("JwksAuthorizer", "INFO", True),
        ("JwksAuthorizer", "DEBUG", True),
    ]:
        given = least | {"MetricsNamespace": namespace, "LogLevel": level}
        assert (not broken_rules(main, given)) == accepted, f"{namespace!r} at {level}"


def shows_every_parameter_in_a_group(main):
    groups = main["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(main["Parameters"])


# What is the same wherever an alarm is, by CloudFormation's names and by Terraform's.
FILTER = {"FilterPattern": "pattern"}
TRANSFORMATION = {
    "MetricName": "name",
    "MetricValue": "value",
    "DefaultValue": "default_value",
    "Unit": "unit",
}
ALARM = {
    "Statistic": "statistic",
    "Period": "period",
    "EvaluationPeriods": "evaluation_periods",
    "DatapointsToAlarm": "datapoints_to_alarm",
    "Threshold": "threshold",
    "ComparisonOperator": "comparison_operator",
    "TreatMissingData": "treat_missing_data",
}


def chosen(properties, names):
    return {name: str(properties[name]) for name in names if name in properties}


def alarms_of(resources):
    """What the alarms of a CloudFormation template watch, by the name of the metric."""
    filters = {}
    for properties in of_type(resources, "AWS::Logs::MetricFilter").values():
        [transformation] = properties["MetricTransformations"]
        found = chosen(properties, FILTER) | chosen(transformation, TRANSFORMATION)
        filters[transformation["MetricName"]] = (transformation["MetricNamespace"], found)
    alarms = {}
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        name = alarm["MetricName"]
        namespace, lines = filters.get(name, ("AWS/Lambda", {}))
        assert alarm["Namespace"] == namespace, f"{name} is counted elsewhere"
        alarms[name] = chosen(alarm, ALARM) | lines
    return alarms


def logs_time_outs(function):
    """Checks that Lambda reports time-outs, which an alarm counts: they are no lines of ours."""
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert function["LoggingConfig"]["SystemLogLevel"] == "INFO"


def notifies(resources, topic):
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        for actions in ["AlarmActions", "OKActions"]:
            assert alarm.get(actions) == topic, alarm["MetricName"]


def main_alarms():
    """The alarms of template.yaml, with its default threshold, which the others have as well."""
    main = yaml_parse((PROJECT / "template.yaml").read_text())
    threshold = main["Parameters"]["FaultAlarmThreshold"]["Default"]
    main["Resources"]["FaultAlarm"]["Properties"]["Threshold"] = threshold
    alarms = alarms_of(main["Resources"])
    # Never Errors: a 401 is a function error.
    assert set(alarms) == {"Faults", "KeyRefreshFailures", "Throttles"}, set(alarms)
    # The function's own errors, and what only Lambda can report.
    filters = " ".join(str(properties) for properties in main["Resources"].values())
    for reported in ["ERROR", "timeout", "Runtime.ExitError", "Runtime.OutOfMemory"]:
        assert f'"{reported}"' in filters, reported
    return alarms


def check_main():
    path = PROJECT / "template.yaml"
    main = yaml_parse(path.read_text())
    names_known_settings_only(path)
    sets_what_is_given_and_nothing_else(main)
    asks_for_what_is_needed_first(main)
    wants_one_issuer_or_several(main)
    adds_layers_where_asked(main)
    refuses_what_the_function_would(main)
    reserves_concurrency_where_asked(main)
    refuses_metrics_where_lambda_drops_their_lines(main)
    shows_every_parameter_in_a_group(main)
    resources = template(path)["Resources"]
    main_alarms()
    logs_time_outs(resources["Authorizer"]["Properties"])
    topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    notifies(resources, topic)
    may_do_nothing_but(resources, "AuthorizerRole", LOGGING)
    assert resources["Sample"]["Condition"] == "HasSample"


def check_parameter_files():
    """Checks the files of docs/deploy/parameters.md with SAM's own reader."""
    main = yaml_parse((PROJECT / "template.yaml").read_text())
    page = (DEPLOY / "parameters.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2, "a file for one issuer, and one for several"
    for block in blocks:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(block)
            file.flush()
            given = CfnParameterOverridesType().convert((f"file://{file.name}",), None, None)
        for name, value in given.items():
            assert is_accepted(main["Parameters"][name], value), f"{name} refuses {value}"
            if value[0] in "[{":
                json.loads(value)
        assert not broken_rules(main, given), given
    for name in settings_of_an_issuer():
        assert f"`{parameter_of(name)}`" in page, f"{parameter_of(name)} is not listed"


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


def check_mcp():
    names_known_settings_only(DEPLOY / "mcp.yaml")
    resources = template(DEPLOY / "mcp.yaml")["Resources"]
    body = only(of_type(resources, "AWS::ApiGateway::RestApi"))["Body"]
    method = "x-amazon-apigateway-any-method"
    guards = {path: methods[method]["security"] for path, methods in body["paths"].items()}
    metadata = "/.well-known/oauth-protected-resource"
    nothing = [{"NONE": []}]
    assert guards == {"/mcp": [{"Jwks": []}], metadata: nothing, f"{metadata}/mcp": nothing}
    for path, methods in body["paths"].items():
        function = "McpServer.Arn" if path == "/mcp" else "AuthorizerArn"
        assert function in methods[method]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    headers = {
        name: response["responseParameters"]["gatewayresponse.header.WWW-Authenticate"]["Fn::Sub"]
        for name, response in body["x-amazon-apigateway-gateway-responses"].items()
    }
    document = f'resource_metadata="https://${{DomainName}}{metadata}/mcp"'
    assert headers == {
        "UNAUTHORIZED": f"'Bearer {document}'",
        "ACCESS_DENIED": f"'Bearer error=\"insufficient_scope\", scope=\"${{Scopes}}\", {document}'",
    }
    # The domain name has the API at its root, where clients look for the document.
    assert not only(of_type(resources, "AWS::ApiGateway::BasePathMapping")).get("BasePath")
    permissions = of_type(resources, "AWS::Lambda::Permission").values()
    callable_ = [p for p in permissions if p["FunctionName"] == {"Ref": "AuthorizerArn"}]
    assert len(callable_) == 2, "the authorizer and the metadata have a permission"


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


def check_cdk(folder):
    for path in (DEPLOY / "cdk").glob("*.ts"):
        names_known_settings_only(path)
    resources = json.loads((folder / "JwksAuthorizer.template.json").read_text())["Resources"]
    name, function = cdk_authorizer(resources)
    variables = function["Environment"]["Variables"]
    assert set(variables) == {"AUTHORIZER_ISSUER", "AUTHORIZER_AUDIENCE"}
    assert "ReservedConcurrentExecutions" not in function
    assert "Layers" not in function
    logs_time_outs(function)
    guards_connect(resources, {"Fn::GetAtt": [name, "Arn"]})
    may_do_nothing_but(resources, function["Role"]["Fn::GetAtt"][0], LOGGING)
    assert alarms_of(resources) == main_alarms()
    notifies(resources, None)

    # The same with all properties, as .ci/deploy gives them.
    resources = json.loads((folder / "Everything.template.json").read_text())["Resources"]
    name, function = cdk_authorizer(resources)
    assert function["Environment"]["Variables"] == {
        "AUTHORIZER_ISSUERS": '[{"issuer": "https://a.example.com", "audience": "chat"}]',
        "AUTHORIZER_JWKS_TTL_SECONDS": "300",
    }
    assert function["ReservedConcurrentExecutions"] == 50
    assert function["Layers"] == ["arn:aws:lambda:eu-west-1:123456789012:layer:key-set:1"]
    expected = main_alarms()
    expected["Faults"]["Threshold"] = "3"
    assert alarms_of(resources) == expected
    notifies(resources, ["arn:aws:sns:eu-west-1:123456789012:alarms"])


def cdk_authorizer(resources):
    functions = of_type(resources, "AWS::Lambda::Function").items()
    return next((n, f) for n, f in functions if f["Runtime"] == "provided.al2023")


def check_serverless(output):
    names_known_settings_only(DEPLOY / "serverless.yml")
    resources = json.loads(output.read_text())["Resources"]
    variables = resources["AuthorizerLambdaFunction"]["Properties"]["Environment"]["Variables"]
    assert set(variables) == {"AUTHORIZER_ISSUER", "AUTHORIZER_AUDIENCE"}
    guards_connect(resources, {"Fn::GetAtt": ["AuthorizerLambdaFunction", "Arn"]})
    may_do_nothing_but(resources, "AuthorizerRole", LOGGING)


# docs/deploy/terraform


def unquoted(text):
    return text.strip('"') if isinstance(text, str) else text


class Terraform:
    """A folder of Terraform files."""

    def __init__(self, folder):
        self.folder = folder
        files = sorted(folder.glob("*.tf"))
        self.text = "\n".join(path.read_text() for path in files)
        parsed = [hcl2.loads(path.read_text()) for path in files]
        self.resources = self.labelled_twice(parsed, "resource")
        self.data = self.labelled_twice(parsed, "data")
        self.variables = self.labelled_once(parsed, "variable")
        self.outputs = self.labelled_once(parsed, "output")
        self.modules = self.labelled_once(parsed, "module")
        self.locals = {}
        for file in parsed:
            for block in file.get("locals", []):
                self.locals |= {name: value for name, value in block.items() if name[:2] != "__"}

    @staticmethod
    def labelled_once(parsed, block):
        return {
            unquoted(name): body
            for file in parsed
            for labelled in file.get(block, [])
            for name, body in labelled.items()
        }

    @classmethod
    def labelled_twice(cls, parsed, block):
        return {
            f"{kind}.{unquoted(name)}": body
            for file in parsed
            for labelled in file.get(block, [])
            for kind, named in [(unquoted(k), n) for k, n in labelled.items()]
            for name, body in named.items()
        }

    def refers_to_what_exists(self):
        """Finds what `terraform validate` would, without the provider's schema."""
        text = re.sub(r"#.*", "", self.text)
        for data, kind, name in re.findall(r"\b(data\.)?(aws_[a-z0-9_]+)\.([a-z_]+)\.", text):
            blocks = self.data if data else self.resources
            assert f"{kind}.{name}" in blocks, f"{data}{kind}.{name} does not exist"
        used = set(re.findall(r"\bvar\.([a-z0-9_]+)", text))
        assert used == set(self.variables), f"variables: {used ^ set(self.variables)}"
        used = set(re.findall(r"\blocal\.([a-z_]+)", text))
        assert used == set(self.locals), f"locals: {used ^ set(self.locals)}"

    def lets_the_api_call(self, function, source):
        permission = self.resources["aws_lambda_permission.authorizer"]
        assert unquoted(permission["action"]) == "lambda:InvokeFunction"
        assert unquoted(permission["principal"]) == "apigateway.amazonaws.com"
        assert permission["function_name"] == "${%s}" % function
        assert unquoted(permission["source_arn"]) == source


def check_terraform_module():
    module = Terraform(DEPLOY / "terraform")
    module.refers_to_what_exists()
    function = module.resources["aws_lambda_function.authorizer"]
    assert unquoted(function["runtime"]) == "provided.al2023"
    assert function["reserved_concurrent_executions"] == "${var.reserved_concurrency}"
    assert function["layers"] == "${var.layers}"
    assert function["environment"][0]["variables"] == "${local.environment}"
    [logging_config] = function["logging_config"]
    assert unquoted(logging_config["log_format"]) == "JSON"
    assert unquoted(logging_config["system_log_level"]) == "INFO"
    has_names_of_its_own(module)

    # Only this policy, and no policy of AWS.
    policies = [name for name in module.resources if name.startswith("aws_iam_") and "policy" in name]
    assert policies == ["aws_iam_role_policy.write_log"], policies
    policy = module.resources["aws_iam_role_policy.write_log"]["policy"]
    assert set(re.findall(r'"(\w+:\w+)"', policy)) == LOGGING, policy
    resources = re.findall(r'Resource = ("[^"]*")', policy)
    assert resources == ['"${aws_cloudwatch_log_group.authorizer.arn}:*"'], policy

    assert terraform_alarms(module) == main_alarms()
    for kind, alarm in module.resources.items():
        if kind.startswith("aws_cloudwatch_metric_alarm."):
            assert alarm["alarm_actions"] == alarm["ok_actions"] == "${local.alarm_actions}"
    assert {"function_arn", "invoke_arn", "log_group_name"} <= set(module.outputs)

    common = set(re.findall(r"^    ([A-Z_]+) +=", module.text, re.MULTILINE))
    assert common <= set(settings()), f"no settings: {common - set(settings())}"
    [reserved] = re.findall(r"setintersection\(keys\(var.settings\), (\[.*?\])\)", module.text)
    assert set(json.loads(reserved)) == common, "settings with variables of their own"


def has_names_of_its_own(module):
    """Checks that two stages do not collide: whatever has a name has the variable in it."""
    assert "default" not in module.variables["name"]
    names = {"function_name", "name", "name_prefix", "alarm_name"}
    # These are within a log group or a role, which has a name of its own.
    inner = {"aws_cloudwatch_log_metric_filter", "aws_iam_role_policy"}
    for kind, body in module.resources.items():
        for attribute in names & set(body):
            if kind.split(".")[0] not in inner:
                assert "var.name" in body[attribute], f"{kind}: {attribute}"
    assert "var.name" in module.locals["metric_namespace"]


def terraform_alarms(module):
    """What the alarms watch, by the name of the metric, in CloudFormation's words."""

    def translated(body, names):
        return {
            cloudformation: str(unquoted(body[terraform])).replace('\\"', '"')
            for cloudformation, terraform in names.items()
            if terraform in body
        }

    filters, alarms = {}, {}
    for kind, body in module.resources.items():
        if kind.startswith("aws_cloudwatch_log_metric_filter."):
            assert body["log_group_name"] == "${aws_cloudwatch_log_group.authorizer.name}", kind
            [transformation] = body["metric_transformation"]
            found = translated(body, FILTER) | translated(transformation, TRANSFORMATION)
            filters[found["MetricName"]] = (transformation["namespace"], found)
    for kind, body in module.resources.items():
        if kind.startswith("aws_cloudwatch_metric_alarm."):
            name = unquoted(body["metric_name"])
            namespace, lines = filters.get(name, ('"AWS/Lambda"', {}))
            assert body["namespace"] == namespace, f"{name} is counted elsewhere"
            alarms[name] = translated(body, ALARM) | lines
    threshold = module.variables["fault_alarm_threshold"]["default"]
    assert alarms["Faults"]["Threshold"] == "${var.fault_alarm_threshold}"
    alarms["Faults"]["Threshold"] = str(threshold)
    return alarms


def terraform_example(name):
    example = Terraform(DEPLOY / "terraform/examples" / name)
    example.refers_to_what_exists()
    module = Terraform(DEPLOY / "terraform")
    authorizer = example.modules["authorizer"]
    assert unquoted(authorizer["source"]) == "../.."
    assert "var.stage_name" in authorizer["name"], "two stages collide"
    given = {name for name in authorizer if name[:2] != "__"} - {"source"}
    required = {name for name, body in module.variables.items() if "default" not in body}
    assert required <= given <= set(module.variables), given
    used = set(re.findall(r"\bmodule\.authorizer\.([a-z_]+)", example.text))
    assert used <= set(module.outputs), used
    return example


def check_terraform_websocket():
    example = terraform_example("websocket")
    authorizer = example.resources["aws_apigatewayv2_authorizer.jwks"]
    assert unquoted(authorizer["authorizer_type"]) == "REQUEST"
    assert authorizer["authorizer_uri"] == "${module.authorizer.invoke_arn}"
    assert authorizer["identity_sources"] == []
    routes = {
        kind: body
        for kind, body in example.resources.items()
        if kind.startswith("aws_apigatewayv2_route.")
    }
    connect = routes.pop("aws_apigatewayv2_route.connect")
    assert unquoted(connect["route_key"]) == "$connect"
    assert unquoted(connect["authorization_type"]) == "CUSTOM"
    assert connect["authorizer_id"] == "${aws_apigatewayv2_authorizer.jwks.id}"
    assert routes and not any("authorization_type" in route for route in routes.values())
    example.lets_the_api_call(
        "module.authorizer.function_name",
        "${aws_apigatewayv2_api.chat.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.jwks.id}",
    )


def check_terraform_http():
    example = terraform_example("http")
    authorizer = example.resources["aws_apigatewayv2_authorizer.jwks"]
    assert unquoted(authorizer["authorizer_type"]) == "REQUEST"
    assert authorizer["authorizer_uri"] == "${module.authorizer.invoke_arn}"
    assert unquoted(authorizer["authorizer_payload_format_version"]) == "2.0"
    assert authorizer["enable_simple_responses"] is True
    sources = {unquoted(source) for source in authorizer["identity_sources"]}
    assert sources == {"$request.header.Authorization", "$context.routeKey"}
    for kind, route in example.resources.items():
        if kind.startswith("aws_apigatewayv2_route."):
            assert unquoted(route["authorization_type"]) == "CUSTOM", kind
            assert route["authorizer_id"] == "${aws_apigatewayv2_authorizer.jwks.id}", kind
    example.lets_the_api_call(
        "module.authorizer.function_name",
        "${aws_apigatewayv2_api.orders.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.jwks.id}",
    )


def check_terraform_rest():
    example = terraform_example("rest")
    # It cannot be without an identity source.
    assert not any(kind.startswith("aws_api_gateway_authorizer.") for kind in example.resources)
    body = example.resources["aws_api_gateway_rest_api.orders"]["body"]
    assert "get = {security = [{Jwks = []}]" in body, body
    assert "Jwks = {type" in body and '"x-amazon-apigateway-authorizer" = local.authorizer' in body, body
    authorizer = example.locals["authorizer"]
    for attribute in [
        'type = "request"',
        "authorizerUri = module.authorizer.invoke_arn",
        "identitySource = var.identity_source",
        # No cache without an identity source: the first caller's answer would be everybody's.
        "authorizerResultTtlInSeconds = var.identity_source == null ? 0 : 300",
    ]:
        assert attribute in authorizer, f"{attribute}: {authorizer}"
    source = example.variables["identity_source"]
    assert unquoted(source["default"]) == "method.request.header.Authorization"
    example.lets_the_api_call(
        "module.authorizer.function_name",
        "${aws_api_gateway_rest_api.orders.execution_arn}/authorizers/*",
    )


def main():
    cdk_folder, serverless_output = map(pathlib.Path, sys.argv[1:])
    checks = {
        "template.yaml": check_main,
        "docs/deploy/parameters.md": check_parameter_files,
        "samples/websocket": check_sample,
        "docs/deploy/websocket-raw.yaml": check_websocket_raw,
        "docs/deploy/rest-api.yaml": check_rest_api,
        "docs/deploy/rest-api.yaml without identity source": check_rest_api_without_identity_source,
        "docs/deploy/http-api.yaml": check_http_api,
        "docs/deploy/mcp.yaml": check_mcp,
        "docs/deploy/cdk": lambda: check_cdk(cdk_folder),
        "docs/deploy/serverless.yml": lambda: check_serverless(serverless_output),
        "docs/deploy/terraform": check_terraform_module,
        "docs/deploy/terraform/examples/websocket": check_terraform_websocket,
        "docs/deploy/terraform/examples/rest": check_terraform_rest,
        "docs/deploy/terraform/examples/http": check_terraform_http,
    }
    for name, check in checks.items():
        check()
        print(f"  {name}")


if __name__ == "__main__":
    main()
