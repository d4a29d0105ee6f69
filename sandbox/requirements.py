"""Says in one sentence what to install when the server's libraries are absent."""

from __future__ import annotations

from importlib.util import find_spec

MISSING_EXTRA = "the sandbox server needs starlette and uvicorn: pip install 'orderseal[sandbox]'"


def require_extra() -> None:
    """Raise ``ImportError`` with the install command unless the ``sandbox`` extra is installed."""
    for module in ("starlette", "uvicorn"):
        if find_spec(module) is None:
            raise ImportError(MISSING_EXTRA, name=module)
