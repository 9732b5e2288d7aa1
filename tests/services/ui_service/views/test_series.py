"""What the time series page shows of an answer."""

import json
import shlex
from typing import Any

import pytest

from opsbuddy_core import timestamps
from opsbuddy_ui_service.searches.series import read
from opsbuddy_ui_service.views import series as series_view
from opsbuddy_ui_service.views.figures import NONE

NOW = timestamps.parse("2026-01-31T12:00:00Z")
SEARCH = read([("metric", "cpu/usage")], NOW)


def series(tags: dict[str, str], *values: float | str | None, first: int = 0) -> dict[str, Any]:
    times = [f"2026-01-31T11:00:{first + at:02}.000Z" for at in range(len(values))]
    return {"tags": tags, "timestamps": times, "values": list(values)}


def answer(*found: dict[str, Any], truncated: bool = False) -> dict[str, Any]:
    return {"series": list(found), "truncated": truncated}


def test_each_time_has_a_row_and_what_is_missing_is_blank() -> None:
    shown = series_view.shown(answer(series({"h": "a"}, 1, None, 3), series({"h": "b"}, 7.25, first=2)), SEARCH)
    assert [row.cells for row in shown.rows] == [("1", ""), ("", ""), ("3", "7.25")]
    assert shown.names == ("h=a", "h=b")
    assert (shown.numeric, shown.note, shown.step) == (True, "", 30)


def test_a_series_in_figures_takes_in_what_is_known_alone() -> None:
    [summary] = series_view.shown(answer(series({"h": "a"}, 1, 4, None)), SEARCH).summaries
    assert (summary.newest, summary.least, summary.mean, summary.most, summary.points) == ("4", "1", "2.5", "4", 2)
    assert summary.at is not None
    assert summary.at.second == 1


def test_a_series_without_a_value_has_no_figures() -> None:
    [summary] = series_view.shown(answer(series({}, None)), SEARCH).summaries
    assert (summary.name, summary.newest, summary.at, summary.mean, summary.points) == ("all together", NONE, None, NONE, 0)  # fmt: skip


def test_texts_are_a_table_and_no_chart() -> None:
    shown = series_view.shown(answer(series({"h": "a"}, "up", "down")), SEARCH)
    assert (shown.numeric, [row.cells for row in shown.rows]) == (False, [("up",), ("down",)])
    assert (shown.summaries[0].newest, shown.summaries[0].most) == ("down", NONE)


def test_what_is_not_shown_is_said() -> None:
    many = answer(*(series({"h": str(at)}, at) for at in range(30)), truncated=True)
    shown = series_view.shown(many, SEARCH)
    assert (len(shown.names), len(shown.summaries)) == (10, 30)
    assert "first 10 of 30 series" in shown.note
    assert "more points than these" in shown.note


def test_series_are_told_apart_by_the_tags_in_which_they_differ() -> None:
    assert series_view.named([{"a": "1", "b": "1"}, {"a": "1", "b": "2"}, {"a": "1"}]) == ["b=1", "b=2", "no b"]
    assert series_view.named([{"a": "1", "b": "1"}]) == ["a=1, b=1"]


@pytest.mark.parametrize(
    ("value", "words", "digits"),
    [
        (0.0, "0", "0"),
        (1234567.0, "1,234,567", "1234567"),
        (0.1 + 0.2, "0.3", "0.30000000000000004"),
        (-12345.678, "-12,345.7", "-12345.678"),
        (1e300, "1e+300", "1e+300"),
        (1e-9, "1e-09", "1e-09"),
        (5, "5", "5"),
        (None, NONE, ""),
    ],
)
def test_figures_are_short_and_the_table_has_every_digit(value: float | None, words: str, digits: str) -> None:
    assert (series_view.figure(value), series_view.exact(value)) == (words, digits)


def test_the_query_is_copied_as_it_is_asked_and_the_command_survives_a_shell() -> None:
    search = read([("metric", "it's/$(reboot)"), ("tag", "a='b\"")], NOW)
    assert json.loads(series_view.query(search)) == search.question()
    words = shlex.split(series_view.curl(search, "http://localhost:3000"))
    assert json.loads(words[words.index("-d") + 1]) == search.question()
    assert words[-1] == "http://localhost:3000/api/timeseries/query"


def test_metrics_are_the_fields_with_their_tags() -> None:
    found = [
        {"measurement": "cpu", "tags": {"host": "a"}, "fields": ["idle", "usage"]},
        {"measurement": "cpu", "tags": {"host": "a", "core": "1"}, "fields": ["usage"]},
    ]
    metrics = series_view.metrics({"series": found, "truncated": False}, ["cpu"])
    assert [(each.key, each.series, each.tags) for each in metrics.found] == [
        ("cpu/idle", 1, ("host",)),
        ("cpu/usage", 2, ("core", "host")),
    ]
    assert not metrics.more
    assert series_view.metrics({"series": found, "truncated": True}, ["cpu", "other"]).more
