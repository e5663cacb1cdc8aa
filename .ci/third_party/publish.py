"""Publishes a packaged template with the SAM CLI's own code to a stand-in for the AWS Serverless
Application Repository, and checks what the repository would get.

The limits and patterns are those of
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-template-publishing-applications-metadata-properties.html

Usage: publish.py TEMPLATE VERSION
"""

import re
import sys

import boto3
from botocore.stub import Stubber
from samcli.commands._utils.template import get_template_data
from samcli.vendor.serverlessrepo.publish import publish_application
from samcli.yamlhelper import yaml_parse

# Each property with its longest length and its pattern.
PROPERTIES = {
    "Name": (140, r"[a-zA-Z0-9\-]+"),
    "Description": (256, r".+"),
    "Author": (127, r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?"),
    "SpdxLicenseId": (64, r"MIT"),
    "LicenseBody": (5 * 1024**2, r"(?s)MIT License\n.*"),
    "ReadmeBody": (5 * 1024**2, r"(?s)# jwks-authorizer\n.*"),
    "SemanticVersion": (255, r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?"),
}
LABEL = (127, r"[a-zA-Z0-9+\-_:\/@]+")

# Those of template.yaml that the repository supports:
# https://docs.aws.amazon.com/serverlessrepo/latest/devguide/list-supported-resources.html
SUPPORTED = {
    "AWS::CloudWatch::Alarm",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Serverless::Function",
}


def published(template):
    """Returns the request with which the SAM CLI creates the application."""
    client = boto3.client("serverlessrepo", region_name="us-east-1")
    sent = {}
    client.meta.events.register(
        "provide-client-params.serverlessrepo.CreateApplication",
        lambda params, **_: sent.update(params),
    )
    with Stubber(client) as repository:
        # The stub checks the types of the parameters, and that the required ones are there.
        repository.add_response("create_application", {"ApplicationId": "application"})
        publish_application(get_template_data(template), client)
    return sent


def check_text(name, value, longest, pattern):
    assert 1 <= len(value.encode()) <= longest, f"{name} has {len(value)} characters"
    assert re.fullmatch(pattern, value), f"{name} is {value!r}"


def main():
    template, version = sys.argv[1:]
    request = published(template)
    body = yaml_parse(request.pop("TemplateBody"))
    labels = request.pop("Labels")
    assert request.keys() == PROPERTIES.keys(), f"the properties are {sorted(request)}"
    for name, (longest, pattern) in PROPERTIES.items():
        check_text(name, request[name], longest, pattern)
    assert request["SemanticVersion"] == version, f"the version is {request['SemanticVersion']}"
    assert 1 <= len(labels) <= 10, f"{len(labels)} labels"
    for label in labels:
        check_text("a label", label, *LABEL)
    unsupported = {r["Type"] for r in body["Resources"].values()} - SUPPORTED
    assert not unsupported, f"the repository may not support {unsupported}"
    print(f"{template}: can be published as {request['Name']} {version}")


if __name__ == "__main__":
    main()
