"""One JSON object a line on stdout: timestamp, level, logger, message, operation, service, data, request_id, trace_id.

    log = get_logger("file_service")
    log.info("File stored", operation="create", file_id=..., filename=...)

What is not one of the named fields goes into `data`. Values of keys that sound like secrets are not written.

A line that is written for every request is too frequent for a general logger; `Line` writes the same shape without one.
"""

import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger
from typing_extensions import override

from opsbuddy_core.output import Output
from opsbuddy_core.trace import Trace, current

SECRET = re.compile(r"(password|passwd|secret|token|authorization|api_?key|cookie|credential)", re.IGNORECASE)
MAX_TEXT = 32 * 1024
LEVELS = {level: logging.getLevelName(level) for level in (10, 20, 30, 40, 50)}


class Sink(Protocol):
    """Takes each record as well; must neither block nor raise."""

    def offer(self, record: dict[str, Any]) -> None: ...


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger; name is the component as people know it."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


class Line:
    """A line that is written all the time, always with the same logger, message and operation: one dump, no record of the standard library.

    What is in `data` is written as it is: the caller knows its keys.
    """

    def __init__(self, logger: str, message: str, operation: str) -> None:
        self._logger, self._message, self._operation = logger, message, operation

    def write(self, level: int, data: dict[str, Any], trace: Trace | None) -> None:
        """Write the line if the process logs this level; `level` is one of the standard library's numbers."""
        process = _process
        if process is None:  # nothing is configured: a test, or a program at its start
            get_logger(self._logger).log(level, self._message, operation=self._operation, **data)
            return
        if level < process.level:
            return
        shaped: dict[str, Any] = {
            "timestamp": process.clock.now(),
            "level": LEVELS[level],
            "logger": self._logger,
            "message": self._message,
            "operation": self._operation,
            "service": process.service,
            "data": data,
        }
        if trace is not None:
            shaped["request_id"], shaped["trace_id"] = trace.request_id, trace.trace_id
        if process.sink is not None:
            process.sink.offer(shaped)
        process.output.write(_json(shaped))


def configure(service: str, level: str, sink: Sink | None = None) -> None:
    """Send every record of this process, the libraries' too, to stdout and to the sink."""
    global _process  # noqa: PLW0603 - logging is a thing of the process, here as in the standard library
    if _process is not None:
        _process.output.close()
    output = Output(sys.stdout)
    _process = _Process(service, logging.getLevelNamesMapping()[level], sink, output, _Clock())

    def shape(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return record(service, event)

    def emit(_: WrappedLogger, __: str, event: EventDict) -> str:
        if sink is not None:
            sink.offer(dict(event))
        return _json(event)

    before: list[Callable[..., Any]] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info,
    ]
    handler = _Handler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, shape, emit],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("aiosqlite", "asyncio", "kubernetes", "urllib3", "httpcore2", "websockets"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def flush() -> None:
    """Write the lines that are waiting."""
    if _process is not None:
        _process.output.flush()


class _Handler(logging.Handler):
    """Writes at once: what is logged here is rare, and may be the last thing that a process says."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.write(self.format(record))
            self._output.flush()
        except Exception:  # noqa: BLE001 - a record that cannot be written must not end the work that it tells about
            self.handleError(record)


class _Clock:
    """The time as text; what changes once a second is made once a second."""

    def __init__(self) -> None:
        self._second, self._text = -1, ""

    def now(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        second = milliseconds // 1000
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{milliseconds % 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class _Process:
    """How this process logs."""

    service: str
    level: int
    sink: Sink | None
    output: Output
    clock: _Clock


_process: _Process | None = None


def _json(event: EventDict | dict[str, Any]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def record(service: str, event: EventDict) -> dict[str, Any]:
    """Return an event in the documented shape."""
    trace = current()
    message = str(event.pop("event", ""))
    shaped: dict[str, Any] = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": str(event.pop("level", "info")).upper(),
        "logger": event.pop("logger", service),
        "message": message if len(message) <= MAX_TEXT else message[:MAX_TEXT] + "…",
        "operation": event.pop("operation", None),
        "service": service,
    }
    shaped["data"] = {key: "[not shown]" if SECRET.search(key) else value for key, value in event.items()}
    if trace:
        shaped["request_id"], shaped["trace_id"] = trace.request_id, trace.trace_id
    return shaped
