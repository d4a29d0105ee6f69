"""The sync client is the async one for callers without an event loop."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import tokenizationtr
from orderseal.api.tokenizationtr import Written

if TYPE_CHECKING:
    from tests.api.tokenizationtr.conftest import Desk


def public(cls: type) -> set[str]:
    return {name.replace("aclose", "close") for name in vars(cls) if not name.startswith("_")} - {"venue_clock", "instance"}


def test_both_have_the_same_methods() -> None:
    assert public(tokenizationtr.Client) == public(tokenizationtr.AsyncClient)


@pytest.mark.parametrize("name", sorted(public(tokenizationtr.AsyncClient) - {"close"}))
def test_every_method_tells_its_page_and_has_an_example(name: str) -> None:
    for cls in (tokenizationtr.AsyncClient, tokenizationtr.Client):
        text = inspect.getdoc(getattr(cls, name)) or ""
        assert "Example::" in text
        assert ("*" in text) or name in ("open_writes", "candidates", "settle", "dismiss", "wait"), text


async def test_it_does_the_same(desk: Desk) -> None:
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(desk.samples["asynchronous"])
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(*desk.samples["user_transactions"])

    def work() -> list[Any]:
        options: dict[str, Any] = {"instance": "test", "ledger": desk.ledger, **desk.credentials}
        with tokenizationtr.Client(desk.server.url, **options) as client:
            assert client.instance == "test"
            bought = client.buy_primary(desk.USER, desk.TOKEN, quantity=10, reference="r")
            again = client.buy_primary(desk.USER, desk.TOKEN, quantity=10, reference="r")
            done = client.wait("6913872755654191dede37da", user_id=desk.USER, seconds=5)
            return [bought, again, done, list(client.transactions(desk.USER)), client.open_writes(desk.USER)]

    bought, again, done, rows, left = await asyncio.to_thread(work)
    assert bought == Written("r", transaction_id="6913872755654191dede37da")
    assert again == Written("r", transaction_id="6913872755654191dede37da", repeated=True)
    assert done.status == 3
    assert [row.id for row in rows] == [row["id"] for row in desk.samples["user_transactions"]]
    assert left == []
    assert desk.server.count(desk.BUY_PRIMARY) == 1
