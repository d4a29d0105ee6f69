"""The declarations that ``docs/markets.md`` prints, run as printed, against constants, hashes and signatures of the markets themselves."""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import GenericAlias, ModuleType
from typing import Any

import pytest
from Crypto.Hash import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from orderseal.signing import (
    Address,
    Domain,
    InvalidInput,
    LocalSigner,
    Struct,
    TypedData,
    VerificationFailed,
    sign_order,
    sol,
    verify_order,
    verify_typed_data,
)

Oracle = Callable[[Mapping[str, Any]], bytes]
JavaScript = Callable[[Sequence[str]], list[dict[str, Any]]]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "markets.md").read_text("utf-8")


def run_the_page() -> Any:
    """All Python blocks of the page, one after another in one namespace."""
    page = ModuleType("markets")
    exec(compile("\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)), "markets.md", "exec"), page.__dict__)
    return page


PAGE_NAMESPACE = run_the_page()

METACLASS: Any = type(Struct)

HARDHAT = LocalSigner.from_key("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The first account of Hardhat and Anvil, which every vector below is signed with unless it says otherwise. Public, and worth nothing."""

ITEMS = (
    "ConsiderationItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount,address recipient)"
    "OfferItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount)"
)
ORDER_COMPONENTS = (
    "OrderComponents(address offerer,address zone,OfferItem[] offer,ConsiderationItem[] consideration,uint8 orderType,uint256 startTime,"
    "uint256 endTime,bytes32 zoneHash,uint256 salt,bytes32 conduitKey,uint256 counter)"
)


@dataclass(frozen=True)
class Market:
    """A market as its own sources have it; what the page declares is under ``on_page``."""

    name: str
    on_page: str
    encoded_type: str
    type_hash: str
    domain: dict[str, Any]
    separator: str
    maker: str | None = None

    @property
    def declared(self) -> Any:
        return eval(self.name, PAGE_NAMESPACE.__dict__)

    @property
    def declared_domain(self) -> Domain:
        found: Domain = PAGE_NAMESPACE.__dict__[self.on_page]
        return found

    @property
    def types(self) -> dict[str, list[dict[str, str]]]:
        return types_of(self.encoded_type)

    @property
    def primary(self) -> str:
        return self.encoded_type.partition("(")[0]

    def document(self, message: Any) -> dict[str, Any]:
        """A typed-data document, made of nothing that the page declares."""
        standard = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
        return {
            "types": {"EIP712Domain": [{"name": key, "type": standard[key]} for key in self.domain], **self.types},
            "primaryType": self.primary,
            "domain": self.domain,
            "message": message,
        }


SEAPORT_DOMAIN = {"name": "Seaport", "version": "1.6", "chainId": 1, "verifyingContract": "0x0000000000000068F116a894984e2DB1123eB395"}
# Computed by ethers 6.17.0; the signatures that seaport-js makes in this domain are among the vectors below.
SEAPORT_SEPARATOR = "0xfce34bc6e1752c1117e5063116d25cad2fa2bdcf15ff2d2e275eece7dc31ba64"

MARKETS = [
    # github.com/0xProject/protocol, contracts/zero-ex/contracts/src/features/libs/LibNativeOrder.sol: _LIMIT_ORDER_TYPEHASH.
    # The domain: @0x/protocol-utils 11.24.2 and @0x/contract-addresses (exchangeProxy). Its separator: computed by ethers 6.17.0.
    Market(
        name="LimitOrder",
        on_page="ZERO_EX",
        encoded_type="LimitOrder(address makerToken,address takerToken,uint128 makerAmount,uint128 takerAmount,uint128 takerTokenFeeAmount,"
        "address maker,address taker,address sender,address feeRecipient,bytes32 pool,uint64 expiry,uint256 salt)",
        type_hash="0xce918627cb55462ddbb85e73de69a8b322f2bc88f4507c52fcad6d4c33c29d49",
        domain={"name": "ZeroEx", "version": "1.0.0", "chainId": 1, "verifyingContract": "0xDef1C0ded9bec7F1a1670819833240f027b25EfF"},
        separator="0xfe3a8808ff7909b8c36164e6e9a076597c21c3fc2ec6f2c8ac04529c41ce507e",
        maker="maker",
    ),
    # github.com/cowprotocol/contracts, src/contracts/libraries/GPv2Order.sol: TYPE_HASH. The contract's address: its networks.json.
    # The separator is what the contract returns on Ethereum, as CowswapDigestHelper (0x4912C1932e6aF6E80341744f42b39F7F7dfAB57E) holds it.
    Market(
        name="CowOrder",
        on_page="COW",
        encoded_type="Order(address sellToken,address buyToken,address receiver,uint256 sellAmount,uint256 buyAmount,uint32 validTo,"
        "bytes32 appData,uint256 feeAmount,string kind,bool partiallyFillable,string sellTokenBalance,string buyTokenBalance)",
        type_hash="0xd5a25ba2e97094ad7d83dc28a6572da797d6b3e7fc6663bd93efb789fc17e489",
        domain={
            "name": "Gnosis Protocol",
            "version": "v2",
            "chainId": 1,
            "verifyingContract": "0x9008D19f58AAbD9eD0D60971565AA8510560ab41",
        },
        separator="0xc078f884a2676e1345748b1feace7b0abee5d00ecadb6e574dcdd109a63e8943",
    ),
    # github.com/Polymarket/ctf-exchange, src/exchange/libraries/OrderStructs.sol: the type string of ORDER_TYPEHASH; the hash is in the
    # deployed bytecode. The exchange's address: @polymarket/clob-client 5.8.1, config. The separator: as several clients of it have it.
    Market(
        name="PolymarketOrder",
        on_page="POLYMARKET",
        encoded_type="Order(uint256 salt,address maker,address signer,address taker,uint256 tokenId,uint256 makerAmount,"
        "uint256 takerAmount,uint256 expiration,uint256 nonce,uint256 feeRateBps,uint8 side,uint8 signatureType)",
        type_hash="0xa852566c4e14d00869b6db0220888a9090a13eccdaea03713ff0a3d27bf9767c",
        domain={
            "name": "Polymarket CTF Exchange",
            "version": "1",
            "chainId": 137,
            "verifyingContract": "0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E",
        },
        separator="0x1a573e3617c78403b5b4b892827992f027b03d4eaf570048b8ee8cdd84d151be",
        maker="signer",
    ),
    # github.com/ProjectOpenSea/seaport, contracts/lib/TypehashDirectory.sol and reference/lib: _ORDER_TYPEHASH.
    # The domain: @opensea/seaport-js 4.3.0, constants.
    Market(
        name="OrderComponents",
        on_page="SEAPORT",
        encoded_type=ORDER_COMPONENTS + ITEMS,
        type_hash="0xfa445660b7e21515a59617fcd68910b487aa5808b8abda3d78bc85df364b2c2f",
        domain=SEAPORT_DOMAIN,
        separator=SEAPORT_SEPARATOR,
        maker="offerer",
    ),
    # github.com/ProjectOpenSea/seaport-1.6, src/types/lib/ConsiderationConstants.sol: BulkOrder_Typehash_Height_Two.
    Market(
        name="bulk_order(2)",
        on_page="SEAPORT",
        encoded_type=f"BulkOrder(OrderComponents[2][2] tree){ITEMS}{ORDER_COMPONENTS}",
        type_hash="0xbf8e29b89f29ed9b529c154a63038ffca562f8d7cd1e2545dda53a1b582dde30",
        domain=SEAPORT_DOMAIN,
        separator=SEAPORT_SEPARATOR,
    ),
    # The ERC's text has the type string, and tokens the hash, Uniswap V2's PERMIT_TYPEHASH among them. The domain is USD Coin's; the
    # separator is what its DOMAIN_SEPARATOR() returns on Ethereum.
    Market(
        name="Permit",
        on_page="USD_COIN",
        encoded_type="Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)",
        type_hash="0x6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9",
        domain={"name": "USD Coin", "version": "2", "chainId": 1, "verifyingContract": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"},
        separator="0x06c37168a7db5138defc7866392bb87a741f9b3d104deb5094588ce041cae335",
        maker="owner",
    ),
    # The ERC's text has type string and hash, and USD Coin's contract TRANSFER_WITH_AUTHORIZATION_TYPEHASH.
    Market(
        name="TransferWithAuthorization",
        on_page="USD_COIN",
        encoded_type="TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
        "bytes32 nonce)",
        type_hash="0x7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267",
        domain={"name": "USD Coin", "version": "2", "chainId": 1, "verifyingContract": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"},
        separator="0x06c37168a7db5138defc7866392bb87a741f9b3d104deb5094588ce041cae335",
        maker="from",
    ),
    # github.com/Uniswap/permit2, src/libraries/PermitHash.sol: the type string of _PERMIT_SINGLE_TYPEHASH; the hash and the separator of
    # Ethereum are in the bytecode at 0x000000000022D473030F116dDEE9F6B43aC78BA3.
    Market(
        name="PermitSingle",
        on_page="PERMIT2",
        encoded_type="PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)"
        "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)",
        type_hash="0xf3841cd1ff0085026a6327b620b67997ce40f282c88a8e905a7a5626e310f3d0",
        domain={"name": "Permit2", "chainId": 1, "verifyingContract": "0x000000000022D473030F116dDEE9F6B43aC78BA3"},
        separator="0x866a5aba21966af95d6c7ab78eb2b2fc913915c28be3b9aa07cc04ff903e3f28",
    ),
]
BY_NAME = {market.name: market for market in MARKETS}

# github.com/ProjectOpenSea/seaport-1.6, src/types/lib/ConsiderationConstants.sol (MIT): BulkOrder_Typehash_Height_One to …_TwentyFour.
BULK_ORDER_TYPE_HASHES = [
    "0x3ca2711d29384747a8f61d60aad3c450405f7aaff5613541dee28df2d6986d32",
    "0xbf8e29b89f29ed9b529c154a63038ffca562f8d7cd1e2545dda53a1b582dde30",
    "0x53c6f6856e13104584dd0797ca2b2779202dc2597c6066a42e0d8fe990b0024d",
    "0xa02eb7ff164c884e5e2c336dc85f81c6a93329d8e9adf214b32729b894de2af1",
    "0x39c9d33c18e050dda0aeb9a8086fb16fc12d5d64536780e1da7405a800b0b9f6",
    "0x1c19f71958cdd8f081b4c31f7caf5c010b29d12950be2fa1c95070dc47e30b55",
    "0xca74fab2fece9a1d58234a274220ad05ca096a92ef6a1ca1750b9d90c948955c",
    "0x7ff98d9d4e55d876c5cfac10b43c04039522f3ddfb0ea9bfe70c68cfb5c7cc14",
    "0xbed7be92d41c56f9e59ac7a6272185299b815ddfabc3f25deb51fe55fe2f9e8a",
    "0xd1d97d1ef5eaa37a4ee5fbf234e6f6d64eb511eb562221cd7edfbdde0848da05",
    "0x896c3f349c4da741c19b37fec49ed2e44d738e775a21d9c9860a69d67a3dae53",
    "0xbb98d87cc12922b83759626c5f07d72266da9702d19ffad6a514c73a89002f5f",
    "0xe6ae19322608dd1f8a8d56aab48ed9c28be489b689f4b6c91268563efc85f20e",
    "0x6b5b04cbae4fcb1a9d78e7b2dfc51a36933d023cf6e347e03d517b472a852590",
    "0xd1eb68309202b7106b891e109739dbbd334a1817fe5d6202c939e75cf5e35ca9",
    "0x1da3eed3ecef6ebaa6e5023c057ec2c75150693fd0dac5c90f4a142f9879fde8",
    "0xeee9a1392aa395c7002308119a58f2582777a75e54e0c1d5d5437bd2e8bf6222",
    "0xc3939feff011e53ab8c35ca3370aad54c5df1fc2938cd62543174fa6e7d85877",
    "0x0efca7572ac20f5ae84db0e2940674f7eca0a4726fa1060ffc2d18cef54b203d",
    "0x5a4f867d3d458dabecad65f6201ceeaba0096df2d0c491cc32e6ea4e64350017",
    "0x80987079d291feebf21c2230e69add0f283cee0b8be492ca8050b4185a2ff719",
    "0x3bd8cff538aba49a9c374c806d277181e9651624b3e31111bc0624574f8bca1d",
    "0x5d6a3f098a0bc373f808c619b1bb4028208721b3c4f8d6bc8a874d659814eb76",
    "0x1d51df90cba8de7637ca3e8fe1e3511d1dc2f23487d05dbdecb781860c21ac1c",
]

every_market = pytest.mark.parametrize("market", MARKETS, ids=list(BY_NAME))


def types_of(encoded_type: str) -> dict[str, list[dict[str, str]]]:
    """The declarations that a type string holds."""
    types = {}
    for name, members in re.findall(r"(\w+)\(([^)]*)\)", encoded_type):
        pairs = [member.split(" ") for member in members.split(",")]
        types[name] = [{"name": member, "type": type_} for type_, member in pairs]
    return types


def keccak256(data: bytes) -> str:
    return "0x" + keccak.new(digest_bits=256, data=data).hexdigest()


def random_value(random: Random, types: Mapping[str, list[dict[str, str]]], type_: str) -> Any:
    """A value in the JSON form that all libraries read alike: integers as decimal strings, bytes and addresses as lower-case hex."""
    if type_.endswith("]"):
        element, _, length = type_[:-1].rpartition("[")
        return [random_value(random, types, element) for _ in range(int(length) if length else random.randrange(4))]
    if type_ in types:
        return {member["name"]: random_value(random, types, member["type"]) for member in types[type_]}
    if type_ == "bool":
        return random.random() < 0.5
    if type_ == "string":
        return "".join(random.choice("ab Zé€😀\u0000\u202e") for _ in range(random.randrange(12)))
    if type_ == "address":
        return f"0x{random.getrandbits(160):040x}"
    if type_ == "bytes32":
        return f"0x{random.getrandbits(256):064x}"
    bits = int(type_.removeprefix("uint"))
    return str(random.choice([0, 1, 2**bits - 1, random.getrandbits(bits)]))


def example(market: Market, seed: int = 5) -> dict[str, Any]:
    """One message, in which every dynamic array has two items."""
    random = Random(seed)
    random.randrange = lambda *_: 2  # type: ignore[method-assign]
    message: dict[str, Any] = random_value(random, market.types, market.primary)
    if market.name == "CowOrder":
        message |= {"kind": "sell", "sellTokenBalance": "erc20", "buyTokenBalance": "internal"}
    if market.maker:
        message[market.maker] = str(HARDHAT.address)
    return message


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def changed(message: Any, path: Sequence[Any], change: Callable[[Any], Any]) -> Any:
    """A copy in which one place is another."""
    whole = copy.deepcopy(message)
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = change(place[path[-1]])
    return whole


def attribute(name: str) -> str:
    """What the page calls a member."""
    return {"from": "from_"}.get(name, name)


def attributes(message: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a message as arguments for the declared class."""
    return {attribute(name): value for name, value in message.items()}


def thawed(value: Any) -> Any:
    """A message that can be changed."""
    if isinstance(value, Mapping):
        return {key: thawed(item) for key, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, tuple) else value


# What is declared


@every_market
def test_the_type_hash_is_the_markets(market: Market) -> None:
    assert keccak256(market.encoded_type.encode()) == market.type_hash
    assert market.declared.encoded_type == market.encoded_type
    assert str(market.declared.type_hash) == market.type_hash
    assert market.declared.struct_name == market.primary


@pytest.mark.parametrize("height", range(1, 25))
def test_a_bulk_order_of_any_height_has_the_type_hash_of_the_contract(height: int) -> None:
    declared = PAGE_NAMESPACE.bulk_order(height)
    assert declared.encoded_type == f"BulkOrder(OrderComponents{'[2]' * height} tree){ITEMS}{ORDER_COMPONENTS}"
    assert str(declared.type_hash) == BULK_ORDER_TYPE_HASHES[height - 1]


def test_the_page_lists_each_market_with_its_hash() -> None:
    rows = re.findall(r"^\| `([\w()]+)` \|.*?\| `(0x[0-9a-f]{64})` \|", PAGE, re.M)
    assert rows == [(market.name, market.type_hash) for market in MARKETS]


@every_market
def test_the_domain_is_the_markets(market: Market) -> None:
    domain = market.declared_domain
    assert domain.to_json() == market.domain
    assert str(domain.separator) == market.separator


def test_the_annotations_are_all_types_of_the_standard() -> None:
    integers = {f"{sign}int{bits}" for sign in ("", "u") for bits in range(8, 257, 8)}
    sizes = {f"bytes{size}" for size in range(1, 33)}
    assert set(sol.__all__) == {"address", "boolean", "string", "dynamic_bytes"} | integers | sizes
    for name in integers | sizes:
        base, annotation = getattr(sol, name).__origin__, getattr(sol, name).__metadata__[0]
        assert base is (int if "int" in name else bytes)
        assert annotation.type == name


# Hashes


@every_market
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_digests_equal_eth_accounts(oracle: Oracle, market: Market, random: Random) -> None:
    message = random_value(random, market.types, market.primary)
    order = market.declared.from_message(message, json=True)
    assert order.signing_hash(market.declared_domain) == oracle(market.document(message))


def test_digests_equal_those_of_the_javascript_libraries(javascript: JavaScript) -> None:
    random = Random(712)
    cases = [(market, random_value(random, market.types, market.primary)) for market in MARKETS for _ in range(25)]
    answers = javascript([json.dumps(market.document(message)) for market, message in cases])
    assert len(answers) == 200
    for (market, message), outcomes in zip(cases, answers, strict=True):
        digest = str(market.declared.from_message(message, json=True).signing_hash(market.declared_domain))
        assert {library: outcome.digest for library, outcome in outcomes.items()} == {
            "ethers": digest,
            "viem": digest,
            "eth-sig-util": digest,
        }, (market.name, message)


@every_market
def test_a_change_in_any_one_place_changes_the_digest(market: Market) -> None:
    def other(value: Any) -> Any:
        if isinstance(value, bool):
            return not value
        if isinstance(value, bytes):
            return type(value)(value[:-1] + bytes([value[-1] ^ 1]))
        return value + " " if isinstance(value, str) else value ^ 1

    order = market.declared.from_message(example(market), json=True)
    message = thawed(order.to_message())
    places = list(leaves(message))
    digests = {order.signing_hash(market.declared_domain)}
    for path in places:
        digests.add(market.declared.from_message(changed(message, path, other)).signing_hash(market.declared_domain))
    assert len(digests) == 1 + len(places)
    assert len({tuple(step for step in path if isinstance(step, str)) for path in places}) >= len(market.declared.__slots__)


@pytest.mark.parametrize("name", ["offer", "consideration"])
def test_an_item_more_or_less_changes_the_digest(name: str) -> None:
    market = BY_NAME["OrderComponents"]
    order = market.declared.from_message(example(market), json=True)
    items = getattr(order, name)
    lists = [(), items[:1], items[1:], items, items[::-1], (*items, items[0])]
    assert len({order.replace(**{name: some}).signing_hash(market.declared_domain) for some in lists}) == len(lists)


@every_market
def test_the_same_order_for_another_contract_or_chain_has_another_digest(market: Market) -> None:
    order, domain = market.declared.from_message(example(market), json=True), market.declared_domain
    others = [domain, domain.replace(chain_id=5), domain.replace(verifying_contract=bytes(20)), domain.replace(name="x")]
    assert len({order.signing_hash(other) for other in others}) == 4


# Forms


@every_market
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_an_order_survives_every_form(market: Market, random: Random) -> None:
    declared, domain = market.declared, market.declared_domain
    message = random_value(random, market.types, market.primary)
    order = declared.from_message(message, json=True)
    document = order.to_typed_data(domain)
    text = json.dumps(document.to_json())
    assert document.to_json()["types"] == market.document(None)["types"]
    assert TypedData.from_json(text) == document
    read_again = TypedData.from_json(json.dumps(market.document(message)))
    assert read_again == document
    for same in (
        declared.from_typed_data(TypedData.from_json(text)),
        declared.from_typed_data(read_again),
        declared.from_message(json.loads(text)["message"], json=True),
        declared.from_message(order.to_message()),
        declared(**attributes(order.to_message())),
        order.replace(),
        copy.deepcopy(order),
    ):
        assert type(same) is declared
        assert same == order
        assert hash(same) == hash(order)
        assert repr(same) == repr(order)
        assert same.signing_hash(domain) == order.signing_hash(domain) == document.signing_hash


@every_market
def test_replace_gives_another_order(market: Market) -> None:
    one, two = (market.declared.from_message(example(market, seed), json=True) for seed in (5, 6))
    assert one != two
    for name in market.declared.__slots__:
        mixed = one.replace(**{name: getattr(two, name)})
        assert (mixed == one) is (getattr(one, name) == getattr(two, name))
        assert getattr(mixed, name) == getattr(two, name)
    assert one.replace(**{name: getattr(two, name) for name in market.declared.__slots__}) == two


def test_a_document_of_another_market_is_not_taken() -> None:
    for market in MARKETS:
        document = TypedData.from_json(json.dumps(market.document(example(market))))
        for other in MARKETS:
            if other is not market:
                with pytest.raises(InvalidInput) as caught:
                    other.declared.from_typed_data(document)
                assert caught.value.path == "primaryType"


# Signatures


@every_market
def test_an_order_is_signed_and_verified(market: Market, stranger: LocalSigner) -> None:
    domain = market.declared_domain
    order = market.declared.from_message(example(market), json=True)
    signed = sign_order(order, domain, HARDHAT)
    assert signed.signing_hash == order.signing_hash(domain)
    assert signed.signer == HARDHAT.address
    assert verify_order(order, domain, signed.signature, signer=HARDHAT.address) == HARDHAT.address
    form = json.loads(json.dumps(signed.to_json()))
    document = TypedData.from_json(form["typed_data"])
    assert verify_typed_data(document, bytes.fromhex(form["signature"][2:]), signer=form["signer"]) == HARDHAT.address
    with pytest.raises(VerificationFailed):
        verify_order(order, domain, signed.signature, signer=stranger.address)
    with pytest.raises(VerificationFailed):
        verify_order(order, domain.replace(chain_id=5), signed.signature, signer=HARDHAT.address)


@pytest.mark.parametrize("market", [market for market in MARKETS if market.maker], ids=lambda market: market.name)
def test_nobody_signs_for_the_maker(market: Market, stranger: LocalSigner) -> None:
    assert market.maker
    domain = market.declared_domain
    order = market.declared.from_message(example(market), json=True)
    assert verify_order(sign_order(order, domain, HARDHAT)) == HARDHAT.address
    with pytest.raises(InvalidInput) as caught:
        sign_order(order, domain, stranger)
    assert caught.value.path == f"{market.primary[:1].lower()}{market.primary[1:]}.{attribute(market.maker)}"
    theirs = sign_order(order.replace(**{attribute(market.maker): stranger.address}), domain, stranger)
    with pytest.raises(VerificationFailed):
        verify_order(order, domain, theirs.signature)


@pytest.mark.parametrize("name", ["kind", "sellTokenBalance", "buyTokenBalance"])
def test_an_order_for_cow_with_a_word_that_the_contract_does_not_know_is_not_signed(name: str) -> None:
    market = BY_NAME["CowOrder"]
    order = market.declared.from_message(example(market), json=True)
    assert order.faults() == ()
    with pytest.raises(InvalidInput, match=f"{name} is none of"):
        sign_order(order.replace(**{name: "SELL"}), market.declared_domain, HARDHAT)


def test_a_member_of_an_enum_is_its_number() -> None:
    market = BY_NAME["PolymarketOrder"]
    order = market.declared.from_message(example(market), json=True)
    assert type(order.replace(side=PAGE_NAMESPACE.Side.SELL).side) is int
    assert order.replace(side=PAGE_NAMESPACE.Side.SELL) == order.replace(side=1)


# What is refused


@pytest.mark.parametrize(
    ("name", "place", "value", "path"),
    [
        ("LimitOrder", ("makerAmount",), 2**128, "limitOrder.makerAmount"),
        ("LimitOrder", ("expiry",), 2**64, "limitOrder.expiry"),
        ("LimitOrder", ("pool",), bytes(31), "limitOrder.pool"),
        ("LimitOrder", ("maker",), "0xDef1C0ded9bec7F1a1670819833240f027b25Eff", "limitOrder.maker"),
        ("CowOrder", ("validTo",), 2**32, "cowOrder.validTo"),
        ("CowOrder", ("partiallyFillable",), 1, "cowOrder.partiallyFillable"),
        ("CowOrder", ("kind",), b"sell", "cowOrder.kind"),
        ("CowOrder", ("sellAmount",), 1.0, "cowOrder.sellAmount"),
        ("PolymarketOrder", ("side",), True, "polymarketOrder.side"),
        ("PolymarketOrder", ("signatureType",), 256, "polymarketOrder.signatureType"),
        ("PolymarketOrder", ("tokenId",), "1234", "polymarketOrder.tokenId"),
        ("OrderComponents", ("offer", 1, "startAmount"), -1, "orderComponents.offer[1].startAmount"),
        ("OrderComponents", ("consideration", 0, "recipient"), "0x12", "orderComponents.consideration[0].recipient"),
        ("OrderComponents", ("consideration", 1), {}, "orderComponents.consideration[1]"),
        ("OrderComponents", ("offer",), {}, "orderComponents.offer"),
        ("OrderComponents", ("counter",), 2**256, "orderComponents.counter"),
        ("bulk_order(2)", ("tree", 1, 0, "offer", 1, "token"), 5, "bulkOrder.tree[1][0].offer[1].token"),
        ("bulk_order(2)", ("tree", 0), [], "bulkOrder.tree[0]"),
        ("bulk_order(2)", ("tree",), [[]] * 3, "bulkOrder.tree"),
        ("Permit", ("value",), 10**6 + 0.5, "permit.value"),
        ("Permit", ("owner",), None, "permit.owner"),
        ("TransferWithAuthorization", ("from",), "0x12", "transferWithAuthorization.from_"),
        ("TransferWithAuthorization", ("nonce",), bytes(33), "transferWithAuthorization.nonce"),
        ("PermitSingle", ("details", "amount"), 2**160, "permitSingle.details.amount"),
        ("PermitSingle", ("details", "nonce"), 2**48, "permitSingle.details.nonce"),
        ("PermitSingle", ("details",), [], "permitSingle.details"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(name: str, place: Sequence[Any], value: Any, path: str) -> None:
    market = BY_NAME[name]
    message = thawed(market.declared.from_message(example(market), json=True).to_message())
    market.declared(**attributes(message))
    wrong = changed(message, place, lambda _: value)
    with pytest.raises(InvalidInput) as caught:
        market.declared(**attributes(wrong))
    assert caught.value.path == path
    with pytest.raises(InvalidInput) as caught:
        market.declared.from_message(wrong)
    assert caught.value.path == path.partition(".")[2].removesuffix("_")


@every_market
def test_a_missing_or_unknown_member_is_refused(market: Market) -> None:
    message = example(market)
    document = market.document(message)
    for name in message:
        for wrong in ({key: item for key, item in message.items() if key != name}, {**message, f"{name}_": message[name]}):
            with pytest.raises(InvalidInput):
                market.declared.from_message(wrong, json=True)
            with pytest.raises(InvalidInput) as caught:
                TypedData.from_json({**document, "message": wrong})
            assert caught.value.path == "message"


def test_an_item_of_the_other_kind_is_refused() -> None:
    market = BY_NAME["OrderComponents"]
    order = market.declared.from_message(example(market), json=True)
    with pytest.raises(InvalidInput) as caught:
        order.replace(offer=order.consideration)
    assert caught.value.path == "orderComponents.offer[0]"


# The markets' own vectors


def test_0x_their_vector() -> None:
    """github.com/0xProject/protocol, packages/protocol-utils/test/orders_test.ts (Apache-2.0); the key is printed there."""
    domain = Domain(name="ZeroEx", version="1.0.0", chain_id=8008, verifying_contract="0x6701704d2421c64ee9aa93ec7f96ede81c4be77d")
    order = PAGE_NAMESPACE.LimitOrder(
        makerToken="0x349e8d89e8b37214d9ce3949fc5754152c525bc3",
        takerToken="0x83c62b2e67dea0df2a27be0def7a22bd7102642c",
        makerAmount=1234,
        takerAmount=5678,
        takerTokenFeeAmount=9101112,
        maker="0x8d5e5b5b5d187bdce2e0143eb6b3cc44eef3c0cb",
        taker="0x615312fb74c31303eab07dea520019bb23f4c6c2",
        sender="0x70f2d6c7acd257a6700d745b76c602ceefeb8e20",
        feeRecipient="0xcc3c7ea403427154ec908203ba6c418bd699f7ce",
        pool=bytes.fromhex("0bbff69b85a87da39511aefc3211cb9aff00e1a1779dc35b8f3635d8b5ea2680"),
        expiry=1001,
        salt=2001,
    )
    assert str(order.struct_hash()) == "0x05a78607ce1eafbbe994f04f8f0ae718d971bf420f089163ed8e7a022e95e468"
    assert str(order.signing_hash(domain)) == "0x8bb1f6e880b3b4f91a901897c4b914ec606dc3b8b59f64983e1638a45bdf3116"
    signer = LocalSigner.from_key("ee094b79aa0315914955f2f09be9abe541dcdc51f0aae5bec5453e9f73a471a6")
    assert str(sign_order(order.replace(maker=signer.address), domain, signer).signature) == (
        "0x030e27e0a261dda1139154d9ba7e814932bd6b8d15231a8c2cd78d634ff22c2b"
        "50af45e0d6e81b721905bd35748168f1f348be34fe03073d7a2f2b053cbdca2d1b"
    )


@pytest.mark.parametrize(
    ("contract", "digest", "signature"),
    [
        (
            "0xdFE02Eb6733538f8Ea35D585af8DE5958AD99E40",
            "0x02ca1d1aa31103804173ad1acd70066cb6c1258a4be6dada055111f9a7ea4e55",
            "0x302cd9abd0b5fcaa202a344437ec0b6660da984e24ae9ad915a592a90facf5a51bb8a873cd8d270f070217fea1986531d5eec66f1162a81f66e026db653bf7ce1c",
        ),
        (
            "0xC5d563A36AE78145C45a50134d48A1215220f80a",
            "0xf15790d3edc4b5aed427b0b543a9206fcf4b1a13dfed016d33bfb313076263b8",
            "0x1b3646ef347e5bd144c65bd3357ba19c12c12abaeedae733cf8579bc51a2752c0454c3bc6b236957e393637982c769b8dc0706c0f5c399983d933850afd1cbcd1c",
        ),
    ],
)
def test_polymarket_their_vectors(contract: str, digest: str, signature: str) -> None:
    """py_order_utils 0.3.2, tests/test_order_builder.py (MIT): the exchange and the one for negative risk, on Polygon's test network."""
    domain = Domain(name="Polymarket CTF Exchange", version="1", chain_id=80002, verifying_contract=contract)
    order = PAGE_NAMESPACE.PolymarketOrder(
        salt=479249096354,
        maker=HARDHAT.address,
        signer=HARDHAT.address,
        taker=bytes(20),
        tokenId=1234,
        makerAmount=100000000,
        takerAmount=50000000,
        expiration=0,
        nonce=0,
        feeRateBps=100,
        side=PAGE_NAMESPACE.Side.BUY,
        signatureType=0,
    )
    signed = sign_order(order, domain, HARDHAT)
    assert str(signed.signing_hash) == digest
    assert str(signed.signature) == signature


def test_cow_protocol_what_their_library_computes() -> None:
    """``hashOrder`` and ``computeOrderUid`` of @cowprotocol/sdk-contracts-ts 3.3.3 (MIT), and ethers 5.8.0's signature."""
    order = PAGE_NAMESPACE.CowOrder(
        sellToken="0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        buyToken="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
        receiver=HARDHAT.address,
        sellAmount=10**18,
        buyAmount=2500000000,
        validTo=1800000000,
        appData=bytes(32),
        feeAmount=0,
        kind="sell",
        partiallyFillable=False,
        sellTokenBalance="erc20",
        buyTokenBalance="erc20",
    )
    signed = sign_order(order, PAGE_NAMESPACE.COW, HARDHAT)
    assert str(signed.signing_hash) == "0x197936cc1b06bb69053d4657b87f71581dceeec402c785dcea9745c0ebe8dee9"
    uid = signed.signing_hash + HARDHAT.address + order.validTo.to_bytes(4, "big")
    assert uid.hex() == "197936cc1b06bb69053d4657b87f71581dceeec402c785dcea9745c0ebe8dee9f39fd6e51aad88f6f4ce6ab8827279cfffb922666b49d200"
    assert str(signed.signature) == (
        "0xc5643b0e60b61c87aa6a63d0ef4ef91afa8b9a8a8fd006444317e59928252df85396888c4d9756342b00b6a19f24d2e0eb0a632a04b6e546585e95eeecd41fc61c"
    )


def seaport_order(number: int) -> Any:
    item = {"itemType": 0, "token": bytes(20), "identifierOrCriteria": 0}
    return PAGE_NAMESPACE.OrderComponents(
        offerer=HARDHAT.address,
        zone=bytes(20),
        offer=[
            {
                "itemType": 2,
                "token": "0xBC4CA0EdA7647A8aB7C2061c2E118A18a936f13D",
                "identifierOrCriteria": 1000 + number,
                "startAmount": 1,
                "endAmount": 1,
            }
        ],
        consideration=[
            {**item, "startAmount": 975 * 10**16, "endAmount": 975 * 10**16, "recipient": HARDHAT.address},
            {
                **item,
                "startAmount": 25 * 10**16,
                "endAmount": 25 * 10**16,
                "recipient": "0x0000a26b00c1F0DF003000390027140000fAa719",
            },
        ],
        orderType=0,
        startTime=1700000000,
        endTime=1800000000,
        zoneHash=bytes(32),
        salt=number,
        conduitKey=bytes.fromhex("0000007b02230091a7ed01230072f7006a004d60a8d4e71d599b8104250f0000"),
        counter=0,
    )


def compact(signature: bytes) -> str:
    """The 64-byte form of ERC-2098, which seaport-js gives: the parity is the top bit of s."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return "0x" + signature[:32].hex() + f"{s:064x}"


def test_seaport_what_their_library_computes() -> None:
    """``getOrderHash`` and ``signOrder`` of @opensea/seaport-js 4.3.0 (MIT)."""
    order = seaport_order(0)
    signed = sign_order(order, PAGE_NAMESPACE.SEAPORT, HARDHAT)
    assert str(order.struct_hash()) == "0x0318dc6027ac5f3709e26be3f5ed44a50571dba43e5963fc93954bb3db0a932c"
    assert compact(signed.signature) == (
        "0x74469d640a34082fafe6b672a6f72dc1b087a1f85b168750f175ac99362531a11578beb92ac0b9321ed3acb1b8198d2937348ce3e3997a109537b310c7f76380"
    )


def test_a_bulk_order_is_signed_as_by_their_library() -> None:
    """``signBulkOrder`` of @opensea/seaport-js 4.3.0 (MIT) over three orders: its first 64 bytes; key and proof follow there."""
    zero = bytes(20)
    empty = PAGE_NAMESPACE.OrderComponents(
        offerer=zero,
        zone=zero,
        offer=(),
        consideration=(),
        orderType=0,
        startTime=0,
        endTime=0,
        zoneHash=bytes(32),
        salt=0,
        conduitKey=bytes(32),
        counter=0,
    )
    orders = [*map(seaport_order, range(3)), empty]
    bulk = PAGE_NAMESPACE.bulk_order(2)(tree=(orders[:2], orders[2:]))
    signed = sign_order(bulk, PAGE_NAMESPACE.SEAPORT, HARDHAT)
    assert compact(signed.signature) == (
        "0x5937ce849f2a088fc337309275950697db64b9c578bfd31039d37d062e79fecd9701640dbc84888adf8c7ee5c3e4ff38a2b1da5dcb7de05f43ec4c596051ca2a"
    )
    # The proof of the first order: its sibling, then the hash of the other pair.
    assert str(orders[1].struct_hash()) == "0x32d20a976289c2f5e4f858b06cee3f9352afc4267abc3c2d1cff9eeef2c9ae44"
    assert keccak256(orders[2].struct_hash() + orders[3].struct_hash()) == (
        "0x27b68d26a2c5996fa248cffaff84dc3bb4f885a07def819a481d327afb85b048"
    )


def test_permit2_their_vectors() -> None:
    """github.com/Uniswap/permit2, test/TypehashGeneration.t.sol (MIT): signatures made in MetaMask."""
    domain = Domain(name="Permit2", chain_id=1, verifying_contract="0xCe71065D4017F316EC606Fe4422e11eB2c47c246")
    uni, usdc = Address("0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984"), PAGE_NAMESPACE.USDC
    spender = "0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45"
    details = [PAGE_NAMESPACE.PermitDetails(token=token, amount=100, expiration=946902158100, nonce=0) for token in (uni, usdc)]
    single = PAGE_NAMESPACE.PermitSingle(details=details[0], spender=spender, sigDeadline=146902158100)
    fields = {"details": GenericAlias(tuple, (PAGE_NAMESPACE.PermitDetails, ...)), "spender": sol.address, "sigDeadline": sol.uint256}
    batch = METACLASS("PermitBatch", (Struct,), {"__annotations__": fields, "__module__": __name__})
    assert [
        str(sign_order(permit, domain, HARDHAT).signature) for permit in (single, batch(**{**single.to_message(), "details": details}))
    ] == [
        "0xdb5507adaba8ed8e1d83dc7cb64980735c4769076c657d80563ce9a991fbb1981d07973917923c7942307e63285ff2e9e8d435fc4da8cdc7546a669bf474fb6d1b",
        "0x3d298c897075538134ee0003bba9b149fac6e4b3496e34272f6731c32be2a710682657710eb4208db1eb6a6dac08b375f171733604e4e1deed30d49e22d0c42f1c",
    ]


def test_permit2_the_vector_of_their_library() -> None:
    """github.com/Uniswap/permit2-sdk, src/allowanceTransfer.test.ts (MIT)."""
    nothing = bytes(20)
    permit = PAGE_NAMESPACE.PermitSingle(
        details={"token": nothing, "amount": 0, "expiration": 0, "nonce": 0}, spender=nothing, sigDeadline=0
    )
    assert str(permit.signing_hash(Domain(name="Permit2", chain_id=1, verifying_contract=nothing))) == (
        "0xd47437bffdbc4d123a2165feb6ca646b8700c038622ce304f84e9048bc744f36"
    )
