"""``approve``: plan what a settlement contract may take, as for an account's live orders. The plans are those of ``buy``."""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orderseal.cli.buy import (
    Json,
    MaxFee,
    MaxFeePerGas,
    Out,
    PinsFile,
    ValidFor,
    check_new,
    hand_out,
    read_limits,
    read_pins,
    revoke_command,
    send_command,
    show_command,
)
from orderseal.cli.keys import RpcEnv, RpcUrl, read_address, read_node
from orderseal.cli.ledger import opened
from orderseal.cli.output import WrongUse, fail, note, usage
from orderseal.signing import Address, InvalidInput, OrdersealError, RuleViolation, describe, from_base_units, system_clock, to_base_units

if TYPE_CHECKING:
    from orderseal.chain.pins import Pins

__all__ = ["approve_app"]

_AMOUNT: Final = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,77})?", re.ASCII)

approve_app = typer.Typer(
    help="Allow a settlement contract exactly what live orders owe: plan, show, send, revoke.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
# A plan is a plan, whatever it is for.
approve_app.command("show")(show_command)
approve_app.command("send")(send_command)
approve_app.command("revoke")(revoke_command)


@approve_app.command("plan")
def plan_command(
    pins: PinsFile,
    account: Annotated[str, typer.Option("--account", metavar="ADDR", help="Whose tokens they are: the maker.", show_default=False)],
    for_orders: Annotated[
        bool, typer.Option("--for-orders", help="What the live orders of --ledger owe of the token: buys, or with --ticker sells.")
    ] = False,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="LEDGER", help="With --for-orders: the bots' own.")] = None,
    ticker: Annotated[str | None, typer.Option("--ticker", metavar="T", help="With --for-orders: the share that the token is.")] = None,
    exchange: Annotated[int | None, typer.Option("--exchange", metavar="N", min=0, max=65535, help="Of the ticker; else 0.")] = None,
    headroom: Annotated[str | None, typer.Option("--headroom", metavar="AMOUNT", help="So much more, for orders to come.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", metavar="AMOUNT", help="Instead: exactly so much; 0 revokes.")] = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Instead: all, now and ever. You should not want this.")] = False,
    max_total: Annotated[str | None, typer.Option("--max-total", metavar="AMOUNT", help="The most that may be allowed.")] = None,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    max_fee: MaxFee = None,
    max_fee_per_gas: MaxFeePerGas = None,
    valid_for: ValidFor = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Plan what the pins' marketplace may take of the pins' currency, simulate it, and write a plan. Nothing is signed or sent.

    Amounts are in whole units of the token. A plan without a step says that the allowance is right already.
    """
    from orderseal.chain.approving import plan_approval
    from orderseal.chain.dialogue import run

    try:
        with usage():
            _check_way(for_orders, amount, unlimited, max_total)
            _check_orders(for_orders, ledger, ticker, exchange, headroom)
            check_new(out)
            held, limits = read_pins(pins), read_limits(max_fee, max_fee_per_gas, valid_for)
            if held.currency.decimals is None:
                raise WrongUse(f"--pins {pins}: the currency has no decimals, and how many there are must not be a node's word")
            owner = read_address(account, "--account")
            most = None if max_total is None else _units(max_total, held, "--max-total")
            spare = 0 if headroom is None else _units(headroom, held, "--headroom")
            due = None if amount is None else _units(amount, held, "--amount")
            node = read_node(rpc_url, rpc_env)
        if ledger is not None:
            due = _owed(ledger, held, owner, ticker, exchange or 0, as_json) + spare
            if not due:
                told = "these live orders owe nothing of the token, and there is no --headroom: to revoke what stands, say --amount 0"
                raise RuleViolation("nothing_owed", told)
        now, decimals = system_clock(), held.currency.decimals
        cap = None if most is None else from_base_units(most, decimals)
        with node:
            wish = plan_approval(held, owner=owner, amount=due, max_total=cap, unlimited=unlimited, now=now, limits=limits)
            plan = run(wish, node)
        hand_out(plan, out, now, as_json)
    except OrdersealError as error:
        fail(error, as_json=as_json)


def _check_way(for_orders: bool, amount: str | None, unlimited: bool, max_total: str | None) -> None:
    if [for_orders, amount is not None, unlimited].count(True) != 1:
        raise WrongUse("say how much: one of --for-orders, --amount AMOUNT and --unlimited")
    if unlimited and max_total is not None:
        raise WrongUse("--max-total bounds nothing of --unlimited: leave one of them out")
    if not unlimited and max_total is None:
        raise WrongUse("--max-total is missing: the most that may be allowed")


def _check_orders(for_orders: bool, ledger: str | None, ticker: str | None, exchange: int | None, headroom: str | None) -> None:
    if for_orders != (ledger is not None):
        raise WrongUse("--for-orders and --ledger LEDGER belong together: the orders are those of the ledger")
    if not for_orders and (ticker, exchange, headroom) != (None, None, None):
        raise WrongUse("--ticker, --exchange and --headroom belong to --for-orders")
    if exchange is not None and ticker is None:
        raise WrongUse("--exchange belongs to --ticker")


def _owed(file: str, pins: "Pins", owner: Address, ticker: str | None, exchange: int, as_json: bool) -> int:
    """What the ledger's live orders owe of the pinned token, in base units."""
    from orderseal.chain.allowances import owed

    if ticker is not None and pins.currency.decimals:
        raise InvalidInput(
            path="pins.currency.decimals", expected="0 with --ticker: orders count whole shares", actual=str(pins.currency.decimals)
        )
    with opened(file, as_json) as ledger:
        found = owed(ledger, owner, chain_id=pins.chain_id, spender=pins.marketplace.address)
    token = pins.currency.address
    due = found.payments.get(token, 0) if ticker is None else found.shares.get((ticker, exchange), 0)
    note(f"orders    {len(found.orders)} live at {pins.marketplace.address}")
    note(f"          they owe {from_base_units(due, pins.currency.decimals or 0):f} of {token}")
    return due


def _units(text: str, pins: "Pins", option: str) -> int:
    """A plain number of whole tokens in base units."""
    if not _AMOUNT.fullmatch(text):
        raise InvalidInput(path=option, expected="a plain number, such as 2.5", actual=describe(text))
    return to_base_units(Decimal(text), pins.currency.decimals or 0, path=option)
