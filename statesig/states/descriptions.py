"""Describe exceptions as text, whatever their attributes do.

An exception is an object of the user's: its ``__str__``, its attributes and its class's may raise, exit or be of any
class. Nothing here trusts them, and nothing but KeyboardInterrupt gets out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

from statesig.states import ErrorInfo
from statesig.states.generics import kind_of

__all__ = ["cause_of", "describe", "members_of", "name_of", "redacted"]


def describe(
    exc: BaseException, *, redact: Callable[[str], str] | None = None, traceback: bool | Literal["last"] = False
) -> ErrorInfo:
    """Return the text that a state keeps of an exception.

    Args:
        exc: The exception.
        redact: Called with each text (message, note, traceback); returns the text to keep. Where it raises or returns
            no text, a note of that is kept instead.
        traceback: Whether to keep the formatted traceback, too; ``"last"``: only its last own frame.
    """
    text: str | None = None
    if traceback:
        form = _last_frame if traceback == "last" else _formatted
        text = redacted(_said("the traceback", lambda: form(exc)), redact) or None
    return ErrorInfo(
        type=name_of(kind_of(exc)),
        message=redacted(_said("str() of it", lambda: str(exc)), redact),
        notes=tuple(redacted(note, redact) for note in _notes(exc)),
        traceback=text,
    )


def redacted(said: str, redact: Callable[[str], Any] | None) -> str:
    """Return a text as a state may keep it: redacted, and its surrogates escaped (file names may have them)."""
    if redact is not None:
        given = said
        said = _said("redact", lambda: redact(given))
    return said.encode("utf-8", "backslashreplace").decode()


def cause_of(exc: BaseException) -> BaseException | None:
    """Return the exception that an exception was raised from, past any attribute of the user's."""
    cause: BaseException | None = vars(BaseException)["__cause__"].__get__(exc)
    return cause


def members_of(group: BaseExceptionGroup[Any]) -> Iterator[BaseException]:
    """Yield the exceptions of a group, and of the groups in it, in order, however deep these are nested."""
    waiting: list[BaseException] = [group]
    while waiting:
        member = waiting.pop()
        if issubclass(kind_of(member), BaseExceptionGroup):
            waiting.extend(reversed(vars(BaseExceptionGroup)["exceptions"].__get__(member)))
        else:
            yield member


def _said(who: str, say: Callable[[], Any]) -> str:
    """Return the text that the user's code gives, or a note that it gives none."""
    try:
        said = say()
    except KeyboardInterrupt:
        raise
    except BaseException as broken:  # an exit, too: the task failed already
        return f"<{who} raised {kind_of(broken).__name__}>"
    return said if isinstance(said, str) else f"<{who} gave {kind_of(said).__name__}, not a text>"


def _notes(exc: BaseException) -> list[str]:
    try:
        notes: Any = getattr(exc, "__notes__", ())
        return [note for note in notes if issubclass(kind_of(note), str)] if kind_of(notes) in (list, tuple) else []
    except KeyboardInterrupt:
        raise
    except BaseException:
        return []


def no_state(use: str, given: object) -> TypeError:
    """Return the error for a function that takes states and was given something else, such as a class of states."""
    if isinstance(given, type):
        return TypeError(f"{use} takes states, not the class {given.__name__}; construct it: {given.__name__}(...)")
    return TypeError(f"{use} takes states, not a value of class {type(given).__name__}")


def name_of(cls: type[Any]) -> str:
    """Return the qualified name of a class, past any attribute of its metaclass."""
    module: object = vars(type)["__module__"].__get__(cls)
    name: str = vars(type)["__qualname__"].__get__(cls)
    whole = f"{module}.{name}" if isinstance(module, str) and module != "builtins" else name
    return whole.encode("utf-8", "backslashreplace").decode()


def _formatted(exc: BaseException) -> str:
    from traceback import format_exception, format_tb

    try:
        return "".join(format_exception(exc))
    except KeyboardInterrupt:
        raise
    except BaseException:  # it asks each exception of the chain for its attributes
        return "".join(format_tb(vars(BaseException)["__traceback__"].__get__(exc)))


def _last_frame(exc: BaseException) -> str:
    """Return the place of the last frame that is not in a library, ``etl.py:41 in load``; else of the last frame."""
    from traceback import walk_tb

    places = [(frame.f_code, line) for frame, line in walk_tb(vars(BaseException)["__traceback__"].__get__(exc))]
    own = [place for place in places if _is_own(place[0].co_filename)]
    if not places:
        return ""
    code, line = (own or places)[-1]
    return f"{_short(code.co_filename)}:{line} in {code.co_name}"


def _is_own(file: str) -> bool:
    return not file.startswith(("<", *_library_folders()))


@cache
def _library_folders() -> tuple[str, ...]:
    """Return the folders of the code that is not the user's: Python's own, what is installed, and this package."""
    import sysconfig

    named = [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(f"{folder}{os.sep}" for folder in {*named, os.path.dirname(os.path.dirname(__file__))})


def _short(file: str) -> str:
    """Return a path from the current folder on, if it is below it."""
    here = os.path.join(os.getcwd(), "")
    return file.removeprefix(here)
