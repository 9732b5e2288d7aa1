"""Sends spans in batches from a bounded queue, in a thread of its own; counts what gets lost, and says so once. Loads the SDK."""

import logging
import threading
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import Counter
from typing_extensions import override

from opsbuddy_core.logs import get_logger
from opsbuddy_core.tracing_settings import BATCH, QUEUE, number, of_traces

EXPORTED = Counter("opsbuddy_spans_exported_total", "Spans that the receiver of traces took over")
DROPPED = Counter("opsbuddy_spans_dropped_total", "Spans that never reached the receiver of traces", ["reason"])
for _reason in ("queue_full", "not_taken", "shutdown"):
    DROPPED.labels(_reason)  # there from the start, at 0
TIMEOUT_MILLISECONDS = 10_000
MOST_WORDS = 300
log = get_logger("tracing")


class Export:
    """The way of spans out of this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._said = _Said()  # before there is anything that may say something
        limit = number(environment, "OTEL_BSP_MAX_QUEUE_SIZE", QUEUE)
        batch = number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH)
        self._waiting = Waiting(limit)
        self._sending = Sending(exporter(environment), self._waiting, self._said, _receiver(environment))
        self.processor: SpanProcessor = _Queue(self._sending, limit, batch, self._waiting)

    def stop(self) -> None:
        """Send what is waiting; may take as long as the receiver lets it. One that takes nothing is not asked again."""
        if self._sending.failing:
            self._sending.shutdown()
        self.processor.shutdown()

    def ended(self) -> None:
        """Count what will not be sent any more."""
        if left := self._waiting.close():
            DROPPED.labels("shutdown").inc(left)
            log.warning("Spans were left at the end", operation="trace", spans=left)
        self._said.close()


class Waiting:
    """How many spans wait for their batch, or are in one that is being sent."""

    def __init__(self, limit: int) -> None:
        self._limit, self._lock = limit, threading.Lock()
        self._queued = self._sent = 0
        self._open = True

    def add(self) -> None:
        """Count a span that joins the queue: where that is full, the oldest one leaves for it."""
        with self._lock:
            if self._queued < self._limit:
                self._queued += 1
                return
        DROPPED.labels("queue_full").inc()

    def take(self, spans: int) -> None:
        with self._lock:
            self._queued -= spans
            self._sent = spans

    def done(self, counted: Counter, spans: int) -> None:
        """Count a batch that is over with, unless it was given up meanwhile."""
        with self._lock:
            self._sent = 0
            if self._open:
                counted.inc(spans)

    def close(self) -> int:
        """Return how many are left, once."""
        with self._lock:
            left, self._open = self._queued + self._sent, False
            self._queued = self._sent = 0
        return max(left, 0)


class Sending(SpanExporter):
    """Sends batches, and says when the receiver stops taking them and when it takes them again: not of every batch."""

    def __init__(self, exporter: SpanExporter, waiting: Waiting, said: "_Said", receiver: str) -> None:
        self._exporter, self._waiting, self._said, self._receiver = exporter, waiting, said, receiver
        self._said.last = ""  # what the exporter said of its settings may have a secret in it
        self.failing = False

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._waiting.take(len(spans))
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on with the next batch
            self._said.last = type(error).__name__
            result = SpanExportResult.FAILURE
        taken = result is SpanExportResult.SUCCESS
        self._waiting.done(EXPORTED if taken else DROPPED.labels("not_taken"), len(spans))
        if taken and self.failing:
            log.info("Traces are taken again", operation="trace", receiver=self._receiver)
        elif not taken and not self.failing:
            log.warning(
                "Traces are not taken; spans are dropped until they are",
                operation="trace",
                receiver=self._receiver,
                reason=self._said.last or "unknown",
            )
        self.failing = not taken
        return result

    @override
    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Queue(BatchSpanProcessor):
    """The SDK's, which drops the oldest when it is full and tells nobody how many."""

    def __init__(self, exporter: SpanExporter, limit: int, batch: int, waiting: Waiting) -> None:
        super().__init__(exporter, max_queue_size=limit, max_export_batch_size=batch)
        self._waiting = waiting

    @override
    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._waiting.add()
        super().on_end(span)


class _Said(logging.Handler):
    """Keeps the last words of the SDK: it has some for every batch and every span, which would fill the log of a process without a receiver."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._logger = logging.getLogger("opentelemetry")
        self._logger.addHandler(self)
        self._logger.propagate = False

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()[:MOST_WORDS]

    @override
    def close(self) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = True
        super().close()


def begun(service: str, environment: Mapping[str, str]) -> tuple[TracerProvider, Export]:
    """Return the provider of this process and its export. The SDK and its exporter read the rest of their variables themselves."""
    named = {"service.name": service, **OTELResourceDetector().detect().attributes}
    export = Export(environment)
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(export.processor)
    return provider, export


def exporter(environment: Mapping[str, str]) -> SpanExporter:
    """Return what sends a batch. Its limit is in milliseconds, as in the standard; the SDK would take it for seconds."""
    milliseconds = of_traces(environment, "TIMEOUT")[1] or TIMEOUT_MILLISECONDS
    return OTLPSpanExporter(timeout=int(milliseconds) / 1000)


def _receiver(environment: Mapping[str, str]) -> str:
    return urlsplit(of_traces(environment, "ENDPOINT")[1]).netloc
