"""Permission sets, and what is attached to them."""

import json

from service import WireTest

VIEW = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


class Definition(WireTest):
    def test_a_set_reads_back_as_it_was_created(self):
        given = dict(Description="Für alle", SessionDuration="PT4H", RelayState="https://console.aws.amazon.com/x")
        created = self.sso.create_permission_set(InstanceArn=self.arn, Name="full", **given)["PermissionSet"]
        described = self.sso.describe_permission_set(**self.on(created["PermissionSetArn"]))["PermissionSet"]
        self.assertEqual(created, described)
        self.assertEqual({name: described[name] for name in given}, given)

    def test_the_session_lasts_an_hour_unless_said(self):
        described = self.sso.describe_permission_set(**self.on(self.permission_set()))["PermissionSet"]
        self.assertEqual(described["SessionDuration"], "PT1H")
        self.assertNotIn("Description", described)
        self.assertNotIn("RelayState", described)

    def test_a_name_can_be_used_once(self):
        self.permission_set("taken")
        message = self.fails("ConflictException", self.sso.create_permission_set, InstanceArn=self.arn, Name="taken")
        self.assertIn("taken already exists", message)

    def test_a_name_can_be_used_again_after_the_set_was_deleted_with_another_arn(self):
        first = self.permission_set("again")
        self.sso.delete_permission_set(**self.on(first))
        self.assertNotEqual(self.permission_set("again"), first)

    def test_an_update_replaces_and_an_absent_relay_state_is_cleared(self):
        arn = self.permission_set(RelayState="https://x.example", Description="old", SessionDuration="PT2H")
        self.sso.update_permission_set(**self.on(arn, Description="new"))
        described = self.sso.describe_permission_set(**self.on(arn))["PermissionSet"]
        self.assertEqual((described["Description"], described["SessionDuration"]), ("new", "PT2H"))
        self.assertNotIn("RelayState", described)

    def test_a_deleted_set_is_not_found(self):
        arn = self.permission_set()
        self.sso.delete_permission_set(**self.on(arn))
        self.fails("ResourceNotFoundException", self.sso.describe_permission_set, **self.on(arn))
        self.fails("ResourceNotFoundException", self.sso.delete_permission_set, **self.on(arn))

    def test_sets_are_listed_in_pages_without_gap_or_repetition(self):
        made = {self.permission_set() for _ in range(7)}
        listed, sizes = self.pages(self.sso.list_permission_sets, "PermissionSets", 3, InstanceArn=self.arn)
        self.assertEqual(len(listed), len(set(listed)))
        self.assertLessEqual(made, set(listed))
        self.assertEqual(set(sizes[:-1]), {3})
        paginator = self.sso.get_paginator("list_permission_sets")
        paged = [arn for page in paginator.paginate(InstanceArn=self.arn, PaginationConfig={"PageSize": 2}) for arn in page["PermissionSets"]]
        self.assertEqual(paged, listed)


