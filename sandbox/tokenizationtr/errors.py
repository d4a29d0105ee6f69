"""The errors of TokenizationTR: the documented ones word for word, the others in the wording of this run."""

from __future__ import annotations

from http import HTTPStatus

from orderseal.sandbox.tokenizationtr.variation import WORDINGS, Variation
from orderseal.sandbox.twins.endpoint import Problem, Refusal
from orderseal.sandbox.twins.shapes import Record, Shape, Text

_DOCUMENTED: dict[Problem, str] = {
    "invalid": "Invalid parameters",
    "unauthorized": "Authentication required",
    "forbidden": "Access denied",
    "missing": "Resource not found",
    "internal": "Internal server error",
}
_VARYING: dict[Problem, tuple[str, ...]] = {
    "malformed": ("Invalid request body", "Invalid JSON", "Cannot parse request body"),
    "media": ("Unsupported media type", "Invalid content type", "Unsupported format"),
    "too_large": ("Request body too large", "File too large", "Payload too large"),
    "route": ("Not found", "Route not found", "Cannot find path"),
    "method": ("Method not allowed", "Wrong method", "Method is not supported"),
    "conflict": ("Conflict", "Already exists", "State does not allow this"),
    "unprocessable": ("Not possible", "Unprocessable entity", "Rule violated"),
    "rate": ("Too many requests", "Rate limit exceeded", "Slow down"),
}
_DETAILS = {"deal_id is required": "Deal ID is required"}


def body_of(refusal: Refusal, path: str, variation: Variation) -> dict[str, str]:
    """Return the flat object that the trading pages document."""
    # Their details are part of what the pages print; where the pages print none, a run has them or not.
    printed = refusal.error is not None or refusal.problem in ("invalid", "forbidden", "missing")
    body = {"error": refusal.error or _text(refusal, path, variation)}
    if refusal.details and (printed or variation.error_details):
        body["details"] = _DETAILS.get(refusal.details, refusal.details)
    return body


def _text(refusal: Refusal, path: str, variation: Variation) -> str:
    if refusal.status in (502, 503, 504):
        return HTTPStatus(refusal.status).phrase
    if refusal.problem == "invalid" and "/secondary-markets/" in path and not path.endswith(("/sell", "/delist")):
        return "Invalid request parameters"
    if refusal.problem in _DOCUMENTED:
        return _DOCUMENTED[refusal.problem]
    texts = _VARYING[refusal.problem]
    assert len(texts) == WORDINGS
    return texts[variation.wording]


def error_shape() -> Shape:
    return Record({"error": Text(low=1), "details": Text(low=1)}, optional=("details",))
