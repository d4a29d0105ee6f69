"""ECDSA over secp256k1: the one module that owns the binding (coincurve, which is libsecp256k1).

Signatures are deterministic (RFC 6979) and low-s (EIP-2). In this module a signature is 65 bytes r ‖ s ‖ v with v 27 or 28.

The library is called through coincurve's own cffi handle, past the wrappers around it, which cost a tenth of a signature. C
believes every length, so each function checks what it hands over.
"""

import secrets
from typing import Final

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]
from coincurve.context import GLOBAL_CONTEXT
from coincurve.flags import EC_UNCOMPRESSED

from orderseal.signing.keccak import keccak256

__all__ = ["ECDSA_BACKEND", "HALF_N", "N", "address_of", "generate_secret", "load", "recover", "sign"]

ECDSA_BACKEND: Final = "coincurve (libsecp256k1)"

# The order of the curve's group: SEC 2, section 2.4.1.
N: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
HALF_N: Final = N // 2

# Recovery ids 2 and 3 exist only where r exceeds the field's prime less n: a chance of 2^-127, and the EVM does not take them.
_V: Final = (b"\x1b", b"\x1c")

_exact = b"".join  # The bytes that an object really holds, whatever a subclass of bytes says of itself.
_new, _buffer, _NULL, _context = ffi.new, ffi.buffer, ffi.NULL, GLOBAL_CONTEXT.ctx
_SIGNATURE, _POINT = ffi.typeof("secp256k1_ecdsa_recoverable_signature *"), ffi.typeof("secp256k1_pubkey *")
_BYTES_64, _BYTES_65 = ffi.typeof("unsigned char[64]"), ffi.typeof("unsigned char[65]")
_INT, _SIZE = ffi.typeof("int *"), ffi.typeof("size_t *")
_sign, _recover = lib.secp256k1_ecdsa_sign_recoverable, lib.secp256k1_ecdsa_recover
_write_signature = lib.secp256k1_ecdsa_recoverable_signature_serialize_compact
_read_signature = lib.secp256k1_ecdsa_recoverable_signature_parse_compact
_write_point = lib.secp256k1_ec_pubkey_serialize


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
    secret, digest = key.secret, _exact((digest,))
    if len(digest) != 32 or len(secret) != 32:
        raise ValueError("a digest and a key have 32 bytes")
    signature = _new(_SIGNATURE)
    if _sign(_context, signature, digest, secret, _NULL, _NULL) != 1:
        raise ValueError("the key is out of range")
    compact, recovery_id = _new(_BYTES_64), _new(_INT)
    _write_signature(_context, compact, recovery_id, signature)
    return _buffer(compact)[:] + _V[recovery_id[0]]  # type: ignore[no-any-return]


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Give the 20 address bytes of the key that made ``signature`` over ``digest``; ``None`` if no key can have.

    The caller has checked r and s (see :class:`orderseal.signing.Signature`).
    """
    digest, signature = _exact((digest,)), _exact((signature,))
    if len(digest) != 32 or len(signature) != 65 or not 27 <= signature[64] <= 28:
        raise ValueError("a digest has 32 bytes and a signature 65, of which the last is 27 or 28")
    parsed, point = _new(_SIGNATURE), _new(_POINT)
    if _read_signature(_context, parsed, signature, signature[64] - 27) != 1 or _recover(_context, point, parsed, digest) != 1:
        return None
    encoded = _new(_BYTES_65)
    _write_point(_context, encoded, _new(_SIZE, 65), point, EC_UNCOMPRESSED)
    return keccak256(_buffer(encoded)[1:])[12:]
