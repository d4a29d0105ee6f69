"""The client for BrokersTR, async. :mod:`.sync` is the same for callers without an event loop."""

import hashlib
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from weakref import WeakValueDictionary

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
from orderseal.api.brokerstr.webhooks import KEEP, WebhookChange, WebhookSettings, webhook_body
from orderseal.api.brokerstr.wire import (
    ROOT_PATH,
    AddressRows,
    MarketRows,
    NodeRows,
    PurchaseRows,
    TokenRows,
    chain_number,
    changes,
    hash_text,
    hidden,
    markets_body,
    read_error,
    service_root,
    span,
    text,
    truth,
)
from orderseal.api.submission.references import OpenWrite, References, instance_scope
from orderseal.api.transport import (
    DEFAULT_CONNECTION,
    DEFAULT_LIMITS,
    DEFAULT_RETRIES,
    Call,
    Caller,
    Connection,
    Hooks,
    KeyAuth,
    Limits,
    Page,
    RateLimit,
    Retries,
    pages,
    poll,
    segment,
)
from orderseal.signing import Address, AddressLike, Clock, InvalidInput, InvalidReply, OutcomeUnknown, VenueClock, describe, system_clock
from orderseal.signing.ledger import Ledger, Scope

__all__ = ["AsyncClient"]

_T = TypeVar("_T")
_M = TypeVar("_M", Market, KycToken)

_TARGET: Final = "X-Target-Server"
_LOGIN_HEADERS: Final[Mapping[str, str]] = MappingProxyType({_TARGET: "authentication"})
_HEADERS: Final[Mapping[str, str]] = MappingProxyType({_TARGET: "integration"})
_PER_MINUTE: Final = 50
_DAY: Final = timedelta(days=1)
_LOOK_ELSEWHERE: Final = "look at the platform's user interface, for no documented read shows it"
_AGAIN_SETS_THE_SAME: Final = "sending the same once more sets the same"

_RATES: WeakValueDictionary[str, RateLimit] = WeakValueDictionary()
_RATES_LOCK: Final = threading.Lock()


def _shared_rate(root: str, api_key: object) -> RateLimit:
    """The documented limit: one for all clients of a key in this process. Not the key is kept, but its hash."""
    name = hashlib.sha256(f"{root} {api_key}".encode(errors="surrogatepass")).hexdigest()
    with _RATES_LOCK:
        return _RATES.setdefault(name, RateLimit(count=_PER_MINUTE, per=60.0))


