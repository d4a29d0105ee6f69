"""``python -m orderseal.sandbox.twins NAME``: serve one twin in the foreground."""

from __future__ import annotations

import argparse
import json
import sys

from orderseal.sandbox.__main__ import print_json, print_url
from orderseal.sandbox.requirements import require_extra

NAMES = ("brokerstr", "tokenizationtr", "licenserocks")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 0 after Ctrl-C, 1 if the server cannot start, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m orderseal.sandbox.twins", description="A local twin of a token platform, for tests.")
    parser.add_argument("venue", choices=NAMES)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--json", action="store_true", help="report readiness as one JSON line")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input ends")
    parser.add_argument("--settings", default="{}", help="settings of this twin, as a JSON object")
    given = parser.parse_args(arguments)
    try:
        require_extra()
        from orderseal.sandbox.server import serve
        from orderseal.sandbox.twins.registry import SETTINGS, build

        app = build(SETTINGS[given.venue](**json.loads(given.settings)))
        serve(app, given.host, given.port, print_json if given.json else print_url, until_stdin_closes=given.until_stdin_closes)
    except (ValueError, TypeError) as exc:
        parser.error(str(exc))
    except (ImportError, OSError, OverflowError) as exc:
        sys.stderr.write(f"the sandbox cannot start: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
