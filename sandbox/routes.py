"""The venue's HTTP endpoints, each with its page's request and response form."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from orderseal.sandbox.body import Query, invalid, parse_object, read_body, read_object
from orderseal.sandbox.clock import iso
from orderseal.sandbox.corporate import describe
from orderseal.sandbox.depth import as_strings, levels
from orderseal.sandbox.errors import MAKER_MISMATCH, ApiError, InstrumentError
from orderseal.sandbox.feeds import maker_feeds
from orderseal.sandbox.market import INSTRUMENTS, NASDAQ, Instrument, estimate, instrument
from orderseal.sandbox.orders import parse_order
from orderseal.sandbox.replies import Handler, success
from orderseal.sandbox.signatures import parse_address
from orderseal.sandbox.venue import Venue
from orderseal.sandbox.views import address_of


def api_routes(venue: Venue) -> list[Route | WebSocketRoute]:
    """Return the documented routes; ``DELETE /api/v1/orders/{id}`` is the testing guide's form of a cancel."""
    api = Endpoints(venue)

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
        *maker_feeds(venue),
    ]


def corporate_routes(venue: Venue) -> list[Route]:
    """Return the route of the corporate actions, also at the path that the page's own curl shows."""
    api = Endpoints(venue)
    return [
        Route("/api/v1/maker/corporate-actions/pending", api.pending_actions, methods=["GET"]),
        Route("/api/v1/corporate-actions/maker/{maker}/pending", api.pending_actions, methods=["GET"]),
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
        self._venue.desk.request_cancel(order)
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

    async def pending_actions(self, request: Request) -> Response:
        wallet = self._wallet(request)
        if parse_address(str(request.path_params.get("maker", wallet))) != wallet:
            raise ApiError(MAKER_MISMATCH)
        query = Query(request.query_params)
        token = address_of(query, "token") if query.text("token") is not None else None
        spell = self._venue.views.address
        found = self._venue.actions.pending(wallet, token)
        return success({"actions": [describe(action, spell(action.maker), spell(action.token_address)) for action in found]})

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
        asks, bids = levels(self._venue.book.orders_for(found.ticker))
        return success(
            {
                "symbol": found.ticker,
                "market": "usex",
                "ask": as_strings(asks),
                "bid": as_strings(bids),
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
