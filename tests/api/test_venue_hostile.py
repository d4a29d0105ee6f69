"""What a hostile TokenizationTR, BrokersTR or License.rocks could answer: each client gives a clear error or the right value, and sends
nothing to the wrong place. ``tests/api/transport`` has the same for what they share, and more of it.
"""

from __future__ import annotations

import copy
import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orderseal import fixtures
from orderseal.api import brokerstr, licenserocks, tokenizationtr
from orderseal.api.licenserocks import NewOrder
from orderseal.api.licenserocks.models import encode_hook
from orderseal.api.tokenizationtr import Money
from orderseal.api.transport import Limits, RateLimit, Retries
from orderseal.signing import InvalidInput, InvalidReply, OrdersealError, OutcomeUnknown, Unreachable, VenueError
from orderseal.signing.ledger import Ledger, MemoryStore

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer, Watch

pytestmark = pytest.mark.once

HERE = Path(__file__).parent
MEGABYTE = 1024 * 1024
USER, TOKEN = "680c02896d91ca0145cfeb81", "68ae06cfcccf4e8fc19362d1"
ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=encode_hook)

Call = Callable[[Any, str], Awaitable[Any]]


@dataclass(frozen=True)
class Exchange:
    """A call, the path that it asks, what the platform answers as documented, and what of its result that is."""

    call: Call
    path: str
    sample: Any
    part: Callable[[Any], Any] = field(default=lambda found: found)
    writes: bool = False


def documented(name: str) -> Any:
    found = fixtures.load(name)
    return (found["usable"] or found["verbatim"])["response"]["body"]


def exchanges(venue: str) -> dict[str, Exchange]:
    """Of each venue some reads and writes, with as many types of members as there are."""
    if venue == "brokerstr":
        root = "/api/v1/integration"
        samples = json.loads((HERE / "brokerstr" / "exchanges.json").read_text("utf-8"), parse_float=Decimal)
        kept = {one["name"]: one for one in samples["exchanges"]}
        token, day = documented("brokerstr/create-token-by-external-id"), datetime(2026, 1, 6, tzinfo=UTC)
        purchases = kept["purchases"]
        market_id = purchases["path"].rpartition("/")[2]
        return {
            "token": Exchange(lambda c, _: c.token(token["id"]), f"{root}/tokens/{token['id']}", token),
            "purchases": Exchange(lambda c, _: c.purchases(market_id, start=day, end=day), root + purchases["path"], purchases["reply"]),
            "create_token": Exchange(
                lambda c, _: c.create_token(token["external_id"], is_all_market=True),
                f"{root}/tokens/external/{token['external_id']}",
                token,
                writes=True,
            ),
        }
    if venue == "tokenizationtr":
        samples = json.loads((HERE / "tokenizationtr" / "samples.json").read_text("utf-8"), parse_float=Decimal)
        return {
            "market": Exchange(lambda c, _: c.market(TOKEN), f"/v2/users/secondary-markets/tokens/{TOKEN}", samples["market"]),
            "details": Exchange(lambda c, _: c.token_details(TOKEN), f"/v2/admin/tokens/{TOKEN}", samples["details_newer"]),
            "transaction": Exchange(
                lambda c, _: c.transaction(TOKEN, samples["user_transactions"][0]["id"]),
                f"/v2/admin/tokens/{TOKEN}/transactions/{samples['user_transactions'][0]['id']}",
                samples["user_transactions"][0],
            ),
            "sell": Exchange(
                lambda c, reference: c.sell(USER, TOKEN, quantity=10, price=Money(Decimal(12), 6, "USDT"), reference=reference),
                f"/v2/users/secondary-markets/users/{USER}/tokens/{TOKEN}/sell",
                documented("tokenizationtr/sell-on-secondary-market"),
                lambda written: {"data": written.data},
                writes=True,
            ),
            "buy_primary": Exchange(
                lambda c, reference: c.buy_primary(USER, TOKEN, quantity=10, reference=reference),
                f"/v2/users/purchases/users/{USER}/tokens/{TOKEN}/buy-on-primary-market",
                documented("tokenizationtr/buy-on-primary-market"),
                lambda written: {"transaction_id": written.transaction_id},
                writes=True,
            ),
        }
    new = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1)
    return {
        "order": Exchange(
            lambda c, _: c.order(1),
            "/api/externalOrders/1",
            documented("licenserocks/get-orders") | {"orders": documented("licenserocks/get-orders")["orders"][:1]},
            lambda order: {"orders": [order], "error": None},
        ),
        "create_order": Exchange(
            lambda c, reference: c.create_order(new, reference=reference),
            "/api/externalOrders",
            documented("licenserocks/create-orders") | {"orders": documented("licenserocks/create-orders")["orders"][:1]},
            lambda created: {"orders": created.orders, "error": None},
            writes=True,
        ),
    }


