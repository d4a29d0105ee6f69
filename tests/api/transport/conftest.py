"""A venue that does not exist, its caller, and replies in its form."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from orderseal.api.transport import Call, Caller, Refusal, Response, Retries

QUICK = Retries(attempts=4, seconds=20.0, first=0.01, longest=0.02, jitter=0.0)


class Thing(msgspec.Struct):
    id: str
    count: int = 0


class _Error(msgspec.Struct):
    code: str
    message: str
    details: Any = None


class _Envelope(msgspec.Struct):
    error: _Error


def refusal(response: Response) -> Refusal | None:
    """BrokersTR's envelope."""
    error = msgspec.json.decode(response.body, type=_Envelope).error
    return Refusal(error.message, error.code, error.details)


class Venue:
    """What the tests of this folder share, as in ``tests/api/conftest.py``."""

    QUICK = QUICK
    Thing: Any = Thing
    Things: Any = list[Thing]
    refusal = staticmethod(refusal)

    @staticmethod
    def call(path: str = "/things/{thing_id}", **options: Any) -> Call[Any]:
        options = {"segments": {"thing_id": "t1"}} | options if "{" in path else options
        return Call("read the thing", options.pop("method", "GET"), path, options.pop("returns", Thing), **options)

    @staticmethod
    def error(status: int, message: str = "Something is wrong", code: str = "WRONG", details: Any = None, **headers: str) -> bytes:
        body = {"error": {"code": code, "message": message, "details": details if details is not None else {}}}
        return reply(status, body, **headers)

    @staticmethod
    def reply(status: int = 200, body: Any = None, **headers: str) -> bytes:
        return reply(status, body, **headers)


def reply(status: int, body: Any = None, **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps({"id": "t1", "count": 3} if body is None else body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(data))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + data


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
async def caller_of() -> AsyncIterator[Callable[..., Caller]]:
    """Makes callers, and closes them."""
    async with AsyncExitStack() as stack:

        def make(url: str, **options: Any) -> Caller:
            given: dict[str, Any] = {"venue": "nowhere", "refusal": refusal, "retries": QUICK} | options
            caller = Caller(url, **given)
            stack.push_async_callback(caller.aclose)
            return caller

        yield make
