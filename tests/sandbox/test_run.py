"""What varies per run, the test-control surface and the settings."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from orderseal.sandbox import Settings
from orderseal.sandbox.variation import draw

CHOICES = {
    "code_style": {"three_digits", "six_digits", "eight_digits"},
    "errors_as_http_200": {False, True},
    "wording": {0, 1, 2},
    "error_details": {False, True},
    "order_hash_kind": {"signing_hash", "struct_hash", "salted"},
    "rejected_as": {"error", "order"},
    "rejection_takes_nonce": {False, True},
    "next_nonce_rule": {"highest_plus_one", "lowest_unused"},
    "address_case": {"checksum", "lower"},
    "fractional_login_seconds": {False, True},
    "large_page_size": {"clamped", "refused"},
    "unlocks_once": {False, True},
    "taker_honours_cancel": {False, True},
    "query_quantity_unit": {"whole", "wei"},
    "unanswered_cancel": {"cancelled", "kept"},
    "short_fill_body": {False, True},
    "fill_reply": {"this_fill", "all_fills"},
    "fills_listed": {"own", "all"},
    "taker_stream_signed": {False, True},
    "no_taker": {"null", "absent"},
    "book_symbol_case": {"upper", "lower"},
}


def test_every_choice_is_made_in_some_run() -> None:
    runs = [draw(random.Random(seed)).describe() for seed in range(200)]
    for name, values in CHOICES.items():
        assert {run[name] for run in runs} == values, name
    assert len({run["first_nonce"] for run in runs}) > 10


async def test_a_seed_fixes_the_run_and_none_draws_a_fresh_one(local: Any) -> None:
    runs = [(await (await local(**settings)).get("/sandbox/run")).json() for settings in ({"seed": 7}, {"seed": 7}, {}, {})]
    assert runs[0] == runs[1]
    assert runs[0]["seed"] == 7
    assert runs[2]["seed"] != runs[3]["seed"]


@pytest.mark.parametrize("style", ["three_digits", "six_digits", "eight_digits"])
async def test_code_styles(local_bot: Any, kit: Any, style: str) -> None:
    bot = await local_bot(seed=kit.seed_where(code_style=style, errors_as_http_200=False))
    nonce = await bot.nonce()
    await bot.create(nonce=nonce)
    reply = await bot.submit(nonce=nonce)
    code = bot.refusal(reply)["code"]
    assert code == {"three_digits": 400, "six_digits": 400_006, "eight_digits": 10_020_006}[style]
    assert reply.status_code == 400


async def test_a_required_field_is_reported_as_in_the_documented_example(local: Any, kit: Any) -> None:
    client = await local(seed=kit.seed_where(code_style="six_digits", wording=0))
    expected = {"code": 400001, "message": "Invalid parameter", "details": "The wallet_address field is required"}
    assert (await client.post("/api/v1/makers/connect", json={})).json() == expected


async def test_http_200_with_a_code(local_bot: Any, kit: Any) -> None:
    bot = await local_bot(seed=kit.seed_where(errors_as_http_200=True))
    reply = await bot.submit(price="0")
    assert reply.status_code == 200
    bot.refusal(reply)


@pytest.mark.parametrize(("case", "change"), [("lower", str.lower), ("checksum", str)])
async def test_address_case(local_bot: Any, kit: Any, case: str, change: Any) -> None:
    bot = await local_bot(seed=kit.seed_where(address_case=case))
    created = await bot.create()
    assert created["maker"] == change(bot.address)
    assert (await bot.get("/api/v1/orders/maker/next-nonce"))["maker"] == change(bot.address)


@pytest.mark.parametrize(("code", "message"), [(429, "Too many requests"), (500, "Internal server error")])
async def test_planned_failures_hit_the_next_requests_only(local_bot: Any, code: int, message: str) -> None:
    bot = await local_bot()
    nonce = await bot.nonce()
    await bot.client.post("/sandbox/fail-next", json={"code": code, "count": 2})
    for _ in range(2):
        reply = await bot.submit(nonce=nonce)
        assert (reply.status_code, reply.json()) == (code, {"code": code, "message": message})
        assert "date" in reply.headers
    assert (await bot.get("/api/v1/orders"))["total"] == 0
    await bot.create(nonce=nonce)


async def test_a_planned_failure_can_lose_the_reply_of_an_order_that_was_accepted(local_bot: Any) -> None:
    bot = await local_bot()
    nonce = await bot.nonce()
    await bot.client.post("/sandbox/fail-next", json={"code": 500, "after": True})
    assert (await bot.submit(nonce=nonce)).status_code == 500
    (order,) = (await bot.get("/api/v1/orders", nonce=nonce))["orders"]
    assert order["maker"].lower() == bot.address.lower()
    bot.refusal(await bot.submit(nonce=nonce))


@pytest.mark.parametrize("offset", [-3600, 0, 3600])
async def test_the_date_header_tells_the_venues_clock(local: Any, offset: int) -> None:
    client = await local(clock_offset=offset)
    for path in ("/", "/api/v1/orders", "/nowhere"):
        date = parsedate_to_datetime((await client.get(path)).headers["date"])
        assert abs(date.timestamp() - time.time() - offset) < 60


async def test_the_clock_can_be_moved_and_stopped(local: Any) -> None:
    client = await local()
    await client.post("/sandbox/clock", json={"frozen_at": 1_800_000_000.5})
    assert (await client.get("/")).headers["date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    moved = (await client.post("/sandbox/clock", json={"offset_seconds": 86400})).json()
    assert abs(moved["time"] - time.time() - 86400) < 60
    for body in (
        {},
        {"frozen_at": 1, "offset_seconds": 1},
        {"frozen_at": -1},
        {"offset_seconds": 10**10},
        {"frozen_at": True},
        {"frozen_at": "1"},
    ):
        assert (await client.post("/sandbox/clock", json=body)).json()["code"] != 0, body


async def test_the_front_page_says_what_this_is(local: Any) -> None:
    page = (await (await local()).get("/")).json()
    assert "sandbox" in page["name"].lower()
    assert "no real money" in page["about"]


@pytest.mark.parametrize(
    "body", [{}, {"code": 418}, {"code": 429, "count": 0}, {"code": 429, "count": 10**6}, {"code": 500, "after": 1}, {"code": 500, "x": 1}]
)
async def test_bad_control_requests_are_refused(local: Any, body: dict[str, Any]) -> None:
    client = await local()
    assert (await client.post("/sandbox/fail-next", json=body)).json()["code"] != 0
    assert (await client.get("/api/v1/stats")).json()["code"] == 0


async def test_the_control_surface_is_closed_to_other_machines(local_bot: Any) -> None:
    import httpx

    from orderseal.sandbox import create_app

    transport = httpx.ASGITransport(app=create_app(), client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.test") as client:
        for method, path in (("GET", "/sandbox/run"), ("POST", "/sandbox/revoke-tokens"), ("POST", "/sandbox/clock")):
            assert (await client.request(method, path)).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"chain_id": -1}, {"jwt_lifetime": 0}, {"login_window": -1}, {"clock_offset": float("nan")}, {"clock_offset": 1e10},
        {"step_delay_min": -0.1}, {"step_delay_min": 2.0}, {"step_delay_max": float("inf")}, {"heartbeat_interval": 0.0},
        {"quantity_unit": "shares"}, {"seed_shares": -1}, {"maker_balance": -1},
        {"takers": "none"}, {"lock_seconds": 0}, {"cancel_timeout": 0.0}, {"taker_window": -1}, {"taker_key": "k" * 16},
        {"taker_key": "short", "taker_secret": "s" * 16}, {"taker_secret": "with a space in it", "taker_key": "k" * 16},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)


def test_the_secrets_of_a_taker_are_not_shown() -> None:
    settings = Settings(taker_key="key-of-a-taker-1", taker_secret="secret-of-a-taker-1")
    assert "of-a-taker" not in repr(settings)
    assert "of-a-taker" not in str(settings.describe())
