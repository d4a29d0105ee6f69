"""What a node says of a mined transaction: read, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from orderseal.chain.receipts import Receipt, read_receipt, receipt_call
from orderseal.signing import Address, Hash32, NodeError

HASH = Hash32("0x" + "ab" * 32)
# The form of the Ethereum execution APIs (ReceiptInfo); the numbers are our own.
GOOD: dict[str, Any] = {
    "type": "0x2",
    "transactionHash": "0x" + "ab" * 32,
    "transactionIndex": "0x0",
    "blockHash": "0x" + "cd" * 32,
    "blockNumber": "0x10",
    "from": "0x" + "11" * 20,
    "to": "0x" + "22" * 20,
    "cumulativeGasUsed": "0x5208",
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x3b9aca00",
    "logsBloom": "0x" + "00" * 256,
    "logs": [
        {"address": "0x" + "22" * 20, "topics": ["0x" + "33" * 32], "data": "0x00ff", "logIndex": "0x0", "removed": False},
        {"address": "0x" + "44" * 20, "topics": [], "data": "0x"},
    ],
    "status": "0x1",
}


def test_what_is_asked() -> None:
    asked = receipt_call(HASH)
    assert (asked.method, asked.params) == ("eth_getTransactionReceipt", ("0x" + "ab" * 32,))


def test_a_receipt() -> None:
    found = read_receipt(GOOD, HASH)
    assert isinstance(found, Receipt)
    assert (found.hash, found.block, found.success, found.gas_used, found.fee) == (HASH, 16, True, 21_000, 21_000 * 10**9)
    assert [log.address for log in found.logs] == [Address("0x" + "22" * 20), Address("0x" + "44" * 20)]
    assert found.logs[0].topics == (b"\x33" * 32,)
    assert found.logs[0].data == b"\x00\xff"


def test_it_reverted() -> None:
    found = read_receipt(GOOD | {"status": "0x0", "logs": []}, HASH)
    assert found is not None
    assert not found.success


def test_a_node_that_does_not_say_the_price() -> None:
    found = read_receipt({name: value for name, value in GOOD.items() if name != "effectiveGasPrice"}, HASH)
    assert found is not None
    assert found.fee == 0


@pytest.mark.parametrize(
    "answer", [None, GOOD | {"blockNumber": None}, {"transactionHash": "0x" + "ab" * 32}], ids=["null", "no block", "short"]
)
def test_not_mined(answer: Any) -> None:
    assert read_receipt(answer, HASH) is None


def test_a_hash_in_capitals_is_the_same() -> None:
    assert read_receipt(GOOD | {"transactionHash": "0x" + "AB" * 32}, HASH) is not None


LOG: dict[str, Any] = GOOD["logs"][0]
BAD: dict[str, Any] = {
    "a list": [GOOD],
    "a text": "0x1",
    "true": True,
    "another's": GOOD | {"transactionHash": "0x" + "ac" * 32},
    "a short hash": GOOD | {"transactionHash": "0x" + "ab" * 31},
    "no hash": GOOD | {"transactionHash": None},
    "status 2": GOOD | {"status": "0x2"},
    "status as a number": GOOD | {"status": 1},
    "status with zeros": GOOD | {"status": "0x01"},
    "status true": GOOD | {"status": True},
    "no status": GOOD | {"status": None},
    "a negative block": GOOD | {"blockNumber": "-0x1"},
    "a decimal block": GOOD | {"blockNumber": "16"},
    "block false": GOOD | {"blockNumber": False},
    "no gas": GOOD | {"gasUsed": None},
    "a price in words": GOOD | {"effectiveGasPrice": "much"},
    "no logs": GOOD | {"logs": None},
    "logs in an object": GOOD | {"logs": {}},
    "a log that is none": GOOD | {"logs": [LOG, "x"]},
    "five topics": GOOD | {"logs": [LOG | {"topics": ["0x" + "33" * 32] * 5}]},
    "a short topic": GOOD | {"logs": [LOG | {"topics": ["0x33"]}]},
    "odd data": GOOD | {"logs": [LOG | {"data": "0x0"}]},
    "a short address": GOOD | {"logs": [LOG | {"address": "0x22"}]},
    "too many logs": GOOD | {"logs": [LOG] * 10_001},
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_what_is_no_receipt_is_refused(answer: Any) -> None:
    with pytest.raises(NodeError) as raised:
        read_receipt(answer, HASH)
    assert raised.value.code is None
    assert len(str(raised.value)) < 400


def test_a_refusal_is_raised() -> None:
    refusal = NodeError("eth_getTransactionReceipt was refused by the node: no [code -32000]", code=-32000)
    with pytest.raises(NodeError) as raised:
        read_receipt(refusal, HASH)
    assert raised.value is refusal
