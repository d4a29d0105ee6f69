"""What became of a transaction, as a node says; nothing of it is believed before it is checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from orderseal.chain.abi import RawLog
from orderseal.chain.dialogue import Answer, Rpc
from orderseal.chain.wire import data, quantity
from orderseal.signing.errors import InvalidInput, NodeError, describe
from orderseal.signing.values import Hash32

__all__ = ["Receipt", "read_receipt", "receipt_call"]

_MOST_LOGS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction.

    Attributes:
        hash: of the transaction.
        block: the number of its block.
        success: whether it did not revert.
        gas_used: units.
        fee: wei that were paid; 0 where the node does not say the price.
        logs: in order.
    """

    hash: Hash32
    block: int
    success: bool
    gas_used: int
    fee: int
    logs: tuple[RawLog, ...]


def receipt_call(transaction: Hash32) -> Rpc:
    """Ask for a receipt."""
    return Rpc("eth_getTransactionReceipt", (str(transaction),))


def read_receipt(answer: Answer, transaction: Hash32) -> Receipt | None:
    """Read the answer to :func:`receipt_call`: ``None`` if it is not mined.

    Raises:
        NodeError: the node refused, or the answer is none, or another transaction's.
    """
    if isinstance(answer, NodeError):
        raise answer
    if answer is None:
        return None
    if not isinstance(answer, dict):
        raise NodeError(f"the receipt: expected an object, got {describe(answer)}")
    found = cast("Mapping[str, Any]", answer)
    if found.get("blockNumber") is None:
        return None
    if data(found.get("transactionHash"), "the receipt's transactionHash", 32) != transaction:
        raise NodeError("the receipt is another transaction's")
    status = quantity(found.get("status"), "the receipt's status")
    if status > 1:
        raise NodeError(f"the receipt's status is {status}, and neither 0 nor 1")
    gas_used = quantity(found.get("gasUsed"), "the receipt's gasUsed")
    price = found.get("effectiveGasPrice")
    logs = cast("Sequence[Any]", found.get("logs"))
    if not isinstance(logs, list) or len(logs) > _MOST_LOGS:
        raise NodeError(f"the receipt: no list of at most {_MOST_LOGS} logs")
    try:
        read = tuple([RawLog.of(log, f"receipt.logs[{n}]") for n, log in enumerate(logs)])
    except InvalidInput as error:
        raise NodeError(str(error)) from None
    fee = 0 if price is None else gas_used * quantity(price, "the receipt's effectiveGasPrice")
    return Receipt(transaction, quantity(found["blockNumber"], "the receipt's blockNumber"), status == 1, gas_used, fee, read)
