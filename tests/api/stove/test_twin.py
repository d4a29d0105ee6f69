"""A maker and a taker over the sandbox, which was written from the documents alone: validate, lock, fill; lost answers; cancellations."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.api.transport import Retries
from orderseal.sandbox import Fault, Sandbox, Settings
from orderseal.signing import Ledger, OutcomeUnknown, Refused, Unauthorized
from orderseal.signing.ledger import CancelState, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, Watch

pytestmark = pytest.mark.once

LIMIT = Decimal("150.25")
PRICE = 15025 * 10**16


@pytest.fixture(scope="module", params=[0, 4, 5])
def venue(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Three of the sandbox's characters: whole shares or wei, a fill's own quantity or the order's."""
    with Sandbox(Settings(takers="manual", seed=request.param), start_timeout=60) as running:
        yield running


@pytest.fixture
def sides(venue: Sandbox, kit: Kit, watch: Watch) -> Iterator[tuple[stove.Maker, stove.Taker]]:
    """A maker with a key of its own, and a taker with one."""
    given = venue.new_taker()
    watch.hide(given["taker_secret"])
    network = stove.TESTNET.at(venue.url)
    with (
        stove.Maker(network, kit.signer(), Ledger(MemoryStore())) as maker,
        stove.Taker(network, given["taker_key"], given["taker_secret"], given["taker_address"]) as taker,
    ):
        yield maker, taker
    venue.calm()


def shown(taker: stove.Taker, placed: stove.Placed) -> stove.TakerOrder:
    (found,) = [order for order in taker.orders(sort_by="created_at").orders if order.order_hash == placed.venue.order_hash]
    return found


def offered(taker: stove.Taker, placed: stove.Placed) -> stove.TakerOrder:
    (found,) = [order for order in taker.available() if order.order_hash == placed.venue.order_hash]
    return found


def buy(maker: stove.Maker, shares: int = 10) -> stove.Placed:
    return maker.buy("AAPL", shares=shares, limit=LIMIT, pay_with="USDT")


