"""An approval as a plan: the exact sum that a spender may take, as for the live orders of a venue. See :mod:`.planning`."""

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import Final

from orderseal.chain.dialogue import Dialogue
from orderseal.chain.drafts import Draft, Limits, simulated
from orderseal.chain.erc20 import Approve
from orderseal.chain.pins import Pins, Units
from orderseal.chain.plan import ENDLESS, UNLIMITED, Expected, Kind, Plan
from orderseal.chain.planning import check_state, checked_account, checked_time
from orderseal.chain.standing import read_standing
from orderseal.signing.amounts import from_base_units, to_base_units
from orderseal.signing.errors import InvalidInput, RuleViolation, describe
from orderseal.signing.values import AddressLike

__all__ = ["plan_approval"]

_DEFAULT_LIMITS: Final = Limits()


def plan_approval(
    pins: Pins,
    *,
    owner: AddressLike,
    amount: int | None = None,
    headroom: Decimal | int = 0,
    max_total: Decimal | int | None = None,
    unlimited: bool = False,
    now: float,
    limits: Limits = _DEFAULT_LIMITS,
    name: str | None = None,
) -> Dialogue[Plan]:
    """Plan to set what ``pins.marketplace`` may take of ``pins.currency`` to exactly ``amount`` and ``headroom``.

    Everything is read at one block, held against the pins, and simulated. A token that wants its allowance at zero first gets that as a
    step of its own. A plan for what stands already has no step, and there is nothing to send.

    Args:
        pins: the user's: whoever is to be allowed is the ``marketplace`` there, and the token, which may as well be one of shares, the
            ``currency``. Never from a venue.
        owner: the account.
        amount: base units, such as :func:`~orderseal.chain.allowances.owed` gives them; 0 revokes.
        headroom: whole units of the token that are allowed beyond it, for orders to come.
        max_total: whole units of the token (``Decimal("2.5")``) that both may come to at most.
        unlimited: allow 2^256-1 instead of an amount: all that the account has and will ever have. The plan is of a kind of its own.
        now: Unix seconds.
        limits, name: see :func:`~orderseal.chain.planning.plan_purchase`.

    Raises:
        InvalidInput: an argument has the wrong form, or the pins do not fit.
        WrongChain, PlanMismatch: what is there is not what is pinned, or a simulation shows something else than the plan.
        RuleViolation: ``max_total``, ``coins``, ``fee_cap``.
        Reverted: a step would be refused.
        NodeError: no valid answer.
    """
    account, begun = checked_account(owner, "owner"), checked_time(now)
    _check_pins(pins)
    target, cap = _target(pins, amount, headroom, max_total, unlimited=unlimited)
    standing = yield from read_standing(pins, account)
    pins = replace(check_state(pins, standing), tokens=None, units=Units(1, 10**standing.token.decimals))
    call = Approve(spender=pins.marketplace.address, value=target)
    kind: Kind = "unlimited-approval" if unlimited else "approval"
    draft = Draft(kind, pins, account, call, standing, limits, begun, name or secrets.token_hex(8))
    return (yield from simulated(draft, Expected(0, 0, 0, target), cap, target))


def _check_pins(pins: Pins) -> None:
    if pins.currency.decimals is None:
        hint = "max_total is in whole units, and how many base units that is must not be a node's word"
        raise InvalidInput(path="pins.currency.decimals", expected="the token's decimals", actual="none", hint=hint)
    if pins.marketplace.facet is not None:
        hint = "Any of a diamond's facets can use the allowance, and pins hold one"
        raise InvalidInput(path="pins.marketplace.facet", expected="none for an approval", actual="a facet", hint=hint)


def _target(
    pins: Pins, amount: int | None, headroom: Decimal | int, max_total: Decimal | int | None, *, unlimited: bool
) -> tuple[int, int]:
    """What is to be allowed, and the cap, in base units."""
    decimals = pins.currency.decimals or 0
    if type(unlimited) is not bool:
        raise InvalidInput(path="unlimited", expected="True or False", actual=describe(unlimited))
    if unlimited:
        if amount is not None or headroom != 0 or max_total is not None:
            raise InvalidInput(path="unlimited", expected="no amount, headroom or max_total beside it", actual="one of them")
        return UNLIMITED, UNLIMITED
    if amount is None or max_total is None:
        missing = "amount" if amount is None else "max_total"
        raise InvalidInput(path=missing, expected="a number; no limit must be asked for with unlimited=True", actual="none")
    if type(amount) is not int or amount < 0:
        raise InvalidInput(path="amount", expected="a whole number of base units, from 0", actual=describe(amount))
    spare, cap = (to_base_units(value, decimals, path=path) for value, path in ((headroom, "headroom"), (max_total, "max_total")))
    target = amount + spare
    if target > cap or target >= ENDLESS:
        asked, most = (f"{from_base_units(value, decimals):f}" if value < ENDLESS else "2^255 or more" for value in (target, cap))
        raise RuleViolation("max_total", f"the allowance would be {asked}, and at most {most} are allowed")
    return target, cap
