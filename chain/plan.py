"""A plan: the exact calls that an account would send, with what must come of them, for a second person to read and approve.

The hash of a plan is the SHA-256 of its ``plan`` member as canonical JSON (RFC 8785), so that anybody can compute it again::

    jq -cjS .plan purchase.json | sha256sum

It covers the chain, every target, calldata and value, the gas limits, the pins, the caps, what must come of it and until when it holds.
The member ``facts`` is what the node said when the plan was made, for people to read; nothing is decided by it. What a plan does is read
from its calldata, by :class:`Plan` itself: there is no field that could say otherwise. Account nonces and fees are chosen when it is sent,
within the caps.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, cast

from orderseal.chain.erc20 import Approve
from orderseal.chain.fees import MOST_WEI
from orderseal.chain.marketplace import Buy, Delist, List, Update
from orderseal.chain.pins import Pins, Units
from orderseal.signing.errors import InvalidInput, PlanMismatch, describe
from orderseal.signing.strict_json import JAVASCRIPT_SAFE, read_json
from orderseal.signing.values import Address, Hash32, hex_to_bytes

__all__ = ["ENDLESS", "FORM", "REVOKE_GAS", "UNLIMITED", "Caps", "Expected", "Kind", "Plan", "Step", "cost"]

FORM: Final = "orderseal-plan-1"
"""The form of the JSON. A plan of another form is refused."""

Kind = Literal["purchase", "list", "update", "delist", "approval", "unlimited-approval"]
Way = Literal["eth_simulateV1", "executor", "none"]

REVOKE_GAS: Final = 120_000
"""The gas limit of setting an allowance to zero."""

UNLIMITED: Final = 2**256 - 1
"""The allowance that many tokens never use up. A plan for it is of a kind of its own, ``unlimited-approval``."""

ENDLESS: Final = 2**255
"""An ``approval`` is of less: from here on an allowance is a limit in name alone."""

_Call = Buy | List | Update | Delist | Approve
_KINDS: Final[Mapping[Kind, type[_Call]]] = {
    "purchase": Buy,
    "list": List,
    "update": Update,
    "delist": Delist,
    "approval": Approve,
    "unlimited-approval": Approve,
}
_WAYS: Final = ("eth_simulateV1", "executor", "none")
_MAX: Final = 2**256 - 1
_MOST_GAS: Final = 2**32
_LATEST: Final = 253_402_300_799
_MOST_APPROVALS: Final = 2
_MOST_DECIMALS: Final = 77
_LONGEST_LINE: Final = 200
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_NAME: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_MOST_BYTES: Final = 1024 * 1024
_CORE: Final = (
    "form",
    "name",
    "kind",
    "chain_id",
    "account",
    "steps",
    "pins",
    "caps",
    "expected",
    "token_decimals",
    "valid_until",
    "simulation",
    "unchecked",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of a plan. It sends no coins: its value is 0.

    Attributes:
        to: the contract.
        data: calldata.
        gas: the gas limit.
    """

    to: Address
    data: bytes
    gas: int


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be spent at most.

    Attributes:
        max_total: base units of the token that is approved: of the currency for a purchase or an approval, else of the token that is sold.
        max_fee_per_gas: wei, in whatever transaction.
        max_fee: wei, in all transactions together that are needed if none is replaced.
    """

    max_total: int
    max_fee_per_gas: int
    max_fee: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of a plan, for the account.

    Attributes:
        leaves: base units of the approved token that leave.
        arrives: base units of the bought token that arrive; 0 unless it is a purchase.
        price: as the event must name it.
        allowance: base units that the marketplace, or the spender of an approval, may still take afterwards.
    """

    leaves: int
    arrives: int
    price: int
    allowance: int


