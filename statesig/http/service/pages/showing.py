"""Gather for each page the API's documents, and the forms that are possible now and that the person may send."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import Response

from statesig.graph.nodes import name_of
from statesig.http.service.access import Verb
from statesig.http.service.documents import FlowDocument, RunDocument, TaskDocument
from statesig.http.service.gate import Gate
from statesig.http.service.pages.acting import ANSWER, PARAMETERS, Refusal, answer_shape, parameters_shape
from statesig.http.service.pages.forms import Input, input_of, typed_of
from statesig.http.service.pages.graphs import drawing_of
from statesig.http.service.pages.looks import is_final
from statesig.http.service.pages.timelines import MOST_EVENTS, histories_of, rows_of
from statesig.http.service.reading import Reading
from statesig.http.service.requests import missing
from statesig.http.service.views import DECISIONS

__all__ = ["Form", "Showing"]

Typed = Mapping[str, str]

_TASKS: Final = 200
"""The number of tasks on one page."""

_RUNS: Final = 50


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a page shows it.

    Args:
        id: Its identity in the page.
        task: The task that it is for; empty: for the run.
        do: What it does.
        key: Its idempotency key.
        input: The input of its answer or parameters; None: it has none.
        message: What was typed as its message.
        refusal: Why it was refused, with the faults that belong to no input.
        is_sent: Whether it comes back as it was sent.
    """

    id: str
    task: str
    do: str
    key: str
    input: Input | None = None
    message: str = ""
    refusal: Refusal | None = None
    is_sent: bool = False

    def faulty(self) -> list[Input]:
        """Return the inputs in which something is wrong."""
        return [] if self.input is None else [one for one in self.input.each() if one.faults]


