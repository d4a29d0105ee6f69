"""What tests in several folders share: the JavaScript libraries as an oracle, in one Node process a call."""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["tests.local_chains"]

ORACLE = Path(__file__).resolve().parent / "oracle"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one library made of one document: a digest as ``0x`` hex, or an error.

    ``primary_type`` is the one that ethers inferred, since it takes none; for the others it is ``None``.
    """

    digest: str | None
    error: str | None
    primary_type: str | None = None


JavaScript = Callable[[Sequence[str]], list[dict[str, Outcome]]]


def pinned_versions() -> dict[str, str]:
    """The versions in ``oracle/package.json``."""
    pinned: dict[str, str] = json.loads((ORACLE / "package.json").read_text("utf-8"))["dependencies"]
    return pinned


@pytest.fixture(scope="session")
def javascript() -> JavaScript:
    """What ethers, viem and eth-sig-util make of typed-data documents, given as their JSON text.

    The answer is one ``{"ethers": …, "viem": …, "eth-sig-util": …}`` a document. Each call starts Node once, so give it many documents.
    How each library is called stands in ``oracle/oracle.mjs``. Where Node or the libraries are not there it fails: nothing is skipped.
    """
    node = shutil.which("node")
    if node is None:
        pytest.fail("These tests ask the JavaScript libraries, and need Node.js 20 or later: there is no `node` on the path", pytrace=False)
    for name, version in pinned_versions().items():
        manifest = ORACLE / "node_modules" / name / "package.json"
        found = json.loads(manifest.read_text("utf-8"))["version"] if manifest.is_file() else "missing"
        if found != version:
            pytest.fail(f"The tests need {name} {version}, which is {found}: run `make oracle` in the checkout", pytrace=False)

    def ask(documents: Sequence[str]) -> list[dict[str, Outcome]]:
        lines = "".join(json.dumps({"id": number, "document": text}) + "\n" for number, text in enumerate(documents))
        command = [node, str(ORACLE / "oracle.mjs")]
        done = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        assert [answer.pop("id") for answer in answers] == list(range(len(documents)))
        return [
            {
                library: Outcome(outcome.get("digest"), outcome.get("error"), outcome.get("primaryType"))
                for library, outcome in answer.items()
            }
            for answer in answers
        ]

    return ask
