"""Comes last: every operation offered was answered with success at least once, and the answer was as its model says."""

import json
import os
import unittest

import conformance
from service import REPOSITORY


class EveryOperation(unittest.TestCase):
    def test_no_operation_was_left_out(self):
        shapes = json.loads((REPOSITORY / "src/provider/simulator/wire/shapes.json").read_text())
        offered = {
            (service, operation) for service, of in shapes["services"].items() for operation in of["operations"]
        }
        # Whoever wants to change a role is refused; that these are, is tested with the roles.
        refused = {
            ("iam", operation)
            for operation in (
                "AttachRolePolicy", "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DetachRolePolicy",
                "PutRolePermissionsBoundary", "PutRolePolicy", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription",
            )
        }
        self.assertEqual(sorted(offered - refused - conformance.answered), [])


def load_tests(loader, tests, pattern):
    # A part of the tests says nothing about the whole.
    return tests if os.environ.get("WIRE_WHOLE") == "1" else unittest.TestSuite()
