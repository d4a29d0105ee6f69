"""A simulated sequence between two looks at the account: what its steps did, and what they changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orderseal.chain.dialogue import Dialogue
from orderseal.chain.erc20 import Allowance, BalanceOf, read_success
from orderseal.chain.marketplace import Buy
from orderseal.chain.multicall import Read
from orderseal.chain.outcome import check_logs
from orderseal.chain.plan import Plan
from orderseal.chain.reverts import read_revert
from orderseal.chain.simulate import Ran, Simulation, simulate
from orderseal.signing.errors import InvalidInput, PlanMismatch, Reverted
from orderseal.signing.values import Address

__all__ = ["Rehearsal", "Stage", "balance", "number", "read_rehearsal", "rehearse", "says_yes"]

_BEFORE: Final = 2
_AFTER: Final = 3


@dataclass(frozen=True, slots=True)
class Stage:
    """Whose account, and what is looked at: the token that the marketplace is allowed to take, and the other one."""

    account: Address
    spender: Address
    approved: Address
    other: Address

    @classmethod
    def of(cls, plan: Plan) -> "Stage":
        """The stage of a plan."""
        other = plan.token if isinstance(plan.call, Buy) else plan.pins.currency.address
        return cls(plan.account, plan.spender, plan.approved_token, other)

    def reads(self, steps: Sequence[Read]) -> list[Read]:
        """The steps with both looks around them."""
        balances = [balance(self.approved, self.account), balance(self.other, self.account)]
        allowance = Read(self.approved, Allowance(owner=self.account, spender=self.spender).encode())
        return [*balances, *steps, allowance, *balances]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a sequence would do.

    Attributes:
        steps: what became of each.
        left: base units of the approved token that the account has less.
        arrived: base units of the other one that it has more.
        allowance: what the marketplace may still take.
    """

    steps: tuple[Ran, ...]
    left: int
    arrived: int
    allowance: int

    def check_steps(self, names: Sequence[str]) -> None:
        """Make sure that each step would succeed.

        Raises:
            Reverted: the first that would not.
        """
        for ran, name in zip(self.steps, names, strict=True):
            if not ran.success:
                raise read_revert(ran.data).error(f"{name} (simulated)")
            if name == "approve" and not says_yes(ran):
                raise Reverted("approve (simulated)", reason="the token says that it failed", data=ran.data)


def read_rehearsal(simulation: Simulation) -> Rehearsal:
    """What :meth:`Stage.reads` gave.

    Raises:
        PlanMismatch: a token does not answer with a number.
    """
    ran = simulation.ran
    approved, other = number(ran[0]), number(ran[1])
    allowance, approved_after, other_after = (number(ran[at]) for at in (-3, -2, -1))
    return Rehearsal(ran[_BEFORE:-_AFTER], approved - approved_after, other_after - other, allowance)


def rehearse(plan: Plan, first: int, block: int | None) -> Dialogue[bool]:
    """Simulate what is left of a plan, from its step ``first`` on, and hold it against the plan. ``False`` if the node cannot.

    Raises:
        Reverted: a step would be refused.
        PlanMismatch: it would need more gas, or do something else than the plan says.
    """
    steps = [Read(step.to, step.data) for step in plan.steps[first:]]
    simulations = yield from simulate(plan.account, [Stage.of(plan).reads(steps)], block)
    if simulations is None:
        return False
    found = read_rehearsal(simulations[0])
    names = [plan.what(index) for index in range(first, len(plan.steps))]
    found.check_steps(names)
    for index, (ran, name) in enumerate(zip(found.steps, names, strict=True), first):
        if ran.gas > plan.steps[index].gas:
            raise PlanMismatch(f"{name} (simulated): gas", expected=f"at most {plan.steps[index].gas}, as planned", actual=str(ran.gas))
        if name != "approve" and ran.logs is not None:
            check_logs(plan, ran.logs, "simulation")
    # What a marketplace gives back to a seller who withdraws a listing is no loss.
    left = max(found.left, 0) if "delist" in names else found.left
    for what, expected, actual in (
        ("what leaves", plan.expected.leaves, left),
        ("what arrives", plan.expected.arrives, found.arrived),
        ("the allowance afterwards", plan.expected.allowance, found.allowance),
    ):
        if expected != actual:
            raise PlanMismatch(f"simulation: {what}", expected=f"{expected} base units", actual=str(actual))
    return True


def balance(token: Address, owner: Address) -> Read:
    """Ask what an account has."""
    return Read(token, BalanceOf(owner=owner).encode())


def says_yes(ran: Ran) -> bool:
    """Whether an approval or a transfer that did not revert says that it succeeded; saying nothing does."""
    try:
        return read_success(ran.data).value
    except InvalidInput:
        return False


def number(ran: Ran) -> int:
    """What a view of a token returned."""
    try:
        found = BalanceOf.read_return(ran.data).value if ran.success else None
    except InvalidInput:
        found = None
    if found is None:
        raise PlanMismatch("simulation: a token's balance or allowance", expected="a number", actual="none")
    return found
