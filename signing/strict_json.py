"""JSON from strangers: UTF-8, no duplicate keys, no NaN, no rounded numbers, and never deeper than a parser can bear.

The depth is counted before parsing. Python's own guard cannot be relied on: a package that is imported somewhere may raise the
recursion limit (py-ecc, which eth-account loads, sets it to 100,000), and then a few kilobytes of brackets overflow the C stack.
"""

import json
import re
from collections.abc import Callable, Mapping
from json.scanner import make_scanner
from typing import Any, Final, cast

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.limits import DEFAULT_LIMITS, MAX_DEPTH, Limits
from orderseal.signing.values import exact_bytes, exact_str

__all__ = ["JAVASCRIPT_SAFE", "JsonNumber", "checked_text", "is_too_deep", "read_json", "read_object", "refuse_large_value", "scan_loosely"]

JAVASCRIPT_SAFE: Final = 2**53
"""JavaScript holds every integer below this exactly, and rounds some from here on."""

_FIRST_KEY = re.compile(r'[ \t\n\r]*\{[ \t\n\r]*"([A-Za-z_]+)"[ \t\n\r]*:[ \t\n\r]*', re.ASCII)
_NEXT_KEY = re.compile(r'[ \t\n\r]*,[ \t\n\r]*"([A-Za-z_]+)"[ \t\n\r]*:[ \t\n\r]*', re.ASCII)
_LAST = re.compile(r"[ \t\n\r]*\}[ \t\n\r]*", re.ASCII)
_RAISE: Final = "A program may raise it with limits=Limits(…)"
# Possessive, so that a long string costs no memory.
_MARKS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.S)
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.S)


class JsonNumber(str):
    """A JSON number that is not a plain safe integer, kept as the text it was: ``1.0``, ``-0``, ``9007199254740993``."""

    __slots__ = ()


def is_too_deep(data: bytes, depth: int = MAX_DEPTH) -> bool:
    """Whether JSON text nests deeper than ``depth``. Linear in its length, and almost free for ordinary documents."""
    if data.count(b"[") + data.count(b"{") <= depth:
        return False
    level = 0
    for match in _BRACKETS.finditer(data):
        first = data[match.start()]
        if first in b"[{":
            level += 1
            if level > depth:
                return True
        elif first in b"]}":
            level -= 1
    return False


def checked_text(data: bytes | str, path: str, limits: Limits) -> str:
    """Give JSON text that is UTF-8 and within the limits; whether it is JSON is for the parser to say."""
    if isinstance(data, bytes):
        data = raw = exact_bytes(data)
    elif isinstance(data, str):
        data = exact_str(data)
        raw = data.encode(errors="surrogatepass")
    else:
        raise InvalidInput(path=path, expected="JSON as text or bytes", actual=describe(data))
    if len(raw) > limits.document_bytes:
        raise InvalidInput(path=path, expected=f"JSON of at most {limits.document_bytes} bytes", actual=f"{len(raw)} bytes", hint=_RAISE)
    brackets = raw.count(b"[") + raw.count(b"{")
    if raw.count(b",") > limits.values or brackets > min(limits.containers, limits.depth):
        _refuse_beyond(raw, path, limits)
    try:
        return data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise InvalidInput(path=path, expected="JSON in UTF-8", actual=f"other bytes at position {error.start}") from None


def _refuse_beyond(raw: bytes, path: str, limits: Limits) -> None:
    """Count what stands outside strings, and stop at the first limit that is passed."""
    values = containers = level = strings = 0
    most_strings = 2 * (limits.values + limits.containers + 1)  # In JSON a comma or a bracket stands before every second string.
    for match in _MARKS.finditer(raw):
        mark = raw[match.start()]
        if mark == 0x22:
            strings += 1
        elif mark == 0x2C:
            values += 1
        elif mark in b"[{":
            containers += 1
            level += 1
        else:
            level -= 1
        if level > limits.depth:
            raise _too_deep(path, limits)
        _refuse_many(values if strings <= most_strings else strings, containers, path, limits)


