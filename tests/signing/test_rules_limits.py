"""The user's bounds on orders. Expected values are computed with fractions, or stand in the venue's page *Create Order*."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderseal.fixtures import load
from orderseal.signing import Address, InvalidInput, Order, RuleViolation, Token, TokenAmount
from orderseal.signing.ledger.exposure import Exposure
from orderseal.signing.rules import ExposureLike, OrderRules

MAKER, VAULT, THIEF = (Address("0x" + digit * 40) for digit in "123")
USDT = Token("USDT", Address("0x" + "44" * 20), 18, 97)
USDC = Token("USDC", Address("0x" + "55" * 20), 6, 97)
ONE = 10**18


def order(**changes: Any) -> Order:
    """Buy 100 AAPL at 150.25 USDT, with a fee of 1 USDT: 15025 USDT, and 15026 with the fee."""
    values: dict[str, Any] = {
        "maker": MAKER,
        "principal": MAKER,
        "is_buy": True,
        "ticker": "AAPL",
        "exchange": 0,
        "asset": USDT.address,
        "price": 150_250_000_000_000_000_000,
        "quantity": 100,
        "incentive": ONE,
        "deadline": 1_800_000_000,
        "nonce": 7,
    }
    return Order(**(values | changes))


def sell(**changes: Any) -> Order:
    return order(is_buy=False, **changes)


@dataclass
class Live:
    order: Order | None
    network: str = "test"

    @property
    def slot(self) -> Any:
        return SimpleNamespace(scope=SimpleNamespace(network=self.network))


@dataclass
class Owed:
    """Live signatures and their sums."""

    orders: list[Live] = field(default_factory=list)
    buys: dict[tuple[str, Address], int] = field(default_factory=dict)
    sells: dict[tuple[str, str], int] = field(default_factory=dict)
    unmeasured: int = 0


def codes(rules: OrderRules, which: Order, *, token: Token = USDT, **more: Any) -> list[str]:
    return [error.rule for error in rules.violations(which, token=token, **more)]


# The defaults


def test_by_default_an_honest_order_passes() -> None:
    for which in (order(), sell()):
        OrderRules().check(which, token=USDT)
        OrderRules().check_exposure(which, Owed(unmeasured=5, orders=[Live(None)] * 5), token=USDT)
        assert OrderRules().violations(which, token=USDT) == ()


def test_the_venues_documented_order_pays_another_account() -> None:
    """Stove, Create Order: principal is not the maker. 100 times 150.25 and a fee of 1 make 15026."""
    body = load("stove/create-order")["usable"]["request"]["body"]
    documented = Order.from_venue(body["order"])
    token = Token("USDT", documented.asset, 18, 97)
    with pytest.raises(RuleViolation) as caught:
        OrderRules().check(documented, token=token)
    assert caught.value.rule == "principal_not_allowed"
    assert str(documented.principal) in str(caught.value)
    for most, expected in (("15026", []), ("15025.999999999999999999", ["notional_too_high"])):
        rules = OrderRules(principals=[str(documented.principal)], max_notional=token.amount(Decimal(most)))
        assert codes(rules, documented, token=token) == expected


@pytest.mark.parametrize("which", [order, sell])
def test_only_the_maker_may_receive(which: Callable[..., Order]) -> None:
    assert codes(OrderRules(), which(principal=THIEF)) == ["principal_not_allowed"]
    rules = OrderRules(principals=[VAULT])
    assert codes(rules, which(principal=VAULT)) == []
    assert codes(rules, which(principal=THIEF)) == ["principal_not_allowed"]
    assert codes(rules, which(principal=MAKER)) == ["principal_not_allowed"]  # these alone
    assert codes(OrderRules(principals=[VAULT, bytes(MAKER)]), which(principal=MAKER)) == []
    assert codes(OrderRules(principals=[]), which()) == ["principal_not_allowed"]
    (error,) = OrderRules().violations(which(principal=THIEF), token=USDT)
    assert ("the shares would go" if which is order else "the money would go") in str(error)
    assert str(THIEF) in str(error)
    assert str(MAKER) in str(error)


@pytest.mark.parametrize(("units", "expected"), [(150_250_000_000_000_000_000, []), (150_250_000_000_000_000_001, ["fee_too_high"])])
def test_the_default_fee_is_one_per_cent_of_price_times_quantity(units: int, expected: list[str]) -> None:
    """1 % of 15025 is 150.25; for a buy and a sell alike, without the fee itself."""
    assert codes(OrderRules(), order(incentive=units)) == expected
    assert codes(OrderRules(), sell(incentive=units)) == expected


# Each bound at both ends


def test_tickers() -> None:
    rules = OrderRules(tickers=["AAPL", "BRK.B"])
    assert codes(rules, order()) == []
    assert codes(rules, order(ticker="BRK.B")) == []
    assert codes(rules, order(ticker="TSLA")) == ["ticker_not_allowed"]
    assert codes(OrderRules(tickers=()), order()) == ["ticker_not_allowed"]


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (Decimal("150.25"), []),
        (151, []),
        (150, ["price_too_high"]),
        (0, ["price_too_high"]),
        (Decimal("150.249999999999999999"), ["price_too_high"]),
        # More decimals than the token has.
        (Decimal("150.2500000000000000001"), []),
        (Decimal("150.2499999999999999999"), ["price_too_high"]),
    ],
)
def test_the_highest_price_of_a_buy(most: Decimal | int, expected: list[str]) -> None:
    assert codes(OrderRules(price_at_most=most), order()) == expected
    assert codes(OrderRules(price_at_most={"AAPL": most, "TSLA": 1}), order()) == expected
    assert codes(OrderRules(price_at_most={"*": most}), order()) == expected
    assert codes(OrderRules(price_at_most=most), sell()) == []  # a sell may be as dear as it likes


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (Decimal("150.25"), []),
        (150, []),
        (151, ["price_too_low"]),
        (Decimal("150.250000000000000001"), ["price_too_low"]),
        (Decimal("150.2500000000000000001"), ["price_too_low"]),
        (Decimal("150.2499999999999999999"), []),
    ],
)
def test_the_lowest_price_of_a_sell(least: Decimal | int, expected: list[str]) -> None:
    assert codes(OrderRules(price_at_least=least), sell()) == expected
    assert codes(OrderRules(price_at_least={"AAPL": least, "TSLA": 10**6}), sell()) == expected
    assert codes(OrderRules(price_at_least={"*": least}), sell()) == expected
    assert codes(OrderRules(price_at_least=least), order()) == []


def test_a_ticker_that_has_no_price_is_refused() -> None:
    assert codes(OrderRules(price_at_most={"TSLA": 1000}), order()) == ["price_not_bounded"]
    assert codes(OrderRules(price_at_least={"TSLA": 1}), sell()) == ["price_not_bounded"]
    assert codes(OrderRules(price_at_most={}), order()) == ["price_not_bounded"]
    assert codes(OrderRules(price_at_most={"*": 1, "AAPL": 151}), order()) == []


def test_a_token_of_six_decimals() -> None:
    """The order's own fault is told besides: the venue's prices have 18 decimals."""
    cheap = order(asset=USDC.address, price=150_250_000, incentive=0)
    for most, expected in ((Decimal("150.25"), []), (Decimal("150.249999"), ["price_too_high"])):
        assert codes(OrderRules(price_at_most=most), cheap, token=USDC) == ["price_unscaled", *expected]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("142.5", []),
        ("142.499999999999999999", ["price_outside_band"]),
        ("157.5", []),
        ("157.500000000000000001", ["price_outside_band"]),
        ("150", []),
        ("1500", ["price_outside_band"]),
        ("15", ["price_outside_band"]),
    ],
)
def test_the_band_around_a_reference(price: str, expected: list[str]) -> None:
    """5 % of 150 is 7.5."""
    units = int(Decimal(price) * ONE)
    for which in (order(price=units), sell(price=units)):
        for percent in (5, Decimal("5.00")):
            assert codes(OrderRules(price_band_percent=percent), which, reference=Decimal(150)) == expected
    assert codes(OrderRules(), order(price=units), reference=150) == []


def test_a_band_wants_a_reference() -> None:
    assert codes(OrderRules(price_band_percent=5), order()) == ["price_no_reference"]
    assert codes(OrderRules(price_band_percent=0), order(), reference=Decimal("150.25")) == []
    assert codes(OrderRules(price_band_percent=0), order(), reference=Decimal("150.26")) == ["price_outside_band"]


@pytest.mark.parametrize("reference", [0, -1, 150.25, "150", Decimal("NaN"), Decimal("-Infinity"), True, Decimal("1e999999")])
def test_a_reference_is_a_price(reference: Any) -> None:
    for rules in (OrderRules(), OrderRules(price_band_percent=5)):
        with pytest.raises(InvalidInput) as caught:
            rules.check(order(), token=USDT, reference=reference)
        assert caught.value.path == "reference"


@pytest.mark.parametrize(
    ("quantity", "expected"), [(9, ["quantity_too_small"]), (10, []), (500, []), (501, ["quantity_too_large"]), (1, ["quantity_too_small"])]
)
def test_shares(quantity: int, expected: list[str]) -> None:
    assert codes(OrderRules(min_shares=10, max_shares=500, max_fee=Decimal(1)), order(quantity=quantity)) == expected


def test_a_quantity_in_wei_is_named() -> None:
    found = OrderRules(max_shares=500).violations(order(quantity=100 * ONE), token=USDT)
    assert [error.rule for error in found] == ["quantity_scaled", "quantity_too_large"]
    assert "looks like 100 scaled by 10^18" in str(found[1])
    (_, other) = OrderRules(max_shares=500).violations(order(quantity=100 * ONE + 1), token=USDT)
    assert "looks like" not in str(other)


def test_the_fee_as_a_ratio_and_as_an_amount() -> None:
    fee = order(incentive=15025 * 10**15)  # 0.1 % is 15.025
    assert codes(OrderRules(max_fee=Decimal("0.001")), fee) == []
    assert codes(OrderRules(max_fee=Decimal("0.0009")), fee) == ["fee_too_high"]
    assert codes(OrderRules(max_fee=Decimal(0)), fee) == ["fee_too_high"]
    assert codes(OrderRules(max_fee=Decimal(0)), order(incentive=0)) == []
    assert codes(OrderRules(max_fee=Decimal(10) ** 77), order(incentive=2**255)) == []
    assert codes(OrderRules(max_fee_amount=USDT.amount(Decimal("15.025"))), fee) == []
    assert codes(OrderRules(max_fee_amount=TokenAmount(USDT, 15025 * 10**15 - 1)), fee) == ["fee_amount_too_high"]


def test_the_notional_of_a_buy_has_its_fee_and_that_of_a_sell_has_not() -> None:
    for most, buy_expected, sell_expected in (
        (15026 * ONE, [], []),
        (15026 * ONE - 1, ["notional_too_high"], []),
        (15025 * ONE, ["notional_too_high"], []),
        (15025 * ONE - 1, ["notional_too_high"], ["notional_too_high"]),
    ):
        rules = OrderRules(max_notional=TokenAmount(USDT, most))
        assert codes(rules, order()) == buy_expected
        assert codes(rules, sell()) == sell_expected


def test_more_than_a_token_can_count_is_a_violation_and_no_crash() -> None:
    rules = OrderRules(max_notional=USDT.amount(1), max_buy_exposure=USDT.amount(1), max_shares=5, price_at_most=1, price_band_percent=1)
    for price, quantity, incentive in ((2**255, 2, 0), (2**256 - 1, 2**256 - 1, 2**256 - 1), (2**256 - 1, 1, 1)):
        huge = order(price=price, quantity=quantity, incentive=incentive)
        found = codes(rules, huge, reference=1, exposure=Owed())
        assert "notional_overflow" in found
        assert "buy_exposure_too_high" in found
        with pytest.raises(RuleViolation):
            rules.check(huge, token=USDT)
    assert codes(OrderRules(max_fee=Decimal(1)), order(price=2**256 - 2, quantity=1, incentive=1)) == []
    assert codes(OrderRules(max_fee=Decimal(1)), sell(price=2**256 - 1, quantity=1, incentive=1)) == []


# Live signatures


@pytest.mark.parametrize(
    ("live", "expected"), [(4974 * ONE, []), (4974 * ONE + 1, ["buy_exposure_too_high"]), (10**30, ["buy_exposure_too_high"])]
)
def test_all_live_buys_together(live: int, expected: list[str]) -> None:
    """20000 less this order's 15026."""
    rules = OrderRules(max_buy_exposure=USDT.amount(20_000))
    owed = Owed(buys={("test", USDT.address): live, ("test", USDC.address): 10**40})
    for network in ("test", None):
        assert codes(rules, order(), exposure=owed, network=network) == expected
        assert codes(rules, sell(), exposure=owed, network=network) == []
    assert codes(rules, order(), exposure=owed, network="other") == []
    assert codes(rules, order()) == []


