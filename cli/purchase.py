"""The second half of the demo: a purchase by a platform's recipe, on a local chain with real contracts."""

import json
import os
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from orderseal.chain.dialogue import ask_one, run
from orderseal.chain.execute import Sending, carry_out
from orderseal.chain.node import HttpNode
from orderseal.chain.observe import observe_pins
from orderseal.chain.outcome import check_logs
from orderseal.chain.pins import Pins
from orderseal.chain.plan import Plan
from orderseal.chain.planning import plan_purchase
from orderseal.chain.receipts import read_receipt, receipt_call
from orderseal.chain.recipe import check_recipe, parse_recipe
from orderseal.cli.plans import coins, event_lines, plan_json, plan_lines, values_json
from orderseal.cli.steps import Story
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Ledger, LocalSigner, OrdersealError, PlanMismatch, system_clock

__all__ = ["tell_purchase"]

_QUANTITY: Final = 5
_MOST: Final = Decimal("0.01")


def tell_purchase(story: Story, starting: "Future[LocalChain]") -> None:
    """Tell it, as soon as the chain has started; raises where it goes wrong."""
    with story.step("start_chain", "And now on chain: a local chain with a marketplace, tokens and funded accounts") as detail:
        chain = starting.result()
        detail |= {"chain_id": chain.chain_id, "rpc_url": chain.rpc_url, "contracts": len(chain.contracts)}
        story.line(f"chain {chain.chain_id} at {chain.rpc_url}, with {len(chain.contracts)} contracts of our own")
    buyer = chain.accounts["buyer"]
    with HttpNode(chain.rpc_url) as node, TemporaryDirectory(prefix="orderseal-demo-") as folder:
        recipe = _read_recipe(story, chain)
        pins = _pin(story, chain, node)
        plan = _plan(story, recipe, pins, buyer.address, node)
        _show(story, plan)
        _send(story, plan, _signer(buyer.private_key), node, Path(folder) / "demo.db")
    _refuse(story, recipe, pins)


def _signer(key: str) -> LocalSigner:
    """The local chain's own throw-away account, by the way that keys go: through the environment."""
    os.environ["ORDERSEAL_DEMO_KEY"] = key
    try:
        return LocalSigner.from_env("ORDERSEAL_DEMO_KEY")
    finally:
        del os.environ["ORDERSEAL_DEMO_KEY"]


def _read_recipe(story: Story, chain: LocalChain) -> dict[str, Any]:
    with story.step("recipe", "A platform's recipe, in its documented form: a stranger's word on what to call") as detail:
        document = chain.recipe()
        recipe = parse_recipe(json.dumps(document))
        detail |= {"contract_address": str(recipe.contract_address), "function_name": recipe.function_name, "price": recipe.value}
        story.line(f"'{recipe.name}' ({recipe.symbol}) for {recipe.value}, so it says")
        story.line(f"call {recipe.function_name}() of {recipe.contract_address}")
        story.line(f"pay with     {recipe.currency_token_address}")
    return document


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


def _plan(story: Story, recipe: dict[str, Any], pins: Pins, buyer: str, node: HttpNode) -> Plan:
    with story.step("plan", f"Plan to buy {_QUANTITY} for at most {_MOST}: recipe held against pins, pins against the chain") as detail:
        target = check_recipe(parse_recipe(json.dumps(recipe)), pins)
        wish = plan_purchase(target, pins, buyer=buyer, quantity=_QUANTITY, max_total=_MOST, now=system_clock())
        plan = run(wish, node)
        detail |= {"hash": str(plan.hash), "simulation": plan.simulation, "unchecked": list(plan.unchecked)}
        story.line(f"read at one block, and simulated ({plan.simulation}): balances, allowance and event are as they must be")
    return plan


def _show(story: Story, plan: Plan) -> None:
    with story.step("show_plan", "Show it, as a second person would read it: `orderseal buy show`") as detail:
        now = system_clock()
        detail["plan"] = plan_json(Plan.parse(json.dumps(plan.to_json())), now)
        for line in plan_lines(plan, now):
            if line:
                story.line(line)


def _send(story: Story, plan: Plan, signer: LocalSigner, node: HttpNode, path: Path) -> None:
    with (
        story.step("send_plan", "Approved by its hash, it is sent: each transaction on record before it leaves") as detail,
        Ledger(path) as ledger,
    ):
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


def _refuse(story: Story, recipe: dict[str, Any], pins: Pins) -> None:
    with story.step("changed_recipe", "The same recipe with another address in it: refused, before anything is asked or signed") as detail:
        recipe["integration"]["contract_address"] = "0x" + "11" * 20
        try:
            check_recipe(parse_recipe(json.dumps(recipe)), pins)
        except PlanMismatch as error:
            detail["refused"] = str(error)
            story.line(error.what)
            story.line(f"expected {error.expected}")
            story.line(f"found    {error.actual}")
        else:
            raise OrdersealError("a recipe with a strange contract was taken")
