"""What a user holds fast about a purchase before any venue is asked: chain, marketplace, currency, and the code that stands there.

Pins are the user's own file. They are never taken from the recipe that they check.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, Self, TypeVar, cast

from orderseal.chain.abi import Call
from orderseal.signing.eip712 import Sol
from orderseal.signing.errors import InvalidInput, PlanMismatch, describe
from orderseal.signing.keccak import keccak256
from orderseal.signing.limits import Limits
from orderseal.signing.sol import address
from orderseal.signing.strict_json import JAVASCRIPT_SAFE, JsonNumber, read_json, refuse_large_value
from orderseal.signing.values import Address, AddressLike, Hash32

__all__ = [
    "ERC1967_BEACON_SLOT",
    "ERC1967_IMPLEMENTATION_SLOT",
    "NO_CODE_HASHES",
    "FacetAddress",
    "LiveCode",
    "PinnedCode",
    "PinnedCurrency",
    "PinnedMarketplace",
    "Pins",
    "Units",
    "check_code",
    "checked_address",
    "checked_object",
    "observed_pins",
    "read_document",
]

T = TypeVar("T")

ERC1967_IMPLEMENTATION_SLOT: Final = Hash32("0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc")
"""Where a proxy keeps the address of its implementation: keccak256("eip1967.proxy.implementation") - 1 (ERC-1967)."""

ERC1967_BEACON_SLOT: Final = Hash32("0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50")
"""Where a proxy keeps the address of its beacon: keccak256("eip1967.proxy.beacon") - 1 (ERC-1967)."""

NO_CODE_HASHES: Final = frozenset({Hash32(keccak256(b"")), Hash32(bytes(32))})
"""What ``EXTCODEHASH`` gives of an account without code, and of none at all (EIP-1052)."""

_LIMITS: Final = Limits(document_bytes=2**20, depth=16)
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_MOST: Final = 2**256 - 1
_MOST_DECIMALS: Final = 77
_ZERO_WORD: Final = bytes(32)
_PROXY: Final = "It is a proxy (ERC-1967): pin what stands behind it, or its owner can put anything there"


class FacetAddress(Call[address], name="facetAddress"):
    """``facetAddress(bytes4 _functionSelector)`` of a diamond: the facet behind a selector, or the zero address (ERC-2535)."""

    function_selector: Annotated[bytes, Sol("bytes4", name="_functionSelector")]


@dataclass(frozen=True, slots=True)
class PinnedCode:
    """A contract and the Keccak-256 of its code."""

    address: Address
    code_hash: Hash32

    def __post_init__(self) -> None:
        _put(self, "address", _contract(self.address))
        _put(self, "code_hash", _code_hash(self.code_hash))


@dataclass(frozen=True, slots=True)
class PinnedMarketplace:
    """The contract that is called to buy.

    Attributes:
        address, code_hash: of what is called.
        implementation: what stands behind it, if it is an ERC-1967 proxy.
        facet: what stands behind the selector of ``buy``, if it is a diamond (ERC-2535). It cannot be both.
    """

    address: Address
    code_hash: Hash32
    implementation: PinnedCode | None = None
    facet: PinnedCode | None = None

    def __post_init__(self) -> None:
        _put(self, "address", _contract(self.address))
        _put(self, "code_hash", _code_hash(self.code_hash))
        _check_type(self.implementation, PinnedCode, "implementation")
        _check_type(self.facet, PinnedCode, "facet")
        if self.implementation is not None and self.facet is not None:
            hint = "A proxy in front of a diamond is not supported"
            raise InvalidInput(path="facet", expected="implementation or facet", actual="both", hint=hint)


@dataclass(frozen=True, slots=True)
class PinnedCurrency:
    """The ERC-20 token that is paid with.

    Attributes:
        address: of the token.
        code_hash: compared where it is pinned. An issuer may replace the code of a proxy at any time.
        implementation: what stands behind it, if it is an ERC-1967 proxy.
        decimals: 0…77, compared with what the token says.
    """

    address: Address
    code_hash: Hash32 | None = None
    implementation: PinnedCode | None = None
    decimals: int | None = None

    def __post_init__(self) -> None:
        _put(self, "address", _contract(self.address))
        if self.code_hash is not None:
            _put(self, "code_hash", _code_hash(self.code_hash))
        _check_type(self.implementation, PinnedCode, "implementation")
        if self.decimals is not None:
            _check_integer(self.decimals, "decimals", 0, _MOST_DECIMALS)


@dataclass(frozen=True, slots=True)
class Units:
    """What the contract counts in. No document says it; a simulation must confirm it.

    A purchase of ``amount`` costs ceil(amount · price / ``price_scale``) base units of the currency, and delivers amount · ``unit`` base
    units of the house token. Both are 1…2^256-1.
    """

    price_scale: int
    unit: int

    def __post_init__(self) -> None:
        _check_integer(self.price_scale, "price_scale", 1, _MOST)
        _check_integer(self.unit, "unit", 1, _MOST)


@dataclass(frozen=True, slots=True)
class Pins:
    """What must hold of every purchase.

    Attributes:
        chain_id: 1…2^256-1.
        marketplace: the contract that is called.
        currency: the token that is paid with.
        tokens: the house tokens that may be bought, at least one; ``None`` leaves that to whoever approves a plan.
        units: ``None`` stands for a ``price_scale`` of 1 and for a ``unit`` of one whole house token.

    Raises:
        InvalidInput: with the path of the fault.
    """

    chain_id: int
    marketplace: PinnedMarketplace
    currency: PinnedCurrency
    tokens: tuple[Address, ...] | None = None
    units: Units | None = None

    def __post_init__(self) -> None:
        _check_integer(self.chain_id, "chain_id", 1, _MOST)
        _check_type(self.marketplace, PinnedMarketplace, "marketplace", optional=False)
        _check_type(self.currency, PinnedCurrency, "currency", optional=False)
        _check_type(self.units, Units, "units")
        if self.currency.address == self.marketplace.address:
            hint = "The currency is the token that is paid with"
            raise InvalidInput(path="currency.address", expected="another address than the marketplace's", actual="the same", hint=hint)
        if self.tokens is not None:
            _put(self, "tokens", self._checked_tokens(self.tokens))

    def _checked_tokens(self, tokens: object) -> tuple[Address, ...]:
        if not isinstance(tokens, list | tuple) or not tokens:
            raise InvalidInput(path="tokens", expected="a list of at least one address", actual=describe(tokens))
        found: list[Address] = []
        for index, token in enumerate(cast("list[Any]", tokens)):
            path = f"tokens[{index}]"
            checked = _contract(token, path)
            if checked in found:
                raise InvalidInput(path=path, expected="each token once", actual=f"{checked} twice")
            if checked in (self.marketplace.address, self.currency.address):
                raise InvalidInput(path=path, expected="neither the marketplace nor the currency", actual=str(checked))
            found.append(checked)
        return tuple(found)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a file of at most 1 MiB.

        Raises:
            InvalidInput: the file cannot be read, or is none of pins.
        """
        expected, shown = "a file of pins (JSON)", describe(str(path))
        try:
            with Path(path).open("rb") as file:
                raw = file.read(_LIMITS.document_bytes + 1)
        except OSError as error:
            raise InvalidInput(path=shown, expected=expected, actual=(error.strerror or "an unreadable file").lower()) from None
        except (ValueError, TypeError):
            raise InvalidInput(path=shown, expected=expected, actual="no file name") from None
        return cls.parse(raw)

    @classmethod
    def parse(cls, data: bytes | str | Mapping[str, Any], path: str = "pins") -> Self:
        """Read JSON, or what was parsed from it. A member that is not known is refused; an integer may be a decimal string.

        Raises:
            InvalidInput: with a path such as ``pins.marketplace.code_hash``.
        """
        required, optional = ("chain_id", "marketplace", "currency"), ("tokens", "units")
        found = _members(read_document(data, path, _LIMITS), path, required, optional)
        found["marketplace"] = _marketplace(found["marketplace"], f"{path}.marketplace")
        found["currency"] = _currency(found["currency"], f"{path}.currency")
        if "units" in found:
            found["units"] = _units(found["units"], f"{path}.units")
        return _build(cls, _integers(found, path, ("chain_id",)), path)

    def to_json(self) -> dict[str, Any]:
        """The form that :meth:`parse` reads, for RFC 8785: addresses with checksum, amounts and whatever is 2^53 or more as strings."""
        market = self.marketplace
        found: dict[str, Any] = {
            "chain_id": self.chain_id if self.chain_id < JAVASCRIPT_SAFE else str(self.chain_id),
            "marketplace": _code_json(market.address, market.code_hash, market.implementation),
            "currency": _code_json(self.currency.address, self.currency.code_hash, self.currency.implementation),
        }
        if market.facet is not None:
            found["marketplace"]["facet"] = _code_json(market.facet.address, market.facet.code_hash)
        if self.currency.decimals is not None:
            found["currency"]["decimals"] = self.currency.decimals
        if self.tokens is not None:
            found["tokens"] = [str(token) for token in self.tokens]
        if self.units is not None:
            found["units"] = {"price_scale": str(self.units.price_scale), "unit": str(self.units.unit)}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCode:
    """What a node said of the contracts, all at one block. Nothing has a default: what was not read cannot pass for what is not there.

    Attributes:
        marketplace_code_hash: Keccak-256 of the code; of an account without code one of :data:`NO_CODE_HASHES`. So are all hashes.
        marketplace_slot, marketplace_beacon_slot: the words in :data:`ERC1967_IMPLEMENTATION_SLOT` and :data:`ERC1967_BEACON_SLOT`.
        implementation_code_hash: of the implementation that the slot names; ``None`` if it names none, or it was not read.
        facet: what :class:`FacetAddress` gave for the selector of ``buy``; ``None`` if it reverted, gave zero, or nothing sensible.
        facet_code_hash: of that facet; ``None`` if there is none, or it was not read.
        currency_code_hash, currency_slot, currency_beacon_slot: the same of the currency.
        currency_implementation_code_hash: the same of the currency's slot.

    Raises:
        InvalidInput: something has the wrong length or type.
    """

    marketplace_code_hash: Hash32
    marketplace_slot: bytes
    marketplace_beacon_slot: bytes
    implementation_code_hash: Hash32 | None
    facet: Address | None
    facet_code_hash: Hash32 | None
    currency_code_hash: Hash32
    currency_slot: bytes
    currency_beacon_slot: bytes
    currency_implementation_code_hash: Hash32 | None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "facet":
                facet = None if value is None else checked_address(value, f"live.{field.name}")
                _put(self, "facet", None if facet is None or facet.is_zero else facet)
            elif value is not None or field.name not in _MAY_BE_NONE:
                _put(self, field.name, _hash(value, f"live.{field.name}"))


