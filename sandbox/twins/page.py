"""An HTML page that shows an OpenAPI description: no script, nothing from the internet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.instruments import local_route
from orderseal.sandbox.replies import reply

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
summary { cursor: pointer; padding: .4rem 0 } code, pre { font: 14px/1.45 ui-monospace, monospace }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto; max-height: 30rem } b { display: inline-block; min-width: 4.5rem }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .2rem .6rem; text-align: left }
details details { margin-left: 1.5rem } details { border-bottom: 1px solid #ddd }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e6e6e6 } pre { background: #22252b } }
"""


def description_routes(description: Mapping[str, Any]) -> list[Route]:
    """Return the routes of a description: a page for people, JSON for tools."""
    page = render(description)

    async def docs(_request: Request) -> Response:
        return Response(page, media_type="text/html", headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})

    async def openapi(_request: Request) -> Response:
        return reply(description)

    return [local_route("GET", "/docs", docs), local_route("GET", "/openapi.json", openapi)]


def render(description: Mapping[str, Any]) -> str:
    """Return the page."""
    info = description["info"]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>",
            "<p>The same for tools: <code>/openapi.json</code>. Test control: <code>/sandbox/run</code>.</p>",
            *(
                _operation(method, path, operation)
                for path, operations in description["paths"].items()
                for method, operation in operations.items()
            ),
            "</body></html>",
        ]
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> {escape(operation['summary'])}</summary>",
        f"<p>{escape(operation['description'])}</p>",
        *_parameters(operation["parameters"]),
    ]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(_content(f"Body ({media})", content))
    for status, described in operation["responses"].items():
        title = f"Reply {status}: {described['description']}"
        contents = described.get("content", {})
        parts += [_content(title, content) for content in contents.values()] or [f"<p>{escape(title)}</p>"]
    return "\n".join([*parts, "</details>"])


def _parameters(parameters: list[Mapping[str, Any]]) -> Iterator[str]:
    if parameters:
        yield "<table><tr><th>Parameter</th><th>in</th><th>required</th><th>schema</th></tr>"
        for item in parameters:
            cells = (item["name"], item["in"], "yes" if item["required"] else "no", json.dumps(item["schema"]))
            yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        yield "</table>"


def _content(title: str, content: Mapping[str, Any]) -> str:
    shown = content.get("example", content["schema"])
    return f"<details><summary>{escape(title)}</summary><pre>{escape(json.dumps(shown, indent=2, ensure_ascii=False))}</pre></details>"
