"""Kubernetes' JSON schemas: from the wheel of kubernetes-validate to where kubeconform looks for them.

Usage: schemas.py WHEEL FOLDER
"""

import json
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath

# The oldest that the Kubernetes target says it runs on, the one of its acceptance tests, the newest there is.
VERSIONS = ("1.30.0", "1.34.0", "1.37.0")
SHARED = "/api/_definitions.json"
REFERENCE = re.compile(r'"#/\$defs/([^"]+)"')


def used_by(text: str, definitions: dict[str, str]) -> dict[str, object]:
    """The definitions that a schema leads to."""
    found: dict[str, object] = {}
    left = REFERENCE.findall(text)
    while left:
        name = left.pop()
        if name not in found:
            found[name] = json.loads(definitions[name])
            left += REFERENCE.findall(definitions[name])
    return found


def extract(wheel: zipfile.ZipFile, version: str, folder: Path) -> None:
    source = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/"
    names = [name for name in wheel.namelist() if name.startswith(source) and name.endswith(".json")]
    if not names:
        sys.exit(f"✖ schemas.py: {wheel.filename} has no schemas of Kubernetes {version}; see VERSIONS")
    shared = json.loads(wheel.read(f"{source}_definitions.json"))["$defs"]
    definitions = {name: json.dumps(schema) for name, schema in shared.items()}
    target = folder / f"v{version}"
    target.mkdir(parents=True)
    for name in names:
        schema = json.loads(wheel.read(name))
        # Parts of objects have schemas as well.
        if "x-kubernetes-group-version-kind" not in schema:
            continue
        # References would lead to a site. Reading all definitions for each kind takes kubeconform seconds.
        schema.pop("$id", None)
        text = json.dumps(schema).replace(f'"{SHARED}#', '"#')
        whole = {**json.loads(text), "$defs": used_by(text, definitions)}
        (target / PurePosixPath(name).name).write_text(json.dumps(whole), encoding="utf-8")


def main() -> None:
    wheel, folder = sys.argv[1:]
    with zipfile.ZipFile(wheel) as opened:
        for version in VERSIONS:
            extract(opened, version, Path(folder))


if __name__ == "__main__":
    main()
