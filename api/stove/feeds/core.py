"""What every feed does: connect for ever, watch for silence, hand on what was read through a bounded queue."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from orderseal.api.stove.feeds.backoff import Backoff
from orderseal.api.stove.feeds.messages import Message, read_message
from orderseal.api.transport import DEFAULT_CONNECTION, Connection, Listener, check_base_url, websocket_url
from orderseal.signing import Clock, InvalidInput, InvalidReply, RateLimited, Unauthorized, Unreachable, describe
from orderseal.signing.clock import finite_seconds, monotonic_clock

__all__ = ["DEFAULT_OPTIONS", "AsyncFeed", "FeedCounts", "FeedOptions", "Handshake"]

_T = TypeVar("_T")

_LOG = logging.getLogger("orderseal.api.stove")


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """How a feed behaves. Times are in seconds.

    Attributes:
        silence: without any message, heartbeats included, after which a connection counts as dead. The venue does not say how often its
            heartbeats come.
        connect: until a connection stands.
        first_backoff, longest_backoff: bounds of the wait before the next connection; it doubles, and up to a half is cut at random.
        most_waiting: items that may wait for a slow consumer. Beyond that the feed hangs up, and comes back when all have been taken.
        connection: proxies and certificates; ``None`` for those of the client that the feed belongs to.
        clock: going forward only; for tests.
        sleep, random: for tests; ``random`` gives 0 up to 1.
    """

    silence: float = 90.0
    connect: float = 10.0
    first_backoff: float = 0.5
    longest_backoff: float = 30.0
    most_waiting: int = 10_000
    connection: Connection | None = None
    clock: Clock = monotonic_clock
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        for name in ("silence", "connect", "first_backoff", "longest_backoff"):
            if finite_seconds(getattr(self, name), name) <= 0:
                raise InvalidInput(path=name, expected="seconds above 0", actual=f"{getattr(self, name)}")
        if type(self.most_waiting) is not int or self.most_waiting < 1:
            raise InvalidInput(path="most_waiting", expected="a number above 0", actual=describe(self.most_waiting))

    def over(self, connection: Connection) -> Self:
        """The same, over a client's connection where they name none."""
        return self if self.connection is not None else replace(self, connection=connection)


DEFAULT_OPTIONS: Final = FeedOptions()


@dataclass(slots=True)
class FeedCounts:
    """What a feed has met since it was opened.

    Attributes:
        connections: that stood.
        messages: well-formed ones, of any type.
        heartbeats: among them.
        ignored: messages of a type, or about a thing, that was not asked for.
        invalid: replies and messages that were none.
        overruns: times that the consumer was too slow.
        stale: pushes that were not told, since a query had told the same or later.
    """

    connections: int = 0
    messages: int = 0
    heartbeats: int = 0
    ignored: int = 0
    invalid: int = 0
    overruns: int = 0
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a connection is opened with; never shown, since a token is in it."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    subprotocols: Sequence[str] = field(default=(), repr=False)


class _Overrun(Exception):
    """The consumer is too slow."""


