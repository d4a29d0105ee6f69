"""The sync twins that ``tools/make_sync.py`` writes: the same surface, really working, and never out of date."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.once

TOOL = Path(__file__).resolve().parents[3] / "tools" / "make_sync.py"

SOURCE = '''"""A sample."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from decimal import Decimal
from typing import Final, Self

from orderseal.api.transport import DEFAULT_LIMITS, Limits

__all__ = ["AsyncClient", "AsyncStream"]

LONGEST: Final = 30.0


class Row:
    """A row."""


class AsyncStream:
    """Rows: ``async with`` opens it, ``async for`` reads it. See :meth:`AsyncClient.stream`."""

    def __init__(self, client: "AsyncClient", count: int) -> None:
        self._client, self._left = client, count

    async def __aenter__(self) -> Self:
        self._client.log.append("opened")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.log.append("left")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return self._left


class AsyncClient:
    """A client. ``await`` everything.

    Args:
        url: where.
    """

    log: list[str]
    """What happened."""

    def __init__(self, url: str, *, limits: Limits = DEFAULT_LIMITS, seconds: float = LONGEST) -> None:
        self.url, self.limits, self.seconds = url, limits, seconds
        self.log = []

    @property
    def where(self) -> str:
        """The address."""
        return self.url

    def plain(self, a: int) -> int:
        """No waiting."""
        return a + 1

    async def double(self, a: int, /, b: int = 2, *, price: Decimal | None = None) -> Decimal:
        """Multiply.

        Args:
            a: in units.

                >>> "a\\\\n"

        Raises:
            ValueError: never.
        """
        await asyncio.sleep(0)

        def inner() -> object:
            yield

        return Decimal(a * b) + (price or 0)

    async def fail(self) -> None:
        raise LookupError("as it is")

    async def rows(self, count: int) -> AsyncGenerator[int]:
        """Numbers."""
        try:
            for number in range(count):
                yield number
        finally:
            self.log.append("closed")

    def follow(self, count: int, *, until: Callable[[int], bool] = bool) -> AsyncGenerator[int, None]:
        """The same, by another."""
        return self.rows(count)

    def stream(self, count: int = 3) -> AsyncStream:
        """Open with ``async with``."""
        return AsyncStream(self, count)

    async def _private(self) -> None:
        raise AssertionError

    async def aclose(self) -> None:
        """Close."""
        self.log.append("closed the client")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"
'''
CLASSES = {"AsyncStream": "Stream", "AsyncClient": "Client"}


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load("make_sync", TOOL)


@pytest.fixture(scope="module")
def sample(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The async module and its twin, both imported."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "sample_client.py").write_text(SOURCE)
    text = tool.formatted(tool.generate(SOURCE, "sample_client", CLASSES, "sample_client.py"), folder / "sample_sync.py")
    (folder / "sample_sync.py").write_text(text)
    source = load("sample_client", folder / "sample_client.py")
    return source, load("sample_sync", folder / "sample_sync.py"), text


def test_every_generated_module_is_what_the_tool_writes(tool: ModuleType) -> None:
    assert tool.main(["--check"]) == 0
    assert all((tool.ROOT / target.output).is_file() for target in tool.TARGETS)


def test_the_twin_works(sample: Any) -> None:
    _, twin, _ = sample
    with twin.Client("here", seconds=5.0) as client:
        assert (client.where, client.plain(1), client.double(4)) == ("here", 2, 8)
        assert client.double(4, 3, price=twin.Decimal("0.5")) == twin.Decimal("12.5")
        assert list(client.rows(3)) == [0, 1, 2]
        assert client.log == ["closed"]
        for number in client.follow(100):
            if number == 2:
                break
        with client.stream(2) as stream:
            assert list(stream) == [1, 0]
        assert client.log[-2:] == ["opened", "left"]
        with pytest.raises(LookupError, match="as it is"):
            client.fail()
        assert repr(client) == "Client('here')"
        log = client.log
    assert log[-1] == "closed the client"
    with pytest.raises(RuntimeError, match="closed"):
        client.double(1)
    client.close()


def test_the_surface_is_the_same(sample: Any) -> None:
    source, twin, _ = sample
    for name in ("double", "fail", "plain", "rows", "follow", "stream", "__init__"):
        there, here = (inspect.signature(getattr(cls, name)).parameters.values() for cls in (source.AsyncClient, twin.Client))
        assert [(one.name, one.kind, one.default) for one in here] == [(one.name, one.kind, one.default) for one in there]
    assert not inspect.iscoroutinefunction(twin.Client.double)
    assert inspect.getdoc(twin.Client.double) == inspect.getdoc(source.AsyncClient.double)
    assert twin.Client.__doc__.startswith("A client. ``await`` everything.")
    assert inspect.getdoc(twin.Stream) == "Rows: ``with`` opens it, ``for`` reads it. See :meth:`Client.stream`."
    assert inspect.getdoc(twin.Client.stream) == "Open with ``with``."
    assert not hasattr(twin.Client, "_private")
    assert not hasattr(twin.Client, "aclose")
    assert str(inspect.signature(twin.Client.rows).return_annotation).endswith("Iterator[int]")
    assert twin.__all__ == ["Client", "Stream"]


def test_the_text_says_whence_it_comes(sample: Any) -> None:
    _, _, text = sample
    assert "# Written by tools/make_sync.py from sample_client.py" in text
    assert "import *" not in text


def test_check_finds_what_was_changed_by_hand(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "client.py").write_text(SOURCE)
    targets = [tool.Target("api/client.py", "api/sync.py", CLASSES)]
    assert tool.main(["--check"], targets, tmp_path) == 1
    assert not (tmp_path / "api" / "sync.py").exists()
    assert tool.main([], targets, tmp_path) == 0
    assert tool.main(["--check"], targets, tmp_path) == 0
    assert "from orderseal.api.client import" in (tmp_path / "api" / "sync.py").read_text()
    (tmp_path / "api" / "client.py").write_text(SOURCE.replace("b: int = 2", "b: int = 3"))
    capsys.readouterr()
    assert tool.main(["--check"], targets, tmp_path) == 1
    assert "run python tools/make_sync.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def plain(self, a: int)", "def plain(self, *a: int)", "*args"),
        ("    def plain(self", "    @staticmethod\n    def plain(self", "decorator"),
        ("class AsyncClient", "class Other", "no class AsyncClient"),
    ],
)
def test_what_has_no_twin(tool: ModuleType, old: str, new: str, says: str) -> None:
    with pytest.raises(tool.CannotWrite) as caught:
        tool.generate(SOURCE.replace(old, new), "m", CLASSES)
    assert says in str(caught.value)
