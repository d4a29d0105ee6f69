"""The middle of the demo: two token platforms without signed orders, where every write goes under a reference of one's own."""

from concurrent.futures import Future
from typing import Final

from orderseal.api import licenserocks, tokenizationtr
from orderseal.cli.steps import Story
from orderseal.sandbox import Fault, LicenseRocksSandbox, TokenizationTrSandbox
from orderseal.signing import Ledger, OrdersealError, OutcomeUnknown

__all__ = ["tell_license_rocks", "tell_tokenization"]

_PATIENCE_SECONDS: Final = 30.0
_FIRST_READ: Final = 0.05
_INVOICE: Final = "invoice 2026-118"


def tell_tokenization(story: Story, starting: "Future[TokenizationTrSandbox]", ledger: Ledger) -> None:
    """TokenizationTR: a purchase, and one whose answer is lost; raises where it goes wrong."""
    story.chapter("TokenizationTR: no signatures, so each write is one wish, under a name of yours")
    with story.step("start_tokenizationtr", "Log in at TokenizationTR's twin, and read what a token costs") as detail:
        twin = starting.result()
        login = {name: getattr(twin, name) for name in ("client_id", "client_secret", "username", "password")}
        client = tokenizationtr.Client(twin.url, **login, instance="demo", ledger=ledger)
        seeds = twin.seeds()
        user_id, token_id = seeds["user_id"], seeds["token_id"]
        value = client.token_details(token_id).value
        price = None if value is None else value.token_price or value.value
        if price is None:
            raise OrdersealError("the platform names no price")
        detail |= {"url": twin.url, "price": str(price.amount)}
        story.line(f"{twin.url}, {price.amount} {price.symbol} for one token")
    with client:
        with story.step("buy", "Buy 10 under the reference 'order 4711', and wait until it is done") as detail:
            bought = client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
            story.line("on disk first: reference and bytes; then sent, once")
            if bought.transaction_id is None:
                raise OrdersealError("the platform answered without a transaction")
            done = client.wait(bought.transaction_id, token_id=token_id, seconds=_PATIENCE_SECONDS, first=_FIRST_READ)
            if done.has_failed:
                raise OrdersealError(f"the purchase failed: {done.error}")
            detail |= {"transaction_id": done.id, "hash": done.hash}
            story.line(f"transaction {done.id} is done, on chain as")
            story.line(f"{done.hash}")
        _lose(story, twin, client, user_id, token_id)
        _settle(story, twin, client, user_id)


def _lose(story: Story, twin: TokenizationTrSandbox, client: tokenizationtr.Client, user_id: str, token_id: str) -> None:
    with story.step("lost_answer", "Buy 7 as 'order 4712'; the twin is told to hang up instead of answering") as detail:
        twin.inject(Fault("drop_after"))
        for attempt in ("asked", "asked again"):
            try:
                client.buy_primary(user_id, token_id, quantity=7, reference="order 4712")
            except OutcomeUnknown as error:
                detail["unknown"] = error.reference
                story.line(f"{attempt}: OutcomeUnknown, it may have taken effect, or not")
            else:
                raise OrdersealError("a lost answer was not noticed")
        detail["deliveries"] = twin.accepted(operation="buy_on_primary_market")[-1].deliveries
        story.line(f"the twin has received it {_times(detail['deliveries'])}: what may have happened is never sent again")


def _settle(story: Story, twin: TokenizationTrSandbox, client: tokenizationtr.Client, user_id: str) -> None:
    with story.step("settle", "Settle it: read what it could be, and say which it is") as detail:
        found = client.candidates(user_id, "order 4712").transactions
        if len(found) != 1:
            raise OrdersealError(f"{len(found)} transactions could be the purchase, expected one")
        story.line(f"one transaction fits, and belongs to no other reference: {found[0].id}")
        client.settle(user_id, "order 4712", transaction_id=found[0].id)
        bought = [one.quantity for one in twin.transactions() if one.user_id == user_id]
        detail |= {"transaction_id": found[0].id, "open": len(client.open_writes(user_id)), "bought": bought}
        story.line(f"writes left open: {detail['open']}; the twin has sold {' and '.join(f'{one:g}' for one in bought)}: each once")


def tell_license_rocks(story: Story, starting: "Future[LicenseRocksSandbox]", ledger: Ledger) -> None:
    """License.rocks: an order, and the same order again; raises where it goes wrong."""
    story.chapter("License.rocks: an order counts as paid, so a second one would cost")
    with story.step("license_order", f"Order an NFT at License.rocks' twin, as '{_INVOICE}'") as detail:
        twin = starting.result()
        client = licenserocks.Client(twin.url, twin.token, ledger=ledger)
        wish = licenserocks.NewOrder(nft_id=405, listing_id=2, buyer_user_id=twin.seeds()["user_id"], quantity=1)
        created = client.create_order(wish, reference=_INVOICE)
        order = client.order(created.order_ids[0])
        detail |= {"url": twin.url, "order_id": order.id, "differences": list(created.differences)}
        story.line(f"{twin.url}, order {order.id} for {order.total_price_cents} cents of {order.total_price_currency}")
    with client, story.step("repeat_order", "The same again, as a program would after a crash: answered from the ledger") as detail:
        again = client.create_order(wish, reference=_INVOICE)
        (taken,) = twin.accepted(operation="create_orders")
        detail |= {"order_ids": list(again.order_ids), "deliveries": taken.deliveries}
        if again.order_ids != created.order_ids:
            raise OrdersealError("the repeated order has another id")
        story.line(f"order {again.order_ids[0]} again; the twin has received it {_times(taken.deliveries)}")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
