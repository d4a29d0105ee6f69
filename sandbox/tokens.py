"""Login tokens: JSON Web Tokens signed with HS256, as the sample on the Authorization page decodes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from typing import cast

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.errors import INVALID_TOKEN, TOKEN_EXPIRED, ApiError

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER = {"alg": "HS256", "typ": "JWT"}


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
        signed, _, seal = token.rpartition(".")
        if not hmac.compare_digest(seal, self._seal(signed)):
            raise ApiError(INVALID_TOKEN)
        payload = _decode(signed.partition(".")[2])
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
        payload: dict[str, str | int] = {"wallet_address": wallet, "chain_id": str(self._chain_id), "exp": end}
        signed = f"{_encode(_HEADER)}.{_encode(payload)}"
        return f"{signed}.{self._seal(signed)}"

    def _seal(self, signed: str) -> str:
        return _base64url(hmac.digest(self._secret, signed.encode(), hashlib.sha256))


def _encode(value: Mapping[str, str | int]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _decode(text: str) -> dict[str, object]:
    """Decode a payload whose seal was ours, which is why its form needs no second check."""
    return cast("dict[str, object]", json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
