"""Cuts a listing into pages, as every platform does in some way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

from orderseal.sandbox.twins.endpoint import Refusal

T = TypeVar("T")

LargePage = Literal["clamped", "refused"]
MOST = 100
"""No document gives a maximum; beyond this one a run either clamps or refuses."""


def cut(rows: Sequence[T], page: int, size: int, large: LargePage) -> tuple[list[T], int]:
    """Return the rows of a page, and the page size that was used."""
    if page < 1 or size < 1:
        raise Refusal("invalid", "page and per_page must be greater than 0")
    if size > MOST and large == "refused":
        raise Refusal("invalid", f"per_page must be at most {MOST}")
    size = min(size, MOST)
    return list(rows[(page - 1) * size : page * size]), size
