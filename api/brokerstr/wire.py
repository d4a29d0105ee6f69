"""What goes over the wire to BrokersTR, and what its answers mean: pure functions, no I/O."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from orderseal.api.brokerstr.models import KycAddress, MarketToken, Node, Purchase, Token
from orderseal.api.transport import Refusal, Response, check_base_url, segment
from orderseal.signing import Hash32, InvalidInput, describe

__all__ = [
    "ROOT_PATH",
    "AddressRows",
    "MarketRows",
    "NodeRows",
    "PurchaseRows",
    "TokenRows",
    "chain_number",
    "changes",
    "hash_text",
    "hidden",
    "markets_body",
    "read_error",
    "service_root",
    "span",
    "text",
    "truth",
]

ROOT_PATH: Final = "/api/v1/integration"
"""Where the service is, below the platform's base URL."""

_LONGEST_TEXT: Final = 1024
_MOST_MARKETS: Final = 1000


class _Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What the pages have in common; the page on a market's tokens does not show this part, so it may be missing."""

    total: int | None = None
    page: int | None = None
    per_page: int | None = None


class TokenRows(_Rows, frozen=True, kw_only=True):
    """``{"tokens": […], …}``. No rows may be ``null``: so does the platform's language write an empty list."""

    tokens: tuple[Token, ...] | None


class NodeRows(_Rows, frozen=True, kw_only=True):
    """``{"nodes": […], …}``."""

    nodes: tuple[Node, ...] | None


class AddressRows(_Rows, frozen=True, kw_only=True):
    """``{"kyc_addresses": […], …}``."""

    kyc_addresses: tuple[KycAddress, ...] | None


class PurchaseRows(_Rows, frozen=True, kw_only=True):
    """``{"purchases": […], …}``."""

    purchases: tuple[Purchase, ...] | None


class MarketRows(_Rows, frozen=True, kw_only=True):
    """``{"distributor_market_tokens": […], "total"}``."""

    distributor_market_tokens: tuple[MarketToken, ...] | None


class _Error(msgspec.Struct):
    message: str
    code: str | int | None = None
    details: Any = None


class _Envelope(msgspec.Struct):
    """``{"error": {"code", "message", "details"}}`` (*/intro*)."""

    error: _Error


class _BareEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    """The same, and nothing else."""

    error: _Error


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_BARE_ENVELOPE: Final = msgspec.json.Decoder(_BareEnvelope)


def read_error(response: Response) -> Refusal | None:
    """The platform's error envelope, or ``None``. With a status of success it must be all that is said."""
    try:
        error = (_ENVELOPE if response.status >= 400 else _BARE_ENVELOPE).decode(response.body).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return Refusal(error.message, error.code, error.details)


def service_root(url: str) -> str:
    """The root of the service, from the platform's base URL with or without the documented path behind it."""
    checked = check_base_url(url)
    return checked if checked.endswith(ROOT_PATH) else checked + ROOT_PATH


def markets_body(is_all_market: bool, market_ids: Sequence[str]) -> dict[str, Any]:
    """``is_all_market`` and ``market_ids``, by the documented rule.

    Raises:
        InvalidInput: not all markets and none named, or all markets and some named.
    """
    if isinstance(market_ids, str) or not isinstance(market_ids, Sequence) or len(market_ids) > _MOST_MARKETS:
        raise InvalidInput(path="market_ids", expected=f"a list of at most {_MOST_MARKETS} ids", actual=describe(market_ids))
    for index, market_id in enumerate(market_ids):
        segment(market_id if isinstance(market_id, str) else None, f"market_ids[{index}]")
        if market_id in market_ids[:index]:
            raise InvalidInput(path=f"market_ids[{index}]", expected="each market once", actual=f"{describe(market_id)} again")
    if truth(is_all_market, "is_all_market") == bool(market_ids):
        expected = "no ids, since is_all_market is true" if is_all_market else "at least one id, since is_all_market is false"
        raise InvalidInput(path="market_ids", expected=expected, actual=describe(list(market_ids)))
    return {"is_all_market": is_all_market, "market_ids": list(market_ids)}


def changes(given: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    """The members of an update: what is ``None`` is not sent, and so stays as it is; something must be left."""
    found = {name: value for name, value in given.items() if value is not None} | (more or {})
    if not found:
        raise InvalidInput(path="update", expected=f"at least one of {', '.join(given)}", actual="none of them")
    return found


def hidden(body: dict[str, Any], secrets: Sequence[str], salt: str) -> dict[str, Any]:
    """A body as it may be kept: a hash of each secret stands for it, so that the same content is still known by it."""
    kept = {name: hidden(value, secrets, salt) if isinstance(value, dict) else value for name, value in body.items()}
    names = [name for name, value in kept.items() if isinstance(value, str) and value in secrets]
    return kept | {name: _hash_of(str(kept[name]), salt) for name in names}


def _hash_of(secret: str, salt: str) -> str:
    """Slow to try out, since whoever has the ledger has the salt: 16 MiB and some 50 ms each."""
    return "scrypt:" + hashlib.scrypt(secret.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=32).hex()


def text(value: object, path: str) -> str:
    """Printable text that is not empty."""
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise InvalidInput(path=path, expected=f"printable text of at most {_LONGEST_TEXT} characters", actual=describe(value))
    return value


def truth(value: object, path: str) -> bool:
    """``True`` or ``False``, and nothing that only looks like it."""
    if not isinstance(value, bool):
        raise InvalidInput(path=path, expected="True or False", actual=describe(value))
    return value


def chain_number(value: object, path: str = "chain_id") -> int:
    """An EIP-155 chain id that fits into the platform's JSON."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise InvalidInput(path=path, expected="a chain id such as 1 or 56", actual=describe(value))
    return value


def span(start: datetime, end: datetime) -> dict[str, str]:
    """The query of a span of time, in UTC and whole seconds, as the page writes them: never narrower than what was asked for."""
    since, until = _moment(start, "start"), _moment(end, "end")
    if since > until:
        raise InvalidInput(path="end", expected=f"a moment not before start, {start.isoformat()}", actual=end.isoformat())
    if until.microsecond:
        until = _moved(until, timedelta(seconds=1), "end")
    return {"start_date": _written(since), "end_date": _written(until)}


def _moment(value: object, path: str) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        hint = "Without an offset it could mean two moments; write datetime(…, tzinfo=UTC)" if isinstance(value, datetime) else ""
        actual = f"{value.isoformat()} without an offset" if isinstance(value, datetime) else describe(value)
        raise InvalidInput(path=path, expected="a datetime with its offset", actual=actual, hint=hint)
    return _moved(value, timedelta(0), path)


def _moved(value: datetime, by: timedelta, path: str) -> datetime:
    try:
        return value.astimezone(UTC) + by
    except OverflowError:
        raise InvalidInput(path=path, expected="a moment within the years 1 to 9999 in UTC", actual=value.isoformat()) from None


def _written(value: datetime) -> str:
    return value.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def hash_text(value: bytes | str, path: str) -> str:
    """The hash of a transaction, given in whatever case, in lower case.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return str(Hash32(value.lower() if isinstance(value, str) else value))
    except InvalidInput as error:
        error.path = path
        raise
