"""The wire itself: raw requests and answers, and what is answered to what nobody offers."""

import json
import urllib.error
import urllib.request

from service import WireTest


def scope(service, key="AKID"):
    return f"AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"


class Raw(WireTest):
    def post(self, body, headers):
        data = body if isinstance(body, bytes) else body.encode()
        request = urllib.request.Request(self.server.url + "/", data=data, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def target(self, name, body="{}"):
        return self.post(body, {"X-Amz-Target": name, "Content-Type": "application/x-amz-json-1.1"})

    def test_answers_are_json_with_a_request_id(self):
        status, headers, body = self.target("SWBExternalService.ListInstances")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/x-amz-json-1.1"))
        self.assertRegex(headers["x-amzn-RequestId"], r"^[0-9a-f-]{36}$")
        self.assertIn("Instances", json.loads(body))

    def test_request_ids_are_all_different(self):
        seen = {self.target("SWBExternalService.ListInstances")[1]["x-amzn-RequestId"] for _ in range(20)}
        self.assertEqual(len(seen), 20)

    def test_times_are_numbers_of_seconds(self):
        created = json.loads(self.target("SWBExternalService.ListInstances")[2])["Instances"][0]["CreatedDate"]
        self.assertIsInstance(created, float)

    def test_operations_without_output_answer_with_nothing(self):
        root = self.org.list_roots()["Roots"][0]["Id"]
        body = json.dumps({"ResourceId": root, "Tags": []})
        self.assertEqual(self.target("AWSOrganizationsV20161128.TagResource", body)[2], "")
        body = json.dumps({"ResourceArn": self.arn, "Tags": []})
        self.assertEqual(self.target("SWBExternalService.TagResource", body)[2], "{}")

    def test_errors_say_their_type_in_body_and_header(self):
        body = json.dumps({"InstanceArn": "arn:aws:sso:::instance/ssoins-0000000000000000"})
        status, headers, body = self.target("SWBExternalService.ListPermissionSets", body)
        self.assertEqual((status, headers["x-amzn-ErrorType"]), (400, "ResourceNotFoundException"))
        error = json.loads(body)
        self.assertEqual(error["__type"], "ResourceNotFoundException")
        self.assertIn("not found", error["Message"])

    def test_operations_that_are_not_offered_are_unknown(self):
        for name in (
            "SWBExternalService.CreateApplication", "SWBExternalService.DeleteInstance", "SWBExternalService.",
            "AWSIdentityStore.UpdateIdentityStore", "AWSOrganizationsV20161128.ListPolicies", "DynamoDB_20120810.ListTables",
        ):
            with self.subTest(name):
                status, headers, body = self.target(name)
                self.assertEqual((status, json.loads(body)["__type"]), (400, "UnknownOperationException"))

    def test_query_actions_that_are_not_offered_are_invalid(self):
        for service, action, version in (("iam", "ListUsers", "2010-05-08"), ("sts", "GetFederationToken", "2011-06-15")):
            with self.subTest(action):
                status, _, body = self.post(f"Action={action}&Version={version}", {"Authorization": scope(service)})
                self.assertEqual(status, 400)
                self.assertIn("<Code>InvalidAction</Code>", body)
                self.assertIn(f"Could not find operation {action} for version {version}", body)

    def test_what_is_no_json_cannot_be_read(self):
        for body in ("{", "[]", "no", '{"MaxResults": "ten"}', '{"RegionScope": 1}'):
            with self.subTest(body):
                status, _, answer = self.target("SWBExternalService.ListInstances", body)
                self.assertEqual((status, json.loads(answer)["__type"]), (400, "SerializationException"))

    def test_an_empty_body_is_an_empty_input(self):
        self.assertEqual(self.target("SWBExternalService.ListInstances", "")[0], 200)

    def test_members_that_nobody_knows_are_passed_over(self):
        self.assertEqual(self.target("SWBExternalService.ListInstances", '{"Later": {"a": 1}, "MaxResults": null}')[0], 200)

    def test_xml_errors_have_a_type_a_code_and_a_request_id(self):
        body = "Action=GetRole&Version=2010-05-08&RoleName=none"
        status, headers, body = self.post(body, {"Authorization": scope("iam")})
        self.assertEqual((status, headers["Content-Type"]), (404, "text/xml"))
        self.assertIn("<Type>Sender</Type><Code>NoSuchEntity</Code>", body)
        self.assertRegex(body, r"<RequestId>[0-9a-f-]{36}</RequestId>")

    def test_a_query_without_signature_is_known_by_its_version(self):
        status, _, body = self.post("Action=GetCallerIdentity&Version=2011-06-15", {})
        self.assertEqual(status, 200)
        self.assertIn(f"<Account>{self.management}</Account>", body)

    def test_numbers_in_queries_are_numbers(self):
        status, _, body = self.post("Action=ListRoles&Version=2010-05-08&MaxItems=ten", {"Authorization": scope("iam")})
        self.assertEqual(status, 400)
        self.assertIn("<Code>MalformedInput</Code>", body)
        status, _, body = self.post("Action=ListRoles&Version=2010-05-08&MaxItems=1001", {"Authorization": scope("iam")})
        self.assertIn("<Code>ValidationError</Code>", body)
        self.assertIn("less than or equal to 1000", body)

    def test_a_browser_is_told_what_this_is(self):
        with urllib.request.urlopen(self.server.url + "/", timeout=10) as answer:
            self.assertIn("rolecall", answer.read().decode())

    def test_a_request_that_is_too_large_is_refused(self):
        status, headers, body = self.target("SWBExternalService.ListInstances", " " * (5 << 20))
        self.assertEqual((status, headers["x-amzn-ErrorType"]), (413, "RequestEntityTooLargeException"))
        self.assertEqual(json.loads(body)["__type"], "RequestEntityTooLargeException")

    def test_other_methods_are_not_taken_for_calls(self):
        for method, wanted in (("PUT", 405), ("DELETE", 405), ("HEAD", 200)):
            request = urllib.request.Request(self.server.url + "/", method=method)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    status = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            self.assertEqual(status, wanted, method)

    def test_a_body_may_come_in_chunks(self):
        import http.client

        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=10)
        headers = {"X-Amz-Target": "SWBExternalService.ListInstances", "Content-Type": "application/x-amz-json-1.1"}
        connection.request("POST", "/", body=iter([b"{", b'"MaxResults": 1', b"}"]), headers=headers, encode_chunked=True)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200, answer.read())
        connection.close()

    def test_another_protocol_is_answered_as_an_unknown_operation(self):
        request = urllib.request.Request(
            self.server.url + "/service/SWBExternalService/operation/ListInstances", data=b"\xa0", method="POST",
            headers={"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor", "Accept": "application/cbor"},
        )
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        self.assertEqual((caught.exception.code, caught.exception.headers["x-amzn-ErrorType"]), (400, "UnknownOperationException"))

    def test_many_clients_at_once_are_answered_each(self):
        from concurrent.futures import ThreadPoolExecutor

        made = lambda n: self.server.client("identitystore").create_group(IdentityStoreId=self.store, DisplayName=f"at-once-{n}")
        with ThreadPoolExecutor(16) as pool:
            ids = {answer["GroupId"] for answer in pool.map(made, range(48))}
        self.assertEqual(len(ids), 48)

    def test_text_in_every_script_survives_the_wire(self):
        group = self.group("Zoë & <Søren> “引用” 🚀")
        found = self.ids.describe_group(IdentityStoreId=self.store, GroupId=group)
        self.assertEqual(found["DisplayName"], "Zoë & <Søren> “引用” 🚀")
        arn = self.permission_set(Description="a & b < c > d \"e\" é")
        account = self.account()
        self.assign(arn, account, group)
        self.assertEqual(self.roles(account)[0]["Description"], "a & b < c > d \"e\" é")
