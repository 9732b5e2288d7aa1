"""One document for the whole platform: the services' own, moved under their routes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fastapi.openapi.models import OpenAPI

from opsbuddy_analytics_service.factory import build as build_analytics
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_file_service.factory import build as build_files
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_gateway.service.openapi import moved, operations, under, unique_ids
from tests.services.gateway.conftest import session
from tests.services.gateway.process import Gateway, route, running, table
from tests.support.wait import eventually


class Describing:
    """A service whose document a test may change."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.asked = 0
        app = web.Application()
        app.router.add_get("/openapi.json", self._answer)
        self.server = TestServer(app)

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        body = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
        return web.Response(body=body, content_type="application/json")

    @property
    def address(self) -> str:
        return f"{self.server.host}:{self.server.port}"


def small(**more: Any) -> dict[str, Any]:
    operation = {
        "operationId": "read",
        "responses": {"200": {"description": "It", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}},
    }  # fmt: skip
    things = {"Thing": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Thing"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": {"/files/{id}": {"get": operation}, "/health": {"get": {"responses": {"200": {"description": "ok"}}}}},
        "components": {"schemas": things},
    } | more


@pytest.fixture
async def service() -> AsyncIterator[Describing]:
    describing = Describing(small())
    await describing.server.start_server()
    yield describing
    await describing.server.close()


async def document(gateway: Gateway) -> dict[str, Any]:
    async with session(gateway) as http, http.get("/openapi.json") as answer:
        assert answer.status == 200
        return await answer.json()


async def once(gateway: Gateway, holds: Any) -> dict[str, Any]:
    async def whole() -> dict[str, Any] | None:
        found = await document(gateway)
        return found if holds(found) else None

    return await eventually(whole, what="the document is as expected")


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values()))


def has(found: dict[str, Any], reference: str) -> bool:
    node: Any = found
    for part in reference.removeprefix("#/").split("/"):
        if part not in node:
            return False
        node = node[part]
    return True


async def test_paths_are_those_that_clients_of_the_gateway_ask_for(tmp_path, service: Describing):
    endpoints = {"file-service": [service.address]}
    async with running(tmp_path, endpoints, route(), route("/api/all", rewrite="/"), openapi_seconds=5) as gateway:
        whole = await once(gateway, lambda found: "/api/files/{id}" in found["paths"])
        async with session(gateway) as http, http.get("/docs") as page:
            shown = await page.text()
    assert {"/api/files/{id}", "/api/all/files/{id}", "/api/all/health", "/health", "/status"} <= set(whole["paths"])
    assert "/files/{id}" not in whole["paths"]
    assert whole["paths"]["/api/files/{id}"]["get"]["tags"] == ["file-service"]
    assert {"gateway", "file-service"} <= {tag["name"] for tag in whole["tags"]}
    assert "openapi.json" in shown
    assert "//cdn" not in shown


async def test_a_service_that_is_away_keeps_its_last_good_part_and_is_named(tmp_path, service: Describing):
    endpoints = {"file-service": [service.address], "gone": ["127.0.0.1:1"]}
    routes = route(), route("/api/gone", "gone")
    async with running(tmp_path, endpoints, *routes, openapi_seconds=0.05) as gateway:
        whole = await once(gateway, lambda found: "/api/files/{id}" in found["paths"])
        assert "gone (not shown: it takes no connection" in whole["info"]["description"]
        service.document = b"{"
        away = await once(
            gateway, lambda found: "file-service (not reachable now" in found["info"].get("description", "")
        )
        assert "/api/files/{id}" in away["paths"]
        service.document = small(paths={"/files/new": small()["paths"]["/files/{id}"]})
        back = await once(gateway, lambda found: "/api/files/new" in found["paths"])
    assert "not reachable" not in back["info"]["description"]
    assert "/api/files/{id}" not in back["paths"]


async def test_a_new_table_is_described_at_once(tmp_path, service: Describing):
    async with running(tmp_path, {"file-service": [service.address]}, route(), openapi_seconds=3600) as gateway:
        await once(gateway, lambda found: "/api/files/{id}" in found["paths"])
        gateway.write(table(route("/api/moved")))
        whole = await once(gateway, lambda found: "/api/moved/{id}" in found["paths"])
    assert "/api/files/{id}" not in whole["paths"]


