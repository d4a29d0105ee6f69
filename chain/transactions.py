"""Transactions: built, hashed, signed with any signer, and read back. Pure, but that a signer may ask elsewhere.

Type 2 (EIP-1559 in the envelope of EIP-2718) and legacy ones with a chain id (EIP-155). The access list is always empty, and no contract
is ever created.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

from orderseal.chain.fees import MOST_WEI, Fees
from orderseal.chain.reverts import printable
from orderseal.chain.rlp import EMPTY_LIST, Item, RlpError, decode_list, encode_list, number_bytes, read_number
from orderseal.signing import secp256k1
from orderseal.signing.errors import InvalidInput, SignerError, describe
from orderseal.signing.signers import DigestSigner, Signer, TransactionSigner
from orderseal.signing.strict_json import JAVASCRIPT_SAFE
from orderseal.signing.values import Address, Hash32, Signature, exact_bytes, hash32, hex_to_bytes

__all__ = ["MOST_DATA", "SignedTransaction", "Transaction", "decode_transaction", "sign_transaction"]

MOST_DATA: Final = 128 * 1024
"""The most bytes of call data: go-ethereum's pool takes no transaction beyond 128 KiB (``txMaxSize``)."""

_MOST_RAW: Final = MOST_DATA + 1024
_TYPE_2: Final = b"\x02"
_MOST_UINT256: Final = 2**256 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A call of a contract, or a payment, that is not signed yet.

    Attributes:
        chain_id: 1…2^53-1 (EIP-155). JSON and JavaScript wallets hold no larger number exactly; no chain has one.
        nonce: of the account, 0…2^53-1.
        to: the contract or the account.
        value: wei, 0…2^256-1.
        data: the call, at most 128 KiB.
        gas: the most units of gas, 1…2^53-1.
        fees: what is offered for a unit of gas; they also say the type.

    Raises:
        InvalidInput: a value of another type or out of its range.
    """

    chain_id: int
    nonce: int
    to: Address
    value: int = 0
    data: bytes = field(default=b"", repr=False)
    gas: int
    fees: Fees

    def __post_init__(self) -> None:
        for name, least, most in (
            ("chain_id", 1, JAVASCRIPT_SAFE - 1),
            ("nonce", 0, JAVASCRIPT_SAFE - 1),
            ("value", 0, _MOST_UINT256),
            ("gas", 1, JAVASCRIPT_SAFE - 1),
        ):
            given = getattr(self, name)
            if type(given) is not int or not least <= given <= most:
                expected = f"an integer from {least} to 2^{most.bit_length()}-1"
                raise InvalidInput(path=f"transaction.{name}", expected=expected, actual=describe(given))
        if not isinstance(self.data, bytes) or len(raw := exact_bytes(self.data)) > MOST_DATA:
            raise InvalidInput(path="transaction.data", expected=f"at most {MOST_DATA} bytes", actual=describe(self.data))
        if not isinstance(self.fees, Fees):
            raise InvalidInput(path="transaction.fees", expected="Fees", actual=describe(self.fees))
        try:
            to = Address(self.to)
        except InvalidInput as error:
            error.path = "transaction.to"
            raise
        object.__setattr__(self, "to", to)
        object.__setattr__(self, "data", raw)

    @property
    def max_cost(self) -> int:
        """The most wei that it may take from the account: its value, and all its gas at the highest price."""
        return self.value + self.gas * self.fees.most

    def signing_hash(self) -> Hash32:
        """What is signed: EIP-1559, or EIP-155."""
        if self.fees.is_legacy:
            return hash32(encode_list([*self._body(), number_bytes(self.chain_id), b"", b""]))
        return hash32(_TYPE_2 + encode_list(self._body()))

    def raw(self, signature: Signature) -> bytes:
        """The signed transaction as it goes to a node. Whose signature it is, is not checked."""
        if not isinstance(signature, Signature):
            raise InvalidInput(path="signature", expected="a Signature", actual=describe(signature))
        parity = signature.v - 27
        ends = [number_bytes(signature.r), number_bytes(signature.s)]
        if self.fees.is_legacy:
            return encode_list([*self._body(), number_bytes(self.chain_id * 2 + 35 + parity), *ends])
        return _TYPE_2 + encode_list([*self._body(), number_bytes(parity), *ends])

    def hash(self, signature: Signature) -> Hash32:
        """The transaction's hash, by which nodes know it."""
        return hash32(self.raw(signature))

    def _body(self) -> list[Item]:
        fees = self.fees
        call: list[Item] = [number_bytes(self.gas), bytes(self.to), number_bytes(self.value), self.data]
        if fees.gas_price is not None:
            return [number_bytes(self.nonce), number_bytes(fees.gas_price), *call]
        tip, most = cast("int", fees.max_priority_fee_per_gas), cast("int", fees.max_fee_per_gas)
        return [number_bytes(self.chain_id), number_bytes(self.nonce), number_bytes(tip), number_bytes(most), *call, EMPTY_LIST]

    def to_json(self) -> dict[str, Any]:
        """The transaction as JSON, for :meth:`from_json`. What may pass 2^53 is a decimal string."""
        return {
            "chain_id": self.chain_id,
            "nonce": self.nonce,
            "to": str(self.to),
            "value": str(self.value),
            "data": f"0x{self.data.hex()}",
            "gas": self.gas,
            **self.fees.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` gives.

        Raises:
            InvalidInput: it is anything else.
        """
        if not isinstance(document, Mapping):
            raise InvalidInput(path="transaction", expected="an object", actual=describe(document))
        fees = ("gas_price",) if "gas_price" in document else ("max_fee_per_gas", "max_priority_fee_per_gas")
        members = ("chain_id", "nonce", "to", "value", "data", "gas", *fees)
        if set(document) != set(members):
            raise InvalidInput(path="transaction", expected=f"the members {', '.join(members)}", actual="others")
        data = document["data"]
        raw = hex_to_bytes(data) if isinstance(data, str) else None
        if raw is None:
            raise InvalidInput(path="transaction.data", expected="0x hex of even length", actual=describe(data))
        if not isinstance(document["to"], str):
            raise InvalidInput(path="transaction.to", expected="an address", actual=describe(document["to"]))
        return cls(
            chain_id=document["chain_id"],
            nonce=document["nonce"],
            to=cast("Address", document["to"]),
            value=_decimal(document, "value"),
            data=raw,
            gas=document["gas"],
            fees=Fees(**{name: _decimal(document, name) for name in fees}),
        )

    def to_rpc(self, sender: Address) -> dict[str, str]:
        """The transaction as ``eth_signTransaction``, ``eth_call`` and their like take it (Ethereum execution APIs)."""
        fees = self.fees
        price = (
            {"gasPrice": hex(fees.gas_price)}
            if fees.gas_price is not None
            else {
                "maxFeePerGas": hex(cast("int", fees.max_fee_per_gas)),
                "maxPriorityFeePerGas": hex(cast("int", fees.max_priority_fee_per_gas)),
            }
        )
        return {
            "from": str(sender),
            "to": str(self.to),
            "gas": hex(self.gas),
            **price,
            "value": hex(self.value),
            "nonce": hex(self.nonce),
            "data": f"0x{self.data.hex()}",
            "chainId": hex(self.chain_id),
        }


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that a node takes. Anyone who has the bytes can send it.

    Attributes:
        raw: the bytes to send.
        hash: by which nodes know it.
        transaction: what it says.
        sender: the account that signed it, and pays.
    """

    raw: bytes = field(repr=False)
    hash: Hash32
    transaction: Transaction
    sender: Address


def decode_transaction(raw: bytes) -> tuple[Transaction, Signature, Address]:
    """Read a signed transaction: what it says, its signature, and the account whose signature it is.

    Strict: the one shortest encoding, type 2 or legacy with a chain id, a low s (EIP-2), an empty access list, and a recipient.

    Raises:
        InvalidInput: it is anything else.
    """
    if not isinstance(raw, bytes) or not 0 < len(raw := exact_bytes(raw)) <= _MOST_RAW:
        raise InvalidInput(path="raw", expected=f"1 to {_MOST_RAW} bytes", actual=describe(raw))
    typed = raw[:1] == _TYPE_2
    if not typed and raw[0] < 0xC0:
        actual = f"one of type {raw[0]}" if raw[0] < 0x80 else "something else"
        raise InvalidInput(path="raw", expected="a transaction of type 2 or a legacy one", actual=actual)
    try:
        transaction, signature = _read_type_2(decode_list(raw[1:], 12)) if typed else _read_legacy(decode_list(raw, 9))
    except RlpError as error:
        raise InvalidInput(path="raw", expected="a signed transaction in RLP", actual=str(error)) from None
    # The reader takes one form only, and this proves it.
    if transaction.raw(signature) != raw:
        raise InvalidInput(path="raw", expected="a signed transaction in its shortest form", actual="another form")
    sender = secp256k1.recover(transaction.signing_hash(), signature)
    if sender is None:
        raise InvalidInput(path="raw", expected="a signature of some key", actual="one that no key can have made")
    return transaction, signature, Address(sender)


def sign_transaction(transaction: Transaction, signer: Signer) -> SignedTransaction:
    """Sign a transaction with any signer.

    A :class:`~orderseal.signing.TransactionSigner`, such as :class:`~orderseal.api.signers.RemoteSigner`, is shown all of it; what comes
    back is read, compared member by member, and its sender recovered. Others sign the hash, which is recovered too.

    Raises:
        SignerError: the signer cannot sign transactions, failed, or returned something else than this transaction with its own signature.
            What came is thrown away; but whoever made it has it.
    """
    digest = transaction.signing_hash()
    address = Address(signer.address)
    if isinstance(signer, TransactionSigner):
        signature = _check_returned(transaction, address, signer.sign_transaction(digest, transaction.to_rpc(address)))
    elif isinstance(signer, DigestSigner):
        signature = signer.unsafe_sign_digest(digest)
    else:
        raise SignerError(f"a {type(signer).__name__} signs no transactions: it has neither sign_transaction nor unsafe_sign_digest")
    if not isinstance(signature, Signature) or secp256k1.recover(digest, signature) != address:
        raise SignerError(f"the signer for {address} returned something that is not its own signature; it was thrown away")
    raw = transaction.raw(signature)
    return SignedTransaction(raw, hash32(raw), transaction, address)


def _check_returned(asked: Transaction, address: Address, returned: bytes) -> Signature:
    """The signature in what a signer returned, if all of it is what was asked for."""
    try:
        found, signature, sender = decode_transaction(returned)
    except InvalidInput as error:
        raise SignerError(f"the signer for {address} returned no transaction that can be used: {printable(str(error))}") from None
    for name in ("chain_id", "nonce", "to", "value", "data", "gas", "fees"):
        if getattr(found, name) != getattr(asked, name):
            raise SignerError(
                f"the signer for {address} signed another transaction, with another {name} than was asked for: it was thrown away"
            )
    if sender != address:
        raise SignerError(f"the signer for {address} returned a transaction of another account, {sender}: it was thrown away")
    return signature


def _read_type_2(items: list[Item]) -> tuple[Transaction, Signature]:
    if len(items) != 12 or items[8] != EMPTY_LIST:
        raise RlpError("other members than those of EIP-1559, or an access list")
    transaction = Transaction(
        chain_id=read_number(items[0]),
        nonce=read_number(items[1]),
        to=_recipient(items[5]),
        value=read_number(items[6]),
        data=_bytes(items[7]),
        gas=read_number(items[4]),
        fees=Fees(max_fee_per_gas=_fee(items[3]), max_priority_fee_per_gas=_fee(items[2])),
    )
    return transaction, _signature(read_number(items[9]), items[10], items[11])


def _read_legacy(items: list[Item]) -> tuple[Transaction, Signature]:
    if len(items) != 9:
        raise RlpError("other members than those of a legacy transaction")
    v = read_number(items[6])
    if v < 37:
        raise RlpError("no chain id (EIP-155): such a transaction is good on any chain")
    transaction = Transaction(
        chain_id=(v - 35) // 2,
        nonce=read_number(items[0]),
        to=_recipient(items[3]),
        value=read_number(items[4]),
        data=_bytes(items[5]),
        gas=read_number(items[2]),
        fees=Fees(gas_price=_fee(items[1])),
    )
    return transaction, _signature((v - 35) % 2, items[7], items[8])


def _signature(parity: int, r: Item, s: Item) -> Signature:
    if parity > 1:
        raise RlpError("a parity that is neither 0 nor 1")
    return Signature(read_number(r).to_bytes(32, "big") + read_number(s).to_bytes(32, "big") + bytes([27 + parity]))


def _recipient(item: Item) -> Address:
    if not isinstance(item, bytes) or len(item) != 20:
        raise RlpError("no recipient of 20 bytes")
    return Address(item)


def _bytes(item: Item) -> bytes:
    if not isinstance(item, bytes):
        raise RlpError("a list where bytes were due")
    return item


def _fee(item: Item) -> int:
    if (wei := read_number(item)) > MOST_WEI:
        raise RlpError("a fee beyond all reason")
    return wei


def _decimal(document: Mapping[str, Any], name: str) -> int:
    text = document[name]
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 78 or str(int(text)) != text:
        raise InvalidInput(path=f"transaction.{name}", expected="a decimal number as a string", actual=describe(text))
    return int(text)
