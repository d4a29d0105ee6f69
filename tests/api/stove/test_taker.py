"""The taker: every documented request, signed as documented; answers that are believed, and those that are not; orders that are checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.signing import (
    Address,
    InvalidInput,
    InvalidReply,
    Order,
    OutcomeUnknown,
    RateLimited,
    Refused,
    RuleViolation,
    Signature,
    SignedOrder,
    Token,
    Unauthorized,
    Unreachable,
    VerificationFailed,
    sign_order,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.api.conftest import Kit, RawServer
    from tests.api.stove.conftest import Desk

HALF = 5 * 10**17
WRITES = ("lock", "unlock", "fill", "cancel_result")


def call(taker: stove.AsyncTaker, name: str, order: stove.TakerOrder) -> Awaitable[Any]:
    """A write as the documented example has it."""
    if name == "lock":
        return taker.lock(order)
    if name == "unlock":
        return taker.unlock(order.order_hash)
    if name == "fill":
        return taker.fill(order, shares=50, incentive=HALF)
    return taker.cancel_result(order.order_hash, cancelled=True, message="released")


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_is_the_documented_one(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker, name: str) -> None:
    exchange, signed = desk.EXCHANGES[name], desk.order()
    server.routes[exchange["path"]] = kit.ok(exchange["data"])
    before = time.time()
    found = await call(taker, name, desk.show(signed))
    (sent,) = server.seen
    body = exchange["body"]
    if name == "fill":
        body = {"order": signed.order.to_venue(), "signature": str(signed.signature)} | body
    same = {key: Address(value) if key == "taker_address" else value for key, value in sent.json.items()}
    assert (sent.method, sent.target) == (exchange["method"], exchange["path"])
    assert same == {key: Address(value) if key == "taker_address" else value for key, value in body.items()}
    assert sent.headers["content-type"] == "application/json"
    assert "authorization" not in sent.headers
    assert desk.signed_as_documented(sent)
    assert before * 1000 - 1 <= int(sent.headers["x-api-timestamp"]) <= time.time() * 1000
    assert len(sent.headers["x-request-id"]) == 32
    for key, value in exchange["data"].items():
        shown = getattr(found, key)
        text = shown.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(shown, datetime) else str(shown) if not isinstance(shown, bool) else shown
        assert text == (str(Address(value)) if key == "locked_by" else value), key


async def test_validate_is_a_read_and_the_documented_one(
    desk: Desk, kit: Kit, server: RawServer, taker_of: Callable[..., stove.AsyncTaker]
) -> None:
    exchange, signed = desk.EXCHANGES["validate"], desk.order()
    server.routes[exchange["path"]] = [b"", kit.ok(exchange["data"])]
    found = await taker_of(server.url, retries=desk.QUICK).validate(signed)
    first, second = server.seen
    assert (first.method, first.target) == ("POST", exchange["path"])
    assert first.json == {"order": signed.order.to_venue(), "signature": str(signed.signature)}
    assert second.body == first.body
    assert desk.signed_as_documented(second)
    assert (found.valid, found.errors, found.maker_balance, found.maker_allowance) == (True, (), 10**22, 5 * 10**21)
    assert found.nonce_valid
    assert found.signature_valid
    assert found.not_expired


async def test_an_order_for_another_network_is_not_validated(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker) -> None:
    signer = kit.signer()
    order = kit.signed_order(signer).order
    other = sign_order(order, replace(stove.TESTNET, chain_id=98, tokens={}).domain, signer)
    await kit.raises(taker.validate(other), InvalidInput)
    await kit.raises(taker.validate(order), InvalidInput)  # type: ignore[arg-type]  # what a user may try
    assert not server.seen


async def test_lock_duration_is_sent_as_the_samples_have_it(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker) -> None:
    server.routes["/api/v1/orders/lock"] = kit.ok(desk.EXCHANGES["lock"]["data"])
    await taker.lock(desk.show(desk.order()), lock_duration=300)
    assert server.seen[0].json["lock_duration"] == 300
    for wrong in (0, -1, 1.5, True, "300", 10**9):
        await kit.raises(taker.lock(desk.show(desk.order()), lock_duration=wrong), InvalidInput)  # type: ignore[arg-type]
    assert len(server.seen) == 1


async def test_orders_that_are_available(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker) -> None:
    signed = desk.order()
    server.routes[desk.AVAILABLE] = kit.ok([kit.placed(signed, quantity=str(100 * 10**18))])
    (found,) = await taker.available()
    assert (server.seen[0].method, server.seen[0].target) == ("GET", desk.AVAILABLE)
    assert desk.signed_as_documented(server.seen[0])
    assert taker.check(found) == signed
    assert (found.shares(), found.locked_by) == (stove.Shares(100, stove.QuantityUnit.WEI), None)
    assert str(signed.signature)[2:] not in repr(found)
    server.routes[desk.AVAILABLE] = kit.ok(None)
    assert await taker.available() == ()
    server.routes[desk.AVAILABLE] = kit.ok({"orders": []})
    await kit.raises(taker.available(), InvalidReply)


async def test_a_taker_queries_orders(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker) -> None:
    path = "/api/v1/takers/orders"
    more = {"locked_by": desk.ADDRESS, "locked_at": "2025-01-17T03:00:24Z", "reference_id": "Taker-1737105945abc", "tx_hash": "0xab"}
    server.routes[path] = kit.page(kit.placed(desk.order(), **more))
    found = await taker.orders(status=["locked", "pending"], ticker="AAPL", exchange=0, is_buy=True, created_after=1, created_before=2,
                               sort_by="locked_at", sort_order="asc", page=2, page_size=7)  # fmt: skip
    assert server.seen[0].query == {
        "status": "locked,pending", "ticker": "AAPL", "exchange": "0", "is_buy": "true", "created_after": "1", "created_before": "2",
        "sort_by": "locked_at", "sort_order": "asc", "page": "2", "page_size": "7",
    }  # fmt: skip
    assert desk.signed_as_documented(server.seen[0])
    assert found.orders[0].locked_by == Address(desk.ADDRESS)
    assert found.orders[0].locked_at == datetime(2025, 1, 17, 3, 0, 24, tzinfo=UTC)
    assert (found.orders[0].reference_id, found.orders[0].tx_hash) == ("Taker-1737105945abc", "0xab")
    await taker.orders()
    assert server.seen[1].query == {"page": "1", "page_size": "100"}


async def test_a_taker_reads_fills(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker) -> None:
    exchange = desk.EXCHANGES["fills"]
    server.routes[exchange["path"]] = kit.ok(exchange["data"])
    moment = datetime(2025, 1, 17, 6, 0, 24, tzinfo=timezone(timedelta(hours=3)))
    found = await taker.fills(order_id="a/b", order_hash=desk.HASH.upper(), taker=desk.ADDRESS, tx_hash="0xcd", status="confirmed",
                              created_after=moment, created_before=moment, sort_by="created_at", sort_order="desc")  # fmt: skip
    assert server.seen[0].query == {
        "order_id": "a/b", "order_hash": desk.HASH.upper(), "taker": str(Address(desk.ADDRESS)), "tx_hash": "0xcd", "status": "confirmed",
        "created_after": "2025-01-17T03:00:24Z", "created_before": "2025-01-17T03:00:24Z", "sort_by": "created_at", "sort_order": "desc",
        "page": "1", "page_size": "100",
    }  # fmt: skip
    assert desk.signed_as_documented(server.seen[0])
    (fill,) = found.fills
    assert (fill.fill_quantity, fill.fill_amount, fill.block_number) == (20 * 10**18, 2770 * 10**18, 12345678)
    assert fill.created_at == datetime(2025, 1, 17, 3, 0, 24, tzinfo=UTC)
    await kit.raises(taker.fills(order_hash="0x99"), InvalidReply)
    for wrong in (datetime(2025, 1, 1), 5):  # noqa: DTZ001 - without an offset on purpose
        await kit.raises(taker.fills(created_after=wrong), InvalidInput)  # type: ignore[arg-type]


WRONG_ANSWERS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"order_hash": "0x" + "99" * 32}) for name in WRITES),
    *((name, {"order_hash": ""}) for name in WRITES),
    *((name, {"success": False}) for name in WRITES),
    *((name, {"success": "true"}) for name in WRITES),
    ("lock", {"locked_by": "0x" + "99" * 20}),
    ("lock", {"locked_by": "somebody"}),
    ("lock", {"expires_at": "2025-01-17T03:00:24Z"}),
    ("lock", {"expires_at": "2025-01-17 04:00"}),
    ("lock", {"expires_at": 1737086424}),
    ("fill", {"filled_quantity": "49"}),
    ("fill", {"filled_quantity": "101"}),
    ("fill", {"filled_quantity": str(49 * 10**18)}),
    ("fill", {"filled_quantity": 50}),
    ("fill", {"filled_amount": "7512.5"}),
    ("fill", {"fee_amount": None}),
    ("fill", {"tx_hash": ""}),
]


@pytest.mark.parametrize(("name", "changes"), WRONG_ANSWERS, ids=str)
async def test_an_answer_that_is_not_believed_leaves_a_write_unknown(
    desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker, name: str, changes: dict[str, Any]
) -> None:
    exchange = desk.EXCHANGES[name]
    server.routes[exchange["path"]] = kit.ok(exchange["data"] | changes)
    error = await kit.raises(call(taker, name, desk.show(desk.order())), OutcomeUnknown)
    assert ("fills(" if name == "fill" else "orders()") in str(error)
    assert len(server.seen) == 1


@pytest.mark.parametrize("quantity", ["50", "100", str(50 * 10**18), str(100 * 10**18)])
async def test_a_fill_in_either_unit_of_this_fill_or_of_all(
    desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker, quantity: str
) -> None:
    exchange = desk.EXCHANGES["fill"]
    server.routes[exchange["path"]] = kit.ok(exchange["data"] | {"filled_quantity": quantity})
    assert (await call(taker, "fill", desk.show(desk.order()))).filled_quantity == int(quantity)


LOST: list[tuple[Any, type[Any], type[Any]]] = [
    (b"", OutcomeUnknown, Unreachable),
    ("500", OutcomeUnknown, Unreachable),
    ("html", OutcomeUnknown, InvalidReply),
    ("400", Refused, Refused),
    ("429", RateLimited, RateLimited),
    ("401", Unauthorized, Unauthorized),
]


@pytest.mark.parametrize("name", [*WRITES, "orders"])
@pytest.mark.parametrize(("answer", "write", "read"), LOST, ids=[str(answer) for answer, *_ in LOST])
async def test_what_an_answer_means_to_a_taker(
    desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker, name: str, answer: Any, write: type[Any], read: type[Any]
) -> None:
    html = kit.http(200, b"<html></html>")
    server.otherwise = answer if isinstance(answer, bytes) else html if answer == "html" else kit.refusal(int(answer))
    if name == "orders":
        await kit.raises(taker.orders(), read)
    else:
        await kit.raises(call(taker, name, desk.show(desk.order())), write)
    assert len(server.seen) == 1, "sent twice"


@pytest.mark.parametrize("code", range(10010008, 10010013))
@pytest.mark.parametrize("status", [200, 400, 401, 403])
async def test_the_documented_codes_mean_that_the_key_is_not_accepted(
    desk: Desk, kit: Kit, server: RawServer, taker_of: Callable[..., stove.AsyncTaker], code: int, status: int
) -> None:
    server.otherwise = kit.refusal(code, "Signature verification failed", status=status)
    taker = taker_of(server.url, retries=desk.QUICK)
    error = await kit.raises(taker.available(), Unauthorized)
    assert (error.code, error.status, error.message) == (code, status, "Signature verification failed")
    await kit.raises(taker.unlock(desk.HASH), Unauthorized)
    assert len(server.seen) == 2


@pytest.mark.parametrize("code", [10010007, 10010013, 10010001])
async def test_other_codes_of_eight_digits_are_refusals(kit: Kit, server: RawServer, taker: stove.AsyncTaker, code: int) -> None:
    server.otherwise = kit.refusal(code, status=400)
    await kit.raises(taker.available(), Refused)


async def test_a_clock_that_is_wrong_is_named(kit: Kit, server: RawServer, taker: stove.AsyncTaker, desk: Desk) -> None:
    late = formatdate(time.time() + 900, usegmt=True)
    server.otherwise = kit.refusal(10010011, "Timestamp expired", status=401, Date=late)
    for asked in (taker.available(), taker.unlock(desk.HASH)):
        error = await kit.raises(asked, Unauthorized)
        assert "behind the venue's: set it right" in str(error)


FORGERIES: dict[str, tuple[Callable[[Desk, SignedOrder[Order]], dict[str, Any]], str]] = {
    "another maker": (lambda desk, signed: {"maker": "0x" + "12" * 20}, "signer_mismatch"),
    "another price": (lambda desk, signed: {"price": str(signed.order.price - 1)}, "signer_mismatch"),
    "another side": (lambda desk, signed: {"is_buy": False}, "signer_mismatch"),
    "another principal": (lambda desk, signed: {"principal": desk.ADDRESS}, "signer_mismatch"),
    "another quantity": (lambda desk, signed: {"quantity": "99"}, "signer_mismatch"),
    "another quantity in wei": (lambda desk, signed: {"quantity": str(99 * 10**18)}, "signer_mismatch"),
    "between the units": (lambda desk, signed: {"quantity": str(5 * 10**17)}, "signer_mismatch"),
    "another deadline": (lambda desk, signed: {"deadline": signed.order.deadline + 1}, "signer_mismatch"),
    "another nonce": (lambda desk, signed: {"nonce": signed.order.nonce + 1}, "signer_mismatch"),
    "a higher fee": (lambda desk, signed: {"incentive": str(signed.order.incentive + 1)}, "signer_mismatch"),
    "somebody's signature": (lambda desk, signed: {"signature": str(desk.order().signature)}, "signer_mismatch"),
    "the other v": (lambda desk, signed: {"signature": str(signed.signature)[:-2] + f"{55 - signed.signature[64]:02x}"}, "signer_mismatch"),
    "no signature": (lambda desk, signed: {"signature": ""}, "malformed_signature"),
    "zeros": (lambda desk, signed: {"signature": "0x" + "00" * 65}, "malformed_signature"),
    "half a signature": (lambda desk, signed: {"signature": str(signed.signature)[:70]}, "malformed_signature"),
    "a ticker of nobody": (lambda desk, signed: {"ticker": "aapl "}, "ticker_form"),
    "no order at all": (lambda desk, signed: {"exchange": -1}, "not_an_order"),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_an_order_that_its_maker_has_not_signed_is_neither_locked_nor_filled(
    desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker, name: str
) -> None:
    forge, reason = FORGERIES[name]
    signed = desk.order()
    shown = desk.show(signed, **forge(desk, signed))
    with pytest.raises(VerificationFailed) as caught:
        taker.check(shown)
    assert reason in caught.value.reasons
    kit._watch.clean(caught.value)
    await kit.raises(taker.lock(shown), VerificationFailed)
    await kit.raises(taker.fill(shown, shares=1, incentive=0), VerificationFailed)
    assert not server.seen


async def test_an_order_for_another_contract_or_chain_is_not_its_makers_here(desk: Desk, kit: Kit, taker: stove.AsyncTaker) -> None:
    signer = kit.signer()
    order = kit.signed_order(signer).order
    for network in (replace(stove.TESTNET, chain_id=56, tokens={}), replace(stove.TESTNET, settlement=Address("0x" + "77" * 20))):
        elsewhere = sign_order(order, network.domain, signer)
        with pytest.raises(VerificationFailed):
            taker.check(desk.show(elsewhere))


async def test_an_order_whose_deadline_has_passed_is_not_taken(
    desk: Desk, kit: Kit, server: RawServer, taker_of: Callable[..., stove.AsyncTaker]
) -> None:
    signed = desk.order()
    at = float(signed.order.deadline)
    assert taker_of(server.url, clock=lambda: at).check(desk.show(signed)) == signed
    late = taker_of(server.url, clock=lambda: at + 1)
    with pytest.raises(VerificationFailed) as caught:
        late.check(desk.show(signed))
    assert caught.value.reasons == ("deadline_passed",)


async def test_an_order_in_money_of_the_venues_own_is_not_taken(desk: Desk, kit: Kit, taker: stove.AsyncTaker) -> None:
    signer = kit.signer()
    fake = Token("USDT", Address("0x" + "66" * 20), decimals=18, chain_id=97)
    theirs = replace(stove.TESTNET, tokens={"USDT": fake})
    order = kit.signed_order(signer).order
    signed = sign_order(type(order)(**{**{f: getattr(order, f) for f in FIELDS}, "asset": fake.address}), theirs.domain, signer)
    with pytest.raises(RuleViolation) as caught:
        taker.check(desk.show(signed))
    assert caught.value.rule == "token"


FIELDS = ("maker", "principal", "is_buy", "ticker", "exchange", "asset", "price", "quantity", "incentive", "deadline", "nonce")


@pytest.mark.parametrize("scale", [1, 10**18])
async def test_the_signature_says_which_unit_it_is(desk: Desk, taker: stove.AsyncTaker, scale: int) -> None:
    signed = desk.order(quantity=7)
    found = taker.check(desk.show(signed, quantity=str(7 * scale)))
    assert found == signed
    assert isinstance(found.signature, Signature)


@pytest.mark.parametrize(
    "wrong",
    [{"shares": 0}, {"shares": -1}, {"shares": 101}, {"shares": 1.0}, {"shares": True}, {"shares": "50"}, {"incentive": -1},
     {"incentive": 75 * 10**18 + 1}, {"incentive": 0.5}, {"incentive": None}],
    ids=str,
)  # fmt: skip
async def test_a_fill_that_cannot_be_meant(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker, wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"shares": 50, "incentive": HALF} | wrong
    await kit.raises(taker.fill(desk.show(desk.order()), **given), InvalidInput)
    assert not server.seen


async def test_no_more_is_filled_than_is_left(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker) -> None:
    exchange, signed = desk.EXCHANGES["fill"], desk.order()
    server.routes[exchange["path"]] = kit.ok(exchange["data"])
    for scale in (1, 10**18):
        shown = desk.show(signed, quantity=str(100 * scale), filled_quantity=str(50 * scale), status="partially_filled")
        await kit.raises(taker.fill(shown, shares=51, incentive=0), InvalidInput)
        assert (await taker.fill(shown, shares=50, incentive=0)).success
    odd = desk.show(signed, quantity=str(100 * 10**18), filled_quantity="50")
    await kit.raises(taker.fill(odd, shares=1, incentive=0), InvalidInput)


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 257, None, 5, b"0x"], ids=ascii)
async def test_texts_that_are_not_sent(kit: Kit, server: RawServer, taker: stove.AsyncTaker, desk: Desk, text: Any) -> None:
    await kit.raises(taker.unlock(text), InvalidInput)
    await kit.raises(taker.cancel_result(text, cancelled=True, message="x"), InvalidInput)
    await kit.raises(taker.cancel_result(desk.HASH, cancelled=True, message=text), InvalidInput)
    await kit.raises(taker.cancel_result(desk.HASH, cancelled=1, message="x"), InvalidInput)  # type: ignore[arg-type]
    await kit.raises(taker.lock(text), InvalidInput)
    assert not server.seen


async def test_what_a_taker_shows_of_itself(desk: Desk, server: RawServer, taker: stove.AsyncTaker) -> None:
    assert repr(taker) == f"AsyncTaker('Stove test network (BSC Testnet)', {Address(desk.ADDRESS)})"
    assert all(desk.secret not in repr(value) and desk.key not in repr(value) for value in vars(taker).values())
    for key, secret in (("", "x"), ("a\nb", "x"), ("k", ""), ("k", None)):
        with pytest.raises(InvalidInput):
            stove.AsyncTaker(stove.TESTNET.at(server.url), key, secret, desk.ADDRESS)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        stove.AsyncTaker("stove", desk.key, desk.secret, desk.ADDRESS)  # type: ignore[arg-type]


@pytest.mark.parametrize("echo", ["x-api-key", "x-api-signature", "secret"])
async def test_a_venue_that_repeats_the_key(desk: Desk, kit: Kit, server: RawServer, taker: stove.AsyncTaker, echo: str) -> None:
    server.otherwise = lambda seen: kit.refusal(400, f"bad {seen.headers.get(echo, echo)}")
    error = await kit.raises(taker.unlock(desk.HASH), Refused)
    assert desk.key not in str(error)
    assert server.seen[0].headers["x-api-signature"] not in str(error)
