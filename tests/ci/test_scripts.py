"""The scripts of examples/ci, run as the workflows run them: the real rolecall on the simulator, stand-ins for the APIs."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCRIPTS = ROOT / "examples/ci/scripts"
BOT = "github-actions[bot]"
HEAD, MERGED = "1" * 40, "2" * 40
STRICT = {
    "required_approving_review_count": 1,
    "require_last_push_approval": True,
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": True,
}
GRACE = {"user": {"id": 9, "username": "grace", "name": "Grace Hopper"}}


class Case(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.stack = self.home / "access"
        shutil.copytree(ROOT / "examples/01-quickstart", self.stack, ignore=shutil.ignore_patterns(".rolecall"))
        tools = self.home / "bin"
        tools.mkdir()
        for name in ("gh", "curl"):
            tool = tools / name
            tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE}/stand_ins.py" {name} "$@"\n')
            tool.chmod(0o755)
        (tools / "rolecall").symlink_to(os.environ["ROLECALL"])
        self.store_file = self.home / "store.json"
        self.store = {
            "me": BOT,
            "now": "2026-11-28T10:00:00Z",
            "calls": [],
            "comments": [],
            "statuses": [],
            "issues": [],
            "pulls": {
                MERGED: [
                    {
                        "number": 5,
                        "merged_at": "x",
                        "base": {"ref": "main"},
                        "head": {"sha": HEAD},
                        "user": {"login": "linus"},
                    }
                ]
            },
            "commits": [],
            "rules": [{"type": "deletion"}, {"type": "pull_request", "parameters": dict(STRICT)}],
            "protected": False,
            "reviews": [],
            "permissions": {"ada": "write", "grace": "admin"},
            "notes": [],
            "merge_requests": {
                MERGED: [
                    {"iid": 5, "state": "merged", "target_branch": "main", "sha": HEAD, "author": {"id": 8, "username": "linus"}}
                ]
            },
            "approvals": {"approved_by": [GRACE], "approvals_left": 0},
            "emails": {},
            "pushers": {"30": 8, "31": 9},
            "pipelines": [{"id": 30, "sha": HEAD}, {"id": 29, "sha": "0" * 40}],
            "jobs": [],
        }
        self.environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "USER": "ci",
            "STAND_IN": str(self.store_file),
            "SECRET": "glpat-secret",
            "GH_TOKEN": "token",
            "GITHUB_REPOSITORY": "acme/access",
            "NOTE_TOKEN": "glpat-secret",
            "READ_TOKEN": "glpat-secret",
            "ISSUE_TOKEN": "glpat-secret",
            "CI_API_V4_URL": "https://gitlab.example/api/v4",
            "CI_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_IID": "5",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Nothing has been applied yet.
            "LINEAGE": "none",
        }

    def script(self, name, *arguments, code=0, **environment):
        self.store_file.write_text(json.dumps(self.store))
        done = subprocess.run(
            [SCRIPTS / name, *arguments],
            cwd=self.home,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        self.store = json.loads(self.store_file.read_text())
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.said = done.stderr
        return done.stdout.strip()

    def rolecall(self, *arguments, code=0):
        done = subprocess.run(
            [os.environ["ROLECALL"], "-C", "access", *arguments],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def read(self, name):
        return (self.home / name).read_text()

    def edit(self, before, after):
        file = self.stack / "main.hcl"
        text = file.read_text()
        self.assertIn(before, text)
        file.write_text(text.replace(before, after))

    def account(self):
        return next(word for word in self.read("access/main.hcl").split('"') if word.isdigit() and len(word) == 12)

    def writes(self):
        return [call for call in self.store["calls"] if call["method"] != "GET"]


class Planning(Case):
    def test_one_plan_gives_everything_that_later_steps_need(self):
        self.script("plan.sh", "access", "out")
        self.assertEqual(self.read("out/status"), "changes\n")
        digest = self.read("out/digest").strip()
        self.assertRegex(digest, r"^[0-9a-f]{4}(-[0-9a-f]{4}){7}$")
        comment = self.read("out/plan.md")
        self.assertTrue(comment.startswith("<!-- rolecall plan: access -->\n"))
        self.assertIn(f"rolecall -C access apply --digest {digest}", comment)
        self.assertEqual(json.loads(self.read("out/plan.sarif"))["version"], "2.1.0")
        self.assertFalse((self.home / "out/plan.bin").exists(), "it is confidential")

    def test_a_plan_without_changes_and_one_that_is_refused(self):
        self.rolecall("apply", "--auto-approve")
        self.script("plan.sh", "access", "out")
        self.assertEqual(self.read("out/status"), "clean\n")
        (self.stack / "more.hcl").write_text('rolecall {\n  max_removals = 0\n}\n')
        self.edit("accounts        = [account.sandbox]", "accounts        = []\n  allow_empty     = true")
        self.script("plan.sh", "access", "out")
        self.assertEqual(self.read("out/status"), "refused\n")
        self.assertEqual(self.read("out/digest"), "")
        self.assertIn("**This plan is refused**", self.read("out/plan.md"))

    def test_a_wrong_configuration_fails_with_its_diagnostics(self):
        self.edit("managed_policies", "manged_policies")
        self.script("plan.sh", "access", "out", code=1)
        self.assertIn("managed_policies", self.said)

    def test_findings_for_code_scanning_have_places_in_the_repository(self):
        self.edit("managed_policies", "manged_policies")
        sarif = json.loads(self.rolecall("validate", "--format", "sarif", code=1))
        [run] = sarif["runs"]
        rules = run["tool"]["driver"]["rules"]
        self.assertTrue(run["results"])
        for result in run["results"]:
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            [place] = result["locations"]
            self.assertEqual(place["physicalLocation"]["artifactLocation"]["uri"], "access/main.hcl")
            self.assertGreater(place["physicalLocation"]["region"]["startLine"], 1)
            self.assertTrue(result["partialFingerprints"]["primaryLocationLineHash"])
        self.assertIn("error", [result["level"] for result in run["results"]])

    def test_what_is_built_is_one_commit(self):
        cargo = self.home / "bin/cargo"
        cargo.write_text('#!/bin/sh\necho "$@"\n')
        cargo.chmod(0o755)
        source = self.home / "source.env"
        commit = "a" * 40

        def install(text, code=0):
            source.write_text(text)
            return self.script("install.sh", SOURCE=str(source), code=code)

        # As it is here, nobody has said what.
        self.script("install.sh", code=1)
        for wrong in ("main", "v1.0.0", commit[:12], ""):
            install(f"ROLECALL_REPOSITORY=https://git.example/rolecall\nROLECALL_COMMIT={wrong}\n", code=1)
            self.assertIn("not the whole id of a commit", self.said)
        built = install(f"ROLECALL_REPOSITORY=https://git.example/rolecall\nROLECALL_COMMIT={commit}\n")
        self.assertEqual(built, f"install --locked --quiet --git https://git.example/rolecall --rev {commit} rolecall")
        built = install("ROLECALL_DIRECTORY=vendor/rolecall\n")
        self.assertEqual(built, "install --locked --quiet --path vendor/rolecall")

    def test_drift_is_a_test_report(self):
        self.rolecall("apply", "--auto-approve")
        clean = ElementTree.fromstring(self.rolecall("drift", "--format", "junit"))
        self.assertEqual((clean.tag, clean.get("failures")), ("testsuites", "0"))
        self.assertGreater(int(clean.get("tests")), 10)
        self.rolecall("sim", "do", "create-group", "<a> & \"b\"")
        self.rolecall("sim", "do", "assign", "view", "111122223333", "<a> & \"b\"")
        report = ElementTree.fromstring(self.rolecall("drift", "--format", "junit", code=2))
        self.assertEqual(report.get("failures"), "1")
        [failure] = report.findall("./testsuite/testcase/failure")
        self.assertEqual(failure.get("type"), "unmanaged")
        self.assertIn('<a> & "b" → view', failure.get("message"))
        self.assertIn("declare it, ignore it", failure.text)

    def test_counted_people(self):
        self.script("plan.sh", "access", "out", PEOPLE="counts")
        self.assertNotIn("Ada", self.read("out/plan.md"))

    def test_a_fork_is_compared_without_state_or_credentials(self):
        shutil.copytree(self.stack, self.home / "base")
        self.edit("Look, do not touch", "Look, and touch")
        text = self.rolecall("plan", "--base", "base", "--format", "markdown", "--people", "counts")
        self.assertIn("which nothing can be applied from", text)
        self.assertIn("Look, and touch", text)
        self.assertFalse((self.stack / ".rolecall").exists())


class GitHub(Case):
    def plan_and_record(self, at="2026-11-28T10:00:00Z"):
        self.store["now"] = at
        self.script("plan.sh", "access", "out")
        return self.script("github-record-digest.sh", "access", HEAD, "out").removeprefix("digest ")

    def approve(self, commit=HEAD, at="2026-11-28T11:00:00Z", state="APPROVED", by="ada", kind="User"):
        user = {"login": by, "type": kind}
        self.store["reviews"].append({"user": user, "state": state, "commit_id": commit, "submitted_at": at})

    def approved(self, code=0):
        return self.script("github-approved-digest.sh", "access", MERGED, "main", code=code)

    def test_one_comment_is_made_updated_and_left_alone(self):
        self.script("plan.sh", "access", "out")
        text = self.read("out/plan.md")
        self.store["comments"] = [{"id": 1, "number": "5", "user": {"login": "mallory"}, "body": text}]
        self.assertEqual(self.script("github-comment.sh", "5", "out/plan.md"), "comment made")
        self.assertEqual(self.script("github-comment.sh", "5", "out/plan.md"), "comment is up to date")
        self.assertEqual(len(self.writes()), 1)
        # As GitHub gives it back.
        self.store["comments"][1]["body"] = text.replace("\n", "\r\n").rstrip()
        self.assertEqual(self.script("github-comment.sh", "5", "out/plan.md"), "comment is up to date")
        self.edit("Look, do not touch", "Look, and touch")
        self.script("plan.sh", "access", "out")
        self.assertEqual(self.script("github-comment.sh", "5", "out/plan.md"), "comment updated")
        mine, theirs = self.store["comments"][1], self.store["comments"][0]
        self.assertEqual(mine["body"], self.read("out/plan.md"))
        self.assertEqual(theirs["body"], text)
        self.assertEqual(len(self.store["comments"]), 2)

    def test_what_was_approved_is_applied(self):
        digest = self.plan_and_record()
        self.approve()
        self.assertEqual(self.approved(), digest)
        self.assertIn("Applied.", self.script("apply.sh", "access", digest))
        self.script("plan.sh", "access", "out")
        self.assertEqual(self.read("out/status"), "clean\n")
        # The same again is no harm.
        self.script("apply.sh", "access", digest)

    def test_a_plan_that_is_another_by_now_is_not_applied(self):
        digest = self.plan_and_record()
        self.approve()
        self.edit("Look, do not touch", "Look, and touch")
        self.script("apply.sh", "access", self.approved(), code=3)
        self.assertIn("no longer the approved one", self.said)
        self.assertIn("4 to add", self.rolecall("plan"))
        self.script("apply.sh", "access", "--auto-approve", code=3)
        self.assertNotEqual(digest, "")

    def test_nothing_is_approved_without_an_approval_of_what_was_shown(self):
        digest = self.plan_and_record()
        self.approved(code=3)
        self.assertIn("nobody who may write approved", self.said)
        self.approve(commit="3" * 40)
        self.approve(state="COMMENTED")
        self.approve(state="DISMISSED")
        self.approved(code=3)
        # Strangers may review as well, and workflows.
        self.approve(by="mallory")
        self.approve(by=BOT, kind="Bot")
        self.store["permissions"] |= {"eve": "triage", BOT: "write"}
        self.approve(by="eve")
        self.approved(code=3)
        self.assertIn("nobody who may write approved", self.said)
        self.approve(at="2026-11-28T09:00:00Z", by="grace")
        self.approved(code=3)
        self.assertIn("before it was approved", self.said)
        self.approve(at="2026-11-28T11:00:00Z", by="grace")
        self.assertEqual(self.approved(), digest)

    def test_the_last_review_of_each_reviewer_counts(self):
        digest = self.plan_and_record()
        self.approve()
        self.approve(state="COMMENTED", at="2026-11-28T11:10:00Z")
        self.assertEqual(self.approved(), digest)
        self.approve(state="CHANGES_REQUESTED", at="2026-11-28T11:30:00Z")
        self.approved(code=3)
        self.assertIn("ada asked for changes", self.said)
        # Another approval does not overrule that.
        self.approve(by="grace", at="2026-11-28T11:40:00Z")
        self.approved(code=3)
        self.approve(at="2026-11-28T11:50:00Z")
        self.assertEqual(self.approved(), digest)
        # What a stranger asks for holds nobody up.
        self.approve(by="mallory", state="CHANGES_REQUESTED", at="2026-11-28T12:00:00Z")
        self.assertEqual(self.approved(), digest)
        # Somebody of whom nobody can tell whether they may write may be holding it up.
        self.store["permissions"]["mallory"] = None
        self.approved(code=3)
        self.assertIn("does not say whether mallory", self.said)
        self.store["permissions"]["mallory"] = "read"
        self.approve(state="DISMISSED", at="2026-11-28T12:10:00Z")
        self.approve(by="grace", state="DISMISSED", at="2026-11-28T12:10:00Z")
        self.approved(code=3)

    def test_who_wrote_a_part_of_it_is_not_who_approves_it(self):
        digest = self.plan_and_record()
        self.approve()
        self.store["commits"] = [{"author": {"login": "linus"}, "committer": {"login": "web-flow"}}, {"author": None}]
        self.assertEqual(self.approved(), digest)
        for commit in [{"author": {"login": "ada"}}, {"author": None, "committer": {"login": "ada"}}]:
            self.store["commits"] = [commit]
            self.approved(code=3)
            self.assertIn("wrote it themselves (ada)", self.said)
        self.approve(by="grace")
        self.assertEqual(self.approved(), digest)
        self.store["commits"] = [{"author": {"login": "linus"}}] * 250
        self.approved(code=3)
        self.assertIn("smaller", self.said)

    def test_a_branch_that_is_not_protected_approves_nothing(self):
        digest = self.plan_and_record()
        self.approve()
        self.assertEqual(self.approved(), digest)
        self.assertEqual(self.said, "")
        for rule in STRICT:
            self.store["rules"][1]["parameters"] = {**STRICT, rule: False if rule != "required_approving_review_count" else 0}
            self.assertEqual(self.approved(), digest)
            self.assertIn("no ruleset of main says to: ", self.said)
            self.assertNotIn(";", self.said)
        self.store["rules"] = [{"type": "deletion"}]
        self.approved(code=3)
        self.assertIn("main is not protected", self.said)
        # By the older kind, of which this token sees no more than that.
        self.store["protected"] = True
        self.assertEqual(self.approved(), digest)
        self.assertIn("most recent reviewable push", self.said)

    def test_a_runner_without_the_state_plans_and_applies_nothing(self):
        self.script("plan.sh", "access", "out", LINEAGE="", code=3)
        self.assertIn("there is no state", self.said)
        digest = self.plan_and_record()
        self.script("apply.sh", "access", digest, LINEAGE="", code=3)
        self.script("apply.sh", "access", digest, REVISION="r1")
        lineage = json.loads(self.rolecall("show", "--json"))["lineage"]
        for known in ("", lineage):
            self.script("plan.sh", "access", "out", LINEAGE=known)
        self.script("plan.sh", "access", "out", LINEAGE="another", code=3)
        self.script("apply.sh", "access", digest, LINEAGE="another", code=3)

    def test_what_was_applied_since_the_plan_makes_it_outdated(self):
        self.script("apply.sh", "access", self.plan_and_record(), REVISION="r1")
        self.store["statuses"].clear()
        self.edit("Look, do not touch", "Look, and touch")
        self.plan_and_record()
        self.approve()
        digest, base = self.approved().split()
        self.assertEqual(base, "r1")
        # There and back again: the digest is the same, and what was looked at is not.
        (self.stack / "more.hcl").write_text('group "more" {\n  display_name = "More"\n}\n')
        self.rolecall("apply", "--auto-approve", "--revision", "r2")
        (self.stack / "more.hcl").unlink()
        self.edit("Look, and touch", "Look, do not touch")
        self.rolecall("apply", "--auto-approve", "--revision", "r3")
        self.edit("Look, do not touch", "Look, and touch")
        self.script("apply.sh", "access", digest, BASE_REVISION=base, REVISION="r4", code=3)
        self.assertIn("based on revision r1", self.said)
        self.script("apply.sh", "access", digest, BASE_REVISION="r3", REVISION="r4")
        self.assertEqual(json.loads(self.rolecall("show", "--json"))["revision"], "r4")

    def test_a_plan_that_changed_after_the_approval_is_not_approved(self):
        self.plan_and_record()
        self.approve()
        self.edit("Look, do not touch", "Look, and touch")
        self.plan_and_record(at="2026-11-28T12:00:00Z")
        self.approved(code=3)
        self.assertIn("changed after it was approved", self.said)
        self.approve(at="2026-11-28T13:00:00Z")
        self.approved()

    def test_a_status_that_a_person_set_counts_for_nothing(self):
        digest = self.plan_and_record()
        self.approve()
        forged = "digest " + "-".join(["dead"] * 8)
        self.store["statuses"].append(
            {
                "sha": HEAD,
                "context": "rolecall/access",
                "description": forged,
                "creator": {"login": "mallory"},
                "created_at": "2026-11-28T10:30:00Z",
            }
        )
        self.assertEqual(self.approved(), digest)
        self.store["statuses"].pop(0)
        self.approved(code=3)

    def test_a_refused_plan_and_a_direct_push_are_not_approved(self):
        self.plan_and_record()
        self.store["statuses"][0]["description"] = "refused: see the findings"
        self.approve()
        self.approved(code=3)
        self.store["pulls"] = {}
        self.approved(code=3)
        self.assertIn("not from one", self.said)

    def test_one_issue_follows_the_drift(self):
        self.rolecall("apply", "--auto-approve")
        self.script("drift.sh", "access", "out")
        self.assertEqual(self.read("out/status"), "clean\n")
        self.assertEqual(self.script("github-drift-issue.sh", "access", "out"), "")
        self.rolecall("sim", "do", "create-group", "Strangers")
        self.rolecall("sim", "do", "assign", "view", self.account(), "Strangers")
        self.script("drift.sh", "access", "out")
        self.assertEqual(self.script("github-drift-issue.sh", "access", "out"), "issue opened")
        # Another reading of the same drift is the same text.
        self.script("drift.sh", "access", "out")
        self.assertEqual(self.script("github-drift-issue.sh", "access", "out"), "issue #1 is up to date")
        self.rolecall("sim", "do", "unassign", "view", self.account(), "Developers")
        self.script("drift.sh", "access", "out")
        self.assertEqual(self.script("github-drift-issue.sh", "access", "out"), "issue #1 updated")
        self.assertIn("Missing", self.store["issues"][0]["body"])
        self.rolecall("sim", "do", "unassign", "view", self.account(), "Strangers")
        self.rolecall("apply", "--auto-approve", "--restore")
        self.script("drift.sh", "access", "out")
        self.assertIn("closed", self.script("github-drift-issue.sh", "access", "out"))
        self.assertEqual([issue["state"] for issue in self.store["issues"]], ["closed"])

    def test_a_runner_without_the_state_looks_for_no_drift(self):
        self.script("drift.sh", "access", "out", LINEAGE="", code=3)
        self.assertIn("there is no state", self.said)
        self.assertFalse((self.home / "out/status").exists())

class GitLab(Case):
    def approved(self, code=0):
        return self.script("gitlab-approved-digest.sh", "access", MERGED, "main", code=code)

    def plan(self, number, name="plan"):
        self.script("plan.sh", "access", "plan/access")
        digest, base = self.read("plan/access/digest").strip(), self.read("plan/access/base").strip()
        self.store["jobs"].append({"id": number, "pipeline": 30, "name": name, "digest": digest, "base": base})
        return digest

    def test_a_job_without_its_artifacts_is_said_with_what_to_do(self):
        self.plan(1)
        self.store["jobs"][0]["base"] = None
        self.assertEqual(self.approved(code=3), "")
        for part in ["job 1 planned", "plan/access/base", "new merge request"]:
            self.assertIn(part, self.said)

    def test_one_note_is_made_updated_and_left_alone(self):
        self.script("plan.sh", "access", "out")
        text = self.read("out/plan.md")
        others = [{"id": n, "author": {"id": 8}, "body": text} for n in range(1000, 1130)]
        self.store["notes"] = others
        self.assertEqual(self.script("gitlab-note.sh", "out/plan.md"), "note made")
        self.assertEqual(self.script("gitlab-note.sh", "out/plan.md"), "note is up to date")
        self.edit("Look, do not touch", "Look, and touch")
        self.script("plan.sh", "access", "out")
        self.assertEqual(self.script("gitlab-note.sh", "out/plan.md"), "note updated")
        self.assertEqual(self.store["notes"][130]["body"], self.read("out/plan.md"))
        self.assertEqual(self.store["notes"][:130], others)
        self.assertEqual(len(self.writes()), 2)

    def test_one_issue_follows_the_drift(self):
        issue = lambda: self.script("gitlab-drift-issue.sh", "access", "out")
        self.rolecall("apply", "--auto-approve")
        self.script("drift.sh", "access", "out")
        self.assertEqual(self.read("out/status"), "clean\n")
        self.assertEqual(issue(), "")
        self.assertEqual(self.writes(), [])
        self.rolecall("sim", "do", "create-group", "Strangers")
        self.rolecall("sim", "do", "assign", "view", self.account(), "Strangers")
        self.script("drift.sh", "access", "out")
        # Others may write the marker too, and this user has issues about more than a page of other stacks.
        text = self.read("out/drift.md")
        others = [{"iid": 1000, "state": "opened", "author": {"id": 8}, "labels": ["rolecall-drift"], "description": text}]
        others += [
            {"iid": n, "state": "opened", "author": {"id": 7}, "labels": ["rolecall-drift"], "description": f"<!-- {n} -->\n"}
            for n in range(1001, 1102)
        ]
        self.store["issues"] = json.loads(json.dumps(others))
        self.assertEqual(issue(), "issue opened")
        opened = self.store["issues"][-1]
        self.assertEqual(opened["title"], "Access drifted: access")
        self.assertEqual((opened["description"], opened["labels"]), (text, ["rolecall-drift"]))
        self.assertTrue(opened["confidential"], "it names people and what they can do")
        number = opened["iid"]
        self.script("drift.sh", "access", "out")
        self.assertEqual(issue(), f"issue #{number} is up to date")
        self.rolecall("sim", "do", "unassign", "view", self.account(), "Developers")
        self.script("drift.sh", "access", "out")
        self.assertEqual(issue(), f"issue #{number} updated")
        self.assertIn("Missing", self.store["issues"][-1]["description"])
        self.rolecall("sim", "do", "unassign", "view", self.account(), "Strangers")
        self.rolecall("apply", "--auto-approve", "--restore")
        self.script("drift.sh", "access", "out")
        self.assertEqual(issue(), f"issue #{number} closed: no drift any more")
        self.assertEqual(self.store["issues"][-1]["state"], "closed")
        self.assertEqual(self.store["issues"][:-1], others)
        self.assertEqual(len(self.writes()), 3)
        # Drift that comes back is another issue.
        self.rolecall("sim", "do", "assign", "view", self.account(), "Strangers")
        self.script("drift.sh", "access", "out")
        self.assertEqual(issue(), "issue opened")

    def test_what_was_approved_is_applied(self):
        digest = self.plan(40)
        self.plan(41)  # run again, with the same result
        self.store["jobs"].append({"id": 42, "pipeline": 30, "name": "other", "digest": "x"})
        self.store["jobs"].append({"id": 43, "pipeline": 29, "name": "plan", "digest": "older"})
        self.assertEqual(self.approved(), digest)
        self.assertIn("Applied.", self.script("apply.sh", "access", digest))

    def test_what_was_applied_when_it_was_planned_is_known(self):
        self.rolecall("apply", "--auto-approve", "--revision", "r1")
        self.edit("Look, do not touch", "Look, and touch")
        digest = self.plan(40)
        self.assertEqual(self.approved(), f"{digest} r1")
        self.store["jobs"].append({**self.store["jobs"][0], "id": 41, "base": "r2"})
        self.approved(code=3)
        self.assertIn("changed while it was under review", self.said)

    def test_nothing_else_is_approved(self):
        self.approved(code=3)
        self.assertIn("no plan", self.said)
        self.plan(40)
        self.store["approvals"] = {"approved_by": [], "approvals_left": 0}
        self.approved(code=3)
        self.store["approvals"] = {"approved_by": [GRACE], "approvals_left": 1}
        self.approved(code=3)
        self.assertIn("not approved", self.said)
        self.store["approvals"] = {"approved_by": [GRACE], "approvals_left": 0}
        self.edit("Look, do not touch", "Look, and touch")
        self.plan(41)
        self.approved(code=3)
        self.assertIn("changed while it was under review", self.said)
        self.store["merge_requests"] = {}
        self.approved(code=3)
        self.assertIn("not from one", self.said)

    def test_who_wrote_it_is_not_who_approves_it(self):
        digest = self.plan(40)
        linus = {"user": {"id": 8, "username": "linus", "name": "Linus T"}}
        ada = {"user": {"id": 10, "username": "ada", "name": "Ada Lovelace"}}
        self.store["commits"] = [self.commit("Linus T", "linus@example.com")] * 100 + [self.commit("x", "10-ada@users.noreply.example")]
        self.store["emails"] = {"9": "Grace@Example.com"}
        self.assertEqual(self.approved(), digest)
        for alone in (linus, ada):
            self.store["approvals"]["approved_by"] = [alone]
            self.approved(code=3)
            self.assertIn("approved by nobody but those who wrote or pushed it", self.said)
            self.assertIn(alone["user"]["username"], self.said)
        self.store["approvals"]["approved_by"] = [linus, GRACE]
        self.assertEqual(self.approved(), digest)
        # Each of these makes Grace one of those who wrote it: author or committer, by name or address.
        for name, email, committer in [
            ("grace hopper", "?", "x"),
            ("grace", "?", "x"),
            ("x", "grace@example.com", "x"),
            ("x", "9-grace@users.noreply.example", "x"),
            ("x", "?", "Grace Hopper"),
        ]:
            self.store["commits"] = [self.commit(name, email, committer)]
            self.approved(code=3)
            self.assertIn("linus, grace", self.said)
        self.store["commits"] = [self.commit("Hopper", "grace@elsewhere.example")]
        self.assertEqual(self.approved(), digest)
        # She pushed to somebody else's branch under another name. Running it again is no push.
        self.store["pipelines"].insert(0, {"id": 31, "sha": HEAD})
        self.assertEqual(self.approved(), digest)
        self.store["pushers"] = {"30": 9, "31": 8}
        self.approved(code=3)

    def commit(self, name, email, committer="Linus T"):
        return {
            "author_name": name,
            "author_email": email,
            "committer_name": committer,
            "committer_email": "noreply@example.com",
        }


if __name__ == "__main__":
    unittest.main()
