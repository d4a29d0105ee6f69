"""What TokenizationTR answers, typed (pages of ``docs.tokenizationtr.com``, named at each).

Unknown members are passed over; a known one of a wrong type makes the whole reply invalid. A missing or ``null`` member is ``None``.
Numbers with a fraction are :class:`~decimal.Decimal`, digit by digit as in the JSON. A time in the year 1 is how the platform writes
"never", and is ``None`` here. Status and type numbers are plain integers: others than the documented ones may come, and none is guessed.
Names of people are not in any ``repr``. All text is a stranger's.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from orderseal.signing import InvalidInput, describe, to_base_units

__all__ = [
    "Candidates",
    "Category",
    "Contract",
    "Currency",
    "CurrencyMeta",
    "Deal",
    "Delisting",
    "Fees",
    "MarketSummary",
    "Money",
    "OpenWrite",
    "Operation",
    "Oracle",
    "PriceIn",
    "PriceRange",
    "Purchase",
    "SellOrder",
    "Time",
    "Token",
    "TokenDetails",
    "TokenFile",
    "TokenInfo",
    "TokenMarket",
    "TokenMeta",
    "TokenMetrics",
    "TokenPurchase",
    "TokenStatus",
    "TokenTransactionType",
    "TokenValue",
    "Transaction",
    "TransactionData",
    "UserTransactionType",
    "Written",
]

R = TypeVar("R")

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset."""

STARTED: Final = 1
"""The only status of a transaction that the documents name: it has started."""

_MOST_DIGITS: Final = 400
_NOTHING: Final = msgspec.Raw(b"")
_NAMES: Final = frozenset({"seller_name", "buyer_name"})


class UserTransactionType(IntEnum):
    """What a transaction of a user is (*User Transactions*)."""

    PURCHASE_ON_PRIMARY_MARKET = 1
    PURCHASE_ON_SECONDARY_MARKET = 2
    SELL_ON_SECONDARY_MARKET = 3
    DELIST_ON_SECONDARY_MARKET = 4
    CLAIM_RENT = 5
    CREATE_OTC_OFFER = 6
    CANCEL_OTC_OFFER = 7
    BURN = 8


class TokenTransactionType(IntEnum):
    """What a transaction of a token is (*Token Transactions*): other numbers than those of a user's."""

    CREATE_TOKENIZATION = 1
    TOKEN_LISTING = 2
    TOKEN_RENT = 3
    UPDATE_TOKEN_SUPPLY = 4
    UPDATE_TOKEN = 5
    DELIST_TOKEN = 6
    PASSIVE_TOKEN = 7
    PUBLIC_TRANSFER_TOKEN = 8
    CHANGE_TOKEN_LAUNCHPAD_ADDRESS = 9
    BURN_TOKEN = 10
    OPEN_TO_SECONDARY_MARKET = 11


class TokenStatus(IntEnum):
    """The statuses of a token that are listed (*Get Token*)."""

    NONE = 0
    DRAFT = 1
    IN_PROGRESS = 2
    ERROR = 3
    NOT_LISTED = 4
    DELISTED = 5
    LISTED = 6
    PASSIVE = 7
    BURN = 8


