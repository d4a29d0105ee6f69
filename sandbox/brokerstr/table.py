"""Every documented endpoint of BrokersTR, with its page's request and reply form."""

from __future__ import annotations

from typing import Any

from orderseal.sandbox.brokerstr.access import Access
from orderseal.sandbox.brokerstr.service import Service
from orderseal.sandbox.brokerstr.tokens import LEFT_OUT
from orderseal.sandbox.twins.endpoint import Endpoint, Parameter, Reply
from orderseal.sandbox.twins.samples import load
from orderseal.sandbox.twins.shapes import Choice, Flag, Items, Moment, Nullable, Record, Text, Whole, like

SAMPLES = load("orderseal.sandbox.brokerstr")
BASE = "/api/v1/integration"

_ID = Text(low=1, high=64)
_NAME = Text(low=1, high=255)
_CHAIN = Whole(low=0)
_MANY = Parameter(Whole(), about="default 1"), Parameter(Whole(), about="default 20")
_PAGES = {"page": _MANY[0], "per_page": _MANY[1]}
_MARKETS = Record({"is_all_market": Flag(), "market_ids": Items(_ID)}, optional=("market_ids",))
_MARKETS_SAMPLE = {"is_all_market": True, "market_ids": []}
_LOGIN = Record(
    {"type": Whole(1, 2), "username": _NAME, "password": _NAME, "token": Text(low=1, high=4096)}, optional=("username", "password", "token")
)
_WEBHOOK = Record(
    {"host": _NAME, "path": _NAME, "method": Whole(1, 5), "authentication": _LOGIN, "timeout": Whole(1, 3600)},
    optional=("authentication", "timeout"),
)
_WEBHOOK_SAMPLE = {
    "host": "https://webhook.example.com",
    "path": "/webhook",
    "method": 1,
    "authentication": {"type": 1, "username": "user", "password": "secret"},
    "timeout": 30,
}

_TOKEN = SAMPLES["token"]
_TOKEN_SHAPE = like(_TOKEN | {"deleted_at": None}, absent=("deleted_at",))
_SHORT = {name: value for name, value in _TOKEN.items() if name not in LEFT_OUT} | {"currency_token": SAMPLES["currency_token"]}
_LISTED = _TOKEN | {"currency_token": {"id": _TOKEN["currency_token_id"], **SAMPLES["currency_token"], "chain_id": 17000}}
_MARKET = Reply("The market", like(SAMPLES["market"], maybe=("webhook",), absent=("timeout", "authentication"), free=("authentication",)))
_TOKENS = Reply("Access and refresh token", like(SAMPLES["login"]), SAMPLES["login"])


def _token_reply(about: str) -> Reply:
    return Reply(about, _TOKEN_SHAPE, _TOKEN)


def _page(name: str, sample: Any) -> Reply:
    body = {name: [sample], "total": 1, "page": 1, "per_page": 1}
    return Reply("One page", like(body | {name: [sample | {"deleted_at": None}]}, absent=("deleted_at",)), body)