class Showing:
    """Makes what the pages show.

    Args:
        reading: What the API shows.
        gate: Tells what somebody may do.
    """

    def __init__(self, reading: Reading, gate: Gate) -> None:
        self._reading = reading
        self._gate = gate

    # ---- runs and flows

    def runs(self, principal: str, state: str | None, flow: str | None, after: str | None) -> dict[str, Any]:
        """Return a page of runs, the flows by which they are chosen, and whether somebody may start one."""
        found = self._reading.runs(principal, state, flow, after, _RUNS)
        flows = {one.flow for one in self._reading.flows(principal)} | {run.flow for run in found.runs}
        names = sorted(flows if flow is None else flows | {flow})
        return {"runs": found.runs, "next": found.next, "flows": names, "can_start": bool(self.startable(principal))}

    def startable(self, principal: str) -> list[FlowDocument]:
        """Return the flows of which somebody may start a run."""
        flows = self._reading.flows(principal)
        return [flow for flow in flows if self._gate.allows(principal, "start", flow.flow)]

    def flow(self, principal: str, name: str, typed: Typed, refusal: Refusal | None) -> dict[str, Any]:
        """Return a flow with the form that starts a run of it.

        Raises:
            Answered: There is no such flow, or they may not start it.
        """
        self._gate.flow(principal, "start", name)
        flow = next((one for one in self.startable(principal) if one.flow == name), None)
        if flow is None:
            missing("such flow here")
        shape = parameters_shape(flow.parameters)
        texts = dict(typed) if typed else typed_of(shape, PARAMETERS)
        faults = () if refusal is None else refusal.faults
        shown, others = input_of(shape, PARAMETERS, texts, faults, form="start", place=PARAMETERS)
        key = typed.get("key") or _new_key()
        form = Form("start", "", "start", key, shown, refusal=_rest(refusal, others), is_sent=bool(typed))
        return {"flow": flow, "form": form}

    # ---- a run

    def run(self, principal: str, id: str, typed: Typed, refusal: Refusal | None, skipped: int) -> dict[str, Any]:
        """Return a run with its graph, its timeline, its tasks, and the forms of what is possible.

        Args:
            principal: Who asks.
            id: The run.
            typed: What was typed into the form that comes back, if one does.
            refusal: Why it does.
            skipped: The number of tasks before the first that is shown.

        Raises:
            Answered: There is no such run for them.
        """
        response = Response()
        run = self._reading.run(principal, id, response)
        tasks = run.tasks[skipped : skipped + _TASKS]
        events = self._reading.history(principal, id, 0, MOST_EVENTS).events if run.length <= MOST_EVENTS else []
        histories, is_over = histories_of(events), is_final(run.state["type"])
        waiting = [
            (task, self._forms(principal, run, task, typed, refusal))
            for task in _each(run.tasks)
            if task.possible or task.waiting is not None
        ]
        about_run = self._run_forms(principal, run, typed, refusal)
        shown = [form for _, forms in waiting for form in forms] + about_run
        return {
            "run": run,
            "version": response.headers["etag"],
            "is_over": is_over,
            "tasks": tasks,
            "first": skipped,
            "more": skipped + _TASKS if len(run.tasks) > skipped + _TASKS else None,
            "before": max(skipped - _TASKS, 0) if skipped else None,
            "histories": histories,
            "drawing": drawing_of(run.tasks),
            "timeline": rows_of(run, tasks, histories, datetime.now(UTC), is_over=is_over) if events else [],
            "span": (run.changed - run.created).total_seconds(),
            "waiting": waiting,
            "forms": about_run,
            "refusal": refusal if refusal is not None and not any(form.is_sent for form in shown) else None,
        }

    def _forms(
        self, principal: str, run: RunDocument, task: TaskDocument, typed: Typed, refusal: Refusal | None
    ) -> list[Form]:
        """Return the forms by which a task is decided: those that are possible, and that somebody may send."""
        name = name_of(task.task, task.index)
        return [
            self._form(name, verb, task.answer if verb == "resume" else None, typed, refusal)
            for family, (_, verb) in DECISIONS.items()
            if family in task.possible and self._gate.allows(principal, verb, run.flow, run.run)
        ]

    def _run_forms(self, principal: str, run: RunDocument, typed: Typed, refusal: Refusal | None) -> list[Form]:
        """Return the forms for a run itself."""
        offered: list[Verb] = [verb for family, (_, verb) in DECISIONS.items() if family in run.possible]
        if run.again:
            offered.append("rerun")
        allowed = [verb for verb in offered if self._gate.allows(principal, verb, run.flow, run.run)]
        return [self._form("", verb, None, typed, refusal) for verb in allowed]

    def _form(
        self, task: str, do: str, schema: Mapping[str, Any] | None, typed: Typed, refusal: Refusal | None
    ) -> Form:
        identity = f"{do}-{quote(task, safe='')}" if task else f"{do}-run"
        is_sent = typed.get("do") == do and typed.get("task", "") == task
        shown: Input | None = None
        others: Sequence[Any] = ()
        if schema is not None:
            shape = answer_shape(schema)
            texts = dict(typed) if is_sent else typed_of(shape, ANSWER)
            faults = refusal.faults if is_sent and refusal is not None else ()
            shown, others = input_of(shape, ANSWER, texts, faults, form=identity, place=ANSWER)
        key = (typed.get("key") if is_sent else "") or _new_key()
        message = typed.get("message", "") if is_sent else ""
        return Form(identity, task, do, key, shown, message, _rest(refusal, others) if is_sent else None, is_sent)

    # ---- a task

    def task(self, principal: str, run: str, task: str) -> dict[str, Any]:
        """Return a task with its result, its history, and the run that it is of.

        Raises:
            Answered: There is no such task for them.
        """
        found = self._gate.run(principal, "read", run)
        shown, summary = self._reading.task_of(found, task), self._reading.summary_of(found)
        about = {"run": found.id, "flow": found.flow, "length": found.length}
        return {"run": about, "task": shown, "name": task, "is_over": is_final(summary.state["type"])}


def _each(tasks: Sequence[TaskDocument]) -> Iterator[TaskDocument]:
    """Yield tasks and those of their children that did not succeed."""
    for task in tasks:
        yield task
        yield from task.unsuccessful


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _rest(refusal: Refusal | None, others: Sequence[Any]) -> Refusal | None:
    """Return a refusal with only the faults that belong to no input."""
    return None if refusal is None else Refusal(refusal.status, refusal.detail, others, refusal.possible)
