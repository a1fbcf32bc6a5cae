"""The page in a browser: a run is started, answered and seen to its end with the keyboard alone, in both schemes."""

import os
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from statesig import PAUSE, Flow, State, resumed, task
from statesig.http import Grant, Policy, Tokens, create_app
from statesig.http.service.access import VERBS
from tests.harness.serving import serving

sync_api = pytest.importorskip("playwright.sync_api", reason=".ci/run --thorough installs it")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=".ci/run --thorough installs it")
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # playwright leaves pipes to the collector
]


class Method(Enum):
    CARD = "card"
    CHEQUE = "cheque"


class Line(BaseModel):
    account: str = Field(min_length=3)
    amount: float


class Approval(BaseModel):
    by: str
    amount: int = Field(ge=1, le=1000)
    urgent: bool
    method: Method = Method.CARD
    lines: list[Line] = []


@task
def load(amount: int) -> int:
    return amount


@task
def check(amount: int) -> int:
    time.sleep(0.3)
    return amount


@task(answer=Approval)
def approve(one: int, other: int) -> int:
    answer = resumed(Approval)
    if answer is None:
        raise PAUSE("somebody has to look")
    time.sleep(0.7)
    return answer.unwrap().amount


@task(answer=Approval)
def other() -> int:
    if resumed(Approval) is None:
        raise PAUSE
    return 1


@task
def wrong(amount: int) -> int:
    raise ValueError("no")


with Flow("payments") as payments:
    loaded = load(payments.parameter("amount", int, default=7))
    approve(check(loaded), loaded)

with Flow("pair") as pair:
    approve(1, 2)
    other()

with Flow("failing") as failing:
    wrong(failing.parameter("amount", int, default=7))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server, and a token."""
    tokens = Tokens()
    app = create_app(
        tmp_path_factory.mktemp("browser") / "runs.db",
        authenticate=tokens,
        authorize=Policy(Grant("ana", VERBS, flows=["*"])),
        flows=[payments, pair, failing],
        expose=[State],
        poll=0.02,
    )
    with serving(app, level="warning") as url:
        yield url, tokens.issue("ana", lifetime=timedelta(hours=1))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """Somebody at a page, who has a keyboard and no mouse; what the browser complains of is kept."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.page = browser.new_context(base_url=url, **options).new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complain(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "status of 4" not in text:  # the browser repeats that a form was refused
            self.complaints.append(text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def go_to(self, selector: str) -> None:
        """Press Tab until something has the focus, and see that the focus is seen."""
        for _ in range(80):
            self.press("Tab")
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                seen = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert seen != "none" or self.page.evaluate("document.activeElement.closest('svg') !== null")
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    def type(self, name: str, text: str) -> None:
        self.go_to(f"[name='{name}']")
        self.page.keyboard.type(text)

    def sign_in(self, token: str, path: str = "/") -> None:
        self.page.goto(path)
        self.page.keyboard.type(token)  # the input has the focus
        self.press("Enter")
        self.page.wait_for_selector("nav")

    def shows(self, selector: str) -> None:
        self.page.wait_for_selector(selector, timeout=30_000)

    def faults(self) -> list[str]:
        """Return what axe-core finds that is serious or worse."""
        found = axe.Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]

    def shoot(self, name: str) -> None:
        """Take a picture, if somebody asked for them: STATESIG_SHOTS names the directory."""
        if "STATESIG_SHOTS" in os.environ:
            self.page.screenshot(path=str(Path(os.environ["STATESIG_SHOTS"]) / f"{name}.png"), full_page=True)


def test_a_run_is_steered_with_the_keyboard_alone(browser: Any, server: tuple[str, str]) -> None:
    """Started, seen to pause, answered by a form that is wrong at first, and seen to its end, live."""
    url, token = server
    visit = Visit(browser, url)
    visit.sign_in(token, "/page/flows/payments")
    visit.go_to("[name='parameters/amount']")
    visit.press("Control+a")
    visit.page.keyboard.type("700")
    visit.press("Enter")
    visit.shows("#waiting article")
    visit.shows("#news:has-text('approve is Paused')")
    visit.type("answer/by", "ana")
    visit.type("answer/amount", "5000")
    visit.go_to("[name='answer/urgent']")
    visit.press("Space")
    visit.go_to("button[name='add']")
    visit.press("Enter")
    visit.shows("[name='answer/lines/0/account']")
    visit.type("answer/lines/0/account", "CH93")
    visit.type("answer/lines/0/amount", "2.5")
    visit.go_to("button[aria-label='Approve approve']")
    visit.press("Enter")
    visit.shows(".refused")
    assert visit.page.evaluate("document.activeElement.classList.contains('refused')")
    visit.go_to("a[href='#resume-approve/answer/amount']")
    visit.press("Enter")
    assert "answer/amount" == visit.page.evaluate("document.activeElement.name")
    visit.press("Control+a")
    visit.page.keyboard.type("500")
    visit.press("Enter")
    visit.shows("#state .is-success")
    visit.shows("#graph .is-success:nth-of-type(1)")
    visit.shows("#news:has-text('The run is Success')")
    assert "ana" == visit.page.inner_text("#sent tbody tr:nth-child(2) th")
    assert [] == visit.complaints


