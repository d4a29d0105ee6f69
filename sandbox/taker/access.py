"""API keys of takers, and the signatures of their requests. Source: taker authentication page."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from eth_utils.address import to_checksum_address
from starlette.requests import HTTPConnection, Request

from orderseal.sandbox.body import raw_path
from orderseal.sandbox.clock import Clock
from orderseal.sandbox.errors import (
    TAKER_HEADER_MISSING,
    TAKER_KEY_EXPIRED,
    TAKER_KEY_UNKNOWN,
    TAKER_SIGNATURE_INVALID,
    TAKER_TIMESTAMP_EXPIRED,
    ApiError,
)
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.variation import Variation

_HEADERS = ("x-api-key", "x-api-timestamp", "x-api-signature")
_MILLISECONDS = re.compile(r"[0-9]{1,15}")


@dataclass(slots=True)
class Taker:
    """One API key. ``address`` is one that the taker may call its own; the venue's pages bind a key to none."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    address: str
    expired: bool = False

    def credentials(self) -> dict[str, str]:
        return {"taker_key": self.key, "taker_secret": self.secret, "taker_address": self.address}


class Takers:
    """The keys of one run."""

    def __init__(self, settings: Settings, variation: Variation, clock: Clock, rng: Random) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._rng = rng
        self._by_key: dict[str, Taker] = {}
        self.first = self._add(settings.taker_key or secrets.token_hex(16), settings.taker_secret or secrets.token_urlsafe(32))

    def add(self) -> Taker:
        """Make one more key."""
        return self._add(secrets.token_hex(16), secrets.token_urlsafe(32))

    def expire(self, key: str) -> None:
        """Let a key be past its end from now on; raise ``ApiError`` for an unknown one."""
        self._known(key).expired = True

    def check(self, request: Request, body: bytes) -> Taker:
        """Return whose request this is; raise ``ApiError`` with the documented code unless it is signed as documented."""
        given = self._given(request.headers)
        content = request.scope["query_string"] if request.method == "GET" else body
        return self._verify(given, request.method, request, content)

    def check_stream(self, socket: HTTPConnection) -> Taker:
        """The same for a WebSocket, where a run may be content with the key alone: the feed's page names no other header."""
        if not self._variation.taker_stream_signed and not any(name in socket.headers for name in _HEADERS[1:]):
            return self._valid(socket.headers.get("x-api-key") or "")
        return self._verify(self._given(socket.headers), "GET", socket, socket.scope["query_string"])

    def _given(self, headers: Mapping[str, str]) -> tuple[str, str, str]:
        missing = [name for name in _HEADERS if not headers.get(name)]
        if missing:
            raise ApiError(TAKER_HEADER_MISSING)
        key, timestamp, signature = (headers[name] for name in _HEADERS)
        return key, timestamp, signature

    def _verify(self, given: tuple[str, str, str], method: str, connection: HTTPConnection, content: bytes) -> Taker:
        key, timestamp, signature = given
        taker = self._valid(key)
        window = self._settings.taker_window * 1000
        if not _MILLISECONDS.fullmatch(timestamp) or abs(self._clock.milliseconds() - int(timestamp)) > window:
            raise ApiError(TAKER_TIMESTAMP_EXPIRED)
        signed = f"{method}|{raw_path(connection.scope)}|{timestamp}|".encode("latin-1") + content
        wanted = base64.b64encode(hmac.digest(taker.secret.encode(), signed, hashlib.sha256))
        if not hmac.compare_digest(signature.encode("latin-1"), wanted):
            raise ApiError(TAKER_SIGNATURE_INVALID)
        return taker

    def _valid(self, key: str) -> Taker:
        if not key:
            raise ApiError(TAKER_HEADER_MISSING)
        taker = self._known(key)
        if taker.expired:
            raise ApiError(TAKER_KEY_EXPIRED)
        return taker

    def _known(self, key: str) -> Taker:
        taker = self._by_key.get(key)
        if taker is None:
            raise ApiError(TAKER_KEY_UNKNOWN)
        return taker

    def _add(self, key: str, secret: str) -> Taker:
        self._by_key[key] = Taker(key, secret, to_checksum_address(self._rng.randbytes(20)))
        return self._by_key[key]
