"""Amounts: exact, and never a float."""

import operator
import subprocess
import sys
import time
from decimal import Decimal, localcontext
from typing import Any

import pytest

from orderseal.signing import (
    DEFAULT_MAX_FEE,
    Address,
    InvalidInput,
    RuleViolation,
    Token,
    TokenAmount,
    check_fee,
    from_base_units,
    to_base_units,
)

USDT = Token("USDT", Address(b"\1" * 20), 18, 97)
USDC = Token("USDC", Address(b"\2" * 20), 6, 97)


@pytest.mark.parametrize(
    ("value", "decimals", "units"),
    [
        (Decimal("150.25"), 18, 150250000000000000000),  # the venue's documented order
        (Decimal("150.5"), 18, 150500000000000000000),  # parseUnits("150.5", 18) of the venue's sample
        (Decimal("1.0"), 18, 10**18),
        (Decimal("0.000000000000000001"), 18, 1),
        (Decimal("1E+3"), 2, 100000),
        (Decimal("1.10"), 1, 11),
        (Decimal("-0"), 18, 0),
        (Decimal("0E-50"), 0, 0),
        (Decimal("0E+999999"), 18, 0),
        (0, 18, 0),
        (5, 0, 5),
        (5, 18, 5 * 10**18),
        (2**256 - 1, 0, 2**256 - 1),
        (Decimal(2**256 - 1), 0, 2**256 - 1),
        (Decimal(1), 77, 10**77),
    ],
)
def test_scaling(value: Decimal | int, decimals: int, units: int) -> None:
    assert to_base_units(value, decimals) == units
    assert type(to_base_units(value, decimals)) is int