class _Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of the replies. Encoded again, a member that was ``null`` is left out."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, datetime):
                if value.year == 1:
                    msgspec.structs.force_setattr(self, name, None)
            elif isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS):
                # "NaN" for one, and what would take gigabytes to write out.
                raise ValueError("Expected a number of at most 400 digits")

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__ if name not in _NAMES)
        return [(name, value) for name, value in shown if value is not None and not isinstance(value, msgspec.Raw)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Money(_Reply, frozen=True, kw_only=False):
    """An amount in **whole** units of a currency: ``Money(Decimal("12.5"), 6, "USDT")`` is twelve and a half.

    Attributes:
        amount: not scaled by ``decimal``; also an ``int`` is taken. A float is refused.
        decimal: how many decimal places the currency has on chain.
        symbol: such as ``USDT``.
        id: of the currency token; only newer pages have it.
        address: of its contract; only newer pages have it.
    """

    amount: Decimal
    decimal: int
    symbol: str
    id: str | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.amount, int) and not isinstance(self.amount, bool):
            msgspec.structs.force_setattr(self, "amount", Decimal(self.amount))
        if not isinstance(self.amount, Decimal):
            raise InvalidInput(path="amount", expected="a Decimal or an int", actual=describe(self.amount), hint="A float is not exact")
        super().__post_init__()

    @property
    def units(self) -> int:
        """The same in base units of the currency, ``amount * 10^decimal``; that this is how they relate is inferred.

        Raises:
            InvalidInput: it has more decimal places than the currency, or is negative.
        """
        return to_base_units(self.amount, self.decimal)


@dataclass(frozen=True, slots=True)
class PriceIn:
    """The price of one token as the newer *Sell* page writes it: the id of a currency token, and whole units of it.

    Attributes:
        price_id: see :meth:`.AsyncClient.currencies`.
        amount: above 0; a ``Decimal`` or an ``int``.
    """

    price_id: str
    amount: Decimal | int


class Fees(_Reply, frozen=True, kw_only=True):
    """What a purchase cost besides."""

    platform_fee: Money | None = None
    node_fee: Money | None = None


class SellOrder(_Reply, frozen=True, kw_only=True):
    """A sale that was offered at once (*Sell On Secondary Market*, older form). ``estimated_total`` is price times quantity."""

    deal_id: int
    user_id: str | None = None
    token_id: str | None = None
    quantity: int | None = None
    price: Money | None = None
    status: str | None = None
    expires_at: Time | None = None
    created_at: Time | None = None
    estimated_total: Money | None = None


class Delisting(_Reply, frozen=True, kw_only=True):
    """An offer that was taken back at once (*Delist*, older form). ``remaining_quantity`` is what had not been sold."""

    deal_id: int
    user_id: str | None = None
    token_id: str | None = None
    quantity: int | None = None
    remaining_quantity: int | None = None
    price: Money | None = None
    status: str | None = None
    delisted_at: Time | None = None
    created_at: Time | None = None


class TokenPurchase(_Reply, frozen=True, kw_only=True):
    """A purchase that was made at once (*Buy On Primary Market* in its older form, *Buy On Secondary Market*).

    Attributes:
        deal_id, seller_id, seller_name: on the secondary market only.
        net_amount: whether fees are added or taken off is not documented.
    """

    purchase_id: str
    user_id: str | None = None
    token_id: str | None = None
    deal_id: int | None = None
    quantity: int | None = None
    unit_price: Money | None = None
    total_cost: Money | None = None
    fees: Fees | None = None
    net_amount: Money | None = None
    seller_id: str | None = None
    seller_name: str | None = None
    status: str | None = None
    transaction_hash: str | None = None
    purchase_date: Time | None = None
    estimated_delivery: Time | None = None


class Deal(_Reply, frozen=True, kw_only=True):
    """An offer on the secondary market (*Secondary Markets*). Which members are there depends on the page.

    Attributes:
        deal_id: names it to :meth:`.AsyncClient.buy_secondary` and :meth:`.AsyncClient.delist`.
        id: a second name on one page, such as ``deal_123``.
        quantity: how many tokens were offered; ``available_quantity`` are left.
        price: of one token.
        status: such as ``active``, ``completed``, ``delisted``; others may come.
    """

    deal_id: int
    quantity: int
    price: Money
    id: str | None = None
    token_id: str | None = None
    token_name: str | None = None
    token_symbol: str | None = None
    available_quantity: int | None = None
    seller_id: str | None = None
    seller_name: str | None = None
    seller_rating: Decimal | None = None
    buyer_id: str | None = None
    buyer_name: str | None = None
    status: str | None = None
    transaction_hash: str | None = None
    expires_at: Time | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class Category(_Reply, frozen=True, kw_only=True):
    """A kind of token."""

    id: str | None = None
    name: str | None = None


