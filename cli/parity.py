"""``parity``: who else would sign this document, and whether it would be the same digest."""

from textwrap import wrap
from typing import Annotated, Any, Final

import typer

from orderseal.cli.output import CHECK_FAILED, GOOD, emit, emit_json, error_fields, fail, read_input
from orderseal.signing import OrdersealError
from orderseal.signing.eip712.parity import TABLE, Divergence, Parity, inspect_parity

__all__ = ["parity_command"]

_WIDTH: Final = 80


def parity_command(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The file, or - for standard input.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether eth-account, ethers, viem and MetaMask would sign the same digest."""
    try:
        parity = inspect_parity(read_input(file))
    except OrdersealError as error:
        fail(error, as_json=as_json)
    if as_json:
        emit_json(_fields(parity))
    else:
        _print(parity)
    raise SystemExit(GOOD if parity.agreed else CHECK_FAILED)


def _fields(parity: Parity) -> dict[str, Any]:
    refusal = parity.refusal
    return {
        "agreed": parity.agreed,
        "signing_hash": None if parity.signing_hash is None else str(parity.signing_hash),
        **({"error": None, "path": None} if refusal is None else error_fields(refusal)),
        "outcomes": [
            {"library": outcome.library, "version": outcome.version, "verdict": outcome.verdict, "because": list(outcome.because)}
            for outcome in parity.outcomes
        ],
        "divergences": [
            {"code": found.code, "path": found.path, "what": found.what, "effects": dict(found.effects)} for found in parity.divergences
        ],
    }


def _print(parity: Parity) -> None:
    if parity.refusal is None:
        emit(f"signing hash {parity.signing_hash}")
    else:
        _paragraph(f"orderseal refuses it: {parity.refusal}")
    emit("")
    for outcome in parity.outcomes:
        start = f"{outcome.library:13}{outcome.version:8}{outcome.verdict:16}"
        _paragraph(", ".join(outcome.because), start, " " * len(start))
    for code, row in TABLE.items():
        places = [found for found in parity.divergences if found.code == code]
        if places:
            emit("")
            _explain(code, row.what, places)


def _explain(code: str, what: str, places: list[Divergence]) -> None:
    shown = ", ".join(place.path or "the whole text" for place in places[:5])
    more = f", and {len(places) - 5} more places" if len(places) > 5 else ""
    _paragraph(f"{shown}{more}", f"{code}: ", "  ")
    _paragraph(what, "  ", "  ")


def _paragraph(text: str, first: str = "", later: str = "  ") -> None:
    for line in wrap(text, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False) or [first.rstrip()]:
        emit(line.rstrip())
