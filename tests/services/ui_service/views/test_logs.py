from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbuddy_core import timestamps
from opsbuddy_ui_service.searches.logs import read
from opsbuddy_ui_service.views import log_statistics as logs_statistics
from opsbuddy_ui_service.views import logs as logs_view
from opsbuddy_ui_service.views.figures import NONE

NOW = timestamps.parse("2026-11-26T02:14:00Z")
COVERAGE = {"note": "All of it.", "complete": True}


def log(message: str = "It works", **members: Any) -> dict[str, Any]:
    return {
        "timestamp": "2026-11-26T02:04:07.118Z",
        "level": "INFO",
        "logger": "test",
        "message": message,
        "service": "file-service",
        "operation": None,
        "data": {},
        "event_id": "1",
    } | members


@pytest.mark.parametrize(
    ("message", "text", "found"),
    [
        ("KeyError: 'A'", "keyerror", [("KeyError", True), (": 'A'", False)]),
        ("aXaxa", "X", [("a", False), ("X", True), ("a", False), ("x", True), ("a", False)]),
        ("İstanbul i", "i", [("İstanbul ", False), ("i", True)]),
        ("", "a", [("", False)]),
        ("abc", "", [("abc", False)]),
    ],
)
def test_what_was_searched_for_is_marked_where_it_stands(
    message: str, text: str, found: list[tuple[str, bool]]
) -> None:
    assert [(piece.text, piece.hit) for piece in logs_view.pieces(message, text)] == found


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=3))
def test_marking_changes_no_message(message: str, text: str) -> None:
    assert "".join(piece.text for piece in logs_view.pieces(message, text)) == message


def test_a_long_message_is_cut_in_the_list_and_whole_when_it_is_opened() -> None:
    line = logs_view.line(log("m" * 4000))
    assert sum(len(piece.text) for piece in line.pieces) + line.cut == 4000
    assert "m" * 4000 in line.whole


@pytest.mark.parametrize(
    ("message", "data", "shown"),
    [
        (
            "Request answered",
            {"method": "GET", "path": "/files", "status": 200, "duration_ms": 3.14},
            "GET /files 200 3.1 ms",
        ),
        ("Request answered", {"method": "GET", "path": "/" + "x" * 4000, "status": 200}, f"GET /{'x' * 199} 200"),
        ("GET /files 200", {"method": "GET", "path": "/files", "status": 200}, ""),
        (
            "Request proxied",
            {"method": "GET", "path": "/api/files", "status": 503, "reason": "breaker_open", "duration_ms": 0.4},
            "GET /api/files 503 breaker_open 0.4 ms",
        ),
        (
            "Request proxied",
            {"method": "GET", "path": "/api/files", "status": 200, "reason": "answered", "duration_ms": 0.4},
            "GET /api/files 200 0.4 ms",
        ),
        ("Stored", ["method", "path", "status"], ""),
        ("Stored", None, ""),
    ],
)
def test_a_log_of_a_request_says_which(message: str, data: Any, shown: str) -> None:
    assert logs_view.line(log(message, data=data)).told == shown


@pytest.mark.parametrize(
    ("message", "data", "shown"),
    [
        (
            "Service changed state",
            {"target": "file-service", "state": "unhealthy", "reason": "takes no connection", "was": None},
            'target=file-service state=unhealthy reason="takes no connection"',
        ),
        ("Order 74011 paid", {"order": 74011, "cents": 1551}, "cents=1551"),
        (
            "Tried again",
            {"again": True, "after": 0.5, "none": "", "more": {"a": 1}, "list": [1]},
            "again=True after=0.5",
        ),
        (
            "Startup failed",
            {"exception": "Traceback (most recent call last):\n  File \"a.py\"\nKeyError: 'OBJECT_STORE_URL'\n"},
            "exception=\"KeyError: 'OBJECT_STORE_URL'\"",
        ),
        ("Ended", {"trace": "java.lang.Error: full\n\tat a.b"}, 'trace="java.lang.Error: full"'),
        ("Stored", {"name": "x" * 200}, f"name={'x' * 74}…"),
    ],
)
def test_a_line_says_what_its_data_add_to_the_message(message: str, data: Any, shown: str) -> None:
    assert logs_view.line(log(message, data=data)).told == shown


def test_data_without_end_make_no_line_without_end() -> None:
    data = {f"{number}" * 200: "y" * 2000 for number in range(500)}
    assert len(logs_view.line(log("m", data=data)).told) == logs_view.LONGEST_TOLD


def test_two_logs_with_the_same_words_are_two() -> None:
    assert logs_view.line(log(event_id="1")).key != logs_view.line(log(event_id="2")).key


