"""``python -m tools.soak``: hours at the twins of four venues, with faults; exit code 1 if anything leaks, doubles or is lost.

docs/soak.md says what is done, and how it is judged.
"""

import argparse
import asyncio
import gc
import json
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.soak import actors
from tools.soak.audit import audit, settle_all
from tools.soak.child import OWNER, job
from tools.soak.gauges import Sample, judge, read
from tools.soak.run import Places, Run
from tools.soak.settling import person
from tools.soak.twins import Twins, start

from orderseal.signing import LocalSigner
from orderseal.signing.ledger import Ledger, SqliteStore

_MAKERS = 2
_CLOSED_SECONDS = 30.0


def main() -> int:
    given = _arguments()
    if not Path("/proc/self/fd").exists():
        sys.stderr.write("the soak reads /proc, which this system does not have\n")
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orderseal-soak-")))
        twins = start(stack, given.seed)
        report = asyncio.run(_soak(twins, folder / "soak.db", given))
    report["ok"] = not report["violations"]
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for line in report["violations"]:
        print(f"VIOLATION {line}")
    print(_summary(report, given.report))
    return 0 if report["ok"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description="A soak over the twins of four venues.")
    parser.add_argument("--minutes", type=float, default=10.0, help="of load (default %(default)s)")
    parser.add_argument("--seed", type=int, default=20260101, help="of faults and choices (default %(default)s)")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds that an actor rests between two rounds (default %(default)s)")
    parser.add_argument("--report", type=Path, default=Path("build/soak.json"), help="where the JSON report goes (default %(default)s)")
    return parser.parse_args()


async def _soak(twins: Twins, path: Path, given: argparse.Namespace) -> dict[str, Any]:
    places, signers = _places(twins), [LocalSigner.generate() for _ in range(_MAKERS)]
    key = "0x" + secrets.token_hex(32)
    quiet = read(0.0)
    with Ledger(SqliteStore(path, busy_timeout=60), owner="soak") as ledger:
        began = time.monotonic()
        run = Run(places, ledger, given.seed, name="soak", ends_at=began + given.minutes * 60)
        twins.chaos(given.seed)
        samples: list[Sample] = []
        tasks = [asyncio.create_task(work) for work in _actors(run, twins, signers, given.pause)]
        tasks.append(asyncio.create_task(_lives(run, places, path, key, given)))
        sampling = asyncio.create_task(_sample(run, samples, began))
        await _until_the_end(run, tasks, sampling)
        seconds = time.monotonic() - began
        requests, faults = await asyncio.to_thread(twins.requests), await asyncio.to_thread(twins.faults)
        twins.calm()
        gauges, grown = judge(samples)
        run.violations += grown
        await settle_all(run, twins, list(signers))
    await _settle_child(places, path, key, run, twins)
    with Ledger(SqliteStore(path, busy_timeout=60), owner="audit") as ledger:
        run.ledger = ledger
        told = await asyncio.to_thread(audit, run, twins, [*signers, LocalSigner.from_key(key)])
    await _closed(run, quiet)
    return _report(run, given, samples, gauges, seconds, requests, faults) | {"ledger": told}


def _places(twins: Twins) -> Places:
    tokenizationtr, brokerstr = twins.tokenizationtr.seeds(), twins.brokerstr.seeds()
    names = ("client_id", "client_secret", "username", "password")
    return Places(
        stove=twins.stove.url,
        brokerstr=twins.brokerstr.url,
        brokerstr_login={"api_key": twins.brokerstr.api_key, "secret_key": twins.brokerstr.api_secret},
        tokenizationtr=twins.tokenizationtr.url,
        tokenizationtr_login={name: getattr(twins.tokenizationtr, name) for name in names},
        licenserocks=twins.licenserocks.url,
        licenserocks_token=twins.licenserocks.token,
        user_id=tokenizationtr["user_id"],
        token_id=tokenizationtr["token_id"],
        price_id=tokenizationtr["price_id"],
        buyer_id=twins.licenserocks.seeds()["user_id"],
        market_ids=brokerstr["market_ids"],
        listed_id=brokerstr["token_id"],
    )


def _actors(run: Run, twins: Twins, signers: list[LocalSigner], pause: float) -> list[Any]:
    accounts = [work for signer in signers for work in (actors.make(run, signer, pause), actors.stream(run, signer))]
    return [
        *accounts,
        *(actors.read_stove(run, signers[0], pause) for _ in range(3)),
        actors.associate(run, 3 * pause),
        actors.purchase(run, twins.brokerstr, 3 * pause),
        *(actors.read_brokerstr(run, pause) for _ in range(4)),
        actors.trade(run, 2 * pause),
        *(actors.read_tokenizationtr(run, pause) for _ in range(4)),
        person(run, "tokenizationtr", twins.tokenizationtr),
        actors.order(run, 2 * pause),
        *(actors.read_licenserocks(run, pause) for _ in range(4)),
        person(run, "licenserocks", twins.licenserocks),
    ]


