"""``orderseal bench``: every contestant proves its work, the rows are complete, and a wrong outcome is an error. Speed never is."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import orderseal.benchmarks.contestants
from orderseal.benchmarks import Contestant, Disagreement, Missing, Report, Row, Section, run
from orderseal.benchmarks.peers import NODE_PACKAGES, PYTHON_PEERS
from orderseal.benchmarks.rounds import QUICK
from orderseal.benchmarks.table import measure
from orderseal.benchmarks.work import DOMAIN, Work
from orderseal.cli.main import app
from orderseal.signing import Domain, LocalSigner, Order, sign_order

pytestmark = pytest.mark.once

GOALS = {
    ("sign", "order"): "≤ 1.3 \N{MULTIPLICATION SIGN} coincurve",
    ("sign", "fields"): "≤ 1.5 \N{MULTIPLICATION SIGN} coincurve",
    ("sign", "eth_account"): "≥ 10 \N{MULTIPLICATION SIGN} orderseal",
    ("sign", "eth_account_native"): "≥ 100 \N{MULTIPLICATION SIGN} orderseal",
    ("digest", "order"): "≤ 0.25 \N{MULTIPLICATION SIGN} coincurve",
    ("verify", "verify_order"): "≤ 1.25 \N{MULTIPLICATION SIGN} coincurve",
    ("ledger", "two_commits"): "≤ 2.5 \N{MULTIPLICATION SIGN} the disk",
    ("ledger", "eight"): "≤ 2.5 \N{MULTIPLICATION SIGN} the disk",
    ("reserve", "single"): "≥ 20 \N{MULTIPLICATION SIGN} orderseal",
    ("buy_encode", "web3"): "≥ 100 \N{MULTIPLICATION SIGN} orderseal",
    ("buy_decode", "web3"): "≥ 100 \N{MULTIPLICATION SIGN} orderseal",
    ("logs", "web3_transfer"): "≥ 20 \N{MULTIPLICATION SIGN} orderseal",
    ("logs", "web3_bought"): "≥ 20 \N{MULTIPLICATION SIGN} orderseal",
    ("document_new", "eth_account"): "≥ 3 \N{MULTIPLICATION SIGN} orderseal",
    ("document_same", "eth_account"): "≥ 8 \N{MULTIPLICATION SIGN} orderseal",
}


def bench(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in an empty folder."""
    command = [sys.executable, "-P", "-W", "error", "-m", "orderseal.cli", "bench", *arguments]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=110, check=False
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "node_modules").mkdir()  # The Node process starts, and finds nothing.
    done = bench(folder, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_json_is_complete(found: dict[str, Any]) -> None:
    assert list(found) == ["ok", "quick", "machine", "backends", "versions", "rows", "missing", "errors"]
    assert found["ok"] is True
    assert found["quick"] is True
    assert found["errors"] == []
    assert set(found["machine"]) == {"python", "implementation", "system", "cpu", "cpus"}
    assert set(found["backends"]) == {"ecdsa", "keccak"}
    assert {"orderseal", "coincurve", "eth-account", "eth-keys"} <= set(found["versions"])


def test_the_json_names_no_place_and_no_host(found: dict[str, Any]) -> None:
    text = json.dumps(found)
    assert str(Path.home()) not in text
    assert sys.prefix not in text
    assert os.uname().nodename not in text


def test_every_row_is_complete(found: dict[str, Any]) -> None:
    names = [field.name for field in dataclasses.fields(Row)]
    rows = found["rows"]
    assert len({(row["section"], row["id"]) for row in rows}) == len(rows)
    for row in rows:
        assert list(row) == names
        assert row["median_us"] >= row["fastest_us"] > 0
        assert len(f"{row['name']}: {row['what']}") <= 39, "a table of 80 columns has no room for it"
        if row["section"] != "large":
            low, high = row["ratio_quartiles"]
            assert 0 < low <= row["ratio"] <= high
            assert row["ratio_of_fastest"] > 0
    first = {row["section"]: row for row in reversed(rows)}
    assert all(row["ratio"] == 1 for section, row in first.items() if section != "large")
    assert list(dict.fromkeys(row["section"] for row in rows)) == [
        "sign",
        "digest",
        "batch",
        "verify",
        "document_new",
        "document_same",
        "keccak",
        "address",
        "ledger",
        "reserve",
        "buy_encode",
        "buy_decode",
        "logs",
        "import",
        "large",
    ]


def test_every_goal_is_judged(found: dict[str, Any]) -> None:
    assert {(row["section"], row["id"]): row["goal"] for row in found["rows"] if row["goal"]} == GOALS
    for row in found["rows"]:
        judged = row["goal"] is not None
        assert (row["goal_ratio"] is not None) == (row["goal_ratio_of_fastest"] is not None) == judged
        assert row["met"] is None, "a quick run is too short to judge"


def test_each_peer_is_measured_or_named_as_missing(found: dict[str, Any]) -> None:
    missing = {entry["name"] for entry in found["missing"]}
    assert set(NODE_PACKAGES) <= missing, "the folder is empty"
    assert ("node" in found["versions"]) == (shutil.which("node") is not None)
    assert missing | set(found["versions"]) >= {*PYTHON_PEERS, *NODE_PACKAGES}
    assert all(entry["how"] for entry in found["missing"])


def test_text_fits_80_columns_and_markdown_has_every_row(tmp_path: Path) -> None:
    report = run(quick=True, node_folder=tmp_path)
    assert report.ok, report.errors
    text = report.to_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "Goals" in text
    markdown = report.to_markdown()
    assert markdown.count("### ") == 16
    for row in report.rows:
        assert f"\n{row.label} " in text
        assert f"\n| {row.label} |" in markdown


@pytest.mark.parametrize("arguments", [("--json", "--markdown"), ("--node", "nowhere")])
def test_wrong_use(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = bench(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""


def wrong_signature(work: Work) -> Contestant:
    """Signs the order for another chain: a valid signature of the right key, over the wrong digest."""
    other = Domain(name="RFQSettlement", version="1", chain_id=56, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")

    def agrees(fields: dict[str, Any], _item: Order, found: bytes) -> bool:
        return found == work.signature(fields)

    return work.contestant(
        "wrong", "wrong", "another chain", work.order, lambda order: sign_order(order, other, work.signer).signature, agrees
    )


def raises(work: Work) -> Contestant:
    """Does not take the order at all."""
    return work.contestant("raises", "raises", "nothing", work.order, lambda _order: 1 / 0, lambda *_: True)


@pytest.mark.parametrize(("make", "error"), [(wrong_signature, "another outcome"), (raises, "ZeroDivisionError")])
def test_a_contestant_that_does_other_work_is_an_error_and_no_row(make: Any, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_section(work: Work, _peers: object) -> list[Section]:
        (sign, *_) = sections(work, {})
        return [Section(sign.id, sign.title, (*sign.contestants[:2], make(work)))]

    sections = orderseal.benchmarks.contestants.sections
    monkeypatch.setattr("orderseal.benchmarks.table.sections", one_section)
    done = CliRunner().invoke(app, ["bench", "--quick", "--json"])
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert [(entry["section"], entry["name"]) for entry in document["errors"]] == [("sign", make.__name__.split("_")[0])]
    assert error in document["errors"][0]["error"]
    assert [row["id"] for row in document["rows"] if row["section"] == "sign"] == ["raw", "order"]


def test_a_reference_that_does_other_work_leaves_no_ratios() -> None:
    work = Work()
    report = Report(quick=True)
    measure(Section("sign", "Sign", (wrong_signature(work), raises(work))), QUICK, report)
    assert [failure.name for failure in report.errors] == ["wrong", "raises"]
    assert report.rows == []
    assert not report.ok
    assert "ERRORS" in report.to_text()
    assert "**Error**" in report.to_markdown()


def test_what_is_expected_comes_from_eth_account_too(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    fields = work.fields()
    assert len(work.signature(fields)) == 65
    work.signer = LocalSigner.generate()
    fields["maker"] = str(work.signer.address)
    with pytest.raises(Disagreement):
        work.signature(fields)
    monkeypatch.setattr("orderseal.benchmarks.work.message_hash", lambda _message: bytes(32))
    with pytest.raises(Disagreement):
        work.digest(work.fields())


def test_a_contestant_that_takes_lists_gets_whole_ones_and_is_counted_by_the_item() -> None:
    work = Work()
    sizes: list[int] = []

    def sign_all(orders: list[Order]) -> list[bytes]:
        sizes.append(len(orders))
        return [sign_order(order, DOMAIN, work.signer).signature for order in orders]

    contestant = work.together(
        "all", "all", "all", work.order, sign_all, lambda fields, _, found: bool(found == work.signature(fields)), size=20
    )
    contestant.prove()
    sizes.clear()
    assert contestant.batch(50) > 0
    assert sizes == [20, 20]
    contestant.batch(1)
    assert sizes == [20, 20, 20]


def test_orders_and_schemas_are_never_repeated() -> None:
    work = Work()
    orders = [work.fields() for _ in range(50)]
    assert len({work.digest_unproven(fields) for fields in orders}) == 50
    assert len({work.new_document(orders[0]) for _ in range(50)}) == 50
    assert len({work.stranger() for _ in range(50)}) == 50


def test_a_report_without_peers_says_how_to_get_them() -> None:
    report = Report(quick=False, missing=[Missing("viem", "not installed: npm install viem")])
    assert "viem: not installed: npm install viem" in report.to_text()
    assert report.ok
