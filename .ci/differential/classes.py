"""The classes of differences between the function and the libraries.

The table in `docs/security.md` has a row for each. `differential.py` compares the two.
"""

import dataclasses
import typing

PYJWT, JOSE, BOTH = ["PyJWT"], ["jose"], ["PyJWT", "jose"]
MALFORMED = ["malformed_token"]

#: The claims and the header parameters that the function reads by name.
READ = ["alg", "kid", "typ", "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope"]


@dataclasses.dataclass
class Class:
    name: str
    #: The rule by which the function decides.
    rule: str
    #: The libraries that decide differently.
    libraries: list
    #: The reasons for which the function refuses these tokens, or [""] if it accepts them.
    reasons: list
    #: Whether a token is of this class, by how it was made.
    includes: typing.Callable

    def covers(self, case, library, reason):
        return library in self.libraries and reason in self.reasons and self.includes(case)


def has_wrong_type(case):
    match case.mutation:
        case "typ":
            return not case.detail.startswith('"')
        case "aud":
            return case.detail in ('["chat",1]', '["chat",null]')
        case "exp" | "nbf" | "iat":
            return case.detail.startswith('"') or case.detail in ("true", "false", "null")
    return case.mutation == "registered_type"


def is_infinite(text):
    """Whether a number is beyond those of 64 bits."""
    try:
        return abs(float(text)) == float("inf")
    except ValueError:
        return False


STRICTER = [
    Class(
        "a parameter or claim that occurs twice",
        "RFC 7515 §4, RFC 7519 §4",
        BOTH,
        MALFORMED,
        lambda case: case.mutation in ("repeated_parameter", "repeated_claim") and case.detail in READ,
    ),
    Class("a parameter or claim of the wrong type", "RFC 7515 §4.1, RFC 7519 §4.1", BOTH, MALFORMED, has_wrong_type),
    Class(
        "`crit`, `b64` or `zip`",
        "RFC 7515 §4.1.11, RFC 7797 §7, RFC 7516 §4.1.3",
        BOTH,
        ["unsupported_critical_header"],
        lambda case: case.mutation in ("crit", "b64", "zip"),
    ),
    Class(
        "base64url with padding, white space or left-over bits",
        "RFC 7515 §2, RFC 4648 §3.5",
        BOTH,
        MALFORMED,
        lambda case: case.mutation == "base64" or case.detail == "newline after",
    ),
    Class(
        "JSON with a byte order mark",
        "RFC 8259 §8.1",
        BOTH,
        MALFORMED,
        lambda case: case.mutation == "document" and case.detail.startswith("BOM"),
    ),
    Class(
        "JSON in UTF-16 or UTF-32",
        "RFC 8259 §8.1",
        PYJWT,
        MALFORMED,
        lambda case: case.mutation == "document" and case.detail.startswith("UTF-"),
    ),
    Class(
        "half of a surrogate pair",
        "RFC 8259 §8.2, RFC 3629 §3",
        BOTH,
        MALFORMED,
        lambda case: case.mutation == "unicode" and case.detail.startswith("half of a pair"),
    ),
    Class(
        "`NaN` or `Infinity`",
        "RFC 8259 §6",
        PYJWT,
        MALFORMED,
        lambda case: case.mutation == "number" and case.detail.strip("-") in ("NaN", "Infinity"),
    ),
    Class(
        "a time beyond the numbers of 64 bits",
        "RFC 8259 §6",
        BOTH,
        MALFORMED,
        lambda case: case.mutation in ("exp", "nbf", "iat") and is_infinite(case.detail),
    ),
    Class(
        "`iat` in the future",
        "stricter than RFC 7519 §4.1.6",
        JOSE,
        ["issued_in_future"],
        lambda case: case.mutation == "iat",
    ),
    Class(
        "`nbf` or `iat` half a second too early",
        "RFC 7519 §2",
        PYJWT,
        ["not_yet_valid", "issued_in_future"],
        lambda case: case.mutation in ("nbf", "iat") and case.detail == f"now {case.leeway + 0.5}",
    ),
    Class(
        "another `typ` than the setting's",
        "RFC 8725 §3.11",
        PYJWT,
        ["wrong_token_type"],
        lambda case: case.mutation == "typ",
    ),
    Class(
        "an unknown member of `cnf`",
        "RFC 7800 §3.1",
        BOTH,
        ["unsupported_binding"],
        lambda case: case.mutation == "registered_type" and case.detail == 'cnf: {"x":1}',
    ),
    Class(
        "more than 8192 bytes",
        "a limit of the function",
        BOTH,
        ["token_too_large"],
        lambda case: len(case.token) > 8192,
    ),
]

#: What the function accepts and a library refuses, for a reason of its own.
LAXER = [
    Class(
        "spaces and tabs around the token in the header",
        "RFC 9110 §5.6.3: they are not a part of it",
        BOTH,
        [""],
        lambda case: case.mutation == "white_space"
        and case.detail in ("space before", "space after", "tab before"),
    ),
    Class(
        "`Ed25519` for a key with `EdDSA`",
        "RFC 9864 §2.2: the same algorithm",
        BOTH,
        [""],
        lambda case: case.mutation == "alg" and case.detail == '"Ed25519"' and case.key == "ed",
    ),
    Class(
        "`exp` in half a second",
        "RFC 7519 §2: PyJWT ignores fractions",
        PYJWT,
        [""],
        lambda case: case.mutation == "exp" and case.detail == f"now {0.5 - case.leeway}",
    ),
    Class(
        "a number of 5000 digits that nothing reads",
        "RFC 8259 §9: Python reads at most 4300",
        PYJWT,
        [""],
        lambda case: case.mutation == "number" and case.detail == "5000 digits",
    ),
]
