"""The other documented way to log in: key and secret as headers (venue page *authentication*)."""

from collections.abc import Mapping

import msgspec

from orderseal.api.transport import Ask, BearerAuth, Call, Grant
from orderseal.signing import InvalidInput, Refused

__all__ = ["HeaderKeyAuth"]

_LONGEST_SECRET = 8192


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None
    expires_in: int | None = None


class HeaderKeyAuth(BearerAuth):
    """As :class:`~orderseal.api.transport.KeyAuth`, with ``Api-Key`` and ``Api-Secret`` and no body, for gateways that log bodies."""

    def __init__(self, api_key: str, secret_key: str, *, headers: Mapping[str, str]) -> None:
        for path, value in (("api_key", api_key), ("secret_key", secret_key)):
            if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_SECRET or not value.isascii() or not value.isprintable():
                raise InvalidInput(path=path, expected="a secret: printable ASCII on one line", actual="something else, not shown")
        self._own, self._routing = {"Api-Key": api_key, "Api-Secret": secret_key}, dict(headers)
        super().__init__(self._grant)

    async def _grant(self, ask: Ask, last: Grant | None) -> Grant:
        if last is not None and last.refresh is not None:
            body = {"refresh_token": last.refresh}
            renewal = Call(
                "refresh the token",
                "POST",
                "/auth/refresh",
                _Tokens,
                body=body,
                headers=self._routing,
                secrets=(last.refresh,),
                anonymous=True,
            )
            try:
                return _granted(await ask(renewal), last.refresh)
            except Refused as error:
                if error.status in (0, 429):
                    raise
        headers, secrets = self._routing | self._own, tuple(self._own.values())
        return _granted(
            await ask(Call("log in", "POST", "/auth/authenticate", _Tokens, headers=headers, secrets=secrets, anonymous=True)), None
        )


def _granted(found: _Tokens, refresh: str | None) -> Grant:
    return Grant(
        found.access_token, found.expires_in if found.expires_in and found.expires_in > 0 else None, found.refresh_token or refresh
    )
