"""From the user's wish and what a node says to a :class:`~orderseal.chain.plan.Plan`: two round trips, three without ``eth_simulateV1``.

Each function is a dialogue: ``run(plan_purchase(…), node)``, or ``await run_async(…)``, see :mod:`.dialogue`. Nothing is signed or sent.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal

from orderseal.chain.dialogue import Dialogue
from orderseal.chain.erc20 import Approve, TransferCall
from orderseal.chain.fees import MOST_WEI, gwei
from orderseal.chain.marketplace import Buy, Delist, List, Update
from orderseal.chain.multicall import Read
from orderseal.chain.outcome import check_logs
from orderseal.chain.pins import Pins, Units, check_code
from orderseal.chain.plan import REVOKE_GAS, Caps, Expected, Kind, Plan, Step, cost
from orderseal.chain.recipe import Target
from orderseal.chain.rehearsal import Rehearsal, Stage, balance, number, read_rehearsal, says_yes
from orderseal.chain.simulate import Simulation, simulate
from orderseal.chain.state import State, read_state
from orderseal.signing.amounts import from_base_units, to_base_units
from orderseal.signing.errors import InvalidInput, PlanMismatch, RuleViolation, describe
from orderseal.signing.keccak import keccak256
from orderseal.signing.values import Address, AddressLike

__all__ = [
    "DEFAULT_VALIDITY",
    "Limits",
    "check_purchase",
    "check_state",
    "offline_purchase",
    "plan_delisting",
    "plan_listing",
    "plan_purchase",
    "plan_update",
]

DEFAULT_VALIDITY: Final = 1_800
"""Seconds for which a plan holds: long enough for a second person to read it."""

_MOST_VALIDITY: Final = 30 * 86_400
_COIN: Final = 18
_HEADROOM: Final = 3  # times what the chain asks for now: fees may rise before a plan is sent
_APPROVE_GAS: Final = 120_000
_CALL_GAS: Final = 600_000
_SHARED_GAS: Final = 60_000
_MOST_GAS: Final = 2**32
_MOST_DECIMALS: Final = 77
_LATEST: Final = 253_370_764_800  # The year 9999.
_PROBE: Final = Address(keccak256(b"orderseal: who receives a payment?")[12:])
_NOT_SIMULATED: Final = "nothing was simulated: what leaves, what arrives, the event and the gas are assumptions"
_NOT_READ: Final = "nothing was read from a chain: the code there, price, listing, balance and allowance are the user's word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user allows, beside the sum.

    Attributes:
        valid_for: seconds, 1 to 30 days.
        max_fee: coins (10^18 wei) for all transactions of the plan together, or ``None`` for three times what they cost now.
        max_fee_per_gas: wei, or ``None`` to go by ``max_fee``.
    """

    valid_for: int = DEFAULT_VALIDITY
    max_fee: Decimal | None = None
    max_fee_per_gas: int | None = None

    def __post_init__(self) -> None:
        if type(self.valid_for) is not int or not 1 <= self.valid_for <= _MOST_VALIDITY:
            raise InvalidInput(path="valid_for", expected=f"1 to {_MOST_VALIDITY} whole seconds", actual=describe(self.valid_for))
        if self.max_fee_per_gas is not None and (type(self.max_fee_per_gas) is not int or not 0 < self.max_fee_per_gas <= MOST_WEI):
            raise InvalidInput(path="max_fee_per_gas", expected="wei, from 1", actual=describe(self.max_fee_per_gas))
        if self.max_fee is not None:
            to_base_units(self.max_fee, _COIN, path="max_fee")

    def caps(self, gas: int, max_total: int, now: int | None) -> Caps:
        """The caps of a plan that may use so much gas, where ``now`` is what would be offered for it now (wei), if that is known.

        Raises:
            RuleViolation: ``fee_cap``: the chain asks for more.
        """
        most = None if self.max_fee is None else to_base_units(self.max_fee, _COIN, path="max_fee")
        known = [cap for cap in (self.max_fee_per_gas, None if most is None else most // gas) if cap is not None]
        if not known and now is None:
            raise InvalidInput(path="max_fee", expected="a bound on the fee, since no node was asked", actual="none")
        per_gas = min(*known, MOST_WEI) if known else min(_HEADROOM * (now or 0), MOST_WEI)
        if now is not None and per_gas < now:
            needed = f"{from_base_units(now * gas, _COIN):f} coins ({gwei(now)} a unit of gas)"
            raise RuleViolation("fee_cap", f"the fees may come to {needed} now, and at most {gwei(per_gas)} a unit of gas are allowed")
        return Caps(max_total, per_gas, per_gas * gas if most is None else most)


_DEFAULT_LIMITS: Final = Limits()


def plan_purchase(
    target: Target,
    pins: Pins,
    *,
    buyer: AddressLike,
    quantity: int,
    max_total: Decimal | int,
    now: float,
    limits: Limits = _DEFAULT_LIMITS,
    name: str | None = None,
) -> Dialogue[Plan]:
    """Plan a purchase: exact approval, then ``buy``. Everything is read at one block, held against the pins, and simulated.

    Args:
        target: what :func:`~orderseal.chain.recipe.check_recipe` made of the platform's recipe.
        pins: the user's.
        buyer: the account.
        quantity: how many, in the contract's count, from 1.
        max_total: whole units of the currency (``Decimal("2.5")``) that it may cost at most, fees of the chain apart.
        now: Unix seconds.
        limits: see :class:`Limits`.
        name: 16 hex digits; by default random, so that each plan is a purchase of its own.

    Raises:
        InvalidInput: an argument has the wrong form.
        WrongChain, PlanMismatch: what is there is not what is pinned, or a simulation shows something else than the plan.
        RuleViolation: ``not_listed``, ``quantity``, ``not_allowed``, ``max_total``, ``balance``, ``coins``, ``fee_cap``.
        Reverted: a step would be refused.
        NodeError: no valid answer.
    """
    account, amount, begun = _account(buyer, "buyer"), _amount(quantity, "quantity"), _time(now)
    _check_target(target, pins)
    if pins.currency.decimals is None:
        hint = "max_total is in whole units, and how many base units that is must not be a node's word; `orderseal buy pins` writes them"
        raise InvalidInput(path="pins.currency.decimals", expected="the currency's decimals", actual="none", hint=hint)
    call = Buy(amount=amount, house_token=target.house_token, payment_token=pins.currency.address)
    state = yield from read_state(pins, account, target.house_token, amount)
    pins = check_state(pins, state)
    cap = to_base_units(max_total, state.currency.decimals, path="max_total")
    leaves, arrives = check_purchase(target, pins, state, amount, cap)
    draft = _Draft("purchase", pins, account, call, state, limits, begun, name or secrets.token_hex(8))
    expected = Expected(leaves, arrives, state.listing.price, 0)
    return (yield from _simulated(draft, expected, cap, leaves))


def plan_listing(
    pins: Pins,
    *,
    seller: AddressLike,
    token: AddressLike,
    price: int,
    amount: int,
    min_count: int,
    max_count: int,
    now: float,
    limits: Limits = _DEFAULT_LIMITS,
    name: str | None = None,
) -> Dialogue[Plan]:
    """Plan to offer a token: approve exactly what is offered, then ``list``.

    Args:
        pins: the user's.
        seller: the account.
        token: what is sold.
        price: as the contract counts it; see :class:`~orderseal.chain.pins.Units`.
        amount, min_count, max_count: how many are offered, and may be bought at once, in the contract's count.
        now, limits, name: as in :func:`plan_purchase`, which also says what is raised.
    """
    account, sold = _account(seller, "seller"), _account(token, "token")
    _check_counts(price=price, amount=amount, min_count=min_count, max_count=max_count)
    call = List(
        token=sold,
        payment_token=pins.currency.address,
        price=price,
        token_amount=amount,
        min_buy_count=min_count,
        max_buy_count=max_count,
    )
    return (yield from _sale("list", pins, account, call, limits, now, name))


def plan_update(
    pins: Pins,
    *,
    seller: AddressLike,
    token: AddressLike,
    price: int,
    amount: int,
    min_count: int,
    max_count: int,
    now: float,
    limits: Limits = _DEFAULT_LIMITS,
    name: str | None = None,
) -> Dialogue[Plan]:
    """Plan to change a listing: approve exactly what is offered from now on, then ``update``. See :func:`plan_listing`."""
    account, sold = _account(seller, "seller"), _account(token, "token")
    _check_counts(price=price, amount=amount, min_count=min_count, max_count=max_count)
    call = Update(
        token=sold,
        new_price=price,
        min_buy_count=min_count,
        max_buy_count=max_count,
        token_amount=amount,
    )
    return (yield from _sale("update", pins, account, call, limits, now, name))


def plan_delisting(
    pins: Pins, *, seller: AddressLike, token: AddressLike, now: float, limits: Limits = _DEFAULT_LIMITS, name: str | None = None
) -> Dialogue[Plan]:
    """Plan to withdraw a listing: ``delist``, then the allowance back to zero. See :func:`plan_listing`."""
    account, sold = _account(seller, "seller"), _account(token, "token")
    return (yield from _sale("delist", pins, account, Delist(token=sold), limits, now, name))


def offline_purchase(
    target: Target,
    pins: Pins,
    *,
    buyer: AddressLike,
    quantity: int,
    max_total: Decimal | int,
    price: int,
    currency_decimals: int,
    token_decimals: int,
    now: float,
    limits: Limits,
    name: str | None = None,
) -> Plan:
    """A purchase from the user's own numbers, without a node. It can be shown, and is not sent without ``unsimulated``.

    The allowance is set to zero first, since it is not known. ``limits`` must bound the fee.

    Args:
        price: as the contract holds it.
        currency_decimals, token_decimals: 0…77.
    """
    account, amount, begun = _account(buyer, "buyer"), _amount(quantity, "quantity"), _time(now)
    _check_target(target, pins)
    for path, digits in (("currency_decimals", currency_decimals), ("token_decimals", token_decimals)):
        if type(digits) is not int or not 0 <= digits <= _MOST_DECIMALS:
            raise InvalidInput(path=path, expected=f"0 to {_MOST_DECIMALS}", actual=describe(digits))
    if pins.currency.decimals not in (None, currency_decimals):
        raise PlanMismatch("currency.decimals", expected=f"{pins.currency.decimals}, as pinned", actual=str(currency_decimals))
    pins = _filled(pins, currency_decimals, token_decimals)
    cap = to_base_units(max_total, currency_decimals, path="max_total")
    leaves, arrives = _cost(pins, amount, _amount(price, "price"))
    _check_total(leaves, cap, currency_decimals)
    _check_rules(target, amount)
    call = Buy(amount=amount, house_token=target.house_token, payment_token=pins.currency.address)
    approvals = [_approval(pins, pins.currency.address, value) for value in (0, leaves)]
    steps = [
        *[Step(read.to, read.data, _APPROVE_GAS) for read in approvals],
        Step(pins.marketplace.address, call.encode(), _CALL_GAS),
    ]
    return Plan(
        kind="purchase",
        chain_id=pins.chain_id,
        account=account,
        steps=tuple(steps),
        pins=pins,
        caps=limits.caps(sum([step.gas for step in steps]) + REVOKE_GAS, cap, None),
        expected=Expected(leaves, arrives, price, 0),
        token_decimals=token_decimals,
        valid_until=begun + limits.valid_for,
        simulation="none",
        unchecked=(_NOT_READ, _NOT_SIMULATED),
        name=name or secrets.token_hex(8),
    )


# -- Checks of what was read --------------------------------------------------------------------------------------------------------


def check_state(pins: Pins, state: State) -> Pins:
    """Hold what stands on the chain against the pins, and fill in what they leave open: decimals and units.

    Raises:
        PlanMismatch: see :func:`~orderseal.chain.pins.check_code`; or the currency has other decimals.
    """
    check_code(pins, state.code)
    if pins.currency.decimals not in (None, state.currency.decimals):
        raise PlanMismatch("currency.decimals", expected=f"{pins.currency.decimals}, as pinned", actual=str(state.currency.decimals))
    return _filled(pins, state.currency.decimals, state.token.decimals)


def check_purchase(target: Target, pins: Pins, state: State, amount: int, cap: int) -> tuple[int, int]:
    """Hold a purchase against what was read. Gives what leaves and what arrives, in base units.

    Raises:
        RuleViolation, PlanMismatch: see :func:`plan_purchase`.
    """
    listing, symbol = state.listing, state.currency.symbol
    if listing.token.is_zero and not listing.price:
        raise RuleViolation("not_listed", f"the marketplace lists no token {target.house_token}")
    if listing.token != target.house_token:
        raise PlanMismatch("viewListing: token", expected=str(target.house_token), actual=str(listing.token))
    if listing.payment_token != pins.currency.address:
        hint = "It is sold for another currency than the one that is pinned"
        raise PlanMismatch("viewListing: paymentToken", expected=str(pins.currency.address), actual=str(listing.payment_token), hint=hint)
    if not listing.price:
        raise RuleViolation("not_listed", "the listing has no price")
    _check_rules(target, amount)
    if amount < listing.min_buy_count:
        raise RuleViolation("quantity", f"{amount} is below the listing's minbuycount, {listing.min_buy_count}")
    if amount > listing.max_buy_count:
        raise RuleViolation("quantity", f"{amount} is above the listing's maxbuycount, {listing.max_buy_count}")
    if amount > listing.token_amount:
        raise RuleViolation("quantity", f"{amount} is more than what is left, {listing.token_amount}")
    if state.most is not None and amount > state.most:
        raise RuleViolation("quantity", f"{amount} is more than this account may have, {state.most} (viewCanHaveMaxAmount)")
    if state.can_buy is False:
        raise RuleViolation("not_allowed", "the marketplace says that this account cannot buy that many (viewUserCanBuy)")
    leaves, arrives = _cost(pins, amount, listing.price)
    _check_total(leaves, cap, state.currency.decimals, symbol)
    if state.currency.balance < leaves:
        has, needs = (f"{from_base_units(value, state.currency.decimals):f}" for value in (state.currency.balance, leaves))
        raise RuleViolation("balance", f"the account has {has} {symbol}, and the purchase costs {needs}")
    return leaves, arrives


def _check_rules(target: Target, amount: int) -> None:
    if target.min_purchase is not None and amount < target.min_purchase:
        raise RuleViolation("quantity", f"{amount} is below the platform's min_purchase_limit, {target.min_purchase}")
    if target.max_purchase is not None and amount > target.max_purchase:
        raise RuleViolation("quantity", f"{amount} is above the platform's max_purchase_limit, {target.max_purchase}")


def _check_total(leaves: int, cap: int, decimals: int, symbol: str = "") -> None:
    if leaves > cap:
        costs, most = (f"{from_base_units(value, decimals):f}" for value in (leaves, cap))
        raise RuleViolation("max_total", f"the purchase costs {costs} {symbol}".rstrip() + f", and at most {most} are allowed")


def _check_counts(**counts: int) -> None:
    for path, value in counts.items():
        _amount(value, path)
    if counts["min_count"] > counts["max_count"]:
        raise InvalidInput(path="min_count", expected=f"at most max_count, {counts['max_count']}", actual=str(counts["min_count"]))


def _cost(pins: Pins, amount: int, price: int) -> tuple[int, int]:
    assert pins.units is not None
    return cost(pins.units, amount, price)


def _filled(pins: Pins, currency_decimals: int, token_decimals: int) -> Pins:
    units = pins.units or Units(1, 10**token_decimals)
    return replace(pins, currency=replace(pins.currency, decimals=currency_decimals), units=units)


def _account(value: AddressLike, path: str) -> Address:
    try:
        found = Address(value)
    except InvalidInput as error:
        error.path = path
        raise
    if found.is_zero:
        raise InvalidInput(path=path, expected="an account", actual="the zero address")
    return found


def _amount(value: int, path: str) -> int:
    if type(value) is not int or not 0 < value < 2**256:
        raise InvalidInput(path=path, expected="a whole number from 1 to 2^256-1", actual=describe(value))
    return value


def _time(now: float) -> int:
    if isinstance(now, bool) or not isinstance(now, int | float) or not 0 <= now < _LATEST:
        raise InvalidInput(path="now", expected="Unix seconds", actual=describe(now))
    return int(now)


def _check_target(target: Target, pins: Pins) -> None:
    for what, pinned, found in (
        ("chain_id", pins.chain_id, target.chain_id),
        ("marketplace", pins.marketplace.address, target.marketplace),
        ("currency", pins.currency.address, target.currency),
    ):
        if found != pinned:
            raise PlanMismatch(f"target.{what}", expected=f"{pinned}, which is pinned", actual=str(found))


# -- Drafts and their simulation ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Draft:
    kind: Kind
    pins: Pins
    account: Address
    call: Buy | List | Update | Delist
    state: State
    limits: Limits
    now: int
    name: str

    @property
    def stage(self) -> Stage:
        currency = self.pins.currency.address
        approved, other = (currency, self.call.house_token) if isinstance(self.call, Buy) else (self.call.token, currency)
        return Stage(self.account, self.pins.marketplace.address, approved, other)

    @property
    def allowance(self) -> int:
        return (self.state.currency if isinstance(self.call, Buy) else self.state.token).allowance

    def steps(self, approvals: Sequence[int]) -> list[Read]:
        call = Read(self.pins.marketplace.address, self.call.encode())
        approving = [_approval(self.pins, self.stage.approved, value) for value in approvals]
        return [call, *approving] if self.kind == "delist" else [*approving, call]

    def names(self, reads: Sequence[Read]) -> list[str]:
        return [self.kind if read.to == self.stage.spender else "approve" for read in reads]

    def plan(self, steps: Sequence[Step], expected: Expected, cap: int, simulation: Literal["eth_simulateV1", "executor", "none"]) -> Plan:
        gas = sum([step.gas for step in steps]) + (0 if self.kind == "delist" else REVOKE_GAS)
        offered = _offered(self.state)
        if self.state.coins < gas * offered:
            has, needs = (f"{from_base_units(value, _COIN):f}" for value in (self.state.coins, gas * offered))
            raise RuleViolation("coins", f"the account has {has} coins for fees, and {needs} may be needed")
        return Plan(
            kind=self.kind,
            chain_id=self.pins.chain_id,
            account=self.account,
            steps=tuple(steps),
            pins=self.pins,
            caps=self.limits.caps(gas, cap, offered),
            expected=expected,
            token_decimals=self.state.token.decimals,
            valid_until=self.now + self.limits.valid_for,
            simulation=simulation,
            unchecked=(_NOT_SIMULATED,) if simulation == "none" else (),
            name=self.name,
            facts=_facts(self.state),
        )


def _approval(pins: Pins, token: Address, value: int) -> Read:
    return Read(token, Approve(spender=pins.marketplace.address, value=value).encode())


def _facts(state: State) -> dict[str, Any]:
    """What a reader of the plan may like to see: as the node said."""
    return {
        "block": state.block,
        "currency": {"symbol": state.currency.symbol, "balance": str(state.currency.balance), "allowance": str(state.currency.allowance)},
        "token": {"symbol": state.token.symbol, "balance": str(state.token.balance), "allowance": str(state.token.allowance)},
        "listing": {
            "price": str(state.listing.price),
            "left": str(state.listing.token_amount),
            "minbuycount": str(state.listing.min_buy_count),
            "maxbuycount": str(state.listing.max_buy_count),
        },
        "offered_fee_per_gas": str(_offered(state)),
    }


def _offered(state: State) -> int:
    return state.fees.suggest(cap=MOST_WEI).most


def _sale(
    kind: Literal["list", "update", "delist"],
    pins: Pins,
    account: Address,
    call: List | Update | Delist,
    limits: Limits,
    now: float,
    name: str | None,
) -> Dialogue[Plan]:
    begun = _time(now)
    state = yield from read_state(pins, account, call.token, 0)
    pins = check_state(pins, state)
    assert pins.units is not None
    offered = 0 if isinstance(call, Delist) else call.token_amount * pins.units.unit
    listed = bool(state.listing.price)
    if listed and state.listing.payment_token != pins.currency.address:
        shown = str(state.listing.payment_token)
        raise PlanMismatch("viewListing: paymentToken", expected=str(pins.currency.address), actual=shown)
    if isinstance(call, Update | Delist) and not listed:
        raise RuleViolation("not_listed", f"the marketplace lists no token {call.token}")
    if isinstance(call, List) and state.token.balance < offered:
        has, needs = (f"{from_base_units(value, state.token.decimals):f}" for value in (state.token.balance, offered))
        raise RuleViolation("balance", f"the account has {has} of the token, and {needs} would be offered")
    draft = _Draft(kind, pins, account, call, state, limits, begun, name or secrets.token_hex(8))
    price = call.price if isinstance(call, List) else call.new_price if isinstance(call, Update) else 0
    # Whether a marketplace takes the tokens at once or leaves them with the seller is not documented: the simulation shows it.
    return (yield from _simulated(draft, Expected(0, 0, price, offered), offered, offered))


def _simulated(draft: _Draft, expected: Expected, cap: int, allowed: int) -> Dialogue[Plan]:
    """Find the approvals that work, and hold what the simulation shows against what is expected."""
    plain = [] if draft.allowance == allowed else [allowed]
    # A second choice for tokens such as USDT, which want an allowance back at zero before it gets another value.
    choices = [plain] if draft.allowance in (0, allowed) or not allowed else [plain, [0, allowed]]
    sequences = [draft.stage.reads(draft.steps(choice)) for choice in choices]
    if draft.kind == "purchase":
        look = balance(draft.stage.approved, _PROBE)
        sequences.append([look, Read(draft.stage.approved, TransferCall(to=_PROBE, value=expected.leaves).encode()), look])
    simulations = yield from simulate(draft.account, sequences, draft.state.block)
    if simulations is None:
        reads = draft.steps(choices[-1])
        gas = [_CALL_GAS if read.to == draft.stage.spender else _APPROVE_GAS for read in reads]
        steps = [Step(read.to, read.data, limit) for read, limit in zip(reads, gas, strict=True)]
        return draft.plan(steps, expected, cap, "none")
    if draft.kind == "purchase":
        _check_probe(simulations.pop(), expected.leaves)
    chosen, found = _chosen(draft, choices, [read_rehearsal(simulation) for simulation in simulations])
    reads = draft.steps(choices[chosen])
    found.check_steps(draft.names(reads))
    expected = _compare(draft, found, expected)
    way = simulations[chosen].way
    steps = [Step(read.to, read.data, _limit(ran.gas, way)) for read, ran in zip(reads, found.steps, strict=True)]
    plan = draft.plan(steps, expected, cap, way)
    for read, ran in zip(reads, found.steps, strict=True):
        if read.to == draft.stage.spender and ran.logs is not None:
            check_logs(plan, ran.logs, "simulation")
    return plan


def _limit(gas: int, way: Literal["eth_simulateV1", "executor"]) -> int:
    """Half as much again. Within one call, what an earlier step has touched is cheaper than it will be in a transaction of its own."""
    limit = gas * 3 // 2 + (10_000 if way == "eth_simulateV1" else _SHARED_GAS)
    if limit > _MOST_GAS:
        raise PlanMismatch("simulation: gas", expected=f"at most {_MOST_GAS}", actual=str(limit))
    return limit


def _chosen(draft: _Draft, choices: Sequence[Sequence[int]], found: Sequence[Rehearsal]) -> tuple[int, Rehearsal]:
    """The first choice whose approvals all work; else the first, which then says why not."""
    for index, (choice, rehearsal) in enumerate(zip(choices, found, strict=True)):
        names = draft.names(draft.steps(choice))
        if all(ran.success and says_yes(ran) for ran, name in zip(rehearsal.steps, names, strict=True) if name == "approve"):
            return index, rehearsal
    return 0, found[0]


def _check_probe(simulation: Simulation, value: int) -> None:
    """A token that keeps part of each transfer pays the seller less than the buyer agreed to; the contract may revert, or take more."""
    before, transfer, after = simulation.ran
    if transfer.success and (received := number(after) - number(before)) != value:
        hint = "The token keeps part of what is transferred"
        raise PlanMismatch("simulation: what a payment delivers", expected=f"{value} base units", actual=str(received), hint=hint)


def _compare(draft: _Draft, found: Rehearsal, expected: Expected) -> Expected:
    """Hold the balances against what is expected; give it with what only the simulation knows."""
    if draft.kind == "purchase":
        _equal("what leaves", expected.leaves, found.left, draft)
        _equal("what arrives", expected.arrives, found.arrived, draft)
    elif draft.kind == "delist":
        _equal("what arrives of the currency", 0, found.arrived, draft)
        if found.left > 0:
            raise PlanMismatch("simulation: what leaves", expected="nothing", actual=f"{found.left} base units")
    else:
        _equal("what arrives of the currency", 0, found.arrived, draft)
        # The marketplace leaves the tokens with the seller until they are bought, or takes all at once.
        taken = expected.allowance - found.allowance
        if found.left != taken or taken not in (0, expected.allowance):
            raise PlanMismatch("simulation: what leaves", expected=f"0 or {expected.allowance} base units", actual=str(found.left))
        expected = replace(expected, leaves=taken, allowance=found.allowance)
    _equal("the allowance afterwards", expected.allowance, found.allowance, draft)
    return expected


def _equal(what: str, expected: int, actual: int, draft: _Draft) -> None:
    if expected != actual:
        hint = "If the contract counts in another way, say so with units in the pins" if draft.kind == "purchase" else ""
        raise PlanMismatch(f"simulation: {what}", expected=f"{expected} base units", actual=str(actual), hint=hint)
