"""The contestants that must be installed for it: other Python libraries, and ethers and viem through a Node process."""

import contextlib
import io
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from eth_account.messages import encode_typed_data

from orderseal.benchmarks.abi import web3_abi
from orderseal.benchmarks.rounds import Contestant, Disagreement, Missing
from orderseal.benchmarks.work import ASSET, CONTRACT, DOMAIN_FIELDS, Fields, Work, message_hash

__all__ = ["NODE_PACKAGES", "PYTHON_PEERS", "Peers", "found_peers"]

Found = Mapping[str, Sequence[Contestant]]
"""Contestants by the id of their section."""

_ZERO: Final = "0x" + "00" * 20
_PROOFS: Final = 3


@dataclass(slots=True)
class Peers:
    """What was found on this machine, and what was not."""

    sections: dict[str, list[Contestant]] = field(default_factory=dict[str, list[Contestant]])
    missing: list[Missing] = field(default_factory=list[Missing])
    versions: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, found: Found) -> None:
        """Add contestants."""
        for section, contestants in found.items():
            self.sections.setdefault(section, []).extend(contestants)


@contextmanager
def found_peers(work: Work, node_folder: Path) -> Generator[Peers]:
    """Look for every peer. The Node process, if there is one, ends with the context."""
    peers = Peers()
    for name, load in PYTHON_PEERS.items():
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")  # What a peer's imports warn of is its authors' business.
                peers.add(load(work))
        except ModuleNotFoundError:
            peers.missing.append(Missing(name, f"not installed: pip install {name}"))
        except Exception as error:  # noqa: BLE001 - whatever another library raises when it is loaded
            peers.missing.append(Missing(name, f"installed, but does not load here: {type(error).__name__}"))
    with contextlib.ExitStack() as stack:
        if node := _node(node_folder, peers, stack):
            _add_node_peers(node, work, peers)
        yield peers


def _eip712(work: Work) -> Found:
    """ApeWorX eip712: the same order, declared as a pydantic model."""
    eip712, abi = import_module("eip712"), import_module("eth_pydantic_types").abi
    types = {
        "maker": abi.address,
        "principal": abi.address,
        "isBuy": abi.bool,
        "ticker": abi.string,
        "exchange": abi.uint16,
        "asset": abi.address,
        "price": abi.uint256,
        "quantity": abi.uint256,
        "incentive": abi.uint256,
        "deadline": abi.uint256,
        "nonce": abi.uint256,
    }
    body = {"__annotations__": types, "__module__": __name__, "eip712_domain": eip712.messages.EIP712Domain(**DOMAIN_FIELDS)}
    order: Any = type(eip712.EIP712Message)("Order", (eip712.EIP712Message,), body)
    sign = work.account.sign_message
    hash_message: Callable[[Any], bytes] = eip712.messages.hash_message
    return {
        "sign": [
            work.contestant(
                "eip712",
                "ApeWorX eip712",
                "fields → signature",
                work.message,
                lambda message: sign(order(**message).signable_message).signature,
                lambda fields, _item, found: bytes(found) == work.signature(fields),
            )
        ],
        "digest": [
            work.contestant(
                "eip712",
                "ApeWorX eip712",
                "its model → digest",
                lambda fields: order(**work.message(fields)),
                hash_message,
                lambda fields, _item, found: bytes(found) == work.digest(fields),
            )
        ],
    }


def _py_order_utils(work: Work) -> Found:
    """Polymarket's first SDK signs its own order of 12 fields, by poly_eip712_structs."""
    builders, model = import_module("py_order_utils.builders"), import_module("py_order_utils.model")
    signer = import_module("py_order_utils.signer").Signer(work.hex_secret)
    builder = builders.OrderBuilder(CONTRACT, 137, signer)

    def make(fields: Fields) -> Fields:
        return {
            "maker": work.maker,
            "taker": _ZERO,
            "tokenId": "1234",
            "makerAmount": str(fields["price"]),
            "takerAmount": "60000000",
            "side": model.BUY,
            "feeRateBps": "0",
            "nonce": str(fields["nonce"]),
            "signer": work.maker,
            "expiration": "1800000000",
            "signatureType": model.EOA,
        }

    def agrees(_fields: Fields, _item: object, found: Any) -> bool:
        digest = _keccak(found.order.signable_bytes(domain=builder.domain_separator))
        return work.signed_by_key(digest, bytes.fromhex(found.signature[2:]))

    def call(item: Fields) -> Any:
        return builder.build_signed_order(model.OrderData(**item))

    return {"sign": [work.contestant("py_order_utils", "py_order_utils", "its own order", make, call, agrees)]}


