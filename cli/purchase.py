"""The end of the demo: a purchase by BrokersTR's recipe, on a local chain with real contracts."""

import json
import os
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from orderseal.api import brokerstr
from orderseal.chain.dialogue import ask_one, run
from orderseal.chain.execute import Sending, carry_out
from orderseal.chain.node import HttpNode
from orderseal.chain.observe import observe_pins
from orderseal.chain.outcome import check_logs
from orderseal.chain.pins import Pins
from orderseal.chain.plan import Plan
from orderseal.chain.planning import plan_purchase
from orderseal.chain.receipts import read_receipt, receipt_call
from orderseal.chain.recipe import Recipe, check_recipe
from orderseal.cli.plans import coins, event_lines, plan_json, plan_lines, values_json
from orderseal.cli.steps import Story
from orderseal.sandbox import BrokersTrSandbox, BrokersTrSettings, Integration
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, Hash32, Ledger, LocalSigner, OrdersealError, PlanMismatch, system_clock

__all__ = ["brokers_twin", "tell_purchase"]

_QUANTITY: Final = 5
_MOST: Final = Decimal("0.01")
_PATIENCE_SECONDS: Final = 30.0
_EXTERNAL_ID: Final = "693d6f791f8a9198aba44f50"
"""The id of the token that the venue's page *Create Token by External ID* prints."""


def brokers_twin(chain: LocalChain) -> BrokersTrSandbox:
    """A twin of BrokersTR whose recipes are for the contracts of this chain."""
    market, token, currency = (chain.contracts[name].address for name in ("market", "house", "payment"))
    there = Integration(chain_id=chain.chain_id, contract_address=market, token_address=token, currency_address=currency)
    return BrokersTrSandbox(BrokersTrSettings(integration=there))


def tell_purchase(story: Story, chain_starting: "Future[LocalChain]", twin_starting: "Future[BrokersTrSandbox]", ledger: Ledger) -> None:
    """Tell it, as soon as chain and twin have started; raises where it goes wrong."""
    story.chapter("BrokersTR and the chain: the platform says what to call, and you decide")
    with story.step("start_chain", "Start a local chain with a marketplace, tokens and funded accounts") as detail:
        chain = chain_starting.result()
        detail |= {"chain_id": chain.chain_id, "rpc_url": chain.rpc_url, "contracts": len(chain.contracts)}
        story.line(f"chain {chain.chain_id} at {chain.rpc_url}, with {len(chain.contracts)} contracts of our own")
    with story.step("start_brokerstr", "Log in at BrokersTR's twin with API key and secret") as detail:
        twin = twin_starting.result()
        client = brokerstr.Client(twin.url, twin.api_key, twin.api_secret)
        client.authenticate()
        detail["url"] = twin.url
        story.line(f"{twin.url}, at most 50 requests in a minute, as documented: the client keeps to it")
    buyer = chain.accounts["buyer"]
    with client, HttpNode(chain.rpc_url) as node:
        market_id = twin.seeds()["market_ids"][0]
        token = _list_token(story, client, market_id)
        recipe = _read_recipe(story, token)
        pins = _pin(story, chain, node)
        plan = _plan(story, recipe, pins, buyer.address, node)
        _show(story, plan)
        began = datetime.now(UTC)
        sent = _send(story, plan, _signer(buyer.private_key), node, ledger)
        # The twin watches no chain; the platform does.
        twin.feed_purchase(hash=str(sent), buyer_address=buyer.address, quantity=_QUANTITY, token_id=token.id, market_id=market_id, delay=0)
        _see(story, client, market_id, sent, began)
    _refuse(story, recipe, pins)


def _signer(key: str) -> LocalSigner:
    """The local chain's own throw-away account, by the way that keys go: through the environment."""
    os.environ["ORDERSEAL_DEMO_KEY"] = key
    try:
        return LocalSigner.from_env("ORDERSEAL_DEMO_KEY")
    finally:
        del os.environ["ORDERSEAL_DEMO_KEY"]


def _list_token(story: Story, client: brokerstr.Client, market_id: str) -> brokerstr.Token:
    with story.step("list_token", "Associate a token, and put it on one of your markets") as detail:
        token = client.create_token(_EXTERNAL_ID, is_all_market=False, market_ids=[market_id])
        listed = [one.external_id for one in client.tokens(market_id)]
        if _EXTERNAL_ID not in listed:
            raise OrdersealError("the token is not on the market")
        detail |= {"token_id": token.id, "market_id": market_id, "listed": listed}
        story.line(f"token  {token.id}")
        story.line(f"market {market_id}, which lists {len(listed)} tokens now")
    return token


