"""A reference stands for one wish: made once, given again, never sent twice, and open until a person says so."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderseal import fixtures
from orderseal.api.tokenizationtr import Money, OpenWrite, Operation, PriceIn, Purchase, Transaction, Written, account_of
from orderseal.api.tokenizationtr.settling import not_of_others, receipt_of
from orderseal.signing import Address, InvalidInput, LedgerError, OutcomeUnknown, Refused, RuleViolation, keccak256
from orderseal.signing.ledger import Ledger, State

if TYPE_CHECKING:
    from tests.api.tokenizationtr.conftest import Desk

ASYNC = {"transaction_id": "6913872755654191dede37da"}


def buy(client: Any, desk: Desk, reference: str = "order 1", quantity: int = 10) -> Any:
    return client.buy_primary(desk.USER, desk.TOKEN, quantity=quantity, reference=reference)


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


async def lose(desk: Desk, path: str, write: Any) -> None:
    """The server takes a write, and its answer is lost."""
    desk.server.routes[path] = b""
    await desk.kit.raises(write, OutcomeUnknown)
    assert desk.server.count(path) == 1


async def test_the_same_again_gives_the_same_and_sends_nothing(desk: Desk) -> None:
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(ASYNC)
    client = desk.client()
    first = await buy(client, desk)
    again = await buy(client, desk)
    assert again == Written("order 1", transaction_id=first.transaction_id, repeated=True)
    assert await buy(desk.client(), desk) == again
    assert desk.server.count(desk.BUY_PRIMARY) == 1


async def test_the_same_again_in_the_older_generation(desk: Desk) -> None:
    desk.server.routes[desk.SELL] = desk.answer(fixtures.load("tokenizationtr/sell-on-secondary-market")["verbatim"]["response"]["body"])
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(desk.samples["buy_primary_a"])
    client = desk.client()
    for repeated, price in enumerate((Money(Decimal("12.5"), 6, "USDT"), Money(Decimal("12.50"), 6, "USDT"))):
        sold = await client.sell(desk.USER, desk.TOKEN, quantity=10, price=price, reference="s")
        bought = await buy(client, desk, "b")
        assert (sold.deal_id, bought.purchase_id) == (15, "pm_purchase_789")
        assert (sold.repeated, sold.data is None, bought.repeated) == (bool(repeated),) * 3
    assert desk.server.count(desk.SELL) == desk.server.count(desk.BUY_PRIMARY) == 1


async def test_other_content_is_an_error(desk: Desk) -> None:
    desk.server.otherwise = desk.answer(ASYNC)
    client = desk.client()
    await buy(client, desk)
    await desk.kit.raises(buy(client, desk, quantity=11), InvalidInput)
    await desk.kit.raises(client.buy_primary(desk.USER, "another", quantity=10, reference="order 1"), InvalidInput)
    await desk.kit.raises(client.delist(desk.USER, desk.TOKEN, deal_id=10, reference="order 1"), InvalidInput)
    assert desk.server.count() == 2  # One of them is the login.


async def test_a_reference_is_per_user_and_instance(desk: Desk) -> None:
    desk.server.otherwise = desk.answer(ASYNC)
    await buy(desk.client(), desk)
    await desk.client().buy_primary("another", desk.TOKEN, quantity=11, reference="order 1")
    await buy(desk.client(instance="production"), desk, quantity=12)
    assert [request.json["quantity"] for request in desk.server.seen if request.path != desk.LOGIN] == [10, 11, 12]
    assert {slot.scope.network for slot in desk.ledger.slots(venue="tokenizationtr", kind="write")} == {"test", "production"}


def test_the_account_is_made_from_the_user_id(desk: Desk) -> None:
    assert account_of(desk.USER) == Address(keccak256(desk.USER.encode())[12:])
    with pytest.raises(InvalidInput):
        account_of("a/b")


async def test_a_refused_reference_is_spent(desk: Desk) -> None:
    desk.server.routes[desk.BUY_PRIMARY] = desk.error(422, "Purchase not possible", "Insufficient token supply available")
    client = desk.client()
    await desk.kit.raises(buy(client, desk), Refused)
    violation = await desk.kit.raises(buy(client, desk), RuleViolation)
    assert violation.rule == "reference_refused"
    assert desk.server.count(desk.BUY_PRIMARY) == 1


async def test_a_lost_answer_is_never_sent_again(desk: Desk, tmp_path: Path) -> None:
    client = desk.client()
    await lose(desk, desk.BUY_PRIMARY, buy(client, desk))
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(ASYNC)
    for other in (client, desk.client()):
        error = await desk.kit.raises(buy(other, desk), OutcomeUnknown)
        assert error.reference == "order 1"
        assert "purchases()" in str(error)
    desk.ledger.close()
    with Ledger(tmp_path / "bot.db") as reopened:
        await desk.kit.raises(buy(desk.client(ledger=reopened), desk), OutcomeUnknown)
    assert desk.server.count(desk.BUY_PRIMARY) == 1


async def test_a_time_out_and_a_cancelled_caller_leave_it_open(desk: Desk) -> None:
    desk.server.routes[desk.BUY_PRIMARY] = desk.server.hang
    await desk.kit.raises(buy(desk.impatient(), desk, "late"), OutcomeUnknown)
    client = desk.client()
    task = asyncio.create_task(buy(client, desk, "left"))
    await asyncio.to_thread(desk.server.wait, desk.BUY_PRIMARY, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.aclose()
    slots = desk.ledger.slots(venue="tokenizationtr", states=(State.UNKNOWN,))
    assert len(slots) == 2
    assert [write.reference for write in await desk.client().open_writes(desk.USER)] == ["late", "left"]


async def test_an_open_write_says_what_it_was(desk: Desk) -> None:
    client = desk.client()
    began = time.time()
    price = PriceIn("6913307ec95e268b239b2d8b", Decimal("12.5"))
    await lose(desk, desk.SELL, client.sell(desk.USER, desk.TOKEN, quantity=10, price=price, reference="s"))
    (write,) = await client.open_writes(desk.USER)
    assert (write.reference, write.operation, write.user_id, write.token_id) == ("s", Operation.SELL, desk.USER, desk.TOKEN)
    assert write.body == {"quantity": 10, "price_id": price.price_id, "price_amount": "12.5"}
    assert began - 1 < write.sent_at < time.time() + 1
    assert await client.open_writes("another") == []


# What could be a lost write


def transaction(desk: Desk, number: int, **changes: Any) -> dict[str, Any]:
    sample: dict[str, Any] = desk.samples["user_transactions"][0]
    data = sample["data"] | {"quantity": 10, "price_amount": 12.5} | changes.pop("data", {})
    now = stamp(time.time())
    return sample | {"id": f"{number:024x}", "data": data, "created_at": now, "updated_at": now} | changes


async def test_the_candidates_of_a_purchase(desk: Desk) -> None:
    client = desk.client()
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer({"transaction_id": f"{6:024x}"})
    await buy(client, desk, "another one")
    old = stamp(time.time() - 3600)
    desk.server.routes[desk.BUY_PRIMARY] = b""
    await desk.kit.raises(buy(client, desk), OutcomeUnknown)
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(
        transaction(desk, 1),
        transaction(desk, 2, data={"quantity": 11}),
        transaction(desk, 3, data={"token_id": "another"}),
        transaction(desk, 4, created_at=old),
        transaction(desk, 5, type=3),
        transaction(desk, 6),  # That of another reference.
        transaction(desk, 7, user_id="another"),
        {name: value for name, value in transaction(desk, 8).items() if name != "data"},
        transaction(desk, 9, data={"quantity": "many"}),
    )
    purchase = desk.samples["purchase"] | {"purchase_date": stamp(time.time())}
    desk.server.routes[f"{desk.PURCHASES}/search"] = desk.nested(
        purchase,
        purchase | {"id": "p2", "quantity": 9},
        purchase | {"id": "p3", "purchase_date": old},
        purchase | {"id": "p4", "market_type": "secondary"},
        purchase | {"id": "p5", "token_id": "another"},
    )
    found = await client.candidates(desk.USER, "order 1")
    assert [int(row.id, 16) for row in found.transactions] == [1, 8, 9]
    assert [row.id for row in found.purchases] == ["purchase_123"]
    assert found.deals == ()
    assert found.write.reference == "order 1"
    assert desk.query(desk.server.last(desk.TRANSACTIONS))["types"] == ["1"]
    assert desk.server.last(f"{desk.PURCHASES}/search").json == {"page": 1, "per_page": 20, "token_id": desk.TOKEN}
    # It stays open: nothing of this is proof.
    await desk.kit.raises(buy(client, desk), OutcomeUnknown)


HASH = "0x" + "ab" * 32


async def test_a_purchase_under_its_other_names_is_no_candidate(desk: Desk) -> None:
    """The older generation answers with ``pm_purchase_789`` what the searches call ``purchase_123``, and lists it as a transaction, too."""
    client = desk.client()
    sample = desk.samples["buy_primary_a"]
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(sample | {"data": sample["data"] | {"transaction_hash": HASH}})
    assert (await buy(client, desk, "another one")).purchase_id == "pm_purchase_789"
    assert (await buy(client, desk, "another one")).purchase_id == "pm_purchase_789"  # As the ledger has it.
    desk.server.routes[desk.BUY_PRIMARY] = b""
    await desk.kit.raises(buy(client, desk), OutcomeUnknown)
    purchase = desk.samples["purchase"] | {"purchase_date": stamp(time.time())}
    theirs, other = transaction(desk, 1, hash=HASH.upper().replace("0X", "0x")), transaction(desk, 2, hash="0x" + "cd" * 32)
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(theirs, other, transaction(desk, 3, hash=None))
    desk.server.routes[f"{desk.PURCHASES}/search"] = desk.nested(
        purchase | {"id": "purchase_1", "transaction_hash": HASH},
        purchase | {"id": "purchase_2", "transaction_hash": "0x" + "cd" * 32},
        purchase | {"id": "purchase_3", "transaction_hash": None},
    )
    found = await client.candidates(desk.USER, "order 1")
    assert [int(row.id, 16) for row in found.transactions] == [2, 3]
    assert [row.id for row in found.purchases] == ["purchase_2", "purchase_3"]

    # Two purchases in one transaction on chain: which of them is the other reference's is not known, so both are shown.
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(theirs, transaction(desk, 4, hash=HASH))
    assert [int(row.id, 16) for row in (await client.candidates(desk.USER, "order 1")).transactions] == [1, 4]

    # What a person settles by one of its names has the others, too.
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(other)
    settled = await client.settle(desk.USER, "order 1", purchase_id="purchase_2")
    assert settled == await buy(client, desk) == Written("order 1", purchase_id="purchase_2", repeated=True)
    await desk.kit.raises(buy(client, desk, "order 2"), OutcomeUnknown)
    found = await client.candidates(desk.USER, "order 2")
    assert ([row.id for row in found.transactions], [row.id for row in found.purchases]) == ([], ["purchase_3"])


def test_a_row_of_another_kind_in_the_same_transaction_on_chain_hides_nothing() -> None:
    """The platform may batch: what another reference bought of another token, or in another way, is not among the rows asked for."""

    def write(operation: Operation, token: str) -> OpenWrite:
        return OpenWrite("order", operation, "user", token, {}, 0.0)

    primary, secondary = Operation.BUY_PRIMARY, Operation.BUY_SECONDARY
    receipt = receipt_of(purchase_id="pm_purchase_789", hash_=HASH)
    purchase = Purchase(id="purchase_1", token_id="Y", quantity=10, transaction_hash=HASH)
    bought = Transaction(id="t1", status=3, hash=HASH)
    other_token, other_way = {receipt: write(primary, "X")}, {receipt: write(secondary, "Y")}
    assert not_of_others(write(primary, "Y"), other_token, [], [purchase]) == ([], [purchase])
    assert not_of_others(write(primary, "Y"), other_way, [bought], []) == ([bought], [])
    assert not_of_others(write(primary, "Y"), {receipt: write(primary, "Y")}, [bought], [purchase]) == ([], [])
    nothing = "0x" + "0" * 64  # before it is mined
    pending = Transaction(id="t2", status=1, hash=nothing)
    others = {receipt_of(purchase_id="pm_purchase_1", hash_=nothing): write(primary, "Y")}
    assert not_of_others(write(primary, "Y"), others, [pending], []) == ([pending], [])


async def test_a_transaction_that_is_known_takes_its_purchase_with_it(desk: Desk) -> None:
    client = desk.client()
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer({"transaction_id": f"{6:024x}"})
    await buy(client, desk, "another one")
    desk.server.routes[desk.BUY_PRIMARY] = b""
    await desk.kit.raises(buy(client, desk), OutcomeUnknown)
    purchase = desk.samples["purchase"] | {"purchase_date": stamp(time.time())}
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(transaction(desk, 6, hash=HASH), transaction(desk, 7, hash="0x" + "cd" * 32))
    desk.server.routes[f"{desk.PURCHASES}/search"] = desk.nested(purchase | {"transaction_hash": HASH})
    found = await client.candidates(desk.USER, "order 1")
    assert ([int(row.id, 16) for row in found.transactions], found.purchases) == ([7], ())


@pytest.mark.parametrize("price", [Money(Decimal("12.5"), 6, "USDT"), PriceIn("6913307ec95e268b239b2d8b", Decimal("12.50"))])
async def test_the_candidates_of_a_sale(desk: Desk, price: Money | PriceIn) -> None:
    client = desk.client()
    await lose(desk, desk.SELL, client.sell(desk.USER, desk.TOKEN, quantity=10, price=price, reference="s"))
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(transaction(desk, 1, type=3), transaction(desk, 2, type=3, data={"price_amount": 12}))
    deal = desk.samples["token_deal"] | {"seller_id": desk.USER, "created_at": stamp(time.time())}
    desk.server.routes[f"{desk.MARKETS}/users/{desk.USER}/tokens/{desk.TOKEN}"] = desk.nested(
        deal,
        deal | {"deal_id": 2, "price": {"amount": 12.0, "decimal": 6, "symbol": "USDT"}},
        deal | {"deal_id": 3, "seller_id": "another"},
        deal | {"deal_id": 4, "quantity": 11},
        deal | {"deal_id": 5, "created_at": "2024-01-15T14:30:00Z"},
    )
    found = await client.candidates(desk.USER, "s")
    assert [int(row.id, 16) for row in found.transactions] == [1]
    assert [row.deal_id for row in found.deals] == [13]


async def test_the_candidates_of_a_delisting_and_a_secondary_purchase(desk: Desk) -> None:
    client = desk.client()
    await lose(desk, desk.DELIST, client.delist(desk.USER, desk.TOKEN, deal_id=12, reference="d"))
    deal = desk.samples["token_deal"] | {"seller_id": desk.USER, "deal_id": 12, "status": "delisted"}
    path = f"{desk.MARKETS}/users/{desk.USER}/tokens/{desk.TOKEN}"
    desk.server.routes[desk.TRANSACTIONS] = desk.flat()
    desk.server.routes[path] = desk.nested(deal, deal | {"deal_id": 13})
    assert [row.deal_id for row in (await client.candidates(desk.USER, "d")).deals] == [12]
    desk.server.routes[path] = desk.nested(deal | {"status": "active"})
    assert (await client.candidates(desk.USER, "d")).deals == ()

    await lose(desk, desk.BUY_SECONDARY, client.buy_secondary(desk.USER, desk.TOKEN, quantity=10, deal_id=13, reference="b"))
    rows = (transaction(desk, 1, type=2, data={"deal_id": 13}), transaction(desk, 2, type=2, data={"deal_id": 14}))
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(*rows)
    desk.server.routes[f"{desk.PURCHASES}/search"] = desk.nested()
    assert [int(row.id, 16) for row in (await client.candidates(desk.USER, "b")).transactions] == [1]


async def test_a_person_settles(desk: Desk) -> None:
    client = desk.client()
    await lose(desk, desk.BUY_PRIMARY, buy(client, desk))
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(transaction(desk, 1), transaction(desk, 2, data={"quantity": 3}))
    desk.server.routes[f"{desk.PURCHASES}/search"] = desk.nested()
    for wrong in ({"transaction_id": f"{2:024x}"}, {"deal_id": 1}, {}, {"transaction_id": f"{1:024x}", "deal_id": 1}):
        await desk.kit.raises(client.settle(desk.USER, "order 1", **wrong), InvalidInput)
    settled = await client.settle(desk.USER, "order 1", transaction_id=f"{1:024x}")
    assert settled == Written("order 1", transaction_id=f"{1:024x}", repeated=True)
    assert await buy(client, desk) == settled
    assert await client.open_writes(desk.USER) == []
    assert desk.server.count(desk.BUY_PRIMARY) == 1
    # One row is one write: it is no candidate of another.
    desk.server.routes[desk.BUY_PRIMARY] = b""
    await desk.kit.raises(buy(client, desk, "order 2"), OutcomeUnknown)
    assert (await client.candidates(desk.USER, "order 2")).transactions == ()


async def test_a_person_dismisses(desk: Desk) -> None:
    client = desk.client()
    await lose(desk, desk.BUY_PRIMARY, buy(client, desk))
    for wrong in ("", " ", None, "x" * 4001):
        await desk.kit.raises(client.dismiss(desk.USER, "order 1", wrong), InvalidInput)  # type: ignore[arg-type]  # what is tested
    await client.dismiss(desk.USER, "order 1", "asked the platform: there is none")
    assert await client.open_writes(desk.USER) == []
    violation = await desk.kit.raises(buy(client, desk), RuleViolation)
    assert violation.rule == "reference_abandoned"
    for act in (
        client.candidates(desk.USER, "order 1"),
        client.dismiss(desk.USER, "order 1", "again"),
        client.dismiss(desk.USER, "x", "y"),
    ):
        error = await desk.kit.raises(act, LedgerError)
        assert error.reason == "missing"
    assert desk.server.count(desk.BUY_PRIMARY) == 1


async def test_only_what_is_open_has_candidates(desk: Desk) -> None:
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(ASYNC)
    client = desk.client()
    await buy(client, desk)
    for reference in ("order 1", "never heard of"):
        error = await desk.kit.raises(client.candidates(desk.USER, reference), LedgerError)
        assert error.reason == "missing"
        await desk.kit.raises(client.settle(desk.USER, reference, deal_id=1), LedgerError)
