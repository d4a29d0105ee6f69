"""A TokenizationTR of exact bytes over real sockets, and what the documents print."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orderseal.api import tokenizationtr
from orderseal.api.transport import Limits, Retries
from orderseal.signing.ledger import Ledger

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer, Watch

USER, TOKEN = "680c02896d91ca0145cfeb81", "68ae06cfcccf4e8fc19362d1"
LOGIN = "/v2/oauth/token"
PURCHASES = f"/v2/users/purchases/users/{USER}"
MARKETS = "/v2/users/secondary-markets"


class Desk:
    """The server, the clients, and the paths."""

    USER, TOKEN, LOGIN, PURCHASES, MARKETS = USER, TOKEN, LOGIN, PURCHASES, MARKETS
    BUY_PRIMARY = f"{PURCHASES}/tokens/{TOKEN}/buy-on-primary-market"
    BUY_SECONDARY = f"{PURCHASES}/tokens/{TOKEN}/buy-on-secondary-market"
    SELL = f"{MARKETS}/users/{USER}/tokens/{TOKEN}/sell"
    DELIST = f"{MARKETS}/users/{USER}/tokens/{TOKEN}/delist"
    TRANSACTIONS = f"/v2/users/users/{USER}/transactions"

    def __init__(self, server: RawServer, kit: Kit, watch: Watch, ledger: Ledger, samples: dict[str, Any]) -> None:
        self.server, self.kit, self.ledger, self.samples = server, kit, ledger, samples
        self._watch = watch
        self.credentials = {name: watch.hide(secrets.token_urlsafe(12)) for name in ("client_id", "client_secret", "username", "password")}
        self.stack = AsyncExitStack()
        server.routes[LOGIN] = self._log_in

    def _log_in(self, request: Any) -> bytes:
        """The documented reply: ``expires_in`` is a moment."""
        now = int(time.time())
        token, refresh = (self._watch.hide(secrets.token_urlsafe(24)) for _ in range(2))
        self.server.tokens.append(token)
        body = {"access_token": token, "refresh_token": refresh, "expires_in": now + 900, "token_type": "Bearer", "scope": "public"}
        return self.answer(body | {"created_at": now})

    def client(self, **options: Any) -> tokenizationtr.AsyncClient:
        settings: dict[str, Any] = {
            "instance": "test",
            "ledger": self.ledger,
            "retries": Retries(attempts=1),
            **self.credentials,
            **options,
        }
        made = tokenizationtr.AsyncClient(self.server.url, **settings)
        self.stack.push_async_callback(made.aclose)
        return made

    def impatient(self, **options: Any) -> tokenizationtr.AsyncClient:
        return self.client(limits=Limits(total=0.6), **options)

    def answer(self, body: object, status: int = 200) -> bytes:
        return self.kit.http(status, json.dumps(body).encode())

    def error(self, status: int, error: str = "Invalid parameters", details: str | None = None) -> bytes:
        return self.answer({"error": error} if details is None else {"error": error, "details": details}, status)

    def nested(self, *rows: object) -> Callable[[Any], bytes]:
        """The page style of the trading pages."""

        def reply(request: Any) -> bytes:
            page, size = request.json["page"], request.json["per_page"]
            shown = rows[(page - 1) * size : page * size]
            total = {"current_page": page, "per_page": size, "total": len(rows), "total_pages": -(-len(rows) // size)}
            return self.answer({"data": shown, "pagination": total})

        return reply

    def flat(self, *rows: object) -> Callable[[Any], bytes]:
        """The other one."""

        def reply(request: Any) -> bytes:
            given = request.json if request.method == "POST" else {name: int(found[0]) for name, found in self.query(request).items()}
            page, size = given["page"], given["per_page"]
            return self.answer({"data": rows[(page - 1) * size : page * size], "total": len(rows), "page": page, "per_page": size})

        return reply

    @staticmethod
    def query(request: Any) -> dict[str, list[str]]:
        return parse_qs(urlsplit(request.target).query)


@pytest.fixture(scope="session")
def samples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("samples.json").read_text("utf-8"))
    return found


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "bot.db") as opened:
        yield opened


@pytest.fixture
async def desk(server: RawServer, kit: Kit, watch: Watch, ledger: Ledger, samples: dict[str, Any]) -> AsyncIterator[Desk]:
    made = Desk(server, kit, watch, ledger, samples)
    async with made.stack:
        yield made