def test_without_a_network_those_of_all_count() -> None:
    owed = Owed(
        buys={("one", USDT.address): 2000 * ONE, ("two", USDT.address): 2975 * ONE}, sells={("one", "AAPL"): 20, ("two", "AAPL"): 21}
    )
    rules = OrderRules(max_buy_exposure=USDT.amount(20_000), max_open_sells=140)
    assert codes(rules, order(), exposure=owed) == ["buy_exposure_too_high"]
    assert codes(rules, sell(), exposure=owed) == ["open_sells_too_high"]
    for network in ("one", "two"):
        assert codes(rules, order(), exposure=owed, network=network) == []
        assert codes(rules, sell(), exposure=owed, network=network) == []


@pytest.mark.parametrize(("live", "expected"), [(0, []), (50, []), (51, ["open_sells_too_high"])])
def test_all_live_sells_of_a_ticker_together(live: int, expected: list[str]) -> None:
    owed = Owed(sells={("test", "AAPL"): live, ("test", "TSLA"): 10**9})
    for bound in (150, {"AAPL": 150}, {"*": 150, "TSLA": 1}):
        rules = OrderRules(max_open_sells=bound)
        assert codes(rules, sell(), exposure=owed, network="test") == expected
        assert codes(rules, order(), exposure=owed, network="test") == []
    assert codes(OrderRules(max_open_sells={"TSLA": 5}), sell(), exposure=owed) == ["open_sells_not_bounded"]