class Policies(WireTest):
    def test_there_is_one_inline_policy_and_none_reads_as_empty(self):
        arn = self.permission_set()
        read = lambda: self.sso.get_inline_policy_for_permission_set(**self.on(arn))["InlinePolicy"]
        self.assertEqual(read(), "")
        self.sso.put_inline_policy_to_permission_set(**self.on(arn, InlinePolicy=POLICY))
        self.assertEqual(read(), POLICY)
        self.sso.put_inline_policy_to_permission_set(**self.on(arn, InlinePolicy='{ "Statement": {} }'))
        self.assertEqual(read(), '{ "Statement": {} }')
        self.sso.delete_inline_policy_from_permission_set(**self.on(arn))
        self.assertEqual(read(), "")
        self.sso.delete_inline_policy_from_permission_set(**self.on(arn))

    def test_an_inline_policy_with_another_effect_is_refused(self):
        arn, policy = self.permission_set(), '{"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}'
        put = self.sso.put_inline_policy_to_permission_set
        message = self.fails("ValidationException", put, **self.on(arn, InlinePolicy=policy))
        self.assertIn("Invalid PermissionsPolicy Document", message)

    def test_an_inline_policy_without_statements_is_refused(self):
        arn = self.permission_set()
        put = self.sso.put_inline_policy_to_permission_set
        for bad in ("[]", "{}", '{"Version": "2012-10-17"}', '{"Statement": []}', '{"Statement": "Allow"}', "Allow all"):
            with self.subTest(bad):
                message = self.fails("ValidationException", put, **self.on(arn, InlinePolicy=bad))
                self.assertEqual(message, f"Invalid PermissionsPolicy Document {bad}")
        self.assertEqual(self.sso.get_inline_policy_for_permission_set(**self.on(arn))["InlinePolicy"], "")

    def test_an_inline_policy_is_json_and_not_too_large(self):
        arn = self.permission_set()
        put = self.sso.put_inline_policy_to_permission_set
        self.fails("ValidationException", put, **self.on(arn, InlinePolicy="Allow all"))
        self.fails("ValidationException", put, **self.on(arn, InlinePolicy="x" * 32769))
        dense = json.dumps({"Version": "x" * 10300})
        self.fails("ValidationException", put, **self.on(arn, InlinePolicy=dense))
        put(**self.on(arn, InlinePolicy='{"Statement":' + " " * 20000 + '{}}'))

    def test_managed_policies_are_attached_listed_and_detached(self):
        arn = self.permission_set()
        for policy in (VIEW, ADMIN):
            self.sso.attach_managed_policy_to_permission_set(**self.on(arn, ManagedPolicyArn=policy))
        listed, sizes = self.pages(
            self.sso.list_managed_policies_in_permission_set, "AttachedManagedPolicies", 1, **self.on(arn)
        )
        self.assertEqual(
            sorted((policy["Name"], policy["Arn"]) for policy in listed),
            [("AdministratorAccess", ADMIN), ("ViewOnlyAccess", VIEW)],
        )
        self.assertEqual(sizes, [1, 1])
        self.sso.detach_managed_policy_from_permission_set(**self.on(arn, ManagedPolicyArn=VIEW))
        left = self.sso.list_managed_policies_in_permission_set(**self.on(arn))["AttachedManagedPolicies"]
        self.assertEqual([policy["Arn"] for policy in left], [ADMIN])

    def test_attaching_twice_conflicts_and_detaching_twice_finds_nothing(self):
        arn = self.permission_set()
        attach, detach = self.sso.attach_managed_policy_to_permission_set, self.sso.detach_managed_policy_from_permission_set
        attach(**self.on(arn, ManagedPolicyArn=VIEW))
        self.fails("ConflictException", attach, **self.on(arn, ManagedPolicyArn=VIEW))
        detach(**self.on(arn, ManagedPolicyArn=VIEW))
        self.fails("ResourceNotFoundException", detach, **self.on(arn, ManagedPolicyArn=VIEW))

    def test_customer_managed_policies_have_a_path_that_may_be_left_out(self):
        arn = self.permission_set()
        attach = self.sso.attach_customer_managed_policy_reference_to_permission_set
        attach(**self.on(arn, CustomerManagedPolicyReference={"Name": "audit"}))
        attach(**self.on(arn, CustomerManagedPolicyReference={"Name": "audit", "Path": "/team/"}))
        self.fails("ConflictException", attach, **self.on(arn, CustomerManagedPolicyReference={"Name": "audit", "Path": "/"}))
        listed, _ = self.pages(
            self.sso.list_customer_managed_policy_references_in_permission_set,
            "CustomerManagedPolicyReferences", 1, **self.on(arn),
        )
        self.assertEqual(listed, [{"Name": "audit", "Path": "/"}, {"Name": "audit", "Path": "/team/"}])
        detach = self.sso.detach_customer_managed_policy_reference_from_permission_set
        detach(**self.on(arn, CustomerManagedPolicyReference={"Name": "audit", "Path": "/team/"}))
        self.fails(
            "ResourceNotFoundException", detach,
            **self.on(arn, CustomerManagedPolicyReference={"Name": "audit", "Path": "/team/"}),
        )

    def test_a_boundary_is_one_or_the_other(self):
        arn = self.permission_set()
        put, get = self.sso.put_permissions_boundary_to_permission_set, self.sso.get_permissions_boundary_for_permission_set
        self.fails("ResourceNotFoundException", get, **self.on(arn))
        put(**self.on(arn, PermissionsBoundary={"ManagedPolicyArn": VIEW}))
        self.assertEqual(get(**self.on(arn))["PermissionsBoundary"], {"ManagedPolicyArn": VIEW})
        customer = {"CustomerManagedPolicyReference": {"Name": "edge", "Path": "/b/"}}
        put(**self.on(arn, PermissionsBoundary=customer))
        self.assertEqual(get(**self.on(arn))["PermissionsBoundary"], customer)
        self.fails("ValidationException", put, **self.on(arn, PermissionsBoundary={}))
        self.fails("ValidationException", put, **self.on(arn, PermissionsBoundary={"ManagedPolicyArn": VIEW, **customer}))
        self.sso.delete_permissions_boundary_from_permission_set(**self.on(arn))
        self.fails("ResourceNotFoundException", self.sso.delete_permissions_boundary_from_permission_set, **self.on(arn))


