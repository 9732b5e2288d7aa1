"""Spans of the services, when they are made, and what becomes of them when nobody takes them."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx2
import pytest
from fastapi import APIRouter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode
from structlog.testing import capture_logs
from typing_extensions import override

from opsbuddy_core import span_export, trace, tracing
from opsbuddy_core.health import Health
from opsbuddy_core.settings import Settings
from opsbuddy_core.tracing_settings import problems, wanted
from opsbuddy_core.web import context
from opsbuddy_core.web.app import create_app
from tests.support.apps import client
from tests.support.traces import CALLER, TRACE, TRACEPARENT, Traces, ids, kinds, said
from tests.support.wait import eventually

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


def routes(seen: list[trace.Trace | None]) -> APIRouter:
    router = APIRouter()

    @router.get("/things/{name}")
    async def read(name: str) -> str:
        seen.append(trace.current())
        if name == "boom":
            raise RuntimeError("secret detail")
        return name

    return router


@pytest.fixture
def seen() -> list[trace.Trace | None]:
    """The trace that each handler worked in."""
    return []


@pytest.fixture
async def http(traces: Traces, seen: list[trace.Trace | None]) -> AsyncIterator[httpx2.AsyncClient]:
    settings = Settings(service_name="test-service", title="Test Service")
    app = create_app(settings, Health("Test Service", "opsbuddy-core"), [routes(seen)])
    async with client(app) as session:
        yield session


# --- When ---


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://localhost:4318/v1/metrics"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "false"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_traces_are_made_where_the_standard_variables_name_a_receiver(
    environment: dict[str, str], expected: bool
) -> None:
    assert wanted(environment) is expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://s3cret:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://user:s3cret@otel.example.com"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer s3cret"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=1,s3cret"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_and_not_shown(variable: str, value: str) -> None:
    (problem,) = problems(ENDPOINT | {"OTEL_TRACES_SAMPLER": "traceidratio", variable: value})
    assert problem.startswith(f"{variable}: ")
    assert "s3cret" not in problem
    assert problems({variable: value}) == [] or variable.endswith("ENDPOINT"), (
        "nothing is traced, so it does not matter"
    )


def test_values_of_the_standard_can_all_be_used() -> None:
    given = ENDPOINT | {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x==,x-scope=a b, ",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "500",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
        "OTEL_BSP_MAX_QUEUE_SIZE": "10000",
        "OTEL_BSP_SCHEDULE_DELAY": "",
    }
    assert problems(given) == []


@pytest.mark.process
@pytest.mark.timeout(90)
def test_without_a_receiver_nothing_of_the_sdk_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from opsbuddy_gateway.factory import build; from opsbuddy_gateway.settings import GatewaySettings;"
        "build(GatewaySettings()); print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'google.protobuf', 'requests'))])"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=kept,
        timeout=80,
        check=False,
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.timeout(90)
def test_a_program_does_not_start_with_a_value_that_cannot_be_used(tmp_path: Path) -> None:
    given = {"PATH": os.environ["PATH"], **ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    command = [sys.executable, "-m", "opsbuddy_file_service.main", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=given, timeout=80, check=False)
    assert (done.returncode, "OTEL_EXPORTER_OTLP_PROTOCOL" in done.stderr) == (2, True), done.stderr


# --- The span of a request ---


async def test_a_request_is_a_span_with_the_pattern_of_its_route_in_the_trace_of_its_caller(
    http: httpx2.AsyncClient, traces: Traces, seen: list[trace.Trace | None]
) -> None:
    await http.get("/things/a", headers={"traceparent": TRACEPARENT})
    (span,) = await traces.spans(1)
    assert kinds([span]) == [(SpanKind.SERVER, "GET /things/{name}")]
    assert said(span, "http.request.method", "http.route", "url.path", "http.response.status_code") == [
        "GET",
        "/things/{name}",
        "/things/a",
        200,
    ]
    assert span.resource.attributes["service.name"] == "test-service"
    assert ids(span)[::2] == (TRACE, CALLER)
    assert (seen[0].trace_id, seen[0].span_id, seen[0].flags) == (TRACE, ids(span)[1], "01")  # type: ignore[union-attr]


async def test_the_access_line_of_a_request_names_its_trace(
    http: httpx2.AsyncClient, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[trace.Trace] = []
    monkeypatch.setattr(context.line, "write", lambda *given: lines.append(given[-1]))
    await http.get("/things/a")
    (span,) = await traces.spans(1)
    assert [(here.trace_id, here.span_id) for here in lines] == [ids(span)[:2]]


async def test_a_failure_is_marked_without_its_words(http: httpx2.AsyncClient, traces: Traces) -> None:
    assert (await http.get("/things/boom")).status_code == 500
    (span,) = await traces.spans(1)
    assert (span.status.status_code, said(span, "http.response.status_code")) == (StatusCode.ERROR, [500])
    assert "secret detail" not in span.to_json()


async def test_what_is_asked_all_the_time_is_in_no_trace(http: httpx2.AsyncClient, traces: Traces) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/metrics", "/status"):
        await http.get(path)
    await http.get("/things/shipped", headers={"traceparent": trace.unsampled()})
    await http.get("/things/a")
    (span,) = await traces.spans(1)
    assert said(span, "url.path") == ["/things/a"]


async def test_what_the_caller_does_not_keep_is_not_kept_and_goes_on_so(
    http: httpx2.AsyncClient, traces: Traces, seen: list[trace.Trace | None]
) -> None:
    await http.get("/things/a", headers={"traceparent": TRACEPARENT[:-2] + "00"})
    assert (seen[0].trace_id, seen[0].flags) == (TRACE, "00")  # type: ignore[union-attr]
    await http.get("/things/b")
    (span,) = await traces.spans(1)
    assert said(span, "url.path") == ["/things/b"]


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs,team=a"}, "theirs"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=a", "OTEL_SERVICE_NAME": ""}, "test-service"),
    ],
)
async def test_the_name_in_traces_is_the_services_unless_told_otherwise(
    traces: Traces, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    spans = tracing.of_process("test-service")
    assert spans is not None
    spans.client("GET", INVALID_SPAN, {}).end()
    (span,) = await traces.spans(1)
    assert span.resource.attributes["service.name"] == name
    assert span.resource.attributes.get("team") == ("a" if "OTEL_RESOURCE_ATTRIBUTES" in variables else None)


async def test_a_sampler_is_that_of_the_variable(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    spans = tracing.of_process("test-service")
    assert spans is not None
    assert not spans.client("GET", INVALID_SPAN, {}).is_recording()
    assert spans.server("GET", {b"traceparent": TRACEPARENT.encode()}, {}).is_recording()


# --- A receiver that is away ---


class Receiver(SpanExporter):
    """Takes batches or does not; holds each while it is closed."""

    def __init__(self) -> None:
        self.takes, self.open = True, threading.Event()
        self.open.set()
        self.arrived = threading.Event()

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.arrived.set()
        assert self.open.wait(20)
        return SpanExportResult.SUCCESS if self.takes else SpanExportResult.FAILURE


@pytest.fixture
def receiver(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    made = Receiver()
    monkeypatch.setattr(span_export, "exporter", lambda _: made)
    return made


def counts() -> dict[str, float]:
    found = {"exported": span_export.EXPORTED._value.get()}
    for reason in ("queue_full", "not_taken", "shutdown"):
        found[reason] = span_export.DROPPED.labels(reason)._value.get()
    return found


def since(before: dict[str, float]) -> dict[str, int]:
    return {name: int(value - before[name]) for name, value in counts().items() if value > before[name]}


def make(number: int) -> None:
    spans = tracing.of_process("test-service")
    assert spans is not None
    for _ in range(number):
        spans.client("GET", INVALID_SPAN, {}).end()


async def test_that_nothing_is_taken_is_said_once_and_that_it_is_again_too(receiver: Receiver) -> None:
    before = counts()
    receiver.takes = False
    with capture_logs() as lines:
        for number in (1, 2, 3):
            make(1)
            await eventually(lambda number=number: _is(since(before), {"not_taken": number}), every=0.005)
        receiver.takes = True
        for number in (1, 2):
            make(1)
            await eventually(
                lambda number=number: _is(since(before), {"not_taken": 3, "exported": number}), every=0.005
            )
        await tracing.end()
    assert [(line["event"], line["receiver"]) for line in lines] == [
        ("Traces are not taken; spans are dropped until they are", "receiver.invalid:4318"),
        ("Traces are taken again", "receiver.invalid:4318"),
    ]


async def _is(found: object, expected: object) -> bool:
    return found == expected


async def test_the_queue_is_bounded_and_what_leaves_it_is_counted(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    before = counts()
    receiver.open.clear()
    make(2)
    await asyncio.to_thread(receiver.arrived.wait, 5)
    make(50)  # two are on their way and wait, four more have room
    assert since(before) == {"queue_full": 46}
    receiver.open.set()
    await eventually(lambda: _is(since(before), {"queue_full": 46, "exported": 6}), every=0.005)
    await tracing.end()


async def test_the_end_waits_for_a_limited_time_and_counts_what_is_left(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_LIMIT", 0.05)
    before = counts()
    receiver.open.clear()
    make(3)
    begun = time.monotonic()
    await tracing.end()
    assert time.monotonic() - begun < 2
    assert since(before) == {"shutdown": 3}
    receiver.open.set()


async def test_what_waits_at_the_end_is_sent(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    make(3)
    await tracing.end()
    assert len(traces.now()) == 3


async def test_the_receivers_header_is_in_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer s3cret,br@ken=s3cret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
    monkeypatch.setattr(tracing, "_process", None)
    before = counts()
    with capture_logs() as lines:
        spans = tracing.of_process("test-service")
        assert spans is not None
        assert spans._export._said.last == "", "what the SDK says of its settings would be the reason that is logged"
        make(2)
        await tracing.end()
    assert since(before) == {"not_taken": 2}
    assert [line["event"] for line in lines] == ["Traces are not taken; spans are dropped until they are"]
    assert "s3cret" not in str(lines) + caplog.text
