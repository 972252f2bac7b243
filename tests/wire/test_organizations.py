"""The organisation's tree, its accounts, and who acts for it."""

from service import WireTest


class Tree(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.org.list_roots()["Roots"][0]["Id"]

    def unit(self, name=None, parent=None, **more):
        answer = self.org.create_organizational_unit(ParentId=parent or self.root, Name=name or self.name("unit"), **more)
        return answer["OrganizationalUnit"]

    def test_the_organisation_has_a_management_account_and_a_root(self):
        organization = self.org.describe_organization()["Organization"]
        self.assertEqual(organization["MasterAccountId"], self.management)
        self.assertEqual(organization["FeatureSet"], "ALL")
        (root,) = self.org.list_roots()["Roots"]
        self.assertEqual(root["Name"], "Root")
        self.assertEqual(
            root["Arn"], f"arn:aws:organizations::{self.management}:root/{organization['Id']}/{root['Id']}"
        )

    def test_units_are_made_below_units_and_know_their_path(self):
        workloads = self.unit("Workloads")
        prod = self.unit("Prod", workloads["Id"])
        organization = self.org.describe_organization()["Organization"]["Id"]
        self.assertEqual(prod["Path"], f"{organization}/{self.root}/{workloads['Id']}/{prod['Id']}/")
        self.assertEqual(self.org.describe_organizational_unit(OrganizationalUnitId=prod["Id"])["OrganizationalUnit"], prod)
        self.assertEqual(
            self.org.list_parents(ChildId=prod["Id"])["Parents"], [{"Id": workloads["Id"], "Type": "ORGANIZATIONAL_UNIT"}]
        )
        self.assertEqual(self.org.list_parents(ChildId=workloads["Id"])["Parents"], [{"Id": self.root, "Type": "ROOT"}])

    def test_names_are_unique_below_a_parent(self):
        parent = self.unit()["Id"]
        self.unit("Same", parent)
        self.unit("Same", self.unit()["Id"])
        self.fails(
            "DuplicateOrganizationalUnitException", self.org.create_organizational_unit, ParentId=parent, Name="Same"
        )
        other = self.unit("Other", parent)["Id"]
        self.fails(
            "DuplicateOrganizationalUnitException", self.org.update_organizational_unit,
            OrganizationalUnitId=other, Name="Same",
        )

    def test_a_unit_is_renamed(self):
        unit = self.unit()["Id"]
        renamed = self.org.update_organizational_unit(OrganizationalUnitId=unit, Name="Renamed")["OrganizationalUnit"]
        self.assertEqual(renamed["Name"], "Renamed")
        same = self.org.update_organizational_unit(OrganizationalUnitId=unit)["OrganizationalUnit"]
        self.assertEqual(same["Name"], "Renamed")

    def test_only_an_empty_unit_can_be_deleted(self):
        parent = self.unit()["Id"]
        child = self.unit(parent=parent)["Id"]
        self.fails("OrganizationalUnitNotEmptyException", self.org.delete_organizational_unit, OrganizationalUnitId=parent)
        self.org.delete_organizational_unit(OrganizationalUnitId=child)
        self.org.delete_organizational_unit(OrganizationalUnitId=parent)
        self.fails("OrganizationalUnitNotFoundException", self.org.describe_organizational_unit, OrganizationalUnitId=parent)

    def test_units_and_children_are_listed_in_pages(self):
        parent = self.unit()["Id"]
        made = {self.unit(parent=parent)["Id"] for _ in range(5)}
        listed, sizes = self.pages(self.org.list_organizational_units_for_parent, "OrganizationalUnits", 2, ParentId=parent)
        self.assertEqual(({unit["Id"] for unit in listed}, sizes), (made, [2, 2, 1]))
        children, sizes = self.pages(
            self.org.list_children, "Children", 3, ParentId=parent, ChildType="ORGANIZATIONAL_UNIT"
        )
        self.assertEqual(({child["Id"] for child in children}, sizes), (made, [3, 2]))
        self.assertEqual(self.org.list_children(ParentId=parent, ChildType="ACCOUNT")["Children"], [])

    def test_parents_and_children_that_are_not_there(self):
        nowhere = self.root.replace("r-", "ou-") + "-00000000"
        self.fails("ParentNotFoundException", self.org.list_children, ParentId=nowhere, ChildType="ACCOUNT")
        self.fails("ParentNotFoundException", self.org.create_organizational_unit, ParentId=nowhere, Name="x")
        self.fails("ParentNotFoundException", self.org.list_organizational_units_for_parent, ParentId=nowhere)
        self.fails("ChildNotFoundException", self.org.list_parents, ChildId="999999999999")

    def test_inputs_are_checked(self):
        message = self.fails("InvalidInputException", self.org.describe_account, AccountId="12")
        self.assertIn("'accountId'", message)
        self.fails("InvalidInputException", self.org.list_accounts, MaxResults=21)
        self.fails("InvalidInputException", self.org.list_accounts, NextToken="AAAA")
        self.fails("InvalidInputException", self.org.create_account, AccountName="x", Email="nobody")
        self.fails("InvalidInputException", self.org.create_organizational_unit, ParentId=self.root, Name="")

    def refused(self, code, reason, call, **inputs):
        message = self.fails(code, call, **inputs)
        self.assertEqual(self.error.get("Reason"), reason, message)
        return message

    def test_a_refusal_says_why(self):
        org, bad, limit = self.org, "InvalidInputException", "ConstraintViolationException"
        self.refused(bad, "INVALID_NEXT_TOKEN", org.list_accounts, NextToken="AAAA")
        self.refused(bad, "MAX_VALUE_EXCEEDED", org.list_accounts, MaxResults=21)
        self.refused(bad, "MIN_VALUE_EXCEEDED", org.list_accounts, MaxResults=0)
        create = org.create_organizational_unit
        self.refused(bad, "MAX_LENGTH_EXCEEDED", create, ParentId=self.root, Name="x" * 129)
        self.refused(bad, "MIN_LENGTH_EXCEEDED", create, ParentId=self.root, Name="")
        self.refused(bad, "INPUT_REQUIRED", create, ParentId=self.root)
        self.refused(bad, "INVALID_PATTERN", org.describe_account, AccountId="12")
        self.refused(bad, "INVALID_ENUM", org.list_children, ParentId=self.root, ChildType="POLICY")
        self.refused(bad, "UNRECOGNIZED_SERVICE_PRINCIPAL", org.enable_aws_service_access, ServicePrincipal="nonsense")
        register = org.register_delegated_administrator
        self.refused(
            bad, "UNRECOGNIZED_SERVICE_PRINCIPAL", register, AccountId=self.management, ServicePrincipal="nonsense"
        )
        self.refused(
            limit, "SERVICE_ACCESS_NOT_ENABLED", register, AccountId=self.account(), ServicePrincipal="x.amazonaws.com"
        )
        closed = self.account()
        org.close_account(AccountId=closed)
        self.refused(
            limit, "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", register, AccountId=closed,
            ServicePrincipal="sso.amazonaws.com",
        )
        sso = dict(ServicePrincipal="sso.amazonaws.com")
        self.refused(
            limit, "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", register, AccountId=self.management, **sso
        )
        one, two = self.account(), self.account()
        register(AccountId=one, **sso)
        self.refused(
            limit, "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED", register, AccountId=two, **sso
        )
        self.refused(limit, "CANNOT_CLOSE_MANAGEMENT_ACCOUNT", org.close_account, AccountId=self.management)
        below = self.root
        for _ in range(5):
            below = self.unit(parent=below)["Id"]
        self.refused(limit, "OU_DEPTH_LIMIT_EXCEEDED", create, ParentId=below, Name="deep")

    def test_a_refusal_of_tags_says_why(self):
        unit, tag = self.unit()["Id"], self.org.tag_resource
        twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
        bad, duplicate = "InvalidInputException", "DUPLICATE_TAG_KEY"
        self.refused(bad, duplicate, tag, ResourceId=unit, Tags=twice)
        self.refused(bad, duplicate, self.org.create_account, AccountName="t", Email="t@example.com", Tags=twice)
        self.refused(bad, duplicate, self.org.create_organizational_unit, ParentId=self.root, Name="t", Tags=twice)
        self.refused(
            bad, "INVALID_SYSTEM_TAGS_PARAMETER", tag, ResourceId=unit, Tags=[{"Key": "aws:x", "Value": "1"}]
        )
        self.assertEqual(self.org.list_tags_for_resource(ResourceId=unit)["Tags"], [])

    def test_units_accounts_and_the_root_have_tags(self):
        unit = self.unit(Tags=[{"Key": "env", "Value": "prod"}])["Id"]
        tags = lambda of: {tag["Key"]: tag["Value"] for tag in self.org.list_tags_for_resource(ResourceId=of)["Tags"]}
        self.assertEqual(tags(unit), {"env": "prod"})
        for resource in (unit, self.root, self.management):
            with self.subTest(resource):
                self.org.tag_resource(ResourceId=resource, Tags=[{"Key": "team", "Value": "a"}])
                self.assertEqual(tags(resource)["team"], "a")
                self.org.untag_resource(ResourceId=resource, TagKeys=["team"])
                self.assertNotIn("team", tags(resource))
        self.fails("TargetNotFoundException", self.org.list_tags_for_resource, ResourceId="999999999999")


class Accounts(WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.org.list_roots()["Roots"][0]["Id"]

    def test_an_account_is_created_in_the_root(self):
        started = self.org.create_account(
            AccountName="payments", Email="payments@example.com", Tags=[{"Key": "env", "Value": "prod"}]
        )["CreateAccountStatus"]
        self.assertEqual(started["State"], "IN_PROGRESS")
        self.assertNotIn("AccountId", started)
        ended = self.org.describe_create_account_status(CreateAccountRequestId=started["Id"])["CreateAccountStatus"]
        self.assertEqual(ended["State"], "SUCCEEDED")
        self.assertGreaterEqual(ended["CompletedTimestamp"], started["RequestedTimestamp"])
        account = self.org.describe_account(AccountId=ended["AccountId"])["Account"]
        self.assertEqual(
            (account["Name"], account["Email"], account["Status"], account["State"], account["JoinedMethod"]),
            ("payments", "payments@example.com", "ACTIVE", "ACTIVE", "CREATED"),
        )
        organization = self.org.describe_organization()["Organization"]["Id"]
        self.assertEqual(account["Paths"], [f"{organization}/{self.root}/{account['Id']}/"])
        self.assertEqual(
            self.org.list_tags_for_resource(ResourceId=account["Id"])["Tags"], [{"Key": "env", "Value": "prod"}]
        )

    def test_an_address_in_use_fails_the_request(self):
        self.account("twice")
        started = self.org.create_account(AccountName="other", Email="twice@example.com")["CreateAccountStatus"]
        ended = self.org.describe_create_account_status(CreateAccountRequestId=started["Id"])["CreateAccountStatus"]
        self.assertEqual((ended["State"], ended["FailureReason"]), ("FAILED", "EMAIL_ALREADY_EXISTS"))
        failed = self.org.list_create_account_status(States=["FAILED"])["CreateAccountStatuses"]
        self.assertIn(started["Id"], [one["Id"] for one in failed])
        succeeded, _ = self.pages(self.org.list_create_account_status, "CreateAccountStatuses", 1, States=["SUCCEEDED"])
        self.assertNotIn(started["Id"], [one["Id"] for one in succeeded])

    def test_a_request_that_nobody_made_is_not_found(self):
        self.fails(
            "CreateAccountStatusNotFoundException", self.org.describe_create_account_status,
            CreateAccountRequestId="car-00000000000000000000000000000000",
        )

    def test_an_account_is_moved_from_where_it_is(self):
        account = self.account()
        unit = self.org.create_organizational_unit(ParentId=self.root, Name="Target")["OrganizationalUnit"]["Id"]
        move = lambda source, target: self.org.move_account(
            AccountId=account, SourceParentId=source, DestinationParentId=target
        )
        move(self.root, unit)
        self.assertEqual(self.org.list_parents(ChildId=account)["Parents"], [{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}])
        inside = self.org.list_accounts_for_parent(ParentId=unit)["Accounts"]
        self.assertEqual([one["Id"] for one in inside], [account])
        self.assertEqual(self.org.list_children(ParentId=unit, ChildType="ACCOUNT")["Children"], [{"Id": account, "Type": "ACCOUNT"}])
        self.fails("AccountNotFoundException", move, self.root, unit)
        self.fails("DuplicateAccountException", move, unit, unit)
        nowhere = unit[:-8] + "00000000"
        self.fails("DestinationParentNotFoundException", move, unit, nowhere)
        self.fails("SourceParentNotFoundException", move, nowhere, unit)

    def test_accounts_are_listed_twenty_to_a_page(self):
        for _ in range(22):
            self.account()
        first = self.org.list_accounts()
        self.assertEqual(len(first["Accounts"]), 20)
        listed, _ = self.pages(self.org.list_accounts, "Accounts", 7)
        paginator = self.org.get_paginator("list_accounts")
        paged = [account["Id"] for page in paginator.paginate() for account in page["Accounts"]]
        self.assertEqual([account["Id"] for account in listed], paged)
        self.assertEqual(len(set(paged)), len(paged))

    def test_a_closed_account_is_suspended_and_not_closed_twice(self):
        account = self.account()
        self.org.close_account(AccountId=account)
        self.fails("ConflictException", self.org.close_account, AccountId=account)
        found = self.org.describe_account(AccountId=account)["Account"]
        self.assertEqual((found["Status"], found["State"]), ("SUSPENDED", "SUSPENDED"))
        self.fails("AccountAlreadyClosedException", self.org.close_account, AccountId=account)
        self.fails("ConstraintViolationException", self.org.close_account, AccountId=self.management)
        self.fails("AccountNotFoundException", self.org.close_account, AccountId="999999999999")


    def test_an_account_is_removed_from_the_organization(self):
        remove = self.org.remove_account_from_organization
        self.fails("MasterCannotLeaveOrganizationException", remove, AccountId=self.management)
        self.fails("AccountNotFoundException", remove, AccountId="999999999999")
        made, arn, group = self.account(), self.permission_set(), self.group()
        self.assign(arn, made, group)
        sso = dict(ServicePrincipal="sso.amazonaws.com")
        self.org.register_delegated_administrator(AccountId=made, **sso)
        self.fails("ConstraintViolationException", remove, AccountId=made)
        self.assertEqual(self.error.get("Reason"), "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG")
        self.org.deregister_delegated_administrator(AccountId=made, **sso)
        remove(AccountId=made)
        self.fails("AccountNotFoundException", self.org.describe_account, AccountId=made)
        self.assertNotIn(made, [one["Id"] for one in self.org.list_accounts()["Accounts"]])
        # What was assigned in it went along.
        self.sso.delete_permission_set(**self.on(arn))

    def test_an_account_leaves_the_organization_by_itself(self):
        self.fails("MasterCannotLeaveOrganizationException", self.org.leave_organization)
        made = self.account()
        self.server.client("organizations", key=made).leave_organization()
        self.fails("AccountNotFoundException", self.org.describe_account, AccountId=made)
        self.assertNotIn(made, [one["Id"] for one in self.org.list_accounts()["Accounts"]])


class Services(WireTest):
    def test_services_get_and_lose_access(self):
        names = lambda: [one["ServicePrincipal"] for one in self.org.list_aws_service_access_for_organization()["EnabledServicePrincipals"]]
        self.assertEqual(names(), ["sso.amazonaws.com"])
        self.org.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
        self.assertEqual(names(), ["config.amazonaws.com", "sso.amazonaws.com"])
        listed, _ = self.pages(self.org.list_aws_service_access_for_organization, "EnabledServicePrincipals", 1)
        self.assertEqual(len(listed), 2)
        self.org.disable_aws_service_access(ServicePrincipal="config.amazonaws.com")
        self.assertEqual(names(), ["sso.amazonaws.com"])
        self.fails("InvalidInputException", self.org.enable_aws_service_access, ServicePrincipal="nonsense")

    def test_one_account_is_delegated_administrator(self):
        one, two = self.account(), self.account()
        both = dict(ServicePrincipal="sso.amazonaws.com")
        self.assertEqual(self.org.list_delegated_administrators(**both)["DelegatedAdministrators"], [])
        register, deregister = self.org.register_delegated_administrator, self.org.deregister_delegated_administrator
        self.fails("ConstraintViolationException", register, AccountId=self.management, **both)
        self.fails("ConstraintViolationException", register, AccountId=one, ServicePrincipal="config.amazonaws.com")
        register(AccountId=one, **both)
        self.fails("AccountAlreadyRegisteredException", register, AccountId=one, **both)
        self.fails("ConstraintViolationException", register, AccountId=two, **both)
        (listed,) = self.org.list_delegated_administrators(**both)["DelegatedAdministrators"]
        self.assertEqual(listed["Id"], one)
        self.assertEqual(
            self.org.list_delegated_administrators(ServicePrincipal="config.amazonaws.com")["DelegatedAdministrators"], []
        )
        services = self.org.list_delegated_services_for_account(AccountId=one)["DelegatedServices"]
        self.assertEqual([service["ServicePrincipal"] for service in services], ["sso.amazonaws.com"])
        self.fails("AccountNotRegisteredException", self.org.list_delegated_services_for_account, AccountId=two)
        self.fails("AccountNotRegisteredException", deregister, AccountId=two, **both)
        # Without access of its service it stays registered; nobody else is registered then.
        self.org.disable_aws_service_access(**both)
        (listed,) = self.org.list_delegated_administrators(**both)["DelegatedAdministrators"]
        self.assertEqual(listed["Id"], one)
        deregister(AccountId=one, **both)
        self.assertEqual(self.org.list_delegated_administrators()["DelegatedAdministrators"], [])
        self.fails("ConstraintViolationException", register, AccountId=one, **both)
        self.assertEqual(self.error.get("Reason"), "SERVICE_ACCESS_NOT_ENABLED")
        self.org.enable_aws_service_access(**both)
        register(AccountId=one, **both)
