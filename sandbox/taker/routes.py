"""The takers' HTTP endpoints, each with its page's request and response form."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import Fields, Query, invalid, parse_object, read_body
from orderseal.sandbox.clock import iso
from orderseal.sandbox.errors import INSUFFICIENT_BALANCE, INVALID_SIGNATURE, ORDER_NONCE_USED, ORDER_SIGNATURE_INVALID, ApiError, Kind
from orderseal.sandbox.orders import SignedOrder, is_signed, read_amount, read_order
from orderseal.sandbox.replies import Handler, success
from orderseal.sandbox.signatures import parse_address
from orderseal.sandbox.taker.access import Taker
from orderseal.sandbox.taker.views import TakerViews, read_reply_quantities, require_no_parameters
from orderseal.sandbox.venue import Venue

_UNLIMITED = 2**256 - 1
_LONGEST_LOCK = 30 * 86400


def taker_routes(venue: Venue) -> list[Route]:
    """Return the documented routes; literal paths, so they go before the makers' ``/orders/{order_id}``."""
    api = TakerEndpoints(venue)

    def route(method: str, path: str, handler: Handler) -> Route:
        return Route(f"/api/v1{path}", handler, methods=[method])

    return [
        route("POST", "/orders/validate", api.validate_order),
        route("POST", "/orders/lock", api.lock_order),
        route("POST", "/orders/unlock", api.unlock_order),
        route("POST", "/orders/fill", api.fill_order),
        route("POST", "/orders/cancel-result", api.cancel_result),
        route("GET", "/orders/available", api.available_orders),
        route("GET", "/orders/filled", api.filled_orders),
        route("GET", "/takers/orders", api.taker_orders),
    ]


class TakerEndpoints:
    """One method for each documented endpoint."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._views = TakerViews(venue.taker_views)

    async def validate_order(self, request: Request) -> Response:
        _, fields = await self._authentic(request)
        signed = read_order(fields.only("order", "signature"), self._venue.settings.chain_id)
        return success(self._report(signed))

    async def lock_order(self, request: Request) -> Response:
        taker, fields = await self._authentic(request)
        fields.only("order_hash", "taker_address", "lock_duration")
        address, seconds = _address(fields), None
        if fields.has("lock_duration") and not 0 < (seconds := fields.integer("lock_duration")) <= _LONGEST_LOCK:
            raise invalid(f"The lock_duration field must be in 1..{_LONGEST_LOCK}")
        order_hash = fields.string("order_hash")
        lock = self._venue.desk.lock(order_hash, taker.key, address, seconds)
        return success(
            {
                "success": True,
                "order_hash": self._venue.book.with_hash(order_hash).order_hash,
                "locked_by": self._venue.views.address(lock.taker),
                "locked_at": iso(lock.locked_at),
                "expires_at": iso(lock.expires_at),
            }
        )

    async def unlock_order(self, request: Request) -> Response:
        taker, fields = await self._authentic(request)
        order = self._venue.desk.unlock(fields.only("order_hash").string("order_hash"), taker.key)
        return success({"success": True, "order_hash": order.order_hash, "message": "Order unlocked successfully"})

    async def fill_order(self, request: Request) -> Response:
        """Take the body of the endpoint's page, or in some runs the shorter one of the authentication page's sample."""
        taker, fields = await self._authentic(request)
        venue = self._venue
        if venue.variation.short_fill_body and fields.has("order_hash"):
            fields.only("order_hash", "fill_quantity", "taker_incentive")
            order, incentive = venue.book.with_hash(fields.string("order_hash")), None
        else:
            fields.only("order", "signature", "fill_quantity", "taker_incentive")
            signed = read_order(fields, venue.settings.chain_id)
            if not is_signed(signed):
                raise ApiError(ORDER_SIGNATURE_INVALID)
            order, incentive = venue.book.with_hash(venue.book.order_hash(signed)), _amount(fields, "taker_incentive")
        if incentive is None and fields.has("taker_incentive"):
            incentive = _amount(fields, "taker_incentive")
        fill = venue.desk.fill(order, taker.key, _amount(fields, "fill_quantity"), incentive)
        quantity, amount = read_reply_quantities(order, fill, all_fills=venue.variation.fill_reply == "all_fills")
        return success(
            {
                "success": True,
                "tx_hash": fill.tx_hash,
                "order_hash": order.order_hash,
                "filled_quantity": str(quantity),
                "filled_amount": str(amount),
                "fee_amount": str(fill.fee),
                "incentive_amount": str(fill.fee),
                "status": order.status.value,
            }
        )

    async def cancel_result(self, request: Request) -> Response:
        taker, fields = await self._authentic(request)
        fields.only("order_hash", "taker_address", "cancellation_success", "message")
        agreed = fields.boolean("cancellation_success")
        if fields.has("message"):
            fields.string("message")
        order = self._venue.desk.answer_cancel(fields.string("order_hash"), taker.key, _address(fields), agreed=agreed)
        return success({"success": True, "message": "Cancellation result recorded", "order_hash": order.order_hash})

    async def available_orders(self, request: Request) -> Response:
        self._venue.takers.check(request, b"")
        require_no_parameters(Query(request.query_params))
        return success(self._views.available(self._venue.book.all_orders()))

    async def taker_orders(self, request: Request) -> Response:
        taker = self._venue.takers.check(request, b"")
        return success(self._views.order_page(self._venue.book.all_orders(), taker.key, Query(request.query_params)))

    async def filled_orders(self, request: Request) -> Response:
        taker = self._venue.takers.check(request, b"")
        key = taker.key if self._venue.variation.fills_listed == "own" else None
        return success(self._views.fill_page(self._venue.book.all_orders(), key, Query(request.query_params)))

    async def _authentic(self, request: Request) -> tuple[Taker, Fields]:
        body = await read_body(request)
        return self._venue.takers.check(request, body), parse_object(request, body)

    def _report(self, signed: SignedOrder) -> dict[str, object]:
        book, variation = self._venue.book, self._venue.variation
        funds, needed = book.funds(signed)
        checks = {
            "nonce_valid": book.may_execute(signed),
            "signature_valid": is_signed(signed),
            "not_expired": signed.deadline >= self._venue.clock.seconds(),
        }
        errors = [_text(ORDER_NONCE_USED, variation.wording)] if not checks["nonce_valid"] else []
        errors += [_text(INVALID_SIGNATURE, 0)] if not checks["signature_valid"] else []
        errors += ["Order expired"] if not checks["not_expired"] else []
        errors += [_text(INSUFFICIENT_BALANCE, variation.wording)] if funds is not None and funds < needed else []
        return {
            "valid": not errors,
            "order_hash": book.order_hash(signed),
            "errors": errors,
            "maker_balance": str(_UNLIMITED if funds is None else funds),
            "maker_allowance": str(_UNLIMITED),
            **checks,
        }


def _text(kind: Kind, wording: int) -> str:
    return kind.texts[wording]


def _address(fields: Fields) -> str:
    address = parse_address(fields.string("taker_address"))
    if address is None:
        raise invalid("The taker_address field must be an address")
    return address


def _amount(fields: Fields, name: str) -> int:
    amount = read_amount(fields, name)
    if amount is None:
        raise invalid(f"The {name} field must be a decimal string")
    return amount
