"""The page of a server, as a browser without script has it: what it shows, which forms it offers, what it refuses."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import Client
from pydantic import BaseModel

from statesig import PAUSE, SUCCESS, Flow, resumed, task
from statesig.http import Grant, Policy, Tokens, create_app
from statesig.http.service.access import VERBS, Verb
from statesig.http.service.pages import sessions
from statesig.http.service.pages.looks import CHOICES, look_of
from statesig.states import State
from statesig.states.families import descendants
from tests.harness.browsing import Elements, Person, browsing, forms_of
from tests.harness.cases import at_once
from tests.samples.served import SECRET, batch, failing, payments

HOSTILE = """</textarea><script>alert(1)</script>"'<img src=x onerror=alert(1)>{{7*7}}"""


class Named(BaseModel):
    text: str


@task(answer=Named)
def ask(text: str) -> str:
    answer = resumed(Named)
    if answer is None:
        raise PAUSE(HOSTILE)
    return answer.unwrap().text


with Flow(HOSTILE[:40]) as hostile:
    ask(hostile.parameter("text", str))


@task
def name(who: str) -> str:
    raise SUCCESS(result=who)


with Flow("naming") as naming:
    name(naming.parameter("who", str))

FLOWS = (payments, batch, failing, hostile, naming)
NAMES = [flow.name for flow in FLOWS]

APPROVED = {"answer/by": "ana", "answer/amount": "5"}
TOKENS = Tokens()
ANA, BOB, CYD = (TOKENS.issue(name, lifetime=timedelta(hours=1)) for name in ("ana", "bob", "cyd"))
CHOSEN: set[Verb] = set()


def is_allowed(principal: str, verb: Verb, asked: Any) -> bool:
    return {
        "ana": True,
        "bob": verb == "read" and asked.flow == "payments",
        "cyd": verb == "read" or verb in CHOSEN,
    }[principal]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server in this process."""
    place = tmp_path_factory.mktemp("pages") / "runs.db"
    app = create_app(place, authenticate=TOKENS, authorize=is_allowed, flows=FLOWS, poll=0.02)
    with browsing(app) as client:
        yield client


@pytest.fixture
def ana(client: Client) -> Person:
    return Person(client, ANA)


@pytest.fixture(scope="module")
def paused(client: Client) -> str:
    """The page of a run whose task waits."""
    return Person(client, ANA).start("payments", "Paused", amount="7")


# ---- sessions


def test_who_is_not_signed_in_is_asked_to(client: Client) -> None:
    """And comes to the page that was asked for; the API is not opened by it."""
    client.cookies.clear()
    asked = client.get("/page/flows/payments?a=1", follow_redirects=False)
    assert (303, "/page/sign-in?next=/page/flows/payments%3Fa%3D1") == (asked.status_code, asked.headers["location"])
    entered = client.post(asked.headers["location"], data={"token": ANA}, headers={"origin": str(client.base_url)})
    assert (200, "/page/flows/payments") == (entered.status_code, entered.url.path)
    assert 401 == client.get("/runs").status_code


@at_once
@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "/page/\n", "x"])
def test_signing_in_leads_nowhere_else(client: Client, wanted: str) -> None:
    """Only to a page of the server."""
    place = f"{sessions.SIGN_IN}?{urlencode({'next': wanted})}"
    entered = client.post(place, data={"token": ANA}, headers={"origin": str(client.base_url)}, follow_redirects=False)
    assert "/" == entered.headers["location"]


def test_a_wrong_token_opens_nothing(client: Client) -> None:
    """No cookie is set, and the token is not shown again."""
    client.cookies.clear()
    for token in ("", "x" * 40, "x" * 4000, "é\x00"):
        refused = client.post(sessions.SIGN_IN, data={"token": token}, headers={"origin": str(client.base_url)})
        assert (403, None) == (refused.status_code, refused.headers.get("set-cookie"))
        assert not token or token not in refused.text


def test_the_cookie_is_for_the_server_alone() -> None:
    """No script reads it, no other site sends it, over HTTPS nothing else carries it, and each port has its own."""
    for scheme, host, name, secure in (
        ("http", b"localhost:8000", "statesig-8000", ""),
        ("https", b"runs.example", "statesig", "; Secure"),
    ):
        scope = {"scheme": scheme, "headers": [(b"host", host)]}
        assert f"{name}=a%3B; Path=/; HttpOnly; SameSite=Strict{secure}" == sessions.cookie_of(scope, "a;")
        scope["headers"] = [(b"host", host), (b"cookie", f"other=1; {name}=a%3B".encode())]
        assert "a;" == sessions.token_in_cookie(scope)


@pytest.mark.parametrize("others", ["", "flag; ", "a b; ", "x=1; bad[]=2; "])
def test_cookies_of_others_do_not_hide_the_session(others: str) -> None:
    """All programs on a host share its cookies, and some of them are not what the standard library reads."""
    headers = [(b"host", b"127.0.0.1:80"), (b"cookie", f"{others}statesig-80=a%20token; more=1".encode())]
    assert "a token" == sessions.token_in_cookie({"type": "http", "headers": headers})


def test_a_session_ends_with_its_token(tmp_path: Path) -> None:
    """And in one browser by signing out."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    tokens = Tokens(clock=lambda: now[0])
    token = tokens.issue("ana", lifetime=timedelta(minutes=5))
    policy = Policy(Grant("ana", VERBS, flows=["*"]))
    with browsing(create_app(tmp_path / "runs.db", authenticate=tokens, authorize=policy)) as client:
        person = Person(client, token)
        assert "/" == person.get("/").url.path
        now[0] += timedelta(minutes=5)
        assert sessions.SIGN_IN == person.get("/").url.path
        now[0] -= timedelta(minutes=1)
        mark = forms_of(person.get("/").text)["/page/sign-out"]
        assert sessions.SIGN_IN == person.post("/page/sign-out", mark).url.path
        assert sessions.SIGN_IN == person.get("/").url.path


