"""What an instance answers, typed (venue pages *Order API*, *Orders*, *Delivery and billing addresses*).

Unknown members are passed over; a known one of a wrong type makes the whole reply invalid. A member that is missing or ``null`` is
``None``. The camelCase names of the JSON are in snake_case here. No ``repr`` shows what is personal or secret: names, e-mail and street
addresses, IP addresses, tokens, secret phrases, what the creator wrote. All text is a stranger's.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, TypeAlias, cast

import msgspec

from orderseal.api.licenserocks.money import Cents, Coins, Wei
from orderseal.signing import InvalidInput, describe

__all__ = [
    "BillingAddress",
    "Buyer",
    "DeliveryAddress",
    "Listing",
    "Nft",
    "NftFile",
    "Order",
    "OrderItem",
    "PurchasedNft",
    "Time",
    "UserOrder",
    "UserOrderItem",
    "decode_hook",
    "encode_hook",
]

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset."""

_NOTHING: Final = msgspec.Raw(b"")
_EXACT_DIGITS: Final = 15


def decode_hook(type_: type, value: Any) -> Any:
    """Read the units of money, for msgspec. The error does not repeat the value."""
    try:
        if type_ is Cents:
            return Cents(value)
        if type_ in (Coins, Wei):
            return type_(_number_text(value))
    except InvalidInput as error:
        raise ValueError(f"Expected {error.expected}") from None
    raise NotImplementedError(type_)


def encode_hook(value: Any) -> Any:
    """Write them as they came, for msgspec."""
    if isinstance(value, Cents | Coins | Wei):
        return value.wire
    raise NotImplementedError(type(value))


def _number_text(value: Any) -> Any:
    """The text of a number that came without quotes, where none of its digits can have been lost: not every page says which it is."""
    if type(value) is int:
        return str(value)
    if type(value) is float and len(repr(value).partition("e")[0].replace(".", "").strip("-0")) <= _EXACT_DIGITS:
        return repr(value)
    return value


class _Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The base of the replies. Encoded again, a member that was ``null`` is left out."""

    shown: ClassVar[tuple[str, ...]] = ("id",)
    """What the ``repr`` shows."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_plain(value)}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.shown]


def _plain(value: object) -> str:
    return describe(value) if isinstance(value, str) else repr(value)


class Buyer(_Reply, frozen=True, kw_only=True):
    """The user who bought (*Order API*, GET alone). Nearly all of it is personal."""

    id: int
    approved: bool | None = None
    company_user: bool | None = None
    email: str | None = None
    ethereum_public_addr: str | None = None
    name: str | None = None
    provider: str | None = None
    discord_id: int | str | None = None
    role_id: int | str | None = None
    username: str | None = None
    view_mode: str | None = None
    wallet_nonce: int | str | None = None
    stripe_connect_id: int | str | None = None
    secupay_external_id: int | str | None = None
    simplex_id: int | str | None = None
    newsletter_agreement: bool | None = None
    locale: str | None = None
    approved_at: Time | None = None
    created_at: Time | None = None
    last_access_at: Time | None = None
    onboarded_at: Time | None = None
    removed_at: Time | None = None
    updated_at: Time | None = None
    ip_address: str | None = None


class Listing(_Reply, frozen=True, kw_only=True):
    """A sale of an NFT. Its price is the one that an order takes, in the examples, and not the NFT's.

    Attributes:
        amount: how many are left, or ``None``.
        price_eths, price_wei: in the chain's native coin and in its base units; see :mod:`.money` on their last digits.
        active_till: when an auction ends.
        type: ``auction`` or ``regular``; others may come.
    """

    shown: ClassVar[tuple[str, ...]] = ("id", "nft_id", "type", "active", "price_cents", "price_currency")

    id: int
    price_cents: Cents | None = None
    amount: int | None = None
    price_eths: Coins | None = None
    price_wei: Wei | None = None
    active_till: Time | None = None
    active: bool | None = None
    type: str | None = None
    tx_hash: str | None = None
    price_currency: str | None = None
    seller_id: int | None = None
    nft_id: int | None = None
    capture_cron_id: int | str | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class Nft(_Reply, frozen=True, kw_only=True):
    """An NFT as the instance holds it.

    Attributes:
        contract_name: ``AuctionableERC1155`` or ``AUCTIONABLE_ERC1155``, by the age of the NFT; compare :attr:`contract`.
        payload: what the creator's form held, as the exact JSON text that came; :meth:`form` reads it. Its prices are whole euros.
        price: in cents. Not what an order costs: that is the listing's.
    """

    shown: ClassVar[tuple[str, ...]] = ("id", "status", "contract_addr", "price", "price_currency")

    id: int
    amount: int | None = None
    available_amount: int | None = None
    approved: bool | None = None
    arweave_tx: str | None = None
    chain_tx: str | None = None
    creator_public_addr: str | None = None
    contract_addr: str | None = None
    contract_name: str | None = None
    contract_network: str | None = None
    cover_key: str | None = None
    category: Any = None
    secret_phrase: str | None = None
    fee: Any = None
    fee_recipient: str | None = None
    payload: msgspec.Raw = _NOTHING
    price: Cents | None = None
    price_eths: Coins | None = None
    price_currency: str | None = None
    price_type: str | None = None
    downloadable: bool | None = None
    title: str | None = None
    creator_id: int | None = None
    use_case_id: int | None = None
    upgradeable: bool | None = None
    token_id: int | str | None = None
    new_token_id: int | str | None = None
    old_token_id: int | str | None = None
    status: str | None = None
    release_at: Time | None = None
    bidding_enabled: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    deleted_at: Time | None = None
    fractionalized: bool | None = None
    redeemable: bool | None = None
    qrcode_printfile_id: int | str | None = None
    sales_contract_url: str | None = None

    def __hash__(self) -> int:
        return hash((self.id, self.status, self.updated_at))

    @property
    def contract(self) -> str | None:
        """The contract's name in one spelling: lower case, without underscores."""
        return None if self.contract_name is None else self.contract_name.replace("_", "").lower()

    def form(self) -> Any:
        """The payload as JSON values, or ``None`` if there is none. Its members vary from NFT to NFT, and numbers may be text."""
        text = bytes(self.payload)
        return cast("Any", msgspec.json.decode(text)) if text else None


