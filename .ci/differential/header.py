"""Mutations of the header, and of the key that signs."""

import json

from tokens import remove

#: JSON that is not a string.
OTHER_TYPES = ["null", "1", "true", '["x"]', "{}", "[]"]


def texts(*values):
    return [json.dumps(value) for value in values]


def set_or_remove(part, name, value):
    """Changes a member to a JSON text, or removes it. Returns what it did."""
    remove(part, name)
    if value is None:
        return "absent"
    part.append((json.dumps(name), value))
    return value


def alg(rng, draft, keys, now):
    """Another algorithm. If the key can sign by it, the signature is right."""
    of_key = {
        "rsa": ["RS384", "RS512", "PS256"],
        "ec": ["ES384", "ES512", "ES256K"],
        "ed": ["Ed25519", "Ed448"],
    }[draft.key]
    names = texts(*of_key, "HS256", "none", "None", "", "ML-DSA-44", draft.algorithm.lower())
    value = set_or_remove(draft.header, "alg", rng.pick([*names, *OTHER_TYPES, None]))
    if value in texts("RS384", "RS512", "PS256", "HS256"):
        draft.algorithm = json.loads(value)
    return value


def typ(rng, draft, keys, now):
    types = texts("JWT", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT")
    others = texts("x/at+jwt", "at+jwt;v=1", " at+jwt", "at+jwt+x", "")
    return set_or_remove(draft.header, "typ", rng.pick([*types, *others, *OTHER_TYPES, None]))


def kid(rng, draft, keys, now):
    names = texts("rsa", "rsa-next", "ec", "ed", "enc", "unknown", "", draft.key.upper(), draft.key + "\0")
    return set_or_remove(draft.header, "kid", rng.pick([*names, *OTHER_TYPES, None]))


def key(rng, draft, keys, now):
    """A key that the `kid` does not name, that is for encryption, or that nobody publishes."""
    pairs = ["forger rsa", "forger forger", "rsa-next rsa", "rsa-next rsa-next", "rsa rsa-next"]
    pair = rng.pick([*pairs, "rsa ec", "enc enc", "enc rsa"])
    draft.key, named = pair.split()
    draft.algorithm = "RS256"
    set_or_remove(draft.header, "alg", '"RS256"')
    set_or_remove(draft.header, "kid", json.dumps(named))
    return pair


def key_in_token(rng, draft, keys, now):
    """A key that comes with the token: the forger's, or the issuer's own."""
    name, signer = rng.pick(["jwk", "jku", "x5u", "x5c", "x5t"]), rng.pick(["forger", draft.key])
    if signer == "forger":
        draft.key, draft.algorithm = "forger", "RS256"
        set_or_remove(draft.header, "alg", '"RS256"')
    value = {"jwk": keys.jwk(signer), "x5c": ["MIIB"]}.get(name, f"{draft.iss}/keys")
    set_or_remove(draft.header, name, json.dumps(value))
    return f"{name} of {signer}"


def crit(rng, draft, keys, now):
    value = rng.pick(['["exp"]', '["b64"]', '["b64","b64"]', '["alg"]', "[]", "null", '"exp"', "[1]", "{}"])
    for name, present in [("exp", str(now)), ("b64", "true")]:
        if name in value:
            set_or_remove(draft.header, name, present)
    return set_or_remove(draft.header, "crit", value)


def b64(rng, draft, keys, now):
    if rng.chance(0.5):
        set_or_remove(draft.header, "crit", '["b64"]')
    return set_or_remove(draft.header, "b64", rng.pick(["true", "false", "null", '"false"', "0"]))


def zip_(rng, draft, keys, now):
    return set_or_remove(draft.header, "zip", rng.pick([*texts("DEF", "GZIP", ""), "null"]))


def other_parameter(rng, draft, keys, now):
    """A parameter that nothing reads."""
    name = rng.pick(["cty", "x", "nonce", "iss", "enc", "epk", "Crit", "ALG"])
    values = [*texts("JWT", "x"), *OTHER_TYPES, "1e400", '{"a":[1,{"b":null}]}']
    return f"{name}: {set_or_remove(draft.header, name, rng.pick(values))}"


def repeated_parameter(rng, draft, keys, now):
    return repeat(rng, draft.header, ["alg", "kid", "typ", "x"])


def repeat(rng, part, names):
    """Adds a member that is there already, perhaps with an escape in its name."""
    name = rng.pick(names)
    value = next((text for quoted, text in part if json.loads(quoted) == name), None)
    if value is None:
        value = set_or_remove(part, name, '"x"')
    quoted = rng.pick([json.dumps(name), json.dumps(name), escaped(name)])
    part.insert(rng.pick([0, len(part)]), (quoted, value))
    return name


def escaped(name):
    return f'"\\u{ord(name[0]):04x}{name[1:]}"'


HEADER = [alg, typ, kid, key, key_in_token, crit, b64, zip_, other_parameter, repeated_parameter]
