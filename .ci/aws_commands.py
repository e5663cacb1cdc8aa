"""Checks the `aws` commands on the project's pages against the models that the AWS CLI is made from.

It finds a service, an operation or a parameter that does not exist, a required parameter that is
missing, and a value that is not one of the allowed ones. It does not look into structures, such as
the value of `--environment`. Nothing talks to AWS.

Usage: aws_commands.py PAGE...
"""

import pathlib
import re
import shlex
import sys

import botocore.exceptions
import botocore.session
from botocore import xform_name

# Options of every command, with the number of values that each takes.
GLOBAL_OPTIONS = {
    "--cli-binary-format": 1,
    "--endpoint-url": 1,
    "--output": 1,
    "--profile": 1,
    "--query": 1,
    "--region": 1,
}

# Where the AWS CLI takes an option of its own in place of a parameter.
REPLACED_OPTIONS = {
    ("lambda", "create-function", "--zip-file"): "--code",
    ("lambda", "publish-layer-version", "--zip-file"): "--content",
}

# Services to which the AWS CLI gives another name.
RENAMED_SERVICES = {"s3api": "s3"}

BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A command in running text; without parameters, it is only the command's name.
INLINE = re.compile(r"(?<!`)`(aws [^`\n]* --[^`\n]*)`")
COMMAND = re.compile(r"(?<![\w./-])aws +[a-z]")

SESSION = botocore.session.Session()


def commands(page):
    """Returns the `aws` commands in a page's shell blocks and text, each as a list of words."""
    found = []
    for block in BLOCK.findall(page) + INLINE.findall(page):
        before = len(found)
        script = block.replace("\\\n", " ")
        for line in script.splitlines():
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="();|&<>")
            lexer.whitespace_split = True
            command = None
            for word in lexer:
                if word == "aws":
                    command = [word]
                    found.append(command)
                elif set(word) <= set("();|&<>"):
                    command = None
                elif command:
                    command.append(word)
        read = len(found) - before
        assert read == len(COMMAND.findall(script)), f"not all commands were read:\n{block}"
    return found


def mistakes(command):
    """Returns what is wrong with one command."""
    if len(command) < 3:
        return ["it has no service or no operation"]
    _, service, name, *arguments = command
    try:
        model = SESSION.get_service_model(RENAMED_SERVICES.get(service, service))
    except botocore.exceptions.UnknownServiceError:
        return [f"there is no service {service}"]
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if name not in operations:
        return [f"{service} has no operation {name}"]
    operation = model.operation_model(operations[name])
    shape = operation.input_shape
    members = shape.members if shape else {}
    parameters = {f"--{xform_name(name, '-')}": name for name in members}

    # The AWS CLI writes what is streamed to a file, which is the last word.
    if operation.has_streaming_output and arguments:
        arguments.pop()
    found, given, option = [], {}, None
    for word in arguments:
        if word.startswith("--"):
            option = REPLACED_OPTIONS.get((service, name, word), word)
            given[option] = []
        elif option is None:
            found.append(f"{word} belongs to no parameter")
        else:
            given[option].append(word)
    for option, values in given.items():
        if option in GLOBAL_OPTIONS:
            if len(values) != GLOBAL_OPTIONS[option]:
                found.append(f"{option} has {len(values)} values")
            continue
        member = members.get(parameters.get(option))
        negated = members.get(parameters.get(option.replace("--no-", "--", 1)))
        if member is None and (negated is None or negated.type_name != "boolean"):
            found.append(f"{option} does not exist")
        elif member is not None:
            found.extend(value_mistakes(option, member, values))
    # The AWS CLI generates a token that makes a call idempotent.
    required = set(shape.required_members if shape else []) - set(operation.idempotent_members)
    for option in sorted(f"--{xform_name(member, '-')}" for member in required):
        if option not in given:
            found.append(f"{option} is missing")
    return found


