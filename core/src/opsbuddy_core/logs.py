"""One JSON object a line on stdout: timestamp, level, logger, message, operation, service, data, request_id, trace_id.

    log = get_logger("file_service")
    log.info("File stored", operation="create", file_id=..., filename=...)

What is not one of the named fields goes into `data`. Values of keys that sound like secrets are not written.
"""

import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from opsbuddy_core.trace import current

SECRET = re.compile(r"(password|passwd|secret|token|authorization|api_?key|cookie|credential)", re.IGNORECASE)
MAX_TEXT = 32 * 1024


class Sink(Protocol):
    """Takes each record as well; must neither block nor raise."""

    def offer(self, record: dict[str, Any]) -> None: ...


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger; name is the component as people know it."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def configure(service: str, level: str, sink: Sink | None = None) -> None:
    """Send every record of this process, the libraries' too, to stdout and to the sink."""

    def shape(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return record(service, event)

    def emit(_: WrappedLogger, __: str, event: EventDict) -> str:
        if sink is not None and not event.pop("_local", False):
            sink.offer(dict(event))
        event.pop("_local", None)
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()

    before: list[Callable[..., Any]] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, shape, emit],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("aiosqlite", "asyncio", "kubernetes", "urllib3", "httpcore2"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


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
    local = event.pop("_local", False)
    shaped["data"] = {key: "[not shown]" if SECRET.search(key) else value for key, value in event.items()}
    if trace:
        shaped["request_id"], shaped["trace_id"] = trace.request_id, trace.trace_id
    if local:
        shaped["_local"] = True
    return shaped
