"""Amounts, deadlines, values and hashes over generated input."""

import string
from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.address import is_checksum_address, to_checksum_address
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderseal.signing import (
    Address,
    DeadlineRule,
    Hash32,
    InvalidInput,
    LocalSigner,
    RuleViolation,
    Signature,
    Token,
    TokenAmount,
    check_fee,
    from_base_units,
    keccak256,
    message_hash,
    to_base_units,
    unix_seconds,
)

DECIMALS = st.integers(0, 77)
AMOUNTS = st.decimals(min_value=0, max_value=10**40, allow_nan=False, allow_infinity=False) | st.builds(
    lambda digits, exponent: Decimal((0, tuple(map(int, str(digits))), exponent)), st.integers(0, 10**60), st.integers(-90, 30)
)
UNITS = st.integers(0, 2**256 - 1)
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@given(AMOUNTS, DECIMALS, st.integers(1, 40))
@settings(max_examples=300)
@example(Decimal("0.1"), 0, 1)
@example(Decimal("1E-78"), 77, 28)
def test_scaling_is_exact_or_rounded_as_named(value: Decimal, decimals: int, precision: int) -> None:
    truth = Fraction(value) * 10**decimals
    with localcontext() as context:
        context.prec = precision  # of no account
        for rounding, expected in (("down", floor(truth)), ("up", ceil(truth)), ("exact", truth)):
            if expected >= 2**256 or expected.denominator != 1:
                with pytest.raises(InvalidInput):
                    to_base_units(value, decimals, rounding=rounding)  # type: ignore[arg-type]
            else:
                assert to_base_units(value, decimals, rounding=rounding) == expected  # type: ignore[arg-type]


@given(st.integers(-(10**80), 10**80), DECIMALS)
def test_whole_amounts(value: int, decimals: int) -> None:
    if 0 <= value * 10**decimals < 2**256:
        assert to_base_units(value, decimals) == value * 10**decimals
    else:
        with pytest.raises(InvalidInput):
            to_base_units(value, decimals)


@given(UNITS, DECIMALS)
def test_base_units_survive(units: int, decimals: int) -> None:
    written = from_base_units(units, decimals)
    assert Fraction(written) == Fraction(units, 10**decimals)
    assert to_base_units(written, decimals) == units
    text = f"{written:f}"
    assert "." not in text or not text.endswith("0")


@given(st.floats())
def test_no_float_is_an_amount(value: float) -> None:
    with pytest.raises(InvalidInput, match="Decimal"):
        to_base_units(value, 18)  # type: ignore[arg-type]


@given(
    st.decimals(max_value=Decimal("-1E-40"))
    | st.sampled_from([Decimal("NaN"), Decimal("-NaN"), Decimal("sNaN"), Decimal("Inf"), Decimal("-Inf")]),
    DECIMALS,
)
def test_no_other_decimal_is_an_amount(value: Decimal, decimals: int) -> None:
    with pytest.raises(InvalidInput):
        to_base_units(value, decimals, rounding="down")


TOKEN = Token("USDT", Address(bytes(19) + b"\1"), 18, 97)


@given(UNITS, st.decimals(min_value=0, max_value=1, places=30), st.sampled_from(["up", "down"]))
def test_a_share_is_exact(units: int, ratio: Decimal, rounding: Any) -> None:
    truth = units * Fraction(ratio)
    assert TokenAmount(TOKEN, units).share(ratio, rounding=rounding).units == (ceil(truth) if rounding == "up" else floor(truth))


@given(UNITS, UNITS, st.decimals(min_value=0, max_value=1, places=6))
@example(101, 10_000, Decimal("0.01"))
@example(100, 10_000, Decimal("0.01"))
def test_the_fee_bound(fee: int, notional: int, ratio: Decimal) -> None:
    if fee <= notional * Fraction(ratio):
        check_fee(TokenAmount(TOKEN, fee), TokenAmount(TOKEN, notional), ratio)
    else:
        with pytest.raises(RuleViolation) as caught:
            check_fee(TokenAmount(TOKEN, fee), TokenAmount(TOKEN, notional), ratio)
        assert caught.value.rule == "fee_too_high"


@given(UNITS, UNITS)
def test_amounts_are_ordered_as_their_units(one: int, other: int) -> None:
    a, b = TokenAmount(TOKEN, one), TokenAmount(TOKEN, other)
    assert (a < b, a <= b, a == b, a >= b, a > b) == (one < other, one <= other, one == other, one >= other, one > other)


HOURS_720 = 720 * 3600
NOW = st.floats(0, 4e10, allow_nan=False) | st.integers(0, 4 * 10**10)