class AsyncFeed(Generic[_T]):
    """A WebSocket feed that comes back by itself: ``async with`` opens it, ``async for`` reads it until it is closed.

    It ends by raising, on every further read, when the token is refused even after it was renewed, when ten replies in a row are none,
    and when a callback raises what is neither ``Unreachable``, ``RateLimited`` nor ``InvalidReply``.
    """

    def __init__(
        self, base_url: str, path: str, handshake: Callable[[bool], Awaitable[Handshake]], what: str, options: FeedOptions
    ) -> None:
        self._url = websocket_url(check_base_url(base_url, "base_url"), path)
        self._handshake, self._what, self._options = handshake, what, options
        self._counts = FeedCounts()
        self._backoff = Backoff(options.first_backoff, options.longest_backoff, options.random)
        self._waiting: deque[_T] = deque()
        self._news, self._drained, self._ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._listener: Listener | None = None
        self._beside: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._trouble: Exception | None = None
        self._closed = self._is_full = False

    @property
    def counts(self) -> FeedCounts:
        """What was met so far."""
        return replace(self._counts)

    async def ready(self) -> None:
        """Wait until the feed is subscribed, and what was missed before is told. Submit orders after that.

        Raises:
            VenueError: the feed has ended.
        """
        self._check_open()
        while True:
            await self._ready.wait()
            self._check_open()
            if not self._is_full:
                return
            if self._waiting:
                raise Unreachable(f"{self._what}: {len(self._waiting)} items came before it was ready, and wait: read them, then ask again")
            await asyncio.sleep(0)  # They are taken: it is about to connect again.

    @property
    def _stands(self) -> bool:
        """Whether there is a connection."""
        return self._listener is not None

    async def aclose(self) -> None:
        """Close the connection; what still waits is dropped. More than once is fine."""
        self._closed = True
        self._waiting.clear()
        self._wake()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        if self._closed:
            raise Unreachable(f"{self._what}: it was closed; make another one")
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"orderseal {self._what}")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        while not self._waiting:
            if self._closed and self._error is None:
                raise StopAsyncIteration
            self._check_open()
            self._news.clear()
            await self._news.wait()
        item = self._waiting.popleft()
        if not self._waiting:
            self._drained.set()
        return item

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url.partition('?')[0]!r})"

    def _check_open(self) -> None:
        if self._error is not None:
            raise self._error
        if self._task is None or self._closed:
            raise Unreachable(f"{self._what}: not open; use it in an async with statement")

    def _wake(self) -> None:
        for event in (self._news, self._drained, self._ready):
            event.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._options.sleep(await self._one_connection())
        except Exception as error:  # noqa: BLE001 - whatever a callback raises belongs to the consumer
            self._error = error
        finally:
            self._closed = True
            self._wake()

    async def _one_connection(self) -> float:
        """Connect, read until that ends, and give the seconds to wait."""
        began = self._options.clock()
        try:
            await self._connection()
        except _Overrun as error:
            self._counts.overruns += 1
            _LOG.warning("%s: %d items wait for a slow consumer; listening again when they are taken", self._what, len(self._waiting))
            self._is_full = True
            self._ready.set()
            await self._drained.wait()
            self._is_full = False
            self._ready.clear()
            return self._backoff.after(error, self._options.clock() - began)
        except (Unreachable, InvalidReply, RateLimited) as error:
            self._ready.clear()
            self._counts.invalid += isinstance(error, InvalidReply)
            wait = self._backoff.after(error, self._options.clock() - began)
            _LOG.warning("%s; listening again in %.1f s", error, wait)
            return wait
        raise AssertionError("unreachable: a connection ends by an error")

    async def _connection(self) -> None:
        self._trouble = None
        self._listener = listener = await self._listen()
        self._counts.connections += 1
        try:
            self._connected()
            while True:
                self._take(read_message(await listener.receive()))
        except Unreachable:
            if self._trouble is not None:
                raise self._trouble from None
            raise
        finally:
            try:
                if self._beside is not None:
                    self._beside.cancel()
                    await asyncio.gather(self._beside, return_exceptions=True)
            finally:
                self._beside = self._listener = None
                await listener.aclose()

    def _start_beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do one thing beside the reading; if it fails, the connection ends by its error."""
        self._beside = asyncio.create_task(self._guarded(work), name=f"orderseal {self._what}, query")

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - it is raised again by the reader, whom the closing wakes
            self._trouble = error
            if self._listener is not None:
                await self._listener.aclose()

    async def _listen(self) -> Listener:
        """Open the connection; a refused token is renewed and tried once more, since subscribing changes nothing."""
        for renewed in (False, True):
            given = await self._handshake(renewed)
            options = self._options
            listener = Listener(
                self._url,
                given.headers,
                options.silence,
                options.connect,
                subprotocols=given.subprotocols,
                what=self._what,
                connection=options.connection or DEFAULT_CONNECTION,
            )
            try:
                await listener.open()
            except Unauthorized:
                if renewed:
                    raise
            else:
                return listener
        raise AssertionError("unreachable: the second round returns or raises")

    def _take(self, message: Message) -> None:
        self._counts.messages += 1
        if message.type == "heartbeat":
            self._counts.heartbeats += 1
        elif not self._handle(message):
            self._counts.ignored += 1
        self._backoff.good_message()

    def _tell(self, items: Sequence[_T]) -> None:
        """Hand on what was read, or found by a query: that may be more than may wait, but is no more than the caller's query gave."""
        if items:
            self._waiting.extend(items)
            self._drained.clear()
            self._news.set()

    def _check_room(self) -> None:
        """Hang up on the venue rather than hold what nobody takes. Asked before a push changes anything."""
        if len(self._waiting) >= self._options.most_waiting:
            raise _Overrun

    def _settled(self) -> None:
        """All that was missed is told."""
        self._ready.set()

    def _connected(self) -> None:
        """A connection stands."""
        raise NotImplementedError

    def _handle(self, message: Message) -> bool:
        """Take a message that is no heartbeat; ``False`` if it is nothing that was asked for.

        Raises:
            InvalidReply: it is not the documented form.
        """
        raise NotImplementedError
