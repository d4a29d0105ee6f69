"""Reads are asked again where that helps, writes never; what each answer means."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from email.utils import formatdate
from types import NoneType
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api.transport import Call, Caller, Limits, RateLimit, Retries
from orderseal.signing import InvalidInput, InvalidReply, OutcomeUnknown, RateLimited, Refused, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer
    from tests.api.transport.conftest import Venue

PATH = "/things/t1"


async def test_a_read(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = venue.reply()
    caller = caller_of(server.url, headers={"X-Target-Server": "integration"})
    call = venue.call(query={"page": 1, "none": None, "yes": True, "types": [1, 2], "name": "a&b=ü"}, headers={"x-target-server": "auth"})
    assert await caller.read(call) == venue.Thing("t1", 3)
    (seen,) = server.seen
    assert seen.target == "/things/t1?page=1&yes=true&types=1&types=2&name=a%26b%3D%C3%BC"
    assert (seen.method, seen.body, seen.headers["x-target-server"]) == ("GET", b"", "auth")
    assert sum(line.lower().startswith("x-target-server") for line in seen.header_lines) == 1
    assert len(seen.headers["x-request-id"]) == 32
    assert "content-type" not in seen.headers
    assert seen.headers["accept-encoding"] == "identity"


async def test_a_body_is_exact(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes["/things"] = venue.reply(201)
    body = {"amount": Decimal("12.50"), "n": 2**60, "t": "ü", "nothing": None}
    await caller_of(server.url).write(venue.call("/things", method="POST", body=body))
    (seen,) = server.seen
    assert seen.body == '{"amount":12.50,"n":1152921504606846976,"t":"ü","nothing":null}'.encode()
    assert seen.headers["content-type"] == "application/json"
    await caller_of(server.url).write(venue.call("/things", method="PUT", raw=b"[1 ]"))
    assert server.seen[-1].body == b"[1 ]"


@pytest.mark.parametrize("body", [{"a": [1.5]}, {"a": float("nan")}, {"a": Decimal("Infinity")}, {"a": object()}, {1j: 2}], ids=range(5))
async def test_a_body_that_json_does_not_hold_exactly(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], body: Any
) -> None:
    await kit.raises(caller_of(server.url).write(venue.call("/things", body=body)), InvalidInput)
    assert server.seen == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_is_asked_again(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], status: int) -> None:
    server.routes[PATH] = [venue.error(status), venue.reply(status, b"<html>busy</html>"), venue.reply()]
    assert (await caller_of(server.url).read(venue.call(method="POST"))).count == 3
    assert server.count() == 3
    assert len({seen.headers["x-request-id"] for seen in server.seen}) == 3


async def test_a_read_whose_connection_breaks_is_asked_again(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    half = kit.plays(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"))
    server.routes[PATH] = [b"", kit.plays(kit.reset), half, venue.reply()]
    await caller_of(server.url).read(venue.call())
    assert server.count() == 4


@pytest.mark.parametrize(
    ("status", "expected", "times"),
    [(status, RateLimited if status == 429 else Unreachable, 4) for status in (429, 502, 503, 504)]
    + [(status, Refused, 1) for status in (400, 403, 404, 409, 422)]
    + [(401, Unauthorized, 1), (408, Unreachable, 1), (500, Unreachable, 1), (501, Unreachable, 1)],
)
async def test_attempts_of_a_read_are_bounded(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], status: int, expected: Any, times: int
) -> None:
    server.routes[PATH] = venue.error(status)
    await kit.raises(caller_of(server.url).read(venue.call()), expected)
    assert server.count() == times


async def test_the_time_of_a_read_is_bounded(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = venue.error(503)
    retries = Retries(attempts=1000, seconds=0.3, first=0.05, longest=0.05, jitter=0.0)
    began = time.monotonic()
    await kit.raises(caller_of(server.url, retries=retries).read(venue.call()), Unreachable)
    assert 0.25 < time.monotonic() - began < 5
    assert 2 <= server.count() <= 8


async def test_retry_after_in_seconds(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = [venue.error(429, Retry_After="1"), venue.reply()]
    began = time.monotonic()
    await caller_of(server.url).read(venue.call())
    assert 0.99 <= time.monotonic() - began < 10


async def test_retry_after_as_a_date(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    """Compared with the venue's own clock: it may be hours from ours."""
    then = time.time() - 7200
    dates = {"Date": formatdate(then, usegmt=True), "Retry_After": formatdate(then + 1, usegmt=True)}
    server.routes[PATH] = [venue.reply(503, b"", **dates), venue.reply()]
    began = time.monotonic()
    await caller_of(server.url).read(venue.call())
    assert 0.99 <= time.monotonic() - began < 10


