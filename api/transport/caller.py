"""One venue's way out: what every async client of a venue is made of. Reads are asked again; nothing ever sends a write twice."""

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeVar

import stamina

from orderseal.api.transport.auth import Auth, NoAuth
from orderseal.api.transport.call import Call
from orderseal.api.transport.connection import DEFAULT_CONNECTION, Connection
from orderseal.api.transport.hooks import Facts, Hooks, Watchers
from orderseal.api.transport.http import DEFAULT_LIMITS, HttpTransport, Limits, Request, Response, Unusable
from orderseal.api.transport.rate import RateLimit
from orderseal.api.transport.replies import Reader, Refusal, unreadable
from orderseal.api.transport.segments import check_headers
from orderseal.api.transport.words import retry_after
from orderseal.signing import (
    Clock,
    InvalidInput,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
    VenueClock,
    describe,
    system_clock,
)
from orderseal.signing.clock import finite_seconds

__all__ = ["DEFAULT_RETRIES", "Caller", "Retries"]

# It tells each retry at WARNING, which reaches the terminal of a program that has set no logging up. Our hooks tell it, too.
logging.getLogger("stamina").addHandler(logging.NullHandler())

_T = TypeVar("_T")

_BUSY: Final = frozenset({429, 502, 503, 504})
_LONGEST_HOLD: Final = 300.0
_WORTH_TELLING: Final = 0.001
_NO_HEADERS: Final[Mapping[str, str]] = {}
_REQUEST_ID: Final = "X-Request-Id"


@dataclass(frozen=True, slots=True)
class Retries:
    """How a read is asked again, with exponential back-off. Writes never are.

    Attributes:
        attempts: at most, the first included.
        seconds: no further attempt begins so long after the first began, and a ``Retry-After`` beyond that ends the read at once.
        first: seconds of the first back-off; it doubles.
        longest: seconds of the longest.
        jitter: seconds; up to so many are added at random, so that a fleet does not knock all at once.
    """

    attempts: int = 4
    seconds: float = 45.0
    first: float = 0.2
    longest: float = 5.0
    jitter: float = 0.3

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or isinstance(self.attempts, bool) or self.attempts < 1:
            raise InvalidInput(path="attempts", expected="a number from 1 on", actual=describe(self.attempts))
        for path in ("seconds", "first", "longest", "jitter"):
            if finite_seconds(getattr(self, path), path) < 0:
                raise InvalidInput(path=path, expected="seconds from 0 on", actual=f"{getattr(self, path)}")

    @classmethod
    def none(cls) -> Self:
        """Ask once."""
        return cls(attempts=1)

    def rounds(self, again: Callable[[Exception], bool | float]) -> AsyncIterator[Any]:
        """The attempts; ``again`` says of an error whether, or after how many seconds, there is another."""
        return stamina.retry_context(
            on=again,
            attempts=self.attempts,
            timeout=self.seconds or None,
            wait_initial=self.first,
            wait_max=self.longest,
            wait_jitter=self.jitter,
        ).__aiter__()


DEFAULT_RETRIES: Final = Retries()


@dataclass(slots=True)
class _Turn:
    """How far one call has come.

    Attributes:
        again: whether the attempt that failed is worth another, or after how many seconds.
        renewable: whether the venue refused a token that can be renewed.
        renewed: whether it was, for this call.
        number: of the attempt.
        ended: when the last one ended, and by which error.
    """

    again: bool | float = False
    renewable: bool = False
    renewed: bool = False
    number: int = 0
    ended: tuple[float, str] | None = None


