"""The maker WebSocket, against the "Order Status Event Push" page."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus


async def next_of(socket: Any, kind: str, patience: float) -> Any:
    async with asyncio.timeout(patience):
        while (message := json.loads(await socket.recv()))["type"] != kind:
            pass
    return message


async def read_for_ever(socket: Any) -> None:
    while True:
        await socket.recv()


async def test_heartbeats_carry_epoch_milliseconds(remote: Any, server: Any, kit: Any) -> None:
    bot = await remote()
    async with bot.listen(server.url) as socket:
        first = await next_of(socket, "heartbeat", kit.PATIENCE)
        second = await next_of(socket, "heartbeat", kit.PATIENCE)
    assert first.keys() == {"type", "timestamp"}
    assert isinstance(first["timestamp"], int)
    assert abs(first["timestamp"] / 1000 - time.time()) < 60
    assert second["timestamp"] > first["timestamp"]


async def test_browsers_send_the_token_as_a_sub_protocol(remote: Any, server: Any, kit: Any) -> None:
    bot = await remote()
    async with bot.listen(server.url, additional_headers={}, subprotocols=["jwt", bot.jwt]) as socket:
        assert socket.subprotocol == "jwt"
        created = await bot.create(6)
        await kit.read_changes(socket, created["order_hash"], "filled")


async def test_a_maker_sees_only_its_own_orders_on_each_of_its_sockets(remote: Any, server: Any, kit: Any) -> None:
    bot, other = await remote(), await remote()
    async with bot.listen(server.url) as one, bot.listen(server.url) as two, other.listen(server.url) as three:
        mine, theirs = await bot.create(6), await other.create(6)
        seen: list[Any] = []
        async with asyncio.timeout(kit.PATIENCE):
            while not seen or seen[-1]["data"]["to_status"] != "filled":
                message = json.loads(await three.recv())
                if message["type"] == "order_status_change":
                    seen.append(message)
        assert {message["data"]["order_hash"] for message in seen} == {theirs["order_hash"]}
        assert await kit.read_changes(one, mine["order_hash"], "filled") == await kit.read_changes(two, mine["order_hash"], "filled")


async def test_types_choose_what_is_pushed(remote: Any, server: Any, kit: Any) -> None:
    bot = await remote()
    async with bot.listen(server.url, types="heartbeat") as quiet, bot.listen(server.url, types="order_status_change,heartbeat") as full:
        created = await bot.create(5)
        await kit.read_changes(full, created["order_hash"], "cancelled")
        for _ in range(2):
            async with asyncio.timeout(kit.PATIENCE):
                assert json.loads(await quiet.recv())["type"] == "heartbeat"


@pytest.mark.parametrize(
    ("options", "types", "status"),
    [
        ({"additional_headers": {}}, "order_status_change", 401),
        ({"additional_headers": {"Authorization": "Bearer x"}}, "order_status_change", 401),
        ({"additional_headers": {}, "subprotocols": ["jwt", "x.y.z"]}, "order_status_change", 401),
        ({"additional_headers": {}, "subprotocols": ["jwt"]}, "order_status_change", 401),
        ({}, "", 400),
        ({}, "prices", 400),
        ({}, "order_status_change,", 400),
    ],
)
async def test_a_bad_handshake_is_refused_with_an_envelope(
    remote: Any, server: Any, options: dict[str, Any], types: str, status: int
) -> None:
    bot = await remote()
    with pytest.raises(InvalidStatus) as caught:
        async with bot.listen(server.url, types, **options):
            pass
    response = caught.value.response
    assert response.status_code == status
    assert json.loads(response.body)["code"] > 0
    if status == 401:
        assert json.loads(response.body) == {"code": 401, "message": "Invalid token"}


async def test_other_sockets_are_refused(server: Any) -> None:
    with pytest.raises(InvalidStatus):
        async with websockets.connect(f"ws{server.url.removeprefix('http')}/ws/nowhere", proxy=None):
            pass


async def test_incoming_messages_are_ignored(remote: Any, server: Any, kit: Any) -> None:
    bot = await remote()
    async with bot.listen(server.url) as socket:
        for message in ("hello", b"\xff\xfe", "{" * 1000, ""):
            await socket.send(message)
        created = await bot.create(5)
        await kit.read_changes(socket, created["order_hash"], "cancelled")


async def test_an_oversized_message_closes_only_that_socket(remote: Any, server: Any, kit: Any) -> None:
    bot = await remote()
    async with bot.listen(server.url) as socket, bot.listen(server.url) as other:
        await socket.send("x" * 200_000)
        async with asyncio.timeout(kit.PATIENCE):
            with pytest.raises(ConnectionClosed):
                await read_for_ever(socket)
        created = await bot.create(5)
        await kit.read_changes(other, created["order_hash"], "cancelled")


async def test_sockets_can_be_dropped_and_opened_again(remote: Any, server: Any, kit: Any) -> None:
    bot = await remote()
    async with bot.listen(server.url) as socket:
        assert (await bot.client.post("/sandbox/drop-sockets")).json()["closed"] >= 1
        async with asyncio.timeout(kit.PATIENCE):
            with pytest.raises(ConnectionClosed):
                await read_for_ever(socket)
    async with bot.listen(server.url) as socket:
        created = await bot.create(5)
        await kit.read_changes(socket, created["order_hash"], "cancelled")


async def test_revoked_tokens_close_their_sockets(remote: Any, server: Any, kit: Any) -> None:
    bot = await remote()
    async with bot.listen(server.url) as socket:
        await bot.client.post("/sandbox/revoke-tokens")
        async with asyncio.timeout(kit.PATIENCE):
            with pytest.raises(ConnectionClosed):
                await read_for_ever(socket)
    with pytest.raises(InvalidStatus):
        async with bot.listen(server.url):
            pass
