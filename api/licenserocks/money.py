"""The three units in which an instance writes money, each a type of its own: they neither add up nor compare with each other.

``…Cents`` are whole cents of the currency named beside them, EUR in every example. ``…Eth`` and ``…Eths`` are the chain's native coin as
decimal text — *Eth* is the platform's word also where the coin is another one. ``…Wei`` is the coin's base unit as text, which the
platform computes with floats: ``13.422818791946309`` becomes ``13422818791946309000``. So the text is kept as it came, and turning one
unit into another is only done when asked for.
"""

import re
from decimal import Decimal
from typing import Any, Final, Self

from orderseal.signing import InvalidInput, describe, from_base_units, to_base_units
from orderseal.signing.amounts import Rounding

__all__ = ["Cents", "Coins", "Wei"]

_COIN_DECIMALS: Final = 18
_MOST_CENTS: Final = 2**53
_NUMBER = re.compile(r"[0-9]{1,78}(?:\.[0-9]{1,78})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


class _Amount:
    """A number that does not mix with another unit's."""

    __slots__ = ("_value",)
    _value: Decimal

    @property
    def decimal(self) -> Decimal:
        """The number, exactly."""
        return self._value

    def __setattr__(self, name: str, _value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} does not change: {name}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._value == self._value

    def __lt__(self, other: Self) -> bool:
        return self._value < other._value if type(other) is type(self) else NotImplemented

    def __le__(self, other: Self) -> bool:
        return self._value <= other._value if type(other) is type(self) else NotImplemented

    def __gt__(self, other: Self) -> bool:
        return self._value > other._value if type(other) is type(self) else NotImplemented

    def __ge__(self, other: Self) -> bool:
        return self._value >= other._value if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._value))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.wire,)

    @property
    def wire(self) -> int | str:
        """As the platform wrote it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.wire!r})"

    def __str__(self) -> str:
        return str(self.wire)


class Cents(_Amount):
    """Whole cents of the currency that stands beside them.

    Args:
        value: an ``int`` from 0 on.
    """

    __slots__ = ()

    def __init__(self, value: int) -> None:
        if type(value) is not int or not 0 <= value < _MOST_CENTS:
            raise InvalidInput(path="cents", expected="whole cents as int", actual=describe(value))
        object.__setattr__(self, "_value", Decimal(value))

    @property
    def wire(self) -> int:
        """The number of cents."""
        return int(self._value)

    @property
    def whole(self) -> Decimal:
        """In whole units of the currency: 2100 cents are 21."""
        return from_base_units(self.wire, 2)

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return type(self)(self.wire + other.wire)

    def times(self, count: int) -> Self:
        """Multiply by a whole number."""
        return type(self)(self.wire * count)


class _Text(_Amount):
    """A number whose text is kept as it came."""

    __slots__ = ("text",)
    text: str

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not _NUMBER.fullmatch(text):
            raise InvalidInput(path=type(self).__name__.lower(), expected="a decimal number as text", actual=describe(text))
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "_value", Decimal(text))

    @property
    def wire(self) -> str:
        """The text."""
        return self.text


class Coins(_Text):
    """An amount of the chain's native coin, as decimal text.

    Args:
        text: such as ``"13.422818791946309"``; kept as it is.
    """

    __slots__ = ()

    def to_wei(self, *, rounding: Rounding = "exact") -> "Wei":
        """In base units, 10^18 to a coin. It need not be what the platform writes beside it: that went through a float.

        Raises:
            InvalidInput: there are more than 18 decimals, and no rounding was named.
        """
        return Wei(str(to_base_units(self._value, _COIN_DECIMALS, rounding=rounding, path="coins")))


class Wei(_Text):
    """An amount in base units of the chain's native coin, as text.

    Args:
        text: a whole number such as ``"13422818791946309000"``; kept as it is. JavaScript writes large ones as ``1.5e+21``.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        if self._value != self._value.to_integral_value() or self._value >= 2**256:
            raise InvalidInput(path="wei", expected="a whole number below 2^256 as text", actual=describe(text))

    @property
    def units(self) -> int:
        """As an integer."""
        return int(self._value)

    def to_coins(self) -> Coins:
        """In coins, exactly."""
        return Coins(f"{from_base_units(self.units, _COIN_DECIMALS):f}")
