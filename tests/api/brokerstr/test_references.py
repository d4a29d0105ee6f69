"""The two writes that no read settles, under references: sent once, given again, and open until a person says what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import brokerstr
from orderseal.api.brokerstr import AsyncClient, BasicAuthentication, TokenAuthentication, WebhookSettings, Written
from orderseal.signing import Address, InvalidInput, LedgerError, OutcomeUnknown, Refused, RuleViolation, Unauthorized, keccak256
from orderseal.signing.ledger import Ledger, State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.brokerstr.conftest import Platform
    from tests.api.conftest import Kit, Watch

Connect = Callable[..., AsyncClient]
HASH = "0x0af2fa067ab8725b44e1a77f8f9702f763e0fe68cc58a3cfd1987c6290fe24e6"


def market(client: AsyncClient, platform: Platform, reference: str = "market 7", **options: Any) -> Any:
    return client.create_market(platform.IDS["node"], options.pop("domain", "market.example.com"), reference=reference, **options)


def attach(client: AsyncClient, platform: Platform, reference: str = "kyc 7", **options: Any) -> Any:
    given = {"kyc_address_id": platform.IDS["kyc_address"], "chain_id": 17000, "kyc_hash": HASH, "is_approved": True} | options
    return client.attach_kyc_token(platform.IDS["token"], reference=reference, **given)


WRITES = {"create_market_bare": market, "attach_kyc_token": attach}


def answering(platform: Platform, name: str) -> str:
    """Let the platform answer as documented; give the path."""
    exchange = platform.EXCHANGES[name]
    platform.on(exchange["path"], platform.reply(platform.reply_of(exchange), exchange["status"]))
    return str(exchange["path"])


@pytest.mark.parametrize("name", WRITES)
async def test_the_same_again_gives_the_same_and_sends_nothing(name: str, platform: Platform, connect: Connect) -> None:
    path, write = answering(platform, name), WRITES[name]
    client = connect()
    first = await write(client, platform)
    assert (first.id, first.data.id, first.repeated) == (platform.reply_of(platform.EXCHANGES[name])["id"],) * 2 + (False,)
    for other in (client, connect()):
        again = await write(other, platform)
        assert again == Written(first.reference, first.id)
        assert again.repeated
    assert len(platform.asked(path)) == 1


async def test_other_content_is_an_error(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    answering(platform, "create_market_bare"), answering(platform, "attach_kyc_token")
    await market(client, platform)
    await attach(client, platform)
    hook = WebhookSettings("https://webhook.example.com", "/webhook")
    for other in (
        market(client, platform, domain="other.example.com"),
        market(client, platform, webhook=hook),
        market(client, platform, "kyc 7"),
        attach(client, platform, is_approved=False),
        attach(client, platform, kyc_hash=HASH.upper()),
    ):
        await kit.raises(other, InvalidInput)
    assert len(platform.asked()) == 2


@pytest.mark.parametrize("name", WRITES)
async def test_a_lost_answer_is_never_sent_again(name: str, platform: Platform, connect: Connect, kit: Kit) -> None:
    path, write, began = platform.EXCHANGES[name]["path"], WRITES[name], time.time()
    platform.on(path, b"")
    for other in (connect(), connect()):
        error = await kit.raises(write(other, platform), OutcomeUnknown)
        assert error.reference in ("market 7", "kyc 7")
        assert "no documented read shows it" in str(error)
        answering(platform, name)
    assert len(platform.asked(path)) == 1
    (lost,) = await connect().open_writes()
    assert (lost.path, lost.sending) == (path, False)
    assert lost.body == platform.EXCHANGES[name]["body"]
    assert began - 1 < lost.sent_at.timestamp() < time.time() + 1


@pytest.mark.parametrize("name", WRITES)
async def test_a_person_settles_or_dismisses(name: str, platform: Platform, client: AsyncClient, kit: Kit) -> None:
    path, write = platform.EXCHANGES[name]["path"], WRITES[name]
    platform.on(path, b"")
    for reference in ("one", "two"):
        await kit.raises(write(client, platform, reference), OutcomeUnknown)
    for wrong in ("", "a/b", "..", None, 7, "a\nb"):
        await kit.raises(client.settle("one", wrong), InvalidInput)  # type: ignore[arg-type]  # what is tested
    for wrong in ("", " ", None):
        await kit.raises(client.dismiss("one", wrong), InvalidInput)  # type: ignore[arg-type]  # what is tested
    await client.settle("one", "b25d4424-0000-4000-8000-000000000001")
    assert await write(client, platform, "one") == Written("one", "b25d4424-0000-4000-8000-000000000001")
    await client.dismiss("two", "Jane: it is not in the user interface")
    violation = await kit.raises(write(client, platform, "two"), RuleViolation)
    assert violation.rule == "reference_abandoned"
    assert await client.open_writes() == []
    for act in (client.settle("one", "x"), client.settle("two", "x"), client.dismiss("one", "x"), client.dismiss("never", "x")):
        error = await kit.raises(act, LedgerError)
        assert error.reason == "missing"
    assert len(platform.asked(path)) == 2


@pytest.mark.parametrize("name", WRITES)
async def test_a_refusal_spends_a_reference_and_a_401_does_not(name: str, platform: Platform, client: AsyncClient, kit: Kit) -> None:
    path, write = platform.EXCHANGES[name]["path"], WRITES[name]
    platform.on(path, [platform.error(401), platform.error(400)])
    await kit.raises(write(client, platform), Unauthorized)
    await kit.raises(write(client, platform), Refused)
    violation = await kit.raises(write(client, platform), RuleViolation)
    assert violation.rule == "reference_refused"
    first, second = platform.asked(path)
    assert first.body == second.body


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("bad", ["", "a/b", "..", "a\nb"])
async def test_an_id_that_is_none_leaves_it_open(name: str, bad: str, platform: Platform, client: AsyncClient, kit: Kit) -> None:
    exchange = platform.EXCHANGES[name]
    platform.on(exchange["path"], platform.reply(platform.reply_of(exchange) | {"id": bad}, exchange["status"]))
    await kit.raises(WRITES[name](client, platform), OutcomeUnknown)
    assert len(await client.open_writes()) == 1


@pytest.mark.parametrize("kind", ["password", "token"])
async def test_the_secret_of_a_webhook_is_not_in_the_ledger(
    kind: str, platform: Platform, client: AsyncClient, kit: Kit, watch: Watch, tmp_path: Path
) -> None:
    def hook(secret: str) -> WebhookSettings:
        login = BasicAuthentication("user", secret) if kind == "password" else TokenAuthentication(secret, member="key")
        return WebhookSettings("https://webhook.example.com", "/webhook", authentication=login)

    secret = watch.hide("pass-phrase-of-a-webhook")
    answering(platform, "create_market_bare")
    first = await market(client, platform, webhook=hook(secret))
    (sent,) = platform.asked()
    assert secret in sent.json["webhook"]["authentication"].values()
    assert await market(client, platform, webhook=hook(secret)) == Written("market 7", first.id)
    await kit.raises(market(client, platform, webhook=hook(watch.hide("another-pass-phrase"))), InvalidInput)
    platform.on("/markets", b"")
    await kit.raises(market(client, platform, "market 8", webhook=hook(secret)), OutcomeUnknown)
    (lost,) = await client.open_writes()
    hashes = [slot["content"]["body"]["webhook"]["authentication"] for slot in contents(platform.ledger)]
    assert len({str(one) for one in hashes}) == 2  # Each with a salt of its own.
    assert all("scrypt:" in str(one) for one in [*hashes, lost.body])
    platform.ledger.close()
    kept = on_disk(tmp_path)
    assert b"market.example.com" in kept
    assert secret.encode() not in kept
    assert secret.encode().hex().encode() not in kept


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def contents(ledger: Ledger) -> list[Any]:
    return [artifact for slot in ledger.slots() for artifact in ledger.to_json(slot)["artifacts"] if artifact["stage"] == "content"]


async def test_they_need_a_ledger(platform: Platform, connect: Connect, kit: Kit) -> None:
    client = connect(ledger=None)
    for act in (
        market(client, platform),
        attach(client, platform),
        client.open_writes(),
        client.settle("r", "x"),
        client.dismiss("r", "x"),
    ):
        error = await kit.raises(act, InvalidInput)
        assert error.path == "ledger"
    for wrong in ("bot.db", 7):
        with pytest.raises(InvalidInput):
            connect(ledger=wrong)
    assert platform.server.seen == []


def test_the_scope_is_the_hosts_or_a_name_of_yours() -> None:
    def scope(url: str, **options: Any) -> Any:
        return brokerstr.AsyncClient(url, "key", "secret", **options).scope

    for url in ("https://broker.example.com", "https://BROKER.example.com/", "https://broker.example.com/api/v1/integration"):
        found = scope(url)
        assert (found.venue, found.network, found.kind) == ("brokerstr", "broker.example.com", "write")
        assert found.account == Address(keccak256(b"brokerstr:broker.example.com")[12:])
    assert scope("https://broker.example.com", account="desk").account == Address(keccak256(b"brokerstr:desk")[12:])
    for wrong in ("", "a\nb", 7):
        with pytest.raises(InvalidInput):
            scope("https://broker.example.com", account=wrong)


async def test_a_refused_login_keeps_the_wish(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.server.routes[platform.LOGIN] = platform.error(401)
    await kit.raises(market(client, platform), Unauthorized)
    assert await client.open_writes() == []
    assert [slot.state for slot in platform.ledger.slots()] == [State.SIGNED]  # The same may be asked for again.
    platform.server.routes[platform.LOGIN] = platform.grant
    answering(platform, "create_market_bare")
    assert not (await market(client, platform)).repeated
