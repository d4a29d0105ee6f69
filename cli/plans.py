"""How the commands show a plan: what its calldata does, and apart from that what a node said of it."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, Final, cast

from orderseal.chain.abi import Call, Event
from orderseal.chain.erc20 import Approve
from orderseal.chain.fees import gwei
from orderseal.chain.marketplace import Buy
from orderseal.chain.pins import PinnedCode, PinnedCurrency, PinnedMarketplace
from orderseal.chain.plan import UNLIMITED, Plan
from orderseal.cli.ledger import cut
from orderseal.signing import Address, format_time, from_base_units

__all__ = ["amount_json", "coins", "event_lines", "facts_lines", "in_words", "plan_json", "plan_lines", "values_json"]

_COIN: Final = 18
_WIDTH: Final = 80
_MOST_FACTS: Final = 40
_UNTRUSTED: Final = "As the node said when this was planned; not part of the hash, so anybody may have changed it since:"
_CURRENCY: Final = ("price", "new_price")
_COUNTS: Final = ("amount", "token_amount", "min_buy_count", "max_buy_count", "count")


def plan_lines(plan: Plan, now: float) -> Iterator[str]:
    """All that a plan does, for people: read from its calldata, its caps and its pins, never from its ``facts``."""
    yield f"plan      {plan.kind} on chain {plan.chain_id}, with {len(plan.steps)} transaction{'' if len(plan.steps) == 1 else 's'}"
    yield f"account   {plan.account}"
    left = plan.valid_until - int(now)
    yield f"good      until {format_time(plan.valid_until)}" + (f", for {_span(left)}" if left >= 0 else ": EXPIRED, nothing of it is sent")
    for warning in _warnings(plan):
        yield from wrap(warning, _WIDTH, initial_indent="WARNING   ", subsequent_indent="          ")
    if not plan.steps:
        yield "nothing   is to be sent: the allowance was right already"
    for index, step in enumerate(plan.steps):
        call = _call(plan, index)
        yield ""
        yield f"step {index + 1}    {call.abi.signature}, at most {step.gas} gas"
        rows = [("to", f"{step.to}{_role(plan, step.to)}"), *[(name, _shown(plan, field, value)) for name, field, value in _values(call)]]
        widest = max([len(name) for name, _ in rows])
        for name, value in rows:
            yield f"  {name:{widest}}  {value}"
    yield ""
    yield f"leaves    {_amount(plan, plan.expected.leaves, approved=True)}"
    if plan.kind == "purchase":
        yield f"arrives   {_amount(plan, plan.expected.arrives, approved=False)}"
    if plan.expected.price:
        yield f"price     {_price(plan, plan.expected.price)}"
    yield f"allowance {_amount(plan, plan.expected.allowance, approved=True)} afterwards"
    yield f"caps      {_human(plan, plan.caps.max_total, approved=True)} may leave or be allowed at most"
    yield f"          {coins(plan.caps.max_fee)} coins for fees, {gwei(plan.caps.max_fee_per_gas)} a unit of gas"
    yield from _pins_lines(plan)
    yield ""
    yield from _checks_lines(plan)
    yield f"hash      {plan.hash}"


def facts_lines(plan: Plan) -> Iterator[str]:
    """What the node said, each line cut: it holds strangers' text."""
    rows = list(_flat(plan.facts))
    if not rows:
        return
    yield ""
    yield from wrap(_UNTRUSTED, _WIDTH)
    yield from [cut(f"  {name}: {value}") for name, value in rows[:_MOST_FACTS]]
    if len(rows) > _MOST_FACTS:
        yield f"  … and {len(rows) - _MOST_FACTS} more"


