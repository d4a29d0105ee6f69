"""From what a trader means to the integers that are signed, and from an order back to plain words."""

import re
from decimal import Decimal
from typing import Any

import pytest

from orderseal.api import stove
from orderseal.fixtures import load
from orderseal.signing import Address, InvalidInput, Order, OrdersealError, RuleViolation, Token, TokenAmount

NOW = 1_750_000_000
MAKER = "0x" + "11" * 20
USDT, USDC = stove.TESTNET.token("USDT"), stove.TESTNET.token("USDC")
HOUR = 3600


def build(**changes: Any) -> Order:
    options: dict[str, Any] = {
        "side": "buy",
        "ticker": "AAPL",
        "shares": 60,
        "limit": Decimal("150.25"),
        "pay_with": "USDT",
        "maker": MAKER,
        "fee": USDT.amount(Decimal("3.5")),
        "nonce": 7,
        "now": NOW,
    }
    return stove.limit_order(stove.TESTNET, **(options | changes))


def fails(error: type[OrdersealError], path_or_rule: str, **changes: Any) -> str:
    with pytest.raises(error) as caught:
        build(**changes)
    assert type(caught.value) is error
    found = caught.value.path if isinstance(caught.value, InvalidInput) else caught.value.rule  # type: ignore[attr-defined]  # the other
    assert found == path_or_rule, str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_buy_60_aapl_at_150_25_usdt() -> None:
    assert build() == Order(
        maker=Address(MAKER),
        principal=Address(MAKER),
        is_buy=True,
        ticker="AAPL",
        exchange=0,
        asset=USDT.address,
        price=150_250_000_000_000_000_000,
        quantity=60,
        incentive=3_500_000_000_000_000_000,
        deadline=NOW + 720 * HOUR + 600,
        nonce=7,
    )


def test_every_argument_gets_to_its_place() -> None:
    order = build(
        side="sell", ticker="BRK.B", shares=1, limit=Decimal("0.000001"), pay_with=USDC, fee=USDC.amount(0), nonce=0,
        principal="0x" + "22" * 20, deadline=NOW + 800 * HOUR, exchange=1, maker=Address(MAKER),
    )  # fmt: skip
    assert not order.is_buy
    assert (order.ticker, order.quantity, order.price, order.incentive) == ("BRK.B", 1, 10**12, 0)
    assert (order.asset, order.principal, order.exchange) == (USDC.address, Address("0x" + "22" * 20), 1)
    assert (order.deadline, order.nonce) == (NOW + 800 * HOUR, 0)
    assert build(life=900 * HOUR).deadline == NOW + 900 * HOUR
    assert build(now=NOW + 0.5).deadline == NOW + 1 + 720 * HOUR + 600
    assert build(limit=150).price == 150 * 10**18


@pytest.mark.parametrize("limit", [150.25, 150.0, float("nan"), "150.25", None, True, Decimal("NaN"), Decimal("Infinity"), Decimal(-1), -1])
def test_a_price_is_a_decimal_and_never_a_float(limit: object) -> None:
    text = fails(InvalidInput, "limit", limit=limit)
    if limit == 150.25 and isinstance(limit, float):
        assert 'Decimal("150.25")' in text


@pytest.mark.parametrize("limit", [Decimal(0), 0, Decimal("0e10"), Decimal("-0")])
def test_a_price_of_zero(limit: object) -> None:
    fails(InvalidInput, "limit", limit=limit, fee=USDT.amount(0))


@pytest.mark.parametrize("limit", [Decimal("150.2500000000000000001"), Decimal("1e-19"), Decimal("1e-999999")])
def test_a_price_that_the_token_cannot_hold_is_not_rounded(limit: Decimal) -> None:
    assert "18 decimals" in fails(InvalidInput, "limit", limit=limit)


@pytest.mark.parametrize("limit", [Decimal("1e60"), Decimal("1e999999999"), 10**80])
def test_a_price_beyond_the_contract(limit: object) -> None:
    fails(InvalidInput, "limit", limit=limit)


@pytest.mark.parametrize("side", ["BUY", "Buy", "b", "", None, True, 1])
def test_a_side_is_buy_or_sell(side: object) -> None:
    fails(InvalidInput, "side", side=side)


@pytest.mark.parametrize("shares", [0, -1, 1.0, 60.5, "60", None, True, Decimal(60)])
def test_shares_are_whole_and_more_than_none(shares: object) -> None:
    fails(InvalidInput, "shares", shares=shares)


