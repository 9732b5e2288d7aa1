import httpx2
import pytest
from opentelemetry.trace import SpanKind

from opsbuddy_ui_service.settings import UiSettings
from tests.support.fake_gateway import FakeGateway
from tests.support.traces import CALLER, TRACE, TRACEPARENT, Traces, ids, kinds, said


@pytest.fixture
def settings(traces: Traces, settings: UiSettings) -> UiSettings:
    """Those of an application that makes traces."""
    return settings


async def test_what_a_request_asks_the_gateway_for_is_a_span_below_it(
    http: httpx2.AsyncClient, gateway: FakeGateway, traces: Traces
) -> None:
    gateway.answers["GET", "/api/files"] = (404, {"content-type": "application/json"}, b"{}")
    await http.get("/api/files?limit=5", headers={"traceparent": TRACEPARENT})
    page, asked = await traces.spans(2)
    assert [kind for kind, _ in kinds([page, asked])] == [SpanKind.SERVER, SpanKind.CLIENT]
    assert ids(page)[::2] == (TRACE, CALLER)
    assert ids(asked)[::2] == (TRACE, ids(page)[1])
    assert said(asked, "url.full", "http.response.status_code", "error.type") == [
        f"{gateway.url}/api/files",
        404,
        "404",
    ]
    sent = {name.lower(): value for name, value in gateway.received[-1].headers.items()}
    assert sent["traceparent"] == f"00-{TRACE}-{ids(asked)[1]}-01"


async def test_what_the_service_asks_by_itself_is_in_no_trace(
    http: httpx2.AsyncClient, gateway: FakeGateway, traces: Traces, summary
) -> None:
    await summary("")  # the state came from the gateway, which nobody had asked for
    assert [span.name for span in traces.now() if span.kind is SpanKind.CLIENT] == []
