"""Plans against real contracts: good ones do what they say, and what is wrong is refused before anything is signed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak
from tests.chain.purchases import (
    MARKET_MODES,
    NAME,
    NOW,
    TOKEN_MODES,
    Edit,
    Watched,
    buying,
    carry_out_by_hand,
    code_hash,
    deaf_to_overrides,
    deploy,
    holdings,
    install,
    packed,
    pinned,
    pins_of,
    planned,
    relist,
    send,
    target_of,
    view,
    without_overrides,
    without_simulate,
)
from tests.local_chains import Start

from orderseal.chain.abi import RawLog
from orderseal.chain.dialogue import Answer, Rpc, run
from orderseal.chain.marketplace import Buy
from orderseal.chain.multicall import MOST_RETURNED
from orderseal.chain.outcome import check_logs
from orderseal.chain.pins import PinnedCode, PinnedCurrency, PinnedMarketplace, Pins, Units
from orderseal.chain.plan import Plan
from orderseal.chain.planning import Limits, offline_purchase, plan_delisting, plan_listing, plan_purchase, plan_update
from orderseal.chain.rehearsal import rehearse
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, Hash32, InvalidInput, NodeError, OrdersealError, PlanMismatch, Reverted, RuleViolation, WrongChain

MOST = 2**256 - 1


@pytest.fixture
def quick(anvil: str, start: Start) -> Iterator[LocalChain]:
    """A chain for what does not depend on the kind: anvil is twice as fast."""
    local = start("anvil")
    known, mark = set(local.contracts), local.request("evm_snapshot")
    yield local
    assert local.request("evm_revert", mark)
    local.forget(set(local.contracts) - known)


def call_of(step: Any) -> tuple[str, tuple[Any, ...]]:
    """What a step does, as eth-abi reads it."""
    known = {keccak(text=text)[:4]: text for text in ("approve(address,uint256)", "buy(uint256,address,address)")}
    text = known[step.data[:4]]
    return text.partition("(")[0], decode(text.partition("(")[2][:-1].split(","), step.data[4:])


def approvals_of(chain: LocalChain, plan: Plan, market: str, currency: str) -> list[int]:
    """The amounts that are approved; each for the marketplace, of the currency."""
    at, paid = chain.contracts[market].address.lower(), chain.contracts[currency].address
    found: list[int] = []
    for step in plan.steps[:-1]:
        name, (spender, value) = call_of(step)
        assert (name, str(step.to), spender) == ("approve", paid, at)
        found.append(value)
    return found


# -- What is good -------------------------------------------------------------------------------------------------------------------

COMBINATIONS = [
    ("market", "payment", 440, 5, 2200, 5 * 10**18),
    ("market_proxy", "payment", 440, 5, 2200, 5 * 10**18),
    ("market_diamond", "payment", 440, 5, 2200, 5 * 10**18),
    # 440 for 10^18 base units, rounded up: 3 base units cost 1, and 10^18 + 1 of them 441.
    ("market_base_units", "payment", 440, 3, 1, 3),
    ("market_base_units", "payment", 440, 10**18 + 1, 441, 10**18 + 1),
    ("market", "payment18", 25 * 10**17, 2, 5 * 10**18, 2 * 10**18),
    ("market", "payment0", 3, 4, 12, 4 * 10**18),
    ("market", "payment77", 10**76, 7, 7 * 10**76, 7 * 10**18),
    ("market", "usdt_like", 440, 100, 44_000, 100 * 10**18),
]


@pytest.mark.parametrize(
    ("market", "currency", "price", "quantity", "leaves", "arrives"),
    COMBINATIONS,
    ids=lambda value: str(value) if len(str(value)) < 18 else "",
)
def test_a_plan_does_what_it_says(
    chain: LocalChain, market: str, currency: str, price: int, quantity: int, leaves: int, arrives: int
) -> None:
    if (market, currency) not in (("market", "payment"), ("market_proxy", "payment"), ("market_diamond", "payment")):
        relist(chain, market, currency, price, 10**24, 1, 10**20)
        chain.transact("buyer", currency, "faucet", leaves)
    pins, before = pins_of(chain, market, currency), holdings(chain, market, currency)
    with Watched(chain) as node:
        plan = run(buying(chain, pins, quantity=quantity, max_total=Decimal(1_000) if currency != "payment77" else 1), node)
    assert len(node.rounds) == 2
    assert (plan.simulation, plan.unchecked, plan.simulated) == ("eth_simulateV1", (), True)
    assert approvals_of(chain, plan, market, currency) == [leaves]
    name, arguments = call_of(plan.steps[-1])
    wanted = (quantity, chain.contracts["house"].address.lower(), chain.contracts[currency].address.lower())
    assert (name, arguments, str(plan.steps[-1].to)) == ("buy", wanted, chain.contracts[market].address)
    assert (plan.expected.leaves, plan.expected.arrives, plan.expected.allowance) == (leaves, arrives, 0)
    assert Plan.parse(json.dumps(plan.to_json())) == plan
    receipts = carry_out_by_hand(chain, plan)
    check_logs(plan, [RawLog.of(log) for log in receipts[-1]["logs"]], "receipt")
    after = holdings(chain, market, currency)
    assert (before.paid - after.paid, after.house - before.house, after.allowance) == (leaves, arrives, 0)


WAYS: dict[str, tuple[Edit | None, int, str]] = {
    "simulate": (None, 2, "eth_simulateV1"),
    "executor": (without_simulate, 3, "executor"),
    "neither": (without_overrides, 3, "none"),
    "deaf": (deaf_to_overrides, 3, "none"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("currency", ["payment", "usdt_like"])
@pytest.mark.parametrize("standing", [0, 2199, 2200, 2201, MOST], ids=["none", "less", "same", "more", "all"])
def test_whatever_was_allowed_before(front: LocalChain, currency: str, standing: int, way: str) -> None:
    if currency != "payment":
        relist(front, "market", currency, 440)
    if standing:
        front.transact("buyer", currency, "approve", front.contracts["market"].address, standing)
    edit, rounds, simulation = WAYS[way]
    before = holdings(front, "market", currency)
    assert before.allowance == standing
    with Watched(front, edit) as node:
        plan = run(buying(front, pins_of(front, "market", currency)), node)
    assert (len(node.rounds), plan.simulation) == (rounds, simulation)
    exact = [] if standing == 2200 else [2200]
    first = [0] if standing not in (0, 2200) and (currency == "usdt_like" or simulation == "none") else []
    assert approvals_of(front, plan, "market", currency) == first + exact
    assert plan.approvals == tuple(first + exact)
    assert plan.simulated is (simulation != "none")
    assert all("nothing was simulated" in line for line in plan.unchecked)
    carry_out_by_hand(front, plan)
    after = holdings(front, "market", currency)
    assert (before.paid - after.paid, after.house - before.house) == (2200, 5 * 10**18)
    # Tether's own counts an allowance of all as endless; but none is left standing here.
    assert after.allowance == 0


@pytest.mark.parametrize("backend", ["anvil", "eth-tester"])
def test_both_ways_of_simulating_agree(start: Start, backend: str) -> None:
    local = start(backend)
    one, two, none = (planned(local, edit=edit) for edit in (None, without_simulate, without_overrides))
    for other in (two, none):
        gas = [step.gas for step in one.steps]
        same = replace(
            other,
            simulation="eth_simulateV1",
            unchecked=(),
            steps=tuple([replace(step, gas=limit) for step, limit in zip(other.steps, gas, strict=True)]),
            caps=one.caps,
        )
        assert same == one
    assert one.facts == two.facts == none.facts


def test_the_diamonds_and_proxies_steps_cost_no_more_than_planned_by_the_executor(front: LocalChain) -> None:
    """In one call an earlier step warms what a transaction of its own finds cold."""
    deploy(front, "play", "PlayToken", 6, packed("f(string)", "PLAY")[4:])
    send(front, "deployer", "play", "setMode(uint256)", TOKEN_MODES.index("expensive"))
    relist(front, "market_proxy", "play", 440)
    send(front, "buyer", "play", "faucet(uint256)", 10**9)
    send(front, "buyer", "play", "approve(address,uint256)", front.contracts["market_proxy"].address, 5)
    plan = planned(front, pins_of(front, "market_proxy", "play"), without_simulate)
    assert plan.approvals == (2200,)
    carry_out_by_hand(front, plan)


def test_a_reset_first_costs_no_more_than_planned_by_the_executor(quick: LocalChain) -> None:
    deploy(quick, "play", "PlayToken", 6, packed("f(string)", "PLAY")[4:])
    send(quick, "deployer", "play", "setMode(uint256)", TOKEN_MODES.index("reset_first_says_no"))
    relist(quick, "market", "play", 440)
    send(quick, "buyer", "play", "faucet(uint256)", 10**9)
    send(quick, "buyer", "play", "approve(address,uint256)", quick.contracts["market"].address, 5)
    for edit in (without_simulate, None):
        plan = planned(quick, pins_of(quick, "market", "play"), edit)
        assert plan.approvals == (0, 2200), "it says no instead of reverting"
    carry_out_by_hand(quick, planned(quick, pins_of(quick, "market", "play"), without_simulate))


def test_facts_are_what_stands_on_the_chain(front: LocalChain) -> None:
    account = front.accounts["buyer"].address
    front.transact("buyer", "payment", "approve", front.contracts["market"].address, 9)
    plan = planned(front)
    block = front.request("eth_getBlockByNumber", "latest", False)
    assert plan.facts == {
        "block": int(block["number"], 16),
        "currency": {"symbol": "SUSD", "balance": str(10**12), "allowance": "9"},
        "token": {"symbol": "HOUSE", "balance": "0", "allowance": "0"},
        "listing": {"price": "440", "left": "1000000", "minbuycount": "1", "maxbuycount": "100"},
        "offered_fee_per_gas": plan.facts["offered_fee_per_gas"],
    }
    assert int(plan.facts["offered_fee_per_gas"]) >= int(block["baseFeePerGas"], 16)
    assert plan.account == Address(account)
    assert (plan.valid_until, plan.name, plan.token_decimals, plan.kind) == (NOW + 1800, NAME, 18, "purchase")
    assert plan.caps.max_fee_per_gas == 3 * int(plan.facts["offered_fee_per_gas"])
    assert plan.caps.max_fee == plan.caps.max_fee_per_gas * (sum(step.gas for step in plan.steps) + 120_000)
    assert plan.caps.max_total == 1000 * 10**6
    assert (plan.pins.currency.decimals, plan.pins.units) == (6, Units(1, 10**18))


def test_each_plan_has_a_name_of_its_own(quick: LocalChain) -> None:
    one, two = planned(quick, name=None), planned(quick, name=None)
    assert one.name != two.name
    assert one.hash != two.hash
    assert replace(one, name=two.name) == two


def test_a_market_without_views_for_the_user_is_simulated_all_the_same(quick: LocalChain) -> None:
    hostile(quick, "views_revert")
    assert planned(quick, play_pins(quick), max_total=10).simulated


# -- What the user asks wrongly -----------------------------------------------------------------------------------------------------

WRONG_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"quantity": 0}, "quantity"),
    ({"quantity": -1}, "quantity"),
    ({"quantity": 2**256}, "quantity"),
    ({"quantity": True}, "quantity"),
    ({"quantity": 5.0}, "quantity"),
    ({"quantity": "5"}, "quantity"),
    ({"max_total": 1.5}, "max_total"),
    ({"max_total": Decimal("0.0000001")}, "max_total"),
    ({"max_total": Decimal("NaN")}, "max_total"),
    ({"max_total": -1}, "max_total"),
    ({"max_total": 10**77}, "max_total"),
    ({"buyer": "0x" + "00" * 20}, "buyer"),
    ({"buyer": "0x12"}, "buyer"),
    ({"buyer": None}, "buyer"),
    ({"now": float("nan")}, "now"),
    ({"now": float("inf")}, "now"),
    ({"now": -1}, "now"),
    ({"now": True}, "now"),
    ({"now": "1800000000"}, "now"),
    ({"name": "short"}, "plan.name"),
    ({"name": "ABCDEF0123456789"}, "plan.name"),
    ({"name": "0123456789abcde\u00e9"}, "plan.name"),
    ({"name": 7}, "plan.name"),
]


@pytest.mark.parametrize(("changes", "path"), WRONG_ARGUMENTS, ids=str)
def test_arguments_of_the_wrong_form(start: Start, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        planned(start("eth-tester"), **changes)
    assert caught.value.path == path


@pytest.mark.parametrize("member", ["chain_id", "marketplace", "currency"])
def test_a_target_of_other_pins(start: Start, member: str) -> None:
    local = start("eth-tester")
    pins = pins_of(local)
    change: dict[str, Any] = {member: 97 if member == "chain_id" else Address("0x" + "11" * 20)}
    other = replace(target_of(local, pins), **change)
    with Watched(local) as node, pytest.raises(PlanMismatch) as caught:
        run(plan_purchase(other, pins, buyer=local.accounts["buyer"].address, quantity=1, max_total=1, now=NOW), node)
    assert caught.value.what == f"target.{member}"
    assert node.rounds == []


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_for": 0},
        {"valid_for": 30 * 86_400 + 1},
        {"valid_for": 1.5},
        {"max_fee_per_gas": 0},
        {"max_fee_per_gas": 2**96},
        {"max_fee_per_gas": True},
        {"max_fee": 1.5},
        {"max_fee": Decimal("1e-19")},
        {"max_fee": Decimal(-1)},
    ],
    ids=str,
)
def test_limits_of_the_wrong_form(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Limits(**changes)
    assert caught.value.path == next(iter(changes))


# -- What the chain does not allow --------------------------------------------------------------------------------------------------


def refused(chain: LocalChain, pins: Pins | None = None, edit: Edit | None = None, **changes: Any) -> OrdersealError:
    """Plan, and give the error; it is a sentence for a terminal, and nothing was sent."""
    with Watched(chain, edit) as node, pytest.raises(OrdersealError) as caught:
        run(buying(chain, pins or pins_of(chain), **changes), node)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 700
    assert len(node.rounds) <= 3
    methods = {method for asked in node.rounds for method in asked}
    assert not methods & {"eth_sendRawTransaction", "eth_sendTransaction"}
    return caught.value


def rule(chain: LocalChain, **changes: Any) -> tuple[str, str]:
    error = refused(chain, **changes)
    assert type(error) is RuleViolation
    return error.rule, str(error)


def test_too_little_money(front: LocalChain) -> None:
    front.transact("buyer", "payment", "transfer", front.accounts["other"].address, 10**12 - 2199)
    name, text = rule(front)
    assert name == "balance"
    assert "0.002199 SUSD" in text
    assert "0.0022" in text
    front.transact("other", "payment", "transfer", front.accounts["buyer"].address, 1)
    assert planned(front).expected.leaves == 2200


def test_paused(quick: LocalChain) -> None:
    quick.transact("deployer", "guard", "setPaused", quick.contracts["house"].address, True)
    assert rule(quick)[0] == "quantity"  # viewCanHaveMaxAmount says 0


def test_blocked(quick: LocalChain) -> None:
    quick.transact("deployer", "guard", "setBlocked", quick.accounts["buyer"].address, True)
    assert rule(quick) == ("quantity", "5 is more than this account may have, 0 (viewCanHaveMaxAmount)")
    assert planned(quick, buyer=quick.accounts["taker"].address).expected.leaves == 2200


def test_delisted(quick: LocalChain) -> None:
    quick.transact("seller", "market", "delist", quick.contracts["house"].address)
    assert rule(quick)[0] == "not_listed"
    assert refused(quick, house="stock").args[0].startswith("the marketplace lists no token")


def test_without_a_price(quick: LocalChain) -> None:
    hostile(quick, "honest")
    relist_play(quick, 0)
    assert refused(quick, play_pins(quick)).args == ("the listing has no price",)


def test_quantities(front: LocalChain) -> None:
    relist(front, "market", "payment", 440, 50, 5, 60)
    assert rule(front, quantity=4) == ("quantity", "4 is below the listing's minbuycount, 5")
    assert rule(front, quantity=61) == ("quantity", "61 is above the listing's maxbuycount, 60")
    assert rule(front, quantity=51) == ("quantity", "51 is more than what is left, 50")
    assert rule(front, quantity=9, least=10) == ("quantity", "9 is below the platform's min_purchase_limit, 10")
    assert rule(front, quantity=9, most=8) == ("quantity", "9 is above the platform's max_purchase_limit, 8")
    for quantity in (5, 50):
        assert planned(front, quantity=quantity, least=quantity, most=quantity).simulated
    carry_out_by_hand(front, planned(front, quantity=45))
    assert rule(front, quantity=6) == ("quantity", "6 is more than what is left, 5")
    relist(front, "market", "payment", 440, 1000, 1, 60)
    carry_out_by_hand(front, planned(front, quantity=59))
    assert rule(front, quantity=2) == ("quantity", "2 is more than this account may have, 1 (viewCanHaveMaxAmount)")


def test_the_market_says_no(quick: LocalChain) -> None:
    hostile(quick, "says_no")
    assert rule(quick, pins=play_pins(quick))[0] == "not_allowed"


def test_the_sum_is_too_low(quick: LocalChain) -> None:
    assert rule(quick, max_total=Decimal("0.002199")) == ("max_total", "the purchase costs 0.0022 SUSD, and at most 0.002199 are allowed")
    assert planned(quick, max_total=Decimal("0.0022")).caps.max_total == 2200
    assert rule(quick, max_total=0)[0] == "max_total"


def test_a_price_beyond_all_numbers(quick: LocalChain) -> None:
    hostile(quick, "honest")
    relist_play(quick, MOST)
    error = refused(quick, play_pins(quick))
    assert isinstance(error, InvalidInput)
    assert error.path == "total"


@pytest.mark.parametrize("edit", [None, without_simulate], ids=["simulate", "executor"])
def test_the_units_are_misunderstood(quick: LocalChain, edit: Edit | None) -> None:
    """The contract counts in base units, and the pins say whole tokens: found by the simulation, with numbers and a hint."""
    relist(quick, "market_base_units", "payment", 440, 10**24, 1, 10**24)
    error = refused(quick, pins_of(quick, "market_base_units", units=None), edit)
    assert isinstance(error, PlanMismatch)
    assert (error.what, error.expected, error.actual) == ("simulation: what leaves", "2200 base units", "1")
    assert "units in the pins" in str(error)


@pytest.mark.parametrize("edit", [None, without_simulate], ids=["simulate", "executor"])
def test_the_units_are_misunderstood_the_other_way(quick: LocalChain, edit: Edit | None) -> None:
    error = refused(quick, pins_of(quick, units=Units(1, 1)), edit)
    assert isinstance(error, PlanMismatch)
    assert (error.what, error.expected, error.actual) == ("simulation: what arrives", "5 base units", str(5 * 10**18))


@pytest.mark.parametrize("edit", [None, without_simulate], ids=["simulate", "executor"])
def test_a_currency_that_keeps_a_fee(quick: LocalChain, edit: Edit | None) -> None:
    relist(quick, "market", "fee_token", 1_000_000)
    error = refused(quick, pins_of(quick, "market", "fee_token"), edit)
    assert isinstance(error, PlanMismatch)
    assert (error.what, error.expected, error.actual) == ("simulation: what a payment delivers", "5000000 base units", "4950000")


@pytest.mark.parametrize("edit", [None, without_simulate], ids=["simulate", "executor"])
def test_a_house_token_that_keeps_a_fee(quick: LocalChain, edit: Edit | None) -> None:
    quick.transact("seller", "fee_token", "faucet", 10**30)
    relist(quick, "market", "payment", 440, house="fee_token")
    pins = pins_of(quick, units=Units(1, 10**18))
    error = refused(quick, pins, edit, house="fee_token")
    assert isinstance(error, PlanMismatch)
    assert (error.what, error.actual) == ("simulation: what arrives", str(5 * 10**18 * 99 // 100))


@pytest.mark.parametrize("digits", [78, 255, 256, MOST])
def test_more_decimals_than_can_be_written(quick: LocalChain, digits: int) -> None:
    deploy(quick, "play", "PlayToken", digits, packed("f(string)", "PLAY")[4:])
    relist(quick, "market", "play", 440)
    error = refused(quick, pins_of(quick, "market", "play"))
    assert isinstance(error, PlanMismatch)
    assert error.what == f"the currency {quick.contracts['play'].address}: decimals()"
    # Solidity itself reverts where 256 and more are read as a uint8.
    assert error.expected == ("at most 77" if digits < 256 else "its documented result")


@pytest.mark.parametrize("digits", [0, 77])
def test_tokens_without_decimals_and_with_many(quick: LocalChain, digits: int) -> None:
    deploy(quick, "play", "PlayToken", digits, packed("f(string)", "PLAY")[4:])
    send(quick, "seller", "play", "faucet(uint256)", 10**77 if digits else 10**24)
    hostile(quick, "honest", unit=10**digits, house="play")
    plan = planned(quick, play_pins(quick), house="play", quantity=1, max_total=10)
    assert (plan.token_decimals, plan.expected.arrives) == (digits, 10**digits)
    carry_out_by_hand(quick, plan)
    assert view(quick, quick.contracts["play"].address, "balanceOf(address)", quick.accounts["buyer"].address) == 10**digits


def test_other_decimals_than_pinned(quick: LocalChain) -> None:
    pins = pins_of(quick)
    wrong = replace(pins, currency=replace(pins.currency, decimals=18))
    error = refused(quick, wrong)
    assert isinstance(error, PlanMismatch)
    assert (error.what, error.expected, error.actual) == ("currency.decimals", "18, as pinned", "6")


@pytest.mark.parametrize("what", ["marketplace", "currency", "token"])
def test_no_contract_there(quick: LocalChain, what: str) -> None:
    pins, nobody = pins_of(quick), Address("0x" + "77" * 20)
    other = Hash32("0x" + "ab" * 32)
    if what == "marketplace":
        pins = replace(pins, marketplace=PinnedMarketplace(nobody, other))
    elif what == "currency":
        pins = replace(pins, currency=PinnedCurrency(nobody, decimals=6))
    target = replace(target_of(quick, pins), house_token=nobody) if what == "token" else target_of(quick, pins)
    with Watched(quick) as node, pytest.raises(PlanMismatch) as caught:
        run(plan_purchase(target, pins, buyer=quick.accounts["buyer"].address, quantity=5, max_total=10, now=NOW), node)
    assert str(nobody) in str(caught.value) or what == "marketplace"
    assert "no" in str(caught.value)


def test_other_code_than_pinned(quick: LocalChain) -> None:
    for market in ("market", "market_proxy", "market_diamond"):
        pins = pins_of(quick, market)
        quick.request("anvil_setCode", quick.contracts[market].address, "0x6001600055")
        assert isinstance(refused(quick, pins), PlanMismatch)


def test_a_proxy_that_was_upgraded_and_a_facet_that_was_replaced(front: LocalChain) -> None:
    proxy, diamond = pins_of(front, "market_proxy"), pins_of(front, "market_diamond")
    assert planned(front, proxy).simulated
    assert planned(front, diamond).simulated
    other = deploy(front, "play_market", "PlayMarket", 10**18)
    front.transact("deployer", "market_proxy", "upgradeTo", other)
    error = refused(front, proxy)
    assert isinstance(error, PlanMismatch)
    assert (error.what, error.actual) == ("marketplace.implementation.address", other)
    front.transact("deployer", "market_diamond", "setFacet", [Buy.abi.selector], other)
    error = refused(front, diamond)
    assert isinstance(error, PlanMismatch)
    assert (error.what, error.actual) == ("marketplace.facet.address", other)
    for market in ("market_proxy", "market_diamond"):
        shell = pinned(front, market)
        assert isinstance(
            refused(front, pins_of(front, market, marketplace=PinnedMarketplace(shell.address, shell.code_hash))), PlanMismatch
        )


def test_code_behind_a_proxy_that_changed_in_place(quick: LocalChain) -> None:
    for market in ("market_proxy", "market_diamond"):
        pins = pins_of(quick, market)
        shell = pins.marketplace
        wrong = PinnedCode(Address(quick.contracts["market"].address), Hash32("0x" + "cd" * 32))
        behind = {"implementation": wrong} if market == "market_proxy" else {"facet": wrong}
        error = refused(quick, replace(pins, marketplace=PinnedMarketplace(shell.address, shell.code_hash, **behind)))
        assert isinstance(error, PlanMismatch)
        assert error.what.endswith("code_hash")


def test_the_wrong_chain(start: Start) -> None:
    local, other = start("eth-tester"), start("eth-tester", 97)
    with pytest.raises(WrongChain) as caught:
        planned(other, pins_of(local))
    assert (caught.value.expected, caught.value.actual) == (17000, 97)


@pytest.mark.parametrize("direction", ["says the right one", "says another"])
def test_a_node_that_lies_about_its_chain(start: Start, direction: str) -> None:
    local, other = start("eth-tester"), start("eth-tester", 97)
    said = {"says the right one": hex(17000), "says another": hex(97)}[direction]

    def lie(_round: int, calls: Sequence[Rpc], answers: list[Answer]) -> list[Answer]:
        return [said if call.method == "eth_chainId" else answer for call, answer in zip(calls, answers, strict=True)]

    behind = other if direction == "says the right one" else local
    with pytest.raises(WrongChain) as caught:
        planned(behind, pins_of(local), lie)
    assert (caught.value.expected, caught.value.actual) == (17000, 97)


def test_a_currency_of_the_listing_that_is_not_pinned(quick: LocalChain) -> None:
    relist(quick, "market", "usdt_like", 440)
    error = refused(quick)
    assert isinstance(error, PlanMismatch)
    assert error.what == "viewListing: paymentToken"


def test_a_token_that_is_not_pinned(quick: LocalChain) -> None:
    pins = pins_of(quick, tokens=(Address(quick.contracts["stock"].address),))
    error = refused(quick, pins)
    assert isinstance(error, PlanMismatch)
    assert error.expected == "a token of the pins"


# -- Fees ---------------------------------------------------------------------------------------------------------------------------


def dearer(factor: int) -> Edit:
    """A node on whose chain gas costs so many times as much."""

    def edit(_round: int, calls: Sequence[Rpc], answers: list[Answer]) -> list[Answer]:
        changed: list[Answer] = []
        for call, answer in zip(calls, answers, strict=True):
            if call.method == "eth_getBlockByNumber":
                changed.append(answer | {"baseFeePerGas": hex(int(answer["baseFeePerGas"], 16) * factor)})
            elif call.method == "eth_feeHistory":
                fees = [hex(int(fee, 16) * factor) for fee in answer["baseFeePerGas"]]
                changed.append(answer | {"baseFeePerGas": fees})
            else:
                changed.append(answer)
        return changed

    return edit


def test_fees_beyond_the_cap(front: LocalChain) -> None:
    free = planned(front)
    offered, gas = int(free.facts["offered_fee_per_gas"]), free.gas
    exact = Limits(max_fee=Decimal(offered * gas).scaleb(-18))
    plan = planned(front, limits=exact)
    assert (plan.caps.max_fee, plan.caps.max_fee_per_gas) == (offered * gas, offered)
    for limits in (Limits(max_fee=Decimal(offered * gas - 1).scaleb(-18)), Limits(max_fee_per_gas=offered - 1)):
        name, text = rule(front, limits=limits)
        assert name == "fee_cap"
        assert "gwei" in text
    assert planned(front, limits=Limits(max_fee_per_gas=offered)).caps.max_fee == offered * gas
    assert rule(front, edit=dearer(100), limits=exact)[0] == "fee_cap"
    both = Limits(max_fee=Decimal(1), max_fee_per_gas=offered + 5)
    assert planned(front, limits=both).caps.max_fee_per_gas == offered + 5
    assert planned(front, limits=both).caps.max_fee == 10**18


def test_no_coins_for_gas(quick: LocalChain) -> None:
    free = planned(quick)
    needed = int(free.facts["offered_fee_per_gas"]) * free.gas
    assert planned(quick, edit=instead(1, 1, hex(needed))).simulated
    name, text = rule(quick, edit=instead(1, 1, hex(needed - 1)))
    assert name == "coins"
    assert f"{Decimal(needed).scaleb(-18).normalize():f} may be needed" in text
    quick.request("anvil_setBalance", quick.accounts["buyer"].address, "0x0")
    name, text = rule(quick)
    assert name == "coins"
    assert "has 0 coins" in text


def test_gas_beyond_any_block(quick: LocalChain) -> None:
    """A node that wants so much gas that the plan could not be written down."""

    def greedy(_round: int, calls: Sequence[Rpc], answers: list[Answer]) -> list[Answer]:
        for call, answer in zip(calls, answers, strict=True):
            if call.method == "eth_simulateV1":
                for ran in answer[0]["calls"]:
                    ran["gasUsed"] = ran["maxUsedGas"] = hex(2**32)
        return answers

    error = refused(quick, edit=greedy)
    assert isinstance(error, PlanMismatch)
    assert error.what == "simulation: gas"


# -- A stranger's words -------------------------------------------------------------------------------------------------------------

SYMBOLS: list[tuple[str, bytes, str]] = [
    ("bytes32", b"MKR" + bytes(29), "MKR"),
    ("nothing", b"", ""),
    ("escapes", packed("f(string)", "\x1b[2J\nUSDT\u202e\x00")[4:], "\\x1b[2J\\nUSDT\\u202e"),
    ("ten thousand", packed("f(string)", "A" * 10_000)[4:], ""),
    ("eight thousand", packed("f(string)", "B" * 8000)[4:], "B" * 20 + "… (8000 characters)"),
    ("invalid UTF-8", packed("f(bytes)", b"A\xff\xfe")[4:], "A\ufffd\ufffd"),
    ("invalid bytes32", b"\xff" * 32, ""),
    ("beyond its end", bytes(31) + b"\x20" + b"\xff" * 32, ""),
    ("odd length", b"\x01\x02\x03", ""),
]


@pytest.mark.parametrize(("raw", "shown"), [case[1:] for case in SYMBOLS], ids=[case[0] for case in SYMBOLS])
def test_hostile_symbols(quick: LocalChain, raw: bytes, shown: str) -> None:
    deploy(quick, "play", "PlayToken", 6, raw)
    relist(quick, "market", "play", 440)
    send(quick, "buyer", "play", "faucet(uint256)", 10**9)
    plan = planned(quick, pins_of(quick, "market", "play"))
    symbol = plan.facts["currency"]["symbol"]
    assert symbol.startswith(shown)
    assert symbol.isprintable()
    assert len(symbol) < 200
    assert (symbol == "") is (shown == "")
    assert Plan.parse(json.dumps(plan.to_json())).facts == plan.facts
    assert rule(quick, pins=pins_of(quick, "market", "play"), max_total=0)[0] == "max_total"


def test_the_longest_symbol_that_is_kept(quick: LocalChain) -> None:
    assert len(packed("f(string)", "B" * 8000)) <= MOST_RETURNED < len(packed("f(string)", "A" * 10_000))


# -- Contracts that mean harm -------------------------------------------------------------------------------------------------------


def hostile(chain: LocalChain, mode: str, *, other: str | None = None, unit: int = 10**18, house: str = "house") -> None:
    """Deploy the marketplace that misbehaves, with the house token on offer for 440 of the payment token."""
    at = deploy(chain, "play_market", "PlayMarket", unit)
    chain.send("seller", to=chain.contracts[house].address, data="0x" + packed("approve(address,uint256)", at, MOST).hex())
    relist_play(chain, 440, house)
    named = chain.contracts[other or "stock"].address
    send(chain, "deployer", "play_market", "setMode(uint256,address)", MARKET_MODES.index(mode), named)


def relist_play(chain: LocalChain, price: int, house: str = "house", currency: str = "payment") -> None:
    signature = "list(address,address,uint256,uint256,uint256,uint256)"
    tokens = [chain.contracts[name].address for name in (house, currency)]
    send(chain, "seller", "play_market", signature, *tokens, price, 10**6, 1, 10**6)


def play_pins(chain: LocalChain, currency: str = "payment") -> Pins:
    return pins_of(chain, "play_market", currency)


HARMFUL_MARKETS: list[tuple[str, str]] = [
    ("takes_another_token", "to leave"),
    ("delivers_less", "what arrives"),
    ("delivers_more", "what arrives"),
    ("takes_less", "what leaves"),
    ("no_event", "the event"),
    ("two_events", "the event"),
    ("wrong_count", "ListingBuyEvent.count"),
    ("wrong_price", "ListingBuyEvent.price"),
    ("wrong_user", "ListingBuyEvent.user"),
    ("wrong_payment", "ListingBuyEvent.payment"),
    ("wrong_house", "ListingBuyEvent.house"),
    ("takes_twice", "reverted"),
    ("reenters", "reverted"),
    ("burns_gas", "reverted"),
    ("robs_codeless", "what arrives"),
    ("answers_short", "viewListing"),
    ("other_token_listed", "viewListing: token"),
]


@pytest.mark.parametrize(("mode", "complaint"), HARMFUL_MARKETS, ids=[case[0] for case in HARMFUL_MARKETS])
def test_a_harmful_market_is_refused(quick: LocalChain, mode: str, complaint: str) -> None:
    hostile(quick, mode, other="payment18")
    # The victim has allowed it everything of this token, and some of another.
    market = quick.contracts["play_market"].address
    quick.transact("buyer", "payment", "approve", market, MOST)
    if mode == "takes_another_token":
        quick.transact("buyer", "payment18", "faucet", 1000)
        quick.transact("buyer", "payment18", "approve", market, 1000)
    error = refused(quick, play_pins(quick))
    assert isinstance(error, PlanMismatch | Reverted)
    assert complaint in str(error)


SEEN_WITHOUT_LOGS = [
    "delivers_less",
    "delivers_more",
    "takes_less",
    "takes_twice",
    "reenters",
    "burns_gas",
    "robs_coded",
    "answers_short",
    "other_token_listed",
]


@pytest.mark.parametrize("mode", SEEN_WITHOUT_LOGS)
def test_a_harmful_market_is_refused_without_logs(quick: LocalChain, mode: str) -> None:
    hostile(quick, mode)
    error = refused(quick, play_pins(quick), without_simulate)
    assert isinstance(error, PlanMismatch | Reverted)


@pytest.mark.parametrize("mode", ["honest", *[mode for mode in TOKEN_MODES if mode.startswith("reset_first")]])
def test_the_contracts_for_harm_do_none_by_themselves(quick: LocalChain, mode: str) -> None:
    hostile_token(quick, mode)
    carry_out_by_hand(quick, planned(quick, pins_of(quick, "market", "play")))


def hostile_token(chain: LocalChain, mode: str) -> None:
    deploy(chain, "play", "PlayToken", 6, packed("f(string)", "PLAY")[4:])
    relist(chain, "market", "play", 440)
    send(chain, "buyer", "play", "faucet(uint256)", 10**9)
    send(chain, "deployer", "play", "setMode(uint256)", TOKEN_MODES.index(mode))


HARMFUL_TOKENS: list[tuple[str, str, bool]] = [
    ("fake_transfer", "what leaves", False),
    ("approves_a_thief", "no other approval", False),
    ("silent", "what leaves", False),
    ("nft_transfer", "transfers as ERC-20 has them", False),
    ("nft_approval", "approvals as ERC-20 has them", False),
    ("moves_1155", "no NFT", False),
    ("approves_1155", "no NFT", False),
    ("approves_nothing", "reverted", True),
    ("approves_all", "the allowance afterwards", True),
    ("says_no", "the token says that it failed", True),
    ("fixed_balance", "what", True),
    ("balance_reverts_later", "expected a number", True),
    ("burns_gas", "", True),
]


@pytest.mark.parametrize(("mode", "complaint", "_logs"), HARMFUL_TOKENS, ids=[case[0] for case in HARMFUL_TOKENS])
def test_a_harmful_currency_is_refused(quick: LocalChain, mode: str, complaint: str, _logs: bool) -> None:
    hostile_token(quick, mode)
    error = refused(quick, pins_of(quick, "market", "play"))
    assert isinstance(error, PlanMismatch | Reverted | NodeError | RuleViolation)
    assert complaint in str(error)


@pytest.mark.parametrize("mode", [mode for mode, _complaint, without_logs in HARMFUL_TOKENS if without_logs])
def test_a_harmful_currency_is_refused_without_logs(quick: LocalChain, mode: str) -> None:
    hostile_token(quick, mode)
    assert isinstance(
        refused(quick, pins_of(quick, "market", "play"), without_simulate), PlanMismatch | Reverted | NodeError | RuleViolation
    )


def test_an_approval_that_adds_is_refused(quick: LocalChain) -> None:
    hostile_token(quick, "adds")
    send(quick, "buyer", "play", "approve(address,uint256)", quick.contracts["market"].address, 7)
    assert "the allowance afterwards" in str(refused(quick, pins_of(quick, "market", "play")))


# -- What cannot be caught, and what it may cost ------------------------------------------------------------------------------------


@pytest.mark.parametrize("standing", [0, MOST], ids=["nothing allowed", "all allowed"])
def test_a_market_that_takes_all_that_is_allowed_gets_the_total(quick: LocalChain, standing: int) -> None:
    hostile(quick, "takes_all_allowed")
    if standing:
        quick.transact("buyer", "payment", "approve", quick.contracts["play_market"].address, standing)
    plan, before = planned(quick, play_pins(quick)), holdings(quick, "play_market", "payment")
    assert plan.approvals == (2200,)
    carry_out_by_hand(quick, plan)
    after = holdings(quick, "play_market", "payment")
    assert (before.paid - after.paid, after.house - before.house, after.allowance) == (2200, 5 * 10**18, 0)


@pytest.mark.parametrize("mode", ["robs_where_gas_is_paid", "robs_codeless"])
def test_a_market_that_is_honest_in_simulations_gets_no_more_than_the_total(quick: LocalChain, mode: str) -> None:
    """Pinned code that sees the simulation: by the price of gas, or, in the executor's way, by the account's code."""
    hostile(quick, mode)
    quick.transact("buyer", "payment", "approve", quick.contracts["play_market"].address, MOST)
    plan = planned(quick, play_pins(quick), without_simulate if mode == "robs_codeless" else None)
    before = holdings(quick, "play_market", "payment")
    carry_out_by_hand(quick, plan)
    after = holdings(quick, "play_market", "payment")
    assert (before.paid - after.paid, after.house - before.house, after.allowance) == (2200, 0, 0)


def test_other_tokens_are_not_seen_without_logs(front: LocalChain) -> None:
    """In the executor's way only the two tokens of the plan are looked at: what a marketplace may take of others, it takes unseen."""
    hostile(front, "takes_another_token", other="payment18")
    front.transact("buyer", "payment18", "faucet", 1000)
    front.transact("buyer", "payment18", "approve", front.contracts["play_market"].address, 1000)
    assert planned(front, play_pins(front), without_simulate).simulated
    assert isinstance(refused(front, play_pins(front)), PlanMismatch)


