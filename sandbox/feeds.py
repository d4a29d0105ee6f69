"""The three WebSocket endpoints: who may open them, and what they subscribe to."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from orderseal.sandbox.body import invalid
from orderseal.sandbox.errors import ApiError, envelope
from orderseal.sandbox.market import NASDAQ, instrument
from orderseal.sandbox.stream import EVERY_TAKER, Subscriber, Topic, book_topic, maker_topic, taker_topic
from orderseal.sandbox.venue import Venue

_MAKER_TYPES = frozenset({"heartbeat", "order_status_change"})
_TAKER_TYPES = _MAKER_TYPES | {"cancellation_request"}
_MARKET = "usex"
_MOST_SYMBOLS = 100


def maker_feeds(venue: Venue) -> list[WebSocketRoute]:
    """Return the route of the makers' feed of order states."""

    async def stream(socket: WebSocket) -> None:
        def subscribe(wallet: str) -> Subscriber:
            return Subscriber([maker_topic(wallet)], _types(socket, _MAKER_TYPES))

        await _with_token(venue, socket, subscribe)

    return [WebSocketRoute("/ws/maker/v1", stream)]


def other_feeds(venue: Venue) -> list[WebSocketRoute]:
    """Return the routes of the takers' feed and of the order books'."""

    async def taker_stream(socket: WebSocket) -> None:
        try:
            key = venue.takers.check_stream(socket).key
            topics: list[Topic] = [EVERY_TAKER, taker_topic(key)]
            subscriber = Subscriber(topics, _types(socket, _TAKER_TYPES))
        except ApiError as error:
            await _deny(venue, socket, error)
            return
        await socket.accept()
        await venue.hub.serve(socket, subscriber, venue.settings.heartbeat_interval)

    async def book_stream(socket: WebSocket) -> None:
        tickers: list[str] = []

        def subscribe(_wallet: str) -> Subscriber:
            tickers.extend(_tickers(socket.query_params.get("symbols")))
            subscriber = Subscriber([book_topic(ticker) for ticker in tickers], {"orderbook_update"})
            for ticker in tickers:
                venue.hub.greet(subscriber, venue.pushed_book(ticker))
            return subscriber

        await _with_token(venue, socket, subscribe)

    return [WebSocketRoute("/ws/taker/v1", taker_stream), WebSocketRoute("/ws/orderbooks/v1", book_stream)]


async def _with_token(venue: Venue, socket: WebSocket, subscribe: Callable[[str], Subscriber]) -> None:
    """Authenticate by header or by the sub-protocol list ``jwt, <token>``; refuse with HTTP 401 or 400 before the upgrade."""
    offered: list[str] = list(socket.scope.get("subprotocols", ()))
    by_protocol = len(offered) == 2 and offered[0] == "jwt"
    tokens = venue.tokens
    try:
        wallet = tokens.wallet_of(offered[1]) if by_protocol else tokens.wallet_of_header(socket.headers.get("authorization"))
        subscriber = subscribe(wallet)
    except ApiError as error:
        await _deny(venue, socket, error)
        return
    await socket.accept(subprotocol="jwt" if by_protocol else None)
    await venue.hub.serve(socket, subscriber, venue.settings.heartbeat_interval)


async def _deny(venue: Venue, socket: WebSocket, error: ApiError) -> None:
    _, body = envelope(error, venue.variation)
    reply = Response(json.dumps(body), error.kind.status, {"date": venue.clock.http_date()}, "application/json")
    await socket.send_denial_response(reply)


def _types(socket: WebSocket, known: frozenset[str]) -> frozenset[str]:
    text = socket.query_params.get("types")
    if not text:
        raise invalid("The types parameter is required")
    types = frozenset(name.strip() for name in text.split(","))
    if not types <= known:
        raise invalid(f"The types parameter must list {', '.join(sorted(known))}")
    return types


def _tickers(text: str | None) -> list[str]:
    """Return the tickers of a list such as ``aapl@usex/tsla``; the sandbox lists nothing on the other markets."""
    if not text:
        raise invalid("The symbols parameter is required")
    tickers: dict[str, None] = {}
    for item in text.split("/"):
        symbol, _, market = item.partition("@")
        if (market or _MARKET).lower() != _MARKET:
            raise invalid(f"The symbols parameter must name instruments of {_MARKET}")
        tickers[instrument(symbol.upper(), NASDAQ).ticker] = None
    if len(tickers) > _MOST_SYMBOLS:
        raise invalid(f"The symbols parameter must name at most {_MOST_SYMBOLS} symbols")
    return list(tickers)
