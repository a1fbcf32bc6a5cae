"""Forms: what somebody typed, and the JSON value that it says. ``read(shape, typed_of(shape, value))`` is the value.

A form sends pairs of names and texts. The name of an input is the JSON pointer of its value below the form's own name,
and that of a list's length ends with ``/#``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard
from urllib.parse import quote

from pydantic_core import from_json, to_json

from statesig.codec.limits import DEFAULT_LIMITS, excess, malformation
from statesig.http.problems import Fault
from statesig.http.service.pages.shapes import NOTHING, Shape

__all__ = ["Input", "changed_rows", "input_of", "read", "typed_of"]

Typed = Mapping[str, str]

_MOST_ROWS: Final = 200
_INTEGER: Final = re.compile(r"-?[0-9]{1,4000}\Z")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][-+]?[0-9]{1,3})?\Z")


# ---- from values to what is typed


def typed_of(shape: Shape, name: str, value: Any = NOTHING) -> dict[str, str]:
    """Return what somebody types to say a value: at first the defaults.

    Args:
        shape: The value's shape.
        name: The name of its input.
        value: The value; `NOTHING`: its default, or else nothing.
    """
    given: Any = shape.default if value is NOTHING else value
    if shape.kind == "object":
        inner = given if _is_object(given) else {}
        pairs = [typed_of(field, _below(name, key), inner.get(key, NOTHING)) for key, field in shape.fields]
        return {key: text for each in pairs for key, text in each.items()}
    if shape.kind == "list":
        assert shape.item is not None, "a list has items"
        items = given if _is_list(given) else [NOTHING] * shape.fewest
        found = {f"{name}/#": str(len(items))}
        for index, item in enumerate(items):
            found |= typed_of(shape.item, _below(name, index), item)
        return found
    return {name: "" if given is NOTHING or given is None else _text(shape, given)}


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _text(shape: Shape, value: Any) -> str:
    if shape.kind in ("text", "date", "decimal") and isinstance(value, str):
        return value
    return to_json(value, indent=2 if shape.kind == "json" and isinstance(value, (dict, list)) else None).decode()


def _below(name: str, key: str | int) -> str:
    return f"{name}/{str(key).replace('~', '~0').replace('/', '~1')}"


def changed_rows(shape: Shape, name: str, typed: Typed, *, add: str = "", remove: str = "") -> dict[str, str]:
    """Return what was typed with a row more, or less, in one of its lists.

    Args:
        shape: The shape of the whole.
        name: The name of the whole.
        typed: What was typed.
        add: The name of the list that a row is added to.
        remove: The name of the row that is removed.
    """
    changed = dict(typed)
    lists = {each.name: inner for each, inner in _lists(shape, name, typed)}
    if add in lists and lists[add].item is not None:
        length = _length(typed, add)
        changed[f"{add}/#"] = str(min(length + 1, _MOST_ROWS))
        changed |= typed_of(_item(lists[add]), _below(add, length))
    whole, _, index = remove.rpartition("/")
    if whole in lists and index.isdecimal() and int(index) < _length(typed, whole):
        shape = lists[whole]
        rows, gone = _length(typed, whole), int(index)
        for at in range(gone, rows):
            here, after = _below(whole, at), _below(whole, at + 1)
            for key in [key for key in changed if key == here or key.startswith(f"{here}/")]:
                del changed[key]
            moved = {key: text for key, text in typed.items() if key == after or key.startswith(f"{after}/")}
            changed |= {here + key.removeprefix(after): text for key, text in moved.items()}
        changed[f"{whole}/#"] = str(rows - 1)
    return changed


def _item(shape: Shape) -> Shape:
    assert shape.item is not None, "a list has items"
    return shape.item


def _length(typed: Typed, name: str) -> int:
    text = typed.get(f"{name}/#", "0")
    return min(int(text), _MOST_ROWS) if re.fullmatch(r"[0-9]{1,6}", text) else 0


# ---- from what is typed to values


def read(shape: Shape, name: str, typed: Typed, place: str = "") -> tuple[Any, list[Fault]]:
    """Return the value that somebody typed, or `NOTHING`, and what is wrong with it.

    Args:
        shape: The value's shape.
        name: The name of its input.
        typed: What was typed.
        place: The path of the value, as the faults say it.
    """
    faults: list[Fault] = []
    return _read(shape, name, typed, place, faults), faults


def _read(shape: Shape, name: str, typed: Typed, place: str, faults: list[Fault]) -> Any:
    if shape.kind == "object":
        return _read_object(shape, name, typed, place, faults)
    if shape.kind == "list":
        rows = _length(typed, name)
        if not rows and not shape.is_required and (shape.default is NOTHING or not shape.default):
            return NOTHING
        return [_read(_item(shape), _below(name, at), typed, f"{place}[{at}]", faults) for at in range(rows)]
    text = typed.get(name, "")
    text = text.replace("\r\n", "\n") if shape.kind == "text" else text.strip()  # browsers send lines so
    if not text:
        return _left_empty(shape, place, faults)
    value = _parsed(shape, text)
    if isinstance(value, Fault):
        faults.append(Fault(place, value.reason))
        return NOTHING
    return value[0]


def _read_object(shape: Shape, name: str, typed: Typed, place: str, faults: list[Fault]) -> Any:
    may_be_left_out = not shape.is_required or shape.is_nullable
    if may_be_left_out and not _says_something(name, typed):
        return None if shape.is_required else NOTHING
    found = {
        key: _read(field, _below(name, key), typed, f"{place}.{key}" if place else key, faults)
        for key, field in shape.fields
    }
    return {key: value for key, value in found.items() if value is not NOTHING}


def _says_something(name: str, typed: Typed) -> bool:
    """Tell whether anything below a name was typed."""
    below = ((key, text) for key, text in typed.items() if key.startswith(f"{name}/"))
    return any(text != "0" if key.endswith("/#") else bool(text.strip()) for key, text in below)


def _left_empty(shape: Shape, place: str, faults: list[Fault]) -> Any:
    """Return what an empty input says: null, an empty text, or nothing, so that the default holds."""
    if shape.is_nullable:
        return None if shape.is_required or shape.default not in (NOTHING, None) else NOTHING
    if not shape.is_required:
        return "" if shape.kind == "text" and isinstance(shape.default, str) and shape.default else NOTHING
    if shape.kind == "text":
        return ""
    faults.append(Fault(place, "is required"))
    return NOTHING


def _parsed(shape: Shape, text: str) -> tuple[Any] | Fault:
    """Return what a text says, in a tuple, or what is wrong with it: never the text itself."""
    match shape.kind:
        case "integer":
            return (int(text),) if _INTEGER.match(text) else Fault("", "is a whole number, such as 3")
        case "number":
            return (from_json(text),) if _NUMBER.match(text) else Fault("", "is a number, such as 2.5")
        case "decimal":
            return (text,) if _NUMBER.match(text) else Fault("", "is a number, such as 2.5")
        case "choice":
            known = any(text == value for value, _ in shape.options)
            return (from_json(text),) if known else Fault("", "is one of those that can be chosen")
        case "json":
            return _parsed_json(text)
        case _:
            return (text,)


def _parsed_json(text: str) -> tuple[Any] | Fault:
    data = text.encode(errors="surrogatepass")
    beyond = excess(data, DEFAULT_LIMITS)
    wrong = malformation(data) if beyond is None else None
    if beyond is not None or wrong is not None:
        return Fault("", f"is JSON; this {beyond}" if beyond else f"is JSON: {wrong}")
    return (from_json(data),)


# ---- what is shown


@dataclass(frozen=True, slots=True)
class Input:
    """An input as a page shows it.

    Args:
        shape: Its shape.
        name: Its name.
        id: Its identity in the page.
        place: The path of its value.
        value: What was typed.
        faults: What is wrong with it.
        inner: The inputs within it.
    """

    shape: Shape
    name: str
    id: str
    place: str
    value: str
    faults: tuple[str, ...]
    inner: tuple[Input, ...] = ()

    def each(self) -> Iterator[Input]:
        """Yield it and all within it."""
        yield self
        for one in self.inner:
            yield from one.each()


def input_of(
    shape: Shape, name: str, typed: Typed, faults: Iterable[Fault], *, form: str, place: str = ""
) -> tuple[Input, list[Fault]]:
    """Return the input of a value, with each fault where its path leads, and the faults whose path leads nowhere.

    Args:
        shape: The value's shape.
        name: The name of its input.
        typed: What was typed.
        faults: What is wrong.
        form: The identity of the form in the page.
        place: The path of the value.
    """
    bare = _input(shape, name, typed, {}, form, place)
    places = {one.place for one in bare.each()}
    found: dict[str, list[str]] = {}
    others: list[Fault] = []
    for fault in faults:
        at = _nearest(fault.path, places)
        if at is None:
            others.append(fault)
        else:
            found.setdefault(at, []).append(fault.reason)
    return _input(shape, name, typed, found, form, place), others


def _nearest(path: str, places: set[str]) -> str | None:
    """Return the place that a path leads to, or else the nearest around it; None if there is no such place."""
    while path not in places and path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return path if path in places else None


def _input(shape: Shape, name: str, typed: Typed, faults: Mapping[str, list[str]], form: str, place: str) -> Input:
    inner: list[Input] = []
    for key, field in shape.fields:
        inner.append(_input(field, _below(name, key), typed, faults, form, f"{place}.{key}" if place else key))
    if shape.item is not None:
        rows = range(_length(typed, name))
        inner += [_input(shape.item, _below(name, at), typed, faults, form, f"{place}[{at}]") for at in rows]
    identity, told = quote(f"{form}/{name}", safe="/"), tuple(faults.get(place, ()))
    return Input(shape, name, identity, place, typed.get(name, ""), told, tuple(inner))


def _lists(shape: Shape, name: str, typed: Typed) -> Iterator[tuple[Input, Shape]]:
    """Yield the lists of a form as it was typed."""
    for one in _input(shape, name, typed, {}, "", "").each():
        if one.shape.kind == "list":
            yield one, one.shape
