"""A wallet's session at Stove: its login, and the caller that every read and write goes through."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec

from orderseal.api.stove.models import decode_hook
from orderseal.api.stove.network import Network
from orderseal.api.stove.wire import Enveloped, login_message, read_error, tell_of_clock
from orderseal.api.transport import (
    Ask,
    BearerAuth,
    Call,
    Caller,
    Connection,
    Grant,
    Hooks,
    Limits,
    RateLimit,
    Request,
    Retries,
    check_token,
    in_daemon_thread,
    token_claims,
)
from orderseal.signing import FIRST_MILLISECONDS, Clock, InvalidReply, Refused, Signer, Unreachable, sign_text

__all__ = ["Session"]

_T = TypeVar("_T")

_STREAM: Final = Request("open the stream", "GET", "/ws/maker/v1")


class _Login(msgspec.Struct):
    jwt: str


class Session:
    """One account's way to one venue. A write is never sent twice, and its token is renewed before it.

    Attributes:
        address: whose.
        venue_clock: the venue's time, by the ``Date`` of its own envelopes.
    """

    def __init__(
        self,
        network: Network,
        signer: Signer,
        *,
        rate: RateLimit | None,
        retries: Retries,
        limits: Limits,
        connection: Connection,
        hooks: Hooks | Sequence[Hooks] | None,
        clock: Clock,
    ) -> None:
        self.address = signer.address
        self._network, self._signer, self._clock, self._retries = network, signer, clock, retries
        self._auth = BearerAuth(self._log_in)
        self._caller = Caller(
            network.base_url,
            venue="stove",
            refusal=read_error,
            auth=self._auth,
            rate=rate,
            retries=retries,
            limits=limits,
            connection=connection,
            hooks=hooks,
            dec_hook=decode_hook,
            clock=clock,
        )
        self.venue_clock = self._caller.venue_clock

    async def connect(self) -> None:
        """Log in now (venue page *Authorization*), whether or not there is a token.

        Raises:
            Refused: the venue does not accept the login; the message says whether a wrong clock may be why.
        """
        self._auth.forget()
        await self._caller.renew()

    async def renew(self) -> None:
        """Log in if there is no token or it is about to run out: once, however many requests wait for it."""
        await self._caller.renew()

    async def _log_in(self, ask: Ask, last: Grant | None) -> Grant:  # noqa: ARG002 - there is no refresh
        """One login; one whose answer is lost is signed anew, since its nonce may be used up."""
        async for attempt in self._retries.rounds(lambda error: isinstance(error, Unreachable)):
            with attempt:
                return await self._log_in_once(ask)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _log_in_once(self, ask: Ask) -> Grant:
        now = self._clock()
        text = login_message(self.address, self._network.chain_id, now, secrets.token_hex(16))
        signature = str(await in_daemon_thread(lambda: sign_text(text, self._signer)))  # A remote signer may take its time.
        body = {
            "wallet_address": str(self.address),
            "chain_id": str(self._network.chain_id),
            "message": text,
            "signature": signature,
        }
        hidden = (signature, signature[2:])
        call = Call("log in", "POST", "/api/v1/makers/connect", Enveloped[_Login], body=body, secrets=hidden, once=True)
        try:
            found = await ask(call)
        except Refused as error:
            tell_of_clock(error, self.venue_clock)
            raise
        return self._grant(check_token(found.data.jwt, "log in"), now)

    def _grant(self, token: str, now: float) -> Grant:
        claims = token_claims(token)
        wallet = claims.get("wallet_address", str(self.address))
        if not isinstance(wallet, str) or wallet.lower() != str(self.address).lower():
            raise InvalidReply("log in: the venue sent a token for another account", status=200)
        expiry = claims.get("exp")
        believable = isinstance(expiry, int | float) and not isinstance(expiry, bool) and 0 <= expiry < FIRST_MILLISECONDS
        return Grant(token, float(expiry or 0) - now if believable else None)

    async def read(self, call: Call[Enveloped[_T]]) -> _T:
        """Ask, and ask again where that helps; give what stands in the envelope. See :meth:`Caller.read`."""
        return (await self._caller.read(call)).data

    async def write(self, call: Call[Enveloped[_T]]) -> _T:
        """Send, once; give what stands in the envelope. See :meth:`Caller.write`."""
        return (await self._caller.write(call)).data

    async def headers(self) -> dict[str, str]:
        """What the stream is opened with: the token, renewed if it is due."""
        return await self._caller.headers_for(_STREAM)

    def handshake(self) -> Callable[[bool], Awaitable[dict[str, str]]]:
        """The same for a feed, which says whether the last ones were refused."""
        last: dict[str, str] = {}

        async def headers(renew: bool) -> dict[str, str]:
            nonlocal last
            if renew:
                self.drop(last)
            last = await self.headers()
            return last

        return headers

    def drop(self, headers: dict[str, str]) -> None:
        """Forget a refused token, unless another request has renewed it already."""
        self._caller.drop(headers)

    async def aclose(self) -> None:
        """Forget the token, and close every connection."""
        await self._caller.aclose()
