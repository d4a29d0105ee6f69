"""The venue's order (Stove: *Order Signature*, *Create Order*), and what it is to sign one."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Self, TypeVar, cast

from orderseal.signing.clock import FIRST_MILLISECONDS
from orderseal.signing.eip712.annotations import Sol
from orderseal.signing.eip712.domain import Domain
from orderseal.signing.eip712.struct import Struct, lower_first
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.signers import Signer, checked_signature
from orderseal.signing.sol import address, string, uint16, uint256
from orderseal.signing.strict_json import JsonNumber, read_json
from orderseal.signing.values import Address, Hash32, Signature, hex_to_bytes

__all__ = [
    "MAX_NONCE",
    "TICKER",
    "Order",
    "SignedOrder",
    "parse_venue_payload",
    "refuse_faults",
    "refuse_no_domain",
    "refuse_no_signer",
    "refuse_unsignable",
    "sign_checked",
    "sign_order",
    "signature_bytes",
    "venue_payload",
]

MAX_NONCE: Final = 2**53 - 1
"""The greatest order nonce: the venue sends it as a JSON number, and JavaScript rounds greater ones."""

TICKER = re.compile(r"[A-Z0-9]{1,10}(?:[./-][A-Z0-9]{1,5})?", re.ASCII)
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)

_LONGEST_SIGNATURE: Final = 20_000
_ZERO_ADDRESS: Final = bytes(20)
# An order for more shares than any company has issued is a quantity in wei, and a price below a millionth of a token was not scaled.
_MOST_SHARES: Final = 10**15
_LEAST_PRICE: Final = 10**12


class Order(Struct, name="Order", maker="maker"):
    """The 11-field order of Stove's ``RFQSettlement`` (venue page *Order Signature*). All integers are base units.

    Attributes:
        maker: the account that signs and pays.
        principal: the account that receives what is bought.
        is_buy: ``True`` to buy; ``isBuy`` in the typed data, ``is_buy`` in the venue's JSON.
        ticker: stock symbol such as ``AAPL``.
        exchange: venue's code, 0 = NASDAQ.
        asset: the payment token's contract.
        price: of one share in base units of the payment token (18 decimals: 150.25 is 150250000000000000000).
        quantity: whole shares, not scaled.
        incentive: the fee offered for the whole order, in base units of the payment token.
        deadline: Unix seconds until which the signature is good.
        nonce: issued by the venue; below 2^53.

    Construction checks types and ranges. What is well-formed but cannot be meant (a deadline in milliseconds, a zero
    recipient) is listed by :meth:`faults`, so that it can be read and verified but is not signed.
    """

    maker: address
    principal: address
    is_buy: Annotated[bool, Sol("bool", name="isBuy")]
    ticker: string
    exchange: uint16
    asset: address
    price: uint256
    quantity: uint256
    incentive: uint256
    deadline: uint256
    nonce: uint256

    def faults(self) -> tuple[tuple[str, str], ...]:
        """What no honest order has, whatever the time, as (code, explanation).

        Codes: ``zero_address``, ``ticker_form``, ``price_zero``, ``price_unscaled``, ``quantity_zero``, ``quantity_scaled``,
        ``deadline_unit``, ``nonce_range``.
        """
        found: list[tuple[str, str]] = []
        if _ZERO_ADDRESS in (self.maker, self.principal, self.asset):
            accounts = {"maker": self.maker, "principal": self.principal, "asset": self.asset}
            zeros = [name for name, account in accounts.items() if account == _ZERO_ADDRESS]
            found += [("zero_address", f"{name} is the zero address, which nobody owns") for name in zeros]
        if not TICKER.fullmatch(self.ticker):
            hint = f": write {describe(self.ticker.upper())}" if TICKER.fullmatch(self.ticker.upper()) else ""
            found.append(("ticker_form", f"ticker {describe(self.ticker)} is no stock symbol such as AAPL or BRK.B{hint}"))
        if self.price == 0:
            found.append(("price_zero", "the price is zero"))
        elif self.price < _LEAST_PRICE:
            found.append(("price_unscaled", f"the price {self.price} is less than 0.000001 of a token with 18 decimals: scale it by 10^18"))
        if self.quantity == 0:
            found.append(("quantity_zero", "the quantity is zero"))
        elif self.quantity >= _MOST_SHARES:
            found.append(("quantity_scaled", f"the quantity {self.quantity} is not in whole shares: do not scale it by 10^18"))
        if self.deadline >= FIRST_MILLISECONDS:
            found.append(("deadline_unit", f"the deadline {self.deadline} looks like milliseconds, it must be in seconds: divide by 1000"))
        if self.nonce > MAX_NONCE:
            found.append(
                ("nonce_range", f"the nonce {describe(self.nonce)} is not below 2^53, the greatest that survives the venue's JSON")
            )
        return tuple(found)

    def to_venue(self) -> dict[str, Any]:
        """The venue's JSON form (*Create Order*): ``is_buy``, addresses with checksum, amounts as decimal strings."""
        return {
            "maker": str(self.maker),
            "principal": str(self.principal),
            "is_buy": self.is_buy,
            "ticker": self.ticker,
            "exchange": self.exchange,
            "asset": str(self.asset),
            "price": str(self.price),
            "quantity": str(self.quantity),
            "incentive": str(self.incentive),
            "deadline": self.deadline,
            "nonce": self.nonce,
        }

    @classmethod
    def from_venue(cls, value: object, *, path: str = "order") -> Self:
        """Read the venue's JSON form; exactly the 11 members, in exactly the documented JSON types."""
        if not isinstance(value, Mapping):
            raise InvalidInput(path=path, expected="an object with the 11 members of the order", actual=describe(value))
        given = cast("Mapping[str, Any]", value)
        if set(given) != set(_VENUE_FORM):
            missing = sorted(set(_VENUE_FORM) - set(given))
            extra = sorted(describe(key) for key in set(given) - set(_VENUE_FORM))
            actual = "; ".join(
                ([f"{', '.join(missing)} missing"] if missing else []) + ([f"{', '.join(extra[:5])} not known"] if extra else [])
            )
            hint = "The venue's JSON says is_buy; isBuy is the typed data's name" if "isBuy" in given else ""
            raise InvalidInput(path=path, expected="exactly the 11 members of the order", actual=actual, hint=hint)
        values: dict[str, Any] = {}
        for name, form in _VENUE_FORM.items():
            item = given[name]
            if form == "decimal":
                if type(item) is not str or not _DECIMAL.fullmatch(item):
                    hint = "" if isinstance(item, str) else "Amounts are strings in the venue's JSON"
                    raise InvalidInput(path=f"{path}.{name}", expected="a decimal string", actual=_shown(item), hint=hint)
                item = int(item)
            elif form == "long" and (type(item) is not int or not 0 <= item <= MAX_NONCE):
                raise InvalidInput(path=f"{path}.{name}", expected="an integer from 0 to 2^53-1", actual=_shown(item))
            elif form in ("address", "text") and type(item) is not str:
                raise InvalidInput(path=f"{path}.{name}", expected="a string", actual=_shown(item))
            values[name] = item
        try:
            return cls(**values)
        except InvalidInput as error:
            error.path = f"{path}.{error.path.removeprefix('order.')}"
            raise


