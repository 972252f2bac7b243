"""Users, groups and memberships."""

from service import WireTest

FULL = dict(
    UserName="ada", DisplayName="Ada Lovelace", NickName="A", Title="Countess", UserType="Employee",
    ProfileUrl="https://example.com/ada", PreferredLanguage="en", Locale="en-GB", Timezone="Europe/London",
    Name={"GivenName": "Ada", "FamilyName": "Lovelace", "MiddleName": "King", "HonorificPrefix": "Lady"},
    Emails=[{"Value": "ada@example.com", "Type": "work", "Primary": True}],
    Addresses=[{"StreetAddress": "St James's Square 12", "Locality": "London", "Country": "UK", "Primary": False}],
    PhoneNumbers=[{"Value": "+44 20 1234", "Type": "work"}],
    Photos=[{"Value": "https://example.com/1.png"}, {"Value": "https://example.com/2.png", "Primary": True}],
    Roles=[{"Value": "Analyst"}], Website="https://example.com", Birthdate="1815-12-10",
    Extensions={"aws:identitystore:enterprise": {"CostCenter": "7", "Tags": ["a", "b"]}},
)


class Users(WireTest):
    def read(self, user, **more):
        answer = self.ids.describe_user(IdentityStoreId=self.store, UserId=user, **more)
        answer.pop("ResponseMetadata")
        return answer

    def update(self, user, *operations, **more):
        operations = [
            {"AttributePath": path, **({} if value is None else {"AttributeValue": value})} for path, value in operations
        ]
        return self.ids.update_user(IdentityStoreId=self.store, UserId=user, Operations=operations, **more)

    def test_a_user_reads_back_as_it_was_created(self):
        created = self.ids.create_user(IdentityStoreId=self.store, **FULL)
        found = self.read(created["UserId"], Extensions=["aws:identitystore:enterprise"])
        self.assertEqual({name: found[name] for name in FULL}, FULL)
        self.assertEqual((found["UserArn"], found["Revision"]), (created["UserArn"], created["Revision"]))
        self.assertEqual(found["UserStatus"], "ENABLED")

    def test_extensions_are_shown_only_when_asked_for(self):
        user = self.user(Extensions={"aws:identitystore:enterprise": {"CostCenter": "8"}})
        self.assertNotIn("Extensions", self.read(user))

    def test_ids_and_arns_have_their_form(self):
        user = self.user()
        self.assertRegex(user, rf"^{self.store[2:]}-[0-9a-f]{{8}}-[0-9a-f]{{4}}-4[0-9a-f]{{3}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}$")
        self.assertEqual(self.read(user)["UserArn"], f"arn:aws:identitystore:::user/{user}")

    def test_arns_are_taken_for_ids(self):
        user = self.user()
        store = f"arn:aws:identitystore::{self.management}:identitystore/{self.store}"
        found = self.ids.describe_user(IdentityStoreId=store, UserId=f"arn:aws:identitystore:::user/{user}")
        self.assertEqual(found["UserId"], user)

    def test_a_user_needs_four_names(self):
        full = dict(UserName="x", DisplayName="X", Name={"GivenName": "X", "FamilyName": "Y"})
        create = self.ids.create_user
        for missing in ("UserName", "DisplayName", "Name"):
            inputs = {name: value for name, value in full.items() if name != missing}
            with self.subTest(missing):
                self.fails("ValidationException", create, IdentityStoreId=self.store, **inputs)
        self.fails("ValidationException", create, IdentityStoreId=self.store, **{**full, "Name": {"GivenName": "X"}})

    def test_user_names_have_no_spaces(self):
        message = self.fails(
            "ValidationException", self.ids.create_user, IdentityStoreId=self.store, UserName="a b", DisplayName="x",
            Name={"GivenName": "X", "FamilyName": "Y"},
        )
        self.assertIn("'userName'", message)

    def test_names_and_addresses_are_unique(self):
        self.user("unique", Emails=[{"Value": "unique@example.com"}])
        names = dict(IdentityStoreId=self.store, DisplayName="x", Name={"GivenName": "X", "FamilyName": "Y"})
        self.fails("ConflictException", self.ids.create_user, UserName="unique", **names)
        self.assertEqual(self.error["Reason"], "UNIQUENESS_CONSTRAINT_VIOLATION")
        self.assertTrue(self.error["RequestId"])
        self.fails(
            "ConflictException", self.ids.create_user, UserName="other", Emails=[{"Value": "Unique@example.com"}], **names
        )

    def test_attributes_are_set_and_removed_by_path(self):
        user = self.user(Title="old", Emails=[{"Value": f"{self.name('mail')}@example.com", "Type": "work"}])
        self.update(
            user, ("displayName", "New"), ("title", None), ("nickName", "N"), ("name.middleName", "M"),
            ("emails", [{"Value": "new@example.com", "Primary": True}]), ("phoneNumbers", [{"Value": "1"}]),
            ("aws:identitystore:enterprise", {"CostCenter": "9"}),
        )
        found = self.read(user, Extensions=["aws:identitystore:enterprise"])
        self.assertEqual((found["DisplayName"], found["NickName"], found["Name"]["MiddleName"]), ("New", "N", "M"))
        self.assertNotIn("Title", found)
        self.assertEqual(found["Emails"], [{"Value": "new@example.com", "Primary": True}])
        self.assertEqual(found["PhoneNumbers"], [{"Value": "1"}])
        self.assertEqual(found["Extensions"], {"aws:identitystore:enterprise": {"CostCenter": "9"}})
        self.update(user, ("emails", None), ("phoneNumbers", None))
        found = self.read(user)
        self.assertNotIn("Emails", found)
        self.assertNotIn("PhoneNumbers", found)

    def test_what_a_user_needs_cannot_be_removed(self):
        user = self.user()
        for path in ("userName", "displayName", "name.givenName"):
            self.fails("ValidationException", self.update, user, (path, None))

    def test_attributes_that_users_do_not_have_are_refused(self):
        message = self.fails("ValidationException", self.update, self.user(), ("shoeSize", "44"))
        self.assertIn("shoeSize", message)
        self.fails("ValidationException", self.update, self.user(), ("title", {"a": 1}))
        self.fails("ValidationException", self.update, self.user())

    def test_a_revision_changes_with_every_update_and_an_old_one_conflicts(self):
        user = self.user()
        first = self.read(user)["Revision"]
        second = self.update(user, ("title", "x"), Revision=first)["Revision"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.read(user)["Revision"], second)
        self.fails("ConflictException", self.update, user, ("title", "y"), Revision=first)
        self.assertEqual(self.error["Reason"], "CONCURRENT_MODIFICATION")
        self.fails("ConflictException", self.ids.delete_user, IdentityStoreId=self.store, UserId=user, Revision=first)
        self.update(user, ("title", "z"))
        last = self.read(user)["Revision"]
        self.ids.delete_user(IdentityStoreId=self.store, UserId=user, Revision=last)

    def test_a_user_is_found_by_name_and_address(self):
        user = self.user("findme", Emails=[{"Value": "find@example.com"}])
        by = lambda path, value: self.ids.get_user_id(
            IdentityStoreId=self.store,
            AlternateIdentifier={"UniqueAttribute": {"AttributePath": path, "AttributeValue": value}},
        )
        self.assertEqual(by("userName", "findme")["UserId"], user)
        self.assertEqual(by("emails.value", "find@example.com")["UserArn"], f"arn:aws:identitystore:::user/{user}")
        self.fails("ResourceNotFoundException", by, "userName", "nobody")
        self.assertEqual(self.error["ResourceType"], "USER")
        self.fails("ValidationException", by, "nickName", "x")

    def test_an_external_id_that_nobody_has_is_not_found(self):
        call = self.ids.get_user_id
        external = {"ExternalId": {"Issuer": "https://idp.example", "Id": "1"}}
        self.fails("ResourceNotFoundException", call, IdentityStoreId=self.store, AlternateIdentifier=external)
        self.fails("ValidationException", call, IdentityStoreId=self.store, AlternateIdentifier={})

    def test_a_deleted_user_is_gone_with_its_memberships(self):
        user, group = self.user(), self.group()
        self.ids.create_group_membership(IdentityStoreId=self.store, GroupId=group, MemberId={"UserId": user})
        self.ids.delete_user(IdentityStoreId=self.store, UserId=user)
        self.fails("ResourceNotFoundException", self.ids.describe_user, IdentityStoreId=self.store, UserId=user)
        members = self.ids.list_group_memberships(IdentityStoreId=self.store, GroupId=group)["GroupMemberships"]
        self.assertEqual(members, [])

    def test_users_are_listed_in_pages_and_filtered_by_name(self):
        made = {self.user() for _ in range(5)}
        listed, sizes = self.pages(self.ids.list_users, "Users", 2, IdentityStoreId=self.store)
        self.assertLessEqual(made, {user["UserId"] for user in listed})
        self.assertEqual(set(sizes[:-1]), {2})
        name = listed[0]["UserName"]
        filtered = self.ids.list_users(
            IdentityStoreId=self.store, Filters=[{"AttributePath": "UserName", "AttributeValue": name}]
        )["Users"]
        self.assertEqual([user["UserName"] for user in filtered], [name])
        none = self.ids.list_users(
            IdentityStoreId=self.store, Filters=[{"AttributePath": "UserName", "AttributeValue": "nobody"}]
        )["Users"]
        self.assertEqual(none, [])
        self.fails(
            "ValidationException", self.ids.list_users, IdentityStoreId=self.store,
            Filters=[{"AttributePath": "Title", "AttributeValue": "x"}],
        )

    def test_lists_of_attributes_have_one_item(self):
        message = self.fails(
            "ValidationException", self.ids.create_user, IdentityStoreId=self.store, UserName="two", DisplayName="x",
            Name={"GivenName": "X", "FamilyName": "Y"}, Emails=[{"Value": "a@b"}, {"Value": "c@d"}],
        )
        self.assertIn("'emails'", message)


