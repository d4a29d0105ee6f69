"""The sections: what is measured beside what, and the contestants that every installation has."""

import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak as eth_hash_keccak
from eth_keys.backends import get_backend
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as eth_utils_keccak

import orderseal.signing
from orderseal.benchmarks.abi import abi_contestants
from orderseal.benchmarks.ledger import ledger_contestants, reserve_contestants
from orderseal.benchmarks.rounds import Contestant, Goal, Section
from orderseal.benchmarks.work import DOMAIN, DOMAIN_FIELDS, ORDER_TYPE, Fields, Work, message_hash
from orderseal.signing import Address, LocalSigner, Order, TypedData, keccak256, recover_signer, sign_order, verify_order

__all__ = ["TITLES", "sections"]

TITLES: Final = {
    "sign": "Sign: one order to its 65 signature bytes",
    "digest": "Hash: one order to its signing hash",
    "batch": "Sign many: Orders in one call to their signatures, for each order",
    "verify": "Verify: one signed order to its signer",
    "document_new": "Documents: JSON bytes to the signing hash, a new schema each time",
    "document_same": "Documents: JSON bytes to the signing hash, one schema, new values",
    "keccak": "Keccak-256 of 64 bytes",
    "address": "Addresses: text to bytes and back, with the EIP-55 checksum",
    "ledger": "Ledger: an order's two commits before its first byte may leave, on this disk",
    "reserve": "Ledger: nonces reserved, for each",
    "buy_encode": "Calls: one purchase to its calldata",
    "buy_decode": "Calls: calldata to a checked purchase",
    "logs": "Logs: a node's log to a checked event",
}

_BATCH: Final = 100
_POOL_BATCH: Final = 2000
_BACKEND: Final = "ECC_BACKEND_CLASS"


def sections(work: Work, peers: Mapping[str, Sequence[Contestant]]) -> list[Section]:
    """All sections, with the peers that were found, which are given by the section's id."""
    own: dict[str, list[Contestant]] = {
        "sign": _sign(work),
        "digest": _digest(work),
        "batch": _batches(work),
        "verify": _verify(work),
        "document_new": _documents(work, work.new_document, "new schema", 3),
        "document_same": _documents(work, work.document, "same schema", 8),
        "keccak": _keccak(work),
        "address": _addresses(work),
        "ledger": ledger_contestants(work),
        "reserve": reserve_contestants(work),
        **abi_contestants(work),
    }
    return [Section(name, title, (*own[name], *peers.get(name, ()))) for name, title in TITLES.items()]


def _raw_sign(work: Work) -> Contestant:
    """The limit: libsecp256k1 through coincurve, on a digest that is ready."""
    sign = work.raw_key.sign_recoverable

    def agrees(_fields: Fields, digest: bytes, found: bytes) -> bool:
        return work.signed_by_key(digest, found[:64] + bytes([found[64] + 27]))

    return work.contestant(
        "raw", "coincurve", "ready digest → signature", work.digest_unproven, lambda digest: sign(digest, hasher=None), agrees
    )


def _sign(work: Work) -> list[Contestant]:
    signer = work.signer

    def agrees(fields: Fields, _item: object, found: Any) -> bool:
        return bytes(found) == work.signature(fields)

    def same(fields: Fields) -> Fields:
        return fields

    def strange(fields: Fields) -> Fields:
        return fields | {"principal": work.stranger()}

    def strange_agrees(_fields: Fields, item: Fields, found: Any) -> bool:
        return bytes(found) == work.signature(item)

    def from_order(order: Order) -> bytes:
        return sign_order(order, DOMAIN, signer).signature

    def from_fields(fields: Fields) -> bytes:
        return sign_order(Order(**fields), DOMAIN, signer).signature

    found = [
        _raw_sign(work),
        work.contestant("order", "orderseal", "checked Order → signature", work.order, from_order, agrees, goal=Goal("raw", 1.30)),
        work.contestant("fields", "orderseal", "plain fields → signature", same, from_fields, agrees, goal=Goal("raw", 1.50)),
        work.contestant("strange_fields", "orderseal", "fields, address never seen", strange, from_fields, strange_agrees),
    ]
    for id_, name, bound in (("eth_account", "eth-account", 10), ("eth_account_native", "eth-account, no coincurve", 100)):
        goal = Goal("fields", bound, at_most=False)
        peer = work.contestant(id_, name, "from fields", work.message, _eth_account_sign(work.account), agrees, goal=goal)
        found.append(peer if id_ == "eth_account" else _without_coincurve(peer))
    return found


