"""Login, refresh and the rate limit. Source: the pages on authentication and /intro."""

from __future__ import annotations

import hmac
import secrets
from collections import deque

from orderseal.sandbox.brokerstr.settings import BrokersTrSettings
from orderseal.sandbox.brokerstr.variation import Variation
from orderseal.sandbox.clock import Clock
from orderseal.sandbox.jwt import make_jwt
from orderseal.sandbox.twins.endpoint import Answer, Call, Refusal
from orderseal.sandbox.twins.ids import rfc3339
from orderseal.sandbox.twins.sessions import Sessions

_MINUTE = 60.0


class Access:
    """One API key with its secret, and the tokens that were issued for it."""

    def __init__(self, settings: BrokersTrSettings, variation: Variation, clock: Clock) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._jwt_secret = secrets.token_bytes(32)
        self.api_key = f"ak_{secrets.token_hex(12)}"
        self.secret_key = secrets.token_urlsafe(32)
        self.sessions = Sessions(clock)
        self._seen: deque[float] = deque()

    def authenticate(self, call: Call) -> Answer:
        """Take key and secret from the body or, without one, from the headers."""
        body = call.body if isinstance(call.body, dict) else None
        key = body["api_key"] if body else call.headers.get("api-key")
        secret = body["secret_key"] if body else call.headers.get("api-secret")
        if not isinstance(key, str) or not isinstance(secret, str):
            raise Refusal("invalid", "api_key and secret_key are required")
        if not _same(key, self.api_key) or not _same(secret, self.secret_key):
            raise Refusal("unauthorized", "Invalid API key or secret")
        return self._issue()

    def refresh(self, call: Call) -> Answer:
        body = call.body
        assert isinstance(body, dict)
        token = str(body["refresh_token"])
        if not self.sessions.can_refresh(token):
            raise Refusal("unauthorized", "Invalid or expired refresh token")
        if self._variation.refresh_rotates:
            self.sessions.revoke_refresh(token)
        return self._issue()

    def check(self, authorization: str | None) -> None:
        """Raise ``Refusal`` unless the header holds a token that is good now."""
        if (state := self.sessions.bearer(authorization)) != "good":
            raise Refusal("unauthorized", "Token expired" if state == "expired" else "Invalid token")

    def count(self) -> None:
        """Count a request of the key; raise ``Refusal`` if there were too many within a minute."""
        most, now = self._settings.requests_per_minute, self._clock.time()
        if most is None:
            return
        while self._seen and not 0 <= now - self._window(self._seen[0]) < _MINUTE:
            self._seen.popleft()
        if len(self._seen) >= most:
            left = _MINUTE - (now - self._window(self._seen[0]))
            raise Refusal("rate", retry_after=int(left) + 1 if self._variation.retry_after else None)
        self._seen.append(now)

    def _window(self, moment: float) -> float:
        return moment if self._variation.rate_window == "sliding" else moment // _MINUTE * _MINUTE

    def _issue(self) -> Answer:
        end = self._clock.time() + self._settings.access_lifetime
        token = make_jwt({"sub": self.api_key, "exp": int(end), "jti": secrets.token_hex(8)}, self._jwt_secret)
        session = self.sessions.issue(token, self._settings.access_lifetime, self._settings.refresh_lifetime)
        return Answer(
            {
                "access_token": session.access,
                "refresh_token": session.refresh,
                "token_type": "Bearer",
                "expires_in": int(self._settings.access_lifetime),
                "expires_at": rfc3339(session.access_end, digits=0),
            }
        )


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