def test_the_cookie_reads_events_and_nothing_else_of_the_api(ana: Person, paused: str) -> None:
    """What changes something, and all else, takes the token in a header, which no page can make a browser send."""
    run = paused.rpartition("/")[2]
    for path in ("/runs", f"/runs/{run}", "/flows", f"/runs/{run}/history", "/openapi.json"):
        assert 401 == ana.get(path).status_code
    assert 401 == ana.client.post(f"/runs/{run}/signals", json={"type": "Cancelled"}).status_code
    assert 401 == ana.client.post(f"/runs/{run}/events").status_code
    done = ana.start("naming", "Success", who="x").rpartition("/")[2]
    assert 204 == ana.get(f"/runs/{done}/events?after=100").status_code


# ---- forms of other sites


@at_once
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://127.0.0.1.evil.example", "http://[", None]
)
def test_a_form_of_another_site_is_refused(ana: Person, paused: str, origin: str | None) -> None:
    """Whatever it carries; nothing changes."""
    typed = {**forms_of(ana.get(paused).text)["cancel-run"]}
    headers = {} if origin is None else {"origin": origin}
    refused = ana.client.post(paused, data=typed, headers=headers)
    assert (403, True) == (refused.status_code, "not sent from a page of this server" in refused.text)
    ana.wait(paused, "Paused")


def test_a_form_without_the_mark_of_its_session_is_refused(ana: Person, paused: str) -> None:
    """None, a wrong one, and that of another session."""
    typed = forms_of(ana.get(paused).text)["cancel-run"]
    for mark in ("", "x", "é", sessions.form_mark(BOB)):
        assert 403 == ana.post(paused, {**typed, "mark": mark}).status_code
    assert 403 == ana.post("/page/sign-out", {"mark": ""}).status_code
    ana.wait(paused, "Paused")


def test_what_is_no_form_is_refused(ana: Person, paused: str) -> None:
    """By its type, its bytes and the number of its inputs; nothing raises."""
    for body, kind, status in (
        (b"{}", "application/json", 415),
        (b"%ff", "application/x-www-form-urlencoded", 403),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"a=&" * 20_000, "application/x-www-form-urlencoded", 400),
    ):
        headers = {"origin": str(ana.client.base_url), "content-type": kind}
        assert status == ana.client.post(paused, content=body, headers=headers).status_code


# ---- what is shown


def pages_of(run: str) -> list[str]:
    return ["/", "/page/flows", "/page/flows/payments", run, f"{run}/tasks/pay", "/page/sign-in", "/page/runs/x"]