def _batches(work: Work) -> list[Contestant]:
    """Many orders in one call; what is given is the time for one of them."""

    def agrees(fields: Fields, _item: Order, signed: Any) -> bool:
        return bytes(signed.signature) == work.signature(fields)

    found = [_raw_sign(work)]
    if (sign_many := getattr(orderseal.signing, "sign_many", None)) is not None:
        call = partial(_call_with, sign_many, DOMAIN, work.signer)
        found.append(work.together("sign_many", "orderseal", f"sign_many of {_BATCH}", work.order, call, agrees, size=_BATCH))
    if (signing_pool := getattr(orderseal.signing, "SigningPool", None)) is not None:
        pool: list[Any] = []

        def spread(orders: list[Order]) -> Any:
            if not pool:  # Its processes start when they are first needed, and end with the run.
                pool.append(work.resources.enter_context(signing_pool(partial(LocalSigner, work.secret))))
            return pool[0].sign_many(orders, DOMAIN)

        what = f"SigningPool, {_POOL_BATCH:,} at once"
        found.append(work.together("signing_pool", "orderseal", what, work.order, spread, agrees, size=_POOL_BATCH))
    return found


def _call_with(function: Callable[..., Any], domain: Any, signer: Any, orders: list[Order]) -> Any:
    return function(orders, domain, signer)


def _without_coincurve(contestant: Contestant) -> Contestant:
    """The same as it is where coincurve is not installed.

    eth-keys looks its back end up in this variable whenever it needs one; eth-account's own ``set_key_backend`` does not reach the
    keys and signatures that it makes.
    """

    @contextmanager
    def native() -> Generator[None]:
        before = os.environ.get(_BACKEND)
        os.environ[_BACKEND] = "eth_keys.backends.NativeECCBackend"
        try:
            assert type(get_backend()).__name__ == "NativeECCBackend"
            yield
        finally:
            if before is None:
                del os.environ[_BACKEND]
            else:
                os.environ[_BACKEND] = before

    def batch(count: int) -> int:
        with native():
            return contestant.batch(count)

    def prove() -> None:
        with native():
            contestant.prove()

    return replace(contestant, batch=batch, prove=prove)


def _eth_account_sign(account: Any) -> Callable[[Fields], bytes]:
    types = {"Order": ORDER_TYPE}

    def sign(message: Fields) -> bytes:
        return account.sign_message(encode_typed_data(DOMAIN_FIELDS, types, message)).signature  # type: ignore[no-any-return]

    return sign


def _digest(work: Work) -> list[Contestant]:
    types = {"Order": ORDER_TYPE}

    def agrees(fields: Fields, _item: object, found: Any) -> bool:
        return bytes(found) == work.digest(fields)

    return [
        _raw_sign(work),
        work.contestant(
            "order", "orderseal", "Order → digest", work.order, lambda order: order.signing_hash(DOMAIN), agrees, goal=Goal("raw", 0.25)
        ),
        work.contestant(
            "eth_account",
            "eth-account",
            "fields → digest",
            work.message,
            lambda message: message_hash(encode_typed_data(DOMAIN_FIELDS, types, message)),
            agrees,
        ),
    ]


