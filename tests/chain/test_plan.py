"""A plan as a file: read back as it was written, hashed as others hash it, and refused when anything in it was changed."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from tests.chain.plans import (
    ACCOUNT,
    CAPS,
    CURRENCY,
    DELISTING,
    HOUSE,
    HUGE,
    LIST_CALL,
    LISTING,
    MARKET,
    MOST,
    OFFERED,
    PINS,
    PLANS,
    PURCHASE,
    SALE_CAPS,
    THIEF,
    UNCHECKED,
    UPDATE,
    approve,
    buy,
)
from tests.chain.purchases import packed

from orderseal.chain.fees import MOST_WEI
from orderseal.chain.pins import Units
from orderseal.chain.plan import FORM, Expected, Plan, Step, cost
from orderseal.signing import Address, InvalidInput, OrdersealError, PlanMismatch


def text_of(plan: Plan) -> str:
    return json.dumps(plan.to_json())


def sealed(core: Any, facts: Any = None) -> str:
    """A file of a plan that was changed, with the hash computed again by another library, as whoever means harm would do."""
    return json.dumps({"plan": core, "hash": "0x" + hashlib.sha256(rfc8785.dumps(core)).hexdigest(), "facts": facts or {}})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list) and value:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*path, key))
    else:
        yield path


def put(document: Any, path: tuple[Any, ...], other: Any) -> Any:
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other(inner[path[-1]]) if callable(other) else other
    return changed


# -- Good ones ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANS)
def test_round_trip(name: str) -> None:
    plan = PLANS[name]
    for text in (text_of(plan), text_of(plan).encode(), json.dumps(plan.to_json(), indent=3, ensure_ascii=False)):
        again = Plan.parse(text)
        assert again == plan
        assert (again.hash, again.call, again.approvals, dict(again.facts)) == (plan.hash, plan.call, plan.approvals, dict(plan.facts))
        assert again.to_json() == plan.to_json()


@pytest.mark.parametrize("name", PLANS)
def test_the_hash_is_sha256_of_rfc_8785_by_another_library(name: str) -> None:
    document = json.loads(text_of(PLANS[name]))
    canonical = rfc8785.dumps(document["plan"])
    assert canonical == PLANS[name].canonical()
    assert document["hash"] == "0x" + hashlib.sha256(canonical).hexdigest()


@pytest.mark.once
def test_the_hash_as_the_manual_says(tmp_path: Path) -> None:
    """``jq -cjS .plan purchase.json | sha256sum``, and Python's own words where jq is not installed."""
    file = tmp_path / "purchase.json"
    file.write_text(json.dumps(HUGE.to_json(), indent=2), "utf-8")
    jq = shutil.which("jq")
    if jq is not None:
        done = subprocess.run([jq, "-cjS", ".plan", str(file)], capture_output=True, timeout=20, check=True)
        assert "0x" + hashlib.sha256(done.stdout).hexdigest() == str(HUGE.hash)
    node = shutil.which("node")
    assert node is not None
    script = (
        "const sort = v => Array.isArray(v) ? v.map(sort) : v && typeof v === 'object' ?"
        " Object.fromEntries(Object.keys(v).sort().map(k => [k, sort(v[k])])) : v;"
        "const p = JSON.parse(require('fs').readFileSync(process.argv[1])).plan;"
        "console.log(require('crypto').createHash('sha256').update(JSON.stringify(sort(p))).digest('hex'))"
    )
    done = subprocess.run([node, "-e", script, str(file)], capture_output=True, timeout=20, check=True)
    assert "0x" + done.stdout.decode().strip() == str(HUGE.hash)


def test_what_a_plan_says_of_itself() -> None:
    assert (PURCHASE.token, PURCHASE.approved_token, PURCHASE.spender) == (HOUSE, CURRENCY, MARKET)
    assert (LISTING.token, LISTING.approved_token, LISTING.spender) == (HOUSE, HOUSE, MARKET)
    assert [PURCHASE.what(index) for index in range(3)] == ["approve", "approve", "purchase"]
    assert [DELISTING.what(index) for index in range(2)] == ["delist", "approve"]
    assert [UPDATE.what(index) for index in range(2)] == ["approve", "update"]
    assert (PURCHASE.gas, PURCHASE.simulated, UNCHECKED.simulated) == (420_000 + 120_000, True, False)
    assert replace(PURCHASE, unchecked=("something",)).simulated is False
    assert PURCHASE.approvals == (0, 2200)
    assert DELISTING.approvals == (0,)
    assert (PURCHASE.call.amount, LISTING.call.price, UPDATE.call.new_price) == (5, 440, 450)  # type: ignore[union-attr]
    assert len({plan.hash for plan in PLANS.values()}) == len(PLANS)
    assert hash(PURCHASE) == hash(Plan.parse(text_of(PURCHASE)))


