"""The function, PyJWT and jose, with the same settings. Each tells why it refuses a token, or "" if it accepts it."""

import concurrent.futures
import datetime
import http.server
import json
import os
import pathlib
import subprocess
import threading

import jwt

from tokens import ALGORITHMS, AUDIENCES, PROFILES


class KeyServer:
    """Serves the key set on loopback. The function asks it for a key that is not in its file."""

    def __init__(self, key_set):
        body = json.dumps(key_set).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"


class Function:
    """The executable. `explain --at` decides at any time, by the code that decides in Lambda."""

    def __init__(self, executable, url, key_set_file, now):
        issuers = []
        for name, (typ, leeway) in PROFILES.items():
            issuer = {
                "issuer": f"{url}/{name}",
                "audience": AUDIENCES,
                "algorithms": list(ALGORITHMS),
                "jwks_uri": f"{url}/keys",
                "jwks_file": key_set_file,
                "leeway_seconds": leeway,
            }
            issuers.append(issuer | ({"token_types": [typ]} if typ else {}))
        self.environment = {"AUTHORIZER_ISSUERS": json.dumps(issuers)}
        self.command = [executable, "explain", "--json", "--event", "-", "--at", str(now)]

    def decide_all(self, cases):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self.decide, cases))

    def decide(self, case):
        event = {
            "type": "REQUEST",
            "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/$connect",
            "headers": {"Authorization": f"Bearer {case.token}"},
        }
        event = json.dumps(event).encode()
        done = subprocess.run(self.command, input=event, env=self.environment, capture_output=True)
        report = json.loads(done.stdout)
        # A fault is no decision on the token.
        if report["decision"] not in ("allow", "unauthorized", "deny"):
            raise SystemExit(f"{case}: {report}")
        return report["reason"] or ""


class PyJwt:
    """PyJWT, with a key chosen as its client for key sets does. Without a `kid`, one key must fit."""

    def __init__(self, url, key_set, now):
        class Clock(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return cls.fromtimestamp(now, tz)

        jwt.api_jwt.datetime = Clock
        self.url = url
        self.keys = [key for key in jwt.PyJWKSet.from_dict(key_set) if key.public_key_use == "sig"]

    def decide_all(self, cases):
        return [self.decide(case) for case in cases]

    def decide(self, case):
        try:
            header = jwt.get_unverified_header(case.token)
            if "kid" in header:
                keys = [key for key in self.keys if key.key_id == header["kid"]]
            else:
                keys = [key for key in self.keys if key.algorithm_name == header["alg"]]
            if len(keys) != 1:
                return "no key"
            jwt.decode(
                case.token,
                keys[0],
                algorithms=list(ALGORITHMS),
                audience=AUDIENCES,
                issuer=f"{self.url}/{case.profile}",
                leeway=case.leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
        except Exception as error:  # Not only PyJWT's own: some tokens cause others.
            return type(error).__name__
        return ""


class Jose:
    def __init__(self, url, key_set, now):
        options = {}
        for name, (typ, leeway) in PROFILES.items():
            options[name] = {
                "issuer": f"{url}/{name}",
                "audience": AUDIENCES,
                "algorithms": list(ALGORITHMS),
                "requiredClaims": ["exp"],
                "clockTolerance": leeway,
            } | ({"typ": typ} if typ else {})
        self.settings = {"keySet": key_set, "options": options, "now": now}

    def decide_all(self, cases):
        tokens = [{"profile": case.profile, "token": case.token} for case in cases]
        lines = "".join(json.dumps(line) + "\n" for line in [self.settings, *tokens])
        command = ["node", pathlib.Path(__file__).parent / "jose.mjs"]
        done = subprocess.run(command, input=lines, text=True, check=True, stdout=subprocess.PIPE)
        return done.stdout.splitlines()
