"""Forks processes that carry plans out, and kills them. Each line of standard input is a list of jobs that run at once."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from orderseal.chain.dialogue import run
from orderseal.chain.execute import Sending, carry_out, give_up
from orderseal.chain.node import HttpNode
from orderseal.chain.plan import Plan
from orderseal.signing import LocalSigner
from orderseal.signing.ledger import Ledger


def work(job: dict[str, Any]) -> None:
    plan = Plan.parse(job["plan"])
    signer = LocalSigner.from_key(job["key"])
    sending = Sending(poll=0.02, stuck_after=1)
    store: Any = job["ledger"]
    if job.get("schema"):
        from orderseal.signing.ledger.postgres import PostgresStore

        store = PostgresStore(job["ledger"], schema=job["schema"])
    with HttpNode(job["url"]) as node, Ledger(store, owner=job["owner"], lease=job.get("lease", 60.0), busy_timeout=30) as ledger:
        act = give_up(plan, signer, ledger, sending=sending) if job.get("give_up") else None
        done = run(act or carry_out(plan, signer, ledger, approved=plan.hash, sending=sending), node)
    os.write(int(job["out"]), (json.dumps([sent.what for sent in done.sent]) + "\n").encode())


def fork(job: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work(job)
        code = 0
    except BaseException as error:  # noqa: BLE001 - a fork ends here, whatever happens
        os.write(int(job["out"]), f"{type(error).__name__}: {error}".encode())
    os._exit(code)


def main() -> None:
    for line in sys.stdin:
        results: list[dict[str, Any]] = []
        begun, children = time.monotonic(), []
        for job in json.loads(line):
            reader, writer = os.pipe()
            children.append((fork({**job, "out": writer}), job, reader))
            os.close(writer)
        for child, job, reader in children:
            if "after" in job:
                time.sleep(max(begun + job["after"] - time.monotonic(), 0))
                os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            with os.fdopen(reader) as stream:
                results.append({"code": code, "done": stream.read()})
        print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
