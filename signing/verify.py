"""Verification: who signed, should they have, and if not, the nearest mistake that would explain it.

Everything here is offline. Contract wallets (ERC-1271) cannot be decided offline; a report says so where it matters.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from orderseal.signing.clock import format_time, unix_seconds
from orderseal.signing.eip712.document import TypedData
from orderseal.signing.eip712.domain import Domain
from orderseal.signing.eip712.struct import Struct
from orderseal.signing.errors import InvalidInput, VerificationFailed, describe
from orderseal.signing.keccak import keccak256
from orderseal.signing.orders import Order, SignedOrder
from orderseal.signing.secp256k1 import N, recover
from orderseal.signing.values import Address, AddressLike, Hash32, Signature, exact_bytes, signature_faults

__all__ = ["Report", "inspect_order", "inspect_typed_data", "recover_signer", "verify_order", "verify_typed_data"]

_S = TypeVar("_S", bound=Struct)

_CHAINS: Final = (1, 56, 97, 17000, 11155111, 137, 8453, 42161, 10, 31337, 1337, 0)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found.

    Attributes:
        valid: ``True``, ``False``, or ``None`` where nobody said who should have signed.
        signer: who signed, as far as the signature tells.
        expected_signer: who should have.
        signing_hash: the digest, as computed here.
        reasons: a code for every reason why not.
        explanations: the same in words.
        diagnosis: the nearest mistake that would explain it.
    """

    valid: bool | None
    signer: Address | None
    expected_signer: Address | None
    signing_hash: Hash32
    reasons: tuple[str, ...]
    explanations: tuple[str, ...]
    diagnosis: str | None

    def __bool__(self) -> bool:
        return self.valid is True

    def to_json(self) -> dict[str, Any]:
        """The stable form of ``orderseal verify --json``."""
        return {
            "valid": self.valid,
            "signer": str(self.signer) if self.signer else None,
            "expected_signer": str(self.expected_signer) if self.expected_signer else None,
            "signing_hash": str(self.signing_hash),
            "reasons": list(self.reasons),
            "diagnosis": self.diagnosis,
        }

    def raise_if_invalid(self) -> None:
        """Raise :class:`~orderseal.signing.VerificationFailed` unless ``valid`` is ``True``."""
        if self.valid is not True:
            message = "; ".join(self.explanations)
            if self.diagnosis:
                message += f". {self.diagnosis}"
            raise VerificationFailed(message, reasons=self.reasons, diagnosis=self.diagnosis)


def recover_signer(signed: Struct | TypedData, signature: bytes, domain: Domain | None = None) -> Address:
    """Say whose key made the signature. This does not say that they should have: compare the address, or use :func:`verify_order`.

    Args:
        signed: a declared struct, with its ``domain``; or a :class:`TypedData`, which has its own.
        signature: 65 bytes.
        domain: the struct's domain.

    Raises:
        InvalidInput: the signature is malformed.
        VerificationFailed: no key can have made it.
    """
    digest = _digest(signed, domain)
    raw = recover(digest, Signature(signature))
    if raw is None:
        raise VerificationFailed("no key can have made this signature", reasons=("unrecoverable",))
    return Address(raw)


def _digest(signed: Struct | TypedData, domain: Domain | None) -> Hash32:
    if isinstance(signed, TypedData):
        if domain is not None and domain != signed.domain:
            raise InvalidInput(path="domain", expected="none: a typed-data document has its own", actual=repr(domain))
        return signed.signing_hash
    if domain is None:
        raise InvalidInput(path="domain", expected="the domain of the struct", actual="nothing")
    return signed.signing_hash(domain)


def verify_order(
    order: Struct | SignedOrder[Struct],
    domain: Domain | None = None,
    signature: bytes | None = None,
    *,
    signer: AddressLike | None = None,
    at: int | None = None,
) -> Address:
    """Verify a signed order and give the signer's address, or raise with every reason.

    Args:
        order: a declared struct with its ``domain`` and ``signature``, or a :class:`SignedOrder`, which has both.
        signer: who should have signed; by default the order's declared maker. If both are known they must agree.
        at: Unix seconds; if given, the order's deadline must not have passed then.

    Raises:
        VerificationFailed: with ``reasons`` and a ``diagnosis``.
    """
    if isinstance(order, SignedOrder):
        struct, domain, signature = _opened(order, domain, signature)
    else:
        struct = order
    if domain is None or signature is None:
        missing = " and ".join(what for what, given in (("a domain", domain), ("a signature", signature)) if given is None)
        expected = "a SignedOrder, or an order with its domain and signature"
        raise InvalidInput(path="verify_order", expected=expected, actual=f"an order without {missing}")
    finding = _examine_order(struct, domain, signature, signer, at)
    if finding.problems or finding.signer is None:
        finding.report().raise_if_invalid()
    assert finding.signer is not None
    if isinstance(order, SignedOrder) and (order.signer != finding.signer or order.signing_hash != finding.signing_hash):
        raise VerificationFailed("the signed order names another digest or signer than its content has", reasons=("signer_mismatch",))
    return finding.signer