class TokenInfo(_Reply, frozen=True, kw_only=True):
    """What a market says of its token."""

    id: str | None = None
    name: str | None = None
    symbol: str | None = None
    description: str | None = None
    category: Category | None = None


class PriceRange(_Reply, frozen=True, kw_only=True):
    """Prices of one token in whole units."""

    min: Decimal | None = None
    max: Decimal | None = None
    average: Decimal | None = None


class MarketSummary(_Reply, frozen=True, kw_only=True):
    """A market in numbers; ``total_volume_24h`` is in whole units of ``volume_symbol``."""

    total_deals: int | None = None
    active_deals: int | None = None
    total_quantity_available: int | None = None
    total_volume_24h: Decimal | None = None
    volume_symbol: str | None = None
    price_range: PriceRange | None = None


class TokenMarket(_Reply, frozen=True, kw_only=True):
    """The secondary market of one token (*Get Secondary Group*)."""

    token_info: TokenInfo | None = None
    market_summary: MarketSummary | None = None
    active_deals: tuple[Deal, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.token_info is None and self.market_summary is None and self.active_deals is None:
            raise ValueError("Expected token_info, market_summary or active_deals")


class Purchase(_Reply, frozen=True, kw_only=True):
    """A purchase of a user (*Purchases*). ``purchase_price`` is of one token."""

    id: str
    token_id: str | None = None
    token_name: str | None = None
    token_symbol: str | None = None
    quantity: int | None = None
    purchase_price: Money | None = None
    total_cost: Money | None = None
    fees: Fees | None = None
    purchase_type: str | None = None
    market_type: str | None = None
    deal_id: int | None = None
    seller_id: str | None = None
    purchase_date: Time | None = None
    status: str | None = None
    transaction_hash: str | None = None


class TransactionData(_Reply, frozen=True, kw_only=True):
    """What a transaction is about, as it is documented for purchases (*User Transactions*, newer form).

    ``price_amount`` is of one token and ``total_fee_amount`` of all, both in whole units; ``total_fee_percentage`` 4 is 4 %.
    """

    token_id: str | None = None
    quantity: int | None = None
    deal_id: int | None = None
    price_id: str | None = None
    price_amount: Decimal | None = None
    price_decimal: int | None = None
    price_symbol: str | None = None
    price_address: str | None = None
    seller_address: str | None = None
    buyer_address: str | None = None
    total_fee_percentage: Decimal | None = None
    total_fee_amount: Decimal | None = None


_DATA: Final = msgspec.json.Decoder(TransactionData)


class Transaction(_Reply, frozen=True, kw_only=True):
    """Something that the platform does after it answered (*User Transactions*, *Token Transactions*). Members differ from page to page.

    Attributes:
        status: 1 is *Started*; no other number is documented.
        type: a :class:`UserTransactionType` among a user's, a :class:`TokenTransactionType` among a token's. Which of the two the end point
            for polling speaks is not documented.
        hash: of the transaction on chain, which tells best whether it went well.
        error: why it failed, if it did: text, or an object.
        data: what it is about, as the exact JSON text that came; :meth:`details` reads it.
        environment: a number whose values are not documented.
    """

    id: str
    status: int
    type: int | None = None
    user_id: str | None = None
    node_id: str | None = None
    token_id: str | None = None
    environment: int | None = None
    external_id: str | None = None
    internal_id: str | None = None
    is_api: bool | None = None
    hash: str | None = None
    error: str | dict[str, Any] | None = None
    message: str | None = None
    data: msgspec.Raw = _NOTHING
    created_at: Time | None = None
    updated_at: Time | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is not _NOTHING:
            plain = bytes(self.data)  # A view would keep the whole page in memory.
            msgspec.structs.force_setattr(self, "data", _NOTHING if plain == b"null" else msgspec.Raw(plain))

    def __hash__(self) -> int:
        return hash((self.id, self.status, self.hash, self.updated_at))

    @property
    def is_started(self) -> bool:
        """Whether it is in the one state that the documents name: begun, with nothing to show yet."""
        return self.status == STARTED

    @property
    def has_failed(self) -> bool:
        """Whether the platform gives an error for it."""
        return bool(self.error)

    @property
    def seems_final(self) -> bool:
        """Whether it has left *Started*, and has a hash or an error to show.

        The documents do not say which numbers are final. Each documented sample fits: 1 and 2 without a hash are under way, 3 with a
        hash and no error is done. No number above 1 is taken for good or bad. An older form of the listings has neither member: there it is
        never so, and you have to say which numbers you take for final.
        """
        return self.status > STARTED and bool(self.hash or self.error)

    def details(self) -> TransactionData | None:
        """``data`` in the documented form; ``None`` if there is none, or it has another form."""
        try:
            return _DATA.decode(self.data) if bytes(self.data) else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None


class Contract(_Reply, frozen=True, kw_only=True):
    """Where something lives on chain; as it came, unchecked."""

    address: str | None = None
    tx_hash: str | None = None


class TokenMetrics(_Reply, frozen=True, kw_only=True):
    """The rules of a token. A primary purchase must lie between the two quantities."""

    term_duration_in_months: int | None = None
    min_purchase_quantity: int | None = None
    max_purchase_quantity: int | None = None
    min_tokens_required_for_rental_income: int | None = None
    rental_income: Decimal | None = None
    rental_income_symbol: str | None = None
    rental_payment_period_in_days: int | None = None
    total_supply: int | None = None


class TokenValue(_Reply, frozen=True, kw_only=True):
    """What a token is worth (*Token Details*), in the newer form by ``token_price``, in the older by ``value``.

    ``salable_value`` is money in the newer form, and a bare number in the older. ``salable_percentage`` is 0 to 100.
    """

    token_price: Money | None = None
    total_value: Money | None = None
    salable_percentage: Decimal | None = None
    salable_value: Money | Decimal | None = None
    value: Money | None = None
    rate: Decimal | None = None
    supply: int | None = None
    max_supply: int | None = None
    total_supply: int | None = None
    sold_supply: int | None = None


class Token(_Reply, frozen=True, kw_only=True):
    """A token as a user sees it (*Get Token*). Schema and example of the page differ: only ``id`` is sure.

    Attributes:
        status: see :class:`TokenStatus`; others may come.
        value: of one token in whole units of ``value_symbol``; or as in :class:`TokenDetails`.
    """

    id: str
    name: str | None = None
    symbol: str | None = None
    description: str | None = None
    value: Decimal | TokenValue | None = None
    value_symbol: str | None = None
    rate: Decimal | None = None
    max_supply: int | None = None
    total_supply: int | None = None
    available_supply: int | None = None
    type: int | None = None
    status: int | None = None
    category: Category | None = None
    category_id: str | None = None
    metrics: TokenMetrics | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class Oracle(_Reply, frozen=True, kw_only=True):
    """Where the platform takes a value from."""

    id: str | None = None
    code: str | None = None


class TokenFile(_Reply, frozen=True, kw_only=True):
    """A picture or a document; its members are not documented in full."""

    id: str | None = None
    name: str | None = None
    url: str | None = None
    hash: str | None = None
    type: int | None = None
    is_default: bool | None = None


class TokenMeta(_Reply, frozen=True, kw_only=True):
    """Pictures and documents."""

    images: tuple[TokenFile | str, ...] | None = None
    documents: tuple[TokenFile | str, ...] | None = None


class TokenDetails(_Reply, frozen=True, kw_only=True):
    """A token as the back office sees it (*Token Details*), in the older and the newer form.

    Attributes:
        status: see :class:`TokenStatus`; others may come.
        type: 0 is a standard token, 1 a distribution token.
        is_open_to_secondary_market: older form only.
        metric: older form only.
    """

    id: str
    category_id: str | None = None
    type: int | None = None
    node_id: str | None = None
    node_name: str | None = None
    listing_contract_address: str | None = None
    status: int | None = None
    name: str | None = None
    description: str | None = None
    token_name: str | None = None
    token_symbol: str | None = None
    is_public: bool | None = None
    is_open_to_secondary_market: bool | None = None
    oracle: Oracle | None = None
    node_contract: dict[str, Any] | None = None
    meta: TokenMeta | None = None
    contract: Contract | None = None
    value: TokenValue | None = None
    metric: TokenMetrics | None = None
    created_at: Time | None = None
    updated_at: Time | None = None

    def __hash__(self) -> int:
        return hash((self.id, self.status, self.updated_at))


class CurrencyMeta(_Reply, frozen=True, kw_only=True):
    """What a currency looks like."""

    logo: TokenFile | None = None


class Currency(_Reply, frozen=True, kw_only=True):
    """A currency token (*Active Currency Tokens*). Its ``id`` is the ``price_id`` of a sale."""

    id: str
    node_id: str | None = None
    type: int | None = None
    status: int | None = None
    name: str | None = None
    symbol: str | None = None
    total_supply: Decimal | None = None
    description: str | None = None
    decimals: int | None = None
    meta: CurrencyMeta | None = None
    contract: Contract | None = None
    is_active: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


# What we say ourselves


class Operation(StrEnum):
    """The four writes, by the last part of their paths."""

    BUY_PRIMARY = "buy-on-primary-market"
    BUY_SECONDARY = "buy-on-secondary-market"
    SELL = "sell"
    DELIST = "delist"

    @property
    def type(self) -> UserTransactionType:
        """What the user's transactions call it."""
        return _TYPES[self]


_TYPES: Final = {
    Operation.BUY_PRIMARY: UserTransactionType.PURCHASE_ON_PRIMARY_MARKET,
    Operation.BUY_SECONDARY: UserTransactionType.PURCHASE_ON_SECONDARY_MARKET,
    Operation.SELL: UserTransactionType.SELL_ON_SECONDARY_MARKET,
    Operation.DELIST: UserTransactionType.DELIST_ON_SECONDARY_MARKET,
}


@dataclass(frozen=True, slots=True)
class Written(Generic[R]):
    """A write that the platform took. Exactly one of the three ids is there.

    Attributes:
        reference: the caller's.
        transaction_id: the newer generation: it has begun; see :meth:`.AsyncClient.wait`.
        deal_id: the older generation, a sale or a delisting: it is done.
        purchase_id: the older generation, a purchase: it is done.
        data: what the older generation says of it; ``None`` from the newer one, and where ``repeated``.
        repeated: whether it was made by an earlier call with this reference, and nothing was sent now.
    """

    reference: str
    transaction_id: str | None = None
    deal_id: int | None = None
    purchase_id: str | None = None
    data: R | None = field(default=None, repr=False)
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """A write of which nobody knows what became.

    Attributes:
        reference: the caller's.
        operation: which write.
        user_id, token_id: whose, and of what.
        body: what was sent; numbers with a fraction are text here, digit by digit.
        sent_at: Unix seconds.
    """

    reference: str
    operation: Operation
    user_id: str
    token_id: str
    body: dict[str, Any] = field(hash=False)
    sent_at: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """What at the platform could be an open write. **None of it is proof**, not even if there is exactly one.

    Attributes:
        write: the open write.
        transactions: of its type and user, begun since it was sent, that say nothing else about token, quantity, price or deal.
        purchases: the same for a purchase.
        deals: the same for a sale; for a delisting, its deal if that is no longer active.
    """

    write: OpenWrite
    transactions: tuple[Transaction, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    deals: tuple[Deal, ...] = ()
