"""Instructions instead of time: ``python -m orderseal.benchmarks.instructions``. It needs valgrind and a quarter of an hour.

A count of instructions does not depend on what else the machine does. For each case two processes run under callgrind, which make the
same inputs and differ only in how many of them they use: what one call takes is the difference divided by that number. Two starts of
Python itself differ by some millions of instructions, so that a figure is good to about 5,000.
"""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from coincurve import PublicKey
from eth_account.messages import encode_typed_data

from orderseal.benchmarks.work import DOMAIN, DOMAIN_FIELDS, ORDER_TYPE, Fields, Work, message_hash
from orderseal.signing import Order, SignedOrder, TypedData, sign_order, verify_order

__all__ = ["main"]

_WARM: Final = 20
_MEASURED: Final = 2000

Case = tuple[Callable[[Fields], Any], Callable[[Any], object]]
"""What makes an input, and what is measured on it."""


def _cases(work: Work) -> Mapping[str, tuple[str, Case]]:
    """Each case with the one that it is compared with."""
    sign, recover = work.raw_key.sign_recoverable, PublicKey.from_signature_and_message

    def ready(fields: Fields) -> tuple[bytes, bytes]:
        signed = work.signed(fields)
        return signed.signature[:64] + bytes([signed.signature[64] - 27]), bytes(signed.signing_hash)

    def from_order(order: Order) -> bytes:
        return sign_order(order, DOMAIN, work.signer).signature

    def from_fields(fields: Fields) -> bytes:
        return sign_order(Order(**fields), DOMAIN, work.signer).signature

    def eth_account_sign(message: Fields) -> bytes:
        return bytes(work.account.sign_message(encode_typed_data(DOMAIN_FIELDS, {"Order": ORDER_TYPE}, message)).signature)

    def verify(signed: SignedOrder[Order]) -> bytes:
        return verify_order(signed)

    def from_json(document: bytes) -> bytes:
        return TypedData.from_json(document).signing_hash

    def eth_account_json(document: bytes) -> bytes:
        return message_hash(encode_typed_data(full_message=json.loads(document)))

    return {
        "coincurve: ready digest → signature": ("", (work.digest_unproven, lambda digest: sign(digest, hasher=None))),
        "orderseal: checked Order → signature": ("coincurve: ready digest → signature", (work.order, from_order)),
        "orderseal: plain fields → signature": ("coincurve: ready digest → signature", (lambda fields: fields, from_fields)),
        "orderseal: Order → digest": ("coincurve: ready digest → signature", (work.order, lambda order: order.signing_hash(DOMAIN))),
        "eth-account: from fields": ("orderseal: plain fields → signature", (work.message, eth_account_sign)),
        "coincurve: ready digest → public key": ("", (ready, lambda item: recover(item[0], item[1], hasher=None))),
        "orderseal: verify_order(signed)": ("coincurve: ready digest → public key", (work.signed, verify)),
        "orderseal: from_json, new schema": ("", (work.new_document, from_json)),
        "eth-account: new schema": ("orderseal: from_json, new schema", (work.new_document, eth_account_json)),
        "orderseal: from_json, same schema": ("", (work.document, from_json)),
        "eth-account: same schema": ("orderseal: from_json, same schema", (work.document, eth_account_json)),
    }


def _use(name: str, count: int) -> None:
    """What the processes do: prepare always the same, and use some of it."""
    work = Work()
    make, call = _cases(work)[name][1]
    inputs = [make(work.fields()) for _ in range(_WARM + _MEASURED)]
    gc.disable()
    for item in inputs[:count]:
        call(item)


def _count(name: str, count: int) -> int:
    program = [sys.executable, "-P", "-m", "orderseal.benchmarks.instructions", name, str(count)]
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *program]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise SystemExit("valgrind did not say how many instructions it saw")
    return int(found[1])


def main() -> None:
    """Print the counts as Markdown."""
    if sys.argv[1:]:
        return _use(sys.argv[1], int(sys.argv[2]))
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed")
    counts: dict[str, int] = {}
    print("| | instructions | ratio | to |\n|---|--:|--:|---|")
    for name, (reference, _case) in _cases(Work()).items():
        counts[name] = (_count(name, _WARM + _MEASURED) - _count(name, _WARM)) // _MEASURED
        ratio = f"{counts[name] / counts[reference]:.2f}" if reference else ""
        print(f"| {name} | {counts[name]:,} | {ratio} | {reference} |", flush=True)
    return None


if __name__ == "__main__":
    main()
