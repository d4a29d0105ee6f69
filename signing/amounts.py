"""Money: integers in base units, or ``Decimal``. A float raises; an inexact conversion raises unless a rounding is named.

A base unit is the smallest part of a token: 10^-18 of one with 18 decimals (often called wei).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Self

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.values import Address

__all__ = ["Rounding", "Token", "TokenAmount", "from_base_units", "to_base_units"]

Rounding = Literal["exact", "up", "down"]

_LIMIT = 2**256
_DIGITS = 78  # the decimal digits of 2^256


def to_base_units(value: Decimal | int, decimals: int, *, rounding: Rounding = "exact", path: str = "amount") -> int:
    """Scale a human amount to base units: ``to_base_units(Decimal("150.25"), 18)`` is 150250000000000000000.

    Args:
        value: a ``Decimal`` or ``int``, 0 or more. A ``float`` or ``str`` raises.
        decimals: of the token, 0…77.
        rounding: what to do with more decimals than the token has: raise, or round ``up`` or ``down``.
        path: the name used in errors.

    Raises:
        InvalidInput: wrong type, negative, not finite, inexact, or 2^256 and more.
    """
    _check_decimals(decimals)
    _check_rounding(rounding, ("exact", "up", "down"))
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidInput(
            path=path,
            expected="a Decimal, or a whole number as int",
            actual=f"{describe(value)} {value!r}" if isinstance(value, float) else describe(value),
            hint=_how_to_write(value),
        )
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidInput(path=path, expected="a finite number", actual=str(value)[:40])
    if value < 0:
        raise InvalidInput(path=path, expected="0 or more", actual=_shown(value))
    units, inexact = _scale(value, decimals) if isinstance(value, Decimal) else (int(value) * 10**decimals, False)
    if inexact and rounding == "exact":
        raise InvalidInput(
            path=path,
            expected=f"at most {decimals} decimals",
            actual=_shown(value),
            hint="Round it yourself, and make a Decimal from text: Decimal(150.1) is not 150.1",
        )
    if inexact and rounding == "up":
        units += 1
    if units >= _LIMIT:
        raise InvalidInput(path=path, expected="less than 2^256 base units", actual=_shown(value))
    return units


def _how_to_write(value: object) -> str:
    if isinstance(value, float):
        return f'Write Decimal("{value}"): a float cannot hold most decimal prices exactly'
    return "Write it as Decimal(…)" if isinstance(value, str) else ""


def _scale(value: Decimal, decimals: int) -> tuple[int, bool]:
    """Shift the point of a finite number ≥ 0 to the right; say whether digits were cut off. Too large a number gives 2^256."""
    _sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if not value:
        return 0, False
    if value.adjusted() + decimals >= _DIGITS:
        return _LIMIT, False
    shift = exponent + decimals
    whole = digits if shift >= 0 else digits[: max(len(digits) + shift, 0)]
    units = int("".join(map(str, whole)) or "0") * 10 ** max(shift, 0)
    return units, any(digits[len(whole) :])


def _shown(value: Decimal | int) -> str:
    """A number for an error, in at most some 60 characters."""
    if isinstance(value, int):
        return describe(value)
    text = str(value)
    return text if len(text) <= 60 else f"{text[:30]}… ({len(text)} characters)"


def _check_decimals(decimals: object) -> None:
    if type(decimals) is not int or not 0 <= decimals <= 77:
        raise InvalidInput(path="decimals", expected="an int from 0 to 77", actual=describe(decimals))


def _check_rounding(rounding: object, known: tuple[str, ...]) -> None:
    if rounding not in known:
        raise InvalidInput(path="rounding", expected=" or ".join(known), actual=describe(rounding))


def from_base_units(units: int, decimals: int) -> Decimal:
    """Write base units as an exact human amount, without trailing zeros: 150250000000000000000 at 18 is 150.25.

    Raises:
        InvalidInput: ``units`` is no ``int`` of 0 to 2^256-1, or ``decimals`` none of 0 to 77.
    """
    _check_decimals(decimals)
    if type(units) is not int or not 0 <= units < _LIMIT:
        raise InvalidInput(path="units", expected="an int of base units, 0 to 2^256-1", actual=describe(units))
    digits = str(units).rjust(decimals + 1, "0")
    if not decimals:
        return Decimal(digits)
    whole, part = digits[:-decimals], digits[-decimals:].rstrip("0")
    return Decimal(f"{whole}.{part}" if part else whole)


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 token on one chain.

    Attributes:
        symbol: for people, for example ``USDT``.
        address: of the contract.
        decimals: 0…77.
        chain_id: the EIP-155 chain id.
    """

    symbol: str
    address: Address
    decimals: int
    chain_id: int

    def __post_init__(self) -> None:
        _check_decimals(self.decimals)

    def amount(self, value: Decimal | int, *, rounding: Rounding = "exact", path: str = "amount") -> "TokenAmount":
        """Make an amount from human units: ``USDT.amount(Decimal("150.25"))``."""
        return TokenAmount(self, to_base_units(value, self.decimals, rounding=rounding, path=path))

    def __str__(self) -> str:
        return self.symbol


