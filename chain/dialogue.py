"""What a computation wants of the world, one step at a time, and the two drivers that give it: one that waits, one that awaits.

Plans, their execution and every read of a chain are generators that yield :class:`Ask`, :class:`Pause` or :class:`Do` and are sent the
result. They do no I/O, so a test can answer for a node, and nothing is written twice for sync and async.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from orderseal.signing.errors import NodeError, OrdersealError

__all__ = ["Answer", "Ask", "AsyncNode", "Dialogue", "Do", "Node", "Pause", "Rpc", "ask_one", "run", "run_async"]

R = TypeVar("R")

Answer = Any
"""What a node answered to one call, a JSON value; or the :class:`~orderseal.signing.NodeError` of a call that it refused."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """One JSON-RPC call."""

    method: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Calls that go to the node in one round trip. The result is a list of :data:`Answer`, in their order.

    If the round trip fails as a whole, :class:`~orderseal.signing.NodeError` is thrown into the generator.
    """

    calls: tuple[Rpc, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Do:
    """Do something that may take its time: use the ledger, or a signer. The result is its result; what it raises is thrown."""

    job: Callable[[], Any]


Dialogue = Generator[Ask | Pause | Do, Any, R]
"""A computation that ends with an ``R``."""


class Node(Protocol):
    """A node of a chain. It re-sends nothing by itself."""

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        """Make these calls in one round trip.

        Raises:
            NodeError: no valid answer to the whole of it.
        """
        ...


class AsyncNode(Protocol):
    """:class:`Node`, awaited."""

    def ask(self, calls: Sequence[Rpc]) -> Awaitable[list[Answer]]:
        """See :meth:`Node.ask`."""
        ...


def run(dialogue: Dialogue[R], node: Node, *, sleep: Callable[[float], None] = time.sleep) -> R:
    """Carry a dialogue out in this thread."""
    outcome: _Outcome = _Outcome()
    try:
        while True:
            wanted = outcome.pass_to(dialogue)
            try:
                if isinstance(wanted, Ask):
                    outcome = _Outcome(node.ask(wanted.calls))
                elif isinstance(wanted, Pause):
                    sleep(wanted.seconds)
                    outcome = _Outcome()
                else:
                    outcome = _Outcome(wanted.job())
            except OrdersealError as error:
                outcome = _Outcome(error=error)
    except _Ended as ended:
        result: R = ended.value
        return result
    finally:
        dialogue.close()


async def run_async(dialogue: Dialogue[R], node: AsyncNode, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> R:
    """Carry a dialogue out within an event loop; what blocks works in a thread."""
    outcome: _Outcome = _Outcome()
    try:
        while True:
            wanted = outcome.pass_to(dialogue)
            try:
                if isinstance(wanted, Ask):
                    outcome = _Outcome(await node.ask(wanted.calls))
                elif isinstance(wanted, Pause):
                    await sleep(wanted.seconds)
                    outcome = _Outcome()
                else:
                    outcome = _Outcome(await asyncio.to_thread(wanted.job))
            except OrdersealError as error:
                outcome = _Outcome(error=error)
    except _Ended as ended:
        result: R = ended.value
        return result
    finally:
        dialogue.close()


class _Ended(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__()


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: OrdersealError | None = None

    def pass_to(self, dialogue: Dialogue[Any]) -> Ask | Pause | Do:
        try:
            return dialogue.send(self.value) if self.error is None else dialogue.throw(self.error)
        except StopIteration as stop:
            raise _Ended(stop.value) from None


def ask_one(method: str, *params: Any) -> Dialogue[Any]:
    """Make one call.

    Raises:
        NodeError: the node refused it.
    """
    (answer,) = yield Ask((Rpc(method, params),))
    if isinstance(answer, NodeError):
        raise answer
    return answer
