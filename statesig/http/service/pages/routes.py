"""The routes of the page: what the API shows, as HTML, and its acts as forms.

Every value comes from the API's own functions, and so does every refusal: the page shows and does nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from statesig.errors import StoreError
from statesig.http.answers import Answered, problem
from statesig.http.service.access import Authenticate
from statesig.http.service.changing import Changing
from statesig.http.service.gate import Gate
from statesig.http.service.pages import sessions
from statesig.http.service.pages.acting import Acting, Refusal
from statesig.http.service.pages.looks import CHOICES
from statesig.http.service.pages.rendering import HEADERS, page, static
from statesig.http.service.pages.showing import Showing
from statesig.http.service.reading import Reading
from statesig.http.service.responses import answer_to_error

__all__ = ["Pages"]

Show = Callable[[Request, Mapping[str, str]], Response]

_FORM: Final = "application/x-www-form-urlencoded"
_MOST_INPUTS: Final = 10_000


class Pages:
    """The routes of the page.

    Args:
        reading: What the API shows.
        changing: What the API does.
        gate: Tells what somebody may do.
        authenticate: Returns the principal of a token.
    """

    def __init__(self, reading: Reading, changing: Changing, gate: Gate, authenticate: Authenticate) -> None:
        self._reading = reading
        self._authenticate = authenticate
        self._showing = Showing(reading, gate)
        self._acting = Acting(reading, changing)

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to an application; they are no part of its OpenAPI document."""
        routes: list[tuple[str, str, Show]] = [
            ("GET", "/", self.runs),
            ("GET", "/page/flows", self.flows),
            ("GET", "/page/flows/{flow:path}", self.flow),
            ("POST", "/page/flows/{flow:path}", self.start),
            ("GET", "/page/runs/{run}", self.run),
            ("POST", "/page/runs/{run}", self.act),
            ("GET", "/page/runs/{run}/tasks/{task:path}", self.task),
            ("GET", sessions.SIGN_IN, self.sign_in),
            ("POST", sessions.SIGN_IN, self.enter),
            ("POST", "/page/sign-out", self.leave),
            ("GET", "/page/static/{name}", self.static),
        ]
        for method, path, show in routes:
            app.router.routes.append(Route(path, _answering(show), methods=[method], include_in_schema=False))

    # ---- what is shown

    def runs(self, request: Request, _: Mapping[str, str]) -> Response:
        """List runs, the latest first."""
        asked = request.query_params
        state, flow, after = (asked.get(name) or None for name in ("state", "flow", "after"))
        values = self._showing.runs(_principal(request), state, flow, after)
        return page(request, "runs.html", choices=CHOICES, state=state, flow=flow, after=after, **values)

    def flows(self, request: Request, _: Mapping[str, str]) -> Response:
        """List the flows of which somebody may start a run."""
        return page(request, "flows.html", flows=self._showing.startable(_principal(request)))

    def flow(self, request: Request, typed: Mapping[str, str], refusal: Refusal | None = None) -> Response:
        """Show the form that starts a run."""
        values = self._showing.flow(_principal(request), request.path_params["flow"], typed, refusal)
        return page(request, "flow.html", refusal.status if refusal else 200, **values)

    def run(self, request: Request, typed: Mapping[str, str], refusal: Refusal | None = None) -> Response:
        """Show a run, and the forms of what is possible now."""
        run, first = request.path_params["run"], request.query_params.get("from", "")
        skipped = int(first) if first.isascii() and first.isdecimal() and len(first) < 9 else 0
        values = self._showing.run(_principal(request), run, typed, refusal, skipped)
        done = _DONE.get(request.query_params.get("done", ""))
        return page(request, "run.html", refusal.status if refusal else 200, done=done, **values)

    def task(self, request: Request, _: Mapping[str, str]) -> Response:
        """Show a task with its result and its history."""
        asked = request.path_params
        return page(request, "task.html", **self._showing.task(_principal(request), asked["run"], asked["task"]))

    def static(self, request: Request, _: Mapping[str, str]) -> Response:
        """Send the style sheet, the script or the icon."""
        return static(request.path_params["name"]) or _failed(request, 404, "there is no such file")

    # ---- what is done

    def act(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Send a signal to a run or to one of its tasks, or run it again."""
        return self._done(request, typed, self.run, self._acting.act)

    def start(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Start a run."""
        return self._done(request, typed, self.flow, self._acting.start)

    def _done(
        self,
        request: Request,
        typed: Mapping[str, str],
        show: Callable[[Request, Mapping[str, str], Refusal | None], Response],
        do: Callable[[str, Mapping[str, str], Mapping[str, str]], tuple[str, str] | dict[str, str]],
    ) -> Response:
        """Do what a form says and show what came of it; one that is refused is shown as it was typed."""
        try:
            done = do(_principal(request), request.path_params, typed)
        except Refusal as refusal:
            return show(request, typed, refusal)
        if isinstance(done, dict):
            return show(request, done, None)
        run, outcome = done
        return _moved(request, f"/page/runs/{run}?{urlencode({'done': outcome})}")

    # ---- sessions

    def sign_in(self, request: Request, _: Mapping[str, str], wrong: str = "") -> Response:
        """Ask for a token."""
        wanted = _local(request.query_params.get("next", ""))
        return page(request, "sign_in.html", 403 if wrong else 200, wanted=wanted, wrong=wrong)

    def enter(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Begin a session with a token."""
        token = typed.get("token", "").strip()
        if len(token) > sessions.LONGEST_TOKEN:
            return self.sign_in(request, {}, "This token is too long for a browser's cookie.")
        if not token or self._authenticate(token) is None:
            return self.sign_in(request, {}, "This token is not valid, or no longer.")
        response = _moved(request, _local(request.query_params.get("next", "")))
        response.headers["set-cookie"] = sessions.cookie_of(request.scope, token)
        return response

    def leave(self, request: Request, _: Mapping[str, str]) -> Response:
        """End a session in this browser; the token stays valid until its end."""
        response = _moved(request, sessions.SIGN_IN)
        response.headers["set-cookie"] = sessions.no_cookie(request.scope)
        return response


_DONE: Final = {
    "started": "The run has started.",
    "applied": "It is done.",
    "accepted": "It is accepted: the server acts on it as soon as what runs has ended.",
    "stored": "It is stored: it acts when somebody resumes the run.",
}


def _answering(show: Show) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint: it reads the form, checks that it is this session's, and shows refusals as a page."""

    async def endpoint(request: Request) -> Response:
        try:
            typed = await _form(request) if request.method == "POST" else {}
            return await to_thread.run_sync(show, request, typed)
        except Answered as refused:
            answer = refused.answer
        except StoreError as exc:
            found = await answer_to_error(request, exc)
            return _failed(request, found.status_code, _detail(bytes(found.body)))
        return _failed(request, answer.status, _detail(answer.body))

    return endpoint


async def _form(request: Request) -> dict[str, str]:
    """Return what a form says.

    Raises:
        Answered: It is no form, or not one of this session.
    """
    scope = request.scope
    if not sessions.is_from_here(scope):
        raise Answered(problem(403, detail="this form was not sent from a page of this server"))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Answered(problem(415, detail=f"a form is sent as {_FORM}"))
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=_MOST_INPUTS)
    except ValueError:
        raise Answered(problem(400, detail="the form cannot be read, or has too many inputs")) from None
    typed = dict(pairs)
    if not sessions.is_open(scope) and not sessions.is_of_session(scope["state"]["token"], typed.get("mark", "")):
        raise Answered(problem(403, detail="this form is not one of your session; open the page again"))
    return typed


def _principal(request: Request) -> str:
    principal: str = request.scope["state"]["principal"]
    return principal


def _moved(request: Request, path: str) -> Response:
    return RedirectResponse(request.scope.get("root_path", "") + path, 303, HEADERS)


def _failed(request: Request, status: int, detail: str) -> Response:
    return page(request, "error.html", status, code=status, detail=detail)


def _detail(body: bytes) -> str:
    found: dict[str, Any] = json.loads(body)
    return str(found.get("detail") or found.get("title"))


def _local(path: str) -> str:
    """Return a path of the page to go on to; one that leads anywhere else leads to the beginning."""
    is_of_page = path.startswith(("/page/", "/?")) and path.isprintable() and "\\" not in path
    return path if is_of_page else "/"
