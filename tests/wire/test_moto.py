"""The same calls to the simulator and to moto, somebody else's model of AWS: answers have the same members.

Where moto differs from the service (its ARNs of permission sets, requests that are done at once, members of newer models)
the difference stands here, with what the service does.
"""

import re
import shutil
import socket
import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from service import REGION, WireTest

# Members that the service models have, the simulator answers with, and moto does not know.
NOT_IN_MOTO = {
    "CreateUser": {"UserArn", "Revision"},
    "DescribeUser": {"UserArn", "Revision", "UserStatus", "CreatedAt", "UpdatedAt"},
    "GetUserId": {"UserArn"},
    "CreateGroup": {"GroupArn", "Revision"},
    "DescribeGroup": {"GroupArn", "Revision", "CreatedAt", "UpdatedAt"},
    "GetGroupId": {"GroupArn"},
    "CreateGroupMembership": {"MembershipArn"},
    "DescribeGroupMembership": {"MembershipArn", "CreatedAt", "UpdatedAt"},
    "GetGroupMembershipId": {"MembershipArn"},
    "ListGroupMemberships": {"MembershipArn", "CreatedAt", "UpdatedAt"},
    "ListUsers": {"UserArn", "Revision", "UserStatus", "CreatedAt", "UpdatedAt"},
    "ListGroups": {"GroupArn", "Revision", "CreatedAt", "UpdatedAt"},
    "ListInstances": {"PrimaryRegion", "Regions", "RegionName", "AddedDate", "IsPrimaryRegion", "IdentityStoreArn", "Name"},
    "ListAccounts": {"State", "Paths"},
    "DescribeAccount": {"State", "Paths"},
    "ListAccountsForParent": {"State", "Paths"},
    "CreateOrganizationalUnit": {"Path"},
    "DescribeOrganizationalUnit": {"Path"},
    "ListOrganizationalUnitsForParent": {"Path"},
    "CreateAccount": set(),
}
# Members that moto answers with although the service leaves them out there.
ONLY_IN_MOTO = {
    # Requests end later, and say only then which account they made.
    "CreateAccount": {"AccountId", "CompletedTimestamp"},
    # The service leaves out lists that would be empty.
    "DescribeGroup": {"ExternalIds"},
    "ListGroups": {"ExternalIds"},
    # moto's instances have a name.
    "ListInstances": {"Name"},
    "DescribeOrganization": {"Type", "Status"},
    "ListRoots": {"Type", "Status"},
}


