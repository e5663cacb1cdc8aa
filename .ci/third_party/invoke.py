"""Invokes the built function with every kind of event, through AWS's own tool.

`cargo lambda watch` stands in for Lambda and `cargo lambda invoke` for API
Gateway; the issuer is a server on the loopback interface that signs tokens
with a key made here. Nothing leaves the machine.

Usage: invoke.py BOOTSTRAP
"""

import base64
import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

EVENTS = pathlib.Path(__file__).parent / "events"
PROJECT = pathlib.Path(__file__).parents[2]
PATIENCE_SECONDS = 30

ACCOUNT = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5"
KINDS = {
    "websocket-connect": f"{ACCOUNT}/default/*",
    "rest-token": f"{ACCOUNT}/prod/*",
    "rest-request": f"{ACCOUNT}/prod/*",
    "http-api-1": f"{ACCOUNT}/$default/*",
    "http-api-2": None,  # A simple response has no policy.
}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Serves a key set and its discovery document, and signs tokens."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                document = issuer.documents().get(self.path)
                body = json.dumps(document).encode()
                self.send_response(404 if document is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        return Handler

    def documents(self):
        numbers = self.key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "kid": "k1",
            "use": "sig",
            "n": base64url(numbers.n.to_bytes(256, "big")),
            "e": base64url(numbers.e.to_bytes(3, "big")),
        }
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
            },
            "/keys": {"keys": [key]},
        }

    def token(self, expires_at, scope):
        claims = {
            "iss": self.url,
            "aud": "chat",
            "sub": "alice",
            "scope": scope,
            "exp": expires_at,
        }
        parts = [{"alg": "RS256", "kid": "k1"}, claims]
        signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64url(signature)}"


class Function:
    """The function beside a stand-in for Lambda, for as long as the context lasts."""

    def __init__(self, bootstrap, settings):
        self.bootstrap = bootstrap
        self.settings = settings

    def __enter__(self):
        with contextlib.ExitStack() as started:
            directory = started.enter_context(tempfile.TemporaryDirectory())
            self.directory = pathlib.Path(directory)
            self.port = free_port()
            address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(self.port)]
            # The function is the one that was built, not one that `watch` would build.
            watch = ["cargo", "lambda", "watch", "--only-lambda-apis", *address]
            self.lambda_ = started.enter_context(self.process("lambda", watch, os.environ))
            wait_until(self.accepts_connections, self)
            environment = {
                "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{self.port}/.rt",
                "AWS_LAMBDA_FUNCTION_NAME": "_",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                **self.settings,
            }
            started.enter_context(self.process("function", [self.bootstrap], environment))
            self.processes = started.pop_all()
        self.address = address
        return self

    def __exit__(self, *error):
        self.processes.close()

    @contextlib.contextmanager
    def process(self, name, command, environment):
        with open(self.directory / name, "w") as log:
            process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def accepts_connections(self):
        if self.lambda_.poll() is not None:
            raise SystemExit(f"cargo lambda watch ended\n{self.output()}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def output(self):
        logs = (self.directory / name for name in ("lambda", "function"))
        return "".join(log.read_text() for log in logs if log.exists())

    def log_lines(self):
        lines = (self.directory / "function").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def invoke(self, kind, token):
        """Returns the function's answer, or the message of its error."""
        event = (EVENTS / f"{kind}.json").read_text().replace("${TOKEN}", token)
        file = self.directory / "event.json"
        file.write_text(event)
        options = ["--data-file", file, "--output-format", "json"]
        done = subprocess.run(
            ["cargo", "lambda", "invoke", *self.address, *options],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        if done.returncode == 0:
            return json.loads(done.stdout)
        marks = [line for line in done.stderr.splitlines() if line.strip().startswith("×")]
        assert marks, f"cargo lambda invoke: {done.stderr}\n{self.output()}"
        return marks[0].strip().removeprefix("× ")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_until(is_true, function):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            raise SystemExit(f"not ready after {PATIENCE_SECONDS} s\n{function.output()}")
        time.sleep(0.02)


def answer(effect, resource, context):
    """The answer in the form that goes with an event's kind."""
    if resource is None:
        return {"isAuthorized": effect == "Allow", "context": context}
    statement = {"Action": ["execute-api:Invoke"], "Effect": effect, "Resource": [resource]}
    return {
        "principalId": "alice",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }


def check(name, actual, expected):
    if actual != expected:
        shown = [json.dumps(value, indent=2, sort_keys=True) for value in (actual, expected)]
        raise SystemExit(f"{name} answered\n{shown[0]}\nand not\n{shown[1]}")
    print(f"  {name}")


def answers_every_kind_of_event(bootstrap):
    issuer = Issuer()
    expires_at = int(time.time()) + 3600
    good = issuer.token(expires_at, "chat")
    expired = issuer.token(expires_at - 7200, "chat")
    powerless = issuer.token(expires_at, "mail")
    settings = {
        "AUTHORIZER_ISSUER": issuer.url,
        "AUTHORIZER_AUDIENCE": "chat",
        "AUTHORIZER_REQUIRED_SCOPES": "chat",
    }
    with Function(bootstrap, settings) as function:
        for kind, resource in KINDS.items():
            context = {"sub": "alice", "iss": issuer.url, "scope": "chat", "exp": expires_at}
            if kind == "websocket-connect":
                context["subprotocol"] = "bearer"
            allowed = answer("Allow", resource, context)
            denied = answer("Deny", resource, {"reason": "insufficient_scope"})
            check(f"{kind}: a good token", function.invoke(kind, good), allowed)
            check(f"{kind}: one without the scope", function.invoke(kind, powerless), denied)
            check(f"{kind}: an expired one", function.invoke(kind, expired), "Unauthorized")
        for token in (good, expired, powerless):
            assert token.split(".")[2] not in function.output(), "a signature is in the log"


def tells_the_alarms(bootstrap):
    """Checks the log lines that the metric filters of template.yaml count."""
    issuer = Issuer()
    token = issuer.token(int(time.time()) + 3600, "chat")
    issuer.server.shutdown()
    issuer.server.server_close()
    settings = {"AUTHORIZER_ISSUER": issuer.url, "AUTHORIZER_AUDIENCE": "chat"}
    with Function(bootstrap, settings) as function:
        message = function.invoke("rest-token", token)
        check("an issuer that is down", message.split(":")[0], "keys_unavailable")
        lines = function.log_lines()
    decisions = [line["level"] for line in lines if line.get("decision") == "error"]
    check("its decision is a warning, once", decisions, ["WARN"])
    refreshes = [line["level"] for line in lines if line.get("outcome") == "failed"]
    check("a failed refresh without keys is logged at ERROR", set(refreshes), {"ERROR"})
    faults = [line for line in lines if line["level"] == "ERROR"]
    check("nothing else is", len(faults), len(refreshes))


def tells_of_a_start_that_fails(bootstrap):
    settings = {"AUTHORIZER_ISSUER": "https://issuer.example.com", "AUTHORIZER_AUDIENCE": ""}
    with Function(bootstrap, settings) as function:
        ended = lambda: "AUTHORIZER_AUDIENCE" in function.output()
        wait_until(ended, function)
        levels = {line["level"] for line in function.log_lines()}
    check("a start that fails is logged at ERROR", levels, {"ERROR"})


def main():
    bootstrap = pathlib.Path(sys.argv[1]).resolve(strict=True)
    answers_every_kind_of_event(bootstrap)
    tells_the_alarms(bootstrap)
    tells_of_a_start_that_fails(bootstrap)


if __name__ == "__main__":
    main()
