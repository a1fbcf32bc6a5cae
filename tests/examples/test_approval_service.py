"""The example `statesig.examples.approval_service`: payments are found and approved by the page's forms."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from httpx import Client

from statesig import Success
from statesig.examples.approval import Payment, flow, paid
from statesig.examples.approval_service import service
from statesig.http import Client as ApiClient
from statesig.http import Tokens
from tests import ROOT
from tests.harness.browsing import Person, browsing, forms_of
from tests.harness.commands import ENVIRONMENT
from tests.harness.exhaustive import exhaustive_but

FORM = "resume-pay%5B1%5D"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the payments are."""
    return tmp_path_factory.mktemp("approvals") / "approvals.db"


@pytest.fixture(scope="module")
def people(store: Path) -> Iterator[tuple[Client, dict[str, str]]]:
    """A browser at the service, and the token of each of its people."""
    tokens = Tokens()
    with browsing(service(str(store), tokens)) as client:
        yield client, {name: tokens.issue(name, lifetime=timedelta(hours=1)) for name in ("clerk", "manager")}


def signed_in(people: tuple[Client, dict[str, str]], name: str) -> Person:
    client, tokens = people
    return Person(client, tokens[name])


def test_a_payment_is_started_found_and_approved(people: tuple[Client, dict[str, str]], store: Path) -> None:
    """By the clerk's form and the manager's; the run goes on, and whose token approved it is shown."""
    page = signed_in(people, "clerk").start("approval", "Paused", **{"amounts/0": "900", "amounts/#": "1"})
    manager = signed_in(people, "manager")
    listed = manager.get("/").text
    assert f'href="{page}"' in listed
    assert "900 is over the limit of 100" in manager.get(page).text

    answered = manager.send(page, "resume-pay%5B0%5D", {"answer/by": "Ada", "answer/granted": "true"})
    assert (200, "done=accepted") == (answered.status_code, answered.url.query.decode())
    manager.wait(page, "Success")
    (sent,) = re.findall(r'(?s)id="sent".*?</section>', manager.get(page).text)
    assert "manager" in sent
    payment = Payment(amount=Decimal(900), approved_by="Ada")
    assert [Success(result=payment)] == list(flow.load(page.rpartition("/")[2], store=store).children(paid))


def test_who_started_a_payment_does_not_decide_it(people: tuple[Client, dict[str, str]]) -> None:
    """The clerk has no form for it, and one that is made up is refused; the manager has none that starts one."""
    clerk = signed_in(people, "clerk")
    page = clerk.start("approval", "Paused", **{"amounts/0": "900", "amounts/#": "1"})
    mark = forms_of(clerk.get(page).text).pop("/page/sign-out")
    assert {"/page/sign-out"} == {*forms_of(clerk.get(page).text)}
    made_up = {**mark, "key": "1", "version": "", "task": "pay[0]", "do": "resume", "answer/by": "me"}
    assert 403 == clerk.post(page, made_up).status_code
    clerk.wait(page, "Paused")

    manager = signed_in(people, "manager")
    assert "no flow here of which you may start a run" in manager.get("/page/flows").text
    assert 403 == manager.get("/page/flows/approval").status_code


ENDS = [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)]
"""What is sent, and the exit code."""


@pytest.mark.parametrize(("number", "code"), exhaustive_but([], ENDS, thorough=ENDS[1:]))
def test_one_command_serves_it(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """It prints address and tokens, a run waits, and it ends at once and silently though somebody follows that run."""
    command = [sys.executable, "-m", "statesig.examples.approval_service", str(tmp_path / "a.db"), "--port", "0"]
    options: dict[str, Any] = {"cwd": ROOT, "env": ENVIRONMENT, "text": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(3)]
        url = lines[2][4].rstrip("/;")
        with ApiClient(url, lines[1][-1]) as client:
            (run,) = client.runs()
            for event in client.follow(run.run):
                if event.task is None:
                    process.send_signal(number)
                    break
            out, err = process.communicate(timeout=20)
        assert (code, "", "") == (process.returncode, out, err)
    assert flow.load(run.run, store=tmp_path / "a.db").state.type == "Paused"