def test_facts_are_not_part_of_it() -> None:
    other = Plan.parse(json.dumps(PURCHASE.to_json() | {"facts": {"symbol": "USDT", "anything": [1, None, {"deep": "\u202e"}]}}))
    assert other == PURCHASE
    assert other.hash == PURCHASE.hash
    assert other.facts["symbol"] == "USDT"


@given(st.randoms(use_true_random=False), st.sampled_from(sorted(PLANS)), st.sampled_from([None, 1, "\t"]))
def test_keys_in_any_order_and_spaces_are_the_same_plan(random: Any, name: str, indent: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert Plan.parse(json.dumps(shuffled(PLANS[name].to_json()), indent=indent)) == PLANS[name]


@given(st.text(max_size=30))
def test_any_facts(text: str) -> None:
    clean = text.encode(errors="replace").decode()
    plan = replace(PURCHASE, facts={"a": clean})
    assert Plan.parse(text_of(plan)).facts == {"a": clean}


# -- A file that was changed --------------------------------------------------------------------------------------------------------


def changes_of(value: Any) -> list[Any]:
    """Other values, of the same form and of others."""
    if isinstance(value, str) and value.isdigit():
        near = [
            str(int(value) + 1),
            str(max(int(value) - 1, 0)),
            "0",
            str(MOST),
            str(MOST + 1),
            "0" + value,
            "-" + value,
            value + ".0",
            int(value),
        ]
    elif isinstance(value, str):
        near = [
            value.upper(),
            value.lower(),
            value[:-1],
            value + "0",
            " " + value,
            value.replace("0", "1", 1),
            "0x" + "ee" * ((len(value) - 2) // 2),
        ]
    elif isinstance(value, int):
        near = [value + 1, value - 1, -value, float(value), str(value), 2**53, True]
    else:
        near = []
    return [other for other in [*near, None, [], {}, "", 0, [value], {"": value}] if type(other) is not type(value) or other != value]


@pytest.mark.parametrize("name", PLANS)
def test_every_single_change_without_a_new_hash_is_refused(name: str) -> None:
    document = json.loads(text_of(PLANS[name]))
    document["facts"] = {}
    count = 0
    for path in leaves(document):
        if path == ("facts",):
            continue
        inner = document
        for key in path:
            inner = inner[key]
        for other in changes_of(inner):
            count += 1
            with pytest.raises((InvalidInput, PlanMismatch)) as caught:
                Plan.parse(json.dumps(put(document, path, other)))
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 600
    assert count > 300


FREE = {
    ("name",),
    ("account",),
    ("token_decimals",),
    ("valid_until",),
    ("simulation",),
    ("unchecked",),
    ("caps", "max_total"),
    ("caps", "max_fee"),
    ("caps", "max_fee_per_gas"),
    ("pins", "currency", "decimals"),
    ("pins", "currency", "code_hash"),
    ("pins", "marketplace", "code_hash"),
    ("pins", "marketplace", "implementation", "code_hash"),
    ("pins", "marketplace", "implementation", "address"),
}
"""What may be changed with a new hash and still is a plan: the approver reads it, and it is held against the chain before each step."""


@pytest.mark.parametrize("name", PLANS)
def test_changes_with_a_new_hash_change_nothing_that_is_hidden(name: str) -> None:
    """Whoever changes a field and computes the hash again gets an error, or a plan that shows it and has another hash."""
    plan = PLANS[name]
    core = json.loads(text_of(plan))["plan"]
    for path in leaves(core):
        inner = core
        for key in path:
            inner = inner[key]
        for other in changes_of(inner):
            changed = put(core, path, other)
            try:
                text = sealed(changed)
            except (rfc8785.CanonicalizationError, UnicodeError):
                continue
            try:
                found = Plan.parse(text)
            except (InvalidInput, PlanMismatch):
                continue
            assert json.loads(text_of(found))["plan"] == changed, path
            assert found.hash != plan.hash, path
            gas = path[0] == "steps" and path[-1] == "gas"
            units = path == ("pins", "units", "price_scale") or (path[0] == "expected" and path[1] == "price")
            unused = name == "delist" and path == ("pins", "units", "unit")
            assert path in FREE or gas or units or unused or path[0] == "unchecked", (path, other)
            assert (found.call, found.approvals, found.steps[0].to) == (plan.call, plan.approvals, plan.steps[0].to)
            if units:  # Only where rounding gives the same sum.
                assert found.expected.leaves == plan.expected.leaves


@pytest.mark.parametrize("name", PLANS)
def test_other_members_and_missing_ones(name: str) -> None:
    document = json.loads(text_of(PLANS[name]))
    owners: list[tuple[Any, ...]] = [(), ("plan",), ("plan", "caps"), ("plan", "expected"), ("plan", "steps", 0), ("plan", "pins")]
    for path in owners:
        changed = copy.deepcopy(document)
        owner = changed
        for key in path:
            owner = owner[key]
        for key in set(owner) - {"tokens"}:  # Which pins need not have.
            missing = copy.deepcopy(document)
            inner = missing
            for step in path:
                inner = inner[step]
            del inner[key]
            with pytest.raises((InvalidInput, PlanMismatch)):
                Plan.parse(sealed(missing["plan"]) if path and "plan" in missing else json.dumps(missing))
        owner["comment"] = "harmless"
        with pytest.raises(InvalidInput):
            Plan.parse(sealed(changed["plan"]) if path else json.dumps(changed))


def test_a_number_that_javascript_would_round_is_not_its_text() -> None:
    """``"max_fee":"10000000000000000"`` and ``"max_fee":10000000000000000`` have other hashes for everybody else."""
    text = text_of(PURCHASE)
    assert text.count('"10000000000000000"') == 1
    with pytest.raises(InvalidInput, match="whole number as text"):
        Plan.parse(text.replace('"10000000000000000"', "10000000000000000"))
    unchecked = text_of(replace(PURCHASE, unchecked=("1.50",)))
    assert unchecked.count('"1.50"') == 1
    with pytest.raises(InvalidInput, match="unchecked"):
        Plan.parse(unchecked.replace('"1.50"', "1.50"))


def test_the_same_in_another_spelling() -> None:
    document = json.loads(text_of(PURCHASE))
    places: list[tuple[Any, ...]] = [("account",), ("steps", 0, "to"), ("pins", "marketplace", "address"), ("pins", "tokens", 0)]
    for path in places:
        changed = put(document["plan"], path, str.lower)
        with pytest.raises(InvalidInput, match="another spelling"):
            Plan.parse(sealed(changed))
        with pytest.raises(InvalidInput, match="another spelling"):
            Plan.parse(json.dumps(document | {"plan": changed}))
    places = [("steps", 0, "data"), ("pins", "marketplace", "code_hash")]
    for path in places:
        changed = put(document["plan"], path, lambda text: "0x" + text[2:].upper())
        if changed != document["plan"]:
            with pytest.raises(InvalidInput):
                Plan.parse(sealed(changed))
    others: list[tuple[tuple[str, ...], Any]] = [
        (("chain_id",), "17000"),
        (("pins", "chain_id"), "17000"),
        (("pins", "units", "price_scale"), 1),
    ]
    for path, other in others:
        with pytest.raises(InvalidInput):
            Plan.parse(sealed(put(document["plan"], path, other)))


@pytest.mark.parametrize("other", ["", "0x", "0x" + "0" * 64, None, 7, []], ids=str)
def test_another_hash_in_the_file(other: Any) -> None:
    document = PURCHASE.to_json()
    with pytest.raises(PlanMismatch, match=r"hash: expected 0x[0-9a-f]{64}"):
        Plan.parse(json.dumps(document | {"hash": other}))
    with pytest.raises(PlanMismatch):
        Plan.parse(json.dumps(document | {"hash": document["hash"].upper().replace("0X", "0x")}))


@pytest.mark.parametrize("facts", [None, [], "text", 7, True], ids=str)
def test_facts_that_are_none(facts: Any) -> None:
    with pytest.raises(InvalidInput, match="facts"):
        Plan.parse(json.dumps(PURCHASE.to_json() | {"facts": facts}))


@pytest.mark.parametrize("form", ["orderseal-plan-2", "", None, 1])
def test_another_form(form: Any) -> None:
    assert FORM == "orderseal-plan-1"
    with pytest.raises(InvalidInput, match=r"plan\.form"):
        Plan.parse(sealed(PURCHASE.to_json()["plan"] | {"form": form}))


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    with pytest.raises(OrdersealError):
        Plan.parse(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.data(), JSON)
def test_any_json_in_any_place(data: st.DataObject, value: Any) -> None:
    name = data.draw(st.sampled_from(sorted(PLANS)))
    document = json.loads(text_of(PLANS[name]))
    path = data.draw(st.sampled_from([path for path in leaves(document) if path[0] != "facts"]))
    cut = data.draw(st.integers(1, len(path)))
    changed = put(document, path[:cut], value)
    if changed == document:
        return
    with pytest.raises((InvalidInput, PlanMismatch)):
        Plan.parse(json.dumps(changed))


@given(st.data())
def test_a_few_bytes_of_a_file_changed(data: st.DataObject) -> None:
    raw = bytearray(text_of(replace(PURCHASE, facts={})).encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = Plan.parse(bytes(raw))
    except OrdersealError:
        return
    assert found == PURCHASE, "spaces, an empty fact, or nothing was changed"


def test_too_long_and_too_deep() -> None:
    with pytest.raises(InvalidInput, match="1048576 bytes"):
        Plan.parse(b" " * (1024 * 1024 + 1))
    with pytest.raises(InvalidInput):
        Plan.parse("[" * 100_000)
    with pytest.raises(InvalidInput):
        Plan.parse('{"plan":' * 1000)
    assert Plan.parse(text_of(PURCHASE) + " " * 1000) == PURCHASE


# -- Calldata that is not such a plan's ----------------------------------------------------------------------------------------------


def remade(**changes: Any) -> str:
    """A file whose steps or pins are others, sealed anew."""
    core = json.loads(text_of(PURCHASE))["plan"]
    for key, value in changes.items():
        core[key] = value
    return sealed(core)


def step_json(step: Step, **changes: str) -> dict[str, str]:
    return {"to": str(step.to), "data": "0x" + step.data.hex(), "value": "0", "gas": str(step.gas)} | changes


TRANSFER_FROM = packed("transferFrom(address,address,uint256)", ACCOUNT, THIEF, 1)
WRONG_STEPS: dict[str, list[dict[str, str]]] = {
    "no step": [],
    "only an approval": [step_json(approve(2200))],
    "the call first": [step_json(buy()), step_json(approve(2200))],
    "two calls": [step_json(approve(2200)), step_json(buy()), step_json(buy())],
    "four steps": [step_json(approve(0)), step_json(approve(0)), step_json(approve(2200)), step_json(buy())],
    "nine steps": [step_json(approve(0))] * 8 + [step_json(buy())],
    "another spender": [step_json(approve(2200, spender=THIEF)), step_json(buy())],
    "another spender in the reset": [step_json(approve(0, spender=THIEF)), step_json(approve(2200)), step_json(buy())],
    "a larger approval": [step_json(approve(2201)), step_json(buy())],
    "an approval of all": [step_json(approve(MOST)), step_json(buy())],
    "a smaller approval": [step_json(approve(2199)), step_json(buy())],
    "only the reset": [step_json(approve(0)), step_json(buy())],
    "the reset last": [step_json(approve(2200)), step_json(approve(0)), step_json(buy())],
    "a reset that is none": [step_json(approve(1)), step_json(approve(2200)), step_json(buy())],
    "twice the approval": [step_json(approve(2200)), step_json(approve(2200)), step_json(buy())],
    "an approval of another token": [step_json(approve(2200, token=HOUSE)), step_json(buy())],
    "an approval of a third token": [step_json(approve(2200, token=THIEF)), step_json(buy())],
    "a call of another contract": [step_json(approve(2200)), step_json(buy(), to=str(THIEF))],
    "a call of the currency": [step_json(approve(2200)), step_json(buy(), to=str(CURRENCY))],
    "another amount": [step_json(approve(2200)), step_json(buy(6))],
    "amount zero": [step_json(approve(2200)), step_json(buy(0))],
    "another token": [step_json(approve(2200)), step_json(buy(token=THIEF))],
    "the currency for a token": [step_json(approve(2200)), step_json(buy(token=CURRENCY))],
    "the market for a token": [step_json(approve(2200)), step_json(buy(token=MARKET))],
    "another currency": [step_json(approve(2200)), step_json(buy(currency=THIEF))],
    "a transfer": [step_json(approve(2200)), step_json(Step(MARKET, packed("transfer(address,uint256)", THIEF, 2200), 9))],
    "a transferFrom for an approval": [step_json(Step(CURRENCY, TRANSFER_FROM, 9)), step_json(buy())],
    "increaseAllowance": [
        step_json(Step(CURRENCY, packed("increaseAllowance(address,uint256)", MARKET, 2200), 9)),
        step_json(buy()),
    ],
    "a list": [step_json(approve(2200)), step_json(Step(MARKET, LIST_CALL, 9))],
    "coins": [step_json(approve(2200)), step_json(buy(), value="1")],
    "coins with the approval": [step_json(approve(2200), value="1"), step_json(buy())],
    "value in hex": [step_json(approve(2200), value="0x0"), step_json(buy())],
    "no calldata": [step_json(approve(2200)), step_json(buy(), data="0x")],
    "a selector alone": [step_json(approve(2200)), step_json(buy(), data="0x" + buy().data[:4].hex())],
    "a byte too many": [step_json(approve(2200)), step_json(buy(), data="0x" + buy().data.hex() + "00")],
    "a word too many": [step_json(approve(2200), data="0x" + approve(2200).data.hex() + "00" * 32), step_json(buy())],
    "a byte too few": [step_json(approve(2200)), step_json(buy(), data="0x" + buy().data[:-1].hex())],
    "dirty upper bytes": [
        step_json(approve(2200), data="0x" + approve(2200).data.hex().replace("0" * 24, "01" + "0" * 22, 1)),
        step_json(buy()),
    ],
    "half a digit": [step_json(approve(2200)), step_json(buy(), data="0x1")],
    "no prefix": [step_json(approve(2200)), step_json(buy(), data=buy().data.hex())],
    "gas of 2^32 and more": [step_json(approve(2200)), step_json(buy(), gas=str(2**32 + 1))],
    "gas that the cap does not pay": [step_json(approve(2200)), step_json(buy(), gas=str(2**31))],
}


@pytest.mark.parametrize("steps", WRONG_STEPS.values(), ids=WRONG_STEPS)
def test_calldata_that_is_not_a_purchase_is_refused_whatever_its_hash(steps: list[dict[str, str]]) -> None:
    with pytest.raises((InvalidInput, PlanMismatch)):
        Plan.parse(remade(steps=steps))


@pytest.mark.parametrize(
    "steps", [[approve(2200), buy()], [buy()], [approve(0), approve(2200), buy()]], ids=["approve", "as it stands", "reset"]
)
def test_these_are_purchases(steps: list[Step]) -> None:
    assert len(Plan.parse(remade(steps=[step_json(step) for step in steps])).steps) == len(steps)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("list", {"steps": (approve(OFFERED + 1, HOUSE), LISTING.steps[1])}),
        ("list", {"steps": (approve(OFFERED, CURRENCY), LISTING.steps[1])}),
        ("list", {"expected": Expected(0, 0, 441, OFFERED)}),
        ("list", {"expected": Expected(1, 0, 440, OFFERED - 1)}),
        ("list", {"expected": Expected(0, 1, 440, OFFERED)}),
        ("list", {"expected": Expected(0, 0, 440, OFFERED - 1)}),
        ("list", {"expected": Expected(OFFERED, 0, 440, OFFERED)}),
        ("list", {"caps": replace(SALE_CAPS, max_total=OFFERED - 1)}),
        ("list", {"kind": "update"}),
        ("list", {"kind": "purchase"}),
        ("list", {"pins": replace(PINS, currency=replace(PINS.currency, address=THIEF))}),
        ("list", {"pins": replace(PINS, tokens=(THIEF,))}),
        ("list", {"steps": LISTING.steps[::-1]}),
        ("update", {"expected": Expected(0, 0, 440, OFFERED)}),
        ("update", {"kind": "list"}),
        ("delist", {"expected": Expected(0, 0, 0, 1)}),
        ("delist", {"expected": Expected(1, 0, 0, 0)}),
        ("delist", {"expected": Expected(0, 0, 440, 0)}),
        ("delist", {"steps": (DELISTING.steps[0], approve(1, HOUSE))}),
        ("delist", {"steps": (DELISTING.steps[0], approve(0, CURRENCY))}),
        ("delist", {"steps": DELISTING.steps[::-1]}),
        ("purchase", {"expected": Expected(2200, 5 * 10**18, 440, 1)}),
        ("purchase", {"expected": Expected(2200, 5 * 10**18 - 1, 440, 0)}),
        ("purchase", {"expected": Expected(2200, 0, 440, 0)}),
        ("purchase", {"expected": Expected(2199, 5 * 10**18, 440, 0)}),
        ("purchase", {"expected": Expected(2200, 5 * 10**18, 439, 0)}),
        ("purchase", {"caps": replace(CAPS, max_total=2199)}),
        ("purchase", {"caps": replace(CAPS, max_fee=420_000 * 10**10 - 1)}),
        ("purchase", {"pins": replace(PINS, units=None)}),
        ("purchase", {"pins": replace(PINS, currency=replace(PINS.currency, decimals=None))}),
        ("purchase", {"pins": replace(PINS, units=Units(1, 1))}),
        ("purchase", {"pins": replace(PINS, chain_id=97)}),
        ("purchase", {"chain_id": 97}),
        ("purchase", {"simulation": "none"}),
        ("purchase", {"simulation": "other"}),
        ("purchase", {"simulation": []}),
        ("purchase", {"kind": "sell"}),
        ("purchase", {"kind": []}),
        ("purchase", {"kind": {}}),
        ("purchase", {"kind": None}),
        ("purchase", {"name": "\u0661" * 16}),
        ("purchase", {"name": "00112233445566FF"}),
        ("purchase", {"unchecked": ("caf\u00e9",)}),
        ("purchase", {"unchecked": ("two\nlines",)}),
        ("purchase", {"unchecked": ("x" * 201,)}),
        ("purchase", {"unchecked": (7,)}),
        ("purchase", {"token_decimals": 78}),
        ("purchase", {"token_decimals": True}),
        ("purchase", {"valid_until": 253_402_300_800}),
        ("purchase", {"valid_until": 1.5}),
        ("purchase", {"caps": replace(CAPS, max_fee_per_gas=MOST_WEI + 1, max_fee=MOST)}),
        ("purchase", {"caps": replace(CAPS, max_fee=MOST + 1)}),
        ("purchase", {"caps": replace(CAPS, max_total=-1)}),
        ("purchase", {"steps": (replace(approve(2200), gas=True), buy())}),
        ("purchase", {"steps": (replace(approve(2200), gas=-1), buy())}),
        ("huge", {"pins": replace(HUGE.pins, chain_id=2**53), "chain_id": 2**53}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_what_is_no_plan_cannot_be_made(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises((InvalidInput, PlanMismatch)):
        replace(PLANS[kind], **changes)


@pytest.mark.parametrize("token", [CURRENCY, MARKET], ids=["currency", "marketplace"])
def test_neither_the_currency_nor_the_marketplace_is_bought(token: Address) -> None:
    free = replace(PURCHASE, pins=replace(PINS, tokens=None))
    assert replace(free, steps=(approve(2200), buy(token=THIEF))).token == THIEF
    with pytest.raises(PlanMismatch, match="neither"):
        replace(free, steps=(approve(2200), buy(token=token)))


def test_the_largest_that_can_be_made() -> None:
    for step_gas in (0, 2**32):
        caps = replace(CAPS, max_fee_per_gas=0)
        plan = replace(PURCHASE, steps=(replace(approve(2200), gas=step_gas), buy()), caps=caps)
        assert Plan.parse(text_of(plan)) == plan
    assert replace(PURCHASE, unchecked=("x" * 200,)).unchecked == ("x" * 200,)
    assert replace(PURCHASE, caps=replace(CAPS, max_fee=540_000 * 10**10, max_total=2200)).gas == 540_000


@given(st.integers(1, MOST), st.integers(1, MOST), st.integers(1, MOST), st.integers(1, MOST))
def test_cost(price_scale: int, unit: int, amount: int, price: int) -> None:
    wanted = (amount * price + price_scale - 1) // price_scale, amount * unit
    if max(wanted) <= MOST:
        assert cost(Units(price_scale, unit), amount, price) == wanted
    else:
        with pytest.raises(InvalidInput):
            cost(Units(price_scale, unit), amount, price)


def test_the_fields_are_the_files() -> None:
    named = {each.name for each in fields(Plan) if each.init} - {"facts"} | {"form"}
    assert set(PURCHASE.to_json()["plan"]) == named
    assert str(PURCHASE.account) == to_checksum_address("0x" + "a1" * 20)
