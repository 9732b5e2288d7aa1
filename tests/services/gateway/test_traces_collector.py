"""One trace through gateway and service, as a real OpenTelemetry Collector took it from their processes."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.services.gateway.process import route, table
from tests.support.collector import Collector, Span, collecting
from tests.support.processes import Process
from tests.support.traces import CALLER, TRACE, TRACEPARENT
from tests.support.wait import eventually

pytestmark = pytest.mark.collector


def service(folder: Path, collector: Collector, **environment: str) -> Process:
    sent = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer s3cret"}
    return Process(
        "opsbuddy_file_service.main", {"DATA_DIR": str(folder / "data"), **sent, **environment}, folder / "service.log"
    )


def gateway(folder: Path, collector: Collector, behind: Process) -> Process:
    (folder / "routes.json").write_text(table(route()))
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "ROUTES_FROM": f"file:{folder / 'routes.json'}",
        "ENDPOINTS_FROM": "static",
        "STATIC_ENDPOINTS": json.dumps({"file-service": [f"127.0.0.1:{behind.port}"]}),
    }
    return Process("opsbuddy_gateway.main", environment, folder / "gateway.log")


@pytest.mark.timeout(120)
async def test_one_trace_leads_through_gateway_and_service(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        behind = service(tmp_path, collector)
        before = gateway(tmp_path, collector, behind)
        try:
            await behind.start()
            await before.start()
            async with httpx2.AsyncClient(base_url=before.url) as http:

                async def listed() -> bool:
                    answer = await http.get("/api/files?limit=5", headers={"traceparent": TRACEPARENT})
                    return answer.status_code == 200

                await eventually(listed, within=30, what="the gateway leads to the service")
        finally:
            codes = [await each.end() for each in (before, behind)]  # what waits is sent at the end
        assert codes == [0, 0]

        async def there() -> list[Span]:
            return [span for span in collector.spans() if span.trace == TRACE][-3:]

        spans = {
            (span.service, span.kind): span for span in await eventually(there, what="the Collector has the trace")
        }
    request, attempt, answer = (
        spans["gateway", "Server"],
        spans["gateway", "Client"],
        spans["file-service", "Server"],
    )
    assert [(span.name, span.parent) for span in (request, attempt, answer)] == [
        ("GET /api/files", CALLER),
        ("GET", request.id),
        ("GET /files", attempt.id),
    ]
    assert request.attributes["opsbuddy.service"] == "file-service"
    assert [span.attributes["http.response.status_code"] for span in (request, attempt, answer)] == ["200"] * 3
    logs = [(tmp_path / name).read_text() for name in ("gateway.log", "service.log")]
    assert all(f'"trace_id":"{TRACE}"' in log for log in logs)
    assert not any("s3cret" in log or "not taken" in log for log in logs)


@pytest.mark.timeout(120)
async def test_a_receiver_that_is_away_holds_up_no_request_and_no_end(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        pass  # its port leads nowhere from now on
    behind = service(tmp_path, collector, OTEL_BSP_SCHEDULE_DELAY="10", OTEL_EXPORTER_OTLP_TIMEOUT="100")
    await behind.start()
    try:
        async with httpx2.AsyncClient(base_url=behind.url) as http:
            for _ in range(20):
                assert (await http.get("/files")).status_code == 200

            async def counted() -> bool:
                figures = (await http.get("/metrics")).text
                return 'opsbuddy_spans_dropped_total{reason="not_taken"} 20.0' in figures

            await eventually(counted, what="what was dropped is counted")
    finally:
        code = await behind.end()
    log = (tmp_path / "service.log").read_text()
    assert (code, log.count("Traces are not taken")) == (0, 1), log[-3000:]
    assert "s3cret" not in log