@pytest.mark.parametrize(("live", "expected"), [(0, []), (2, []), (3, ["too_many_live"])])
def test_the_number_of_live_signatures(live: int, expected: list[str]) -> None:
    owed = Owed(orders=[Live(None)] * live)
    assert codes(OrderRules(max_live=3), order(), exposure=owed) == expected
    assert codes(OrderRules(max_live=0), order(), exposure=Owed()) == ["too_many_live"]


def test_an_order_that_is_live_already_counts_once() -> None:
    """So that the same check can be made again before a re-send; part of it may be filled."""
    rules = OrderRules(max_buy_exposure=USDT.amount(15_026), max_live=1, max_open_sells=100)
    owed = Owed(orders=[Live(order())], buys={("test", USDT.address): 15_026 * ONE})
    assert codes(rules, order(), exposure=owed, network="test") == []
    assert codes(rules, order(nonce=8), exposure=owed, network="test") == ["buy_exposure_too_high", "too_many_live"]
    assert codes(rules, order(), exposure=owed, network="other") == ["too_many_live"]  # there it is another signature
    assert codes(rules, order(), exposure=owed) == ["buy_exposure_too_high", "too_many_live"]
    sold = Owed(orders=[Live(sell())], sells={("test", "AAPL"): 100})
    assert codes(rules, sell(), exposure=sold, network="test") == []
    assert codes(rules, sell(nonce=8), exposure=sold, network="test") == ["open_sells_too_high", "too_many_live"]


