"""A running `rolecall sim serve`, and AWS's own client libraries pointed at it."""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import conformance

ROLECALL = os.environ["ROLECALL"]
REGION = "eu-west-1"


class Server:
    """The server with a world of its own. It can be stopped, killed and started again on the same world."""

    def __init__(self, *arguments, world=None):
        self.directory = world or tempfile.mkdtemp(prefix="rolecall-wire-")
        self.arguments = list(arguments)
        self.process = None
        self.start()

    def start(self, *more):
        command = [ROLECALL, "sim", "serve", "--listen", "127.0.0.1:0", "--world", self.directory]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command + self.arguments + list(more), stdout=subprocess.PIPE, stderr=self.errors, text=True,
            cwd=self.directory,
        )
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline().strip() if ready else ""
        if not line.startswith("http://127.0.0.1:"):
            self.process.kill()
            self.errors.seek(0)
            raise RuntimeError(f"the server said {line!r}: {self.errors.read().decode()}")
        self.url = line
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(timeout=10)
        self.process.stdout.close()
        return code

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def client(self, service, key="AKIDMANAGEMENT", token=None, region=REGION, retries=1, checked=True):
        client = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key="any",
            aws_session_token=token,
            config=Config(parameter_validation=False, retries={"total_max_attempts": retries, "mode": "standard"}),
        )
        return _checked(client) if checked else client

    def cli(self, *arguments, key="AKIDMANAGEMENT", region=REGION):
        """Runs the AWS CLI; answers its exit code, output and errors."""
        environment = self.environment(key, region)
        done = subprocess.run(["aws", *arguments], env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def environment(self, key="AKIDMANAGEMENT", region=REGION):
        """What points the AWS CLI at this server."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": self.directory,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _checked(client):
    """Has every answer to a client checked against the model, as it came over the wire."""

    def received(http_response, model, **_):
        conformance.check(model, http_response.status_code, http_response.content)

    client.meta.events.register("after-call", received)
    return client


class WireTest(unittest.TestCase):
    """Tests of a server that all tests of a class share; quotas are off unless said."""

    SERVE = ("--clock", "fast", "--quotas", "off")
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.SERVE)
        cls.count = 0
        for name, service in CLIENTS.items():
            setattr(cls, name, cls.server.client(service))
        cls.instance = cls.sso.list_instances()["Instances"][0]
        cls.arn = cls.instance["InstanceArn"]
        cls.store = cls.instance["IdentityStoreId"]
        cls.management = cls.instance["OwnerAccountId"]

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def name(self, prefix):
        type(self).count += 1
        return f"{prefix}{self.count}"

    def fails(self, code, call, *arguments, **inputs):
        """The message of the error that a call must answer with."""
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **inputs)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error["Message"])
        self.error = caught.exception.response
        return error["Message"]

    def permission_set(self, name=None, **more):
        answer = self.sso.create_permission_set(InstanceArn=self.arn, Name=name or self.name("set"), **more)
        return answer["PermissionSet"]["PermissionSetArn"]

    def on(self, permission_set, **more):
        return dict(InstanceArn=self.arn, PermissionSetArn=permission_set, **more)

    def user(self, name=None, **more):
        name = name or self.name("user")
        answer = self.ids.create_user(
            IdentityStoreId=self.store, UserName=name, DisplayName=f"Display {name}",
            Name={"GivenName": "Given", "FamilyName": "Family"}, **more,
        )
        return answer["UserId"]

    def group(self, name=None, **more):
        answer = self.ids.create_group(IdentityStoreId=self.store, DisplayName=name or self.name("group"), **more)
        return answer["GroupId"]

    def account(self, name=None):
        name = name or self.name("account")
        started = self.org.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]
        self.assertEqual(started["State"], "IN_PROGRESS")
        return self.until(
            lambda: self.org.describe_create_account_status(CreateAccountRequestId=started["Id"])["CreateAccountStatus"],
            "State",
        )["AccountId"]

    def until(self, poll, name="Status", wanted="SUCCEEDED", seconds=60):
        """Polls until a request is not in progress, and checks how it ended."""
        for _ in range(seconds * 10):
            found = poll()
            if found[name] not in ("IN_PROGRESS", "ADDING", "REMOVING"):
                self.assertEqual(found[name], wanted, found.get("FailureReason"))
                return found
            time.sleep(0.1)
        self.fail("it is still in progress")

    def grant(self, permission_set, account, principal, kind="GROUP", client=None):
        return dict(
            InstanceArn=self.arn, PermissionSetArn=permission_set, TargetId=account, TargetType="AWS_ACCOUNT",
            PrincipalId=principal, PrincipalType=kind,
        )

    def assign(self, permission_set, account, principal, kind="GROUP", wanted="SUCCEEDED"):
        started = self.sso.create_account_assignment(**self.grant(permission_set, account, principal, kind))
        started = started["AccountAssignmentCreationStatus"]
        return self.until(
            lambda: self.sso.describe_account_assignment_creation_status(
                InstanceArn=self.arn, AccountAssignmentCreationRequestId=started["RequestId"]
            )["AccountAssignmentCreationStatus"],
            wanted=wanted,
        )

    def unassign(self, permission_set, account, principal, kind="GROUP", wanted="SUCCEEDED"):
        started = self.sso.delete_account_assignment(**self.grant(permission_set, account, principal, kind))
        started = started["AccountAssignmentDeletionStatus"]
        return self.until(
            lambda: self.sso.describe_account_assignment_deletion_status(
                InstanceArn=self.arn, AccountAssignmentDeletionRequestId=started["RequestId"]
            )["AccountAssignmentDeletionStatus"],
            wanted=wanted,
        )

    def provision(self, permission_set, account=None, wanted="SUCCEEDED"):
        target = {"TargetType": "AWS_ACCOUNT", "TargetId": account} if account else {"TargetType": "ALL_PROVISIONED_ACCOUNTS"}
        started = self.sso.provision_permission_set(**self.on(permission_set), **target)["PermissionSetProvisioningStatus"]
        return self.until(
            lambda: self.sso.describe_permission_set_provisioning_status(
                InstanceArn=self.arn, ProvisionPermissionSetRequestId=started["RequestId"]
            )["PermissionSetProvisioningStatus"],
            wanted=wanted,
        )

    def roles(self, account, prefix="/aws-reserved/"):
        return self.server.client("iam", key=account).list_roles(PathPrefix=prefix)["Roles"]

    def pages(self, call, name, size, **inputs):
        """All items of a list, and the sizes of its pages."""
        items, sizes, token = [], [], None
        while True:
            more = {"NextToken": token} if token else {}
            page = call(MaxResults=size, **more, **inputs)
            items += page[name]
            sizes.append(len(page[name]))
            token = page.get("NextToken")
            if not token:
                return items, sizes


CLIENTS = {"sso": "sso-admin", "ids": "identitystore", "org": "organizations", "iam": "iam", "sts": "sts"}
REPOSITORY = pathlib.Path(__file__).parents[2]