def _py_clob_client(work: Work) -> Found:
    """Polymarket's second SDK signs its own order of 11 fields, by eth-account."""
    utils = import_module("py_clob_client_v2.order_utils")
    builder = utils.ExchangeOrderBuilderV2(CONTRACT, 137, import_module("py_clob_client_v2.signer").Signer(work.hex_secret, 137))

    def make(fields: Fields) -> Fields:
        return {
            "maker": work.maker,
            "tokenId": "1234",
            "makerAmount": str(fields["price"]),
            "takerAmount": "60000000",
            "side": utils.Side.BUY,
            "timestamp": str(fields["nonce"]),
        }

    def agrees(_fields: Fields, _item: object, found: Any) -> bool:
        digest = message_hash(encode_typed_data(full_message=builder.build_order_typed_data(found)))
        return work.signed_by_key(digest, bytes.fromhex(found.signature[2:]))

    def call(item: Fields) -> Any:
        return builder.build_signed_order(utils.OrderDataV2(**item))

    return {"sign": [work.contestant("py_clob_client_v2", "py_clob_client_v2", "its own order", make, call, agrees)]}


def _hyperliquid(work: Work) -> Found:
    """Hyperliquid signs a hash of the order in a struct of two fields."""
    signing = import_module("hyperliquid.utils.signing")

    def make(fields: Fields) -> tuple[Any, int]:
        order = {
            "coin": "ETH",
            "is_buy": True,
            "sz": 60.0,
            "limit_px": 150.25,
            "reduce_only": False,
            "order_type": {"limit": {"tif": "Gtc"}},
        }
        return signing.order_wires_to_order_action([signing.order_request_to_order_wire(order, 1)]), fields["nonce"]

    def call(item: tuple[Any, int]) -> Any:
        return signing.sign_l1_action(work.account, item[0], None, item[1], None, False)

    def agrees(_fields: Fields, item: tuple[Any, int], found: Any) -> bool:
        agent = signing.construct_phantom_agent(signing.action_hash(item[0], None, item[1], None), False)
        raw = b"".join(int(found[name], 16).to_bytes(32, "big") for name in "rs") + bytes([found["v"]])
        return work.signed_by_key(message_hash(encode_typed_data(full_message=signing.l1_payload(agent))), raw)

    return {"sign": [work.contestant("hyperliquid", "hyperliquid", "its sign_l1_action", make, call, agrees)]}


def _cow_py(work: Work) -> Found:
    """cow-py signs its own order of 12 fields, by eth-account.

    Importing its package uploads a document to the venue's live service. A benchmark sends nothing, so the signing modules are
    loaded below an empty package of that name.
    """
    if (spec := find_spec("cowdao_cowpy")) is None:
        raise ModuleNotFoundError("cowdao_cowpy")
    if "cowdao_cowpy" not in sys.modules:
        package = ModuleType("cowdao_cowpy")
        package.__path__ = list(spec.submodule_search_locations or ())
        sys.modules["cowdao_cowpy"] = package
    signing, order = import_module("cowdao_cowpy.contracts.sign"), import_module("cowdao_cowpy.contracts.order")
    domains = import_module("cowdao_cowpy.contracts.domain")
    domain = domains.TypedDataDomain(name="Gnosis Protocol", version="v2", chainId=1, verifyingContract=CONTRACT)

    def make(fields: Fields) -> Fields:
        return {
            "sell_token": ASSET,
            "buy_token": CONTRACT,
            "receiver": work.maker,
            "sell_amount": str(fields["price"]),
            "buy_amount": "60",
            "valid_to": 1_800_000_000,
            "app_data": "0x" + fields["nonce"].to_bytes(32, "big").hex(),
            "fee_amount": "0",
            "kind": "sell",
        }

    def call(item: Fields) -> Any:
        return signing.sign_order(domain, order.Order(**item), work.account, signing.SigningScheme.EIP712)

    def agrees(_fields: Fields, item: Fields, found: Any) -> bool:
        return work.signed_by_key(bytes(order.hash_order(domain, order.Order(**item))), bytes.fromhex(found.data[2:]))

    return {"sign": [work.contestant("cow_py", "cow-py", "its own order", make, call, agrees)]}


