"""Who we are, said in headers. Secrets stand in no ``repr``, log or error, and no auth scheme sends anything twice."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol, TypeVar

from orderseal.api.transport.call import Call
from orderseal.api.transport.http import Request
from orderseal.api.transport.segments import check_headers
from orderseal.api.transport.tokens import check_token
from orderseal.signing import Clock, InvalidInput, InvalidReply, VenueError, system_clock
from orderseal.signing.clock import elapsed_clock

__all__ = ["Ask", "Auth", "BearerAuth", "Grant", "HmacAuth", "NoAuth", "TokenAuth", "TokenKeeper", "check_secret"]

_T = TypeVar("_T")

# A token is renewed when less than this, or less than a quarter of its life, is left.
_RENEW_BEFORE: Final = 3600.0
_LONGEST_SECRET: Final = 8192


class Ask(Protocol):
    """Asks the venue without any auth: what a login is sent by."""

    async def __call__(self, call: Call[_T], /) -> _T:
        """Read, as :meth:`Caller.read` does, but without auth headers."""
        ...


class Auth(Protocol):
    """One way of saying who we are."""

    async def headers_for(self, request: Request, ask: Ask) -> Mapping[str, str]:
        """The headers that go with this request; a token is renewed first if it is due.

        Raises:
            VenueError: the login failed; the request was not sent.
        """
        ...

    async def renew(self, ask: Ask) -> None:
        """Renew what is due: once, however many wait for it."""
        ...

    def due(self) -> bool:
        """Whether the next request has to log in first."""
        ...

    def drop(self, headers: Mapping[str, str]) -> bool:
        """Forget what the venue refused, unless it was renewed already. Whether asking again may help."""
        ...

    def forget(self) -> None:
        """Forget every token."""
        ...


class Hidden:
    """Refuses to be shown or pickled: it holds a secret."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds a secret and cannot be pickled or copied")


def check_secret(value: object, path: str) -> str:
    """Check a secret that the user gave, without ever showing it."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_SECRET or not value.isprintable() or value != value.strip():
        raise InvalidInput(path=path, expected="a secret: printable text on one line", actual="something else, not shown")
    return value


class NoAuth:
    """For public endpoints."""

    async def headers_for(self, request: Request, ask: Ask) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        """None."""
        return {}

    async def renew(self, ask: Ask) -> None:
        """Nothing to do."""

    def due(self) -> bool:
        """Never."""
        return False

    def drop(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing to forget, and asking again does not help."""
        return False

    def forget(self) -> None:
        """Nothing to forget."""


class TokenAuth(Hidden, NoAuth):
    """A token that does not change.

    Args:
        token: from the venue's settings page, for example.
        prefix: what stands before it; ``""`` where the venue wants it bare.
        header: where it stands.
    """

    def __init__(self, token: str, *, prefix: str = "Bearer ", header: str = "Authorization") -> None:
        check_secret(token, "token")
        self._headers = check_headers({header: prefix + token}, "token")

    async def headers_for(self, request: Request, ask: Ask) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        """The token."""
        return dict(self._headers)