VENUES = ("brokerstr", "tokenizationtr", "licenserocks")
READS = {"brokerstr": "token", "tokenizationtr": "market", "licenserocks": "order"}
WRITES = {"brokerstr": "create_token", "tokenizationtr": "sell", "licenserocks": "create_order"}
LOGINS = {"brokerstr": "/api/v1/integration/auth/authenticate", "tokenizationtr": "/v2/oauth/token"}
ALL = [(venue, name) for venue in VENUES for name in exchanges(venue)]


class Bench:
    """Clients of one venue, and a server that grants their logins."""

    def __init__(self, venue: str, server: RawServer, kit: Kit, watch: Watch) -> None:
        self.venue, self.server, self.kit, self.watch = venue, server, kit, watch
        self.exchanges, self.stack = exchanges(venue), AsyncExitStack()
        self.secret = watch.hide("a-secret-of-this-test-5f3a9c")
        self.ledger = self.stack.enter_context(Ledger(MemoryStore()))
        if venue in LOGINS:
            server.routes[LOGINS[venue]] = kit.http(200, json.dumps(self.grant(watch.hide("an-access-token-5f3a9c"))).encode())

    def grant(self, token: str) -> dict[str, Any]:
        lives = 3600 if self.venue == "brokerstr" else int(time.time()) + 900
        return {"access_token": token, "token_type": "Bearer", "expires_in": lives}

    def client(self, **options: Any) -> Any:
        given: dict[str, Any] = {"ledger": self.ledger, "retries": Retries.none(), "rate": RateLimit.none()} | options
        made: Any
        if self.venue == "brokerstr":
            made = brokerstr.AsyncClient(self.server.url, "key", given.pop("secret", self.secret), **given)
        elif self.venue == "tokenizationtr":
            login = {"client_id": "c", "client_secret": given.pop("secret", self.secret), "username": "u", "password": "p"}
            made = tokenizationtr.AsyncClient(self.server.url, **login, instance="test", **given)
        else:
            made = licenserocks.AsyncClient(self.server.url, given.pop("secret", self.secret), **given)
        self.stack.push_async_callback(made.aclose)
        return made

    def asked(self, path: str) -> int:
        return self.server.count(path)


@pytest.fixture
async def bench(venue: str, server: RawServer, kit: Kit, watch: Watch) -> AsyncIterator[Bench]:
    made = Bench(venue, server, kit, watch)
    async with made.stack:
        yield made


# Members: missing, further, null, of a wrong type, and times of every form

MOMENTS = ("0001-01-01T00:00:00Z", "2025-12-24T12:33:58+03:00", "2025-12-24T09:33:58.023369000Z", "2025-12-24T09:33:58")
WRONG: dict[type, tuple[Any, ...]] = {
    str: (None, 7, 1.5, True, [], {}, "", "yesterday", "<html>", *MOMENTS),
    bool: (None, 0, 1, "true", []),
    int: (None, 1.0, 1.5, True, "x", "1", [], {}, -1, 2**63, 10**30),
    float: (None, True, "NaN", "x", [], {}, 10**400),
    Decimal: (None, True, "NaN", "x", [], {}, 10**400),
    dict: (None, [], "x", 7, {}),
    list: (None, {}, "x", [None], [[]], []),
    type(None): ({"a": 1}, [1], "x", 5, 1.5, True),
}


def changed(sample: Any) -> Iterator[tuple[str, Any]]:
    """The sample with one member at a time made wrong; with a name for each."""
    for place in places(sample, ()):
        inner = at(sample, place)
        name = ".".join(map(str, place))
        for value in WRONG[type(inner)]:
            yield f"{name} = {value!r:.30}", put(sample, place, value)
        if isinstance(inner, dict):
            yield f"{name} with more", put(sample, place, inner | {"surprise": {"a": [1.5, None]}, "__class__": "x"})
        if place and isinstance(place[-1], str):
            without = copy.deepcopy(sample)
            del at(without, place[:-1])[place[-1]]
            yield f"without {name}", without


