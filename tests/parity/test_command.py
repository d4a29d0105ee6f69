"""``orderseal parity``: what it prints, and its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GOOD: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}],
        "Bid": [{"name": "price", "type": "uint256"}, {"name": "open", "type": "bool"}],
    },
    "primaryType": "Bid",
    "domain": {"name": "Shop"},
    "message": {"price": 1, "open": True},
}
LIBRARIES = ["eth-account", "ethers", "viem", "eth-sig-util"]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def run(*arguments: str, stdin: str | bytes = b"") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-W", "error", "-m", "orderseal.cli", "parity", *arguments]
        environment = {**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        text = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run(command, input=text, capture_output=True, cwd=tmp_path, env=environment, timeout=100, check=False)
        assert b"Traceback" not in done.stderr, done.stderr
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def changed(**message: Any) -> str:
    return json.dumps({**GOOD, "message": {**GOOD["message"], **message}})


def test_all_agree(run: Any, tmp_path: Path) -> None:
    (tmp_path / "bid.json").write_text(json.dumps(GOOD))
    done = run("bid.json")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("signing hash 0x")
    assert [line.split(maxsplit=2)[::2] for line in lines[2:]] == [[library, "same digest"] for library in LIBRARIES]
    assert run("-", stdin=json.dumps(GOOD)).stdout == done.stdout


def test_somebody_disagrees(run: Any) -> None:
    types = {**GOOD["types"], "Unused": [{"name": "x", "type": "bool"}]}
    done = run("-", "--json", stdin=json.dumps({**GOOD, "types": types}))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["signing_hash"].startswith("0x")
    assert (found["agreed"], found["error"], found["path"]) == (False, None, None)
    assert [outcome["verdict"] for outcome in found["outcomes"]] == ["refuses", "refuses", "same digest", "same digest"]


def test_the_json_form_is_stable(run: Any) -> None:
    done = run("-", "--json", stdin=changed(price="+1"))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert list(found) == ["agreed", "signing_hash", "error", "path", "outcomes", "divergences"]
    assert (found["agreed"], found["signing_hash"], found["path"]) == (False, None, "message.price")
    assert found["error"].startswith("message.price: expected uint256")
    assert found["outcomes"] == [
        {"library": library, "version": version, "verdict": "accepts", "because": ["number_in_loose_text"]}
        for library, version in zip(LIBRARIES, ("0.14.0", "6.17.0", "2.57.1", "9.0.0"), strict=True)
    ]
    (divergence,) = found["divergences"]
    assert list(divergence) == ["code", "path", "what", "effects"]
    assert (divergence["code"], divergence["path"]) == ("number_in_loose_text", "message.price")
    assert divergence["effects"] == dict.fromkeys(LIBRARIES, "accepts")


def test_text_for_people_fits_80_columns_and_says_where_and_why(run: Any) -> None:
    done = run("-", stdin=changed(price="+1", open="false"))
    assert done.returncode == 1
    assert max(map(len, done.stdout.splitlines())) <= 80
    text = " ".join(done.stdout.split())
    assert "orderseal refuses it: message.price: expected uint256" in text
    assert "viem 2.57.1 refuses bool_true_false_text" in text
    assert "ethers 6.17.0 accepts bool_true_false_text, number_in_loose_text" in text
    assert "bool_true_false_text: message.open" in text
    assert "number_in_loose_text: message.price" in text


def test_many_places_are_counted(run: Any) -> None:
    types = {**GOOD["types"], "Bid": [{"name": "price", "type": "uint256[]"}]}
    document = {**GOOD, "types": types, "message": {"price": ["01"] * 9}}
    text = " ".join(run("-", stdin=json.dumps(document)).stdout.split())
    assert "message.price[4], and 4 more places" in text


@pytest.mark.parametrize("data", [b"", b"[", b"\xff", b"{}", b'{"types": {"\\u001b[31mred": []}}', b"NaN", b"[" * 100_000])
def test_junk_gives_exit_code_1_and_plain_text(run: Any, data: bytes) -> None:
    done = run("-", stdin=data)
    assert done.returncode == 1
    assert done.stdout.startswith("orderseal refuses it: ")
    assert "\x1b" not in done.stdout
    assert json.loads(run("-", "--json", stdin=data).stdout)["agreed"] is False


def test_wrong_use(run: Any) -> None:
    assert run("none.json").returncode == 2
    assert run("none.json").stderr == "orderseal: none.json: no such file or directory\n"
    assert run().returncode == 2
    assert run("-", "--frobnicate").returncode == 2
    assert json.loads(run("none.json", "--json").stdout) == {"error": "none.json: no such file or directory", "path": None}
