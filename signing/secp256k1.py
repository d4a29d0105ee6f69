"""ECDSA over secp256k1: the one module that owns the binding (coincurve, which is libsecp256k1).

Signatures are deterministic (RFC 6979) and low-s (EIP-2). In this module a signature is 65 bytes r ‖ s ‖ v with v 27 or 28.
"""

import secrets
from typing import Final

from coincurve import PrivateKey, PublicKey

from orderseal.signing.keccak import keccak256

__all__ = ["ECDSA_BACKEND", "HALF_N", "N", "address_of", "generate_secret", "load", "recover", "sign"]

ECDSA_BACKEND: Final = "coincurve (libsecp256k1)"

# The order of the curve's group: SEC 2, section 2.4.1.
N: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
HALF_N: Final = N // 2

# Recovery ids 2 and 3 exist only where r exceeds the field's prime less n: a chance of 2^-127, and the EVM does not take them.
_V: Final = {0: b"\x1b", 1: b"\x1c"}
_RECOVERY_ID: Final = {27: b"\x00", 28: b"\x01"}


def generate_secret() -> bytes:
    """Make 32 random bytes that are a valid private key."""
    return (1 + secrets.randbelow(N - 1)).to_bytes(32, "big")


def load(secret: bytes) -> PrivateKey:
    """Make the binding's key object. ``secret`` is 32 bytes in 1…n-1, checked by the caller."""
    return PrivateKey(secret)


def address_of(key: PrivateKey) -> bytes:
    """Give the 20 address bytes of a key: the last 20 of the Keccak-256 of its public point."""
    return keccak256(key.public_key.format(compressed=False)[1:])[12:]


def sign(key: PrivateKey, digest: bytes) -> bytes:
    """Sign a 32-byte digest."""
    signature = key.sign_recoverable(digest, hasher=None)
    return signature[:64] + _V[signature[64]]


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Give the 20 address bytes of the key that made ``signature`` over ``digest``; ``None`` if no key can have.

    The caller has checked length, v, r and s (see :class:`orderseal.signing.Signature`).
    """
    try:
        point = PublicKey.from_signature_and_message(signature[:64] + _RECOVERY_ID[signature[64]], digest, hasher=None)
    except ValueError:
        return None
    return keccak256(point.format(compressed=False)[1:])[12:]
