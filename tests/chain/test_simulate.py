"""Sequences that are tried out and not sent: what each step gives, and every answer of a node that is none."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from eth_utils.crypto import keccak
from tests.chain.purchases import UNSUPPORTED, Watched, deaf_to_overrides, holdings, install, packed, without_overrides, without_simulate

from orderseal.chain.dialogue import Ask, Rpc, run
from orderseal.chain.multicall import Read
from orderseal.chain.simulate import Simulation, simulate
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, NodeError

ME, SHOP = Address(b"\xa1" * 20), Address(b"\xb2" * 20)
COUNTER = bytes.fromhex("600160005401806000556000526020" + "6000f3")
REVERTS = bytes.fromhex("63deadbeef6000526004601cfd")


def reads_of(chain: LocalChain, counter: str, reverts: str) -> list[list[Read]]:
    market, payment, house = (Address(chain.contracts[name].address) for name in ("market", "payment", "house"))
    buyer = chain.accounts["buyer"].address
    purchase = [
        Read(payment, packed("balanceOf(address)", buyer)),
        Read(payment, packed("approve(address,uint256)", market, 2200)),
        Read(market, packed("buy(uint256,address,address)", 5, house, payment)),
        Read(payment, packed("balanceOf(address)", buyer)),
        Read(house, packed("balanceOf(address)", buyer)),
        Read(payment, packed("allowance(address,address)", buyer, market)),
    ]
    refused = [Read(market, packed("buy(uint256,address,address)", 101, house, payment)), Read(payment, packed("faucet(uint256)", 1))]
    counts = [Read(Address(counter), b""), Read(Address(reverts), b""), Read(Address(counter), b"")]
    return [purchase, refused, counts]


@pytest.mark.parametrize(
    ("edit", "way", "rounds"), [(None, "eth_simulateV1", 1), (without_simulate, "executor", 2)], ids=["simulate", "executor"]
)
def test_each_step_sees_those_before_it(chain: LocalChain, edit: Any, way: str, rounds: int) -> None:
    counter, reverts = install(chain, COUNTER), install(chain, REVERTS)
    before, sequences = holdings(chain, "market", "payment"), reads_of(chain, counter, reverts)
    with Watched(chain, edit) as node:
        found = run(simulate(Address(chain.accounts["buyer"].address), sequences, None), node)
    assert len(node.rounds) == rounds
    assert found is not None
    assert [simulation.way for simulation in found] == [way] * 3
    purchase, refused, counts = (simulation.ran for simulation in found)
    assert [ran.success for ran in purchase] == [True] * 6
    numbers = [int.from_bytes(purchase[at].data, "big") for at in (0, 3, 4, 5)]
    assert numbers == [before.paid, before.paid - 2200, before.house + 5 * 10**18, 0]
    assert purchase[2].data == b""
    assert [ran.success for ran in refused] == [False, True]
    assert b"above maxbuycount" in refused[0].data
    assert [(ran.success, ran.data) for ran in counts] == [
        (True, (1).to_bytes(32, "big")),
        (False, b"\xde\xad\xbe\xef"),
        (True, (2).to_bytes(32, "big")),
    ]
    assert all(21_000 < ran.gas < 400_000 for ran in (*purchase, *counts))
    logs = [ran.logs for ran in purchase]
    if way == "executor":
        assert logs == [None] * 6
    else:
        assert [len(each or ()) for each in logs] == [0, 1, 3, 0, 0, 0]
        assert (logs[1] or ())[0].topics[0] == keccak(text="Approval(address,address,uint256)")
        assert refused[0].logs == ()
    assert holdings(chain, "market", "payment") == before, "nothing was sent"


@pytest.mark.parametrize("edit", [None, without_simulate], ids=["simulate", "executor"])
def test_the_gas_is_enough_and_not_far_from_what_is_used(chain: LocalChain, edit: Any) -> None:
    payment, market = chain.contracts["payment"].address, chain.contracts["market"].address
    data = packed("approve(address,uint256)", market, 2200)
    with Watched(chain, edit) as node:
        found = run(simulate(Address(chain.accounts["buyer"].address), [[Read(Address(payment), data)]], None), node)
    assert found is not None
    used = int(chain.send("buyer", to=payment, data="0x" + data.hex())["gasUsed"], 16)
    assert used <= found[0].ran[0].gas <= used + 4000


def test_at_a_block_of_the_past(front: LocalChain) -> None:
    payment, buyer = Address(front.contracts["payment"].address), Address(front.accounts["buyer"].address)
    block = int(front.request("eth_blockNumber"), 16)
    look = [[Read(payment, packed("balanceOf(address)", str(buyer)))]]
    front.transact("buyer", "payment", "faucet", 5)
    for edit in (None, without_simulate):
        with Watched(front, edit) as node:
            then, now = (run(simulate(buyer, look, at), node) for at in (block, None))
        assert then is not None
        assert now is not None
        assert int.from_bytes(now[0].ran[0].data, "big") - int.from_bytes(then[0].ran[0].data, "big") == 5


@pytest.mark.parametrize("edit", [without_overrides, deaf_to_overrides])
def test_a_node_that_offers_neither_way(front: LocalChain, edit: Any) -> None:
    payment, buyer = Address(front.contracts["payment"].address), Address(front.accounts["buyer"].address)
    with Watched(front, edit) as node:
        assert run(simulate(buyer, [[Read(payment, b"")]], None), node) is None
    assert node.rounds == [["eth_simulateV1"], ["eth_call"]]


# -- A node's answers ---------------------------------------------------------------------------------------------------------------


class Script:
    """A node that gives what a test wants, for one round trip after the other."""

    def __init__(self, *rounds: list[Any]) -> None:
        self.rounds = list(rounds)
        self.asked: list[Sequence[Rpc]] = []

    def ask(self, calls: Sequence[Rpc]) -> list[Any]:
        self.asked.append(calls)
        answers = self.rounds.pop(0)
        assert len(answers) == len(calls)
        return answers


GOOD: dict[str, Any] = {
    "status": "0x1",
    "gasUsed": "0x5208",
    "returnData": "0x01",
    "logs": [{"address": str(SHOP), "topics": ["0x" + "11" * 32], "data": "0xabcd", "removed": False}],
}


def one(call: Any, steps: int = 1) -> list[Any]:
    return [{"number": "0x1", "calls": [call] * steps}]


def ran(*answers: Any) -> list[Simulation] | None:
    return run(simulate(ME, [[Read(SHOP, b"\x01")]] * len(answers), 7), Script(list(answers)))


def test_what_is_asked() -> None:
    dialogue = simulate(ME, [[Read(SHOP, b"\x01"), Read(ME, b"")], [Read(SHOP, b"\x02")]], 255)
    asked = next(dialogue)
    calls = [{"from": str(ME), "to": str(SHOP), "data": "0x01"}, {"from": str(ME), "to": str(ME), "data": "0x"}]
    first = Rpc("eth_simulateV1", ({"blockStateCalls": [{"calls": calls}], "validation": False}, "0xff"))
    assert isinstance(asked, Ask)
    assert asked.calls[0] == first
    assert len(asked.calls) == 2
    again = dialogue.send([one(GOOD, 2), UNSUPPORTED])
    assert isinstance(again, Ask)
    assert [call.method for call in again.calls] == ["eth_call"] * 2
    assert again.calls[0].params[1] == "0xff"
    assert list(again.calls[0].params[2]) == [str(ME)]


def test_a_good_answer() -> None:
    found = ran(one(GOOD))
    assert found is not None
    (step,) = found[0].ran
    assert (step.success, step.gas, step.data) == (True, 21000, b"\x01")
    assert step.logs is not None
    assert (step.logs[0].address, step.logs[0].topics, step.logs[0].data) == (SHOP, (b"\x11" * 32,), b"\xab\xcd")


def test_gas_is_the_most_that_was_needed_at_any_time() -> None:
    found = ran(one(GOOD | {"maxUsedGas": "0x6000"}))
    assert found is not None
    assert found[0].ran[0].gas == 0x6000


@pytest.mark.parametrize(
    ("change", "data"),
    [
        ({"returnData": "0x", "error": {"code": 3, "message": "reverted", "data": "0xdeadbeef"}}, b"\xde\xad\xbe\xef"),
        ({"returnData": "0xdead", "error": {"code": -3200, "message": "reverted"}}, b"\xde\xad"),
        ({"returnData": "0x", "error": {"code": -32015, "message": "out of gas"}}, b""),
        ({"returnData": "0x", "error": {"code": 3, "data": None}}, b""),
        ({"returnData": "0x", "error": None}, b""),
        ({"returnData": "0x"}, b""),
    ],
    ids=["geth", "anvil", "no data", "null", "error null", "nothing"],
)
def test_reverts(change: dict[str, Any], data: bytes) -> None:
    found = ran(one(GOOD | {"status": "0x0", "logs": []} | change))
    assert found is not None
    assert (found[0].ran[0].success, found[0].ran[0].data, found[0].ran[0].logs) == (False, data, ())


def test_no_logs_member_and_a_thousand_logs() -> None:
    bare = {key: value for key, value in GOOD.items() if key != "logs"}
    found = ran(one(bare), one(GOOD | {"logs": GOOD["logs"] * 1000}))
    assert found is not None
    assert [len(each.ran[0].logs or ()) for each in found] == [0, 1000]


BAD: dict[str, Any] = {
    "null": None,
    "text": "0x",
    "object": {"calls": [GOOD]},
    "no block": [],
    "two blocks": one(GOOD) * 2,
    "block null": [None],
    "no calls": [{}],
    "calls null": [{"calls": None}],
    "too few": one(GOOD, 0),
    "too many": one(GOOD, 2),
    "call null": one(None),
    "call list": one([]),
    "no status": one({key: value for key, value in GOOD.items() if key != "status"}),
    "status number": one(GOOD | {"status": 1}),
    "status true": one(GOOD | {"status": True}),
    "no gas": one({key: value for key, value in GOOD.items() if key != "gasUsed"}),
    "gas negative": one(GOOD | {"gasUsed": "-0x1"}),
    "gas huge": one(GOOD | {"gasUsed": "0x1" + "0" * 64}),
    "most gas null": one(GOOD | {"maxUsedGas": None}),
    "data null": one(GOOD | {"returnData": None}),
    "data odd": one(GOOD | {"returnData": "0x1"}),
    "error data": one(GOOD | {"status": "0x0", "returnData": "0x", "error": {"data": "nonsense"}}),
    "logs null": one(GOOD | {"logs": None}),
    "logs object": one(GOOD | {"logs": {}}),
    "too many logs": one(GOOD | {"logs": GOOD["logs"] * 1001}),
    "log null": one(GOOD | {"logs": [None]}),
    "log empty": one(GOOD | {"logs": [{}]}),
    "log topic": one(GOOD | {"logs": [GOOD["logs"][0] | {"topics": ["0x11"]}]}),
    "log topics": one(GOOD | {"logs": [GOOD["logs"][0] | {"topics": ["0x" + "11" * 32] * 5}]}),
    "log data": one(GOOD | {"logs": [GOOD["logs"][0] | {"data": "0x1"}]}),
    "log address": one(GOOD | {"logs": [GOOD["logs"][0] | {"address": "0x12"}]}),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_answers_that_are_no_simulation(answer: Any) -> None:
    with pytest.raises(NodeError) as caught:
        ran(copy.deepcopy(one(GOOD)), answer)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


WORD = "00" * 31 + "01"
HEAD = WORD * 3


@pytest.mark.parametrize(
    "answer",
    [None, 1, "", "0x0", "0x" + HEAD, "0x" + HEAD + WORD * 3, "0x" + HEAD + WORD * 4, "0x" + "ff" * 500, "text", "0x" + HEAD + WORD * 8],
    ids=lambda answer: f"{type(answer).__name__} {len(str(answer))}",
)
def test_answers_that_are_not_the_executors(answer: Any) -> None:
    with pytest.raises(NodeError):
        run(simulate(ME, [[Read(SHOP, b"")]], None), Script([UNSUPPORTED], [answer]))


@pytest.mark.parametrize("answer", ["0x", UNSUPPORTED, NodeError("no")], ids=["nothing", "unsupported", "error"])
def test_the_executor_is_not_to_be_had(answer: Any) -> None:
    good = "0x" + HEAD + WORD + WORD + WORD + "00" * 32
    assert run(simulate(ME, [[Read(SHOP, b"")]] * 2, None), Script([UNSUPPORTED, one(GOOD)], [good, answer])) is None


def test_the_executors_gas_has_what_any_transaction_costs() -> None:
    """21,000, 4 for a zero byte (EIP-2028), 40 for another as the floor of EIP-7623 has it."""
    good = "0x" + HEAD + WORD + "00" * 30 + "03e8" + WORD + "00" * 32
    found = run(simulate(ME, [[Read(SHOP, b"\x00\x00\x07")]], None), Script([UNSUPPORTED], [good]))
    assert found is not None
    assert found[0].ran[0].gas == 1000 + 21_000 + 4 + 4 + 40
