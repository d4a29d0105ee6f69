"""What a sequence of transactions of one account would do, each seeing what those before it did. Nothing is sent.

Two ways, tried in this order: ``eth_simulateV1`` (execution-apis; geth since 1.14.9), which also gives the logs; and one ``eth_call`` in
which the account's own address has :data:`~orderseal.chain.multicall.EXECUTOR` for its code, for nodes that allow state overrides: it
shows what the calls returned, hence balances too, but no logs, and contracts may treat an account with code in another way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from orderseal.chain.abi import RawLog
from orderseal.chain.dialogue import Answer, Ask, Dialogue, Rpc
from orderseal.chain.multicall import EXECUTOR, Read, block_tag, pack, unpack
from orderseal.chain.wire import data, quantity
from orderseal.signing.errors import InvalidInput, NodeError
from orderseal.signing.values import Address

__all__ = ["Ran", "Simulation", "simulate"]

_MOST_LOGS: Final = 1_000
_INTRINSIC: Final = 21_000
_ZERO_BYTE: Final = 4
_OTHER_BYTE: Final = 40  # The floor of EIP-7623: 10 for a token, of which a byte that is not zero is 4.


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one transaction.

    Attributes:
        success: whether it did not revert.
        gas: that it would use, with what any transaction costs.
        data: what it returned, or its revert data.
        logs: in order; ``None`` where the way of simulating shows none.
    """

    success: bool
    gas: int
    data: bytes
    logs: tuple[RawLog, ...] | None


@dataclass(frozen=True, slots=True)
class Simulation:
    """What became of a sequence.

    Attributes:
        way: ``eth_simulateV1``, or ``executor``, which shows no logs.
        ran: one for each transaction.
    """

    way: Literal["eth_simulateV1", "executor"]
    ran: tuple[Ran, ...]


def simulate(sender: Address, sequences: Sequence[Sequence[Read]], block: int | None) -> Dialogue[list[Simulation] | None]:
    """Run each sequence on the state after ``block``, by default the latest; ``None`` if the node offers neither way.

    One round trip, two where ``eth_simulateV1`` is not to be had.

    Raises:
        NodeError: the node claims to have simulated, but its answer is none.
    """
    answers = yield Ask(tuple([_simulate_call(sender, steps, block) for steps in sequences]))
    if not any(isinstance(answer, NodeError) for answer in answers):
        return [_read_simulated(answer, len(steps)) for answer, steps in zip(answers, sequences, strict=True)]
    answers = yield Ask(tuple([_executor_call(sender, steps, block) for steps in sequences]))
    if any(isinstance(answer, NodeError) or answer == "0x" for answer in answers):
        return None  # The account's own code, which is none, returns nothing: the override was passed over.
    return [_read_executed(answer, steps) for answer, steps in zip(answers, sequences, strict=True)]


def _simulate_call(sender: Address, steps: Sequence[Read], block: int | None) -> Rpc:
    calls = [{"from": str(sender), "to": str(step.to), "data": "0x" + step.data.hex()} for step in steps]
    return Rpc("eth_simulateV1", ({"blockStateCalls": [{"calls": calls}], "validation": False}, block_tag(block)))


def _read_simulated(answer: Answer, count: int) -> Simulation:
    blocks = cast("Sequence[Any]", answer) if isinstance(answer, list) else ()
    calls = cast("Mapping[str, Any]", blocks[0]).get("calls") if len(blocks) == 1 and isinstance(blocks[0], dict) else None
    if not isinstance(calls, list) or len(calls) != count:
        raise NodeError("eth_simulateV1: the answer is not that of the calls")
    return Simulation("eth_simulateV1", tuple([_read_ran(call) for call in calls]))


def _read_ran(call: object) -> Ran:
    found = cast("Mapping[str, Any]", call) if isinstance(call, dict) else {}
    success = quantity(found.get("status"), "eth_simulateV1: status") == 1
    # What counts is the most that it needed at any time: what is given back at the end must be there first.
    gas = quantity(found.get("maxUsedGas", found.get("gasUsed")), "eth_simulateV1: gasUsed")
    returned = data(found.get("returnData"), "eth_simulateV1: returnData")
    error = found.get("error")
    if not success and not returned and isinstance(error, dict):
        reason = cast("Mapping[str, Any]", error).get("data")
        returned = data(reason, "eth_simulateV1: error.data") if isinstance(reason, str) else b""
    logs = found.get("logs", [])
    if not isinstance(logs, list) or len(logs) > _MOST_LOGS:
        raise NodeError(f"eth_simulateV1: no list of at most {_MOST_LOGS} logs")
    try:
        return Ran(success, gas, returned, tuple([RawLog.of(log, f"logs[{n}]") for n, log in enumerate(logs)]))
    except InvalidInput as error:
        raise NodeError(f"eth_simulateV1: {error}") from None


def _executor_call(sender: Address, steps: Sequence[Read], block: int | None) -> Rpc:
    call = {"from": str(sender), "to": str(sender), "data": "0x" + pack(steps).hex()}
    return Rpc("eth_call", (call, block_tag(block), {str(sender): {"code": "0x" + EXECUTOR.hex()}}))


def _read_executed(answer: Answer, steps: Sequence[Read]) -> Simulation:
    found = unpack(data(answer, "eth_call"), len(steps)).results
    return Simulation(
        "executor",
        tuple([Ran(ran.success, ran.gas + _intrinsic(step.data), ran.data, None) for ran, step in zip(found, steps, strict=True)]),
    )


def _intrinsic(calldata: bytes) -> int:
    zeros = calldata.count(0)
    return _INTRINSIC + _ZERO_BYTE * zeros + _OTHER_BYTE * (len(calldata) - zeros)