class Groups(WireTest):
    def test_a_group_reads_back_is_updated_and_deleted(self):
        created = self.ids.create_group(IdentityStoreId=self.store, DisplayName="Ops", Description="on call")
        found = self.ids.describe_group(IdentityStoreId=self.store, GroupId=created["GroupId"])
        self.assertEqual((found["DisplayName"], found["Description"]), ("Ops", "on call"))
        self.assertEqual(found["GroupArn"], f"arn:aws:identitystore:::group/{created['GroupId']}")
        updated = self.ids.update_group(
            IdentityStoreId=self.store, GroupId=created["GroupId"], Revision=created["Revision"],
            Operations=[{"AttributePath": "displayName", "AttributeValue": "Operations"}, {"AttributePath": "description"}],
        )
        found = self.ids.describe_group(IdentityStoreId=self.store, GroupId=created["GroupId"])
        self.assertEqual((found["DisplayName"], found["Revision"]), ("Operations", updated["Revision"]))
        self.assertNotIn("Description", found)
        self.fails(
            "ConflictException", self.ids.delete_group, IdentityStoreId=self.store, GroupId=created["GroupId"],
            Revision=created["Revision"],
        )
        self.ids.delete_group(IdentityStoreId=self.store, GroupId=created["GroupId"])
        self.fails("ResourceNotFoundException", self.ids.describe_group, IdentityStoreId=self.store, GroupId=created["GroupId"])
        self.assertEqual(self.error["ResourceType"], "GROUP")

    def test_display_names_are_unique(self):
        self.group("same")
        self.fails("ConflictException", self.ids.create_group, IdentityStoreId=self.store, DisplayName="same")
        self.assertEqual(self.error["Reason"], "UNIQUENESS_CONSTRAINT_VIOLATION")
        other = self.group()
        self.fails(
            "ConflictException", self.ids.update_group, IdentityStoreId=self.store, GroupId=other,
            Operations=[{"AttributePath": "displayName", "AttributeValue": "same"}],
        )

    def test_a_group_needs_a_name_and_has_no_other_attributes(self):
        self.fails("ValidationException", self.ids.create_group, IdentityStoreId=self.store)
        self.fails(
            "ValidationException", self.ids.update_group, IdentityStoreId=self.store, GroupId=self.group(),
            Operations=[{"AttributePath": "owner", "AttributeValue": "x"}],
        )

    def test_a_group_is_found_by_name(self):
        group = self.group("findable")
        by = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "findable"}}
        self.assertEqual(self.ids.get_group_id(IdentityStoreId=self.store, AlternateIdentifier=by)["GroupId"], group)

    def test_groups_are_listed_in_pages_and_filtered_by_name(self):
        made = {self.group() for _ in range(5)}
        listed, _ = self.pages(self.ids.list_groups, "Groups", 2, IdentityStoreId=self.store)
        self.assertLessEqual(made, {group["GroupId"] for group in listed})
        wanted = [{"AttributePath": "DisplayName", "AttributeValue": listed[0]["DisplayName"]}]
        filtered = self.ids.list_groups(IdentityStoreId=self.store, Filters=wanted)["Groups"]
        self.assertEqual([group["GroupId"] for group in filtered], [listed[0]["GroupId"]])

    def test_a_user_is_no_group(self):
        user = self.user()
        self.fails("ResourceNotFoundException", self.ids.describe_group, IdentityStoreId=self.store, GroupId=user)


