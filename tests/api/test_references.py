"""Writes under a reference: on record before they leave, sent once at most, whatever dies when, and over every store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.postgres_server import Programs, Server, scratch_folder

from orderseal.api.submission.references import Referenced, References
from orderseal.signing import InvalidInput, InvalidReply, OutcomeUnknown, RateLimited, Refused, RuleViolation, Unauthorized, Unreachable
from orderseal.signing.ledger import Claim, Ledger, LedgerError, MemoryStore, Scope, State
from orderseal.signing.ledger.postgres import PostgresStore

SCOPE = Scope("licenserocks", "instance.example", "0x" + "11" * 20, "write")
CONTENT: dict[str, Any] = {"method": "POST", "path": "/orders", "body": [{"nft": 405, "quantity": 3, "city": "Toruń"}]}
SHOWN: dict[str, Any] = {"path": "/orders", "body": [{"nft": 405}]}
BYTES = '[{"nft":405,"quantity":3,"city":"Toruń"}]'.encode()
OPEN = (State.RESERVED, State.COMMITTED, State.SIGNED, State.SENDING, State.UNKNOWN)
_schemas = count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    scratch = scratch_folder()
    server = Server(scratch, Programs(scratch))
    server.create()
    server.start()
    yield server
    server.kill()
    shutil.rmtree(scratch)


Make = Callable[..., Ledger]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Opens one more ledger over the same store."""
    memory, schema = MemoryStore(), f"references_{next(_schemas)}"
    with contextlib.ExitStack() as stack:

        def open_one(**options: Any) -> Ledger:
            store: Any = memory if request.param == "memory" else tmp_path / "ledger.db"
            if request.param == "postgres":
                server: Server = request.getfixturevalue("postgres")
                store = PostgresStore(server.conninfo(password=server.password), schema=schema)
            return stack.enter_context(Ledger(store, **options))

        yield open_one


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "one.db") as opened:
        yield opened


def state(ledger: Ledger, reference: str = "a wish") -> State | None:
    slot = ledger.by_reference(SCOPE, reference)
    return None if slot is None else slot.state


@dataclass
class Venue:
    """Counts what takes effect, and fails as told."""

    before: BaseException | None = None
    after: BaseException | None = None
    effects: list[bytes] = field(default_factory=list[bytes])
    starts: int = 0

    async def write(self, body: bytes, before_write: Callable[[], None]) -> int:
        self.starts += 1
        if self.before is not None:
            raise self.before
        before_write()
        self.effects.append(body)
        if self.after is not None:
            raise self.after
        return 40 + len(self.effects)


def refused(kind: type[Refused] = Refused, status: int = 400) -> Refused:
    return kind("create orders", status=status, code=None, message="no")


async def once(references: References, venue: Venue, reference: str = "a wish", content: Any = CONTENT, **options: Any) -> Referenced[int]:
    return await references.once(reference, content, venue.write, str, **options)


# The way that it should go


async def test_it_is_sent_once_and_its_answer_kept(make: Make) -> None:
    ledger, venue = make(), Venue()
    first = await once(References(ledger, SCOPE), venue)
    assert (first.reference, first.receipt, first.answer) == ("a wish", "41", 41)
    assert "41)" not in repr(first).replace("receipt='41'", "")
    for again in (ledger, make()):
        assert await once(References(again, SCOPE), venue) == Referenced("a wish", "41", None)
    assert venue.effects == [BYTES]
    other = await once(References(ledger, SCOPE), venue, "another wish")
    assert other.receipt == "42"
    assert len(venue.effects) == 2


async def test_scopes_do_not_share_references(ledger: Ledger) -> None:
    venue = Venue()
    for account in ("22", "33"):
        await once(References(ledger, Scope("licenserocks", "instance.example", "0x" + account * 20, "write")), venue)
    assert len(venue.effects) == 2


