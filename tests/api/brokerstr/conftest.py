"""The documented exchanges of BrokersTR, and a platform that answers exact bytes over real sockets."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from orderseal import fixtures
from orderseal.api import brokerstr
from orderseal.api.transport import RateLimit, Retries
from orderseal.signing.ledger import Ledger

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer, Seen, Watch

ROOT = "/api/v1/integration"
LOGIN, REFRESH = ROOT + "/auth/authenticate", ROOT + "/auth/refresh"
QUICK = Retries(attempts=3, seconds=20.0, first=0.01, longest=0.02, jitter=0.0)
DATA = json.loads((Path(__file__).parent / "exchanges.json").read_text("utf-8"), parse_float=Decimal)
TOKEN_TEXT = json.dumps(fixtures.load("brokerstr/create-token-by-external-id")["verbatim"]["response"]["body"], ensure_ascii=False)
TOKEN: dict[str, Any] = json.loads(TOKEN_TEXT, parse_float=Decimal)
OWN_IDS = ("id", "node_id", "distributor_id", "currency_token_id")


def dumps(value: Any) -> bytes:
    """JSON with the digits of each ``Decimal`` as they are."""
    text = json.dumps(value, default=lambda number: f"<{number}>", ensure_ascii=False)
    for number in _decimals(value):
        text = text.replace(f'"<{number}>"', str(number))
    return text.encode()


def _decimals(value: Any) -> list[Decimal]:
    if isinstance(value, Decimal):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [number for item in inner for number in _decimals(item)]


def filled(value: Any, secret: str) -> Any:
    """Put a secret of this test where a sample has a marker."""
    if isinstance(value, dict):
        return {key: filled(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, secret) for item in value]
    return secret if value == "<password>" else value


def reply_of(exchange: dict[str, Any]) -> Any:
    """The documented reply: the token of the fixture where the page shows that one."""
    if exchange["reply"] == "token":
        return TOKEN
    if exchange["reply"] == "short token":
        return {name: value for name, value in TOKEN.items() if name not in OWN_IDS} | {"currency_token": DATA["short_token_currency"]}
    return exchange["reply"]


class Platform:
    """A raw server with the logins of the platform."""

    ROOT, LOGIN, REFRESH, TOKEN, DATA, QUICK = ROOT, LOGIN, REFRESH, TOKEN, DATA, QUICK
    IDS = DATA["ids"]
    EXCHANGES: ClassVar[dict[str, Any]] = {exchange["name"]: exchange for exchange in DATA["exchanges"]}
    dumps = staticmethod(dumps)
    reply_of = staticmethod(reply_of)
    filled = staticmethod(filled)

    def __init__(self, server: RawServer, kit: Kit, watch: Watch, ledger: Ledger) -> None:
        self.server, self.url, self.ledger, self._kit, self._watch = server, server.url, ledger, kit, watch
        self.key = watch.hide("key-" + secrets.token_urlsafe(16))
        self.secret = watch.hide("secret-" + secrets.token_urlsafe(16))
        self.lives: Any = 3600
        self.issued: list[tuple[str, str]] = []
        server.routes |= {LOGIN: self.grant, REFRESH: self.grant}

    def grant(self, _request: Seen | None = None) -> bytes:
        """Tokens as the platform documents them."""
        pair = self._watch.hide("access." + secrets.token_urlsafe(24)), self._watch.hide("refresh-" + secrets.token_urlsafe(24))
        self.issued.append(pair)
        sample = dict(self.EXCHANGES["authenticate"]["reply"])
        return self.reply(sample | {"access_token": pair[0], "refresh_token": pair[1], "expires_in": self.lives})

    def reply(self, body: Any = None, status: int = 200, **headers: str) -> bytes:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._kit.http(status, b"" if body is None else body if isinstance(body, bytes) else dumps(body), named)

    def error(self, status: int, code: Any = "ERROR_CODE", message: str = "Human-readable error message", **headers: str) -> bytes:
        return self.reply({"error": {"code": code, "message": message, "details": {}}}, status, **headers)

    def on(self, path: str, answer: Any) -> None:
        self.server.routes[ROOT + path] = answer

    def asked(self, path: str | None = None) -> list[Seen]:
        """What came but for logins."""
        return [seen for seen in self.server.seen if seen.path not in (LOGIN, REFRESH) and path in (None, seen.path.removeprefix(ROOT))]

    def options(self, **options: Any) -> dict[str, Any]:
        return {"rate": RateLimit.none(), "retries": QUICK, "ledger": self.ledger} | options


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "bot.db") as opened:
        yield opened


@pytest.fixture
def platform(server: RawServer, kit: Kit, watch: Watch, ledger: Ledger) -> Platform:
    return Platform(server, kit, watch, ledger)


@pytest.fixture
async def connect(platform: Platform) -> AsyncIterator[Callable[..., brokerstr.AsyncClient]]:
    """Makes clients of the platform, and closes them."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> brokerstr.AsyncClient:
            client = brokerstr.AsyncClient(platform.url, platform.key, platform.secret, **platform.options(**options))
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def client(connect: Callable[..., brokerstr.AsyncClient]) -> brokerstr.AsyncClient:
    return connect()