_VENUE_FORM: Final = {
    "maker": "address",
    "principal": "address",
    "is_buy": "bool",
    "ticker": "text",
    "exchange": "long",
    "asset": "address",
    "price": "decimal",
    "quantity": "decimal",
    "incentive": "decimal",
    "deadline": "long",
    "nonce": "long",
}


def _shown(item: object) -> str:
    return f"the JSON number {item[:40]}" if isinstance(item, JsonNumber) else describe(item)


S_co = TypeVar("S_co", bound=Struct, covariant=True)
_S = TypeVar("_S", bound=Struct)


@dataclass(frozen=True, slots=True)
class SignedOrder(Generic[S_co]):
    """An order with its signature, as :func:`sign_order` makes it.

    Attributes:
        order: what was signed.
        domain: for which contract and chain.
        signing_hash: the 32-byte digest.
        signature: 65 bytes r ‖ s ‖ v.
        signer: whose key made the signature.
    """

    order: S_co
    domain: Domain
    signing_hash: Hash32
    signature: Signature
    signer: Address

    def to_json(self) -> dict[str, Any]:
        """``{"typed_data": …, "signature": …, "signer": …}``: what ``orderseal verify`` reads."""
        return {
            "typed_data": self.order.to_typed_data(self.domain).to_json(),
            "signature": str(self.signature),
            "signer": str(self.signer),
        }


