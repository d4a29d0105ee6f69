"""The venue's error replies: the documented ones word for word, the others in the wording and code style of this run.

Source: Authorization page (error table), Public overview (envelope and the ``400001`` example), taker authentication page (its table).
"""

from __future__ import annotations

from dataclasses import dataclass

from orderseal.sandbox.variation import WORDINGS, Variation


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of error.

    ``texts`` holds one text if the documents give it, else one for each wording. ``always_status`` marks errors whose
    HTTP status is never hidden behind a 200, since they come from the transport and not from the order logic. ``code`` is the
    documented one if it is not the status.
    """

    status: int
    number: int
    texts: tuple[str, ...]
    always_status: bool = False
    code: int | None = None

    def __post_init__(self) -> None:
        if len(self.texts) not in (1, WORDINGS):
            raise ValueError(f"expected 1 or {WORDINGS} texts, got {self.texts!r}")

    @property
    def documented(self) -> bool:
        return len(self.texts) == 1


INVALID_SIGNATURE = Kind(400, 0, ("Invalid signature",))
INVALID_MESSAGE_FORMAT = Kind(400, 0, ("Invalid message format",))
TIMESTAMP_EXPIRED = Kind(400, 0, ("Timestamp expired",))
LOGIN_NONCE_USED = Kind(400, 0, ("Nonce already used",))
INVALID_WALLET_ADDRESS = Kind(400, 0, ("Invalid wallet address",))
CHAIN_ID_MISMATCH = Kind(400, 0, ("Chain ID mismatch",))
TOKEN_EXPIRED = Kind(401, 0, ("Token expired",))
INVALID_TOKEN = Kind(401, 0, ("Invalid token",))
TOO_MANY_REQUESTS = Kind(429, 0, ("Too many requests",), always_status=True)
INTERNAL_ERROR = Kind(500, 0, ("Internal server error",), always_status=True)

TAKER_SIGNATURE_INVALID = Kind(401, 0, ("Signature verification failed",), code=10_010_008)
TAKER_KEY_UNKNOWN = Kind(401, 0, ("API key not found",), code=10_010_009)
TAKER_KEY_EXPIRED = Kind(401, 0, ("API key expired",), code=10_010_010)
TAKER_TIMESTAMP_EXPIRED = Kind(401, 0, ("Timestamp expired",), code=10_010_011)
TAKER_HEADER_MISSING = Kind(401, 0, ("Missing required header",), code=10_010_012)

INVALID_PARAMETER = Kind(400, 1, ("Invalid parameter", "Invalid request parameters", "Bad request"))
MALFORMED_BODY = Kind(400, 2, ("Malformed request body", "Invalid JSON", "Cannot parse request"))
ORDER_SIGNATURE_INVALID = Kind(400, 3, ("Invalid signature", "Invalid order signature", "Signature verification failed"))
MAKER_MISMATCH = Kind(400, 4, ("Maker mismatch", "order.maker must match the authenticated wallet", "Maker address does not match token"))
DEADLINE_TOO_SOON = Kind(
    400, 5, ("Invalid deadline", "Deadline must be at least 720 hours from now", "Order validity too short, minimum is 30 days")
)
ORDER_NONCE_USED = Kind(400, 6, ("Nonce already used", "Order with this nonce already exists", "Duplicate order"))
ORDER_NONCE_INVALID = Kind(400, 7, ("Invalid nonce", "Nonce too low", "Order nonce out of range"))
INVALID_PRICE = Kind(400, 8, ("Invalid price", "Price must be greater than 0", "Price out of range"))
INVALID_QUANTITY = Kind(400, 9, ("Invalid quantity", "Quantity must be greater than 0", "Quantity out of range"))
UNKNOWN_TICKER = Kind(400, 10, ("Unknown ticker", "Ticker not supported", "Instrument not found"))
UNKNOWN_EXCHANGE = Kind(400, 11, ("Unknown exchange", "Exchange not supported", "Invalid exchange code"))
UNKNOWN_ASSET = Kind(400, 12, ("Unknown asset", "Asset not supported", "Payment token is not accepted"))
INSUFFICIENT_BALANCE = Kind(400, 13, ("Insufficient balance", "Balance not enough", "Not enough funds for this order"))
ORDER_REJECTED = Kind(400, 14, ("Order rejected", "Order rejected by broker", "Order validation failed"))
ORDER_NOT_FOUND = Kind(404, 15, ("Order not found", "No such order", "Order does not exist"))
NOT_CANCELLABLE = Kind(400, 16, ("Order cannot be cancelled", "Order is not cancellable in its current status", "Invalid order status"))
UNKNOWN_ROUTE = Kind(404, 17, ("Not found", "Route not found", "No such endpoint"), always_status=True)
METHOD_NOT_ALLOWED = Kind(405, 18, ("Method not allowed", "Method is not supported here", "Wrong HTTP method"), always_status=True)
BODY_TOO_LARGE = Kind(413, 19, ("Request body too large", "Payload too large", "Body exceeds limit"), always_status=True)
UNSUPPORTED_MEDIA = Kind(415, 20, ("Unsupported media type", "Content-Type must be application/json", "Expected JSON"), always_status=True)
ORDER_NOT_OPEN = Kind(409, 21, ("Order is not open", "Order cannot be locked in its current status", "Order is not available"))
LOCKED_BY_ANOTHER = Kind(403, 22, ("Forbidden", "Order is locked by another taker", "Order lock belongs to another taker"))
NOT_LOCKED = Kind(409, 23, ("Order is not locked", "Order must be locked first", "No active lock on this order"))
INVALID_FILL = Kind(400, 24, ("Invalid fill quantity", "Fill quantity exceeds the remaining quantity", "Fill quantity out of range"))
INVALID_TAKER_INCENTIVE = Kind(
    400, 25, ("Invalid taker incentive", "Taker incentive exceeds order incentive", "Taker incentive out of range")
)
NO_CANCELLATION_REQUEST = Kind(
    409, 26, ("No cancellation request", "No pending cancellation request for this order", "Cancellation request not found or expired")
)


class ApiError(Exception):
    """A request that the venue refuses."""

    def __init__(self, kind: Kind, details: str | None = None) -> None:
        super().__init__(kind.texts[0])
        self.kind = kind
        self.details = details


class InstrumentError(Exception):
    """A refusal in the third error form, ``{"error": "..."}``, which only the token-address page uses."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def envelope(error: ApiError, variation: Variation) -> tuple[int, dict[str, object]]:
    """Return the HTTP status and the documented envelope for an error."""
    kind = error.kind
    status = 200 if variation.errors_as_http_200 and not kind.always_status else kind.status
    if kind.documented:
        return status, {"code": kind.status if kind.code is None else kind.code, "message": kind.texts[0]}
    body: dict[str, object] = {"code": _code(kind, variation), "message": kind.texts[variation.wording]}
    if error.details is not None and (variation.error_details or kind is INVALID_PARAMETER):
        body["details"] = error.details
    return status, body


def _code(kind: Kind, variation: Variation) -> int:
    match variation.code_style:
        case "three_digits":
            return kind.status
        case "six_digits":
            return kind.status * 1000 + kind.number
        case "eight_digits":
            return 10_020_000 + kind.number