def _verify(work: Work) -> list[Contestant]:
    from coincurve import PublicKey

    recover = PublicKey.from_signature_and_message
    types = {"Order": ORDER_TYPE}

    def raw(fields: Fields) -> tuple[bytes, bytes]:
        signed = work.signed(fields)
        return signed.signature[:64] + bytes([signed.signature[64] - 27]), bytes(signed.signing_hash)

    def agrees(fields: Fields, _item: object, found: Any) -> bool:
        return str(found) == work.maker and work.signed_by_key(work.digest(fields), work.signature(fields))

    def parts(fields: Fields) -> tuple[Order, bytes]:
        return work.order(fields), bytes(work.signed(fields).signature)

    def eth_parts(fields: Fields) -> tuple[Fields, bytes]:
        return work.message(fields), bytes(work.signed(fields).signature)

    def eth_account(item: tuple[Fields, bytes]) -> str:
        return str(Account.recover_message(encode_typed_data(DOMAIN_FIELDS, types, item[0]), signature=item[1]))

    found = [
        work.contestant(
            "raw",
            "coincurve",
            "ready digest → public key",
            raw,
            lambda item: recover(item[0], item[1], hasher=None),
            lambda _fields, _item, point: point.format() == work.raw_key.public_key.format(),
        ),
        work.contestant("verify_order", "orderseal", "verify_order(signed)", work.signed, verify_order, agrees, goal=Goal("raw", 1.25)),
        work.contestant(
            "recover_signer", "orderseal", "recover_signer", parts, lambda item: recover_signer(item[0], item[1], DOMAIN), agrees
        ),
    ]
    if (recover_many := getattr(orderseal.signing, "recover_many", None)) is not None:
        found.append(
            work.together(
                "recover_many",
                "orderseal",
                f"recover_many of {_BATCH}",
                work.signed,
                lambda items: recover_many(items),
                agrees,
                size=_BATCH,
            )
        )
    return [
        *found,
        work.contestant("eth_account", "eth-account", "recover", eth_parts, eth_account, agrees),
        _without_coincurve(work.contestant("eth_account_native", "eth-account, no coincurve", "recover", eth_parts, eth_account, agrees)),
    ]


def _documents(work: Work, make: Callable[[Fields], bytes], schema: str, bound: float) -> list[Contestant]:
    def agrees(_fields: Fields, document: bytes, found: Any) -> bool:
        return bytes(found) == work.document_digest(document)

    def ours(document: bytes) -> bytes:
        return TypedData.from_json(document).signing_hash

    def theirs(document: bytes) -> bytes:
        return message_hash(encode_typed_data(full_message=json.loads(document)))

    return [
        work.contestant("from_json", "orderseal", f"from_json, {schema}", make, ours, agrees),
        work.contestant("eth_account", "eth-account", schema, make, theirs, agrees, goal=Goal("from_json", bound, at_most=False)),
    ]


def _keccak(work: Work) -> list[Contestant]:
    def block(_fields: Fields) -> bytes:
        return work.number().to_bytes(64, "big")

    def agrees(_fields: Fields, item: bytes, found: bytes) -> bool:
        return found == keccak256(item) == eth_hash_keccak(item)

    pycryptodome = import_module("Crypto.Hash.keccak").new
    found = [work.contestant("orderseal", "orderseal", "keccak256", block, keccak256, agrees)]
    if find_spec("tiny_keccak") is not None:
        found.append(work.contestant("tiny_keccak", "tiny-keccak", "keccak256", block, import_module("tiny_keccak").keccak256, agrees))
    if find_spec("sha3") is not None:
        pysha3 = import_module("sha3").keccak_256
        found.append(
            work.contestant("pysha3", "safe-pysha3", "keccak_256(data).digest()", block, lambda data: pysha3(data).digest(), agrees)
        )
    return [
        *found,
        work.contestant(
            "pycryptodome",
            "pycryptodome",
            "keccak.new(…).digest()",
            block,
            lambda data: pycryptodome(data=data, digest_bits=256).digest(),
            agrees,
        ),
        work.contestant("eth_hash", "eth-hash", "eth_hash.auto.keccak", block, eth_hash_keccak, agrees),
        work.contestant("eth_utils", "eth-utils", "keccak", block, eth_utils_keccak, agrees),
    ]


def _addresses(work: Work) -> list[Contestant]:
    def known(_fields: Fields) -> str:
        return work.maker

    def stranger(_fields: Fields) -> str:
        return work.stranger()

    def new_bytes(_fields: Fields) -> Address:
        return Address(keccak256(work.number().to_bytes(32, "big"))[12:])

    def read(_fields: Fields, item: str, found: Address) -> bool:
        return bytes(found) == bytes.fromhex(item[2:])

    def written(_fields: Fields, item: bytes, found: str) -> bool:
        return found == to_checksum_address(item)

    return [
        work.contestant("read_known", "orderseal", "Address(text) seen before", known, Address, read),
        work.contestant("read_new", "orderseal", "Address(text) never seen", stranger, Address, read),
        work.contestant("write_known", "orderseal", "str(address) seen before", lambda _fields: work.signer.address, str, written),
        work.contestant("write_new", "orderseal", "str(address) never seen", new_bytes, str, written),
        work.contestant("eth_utils", "eth-utils", "to_checksum_address, new", new_bytes, to_checksum_address, written),
    ]