@pytest.mark.parametrize("network", [97, b"test", ("test",)])
def test_a_network_is_named_by_text(network: Any) -> None:
    """A network that matches none would hide every live order."""
    with pytest.raises(InvalidInput, match="network"):
        OrderRules().check_exposure(order(), Owed(), token=USDT, network=network)


def test_live_signatures_of_unknown_cost_refuse_unless_allowed_by_name() -> None:
    owed = Owed(orders=[Live(None)], unmeasured=1)
    for bounds in ({"max_buy_exposure": USDT.amount(10**6)}, {"max_open_sells": 10**6}):
        assert codes(OrderRules(**bounds), order(), exposure=owed) == ["exposure_unmeasured"]
        assert codes(OrderRules(**bounds, allow_unmeasured=True), order(), exposure=owed) == []
    assert codes(OrderRules(max_live=5), order(), exposure=owed) == []


def test_the_ledgers_own_exposure_fits() -> None:
    exposure: ExposureLike = Exposure(0.0, (), {("test", USDT.address): 5 * ONE}, {}, 0)
    with pytest.raises(RuleViolation) as caught:
        OrderRules(max_buy_exposure=USDT.amount(15_030)).check_exposure(order(), exposure, token=USDT)
    assert caught.value.rule == "buy_exposure_too_high"
    for part in ("may still take 5 USDT", "this one 15026 USDT", ": 15031 USDT", "more than 15030 USDT", "max_buy_exposure"):
        assert part in str(caught.value)


