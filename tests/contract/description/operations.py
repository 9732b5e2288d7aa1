"""What every service of the platform has: health, status, documentation, errors."""

import json
import re

import httpx2

from tests.contract.description.installation import PREFIXES, SERVICES, Installation
from tests.support.wait import eventually


async def health_has_the_documented_shape_on_every_port(at: Installation) -> None:
    for name, client in at.on_port.items():
        answer = await client.get("/health")
        report = answer.json()
        assert answer.status_code == 200, f"{name}: {answer.text}"
        assert list(report) == ["status", "service", "database", "timestamp"], name
        assert list(report["service"]) == ["name", "version", "uptime"], name
        assert report["status"] == "healthy", name
        assert report["database"] in {"healthy", "none"}, name
        assert isinstance(report["service"]["uptime"], float), name
        assert report["timestamp"].endswith("Z"), name


async def status_tells_the_detail_on_every_port(at: Installation) -> None:
    for name, client in at.on_port.items():
        answer = await client.get("/status")
        assert answer.status_code == 200, f"{name}: {answer.text}"
        assert isinstance(answer.json(), dict), name


async def documentation_opens_on_every_port(at: Installation) -> None:
    for name, client in at.on_port.items():
        page = await client.get("/docs")
        assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html"), name
        assert "cdn" not in page.text, f"the page of {name} loads from elsewhere"
        document = (await client.get("/openapi.json")).json()
        assert document["openapi"].startswith("3."), name
        wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
        assert wanted <= document["components"]["schemas"].keys(), name


async def every_service_answers_through_the_gateway(at: Installation) -> None:
    for prefix in PREFIXES:
        answer = await at.gateway.get(f"{prefix}/health" if prefix != "/api/files" else prefix)
        assert answer.status_code == 200, f"{prefix}: {answer.text}"


async def the_gateway_watches_every_service(at: Installation) -> None:
    async def watched() -> bool:
        states = {entry["name"]: entry["state"] for entry in (await at.gateway.get("/status")).json()["services"]}
        others = SERVICES - {"gateway"}
        assert {name: states.get(name) for name in others} == dict.fromkeys(others, "healthy")
        return True

    await eventually(watched, within=30, what="the gateway calls every service healthy")


async def the_breaker_of_every_service_is_shown_and_closed(at: Installation) -> None:
    services = (await at.gateway.get("/status")).json()["services"]
    shown = {entry["name"]: entry["breaker"] for entry in services if entry["breaker"]}
    assert shown == dict.fromkeys(SERVICES - {"gateway", "ui-service"}, "closed")


async def one_page_documents_the_whole_platform(at: Installation) -> None:
    async def merged() -> bool:
        paths = (await at.gateway.get("/openapi.json")).json()["paths"]
        for path in ("/api/files/upload", "/api/utils/system/execute", "/api/analytics/logs", "/api/timeseries/query"):
            assert path in paths, sorted(paths)
        return True

    await eventually(merged, within=30, what="the gateway's document has the services' paths")


async def what_is_not_there_is_a_problem_document(at: Installation) -> None:
    for client, path in (
        (at.gateway, "/api/nothing/here"),
        (at.gateway, "/api/files/00000000-0000-0000-0000-000000000000"),
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
        assert _problem(answer)["status"] == 404


def _problem(answer: httpx2.Response) -> dict[str, object]:
    document: dict[str, object] = json.loads(answer.content)
    assert {"type", "title", "status", "detail"} <= document.keys(), document
    return document
