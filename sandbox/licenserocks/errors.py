"""The errors of License.rocks: the two documented texts are raised where they belong; the others have the wording of this run."""

from __future__ import annotations

from orderseal.sandbox.licenserocks.variation import WORDINGS, Variation
from orderseal.sandbox.twins.endpoint import Problem, Refusal
from orderseal.sandbox.twins.shapes import Anything, Record, Shape, Text

_TEXTS: dict[Problem, tuple[str, ...]] = {
    "malformed": ("Unexpected token in JSON", "Invalid JSON", "Cannot parse request body"),
    "invalid": ("Invalid request", "Validation failed", "Bad request"),
    "media": ("Unsupported media type", "Content-Type must be application/json", "Expected JSON"),
    "too_large": ("Payload too large", "request entity too large", "Body exceeds limit"),
    "unauthorized": ("Unauthorized", "Invalid token", "Authentication required"),
    "forbidden": ("Forbidden", "Access denied", "Not allowed"),
    "missing": ("Not found", "No such resource", "Resource not found"),
    "route": ("Not found", "Cannot find route", "No such endpoint"),
    "method": ("Method not allowed", "Wrong method", "Method is not supported"),
    "conflict": ("Conflict", "Already exists", "State does not allow this"),
    "unprocessable": ("Not possible", "Unprocessable entity", "Rule violated"),
    "rate": ("Too many requests", "Rate limit exceeded", "Slow down"),
    "internal": ("Internal server error", "Unexpected error", "Something went wrong"),
}


def body_of(refusal: Refusal, path: str, variation: Variation) -> dict[str, object]:
    """Return the documented envelope of the order API; the public API's own is not documented."""
    texts = _TEXTS[refusal.problem]
    assert len(texts) == WORDINGS
    # 400 has a "proper error message" by the page; of the others it says nothing.
    told = refusal.details if refusal.problem == "invalid" else None
    orders: dict[str, object] = {"orders": None} if path.startswith("/api/externalOrders") or variation.public_error_has_orders else {}
    return orders | {"error": told or texts[variation.wording]}


def error_shape() -> Shape:
    return Record({"orders": Anything(), "error": Text(low=1)}, optional=("orders",))