def in_words(plan: Plan) -> list[str]:
    """What is about to be sent, a line a step."""
    found: list[str] = []
    for index in range(len(plan.steps)):
        call = _call(plan, index)
        if isinstance(call, Approve):
            found.append(f"allow {plan.spender} to take {_human(plan, call.value, approved=True)}")
        elif isinstance(call, Buy):
            pays, gets = _human(plan, plan.expected.leaves, approved=True), _human(plan, plan.expected.arrives, approved=False)
            found.append(f"buy {gets} {plan.token} for {pays}")
        else:
            found.append(f"{plan.kind} {plan.token}")
    return found


def plan_json(plan: Plan, now: float) -> dict[str, Any]:
    """:func:`plan_lines` for programs."""
    steps: list[dict[str, Any]] = []
    for index, step in enumerate(plan.steps):
        call = _call(plan, index)
        signature, arguments = call.abi.signature, values_json(call)
        steps.append({"what": plan.what(index), "to": str(step.to), "function": signature, "arguments": arguments, "gas": str(step.gas)})
    return {
        "hash": str(plan.hash),
        "kind": plan.kind,
        "chain_id": plan.chain_id,
        "account": str(plan.account),
        "steps": steps,
        "leaves": amount_json(plan, plan.expected.leaves, approved=True),
        "arrives": amount_json(plan, plan.expected.arrives, approved=False) if plan.kind == "purchase" else None,
        "price": str(plan.expected.price),
        "allowance": amount_json(plan, plan.expected.allowance, approved=True),
        "caps": {
            "max_total": amount_json(plan, plan.caps.max_total, approved=True),
            "max_fee": coins(plan.caps.max_fee),
            "max_fee_per_gas": str(plan.caps.max_fee_per_gas),
        },
        "pins": plan.pins.to_json(),
        "valid_until": plan.valid_until,
        "expired": now > plan.valid_until,
        "simulation": plan.simulation,
        "unchecked": list(plan.unchecked),
        "warnings": _warnings(plan),
        "facts": dict(plan.facts),
    }


def amount_json(plan: Plan, units: int, *, approved: bool) -> dict[str, str]:
    """An amount of the token that is approved, or of the other one."""
    token = plan.approved_token if approved else plan.token
    return {"token": str(token), "units": str(units), "amount": f"{from_base_units(units, _decimals(plan, token)):f}"}


def values_json(call: Call[Any] | Event) -> dict[str, str]:
    """The arguments of a call or an event, by the names of the ABI."""
    return {name: str(value) for name, _, value in _values(call)}


def event_lines(plan: Plan, event: Event) -> Iterator[str]:
    """An event that came out, for people."""
    yield f"event     {event.abi.signature}"
    rows = list(_values(event))
    widest = max([len(name) for name, _, _ in rows])
    for name, field, value in rows:
        yield f"  {name:{widest}}  {format_time(value) if field == 'timestamp' else _shown(plan, field, value)}"


def coins(wei: int) -> str:
    """Wei in coins."""
    return f"{from_base_units(wei, _COIN):f}"


# -- Parts ------------------------------------------------------------------------------------------------------------------------


def _approving(plan: Plan) -> bool:
    return isinstance(plan.call, Approve)


def _warnings(plan: Plan) -> list[str]:
    if plan.kind != "unlimited-approval":
        return []
    return ["UNLIMITED: it may take all of this token that the account has, now and ever, until the allowance is set to zero"]


def _call(plan: Plan, index: int) -> Call[Any]:
    """A step's call, read from its calldata."""
    return plan.call if plan.what(index) == plan.kind else Approve.decode(plan.steps[index].data)


def _values(call: Call[Any] | Event) -> Iterator[tuple[str, str, Any]]:
    """The ABI's name, the field and the value of each argument."""
    fields = cast("tuple[str, ...]", type(call).__slots__)
    for parameter, field in zip(call.abi.inputs, fields, strict=True):
        yield parameter.name, field, getattr(call, field)


def _shown(plan: Plan, field: str, value: Any) -> str:
    if isinstance(value, Address):
        return f"{value}{_role(plan, value)}"
    if field == "value":
        return _amount(plan, value, approved=True)
    if field in _CURRENCY:
        return _price(plan, value)
    if field in _COUNTS and plan.pins.units is not None:
        return f"{value} = {_whole(plan, value * plan.pins.units.unit, plan.token)}"
    return str(value)


