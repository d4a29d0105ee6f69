"""For callers without an event loop: each client runs its async twin on a loop of its own.

The async ones are in :mod:`orderseal.api.brokerstr.client`.
"""

# Written by tools/make_sync.py from api/brokerstr/client.py: change that file, and run the tool again.

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, Self

from orderseal.api.brokerstr.client import AsyncClient
from orderseal.api.brokerstr.models import (
    KycAddress,
    KycAddressPage,
    KycToken,
    Market,
    MarketToken,
    Node,
    NodePage,
    Purchase,
    PurchaseList,
    Token,
    TokenPage,
    Written,
)
from orderseal.api.brokerstr.webhooks import KEEP, WebhookChange, WebhookSettings
from orderseal.api.submission.references import OpenWrite
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
from orderseal.signing import AddressLike, Clock, VenueClock, system_clock
from orderseal.signing.ledger import Ledger, Scope

__all__ = ["Client"]


class Client:
    """A broker's integration with BrokersTR. Logs in by itself when needed; no request is made until a method is called.

    Args:
        url: the platform's base URL, ``https://<base-url>``, with or without ``/api/v1/integration``. There is no default: the host on the
            public page is a placeholder.
        api_key, secret_key: from the platform's user interface.
        key_in: how they are sent: in the ``"body"``, or as ``"headers"``; both are documented.
        ledger: where the writes are kept that no read can settle, under their references: :meth:`create_market` and
            :meth:`attach_kyc_token`, which need one. Yours, and closed by you, after this client.
        account: a name for whose writes these are, where several users share a ledger; by default the platform's host. It outlives an API
            key. The platform shows no wallet of its callers: the account's address in the ledger is a hash of this name.
        rate: by default 50 requests in a minute, as documented, shared among all clients of the key in this process. It counts logins, too.
        retries: of reads.
        limits: time and size bounds of one exchange.
        connection: proxies, certificates.
        hooks: metrics and tracing.
        clock: Unix seconds; for tests.

    Attributes:
        venue_clock: the platform's time, by the ``Date`` of its answers.
        scope: of this client's references in the ledger.

    **References.** Each write is sent once, and says below what settles it if its answer is lost. For most that is a read, or the same
    write once more. The two that have neither take a ``reference``: your own name for one wish, kept in the ledger before anything is sent.
    The same reference with the same content gives the same id again, and sends nothing; with other content it is
    :class:`~orderseal.signing.InvalidInput`. One whose answer was lost stays open until you say what became of it: :meth:`open_writes`,
    :meth:`settle`, :meth:`dismiss`.

    Every method may raise (venue page */intro*): :class:`~orderseal.signing.InvalidInput`, nothing was sent;
    :class:`~orderseal.signing.Refused`, :class:`~orderseal.signing.Unauthorized`, :class:`~orderseal.signing.RateLimited`, the platform did
    not do it — its codes are not documented; :class:`~orderseal.signing.Unreachable`, nothing was sent, or a read was not answered. A read
    may raise :class:`~orderseal.signing.InvalidReply`; a write :class:`~orderseal.signing.OutcomeUnknown`: it may have taken effect, and is
    never sent twice, since the API has no idempotency keys. One with a reference may raise :class:`~orderseal.signing.RuleViolation`, if
    that was refused or dismissed before, and :class:`~orderseal.signing.LedgerError`.

    Example::

        with Client(url, api_key, secret_key) as client:
            token = client.token_by_external_id(external_id)
            print(token.symbol, token.recipe().function_name)
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        secret_key: str,
        *,
        key_in: Literal["body", "headers"] = "body",
        ledger: Ledger | None = None,
        account: str | None = None,
        rate: RateLimit | None = None,
        retries: Retries = DEFAULT_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        connection: Connection = DEFAULT_CONNECTION,
        hooks: Hooks | Sequence[Hooks] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._async = AsyncClient(
            url,
            api_key,
            secret_key,
            key_in=key_in,
            ledger=ledger,
            account=account,
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
    def scope(self) -> Scope:
        return self._async.scope

    def authenticate(self) -> None:
        """Log in, or refresh the token, if there is none or it is about to run out (*/auth/authenticate*, */auth/refresh*).

        Every other method does it when needed. A token lives an hour, and what refreshes it a week; a refresh that is refused falls back to
        the key. However many requests wait for it, it is done once.

        Raises:
            Unauthorized: the platform does not accept key and secret.

        Example::

            client.authenticate()
        """
        return self._loop.call(self._async.authenticate())

    def token(self, token_id: str) -> Token:
        """Read a token by the platform's own id (*Get Token*).

        Raises:
            InvalidReply: the answer is for another token.

        Example::

            token = client.token(token_id)
            print(token.symbol, token.status, token.supply)
        """
        return self._loop.call(self._async.token(token_id))

    def token_by_external_id(self, external_id: str) -> Token:
        """Read a token by its id in the tokenization platform (*Get Token by External ID*).

        The page shows the currency here, and leaves out the platform's own ids.

        Raises:
            Refused: among others, if the token is not associated; with which status is not documented.
            InvalidReply: the answer is for another token.

        Example::

            token = client.token_by_external_id(external_id)
            print(token.symbol, token.value, token.currency_token)
        """
        return self._loop.call(self._async.token_by_external_id(external_id))

    def tokens(self, market_id: str, *, per_page: int = 20) -> Iterator[Token]:
        """Every token of a market, page by page (*List Tokens by Market*). Rows that come or go meanwhile may be missed or come twice.

        Args:
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            for token in client.tokens(market_id):
                print(token.external_id, token.symbol)
        """
        return self._loop.iterate(self._async.tokens(market_id, per_page=per_page))

    def token_page(self, market_id: str, *, page: int = 1, per_page: int = 20) -> TokenPage:
        """One page of a market's tokens (*List Tokens by Market*). Where the platform says no ``total``, it is how many
        came up to this page.

        Example::

            page = client.token_page(market_id, page=2)
            print(page.total, len(page.tokens))
        """
        return self._loop.call(self._async.token_page(market_id, page=page, per_page=per_page))

    def create_token(self, external_id: str, *, is_all_market: bool, market_ids: Sequence[str] = ()) -> Token:
        """Associate a token of the tokenization platform (*Create Token by External ID*).

        Args:
            external_id: in the tokenization platform.
            is_all_market: whether it goes to all markets.
            market_ids: to which it goes, if not to all; then at least one.

        Raises:
            Refused: what a second association of the same token gives is not documented.
            OutcomeUnknown: read it with :meth:`token_by_external_id`: if it is there, it took effect; if not, ask again after a while
                before you create it once more.

        Example::

            token = client.create_token(external_id, is_all_market=False, market_ids=[market_id])
            assert token.external_id == external_id
        """
        return self._loop.call(self._async.create_token(external_id, is_all_market=is_all_market, market_ids=market_ids))

    def set_markets(self, token_id: str, *, is_all_market: bool, market_ids: Sequence[str] = ()) -> tuple[MarketToken, ...]:
        """Replace the markets of a token (*Update Token Markets*). Arguments as for :meth:`create_token`.

        Returns:
            The rows that the platform answers with.

        Raises:
            OutcomeUnknown: look for the token in :meth:`tokens` of the markets; sending the same once more sets the same.

        Example::

            for row in client.set_markets(token_id, is_all_market=True):
                print(row.market_id, row.status)
        """
        return self._loop.call(self._async.set_markets(token_id, is_all_market=is_all_market, market_ids=market_ids))

    def attach_kyc_token(
        self, token_id: str, *, kyc_address_id: str, chain_id: int, kyc_hash: str, is_approved: bool, reference: str
    ) -> Written[KycToken]:
        """Attach a KYC address to a token, once (*Attach KYC Token*).

        Args:
            kyc_address_id: of a :class:`KycAddress`.
            chain_id: EIP-155, such as 17000.
            kyc_hash: ``hash``, of a transaction or of a contract; as text.
            reference: your name for this wish, 1 to 128 printable characters; see the class.

        Raises:
            OutcomeUnknown: nothing documented reads what is attached to a token, so look at the platform's user interface, or ask the
                platform; then :meth:`settle` or :meth:`dismiss`. It is never sent again.

        Example::

            attached = client.attach_kyc_token(
                token_id, kyc_address_id=kyc_address_id, chain_id=17000, kyc_hash=transaction_hash, is_approved=True, reference="kyc 7"
            )
            client.update_kyc_token(token_id, attached.id, is_approved=False)
        """
        return self._loop.call(
            self._async.attach_kyc_token(
                token_id, kyc_address_id=kyc_address_id, chain_id=chain_id, kyc_hash=kyc_hash, is_approved=is_approved, reference=reference
            )
        )

    def update_kyc_token(
        self, token_id: str, kyc_token_id: str, *, chain_id: int | None = None, kyc_hash: str | None = None, is_approved: bool | None = None
    ) -> KycToken:
        """Change what is attached to a token (*Update KYC Token*). What is ``None`` stays as it is.

        Args:
            kyc_token_id: the ``id`` of a :class:`KycToken`, not of the KYC address.

        Raises:
            OutcomeUnknown: sending the same once more sets the same.

        Example::

            changed = client.update_kyc_token(token_id, kyc_token_id, is_approved=False)
            assert not changed.is_approved
        """
        return self._loop.call(
            self._async.update_kyc_token(token_id, kyc_token_id, chain_id=chain_id, kyc_hash=kyc_hash, is_approved=is_approved)
        )

    def create_market(self, node_id: str, domain: str, *, webhook: WebhookSettings | None = None, reference: str) -> Written[Market]:
        """Create a market, once (*Create Market*).

        Args:
            node_id: whose market it is.
            domain: as text; its form is not documented.
            webhook: where its events go, if anywhere. The ledger keeps a hash of the password or token in it, and not the thing itself.
            reference: your name for this wish, 1 to 128 printable characters; see the class.

        Raises:
            OutcomeUnknown: no documented read lists markets, so look at the platform's user interface, or ask the platform; then
                :meth:`settle` or :meth:`dismiss`. It is never sent again.

        Example::

            settings = WebhookSettings("https://webhook.example.com", "/webhook", timeout=30)
            market = client.create_market(node_id, "market.example.com", webhook=settings, reference="market 7")
            print(market.id, market.repeated)
        """
        return self._loop.call(self._async.create_market(node_id, domain, webhook=webhook, reference=reference))

    def update_market(self, market_id: str, *, domain: str | None = None, webhook: WebhookSettings | WebhookChange = KEEP) -> Market:
        """Change a market (*Update Market*).

        Args:
            domain: ``None`` leaves it as it is.
            webhook: new settings; or :data:`KEEP`, and nothing of it is sent; or :data:`REMOVE`, and ``null`` is sent.

        Raises:
            OutcomeUnknown: sending the same once more sets the same.

        Example::

            client.update_market(market_id, domain="shop.example.com")
            changed = client.update_market(market_id, webhook=REMOVE)
            assert changed.webhook is None
        """
        return self._loop.call(self._async.update_market(market_id, domain=domain, webhook=webhook))

    def open_writes(self) -> list[OpenWrite]:
        """The writes under references of which nobody knows what became, oldest first; call it first after a crash.

        What was never sent is given up. Those that another living process is just sending are among them, too. Nothing is asked of the
        platform.

        Raises:
            InvalidInput: the client has no ledger.
            LedgerError: the ledger cannot be used.

        Example::

            for write in client.open_writes():
                print(write.reference, write.path, write.body, write.sent_at)
        """
        return self._loop.call(self._async.open_writes())

    def settle(self, reference: str, created_id: str) -> None:
        """Say that a write whose answer was lost did take effect, as you have seen at the platform. Nothing is asked of it.

        Args:
            created_id: of the market, or of what was attached: the platform's own, as :attr:`.Written.id` would have been.

        Raises:
            InvalidInput: it is no id.
            LedgerError: ``missing``: nothing is open under this reference; ``held``: it is being sent just now, or was when its process
                died: call :meth:`open_writes` first.

        Example::

            client.settle("market 7", market_id)
        """
        return self._loop.call(self._async.settle(reference, created_id))

    def dismiss(self, reference: str, why: str) -> None:
        """Say that a write whose answer was lost did not take effect, as you have found out. Its reference stays spent.

        Args:
            why: who says so, and from what; it is kept. 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: ``missing`` and ``held``, as :meth:`settle`.

        Example::

            client.dismiss("market 7", "no such market in the user interface a day later")
        """
        return self._loop.call(self._async.dismiss(reference, why))

    def children(self, node_id: str, *, per_page: int = 100) -> Iterator[Node]:
        """Every node right below a node, page by page (*List Children*).

        Example::

            for node in client.children(node_id):
                print(node.path, node.name)
        """
        return self._loop.iterate(self._async.children(node_id, per_page=per_page))

    def child_page(self, node_id: str, *, page: int = 1, per_page: int = 100) -> NodePage:
        """One page of the nodes right below a node (*List Children*).

        Example::

            page = client.child_page(node_id)
            print(page.total, [node.name for node in page.nodes])
        """
        return self._loop.call(self._async.child_page(node_id, page=page, per_page=per_page))

    def create_kyc_address(self, market_id: str, *, chain_id: int, name: str, address: AddressLike) -> KycAddress:
        """Give a market a KYC address (*Create KYC Address*).

        Args:
            name: for people.
            address: checked, and sent as it is written.

        Raises:
            OutcomeUnknown: look for it in :meth:`kyc_addresses` of the market; if it is not there, look again after a while.

        Example::

            address = client.create_kyc_address(
                market_id, chain_id=17000, name="Registry", address="0x70f1d2c056bf9f6956d2d2ce045d3db33dee3c05"
            )
            print(address.id)
        """
        return self._loop.call(self._async.create_kyc_address(market_id, chain_id=chain_id, name=name, address=address))

    def kyc_addresses(self, market_id: str, *, chain_id: int | None = None, per_page: int = 20) -> Iterator[KycAddress]:
        """Every KYC address of a market, page by page (*List KYC Addresses*).

        Args:
            chain_id: only those on this chain.

        Raises:
            InvalidReply: some are on another chain than asked for.

        Example::

            for address in client.kyc_addresses(market_id, chain_id=17000):
                print(address.address)
        """
        return self._loop.iterate(self._async.kyc_addresses(market_id, chain_id=chain_id, per_page=per_page))

    def kyc_address_page(self, market_id: str, *, chain_id: int | None = None, page: int = 1, per_page: int = 20) -> KycAddressPage:
        """One page of a market's KYC addresses (*List KYC Addresses*). Arguments and errors as for :meth:`kyc_addresses`.

        Example::

            page = client.kyc_address_page(market_id)
            print(page.total)
        """
        return self._loop.call(self._async.kyc_address_page(market_id, chain_id=chain_id, page=page, per_page=per_page))

    def update_kyc_address(
        self, kyc_address_id: str, *, chain_id: int | None = None, name: str | None = None, address: AddressLike | None = None
    ) -> KycAddress:
        """Change a KYC address (*Update KYC Address*). What is ``None`` stays as it is.

        Raises:
            OutcomeUnknown: sending the same once more sets the same.

        Example::

            client.update_kyc_address(kyc_address_id, name="Registry, new")
        """
        return self._loop.call(self._async.update_kyc_address(kyc_address_id, chain_id=chain_id, name=name, address=address))

    def purchases(self, market_id: str, *, start: datetime, end: datetime) -> PurchaseList:
        """The purchases of a market that the platform has seen on chain in a span of time (*External Purchases*).

        Args:
            start, end: with their offsets; both are required. They are sent in UTC and whole seconds, rounded outwards.

        Raises:
            InvalidInput: a moment without an offset, or an end before the start.
            InvalidReply: a row is of another market.

        Example::

            found = client.purchases(market_id, start=datetime(2026, 1, 6, tzinfo=UTC), end=datetime(2026, 1, 7, tzinfo=UTC))
            assert found.is_complete
        """
        return self._loop.call(self._async.purchases(market_id, start=start, end=end))

    def wait_for_purchase(
        self, market_id: str, transaction_hash: bytes | str, *, since: datetime | None = None, seconds: float = 600.0
    ) -> tuple[Purchase, ...]:
        """Wait until the platform lists an own purchase: what has the hash of its transaction, in whatever case (*External Purchases*).

        That it is listed says that the platform saw it; that it is final, and what it moved, is for the receipt on chain to say.

        Args:
            transaction_hash: of the transaction that was sent.
            since: a moment before it was sent, with its offset; by default a day ago.
            seconds: how long to wait at most; the reads become rarer meanwhile.

        Returns:
            The rows of that transaction: one, but for a transaction that buys several times.

        Raises:
            Unfinished: it is not listed yet. It may still come: ``last`` is the list that was read last; is it not ``is_complete``, give a
                later ``since``.

        Example::

            (purchase,) = client.wait_for_purchase(market_id, transaction_hash, since=sent_at, seconds=300)
            print(purchase.quantity, purchase.price, purchase.currency.symbol)
        """
        return self._loop.call(self._async.wait_for_purchase(market_id, transaction_hash, since=since, seconds=seconds))

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
