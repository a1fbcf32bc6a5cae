"""The picture of the approval service: ``python -m tests.tools.screenshots`` starts it, and takes one of its page.

It needs Chromium, and playwright, which no extra brings: ``pip install playwright``. Identities and times differ
each time, so that no test compares the picture with another.
"""

import sys
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import sync_playwright

from statesig.examples.approval import flow
from statesig.examples.approval_service import service
from statesig.http import Tokens
from tests.harness.serving import serving
from tests.http.service.pages.test_browser import CHROMIUM
from tests.tools.documents import PAGES

PICTURE = PAGES / "images" / "approval.png"
SIZE = {"width": 760, "height": 900}


def take(url: str, token: str, run: str, picture: Path) -> None:
    """Sign in, and take a picture of the upper part of the page of a run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=url, viewport=SIZE, color_scheme="light")
        page.goto(f"/page/runs/{run}")
        page.fill("[name=token]", token)
        page.keyboard.press("Enter")
        page.wait_for_selector("#waiting article")
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    tokens = Tokens()
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/approvals.db"
        run = flow.run(amounts=[Decimal(50), Decimal(900)], store=store)
        with serving(service(store, tokens), level="warning") as url:
            take(url, tokens.issue("manager", lifetime=timedelta(hours=1)), run.id, PICTURE)
    sys.stdout.write(f"{PICTURE}\n")
