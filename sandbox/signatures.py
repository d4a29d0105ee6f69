"""Hashes and signatures, computed with eth-account and with nothing of ours.

Source: "Order Signature" page (domain, type, field order), Authorization page (``personal_sign``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from eth_account import Account
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

SETTLEMENT_CONTRACT = "0xCB310C56A19078aA969A922f382613d932D89D83"

_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")
_DOMAIN_TYPE = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))
_ORDER_TYPE = (
    ("maker", "address"),
    ("principal", "address"),
    ("isBuy", "bool"),
    ("ticker", "string"),
    ("exchange", "uint16"),
    ("asset", "address"),
    ("price", "uint256"),
    ("quantity", "uint256"),
    ("incentive", "uint256"),
    ("deadline", "uint256"),
    ("nonce", "uint256"),
)


@dataclass(frozen=True, slots=True)
class OrderHashes:
    """The two hashes of a typed order, and the message that a signature is recovered from."""

    signable: SignableMessage
    struct_hash: bytes
    signing_hash: bytes


def parse_address(text: str) -> str | None:
    """Return the EIP-55 form of a 20-byte ``0x`` address in any letter case, or ``None``."""
    return to_checksum_address(text) if _ADDRESS.fullmatch(text) else None


def recover_text(text: str, signature: str) -> str | None:
    """Return who signed a text with ``personal_sign`` (EIP-191), or ``None`` if the signature is unusable."""
    try:
        return _recover(encode_defunct(text=text), signature)
    except UnicodeEncodeError:
        return None


def recover_order(hashes: OrderHashes, signature: str) -> str | None:
    """Return who signed the order, or ``None`` if the signature is unusable."""
    return _recover(hashes.signable, signature)


def hash_order(message: Mapping[str, object], chain_id: int) -> OrderHashes:
    """Hash an order given by the member names of the typed data (``isBuy``), with checksummed addresses."""
    signable = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": _members(_DOMAIN_TYPE), "Order": _members(_ORDER_TYPE)},
            "primaryType": "Order",
            "domain": {"name": "RFQSettlement", "version": "1", "chainId": chain_id, "verifyingContract": SETTLEMENT_CONTRACT},
            "message": {name: message[name] for name, _ in _ORDER_TYPE},
        }
    )
    signing_hash = keccak(b"\x19" + signable.version + signable.header + signable.body)
    return OrderHashes(signable=signable, struct_hash=bytes(signable.body), signing_hash=signing_hash)


def _recover(signable: SignableMessage, signature: str) -> str | None:
    """Recover a signer from strictly 65 bytes with low s and v 27 or 28.

    eth-account itself recovers a high-s signature and v 0 or 1, which OpenZeppelin's ECDSA on chain refuses.
    """
    if not _SIGNATURE.fullmatch(signature):
        return None
    raw = bytes.fromhex(signature[2:])
    if int.from_bytes(raw[32:64]) > _CURVE_ORDER // 2 or raw[64] not in (27, 28):
        return None
    try:
        return str(Account.recover_message(signable, signature=raw))
    except (BadSignature, ValidationError, ValueError):
        return None


def _members(members: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": type_name} for name, type_name in members]
