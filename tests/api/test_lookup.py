"""What is never sent, and how a lost order is found again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from orderseal.api import stove
from orderseal.signing import (
    Domain,
    InvalidInput,
    InvalidReply,
    NonceConflict,
    Order,
    OutcomeUnknown,
    Refused,
    RuleViolation,
    sign_order,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer

    from orderseal.sandbox import Sandbox

DAY = 86_400


async def test_an_order_of_another_account_is_not_sent(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    error = await kit.raises(client_of(server.url).create(kit.signed_order(kit.signer())), InvalidInput)
    assert error.path == "order.maker"
    assert server.connections == 0


@pytest.mark.parametrize("change", [{"chain_id": 56}, {"verifying_contract": "0x" + "12" * 20}, {"name": "RFQ"}, {"version": "2"}], ids=str)
async def test_an_order_for_another_network_is_not_sent(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], change: dict[str, Any]
) -> None:
    signer = kit.signer()
    facts: dict[str, Any] = {"name": "RFQSettlement", "version": "1", "chain_id": 97, "verifying_contract": stove.TESTNET.settlement}
    signed = sign_order(kit.signed_order(signer).order, Domain(**(facts | change)), signer)
    error = await kit.raises(client_of(server.url, signer).create(signed), InvalidInput)
    assert error.path == "domain"
    assert server.connections == 0


@pytest.mark.parametrize(
    ("later", "rule"),
    [(541, "deadline_too_soon"), (3600, "deadline_too_soon"), (31 * DAY, "deadline_passed"), (-336 * DAY, "deadline_too_late")],
)
async def test_an_order_whose_deadline_no_longer_holds_is_not_sent(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], later: int, rule: str
) -> None:
    signer, now = kit.signer(), 1_750_000_000.0
    signed = kit.signed_order(signer, now=now)
    error = await kit.raises(client_of(server.url, signer, clock=lambda: now + later).create(signed), RuleViolation)
    assert error.rule == rule
    assert server.connections == 0
    server.routes[kit.ORDERS] = kit.ok(kit.placed(signed))
    await client_of(server.url, signer, clock=lambda: now + 540).create(signed)
    assert server.count(kit.ORDERS) == 1


async def test_found(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer, nonce=4711)
    mine = kit.placed(signed, status="filled")
    stranger = kit.placed(signed, maker="0x" + "12" * 20, id="theirs")
    older = kit.placed(signed, nonce=4710, id="older")
    server.routes[kit.ORDERS] = kit.page(stranger, older, mine)
    found = await client_of(server.url, signer).find(signed)
    assert found is not None
    assert (found.id, found.status) == (mine["id"], "filled")
    assert server.last(kit.ORDERS).query["nonce"] == "4711"


async def test_found_in_the_units_and_letters_of_the_query_page(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    lower = {name: str(value).lower() for name, value in kit.placed(signed).items() if name in ("maker", "principal", "asset")}
    upper = "0x" + signed.signature.hex().upper()
    server.routes[kit.ORDERS] = kit.page(kit.placed(signed, **lower, quantity="60" + "0" * 18, signature=upper))
    assert await client_of(server.url, signer).find(signed) is not None


async def test_none(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    client = client_of(server.url, signer)
    server.routes[kit.ORDERS] = kit.page()
    assert await client.find(signed) is None
    server.routes[kit.ORDERS] = kit.page(kit.placed(signed, maker="0x" + "12" * 20), kit.placed(signed, nonce=1))
    assert await client.find(signed) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "1"},
        {"quantity": "6"},
        {"quantity": "60" + "0" * 15},
        {"incentive": "1"},
        {"ticker": "MSFT"},
        {"is_buy": False},
        {"deadline": 5},
        {"principal": "0x" + "12" * 20},
        {"asset": "0x" + "12" * 20},
        {"exchange": 1},
        {"signature": "0x" + "11" * 65},
    ],
    ids=str,
)
async def test_another_order_under_our_nonce(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], changes: dict[str, Any]
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer, nonce=4711)
    server.routes[kit.ORDERS] = kit.page(kit.placed(signed, **changes))
    error = await kit.raises(client_of(server.url, signer).find(signed), NonceConflict)
    assert error.nonce == 4711


async def test_a_look_up_that_fails_says_nothing(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    server.routes[kit.ORDERS] = kit.http(200, b"<html>")
    await kit.raises(client_of(server.url, signer).find(kit.signed_order(signer)), InvalidReply)


async def test_an_order_whose_reply_was_lost_is_found_at_the_sandbox(
    kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient], servers: Callable[[], RawServer]
) -> None:
    """A server in front of the sandbox passes the order on and loses the reply."""
    front, signer = servers(), kit.signer()

    def lose(seen: Any) -> bytes:
        with httpx.Client(trust_env=False) as onward:
            reply = onward.request(seen.method, sandbox.url + seen.target, content=seen.body, headers=forwarded(seen.headers))
        if seen.method == "POST" and seen.path == kit.ORDERS:
            return b""
        return kit.http(reply.status_code, reply.content)

    front.otherwise = front.routes[kit.LOGIN] = lose
    client = client_of(front.url, signer)
    signed = kit.signed_order(signer, quantity=1, nonce=await client.next_nonce())
    assert await client.find(signed) is None
    error = await kit.raises(client.create(signed), OutcomeUnknown)
    assert error.nonce == signed.order.nonce
    found = await client.find(signed)
    assert found is not None
    assert found.is_for(signed.order, signed.signature)
    other = sign_order(kit.signed_order(signer, quantity=10, nonce=signed.order.nonce).order, signed.domain, signer)
    await kit.raises(client.find(other), NonceConflict)
    await kit.raises(client_of(sandbox.url, signer).create(other), Refused)


def forwarded(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in ("authorization", "content-type")}


async def test_the_honest_way(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    async with stove.AsyncClient(stove.TESTNET.at(sandbox.url), signer) as client:
        order = await client.new_order("buy", "AAPL", shares=1, limit=Decimal("150.25"), pay_with="USDC")
        signed = sign_order(order, client.network.domain, signer)
        placed = await client.create(signed)
        assert placed.is_for(order, signed.signature)
        assert placed.status == "pending"
        assert (await client.order(placed.order_hash)).id == placed.id
        assert [found.id for found in (await client.query(nonce=order.nonce, ticker="AAPL", is_buy=True)).orders] == [placed.id]
        assert (await client.query(is_buy=False)).orders == ()
        assert (await client.query(status=["pending"], asset=order.asset, principal=signer.address)).total == 1
        assert (await client.query(created_after=0, deadline_before=order.deadline, sort_by="price", sort_order="asc")).total == 1
        assert await client.next_nonce() != order.nonce
        await kit.raises(client.create(signed), Refused)
        cancelled = await client.cancel(placed.id)
        assert cancelled.success
        assert (await client.order(placed.order_hash)).status == "cancelled"
        await kit.raises(client.cancel(placed.id), Refused)
        await kit.raises(client.cancel("550e8400-e29b-41d4-a716-446655440000"), Refused)
        positions = await client.positions(ticker="AAPL")
        assert [position.ticker for position in positions.positions] == ["AAPL"]
        assert (await client.profile()).wallet_address == signer.address
        token = await client.token_address("AAPL")
        assert str(token.token_address).lower() == positions.positions[0].token_address.lower()
        await kit.raises(client.token_address("XYZ"), Refused)
        await kit.raises(client.estimate("buy", "XYZ", shares=1, price=Decimal(1), pay_with="USDT"), Refused)


async def test_an_order_that_the_sandbox_refuses(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    """Its clock is a day ahead of ours, so the deadline is too soon for it."""
    signer = kit.signer()
    rule = replace(stove.TESTNET.deadline_rule, min_lead=3600)
    client = stove.AsyncClient(replace(stove.TESTNET.at(sandbox.url), deadline_rule=rule), signer)
    async with client:
        signed = kit.signed_order(signer, nonce=await client.next_nonce())
        early = Order(**{name: getattr(signed.order, name) for name in Order.__annotations__} | {"deadline": signed.order.deadline - DAY})
        await kit.raises(client.create(sign_order(early, client.network.domain, signer)), Refused)
        assert (await client.query()).total == 0


@pytest.mark.parametrize("thing", [None, "signed", 5, {}], ids=ascii)
async def test_what_is_not_signed_is_not_submitted(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], thing: Any
) -> None:
    error = await kit.raises(client_of(server.url).create(thing), InvalidInput)
    assert error.path == "signed"
    assert not server.seen


def test_a_client_is_made_from_a_network_and_a_signer(kit: Kit) -> None:
    for arguments, path in (
        ((kit.signer(), stove.TESTNET), "network"),
        (("http://127.0.0.1", kit.signer()), "network"),
        ((stove.TESTNET, "key"), "signer"),
    ):
        with pytest.raises(InvalidInput) as caught:
            stove.Client(*arguments)
        assert caught.value.path == path
