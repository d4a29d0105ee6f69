"""The remote signer against a real JSON-RPC server of the test's own, which signs with eth-account."""

import gzip
import json
import logging
import re
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from orderseal.api.signers import RemoteSigner
from orderseal.chain.fees import Fees
from orderseal.chain.transactions import Transaction, decode_transaction, sign_transaction
from orderseal.sandbox.evm.anvil import find_anvil
from orderseal.signing import (
    Domain,
    InvalidInput,
    Order,
    Signer,
    SignerError,
    TransactionSigner,
    TypedData,
    sign_order,
    sign_text,
    sign_typed_data,
    verify_order,
)
from orderseal.signing.secp256k1 import N

Answer = Callable[[str, list[Any]], Any]


class Service:
    """A JSON-RPC wallet. ``answer`` may be replaced; ``raw`` sends exact bytes instead."""

    def __init__(self) -> None:
        self.account: Any = Account.create()
        self.answer: Answer = self.honest
        self.raw: bytes | None = None
        self.encoding = "identity"
        self.calls: list[str] = []
        self.paths: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.calls.append(call["method"])
                service.paths.append(self.path)
                reply = service.raw
                if reply is None:
                    try:
                        reply = json.dumps({"jsonrpc": "2.0", "id": 1, "result": service.answer(call["method"], call["params"])}).encode()
                    except PermissionError as error:
                        reply = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": 4001, "message": str(error)}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(reply)))
                self.send_header("Content-Encoding", service.encoding)
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                del format, args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def honest(self, method: str, params: list[Any]) -> Any:
        if method == "eth_accounts":
            return [self.account.address]
        if method == "personal_sign":
            assert params[1] == self.account.address
            return "0x" + bytes(self.account.sign_message(encode_defunct(hexstr=params[0])).signature).hex()
        if method == "eth_signTransaction":
            assert params[0]["from"] == self.account.address
            members = {name: value for name, value in params[0].items() if name != "from"}
            return "0x" + bytes(self.account.sign_transaction(members).raw_transaction).hex()
        assert method == "eth_signTypedData_v4"
        assert params[0] == self.account.address
        document = json.loads(params[1])
        for name in ("price", "quantity", "incentive", "deadline", "nonce", "exchange"):
            if name in document["message"]:
                document["message"][name] = int(document["message"][name])
        return "0x" + bytes(self.account.sign_message(encode_typed_data(full_message=document)).signature).hex()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.server.shutdown()
    service.thread.join()
    service.server.server_close()


DOMAIN = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")


def order_of(maker: Any) -> Order:
    return Order(
        maker=maker,
        principal=maker,
        is_buy=True,
        ticker="AAPL",
        exchange=0,
        asset="0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",  # type: ignore[arg-type]
        price=10**20,
        quantity=1,
        incentive=0,
        deadline=1_800_000_000,
        nonce=7,
    )


def test_signs_orders_and_texts(service: Service) -> None:
    with RemoteSigner(service.url) as signer:
        assert isinstance(signer, Signer)
        assert str(signer.address) == service.account.address
        assert str(verify_order(sign_order(order_of(signer.address), DOMAIN, signer))) == service.account.address
        expected = bytes(service.account.sign_message(encode_defunct(text="hello\nTürkiye")).signature)
        assert sign_text("hello\nTürkiye", signer) == expected
        assert service.url not in repr(signer)


def test_v_of_hardware_is_read(service: Service) -> None:
    def low_v(method: str, params: list[Any]) -> Any:
        answer = service.honest(method, params)
        return answer[:-2] + {"1b": "00", "1c": "01"}[answer[-2:]] if method != "eth_accounts" else answer

    service.answer = low_v
    with RemoteSigner(service.url) as signer:
        verify_order(sign_order(order_of(signer.address), DOMAIN, signer))


def test_a_signature_of_another_key_is_thrown_away(service: Service) -> None:
    with RemoteSigner(service.url, service.account.address) as signer:
        address = service.account.address
        service.account = Account.create()
        service.answer = lambda method, params: service.honest(method, [service.account.address, *params[1:]])
        with pytest.raises(SignerError, match="not its own"):
            sign_order(order_of(address), DOMAIN, signer)


