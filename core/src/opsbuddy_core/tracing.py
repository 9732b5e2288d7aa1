"""Traces by OpenTelemetry, sent by OTLP over HTTP, where the standard OTEL_* variables name an endpoint.

Where they name none, nothing of the SDK is loaded and nothing is asked for a request: `of_process` is None, and whoever would make spans
was put together without them.
"""

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    TracerProvider,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from opsbuddy_core import trace
from opsbuddy_core.trace import Trace
from opsbuddy_core.tracing_settings import wanted

if TYPE_CHECKING:
    from opsbuddy_core.span_export import Export

FLUSH_LIMIT = 3.0  # seconds for what is left at the end
_CARRIED = ("traceparent", "tracestate")
_propagator = TraceContextTextMapPropagator()


class Tracing:
    """Makes spans and has them sent."""

    def __init__(self, provider: TracerProvider, export: "Export") -> None:
        self.provider, self._export = provider, export
        self._tracer = provider.get_tracer("opsbuddy")

    def server(self, name: str, given: Mapping[bytes, bytes], attributes: Mapping[str, AttributeValue]) -> Span:
        """Begin the span of a request that came in; `given`: its header by name."""
        carried = {key: given[key.encode()].decode("latin-1") for key in _CARRIED if key.encode() in given}
        parent = _propagator.extract(carried, Context())
        return self._tracer.start_span(name, parent, SpanKind.SERVER, attributes)

    def client(self, name: str, parent: Span, attributes: Mapping[str, AttributeValue]) -> Span:
        """Begin the span of a request that goes out."""
        return self._tracer.start_span(name, set_span_in_context(parent, Context()), SpanKind.CLIENT, attributes)

    async def stop(self) -> None:
        """Send what is left within a time limit; what is then left is counted as dropped."""
        ending = threading.Thread(target=self._export.stop, name="traces-end", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, FLUSH_LIMIT)
        self._export.ended()


_process: Tracing | None = None


def of_process(service: str) -> Tracing | None:
    """Return the tracing of this process, begun with the first call; None where nothing is to be sent. `service`: its name unless told otherwise."""
    global _process  # noqa: PLW0603 - one for the process, as its log
    if _process is None and wanted(os.environ):
        for name in [name for name, value in os.environ.items() if name.startswith("OTEL_") and not value]:
            del os.environ[name]  # empty is not set, says the standard; the SDK does not always
        from opsbuddy_core import span_export  # noqa: PLC0415 - half a second and 20 MB that nobody pays who traces nothing

        provider, export = span_export.begun(service, os.environ)
        _process = Tracing(provider, export)
    return _process


async def end() -> None:
    """End the tracing of this process, if any."""
    global _process
    ending, _process = _process, None
    if ending is not None:
        await ending.stop()


# --- Spans and this hop's trace ---


def joined(here: Trace, span: Span) -> Trace:
    """Return this hop of the trace as its span has it: what log lines name and the next hop continues."""
    context = span.get_span_context()
    if not context.is_valid:
        return here
    return here._replace(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        flags=f"{context.trace_flags:02x}",
    )


def continued(request_id: str | None, traceparent: str | None) -> Trace:
    """Return this hop's trace where a span of it has begun already."""
    return joined(trace.continued(request_id, traceparent), get_current_span())


def fail(span: Span, why: str) -> None:
    """Mark a span as failed; `why` is one of few words."""
    span.set_attribute("error.type", str(why))  # a plain one of an enumeration
    span.set_status(StatusCode.ERROR)


@dataclass(frozen=True, slots=True)
class Call:
    """A request to another service. `headers` pass the trace on to it."""

    headers: dict[str, str]
    span: Span | None = None

    def answered(self, status: int) -> None:
        if self.span is not None:
            self.span.set_attribute("http.response.status_code", status)
            if status >= 400:  # noqa: PLR2004 - to a client each of these is a failure
                fail(self.span, str(status))


@contextmanager
def call(tracing: Tracing | None, method: str, url: str) -> Iterator[Call]:
    """Ask another service, as a span of its own below the one that is current. What is asked for no request of ours has none."""
    here, parent = trace.current(), get_current_span()
    if tracing is None or here is None or not parent.get_span_context().is_valid:
        yield Call(trace.outgoing())
        return
    address = urlsplit(url)
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "server.address": address.hostname or "",
        "server.port": address.port or (443 if address.scheme == "https" else 80),
        "url.full": url.partition("?")[0],
    }
    span = tracing.client(method, parent, attributes)
    try:
        yield Call(joined(here, span).headers(), span)
    except BaseException as error:
        fail(span, type(error).__name__)
        raise
    finally:
        span.end()
