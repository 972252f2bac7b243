"""The provider for AWS against somebody else's server: moto, for the operations it has.

Started by tests/aws/run on a free loopback port; what it lacks must cost one note each.
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import boto3

ROLECALL = os.environ["ROLECALL"]
REGION = "eu-west-1"

PEOPLE = """
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

user "bob" {
  user_name   = "bob@example.com"
  given_name  = "Bob"
  family_name = "Stone"
}

group "platform" {
  display_name = "Platform"
  members      = [MEMBERS]
}
"""

SETS = """
permission_set "admin" {
  description               = "Administration"
  session_duration          = "PT4H"
  relay_state               = "https://console.aws.amazon.com/billing"
  managed_policies          = ["arn:aws:iam::aws:policy/AdministratorAccess"]
  customer_managed_policies = [{ name = "audit-trail", path = "/" }]
  inline_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "ACTION", Resource = "*" }]
  })
}

permission_set "view" {
  NAME
  tags             = { owner = "platform" }
  managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
}
"""

ACCESS = """
assignment "platform_admin" {
  principals      = [group.platform]
  permission_sets = [permission_set.admin]
  accounts        = [account.one, account.two]
}

assignment "bob_view" {
  principals      = [user.bob]
  permission_sets = [permission_set.view]
  accounts        = [ACCOUNTS]
}
"""


class Moto:
    """A server of its own."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        program = pathlib.Path(sys.executable).parent / "moto_server"
        environment = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
        self.process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("moto does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


class Scenario(unittest.TestCase):
    def setUp(self):
        self.moto = Moto()
        self.addCleanup(self.moto.stop)
        organizations = self.moto.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        made = [
            organizations.create_account(AccountName=name, Email=f"{name}@example.com")
            for name in ("one", "two")
        ]
        self.accounts = [status["CreateAccountStatus"]["AccountId"] for status in made]
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.stack = pathlib.Path(directory.name) / "acme"
        self.stack.mkdir()
        self.write(
            "main.hcl",
            f"""
provider "aws" {{
  region       = "{REGION}"
  endpoint_url = "{self.moto.url}"
  rate         = 1000
  read_by      = "principals"
}}

account "one" {{ id = "{self.accounts[0]}" }}
account "two" {{ id = "{self.accounts[1]}" }}
""",
        )
        self.write("people.hcl", PEOPLE.replace("MEMBERS", "user.ada"))
        self.write("sets.hcl", SETS.replace("ACTION", "s3:Get*").replace("NAME", ""))
        self.write("access.hcl", ACCESS.replace("ACCOUNTS", "account.one, account.two"))

    def write(self, name, text):
        (self.stack / name).write_text(text)

    def rolecall(self, *args, code=0):
        environment = {
            "HOME": str(self.stack.parent),
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        done = subprocess.run(
            [ROLECALL, *args], cwd=self.stack, env=environment, capture_output=True, text=True, timeout=300
        )
        said = f"rolecall {' '.join(args)}\n{done.stdout}{done.stderr}"
        self.assertEqual(done.returncode, code, said)
        notes = [line for line in done.stderr.splitlines() if line.startswith("note:")]
        self.assertEqual(len(notes), len(set(notes)), said)
        return said

    def apply(self):
        said = self.rolecall("apply", "--auto-approve")
        self.rolecall("plan", "--detailed-exitcode")
        return said

    def test_the_life_of_a_stack(self):
        said = self.apply()
        # Boundaries and tags cannot be read there: one note each, however many sets there are.
        self.assertEqual(said.count("GetPermissionsBoundaryForPermissionSet"), 1, said)
        self.assertEqual(said.count("lacks ListTagsForResource"), 1, said)
        # What was given on creation is not sent again, and is no drift.
        self.rolecall("drift")

        self.write("sets.hcl", SETS.replace("ACTION", "s3:List*").replace("NAME", ""))
        said = self.apply()
        self.assertIn("pushed to its roles in 2 accounts", said)

        self.write("sets.hcl", SETS.replace("ACTION", "s3:List*").replace("NAME", 'name = "look"'))
        self.apply()

        self.write("people.hcl", PEOPLE.replace("MEMBERS", "user.bob"))
        self.apply()

        # Without a state or a hint, what no list of accounts shows is seen all the same.
        (self.stack.parent / "stranger").mkdir()
        provider = f'provider "aws" {{\n  region = "{REGION}"\n  endpoint_url = "{self.moto.url}"\n  rate = 1000\n}}\n'
        (self.stack.parent / "stranger" / "main.hcl").write_text(provider)
        said = self.rolecall("-C", "../stranger", "import", "--out", "../found")
        self.assertIn("4 grants in 2 assignment blocks", said)
        self.assertEqual(said.count("this server lists no account"), 1, said)
        self.rolecall("-C", "../found", "plan", "--detailed-exitcode")

        # What is there becomes configuration that says the same.
        said = self.rolecall("import", "--out", "again")
        self.assertIn("4 grants in 2 assignment blocks", said)
        self.rolecall("-C", "again", "plan", "--detailed-exitcode")

        self.write("access.hcl", ACCESS.replace("ACCOUNTS", "account.two"))
        self.assertIn("1 to remove", self.apply())

        # Updates of users are not there: the step fails, and says why.
        self.write("people.hcl", PEOPLE.replace("MEMBERS", "user.bob").replace("Lovelace", "King"))
        said = self.rolecall("apply", "--auto-approve", code=4)
        self.assertIn("UpdateUser", said)
        self.assertIn("lacks the operation", said)

        self.rolecall("destroy", "--auto-approve")
        sso = self.moto.client("sso-admin")
        instance = sso.list_instances()["Instances"][0]
        self.assertEqual(sso.list_permission_sets(InstanceArn=instance["InstanceArn"])["PermissionSets"], [])
        store = self.moto.client("identitystore")
        self.assertEqual(store.list_users(IdentityStoreId=instance["IdentityStoreId"])["Users"], [])


if __name__ == "__main__":
    unittest.main()
