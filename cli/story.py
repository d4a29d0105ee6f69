"""The story that ``demo`` tells: on the venues' twins, over real HTTP and WebSocket, with nothing else needed."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol, Self, TypeVar

from orderseal.api import stove
from orderseal.cli.platforms import tell_license_rocks, tell_tokenization
from orderseal.cli.purchase import brokers_twin, tell_purchase
from orderseal.cli.steps import Story
from orderseal.fixtures import load
from orderseal.sandbox import LicenseRocksSandbox, Sandbox, TokenizationTrSandbox, TokenizationTrSettings
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import (
    InvalidInput,
    Ledger,
    LocalSigner,
    Order,
    OrdersealError,
    TokenAmount,
    format_time,
    inspect_order,
    sign_order,
    signature_bytes,
    system_clock,
    verify_order,
)

__all__ = ["run_demo"]

_PATIENCE_SECONDS: Final = 30.0
_PENDING_SECONDS: Final = 1.0


class _Server(Protocol):
    def start(self) -> Self: ...

    def stop(self) -> None: ...


_S = TypeVar("_S", bound=_Server)


def run_demo(story: Story) -> None:
    """Tell the story; raises where it goes wrong."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4, "demo"))

        def start(make: Callable[[], _S]) -> "Future[_S]":
            """Start a server beside the story: each is a process of its own."""
            starting = pool.submit(lambda: make().start())
            stack.callback(lambda: None if starting.exception() else starting.result().stop())
            return starting

        chain = start(LocalChain)
        # The older generation of the platform answers at once; without a word, a run has either by chance.
        tokenization = start(lambda: TokenizationTrSandbox(TokenizationTrSettings(generation="new")))
        license_rocks = start(LicenseRocksSandbox)
        brokers = start(lambda: brokers_twin(chain.result()))
        _tell_stove(story)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="orderseal-demo-")))
        ledger = stack.enter_context(Ledger(folder / "demo.db"))
        tell_tokenization(story, tokenization, ledger)
        tell_license_rocks(story, license_rocks, ledger)
        tell_purchase(story, chain, brokers, ledger)


def _tell_stove(story: Story) -> None:
    story.chapter("Stove: an order is signed, and its signature is what counts")
    with ExitStack() as stack:
        with story.step("start_sandbox", "Start Stove's twin: a real server in a process of its own, on loopback") as detail:
            sandbox = stack.enter_context(Sandbox())
            detail["url"] = sandbox.url
            story.line(sandbox.url)
        signer = LocalSigner.generate()
        venue = stack.enter_context(stove.Client(stove.TESTNET.at(sandbox.url), signer))
        with story.step("connect", "Log in with a throw-away key, by personal_sign") as detail:
            venue.connect()
            detail["address"] = str(signer.address)
            story.line(f"logged in as {signer.address}")
        _first_order(story, venue, signer)
        _documented_order(story, venue, signer)


