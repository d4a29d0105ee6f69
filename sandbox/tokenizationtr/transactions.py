"""Transactions that take effect after a while, or fail, and are polled meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.tokenizationtr.settings import TokenizationTrSettings
from orderseal.sandbox.tokenizationtr.state import NODE
from orderseal.sandbox.tokenizationtr.variation import Variation
from orderseal.sandbox.twins.endpoint import Refusal
from orderseal.sandbox.twins.ids import object_id, rfc3339, tx_hash

STARTED = 1
"""The one number that the documents name."""
DONE = 3
"""The number of the documented sample with a hash and no error."""

KINDS = {"primary": 1, "secondary": 2, "sell": 3, "delist": 4}
"""What a user's transaction is, by its documented number."""


@dataclass(slots=True, eq=False)
class Transaction:
    """One write; ``end`` is the moment when it takes effect or fails, ``hash`` what its success shows."""

    id: str
    internal_id: str
    user_id: str
    token_id: str
    kind: str
    quantity: float
    data: dict[str, Any]
    start: float
    end: float
    hash: str
    fails: bool
    finish: Callable[[Transaction], None]
    undo: Callable[[], None]
    result: Literal["pending", "done", "failed"] = "pending"


class Transactions:
    """All writes of this run, in the order of their acceptance."""

    def __init__(self, settings: TokenizationTrSettings, variation: Variation, clock: Clock, rng: Random) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._rng = rng
        self._all: dict[str, Transaction] = {}
        self._pending: list[Transaction] = []
        self.failing = 0

    def start(
        self,
        kind: str,
        user_id: str,
        token_id: str,
        quantity: float,
        data: dict[str, Any],
        finish: Callable[[Transaction], None],
        undo: Callable[[], None],
        *,
        at_once: bool,
    ) -> Transaction:
        """Start a transaction: ``finish`` makes it take effect, ``undo`` gives back what it reserved. One at once has no delay."""
        now = self._clock.time()
        delay = 0.0 if at_once else self._rng.uniform(self._settings.delay_min, self._settings.delay_max)
        fails = not at_once and (self.failing > 0 or self._rng.random() < self._settings.failure_rate)
        self.failing -= 1 if fails and self.failing else 0
        ids = object_id(self._rng), object_id(self._rng)
        made = Transaction(*ids, user_id, token_id, kind, quantity, data, now, now + delay, tx_hash(self._rng), fails, finish, undo)
        self._all[made.id] = made
        if at_once:
            self._end(made)
        else:
            self._pending.append(made)
        return made

    def settle(self) -> None:
        """End what is due by now."""
        now = self._clock.time()
        due = [item for item in self._pending if item.end <= now]
        self._pending = [item for item in self._pending if item.end > now]
        for item in sorted(due, key=lambda item: item.end):
            self._end(item)

    def find(self, token_id: str, transaction_id: str) -> Transaction:
        item = self._all.get(transaction_id)
        if item is None or item.token_id != token_id:
            raise Refusal("missing", "Transaction not found")
        return item

    def of_user(self, user_id: str, kinds: list[int]) -> list[dict[str, Any]]:
        """Return a user's rows, the newest first; of some kinds, if there are any."""
        rows = [item for item in reversed(self._all.values()) if item.user_id == user_id and (not kinds or KINDS[item.kind] in kinds)]
        newer = self._variation.listing_fields == "newer"
        return [self.user_row(item) if newer else _older(self.user_row(item)) for item in rows]

    def of_token(self, token_id: str) -> list[dict[str, Any]]:
        return [self.token_row(item) for item in reversed(self._all.values()) if item.token_id == token_id]

    def polled(self, item: Transaction) -> dict[str, Any]:
        """Return what the polling endpoint shows, of which no page prints the form."""
        return self.token_row(item) if self._variation.poll_fields == "admin" else self.user_row(item) | {"token_id": item.token_id}

    def user_row(self, item: Transaction) -> dict[str, Any]:
        error = self._error(item)
        return {
            "id": item.id,
            "internal_id": item.internal_id,
            "user_id": item.user_id,
            "type": KINDS[item.kind],
            "status": self._status(item),
            "environment": self._variation.environment,
            "external_id": "",
            "is_api": True,
            "hash": item.hash if item.result == "done" else None,
            "error": error,
            "message": error,
            "data": item.data,
            "created_at": self.stamp(item.start),
            "updated_at": self.stamp(item.start if item.result == "pending" else item.end),
        }

    def token_row(self, item: Transaction) -> dict[str, Any]:
        row = self.user_row(item)
        return {name: row[name] for name in ("id", "user_id", "hash", "type", "status", "error", "created_at")} | {
            "node_id": NODE,
            "token_id": item.token_id,
        }

    def describe(self) -> list[dict[str, Any]]:
        """Return what really happened, for the test control."""
        names = ("id", "user_id", "token_id", "kind", "quantity", "result")
        return [{name: getattr(item, name) for name in names} for item in self._all.values()]

    def stamp(self, seconds: float) -> str:
        return rfc3339(seconds, self._variation.time_digits)

    def _status(self, item: Transaction) -> int:
        match item.result:
            case "done":
                return DONE
            case "failed":
                return self._variation.failed_status
            case _:
                halfway = (item.start + item.end) / 2
                return STARTED if self._clock.time() < halfway else self._variation.pending_status

    def _error(self, item: Transaction) -> str | None:
        return self._variation.failure_text if item.result == "failed" else None

    def _end(self, item: Transaction) -> None:
        if item.fails:
            item.result = "failed"
            item.undo()
        else:
            item.result = "done"
            item.finish(item)


def _older(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("internal_id", "hash", "error", "message", "data")}
