"""Start runs and send signals for the page's forms, each by the function that serves the API's own route."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Response
from pydantic_core import to_json

from statesig.codec.states import decode
from statesig.errors import DecodeError
from statesig.http.answers import Answer, Answered
from statesig.http.problems import Fault
from statesig.http.service.changing import Changing
from statesig.http.service.documents import RerunDocument, StartDocument
from statesig.http.service.pages.forms import changed_rows, read
from statesig.http.service.pages.shapes import NOTHING, Shape, shape_of
from statesig.http.service.reading import Reading
from statesig.http.service.views import DECISIONS
from statesig.signals import Signal

__all__ = ["ANSWER", "PARAMETERS", "Acting", "Refusal", "answer_shape", "parameters_shape"]

ANSWER: Final = "answer"
"""The name of the input of an answer, and the label of one that has no title."""

PARAMETERS: Final = "parameters"

_FAMILIES: Final[Mapping[str, str]] = {verb: family for family, (_, verb) in DECISIONS.items()}
_LONGEST_MESSAGE: Final = 10_000


@dataclass
class Refusal(Exception):
    """A form is refused.

    Args:
        status: The status of the problem.
        detail: What is wrong.
        faults: What is wrong where, with paths as in ``answer.rows[3]``.
        possible: The families of signals that are possible instead.
    """

    status: int
    detail: str
    faults: Sequence[Fault] = ()
    possible: Sequence[str] = ()


def answer_shape(schema: Mapping[str, Any]) -> Shape:
    """Return the shape of an answer."""
    return shape_of(schema, "Answer")


def parameters_shape(schema: Mapping[str, Any]) -> Shape:
    """Return the shape of a flow's parameters: an object, whatever it has."""
    found = shape_of(schema, "Parameters")
    return found if found.kind == "object" else Shape("object", found.label)


class Acting:
    """What forms do.

    Args:
        reading: What the API shows.
        changing: What the API does.
    """

    def __init__(self, reading: Reading, changing: Changing) -> None:
        self._reading = reading
        self._changing = changing

    def start(
        self, principal: str, path: Mapping[str, str], typed: Mapping[str, str]
    ) -> tuple[str, str] | dict[str, str]:
        """Start a run of a flow; return it and what came of it, or the form with a row more or less.

        Args:
            principal: Who asks.
            path: The flow.
            typed: What was typed.

        Raises:
            Refusal: It cannot be started so.
            Answered: There is no such flow for them.
        """
        flow = next((one for one in self._reading.flows(principal) if one.flow == path["flow"]), None)
        shape = parameters_shape({} if flow is None else flow.parameters)
        changed = _changed(shape, PARAMETERS, typed)
        if changed is not None:
            return changed
        value = _value(shape, PARAMETERS, typed)
        begin = StartDocument(parameters={} if value is NOTHING else value)
        try:
            sent = self._changing.start(principal, path["flow"], Response(), begin, _key(typed))
        except Answered as refused:
            raise _refusal(refused.answer) from None
        return sent.run, sent.outcome

    def act(
        self, principal: str, path: Mapping[str, str], typed: Mapping[str, str]
    ) -> tuple[str, str] | dict[str, str]:
        """Send a signal to a run, or to one of its tasks, or run it again; return the run and what came of it.

        A form of which a row is added or removed is returned as it is then.

        Args:
            principal: Who asks.
            path: The run.
            typed: What was typed: which task, what to do, and with which answer or message.

        Raises:
            Refusal: It is not possible, or the answer is not what the task declares.
            Answered: There is no such run for them.
        """
        run, task, what = path["run"], typed.get("task", ""), typed.get("do", "")
        signal: Signal[Any] | None = None
        if what in _FAMILIES:
            shape = self._shape(principal, run, task) if what == "resume" and task else None
            changed = None if shape is None else _changed(shape, ANSWER, typed)
            if changed is not None:
                return changed
            signal = _signal(what, typed, shape)
        elif what != "rerun":
            raise Refusal(422, "the form does not say what to do")
        try:
            sent = self._sent(principal, run, task, signal, typed)
        except Answered as refused:
            raise _refusal(refused.answer) from None
        return sent.run, sent.outcome

    def _sent(self, principal: str, run: str, task: str, signal: Signal[Any] | None, typed: Mapping[str, str]) -> Any:
        version, response = typed.get("version") or None, Response()
        if signal is None:
            return self._changing.rerun(principal, run, response, RerunDocument(), _key(typed))
        if task:
            return self._changing.signal_to_task(principal, run, task, signal, response, _key(typed), version)
        return self._changing.signal_to_run(principal, run, signal, response, _key(typed), version)

    def _shape(self, principal: str, run: str, task: str) -> Shape | None:
        """Return the shape of the answer that a task takes; None if it takes none."""
        schema = self._reading.task(principal, run, task).answer
        return None if schema is None else answer_shape(schema)


def _key(typed: Mapping[str, str]) -> str | None:
    return typed.get("key", "")[:200] or None


def _changed(shape: Shape, name: str, typed: Mapping[str, str]) -> dict[str, str] | None:
    """Return a form with a row more or less; None if none is asked for."""
    add, remove = typed.get("add", ""), typed.get("remove", "")
    return changed_rows(shape, name, typed, add=add, remove=remove) if add or remove else None


def _value(shape: Shape, name: str, typed: Mapping[str, str]) -> Any:
    """Return what was typed.

    Raises:
        Refusal: It cannot be read.
    """
    value, faults = read(shape, name, typed, name)
    if faults:
        raise Refusal(422, "Some of what was typed is not valid.", faults)
    return value


def _signal(what: str, typed: Mapping[str, str], shape: Shape | None) -> Signal[Any]:
    """Return the signal that a form means.

    Raises:
        Refusal: Its answer is no state's result.
    """
    document: dict[str, Any] = {"type": _FAMILIES[what]}
    message = typed.get("message", "").strip()[:_LONGEST_MESSAGE]
    if message:
        document["message"] = message
    if shape is not None:
        value = _value(shape, ANSWER, typed)
        if value is not NOTHING:
            document["result"] = value
    try:
        return decode(to_json(document), Signal, strict=True)
    except DecodeError as exc:
        raise Refusal(422, f"The answer cannot be sent: {exc}.") from None


def _refusal(answer: Answer) -> Refusal:
    """Return a refusal of the API's as one of a form; what the page itself shows in its place is raised again.

    Raises:
        Answered: A form cannot show it: the run is gone, or somebody may not do this.
    """
    if answer.status not in (409, 412, 422):
        raise Answered(answer)
    found: dict[str, Any] = json.loads(answer.body)
    faults = [Fault(_place(str(one["path"])), str(one["reason"])) for one in found.get("errors", ())]
    detail = "some of what was typed is not valid" if faults else str(found.get("detail") or found.get("title"))
    return Refusal(answer.status, detail[:1].upper() + detail[1:] + ".", faults, found.get("possible", ()))


def _place(path: str) -> str:
    """Return the place of a fault in a form: a Resume carries the answer as its result."""
    found = path.removeprefix("body.")
    return ANSWER + found.removeprefix("result") if found.startswith("result") else found
