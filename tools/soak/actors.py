"""Who makes the load. Each actor works until the run's end, with clients that are closed and opened anew now and then."""

import asyncio
import contextlib
import secrets
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from tools.soak.run import Run
from tools.soak.twins import external_ids

from orderseal.api import brokerstr, stove
from orderseal.api.licenserocks import BillingData, NewOrder
from orderseal.api.tokenizationtr import PriceIn
from orderseal.sandbox import BrokersTrSandbox
from orderseal.signing import OutcomeUnknown, Signer, VenueError

__all__ = [
    "associate",
    "make",
    "order",
    "purchase",
    "read_brokerstr",
    "read_licenserocks",
    "read_stove",
    "read_tokenizationtr",
    "stream",
    "trade",
]

_LIMIT = Decimal("150.25")
# What the last digit of a quantity makes of an order: see `orderseal sandbox --help`. Without 3: an order that the venue rejects by an
# error, and whose nonce it takes all the same, is unknown until its deadline if that answer is lost, and would be left open at the end.
_ENDINGS = (1, 1, 2, 4, 5, 6, 6)


# -- Stove -------------------------------------------------------------------------------------------------------------------------------


async def make(run: Run, signer: Signer, pause: float) -> None:
    """A maker: orders under references, some asked for twice, some watched, some cancelled at the venue, some given up in the middle."""
    while run.going:
        async with run.maker(signer) as maker:
            until = run.life()
            while time.monotonic() < until:
                await asyncio.gather(*(_place(run, maker) for _ in range(run.random.choice([1, 2, 3]))))
                await asyncio.sleep(run.random.uniform(0, 2 * pause))
        run.counts["makers reopened"] += 1


async def _place(run: Run, maker: stove.AsyncMaker) -> None:
    number = run.number()
    wish: dict[str, Any] = {
        "ticker": "AAPL",
        "shares": 10 * run.random.randrange(1, 1000) + run.random.choice(_ENDINGS),
        "limit": _LIMIT,
        "pay_with": "USDT",
        "reference": f"{run.name} order {number}",
    }
    ask = maker.buy if number % 2 else maker.sell
    fate = run.random.random()
    if fate < 0.1:
        await run.cancelled("place", lambda: ask(**wish))
        return
    if fate < 0.2:
        first, second = await asyncio.gather(run.attempt("place", ask(**wish)), run.attempt("place again", ask(**wish)))
        if first is not None and second is not None and first.nonce != second.nonce:
            run.broken(f"one reference has two orders, {first.nonce} and {second.nonce}")
        return
    placed = await run.attempt("place", ask(**wish))
    if placed is None:
        return
    if fate < 0.5:
        await run.attempt("watch", _watch(maker, placed))
    elif fate < 0.65:
        await run.attempt("cancel", maker.cancel(placed))


async def _watch(maker: stove.AsyncMaker, placed: stove.Placed) -> None:
    try:
        async with asyncio.timeout(1.0), aclosing(maker.watch(placed)) as changes:
            async for _change in changes:
                pass
    except TimeoutError:
        return


async def stream(run: Run, signer: Signer) -> None:
    """Listens to an account's changes, on connections that come and go, and on feeds that come back by themselves."""
    while run.going:
        async with run.stove_client(signer) as client:
            until = run.life()
            while time.monotonic() < until:
                await run.attempt("stream", _listen(run, client))
                await run.attempt("feed", _feed(run, client))


async def _listen(run: Run, client: stove.AsyncClient) -> None:
    async with client.stream(seconds=run.random.uniform(0.2, 3.0)) as changes:
        async for _change in changes:
            run.counts["pushes"] += 1


async def read_stove(run: Run, signer: Signer, pause: float) -> None:
    """Reads an account."""
    while run.going:
        async with run.stove_client(signer) as client:
            until = run.life()
            while time.monotonic() < until:
                await run.attempt("stove read", client.query(page_size=20))
                await run.attempt("stove read", client.next_nonce())
                await run.attempt("stove read", client.positions())
                await run.cancelled("stove read", client.profile)
                await run.attempt("stove read", client.estimate("buy", "AAPL", shares=10, price=_LIMIT, pay_with="USDT"))
                await asyncio.sleep(pause)


async def _feed(run: Run, client: stove.AsyncClient) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(run.random.uniform(0.2, 3.0)), client.feed() as feed:
            async for _change in feed:
                run.counts["changes"] += 1


# -- BrokersTR ---------------------------------------------------------------------------------------------------------------------------


async def associate(run: Run, pause: float) -> None:
    """Associates each external id once. A lost answer is settled by the read that says so."""
    ids = iter(external_ids())
    while run.going:
        async with run.brokerstr_client() as client:
            until = run.life()
            while time.monotonic() < until:
                if (external_id := next(ids, None)) is None:
                    return  # All are used: the others go on.
                await _associate(run, client, external_id)
                await asyncio.sleep(pause)


async def _associate(run: Run, client: brokerstr.AsyncClient, external_id: str) -> None:
    markets = [run.places.market_ids[1]]
    if run.random.random() < 0.1:  # Whether it takes effect, nobody knows; it is not asked for again.
        await run.cancelled("associate", lambda: client.create_token(external_id, is_all_market=False, market_ids=markets))
        return
    for _ in range(5):
        try:
            await client.create_token(external_id, is_all_market=False, market_ids=markets)
        except OutcomeUnknown:
            run.counts["associate: OutcomeUnknown"] += 1
            if await run.attempt("settle an association", client.token_by_external_id(external_id)) is not None:
                return
        except VenueError as error:  # It was not done: not even the login, perhaps.
            run.counts[f"associate: {type(error).__name__}"] += 1
        else:
            run.counts["associate"] += 1
            return


