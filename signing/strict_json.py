"""JSON from strangers: UTF-8, no duplicate keys, no NaN, no rounded numbers, and never deeper than a parser can bear.

The depth is counted before parsing. Python's own guard cannot be relied on: a package that is imported somewhere may raise the
recursion limit (py-ecc, which eth-account loads, sets it to 100,000), and then a few kilobytes of brackets overflow the C stack.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from orderseal.signing.errors import InvalidInput, describe

__all__ = ["JAVASCRIPT_SAFE", "MAX_DEPTH", "JsonNumber", "is_too_deep", "read_json", "refuse_deep_value"]

JAVASCRIPT_SAFE: Final = 2**53
"""JavaScript holds every integer below this exactly, and rounds some from here on."""

MAX_DEPTH: Final = 128
"""The most levels of arrays and objects within each other that are read."""

_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.S)


class JsonNumber(str):
    """A JSON number that is not a plain safe integer, kept as the text it was: ``1.0``, ``-0``, ``9007199254740993``."""

    __slots__ = ()


def is_too_deep(data: bytes) -> bool:
    """Whether JSON text nests deeper than :data:`MAX_DEPTH`. Linear in its length, and almost free for ordinary documents."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _BRACKETS.finditer(data):
        first = data[match.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def refuse_deep_value(value: object, path: str) -> None:
    """Refuse a Python value that nests deeper than :data:`MAX_DEPTH`, one that contains itself included."""
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        current, depth = stack.pop()
        if isinstance(current, Mapping):
            inner: Any = current.values()
        elif isinstance(current, list | tuple):
            inner = cast("list[Any]", current)
        else:
            continue
        if depth > MAX_DEPTH:
            raise _too_deep(path)
        stack += [(item, depth + 1) for item in inner if isinstance(item, Mapping | list | tuple)]


def _too_deep(path: str) -> InvalidInput:
    return InvalidInput(path=path, expected=f"at most {MAX_DEPTH} levels of arrays and objects", actual="more")


class _Duplicate:
    """Stands in the place of an object that named a key twice, until the path to it is known."""

    def __init__(self, key: str) -> None:
        self.key = key


def read_json(data: bytes | str, path: str = "document") -> Any:
    """Parse JSON strictly.

    A number that is no plain integer below 2^53 comes back as its text in a :class:`JsonNumber`, so that the type which it
    meets can refuse it with its path.

    Raises:
        InvalidInput: with the path of a duplicate key, or the line and column of a syntax error.
    """
    duplicates: list[_Duplicate] = []

    def pairs(items: list[tuple[str, Any]]) -> Any:
        result = dict(items)
        if len(result) == len(items):
            return result
        seen: set[str] = set()
        twice = next(key for key, _value in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        duplicates.append(_Duplicate(twice))
        return duplicates[-1]

    if is_too_deep(data if isinstance(data, bytes) else data.encode(errors="surrogatepass")):
        raise _too_deep(path)
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise InvalidInput(path=path, expected="JSON in UTF-8", actual=f"other bytes at position {error.start}") from None

    def refuse_constant(word: str) -> Any:
        raise InvalidInput(path=path, expected="JSON", actual=f"{word}, which is no JSON")

    keep_text = cast("Callable[[str], Any]", JsonNumber)
    try:
        result = json.loads(text, object_pairs_hook=pairs, parse_int=_number, parse_float=keep_text, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        where = f"text that is none at line {error.lineno}, column {error.colno} ({error.msg})"
        where = "a byte order mark before it" if text.startswith("\ufeff") else where
        raise InvalidInput(path=path, expected="JSON", actual=where if text.strip() else "nothing") from None
    if duplicates:
        place, key = _find_duplicate(result)
        raise InvalidInput(path=place or path, expected="each key once", actual=f"{describe(key)} twice")
    return result


def _number(text: str) -> int | JsonNumber:
    if len(text) <= 17 and text != "-0":
        number = int(text)
        if -JAVASCRIPT_SAFE < number < JAVASCRIPT_SAFE:
            return number
    return JsonNumber(text)


_Link = tuple[Any, str]  # (the link above or None, the key or [index] here): a path that is written out only when it is wanted


def _find_duplicate(value: Any) -> tuple[str, str]:
    """Give the path of the first object that names a key twice, and that key."""
    stack: list[tuple[Any, _Link | None]] = [(value, None)]
    while stack:
        current, link = stack.pop()
        if isinstance(current, _Duplicate):
            return _write_path(link), current.key
        if isinstance(current, dict):
            stack += [(item, (link, key)) for key, item in reversed(cast("dict[str, Any]", current).items()) if _may_hold(item)]
        elif isinstance(current, list):
            stack += [(item, (link, f"[{i}]")) for i, item in reversed(list(enumerate(current))) if _may_hold(item)]
    raise AssertionError("read_json calls this only where there is one")


def _may_hold(value: Any) -> bool:
    return isinstance(value, _Duplicate | dict | list)


def _write_path(link: _Link | None) -> str:
    parts: list[str] = []
    while link is not None:
        link, key = link
        plain = len(key) <= 40 and (key.isidentifier() or (key.startswith("[") and key[1:-1].isdigit()))
        parts.append(key if plain else f"[{describe(key)[:44]}]")
    text = "".join(f".{part}" if not part.startswith("[") else part for part in reversed(parts)).lstrip(".")
    return text if len(text) <= 300 else f"{text[:140]} … {text[-140:]}"
