"""Spans of the gateway: one for each request on a route, one for each attempt at a service."""

import aiohttp
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.services.gateway.conftest import session
from tests.services.gateway.process import route, running
from tests.services.gateway.upstream import Upstream, refusing
from tests.support.traces import CALLER, TRACE, TRACEPARENT, Traces, ids, kinds, said

REQUEST, ATTEMPT = (SpanKind.SERVER, "GET /api/files"), (SpanKind.CLIENT, "GET")


@pytest.fixture
async def http(traces: Traces, http: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Clients of a gateway that makes traces."""
    return http


@pytest.fixture
async def gateway(traces: Traces, gateway):  # first traces, then the gateway that is to make them
    return gateway


async def test_a_request_and_its_attempt_are_in_the_callers_trace_and_the_service_continues_the_attempt(
    traces: Traces, http: aiohttp.ClientSession, upstream: Upstream
) -> None:
    async with http.get("/api/files/a?q=1", headers={"traceparent": TRACEPARENT, "tracestate": "v=1"}) as answer:
        await answer.read()
    spans = await traces.spans(2)
    request, attempt = spans
    assert kinds(spans) == [REQUEST, ATTEMPT]
    assert ids(request)[::2] == (TRACE, CALLER)
    assert ids(attempt)[::2] == (TRACE, ids(request)[1])
    assert upstream.requests[-1].header("traceparent") == f"00-{TRACE}-{ids(attempt)[1]}-01"
    assert upstream.requests[-1].header("tracestate") == "v=1"
    assert said(request, "http.route", "url.path", "url.query", "http.response.status_code", "opsbuddy.reason") == [
        "/api/files",
        "/api/files/a",
        None,
        200,
        "answered",
    ]
    assert said(request, "opsbuddy.service", "opsbuddy.attempts", "error.type") == ["file-service", 1, None]
    assert said(attempt, "server.address", "server.port", "url.full", "http.response.status_code") == [
        "127.0.0.1",
        upstream.port,
        f"http://{upstream.address}/files/a",
        200,
    ]
    assert request.resource.attributes["service.name"] == "gateway"


async def test_each_attempt_is_a_span_with_its_own_failure(tmp_path, traces: Traces, upstream: Upstream) -> None:
    with refusing() as dead:
        async with (
            running(tmp_path, {"file-service": [dead, upstream.address]}, route(retries=1)) as gateway,
            session(gateway) as http,
        ):
            for _ in range(2):  # either endpoint may come first
                async with http.get("/api/files/a", headers={"traceparent": TRACEPARENT}) as answer:
                    assert answer.status == 200
                spans = await traces.request()
                if len(spans) > 2:
                    break
    request, first, second = spans
    assert said(request, "opsbuddy.attempts", "opsbuddy.reason") == [2, "answered"]
    assert said(first, "error.type", "http.request.resend_count") == ["connect_failed", None]
    assert said(second, "error.type", "http.request.resend_count", "server.port") == [None, 1, upstream.port]
    assert ids(first)[2] == ids(second)[2] == ids(request)[1]
    assert upstream.requests[-1].header("traceparent") == f"00-{TRACE}-{ids(second)[1]}-01"


@pytest.mark.parametrize(
    ("path", "status", "words", "attempt"),
    [
        ("/api/files/500", 500, ("answered", "500"), "500"),
        ("/api/files/404", 404, ("answered", None), "404"),
        ("/api/files/nonsense", 502, ("bad_answer", "bad_answer"), "bad_answer"),
        ("/api/files/cutlen", 200, ("answer_cut", "answer_cut"), "answer_cut"),
    ],
)
async def test_a_failure_has_its_word_in_both_spans(
    traces: Traces, http: aiohttp.ClientSession, path: str, status: int, words: tuple[str, str | None], attempt: str
) -> None:
    try:
        async with http.get(path, headers={"traceparent": TRACEPARENT}) as answer:
            await answer.read()
    except aiohttp.ClientPayloadError:
        assert words[0] == "answer_cut"
    request, *attempts = await traces.spans(2 if status != 502 else 3)
    assert said(request, "http.response.status_code", "opsbuddy.reason", "error.type") == [status, *words]
    assert (request.status.status_code is StatusCode.ERROR) == (words[1] is not None)
    assert {said(each, "error.type")[0] for each in attempts} == {attempt}


async def test_a_request_that_nobody_was_asked_for_is_one_span(tmp_path, traces: Traces) -> None:
    async with running(tmp_path, {"file-service": []}, route()) as gateway, session(gateway) as http:
        async with http.get("/api/files/a") as answer:
            assert answer.status == 503
        (span,) = await traces.spans(1)
    assert said(span, "opsbuddy.reason", "opsbuddy.attempts", "error.type") == ["no_endpoint", 0, "no_endpoint"]


async def test_a_method_that_nobody_knows_makes_no_names(traces: Traces, http: aiohttp.ClientSession) -> None:
    async with http.request("PROPFIND", "/api/files/a") as answer:
        assert answer.status == 200
    request, _ = await traces.spans(2)
    assert (request.name, said(request, "http.request.method")) == ("HTTP /api/files", ["_OTHER"])


async def test_a_websocket_is_a_span_and_its_handshake_another(tmp_path, traces: Traces) -> None:
    async def tell(socket: ServerConnection) -> None:
        assert socket.request
        await socket.send(socket.request.headers["traceparent"])
        await socket.wait_closed()

    async with (
        serve(tell, "127.0.0.1", 0) as service,
        running(tmp_path, {"file-service": [f"127.0.0.1:{service.sockets[0].getsockname()[1]}"]}, route()) as gateway,
    ):
        address = f"ws://127.0.0.1:{gateway.port}/api/files/socket"
        async with connect(address, additional_headers={"traceparent": TRACEPARENT}) as socket:
            passed = await socket.recv()
        request, attempt = await traces.spans(2)
    assert ids(request)[::2] == (TRACE, CALLER)
    assert passed == f"00-{TRACE}-{ids(attempt)[1]}-01"
    assert said(request, "http.response.status_code", "opsbuddy.reason") == [101, "answered"]
    assert said(attempt, "http.response.status_code") == [101]


async def test_the_gateways_own_pages_are_spans_too(traces: Traces, http: aiohttp.ClientSession) -> None:
    async with http.get("/status/routes", headers={"traceparent": TRACEPARENT}) as answer:
        assert answer.status == 200
    (span,) = await traces.spans(1)
    assert (span.name, ids(span)[::2]) == ("GET /status/routes", (TRACE, CALLER))
