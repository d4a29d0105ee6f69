"""The client for TokenizationTR, async. :mod:`.sync` is the same for callers without an event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from orderseal.api.submission.references import References
from orderseal.api.tokenizationtr.models import (
    Candidates,
    Currency,
    Deal,
    Delisting,
    Money,
    OpenWrite,
    Operation,
    PriceIn,
    Purchase,
    SellOrder,
    Token,
    TokenDetails,
    TokenMarket,
    TokenPurchase,
    Transaction,
    Written,
)
from orderseal.api.tokenizationtr.settling import (
    could_be_deal,
    could_be_purchase,
    could_be_transaction,
    from_content,
    from_receipt,
    not_of_others,
    receipt_of,
)
from orderseal.api.tokenizationtr.wire import (
    Rows,
    WriteAnswer,
    account_of,
    count,
    deal_number,
    query_filters,
    read_error,
    read_transaction,
    sale,
    transaction_types,
    truth,
)
from orderseal.api.transport import (
    DEFAULT_CONNECTION,
    DEFAULT_LIMITS,
    DEFAULT_RETRIES,
    Call,
    Caller,
    Connection,
    Hooks,
    Limits,
    Page,
    PasswordAuth,
    RateLimit,
    Retries,
    pages,
    poll,
    segment,
)
from orderseal.signing import Clock, InvalidInput, InvalidReply, LedgerError, OutcomeUnknown, Refused, VenueClock, describe, system_clock
from orderseal.signing.ledger import Ledger, Scope, State

__all__ = ["AsyncClient"]

_R = TypeVar("_R")

_VENUE: Final = "tokenizationtr"
_KIND: Final = "write"
_APPEARS: Final = 60.0
_NOBODY: Final = bytes(20)
_PURCHASES: Final = "/v2/users/purchases/users/{user_id}"
_MARKETS: Final = "/v2/users/secondary-markets"
_PATHS: Final = {
    Operation.BUY_PRIMARY: _PURCHASES + "/tokens/{token_id}/buy-on-primary-market",
    Operation.BUY_SECONDARY: _PURCHASES + "/tokens/{token_id}/buy-on-secondary-market",
    Operation.SELL: _MARKETS + "/users/{user_id}/tokens/{token_id}/sell",
    Operation.DELIST: _MARKETS + "/users/{user_id}/tokens/{token_id}/delist",
}
_WHATS: Final = {
    Operation.BUY_PRIMARY: "buy on the primary market",
    Operation.BUY_SECONDARY: "buy on the secondary market",
    Operation.SELL: "sell on the secondary market",
    Operation.DELIST: "delist the deal",
}
_BUY_READS: Final = "look at the user's transactions() and purchases(), or ask candidates()"
_SETTLE: Final = {
    Operation.BUY_PRIMARY: _BUY_READS,
    Operation.BUY_SECONDARY: _BUY_READS,
    Operation.SELL: "look at the user's transactions() and token_deals(), or ask candidates()",
    Operation.DELIST: "look at the deal in token_deals() and at the user's transactions(), or ask candidates()",
}


class AsyncClient:
    """A supervisor's back office at TokenizationTR. Logs in by itself when needed; no request is made until a method is called.

    Args:
        url: the platform's base URL. There is no default: the documents have a placeholder only.
        client_id, client_secret, username, password: of the OAuth password grant (*create-token*).
        instance: your name for this installation of the platform, such as ``production``. References are unique per instance and user.
        ledger: where writes are kept; yours, and closed by you, after this client. Without one, every write is refused.
        rate: none by default: the documents name no limit.
        retries: of reads.
        limits: time and size bounds of one exchange.
        connection: proxies, certificates.
        hooks: metrics and tracing.
        clock: Unix seconds; for tests.

    Attributes:
        venue_clock: the platform's time, by the ``Date`` of its answers.
        instance: as it was given.

    **Writes.** Each takes a ``reference``: your own name for one wish, kept in the ledger before anything is sent. The platform knows no
    idempotency keys, so a write whose answer was lost is never sent again, neither by this class nor under this reference. The same
    reference with the same content gives the same ids again, and sends nothing; with other content it is
    :class:`~orderseal.signing.InvalidInput`. A :class:`Written` has a ``transaction_id`` from the newer generation of the platform,
    to :meth:`wait` for, or the finished deal or purchase from the older one: whichever it speaks.

    Every method may raise: :class:`~orderseal.signing.InvalidInput`, nothing was sent; :class:`~orderseal.signing.Refused`,
    :class:`~orderseal.signing.Unauthorized`, the platform did not do it; :class:`~orderseal.signing.Unreachable`, nothing was sent, or a
    read was not answered. A read may raise :class:`~orderseal.signing.InvalidReply`. A write may raise
    :class:`~orderseal.signing.OutcomeUnknown`: it may have taken effect, see :meth:`candidates`; :class:`~orderseal.signing.RuleViolation`
    ``reference_refused``: it was refused under this reference before; :class:`~orderseal.signing.LedgerError`.

    Example::

        login = {"client_id": client_id, "client_secret": client_secret, "username": username, "password": password}
        with Ledger("bot.db") as ledger:
            async with AsyncClient(url, **login, instance="test", ledger=ledger) as client:
                bought = await client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
                if bought.transaction_id:
                    done = await client.wait(bought.transaction_id, token_id=token_id, seconds=120)
    """

    venue_clock: VenueClock
    instance: str

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        client_secret: str,
        username: str,
        password: str,
        instance: str,
        ledger: Ledger | None = None,
        rate: RateLimit | None = None,
        retries: Retries = DEFAULT_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        connection: Connection = DEFAULT_CONNECTION,
        hooks: Hooks | Sequence[Hooks] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        if not isinstance(instance, str) or not isinstance(ledger, Ledger | None):
            path, expected, given = ("instance", "a name", instance) if not isinstance(instance, str) else ("ledger", "a Ledger", ledger)
            raise InvalidInput(path=path, expected=expected, actual=describe(given))
        Scope(_VENUE, instance, _NOBODY, _KIND)  # So that a bad name is found out here.
        self.instance = instance
        self._ledger = ledger
        self._references: dict[str, References] = {}
        self._caller = Caller(
            url,
            venue=_VENUE,
            refusal=read_error,
            auth=PasswordAuth(client_id=client_id, client_secret=client_secret, username=username, password=password, clock=clock),
            rate=rate,
            retries=retries,
            limits=limits,
            connection=connection,
            hooks=hooks,
            clock=clock,
        )
        self.venue_clock = self._caller.venue_clock

    def __repr__(self) -> str:
        return f"AsyncClient({self._caller!r}, instance={self.instance!r})"

    async def authenticate(self) -> None:
        """Log in if there is no token or it is about to run out (*create-token*); every other method does it when needed.

        A documented token lives 15 minutes: ``expires_in`` is the moment of its end there, not a duration. How it is refreshed is not
        documented, so it is asked for anew.

        Raises:
            Unauthorized, Refused: the platform does not accept who we are.

        Example::

            await client.authenticate()
        """
        await self._caller.renew()

    # Writes

    async def buy_primary(self, user_id: str, token_id: str, *, quantity: int, reference: str) -> Written[TokenPurchase]:
        """Buy tokens from their issuer, at the issuer's price (*Buy On Primary Market*).

        There is no limit price in this request: read :meth:`token_details` first. The token's ``min_purchase_quantity`` and
        ``max_purchase_quantity`` apply, and the user may need to be verified.

        Args:
            quantity: whole tokens, from 1 on.
            reference: your name for this wish; see the class.

        Raises:
            Refused: among others 404, it is not for sale there; 422, not enough are left.
            OutcomeUnknown: see :meth:`candidates`.

        Example::

            bought = await client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
            print(bought.transaction_id or bought.purchase_id)
        """
        return await self._write(
            Operation.BUY_PRIMARY, user_id, token_id, {"quantity": count(quantity)}, WriteAnswer[TokenPurchase], reference
        )

    async def buy_secondary(self, user_id: str, token_id: str, *, quantity: int, deal_id: int, reference: str) -> Written[TokenPurchase]:
        """Buy tokens of a deal that another user offers (*Buy On Secondary Market*), at the deal's price.

        Only the older answer is documented; a ``transaction_id`` is understood as well.

        Args:
            quantity: whole tokens, from 1 on; at most the deal's ``available_quantity``.
            deal_id: see :meth:`deals`; a number.
            reference: your name for this wish; see the class.

        Raises:
            Refused: which statuses it has is not documented in full.
            OutcomeUnknown: see :meth:`candidates`.

        Example::

            bought = await client.buy_secondary(user_id, token_id, quantity=1, deal_id=deal_id, reference="order 4712")
            print(bought.transaction_id or bought.purchase_id)
        """
        body = {"quantity": count(quantity), "deal_id": deal_number(deal_id)}
        return await self._write(Operation.BUY_SECONDARY, user_id, token_id, body, WriteAnswer[TokenPurchase], reference)

    async def sell(
        self,
        user_id: str,
        token_id: str,
        *,
        quantity: int,
        price: Money | PriceIn,
        expires_at: datetime | None = None,
        reference: str,
    ) -> Written[SellOrder]:
        """Offer tokens on the secondary market (*Sell On Secondary Market*), in either generation of the page.

        The two differ in their request, and an installation takes one of them: ``price=Money(…)`` writes ``price`` and ``expires_at``,
        ``price=PriceIn(…)`` writes ``price_id`` and ``price_amount``. Nothing is tried out: the other one might be taken, too.

        Args:
            quantity: whole tokens, from 1 on.
            price: of one token, in whole units, above 0; with at most the currency's decimal places, and at most 15 digits, which is what
                readers of JSON keep. It is sent as exactly this number.
            expires_at: with an offset; the platform cancels the deal then. Older generation only.
            reference: your name for this wish; see the class.

        Raises:
            Refused: among others 404, user or token not found; 422, the user has not enough.
            OutcomeUnknown: see :meth:`candidates`.

        Example::

            sold = await client.sell(user_id, token_id, quantity=2, price=Money(Decimal("12.5"), 6, "USDT"), reference="sale 1")
            sold = await client.sell(user_id, token_id, quantity=2, price=PriceIn(currency.id, Decimal("12.5")), reference="sale 2")
            print(sold.transaction_id or sold.deal_id)
        """
        return await self._write(Operation.SELL, user_id, token_id, sale(quantity, price, expires_at), WriteAnswer[SellOrder], reference)

    async def delist(self, user_id: str, token_id: str, *, deal_id: int, reference: str) -> Written[Delisting]:
        """Take back what is left of an active deal of the user's own (*Delist*).

        Args:
            deal_id: a number.
            reference: your name for this wish; see the class.

        Raises:
            Refused: among others 403, it is another user's; 404, there is none, or it is completed; 409, it is completed or cancelled.
            OutcomeUnknown: see :meth:`candidates`. A delisting that already happened is refused if it is asked for under a new reference.

        Example::

            await client.delist(user_id, token_id, deal_id=deal_id, reference=f"delist {deal_id}")
        """
        body = {"deal_id": deal_number(deal_id)}
        return await self._write(Operation.DELIST, user_id, token_id, body, WriteAnswer[Delisting], reference)

    async def _write(
        self, operation: Operation, user_id: str, token_id: str, body: dict[str, Any], returns: type[WriteAnswer[_R]], reference: str
    ) -> Written[_R]:
        references = self._references_of(user_id)
        template, segments, what = _PATHS[operation], {"user_id": user_id, "token_id": token_id}, _WHATS[operation]
        path = template.replace("{user_id}", segment(user_id, "user_id")).replace("{token_id}", segment(token_id, "token_id"))
        settle = _SETTLE[operation]
        # The reference is in it, since nothing else in the ledger leads from a slot back to it.
        content = {"method": "POST", "path": path, "operation": operation.value, **segments, "reference": reference, "body": body}

        async def write(raw: bytes, before_write: Callable[[], None]) -> WriteAnswer[_R]:
            call = Call(
                what, "POST", template, returns, segments=segments, raw=raw, reference=reference, settle=settle, before_write=before_write
            )
            answer = await self._caller.write(call)
            _check_answer(what, answer, segments | body, reference)
            return answer

        done = await references.once(reference, content, write, _receipt, settle=settle)
        if done.answer is None:
            return from_receipt(reference, done.receipt)
        found: Any = done.answer.data
        if found is None:
            return Written(reference, transaction_id=done.answer.transaction_id)
        if isinstance(found, TokenPurchase):
            return cast("Written[_R]", Written(reference, purchase_id=found.purchase_id, data=found))
        return cast("Written[_R]", Written(reference, deal_id=found.deal_id, data=found))

    # Writes whose outcome is open

    async def open_writes(self, user_id: str) -> list[OpenWrite]:
        """The writes of a user of which nobody knows what became; call it first after a crash. What was never sent is given up.

        Those that another living process is just sending are among them, too. Nothing is asked of the platform.

        Example::

            for write in await client.open_writes(user_id):
                print(write.reference, await client.candidates(user_id, write.reference))
        """
        references = self._references_of(user_id)
        return [from_content(await references.content(slot), slot.sent_at or 0.0) for slot in await references.recover()]

    async def candidates(self, user_id: str, reference: str) -> Candidates:
        """Read what at the platform could be an open write, for a person to decide. Nothing is changed.

        **No candidate is proof.** The platform's rows carry nothing of the request but its token, user, quantity and price: one that fits
        may have been made by hand or by another program. And no candidate is no proof of the contrary, since the platform works
        asynchronously. Left out are rows from more than five minutes before it was sent, those that say otherwise, and
        those that are known to belong to other references of this ledger, by their ids or by their hash on chain.

        Raises:
            LedgerError: ``missing``: nothing is open under this reference.
            VenueError: as the reads raise.

        Example::

            found = await client.candidates(user_id, "order 4711")
            print(found.write.body, [row.id for row in found.transactions], [row.id for row in found.purchases])
        """
        references = self._references_of(user_id)
        slot = await references.find(reference)
        if slot is None or slot.state not in (State.SENDING, State.UNKNOWN):
            raise LedgerError("missing", f"nothing is open under the reference {describe(reference)}")
        write = from_content(await references.content(slot), slot.sent_at or 0.0)
        taken = {receipt: from_content(content, 0.0) for receipt, content in await references.receipts()}
        transactions = [row async for row in self.transactions(user_id, types=[write.operation.type])]
        purchases: list[Purchase] = []
        deals: list[Deal] = []
        if write.operation in (Operation.BUY_PRIMARY, Operation.BUY_SECONDARY):
            purchases = [row async for row in self.purchases(user_id, token_id=write.token_id)]
        else:
            deals = [
                row
                async for row in self.token_deals(user_id, write.token_id)
                # A deal that we know to have offered may well be the one that was taken back.
                if could_be_deal(write, row) and (write.operation is Operation.DELIST or receipt_of(deal_id=row.deal_id) not in taken)
            ]
        transactions, purchases = not_of_others(write, taken, transactions, purchases)
        return Candidates(
            write,
            tuple(row for row in transactions if could_be_transaction(write, row)),
            tuple(row for row in purchases if could_be_purchase(write, row)),
            tuple(deals),
        )

    async def settle(
        self,
        user_id: str,
        reference: str,
        *,
        transaction_id: str | None = None,
        deal_id: int | None = None,
        purchase_id: str | None = None,
    ) -> Written[Any]:
        """Say that an open write took effect, and which row it is. It is your word: the platform offers no proof.

        What can be checked is: the row must be among the :meth:`candidates`. If it did **not** take effect, there is :meth:`dismiss`.

        Args:
            transaction_id, deal_id, purchase_id: exactly one, as a candidate has it (``id`` of a purchase).

        Raises:
            InvalidInput: it is no candidate.
            LedgerError: ``missing``: nothing is open under this reference; ``held``: it is being sent just now, or was when its process
                died: call :meth:`open_writes` first.

        Example::

            found = await client.candidates(user_id, "order 4711")
            settled = await client.settle(user_id, "order 4711", transaction_id=found.transactions[0].id)
            assert settled.repeated
        """
        if sum(value is not None for value in (transaction_id, deal_id, purchase_id)) != 1:
            raise InvalidInput(path="settle", expected="exactly one of transaction_id, deal_id, purchase_id", actual="none or several")
        found = await self.candidates(user_id, reference)
        receipt = receipt_of(transaction_id=transaction_id, deal_id=deal_id, purchase_id=purchase_id)
        known = {receipt_of(transaction_id=row.id) for row in found.transactions}
        known |= {receipt_of(purchase_id=row.id) for row in found.purchases} | {receipt_of(deal_id=row.deal_id) for row in found.deals}
        if receipt not in known:
            raise InvalidInput(path="settle", expected=f"one of the {len(known)} candidates", actual=describe(receipt))
        hashes = [row.transaction_hash for row in found.purchases if row.id == purchase_id]
        if hashes:
            receipt = receipt_of(purchase_id=purchase_id, hash_=hashes[0])
        await self._references_of(user_id).settle(reference, receipt)
        return from_receipt(reference, receipt)

    async def dismiss(self, user_id: str, reference: str, why: str) -> None:
        """Say that an open write did not take effect, as you have found out. It is your word, and the reference stays spent.

        That there are no :meth:`candidates` is no proof: the platform works asynchronously. Nothing is asked of it.

        Args:
            why: who says so, and from what; it is kept. 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: ``missing`` and ``held``, as :meth:`settle`.

        Example::

            await client.dismiss(user_id, "order 4711", "no such transaction a day later; the platform's support says so, too")
        """
        await self._references_of(user_id).dismiss(reference, why)

    def _references_of(self, user_id: str) -> References:
        if self._ledger is None:
            raise InvalidInput(path="ledger", expected="a Ledger, which every write needs", actual="None", hint="Give the client one")
        if user_id not in self._references:
            self._references[user_id] = References(self._ledger, Scope(_VENUE, self.instance, account_of(user_id), _KIND))
        return self._references[user_id]

    # Transactions

    async def wait(
        self,
        transaction_id: str,
        *,
        token_id: str | None = None,
        user_id: str | None = None,
        seconds: float = 300.0,
        final: Collection[int] | None = None,
        first: float = 1.0,
        longest: float = 15.0,
    ) -> Transaction:
        """Ask again and again until a transaction is over, and give it as it is then, **well or not**: look at ``has_failed`` and ``hash``.

        The pages on writes name an end point for it (with ``token_id``); what it answers is not documented. The user's transactions
        (with ``user_id``) are documented, and tell the same. Cancel the task to stop; the transaction goes on.

        Args:
            token_id: of the token: asks ``GET /v2/admin/tokens/{tokenID}/transactions/{transactionID}``.
            user_id: of the user, instead: looks through :meth:`transactions`.
            seconds: until it gives up. The one documented purchase took 11.
            final: which status numbers end it. The documents name none but 1, *Started*. By default it ends as
                :attr:`.Transaction.seems_final` says: beyond 1, and with a hash or an error.
                If you know more, say so here: then nothing else counts.
            first, longest: seconds between two reads, at the beginning and at most.

        Raises:
            Unfinished: time is up; ``last`` is what was seen last. It may still take effect.
            Refused: among others if there is no such transaction. It has a minute to appear.

        Example::

            bought = await client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
            done = await client.wait(bought.transaction_id, token_id=token_id, seconds=120)
            if done.has_failed:
                print(done.error, done.message)
        """
        if (token_id is None) == (user_id is None):
            raise InvalidInput(path="token_id", expected="either token_id or user_id", actual="both" if token_id is not None else "neither")
        segment(transaction_id, "transaction_id")
        segment(user_id if token_id is None else token_id, "user_id" if token_id is None else "token_id")
        numbers = None if final is None else frozenset(transaction_types(final))
        began = monotonic()
        seen = False

        async def read() -> Transaction | None:
            nonlocal seen
            try:
                found = await (
                    self._of_user(transaction_id, user_id) if user_id is not None else self.transaction(token_id or "", transaction_id)
                )
            except Refused as error:
                if error.status != 404 or seen or monotonic() - began > _APPEARS:
                    raise
                return None
            seen = seen or found is not None
            return found

        def over(found: Transaction | None) -> bool:
            return found is not None and (found.seems_final if numbers is None else found.status in numbers)

        what = "wait for the transaction"
        done = await poll(read, over, what=what, seconds=seconds, first=first, longest=longest)
        assert done is not None
        return done

    async def _of_user(self, transaction_id: str, user_id: str) -> Transaction | None:
        async for row in self.transactions(user_id):
            if row.id == transaction_id:
                return row
        return None

    async def transaction(self, token_id: str, transaction_id: str) -> Transaction:
        """Read one transaction (``GET /v2/admin/tokens/{tokenID}/transactions/{transactionID}``, named by *Buy On Primary Market*).

        Its answer is not documented: a transaction is taken, bare or within ``data``.

        Raises:
            InvalidReply: it is another transaction, or none.

        Example::

            print((await client.transaction(token_id, transaction_id)).status)
        """
        what, path = "read the transaction", "/v2/admin/tokens/{token_id}/transactions/{transaction_id}"
        segments = {"token_id": token_id, "transaction_id": transaction_id}
        body = await self._caller.read(Call(what, "GET", path, bytes, segments=segments))
        return read_transaction(body, what, transaction_id)

    async def transactions(self, user_id: str, *, types: Iterable[int] = (), per_page: int = 20) -> AsyncGenerator[Transaction]:
        """Every transaction of a user, page by page (*User Transactions*). In which order they come is not documented.

        Args:
            types: only these; see :class:`.UserTransactionType`.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            async for row in client.transactions(user_id, types=[UserTransactionType.SELL_ON_SECONDARY_MARKET]):
                print(row.id, row.status, row.hash)
        """
        what, path = "list the user's transactions", "/v2/users/users/{user_id}/transactions"
        wanted = transaction_types(types)

        async def fetch(page: int, size: int) -> Page[Transaction]:
            query = {"page": page, "per_page": size, "types": wanted}
            call = Call(what, "GET", path, Rows[Transaction], segments={"user_id": user_id}, query=query)
            return (await self._caller.read(call)).as_page()

        async for row in pages(fetch, per_page=per_page, what=what):
            yield row

    async def token_transactions(self, token_id: str, *, per_page: int = 20) -> AsyncGenerator[Transaction]:
        """Every transaction of a token, page by page (*Token Transactions*). Their ``type`` is a :class:`.TokenTransactionType`.

        Args:
            per_page: how many are asked for at once; the platform's own default is 20.

        Example::

            async for row in client.token_transactions(token_id):
                print(row.id, row.status, row.hash)
        """
        path = "/v2/admin/token/{token_id}/transactions/search"
        async for row in self._search("list the token's transactions", path, Rows[Transaction], {"token_id": token_id}, {}, per_page):
            yield row

    # The secondary market

    async def market(self, token_id: str) -> TokenMarket:
        """Read the secondary market of a token, with its active deals (*Get Secondary Group*).

        Example::

            for deal in (await client.market(token_id)).active_deals or ():
                print(deal.deal_id, deal.available_quantity, deal.price.amount, deal.price.symbol)
        """
        path = _MARKETS + "/tokens/{token_id}"
        return await self._caller.read(Call("read the market", "GET", path, TokenMarket, segments={"token_id": token_id}))

    async def deals(
        self,
        *,
        token_id: str | None = None,
        seller_id: str | None = None,
        status: str | None = None,
        min_price: Decimal | None = None,
        max_price: Decimal | None = None,
        price_symbol: str | None = None,
        min_quantity: int | None = None,
        max_quantity: int | None = None,
        per_page: int = 20,
    ) -> AsyncGenerator[Deal]:
        """Every deal that fits, page by page (*Group Search*).

        Args:
            status: such as ``active``.
            min_price, max_price: of one token, in whole units, above 0.
            price_symbol: such as ``USDT``.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            async for deal in client.deals(token_id=token_id, status="active", max_price=Decimal("12.5"), price_symbol="USDT"):
                print(deal.deal_id, deal.available_quantity)
        """
        given = {
            "token_id": token_id,
            "min_price": min_price,
            "max_price": max_price,
            "price_symbol": price_symbol,
            "min_quantity": min_quantity,
            "max_quantity": max_quantity,
            "seller_id": seller_id,
            "status": status,
        }
        filters = query_filters(given)
        more = {"filters": filters} if filters else {}
        async for row in self._search("search the deals", _MARKETS + "/group-search", Rows[Deal], {}, more, per_page):
            yield row

    async def user_deals(self, user_id: str, *, per_page: int = 20) -> AsyncGenerator[Deal]:
        """Every deal that a user is shown, page by page (*Group Search by User*).

        Args:
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            async for deal in client.user_deals(user_id):
                print(deal.deal_id, deal.status)
        """
        path = _MARKETS + "/users/{user_id}/group-search"
        async for row in self._search("list the user's deals", path, Rows[Deal], {"user_id": user_id}, {}, per_page):
            yield row

    async def token_deals(self, user_id: str, token_id: str, *, per_page: int = 20) -> AsyncGenerator[Deal]:
        """Every deal of a token that a user is shown, page by page, with its buyer (*Get Secondary Token*).

        Args:
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            async for deal in client.token_deals(user_id, token_id):
                print(deal.deal_id, deal.status, deal.transaction_hash)
        """
        path, segments = _MARKETS + "/users/{user_id}/tokens/{token_id}", {"user_id": user_id, "token_id": token_id}
        async for row in self._search("list the deals of the token", path, Rows[Deal], segments, {}, per_page):
            yield row

    # Purchases

    async def purchases(self, user_id: str, *, token_id: str | None = None, per_page: int = 20) -> AsyncGenerator[Purchase]:
        """Every purchase of a user, page by page (*Purchases: Search*).

        Args:
            token_id: only of this token.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            async for row in client.purchases(user_id, token_id=token_id):
                print(row.id, row.quantity, row.status)
        """
        more = query_filters({"token_id": token_id})
        async for row in self._search(
            "list the user's purchases", _PURCHASES + "/search", Rows[Purchase], {"user_id": user_id}, more, per_page
        ):
            yield row

    async def grouped_purchases(
        self, user_id: str, *, is_for_secondary: bool | None = None, is_for_otc: bool | None = None, per_page: int = 20
    ) -> AsyncGenerator[Purchase]:
        """A user's purchases by market, page by page (*Purchases: Group Search*).

        Args:
            is_for_secondary, is_for_otc: left out unless given; what they mean exactly is not documented.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            async for row in client.grouped_purchases(user_id, is_for_secondary=True):
                print(row.id, row.purchase_type)
        """
        flags = {"is_for_secondary": is_for_secondary, "is_for_otc": is_for_otc}
        more = {name: truth(value, name) for name, value in flags.items() if value is not None}
        path = _PURCHASES + "/group-search"
        async for row in self._search("group the user's purchases", path, Rows[Purchase], {"user_id": user_id}, more, per_page):
            yield row

    # Tokens and currencies

    async def token(self, token_id: str) -> Token:
        """Read a token as a user sees it (*Get Token by User*): supplies, rules, price.

        Example::

            token = await client.token(token_id)
            print(token.symbol, token.value, token.metrics)
        """
        what = "read the token"
        found = await self._caller.read(Call(what, "GET", "/v2/users/tokens/{token_id}", Token, segments={"token_id": token_id}))
        return found if found.id == token_id else _another(what, found.id)

    async def token_details(self, token_id: str, *, singular: bool = False) -> TokenDetails:
        """Read a token as the back office sees it (*Token Details*): contracts, price, supplies.

        Args:
            singular: ask ``/v2/admin/token/…`` instead of ``/v2/admin/tokens/…``: both are documented.

        Example::

            print((await client.token_details(token_id)).value)
        """
        what = "read the token's details"
        path = "/v2/admin/token/{token_id}" if truth(singular, "singular") else "/v2/admin/tokens/{token_id}"
        found = await self._caller.read(Call(what, "GET", path, TokenDetails, segments={"token_id": token_id}))
        return found if found.id == token_id else _another(what, found.id)

    async def currencies(self, *, per_page: int = 20) -> AsyncGenerator[Currency]:
        """Every active currency token, page by page (*Active Currency Tokens*). Its ``id`` is the ``price_id`` of a sale.

        Args:
            per_page: how many are asked for at once; the platform's own default is 20.

        Example::

            (usdt,) = [row async for row in client.currencies() if row.symbol == "USDT"]
            print(usdt.id, usdt.decimals)
        """
        what = "list the currencies"

        async def fetch(page: int, size: int) -> Page[Currency]:
            call = Call(what, "GET", "/v2/admin/currency-tokens/active", Rows[Currency], query={"page": page, "per_page": size})
            return (await self._caller.read(call)).as_page()

        async for row in pages(fetch, per_page=per_page, what=what):
            yield row

    async def _search(
        self, what: str, path: str, returns: type[Rows[_R]], segments: dict[str, str], more: dict[str, Any], per_page: int
    ) -> AsyncGenerator[_R]:
        """The rows of a search, which is a POST that changes nothing."""

        async def fetch(page: int, size: int) -> Page[_R]:
            body = {"page": page, "per_page": size, **more}
            return (await self._caller.read(Call(what, "POST", path, returns, segments=segments, body=body))).as_page()

        async for row in pages(fetch, per_page=per_page, what=what):
            yield row

    async def aclose(self) -> None:
        """Forget the token, close every connection, and put on record what cancelled callers left behind; more than once is fine.

        Example::

            await client.aclose()
        """
        try:
            await self._caller.aclose()
        finally:
            await asyncio.gather(*(references.wait() for references in self._references.values()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()


def _receipt(answer: WriteAnswer[Any]) -> str:
    found = answer.data
    if found is None:
        return receipt_of(transaction_id=answer.transaction_id)
    if isinstance(found, TokenPurchase):
        return receipt_of(purchase_id=found.purchase_id, hash_=found.transaction_hash)
    return receipt_of(deal_id=found.deal_id)


def _check_answer(what: str, answer: WriteAnswer[Any], sent: dict[str, Any], reference: str) -> None:
    """Refuse to take an answer that speaks of something else for ours: then it is not known what happened."""
    for name in ("user_id", "token_id", "quantity", "deal_id") if answer.data is not None else ():
        if name not in sent or (name == "quantity" and isinstance(answer.data, Delisting)):
            continue
        if getattr(answer.data, name) not in (None, sent[name]):
            raise OutcomeUnknown(f"{what}: the answer is for another {name}", reference=reference)


def _another(what: str, found: str) -> Any:
    raise InvalidReply(f"{what}: the answer is for another token, {describe(found)}", status=200, path="$.id")