async def purchase(run: Run, twin: BrokersTrSandbox, pause: float) -> None:
    """Lets the platform see a purchase on chain, and waits until it lists it."""
    while run.going:
        async with run.brokerstr_client() as client:
            until = run.life()
            while time.monotonic() < until:
                name = "0x" + secrets.token_hex(32)
                since = datetime.now(UTC) - timedelta(seconds=5)
                await asyncio.to_thread(twin.feed_purchase, hash=name, buyer_address="0x" + "34" * 20, quantity=3)
                market = run.places.market_ids[0]
                found = await run.attempt("purchase", client.wait_for_purchase(market, name, since=since, seconds=20))
                if found is not None and len(found) != 1:
                    run.broken(f"{len(found)} rows for one purchase")
                await asyncio.sleep(pause)


async def read_brokerstr(run: Run, pause: float) -> None:
    """Reads tokens, pages and KYC addresses."""
    while run.going:
        async with run.brokerstr_client() as client:
            until = run.life()
            while time.monotonic() < until:
                market = run.places.market_ids[0]
                await run.attempt("brokerstr read", client.token(run.places.listed_id))
                await run.attempt("brokerstr read", client.token_page(market, per_page=10))
                await run.attempt("brokerstr read", client.kyc_address_page(market))
                await run.cancelled("brokerstr read", lambda: client.token(run.places.listed_id))
                await asyncio.sleep(pause)


# -- TokenizationTR ----------------------------------------------------------------------------------------------------------------------


async def trade(run: Run, pause: float) -> None:
    """Buys, and sells at prices of which each is used once, so that a row tells whose it is."""
    user, token = run.places.user_id, run.places.token_id
    for begun in count(1):
        if not run.going:
            return
        async with run.tokenizationtr_client() as client:
            until = run.life()
            while time.monotonic() < until:
                number = run.number()
                reference = f"{run.name} trade {number}"
                # The buyer's process counts from 1, that of the child from where its name says.
                price = PriceIn(run.places.price_id, Decimal(number + _offset(run.name)))
                wishes = {
                    "sell": lambda: client.sell(user, token, quantity=1, price=price, reference=reference),  # noqa: B023
                    "buy": lambda: client.buy_primary(user, token, quantity=1 + number % 50, reference=reference),  # noqa: B023
                }
                what = run.random.choice(["sell", "buy"])
                await _wish(run, what, wishes[what], begun)
                await asyncio.sleep(run.random.uniform(0, 2 * pause))


async def _wish(run: Run, what: str, ask: Any, begun: int) -> None:
    """Ask under a reference; sometimes in vain, sometimes again: the second time nothing may be sent."""
    if run.random.random() < 0.1:
        await run.cancelled(what, ask)
        return
    done = await run.attempt(what, ask())
    if done is not None and run.random.random() < 0.3:
        again = await run.attempt(f"{what} again", ask())
        if again is not None and _ids(again) != _ids(done):
            run.broken(f"{what}: the same reference has two ids, {_ids(done)} and {_ids(again)}, in client {begun}")


def _ids(done: Any) -> tuple[Any, ...]:
    return tuple(getattr(done, name, None) for name in ("transaction_id", "purchase_id", "deal_id", "order_ids"))


def _offset(name: str) -> int:
    """Prices of another range for each life of the child process: ``child 3`` begins at 600,000."""
    return 200_000 * int(name.rpartition(" ")[2]) if " " in name else 0


async def read_tokenizationtr(run: Run, pause: float) -> None:
    """Reads a token, its market's currency, and a page of a user's transactions."""
    user, token = run.places.user_id, run.places.token_id
    while run.going:
        async with run.tokenizationtr_client() as client:
            until = run.life()
            while time.monotonic() < until:
                await run.attempt("tokenizationtr read", client.token_details(token))
                await run.attempt("tokenizationtr read", client.token(token))
                await run.attempt("tokenizationtr read", _some(client.transactions(user, per_page=10), 15))
                await run.cancelled("tokenizationtr read", lambda: client.token(token))
                await asyncio.sleep(pause)


async def _some(rows: Any, most: int) -> bool:
    """Begin to read a list, and leave it."""
    async with aclosing(rows):
        seen = 0
        async for _row in rows:
            seen += 1
            if seen >= most:
                break
    return True


# -- License.rocks -----------------------------------------------------------------------------------------------------------------------


async def order(run: Run, pause: float) -> None:
    """Orders, each with a billing address that names its reference, so that the twin's journal tells whose it is."""
    for begun in count(1):
        if not run.going:
            return
        async with run.licenserocks_client() as client:
            until = run.life()
            while time.monotonic() < until:
                reference = f"{run.name} invoice {run.number()}"
                billing = BillingData(city=reference, country="Germany", postal="10115", street="Hauptstraße 1")
                new = NewOrder(nft_id=405, listing_id=2, buyer_user_id=run.places.buyer_id, quantity=1, billing=billing)
                await _wish(run, "order", lambda: client.create_order(new, reference=reference), begun)  # noqa: B023
                await asyncio.sleep(run.random.uniform(0, 2 * pause))


async def read_licenserocks(run: Run, pause: float) -> None:
    """Reads orders, a buyer's list and addresses."""
    while run.going:
        async with run.licenserocks_client() as client:
            until = run.life()
            while time.monotonic() < until:
                await run.attempt("licenserocks read", client.orders([1, 2]))
                await run.attempt("licenserocks read", _some(client.user_orders(run.places.buyer_id, kind="purchased"), 12))
                await run.attempt("licenserocks read", client.delivery_addresses())
                await run.cancelled("licenserocks read", lambda: client.order(1))
                await asyncio.sleep(pause)