def _first_order(story: Story, venue: stove.Client, signer: LocalSigner) -> None:
    network, usdt = venue.network, venue.network.token("USDT")
    limit = Decimal("150.25")
    with story.step("estimate", 'Ask for an estimate: "buy 60 AAPL at 150.25 USDT"') as detail:
        quote = venue.quote("buy", "AAPL", shares=60, limit=limit, pay_with=usdt)
        detail |= {
            "estimated_fee": str(quote.estimated_fee.units),
            "fee": str(quote.fee.units),
            "exchange_rate": str(quote.exchange_rate),
        }
        story.line(f"the venue estimates a fee of {quote.estimated_fee}, at {quote.exchange_rate} {quote.base_currency} per {usdt}")
        story.line(f"we offer 1 % more, {quote.fee}, so that a broker takes the order")
    with story.step("build", "Build the order: integers in base units, every bound checked") as detail:
        order = stove.limit_order(
            network,
            "buy",
            "AAPL",
            shares=60,
            limit=limit,
            pay_with=usdt,
            maker=signer.address,
            fee=quote.fee,
            nonce=venue.next_nonce(),
            now=system_clock(),
        )
        detail["order"] = order.to_venue()
        for name, value in order.to_venue().items():
            story.line(f"{name:9} {value}")
    with story.step("explain", "What is about to be signed, in plain words") as detail:
        detail["text"] = stove.explain(order, network)
        for sentence in detail["text"]:
            story.line(sentence)
    with story.step("sign", "Sign it (EIP-712)") as detail:
        signed = sign_order(order, network.domain, signer)
        detail |= {"signing_hash": str(signed.signing_hash), "signature": str(signed.signature)}
        story.line(f"signing hash {signed.signing_hash}")
        text = str(signed.signature)
        story.line(f"signature    {text[:66]}")
        story.line(f"             {text[66:]}")
    with story.step("verify", "Verify it offline, as a desk would") as detail:
        detail["signer"] = str(verify_order(signed))
        story.line(f"valid: signed by {detail['signer']}, the maker")
    with ExitStack() as stack:
        with story.step("subscribe", "Subscribe to status changes, before submitting") as detail:
            stream = stack.enter_context(venue.stream(seconds=_PATIENCE_SECONDS))
            detail["types"] = ["order_status_change"]
            story.line("listening on the WebSocket")
        with story.step("submit", "Submit it") as detail:
            placed = venue.create(signed)
            detail |= {"id": placed.id, "order_hash": placed.order_hash, "status": placed.status}
            story.line(f"accepted as {placed.id}, status {placed.status}")
        with story.step("follow", "Follow it until it is filled") as detail:
            detail["statuses"] = statuses = [placed.status]
            for change in stream:
                if change.order_hash == placed.order_hash:
                    statuses.append(change.to_status)
                    story.line(f"{change.from_status or 'new'} → {change.to_status}")
                    if change.to_status in stove.FINAL_STATUSES:
                        break
            final = venue.order(placed.order_hash)
            detail |= {"final": final.status, "filled": str(final.filled_quantity), "fills": len(final.fills or ())}
            story.line(f"a query confirms: {final.status}, {final.filled_quantity} shares in {len(final.fills or ())} fill(s)")
            if final.status != stove.OrderStatus.FILLED:
                raise OrdersealError(f"the order is {final.status} after at most {_PATIENCE_SECONDS:g} s, not filled")


def _documented_order(story: Story, venue: stove.Client, signer: LocalSigner) -> None:
    network, usdt = venue.network, venue.network.token("USDT")
    documented = load("stove/create-order")
    with story.step("documented_example", "Read the venue's documented example, and see why it would fail today") as detail:
        body = documented["verbatim"]["request"]["body"]
        example = Order.from_venue(body["order"])
        price = TokenAmount(usdt, example.price).decimal
        quote = venue.quote("buy", example.ticker, shares=example.quantity, limit=price, pay_with=usdt)
        now = system_clock()
        reasons = stove.refusals(example, network, now=now, fee=quote.estimated_fee, wallet=signer.address)
        try:
            reasons += inspect_order(example, network.domain, signature_bytes(body["signature"])).explanations
        except InvalidInput as error:
            reasons.append(str(error))
        next_nonce = venue.next_nonce()
        if example.nonce != next_nonce:
            reasons.append(f"nonce {example.nonce} is not the venue's next one for this account, {next_nonce}")
        detail |= {"source": documented["source"]["page"], "reasons": reasons}
        for reason in reasons:
            story.line(f"- {reason}")
    with story.step("rebuild", "Rebuild it as an order of our own") as detail:
        ours = stove.limit_order(
            network,
            "buy",
            example.ticker,
            shares=example.quantity,
            limit=price,
            pay_with=usdt,
            maker=signer.address,
            fee=quote.fee,
            nonce=next_nonce,
            now=now,
        )
        before, after = example.to_venue(), ours.to_venue()
        detail["changed"] = [{"field": name, "from": before[name], "to": after[name]} for name in before if before[name] != after[name]]
        for change in detail["changed"]:
            story.line(f"{change['field']:9} {change['from']} → {change['to']}")
        story.line(f"the deadline was {format_time(example.deadline)}, and is {format_time(ours.deadline)}")
        detail["kept"] = [name for name in before if before[name] == after[name]]
        story.line(f"kept: {', '.join(detail['kept'])}")
    with story.step("submit_rebuilt", "Submit that") as detail:
        placed = venue.create(sign_order(ours, network.domain, signer))
        detail |= {"id": placed.id, "order_hash": placed.order_hash, "status": placed.status}
        story.line(f"accepted as {placed.id}")
        time.sleep(_PENDING_SECONDS)
        detail["final"] = venue.order(placed.order_hash).status
        story.line(f"{detail['final']} after {_PENDING_SECONDS:g} s: the testing guide keeps a quantity of 100 on the book")
        if detail["final"] != stove.OrderStatus.PENDING:
            raise OrdersealError(f"the order is {detail['final']}, not pending")
