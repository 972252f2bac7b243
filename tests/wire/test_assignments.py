"""Assignments, provisioning, and the roles they leave in the accounts, as IAM shows them."""

import json
import time

from service import WireTest


class Assignments(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls()
        cls.a, cls.b = case.account(), case.account()

    def test_a_request_begins_in_progress_and_is_found_done(self):
        arn, group = self.permission_set(), self.group()
        started = self.sso.create_account_assignment(**self.grant(arn, self.a, group))["AccountAssignmentCreationStatus"]
        self.assertEqual(started["Status"], "IN_PROGRESS")
        self.assertEqual((started["TargetId"], started["PrincipalId"], started["PermissionSetArn"]), (self.a, group, arn))
        done = self.sso.describe_account_assignment_creation_status(
            InstanceArn=self.arn, AccountAssignmentCreationRequestId=started["RequestId"]
        )["AccountAssignmentCreationStatus"]
        self.assertEqual(done, {**started, "Status": "SUCCEEDED"})

    def test_an_assignment_is_listed_by_account_and_set(self):
        arn, group, user = self.permission_set(), self.group(), self.user()
        self.assign(arn, self.a, group)
        self.assign(arn, self.a, user, "USER")
        listed, sizes = self.pages(self.sso.list_account_assignments, "AccountAssignments", 1, AccountId=self.a, **self.on(arn))
        self.assertEqual({(one["PrincipalType"], one["PrincipalId"]) for one in listed}, {("GROUP", group), ("USER", user)})
        self.assertEqual(sizes, [1, 1])
        elsewhere = self.sso.list_account_assignments(AccountId=self.b, **self.on(arn))["AccountAssignments"]
        self.assertEqual(elsewhere, [])

    def test_a_users_assignments_are_its_own_and_its_groups(self):
        arn, group, user = self.permission_set(), self.group(), self.user()
        other = self.permission_set()
        self.ids.create_group_membership(IdentityStoreId=self.store, GroupId=group, MemberId={"UserId": user})
        self.assign(arn, self.a, group)
        self.assign(other, self.b, user, "USER")
        call = self.sso.list_account_assignments_for_principal
        of_user = dict(InstanceArn=self.arn, PrincipalId=user, PrincipalType="USER")
        listed, _ = self.pages(call, "AccountAssignments", 1, **of_user)
        self.assertEqual(
            {(one["AccountId"], one["PermissionSetArn"], one["PrincipalType"]) for one in listed},
            {(self.a, arn, "GROUP"), (self.b, other, "USER")},
        )
        filtered = call(Filter={"AccountId": self.b}, **of_user)["AccountAssignments"]
        self.assertEqual([one["PermissionSetArn"] for one in filtered], [other])

    def test_the_same_assignment_again_succeeds_and_changes_nothing(self):
        arn, group = self.permission_set(), self.group()
        self.assign(arn, self.a, group)
        before = self.roles(self.a)
        self.assign(arn, self.a, group)
        self.assertEqual(self.roles(self.a), before)
        self.assertEqual(len(self.sso.list_account_assignments(AccountId=self.a, **self.on(arn))["AccountAssignments"]), 1)

    def test_a_deletion_has_a_request_of_its_own(self):
        arn, group = self.permission_set(), self.group()
        created = self.assign(arn, self.a, group)
        deleted = self.unassign(arn, self.a, group)
        self.assertNotEqual(created["RequestId"], deleted["RequestId"])
        self.fails(
            "ResourceNotFoundException", self.sso.describe_account_assignment_creation_status,
            InstanceArn=self.arn, AccountAssignmentCreationRequestId=deleted["RequestId"],
        )

    def test_what_is_not_assigned_cannot_be_removed(self):
        arn, group = self.permission_set(), self.group()
        nobody = group[:11] + "00000000-0000-4000-8000-000000000000"
        for principal in (group, nobody):
            ended = self.unassign(arn, self.a, principal, wanted="FAILED")
            self.assertEqual(
                ended["FailureReason"],
                "Received a 404 status error: EntitlementItem doesn't exist with the given entitlement key "
                f"EntitlementKey{{accessorId=AccessorId{{value={principal}}}, resourceId=ResourceId{{value={self.a}}}, "
                f"auxiliaryResourceId=AuxiliaryResourceId{{value={arn}}}, containerId=ContainerId{{value={self.arn}}}}}",
            )
            self.assertEqual((ended["PrincipalId"], ended["PrincipalType"], ended["TargetId"]), (principal, "GROUP", self.a))

    def test_who_is_not_in_the_directory_fails_the_request(self):
        arn, group, deleted = self.permission_set(), self.group(), self.group()
        self.ids.delete_group(IdentityStoreId=self.store, GroupId=deleted)
        nobody = group[:11] + "00000000-0000-4000-8000-000000000000"
        for principal, kind in ((nobody, "GROUP"), (nobody[11:], "USER"), (deleted, "GROUP"), (group, "USER")):
            ended = self.assign(arn, self.a, principal, kind, wanted="FAILED")
            self.assertEqual(
                ended["FailureReason"],
                f"Received a 404 status error: the {kind} assignee {principal} was not found in directory {self.store}",
            )
            self.assertEqual((ended["PrincipalId"], ended["PrincipalType"]), (principal, kind))
        self.assertEqual(self.sso.list_account_assignments(AccountId=self.a, **self.on(arn))["AccountAssignments"], [])
        self.fails("ValidationException", self.sso.create_account_assignment, **self.grant(arn, self.a, "nobody"))

    def test_unknown_accounts_and_sets_are_not_found(self):
        arn, group = self.permission_set(), self.group()
        create = self.sso.create_account_assignment
        self.fails("ResourceNotFoundException", create, **self.grant(arn, "999999999999", group))
        self.fails("ResourceNotFoundException", create, **self.grant(arn[:-16] + "0" * 16, self.a, group))

    def test_an_assigned_set_cannot_be_deleted(self):
        arn, group = self.permission_set(), self.group()
        self.assign(arn, self.a, group)
        message = self.fails("ConflictException", self.sso.delete_permission_set, **self.on(arn))
        self.assertTrue(message.startswith("Could not delete because"))
        self.unassign(arn, self.a, group)
        self.sso.delete_permission_set(**self.on(arn))

    def test_creating_what_is_being_deleted_conflicts(self):
        arn, group = self.permission_set(), self.group()
        self.assign(arn, self.a, group)
        self.sso.delete_account_assignment(**self.grant(arn, self.a, group))
        self.fails("ConflictException", self.sso.create_account_assignment, **self.grant(arn, self.a, group))
        self.fails("ConflictException", self.sso.delete_account_assignment, **self.grant(arn, self.a, group))

    def test_requests_are_listed_by_status(self):
        arn, group = self.permission_set(), self.group()
        created = self.assign(arn, self.b, group)["RequestId"]
        deleted = self.unassign(arn, self.b, group)["RequestId"]
        for call, name, request in (
            (self.sso.list_account_assignment_creation_status, "AccountAssignmentsCreationStatus", created),
            (self.sso.list_account_assignment_deletion_status, "AccountAssignmentsDeletionStatus", deleted),
        ):
            with self.subTest(name):
                listed, _ = self.pages(call, name, 2, InstanceArn=self.arn, Filter={"Status": "SUCCEEDED"})
                self.assertIn(request, [one["RequestId"] for one in listed])
                self.assertEqual(set(listed[0]), {"Status", "RequestId", "CreatedDate"})
                failed = call(InstanceArn=self.arn, Filter={"Status": "FAILED"})[name]
                self.assertNotIn(request, [one["RequestId"] for one in failed])

    def test_requests_that_nobody_made_are_not_found(self):
        unknown = "00000000-0000-4000-8000-000000000000"
        self.fails(
            "ResourceNotFoundException", self.sso.describe_account_assignment_deletion_status,
            InstanceArn=self.arn, AccountAssignmentDeletionRequestId=unknown,
        )
        self.fails(
            "ResourceNotFoundException", self.sso.describe_permission_set_provisioning_status,
            InstanceArn=self.arn, ProvisionPermissionSetRequestId=unknown,
        )

    def test_assignments_of_a_deleted_group_stay_and_can_be_removed(self):
        arn, group = self.permission_set(), self.group()
        self.assign(arn, self.a, group)
        self.ids.delete_group(IdentityStoreId=self.store, GroupId=group)
        listed = self.sso.list_account_assignments(AccountId=self.a, **self.on(arn))["AccountAssignments"]
        self.assertEqual([one["PrincipalId"] for one in listed], [group])
        self.unassign(arn, self.a, group)

    def test_a_principal_that_is_deleted_meanwhile_fails_the_request(self):
        arn, group = self.permission_set(), self.group()
        started = self.sso.create_account_assignment(**self.grant(arn, self.a, group))["AccountAssignmentCreationStatus"]
        self.ids.delete_group(IdentityStoreId=self.store, GroupId=group)
        ended = self.sso.describe_account_assignment_creation_status(
            InstanceArn=self.arn, AccountAssignmentCreationRequestId=started["RequestId"]
        )["AccountAssignmentCreationStatus"]
        self.assertEqual(ended["Status"], "FAILED")
        self.assertEqual(
            ended["FailureReason"],
            f"Received a 404 status error: the GROUP assignee {group} was not found in directory {self.store}",
        )

    def test_a_suspended_account_fails_the_request(self):
        arn, group, account = self.permission_set(), self.group(), self.account()
        self.org.close_account(AccountId=account)
        self.assertEqual(self.org.describe_account(AccountId=account)["Account"]["Status"], "SUSPENDED")
        ended = self.assign(arn, account, group, wanted="FAILED")
        self.assertIn(f"AWS account {account} is SUSPENDED", ended["FailureReason"])

    def test_more_policies_than_a_role_may_have_fail_the_request(self):
        # Quotas are off here, and so is this one: the request succeeds with eleven.
        arn = self.permission_set()
        for n in range(11):
            self.sso.attach_customer_managed_policy_reference_to_permission_set(
                **self.on(arn, CustomerManagedPolicyReference={"Name": f"p{n}"})
            )
        self.assign(arn, self.a, self.group())


class Provisioning(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls()
        cls.a, cls.b = case.account(), case.account()

    def stale(self, arn):
        listed = self.sso.list_accounts_for_provisioned_permission_set(
            ProvisioningStatus="LATEST_PERMISSION_SET_NOT_PROVISIONED", **self.on(arn)
        )["AccountIds"]
        return set(listed)

    def test_an_assignment_provisions_and_a_change_makes_stale(self):
        arn, group = self.permission_set(), self.group()
        self.assign(arn, self.a, group)
        self.assign(arn, self.b, group)
        self.assertEqual(self.stale(arn), set())
        self.sso.update_permission_set(**self.on(arn, Description="changed"))
        self.assertEqual(self.stale(arn), {self.a, self.b})
        latest = self.sso.list_permission_sets_provisioned_to_account(
            InstanceArn=self.arn, AccountId=self.a, ProvisioningStatus="LATEST_PERMISSION_SET_PROVISIONED"
        )["PermissionSets"]
        self.assertNotIn(arn, latest)
        self.provision(arn, self.a)
        self.assertEqual(self.stale(arn), {self.b})
        self.provision(arn)
        self.assertEqual(self.stale(arn), set())

    def test_every_change_but_tags_makes_stale(self):
        arn = self.permission_set()
        self.assign(arn, self.a, self.group())
        self.sso.tag_resource(InstanceArn=self.arn, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
        self.assertEqual(self.stale(arn), set())
        policy = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        changes = [
            lambda: self.sso.put_inline_policy_to_permission_set(**self.on(arn, InlinePolicy='{"Statement":{}}')),
            lambda: self.sso.delete_inline_policy_from_permission_set(**self.on(arn)),
            lambda: self.sso.attach_managed_policy_to_permission_set(**self.on(arn, ManagedPolicyArn=policy)),
            lambda: self.sso.detach_managed_policy_from_permission_set(**self.on(arn, ManagedPolicyArn=policy)),
            lambda: self.sso.put_permissions_boundary_to_permission_set(**self.on(arn, PermissionsBoundary={"ManagedPolicyArn": policy})),
            lambda: self.sso.delete_permissions_boundary_from_permission_set(**self.on(arn)),
        ]
        for change in changes:
            change()
            self.assertEqual(self.stale(arn), {self.a})
            self.provision(arn)
            self.assertEqual(self.stale(arn), set())

    def test_accounts_and_sets_are_listed_in_pages(self):
        group = self.group()
        sets = [self.permission_set() for _ in range(3)]
        for arn in sets:
            self.assign(arn, self.a, group)
            self.assign(arn, self.b, group)
        listed, _ = self.pages(
            self.sso.list_accounts_for_provisioned_permission_set, "AccountIds", 1, **self.on(sets[0])
        )
        self.assertEqual(sorted(listed), sorted([self.a, self.b]))
        listed, _ = self.pages(
            self.sso.list_permission_sets_provisioned_to_account, "PermissionSets", 2, InstanceArn=self.arn, AccountId=self.a
        )
        self.assertLessEqual(set(sets), set(listed))

    def test_a_set_without_assignments_has_nothing_to_provision(self):
        # Terraform's AWS provider provisions everywhere after each change, of sets without assignments too.
        arn = self.permission_set()
        self.assertNotIn("FailureReason", self.provision(arn))
        self.sso.put_inline_policy_to_permission_set(**self.on(arn, InlinePolicy='{"Statement":{}}'))
        self.assertNotIn("AccountId", self.provision(arn))
        ended = self.provision(arn, self.a, wanted="FAILED")
        self.assertEqual(
            ended["FailureReason"],
            f"Received a 404 status error: Permission set provision not found in AWS account {self.a}.",
        )
        self.assertEqual(ended["AccountId"], self.a)

    def test_provisionings_are_listed_by_status(self):
        arn = self.permission_set()
        failed = self.provision(arn, self.a, wanted="FAILED")["RequestId"]
        listed, _ = self.pages(
            self.sso.list_permission_set_provisioning_status, "PermissionSetsProvisioningStatus", 1,
            InstanceArn=self.arn, Filter={"Status": "FAILED"},
        )
        self.assertIn(failed, [one["RequestId"] for one in listed])


class Roles(WireTest):
    """The life of a role, seen through IAM in its account."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.a = cls().account()
        cls.there = cls.server.client("iam", key=cls.a)

    def role(self, name):
        found = [role for role in self.roles(self.a) if role["RoleName"].startswith(f"AWSReservedSSO_{name}_")]
        return found[0] if found else None

    def test_a_role_appears_with_the_first_assignment_and_goes_with_the_last(self):
        arn, one, two = self.permission_set("life"), self.group(), self.group()
        self.assertIsNone(self.role("life"))
        self.assign(arn, self.a, one)
        first = self.role("life")
        self.assertRegex(
            first["Arn"],
            rf"^arn:aws:iam::{self.a}:role/aws-reserved/sso\.amazonaws\.com/eu-west-1/AWSReservedSSO_life_[0-9a-f]{{16}}$",
        )
        self.assign(arn, self.a, two)
        self.unassign(arn, self.a, one)
        self.assertEqual(self.role("life")["Arn"], first["Arn"])
        self.unassign(arn, self.a, two)
        self.assertIsNone(self.role("life"))

    def test_a_role_that_comes_back_has_another_suffix(self):
        arn, group = self.permission_set("back"), self.group()
        self.assign(arn, self.a, group)
        before = self.role("back")["RoleName"]
        self.unassign(arn, self.a, group)
        self.assign(arn, self.a, group)
        after = self.role("back")["RoleName"]
        self.assertNotEqual(before, after)
        self.assertEqual(before[:-16], after[:-16])
        self.assertEqual(self.fails("NoSuchEntity", self.there.get_role, RoleName=before), f"The role with name {before} cannot be found.")

    def test_a_role_has_what_was_provisioned(self):
        arn = self.permission_set("rich", Description="rich one", SessionDuration="PT8H")
        view = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
        self.sso.attach_managed_policy_to_permission_set(**self.on(arn, ManagedPolicyArn=view))
        self.sso.attach_customer_managed_policy_reference_to_permission_set(
            **self.on(arn, CustomerManagedPolicyReference={"Name": "own", "Path": "/p/"})
        )
        self.sso.put_inline_policy_to_permission_set(**self.on(arn, InlinePolicy=json.dumps(policy)))
        self.sso.put_permissions_boundary_to_permission_set(**self.on(arn, PermissionsBoundary={"ManagedPolicyArn": view}))
        self.assign(arn, self.a, self.group())
        name = self.role("rich")["RoleName"]
        role = self.there.get_role(RoleName=name)["Role"]
        self.assertEqual((role["Description"], role["MaxSessionDuration"]), ("rich one", 43200))
        self.assertEqual(role["PermissionsBoundary"]["PermissionsBoundaryArn"], view)
        attached = self.there.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        self.assertEqual(
            {policy["PolicyArn"] for policy in attached}, {view, f"arn:aws:iam::{self.a}:policy/p/own"}
        )
        self.assertEqual(self.there.list_role_policies(RoleName=name)["PolicyNames"], ["AwsSSOInlinePolicy"])
        read = self.there.get_role_policy(RoleName=name, PolicyName="AwsSSOInlinePolicy")
        self.assertEqual(read["PolicyDocument"], policy)
        self.assertEqual(self.there.list_role_tags(RoleName=name)["Tags"], [])

    def test_a_change_reaches_the_role_when_it_is_provisioned(self):
        arn = self.permission_set("late", Description="old")
        self.assign(arn, self.a, self.group())
        before = self.role("late")
        self.sso.update_permission_set(**self.on(arn, Description="new"))
        self.assertEqual(self.role("late")["Description"], "old")
        self.provision(arn, self.a)
        after = self.role("late")
        self.assertEqual((after["Description"], after["Arn"]), ("new", before["Arn"]))

    def test_roles_trust_the_accounts_saml_provider(self):
        arn = self.permission_set("trust")
        self.assign(arn, self.a, self.group())
        (provider,) = self.there.list_saml_providers()["SAMLProviderList"]
        self.assertRegex(provider["Arn"], rf"^arn:aws:iam::{self.a}:saml-provider/AWSSSO_[0-9a-f]{{16}}_DO_NOT_DELETE$")
        (statement,) = self.role("trust")["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(statement["Principal"], {"Federated": provider["Arn"]})
        self.assertEqual(statement["Action"], ["sts:AssumeRoleWithSAML", "sts:TagSession"])
        read = self.there.get_saml_provider(SAMLProviderArn=provider["Arn"])
        self.assertIn("IDPSSODescriptor", read["SAMLMetadataDocument"])
        other = provider["Arn"].replace("AWSSSO_", "AWSSSO_f")
        self.fails("NoSuchEntity", self.there.get_saml_provider, SAMLProviderArn=other)

    def test_every_account_has_the_service_linked_role(self):
        for client in (self.there, self.iam):
            role = client.get_role(RoleName="AWSServiceRoleForSSO")["Role"]
            self.assertEqual(role["Path"], "/aws-service-role/sso.amazonaws.com/")
            attached = client.list_attached_role_policies(RoleName="AWSServiceRoleForSSO")["AttachedPolicies"]
            self.assertEqual([policy["PolicyName"] for policy in attached], ["AWSSSOServiceRolePolicy"])

    def test_roles_are_listed_below_a_path_and_in_pages(self):
        group = self.group()
        for n in range(4):
            self.assign(self.permission_set(f"paged{n}"), self.a, group)
        names, marker, sizes = [], {}, []
        while True:
            page = self.there.list_roles(PathPrefix="/aws-reserved/", MaxItems=3, **marker)
            names += [role["RoleName"] for role in page["Roles"]]
            sizes.append(len(page["Roles"]))
            if not page["IsTruncated"]:
                break
            marker = {"Marker": page["Marker"]}
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(sizes[:-1]), {3})
        paginator = self.there.get_paginator("list_roles")
        self.assertEqual([r["RoleName"] for p in paginator.paginate(PathPrefix="/aws-reserved/") for r in p["Roles"]], names)
        self.assertEqual(self.there.list_roles(PathPrefix="/none/")["Roles"], [])
        self.fails("ValidationError", self.there.list_roles, Marker="bm9uZQ==")

    def test_roles_cannot_be_changed_by_whoever_asks(self):
        self.assign(self.permission_set("firm"), self.a, self.group())
        name = self.role("firm")["RoleName"]
        policy = "arn:aws:iam::aws:policy/AdministratorAccess"
        for call, more in (
            (self.there.delete_role, {}),
            (self.there.attach_role_policy, {"PolicyArn": policy}),
            (self.there.detach_role_policy, {"PolicyArn": policy}),
            (self.there.put_role_policy, {"PolicyName": "x", "PolicyDocument": "{}"}),
            (self.there.delete_role_policy, {"PolicyName": "AwsSSOInlinePolicy"}),
            (self.there.update_assume_role_policy, {"PolicyDocument": "{}"}),
            (self.there.update_role, {"Description": "mine"}),
            (self.there.update_role_description, {"Description": "mine"}),
            (self.there.put_role_permissions_boundary, {"PermissionsBoundary": policy}),
            (self.there.delete_role_permissions_boundary, {}),
        ):
            with self.subTest(call.__name__):
                message = self.fails("UnmodifiableEntity", call, RoleName=name, **more)
                self.assertIn("only modifiable by AWS", message)

    def test_an_account_outside_the_organisation_is_not_known(self):
        self.fails("NoSuchEntity", self.server.client("iam", key="999999999999").list_roles)


class RealTime(WireTest):
    """With the real clock, requests take their time."""

    SERVE = ("--clock", "real", "--quotas", "on")

    def test_a_request_stays_in_progress_for_its_time(self):
        arn, group = self.permission_set(), self.group()
        began = time.time()
        started = self.sso.create_account_assignment(**self.grant(arn, self.management, group))
        started = started["AccountAssignmentCreationStatus"]
        poll = dict(InstanceArn=self.arn, AccountAssignmentCreationRequestId=started["RequestId"])
        seen = []
        while not seen or seen[-1] == "IN_PROGRESS":
            answer = self.sso.describe_account_assignment_creation_status(**poll)
            seen.append(answer["AccountAssignmentCreationStatus"]["Status"])
            time.sleep(0.2)
        self.assertGreater(time.time() - began, 1.5)
        self.assertEqual((seen[0], seen[-1]), ("IN_PROGRESS", "SUCCEEDED"))
        self.assertLess(abs(started["CreatedDate"].timestamp() - began), 5, "its clock is the wall's")