def test_shares_scaled_by_wei_cannot_be_meant() -> None:
    assert "10^18" in fails(InvalidInput, "order", shares=60 * 10**18, fee=USDT.amount(0))


def test_shares_beyond_the_contract_are_an_error_of_the_tree() -> None:
    with pytest.raises(InvalidInput):
        build(shares=10**80)


@pytest.mark.parametrize(
    "ticker", ["aapl", "AAPL ", " AAPL", "AAPL\n", "AAPL,MSFT", "", "ÄPFEL", "ABCDEFGHIJK", "AAPL@usex", "\u0410APL", "$AAPL"]
)
def test_forms_that_no_ticker_has(ticker: str) -> None:
    text = fails(InvalidInput, "order", ticker=ticker)
    if ticker == "aapl":
        assert "AAPL" in text


@pytest.mark.parametrize("ticker", [None, 3, b"AAPL", "\ud800"], ids=ascii)
def test_a_ticker_is_text(ticker: object) -> None:
    with pytest.raises(InvalidInput):
        build(ticker=ticker)


@pytest.mark.parametrize("ticker", ["AAPL", "A", "BRK.B", "BRK-B", "BRK/B", "0700"])
def test_forms_that_tickers_have(ticker: str) -> None:
    assert build(ticker=ticker).ticker == ticker


def test_a_token_of_another_network() -> None:
    fails(InvalidInput, "token", pay_with="EUR")
    fails(InvalidInput, "token", pay_with=Token("USDT", Address("0x" + "99" * 20), 18, 97))


def test_the_fee_is_in_the_payment_token() -> None:
    fails(InvalidInput, "fee", fee=USDC.amount(1))


def test_the_fee_is_bounded() -> None:
    notional = 60 * Decimal("150.25")
    bound = USDT.amount(notional / 100)
    assert build(fee=bound).incentive == bound.units
    text = fails(RuleViolation, "fee_too_high", fee=TokenAmount(USDT, bound.units + 1))
    assert re.search(r"more than 1(\.00)? % of", text)
    assert "max_fee" in text
    fails(RuleViolation, "fee_too_high", fee=TokenAmount(USDT, 2**256 - 1))
    fails(RuleViolation, "fee_too_high", fee=TokenAmount(USDT, 1), max_fee=Decimal(0))
    assert build(fee=USDT.amount(notional), max_fee=Decimal(1)).incentive == USDT.amount(notional).units


@pytest.mark.parametrize("max_fee", [0.01, -1, Decimal(-1), Decimal("NaN"), "0.01", None])
def test_the_bound_on_the_fee_is_a_decimal(max_fee: object) -> None:
    with pytest.raises(InvalidInput):
        build(max_fee=max_fee)


def test_a_deadline_in_milliseconds() -> None:
    assert "1000" in fails(InvalidInput, "deadline", deadline=(NOW + 800 * HOUR) * 1000)


@pytest.mark.parametrize("deadline", [float(NOW + 800 * HOUR), str(NOW + 800 * HOUR), True, -1, Decimal(NOW + 800 * HOUR)])
def test_a_deadline_is_whole_seconds(deadline: object) -> None:
    fails(InvalidInput, "deadline", deadline=deadline)


def test_deadlines_too_soon_passed_and_too_late() -> None:
    fails(RuleViolation, "deadline_too_soon", deadline=NOW + 1)
    fails(RuleViolation, "deadline_too_soon", deadline=NOW + 720 * HOUR)  # The venue's own sample.
    fails(RuleViolation, "deadline_too_soon", deadline=NOW + 720 * HOUR + 59)
    assert build(deadline=NOW + 720 * HOUR + 60).deadline == NOW + 720 * HOUR + 60
    fails(RuleViolation, "deadline_passed", deadline=NOW)
    fails(RuleViolation, "deadline_passed", deadline=0)
    fails(RuleViolation, "deadline_too_late", deadline=NOW + 366 * 24 * HOUR)
    fails(RuleViolation, "deadline_too_soon", life=720 * HOUR)
    fails(RuleViolation, "deadline_too_late", life=10**9)
    fails(InvalidInput, "deadline", life=800 * HOUR, deadline=NOW + 800 * HOUR)


@pytest.mark.parametrize("life", ["30 days", 2_600_000.5, Decimal(2_600_000), []])
def test_a_life_is_whole_seconds(life: object) -> None:
    with pytest.raises(InvalidInput):
        build(life=life)


