"""The HTTP front of the eth-tester node: JSON-RPC 2.0 by POST, single or in a batch, with every size bounded."""

from __future__ import annotations

import json
import logging
import re
from typing import Any, NoReturn, cast

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.evm.methods import Methods
from orderseal.sandbox.evm.node import Node
from orderseal.sandbox.evm.wire import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR, RpcError

MAX_BODY = 1024 * 1024
MAX_BATCH = 100
MAX_DEPTH = 32

_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
_logger = logging.getLogger("orderseal.sandbox")


def build_front(node: Node) -> Starlette:
    """Return the application of one chain. Requests are answered one after the other."""
    methods = Methods(node)

    async def rpc(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            # A page in a browser may post other types to this address without asking first.
            return Response("Content-Type must be application/json", 415)
        body = await _read(request)
        if body is None:
            return Response("request too large", 413)
        return Response(_reply(methods, body), media_type="application/json")

    return Starlette(routes=[Route("/", rpc, methods=["POST"])])


async def _read(request: Request) -> bytes | None:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return None
    except ClientDisconnect:
        return None
    return bytes(body)


def _reply(methods: Methods, body: bytes) -> bytes:
    try:
        value = _parse(body)
    except ValueError:
        return _encode(_error(None, RpcError(PARSE_ERROR, "parse error")))
    if not isinstance(value, list):
        return _encode(_answer(methods, value))
    batch = cast("list[object]", value)
    if not 0 < len(batch) <= MAX_BATCH:
        return _encode(_error(None, RpcError(INVALID_REQUEST, f"a batch has 1 to {MAX_BATCH} requests")))
    return _encode([_answer(methods, item) for item in batch])


def _answer(methods: Methods, value: object) -> dict[str, Any]:
    request = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    identity = request.get("id")
    if isinstance(identity, dict | list) or (isinstance(identity, str) and len(identity) > 100):
        identity = None
    method, params = request.get("method"), request.get("params", [])
    if request.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(params, list):
        return _error(identity, RpcError(INVALID_REQUEST, "invalid request"))
    try:
        result = methods.answer(method, params)
    except RpcError as exc:
        return _error(identity, exc)
    except Exception:
        _logger.exception("a request failed inside the local chain")
        return _error(identity, RpcError(INTERNAL_ERROR, "internal error"))
    return {"jsonrpc": "2.0", "id": identity, "result": result}


def _error(identity: object, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": error.to_json()}


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _parse(body: bytes) -> object:
    text = body.decode("utf-8")
    # The json module recurses on the C stack, and py-evm raises the recursion limit so far that it guards no more.
    depth = 0
    for mark in _NESTING.findall(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark, 0)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
