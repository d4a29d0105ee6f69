"""Keccak-256, through the fastest library that is installed.

safe-pysha3 is called directly: it takes a quarter of the time of the other bindings. eth-hash (pycryptodome) is the
fallback; ``orderseal doctor`` tells which one is live.
"""

from collections.abc import Callable
from typing import Any, cast

__all__ = ["KECCAK_BACKEND", "keccak256"]

# Keccak-256 of the empty string, as in the Ethereum yellow paper, appendix K (KEC(())). NIST's SHA3-256 differs.
_EMPTY = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")


def _pysha3() -> Callable[[bytes], bytes]:
    import sha3

    new = cast("Callable[[bytes], Any]", sha3.keccak_256)

    def keccak256(data: bytes) -> bytes:
        """Keccak-256 of any bytes: 32 bytes, as in Ethereum (not NIST's SHA3-256)."""
        return new(data).digest()  # type: ignore[no-any-return]

    return keccak256


def _eth_hash() -> Callable[[bytes], bytes]:
    from eth_hash.auto import keccak

    return cast("Callable[[bytes], bytes]", keccak)


def _select() -> tuple[str, Callable[[bytes], bytes]]:
    for name, load in (("safe-pysha3", _pysha3), ("eth-hash", _eth_hash)):
        try:
            function = load()
        except (ImportError, AttributeError):
            continue
        if function(b"") == _EMPTY:
            return name, function
    raise ImportError("no working Keccak-256: install safe-pysha3, or eth-hash[pycryptodome]")


KECCAK_BACKEND, keccak256 = _select()