@pytest.mark.parametrize("nonce", [-1, 2**53, 1.0, "7", True, None])
def test_a_nonce_is_an_integer_below_2_to_the_53(nonce: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        build(nonce=nonce)
    assert "nonce" in str(caught.value)


def test_the_greatest_nonce() -> None:
    assert build(nonce=2**53 - 1).nonce == 2**53 - 1


@pytest.mark.parametrize("account", ["0x" + "00" * 20, "0xAbcdefabcdefabcdefabcdefabcdefabcdefabcd", "11" * 20, "0x11", "", 17])
@pytest.mark.parametrize("role", ["maker", "principal"])
def test_accounts_that_are_none(role: str, account: object) -> None:
    with pytest.raises(InvalidInput):
        build(**{role: account})


def test_no_maker_is_none_and_no_principal_is_the_maker() -> None:
    with pytest.raises(InvalidInput):
        build(maker=None)
    assert build(principal=None).principal == Address(MAKER)


@pytest.mark.parametrize("exchange", [-1, 65536, "0", True, 0.0])
def test_an_exchange_is_a_16_bit_number(exchange: object) -> None:
    with pytest.raises(InvalidInput):
        build(exchange=exchange)


def test_plain_words_for_a_buy() -> None:
    assert stove.explain(build(), stove.TESTNET) == [
        "Buy 60 AAPL, at most 150.25 USDT a share: pay at most 9015 USDT.",
        "Offer the broker a fee of 3.5 USDT for the whole order, on top of that.",
        f"The shares go to {Address(MAKER)}, the signer's own account.",
        "Good until 2025-07-15T15:16:40Z; until then a copy of the signature can be used, even after a cancellation.",
        "Nonce 7 on Stove test network (BSC Testnet), chain 97, contract 0xCB310C56A19078aA969A922f382613d932D89D83.",
    ]


def test_plain_words_for_a_sell_to_somebody_else_in_an_unknown_token() -> None:
    order = replace_order(build(side="sell", principal="0x" + "22" * 20), asset="0x" + "33" * 20)
    lines = stove.explain(order, stove.TESTNET)
    assert lines[0].startswith("Sell 60 AAPL, at least 150250000000000000000 base units of the unknown token 0x3333")
    assert lines[2] == f"The money goes to {Address('0x' + '22' * 20)}, which is NOT the signer's account."


def test_plain_words_are_one_sentence_a_line_whatever_the_order_says() -> None:
    """An order that came from elsewhere is explained before it is signed: its ticker must not write the next line."""
    order = replace_order(build(), ticker="AAPL, at most 1 USDT a share.\nGood until yesterday\u202e")
    assert all(len(line.splitlines()) == 1 and line.isprintable() for line in stove.explain(order, stove.TESTNET))


def replace_order(order: Order, **changes: Any) -> Order:
    return Order(**({name: getattr(order, name) for name in Order.__annotations__} | changes))


def test_no_reason_against_a_good_order() -> None:
    assert stove.refusals(build(), stove.TESTNET, now=NOW, fee=USDT.amount(3), wallet=MAKER) == []


def test_every_reason_against_the_documented_order() -> None:
    documented = Order.from_venue(load("stove/create-order")["usable"]["request"]["body"]["order"])
    reasons = stove.refusals(documented, stove.TESTNET, now=NOW, fee=USDT.amount(5), wallet=MAKER)
    expected = ["is not the account that is logged in", "is no payment token", "has passed", "below the estimated fee 5 USDT"]
    assert len(reasons) == len(expected)
    assert all(words in reason for words, reason in zip(expected, reasons, strict=True)), reasons


def test_reasons_name_what_cannot_be_meant() -> None:
    order = replace_order(build(), ticker="aapl", price=0, quantity=0, principal="0x" + "00" * 20, nonce=2**53)
    reasons = " / ".join(stove.refusals(order, stove.TESTNET, now=NOW))
    for words in ("principal is the zero address", "ticker 'aapl'", "price is zero", "quantity is zero", "2^53"):
        assert words in reasons


def test_a_deadline_in_milliseconds_is_one_reason() -> None:
    order = replace_order(build(), deadline=(NOW + 800 * HOUR) * 1000)
    reasons = [reason for reason in stove.refusals(order, stove.TESTNET, now=NOW) if "milliseconds" in reason]
    assert len(reasons) == 1, reasons
