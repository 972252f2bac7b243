"""The instance: what it says of itself, its Regions, its attributes for access control."""

from service import REGION, WireTest

KEY = "arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000000000000000000000000"


class Instance(WireTest):
    def test_the_instance_says_whose_it_is_and_where(self):
        described = self.sso.describe_instance(InstanceArn=self.arn)
        self.assertEqual(described["OwnerAccountId"], self.management)
        self.assertEqual((described["Status"], described["PrimaryRegion"]), ("ACTIVE", REGION))
        self.assertEqual(described["IdentityStoreId"], self.store)
        self.assertTrue(described["PermissionSetsEnabled"])

    def test_it_is_encrypted_with_a_key_of_awss_own_unless_said(self):
        self.sso.update_instance(InstanceArn=self.arn, EncryptionConfiguration={"KeyType": "AWS_OWNED_KMS_KEY"})
        details = self.sso.describe_instance(InstanceArn=self.arn)["EncryptionConfigurationDetails"]
        self.assertEqual(details, {"KeyType": "AWS_OWNED_KMS_KEY", "EncryptionStatus": "ENABLED"})
        self.fails(
            "ValidationException", self.sso.update_instance, InstanceArn=self.arn,
            EncryptionConfiguration={"KeyType": "AWS_OWNED_KMS_KEY", "KmsKeyArn": KEY},
        )

    def test_it_can_be_named(self):
        self.sso.update_instance(InstanceArn=self.arn, Name="corp")
        self.assertEqual(self.sso.list_instances()["Instances"][0]["Name"], "corp")
        self.fails("ValidationException", self.sso.update_instance, InstanceArn=self.arn, Name="two words")

    def test_permission_sets_cannot_be_switched_off(self):
        self.sso.update_instance(InstanceArn=self.arn, PermissionSetsEnabled=True)
        self.fails("ValidationException", self.sso.update_instance, InstanceArn=self.arn, PermissionSetsEnabled=False)

    def test_a_region_is_added_and_removed(self):
        add, remove = self.sso.add_region, self.sso.remove_region
        both = dict(InstanceArn=self.arn, RegionName="eu-central-1")
        self.fails("ValidationException", add, **both)
        self.fails(
            "ValidationException", self.sso.update_instance, InstanceArn=self.arn,
            EncryptionConfiguration={"KeyType": "CUSTOMER_MANAGED_KEY"},
        )
        self.sso.update_instance(
            InstanceArn=self.arn, EncryptionConfiguration={"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": KEY}
        )
        details = self.sso.describe_instance(InstanceArn=self.arn)["EncryptionConfigurationDetails"]
        self.assertEqual((details["KmsKeyArn"], details["EncryptionStatus"]), (KEY, "ENABLED"))
        self.assertEqual(add(**both)["Status"], "ADDING")
        self.fails("ConflictException", add, InstanceArn=self.arn, RegionName="eu-west-3")
        self.assertEqual(self.sso.describe_region(**both)["Status"], "ACTIVE")
        self.fails("ConflictException", add, **both)
        listed, _ = self.pages(self.sso.list_regions, "Regions", 1, InstanceArn=self.arn)
        self.assertEqual([(one["RegionName"], one["IsPrimaryRegion"]) for one in listed], [(REGION, True), ("eu-central-1", False)])
        self.fails("ValidationException", remove, InstanceArn=self.arn, RegionName=REGION)
        self.fails("ResourceNotFoundException", remove, InstanceArn=self.arn, RegionName="us-west-2")
        self.assertEqual(remove(**both)["Status"], "REMOVING")
        self.fails("ResourceNotFoundException", self.sso.describe_region, **both)

    def test_attributes_for_access_control_are_configured_once(self):
        attributes = lambda *keys: {
            "AccessControlAttributes": [{"Key": key, "Value": {"Source": [f"${{path:{key}}}"]}} for key in keys]
        }
        inputs = lambda *keys: dict(InstanceArn=self.arn, InstanceAccessControlAttributeConfiguration=attributes(*keys))
        describe = self.sso.describe_instance_access_control_attribute_configuration
        self.fails("ResourceNotFoundException", describe, InstanceArn=self.arn)
        self.fails("ResourceNotFoundException", self.sso.update_instance_access_control_attribute_configuration, **inputs("a"))
        self.sso.create_instance_access_control_attribute_configuration(**inputs("team", "cost"))
        found = describe(InstanceArn=self.arn)
        self.assertEqual(found["Status"], "ENABLED")
        self.assertEqual(found["InstanceAccessControlAttributeConfiguration"], attributes("team", "cost"))
        self.fails("ConflictException", self.sso.create_instance_access_control_attribute_configuration, **inputs("x"))
        self.sso.update_instance_access_control_attribute_configuration(**inputs("team"))
        self.assertEqual(describe(InstanceArn=self.arn)["InstanceAccessControlAttributeConfiguration"], attributes("team"))
        self.sso.delete_instance_access_control_attribute_configuration(InstanceArn=self.arn)
        self.fails(
            "ResourceNotFoundException", self.sso.delete_instance_access_control_attribute_configuration, InstanceArn=self.arn
        )

    def test_there_are_fifty_attributes_at_most(self):
        many = [{"Key": f"k{n}", "Value": {"Source": ["x"]}} for n in range(51)]
        self.fails(
            "ValidationException", self.sso.create_instance_access_control_attribute_configuration,
            InstanceArn=self.arn, InstanceAccessControlAttributeConfiguration={"AccessControlAttributes": many},
        )


class Elsewhere(WireTest):
    def test_another_region_has_no_instance(self):
        there = self.server.client("sso-admin", region="us-east-1")
        self.assertEqual(there.list_instances()["Instances"], [])
        everywhere = there.list_instances(RegionScope="ALL_REGIONS")["Instances"]
        self.assertEqual([one["InstanceArn"] for one in everywhere], [self.arn])
        self.fails("AccessDeniedException", there.list_permission_sets, InstanceArn=self.arn)
        store = self.server.client("identitystore", region="us-east-1")
        self.fails("AccessDeniedException", store.list_users, IdentityStoreId=self.store)

    def test_organizations_and_iam_are_global(self):
        for region in ("us-east-1", "ap-south-1"):
            self.assertTrue(self.server.client("organizations", region=region).list_accounts()["Accounts"])
            self.assertTrue(self.server.client("iam", region=region).list_roles()["Roles"])


class OtherRegion(WireTest):
    SERVE = ("--clock", "fast", "--quotas", "off", "--region", "us-east-1", "--seed", "7")

    @classmethod
    def setUpClass(cls):
        import service

        before, service.REGION = service.REGION, "us-east-1"
        cls.server = service.Server(*cls.SERVE)
        service.REGION = before
        cls.count = 0
        for name, of in service.CLIENTS.items():
            setattr(cls, name, cls.server.client(of, region="us-east-1"))
        cls.instance = cls.sso.list_instances()["Instances"][0]
        cls.arn, cls.store = cls.instance["InstanceArn"], cls.instance["IdentityStoreId"]
        cls.management = cls.instance["OwnerAccountId"]

    def test_us_east_1_is_not_named_in_the_path_of_roles(self):
        account = self.account()
        self.assign(self.permission_set("view"), account, self.group())
        (role,) = self.roles(account)
        self.assertEqual(role["Path"], "/aws-reserved/sso.amazonaws.com/")

    def test_another_seed_gives_other_ids(self):
        self.assertNotEqual(self.arn[-16:], "1617f6a9330aa728")