async def test_it_is_on_record_before_the_first_byte(make: Make) -> None:
    ledger, seen = make(), list[Any]()

    async def write(body: bytes, before_write: Callable[[], None]) -> int:
        before_write()
        slot = ledger.by_reference(SCOPE, "a wish")
        assert slot is not None
        seen.extend([slot.state, [artifact.body for artifact in ledger.artifacts(slot)], body])
        return 1

    await References(ledger, SCOPE).once("a wish", CONTENT, write, str)
    assert seen == [State.SENDING, [None, BYTES], BYTES]


# Contents


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, Decimal("1.0")),
        (1, "1"),
        (Decimal("1.0"), "1.0"),
        (Decimal("1.0"), Decimal("1.00")),
        (1, True),
        (0, False),
        (0, None),
        ("", None),
        ([], {}),
        ([1], 1),
        ([1, 2], [2, 1]),
        ("é", "e\u0301"),
        ({"a": None}, {}),
        ({"a": 1}, {"a": 1, "b": None}),
        (2**53, 2**53 + 1),
        (Decimal("0.1"), Decimal("0.1000000000000000055511151231257827")),
        ("a", "a "),
    ],
)
async def test_other_content_is_refused(ledger: Ledger, first: object, second: object) -> None:
    venue, references = Venue(), References(ledger, SCOPE)
    for body, other in ((first, second), (second, first)):
        name = f"a wish {venue.starts}"
        await once(references, venue, name, {**CONTENT, "body": body})
        with pytest.raises(InvalidInput, match="one wish for ever") as raised:
            await once(references, venue, name, {**CONTENT, "body": other})
        assert raised.value.path == "reference"
    assert venue.starts == 2


@pytest.mark.parametrize("change", [{"method": "PUT"}, {"path": "/others"}, {"more": 1}])
async def test_method_and_path_are_content(ledger: Ledger, change: dict[str, Any]) -> None:
    venue, references = Venue(), References(ledger, SCOPE)
    await once(references, venue)
    with pytest.raises(InvalidInput, match="one wish for ever"):
        await once(references, venue, content=CONTENT | change)


async def test_the_same_content_in_another_order_is_the_same(ledger: Ledger) -> None:
    venue, references = Venue(), References(ledger, SCOPE)
    await once(references, venue, content={"body": {"a": [1, 2], "b": "é"}, "path": "/"})
    await once(references, venue, content={"path": "/", "body": {"b": "\u00e9", "a": (1, 2)}})
    assert venue.effects == ['{"a":[1,2],"b":"é"}'.encode()]


async def test_numbers_go_out_digit_by_digit(ledger: Ledger) -> None:
    venue = Venue()
    await once(References(ledger, SCOPE), venue, content={"body": {"price": Decimal("0.10"), "count": 2**60}})
    assert venue.effects == [b'{"price":0.10,"count":1152921504606846976}']


class _Odd:
    pass


@pytest.mark.parametrize(
    "content",
    [
        {"path": "/"},
        [],
        None,
        "body",
        {"body": 0.1},
        {"body": float("nan")},
        {"body": {"a": [1.0]}},
        {"body": 1, "query": 0.5},
        {"body": Decimal("NaN")},
        {"body": Decimal("Infinity")},
        {"body": {1: "a"}},
        {"body": {None: "a"}},
        {"body": {1, 2}},
        {"body": b"raw"},
        {"body": "\ud800"},
        {"body": {"\ud800": 1}},
        {"body": _Odd()},
        {"body": 10**5000},
        {"body": json.loads("[" * 90 + "]" * 90)},
    ],
)
async def test_what_json_cannot_say_is_refused_before_anything_is_kept(ledger: Ledger, content: Any) -> None:
    venue = Venue()
    with pytest.raises(InvalidInput):
        await once(References(ledger, SCOPE), venue, content=content)
    assert venue.starts == 0
    assert ledger.slots() == []


@pytest.mark.parametrize("reference", ["", "x" * 129, "a\nb", 7, None, "\u202ex"])
async def test_what_is_no_reference(ledger: Ledger, reference: Any) -> None:
    with pytest.raises(InvalidInput, match="reference"):
        await once(References(ledger, SCOPE), Venue(), reference)
    assert ledger.slots() == []


