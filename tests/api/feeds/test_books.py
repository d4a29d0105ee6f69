"""Order books over real sockets: exact numbers, exact times, and a token among the sub-protocols that nothing shows."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.api.feeds.helpers import FAST, HEARTBEAT, PATIENCE, Account, accepted, fast, take, until

from orderseal.api.stove.feeds import AsyncBookFeed, BookUpdate, FeedOptions, Instant, Level
from orderseal.api.transport import Listener
from orderseal.signing import InvalidInput, InvalidReply, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer, Seen

BOOKS = "/ws/orderbooks/v1"
DOCUMENTED = (
    '{"type":"orderbook_update","timestamp":"2026-01-19T06:55:49.301529733Z","data":{"symbol":"doge","market":"dcex","bid":[],'
    '"ask":[{"price":0.12988,"volume":6.0}],"time":"2026-01-19T06:55:49.301529733Z"}}'
)
"""The venue's example (*Orderbook Data Push*); its moment in nanoseconds is what GNU date makes of it."""
NANOSECONDS = 1_768_805_749_301_529_733


def book(price: str = "0.5", volume: str = "1", symbol: str = "doge", market: str = "dcex", time: str = '"2026-01-19T06:55:49Z"') -> str:
    """A message with numbers as they stand in the JSON."""
    level = f'{{"price":{price},"volume":{volume}}}'
    data = f'{{"symbol":{json.dumps(symbol)},"market":{json.dumps(market)},"bid":[{level}],"ask":[{level}],"time":{time}}}'
    return f'{{"type":"orderbook_update","data":{data}}}'


def feed_of(server: RawServer, account: Account, *symbols: str, options: FeedOptions = FAST) -> AsyncBookFeed:
    return AsyncBookFeed(server.url, symbols or ("doge@dcex",), account.jwt, options=options)


def pushes(kit: Kit, *texts: str, then: Any = None, protocol: str | None = "jwt") -> Callable[[Seen], Any]:
    def play(seen: Seen) -> Any:
        headers = {} if protocol is None else {"Sec_WebSocket_Protocol": protocol}

        def send(connection: Any) -> None:
            connection.sendall(accepted(seen, **headers) + b"".join(kit.frame(text) for text in texts))
            (then or kit.until_closed)(connection)

        return kit.plays(send)

    return play


@pytest.mark.parametrize("protocol", ["jwt", None])
async def test_the_handshake(kit: Kit, server: RawServer, account: Account, protocol: str | None) -> None:
    server.routes[BOOKS] = pushes(kit, protocol=protocol)
    async with feed_of(server, account, "doge@dcex", "eth@dcex", "AAPL") as feed:
        await feed.ready()
    sent = server.last(BOOKS)
    assert sent.target == "/ws/orderbooks/v1?symbols=doge@dcex/eth@dcex/AAPL"
    assert sent.headers["sec-websocket-protocol"] == f"jwt, {account.token}"
    assert "authorization" not in sent.headers


async def test_the_documented_message(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[BOOKS] = pushes(kit, HEARTBEAT, DOCUMENTED)
    async with feed_of(server, account) as feed:
        (update,) = await take(feed, 1)
    at = Instant(NANOSECONDS)
    asked = (Level(Decimal("0.12988"), Decimal("6.0")),)
    assert update == BookUpdate(symbol="doge", market="dcex", bid=(), ask=asked, time=at, sent=at, after_gap=True)
    assert at.datetime == datetime(2026, 1, 19, 6, 55, 49, 301529, tzinfo=UTC)
    assert type(update.ask[0].price) is Decimal


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        ("0.1", "0.1"),
        ("100", "100"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("9007199254740993", "9007199254740993"),
        ("1e-7", "0.0000001"),
        ("1.5E+3", "1500"),
    ],
)
async def test_numbers_are_read_from_their_digits(kit: Kit, server: RawServer, account: Account, digits: str, value: str) -> None:
    server.routes[BOOKS] = pushes(kit, book(price=digits, volume=digits))
    async with feed_of(server, account) as feed:
        (update,) = await take(feed, 1)
    assert [(level.price, level.volume) for level in (*update.bid, *update.ask)] == [(Decimal(value), Decimal(value))] * 2


@pytest.mark.parametrize(
    ("time", "nanoseconds"),
    [
        ("2026-01-19T06:55:49Z", 1_768_805_749_000_000_000),
        ("2026-01-19T06:55:49.3Z", 1_768_805_749_300_000_000),
        ("2026-01-19T06:55:49.000000001+00:00", 1_768_805_749_000_000_001),
        ("2026-01-19T14:55:49.301529733+08:00", NANOSECONDS),
        ("2026-01-19T01:25:49.301529733-05:30", NANOSECONDS),
    ],
)
async def test_times_are_exact(kit: Kit, server: RawServer, account: Account, time: str, nanoseconds: int) -> None:
    server.routes[BOOKS] = pushes(kit, book(time=json.dumps(time)))
    async with feed_of(server, account) as feed:
        assert (await take(feed, 1))[0].time.nanoseconds == nanoseconds