class Tags(WireTest):
    def tags(self, arn):
        listed = self.sso.list_tags_for_resource(InstanceArn=self.arn, ResourceArn=arn)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    def test_a_sets_tags_are_given_changed_and_removed(self):
        arn = self.permission_set(Tags=[{"Key": "team", "Value": "a"}, {"Key": "empty", "Value": ""}])
        self.assertEqual(self.tags(arn), {"team": "a", "empty": ""})
        self.sso.tag_resource(InstanceArn=self.arn, ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}])
        self.sso.untag_resource(InstanceArn=self.arn, ResourceArn=arn, TagKeys=["empty", "never"])
        self.assertEqual(self.tags(arn), {"team": "b"})

    def test_the_instance_has_tags_of_its_own(self):
        self.sso.tag_resource(ResourceArn=self.arn, Tags=[{"Key": "owner", "Value": "iam"}])
        self.assertEqual(self.tags(self.arn), {"owner": "iam"})
        self.sso.untag_resource(ResourceArn=self.arn, TagKeys=["owner"])
        self.assertEqual(self.tags(self.arn), {})

    def test_keys_of_aws_are_reserved(self):
        arn = self.permission_set()
        self.fails(
            "ValidationException", self.sso.tag_resource, InstanceArn=self.arn, ResourceArn=arn,
            Tags=[{"Key": "aws:x", "Value": ""}],
        )