@pytest.mark.parametrize(
    "odd",
    [
        b"not json",
        b"[]",
        b"[" * 100_000,
        b'{"openapi": "3.1.0", "x": "' + b"a" * (5 << 20) + b'"}',
        {"swagger": "2.0", "info": {"title": "t", "version": "1"}, "paths": {}},
        {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/files/a": 3}},
        {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": [], "components": 7},
        {"openapi": "3.1.0", "paths": {}},
    ],
    ids=["no JSON", "no object", "too deep", "too large", "2.0", "no path item", "wrong kinds", "no info"],
)
async def test_a_document_that_cannot_be_used_leaves_the_others_alone(tmp_path, service: Describing, odd: Any):
    other = Describing(odd)
    await other.server.start_server()
    try:
        endpoints = {"file-service": [service.address], "odd": [other.address]}
        async with running(tmp_path, endpoints, route(), route("/api/odd", "odd"), openapi_seconds=5) as gateway:
            whole = await once(gateway, lambda found: "/api/files/{id}" in found["paths"])
    finally:
        await other.server.close()
    assert other.asked
    assert "odd (not shown: its document" in whole["info"]["description"]
    OpenAPI.model_validate(whole)


@pytest.mark.process  # it takes seconds to read two services and all their operations
@pytest.mark.timeout(120)
async def test_the_platform_s_document_is_valid_and_loads(tmp_path: Path):
    """The documents of real services, merged twice each: names and operations stay apart, every reference leads somewhere."""
    import schemathesis  # noqa: PLC0415 - every worker of the fast tests imports this module, and none of them runs this test

    files, _ = build_files(FileSettings(_env_file=None, data_dir=tmp_path / "files"))
    logs, _ = build_analytics(AnalyticsSettings(_env_file=None, data_dir=tmp_path / "logs"))
    services = {"file-service": Describing(files.openapi()), "analytics-service": Describing(logs.openapi())}
    await asyncio.gather(*(each.server.start_server() for each in services.values()))
    routes = (
        route(),
        route("/api/again"),
        route("/api/analytics", "analytics-service", rewrite="/", authentication={"methods": ["JWT"]}),
    )
    try:
        endpoints = {name: [each.address] for name, each in services.items()}
        async with running(tmp_path, endpoints, *routes, openapi_seconds=5) as gateway:
            whole = await once(gateway, lambda found: "/api/analytics/logs" in found["paths"])
    finally:
        await asyncio.gather(*(each.server.close() for each in services.values()))
    OpenAPI.model_validate(whole)
    assert not [each for each in references(whole) if not has(whole, each)]
    ids = [operation["operationId"] for _, operation in operations(whole["paths"]) if "operationId" in operation]
    assert len(ids) == len(set(ids))
    assert whole["paths"]["/api/analytics/logs"]["post"]["security"] == [{"gateway.jwt": []}]
    assert {"/api/files/upload", "/api/again/upload"} <= set(whole["paths"])
    loaded = [result.ok() for result in schemathesis.openapi.from_dict(whole).get_all_operations()]
    assert len(loaded) == len(list(operations(whole["paths"])))


def test_what_only_looks_like_a_reference_is_left_as_it_is():
    schema = {
        "type": "object",
        "properties": {"default": {"$ref": "#/components/schemas/Thing"}, "lost": {"$ref": "#/paths/~1x"}},
        "example": {"$ref": "#/components/schemas/Thing"},
        "discriminator": {"propertyName": "default", "mapping": {"a": "#/components/schemas/Thing", "b": "Thing"}},
    }
    part = moved(small(components={"schemas": {"Thing": {"type": "string"}, "Other": schema}}), "a-service")
    found = part["components"]["schemas"]["a-service.Other"]
    new = "#/components/schemas/a-service.Thing"
    assert found["properties"]["default"] == {"$ref": new}
    assert "$ref" not in found["properties"]["lost"]
    assert found["example"] == schema["example"]
    assert found["discriminator"]["mapping"] == {"a": new, "b": new}


def test_openapi_30_is_read_as_31():
    thing = {"type": "string", "nullable": True, "enum": ["a"]}
    number = {"type": "number", "minimum": 0, "exclusiveMinimum": True}
    old = small(openapi="3.0.3", components={"schemas": {"Thing": thing, "Number": number}})
    schemas = moved(old, "s")["components"]["schemas"]
    assert schemas["s.Thing"] == {"type": ["string", "null"], "enum": ["a", None]}
    assert schemas["s.Number"] == {"type": "number", "exclusiveMinimum": 0}


def test_what_the_route_does_not_take_is_not_shown():
    operation = {"responses": {}}
    paths = {
        "/files": {"get": operation, "put": operation},
        "/files/x": {"put": operation},
        "/filesystem": {"get": operation},
    }
    assert under(paths, "/api/files", "/files", frozenset({"GET", "HEAD"})) == {"/api/files": {"get": operation}}
    assert list(under({"/": {"get": operation}}, "/api", "", None)) == ["/api"]


def test_operations_of_one_name_are_numbered():
    item = {"get": {"operationId": "read"}}
    numbered = unique_ids({"/a": item, "/b": item, "/c": {"get": {"operationId": "read_2"}}})
    assert [operation["operationId"] for _, operation in operations(numbered)] == ["read", "read_2", "read_2_2"]