# Two tokens


def test_amounts_in_two_tokens_do_not_mix() -> None:
    for name in ("max_notional", "max_fee_amount", "max_buy_exposure"):
        rules = OrderRules(**{name: USDC.amount(10**6)})  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match=name):
            rules.violations(order(), token=USDT, exposure=Owed())
        both = OrderRules(**{name: [USDC.amount(1), USDT.amount(10**6)]})  # type: ignore[arg-type]
        assert codes(both, order(), exposure=Owed()) == []
        assert codes(OrderRules(**{name: [USDC.amount(10**6), USDT.amount(0)]}), order(), exposure=Owed())  # type: ignore[arg-type]


def test_the_same_address_on_another_chain_is_another_token() -> None:
    elsewhere = dataclasses.replace(USDT, chain_id=56)
    with pytest.raises(InvalidInput, match="chain 56"):
        OrderRules(max_notional=elsewhere.amount(10**6)).check(order(), token=USDT)


def test_the_token_must_be_the_orders() -> None:
    for call in (
        lambda: OrderRules().check(order(), token=USDC),
        lambda: OrderRules().check_exposure(order(), Owed(), token=USDC),
        lambda: OrderRules().violations(order(), token="USDT"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert caught.value.path == "token"
    with pytest.raises(InvalidInput, match="an Order"):
        OrderRules().check({"price": 1}, token=USDT)  # type: ignore[arg-type]


# What is raised


def test_one_violation_is_raised_as_it_is() -> None:
    with pytest.raises(RuleViolation) as caught:
        OrderRules(price_at_most=100).check(order(), token=USDT)
    assert caught.value.rule == "price_too_high"
    assert str(caught.value) == (
        "to buy 'AAPL' at 150.25 USDT a share is above 100 USDT; lower the limit, or raise price_at_most if you mean it"
    )


def test_several_are_told_at_once() -> None:
    rules = OrderRules(tickers=["TSLA"], price_at_most=100, max_shares=50, max_notional=USDT.amount(1000))
    with pytest.raises(RuleViolation) as caught:
        rules.check(order(incentive=0), token=USDT)
    assert caught.value.rule == "ticker_not_allowed"
    text = str(caught.value)
    assert text.startswith("4 rules forbid to buy 100 'AAPL' at 150.25 USDT (nonce 7): (1) ticker_not_allowed: ")
    for part in ("(2) price_too_high: ", "(3) quantity_too_large: ", "(4) notional_too_high: ", "15025 USDT, more than 1000 USDT"):
        assert part in text
    assert "\n" not in text


def test_what_nobody_can_mean_comes_first() -> None:
    assert codes(OrderRules(tickers=["AAPL"]), order(ticker="aapl\nforged log line", deadline=1_800_000_000_000)) == [
        "ticker_form",
        "deadline_unit",
        "ticker_not_allowed",
    ]
    found = OrderRules(tickers=["AAPL"]).violations(order(ticker="x\ny"), token=USDT)
    assert not any("\n" in str(error) for error in found)


def test_exposure_alone() -> None:
    """``check_exposure`` judges no bound on the single order, and ``check`` none on all."""
    rules = OrderRules(max_shares=1, max_live=0)
    with pytest.raises(RuleViolation) as caught:
        rules.check_exposure(order(), Owed(), token=USDT)
    assert caught.value.rule == "too_many_live"
    with pytest.raises(RuleViolation) as caught:
        rules.check(order(), token=USDT)
    assert caught.value.rule == "quantity_too_large"
    assert codes(rules, order(), exposure=Owed()) == ["quantity_too_large", "too_many_live"]


# Rules of the user's own


class NoMondays:
    def check(self, order: Order) -> None:
        if order.deadline == 1_800_000_000:
            raise RuleViolation("monday", "not today")


def even(order: Order) -> None:
    if order.quantity % 2:
        raise RuleViolation("odd", f"{order.quantity} shares are odd: order an even number")


def test_rules_of_ones_own() -> None:
    rules = OrderRules(policies=[even, NoMondays()], max_fee=Decimal(1))
    assert codes(rules, order()) == ["monday"]
    assert codes(rules, order(quantity=1)) == ["odd", "monday"]
    assert codes(rules, order(deadline=1_800_000_001)) == []


@pytest.mark.parametrize("answer", [False, True, "no", 0])
def test_a_rule_that_answers_instead_of_raising_is_a_mistake(answer: object) -> None:
    rules = OrderRules(policies=[lambda order: answer])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="raises RuleViolation, or returns nothing"):
        rules.check(order(), token=USDT)


def test_an_error_in_a_rule_lets_nothing_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        OrderRules(policies=[lambda order: 1 // 0]).check(order(), token=USDT)  # type: ignore[list-item]


# Construction

BAD_PRICES: list[Any] = [
    1.5,
    -1,
    Decimal(-1),
    Decimal("-0"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    "1",
    True,
    Decimal("1e78"),
]
BAD_COUNTS: list[Any] = [1.0, -1, True, "5", Decimal(5), 2**256, float("nan")]
BAD_AMOUNTS: list[Any] = [1000, 1000.0, Decimal(1000), "1000", (), [1000], [USDT.amount(1), USDT.amount(2)], {USDT: 1}, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("price_at_most", value) for value in BAD_PRICES),
        *(("price_at_least", value) for value in BAD_PRICES),
        *(("price_at_most", {"AAPL": value}) for value in BAD_PRICES),
        *(("price_band_percent", value) for value in [*BAD_PRICES, Decimal("100.01"), 101]),
        *(("max_fee", value) for value in [*BAD_PRICES, 1, None]),
        *((name, value) for name in ("min_shares", "max_shares", "max_live", "max_open_sells") for value in BAD_COUNTS),
        *(("max_open_sells", {"AAPL": value}) for value in BAD_COUNTS),
        *((name, value) for name in ("max_notional", "max_fee_amount", "max_buy_exposure") for value in BAD_AMOUNTS),
        *(("tickers", value) for value in ["AAPL", ["aapl"], [1], 5, {"AAPL": 1}, b"AAPL"]),
        ("price_at_most", {"aapl": 1}),
        ("price_at_most", {1: 1}),
        ("price_at_most", Decimal("1e-101")),
        *(("principals", value) for value in [str(VAULT), ["0x12"], [1], VAULT, 5]),
        *(("allow_unmeasured", value) for value in [None, 1, "yes"]),
        *(("policies", value) for value in [None, even, [5], [NoMondays]]),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:30]),
)
def test_a_bound_of_the_wrong_form_cannot_exist(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        OrderRules(**{name: value})
    assert caught.value.path.startswith(f"order rules {name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price_at_most", Decimal("9.9e77")),
        ("price_at_most", Decimal("1e-100")),
        ("price_at_most", 0),
        ("price_band_percent", 100),
        ("price_band_percent", 0),
        ("max_fee", Decimal(0)),
        ("max_shares", 0),
        ("max_live", 2**256 - 1),
    ],
)
def test_the_ends_of_what_a_bound_may_be(name: str, value: Any) -> None:
    OrderRules(**{name: value}).violations(order(), token=USDT, reference=1, exposure=Owed())


