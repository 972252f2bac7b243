"""Every operation offered, called with what its model forbids: each member missing, too short, too long, malformed, of
another type. What is answered must be an error that the model declares, and must name the member."""

import json
import re
import unittest
import urllib.error
import urllib.request

import botocore.session

from service import CLIENTS, REPOSITORY, WireTest

TARGETS = {
    "sso-admin": "SWBExternalService",
    "identitystore": "AWSIdentityStore",
    "organizations": "AWSOrganizationsV20161128",
}
# Errors of AWS's front ends, which every operation can answer with and no model lists.
FRONT = {"SerializationException", "UnknownOperationException"}
INVALID = {"sso-admin": "ValidationException", "identitystore": "ValidationException", "organizations": "InvalidInputException"}


def operations():
    shapes = json.loads((REPOSITORY / "src/provider/simulator/wire/shapes.json").read_text())
    session = botocore.session.get_session()
    for service in TARGETS:
        model = session.get_service_model(service)
        for name in shapes["services"][service]["operations"]:
            yield service, model.operation_model(name)


class Models(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls()
        cls.known = {
            "InstanceArn": cls.arn, "IdentityStoreId": cls.store, "AccountId": cls.management, "TargetId": cls.management,
            "PermissionSetArn": test.permission_set(), "PrincipalId": test.group(), "GroupId": test.group(),
            "UserId": test.user(), "ResourceArn": cls.arn, "TargetType": "AWS_ACCOUNT", "ChildType": "ACCOUNT",
            "ServicePrincipal": "sso.amazonaws.com", "RegionName": "us-east-1", "InlinePolicy": '{"Statement":{}}',
            "ManagedPolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "Email": "a@example.com", "AttributePath": "displayName",
            "MembershipId": "00000000-0000-4000-8000-000000000000", "PrincipalType": "GROUP",
        }
        root = cls.org.list_roots()["Roots"][0]["Id"]
        cls.known |= {
            "ParentId": root, "ResourceId": root, "ChildId": cls.management, "SourceParentId": root, "DestinationParentId": root,
            "OrganizationalUnitId": root.replace("r-", "ou-") + "-01234567", "CreateAccountRequestId": "car-0123456789abcdef0123456789abcdef",
        }

    def call(self, service, operation, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"X-Amz-Target": f"{TARGETS[service]}.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        request = urllib.request.Request(self.server.url + "/", data=data, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, None, "", answer.headers
        except urllib.error.HTTPError as error:
            body = json.loads(error.read())
            return error.code, body["__type"], body.get("Message", body.get("message", "")), error.headers

    def value(self, shape, name):
        """Something that the model allows, and that is there where it can be."""
        if name in self.known and shape.type_name == "string":
            return self.known[name]
        kind = shape.type_name
        if kind == "structure":
            members = shape.metadata.get("required", [])
            if getattr(shape, "is_tagged_union", False):
                members = list(shape.members)[:1]
            return {member: self.value(shape.members[member], member) for member in members}
        if kind == "list":
            return [self.value(shape.member, name)] * max(1, shape.metadata.get("min", 0))
        if kind == "map":
            return {}
        if kind == "string":
            if shape.enum:
                return shape.enum[0]
            least = shape.metadata.get("min", 0)
            pattern = shape.metadata.get("pattern", "")
            if "[0-9a-f]{8}-" in pattern or "a-f0-9" in pattern and least >= 36:
                return "00000000-0000-4000-8000-000000000000"
            return "x" * max(least, 1)
        return {"boolean": True, "integer": 1, "long": 1, "timestamp": 1.7e9}.get(kind, {})

    def broken(self, shape, path, make):
        """Bodies with one thing wrong, and the path that must be named (or the error if it is another)."""
        kind = shape.type_name
        if getattr(shape, "is_document_type", False) or shape.metadata.get("document"):
            return
        wrong = {"string": 7, "list": "x", "structure": "x", "map": "x", "integer": "x", "long": "x", "boolean": "x"}.get(kind)
        if wrong is not None and path:
            yield make(wrong), "SerializationException", ""
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if kind == "structure":
            good = self.value(shape, path)
            for name in shape.metadata.get("required", []):
                rest = {member: value for member, value in good.items() if member != name}
                yield make(rest), None, name
            for name, inner in shape.members.items():
                yield from self.broken(inner, name, lambda value, name=name: make({**good, name: value}))
        elif kind == "list":
            one = self.value(shape.member, path)
            if most and most < 5000:
                yield make([one] * (most + 1)), None, path
            if least:
                yield make([]), None, path
            yield from self.broken(shape.member, path, lambda value: make([value]))
        elif kind == "string":
            if shape.enum:
                yield make("NONE_OF_THEM"), None, path
            if most and most < 100_000:
                yield make("x" * (most + 1)), None, path
            if least:
                yield make(""), None, path
            if shape.metadata.get("pattern") not in (None, r"[\s\S]*"):
                yield make("\u0001"), None, path
        elif kind in ("integer", "long"):
            if least is not None:
                yield make(least - 1), None, path
            if most is not None:
                yield make(most + 1), None, path

    def test_what_the_models_forbid_is_refused_as_they_say(self):
        count = 0
        problems = []
        for service, model in operations():
            declared = {shape.error_code for shape in model.error_shapes} | {s.name for s in model.error_shapes} | FRONT
            if model.input_shape is None:
                continue
            for body, code, path in self.broken(model.input_shape, "", lambda value: value):
                count += 1
                status, found, message, headers = self.call(service, model.name, body)
                where = f"{model.name} {json.dumps(body)[:150]}: {status} {found} {message[:160]}"
                if status != 400 or found != (code or INVALID[service]) or found not in declared:
                    problems.append(f"{code or INVALID[service]} wanted: {where}")
                elif path and code is None and path.lower() not in message.lower():
                    problems.append(f"{path} not named: {where}")
                elif headers["x-amzn-ErrorType"] != found:
                    problems.append(f"header {headers['x-amzn-ErrorType']}: {where}")
        self.assertGreater(count, 500)
        self.assertEqual(problems, [], "\n".join(problems))

    def test_what_the_models_allow_is_answered_or_refused_with_a_declared_error(self):
        problems = []
        for service, model in operations():
            declared = {shape.error_code for shape in model.error_shapes} | {s.name for s in model.error_shapes}
            shape = model.input_shape
            body = self.value(shape, "") if shape else {}
            status, found, message, _ = self.call(service, model.name, body)
            if status != 200 and found not in declared:
                problems.append(f"{model.name} {body}: {status} {found} {message}")
            for bad in ("", "bm90IGEgdG9rZW4=", "x" * 2048):
                if shape and "NextToken" in shape.members:
                    status, found, message, _ = self.call(service, model.name, {**body, "NextToken": bad})
                    if status != 400 or found != INVALID[service]:
                        problems.append(f"{model.name} NextToken {bad[:10]!r}: {status} {found} {message}")
        self.assertEqual(problems, [], "\n".join(problems))


class Readme(unittest.TestCase):
    def test_the_readme_names_every_operation_of_identity_center_and_of_its_identity_store(self):
        readme = (REPOSITORY / "README.md").read_text()
        listed = readme.partition("<!-- simulated:begin -->")[2].partition("<!-- simulated:end -->")[0]
        session = botocore.session.get_session()
        for service in ("sso-admin", "identitystore"):
            rows = [row.split(f"(`{service}`) |")[1] for row in listed.splitlines() if f"(`{service}`) |" in row]
            self.assertEqual(len(rows), 2, service)
            named = re.findall(r"`([A-Z]\w+)`", " ".join(rows))
            self.assertEqual(sorted(named), sorted(session.get_service_model(service).operation_names))
