"""What is measured in fresh processes: the import of the core, and documents of a size that nobody expects, with their memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from orderseal.benchmarks.rounds import Disagreement, Pace, Ratio, compare
from orderseal.benchmarks.work import DOMAIN_FIELDS, DOMAIN_TYPE

__all__ = ["Fresh", "large_documents", "measure_imports"]

_IMPORTS: Final = (
    ("orderseal", "import orderseal.signing"),
    ("eth-account", "import eth_account, eth_account.messages"),
)

_IMPORT: Final = "import time; b = time.perf_counter_ns(); {}; print(time.perf_counter_ns() - b)"

# The peak is the growth of the greatest resident size while the document is read. getrusage would count the parent's size too.
_LARGE: Final = """
import sys, time
from orderseal.signing import Limits, TypedData

def peak():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None

data = sys.stdin.buffer.read()
before, begin = peak(), time.perf_counter_ns()
digest = TypedData.from_json(data, limits=Limits(values=2_000_000)).signing_hash
took = time.perf_counter_ns() - begin
print(took, -1 if before is None else peak() - before, digest.hex())
"""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A figure from fresh processes: nanoseconds in each, the ratio to the first of its kind, and the peak of memory in bytes."""

    name: str
    what: str
    rounds: list[float]
    ratio: Ratio | None = None
    peak: int | None = None


def measure_imports(pace: Pace) -> list[Fresh]:
    """Import the core and eth-account, each in processes of its own, in turns."""
    rounds: dict[str, list[float]] = {name: [] for name, _ in _IMPORTS}
    for _ in range(pace.processes):
        for name, statement in _IMPORTS:
            rounds[name].append(float(_python(_IMPORT.format(statement))))
    first = rounds[_IMPORTS[0][0]]
    return [Fresh(name, statement.partition(",")[0], rounds[name], compare(rounds[name], first)) for name, statement in _IMPORTS]


def large_documents(pace: Pace, *, quick: bool) -> list[Callable[[], Fresh]]:
    """Read a document with one long string, and one with an array of many numbers; each gives its figure when it is called."""
    size, items = (100_000, 10_000) if quick else (10_000_000, 1_000_000)
    text = "x" * size
    numbers = [str(10**18 + n) for n in range(items)]
    return [
        lambda: _document(pace, f"a string of {size / 1e6:g} MB", "string", json.dumps(text), keccak(text.encode())),
        lambda: _document(
            pace,
            f"an array of {items:,} uint256" + ("" if quick else ", limits raised"),
            "uint256[]",
            json.dumps(numbers),
            keccak(b"".join(int(n).to_bytes(32, "big") for n in numbers)),
        ),
    ]


def _document(pace: Pace, what: str, type_: str, value: str, word: bytes) -> Fresh:
    types = json.dumps({"EIP712Domain": DOMAIN_TYPE, "Large": [{"name": "value", "type": type_}]})
    document = f'{{"types":{types},"primaryType":"Large","domain":{json.dumps(DOMAIN_FIELDS)},"message":{{"value":{value}}}}}'.encode()
    struct = keccak(keccak(f"Large({type_} value)".encode()) + word)
    separator = encode_typed_data(DOMAIN_FIELDS, {"Other": [{"name": "value", "type": "bool"}]}, {"value": True}).header
    digest = keccak(b"\x19\x01" + separator + struct)
    rounds: list[float] = []
    peaks: list[int] = []
    for _ in range(min(pace.processes, 3)):
        took, peak, found = _python(_LARGE, document).split()
        if bytes.fromhex(found) != digest:
            raise Disagreement(f"{what} has another digest than by the definition")
        rounds.append(float(took))
        peaks.append(int(peak))
    return Fresh("orderseal", what, rounds, peak=round(median(peaks)) if min(peaks) >= 0 else None)


def _python(program: str, data: bytes = b"") -> str:
    done = subprocess.run([sys.executable, "-P", "-c", program], input=data, capture_output=True, check=False)
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise Disagreement(f"a fresh process failed: {last[:200]}")
    return done.stdout.decode().strip()
