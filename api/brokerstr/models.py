"""What the platform answers, typed (venue pages *Token Model*, *Markets*, *Nodes*, *KYC Addresses*, *External Purchases*).

Unknown members are passed over; a known one of a wrong type makes the whole reply invalid. A member that is missing or ``null`` is
``None``. Numbers with a fraction are :class:`~decimal.Decimal`, digit by digit as in the JSON. Times keep their offset, and their fraction
rounded to the microsecond; year 1 is how some servers write "never". All text is a stranger's.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from orderseal.chain.recipe import Recipe, parse_recipe
from orderseal.signing import describe

__all__ = [
    "Contract",
    "CurrencyToken",
    "KycAddress",
    "KycAddressPage",
    "KycToken",
    "Market",
    "MarketToken",
    "Node",
    "NodePage",
    "NodeType",
    "Purchase",
    "PurchaseCurrency",
    "PurchaseList",
    "Rules",
    "Time",
    "Token",
    "TokenDocument",
    "TokenImage",
    "TokenMeta",
    "TokenPage",
    "TokenStatus",
    "Webhook",
    "WebhookAuthentication",
    "Written",
]

R = TypeVar("R")

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset."""

_MOST_DIGITS: Final = 400
_PLAIN: Final = msgspec.json.Encoder(decimal_format="number")
_NOTHING: Final = msgspec.Raw(b"")


class TokenStatus(IntEnum):
    """The statuses of a token that the platform lists, with "etc." behind them. A reply may carry another: there it is a plain integer."""

    PENDING = 1
    LISTED = 2
    REJECTED = 3


class NodeType(IntEnum):
    """The kinds of node that the platform lists. A reply may carry another."""

    APEX = 1
    ACCOUNT = 2
    SUB_ACCOUNT = 3


class _Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of the replies. Encoded again, a member that was ``null`` is left out."""


def _check_number(value: Decimal | None) -> None:
    """Refuse what is no plain number, ``"NaN"`` for one, and what would take gigabytes to write out."""
    if value is not None and (not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS):
        raise ValueError("Expected a number of at most 400 digits")


class Contract(_Reply, frozen=True, kw_only=True):
    """Where a token lives: its contract, and the hash of a transaction; as they came, unchecked."""

    address: str | None = None
    hash: str | None = None


class Rules(_Reply, frozen=True, kw_only=True):
    """How many one purchase may take; in which count is not documented."""

    max_purchase_limit: int | None = None
    min_purchase_limit: int | None = None


class CurrencyToken(_Reply, frozen=True, kw_only=True):
    """What a token is paid with. ``decimals`` turns a price into base units."""

    id: str | None = None
    name: str | None = None
    symbol: str | None = None
    decimals: int | None = None
    address: str | None = None
    chain_id: int | None = None


class TokenImage(_Reply, frozen=True, kw_only=True):
    """A picture; ``hash`` is 64 hex digits, of the length of SHA-256."""

    id: str | None = None
    url: str | None = None
    is_default: bool | None = None
    hash: str | None = None
    created_at: Time | None = None


class TokenDocument(_Reply, frozen=True, kw_only=True):
    """A document; what the numbers of ``type`` mean is not documented."""

    id: str | None = None
    name: str | None = None
    url: str | None = None
    type: int | None = None
    hash: str | None = None
    created_at: Time | None = None


class TokenMeta(_Reply, frozen=True, kw_only=True):
    """Pictures and documents of a token; ``None`` where the platform says nothing."""

    images: tuple[TokenImage, ...] | None = None
    documents: tuple[TokenDocument, ...] | None = None


class Node(_Reply, frozen=True, kw_only=True):
    """A node of the platform's tree of accounts (*Nodes*).

    Attributes:
        type: see :class:`NodeType`; others may come.
        path: the ``int_id`` of each node from the root down, with dots.
    """

    id: str
    parent_id: str | None = None
    name: str | None = None
    type: int | None = None
    path: str | None = None
    int_id: int | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class Token(_Reply, frozen=True, kw_only=True):
    """A token as the platform holds it (*Token Model*). Not every end point shows every member.

    Attributes:
        status: see :class:`TokenStatus`; others occur.
        value: the price of one, in whole units of the currency, **with the noise of a float**: show it, do not pay by it.
        supply: how many there are.
        external_id: in the tokenization platform.
        integration: the recipe of a purchase, as the exact JSON text that came; :meth:`recipe` reads it. A stranger's, like all here.
        seller_address: of the seller's contract; may be empty.
        deleted_at: see :attr:`is_deleted`.
    """

    status: int
    id: str | None = None
    node_id: str | None = None
    node: Node | None = None
    distributor_id: str | None = None
    currency_token_id: str | None = None
    currency_token: CurrencyToken | None = None
    chain_id: int | None = None
    name: str | None = None
    description: str | None = None
    symbol: str | None = None
    value: Decimal | None = None
    supply: int | None = None
    external_id: str | None = None
    contract: Contract | None = None
    rules: Rules | None = None
    integration: msgspec.Raw = _NOTHING
    meta: TokenMeta | None = None
    seller_address: str | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    deleted_at: Time | None = None

    def __post_init__(self) -> None:
        _check_number(self.value)

    def __repr__(self) -> str:
        """Short: the whole of it has thousands of characters."""
        name = describe(self.id or self.external_id or "")[1:-1]
        return f"Token({name}, {describe(self.symbol or '')[1:-1]}, status {self.status})"

    def __hash__(self) -> int:
        return hash((self.id, self.external_id, self.status, self.updated_at))

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in ("id", "external_id", "symbol", "status")]

    @property
    def is_deleted(self) -> bool:
        """Whether the platform says that it was deleted; its zero time, in year 1, says that it was not."""
        return self.deleted_at is not None and self.deleted_at.year > 1

    def recipe(self) -> Recipe:
        """What the platform proposes to call on chain, for :func:`orderseal.chain.recipe.check_recipe` to hold against your pins.

        The text of ``integration`` reaches the chain room byte for byte. Nothing of it is trusted, and nothing is carried out.

        Raises:
            InvalidInput: there is none, or it is not one; the path says where.

        Example::

            token = client.token_by_external_id("693d6f791f8a9198aba44f50")
            target = check_recipe(token.recipe(), pins)
        """
        members: dict[str, Any] = {name: getattr(self, name) for name in _RECIPE_MEMBERS}
        if bytes(self.integration):
            members["integration"] = self.integration
        return parse_recipe(_PLAIN.encode({name: value for name, value in members.items() if value is not None}), "token")


_RECIPE_MEMBERS: Final = ("chain_id", "name", "symbol", "value", "external_id", "contract", "rules", "status")


class TokenPage(_Reply, frozen=True, kw_only=True):
    """One page of a market's tokens, counted from 1."""

    tokens: tuple[Token, ...]
    total: int
    page: int
    per_page: int