@dataclass(frozen=True, slots=True)
class TokenAmount:
    """An amount that carries its token. Adding or comparing amounts of two tokens raises.

    Attributes:
        token: which.
        units: base units, 0…2^256-1.
    """

    token: Token
    units: int

    def __post_init__(self) -> None:
        if type(self.units) is not int or not 0 <= self.units < _LIMIT:
            raise InvalidInput(path="units", expected="an int of base units, 0 to 2^256-1", actual=describe(self.units))

    @property
    def decimal(self) -> Decimal:
        """The exact human amount."""
        return from_base_units(self.units, self.token.decimals)

    def _same(self, other: "TokenAmount") -> "TokenAmount":
        if other.token != self.token:
            raise InvalidInput(
                path="token",
                expected=f"{self.token} at {self.token.address} on chain {self.token.chain_id}",
                actual=f"{other.token} at {other.token.address} on chain {other.token.chain_id}",
                hint="Amounts of two tokens do not mix",
            )
        return other

    def __add__(self, other: "TokenAmount") -> Self:
        if not isinstance(other, TokenAmount):
            return NotImplemented
        return type(self)(self.token, self.units + self._same(other).units)

    def __lt__(self, other: "TokenAmount") -> bool:
        return self.units < self._same(other).units if isinstance(other, TokenAmount) else NotImplemented

    def __le__(self, other: "TokenAmount") -> bool:
        return self.units <= self._same(other).units if isinstance(other, TokenAmount) else NotImplemented

    def __gt__(self, other: "TokenAmount") -> bool:
        return self.units > self._same(other).units if isinstance(other, TokenAmount) else NotImplemented

    def __ge__(self, other: "TokenAmount") -> bool:
        return self.units >= self._same(other).units if isinstance(other, TokenAmount) else NotImplemented

    def times(self, count: int) -> Self:
        """Multiply by a whole number."""
        return type(self)(self.token, self.units * count)

    def share(self, ratio: Decimal, *, rounding: Literal["up", "down"] = "down") -> Self:
        """Take a part: ``amount.share(Decimal("0.01"))`` is one per cent, rounded down to a base unit."""
        if not isinstance(ratio, Decimal) or not ratio.is_finite() or ratio < 0:
            raise InvalidInput(path="ratio", expected="a Decimal of 0 or more", actual=describe(ratio))
        _check_rounding(rounding, ("up", "down"))
        if ratio and abs(ratio.adjusted()) > _DIGITS:
            if ratio.adjusted() > 0 and self.units:
                raise InvalidInput(path="ratio", expected="less than 10^78", actual=_shown(ratio))
            return type(self)(self.token, 1 if self.units and rounding == "up" else 0)
        numerator, denominator = ratio.as_integer_ratio()
        units, rest = divmod(self.units * numerator, denominator)
        return type(self)(self.token, units + (1 if rest and rounding == "up" else 0))

    def __str__(self) -> str:
        return f"{self.decimal:f} {self.token}"
