"""The process that is killed: a maker and two writers, over the ledger that the run shares. It begins with a recovery."""

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tools.soak.actors import make, order, trade
from tools.soak.run import Places, Run

from orderseal.signing import LocalSigner
from orderseal.signing.ledger import Ledger, SqliteStore

__all__ = ["OWNER", "job"]

OWNER = "child"


def job(places: dict[str, Any], ledger: Path, key: str, seed: int, life: int, pause: float) -> bytes:
    """What the child reads from its standard input."""
    told = {"places": places, "ledger": str(ledger), "key": key, "seed": seed, "life": life, "pause": pause}
    return json.dumps(told).encode() + b"\n"


async def _work(run: Run, signer: LocalSigner, pause: float) -> None:
    async with run.maker(signer), run.licenserocks_client() as licenserocks, run.tokenizationtr_client() as tokenizationtr:
        await licenserocks.open_writes()
        await tokenizationtr.open_writes(run.places.user_id)
    print("recovered", flush=True)
    await asyncio.gather(make(run, signer, pause), trade(run, pause), order(run, pause))


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


def main() -> None:
    told: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    places = Places(**told["places"])
    ledger = Ledger(SqliteStore(told["ledger"], busy_timeout=60), owner=OWNER)
    run = Run(places, ledger, told["seed"], name=f"{OWNER} {told['life']}", ends_at=time.monotonic() + 3600)
    # Until it is killed; what is wrong with it ends it, and its text is the parent's to tell.
    while True:
        asyncio.run(_work(run, LocalSigner.from_key(told["key"]), told["pause"]))


if __name__ == "__main__":
    main()
