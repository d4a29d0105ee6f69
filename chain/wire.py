"""JSON-RPC 2.0 as nodes speak it: bodies to post, what came back, and the typed values in it. Pure, and it trusts no reply.

Sources: the JSON-RPC 2.0 specification, the Ethereum execution APIs (*Hex value encoding*), EIP-1474 (error codes).
"""

import json
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeVar, cast

from orderseal.chain.dialogue import Answer, Rpc
from orderseal.chain.reverts import printable
from orderseal.signing.errors import InvalidInput, NodeError, WrongChain, describe
from orderseal.signing.limits import Limits
from orderseal.signing.strict_json import read_json
from orderseal.signing.values import exact_str, hex_to_bytes

__all__ = ["Conversation", "Post", "Reply", "chain_id", "check_chain", "data", "error_of", "quantity"]

T = TypeVar("T")

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})", re.ASCII)
_LIMIT_EXCEEDED: Final = -32005
_DEEPEST_DATA: Final = 4
# Where the revert data stands: geth, anvil, reth and Erigon give it as ``data`` itself, Hardhat and some providers one or two levels
# below, Ganache under ``result`` or ``return``.
_DATA_MEMBERS: Final = ("data", "return", "result", "originalError", "error")

# As many values as 10,000 logs have, with room. The bytes are counted while they are read.
_LIMITS: Final = Limits(document_bytes=2**40, depth=64, values=1_000_000, containers=250_000)


@dataclass(frozen=True, slots=True)
class Post:
    """A body to post to the node."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: HTTP status and body."""

    status: int
    body: bytes = field(repr=False)


class Conversation:
    """What is known about one node from reply to reply: the ids in use, and the size of batch that it refuses.

    Args:
        where: the node's host, for errors.
        hide: takes what is secret, such as a key in the URL, out of a stranger's words.
    """

    def __init__(self, where: str, hide: Callable[[str], str] = lambda text: text) -> None:
        self._where = where
        self._hide = hide
        self._ids = count(1)
        self._refused_size: int | None = None

    def ask(self, calls: Sequence[Rpc]) -> Generator[Post, Reply, list[Answer]]:
        """Make these calls: a single one as an object, several as one batch.

        Where the node refuses a batch as a whole, and all its calls are reads, they are made one after the other, which takes a round
        trip each. From then on batches of that size or more are not tried again.

        Raises:
            NodeError: a reply that says nothing about the calls.
            InvalidInput: parameters that JSON has no form for.
        """
        if len(calls) > 1 and (self._refused_size is None or len(calls) < self._refused_size):
            numbered = {next(self._ids): call for call in calls}
            reply = yield Post(_encode([_request(number, call) for number, call in numbered.items()]))
            answers = self._read_batch(reply, numbered)
            if answers is not None:
                return answers
            self._refused_size = len(calls)
        found: list[Answer] = []
        for call in calls:
            number = next(self._ids)
            reply = yield Post(_encode(_request(number, call)))
            found.append(self._read_single(reply, number, call))
        return found

    def failed(self, why: str, code: int | None = None) -> NodeError:
        """The error for a round trip that failed as a whole."""
        return NodeError(f"the node at {self._where}: {why}", code=code)

    def _read_single(self, reply: Reply, number: int, call: Rpc) -> Answer:
        answer = self._read(reply)
        if not isinstance(answer, dict):
            raise self.failed(f"{describe(answer)} where an answer to {call.method} was due")
        answer = cast("dict[str, Any]", answer)
        result = self._outcome(answer, call)
        # A node that could not read the request answers with id null (JSON-RPC 2.0, section 5).
        if not _same(answer.get("id"), number) and not (isinstance(result, NodeError) and answer.get("id") is None):
            raise self.failed(f"an answer to another request than {call.method}")
        return self._only_errors(reply, result)

    def _read_batch(self, reply: Reply, numbered: dict[int, Rpc]) -> list[Answer] | None:
        """The answers in the order of the calls, or ``None`` if the calls are to be made singly."""
        batch = self._read(reply)
        # A single error object refuses the whole; geth puts it in an array, with the id of the first call.
        lonely: Any = batch[0] if isinstance(batch, list) and len(batch) == 1 else batch
        if isinstance(lonely, dict) and lonely.get("error") is not None:
            refusal = self._outcome(cast("dict[str, Any]", lonely), Rpc("a batch"))
            reads = not any(call.method in _EFFECTS for call in numbered.values())
            if reads and refusal.code != _LIMIT_EXCEEDED and reply.status not in (401, 403):
                return None
            raise refusal
        if not isinstance(batch, list):
            raise self.failed(f"{describe(batch)} where answers to a batch were due")
        found: dict[int, Answer] = {}
        for answer in batch:
            number = answer.get("id") if isinstance(answer, dict) else None
            if type(number) is not int or number not in numbered:
                raise self.failed("a batch with an answer to no request of it")
            if number in found:
                raise self.failed("a batch with two answers to one request")
            found[number] = self._only_errors(reply, self._outcome(answer, numbered[number]))
        if len(found) != len(numbered):
            raise self.failed(f"a batch with {len(found)} answers to {len(numbered)} requests")
        return [found[number] for number in numbered]

    def _read(self, reply: Reply) -> Any:
        """The JSON of a reply. A 4xx may carry a JSON-RPC error; what a gateway says with 429 or 5xx is not the node's word."""
        if reply.status != 200 and not (400 <= reply.status < 500 and reply.status != 429):
            kind = "too many requests" if reply.status == 429 else "a redirect" if 300 <= reply.status < 400 else "no answer"
            raise self.failed(f"HTTP {reply.status}, {kind}")
        try:
            return read_json(reply.body, "reply", _LIMITS)
        except InvalidInput as error:
            actual = error.actual if reply.status == 200 and "twice" not in error.actual else "something else"
            raise self.failed(f"HTTP {reply.status} with something that is no JSON-RPC answer ({actual})") from None

    def _outcome(self, answer: dict[str, Any], call: Rpc) -> Any:
        """The result of a call, or its error. ``null`` beside the other member is as if it were not there: JSON-RPC 1.0 wrote it so."""
        version = answer.get("jsonrpc")
        if type(version) is not str or version != "2.0":  # The number 2.0 is read as a text of another class.
            raise self.failed(f"an answer to {call.method} that is not of JSON-RPC 2.0")
        error = answer.get("error")
        if error is None:
            if "result" not in answer:
                raise self.failed(f"an answer to {call.method} with neither a result nor an error")
            return answer["result"]
        if answer.get("result") is not None:
            raise self.failed(f"an answer to {call.method} with both a result and an error")
        refusal = error_of(error, f"{call.method} was refused by the node at {self._where}", self._hide)
        if refusal is None:
            raise self.failed(f"an answer to {call.method} with an error that is none")
        return refusal

    def _only_errors(self, reply: Reply, result: Answer) -> Answer:
        if reply.status != 200 and not isinstance(result, NodeError):
            raise self.failed(f"HTTP {reply.status} with a result")
        return result