class Validation(WireTest):
    """What the service models do not allow; each with a part of the message."""

    def refused(self, call, part, **inputs):
        message = self.fails("ValidationException", call, **inputs)
        self.assertIn(part, message)

    def created(self, part, **inputs):
        self.refused(self.sso.create_permission_set, part, **{"InstanceArn": self.arn, "Name": "x", **inputs})

    def test_a_name_is_missing(self):
        self.refused(
            self.sso.create_permission_set,
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
            InstanceArn=self.arn,
        )

    def test_a_name_is_too_long(self):
        self.created("Member must have length less than or equal to 32", Name="x" * 33)
        self.permission_set("y" * 32)

    def test_a_name_is_empty(self):
        self.created("Member must have length greater than or equal to 1", Name="")

    def test_a_name_has_other_characters(self):
        self.created(r"Member must satisfy regular expression pattern: [\w+=,.@-]+", Name="two words")

    def test_a_description_has_characters_outside_latin_1(self):
        self.created("'description'", Description="日本")
        self.created("'description'", Description="")
        self.created("less than or equal to 700", Description="x" * 701)

    def test_a_session_is_shorter_than_an_hour_or_longer_than_twelve(self):
        for duration in ("PT30M", "PT13H", "P1D"):
            self.created("SessionDuration must be between", SessionDuration=duration)
        for duration in ("1h", "PT", "P"):
            self.created("sessionDuration", SessionDuration=duration)
        for duration in ("PT12H", "PT60M", "PT5400S"):
            self.permission_set(SessionDuration=duration)

    def test_a_relay_state_has_other_characters(self):
        self.created("'relayState'", RelayState="https://x/<script>")
        self.created("less than or equal to 240", RelayState="x" * 241)

    def test_tags_are_checked_one_by_one(self):
        self.created("'tags.2.member.key'", Tags=[{"Key": "a", "Value": ""}, {"Key": "", "Value": ""}])
        self.created("'tags.1.member.value'", Tags=[{"Key": "a", "Value": "x" * 257}])
        self.created("less than or equal to 75", Tags=[{"Key": str(n), "Value": ""} for n in range(76)])

    def test_several_violations_are_told_together(self):
        self.created("2 validation errors detected: ", Name="x y", Description="")

    def test_an_instance_arn_is_malformed(self):
        self.created("'instanceArn'", InstanceArn="arn:aws:sso:::instance/none")

    def test_policies_of_accounts_are_no_managed_policies(self):
        arn = self.permission_set()
        attach = self.sso.attach_managed_policy_to_permission_set
        self.refused(attach, "'managedPolicyArn'", **self.on(arn, ManagedPolicyArn="arn:aws:iam::111122223333:policy/x-x-x"))
        self.refused(attach, "'managedPolicyArn'", **self.on(arn, ManagedPolicyArn="short"))

    def test_paths_of_customer_managed_policies_begin_and_end_with_a_slash(self):
        arn = self.permission_set()
        attach = self.sso.attach_customer_managed_policy_reference_to_permission_set
        for path in ("x", "/x", "x/"):
            self.refused(
                attach, "'customerManagedPolicyReference.path'",
                **self.on(arn, CustomerManagedPolicyReference={"Name": "a", "Path": path}),
            )

    def test_pages_have_from_one_to_a_hundred_items(self):
        for most, part in ((0, "greater than or equal to 1"), (101, "less than or equal to 100")):
            self.refused(self.sso.list_permission_sets, part, InstanceArn=self.arn, MaxResults=most)

    def test_a_token_leads_nowhere(self):
        self.refused(self.sso.list_permission_sets, "Invalid NextToken", InstanceArn=self.arn, NextToken="AAAA")

    def test_a_token_of_another_list_leads_nowhere(self):
        for _ in range(2):
            self.permission_set()
        token = self.sso.list_permission_sets(InstanceArn=self.arn, MaxResults=1)["NextToken"]
        self.refused(self.sso.list_regions, "Invalid NextToken", InstanceArn=self.arn, NextToken=token)

    def test_targets_and_principals_are_checked(self):
        arn = self.permission_set()
        grant = self.grant(arn, self.management, "00000000-0000-4000-8000-000000000000")
        create = self.sso.create_account_assignment
        self.refused(create, "'targetId'", **{**grant, "TargetId": "12345"})
        self.refused(create, "enum value set: [AWS_ACCOUNT]", **{**grant, "TargetType": "OU"})
        self.refused(create, "enum value set: [GROUP, USER]", **{**grant, "PrincipalType": "ROLE"})
        self.refused(create, "'principalId'", **{**grant, "PrincipalId": "ops"})

    def test_provisioning_an_account_names_it(self):
        arn = self.permission_set()
        self.refused(self.sso.provision_permission_set, "TargetId", **self.on(arn, TargetType="AWS_ACCOUNT"))


class Strangers(WireTest):
    def test_another_instance_is_not_found(self):
        other = "arn:aws:sso:::instance/ssoins-0000000000000000"
        self.fails("ResourceNotFoundException", self.sso.list_permission_sets, InstanceArn=other)

    def test_operations_whose_model_has_no_not_found_deny_another_instance(self):
        other = "arn:aws:sso:::instance/ssoins-0000000000000000"
        self.fails("AccessDeniedException", self.sso.list_regions, InstanceArn=other)
        self.fails("AccessDeniedException", self.sso.add_region, InstanceArn=other, RegionName="eu-central-1")
        message = self.fails("AccessDeniedException", self.sso.describe_instance, InstanceArn=other)
        self.assertIn("sso:DescribeInstance", message)

    def test_another_set_is_not_found(self):
        other = self.arn.replace("instance", "permissionSet") + "/ps-0000000000000000"
        for call in (
            self.sso.describe_permission_set, self.sso.get_inline_policy_for_permission_set,
            self.sso.list_managed_policies_in_permission_set, self.sso.delete_permission_set,
        ):
            with self.subTest(call.__name__):
                self.fails("ResourceNotFoundException", call, **self.on(other))