def _read_recipe(story: Story, token: brokerstr.Token) -> Recipe:
    with story.step("recipe", "Take the token's recipe: a stranger's word on what to call") as detail:
        recipe = token.recipe()
        detail |= {"contract_address": str(recipe.contract_address), "function_name": recipe.function_name, "price": recipe.value}
        story.line(f"'{recipe.name}' ({recipe.symbol}) for {recipe.value}, so it says")
        story.line(f"call {recipe.function_name}() of {recipe.contract_address}")
        story.line(f"pay with     {recipe.currency_token_address}")
    return recipe


def _pin(story: Story, chain: LocalChain, node: HttpNode) -> Pins:
    with story.step("pins", "Your own pins: addresses that you took from elsewhere, and the code that stands there") as detail:
        market, currency, house = (chain.contracts[name].address for name in ("market", "payment", "house"))
        pins = run(observe_pins(market, currency, tokens=[house]), node)
        detail["pins"] = pins.to_json()
        story.line(f"marketplace {pins.marketplace.address}")
        story.line(f"  its code  {pins.marketplace.code_hash}")
        story.line(f"currency    {pins.currency.address}, {pins.currency.decimals} decimals")
        story.line(f"token       {house}")
    return pins


def _plan(story: Story, recipe: Recipe, pins: Pins, buyer: str, node: HttpNode) -> Plan:
    with story.step("plan", f"Plan to buy {_QUANTITY} for at most {_MOST}: recipe held against pins, pins against the chain") as detail:
        target = check_recipe(recipe, pins)
        wish = plan_purchase(target, pins, buyer=buyer, quantity=_QUANTITY, max_total=_MOST, now=system_clock())
        plan = run(wish, node)
        detail |= {"hash": str(plan.hash), "simulation": plan.simulation, "unchecked": list(plan.unchecked)}
        story.line(f"read at one block, and simulated ({plan.simulation}):")
        story.line("balances, allowance and event are as they must be")
    return plan


def _show(story: Story, plan: Plan) -> None:
    with story.step("show_plan", "Show it, as a second person would read it: `orderseal buy show`") as detail:
        now = system_clock()
        detail["plan"] = plan_json(Plan.parse(json.dumps(plan.to_json())), now)
        for line in plan_lines(plan, now):
            if line:
                story.line(line)


def _send(story: Story, plan: Plan, signer: LocalSigner, node: HttpNode, ledger: Ledger) -> Hash32:
    with story.step("send_plan", "Approved by its hash, it is sent: each transaction on record before it leaves") as detail:
        wish = carry_out(plan, signer, ledger, approved=str(plan.hash), sending=Sending(poll=0.05), tell=story.line)
        done = run(wish, node)
        detail |= {"sent": [{"what": one.what, "hash": str(one.hash)} for one in done.sent], "fee": str(done.fee)}
        story.line(f"{coins(done.fee)} coins of fees; it may take nothing more: the allowance is used up")
    with story.step("event", "What came out of it, held against the plan") as detail:
        asked = receipt_call(done.sent[-1].hash)
        receipt = read_receipt(run(ask_one(asked.method, *asked.params), node), done.sent[-1].hash)
        if receipt is None:
            raise OrdersealError("the receipt is gone")
        event = check_logs(plan, receipt.logs, "receipt")
        detail |= {"event": event.abi.name, "values": values_json(event)}
        for line in event_lines(plan, event):
            story.line(line)
    return done.sent[-1].hash


def _see(story: Story, client: brokerstr.Client, market_id: str, sent: Hash32, since: datetime) -> None:
    with story.step("seen", "The platform lists it, too: found by the hash of your transaction") as detail:
        (purchase,) = client.wait_for_purchase(market_id, sent, since=since, seconds=_PATIENCE_SECONDS)
        detail |= {"hash": purchase.hash, "quantity": purchase.quantity}
        story.line(f"{purchase.hash}")
        story.line(f"{purchase.quantity} bought by {purchase.buyer_address}")


def _refuse(story: Story, recipe: Recipe, pins: Pins) -> None:
    with story.step("changed_recipe", "The same recipe with another address in it: refused, before anything is asked or signed") as detail:
        changed = replace(recipe, contract_address=Address("0x" + "11" * 20))
        try:
            check_recipe(changed, pins)
        except PlanMismatch as error:
            detail["refused"] = str(error)
            story.line(error.what)
            story.line(f"expected {error.expected}")
            story.line(f"found    {error.actual}")
        else:
            raise OrdersealError("a recipe with a strange contract was taken")
