"""The WebSocket feeds: who gets which message, heartbeats, and what can be wrong with a feed.

Source: "Order Status Event Push" page for makers and for takers, "Orderbook Data Push" page.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from orderseal.sandbox.clock import Clock, iso, iso_nanoseconds
from orderseal.sandbox.orders import Lock, Order, Status
from orderseal.sandbox.variation import Variation
from orderseal.sandbox.views import Views

_MAX_WAITING = 10_000

Topic = tuple[str, str]
EVERY_TAKER: Topic = ("takers", "")


def maker_topic(wallet: str) -> Topic:
    return ("maker", wallet)


def taker_topic(key: str) -> Topic:
    return ("taker", key)


def book_topic(ticker: str) -> Topic:
    return ("book", ticker)


class Subscriber:
    """One open socket: its topics, and the types of message that it asked for."""

    def __init__(self, topics: Collection[Topic], types: Collection[str]) -> None:
        self.topics = topics
        self.types = types
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.dropped = asyncio.Event()

    def put(self, message: str) -> None:
        """Queue a message, or drop a client that stopped reading long ago."""
        if self.queue.qsize() < _MAX_WAITING:
            self.queue.put_nowait(message)
        else:
            self.dropped.set()


class Hub:
    """Hands each message to the sockets that it belongs to, and to nobody else."""

    def __init__(self, clock: Clock, views: Views, variation: Variation) -> None:
        self._clock = clock
        self._views = views
        self._variation = variation
        self._subscribers: dict[Topic, set[Subscriber]] = defaultdict(set)
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._end_of_silence: asyncio.TimerHandle | None = None
        self._loses = False

    def status_changed(self, order: Order, previous: Status | None, status: Status, metadata: dict[str, object] | None) -> None:
        """Tell the maker of an order, and every taker; the takers' form also names who holds or executed the order."""
        data: dict[str, object] = {
            "order_hash": order.order_hash,
            "maker": self._views.address(order.signed.maker),
            "from_status": previous,
            "to_status": status,
        }
        if metadata is not None:
            data["metadata"] = metadata
        timestamp = iso(self._clock.time())
        self._send([maker_topic(order.signed.maker)], "order_status_change", timestamp, data)
        taker = _taker(order, metadata)
        if taker is not None or self._variation.no_taker == "null":
            data = data | {"taker": None if taker is None else self._views.address(taker)}
        self._send([EVERY_TAKER], "order_status_change", timestamp, data)

    def cancellation_requested(self, order: Order, lock: Lock, request_id: str, answer_by: float) -> None:
        """Ask the taker that holds an order to let it go."""
        data: dict[str, object] = {
            "order_hash": order.order_hash,
            "maker": self._views.address(order.signed.maker),
            "reason": "user_requested",
            "metadata": {"request_id": request_id, "expires_at": iso(answer_by)},
        }
        self._send([taker_topic(lock.key)], "cancellation_request", iso(self._clock.time()), data)

    def book_changed(self, ticker: str, data: dict[str, object]) -> None:
        """Push the book of a ticker to whoever watches it."""
        self._send([book_topic(ticker)], "orderbook_update", iso_nanoseconds(self._clock.time()), data)

    def watches(self, ticker: str) -> bool:
        """Tell whether anybody watches the book of a ticker."""
        return bool(self._subscribers[book_topic(ticker)])

    def greet(self, subscriber: Subscriber, data: dict[str, object]) -> None:
        """Send a book as it stands to a socket that begins to watch it."""
        subscriber.put(_message("orderbook_update", iso_nanoseconds(self._clock.time()), data))

    def drop_all(self) -> int:
        """Close every socket; return how many there were."""
        subscribers = self._everyone()
        for subscriber in subscribers:
            subscriber.dropped.set()
        return len(subscribers)

    def silence(self, seconds: float, *, lose: bool) -> int:
        """Let every socket stay open and say nothing for some seconds; what is meant for it comes late, or never."""
        if self._end_of_silence is not None:
            self._end_of_silence.cancel()
        self._speaks.clear()
        self._loses = lose
        self._end_of_silence = asyncio.get_running_loop().call_later(seconds, self._speaks.set)
        return len(self._everyone())

    async def serve(self, socket: WebSocket, subscriber: Subscriber, heartbeat_interval: float) -> None:
        """Send to an accepted socket until either side goes away."""
        for topic in subscriber.topics:
            self._subscribers[topic].add(subscriber)
        sending = asyncio.create_task(self._pump(socket, subscriber, heartbeat_interval))
        receiving = asyncio.create_task(_discard_incoming(socket))
        dropping = asyncio.create_task(subscriber.dropped.wait())
        tasks = (sending, receiving, dropping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for topic in subscriber.topics:
                self._subscribers[topic].discard(subscriber)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if subscriber.dropped.is_set() and socket.client_state is WebSocketState.CONNECTED:
            await socket.close(1012)

    def _everyone(self) -> set[Subscriber]:
        return {subscriber for group in self._subscribers.values() for subscriber in group}

    def _send(self, topics: Iterable[Topic], kind: str, timestamp: str, data: dict[str, object]) -> None:
        if self._loses and not self._speaks.is_set():
            return
        message = _message(kind, timestamp, data)
        for subscriber in {each for topic in topics for each in self._subscribers[topic]}:
            if kind in subscriber.types:
                subscriber.put(message)

    async def _pump(self, socket: WebSocket, subscriber: Subscriber, interval: float) -> None:
        next_heartbeat = time.monotonic() + interval
        while True:
            try:
                # Not wait_for: before Python 3.12 it loses a cancellation that comes with a message, and this would go on for ever.
                async with asyncio.timeout(max(next_heartbeat - time.monotonic(), 0)):
                    message = await subscriber.queue.get()
            except TimeoutError:
                next_heartbeat = time.monotonic() + interval
                if not self._speaks.is_set():
                    continue
                message = json.dumps({"type": "heartbeat", "timestamp": self._clock.milliseconds()})
            await self._speaks.wait()
            await socket.send_text(message)


def _message(kind: str, timestamp: str, data: dict[str, object]) -> str:
    return json.dumps({"type": kind, "timestamp": timestamp, "data": data})


def _taker(order: Order, metadata: dict[str, object] | None) -> str | None:
    if order.lock is not None:
        return order.lock.taker
    if metadata is not None and "taker_address" in metadata:
        return str(metadata["taker_address"])
    return order.fills[-1].taker if order.fills else None


async def _discard_incoming(socket: WebSocket) -> None:
    """No client message is documented; read and ignore them until the client closes."""
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    except WebSocketDisconnect:
        return