@given(NOW, st.integers(0, 540))
def test_a_chosen_deadline_is_still_good_when_the_order_is_sent(now: float, wait: int) -> None:
    """From the moment of choosing until ``margin`` less ``reserve`` later, and not a second after the reserve is eaten."""
    rule = DeadlineRule()
    deadline = rule.choose(now)
    assert deadline == ceil(now) + HOURS_720 + 600
    rule.check(deadline, now)
    rule.check(deadline, now + wait)
    with pytest.raises(RuleViolation) as caught:
        rule.check(deadline, ceil(now) + 541)
    assert caught.value.rule == "deadline_too_soon"


@given(
    min_lead=st.integers(0, 10**8),
    reserve=st.integers(0, 10**5),
    more=st.integers(0, 10**5),
    room=st.integers(0, 10**8),
    quarters=st.integers(10**9, 10**11),
    base=st.sampled_from(["nothing", "shortest", "longest"]),
    off=st.integers(-3, 3) | st.integers(-(10**6), 10**6),
)
@settings(max_examples=200)
def test_the_deadline_rule_is_three_comparisons(
    min_lead: int, reserve: int, more: int, room: int, quarters: int, base: str, off: int
) -> None:
    rule = DeadlineRule(min_lead, reserve + more, reserve, min_lead + reserve + more + room)
    now = quarters / 4  # exact in a float
    deadline = floor(now) + {"nothing": 0, "shortest": min_lead + reserve, "longest": rule.max_life}[base] + off
    left = deadline - Fraction(quarters, 4)
    expected = (
        "deadline_passed"
        if left <= 0
        else "deadline_too_soon"
        if left < min_lead + reserve
        else "deadline_too_late"
        if left > rule.max_life
        else None
    )
    try:
        rule.check(deadline, now)
    except RuleViolation as error:
        assert error.rule == expected  # noqa: PT017
    else:
        assert expected is None


@given(st.integers())
def test_seconds_and_milliseconds(value: int) -> None:
    if 0 <= value < 10**11:
        assert unix_seconds(value) == value
    else:
        with pytest.raises(InvalidInput):
            unix_seconds(value)


@given(st.binary(min_size=20, max_size=20))
def test_checksums_equal_eth_utils(raw: bytes) -> None:
    text = str(Address(raw))
    assert text == to_checksum_address(raw)
    assert Address(text) == Address(text.lower()) == raw


@given(st.binary(min_size=20, max_size=20), st.data())
def test_an_address_is_accepted_if_lower_or_with_its_checksum(raw: bytes, data: st.DataObject) -> None:
    text = "0x" + "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in raw.hex())
    if text == text.lower() or is_checksum_address(text):
        assert Address(text) == raw
    else:
        with pytest.raises(InvalidInput):
            Address(text)


@given(st.text(st.characters(), max_size=50) | st.text(string.hexdigits + "xX", min_size=40, max_size=44))
def test_strange_text_is_no_value(text: str) -> None:
    for cls in (Address, Hash32, Signature):
        try:
            made = cls(text)
        except InvalidInput as error:
            str(error).encode()
            continue
        assert str(made).lower() == text.lower()  # only the right length and digits come through


@given(
    st.binary(min_size=65, max_size=65)
    | st.builds(lambda r, s, v: r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v]), UNITS, UNITS, st.integers(0, 255))
)
@example((N - 1).to_bytes(32, "big") + (N // 2).to_bytes(32, "big") + b"\x1b")
@example((N - 1).to_bytes(32, "big") + (N // 2 + 1).to_bytes(32, "big") + b"\x1b")
def test_a_signature_exists_only_in_its_one_form(raw: bytes) -> None:
    r, s, v = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64]
    if 0 < r < N and 0 < s <= N // 2 and v in (27, 28):
        assert (Signature(raw).r, Signature(raw).s, Signature(raw).v) == (r, s, v)
    else:
        with pytest.raises(InvalidInput):
            Signature(raw)


@given(st.binary(max_size=700))
def test_both_keccaks_agree(data: bytes) -> None:
    from orderseal.signing.keccak import _eth_hash, _tiny_keccak

    assert _tiny_keccak()(data) == _eth_hash()(data) == keccak256(data)


@given(
    st.integers(1, N - 1).map(lambda number: number.to_bytes(32, "big")), st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
)
@settings(max_examples=60)
def test_personal_signatures_equal_eth_accounts(secret: bytes, text: str) -> None:
    theirs = Account.sign_message(encode_defunct(text=text), secret)
    signer = LocalSigner(secret)
    assert message_hash(text) == theirs.message_hash
    assert signer.sign_message(text) == theirs.signature
    assert str(signer.address) == Account.from_key(secret).address


@given(st.integers(1, N - 1).map(lambda number: number.to_bytes(32, "big")), st.binary(min_size=32, max_size=32))
@settings(max_examples=60)
def test_signatures_of_digests_equal_eth_accounts(secret: bytes, digest: bytes) -> None:
    ours = LocalSigner(secret).unsafe_sign_digest(Hash32(digest))
    assert ours == Account.unsafe_sign_hash(digest, secret).signature
    assert ours.s <= N // 2
