"""``sell``: plan to offer a token, to change the offer, or to withdraw it. The plans are those of ``buy``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NoReturn

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
    naming_options,
    read_limits,
    read_pins,
)
from orderseal.cli.keys import RpcEnv, RpcUrl, read_address, read_node
from orderseal.cli.output import fail, usage
from orderseal.signing import Address, OrdersealError, system_clock

if TYPE_CHECKING:
    from orderseal.chain.dialogue import Dialogue
    from orderseal.chain.pins import Pins
    from orderseal.chain.plan import Plan
    from orderseal.chain.planning import Limits

__all__ = ["sell_app"]

sell_app = typer.Typer(
    help="Plan to offer tokens at the marketplace. Nothing is sent: read the plan with `buy show`, send it with `buy send`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Seller = Annotated[str, typer.Option("--seller", metavar="ADDR", help="Whose tokens they are.", show_default=False)]
Token = Annotated[str, typer.Option("--token", metavar="ADDR", help="What is sold.", show_default=False)]
Price = Annotated[
    int, typer.Option("--price", metavar="N", min=1, help="As the contract holds it: see docs/purchase.md.", show_default=False)
]
Amount = Annotated[
    int, typer.Option("--amount", metavar="N", min=1, help="How many are offered, as the contract counts.", show_default=False)
]
MinCount = Annotated[int, typer.Option("--min-count", metavar="N", min=1, help="The fewest that one purchase takes.", show_default=False)]
MaxCount = Annotated[int, typer.Option("--max-count", metavar="N", min=1, help="The most that one purchase takes.", show_default=False)]

_Wish = Callable[["Pins", Address, Address, "Limits", float], "Dialogue[Plan]"]


def _hand_out(
    wish: _Wish,
    pins: str,
    seller: str,
    token: str,
    node: tuple[str | None, str | None],
    bounds: tuple[str | None, str | None, int | None],
    out: str | None,
    as_json: bool,
) -> NoReturn:
    from orderseal.chain.dialogue import run

    try:
        with usage():
            held, limits = read_pins(pins), read_limits(*bounds)
            account, sold = read_address(seller, "--seller"), read_address(token, "--token")
            check_new(out)
            asked = read_node(*node)
        now = system_clock()
        with asked, naming_options():
            plan = run(wish(held, account, sold, limits, now), asked)
        hand_out(plan, out, now, as_json)
    except OrdersealError as error:
        fail(error, as_json=as_json)


def _offer(planner: Callable[..., "Dialogue[Plan]"], price: int, amount: int, min_count: int, max_count: int) -> _Wish:
    def wish(held: "Pins", account: Address, sold: Address, limits: "Limits", now: float) -> "Dialogue[Plan]":
        counts = {"price": price, "amount": amount, "min_count": min_count, "max_count": max_count}
        return planner(held, seller=account, token=sold, **counts, now=now, limits=limits)

    return wish


@sell_app.command("list")
def list_command(
    pins: PinsFile,
    seller: Seller,
    token: Token,
    price: Price,
    amount: Amount,
    min_count: MinCount,
    max_count: MaxCount,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    max_fee: MaxFee = None,
    max_fee_per_gas: MaxFeePerGas = None,
    valid_for: ValidFor = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Plan to offer a token: approve exactly what is offered, then list. Send the plan with `buy send`."""
    from orderseal.chain.planning import plan_listing

    wish = _offer(plan_listing, price, amount, min_count, max_count)
    _hand_out(wish, pins, seller, token, (rpc_url, rpc_env), (max_fee, max_fee_per_gas, valid_for), out, as_json)


@sell_app.command("update")
def update_command(
    pins: PinsFile,
    seller: Seller,
    token: Token,
    price: Price,
    amount: Amount,
    min_count: MinCount,
    max_count: MaxCount,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    max_fee: MaxFee = None,
    max_fee_per_gas: MaxFeePerGas = None,
    valid_for: ValidFor = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Plan to change what is offered: approve exactly that, then update. Send the plan with `buy send`."""
    from orderseal.chain.planning import plan_update

    wish = _offer(plan_update, price, amount, min_count, max_count)
    _hand_out(wish, pins, seller, token, (rpc_url, rpc_env), (max_fee, max_fee_per_gas, valid_for), out, as_json)


@sell_app.command("delist")
def delist_command(
    pins: PinsFile,
    seller: Seller,
    token: Token,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    max_fee: MaxFee = None,
    max_fee_per_gas: MaxFeePerGas = None,
    valid_for: ValidFor = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Plan to withdraw an offer: delist, then the allowance back to zero. Send the plan with `buy send`."""
    from orderseal.chain.planning import plan_delisting

    def wish(held: "Pins", account: Address, sold: Address, limits: "Limits", now: float) -> "Dialogue[Plan]":
        return plan_delisting(held, seller=account, token=sold, now=now, limits=limits)

    _hand_out(wish, pins, seller, token, (rpc_url, rpc_env), (max_fee, max_fee_per_gas, valid_for), out, as_json)
