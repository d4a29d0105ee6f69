"""What the tests of the feeds share."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from orderseal.api import stove
from orderseal.api.stove.feeds import FeedOptions
from orderseal.signing import Address

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.api.conftest import Seen

PATIENCE = 60.0
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJjaGFpbl9pZCI6Ijk3In0.c2VjcmV0LW9mLXRoZS1mZWVkcw"
FAST = FeedOptions(first_backoff=0.001, longest_backoff=0.01, silence=PATIENCE)
HASH = "0x" + "ab" * 32
NOBODY = Address("0x" + "12" * 20)
HEARTBEAT = '{"type":"heartbeat","timestamp":1763722070521}'


def fast(**changes: Any) -> FeedOptions:
    return replace(FAST, **changes)


def placed(name: str, status: str) -> stove.PlacedOrder:
    """An order as a query gives it; only its name and its status matter here."""
    at = datetime(2026, 1, 19, tzinfo=UTC)
    units = stove.BaseUnits(1)
    return stove.PlacedOrder(
        id=name, maker=NOBODY, principal=NOBODY, is_buy=True, ticker="AAPL", exchange=0, asset=NOBODY, price=units, quantity=units,
        incentive=units, deadline=1, nonce=0, signature="0x", order_hash=name, status=status, filled_quantity=stove.BaseUnits(0),
        created_at=at, updated_at=at,
    )  # fmt: skip


@dataclass
class Account:
    """What a feed's callbacks give: a token, and the statuses that the venue would answer with."""

    token: str
    statuses: dict[str, str] = field(default_factory=dict)
    renewals: list[bool] = field(default_factory=list)
    queries: int = 0
    before_query: Callable[[], Any] | None = None

    async def headers(self, renew: bool) -> Mapping[str, str]:
        self.renewals.append(renew)
        return {"Authorization": f"Bearer {self.token}"}

    async def jwt(self, renew: bool) -> str:
        self.renewals.append(renew)
        return self.token

    async def snapshot(self) -> list[stove.PlacedOrder]:
        self.queries += 1
        if self.before_query is not None:
            waiting = self.before_query()
            if waiting is not None:
                await waiting
        return [placed(name, status) for name, status in self.statuses.items()]


def accepted(seen: Seen, **headers: str) -> bytes:
    """The venue's side of an accepted handshake; header names are written with underscores."""
    key = seen.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
    lines = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("HTTP/1.1 101 Switching Protocols\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()


def swallow(connection: socket.socket) -> None:
    """Read until the other side is gone."""
    while connection.recv(65536):
        pass


def message(kind: str, data: object, **more: object) -> str:
    return json.dumps({"type": kind, "timestamp": "2024-01-01T12:00:00Z", "data": data} | more)


async def take(items: AsyncIterator[Any], number: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(items) for _ in range(number)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)