def endpoints(access: Access, service: Service) -> list[Endpoint]:
    """Return the table."""

    def row(method: str, path: str, **parts: Any) -> Endpoint:
        target = "authentication" if path.startswith("/auth/") else "integration"
        header = {"X-Target-Server": Parameter(Choice((target,)), required=True)}
        scheme = None if target == "authentication" else "bearer"
        return Endpoint(method=method, path=BASE + path, scheme=scheme, headers=header | parts.pop("headers", {}), **parts)

    kyc_token, kyc_address = Reply("The association", like(SAMPLES["kyc_token"])), Reply("The address", like(SAMPLES["kyc_address"]))
    return [
        row(
            "POST",
            "/auth/authenticate",
            name="authenticate",
            about="Exchange API key and secret, in the body or in the headers, for tokens",
            source="Authentication",
            handler=access.authenticate,
            headers={"Api-Key": Parameter(Text()), "Api-Secret": Parameter(Text())},
            body=Record({"api_key": Text(), "secret_key": Text()}),
            body_needed=False,
            body_sample={"api_key": "...", "secret_key": "..."},
            replies={200: _TOKENS},
        ),
        row(
            "POST",
            "/auth/refresh",
            name="refresh",
            about="Exchange a refresh token for new tokens",
            source="/intro names it; body and reply are those of a sibling product of the same vendor",
            handler=access.refresh,
            body=Record({"refresh_token": Text()}),
            body_sample={"refresh_token": "abc123def456..."},
            replies={200: _TOKENS},
        ),
        row(
            "POST",
            "/tokens/external/{external_id}",
            name="create_token_by_external_id",
            about="Associate a token of the tokenization system",
            source="Create Token by External ID",
            handler=service.create_token,
            body=_MARKETS,
            body_sample=_MARKETS_SAMPLE,
            replies={201: _token_reply("The created token")},
            writes=True,
        ),
        row(
            "GET",
            "/tokens/external/{external_id}",
            name="token_by_external_id",
            about="Read a token by its external id",
            source="Get Token by External ID",
            handler=service.token_by_external_id,
            replies={200: Reply("The token", like(_SHORT | {"deleted_at": None}, absent=("deleted_at",)), _SHORT)},
        ),
        row(
            "GET",
            "/tokens/markets/{market_id}/all",
            name="market_tokens",
            about="List the tokens of a market",
            source="Get Tokens by Market",
            handler=service.market_tokens,
            query=_PAGES,
            replies={200: _page("tokens", _LISTED)},
        ),
        row(
            "GET",
            "/tokens/{id}",
            name="token",
            about="Read a token",
            source="Get Token by ID",
            handler=service.token,
            replies={200: _token_reply("The token")},
        ),
        row(
            "PUT",
            "/tokens/{token_id}/markets",
            name="replace_markets",
            about="Replace the markets of a token",
            source="Update Token Markets",
            handler=service.replace_markets,
            body=_MARKETS,
            body_sample=_MARKETS_SAMPLE,
            replies={
                200: Reply(
                    "The new assignments",
                    like({"distributor_market_tokens": [SAMPLES["market_row"]], "total": 1}),
                    {"distributor_market_tokens": [SAMPLES["market_row"]], "total": 1},
                )
            },
            writes=True,
        ),
        row(
            "POST",
            "/tokens/{token_id}/kyc-tokens",
            name="add_kyc_token",
            about="Attach a KYC address to a token",
            source="Create KYC Token",
            handler=service.add_kyc_token,
            body=Record({"kyc_address_id": _ID, "chain_id": _CHAIN, "hash": _NAME, "is_approved": Flag()}),
            replies={201: kyc_token},
            writes=True,
        ),
        row(
            "PUT",
            "/tokens/{token_id}/kyc-tokens/{id}",
            name="change_kyc_token",
            about="Change such an association",
            source="Update KYC Token",
            handler=service.change_kyc_token,
            body=Record({"chain_id": _CHAIN, "hash": _NAME, "is_approved": Flag()}, optional=("chain_id", "hash", "is_approved")),
            replies={200: kyc_token},
            writes=True,
        ),
        row(
            "POST",
            "/markets",
            name="create_market",
            about="Create a market",
            source="Create Market",
            handler=service.create_market,
            body=Record({"node_id": _ID, "domain": _NAME, "webhook": Nullable(_WEBHOOK)}, optional=("webhook",)),
            body_sample={"node_id": _TOKEN["node_id"], "domain": "market.example.com", "webhook": _WEBHOOK_SAMPLE},
            replies={201: _MARKET},
            writes=True,
        ),
        row(
            "PUT",
            "/markets/{id}",
            name="change_market",
            about="Change a market; an absent webhook stays, null removes it",
            source="Update Market",
            handler=service.change_market,
            body=Record({"domain": _NAME, "webhook": Nullable(_WEBHOOK)}, optional=("domain", "webhook")),
            body_sample={"webhook": None},
            replies={200: _MARKET},
            writes=True,
        ),
        row(
            "GET",
            "/nodes/{id}/children",
            name="node_children",
            about="List the nodes below a node",
            source="Get Node Children",
            handler=service.node_children,
            query={"page": _MANY[0], "per_page": Parameter(Whole(), about="default 100")},
            replies={200: _page("nodes", SAMPLES["child_node"])},
        ),
        row(
            "POST",
            "/kyc-addresses/markets/{market_id}",
            name="add_kyc_address",
            about="Add a KYC address to a market",
            source="Create KYC Address",
            handler=service.add_kyc_address,
            body=Record({"chain_id": _CHAIN, "name": _NAME, "address": _NAME}),
            replies={201: kyc_address},
            writes=True,
        ),
        row(
            "GET",
            "/kyc-addresses/markets/{market_id}",
            name="kyc_addresses",
            about="List the KYC addresses of a market",
            source="Get KYC Addresses by Market",
            handler=service.kyc_addresses,
            query=_PAGES | {"chain_id": Parameter(Whole())},
            replies={200: _page("kyc_addresses", SAMPLES["kyc_address"])},
        ),
        row(
            "PUT",
            "/kyc-addresses/{id}",
            name="change_kyc_address",
            about="Change a KYC address",
            source="Update KYC Address",
            handler=service.change_kyc_address,
            body=Record({"chain_id": _CHAIN, "name": _NAME, "address": _NAME}, optional=("chain_id", "name", "address")),
            replies={200: kyc_address},
            writes=True,
        ),
        row(
            "GET",
            "/external-purchases/markets/{market_id}",
            name="external_purchases",
            about="List the on-chain purchases of a market",
            source="Get External Purchases by Market",
            handler=service.external_purchases,
            query={"start_date": Parameter(Moment(), required=True), "end_date": Parameter(Moment(), required=True)},
            replies={200: _page("purchases", SAMPLES["purchase"])},
        ),
    ]
