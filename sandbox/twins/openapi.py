"""The OpenAPI 3.1 description of a twin, made from the table that serves the requests."""

from __future__ import annotations

from orderseal.sandbox.twins.endpoint import Endpoint, Parameter, Reply
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.shapes import Schema

_ERROR = {"$ref": "#/components/schemas/Error"}


def describe(platform: Platform) -> dict[str, object]:
    """Return the description, ready for JSON."""
    paths: dict[str, dict[str, object]] = {}
    for endpoint in platform.endpoints():
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{platform.title}: a local twin", "version": "1", "description": platform.about},
        "paths": paths,
        "components": {"securitySchemes": dict(platform.schemes()), "schemas": {"Error": platform.error_shape().schema()}},
    }


def _operation(endpoint: Endpoint) -> Schema:
    replies = {str(status): _reply(reply) for status, reply in endpoint.replies.items()}
    operation: Schema = {
        "operationId": endpoint.name,
        "summary": endpoint.about,
        "description": f"Source: {endpoint.source}",
        "parameters": [
            *(_path_parameter(part[1:-1]) for part in endpoint.path.split("/") if part.startswith("{")),
            *(_parameter(name, "query", item) for name, item in endpoint.query.items()),
            *(_parameter(name, "header", item) for name, item in endpoint.headers.items()),
        ],
        "responses": replies | {"default": {"description": "Refused", "content": {"application/json": {"schema": _ERROR}}}},
        "security": [] if endpoint.scheme is None else [{endpoint.scheme: []}],
    }
    if endpoint.body is not None:
        content: Schema = {"schema": endpoint.body.schema()}
        if endpoint.body_sample is not None:
            content["example"] = endpoint.body_sample
        operation["requestBody"] = {"required": endpoint.body_needed, "content": {endpoint.media: content}}
    return operation


def _reply(reply: Reply) -> Schema:
    described: Schema = {"description": reply.about}
    if reply.shape is not None:
        content: Schema = {"schema": reply.shape.schema()}
        if reply.sample is not None:
            content["example"] = reply.sample
        described["content"] = {reply.media: content}
    return described


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _parameter(name: str, place: str, parameter: Parameter) -> Schema:
    schema = parameter.shape.schema()
    described: Schema = {
        "name": name,
        "in": place,
        "required": parameter.required,
        "schema": {"type": "array", "items": schema} if parameter.many else schema,
    }
    return described | ({"description": parameter.about} if parameter.about else {})