async def test_what_is_personal_is_kept_out_of_exports(ledger: Ledger) -> None:
    venue, references = Venue(), References(ledger, SCOPE)
    await once(references, venue, kept={"path": "/orders", "price": Decimal("1.50")})
    assert "Toru" not in "".join(ledger.export_lines())
    slot = await references.find("a wish")
    assert slot is not None
    assert await references.content(slot) == {"path": "/orders", "price": "1.50", "body": None}
    with pytest.raises(InvalidInput, match="one wish for ever"):
        await once(references, venue, content=CONTENT | {"body": [{"city": "Thorn"}]}, kept={"path": "/orders"})
    assert [content["path"] for _, content in await references.receipts()] == ["/orders"]
    assert await references.receipts(time.time() + 60) == []


# What did not take effect


@pytest.mark.parametrize(
    "error",
    [Unreachable("no connection"), refused(Unauthorized, 401), refused(RateLimited, 0), refused(), InvalidReply("login", status=200)],
    ids=lambda error: type(error).__name__,
)
async def test_nothing_was_sent_and_the_same_goes_again(make: Make, error: Exception) -> None:
    ledger, venue = make(), Venue(before=error)
    references = References(ledger, SCOPE)
    for _ in range(2):
        with pytest.raises(type(error)):
            await once(references, venue)
    with pytest.raises(InvalidInput, match="one wish for ever"):
        await once(references, venue, content=CONTENT | {"body": []})
    assert [slot.state for slot in ledger.slots()] == [State.SIGNED]
    assert await references.recover() == []
    venue.before = None
    assert (await once(References(make(), SCOPE), venue)).receipt == "41"
    assert venue.effects == [BYTES]


@pytest.mark.parametrize(
    "error", [refused(Unauthorized, 401), refused(RateLimited, 429), Unreachable("x")], ids=lambda error: type(error).__name__
)
async def test_what_was_not_accepted_goes_again_with_the_same_bytes(make: Make, error: Exception) -> None:
    ledger, venue = make(), Venue(after=error)
    with pytest.raises(type(error)):
        await once(References(ledger, SCOPE), venue)
    venue.after = None
    again = {"body": [dict(reversed(CONTENT["body"][0].items()))], "path": "/orders", "method": "POST"}
    await once(References(ledger, SCOPE), venue, content=again)
    assert venue.effects == [BYTES, BYTES]


async def test_it_goes_again_when_the_lease_has_run_out(make: Make) -> None:
    venue = Venue(before=Unreachable("no connection"))
    for options in ({"lease": 0.2}, {"lease": 0.2}, {}):
        references = References(make(**options), SCOPE)
        with pytest.raises(Unreachable):
            await once(references, venue)
        await asyncio.sleep(0.3)
        if not options:
            venue.before = None
        with contextlib.suppress(Unreachable):
            await once(references, venue)
    assert venue.effects == [BYTES]


async def test_a_recovery_leaves_what_may_go_again(make: Make) -> None:
    venue = Venue(before=Unreachable("no connection"))
    with pytest.raises(Unreachable):
        await once(References(make(lease=0.2), SCOPE), venue)
    await asyncio.sleep(0.3)
    ledger = make()
    assert await References(ledger, SCOPE).recover() == []
    assert state(ledger) is State.SIGNED
    venue.before = None
    assert (await once(References(ledger, SCOPE), venue)).receipt == "41"


async def test_a_refusal_spends_the_reference(make: Make) -> None:
    ledger, venue = make(), Venue(after=refused())
    with pytest.raises(Refused):
        await once(References(ledger, SCOPE), venue)
    for again in (ledger, make()):
        with pytest.raises(RuleViolation, match="refused") as raised:
            await once(References(again, SCOPE), venue)
        assert raised.value.rule == "reference_refused"
    assert len(venue.effects) == 1


async def test_given_up_by_hand(make: Make) -> None:
    ledger, venue = make(), Venue(before=Unreachable("x"))
    references = References(ledger, SCOPE)
    with pytest.raises(Unreachable):
        await once(references, venue)
    slot = await references.find("a wish")
    assert slot is not None
    ledger.abandon(slot, "by hand")
    venue.before = None
    with pytest.raises(RuleViolation) as raised:
        await once(references, venue)
    assert raised.value.rule == "reference_abandoned"
    assert venue.effects == []