def sign_order(order: _S, domain: Domain, signer: Signer) -> SignedOrder[_S]:
    """Sign a declared order.

    Args:
        order: the built-in :class:`Order` or any declared :class:`Struct`.
        domain: the contract and chain it is for.
        signer: whose key signs; must be the order's declared maker, if its type declares one.

    Raises:
        InvalidInput: the order has :meth:`~Struct.faults`, or its maker is not the signer. Nothing was signed.
        SignerError: the signer failed, or returned a signature that is not its own.
    """
    refuse_no_signer(signer)
    refuse_unsignable(order, domain, signer.address)
    return sign_checked(order, domain, signer)


def sign_checked(order: _S, domain: Domain, signer: Signer) -> SignedOrder[_S]:
    """Sign an order that :func:`refuse_unsignable` let pass."""
    digest = order.signing_hash(domain)
    signature = checked_signature(signer, digest, lambda: order.to_typed_data(domain))
    return SignedOrder(order, domain, digest, signature, signer.address)


def refuse_unsignable(order: Struct, domain: Domain, signer: Address) -> None:
    """Raise unless this is an order without faults, for a domain, with the signer as its declared maker."""
    if not isinstance(order, Struct):
        raise InvalidInput(path="order", expected="an Order or another declared struct", actual=describe(order))
    refuse_no_domain(domain)
    refuse_faults(order)
    maker = type(order).maker_attribute
    if maker is not None and getattr(order, maker) != signer:
        raise InvalidInput(
            path=f"{lower_first(type(order).struct_name)}.{maker}",
            expected=f"the signer's address {signer}",
            actual=str(getattr(order, maker)),
            hint="A contract accepts an order only if its maker signed it",
        )


def refuse_no_signer(signer: object) -> None:
    """Raise unless this can sign."""
    if not hasattr(signer, "sign_typed_data"):
        raise InvalidInput(path="signer", expected="a signer, such as LocalSigner.from_env(…)", actual=f"a {type(signer).__name__}")


def refuse_no_domain(domain: object) -> None:
    """Raise unless this is a domain."""
    if not isinstance(domain, Domain):
        raise InvalidInput(path="domain", expected="a Domain, such as network.domain", actual=describe(domain))


def refuse_faults(order: Struct) -> None:
    """Raise if an order has :meth:`~Struct.faults`: it is well-formed, but nobody can mean it."""
    if faults := order.faults():
        raise InvalidInput(
            path=lower_first(type(order).struct_name),
            expected="an order that makes sense",
            actual="one in which " + "; ".join(text for _, text in faults),
        )


def venue_payload(signed: SignedOrder[Order]) -> bytes:
    """The exact UTF-8 bytes, ready to send, of the venue's create request: ``{"order": …, "signature": …}`` (*Create Order*)."""
    body = {"order": signed.order.to_venue(), "signature": str(signed.signature)}
    return json.dumps(body, separators=(",", ":")).encode()


def parse_venue_payload(data: bytes | str | Mapping[str, Any]) -> tuple[Order, bytes]:
    """Read ``{"order": …, "signature": …}`` and give the order and the raw signature bytes, whose form is not judged here."""
    document = read_json(data) if isinstance(data, bytes | str) else data
    if not isinstance(document, Mapping) or set(cast("Mapping[str, Any]", document)) != {"order", "signature"}:
        raise InvalidInput(path="document", expected='an object with exactly "order" and "signature"', actual=describe(document))
    payload = cast("Mapping[str, Any]", document)
    return Order.from_venue(payload["order"]), signature_bytes(payload["signature"])


def signature_bytes(value: object, path: str = "signature") -> bytes:
    """Read ``0x`` hex as bytes, of any length."""
    raw = hex_to_bytes(value) if isinstance(value, str) and len(value) <= _LONGEST_SIGNATURE else None
    if raw is None:
        raise InvalidInput(path=path, expected="a signature as 0x hex", actual=describe(value))
    return raw
