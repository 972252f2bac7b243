"""Quotas and throttling, as the service's own."""

import time

from service import WireTest


class Rate(WireTest):
    SERVE = ("--clock", "real", "--quotas", "on")

    def setUp(self):
        time.sleep(1.1)

    def burst(self, call, count, **inputs):
        """How many of so many calls at once were throttled, and with which code."""
        codes = []
        for _ in range(count):
            try:
                call(**inputs)
            except Exception as error:
                codes.append(error.response["Error"]["Code"])
        return codes

    def test_twenty_requests_a_second_are_answered_and_the_rest_throttled(self):
        began = time.time()
        codes = self.burst(self.sso.list_permission_sets, 60, InstanceArn=self.arn)
        allowed = 20 + 20 * (time.time() - began) + 1
        self.assertGreaterEqual(len(codes), 60 - allowed)
        self.assertGreater(len(codes), 0)
        self.assertEqual(set(codes), {"ThrottlingException"})

    def test_the_services_have_rates_of_their_own(self):
        self.burst(self.sso.list_permission_sets, 40, InstanceArn=self.arn)
        self.ids.list_groups(IdentityStoreId=self.store)
        codes = self.burst(self.org.list_accounts, 60)
        self.assertEqual(set(codes), {"TooManyRequestsException"})
        self.assertEqual(set(self.burst(self.iam.list_roles, 60)), {"Throttling"})

    def test_it_is_answered_again_after_a_while(self):
        self.burst(self.sso.list_permission_sets, 40, InstanceArn=self.arn)
        time.sleep(0.3)
        self.sso.list_permission_sets(InstanceArn=self.arn)

    def test_a_client_that_retries_gets_through(self):
        patient = self.server.client("sso-admin", retries=8)
        for _ in range(40):
            patient.list_permission_sets(InstanceArn=self.arn)


class Outstanding(WireTest):
    SERVE = ("--clock", "real", "--quotas", "on")

    def test_fifteen_assignments_may_be_in_progress(self):
        arn = self.permission_set()
        groups = []
        for _ in range(16):
            time.sleep(0.06)
            groups.append(self.group())
        time.sleep(1)
        for group in groups[:15]:
            self.sso.create_account_assignment(**self.grant(arn, self.management, group))
        message = self.fails(
            "ThrottlingException", self.sso.create_account_assignment, **self.grant(arn, self.management, groups[15])
        )
        self.assertEqual(message, "There are too many requests processing. Please try again later.")
        time.sleep(4.5)
        self.sso.create_account_assignment(**self.grant(arn, self.management, groups[15]))

    def test_three_provisionings_may_be_in_progress(self):
        time.sleep(1)
        for _ in range(3):
            self.sso.provision_permission_set(**self.on(self.permission_set(), TargetType="ALL_PROVISIONED_ACCOUNTS"))
        message = self.fails(
            "ThrottlingException", self.sso.provision_permission_set,
            **self.on(self.permission_set(), TargetType="ALL_PROVISIONED_ACCOUNTS"),
        )
        self.assertIn("outstanding ProvisionPermissionSet", message)


class OneRole(WireTest):
    SERVE = ("--clock", "real", "--quotas", "on")

    def patiently(self, call, **inputs):
        time.sleep(0.06)
        return call(**inputs)

    def test_one_role_changes_at_a_time_in_an_account(self):
        one, two, group = self.permission_set(), self.permission_set(), self.group()
        first = self.sso.create_account_assignment(**self.grant(one, self.management, group))
        second = self.sso.create_account_assignment(**self.grant(two, self.management, group))
        ids = [answer["AccountAssignmentCreationStatus"]["RequestId"] for answer in (first, second)]
        ended = {}
        began = time.time()
        while len(ended) < 2 and time.time() - began < 20:
            for request in ids:
                status = self.patiently(
                    self.sso.describe_account_assignment_creation_status,
                    InstanceArn=self.arn, AccountAssignmentCreationRequestId=request,
                )["AccountAssignmentCreationStatus"]["Status"]
                if status != "IN_PROGRESS":
                    ended.setdefault(request, time.time())
        self.assertEqual(len(ended), 2)
        # Each takes two seconds at least, and the second begins when the first has ended.
        self.assertGreater(ended[ids[1]] - ended[ids[0]], 1.7)