async def test_a_lease_that_ran_out_before_the_first_byte_sends_nothing(make: Make) -> None:
    ledger, venue = make(lease=0.15), Venue()

    async def slow(body: bytes, before_write: Callable[[], None]) -> int:
        await asyncio.sleep(0.3)
        return await venue.write(body, before_write)

    with pytest.raises(LedgerError) as raised:
        await References(ledger, SCOPE).once("a wish", CONTENT, slow, str)
    assert raised.value.reason == "lease_lost"
    assert venue.effects == []
    assert (await once(References(make(), SCOPE), venue)).receipt == "41"


# What was lost


@pytest.mark.parametrize("error", [OutcomeUnknown("no answer"), InvalidReply("not JSON", status=200)], ids=["lost", "unreadable"])
async def test_a_lost_answer_is_never_sent_again(make: Make, error: Exception) -> None:
    ledger, venue = make(), Venue(after=error)
    for who in (ledger, ledger, make()):
        with pytest.raises(OutcomeUnknown, match="look there") as raised:
            await once(References(who, SCOPE), venue, settle="look there")
        assert raised.value.reference == "a wish"
    references = References(make(), SCOPE)
    (slot,) = await references.recover()
    assert slot.state is State.UNKNOWN
    await references.settle("a wish", "77")
    assert await once(references, venue) == Referenced("a wish", "77", None)
    assert len(venue.effects) == 1
    with pytest.raises(LedgerError, match="nothing is open"):
        await references.settle("a wish", "78")


async def test_a_person_dismisses(make: Make) -> None:
    ledger, venue = make(), Venue(after=OutcomeUnknown("no answer"))
    with pytest.raises(OutcomeUnknown, match=r"dismiss\(\)"):
        await once(References(ledger, SCOPE), venue)
    references = References(make(), SCOPE)
    for wrong in ("", "  ", None, 7, "x" * 4001):
        with pytest.raises(InvalidInput, match="why"):
            await references.dismiss("a wish", wrong)  # type: ignore[arg-type]  # what is tested
    assert state(ledger) is State.UNKNOWN
    await references.dismiss("a wish", "Jane: the venue's desk knows of none")
    assert state(ledger) is State.ABANDONED
    slot = await references.find("a wish")
    assert slot is not None
    assert ledger.attempts(slot)[-1].details == {"why": "Jane: the venue's desk knows of none", "dismissed": True}
    assert await references.recover() == []
    for who in (ledger, make()):
        with pytest.raises(RuleViolation) as spent:
            await once(References(who, SCOPE), venue)
        assert spent.value.rule == "reference_abandoned"
    for act in (references.dismiss("a wish", "again"), references.settle("a wish", "41"), references.dismiss("never used", "x")):
        with pytest.raises(LedgerError) as missing:
            await act
        assert missing.value.reason == "missing"
    assert len(venue.effects) == 1


async def test_open_writes_say_what_they_were(ledger: Ledger) -> None:
    references, began = References(ledger, SCOPE), time.time()
    with pytest.raises(OutcomeUnknown):
        await once(
            references, Venue(after=OutcomeUnknown("x")), content={**CONTENT, "reference": "a wish"}, kept={"reference": "a wish", **SHOWN}
        )
    (found,) = await references.open_writes()
    assert (found.reference, found.path, found.body, found.sending) == ("a wish", "/orders", [{"nft": 405}], False)
    assert began - 1 < found.sent_at.timestamp() < time.time() + 1
    assert "405" not in repr(found)


