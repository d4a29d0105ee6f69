"""Creating orders, against the "Create Order" and "Order Signature" pages."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

CREATED = {
    "id", "maker", "principal", "is_buy", "ticker", "exchange", "asset", "price", "quantity", "incentive", "deadline", "nonce",
    "signature", "order_hash", "status", "filled_quantity", "created_at", "updated_at",
}  # fmt: skip
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


async def test_a_good_order_is_echoed_with_every_documented_field(remote: Any, kit: Any) -> None:
    bot = await remote()
    order = bot.order(await bot.nonce(), quantity=100, principal="0x" + "ab" * 20)
    signature = bot.sign(order)
    created = bot.data(await bot.post("/api/v1/orders", {"order": order, "signature": signature}))
    assert created.keys() == CREATED
    for name in ("maker", "principal", "asset"):
        assert created[name].lower() == order[name].lower()
    for name in ("is_buy", "ticker", "exchange", "price", "quantity", "incentive", "deadline", "nonce"):
        assert created[name] == order[name], name
    assert created["signature"] == signature
    assert created["status"] == "pending"
    assert created["filled_quantity"] == "0"
    assert re.fullmatch(r"0x[0-9a-f]{64}", created["order_hash"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created["created_at"])
    assert created["created_at"] == created["updated_at"]
    looked = await bot.look(created["id"])
    assert looked.keys() == CREATED | {"notes"}
    assert {**looked, "notes": None} == {**created, "notes": None}


@pytest.mark.parametrize("kind", ["signing_hash", "struct_hash", "salted"])
async def test_the_order_hash_is_one_of_three(local_bot: Any, kit: Any, kind: str) -> None:
    bot = await local_bot(seed=kit.seed_where(order_hash_kind=kind))
    order = bot.order(await bot.nonce())
    message = {("isBuy" if name == "is_buy" else name): value for name, value in order.items()}
    message |= {name: int(order[name]) for name in ("price", "quantity", "incentive")}
    members = "address maker,address principal,bool isBuy,string ticker,uint16 exchange,address asset,uint256 price"
    type_hash = keccak(text=f"Order({members},uint256 quantity,uint256 incentive,uint256 deadline,uint256 nonce)")
    assert type_hash.hex() == "043d6bb5255c8a53a8dd164358b4de5ffb61d13dc332495e185ce15f82cc71b6"
    words = [message[name] for name in ("exchange", "price", "quantity", "incentive", "deadline", "nonce")]
    exchange, *amounts = (value.to_bytes(32) for value in words)
    maker, principal, asset = (bytes(12) + bytes.fromhex(order[name][2:]) for name in ("maker", "principal", "asset"))
    struct_hash = keccak(
        type_hash + maker + principal + (1).to_bytes(32) + keccak(text=order["ticker"]) + exchange + asset + b"".join(amounts)
    )
    separator = bytes.fromhex("2c96112fa55657382cc1ad45aed47deba93d96237d10df18585610c5d362e1ae")
    hashes = {"signing_hash": "0x" + keccak(b"\x19\x01" + separator + struct_hash).hex(), "struct_hash": "0x" + struct_hash.hex()}
    created = bot.data(await bot.post("/api/v1/orders", {"order": order, "signature": bot.sign(order)}))
    if kind == "salted":
        assert created["order_hash"] not in hashes.values()
    else:
        assert created["order_hash"] == hashes[kind]


WRONG: list[tuple[str, list[Any]]] = [
    ("maker", [None, 1, "", "0x12", "0x" + "g" * 40, "12" * 20, "0x" + "00" * 20]),
    ("principal", [None, 1, "", "0x12", "me"]),
    ("is_buy", [None, 0, 1, "true", []]),
    ("ticker", [None, 1, "", "aapl", "DOGE", "AAPL ", "\ud800"]),
    ("exchange", [None, "0", 0.0, False, 1, -1, 2**70]),
    ("asset", [None, "", "0x" + "00" * 19 + "01"]),
    ("price", [None, 1, 1.5, "", "0", "-1", "+1", "1.5", "1e18", "0x10", "01", " 1", "1_0", "NaN", "\u0661", str(2**256), "9" * 5000]),
    ("quantity", [None, 100, "", "0", "-5", "1.0", "1e2", "05", str(2**256)]),
    ("incentive", [None, 1, "", "-1", "1.0", "00"]),
    ("deadline", [None, "4000000000", 4e9, True, 0, -1, 2**63, 10**400]),
    ("nonce", [None, "7", 7.0, True, -1, 2**63]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG for value in values], ids=lambda x: repr(x)[:24])
async def test_a_wrong_field_is_refused(local_bot: Any, name: str, value: Any) -> None:
    bot = await local_bot()
    order = bot.order(await bot.nonce())
    body = {"order": order, "signature": bot.sign(order)}
    bot.refusal(await bot.post("/api/v1/orders", {**body, "order": {**order, name: value}}) if value != "\ud800" else await raw(bot, body))
    missing = {key: item for key, item in order.items() if key != name}
    refusal = bot.refusal(await bot.post("/api/v1/orders", {**body, "order": missing}))
    assert name in refusal["details"]
    assert (await bot.get("/api/v1/orders"))["total"] == 0
    bot.data(await bot.post("/api/v1/orders", body))


async def raw(bot: Any, body: Any) -> Any:
    """Send a lone surrogate, which httpx itself would refuse to encode."""
    import json

    text = json.dumps({**body, "order": {**body["order"], "ticker": "\ud800"}})
    return await bot.client.post("/api/v1/orders", content=text, headers={**bot.headers, "content-type": "application/json"})


async def test_unknown_keys_are_refused(local_bot: Any) -> None:
    bot = await local_bot()
    order = bot.order(await bot.nonce())
    body = {"order": order, "signature": bot.sign(order)}
    bot.refusal(await bot.post("/api/v1/orders", {**body, "comment": "hello"}))
    bot.refusal(await bot.post("/api/v1/orders", {**body, "order": {**order, "salt": 1}}))
    bot.refusal(await bot.post("/api/v1/orders", {"order": order}))
    bot.refusal(await bot.post("/api/v1/orders", {"order": [order], "signature": body["signature"]}))
    bot.data(await bot.post("/api/v1/orders", body))


async def test_any_letter_case_of_an_address_is_the_same_order(local_bot: Any) -> None:
    bot = await local_bot()
    order = bot.order(await bot.nonce())
    lower = {**order, "maker": order["maker"].lower(), "asset": "0x" + order["asset"][2:].upper()}
    bot.data(await bot.post("/api/v1/orders", {"order": lower, "signature": bot.sign(order)}))


async def test_the_maker_must_be_the_wallet_of_the_token(local_bot: Any, kit: Any) -> None:
    bot = await local_bot()
    other = await kit.Bot(bot.client).login()
    order = other.order(await other.nonce())
    bot.refusal(await bot.post("/api/v1/orders", {"order": order, "signature": other.sign(order)}))
    other.data(await other.post("/api/v1/orders", {"order": order, "signature": other.sign(order)}))


def mangled(signature: str) -> dict[str, Any]:
    r, s, v = signature[2:66], signature[66:130], int(signature[130:], 16)
    high = f"{CURVE_ORDER - int(s, 16):064x}"
    return {
        "empty": "",
        "only the prefix": "0x",
        "63 bytes": signature[:-4],
        "66 bytes": signature + "00",
        "64 bytes, compact": signature[:-2],
        "no prefix": signature[2:],
        "not hex": "0x" + "zz" * 65,
        "upper-case prefix": "0X" + signature[2:],
        "spaces": f" {signature} ",
        "high s": f"0x{r}{high}{55 - v:02x}",
        "v 0 or 1": f"0x{r}{s}{v - 27:02x}",
        "v of EIP-155": f"0x{r}{s}{v + 202:02x}",
        "other v": f"0x{r}{s}{55 - v:02x}",
        "zero": "0x" + "00" * 65,
        "r zero": f"0x{'00' * 32}{s}{v:02x}",
        "s zero": f"0x{r}{'00' * 32}{v:02x}",
        "r too large": f"0x{'ff' * 32}{s}{v:02x}",
        "no text": 5,
        "null": None,
        "very long": "0x" + "11" * 20_000,
        "arabic digits": "0x" + "\u0661" * 130,
    }


@pytest.mark.parametrize("name", mangled("0x" + "11" * 64 + "1b"))
async def test_a_malformed_signature_is_refused(local_bot: Any, name: str) -> None:
    bot = await local_bot()
    order = bot.order(await bot.nonce())
    signature = bot.sign(order)
    bot.refusal(await bot.post("/api/v1/orders", {"order": order, "signature": mangled(signature)[name]}))
    bot.data(await bot.post("/api/v1/orders", {"order": order, "signature": signature}))


async def test_a_signature_of_something_else_is_refused(local_bot: Any) -> None:
    bot = await local_bot()
    order = bot.order(await bot.nonce())
    for signature in (
        bot.sign(order, signer=Account.create()),
        bot.sign(order, chain_id=56),
        bot.sign({**order, "quantity": "2"}),
        bot.sign({**order, "is_buy": False}),
        bot.sign({**order, "deadline": order["deadline"] + 1}),
        bot.sign({**order, "principal": "0x" + "00" * 20}),
    ):
        bot.refusal(await bot.post("/api/v1/orders", {"order": order, "signature": signature}))


async def test_the_chain_is_a_parameter(local: Any, kit: Any) -> None:
    bot = kit.Bot(await local(chain_id=56))
    await bot.login(lines={"ChainId": "56"}, chain_id="56")
    order = bot.order(await bot.nonce())
    bot.refusal(await bot.post("/api/v1/orders", {"order": order, "signature": bot.sign(order)}))
    bot.data(await bot.post("/api/v1/orders", {"order": order, "signature": bot.sign(order, chain_id=56)}))


@pytest.mark.parametrize("fraction", [0.0, 0.999])
async def test_the_deadline_boundary_is_exact(local_bot: Any, clock: Any, fraction: float) -> None:
    bot = await local_bot()
    now = int(time.time())
    await clock(bot.client, frozen_at=now + fraction)
    bot.refusal(await bot.submit(deadline=now + 720 * 3600 - 1))
    created = await bot.create(deadline=now + 720 * 3600)
    assert created["deadline"] == now + 720 * 3600


async def test_the_deadline_counts_from_the_venues_clock(local_bot: Any) -> None:
    bot = await local_bot(clock_offset=3600)
    bot.refusal(await bot.submit(deadline=int(time.time()) + 720 * 3600 + 1800))
    await bot.create(deadline=int(time.time()) + 721 * 3600 + 60)


@pytest.mark.parametrize("rule", ["highest_plus_one", "lowest_unused"])
async def test_nonces(local_bot: Any, kit: Any, rule: str) -> None:
    bot = await local_bot(seed=kit.seed_where(next_nonce_rule=rule))
    first = await bot.nonce()
    assert await bot.nonce() == first
    await bot.create(nonce=first)
    bot.refusal(await bot.submit(nonce=first))
    bot.refusal(await bot.submit(nonce=first, ticker="TSLA"))
    assert await bot.nonce() == first + 1
    await bot.create(nonce=first + 2)
    assert await bot.nonce() == (first + 3 if rule == "highest_plus_one" else first + 1)
    await bot.create(nonce=first + 1)
    assert await bot.nonce() == first + 3
    await bot.create(nonce=2**63 - 1)
    if first > 0:
        bot.refusal(await bot.submit(nonce=first - 1))


async def test_a_nonce_belongs_to_one_maker(local_bot: Any, kit: Any) -> None:
    bot = await local_bot()
    nonce = await bot.nonce()
    await bot.create(nonce=nonce)
    other = await kit.Bot(bot.client).login()
    await other.create(nonce=nonce)


async def test_of_concurrent_orders_with_one_nonce_exactly_one_is_accepted(remote: Any) -> None:
    bot = await remote()
    nonce = await bot.nonce()
    replies = await asyncio.gather(*(bot.submit(nonce=nonce, price=str(10**18 + i)) for i in range(20)))
    codes = [reply.json()["code"] for reply in replies]
    assert codes.count(0) == 1
    assert (await bot.get("/api/v1/orders"))["total"] == 1


async def test_concurrent_orders_with_different_nonces_are_all_accepted(remote: Any) -> None:
    bot = await remote()
    first = await bot.nonce()
    replies = await asyncio.gather(*(bot.submit(nonce=first + i) for i in range(20)))
    assert len({bot.data(reply)["id"] for reply in replies}) == 20
    assert await bot.nonce() == first + 20


async def test_funds_are_reserved_spent_and_set_free(local_bot: Any) -> None:
    price, incentive = 10**18, 10**18
    bot = await local_bot(maker_balance=20 * price + 2 * incentive)
    terms = {"price": str(price), "incentive": str(incentive)}
    bot.refusal(await bot.submit(100, **terms))
    first = await bot.create(10, **terms)
    bot.refusal(await bot.submit(11, **terms))
    await bot.client.post(f"/api/v1/orders/{first['id']}/cancel", headers=bot.headers)
    bought = await bot.create(16, **terms)
    await bot.until(bought["id"], "filled")
    bot.refusal(await bot.submit(10, **terms))
    await bot.create(1, **terms)


async def test_shares_cannot_be_sold_twice(local_bot: Any) -> None:
    bot = await local_bot(seed_shares=15)
    bot.refusal(await bot.submit(16, is_buy=False))
    first = await bot.create(10, is_buy=False)
    bot.refusal(await bot.submit(10, is_buy=False))
    position = (await bot.get("/api/v1/positions", ticker="AAPL"))["positions"][0]
    assert (position["balance"], position["locked_balance"], position["available_balance"]) == ("15", "10", "5")
    await bot.client.delete(f"/api/v1/orders/{first['id']}", headers=bot.headers)
    await bot.create(10, is_buy=False)
