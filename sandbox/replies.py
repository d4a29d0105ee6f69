"""Replies in JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]


def success(data: object) -> Response:
    """Render data in the venue's envelope."""
    return reply({"code": 0, "data": data})


def reply(body: object, status: int = 200) -> Response:
    """Render JSON in ASCII, so that no string of a client's can break the encoding."""
    return Response(json.dumps(body), status, media_type="application/json")