def test_a_price_that_rises_after_the_plan_takes_nothing(quick: LocalChain) -> None:
    plan, before = planned(quick), holdings(quick, "market", "payment")
    quick.transact("seller", "market", "update", quick.contracts["house"].address, 441, 1, 100, 1000)
    approve, buy = plan.steps
    assert quick.send("buyer", to=str(approve.to), data="0x" + approve.data.hex(), gas=approve.gas)["status"] == "0x1"
    assert quick.send("buyer", to=str(buy.to), data="0x" + buy.data.hex(), gas=buy.gas)["status"] == "0x0"
    after = holdings(quick, "market", "payment")
    assert (after.paid, after.house, after.allowance) == (before.paid, before.house, 2200)


# -- Nodes that answer nonsense -----------------------------------------------------------------------------------------------------

GARBAGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**60,
    "",
    "0x",
    "0x0",
    "0x1",
    "0x01",
    "0x" + "ff" * 32,
    "0x" + "00" * 32,
    "0x" + "ff" * 33,
    "0x" + "00" * 5000,
    "\x1b[31m" * 200,
    [],
    [None],
    [[]],
    [{}],
    {},
    {"calls": []},
    [{"calls": []}],
    [{"calls": [None] * 7}],
    [{"calls": [{"status": "0x1", "gasUsed": "0x1", "returnData": "0x", "logs": []}] * 7}],
    [{"calls": [{"status": "0x1", "gasUsed": "0x1", "returnData": "0x" + "00" * 32, "logs": []}] * 7}],
    [{"calls": [{"status": "0x0", "gasUsed": "0x1", "returnData": "0x", "error": {"data": "0xzz"}}] * 7}],
    [{"calls": [{"status": "0x1", "gasUsed": "0x1", "returnData": "0x", "logs": [{}]}] * 7}],
    [{"calls": [{"status": "0x1", "gasUsed": "0x1", "returnData": "0x", "logs": [{}] * 1001}] * 7}],
    {"baseFeePerGas": "0x" + "f" * 60},
    {"baseFeePerGas": [], "reward": []},
    {"baseFeePerGas": ["0x1"] * 9, "reward": [["0x1"]]},
    NodeError("refused [code -32000]", code=-32000, data=b"\x08\xc3\x79\xa0"),
]


