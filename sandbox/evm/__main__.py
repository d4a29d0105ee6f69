"""``python -m orderseal.sandbox.evm``: one local chain; prints ``{"url": …}`` when it answers, and ends when standard input does."""

from __future__ import annotations

import argparse
import json
import sys

from orderseal.sandbox.evm.local import BACKENDS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 0 after a requested end, 1 if the chain cannot start, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m orderseal.sandbox.evm", description="A local chain for tests, on loopback.")
    parser.add_argument("--backend", choices=BACKENDS, default="eth-tester")
    parser.add_argument("--chain-id", type=int, required=True)
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--anvil", default=None, help="anvil's binary (default: the one on PATH)")
    given = parser.parse_args(arguments)
    if not 0 < given.chain_id < 2**63:
        parser.error("chain id must be in 1..2^63-1")
    try:
        if given.backend == "anvil":
            from orderseal.sandbox.evm.anvil import supervise

            return supervise(given.anvil, given.chain_id, given.port, _ready)
        from orderseal.sandbox.evm.front import build_front
        from orderseal.sandbox.evm.node import Node
        from orderseal.sandbox.evm.serve import serve_app

        serve_app(build_front(Node(given.chain_id)), given.port, _ready)
    except (ImportError, OSError, OverflowError) as exc:
        sys.stderr.write(f"the local chain cannot start: {exc}\n")
        return 1
    return 0


def _ready(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
