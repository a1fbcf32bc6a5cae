"""Parametrised tests that are made one."""

from typing import Any

import pytest

from tests.harness.cases import at_once
from tests.harness.exhaustive import exhaustive_but


def test_each_case_is_run_once() -> None:
    """Each combination of all parametrisations is tried, with the fixtures that the test asks for."""
    tried: list[Any] = []

    @at_once
    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize(("text", "length"), [("a", 1), ("bc", 2)])
    def is_measured(number: int, text: str, length: int, given: str) -> None:
        tried.append((number, text, length, given))

    is_measured(given="x")
    assert [(1, "a", 1, "x"), (1, "bc", 2, "x"), (2, "a", 1, "x"), (2, "bc", 2, "x")] == sorted(tried)


@at_once
@pytest.mark.parametrize("number", [1, 2])
def test_only_fixtures_are_asked_for(number: int, request: pytest.FixtureRequest) -> None:
    """To pytest it is one test, whose arguments are its fixtures."""
    assert "test_only_fixtures_are_asked_for" == request.node.name


def test_each_level_is_a_test() -> None:
    """Cases that are exhaustive are tried in a test that is, with the others; so are thorough ones."""
    tried: list[tuple[int, int]] = []

    @at_once
    @pytest.mark.parametrize("number", exhaustive_but([1], [1, 2, 3], thorough=[3]))
    @pytest.mark.parametrize("other", exhaustive_but([1], [1, 2]))
    def is_tried(number: int, other: int) -> None:
        tried.append((number, other))

    levels: list[Any] = vars(is_tried)["pytestmark"][0].args[1]
    expected = {
        "few": ([], {(1, 1)}),
        "exhaustive": (["exhaustive"], {(1, 2), (2, 1), (2, 2)}),
        "thorough": (["thorough"], {(3, 1), (3, 2)}),
    }
    found = {}
    for level in levels:
        tried.clear()
        is_tried(level=level.values[0])
        found[level.id] = [mark.name for mark in level.marks], set(tried)
    assert expected == found


def test_a_case_that_fails_is_noted() -> None:
    """The first that fails ends the test with its own error, which says for which arguments."""
    tried: list[int] = []

    @at_once
    @pytest.mark.parametrize("number", [1, 2, 3])
    def is_odd(number: int) -> None:
        tried.append(number)
        assert 1 == number % 2

    with pytest.raises(AssertionError) as caught:
        is_odd()
    assert ([1, 2], ["the case: {'number': 2}"]) == (tried, caught.value.__notes__)
