"""The error envelope of BrokersTR. Source: /intro, which gives the form and no catalogue of codes."""

from __future__ import annotations

from orderseal.sandbox.brokerstr.variation import WORDINGS, Variation
from orderseal.sandbox.twins.endpoint import Problem, Refusal
from orderseal.sandbox.twins.platform import STATUS
from orderseal.sandbox.twins.shapes import Anything, Record, Shape, Text

_KINDS: dict[Problem, tuple[str, tuple[str, ...]]] = {
    "malformed": ("malformed_body", ("Request body is malformed", "Invalid JSON", "Cannot parse request body")),
    "invalid": ("invalid_request", ("Invalid request", "Validation failed", "Bad request")),
    "media": ("unsupported_media_type", ("Unsupported media type", "Content-Type must be application/json", "Expected JSON")),
    "too_large": ("payload_too_large", ("Payload too large", "Request body too large", "Body exceeds limit")),
    "unauthorized": ("unauthorized", ("Unauthorized", "Authentication required", "Invalid credentials or token")),
    "forbidden": ("forbidden", ("Forbidden", "Access denied", "Not allowed")),
    "missing": ("not_found", ("Resource not found", "Not found", "No such resource")),
    "route": ("route_not_found", ("Route not found", "Not found", "No such endpoint")),
    "method": ("method_not_allowed", ("Method not allowed", "Wrong HTTP method", "Method is not supported")),
    "conflict": ("already_exists", ("Resource already exists", "Conflict", "Duplicate resource")),
    "unprocessable": ("unprocessable", ("Unprocessable entity", "Cannot be processed", "Rule violated")),
    "rate": ("rate_limit_exceeded", ("Rate limit exceeded", "Too many requests", "Slow down")),
    "internal": ("internal_error", ("Internal server error", "Unexpected error", "Something went wrong")),
}


def body_of(refusal: Refusal, variation: Variation) -> dict[str, object]:
    """Return the documented envelope, with the code and text of this run."""
    name, texts = _KINDS[refusal.problem]
    assert len(texts) == WORDINGS
    number = f"E{STATUS[refusal.problem]}{list(_KINDS).index(refusal.problem):02d}"
    code = {"upper": name.upper(), "lower": name, "numbered": number}[variation.code_style]
    details = {"reason": refusal.details} if refusal.details and variation.error_details else {}
    return {"error": {"code": code, "message": texts[variation.wording], "details": details}}


def error_shape() -> Shape:
    details = Record({"reason": Anything()}, optional=("reason",))
    return Record({"error": Record({"code": Text(low=1), "message": Text(low=1), "details": details})})
