"""What the pages of docs name: everything that the code has, each link and each heading."""

import argparse
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import statesig
import statesig.http
import statesig.testing
import statesig.tracing
from statesig import StatesigError
from tests import ROOT
from tests.harness.cases import at_once
from tests.tools.blocks import blocks
from tests.tools.documents import PAGES, README, described, pages, verbs

ALL = (README, *pages())
REFERENCE = {page.name: page.read_text() for page in (PAGES / "reference").glob("*.md")}
LONGEST = 40
"""Lines of a page without a heading, code and tables left out: about a screen."""
ROOMS = (statesig.testing, statesig.http, statesig.tracing)
"""The packages for users, beside the front."""
MADE_BY_OTHERS = ("Run",)
"""Classes of which users get instances and make none."""


def test_the_reference_describes_every_public_name() -> None:
    """Each name of `statesig` and of its packages for users stands on one page of the reference, and no other does."""
    public = {f"statesig.{name}" for name in (*statesig.__all__, "map", "zip")}
    public |= {f"{room.__name__}.{name}" for room in ROOMS for name in room.__all__}
    assert public == {*described()}


def test_an_example_shows_every_public_name() -> None:
    """Each name of `statesig` and of `statesig.testing` stands in a program of the README or of a page, which runs."""
    programs = [block.body for page in ALL for block in blocks(page.read_text()) if block.language == "python"]
    used = {*re.findall(r"\w+", "\n".join(programs))}
    assert set() == {*statesig.__all__, "map", "zip", *statesig.testing.__all__} - used


def test_the_reference_tells_every_option() -> None:
    """What a public function or method takes by keyword alone stands in its docstring, or in the one that it names."""
    untold = [
        f"{name}({option.name}=)"
        for name, fn, told in _functions()
        for option in inspect.signature(fn).parameters.values()
        if option.kind is option.KEYWORD_ONLY and not re.search(rf"\b{option.name}\b", told + _named_in(told))
    ]
    assert [] == untold


def _named_in(told: str) -> str:
    """Return the docstrings of `Client` to which one refers: `AsyncClient` does the same."""
    named = re.findall(r"see `(?:\w+\.)*Client\.(\w+)`", told)
    return "\n".join(inspect.getdoc(getattr(statesig.http.Client, name)) or "" for name in named)


def _functions() -> Iterator[tuple[str, Callable[..., object], str]]:
    """Yield the public functions, methods and constructors that statesig defines, with what is said of each."""
    for room in (statesig, *ROOMS):
        for name in room.__all__:
            value = getattr(room, name)
            if inspect.isfunction(value):
                yield name, value, inspect.getdoc(value) or ""
            elif isinstance(value, type) and name not in MADE_BY_OTHERS:
                own = {member: fn for member, fn in vars(value).items() if inspect.isfunction(fn)}
                if "__init__" in own:
                    yield name, own["__init__"], inspect.getdoc(value) or ""
                yield from (
                    (f"{name}.{member}", fn, inspect.getdoc(fn) or "")
                    for member, fn in own.items()
                    if not member.startswith("_")
                )


def test_no_name_is_described_twice() -> None:
    """A link to a name leads to one place."""
    names = [name for text in REFERENCE.values() for name in re.findall(r"(?m)^::: (\S+)$", text)]
    assert sorted(set(names)) == sorted(names)


def test_the_page_of_errors_says_the_cause_and_the_remedy_of_each() -> None:
    """Below each error stand the two paragraphs."""
    parts = re.split(r"(?m)^::: statesig\.", REFERENCE["errors.md"])[1:]
    told = {part.split()[0] for part in parts if "**Cause.** " in part and "**Remedy.** " in part}
    errors = {name for name in dir(statesig) if _is_error(getattr(statesig, name))}
    assert told == errors - {"StatesigError"}


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, StatesigError)


def test_the_page_of_the_command_has_every_verb_and_option() -> None:
    """Each verb has its heading, and each of its options stands below that."""
    parts = dict(re.findall(r"(?ms)^### statesig (\S+)\n(.*?)(?=^##|\Z)", REFERENCE["command.md"]))
    missing = [
        (verb, option)
        for verb, parser in verbs().items()
        for action in parser._actions
        for option in action.option_strings
        if not isinstance(action, argparse._HelpAction) and option not in parts[verb]
    ]
    assert ([*verbs()], []) == ([*parts], missing)


@at_once
@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file finds it, and one to a heading finds that, too."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page.read_text())):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        assert not heading or heading in _anchors(path.read_text()), target


@at_once
@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_no_page_goes_on_for_more_than_a_screen_without_a_heading(page: Path) -> None:
    """One title at the top, and a heading for each screen of text."""
    text = re.sub(r"(?ms)^```.*?^```$|^\|.*?$|^:::.*?$", "", page.read_text())
    parts = re.split(r"(?m)^#+ .*$", text)
    longest = max(len([line for line in part.splitlines() if line.strip()]) for part in parts)
    assert (1, True) == (len(re.findall(r"(?m)^# ", _prose(page.read_text()))), longest <= LONGEST)


def test_code_in_tables_is_shown_as_it_is() -> None:
    """A bar in it is written as `&#124;` in HTML: the site would show the backslash that others ask for."""
    rows = [(page.name, row) for page in ALL for row in re.findall(r"(?m)^\|.*\|$", page.read_text())]
    assert [] == [(name, code) for name, row in rows for code in re.findall(r"`[^`]*`", row) if "\\|" in code]


def test_every_page_is_in_the_contents() -> None:
    """The configuration of the site names each page once."""
    config = (ROOT / "docs" / "mkdocs.yml").read_text()
    listed = re.findall(r"(?m)([\w/-]+\.md)$", config)
    assert sorted(page.relative_to(PAGES).as_posix() for page in pages()) == sorted(listed)


def _prose(text: str) -> str:
    """Return a document without its code."""
    return re.sub(r"(?ms)^```.*?^```$|`[^`\n]*`", "", text)


def _anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", _prose_of_headings(text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _prose_of_headings(text: str) -> str:
    return re.sub(r"(?ms)^```.*?^```$", "", text)
