#!/usr/bin/env python3
"""Writes src/provider/simulator/wire/shapes.json: what the inputs of the operations offered must look like.

The source is the service models that botocore carries (botocore/data/<service>/<version>/service-2.json.gz,
Apache-2.0, Copyright Amazon.com, Inc. or its affiliates). Of each operation named below its input's members are
kept, with types, required members, lengths, ranges, enumerations and patterns; nothing else.

Run it in the tests' Python environment (tests/wire/run makes it): target/python/bin/python tests/wire/generate_shapes.py
"""

import json
import pathlib

import botocore
import botocore.loaders

OUT = pathlib.Path(__file__).parents[2] / "src/provider/simulator/wire/shapes.json"

ORGANIZATIONS = """
    CloseAccount CreateAccount CreateOrganizationalUnit DeleteOrganizationalUnit DeregisterDelegatedAdministrator
    DescribeAccount DescribeCreateAccountStatus DescribeOrganization DescribeOrganizationalUnit
    DisableAWSServiceAccess EnableAWSServiceAccess LeaveOrganization ListAccounts ListAccountsForParent
    ListAWSServiceAccessForOrganization ListChildren ListCreateAccountStatus ListDelegatedAdministrators
    ListDelegatedServicesForAccount ListOrganizationalUnitsForParent ListParents ListRoots ListTagsForResource
    MoveAccount RegisterDelegatedAdministrator RemoveAccountFromOrganization TagResource UntagResource
    UpdateOrganizationalUnit
""".split()

IAM = """
    AttachRolePolicy DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DetachRolePolicy
    GetRole GetRolePolicy GetSAMLProvider ListAttachedRolePolicies ListRolePolicies ListRoles ListRoleTags
    ListSAMLProviders PutRolePermissionsBoundary PutRolePolicy UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription
""".split()


def offered(service, model):
    """The operations that the simulator offers."""
    every = sorted(model["operations"])
    if service == "sso-admin":
        left_out = ("Application", "TrustedToken", "CreateInstance", "DeleteInstance")
        kept_anyway = "InstanceAccessControlAttributeConfiguration"
        return [name for name in every if kept_anyway in name or not any(part in name for part in left_out)]
    if service == "identitystore":
        return [name for name in every if name != "UpdateIdentityStore"]
    if service == "organizations":
        return sorted(ORGANIZATIONS)
    if service == "iam":
        return sorted(IAM)
    return ["AssumeRole", "AssumeRoleWithWebIdentity", "GetAccessKeyInfo", "GetCallerIdentity"]


def pattern(text):
    """The pattern as the regex crate reads it, or None where it cannot or where everything matches.

    In the models' dialect \\w and \\d are ASCII.
    """
    if "(?=" in text or "\\u10000" in text or text in ("[\\s\\S]*", ".*"):
        return None
    out, inside, at = "", False, 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair in ("\\w", "\\d"):
            letters = "a-zA-Z0-9_" if pair == "\\w" else "0-9"
            out += letters if inside else f"[{letters}]"
            at += 2
        elif pair[0] == "\\":
            out += pair
            at += 2
        else:
            inside = pair[0] == "[" or (inside and pair[0] != "]")
            out += pair[0]
            at += 1
    return out


def kept(name, shapes, out):
    """Keeps a shape and those it is made of; answers its name."""
    if name in out:
        return name
    shape = shapes[name]
    kind = shape["type"]
    if shape.get("document"):
        kind = "document"
    entry = out[name] = {"type": kind}
    for key in ("min", "max", "enum"):
        if key in shape:
            entry[key] = shape[key]
    if "pattern" in shape and (text := pattern(shape["pattern"])):
        entry["pattern"] = text
        if text != shape["pattern"]:
            entry["shown"] = shape["pattern"]
    if kind == "structure":
        entry["members"] = {
            member: kept(of["shape"], shapes, out) for member, of in shape.get("members", {}).items()
        }
        if shape.get("required"):
            entry["required"] = shape["required"]
    elif kind == "list":
        entry["member"] = kept(shape["member"]["shape"], shapes, out)
    elif kind == "map":
        entry["key"] = kept(shape["key"]["shape"], shapes, out)
        entry["value"] = kept(shape["value"]["shape"], shapes, out)
    return name


def service(name):
    model = botocore.loaders.Loader().load_service_model(name, "service-2")
    operations, shapes = {}, {}
    for operation in offered(name, model):
        shape = model["operations"][operation].get("input")
        operations[operation] = shape and kept(shape["shape"], model["shapes"], shapes)
    return {
        "version": model["metadata"]["apiVersion"],
        "operations": operations,
        "shapes": dict(sorted(shapes.items())),
    }


def main():
    source = f"botocore {botocore.__version__} service models, Apache-2.0; written by tests/wire/generate_shapes.py"
    names = ["iam", "identitystore", "organizations", "sso-admin", "sts"]
    services = {name: service(name) for name in names}
    lines = ["{", f' "source": {json.dumps(source)},', ' "services": {']
    for name in names:
        of = services[name]
        lines.append(f'  "{name}": {{ "version": {json.dumps(of["version"])},')
        for part in ("operations", "shapes"):
            lines.append(f'   "{part}": {{')
            rows = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in of[part].items()]
            lines.append(",\n".join(rows))
            lines.append("   }" + ("," if part == "operations" else ""))
        lines.append("  }" + ("," if name != names[-1] else ""))
    lines += [" }", "}", ""]
    OUT.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
