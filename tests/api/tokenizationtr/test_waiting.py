"""Waiting for a transaction: with back-off, until it is over, to a deadline, and no status number is guessed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api.tokenizationtr import Transaction
from orderseal.signing import InvalidInput, InvalidReply, Refused, Unfinished

if TYPE_CHECKING:
    from tests.api.tokenizationtr.conftest import Desk

ID = "6913872755654191dede37da"
HASH = "0x" + "33" * 32


def at(desk: Desk) -> str:
    return f"/v2/admin/tokens/{desk.TOKEN}/transactions/{ID}"


def row(desk: Desk, **changes: Any) -> dict[str, Any]:
    sample: dict[str, Any] = desk.samples["token_transaction"]
    return sample | {"id": ID, "status": 1, "hash": None, "error": None} | changes


def wait(desk: Desk, **options: Any) -> Any:
    settings: dict[str, Any] = {"token_id": desk.TOKEN, "first": 0.01, "longest": 0.05, "seconds": 30.0}
    return desk.client().wait(ID, **(settings | options))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    "end", [{"status": 3, "hash": HASH}, {"status": 4, "error": "execution reverted"}, {"status": 17, "error": {"code": 7}}]
)
async def test_until_it_is_over(desk: Desk, wrapped: bool, end: dict[str, Any]) -> None:
    states = [row(desk), row(desk, status=2), row(desk, status=2), row(desk, **end)]
    desk.server.routes[at(desk)] = [desk.answer({"data": state} if wrapped else state) for state in states]
    done = await wait(desk)
    assert done.status == end["status"]
    assert done.has_failed is ("error" in end)
    assert (done.hash, done.error) == (end.get("hash"), end.get("error"))
    assert desk.server.count(at(desk)) == 4
    assert desk.server.last(at(desk)).method == "GET"


async def test_through_the_users_transactions(desk: Desk) -> None:
    newer = desk.samples["user_transactions"][0]
    others = [newer | {"id": f"{number:024x}"} for number in range(25)]
    replies = [
        desk.flat(*others),
        desk.flat(*others, newer | {"status": 1, "hash": None}),
        desk.flat(*others, newer),
    ]

    def reply(request: Any) -> bytes:
        answer: bytes = replies[0](request)
        if desk.query(request)["page"] == ["2"] and len(replies) > 1:
            replies.pop(0)
        return answer

    desk.server.routes[desk.TRANSACTIONS] = reply
    done = await wait(desk, token_id=None, user_id=desk.USER)
    assert (done.id, done.status, done.hash) == (ID, 3, newer["hash"])
    assert desk.server.count(at(desk)) == 0


@pytest.mark.parametrize(
    ("status", "hash_", "error", "over"),
    [
        (1, None, None, False),
        (1, HASH, None, False),
        (1, None, "execution reverted", False),
        (0, HASH, None, False),
        (2, None, None, False),
        (2, "", "", False),
        (99, None, None, False),
        (2, HASH, None, True),
        (3, HASH, None, True),
        (99, None, "execution reverted", True),
    ],
)
def test_what_seems_final(status: int, hash_: str | None, error: str | None, over: bool) -> None:
    found = Transaction(id=ID, status=status, hash=hash_, error=error)
    assert found.seems_final is over
    assert found.is_started is (status == 1)
    assert found.has_failed is bool(error)


async def test_the_caller_says_what_is_final(desk: Desk) -> None:
    states = [row(desk), row(desk, status=3, hash=HASH), row(desk, status=7)]
    desk.server.routes[at(desk)] = [desk.answer(state) for state in states]
    assert (await wait(desk, final={7, 8})).status == 7
    desk.server.routes[at(desk)] = desk.answer(row(desk))
    assert (await wait(desk, final=[1])).status == 1
    for wrong in (["1"], "7", [True]):
        await desk.kit.raises(wait(desk, final=wrong), InvalidInput)


async def test_the_deadline(desk: Desk) -> None:
    desk.server.routes[at(desk)] = desk.answer(row(desk, status=2))
    error = await desk.kit.raises(wait(desk, seconds=1.0), Unfinished)
    assert error.last.status == 2
    assert desk.server.count(at(desk)) > 2


async def test_a_server_that_stumbles(desk: Desk) -> None:
    desk.server.routes[at(desk)] = [
        b"",
        desk.error(500, "Internal server error"),
        desk.error(429, "Too many"),
        desk.answer(row(desk, status=3, hash=HASH)),
    ]
    assert (await wait(desk)).status == 3


async def test_it_may_take_a_moment_to_appear(desk: Desk) -> None:
    missing = desk.error(404, "Resource not found")
    desk.server.routes[at(desk)] = [missing, missing, desk.answer(row(desk, status=3, hash=HASH))]
    assert (await wait(desk)).status == 3
    # Once seen, it cannot be missing any more.
    desk.server.routes[at(desk)] = [desk.answer(row(desk)), missing]
    assert (await desk.kit.raises(wait(desk), Refused)).status == 404
    desk.server.routes[at(desk)] = missing
    assert (await desk.kit.raises(wait(desk, seconds=0.2), Unfinished)).last is None


@pytest.mark.parametrize("status", [400, 403])
async def test_a_refusal_ends_it(desk: Desk, status: int) -> None:
    desk.server.routes[at(desk)] = desk.error(status, "Access denied")
    assert (await desk.kit.raises(wait(desk), Refused)).status == status
    assert desk.server.count(at(desk)) == 1


@pytest.mark.parametrize("body", [{}, [], {"data": None}, {"id": ID}, {"id": ID, "status": "done"}, {"data": {"id": "x", "status": 1}}])
async def test_another_answer_ends_it(desk: Desk, body: object) -> None:
    desk.server.routes[at(desk)] = desk.answer(body)
    await desk.kit.raises(wait(desk), InvalidReply)


async def test_it_can_be_cancelled(desk: Desk) -> None:
    desk.server.routes[at(desk)] = desk.answer(row(desk))
    task = asyncio.create_task(wait(desk))
    await asyncio.to_thread(desk.server.wait, at(desk), 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "wrong",
    [{"token_id": None}, {"user_id": "u"}, {"token_id": "a/b"}, {"seconds": float("nan")}, {"first": 0}, {"longest": -1}],
)
async def test_a_wrong_wait(desk: Desk, wrong: dict[str, Any]) -> None:
    await desk.kit.raises(wait(desk, **wrong), InvalidInput)
    assert not desk.server.seen
