"""The access review page in headless Chromium: what a reviewer and an auditor do with it.

The report is that of the example organisation after an apply, a month, changes behind its back, and a plan. One browser
serves all tests; each begins at the summary.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROLECALL = os.environ["ROLECALL"]
SCREENSHOTS = pathlib.Path(os.environ["SCREENSHOTS"])
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "02-organization"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1400,1000",
]


def rolecall(stack, *words):
    """Runs rolecall in a stack; it must succeed."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(stack),
        "ROLECALL_SEED": "test",
        "ROLECALL_ACTOR": "tester@example.com",
    }
    done = subprocess.run([ROLECALL, *words], cwd=stack, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def organization(directory):
    """The example's report: Payments lost its deploy role, Developers got Administrator in checkout-prod a month later,
    and the plan brings the first back and gives Karen Jones the groups of Platform."""
    stack = pathlib.Path(directory) / "organization"
    shutil.copytree(EXAMPLE, stack, ignore=shutil.ignore_patterns(".rolecall"))
    settings = stack / "stack.hcl"
    production = "rolecall {\n  production {\n    accounts = [\"*-prod\"]\n  }\n"
    settings.write_text(settings.read_text().replace("rolecall {\n", production, 1))
    rolecall(stack, "apply", "--auto-approve", "--reason", "OPS-1: the beginning")
    rolecall(stack, "sim", "do", "advance", "30d")
    rolecall(stack, "sim", "do", "unassign", "Deployer", "333300000001", "Payments")
    rolecall(stack, "sim", "do", "assign", "Administrator", "333300000002", "Developers")
    rolecall(stack, "observe")
    people = stack / "people.csv"
    text = people.read_text()
    assert "Karen,Jones,payments " in text
    people.write_text(text.replace("Karen,Jones,payments ", "Karen,Jones,payments platform "))
    rolecall(stack, "plan", "--out", "approved.plan")
    rolecall(stack, "report", "--out", "review.html", "--plan", "approved.plan")
    return stack / "review.html"


def start():
    """A browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tempfile.mkdtemp(prefix='rolecall-html-')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


class Page(unittest.TestCase):
    """What all tests of one report share."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.report = cls.make(cls.directory.name)
        cls.browser = start()
        cls.addClassCleanup(cls.browser.quit)
        # What the browser's own first page asked for is nobody's request.
        cls.browser.get("about:blank")
        cls.browser.get_log("performance")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def setUp(self):
        self.open("")

    def tearDown(self):
        """No test may leave an error in the console or a request other than for the file itself."""
        errors = self.browser.get_log("browser")
        requests = []
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                requests.append(message["params"]["request"]["url"])
        self.assertEqual(errors, [])
        strange = [url for url in requests if not url.startswith((self.report.as_uri(), "data:", "about:"))]
        self.assertEqual(strange, [])

    def open(self, part):
        self.browser.get("about:blank")
        self.browser.get(f"{self.report.as_uri()}{part}")
        self.until(lambda: self.script("return document.documentElement.dataset.ready") == "yes")

    def go(self, part):
        self.script("location.hash = arguments[0]", part)
        time.sleep(0.1)

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def devtools(self, command, **arguments):
        return self.browser.execute_cdp_cmd(command, arguments)

    def until(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not happen in time")
            time.sleep(0.02)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def keys(self, *keys):
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def screenshot(self, name):
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


class Organization(Page):
    """The report of the example organisation."""

    @classmethod
    def make(cls, directory):
        return organization(directory)

    def cells(self):
        """The cells that are drawn, by what they say."""
        return {cell.get_attribute("aria-label"): cell.text for cell in self.all("#grid .cell")}

    def test_the_summary_answers_first(self):
        summary = self.one("#overview").text
        self.assertIn("arn:aws:sso:::instance/ssoins-", summary)
        self.assertIn("2026-01-31", summary, "when it was read")
        rows = [row.text for row in self.all("#administrators tbody tr")]
        self.assertEqual(len(rows), 2)
        self.assertIn("Break Glass", rows[0])
        self.assertIn("or before", rows[0])
        self.assertIn("Developers", rows[1])
        self.assertIn("unmanaged", rows[1])
        self.assertIn("2026-01-31", rows[1])
        self.assertIn("not there at 2026-01-01", rows[1])
        digest = self.one("#plan code").get_attribute("textContent")
        self.assertIn(digest, summary)
        self.screenshot("summary")

    def test_who_administers_an_account_through_which_group_and_since_when(self):
        self.go("account=333300000002")
        self.assertEqual(self.one("#page h1").text.splitlines()[-1], "checkout-prod production")
        rows = [row.text for row in self.all("#page table")[0].find_elements(By.CSS_SELECTOR, "tbody tr")]
        margaret = [row for row in rows if row.startswith("Margaret Hamilton")]
        self.assertEqual(len(margaret), 1, rows)
        self.assertIn("Break Glass", margaret[0])
        self.assertIn("assignment.break_glass", margaret[0])
        self.assertIn("SEC-2", margaret[0])
        grace = [row for row in rows if row.startswith("Grace Hopper")]
        self.assertEqual(len(grace), 2, "once for each path")
        self.assertIn("nobody declared it", " ".join(grace))
        self.assertIn("not there at 2026-01-01", " ".join(grace))
        self.screenshot("account")

    def test_a_persons_page_says_what_through_whom_and_what_the_plan_changes(self):
        self.go("person=karen.jones%40example.com")
        text = self.one("#page").text
        for said in ["Karen Jones", "karen.jones@example.com", "Developers", "Payments", "access.hcl:"]:
            self.assertIn(said, text)
        gone = [row.text for row in self.all("#page tbody tr") if "it is gone" in row.text]
        self.assertEqual(len(gone), 1, "the role that Payments lost")
        gains = [row.text for row in self.all("#page tbody tr") if "+ gains it with the plan" in row.text]
        self.assertTrue(any("PowerUser" in row and "Platform" in row for row in gains), gains)
        blocks = [row for row in gains if "not yet" in row and "assignment." in row and "access.hcl:" in row]
        self.assertEqual(len(blocks), len([row for row in gains if "not yet" in row]), "each with its block")
        self.screenshot("person")

    def test_an_accounts_page_says_whom_the_plan_brings_in(self):
        self.go("account=333300000002")
        self.assertIn("What the plan changes here", self.one("#page").text)
        table = self.one("#page table[aria-label], #page [aria-label='What the plan changes here'] table")
        rows = [row.text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]
        karen = [row for row in rows if "Karen Jones" in row and "Deployer" in row and "Platform" in row]
        self.assertTrue(karen and "assignment.platform_deploys" in karen[0], rows)
        self.assertIn("Production because of", self.one("#page").text)
        self.assertIn("account *-prod", self.one("#page").text)

    def test_the_plan_says_by_which_group_and_block_people_gain(self):
        self.go("plan")
        rows = [row.text for row in self.all("#plan [aria-label='People'] tbody tr")]
        joins = [row for row in rows if "via Platform" in row and "joins Platform (people.hcl:" in row]
        self.assertTrue(joins, rows)
        self.assertTrue(any("assignment.team_deploys (access.hcl:" in row for row in rows), rows)

    def test_roles_have_the_arns_that_the_service_gave_them(self):
        self.go("account=333300000003")
        arns = [code.text for code in self.all("#page code.arn")]
        self.assertTrue(arns)
        start = "arn:aws:iam::333300000003:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_"
        for arn in arns:
            self.assertRegex(arn, f"^{start}[A-Za-z]+_[0-9a-f]{{16}}$")

    def test_filters_narrow_the_matrix_and_stand_in_the_address(self):
        self.go("matrix")
        self.assertRegex(self.one("#matched").text, r"^1\d rows · 30 accounts · 206 assignments$")
        self.one("[name=where]").send_keys("checkout")
        self.until(lambda: "3 accounts" in self.one("#matched").text)
        self.one("[name=risky]").click()
        self.until(lambda: self.one("#matched").text.startswith("2 rows"))
        labels = list(self.cells())
        self.assertIn("Developers, checkout-prod: Administrator; not declared, overdue or left over; administration", labels)
        self.assertEqual(len(labels), 4, labels)
        address = self.script("return location.hash")
        self.assertEqual(address, "#matrix?where=checkout&risky=1")
        self.open(address)
        self.assertEqual(list(self.cells()), labels, "the address leads to the same view")
        self.one("#filters [type=reset]").click()
        self.until(lambda: "30 accounts" in self.one("#matched").text)

    def test_only_changed_shows_what_plan_and_drift_change_with_a_sign(self):
        self.go("matrix?changed=1")
        cells = self.cells()
        self.assertEqual(cells.pop("Payments, payments-prod: Deployer; comes with the plan"), "+")
        # Karen Jones joins Platform: its assignments stay, and hers change.
        platform = [label for label in cells if label.startswith("Platform, ")]
        for label in platform + [label for label in cells if label.endswith(": nothing")]:
            del cells[label]
        self.assertEqual(list(cells.values()), ["?1!"])
        sides = {side.get_attribute("title"): side.text for side in self.all("#grid .side")}
        self.assertIn("Platform: members change: + Karen Jones (joins with the plan)", sides)
        self.assertTrue(any(text.startswith("±") for text in sides.values()))
        note = self.one("#moving").text
        self.assertIn("The members of 1 group here change", note)
        self.assertIn("Platform: members change: + Karen Jones (joins with the plan)", note)
        self.assertGreater(len(platform), 5)
        self.assertEqual(self.one("#moving a").text, "People")
        self.go("matrix?rows=people&changed=1")
        self.assertEqual(self.one("#moving").text, "")
        self.go("matrix?rows=people&who=karen&changed=1")
        self.assertIn("+", " ".join(self.cells().values()))
        self.screenshot("matrix-people")

    def test_the_list_has_the_same_filters(self):
        self.go("list?set=Administrator&where=checkout-prod")
        rows = self.all("#list-part tbody tr")
        self.assertEqual(len(rows), 2)
        self.go("list")
        self.assertEqual(len(self.all("#list-part tbody tr")), 206)

    def test_units_are_found_and_filter(self):
        self.go("matrix?rows=sets&where=workloads/prod")
        heads = [cell.get_attribute("title") for cell in self.all("#grid .column")]
        self.assertEqual(len(heads), 6)
        self.assertTrue(all("in Workloads/Prod" in title for title in heads), heads)
        self.screenshot("matrix-sets")

    def test_the_key_of_the_search_works_from_a_button_and_not_while_typing(self):
        self.go("matrix")
        for control, opens in [("[name=rows][value=sets]", True), ("[name=risky]", True), ("[name=who]", False)]:
            self.script("document.querySelector(arguments[0]).focus()", f"#filters {control}")
            self.browser.switch_to.active_element.send_keys("/")
            self.assertEqual(self.script("return document.activeElement.id === 'find'"), opens, control)

    def test_find_leads_to_pages_by_keyboard_alone(self):
        self.one("body").send_keys("/")
        self.assertEqual(self.script("return document.activeElement.id"), "find")
        self.keys("ada lov")
        self.until(lambda: len(self.all("#found [role=option]")) == 1)
        self.assertEqual(self.one("#find").get_attribute("aria-activedescendant"), "found-0")
        self.keys(Keys.ENTER)
        self.until(lambda: self.script("return location.hash") == "#person=ada.lovelace%40example.com")
        self.assertEqual(self.script("return document.activeElement.tagName"), "H1")
        self.one("body").send_keys("/")
        self.keys("pay", Keys.ARROW_DOWN, Keys.ESCAPE)
        self.assertFalse(self.one("#found").is_displayed())

    def test_keyboard_alone_reaches_and_reads_the_matrix(self):
        self.keys(Keys.TAB)
        skip = self.browser.switch_to.active_element
        self.assertEqual(skip.text, "Skip to the content")
        self.assertGreaterEqual(skip.rect["y"], 0, "it is seen when it has the focus")
        self.go("matrix")
        grid = self.one("#grid")
        self.script("arguments[0].focus()", grid)
        for key in [Keys.ARROW_DOWN] * 5 + [Keys.END]:
            grid.send_keys(key)
        active = self.one(f"#{grid.get_attribute('aria-activedescendant')}")
        self.assertTrue(active.get_attribute("aria-label").startswith("Developers, warehouse-prod"))
        outline = self.script("return getComputedStyle(arguments[0]).outlineStyle", active)
        self.assertEqual(outline, "solid", "the focus is seen")
        grid.send_keys(Keys.ENTER)
        self.until(lambda: "Developers in warehouse-prod" in self.one("#cell").text)
        self.assertIn("assignment.everyone_looks", self.one("#cell").text)
        grid.send_keys(Keys.HOME, Keys.ENTER)
        self.until(lambda: self.script("return location.hash") == "#group=Developers")

    def test_every_control_has_a_name_and_every_view_one_heading(self):
        for view in ["", "matrix", "plan", "drift", "history", "help", "account=333300000002", "set=Administrator"]:
            self.go(view)
            shown = self.script(
                "return [...document.querySelectorAll('main h1')].filter((h) => h.checkVisibility()).length"
            )
            self.assertEqual(shown, 1, view)
        nameless = self.script(
            """return [...document.querySelectorAll('a, button, input, [role=grid], [role=region]')].filter((e) =>
                !(e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') ||
                  e.labels?.length)).map((e) => e.outerHTML)"""
        )
        self.assertEqual(nameless, [])

    def test_drift_and_plan_and_history_are_told(self):
        self.go("drift")
        drift = self.one("#drift").text
        self.assertIn("Developers → Administrator", drift)
        self.assertIn("rolecall sim do unassign Administrator 333300000002 group:Developers", drift)
        self.assertIn("Payments → Deployer", drift)
        self.screenshot("drift")
        self.go("plan")
        plan = self.one("#plan").text
        self.assertIn("Karen Jones", plan)
        self.assertIn("+ gains", plan)
        self.screenshot("plan")
        self.go("history")
        self.assertIn("OPS-1: the beginning", self.one("#history").text)
        plots = [title.get_attribute("textContent") for title in self.all("#history svg[role=img] > title")]
        self.assertEqual(len(plots), 3)
        self.assertRegex(plots[2], r"^People who administer an account: 2 at .*, 40 at ")
        self.assertIn("over 2 readings", self.one("#plot-assignments").get_attribute("textContent"))
        self.screenshot("history")

    def test_colours_are_readable_in_light_and_dark(self):
        for scheme in ["light", "dark"]:
            self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            for view in ["", "matrix", "account=333300000002", "plan", "drift"]:
                self.go(view)
                self.screenshot(f"{scheme}-{view.split('=')[0] or 'summary'}")
                self.assertEqual(self.script(CONTRAST), [], (scheme, view))
        self.devtools("Emulation.setEmulatedMedia", features=[])

    def test_a_narrow_screen_needs_no_sideways_scrolling(self):
        self.devtools("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
        for view in ["", "matrix", "person=karen.jones%40example.com", "plan", "drift", "history"]:
            self.go(view)
            self.screenshot(f"narrow-{view.split('=')[0] or 'summary'}")
            width = self.script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, 390, view)
        self.devtools("Emulation.clearDeviceMetricsOverride")

    def test_the_summary_prints_with_plan_drift_and_history(self):
        self.devtools("Emulation.setEmulatedMedia", media="print")
        for part in ["overview", "plan", "drift", "history"]:
            self.assertTrue(self.one(f"#{part}").is_displayed(), part)
        self.assertFalse(self.one("#matrix").is_displayed())
        self.assertFalse(self.one(".top nav").is_displayed())
        self.devtools("Emulation.setEmulatedMedia", media="")
        pdf = base64.b64decode(self.devtools("Page.printToPDF", preferCSSPageSize=True)["data"])
        self.assertTrue(pdf.startswith(b"%PDF"))
        (SCREENSHOTS / "print.pdf").write_bytes(pdf)

    def test_the_matrix_prints_all_its_rows(self):
        tiles = [tile.text.split("\n") for tile in self.all(".tiles a")]
        [everybody] = [int(count) for count, label in tiles if label == "people with access"]
        for part, rows in [("matrix?rows=people", everybody), ("matrix", None), ("matrix?where=checkout&risky=1", 2)]:
            self.go(part)
            said = int(self.one("#matched").text.split(" ")[0].replace(",", ""))
            self.assertIn(rows, (None, said))
            self.script("dispatchEvent(new Event('beforeprint'))")
            self.devtools("Emulation.setEmulatedMedia", media="print")
            names = {head.text for head in self.all("#grid-print tbody th")}
            self.assertEqual(len(names), said, part)
            self.assertFalse(self.one("#grid").is_displayed())
            self.assertEqual(self.script("return getComputedStyle(document.querySelector('.printed thead')).display"), "table-header-group")
            self.devtools("Emulation.setEmulatedMedia", media="")
            self.script("dispatchEvent(new Event('afterprint'))")
            self.assertEqual(self.all("#grid-print *"), [])
        self.go("matrix?rows=people")
        self.assertGreater(self.printed("matrix.pdf"), 1)

    def printed(self, name):
        """How many pages the view has on paper."""
        pdf = base64.b64decode(self.devtools("Page.printToPDF", preferCSSPageSize=True)["data"])
        (SCREENSHOTS / name).write_bytes(pdf)
        return len(re.findall(rb"/Type /Page\b", pdf))

    def test_without_a_script_everything_written_is_read(self):
        self.devtools("Emulation.setScriptExecutionDisabled", value=True)
        self.browser.get("about:blank")
        self.browser.get(self.report.as_uri())
        for part in ["overview", "plan", "drift", "history", "help"]:
            self.assertTrue(self.one(f"#{part}").is_displayed(), part)
        self.assertFalse(self.one("#matrix").is_displayed())
        self.assertFalse(self.one("#find").is_displayed(), "no control that does nothing")
        self.assertIn("Break Glass", self.one("#administrators").text)
        self.assertIn("Scripts are off", self.one("noscript").text)
        self.screenshot("without-script")
        self.devtools("Emulation.setScriptExecutionDisabled", value=False)


# Texts whose contrast with their background is below what WCAG 2.2 asks for at level AA.
CONTRAST = """
const parse = (text) => text.match(/[0-9.]+/g).map(Number);
const light = ([r, g, b]) => {
  const part = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const [r, g, b, a = 1] = parse(getComputedStyle(e).backgroundColor);
    if (a > 0.99) return [r, g, b];
  }
  return [255, 255, 255];
};
const found = [];
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || !e.checkVisibility() || e.closest('svg, .skip, .visually-hidden')) continue;
  const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) found.push([e.className, e.textContent.slice(0, 30), ratio.toFixed(2)]);
}
return found.slice(0, 5);
"""


if __name__ == "__main__":
    unittest.main()