@pytest.mark.parametrize("answered", [State.ACCEPTED, State.ABANDONED], ids=["took effect", "refused"])
async def test_an_answer_after_the_dismissal(make: Make, answered: State) -> None:
    """Taken over and dismissed while its bytes were in the air: that it took effect, the venue knows better; a refusal changes nothing."""
    mine, theirs, venue = make(lease=2.0), make(), Venue()  # Long enough for a slow disk before the first byte.

    async def slow(body: bytes, before_write: Callable[[], None]) -> int:
        found = await venue.write(body, before_write)
        deadline = time.monotonic() + 60
        while state(theirs) is not State.UNKNOWN:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
            await References(theirs, SCOPE).recover()
        await References(theirs, SCOPE).dismiss("a wish", "I looked too early")
        if answered is State.ABANDONED:
            raise refused()
        return found

    if answered is State.ACCEPTED:
        assert (await References(mine, SCOPE).once("a wish", CONTENT, slow, str)).receipt == "41"
        assert await once(References(theirs, SCOPE), venue) == Referenced("a wish", "41", None)
    else:
        with pytest.raises(Refused):
            await References(mine, SCOPE).once("a wish", CONTENT, slow, str)
    assert state(theirs) is answered


async def test_a_dismissal_and_a_settlement_at_once(make: Make) -> None:
    """One of them wins, and the other is told."""
    for number in range(10):
        name = f"wish {number}"
        with pytest.raises(OutcomeUnknown):
            await once(References(make(), SCOPE), Venue(after=OutcomeUnknown("x")), name)
        one, other = References(make(), SCOPE), References(make(), SCOPE)
        told = await asyncio.gather(one.settle(name, "41"), other.dismiss(name, "none there"), return_exceptions=True)
        lost = [error for error in told if error is not None]
        assert [type(error) for error in lost] == [LedgerError]
        assert state(make(), name) is (State.ABANDONED if told[1] is None else State.ACCEPTED)


async def test_unknown_without_the_signal_counts_as_sent(ledger: Ledger) -> None:
    """A client that forgot to call what it was given must not be believed that nothing left."""
    with pytest.raises(OutcomeUnknown):
        await once(References(ledger, SCOPE), Venue(before=OutcomeUnknown("no answer")))
    assert state(ledger) is State.UNKNOWN


@pytest.mark.parametrize("receipt", ["", "  ", "a\nb", 42, None])
async def test_what_is_no_receipt(ledger: Ledger, receipt: Any) -> None:
    references = References(ledger, SCOPE)
    with pytest.raises(OutcomeUnknown):
        await once(references, Venue(after=OutcomeUnknown("x")))
    with pytest.raises(InvalidInput, match="receipt"):
        await references.settle("a wish", receipt)
    assert state(ledger) is State.UNKNOWN


async def test_nothing_to_settle(ledger: Ledger) -> None:
    references = References(ledger, SCOPE)
    with pytest.raises(LedgerError, match="nothing is open"):
        await references.settle("a wish", "1")
    with pytest.raises(Unreachable):
        await once(references, Venue(before=Unreachable("x")))
    with pytest.raises(LedgerError, match="nothing is open"):
        await references.settle("a wish", "1")


async def test_a_receipt_that_cannot_be_read_is_a_lost_answer(ledger: Ledger) -> None:
    def receipt(answer: int) -> str:
        raise InvalidReply(f"{answer} has no id", status=200)

    with pytest.raises(OutcomeUnknown, match="has no id"):
        await References(ledger, SCOPE).once("a wish", CONTENT, Venue().write, receipt)
    assert state(ledger) is State.UNKNOWN


async def test_a_client_that_breaks_leaves_it_open(ledger: Ledger) -> None:
    references = References(ledger, SCOPE)
    with pytest.raises(ZeroDivisionError):
        await once(references, Venue(after=ZeroDivisionError()))
    await references.wait()
    assert state(ledger) is State.UNKNOWN


# The ledger fails, or somebody takes the row over in the air


