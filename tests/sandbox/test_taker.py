"""The taker interface against the venue's taker pages: signed requests, locks, fills, cancellation requests and queries."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import pytest

pytestmark = pytest.mark.once

SIGNATURE_FAILED, KEY_NOT_FOUND, KEY_EXPIRED, TIMESTAMP_EXPIRED, HEADER_MISSING = 10010008, 10010009, 10010010, 10010011, 10010012
SECRET = "sandbox-secret-of-the-example-0001"
EXAMPLE = b'{"order_hash":"0x1234..."}'
EXAMPLE_AT = 1746774142003
# printf '%s' 'POST|/api/v1/orders/lock|1746774142003|{"order_hash":"0x1234..."}' | openssl dgst -sha256 -hmac SECRET -binary | base64
EXAMPLE_SIGNATURE = "b3dAPZLwRMMz/iLW953UsFMCJmdXt0tOxgc56xTxlNI="


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def a_pair(at: Any, kit: Any, server: Any, quantity: int = 100, **changes: Any) -> tuple[Any, Any, Any]:
    """A maker with a fresh order, and a taker."""
    bot = await at(server)
    return bot, await bot.create(quantity, **changes), await kit.make_taker(bot.client)


async def a_local_pair(local_bot: Any, kit: Any, quantity: int = 100, **settings: Any) -> tuple[Any, Any, Any]:
    bot = await local_bot(takers="manual", **settings)
    return bot, await bot.create(quantity), await kit.make_taker(bot.client)


def fill_body(bot: Any, created: dict[str, Any], fill_quantity: str, taker_incentive: str) -> dict[str, Any]:
    names = ("maker", "principal", "is_buy", "ticker", "exchange", "asset", "price", "quantity", "incentive", "deadline", "nonce")
    order = {name: created[name] for name in names}
    return {"order": order, "signature": created["signature"], "fill_quantity": fill_quantity, "taker_incentive": taker_incentive}


async def test_the_documented_string_is_what_is_signed(local: Any, clock: Any) -> None:
    client = await local(taker_key="key-of-the-example", taker_secret=SECRET)
    await clock(client, frozen_at=EXAMPLE_AT / 1000)
    headers = {"X-API-Key": "key-of-the-example", "X-API-Timestamp": str(EXAMPLE_AT), "Content-Type": "application/json"}
    good = await client.post("/api/v1/orders/lock", content=EXAMPLE, headers=headers | {"X-API-Signature": EXAMPLE_SIGNATURE})
    # Past the signature the sample is refused, since the page leaves the taker's address out of it.
    assert good.json()["code"] not in (0, SIGNATURE_FAILED)
    assert "taker_address" in good.json()["details"]
    bad = await client.post("/api/v1/orders/unlock", content=EXAMPLE, headers=headers | {"X-API-Signature": EXAMPLE_SIGNATURE})
    assert bad.json() == {"code": SIGNATURE_FAILED, "message": "Signature verification failed"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"X_API_Key": ""}, HEADER_MISSING),
        ({"X_API_Timestamp": ""}, HEADER_MISSING),
        ({"X_API_Signature": ""}, HEADER_MISSING),
        ({"X_API_Key": "0" * 32}, KEY_NOT_FOUND),
        ({"X_API_Timestamp": "yesterday"}, TIMESTAMP_EXPIRED),
        ({"X_API_Timestamp": "1746774142003"}, TIMESTAMP_EXPIRED),
        ({"X_API_Signature": "AAAA"}, SIGNATURE_FAILED),
        ({"X_API_Signature": "\u00ff"}, SIGNATURE_FAILED),
    ],
)
async def test_an_unsigned_request_is_refused_with_the_documented_code(
    at: Any, kit: Any, manual_server: Any, changes: dict[str, Any], code: int
) -> None:
    taker = await kit.make_taker((await at(manual_server)).client)
    changes = {name: value if value.isascii() else value.encode("latin-1") for name, value in changes.items()}
    reply = await taker.send("GET", "/api/v1/orders/available", **changes)
    assert reply.json()["code"] == code
    assert reply.status_code in (200, 401)
    assert reply.json().keys() == {"code", "message"}


@pytest.mark.parametrize(("skew", "good"), [(-300, True), (300, True), (-301, False), (301, False)])
async def test_a_timestamp_may_be_off_by_five_minutes(local: Any, clock: Any, kit: Any, skew: float, good: bool) -> None:
    client = await local()
    taker = await kit.make_taker(client, first=True)
    now = int(time.time())
    await clock(client, frozen_at=now)
    taker.now = now + skew
    code = (await taker.send("GET", "/api/v1/orders/available")).json()["code"]
    assert code == (0 if good else TIMESTAMP_EXPIRED)


async def test_a_key_may_expire_and_the_secret_is_shown_by_the_control_alone(local: Any, kit: Any) -> None:
    client = await local()
    taker = await kit.make_taker(client, first=True)
    assert taker.secret not in (await client.get("/sandbox/run")).text
    await client.post("/sandbox/takers/expire", json={"taker_key": taker.key})
    assert (await taker.send("GET", "/api/v1/orders/available")).json() == {"code": KEY_EXPIRED, "message": "API key expired"}
    assert await (await kit.make_taker(client)).get("orders/available") == []
    assert (await client.post("/sandbox/takers/expire", json={"taker_key": "nobody"})).json()["code"] == KEY_NOT_FOUND


async def test_a_maker_cannot_use_the_taker_interface(at: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    reply = await bot.client.get("/api/v1/orders/available", headers=bot.headers)
    assert reply.json()["code"] == HEADER_MISSING


async def test_an_order_is_validated_without_being_created(at: Any, kit: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    taker, nonce = await kit.make_taker(bot.client), await bot.nonce()
    order = bot.order(nonce)
    good = await taker.good("validate", order=order, signature=bot.sign(order))
    assert (good["valid"], good["errors"]) == (True, [])
    assert good["nonce_valid"] is good["signature_valid"] is good["not_expired"] is True
    created = bot.data(await bot.post("/api/v1/orders", {"order": order, "signature": bot.sign(order)}))
    assert good["order_hash"] == created["order_hash"]
    other = bot.order(nonce, deadline=int(time.time()) - 10)
    bad = await taker.good("validate", order=other, signature=bot.sign(order))
    assert (bad["valid"], bad["nonce_valid"], bad["signature_valid"], bad["not_expired"]) == (False, False, False, False)
    assert len(bad["errors"]) == 3
    assert (await taker.good("validate", order=order, signature=bot.sign(order)))["valid"] is True


async def test_a_lock_lasts_an_hour_and_belongs_to_one_taker(at: Any, kit: Any, manual_server: Any) -> None:
    bot, created, taker = await a_pair(at, kit, manual_server)
    other = await kit.make_taker(bot.client)
    order_hash = created["order_hash"]
    locked = await taker.lock(order_hash)
    assert (locked["success"], locked["order_hash"], locked["locked_by"].lower()) == (True, order_hash, taker.address.lower())
    assert moment(locked["expires_at"]) - moment(locked["locked_at"]) == 3600
    assert (await bot.look(created["id"]))["status"] == "locked"
    for who in (taker, other):
        await who.code("lock", order_hash=order_hash, taker_address=who.address)
    await other.code("unlock", order_hash=order_hash)
    await other.code("fill", **fill_body(bot, created, "1", "0"))
    assert order_hash not in {item["order_hash"] for item in await other.get("orders/available")}
    unlocked = await taker.good("unlock", order_hash=order_hash)
    assert unlocked == {"success": True, "order_hash": order_hash, "message": "Order unlocked successfully"}
    assert (await bot.look(created["id"]))["status"] == "pending"
    await taker.code("unlock", order_hash=order_hash)
    await other.lock(order_hash)


async def test_of_concurrent_locks_exactly_one_is_given(at: Any, kit: Any, manual_server: Any) -> None:
    bot, created, _ = await a_pair(at, kit, manual_server)
    takers = [await kit.make_taker(bot.client) for _ in range(6)]
    body = {"order_hash": created["order_hash"]}
    replies = await asyncio.gather(*(taker.post("lock", **body, taker_address=taker.address) for taker in takers))
    assert sorted(reply.json()["code"] == 0 for reply in replies) == [False] * 5 + [True]


async def test_a_lock_ends_by_itself(local_bot: Any, kit: Any, clock: Any) -> None:
    bot, created, taker = await a_local_pair(local_bot, kit)
    now = taker.now = int(time.time())
    await clock(bot.client, frozen_at=now)
    locked = await taker.lock(created["order_hash"], lock_duration=300)
    assert moment(locked["expires_at"]) - moment(locked["locked_at"]) == 300
    await clock(bot.client, frozen_at=now + 299)
    assert (await bot.look(created["id"]))["status"] == "locked"
    await clock(bot.client, frozen_at=now + 300)
    assert (await bot.look(created["id"]))["status"] == "pending"
    await taker.code("fill", **fill_body(bot, created, "1", "0"))


async def test_a_lock_ends_although_nobody_asks(at: Any, kit: Any, manual_server: Any) -> None:
    bot, created, taker = await a_pair(at, kit, manual_server)
    async with bot.listen(manual_server.url) as socket:
        await taker.lock(created["order_hash"], lock_duration=1)
        await kit.next_of(socket, "order_status_change", order_hash=created["order_hash"], to_status="locked")
        freed = await kit.next_of(socket, "order_status_change", order_hash=created["order_hash"])
        assert (freed["data"]["from_status"], freed["data"]["to_status"]) == ("locked", "pending")


@pytest.mark.parametrize("total", [False, True])
async def test_part_fills_follow_the_documented_example(local_bot: Any, kit: Any, total: bool) -> None:
    seed = kit.seed_where(fill_reply="all_fills" if total else "this_fill", errors_as_http_200=False)
    bot = await local_bot(takers="manual", seed=seed)
    created = await bot.create(100, price="150250000000000000000", incentive="1000000000000000000")
    taker = await kit.make_taker(bot.client)
    first = fill_body(bot, created, "50", "500000000000000000")
    await taker.code("fill", **first)
    await taker.lock(created["order_hash"])
    filled = await taker.good("fill", **first)
    assert filled["success"] is True
    assert (filled["filled_quantity"], filled["filled_amount"]) == ("50", "7512500000000000000000")
    assert filled["fee_amount"] == filled["incentive_amount"] == "500000000000000000"
    assert (filled["order_hash"], filled["status"]) == (created["order_hash"], "partially_filled")
    for quantity, incentive in (("51", "0"), ("0", "0"), ("1", "500000000000000001")):
        await taker.code("fill", **fill_body(bot, created, quantity, incentive))
    rest = await taker.good("fill", **fill_body(bot, created, "50", "400000000000000000"))
    assert rest["status"] == "filled"
    assert rest["filled_quantity"] == ("100" if total else "50")
    order = await bot.look(created["id"])
    assert (order["status"], order["filled_quantity"]) == ("filled", "100")
    assert [fill["tx_hash"] for fill in order["fills"]] == [filled["tx_hash"], rest["tx_hash"]]
    await taker.code("fill", **fill_body(bot, created, "1", "0"))
    await taker.code("unlock", order_hash=created["order_hash"])


async def test_a_fill_needs_the_very_order_and_its_makers_signature(at: Any, kit: Any, manual_server: Any) -> None:
    bot, created, taker = await a_pair(at, kit, manual_server)
    await taker.lock(created["order_hash"])
    body = fill_body(bot, created, "10", "0")
    await taker.code("fill", **(body | {"signature": "0x" + "11" * 65}))
    await taker.code("fill", **(body | {"order": body["order"] | {"price": "1"}}))
    cheaper = body["order"] | {"price": "1"}
    await taker.code("fill", **(body | {"order": cheaper, "signature": bot.sign(cheaper)}))
    assert (await bot.look(created["id"]))["filled_quantity"] == "0"
    await taker.good("fill", **body)


@pytest.mark.parametrize("short", [False, True])
async def test_the_samples_short_body_is_taken_in_some_runs(local_bot: Any, kit: Any, short: bool) -> None:
    bot, created, taker = await a_local_pair(local_bot, kit, seed=kit.seed_where(short_fill_body=short))
    await taker.lock(created["order_hash"])
    reply = await taker.post("fill", order_hash=created["order_hash"], fill_quantity="100")
    assert (reply.json()["code"] == 0) is short
    assert (await bot.look(created["id"]))["status"] == ("filled" if short else "locked")


@pytest.mark.parametrize(("agreed", "status"), [(True, "cancelled"), (False, "locked")])
async def test_a_cancellation_of_a_locked_order_is_up_to_its_taker(
    at: Any, kit: Any, manual_server: Any, agreed: bool, status: str
) -> None:
    bot, created, taker = await a_pair(at, kit, manual_server)
    other, order_hash = await kit.make_taker(bot.client), created["order_hash"]
    answer = {"order_hash": order_hash, "taker_address": taker.address, "cancellation_success": agreed, "message": "seen"}
    async with taker.listen(manual_server.url, "cancellation_request") as socket, other.listen(manual_server.url) as elsewhere:
        await taker.lock(order_hash)
        await taker.code("cancel-result", **answer)
        assert bot.data(await bot.post(f"/api/v1/orders/{created['id']}/cancel", {}))["success"] is True
        asked = await kit.next_of(socket, "cancellation_request")
        assert asked["data"].keys() == {"order_hash", "maker", "reason", "metadata"}
        assert asked["data"]["order_hash"] == order_hash
        assert asked["data"]["maker"].lower() == bot.address.lower()
        assert asked["data"]["reason"] == "user_requested"
        assert asked["data"]["metadata"].keys() == {"request_id", "expires_at"}
        assert moment(asked["data"]["metadata"]["expires_at"]) > moment(asked["timestamp"])
        assert (await bot.look(created["id"]))["status"] == "locked"
        await other.code("cancel-result", **answer)
        recorded = await taker.good("cancel-result", **answer)
        assert recorded == {"success": True, "message": "Cancellation result recorded", "order_hash": order_hash}
        assert (await bot.look(created["id"]))["status"] == status
        await taker.code("cancel-result", **answer)
        await taker.post("unlock", order_hash=order_hash)
        # What another taker hears of this order ends without a request.
        seen = await kit.next_of(elsewhere, "order_status_change", order_hash=order_hash, from_status="locked")
        assert seen["data"]["to_status"] == "pending"


@pytest.mark.parametrize("kept", [False, True])
async def test_a_request_that_nobody_answers_ends_either_way(local_bot: Any, kit: Any, clock: Any, kept: bool) -> None:
    seed = kit.seed_where(unanswered_cancel="kept" if kept else "cancelled")
    bot, created, taker = await a_local_pair(local_bot, kit, seed=seed, cancel_timeout=60)
    now = taker.now = int(time.time())
    await clock(bot.client, frozen_at=now)
    await taker.lock(created["order_hash"])
    await bot.post(f"/api/v1/orders/{created['id']}/cancel", {})
    await clock(bot.client, frozen_at=now + 59)
    assert (await bot.look(created["id"]))["status"] == "locked"
    await clock(bot.client, frozen_at=now + 60)
    assert (await bot.look(created["id"]))["status"] == ("locked" if kept else "cancelled")


async def test_a_waiting_cancellation_takes_effect_when_the_lock_ends(at: Any, kit: Any, manual_server: Any) -> None:
    bot, created, taker = await a_pair(at, kit, manual_server)
    await taker.lock(created["order_hash"])
    await bot.post(f"/api/v1/orders/{created['id']}/cancel", {})
    await taker.good("unlock", order_hash=created["order_hash"])
    assert (await bot.look(created["id"]))["status"] == "cancelled"


async def test_a_taker_may_refuse_to_cancel_a_partly_filled_order(at: Any, kit: Any, manual_server: Any) -> None:
    bot, created, taker = await a_pair(at, kit, manual_server)
    await taker.lock(created["order_hash"])
    await taker.good("fill", **fill_body(bot, created, "40", "0"))
    await bot.post(f"/api/v1/orders/{created['id']}/cancel", {})
    assert (await bot.look(created["id"]))["status"] == "partially_filled"
    answer = {"order_hash": created["order_hash"], "taker_address": taker.address, "cancellation_success": False, "message": ""}
    await taker.good("cancel-result", **answer)
    await taker.good("fill", **fill_body(bot, created, "60", "0"))
    assert (await bot.look(created["id"]))["status"] == "filled"


@pytest.mark.parametrize(("unit", "scale"), [("whole", 1), ("wei", 10**18)])
async def test_the_takers_queries(local_bot: Any, kit: Any, unit: str, scale: int) -> None:
    bot = await local_bot(takers="manual", quantity_unit="varied", seed=kit.seed_where(query_quantity_unit=unit, fills_listed="own"))
    first, second, third = [await bot.create(quantity) for quantity in (100, 3, 7)]
    taker, other = await kit.make_taker(bot.client), await kit.make_taker(bot.client)
    for created in (first, second, third):
        await bot.until(created["id"], "pending")
    available = await taker.get("orders/available")
    assert [item["quantity"] for item in available] == [str(quantity * scale) for quantity in (100, 3, 7)]
    assert available[0].keys() - {"notes"} == first.keys()
    assert (await bot.look(first["id"]))["quantity"] == str(100 * scale)
    await taker.lock(first["order_hash"])
    await taker.lock(second["order_hash"])
    filled = await taker.good("fill", **fill_body(bot, first, "50", "7"))
    page = await taker.get("takers/orders", sort_by="locked_at", sort_order="asc", page_size=1)
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (2, 1, 1, 2)
    (item,) = page["orders"]
    assert (item["order_hash"], item["locked_by"].lower()) == (first["order_hash"], taker.address.lower())
    assert (item["tx_hash"], item["filled_quantity"]) == (filled["tx_hash"], str(50 * scale))
    assert [found["id"] for found in (await taker.get("takers/orders", status="locked"))["orders"]] == [second["id"]]
    assert (await taker.get("takers/orders", created_after="2100-01-01T00:00:00Z"))["total"] == 0
    assert (await other.get("takers/orders"))["total"] == 0
    (fill,) = (await taker.get("orders/filled", order_hash=first["order_hash"]))["fills"]
    assert (fill["tx_hash"], fill["order_id"], fill["order_hash"]) == (filled["tx_hash"], first["id"], first["order_hash"])
    assert (fill["fill_quantity"], fill["fill_amount"], fill["fee_amount"]) == (str(50 * scale), str(50 * int(first["price"])), "7")
    assert (await other.get("orders/filled"))["fills"] == []
    assert (await taker.get("orders/filled", fill_quantity_min=50 * scale + 1))["total"] == 0
    assert (await taker.get("orders/filled", taker=other.address))["total"] == 0


async def test_every_takers_fills_are_listed_in_some_runs(local_bot: Any, kit: Any) -> None:
    bot, created, taker = await a_local_pair(local_bot, kit, seed=kit.seed_where(fills_listed="all"))
    await taker.lock(created["order_hash"])
    await taker.good("fill", **fill_body(bot, created, "50", "7"))
    other = await kit.make_taker(bot.client)
    assert (await other.get("orders/filled"))["total"] == 1
    assert (await other.get("orders/filled", taker=other.address))["total"] == 0


async def test_what_the_engine_leaves_alone_is_for_a_taker(remote: Any, kit: Any, server: Any) -> None:
    bot = await remote()
    taker = await kit.make_taker(bot.client)
    resting, executed = await bot.create(10), await bot.create(6)
    await bot.until(executed["id"], "filled")
    await taker.lock(resting["order_hash"])
    await taker.good("fill", **fill_body(bot, resting, "10", "0"))
    assert (await bot.look(resting["id"]))["status"] == "filled"


async def test_orders_of_all_quantities_wait_for_a_taker(at: Any, kit: Any, manual_server: Any) -> None:
    bot = await at(manual_server)
    created = [await bot.create(quantity) for quantity in range(1, 7)]
    taker = await kit.make_taker(bot.client)
    for order in created:
        await taker.lock(order["order_hash"])
        assert (await bot.look(order["id"]))["status"] == "locked"


@pytest.mark.parametrize("name", ["validate", "lock", "unlock", "fill", "cancel-result"])
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'{"order_hash": 1}', b'{"order": {}}', b"\xff", b'{"order_hash": "0x", "x": 1}'])
async def test_garbage_gives_an_envelope(at: Any, kit: Any, manual_server: Any, name: str, content: bytes) -> None:
    bot = await at(manual_server)
    taker = await kit.make_taker(bot.client)
    bot.refusal(await taker.send("POST", f"/api/v1/orders/{name}", content))


async def test_shares_and_money_of_a_taken_sell(at: Any, kit: Any, manual_server: Any) -> None:
    bot, created, taker = await a_pair(at, kit, manual_server, 30, is_buy=False)
    await taker.lock(created["order_hash"])
    await taker.good("fill", **fill_body(bot, created, "30", "0"))
    (position,) = (await bot.get("/api/v1/positions", ticker="AAPL"))["positions"]
    assert (position["balance"], position["locked_balance"]) == (str(1_000_000 - 30), "0")