@pytest.mark.parametrize("value", ["21", "999999999", "Fri, 31 Dec 2199 23:59:59 GMT"])
async def test_retry_after_beyond_our_time_ends_it_at_once(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], value: str
) -> None:
    server.routes[PATH] = venue.error(429, Retry_After=value)
    began = time.monotonic()
    error = await kit.raises(caller_of(server.url).read(venue.call()), RateLimited)
    assert error.retry_after is not None
    assert error.retry_after > 20
    assert time.monotonic() - began < 5
    assert server.count() == 1


@pytest.mark.parametrize("value", ["soon", "-1", "1e3", "9" * 5000, "٣", "Mon, 99 Jan 2020 00:00:00 GMT"], ids=lambda v: ascii(v)[:20])
async def test_a_retry_after_that_is_none(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], value: str) -> None:
    server.routes[PATH] = (
        [venue.error(429, Retry_After=value).decode("latin-1", "ignore").encode("latin-1"), venue.reply()]
        if value.isascii()
        else venue.reply()
    )
    await caller_of(server.url).read(venue.call())


async def test_a_429_holds_all_who_share_the_limit(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    rate = RateLimit(count=100, per=1.0, patience=2.0)
    server.routes[PATH] = venue.error(429, Retry_After="60")
    await kit.raises(caller_of(server.url, rate=rate).write(venue.call()), RateLimited)
    error = await kit.raises(caller_of(server.url, rate=rate).read(venue.call()), RateLimited)
    assert (error.status, server.count()) == (0, 1)
    assert 55 < (error.retry_after or 0) <= 60
    assert "[not sent]" in str(error)


WRITES: dict[str, Any] = {
    "no answer": b"",
    "408": 408,
    "500": 500,
    "502": 502,
    "503": 503,
    "504": 504,
    "302": 302,
    "204 with nothing": 204,
    "HTML": b"<html>",
    "half": b'{"id":"t1","count"',
    "another type": b'{"id":7}',
    "null": b"null",
    "an empty body": b"",
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_is_sent_once_and_its_outcome_is_unknown(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], name: str
) -> None:
    kind = WRITES[name]
    answer = kind if name == "no answer" else venue.error(kind) if isinstance(kind, int) else venue.reply(200, kind)
    server.routes[PATH] = [answer, venue.reply()]
    call = venue.call(method="POST", reference="buy-7", settle="read the user's purchases", body={})
    error = await kit.raises(caller_of(server.url).write(call), OutcomeUnknown)
    assert (error.reference, error.nonce) == ("buy-7", None)
    assert "buy-7" in str(error)
    assert "read the user's purchases" in str(error)
    await asyncio.sleep(0.1)
    assert server.count() == 1


@pytest.mark.parametrize(("status", "expected"), [(400, Refused), (401, Unauthorized), (403, Refused), (429, RateLimited), (200, Refused)])
async def test_a_write_that_is_refused(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], status: int, expected: Any
) -> None:
    server.routes[PATH] = [venue.error(status, "no", "NOPE", {"a": 1}, X_Request_Id="r-1"), venue.reply()]
    error = await kit.raises(caller_of(server.url).write(venue.call()), expected)
    assert (error.status, error.code, error.message, error.details, error.request_id) == (status, "NOPE", "no", '{"a":1}', "r-1")
    assert server.count() == 1


FOREIGN = [b"<html>Too many</html>", b'{"message":"API rate limit exceeded"}', b'{"error":"text"}', b'{"error":{"code":1}}', b"", b"null"]
FOREIGN += [
    b'{"error":{"code":"A","message":"x"},"error":{"code":"B","message":"y"}}',
    b'{"error":{"code":"A","message":"x","details":NaN}}',
]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
@pytest.mark.parametrize("body", FOREIGN, ids=range(len(FOREIGN)))
async def test_what_is_not_the_venues_own_envelope_is_no_refusal(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], status: int, body: bytes
) -> None:
    server.routes[PATH] = venue.reply(status, body)
    caller = caller_of(server.url, retries=Retries.none())
    await kit.raises(caller.write(venue.call()), OutcomeUnknown)
    expected = {401: Unauthorized, 429: RateLimited}.get(status, InvalidReply)
    await kit.raises(caller.read(venue.call()), expected)
    assert server.count() == 2


