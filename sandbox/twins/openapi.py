"""The OpenAPI 3.1 description of a twin, made from the table that serves the requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orderseal.sandbox.twins.endpoint import Operation, Parameter, Reply
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.shapes import Schema, Shape

_ERROR = {"$ref": "#/components/schemas/Error"}


def describe(platform: Platform) -> dict[str, object]:
    """Return the description of a twin that is served from a table."""
    return describe_operations(platform.title, platform.about, platform.endpoints(), platform.schemes(), platform.error_shape())


def describe_operations(
    title: str, about: str, operations: Sequence[Operation], schemes: Mapping[str, object], error: Shape
) -> dict[str, object]:
    """Return a description, ready for JSON."""
    paths: dict[str, dict[str, object]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{title}: a local twin", "version": "1", "description": about},
        "paths": paths,
        "components": {"securitySchemes": dict(schemes), "schemas": {"Error": error.schema()}},
    }


def _operation(endpoint: Operation) -> Schema:
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
