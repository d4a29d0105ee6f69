"""The application of a twin: the platform's table, its description for browsers and tools, and the test control."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from orderseal.sandbox.body import raw_path
from orderseal.sandbox.errors import ApiError
from orderseal.sandbox.frame import Frame
from orderseal.sandbox.instruments import Instruments, local_route, read_since
from orderseal.sandbox.player import phrase
from orderseal.sandbox.replies import reply
from orderseal.sandbox.twins.endpoint import Answer, Endpoint, Refusal
from orderseal.sandbox.twins.openapi import describe
from orderseal.sandbox.twins.page import description_routes
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.requests import read_call, read_headers, take_body

_OWN = ("/", "/docs", "/openapi.json")


def build_twin(platform: Platform) -> ASGIApp:
    """Return the application of one run."""
    api, own = _Api(platform), _own_app(platform)

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        path = str(scope["path"])
        chosen = own if path in _OWN or path.startswith("/sandbox/") else api
        await chosen(scope, receive, send)

    def broken(_exc: Exception) -> Response:
        return platform.refuse(Refusal("internal"), "")

    return Frame(both, platform, broken)


class _Api:
    """Serves the platform's table."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._endpoints = platform.endpoints()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        allowed: set[str] = set()
        try:
            response = _rendered(await self._answer(request, allowed))
        except Refusal as refusal:
            response = self._platform.refuse(refusal, str(scope["path"]))
            if allowed:
                response.headers["allow"] = ", ".join(sorted(allowed))
        await response(scope, receive, send)

    async def _answer(self, request: Request, allowed: set[str]) -> Answer:
        raw = await take_body(request)
        endpoint, path = self._find(request, allowed)
        read_headers(endpoint, request.headers)
        self._platform.admit(endpoint, request.headers)
        call = read_call(endpoint, path, request, raw)
        if not endpoint.writes:
            return endpoint.handler(call)
        journal = self._platform.journal
        key = journal.note(request.method, _target(request.scope), raw)
        answer = endpoint.handler(call)
        journal.accept(key, endpoint.name, _sent(call.body), answer.ids)
        return answer

    def _find(self, request: Request, allowed: set[str]) -> tuple[Endpoint, dict[str, str]]:
        segments = raw_path(request.scope).split("/")
        methods: set[str] = set()
        for endpoint in self._endpoints:
            path = endpoint.match(segments)
            if path is not None:
                if endpoint.method == request.method:
                    return endpoint, path
                methods.add(endpoint.method)
        allowed |= methods
        raise Refusal("method" if methods else "route")


def _sent(body: object) -> object:
    """Return the JSON that a read body came from: times were read into ``datetime``."""
    match body:
        case dict():
            return {str(name): _sent(value) for name, value in body.items()}
        case list():
            return [_sent(item) for item in body]
        case None | bool() | int() | float() | str():
            return body
        case _:
            return str(body)


def _target(scope: Scope) -> str:
    query = bytes(scope["query_string"]).decode("latin-1")
    return raw_path(scope) + (f"?{query}" if query else "")


def _rendered(answer: Answer) -> Response:
    if answer.media == "application/json" and not isinstance(answer.body, bytes):
        return reply(answer.body, answer.status)
    return Response(answer.body if isinstance(answer.body, bytes) else b"", answer.status, media_type=answer.media)


def _own_app(platform: Platform) -> Starlette:
    description = describe(platform)
    instruments = Instruments(platform, platform.usual)

    def shows(make: Callable[[], object]) -> Callable[[Request], Awaitable[Response]]:
        async def show(_request: Request) -> Response:
            return reply(make())

        return show

    async def accepted(request: Request) -> Response:
        return reply({"total": len(platform.journal), "writes": platform.journal.describe(read_since(request))})

    def about() -> object:
        return {"name": f"Orderseal sandbox: {platform.title}", "about": platform.about, "docs": "/docs", "openapi": "/openapi.json"}

    def run() -> object:
        return {"seed": platform.seed, "settings": asdict(platform.settings), "variation": dict(platform.choices())}

    async def refused(_request: Request, exc: Exception) -> Response:
        if isinstance(exc, ApiError):
            status, details = exc.kind.status, exc.details
        else:
            status, details = exc.status_code if isinstance(exc, HTTPException) else 500, None
        return reply({"code": status, "message": phrase(status)} | ({"details": details} if details else {}), status)

    app = Starlette(
        routes=[
            *instruments.routes(),
            *platform.routes(),
            local_route("GET", "/", shows(about)),
            *description_routes(description),
            local_route("GET", "/sandbox/run", shows(run)),
            local_route("GET", "/sandbox/credentials", shows(lambda: dict(platform.credentials()))),
            local_route("GET", "/sandbox/seeds", shows(lambda: dict(platform.seeds()))),
            local_route("GET", "/sandbox/accepted", accepted),
        ],
        exception_handlers={ApiError: refused, HTTPException: refused},
    )
    app.router.redirect_slashes = False
    return app
