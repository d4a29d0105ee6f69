"""Pins: what is written in the file, what is refused, and what a node's answer is compared with."""

import contextlib
import copy
import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderseal.chain.abi import Abi
from orderseal.chain.marketplace import Buy
from orderseal.chain.pins import (
    ERC1967_BEACON_SLOT,
    ERC1967_IMPLEMENTATION_SLOT,
    NO_CODE_HASHES,
    FacetAddress,
    LiveCode,
    PinnedCode,
    PinnedCurrency,
    PinnedMarketplace,
    Pins,
    Units,
    check_code,
    observed_pins,
)
from orderseal.signing import Address, InvalidInput, OrdersealError, PlanMismatch
from orderseal.signing.keccak import keccak256
from orderseal.signing.values import Hash32

MARKETPLACE, CURRENCY, BEHIND, OTHER, TOKEN = [Address(bytes([i]) * 20) for i in range(1, 6)]
ZERO = bytes(32)


def code(name: str) -> Hash32:
    return Hash32(keccak256(name.encode()))


def padded(address: Address) -> bytes:
    return bytes(12) + address


FULL: dict[str, Any] = {
    "chain_id": 17000,
    "marketplace": {
        "address": str(MARKETPLACE),
        "code_hash": str(code("market")),
        "implementation": {"address": str(BEHIND), "code_hash": str(code("behind"))},
    },
    "currency": {
        "address": str(CURRENCY),
        "code_hash": str(code("currency")),
        "implementation": {"address": str(OTHER), "code_hash": str(code("paid"))},
        "decimals": 6,
    },
    "tokens": [str(TOKEN)],
    "units": {"price_scale": "1", "unit": "1000000000000000000"},
}
LEAST: dict[str, Any] = {
    "chain_id": 1,
    "marketplace": {"address": str(MARKETPLACE), "code_hash": str(code("market"))},
    "currency": {"address": str(CURRENCY)},
}


def full() -> dict[str, Any]:
    return copy.deepcopy(FULL)


