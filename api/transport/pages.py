"""Reading what comes in pages, numbered from 1."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from orderseal.signing import InvalidInput, InvalidReply, describe

__all__ = ["Page", "pages"]

R = TypeVar("R")

_MOST_PAGES: Final = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page.

    Attributes:
        items: the rows on it.
        total: how many rows there are on all pages, or ``None`` if the venue does not say.
        number: which page the venue says it is, or ``None``.
    """

    items: Sequence[R]
    total: int | None = None
    number: int | None = None


async def pages(
    fetch: Callable[[int, int], Awaitable[Page[R]]], *, per_page: int = 100, most: int = _MOST_PAGES, what: str = "read the pages"
) -> AsyncGenerator[R]:
    """Every row of a paged read, one page after the other.

    It ends when as many rows as the ``total`` have come, on an empty page, and on a page that came before: a venue that does not know
    the paging parameters gives the first page each time. Rows that are added or removed meanwhile may be missed or come twice.

    Args:
        fetch: ``async (page, per_page) -> Page``; the first page is 1.
        per_page: rows on a page.
        most: pages at most.

    Raises:
        InvalidReply: there are more than ``most`` pages; the first is empty although there are rows by its own ``total``; or the same page
            came again although there are more. What the iteration gave until then is not all.
        VenueError: as ``fetch`` raises.
    """
    for path, value in (("per_page", per_page), ("most", most)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidInput(path=path, expected="a number from 1 on", actual=describe(value))
    seen = 0
    before: Any = None
    for number in range(1, most + 1):
        page = await fetch(number, per_page)
        rows = list(page.items)
        if not rows:
            if number == 1 and page.total:
                raise InvalidReply(f"{what}: the first page is empty, and the venue says that there are {page.total} rows", status=200)
            return
        if number > 1 and (rows == before or (page.number is not None and page.number < number)):
            if page.total is not None and seen < page.total:
                raise InvalidReply(f"{what}: the venue gave a page twice, {seen} of {page.total} rows came", status=200)
            return
        for row in rows:
            yield row
        seen += len(rows)
        before = rows
        if page.total is not None and seen >= page.total:
            return
    raise InvalidReply(f"{what}: more than {most} pages, {seen} rows came", status=200)