NONE_AT_ALL = {
    "a price that is a string": book(price='"0.5"'),
    "a price of nothing": book(price="0"),
    "a price below nothing": book(price="-0.5"),
    "a volume below nothing": book(volume="-1"),
    "a price without bound": book(price="1e999"),
    "a price of many digits": book(price="1" * 31),
    "a price that is null": book(price="null"),
    "a price that is true": book(price="true"),
    "a price that is NaN": book(price="NaN"),
    "a price that is a list": book(price="[1]"),
    "a time that is a number": book(time="1768805749301529733"),
    "a time without a zone": book(time='"2026-01-19T06:55:49"'),
    "a time of ten digits": book(time='"2026-01-19T06:55:49.1234567890Z"'),
    "a time that is none": book(time='"2026-02-30T06:55:49Z"'),
    "an hour that is none": book(time='"2026-01-19T25:55:49Z"'),
    "a symbol that is empty": book(symbol=""),
    "no bids": '{"type":"orderbook_update","data":{"symbol":"doge","market":"dcex","ask":[],"time":"2026-01-19T06:55:49Z"}}',
}


@pytest.mark.parametrize("name", NONE_AT_ALL)
async def test_books_that_are_none(kit: Kit, server: RawServer, account: Account, name: str) -> None:
    server.routes[BOOKS] = [pushes(kit, NONE_AT_ALL[name]), pushes(kit, DOCUMENTED)]
    async with feed_of(server, account) as feed:
        assert (await take(feed, 1))[0].time.nanoseconds == NANOSECONDS
        assert feed.counts.invalid == 1


async def test_ten_books_that_are_none_end_the_feed(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[BOOKS] = pushes(kit, book(price="0"))
    async with feed_of(server, account) as feed:
        await kit.raises(anext(feed), InvalidReply)
    assert server.count(BOOKS) == 10


async def test_what_may_have_been_missed_is_told(kit: Kit, server: RawServer, account: Account) -> None:
    cut = threading.Event()

    def then(connection: Any) -> None:
        cut.wait(PATIENCE)
        kit.reset(connection)

    first = [book(), book(), book(symbol="eth"), book(symbol="AAPL", market="usex")]
    server.routes[BOOKS] = [pushes(kit, *first, then=then), pushes(kit, book(symbol="eth"), book(), book())]
    async with feed_of(server, account, "doge@dcex", "eth@dcex", "AAPL") as feed:
        found = await take(feed, 4)
        cut.set()
        found += await take(feed, 3)
    assert [(update.symbol, update.after_gap) for update in found] == [
        ("doge", True), ("doge", False), ("eth", True), ("AAPL", True), ("eth", True), ("doge", True), ("doge", False),
    ]  # fmt: skip


async def test_books_that_were_not_asked_for_are_ignored(
    kit: Kit, server: RawServer, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    others = [book(symbol="eth"), book(market="usex"), book(symbol="doge@dcex")]
    server.routes[BOOKS] = pushes(kit, *others, book(symbol="DOGE"))
    with caplog.at_level(logging.WARNING, "orderseal.api.stove"):
        async with feed_of(server, account) as feed:
            assert [update.symbol for update in await take(feed, 1)] == ["DOGE"]
            assert feed.counts.ignored == 3
    assert sum("not asked for" in record.getMessage() for record in caplog.records) == 1


async def test_a_slow_consumer(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[BOOKS] = [pushes(kit, *[book()] * 1000), pushes(kit, book())]
    async with feed_of(server, account, options=fast(most_waiting=10)) as feed:
        await until(lambda: feed.counts.overruns == 1)
        found = await take(feed, 11)
    assert [update.after_gap for update in found] == [True, *[False] * 9, True]


async def test_a_refused_token_is_renewed_once(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[BOOKS] = [kit.refusal(401), pushes(kit, DOCUMENTED)]
    async with feed_of(server, account) as feed:
        await take(feed, 1)
    assert account.renewals == [False, True]
    server.routes[BOOKS] = kit.refusal(403, f"{account.token} is bad")
    async with feed_of(server, account) as feed:
        await kit.raises(anext(feed), Unauthorized)


@pytest.mark.parametrize("answer", ["{token}", "jwt, {token}", "x{token}", "chat", "{token}x"])
async def test_a_venue_that_repeats_the_token_shows_it_to_nobody(kit: Kit, server: RawServer, account: Account, answer: str) -> None:
    """The errors of websockets repeat the sub-protocols; none of that may get into a log or an error (the fixture ``watch`` looks)."""
    url = server.url.replace("http", "ws") + BOOKS
    server.routes[BOOKS] = pushes(kit, protocol=answer.format(token=account.token))
    listener = Listener(url, {}, 5.0, subprotocols=("jwt", account.token), what="order book feed")
    if answer == "{token}":
        await listener.open()
        await listener.aclose()
    else:
        await kit.raises(listener.open(), Unreachable)


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a\r\nX: y", "ä", "a/b", "x" * 8193])
def test_subprotocols_that_would_forge_a_header(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Listener("wss://venue.example/", {}, 1.0, subprotocols=("jwt", name))
    assert not name or name not in str(caught.value)


@pytest.mark.parametrize(
    "symbols",
    [
        [], ["doge@"], ["@dcex"], ["doge@nyse"], ["doge@dcex@dcex"], ["a/b"], ["a&types=x"], ["a#b"], ["a?b"], ["a%2fb"], ["a b"], ["a\n"],
        [""], ["ä"], [5], [None], ["../x"], ["x" * 33], "doge@dcex", ["doge@dcex", "DOGE@dcex"], ["AAPL", "AAPL@usex"],
        [f"s{number}" for number in range(101)],
    ],
    ids=lambda symbols: ascii(symbols)[:30],
)  # fmt: skip
def test_symbols_that_would_change_the_query(account: Account, symbols: Any) -> None:
    with pytest.raises(InvalidInput):
        AsyncBookFeed("https://venue.example", symbols, account.jwt)