def places(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, but only the first of a list, and nothing below free-form members."""
    yield place
    if place and place[-1] in ("payload", "integration", "data") and place != ("data",):
        return
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*place, key))


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def put(sample: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    found = copy.deepcopy(sample)
    at(found, place[:-1])[place[-1]] = value
    return found


def same(found: Any, sent: Any, name: str = "") -> bool:
    """Whether a value, written again, is what was sent: without what is null, further or never, and each time and number by its value."""
    if sent is None or (isinstance(sent, str) and sent.startswith("0001-")):
        return found in (None, [], sent) or name == "total"  # Which is how many came, where the platform says none.
    if isinstance(sent, dict):
        return isinstance(found, dict) and all(same(found.get(key), value, key) for key, value in sent.items() if known(key))
    if isinstance(sent, list):
        return isinstance(found, list) and len(found) == len(sent) and all(map(same, found, sent))
    if isinstance(sent, bool) or isinstance(found, bool):
        return found is sent
    numbers = int | float | Decimal
    if isinstance(sent, numbers):  # Amounts of coins are text for us, whatever they came as.
        is_number = isinstance(found, numbers) or name.endswith(("Eth", "Eths", "Wei"))
        return is_number and found is not None and Decimal(str(found)) == Decimal(str(sent))
    if isinstance(found, numbers):
        return number(sent) == Decimal(str(found))
    return bool(found == sent or (moment(found) is not None and moment(found) == moment(sent)))


def known(key: str) -> bool:
    return key not in ("surprise", "__class__", "error", "success", "message")


def number(text: str) -> Decimal | None:
    return Decimal(text) if text.replace(".", "", 1).isdigit() else None


def moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.utcoffset() is not None else None


async def outcome(call: Awaitable[Any]) -> tuple[Any, OrdersealError | None]:
    try:
        return await call, None
    except OrdersealError as error:
        return None, error


@pytest.mark.parametrize(("venue", "name"), ALL, ids=[f"{venue} {name}" for venue, name in ALL])
async def test_a_reply_with_a_wrong_member_is_an_error_or_what_it_says(venue: str, name: str, bench: Bench) -> None:
    exchange, client, tried, errors = bench.exchanges[name], bench.client(), count(1), 0
    expected = OutcomeUnknown if exchange.writes else InvalidReply
    cases = [("as documented", exchange.sample), *changed(exchange.sample)]
    for what, body in cases:
        bench.server.routes[exchange.path] = bench.kit.http(200, json.dumps(body, default=float).encode())
        found, error = await outcome(exchange.call(client, f"wish {next(tried)}"))
        if error is not None:
            assert (type(error), what == "as documented") == (expected, False), f"{what}: {error!r}"
            errors += 1
            continue
        again = json.loads(ENCODER.encode(exchange.part(found)), parse_float=Decimal)
        assert same(again, json.loads(json.dumps(body, default=float), parse_float=Decimal)), f"{what}: {again}"
        repr(found)
    assert bench.asked(exchange.path) == len(cases)
    assert errors > len(cases) // 10


# Bodies, and what is below them

BODIES: dict[str, bytes] = {
    "HTML": b"<!doctype html><title>Welcome</title>",
    "half": b'{"id":"t1","orders":[{"id":1,',
    "deep": b'{"data":' + b"[" * 500_000,
    "NaN": b'{"value":NaN}',
    "twice": b'{"transaction_id":"a","transaction_id":"a"}',
    "two": b"{}{}",
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "text": b'"ok"',
    "no UTF-8": b'{"id":"\xff"}',
    "UTF-16": '{"id":"t1"}'.encode("utf-16"),
    "a long number": b'{"value":' + b"9" * 100_000 + b"}",
}


async def both(bench: Bench, answer: Any, **options: Any) -> None:
    """A read is invalid and a write unknown, each is sent once, and the write stays open."""
    read, write = bench.exchanges[READS[bench.venue]], bench.exchanges[WRITES[bench.venue]]
    bench.server.routes[read.path] = bench.server.routes[write.path] = answer
    client = bench.client(**options)
    await bench.kit.raises(read.call(client, ""), InvalidReply)
    for _ in range(2 if bench.venue != "brokerstr" else 1):
        await bench.kit.raises(write.call(client, "wish"), OutcomeUnknown)
    assert (bench.asked(read.path), bench.asked(write.path)) == (1, 1)


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("venue", VENUES)
async def test_a_body_that_is_none(venue: str, kind: str, bench: Bench) -> None:
    await both(bench, bench.kit.http(200, BODIES[kind]))


@pytest.mark.parametrize("venue", VENUES)
async def test_a_gzip_bomb(venue: str, bench: Bench) -> None:
    bomb = bench.kit.http(200, gzip.compress(b" " * (64 * MEGABYTE)), {"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        await both(bench, bomb)
        assert tracemalloc.get_traced_memory()[1] < 24 * MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("venue", VENUES)
async def test_300_megabytes_of_json(venue: str, bench: Bench) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {300 * MEGABYTE}\r\n\r\n".encode())
        for _ in range(300):
            connection.sendall(b"[" + b"1," * (MEGABYTE // 2))
            sent += 1

    await both(bench, bench.kit.plays(flood), limits=Limits(total=120.0))
    assert sent < 150  # Of two replies of 300.


# Nothing goes to another place


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("venue", VENUES)
async def test_credentials_follow_no_redirect(venue: str, status: int, bench: Bench, servers: Callable[[], RawServer]) -> None:
    there = servers()
    there.otherwise = bench.kit.http(200, b"{}")
    await both(bench, bench.kit.http(status, b"", {"Location": f"{there.url}/elsewhere"}))
    assert there.connections == 0


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("venue", LOGINS)
async def test_a_login_follows_no_redirect(venue: str, status: int, bench: Bench, servers: Callable[[], RawServer]) -> None:
    there = servers()
    bench.server.routes[LOGINS[venue]] = bench.kit.http(status, b"", {"Location": f"{there.url}/elsewhere"})
    write = bench.exchanges[WRITES[venue]]
    with pytest.raises(VenueError) as raised:
        await write.call(bench.client(), "wish")
    assert not isinstance(raised.value, OutcomeUnknown)
    assert (there.connections, bench.asked(write.path)) == (0, 0)


@pytest.mark.parametrize("token", ["abc\r\nX-Evil: 1", "a b", "", "ü", None, 7, ["a"], "x" * 100_000], ids=lambda value: f"{value!r:.12}")
@pytest.mark.parametrize("venue", LOGINS)
async def test_a_token_that_no_header_can_hold(venue: str, token: Any, bench: Bench) -> None:
    bench.server.routes[LOGINS[venue]] = bench.kit.http(200, json.dumps(bench.grant(token)).encode())
    read, write = bench.exchanges[READS[venue]], bench.exchanges[WRITES[venue]]
    for exchange in (read, write):
        with pytest.raises(VenueError) as raised:
            await exchange.call(bench.client(), "wish")
        assert not isinstance(raised.value, OutcomeUnknown)
        assert "X-Evil" not in bench.watch.clean(raised.value)
    assert (bench.asked(read.path), bench.asked(write.path)) == (0, 0)


@pytest.mark.parametrize("secret", ["a\r\nX-Evil: 1", "a\nb", "", "\x00", None, 7], ids=repr)
@pytest.mark.parametrize("venue", VENUES)
async def test_a_secret_that_no_header_can_hold(venue: str, secret: Any, bench: Bench) -> None:
    with pytest.raises(InvalidInput) as raised:
        bench.client(secret=secret)
    assert "X-Evil" not in str(raised.value)
    assert bench.server.connections == 0


@pytest.mark.parametrize("status", [500, 502, 503, 408])
@pytest.mark.parametrize("venue", VENUES)
async def test_a_venue_that_fails(venue: str, status: int, bench: Bench) -> None:
    read, write = bench.exchanges[READS[venue]], bench.exchanges[WRITES[venue]]
    bench.server.routes[read.path] = bench.server.routes[write.path] = bench.kit.http(status, b"<html>failed</html>")
    client = bench.client()
    await bench.kit.raises(read.call(client, ""), Unreachable)
    await bench.kit.raises(write.call(client, "wish"), OutcomeUnknown)
    assert (bench.asked(read.path), bench.asked(write.path)) == (1, 1)