class HmacAuth(Hidden, NoAuth):
    """A key, and a signature of each request (Stove, *Taker authentication*).

    ``X-API-Key``, ``X-API-Timestamp`` in Unix milliseconds, and ``X-API-Signature``: Base64 of HMAC-SHA256 over
    ``{METHOD}|{path}|{timestamp}|{query or body}``. The path has its leading slash and no host, nor what a service's root puts before it;
    for GET the query follows as it is sent, without ``?``, for all else the exact bytes of the body; nothing if there is none.

    Args:
        clock: Unix seconds; the venue allows some minutes.
    """

    def __init__(self, key: str, secret: str, *, clock: Clock = system_clock) -> None:
        check_headers({"X-API-Key": check_secret(key, "key")}, "key")
        self._key, self._secret, self._clock = key, check_secret(secret, "secret").encode(), clock

    async def headers_for(self, request: Request, ask: Ask) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        """Key, time and signature."""
        timestamp = str(int(self._clock() * 1000))
        path, _, query = request.target.partition("?")
        rest = query.encode() if request.method.upper() == "GET" else request.body or b""
        signed = f"{request.method.upper()}|{path}|{timestamp}|".encode() + rest
        signature = base64.b64encode(hmac.digest(self._secret, signed, hashlib.sha256)).decode()
        return {"X-API-Key": self._key, "X-API-Timestamp": timestamp, "X-API-Signature": signature}

    def drop(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing to forget; the same request with a new time stamp would be refused again."""
        return False


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login gives.

    Attributes:
        token: goes into a header; checked.
        lives: seconds from now, or ``None`` if that is not known: then it is used until it is refused, or for the better part of an hour.
        refresh: what gets the next token without the secrets, if the venue gives such a thing.
    """

    token: str = field(repr=False)
    lives: float | None = None
    refresh: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_token(self.token, "log in")
        if self.refresh is not None and (not 0 < len(self.refresh) <= _LONGEST_SECRET or not self.refresh.isprintable()):
            raise InvalidReply("log in: the venue sent a refresh token that cannot be one", status=200)


class TokenKeeper(Hidden):
    """One token, and its renewal: once, however many wait for it.

    Args:
        clock: seconds, going on while the machine sleeps; for tests.
    """

    def __init__(self, clock: Clock = elapsed_clock) -> None:
        self._clock = clock
        self._grant: Grant | None = None
        self._last: Grant | None = None
        self._renew_at = 0.0
        self._failed: tuple[float, VenueError] | None = None
        self._lock = asyncio.Lock()

    def keep(self, grant: Grant) -> None:
        """Use this one from now on."""
        life = _RENEW_BEFORE if grant.lives is None else grant.lives
        self._grant = self._last = grant
        self._renew_at = self._clock() + max(life - min(_RENEW_BEFORE, life / 4), 1.0)

    @property
    def grant(self) -> Grant | None:
        """What is in use, if anything."""
        return self._grant

    def due(self) -> bool:
        """Whether there is none, or it is about to run out."""
        return self._grant is None or self._clock() >= self._renew_at

    async def token(self, log_in: Callable[[Grant | None], Awaitable[Grant]]) -> str:
        """The token, renewed if it is due. A login that fails fails for all who waited for it; one that is cancelled only for its caller.

        Args:
            log_in: gets the last grant, for its refresh token.
        """
        began = self._clock()
        async with self._lock:
            if self.due():
                if self._failed is not None and self._failed[0] >= began:
                    raise copy(self._failed[1])  # A login failed while this request waited for it: it need not fail again.
                try:
                    self.keep(await log_in(self._last))
                except VenueError as error:
                    self._failed = (self._clock(), error)
                    raise
            assert self._grant is not None
            return self._grant.token

    def drop(self, token: str) -> None:
        """Forget a refused token, unless it was renewed already."""
        if self._grant is not None and self._grant.token == token:
            self._grant = None

    def forget(self) -> None:
        """Forget every token."""
        self._grant = self._last = None


class BearerAuth(Hidden):
    """A token from a login, renewed before it runs out: once, however many requests wait for it.

    Args:
        log_in: ``async (ask, last) -> Grant``; ``last`` is the grant before, for its refresh token, or ``None``.
        prefix: what stands before the token.
        header: where it stands.
        clock: seconds, going on while the machine sleeps; for tests.
    """

    def __init__(
        self,
        log_in: Callable[[Ask, Grant | None], Awaitable[Grant]],
        *,
        prefix: str = "Bearer ",
        header: str = "Authorization",
        clock: Clock = elapsed_clock,
    ) -> None:
        self._log_in, self._prefix, self._header = log_in, prefix, header
        self._keeper = TokenKeeper(clock)

    async def headers_for(self, request: Request, ask: Ask) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        """The token, renewed if it is due."""
        return {self._header: self._prefix + await self._token(ask)}

    async def renew(self, ask: Ask) -> None:
        """Log in if there is no token or it is about to run out."""
        await self._token(ask)

    async def _token(self, ask: Ask) -> str:
        async def log_in(last: Grant | None) -> Grant:
            return await self._log_in(ask, last)

        return await self._keeper.token(log_in)

    def due(self) -> bool:
        """Whether the next request has to log in first."""
        return self._keeper.due()

    def drop(self, headers: Mapping[str, str]) -> bool:
        """Forget the refused token, unless it was renewed already; another login may help."""
        self._keeper.drop(headers.get(self._header, "").removeprefix(self._prefix))
        return True

    def forget(self) -> None:
        """Forget every token."""
        self._keeper.forget()


def believable(value: Any, least: float, most: float) -> bool:
    """Whether a number from a stranger lies in a range; a bool or NaN is no number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
