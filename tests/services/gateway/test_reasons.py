"""Whatever ends badly has one word: the same in the header, in the problem document, in the line of the log and in the metric."""

import asyncio
import json
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.checks import Checks
from tests.services.gateway.process import Gateway, raw, route, running
from tests.services.gateway.upstream import Upstream, refusing


@dataclass
class Told:
    """What one failure said in each of its places."""

    status: int
    header: str
    document: str


async def told(gateway: Gateway, method: str, path: str, rest: bytes = b"\r\n") -> Told:
    head = f"{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n".encode()
    start, _, body = (await raw(gateway.port, head + rest)).partition(b"\r\n\r\n")
    fields = dict(line.lower().split(": ", 1) for line in start.decode().split("\r\n")[1:])
    assert fields["content-type"] == "application/problem+json", start
    assert fields["x-request-id"]
    return Told(int(start[9:12]), fields.get("x-gateway-reason", ""), json.loads(body).get("reason", ""))


def counted() -> dict[str, float]:
    """Return how many requests have ended for each reason."""
    found: dict[str, float] = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if sample.name == "opsbuddy_gateway_requests_total":
                found[sample.labels["reason"]] = found.get(sample.labels["reason"], 0) + sample.value
    return found


def logged(output: str, path: str) -> list[str | None]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line["data"].get("reason") for line in lines if line["data"].get("path") == path]


async def broken(*_: object) -> None:
    raise LookupError("a fault of ours")


LONG = b"Content-Length: 70000\r\n\r\n" + b"x" * 70_000
ROUTES = (
    route(methods=["GET", "POST"], maxBodyBytes=10),
    route("/api/none", "none"),
    route("/api/dead", "dead"),
    route("/api/late", "file-service", timeoutSeconds=0.2),
    route("/api/limited", "none", rateLimit={"requestsPerSecond": 1, "burst": 1}),
    route("/api/known", "none", authentication={"mode": "Required", "methods": ["APIKey"]}),
)
FAILURES = [
    ("GET", "/api/nothing", b"\r\n", 404, Reason.NO_ROUTE),
    ("GET", "/nothing%20at%3Fall", b"\r\n", 404, Reason.NO_ROUTE),
    ("POST", "/health", b"\r\n", 405, Reason.METHOD_NOT_ALLOWED),
    ("POST", "/status/nobody/check", b"\r\n", 404, Reason.NO_SERVICE),
    ("POST", "/status/long/check", LONG, 413, Reason.BODY_TOO_LARGE),
    ("POST", "/status/broken/check", b"\r\n", 500, Reason.INTERNAL),
    ("GET", "/api/files/..%2fx", b"\r\n", 400, Reason.BAD_REQUEST),
    ("PUT", "/api/files/put", b"\r\n", 405, Reason.METHOD_NOT_ALLOWED),
    ("POST", "/api/files/long", b"Content-Length: 11\r\n\r\nxxxxxxxxxxx", 413, Reason.BODY_TOO_LARGE),
    ("POST", "/api/files/pause", b"Content-Length: 9\r\n\r\nx", 408, Reason.CLIENT_SLOW),
    ("GET", "/api/none/x", b"\r\n", 503, Reason.NO_ENDPOINT),
    ("GET", "/api/dead/x", b"\r\n", 503, Reason.CONNECT_FAILED),
    ("GET", "/api/late/slow", b"\r\n", 504, Reason.TIMEOUT),
    ("POST", "/api/files/die", b"\r\n", 502, Reason.RESET),
    ("GET", "/api/limited/first", b"\r\n", 503, Reason.NO_ENDPOINT),
    ("GET", "/api/limited/second", b"\r\n", 429, Reason.RATE_LIMITED),
    ("GET", "/api/known/x", b"\r\n", 401, Reason.UNAUTHENTICATED),
    ("POST", "/api/files/nonsense", b"\r\n", 502, Reason.BAD_ANSWER),
]


async def test_each_failure_has_one_word_in_header_document_log_and_metric(
    tmp_path, upstream: Upstream, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    asked = Checks.now
    monkeypatch.setattr(Checks, "now", lambda self, name: broken() if name == "broken" else asked(self, name))
    with refusing() as dead:
        endpoints = {"file-service": [upstream.address], "dead": [dead]}
        async with running(tmp_path, endpoints, *ROUTES, body_idle_seconds=0.2) as gateway:
            for method, path, rest, status, reason in FAILURES:
                before = counted().get(reason, 0)
                if path == "/status/broken/check":  # answered outside of what knows the request's id
                    answer = await raw(
                        gateway.port,
                        f"{method} {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode()[:-2] + b"Connection: close\r\n\r\n",
                    )
                    assert b'"reason":"internal"' in answer
                else:
                    assert await told(gateway, method, path, rest) == Told(status, reason, reason), path
                assert counted()[reason] == before + 1, f"the metric of {path}"
    output = capfd.readouterr().out
    known = {path: [reason] for _, path, _, _, reason in FAILURES}
    known["/nothing at?all"] = known.pop("/nothing%20at%3Fall")
    known["/api/files/../x"] = known.pop("/api/files/..%2fx")
    assert {path: [word for word in logged(output, path) if word] for path in known} == known


async def test_a_handshake_that_is_refused_has_its_word_in_the_log_too(tmp_path, capfd: pytest.CaptureFixture[str]):
    async with running(tmp_path, {}, route()) as gateway:
        before = counted().get(Reason.NO_ROUTE, 0)
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{gateway.port}/api/nothing")
        assert refused.value.response.headers["x-request-id"]
        assert counted()[Reason.NO_ROUTE] == before + 1
    assert [word for word in logged(capfd.readouterr().out, "/api/nothing") if word] == ["no_route"]


async def test_what_is_no_handshake_is_a_problem_with_its_word(gateway: Gateway):
    head = b"GET /api/files/ws HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    labels = {"status": "400", "reason": "bad_request"}
    before = REGISTRY.get_sample_value("opsbuddy_http_refused_total", labels) or 0
    answer = await raw(gateway.port, head + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"x-gateway-reason: bad_request" in answer
    assert b'"reason":"bad_request"' in answer
    assert REGISTRY.get_sample_value("opsbuddy_http_refused_total", labels) == before + 1


async def test_a_service_that_asks_to_come_later_is_alive_and_its_circuit_stays_closed(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route()) as gateway:
        ask = b"GET /api/files/busy HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
        answers = await asyncio.gather(*(raw(gateway.port, ask) for _ in range(20)))
        assert {answer[9:12] for answer in answers} == {b"503"}
        assert all(b"retry-after: 2" in answer.lower() for answer in answers), "the service's own answer"
        state = await gateway.service()
        assert (state["breaker"], len(upstream.requests)) == ("closed", 20)
        assert state["endpoints"][0]["state"] != "set_aside"
