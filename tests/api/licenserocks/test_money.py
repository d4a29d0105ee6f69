"""Cents, coins and wei: exact, told apart, and turned into each other only when asked."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest

from orderseal.api.licenserocks import Cents, Coins, Wei
from orderseal.signing import InvalidInput


def test_the_documented_values() -> None:
    eths, wei = Coins("13.422818791946309"), Wei("13422818791946309000")
    assert (str(eths), str(wei), wei.units) == ("13.422818791946309", "13422818791946309000", 13422818791946309000)
    assert eths.to_wei() == wei
    assert wei.to_coins() == eths
    assert Coins("1.1661372403595436").to_wei() == Wei("1166137240359543600")
    assert Cents(2100).whole == Decimal(21)
    assert str(Cents(2105).whole) == "21.05"


def test_the_text_is_kept_and_the_number_compared() -> None:
    assert Coins("13.50").text == "13.50"
    assert Coins("13.50") == Coins("13.5")
    assert hash(Coins("13.50")) == hash(Coins("13.5"))
    assert sorted([Coins("10"), Coins("9.5")]) == [Coins("9.5"), Coins("10")]
    assert Wei("1.5e+21").units == 1_500_000_000_000_000_000_000
    assert Wei("1.5e+21").text == "1.5e+21"
    assert Coins("1e-7").decimal == Decimal("0.0000001")
    assert repr(Coins("13.50")) == "Coins('13.50')"
    assert repr(Cents(7)) == "Cents(7)"


def test_a_conversion_that_loses_raises() -> None:
    with pytest.raises(InvalidInput, match="at most 18 decimals"):
        Coins("0.1234567890123456789").to_wei()
    assert Coins("0.1234567890123456789").to_wei(rounding="down").units == 123456789012345678


@pytest.mark.parametrize("other", [Wei("1"), Coins("1"), 1, Decimal(1), "1", None, True], ids=repr)
def test_units_do_not_mix(other: Any) -> None:
    one = Cents(1)
    assert one != other
    with pytest.raises(TypeError):
        _ = one + other
    with pytest.raises(TypeError):
        _ = one < other
    assert len({Cents(1), Wei("1"), Coins("1")}) == 3


def test_cents_add_up() -> None:
    assert Cents(100) + Cents(20) == Cents(120)
    assert Cents(100).times(3) == Cents(300)
    assert Cents(1) < Cents(2) <= Cents(2)
    assert Cents(2) > Cents(1) >= Cents(1)


@pytest.mark.parametrize("value", [1.0, "1", True, None, -1, 2**53, Decimal(1)], ids=repr)
def test_what_is_no_cents(value: Any) -> None:
    with pytest.raises(InvalidInput):
        Cents(value)


@pytest.mark.parametrize("type_", [Coins, Wei])
@pytest.mark.parametrize(
    "value", [1.5, 1, True, None, "", "-1", "+1", "1,5", "NaN", "inf", " 1", "1\n", "0x1", "१", "1e999", "9" * 79], ids=repr
)
def test_what_is_no_text_of_a_number(type_: Any, value: Any) -> None:
    with pytest.raises(InvalidInput):
        type_(value)


@pytest.mark.parametrize("text", ["1.5", "1e-1", str(2**256)])
def test_wei_are_whole(text: str) -> None:
    with pytest.raises(InvalidInput):
        Wei(text)


@pytest.mark.parametrize("amount", [Cents(5), Coins("1.50"), Wei("7")], ids=repr)
def test_they_do_not_change_and_can_be_copied(amount: Any) -> None:
    with pytest.raises(AttributeError):
        amount.text = "2"
    for other in (copy.deepcopy(amount), pickle.loads(pickle.dumps(amount))):
        assert other == amount
        assert other.wire == amount.wire