def refuse_large_value(value: object, path: str, limits: Limits = DEFAULT_LIMITS) -> None:
    """Refuse a Python value beyond the limits of depth and number, one that contains itself included."""
    stack: list[tuple[Any, int]] = [(value, 1)]
    values = containers = 0
    while stack:
        current, depth = stack.pop()
        if isinstance(current, Mapping):
            inner: Any = current.values()
        elif isinstance(current, list | tuple):
            inner = cast("list[Any]", current)
        else:
            continue
        values += len(inner)
        containers += 1
        if depth > limits.depth:
            raise _too_deep(path, limits)
        _refuse_many(values, containers, path, limits)
        stack += [(item, depth + 1) for item in inner if isinstance(item, Mapping | list | tuple)]


def _too_deep(path: str, limits: Limits) -> InvalidInput:
    return InvalidInput(path=path, expected=f"at most {limits.depth} levels of arrays and objects", actual="more")


def _refuse_many(values: int, containers: int, path: str, limits: Limits) -> None:
    if values > limits.values:
        raise InvalidInput(path=path, expected=f"at most {limits.values} values", actual="more", hint=_RAISE)
    if containers > limits.containers:
        raise InvalidInput(path=path, expected=f"at most {limits.containers} arrays and objects", actual="more", hint=_RAISE)


class _Duplicate:
    """Stands in the place of an object that named a key twice, until the path to it is known."""

    def __init__(self, key: str) -> None:
        self.key = key


class _Irregular(Exception):
    """Raised within the quick reader."""


def _distinct(items: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(items)
    if len(result) != len(items):
        raise _Irregular
    return result


def _no_constant(_word: str) -> Any:
    raise _Irregular


def read_object(
    text: str, recall: Callable[[str, str, int], tuple[Any, int] | None], start: int = 0
) -> tuple[dict[str, tuple[Any, int, int]], int] | None:
    """Read the JSON object at ``start`` quickly, as ``{key: (value, start, end)}`` and where it ends, or give ``None``.

    ``None`` says nothing about what is wrong, nor that anything is: :func:`read_json` does. Before a member's value is parsed,
    ``recall(key, text, start)`` may give the value and its end instead. Equal text of an object has an equal meaning, and ends at the
    same place, whatever follows it.
    """
    found: dict[str, tuple[Any, int, int]] = {}
    match = _FIRST_KEY.match(text, start)
    try:
        while match:
            key, begin = match[1], match.end()
            if key in found:
                return None
            value, end = recall(key, text, begin) or _scan(text, begin)
            found[key] = value, begin, end
            match = _NEXT_KEY.match(text, end)
            if not match and (last := _LAST.match(text, end)):
                return found, last.end()
    except (_Irregular, StopIteration, ValueError):
        pass
    return None


def read_json(data: bytes | str, path: str = "document", limits: Limits = DEFAULT_LIMITS) -> Any:
    """Parse JSON strictly.

    A number that is no plain integer below 2^53 comes back as its text in a :class:`JsonNumber`, so that the type which it
    meets can refuse it with its path.

    Raises:
        InvalidInput: beyond the limits; or with the path of a duplicate key, or the line and column of a syntax error.
    """
    text = checked_text(data, path, limits)
    duplicates: list[_Duplicate] = []

    def pairs(items: list[tuple[str, Any]]) -> Any:
        result = dict(items)
        if len(result) == len(items):
            return result
        seen: set[str] = set()
        twice = next(key for key, _value in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        duplicates.append(_Duplicate(twice))
        return duplicates[-1]

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


_scan = cast(
    "Callable[[str, int], tuple[Any, int]]",
    make_scanner(
        json.JSONDecoder(object_pairs_hook=_distinct, parse_int=_number, parse_float=JsonNumber, parse_constant=_no_constant)  # type: ignore[arg-type]
    ),
)

scan_loosely = cast("Callable[[str, int], tuple[Any, int]]", make_scanner(json.JSONDecoder()))  # type: ignore[arg-type]
"""Parse the value at a place of JSON text as Python does, and give it and its end: duplicate keys and odd numbers are for the caller."""

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
