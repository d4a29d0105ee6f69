"""A maker written from the venue's documents with httpx, websockets and eth-account alone, and servers to try it on."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import jsonschema_rs
import pytest
import websockets
from eth_account import Account
from eth_account.messages import encode_defunct

from orderseal.sandbox import Sandbox, Settings, create_app

USDT = "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91"
CONTRACT = "0xCB310C56A19078aA969A922f382613d932D89D83"
ORDER_TYPE = {
    "Order": [
        {"name": "maker", "type": "address"},
        {"name": "principal", "type": "address"},
        {"name": "isBuy", "type": "bool"},
        {"name": "ticker", "type": "string"},
        {"name": "exchange", "type": "uint16"},
        {"name": "asset", "type": "address"},
        {"name": "price", "type": "uint256"},
        {"name": "quantity", "type": "uint256"},
        {"name": "incentive", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
    ]
}
PATIENCE = 30.0


class Bot:
    """One wallet at one venue."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.account = Account.create()
        self.address: str = self.account.address
        self.jwt = ""
        self._salt = random.randrange(10**6)

    def login_body(self, **changes: Any) -> dict[str, str]:
        """A login request; ``at`` moves the timestamp, ``lines`` replaces message lines, other names replace body fields."""
        at = changes.pop("at", time.time())
        lines = {
            "Wallet address": self.address,
            "ChainId": "97",
            "Timestamp": datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Nonce": str(uuid.uuid4()),
        } | changes.pop("lines", {})
        message = changes.pop("message", "\n".join(f"{name}: {value}" for name, value in lines.items() if value is not None))
        signer = changes.pop("signer", self.account)
        body = {
            "wallet_address": self.address,
            "chain_id": "97",
            "message": message,
            "signature": "0x" + signer.sign_message(encode_defunct(text=message)).signature.hex(),
        }
        return body | changes

    async def login(self, **changes: Any) -> Bot:
        reply = await self.client.post("/api/v1/makers/connect", json=self.login_body(**changes))
        self.jwt = self.data(reply)["jwt"]
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.jwt}"}

    @staticmethod
    def data(reply: httpx.Response) -> Any:
        body = reply.json()
        assert reply.status_code == 200, body
        assert body.keys() == {"code", "data"}, body
        assert body["code"] == 0
        return body["data"]

    @staticmethod
    def refusal(reply: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = reply.json()
        assert body.keys() - {"details"} == {"code", "message"}, body
        assert isinstance(body["code"], int)
        assert body["code"] != 0
        assert isinstance(body["message"], str)
        assert body["message"]
        assert isinstance(body.get("details", ""), str)
        assert "date" in reply.headers
        return body

    async def get(self, path: str, **params: Any) -> Any:
        return self.data(await self.client.get(path, params=params, headers=self.headers))

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.client.post(path, json=body, headers=self.headers)

    async def nonce(self) -> int:
        return int((await self.get("/api/v1/orders/maker/next-nonce"))["next_nonce"])

    async def estimate(self, shares: int, price: str = "260", **changes: Any) -> Any:
        body = {"is_buy": True, "ticker": "AAPL", "exchange": 0, "quantity": str(shares), "price": price, "asset": USDT} | changes
        return self.data(await self.post("/api/v1/orders/estimate_charge", body))

    def sign(self, order: dict[str, Any], chain_id: int = 97, signer: Any = None) -> str:
        message = {("isBuy" if name == "is_buy" else name): value for name, value in order.items()}
        message |= {name: int(order[name]) for name in ("price", "quantity", "incentive")}
        domain = {"name": "RFQSettlement", "version": "1", "chainId": chain_id, "verifyingContract": CONTRACT}
        signed = (signer or self.account).sign_typed_data(domain, ORDER_TYPE, message)
        return "0x" + bytes(signed.signature).hex()

    def order(self, nonce: int, quantity: int = 1, **changes: Any) -> dict[str, Any]:
        """An order that pays far more than the estimate and lives 31 days."""
        return {
            "maker": self.address,
            "principal": self.address,
            "is_buy": True,
            "ticker": "AAPL",
            "exchange": 0,
            "asset": USDT,
            "price": "150500000000000000000",
            "quantity": str(quantity),
            "incentive": str(10**20 + quantity * 10**18),
            "deadline": int(time.time()) + 31 * 86400,
            "nonce": nonce,
        } | changes

    async def submit(self, quantity: int = 1, **changes: Any) -> httpx.Response:
        nonce = changes.pop("nonce", None)
        order = self.order(await self.nonce() if nonce is None else nonce, quantity, **changes)
        return await self.post("/api/v1/orders", {"order": order, "signature": self.sign(order)})

    async def create(self, quantity: int = 1, **changes: Any) -> Any:
        return self.data(await self.submit(quantity, **changes))

    async def look(self, order_id: str) -> Any:
        return await self.get(f"/api/v1/orders/{order_id}")

    async def until(self, order_id: str, *statuses: str) -> Any:
        """Wait until an order has one of the states."""
        async with asyncio.timeout(PATIENCE):
            while True:
                order = await self.look(order_id)
                if order["status"] in statuses:
                    return order
                await asyncio.sleep(0.01)

    def listen(self, url: str, types: str = "order_status_change", **options: Any) -> Any:
        """Connect to the maker WebSocket with the token in the header, unless the options say otherwise."""
        options.setdefault("additional_headers", self.headers)
        return websockets.connect(f"ws{url.removeprefix('http')}/ws/maker/v1?types={types}", proxy=None, **options)


class TakerBot:
    """One API key, used as the taker authentication page says, with httpx alone; every reply is held against the OpenAPI description."""

    def __init__(self, client: httpx.AsyncClient, credentials: dict[str, str], described: Any) -> None:
        self.client = client
        self.key, self.secret, self.address = (credentials[f"taker_{name}"] for name in ("key", "secret", "address"))
        self.now: float | None = None  # the moment that it signs for, if not the present one
        self._described = described

    def headers(self, method: str, path: str, content: bytes) -> dict[str, str]:
        """``content`` is the query string of a GET, else the body."""
        timestamp = str(int((time.time() if self.now is None else self.now) * 1000))
        text = f"{method}|{path}|{timestamp}|".encode() + content
        signature = base64.b64encode(hmac.new(self.secret.encode(), text, hashlib.sha256).digest()).decode()
        return {"X-API-Key": self.key, "X-API-Timestamp": timestamp, "X-API-Signature": signature}

    async def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        url = path + (f"?{content.decode()}" if method == "GET" and content else "")
        signed = self.headers(method, path, content) | {"Content-Type": "application/json"}
        signed |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = None if method == "GET" else content
        reply = await self.client.request(method, url, content=sent, headers={name: value for name, value in signed.items() if value})
        described = self._described["paths"][path][method.lower()]["responses"]
        schema = described.get(str(reply.status_code), described["default"])["content"]["application/json"]["schema"]
        error = next(jsonschema_rs.iter_errors(schema | {"components": self._described["components"]}, reply.json()), None)
        assert error is None, f"{error}\n{reply.text[:500]}"
        return reply

    async def post(self, name: str, **body: Any) -> httpx.Response:
        return await self.send("POST", f"/api/v1/orders/{name}", json.dumps(body).encode())

    async def good(self, name: str, **body: Any) -> Any:
        return Bot.data(await self.post(name, **body))

    async def get(self, path: str, **params: Any) -> Any:
        return Bot.data(await self.send("GET", f"/api/v1/{path}", urlencode(params).encode()))

    async def lock(self, order_hash: str, **changes: Any) -> Any:
        return await self.good("lock", order_hash=order_hash, taker_address=self.address, **changes)

    async def code(self, name: str, **body: Any) -> int:
        """Send something that must be refused; return the error's code."""
        return int(Bot.refusal(await self.post(name, **body))["code"])

    def listen(self, url: str, types: str = "order_status_change,cancellation_request") -> Any:
        """Connect to the taker WebSocket with a signed handshake."""
        headers = self.headers("GET", "/ws/taker/v1", f"types={types}".encode())
        return websockets.connect(f"ws{url.removeprefix('http')}/ws/taker/v1?types={types}", proxy=None, additional_headers=headers)


async def make_taker(client: httpx.AsyncClient, *, first: bool = False) -> TakerBot:
    """A taker of its own, or the first one, at the venue that a client talks to."""
    reply = await (client.get("/sandbox/credentials") if first else client.post("/sandbox/takers"))
    return TakerBot(client, reply.json(), (await client.get("/openapi.json")).json())


async def read_changes(socket: Any, order_hash: str, last: str) -> list[dict[str, Any]]:
    """Return the documented messages about one order up to a final state."""
    changes: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while not changes or changes[-1]["data"]["to_status"] != last:
            message = json.loads(await socket.recv())
            if message["type"] == "order_status_change" and message["data"]["order_hash"] == order_hash:
                changes.append(message)
    return changes


async def next_of(socket: Any, kind: str, **data: Any) -> Any:
    """Return the next message of a type whose data has the given members."""
    async with asyncio.timeout(PATIENCE):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == kind and all(message["data"].get(name) == value for name, value in data.items()):
                return message


def seed_where(**wanted: Any) -> int:
    """Return a seed whose run made the wanted choices."""
    from orderseal.sandbox.variation import draw

    for seed in range(10_000):
        choices = draw(random.Random(seed)).describe()
        if all(choices[name] == value for name, value in wanted.items()):
            return seed
    raise AssertionError(f"no run has {wanted}")


FAST = {"step_delay_min": 0.0, "step_delay_max": 0.01}


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    """A real server in a child process, with choices drawn afresh for each test run."""
    with Sandbox(Settings(heartbeat_interval=0.2, step_delay_min=0.001, step_delay_max=0.01)) as sandbox:
        yield sandbox


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as exits:
        yield exits


@pytest.fixture
def remote(server: Sandbox, stack: AsyncExitStack) -> Callable[[], Awaitable[Bot]]:
    """Makes a logged-in maker at the real server."""

    async def make() -> Bot:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, verify=False, trust_env=False, timeout=PATIENCE))
        return await Bot(client).login()

    return make


