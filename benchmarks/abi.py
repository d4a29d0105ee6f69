"""Calls and logs of the marketplace: declared classes beside eth-abi and the contract objects of web3. Every input is new."""

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.resources import files
from typing import Any, Final, TypeVar

from eth_abi.abi import decode, encode

from orderseal.benchmarks.rounds import Contestant, Disagreement, Goal, timed
from orderseal.benchmarks.work import Work
from orderseal.chain.erc20 import Transfer
from orderseal.chain.marketplace import Buy, ListingBuyEvent
from orderseal.signing import Address

__all__ = ["abi_contestants", "web3_abi"]

T = TypeVar("T")

_TYPES: Final = ("uint256", "address", "address")
_PROOFS: Final = 3
_TRANSFER: Final = {
    "type": "event",
    "name": "Transfer",
    "anonymous": False,
    "inputs": [
        {"name": "from", "type": "address", "indexed": True},
        {"name": "to", "type": "address", "indexed": True},
        {"name": "value", "type": "uint256", "indexed": False},
    ],
}


class _Inputs:
    """Purchases and logs that this process has never seen."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.house, self.payment = Address(work.stranger()), Address(work.stranger())

    def amount(self) -> int:
        return self.work.number() << 100

    def calldata(self) -> bytes:
        words = self.amount().to_bytes(32, "big"), bytes(12), bytes(self.house), bytes(12), bytes(self.payment)
        return Buy.selector + b"".join(words)

    def bought(self) -> dict[str, Any]:
        """A log of ``ListingBuyEvent`` as JSON-RPC gives it."""
        numbers = b"".join([number.to_bytes(32, "big") for number in (self.amount(), 5, 1_800_000_000)])
        return self._log([ListingBuyEvent.topic], b"".join([bytes(12) + a for a in (self.house, self.house, self.payment)]) + numbers)

    def transferred(self) -> dict[str, Any]:
        """A log of ``Transfer`` as JSON-RPC gives it."""
        return self._log([Transfer.topic, bytes(12) + self.house, bytes(12) + self.payment], self.amount().to_bytes(32, "big"))

    def _log(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        where = {"blockNumber": 1, "blockHash": "0x" + "11" * 32, "transactionHash": "0x" + "22" * 32, "transactionIndex": 0, "logIndex": 0}
        return {"address": str(self.payment), "topics": [f"0x{topic.hex()}" for topic in topics], "data": f"0x{data.hex()}", **where}


def _contestant(
    id_: str,
    name: str,
    what: str,
    make: Callable[[], T],
    call: Callable[[T], Any],
    agrees: Callable[[T, Any], bool],
    goal: Goal | None = None,
) -> Contestant:
    def prove() -> None:
        for _ in range(_PROOFS):
            item = make()
            if not agrees(item, call(item)):
                raise Disagreement(f"{name} comes to another outcome than the bytes written by hand")

    return Contestant(id_, name, what, timed(lambda count: [make() for _ in range(count)], call), prove, goal)


def _amount(data: bytes) -> int:
    return int.from_bytes(data[4:36], "big")


def abi_contestants(work: Work) -> dict[str, list[Contestant]]:
    """What every installation has, by the id of the section."""
    inputs = _Inputs(work)
    house, payment = inputs.house, inputs.payment

    def by_hand(amount: int) -> bytes:
        return Buy.selector + amount.to_bytes(32, "big") + bytes(12) + house + bytes(12) + payment

    def buy(amount: int) -> bytes:
        return Buy(amount=amount, house_token=house, payment_token=payment).encode()

    def eth_abi(amount: int) -> bytes:
        return Buy.selector + encode(_TYPES, (amount, house, payment))

    def same(amount: int, found: bytes) -> bool:
        return found == by_hand(amount)

    def is_buy(data: bytes, found: Buy) -> bool:
        return found.encode() == data and found.amount == _amount(data)

    def is_amount(log: dict[str, Any], found: Transfer) -> bool:
        return found == Transfer(sender=house, to=payment, value=int(log["data"], 16))

    def is_price(log: dict[str, Any], found: ListingBuyEvent) -> bool:
        return found.price == int(log["data"][2 + 3 * 64 : 2 + 4 * 64], 16) and found.payment == payment

    return {
        "buy_encode": [
            _contestant("buy", "orderseal", "Buy(…).encode()", inputs.amount, buy, same),
            _contestant("by_hand", "plain Python", "packed by hand", inputs.amount, by_hand, same),
            _contestant("eth_abi", "eth-abi", "encode", inputs.amount, eth_abi, same),
        ],
        "buy_decode": [
            _contestant("buy", "orderseal", "Buy.decode(data)", inputs.calldata, Buy.decode, is_buy),
            _contestant(
                "eth_abi",
                "eth-abi",
                "decode, selector unseen",
                inputs.calldata,
                lambda data: decode(_TYPES, data[4:]),
                lambda data, found: bool(found[0] == _amount(data)),
            ),
        ],
        "logs": [
            _contestant("transfer", "orderseal", "Transfer.decode_log", inputs.transferred, Transfer.decode_log, is_amount),
            _contestant("bought", "orderseal", "ListingBuyEvent.decode_log", inputs.bought, ListingBuyEvent.decode_log, is_price),
        ],
    }


def web3_abi(work: Work) -> dict[str, list[Contestant]]:
    """web3's contract object and its event objects; raises ``ModuleNotFoundError`` where web3 is not installed."""
    web3, structures, hexbytes = import_module("web3").Web3(), import_module("web3.datastructures"), import_module("hexbytes")
    pinned = json.loads((files("orderseal.chain.data") / "marketplace.json").read_text("utf-8"))["abi"]
    contract = web3.eth.contract(abi=[*pinned, _TRANSFER])
    inputs = _Inputs(work)
    house, payment = str(inputs.house), str(inputs.payment)

    def as_web3_gives_it(log: dict[str, Any]) -> Any:
        raw = {key: hexbytes.HexBytes(log[key]) for key in ("data", "blockHash", "transactionHash")}
        return structures.AttributeDict({**log, **raw, "topics": [hexbytes.HexBytes(topic) for topic in log["topics"]]})

    def encoded(amount: int, found: str) -> bool:
        ours = Buy(amount=amount, house_token=inputs.house, payment_token=inputs.payment)
        return found == "0x" + ours.encode().hex()

    return {
        "buy_encode": [
            _contestant(
                "web3",
                "web3",
                "encode_abi of a contract object",
                inputs.amount,
                lambda amount: contract.encode_abi("buy", [amount, house, payment]),
                encoded,
                Goal("buy", 100, at_most=False),
            )
        ],
        "buy_decode": [
            _contestant(
                "web3",
                "web3",
                "decode_function_input",
                inputs.calldata,
                contract.decode_function_input,
                lambda data, found: bool(found[1]["amount"] == _amount(data)),
                Goal("buy", 100, at_most=False),
            )
        ],
        "logs": [
            _contestant(
                "web3_transfer",
                "web3",
                "Transfer().process_log",
                lambda: as_web3_gives_it(inputs.transferred()),
                contract.events.Transfer().process_log,
                lambda log, found: bool(found["args"]["value"] == int(log["data"].hex(), 16)),
                Goal("transfer", 20, at_most=False),
            ),
            _contestant(
                "web3_bought",
                "web3",
                "ListingBuyEvent().process_log",
                lambda: as_web3_gives_it(inputs.bought()),
                contract.events.ListingBuyEvent().process_log,
                lambda _log, found: bool(found["args"]["payment"] == payment),
                Goal("bought", 20, at_most=False),
            ),
        ],
    }
