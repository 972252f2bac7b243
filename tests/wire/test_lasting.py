"""What was answered lasts: over stops, kills and faults of the connection."""

import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import botocore.exceptions

from service import CLIENTS, ROLECALL, Server, WireTest


class Restarts(WireTest):
    def again(self, how):
        code = self.server.stop(how)
        self.server.start()
        for name, service in CLIENTS.items():
            setattr(type(self), name, self.server.client(service))
        return code

    def test_what_was_answered_is_there_after_a_kill(self):
        arn, group = self.permission_set("kept", Description="d"), self.group("kept")
        self.assign(arn, self.management, group)
        for how in (signal.SIGKILL, signal.SIGTERM):
            self.again(how)
            self.assertEqual(self.sso.list_instances()["Instances"][0]["InstanceArn"], self.arn)
            self.assertEqual(self.sso.describe_permission_set(**self.on(arn))["PermissionSet"]["Description"], "d")
            listed = self.sso.list_account_assignments(AccountId=self.management, **self.on(arn))["AccountAssignments"]
            self.assertEqual([one["PrincipalId"] for one in listed], [group])

    def test_a_request_in_progress_is_known_after_a_kill(self):
        arn, group = self.permission_set(), self.group()
        started = self.sso.create_account_assignment(**self.grant(arn, self.management, group))["AccountAssignmentCreationStatus"]
        self.again(signal.SIGKILL)
        ended = self.sso.describe_account_assignment_creation_status(
            InstanceArn=self.arn, AccountAssignmentCreationRequestId=started["RequestId"]
        )["AccountAssignmentCreationStatus"]
        self.assertEqual(ended["Status"], "SUCCEEDED")

    def test_pages_go_on_after_a_restart(self):
        for _ in range(4):
            self.permission_set()
        first = self.sso.list_permission_sets(InstanceArn=self.arn, MaxResults=2)
        self.again(signal.SIGTERM)
        second = self.sso.list_permission_sets(InstanceArn=self.arn, NextToken=first["NextToken"])
        self.assertFalse(set(first["PermissionSets"]) & set(second["PermissionSets"]))

    def test_names_stay_taken_and_revisions_current(self):
        group = self.ids.create_group(IdentityStoreId=self.store, DisplayName="stays")
        self.again(signal.SIGKILL)
        self.fails("ConflictException", self.ids.create_group, IdentityStoreId=self.store, DisplayName="stays")
        found = self.ids.describe_group(IdentityStoreId=self.store, GroupId=group["GroupId"])
        self.assertEqual(found["Revision"], group["Revision"])

    def test_what_is_set_on_the_instance_lasts(self):
        self.sso.update_instance(InstanceArn=self.arn, Name="lasting")
        self.sso.tag_resource(ResourceArn=self.arn, Tags=[{"Key": "a", "Value": "b"}])
        self.org.enable_aws_service_access(ServicePrincipal="ram.amazonaws.com")
        self.again(signal.SIGKILL)
        self.assertEqual(self.sso.describe_instance(InstanceArn=self.arn)["Name"], "lasting")
        self.assertEqual(self.sso.list_tags_for_resource(ResourceArn=self.arn)["Tags"], [{"Key": "a", "Value": "b"}])
        services = self.org.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
        self.assertIn("ram.amazonaws.com", [one["ServicePrincipal"] for one in services])

    def test_it_stops_cleanly_when_asked(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            began = time.time()
            self.assertEqual(self.again(how), 0)
            self.assertLess(time.time() - began, 6)

    def test_many_clients_at_once_lose_nothing(self):
        errors = []

        def work(n):
            try:
                sso = self.server.client("sso-admin", checked=False)
                for m in range(5):
                    sso.create_permission_set(InstanceArn=self.arn, Name=f"many-{n}-{m}")
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual(errors, [])
        listed, _ = self.pages(self.sso.list_permission_sets, "PermissionSets", 100, InstanceArn=self.arn)
        names = [self.sso.describe_permission_set(**self.on(arn))["PermissionSet"]["Name"] for arn in listed]
        self.assertEqual(len([name for name in names if name.startswith("many-")]), 40)


class Faults(unittest.TestCase):
    """Every fault once, by its own server."""

    def serve(self, *faults, **more):
        arguments = [part for fault in faults for part in ("--fault", fault)]
        server = Server("--clock", "fast", "--quotas", "off", *arguments)
        self.addCleanup(server.remove)
        return server

    def create(self, server, retries=1, **more):
        sso = server.client("sso-admin", retries=retries)
        arn = sso.list_instances()["Instances"][0]["InstanceArn"]
        return arn, lambda name: sso.create_permission_set(InstanceArn=arn, Name=name), sso

    def names(self, server):
        sso = server.client("sso-admin")
        arn = sso.list_instances()["Instances"][0]["InstanceArn"]
        sets = sso.list_permission_sets(InstanceArn=arn)["PermissionSets"]
        return [sso.describe_permission_set(InstanceArn=arn, PermissionSetArn=one)["PermissionSet"]["Name"] for one in sets]

    def test_latency_makes_the_answer_late(self):
        server = self.serve("latency=700ms,op=CreatePermissionSet,times=1")
        _, create, _ = self.create(server)
        began = time.time()
        create("slow")
        self.assertGreater(time.time() - began, 0.6)
        began = time.time()
        create("quick")
        self.assertLess(time.time() - began, 0.5)

    def test_an_error_is_answered_and_nothing_done(self):
        server = self.serve("error=503,op=CreatePermissionSet,times=1")
        _, create, _ = self.create(server)
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            create("x")
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.assertEqual(self.names(server), [])
        create("x")

    def test_an_answer_is_lost_although_it_was_done(self):
        server = self.serve("lost=500,op=CreatePermissionSet,times=1")
        _, create, _ = self.create(server)
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            create("x")
        self.assertEqual(caught.exception.response["Error"]["Code"], "InternalServerException")
        self.assertEqual(self.names(server), ["x"])

    def test_throttling_is_answered_and_a_retry_gets_through(self):
        server = self.serve("throttle,op=CreatePermissionSet,times=1")
        _, create, _ = self.create(server)
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            create("x")
        self.assertEqual(caught.exception.response["Error"]["Code"], "ThrottlingException")
        server = self.serve("throttle,op=CreatePermissionSet,times=2")
        _, create, _ = self.create(server, retries=4)
        create("x")
        self.assertEqual(self.names(server), ["x"])

    def test_a_connection_is_reset_after_it_was_done(self):
        server = self.serve("reset,op=CreatePermissionSet,times=1")
        _, create, _ = self.create(server)
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            create("x")
        self.assertEqual(self.names(server), ["x"])

    def test_an_answer_is_cut_in_the_middle(self):
        server = self.serve("truncate,op=CreatePermissionSet,times=1")
        _, create, _ = self.create(server)
        with self.assertRaises(Exception) as caught:
            create("x")
        self.assertNotIsInstance(caught.exception, AssertionError)
        self.assertEqual(self.names(server), ["x"])

    def test_an_answer_comes_twice(self):
        server = self.serve("duplicate,op=ListInstances,times=1")
        body = b"{}"
        request = (
            b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: SWBExternalService.ListInstances\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        ) + body
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            received = b""
            while received.count(b"HTTP/1.1 200 OK") < 2 or not received.endswith(b"}"):
                received += connection.recv(65536)
        self.assertEqual(received.count(b'"Instances"'), 2)

    def test_faults_are_drawn_from_the_seed(self):
        def codes():
            server = self.serve("throttle,p=0.5,op=ListPermissionSets")
            _, _, sso = self.create(server)
            arn = sso.list_instances()["Instances"][0]["InstanceArn"]
            seen = ""
            for _ in range(30):
                try:
                    sso.list_permission_sets(InstanceArn=arn)
                    seen += "."
                except botocore.exceptions.ClientError:
                    seen += "x"
            return seen

        first = codes()
        self.assertEqual(first, codes())
        self.assertTrue(5 < first.count("x") < 25, first)

    def test_a_fault_that_is_none_is_told(self):
        done = subprocess.run([ROLECALL, "sim", "serve", "--fault", "flood"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there are latency, error, lost, throttle", done.stderr)


class Listening(unittest.TestCase):
    def test_a_taken_port_is_an_error(self):
        server = Server()
        self.addCleanup(server.remove)
        address = server.url.removeprefix("http://")
        with tempfile.TemporaryDirectory() as world:
            done = subprocess.run(
                [ROLECALL, "sim", "serve", "--listen", address, "--world", world], capture_output=True, text=True, timeout=20
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot listen on {address}", done.stderr)

    def test_who_lets_others_in_is_warned(self):
        with tempfile.TemporaryDirectory() as world:
            process = subprocess.Popen(
                [ROLECALL, "sim", "serve", "--listen", "0.0.0.0:0", "--world", world],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=10)
        self.assertIn("warning: listening on every address of this machine", said)

    def test_loopback_is_the_default_and_needs_no_warning(self):
        server = Server()
        self.addCleanup(server.remove)
        server.stop()
        server.errors.seek(0)
        self.assertNotIn("warning", server.errors.read().decode())

    def test_the_calls_are_logged_for_sim_calls(self):
        with tempfile.TemporaryDirectory() as stack:
            with open(f"{stack}/main.hcl", "w") as file:
                file.write('provider "simulator" {}\n')
            process = subprocess.Popen(
                [ROLECALL, "-C", stack, "sim", "serve", "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            url = process.stdout.readline().strip()
            request = urllib.request.Request(url, data=b"{}", headers={"X-Amz-Target": "SWBExternalService.ListInstances"})
            urllib.request.urlopen(request, timeout=10).read()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)
            process.stdout.close()
            done = subprocess.run([ROLECALL, "-C", stack, "sim", "calls"], capture_output=True, text=True, timeout=20)
        self.assertIn("ListInstances", done.stdout)