class Memberships(WireTest):
    def member(self, group, user):
        return dict(IdentityStoreId=self.store, GroupId=group, MemberId={"UserId": user})

    def test_a_membership_is_created_described_found_and_deleted(self):
        group, user = self.group(), self.user()
        created = self.ids.create_group_membership(**self.member(group, user))
        one = dict(IdentityStoreId=self.store, MembershipId=created["MembershipId"])
        found = self.ids.describe_group_membership(**one)
        self.assertEqual((found["GroupId"], found["MemberId"]), (group, {"UserId": user}))
        self.assertEqual(found["MembershipArn"], f"arn:aws:identitystore:::membership/{created['MembershipId']}")
        looked_up = self.ids.get_group_membership_id(**self.member(group, user))
        self.assertEqual(looked_up["MembershipId"], created["MembershipId"])
        self.ids.delete_group_membership(**one)
        self.fails("ResourceNotFoundException", self.ids.describe_group_membership, **one)
        self.assertEqual(self.error["ResourceType"], "GROUP_MEMBERSHIP")
        self.fails("ResourceNotFoundException", self.ids.get_group_membership_id, **self.member(group, user))

    def test_a_user_is_a_member_once(self):
        group, user = self.group(), self.user()
        self.ids.create_group_membership(**self.member(group, user))
        self.fails("ConflictException", self.ids.create_group_membership, **self.member(group, user))
        self.assertEqual(self.error["Reason"], "UNIQUENESS_CONSTRAINT_VIOLATION")

    def test_a_membership_made_again_has_another_id(self):
        group, user = self.group(), self.user()
        first = self.ids.create_group_membership(**self.member(group, user))["MembershipId"]
        self.ids.delete_group_membership(IdentityStoreId=self.store, MembershipId=first)
        self.assertNotEqual(self.ids.create_group_membership(**self.member(group, user))["MembershipId"], first)

    def test_memberships_are_listed_both_ways_in_pages(self):
        group, others = self.group(), [self.group() for _ in range(2)]
        users = [self.user() for _ in range(3)]
        for user in users:
            self.ids.create_group_membership(**self.member(group, user))
        for other in others:
            self.ids.create_group_membership(**self.member(other, users[0]))
        listed, sizes = self.pages(
            self.ids.list_group_memberships, "GroupMemberships", 2, IdentityStoreId=self.store, GroupId=group
        )
        self.assertEqual({one["MemberId"]["UserId"] for one in listed}, set(users))
        self.assertEqual(sizes, [2, 1])
        listed, _ = self.pages(
            self.ids.list_group_memberships_for_member, "GroupMemberships", 2,
            IdentityStoreId=self.store, MemberId={"UserId": users[0]},
        )
        self.assertEqual({one["GroupId"] for one in listed}, {group, *others})

    def test_membership_in_many_groups_is_asked_at_once(self):
        inside, outside, user = self.group(), self.group(), self.user()
        self.ids.create_group_membership(**self.member(inside, user))
        answer = self.ids.is_member_in_groups(
            IdentityStoreId=self.store, MemberId={"UserId": user}, GroupIds=[outside, inside]
        )["Results"]
        self.assertEqual([(one["GroupId"], one["MembershipExists"]) for one in answer], [(outside, False), (inside, True)])
        self.fails(
            "ValidationException", self.ids.is_member_in_groups, IdentityStoreId=self.store,
            MemberId={"UserId": user}, GroupIds=[inside] * 101,
        )

    def test_a_member_is_named(self):
        for call, inputs in (
            (self.ids.create_group_membership, {"GroupId": self.group()}),
            (self.ids.get_group_membership_id, {"GroupId": self.group()}),
            (self.ids.list_group_memberships_for_member, {}),
            (self.ids.is_member_in_groups, {"GroupIds": [self.group()]}),
        ):
            with self.subTest(call.__name__):
                self.fails("ValidationException", call, IdentityStoreId=self.store, MemberId={}, **inputs)

    def test_groups_and_users_that_are_not_there_have_no_memberships(self):
        group, user = self.group(), self.user()
        nobody = user[:11] + "00000000-0000-4000-8000-000000000000"
        self.fails("ResourceNotFoundException", self.ids.create_group_membership, **self.member(group, nobody))
        self.fails("ResourceNotFoundException", self.ids.create_group_membership, **self.member(user, user))
        self.fails("ResourceNotFoundException", self.ids.list_group_memberships, IdentityStoreId=self.store, GroupId=nobody)

    def test_deleting_a_group_deletes_its_memberships(self):
        group, user = self.group(), self.user()
        self.ids.create_group_membership(**self.member(group, user))
        self.ids.delete_group(IdentityStoreId=self.store, GroupId=group)
        left = self.ids.list_group_memberships_for_member(IdentityStoreId=self.store, MemberId={"UserId": user})
        self.assertEqual(left["GroupMemberships"], [])