async def test_accepted_but_not_recorded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Venue()

    def full(*_: object) -> None:
        raise LedgerError("full", "the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "record", full)
        with pytest.raises(LedgerError, match=r"calls it '41'.*settle") as raised:
            await once(References(ledger, SCOPE), venue)
    assert raised.value.reason == "full"
    with pytest.raises(OutcomeUnknown):
        await once(References(ledger, SCOPE), venue)
    for act in (References(ledger, SCOPE).settle("a wish", "41"), References(ledger, SCOPE).dismiss("a wish", "I looked")):
        with pytest.raises(LedgerError, match="open_writes") as held:
            await act
        assert held.value.reason == "held"
    assert len(venue.effects) == 1


async def test_taken_over_in_the_air_and_answered(make: Make) -> None:
    mine, theirs, venue = make(lease=2.0), make(), Venue()  # Long enough for a slow disk before the first byte.

    async def slow(body: bytes, before_write: Callable[[], None]) -> int:
        found = await venue.write(body, before_write)
        await asyncio.sleep(2.2)
        assert [slot.state for slot in await References(theirs, SCOPE).recover()] == [State.UNKNOWN]
        return found

    done = await References(mine, SCOPE).once("a wish", CONTENT, slow, str)
    assert done.receipt == "41"
    assert await once(References(theirs, SCOPE), venue) == Referenced("a wish", "41", None)


async def test_a_full_disk_before_the_first_byte(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Venue()

    def full(*_: object, **__: object) -> None:
        raise LedgerError("full", "the disk is full")

    for step in ("reserve", "commit_content", "store_signed", "begin_sending"):
        with monkeypatch.context() as patched:
            patched.setattr(ledger, step, full)
            with pytest.raises(LedgerError, match="full"):
                await once(References(ledger, SCOPE), venue)
    assert venue.starts == 0
    assert (await once(References(ledger, SCOPE), venue)).receipt == "41"
    assert [slot.state for slot in ledger.slots(states=OPEN)] == []


# Several at once


async def test_many_tasks_with_one_reference(make: Make) -> None:
    venue, ledgers = Venue(), [make(), make()]

    async def slow(body: bytes, before_write: Callable[[], None]) -> int:
        found = await venue.write(body, before_write)
        await asyncio.sleep(0.05)
        return found

    tries = [References(ledgers[n % 2], SCOPE).once("a wish", CONTENT, slow, str) for n in range(12)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert len(venue.effects) == 1
    assert sum(isinstance(result, Referenced) for result in results) >= 1
    assert all(isinstance(result, Referenced | OutcomeUnknown | LedgerError) for result in results), results
    assert (await once(References(ledgers[1], SCOPE), venue)).receipt == "41"
    assert [slot.state for slot in ledgers[0].slots(states=OPEN)] == []


async def test_two_contents_at_once_under_one_reference(make: Make) -> None:
    venue, ledgers = Venue(), [make(), make()]
    tries = [once(References(ledgers[n], SCOPE), venue, content=CONTENT | {"body": n}) for n in range(2)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert len(venue.effects) == 1
    assert {type(result) for result in results} == {Referenced, InvalidInput}


# Cancelled


@pytest.mark.parametrize("step", ["reserve", "commit_content", "store_signed", "begin_sending", "before", "after", "record"])
async def test_cancelled_at_each_point(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    venue, references = Venue(), References(ledger, SCOPE)
    reached, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def write(body: bytes, before_write: Callable[[], None]) -> int:
        if step == "before":
            reached.set()
            await asyncio.sleep(60)
        found = await venue.write(body, before_write)
        if step == "after":
            reached.set()
            await asyncio.sleep(60)
        return found

    with monkeypatch.context() as patched:
        if hasattr(ledger, step):
            real = getattr(ledger, step)

            def slow(*args: Any, **options: Any) -> Any:
                loop.call_soon_threadsafe(reached.set)
                go_on.wait(20)
                return real(*args, **options)

            patched.setattr(ledger, step, slow)
        task = asyncio.create_task(references.once("a wish", CONTENT, write, str))
        await asyncio.wait_for(reached.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await references.wait()
        ends = time.monotonic() + 20
        wanted = {"after": State.UNKNOWN, "record": State.ACCEPTED, "reserve": State.COMMITTED, "commit_content": State.COMMITTED}
        # What a thread of the ledger is still doing for nobody is done, and undone: signed before, sending, and signed again.
        undone = step in ("store_signed", "begin_sending")
        while (
            (slot := ledger.by_reference(SCOPE, "a wish")) is None
            or slot.state is not wanted.get(step, State.SIGNED)
            or (undone and slot.sent_at is None)
        ):
            assert time.monotonic() < ends, slot
            await asyncio.sleep(0.01)
            await references.wait()
    if step == "after":
        with pytest.raises(OutcomeUnknown):
            await once(references, venue)
    else:
        assert (await once(references, venue)).receipt == "41"
    assert len(venue.effects) == 1


# Killed

CHILD = """
import asyncio, json, os, signal, sys
from orderseal.api.submission.references import References
from orderseal.signing.ledger import Claim, Ledger, Scope

path, effects, step, content = sys.argv[1:]
content = json.loads(content)
ledger = Ledger(path, owner="bot" if step != "race" else None)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

if hasattr(ledger, step):
    real = getattr(ledger, step)

    def last(*args, **options):
        real(*args, **options)
        die()

    setattr(ledger, step, last)

async def write(body, before_write):
    if step == "before":
        die()
    before_write()
    if step == "between":
        die()
    with open(effects, "ab") as file:
        file.write(body + b"\\n")
    if step == "after":
        die()
    return 41

async def main():
    references = References(ledger, Scope("licenserocks", "instance.example", "0x" + "11" * 20, "write"))
    try:
        print((await references.once("a wish", content, write, str)).receipt)
    except Exception as error:
        print(type(error).__name__)

asyncio.run(main())
ledger.close()
"""


def child(folder: Path, step: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder / "ledger.db"), str(folder / "effects"), step, json.dumps(CONTENT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def effects(folder: Path) -> int:
    file = folder / "effects"
    return len(file.read_bytes().splitlines()) if file.exists() else 0


@pytest.mark.parametrize(
    ("step", "left", "sent"),
    [
        ("reserve", None, 0),
        ("commit_content", State.COMMITTED, 0),
        ("store_signed", State.SIGNED, 0),
        ("begin_sending", State.SENDING, 0),
        ("before", State.SENDING, 0),
        ("between", State.SENDING, 0),
        ("after", State.SENDING, 1),
        ("record", State.ACCEPTED, 1),
    ],
)
@pytest.mark.parametrize("recover", [True, False])
async def test_killed_at_each_point(tmp_path: Path, step: str, left: State | None, sent: int, recover: bool) -> None:
    killed = child(tmp_path, step)
    await asyncio.to_thread(killed.communicate, None, 60)
    assert killed.returncode == -9
    with Ledger(tmp_path / "ledger.db", owner="bot") as ledger:
        assert state(ledger) is left
        assert effects(tmp_path) == sent
        references, venue = References(ledger, SCOPE), Venue()
        found = await references.recover() if recover else []
        if left is State.SENDING:
            assert [slot.state for slot in found] == ([State.UNKNOWN] if recover else [])
            with pytest.raises(OutcomeUnknown):
                await once(references, venue)
            await references.recover()
            await references.settle("a wish", "41")
        else:
            assert found == []
        assert (await once(references, venue)).receipt == "41"
        assert sent + len(venue.effects) == (0 if left is State.SENDING and not sent else 1)
        assert await references.recover() == []
        assert ledger.slots(states=OPEN) == []


async def test_two_processes_with_one_reference(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").close()
    for _ in range(3):
        racing = [child(tmp_path, "race") for _ in range(3)]
        said = [await asyncio.to_thread(one.communicate) for one in racing]
        words = [out.strip() for out, _ in said]
        assert set(words) <= {"41", "OutcomeUnknown", "LedgerError"}, words
        assert "41" in words
        assert effects(tmp_path) == 1


async def test_recover_takes_more_than_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path / "one.db", owner="bot") as before:
        for n in range(5):
            before.reserve(SCOPE, _Any())
            with pytest.raises(OutcomeUnknown):
                await once(References(before, SCOPE), Venue(after=OutcomeUnknown("x")), f"wish {n}")
    with Ledger(tmp_path / "one.db", owner="bot") as ledger:
        real = ledger.take_over
        monkeypatch.setattr(ledger, "take_over", lambda scope: real(scope, limit=2))
        assert len(await References(ledger, SCOPE).recover()) == 5
        assert ledger.slots(states=[State.RESERVED]) == []


class _Any:
    def claim(self, now: float) -> Claim:
        return Claim(floor=int(now) * 0)
