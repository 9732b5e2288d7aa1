"""Traces of programs in this process, collected instead of sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id

from opsbuddy_core import span_export, tracing
from tests.support.wait import eventually

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


@dataclass
class Traces:
    """What was collected."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def now(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    async def spans(self, number: int) -> list[ReadableSpan]:
        """Return so many spans, in the order in which they began."""

        async def there() -> bool:
            return len(self.now()) >= number

        await eventually(there, within=5, every=0.005, what=f"{number} spans are there")
        found = self.now()
        assert len(found) == number, [span.name for span in found]
        return _sorted(found)

    async def request(self) -> list[ReadableSpan]:
        """Return the spans of the one request there was since the last time: its own, which ends last, and those below it."""

        async def over() -> bool:
            return any(span.kind is SpanKind.SERVER for span in self.now())

        await eventually(over, within=5, every=0.005, what="the span of a request is there")
        found = _sorted(self.now())
        self.exporter.clear()
        return found


def _sorted(spans: list[ReadableSpan]) -> list[ReadableSpan]:
    return sorted(spans, key=lambda span: span.start_time or 0)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """Tracing switched on for what is built in this test."""
    collected = Traces()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://receiver.invalid:4318")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
    monkeypatch.setattr(span_export, "exporter", lambda _: collected.exporter)
    monkeypatch.setattr(tracing, "_process", None)
    yield collected
    if tracing._process is not None:  # what was built has not run
        tracing._process._export.stop()
        tracing._process._export.ended()


def ids(span: ReadableSpan) -> tuple[str, str, str | None]:
    """Return trace, span and parent as a traceparent has them."""
    assert span.context is not None
    parent = format_span_id(span.parent.span_id) if span.parent else None
    return format_trace_id(span.context.trace_id), format_span_id(span.context.span_id), parent


def kinds(spans: list[ReadableSpan]) -> list[tuple[SpanKind, str]]:
    return [(span.kind, span.name) for span in spans]


def said(span: ReadableSpan, *names: str) -> list[object]:
    """Return attributes by their names; None for one that is not there."""
    return [(span.attributes or {}).get(name) for name in names]