def test_bounds_that_contradict_each_other_cannot_exist() -> None:
    OrderRules(min_shares=5, max_shares=5)
    with pytest.raises(InvalidInput, match="min_shares ≤ max_shares"):
        OrderRules(min_shares=6, max_shares=5)


def test_a_float_is_told_what_to_write() -> None:
    with pytest.raises(InvalidInput) as caught:
        OrderRules(price_at_most=150.1)  # type: ignore[arg-type]
    assert caught.value.hint == 'Write Decimal("150.1")'


def test_a_bound_cannot_be_moved_afterwards() -> None:
    prices: dict[str, Decimal | int] = {"AAPL": 100}
    tickers = ["AAPL"]
    rules = OrderRules(price_at_most=prices, tickers=tickers)
    prices["AAPL"] = 10**9
    tickers.append("TSLA")
    assert codes(rules, order()) == ["price_too_high"]
    assert codes(rules, sell(ticker="TSLA")) == ["ticker_not_allowed"]
    with pytest.raises(TypeError):
        rules.price_at_most["AAPL"] = 1  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules.max_shares = 1  # type: ignore[misc]


# Words


def test_explain_says_what_is_bounded_and_what_is_not() -> None:
    assert OrderRules().explain() == [
        "The shares or the money go to the order's maker and nobody else.",
        "The fee is at most 1 % of price times quantity.",
        (
            "Not bounded: tickers, the price of a buy, the price of a sell, the distance from a reference price, shares of an order, "
            "worth of an order, all live buy orders together, all live sell orders together, number of live signatures."
        ),
    ]
    rules = OrderRules(
        tickers={"TSLA", "AAPL"},
        price_at_most={"*": Decimal("1e3"), "AAPL": Decimal("200.50")},
        price_at_least=90,
        price_band_percent=Decimal("2.5"),
        min_shares=1,
        max_shares=500,
        max_fee=Decimal("0.005"),
        max_fee_amount=USDT.amount(20),
        max_notional=[USDT.amount(50_000), USDC.amount(40_000)],
        max_buy_exposure=USDT.amount(200_000),
        max_open_sells={},
        max_live=20,
        principals=[VAULT],
        allow_unmeasured=True,
        policies=[even, NoMondays()],
    )
    assert rules.explain() == [
        f"The shares or the money go only to {VAULT}.",
        "Only AAPL, TSLA may be traded.",
        "A buy pays at most 200.5 of the payment token a share of AAPL.",
        "A buy pays at most 1000 of the payment token a share of any other ticker.",
        "A sell asks at least 90 of the payment token a share.",
        "A price lies within 2.5 % of the reference price.",
        "An order is for at least 1 shares.",
        "An order is for at most 500 shares.",
        "The fee is at most 0.5 % of price times quantity.",
        "The fee is at most 20 USDT an order.",
        "An order is worth at most 50000 USDT; a buy with its fee.",
        "An order is worth at most 40000 USDC; a buy with its fee.",
        "All live buy orders together may take at most 200000 USDT.",
        "All live sell orders of one ticker together may take at most nothing shares: no ticker is allowed.",
        "At most 20 signatures are live at a time.",
        "Live signatures whose cost is not known do not stop an order.",
        "Rules of your own: even, NoMondays.",
    ]


