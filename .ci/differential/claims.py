"""Mutations of the claims, and of the JSON that holds them."""

import json

from header import OTHER_TYPES, escaped, repeat, set_or_remove, texts
from tokens import remove, write

#: Differences from now in seconds, as JSON numbers.
EDGES = ["-3600", "-6", "-5", "-4.5", "-1", "-0.5", "0", "0.5", "1", "4.5", "5", "5.5", "6", "3600"]
NUMBERS = ["0", "-1", "-0.0", "1e9", "1E+12", "1e300", "18446744073709551616", "1e400", "-1e400"]
#: Beyond the numbers of 64 bits too, but without an exponent.
MANY_DIGITS = "1" + "0" * 400
STRING_CLAIMS = ["sub", "jti", "client_id", "azp", "scope", "token_use"]


def iss(rng, draft, keys, now):
    others = texts(
        draft.iss + "/", draft.iss.upper(), draft.iss + " ", "https://other.example", "", [draft.iss]
    )
    return set_or_remove(draft.claims, "iss", rng.pick([*others, *OTHER_TYPES, None]))


def aud(rng, draft, keys, now):
    accepted = texts("chat", "chat-admin", ["chat"], ["a", "chat-admin"], ["a"] * 50 + ["chat"])
    others = texts("other", "chat ", "Chat", "", "chat,chat-admin", "chat chat-admin", [], ["other"])
    odd = ['["chat",1]', '["chat",null]', '[["chat"]]', '{"chat":1}', "null", "1", "true", None]
    return set_or_remove(draft.claims, "aud", rng.pick([*accepted, *others, *odd]))


def time(name):
    def mutate(rng, draft, keys, now):
        if rng.chance(0.6):
            edge = rng.pick(EDGES)
            seconds = now + (float(edge) if "." in edge else int(edge))
            set_or_remove(draft.claims, name, json.dumps(seconds))
            return f"now {edge}"
        others = [
            *NUMBERS,
            MANY_DIGITS,
            *texts(str(now + 60), "x", ""),
            "null",
            "true",
            "false",
            '["x"]',
            "{}",
        ]
        return set_or_remove(draft.claims, name, rng.pick([*others, None]))

    mutate.__name__ = name
    return mutate


def registered_type(rng, draft, keys, now):
    """A claim that some check may read, of any type."""
    name, right = rng.pick([*((name, '"x"') for name in STRING_CLAIMS), ("scp", '["x"]'), ("cnf", '{"x":1}')])
    return f"{name}: {set_or_remove(draft.claims, name, rng.pick([*OTHER_TYPES, right]))}"


def other_claim(rng, draft, keys, now):
    """A claim that nothing reads."""
    name = rng.pick(["x", "roles", "https://example.com/x", "", "EXP"])
    values = [*OTHER_TYPES, *texts("x", "é\0\U0001f600"), '{"a":[1,{"b":null}]}']
    return set_or_remove(draft.claims, name, rng.pick(values))


def repeated_claim(rng, draft, keys, now):
    names = ["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "scope", "x"]
    return repeat(rng, draft.claims, names)


def escaped_name(rng, draft, keys, now):
    part = rng.pick([draft.header, draft.claims])
    place = rng.pick(range(len(part)))
    name = json.loads(part[place][0])
    part[place] = (escaped(name), part[place][1])
    return name


def number(rng, draft, keys, now):
    """A number in a claim that nothing reads. Some are not JSON."""
    no_json = ["01", "1.", ".5", "+1", "0x1", "-", "NaN", "Infinity", "-Infinity"]
    value = rng.pick([*NUMBERS, MANY_DIGITS, "9" * 5000, *no_json])
    set_or_remove(draft.claims, "x", value)
    return value if len(value) < 5000 else "5000 digits"


def nesting(rng, draft, keys, now):
    part, depth = rng.pick([draft.header, draft.claims]), rng.pick([10, 100, 126, 127, 128, 129, 500])
    opened, closed = rng.pick([("[", "]"), ('{"a":', "}")])
    set_or_remove(part, "x", opened * depth + "0" + closed * depth)
    return str(depth)


def unicode(rng, draft, keys, now):
    """A string in `sub`, or in a claim that nothing reads."""
    detail, value = rng.pick([
        ("half of a pair", b'"\\ud800"'), ("half of a pair in UTF-8", b'"\xed\xa0\x80"'),
        ("a pair", b'"\\ud83d\\ude00"'), ("NUL", b'"\\u0000"'), ("control character", b'"\x01"'),
        ("newline", b'"\n"'), ("DEL", b'"\x7f"'), ("UTF-8", '"é\u2028\ufffe"'.encode()),
        ("not UTF-8", b'"\xff"'), ("overlong", b'"\xc0\xaf"'), ("bad escape", b'"\\x41"'),
    ])
    name = rng.pick(["x", "sub"])
    remove(draft.claims, name)
    draft.claims_bytes = b'{"%s":%s,%s' % (name.encode(), value, write(draft.claims)[1:])
    return f"{detail} in {name}"


def document(rng, draft, keys, now):
    """Bytes around the JSON, another encoding of it, or something that is no object."""
    part = rng.pick(["header", "claims"])
    json_bytes = write(draft.header if part == "header" else draft.claims)
    text = json_bytes.decode()
    detail, data = rng.pick([
        ("white space", b" \t\r\n" + json_bytes + b" \n"), ("form feed", b"\x0c" + json_bytes),
        ("NBSP", b"\xc2\xa0" + json_bytes), ("BOM", b"\xef\xbb\xbf" + json_bytes),
        ("text after it", json_bytes + b"x"), ("NUL after it", json_bytes + b"\0"),
        ("two objects", json_bytes * 2), ("comment", json_bytes + b"//x"),
        ("trailing comma", json_bytes[:-1] + b",}"), ("single quotes", json_bytes.replace(b'"', b"'")),
        ("cut", json_bytes[:-1]), ("list", b"[" + json_bytes + b"]"), ("string", json.dumps(text).encode()),
        ("null", b"null"), ("number", b"1"), ("empty", b""), ("Latin-1", json_bytes[:-1] + b',"x":"\xe9"}'),
        ("UTF-16", text.encode("utf-16-le")), ("UTF-16 with a BOM", b"\xff\xfe" + text.encode("utf-16-le")),
        ("UTF-32", text.encode("utf-32-be")),
    ])
    if part == "header":
        draft.header_bytes = data
    else:
        draft.claims_bytes = data
    return f"{detail} ({part})"


# `exp` and `document` have more cases than the others.
CLAIMS = [iss, aud, time("exp"), time("exp"), time("nbf"), time("iat"), registered_type, other_claim]
CLAIMS += [repeated_claim, escaped_name, number, nesting, unicode, document, document]
