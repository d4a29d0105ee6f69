"""Hooks are told everything once, nothing secret, and cannot break a call."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, NoOpTracerProvider, SpanKind, StatusCode

from orderseal.api.transport import Call, Facts, Hooks, Limits, RateLimit, TokenAuth, opentelemetry_hooks
from orderseal.signing import InvalidInput, InvalidReply, OutcomeUnknown, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer
    from tests.api.transport.conftest import Venue

    from orderseal.api.transport import Caller

PATH = "/things/t1"


class Keeper:
    def __init__(self) -> None:
        self.told: list[tuple[str, Facts]] = []

    def request(self, facts: Facts) -> None:
        self.told.append(("request", facts))

    def response(self, facts: Facts) -> None:
        self.told.append(("response", facts))

    def failure(self, facts: Facts) -> None:
        self.told.append(("failure", facts))

    def retry(self, facts: Facts) -> None:
        self.told.append(("retry", facts))

    def wait(self, facts: Facts) -> None:
        self.told.append(("wait", facts))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.told]


async def test_a_read_that_takes_three(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], kit: Kit) -> None:
    keeper = Keeper()
    server.routes[PATH] = [b"", venue.error(503), venue.reply()]
    token = kit._watch.hide("secret-token-1")
    caller = caller_of(server.url, hooks=keeper, auth=TokenAuth(token))
    await caller.read(venue.call(query={"email": "who@example.com"}, body={"name": "Doe"}))
    assert keeper.events == ["request", "failure", "retry", "request", "response", "retry", "request", "response"]
    facts = [facts for _, facts in keeper.told]
    assert [(one.attempt, one.status, one.error) for one in facts] == [
        (1, None, None),
        (1, None, "Unreachable"),
        (2, None, "Unreachable"),
        (2, None, None),
        (2, 503, "Unreachable"),
        (3, None, "Unreachable"),
        (3, None, None),
        (3, 200, None),
    ]
    assert {(one.venue, one.method, one.path, one.write) for one in facts} == {("nowhere", "GET", "/things/{thing_id}", False)}
    assert facts[-1].size == len(b'{"id": "t1", "count": 3}')
    assert 0 < facts[-1].seconds < 10
    assert [seen.headers["x-request-id"] for seen in server.seen] == [one.request_id for event, one in keeper.told if event == "request"]
    assert not any(word in repr(keeper.told) for word in (token, "example.com", "Doe", "t1"))


async def test_what_else_is_told(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    keeper = Keeper()
    server.routes[PATH] = [venue.error(400), venue.reply(200, b"<html>"), venue.reply(200, b"", Content_Encoding="gzip"), server.hang]
    caller = caller_of(server.url, hooks=[keeper], limits=Limits(total=0.3))
    await kit.raises(caller.write(venue.call()), Refused)
    await kit.raises(caller.read(venue.call()), InvalidReply)
    await kit.raises(caller.write(venue.call()), OutcomeUnknown)
    await kit.raises(caller.write(venue.call()), OutcomeUnknown)
    ends = [(event, one.status, one.error, one.write) for event, one in keeper.told if event != "request"]
    assert ends == [
        ("response", 400, "Refused", True),
        ("response", 200, "InvalidReply", False),
        ("failure", None, "Unusable", True),
        ("failure", None, "OutcomeUnknown", True),
    ]


async def test_a_cancellation_and_a_wait(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    keeper = Keeper()
    server.routes[PATH] = [venue.reply(), venue.reply(), server.hang]
    caller = caller_of(server.url, hooks=keeper, rate=RateLimit(count=2, per=0.2))
    await caller.read(venue.call())
    await caller.read(venue.call())
    task = asyncio.create_task(caller.read(venue.call()))
    await asyncio.to_thread(server.wait, PATH, 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.events == ["request", "response"] * 2 + ["wait", "request", "failure"]
    assert 0.01 < keeper.told[4][1].seconds <= 0.3
    assert keeper.told[-1][1].error == "CancelledError"


class Broken(Keeper):
    def request(self, facts: Facts) -> None:
        raise RuntimeError("secret-in-a-hook")

    response = failure = retry = wait = request


async def test_a_hook_that_fails_changes_nothing(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], kit: Kit) -> None:
    kit._watch.hide("secret-in-a-hook")
    keeper = Keeper()
    server.routes[PATH] = [venue.error(503), venue.reply(), venue.reply()]
    caller = caller_of(server.url, hooks=[Broken(), keeper])
    await caller.read(venue.call())
    await caller.write(venue.call())
    assert (len(keeper.told), server.count()) == (7, 3)
    assert any("a hook failed" in record for record in kit._watch.records)


async def test_the_log(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "orderseal")
    server.routes[PATH] = [b"", venue.reply()]
    await caller_of(server.url).read(venue.call())
    lines = [record.getMessage() for record in caplog.records if record.name == "orderseal.api.transport"]
    assert len(lines) == 5
    assert lines[-1].startswith("nowhere GET /things/{thing_id}: HTTP 200, 24 bytes in 0.")


class Span(NonRecordingSpan):
    def __init__(self, name: str, kind: Any, attributes: Any) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name, self.kind, self.attributes, self.ended, self.status = name, kind, dict(attributes), 0, None
        self.events: list[tuple[str, Any]] = []

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.status = status

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        self.events.append((name, attributes))

    def end(self, end_time: int | None = None) -> None:
        self.ended += 1


class Provider(NoOpTracerProvider):
    """Keeps the spans, by opentelemetry-api's own classes."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def get_tracer(self, *args: Any, **options: Any) -> Any:
        made = self.spans

        class Tracer(trace.NoOpTracer):
            def start_span(self, name: str, context: Any = None, kind: Any = None, attributes: Any = None, *rest: Any, **more: Any) -> Any:
                made.append(Span(name, kind, attributes))
                return made[-1]

        return Tracer()


