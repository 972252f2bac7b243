"""Who calls, and what the management account, the delegated administrator and members may do."""

import urllib.request

from service import WireTest


class Identity(WireTest):
    def test_any_key_is_the_management_account(self):
        identity = self.sts.get_caller_identity()
        self.assertEqual(identity["Account"], self.management)
        self.assertTrue(identity["Arn"].startswith(f"arn:aws:sts::{self.management}:assumed-role/"))

    def test_twelve_digits_are_an_account(self):
        account = self.account()
        self.assertEqual(self.server.client("sts", key=account).get_caller_identity()["Account"], account)
        self.assertEqual(self.sts.get_access_key_info(AccessKeyId=account + "0000")["Account"], self.management)

    def test_a_role_is_assumed_in_another_account(self):
        account = self.account()
        arn = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
        answer = self.sts.assume_role(RoleArn=arn, RoleSessionName="audit", DurationSeconds=900)
        credentials = answer["Credentials"]
        self.assertEqual(answer["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{account}:assumed-role/OrganizationAccountAccessRole/audit")
        keys = dict(key=credentials["AccessKeyId"], token=credentials["SessionToken"])
        identity = self.server.client("sts", **keys).get_caller_identity()
        self.assertEqual((identity["Account"], identity["Arn"]), (account, answer["AssumedRoleUser"]["Arn"]))
        self.assertEqual(self.sts.get_access_key_info(AccessKeyId=credentials["AccessKeyId"])["Account"], account)
        self.assign(self.permission_set("seen"), account, self.group())
        roles = self.server.client("iam", **keys).list_roles(PathPrefix="/aws-reserved/")["Roles"]
        self.assertEqual([role["RoleName"].rsplit("_", 1)[0] for role in roles], ["AWSReservedSSO_seen"])

    def test_a_token_of_an_identity_provider_brings_a_role(self):
        account = self.management
        arn = f"arn:aws:iam::{account}:role/Pipeline"
        unsigned = self.server.client("sts", key="")
        answer = unsigned.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="build", WebIdentityToken="a.b.c")
        credentials = answer["Credentials"]
        member = self.server.client("sts", key=credentials["AccessKeyId"], token=credentials["SessionToken"])
        self.assertEqual(member.get_caller_identity()["Arn"], f"arn:aws:sts::{account}:assumed-role/Pipeline/build")

    def test_only_roles_that_are_there_are_assumed_and_for_as_long_as_they_let(self):
        made = self.org.create_account(AccountName="landed", Email="landed@example.com", RoleName="Landing")
        status = self.org.describe_create_account_status(
            CreateAccountRequestId=made["CreateAccountStatus"]["Id"]
        )["CreateAccountStatus"]
        account = status["AccountId"]
        arn = f"arn:aws:iam::{account}:role/Landing"
        assume = lambda arn, **more: self.sts.assume_role(RoleArn=arn, RoleSessionName="audit", **more)
        answer = assume(arn)
        said = self.fails("AccessDenied", assume, f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole")
        self.assertRegex(said, "^User: arn:aws:sts::.* is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::")
        self.fails("AccessDenied", assume, f"arn:aws:iam::{account}:role/path/Landing")
        self.fails("ValidationError", assume, arn, DurationSeconds=3601)
        self.fails("ValidationError", assume, arn, DurationSeconds=899)
        self.fails("ValidationError", lambda: self.sts.assume_role(RoleArn=arn, RoleSessionName="a b"))
        keys = dict(key=answer["Credentials"]["AccessKeyId"], token=answer["Credentials"]["SessionToken"])
        there = {name: self.server.client(name, **keys) for name in ("iam", "sts")}
        role = there["iam"].get_role(RoleName="Landing")["Role"]
        self.assertEqual(answer["AssumedRoleUser"]["AssumedRoleId"], role["RoleId"] + ":audit")
        self.assertEqual(there["sts"].get_caller_identity()["UserId"], role["RoleId"] + ":audit")
        self.assertEqual((role["MaxSessionDuration"], role["Path"]), (3600, "/"))
        trust = role["AssumeRolePolicyDocument"]["Statement"][0]
        self.assertEqual(trust["Principal"], {"AWS": f"arn:aws:iam::{self.management}:root"})
        # A session that asks for another one gets an hour at most.
        own = dict(RoleArn=f"arn:aws:iam::{self.management}:role/Long", RoleSessionName="chain", DurationSeconds=7200)
        first = self.sts.assume_role(**own)["Credentials"]
        chained = self.server.client("sts", key=first["AccessKeyId"], token=first["SessionToken"])
        self.fails("ValidationError", chained.assume_role, **own)

    def test_what_was_made_says_when(self):
        before = self.sso.describe_permission_set(
            InstanceArn=self.arn, PermissionSetArn=self.permission_set("dated")
        )["PermissionSet"]["CreatedDate"]
        account, group = self.account(), self.group()
        self.assign(self.permission_set("roles-dated"), account, group)
        there = self.server.client("iam", key=account)
        roles = there.list_roles(PathPrefix="/aws-reserved/")["Roles"]
        provider = there.list_saml_providers()["SAMLProviderList"][0]
        found = self.ids.describe_group(IdentityStoreId=self.store, GroupId=group)
        for made in (roles[0]["CreateDate"], provider["CreateDate"], found["CreatedAt"]):
            self.assertGreaterEqual(made.timestamp() + 1, before.timestamp())
        self.ids.update_group(
            IdentityStoreId=self.store, GroupId=group, Operations=[{"AttributePath": "description", "AttributeValue": "x"}]
        )
        again = self.ids.describe_group(IdentityStoreId=self.store, GroupId=group)
        self.assertEqual(again["CreatedAt"], found["CreatedAt"])
        self.assertGreaterEqual(again["UpdatedAt"], found["UpdatedAt"])

    def test_a_signed_url_says_who_calls(self):
        account = self.account()
        url = self.server.client("sts", key=account).generate_presigned_url("get_caller_identity", HttpMethod="GET")
        with urllib.request.urlopen(url, timeout=10) as answer:
            self.assertIn(f"<Account>{account}</Account>", answer.read().decode())

    def test_some_roles_cannot_be_assumed(self):
        account = self.account()
        assume = lambda arn: self.sts.assume_role(RoleArn=arn, RoleSessionName="no")
        self.fails("AccessDenied", assume, "arn:aws:iam::999999999999:role/Any")
        self.fails("AccessDenied", assume, f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x_0")
        self.fails("AccessDenied", assume, f"arn:aws:iam::{account}:role/aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO")
        member = self.server.client("sts", key=account)
        self.fails("AccessDenied", member.assume_role, RoleArn=f"arn:aws:iam::{self.management}:role/Any", RoleSessionName="no")
        self.fails("ValidationError", assume, "arn:aws:iam::short")
        self.fails("ValidationError", self.sts.assume_role, RoleArn=f"arn:aws:iam::{account}:role/Any")


class Member(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.account_id = cls().account()
        cls.m = {name: cls.server.client(name, key=cls.account_id) for name in ("sso-admin", "identitystore", "organizations")}

    def test_a_member_sees_the_instance_and_nothing_in_it(self):
        self.assertEqual(self.m["sso-admin"].list_instances()["Instances"][0]["InstanceArn"], self.arn)
        for call in (self.m["sso-admin"].list_permission_sets, self.m["sso-admin"].describe_instance):
            message = self.fails("AccessDeniedException", call, InstanceArn=self.arn)
            self.assertRegex(message, f"is not authorized to perform: sso:[A-Za-z]+ on resource: {self.arn}$")

    def test_a_member_reads_the_identity_store_and_does_not_write_it(self):
        self.assertIn("Users", self.m["identitystore"].list_users(IdentityStoreId=self.store))
        self.fails(
            "AccessDeniedException", self.m["identitystore"].create_group, IdentityStoreId=self.store, DisplayName="x"
        )

    def test_a_member_sees_the_organisation_and_not_its_accounts(self):
        self.assertEqual(self.m["organizations"].describe_organization()["Organization"]["MasterAccountId"], self.management)
        self.fails("AccessDeniedException", self.m["organizations"].list_accounts)


class Outsider(WireTest):
    def test_an_account_outside_the_organisation_sees_nothing(self):
        there = {name: self.server.client(name, key="999999999999") for name in ("sso-admin", "identitystore", "organizations")}
        self.assertEqual(there["sso-admin"].list_instances()["Instances"], [])
        self.fails("AccessDeniedException", there["sso-admin"].list_permission_sets, InstanceArn=self.arn)
        self.fails("AccessDeniedException", there["identitystore"].list_users, IdentityStoreId=self.store)
        self.fails("AWSOrganizationsNotInUseException", there["organizations"].describe_organization)


class Delegated(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin, cls.other = cls().account(), cls().account()
        cls.org.register_delegated_administrator(AccountId=cls.admin, ServicePrincipal="sso.amazonaws.com")
        cls.d = cls.server.client("sso-admin", key=cls.admin)

    def test_it_manages_sets_and_members_accounts(self):
        created = self.d.create_permission_set(InstanceArn=self.arn, Name=self.name("own"))["PermissionSet"]
        arn = created["PermissionSetArn"]
        started = self.d.create_account_assignment(**self.grant(arn, self.other, self.group()))
        self.assertEqual(started["AccountAssignmentCreationStatus"]["Status"], "IN_PROGRESS")
        self.d.put_inline_policy_to_permission_set(**self.on(arn, InlinePolicy='{"Statement":{}}'))
        self.assertTrue(self.d.list_permission_sets(InstanceArn=self.arn)["PermissionSets"])

    def test_it_does_not_touch_the_management_account(self):
        arn, group = self.permission_set(), self.group()
        message = self.fails("AccessDeniedException", self.d.create_account_assignment, **self.grant(arn, self.management, group))
        self.assertTrue(message.endswith(f" is not authorized to perform: sso:CreateAccountAssignment on resource: {arn}"), message)
        self.assign(arn, self.management, group)
        self.fails("AccessDeniedException", self.d.delete_account_assignment, **self.grant(arn, self.management, group))

    def test_it_does_not_touch_sets_that_the_management_account_has(self):
        arn, group = self.permission_set(), self.group()
        self.assign(arn, self.management, group)
        self.fails("AccessDeniedException", self.d.update_permission_set, **self.on(arn, Description="x"))
        self.fails("AccessDeniedException", self.d.put_inline_policy_to_permission_set, **self.on(arn, InlinePolicy='{"Statement":{}}'))
        self.fails("AccessDeniedException", self.d.delete_permission_set, **self.on(arn))
        self.fails("AccessDeniedException", self.d.create_account_assignment, **self.grant(arn, self.other, group))
        self.fails(
            "AccessDeniedException", self.d.provision_permission_set, **self.on(arn, TargetType="ALL_PROVISIONED_ACCOUNTS")
        )

    def test_it_does_not_ask_by_principal_nor_register_another(self):
        self.fails(
            "AccessDeniedException", self.d.list_account_assignments_for_principal,
            InstanceArn=self.arn, PrincipalId=self.group(), PrincipalType="GROUP",
        )
        org = self.server.client("organizations", key=self.admin)
        self.assertTrue(org.list_accounts()["Accounts"])
        self.fails(
            "AccessDeniedException", org.register_delegated_administrator, AccountId=self.other,
            ServicePrincipal="sso.amazonaws.com",
        )

    def test_it_manages_users_and_groups(self):
        ids = self.server.client("identitystore", key=self.admin)
        self.assertTrue(ids.create_group(IdentityStoreId=self.store, DisplayName="by-delegate")["GroupId"])


class Closed(WireTest):
    """Nobody of an account that is closed can call anything, be it with the account's own keys or with a session."""

    def refused(self, **keys):
        client = lambda service: self.server.client(service, **keys)
        json = "UnrecognizedClientException"
        for code, call, inputs in (
            (json, client("sso-admin").list_instances, {}),
            (json, client("sso-admin").create_permission_set, dict(InstanceArn=self.arn, Name="x")),
            (json, client("identitystore").list_users, dict(IdentityStoreId=self.store)),
            (json, client("organizations").describe_organization, {}),
            ("InvalidClientTokenId", client("iam").list_roles, {}),
            ("InvalidClientTokenId", client("sts").get_caller_identity, {}),
        ):
            self.assertEqual(self.fails(code, call, **inputs), "The security token included in the request is invalid.")

    def test_keys_and_sessions_of_a_closed_account_are_refused(self):
        account = self.account()
        arn = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
        session = self.sts.assume_role(RoleArn=arn, RoleSessionName="audit")["Credentials"]
        session = dict(key=session["AccessKeyId"], token=session["SessionToken"])
        for keys in (session, dict(key=account)):
            self.assertEqual(self.server.client("sts", **keys).get_caller_identity()["Account"], account)
        self.org.close_account(AccountId=account)
        # While it is being closed and when it is.
        for state in ("PENDING_CLOSURE", "SUSPENDED"):
            for keys in (session, dict(key=account)):
                self.refused(**keys)
            self.assertEqual(self.org.describe_account(AccountId=account)["Account"]["State"], "SUSPENDED", state)

    def test_a_delegated_administrator_that_is_closed_administers_no_more(self):
        account = self.account()
        self.org.register_delegated_administrator(AccountId=account, ServicePrincipal="sso.amazonaws.com")
        self.assertIn("PermissionSets", self.server.client("sso-admin", key=account).list_permission_sets(InstanceArn=self.arn))
        self.org.close_account(AccountId=account)
        self.refused(key=account)
        self.org.describe_account(AccountId=account)
        listed = self.org.list_delegated_administrators()["DelegatedAdministrators"]
        self.assertEqual([(one["Id"], one["State"]) for one in listed], [(account, "SUSPENDED")])
        self.org.deregister_delegated_administrator(AccountId=account, ServicePrincipal="sso.amazonaws.com")


class Denied(WireTest):
    SERVE = ("--clock", "fast", "--quotas", "off", "--deny", "sso:CreatePermissionSet", "--deny", "iam:CreateRole", "--deny", "organizations:ListAccounts")

    def test_what_iam_does_not_allow_is_denied_with_the_action(self):
        message = self.fails("AccessDeniedException", self.sso.create_permission_set, InstanceArn=self.arn, Name="x")
        self.assertRegex(message, r"^User: arn:aws:sts::\d{12}:assumed-role/\S+ is not authorized to perform: sso:CreatePermissionSet on resource: " + self.arn + "$")
        self.fails("AccessDeniedException", self.org.list_accounts)
        self.assertEqual(self.sso.list_permission_sets(InstanceArn=self.arn)["PermissionSets"], [])


class DeniedTags(WireTest):
    SERVE = ("--clock", "fast", "--quotas", "off", "--deny", "sso:TagResource", "--deny", "organizations:TagResource")

    def test_tags_on_creation_take_the_action_of_tagging(self):
        tags = [{"Key": "env", "Value": "prod"}]
        root = self.org.list_roots()["Roots"][0]["Id"]
        creations = [
            ("sso", self.sso.create_permission_set, dict(InstanceArn=self.arn, Name="tagged")),
            ("organizations", self.org.create_organizational_unit, dict(ParentId=root, Name="Tagged")),
            ("organizations", self.org.create_account, dict(AccountName="tagged", Email="tagged@example.com")),
        ]
        for service, create, inputs in creations:
            message = self.fails("AccessDeniedException", create, **inputs, Tags=tags)
            self.assertIn(f"is not authorized to perform: {service}:TagResource", message)
            create(**inputs)


class DeniedRole(WireTest):
    def test_in_the_management_account_the_callers_own_permissions_count(self):
        arn, group = self.permission_set(), self.group()
        account = self.account()
        self.server.stop()
        self.server.start("--deny", "iam:CreateRole")
        type(self).sso = self.server.client("sso-admin")
        ended = self.assign(arn, self.management, group, wanted="FAILED")
        self.assertTrue(ended["FailureReason"].startswith("Received a 403 status error: Access denied by IAM."))
        self.assertIn("is not authorized to perform: iam:CreateRole", ended["FailureReason"])
        self.assign(arn, account, group)
