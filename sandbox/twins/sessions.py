"""Access and refresh tokens of the platforms that have a login."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal

from orderseal.sandbox.clock import Clock

State = Literal["good", "expired", "unknown"]


@dataclass(frozen=True, slots=True)
class Session:
    """Two tokens and the ends of their lives, in Unix seconds."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    access_end: float
    refresh_end: float


class Sessions:
    """Remembers what was issued in this run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_access: dict[str, Session] = {}
        self._by_refresh: dict[str, Session] = {}
        self._expired: set[str] = set()

    def issue(self, access: str, access_seconds: float, refresh_seconds: float) -> Session:
        """Keep an access token, and make a refresh token for it."""
        now = self._clock.time()
        session = Session(access, secrets.token_urlsafe(32), now + access_seconds, now + refresh_seconds)
        self._by_access[access] = self._by_refresh[session.refresh] = session
        return session

    def bearer(self, authorization: str | None) -> State:
        """Return the state of the token in an ``Authorization: Bearer <token>`` header."""
        scheme, _, token = (authorization or "").partition(" ")
        session = self._by_access.get(token.strip()) if scheme.lower() == "bearer" else None
        if session is None:
            return "unknown"
        return "expired" if session.access in self._expired or self._clock.time() >= session.access_end else "good"

    def can_refresh(self, token: str) -> bool:
        """Tell whether a refresh token is good now."""
        session = self._by_refresh.get(token)
        return session is not None and self._clock.time() < session.refresh_end

    def revoke_refresh(self, token: str) -> None:
        self._by_refresh.pop(token, None)

    def expire(self, authorization: str) -> None:
        """Let the access token of a header be past its end from now on."""
        self._expired.add(authorization.partition(" ")[2].strip())