class Limits(WireTest):
    """Numbers of things; the rate is no concern, as time jumps with every poll."""

    SERVE = ("--clock", "fast", "--quotas", "on")

    def test_a_created_account_stays_for_four_days(self):
        self.fails("ConstraintViolationException", self.org.remove_account_from_organization, AccountId=self.account())
        self.assertEqual(self.error.get("Reason"), "WAIT_PERIOD_ACTIVE")

    def patient(self):
        self.sso = self.server.client("sso-admin", retries=10)
        self.ids = self.server.client("identitystore", retries=10)

    def test_twenty_policies_together_are_the_most_of_a_set(self):
        self.patient()
        arn = self.permission_set()
        for n in range(12):
            self.sso.attach_customer_managed_policy_reference_to_permission_set(
                **self.on(arn, CustomerManagedPolicyReference={"Name": f"p{n}"})
            )
        for n in range(8):
            self.sso.attach_managed_policy_to_permission_set(**self.on(arn, ManagedPolicyArn=f"arn:aws:iam::aws:policy/p{n}"))
        self.fails(
            "ServiceQuotaExceededException", self.sso.attach_managed_policy_to_permission_set,
            **self.on(arn, ManagedPolicyArn="arn:aws:iam::aws:policy/p9"),
        )
        ended = self.assign(arn, self.management, self.group(), wanted="FAILED")
        self.assertIn("Cannot exceed quota for PoliciesPerRole: 10", ended["FailureReason"])

    def test_a_resource_has_fifty_tags(self):
        self.patient()
        arn = self.permission_set()
        tags = lambda first, count: [{"Key": f"k{n}", "Value": "v"} for n in range(first, first + count)]
        self.sso.tag_resource(InstanceArn=self.arn, ResourceArn=arn, Tags=tags(0, 50))
        self.sso.tag_resource(InstanceArn=self.arn, ResourceArn=arn, Tags=tags(10, 10))
        self.fails("ServiceQuotaExceededException", self.sso.tag_resource, InstanceArn=self.arn, ResourceArn=arn, Tags=tags(50, 1))
        self.org.tag_resource(ResourceId=self.management, Tags=tags(0, 50))
        message = self.fails("ConstraintViolationException", self.org.tag_resource, ResourceId=self.management, Tags=tags(50, 1))
        self.assertEqual(self.error["Reason"], "MAX_TAG_LIMIT_EXCEEDED")
        self.assertNotIn("SSO", message)


class Strict(WireTest):
    SERVE = ("--clock", "fast", "--quotas", "off", "--strict")

    def test_a_policy_that_is_not_in_the_account_fails_the_request(self):
        arn = self.permission_set()
        self.sso.attach_customer_managed_policy_reference_to_permission_set(
            **self.on(arn, CustomerManagedPolicyReference={"Name": "audit", "Path": "/x/"})
        )
        account = self.account()
        ended = self.assign(arn, account, self.group(), wanted="FAILED")
        self.assertEqual(
            ended["FailureReason"],
            f"Received a 404 status error: Not supported policy arn:aws:iam::{account}:policy/x/audit",
        )
        self.assertEqual(self.roles(account), [])

    def test_an_aws_managed_policy_that_is_not_in_the_list_is_not_there(self):
        arn = self.permission_set()
        attach, bound = self.sso.attach_managed_policy_to_permission_set, self.sso.put_permissions_boundary_to_permission_set
        attach(**self.on(arn, ManagedPolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"))
        misspelt = "arn:aws:iam::aws:policy/ReadOnlyAcces"
        for call, inputs in ((attach, dict(ManagedPolicyArn=misspelt)), (bound, dict(PermissionsBoundary={"ManagedPolicyArn": misspelt}))):
            message = self.fails("ResourceNotFoundException", call, **self.on(arn, **inputs))
            self.assertEqual(message, f"Policy does not exist with ARN: {misspelt}")
        # The list has those of the partition `aws` alone.
        attach(**self.on(arn, ManagedPolicyArn="arn:aws-cn:iam::aws:policy/Elsewhere"))
