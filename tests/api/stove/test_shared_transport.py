"""What Stove's clients have of the shared transport: reads asked again, writes never, limits, hooks, proxies, certificates."""

from __future__ import annotations

import asyncio
import inspect
import re
import ssl
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from orderseal.api import stove
from orderseal.api.transport import Connection, Facts, RateLimit, Retries
from orderseal.signing import InvalidInput, OutcomeUnknown, RateLimited, Refused, Unauthorized, Unreachable
from orderseal.signing.ledger import Ledger, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer, Seen
    from tests.api.stove.conftest import Desk

CANCEL = "/api/v1/orders/abc/cancel"


class Told:
    """Hooks that keep what they are told."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, Facts]] = []

    def request(self, facts: Facts) -> None:
        self.facts.append(("request", facts))

    def response(self, facts: Facts) -> None:
        self.facts.append(("response", facts))

    def failure(self, facts: Facts) -> None:
        self.facts.append(("failure", facts))

    def retry(self, facts: Facts) -> None:
        self.facts.append(("retry", facts))

    def wait(self, facts: Facts) -> None:
        self.facts.append(("wait", facts))


@pytest.mark.parametrize("answer", ["dropped", "502", "503", "504", "429"])
async def test_a_read_is_asked_again(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], answer: str
) -> None:
    bad = b"" if answer == "dropped" else kit.refusal(429) if answer == "429" else kit.http(int(answer))
    server.routes[kit.ORDERS] = [bad, bad, kit.page()]
    assert (await client_of(server.url, retries=desk.QUICK).query()).total == 0
    assert server.count(kit.ORDERS) == 3
    assert server.count(kit.LOGIN) == 1


async def test_a_read_gives_up_in_the_end(desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = b""
    await kit.raises(client_of(server.url, retries=desk.QUICK).query(), Unreachable)
    assert server.count(kit.ORDERS) == 3


@pytest.mark.parametrize("answer", ["dropped", "503", "429", "401", "200 with code 401", "200 with code 429"])
async def test_a_write_never_is(desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], answer: str) -> None:
    status = 200 if " " in answer else None
    bad = b"" if answer == "dropped" else kit.http(503) if answer == "503" else kit.refusal(int(answer[-3:]), status=status)
    meant = OutcomeUnknown if answer in ("dropped", "503") else RateLimited if "429" in answer else Unauthorized
    signer = kit.signer()
    server.routes[kit.ORDERS] = server.routes[CANCEL] = bad
    client = client_of(server.url, signer, retries=desk.QUICK)
    await kit.raises(client.create(kit.signed_order(signer)), meant)
    await kit.raises(client.cancel("abc"), meant)
    assert (server.count(kit.ORDERS), server.count(CANCEL)) == (1, 1)


async def test_a_code_that_stands_for_429_is_asked_again(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes[kit.ORDERS] = [kit.refusal(429000, status=200), kit.page()]
    assert (await client_of(server.url, retries=desk.QUICK).query()).total == 0


async def test_a_code_that_stands_for_401_renews_the_token_once(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes[kit.ORDERS] = [kit.refusal(401001, status=200), kit.page()]
    client = client_of(server.url, retries=desk.QUICK)
    assert (await client.query()).total == 0
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.ORDERS] * 2
    server.routes[kit.ORDERS] = kit.refusal(401001, status=200)
    await kit.raises(client.query(), Unauthorized)
    assert server.count(kit.ORDERS) == 4


async def test_a_login_whose_answer_is_lost_is_signed_anew(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """Its nonce may be used up: the identical bytes could only be refused."""
    granted: Callable[[Seen], bytes] = lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"])})  # noqa: E731
    server.routes[kit.LOGIN] = [b"", kit.http(502), granted]
    server.routes[kit.ORDERS] = kit.page()
    assert (await client_of(server.url, retries=desk.QUICK).query()).total == 0
    logins = [seen.json for seen in server.seen if seen.path == kit.LOGIN]
    assert len(logins) == 3
    assert len({login["message"] for login in logins}) == len({login["signature"] for login in logins}) == 3


async def test_a_refused_login_is_not_tried_again(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes[kit.LOGIN] = kit.refusal(400, "Nonce already used")
    await kit.raises(client_of(server.url, retries=desk.QUICK).query(), Refused)
    assert server.count(kit.LOGIN) == 1


async def test_connect_logs_in_anew(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    await client.connect()
    await client.connect()
    await client.query()
    assert server.count(kit.LOGIN) == 2
    assert server.last(kit.ORDERS).token == server.tokens[1]
    await client.renew()
    assert server.count(kit.LOGIN) == 2


async def test_retry_after_is_waited_for(desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = [kit.refusal(429, Retry_After="1"), kit.page()]
    began = time.monotonic()
    await client_of(server.url, retries=desk.QUICK).query()
    assert time.monotonic() - began >= 1.0  # a lower bound holds on any machine


async def test_a_rate_limit_of_ones_own_holds_for_writes_too(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """One object for two clients: what one took the other has not."""
    rate = RateLimit(count=3, per=3600, patience=0)
    server.routes[kit.ORDERS] = kit.page()
    one, other = client_of(server.url, rate=rate), client_of(server.url, rate=rate)
    await one.query()  # with its login two
    await one.query()
    error = await kit.raises(one.cancel("abc"), RateLimited)
    assert (error.status, server.count(CANCEL)) == (0, 0)
    await kit.raises(other.query(), RateLimited)
    assert server.count() == 3


async def test_hooks_see_templates_and_no_secrets(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    told = Told()
    signer = kit.signer()
    signed = kit.signed_order(signer)
    client = client_of(server.url, signer, hooks=told, retries=desk.QUICK)
    server.routes[kit.ORDERS] = [b"", kit.page()]
    await client.query()
    server.routes[CANCEL] = kit.refusal(400)
    await kit.raises(client.cancel("abc"), Refused)
    server.routes[kit.ORDERS] = kit.ok(kit.placed(signed))
    await client.create(signed)
    shown = [(name, facts.method, facts.path, facts.status, facts.error, facts.write) for name, facts in told.facts if name != "request"]
    assert shown == [
        ("response", "POST", "/api/v1/makers/connect", 200, None, False),
        ("failure", "GET", "/api/v1/orders", None, "Unreachable", False),
        ("retry", "GET", "/api/v1/orders", None, "Unreachable", False),
        ("response", "GET", "/api/v1/orders", 200, None, False),
        ("response", "POST", "/api/v1/orders/{order_id}/cancel", 400, "Refused", True),
        ("response", "POST", "/api/v1/orders", 200, None, True),
    ]
    assert {facts.venue for _, facts in told.facts} == {"stove"}
    assert not kit._watch.leaks(repr(told.facts))
    sent = {facts.request_id for name, facts in told.facts if name == "request"}
    assert {seen.headers["x-request-id"] for seen in server.seen} == sent


async def test_a_proxy_that_is_asked_for_is_used(kit: Kit, servers: Callable[[], RawServer], desk: Desk) -> None:
    proxy = servers()
    proxy.otherwise = lambda seen: kit.ok([])
    taker = desk.taker("http://127.0.0.1:1", connection=Connection(proxy=proxy.url))
    async with taker:
        assert await taker.available() == ()
    assert proxy.seen[0].target == "http://127.0.0.1:1/api/v1/orders/available"
    assert desk.key in proxy.seen[0].headers["x-api-key"]


def test_a_certificate_authority_of_ones_own(kit: Kit) -> None:
    with pytest.raises(InvalidInput):
        stove.AsyncClient(stove.TESTNET, kit.signer(), connection=Connection(verify="/nowhere/ca.pem"))
    stove.AsyncClient(stove.TESTNET, kit.signer(), connection=Connection(verify=ssl.create_default_context()))


async def test_before_write_stops_an_order_at_the_last_moment(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    from orderseal.signing import venue_payload

    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    signer = kit.signer()
    signed = kit.signed_order(signer)
    client = client_of(server.url, signer)
    with pytest.raises(Stop):
        await client.submit(venue_payload(signed), signed.order, signed.signature, before_write=stop)
    assert [seen.path for seen in server.seen] == [kit.LOGIN]


async def test_the_clock_of_a_refusal_counts(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.refusal(400, Date=formatdate(time.time() + 120, usegmt=True))
    client = client_of(server.url)
    assert client.venue_clock.now() is None
    await kit.raises(client.query(), Refused)
    offset = client.venue_clock.offset()
    assert offset is not None
    assert 60 < offset < 180


async def test_a_lookup_of_a_submission_is_asked_once(kit: Kit, server: RawServer, desk: Desk) -> None:
    """The submission asks again in its own time, which its policy bounds."""
    async with stove.AsyncMaker(stove.TESTNET.at(server.url), kit.signer(), Ledger(MemoryStore()), retries=desk.QUICK) as maker:
        server.routes[kit.ORDERS] = b""
        await kit.raises(maker._port.look_up(1), Unreachable)
        assert server.count(kit.ORDERS) == 1
        await kit.raises(maker.client.under_nonce(1), Unreachable)
        assert server.count(kit.ORDERS) == 1 + 3


async def test_a_maker_hands_its_options_on(kit: Kit, server: RawServer) -> None:
    told = Told()
    async with stove.AsyncMaker(
        stove.TESTNET.at(server.url), kit.signer(), Ledger(MemoryStore()), hooks=told, retries=Retries.none()
    ) as maker:
        server.routes[kit.ORDERS] = b""
        await kit.raises(maker.client.query(), Unreachable)
    assert server.count(kit.ORDERS) == 1
    assert told.facts


def test_both_kinds_of_client_take_the_same_options(kit: Kit, server: RawServer) -> None:
    told = Told()
    with stove.Client(stove.TESTNET.at(server.url), kit.signer(), hooks=told, retries=Retries.none()) as client:
        server.routes[kit.ORDERS] = b""
        with pytest.raises(Unreachable):
            client.query()
    assert server.count(kit.ORDERS) == 1
    assert told.facts
    for one, other in ((stove.Client, stove.AsyncClient), (stove.Maker, stove.AsyncMaker)):
        ours, theirs = (inspect.signature(cls).parameters for cls in (one, other))
        assert [(p.name, p.kind, p.default) for p in ours.values()] == [(p.name, p.kind, p.default) for p in theirs.values()]


async def test_many_takers_requests_at_once_have_signatures_of_their_own(
    desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker
) -> None:
    server.otherwise = kit.ok([])
    await asyncio.gather(*[taker.available() for _ in range(20)])
    assert all(desk.signed_as_documented(seen) for seen in server.seen)
    assert len({seen.headers["x-request-id"] for seen in server.seen}) == 20


TWINS = [(stove.Taker, stove.AsyncTaker), (stove.Public, stove.AsyncPublic)]


@pytest.mark.parametrize(("ours", "theirs"), TWINS, ids=["Taker", "Public"])
def test_the_sync_twins_are_the_async_clients(ours: type, theirs: type) -> None:
    renamed = {"aclose": "close"}
    public = {renamed.get(name, name) for name in vars(theirs) if not name.startswith("_")}
    assert {name for name in vars(ours) if not name.startswith("_")} - set(theirs.__annotations__) == public
    for name in sorted(public - {"close"} | {"__init__"}):
        one, other = (inspect.signature(getattr(cls, name)).parameters for cls in (ours, theirs))
        assert [(p.name, p.kind, p.default) for p in one.values()] == [(p.name, p.kind, p.default) for p in other.values()], name
        if name != "__init__":
            told = re.sub(r"\basync (?=with|for)|\bAsync(?=[A-Z])", "", inspect.getdoc(getattr(theirs, name)) or "")
            assert (inspect.getdoc(getattr(ours, name)) or "").split() == told.split()
            assert not inspect.iscoroutinefunction(getattr(ours, name))


def test_the_same_answers_without_an_event_loop(desk: Desk, kit: Kit, server: RawServer) -> None:
    for name in ("validate", "lock", "unlock", "fill", "cancel_result", "fills", "order_book", "ticker_stats"):
        server.routes[desk.EXCHANGES[name]["path"]] = kit.ok(desk.EXCHANGES[name]["data"])
    server.routes["/api/v1/stats"] = kit.http(200, desk.EXCHANGES["stats"]["text"].encode())
    signed = desk.order()
    server.routes[desk.AVAILABLE] = kit.ok([kit.placed(signed, order_hash=desk.HASH)])
    server.routes["/api/v1/takers/orders"] = kit.page(kit.placed(signed))
    network = stove.TESTNET.at(server.url)
    with stove.Taker(network, desk.key, desk.secret, desk.ADDRESS) as taker:
        (order,) = taker.available()
        assert taker.check(order) == signed
        assert taker.validate(signed).valid
        assert taker.lock(order).success
        assert taker.fill(order, shares=50, incentive=0).filled_amount == 7512500000000000000000
        assert taker.unlock(order.order_hash).message == "Order unlocked successfully"
        assert taker.cancel_result(order.order_hash, cancelled=False, message="no").message == "Cancellation result recorded"
        assert taker.orders().total == taker.fills().total == 1
        assert repr(taker).startswith("Taker('Stove test network")
        assert taker.network == network
        assert taker.venue_clock.now() is None
    with stove.Public(network) as public:
        assert public.stats().total_orders == 5321
        assert public.order_book("AAPL").symbol == public.ticker_stats("AAPL").ticker == "AAPL"