def test_validate_lock_fill(sides: tuple[stove.Maker, stove.Taker]) -> None:
    maker, taker = sides
    placed = buy(maker)
    order = offered(taker, placed)
    signed = taker.check(order)
    assert signed.order == placed.order
    validation = taker.validate(signed)
    assert (validation.signature_valid, validation.not_expired) == (True, True)
    assert (validation.order_hash, validation.maker_balance >= 0) == (placed.venue.order_hash, True)
    lock = taker.lock(order, lock_duration=300)
    assert (lock.expires_at - lock.locked_at).total_seconds() == 300
    assert shown(taker, placed).locked_by == taker.address
    assert not [one for one in taker.available() if one.order_hash == order.order_hash]

    first = taker.fill(order, shares=4, incentive=placed.order.incentive // 2)
    assert (first.filled_amount, first.status) == (4 * PRICE, "partially_filled")
    half = shown(taker, placed)
    assert (half.filled_shares(placed.order).whole, half.is_final) == (4, False)
    assert half.shares(placed.order).unit is half.shares().unit
    second = taker.fill(half, shares=6, incentive=0)
    assert second.status == "filled"
    records = taker.fills(order_hash=placed.venue.order_hash).fills
    assert sum(record.fill_quantity for record in records) == shown(taker, placed).quantity
    assert sum(record.fill_amount for record in records) == 10 * PRICE
    assert {record.tx_hash for record in records} == {first.tx_hash, second.tx_hash}
    assert maker.client.order(placed.venue.order_hash).status == "filled"
    assert [change.to_status for change in maker.watch(placed)] == ["filled"]


def test_an_hour_by_default_and_given_back(sides: tuple[stove.Maker, stove.Taker]) -> None:
    maker, taker = sides
    placed = buy(maker)
    lock = taker.lock(offered(taker, placed))
    assert (lock.expires_at - lock.locked_at).total_seconds() == 3600
    assert taker.unlock(placed.venue.order_hash).success
    assert offered(taker, placed).status == "pending"


def test_a_lost_lock_and_a_lost_fill_are_settled_by_reading(venue: Sandbox, sides: tuple[stove.Maker, stove.Taker]) -> None:
    maker, taker = sides
    placed = buy(maker)
    order = offered(taker, placed)
    venue.inject(Fault("drop_after"), path="/api/v1/orders/lock")
    with pytest.raises(OutcomeUnknown, match="orders\\(\\)"):
        taker.lock(order)
    assert shown(taker, placed).locked_by == taker.address

    venue.inject(Fault("drop_after"), path="/api/v1/orders/fill")
    with pytest.raises(OutcomeUnknown, match="fills\\("):
        taker.fill(order, shares=4, incentive=0)
    (record,) = taker.fills(order_hash=placed.venue.order_hash).fills
    assert record.fill_amount == 4 * PRICE

    venue.inject(Fault("drop_before"), path="/api/v1/orders/fill")
    with pytest.raises(OutcomeUnknown):
        taker.fill(order, shares=1, incentive=0)
    assert len(taker.fills(order_hash=placed.venue.order_hash).fills) == 1


def test_a_cancellation_is_asked_of_the_taker(sides: tuple[stove.Maker, stove.Taker]) -> None:
    maker, taker = sides
    kept, released = buy(maker), buy(maker)
    for placed in (kept, released):
        taker.lock(offered(taker, placed))
        assert maker.cancel(placed).state is CancelState.ACKNOWLEDGED
    assert taker.cancel_result(kept.venue.order_hash, cancelled=False, message="trading").success
    assert taker.cancel_result(released.venue.order_hash, cancelled=True, message="released").success
    assert (shown(taker, kept).status, shown(taker, released).status) == ("locked", "cancelled")
    assert maker.cancel(released).state is CancelState.DONE


def test_what_is_somebody_elses_is_refused(venue: Sandbox, kit: Kit, watch: Watch, sides: tuple[stove.Maker, stove.Taker]) -> None:
    maker, taker = sides
    given = venue.new_taker()
    watch.hide(given["taker_secret"])
    placed = buy(maker)
    order = offered(taker, placed)
    taker.lock(order)
    with stove.Taker(taker.network, given["taker_key"], given["taker_secret"], given["taker_address"]) as other:
        with pytest.raises(Refused):
            other.lock(order)
        with pytest.raises(Refused):
            other.unlock(placed.venue.order_hash)
        with pytest.raises(Refused):
            other.fill(order, shares=1, incentive=0)
        venue.expire_taker(given["taker_key"])
        with pytest.raises(Unauthorized) as caught:
            other.available()
        assert caught.value.code == 10010010
    with stove.Taker(taker.network, given["taker_key"], "x" * 40, given["taker_address"]) as forger, pytest.raises(Unauthorized):
        forger.orders()


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_a_wrong_clock_is_said(venue: Sandbox, kit: Kit, watch: Watch, sides: tuple[stove.Maker, stove.Taker], offset: int) -> None:
    import time

    given = venue.new_taker()
    watch.hide(given["taker_secret"])
    options: dict[str, Any] = {"retries": Retries.none(), "clock": lambda: time.time() + offset}
    with (
        stove.Taker(sides[1].network, given["taker_key"], given["taker_secret"], given["taker_address"], **options) as late,
        pytest.raises(Unauthorized, match="the venue's: set it right") as caught,
    ):
        late.available()
    assert caught.value.code == 10010011


def test_public_pages_and_corporate_actions(venue: Sandbox, sides: tuple[stove.Maker, stove.Taker]) -> None:
    maker, taker = sides
    placed = buy(maker)
    with stove.Public(taker.network) as public:
        assert public.stats().total_orders >= 1
        book = public.order_book("AAPL")
        assert LIMIT in {level.price for level in book.bid}
        stats = public.ticker_stats("AAPL")
        assert stats.address == maker.client.token_address("AAPL").token_address
        assert stats.orders >= 0
    taker.lock(offered(taker, placed))
    terms = {"params": {"split_ratio": "4", "compensation_per_share": "0", "fee_amount": "0"}}
    quantities = {"holding_qty": "100", "action_qty": "400", "compensation_qty": "0"}
    venue.announce_action(str(maker.scope.account), "AAPL", "stock_split", **quantities, **terms)
    (action,) = maker.client.corporate_actions()
    assert (action.action_type, action.holding_qty, action.action_qty) == ("stock_split", Decimal(100), Decimal(400))
    assert action.params is not None
    assert action.params.split_ratio == Decimal(4)
    assert maker.client.corporate_actions(token=stats.address) == (action,)
    assert maker.client.corporate_actions(token="0x" + "77" * 20) == ()


async def test_the_same_with_await(venue: Sandbox, client_of: Callable[..., stove.AsyncClient], kit: Kit, watch: Watch) -> None:
    given = venue.new_taker()
    watch.hide(given["taker_secret"])
    signer = kit.signer()
    client = client_of(venue.url, signer)
    signed = kit.signed_order(signer, nonce=await client.next_nonce())
    placed = await client.create(signed)
    network = stove.TESTNET.at(venue.url)
    async with stove.AsyncTaker(network, given["taker_key"], given["taker_secret"], given["taker_address"]) as taker:
        (order,) = [one for one in await taker.available() if one.order_hash == placed.order_hash]
        assert taker.check(order) == signed
        await taker.lock(order)
        done = await taker.fill(order, shares=60, incentive=signed.order.incentive)
        assert (done.status, done.incentive_amount) == ("filled", signed.order.incentive)
    found = await client.find(signed)
    assert found is not None
    assert found.filled_shares(signed.order).whole == 60