async def test_opentelemetry(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    provider = Provider()
    hooks: Hooks = opentelemetry_hooks(provider)
    server.routes[PATH] = [b"", venue.reply(), venue.error(400)]
    caller = caller_of(server.url, hooks=hooks)
    around = Span("around", SpanKind.INTERNAL, {})
    with trace.use_span(around):
        await caller.read(venue.call())
    await kit.raises(caller.write(venue.call()), Refused)
    spans: Sequence[Span] = provider.spans
    assert [span.name for span in spans] == ["GET /things/{thing_id}"] * 3
    assert [span.kind for span in spans] == [SpanKind.CLIENT] * 3
    assert [span.ended for span in spans] == [1] * 3
    assert [span.status for span in spans] == [StatusCode.ERROR, None, StatusCode.ERROR]
    assert [span.attributes.get("error.type") for span in spans] == ["Unreachable", None, "Refused"]
    assert [span.attributes.get("http.response.status_code") for span in spans] == [None, 200, 400]
    assert [span.attributes["http.request.resend_count"] for span in spans] == [0, 1, 0]
    assert [name for name, _ in around.events] == ["orderseal.retry"]
    assert hooks._open == {}  # type: ignore[attr-defined]  # nothing is left behind
    assert not any("traceparent" in seen.headers for seen in server.seen)


def test_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(InvalidInput):
        opentelemetry_hooks()


def test_nothing_is_imported_unasked() -> None:
    import subprocess

    code = (
        "import sys, orderseal.api.transport; print(sorted({n.partition('.')[0] for n in sys.modules} & {'opentelemetry', 'h2', 'web3'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


async def test_unreachable_is_told(venue: Venue, caller_of: Callable[..., Caller], kit: Kit) -> None:
    keeper = Keeper()
    await kit.raises(caller_of("http://127.0.0.1:1", hooks=keeper).write(Call("x", "POST", "/a", dict)), Unreachable)
    assert keeper.events == ["request", "failure"]
