"""``demo``: the whole story on the twins of four venues and a local chain."""

import os
import sys
import time
from typing import Annotated

import typer

from orderseal.cli.output import CHECK_FAILED, GOOD, WrongUse, emit, emit_json, fail
from orderseal.signing import OrdersealError

__all__ = ["demo_command"]


def demo_command(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Show the whole story: an order at Stove's twin, references at the token platforms', a purchase on a local chain.

    Everything runs on this machine. It needs no key and no network.
    """
    # The venues' clients take half a second to import, which the other commands need not wait for.
    from orderseal.cli.steps import Story
    from orderseal.cli.story import run_demo

    story = Story((lambda _text: None) if as_json else emit, _strong)
    begin = time.perf_counter()
    try:
        run_demo(story)
    except ImportError as error:
        fail(WrongUse(str(error)), as_json=as_json)
    except (OrdersealError, RuntimeError) as error:
        if as_json:
            emit_json({"ok": False, "steps": story.steps, "error": str(error)})
            raise SystemExit(CHECK_FAILED) from None
        fail(OrdersealError(str(error)), as_json=False)
    if as_json:
        emit_json({"ok": True, "steps": story.steps})
    else:
        emit(f"\nAll {len(story.steps)} steps worked, in {time.perf_counter() - begin:.1f} s. All is stopped, the keys are gone.")
    raise SystemExit(GOOD)


def _strong(text: str) -> str:
    """Bold, in a terminal that shows it and whose user wants it (no-color.org)."""
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else typer.style(text, bold=True)
