"""Connections that belong to nobody, closed.

A request that is cancelled in the moment between the end of the connecting and its own first step leaves a connection in httpcore's pool
that is neither idle nor in use: it is never used again, never expires, and counts against the pool's bound until nothing can be sent any
more. Nothing public tells of it, so this looks into the pool; a test sees to it that the pool still looks as it does here.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import httpx

__all__ = ["close_strays"]


class _Held(Protocol):
    def is_idle(self) -> bool: ...
    def is_closed(self) -> bool: ...
    async def aclose(self) -> None: ...


async def close_strays(client: httpx.AsyncClient) -> int:
    """Close the connections that no request has and that none can get; give how many. Call it after an exchange that failed."""
    strays = list(_strays(client))
    for stray in strays:
        with contextlib.suppress(Exception):  # The caller has a failure to tell, and this is none of its concern.
            await stray.aclose()
    return len(strays)


def _strays(client: httpx.AsyncClient) -> Iterator[_Held]:
    inner: Any = client
    for transport in (inner._transport, *inner._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        requests = getattr(pool, "_requests", None)
        if requests is None:  # No proxy for these addresses; or another transport than httpx's own.
            continue
        taken = {id(request.connection) for request in requests}
        for connection in pool.connections:
            if id(connection) not in taken and not connection.is_idle() and not connection.is_closed():
                yield connection
