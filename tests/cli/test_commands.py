"""hash, sign, verify, recover, doctor: results, exit codes, and one clear line for every wrong use."""

import copy
import json
import secrets
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

DOMAIN = {
    "name": "RFQSettlement",
    "version": "1",
    "chainId": 97,
    "verifyingContract": "0xCB310C56A19078aA969A922f382613d932D89D83",
}
TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Order": [
        {"name": "maker", "type": "address"},
        {"name": "principal", "type": "address"},
        {"name": "isBuy", "type": "bool"},
        {"name": "ticker", "type": "string"},
        {"name": "exchange", "type": "uint16"},
        {"name": "asset", "type": "address"},
        {"name": "price", "type": "uint256"},
        {"name": "quantity", "type": "uint256"},
        {"name": "incentive", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
    ],
}


@pytest.fixture
def account() -> Any:
    return Account.create()


@pytest.fixture
def document(account: Any) -> dict[str, Any]:
    message = {
        "maker": account.address,
        "principal": account.address,
        "isBuy": True,
        "ticker": "AAPL",
        "exchange": 0,
        "asset": "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",
        "price": "150250000000000000000",
        "quantity": "60",
        "incentive": "1000000000000000000",
        "deadline": "1800000000",
        "nonce": "1",
    }
    return {"types": TYPES, "primaryType": "Order", "domain": DOMAIN, "message": message}


def signed_by(account: Any, document: dict[str, Any]) -> str:
    """eth-account's signature over a document."""
    ints = {name: int(document["message"][name]) for name in ("price", "quantity", "incentive", "deadline", "nonce")}
    full = {**document, "message": {**document["message"], **ints}}
    return "0x" + bytes(account.sign_message(encode_typed_data(full_message=full)).signature).hex()


def payload(account: Any, document: dict[str, Any]) -> dict[str, Any]:
    """The same as a venue payload."""
    order = {("is_buy" if name == "isBuy" else name): value for name, value in document["message"].items()}
    order |= {"deadline": int(order["deadline"]), "nonce": int(order["nonce"])}
    return {"order": order, "signature": signed_by(account, document)}


def vectors() -> list[dict[str, Any]]:
    text = (files("orderseal.fixtures.vectors") / "eip712-ethers.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


class TestHash:
    def test_json_has_the_documented_members_and_eth_accounts_hash(self, run: Any, document: dict[str, Any], account: Any) -> None:
        done = run("hash", "-", "--json", stdin=json.dumps(document))
        assert done.code == 0
        found = done.json()
        assert list(found) == ["primary_type", "type_hash", "domain_separator", "struct_hash", "signing_hash"]
        assert found["type_hash"] == "0x043d6bb5255c8a53a8dd164358b4de5ffb61d13dc332495e185ce15f82cc71b6"
        assert found["domain_separator"] == "0x2c96112fa55657382cc1ad45aed47deba93d96237d10df18585610c5d362e1ae"
        recovered = Account._recover_hash(bytes.fromhex(found["signing_hash"][2:]), signature=signed_by(account, document))
        assert recovered == account.address

    def test_all_vectors_as_lines(self, run: Any) -> None:
        cases = vectors()
        done = run("hash", "-", "--jsonl", stdin="\n".join(json.dumps(case["typed_data"]) for case in cases))
        assert done.code == 0
        results = [json.loads(line) for line in done.out.splitlines()]
        assert [r["signing_hash"] for r in results] == [case["digest"] for case in cases]
        assert [r["line"] for r in results] == list(range(1, len(cases) + 1))

    def test_a_bad_line_does_not_stop_the_others(self, run: Any, document: dict[str, Any]) -> None:
        bad = copy.deepcopy(document)
        bad["message"]["price"] = 1.5
        lines = [json.dumps(document), "", json.dumps(bad), "not json", json.dumps(document)]
        done = run("hash", "-", "--jsonl", stdin="\n".join(lines))
        assert done.code == 1
        results = [json.loads(line) for line in done.out.splitlines()]
        assert [r["line"] for r in results] == [1, 3, 4, 5]
        assert results[1]["path"] == "message.price"
        assert "1.5" in results[1]["error"]
        assert results[2]["path"] == "document"
        assert results[0]["signing_hash"] == results[3]["signing_hash"]

    def test_text_output_names_each_hash(self, run: Any, document: dict[str, Any]) -> None:
        done = run("hash", "-", stdin=json.dumps(document))
        assert "signing hash" in done.out
        assert "0x043d6bb5" in done.out

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"price": 2**53}, "message.price"),
            ({"price": "-1"}, "message.price"),
            ({"quantity": -1}, "message.quantity"),
            ({"maker": "0xCB310C56A19078aA969A922f382613d932D89d83"}, "message.maker"),
            ({"isBuy": 1}, "message.isBuy"),
        ],
    )
    def test_bad_values_fail_with_their_path(self, run: Any, document: dict[str, Any], change: dict[str, Any], path: str) -> None:
        document["message"] |= change
        done = run("hash", "-", "--json", stdin=json.dumps(document))
        assert done.code == 1
        assert done.json()["path"] == path

    def test_a_missing_file_is_wrong_use(self, run: Any) -> None:
        done = run("hash", "nowhere.json")
        assert done.code == 2
        assert done.err == "orderseal: nowhere.json: no such file or directory\n"

    def test_a_folder_is_wrong_use(self, run: Any) -> None:
        assert run("hash", ".").code == 2
        assert run("hash", ".", "--jsonl").code == 2

    def test_no_input_at_all(self, run: Any) -> None:
        done = run("hash", "-", stdin=b"")
        assert done.code == 1
        assert "expected JSON, got nothing" in done.err

    def test_other_bytes_than_utf8(self, run: Any) -> None:
        done = run("hash", "-", stdin=b'{"a": "\xff"}')
        assert done.code == 1
        assert "UTF-8" in done.err


