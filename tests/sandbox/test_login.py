"""Login and tokens, against the Authorization page."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from eth_account import Account

CONNECT = "/api/v1/makers/connect"
MAKER_ROUTES = [
    ("GET", "/api/v1/makers/profiles"),
    ("POST", "/api/v1/orders"),
    ("GET", "/api/v1/orders"),
    ("GET", "/api/v1/orders/maker/next-nonce"),
    ("POST", "/api/v1/orders/estimate_charge"),
    ("POST", "/api/v1/orders/550e8400-e29b-41d4-a716-446655440000/cancel"),
    ("DELETE", "/api/v1/orders/550e8400-e29b-41d4-a716-446655440000"),
    ("GET", "/api/v1/orders/550e8400-e29b-41d4-a716-446655440000"),
    ("GET", "/api/v1/positions"),
    ("GET", "/api/v1/instruments/token-address"),
]


def payload(jwt: str) -> Any:
    part = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def test_the_documented_login(remote: Any) -> None:
    bot = await remote()
    claims = payload(bot.jwt)
    assert claims.keys() == {"wallet_address", "chain_id", "exp"}
    assert claims["wallet_address"].lower() == bot.address.lower()
    assert claims["chain_id"] == "97"
    assert abs(claims["exp"] - time.time() - 86400) < 60
    profile = await bot.get("/api/v1/makers/profiles")
    assert profile.keys() == {"wallet_address", "username", "email", "avatar_url", "status"}
    assert profile["wallet_address"].lower() == bot.address.lower()
    assert profile["status"] == "active"


async def test_fields_in_any_order_extra_ones_and_any_letter_case_of_the_wallet(local: Any, kit: Any) -> None:
    bot = kit.Bot(await local())
    body = bot.login_body()
    lines = ["Colour: blue: green", *reversed(body["message"].split("\n"))]
    await bot.login(message="\n".join(lines))
    await bot.login(wallet_address=bot.address.lower())
    await bot.login(lines={"Wallet address": bot.address.lower()})


STRANGER = Account.create()
ZERO = "0x" + "0" * 40


@pytest.mark.parametrize("as_200", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signer": STRANGER}, "Invalid signature"),
        ({"signature": "0x" + "12" * 63}, "Invalid signature"),
        ({"signature": "0x"}, "Invalid signature"),
        ({"signature": "hello"}, "Invalid signature"),
        ({"signature": "0x" + "00" * 65}, "Invalid signature"),
        ({"lines": {"Wallet address": ZERO}}, "Invalid signature"),
        ({"wallet_address": STRANGER.address}, "Invalid signature"),
        ({"message": "\ud800", "signature": "0x", "signer": None}, "Invalid message format"),
        ({"message": "hello"}, "Invalid message format"),
        ({"message": ""}, "Invalid message format"),
        ({"lines": {"Nonce": None}}, "Invalid message format"),
        ({"lines": {"Nonce": ""}}, "Invalid message format"),
        ({"lines": {"Timestamp": None}}, "Invalid message format"),
        ({"lines": {"ChainId": None}}, "Invalid message format"),
        ({"lines": {"Wallet address": None}}, "Invalid message format"),
        ({"lines": {"Timestamp": "yesterday"}}, "Invalid message format"),
        ({"lines": {"Timestamp": "2025-02-30T00:00:00Z"}}, "Invalid message format"),
        ({"wallet_address": "0x1234"}, "Invalid wallet address"),
        ({"lines": {"Wallet address": "me"}}, "Invalid wallet address"),
        ({"chain_id": "56"}, "Chain ID mismatch"),
        ({"lines": {"ChainId": "56"}}, "Chain ID mismatch"),
        ({"lines": {"Timestamp": "2020-01-01T00:00:00Z"}}, "Timestamp expired"),
        ({"lines": {"Timestamp": "2099-01-01T00:00:00Z"}}, "Timestamp expired"),
    ],
)
async def test_documented_refusals_word_for_word(local: Any, kit: Any, as_200: bool, changes: dict[str, Any], message: str) -> None:
    bot = kit.Bot(await local(seed=kit.seed_where(errors_as_http_200=as_200)))
    changes = dict(changes)
    if changes.get("signer", ...) is None:
        body = bot.login_body() | {name: value for name, value in changes.items() if name != "signer"}
    else:
        body = bot.login_body(**changes)
    reply = await bot.client.post(CONNECT, content=json.dumps(body), headers={"content-type": "application/json"})
    assert reply.json() == {"code": 400, "message": message}
    assert reply.status_code == (200 if as_200 else 400)
    assert "date" in reply.headers


async def test_a_login_cannot_be_replayed_but_a_failed_one_burns_nothing(local: Any, kit: Any) -> None:
    client = await local()
    bot = kit.Bot(client)
    body = bot.login_body()
    spoiled = await client.post(CONNECT, json=body | {"signature": "0x" + "11" * 65})
    assert spoiled.json()["message"] == "Invalid signature"
    bot.data(await client.post(CONNECT, json=body))
    assert (await client.post(CONNECT, json=body)).json() == {"code": 400, "message": "Nonce already used"}


@pytest.mark.parametrize("distance", [-300, 300])
async def test_the_timestamp_window_is_five_minutes_each_way(local: Any, kit: Any, clock: Any, distance: int) -> None:
    bot = kit.Bot(await local())
    now = 1_800_000_000
    await clock(bot.client, frozen_at=now)
    await bot.login(at=now + distance)
    beyond = bot.login_body(at=now + distance + (1 if distance > 0 else -1))
    assert (await bot.client.post(CONNECT, json=beyond)).json() == {"code": 400, "message": "Timestamp expired"}


@pytest.mark.parametrize("accepted", [False, True])
async def test_fractional_seconds_are_a_choice_of_the_run(local: Any, kit: Any, accepted: bool) -> None:
    bot = kit.Bot(await local(seed=kit.seed_where(fractional_login_seconds=accepted)))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.123Z", time.gmtime())
    reply = await bot.client.post(CONNECT, json=bot.login_body(lines={"Timestamp": stamp}))
    assert reply.json()["code"] == (0 if accepted else 400)


@pytest.mark.parametrize("name", ["wallet_address", "chain_id", "message", "signature"])
@pytest.mark.parametrize("value", [..., None, 97, True, ["x"], {}])
async def test_each_login_field_must_be_a_string(local: Any, kit: Any, name: str, value: Any) -> None:
    bot = kit.Bot(await local())
    body: dict[str, Any] = dict(bot.login_body())
    if value is ...:
        del body[name]
    else:
        body[name] = value
    refusal = bot.refusal(await bot.client.post(CONNECT, json=body))
    assert name in refusal["details"]


@pytest.mark.parametrize(("method", "path"), MAKER_ROUTES)
async def test_every_maker_route_wants_a_good_token(local: Any, local_bot: Any, clock: Any, method: str, path: str) -> None:
    bot = await local_bot(jwt_lifetime=1000)
    head, claims, seal = bot.jwt.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    other = await local_bot()
    bad = ["", "x", "..", f"{head}.{claims}.", f"{none}.{claims}.", f"{none}.{claims}.{seal}", f"{head}.{claims}x.{seal}", other.jwt]
    for header in [{}, {"Authorization": bot.jwt}, {"Authorization": f"Basic {bot.jwt}"}, *({"Authorization": f"Bearer {x}"} for x in bad)]:
        reply = await bot.client.request(method, path, headers=header)
        assert reply.json() == {"code": 401, "message": "Invalid token"}, header
        assert reply.status_code in (200, 401)
    await clock(bot.client, offset_seconds=1001)
    reply = await bot.client.request(method, path, headers=bot.headers)
    assert reply.json() == {"code": 401, "message": "Token expired"}


async def test_a_token_lives_as_long_as_it_says(local_bot: Any, clock: Any) -> None:
    bot = await local_bot(jwt_lifetime=50)
    expiry = payload(bot.jwt)["exp"]
    await clock(bot.client, frozen_at=expiry - 1)
    await bot.nonce()
    await clock(bot.client, frozen_at=expiry)
    reply = await bot.client.get("/api/v1/orders", headers=bot.headers)
    assert reply.json() == {"code": 401, "message": "Token expired"}


async def test_revoking_ends_every_token_and_a_new_login_works(local_bot: Any) -> None:
    bot = await local_bot()
    await bot.client.post("/sandbox/revoke-tokens")
    reply = await bot.client.get("/api/v1/orders", headers=bot.headers)
    assert reply.json() == {"code": 401, "message": "Invalid token"}
    await bot.login()
    await bot.nonce()
