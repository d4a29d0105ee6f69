"""The mock matching engine: the last non-zero digit of the quantity decides the course of an order.

Source: testing guide (outcomes), "Order Status Event Push" page (transitions, metadata of a lock).
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from random import Random

from eth_utils.address import to_checksum_address

from orderseal.sandbox.book import Book, outcome_digit
from orderseal.sandbox.clock import Clock, iso
from orderseal.sandbox.orders import Order, Status
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.variation import Variation


class _OffCourse(Exception):
    """Somebody else moved the order: it was cancelled or it expired."""


class Engine:
    """Plays each accepted order's course as a task of its own."""

    def __init__(self, settings: Settings, variation: Variation, clock: Clock, rng: Random, book: Book) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._rng = rng
        self._book = book
        self._taker = to_checksum_address(rng.randbytes(20))
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, order: Order) -> None:
        # The course of an order is not part of the request that created it, whose clock may be wrong.
        task = asyncio.create_task(self._play(order), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, order: Order) -> None:
        await self._pause()
        self._book.announce(order)
        digit = outcome_digit(order.signed.quantity)
        if self._settings.takers == "manual" or not order.pays_enough or digit not in (2, 3, 4, 5, 6):
            return
        try:
            if digit == 5:
                await self._step(order, Status.PENDING)
                self._book.move(order, Status.CANCELLED)
            else:
                await self._lock(order)
                await self._execute(order, digit)
        except _OffCourse:
            return

    async def _lock(self, order: Order) -> None:
        unlocks = 1 if self._variation.unlocks_once else 0
        for turn in range(unlocks + 1):
            await self._step(order, Status.PENDING)
            metadata: dict[str, object] = {
                "taker_address": self._taker,
                "expires_at": iso(self._clock.time() + self._settings.lock_seconds),
                "lock_id": self._book.random_uuid(),
            }
            self._book.move(order, Status.LOCKED, metadata)
            if turn < unlocks:
                await self._step(order, Status.LOCKED)
                self._book.move(order, Status.PENDING)

    async def _execute(self, order: Order, digit: int) -> None:
        await self._step(order, Status.LOCKED)
        if digit == 3:
            order.notes = "Rejected by taker"
            self._book.move(order, Status.REJECTED)
            return
        self._fill(order, order.signed.quantity // 2)
        self._book.move(order, Status.PARTIALLY_FILLED)
        if digit == 2:
            return
        await self._step(order, Status.PARTIALLY_FILLED)
        if digit == 6:
            self._fill(order, order.remaining)
        self._book.move(order, Status.FILLED if digit == 6 else Status.CANCELLED)

    def _fill(self, order: Order, quantity: int) -> None:
        self._book.fill(order, quantity, self._book.usual_fee(order, quantity), self._taker)

    async def _step(self, order: Order, expected: Status) -> None:
        """Let some time pass; give up if the order is no longer where the course left it."""
        await self._pause()
        if order.status is not expected or order.held is not None:
            raise _OffCourse
        if order.cancel_requested:
            order.cancel_requested = False
            if self._variation.taker_honours_cancel:
                self._book.move(order, Status.PENDING)
                self._book.move(order, Status.CANCELLED)
                raise _OffCourse

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(self._settings.step_delay_min, self._settings.step_delay_max))
