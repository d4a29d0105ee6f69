"""Where the client may send: TLS everywhere but on loopback, and nothing guessed."""

from dataclasses import replace

import pytest

from orderseal.api import stove
from orderseal.signing import Address, InvalidInput, Token

GOOD = [
    "https://api.example.com",
    "https://api.example.com:8443",
    "https://api.example.com/gateway",
    "https://192.0.2.1",
    "https://[2001:db8::1]:8443",
    "http://127.0.0.1:8123",
    "http://127.9.8.7:1",
    "http://localhost:8123",
    "http://LOCALHOST:8123",
    "http://[::1]:1",
]

PLAIN = [
    "http://api.example.com",
    "HTTP://api.example.com",
    "hTTp://192.0.2.1",
    "http://localhost.evil.com",
    "http://127.0.0.1.evil.com",
    "http://evil.com/127.0.0.1",
    "http://0.0.0.0:80",
    "http://[::]:80",
    "http://10.0.0.1",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://127。0。0。1",
    "http://localhost.",
    "http://api-localhost",
]

MALFORMED = [
    "",
    " ",
    "api.example.com",
    "//api.example.com",
    "ftp://127.0.0.1",
    "ws://127.0.0.1:1",
    "wss://api.example.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
    "https:///path",
    "https://:443",
    "https://api.example.com:0",
    "https://api.example.com:65536",
    "https://api.example.com:-1",
    "https://api.example.com:http",
    "https://[::1",
    "https://user@api.example.com",
    "https://user:hunter2@api.example.com",
    "http://127.0.0.1@evil.com",
    "http://127.0.0.1:80@evil.com",
    "http://127.0.0.1#@evil.com",
    "http://127.0.0.1?@evil.com",
    "http://127.0.0.1\\@evil.com",
    "http://evil.com\\.localhost",
    "http://localhost%00.evil.com",
    "https://api.example.com?x=1",
    "https://api.example.com#x",
    "https://api.example.com ",
    " https://api.example.com",
    "https://api.example.com/ x",
    "https://api.example.com\r\nX-Evil: 1",
    "https://api\texample.com",
    "https://api.example.com\u00a0",
    "https://api.example.com\u2028",
]


@pytest.mark.parametrize("url", GOOD)
def test_https_anywhere_and_plain_http_on_loopback(url: str) -> None:
    network = stove.TESTNET.at(url)
    assert network.base_url == url
    assert stove.TESTNET.at(url + "/").base_url == url


@pytest.mark.parametrize("url", PLAIN)
def test_plain_http_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        stove.TESTNET.at(url)
    assert caught.value.path == "base_url"
    assert "https://" in caught.value.expected
    assert "plain http to" in caught.value.actual or not url.isascii()


@pytest.mark.parametrize("url", MALFORMED, ids=ascii)
def test_what_is_no_root_of_a_service_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        stove.TESTNET.at(url)
    assert caught.value.path == "base_url"
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("url", [None, 3, b"https://api.example.com", ["https://api.example.com"]])
def test_a_url_is_text(url: object) -> None:
    with pytest.raises(InvalidInput):
        stove.TESTNET.at(url)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:hunter2@api.example.com",
        "https://user:hunter2@api.example.com:99999",
        "https://user:hunter2@",
        "api.example.com/v3/hunter2",
        "ftp://api.example.com/hunter2",
        "https:///hunter2",
    ],
)
def test_a_password_in_a_url_is_not_repeated_whatever_else_is_wrong(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        stove.TESTNET.at(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://api.example.com/?", "https://api.example.com/#", "https://api.example.com?", "https://api.example.com#"]
)
def test_an_empty_query_or_fragment_is_refused_too(url: str) -> None:
    """A path appended to it would end up in the query."""
    with pytest.raises(InvalidInput):
        stove.TESTNET.at(url)


@pytest.mark.parametrize("url", ["https://ex\x7fample.com", "https://exämple..com", "https://\ud800.com"], ids=ascii)
def test_a_host_that_cannot_be_is_refused_before_httpx_sees_it(url: str) -> None:
    """Otherwise ``httpx.InvalidURL`` escapes when the client is made."""
    with pytest.raises(InvalidInput):
        stove.TESTNET.at(url)


def test_testnet_is_what_the_venue_publishes() -> None:
    network = stove.TESTNET
    assert network.base_url == "https://api-qa.proto.stove.finance"
    assert network.chain_id == 97
    assert str(network.settlement) == "0xCB310C56A19078aA969A922f382613d932D89D83"
    assert {symbol: (str(token.address), token.decimals, token.chain_id) for symbol, token in network.tokens.items()} == {
        "USDT": ("0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91", 18, 97),
        "USDC": ("0x5f3733f382ab5d464D39742Bb3840898cD24E6a0", 18, 97),
    }
    assert network.domain.separator.hex() == "2c96112fa55657382cc1ad45aed47deba93d96237d10df18585610c5d362e1ae"


def test_at_changes_the_address_of_the_service_and_nothing_else() -> None:
    moved = stove.TESTNET.at("http://127.0.0.1:1")
    assert moved.base_url == "http://127.0.0.1:1"
    assert replace(moved, base_url=stove.TESTNET.base_url) == stove.TESTNET
    assert moved.domain == stove.TESTNET.domain
    assert stove.TESTNET.base_url == "https://api-qa.proto.stove.finance"


def test_a_network_takes_only_tokens_of_its_chain() -> None:
    stranger = Token("USDT", Address("0x" + "11" * 20), decimals=18, chain_id=56)
    with pytest.raises(InvalidInput, match=r"tokens\.USDT.*chain 97"):
        replace(stove.TESTNET, tokens={"USDT": stranger})


def test_tokens_cannot_be_changed_afterwards() -> None:
    given = dict(stove.TESTNET.tokens)
    network = replace(stove.TESTNET, tokens=given)
    given.clear()
    assert set(network.tokens) == {"USDT", "USDC"}
    with pytest.raises(TypeError):
        network.tokens["USDT"] = None  # type: ignore[index]  # on purpose


def test_finding_a_token() -> None:
    usdt = stove.TESTNET.token("USDT")
    assert stove.TESTNET.token(usdt) is usdt
    for wrong in ("usdt", "EUR", "", Token("USDT", Address("0x" + "11" * 20), decimals=18, chain_id=97), replace(usdt, decimals=6)):
        with pytest.raises(InvalidInput, match="USDC, USDT"):
            stove.TESTNET.token(wrong)


@pytest.mark.parametrize("which", [None, 3, [], {}])
def test_a_token_is_named_by_text(which: object) -> None:
    with pytest.raises(InvalidInput):
        stove.TESTNET.token(which)  # type: ignore[arg-type]  # on purpose