def put(document: Any, path: str, value: Any) -> Any:
    """Set ``marketplace.address``; ``...`` removes it."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    owner = document
    for step in steps:
        owner = owner[step]
    if value is ...:
        del owner[last]
    else:
        owner[last] = value
    return document


PLAIN = LiveCode(
    marketplace_code_hash=code("market"),
    marketplace_slot=ZERO,
    marketplace_beacon_slot=ZERO,
    implementation_code_hash=None,
    facet=None,
    facet_code_hash=None,
    currency_code_hash=code("currency"),
    currency_slot=ZERO,
    currency_beacon_slot=ZERO,
    currency_implementation_code_hash=None,
)
PROXY = replace(PLAIN, marketplace_slot=padded(BEHIND), implementation_code_hash=code("behind"))
DIAMOND = replace(PLAIN, facet=BEHIND, facet_code_hash=code("behind"))
PAID = replace(PLAIN, currency_slot=padded(OTHER), currency_implementation_code_hash=code("paid"))

PINS = Pins(17000, PinnedMarketplace(MARKETPLACE, code("market")), PinnedCurrency(CURRENCY, code("currency")))
BEHIND_PIN, PAID_PIN = PinnedCode(BEHIND, code("behind")), PinnedCode(OTHER, code("paid"))
PROXY_PINS = replace(PINS, marketplace=replace(PINS.marketplace, implementation=BEHIND_PIN))
DIAMOND_PINS = replace(PINS, marketplace=replace(PINS.marketplace, facet=BEHIND_PIN))
PAID_PINS = replace(PINS, currency=replace(PINS.currency, implementation=PAID_PIN))
LOOSE = replace(PINS, currency=PinnedCurrency(CURRENCY))
BEHIND_ONLY = replace(PINS, currency=PinnedCurrency(CURRENCY, implementation=PAID_PIN))


# The file


def test_the_whole_form() -> None:
    found = Pins.parse(json.dumps(FULL))
    assert found == Pins(
        17000,
        PinnedMarketplace(MARKETPLACE, code("market"), implementation=PinnedCode(BEHIND, code("behind"))),
        PinnedCurrency(CURRENCY, code("currency"), PinnedCode(OTHER, code("paid")), 6),
        (TOKEN,),
        Units(1, 10**18),
    )
    assert found == Pins.parse(FULL) == Pins.parse(json.dumps(FULL).encode())
    assert found.to_json() == FULL
    assert hash(found) == hash(Pins.parse(FULL))
    with pytest.raises(FrozenInstanceError):
        found.chain_id = 1  # type: ignore[misc]


def test_the_least_form_and_a_diamond() -> None:
    found = Pins.parse(LEAST)
    assert found.to_json() == LEAST
    assert (found.tokens, found.units, found.currency.code_hash, found.currency.decimals) == (None,) * 4
    diamond = copy.deepcopy(LEAST)
    diamond["marketplace"]["facet"] = {"address": str(BEHIND), "code_hash": str(code("facet"))}
    assert Pins.parse(diamond).to_json() == diamond
    assert Pins.parse(diamond).marketplace.facet == PinnedCode(BEHIND, code("facet"))


def test_decimals_of_zero_are_a_value() -> None:
    found = Pins.parse(put(full(), "currency.decimals", 0))
    assert found.currency.decimals == 0
    assert found.to_json()["currency"]["decimals"] == 0


@pytest.mark.parametrize(("chain_id", "written"), [(2**53 - 1, 2**53 - 1), (2**53, str(2**53)), (2**256 - 1, str(2**256 - 1)), ("5", 5)])
def test_large_integers_are_strings(chain_id: int | str, written: int | str) -> None:
    form = Pins.parse(put(full(), "chain_id", chain_id)).to_json()
    assert form["chain_id"] == written
    assert Pins.parse(json.dumps(form)).to_json() == form


def test_forms_of_one_meaning() -> None:
    lower = json.loads(json.dumps(FULL).lower())
    assert Pins.parse(lower) == Pins.parse(FULL)
    assert Pins.parse(put(full(), "units.price_scale", 1)) == Pins.parse(FULL)


@st.composite
def pins(draw: st.DrawFn) -> Pins:
    at = draw(st.lists(st.binary(min_size=20, max_size=20).filter(any).map(Address), min_size=6, max_size=6, unique=True))
    hashes = st.binary(min_size=32, max_size=32).map(Hash32).filter(lambda found: found not in NO_CODE_HASHES)
    behind = st.none() | hashes.map(lambda found: PinnedCode(at[2], found))
    implementation = draw(behind)
    market = PinnedMarketplace(at[0], draw(hashes), implementation, None if implementation else draw(behind))
    currency = PinnedCurrency(at[1], draw(st.none() | hashes), draw(behind), draw(st.none() | st.integers(0, 77)))
    word = st.integers(1, 2**256 - 1)
    tokens = draw(st.none() | st.just(tuple(at[3:])))
    return Pins(draw(word | st.just(2**53)), market, currency, tokens, draw(st.none() | st.builds(Units, word, word)))


@given(pins())
def test_the_form_comes_back(found: Pins) -> None:
    assert Pins.parse(json.dumps(found.to_json())) == found


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("chain_id", ..., "pins.chain_id"),
        ("chain_id", 0, "pins.chain_id"),
        ("chain_id", -1, "pins.chain_id"),
        ("chain_id", True, "pins.chain_id"),
        ("chain_id", 1.0, "pins.chain_id"),
        ("chain_id", None, "pins.chain_id"),
        ("chain_id", "017000", "pins.chain_id"),
        ("chain_id", "0x1", "pins.chain_id"),
        ("chain_id", 2**53, "pins.chain_id"),
        ("chain_id", str(2**256), "pins.chain_id"),
        ("colour", 1, "pins"),
        ("marketplace", ..., "pins.marketplace"),
        ("marketplace", str(MARKETPLACE), "pins.marketplace"),
        ("marketplace.address", ..., "pins.marketplace.address"),
        ("marketplace.address", "0x" + "00" * 20, "pins.marketplace.address"),
        ("marketplace.address", "0x11", "pins.marketplace.address"),
        ("marketplace.address", None, "pins.marketplace.address"),
        ("marketplace.address", 5, "pins.marketplace.address"),
        ("marketplace.address", "0x73E3bcd355A64a12a0ab9B1E56f33FC214C9a4e8", "pins.marketplace.address"),
        ("marketplace.code_hash", ..., "pins.marketplace.code_hash"),
        ("marketplace.code_hash", "0x11", "pins.marketplace.code_hash"),
        ("marketplace.code_hash", None, "pins.marketplace.code_hash"),
        ("marketplace.code_hash", "0x" + "00" * 32, "pins.marketplace.code_hash"),
        ("marketplace.code_hash", str(code("")), "pins.marketplace.code_hash"),
        ("marketplace.colour", 1, "pins.marketplace"),
        ("marketplace.facet", FULL["marketplace"]["implementation"], "pins.marketplace.facet"),
        ("marketplace.facet", None, "pins.marketplace.facet"),
        ("marketplace.implementation", None, "pins.marketplace.implementation"),
        ("marketplace.implementation", {}, "pins.marketplace.implementation.address"),
        ("marketplace.implementation.code_hash", ..., "pins.marketplace.implementation.code_hash"),
        ("marketplace.implementation.code_hash", str(code("")), "pins.marketplace.implementation.code_hash"),
        ("marketplace.implementation.address", "0x" + "00" * 20, "pins.marketplace.implementation.address"),
        ("marketplace.implementation.colour", 1, "pins.marketplace.implementation"),
        ("currency", ..., "pins.currency"),
        ("currency", [], "pins.currency"),
        ("currency.address", ..., "pins.currency.address"),
        ("currency.address", str(MARKETPLACE), "pins.currency.address"),
        ("currency.code_hash", None, "pins.currency.code_hash"),
        ("currency.code_hash", str(code("")), "pins.currency.code_hash"),
        ("currency.implementation", 5, "pins.currency.implementation"),
        ("currency.facet", FULL["marketplace"]["implementation"], "pins.currency"),
        ("currency.decimals", 78, "pins.currency.decimals"),
        ("currency.decimals", -1, "pins.currency.decimals"),
        ("currency.decimals", None, "pins.currency.decimals"),
        ("currency.decimals", 6.0, "pins.currency.decimals"),
        ("tokens", None, "pins.tokens"),
        ("tokens", [], "pins.tokens"),
        ("tokens", str(TOKEN), "pins.tokens"),
        ("tokens.0", 5, "pins.tokens[0]"),
        ("tokens.0", "0x" + "00" * 20, "pins.tokens[0]"),
        ("tokens.0", str(CURRENCY), "pins.tokens[0]"),
        ("tokens.0", str(MARKETPLACE), "pins.tokens[0]"),
        ("tokens", [str(TOKEN), str(OTHER), str(TOKEN)], "pins.tokens[2]"),
        ("units", None, "pins.units"),
        ("units", "1", "pins.units"),
        ("units.unit", ..., "pins.units.unit"),
        ("units.unit", "0", "pins.units.unit"),
        ("units.price_scale", "0", "pins.units.price_scale"),
        ("units.price_scale", ..., "pins.units.price_scale"),
        ("units.price_scale", str(2**256), "pins.units.price_scale"),
        ("units.price_scale", "1.5", "pins.units.price_scale"),
        ("units.price_scale", 10**18, "pins.units.price_scale"),
        ("units.colour", "1", "pins.units"),
    ],
)
def test_a_wrong_form_is_refused_with_its_path(path: str, value: Any, where: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Pins.parse(json.dumps(put(full(), path, value)))
    assert caught.value.path == where


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"", "pins"),
        (b"[]", "pins"),
        (b"\xff", "pins"),
        (b'{"currency":{"address":1,"address":2}}', "pins.currency"),
        (b'{"a":' * 20, "pins"),
        (b" " * (2**20 + 1), "pins"),
        (None, "pins"),
        (5, "pins"),
    ],
)
def test_what_is_no_document(data: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Pins.parse(data)
    assert caught.value.path == path


def test_the_hints_of_large_numbers_and_of_the_path() -> None:
    with pytest.raises(InvalidInput, match=r"mine\.units\.unit: .* decimal string"):
        Pins.parse(json.dumps(FULL).replace('"1000000000000000000"', "1000000000000000000"), "mine")


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (lambda: Pins(0, PINS.marketplace, PINS.currency), "chain_id"),
        (lambda: Pins(True, PINS.marketplace, PINS.currency), "chain_id"),
        (lambda: Pins("1", PINS.marketplace, PINS.currency), "chain_id"),  # type: ignore[arg-type]
        (lambda: Pins(1, None, PINS.currency), "marketplace"),  # type: ignore[arg-type]
        (lambda: Pins(1, PINS.marketplace, PINS.marketplace), "currency"),  # type: ignore[arg-type]
        (lambda: replace(PINS, units={"unit": 1}), "units"),  # type: ignore[arg-type]
        (lambda: replace(PINS, tokens=()), "tokens"),
        (lambda: Units(1, 2**256), "unit"),
        (lambda: Units(1.0, 1), "price_scale"),  # type: ignore[arg-type]
        (lambda: PinnedCode(Address(bytes(20)), code("x")), "address"),
        (lambda: PinnedCode(OTHER, b"x"), "code_hash"),  # type: ignore[arg-type]
        (lambda: PinnedMarketplace(OTHER, code("x"), implementation=5), "implementation"),  # type: ignore[arg-type]
        (lambda: PinnedMarketplace(OTHER, code("x"), facet=5), "facet"),  # type: ignore[arg-type]
        (lambda: PinnedCurrency(OTHER, implementation=5), "implementation"),  # type: ignore[arg-type]
        (lambda: PinnedCurrency(OTHER, decimals="6"), "decimals"),  # type: ignore[arg-type]
    ],
)
def test_an_invalid_one_cannot_exist(made: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        made()
    assert caught.value.path == path


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pins.json"
    file.write_text(json.dumps(FULL), "utf-8")
    assert Pins.load(file) == Pins.load(str(file)) == Pins.parse(FULL)
    file.write_text(" " * (2**20 + 1), "utf-8")
    for wrong in (file, tmp_path, tmp_path / "none", "\0"):
        with pytest.raises(InvalidInput):
            Pins.load(wrong)
    with pytest.raises(InvalidInput):
        Pins.load(5)  # type: ignore[arg-type]


TEXT = json.dumps(FULL).encode()


@given(st.binary(max_size=30), st.integers(0, len(TEXT)), st.integers(0, 30))
def test_only_our_errors_come_of_any_bytes(noise: bytes, start: int, cut: int) -> None:
    for data in (noise, TEXT[:start] + noise + TEXT[start + cut :]):
        with contextlib.suppress(OrdersealError):
            Pins.parse(data)


# The chain


def test_the_slots_and_the_facet_are_those_of_the_standards() -> None:
    for slot, name in ((ERC1967_IMPLEMENTATION_SLOT, "implementation"), (ERC1967_BEACON_SLOT, "beacon")):
        assert int.from_bytes(slot, "big") == int.from_bytes(keccak256(f"eip1967.proxy.{name}".encode()), "big") - 1
    standard = {
        "type": "function",
        "name": "facetAddress",
        "inputs": [{"name": "_functionSelector", "type": "bytes4"}],
        "outputs": [{"name": "", "type": "address"}],
        "stateMutability": "view",
    }
    declared, found = FacetAddress.abi, Abi.parse([standard]).functions[0]
    assert (declared.signature, declared.inputs, declared.outputs) == (found.signature, found.inputs, found.outputs)
    assert FacetAddress.selector.hex() == "cdffacc6"
    call = FacetAddress(function_selector=Buy.selector).encode()
    assert call == FacetAddress.selector + Buy.selector + bytes(28)
    assert FacetAddress.decode_return(padded(BEHIND)) == BEHIND
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert {bytes.fromhex(empty), ZERO} == NO_CODE_HASHES


@pytest.mark.parametrize(
    ("pinned", "live"),
    [
        (PINS, PLAIN),
        (PROXY_PINS, PROXY),
        (DIAMOND_PINS, DIAMOND),
        (PAID_PINS, PAID),
        (LOOSE, PLAIN),
        (LOOSE, PAID),
        (LOOSE, replace(PLAIN, currency_code_hash=code("anything"), currency_beacon_slot=padded(OTHER))),
        (BEHIND_ONLY, replace(PAID, currency_code_hash=code("anything"))),
        (PINS, replace(PLAIN, facet=Address(bytes(20)))),
        (PINS, replace(PLAIN, implementation_code_hash=code("unasked"), facet_code_hash=code("unasked"))),
    ],
)
def test_what_is_pinned_stands_there(pinned: Pins, live: LiveCode) -> None:
    check_code(pinned, live)


DIRTY = b"\x01" + padded(BEHIND)[1:]


@pytest.mark.parametrize(
    ("pinned", "base", "changes", "what"),
    [
        (PINS, PLAIN, {"marketplace_code_hash": code("")}, "marketplace.address"),
        (PINS, PLAIN, {"marketplace_code_hash": ZERO}, "marketplace.address"),
        (PINS, PLAIN, {"marketplace_code_hash": code("other")}, "marketplace.code_hash"),
        (PINS, PLAIN, {"marketplace_beacon_slot": padded(BEHIND)}, "marketplace.address"),
        (PINS, PROXY, {}, "marketplace.implementation"),
        (PINS, PLAIN, {"marketplace_slot": DIRTY}, "marketplace.implementation"),
        (PINS, DIAMOND, {}, "marketplace.facet"),
        (PROXY_PINS, PLAIN, {}, "marketplace.implementation.address"),
        (PROXY_PINS, PROXY, {"marketplace_slot": padded(OTHER)}, "marketplace.implementation.address"),
        (PROXY_PINS, PROXY, {"marketplace_slot": DIRTY}, "marketplace.implementation.address"),
        (PROXY_PINS, PROXY, {"implementation_code_hash": code("other")}, "marketplace.implementation.code_hash"),
        (PROXY_PINS, PROXY, {"implementation_code_hash": code("")}, "marketplace.implementation.address"),
        (PROXY_PINS, PROXY, {"implementation_code_hash": None}, "marketplace.implementation.code_hash"),
        (PROXY_PINS, PROXY, {"marketplace_code_hash": code("other")}, "marketplace.code_hash"),
        (PROXY_PINS, PROXY, {"marketplace_beacon_slot": padded(OTHER)}, "marketplace.address"),
        (PROXY_PINS, PROXY, {"facet": OTHER}, "marketplace.facet"),
        (DIAMOND_PINS, PLAIN, {}, "marketplace.facet.address"),
        (DIAMOND_PINS, DIAMOND, {"facet": Address(bytes(20))}, "marketplace.facet.address"),
        (DIAMOND_PINS, DIAMOND, {"facet": OTHER}, "marketplace.facet.address"),
        (DIAMOND_PINS, DIAMOND, {"facet_code_hash": code("other")}, "marketplace.facet.code_hash"),
        (DIAMOND_PINS, DIAMOND, {"facet_code_hash": None}, "marketplace.facet.code_hash"),
        (DIAMOND_PINS, DIAMOND, {"facet_code_hash": code("")}, "marketplace.facet.address"),
        (DIAMOND_PINS, DIAMOND, {"marketplace_slot": padded(OTHER)}, "marketplace.implementation"),
        (PINS, PLAIN, {"currency_code_hash": code("")}, "currency.address"),
        (PINS, PLAIN, {"currency_code_hash": code("other")}, "currency.code_hash"),
        (PINS, PAID, {}, "currency.implementation"),
        (PINS, PLAIN, {"currency_beacon_slot": padded(OTHER)}, "currency.address"),
        (PAID_PINS, PLAIN, {}, "currency.implementation.address"),
        (PAID_PINS, PAID, {"currency_slot": padded(BEHIND)}, "currency.implementation.address"),
        (PAID_PINS, PAID, {"currency_implementation_code_hash": code("other")}, "currency.implementation.code_hash"),
        (PAID_PINS, PAID, {"currency_implementation_code_hash": None}, "currency.implementation.code_hash"),
        (LOOSE, PLAIN, {"currency_code_hash": code("")}, "currency.address"),
        (LOOSE, PLAIN, {"currency_code_hash": ZERO}, "currency.address"),
        (BEHIND_ONLY, PLAIN, {}, "currency.implementation.address"),
        (BEHIND_ONLY, PAID, {"currency_implementation_code_hash": code("other")}, "currency.implementation.code_hash"),
        (BEHIND_ONLY, PAID, {"currency_beacon_slot": padded(OTHER)}, "currency.address"),
    ],
)
def test_what_stands_there_instead_is_named(pinned: Pins, base: LiveCode, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(PlanMismatch) as caught:
        check_code(pinned, replace(base, **changes))
    assert caught.value.what == what
    assert caught.value.expected != caught.value.actual


def test_the_words() -> None:
    with pytest.raises(PlanMismatch, match=r"found no contract\. The address is wrong"):
        check_code(PINS, replace(PLAIN, marketplace_code_hash=code("")))
    with pytest.raises(PlanMismatch, match=rf"found {BEHIND}\. It is a proxy \(ERC-1967\): pin what stands behind it"):
        check_code(PINS, PROXY)
    with pytest.raises(PlanMismatch, match=r"It is a diamond"):
        check_code(PINS, DIAMOND)
    with pytest.raises(PlanMismatch, match=r"code that was not read"):
        check_code(PROXY_PINS, replace(PROXY, implementation_code_hash=None))
    with pytest.raises(PlanMismatch, match=r"which is no address"):
        check_code(PROXY_PINS, replace(PROXY, marketplace_slot=DIRTY))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("marketplace_code_hash", None),
        ("marketplace_slot", b""),
        ("marketplace_slot", bytes(20)),
        ("marketplace_beacon_slot", None),
        ("facet", bytes(32)),
        ("facet_code_hash", 5),
        ("currency_slot", None),
    ],
)
def test_what_was_read_has_its_form(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(PLAIN, **{name: value})
    assert caught.value.path == f"live.{name}"


def test_what_was_not_read_is_no_default() -> None:
    with pytest.raises(TypeError):
        LiveCode(marketplace_code_hash=code("market"))  # type: ignore[call-arg]


# Pins of what stands there


@pytest.mark.parametrize(
    ("live", "pinned"),
    [
        (PLAIN, PINS),
        (PROXY, PROXY_PINS),
        (DIAMOND, DIAMOND_PINS),
        (PAID, PAID_PINS),
        (replace(DIAMOND, facet=MARKETPLACE), None),
    ],
)
def test_what_is_observed_is_what_is_then_pinned(live: LiveCode, pinned: Pins | None) -> None:
    found = observed_pins(17000, str(MARKETPLACE), CURRENCY, live)
    assert pinned is None or found == pinned
    check_code(found, live)
    more = observed_pins(17000, MARKETPLACE, CURRENCY, live, decimals=0, tokens=(str(TOKEN),), units=Units(1, 1))
    assert more == replace(found, currency=replace(found.currency, decimals=0), tokens=(TOKEN,), units=Units(1, 1))
    assert Pins.parse(json.dumps(more.to_json())) == more


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"marketplace_code_hash": ZERO}, "marketplace.address"),
        ({"currency_code_hash": code("")}, "currency.address"),
        ({"marketplace_beacon_slot": padded(OTHER)}, "marketplace.address"),
        ({"currency_beacon_slot": padded(OTHER)}, "currency.address"),
        ({"marketplace_slot": DIRTY, "implementation_code_hash": code("behind")}, "marketplace.implementation.address"),
        ({"marketplace_slot": padded(BEHIND), "implementation_code_hash": code("")}, "marketplace.implementation.address"),
        ({"facet": BEHIND, "facet_code_hash": code("")}, "marketplace.facet.address"),
        ({"currency_slot": padded(BEHIND), "currency_implementation_code_hash": code("")}, "currency.implementation.address"),
        (
            {"marketplace_slot": padded(BEHIND), "implementation_code_hash": code("x"), "facet": OTHER, "facet_code_hash": code("y")},
            "marketplace",
        ),
    ],
)
def test_what_cannot_be_pinned(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(PlanMismatch) as caught:
        observed_pins(17000, MARKETPLACE, CURRENCY, replace(PLAIN, **changes))
    assert caught.value.what == what


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"marketplace_slot": padded(BEHIND)}, "live.implementation_code_hash"),
        ({"facet": BEHIND}, "live.facet_code_hash"),
        ({"currency_slot": padded(BEHIND)}, "live.currency_implementation_code_hash"),
    ],
)
def test_what_was_not_read_cannot_be_pinned(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        observed_pins(17000, MARKETPLACE, CURRENCY, replace(PLAIN, **changes))
    assert caught.value.path == path


WORDS = st.sampled_from([ZERO, padded(BEHIND), padded(OTHER), DIRTY])
HASHES = st.sampled_from([code("market"), code("behind"), code(""), ZERO])
LIVE = st.builds(
    LiveCode,
    marketplace_code_hash=HASHES,
    marketplace_slot=WORDS,
    marketplace_beacon_slot=st.just(ZERO) | WORDS,
    implementation_code_hash=st.none() | HASHES,
    facet=st.none() | st.sampled_from([BEHIND, MARKETPLACE]),
    facet_code_hash=st.none() | HASHES,
    currency_code_hash=HASHES,
    currency_slot=WORDS,
    currency_beacon_slot=st.just(ZERO) | WORDS,
    currency_implementation_code_hash=st.none() | HASHES,
)


@given(LIVE, LIVE)
def test_observed_pins_hold_for_what_was_observed_and_nothing_else(live: LiveCode, other: LiveCode) -> None:
    try:
        found = observed_pins(17000, MARKETPLACE, CURRENCY, live)
    except (InvalidInput, PlanMismatch):
        return
    check_code(found, live)
    try:
        check_code(found, other)
    except PlanMismatch:
        return
    assert observed_pins(17000, MARKETPLACE, CURRENCY, other) == found


# The room


@pytest.mark.parametrize("module", ["pins", "recipe"])
def test_importing_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    heavy = ("web3", "httpx", "eth_abi", "eth_utils", "eth_account", "msgspec", "asyncio", "socket", "ssl", "rich", "typer")
    program = f"import sys, orderseal.chain.{module}\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
