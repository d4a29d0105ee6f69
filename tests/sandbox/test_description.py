"""The OpenAPI description of the Stove twin: as complete as its routes, and as true as schemathesis can tell."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from orderseal.sandbox import Settings

pytestmark = pytest.mark.once

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"


def test_every_route_is_described() -> None:
    from orderseal.sandbox.app import venue_routes
    from orderseal.sandbox.description import describe_stove
    from orderseal.sandbox.venue import Venue

    described: Any = describe_stove()
    told = {(method.upper(), path) for path, operations in described["paths"].items() for method in operations}
    routes = [route for route in venue_routes(Venue(Settings())) if isinstance(route, Route)]
    assert told == {(method, route.path) for route in routes for method in (route.methods or ()) if method != "HEAD"}
    names = [operation["operationId"] for operations in described["paths"].values() for operation in operations.values()]
    assert len(names) == len(set(names))


def test_the_page_for_browsers(server: Any) -> None:
    page = httpx.get(f"{server.url}/docs", trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    assert "/api/v1/orders/cancel-result" in page.text
    assert "<script" not in page.text


@pytest.mark.timeout(300)
async def test_schemathesis_finds_no_fault(remote: Any, server: Any, tmp_path: Path) -> None:
    bot = await remote()
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{server.url}/openapi.json", "--checks", CHECKS]
    command += ["--max-examples", "4", "--phases", "examples,fuzzing", "--seed", "1", "--generation-database", "none", "--no-color"]
    command += ["--header", f"Authorization: Bearer {bot.jwt}"]
    done = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
