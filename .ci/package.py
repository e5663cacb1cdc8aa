"""Writes the files of a release from what `.ci/release` has built and collected.

Usage: package.py VERSION SOURCE BUILD DIST

BUILD has a directory for each architecture with jwks-authorizer/bootstrap, THIRD-PARTY-LICENSES.txt,
sbom.json and crates.txt, and tools.txt. Equal input gives equal bytes.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import zipfile

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

ARCHITECTURES = ["arm64", "x86_64"]

LABELS = ["api-gateway", "authorizer", "jwks", "jwt", "websocket"]


def write_package(path, files):
    """Writes a zip file whose bytes depend on nothing but the files' names and contents."""
    written_at = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    with zipfile.ZipFile(path, "w") as package:
        for name, source in sorted(files.items()):
            entry = zipfile.ZipInfo(name, written_at)
            entry.create_system = 3  # Unix, so that Lambda reads the permissions.
            permissions = 0o755 if name == "bootstrap" else 0o644
            entry.external_attr = (0o100000 | permissions) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, source.read_bytes(), compresslevel=9)


def package_files(source, build):
    files = {path.name: path for path in source.glob("LICENSE*")}
    sysroot = subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip()
    return files | {
        "bootstrap": build / "jwks-authorizer/bootstrap",
        "THIRD-PARTY-LICENSES.txt": build / "THIRD-PARTY-LICENSES.txt",
        # Comes with Rust.
        "RUST-LIBRARY-LICENSES.html": pathlib.Path(sysroot, "share/doc/rust/COPYRIGHT-library.html"),
    }


def linked_crates(build):
    """Returns the names and versions of the crates that are linked into the executable."""
    lines = (build / "crates.txt").read_text().splitlines()
    return {tuple(line.split()[:2]) for line in lines}


def write_sbom(path, source, build):
    """Writes the SBOM without the crates that only tests or other features need.

    cargo-cyclonedx reads `cargo metadata`, which lists these too. `cargo tree` does not.
    """
    text = (build / "sbom.json").read_text()
    # The project's own name contains the directory of the build.
    sbom = json.loads(text.replace(f"path+file://{source}", "path+file:///jwks-authorizer"))
    linked = linked_crates(build)
    sbom["components"] = [
        component
        for component in sbom["components"]
        if (component["name"], f"v{component['version']}") in linked
    ]
    root = sbom["metadata"]["component"]
    listed = [root, *sbom["components"]]
    missing = linked - {(c["name"], f"v{c['version']}") for c in listed}
    assert not missing, f"not in the SBOM: {missing}"
    references = {component["bom-ref"] for component in listed}
    sbom["dependencies"] = [
        dependency
        | {"dependsOn": [on for on in dependency.get("dependsOn", []) if on in references]}
        for dependency in sbom["dependencies"]
        if dependency["ref"] in references
    ]
    path.write_text(json.dumps(sbom, indent=2, sort_keys=True) + "\n")


def check_licences(build):
    """Checks that the licences of all linked crates are in the package."""
    text = (build / "THIRD-PARTY-LICENSES.txt").read_text()
    named = set(re.findall(r"^  (\S+) (\S+)$", text, re.MULTILINE))
    missing = {(name, v) for name, v in linked_crates(build) if (name, v[1:]) not in named}
    assert not missing, f"no licence of {missing}"


def application(source, architecture, version, description):
    """Returns what `sam publish` tells the AWS Serverless Application Repository.

    The texts are in the template. If it named files, `sam deploy` would need them too. The repository
    takes one SPDX identifier, so it is that of the shorter licence.
    """
    return {
        # A name has no underscore. A version of an application has one package.
        "Name": f"jwks-authorizer-{architecture}".replace("_", "-"),
        "Description": description,
        "Author": "jwks-authorizer",
        "SpdxLicenseId": "MIT",
        "LicenseBody": LiteralScalarString((source / "LICENSE-MIT").read_text()),
        "ReadmeBody": LiteralScalarString((source / ".ci/application-readme.md").read_text()),
        "Labels": LABELS,
        "SemanticVersion": version,
    }


def write_template(path, source, architecture, version, package):
    """Writes template.yaml for a package: it builds nothing, and has no sample to build."""
    yaml = YAML()
    yaml.width = 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    template = yaml.load((source / "template.yaml").read_text())
    function = template["Resources"]["Authorizer"]
    del function["Metadata"]
    function["Properties"]["CodeUri"] = package
    function["Properties"]["Architectures"] = [architecture]
    for part, name in [
        ("Conditions", "HasSample"),
        ("Resources", "Sample"),
        ("Outputs", "SampleWebSocketUrl"),
    ]:
        del template[part][name]
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    for name in ["Architecture", "SampleWebSocketApi"]:
        del template["Parameters"][name]
        for group in groups:
            if name in group["Parameters"]:
                group["Parameters"].remove(name)
    groups[:] = [group for group in groups if group["Parameters"]]
    description = str(template["Description"])
    template["Metadata"]["AWS::ServerlessRepo::Application"] = application(
        source, architecture, version, description
    )
    with path.open("w") as file:
        yaml.dump(template, file)


def write_release_notes(path, source, version, build):
    changelog = (source / "CHANGELOG.md").read_text()
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    found = [section for section in sections if section.split(maxsplit=1)[0] == version]
    assert len(found) == 1, f"CHANGELOG.md has {len(found)} sections for {version}"
    _, _, section = found[0].partition("\n")
    tools = (build / "tools.txt").read_text()
    path.write_text(f"{section.strip()}\n\n### Built with\n\n```\n{tools}```\n")


def main():
    version = sys.argv[1]
    source, build, dist = map(pathlib.Path, sys.argv[2:])
    for architecture in ARCHITECTURES:
        name = f"jwks-authorizer-{version}-{architecture}"
        check_licences(build / architecture)
        write_package(dist / f"{name}.zip", package_files(source, build / architecture))
        write_sbom(dist / f"{name}.cdx.json", source, build / architecture)
        write_template(dist / f"{name}.yaml", source, architecture, version, f"{name}.zip")
    write_release_notes(dist / "RELEASE_NOTES.md", source, version, build)


if __name__ == "__main__":
    main()
