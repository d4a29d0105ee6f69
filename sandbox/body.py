"""Reads request bodies and query strings strictly: any other form is an error envelope, never a crash."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, NoReturn, cast

from starlette.requests import Request
from starlette.types import Scope

from orderseal.sandbox.errors import BODY_TOO_LARGE, INVALID_PARAMETER, MALFORMED_BODY, UNSUPPORTED_MEDIA, ApiError

MAX_BODY = 64 * 1024
MAX_DEPTH = 32
MAX_LONG = 2**63 - 1

# A client that is still sending often never reads an early reply, so an oversized body is swallowed up to here first.
MAX_DRAIN = 8 * 1024 * 1024
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_DIGITS = re.compile(r"[0-9]{1,78}")


def invalid(details: str) -> ApiError:
    return ApiError(INVALID_PARAMETER, details)


async def read_object(request: Request) -> Fields:
    """Return the JSON object of a request body; raise ``ApiError`` for anything else."""
    return parse_object(request, await read_body(request))


def parse_object(request: Request, body: bytes) -> Fields:
    """Return the JSON object in a body that was read; raise ``ApiError`` for anything else."""
    if media_type(request) != "application/json":
        raise ApiError(UNSUPPORTED_MEDIA)
    try:
        return Fields(decode_json(body))
    except ValueError as exc:
        raise ApiError(MALFORMED_BODY) from exc


def decode_json(body: bytes) -> object:
    """Return the value of strict JSON in UTF-8: no duplicate key, no NaN, not too deep; raise ``ValueError`` for anything else."""
    text = body.decode("utf-8")
    _refuse_depth(text)
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def media_type(request: Request) -> str:
    """Return the media type that a request names, without parameters, in lower case; empty if it names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def raw_path(scope: Scope) -> str:
    """Return the path of a request as it was sent, without decoding and without the query."""
    raw = scope.get("raw_path")
    return bytes(raw).decode("latin-1").partition("?")[0] if raw else str(scope["path"])


async def read_body(request: Request) -> bytes:
    """Return the bytes of a request body, at most 64 KiB; raise ``ApiError`` for more."""
    kept = bytearray()
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > MAX_DRAIN:
            break
        if received <= MAX_BODY:
            kept += chunk
    if received > MAX_BODY:
        raise ApiError(BODY_TOO_LARGE)
    return bytes(kept)


def _refuse_depth(text: str) -> None:
    # The json module recurses on the C stack. A dependency of eth-account raises the recursion limit so far that it guards no more.
    depth = 0
    for mark in _NESTING.findall(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark, 0)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


class Fields:
    """The members of one JSON object, read with the documented JSON type of each."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise invalid(f"The {path or 'body'} must be an object")
        self._members = cast("dict[str, object]", value)
        self._prefix = f"{path}." if path else ""

    def only(self, *names: str) -> Fields:
        """Refuse members with other names."""
        extra = self._members.keys() - set(names)
        if extra:
            raise invalid(f"Unknown field {self._prefix}{min(extra)[:60]}")
        return self

    def has(self, name: str) -> bool:
        return name in self._members

    def nested(self, name: str) -> Fields:
        return Fields(self._get(name), self._prefix + name)

    def objects(self, name: str) -> list[Fields]:
        value = self._get(name)
        if not isinstance(value, list):
            raise invalid(f"The {self._prefix}{name} field must be an array")
        return [Fields(item, f"{self._prefix}{name}[{number}]") for number, item in enumerate(cast("list[object]", value))]

    def string(self, name: str) -> str:
        value = self._get(name)
        if not isinstance(value, str):
            raise invalid(f"The {self._prefix}{name} field must be a string")
        return value

    def boolean(self, name: str) -> bool:
        value = self._get(name)
        if not isinstance(value, bool):
            raise invalid(f"The {self._prefix}{name} field must be a boolean")
        return value

    def integer(self, name: str) -> int:
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not -MAX_LONG <= value <= MAX_LONG:
            raise invalid(f"The {self._prefix}{name} field must be an integer")
        return value

    def number(self, name: str) -> float:
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not -MAX_LONG <= value <= MAX_LONG:
            raise invalid(f"The {self._prefix}{name} field must be a number")
        return float(value)

    def _get(self, name: str) -> object:
        if name not in self._members:
            raise invalid(f"The {self._prefix}{name} field is required")
        return self._members[name]


class Query:
    """The parameters of one query string; an absent one is ``None``, an ill-formed one is refused."""

    def __init__(self, params: Mapping[str, str]) -> None:
        self._params = params

    def text(self, name: str) -> str | None:
        return self._params.get(name)

    def boolean(self, name: str) -> bool | None:
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise invalid(f"The {name} parameter must be true or false")
        return None if value is None else value == "true"

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is not None and not _INTEGER.fullmatch(value):
            raise invalid(f"The {name} parameter must be an integer")
        return None if value is None else int(value)

    def amount(self, name: str) -> int | None:
        value = self.text(name)
        if value is not None and not _DIGITS.fullmatch(value):
            raise invalid(f"The {name} parameter must be a decimal string")
        return None if value is None else int(value)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of the choices; the first one if the parameter is absent."""
        value = self.text(name)
        if value is None:
            return choices[0]
        if value not in choices:
            raise invalid(f"The {name} parameter must be one of {', '.join(choices)}")
        return value

    def is_empty(self) -> bool:
        return not self._params

    def moment(self, name: str) -> int | None:
        """Return a Unix time that is given in seconds or, as times are elsewhere, in ISO 8601."""
        value = self.text(name)
        if value is None or _INTEGER.fullmatch(value):
            return self.integer(name)
        try:
            moment = datetime.fromisoformat(value)
            return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
        except (ValueError, OverflowError) as exc:
            raise invalid(f"The {name} parameter must be a time") from exc

    def descending(self) -> bool:
        return self.one_of("sort_order", ("desc", "asc")) == "desc"

    def paging(self, large: Literal["clamped", "refused"]) -> tuple[int, int]:
        """Return page number and page size (default 1 and 20, at most 100)."""
        page, size = self.integer("page"), self.integer("page_size")
        page, size = 1 if page is None else page, 20 if size is None else size
        if page < 1 or size < 1 or (size > 100 and large == "refused"):
            raise invalid("The page parameter must be positive and page_size in 1..100")
        return page, min(size, 100)
