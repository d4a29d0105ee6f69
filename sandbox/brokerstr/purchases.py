"""On-chain purchases as the platform lists them. Source: the page on external purchases."""

from __future__ import annotations

from collections.abc import Container
from random import Random
from typing import Any

from orderseal.sandbox.body import Fields, invalid
from orderseal.sandbox.brokerstr.tokens import Tokens
from orderseal.sandbox.clock import Clock
from orderseal.sandbox.instruments import within
from orderseal.sandbox.twins.ids import object_id, rfc3339

_LONGEST = 3600


class Purchases:
    """What was fed, each with the moment from which it is listed."""

    def __init__(self, clock: Clock, rng: Random, delays: tuple[float, float], token_id: str, market_id: str, tokens: Tokens) -> None:
        self.token_id = token_id
        self._market_id = market_id
        self._clock = clock
        self._rng = rng
        self._delays = delays
        self._tokens = tokens
        self._rows: list[tuple[float, dict[str, Any]]] = []

    def feed(self, fields: Fields, markets: Container[str]) -> str:
        """Take a purchase from the test control; return its id."""
        fields.only("hash", "buyer_address", "seller_address", "quantity", "price", "token_id", "market_id", "delay")
        token_id = fields.string("token_id") if fields.has("token_id") else self.token_id
        market_id = fields.string("market_id") if fields.has("market_id") else self._market_id
        if token_id not in self._tokens.rows or market_id not in markets:
            raise invalid("The token_id and market_id must be known")
        delay = within(fields, "delay", 0, _LONGEST) if fields.has("delay") else self._rng.uniform(*self._delays)
        due = self._clock.time() + delay
        currency, quantity = self._tokens.currency(), fields.integer("quantity")
        value = float(self._tokens.rows[token_id]["value"])
        row: dict[str, Any] = {
            "id": object_id(self._rng),
            "token_id": token_id,
            "market_id": market_id,
            "quantity": quantity,
            "price": fields.number("price") if fields.has("price") else value * quantity,
            # Singular here, unlike the token's own currency.
            "currency": {"symbol": currency["symbol"], "decimal": currency["decimals"], "address": currency["address"]},
            "buyer_address": fields.string("buyer_address"),
            "seller_address": fields.string("seller_address") if fields.has("seller_address") else "",
            "hash": fields.string("hash"),
            "created_at": rfc3339(due),
        }
        self._rows.append((due, row))
        return str(row["id"])

    def between(self, market_id: str, start: float, end: float) -> list[dict[str, Any]]:
        """Return what is listed by now and was made between two moments, both included."""
        now = self._clock.time()
        return [row for due, row in self._rows if due <= now and start <= due <= end and row["market_id"] == market_id]
