"""Nodes to ask: over HTTP, sync and async, or through a provider of web3; and readers for the values that they answer.

No reply is trusted: its length, its time, its depth, its ids and its form are checked. Nothing is sent twice by itself. httpx is
loaded when the first node is made.
"""

import asyncio
import inspect
import re
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self, cast
from urllib.parse import urlsplit

from orderseal.chain.dialogue import Answer, Rpc
from orderseal.chain.wire import Conversation, chain_id, check_chain, data, error_of, quantity
from orderseal.signing.errors import InvalidInput, NodeError, describe
from orderseal.signing.strict_json import refuse_large_value
from orderseal.signing.urls import check_base_url, is_loopback

__all__ = [
    "DEFAULT_NODE_LIMITS",
    "AsyncHttpNode",
    "HttpNode",
    "NodeLimits",
    "Provider",
    "Web3Node",
    "chain_id",
    "check_chain",
    "data",
    "quantity",
]

# RFC 9110, sections 5.1 and 5.5, without the obsolete forms.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~\t]*[!-~])?", re.ASCII)
_OUR_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "host", "te", "transfer-encoding"}
)
_SHORTEST_SECRET: Final = 6


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """Bounds on one :meth:`~orderseal.chain.dialogue.Node.ask`.

    Attributes:
        connect: seconds until a connection stands, and again for TLS; less where ``total`` leaves less.
        total: seconds for all of it, however slowly the other side drips.
        reply_bytes: the longest reply that is read.
    """

    connect: float = 8.0
    total: float = 20.0
    reply_bytes: int = 32 * 2**20

    def __post_init__(self) -> None:
        for name in ("connect", "total"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 86400:
                raise InvalidInput(path=f"limits.{name}", expected="seconds, more than 0 and less than a day", actual=describe(value))
        if type(self.reply_bytes) is not int or not 0 < self.reply_bytes <= 2**30:
            raise InvalidInput(path="limits.reply_bytes", expected="an integer from 1 to 2^30", actual=describe(self.reply_bytes))


DEFAULT_NODE_LIMITS: Final = NodeLimits()


class AsyncHttpNode:
    """A node behind an HTTP address: an :class:`~orderseal.chain.dialogue.AsyncNode`. Use it within one event loop, and close it.

    One call goes as an object, several go as one batch, in one round trip. Where the node refuses batches, each call takes a round
    trip of its own: a batch that is refused as a whole and holds reads alone is made again call by call, and batches of that size are
    not tried again.

    Args:
        url: https, or http on loopback. It may hold a key in its path, and is never shown; no query and no user name.
        limits: on each ``ask``.
        headers: for the provider's authentication; never shown.
        verify: a context with the certificates to trust, or ``False`` for any, as httpx takes it.
        trust_env: whether the proxies and certificates that environment variables name are used, as httpx does; by default for every
            host but loopback.

    Raises:
        InvalidInput: a URL or a header that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        limits: NodeLimits = DEFAULT_NODE_LIMITS,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | bool = True,
        trust_env: bool | None = None,
    ) -> None:
        from orderseal.chain.link import Link

        checked = check_base_url(url)
        given = _check_headers(headers or {})
        self._host = urlsplit(checked).hostname or ""
        self._limits = limits
        self._conversation = Conversation(self._host, _hider(checked, *given.values()))
        self._link = Link(
            checked,
            self._conversation.failed,
            connect=limits.connect,
            total=limits.total,
            reply_bytes=limits.reply_bytes,
            headers=given,
            verify=verify,
            trust_env=not is_loopback(checked) if trust_env is None else trust_env,
        )

    async def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        """Make these calls; an error of one of them stands in its place as a :class:`~orderseal.signing.NodeError`.

        Raises:
            NodeError: no valid answer to the whole of it.
        """
        if not calls:
            return []
        talk = self._conversation.ask(calls)
        try:
            async with asyncio.timeout(self._limits.total):
                post = next(talk)
                while True:
                    # Each reply goes in by name, so that none is kept longer than its answers.
                    post = talk.send(await self._link.post(post.body))
        except StopIteration as stop:
            return cast("list[Answer]", stop.value)
        except TimeoutError:
            raise self._conversation.failed(f"no complete answer within {self._limits.total:g} s") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._link.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._host})"


class HttpNode:
    """:class:`AsyncHttpNode` for callers without an event loop: a :class:`~orderseal.chain.dialogue.Node`. Close it.

    It may be used from several threads; they wait for each other. A caller inside a running event loop, a notebook for example, is
    served too, but blocks that loop. The arguments are those of :class:`AsyncHttpNode`.
    """

    def __init__(
        self,
        url: str,
        *,
        limits: NodeLimits = DEFAULT_NODE_LIMITS,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | bool = True,
        trust_env: bool | None = None,
    ) -> None:
        # asyncio's time limits cover every step, header lines and handshakes that drip included; those of a sync socket cover one read.
        self._node = AsyncHttpNode(url, limits=limits, headers=headers, verify=verify, trust_env=trust_env)
        self._runner: asyncio.Runner | None = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._lock = threading.Lock()

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        """See :meth:`AsyncHttpNode.ask`."""
        with self._lock:
            runner = self._runner
            if runner is None:
                raise RuntimeError("this node is closed: make another one")
            if not _inside_a_loop():
                return runner.run(self._node.ask(calls))
            with ThreadPoolExecutor(1, "orderseal-node") as helper:
                return helper.submit(lambda: runner.run(self._node.ask(calls))).result()

    def close(self) -> None:
        """Close every connection; more than once is fine."""
        with self._lock:
            runner, self._runner = self._runner, None
            if runner is None:
                return
            if not _inside_a_loop():
                self._finish(runner)
                return
            with ThreadPoolExecutor(1, "orderseal-node") as helper:
                helper.submit(self._finish, runner).result()

    def _finish(self, runner: asyncio.Runner) -> None:
        with runner:
            runner.run(self._node.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._node._host})"  # pyright: ignore[reportPrivateUsage] - the other half of this class


class Provider(Protocol):
    """What :class:`Web3Node` needs of a provider: web3's ``HTTPProvider``, ``IPCProvider`` and their like have it."""

    def make_request(self, method: Any, params: Any) -> Any:
        """Make one call, and give the whole JSON-RPC answer."""
        ...


class Web3Node:
    """A node behind a synchronous provider of web3's, such as ``Web3.provider``: a :class:`~orderseal.chain.dialogue.Node`.

    The calls are made one after the other, each in a round trip of its own. Time limits, the length of replies and whether a call is
    repeated are the provider's own: web3's ``HTTPProvider`` repeats some reads. Nothing of web3 is imported, and its middleware takes
    no part.
    """

    def __init__(self, provider: Provider) -> None:
        make = getattr(provider, "make_request", None)
        if not callable(make) or inspect.iscoroutinefunction(make):
            actual = f"a {type(provider).__name__}"
            raise InvalidInput(path="provider", expected="a synchronous provider of web3's, with make_request()", actual=actual)
        self._provider = provider
        self._what = type(provider).__name__
        self._hide = _hider(str(getattr(provider, "endpoint_uri", "")))

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        """Make these calls one by one.

        Raises:
            NodeError: the provider failed at one of them, or gave what is no answer.
        """
        return [self._one(call) for call in calls]

    def _one(self, call: Rpc) -> Answer:
        try:
            answer = self._provider.make_request(call.method, list(call.params))
            members: dict[str, Any] = dict(answer) if isinstance(answer, Mapping) else {}
            refuse_large_value(members, "answer")
        except Exception as failure:  # noqa: BLE001 - what a provider raises is documented nowhere, and its text may hold the URL
            raise NodeError(f"{call.method}: the {self._what} failed ({type(failure).__name__})") from None
        error = members.get("error")
        if error is None and "result" in members:
            return members["result"]
        if error is not None and members.get("result") is None:
            refusal = error_of(dict(error) if isinstance(error, Mapping) else error, f"{call.method} was refused by the node", self._hide)
            if refusal is not None:
                return refusal
        raise NodeError(f"{call.method}: the {self._what} gave what is no JSON-RPC answer")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._what})"


def _hider(url: str, *others: str) -> Callable[[str], str]:
    """What takes a URL, the parts of its path, and other secrets out of a stranger's words: providers repeat a key that they refuse."""
    _scheme, _, rest = url.partition("://")
    path = rest.partition("/")[2]
    words = [url, path, *re.split(r"[/?&=]", path), *others]
    secrets = sorted([word for word in words if len(word) >= _SHORTEST_SECRET], key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "…")
        return text

    return hide


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Check the caller's headers; errors repeat no value."""
    if not isinstance(headers, Mapping):
        raise InvalidInput(path="headers", expected="a mapping of names to values", actual=f"a {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name) or name.lower() in _OUR_HEADERS:
            raise InvalidInput(
                path="headers", expected="names of headers that are not set here", actual=f"a {type(name).__name__} that is none"
            )
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput(path=f"headers.{name}", expected="printable ASCII without white space around it", actual="something else")
    return dict(headers)
