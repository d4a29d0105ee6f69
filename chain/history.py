"""Events of the past: the logs of a range of blocks, however small a range the node answers for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from orderseal.chain.abi import Event, Oddity, RawLog
from orderseal.chain.dialogue import Ask, Dialogue, Rpc
from orderseal.chain.wire import check_chain, data, quantity
from orderseal.signing.errors import InvalidInput, NodeError, describe
from orderseal.signing.values import Address, AddressLike, Hash32

__all__ = ["Happened", "read_events"]

E = TypeVar("E", bound=Event)

_MOST_LOGS: Final = 200_000
_SPAN: Final = 5_000
_GROWTH: Final = 2
_NEVER_RANGES: Final = (-32601,)  # The method is not there: no smaller range helps.


@dataclass(frozen=True, slots=True)
class Happened(Generic[E]):
    """An event and where it stands.

    Attributes:
        event: decoded as Solidity reads it.
        address: of the contract that gave it.
        block: its block's number.
        transaction: its transaction's hash.
        index: of the log within its block.
        warnings: what is not canonical in it.
    """

    event: E
    address: Address
    block: int
    transaction: Hash32
    index: int
    warnings: tuple[Oddity, ...] = ()


def read_events(
    kind: type[E], *, chain_id: int, address: AddressLike, first: int, last: int | None = None, span: int = _SPAN
) -> Dialogue[list[Happened[E]]]:
    """Read all events of one kind that a contract gave, in order.

    A node that refuses a range, since it is too long or holds too many logs, is asked for halves of it. What a reorganisation drops while
    this reads is not noticed: ask up to a block that is old enough.

    Args:
        kind: the declared event.
        chain_id: of the chain.
        address: of the contract.
        first: block number. ``last``: by default the latest, as it is when this begins.
        span: blocks to ask for at once at first.

    Raises:
        InvalidInput: an argument has the wrong form.
        WrongChain: the node is of another chain.
        NodeError: the node refuses a single block, gives a log of another contract, event or range, one twice, or more than 200,000.
    """
    at = Address(address)
    for path, value, least in (("first", first, 0), ("last", first if last is None else last, first), ("span", span, 1)):
        if type(value) is not int or not least <= value < 2**63:
            raise InvalidInput(path=path, expected=f"a whole number from {least}", actual=describe(value))
    answers = yield Ask((Rpc("eth_chainId"), Rpc("eth_blockNumber")))
    check_chain(chain_id, answers[0])
    end = quantity(answers[1], "eth_blockNumber") if last is None else last
    found: list[Happened[E]] = []
    low = first
    while low <= end:
        high = min(low + span - 1, end)
        (answer,) = yield Ask((_logs_call(kind, at, low, high),))
        if isinstance(answer, NodeError):
            if span == 1 or answer.code in _NEVER_RANGES:
                raise answer
            span = max((high - low + 1) // 2, 1)
            continue
        found += _read(kind, at, low, high, answer)
        if len(found) > _MOST_LOGS:
            raise NodeError(f"more than {_MOST_LOGS} logs: ask for fewer blocks at a time")
        low, span = high + 1, span * _GROWTH
    return found


def _logs_call(kind: type[Event], at: Address, low: int, high: int) -> Rpc:
    wanted = {"address": str(at), "topics": ["0x" + kind.topic.hex()], "fromBlock": hex(low), "toBlock": hex(high)}
    return Rpc("eth_getLogs", (wanted,))


def _read(kind: type[E], at: Address, low: int, high: int, answer: object) -> list[Happened[E]]:
    if not isinstance(answer, list) or len(cast("Sequence[Any]", answer)) > _MOST_LOGS:
        raise NodeError(f"eth_getLogs: expected a list of at most {_MOST_LOGS} logs, got {describe(answer)}")
    found: list[Happened[E]] = []
    last = (-1, -1)
    for number, raw in enumerate(cast("Sequence[dict[str, Any]]", answer)):
        path = f"eth_getLogs[{number}]"
        try:
            log = RawLog.of(raw, path)
            read = kind.read_log(log, path)
        except InvalidInput as error:
            raise NodeError(str(error)) from None
        if raw.get("removed") not in (None, False):
            raise NodeError(f"{path}: a log that a reorganisation removed")
        block, index = quantity(raw.get("blockNumber"), f"{path}.blockNumber"), quantity(raw.get("logIndex"), f"{path}.logIndex")
        if log.address != at or not low <= block <= high or (block, index) <= last:
            raise NodeError(f"{path}: a log of another contract or block than was asked for, or out of order")
        last = block, index
        transaction = Hash32(data(raw.get("transactionHash"), f"{path}.transactionHash", 32))
        found.append(Happened(read.value, at, block, transaction, index, read.warnings))
    return found