class AsyncClient:
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

        async with AsyncClient(url, api_key, secret_key) as client:
            token = await client.token_by_external_id(external_id)
            print(token.symbol, token.recipe().function_name)
    """

    venue_clock: VenueClock
    scope: Scope

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
        if ledger is not None and not isinstance(ledger, Ledger):
            raise InvalidInput(path="ledger", expected="a Ledger, or None", actual=f"a {type(ledger).__name__}")
        self._root = service_root(url)
        self._clock = clock
        self.scope = instance_scope("brokerstr", self._root.removesuffix(ROOT_PATH), account)
        self._references = None if ledger is None else References(ledger, self.scope)
        self._caller = Caller(
            self._root,
            venue="brokerstr",
            refusal=read_error,
            auth=KeyAuth(api_key, secret_key, key_in=key_in, headers=_LOGIN_HEADERS),
            headers=_HEADERS,
            rate=_shared_rate(self._root, api_key) if rate is None else rate,
            retries=retries,
            limits=limits,
            connection=connection,
            hooks=hooks,
            clock=clock,
        )
        self.venue_clock = self._caller.venue_clock

    async def authenticate(self) -> None:
        """Log in, or refresh the token, if there is none or it is about to run out (*/auth/authenticate*, */auth/refresh*).

        Every other method does it when needed. A token lives an hour, and what refreshes it a week; a refresh that is refused falls back to
        the key. However many requests wait for it, it is done once.

        Raises:
            Unauthorized: the platform does not accept key and secret.

        Example::

            await client.authenticate()
        """
        await self._caller.renew()

    # Tokens

    async def token(self, token_id: str) -> Token:
        """Read a token by the platform's own id (*Get Token*).

        Raises:
            InvalidReply: the answer is for another token.

        Example::

            token = await client.token(token_id)
            print(token.symbol, token.status, token.supply)
        """
        what = "read the token"
        found = await self._caller.read(Call(what, "GET", "/tokens/{token_id}", Token, segments={"token_id": token_id}))
        return _for(what, found, ("id", found.id, token_id))

    async def token_by_external_id(self, external_id: str) -> Token:
        """Read a token by its id in the tokenization platform (*Get Token by External ID*).

        The page shows the currency here, and leaves out the platform's own ids.

        Raises:
            Refused: among others, if the token is not associated; with which status is not documented.
            InvalidReply: the answer is for another token.

        Example::

            token = await client.token_by_external_id(external_id)
            print(token.symbol, token.value, token.currency_token)
        """
        what, path = "read the token by its external id", "/tokens/external/{external_id}"
        found = await self._caller.read(Call(what, "GET", path, Token, segments={"external_id": external_id}))
        return found if found.external_id is None else _for(what, found, ("external_id", found.external_id, external_id))

    async def tokens(self, market_id: str, *, per_page: int = 20) -> AsyncGenerator[Token]:
        """Every token of a market, page by page (*List Tokens by Market*). Rows that come or go meanwhile may be missed or come twice.

        Args:
            per_page: how many are asked for at once; no maximum is documented.

        Example::

            async for token in client.tokens(market_id):
                print(token.external_id, token.symbol)
        """

        async def fetch(page: int, size: int) -> Page[Token]:
            found = await self._token_rows(market_id, page, size)
            return Page(found.tokens or (), found.total, found.page)

        async for token in pages(fetch, per_page=per_page, what="list the tokens of the market"):
            yield token

    async def token_page(self, market_id: str, *, page: int = 1, per_page: int = 20) -> TokenPage:
        """One page of a market's tokens (*List Tokens by Market*). Where the platform says no ``total``, it is how many
        came up to this page.

        Example::

            page = await client.token_page(market_id, page=2)
            print(page.total, len(page.tokens))
        """
        found = await self._token_rows(market_id, page, per_page)
        return TokenPage(tokens=found.tokens or (), **_counts(found, found.tokens, page, per_page))

    async def _token_rows(self, market_id: str, page: int, per_page: int) -> TokenRows:
        return await self._rows("list the tokens of the market", "/tokens/markets/{market_id}/all", TokenRows, market_id, page, per_page)

    async def create_token(self, external_id: str, *, is_all_market: bool, market_ids: Sequence[str] = ()) -> Token:
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

            token = await client.create_token(external_id, is_all_market=False, market_ids=[market_id])
            assert token.external_id == external_id
        """
        what, settle = "associate the token", "read the token by its external id"
        body = markets_body(is_all_market, market_ids)
        path = "/tokens/external/{external_id}"
        found = await self._caller.write(Call(what, "POST", path, Token, segments={"external_id": external_id}, body=body, settle=settle))
        return _done(what, settle, found, ("external_id", found.external_id, external_id))

    async def set_markets(self, token_id: str, *, is_all_market: bool, market_ids: Sequence[str] = ()) -> tuple[MarketToken, ...]:
        """Replace the markets of a token (*Update Token Markets*). Arguments as for :meth:`create_token`.

        Returns:
            The rows that the platform answers with.

        Raises:
            OutcomeUnknown: look for the token in :meth:`tokens` of the markets; sending the same once more sets the same.

        Example::

            for row in await client.set_markets(token_id, is_all_market=True):
                print(row.market_id, row.status)
        """
        what, settle = "set the markets of the token", f"list the tokens of the markets; {_AGAIN_SETS_THE_SAME}"
        body = markets_body(is_all_market, market_ids)
        path = "/tokens/{token_id}/markets"
        found = await self._caller.write(Call(what, "PUT", path, MarketRows, segments={"token_id": token_id}, body=body, settle=settle))
        rows = found.distributor_market_tokens or ()
        for row in rows:
            _done(what, settle, row, ("token_id", row.token_id, token_id))
        return rows

    async def attach_kyc_token(
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

            attached = await client.attach_kyc_token(
                token_id, kyc_address_id=kyc_address_id, chain_id=17000, kyc_hash=transaction_hash, is_approved=True, reference="kyc 7"
            )
            await client.update_kyc_token(token_id, attached.id, is_approved=False)
        """
        what = "attach the KYC address to the token"
        segment(kyc_address_id if isinstance(kyc_address_id, str) else None, "kyc_address_id")
        body = {
            "kyc_address_id": kyc_address_id,
            "chain_id": chain_number(chain_id),
            "hash": text(kyc_hash, "kyc_hash"),
            "is_approved": truth(is_approved, "is_approved"),
        }

        def check(found: KycToken) -> None:
            ours = ("token_id", found.token_id, token_id), ("kyc_address_id", found.kyc_address_id, kyc_address_id)
            _done(what, _LOOK_ELSEWHERE, found, *ours)

        call = Call(what, "POST", "/tokens/{token_id}/kyc-tokens", KycToken, segments={"token_id": token_id}, body=body)
        return await self._once(call, body, reference, check)

    async def update_kyc_token(
        self,
        token_id: str,
        kyc_token_id: str,
        *,
        chain_id: int | None = None,
        kyc_hash: str | None = None,
        is_approved: bool | None = None,
    ) -> KycToken:
        """Change what is attached to a token (*Update KYC Token*). What is ``None`` stays as it is.

        Args:
            kyc_token_id: the ``id`` of a :class:`KycToken`, not of the KYC address.

        Raises:
            OutcomeUnknown: sending the same once more sets the same.

        Example::

            changed = await client.update_kyc_token(token_id, kyc_token_id, is_approved=False)
            assert not changed.is_approved
        """
        what, settle = "change the KYC address of the token", _AGAIN_SETS_THE_SAME
        body = changes(
            {
                "chain_id": None if chain_id is None else chain_number(chain_id),
                "hash": None if kyc_hash is None else text(kyc_hash, "kyc_hash"),
                "is_approved": None if is_approved is None else truth(is_approved, "is_approved"),
            }
        )
        segments = {"token_id": token_id, "kyc_token_id": kyc_token_id}
        path = "/tokens/{token_id}/kyc-tokens/{kyc_token_id}"
        found = await self._caller.write(Call(what, "PUT", path, KycToken, segments=segments, body=body, settle=settle))
        return _done(what, settle, found, ("id", found.id, kyc_token_id), ("token_id", found.token_id, token_id))

    # Markets

    async def create_market(self, node_id: str, domain: str, *, webhook: WebhookSettings | None = None, reference: str) -> Written[Market]:
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
            market = await client.create_market(node_id, "market.example.com", webhook=settings, reference="market 7")
            print(market.id, market.repeated)
        """
        what = "create the market"
        segment(node_id if isinstance(node_id, str) else None, "node_id")
        if webhook is not None and not isinstance(webhook, WebhookSettings):
            raise InvalidInput(path="webhook", expected="WebhookSettings or None", actual=f"a {type(webhook).__name__}")
        body = {"node_id": node_id, "domain": text(domain, "domain")} | ({} if webhook is None else webhook_body(webhook))

        def check(found: Market) -> None:
            if found.node_id is not None:
                _done(what, _LOOK_ELSEWHERE, found, ("node_id", found.node_id, node_id))

        secrets = () if webhook is None else webhook.secrets()
        kept = hidden(body, secrets, f"{self.scope} {reference}")
        return await self._once(Call(what, "POST", "/markets", Market, body=body, secrets=secrets), kept, reference, check)

    async def update_market(self, market_id: str, *, domain: str | None = None, webhook: WebhookSettings | WebhookChange = KEEP) -> Market:
        """Change a market (*Update Market*).

        Args:
            domain: ``None`` leaves it as it is.
            webhook: new settings; or :data:`KEEP`, and nothing of it is sent; or :data:`REMOVE`, and ``null`` is sent.

        Raises:
            OutcomeUnknown: sending the same once more sets the same.

        Example::

            await client.update_market(market_id, domain="shop.example.com")
            changed = await client.update_market(market_id, webhook=REMOVE)
            assert changed.webhook is None
        """
        what, settle = "change the market", _AGAIN_SETS_THE_SAME
        body = changes({"domain": None if domain is None else text(domain, "domain"), "webhook": None}, webhook_body(webhook))
        secrets = webhook.secrets() if isinstance(webhook, WebhookSettings) else ()
        segments = {"market_id": market_id}
        call = Call(what, "PUT", "/markets/{market_id}", Market, segments=segments, body=body, settle=settle, secrets=secrets)
        found = await self._caller.write(call)
        return _done(what, settle, found, ("id", found.id, market_id))

    # Writes whose outcome is open

    async def open_writes(self) -> list[OpenWrite]:
        """The writes under references of which nobody knows what became, oldest first; call it first after a crash.

        What was never sent is given up. Those that another living process is just sending are among them, too. Nothing is asked of the
        platform.

        Raises:
            InvalidInput: the client has no ledger.
            LedgerError: the ledger cannot be used.

        Example::

            for write in await client.open_writes():
                print(write.reference, write.path, write.body, write.sent_at)
        """
        return await self._writing().open_writes()

    async def settle(self, reference: str, created_id: str) -> None:
        """Say that a write whose answer was lost did take effect, as you have seen at the platform. Nothing is asked of it.

        Args:
            created_id: of the market, or of what was attached: the platform's own, as :attr:`.Written.id` would have been.

        Raises:
            InvalidInput: it is no id.
            LedgerError: ``missing``: nothing is open under this reference; ``held``: it is being sent just now, or was when its process
                died: call :meth:`open_writes` first.

        Example::

            await client.settle("market 7", market_id)
        """
        segment(created_id if isinstance(created_id, str) else None, "created_id")
        await self._writing().settle(reference, created_id)

    async def dismiss(self, reference: str, why: str) -> None:
        """Say that a write whose answer was lost did not take effect, as you have found out. Its reference stays spent.

        Args:
            why: who says so, and from what; it is kept. 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: ``missing`` and ``held``, as :meth:`settle`.

        Example::

            await client.dismiss("market 7", "no such market in the user interface a day later")
        """
        await self._writing().dismiss(reference, why)

    def _writing(self) -> References:
        if self._references is None:
            hint = "No read of the platform can settle this write: it is kept under your reference, and never sent twice"
            raise InvalidInput(path="ledger", expected="a Ledger, given to the client", actual="none", hint=hint)
        return self._references

    async def _once(self, call: Call[_M], kept: Mapping[str, Any], reference: str, check: Callable[[_M], None]) -> Written[_M]:
        """Make a write under a reference. What stands in ``kept`` for its body is in the ledger, and the body itself is sent."""

        async def write(_kept: bytes, before_write: Callable[[], None]) -> _M:
            found = await self._caller.write(replace(call, reference=reference, settle=_LOOK_ELSEWHERE, before_write=before_write))
            check(found)
            return found

        path = call.request(takes_effect=True).path
        content = {"reference": reference, "method": call.method, "path": path, "body": dict(kept)}
        done = await self._writing().once(reference, content, write, _id_of, settle=_LOOK_ELSEWHERE)
        return Written(reference, done.receipt, done.answer)

    # Nodes

    async def children(self, node_id: str, *, per_page: int = 100) -> AsyncGenerator[Node]:
        """Every node right below a node, page by page (*List Children*).

        Example::

            async for node in client.children(node_id):
                print(node.path, node.name)
        """

        async def fetch(page: int, size: int) -> Page[Node]:
            found = await self._node_rows(node_id, page, size)
            return Page(found.nodes or (), found.total, found.page)

        async for node in pages(fetch, per_page=per_page, what="list the children of the node"):
            yield node

    async def child_page(self, node_id: str, *, page: int = 1, per_page: int = 100) -> NodePage:
        """One page of the nodes right below a node (*List Children*).

        Example::

            page = await client.child_page(node_id)
            print(page.total, [node.name for node in page.nodes])
        """
        found = await self._node_rows(node_id, page, per_page)
        return NodePage(nodes=found.nodes or (), **_counts(found, found.nodes, page, per_page))

    async def _node_rows(self, node_id: str, page: int, per_page: int) -> NodeRows:
        return await self._rows("list the children of the node", "/nodes/{node_id}/children", NodeRows, node_id, page, per_page)

    # KYC addresses

    async def create_kyc_address(self, market_id: str, *, chain_id: int, name: str, address: AddressLike) -> KycAddress:
        """Give a market a KYC address (*Create KYC Address*).

        Args:
            name: for people.
            address: checked, and sent as it is written.

        Raises:
            OutcomeUnknown: look for it in :meth:`kyc_addresses` of the market; if it is not there, look again after a while.

        Example::

            address = await client.create_kyc_address(
                market_id, chain_id=17000, name="Registry", address="0x70f1d2c056bf9f6956d2d2ce045d3db33dee3c05"
            )
            print(address.id)
        """
        what, settle = "create the KYC address", "list the KYC addresses of the market"
        body = {"chain_id": chain_number(chain_id), "name": text(name, "name"), "address": _address_text(address)}
        path = "/kyc-addresses/markets/{market_id}"
        found = await self._caller.write(Call(what, "POST", path, KycAddress, segments={"market_id": market_id}, body=body, settle=settle))
        return _done(what, settle, found, ("address", found.address, body["address"]), ("chain_id", found.chain_id, chain_id))

    async def kyc_addresses(self, market_id: str, *, chain_id: int | None = None, per_page: int = 20) -> AsyncGenerator[KycAddress]:
        """Every KYC address of a market, page by page (*List KYC Addresses*).

        Args:
            chain_id: only those on this chain.

        Raises:
            InvalidReply: some are on another chain than asked for.

        Example::

            async for address in client.kyc_addresses(market_id, chain_id=17000):
                print(address.address)
        """

        async def fetch(page: int, size: int) -> Page[KycAddress]:
            found = await self._address_rows(market_id, chain_id, page, size)
            return Page(found.kyc_addresses or (), found.total, found.page)

        async for address in pages(fetch, per_page=per_page, what="list the KYC addresses of the market"):
            yield address

    async def kyc_address_page(self, market_id: str, *, chain_id: int | None = None, page: int = 1, per_page: int = 20) -> KycAddressPage:
        """One page of a market's KYC addresses (*List KYC Addresses*). Arguments and errors as for :meth:`kyc_addresses`.

        Example::

            page = await client.kyc_address_page(market_id)
            print(page.total)
        """
        found = await self._address_rows(market_id, chain_id, page, per_page)
        return KycAddressPage(kyc_addresses=found.kyc_addresses or (), **_counts(found, found.kyc_addresses, page, per_page))

    async def _address_rows(self, market_id: str, chain_id: int | None, page: int, per_page: int) -> AddressRows:
        what, path = "list the KYC addresses of the market", "/kyc-addresses/markets/{market_id}"
        wanted = None if chain_id is None else chain_number(chain_id)
        found = await self._rows(what, path, AddressRows, market_id, page, per_page, {"chain_id": wanted})
        for row in found.kyc_addresses or ():
            if wanted is not None:
                _for(what, row, ("chain_id", row.chain_id, wanted))
        return found

    async def update_kyc_address(
        self, kyc_address_id: str, *, chain_id: int | None = None, name: str | None = None, address: AddressLike | None = None
    ) -> KycAddress:
        """Change a KYC address (*Update KYC Address*). What is ``None`` stays as it is.

        Raises:
            OutcomeUnknown: sending the same once more sets the same.

        Example::

            await client.update_kyc_address(kyc_address_id, name="Registry, new")
        """
        what, settle = "change the KYC address", _AGAIN_SETS_THE_SAME
        body = changes(
            {
                "chain_id": None if chain_id is None else chain_number(chain_id),
                "name": None if name is None else text(name, "name"),
                "address": None if address is None else _address_text(address),
            }
        )
        segments = {"kyc_address_id": kyc_address_id}
        call = Call(what, "PUT", "/kyc-addresses/{kyc_address_id}", KycAddress, segments=segments, body=body, settle=settle)
        found = await self._caller.write(call)
        return _done(what, settle, found, ("id", found.id, kyc_address_id))

    # Purchases

    async def purchases(self, market_id: str, *, start: datetime, end: datetime) -> PurchaseList:
        """The purchases of a market that the platform has seen on chain in a span of time (*External Purchases*).

        Args:
            start, end: with their offsets; both are required. They are sent in UTC and whole seconds, rounded outwards.

        Raises:
            InvalidInput: a moment without an offset, or an end before the start.
            InvalidReply: a row is of another market.

        Example::

            found = await client.purchases(market_id, start=datetime(2026, 1, 6, tzinfo=UTC), end=datetime(2026, 1, 7, tzinfo=UTC))
            assert found.is_complete
        """
        what, path = "read the purchases of the market", "/external-purchases/markets/{market_id}"
        call = Call(what, "GET", path, PurchaseRows, segments={"market_id": market_id}, query=span(start, end))
        found = await self._caller.read(call)
        rows = found.purchases or ()
        for row in rows:
            if row.market_id is not None:
                _for(what, row, ("market_id", row.market_id, market_id))
        total = len(rows) if found.total is None else found.total
        return PurchaseList(purchases=rows, total=total, page=found.page, per_page=found.per_page)

    async def wait_for_purchase(
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

            (purchase,) = await client.wait_for_purchase(market_id, transaction_hash, since=sent_at, seconds=300)
            print(purchase.quantity, purchase.price, purchase.currency.symbol)
        """
        wanted = hash_text(transaction_hash, "transaction_hash")
        start = _now(self._clock) - _DAY if since is None else since
        span(start, start)
        if start > _now(self._clock) + _DAY:
            raise InvalidInput(
                path="since", expected="a moment before the transaction was sent", actual=f"{start.isoformat()}, in the future"
            )

        async def read() -> PurchaseList:
            # Its clock may be ahead of ours, or write local time for UTC.
            return await self.purchases(market_id, start=start, end=max(_now(self._clock), start) + _DAY)

        def is_there(found: PurchaseList) -> bool:
            return any(_is(row.hash, wanted) for row in found.purchases)

        found = await poll(read, is_there, what="wait for the purchase", seconds=seconds, first=2.0)
        return tuple([row for row in found.purchases if _is(row.hash, wanted)])

    async def _rows(
        self, what: str, path: str, type_: type[_T], whose: str, page: int, per_page: int, more: Mapping[str, object] = MappingProxyType({})
    ) -> _T:
        name = path.partition("{")[2].partition("}")[0]
        query = {"page": _number(page, "page"), "per_page": _number(per_page, "per_page"), **more}
        return await self._caller.read(Call(what, "GET", path, type_, segments={name: whose}, query=query))

    async def aclose(self) -> None:
        """Close every connection, forget the token, and put on record what cancelled callers left behind; more than once is fine.

        Example::

            await client.aclose()
        """
        try:
            await self._caller.aclose()
        finally:
            if self._references is not None:
                await self._references.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._root!r})"


def _id_of(found: Market | KycToken) -> str:
    segment(found.id, "id")
    return found.id


def _number(value: object, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise InvalidInput(path=path, expected="a number from 1 on", actual=describe(value))
    return value


def _address_text(value: AddressLike) -> str:
    checked = Address(value)
    return value if isinstance(value, str) else str(checked)


def _counts(found: TokenRows | NodeRows | AddressRows, rows: tuple[object, ...] | None, page: int, per_page: int) -> dict[str, int]:
    """What a page says of itself, or what was asked for."""
    total = (page - 1) * per_page + len(rows or ()) if found.total is None else found.total
    return {"total": total, "page": found.page or page, "per_page": found.per_page or per_page}


def _is(found: str, wanted: str) -> bool:
    text = found.lower()
    return text == wanted or "0x" + text == wanted


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock(), UTC)


def _difference(*pairs: tuple[str, Any, Any]) -> str | None:
    """The first member that is not what it should be. The platform's own ids, and addresses, may differ by case."""
    for name, found, wanted in pairs:
        exact = name == "external_id" or not isinstance(found, str)
        if found != wanted if exact else found.lower() != str(wanted).lower():
            return name
    return None


def _for(what: str, found: _T, *pairs: tuple[str, Any, Any]) -> _T:
    if (name := _difference(*pairs)) is not None:
        raise InvalidReply(
            f"{what}: the answer is about something else than asked for: its {name} is another", status=200, path=f"$.{name}"
        )
    return found


def _done(what: str, settle: str, found: _T, *pairs: tuple[str, Any, Any]) -> _T:
    if (name := _difference(*pairs)) is not None:
        raise OutcomeUnknown(
            f"{what}: the platform confirmed something else than what was sent: its {name} is another. It may have taken effect: {settle}"
        )
    return found