async def test_where_the_reply_is_wrong_is_said(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = venue.reply(200, [{"id": "a"}, {"id": "b", "count": "3"}])
    error = await kit.raises(caller_of(server.url).read(venue.call(returns=venue.Things)), InvalidReply)
    assert (error.path, error.status) == ("$[1].count", 200)
    assert server.count() == 1


ROWS: list[tuple[Any, str | None]] = [
    ({"id": "a", "count": 1, "more": [1.5]}, None),
    ({"id": "a"}, None),
    ({"id": None}, "$.id"),
    ({"count": 1}, "$"),
    ({"id": "a", "count": 1.5}, "$.count"),
    ({"id": "a", "count": "1"}, "$.count"),
    ({"id": "a", "count": True}, "$.count"),
    ({"id": "a", "count": 1e300}, "$.count"),
    ([], "$"),
]


@pytest.mark.parametrize(("body", "path"), ROWS, ids=[str(row[0]) for row in ROWS])
async def test_members_that_are_missing_more_or_wrong(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], body: Any, path: str | None
) -> None:
    server.routes[PATH] = venue.reply(200, json.dumps(body).encode())
    if path is None:
        await caller_of(server.url).read(venue.call())
    else:
        error = await kit.raises(caller_of(server.url).read(venue.call()), InvalidReply)
        assert error.path in (path, None if path == "$" else path)


async def test_no_reply_and_bytes(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], kit: Kit) -> None:
    server.routes[PATH] = [venue.reply(200, b""), venue.reply(200, {}), venue.reply(200, b"<html>"), venue.reply(200, b"[NaN]")]
    caller = caller_of(server.url)
    nothing = Call("set", "PUT", PATH, NoneType)
    await caller.write(nothing)
    await caller.write(nothing)
    await kit.raises(caller.write(nothing), OutcomeUnknown)
    await kit.raises(caller.write(nothing), OutcomeUnknown)
    server.routes[PATH] = [venue.reply(200, b"%PDF\x00"), venue.error(200), venue.error(404)]
    pdf = Call("print", "POST", PATH, bytes)
    assert await caller.read(pdf) == b"%PDF\x00"
    await kit.raises(caller.read(pdf), Refused)
    await kit.raises(caller.read(pdf), Refused)


async def test_before_write(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = venue.reply()
    calls: list[int] = []

    def refuse() -> None:
        calls.append(1)
        raise InvalidInput(path="lease", expected="one", actual="none")

    await kit.raises(caller_of(server.url).write(venue.call(before_write=refuse)), InvalidInput)
    assert (server.count(), calls) == (0, [1])
    await caller_of(server.url).write(venue.call(before_write=lambda: calls.append(2)))
    assert calls == [1, 2]


async def test_the_venues_clock(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], kit: Kit) -> None:
    now = 1_800_000_000.0
    server.routes[PATH] = venue.reply(200, None, Date=formatdate(now + 100, usegmt=True))
    caller = caller_of(server.url, clock=lambda: now)
    await caller.read(venue.call())
    assert abs((caller.venue_clock.offset() or 0) - 100) < 3
    other = caller_of(server.url, clock=lambda: now)
    server.routes[PATH] = venue.reply(404, b"<html>", Date=formatdate(now + 100, usegmt=True))
    await kit.raises(other.read(venue.call()), InvalidReply)
    assert other.venue_clock.offset() is None
    server.routes[PATH] = venue.error(404, Date=formatdate(now + 50, usegmt=True))
    await kit.raises(other.read(venue.call()), Refused)
    assert abs((other.venue_clock.offset() or 0) - 50) < 3


async def test_a_closed_caller_sends_nothing(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    caller = caller_of(server.url)
    await caller.aclose()
    await caller.aclose()
    await kit.raises(caller.write(venue.call()), Unreachable)
    await kit.raises(caller.read(venue.call()), Unreachable)
    assert server.seen == []


async def test_nobody_listens(kit: Kit, venue: Venue, caller_of: Callable[..., Caller]) -> None:
    caller = caller_of("http://127.0.0.1:1")
    await kit.raises(caller.read(venue.call()), Unreachable)
    await kit.raises(caller.write(venue.call(reference="x")), Unreachable)


async def test_a_cancelled_call(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = server.hang
    caller = caller_of(server.url, limits=Limits(total=20.0))
    for act in (caller.read, caller.write):
        count = server.count()
        task = asyncio.create_task(act(venue.call()))
        await asyncio.to_thread(server.wait, PATH, count + 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        assert server.count() == count + 1


async def test_a_cancelled_back_off(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = venue.error(503)
    caller = caller_of(server.url, retries=Retries(first=30.0, longest=30.0))
    task = asyncio.create_task(caller.read(venue.call()))
    await asyncio.to_thread(server.wait, PATH)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.count() == 1


@pytest.mark.parametrize(
    "options", [{"attempts": 0}, {"attempts": True}, {"attempts": 1.5}, {"seconds": -1}, {"first": float("nan")}], ids=repr
)
def test_retries_that_cannot_be(options: Any) -> None:
    with pytest.raises(InvalidInput):
        Retries(**options)


@pytest.mark.parametrize("reference", ["", "a\nb", "x" * 257, 7], ids=ascii)
async def test_a_reference_that_is_none(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], reference: Any
) -> None:
    await kit.raises(caller_of(server.url).write(venue.call(reference=reference)), InvalidInput)
    assert server.seen == []
