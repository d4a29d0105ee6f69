"""The signing core: EIP-712, orders, rules, signers and verification. Pure: no sockets, and no clock read but by a parameter.

Importing it loads neither web3 nor httpx nor eth_account; ``Ledger`` loads its database when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from orderseal.signing.amounts import Rounding, Token, TokenAmount, from_base_units, to_base_units
from orderseal.signing.batch import AuditPool, SigningPool, recover_many, sign_many
from orderseal.signing.clock import FIRST_MILLISECONDS, Clock, VenueClock, VenueTime, format_time, system_clock, unix_seconds
from orderseal.signing.eip712 import Domain, Sol, Struct, TypedData
from orderseal.signing.errors import (
    ChainError,
    InvalidInput,
    InvalidReply,
    LedgerError,
    NodeError,
    NonceConflict,
    OrdersealError,
    OutcomeUnknown,
    PlanMismatch,
    RateLimited,
    Refused,
    Reverted,
    RuleViolation,
    SignerError,
    Unauthorized,
    Unfinished,
    Unreachable,
    VenueError,
    VerificationFailed,
    WrongChain,
    describe,
)
from orderseal.signing.keccak import KECCAK_BACKEND, keccak256
from orderseal.signing.limits import DEFAULT_LIMITS, Limits
from orderseal.signing.orders import (
    MAX_NONCE,
    Order,
    SignedOrder,
    parse_venue_payload,
    refuse_faults,
    sign_order,
    signature_bytes,
    venue_payload,
)
from orderseal.signing.rules import DEFAULT_MAX_FEE, DeadlineRule, Deadlines, LiveDeadlineRule, OrderRule, OrderRules, check_fee
from orderseal.signing.secp256k1 import ECDSA_BACKEND
from orderseal.signing.signed import SignedItem, inspect_signed, read_signed
from orderseal.signing.signers import (
    DigestSigner,
    KeystoreSigner,
    LocalSigner,
    Signer,
    TransactionSigner,
    message_hash,
    sign_text,
    sign_typed_data,
)
from orderseal.signing.strict_json import is_too_deep, read_json
from orderseal.signing.values import Address, AddressLike, Hash32, Signature
from orderseal.signing.verify import Report, inspect_order, inspect_typed_data, recover_signer, verify_order, verify_typed_data

if TYPE_CHECKING:
    from orderseal.signing.ledger import Ledger

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_FEE",
    "ECDSA_BACKEND",
    "FIRST_MILLISECONDS",
    "KECCAK_BACKEND",
    "MAX_NONCE",
    "Address",
    "AddressLike",
    "AuditPool",
    "ChainError",
    "Clock",
    "DeadlineRule",
    "Deadlines",
    "DigestSigner",
    "Domain",
    "Hash32",
    "InvalidInput",
    "InvalidReply",
    "KeystoreSigner",
    "Ledger",
    "LedgerError",
    "Limits",
    "LiveDeadlineRule",
    "LocalSigner",
    "NodeError",
    "NonceConflict",
    "Order",
    "OrderRule",
    "OrderRules",
    "OrdersealError",
    "OutcomeUnknown",
    "PlanMismatch",
    "RateLimited",
    "Refused",
    "Report",
    "Reverted",
    "Rounding",
    "RuleViolation",
    "Signature",
    "SignedItem",
    "SignedOrder",
    "Signer",
    "SignerError",
    "SigningPool",
    "Sol",
    "Struct",
    "Token",
    "TokenAmount",
    "TransactionSigner",
    "TypedData",
    "Unauthorized",
    "Unfinished",
    "Unreachable",
    "VenueClock",
    "VenueError",
    "VenueTime",
    "VerificationFailed",
    "WrongChain",
    "check_fee",
    "describe",
    "format_time",
    "from_base_units",
    "inspect_order",
    "inspect_signed",
    "inspect_typed_data",
    "is_too_deep",
    "keccak256",
    "message_hash",
    "parse_venue_payload",
    "read_json",
    "read_signed",
    "recover_many",
    "recover_signer",
    "refuse_faults",
    "sign_many",
    "sign_order",
    "sign_text",
    "sign_typed_data",
    "signature_bytes",
    "system_clock",
    "to_base_units",
    "unix_seconds",
    "venue_payload",
    "verify_order",
    "verify_typed_data",
]


def __getattr__(name: str) -> Any:
    if name == "Ledger":
        from orderseal.signing.ledger import Ledger

        return Ledger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
