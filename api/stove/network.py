"""Where a Stove order goes: chain, contract, tokens and address of the service. Nothing is guessed from a URL."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Self

from orderseal.api.transport import check_base_url
from orderseal.signing import Address, AddressLike, DeadlineRule, Domain, InvalidInput, Token, describe
from orderseal.signing.ledger import Scope

__all__ = ["TESTNET", "Network", "order_scope"]


@dataclass(frozen=True)
class Network:
    """One deployment of the venue.

    The venue publishes its test deployment only (:data:`TESTNET`). For another one, make a ``Network`` from facts that you
    have from the venue; there is no default.

    Attributes:
        name: for people.
        base_url: of the HTTP service, https, or http on loopback.
        chain_id: the EIP-155 chain id.
        settlement: the ``RFQSettlement`` contract, which checks the signatures.
        tokens: the payment tokens, by symbol.
        deadline_rule: how far away a deadline must be.
        domain: the EIP-712 domain of its orders; made from the above.
    """

    name: str
    base_url: str
    chain_id: int
    settlement: Address
    tokens: Mapping[str, Token]
    deadline_rule: DeadlineRule = field(default_factory=DeadlineRule)
    domain: Domain = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "base_url", check_base_url(self.base_url, "base_url"))
        put(self, "tokens", MappingProxyType(dict(self.tokens)))
        for symbol, token in self.tokens.items():
            if token.chain_id != self.chain_id:
                raise InvalidInput(path=f"tokens.{symbol}", expected=f"a token on chain {self.chain_id}", actual=f"one on {token.chain_id}")
        put(self, "settlement", Address(self.settlement))
        put(self, "domain", Domain(name="RFQSettlement", version="1", chain_id=self.chain_id, verifying_contract=self.settlement))

    def at(self, base_url: str) -> Self:
        """The same chain, contracts and tokens, served from another address: ``TESTNET.at(sandbox.url)``."""
        return replace(self, base_url=base_url)

    def token(self, which: str | Token) -> Token:
        """Find a payment token by its symbol; a ``Token`` must be one of the network's."""
        if isinstance(which, Token):
            if which in self.tokens.values():
                return which
            raise InvalidInput(path="token", expected=f"one of {self._symbols()} of {self.name}", actual=f"{which} at {which.address}")
        if not isinstance(which, str) or which not in self.tokens:
            hint = f"Write {which.upper()}" if isinstance(which, str) and which.upper() in self.tokens else ""
            raise InvalidInput(path="token", expected=f"one of {self._symbols()}", actual=describe(which), hint=hint)
        return self.tokens[which]

    def _symbols(self) -> str:
        return ", ".join(sorted(self.tokens))


def order_scope(network: Network, account: AddressLike) -> Scope:
    """Where a ledger keeps the nonces of an account's orders on a network: by chain and contract, wherever the service is."""
    return Scope("stove", f"{network.chain_id}:{str(network.settlement).lower()}", account)


def _token(symbol: str, address: str) -> Token:
    return Token(symbol, Address(address), decimals=18, chain_id=97)


TESTNET: Final = Network(
    name="Stove test network (BSC Testnet)",
    base_url="https://api-qa.proto.stove.finance",
    chain_id=97,
    settlement=Address("0xCB310C56A19078aA969A922f382613d932D89D83"),
    tokens={
        "USDT": _token("USDT", "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91"),
        "USDC": _token("USDC", "0x5f3733f382ab5d464D39742Bb3840898cD24E6a0"),
    },
)
"""The venue's test deployment: chain 97, with the mock tokens of its testing guide, which anybody can mint."""
