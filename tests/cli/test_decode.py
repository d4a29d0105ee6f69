"""``orderseal decode``: what bytes from a chain mean, why they are not canonical, and exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from orderseal.chain.erc20 import Approve, Transfer
from orderseal.chain.marketplace import Buy, ListingBuyEvent
from orderseal.chain.reverts import Panic, Revert
from orderseal.signing import Address

A, B = Address("0x" + "a1" * 20), Address("0x" + "b2" * 20)
BUY = "0x" + Buy(amount=1_500_000, house_token=A, payment_token=B).encode().hex()
LOG = {
    "address": str(B).lower(),
    "topics": ["0x" + Transfer.topic.hex(), "0x" + bytes(12).hex() + A.hex(), "0x" + bytes(12).hex() + B.hex()],
    "data": "0x" + (5).to_bytes(32, "big").hex(),
    "blockNumber": "0x1",
    "removed": False,
}


def narrow(text: str) -> bool:
    return max(len(line) for line in text.splitlines()) <= 80


class TestCalldata:
    def test_names_types_and_amounts(self, run: Any) -> None:
        done = run("decode", "calldata", BUY, "--to", str(B).lower(), "--decimals", "amount=6")
        assert done.code == 0
        assert done.out.splitlines() == [
            f"to       {B}",
            "call     buy(uint256,address,address)",
            "  amount              uint256  1500000 = 1.5",
            f"  _houseTokenAddress  address  {A}",
            f"  _paymentToken       address  {B}",
        ]

    def test_json(self, run: Any) -> None:
        found = run("decode", "calldata", BUY, "--json", "--decimals", "6").json()
        assert found["signature"] == "buy(uint256,address,address)"
        assert (found["canonical"], found["ambiguous"], found["warnings"]) == (True, False, [])
        assert found["parameters"][0] == {"name": "amount", "type": "uint256", "value": "1500000", "amount": "1.5"}
        assert found["parameters"][1] == {"name": "_houseTokenAddress", "type": "address", "value": str(A)}

    def test_strict_by_default_and_says_why(self, run: Any) -> None:
        done = run("decode", "calldata", BUY + "00", "--json")
        assert done.code == 1
        assert done.json()["path"] == "calldata"
        assert "bytes after it: 1. Solidity would read it all the same: --lenient" in done.json()["error"]
        dirty = BUY[:80] + "1" + BUY[81:]
        refused = run("decode", "calldata", dirty, "--json").json()
        assert refused["path"] == "calldata._houseTokenAddress"
        assert "--lenient" not in refused["error"]  # Solidity would revert.
        lenient = run("decode", "calldata", BUY + "00", "--lenient")
        assert lenient.code == 0
        assert "  not canonical: calldata: expected the end of the data" in lenient.out
        assert narrow(lenient.out)

    def test_standard_input(self, run: Any) -> None:
        assert run("decode", "calldata", "-", stdin=BUY + "\n").code == 0
        assert run("decode", "calldata", "-", stdin=b"\xff").code == 1

    @pytest.mark.parametrize("data", ["0x", "0x12", "0x123", "e753858a", "0xzz", "", "0x12345678", "0x" + "00" * 100])
    def test_what_is_no_call_that_is_known(self, run: Any, data: str) -> None:
        done = run("decode", "calldata", data)
        assert done.code == 1
        assert done.err.startswith("orderseal: calldata: expected ")
        assert done.out == ""

    @pytest.mark.parametrize(
        "options",
        [
            ("--to", "0x12"),
            ("--to", str(A).replace("A", "a", 1) if "A" in str(A) else "0xA"),
            ("--decimals", "78"),
            ("--decimals", "x"),
            ("--decimals", "nothing=6"),
            ("--abi", "nowhere.json"),
            ("--nothing",),
        ],
    )
    def test_wrong_use(self, run: Any, options: tuple[str, ...]) -> None:
        assert run("decode", "calldata", BUY, *options).code == 2

    def test_an_abi_of_ones_own(self, run: Any, tmp_path: Path) -> None:
        legs = {"name": "legs", "type": "tuple[]", "components": [{"name": "to", "type": "address"}, {"name": "n", "type": "uint8"}]}
        order = {"name": "order", "type": "tuple", "components": [{"name": "note", "type": "string"}, {"name": "price", "type": "uint256"}]}
        entry = {"type": "function", "name": "fill", "inputs": [order, legs], "outputs": [], "stateMutability": "view"}
        (tmp_path / "abi.json").write_text(json.dumps(json.dumps([entry])))
        from orderseal.chain.abi import Abi

        data = "0x" + Abi.parse([entry]).functions[0].encode(("\x1b[2Jhi\u202e", 7), [(A, 1), (B, 2)]).hex()
        done = run("decode", "calldata", data, "--abi", "abi.json", "--decimals", "price=1")
        assert done.code == 0
        assert "\x1b" not in done.out
        assert "\u202e" not in done.out
        assert '"\\x1b[2Jhi\\u202e"' in done.out
        assert f"  legs[1].to   address  {B}" in done.out
        assert "  order.price  uint256  7 = 0.7" in done.out
        assert narrow(done.out)
        assert run("decode", "calldata", data, "--abi", "abi.json", "--json").json()["parameters"][0]["value"]["price"] == "7"
        assert run("decode", "calldata", BUY, "--abi", "abi.json").code == 1
        assert run("decode", "calldata", data, "--abi", "-", stdin=json.dumps([entry])).code == 0
        assert run("decode", "calldata", "-", "--abi", "-", stdin=data).code == 2
        (tmp_path / "bad.json").write_text('[{"type": "function", "type": "event"}]')
        assert run("decode", "calldata", data, "--abi", "bad.json").code == 2

    def test_two_candidates_are_both_shown_and_decide_nothing(self, run: Any, tmp_path: Path) -> None:
        for name, entry in (("a", ("burn", "uint256")), ("b", ("collate_propagate_storage", "bytes16"))):
            inputs = [{"name": "x", "type": entry[1]}]
            (tmp_path / f"{name}.json").write_text(json.dumps([{"type": "function", "name": entry[0], "inputs": inputs, "outputs": []}]))
        options = ("--abi", "a.json", "--abi", "b.json")
        data = "0x42966c68" + "11" * 16 + "00" * 16
        done = run("decode", "calldata", data, *options)
        assert done.code == 1
        assert "ambiguous: 2 calls" in done.out
        assert "burn(uint256)" in done.out
        assert "collate_propagate_storage(bytes16)" in done.out
        assert len(run("decode", "calldata", data, *options, "--json").json()["candidates"]) == 2
        only = run("decode", "calldata", "0x42966c68" + "00" * 31 + "05", *options)  # No bytes16 has bits at its end.
        assert (only.code, "burn(uint256)" in only.out) == (0, True)

    def test_what_erc20_is_known(self, run: Any) -> None:
        data = "0x" + Approve(spender=A, value=2**256 - 1).encode().hex()
        assert str(2**256 - 1) in run("decode", "calldata", data).out


class TestLog:
    def test_a_nodes_object(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "log.json").write_text(json.dumps(LOG))
        for done in (run("decode", "log", "log.json"), run("decode", "log", "-", stdin=json.dumps(LOG))):
            assert done.code == 0
            assert done.out.splitlines()[:2] == [f"address  {B}", "event    Transfer(address,address,uint256)"]
            assert f"  from   address  {A}" in done.out
        found = run("decode", "log", "log.json", "--json", "--decimals", "value=6").json()
        assert found["address"] == str(B)
        assert found["parameters"][0]["indexed"] is True
        assert found["parameters"][2] == {"name": "value", "type": "uint256", "value": "5", "amount": "0.000005"}

    def test_topics_and_data_as_options(self, run: Any) -> None:
        words = bytes(12) + A + bytes(12) + B + bytes(12) + B + b"".join([n.to_bytes(32, "big") for n in (7, 8, 9)])
        done = run("decode", "log", "0x" + words.hex(), "--topic", "0x" + ListingBuyEvent.topic.hex())
        assert done.code == 0
        assert "ListingBuyEvent(" in done.out
        assert narrow(done.out)

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"topics": []}, "log.topics[0]"),
            ({"topics": ["0x00"]}, "log.topics[0]"),
            ({"topics": [*LOG["topics"], "0x" + "00" * 32]}, "log.topics"),  # type: ignore[misc]
            ({"data": "0x"}, "log.data"),
            ({"data": None}, "log.data"),
            ({"address": "0x"}, "log.address"),
        ],
    )
    def test_bad_logs(self, run: Any, change: dict[str, Any], path: str) -> None:
        done = run("decode", "log", "-", "--json", stdin=json.dumps({**LOG, **change}))
        assert (done.code, done.json()["path"]) == (1, path)

    def test_no_log_at_all(self, run: Any) -> None:
        assert run("decode", "log", "0x00").code == 2
        assert run("decode", "log", "nowhere.json").code == 2
        assert run("decode", "log", "-", stdin="[]").code == 1
        assert run("decode", "log", "-", stdin='{"topics": [], "topics": []}').code == 1


class TestError:
    def test_texts_panics_and_strangers(self, run: Any) -> None:
        done = run("decode", "error", "0x" + Revert(message="Pausable: paused\x1b").encode().hex())
        assert done.code == 0
        assert done.out.splitlines()[0] == "reason   Pausable: paused\\x1b"
        panic = run("decode", "error", "0x" + Panic(code=0x11).encode().hex(), "--json").json()
        assert panic["reason"] == "panic 0x11: arithmetic overflow or underflow"
        unknown = run("decode", "error", "0x12345678")
        assert unknown.code == 1
        assert "0x12345678" in unknown.err
        assert run("decode", "error", "0x").code == 1

    def test_custom_errors(self, run: Any, tmp_path: Path) -> None:
        entry = {"type": "error", "name": "Bad", "inputs": [{"name": "who", "type": "address"}]}
        (tmp_path / "abi.json").write_text(json.dumps({"abi": [entry]}))
        from orderseal.chain.abi import Abi

        data = "0x" + Abi.parse([entry]).errors[0].encode(A).hex()
        done = run("decode", "error", data, "--abi", "abi.json")
        assert done.code == 0
        assert f"Bad(who={A})" in done.out
        strict = run("decode", "error", data + "00", "--abi", "abi.json", "--json")
        assert (strict.code, strict.json()["path"]) == (1, "data")
