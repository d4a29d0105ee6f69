"""What takers do with orders: lock, unlock, fill, and answer to cancellation requests.

Source: taker pages "Validate", "Lock", "Unlock", "Fill" and "Cancellation response"; the two event push pages.
"""

from __future__ import annotations

import asyncio
from contextvars import Context

from orderseal.sandbox.book import Book
from orderseal.sandbox.clock import Clock, iso
from orderseal.sandbox.errors import (
    INVALID_FILL,
    INVALID_TAKER_INCENTIVE,
    LOCKED_BY_ANOTHER,
    NO_CANCELLATION_REQUEST,
    NOT_LOCKED,
    ORDER_NOT_OPEN,
    ApiError,
)
from orderseal.sandbox.orders import Fill, Lock, Order, Status
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.stream import Hub
from orderseal.sandbox.variation import Variation

_LOCKABLE = frozenset({Status.PENDING, Status.PARTIALLY_FILLED})


class Desk:
    """Keeps the locks. There is no await inside, so an order has one holder at a time."""

    def __init__(self, settings: Settings, variation: Variation, clock: Clock, book: Book, hub: Hub) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._book = book
        self._hub = hub
        self._held: dict[str, Order] = {}

    def lock(self, order_hash: str, key: str, taker: str, seconds: int | None) -> Lock:
        """Give an order to one taker for some seconds, by default the venue's hour."""
        order = self._book.with_hash(order_hash)
        if order.status not in _LOCKABLE or order.held is not None:
            raise ApiError(ORDER_NOT_OPEN, f"status is {order.status}")
        now, seconds = self._clock.time(), self._settings.lock_seconds if seconds is None else seconds
        lock = order.lock = Lock(key=key, taker=taker, id=self._book.random_uuid(), locked_at=now, expires_at=now + seconds)
        self._held[order.order_hash] = order
        self._wake_after(seconds)
        # The list of transitions has no step from partially_filled to locked.
        if order.status is Status.PENDING:
            self._book.move(order, Status.LOCKED, self._metadata(lock))
        return lock

    def unlock(self, order_hash: str, key: str) -> Order:
        """Give an order back; a cancellation that was waiting takes effect."""
        order = self.own(order_hash, key)
        self._release(order)
        return order

    def fill(self, order: Order, key: str, quantity: int, incentive: int | None) -> Fill:
        """Execute a part of a locked order at its limit price; without ``incentive`` the usual fee is taken."""
        lock = self._lock_of(order, key)
        if not 0 < quantity <= order.remaining:
            raise ApiError(INVALID_FILL, f"{order.remaining} remain")
        left = order.signed.incentive - sum(fill.fee for fill in order.fills)
        fee = min(self._book.usual_fee(order, quantity), left) if incentive is None else incentive
        if fee > left:
            raise ApiError(INVALID_TAKER_INCENTIVE, f"{left} is left of the order's incentive")
        fill = self._book.fill(order, quantity, fee, lock.taker, key)
        self._after_fill(order, lock, fill)
        return fill

    def request_cancel(self, order: Order) -> None:
        """Ask the holder of an order to let it go, once."""
        lock = order.held
        if lock is None or lock.answer_by is not None:
            return
        lock.answer_by = self._clock.time() + self._settings.cancel_timeout
        self._wake_after(self._settings.cancel_timeout)
        self._hub.cancellation_requested(order, lock, self._book.random_uuid(), lock.answer_by)

    def answer_cancel(self, order_hash: str, key: str, taker: str, *, agreed: bool) -> Order:
        """Record a taker's answer to a cancellation request."""
        order = self.own(order_hash, key)
        lock = self._lock_of(order, key)
        if lock.answer_by is None or lock.taker != taker:
            raise ApiError(NO_CANCELLATION_REQUEST)
        self._settle(order, lock, cancelled=agreed)
        return order

    def own(self, order_hash: str, key: str) -> Order:
        """Return an order that this key holds; raise ``ApiError`` otherwise."""
        order = self._book.with_hash(order_hash)
        self._lock_of(order, key)
        return order

    def tick(self) -> None:
        """End the requests that nobody answered and the locks that are over."""
        now = self._clock.time()
        for order in list(self._held.values()):
            lock = order.held
            if lock is None:
                del self._held[order.order_hash]
                continue
            if lock.answer_by is not None and now >= lock.answer_by:
                self._settle(order, lock, cancelled=self._variation.unanswered_cancel == "cancelled")
            if now >= lock.expires_at and order.held is lock:
                self._release(order)

    def _lock_of(self, order: Order, key: str) -> Lock:
        if (lock := order.held) is None:
            raise ApiError(NOT_LOCKED)
        if lock.key != key:
            raise ApiError(LOCKED_BY_ANOTHER)
        return lock

    def _after_fill(self, order: Order, lock: Lock, fill: Fill) -> None:
        metadata = self._metadata(lock) | {"blockchain_tx_hash": fill.tx_hash}
        if not order.remaining:
            order.cancel_requested = False
            self._book.move(order, Status.FILLED, metadata)
        elif order.status is not Status.PARTIALLY_FILLED:
            self._book.move(order, Status.PARTIALLY_FILLED, metadata)
        else:
            self._book.touch(order)

    def _settle(self, order: Order, lock: Lock, *, cancelled: bool) -> None:
        lock.answer_by = None
        if cancelled:
            self._cancel(order)
        else:
            order.cancel_requested = False

    def _release(self, order: Order) -> None:
        if order.cancel_requested:
            self._cancel(order)
            return
        order.lock = None
        if order.status is Status.LOCKED:
            self._book.move(order, Status.PENDING)

    def _cancel(self, order: Order) -> None:
        order.cancel_requested = False
        if order.status is Status.LOCKED:
            self._book.move(order, Status.PENDING)
        over = order.signed.deadline < self._clock.seconds()
        self._book.move(order, Status.EXPIRED if over else Status.CANCELLED)

    def _metadata(self, lock: Lock) -> dict[str, object]:
        return {"taker_address": lock.taker, "expires_at": iso(lock.expires_at), "lock_id": lock.id}

    def _wake_after(self, seconds: float) -> None:
        # What becomes due is not part of the request that began it, whose clock may be wrong.
        asyncio.get_running_loop().call_later(seconds + 0.01, self.tick, context=Context())
