"""The AWS CLI, as a person would use it."""

import json
import re
import subprocess

from service import REPOSITORY, WireTest


class Cli(WireTest):
    def aws(self, *arguments, **more):
        code, out, err = self.server.cli(*arguments, **more)
        self.assertEqual(code, 0, err)
        return json.loads(out) if out.strip() else None

    def refused(self, *arguments, **more):
        code, out, err = self.server.cli(*arguments, **more)
        self.assertNotEqual(code, 0, out)
        return err

    def test_who_am_i(self):
        self.assertEqual(self.aws("sts", "get-caller-identity")["Account"], self.management)
        self.assertEqual(self.aws("sts", "get-caller-identity", key="111122223333")["Account"], "111122223333")

    def test_from_nothing_to_a_role_and_back(self):
        instance = self.aws("sso-admin", "list-instances")["Instances"][0]
        arn, store = instance["InstanceArn"], instance["IdentityStoreId"]
        group = self.aws("identitystore", "create-group", "--identity-store-id", store, "--display-name", "Platform")["GroupId"]
        user = self.aws(
            "identitystore", "create-user", "--identity-store-id", store, "--user-name", "grace", "--display-name", "Grace Hopper",
            "--name", "GivenName=Grace,FamilyName=Hopper", "--emails", "Value=grace@example.com,Primary=true",
        )["UserId"]
        self.aws(
            "identitystore", "create-group-membership", "--identity-store-id", store, "--group-id", group, "--member-id", f"UserId={user}"
        )
        created = self.aws("sso-admin", "create-permission-set", "--instance-arn", arn, "--name", "Admin", "--tags", "Key=a,Value=b")
        pset = created["PermissionSet"]["PermissionSetArn"]
        both = ("--instance-arn", arn, "--permission-set-arn", pset)
        self.assertIsNone(self.aws(
            "sso-admin", "attach-managed-policy-to-permission-set", *both,
            "--managed-policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess",
        ))
        grant = (*both, "--target-type", "AWS_ACCOUNT", "--target-id", self.management, "--principal-type", "GROUP", "--principal-id", group)
        started = self.aws("sso-admin", "create-account-assignment", *grant)["AccountAssignmentCreationStatus"]
        ended = self.aws(
            "sso-admin", "describe-account-assignment-creation-status", "--instance-arn", arn,
            "--account-assignment-creation-request-id", started["RequestId"],
        )["AccountAssignmentCreationStatus"]
        self.assertEqual((started["Status"], ended["Status"]), ("IN_PROGRESS", "SUCCEEDED"))
        roles = self.aws("iam", "list-roles", "--path-prefix", "/aws-reserved/")["Roles"]
        self.assertEqual([role["RoleName"].rsplit("_", 1)[0] for role in roles], ["AWSReservedSSO_Admin"])
        attached = self.aws("iam", "list-attached-role-policies", "--role-name", roles[0]["RoleName"])["AttachedPolicies"]
        self.assertEqual([policy["PolicyName"] for policy in attached], ["AdministratorAccess"])
        self.assertIn("ConflictException", self.refused("sso-admin", "delete-permission-set", *both))
        self.aws("sso-admin", "delete-account-assignment", *grant)
        self.aws("sso-admin", "list-account-assignment-deletion-status", "--instance-arn", arn)
        self.assertEqual(self.aws("iam", "list-roles", "--path-prefix", "/aws-reserved/")["Roles"], [])
        self.aws("sso-admin", "delete-permission-set", *both)

    def test_the_cli_follows_tokens(self):
        for _ in range(6):
            self.permission_set()
        listed = self.aws("sso-admin", "list-permission-sets", "--instance-arn", self.arn, "--page-size", "2")
        self.assertGreaterEqual(len(listed["PermissionSets"]), 6)
        some = self.aws("sso-admin", "list-permission-sets", "--instance-arn", self.arn, "--max-items", "3")
        self.assertEqual(len(some["PermissionSets"]), 3)
        rest = self.aws(
            "sso-admin", "list-permission-sets", "--instance-arn", self.arn, "--starting-token", some["NextToken"]
        )
        self.assertEqual(sorted(some["PermissionSets"] + rest["PermissionSets"]), sorted(listed["PermissionSets"]))

    def test_the_organisation_is_read_and_grown(self):
        organization = self.aws("organizations", "describe-organization")["Organization"]
        self.assertEqual(organization["MasterAccountId"], self.management)
        root = self.aws("organizations", "list-roots")["Roots"][0]["Id"]
        unit = self.aws("organizations", "create-organizational-unit", "--parent-id", root, "--name", "Sandbox")["OrganizationalUnit"]
        started = self.aws("organizations", "create-account", "--account-name", "box", "--email", "box@example.com")["CreateAccountStatus"]
        account = self.aws(
            "organizations", "describe-create-account-status", "--create-account-request-id", started["Id"]
        )["CreateAccountStatus"]["AccountId"]
        self.assertIsNone(self.aws(
            "organizations", "move-account", "--account-id", account, "--source-parent-id", root, "--destination-parent-id", unit["Id"],
        ))
        inside = self.aws("organizations", "list-accounts-for-parent", "--parent-id", unit["Id"])["Accounts"]
        self.assertEqual([one["Name"] for one in inside], ["box"])

    def test_a_role_is_assumed_by_hand(self):
        account = self.account()
        assumed = self.aws(
            "sts", "assume-role", "--role-arn", f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", "--role-session-name", "me"
        )["Credentials"]
        self.assertEqual(self.aws("sts", "get-caller-identity", key=assumed["AccessKeyId"])["Account"], account)

    def test_errors_are_told_as_of_aws(self):
        said = self.refused("sso-admin", "describe-permission-set", "--instance-arn", self.arn, "--permission-set-arn", self.arn.replace("instance", "permissionSet") + "/ps-0000000000000000")
        self.assertIn("(ResourceNotFoundException) when calling the DescribePermissionSet operation", said)
        said = self.refused("organizations", "describe-account", "--account-id", "999999999999")
        self.assertIn("(AccountNotFoundException) when calling the DescribeAccount operation", said)
        said = self.refused("iam", "get-role", "--role-name", "none")
        self.assertIn("(NoSuchEntity) when calling the GetRole operation: The role with name none cannot be found.", said)
        said = self.refused("sso-admin", "list-permission-sets", "--instance-arn", self.arn, key="999999999999")
        self.assertIn("(AccessDeniedException)", said)

    def test_operations_that_are_not_offered(self):
        said = self.refused("sso-admin", "list-applications", "--instance-arn", self.arn)
        self.assertIn("(UnknownOperationException) when calling the ListApplications operation", said)
        said = self.refused("iam", "list-users")
        self.assertIn("(InvalidAction) when calling the ListUsers operation", said)

    def test_another_region_has_no_instance(self):
        self.assertEqual(self.aws("sso-admin", "list-instances", region="us-east-1")["Instances"], [])


class Readme(WireTest):
    def test_the_commands_of_the_readme_work(self):
        text = (REPOSITORY / "README.md").read_text()
        (block,) = re.findall(r"<!-- sim-serve:begin -->\n```console\n(.*?)```", text, re.S)
        script = "set -euo pipefail\n" + re.sub(r"^\$ ", "", block, flags=re.M)
        done = subprocess.run(
            ["bash", "-c", script], env=self.server.environment(), capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("AWSReservedSSO_Auditor_", done.stdout)