def value_mistakes(option, member, values):
    if member.type_name == "boolean":
        return [f"{option} takes no value"] if values else []
    if not values:
        return [f"{option} has no value"]
    if member.type_name in ("list", "map", "structure"):
        return []
    if len(values) > 1:
        return [f"{option} has {len(values)} values"]
    is_literal = "$" not in values[0]
    allowed = getattr(member, "enum", [])
    if is_literal and allowed and values[0] not in allowed:
        return [f"{option} is not one of {', '.join(allowed)}"]
    if is_literal and member.type_name in ("integer", "long") and not values[0].isdigit():
        return [f"{option} is not a number"]
    return []


def check_itself():
    """Holds the checks: one command that is right, and twins that are wrong in one thing each."""
    right = (
        "aws apigatewayv2 create-authorizer --api-id $API --name jwks --authorizer-type REQUEST"
        " --identity-source '[]' --enable-simple-responses --authorizer-result-ttl-in-seconds 300"
        " --query AuthorizerId"
    )
    twins = {
        ("", ""): [],
        ("apigatewayv2", "apigateway2"): ["there is no service apigateway2"],
        ("create-authorizer", "make-authorizer"): ["apigatewayv2 has no operation make-authorizer"],
        ("--api-id", "--api"): ["--api does not exist", "--api-id is missing"],
        (" --name jwks", ""): ["--name is missing"],
        (" --name jwks", " --name"): ["--name has no value"],
        ("jwks", "jwks authorizer"): ["--name has 2 values"],
        ("REQUEST", "TOKEN"): ["--authorizer-type is not one of REQUEST, JWT"],
        ("REQUEST", "$TYPE"): [],
        ("responses", "responses true"): ["--enable-simple-responses takes no value"],
        ("--enable-", "--no-enable-"): [],
        ("300", "5m"): ["--authorizer-result-ttl-in-seconds is not a number"],
        (" AuthorizerId", ""): ["--query has 0 values"],
        ("--api-id", "stray --api-id"): ["stray belongs to no parameter"],
    }
    for (old, new), expected in twins.items():
        page = f"```sh\nID=$({right.replace(old, new)})\n```\n"
        [command] = commands(page)
        assert mistakes(command) == expected, f"{command}: {mistakes(command)}"
    invoke = "aws lambda invoke --function-name f --cli-binary-format raw-in-base64-out"
    assert mistakes([*invoke.split(), "response.json"]) == []
    assert mistakes(invoke.split()) == ["--cli-binary-format has 0 values"]
    layer = "aws lambda publish-layer-version --layer-name l"
    assert mistakes([*layer.split(), "--zip-file", "fileb://layer.zip"]) == []
    assert mistakes(layer.split()) == ["--content is missing"]
    sign = "aws signer start-signing-job --profile-name p --source s3={} --destination s3={}"
    assert mistakes(sign.split()) == []
    put = "aws s3api put-object --bucket b --key k --body f"
    assert mistakes(put.split()) == []
    # Continued lines, prompts, several commands in a line, and commands in running text.
    page = (
        "aws a\n```text\naws b\n```\n```console\n$ aws c \\\n    --d | aws e\n```\n"
        "```sh\naws f\n```\nSee `aws g h` and `aws i --j`.\n"
    )
    expected = [["aws", "c", "--d"], ["aws", "e"], ["aws", "f"], ["aws", "i", "--j"]]
    assert commands(page) == expected, commands(page)


def main():
    check_itself()
    count, failed = 0, False
    for page in map(pathlib.Path, sys.argv[1:]):
        for command in commands(page.read_text()):
            count += 1
            for mistake in mistakes(command):
                failed = True
                print(f"{page}: {shlex.join(command)}\n    {mistake}", file=sys.stderr)
    assert count > 10, "the commands are no longer read as they are written"
    print(f"{count} commands")
    sys.exit(failed)


if __name__ == "__main__":
    main()