# Properties

PRICES = st.decimals(0, 400, places=2) | st.decimals(0, 400, places=20)
ORDERS = st.builds(
    order,
    is_buy=st.booleans(),
    ticker=st.sampled_from(["AAPL", "TSLA"]),
    price=st.integers(10**12, 400 * ONE) | st.integers(1, 400).map(lambda units: units * ONE),
    quantity=st.integers(1, 100),
    incentive=st.integers(0, 100 * ONE),
    principal=st.sampled_from([MAKER, VAULT]),
)
EXPOSURES = st.builds(
    Owed,
    orders=st.lists(st.sampled_from([Live(None), Live(order()), Live(sell())]), max_size=5),
    buys=st.dictionaries(
        st.sampled_from([("test", USDT.address), ("other", USDT.address), ("test", USDC.address)]), st.integers(0, 30_000 * ONE)
    ),
    sells=st.dictionaries(st.sampled_from([("test", "AAPL"), ("other", "AAPL"), ("test", "TSLA")]), st.integers(0, 150)),
    unmeasured=st.integers(0, 1),
)
AMOUNTS = st.integers(0, 40_000).map(lambda value: USDT.amount(value))
BOUNDS: dict[str, st.SearchStrategy[Any]] = {
    "tickers": st.frozensets(st.sampled_from(["AAPL", "TSLA"])),
    "price_at_most": PRICES | st.dictionaries(st.sampled_from(["AAPL", "*"]), PRICES),
    "price_at_least": PRICES | st.dictionaries(st.sampled_from(["AAPL", "*"]), PRICES),
    "price_band_percent": st.decimals(0, 100, places=1),
    "min_shares": st.integers(0, 50),
    "max_shares": st.integers(50, 100),
    "max_fee": st.decimals(0, 1, places=3),
    "max_fee_amount": AMOUNTS,
    "max_notional": AMOUNTS,
    "max_buy_exposure": AMOUNTS,
    "max_open_sells": st.integers(0, 200) | st.dictionaries(st.sampled_from(["AAPL", "*"]), st.integers(0, 200)),
    "max_live": st.integers(0, 6),
    "principals": st.frozensets(st.sampled_from([MAKER, VAULT])),
}
SOME = st.fixed_dictionaries({}, optional=BOUNDS)
REFERENCES = st.none() | st.integers(1, 400)


