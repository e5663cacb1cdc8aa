"""Checks that an executable contains the list of its crates, which cargo-auditable embeds.

The list is zlib-compressed JSON in a section of the ELF file. Its format:
https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md

Usage: embedded_crates.py EXECUTABLE TRIPLE
"""

import json
import struct
import subprocess
import sys
import zlib

SECTION = b".dep-v0"


def elf_section(data, wanted):
    """Returns the content of a section of a 64-bit little-endian ELF file, or None."""
    assert data[:6] == b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file"
    (table,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    # The fields sh_name, sh_offset and sh_size.
    headers = [
        (struct.unpack_from("<I", data, at)[0], *struct.unpack_from("<QQ", data, at + 24))
        for at in range(table, table + count * size, size)
    ]
    names_at = headers[names][1]
    for name, offset, length in headers:
        start = names_at + name
        if data[start : data.index(b"\0", start)] == wanted:
            return data[offset : offset + length]
    return None


def embedded_crates(executable):
    """Returns the names and versions of the crates that the executable lists, without build tools."""
    with open(executable, "rb") as file:
        section = elf_section(file.read(), SECTION)
    if section is None:
        sys.exit(f"{executable} has no list of its crates. Build it with .ci/cargo-auditable.")
    packages = json.loads(zlib.decompress(section))["packages"]
    linked = {(p["name"], p["version"]) for p in packages if p.get("kind", "runtime") == "runtime"}
    return linked, len(section)


def linked_crates(triple):
    """Returns the names and versions of the crates that Cargo links for a target."""
    tree = ["cargo", "tree", "--locked", "--package", "jwks-authorizer", "--target", triple]
    options = ["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]
    lines = subprocess.check_output([*tree, *options], text=True).splitlines()
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, lines)}


def main():
    executable, triple = sys.argv[1:]
    listed, size = embedded_crates(executable)
    missing = linked_crates(triple) - listed
    if missing:
        sys.exit(f"{executable} does not list these crates: {sorted(missing)}")
    print(f"{executable}: lists its {len(listed)} crates in {size} bytes")


if __name__ == "__main__":
    main()