class TestSign:
    def test_signature_is_eth_accounts_and_verify_takes_the_output(self, run: Any, document: dict[str, Any], account: Any) -> None:
        done = run("sign", "-", "--key-env", "K", "--json", stdin=json.dumps(document), env={"K": account.key.hex()})
        assert done.code == 0
        assert done.json()["signature"] == signed_by(account, document)
        assert done.json()["signer"] == account.address
        verified = run("verify", "-", "--json", stdin=done.out)
        assert verified.code == 0
        assert verified.json()["valid"] is True

    def test_keystore(self, run: Any, document: dict[str, Any], account: Any, tmp_path: Path) -> None:
        (tmp_path / "key.json").write_text(json.dumps(Account.encrypt(account.key, "swordfish", iterations=2, kdf="scrypt")))
        (tmp_path / "doc.json").write_text(json.dumps(document))
        done = run("sign", "doc.json", "--keystore", "key.json", "--password-env", "P", env={"P": "swordfish"})
        assert done.code == 0
        assert signed_by(account, document) in done.out
        wrong = run("sign", "doc.json", "--keystore", "key.json", "--password-env", "P", env={"P": "catfish-99"})
        assert wrong.code == 2
        assert "wrong password" in wrong.err
        assert "catfish" not in wrong.out + wrong.err

    @pytest.mark.parametrize(
        "spoil", [lambda k: k[:-1], lambda k: k + "00", lambda k: "0X" + k, lambda k: k + "\n", lambda k: "zz" + k[2:]]
    )
    def test_a_key_that_is_none_is_wrong_use_and_stays_secret(self, run: Any, document: dict[str, Any], spoil: Any) -> None:
        key = secrets.token_hex(32)
        done = run("sign", "-", "--key-env", "K", stdin=json.dumps(document), env={"K": spoil(key)})
        assert done.code == 2
        assert "expected a private key" in done.err
        text = done.out + done.err
        assert not [i for i in range(len(key) - 6) if key[i : i + 6] in text]

    def test_no_key_at_all(self, run: Any, document: dict[str, Any]) -> None:
        done = run("sign", "-", "--key-env", "NOT_SET_ANYWHERE", stdin=json.dumps(document))
        assert done.code == 2
        assert "Set the environment variable NOT_SET_ANYWHERE" in done.err
        assert run("sign", "-", stdin=json.dumps(document)).code == 2

    def test_a_file_that_is_no_keystore(self, run: Any, document: dict[str, Any], tmp_path: Path) -> None:
        (tmp_path / "doc.json").write_text(json.dumps(document))
        (tmp_path / "key.json").write_text("hello")
        done = run("sign", "doc.json", "--keystore", "key.json", "--password-env", "P", env={"P": "x"})
        assert done.code == 2
        assert "expected a Web3 Secret Storage key file" in done.err

    def test_foreign_maker_and_faulty_orders_are_not_signed(self, run: Any, document: dict[str, Any], account: Any) -> None:
        env = {"K": secrets.token_hex(32)}
        foreign = run("sign", "-", "--key-env", "K", stdin=json.dumps(document), env=env)
        assert foreign.code == 1
        assert "order.maker" in foreign.err
        document["message"]["deadline"] = "1800000000000"
        faulty = run("sign", "-", "--key-env", "K", stdin=json.dumps(document), env={"K": account.key.hex()})
        assert faulty.code == 1
        assert "milliseconds" in faulty.err