def _role(plan: Plan, address: Address) -> str:
    spender = "spender" if _approving(plan) else "marketplace"
    roles = {plan.spender: spender, plan.pins.currency.address: "currency", plan.token: "token", plan.account: "you"}
    return f"  {roles[address]}" if address in roles else ""


def _decimals(plan: Plan, token: Address) -> int:
    return (plan.pins.currency.decimals or 0) if token == plan.pins.currency.address else plan.token_decimals


def _whole(plan: Plan, units: int, token: Address) -> str:
    name = "the currency" if token == plan.pins.currency.address and not _approving(plan) else "the token"
    if units == UNLIMITED and _approving(plan):
        return f"all of {name}, without limit"
    if units >= 2**256:
        return f"more of {name} than there can be"
    return f"{from_base_units(units, _decimals(plan, token)):f} of {name}"


def _human(plan: Plan, units: int, *, approved: bool) -> str:
    return _whole(plan, units, plan.approved_token if approved else plan.token)


def _amount(plan: Plan, units: int, *, approved: bool) -> str:
    return f"{units} = {_human(plan, units, approved=approved)}" if units else "nothing"


def _price(plan: Plan, price: int) -> str:
    """The contract's number, and what it makes a whole token cost if that is a whole number of base units."""
    assert plan.pins.units is not None
    units, rest = divmod(price * 10**plan.token_decimals, plan.pins.units.price_scale * plan.pins.units.unit)
    if rest or units >= 2**256:
        return f"{price}, as the contract counts"
    return f"{price} = {_whole(plan, units, plan.pins.currency.address)} for a whole token"


def _span(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds % 3600 // 60} min" if seconds >= 3600 else f"{seconds // 60} min {seconds % 60} s"


def _pins_lines(plan: Plan) -> Iterator[str]:
    pins = plan.pins
    assert pins.units is not None
    yield ""
    yield "pinned    the user's own, held against the chain before each step"
    spender, token = ("spender", "token") if _approving(plan) else ("marketplace", "currency")
    yield from _code_lines(spender, pins.marketplace)
    yield from _code_lines(token, pins.currency)
    if _approving(plan):
        return
    tokens = pins.tokens or ()
    yield f"  tokens       {', '.join(map(str, tokens[:1])) or 'any: read the address of the token above'}"
    yield from [f"               {token}" for token in tokens[1:20]]
    if len(tokens) > 20:
        yield f"               and {len(tokens) - 20} more"
    yield f"  units        cost = count x price / {pins.units.price_scale}; a count of 1 = {_whole(plan, pins.units.unit, plan.token)}"


def _code_lines(name: str, code: PinnedMarketplace | PinnedCurrency | PinnedCode) -> Iterator[str]:
    yield f"  {name:12} {code.address}"
    yield f"    code {code.code_hash}" if code.code_hash is not None else "    code not pinned"
    for inner in ("implementation", "facet"):
        behind = cast("PinnedCode | None", getattr(code, inner, None))
        if behind is not None:
            yield f"  {inner:14} {behind.address}"
            yield f"    code {behind.code_hash}"


def _checks_lines(plan: Plan) -> Iterator[str]:
    if plan.simulated:
        how = "with its logs" if plan.simulation == "eth_simulateV1" else "without logs: balances and the allowance alone"
        yield f"checked   simulated ({plan.simulation}), {how}"
        return
    yield "NOT CHECKED: it is sent with --unsimulated alone, and then at your own risk"
    for line in plan.unchecked:
        yield from wrap(line, _WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _flat(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and depth < 3:
        for key, inner in cast("Mapping[str, Any]", value).items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, str | int | bool) or value is None:
        yield name, str(value)
    else:
        yield name, "…"
