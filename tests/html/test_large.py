"""A report of 100,000 assignments: how large the file is, how soon it can be used, and how fast it filters."""

import json
import pathlib
import time

from test_page import Page, rolecall
from selenium.webdriver.common.keys import Keys

ACCOUNTS, SETS, GROUPS, PEOPLE, ASSIGNMENTS = 3_000, 100, 500, 20_000, 100_000
AT = "2026-11-01T08:30:00Z"
INSTANCE = {
    "arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
    "identity_store": "d-1234567890",
    "organization": "o-a1b2c3d4e5",
    "region": "eu-west-1",
}


def grants():
    """Tuples spread over all accounts, sets and groups, the same at each run."""
    found = set()
    number = 1
    while len(found) < ASSIGNMENTS:
        number = number * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        draw = number >> 16
        account, draw = draw % ACCOUNTS, draw // ACCOUNTS
        permission_set, draw = draw % SETS, draw // SETS
        found.add(account << 42 | permission_set << 24 | draw % GROUPS)
    return sorted(found)


def state():
    """A state as `state export` writes it, with one reading in which everything is as applied."""
    accounts = [{"id": f"{100_000_000_000 + number}"} for number in range(ACCOUNTS)]
    sets = [f"set-{number:03}" for number in range(SETS)]
    groups = [f"team-{number:03}" for number in range(GROUPS)]
    users = [f"person{number:05}@example.com" for number in range(PEOPLE)]
    tuples = grants()
    units = [f"Unit {number:02}/{part}" for number in range(20) for part in ("NonProd", "Prod")]
    access = {
        "names": {"accounts": accounts, "permission_sets": sets, "principals": [{"group": name} for name in groups]},
        "tuples": tuples,
        "note_of": [0] * len(tuples),
        "declarations": [],
        "notes": [{"declared_by": [], "owned": False}],
    }
    snapshot = {
        "organizational_units": {},
        "accounts": [
            [key, {"value": {"key": key, "name": f"account-{place:04}", "ou": units[place % len(units)]}}]
            for place, key in enumerate(accounts)
        ],
        "users": {
            name: {"value": {"user_name": name, "given_name": "Person", "family_name": f"{place:05}", "display_name": f"Person {place:05}"}}
            for place, name in enumerate(users)
        },
        "groups": {
            name: {"value": {"display_name": name, "members": users[place * 40 : place * 40 + 40]}}
            for place, name in enumerate(groups)
        },
        "permission_sets": {
            name: {"value": {"name": name, "managed_policies": policies(place)}} for place, name in enumerate(sets)
        },
        "access": access,
    }
    pairs = sorted({number >> 24 for number in tuples})
    block = {
        "address": "assignment.all",
        "location": {"file": "access.hcl", "line": 1, "column": 1},
        "reason": "OPS-1",
    }
    applied = {
        "access": {
            **access,
            "declarations": [{**block, "address": f'assignment.all["{number:03}"]'} for number in range(200)],
            "notes": [{"declared_by": [number], "owned": True} for number in range(200)],
            "note_of": [place % 200 for place in range(len(tuples))],
        }
    }
    around = {"instance": INSTANCE, "quotas": None}
    del around["quotas"]
    roles = [{"pair": pair, "suffix": f"{pair:016x}", "provisioning": "latest"} for pair in pairs]
    seen = {"at": AT, "snapshot": snapshot, "roles": roles, "around": around}
    recorded = {"lineage": "large", "serial": 7, "instance": INSTANCE, "applied": applied, "seen": seen}
    return {"kind": "rolecall state", "format": 1, "state": recorded}


def policies(place):
    name = "AdministratorAccess" if place == 0 else "ReadOnlyAccess"
    return [f"arn:aws:iam::aws:policy/{name}"]


class Large(Page):
    """100,000 assignments."""

    @classmethod
    def make(cls, directory):
        stack = pathlib.Path(directory)
        production = 'production {\n    organizational_units = ["*/Prod"]\n  }'
        (stack / "main.hcl").write_text(f"rolecall {{\n  {production}\n}}\n")
        (stack / "state.json").write_text(json.dumps(state()))
        rolecall(stack, "state", "import", "state.json")
        rolecall(stack, "report", "--out", "review.html")
        return stack / "review.html"

    def test_the_file_is_small(self):
        self.assertLess(self.report.stat().st_size, 8_000_000)

    def test_it_opens_and_filters_within_a_second_or_two(self):
        began = time.monotonic()
        self.open("#matrix")
        opened = time.monotonic() - began
        took = [self.timed("matrix?where=prod&risky=1"), self.timed("matrix?who=person00042"), self.timed("matrix?rows=people")]
        took += [self.timed("matrix?rows=people&who=person001&set=set-00"), self.timed("list?set=set-000")]
        took += [self.timed(f"account={100_000_000_042}"), self.timed("person=person00042%40example.com")]
        print(f"\n{self.report.stat().st_size:,} bytes, open {opened:.2f} s, views {[f'{one:.2f}' for one in took]}")
        self.assertLess(opened, 5)
        self.assertLess(max(took), 1.5)
        self.go("matrix")
        self.assertIn("100,000 assignments", self.one("#matched").text)
        self.assertLess(len(self.all("#grid .cell")), 2_000, "only what is in sight is drawn")

    def timed(self, part):
        """Seconds until a view is drawn."""
        return self.browser.execute_async_script(
            """const done = arguments[arguments.length - 1], began = performance.now();
            location.hash = arguments[0];
            setTimeout(() => requestAnimationFrame(() => setTimeout(() => done((performance.now() - began) / 1000))));""",
            part,
        )

    def test_the_far_corner_is_reached_by_keyboard(self):
        self.go("matrix")
        grid = self.one("#grid")
        self.script("arguments[0].focus()", grid)
        grid.send_keys(Keys.END)
        grid.send_keys(Keys.CONTROL, Keys.END)
        self.until(lambda: self.all("#active-cell"))
        label = self.one("#active-cell").get_attribute("aria-label")
        self.assertTrue(label.startswith("team-499, account-"), label)
        self.screenshot("large")

    def test_paper_says_what_it_does_not_hold(self):
        self.go("matrix?who=team-001")
        self.script("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(len(self.all("#grid-print .missing-on-paper")), 0)
        self.assertGreater(len(self.all("#grid-print table")), 1)
        self.script("dispatchEvent(new Event('afterprint'))")
        self.go("matrix")
        self.script("dispatchEvent(new Event('beforeprint'))")
        said = self.script("return document.querySelector('#grid-print .missing-on-paper').textContent")
        self.assertRegex(said, r"^Not on paper: [\d,]+ rows of these parts\. Narrow the matrix")
        self.script("dispatchEvent(new Event('afterprint'))")