_MAY_BE_NONE: Final = ("implementation_code_hash", "facet_code_hash", "currency_implementation_code_hash")


def check_code(pins: Pins, live: LiveCode) -> None:
    """Compare what stands on the chain with what is pinned.

    The code of a currency is compared only where it is pinned. A proxy or diamond whose inside is not pinned is refused, and a beacon
    proxy always, since another contract says what it does. Proxies of no standard are not seen: of them only the shell is compared.

    Raises:
        PlanMismatch: the first difference; ``what`` is a path in the pins, such as ``marketplace.implementation.code_hash``.
    """
    market, currency = pins.marketplace, pins.currency
    _check_hash("marketplace", market.address, market.code_hash, live.marketplace_code_hash)
    _check_beacon("marketplace", live.marketplace_beacon_slot)
    _check_behind("marketplace.implementation", market.implementation, live.marketplace_slot, live.implementation_code_hash)
    _check_facet(market, live)
    _check_hash("currency", currency.address, currency.code_hash, live.currency_code_hash)
    if currency.code_hash is not None or currency.implementation is not None:
        _check_beacon("currency", live.currency_beacon_slot)
        _check_behind("currency.implementation", currency.implementation, live.currency_slot, live.currency_implementation_code_hash)


def observed_pins(
    chain_id: int,
    marketplace: AddressLike,
    currency: AddressLike,
    live: LiveCode,
    *,
    decimals: int | None = None,
    tokens: tuple[AddressLike, ...] | None = None,
    units: Units | None = None,
) -> Pins:
    """Pins of what a node says stands now at addresses that the **user** gave. :func:`check_code` passes with the same ``live``.

    It is trust on first use: the node's word becomes the measure. Whoever keeps the result compares it with a source of his own.

    Args:
        chain_id: that the node is of.
        marketplace, currency: never from a recipe.
        live: what was read of them.
        decimals: of the currency, 0…77, or ``None`` to leave them out.
        tokens, units: as in :class:`Pins`.

    Raises:
        PlanMismatch: what stands there cannot be pinned: no contract, a beacon proxy, a proxy in front of a diamond.
        InvalidInput: an argument has the wrong form, or ``live`` lacks the code behind a proxy or a diamond.
    """
    at, paid = checked_address(marketplace, "marketplace"), checked_address(currency, "currency")
    _check_hash("marketplace", at, None, live.marketplace_code_hash)
    _check_hash("currency", paid, None, live.currency_code_hash)
    behind = _observed(live.marketplace_slot, live.implementation_code_hash, "marketplace.implementation", "implementation_code_hash")
    if behind is not None and live.facet is not None:
        raise PlanMismatch("marketplace", expected="a proxy or a diamond", actual="a proxy in front of a diamond, which is not supported")
    facet = None if live.facet is None else _padded(live.facet)
    pins = Pins(
        chain_id,
        PinnedMarketplace(
            at, live.marketplace_code_hash, behind, _observed(facet, live.facet_code_hash, "marketplace.facet", "facet_code_hash")
        ),
        PinnedCurrency(
            paid,
            live.currency_code_hash,
            _observed(
                live.currency_slot, live.currency_implementation_code_hash, "currency.implementation", "currency_implementation_code_hash"
            ),
            decimals,
        ),
        cast("tuple[Address, ...] | None", tokens),
        units,
    )
    check_code(pins, live)
    return pins