@pytest.mark.parametrize("value", [1.5, 150.25, 0.0, float("nan"), float("inf")])
def test_a_float_is_refused_with_what_to_write(value: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_base_units(value, 18, path="price")  # type: ignore[arg-type]
    assert caught.value.path == "price"
    assert caught.value.hint == f'Write Decimal("{value}"): a float cannot hold most decimal prices exactly'
    assert repr(value) in caught.value.actual


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "a Decimal"),
        ("150.25", "a Decimal"),
        (None, "a Decimal"),
        (b"1", "a Decimal"),
        (Decimal("NaN"), "finite"),
        (Decimal("sNaN"), "finite"),
        (Decimal("Infinity"), "finite"),
        (Decimal("-Infinity"), "finite"),
        (Decimal("-1"), "0 or more"),
        (Decimal("-1E-30"), "0 or more"),
        (-1, "0 or more"),
        (-(10**400), "0 or more"),
        (Decimal("1E-19"), "at most 18 decimals"),
        (Decimal("0.1234567890123456789"), "at most 18 decimals"),
        (Decimal("1E+78"), "less than 2^256"),
        (2**256, "less than 2^256"),
        pytest.param(10**5000, "less than 2^256", id="10^5000"),
        (Decimal(f"{str(2**256)[:60]}.{str(2**256)[60:]}"), "less than 2^256"),
    ],
)
def test_other_amounts_are_refused(value: Any, expected: str) -> None:
    with localcontext() as context:
        context.prec = 100
        with pytest.raises(InvalidInput) as caught:
            to_base_units(value, 18)
    assert expected in caught.value.expected
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["1E+999999999", "1E-999999999", "9E+999999999999", "1E-999999999999"])
def test_huge_exponents_are_refused_at_once(text: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(InvalidInput):
        to_base_units(Decimal(text), 18)
    assert time.perf_counter() - begin < 1


def test_tiny_numbers_round_at_once() -> None:
    assert to_base_units(Decimal("1E-999999999"), 18, rounding="up") == 1
    assert to_base_units(Decimal("1E-999999999"), 18, rounding="down") == 0
    assert to_base_units(Decimal("0E-999999999"), 18, rounding="up") == 0


@pytest.mark.parametrize("decimals", [-1, 78, 10**6])
def test_decimals_have_bounds(decimals: int) -> None:
    with pytest.raises(InvalidInput):
        to_base_units(1, decimals)
    with pytest.raises(InvalidInput):
        Token("X", Address(bytes(20)), decimals, 1)


def test_the_result_does_not_depend_on_the_decimal_context() -> None:
    with localcontext() as context:
        context.prec = 3
        assert to_base_units(Decimal("123456.789012345678901234"), 18) == 123456789012345678901234
        assert from_base_units(123456789012345678901234, 18) == Decimal("123456.789012345678901234")
        assert str(from_base_units(123456789012345678901234, 18)) == "123456.789012345678901234"


def test_amounts_carry_their_token() -> None:
    a, b = USDT.amount(Decimal("1.5")), USDT.amount(2)
    assert (a + b).units == 35 * 10**17
    assert a < b
    assert a <= a
    assert b > a
    assert b >= b
    assert a != b
    assert a == USDT.amount(Decimal("1.50"))
    assert a.times(3).units == 45 * 10**17
    assert a.decimal == Decimal("1.5")
    assert str(a) == "1.5 USDT"
    assert str(USDT.amount(1000000)) == "1000000 USDT"
    assert hash(a) == hash(USDT.amount(Decimal("1.5")))


@pytest.mark.parametrize(
    "other",
    [
        USDC,
        Token("USDT", Address(b"\1" * 20), 18, 56),
        Token("USDT", Address(b"\3" * 20), 18, 97),
        Token("USDT", Address(b"\1" * 20), 6, 97),
    ],
)
def test_two_tokens_do_not_mix(other: Token) -> None:
    a, b = TokenAmount(USDT, 5), TokenAmount(other, 5)
    for operation in (lambda: a + b, lambda: a < b, lambda: a <= b, lambda: a > b, lambda: a >= b, lambda: check_fee(a, b)):
        with pytest.raises(InvalidInput, match="do not mix"):
            operation()
    assert a != b


@pytest.mark.parametrize("units", [-1, 2**256, True, 1.0, Decimal(1), "1", None])
def test_units_are_integers_in_range(units: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        TokenAmount(USDT, units)
    assert caught.value.path == "units"


@pytest.mark.parametrize("count", [-1, 1.5, Decimal("1.5"), 2**256])
def test_an_amount_is_multiplied_by_whole_numbers_only(count: Any) -> None:
    with pytest.raises(InvalidInput):
        TokenAmount(USDT, 2).times(count)


def test_a_sum_beyond_the_range_is_refused() -> None:
    with pytest.raises(InvalidInput):
        TokenAmount(USDT, 2**256 - 1) + TokenAmount(USDT, 1)


def test_a_share_is_rounded_as_named() -> None:
    amount = TokenAmount(USDT, 199)
    assert amount.share(Decimal("0.01")).units == 1
    assert amount.share(Decimal("0.01"), rounding="up").units == 2
    assert TokenAmount(USDT, 200).share(Decimal("0.01"), rounding="up").units == 2
    assert amount.share(Decimal(0)).units == 0


@pytest.mark.parametrize("ratio", [0.01, 1, "0.01", None, True, Decimal("NaN"), Decimal("Infinity"), Decimal("-0.1")])
def test_a_ratio_is_a_decimal(ratio: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        TokenAmount(USDT, 199).share(ratio)
    assert caught.value.path == "ratio"


def test_the_fee_bound_is_inclusive_to_the_unit() -> None:
    assert Decimal("0.01") == DEFAULT_MAX_FEE
    notional = TokenAmount(USDT, 10_000)
    check_fee(TokenAmount(USDT, 100), notional)
    with pytest.raises(RuleViolation) as caught:
        check_fee(TokenAmount(USDT, 101), notional)
    assert caught.value.rule == "fee_too_high"
    check_fee(TokenAmount(USDT, 101), notional, Decimal("0.0101"))
    check_fee(TokenAmount(USDT, 0), TokenAmount(USDT, 0))
    with pytest.raises(RuleViolation):
        check_fee(TokenAmount(USDT, 1), TokenAmount(USDT, 99))
    with pytest.raises(InvalidInput):
        check_fee(TokenAmount(USDT, 1), notional, 0.01)  # type: ignore[arg-type]


# What follows was found by attack.


@pytest.mark.parametrize("digits", [4300, 5000, 100_000])
def test_a_decimal_with_very_many_digits_is_no_crash(digits: int) -> None:
    """Python refuses to convert more than 4300 digits between text and int, with a plain ``ValueError``."""
    value = Decimal("0." + "3" * digits)
    assert to_base_units(value, 3, rounding="down") == 333
    assert to_base_units(value, 3, rounding="up") == 334
    with pytest.raises(InvalidInput):
        to_base_units(value, 3)


@pytest.mark.parametrize("decimals", [18.0, Decimal(18), True, "18", None])
def test_decimals_are_an_int(decimals: Any) -> None:
    """18.0 decimals made a float of the amount: 0.123456789012345678 became 123456789012345680 base units."""
    with pytest.raises(InvalidInput) as caught:
        to_base_units(Decimal("0.123456789012345678"), decimals)
    assert caught.value.path == "decimals"
    with pytest.raises(InvalidInput):
        Token("X", Address(bytes(20)), decimals, 1)


@pytest.mark.parametrize("rounding", ["Up", "UP", "nearest", "ROUND_UP", None, True, ""])
def test_an_unknown_rounding_is_refused(rounding: Any) -> None:
    """Every other word rounded down."""
    with pytest.raises(InvalidInput):
        to_base_units(Decimal("0.5"), 0, rounding=rounding)
    with pytest.raises(InvalidInput):
        TokenAmount(USDT, 199).share(Decimal("0.01"), rounding=rounding)


@pytest.mark.parametrize(("units", "decimals"), [(15, -1), (1.5, 2), (-5, 18), (True, 0), ("15", 1), (15, 1.0), (15, 78), (None, 0)])
def test_base_units_are_checked_before_they_are_written(units: Any, decimals: Any) -> None:
    """15 base units at -1 decimals were 1.5; the others escaped as ``decimal.InvalidOperation``."""
    with pytest.raises(InvalidInput):
        from_base_units(units, decimals)


@pytest.mark.parametrize("other", [1, 0, 1.5, Decimal(1), "1", None])
def test_an_amount_does_not_mix_with_a_bare_number(other: Any) -> None:
    """It escaped as ``AttributeError``."""
    amount = TokenAmount(USDT, 5)
    for operation in (operator.add, operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises((InvalidInput, TypeError)):
            operation(amount, other)


@pytest.mark.parametrize("ratio", ["1E+99999999", "1E-99999999"])
def test_a_share_with_a_huge_exponent_is_answered_at_once(ratio: str) -> None:
    program = (
        "from decimal import Decimal\n"
        "from orderseal.signing import *\n"
        "try:\n"
        f" print(TokenAmount(Token('U', Address(bytes(20)), 18, 1), 5).share(Decimal({ratio!r})).units)\n"
        "except InvalidInput as error:\n"
        " print('InvalidInput')\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert result.stdout.strip() == ("InvalidInput" if "+" in ratio else "0")