def allowed(given: dict[str, Any], which: Order, exposure: Owed, network: str | None, reference: int | None) -> bool:
    """The rules once more, in fractions and in another shape."""

    def of(name: str) -> Any:
        value = given.get(name)
        return value.get(which.ticker, value.get("*", -1)) if isinstance(value, dict) else value

    price, fee = Fraction(which.price, ONE), Fraction(which.incentive, ONE)
    worth = price * which.quantity
    taken = worth + fee if which.is_buy else worth
    again = any(live.order == which and live.network == network for live in exposure.orders)
    held = sum(units for (where, address), units in exposure.buys.items() if address == USDT.address and network in (None, where))
    sold = sum(units for (where, ticker), units in exposure.sells.items() if ticker == which.ticker and network in (None, where))
    tests = [
        which.principal in given.get("principals", {which.maker}),
        fee <= worth * Fraction(given.get("max_fee", Decimal("0.01"))),
        which.ticker in given.get("tickers", {which.ticker}),
        not which.is_buy or of("price_at_most") is None or (of("price_at_most") != -1 and price <= Fraction(of("price_at_most"))),
        which.is_buy or of("price_at_least") is None or (of("price_at_least") != -1 and price >= Fraction(of("price_at_least"))),
        "price_band_percent" not in given
        or (reference is not None and abs(price - reference) <= reference * Fraction(given["price_band_percent"]) / 100),
        given.get("min_shares", 0) <= which.quantity <= given.get("max_shares", 10**9),
        "max_fee_amount" not in given or fee <= Fraction(given["max_fee_amount"].units, ONE),
        "max_notional" not in given or taken <= Fraction(given["max_notional"].units, ONE),
        not which.is_buy
        or "max_buy_exposure" not in given
        or Fraction(held, ONE) + (0 if again else taken) <= Fraction(given["max_buy_exposure"].units, ONE),
        which.is_buy
        or of("max_open_sells") is None
        or (of("max_open_sells") != -1 and sold + (0 if again else which.quantity) <= of("max_open_sells")),
        len(exposure.orders) + (not again) <= given.get("max_live", 10**9),
        not (exposure.unmeasured and ("max_buy_exposure" in given or "max_open_sells" in given)),
    ]
    return all(tests)


@given(SOME, ORDERS, EXPOSURES, st.sampled_from(["test", "other", None]), REFERENCES)
@settings(deadline=None, max_examples=400)
def test_no_order_over_a_bound_passes_and_none_within_is_refused(
    bounds: dict[str, Any], which: Order, exposure: Owed, network: str | None, reference: int | None
) -> None:
    found = OrderRules(**bounds).violations(which, token=USDT, reference=reference, exposure=exposure, network=network)
    assert (not found) == allowed(bounds, which, exposure, network, reference)
    assert all(error.rule and 10 < len(str(error)) < 700 for error in found)


def looser(bound: Any, name: str, by: int) -> Any:
    if isinstance(bound, dict):
        return {key: looser(value, name, by) for key, value in bound.items()}
    if isinstance(bound, TokenAmount):
        return TokenAmount(bound.token, bound.units + by)
    if isinstance(bound, frozenset):
        return bound | ({MAKER, VAULT} if name == "principals" else {"AAPL", "TSLA"})
    if name in ("price_at_least", "min_shares"):
        return max(bound - by, 0)
    return min(bound + by, 100) if name == "price_band_percent" else bound + by


@given(
    SOME,
    ORDERS,
    EXPOSURES,
    st.sampled_from(["test", None]),
    REFERENCES,
    st.sampled_from(sorted(BOUNDS)),
    st.integers(0, 10**6),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_loosening_a_bound_never_makes_a_passing_order_fail(
    bounds: dict[str, Any], which: Order, exposure: Owed, network: str | None, reference: int | None, name: str, by: int, drop: bool
) -> None:
    def broken(given: dict[str, Any]) -> set[str]:
        rules = OrderRules(**given)
        return {error.rule for error in rules.violations(which, token=USDT, reference=reference, exposure=exposure, network=network)}

    if name not in bounds:
        return
    # Principals and the fee have a default: to leave them out is no loosening.
    loose = {key: value for key, value in bounds.items() if key != name}
    if not drop or name in ("principals", "max_fee"):
        loose[name] = looser(bounds[name], name, by)
    assert broken(loose) <= broken(bounds)