PYTHON_PEERS: Final[Mapping[str, Callable[[Work], Found]]] = {
    "eip712": _eip712,
    "py_order_utils": _py_order_utils,
    "py_clob_client_v2": _py_clob_client,
    "hyperliquid-python-sdk": _hyperliquid,
    "cowdao-cowpy": _cow_py,
    "web3": web3_abi,
}
"""By the name under which each is installed."""

NODE_PACKAGES: Final = ("ethers", "viem")


def _keccak(data: bytes) -> bytes:
    return bytes(import_module("eth_utils").keccak(data))


class _Node:
    """The process of ``js/bench.mjs``."""

    def __init__(self, program: Path, folder: Path) -> None:
        executable = shutil.which("node")
        if executable is None:
            raise FileNotFoundError("node")
        self._process = subprocess.Popen(
            [executable, str(program), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Disagreement("the Node process ended") from None
        line = self._process.stdout.readline()
        if not line:
            raise Disagreement("the Node process ended")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise Disagreement(f"Node: {reply['error']}")
        return reply

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _node(folder: Path, peers: Peers, stack: contextlib.ExitStack) -> _Node | None:
    how = "not installed: npm install ethers viem, and name the folder: --node FOLDER"
    if not (folder / "node_modules").is_dir():
        peers.missing += [Missing(name, how) for name in NODE_PACKAGES]
        return None
    program = stack.enter_context(as_file(files("orderseal.benchmarks") / "js" / "bench.mjs"))
    try:
        node = _Node(program, folder)
    except OSError:
        peers.missing += [Missing(name, "Node.js 20 or newer is not installed") for name in NODE_PACKAGES]
        return None
    stack.callback(node.close)
    return node


def _add_node_peers(node: _Node, work: Work, peers: Peers) -> None:
    try:
        versions = node.ask({"hello": work.hex_secret})
    except Disagreement as error:
        peers.missing += [Missing(name, f"installed, but does not run here: {error}") for name in NODE_PACKAGES]
        return
    peers.versions["node"] = versions["node"]
    for name in NODE_PACKAGES:
        if versions[name] is None:
            peers.missing.append(Missing(name, f"not installed: npm install {name}, in the folder of --node"))
        else:
            peers.versions[name] = versions[name]
            peers.add(_node_peer(node, work, name))


def _node_peer(node: _Node, work: Work, name: str) -> Found:
    def text(fields: Fields) -> str:
        return work.document(fields).decode()

    def with_signature(fields: Fields) -> list[str]:
        return [text(fields), str(work.signed(fields).signature)]

    def contestant(section: str, what: str, make: Callable[[Fields], Any], expected: Callable[[Fields, Any], str]) -> Contestant:
        remote = f"{name}_{section.partition('_')[0]}"

        def batch(count: int) -> int:
            return int(node.ask({"run": remote, "inputs": [make(work.fields()) for _ in range(count)]})["ns"])

        def prove() -> None:
            cases = [work.fields() for _ in range(_PROOFS)]
            inputs = [make(fields) for fields in cases]
            outcomes = node.ask({"prove": remote, "inputs": inputs})["outcomes"]
            if outcomes != [expected(fields, item) for fields, item in zip(cases, inputs, strict=True)]:
                raise Disagreement(f"{name} comes to another outcome than Orderseal and eth-account")

        return Contestant(name, f"{name} on Node", what, batch, prove)

    def digest(_fields: Fields, item: str) -> str:
        return "0x" + work.document_digest(item.encode()).hex()

    return {
        "sign": [contestant("sign", "signTypedData", text, lambda fields, _: "0x" + work.signature(fields).hex())],
        "digest": [contestant("digest", "typed-data hash", text, digest)],
        "verify": [contestant("verify", "typed-data signer", with_signature, lambda _fields, _item: work.maker)],
        "document_new": [contestant("document_new", "new schema", lambda fields: work.new_document(fields).decode(), digest)],
        "document_same": [contestant("document_same", "same schema", text, digest)],
    }
