"""A wallet's session at Stove: the login, its token, and the venue's clock. Reads and writes go through :meth:`Session.send`."""

import secrets
import time
from dataclasses import replace
from typing import TypeVar

import msgspec

from orderseal.api.stove.network import Network
from orderseal.api.stove.wire import clock_hint, login_message, read_reply, request
from orderseal.api.transport import (
    Grant,
    HttpTransport,
    Limits,
    Request,
    Response,
    TokenKeeper,
    check_token,
    in_daemon_thread,
    token_claims,
)
from orderseal.signing import (
    FIRST_MILLISECONDS,
    Clock,
    InvalidReply,
    Refused,
    Signer,
    Unauthorized,
    VenueClock,
    sign_text,
)

__all__ = ["Session", "bearer_header"]

_T = TypeVar("_T")


class _Login(msgspec.Struct):
    jwt: str


class Session:
    """One account's way to one venue. A write is never sent twice, and its token is renewed before it.

    Attributes:
        address: whose.
        venue_clock: the venue's time, by the ``Date`` of its own envelopes.
    """

    def __init__(self, network: Network, signer: Signer, limits: Limits, clock: Clock) -> None:
        self.address = signer.address
        self.venue_clock = VenueClock(clock=clock)
        self._network, self._signer, self._clock = network, signer, clock
        self._transport = HttpTransport(network.base_url, limits)
        self._keeper = TokenKeeper()

    async def connect(self) -> None:
        """Log in (venue page *Authorization*).

        Raises:
            Refused: the venue does not accept the login; the message says whether a wrong clock may be why.
        """
        now = self._clock()
        text = login_message(self.address, self._network.chain_id, now, secrets.token_hex(16))
        signature = await in_daemon_thread(lambda: sign_text(text, self._signer))  # A remote signer may take its time.
        body = {
            "wallet_address": str(self.address),
            "chain_id": str(self._network.chain_id),
            "message": text,
            "signature": str(signature),
        }
        sent = request("log in", "POST", "/api/v1/makers/connect", body=body)
        reply, began = await self._exchange(sent)
        try:
            token = check_token(self._read(sent, reply, began, _Login).jwt, "log in")
        except Refused as error:
            if hint := clock_hint(reply.headers, now):
                error.args = (f"{error}. {hint}",)
            raise
        self._keeper.keep(self._grant(token, now))

    def _grant(self, token: str, now: float) -> Grant:
        claims = token_claims(token)
        wallet = claims.get("wallet_address", str(self.address))
        if not isinstance(wallet, str) or wallet.lower() != str(self.address).lower():
            raise InvalidReply("log in: the venue sent a token for another account", status=200)
        expiry = claims.get("exp")
        believable = isinstance(expiry, int | float) and not isinstance(expiry, bool) and 0 <= expiry < FIRST_MILLISECONDS
        return Grant(token, float(expiry or 0) - now if believable else None)

    async def bearer(self) -> str:
        """The token, renewed if it is due: once, however many requests wait for it."""

        async def log_in(_last: Grant | None) -> Grant:
            await self.connect()
            grant = self._keeper.grant
            assert grant is not None
            return grant

        return await self._keeper.token(log_in)

    async def send(self, sent: Request, type_: type[_T]) -> _T:
        """Send with the token. A read whose token was refused logs in and asks once more; a write never goes twice."""
        for last in (False, True):
            token = await self.bearer()
            authorised = replace(sent, headers={**sent.headers, **bearer_header(token)})
            reply, began = await self._exchange(authorised)
            if reply.status == 401:
                self.drop(token)
            try:
                return self._read(authorised, reply, began, type_)
            except Unauthorized:
                self.drop(token)
                if last or sent.takes_effect:
                    raise
        raise AssertionError("unreachable: the second round returns or raises")

    def drop(self, token: str) -> None:
        """Forget a refused token, unless another request has renewed it already."""
        self._keeper.drop(token)

    async def _exchange(self, sent: Request) -> tuple[Response, float]:
        began = time.monotonic()
        return await self._transport.send(sent), began

    def _read(self, sent: Request, reply: Response, began: float, type_: type[_T]) -> _T:
        """Read a reply. If it is the venue's own envelope, good or bad, its ``Date`` is the venue's clock."""
        try:
            found = read_reply(sent, reply, type_)
        except Refused:
            self._tell_time(reply, began)
            raise
        self._tell_time(reply, began)
        return found

    def _tell_time(self, reply: Response, began: float) -> None:
        self.venue_clock.observe(reply.headers.get("date"), age=reply.headers.get("age"), sent=began, received=reply.received)

    async def aclose(self) -> None:
        """Forget the token, and close every connection."""
        self._keeper.forget()
        await self._transport.aclose()


def bearer_header(token: str) -> dict[str, str]:
    """The token as the venue wants it."""
    return {"Authorization": f"Bearer {token}"}
