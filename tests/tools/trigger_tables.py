"""The generated parts of the documents on triggers: what each says, and the rules of other tools as expressions.

The rules are read in the tools' own code and documents::

    Airflow 3  airflow-core/docs/core-concepts/dags.rst, "Trigger Rules", and
               airflow-core/src/airflow/ti_deps/deps/trigger_rule_dep.py, of github.com/apache/airflow, main
    Prefect 1  src/prefect/triggers.py of github.com/PrefectHQ/prefect, branch 1.x

`tests/algebra/test_trigger_rules.py` holds every line: it restates each rule, and compares.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import statesig
from statesig import Cancelled, Failed, Pending, Skipped, Success, Trigger, truth_table

Differs = Callable[[int, int, int, int], bool]
"""Whether rule and expression differ, by the numbers of successes, failures, skips and failed triggers upstream."""


class Rule(NamedTuple):
    """A rule of another tool.

    Attributes:
        name: What it is called there.
        expression: It, as a trigger.
        differs: Where the two say different things once all upstreams are finished.
        told: The same in words.
    """

    name: str
    expression: str
    differs: Differs = lambda success, failed, skipped, refused: False
    told: str = ""

    @property
    def trigger(self) -> Trigger:
        """The trigger that the expression makes."""
        names: dict[str, Any] = {name: getattr(statesig, name) for name in statesig.__all__}
        made: Trigger = eval(self.expression, names)
        return made


AIRFLOW = (
    Rule("all_success", "all_successful & none_skipped.otherwise(SKIP)"),
    Rule("all_failed", "all_failed.otherwise(SKIP)"),
    Rule("all_done", "all_finished"),
    Rule(
        "all_done_min_one_success",
        "all_finished & any_successful & none_skipped.otherwise(SKIP)",
        told="nothing; but Airflow's documentation says that skipped upstreams are left out, and its code that one "
        "skips the task",
    ),
    Rule("all_skipped", "all_skipped.otherwise(SKIP)"),
    Rule("one_failed", "any_failed.otherwise(SKIP)"),
    Rule(
        "one_success",
        "any_successful & (~all_skipped).otherwise(SKIP)",
        lambda success, failed, skipped, refused: bool(not success and skipped and failed + refused),
        "where some were skipped and all others failed: a skip is a success here, so the task runs; in Airflow it is "
        "upstream_failed",
    ),
    Rule(
        "one_done",
        "(~all_skipped & ~every(TriggerFailed)).otherwise(SKIP)",
        lambda success, failed, skipped, refused: bool(not success and not failed and skipped and refused),
        "where all were skipped or refused by their triggers, and not all the same: here the task runs, in Airflow it "
        "is skipped",
    ),
    Rule("none_failed", "none(Failed)"),
    Rule("none_failed_min_one_success", "none(Failed) & (~all_skipped).otherwise(SKIP)"),
    Rule("none_skipped", "none_skipped.otherwise(SKIP)"),
    Rule("always", "always_run"),
)
PREFECT = (
    Rule("all_successful", "all_successful"),
    Rule("all_failed", "all_failed"),
    Rule("any_successful", "any_successful"),
    Rule("any_failed", "any_failed"),
    Rule("all_finished", "all_finished"),
    Rule(
        "always_run",
        "all_finished",
        told="nothing; but `always_run` here does not wait for its upstreams, and Prefect's does",
    ),
    Rule("some_successful(at_least=1, at_most=2)", "some_successful(1, 2)"),
    Rule("some_successful(at_least=0.5)", 'share(Success, "0.5")'),
    Rule("some_failed(at_least=1, at_most=2)", "some_failed(1, 2)"),
    Rule("some_failed(at_most=2)", "some_failed(0, 2)"),
    Rule("some_failed(at_most=0.5)", 'share(Failed, 0, "0.5")'),
    Rule(
        "not_all_skipped",
        "not_all_skipped",
        lambda success, failed, skipped, refused: not success + failed + skipped + refused,
        "without upstreams: here the task runs, in Prefect it is skipped",
    ),
    Rule(
        "manual_only",
        "manual_only",
        told="nothing; but here it pauses at once, and in Prefect when its upstreams are finished",
    ),
)

NAMED = (
    statesig.all_successful,
    statesig.all_failed,
    statesig.any_successful,
    statesig.any_failed,
    statesig.some_failed(1, 1),
    statesig.none_skipped,
    statesig.all_skipped,
    statesig.not_all_skipped,
    statesig.all_finished,
    statesig.always_run,
    statesig.manual_only,
)


def rules(rows: tuple[Rule, ...]) -> str:
    """Return rules, their expressions and what differs as a table."""
    lines = ["| rule | as a trigger | what differs |", "|---|---|---|"]
    lines += [f"| `{rule.name}` | `{rule.expression}` | {rule.told or 'nothing'} |" for rule in rows]
    return "\n".join(lines)


def generated() -> dict[str, str]:
    """Return the generated parts by name: what named triggers say of up to two upstreams, and both tables of rules."""
    return {
        "triggers": truth_table(*NAMED, kinds=(Success, Skipped, Failed, Cancelled, Pending)),
        "airflow": rules(AIRFLOW),
        "prefect": rules(PREFECT),
    }


if __name__ == "__main__":
    for part in generated().values():
        print(f"{part}\n")
