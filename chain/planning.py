"""From the user's wish and what a node says to a :class:`~orderseal.chain.plan.Plan`: two round trips, three without ``eth_simulateV1``.

Each function is a dialogue: ``run(plan_purchase(…), node)``, or ``await run_async(…)``, see :mod:`.dialogue`. Nothing is signed or sent.
"""

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import Final, Literal

from orderseal.chain.dialogue import Dialogue
from orderseal.chain.drafts import APPROVE_GAS, CALL_GAS, DEFAULT_VALIDITY, NOT_SIMULATED, Draft, Limits, approve_read, simulated
from orderseal.chain.marketplace import Buy, Delist, List, Update
from orderseal.chain.pins import Pins, Units, check_code
from orderseal.chain.plan import REVOKE_GAS, Expected, Plan, Step, cost
from orderseal.chain.recipe import Target
from orderseal.chain.standing import Standing
from orderseal.chain.state import State, read_state
from orderseal.signing.amounts import from_base_units, to_base_units
from orderseal.signing.errors import InvalidInput, PlanMismatch, RuleViolation, describe
from orderseal.signing.values import Address, AddressLike

__all__ = [
    "DEFAULT_VALIDITY",
    "Limits",
    "check_purchase",
    "check_state",
    "checked_account",
    "checked_time",
    "offline_purchase",
    "plan_delisting",
    "plan_listing",
    "plan_purchase",
    "plan_update",
]

_MOST_DECIMALS: Final = 77
_LATEST: Final = 253_370_764_800  # The year 9999.
_NOT_READ: Final = "nothing was read from a chain: the code there, price, listing, balance and allowance are the user's word"

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
    account, amount, begun = checked_account(buyer, "buyer"), _amount(quantity, "quantity"), checked_time(now)
    _check_target(target, pins)
    if pins.currency.decimals is None:
        hint = "max_total is in whole units, and how many base units that is must not be a node's word; `orderseal buy pins` writes them"
        raise InvalidInput(path="pins.currency.decimals", expected="the currency's decimals", actual="none", hint=hint)
    call = Buy(amount=amount, house_token=target.house_token, payment_token=pins.currency.address)
    state = yield from read_state(pins, account, target.house_token, amount)
    pins = check_state(pins, state)
    cap = to_base_units(max_total, state.currency.decimals, path="max_total")
    leaves, arrives = check_purchase(target, pins, state, amount, cap)
    draft = Draft("purchase", pins, account, call, state, limits, begun, name or secrets.token_hex(8))
    expected = Expected(leaves, arrives, state.listing.price, 0)
    return (yield from simulated(draft, expected, cap, leaves))


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
    account, sold = checked_account(seller, "seller"), checked_account(token, "token")
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
    account, sold = checked_account(seller, "seller"), checked_account(token, "token")
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
    account, sold = checked_account(seller, "seller"), checked_account(token, "token")
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
    account, amount, begun = checked_account(buyer, "buyer"), _amount(quantity, "quantity"), checked_time(now)
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
    approvals = [approve_read(pins, pins.currency.address, value) for value in (0, leaves)]
    steps = [
        *[Step(read.to, read.data, APPROVE_GAS) for read in approvals],
        Step(pins.marketplace.address, call.encode(), CALL_GAS),
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
        unchecked=(_NOT_READ, NOT_SIMULATED),
        name=name or secrets.token_hex(8),
    )


# -- Checks of what was read --------------------------------------------------------------------------------------------------------


def check_state(pins: Pins, state: State | Standing) -> Pins:
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


def checked_account(value: AddressLike, path: str) -> Address:
    """An address that is not zero.

    Raises:
        InvalidInput: at ``path``.
    """
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


def checked_time(now: float) -> int:
    """Unix seconds as a whole number.

    Raises:
        InvalidInput: no such number.
    """
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


def _sale(
    kind: Literal["list", "update", "delist"],
    pins: Pins,
    account: Address,
    call: List | Update | Delist,
    limits: Limits,
    now: float,
    name: str | None,
) -> Dialogue[Plan]:
    begun = checked_time(now)
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
    draft = Draft(kind, pins, account, call, state, limits, begun, name or secrets.token_hex(8))
    price = call.price if isinstance(call, List) else call.new_price if isinstance(call, Update) else 0
    # Whether a marketplace takes the tokens at once or leaves them with the seller is not documented: the simulation shows it.
    return (yield from simulated(draft, Expected(0, 0, price, offered), offered, offered))
