"""Compares the function's decisions with those of PyJWT and jose, on generated tokens.

Usage: differential.py EXECUTABLE [COUNT [SEED]]

Each difference must be in a class of `classes.py`. The same seed gives the same mutations; the keys and
the time are new in each run.
"""

import collections
import json
import pathlib
import sys
import tempfile
import time

from cases import Case, Random
from classes import LAXER, STRICTER
from deciders import Function, Jose, KeyServer, PyJwt
from tokens import Keys

SECURITY_PAGE = pathlib.Path(__file__).parents[2] / "docs/security.md"
DEFAULTS = [20_000, 1]


def main():
    executable = str(pathlib.Path(sys.argv[1]).resolve(strict=True))
    given = [int(argument) for argument in sys.argv[2:]]
    count, seed = parameters = given + DEFAULTS[len(given) :]
    print(f"{count} tokens, seed {seed}", flush=True)

    keys, now, rng = Keys(), int(time.time()), Random(seed)
    key_set = keys.key_set()
    url = KeyServer(key_set).url
    cases = [Case(rng, url, keys, now) for _ in range(count)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(key_set, file)
        file.flush()
        reasons = Function(executable, url, file.name, now).decide_all(cases)
    libraries = {
        "PyJWT": PyJwt(url, key_set, now).decide_all(cases),
        "jose": Jose(url, key_set, now).decide_all(cases),
    }

    counts, faults = classify(cases, reasons, libraries)
    print_summary(reasons, libraries)
    stricter, laxer = (rows(classes, counts) for classes in (STRICTER, LAXER))
    print("\nRefused, unlike the library:", *stricter, sep="\n")
    print("\nAccepted, unlike the library:", *laxer, sep="\n")
    if parameters == DEFAULTS:
        page = SECURITY_PAGE.read_text()
        faults += [f"docs/security.md does not have: {row}" for row in stricter + laxer if row not in page]
        faults += [
            f"no token is in the class: {it.name}"
            for it in STRICTER + LAXER
            if not any(counts[it.name].values())
        ]
    if faults:
        raise SystemExit("\n" + "\n".join(faults[:20]) + f"\n{len(faults)} faults")


def classify(cases, reasons, libraries):
    """Counts the differences in each class. Returns what is in no class, and refused valid tokens, too."""
    counts, faults = collections.defaultdict(collections.Counter), []
    for index, (case, reason) in enumerate(zip(cases, reasons, strict=True)):
        if case.mutation == "valid" and reason:
            faults.append(f"a valid token is refused: {reason}: {case.token}")
        for library, verdicts in libraries.items():
            if bool(reason) == bool(verdicts[index]):
                continue
            fitting = [it.name for it in STRICTER + LAXER if it.covers(case, library, reason)]
            if len(fitting) == 1:
                counts[fitting[0]][library] += 1
            else:
                difference = f"{reason or 'accepted'}, but {library}: {verdicts[index] or 'accepted'}"
                faults.append(f"{case} is in {fitting or 'no class'}: {difference}: {case.token[:300]}")
    return counts, faults


def rows(classes, counts):
    """The rows of the table in the documentation."""
    of = lambda it, library: counts[it.name][library] if library in it.libraries else "–"
    return [f"| {it.name} | {it.rule} | {of(it, 'PyJWT')} | {of(it, 'jose')} |" for it in classes]


def print_summary(reasons, libraries):
    verdicts = list(zip(reasons, *libraries.values()))
    accepted = sum(not any(verdict) for verdict in verdicts)
    refused = sum(all(verdict) for verdict in verdicts)
    print(
        f"accepted by all: {accepted}, refused by all: {refused}, different: {len(verdicts) - accepted - refused}"
    )


if __name__ == "__main__":
    main()
