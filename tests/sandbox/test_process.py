"""The server as a process: starting, stopping, and never outliving its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderseal.sandbox import Sandbox, SandboxError, Settings, run

MODULE = [sys.executable, "-P", "-m", "orderseal.sandbox"]


def eventually(condition: Callable[[], bool], patience: float = 30.0) -> bool:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc/self/stat").exists():
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    # A process that ended is listed as a zombie until somebody waits for it.
    return status.rpartition(")")[2].split()[0] != "Z"


def test_it_starts_passes_its_settings_on_and_stops() -> None:
    settings = Settings(
        chain_id=56, jwt_lifetime=60, login_window=9, clock_offset=-1.5, step_delay_min=0.5, step_delay_max=0.75, heartbeat_interval=3.5,
        seed=-4, quantity_unit="wei", seed_shares=5, maker_balance=10**30, takers="manual", lock_seconds=60, cancel_timeout=1.5,
        taker_window=30,
    )  # fmt: skip
    sandbox = Sandbox(settings)
    with pytest.raises(SandboxError, match="not running"):
        _ = sandbox.url
    with sandbox as entered:
        assert entered is sandbox
        url, pid = sandbox.url, sandbox.pid
        assert url.startswith("http://127.0.0.1:")
        described = httpx.get(f"{url}/sandbox/run", trust_env=False).json()["settings"]
        assert Settings(**described) == settings
        with pytest.raises(SandboxError, match="already running"):
            sandbox.start()
        assert answers(url)
    assert not alive(pid)
    assert not answers(url)
    sandbox.stop()
    with pytest.raises(SandboxError, match="not running"):
        _ = sandbox.pid


def test_the_credentials_of_a_taker_are_passed_on_unseen() -> None:
    settings = Settings(taker_key="key-of-a-taker-1", taker_secret="secret-of-a-taker-1", takers="manual", lock_seconds=9)
    sandbox = Sandbox(settings)
    with sandbox:
        given = sandbox.credentials()
        assert (given["taker_key"], given["taker_secret"]) == ("key-of-a-taker-1", "secret-of-a-taker-1")
        assert sandbox.new_taker()["taker_key"] != given["taker_key"]
        assert "of-a-taker" not in httpx.get(f"{sandbox.url}/sandbox/run", trust_env=False).text
    assert "of-a-taker" not in " ".join(sandbox._command())


def test_a_taken_port_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SandboxError, match=r"exit code 1\); its error output ends with:\nthe sandbox cannot start: .*in use"):
            Sandbox(port=taken.getsockname()[1]).start()


def test_a_server_that_is_too_slow_is_ended() -> None:
    sandbox = Sandbox(start_timeout=0.001)
    with pytest.raises(SandboxError, match=r"not ready within 0\.001 s"):
        sandbox.start()
    with pytest.raises(SandboxError, match="not running"):
        _ = sandbox.pid


def test_it_stops_when_the_block_fails_even_with_open_sockets() -> None:
    sandbox = Sandbox()
    seen: list[Any] = []

    def fail() -> None:
        with sandbox:
            port = int(sandbox.url.rpartition(":")[2])
            idle, half = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
            half.sendall(b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            seen.extend([sandbox.pid, idle, half])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    pid, idle, half = seen
    assert not alive(pid)
    idle.close()
    half.close()


PARENT = """
import sys, time
from orderseal.sandbox import Sandbox
sandbox = Sandbox().start()
print(sandbox.url, sandbox.pid, flush=True)
time.sleep(600)
"""


def test_the_server_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-P", "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url, pid = parent.stdout.readline().split()
        assert answers(url)
        parent.kill()
        parent.wait()
        assert eventually(lambda: not alive(int(pid)))
        assert not answers(url)


def test_the_server_ends_when_its_parent_forgets_to_stop_it() -> None:
    script = PARENT.replace("time.sleep(600)", "sys.exit(0)")
    done = subprocess.run([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert eventually(lambda: not alive(int(done.stdout.split()[1])))


def test_ctrl_c_ends_the_command_cleanly() -> None:
    command = [*MODULE, "--json", "--seed", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert answers(ready["url"])
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (0, "", "")


def test_run_in_the_foreground_prints_what_its_caller_prints_and_ends_on_ctrl_c() -> None:
    script = "from orderseal.sandbox import run\nrun(port=0, on_ready=lambda url: print(url, flush=True))\nprint('ended')"
    with subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert answers(process.stdout.readline().strip())
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (0, "ended\n", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])
def test_only_loopback_is_accepted(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        run(host=host)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--host", "0.0.0.0"], 2, "loopback"),
        (["--jwt-lifetime", "0"], 2, "jwt_lifetime"),
        (["--quantity-unit", "dozen"], 2, "quantity-unit"),
        (["--port", "99999"], 1, "cannot start"),
    ],
)
def test_wrong_use_is_explained_without_a_traceback(arguments: list[str], code: int, text: str, capsys: Any) -> None:
    from orderseal.sandbox.__main__ import main

    result: Any
    try:
        result = main(arguments)
    except SystemExit as exc:
        result = exc.code
    errors = capsys.readouterr().err
    assert result == code
    assert text in errors
    assert "Traceback" not in errors


LIGHT = """
import sys
import orderseal.sandbox
loaded = {"starlette", "uvicorn", "httpx", "websockets", "eth_account", "web3"} & set(sys.modules)
ours = [name for name in sys.modules if name.startswith("orderseal.") and not name.startswith("orderseal.sandbox")]
print(sorted(loaded), ours)
"""
WITHOUT_EXTRA = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("starlette", "uvicorn"):
            raise ModuleNotFoundError(name)
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in ("starlette", "uvicorn") else real(name, package)
sys.meta_path.insert(0, Hide())
from orderseal.sandbox import Sandbox, create_app, run
for start in (create_app, run, Sandbox().start):
    try:
        start()
    except ImportError as exc:
        print(exc)
"""


def test_importing_is_light() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", LIGHT], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[] []\n"


def test_a_missing_extra_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", WITHOUT_EXTRA], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == 3 * "the sandbox server needs starlette and uvicorn: pip install 'orderseal[sandbox]'\n"


def test_the_server_imports_nothing_else_of_ours() -> None:
    script = "import sys\nfrom orderseal.sandbox import create_app\ncreate_app()\nimport orderseal.sandbox.server\n"
    script += "print([name for name in sys.modules if name.startswith('orderseal.') and not name.startswith('orderseal.sandbox')])"
    done = subprocess.run([sys.executable, "-P", "-W", "error", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
