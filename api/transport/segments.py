"""Parts of an address that come from somebody else: path segments, query values, header values. Checked before anything is sent."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from orderseal.signing import InvalidInput, describe

__all__ = ["check_headers", "fill", "query_pairs", "query_string", "segment"]

_MOST: Final = 256
_PLACE = re.compile(r"\{([a-z_]+)\}", re.ASCII)
# Servers, proxies and routers disagree on these, even percent-encoded: one of them may see another path. `;` opens path parameters.
_TWO_FACED: Final = frozenset("/\\?#%;")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,8300}[\x21-\x7e])?", re.ASCII)


def segment(value: object, path: str = "id") -> str:
    """Check a value that becomes one segment of a path, such as an id, and give it percent-encoded. A whole number is written out.

    Args:
        path: what it is, for the error.

    Raises:
        InvalidInput: it is empty, longer than 256 characters, all dots, holds a character that cannot be printed, or one of
            ``/ \\ ? # % ;``: sent in whatever form, it could name another endpoint.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else value
    if (
        not isinstance(text, str)
        or not 0 < len(text) <= _MOST
        or not text.isprintable()
        or not text.strip(". ")
        or not _TWO_FACED.isdisjoint(text)
    ):
        raise InvalidInput(path=path, expected="an id: text without slashes, control characters and the like", actual=describe(value))
    return quote(text, safe=",:@")


def fill(template: str, segments: Mapping[str, object]) -> str:
    """Put checked values into a path template: ``fill("/tokens/{id}", {"id": 7})``."""
    names = set(_PLACE.findall(template))
    if names != set(segments) or not template.startswith("/") or any(mark in _PLACE.sub("", template) for mark in "{}?#%\\ "):
        expected = "a path template such as /tokens/{token_id}, and a value for each of its places"
        raise InvalidInput(path="path", expected=expected, actual=describe(template))
    return _PLACE.sub(lambda match: segment(segments[match[1]], match[1]), template)


def query_pairs(query: Mapping[str, object]) -> dict[str, str | tuple[str, ...]]:
    """Write query values as text: ``None`` is left out, ``True`` is ``true``, a list or tuple repeats its key."""
    found: dict[str, str | tuple[str, ...]] = {}
    for key, value in query.items():
        if isinstance(value, list | tuple):
            found[key] = tuple(_query_text(item, key) for item in value)
        elif value is not None:
            found[key] = _query_text(value, key)
    return found


def _query_text(value: object, key: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str) or not text.isprintable() or len(text) > 4 * _MOST:
        raise InvalidInput(path=key, expected="printable text, an integer, a bool, or a list of them", actual=describe(value))
    return text


def query_string(query: Mapping[str, str | tuple[str, ...]]) -> str:
    """The query as it goes over the wire, without the question mark."""
    return urlencode(list(query.items()), doseq=True, quote_via=quote, safe="")


def check_headers(headers: Mapping[str, str], path: str = "headers") -> dict[str, str]:
    """Check that header names and values are plain: a line break in one would forge another. Values may be secrets and are never shown."""
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidInput(path=path, expected="the name of a header", actual=describe(name))
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidInput(path=f"{path}.{name}", expected="printable ASCII on one line", actual="something else, not shown")
    return dict(headers)
