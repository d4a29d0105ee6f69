"""The entry point: commands, and what becomes of errors."""

import io
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from orderseal.cli.approve import approve_app
from orderseal.cli.bench import bench_command
from orderseal.cli.buy import buy_app
from orderseal.cli.decode import decode_app
from orderseal.cli.demo import demo_command
from orderseal.cli.doctor import doctor_command
from orderseal.cli.ledger import ledger_app
from orderseal.cli.output import fail
from orderseal.cli.parity import parity_command
from orderseal.cli.rescue import panic_command
from orderseal.cli.sandbox import sandbox_command
from orderseal.cli.sell import sell_app
from orderseal.cli.typed_data import hash_command, recover_command, sign_command, verify_command
from orderseal.signing import OrdersealError

__all__ = ["main"]

app = typer.Typer(
    name="orderseal",
    help="Build, check, sign, verify and submit EIP-712 orders, and buy on chain. Exit codes: 0 good, 1 a check failed, 2 wrong use.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,  # Its tracebacks print local variables, and a local variable may be a key.
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(demo_command)
app.command("sandbox")(sandbox_command)
app.command("hash")(hash_command)
app.command("parity")(parity_command)
app.command("sign")(sign_command)
app.command("verify")(verify_command)
app.command("recover")(recover_command)
app.command("doctor")(doctor_command)
app.command("bench")(bench_command)
app.add_typer(ledger_app, name="ledger")
app.command("panic")(panic_command)
app.add_typer(decode_app, name="decode")
app.add_typer(buy_app, name="buy")
app.add_typer(sell_app, name="sell")
app.add_typer(approve_app, name="approve")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"orderseal {version('orderseal')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Build, check, sign, verify and submit EIP-712 orders, and buy on chain. Exit codes: 0 good, 1 a check failed, 2 wrong use."""


def main() -> None:
    """Run the command. Errors of ours are one line without a traceback; a closed pipe ends quietly."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A terminal may know no arrows.
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # Here, where a failure can still be told; the interpreter's own comes too late.
    except OrdersealError as error:
        fail(error, as_json=False)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        _drop_output()
        raise SystemExit(1) from None
    except OSError as error:
        _drop_output()
        fail(OrdersealError(f"the output could not be written: {(error.strerror or 'no reason given').lower()}"), as_json=False)


def _drop_output() -> None:
    """Let the interpreter flush what is left at its end to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