def _opened(signed: SignedOrder[Struct], domain: Domain | None, signature: bytes | None) -> tuple[Struct, Domain, bytes]:
    """Take a signed order apart, unless it is another one than the caller expects."""
    if domain is not None and domain != signed.domain:
        raise InvalidInput(path="domain", expected=repr(domain), actual=f"an order signed for {signed.domain!r}")
    if signature is not None and signature != signed.signature:
        raise InvalidInput(path="signature", expected="none beside a SignedOrder, which has its own", actual="another one")
    return signed.order, signed.domain, signed.signature


def verify_typed_data(typed_data: TypedData, signature: bytes, *, signer: AddressLike) -> Address:
    """Verify the signature of a general document and give the signer's address, or raise with every reason."""
    report = inspect_typed_data(typed_data, signature, signer=signer)
    report.raise_if_invalid()
    assert report.signer is not None
    return report.signer


def inspect_order(order: Struct, domain: Domain, signature: bytes, *, signer: AddressLike | None = None, at: int | None = None) -> Report:
    """Like :func:`verify_order`, but give a :class:`Report` instead of raising for a bad signature."""
    return _examine_order(order, domain, signature, signer, at).report()


class _Finding(NamedTuple):
    """What a signature was found to be; a report is made of it only where somebody reads one."""

    signer: Address | None
    expected_signer: Address | None
    signing_hash: Hash32
    problems: list[tuple[str, str]]
    diagnosis: str | None

    def report(self) -> Report:
        codes, texts = tuple([code for code, _ in self.problems]), tuple([text for _, text in self.problems])
        valid = None if codes == ("no_expected_signer",) else not codes
        return Report(valid, self.signer, self.expected_signer, self.signing_hash, codes, texts, self.diagnosis)


def _examine_order(order: Struct, domain: Domain, signature: bytes, signer: AddressLike | None, at: int | None) -> _Finding:
    maker_attribute = type(order).maker_attribute
    maker: Address | None = getattr(order, maker_attribute) if maker_attribute else None
    problems = list(order.faults())
    if at is not None:
        unix_seconds(at, "at")
        deadline = getattr(order, "deadline", None)
        if isinstance(deadline, int) and deadline < at:
            problems.append(("deadline_passed", f"the deadline {format_time(deadline)} has passed at {format_time(at)}"))
    expected = maker if signer is None else _expected(signer, maker, problems)
    return _examine(order.signing_hash(domain), signature, expected, problems, lambda: _order_mistakes(order, domain))


def inspect_typed_data(typed_data: TypedData, signature: bytes, *, signer: AddressLike | None = None) -> Report:
    """Like :func:`verify_typed_data`, but give a :class:`Report` instead of raising for a bad signature.

    A document that is the built-in :class:`Order` is judged as one: its maker must have signed it.
    """
    if typed_data.type_hash == Order.type_hash:
        return inspect_order(Order.from_typed_data(typed_data), typed_data.domain, signature, signer=signer)
    expected = Address(signer) if signer is not None else None
    return _examine(typed_data.signing_hash, signature, expected, [], lambda: _document_mistakes(typed_data)).report()


def _expected(signer: AddressLike, maker: Address | None, problems: list[tuple[str, str]]) -> Address:
    named = Address(signer)
    if maker is not None and named != maker:
        problems.append(("maker_mismatch", f"the order's maker is {maker}, but {named} was expected to sign"))
    return named


def _examine(
    digest: Hash32,
    signature: bytes,
    expected: Address | None,
    problems: list[tuple[str, str]],
    mistakes: Callable[[], Iterator[tuple[str, bytes]]],
) -> _Finding:
    found: Address | None = None
    diagnosis: str | None = None
    if not isinstance(signature, bytes):
        hint = "Convert hex with bytes.fromhex(text[2:])" if isinstance(signature, str) else ""
        raise InvalidInput(path="signature", expected="bytes", actual=describe(signature), hint=hint)
    signature = exact_bytes(signature)
    if faults := signature_faults(signature):
        problems += faults
        diagnosis = _form_mistake(digest, signature, expected)
    else:
        raw = recover(digest, signature)
        if raw is None:
            problems.append(("unrecoverable", "no key can have made this signature"))
        else:
            found = bytes.__new__(Address, raw)
            if expected is not None and found != expected:
                text = f"signed by {found}, not by {expected}"
                problems.append(("signer_mismatch", text))
                diagnosis = _find_mistake(digest, signature, expected, mistakes())
    if expected is None:
        problems.append(
            ("no_expected_signer", "nobody said who should have signed (signer=…), and almost any 65 bytes recover to some address")
        )
    return _Finding(found, expected, digest, problems, diagnosis)