def test_a_page_reads_downwards_from_the_newest_and_a_tail_from_the_oldest() -> None:
    answer = {"logs": [log("new"), log("old")], "next_cursor": "c", "coverage": COVERAGE}
    page, tail = (logs_view.lines(answer, read(typed, NOW)) for typed in ({}, {"tail": "1"}))
    assert [line.pieces[0].text for line in page.lines] == ["new", "old"]
    assert [line.pieces[0].text for line in tail.lines] == ["old", "new"]
    assert page.older == read({}, NOW).older("c")


def test_the_log_that_is_looked_for_is_marked_among_its_neighbours() -> None:
    answer = {
        "before": [log(event_id="1")],
        "log": log(event_id="2"),
        "after": [log(event_id="3")],
        "coverage": COVERAGE,
    }
    lines = logs_view.neighbours(answer, read({"event": "2", "around": "2026-11-26T02:04:07Z"}, NOW)).lines
    assert [line.marked for line in lines] == [False, True, False]


def test_facets_count_what_was_found_and_lead_to_it_and_back() -> None:
    answer = {"facets": {"level": [{"value": "INFO", "count": 925}, {"value": "ERROR", "count": 311}]}}
    facets = logs_view.facets(answer, read({"level": "ERROR"}, NOW))
    assert (facets.total, facets.errors) == (1236, 311)
    error, info = facets.groups[0].choices
    assert (error.value, error.chosen, error.address) == ("ERROR", True, "/analytics")
    assert (info.count, info.share, info.address) == ("925", 1.0, "/analytics?level=INFO")


def test_the_histogram_stacks_errors_on_warnings_on_the_rest() -> None:
    levels = {"DEBUG": 1, "INFO": 2, "WARNING": 3, "ERROR": 4, "CRITICAL": 5}
    bucket = {"start": "2026-11-26T02:00:00.000Z", "total": 15, "levels": levels}
    answer = {"start": bucket["start"], "end": "2026-11-26T02:01:00.000Z", "width_seconds": 60.0, "buckets": [bucket]}
    histogram = logs_view.histogram(answer)
    assert (histogram.bars[0].errors, histogram.bars[0].warnings, histogram.bars[0].others) == (9, 3, 3)
    assert histogram.width == "1 min"


@pytest.mark.parametrize(
    ("now", "before", "word", "tone"),
    [
        ((0, 0), (5, 100), "no lines", None),
        ((5, 100), (1, 1000), "rising", "warn"),
        ((1, 20), (0, 1000), "steady", None),  # one error is no trend
        ((0, 100), (50, 1000), "falling", None),
        ((10, 1000), (100, 10_000), "steady", None),
        ((5, 10), (0, 0), "new", "warn"),
        ((0, 10), (0, 0), "new", None),
    ],
)
def test_the_last_hour_is_compared_with_those_before(
    now: tuple[int, int], before: tuple[int, int], word: str, tone: str | None
) -> None:
    assert logs_statistics.compared(*now, *before) == (word, tone)


def test_the_services_with_the_most_errors_of_the_hour_come_first_and_a_silent_one_is_there() -> None:
    def of(service: str, total: int, errors: int) -> dict[str, Any]:
        return {
            "service": service,
            "total": total,
            "errors": errors,
            "error_rate": errors / total,
            "per_minute": total / 60,
        }

    metrics = {"services": [of("a", 100, 0), of("b", 10, 5)], "window_minutes": 60}
    metrics["ingestion"] = {"stored": 1234, "duplicates": 2, "rejected": 0}
    stats = {"services": [of("a", 1000, 0), of("b", 100, 5), of("c", 7, 7)]}
    figures = logs_statistics.figures(metrics, stats)
    assert [(row.name, row.errors, row.share, row.trend) for row in figures.services] == [
        ("b", "5", "50 %", "rising"),
        ("a", "0", "0.0 %", "steady"),
        ("c", "0", NONE, "no lines"),
    ]
    assert figures.stored == "1,234"


def test_an_hour_without_a_line_is_a_gap_in_the_error_rate() -> None:
    hour = {"start": "2026-11-26T02:00:00.000Z", "total": 0, "errors": 0, "error_rate": 0.0}
    stats = {"start": "", "end": "", "total": 0, "errors": 0, "error_rate": 0.0, "by_level": {}, "hourly": [hour] * 24}
    day = logs_statistics.day(stats)
    assert day.hours[0].share is None
    assert day.share == NONE


def test_the_logs_of_a_trouble_are_those_around_its_beginning() -> None:
    address = logs_view.moment_of(datetime(2026, 11, 26, 2, 4, tzinfo=UTC), "file-service")
    assert dict(parse_qsl(urlsplit(address).query)) == {
        "service": "file-service",
        "start": "2026-11-26T01:49:00.000Z",
        "end": "2026-11-26T02:34:00.000Z",
    }
    assert logs_view.moment_of(None, "gateway") == "/analytics?service=gateway"
