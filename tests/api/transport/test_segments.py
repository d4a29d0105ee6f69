"""What comes into an address: an id with a slash reaches no other end point, and a line break forges no header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderseal.api.transport import segment
from orderseal.api.transport.segments import check_headers, fill, query_pairs, query_string
from orderseal.signing import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer
    from tests.api.transport.conftest import Venue

    from orderseal.api.transport import Caller

BAD: list[Any] = [
    "",
    ".",
    "..",
    "...",
    " ",
    ". .",
    "a/b",
    "../../admin",
    "a\\b",
    "a?b",
    "a#b",
    "%2e%2e",
    "a%2Fb",
    "a;b",
    "a\nb",
    "a\r\n",
    "a\x00",
]
BAD += ["a\u2028b", "\u202e", "x" * 257, None, True, -1, 1.5, b"a", ["a"], "\ud800"]


@pytest.mark.parametrize("value", BAD, ids=ascii)
async def test_an_id_that_names_another_place(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], value: Any
) -> None:
    with pytest.raises(InvalidInput):
        segment(value, "thing_id")
    error = await kit.raises(caller_of(server.url).write(venue.call(segments={"thing_id": value})), InvalidInput)
    assert error.path == "thing_id"
    assert (server.seen, server.connections) == ([], 0)


GOOD = ["693d6f791f8a9198aba44f50", "1,2,5", "deal_123", "a b", "ü", "a@b.c", "a:b", "~", "..a", "a&b=c+d", "漢字"]


@pytest.mark.parametrize("value", GOOD)
async def test_an_id_arrives_as_it_is(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], value: str) -> None:
    server.otherwise = venue.reply()
    await caller_of(server.url).read(venue.call("/v2/{thing_id}/buy", segments={"thing_id": value}))
    (seen,) = server.seen
    assert unquote(seen.target) == f"/v2/{value}/buy"
    assert seen.target.count("/") == 3


def test_numbers_and_the_documented_list() -> None:
    assert segment(0) == "0"
    assert segment(2**70) == str(2**70)
    assert segment("1,2,5") == "1,2,5"


@given(st.text(max_size=30))
def test_any_text_is_one_segment_or_refused(text: str) -> None:
    try:
        found = segment(text)
    except InvalidInput:
        return
    assert unquote(found) == text
    assert found.isascii()
    assert not set(found) & set("/?#\\; ")


@pytest.mark.parametrize(
    ("template", "segments"),
    [("/a/{b}", {}), ("/a", {"b": "c"}), ("a/{b}", {"b": "c"}), ("/a?b", {}), ("/{B}", {"B": "c"}), ("/a/{b", {"b": "c"}), ("/a b", {})],
)
def test_templates_that_are_none(template: str, segments: Any) -> None:
    with pytest.raises(InvalidInput):
        fill(template, segments)


@pytest.mark.parametrize("value", [1.5, "a\nb", b"x", {"a": 1}, object(), ["a", None], "x" * 2000], ids=lambda v: ascii(v)[:12])
def test_query_values_that_are_none(value: Any) -> None:
    with pytest.raises(InvalidInput):
        query_pairs({"a": value})


def test_a_query() -> None:
    pairs = query_pairs({"a": 1, "b": None, "c": False, "d": ["x", 2], "e": "", "f": "ü&="})
    assert query_string(pairs) == "a=1&c=false&d=x&d=2&e=&f=%C3%BC%26%3D"


@pytest.mark.parametrize(
    ("name", "value"), [("A", "b\r\nC: d"), ("A\n", "b"), ("A:", "b"), ("", "b"), ("A", ""), ("A", "ü"), ("A", " b"), ("A", None)]
)
async def test_headers_with_line_breaks(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], name: Any, value: Any
) -> None:
    with pytest.raises(InvalidInput):
        check_headers({name: value})
    await kit.raises(caller_of(server.url).write(venue.call(headers={name: value})), InvalidInput)
    with pytest.raises(InvalidInput):
        caller_of(server.url, headers={name: value})
    assert server.connections == 0