def test_every_page_allows_no_code_but_the_servers(ana: Person, paused: str) -> None:
    """Its headers say so, and nothing in it needs more: no script or style within it, no handler, no other address."""
    static = ["/page/static/page.css", "/page/static/page.js", "/page/static/icon.svg", "/page/static/none"]
    for path in [*pages_of(paused), *static]:
        found = ana.get(path)
        said = found.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= {*said}
        assert {"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= {*said}
        assert not re.search("unsafe|\\*|data:", found.headers["content-security-policy"])
        assert ("nosniff", "same-origin") == tuple(
            found.headers[name] for name in ("x-content-type-options", "referrer-policy")
        )
        if path in static:
            continue
        assert "no-store" == found.headers["cache-control"]
        page = Elements(found.text)
        names = {name for _, attributes in page.elements for name in attributes}
        assert set() == {name for name in names if name == "style" or name.startswith("on")}
        assert [] == page.all("style")
        assert ["/page/static/page.js"] == [script["src"] for script in page.all("script")]
        assert [] == [each for each in page.all("a") if not each["href"].startswith(("/", "#"))]


def test_every_page_has_its_landmarks(ana: Person, paused: str) -> None:
    """One main part, one heading of the first level, a language, and no identity twice; each input has a label."""
    for path in pages_of(paused):
        page = Elements(ana.get(path).text)
        assert (1, 1, "en") == (len(page.all("main")), len(page.all("h1")), page.all("html")[0]["lang"])
        known = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert sorted({*known}) == sorted(known)
        labels = {label.get("for") for label in page.all("label")}
        for each in [*page.all("textarea"), *page.all("select"), *page.all("input")]:
            assert each.get("type") in ("hidden", "radio") or each["id"] in labels
        named = [text for _, attributes in page.elements for text in attributes.get("aria-labelledby", "").split()]
        assert set() == {*named} - {*known}


def test_a_run_is_shown_with_its_graph_its_tasks_and_who_began_it(ana: Person, paused: str) -> None:
    """Each node of the graph leads to its task and says its state in words."""
    page = Elements(ana.get(paused).text)
    nodes = [each for each in page.all("a") if each.get("id", "").startswith("graph-")]
    said = ["load: Success", "pay: Paused, after load", "report: Pending, after pay"]
    assert said == [node["aria-label"] for node in nodes]
    assert [f"{paused}/tasks/{name}" for name in ("load", "pay", "report")] == [node["href"] for node in nodes]
    assert "ana" in page.texts


def test_a_task_is_shown_with_its_result_and_its_history(ana: Person, paused: str) -> None:
    """Each event with its time and attempt."""
    text = ana.get(f"{paused}/tasks/load").text
    assert re.search(r"<h2>Result</h2><pre[^>]*>7</pre>", text)
    assert 2 == text.count("attempt 1")


@pytest.mark.exhaustive
def test_runs_are_chosen_by_state_and_flow(ana: Person, paused: str) -> None:
    """A family is all its descendants."""
    done = ana.start("naming", "Success", who="x")

    def listed(query: str) -> set[str]:
        links = [each["href"] for each in Elements(ana.get(f"/?{query}").text).all("a")]
        return {link for link in links if link.startswith("/page/runs/")}

    assert {paused, done} <= listed("")
    assert paused in listed("state=Paused&flow=payments")
    assert paused not in listed("state=Finished")
    assert done in listed("state=Finished&flow=naming")
    assert set() == listed("flow=payments&state=Cancelled")


def test_messages_are_shown_only_where_the_server_exposes_them(ana: Person, paused: str) -> None:
    """The page is the API's: a state without its message has none here either."""
    failed = ana.start("failing", "Failed", is_wrong="true")
    for path in (paused, f"{paused}/tasks/pay", failed, f"{failed}/tasks/fail", "/"):
        assert SECRET not in ana.get(path).text


def test_what_is_hostile_is_shown_as_it_is(client: Client, tmp_path: Path) -> None:
    """Names, messages, results, parameters and what was typed: no element and no template comes of them."""
    app = create_app(
        tmp_path / "runs.db", authenticate=TOKENS, authorize=is_allowed, flows=[hostile], expose=[State], poll=0.02
    )
    with browsing(app) as other:
        ana = Person(other, ANA)
        (link,) = [each["href"] for each in Elements(ana.get("/page/flows").text).all("a") if "%3C" in each["href"]]
        path = link
        hidden = forms_of(ana.get(path).text)["start"]
        page = ana.post(path, {**hidden, "parameters/text": HOSTILE}).url.path
        ana.wait(page, "Paused")
        typed = {"answer/text": HOSTILE, "answer": HOSTILE, "message": HOSTILE, "version": '"no"'}
        texts = [ana.get(page).text, ana.send(page, "resume-ask", typed).text, ana.get("/").text]
        ana.send(page, "resume-ask", {"answer/text": HOSTILE})
        ana.wait(page, "Success")
        texts += [ana.get(page).text, ana.get(f"{page}/tasks/ask").text, ana.get(f"/?state={HOSTILE}").text]
        for text in texts:
            assert [] == [each for each in Elements(text).all("script") if each.get("src") != "/page/static/page.js"]
            assert ([], True) == (Elements(text).all("img"), "&lt;" in text)
            assert "49" not in "".join(part for part in Elements(text).texts if "7*7" in part)


# ---- what is offered


DECISIONS: tuple[Verb, ...] = ("resume", "fail", "cancel")
TASK_FORMS = {"resume": "resume-pay", "fail": "fail-pay", "cancel": "cancel-pay"}


def test_the_forms_are_those_that_the_policy_allows(client: Client, paused: str) -> None:
    """For every set of verbs: of a paused task its decisions, of the run Cancel, and nothing of a stranger's run."""
    cyd = Person(client, CYD)
    for size in range(4):
        for verbs in combinations(DECISIONS, size):
            CHOSEN.clear()
            CHOSEN.update(verbs)
            expected = {TASK_FORMS[verb] for verb in verbs} | ({"cancel-run"} if "cancel" in verbs else set())
            assert expected == {*forms_of(cyd.get(paused).text)} - {"/page/sign-out"}
    CHOSEN.clear()
    refused = cyd.post(paused, {"mark": sessions.form_mark(CYD), "do": "cancel"})
    assert 403 == refused.status_code


def test_somebody_sees_only_what_they_may_read(client: Client) -> None:
    """Another's run is no page, no row and no flow to start."""
    page = Person(client, ANA).start("naming", "Success", who="x")
    bob = Person(client, BOB)
    assert 403 == bob.get(page).status_code
    assert page not in bob.get("/").text
    assert 403 == bob.get("/page/flows/naming").status_code
    assert 404 == bob.get("/page/runs/nothing").status_code


@pytest.mark.exhaustive
def test_each_state_offers_what_the_table_allows(ana: Person) -> None:
    """A final run can be run again, and takes no signal; its tasks are not decided."""
    for flow, tag, typed in (("failing", "Failed", {"is_wrong": "true"}), ("naming", "Success", {"who": "x"})):
        page = ana.start(flow, tag, **typed)
        assert {"rerun-run", "/page/sign-out"} == {*forms_of(ana.get(page).text)}


@at_once
@pytest.mark.parametrize("cls", descendants(State))
def test_every_state_has_its_sign(cls: type[State[Any]]) -> None:
    """No kind is told from others by its colour alone, or looks like one that nobody knows."""
    assert "?" != look_of(cls.__tag__).sign


# ---- what is done


def test_a_paused_task_is_approved_by_its_form(ana: Person) -> None:
    """The answer is what was typed, and who approved is shown."""
    page = ana.start("payments", "Paused", amount="7")
    answered = ana.send(page, "resume-pay", APPROVED)
    assert (200, "done=accepted") == (answered.status_code, answered.url.query.decode())
    ana.wait(page, "Success")
    text = ana.get(page).text
    assert "&#34;by&#34;: &#34;ana&#34;" in text
    assert re.search(r"<pre[^>]*>5</pre>", ana.get(f"{page}/tasks/pay").text)


def test_a_wrong_answer_stands_at_its_field_and_stays(ana: Person, paused: str) -> None:
    """As it was typed, whether the form or the type refuses it; nothing is sent, and the next try is sent."""
    for amount, reason in (("5.5", "is a whole number"), ("", "is required")):
        refused = ana.send(paused, "resume-pay", {"answer/by": "Ana & co", "answer/amount": amount})
        assert 422 == refused.status_code
        page = Elements(refused.text)
        (wrong,) = [each for each in page.all("input") if each.get("aria-invalid")]
        assert ("answer/amount", amount) == (wrong["name"], wrong["value"])
        assert wrong["aria-describedby"].split()[0] in {each.get("id") for each in page.all("p")}
        assert reason in refused.text
        assert "Ana &amp; co</textarea>" in refused.text
    ana.wait(paused, "Paused")


def test_a_fault_that_the_type_finds_stands_at_its_field(ana: Person) -> None:
    """Parameters that are of the right kind of JSON and are not valid."""
    form = forms_of(ana.get("/page/flows/batch").text)
    typed = {**form["start"], "parameters/items/#": "2", "parameters/items/0": "1", "parameters/items/1": "9" * 4001}
    refused = ana.post("/page/flows/batch", typed)
    assert 422 == refused.status_code
    (wrong,) = [each for each in Elements(refused.text).all("input") if each.get("aria-invalid")]
    assert "parameters/items/1" == wrong["name"]


def test_rows_are_added_without_script(ana: Person) -> None:
    """Nothing is begun by it, and what was typed stays."""
    typed = forms_of(ana.get("/page/flows/batch").text)["start"]
    more = ana.post("/page/flows/batch", {**typed, "add": "parameters/items"})
    assert 200 == more.status_code
    shown = [each["name"] for each in Elements(more.text).all("input") if each.get("type") == "text"]
    assert ["parameters/items/0"] == shown
    less = ana.post("/page/flows/batch", {**typed, "parameters/items/#": "1", "remove": "parameters/items/0"})
    assert "0" == forms_of(less.text)["start"]["parameters/items/#"]


@pytest.mark.exhaustive
def test_a_form_of_an_older_version_is_refused(ana: Person) -> None:
    """With 412, the form as it was typed, and the version that is current: sent again, it is taken."""
    page = ana.start("payments", "Paused", amount="7")
    refused = ana.send(page, "resume-pay", {**APPROVED, "version": '"1-1"'})
    assert 412 == refused.status_code
    again = {**forms_of(refused.text)["resume-pay"], **APPROVED}
    assert "ana</textarea>" in refused.text
    assert 200 == ana.post(page, again).status_code
    ana.wait(page, "Success")


def test_a_form_that_is_sent_twice_acts_once(ana: Person) -> None:
    """By its key: the second is told what the first was; another form for the same task is told that it was decided."""
    page = ana.start("payments", "Paused", amount="7")
    form = {**forms_of(ana.get(page).text)["resume-pay"], **APPROVED}
    first, second = ana.post(page, form), ana.post(page, form)
    assert (200, 200) == (first.status_code, second.status_code)
    assert str(first.url) == str(second.url)
    other = ana.post(page, {**form, "key": "another", "version": ""})
    assert (409, 1) == (other.status_code, other.text.count('role="alert"'))
    ana.wait(page, "Success")
    assert 2 == ana.get(page).text.count('<th scope="row" data-label="Who">')


@pytest.mark.exhaustive
def test_a_task_is_failed_and_a_run_cancelled_and_run_again(ana: Person) -> None:
    """Each by its form, with the reason that was typed."""
    page = ana.start("payments", "Paused", amount="7")
    assert 200 == ana.send(page, "fail-pay", {"message": "not ours"}).status_code
    ana.wait(page, "Failed")
    again = ana.send(page, "rerun-run")
    assert (200, True) == (again.status_code, again.url.path != page)
    ana.wait(again.url.path, "Paused")
    assert 200 == ana.send(again.url.path, "cancel-run").status_code
    ana.wait(again.url.path, "Cancelled")


def test_a_form_that_says_nothing_is_refused(ana: Person, paused: str) -> None:
    """What it does, and a task that is not there."""
    mark = sessions.form_mark(ANA)
    assert 422 == ana.post(paused, {"mark": mark, "do": "dance"}).status_code
    assert 404 == ana.post(paused, {"mark": mark, "do": "resume", "task": "nothing"}).status_code
    assert 409 == ana.post(paused, {"mark": mark, "do": "resume", "task": "load"}).status_code
    assert 409 == ana.post(paused, {"mark": mark, "do": "rerun"}).status_code


@pytest.mark.exhaustive
def test_the_children_of_a_mapped_task_are_decided_one_by_one(ana: Person) -> None:
    """Each has its own forms."""
    path = "/page/flows/batch"
    typed = {f"parameters/items/{at}": str(at) for at in range(4)} | {"parameters/items/#": "4"}
    page = ana.post(path, {**forms_of(ana.get(path).text)["start"], **typed}).url.path
    ana.wait(page, "Paused")
    assert {"resume-check%5B2%5D", "resume-check%5B3%5D"} <= {*forms_of(ana.get(page).text)}
    for at in (2, 3):
        assert 200 == ana.send(page, f"resume-check%5B{at}%5D", {"version": ""}).status_code
    ana.wait(page, "Success")


def test_a_filter_offers_known_kinds(ana: Person) -> None:
    """Each choice is a kind of state."""
    known = {cls.__name__ for cls in descendants(State)} | {"Finished"}
    assert set() == {*CHOICES} - known
