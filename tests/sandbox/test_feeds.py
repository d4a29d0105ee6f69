"""The takers' WebSocket and that of the order books, against the venue's push pages; and what can be wrong with any feed."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = pytest.mark.once

NANOSECONDS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z")


def books(url: str, bot: Any, symbols: str, **options: Any) -> Any:
    options.setdefault("subprotocols", ["jwt", bot.jwt])
    return websockets.connect(f"ws{url.removeprefix('http')}/ws/orderbooks/v1?symbols={symbols}", proxy=None, **options)


async def status_of_refusal(connecting: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        async with connecting:
            pass
    return caught.value.response.status_code, json.loads(caught.value.response.body)


async def until_volume(socket: Any, side: str, price: float, volume: float, patience: float) -> Any:
    async with asyncio.timeout(patience):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == "orderbook_update" and {"price": price, "volume": volume} in message["data"][side]:
                return message


async def read_for_ever(socket: Any) -> None:
    while True:
        await socket.recv()


async def until_closed(socket: Any, patience: float) -> None:
    async with asyncio.timeout(patience):
        with pytest.raises(ConnectionClosed):
            await read_for_ever(socket)


async def test_takers_see_every_order_and_who_holds_it(at: Any, kit: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    taker, other = await kit.make_taker(bot.client), await kit.make_taker(bot.client)
    async with taker.listen(manual_server.url) as mine, other.listen(manual_server.url) as theirs:
        order_hash = (await bot.create(100))["order_hash"]
        for socket in (mine, theirs):
            new = await kit.next_of(socket, "order_status_change", order_hash=order_hash)
            assert (new["data"]["from_status"], new["data"]["to_status"]) == (None, "pending")
            assert new["data"].get("taker") is None
        locked = await taker.lock(order_hash)
        for socket in (mine, theirs):
            change = await kit.next_of(socket, "order_status_change", order_hash=order_hash)
            assert change.keys() == {"type", "timestamp", "data"}
            assert (change["data"]["from_status"], change["data"]["to_status"]) == ("pending", "locked")
            assert change["data"]["taker"] == locked["locked_by"]
            assert change["data"]["metadata"]["expires_at"] == locked["expires_at"]
            assert change["data"]["metadata"].keys() == {"taker_address", "expires_at", "lock_id"}


async def test_a_fill_carries_the_hash_of_its_transaction(at: Any, kit: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    taker, created = await kit.make_taker(bot.client), await bot.create(100)
    names = ("maker", "principal", "is_buy", "ticker", "exchange", "asset", "price", "quantity", "incentive", "deadline", "nonce")
    body = {"order": {name: created[name] for name in names}, "signature": created["signature"], "taker_incentive": "0"}
    async with taker.listen(manual_server.url) as socket, bot.listen(manual_server.url) as makers:
        await taker.lock(created["order_hash"])
        first = await taker.good("fill", **body, fill_quantity="60")
        last = await taker.good("fill", **body, fill_quantity="40")
        for who in (socket, makers):
            part = await kit.next_of(who, "order_status_change", order_hash=created["order_hash"], to_status="partially_filled")
            assert part["data"]["metadata"]["blockchain_tx_hash"] == first["tx_hash"]
            done = await kit.next_of(who, "order_status_change", order_hash=created["order_hash"])
            assert (done["data"]["from_status"], done["data"]["to_status"]) == ("partially_filled", "filled")
            assert done["data"]["metadata"]["blockchain_tx_hash"] == last["tx_hash"]
            assert ("taker" in done["data"]) is (who is socket)


async def test_types_and_heartbeats_of_takers(at: Any, kit: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    taker = await kit.make_taker(bot.client)
    async with taker.listen(manual_server.url, "cancellation_request") as socket:
        await bot.create(100)
        async with asyncio.timeout(kit.PATIENCE):
            beats = [json.loads(await socket.recv()) for _ in range(2)]
    assert [beat.keys() for beat in beats] == [{"type", "timestamp"}] * 2
    assert {beat["type"] for beat in beats} == {"heartbeat"}
    assert all(isinstance(beat["timestamp"], int) and abs(beat["timestamp"] / 1000 - time.time()) < 60 for beat in beats)


@pytest.mark.parametrize("signed", [False, True])
async def test_a_handshake_with_the_key_alone_is_enough_in_some_runs(kit: Any, at: Any, signed: bool) -> None:
    from orderseal.sandbox import Sandbox, Settings

    with Sandbox(Settings(seed=kit.seed_where(taker_stream_signed=signed), heartbeat_interval=0.05)) as sandbox:
        taker = await kit.make_taker((await at(sandbox)).client)
        url = f"ws{sandbox.url.removeprefix('http')}/ws/taker/v1?types=order_status_change"
        plain = websockets.connect(url, proxy=None, additional_headers={"X-API-Key": taker.key})
        if signed:
            assert await status_of_refusal(plain) == (401, {"code": 10010012, "message": "Missing required header"})
        else:
            async with plain as socket, asyncio.timeout(kit.PATIENCE):
                assert json.loads(await socket.recv())["type"] == "heartbeat"
        wrong = taker.headers("GET", "/ws/taker/v1", b"types=heartbeat")
        refused = await status_of_refusal(websockets.connect(url, proxy=None, additional_headers=wrong))
        assert refused == (401, {"code": 10010008, "message": "Signature verification failed"})
        unknown = await status_of_refusal(websockets.connect(url, proxy=None, additional_headers={"X-API-Key": "nobody"}))
        assert unknown[0] == 401


async def test_a_bad_subscription_is_refused_with_an_envelope(at: Any, kit: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    taker = await kit.make_taker(bot.client)
    for types in ("", "prices", "order_status_change,"):
        status, body = await status_of_refusal(taker.listen(manual_server.url, types))
        assert (status, body["code"] > 0) == (400, True), types
    for symbols in ("", "doge@dcex", "0700@hkex", "NOPE@usex", "aapl//tsla"):
        status, body = await status_of_refusal(books(manual_server.url, bot, symbols))
        assert (status, body["code"] > 0) == (400, True), symbols
    for options in ({"subprotocols": ["jwt", "x.y.z"]}, {"subprotocols": None}):
        status, body = await status_of_refusal(books(manual_server.url, bot, "aapl", **options))
        assert (status, body) == (401, {"code": 401, "message": "Invalid token"})


async def test_the_order_book_is_pushed_in_numbers(kit: Any, at: Any) -> None:
    from orderseal.sandbox import Sandbox, Settings

    with Sandbox(Settings(takers="manual", heartbeat_interval=0.1)) as sandbox:
        bot = await at(sandbox)
        async with books(sandbox.url, bot, "aapl@usex/TSLA") as socket:
            assert socket.subprotocol == "jwt"
            async with asyncio.timeout(kit.PATIENCE):
                empty = [json.loads(await socket.recv()) for _ in range(2)]
            assert [book["data"]["symbol"].upper() for book in empty] == ["AAPL", "TSLA"]
            assert [(book["data"]["bid"], book["data"]["ask"]) for book in empty] == [([], []), ([], [])]
            await bot.create(100, price="150200000000000000000")
            await bot.create(50, price="150200000000000000000")
            sell = await bot.create(7, price="150250000000000000000", is_buy=False)
            book = await until_volume(socket, "ask", 150.25, 7.0, kit.PATIENCE)
            assert book.keys() == {"type", "timestamp", "data"}
            assert book["data"].keys() == {"symbol", "market", "bid", "ask", "time"}
            assert book["data"]["market"] == "usex"
            assert book["data"]["bid"] == [{"price": 150.2, "volume": 150.0}]
            assert all(isinstance(number, float) for number in book["data"]["bid"][0].values())
            assert NANOSECONDS.fullmatch(book["timestamp"])
            assert NANOSECONDS.fullmatch(book["data"]["time"])
            taker = await kit.make_taker(bot.client)
            await taker.lock(sell["order_hash"])
            async with asyncio.timeout(kit.PATIENCE):
                while (message := json.loads(await socket.recv()))["type"] != "orderbook_update" or message["data"]["ask"]:
                    pass
                while (message := json.loads(await socket.recv()))["type"] != "heartbeat":
                    pass
            assert isinstance(message["timestamp"], int)
        public = (await bot.client.get("/api/v1/tickers/AAPL/orderbooks?exchange=0")).json()["data"]
        assert public["bid"] == [{"price": "150.2", "volume": "150"}]


async def test_all_feeds_can_be_dropped(at: Any, kit: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    taker = await kit.make_taker(bot.client)
    async with taker.listen(manual_server.url) as one, books(manual_server.url, bot, "aapl") as two, bot.listen(manual_server.url) as three:
        assert (await bot.client.post("/sandbox/drop-sockets")).json()["closed"] >= 3
        for socket in (one, two, three):
            await until_closed(socket, kit.PATIENCE)


@pytest.mark.parametrize("lose", [False, True])
async def test_all_feeds_can_fall_silent(kit: Any, at: Any, lose: bool) -> None:
    from orderseal.sandbox import Sandbox, Settings

    with Sandbox(Settings(takers="manual", heartbeat_interval=0.02)) as sandbox:
        bot = await at(sandbox)
        taker = await kit.make_taker(bot.client)
        async with taker.listen(sandbox.url) as one, books(sandbox.url, bot, "aapl") as two, bot.listen(sandbox.url) as three:
            for socket in (one, two, three):
                async with asyncio.timeout(kit.PATIENCE):
                    while json.loads(await socket.recv())["type"] != "heartbeat":
                        pass
            sandbox.silence(3600, lose=lose)
            hidden = await bot.create(100)
            await taker.lock(hidden["order_hash"])
            for socket in (one, two, three):
                heard: list[str] = []
                # What was on its way when the silence began may still arrive; then nothing does, although much has happened.
                while not (heard and heard[-1] == "nothing"):
                    try:
                        heard.append(await asyncio.wait_for(socket.recv(), 0.5))
                    except TimeoutError:
                        heard.append("nothing")
                assert not any(hidden["order_hash"] in text or "orderbook_update" in text for text in heard)
            sandbox.silence(0)
            seen = await bot.create(50)
            change = await kit.next_of(three, "order_status_change")
            assert change["data"]["order_hash"] == (seen if lose else hidden)["order_hash"]


async def test_a_silent_feed_can_still_be_dropped(kit: Any, at: Any) -> None:
    from orderseal.sandbox import Sandbox, Settings

    with Sandbox(Settings(takers="manual")) as sandbox:
        bot = await at(sandbox)
        async with bot.listen(sandbox.url) as socket:
            sandbox.silence(3600)
            await bot.create(100)
            sandbox.drop()
            await until_closed(socket, kit.PATIENCE)
