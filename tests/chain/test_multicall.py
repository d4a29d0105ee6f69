"""Many reads in one call: each gives what it gives when it is asked alone, whatever the others do."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from tests.chain.purchases import code_hash, install, packed

from orderseal.chain import multicall
from orderseal.chain.dialogue import Rpc
from orderseal.chain.multicall import (
    EXECUTOR,
    MOST_RETURNED,
    Aggregate,
    Read,
    Result,
    aggregate_call,
    block_tag,
    pack,
    read_aggregate,
    unpack,
)
from orderseal.chain.node import HttpNode
from orderseal.sandbox.evm import ChainError, LocalChain
from orderseal.signing import Address, Hash32, NodeError

NOBODY = Address("0x" + "12" * 20)
# PUSH1 n PUSH1 0 PUSH1 31 MSTORE8 … would be long: these codes write what they return byte by byte.
REVERTS = bytes.fromhex("63deadbeef6000526004601cfd")  # revert with de ad be ef
EMPTY = bytes.fromhex("00")  # STOP
HUGE = bytes.fromhex("60aa60005360bb611fff5360cc612000536130396000f3")  # 12,345 bytes: aa first, bb at 8191, cc at 8192
HUGE_REVERT = HUGE[:-1] + b"\xfd"
INVALID = bytes.fromhex("fe")
ENDLESS = bytes.fromhex("5b600056")  # JUMPDEST PUSH1 0 JUMP
RETURNS_EF = bytes.fromhex("60ef60005360206000f3")
CALLER = bytes.fromhex("3360005260206000f3")
ORIGIN = bytes.fromhex("3260005260206000f3")
COUNTER = bytes.fromhex("600160005401806000556000526020" + "6000f3")  # adds one to its slot 0, and returns it
ECHO = bytes.fromhex("366000600037366000f3")
VALUE_AND_GAS = bytes.fromhex("3460005260206000f3")


@pytest.fixture
def places(chain: LocalChain) -> dict[str, Address]:
    codes = {
        "reverts": REVERTS,
        "empty": EMPTY,
        "huge": HUGE,
        "huge_revert": HUGE_REVERT,
        "invalid": INVALID,
        "endless": ENDLESS,
        "returns_ef": RETURNS_EF,
        "caller": CALLER,
        "origin": ORIGIN,
        "counter": COUNTER,
        "echo": ECHO,
        "value": VALUE_AND_GAS,
    }
    return {name: Address(install(chain, code)) for name, code in codes.items()}


def ask(chain: LocalChain, reads: list[Read], block: int | None = None) -> Aggregate:
    with HttpNode(chain.rpc_url) as node:
        (answer,) = node.ask((aggregate_call(reads, block),))
    return read_aggregate(answer, len(reads))


def run_as(chain: LocalChain, account: str, reads: list[Read]) -> Aggregate:
    """The other form: the account has the executor for its code."""
    call = {"from": account, "to": account, "data": "0x" + pack(reads).hex()}
    raw = chain.request("eth_call", call, "latest", {account: {"code": "0x" + EXECUTOR.hex()}})
    return unpack(bytes.fromhex(raw[2:]), len(reads))


def alone(chain: LocalChain, read: Read) -> tuple[bool, bytes]:
    """One call by itself, with the sandbox's own client."""
    try:
        raw = chain.request("eth_call", {"to": str(read.to), "data": "0x" + read.data.hex()}, "latest")
    except ChainError as error:
        return False, bytes.fromhex((error.data or "0x")[2:])
    return True, bytes.fromhex(raw[2:])


def test_the_constants_are_what_the_tool_assembles() -> None:
    tool = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/executor.py"))
    assert tool["creation"]() == multicall._READER
    assert tool["runtime"]() == EXECUTOR


