import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from typing import ClassVar

import httpx2
import pytest
from fastapi import APIRouter
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from typing_extensions import override

from opsbuddy_core.errors import ConflictError, UnavailableError
from opsbuddy_core.health import Check, Health
from opsbuddy_core.settings import Settings
from opsbuddy_core.web import context, problems, refusal
from opsbuddy_core.web.app import create_app
from tests.support.apps import client


class Thing(BaseModel):
    name: str
    size: int


def routes() -> APIRouter:
    router = APIRouter()

    @router.post("/things")
    async def create(thing: Thing) -> Thing:
        if thing.name == "taken":
            raise ConflictError("There is a thing named taken already; choose another name.")
        if thing.name == "boom":
            raise RuntimeError("secret detail")
        return thing

    @router.post("/things/new")
    async def draft() -> None: ...

    @router.get("/endless")
    async def follow() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        return StreamingResponse(pieces())

    @router.get("/things")
    async def read() -> list[Thing]:
        return []

    return router


class Database:
    healthy = True

    async def probe(self) -> None:
        if not self.healthy:
            raise ConnectionError("password=hunter2")


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def health(database: Database) -> Health:
    return Health("Test Service", "opsbuddy-core", (Check("database", database.probe),))


@pytest.fixture
async def http(health: Health) -> AsyncIterator[httpx2.AsyncClient]:
    settings = Settings(service_name="test-service", title="Test Service", max_body_bytes=1000)
    async with client(create_app(settings, health, [routes()])) as session:
        yield session


async def test_health_answers_the_documented_json(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/health")
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["status", "service", "database", "timestamp"]
    assert list(body["service"]) == ["name", "version", "uptime"]
    assert (body["status"], body["database"], body["service"]["name"]) == ("healthy", "healthy", "Test Service")


async def test_health_is_503_and_names_no_secret_when_the_database_fails(
    http: httpx2.AsyncClient, database: Database
) -> None:
    database.healthy = False
    answer = await http.get("/health")
    assert answer.status_code == 503
    assert answer.json()["database"] == "unhealthy"
    ready = await http.get("/health/ready")
    assert ready.status_code == 503
    assert "hunter2" not in ready.text
    assert ready.headers["retry-after"] == "1"


async def test_a_draining_process_is_alive_but_not_ready(http: httpx2.AsyncClient, health: Health) -> None:
    health.draining = True
    assert (await http.get("/health/live")).status_code == 200
    assert (await http.get("/health/ready")).status_code == 503


@pytest.mark.parametrize(
    ("send", "status", "slug"),
    [
        ({"json": {"name": "a"}}, 422, "invalid-request"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "malformed-request"),
        ({"content": b"[" * 900, "headers": {"content-type": "application/json"}}, 400, "malformed-request"),
        ({"json": {"name": "taken", "size": 1}}, 409, "conflict"),
        ({"json": {"name": "boom", "size": 1}}, 500, "internal-error"),
        ({"content": b"x" * 1001, "headers": {"content-type": "application/json"}}, 413, "too-large"),
    ],
)
async def test_every_failure_is_a_problem_document(
    http: httpx2.AsyncClient, send: dict[str, object], status: int, slug: str
) -> None:
    answer = await http.post("/things", **send)
    body = answer.json()
    assert (answer.status_code, body["type"]) == (status, f"urn:opsbuddy:problem:{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"title", "status", "detail", "instance"} <= set(body)
    assert "secret detail" not in answer.text


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "1"), (0.2, "1"), (1.4, "2"), (2.0, "2"), (60.01, "61")])
def test_who_is_told_to_come_again_is_never_told_too_early(seconds: float, told: str) -> None:
    error = UnavailableError("Later.", retry_after=seconds, reason="later")
    assert problems.response(error, "/").headers["retry-after"] == told
    assert f"\r\nretry-after: {told}\r\n".encode() in refusal.message(error, b"/", None)


async def test_a_wrong_field_is_named(http: httpx2.AsyncClient) -> None:
    body = (await http.post("/things", json={"name": "a", "size": "x"})).json()
    assert [entry["field"] for entry in body["errors"]] == ["size"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/things", 405)])
async def test_what_is_not_there_is_a_problem_too(
    http: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_method_that_is_not_there_is_answered_with_those_that_are(http: httpx2.AsyncClient) -> None:
    answer = await http.put("/things")
    assert (answer.status_code, answer.headers.get_list("allow")) == (405, ["GET, HEAD, POST"])


@pytest.mark.parametrize("path", ["/health", "/status", "/metrics", "/docs", "/openapi.json", "/things", "/endless"])
async def test_head_is_answered_wherever_get_is_and_ends_although_the_answer_would_not(
    http: httpx2.AsyncClient, path: str
) -> None:
    answer = await http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-request-id"]


async def test_head_has_the_length_of_the_answer_and_counts_as_what_it_is(http: httpx2.AsyncClient) -> None:
    answer, length = await http.head("/things"), (await http.get("/things")).headers["content-length"]
    assert answer.headers["content-length"] == length
    metrics = (await http.get("/metrics")).text
    assert 'opsbuddy_http_requests_total{method="HEAD",route="/things",status="200"}' in metrics


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/things/new", 405)])
async def test_head_of_what_has_no_get_is_refused(http: httpx2.AsyncClient, path: str, status: int) -> None:
    assert (await http.head(path)).status_code == status


async def test_a_body_of_unknown_length_over_the_limit_is_refused(http: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    answer = await http.post("/things", content=chunks(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:opsbuddy:problem:too-large")


async def test_the_request_id_of_the_caller_comes_back_and_a_forged_one_does_not(http: httpx2.AsyncClient) -> None:
    kept = await http.get("/health/live", headers={"x-request-id": "abc-1"})
    replaced = await http.get("/health/live", headers={"x-request-id": 'x" injected'})
    assert kept.headers["x-request-id"] == "abc-1"
    assert "injected" not in replaced.headers["x-request-id"]


async def test_collectors_read_live_state_where_it_changes(http: httpx2.AsyncClient) -> None:
    class Live(Collector):
        threads: ClassVar[set[int]] = set()

        @override
        def collect(self) -> Iterable[Metric]:
            self.threads.add(threading.get_ident())
            return ()

    live = Live()
    REGISTRY.register(live)
    try:
        Live.threads.clear()  # registering asks once
        assert (await http.get("/metrics")).status_code == 200
    finally:
        REGISTRY.unregister(live)
    assert Live.threads == {threading.get_ident()}


async def test_metrics_count_by_route_pattern(http: httpx2.AsyncClient) -> None:
    await http.get("/no/such/path/1")
    text = (await http.get("/metrics")).text
    assert "opsbuddy_http_requests_total" in text
    assert "/no/such/path" not in text


async def test_what_is_asked_for_all_day_has_a_line_only_when_it_fails(
    http: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(context.line, "write", lambda _level, data, _trace: asked.append(data["path"]))
    for path in ("/health", "/metrics", "/status", "/openapi.json", "/things"):
        assert (await http.get(path)).status_code == 200
    assert asked == ["/things"]
    database.healthy = False
    for path in ("/health", "/assets/gone.js"):
        assert (await http.get(path)).status_code >= 400
    assert asked == ["/things", "/health", "/assets/gone.js"]


async def test_docs_need_nothing_from_elsewhere(http: httpx2.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text.replace("http://test", "")
    assert "https://" not in page.text
    assert (await http.get("/docs/swagger-ui-bundle.js")).status_code == 200
    assert (await http.get("/docs/../secret")).status_code == 404