@pytest.mark.parametrize("answer", ["0x", "0x00", None, 5, [], "0x" + "00" * 65, "0x" + "ff" * 65, "zz", {"signature": "0x00"}])
def test_answers_that_are_no_signature(service: Service, answer: Any) -> None:
    with RemoteSigner(service.url, service.account.address) as signer:
        service.answer = lambda _method, _params: answer
        with pytest.raises(SignerError):
            sign_text("x", signer)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"result"', b'{"error": 7}', b'{"error": {"message": 5}}', b"[" * 100_000])
def test_answers_that_are_no_json_rpc(service: Service, raw: bytes) -> None:
    service.raw = raw
    with pytest.raises(SignerError):
        RemoteSigner(service.url)


def test_too_long_an_answer(service: Service) -> None:
    service.raw = b'{"result": "' + b"x" * 2_000_000 + b'"}'
    with pytest.raises(SignerError, match="too long"):
        RemoteSigner(service.url)


def test_a_refusal_is_told_in_one_printable_line(service: Service) -> None:
    def refuse(_method: str, _params: list[Any]) -> Any:
        raise PermissionError("user said no\n\x1b[31mred")

    service.answer = refuse
    with pytest.raises(SignerError) as caught:
        RemoteSigner(service.url)
    assert "user said no" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("accounts", [[], None, ["0x" + "11" * 20] * 2, ["nobody"], [5], "0x"])
def test_the_account_must_be_plain(service: Service, accounts: Any) -> None:
    service.answer = lambda _method, _params: accounts
    with pytest.raises(SignerError):
        RemoteSigner(service.url)


def test_nobody_there(service: Service) -> None:
    with RemoteSigner(service.url, service.account.address) as signer:
        service.server.shutdown()
        service.server.server_close()
        with pytest.raises(SignerError, match="no answer"):
            sign_text("x", signer)


def test_only_the_document_that_hashes_to_the_digest_is_sent(service: Service) -> None:
    with RemoteSigner(service.url, service.account.address) as signer:
        first = order_of(signer.address).to_typed_data(DOMAIN)
        other = order_of(signer.address).replace(nonce=8).to_typed_data(DOMAIN)
        with pytest.raises(InvalidInput):
            signer.sign_typed_data(first.signing_hash, lambda: other)
        assert service.calls == []
        assert sign_typed_data(TypedData.from_json(json.dumps(first.to_json())), signer)


def transaction(**changes: Any) -> Transaction:
    members: dict[str, Any] = {"chain_id": 97, "nonce": 7, "to": DOMAIN.verifying_contract, "value": 5, "data": b"\x12", "gas": 90_000}
    return Transaction(**{**members, "fees": Fees(max_fee_per_gas=3 * 10**9, max_priority_fee_per_gas=10**9), **changes})