class Remembering(Watched):
    """A node that gives the same answer to the same question without asking again."""

    def __init__(self, chain: LocalChain, memory: dict[str, Answer], edit: Edit | None = None) -> None:
        super().__init__(chain, edit)
        self.memory = memory

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        keys = [json.dumps([call.method, call.params]) for call in calls]
        self.rounds.append([call.method for call in calls])
        missing = [call for key, call in zip(keys, calls, strict=True) if key not in self.memory]
        if missing:
            found = iter(self.inner.ask(missing))
            self.memory.update({key: next(found) for key in keys if key not in self.memory})
        answers = [self.memory[key] for key in keys]
        return answers if self.edit is None else self.edit(len(self.rounds), calls, answers)


def instead(number: int, place: int, what: Answer, before: Edit | None = None) -> Edit:
    """Give one answer of one round trip something else."""

    def edit(round_: int, calls: Sequence[Rpc], answers: list[Answer]) -> list[Answer]:
        kept = before(round_, calls, answers) if before else answers
        return [what if (round_, at) == (number, place) else answer for at, answer in enumerate(kept)]

    return edit


@pytest.mark.parametrize("way", ["simulate", "executor"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_nonsense_for_any_single_answer(front: LocalChain, number: int, way: str) -> None:
    """Nothing but our own errors, and never another purchase: where a plan comes out, it is the honest one but for fees and facts."""
    front.transact("buyer", "payment", "approve", front.contracts["market"].address, 7)
    base, memory = (None if way == "simulate" else without_simulate), dict[str, Answer]()
    pins = pins_of(front)
    with Remembering(front, memory, base) as node:
        honest = run(buying(front, pins), node)
        if number > len(node.rounds):
            return
        places = range(len(node.rounds[number - 1]))
        made = 0
        for place in places:
            for what in GARBAGE:
                node.rounds.clear()
                node.edit = instead(number, place, what, base)
                try:
                    plan = run(buying(front, pins), node)
                except OrdersealError as error:
                    assert str(error).isprintable()  # noqa: PT017
                    continue
                finally:
                    assert len(node.rounds) <= 3
                made += 1
                assert (plan.call, plan.expected, plan.pins, plan.account) == (honest.call, honest.expected, honest.pins, honest.account)
                assert plan.caps.max_total == honest.caps.max_total
                assert plan.approvals in ((2200,), (0, 2200))
                if (plan.simulation, plan.approvals) == (honest.simulation, honest.approvals):
                    assert plan.steps == honest.steps
        assert made, "of the fees' four answers three may be missing, and so may either way of simulating"


@pytest.mark.parametrize("count", [0, 1, 10, 12, 30])
def test_nonsense_within_the_reads(front: LocalChain, count: int) -> None:
    """Each word of the executor's answer turned: other numbers may lead to an error, and never to another call."""
    memory: dict[str, Answer] = {}
    pins = pins_of(front)
    with Remembering(front, memory) as node:
        honest = run(buying(front, pins), node)
        (answer,) = [value for key, value in memory.items() if '["eth_call"' in key]
        for at in range(2 + 64 * count, min(2 + 64 * (count + 8), len(answer)), 64):
            for word in ("00" * 32, "ff" * 32, "00" * 31 + "01"):
                changed = answer[:at] + word + answer[at + 64 :]
                node.edit = instead(1, 6, changed)
                try:
                    plan = run(buying(front, pins), node)
                except OrdersealError:
                    continue
                assert (plan.call, plan.expected, plan.pins) == (honest.call, honest.expected, honest.pins)


def test_a_node_that_fails_as_a_whole(quick: LocalChain) -> None:
    for number in (1, 2):

        def fail(round_: int, _calls: Sequence[Rpc], answers: list[Answer], number: int = number) -> list[Answer]:
            if round_ == number:
                raise NodeError("the node: no answer")
            return answers

        assert isinstance(refused(quick, edit=fail), NodeError)


# -- Selling ------------------------------------------------------------------------------------------------------------------------


def selling(chain: LocalChain, kind: str, market: str = "market", edit: Edit | None = None, **changes: Any) -> Plan:
    given: dict[str, Any] = {
        "seller": chain.accounts["seller"].address,
        "token": chain.contracts["house"].address,
        "now": NOW,
        "name": NAME,
    }
    if kind != "delist":
        given |= {"price": 450, "amount": 1000, "min_count": 2, "max_count": 90}
    dialogues: dict[str, Any] = {"list": plan_listing, "update": plan_update, "delist": plan_delisting}
    with Watched(chain, edit) as node:
        plan: Plan = run(dialogues[kind](pins_of(chain, market), **(given | changes)), node)
    assert len(node.rounds) == (2 if edit is None else 3)
    assert Plan.parse(json.dumps(plan.to_json())) == plan
    return plan


def listed(chain: LocalChain, market: str = "market") -> tuple[Any, ...]:
    found: tuple[Any, ...] = chain.call(market, "viewListing", chain.contracts["house"].address, artifact="Marketplace")
    return found[2:]


@pytest.mark.parametrize("way", [None, without_simulate, without_overrides], ids=["simulate", "executor", "neither"])
@pytest.mark.parametrize("market", ["market", "market_proxy", "market_diamond"])
def test_selling_by_hand(quick: LocalChain, market: str, way: Edit | None) -> None:
    delisting = selling(quick, "delist", market, way)
    assert [delisting.what(index) for index in range(len(delisting.steps))] == ["delist", "approve"]
    assert (delisting.approvals, delisting.caps.max_total) == ((0,), 0)
    before = holdings(quick, market, "house", role="seller")
    assert before.allowance == 10**24
    receipts = carry_out_by_hand(quick, delisting, "seller")
    check_logs(delisting, [RawLog.of(log) for log in receipts[0]["logs"]], "receipt")
    assert listed(quick, market) == (0, 0, 0, 0)
    assert holdings(quick, market, "house", role="seller").allowance == 0

    listing = selling(quick, "list", market, way)
    assert listing.approvals == (1000 * 10**18,)
    assert (listing.expected.leaves, listing.expected.allowance, listing.expected.price) == (0, 1000 * 10**18, 450)
    receipts = carry_out_by_hand(quick, listing, "seller")
    check_logs(listing, [RawLog.of(log) for log in receipts[-1]["logs"]], "receipt")
    assert listed(quick, market) == (450, 1000, 2, 90)
    after = holdings(quick, market, "house", role="seller")
    assert (after.house, after.allowance) == (before.house, 1000 * 10**18)

    update = selling(quick, "update", market, way, price=460, amount=50, min_count=1, max_count=9)
    assert update.approvals == ((50 * 10**18,) if way is not without_overrides else (0, 50 * 10**18))
    receipts = carry_out_by_hand(quick, update, "seller")
    check_logs(update, [RawLog.of(log) for log in receipts[-1]["logs"]], "receipt")
    assert listed(quick, market) == (460, 50, 1, 9)
    assert holdings(quick, market, "house", role="seller").allowance == 50 * 10**18
    again = selling(quick, "update", market, way, price=470, amount=50, min_count=1, max_count=9)
    assert again.approvals == ()
    bought = planned(quick, pins_of(quick, market), quantity=9)
    carry_out_by_hand(quick, bought)
    assert holdings(quick, market, "payment").paid == 10**12 - 9 * 460
    assert selling(quick, "delist", market, way).approvals == (0,)


@pytest.mark.parametrize("way", [None, without_simulate], ids=["simulate", "executor"])
def test_a_marketplace_that_takes_the_tokens_at_once(quick: LocalChain, way: Edit | None) -> None:
    hostile(quick, "escrow")
    quick.transact("seller", "house", "approve", quick.contracts["play_market"].address, 0)
    before = holdings(quick, "play_market", "house", role="seller")
    plan = selling(quick, "list", "play_market", way)
    assert (plan.expected.leaves, plan.expected.allowance, plan.caps.max_total) == (1000 * 10**18, 0, 1000 * 10**18)
    receipts = carry_out_by_hand(quick, plan, "seller")
    check_logs(plan, [RawLog.of(log) for log in receipts[-1]["logs"]], "receipt")
    after = holdings(quick, "play_market", "house", role="seller")
    assert (before.house - after.house, after.allowance) == (1000 * 10**18, 0)
    delisting = selling(quick, "delist", "play_market", way)
    assert delisting.approvals == ()
    receipts = carry_out_by_hand(quick, delisting, "seller")
    check_logs(delisting, [RawLog.of(log) for log in receipts[-1]["logs"]], "receipt")
    assert holdings(quick, "play_market", "house", role="seller").house == before.house


@pytest.mark.parametrize("way", [None, without_simulate], ids=["simulate", "executor"])
@pytest.mark.parametrize(("kind", "mode"), [("delist", "takes_all_on_delist"), ("list", "takes_half_on_list")])
def test_a_market_that_takes_what_a_seller_offers(quick: LocalChain, kind: str, mode: str, way: Edit | None) -> None:
    hostile(quick, mode)
    quick.transact("seller", "house", "approve", quick.contracts["play_market"].address, 10**20)
    with pytest.raises(PlanMismatch, match="what leaves"):
        selling(quick, kind, "play_market", way)


@pytest.mark.parametrize("way", [None, without_simulate], ids=["simulate", "executor"])
def test_a_plan_is_rehearsed_before_it_is_sent(quick: LocalChain, way: Edit | None) -> None:
    """What the contracts do may have changed since the plan was made."""
    hostile(quick, "honest")
    send(quick, "deployer", "play_market", "setMode(uint256,address)", MARKET_MODES.index("escrow"), quick.contracts["stock"].address)
    quick.transact("seller", "house", "transfer", quick.contracts["play_market"].address, 10**24)
    quick.transact("seller", "house", "approve", quick.contracts["play_market"].address, 10**20)
    buying_plan, delisting = planned(quick, play_pins(quick)), selling(quick, "delist", "play_market")
    block = int(quick.request("eth_blockNumber"), 16)
    with Watched(quick, way) as node:
        assert run(rehearse(buying_plan, 0, block), node) is True
        assert run(rehearse(delisting, 0, block), node) is True, "what comes back to the seller is no loss"
        node.edit = without_overrides
        assert run(rehearse(delisting, 0, block), node) is False
    mode = MARKET_MODES.index("takes_all_on_delist")
    send(quick, "deployer", "play_market", "setMode(uint256,address)", mode, quick.contracts["stock"].address)
    block = int(quick.request("eth_blockNumber"), 16)
    with Watched(quick, way) as node, pytest.raises(PlanMismatch, match="what leaves"):
        run(rehearse(delisting, 0, block), node)


def test_a_listing_with_another_event(quick: LocalChain) -> None:
    hostile(quick, "wrong_count")
    with pytest.raises(PlanMismatch, match=r"ListEvent\.count"):
        selling(quick, "list", "play_market")


def test_what_cannot_be_sold(quick: LocalChain) -> None:
    with pytest.raises(Reverted, match="already listed"):
        selling(quick, "list")
    with pytest.raises(Reverted, match="not the seller"):
        selling(quick, "update", seller=quick.accounts["other"].address)
    with pytest.raises(Reverted, match="not the seller"):
        selling(quick, "delist", seller=quick.accounts["other"].address)
    stock = quick.contracts["stock"].address
    for kind in ("update", "delist"):
        with pytest.raises(RuleViolation) as caught:
            selling(quick, kind, token=stock)
        assert caught.value.rule == "not_listed"
    with pytest.raises(RuleViolation) as caught:
        selling(quick, "list", token=stock)
    assert caught.value.rule == "balance"
    pins, seller = pins_of(quick, "market", "usdt_like"), quick.accounts["seller"].address
    delisting = plan_delisting(pins, seller=seller, token=quick.contracts["house"].address, now=NOW)
    with Watched(quick) as node, pytest.raises(PlanMismatch, match="paymentToken"):
        run(delisting, node)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"price": 0}, "price"),
        ({"amount": 0}, "amount"),
        ({"amount": 1.0}, "amount"),
        ({"min_count": 0}, "min_count"),
        ({"min_count": 91}, "min_count"),
        ({"max_count": 2**256}, "max_count"),
        ({"seller": "0x" + "00" * 20}, "seller"),
        ({"token": "0x" + "00" * 20}, "token"),
        ({"token": "house"}, "token"),
        ({"now": float("inf")}, "now"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["list", "update", "delist"])
