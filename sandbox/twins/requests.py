"""Reads a request by the row of the table that serves it; any other form is a ``Refusal``, never a crash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from orderseal.sandbox.body import decode_json, media_type, read_body
from orderseal.sandbox.errors import ApiError
from orderseal.sandbox.twins.endpoint import Call, Endpoint, Parameter, Refusal
from orderseal.sandbox.twins.shapes import MismatchError, Whole

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_MOST_PARAMETERS = 100


async def take_body(request: Request) -> bytes:
    """Return the bytes of a body, at most 64 KiB."""
    try:
        return await read_body(request)
    except ApiError as exc:
        raise Refusal("too_large") from exc


def read_headers(endpoint: Endpoint, headers: Mapping[str, str]) -> None:
    """Check the headers that the table asks for."""
    for name, parameter in endpoint.headers.items():
        value = headers.get(name.lower())
        if value is None:
            if parameter.required:
                raise Refusal("invalid", f"{name} header is required")
            continue
        try:
            parameter.shape.read(value, f"{name} header")
        except MismatchError as exc:
            raise Refusal("invalid", str(exc)) from exc


def read_call(endpoint: Endpoint, path: dict[str, str], request: Request, raw: bytes) -> Call:
    """Return the request with every value read by its shape."""
    try:
        query = _query(endpoint, request.scope["query_string"])
        body = _body(endpoint, request, raw)
    except MismatchError as exc:
        raise Refusal("invalid", str(exc)) from exc
    return Call(path, query, request.headers, body, raw)


def _body(endpoint: Endpoint, request: Request, raw: bytes) -> object:
    if endpoint.body is None or (not raw and not endpoint.body_needed):
        return None
    if media_type(request) != endpoint.media:
        raise Refusal("media")
    if endpoint.media != "application/json":
        return None
    try:
        value = decode_json(raw)
    except ValueError as exc:
        raise Refusal("malformed") from exc
    return endpoint.body.read(value, "")


def _query(endpoint: Endpoint, text: bytes) -> dict[str, object]:
    try:
        pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError as exc:
        raise Refusal("invalid", "Too many query parameters") from exc
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    for name in given.keys() - endpoint.query.keys():
        raise MismatchError(f"query parameter {name[:60]}", "is not known")
    found: dict[str, object] = {}
    for name, parameter in endpoint.query.items():
        values = given.get(name, [])
        if parameter.many:
            found[name] = [_value(parameter, name, value) for value in values]
        elif len(values) > 1:
            raise MismatchError(f"query parameter {name}", "must be given once")
        elif values:
            found[name] = _value(parameter, name, values[0])
        elif parameter.required:
            raise MismatchError(f"query parameter {name}", "is required")
    return found


def _value(parameter: Parameter, name: str, text: str) -> object:
    path = f"query parameter {name}"
    if not isinstance(parameter.shape, Whole):
        return parameter.shape.read(text, path)
    if not _INTEGER.fullmatch(text):
        raise MismatchError(path, "must be an integer")
    return parameter.shape.read(int(text), path)
