"""Which metric one sees who has not chosen one."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from opsbuddy_core import timestamps
from opsbuddy_ui_service.models.status import GatewayStatus, Observation, ServiceStatus
from opsbuddy_ui_service.searches.series import Search, read
from opsbuddy_ui_service.views import first_metric
from opsbuddy_ui_service.views.platform import Surroundings, look
from opsbuddy_ui_service.views.series import metrics

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = read([("start", "2026-01-31T11:00:00Z"), ("end", "2026-01-31T12:00:00Z")], timestamps.now())


def series(measurement: str, *fields: str, **tags: str) -> dict[str, Any]:
    return {"measurement": measurement, "tags": tags, "fields": list(fields)}


STORED = [
    series("queue", "waiting", service="files"),
    series("http", "errors", "p95_ms", "requests", service="files"),
    series("http", "errors", "p95_ms", "requests", service="other"),
    series("process_cpu_seconds_total", "value", job="scraped"),
    series("http_requests_total", "value", job="scraped"),
    series("http_request_duration_seconds_bucket", "value", job="scraped"),
    series("http_request_duration_seconds_p95", "value", job="scraped"),
]


def answer(*values: float | str | None) -> dict[str, Any]:
    return {"series": [{"tags": {}, "values": list(values)}]}


@pytest.mark.parametrize(
    ("service", "of", "best"),
    [
        ("files", "errors", ["http/errors", "http/p95_ms", "http/requests"]),
        ("files", "latency", ["http/p95_ms", "http/errors", "http/requests"]),
        ("files", "requests", ["http/requests", "http/errors", "http/p95_ms"]),
        ("scraped", "latency", ["http_request_duration_seconds_p95/value", "http_request_duration_seconds_bucket/value", "http_requests_total/value"]),
        ("nobody", "errors", []),
    ],
)  # fmt: skip
def test_what_says_most_about_a_trouble_comes_first(service: str, of: first_metric.About, best: list[str]) -> None:
    found = first_metric.of_service(STORED, HOUR, service, of)
    assert [each.metric for each in found] == best
    assert {each.tag for each in found} <= {(f"service={service}",), (f"job={service}",)}
    assert {(each.start, each.end) for each in found} <= {(HOUR.start, HOUR.end)}


def test_of_everything_the_requests_come_first_a_line_for_each_service() -> None:
    found = metrics({"series": STORED, "truncated": False}, ()).found
    assert [(each.metric, each.by) for each in first_metric.of_all(found, HOUR)] == [("http/requests", ("service",))]
    assert first_metric.of_all((), HOUR) == []


@pytest.mark.parametrize(
    ("metric", "values", "function"),
    [
        ("http/errors", (1, 1, 4), "increase"),
        ("http/requests", (10, 20, 35), "rate"),
        ("http/p95_ms", (20, 40, 30), ""),
        ("pool/size", (8, 8, 8), ""),
        ("http_requests_total/value", (900, 3, 5), "rate"),  # it was started anew
    ],
)
def test_of_a_counter_one_sees_what_it_grew_by(metric: str, values: tuple[float, ...], function: str) -> None:
    assert first_metric.drawn(Search(metric=metric, first=HOUR.first, last=HOUR.last), answer(*values)).function == function  # fmt: skip


@pytest.mark.parametrize(("metric", "by"), [("http/requests", ("service",)), ("http/p95_ms", ())])
def test_what_the_processes_of_a_service_counted_is_one_line(metric: str, by: tuple[str, ...]) -> None:
    values = (1, 5, 9) if by else (9, 5, 7)
    search = Search(metric=metric, first=HOUR.first, last=HOUR.last, tag=("service=files",))
    assert first_metric.drawn(search, answer(*values)).by == by


@pytest.mark.parametrize(
    ("values", "every"),
    [((1, None, 2, None, 1), "1m"), ((1, 2, 1), ""), ((1, None, None, 2, None, None, 1), "2m"), ((1,), "")],
)
def test_a_bucket_is_so_long_that_it_has_a_point(values: tuple[float | None, ...], every: str) -> None:
    assert first_metric.drawn(Search(metric="pool/size", first=HOUR.first, last=HOUR.last), answer(*values)).every == every  # fmt: skip


def test_texts_and_nothing_are_not_drawn() -> None:
    assert [first_metric.has_points(each) for each in (answer(1, None), answer(None), answer("x"), {"series": []})] == [True, False, False, False]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "about"),
    [
        ({"state": "unhealthy"}, "requests"),
        ({"error_rate": 0.5, "requests": 100}, "errors"),
        ({"p95_ms": 4000, "requests": 100}, "latency"),
    ],
)
def test_home_asks_about_what_is_wrong_at_the_time_when_it_began(more: dict[str, Any], about: str) -> None:
    bars = ("ok",) * 35 + ("down",) * 10
    service = ServiceStatus(name="files", **({"state": "healthy", "since": NOW, "history": bars} | more))
    seen = Observation(started=NOW, heard=NOW, status=GatewayStatus(services=(service,)))
    row = look(seen, NOW, Surroundings((), 10)).find("files")
    assert row
    asked = dict(parse_qsl(urlsplit(first_metric.way(row)).query))
    assert (asked["service"], asked["about"]) == ("files", about)
    assert asked["start"] < asked["end"]
