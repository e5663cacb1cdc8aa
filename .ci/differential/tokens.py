"""The issuer's keys, and drafts of valid tokens."""

import base64
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

AUDIENCES = ["chat", "chat-admin"]
ALGORITHMS = {"RS256": "rsa", "ES256": "ec", "EdDSA": "ed"}
PROFILES = {
    # Name: accepted typ, leeway in seconds.
    "plain": (None, 0),
    "typed": ("at+jwt", 5),
}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Keys:
    """The issuer's keys, and one that it does not publish."""

    def __init__(self):
        new_rsa = lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private = {name: new_rsa() for name in ("rsa", "rsa-next", "enc", "forger")}
        self.private["ec"] = ec.generate_private_key(ec.SECP256R1())
        self.private["ed"] = ed25519.Ed25519PrivateKey.generate()

    def key_set(self):
        purposes = [("rsa", "RS256"), ("rsa-next", "RS256"), ("ec", "ES256"), ("ed", "EdDSA")]
        keys = [{"kid": kid, "use": "sig", "alg": alg, **self.jwk(kid)} for kid, alg in purposes]
        keys.append({"kid": "enc", "use": "enc", "alg": "RSA-OAEP", **self.jwk("enc")})
        return {"keys": keys}

    def jwk(self, name):
        public = self.private[name].public_key()
        if name == "ed":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}
        numbers = public.public_numbers()
        if name == "ec":
            x, y = (encode(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        return {"kty": "RSA", "n": encode(numbers.n.to_bytes(256, "big")), "e": "AQAB"}

    def sign(self, name, algorithm, data):
        """Signs by any algorithm that the key's type has, whatever the settings allow."""
        key = self.private[name]
        if algorithm.startswith("HS"):
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            return hmac.digest(public, data, "sha" + algorithm[2:])
        if name == "ed":
            return key.sign(data)
        if name == "ec":
            return fixed(*decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256()))))
        digest = {"384": hashes.SHA384, "512": hashes.SHA512}.get(algorithm[2:], hashes.SHA256)()
        if algorithm.startswith("PS"):
            return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return key.sign(data, padding.PKCS1v15(), digest)


def fixed(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Draft:
    """A token before it is signed. Members are pairs of JSON texts, so that they can be malformed."""

    def __init__(self, rng, issuer, now):
        self.profile = rng.pick(list(PROFILES))
        self.algorithm = rng.pick(list(ALGORITHMS))
        self.key = ALGORITHMS[self.algorithm]
        self.iss = f"{issuer}/{self.profile}"
        typ, self.leeway = PROFILES[self.profile]
        typ = typ or rng.pick([None, "JWT", "at+jwt"])
        self.header = members({"alg": self.algorithm, "kid": self.key, "typ": typ})
        self.claims = members(
            {
                "iss": self.iss,
                "sub": "alice",
                "aud": rng.pick(["chat", "chat-admin", ["chat"], ["other", "chat"]]),
                "exp": now + rng.pick([1, 60, 3600, 60.5]),
                "iat": rng.pick([None, now, now - 60, now - 0.5]),
                "nbf": rng.pick([None, now, now - 60]),
                "scope": rng.pick([None, "openid chat"]),
            }
        )
        self.header_bytes = self.claims_bytes = None
        self.encode_header = self.encode_claims = encode

    def sign(self, keys):
        header = write(self.header) if self.header_bytes is None else self.header_bytes
        claims = write(self.claims) if self.claims_bytes is None else self.claims_bytes
        signed = f"{self.encode_header(header)}.{self.encode_claims(claims)}"
        return signed, keys.sign(self.key, self.algorithm, signed.encode())


def members(values):
    return [(json.dumps(name), json.dumps(value)) for name, value in values.items() if value is not None]


def remove(part, name):
    part[:] = [member for member in part if json.loads(member[0]) != name]


def write(part):
    return ("{" + ",".join(f"{name}:{value}" for name, value in part) + "}").encode()