class TestVerify:
    def item(self, account: Any, document: dict[str, Any], **more: Any) -> str:
        return json.dumps({"typed_data": document, "signature": signed_by(account, document), **more})

    def test_the_json_form(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        done = run("verify", "-", "--json", stdin=self.item(account, document))
        assert done.code == 0
        found = done.json()
        assert list(found) == ["valid", "signer", "expected_signer", "signing_hash", "reasons", "diagnosis"]
        assert found["signer"] == found["expected_signer"] == account.address
        assert found["reasons"] == []

    def test_venue_payload(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        body = payload(account, document)
        done = run("verify", "-", "--network", "stove-testnet", "--json", stdin=json.dumps(body))
        assert done.code == 0
        assert done.json()["valid"] is True
        body["order"]["quantity"] = "60000000000000000000"
        scaled = run("verify", "-", "--network", "stove-testnet", "--json", stdin=json.dumps(body)).json()
        assert scaled["valid"] is False
        assert scaled["reasons"] == ["quantity_scaled", "signer_mismatch"]

    def test_venue_payload_without_network_is_wrong_use(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        done = run("verify", "-", stdin=json.dumps(payload(account, document)))
        assert done.code == 2
        assert "--network" in done.err
        assert run("verify", "-", "--network", "mainnet", stdin=json.dumps(payload(account, document))).code == 2

    def test_somebody_else(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        other = Account.create()
        document["message"]["maker"] = other.address
        done = run("verify", "-", "--json", stdin=self.item(account, document))
        assert done.code == 1
        found = done.json()
        assert found["valid"] is False
        assert found["signer"] == account.address
        assert found["expected_signer"] == other.address
        assert found["reasons"] == ["signer_mismatch"]

    def test_another_chain_is_diagnosed(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        item = json.loads(self.item(account, document))
        item["typed_data"]["domain"] = {**DOMAIN, "chainId": 56}
        done = run("verify", "-", stdin=json.dumps(item))
        assert done.code == 1
        assert "chain 97 instead of 56" in done.out

    def test_no_expected_signer_is_undecided(self, run: Any, account: Any) -> None:
        mail = next(case for case in vectors() if "signature" in case)
        item = {"typed_data": mail["typed_data"], "signature": mail["signature"]}
        done = run("verify", "-", "--json", stdin=json.dumps(item))
        assert done.code == 2
        assert done.json()["valid"] is None
        assert done.json()["reasons"] == ["no_expected_signer"]
        cow = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
        assert run("verify", "-", "--signer", cow, stdin=json.dumps(item)).out == f"valid: signed by {cow}\n"
        assert run("recover", "-", stdin=json.dumps(item)).out == cow + "\n"

    def test_two_expected_signers_must_agree(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        other = Account.create().address
        done = run("verify", "-", "--signer", other, stdin=self.item(account, document, signer=account.address))
        assert done.code == 1
        assert "who was expected to sign" in done.err
        against_maker = run("verify", "-", "--json", "--signer", other, stdin=self.item(account, document))
        assert against_maker.code == 1
        assert "maker_mismatch" in against_maker.json()["reasons"]

    def test_deadline_is_checked_when_asked(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        item = self.item(account, document)
        assert run("verify", "-", "--at", "1800000000", stdin=item).code == 0
        late = run("verify", "-", "--at", "2027-01-15T08:00:01Z", "--json", stdin=item)
        assert late.code == 1
        assert late.json()["reasons"] == ["deadline_passed"]
        for bad in ("tomorrow", "2027-01-15T08:00:01", "1800000000000", "-1"):
            assert run("verify", "-", f"--at={bad}", stdin=item).code == 2

    @pytest.mark.parametrize(
        "text",
        ["{}", "[]", "1", '{"typed_data": {}, "signature": "0x00"}', '{"typed_data": {}, "signature": "0x00", "x": 1}', '{"a": NaN}'],
    )
    def test_input_that_is_no_item(self, run: Any, text: str) -> None:
        done = run("verify", "-", stdin=text)
        assert done.code == 1
        assert done.err.startswith("orderseal: ")
        assert done.err.count("\n") == 1

    @pytest.mark.parametrize(
        ("signature", "reasons"), [("0x" + "00" * 65, "bad_r bad_s bad_v"), ("0x", "bad_length"), ("0x" + "11" * 64, "bad_length")]
    )
    def test_malformed_signatures(self, run: Any, account: Any, document: dict[str, Any], signature: str, reasons: str) -> None:
        done = run("verify", "-", "--json", stdin=json.dumps({"typed_data": document, "signature": signature}))
        assert done.code == 1
        assert done.json()["reasons"] == reasons.split()

    def test_lines(self, run: Any, account: Any, document: dict[str, Any]) -> None:
        good = self.item(account, document)
        mail = next(case for case in vectors() if "signature" in case)
        undecided = json.dumps({"typed_data": mail["typed_data"], "signature": mail["signature"]})
        assert run("verify", "-", "--jsonl", stdin=f"{good}\n{good}\n").code == 0
        assert run("verify", "-", "--jsonl", stdin=f"{good}\n{undecided}\n").code == 2
        done = run("verify", "-", "--jsonl", stdin=f"{good}\n{undecided}\nrubbish\n")
        assert done.code == 1
        assert [json.loads(line).get("valid", "error") for line in done.out.splitlines()] == [True, None, "error"]


def test_doctor(run: Any) -> None:
    done = run("doctor", "--json")
    assert done.code == 0
    found = done.json()
    assert found["ok"] is True
    assert found["ecdsa_backend"] == "coincurve (libsecp256k1)"
    assert found["keccak_backend"] == "tiny-keccak"
    assert min(found["keccak_us"], found["sign_order_us"], found["recover_signer_us"]) > 0
    text = run("doctor")
    assert text.code == 0
    assert "tiny-keccak" in text.out


def test_help_version_and_wrong_options(run: Any) -> None:
    assert run("--help").code == 0
    assert run("--version").out.startswith("orderseal ")
    assert run("hash").code == 2
    assert run("frobnicate").code == 2
    assert run("sandbox", "--port", "99999").code == 2


def test_closed_pipe_ends_quietly(run: Any, document: dict[str, Any], tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "many.jsonl").write_text((json.dumps(document) + "\n") * 5000)
    command = f'"{sys.executable}" -P -m orderseal.cli hash --jsonl many.jsonl | head -n 1'
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.stderr == b""
    assert json.loads(done.stdout)["line"] == 1


def test_no_secret_reaches_the_process_list() -> None:
    """No option takes a key or a password: only names of variables and files."""
    from typer.main import get_command

    from orderseal.cli.main import app

    command: Any = get_command(app)
    options = {option for sub in command.commands.values() for parameter in sub.params for option in parameter.opts}
    assert not {"--key", "--private-key", "--password", "--secret"} & options
    assert "--key-env" in options


def test_documented_example_is_refused_for_reasons(run: Any) -> None:
    """The venue's own sample, as printed on its page, is no valid payload: its signature is elided."""
    body = load_verbatim()
    done = run("verify", "-", "--network", "stove-testnet", stdin=json.dumps(body))
    assert done.code == 1
    assert "'0x...'" in done.err


def load_verbatim() -> Any:
    from orderseal.fixtures import load

    return load("stove/create-order")["verbatim"]["request"]["body"]


def test_remote_signer_is_asked_for_by_url(run: Any, document: dict[str, Any]) -> None:
    for url, code in (("http://127.0.0.1:9", 2), ("http://example.com", 2)):
        done = run("sign", "-", "--remote", url, stdin=json.dumps(document))
        assert done.code == code
        assert done.err.startswith("orderseal: ")
    assert run("sign", "-", "--remote", "http://127.0.0.1:9", "--key-env", "K", stdin=json.dumps(document)).code == 2
    assert run("sign", "-", "--key-env", "K", "--address", "0x00", stdin=json.dumps(document), env={"K": "1"}).code == 2


def test_the_network_of_a_document_is_checked(run: Any, account: Any, document: dict[str, Any]) -> None:
    """It was ignored for everything but a venue payload: a desk thought that it had been checked."""
    item = {"typed_data": document, "signature": signed_by(account, document)}
    assert run("verify", "-", "--network", "stove-testnet", stdin=json.dumps(item)).code == 0
    item["typed_data"] = {**document, "domain": {**DOMAIN, "chainId": 1}}
    done = run("verify", "-", "--network", "stove-testnet", "--json", stdin=json.dumps(item))
    assert done.code == 1
    assert done.json()["path"] == "typed_data.domain"


def test_something_signed_is_no_document_to_hash(run: Any, account: Any, document: dict[str, Any]) -> None:
    done = run("hash", "-", stdin=json.dumps({"typed_data": document, "signature": "0x00"}))
    assert done.code == 1
    assert "verify reads it" in done.err


def test_a_full_disk_is_said_without_a_traceback(run: Any, document: dict[str, Any], tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "doc.json").write_text(json.dumps(document))
    command = f'"{sys.executable}" -P -m orderseal.cli hash doc.json > /dev/full'
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "orderseal: the output could not be written: no space left on device\n")


def test_a_terminal_without_unicode_is_served(run: Any) -> None:
    done = run("doctor", env={"PYTHONIOENCODING": "ascii"})
    assert done.code == 0
    assert "\\xb5s" in done.out


def test_a_line_beyond_reason_is_not_taken_for_two(run: Any) -> None:
    done = run("hash", "-", "--jsonl", stdin=b"[" + b" " * (64 * 2**20) + b"]\n")
    assert done.code == 2
    assert done.json()["error"] == "line 1 is longer than 32 MiB"
