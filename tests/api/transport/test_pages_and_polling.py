"""Pages end; polling, too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api.transport import Page, pages, poll
from orderseal.signing import InvalidInput, InvalidReply, RateLimited, Refused, Unfinished, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit


async def every(*given: Page[int], **options: Any) -> tuple[list[int], int]:
    asked = 0

    async def fetch(page: int, per_page: int) -> Page[int]:
        nonlocal asked
        asked += 1
        assert page == asked
        return given[min(page, len(given)) - 1]

    return [row async for row in pages(fetch, per_page=2, **options)], asked


@pytest.mark.parametrize(
    ("given", "rows", "asked"),
    [
        ([Page([], 0)], [], 1),
        ([Page([1, 2], 3), Page([3], 3)], [1, 2, 3], 2),
        ([Page([1, 2], 2)], [1, 2], 1),
        ([Page([1, 2]), Page([3]), Page([])], [1, 2, 3], 3),
        ([Page([1, 2])], [1, 2], 2),  # A venue that does not page.
        ([Page([1, 2]), Page([1, 2])], [1, 2], 2),
        ([Page([1, 2], None, 1), Page([2, 1], None, 1)], [1, 2], 2),
        ([Page([1, 2, 3, 4, 5], 3)], [1, 2, 3, 4, 5], 1),  # A total that lies gives no row away.
        ([Page([1], 5), Page([], 5)], [1], 2),
        ([Page([7, 7]), Page([7]), Page([])], [7, 7, 7], 3),
    ],
)
async def test_pages_end(given: list[Page[int]], rows: list[int], asked: int) -> None:
    assert await every(*given) == (rows, asked)


async def test_a_page_that_comes_twice_hides_no_rows(kit: Kit) -> None:
    """Nobody may take the first page for all there is."""
    error = await kit.raises(every(Page([1, 2], 100)), InvalidReply)
    assert "2 of 100" in str(error)


@pytest.mark.parametrize("total", [1, 100])
async def test_an_empty_first_page_of_rows(kit: Kit, total: int) -> None:
    """Nor nothing, where the venue itself says that there is something."""
    error = await kit.raises(every(Page([], total)), InvalidReply)
    assert f"{total} rows" in str(error)


async def test_pages_without_end(kit: Kit) -> None:
    count = 0

    async def fetch(page: int, per_page: int) -> Page[int]:
        nonlocal count
        count += 1
        return Page([page])

    rows: list[int] = []

    async def collect() -> None:
        async for row in pages(fetch, most=5):
            rows.append(row)

    await kit.raises(collect(), InvalidReply)
    assert (rows, count) == ([1, 2, 3, 4, 5], 5)


async def test_leaving_early_asks_no_more() -> None:
    asked: list[int] = []

    async def fetch(page: int, per_page: int) -> Page[int]:
        asked.append(page)
        return Page([page] * 2)

    found = pages(fetch)
    assert [await anext(found), await anext(found)] == [1, 1]
    await found.aclose()
    assert asked == [1]


@pytest.mark.parametrize("options", [{"per_page": 0}, {"per_page": True}, {"most": 0}, {"per_page": 1.5}])
async def test_pages_that_cannot_be(options: Any) -> None:
    async def fetch(page: int, per_page: int) -> Page[int]:
        raise AssertionError

    with pytest.raises(InvalidInput):
        await anext(pages(fetch, **options))


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


def reading(*answers: Any) -> Callable[[], Any]:
    left = list(answers)

    async def read() -> Any:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return read


async def test_polling() -> None:
    time = Time()
    read = reading("started", "started", "started", "done")
    assert await poll(read, lambda s: s == "done", what="wait", seconds=60, clock=time, sleep=time.sleep) == "done"
    assert time.slept == [1.0, 1.6, 2.56]
    time = Time()
    with pytest.raises(Unfinished) as caught:
        await poll(reading("started"), lambda s: s == "done", what="wait for it", seconds=60, longest=5, clock=time, sleep=time.sleep)
    assert (caught.value.last, caught.value.seconds, time.now) == ("started", 60.0, 60.0)
    assert max(time.slept) == 5
    assert str(caught.value).startswith("wait for it: not so after 60 s and 16 reads")


async def test_polling_survives_a_venue_that_is_away() -> None:
    limited = RateLimited("read", status=429, code=None, message="slow")
    limited.retry_after = 30.0
    time = Time()
    read = reading(Unreachable("gone"), "started", limited, "done")
    assert await poll(read, lambda s: s == "done", what="wait", seconds=60, clock=time, sleep=time.sleep) == "done"
    assert time.slept == [1.0, 1.6, 30.0]
    with pytest.raises(Unfinished) as caught:
        await poll(reading("started", Unreachable("gone")), lambda s: s == "done", what="w", seconds=9, clock=time, sleep=time.sleep)
    assert caught.value.last == "started"
    assert "Unreachable" in str(caught.value)


async def test_polling_ends_with_another_error() -> None:
    refused = Refused("read", status=404, code=None, message="no such thing")
    with pytest.raises(Refused):
        await poll(reading("started", refused), lambda s: False, what="w", seconds=9, first=0.01)


async def test_polling_once_and_a_read_that_hangs() -> None:
    assert await poll(reading("done"), lambda s: True, what="w", seconds=0) == "done"
    with pytest.raises(Unfinished):
        await poll(reading("started"), lambda s: False, what="w", seconds=0)
    calls = 0

    async def hang() -> str:
        nonlocal calls
        calls += 1
        if calls > 1:
            await asyncio.sleep(1000)
        return "started"

    with pytest.raises(Unfinished) as caught:
        await poll(hang, lambda s: False, what="w", seconds=0.3, first=0.05)
    assert (caught.value.last, calls) == ("started", 2)


async def test_polling_is_cancelled() -> None:
    task = asyncio.create_task(poll(reading("started"), lambda s: False, what="w", seconds=1000))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("options", [{"seconds": -1}, {"seconds": float("inf")}, {"first": 0}, {"longest": 0}], ids=repr)
async def test_polling_that_cannot_be(options: Any) -> None:
    with pytest.raises(InvalidInput):
        await poll(reading("x"), lambda s: True, **({"what": "w", "seconds": 1} | options))
