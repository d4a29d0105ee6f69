"""``python -m orderseal.sandbox``: serve in the foreground."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields
from typing import Any

from orderseal.sandbox.requirements import require_extra
from orderseal.sandbox.settings import SECRET_VARIABLES, SECRETS, Settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 0 after Ctrl-C, 1 if the server cannot start, 2 for wrong use."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        shown: dict[str, Any] = {item.name: getattr(given, item.name) for item in fields(Settings) if item.name not in SECRETS}
        key, secret = (os.environ.get(SECRET_VARIABLES[name]) for name in SECRETS)
        settings = Settings(**shown, taker_key=key, taker_secret=secret)
    except ValueError as exc:
        parser.error(str(exc))
    try:
        require_extra()
        from orderseal.sandbox.app import build_app
        from orderseal.sandbox.server import serve

        ready = print_json if given.json else print_url
        serve(build_app(settings), given.host, given.port, ready, until_stdin_closes=given.until_stdin_closes)
    except ValueError as exc:
        parser.error(str(exc))
    except (ImportError, OSError, OverflowError) as exc:
        sys.stderr.write(f"the sandbox cannot start: {exc}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orderseal.sandbox", description="A local twin of the Stove venue, for tests.")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--json", action="store_true", help="report readiness as one JSON line")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input ends")
    defaults = Settings()
    parser.add_argument("--chain-id", type=int, default=defaults.chain_id, help="chain of logins and orders (default %(default)s)")
    parser.add_argument("--jwt-lifetime", type=int, default=defaults.jwt_lifetime, help="seconds (default %(default)s)")
    parser.add_argument("--login-window", type=int, default=defaults.login_window, help="seconds each way (default %(default)s)")
    parser.add_argument("--clock-offset", type=float, default=defaults.clock_offset, help="seconds ahead (default %(default)s)")
    parser.add_argument("--step-delay-min", type=float, default=defaults.step_delay_min, help="seconds (default %(default)s)")
    parser.add_argument("--step-delay-max", type=float, default=defaults.step_delay_max, help="seconds (default %(default)s)")
    parser.add_argument("--heartbeat-interval", type=float, default=defaults.heartbeat_interval, help="seconds (default %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="fixes what varies per run (default: random)")
    parser.add_argument("--quantity-unit", choices=("whole", "wei", "varied"), default=defaults.quantity_unit, help="unit in order queries")
    parser.add_argument("--seed-shares", type=int, default=defaults.seed_shares, help="shares of a new maker (default %(default)s)")
    parser.add_argument("--maker-balance", type=int, default=None, help="stablecoin base units of a new maker (default: no limit)")
    parser.add_argument("--chaos", type=int, default=None, help="seed of a random mix of faults for create requests (default: none)")
    parser.add_argument("--takers", choices=("engine", "manual"), default=defaults.takers, help="who executes orders (default %(default)s)")
    parser.add_argument("--lock-seconds", type=int, default=defaults.lock_seconds, help="of a taker's lock (default %(default)s)")
    parser.add_argument("--cancel-timeout", type=float, default=defaults.cancel_timeout, help="seconds (default %(default)s)")
    parser.add_argument("--taker-window", type=int, default=defaults.taker_window, help="seconds each way (default %(default)s)")
    return parser


def print_json(url: str) -> None:
    """Say in one line of JSON where the server listens."""
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


def print_url(url: str) -> None:
    """Say to a person where the server listens."""
    sys.stdout.write(f"Sandbox listening on {url}  (Ctrl-C to stop)\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
