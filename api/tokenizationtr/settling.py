"""Which rows at TokenizationTR could be a write whose answer was lost: pure functions, no I/O.

No row carries the caller's reference, or anything else that was sent only once. So a row can be ruled out, and never proven: one that fits
may be another purchase of the same number of the same token, made by hand, by another program, or by another instance of this one.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from orderseal.api.tokenizationtr.models import Deal, OpenWrite, Operation, Purchase, Time, Transaction, Written

__all__ = [
    "SLACK",
    "could_be_deal",
    "could_be_purchase",
    "could_be_transaction",
    "from_content",
    "from_receipt",
    "not_of_others",
    "receipt_of",
]

_HASH: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{1,128}", re.ASCII)

SLACK: Final = 300.0
"""Seconds by which the platform's clock may be behind ours."""


def from_content(content: Mapping[str, Any], sent_at: float) -> OpenWrite:
    """The open write that a ledger's content tells of."""
    operation, user_id, token_id = Operation(content["operation"]), content["user_id"], content["token_id"]
    return OpenWrite(content["reference"], operation, user_id, token_id, content["body"], sent_at)


def receipt_of(
    *, transaction_id: str | None = None, deal_id: int | None = None, purchase_id: str | None = None, hash_: str | None = None
) -> str:
    """How a ledger keeps what the platform called a write; of a purchase with its hash on chain, if it is known."""
    if purchase_id is not None and hash_ is not None and _HASH.fullmatch(hash_):
        return f"purchase:{hash_.lower()}:{purchase_id}"
    named = {"transaction_id": transaction_id, "deal_id": deal_id, "purchase_id": purchase_id}
    return next(f"{name}:{value}" for name, value in named.items() if value is not None)


def _without_hash(receipt: str) -> tuple[str, str | None]:
    name, _, rest = receipt.partition(":")
    if name != "purchase":
        return receipt, None
    hash_, _, purchase_id = rest.partition(":")
    return receipt_of(purchase_id=purchase_id), hash_


def from_receipt(reference: str, receipt: str) -> Written[Any]:
    """The write that was made before, by what the ledger kept of it."""
    name, _, value = _without_hash(receipt)[0].partition(":")
    if name == "deal_id":
        return Written(reference, deal_id=int(value), repeated=True)
    if name == "purchase_id":
        return Written(reference, purchase_id=value, repeated=True)
    return Written(reference, transaction_id=value, repeated=True)


def not_of_others(
    write: OpenWrite, others: Mapping[str, OpenWrite], transactions: Sequence[Transaction], purchases: Sequence[Purchase] = ()
) -> tuple[list[Transaction], list[Purchase]]:
    """The rows that are not known to be those of other references, by their receipts.

    A purchase is shown twice, as itself and as a transaction, and the older generation answers it with a third name: what they share is
    the hash on chain. Where more rows of a kind than references have a hash, nobody knows which is whose, and all of them stay.

    Args:
        write: the open one. The rows are what the platform shows of its kind: transactions of its type, purchases of its token.
        others: by their receipts, the writes that were accepted. One whose row is not of that kind can hide none by its hash.
    """
    found = dict(map(_without_hash, others))
    rows = [(receipt_of(transaction_id=row.id), row.hash) for row in transactions]
    rows += [(receipt_of(purchase_id=row.id), row.transaction_hash) for row in purchases]
    hashes = {name: _plain(hash_) for name, hash_ in rows} | {name: hash_ for name, hash_ in found.items() if hash_}
    of_type = [receipt for receipt, other in others.items() if other.operation.type == write.operation.type]
    of_token = [receipt for receipt, other in others.items() if other.token_id == write.token_id]

    def is_free(name: str, hash_: str | None, shown: Counter[str | None], alike: Sequence[str]) -> bool:
        known = _plain(hash_)
        taken = sum(hashes.get(_without_hash(receipt)[0]) == known for receipt in alike)
        return name not in found and (known is None or shown[known] > taken)

    in_transactions = Counter(_plain(row.hash) for row in transactions)
    in_purchases = Counter(_plain(row.transaction_hash) for row in purchases)
    return (
        [row for row in transactions if is_free(receipt_of(transaction_id=row.id), row.hash, in_transactions, of_type)],
        [row for row in purchases if is_free(receipt_of(purchase_id=row.id), row.transaction_hash, in_purchases, of_token)],
    )


def _plain(hash_: str | None) -> str | None:
    """A hash in one spelling; that of zeros alone stands for none."""
    return hash_.lower() if hash_ and hash_.lower().strip("0x") else None


def could_be_transaction(write: OpenWrite, row: Transaction) -> bool:
    """Whether a user's transaction says nothing against being this write. An older form says little."""
    if row.type not in (None, write.operation.type) or row.user_id not in (None, write.user_id) or _before(row.created_at, write):
        return False
    found = row.details()
    if row.token_id not in (None, write.token_id) or found is None:
        return row.token_id in (None, write.token_id)
    said = {"token_id": found.token_id, "deal_id": found.deal_id, "price_id": found.price_id}
    sent = {"token_id": write.token_id, "deal_id": write.body.get("deal_id"), "price_id": write.body.get("price_id")}
    if any(sent[name] is not None and said[name] not in (None, sent[name]) for name in sent):
        return False
    quantity = write.body.get("quantity")
    if quantity is not None and found.quantity not in (None, quantity):
        return False
    price = _price(write.body)
    return price is None or found.price_amount in (None, price)


def could_be_purchase(write: OpenWrite, row: Purchase) -> bool:
    """Whether a purchase says nothing against being this write."""
    other_market = {Operation.BUY_PRIMARY: "secondary", Operation.BUY_SECONDARY: "primary"}[write.operation]
    return (
        row.token_id in (None, write.token_id)
        and row.quantity in (None, write.body["quantity"])
        and row.deal_id in (None, write.body.get("deal_id"))
        and other_market not in (row.purchase_type, row.market_type)
        and not _before(row.purchase_date, write)
    )


def could_be_deal(write: OpenWrite, row: Deal) -> bool:
    """Whether a deal says nothing against being what this sale offered; or what this delisting took back."""
    if row.token_id not in (None, write.token_id) or row.seller_id not in (None, write.user_id):
        return False
    if write.operation is Operation.DELIST:
        return row.deal_id == write.body["deal_id"] and row.status != "active"
    symbol = write.body.get("price", {}).get("symbol")
    return (
        row.quantity == write.body["quantity"]
        and row.price.amount == _price(write.body)
        and symbol in (None, row.price.symbol)
        and not _before(row.created_at, write)
    )


def _price(body: Mapping[str, Any]) -> Decimal | None:
    sent = body.get("price_amount") if "price_amount" in body else body.get("price", {}).get("amount")
    return None if sent is None else Decimal(sent)


def _before(moment: Time | None, write: OpenWrite) -> bool:
    return moment is not None and moment.timestamp() < write.sent_at - SLACK
