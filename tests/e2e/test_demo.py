"""The demo, and the README's program and commands, run as printed."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(400)

TOP = Path(__file__).resolve().parents[2]
README = TOP / "README.md"

STEPS = [
    "start_sandbox",
    "connect",
    "estimate",
    "build",
    "explain",
    "sign",
    "verify",
    "subscribe",
    "submit",
    "follow",
    "documented_example",
    "rebuild",
    "submit_rebuilt",
    "start_tokenizationtr",
    "buy",
    "lost_answer",
    "settle",
    "license_order",
    "repeat_order",
    "start_chain",
    "start_brokerstr",
    "list_token",
    "recipe",
    "pins",
    "plan",
    "show_plan",
    "send_plan",
    "event",
    "seen",
    "changed_recipe",
]


def run(*command: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False, **more)


def test_demo_json(tmp_path: Path) -> None:
    done = run(sys.executable, "-P", "-W", "error", "-m", "orderseal.cli", "demo", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["ok"] is True
    steps = {step["name"]: step for step in document["steps"]}
    assert list(steps) == STEPS
    assert all(set(step) == {"name", "ok", "ms", "detail"} and step["ok"] for step in steps.values())
    assert steps["follow"]["detail"]["final"] == "filled"
    assert steps["follow"]["detail"]["filled"] == "60"
    assert steps["follow"]["detail"]["statuses"][-1] == "filled"
    assert steps["submit_rebuilt"]["detail"]["final"] == "pending"
    plan, event = steps["plan"]["detail"], steps["event"]["detail"]
    assert (plan["simulation"], plan["unchecked"]) == ("eth_simulateV1", [])
    assert steps["show_plan"]["detail"]["plan"]["hash"] == plan["hash"]
    assert [sent["what"] for sent in steps["send_plan"]["detail"]["sent"]] == ["approve", "purchase"]
    assert (event["event"], event["values"]["price"], event["values"]["count"]) == ("ListingBuyEvent", "440", "5")
    assert (steps["lost_answer"]["detail"]["unknown"], steps["lost_answer"]["detail"]["deliveries"]) == ("order 4712", 1)
    assert (steps["settle"]["detail"]["open"], steps["settle"]["detail"]["bought"]) == (0, [10, 7])
    assert steps["repeat_order"]["detail"] == {"order_ids": [steps["license_order"]["detail"]["order_id"]], "deliveries": 1}
    assert steps["recipe"]["detail"]["price"] == "0.00044000000000000007"  # As the venue's page prints it.
    assert steps["seen"]["detail"] == {"hash": steps["send_plan"]["detail"]["sent"][-1]["hash"], "quantity": 5}
    assert steps["changed_recipe"]["detail"]["refused"].startswith("integration.contract_address: ")
    changed = {change["field"] for change in steps["rebuild"]["detail"]["changed"]}
    # The sandbox begins at a nonce of its own choice, which may happen to be the document's.
    assert changed | {"nonce"} == {"maker", "principal", "asset", "incentive", "deadline", "nonce"}
    reasons = "\n".join(steps["documented_example"]["detail"]["reasons"])
    for part in ("maker", "asset", "deadline", "incentive", "signature"):
        assert part in reasons


def test_demo_text(tmp_path: Path) -> None:
    done = run(sys.executable, "-P", "-m", "orderseal.cli", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"All {len(STEPS)} steps worked" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout  # Piped: no colours.
    assert "object at 0x" not in done.stdout


def test_demo_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['starlette'] = None; from orderseal.cli import main; sys.argv = ['orderseal', 'demo']; main()"
    done = run(sys.executable, "-P", "-c", code, cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'orderseal[sandbox]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_sandbox_command_serves_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "orderseal.cli", "sandbox", "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        taken = run(sys.executable, "-P", "-m", "orderseal.cli", "sandbox", "--port", url.rsplit(":", 1)[1], cwd=tmp_path)
        assert taken.returncode == 2
        assert "take a free one with --port 0" in taken.stderr
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in err
    finally:
        process.kill()
        process.communicate()


def blocks(language: str, page: Path = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def test_the_guide_on_eip712_runs_as_printed(tmp_path: Path) -> None:
    """As a file, because the workers of the pool import it; each prints what stands outside the main block, its line end perhaps late."""
    (tmp_path / "guide.py").write_text("\n".join(blocks("python", TOP / "docs" / "eip712.md")), encoding="utf-8")
    env = {**os.environ, "MAKER_KEY": f"{int.from_bytes(os.urandom(31), 'big') + 1:064x}"}
    done = run(sys.executable, "-P", "-W", "error", "guide.py", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    permit = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    line = f"Basket(Permit[] permits,bool isOpen,uint256[2] amounts){permit}"
    assert done.stdout.count(line) == done.stdout.count("\n") > 0
    assert not done.stdout.replace(line, "").strip("\n")


def test_readme_program_runs_as_printed(tmp_path: Path) -> None:
    (program,) = blocks("python")
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = run(sys.executable, "-P", "-W", "error", "program.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].endswith("→ filled")


def test_readme_commands_run_as_printed(tmp_path: Path) -> None:
    (commands,) = blocks("sh")
    (tmp_path / "docs").symlink_to(TOP / "docs")
    bin_folder = str(Path(sys.executable).parent)
    env = {**os.environ, "PATH": bin_folder + os.pathsep + os.environ["PATH"]}
    done = run("bash", "-euo", "pipefail", "-c", commands, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    # The digest is the one that EIP-712 prints for its example.
    assert "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2" in done.stdout
    assert "valid: signed by 0x" in done.stdout


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", *(f"docs/{page.name}" for page in sorted((TOP / "docs").glob("*.md")))])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (TOP / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("https://") and target != "CONTRIBUTING.md":
            assert ((TOP / page).parent / target).exists(), target
