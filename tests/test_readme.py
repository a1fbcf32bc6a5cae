"""The README is short and in order, and its set-up commands stand where a program reads them; see tests/docs, too."""

import re

from tests.tools.documents import README, current, generated, pages

TEXT = README.read_text()
HEADINGS = [
    "Why",
    "Install",
    "Set up",
    "A pipeline",
    "States and signals",
    "What decides, and failing loudly",
    "Store and resume",
    "The boundary",
    "On a terminal",
    "Read on",
    "Status",
]
SET_UP = [
    "python3 -m venv .venv && .venv/bin/pip install -q '.[cli]' && .venv/bin/statesig run statesig.examples.packages",
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test,check]' && .venv/bin/python -m pytest -q -n 3",
]


def test_it_is_read_in_minutes() -> None:
    """It has about 8 kB, and no table that code generates: these are in docs."""
    assert (7_000 < len(TEXT.encode()) < 9_000, "<!-- generated" in TEXT) == (True, False)


def test_it_begins_with_the_reason() -> None:
    """After two sentences on what it is come the reason, the commands and a pipeline, and the details last."""
    assert HEADINGS == re.findall(r"(?m)^## (.*)$", TEXT)


def test_it_has_the_two_commands_that_set_it_up() -> None:
    """The section on setting up has exactly the command that runs the example and the one that runs the tests."""
    section = TEXT.partition("## Set up\n")[2].partition("\n## ")[0]
    assert SET_UP == [line for block in re.findall(r"(?s)```sh\n(.*?)```", section) for line in block.splitlines()]


def test_generated_parts_are_current() -> None:
    """Tables are what the code says; `python -m tests.tools.documents` writes them anew."""
    made = generated()
    texts = {str(page): page.read_text() for page in (README, *pages())}
    assert {} == {name: current(text, made) for name, text in texts.items() if current(text, made) != text}


def test_each_generated_part_has_its_place() -> None:
    """Each part stands in exactly one page, and each place has a part."""
    places = [name for page in pages() for name in re.findall(r"<!-- generated: (.*?) -->", page.read_text())]
    assert sorted(generated()) == sorted(places)
