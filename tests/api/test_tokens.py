"""Logging in: once, before a write, again after a refused read, and with a token that is ours."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.signing import InvalidReply, OutcomeUnknown, RateLimited, Refused, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer, Seen

    from orderseal.api.transport import Facts
    from orderseal.sandbox import Sandbox

ORDER_ID = "550e8400-e29b-41d4-a716-446655440000"
CANCEL = f"/api/v1/orders/{ORDER_ID}/cancel"


def guarded(server: RawServer, kit: Kit, good: Callable[[Seen], bytes]) -> Callable[[Seen], bytes]:
    """Answer only the newest token."""
    return lambda seen: good(seen) if seen.token == server.tokens[-1] else kit.refusal(401, "Token expired")


async def test_many_requests_at_once_log_in_once(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    await asyncio.gather(*[client.query() for _ in range(50)])
    assert server.count(kit.LOGIN) == 1
    assert server.count(kit.ORDERS) == 50
    assert server.seen[0].path == kit.LOGIN


async def test_many_requests_whose_token_is_refused_renew_it_once(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes[kit.ORDERS] = guarded(server, kit, lambda _: kit.page())
    client = client_of(server.url)
    await client.query()
    server.token("0x" + "12" * 20)  # From now on the client's token is an old one.
    await asyncio.gather(*[client.query() for _ in range(30)])
    assert server.count(kit.LOGIN) == 2
    assert server.count(kit.ORDERS) <= 1 + 60


async def test_a_read_whose_token_is_refused_logs_in_once_and_asks_once_more(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes[kit.ORDERS] = [kit.refusal(401), kit.page()]
    assert (await client_of(server.url).query()).total == 0
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.ORDERS, kit.LOGIN, kit.ORDERS]
    first, second = (seen.token for seen in server.seen if seen.path == kit.ORDERS)
    assert (first, second) == tuple(server.tokens)


async def test_a_read_that_is_refused_twice_gives_up(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.refusal(401)
    client = client_of(server.url)
    await kit.raises(client.query(), Unauthorized)
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.ORDERS] * 2
    await kit.raises(client.query(), Unauthorized)
    assert server.count(kit.LOGIN) == 4


@pytest.mark.parametrize("status", [401, 200])
async def test_a_write_whose_token_is_refused_is_not_sent_again(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], status: int
) -> None:
    signer = kit.signer()
    client = client_of(server.url, signer)
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = [kit.refusal(401, status=status), kit.ok(kit.placed(signed))]
    server.routes[CANCEL] = kit.refusal(401, status=status)
    await kit.raises(client.create(signed), Unauthorized)
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.ORDERS]
    # Not accepted: the caller may send the identical bytes, and then a fresh token goes with them.
    await client.create(signed)
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.ORDERS] * 2
    first, second = (seen for seen in server.seen if seen.path == kit.ORDERS)
    assert first.body == second.body
    assert first.token != second.token
    await kit.raises(client.cancel(ORDER_ID), Unauthorized)
    assert server.count(CANCEL) == 1


async def test_a_token_is_renewed_before_a_write(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.token_life = 3
    signer = kit.signer()
    client = client_of(server.url, signer)
    await client.connect()

    def answer(seen: Seen) -> bytes:
        claims = json.loads(_unpad(seen.token.split(".")[1]))
        return kit.ok(kit.placed(signed)) if time.time() < claims["exp"] else kit.refusal(401, "Token expired")

    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = answer
    until = time.monotonic() + 3.2
    while time.monotonic() < until:
        await client.create(signed)
        await asyncio.sleep(0.1)
    assert server.count(kit.LOGIN) >= 2


def _unpad(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_long_token_is_not_renewed_all_the_time(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    for _ in range(20):
        await client.query()
    assert server.count(kit.LOGIN) == 1


class Counting:
    """Hooks that count the logins."""

    logins = 0

    def request(self, facts: Facts) -> None:
        self.logins += facts.path == "/api/v1/makers/connect"

    def response(self, facts: Facts) -> None: ...

    def failure(self, facts: Facts) -> None: ...

    def retry(self, facts: Facts) -> None: ...

    def wait(self, facts: Facts) -> None: ...


async def test_short_tokens_at_the_sandbox(kit: Kit, wei_sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    """Tokens of three seconds, for longer than three seconds: no write meets an expired one."""
    signer = kit.signer()
    count = Counting()
    client = client_of(wei_sandbox.url, signer, hooks=count)
    nonce, until = await client.next_nonce(), time.monotonic() + 3.2
    while time.monotonic() < until:
        order = kit.signed_order(signer, quantity=1, nonce=nonce)
        placed = await client.create(order)
        found = await client.find(order)
        assert found is not None
        assert (found.id, found.quantity) == (placed.id, 10**18)
        nonce += 1
        await asyncio.sleep(0.2)
    assert 2 <= count.logins <= 8


ODD_TOKENS = [
    "a\r\nX-Evil: 1",
    "a\nb",
    "a b",
    "a\x00b",
    "é",
    "\u2028",
    "",
    "x" * 8193,
    "a\n",
    "a;b",
    '"a"',
    "Bearer a",
]


@pytest.mark.parametrize("token", ODD_TOKENS, ids=lambda token: ascii(token)[:20])
async def test_a_token_that_would_forge_a_header(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], token: str
) -> None:
    server.routes[kit.LOGIN] = kit.ok({"jwt": token})
    server.routes[kit.ORDERS] = kit.page()
    await kit.raises(client_of(server.url).query(), InvalidReply)
    assert server.count(kit.ORDERS) == 0


@pytest.mark.parametrize("token", [None, 5, [], {"token": "x"}, True], ids=str)
async def test_a_token_that_is_no_text(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], token: Any) -> None:
    server.routes[kit.LOGIN] = kit.ok({"jwt": token})
    await kit.raises(client_of(server.url).connect(), InvalidReply)


@pytest.mark.parametrize("wallet", ["0x" + "12" * 20, "", 5, None, ["0x"], {}], ids=str)
async def test_a_token_for_another_account(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], wallet: Any) -> None:
    server.routes[kit.LOGIN] = lambda _: kit.ok({"jwt": server.token("", wallet_address=wallet)})
    server.routes[kit.ORDERS] = kit.page()
    await kit.raises(client_of(server.url).query(), InvalidReply)
    assert server.count(kit.ORDERS) == 0


ABSURD: list[Any] = [0, -1, 1, 10**15, 10**300, 10**400, 10**4200, -(10**400), 1.5, 1e308, float("inf"), float("-inf"), float("nan")]
ABSURD += [True, None, "soon", "1e400", [], {}]


@pytest.mark.parametrize("expiry", ABSURD, ids=range(len(ABSURD)))
async def test_an_absurd_expiry(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], expiry: Any) -> None:
    """It is a token that we do not understand: use it until it is refused, do not crash, and do not log in all the time."""
    server.routes[kit.LOGIN] = lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"], exp=expiry)})
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    for _ in range(5):
        await client.query()
    assert server.count(kit.LOGIN) <= 2


@pytest.mark.parametrize(
    "token",
    ["opaque", "a.b.c", "..", "a." + "A" * 5000 + ".c", "a.~~.c", "a.W10.c", "a.bnVsbA.c", "a." + "W1tb" * 1500 + ".c"],
    ids=lambda t: t[:12],
)
async def test_a_token_that_is_no_jwt_is_used_as_it_is(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], token: str
) -> None:
    server.routes[kit.LOGIN] = kit.ok({"jwt": token})
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    await client.query()
    await client.query()
    assert server.last(kit.ORDERS).token == token
    assert server.count(kit.LOGIN) == 1


LATE = "This machine's clock is"


@pytest.mark.parametrize(
    ("date", "hint"),
    [
        ("Mon, 01 Jan 2024 00:00:00 GMT", True),
        ("Tue, 31 Dec 2199 23:59:59 GMT", True),
        ("Fri, 31 Dec 2199 23:59:59 GMT", False),
        ("Mon, 99999999999999999999 Jan 2020 00:00:00 GMT", False),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999999999999", False),
        ("Mon, 01 Jan 2020 99999999999999999999:00:00 GMT", False),
        ("Mon, 01 Jan 99999999999999999 00:00:00 GMT", False),
        ("Mon, 01 Jan 0001 00:00:00 +2359", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("", False),
        ("yesterday", False),
        ("0", False),
        ("9" * 5000, False),
        ("\xff\xfe", False),
    ],
    ids=lambda value: ascii(value)[:40],
)
async def test_a_refused_login_says_whether_the_clock_may_be_why(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], date: str, hint: bool | None
) -> None:
    server.routes[kit.LOGIN] = kit.refusal(400, "Timestamp expired", Date=date)
    error = await kit.raises(client_of(server.url).connect(), Refused)
    assert error.message == "Timestamp expired"
    if hint is not None:
        assert (LATE in str(error)) is hint


async def test_no_word_of_the_clock_when_it_is_right(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    from email.utils import formatdate

    server.routes[kit.LOGIN] = lambda _: kit.refusal(400, "Invalid signature", Date=formatdate(usegmt=True))
    assert LATE not in str(await kit.raises(client_of(server.url).connect(), Refused))


async def test_a_clock_that_is_wrong_at_the_sandbox(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    client = client_of(sandbox.url, clock=lambda: time.time() - 3600)
    error = await kit.raises(client.connect(), Refused)
    assert "Timestamp expired" in str(error)
    assert "behind the venue's: set it right" in str(error)


async def test_a_failed_login_is_shared_by_those_who_wait_for_it(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """Otherwise twenty requests at a venue that hangs take twenty times the limit, one after the other."""
    server.routes[kit.LOGIN] = kit.plays(lambda _: time.sleep(0.2))
    client = client_of(server.url)
    results = await asyncio.gather(*[client.query() for _ in range(20)], return_exceptions=True)
    assert {type(result) for result in results} == {Unreachable}
    assert server.count(kit.LOGIN) <= 3


async def test_a_login_that_is_given_up_by_one_serves_the_others(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes[kit.LOGIN] = [
        server.hang,
        lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"])}),
    ]
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    first = asyncio.create_task(client.query())
    await asyncio.to_thread(server.wait, kit.LOGIN)
    second = asyncio.create_task(client.query())
    await asyncio.sleep(0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    async with asyncio.timeout(kit.PATIENCE / 2):
        assert (await second).total == 0


async def test_a_gateway_that_refuses_a_token_in_its_own_words(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """It says nothing about a write, but the token is no good any more: the next request brings a fresh one."""
    signer = kit.signer()
    client = client_of(server.url, signer)
    server.routes[kit.ORDERS] = kit.http(401, b"<html>401 Authorization Required</html>", {"Content-Type": "text/html"})
    await kit.raises(client.create(kit.signed_order(signer)), OutcomeUnknown)
    server.routes[kit.ORDERS] = kit.page()
    await client.query()
    assert server.last(kit.ORDERS).token == server.tokens[-1]
    assert server.count(kit.LOGIN) == 2


async def test_the_token_is_not_kept_after_closing(kit: Kit, server: RawServer) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = stove.AsyncClient(stove.TESTNET.at(server.url), kit.signer())
    async with client:
        await client.query()
        assert server.tokens[0] not in repr(client)
    token = server.tokens[0]
    assert all(value != token for value in vars(client).values())


async def test_a_client_says_who_it_is_and_nothing_else(kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    client = client_of("http://127.0.0.1:1", signer)
    assert repr(client) == f"AsyncClient('Stove test network (BSC Testnet)', {signer.address})"


async def test_a_login_is_rate_limited(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.LOGIN] = kit.refusal(429, "Too many requests", Retry_After="7")
    error = await kit.raises(client_of(server.url).query(), RateLimited)
    assert error.retry_after == 7.0


async def test_revoked_tokens_at_the_sandbox(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    import httpx

    signer = kit.signer()
    client = client_of(sandbox.url, signer)
    nonce = await client.next_nonce()
    async with httpx.AsyncClient(trust_env=False) as control:
        await control.post(sandbox.url + "/sandbox/revoke-tokens")
    signed = kit.signed_order(signer, quantity=1, nonce=nonce)
    await kit.raises(client.create(signed), Unauthorized)
    assert await client.find(signed) is None
    assert (await client.create(signed)).nonce == nonce
