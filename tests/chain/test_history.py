"""Events of the past, on real chains and from nodes that misbehave."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from orderseal.chain.dialogue import Rpc, run
from orderseal.chain.erc20 import Approval, Transfer
from orderseal.chain.history import read_events
from orderseal.chain.marketplace import ListingBuyEvent
from orderseal.chain.node import HttpNode
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import InvalidInput, NodeError, WrongChain


def buy(chain: LocalChain, times: int) -> tuple[int, int]:
    """Purchases of 1, 2, 3, … tokens; the numbers of their first and last block."""
    house, payment, market = (chain.contracts[name].address for name in ("house", "payment", "market"))
    chain.transact("buyer", "payment", "approve", market, 10**6)
    blocks = [int(chain.transact("buyer", "market", "buy", n, house, payment)["blockNumber"], 16) for n in range(1, times + 1)]
    return blocks[0], blocks[-1]


class Limited:
    """A real node that answers for few blocks at a time only, as providers do."""

    def __init__(self, node: HttpNode, most: int) -> None:
        self.node, self.most, self.spans = node, most, list[int]()

    def ask(self, calls: Sequence[Rpc]) -> list[Any]:
        if calls[0].method == "eth_getLogs":
            wanted = calls[0].params[0]
            self.spans.append(int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) + 1)
            if self.spans[-1] > self.most:
                return [NodeError("query exceeds max block range", code=-32005)]
        return self.node.ask(calls)


def test_all_purchases_are_found_in_order(chain: LocalChain) -> None:
    first, last = buy(chain, 4)
    market = chain.contracts["market"].address
    with HttpNode(chain.rpc_url) as node:
        found = run(read_events(ListingBuyEvent, chain_id=17000, address=market, first=first), node)
        middle = run(read_events(ListingBuyEvent, chain_id=17000, address=market, first=first + 1, last=last - 1), node)
    assert [item.event.count for item in found] == [1, 2, 3, 4]
    assert [item.block for item in found] == [first, first + 1, first + 2, last]
    assert {str(item.event.user) for item in found} == {chain.accounts["buyer"].address}
    assert [item.event.count for item in middle] == [2, 3]
    receipt = chain.request("eth_getTransactionReceipt", str(found[0].transaction))
    assert int(receipt["blockNumber"], 16) == first


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_a_node_with_a_short_range_is_asked_for_less(front: LocalChain, most: int) -> None:
    first, _last = buy(front, 3)
    payment = front.contracts["payment"].address
    with HttpNode(front.rpc_url) as real:
        whole = run(read_events(Transfer, chain_id=17000, address=payment, first=0), real)
        limited = Limited(real, most)
        assert run(read_events(Transfer, chain_id=17000, address=payment, first=0), limited) == whole
        assert run(read_events(Approval, chain_id=17000, address=payment, first=first - 1, span=1), limited) != []
    assert len(whole) >= 3
    assert max(limited.spans) > most >= min(limited.spans)


Change = Callable[[dict[str, Any]], Any]

HOSTILE: dict[str, Change] = {
    "another contract": lambda log: {**log, "address": "0x" + "99" * 20},
    "another event": lambda log: {**log, "topics": ["0x" + "99" * 32]},
    "a later block": lambda log: {**log, "blockNumber": "0xffffff"},
    "no block": lambda log: {**log, "blockNumber": None},
    "a removed log": lambda log: {**log, "removed": True},
    "short data": lambda log: {**log, "data": "0x00"},
    "no transaction": lambda log: {**log, "transactionHash": "0x12"},
    "no object": lambda log: "log",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_logs_that_were_not_asked_for_are_refused(front: LocalChain, what: str) -> None:
    buy(front, 1)
    with HttpNode(front.rpc_url) as real:

        class Lying:
            def ask(self, calls: Sequence[Rpc]) -> list[Any]:
                answers = real.ask(calls)
                return [[HOSTILE[what](log) for log in answers[0]]] if calls[0].method == "eth_getLogs" else answers

        with pytest.raises(NodeError, match="eth_getLogs"):
            run(read_events(ListingBuyEvent, chain_id=17000, address=front.contracts["market"].address, first=0), Lying())


@pytest.mark.parametrize("answer", [None, {}, "0x", 5])
def test_what_is_no_list_is_refused(answer: object) -> None:
    class Odd:
        def ask(self, calls: Sequence[Rpc]) -> list[Any]:
            return ["0x4268", "0x5"] if calls[0].method == "eth_chainId" else [answer]

    with pytest.raises(NodeError, match="expected a list"):
        run(read_events(Transfer, chain_id=17000, address="0x" + "11" * 20, first=0), Odd())


def test_a_log_that_comes_twice_is_refused(front: LocalChain) -> None:
    buy(front, 1)
    with HttpNode(front.rpc_url) as real:

        class Twice:
            def ask(self, calls: Sequence[Rpc]) -> list[Any]:
                answers = real.ask(calls)
                return [[*answers[0], *answers[0]]] if calls[0].method == "eth_getLogs" else answers

        with pytest.raises(NodeError, match="out of order"):
            run(read_events(ListingBuyEvent, chain_id=17000, address=front.contracts["market"].address, first=0), Twice())


def test_a_node_that_has_no_logs_is_asked_once() -> None:
    class Without:
        asked = 0

        def ask(self, calls: Sequence[Rpc]) -> list[Any]:
            if calls[0].method == "eth_chainId":
                return ["0x4268", "0xff"]
            self.asked += 1
            return [NodeError("the method does not exist", code=-32601)]

    node = Without()
    with pytest.raises(NodeError, match="does not exist"):
        run(read_events(Transfer, chain_id=17000, address="0x" + "11" * 20, first=0), node)
    assert node.asked == 1


def test_wrong_arguments_and_the_wrong_chain(front: LocalChain) -> None:
    market = front.contracts["market"].address
    for wrong in ({"first": -1}, {"first": 5, "last": 4}, {"first": 0, "span": 0}, {"first": True}):
        with pytest.raises(InvalidInput):
            next(read_events(Transfer, chain_id=17000, address=market, **wrong))
    with HttpNode(front.rpc_url) as node, pytest.raises(WrongChain):
        run(read_events(Transfer, chain_id=97, address=market, first=0), node)