class NodePage(_Reply, frozen=True, kw_only=True):
    """One page of a node's children, counted from 1."""

    nodes: tuple[Node, ...]
    total: int
    page: int
    per_page: int


class MarketToken(_Reply, frozen=True, kw_only=True):
    """That a token is on a market (*Update Token Markets*). What the numbers of ``status`` mean is not documented."""

    id: str
    token_id: str
    market_id: str
    distributor_id: str | None = None
    status: int | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class KycToken(_Reply, frozen=True, kw_only=True):
    """A KYC address attached to a token (*Attach KYC Token*). ``hash`` is of a transaction or a contract."""

    id: str
    kyc_address_id: str
    token_id: str
    distributor_id: str | None = None
    chain_id: int | None = None
    hash: str | None = None
    is_approved: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class KycAddress(_Reply, frozen=True, kw_only=True):
    """A KYC address of a market (*KYC Addresses*). ``name`` may be a person's: it is not in the ``repr``."""

    id: str
    address: str
    chain_id: int
    market_id: str | None = None
    name: str | None = None
    created_at: Time | None = None
    updated_at: Time | None = None

    def __repr__(self) -> str:
        return f"KycAddress({describe(self.id)[1:-1]}, {describe(self.address)[1:-1]}, chain {self.chain_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in ("id", "address", "chain_id")]


class KycAddressPage(_Reply, frozen=True, kw_only=True):
    """One page of a market's KYC addresses, counted from 1."""

    kyc_addresses: tuple[KycAddress, ...]
    total: int
    page: int
    per_page: int


class WebhookAuthentication(_Reply, frozen=True, kw_only=True):
    """How the platform logs in to a webhook. The platform sends the password back in clear; it is not kept here."""

    type: int | str | None = None
    username: str | None = None


class Webhook(_Reply, frozen=True, kw_only=True):
    """Where the platform sends its events. ``method`` comes as text, though it is set by a number. ``timeout`` is in seconds."""

    host: str | None = None
    path: str | None = None
    method: str | int | None = None
    authentication: WebhookAuthentication | None = None
    timeout: int | None = None


class Market(_Reply, frozen=True, kw_only=True):
    """A market (*Markets*). ``webhook`` is ``None`` where there is none."""

    id: str
    node_id: str | None = None
    domain: str | None = None
    webhook: Webhook | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class PurchaseCurrency(_Reply, frozen=True, kw_only=True):
    """What was paid with. The page writes ``decimal`` here, and ``decimals`` elsewhere: both are read, see :attr:`places`."""

    symbol: str | None = None
    decimal: int | None = None
    decimals: int | None = None
    address: str | None = None

    @property
    def places(self) -> int | None:
        """How many decimal places the currency has on chain, if the platform says it."""
        return self.decimals if self.decimal is None else self.decimal


class Purchase(_Reply, frozen=True, kw_only=True):
    """A purchase that the platform has seen on chain (*External Purchases*). It has no status.

    Attributes:
        quantity: how many tokens.
        price: in whole units of the currency, from a JSON float; of one or of all is not documented. Show it, do not account by it.
        hash: of the transaction.
        buyer_address, seller_address: as they came; the seller's may be empty.
        created_at: when the platform wrote it down.
    """

    id: str
    hash: str
    token_id: str | None = None
    market_id: str | None = None
    quantity: int | None = None
    price: Decimal | None = None
    currency: PurchaseCurrency | None = None
    buyer_address: str | None = None
    seller_address: str | None = None
    created_at: Time | None = None

    def __post_init__(self) -> None:
        _check_number(self.price)


class PurchaseList(_Reply, frozen=True, kw_only=True):
    """The purchases of a market in a span of time. The page documents no way to ask for a second page."""

    purchases: tuple[Purchase, ...]
    total: int
    page: int | None = None
    per_page: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether these are all; if not, ask for shorter spans."""
        return len(self.purchases) >= self.total


@dataclass(frozen=True, slots=True)
class Written(Generic[R]):
    """What a write under a reference made.

    Attributes:
        reference: the caller's.
        id: the platform's own.
        data: as the platform answered; ``None`` if that was in an earlier call, which this one repeats without sending anything.
    """

    reference: str
    id: str
    data: R | None = field(default=None, repr=False)

    @property
    def repeated(self) -> bool:
        """Whether nothing was sent, since it had been before."""
        return self.data is None
