"""The sync client is the async one: the same methods, arguments, words and answers; and the file is what the tool writes."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orderseal.api.brokerstr import AsyncClient, Client
from orderseal.signing import OutcomeUnknown, Refused, Unauthorized, Unfinished

if TYPE_CHECKING:
    from tests.api.brokerstr.conftest import Platform

RENAMED = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__"}
EXTERNAL = "693d6f791f8a9198aba44f50"


def public(cls: type) -> set[str]:
    return {RENAMED.get(name, name) for name in vars(cls) if not name.startswith("_")}


METHODS = sorted(name for name in public(AsyncClient) if name != "close")


def test_both_have_the_same_methods() -> None:
    assert public(Client) - {"venue_clock", "scope"} == public(AsyncClient)
    assert {"venue_clock", "scope"} <= set(AsyncClient.__annotations__)


@pytest.mark.parametrize("name", [*METHODS, "__init__"])
def test_both_take_the_same_arguments(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(cls, name)).parameters for cls in (Client, AsyncClient))
    assert [(p.name, p.kind, p.default, p.annotation) for p in ours.values()] == [
        (p.name, p.kind, p.default, p.annotation) for p in theirs.values()
    ]


@pytest.mark.parametrize("name", METHODS)
def test_both_say_the_same_of_it(name: str) -> None:
    theirs, ours = inspect.getdoc(getattr(AsyncClient, name)), inspect.getdoc(getattr(Client, name))
    assert theirs
    assert ours is not None
    assert "Example::" in ours
    assert ours.split() == theirs.replace("async for", "for").replace("await ", "").split()


def test_the_same_answers(platform: Platform) -> None:
    market, node, token = (platform.IDS[name] for name in ("market", "node", "token"))
    for name in ("token", "token_page", "child_page", "kyc_address_page", "purchases"):
        exchange = platform.EXCHANGES[name]
        platform.on(exchange["path"], platform.reply(platform.reply_of(exchange)))
    platform.on(f"/kyc-addresses/markets/{market}", platform.reply({"kyc_addresses": [], "total": 0}))
    day = datetime(2026, 1, 6, tzinfo=UTC)
    with Client(platform.url, platform.key, platform.secret, **platform.options()) as client:
        assert repr(client) == f"Client('{platform.url}{platform.ROOT}')"
        client.authenticate()
        assert client.token(token).recipe().function_name == "buy"
        assert [found.symbol for found in client.tokens(market)] == ["LST"]
        assert client.token_page(market).total == 1
        assert [found.int_id for found in client.children(node)] == [6]
        assert list(client.kyc_addresses(market)) == []
        (purchase,) = client.purchases(market, start=day, end=day).purchases
        assert client.wait_for_purchase(market, purchase.hash.upper().replace("0X", "0x")) == (purchase,)
        with pytest.raises(Unfinished):
            client.wait_for_purchase(market, "0x" + "12" * 32, seconds=0)
        path = f"/tokens/external/{EXTERNAL}"
        for answer, expected in ((b"", OutcomeUnknown), (platform.error(400), Refused), (platform.error(401), Unauthorized)):
            platform.on(path, answer)
            with pytest.raises(expected) as raised:
                client.create_token(EXTERNAL, is_all_market=True)
            assert type(raised.value) is expected
        assert len(platform.asked(path)) == 3
        assert client.venue_clock is client.venue_clock
    client.close()
