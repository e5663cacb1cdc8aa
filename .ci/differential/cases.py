"""Generates tokens, and remembers how each was made."""

import random

from claims import CLAIMS
from encoding import ENCODING
from header import HEADER
from tokens import Draft, encode

MUTATIONS = HEADER + CLAIMS + ENCODING


class Random(random.Random):
    """Uses only `random()`, which gives the same numbers in every version of Python."""

    def pick(self, values):
        return values[int(self.random() * len(values))]

    def chance(self, probability):
        return self.random() < probability


class Case:
    """A token that is valid or has one mutation.

    A mutation changes the draft before it is signed, or how the token is made of what is signed. So a
    changed member has a valid signature, and nothing else decides.
    """

    def __init__(self, rng, issuer, keys, now):
        draft = Draft(rng, issuer, now)
        mutate = None if rng.chance(0.1) else rng.pick(MUTATIONS)
        self.mutation = mutate.__name__.rstrip("_") if mutate else "valid"
        made = mutate(rng, draft, keys, now) if mutate else ""
        self.detail, edit = made if isinstance(made, tuple) else (made, None)
        self.profile, self.key, self.leeway = draft.profile, draft.key, draft.leeway
        signed, data = draft.sign(keys)
        self.token = edit(signed, data) if edit else f"{signed}.{encode(data)}"

    def __str__(self):
        return f"{self.mutation} {self.detail} ({self.profile}, {self.key})"