class OrderItem(_Reply, frozen=True, kw_only=True):
    """One position of an order. How far the transfer has come is presumably in ``tx_id`` and ``status``: no document says it."""

    shown: ClassVar[tuple[str, ...]] = ("id", "nft_id", "listing_id", "quantity", "price_cents", "status", "tx_id")

    id: int
    nft_id: int
    listing_id: int
    quantity: int
    order_id: int | None = None
    price_cents: Cents | None = None
    price_eths: Coins | None = None
    eth_recipient: str | None = None
    price_currency: str | None = None
    tx_id: int | str | None = None
    payment_provider: str | None = None
    status: str | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    product_type: str | None = msgspec.field(default=None, name="ProductType")
    nft: Nft | None = None
    listing: Listing | None = None


class Order(_Reply, frozen=True, kw_only=True):
    """An order as the instance holds it (*Order API*).

    Attributes:
        status: the page says that an order becomes ``paid``; all its examples show ``None``. Any text is carried.
        fail_reason: why it failed, presumably.
        total_price_cents: what the buyer paid; ``total_price_currency`` is EUR in every example.
        total_price_eth: the same in the chain's native coin, to 14 digits.
        buyer: only where orders are read; created ones come without.
        secupay_webhook_token: of the payment provider; a secret.
    """

    shown: ClassVar[tuple[str, ...]] = ("id", "status", "total_price_cents", "total_price_currency", "created_at", "order_items")

    id: int
    buyer_id: int
    order_items: tuple[OrderItem, ...]
    billing_address_id: int | None = None
    payment_method: str | None = None
    provider: str | None = None
    provider_id: int | str | None = None
    secupay_stx_transaction_id: int | str | None = None
    secupay_pci_transaction_id: int | str | None = None
    secupay_webhook_token: str | None = None
    total_price_cents: Cents | None = None
    total_price_currency: str | None = None
    total_price_eth: Coins | None = None
    status: str | None = None
    fail_reason: str | None = None
    fees_collected_at: Time | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    product_type: str | None = msgspec.field(default=None, name="ProductType")
    buyer: Buyer | None = None

    @property
    def is_paid(self) -> bool:
        """Whether the status is ``paid``. ``False`` where there is none yet, which says nothing."""
        return self.status == "paid"


class BillingAddress(_Reply, frozen=True, kw_only=True):
    """Where a bill of an order goes (*Orders*). Personal."""

    shown: ClassVar[tuple[str, ...]] = ()

    company_name: str | None = None
    postal: str | None = None
    street: str | None = None
    tax_id: str | None = None
    city: str | None = None
    country: str | None = None


class NftFile(_Reply, frozen=True, kw_only=True):
    """A file of an NFT that was bought."""

    shown: ClassVar[tuple[str, ...]] = ("id", "storage_type")

    id: int | str | None = None
    file_name: str | None = None
    key: str | None = None
    storage_type: str | None = None


class PurchasedNft(_Reply, frozen=True, kw_only=True):
    """An NFT in a user's list of orders; ``price`` in cents. ``slug`` and ``cover`` stand here or beside it."""

    id: int
    files: tuple[NftFile, ...] | None = msgspec.field(default=None, name="Files")
    price: Cents | None = None
    title: str | None = None
    slug: str | None = None
    cover: Any = None

    def __hash__(self) -> int:
        return hash((self.id, self.price, self.title))


class UserOrderItem(_Reply, frozen=True, kw_only=True):
    """One position in a user's list of orders. It does not name the listing."""

    shown: ClassVar[tuple[str, ...]] = ("quantity", "nft")

    quantity: int | None = None
    nft: PurchasedNft | None = None
    slug: str | None = None
    cover: Any = None

    def __hash__(self) -> int:
        return hash((self.quantity, self.nft, self.slug))


class UserOrder(_Reply, frozen=True, kw_only=True):
    """An order in a user's list (*Orders*): less than :class:`Order` has."""

    shown: ClassVar[tuple[str, ...]] = ("id", "status", "total_price_cents", "total_price_currency", "created_at", "order_items")

    id: int
    total_price_cents: Cents | None = None
    total_price_currency: str | None = None
    total_price_eth: Coins | None = None
    status: str | None = None
    created_at: Time | None = None
    billing_address: BillingAddress | None = None
    order_items: tuple[UserOrderItem, ...] | None = None


class DeliveryAddress(_Reply, frozen=True, kw_only=True):
    """A delivery address of a user (*Delivery and billing addresses*). Personal; ``user_id`` says whose."""

    shown: ClassVar[tuple[str, ...]] = ("id", "user_id", "default")

    id: int
    user_id: int | None = None
    name: str | None = None
    street: str | None = None
    postal: str | None = None
    city: str | None = None
    country: str | None = None
    company_name: str | None = None
    tax_id: str | None = None
    email: str | None = None
    mobile_phone: str | None = None
    default: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    deleted_at: Time | None = None
