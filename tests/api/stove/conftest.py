"""The documented exchanges of Stove's takers and public pages, and takers with keys of their own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.api.transport import Retries

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer, Seen, Watch

    from orderseal.signing import Order, SignedOrder

EXCHANGES: dict[str, Any] = json.loads((Path(__file__).parent / "exchanges.json").read_text("utf-8"))
QUICK = Retries(attempts=3, seconds=20.0, first=0.01, longest=0.02, jitter=0.0)
AVAILABLE = "/api/v1/orders/available"


class Desk:
    """A taker's key, and what it needs to be tried."""

    EXCHANGES, QUICK, AVAILABLE = EXCHANGES, QUICK, AVAILABLE
    ADDRESS = EXCHANGES["taker"]
    HASH = EXCHANGES["order_hash"]

    def __init__(self, kit: Kit, watch: Watch) -> None:
        self.kit = kit
        self.key, self.secret = watch.hide(secrets.token_hex(16)), watch.hide(secrets.token_urlsafe(32))

    def taker(self, url: str, **options: Any) -> stove.AsyncTaker:
        means: dict[str, Any] = {"retries": Retries.none()} | options
        return stove.AsyncTaker(stove.TESTNET.at(url), self.key, self.secret, self.ADDRESS, **means)

    def order(self, quantity: int = 100, **changes: Any) -> SignedOrder[Order]:
        """A maker's order, signed."""
        return self.kit.signed_order(self.kit.signer(), quantity, **changes)

    def show(self, signed: SignedOrder[Order], **changes: object) -> stove.TakerOrder:
        """An order as the venue shows it to takers, decoded as the client does."""
        import msgspec

        from orderseal.api.stove.models import decode_hook

        shown = self.kit.placed(signed, order_hash=self.HASH, **changes)
        return msgspec.convert(shown, stove.TakerOrder, dec_hook=decode_hook)

    def signed_as_documented(self, seen: Seen) -> bool:
        """Whether a request carries the documented signature, computed here anew from what came over the wire."""
        path, _, query = seen.target.partition("?")
        content = query.encode() if seen.method == "GET" else seen.body
        text = f"{seen.method}|{path}|{seen.headers['x-api-timestamp']}|".encode() + content
        wanted = base64.b64encode(hmac.new(self.secret.encode(), text, hashlib.sha256).digest()).decode()
        return seen.headers["x-api-key"] == self.key and seen.headers["x-api-signature"] == wanted


@pytest.fixture
def desk(kit: Kit, watch: Watch) -> Desk:
    return Desk(kit, watch)


@pytest.fixture
async def taker(desk: Desk, server: RawServer) -> AsyncIterator[stove.AsyncTaker]:
    """A taker of the raw server, which asks once."""
    async with desk.taker(server.url) as made:
        yield made


@pytest.fixture
async def taker_of(desk: Desk) -> AsyncIterator[Callable[..., stove.AsyncTaker]]:
    """Makes takers, and closes them."""
    async with AsyncExitStack() as stack:

        def make(url: str, **options: Any) -> stove.AsyncTaker:
            made = desk.taker(url, **options)
            stack.push_async_callback(made.aclose)
            return made

        yield make