_EFFECTS: Final = frozenset({"eth_sendRawTransaction", "eth_sendRawTransactionConditional", "eth_sendTransaction", "eth_sendBundle"})


def _request(number: int, call: Rpc) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": call.method, "params": list(call.params)}


def _encode(value: Any) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput(path="params", expected="values that JSON has a form for", actual="something else") from None


def _same(given: object, number: int) -> bool:
    return type(given) is int and given == number


def error_of(error: object, what: str, hide: Callable[[str], str] = lambda text: text) -> NodeError | None:
    """Read a JSON-RPC error object; ``None`` if it has not the form of one. Its words are made printable and cut."""
    if not isinstance(error, dict):
        return None
    given = cast("dict[str, Any]", error)
    code, message = given.get("code"), given.get("message")
    if type(code) is not int or type(message) is not str:
        return None
    said = printable(hide(message)) or "no reason given"
    return NodeError(f"{what}: {said} [code {code}]", code=code, data=_error_data(given.get("data")))


def _error_data(value: object, depth: int = 0) -> bytes:
    """The revert data in the ``data`` of an error, wherever the node put it; empty if there is none."""
    if isinstance(value, str):
        # OpenEthereum wrote "Reverted 0x…", and Nethermind still does.
        return hex_to_bytes(exact_str(value).removeprefix("Reverted ")) or b""
    if isinstance(value, dict) and depth < _DEEPEST_DATA:
        members = cast("dict[str, Any]", value)
        for name in _DATA_MEMBERS:
            if found := _error_data(members.get(name), depth + 1):
                return found
    return b""


def quantity(value: Answer, what: str) -> int:
    """Read a quantity: ``0x`` hex without leading zeros, 0…2^256-1.

    Raises:
        NodeError: it is none; or it is itself the error of a refused call, which is raised.
    """
    text = _text(value)
    if text is None or not _QUANTITY.fullmatch(text):
        raise _no(value, what, "a quantity (0x hex, at most 2^256-1)")
    return int(text, 16)


def data(value: Answer, what: str, length: int | None = None) -> bytes:
    """Read bytes: ``0x`` hex of even length in either case, of exactly ``length`` bytes if it is given.

    Raises:
        NodeError: it is none; or it is itself the error of a refused call, which is raised.
    """
    text = _text(value)
    raw = None if text is None else hex_to_bytes(text)
    if raw is None or (length is not None and len(raw) != length):
        raise _no(value, what, "bytes (0x hex)" if length is None else f"{length} bytes (0x hex)")
    return raw


def chain_id(answer: Answer) -> int:
    """Read the answer to ``eth_chainId`` (EIP-695)."""
    return quantity(answer, "eth_chainId")


def check_chain(expected: int, answer: Answer) -> None:
    """Compare the answer to ``eth_chainId`` with the chain that is wanted.

    Raises:
        WrongChain: it is another one.
        NodeError: it is no chain id.
    """
    actual = chain_id(answer)
    if actual != expected:
        raise WrongChain(expected=expected, actual=actual)


def _text(value: Answer) -> str | None:
    if isinstance(value, NodeError):
        raise value
    return exact_str(value) if isinstance(value, str) else None


def _no(value: object, what: str, expected: str) -> NodeError:
    return NodeError(f"the node's {what}: expected {expected}, got {describe(value)}")
