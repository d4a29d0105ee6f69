"""``bench``: this package beside its peers, on the same order, as a table of ratios."""

from pathlib import Path
from typing import Annotated

import typer

from orderseal.cli.output import CHECK_FAILED, GOOD, WrongUse, emit, emit_json, note

__all__ = ["bench_command"]


def bench_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, as in docs/performance.md.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few seconds, to see that it works; the figures are rough.")] = False,
    node: Annotated[str, typer.Option("--node", help="The folder whose node_modules has ethers and viem.")] = ".",
) -> None:
    """Measure signing, hashing and verifying beside the other libraries that are installed. Code 1 is a wrong result, never a slow one."""
    from orderseal.benchmarks import run

    if as_json and markdown:
        raise WrongUse("--json and --markdown exclude each other")
    if not Path(node).is_dir():
        raise WrongUse("--node names no folder")
    report = run(quick=quick, node_folder=Path(node), tell=lambda text: note(f"{text} …"))
    if as_json:
        emit_json(report.to_json())
    else:
        emit(report.to_markdown() if markdown else report.to_text())
    raise SystemExit(GOOD if report.ok else CHECK_FAILED)
