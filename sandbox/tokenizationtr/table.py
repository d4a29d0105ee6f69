"""Every documented endpoint of TokenizationTR, with its page's request and reply form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderseal.sandbox.tokenizationtr.access import Access
from orderseal.sandbox.tokenizationtr.admin import Admin
from orderseal.sandbox.tokenizationtr.reads import Reads
from orderseal.sandbox.tokenizationtr.state import SAMPLES
from orderseal.sandbox.tokenizationtr.trading import Trading
from orderseal.sandbox.twins.endpoint import Endpoint, Parameter, Reply
from orderseal.sandbox.twins.shapes import Anything, Choice, Either, Flag, Moment, Real, Record, Shape, Text, Whole, like

_TEXT = Text(low=1, high=255)
_PRICE = Record({"amount": Real(), "decimal": Whole(0, 77), "symbol": _TEXT})
_SELL = Either(
    {
        "price": Record({"quantity": Real(), "price": _PRICE, "expires_at": Moment()}, optional=("expires_at",)),
        "price_id": Record({"quantity": Whole(), "price_id": _TEXT, "price_amount": Real()}),
    }
)
_CLIENT: dict[str, Shape] = {"client_id": Text(), "client_secret": Text()}
_TOKEN = Either(
    {
        "refresh_token": Record({**_CLIENT, "grant_type": Choice(("refresh_token",)), "refresh_token": Text()}),
        "username": Record({**_CLIENT, "grant_type": Choice(("password",)), "username": Text(), "password": Text()}),
    }
)
_PAGING: dict[str, Shape] = {"page": Whole(), "per_page": Whole()}
_ANY_PAGE = Record(_PAGING, optional=("page", "per_page"))
_QUERY = {name: Parameter(shape) for name, shape in _PAGING.items()}
_FILTERS: dict[str, Shape] = {
    "token_id": _TEXT,
    "min_price": Real(),
    "max_price": Real(),
    "price_symbol": _TEXT,
    "min_quantity": Real(),
    "max_quantity": Real(),
    "seller_id": _TEXT,
    "status": _TEXT,
}
_METRIC: dict[str, Shape] = {
    "total_supply": Whole(0),
    "term_duration_in_months": Whole(0),
    "min_purchase_quantity": Whole(),
    "max_purchase_quantity": Whole(),
    "min_tokens_required_for_rental_income": Whole(0),
    "rental_income": Real(),
    "rental_income_symbol": _TEXT,
    "rental_payment_period_in_days": Whole(0),
}
_LOOSE: Any = {
    "maybe": ("expires_at", "estimated_delivery", "hash", "kyc"),
    "absent": ("expires_at", "estimated_delivery"),
    "real": ("amount", "total_quantity_available", "total_volume_24h"),
}
_TRANSACTION_MAYBE = ("hash", "error", "message", "data")
_STARTED = SAMPLES["transaction_id"]
_PAGE_SAMPLE = {"page": 1, "per_page": 20}
_USERS, _PURCHASES, _MARKETS = "/v2/users/users", "/v2/users/purchases/users/{user_id}", "/v2/users/secondary-markets"


def _reply(about: str, name: str, **changes: Any) -> Reply:
    sample = SAMPLES[name]
    return Reply(about, like(sample, **(_LOOSE | changes)), sample)


def _either(about: str, *names: str) -> Reply:
    """Return the reply of an endpoint whose generations differ; its sample is the newest."""
    shapes = {next(iter(SAMPLES[name])): like(SAMPLES[name], **_LOOSE) for name in names}
    forms = {marker: shape for marker, shape in shapes.items() if isinstance(shape, Record)}
    return Reply(about, Either(forms), SAMPLES[names[-1]])


def _wrapped(name: str, **more: Any) -> dict[int, Reply]:
    sample = {"data": [SAMPLES[name]], "pagination": {"current_page": 1, "per_page": 20, "total": 1, "total_pages": 1}} | more
    return {200: Reply("One page", like(sample, **(_LOOSE | {"free": ("filters_applied",)})), sample)}


def _flat(name: str, *, free: tuple[str, ...] = (), absent: tuple[str, ...] = ()) -> dict[int, Reply]:
    sample = {"data": [SAMPLES[name]], "total": 1, "page": 1, "per_page": 20}
    return {200: Reply("One page", like(sample, free=free, absent=absent, real=("amount",)), sample)}


def endpoints(access: Access, trading: Trading, reads: Reads, admin: Admin) -> list[Endpoint]:
    """Return the table."""

    def row(method: str, path: str, name: str, about: str, source: str, replies: Mapping[int, Reply], **parts: Any) -> Endpoint:
        return Endpoint(
            method=method, path=path, name=name, about=about, source=source, replies=replies, scheme=parts.pop("scheme", "bearer"), **parts
        )

    return [
        *_login_and_trading(access, trading, row),
        *_trading_reads(reads, row),
        *_transactions(reads, row),
        *_catalogue(reads, admin, row),
        *_users(reads, admin, row),
    ]


def _login_and_trading(access: Access, trading: Trading, row: Any) -> list[Endpoint]:
    buying = Record({"quantity": Real()})
    dealing = Record({"quantity": Real(), "deal_id": Whole()})
    started = "The new generation starts a transaction, the old one answers with the result"
    return [
        row(
            "POST",
            "/v2/oauth/token",
            "create_token",
            "Exchange credentials for a token; expires_in is a moment",
            "Create Token; the refresh grant is inferred",
            {200: _reply("The token", "login")},
            handler=access.token,
            body=_TOKEN,
            scheme=None,
        ),
        row(
            "POST",
            _MARKETS + "/users/{user_id}/tokens/{token_id}/sell",
            "sell",
            "Offer tokens; the form of the request chooses the generation",
            "Sell On Secondary Market, in two generations",
            {200: _either(started, "sell_old", "transaction_id")},
            handler=trading.sell,
            body=_SELL,
            body_sample=SAMPLES["sell_new_request"],
            writes=True,
        ),
        row(
            "POST",
            _MARKETS + "/users/{user_id}/tokens/{token_id}/delist",
            "delist",
            "Take an offer back",
            "Delist, in two generations",
            {200: _either(started, "delist_old", "transaction_id")},
            handler=trading.delist,
            body=Record({"deal_id": Whole()}),
            body_sample=SAMPLES["delist_request"],
            writes=True,
        ),
        row(
            "POST",
            _PURCHASES + "/tokens/{token_id}/buy-on-primary-market",
            "buy_on_primary_market",
            "Buy from the issuer",
            "Buy On Primary Market, in two generations",
            {200: _either(started, "primary_old", "transaction_id")},
            handler=trading.buy_primary,
            body=buying,
            body_sample=SAMPLES["primary_request"],
            writes=True,
        ),
        row(
            "POST",
            _PURCHASES + "/tokens/{token_id}/buy-on-secondary-market",
            "buy_on_secondary_market",
            "Buy from a deal",
            "Buy On Secondary Market; only the old generation is printed, the new one is by analogy",
            {200: _either(started, "transaction_id", "secondary_old")},
            handler=trading.buy_secondary,
            body=dealing,
            body_sample=SAMPLES["secondary_request"],
            writes=True,
        ),
    ]


def _trading_reads(reads: Reads, row: Any) -> list[Endpoint]:
    paged: Any = {"body": Record(_PAGING), "body_sample": _PAGE_SAMPLE}
    filtered = Record({**_PAGING, "filters": Record(_FILTERS, optional=tuple(_FILTERS))}, optional=("filters",))
    by_token = Record({**_PAGING, "token_id": _TEXT}, optional=("token_id",))
    by_flags = Record({**_PAGING, "is_for_secondary": Flag(), "is_for_otc": Flag()}, optional=("is_for_secondary", "is_for_otc"))
    return [
        row(
            "GET",
            _MARKETS + "/tokens/{token_id}",
            "token_market",
            "Summary and active deals of a token",
            "Get Secondary Group",
            {200: _reply("The market", "group")},
            handler=reads.token_market,
        ),
        row(
            "POST",
            _MARKETS + "/group-search",
            "find_deals",
            "Search all deals",
            "Secondary Markets: Group Search",
            _wrapped("found_deal", filters_applied={}),
            handler=reads.find_deals,
            body=filtered,
            body_sample=_PAGE_SAMPLE,
        ),
        row(
            "POST",
            _MARKETS + "/users/{user_id}/tokens/{token_id}",
            "user_deals",
            "Deals of a user and a token",
            "Get Secondary Token",
            _wrapped("user_deal"),
            handler=reads.user_deals,
            **paged,
        ),
        row(
            "POST",
            _MARKETS + "/users/{user_id}/group-search",
            "own_deals",
            "Deals that a user offers",
            "Secondary Markets: User Group Search",
            _wrapped("own_deal"),
            handler=reads.own_deals,
            **paged,
        ),
        row(
            "POST",
            _PURCHASES + "/search",
            "purchases",
            "Purchases of a user",
            "Purchases: Search",
            _wrapped("purchase"),
            handler=reads.purchases,
            body=by_token,
            body_sample=_PAGE_SAMPLE,
        ),
        row(
            "POST",
            _PURCHASES + "/group-search",
            "grouped_purchases",
            "Purchases of a user by kind",
            "Purchases: Group Search",
            _wrapped("purchase"),
            handler=reads.grouped_purchases,
            body=by_flags,
            body_sample=_PAGE_SAMPLE,
        ),
        row(
            "POST",
            "/v2/users/rents/users/{user_id}/tokens/{token_id}/search",
            "rents",
            "Rents of a user and a token",
            "Rents: Search",
            _flat("rent"),
            handler=reads.rents,
            **paged,
        ),
    ]


def _transactions(reads: Reads, row: Any) -> list[Endpoint]:
    newest = ("internal_id", *_TRANSACTION_MAYBE)
    polled = SAMPLES["user_transaction"] | SAMPLES["token_transaction"]
    optional = (*newest, "node_id", "environment", "external_id", "is_api", "updated_at")
    needed = {name: Parameter(shape, required=True) for name, shape in _PAGING.items()}
    return [
        row(
            "GET",
            _USERS + "/{user_id}/transactions",
            "user_transactions",
            "Transactions of a user",
            "Get User Transactions, in two generations",
            _flat("user_transaction", free=_TRANSACTION_MAYBE, absent=newest),
            handler=reads.user_transactions,
            query=needed | {"types": Parameter(Whole(), many=True)},
        ),
        row(
            "GET",
            "/v2/admin/tokens/{tokenID}/transactions/{transactionID}",
            "transaction",
            "Poll a transaction",
            "Named by Buy On Primary Market; its own page was not found, the fields are those of its neighbours",
            {200: Reply("The transaction", like(polled, free=_TRANSACTION_MAYBE, absent=optional), SAMPLES["token_transaction"])},
            handler=reads.transaction,
        ),
        row(
            "POST",
            "/v2/admin/token/{token_id}/transactions/search",
            "token_transactions",
            "Transactions of a token",
            "Token Transactions: Search",
            _flat("token_transaction", free=_TRANSACTION_MAYBE),
            handler=reads.token_transactions,
            body=_ANY_PAGE,
            body_sample=_PAGE_SAMPLE,
        ),
        row(
            "GET",
            "/v2/admin/currency-tokens/{id}/transactions",
            "currency_transactions",
            "Transactions of a currency",
            "Currency Tokens: Transactions",
            _flat("currency_transaction", free=_TRANSACTION_MAYBE),
            handler=reads.currency_transactions,
            query=_QUERY,
        ),
    ]


def _catalogue(reads: Reads, admin: Admin, row: Any) -> list[Endpoint]:
    shown = {200: _reply("The token", "admin_token")}
    return [
        row(
            "GET",
            "/v2/admin/currency-tokens/active",
            "currencies",
            "Currencies that prices are in; their ids are price ids",
            "Currency Tokens: Active",
            _flat("currency_token"),
            handler=reads.currencies,
            query=_QUERY,
        ),
        row(
            "GET",
            "/v2/users/tokens/{token_id}",
            "user_token",
            "A token as users see it",
            "Get Token By User",
            {200: _reply("The token", "user_token")},
            handler=reads.user_token,
        ),
        row("GET", "/v2/admin/tokens/{tokenID}", "admin_tokens_one", "A token", "Get Token Details", shown, handler=reads.admin_token),
        row("GET", "/v2/admin/token/{token_id}", "admin_token", "A token", "Get Token", shown, handler=reads.admin_token),
        row(
            "POST",
            "/v2/admin/token/users/search",
            "all_tokens",
            "All tokens",
            "Tokens: Users Search",
            _flat("admin_token"),
            handler=reads.admin_tokens,
            body=Record(_PAGING),
            body_sample=_PAGE_SAMPLE,
        ),
        row(
            "POST",
            "/v2/admin/token/nodes/{node_id}/search",
            "node_tokens",
            "Tokens of a node",
            "Tokens: Node Search",
            _flat("admin_token"),
            handler=reads.admin_tokens,
            body=_ANY_PAGE,
            body_sample=_PAGE_SAMPLE,
        ),
        row(
            "POST",
            "/v2/admin/token/nodes/{node_id}",
            "create_tokenization",
            "Create a token; a form with files, in two generations",
            "Create Token (tokenization)",
            {200: Reply("Created; without a body")},
            handler=admin.create_token,
            body=Anything(),
            media="multipart/form-data",
            writes=True,
        ),
        row(
            "PUT",
            "/v2/admin/token/{token_id}/metric",
            "set_metric",
            "Set limits and rents of a token",
            "Update Metric",
            {200: Reply("Changed; without a body")},
            handler=admin.set_metric,
            body=Record(_METRIC, optional=tuple(_METRIC)),
            writes=True,
        ),
        row(
            "POST",
            "/v2/admin/token/{token_id}/open-to-secondary-market",
            "open_to_secondary_market",
            "Open or close the secondary market of a token",
            "Open To Secondary Market",
            {200: Reply("Changed", Record({}), {})},
            handler=admin.open_to_secondary,
            body=Record({"is_open": Flag()}),
            body_sample={"is_open": True},
            writes=True,
        ),
        row(
            "POST",
            "/v2/admin/node/{node_id}/children/search",
            "child_nodes",
            "Nodes below a node",
            "Nodes: Children Search",
            _flat("child_node"),
            handler=reads.child_nodes,
            body=_ANY_PAGE,
            body_sample=_PAGE_SAMPLE,
        ),
    ]


def _users(reads: Reads, admin: Admin, row: Any) -> list[Endpoint]:
    return [
        row(
            "POST",
            _USERS,
            "create_user",
            "Create an end user",
            "Create User",
            {201: _reply("The user", "new_user")},
            handler=admin.create_user,
            body=Record({"email": _TEXT, "name": _TEXT, "surname": _TEXT, "identity_number": _TEXT}),
            body_sample=SAMPLES["new_user_request"],
            writes=True,
        ),
        row(
            "GET",
            _USERS + "/{user_id}",
            "user",
            "An end user",
            "Get User",
            {200: _reply("The user", "user")},
            handler=reads.user,
        ),
        row(
            "GET",
            _USERS + "/{user_id}/wallet/summary",
            "wallet",
            "Balances of a user's wallet",
            "Wallet Summary",
            {200: Reply("The wallet", like(SAMPLES["wallet"]), SAMPLES["wallet"])},
            handler=reads.wallet,
        ),
    ]
