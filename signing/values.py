"""Small immutable values: addresses, hashes, signatures. Each is ``bytes`` underneath and cannot exist in an invalid form."""

import re
from functools import lru_cache
from typing import Final, Self, SupportsIndex

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.keccak import keccak256
from orderseal.signing.secp256k1 import HALF_N, N

__all__ = ["Address", "AddressLike", "Hash32", "Signature", "hash32", "signature_faults"]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]*", re.ASCII)
_ADDRESS_FORM: Final = "an address: 0x and 40 hexadecimal digits, all lower-case or with a valid EIP-55 checksum"


def exact_bytes(value: bytes) -> bytes:
    """The bytes that a ``bytes`` object really holds, whatever a subclass says of itself."""
    return value if type(value) is bytes else b"".join((value,))


def exact_str(value: str) -> str:
    """The text that a ``str`` object really holds: of a member of a ``str`` enum its value, not its name."""
    return value if type(value) is str else str.__str__(value)


def hex_to_bytes(text: str) -> bytes | None:
    """Give the bytes of ``0x`` hex of even length, in either case; ``None`` if it is anything else."""
    return bytes.fromhex(text[2:]) if len(text) % 2 == 0 and _HEX.fullmatch(text) else None


class Address(bytes):
    """A 20-byte account address.

    Accepts another ``Address``, 20 bytes, or a string that is all lower-case or carries a valid EIP-55 checksum.
    ``str()`` gives the checksummed form. A wrong checksum, an all-upper-case string or a wrong length raises
    :class:`~orderseal.signing.InvalidInput`.
    """

    __slots__ = ()

    def __new__(cls, value: "AddressLike") -> Self:
        if isinstance(value, str):
            return super().__new__(cls, address_of_text(exact_str(value)))
        if isinstance(value, bytes) and len(raw := exact_bytes(value)) == 20:
            return super().__new__(cls, raw)
        raise InvalidInput(path="address", expected=_ADDRESS_FORM, actual=describe(value))

    def __str__(self) -> str:
        return _checksum(bytes(self))

    def __repr__(self) -> str:
        return f"Address('{self}')"

    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (bytes(self),)

    @property
    def is_zero(self) -> bool:
        """Whether this is the zero address, which nobody owns."""
        return not any(self)


AddressLike = Address | bytes | str


@lru_cache(maxsize=4096)
def _checksum(raw: bytes) -> str:
    """EIP-55: a letter is upper-case where the digit of the hash of the lower-case text is 8 or more."""
    digits = raw.hex()
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if m >= "8" else c for c, m in zip(digits, marks, strict=False))


@lru_cache(maxsize=4096)
def address_of_text(text: str) -> Address:
    """The address that a string spells. The cache is bounded: it holds no string of another length, since errors are not cached."""
    if not _ADDRESS.fullmatch(text):
        raise InvalidInput(path="address", expected=_ADDRESS_FORM, actual=describe(text))
    raw = bytes.fromhex(text[2:])
    if text[2:] != text[2:].lower() and text != _checksum(raw):
        raise InvalidInput(
            path="address",
            expected=_ADDRESS_FORM,
            actual=f"{text}, whose checksum is wrong",
            hint="A digit is mistyped, or the letters lost their case: copy the address again from its source",
        )
    return bytes.__new__(Address, raw)


class Hash32(bytes):
    """A 32-byte hash. Accepts 32 bytes, or ``0x`` and 64 hexadecimal digits; ``str()`` gives the latter in lower case."""

    __slots__ = ()

    def __new__(cls, value: bytes | str) -> Self:
        raw = hex_to_bytes(exact_str(value)) if isinstance(value, str) else exact_bytes(value) if isinstance(value, bytes) else None
        if raw is None or len(raw) != 32:
            raise InvalidInput(path="hash", expected="32 bytes, or 0x and 64 hexadecimal digits", actual=describe(value))
        return super().__new__(cls, raw)

    def __str__(self) -> str:
        return "0x" + self.hex()

    def __repr__(self) -> str:
        return f"Hash32('{self}')"

    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (bytes(self),)


def hash32(data: bytes) -> Hash32:
    """Keccak-256 of ``data``."""
    return bytes.__new__(Hash32, keccak256(data))


# Compared as bytes: big-endian words of one length sort like their numbers.
_ZERO_32: Final = bytes(32)
_N_32: Final = N.to_bytes(32, "big")
_HALF_N_32: Final = HALF_N.to_bytes(32, "big")


def signature_faults(raw: bytes) -> list[tuple[str, str]]:
    """Say all that is wrong with the form of a signature, as (code, explanation).

    Codes: ``bad_length``, ``bad_v``, ``bad_r``, ``bad_s``, ``high_s`` (EIP-2 and OpenZeppelin's ``ECDSA`` refuse the upper half).
    """
    if len(raw) != 65:
        compact = ". 64 bytes may be the compact form of EIP-2098, which venues do not document" if len(raw) == 64 else ""
        return [("bad_length", f"a signature has 65 bytes (r, s, v), this one has {len(raw)}{compact}")]
    found: list[tuple[str, str]] = []
    r, s, v = raw[:32], raw[32:64], raw[64]
    if not _ZERO_32 < r < _N_32:
        found.append(("bad_r", "r is zero or not below the order of the curve"))
    if not _ZERO_32 < s < _N_32:
        found.append(("bad_s", "s is zero or not below the order of the curve"))
    elif s > _HALF_N_32:
        found.append(("high_s", "s lies in the upper half, which contracts refuse because it makes signatures malleable (EIP-2)"))
    if not 27 <= v <= 28:
        hint = "; some hardware wallets give 0 or 1, which contracts refuse: add 27 to the last byte" if v < 2 and not found else ""
        found.append(("bad_v", f"v must be 27 or 28, it is {v}{hint}"))
    return found


class Signature(bytes):
    """A 65-byte signature r ‖ s ‖ v, with v 27 or 28 and s in the lower half (EIP-2).

    Accepts 65 bytes, or ``0x`` and 130 hexadecimal digits. Anything else raises :class:`~orderseal.signing.InvalidInput`.
    """

    __slots__ = ()

    def __new__(cls, value: bytes | str) -> Self:
        raw = hex_to_bytes(exact_str(value)) if isinstance(value, str) else exact_bytes(value) if isinstance(value, bytes) else None
        if raw is None:
            raise InvalidInput(path="signature", expected="65 bytes, or 0x and 130 hexadecimal digits", actual=describe(value))
        if faults := signature_faults(raw):
            actual = "; ".join(text for _code, text in faults)
            raise InvalidInput(path="signature", expected="65 bytes r, s, v with v 27 or 28 and a low s", actual=actual)
        return super().__new__(cls, raw)

    @property
    def r(self) -> int:
        """The signature's r, 1…n-1."""
        return int.from_bytes(self[:32], "big")

    @property
    def s(self) -> int:
        """The signature's s, 1…n/2."""
        return int.from_bytes(self[32:64], "big")

    @property
    def v(self) -> int:
        """The signature's v, 27 or 28."""
        return self[64]

    def __str__(self) -> str:
        return "0x" + self.hex()

    def __repr__(self) -> str:
        return f"Signature('0x{self[:4].hex()}…{self[-4:].hex()}')"

    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (bytes(self),)
