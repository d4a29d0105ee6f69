"""Login tokens: JSON Web Tokens signed with HS256, as the sample on the Authorization page decodes."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import cast

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.errors import INVALID_TOKEN, TOKEN_EXPIRED, ApiError
from orderseal.sandbox.jwt import make_jwt, read_payload, seal

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Tokens:
    """Issues and checks tokens with a secret that exists only in this run."""

    def __init__(self, chain_id: int, lifetime: int, clock: Clock) -> None:
        self._chain_id = chain_id
        self._lifetime = lifetime
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._issued: set[str] = set()
        self._expired: set[str] = set()

    def issue(self, wallet: str) -> str:
        end = self._clock.seconds() + self._lifetime
        # Each login gets a token of its own, even within a second: one session can be ended without the others.
        while (token := self._token(wallet, end)) in self._issued:
            end += 1
        self._issued.add(token)
        return token

    def revoke_all(self) -> None:
        self._secret = secrets.token_bytes(32)

    def expire_header(self, authorization: str) -> None:
        """Let the token of an ``Authorization`` header be past its end from now on."""
        self._expired.add(authorization.partition(" ")[2].strip())

    def wallet_of(self, token: str) -> str:
        """Return the wallet of a valid token; raise ``ApiError`` (401) for any other."""
        if not _FORM.fullmatch(token):
            raise ApiError(INVALID_TOKEN)
        signed, _, end = token.rpartition(".")
        if not hmac.compare_digest(end, seal(signed, self._secret)):
            raise ApiError(INVALID_TOKEN)
        payload = read_payload(token)
        if token in self._expired or self._clock.time() >= cast("int", payload["exp"]):
            raise ApiError(TOKEN_EXPIRED)
        return cast("str", payload["wallet_address"])

    def wallet_of_header(self, authorization: str | None) -> str:
        """Return the wallet of an ``Authorization: Bearer <token>`` header; raise ``ApiError`` (401) otherwise."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise ApiError(INVALID_TOKEN)
        return self.wallet_of(token.strip())

    def _token(self, wallet: str, end: int) -> str:
        return make_jwt({"wallet_address": wallet, "chain_id": str(self._chain_id), "exp": end}, self._secret)