async def _lives(run: Run, places: Places, path: Path, key: str, given: argparse.Namespace) -> None:
    """Start the child, kill it after a while, wherever it is then, and start it again."""
    life = 0
    while run.going:
        life += 1
        told = job(asdict(places), path, key, given.seed, life, 2 * given.pause)
        command = (sys.executable, "-m", "tools.soak.child")
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(told)
            said = await process.stdout.readline()
            if said != b"recovered\n":
                run.broken(f"the child ended by itself in life {life}, before it had recovered")
                return
            await asyncio.wait(
                [asyncio.ensure_future(process.wait())], timeout=max(0.5, min(run.random.uniform(2, 12), run.ends_at - time.monotonic()))
            )
            if process.returncode is not None:
                run.broken(f"the child ended by itself in life {life}, with code {process.returncode}")
                return
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            process.stdin.close()
        run.counts["kills"] += 1


async def _sample(run: Run, samples: list[Sample], began: float) -> None:
    every = max(0.5, min(5.0, (run.ends_at - began) / 60))
    while run.going:
        samples.append(read(time.monotonic() - began))
        await asyncio.sleep(every)


async def _until_the_end(run: Run, tasks: list[asyncio.Task[None]], sampling: asyncio.Task[None]) -> None:
    """An actor that fails is a violation, and the others go on."""
    for found in await asyncio.gather(*tasks, sampling, return_exceptions=True):
        if isinstance(found, BaseException):
            run.broken(f"an actor failed: {type(found).__name__}: {found}")


async def _settle_child(places: Places, path: Path, key: str, run: Run, twins: Twins) -> None:
    """Once more under the child's name, which takes over at once what its last life left."""
    with Ledger(SqliteStore(path, busy_timeout=60), owner=OWNER) as ledger:
        last = Run(places, ledger, 0, name=OWNER, ends_at=time.monotonic())
        last.violations = run.violations
        await settle_all(last, twins, [LocalSigner.from_key(key)])
        run.counts += last.counts


async def _closed(run: Run, quiet: Sample) -> None:
    """Everything is closed: as many sockets and tasks as before the first client, and no thread of ours."""
    await asyncio.get_running_loop().shutdown_default_executor()
    end = time.monotonic() + _CLOSED_SECONDS
    while True:
        now = read(0.0)
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("orderseal")]
        if now.sockets <= quiet.sockets and now.files <= quiet.files + 1 and now.tasks <= quiet.tasks and not left:
            return
        if time.monotonic() > end:
            run.broken(f"left open after everything was closed: {asdict(now)}, before: {asdict(quiet)}, threads {Counter(left)}")
            return
        await asyncio.sleep(0.1)
        gc.collect()


def _report(
    run: Run,
    given: argparse.Namespace,
    samples: list[Sample],
    gauges: dict[str, Any],
    seconds: float,
    requests: dict[str, int],
    faults: int,
) -> dict[str, Any]:
    return {
        "seed": given.seed,
        "seconds": round(seconds, 1),
        "requests": requests,
        "requests_per_second": round(sum(requests.values()) / seconds, 1),
        "faults": faults,
        "counts": dict(sorted(run.counts.items())),
        "gauges": gauges,
        "samples": [asdict(sample) for sample in samples],
        "violations": run.violations,
    }


def _summary(report: dict[str, Any], path: Path) -> str:
    ledger, grown = report["ledger"], ", ".join(f"{name} {row.get('growth', 'n/a')}" for name, row in report["gauges"].items())
    accepted = sum(ledger[venue].get("accepted", 0) for venue in ("stove", "brokerstr", "tokenizationtr", "licenserocks"))
    unknown = sum(map(len, ledger["open"].values()))
    return (
        f"soak {'ok' if report['ok'] else 'FAILED'}: {sum(report['requests'].values())} requests in {report['seconds']:.0f} s"
        f" ({report['requests_per_second']:.0f}/s), {report['faults']} faults, {report['counts'].get('kills', 0)} kills, {accepted} writes"
        f" took effect once, {unknown} never and are listed; growth: {grown}; {path}"
    )


if __name__ == "__main__":
    sys.exit(main())
