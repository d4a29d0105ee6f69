"""Many reads of a chain in one ``eth_call``, at one block, on any chain and any node: the code that makes them travels with the question.

No contract needs to stand anywhere, and none is trusted: the call is that of a creation, whose code makes the reads and returns what
they gave (its source is ``tools/executor.py``). The same code answers for an account of ours where a node allows to override what code
an account has: see :mod:`.simulate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orderseal.chain.dialogue import Answer, Rpc
from orderseal.signing.errors import NodeError
from orderseal.signing.values import Address, Hash32, exact_str, hex_to_bytes

__all__ = ["EXECUTOR", "MOST_RETURNED", "Aggregate", "Read", "Result", "aggregate_call", "block_tag", "pack", "read_aggregate", "unpack"]

MOST_RETURNED: Final = 8192
"""Bytes that are kept of what one call returns."""

_READER: Final = bytes.fromhex(
    "6100883803806100886000398046815260200143815260200142815260200160005b8281101561008157805181602001515a6000600083604087016000875a"
    "f1905a900385602001528452813f84604001523d61200081111561006157506120005b808560600152806000866080013e6080018401935090500160400161"
    "0021565b5081900390f3"
)
EXECUTOR: Final = bytes.fromhex(
    "368060006000378046815260200143815260200142815260200160005b8281101561007c57805181602001515a6000600083604087016000875af1905a9003"
    "85602001528452813f84604001523d61200081111561005c57506120005b808560600152806000866080013e6080018401935090500160400161001c565b50"
    "81900390f3"
)
"""For an account whose code it becomes: its calldata is :func:`pack`'s, and what it returns is :func:`unpack`'s."""
_HEAD: Final = 96
_RECORD: Final = 128
_LARGEST: Final = 24_576  # What a creation may return (EIP-170).


@dataclass(frozen=True, slots=True)
class Read:
    """A call to make: ``data`` to ``to``."""

    to: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gave.

    Attributes:
        success: whether it did not revert.
        gas: that it used, without what a transaction costs by itself. What an earlier call has touched is cheaper.
        code_hash: of the account that was called (EIP-1052): zero if there is none, keccak256 of nothing if it has no code.
        data: what it returned, or its revert data; the first 8,192 bytes.
    """

    success: bool
    gas: int
    code_hash: Hash32
    data: bytes


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What several calls gave, and where: chain id, block number and the block's time (Unix seconds) as the EVM itself says."""

    chain_id: int
    number: int
    timestamp: int
    results: tuple[Result, ...]


def pack(reads: Sequence[Read]) -> bytes:
    """The executor's input."""
    return b"".join([bytes(12) + read.to + len(read.data).to_bytes(32, "big") + read.data for read in reads])


def unpack(raw: bytes, count: int) -> Aggregate:
    """Read the executor's output.

    Raises:
        NodeError: it is not that of ``count`` calls.
    """
    chain_id, number, timestamp = (int.from_bytes(raw[at : at + 32], "big") for at in (0, 32, 64))
    results: list[Result] = []
    at = _HEAD
    for _ in range(count):
        success, gas, size = (int.from_bytes(raw[at + place : at + place + 32], "big") for place in (0, 32, 96))
        end = at + _RECORD + size
        if success > 1 or size > MOST_RETURNED or end > len(raw):
            raise NodeError("the node answered several reads with something else")
        results.append(Result(bool(success), gas, Hash32(raw[at + 64 : at + 96]), raw[at + _RECORD : end]))
        at = end
    if at != len(raw):
        raise NodeError("the node answered several reads with something else")
    return Aggregate(chain_id, number, timestamp, tuple(results))


def block_tag(block: int | None) -> str:
    """A block for a request: its number, or ``latest``."""
    return "latest" if block is None else hex(block)


def aggregate_call(reads: Sequence[Read], block: int | None = None) -> Rpc:
    """Ask all of it at one block, by default the latest."""
    return Rpc("eth_call", ({"data": "0x" + (_READER + pack(reads)).hex()}, block_tag(block)))


def read_aggregate(answer: Answer, count: int) -> Aggregate:
    """Read the answer to :func:`aggregate_call`.

    Raises:
        NodeError: what the node said, or that its answer is none.
    """
    if isinstance(answer, NodeError):
        raise answer
    text = exact_str(answer) if isinstance(answer, str) else ""
    raw = hex_to_bytes(text) if len(text) <= 2 + 2 * _LARGEST else None
    return unpack(raw or b"", count)
