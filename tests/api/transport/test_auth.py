"""Who we are: renewed once for many, before a write, and never shown."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api.transport import BearerAuth, Call, Caller, Grant, HmacAuth, KeyAuth, PasswordAuth, Request, TokenAuth, TokenKeeper
from orderseal.signing import InvalidInput, InvalidReply, OrdersealError, RateLimited, Refused, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer, Seen
    from tests.api.transport.conftest import Venue

PATH, LOGIN, REFRESH, OAUTH = "/things/t1", "/auth/authenticate", "/auth/refresh", "/v2/oauth/token"


class Tokens:
    """Issues tokens and answers only the newest."""

    def __init__(self, venue: Venue, kit: Kit, server: RawServer, **grant: Any) -> None:
        self.venue, self.kit, self.grant, self.valid = venue, kit, grant, ""
        self.made: list[str] = []
        for path in (LOGIN, REFRESH, OAUTH):
            server.routes[path] = self.issue
        server.routes[PATH] = self.serve

    def issue(self, _seen: Seen) -> bytes:
        self.valid = self.kit._watch.hide(f"access-token-{len(self.made)}-{id(self)}")
        self.made.append(self.valid)
        refresh = self.kit._watch.hide(f"refresh-{len(self.made)}-{id(self)}")
        body = {"access_token": self.valid, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600}
        return self.venue.reply(200, body | self.grant)

    def serve(self, seen: Seen) -> bytes:
        return self.venue.reply() if seen.token == self.valid else self.venue.error(401, "expired")


def key_auth(kit: Kit, **options: Any) -> KeyAuth:
    return KeyAuth(
        kit._watch.hide("api-key-123456"), kit._watch.hide("secret-key-123456"), headers={"X-Target-Server": "authentication"}, **options
    )


async def test_many_requests_with_one_expired_token(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    tokens = Tokens(venue, kit, server)
    caller = caller_of(server.url, auth=key_auth(kit), headers={"X-Target-Server": "integration"})
    await asyncio.gather(*[caller.read(venue.call()) for _ in range(30)])
    assert (server.count(LOGIN), server.count(REFRESH)) == (1, 0)
    tokens.valid = "another"  # The venue forgets it.
    await asyncio.gather(*[caller.read(venue.call()) for _ in range(40)])
    assert (server.count(LOGIN), server.count(REFRESH)) == (1, 1)
    login = server.last(LOGIN)
    assert login.json == {"api_key": "api-key-123456", "secret_key": "secret-key-123456"}
    assert (login.headers["x-target-server"], server.last(PATH).headers["x-target-server"]) == ("authentication", "integration")
    assert "authorization" not in login.headers
    assert "authorization" not in server.last(REFRESH).headers
    assert set(server.last(REFRESH).json) == {"refresh_token"}


async def test_a_refused_token_renews_a_read_once(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    Tokens(venue, kit, server)
    server.routes[PATH] = venue.error(401)
    await kit.raises(caller_of(server.url, auth=key_auth(kit)).read(venue.call()), Unauthorized)
    assert [seen.path for seen in server.seen] == [LOGIN, PATH, REFRESH, PATH]


async def test_a_write_with_a_refused_token_is_sent_once(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    tokens = Tokens(venue, kit, server)
    caller = caller_of(server.url, auth=key_auth(kit))
    await caller.renew()
    tokens.valid = "another"
    await kit.raises(caller.write(venue.call(method="POST")), Unauthorized)
    assert server.count(PATH) == 1
    await caller.write(venue.call(method="POST"))  # The caller's own second try brings a fresh token.
    assert [seen.path for seen in server.seen] == [LOGIN, PATH, REFRESH, PATH]


async def test_a_token_that_is_due_is_renewed_before_a_write(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    now = 1000.0
    tokens = Tokens(venue, kit, server)
    caller = caller_of(server.url, auth=key_auth(kit, clock=lambda: now))
    await caller.write(venue.call())
    now += 2699
    await caller.write(venue.call())
    assert len(tokens.made) == 1
    now += 2
    await asyncio.gather(*[caller.write(venue.call()) for _ in range(10)])
    assert len(tokens.made) == 2
    assert (server.count(REFRESH), server.count(PATH)) == (1, 12)


async def test_a_refresh_that_is_refused_falls_back_to_the_key(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    tokens = Tokens(venue, kit, server)
    caller = caller_of(server.url, auth=key_auth(kit))
    await caller.read(venue.call())
    tokens.valid = "another"
    server.routes[REFRESH] = venue.error(401, "invalid refresh token")
    await caller.read(venue.call())
    assert [seen.path for seen in server.seen] == [LOGIN, PATH, PATH, REFRESH, LOGIN, PATH]


async def test_a_refresh_that_comes_too_often_does_not_fall_back(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    tokens = Tokens(venue, kit, server)
    caller = caller_of(server.url, auth=key_auth(kit))
    await caller.read(venue.call())
    tokens.valid = "another"
    server.routes[REFRESH] = venue.error(429)
    await kit.raises(caller.read(venue.call()), RateLimited)
    assert server.count(LOGIN) == 1


async def test_a_failed_login_is_shared_and_is_no_failed_write(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    server.routes[LOGIN] = kit.plays(lambda _: time.sleep(0.1))
    caller = caller_of(server.url, auth=key_auth(kit))
    results = await asyncio.gather(*[caller.write(venue.call()) for _ in range(20)], return_exceptions=True)
    assert {type(result) for result in results} == {Unreachable}
    assert (server.count(LOGIN), server.count(PATH)) == (4, 0)
    server.routes[LOGIN] = venue.error(401, "wrong key")
    error = await kit.raises(caller.write(venue.call()), Unauthorized)
    assert "log in" in str(error)
    assert server.count(PATH) == 0


async def test_a_cancelled_login_serves_the_others(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    tokens = Tokens(venue, kit, server)
    server.routes[LOGIN] = [server.hang, tokens.issue]
    caller = caller_of(server.url, auth=key_auth(kit))
    first = asyncio.create_task(caller.write(venue.call()))
    await asyncio.to_thread(server.wait, LOGIN)
    second = asyncio.create_task(caller.write(venue.call()))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second).id == "t1"
    assert server.count(PATH) == 1


ODD = ["a\r\nX-Evil: 1", "a b", "", "x" * 8193, "é", 'a"', None, 7, "a\x00"]


@pytest.mark.parametrize("token", ODD, ids=lambda token: ascii(token)[:15])
async def test_a_token_that_would_forge_a_header(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], token: Any
) -> None:
    Tokens(venue, kit, server, access_token=token)
    await kit.raises(caller_of(server.url, auth=key_auth(kit)).write(venue.call()), InvalidReply)
    assert server.count(PATH) == 0
    if isinstance(token, str) and token not in ("a b", 'a"', "é"):
        with pytest.raises(InvalidInput) as caught:
            TokenAuth(token)
        assert not token or token not in str(caught.value)


@pytest.mark.parametrize("refresh", ["a\nb", "x" * 9000, 7])
async def test_an_odd_refresh_token(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], refresh: Any) -> None:
    Tokens(venue, kit, server, refresh_token=refresh)
    await kit.raises(caller_of(server.url, auth=key_auth(kit)).read(venue.call()), InvalidReply)


@pytest.mark.parametrize("expires", [None, "soon", -5, 0, 1e308, True, [], 10**40, 3600.5], ids=str)
async def test_an_absurd_life(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], expires: Any) -> None:
    Tokens(venue, kit, server, expires_in=expires)
    caller = caller_of(server.url, auth=key_auth(kit))
    for _ in range(4):
        await caller.read(venue.call())
    assert server.count(LOGIN) == 1


def password_auth(kit: Kit, **options: Any) -> PasswordAuth:
    hide = kit._watch.hide
    return PasswordAuth(
        client_id=hide("client-id-1234"),
        client_secret=hide("client-secret-1234"),
        username=hide("who@example.com"),
        password=hide("pass-w0rd-1"),
        **options,
    )


@pytest.mark.parametrize(
    ("grant", "life"),
    [
        ({"expires_in": 1741604226, "created_at": 1741603326}, 900.0),
        ({"expires_in": 1741604226}, 226.0),
        ({"expires_in": 900}, 900.0),
        ({"expires_in": 1741604226, "created_at": "x"}, 226.0),
        ({"expires_in": 1741604226000}, None),
        ({"expires_in": True}, None),
        ({"expires_in": 1741603999}, 0.0),
    ],
)
async def test_the_password_grant(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], grant: Any, life: float | None
) -> None:
    """``expires_in`` is a time stamp there (TokenizationTR, *create-token*)."""
    now = 50.0
    tokens = Tokens(venue, kit, server, **grant)
    caller = caller_of(server.url, auth=password_auth(kit, clock=lambda: 1741604000.0, elapsed=lambda: now))
    await caller.read(venue.call())
    assert server.last(OAUTH).json == {
        "client_id": "client-id-1234",
        "client_secret": "client-secret-1234",
        "grant_type": "password",
        "username": "who@example.com",
        "password": "pass-w0rd-1",
    }
    expected = 3600.0 if life is None else life
    now += max(expected * 0.75, 1.0) - 0.01
    await caller.read(venue.call())
    assert len(tokens.made) == 1
    now += 0.02
    await caller.read(venue.call())
    assert len(tokens.made) == 2


async def test_the_tokens_own_expiry_is_the_last_resort(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"expiration": 1741604100}).encode()).rstrip(b"=").decode()
    now = 0.0
    Tokens(venue, kit, server, expires_in=None, access_token=kit._watch.hide(f"eyJhbGci.{claims}.c2ln"))
    server.routes[PATH] = venue.reply()
    caller = caller_of(server.url, auth=password_auth(kit, clock=lambda: 1741604000.0, elapsed=lambda: now))
    await caller.read(venue.call())
    now = 76.0
    await caller.read(venue.call())
    assert server.count(OAUTH) == 2


@pytest.mark.parametrize(("options", "expected"), [({}, "Bearer tok-1234567"), ({"prefix": ""}, "tok-1234567")])
async def test_a_static_token(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], options: Any, expected: str
) -> None:
    server.routes[PATH] = venue.error(401)
    caller = caller_of(server.url, auth=TokenAuth(kit._watch.hide("tok-1234567"), **options))
    await kit.raises(caller.read(venue.call()), Unauthorized)
    assert server.last(PATH).headers["authorization"] == expected
    assert server.count() == 1  # Nothing can be renewed.


async def test_hmac(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    """Stove, *Taker authentication*: the exact bytes of the wire are signed."""
    secret = kit._watch.hide("hmac-secret-1")
    server.otherwise = venue.reply()
    caller = caller_of(server.url, auth=HmacAuth(kit._watch.hide("hmac-key-1"), secret, clock=lambda: 1746774142.003))
    await caller.write(Call("lock", "POST", "/api/v1/orders/lock", venue.Thing, raw=b'{"order_hash":"0x1234..."}'))
    await caller.read(Call("list", "get", "/api/v1/orders", venue.Thing, query={"a": "x y&ü", "b": [1, 2]}))
    await caller.read(Call("list", "GET", "/api/v1/orders", venue.Thing))
    strings = [
        'POST|/api/v1/orders/lock|1746774142003|{"order_hash":"0x1234..."}',
        "GET|/api/v1/orders|1746774142003|" + server.seen[1].target.partition("?")[2],
        "GET|/api/v1/orders|1746774142003|",
    ]
    assert server.seen[1].target == "/api/v1/orders?a=x%20y%26%C3%BC&b=1&b=2"
    for seen, string in zip(server.seen, strings, strict=True):
        assert seen.headers["x-api-timestamp"] == "1746774142003"
        assert seen.headers["x-api-key"] == "hmac-key-1"
        digest = hmac.new(secret.encode(), string.encode(), hashlib.sha256).digest()
        assert seen.headers["x-api-signature"] == base64.b64encode(digest).decode()


def test_secrets_are_not_shown_nor_pickled(kit: Kit) -> None:
    async def log_in(ask: Any, last: Grant | None) -> Grant:
        return Grant("t")

    for auth in (TokenAuth("tok-1234567"), HmacAuth("key-1", "secret-1"), key_auth(kit), password_auth(kit), BearerAuth(log_in)):
        assert repr(auth) == f"{type(auth).__name__}(…)"
        with pytest.raises(TypeError):
            pickle.dumps(auth)
    assert repr(Grant("tok-1234567", 5.0, "refresh-1")) == "Grant(lives=5.0)"
    call = Call("x", "POST", "/a", dict, body={"password": "pw-1"}, headers={"A": "tok-1"}, query={"q": "who"}, secrets=("pw-1",))
    shown = repr(call) + repr(call.request(takes_effect=True)) + repr(Request("x", "GET", "/", headers={"A": "tok-1"}))
    assert not any(secret in shown for secret in ("pw-1", "tok-1", "who"))


@pytest.mark.parametrize("secret", ["", "a\nb", " a", "x" * 9000, None, 7, b"x"], ids=lambda s: ascii(s)[:10])
def test_secrets_that_cannot_be(secret: Any) -> None:
    for make in (lambda: TokenAuth(secret), lambda: HmacAuth("k", secret), lambda: KeyAuth("k", secret), lambda: KeyAuth(secret, "s")):
        with pytest.raises(InvalidInput) as caught:
            make()
        assert "not shown" in str(caught.value)


@pytest.mark.parametrize("given", [("k", "s", "query"), ("ü", "s", "headers"), ("k", "ü", "headers")], ids=["elsewhere", "key", "secret"])
def test_keys_that_no_header_can_hold(given: Any) -> None:
    key, secret, where = given
    with pytest.raises(InvalidInput) as caught:
        KeyAuth(key, secret, key_in=where)
    assert caught.value.path == "key_in"
    assert "ü" not in str(caught.value)


async def test_a_login_that_breaks_our_own_rules(kit: Kit, venue: Venue, caller_of: Callable[..., Caller], server: RawServer) -> None:
    async def log_in(ask: Any, last: Grant | None) -> Grant:
        return Grant("a\r\nb")

    with pytest.raises(OrdersealError):
        await caller_of(server.url, auth=BearerAuth(log_in)).write(venue.call())
    assert server.seen == []


async def test_the_token_is_forgotten(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    Tokens(venue, kit, server)
    auth = key_auth(kit)
    assert auth.due()
    async with caller_of(server.url, auth=auth) as caller:
        await caller.read(venue.call())
        assert not auth.due()
    assert auth.due()
    assert auth._keeper._last is None


async def test_a_gateway_that_refuses_the_token_in_its_own_words(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    Tokens(venue, kit, server)
    server.routes[PATH] = [venue.reply(401, b"<html>"), venue.reply()]
    await caller_of(server.url, auth=key_auth(kit)).read(venue.call())
    assert [seen.path for seen in server.seen] == [LOGIN, PATH, REFRESH, PATH]
    assert issubclass(Unauthorized, Refused)


async def test_one_renewal_a_read_whatever_lies_between(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]
) -> None:
    Tokens(venue, kit, server)
    server.routes[PATH] = [venue.error(401), venue.error(503), venue.error(401), venue.reply()]
    await kit.raises(caller_of(server.url, auth=key_auth(kit)).read(venue.call()), Unauthorized)
    assert (server.count(PATH), server.count(LOGIN) + server.count(REFRESH)) == (3, 2)


async def test_a_late_refusal_of_the_old_token_keeps_the_new_one() -> None:
    keeper = TokenKeeper()
    keeper.keep(Grant("new", 3600.0))
    keeper.drop("old")
    assert not keeper.due()
    keeper.drop("new")
    assert keeper.due()