def read_document(data: bytes | str | Mapping[str, Any], path: str, limits: Limits) -> object:
    """Strict JSON, or a mapping within the same limits. A duplicate key is named below ``path``."""
    if isinstance(data, Mapping):
        refuse_large_value(data, path, limits)
        return data
    try:
        return read_json(data, path, limits)
    except InvalidInput as error:
        raise (error if error.path == path else error.below(path)) from None


def checked_object(value: object, path: str) -> dict[str, Any]:
    """A copy of a JSON object."""
    if not isinstance(value, Mapping):
        raise InvalidInput(path=path, expected="an object", actual=describe(value))
    return dict(cast("Mapping[str, Any]", value))


def checked_address(value: object, path: str) -> Address:
    """An address, whose errors have this path."""
    try:
        return Address(cast("AddressLike", value))
    except InvalidInput as error:
        error.path = path
        raise


def _members(value: object, path: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    found = checked_object(value, path)
    for name in required:
        if name not in found:
            raise InvalidInput(path=f"{path}.{name}", expected="this member", actual="nothing")
    extra = [describe(key) for key in found if key not in required + optional]
    if extra:
        raise InvalidInput(path=path, expected=f"no members but {', '.join(required + optional)}", actual=", ".join(extra[:5]))
    return found


def _pinned_code(value: object, path: str) -> PinnedCode:
    return _build(PinnedCode, _members(value, path, ("address", "code_hash")), path)


def _marketplace(value: object, path: str) -> PinnedMarketplace:
    found = _members(value, path, ("address", "code_hash"), ("implementation", "facet"))
    return _build(PinnedMarketplace, _nested(found, path, ("implementation", "facet")), path)


def _currency(value: object, path: str) -> PinnedCurrency:
    found = _members(value, path, ("address",), ("code_hash", "implementation", "decimals"))
    return _build(PinnedCurrency, _integers(_nested(found, path, ("implementation",)), path, ("decimals",)), path)


def _units(value: object, path: str) -> Units:
    names = ("price_scale", "unit")
    return _build(Units, _integers(_members(value, path, names), path, names), path)


def _nested(found: dict[str, Any], path: str, names: tuple[str, ...]) -> dict[str, Any]:
    return found | {name: _pinned_code(found[name], f"{path}.{name}") for name in names if name in found}


def _integers(found: dict[str, Any], path: str, names: tuple[str, ...]) -> dict[str, Any]:
    return found | {name: _json_integer(found[name], f"{path}.{name}") for name in names if name in found}


def _json_integer(value: object, path: str) -> int:
    if isinstance(value, str) and not isinstance(value, JsonNumber) and _DECIMAL.fullmatch(value):
        return int(value)
    if type(value) is int:
        return value
    hint = "Write what is 2^53 or more as a decimal string" if isinstance(value, JsonNumber) else ""
    raise InvalidInput(path=path, expected="an integer, or a decimal string", actual=describe(value), hint=hint)


def _build(cls: type[T], found: dict[str, Any], path: str) -> T:
    """Make one of the classes above; ``None`` only ever stands for a member that is not there."""
    for name, value in found.items():
        if value is None:
            raise InvalidInput(path=f"{path}.{name}", expected="a value, or no such member", actual="None")
    try:
        return cls(**found)
    except InvalidInput as error:
        raise error.below(path) from None


def _put(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)


def _contract(value: object, path: str = "address") -> Address:
    found = checked_address(value, path)
    if found.is_zero:
        raise InvalidInput(path=path, expected="the address of a contract", actual="the zero address")
    return found


def _hash(value: object, path: str) -> Hash32:
    try:
        return Hash32(cast("bytes", value))
    except InvalidInput as error:
        error.path = path
        raise


def _code_hash(value: object) -> Hash32:
    found = _hash(value, "code_hash")
    if found in NO_CODE_HASHES:
        raise InvalidInput(path="code_hash", expected="the Keccak-256 of a contract's code", actual=f"{found}, the hash of no code")
    return found


def _check_type(value: object, cls: type, path: str, *, optional: bool = True) -> None:
    if not isinstance(value, cls) and not (optional and value is None):
        raise InvalidInput(path=path, expected=f"a {cls.__name__}", actual=describe(value))


def _check_integer(value: object, path: str, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        shown = "2^256-1" if high == _MOST else str(high)
        raise InvalidInput(path=path, expected=f"an integer, {low} to {shown}", actual=describe(value))


def _code_json(at: Address, code_hash: Hash32 | None, behind: PinnedCode | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"address": str(at)}
    if code_hash is not None:
        found["code_hash"] = str(code_hash)
    if behind is not None:
        found["implementation"] = _code_json(behind.address, behind.code_hash)
    return found


def _check_hash(what: str, at: Address, pinned: Hash32 | None, live: Hash32 | None) -> None:
    if live is None:
        raise PlanMismatch(f"{what}.code_hash", expected=f"the code at {at}", actual="code that was not read")
    if live in NO_CODE_HASHES:
        hint = "The address is wrong, the node is of another chain, or the contract destroyed itself"
        raise PlanMismatch(f"{what}.address", expected=f"a contract at {at}", actual="no contract", hint=hint)
    if pinned is not None and live != pinned:
        hint = "Another contract stands there now: find out why before you pin it"
        raise PlanMismatch(f"{what}.code_hash", expected=f"{pinned} at {at}", actual=str(live), hint=hint)


def _check_beacon(what: str, slot: bytes) -> None:
    if slot != _ZERO_WORD:
        hint = "Another contract says what it does, so that no pin can hold it"
        raise PlanMismatch(f"{what}.address", expected="no beacon proxy (ERC-1967)", actual=f"the beacon {_slot(slot)}", hint=hint)


def _check_behind(what: str, pinned: PinnedCode | None, slot: bytes, code_hash: Hash32 | None) -> None:
    if pinned is None:
        if slot != _ZERO_WORD:
            _refuse_unpinned(what, _slot(slot), _PROXY)
        return
    if slot != _padded(pinned.address):
        actual = "none: it is no proxy (ERC-1967)" if slot == _ZERO_WORD else _slot(slot)
        raise PlanMismatch(f"{what}.address", expected=str(pinned.address), actual=actual)
    _check_hash(what, pinned.address, pinned.code_hash, code_hash)


def _check_facet(market: PinnedMarketplace, live: LiveCode) -> None:
    what = "marketplace.facet"
    if market.facet is None:
        if live.facet is not None:
            _refuse_unpinned(what, str(live.facet), "It is a diamond (ERC-2535): pin the facet behind the selector of buy")
        return
    if live.facet != market.facet.address:
        actual = "none: it is no diamond, or has no buy" if live.facet is None else str(live.facet)
        raise PlanMismatch(f"{what}.address", expected=str(market.facet.address), actual=actual)
    _check_hash(what, market.facet.address, market.facet.code_hash, live.facet_code_hash)


def _refuse_unpinned(what: str, actual: str, hint: str) -> NoReturn:
    raise PlanMismatch(what, expected="none, since none is pinned", actual=actual, hint=hint)


def _padded(value: Address) -> bytes:
    return bytes(12) + value


def _slot(word: bytes) -> str:
    """The address that a storage word holds, or all of it if there is more in it."""
    return f"0x{word.hex()}, which is no address" if any(word[:12]) else str(Address(bytes(word[12:])))


def _observed(word: bytes | None, code_hash: Hash32 | None, what: str, name: str) -> PinnedCode | None:
    if word is None or word == _ZERO_WORD:
        return None
    if code_hash is None:
        raise InvalidInput(path=f"live.{name}", expected=f"the hash of the code at {_slot(word)}", actual="None")
    at = Address(bytes(word[12:]))
    _check_hash(what, at, None, code_hash)
    return PinnedCode(at, code_hash)
