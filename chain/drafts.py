"""What all plans are made of: a draft of the steps, and the approvals before them that a simulation shows to work."""

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
from orderseal.chain.pins import Pins
from orderseal.chain.plan import REVOKE_GAS, Caps, Expected, Kind, Plan, Step
from orderseal.chain.rehearsal import Rehearsal, Stage, balance, number, read_rehearsal, says_yes
from orderseal.chain.simulate import Simulation, simulate
from orderseal.chain.standing import Standing
from orderseal.chain.state import State
from orderseal.signing.amounts import from_base_units, to_base_units
from orderseal.signing.errors import InvalidInput, PlanMismatch, RuleViolation, describe
from orderseal.signing.keccak import keccak256
from orderseal.signing.values import Address

__all__ = ["APPROVE_GAS", "CALL_GAS", "DEFAULT_VALIDITY", "NOT_SIMULATED", "Draft", "Limits", "approve_read", "simulated"]

APPROVE_GAS: Final = 120_000
"""The gas limit of an approval that was not simulated."""

CALL_GAS: Final = 600_000
"""The gas limit of a plan's call that was not simulated."""

NOT_SIMULATED: Final = "nothing was simulated: what leaves, what arrives, the event and the gas are assumptions"
"""What a plan says of itself then."""

DEFAULT_VALIDITY: Final = 1_800
"""Seconds for which a plan holds: long enough for a second person to read it."""


_MOST_VALIDITY: Final = 30 * 86_400
_COIN: Final = 18
_HEADROOM: Final = 3  # times what the chain asks for now: fees may rise before a plan is sent
_SHARED_GAS: Final = 60_000
_MOST_GAS: Final = 2**32
_PROBE: Final = Address(keccak256(b"orderseal: who receives a payment?")[12:])


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


@dataclass(frozen=True, slots=True)
class Draft:
    """What is wished for, and what a node said: all of a plan but the approvals that it takes."""

    kind: Kind
    pins: Pins
    account: Address
    call: Buy | List | Update | Delist | Approve
    state: State | Standing
    limits: Limits
    now: int
    name: str

    @property
    def stage(self) -> Stage:
        """Whose account it is, and which two tokens are looked at: of an approval, one."""
        currency, call = self.pins.currency.address, self.call
        if isinstance(call, Approve):
            approved, other = currency, currency
        else:
            approved, other = (currency, call.house_token) if isinstance(call, Buy) else (call.token, currency)
        return Stage(self.account, self.pins.marketplace.address, approved, other)

    @property
    def allowance(self) -> int:
        """What may be taken now, in base units."""
        return (self.state.currency if isinstance(self.call, Buy) else self.state.token).allowance

    def steps(self, approvals: Sequence[int]) -> list[Read]:
        """The calls, with these approvals."""
        approving = [approve_read(self.pins, self.stage.approved, value) for value in approvals]
        if isinstance(self.call, Approve):
            return approving
        call = Read(self.pins.marketplace.address, self.call.encode())
        return [call, *approving] if self.kind == "delist" else [*approving, call]

    def names(self, reads: Sequence[Read]) -> list[str]:
        """Each of them in a word."""
        return [self.kind if read.to == self.stage.spender else "approve" for read in reads]

    def plan(self, steps: Sequence[Step], expected: Expected, cap: int, simulation: Literal["eth_simulateV1", "executor", "none"]) -> Plan:
        """The plan, if the account has coins enough for its fees."""
        gas = sum([step.gas for step in steps]) + (0 if self.kind == "delist" else REVOKE_GAS)
        offered = _offered(self.state)
        if steps and self.state.coins < gas * offered:
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
            unchecked=(NOT_SIMULATED,) if simulation == "none" else (),
            name=self.name,
            facts=_facts(self.state),
        )


def approve_read(pins: Pins, token: Address, value: int) -> Read:
    """The call of an approval for whoever is pinned."""
    return Read(token, Approve(spender=pins.marketplace.address, value=value).encode())


def _facts(state: State | Standing) -> dict[str, Any]:
    """What a reader of the plan may like to see: as the node said."""
    token = {"symbol": state.token.symbol, "balance": str(state.token.balance), "allowance": str(state.token.allowance)}
    if isinstance(state, Standing):
        return {"block": state.block, "token": token, "offered_fee_per_gas": str(_offered(state))}
    return {
        "block": state.block,
        "currency": {"symbol": state.currency.symbol, "balance": str(state.currency.balance), "allowance": str(state.currency.allowance)},
        "token": token,
        "listing": {
            "price": str(state.listing.price),
            "left": str(state.listing.token_amount),
            "minbuycount": str(state.listing.min_buy_count),
            "maxbuycount": str(state.listing.max_buy_count),
        },
        "offered_fee_per_gas": str(_offered(state)),
    }


def _offered(state: State | Standing) -> int:
    return state.fees.suggest(cap=MOST_WEI).most


def simulated(draft: Draft, expected: Expected, cap: int, allowed: int) -> Dialogue[Plan]:
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
        gas = [CALL_GAS if read.to == draft.stage.spender else APPROVE_GAS for read in reads]
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
    for index, ran in enumerate(found.steps):
        if plan.what(index) == plan.kind and ran.logs is not None:
            check_logs(plan, ran.logs, "simulation")
    return plan


def _limit(gas: int, way: Literal["eth_simulateV1", "executor"]) -> int:
    """Half as much again. Within one call, what an earlier step has touched is cheaper than it will be in a transaction of its own."""
    limit = gas * 3 // 2 + (10_000 if way == "eth_simulateV1" else _SHARED_GAS)
    if limit > _MOST_GAS:
        raise PlanMismatch("simulation: gas", expected=f"at most {_MOST_GAS}", actual=str(limit))
    return limit


def _chosen(draft: Draft, choices: Sequence[Sequence[int]], found: Sequence[Rehearsal]) -> tuple[int, Rehearsal]:
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


def _compare(draft: Draft, found: Rehearsal, expected: Expected) -> Expected:
    """Hold the balances against what is expected; give it with what only the simulation knows."""
    if draft.kind == "purchase" or isinstance(draft.call, Approve):
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


def _equal(what: str, expected: int, actual: int, draft: Draft) -> None:
    if expected != actual:
        hint = "If the contract counts in another way, say so with units in the pins" if draft.kind == "purchase" else ""
        raise PlanMismatch(f"simulation: {what}", expected=f"{expected} base units", actual=str(actual), hint=hint)
