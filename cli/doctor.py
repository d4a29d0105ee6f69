"""``doctor``: which back ends are live, and how fast they are on this machine."""

import importlib.util
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Annotated, Any

import typer

from orderseal.cli.output import CHECK_FAILED, GOOD, emit, emit_json
from orderseal.signing import ECDSA_BACKEND, KECCAK_BACKEND, Address, Domain, LocalSigner, Order, keccak256, recover_signer, sign_order
from orderseal.signing.clock import system_clock

__all__ = ["doctor_command"]

_PACKAGES = ("orderseal", "coincurve", "tiny-keccak", "eth-account", "httpx", "websockets", "msgspec", "starlette", "uvicorn")

# Above these a back end is slower than libsecp256k1 or tiny-keccak on any machine of the last ten years.
_SLOW_KECCAK_US = 10.0
_SLOW_SIGN_US = 300.0


def _microseconds(function: Callable[[], object], calls: int) -> float:
    rounds: list[float] = []
    for _ in range(7):
        begin = time.perf_counter()
        for _ in range(calls):
            function()
        rounds.append((time.perf_counter() - begin) / calls * 1e6)
    return round(median(rounds), 2)


def examine() -> dict[str, Any]:
    """Measure the back ends and check that they work."""
    signer = LocalSigner.generate()
    order = Order(
        maker=signer.address,
        principal=signer.address,
        is_buy=True,
        ticker="AAPL",
        exchange=0,
        asset=Address(bytes(19) + b"\x01"),
        price=150_250_000_000_000_000_000,
        quantity=60,
        incentive=10**18,
        deadline=int(system_clock()) + 31 * 86400,
        nonce=1,
    )
    domain = Domain(name="doctor", chain_id=97)
    signed = sign_order(order, domain, signer)
    works = recover_signer(order, signed.signature, domain) == signer.address
    block = bytes(64)
    speeds = {
        "keccak_us": _microseconds(lambda: keccak256(block), 2000),
        "sign_order_us": _microseconds(lambda: sign_order(order, domain, signer), 200),
        "recover_signer_us": _microseconds(lambda: recover_signer(order, signed.signature, domain), 200),
    }
    warnings: list[str] = []
    if KECCAK_BACKEND != "tiny-keccak" or speeds["keccak_us"] > _SLOW_KECCAK_US:
        warnings.append(f"keccak runs on {KECCAK_BACKEND} at {speeds['keccak_us']} µs a hash: `pip install tiny-keccak` for the fast one")
    if speeds["sign_order_us"] > _SLOW_SIGN_US:
        warnings.append(f"{speeds['sign_order_us']} µs a signature is slow for {ECDSA_BACKEND}: is the machine busy?")
    if importlib.util.find_spec("starlette") is None or importlib.util.find_spec("uvicorn") is None:
        warnings.append("the sandbox is not installed: `pip install 'orderseal[sandbox]'` for `orderseal demo` and `orderseal sandbox`")
    return {
        "ok": works,
        "python": platform.python_version(),
        "ecdsa_backend": ECDSA_BACKEND,
        "keccak_backend": KECCAK_BACKEND,
        **speeds,
        "packages": {name: _version(name) for name in _PACKAGES},
        "warnings": warnings,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def doctor_command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say which ECDSA and keccak back ends are live and how fast they are; warn of slow ones."""
    found = examine()
    if as_json:
        emit_json(found)
    else:
        emit(f"python     {found['python']}")
        emit(
            f"ecdsa      {found['ecdsa_backend']}: {found['sign_order_us']} µs to sign an order, {found['recover_signer_us']} µs to recover"
        )
        emit(f"keccak     {found['keccak_backend']}: {found['keccak_us']} µs a hash of 64 bytes")
        emit("packages   " + ", ".join(f"{name} {number or 'missing'}" for name, number in found["packages"].items()))
        emit("self-test  " + ("an order was signed and its signer recovered" if found["ok"] else "FAILED: do not sign on this machine"))
        for warning in found["warnings"]:
            emit(f"warning    {warning}")
    raise SystemExit(GOOD if found["ok"] else CHECK_FAILED)