@pytest.mark.parametrize("fees", [Fees(max_fee_per_gas=9, max_priority_fee_per_gas=1), Fees(gas_price=5)], ids=["type 2", "legacy"])
def test_signs_transactions(service: Service, fees: Fees) -> None:
    wanted = transaction(fees=fees)
    with RemoteSigner(service.url) as signer:
        assert isinstance(signer, TransactionSigner)
        signed = sign_transaction(wanted, signer)
        assert decode_transaction(signed.raw)[::2] == (wanted, signer.address)
        # go-ethereum's form
        service.answer = lambda method, params: {"raw": service.honest(method, params), "tx": {"hash": "0x00", "to": "0x11"}}
        assert sign_transaction(wanted, signer) == signed
    assert service.calls[1:] == ["eth_signTransaction"] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"to": "0x" + "11" * 20},
        {"value": "0x6"},
        {"nonce": "0x8"},
        {"chainId": "0x38"},
        {"gas": "0xfffff"},
        {"data": "0x13"},
        {"maxFeePerGas": hex(4 * 10**9)},
        {"maxPriorityFeePerGas": hex(2 * 10**9)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_service_that_signs_another_transaction(service: Service, change: dict[str, str]) -> None:
    with RemoteSigner(service.url) as signer:
        service.answer = lambda method, params: service.honest(method, [{**params[0], **change}])
        with pytest.raises(SignerError, match="signed another transaction"):
            sign_transaction(transaction(), signer)


def test_a_service_that_signs_a_transaction_with_another_key(service: Service) -> None:
    with RemoteSigner(service.url) as signer:
        other = Account.create()
        service.answer = lambda method, params: (
            "0x" + bytes(other.sign_transaction({name: value for name, value in params[0].items() if name != "from"}).raw_transaction).hex()
        )
        with pytest.raises(SignerError, match="another account"):
            sign_transaction(transaction(), signer)


def test_a_service_that_signs_a_transaction_with_a_high_s(service: Service) -> None:
    def high(method: str, params: list[Any]) -> str:
        wanted, signature, _sender = decode_transaction(bytes.fromhex(service.honest(method, params)[2:]))
        assert wanted == transaction()
        members = rlp.decode(wanted.raw(signature)[1:])
        return "0x02" + bytes(rlp.encode([*members[:9], 28 - signature.v, signature.r, N - signature.s])).hex()

    with RemoteSigner(service.url) as signer:
        service.answer = high
        with pytest.raises(SignerError, match="upper half"):
            sign_transaction(transaction(), signer)


@pytest.mark.parametrize(
    "answer",
    ["0x", "0x02", "zz", None, 5, [], {}, {"raw": None}, {"raw": "02"}, {"tx": {}}, "0x" + "00" * 65, "0x" + "ff" * 400_000],
    ids=str,
)
def test_answers_that_are_no_transaction(service: Service, answer: Any) -> None:
    with RemoteSigner(service.url, service.account.address) as signer:
        service.answer = lambda _method, _params: answer
        with pytest.raises(SignerError) as caught:
            sign_transaction(transaction(), signer)
        assert len(str(caught.value)) < 500


def test_a_refused_transaction(service: Service) -> None:
    def refuse(_method: str, _params: list[Any]) -> Any:
        raise PermissionError("user said no")

    with RemoteSigner(service.url, service.account.address) as signer:
        service.answer = refuse
        with pytest.raises(SignerError, match="user said no"):
            sign_transaction(transaction(), signer)


def test_anvil_signs_transactions_for_its_own_accounts(anvil: str) -> None:
    command = [find_anvil(anvil), "--port", "0", "--chain-id", "97", "--accounts", "1", "--prune-history", "--no-cors", "--color", "never"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert process.stdout is not None
        address = next(found[1].decode() for line in process.stdout if (found := re.search(rb"Listening on (127[0-9.:]+)", line)))
        with RemoteSigner(f"http://{address}") as signer:
            for fees in (Fees(max_fee_per_gas=9, max_priority_fee_per_gas=1), Fees(gas_price=5)):
                signed = sign_transaction(transaction(nonce=0, fees=fees), signer)
                assert decode_transaction(signed.raw)[2] == signer.address
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def test_a_token_in_the_path_is_in_no_log(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = secrets.token_hex(12)
    with RemoteSigner(f"{service.url}/{token}") as signer:
        sign_text("x", signer)
        service.raw = b"<html>"
        with pytest.raises(SignerError) as caught:
            sign_text("x", signer)
    assert service.paths[-1] == f"/{token}"
    assert "127.0.0.1" in caplog.text
    assert token not in caplog.text + str(caught.value) + repr(signer)


def test_a_compressed_answer_is_not_unpacked(service: Service) -> None:
    service.raw, service.encoding = gzip.compress(b"{}"), "gzip"
    with pytest.raises(SignerError, match="compressed"):
        RemoteSigner(service.url)


@pytest.mark.parametrize("url", ["http://signer.example.com", "ftp://127.0.0.1", "signer", "https://user:pass@signer.example.com"])
def test_plain_http_leaves_loopback_never(url: str) -> None:
    with pytest.raises(InvalidInput):
        RemoteSigner(url, "0x" + "11" * 20)
