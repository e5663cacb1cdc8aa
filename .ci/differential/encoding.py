"""Mutations of the compact serialization and of the signature.

Some return a function too, which makes the token from what is signed and the signature.
"""

import json

from header import set_or_remove
from tokens import encode, fixed

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def base64(rng, draft, keys, now):
    """Another base64 of the signature, or of a part that is signed in this form."""
    part = rng.pick(["header", "claims", "signature"])
    detail, change = rng.pick([
        ("padding", lambda text: text + "=" * (-len(text) % 4)), ("one =", lambda text: text + "="),
        ("two =", lambda text: text + "=="), ("four =", lambda text: text + "===="),
        ("left-over bits", left_over_bits), ("cut", lambda text: text[:-1]),
        ("the other alphabet", lambda text: text.replace("-", "+").replace("_", "/")),
        ("space within", lambda text: text[:4] + " " + text[4:]),
        ("line break within", lambda text: text[:4] + "\r\n" + text[4:]),
        ("newline at the end", lambda text: text + "\n"), ("one more character", lambda text: text + "A"),
        ("another character", lambda text: text[:5] + "!" + text[5:]),
        ("a Cyrillic letter", lambda text: text[:5] + "\u0430" + text[5:]),
    ])
    # So that the alphabets differ, and the last character has bits that no byte uses.
    for members in (draft.header, draft.claims):
        set_or_remove(members, "y", json.dumps("~" * rng.pick([3, 4, 5]) + "???>>>"))
    if part == "header":
        draft.encode_header = lambda data: change(encode(data))
    elif part == "claims":
        draft.encode_claims = lambda data: change(encode(data))
    else:
        return f"{detail} (signature)", lambda signed, data: f"{signed}.{change(encode(data))}"
    return f"{detail} ({part})"


def left_over_bits(text):
    """Sets a bit of the last character that no byte uses, if there is one."""
    return text if len(text) % 4 in (0, 1) else text[:-1] + ALPHABET[ALPHABET.index(text[-1]) ^ 1]


def signature(rng, draft, keys, now):
    place, bit = rng.random(), 1 << rng.pick(range(8))
    changes = [
        ("one bit", lambda data: flipped(data, int(place * len(data)), bit)), ("empty", lambda data: b""),
        ("cut", lambda data: data[:-1]), ("one more byte", lambda data: data + b"\0"),
        ("zero before it", lambda data: b"\0" + data), ("zeros", lambda data: bytes(len(data))),
        ("half", lambda data: data[: len(data) // 2]), ("twice", lambda data: data * 2),
        ("backwards", lambda data: data[::-1]),
    ]
    if draft.key == "ec":
        changes += [("the other s", other_s), ("ASN.1", asn_1)]
    detail, change = rng.pick([*changes, changes[0]])
    return detail, lambda signed, data: f"{signed}.{encode(change(data))}"


def flipped(data, place, bit):
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


def other_s(data):
    """The second signature that ECDSA has: (r, n - s)."""
    return fixed(int.from_bytes(data[:32], "big"), P256_ORDER - int.from_bytes(data[32:], "big"))


def asn_1(data):
    integers = b""
    for half in (data[:32], data[32:]):
        half = half.lstrip(b"\0")
        half = b"\0" + half if half[0] & 0x80 else half
        integers += bytes([2, len(half)]) + half
    return bytes([0x30, len(integers)]) + integers


def swapped(rng, draft, keys, now):
    """A header or claims that the signature is not for."""
    part = rng.pick(["header", "claims"])
    other = {"alg": draft.algorithm, "kid": draft.key} if part == "header" else {"iss": draft.iss}

    def edit(signed, data):
        header, claims = signed.split(".")
        other_part = encode(json.dumps(other).encode())
        signed = f"{other_part}.{claims}" if part == "header" else f"{header}.{other_part}"
        return f"{signed}.{encode(data)}"

    return part, edit


def shape(rng, draft, keys, now):
    """Another number of parts, or another serialization."""
    header = lambda signed: signed.split(".")[0]
    return rng.pick([
        ("dot after it", lambda signed, data: f"{signed}.{encode(data)}."),
        ("dot before it", lambda signed, data: f".{signed}.{encode(data)}"),
        ("two dots", lambda signed, data: f"{signed}..{encode(data)}"),
        ("one part", lambda signed, data: header(signed)), ("two parts", lambda signed, data: signed),
        ("four parts", lambda signed, data: f"{signed}.{encode(data)}.AA"),
        ("five parts", lambda signed, data: f"{signed}.{encode(data)}.AA.AA"),
        ("JWE", lambda signed, data: f"{encode(b'{}')}.AA.AA.AA.{encode(data)}"),
        ("detached", lambda signed, data: f"{header(signed)}..{encode(data)}"),
        ("only dots", lambda signed, data: ".."),
        ("twice", lambda signed, data: f"{signed}.{encode(data)}.{signed}.{encode(data)}"),
        ("JSON", lambda signed, data: flattened(*signed.split("."), encode(data))),
    ])


def flattened(header, claims, signature):
    return json.dumps({"protected": header, "payload": claims, "signature": signature})


def white_space(rng, draft, keys, now):
    """White space and other characters around the token."""
    detail, change = rng.pick([
        ("space before", lambda token: " " + token), ("space after", lambda token: token + " "),
        ("tab before", lambda token: "\t" + token), ("newline after", lambda token: token + "\n"),
        ("NBSP before", lambda token: "\u00a0" + token), ("NUL after", lambda token: token + "\0"),
        ("space at a dot", lambda token: token.replace(".", " .", 1)),
        ("quotes", lambda token: f'"{token}"'), ("list", lambda token: f"{token},{token}"),
    ])
    return detail, lambda signed, data: change(f"{signed}.{encode(data)}")


def size(rng, draft, keys, now):
    """A token of about 8192 bytes, or one that is much larger."""
    wanted = rng.pick([8000, 8190, 8191, 8192, 8193, 8194, 8200, 20_000])
    signed, data = draft.sign(keys)
    missing = wanted - len(f"{signed}.{encode(data)}")
    set_or_remove(draft.claims, "x", json.dumps("x" * (missing * 3 // 4 - len(',"x":""'))))
    return str(wanted)


ENCODING = [base64, base64, signature, swapped, shape, white_space, size]
