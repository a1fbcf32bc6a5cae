"""The rules of Airflow 3 and Prefect 1, restated over counts, against the triggers that the documents give for them."""

from collections.abc import Callable
from itertools import product

import pytest

from statesig import Counts, Failed, Skipped, Success, TriggerFailed, Verdict
from tests.harness.cases import at_once
from tests.tools.trigger_tables import AIRFLOW, NAMED, PREFECT, Rule, generated

RUN, FAIL, SKIP, PAUSE = Verdict.RUN, Verdict.FAIL, Verdict.SKIP, Verdict.PAUSE

Restated = Callable[[int, int, int, int], Verdict]
"""What a rule says of so many that succeeded, failed, were skipped, and failed for what was upstream of them."""

# A task without upstreams runs in Airflow whatever its rule.
IN_AIRFLOW: dict[str, Restated] = {
    "all_success": lambda s, f, k, u: FAIL if f or u else SKIP if k else RUN,
    "all_failed": lambda s, f, k, u: SKIP if s or k else RUN,
    "all_done": lambda s, f, k, u: RUN,
    "all_done_min_one_success": lambda s, f, k, u: SKIP if k else RUN if s else FAIL,
    "all_skipped": lambda s, f, k, u: SKIP if s or f or u else RUN,
    "one_failed": lambda s, f, k, u: RUN if f or u else SKIP,
    "one_success": lambda s, f, k, u: RUN if s else FAIL if f or u else SKIP,
    "one_done": lambda s, f, k, u: RUN if s or f else SKIP,
    "none_failed": lambda s, f, k, u: FAIL if f or u else RUN,
    "none_failed_min_one_success": lambda s, f, k, u: FAIL if f or u else RUN if s else SKIP,
    "none_skipped": lambda s, f, k, u: SKIP if k else RUN,
    "always": lambda s, f, k, u: RUN,
}
# In Prefect a skip is a success, and what its trigger refused a failure; what is asked of nothing differs by rule.
IN_PREFECT: dict[str, Restated] = {
    "all_successful": lambda s, f, k, u: FAIL if f or u else RUN,
    "all_failed": lambda s, f, k, u: FAIL if s or k else RUN,
    "any_successful": lambda s, f, k, u: RUN if s or k or not f + u else FAIL,
    "any_failed": lambda s, f, k, u: RUN if f or u or not s + k else FAIL,
    "all_finished": lambda s, f, k, u: RUN,
    "always_run": lambda s, f, k, u: RUN,
    "some_successful(at_least=1, at_most=2)": lambda s, f, k, u: RUN if 1 <= s + k <= 2 or not f + u + s + k else FAIL,
    "some_successful(at_least=0.5)": lambda s, f, k, u: RUN if s + k >= 0.5 * (s + f + k + u) else FAIL,
    "some_failed(at_least=1, at_most=2)": lambda s, f, k, u: RUN if 1 <= f + u <= 2 or not f + u + s + k else FAIL,
    "some_failed(at_most=2)": lambda s, f, k, u: RUN if f + u <= 2 else FAIL,
    "some_failed(at_most=0.5)": lambda s, f, k, u: RUN if f + u <= 0.5 * (s + f + k + u) else FAIL,
    "not_all_skipped": lambda s, f, k, u: SKIP if not s + f + u else FAIL if f or u else RUN,
    "manual_only": lambda s, f, k, u: PAUSE,
}
UPSTREAMS = [numbers for numbers in product(range(5), repeat=4) if sum(numbers) <= 4]


def said(rule: Rule, numbers: tuple[int, ...]) -> Verdict:
    """Return what the trigger says that the documents give for a rule."""
    kinds = (Success, Failed, Skipped, TriggerFailed)
    return rule.trigger.verdict(Counts.of(dict(zip(kinds, numbers, strict=True))))


@at_once
@pytest.mark.parametrize("rule", AIRFLOW, ids=lambda rule: rule.name)
def test_a_rule_of_airflow(rule: Rule) -> None:
    """Over every multiset of up to four finished upstreams trigger and rule say the same, but where it is told."""
    for numbers in UPSTREAMS:
        expected = IN_AIRFLOW[rule.name](*numbers) if sum(numbers) else RUN
        assert (expected is not said(rule, numbers)) is rule.differs(*numbers), numbers


@at_once
@pytest.mark.parametrize("rule", PREFECT, ids=lambda rule: rule.name)
def test_a_rule_of_prefect(rule: Rule) -> None:
    """Over every multiset of up to four finished upstreams trigger and rule say the same, but where it is told."""
    for numbers in UPSTREAMS:
        expected = IN_PREFECT[rule.name](*numbers)
        assert (expected is not said(rule, numbers)) is rule.differs(*numbers), numbers


def test_every_rule_has_its_line() -> None:
    """Each rule that is restated is in the documents, and none other."""
    assert (list(IN_AIRFLOW), list(IN_PREFECT)) == ([rule.name for rule in AIRFLOW], [rule.name for rule in PREFECT])


@at_once
@pytest.mark.parametrize("rule", [*AIRFLOW, *PREFECT], ids=lambda rule: rule.name)
def test_a_difference_is_told(rule: Rule) -> None:
    """Where rule and trigger differ somewhere the line says where, and a line that says "nothing" differs nowhere."""
    differs = any(rule.differs(*numbers) for numbers in UPSTREAMS)
    assert differs is (bool(rule.told) and not rule.told.startswith("nothing"))


def test_the_documents_have_every_line() -> None:
    """The generated parts hold each rule, and a column for each named trigger."""
    parts = generated()
    assert [True] * len(AIRFLOW) == [f"| `{rule.name}` | `{rule.expression}` |" in parts["airflow"] for rule in AIRFLOW]
    assert [True] * len(PREFECT) == [f"| `{rule.name}` | `{rule.expression}` |" in parts["prefect"] for rule in PREFECT]
    head = parts["triggers"].splitlines()[0]
    assert [True] * len(NAMED) == [f"`{trigger.name}`" in head for trigger in NAMED]
