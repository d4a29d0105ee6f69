"""The webhook settings of a market, as they are sent (venue page *Markets*). The passwords in them are never shown."""

import re
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, Final, Literal

from orderseal.signing import InvalidInput, describe
from orderseal.signing.urls import check_base_url

__all__ = [
    "KEEP",
    "REMOVE",
    "BasicAuthentication",
    "TokenAuthentication",
    "WebhookChange",
    "WebhookMethod",
    "WebhookSettings",
    "webhook_body",
]

_LONGEST: Final = 2048
_LONGEST_TIMEOUT: Final = 3600
_MOST_METHODS: Final = 100
_MEMBER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


class WebhookMethod(IntEnum):
    """How the platform calls a webhook. The page lists two, with "etc." behind them; another number may be given as an ``int``."""

    GET = 1
    POST = 2


class WebhookChange(Enum):
    """What becomes of a webhook that is not set anew."""

    KEEP = "keep"
    REMOVE = "remove"


KEEP: Final = WebhookChange.KEEP
"""Leave the webhook as it is: nothing is sent of it."""
REMOVE: Final = WebhookChange.REMOVE
"""Take the webhook away: ``null`` is sent."""


def _secret(value: object, path: str) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise InvalidInput(path=path, expected="printable text", actual="something else, not shown")


@dataclass(frozen=True, slots=True)
class BasicAuthentication:
    """The platform logs in to the webhook with a user name and a password."""

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        _secret(self.username, "username")
        _secret(self.password, "password")

    def members(self) -> dict[str, Any]:
        """What is sent."""
        return {"type": 1, "username": self.username, "password": self.password}

    def secrets(self) -> tuple[str, ...]:
        """What must not come back in an error."""
        return (self.password,)


@dataclass(frozen=True, slots=True)
class TokenAuthentication:
    """The platform logs in to the webhook with a token.

    Attributes:
        token: the token.
        member: the name that the platform has for it in its JSON. No document gives it, so there is no default: ask the platform.
    """

    token: str = field(repr=False)
    member: str = field(kw_only=True)

    def __post_init__(self) -> None:
        _secret(self.token, "token")
        if not isinstance(self.member, str) or not _MEMBER.fullmatch(self.member) or self.member == "type":
            raise InvalidInput(path="member", expected="the name of the member that holds the token", actual=describe(self.member))

    def members(self) -> dict[str, Any]:
        """What is sent."""
        return {"type": 2, self.member: self.token}

    def secrets(self) -> tuple[str, ...]:
        """What must not come back in an error."""
        return (self.token,)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where the platform is to send the events of a market. What it sends there is not documented.

    Attributes:
        host: a URL without path, such as ``https://webhook.example.com``; plain http on loopback only, since a password may go there.
        path: such as ``/webhook``.
        method: see :class:`WebhookMethod`; it comes back as text.
        authentication: how the platform logs in there, if it does.
        timeout: in whole seconds, or ``None`` for the platform's own.

    Raises:
        InvalidInput: one of them has another form.

    Example::

        WebhookSettings("https://webhook.example.com", "/webhook", authentication=BasicAuthentication("user", password), timeout=30)
    """

    host: str
    path: str
    method: WebhookMethod | int = WebhookMethod.POST
    authentication: BasicAuthentication | TokenAuthentication | None = None
    timeout: int | None = None

    def __post_init__(self) -> None:
        check_base_url(self.host, "webhook.host")
        if not isinstance(self.path, str) or not 0 < len(self.path) <= _LONGEST or not self.path.isprintable() or self.path[0] != "/":
            raise InvalidInput(path="webhook.path", expected="a path such as /webhook", actual=describe(self.path))
        _check_integer(self.method, "webhook.method", 1, _MOST_METHODS)
        if self.timeout is not None:
            _check_integer(self.timeout, "webhook.timeout", 1, _LONGEST_TIMEOUT)
        if self.authentication is not None and not isinstance(self.authentication, BasicAuthentication | TokenAuthentication):
            raise InvalidInput(
                path="webhook.authentication",
                expected="a BasicAuthentication, a TokenAuthentication or None",
                actual=f"a {type(self.authentication).__name__}",
            )

    def members(self) -> dict[str, Any]:
        """What is sent."""
        found: dict[str, Any] = {"host": self.host, "path": self.path, "method": int(self.method)}
        if self.authentication is not None:
            found["authentication"] = self.authentication.members()
        if self.timeout is not None:
            found["timeout"] = self.timeout
        return found

    def secrets(self) -> tuple[str, ...]:
        """What must not come back in an error."""
        return () if self.authentication is None else self.authentication.secrets()


def _check_integer(value: object, path: str, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(path=path, expected=f"an integer from {least} to {most}", actual=describe(value))


def webhook_body(webhook: WebhookSettings | Literal[WebhookChange.KEEP, WebhookChange.REMOVE]) -> dict[str, Any]:
    """The member ``webhook`` of a body: settings, ``null`` for :data:`REMOVE`, nothing for :data:`KEEP`."""
    if isinstance(webhook, WebhookSettings):
        return {"webhook": webhook.members()}
    if webhook is WebhookChange.KEEP:
        return {}
    if webhook is WebhookChange.REMOVE:
        return {"webhook": None}
    raise InvalidInput(path="webhook", expected="WebhookSettings, KEEP or REMOVE", actual=f"a {type(webhook).__name__}")
