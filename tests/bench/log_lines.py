"""What a log line costs: a structured JSON line of ours, and a line of the standard library's logging with the same content."""

import contextlib
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from typing_extensions import override

from opsbuddy_core import logs, trace
from tests.bench.figures import Figure, figure
from tests.bench.run import Run, timed

AT_ONCE = 100
DATA: dict[str, Any] = {
    "method": "GET",
    "path": "/api/files/0d6f2f0a",
    "status": 200,
    "reason": "answered",
    "target": "file-service",
    "endpoint": "10.244.1.7:8001",
    "retries": 0,
    "duration_ms": 1.234,
}


class JsonFormatter(logging.Formatter):
    """JSON as one writes it by hand."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "data": {name: getattr(record, name) for name in DATA},
        }
        return json.dumps(line)


def measure(run: Run) -> list[Figure]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123 - devnull is no path
        logs.configure("bench", "INFO")
        ours = logs.get_logger("bench")
        text = _logger("text", logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"), nowhere)
        by_hand = _logger("by hand", JsonFormatter(), nowhere)
        values = list(DATA.values())
        line = "Request proxied " + " ".join(f"{name}=%s" for name in DATA)
        token = trace.enter(trace.continued(None, None))
        writes: dict[str, Callable[[], None]] = {
            "ours": lambda: ours.info("Request proxied", operation="proxy", **DATA),
            "stdlib, json.dumps": lambda: by_hand.info("Request proxied", extra=DATA),
            "stdlib, text": lambda: text.info(line, *values),
            "ours, below the level": lambda: ours.debug("Request proxied", operation="proxy", **DATA),
            "stdlib, below the level": lambda: text.debug(line, *values),
        }
        seen = run.rates({name: partial(timed, partial(_many, write)) for name, write in writes.items()})
        trace.leave(token)
    cost = {name: [1e6 / AT_ONCE / rate for rate in rates] for name, rates in seen.items()}
    return [
        figure("a line", "us", cost["ours"], "stdlib, json.dumps", cost["stdlib, json.dumps"]),
        figure("a line", "us", cost["ours"], "stdlib, text", cost["stdlib, text"]),
        figure(
            "a line below the level", "us", cost["ours, below the level"], "stdlib", cost["stdlib, below the level"]
        ),
    ]


def _logger(name: str, formatter: logging.Formatter, stream: Any) -> logging.Logger:
    logger = logging.Logger(f"bench, {name}", logging.INFO)  # noqa: LOG001 - one that nobody else knows, with a handler of its own
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return logger


def _many(write: Callable[[], None]) -> None:
    for _ in range(AT_ONCE):
        write()