class Limits(WireTest):
    def update(self, user, path, value):
        operation = {"AttributePath": path, "AttributeValue": value}
        return self.ids.update_user(IdentityStoreId=self.store, UserId=user, Operations=[operation])

    def test_an_update_holds_lists_to_what_a_user_has_at_most(self):
        user = self.user()
        for path, most in (("emails", 1), ("phoneNumbers", 1), ("addresses", 1), ("roles", 1), ("photos", 3)):
            with self.subTest(path):
                member = "Country" if path == "addresses" else "Value"
                items = [{member: f"{path}{n}"} for n in range(most + 1)]
                self.update(user, path, items[:most])
                message = self.fails("ValidationException", self.update, user, path, items)
                self.assertIn(f"'{path}'", message)
                found = self.ids.describe_user(IdentityStoreId=self.store, UserId=user)
                self.assertEqual(found[path[0].upper() + path[1:]], items[:most])

    def test_some_names_are_reserved(self):
        names = dict(IdentityStoreId=self.store, DisplayName="x", Name={"GivenName": "x", "FamilyName": "x"})
        user, group = self.user(), self.group()
        for name in ("Administrator", "AWSAdministrators"):
            with self.subTest(name):
                self.fails("ValidationException", self.ids.create_user, UserName=name, **names)
                self.fails("ValidationException", self.ids.create_group, IdentityStoreId=self.store, DisplayName=name)
                self.fails("ValidationException", self.update, user, "userName", name)
                self.fails(
                    "ValidationException", self.ids.update_group, IdentityStoreId=self.store, GroupId=group,
                    Operations=[{"AttributePath": "displayName", "AttributeValue": name}],
                )
        self.update(user, "displayName", "Administrator")


class Stores(WireTest):
    def test_there_is_one_identity_store(self):
        (store,) = self.ids.list_identity_stores()["IdentityStores"]
        self.assertEqual(store["IdentityStoreId"], self.store)
        self.assertEqual(store["IdentityStoreArn"], self.instance["IdentityStoreArn"])
        found = self.ids.describe_identity_store(IdentityStoreId=self.store)
        self.assertEqual(found["IdentityStoreArn"], store["IdentityStoreArn"])

    def test_another_store_is_not_found(self):
        self.fails("ResourceNotFoundException", self.ids.list_users, IdentityStoreId="d-0000000000")
        self.assertEqual(self.error["ResourceType"], "IDENTITY_STORE")
        self.fails("ValidationException", self.ids.list_users, IdentityStoreId="store")