class Caller:
    """Calls one venue's interface. Use within one event loop, and close it.

    What an answer means is design decision 6: a well-formed error envelope of the venue's own is :class:`~orderseal.signing.Refused`
    (401 :class:`~orderseal.signing.Unauthorized`, 429 :class:`~orderseal.signing.RateLimited`); everything that is neither that nor the
    reply asked for is :class:`~orderseal.signing.OutcomeUnknown` after a write.

    Args:
        base_url: the root of the service, https, or http on loopback.
        venue: its name, for hooks.
        refusal: gives what stands in the venue's error envelope, or ``None`` if an answer is none. Pure; asked about 2xx and 4xx only. An
            ordinary member ``error`` of a good reply is no refusal: look at ``response.status``.
        auth: who we are.
        headers: that go with every call.
        rate: share one object among all clients of one key.
        retries: of reads.
        limits: time and size bounds of one exchange.
        connection: proxies, certificates, HTTP versions.
        hooks: one or several.
        dec_hook: for msgspec.
        clock: Unix seconds; for tests.

    Attributes:
        venue_clock: the venue's time, by the ``Date`` of its own envelopes.
    """

    def __init__(
        self,
        base_url: str,
        *,
        venue: str,
        refusal: Callable[[Response], Refusal | None],
        auth: Auth | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        rate: RateLimit | None = None,
        retries: Retries = DEFAULT_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        connection: Connection = DEFAULT_CONNECTION,
        hooks: Hooks | Sequence[Hooks] | None = None,
        dec_hook: Callable[[type, Any], Any] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.venue_clock = VenueClock(clock=clock)
        self._venue = venue
        self._auth: Auth = NoAuth() if auth is None else auth
        self._headers = check_headers(headers)
        self._rate = RateLimit.none() if rate is None else rate
        self._retries = retries
        self._watchers = Watchers(hooks)
        self._reader = Reader(refusal, dec_hook, clock)
        self._clock = clock
        self._transport = HttpTransport(base_url, limits, connection)
        self._closed = False

    def __repr__(self) -> str:
        return f"Caller({self._venue!r}, {self._transport.host!r})"

    async def read(self, call: Call[_T]) -> _T:
        """Ask, and ask again where that may help: it was not answered, or 429, 502, 503 or 504 was. A 401 renews the token, once.

        Whether a POST is a read is for the caller to know: use this only where sending twice changes nothing.

        Raises:
            InvalidInput: nothing was sent.
            Refused, Unauthorized, RateLimited: the venue said so, after all attempts.
            InvalidReply: the answer is not the documented one; ``path`` says where.
            Unreachable: there was no answer.
        """
        request = call.request(takes_effect=False)
        turn = _Turn()
        began = time.monotonic()

        def again(_error: Exception) -> bool | float:
            if isinstance(turn.again, bool):
                return turn.again
            return turn.again if time.monotonic() - began + turn.again <= self._retries.seconds else False

        retries = Retries.none() if call.once else self._retries
        async for attempt in retries.rounds(again):
            with attempt:
                try:
                    return await self._exchange(call, request, turn)
                except Refused:
                    if not turn.renewable or turn.renewed:
                        raise
                    turn.renewed = True
                return await self._exchange(call, request, turn)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def write(self, call: Call[_T]) -> _T:
        """Send, once. What is due is renewed before; an answer that is lost or cannot be read is an unknown outcome.

        Raises:
            InvalidInput, RateLimited with status 0, Unreachable: nothing was sent.
            Refused, Unauthorized, RateLimited: the venue said so; it did not take effect.
            OutcomeUnknown: it may have taken effect; ``reference`` or ``nonce`` is the call's own, and the message says how to settle it.
        """
        return await self._exchange(call, call.request(takes_effect=True), _Turn())

    async def renew(self) -> None:
        """Log in if there is no token or it is about to run out, so that the next write goes through no login."""
        await self._auth.renew(self._ask)

    async def headers_for(self, request: Request) -> dict[str, str]:
        """What says who we are, for a connection that is opened elsewhere, such as a WebSocket; a token is renewed first if it is due.

        Args:
            request: how it is opened; a ``path`` with its query is signed as it stands.

        Raises:
            VenueError: the login failed.
        """
        return dict(await self._auth.headers_for(request, self._ask))

    def drop(self, headers: Mapping[str, str]) -> bool:
        """Forget what the venue refused of :meth:`headers_for`, unless it was renewed already. Whether asking again may help."""
        return self._auth.drop(headers)

    async def _ask(self, call: Call[_T], /) -> _T:
        return await self.read(replace(call, anonymous=True))

    async def _exchange(self, call: Call[_T], request: Request, turn: _Turn) -> _T:
        """One attempt: wait for a turn, bring what says who we are, send, and judge the answer."""
        turn.again = turn.renewable = False
        turn.number += 1
        name = secrets.token_hex(16)
        facts = Facts(self._venue, request.what, request.method, request.template, request.takes_effect, turn.number, name)
        if turn.ended is not None:
            at, error = turn.ended
            self._watchers.tell("retry", replace(facts, seconds=time.monotonic() - at, error=error))
        if self._closed:
            raise Unreachable(f"{request.what}: this client is closed. Nothing was sent")
        # Before the token is looked at: it may run out while we wait.
        if (waited := await self._rate.wait(request.what)) >= _WORTH_TELLING:
            self._watchers.tell("wait", replace(facts, seconds=waited))
        own = {} if call.anonymous else dict(await self._auth.headers_for(request, self._ask))
        sent = replace(request, headers=_merged(self._headers, request.headers, own, {_REQUEST_ID: name}))
        self._watchers.tell("request", facts)
        began = time.monotonic()
        try:
            reply = await self._transport.exchange(sent)
        except BaseException as error:
            turn.ended = time.monotonic(), type(error).__name__
            turn.again = isinstance(error, Unreachable)
            self._watchers.tell("failure", replace(facts, seconds=turn.ended[0] - began, error=turn.ended[1]))
            if isinstance(error, Unusable):
                raise unreadable(sent, 200, str(error)) from None
            raise
        said: str | None = None
        try:
            return self._judge(call, sent, reply, began, own, turn)
        except BaseException as error:
            said = type(error).__name__
            raise
        finally:
            turn.ended = time.monotonic(), said or ""
            seconds = turn.ended[0] - began
            self._watchers.tell("response", replace(facts, status=reply.status, seconds=seconds, size=len(reply.body), error=said))

    def _judge(self, call: Call[_T], sent: Request, reply: Response, began: float, own: dict[str, str], turn: _Turn) -> _T:
        if reply.status == 401 and own:
            turn.renewable = self._auth.drop(own)
        if reply.status in _BUSY:
            wait = retry_after(reply.headers, self._clock)
            turn.again = True if wait is None else wait
        hidden = (*call.secrets, *own.values(), *(value.rpartition(" ")[2] for value in own.values()))
        try:
            found = self._reader.read(sent, reply, call.returns, hidden)
        except Refused as error:
            self._tell_time(reply, began)
            if isinstance(error, Unauthorized) and own:
                turn.renewable = self._auth.drop(own)
            if isinstance(error, RateLimited):
                self._slow_down(error, turn)
            raise
        self._tell_time(reply, began)
        return found

    def _slow_down(self, error: RateLimited, turn: _Turn) -> None:
        turn.again = True if error.retry_after is None else error.retry_after
        if error.retry_after is not None:
            self._rate.hold(min(error.retry_after, _LONGEST_HOLD))

    def _tell_time(self, reply: Response, began: float) -> None:
        self.venue_clock.observe(reply.headers.get("date"), age=reply.headers.get("age"), sent=began, received=reply.received)

    async def aclose(self) -> None:
        """Forget the token, and close every connection; more than once is fine."""
        self._closed = True
        self._auth.forget()
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Headers, the later ones winning, whatever their case."""
    found: dict[str, tuple[str, str]] = {}
    for layer in layers:
        found |= {name.lower(): (name, value) for name, value in layer.items()}
    return dict(found.values())