def test_sales_of_the_wrong_form(start: Start, kind: str, changes: dict[str, Any], path: str) -> None:
    if kind == "delist" and path not in ("seller", "token", "now"):
        return
    with pytest.raises(InvalidInput) as caught:
        selling(start("eth-tester"), kind, **changes)
    assert caught.value.path == path


@pytest.mark.parametrize("token", ["payment", "market"])
def test_the_currency_and_the_marketplace_are_not_sold(quick: LocalChain, token: str) -> None:
    with pytest.raises(OrdersealError):
        selling(quick, "list", token=quick.contracts[token].address, amount=1, min_count=1, max_count=1)


# -- Without a node -----------------------------------------------------------------------------------------------------------------


def offline(chain: LocalChain, **changes: Any) -> Plan:
    pins = changes.pop("pins", None) or pins_of(chain)
    target = changes.pop("target", None) or target_of(chain, pins, least=changes.pop("least", None), most=changes.pop("most", None))
    given = {
        "buyer": chain.accounts["buyer"].address,
        "quantity": 5,
        "max_total": Decimal("0.0022"),
        "price": 440,
        "currency_decimals": 6,
        "token_decimals": 18,
        "now": NOW,
        "limits": Limits(max_fee=Decimal("0.1")),
        "name": NAME,
    }
    return offline_purchase(target, pins, **{**given, **changes})


