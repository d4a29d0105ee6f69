"""What the tests of the signing core share. The oracle is eth-account; no expected value comes from the code under test."""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data

from orderseal.signing import Domain, LocalSigner, Order

Oracle = Callable[[Mapping[str, Any]], bytes]


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """The signing hash of a typed-data document, as eth-account computes it."""

    def digest(document: Mapping[str, Any]) -> bytes:
        return bytes(_hash_eip191_message(encode_typed_data(full_message=dict(document))))

    return digest


@pytest.fixture(scope="session")
def vectors() -> list[dict[str, Any]]:
    """The 65 cases of ethers.js that ship with the fixtures."""
    text = files("orderseal.fixtures.vectors").joinpath("eip712-ethers.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def signer() -> LocalSigner:
    """The key of web3.js's documentation: public, and worth nothing."""
    return LocalSigner.from_key("0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")


@pytest.fixture
def stranger() -> LocalSigner:
    """Another key."""
    return LocalSigner.from_key("00" * 31 + "07")


@pytest.fixture
def domain() -> Domain:
    """The venue's documented domain on BSC Testnet (Stove, *Order Signature*)."""
    return Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")


@pytest.fixture
def order(signer: LocalSigner) -> Order:
    """An order that can be meant, of the signer."""
    return Order(
        maker=signer.address,
        principal="0xabcdefabcdefabcdefabcdefabcdefabcdefabcd",  # type: ignore[arg-type]
        is_buy=True,
        ticker="AAPL",
        exchange=0,
        asset="0x0000000000000000000000000000000000000001",  # type: ignore[arg-type]
        price=150250000000000000000,
        quantity=100,
        incentive=1000000000000000000,
        deadline=1800000000,
        nonce=7,
    )


@pytest.fixture
def mail() -> dict[str, Any]:
    """The example of EIP-712 itself."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
            "Mail": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"}, {"name": "contents", "type": "string"}],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail",
            "version": "1",
            "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
            "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
            "contents": "Hello, Bob!",
        },
    }