def _form_mistake(digest: bytes, signature: bytes, expected: Address | None) -> str | None:
    """A malformed signature that would be the right one in its proper form."""
    if expected is None:
        return None
    repaired: list[tuple[str, bytes]] = []
    if len(signature) == 65 and signature[64] in (0, 1):
        repaired.append(("v is 0 or 1: add 27 to the last byte", signature[:64] + bytes([signature[64] + 27])))
    if len(signature) == 65 and signature[64] in (27, 28) and 0 < (s := int.from_bytes(signature[32:64], "big")) < N:
        flipped = (N - s).to_bytes(32, "big") + bytes([55 - signature[64]])
        repaired.append(("s is in the upper half: replace it by n - s and flip v", signature[:32] + flipped))
    if len(signature) == 64:
        y = int.from_bytes(signature[32:], "big")
        plain = (y & (2**255 - 1)).to_bytes(32, "big") + bytes([27 + (y >> 255)])
        repaired.append(("the signature is in the compact form of EIP-2098: expand it to 65 bytes", signature[:32] + plain))
    for text, candidate in repaired:
        if not signature_faults(candidate) and recover(digest, candidate) == expected:
            return f"The key is right, the form is not: {text}"
    return None


def _find_mistake(digest: bytes, signature: bytes, expected: Address, mistakes: Iterator[tuple[str, bytes]]) -> str | None:
    flipped = signature[:64] + bytes([55 - signature[64]])
    if recover(digest, flipped) == expected:
        return "v is flipped: 27 should be 28 or the other way round"
    for text, other in mistakes:
        if recover(other, signature) == expected:
            return f"{expected} did sign, but {text}"
    return None


def _wrapped(digest: bytes, struct_hash: bytes) -> Iterator[tuple[str, bytes]]:
    prefix = b"\x19Ethereum Signed Message:\n"
    yield "by personal_sign over the digest instead of the digest itself", keccak256(prefix + b"32" + digest)
    yield "by personal_sign over the digest's hex text", keccak256(prefix + b"66" + b"0x" + digest.hex().encode())
    yield "the bare struct hash, without the domain", struct_hash
    yield "by personal_sign over the bare struct hash", keccak256(prefix + b"32" + struct_hash)


def _domains(domain: Domain) -> Iterator[tuple[str, Domain]]:
    if domain.chain_id is not None:
        for chain_id in _CHAINS:
            if chain_id != domain.chain_id:
                yield f"for chain {chain_id} instead of {domain.chain_id}", domain.replace(chain_id=chain_id)
    for member in ("salt", "verifying_contract", "chain_id", "version", "name"):
        present = [m for m in ("name", "version", "chain_id", "verifying_contract", "salt") if getattr(domain, m) is not None]
        if member in present and len(present) > 1:
            yield f"for a domain without {member}", domain.replace(**{member: None})
    for version in ("1", "2", "1.0", "1.0.0"):
        if domain.version is not None and domain.version != version:
            yield f'for version "{version}" of the domain instead of "{domain.version}"', domain.replace(version=version)


def _document_mistakes(typed_data: TypedData) -> Iterator[tuple[str, bytes]]:
    yield from _wrapped(typed_data.signing_hash, typed_data.struct_hash)
    for text, other in _domains(typed_data.domain):
        yield text, other.signing_hash(typed_data.struct_hash)


def _order_mistakes(order: Struct, domain: Domain) -> Iterator[tuple[str, bytes]]:
    struct_hash = order.struct_hash()
    yield from _wrapped(order.signing_hash(domain), struct_hash)
    for text, other in _domains(domain):
        yield text, other.signing_hash(struct_hash)
    if isinstance(order, Order):
        for text, changes in _order_changes(order):
            try:
                yield text, order.replace(**changes).signing_hash(domain)
            except InvalidInput:
                continue


def _order_changes(order: Order) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Other contents that a maker may have signed by one of the usual slips."""
    scale = 10**18
    yield "the opposite side", {"is_buy": not order.is_buy}
    yield "with the quantity scaled by 10^18", {"quantity": order.quantity * scale}
    yield "with an unscaled price", {"price": order.price // scale}
    yield "with the deadline in milliseconds", {"deadline": order.deadline * 1000}
    yield "with the deadline in seconds", {"deadline": order.deadline // 1000}
    yield "with maker and principal exchanged", {"maker": order.principal, "principal": order.maker}
    yield "with the maker as principal", {"principal": order.maker}
    yield "without an incentive", {"incentive": 0}
    for nonce in (order.nonce - 1, order.nonce + 1):
        yield f"with nonce {nonce}", {"nonce": nonce}
    for ticker in (order.ticker.lower(), order.ticker.upper()):
        yield f"with ticker {ticker[:20]}", {"ticker": ticker}
