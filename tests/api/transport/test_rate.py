"""The rate limit: fair, bounded, safe to cancel, shared by threads, and never above what the venue counts."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api.transport import RateLimit
from orderseal.signing import InvalidInput, RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer
    from tests.api.transport.conftest import Venue

    from orderseal.api.transport import Caller


class Time:
    """A clock that goes on when everybody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


def limit(time: Time, count: int = 3, per: float = 10.0, patience: float = 1000.0) -> RateLimit:
    return RateLimit(count=count, per=per, patience=patience, clock=time, sleep=time.sleep)


async def test_first_come_first_served() -> None:
    time = Time()
    rate = limit(time)
    order: list[tuple[int, float]] = []

    async def one(number: int) -> None:
        waited = await rate.wait()
        order.append((number, time.now))
        assert waited == time.now - 100.0

    await asyncio.gather(*[one(number) for number in range(10)])
    assert [number for number, _ in order] == list(range(10))
    assert [at for _, at in order] == [100.0] * 3 + [110.0] * 3 + [120.0] * 3 + [130.0]


async def test_no_window_ever_sees_more() -> None:
    time = Time()
    rate = limit(time, count=5, per=60.0)
    went: list[float] = []
    for step in (0, 0, 7, 1, 30, 0, 0, 0, 12, 60, 0, 0, 0, 0, 0, 0, 0.5, 59.4, 0, 0, 0):
        time.now += step
        await rate.wait()
        went.append(time.now)
    assert len(went) == 21
    for start in went:
        assert sum(start <= at < start + 60.0 for at in went) <= 5


async def test_it_waits_no_longer_than_its_patience() -> None:
    time = Time()
    rate = limit(time, count=2, per=10.0, patience=15.0)
    went: list[Any] = await asyncio.gather(*[rate.wait("buy") for _ in range(7)], return_exceptions=True)
    errors = [error for error in went if isinstance(error, RateLimited)]
    assert len(errors) == 3
    assert {error.retry_after for error in errors} == {20.0}
    assert {error.status for error in errors} == {0}
    assert "buy" in str(errors[0])
    assert "Nothing was sent" in str(errors[0])
    assert await rate.wait(patience=100.0) > 0
    await rate.wait()
    with pytest.raises(RateLimited):
        await rate.wait(patience=0.0)


async def test_who_leaves_the_line_takes_no_token() -> None:
    """The others move up, whether the first or one in the middle leaves."""
    time = Time()
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await gate.wait()
        await time.sleep(seconds)

    rate = RateLimit(count=1, per=10.0, patience=1000.0, clock=time, sleep=sleep)
    await rate.wait()
    went: list[int] = []

    async def one(number: int) -> None:
        await rate.wait()
        went.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(5)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    tasks[2].cancel()
    await asyncio.sleep(0.01)
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert went == [1, 3, 4]
    assert time.now == 130.0
    assert len(rate._line) == 0


async def test_a_cancellation_in_the_very_moment_of_its_turn() -> None:
    rate = RateLimit(count=1, per=0.05, patience=60.0)
    await rate.wait()
    for _ in range(20):
        tasks = [asyncio.create_task(rate.wait()) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert len(rate._line) == 0
    async with asyncio.timeout(10):
        await rate.wait()


async def test_a_hold() -> None:
    time = Time()
    rate = limit(time, count=3, per=10.0, patience=50.0)
    rate.hold(30.0)
    rate.hold(5.0)
    await asyncio.gather(*[rate.wait() for _ in range(4)])
    assert time.now == 140.0
    rate.hold(100.0)
    with pytest.raises(RateLimited) as caught:
        await rate.wait()
    assert caught.value.retry_after == 100.0


async def test_a_hold_that_comes_while_somebody_waits() -> None:
    time = Time()
    rate = limit(time, count=1, per=10.0, patience=50.0)
    await rate.wait()
    first = asyncio.create_task(rate.wait())
    await asyncio.sleep(0)
    rate.hold(200.0)
    with pytest.raises(RateLimited):
        await first


async def test_none() -> None:
    rate = RateLimit.none()
    for _ in range(10_000):
        assert await rate.wait() == 0.0
    rate.hold(100.0)
    with pytest.raises(RateLimited):
        await rate.wait(patience=1.0)
    assert repr(rate) == "RateLimit.none()"
    assert repr(RateLimit(count=50, per=60)) == "RateLimit(count=50, per=60, patience=60)"


def test_threads_share_one() -> None:
    rate = RateLimit(count=20, per=0.5, patience=60.0)
    went: list[float] = []
    import time

    def work() -> None:
        async def many() -> None:
            async def one() -> None:
                await rate.wait()
                went.append(time.monotonic())

            await asyncio.gather(*[one() for _ in range(15)])

        asyncio.run(many())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(went) == 60
    went.sort()
    assert all(later - earlier > 0.4 for earlier, later in zip(went, went[20:], strict=False))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
async def test_a_forked_child_has_a_line_of_its_own() -> None:
    rate = RateLimit(count=1, per=1000.0, patience=0.0)
    await rate.wait()
    rate._process = -1  # As a child sees it.
    assert await rate.wait() < 1.0


@pytest.mark.parametrize(
    "options", [{"count": 0}, {"count": True}, {"count": 1.5}, {"per": 0}, {"per": -1}, {"per": float("nan")}, {"patience": -1}], ids=repr
)
def test_limits_that_cannot_be(options: Any) -> None:
    with pytest.raises(InvalidInput):
        RateLimit(**({"count": 1, "per": 1.0} | options))


async def test_a_caller_keeps_to_it(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    """Reads, writes and attempts alike; what waits too long was not sent."""
    rate = RateLimit(count=3, per=0.6, patience=30.0)
    server.otherwise = venue.reply()
    one, other = caller_of(server.url, rate=rate), caller_of(server.url, rate=rate)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(one.read(venue.call()), other.write(venue.call()), one.write(venue.call()), other.read(venue.call()))
    assert 0.55 < asyncio.get_running_loop().time() - began < 10
    impatient = caller_of(server.url, rate=RateLimit(count=1, per=100.0, patience=0.1))
    await impatient.write(venue.call())
    error = await kit.raises(impatient.write(venue.call(reference="x")), RateLimited)
    assert error.retry_after is not None
    assert server.count() == 5
