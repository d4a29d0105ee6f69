"""The work: the venue's 11-field order with a new nonce each time, in every form that a contestant takes, and its expected outcome.

What is expected was computed twice, by eth-account and by Orderseal, and both must agree.
"""

import itertools
import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from coincurve import PrivateKey, PublicKey
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from orderseal.benchmarks.rounds import Batch, Contestant, Disagreement, Goal, timed
from orderseal.signing import Domain, LocalSigner, Order, SignedOrder, TypedData, keccak256, sign_order

__all__ = ["ASSET", "CONTRACT", "DOMAIN", "DOMAIN_FIELDS", "DOMAIN_TYPE", "ORDER_TYPE", "Fields", "Work", "message_hash", "signer_of"]

T = TypeVar("T")
Fields = dict[str, Any]
"""The plain Python fields of an order: addresses as text, integers, a truth value and text."""

CONTRACT: Final = "0xCB310C56A19078aA969A922f382613d932D89D83"
ASSET: Final = "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91"
DOMAIN_FIELDS: Final[dict[str, Any]] = {"name": "RFQSettlement", "version": "1", "chainId": 97, "verifyingContract": CONTRACT}
DOMAIN: Final = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract=CONTRACT)
DOMAIN_TYPE: Final = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
ORDER_TYPE: Final = [
    {"name": "maker", "type": "address"},
    {"name": "principal", "type": "address"},
    {"name": "isBuy", "type": "bool"},
    {"name": "ticker", "type": "string"},
    {"name": "exchange", "type": "uint16"},
    {"name": "asset", "type": "address"},
    {"name": "price", "type": "uint256"},
    {"name": "quantity", "type": "uint256"},
    {"name": "incentive", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
    {"name": "nonce", "type": "uint256"},
]
_AMOUNTS: Final = ("price", "quantity", "incentive")
_PROOFS: Final = 3


class Work:
    """Makes orders that this process has never seen, and says what must come of them. The key is derived from a word: worth nothing.

    ``resources`` holds what is to be closed when the run ends.
    """

    def __init__(self) -> None:
        self.secret = keccak256(b"orderseal bench")
        self.hex_secret = "0x" + self.secret.hex()
        self.raw_key = PrivateKey(self.secret)
        self.signer = LocalSigner(self.secret)
        self.maker = str(self.signer.address)
        self.account: Any = Account.from_key(self.secret)
        self.resources = ExitStack()
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """A number that was not given before."""
        return next(self._numbers)

    def fields(self) -> Fields:
        """The fields of a new order."""
        nonce = self.number()
        return {
            "maker": self.maker,
            "principal": self.maker,
            "is_buy": True,
            "ticker": "AAPL",
            "exchange": 0,
            "asset": ASSET,
            "price": 150_250_000_000_000_000_000 + nonce * 10**12,
            "quantity": 60,
            "incentive": 10**18,
            "deadline": 1_800_000_000,
            "nonce": nonce,
        }

    def stranger(self) -> str:
        """An address that this process has never seen, with its checksum."""
        return str(to_checksum_address(keccak(self.number().to_bytes(32, "big"))[12:]))

    def order(self, fields: Fields) -> Order:
        """The order of the fields."""
        return Order(**fields)

    def message(self, fields: Fields) -> Fields:
        """The fields under their Solidity names."""
        return {("isBuy" if name == "is_buy" else name): value for name, value in fields.items()}

    def document(self, fields: Fields) -> bytes:
        """The order as an ``eth_signTypedData_v4`` document; amounts as decimal strings, as JSON needs them."""
        return _dump("Order", ORDER_TYPE, self._json_message(fields))

    def new_document(self, fields: Fields) -> bytes:
        """The same order under a schema that nobody has seen: the struct and every member have new names."""
        mark = self.number()
        types = [{"name": f"{member['name']}{mark}", "type": member["type"]} for member in ORDER_TYPE]
        return _dump(f"Order{mark}", types, {f"{name}{mark}": value for name, value in self._json_message(fields).items()})

    def _json_message(self, fields: Fields) -> Fields:
        return {name: str(value) if name in _AMOUNTS else value for name, value in self.message(fields).items()}

    def signed(self, fields: Fields) -> SignedOrder[Order]:
        """A signed order as a stranger would hand it over: the order in it was never hashed here."""
        signed = sign_order(self.order(fields), DOMAIN, self.signer)
        return SignedOrder(
            order=self.order(fields), domain=DOMAIN, signing_hash=signed.signing_hash, signature=signed.signature, signer=signed.signer
        )

    def digest_unproven(self, fields: Fields) -> bytes:
        """A digest to sign, as fast as it can be had."""
        return bytes(self.order(fields).signing_hash(DOMAIN))

    def digest(self, fields: Fields) -> bytes:
        """The signing hash on which Orderseal and eth-account agree."""
        return self.document_digest(self.document(fields), bytes(self.order(fields).signing_hash(DOMAIN)))

    def document_digest(self, document: bytes, ours: bytes | None = None) -> bytes:
        """The signing hash of a document on which Orderseal and eth-account agree."""
        theirs = message_hash(encode_typed_data(full_message=json.loads(document)))
        if not theirs == bytes(TypedData.from_json(document).signing_hash) == (ours or theirs):
            raise Disagreement("Orderseal and eth-account give different digests")
        return theirs

    def signature(self, fields: Fields) -> bytes:
        """The 65 bytes on which Orderseal and eth-account agree."""
        message = encode_typed_data(DOMAIN_FIELDS, {"Order": ORDER_TYPE}, self.message(fields))
        theirs = bytes(self.account.sign_message(message).signature)
        if message_hash(message) != self.digest(fields) or theirs != bytes(sign_order(self.order(fields), DOMAIN, self.signer).signature):
            raise Disagreement("Orderseal and eth-account give different signatures")
        return theirs

    def contestant(
        self,
        id: str,  # noqa: A002 - the word of the JSON form
        name: str,
        what: str,
        make: Callable[[Fields], T],
        call: Callable[[T], Any],
        agrees: Callable[[Fields, T, Any], bool],
        *,
        goal: Goal | None = None,
    ) -> Contestant:
        """A contestant that runs in this process: ``make`` prepares an input outside the clock, ``call`` is what is measured."""

        def prepare(count: int) -> list[T]:
            return [make(self.fields()) for _ in range(count)]

        return Contestant(id, name, what, timed(prepare, call), self.proof(name, make, call, agrees), goal)

    def together(
        self,
        id: str,  # noqa: A002 - the word of the JSON form
        name: str,
        what: str,
        make: Callable[[Fields], T],
        call: Callable[[list[T]], Any],
        agrees: Callable[[Fields, T, Any], bool],
        *,
        size: int,
    ) -> Contestant:
        """A contestant that takes lists of ``size`` inputs in one call; what is given is its time for one of them."""

        def prepare(count: int) -> list[list[T]]:
            return [[make(self.fields()) for _ in range(size)] for _ in range(count)]

        def call_one(item: T) -> Any:
            return next(iter(call([item])))

        def batch(count: int) -> int:
            return whole(max(1, count // size)) * count // (max(1, count // size) * size)

        whole: Batch = timed(prepare, call)
        return Contestant(id, name, what, batch, self.proof(name, make, call_one, agrees))

    def proof(
        self, name: str, make: Callable[[Fields], T], call: Callable[[T], Any], agrees: Callable[[Fields, T, Any], bool]
    ) -> Callable[[], None]:
        """Run a few inputs whose outcome is known."""

        def prove() -> None:
            for _ in range(_PROOFS):
                fields = self.fields()
                item = make(fields)
                if not agrees(fields, item, call(item)):
                    raise Disagreement(f"{name} comes to another outcome than Orderseal and eth-account")

        return prove

    def signed_by_key(self, digest: bytes, signature: bytes) -> bool:
        """Whether a signature over another library's own digest is the key's."""
        return signer_of(digest, signature) == bytes(self.signer.address)


def _dump(primary: str, members: list[dict[str, str]], message: Fields) -> bytes:
    types = {"EIP712Domain": DOMAIN_TYPE, primary: members}
    return json.dumps({"types": types, "primaryType": primary, "domain": DOMAIN_FIELDS, "message": message}).encode()


def message_hash(message: SignableMessage) -> bytes:
    """The digest of what eth-account is about to sign (EIP-191)."""
    return bytes(keccak(b"\x19" + message.version + message.header + message.body))


def signer_of(digest: bytes, signature: bytes) -> bytes:
    """The 20 address bytes of the key that made 65 bytes r ‖ s ‖ v."""
    point = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    return bytes(keccak(point.format(compressed=False)[1:])[12:])
