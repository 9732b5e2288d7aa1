"""What an analytics service answers, for a gateway that a test controls."""

import json
from typing import Any

from tests.support.fake_gateway import FakeGateway

LOGS = "/api/analytics/logs"
LEVELS = {"DEBUG": 0, "INFO": 3, "WARNING": 2, "ERROR": 1, "CRITICAL": 0}
COVERAGE = {"start": None, "end": "", "stores": ["journal"], "complete": True, "note": "All of this range is here."}
AT = "2026-11-26T02:04:07.118Z"
RECORD = {
    "timestamp": AT,
    "level": "ERROR",
    "logger": "start",
    "message": "Startup failed: <script>alert(1)</script>",
    "service": "file-service",
    "operation": None,
    "data": {"</script>": '"quoted"'},
    "request_id": None,
    "trace_id": None,
    "event_id": "7",
}
FIGURES = {
    "service": "file-service",
    "total": 6,
    "errors": 1,
    "error_rate": 0.166667,
    "per_minute": 0.1,
    "levels": LEVELS,
}
HOUR = {"start": AT, "total": 6, "errors": 1, "error_rate": 0.166667}
WINDOW = {"start": AT, "end": AT, "total": 6, "errors": 1, "error_rate": 0.166667, "services": [FIGURES]}
ANSWERS: dict[tuple[str, str], Any] = {
    ("POST", f"{LOGS}/query"): {"logs": [RECORD], "count": 1, "next_cursor": "next", "coverage": COVERAGE},
    ("POST", f"{LOGS}/context"): {"before": [], "log": RECORD, "after": [], "coverage": COVERAGE},
    ("POST", f"{LOGS}/histogram"): {
        "start": AT,
        "end": AT,
        "width_seconds": 60,
        "total": 6,
        "buckets": [{"start": AT, "total": 6, "levels": LEVELS}],
        "coverage": COVERAGE,
    },
    ("POST", f"{LOGS}/facets"): {
        "facets": {"level": [{"value": level, "count": count} for level, count in LEVELS.items() if count]}
    },
    ("GET", "/api/analytics/stats"): WINDOW
    | {"by_level": LEVELS, "by_service": {"file-service": 6, "<b>odd</b>": 1}, "hourly": [HOUR] * 24},
    ("GET", "/api/analytics/metrics"): WINDOW
    | {"window_minutes": 60, "per_minute": 0.1, "ingestion": {"stored": 6, "duplicates": 0, "rejected": 0}},
}


def answer(gateway: FakeGateway) -> None:
    """Let the analytics service answer."""
    for place, body in ANSWERS.items():
        gateway.answers[place] = (200, {"content-type": "application/json"}, json.dumps(body).encode())


def refuse(gateway: FakeGateway, place: tuple[str, str], status: int, **problem: Any) -> None:
    """Let it refuse one kind of request."""
    gateway.answers[place] = (status, {"content-type": "application/problem+json"}, json.dumps(problem).encode())


def die(gateway: FakeGateway) -> None:
    """Let the gateway have no analytics service any more."""
    for place in ANSWERS:
        refuse(gateway, place, 503, detail="No endpoint of analytics-service is ready.")