def test_the_tool_prints_both(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/executor.py"), run_name="__main__")
    assert capsys.readouterr().out.split() == [multicall._READER.hex(), EXECUTOR.hex()]


def test_each_read_gives_what_it_gives_alone(chain: LocalChain, places: dict[str, Address]) -> None:
    account = chain.accounts["buyer"].address
    names = ["house", "payment", "market", "usdt_like", "payment77", "market_proxy", "market_diamond", "settlement"]
    at = {name: Address(chain.contracts[name].address) for name in names}
    house = str(at["house"])
    reads = [
        Read(at["house"], packed("totalSupply()")),
        Read(at["payment"], packed("balanceOf(address)", account)),
        Read(at["payment77"], packed("decimals()")),
        Read(at["usdt_like"], packed("symbol()")),
        Read(at["market"], packed("viewListing(address)", house)),
        Read(at["market_proxy"], packed("viewListing(address)", house)),
        Read(at["market_diamond"], packed("viewUserCanBuy(address,address,uint256)", house, account, 7)),
        Read(at["settlement"], packed("domainSeparator()")),
        Read(at["market"], packed("nothing()")),
        Read(at["market"], b""),
        Read(NOBODY, b"\x01"),
        Read(Address(account), packed("balanceOf(address)", account)),
        Read(places["reverts"], b""),
        Read(places["empty"], b"\x00" * 5),
        Read(places["returns_ef"], b""),
        Read(places["value"], b""),
        Read(places["echo"], bytes(range(256)) * 3 + b"\x05"),
        Read(places["echo"], b""),
        Read(Address(bytes(19) + b"\x02"), b"abc"),  # SHA-256
        Read(Address(bytes(19) + b"\x04"), b"the identity"),
        Read(Address(bytes(19) + b"\x01"), b"no signature"),  # ecrecover: nothing
    ]
    seen = ask(chain, reads)
    assert [(result.success, result.data) for result in seen.results] == [alone(chain, read) for read in reads]
    assert all(0 < result.gas < 200_000 for result in seen.results)
    block = chain.request("eth_getBlockByNumber", "latest", False)
    assert (seen.chain_id, seen.number) == (17000, int(block["number"], 16))
    assert abs(seen.timestamp - int(block["timestamp"], 16)) < 100
    for read, result in zip(reads[:18], seen.results[:18], strict=True):
        if read.to != NOBODY:
            assert result.code_hash == code_hash(chain, str(read.to))
    assert seen.results[10].code_hash == Hash32(bytes(32)), "there is no such account (EIP-1052)"
    assert seen.results[11].code_hash == Hash32(keccak(b""))


def test_what_is_read_may_be_of_an_older_block(front: LocalChain) -> None:
    at = Address(front.contracts["payment"].address)
    read = Read(at, packed("balanceOf(address)", front.accounts["buyer"].address))
    before = ask(front, [read])
    front.transact("buyer", "payment", "faucet", 77)
    after = ask(front, [read])
    assert int.from_bytes(after.results[0].data, "big") - int.from_bytes(before.results[0].data, "big") == 77
    again = ask(front, [read], before.number)
    assert (again.number, again.results[0].data) == (before.number, before.results[0].data)
    assert (block_tag(None), block_tag(255)) == ("latest", "0xff")


def test_chain_id_of_another_chain(start: Any) -> None:
    other = start("eth-tester", 97)
    assert ask(other, []).chain_id == 97


def test_none_and_sixty_reads(chain: LocalChain, places: dict[str, Address]) -> None:
    assert ask(chain, []).results == ()
    reads = [Read(places["echo"], n.to_bytes(2, "big") * n) for n in range(60)]
    assert [result.data for result in ask(chain, reads).results] == [read.data for read in reads]
    assert [result.data for result in run_as(chain, chain.accounts["buyer"].address, reads).results] == [read.data for read in reads]


@pytest.mark.parametrize("name", ["huge", "huge_revert"])
def test_of_much_data_the_first_8192_bytes_are_kept(chain: LocalChain, places: dict[str, Address], name: str) -> None:
    seen = ask(chain, [Read(places["echo"], b"before"), Read(places[name], b""), Read(places["echo"], b"after")])
    result = seen.results[1]
    assert result.success is (name == "huge")
    assert len(result.data) == MOST_RETURNED == 8192
    assert (result.data[0], result.data[8191]) == (0xAA, 0xBB)
    assert set(result.data[1:8191]) == {0}
    assert (seen.results[0].data, seen.results[2].data) == (b"before", b"after")


def test_a_target_that_burns_all_gas_spoils_no_other(chain: LocalChain, places: dict[str, Address]) -> None:
    seen = ask(chain, [Read(places["invalid"], b""), Read(places["echo"], b"after"), Read(chain_contract(chain, "house"), b"")])
    assert [result.success for result in seen.results] == [False, True, False]
    assert seen.results[0].gas > 1_000_000
    assert seen.results[1].data == b"after"
    assert seen.results[2].code_hash == code_hash(chain, str(chain_contract(chain, "house")))


def test_more_than_fits_is_an_error_of_the_node(chain: LocalChain, places: dict[str, Address]) -> None:
    """What a creation returns is bounded (EIP-170): three answers of 8 KiB do not fit."""
    with pytest.raises(NodeError):
        ask(chain, [Read(places["huge"], b"")] * 3)


def test_the_account_makes_the_calls_where_the_code_is_overridden(chain: LocalChain, places: dict[str, Address]) -> None:
    account = Address(chain.accounts["buyer"].address)
    reads = [Read(places["caller"], b""), Read(places["origin"], b""), *[Read(places["counter"], b"")] * 3]
    seen = run_as(chain, str(account), reads)
    assert [result.data for result in seen.results[:2]] == [bytes(12) + account] * 2
    assert [int.from_bytes(result.data, "big") for result in seen.results[2:]] == [1, 2, 3], "each sees what those before it did"
    assert alone(chain, reads[-1])[1] == (1).to_bytes(32, "big"), "and nothing of it stays"
    assert ask(chain, reads[:1]).results[0].data != bytes(12) + account
    assert seen.chain_id == 17000


@pytest.mark.parametrize("form", ["creation", "override"])
def test_a_read_cannot_touch_the_next_records(front: LocalChain, form: str) -> None:
    """Calldata of every length around a word: records follow each other without a gap."""
    at = Address(install(front, ECHO))
    reads = [Read(at, bytes([n]) * n) for n in range(0, 70, 3)]
    seen = ask(front, reads) if form == "creation" else run_as(front, front.accounts["buyer"].address, reads)
    assert [result.data for result in seen.results] == [read.data for read in reads]
    assert {result.code_hash for result in seen.results} == {Hash32(keccak(ECHO))}


def chain_contract(chain: LocalChain, name: str) -> Address:
    return Address(chain.contracts[name].address)


# -- Reading what a node answers ----------------------------------------------------------------------------------------------------

WORDS = st.integers(0, 2**256 - 1)
RESULTS = st.builds(
    Result,
    success=st.booleans(),
    gas=WORDS,
    code_hash=st.binary(min_size=32, max_size=32).map(Hash32),
    data=st.binary(max_size=100) | st.integers(0, 8192).map(bytes),
)
AGGREGATES = st.builds(Aggregate, WORDS, WORDS, WORDS, st.lists(RESULTS, max_size=4).map(tuple))


def repacked(seen: Aggregate) -> bytes:
    words = [seen.chain_id, seen.number, seen.timestamp]
    raw = b"".join(word.to_bytes(32, "big") for word in words)
    for result in seen.results:
        raw += result.success.to_bytes(32, "big") + result.gas.to_bytes(32, "big") + result.code_hash
        raw += len(result.data).to_bytes(32, "big") + result.data
    return raw


@given(AGGREGATES)
def test_what_the_executor_writes_is_read_back(seen: Aggregate) -> None:
    assert unpack(repacked(seen), len(seen.results)) == seen
    for count in {0, 1, 2, 3, 4, 5} - {len(seen.results)}:
        with pytest.raises(NodeError):
            unpack(repacked(seen), count)


@given(
    st.binary(max_size=600) | st.lists(st.sampled_from([bytes(32), bytes(31) + b"\x01", b"\xff" * 32]), max_size=20).map(b"".join),
    st.integers(0, 5),
)
def test_any_bytes_are_refused_or_read_exactly(raw: bytes, count: int) -> None:
    try:
        seen = unpack(raw, count)
    except NodeError:
        return
    assert repacked(seen) == raw
    assert len(seen.results) == count


@given(AGGREGATES, st.data())
def test_a_changed_length_is_noticed(seen: Aggregate, data: st.DataObject) -> None:
    raw = repacked(seen)
    cut = data.draw(st.integers(0, len(raw) - 1))
    for changed in (raw[:cut], raw + b"\0"):
        with pytest.raises(NodeError):
            unpack(changed, len(seen.results))


@pytest.mark.parametrize("size", [8193, 2**255])
def test_more_than_the_executor_keeps_is_not_its_answer(size: int) -> None:
    raw = bytes(96) + bytes(31) + b"\x01" + bytes(64) + size.to_bytes(32, "big") + bytes(8193)
    with pytest.raises(NodeError):
        unpack(raw, 1)


def test_success_is_one_or_zero() -> None:
    raw = bytes(96) + bytes(31) + b"\x02" + bytes(96)
    with pytest.raises(NodeError):
        unpack(raw, 1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        1,
        True,
        [],
        {},
        "",
        "0x",
        "0x0",
        "00" * 96,
        "0X" + "00" * 96,
        "0x" + "0g" * 96,
        "0x" + "00 " * 96,
        "0x " + "00" * 96,
        "0x" + "00" * 96 + "\n",
        "0x" + "00" * 95,
        "0x" + "00" * 24577,
        NodeError("no"),
    ],
    ids=lambda answer: repr(answer)[:12],
)
def test_answers_that_are_none(answer: Any) -> None:
    with pytest.raises(NodeError):
        read_aggregate(answer, 0)


def test_the_largest_answer_and_upper_case() -> None:
    assert read_aggregate("0x" + "00" * 95 + "AB", 0) == Aggregate(0, 0, 0xAB, ())
    size = 8192
    record = bytes(96) + size.to_bytes(32, "big") + bytes(size)
    assert len(read_aggregate("0x" + (bytes(96) + record * 2).hex(), 2).results) == 2


def test_the_request() -> None:
    call = aggregate_call([Read(NOBODY, b"\xab\xcd")], 5)
    packed_read = "00" * 12 + "12" * 20 + "00" * 31 + "02" + "abcd"
    assert call == Rpc("eth_call", ({"data": "0x" + multicall._READER.hex() + packed_read}, "0x5"))
    assert pack([]) == b""