def test_offline(quick: LocalChain) -> None:
    plan = offline(quick)
    assert plan.approvals == (0, 2200)
    assert approvals_of(quick, plan, "market", "payment") == [0, 2200]
    assert (plan.simulation, plan.simulated, len(plan.unchecked)) == ("none", False, 2)
    assert (plan.expected.leaves, plan.expected.arrives) == (2200, 5 * 10**18)
    assert plan.facts == {}
    assert plan.caps.max_fee == 10**17
    assert plan.caps.max_fee_per_gas == 10**17 // plan.gas
    assert Plan.parse(json.dumps(plan.to_json())) == plan
    online = planned(quick)
    assert (plan.call, plan.expected, plan.pins) == (online.call, online.expected, online.pins)
    before = holdings(quick, "market", "payment")
    carry_out_by_hand(quick, plan)
    after = holdings(quick, "market", "payment")
    assert (before.paid - after.paid, after.house - before.house, after.allowance) == (2200, 5 * 10**18, 0)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"limits": Limits()}, InvalidInput, "max_fee"),
        ({"max_total": Decimal("0.002199")}, RuleViolation, "0.002199"),
        ({"max_total": Decimal("0.0000001")}, InvalidInput, "max_total"),
        ({"quantity": 0}, InvalidInput, "quantity"),
        ({"price": 0}, InvalidInput, "price"),
        ({"price": 2**255}, InvalidInput, "total"),
        ({"currency_decimals": 78}, InvalidInput, "currency_decimals"),
        ({"token_decimals": -1}, InvalidInput, "token_decimals"),
        ({"token_decimals": 6.0}, InvalidInput, "token_decimals"),
        ({"now": float("nan")}, InvalidInput, "now"),
        ({"name": "x"}, InvalidInput, "plan.name"),
        ({"least": 6}, RuleViolation, "min_purchase_limit"),
        ({"most": 4}, RuleViolation, "max_purchase_limit"),
        ({"buyer": "0x" + "00" * 20}, InvalidInput, "buyer"),
    ],
    ids=str,
)
def test_offline_is_as_strict(start: Start, changes: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        offline(start("eth-tester"), **changes)


def test_offline_holds_the_pins(quick: LocalChain) -> None:
    pins = pins_of(quick)
    with pytest.raises(PlanMismatch, match=r"currency\.decimals"):
        offline(quick, pins=replace(pins, currency=replace(pins.currency, decimals=18)))
    with pytest.raises(PlanMismatch, match=r"target\.marketplace"):
        offline(quick, target=replace(target_of(quick, pins), marketplace=Address("0x" + "11" * 20)))
    with pytest.raises(PlanMismatch, match="a token of the pins"):
        offline(quick, pins=replace(pins, tokens=(Address(quick.contracts["stock"].address),)), target=target_of(quick, pins))


def test_the_hashes_of_the_tests_are_those_of_the_chain(quick: LocalChain) -> None:
    at = install(quick, b"\xfe")
    assert code_hash(quick, at) == Hash32(keccak(b"\xfe"))


def test_a_purchase_needs_the_currencys_decimals_pinned(quick: LocalChain) -> None:
    """``max_total`` is in whole units: a node that says 8 instead of 6 would make it a hundred times as much."""
    pins = pins_of(quick)
    loose = replace(pins, currency=replace(pins.currency, decimals=None))
    with pytest.raises(InvalidInput) as caught:
        planned(quick, loose)
    assert caught.value.path == "pins.currency.decimals"
