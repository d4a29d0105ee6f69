"""The venue's HTTP endpoints, each with its page's request and response form."""

from __future__ import annotations

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from orderseal.sandbox.body import Query, invalid, parse_object, read_body, read_object
from orderseal.sandbox.clock import iso
from orderseal.sandbox.errors import ApiError, InstrumentError
from orderseal.sandbox.market import INSTRUMENTS, NASDAQ, WEI, Instrument, estimate, instrument
from orderseal.sandbox.orders import parse_order
from orderseal.sandbox.replies import Handler, reply
from orderseal.sandbox.stream import open_stream
from orderseal.sandbox.venue import Venue


def success(data: object) -> Response:
    return reply({"code": 0, "data": data})


def api_routes(venue: Venue) -> list[Route | WebSocketRoute]:
    """Return the documented routes; ``DELETE /api/v1/orders/{id}`` is the testing guide's form of a cancel."""
    api = Endpoints(venue)

    async def stream(socket: WebSocket) -> None:
        await open_stream(socket, venue.hub, venue.tokens, venue.variation, venue.clock, venue.settings.heartbeat_interval)

    def route(method: str, path: str, handler: Handler) -> Route:
        return Route(f"/api/v1{path}", handler, methods=[method])

    return [
        route("POST", "/makers/connect", api.connect),
        route("GET", "/makers/profiles", api.profile),
        route("POST", "/orders", api.create_order),
        route("GET", "/orders", api.query_orders),
        route("GET", "/orders/maker/next-nonce", api.next_nonce),
        route("POST", "/orders/estimate_charge", api.estimate_charge),
        route("POST", "/orders/{order_id}/cancel", api.cancel_order),
        route("DELETE", "/orders/{order_id}", api.cancel_order),
        route("GET", "/orders/{order_id}", api.get_order),
        route("GET", "/positions", api.positions),
        route("GET", "/instruments/token-address", api.token_address),
        route("GET", "/stats", api.stats),
        route("GET", "/tickers/{symbol}/orderbooks", api.order_book),
        route("GET", "/tickers/{symbol}/stats", api.ticker_stats),
        WebSocketRoute("/ws/maker/v1", stream),
    ]


class Endpoints:
    """One method for each documented endpoint."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def connect(self, request: Request) -> Response:
        wallet = self._venue.logins.check(await read_object(request))
        return success({"jwt": self._venue.tokens.issue(wallet)})

    async def profile(self, request: Request) -> Response:
        wallet = self._wallet(request)
        name = f"trader{wallet[2:8].lower()}"
        return success(
            {
                "wallet_address": self._venue.views.address(wallet),
                "username": name,
                "email": f"{name}@example.com",
                "avatar_url": "https://example.com/avatar.png",
                "status": "active",
            }
        )

    async def create_order(self, request: Request) -> Response:
        venue = self._venue
        wallet = self._wallet(request)
        body = await read_body(request)
        signed = parse_order(parse_object(request, body), wallet, venue.clock.seconds(), venue.settings.chain_id)
        body_hash = venue.deliveries.note(signed, body)
        order = venue.book.accept(signed)
        venue.deliveries.accept(order, body_hash)
        created = venue.views.created(order)
        venue.engine.start(order)
        return success(created)

    async def query_orders(self, request: Request) -> Response:
        orders = self._venue.book.orders_of(self._wallet(request))
        return success(self._venue.views.order_page(orders, Query(request.query_params)))

    async def get_order(self, request: Request) -> Response:
        order = self._venue.book.find(self._wallet(request), str(request.path_params["order_id"]))
        return success(self._venue.views.queried(order))

    async def cancel_order(self, request: Request) -> Response:
        order = self._venue.book.find(self._wallet(request), str(request.path_params["order_id"]))
        done = self._venue.book.cancel(order)
        message = "Order cancelled successfully" if done else "Cancellation requested"
        return success({"success": True, "order_id": order.id, "message": message})

    async def next_nonce(self, request: Request) -> Response:
        wallet = self._wallet(request)
        return success({"maker": self._venue.views.address(wallet), "next_nonce": self._venue.book.account(wallet).next_nonce})

    async def estimate_charge(self, request: Request) -> Response:
        self._wallet(request)
        return success(estimate(await read_object(request), self._venue.variation))

    async def positions(self, request: Request) -> Response:
        account = self._venue.book.account(self._wallet(request))
        return success(self._venue.views.position_page(account, Query(request.query_params)))

    async def token_address(self, request: Request) -> Response:
        self._wallet(request)
        found = _instrument_or_third_form(request.query_params.get("ticker"), request.query_params.get("exchange"))
        return success(
            {
                "ticker": found.ticker,
                "name": found.name,
                "exchange_id": NASDAQ,
                "token_address": self._venue.views.address(found.token_address),
            }
        )

    async def stats(self, _request: Request) -> Response:
        return success(
            {
                "total_user_addresses": self._venue.book.makers,
                "total_orders": self._venue.book.orders,
                "total_instruments": len(INSTRUMENTS),
                "total_balance": "0",
                "total_minted_tokens": "0",
                "total_market_value": 0,
            }
        )

    async def order_book(self, request: Request) -> Response:
        found = _public_instrument(request)
        levels: dict[bool, dict[int, int]] = {True: {}, False: {}}
        for order in self._venue.book.orders_for(found.ticker):
            side = levels[order.signed.is_buy]
            side[order.signed.price] = side.get(order.signed.price, 0) + order.remaining
        return success(
            {
                "symbol": found.ticker,
                "market": "usex",
                "ask": [_level(price, levels[False][price]) for price in sorted(levels[False])],
                "bid": [_level(price, levels[True][price]) for price in sorted(levels[True], reverse=True)],
                "time": iso(self._venue.clock.time()),
            }
        )

    async def ticker_stats(self, request: Request) -> Response:
        found = _public_instrument(request)
        orders = self._venue.book.orders_for(found.ticker)
        return success(
            {
                "ticker": found.ticker,
                "name": found.name,
                "address": self._venue.views.address(found.token_address),
                "exchange": NASDAQ,
                "orders": len(orders),
                "volume": str(sum(order.remaining for order in orders)),
            }
        )

    def _wallet(self, request: Request) -> str:
        return self._venue.tokens.wallet_of_header(request.headers.get("authorization"))


def _public_instrument(request: Request) -> Instrument:
    exchange = Query(request.query_params).integer("exchange")
    if exchange is None:
        raise invalid("The exchange parameter is required")
    return instrument(str(request.path_params["symbol"]), exchange)


def _instrument_or_third_form(ticker: str | None, exchange: str | None) -> Instrument:
    if not ticker:
        raise InstrumentError(400, "ticker parameter is required")
    if not exchange:
        raise InstrumentError(400, "exchange parameter is required")
    try:
        return instrument(ticker, int(exchange[:19]))
    except (ApiError, ValueError) as exc:
        raise InstrumentError(404, "Instrument not found") from exc


def _level(price: int, volume: int) -> dict[str, str]:
    return {"price": format((Decimal(price) / WEI).normalize(), "f"), "volume": str(volume)}
