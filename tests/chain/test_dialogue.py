"""The two drivers of dialogues: what they send in, what they throw in, and that they leave nothing open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from orderseal.chain.dialogue import Answer, Ask, Dialogue, Do, Pause, Rpc, ask_one, run, run_async
from orderseal.signing import NodeError, OrdersealError, RuleViolation


class Script:
    """A node that gives what it is told to, for both drivers, and remembers what it was asked."""

    def __init__(self, *answers: list[Answer] | BaseException) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, ...]] = []
        self.slept: list[float] = []

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        self.asked.append(tuple([call.method for call in calls]))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Awaited:
    def __init__(self, script: Script) -> None:
        self.script = script

    async def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        await asyncio.sleep(0)
        return self.script.ask(calls)


Driver = Callable[[Dialogue[Any], Script], Any]


def drive(dialogue: Dialogue[Any], script: Script) -> Any:
    return run(dialogue, script, sleep=script.slept.append)


def drive_async(dialogue: Dialogue[Any], script: Script) -> Any:
    async def sleep(seconds: float) -> None:
        script.slept.append(seconds)

    return asyncio.run(run_async(dialogue, Awaited(script), sleep=sleep))


@pytest.fixture(params=[drive, drive_async], ids=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Driver:
    found: Driver = request.param
    return found


def test_every_step_is_carried_out_and_its_result_sent_in(driver: Driver) -> None:
    def story() -> Dialogue[list[Any]]:
        seen: list[Any] = [(yield Ask((Rpc("a"), Rpc("b", (1,)))))]
        seen.append((yield Pause(1.5)))
        seen.append((yield Do(lambda: "done")))
        seen.append((yield from ask_one("c", 7)))
        return seen

    script = Script([1, 2], ["three"])
    assert driver(story(), script) == [[1, 2], None, "done", "three"]
    assert script.asked == [("a", "b"), ("c",)]
    assert script.slept == [1.5]


def test_a_dialogue_may_want_nothing(driver: Driver) -> None:
    def story() -> Dialogue[str]:
        return "at once"
        yield Pause(0)

    assert driver(story(), Script()) == "at once"


@pytest.mark.parametrize("value", [None, 0, [], StopIteration("x")], ids=["none", "zero", "empty", "a stop"])
def test_any_value_is_returned(value: Any, driver: Driver) -> None:
    def story() -> Dialogue[Any]:
        yield Pause(0)
        return value

    assert driver(story(), Script()) is value


def test_what_goes_wrong_is_thrown_in_where_it_was_wanted(driver: Driver) -> None:
    def broken() -> None:
        raise RuleViolation("cap", "no")

    def story() -> Dialogue[list[str]]:
        seen: list[str] = []
        try:
            yield Ask((Rpc("a"),))
        except NodeError as error:
            seen.append(f"asked: {error}")
        try:
            yield Do(broken)
        except RuleViolation as error:
            seen.append(f"did: {error}")
        seen.append((yield Do(lambda: "and goes on")))
        return seen

    assert driver(story(), Script(NodeError("gone"))) == ["asked: gone", "did: no", "and goes on"]


def test_an_error_that_is_not_caught_comes_out_as_it_is(driver: Driver) -> None:
    gone = NodeError("gone")

    def story() -> Dialogue[None]:
        yield Ask((Rpc("a"),))

    with pytest.raises(NodeError) as caught:
        driver(story(), Script(gone))
    assert caught.value is gone

    def raising() -> Dialogue[None]:
        yield Pause(0)
        raise OrdersealError("its own")

    with pytest.raises(OrdersealError, match="its own"):
        driver(raising(), Script())


def test_whatever_happens_the_dialogue_is_closed(driver: Driver) -> None:
    closed: list[str] = []

    def story() -> Dialogue[None]:
        try:
            yield Ask((Rpc("a"),))
        finally:
            closed.append("closed")

    with pytest.raises(KeyError):
        driver(story(), Script(KeyError("a bug of the node's")))
    assert closed == ["closed"]


def test_a_refused_call_raises_from_ask_one_alone(driver: Driver) -> None:
    refusal = NodeError("no", code=3, data=b"\1")

    def story() -> Dialogue[Any]:
        answers = yield Ask((Rpc("a"),))
        assert answers == [refusal]
        return (yield from ask_one("b"))

    with pytest.raises(NodeError) as caught:
        driver(story(), Script([refusal], [refusal]))
    assert caught.value is refusal


async def test_a_job_does_not_hold_the_loop_up() -> None:
    started, go_on = threading.Event(), threading.Event()

    def job() -> int:
        started.set()
        assert go_on.wait(20)
        return threading.get_ident()

    def story() -> Dialogue[int]:
        return (yield Do(job))  # type: ignore[no-any-return]

    task = asyncio.create_task(run_async(story(), Awaited(Script())))
    await asyncio.to_thread(started.wait, 20)
    go_on.set()
    assert await task != threading.get_ident()


async def test_a_cancelled_dialogue_is_closed() -> None:
    closed: list[str] = []

    def story() -> Dialogue[None]:
        try:
            yield Pause(1000)
        finally:
            closed.append("closed")

    task = asyncio.create_task(run_async(story(), Awaited(Script())))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["closed"]


def test_without_another_sleep_the_real_one_is_used() -> None:
    def story() -> Dialogue[str]:
        yield Pause(0.001)
        return "awake"

    assert run(story(), Script()) == "awake"
    assert asyncio.run(run_async(story(), Awaited(Script()))) == "awake"
