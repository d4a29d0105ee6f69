"""Corporate actions of a maker, against their page."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.once

PENDING = "/api/v1/maker/corporate-actions/pending"
DIVIDEND = {"dividend_per_share": "0.25", "tax_rate": "0.1", "fee_amount": "0"}


async def add(bot: Any, **changes: Any) -> Any:
    body = {"maker": bot.address, "ticker": "AAPL", "action_type": "dividend", "holding_qty": "10", "params": DIVIDEND} | changes
    return (await bot.client.post("/sandbox/corporate-actions", json=body)).json()


async def test_an_action_waits_for_its_maker(local_bot: Any) -> None:
    bot = await local_bot()
    assert await bot.get(PENDING) == {"actions": []}
    first, second = (await add(bot))["id"], (await add(bot, ticker="TSLA", action_type="delisting", params={}))["id"]
    await add(bot, maker="0x" + "11" * 20)
    one, two = (await bot.get(PENDING))["actions"]
    assert (one["id"], two["id"]) == (first, second)
    assert one.keys() == {
        "id", "maker", "holding_qty", "token_address", "action_qty", "action_type", "compensation_qty", "created_at", "params",
    }  # fmt: skip
    assert (one["action_type"], one["holding_qty"], one["params"]) == ("dividend", "10", DIVIDEND)
    token = (await bot.get("/api/v1/instruments/token-address", ticker="TSLA", exchange=0))["token_address"]
    assert two["token_address"] == token
    assert [action["id"] for action in (await bot.get(PENDING, token=token))["actions"]] == [second]
    assert len((await bot.get(f"/api/v1/corporate-actions/maker/{bot.address}/pending"))["actions"]) == 2


async def test_it_is_nobody_elses(local_bot: Any) -> None:
    bot = await local_bot()
    bot.refusal(await bot.client.get(PENDING))
    bot.refusal(await bot.client.get(f"/api/v1/corporate-actions/maker/0x{'11' * 20}/pending", headers=bot.headers))
    bot.refusal(await bot.client.get(PENDING, params={"token": "x"}, headers=bot.headers))


@pytest.mark.parametrize(
    "changes",
    [
        {"maker": "x"},
        {"ticker": "NOPE"},
        {"action_type": "gift"},
        {"holding_qty": 10},
        {"holding_qty": "-1"},
        {"params": {"split_ratio": "2"}},
    ],
)
async def test_an_action_that_the_page_does_not_know_is_refused(local_bot: Any, changes: dict[str, Any]) -> None:
    bot = await local_bot()
    assert (await add(bot, **changes))["code"] != 0
    assert await bot.get(PENDING) == {"actions": []}
