"""What an address of the time series page stands for."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_core import timestamps
from opsbuddy_ui_service.searches.series import BUCKETS, LENGTHS, Search, bucket, metric, names_of, read

NOW = timestamps.parse("2026-01-31T12:00:00Z")


def search(**typed: str) -> Search:
    return read(list(typed.items()), NOW)


def test_a_metric_alone_is_its_mean_over_the_last_hour() -> None:
    asked = search(metric="cpu/usage")
    assert not asked.wrong
    assert asked.question() == {
        "measurement": "cpu",
        "field": "usage",
        "start": "2026-01-31T11:00:00.000Z",
        "end": "2026-01-31T12:00:00.000Z",
        "aggregate": "mean",
        "every": "30s",
    }


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ([("function", "percentile")], {"aggregate": "percentile", "percentile": 95}),
        ([("function", "percentile"), ("percentile", "99.9")], {"aggregate": "percentile", "percentile": 99.9}),
        ([("function", "rate"), ("every", "5m")], {"aggregate": "rate", "every": "5m"}),
        ([("by", "host"), ("by", "region")], {"group_by": ["host", "region"]}),
        ([("together", "true")], {"group_by": []}),
        ([("tag", "host=a=b"), ("tag", "")], {"tags": {"host": "a=b"}}),
        ([("tag", "a\\=b=c=d"), ("tag", "p\\=q")], {"tags": {"a=b": "c=d", "p\\": "q"}}),
        ([("fill", "previous")], {"fill": "previous"}),
        ([("transform", "moving_average")], {"transform": "moving_average", "window": 5}),
        ([("top", "3")], {"top": 3}),
        ([("start", "11:30"), ("end", "11:45")], {"start": "2026-01-31T11:30:00.000Z", "end": "2026-01-31T11:45:00.000Z", "every": "10s"}),
    ],
)  # fmt: skip
def test_every_field_is_in_the_query(typed: list[tuple[str, str]], asked: dict[str, Any]) -> None:
    plain = search(metric="cpu/usage").question()
    found = read([("metric", "cpu/usage"), *typed], NOW)
    assert not found.wrong
    assert found.question() == plain | asked


def test_points_as_they_are_have_no_bucket() -> None:
    asked = search(metric="cpu/usage", function="raw").question()
    assert (asked["limit"], asked.keys() & {"aggregate", "every"}) == (500, set())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metric", "cpu"),
        ("metric", "/usage"),
        ("function", "median"),
        ("fill", "sideways"),
        ("transform", "x"),
        ("percentile", "many"),
        ("percentile", "nan"),
        ("top", "1.5"),
        ("top", "9" * 400),
        ("window", "1e9"),
        ("tag", "host"),
        ("tag", "=a"),
        ("start", "yesterday"),
        ("end", "13:60"),
        ("end", "2h"),
        ("every", "1" * 3000),
    ],
)
def test_what_cannot_be_asked_is_named_at_its_field_and_kept(name: str, text: str) -> None:
    found = read([("metric", "cpu/usage")] * (name != "metric") + [(name, text)], NOW)
    assert set(found.wrong) == {name}
    assert getattr(found, name) in (text, (text,))


def test_what_excludes_itself_is_named() -> None:
    both = read([("metric", "a/b"), ("by", "host"), ("together", "true")], NOW)
    raw = read([("metric", "a/b"), ("function", "raw"), ("every", "1m"), ("by", "host"), ("transform", "derivative")], NOW)  # fmt: skip
    assert (set(both.wrong), set(raw.wrong)) == ({"by"}, {"every", "by", "transform"})


def test_what_the_service_refuses_stands_at_the_field_that_asked_for_it() -> None:
    found = search(metric="a/b").refused({"aggregate": "needs numbers", "tags.host": "is too long", "group_by.0": "x"})
    assert found.wrong == {"function": "needs numbers", "tag": "is too long", "by": "x"}


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_metric_is_one_word_whatever_it_is_called(measurement: str, name: str) -> None:
    assert names_of(metric(measurement, name)) == (measurement, name)


@given(st.integers(1, 10**18))
def test_a_chart_has_room_for_all_buckets_and_they_are_as_short_as_can_be(span: int) -> None:
    chosen = LENGTHS[bucket(span)]
    shorter = [length for length in LENGTHS.values() if length < chosen]
    assert chosen * BUCKETS >= span or chosen == max(LENGTHS.values())
    assert not shorter or max(shorter) * BUCKETS < span


def test_an_address_is_its_search() -> None:
    typed = [("metric", "a/b c"), ("start", "-6h"), ("function", "max"), ("by", "x"), ("by", "y"), ("tag", "a=b")]
    address = read(typed, NOW).address()
    assert sorted(parse_qsl(urlsplit(address).query)) == sorted(typed)
    assert read(typed, NOW).of("c/d") == "/timeseries?metric=c%2Fd&start=-6h&function=max"
