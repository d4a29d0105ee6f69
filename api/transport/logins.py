"""The logins of the venues that have a token end point, as auth schemes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, cast

import msgspec

from orderseal.api.transport.auth import Ask, BearerAuth, Grant, believable, check_secret
from orderseal.api.transport.call import Call
from orderseal.api.transport.tokens import token_claims
from orderseal.signing import FIRST_MILLISECONDS, Clock, InvalidInput, Refused, describe, system_clock
from orderseal.signing.clock import elapsed_clock

__all__ = ["KeyAuth", "PasswordAuth"]

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_LONGEST_LIFE: Final = 366 * 86400.0


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None
    expires_in: Any = None
    expires_at: Any = None
    created_at: Any = None


class KeyAuth(BearerAuth):
    """An API key and its secret, exchanged for an access token, which is refreshed (BrokersTR, */auth/authenticate*, */auth/refresh*).

    A refresh that is refused falls back to the key; how the refresh end point answers is not documented. ``expires_in`` is in seconds.

    Args:
        api_key, secret_key: from the venue's settings page.
        key_in: how they are sent: in the ``"body"`` as JSON, or as the ``"headers"`` ``Api-Key`` and ``Api-Secret`` without a body, for
            gateways that log bodies.
        authenticate, refresh: paths; ``refresh=None`` always logs in with the key.
        headers: that go with the two, such as a gateway's routing header.
        clock: for tests, as :class:`BearerAuth`'s.
    """

    def __init__(
        self,
        api_key: str,
        secret_key: str,
        *,
        key_in: Literal["body", "headers"] = "body",
        authenticate: str = "/auth/authenticate",
        refresh: str | None = "/auth/refresh",
        headers: Mapping[str, str] = _NO_HEADERS,
        clock: Clock = elapsed_clock,
    ) -> None:
        if key_in not in ("body", "headers"):
            raise InvalidInput(path="key_in", expected="'body' or 'headers'", actual=describe(key_in))
        self._secrets = check_secret(api_key, "api_key"), check_secret(secret_key, "secret_key")
        self._in_body = key_in == "body"
        if not self._in_body and not all(secret.isascii() for secret in self._secrets):
            raise InvalidInput(path="key_in", expected="'body', since a header takes ASCII alone", actual="'headers'")
        self._authenticate, self._refresh, self._login_headers = authenticate, refresh, dict(headers)
        super().__init__(self._grant, clock=clock)

    async def _grant(self, ask: Ask, last: Grant | None) -> Grant:
        if last is not None and last.refresh is not None and self._refresh is not None:
            try:
                return await self._by_refresh(ask, self._refresh, last.refresh)
            except Refused as error:
                if error.status in (0, 429):
                    raise
        return await self._by_key(ask)

    async def _by_key(self, ask: Ask) -> Grant:
        key, secret = self._secrets
        body = {"api_key": key, "secret_key": secret} if self._in_body else None
        headers = self._login_headers | ({} if self._in_body else {"Api-Key": key, "Api-Secret": secret})
        call = Call("log in", "POST", self._authenticate, _Tokens, body=body, headers=headers, secrets=self._secrets, anonymous=True)
        return _granted(await ask(call), None)

    async def _by_refresh(self, ask: Ask, path: str, token: str) -> Grant:
        body, headers = {"refresh_token": token}, self._login_headers
        call = Call("refresh the token", "POST", path, _Tokens, body=body, headers=headers, secrets=(token,), anonymous=True)
        return _granted(await ask(call), token)


def _granted(found: _Tokens, refresh: str | None) -> Grant:
    lives = float(found.expires_in) if believable(found.expires_in, 1, _LONGEST_LIFE) else None
    return Grant(found.access_token, lives, found.refresh_token or refresh)


class PasswordAuth(BearerAuth):
    """OAuth's password grant (TokenizationTR, *create-token*), whose ``expires_in`` is documented as a **time stamp**, in Unix seconds.

    A value that is no time stamp is read as seconds, as OAuth has it (RFC 6749, 5.1). Where the venue says when the token was made, its
    life is counted by the venue's own clock. The request for a refresh is not documented, so it logs in again.

    Args:
        login: the path of the token end point.
        clock: Unix seconds, for a time stamp without ``created_at``.
        elapsed: for tests, as :class:`BearerAuth`'s ``clock``.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        username: str,
        password: str,
        login: str = "/v2/oauth/token",
        headers: Mapping[str, str] = _NO_HEADERS,
        clock: Clock = system_clock,
        elapsed: Clock = elapsed_clock,
    ) -> None:
        self._body = {
            "client_id": check_secret(client_id, "client_id"),
            "client_secret": check_secret(client_secret, "client_secret"),
            "grant_type": "password",
            "username": check_secret(username, "username"),
            "password": check_secret(password, "password"),
        }
        self._path, self._login_headers, self._now = login, dict(headers), clock
        super().__init__(self._grant, clock=elapsed)

    async def _grant(self, ask: Ask, last: Grant | None) -> Grant:  # noqa: ARG002 - there is no documented refresh
        secrets = tuple(value for key, value in self._body.items() if key != "grant_type")
        call = Call("log in", "POST", self._path, _Tokens, body=self._body, headers=self._login_headers, secrets=secrets, anonymous=True)
        found = await ask(call)
        return Grant(found.access_token, self._life(found), found.refresh_token or None)

    def _life(self, found: _Tokens) -> float | None:
        """Seconds from now, or ``None`` if nothing believable was said. The token's own claim, ``expiration``, is the last resort."""
        claims = token_claims(found.access_token)
        for value in (found.expires_in, claims.get("expiration"), claims.get("exp")):
            if not believable(value, 1, FIRST_MILLISECONDS - 1):
                continue
            number = float(cast("float", value))
            if number <= _LONGEST_LIFE:
                return number
            made = found.created_at
            since = float(made) if believable(made, _LONGEST_LIFE, number) and number - made <= _LONGEST_LIFE else self._now()
            if number - since <= _LONGEST_LIFE:
                return max(number - since, 0.0)
        return None
