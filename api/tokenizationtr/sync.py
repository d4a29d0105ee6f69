"""For callers without an event loop: each client runs its async twin on a loop of its own.

The async ones are in :mod:`orderseal.api.tokenizationtr.client`.
"""

# Written by tools/make_sync.py from api/tokenizationtr/client.py: change that file, and run the tool again.

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from orderseal.api.tokenizationtr.client import AsyncClient
from orderseal.api.tokenizationtr.models import (
    Candidates,
    Currency,
    Deal,
    Delisting,
    Money,
    OpenWrite,
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
from orderseal.api.transport import (
    DEFAULT_CONNECTION,
    DEFAULT_LIMITS,
    DEFAULT_RETRIES,
    BackgroundLoop,
    Connection,
    Hooks,
    Limits,
    RateLimit,
    Retries,
)
from orderseal.signing import Clock, VenueClock, system_clock
from orderseal.signing.ledger import Ledger

__all__ = ["Client"]


class Client:
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
            with Client(url, **login, instance="test", ledger=ledger) as client:
                bought = client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
                if bought.transaction_id:
                    done = client.wait(bought.transaction_id, token_id=token_id, seconds=120)
    """

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
        self._async = AsyncClient(
            url,
            client_id=client_id,
            client_secret=client_secret,
            username=username,
            password=password,
            instance=instance,
            ledger=ledger,
            rate=rate,
            retries=retries,
            limits=limits,
            connection=connection,
            hooks=hooks,
            clock=clock,
        )
        self._loop = BackgroundLoop(self._async.aclose)

    @property
    def venue_clock(self) -> VenueClock:
        return self._async.venue_clock

    @property
    def instance(self) -> str:
        return self._async.instance

    def authenticate(self) -> None:
        """Log in if there is no token or it is about to run out (*create-token*); every other method does it when needed.

        A documented token lives 15 minutes: ``expires_in`` is the moment of its end there, not a duration. How it is refreshed is not
        documented, so it is asked for anew.

        Raises:
            Unauthorized, Refused: the platform does not accept who we are.

        Example::

            client.authenticate()
        """
        return self._loop.call(self._async.authenticate())

    def buy_primary(self, user_id: str, token_id: str, *, quantity: int, reference: str) -> Written[TokenPurchase]:
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

            bought = client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
            print(bought.transaction_id or bought.purchase_id)
        """
        return self._loop.call(self._async.buy_primary(user_id, token_id, quantity=quantity, reference=reference))

    def buy_secondary(self, user_id: str, token_id: str, *, quantity: int, deal_id: int, reference: str) -> Written[TokenPurchase]:
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

            bought = client.buy_secondary(user_id, token_id, quantity=1, deal_id=deal_id, reference="order 4712")
            print(bought.transaction_id or bought.purchase_id)
        """
        return self._loop.call(self._async.buy_secondary(user_id, token_id, quantity=quantity, deal_id=deal_id, reference=reference))

    def sell(
        self, user_id: str, token_id: str, *, quantity: int, price: Money | PriceIn, expires_at: datetime | None = None, reference: str
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

            sold = client.sell(user_id, token_id, quantity=2, price=Money(Decimal("12.5"), 6, "USDT"), reference="sale 1")
            sold = client.sell(user_id, token_id, quantity=2, price=PriceIn(currency.id, Decimal("12.5")), reference="sale 2")
            print(sold.transaction_id or sold.deal_id)
        """
        return self._loop.call(
            self._async.sell(user_id, token_id, quantity=quantity, price=price, expires_at=expires_at, reference=reference)
        )

    def delist(self, user_id: str, token_id: str, *, deal_id: int, reference: str) -> Written[Delisting]:
        """Take back what is left of an active deal of the user's own (*Delist*).

        Args:
            deal_id: a number.
            reference: your name for this wish; see the class.

        Raises:
            Refused: among others 403, it is another user's; 404, there is none, or it is completed; 409, it is completed or cancelled.
            OutcomeUnknown: see :meth:`candidates`. A delisting that already happened is refused if it is asked for under a new reference.

        Example::

            client.delist(user_id, token_id, deal_id=deal_id, reference=f"delist {deal_id}")
        """
        return self._loop.call(self._async.delist(user_id, token_id, deal_id=deal_id, reference=reference))

    def open_writes(self, user_id: str) -> list[OpenWrite]:
        """The writes of a user of which nobody knows what became; call it first after a crash. What was never sent is given up.

        Those that another living process is just sending are among them, too. Nothing is asked of the platform.

        Example::

            for write in client.open_writes(user_id):
                print(write.reference, client.candidates(user_id, write.reference))
        """
        return self._loop.call(self._async.open_writes(user_id))

    def candidates(self, user_id: str, reference: str) -> Candidates:
        """Read what at the platform could be an open write, for a person to decide. Nothing is changed.

        **No candidate is proof.** The platform's rows carry nothing of the request but its token, user, quantity and price: one that fits
        may have been made by hand or by another program. And no candidate is no proof of the contrary, since the platform works
        asynchronously. Left out are rows from more than five minutes before it was sent, those that say otherwise, and
        those that are known to belong to other references of this ledger, by their ids or by their hash on chain.

        Raises:
            LedgerError: ``missing``: nothing is open under this reference.
            VenueError: as the reads raise.

        Example::

            found = client.candidates(user_id, "order 4711")
            print(found.write.body, [row.id for row in found.transactions], [row.id for row in found.purchases])
        """
        return self._loop.call(self._async.candidates(user_id, reference))

    def settle(
        self, user_id: str, reference: str, *, transaction_id: str | None = None, deal_id: int | None = None, purchase_id: str | None = None
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

            found = client.candidates(user_id, "order 4711")
            settled = client.settle(user_id, "order 4711", transaction_id=found.transactions[0].id)
            assert settled.repeated
        """
        return self._loop.call(
            self._async.settle(user_id, reference, transaction_id=transaction_id, deal_id=deal_id, purchase_id=purchase_id)
        )

    def dismiss(self, user_id: str, reference: str, why: str) -> None:
        """Say that an open write did not take effect, as you have found out. It is your word, and the reference stays spent.

        That there are no :meth:`candidates` is no proof: the platform works asynchronously. Nothing is asked of it.

        Args:
            why: who says so, and from what; it is kept. 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: ``missing`` and ``held``, as :meth:`settle`.

        Example::

            client.dismiss(user_id, "order 4711", "no such transaction a day later; the platform's support says so, too")
        """
        return self._loop.call(self._async.dismiss(user_id, reference, why))

    def wait(
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

            bought = client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
            done = client.wait(bought.transaction_id, token_id=token_id, seconds=120)
            if done.has_failed:
                print(done.error, done.message)
        """
        return self._loop.call(
            self._async.wait(transaction_id, token_id=token_id, user_id=user_id, seconds=seconds, final=final, first=first, longest=longest)
        )

    def transaction(self, token_id: str, transaction_id: str) -> Transaction:
        """Read one transaction (``GET /v2/admin/tokens/{tokenID}/transactions/{transactionID}``, named by *Buy On Primary Market*).

        Its answer is not documented: a transaction is taken, bare or within ``data``.

        Raises:
            InvalidReply: it is another transaction, or none.

        Example::

            print((client.transaction(token_id, transaction_id)).status)
        """
        return self._loop.call(self._async.transaction(token_id, transaction_id))

    def transactions(self, user_id: str, *, types: Iterable[int] = (), per_page: int = 20) -> Iterator[Transaction]:
        """Every transaction of a user, page by page (*User Transactions*). In which order they come is not documented.

        Args:
            types: only these; see :class:`.UserTransactionType`.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            for row in client.transactions(user_id, types=[UserTransactionType.SELL_ON_SECONDARY_MARKET]):
                print(row.id, row.status, row.hash)
        """
        return self._loop.iterate(self._async.transactions(user_id, types=types, per_page=per_page))

    def token_transactions(self, token_id: str, *, per_page: int = 20) -> Iterator[Transaction]:
        """Every transaction of a token, page by page (*Token Transactions*). Their ``type`` is a :class:`.TokenTransactionType`.

        Args:
            per_page: how many are asked for at once; the platform's own default is 20.

        Example::

            for row in client.token_transactions(token_id):
                print(row.id, row.status, row.hash)
        """
        return self._loop.iterate(self._async.token_transactions(token_id, per_page=per_page))

    def market(self, token_id: str) -> TokenMarket:
        """Read the secondary market of a token, with its active deals (*Get Secondary Group*).

        Example::

            for deal in (client.market(token_id)).active_deals or ():
                print(deal.deal_id, deal.available_quantity, deal.price.amount, deal.price.symbol)
        """
        return self._loop.call(self._async.market(token_id))

    def deals(
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
    ) -> Iterator[Deal]:
        """Every deal that fits, page by page (*Group Search*).

        Args:
            status: such as ``active``.
            min_price, max_price: of one token, in whole units, above 0.
            price_symbol: such as ``USDT``.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            for deal in client.deals(token_id=token_id, status="active", max_price=Decimal("12.5"), price_symbol="USDT"):
                print(deal.deal_id, deal.available_quantity)
        """
        return self._loop.iterate(
            self._async.deals(
                token_id=token_id,
                seller_id=seller_id,
                status=status,
                min_price=min_price,
                max_price=max_price,
                price_symbol=price_symbol,
                min_quantity=min_quantity,
                max_quantity=max_quantity,
                per_page=per_page,
            )
        )

    def user_deals(self, user_id: str, *, per_page: int = 20) -> Iterator[Deal]:
        """Every deal that a user is shown, page by page (*Group Search by User*).

        Args:
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            for deal in client.user_deals(user_id):
                print(deal.deal_id, deal.status)
        """
        return self._loop.iterate(self._async.user_deals(user_id, per_page=per_page))

    def token_deals(self, user_id: str, token_id: str, *, per_page: int = 20) -> Iterator[Deal]:
        """Every deal of a token that a user is shown, page by page, with its buyer (*Get Secondary Token*).

        Args:
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            for deal in client.token_deals(user_id, token_id):
                print(deal.deal_id, deal.status, deal.transaction_hash)
        """
        return self._loop.iterate(self._async.token_deals(user_id, token_id, per_page=per_page))

    def purchases(self, user_id: str, *, token_id: str | None = None, per_page: int = 20) -> Iterator[Purchase]:
        """Every purchase of a user, page by page (*Purchases: Search*).

        Args:
            token_id: only of this token.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            for row in client.purchases(user_id, token_id=token_id):
                print(row.id, row.quantity, row.status)
        """
        return self._loop.iterate(self._async.purchases(user_id, token_id=token_id, per_page=per_page))

    def grouped_purchases(
        self, user_id: str, *, is_for_secondary: bool | None = None, is_for_otc: bool | None = None, per_page: int = 20
    ) -> Iterator[Purchase]:
        """A user's purchases by market, page by page (*Purchases: Group Search*).

        Args:
            is_for_secondary, is_for_otc: left out unless given; what they mean exactly is not documented.
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            for row in client.grouped_purchases(user_id, is_for_secondary=True):
                print(row.id, row.purchase_type)
        """
        return self._loop.iterate(
            self._async.grouped_purchases(user_id, is_for_secondary=is_for_secondary, is_for_otc=is_for_otc, per_page=per_page)
        )

    def token(self, token_id: str) -> Token:
        """Read a token as a user sees it (*Get Token by User*): supplies, rules, price.

        Example::

            token = client.token(token_id)
            print(token.symbol, token.value, token.metrics)
        """
        return self._loop.call(self._async.token(token_id))

    def token_details(self, token_id: str, *, singular: bool = False) -> TokenDetails:
        """Read a token as the back office sees it (*Token Details*): contracts, price, supplies.

        Args:
            singular: ask ``/v2/admin/token/…`` instead of ``/v2/admin/tokens/…``: both are documented.

        Example::

            print((client.token_details(token_id)).value)
        """
        return self._loop.call(self._async.token_details(token_id, singular=singular))

    def currencies(self, *, per_page: int = 20) -> Iterator[Currency]:
        """Every active currency token, page by page (*Active Currency Tokens*). Its ``id`` is the ``price_id`` of a sale.

        Args:
            per_page: how many are asked for at once; the platform's own default is 20.

        Example::

            (usdt,) = [row for row in client.currencies() if row.symbol == "USDT"]
            print(usdt.id, usdt.decimals)
        """
        return self._loop.iterate(self._async.currencies(per_page=per_page))

    def close(self) -> None:
        """Close what is open, and end the background thread; more than once is fine.

        Example::

            client.close()
        """
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._async).replace(type(self._async).__name__, type(self).__name__, 1)