class Moto(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cls.moto = subprocess.Popen(
            [shutil.which("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        cls.url = f"http://127.0.0.1:{port}"

    @classmethod
    def tearDownClass(cls):
        cls.moto.terminate()
        cls.moto.wait()
        super().tearDownClass()

    def other(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def both(self, service, operation, ours, theirs=None):
        """Calls the operation on both, checks that the answers have the same members, and answers both."""
        mine = self.server.client(service)
        method = re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", operation).lower()
        answers = [getattr(mine, method)(**ours), getattr(self.other(service), method)(**(theirs if theirs is not None else ours))]
        seen = [members(answer) for answer in answers]
        missing = seen[1] - seen[0] - ONLY_IN_MOTO.get(operation, set())
        self.assertEqual(missing, set(), f"{operation}: moto answers with what the simulator does not")
        more = seen[0] - seen[1] - NOT_IN_MOTO.get(operation, set())
        self.assertEqual(more, set(), f"{operation}: the simulator answers with what moto does not")
        return answers

    def error(self, service, operation, ours, theirs=None):
        """The codes of the errors that both answer."""
        codes = []
        for client, inputs in ((self.server.client(service), ours), (self.other(service), theirs or ours)):
            with self.assertRaises(ClientError) as caught:
                client._make_api_call(operation, inputs)
            codes.append(caught.exception.response["Error"]["Code"])
        self.assertEqual(codes[0], codes[1], operation)
        return codes[0]

    def test_permission_sets(self):
        mine, theirs = (answer["Instances"][0]["InstanceArn"] for answer in self.both("sso-admin", "ListInstances", {}))
        on = [{"InstanceArn": mine}, {"InstanceArn": theirs}]
        # Without SessionDuration moto answers a number of seconds, which no client can read.
        given = dict(Name="m", Description="d", SessionDuration="PT2H", RelayState="https://x")
        created = self.both("sso-admin", "CreatePermissionSet", {**on[0], **given}, {**on[1], **given})
        for inputs, answer in zip(on, created):
            inputs["PermissionSetArn"] = answer["PermissionSet"]["PermissionSetArn"]
        mine, theirs = self.both("sso-admin", "DescribePermissionSet", *on)
        for name in given:
            self.assertEqual(mine["PermissionSet"][name], theirs["PermissionSet"][name])
        policy = {"ManagedPolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
        put = {"InlinePolicy": '{"Statement":{}}'}
        own = {"CustomerManagedPolicyReference": {"Name": "own", "Path": "/"}}
        self.both("sso-admin", "PutInlinePolicyToPermissionSet", {**on[0], **put}, {**on[1], **put})
        mine, theirs = self.both("sso-admin", "GetInlinePolicyForPermissionSet", *on)
        self.assertEqual(mine["InlinePolicy"], theirs["InlinePolicy"])
        self.both("sso-admin", "DeleteInlinePolicyFromPermissionSet", *on)
        mine, theirs = self.both("sso-admin", "GetInlinePolicyForPermissionSet", *on)
        self.assertEqual((mine["InlinePolicy"], theirs["InlinePolicy"]), ("", ""))
        self.both(
            "sso-admin", "AttachCustomerManagedPolicyReferenceToPermissionSet", {**on[0], **own}, {**on[1], **own}
        )
        mine, theirs = self.both("sso-admin", "ListCustomerManagedPolicyReferencesInPermissionSet", *on)
        self.assertEqual(mine["CustomerManagedPolicyReferences"], theirs["CustomerManagedPolicyReferences"])
        missing = {"ManagedPolicyArn": policy["ManagedPolicyArn"]}
        self.assertEqual(
            self.error("sso-admin", "DetachManagedPolicyFromPermissionSet", {**on[0], **missing}, {**on[1], **missing}),
            "ResourceNotFoundException",
        )
        self.both("sso-admin", "ListPermissionSets", {"InstanceArn": on[0]["InstanceArn"]}, {"InstanceArn": on[1]["InstanceArn"]})
        self.both("sso-admin", "DeletePermissionSet", *on)
        self.assertEqual(self.error("sso-admin", "DescribePermissionSet", *on), "ResourceNotFoundException")

    def test_assignments(self):
        arns = [answer["Instances"][0]["InstanceArn"] for answer in self.both("sso-admin", "ListInstances", {})]
        principal = "00000000-0000-4000-8000-000000000000"
        grants = []
        for arn, client, who in (
            (arns[0], self.sso, self.group("moto")), (arns[1], self.other("sso-admin"), principal)
        ):
            created = client.create_permission_set(InstanceArn=arn, Name="assigned", SessionDuration="PT1H")
            grants.append(dict(
                InstanceArn=arn, PermissionSetArn=created["PermissionSet"]["PermissionSetArn"], PrincipalId=who,
                PrincipalType="GROUP", TargetType="AWS_ACCOUNT", TargetId=self.management,
            ))
        started = self.both("sso-admin", "CreateAccountAssignment", *grants)
        polls = [
            dict(InstanceArn=grant["InstanceArn"], AccountAssignmentCreationRequestId=answer["AccountAssignmentCreationStatus"]["RequestId"])
            for grant, answer in zip(grants, started)
        ]
        self.both("sso-admin", "DescribeAccountAssignmentCreationStatus", *polls)
        lists = [
            {name: grant[name] for name in ("InstanceArn", "PermissionSetArn")} | {"AccountId": self.management}
            for grant in grants
        ]
        self.both("sso-admin", "ListAccountAssignments", *lists)
        by = [{name: grant[name] for name in ("InstanceArn", "PrincipalId", "PrincipalType")} for grant in grants]
        self.both("sso-admin", "ListAccountAssignmentsForPrincipal", *by)
        deleted = self.both("sso-admin", "DeleteAccountAssignment", *grants)
        polls = [
            dict(InstanceArn=grant["InstanceArn"], AccountAssignmentDeletionRequestId=answer["AccountAssignmentDeletionStatus"]["RequestId"])
            for grant, answer in zip(grants, deleted)
        ]
        self.both("sso-admin", "DescribeAccountAssignmentDeletionStatus", *polls)

    def test_identity_store(self):
        stores = [self.store, self.other("sso-admin").list_instances()["Instances"][0]["IdentityStoreId"]]
        of = lambda **more: [{"IdentityStoreId": store, **more} for store in stores]
        user = dict(
            UserName="m", DisplayName="M", Name={"GivenName": "G", "FamilyName": "F"}, Title="t",
            Emails=[{"Value": "m@example.com", "Type": "work", "Primary": True}],
        )
        users = [answer["UserId"] for answer in self.both("identitystore", "CreateUser", *of(**user))]
        self.assertEqual(self.error("identitystore", "CreateUser", *of(**user)), "ConflictException")
        described = self.both("identitystore", "DescribeUser", *(dict(one, UserId=id) for one, id in zip(of(), users)))
        for name in user:
            self.assertEqual(described[0][name], described[1][name])
        by = {"UniqueAttribute": {"AttributePath": "userName", "AttributeValue": "m"}}
        found = self.both("identitystore", "GetUserId", *of(AlternateIdentifier=by))
        self.assertEqual([answer["UserId"] for answer in found], users)
        groups = [answer["GroupId"] for answer in self.both("identitystore", "CreateGroup", *of(DisplayName="g", Description="d"))]
        self.assertEqual(self.error("identitystore", "CreateGroup", *of(DisplayName="g")), "ConflictException")
        self.both("identitystore", "DescribeGroup", *(dict(one, GroupId=id) for one, id in zip(of(), groups)))
        by = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "g"}}
        self.both("identitystore", "GetGroupId", *of(AlternateIdentifier=by))
        members = [dict(one, GroupId=group, MemberId={"UserId": user}) for one, group, user in zip(of(), groups, users)]
        made = self.both("identitystore", "CreateGroupMembership", *members)
        ones = [dict(one, MembershipId=answer["MembershipId"]) for one, answer in zip(of(), made)]
        self.both("identitystore", "DescribeGroupMembership", *ones)
        self.both("identitystore", "GetGroupMembershipId", *members)
        self.both("identitystore", "ListGroupMemberships", *(dict(one, GroupId=id) for one, id in zip(of(), groups)))
        asked = [dict(one, MemberId={"UserId": user}, GroupIds=[group]) for one, user, group in zip(of(), users, groups)]
        self.both("identitystore", "IsMemberInGroups", *asked)
        self.both("identitystore", "ListUsers", *of(Filters=[{"AttributePath": "UserName", "AttributeValue": "m"}]))
        self.both("identitystore", "ListGroups", *of(Filters=[{"AttributePath": "DisplayName", "AttributeValue": "g"}]))
        self.both("identitystore", "DeleteGroupMembership", *ones)
        self.both("identitystore", "DeleteGroup", *(dict(one, GroupId=id) for one, id in zip(of(), groups)))
        gone = [dict(one, GroupId=id) for one, id in zip(of(), groups)]
        self.assertEqual(self.error("identitystore", "DescribeGroup", *gone), "ResourceNotFoundException")

    def test_organizations(self):
        self.other("organizations").create_organization(FeatureSet="ALL")
        self.both("organizations", "DescribeOrganization", {})
        roots = [answer["Roots"][0]["Id"] for answer in self.both("organizations", "ListRoots", {})]
        made = self.both("organizations", "CreateOrganizationalUnit", *(dict(ParentId=root, Name="U") for root in roots))
        units = [answer["OrganizationalUnit"]["Id"] for answer in made]
        self.both("organizations", "DescribeOrganizationalUnit", *(dict(OrganizationalUnitId=unit) for unit in units))
        self.both("organizations", "ListOrganizationalUnitsForParent", *(dict(ParentId=root) for root in roots))
        self.both("organizations", "ListParents", *(dict(ChildId=unit) for unit in units))
        started = self.both("organizations", "CreateAccount", dict(AccountName="m", Email="m@example.com"))
        polls = [dict(CreateAccountRequestId=answer["CreateAccountStatus"]["Id"]) for answer in started]
        ended = self.both("organizations", "DescribeCreateAccountStatus", *polls)
        accounts = [answer["CreateAccountStatus"]["AccountId"] for answer in ended]
        moves = [
            dict(AccountId=account, SourceParentId=root, DestinationParentId=unit)
            for account, root, unit in zip(accounts, roots, units)
        ]
        self.both("organizations", "MoveAccount", *moves)
        self.both("organizations", "ListAccountsForParent", *(dict(ParentId=unit) for unit in units))
        self.both("organizations", "ListChildren", *(dict(ParentId=unit, ChildType="ACCOUNT") for unit in units))
        self.both("organizations", "DescribeAccount", *(dict(AccountId=account) for account in accounts))
        tags = dict(Tags=[{"Key": "a", "Value": "b"}])
        self.both("organizations", "TagResource", *(dict(ResourceId=account, **tags) for account in accounts))
        self.both("organizations", "ListTagsForResource", *(dict(ResourceId=account) for account in accounts))
        self.both("organizations", "ListAccounts", {})
        self.assertEqual(self.error("organizations", "DescribeAccount", dict(AccountId="999999999999")), "AccountNotFoundException")

    def test_iam_and_sts(self):
        self.both("sts", "GetCallerIdentity", {})
        arn = f"arn:aws:iam::{self.management}:role/Any"
        mine, theirs = self.both("sts", "AssumeRole", dict(RoleArn=arn, RoleSessionName="me"))
        self.assertEqual(set(mine["Credentials"]), set(theirs["Credentials"]))
        self.assertEqual(mine["AssumedRoleUser"]["Arn"], theirs["AssumedRoleUser"]["Arn"])
        self.assertEqual(self.error("iam", "GetRole", dict(RoleName="none")), "NoSuchEntity")
        self.assertEqual(self.error("iam", "ListRolePolicies", dict(RoleName="none")), "NoSuchEntity")


def members(answer):
    """The names of all members in an answer."""
    names = set()
    waiting = [{name: value for name, value in answer.items() if name != "ResponseMetadata"}]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            names |= set(value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return names
