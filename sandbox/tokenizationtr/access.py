"""The OAuth password grant. Source: Create Token; the refresh grant is inferred, and a run has it or not."""

from __future__ import annotations

import hmac
import secrets
from random import Random
from typing import cast

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.jwt import make_jwt
from orderseal.sandbox.tokenizationtr.settings import TokenizationTrSettings
from orderseal.sandbox.tokenizationtr.state import NODE
from orderseal.sandbox.tokenizationtr.variation import Variation
from orderseal.sandbox.twins.endpoint import Answer, Call, Refusal
from orderseal.sandbox.twins.ids import object_id, uuid4
from orderseal.sandbox.twins.sessions import Sessions


class Access:
    """One client with its secret, and one supervisor."""

    def __init__(self, settings: TokenizationTrSettings, variation: Variation, clock: Clock, rng: Random) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._jwt_secret = secrets.token_bytes(32)
        self._supervisor = object_id(rng)
        self._role = object_id(rng)
        self.sessions = Sessions(clock)
        self.credentials = {
            "client_id": uuid4(rng),
            "client_secret": secrets.token_urlsafe(32),
            "username": "supervisor@example.invalid",
            "password": secrets.token_urlsafe(16),
        }

    def token(self, call: Call) -> Answer:
        body = cast("dict[str, str]", call.body)
        wanted = ["client_id", "client_secret"] + (["username", "password"] if "username" in body else [])
        checks = [hmac.compare_digest(body[name].encode(errors="replace"), self.credentials[name].encode()) for name in wanted]
        if "refresh_token" in body:
            if not self._variation.refresh_grant:
                raise Refusal("invalid", "Unsupported grant_type")
            checks.append(self.sessions.can_refresh(body["refresh_token"]))
        if not all(checks):
            raise Refusal("unauthorized", "Invalid credentials")
        return self._issue()

    def check(self, authorization: str | None) -> None:
        """Raise ``Refusal`` unless the header holds a token that is good now; the documents have one error for all others."""
        if self.sessions.bearer(authorization) != "good":
            raise Refusal("unauthorized")

    def _issue(self) -> Answer:
        now = self._clock.seconds()
        end = now + int(self._settings.access_lifetime)
        claims: dict[str, str | int] = {
            "clientID": self.credentials["client_id"],
            "expiration": end,
            "supervisorEmail": self.credentials["username"],
            "supervisorID": self._supervisor,
            "supervisorNodeID": NODE,
            "supervisorNodeIntID": 6,
            "supervisorNodePath": "1.3.6",
            "supervisorRoleID": self._role,
            "supervisorRolePriority": 1,
            "jti": secrets.token_hex(8),
        }
        token = make_jwt(claims, self._jwt_secret)
        session = self.sessions.issue(token, self._settings.access_lifetime, self._settings.refresh_lifetime)
        return Answer(
            {
                "access_token": session.access,
                "refresh_token": session.refresh,
                # A moment, and not a duration, in spite of its name.
                "expires_in": end,
                "token_type": "Bearer",
                "scope": "public",
                "created_at": now,
            }
        )
