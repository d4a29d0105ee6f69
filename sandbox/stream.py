"""The maker WebSocket. Source: "Order Status Event Push" page."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from orderseal.sandbox.body import invalid
from orderseal.sandbox.clock import Clock, iso
from orderseal.sandbox.errors import ApiError, envelope
from orderseal.sandbox.orders import Order, Status
from orderseal.sandbox.tokens import Tokens
from orderseal.sandbox.variation import Variation
from orderseal.sandbox.views import Views

_TYPES = frozenset({"heartbeat", "order_status_change"})
_MAX_WAITING = 10_000


class _Subscriber:
    """One open socket; ``queue`` holds finished messages, and ``None`` as the request to close."""

    def __init__(self, types: frozenset[str]) -> None:
        self.types = types
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()


class Hub:
    """Hands status changes to the sockets of the maker that they belong to, and to nobody else."""

    def __init__(self, clock: Clock, views: Views) -> None:
        self._clock = clock
        self._views = views
        self._subscribers: dict[str, set[_Subscriber]] = defaultdict(set)

    def publish(self, order: Order, previous: Status | None, status: Status, metadata: dict[str, object] | None) -> None:
        data: dict[str, object] = {
            "order_hash": order.order_hash,
            "maker": self._views.address(order.signed.maker),
            "from_status": previous,
            "to_status": status,
        }
        if metadata is not None:
            data["metadata"] = metadata
        message = json.dumps({"type": "order_status_change", "timestamp": iso(self._clock.time()), "data": data})
        for subscriber in self._subscribers[order.signed.maker]:
            if "order_status_change" in subscriber.types:
                _put(subscriber, message)

    def drop_all(self) -> int:
        """Close every socket; return how many there were."""
        subscribers = [subscriber for group in self._subscribers.values() for subscriber in group]
        for subscriber in subscribers:
            subscriber.queue.put_nowait(None)
        return len(subscribers)

    async def serve(self, socket: WebSocket, wallet: str, subscriber: _Subscriber, heartbeat_interval: float) -> None:
        """Send to an accepted socket until either side goes away."""
        self._subscribers[wallet].add(subscriber)
        sending = asyncio.create_task(self._send(socket, subscriber, heartbeat_interval))
        receiving = asyncio.create_task(_discard_incoming(socket))
        try:
            await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._subscribers[wallet].discard(subscriber)
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    async def _send(self, socket: WebSocket, subscriber: _Subscriber, interval: float) -> None:
        next_heartbeat = time.monotonic() + interval
        while True:
            try:
                message = await asyncio.wait_for(subscriber.queue.get(), max(next_heartbeat - time.monotonic(), 0))
            except TimeoutError:
                next_heartbeat = time.monotonic() + interval
                message = json.dumps({"type": "heartbeat", "timestamp": self._clock.milliseconds()})
            if message is None:
                await socket.close(1012)
                return
            await socket.send_text(message)


async def open_stream(socket: WebSocket, hub: Hub, tokens: Tokens, variation: Variation, clock: Clock, heartbeat_interval: float) -> None:
    """Authenticate by header or by the sub-protocol list ``jwt, <token>``; refuse with HTTP 401 or 400 before the upgrade."""
    offered: list[str] = list(socket.scope.get("subprotocols", ()))
    by_protocol = len(offered) == 2 and offered[0] == "jwt"
    try:
        wallet = tokens.wallet_of(offered[1]) if by_protocol else tokens.wallet_of_header(socket.headers.get("authorization"))
        subscriber = _Subscriber(_types(socket.query_params.get("types")))
    except ApiError as error:
        _, body = envelope(error, variation)
        reply = Response(json.dumps(body), error.kind.status, {"date": clock.http_date()}, "application/json")
        await socket.send_denial_response(reply)
        return
    await socket.accept(subprotocol="jwt" if by_protocol else None)
    await hub.serve(socket, wallet, subscriber, heartbeat_interval)


def _types(text: str | None) -> frozenset[str]:
    if not text:
        raise invalid("The types parameter is required")
    types = frozenset(name.strip() for name in text.split(","))
    if not types <= _TYPES:
        raise invalid(f"The types parameter must list {', '.join(sorted(_TYPES))}")
    return types


def _put(subscriber: _Subscriber, message: str) -> None:
    """Queue a message, or drop a client that stopped reading long ago."""
    subscriber.queue.put_nowait(message if subscriber.queue.qsize() < _MAX_WAITING else None)


async def _discard_incoming(socket: WebSocket) -> None:
    """No client message is documented; read and ignore them until the client closes."""
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    except WebSocketDisconnect:
        return