@dataclass(frozen=True, slots=True)
class Plan:
    """See the head of the module. Frozen, and checked when it is made: what it says of itself follows from its calldata.

    Attributes:
        kind: what it is for.
        chain_id: of the chain.
        account: who sends it, and pays or sells.
        steps: in order: the approvals, if any, and the call; a withdrawal of a listing comes before its approval. An approval has no other
            call than its last ``approve``, and no step at all if the allowance was right when it was planned.
        pins: with the decimals of the currency and the units filled in. For an approval the marketplace stands for the spender, and the
            currency for the token; the units are whole ones.
        caps: see :class:`Caps`.
        expected: see :class:`Expected`.
        token_decimals: of the token that is bought or sold.
        valid_until: Unix seconds after which nothing of it is begun.
        simulation: in which way it was simulated.
        unchecked: the checks that could not be made, in words. Empty if all were.
        name: 16 hex digits that tell two plans for the same thing apart.
        facts: for people, as the node said; not covered by the hash, and not compared.

    Raises:
        InvalidInput: something has the wrong form.
        PlanMismatch: the calldata is not that of such a plan.
    """

    kind: Kind
    chain_id: int
    account: Address
    steps: tuple[Step, ...]
    pins: Pins
    caps: Caps
    expected: Expected
    token_decimals: int
    valid_until: int
    simulation: Way
    unchecked: tuple[str, ...]
    name: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, hash=False, repr=False)
    call: _Call = field(init=False, compare=False, repr=False)
    """What the plan is for, as its calldata says; of an approval without a step, what stands."""
    approvals: tuple[int, ...] = field(init=False, compare=False, repr=False)
    """What the marketplace is allowed to take, step by step, as the calldata says."""

    def __post_init__(self) -> None:
        self._check_form()
        if self.chain_id != self.pins.chain_id:
            raise PlanMismatch("plan.chain_id", expected=f"{self.pins.chain_id}, as pinned", actual=str(self.chain_id))
        if self.pins.currency.decimals is None or self.pins.units is None:
            raise InvalidInput(path="plan.pins", expected="pins with the currency's decimals and the units", actual="pins without")
        if self.simulation == "none" and not self.unchecked:
            raise InvalidInput(path="plan.unchecked", expected="that nothing was simulated", actual="nothing")
        call, approvals = self._decoded()
        object.__setattr__(self, "call", call)
        object.__setattr__(self, "approvals", approvals)
        self._check_expected()
        self._check_amounts()

    # -- What it says of itself --------------------------------------------------------------------------------------------------

    @property
    def token(self) -> Address:
        """The token that is bought or sold, or that an approval is about."""
        if isinstance(self.call, Approve):
            return self.pins.currency.address
        return self.call.house_token if isinstance(self.call, Buy) else self.call.token

    @property
    def approved_token(self) -> Address:
        """The token that the marketplace is allowed to take: the currency for a purchase, else what is sold."""
        return self.pins.currency.address if self.kind == "purchase" else self.token

    @property
    def spender(self) -> Address:
        """The marketplace, or whoever an approval is for."""
        return self.pins.marketplace.address

    @property
    def gas(self) -> int:
        """The gas limits together, with that of one revocation."""
        return sum([step.gas for step in self.steps]) + self.spare_gas

    @property
    def spare_gas(self) -> int:
        """What one revocation may need, should the plan fail half-way; 0 for a withdrawal, which has its own."""
        return 0 if self.kind == "delist" else REVOKE_GAS

    @property
    def simulated(self) -> bool:
        """Whether nothing was left unchecked."""
        return self.simulation != "none" and not self.unchecked

    @property
    def hash(self) -> Hash32:
        """What an approver names: see the head of the module."""
        return Hash32(hashlib.sha256(self.canonical()).digest())

    def what(self, index: int) -> str:
        """A step in a word: ``approve`` or what the plan is for, which of an approval is its last step."""
        return self.kind if index == self._call_index() else "approve"

    def _call_index(self) -> int:
        return 0 if self.kind == "delist" else len(self.steps) - 1

    # -- JSON --------------------------------------------------------------------------------------------------------------------

    def canonical(self) -> bytes:
        """The ``plan`` member as RFC 8785 has it. Keys and strings are ASCII, and no number needs more than an ``int`` below 2^53."""
        return json.dumps(self._core(), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    def to_json(self) -> dict[str, Any]:
        """For a file: ``plan``, ``hash`` and ``facts``."""
        return {"plan": self._core(), "hash": str(self.hash), "facts": dict(self.facts)}

    def _core(self) -> dict[str, Any]:
        return {
            "form": FORM,
            "name": self.name,
            "kind": self.kind,
            "chain_id": self.chain_id,
            "account": str(self.account),
            "steps": [{"to": str(step.to), "data": "0x" + step.data.hex(), "value": "0", "gas": str(step.gas)} for step in self.steps],
            "pins": self.pins.to_json(),
            "caps": {
                "max_total": str(self.caps.max_total),
                "max_fee_per_gas": str(self.caps.max_fee_per_gas),
                "max_fee": str(self.caps.max_fee),
            },
            "expected": {
                "leaves": str(self.expected.leaves),
                "arrives": str(self.expected.arrives),
                "price": str(self.expected.price),
                "allowance": str(self.expected.allowance),
            },
            "token_decimals": self.token_decimals,
            "valid_until": self.valid_until,
            "simulation": self.simulation,
            "unchecked": list(self.unchecked),
        }

    @classmethod
    def parse(cls, raw: bytes | str, path: str = "plan file") -> "Plan":
        """Read a file that :meth:`to_json` was written to.

        Raises:
            InvalidInput: it is no plan.
            PlanMismatch: the calldata is not that of such a plan, or the file's ``hash`` is not the plan's: it was changed.
        """
        if len(raw) > _MOST_BYTES:
            raise InvalidInput(path=path, expected=f"at most {_MOST_BYTES} bytes", actual=f"{len(raw)} bytes")
        document = _members(read_json(raw, path), path, ("plan", "hash", "facts"))
        facts = document["facts"]
        if not isinstance(facts, dict):
            raise InvalidInput(path=f"{path}.facts", expected="an object", actual=describe(facts))
        plan = _read_core(document["plan"], cast("Mapping[str, Any]", facts))
        if document["plan"] != plan._core():  # Else another program, which hashes what stands there, would find another hash.
            raise InvalidInput(path=f"{path}.plan", expected="the form that to_json() writes", actual="another spelling of the same")
        if document["hash"] != str(plan.hash):
            hint = "The file was changed after it was made. Make a new plan"
            raise PlanMismatch(f"{path}.hash", expected=str(plan.hash), actual=describe(document["hash"]), hint=hint)
        return plan

    # -- Checks ------------------------------------------------------------------------------------------------------------------

    def _check_form(self) -> None:
        """Whatever :meth:`parse` asks of a file holds of every plan, so that each is read back as it was written."""
        _one_of(self.kind, "plan.kind", tuple(_KINDS))
        _one_of(self.simulation, "plan.simulation", _WAYS)
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InvalidInput(path="plan.name", expected="16 hexadecimal digits", actual=describe(self.name))
        for index, line in enumerate(self.unchecked):
            if type(line) is not str or not line.isascii() or not line.isprintable() or len(line) > _LONGEST_LINE:
                raise InvalidInput(path=f"plan.unchecked[{index}]", expected="a line of ASCII", actual=describe(line))
        _small(self.chain_id, "plan.chain_id", JAVASCRIPT_SAFE - 1)
        _small(self.token_decimals, "plan.token_decimals", _MOST_DECIMALS)
        _small(self.valid_until, "plan.valid_until", _LATEST)
        for index, step in enumerate(self.steps):
            _small(step.gas, f"plan.steps[{index}].gas", _MOST_GAS)
        for owner, path in ((self.caps, "plan.caps"), (self.expected, "plan.expected")):
            for each in fields(owner):
                _small(getattr(owner, each.name), f"{path}.{each.name}", MOST_WEI if each.name == "max_fee_per_gas" else _MAX)

    def _decoded(self) -> tuple[_Call, tuple[int, ...]]:
        calls = _KINDS[self.kind]
        if calls is Approve:
            return self._decoded_approval()
        if not 1 <= len(self.steps) <= _MOST_APPROVALS + 1:
            raise PlanMismatch("plan.steps", expected=f"1 to {_MOST_APPROVALS + 1} steps", actual=str(len(self.steps)))
        at = self._call_index()
        call = _decode(calls, self.steps[at], self.spender, "the pinned marketplace", f"plan.steps[{at}]")
        token = self.pins.currency.address if isinstance(call, Buy) else call.token
        approvals: list[int] = []
        for index in range(len(self.steps)):
            if index == at:
                continue
            approvals.append(self._approve(index, token, "the token that is paid with or sold").value)
        return call, tuple(approvals)

    def _decoded_approval(self) -> tuple[Approve, tuple[int, ...]]:
        if len(self.steps) > _MOST_APPROVALS:
            raise PlanMismatch("plan.steps", expected=f"at most {_MOST_APPROVALS} steps", actual=str(len(self.steps)))
        found = [self._approve(index, self.pins.currency.address, "the pinned token") for index in range(len(self.steps))]
        standing = Approve(spender=self.spender, value=self.expected.allowance)
        return found[-1] if found else standing, tuple([call.value for call in found])

    def _approve(self, index: int, token: Address, what: str) -> Approve:
        path = f"plan.steps[{index}]"
        found: Approve = _decode(Approve, self.steps[index], token, what, path)
        if found.spender != self.spender:
            role = "spender" if _KINDS[self.kind] is Approve else "marketplace"
            raise PlanMismatch(f"{path}.data: spender", expected=f"{self.spender}, the pinned {role}", actual=str(found.spender))
        return found

    def _check_expected(self) -> None:
        """What must come of it follows from the call, the price and the units, but for who keeps the tokens of a listing."""
        call, found, units = self.call, self.expected, cast("Units", self.pins.units)
        if isinstance(call, Approve):
            wanted = Expected(0, 0, 0, call.value)
        elif isinstance(call, Buy):
            leaves, arrives = cost(units, call.amount, found.price)
            wanted = Expected(leaves, arrives, found.price, 0)
        elif isinstance(call, Delist):
            wanted = Expected(0, 0, 0, 0)
        else:
            offered, price = call.token_amount * units.unit, call.price if isinstance(call, List) else call.new_price
            wanted = Expected(offered, 0, price, 0) if found.leaves else Expected(0, 0, price, offered)
        for each in fields(wanted):
            expected, actual = getattr(wanted, each.name), getattr(found, each.name)
            if expected != actual:
                raise PlanMismatch(f"plan.expected.{each.name}", expected=f"{expected}, by the calldata", actual=str(actual))

    def _check_amounts(self) -> None:
        if isinstance(self.call, Approve):
            self._check_approval(self.call)
        else:
            self._check_tokens(self.call)
        last = self.approvals[-1] if self.approvals else None
        wanted = {"purchase": self.expected.leaves, "delist": 0}.get(self.kind, self.expected.leaves + self.expected.allowance)
        if last is not None and last != wanted:
            raise PlanMismatch("plan.steps: approval", expected=f"exactly {wanted} base units", actual=str(last))
        if any(self.approvals[:-1]):
            raise PlanMismatch("plan.steps: approval", expected="0 before the last", actual=str(self.approvals[0]))
        if wanted > self.caps.max_total:
            what = "allowance" if isinstance(self.call, Approve) else "leaves"
            raise PlanMismatch(f"plan.expected.{what}", expected=f"at most {self.caps.max_total}, the cap", actual=str(wanted))
        if self.gas * self.caps.max_fee_per_gas > self.caps.max_fee:
            most = self.gas * self.caps.max_fee_per_gas
            raise PlanMismatch(
                "plan.caps.max_fee", expected=f"at least {most} wei, which the gas limits allow", actual=str(self.caps.max_fee)
            )

    def _check_tokens(self, call: Buy | List | Update | Delist) -> None:
        payment = getattr(call, "payment_token", self.pins.currency.address)
        if payment != self.pins.currency.address:
            raise PlanMismatch("plan.steps: currency", expected=f"{self.pins.currency.address}, as pinned", actual=str(payment))
        if self.pins.tokens and self.token not in self.pins.tokens:
            raise PlanMismatch("plan.steps: token", expected="a token of the pins", actual=str(self.token))
        if self.token in (self.pins.currency.address, self.spender):
            raise PlanMismatch("plan.steps: token", expected="neither the currency nor the marketplace", actual=str(self.token))

    def _check_approval(self, call: Approve) -> None:
        if (call.value != UNLIMITED) if self.kind == "unlimited-approval" else (call.value >= ENDLESS):
            wanted = "2^256-1" if self.kind == "unlimited-approval" else "less than 2^255: unlimited-approval is for more"
            raise PlanMismatch("plan.steps: approval", expected=wanted, actual=str(call.value))
        if len(self.approvals) > 1 and not call.value:
            raise PlanMismatch("plan.steps", expected="one step that sets it to zero", actual=str(len(self.approvals)))
        if self.token_decimals != self.pins.currency.decimals:
            expected = f"{self.pins.currency.decimals}, as pinned"
            raise PlanMismatch("plan.token_decimals", expected=expected, actual=str(self.token_decimals))
        units = Units(1, 10**self.token_decimals)
        if (self.pins.units, self.pins.tokens) != (units, None):
            raise InvalidInput(path="plan.pins", expected="whole units, and no tokens, for an approval", actual="others")
        if self.pins.marketplace.facet is not None:
            hint = "Any of a diamond's facets can use the allowance, and pins hold one"
            raise InvalidInput(path="plan.pins.marketplace.facet", expected="none for an approval", actual="a facet", hint=hint)


def cost(units: Units, amount: int, price: int) -> tuple[int, int]:
    """What a purchase costs and what it delivers, in base units of the currency and of the token.

    Raises:
        InvalidInput: 2^256 or more.
    """
    leaves, arrives = -(-amount * price // units.price_scale), amount * units.unit
    for path, value in (("total", leaves), ("what arrives", arrives)):
        if value > _MAX:
            raise InvalidInput(path=path, expected="less than 2^256 base units", actual=describe(value))
    return leaves, arrives


def _decode(kind: type[Any], step: Step, to: Address, what: str, path: str) -> Any:
    if step.to != to:
        raise PlanMismatch(f"{path}.to", expected=f"{to}, {what}", actual=str(step.to))
    try:
        return kind.decode(step.data)
    except InvalidInput as error:
        raise PlanMismatch(f"{path}.data", expected=f"a call of {kind.abi.signature}", actual=error.actual) from None


def _members(value: object, path: str, names: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or set(cast("Mapping[str, Any]", value)) != set(names):
        found = ", ".join(sorted(cast("Mapping[str, Any]", value)))[:200] if isinstance(value, dict) else describe(value)
        raise InvalidInput(path=path, expected=f"an object with {', '.join(names)}", actual=found or "none")
    return cast("Mapping[str, Any]", value)


def _number(value: object, path: str, most: int = _MAX) -> int:
    # Not isinstance: a JSON number that is too large for an int is read as a text of another class.
    if type(value) is not str or not _NUMBER.fullmatch(value) or int(value) > most:
        raise InvalidInput(path=path, expected=f"a whole number as text, at most {most}", actual=describe(value))
    return int(value)


def _small(value: object, path: str, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidInput(path=path, expected=f"a whole number from 0 to {most}", actual=describe(value))
    return value


def _one_of(value: object, path: str, words: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in words:
        raise InvalidInput(path=path, expected=" or ".join(words), actual=describe(value))


def _list(value: object, path: str, most: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(cast("Sequence[Any]", value)) > most:
        raise InvalidInput(path=path, expected=f"a list of at most {most}", actual=describe(value))
    return cast("Sequence[Any]", value)


def _address(value: object, path: str) -> Address:
    try:
        return Address(cast("str", value))
    except InvalidInput as error:
        error.path = path
        raise


def _step(value: object, path: str) -> Step:
    found = _members(value, path, ("to", "data", "value", "gas"))
    raw = hex_to_bytes(found["data"]) if isinstance(found["data"], str) else None
    if raw is None:
        raise InvalidInput(path=f"{path}.data", expected="0x and an even number of hexadecimal digits", actual=describe(found["data"]))
    if found["value"] != "0":
        raise PlanMismatch(f"{path}.value", expected="0", actual=describe(found["value"]))
    return Step(_address(found["to"], f"{path}.to"), raw, _number(found["gas"], f"{path}.gas", _MOST_GAS))


def _read_core(value: object, facts: Mapping[str, Any]) -> Plan:
    core = _members(value, "plan", _CORE)
    if core["form"] != FORM:
        raise InvalidInput(path="plan.form", expected=FORM, actual=describe(core["form"]))
    caps = _members(core["caps"], "plan.caps", ("max_total", "max_fee_per_gas", "max_fee"))
    expected = _members(core["expected"], "plan.expected", ("leaves", "arrives", "price", "allowance"))
    return Plan(
        kind=core["kind"],
        chain_id=core["chain_id"],
        account=_address(core["account"], "plan.account"),
        steps=tuple([_step(step, f"plan.steps[{n}]") for n, step in enumerate(_list(core["steps"], "plan.steps", 8))]),
        pins=Pins.parse(core["pins"], "plan.pins"),
        caps=Caps(**{name: _number(caps[name], f"plan.caps.{name}") for name in caps}),
        expected=Expected(**{name: _number(expected[name], f"plan.expected.{name}") for name in expected}),
        token_decimals=core["token_decimals"],
        valid_until=core["valid_until"],
        simulation=core["simulation"],
        unchecked=tuple(_list(core["unchecked"], "plan.unchecked", 20)),
        name=core["name"],
        facts=facts,
    )