def test_what_is_typed_and_the_focus_stay_while_the_run_goes_on(browser: Any, server: tuple[str, str]) -> None:
    """A form is not touched by what happens around it, and goes when its task was decided by somebody else."""
    url, token = server
    visit, somebody = Visit(browser, url), Visit(browser, url)
    visit.sign_in(token, "/page/flows/pair")
    visit.page.click("main button:not([hidden])")
    visit.shows("#waiting article:nth-child(2)")
    visit.page.fill("#waiting-other-open [name='answer/amount']", "12")
    visit.page.click("#waiting-other-open [name='answer/by']")
    visit.page.keyboard.type("half a na")
    somebody.sign_in(token, visit.page.url.removeprefix(url))
    for name, rest in (("approve", 1), ("other", 0)):
        somebody.page.click(f"#cancel-{name}-details summary")
        somebody.page.click(f"#cancel-{name} button")
        somebody.shows(f"#graph-{name} .is-cancelled")
        visit.shows(f"#graph-{name} .is-cancelled")
        assert rest == visit.page.locator("#waiting article").count()
        if rest:
            visit.page.keyboard.type("me")
            assert "half a name" == visit.page.input_value("#waiting-other-open [name='answer/by']")
            assert "12" == visit.page.input_value("#waiting-other-open [name='answer/amount']")
    assert visit.page.evaluate("document.activeElement !== document.body")
    assert [] == visit.complaints + somebody.complaints


@pytest.mark.parametrize("width", [1100, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(browser: Any, server: tuple[str, str], scheme: str, width: int) -> None:
    """axe-core finds nothing serious, no page is wider than the screen, and no policy is violated."""
    url, token = server
    visit = Visit(browser, url, color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    visit.page.goto("/")
    assert [] == visit.faults()
    visit.sign_in(token)
    runs: dict[str, str] = {}
    for flow, tag in (("payments", "paused"), ("failing", "failed")):
        visit.page.goto(f"/page/flows/{flow}")
        visit.page.click("main button:not([hidden])")
        visit.shows(f"#state .is-{tag}")
        runs[flow] = visit.page.url.partition("?")[0]
    paused = runs["payments"]
    for name, path in {
        "runs": "/",
        "flows": "/page/flows",
        "start": "/page/flows/payments",
        "paused": paused,
        "failed": runs["failing"],
        "task": f"{paused}/tasks/approve",
        "missing": "/page/runs/nothing",
    }.items():
        visit.page.goto(path)
        visit.shoot(f"{name}-{scheme}-{width}")
        assert [] == visit.faults(), name
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.goto(paused)
    visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    visit.page.evaluate("document.querySelectorAll('[required]').forEach(each => each.required = false)")
    visit.page.click("[aria-label='Approve approve']")
    visit.shows(".refused")
    visit.shoot(f"refused-{scheme}-{width}")
    assert [] == visit.faults()
    assert [] == visit.complaints


def test_the_page_needs_no_script(browser: Any, server: tuple[str, str]) -> None:
    """A run is started, answered and seen to its end by loading the page again."""
    url, token = server
    visit = Visit(browser, url, java_script_enabled=False)
    visit.sign_in(token, "/page/flows/payments")
    visit.page.click("main button:not([hidden])")

    def until(selector: str) -> None:
        end = time.monotonic() + 30
        while not visit.page.locator(selector).count():
            assert time.monotonic() < end
            visit.page.reload()

    until("#waiting article")
    assert "Reload this page" in visit.page.inner_text("noscript")
    visit.page.fill("[name='answer/by']", "ana")
    visit.page.fill("[name='answer/amount']", "5")
    visit.page.check("[name='answer/urgent'][value='true']")
    visit.page.click("[aria-label='Approve approve']")
    until("#state .is-success")