@pytest.fixture
def local(stack: AsyncExitStack) -> Callable[..., Awaitable[httpx.AsyncClient]]:
    """Makes an in-process venue with the given settings and returns a client of it."""

    async def make(**settings: Any) -> httpx.AsyncClient:
        app = create_app(Settings(**(FAST | settings)))
        transport = httpx.ASGITransport(app=app)
        return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://sandbox.test"))

    return make


@pytest.fixture
def local_bot(local: Callable[..., Awaitable[httpx.AsyncClient]]) -> Callable[..., Awaitable[Bot]]:
    """Makes a logged-in maker at a fresh in-process venue."""

    async def make(**settings: Any) -> Bot:
        return await Bot(await local(**settings)).login(at=time.time() + settings.get("clock_offset", 0))

    return make


@pytest.fixture(scope="session")
def manual_server() -> Iterator[Sandbox]:
    """A real server whose orders wait for a taker."""
    with Sandbox(Settings(takers="manual", heartbeat_interval=0.2, step_delay_min=0.0, step_delay_max=0.01)) as sandbox:
        yield sandbox


@pytest.fixture
def at(stack: AsyncExitStack) -> Callable[[Sandbox], Awaitable[Bot]]:
    """Makes a logged-in maker at any server."""

    async def make(sandbox: Sandbox) -> Bot:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=sandbox.url, verify=False, trust_env=False, timeout=PATIENCE))
        return await Bot(client).login()

    return make


@pytest.fixture
def kit() -> Any:
    """The helpers of this file, which test modules cannot import in importlib mode."""

    class Kit:
        Bot = Bot
        USDT = USDT
        PATIENCE = PATIENCE
        Decimal = Decimal
        seed_where = staticmethod(seed_where)
        make_taker = staticmethod(make_taker)
        next_of = staticmethod(next_of)
        read_changes = staticmethod(read_changes)

    return Kit


async def set_clock(client: httpx.AsyncClient, **body: float) -> None:
    reply = await client.post("/sandbox/clock", json=body)
    assert reply.status_code == 200, reply.text


@pytest.fixture
def clock() -> Any:
    return set_clock
