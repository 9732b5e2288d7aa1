import time
from typing import Any

import pytest

from opsbuddy_core import timestamps
from tests.services.timeseries_service.conftest import Service, point
from tests.support.cases import cases

SECOND = 10**9
T = (time.time_ns() // (60 * SECOND) - 10) * 60 * SECOND  # a full minute ten minutes ago


def at(seconds: float) -> str:
    return timestamps.render(T + int(seconds * SECOND))


async def few_samples(service: Service) -> None:
    await service.write(
        point(7, timestamp=at(-600)),
        *[point(number, timestamp=at((number - 1) * 2.9)) for number in range(1, 21)],
        point(5, timestamp=at(60)),
        point(9, timestamp=at(180)),
    )


async def test_empty_buckets_are_null_and_a_count_of_nothing_is_zero(service: Service) -> None:
    await few_samples(service)
    window = {"start": at(0), "end": at(240), "every": "60s"}
    assert await service.values(aggregate="count", **window) == [20, 1, 0, 1]
    assert await service.values(aggregate="mean", **window) == [10.5, 5, None, 9]
    assert await service.values(aggregate="sum", **window) == [210, 5, None, 9]
    assert await service.values(aggregate="min", **window) == [1, 5, None, 9]
    assert await service.values(aggregate="max", **window) == [20, 5, None, 9]
    assert await service.values(aggregate="last", **window) == [20, 5, None, 9]


@cases(
    ("fill", "expected"),
    [
        ("null", [None, 10.5, 5, None, 9]),
        ("previous", [7, 10.5, 5, 5, 9]),
        ("linear", [None, 10.5, 5, 7, 9]),
        ("zero", [0, 10.5, 5, 0, 9]),
        ("none", [10.5, 5, 9]),
    ],
)
async def test_fill_says_what_an_empty_bucket_is(service: Service, fill: str, expected: list[Any]) -> None:
    await few_samples(service)
    assert await service.values(aggregate="mean", every="1m", start=at(-60), end=at(240), fill=fill) == expected


async def test_no_bucket_starts_after_now(service: Service) -> None:
    await service.write(point(1))
    end = timestamps.render(time.time_ns() + 3600 * SECOND)
    series = (await service.answer(start=at(0), end=end, aggregate="count", every=60))["series"]
    stamps = series[0]["timestamps"]
    assert stamps[0] == at(0)
    assert stamps[-1] <= timestamps.render(time.time_ns())
    assert len(stamps) == len(set(stamps))
    assert timestamps.render(time.time_ns() - 60 * SECOND) <= stamps[-1]


@pytest.mark.parametrize("minutes", [1, 2, 3, 4, 5, 6, 13])
async def test_no_sample_on_an_edge_is_lost_or_counted_twice(service: Service, minutes: int) -> None:
    await service.write(*[point(number, timestamp=at(-60 * number)) for number in range(13)])
    counts = await service.values(start=at(-12 * 60), end=at(1), aggregate="count", every=f"{minutes}m")
    sums = await service.values(start=at(-12 * 60), end=at(1), aggregate="sum", every=f"{minutes}m", fill="zero")
    assert (sum(counts), sum(sums)) == (13, 78)


HOUR = time.time_ns() // (3600 * SECOND) * 3600 * SECOND - 3600 * SECOND


def minute(number: int) -> str:
    return timestamps.render(HOUR + number * 60 * SECOND)


@pytest.mark.parametrize("minutes", [1, 2, 3, 4, 5, 6, 13])
async def test_the_growth_of_a_counter_is_the_same_in_buckets_of_any_length(service: Service, minutes: int) -> None:
    await service.write(*[point(number, timestamp=minute(number)) for number in range(13)])
    window = {"start": minute(0), "end": minute(13), "every": f"{minutes}m"}
    grown = await service.values(aggregate="increase", **window)
    assert (sum(grown), min(grown) >= 0) == (12, True)
    rates = await service.values(aggregate="rate", **window)
    assert rates == pytest.approx([value / (60 * minutes) for value in grown])


async def test_a_counter_that_begins_anew_grows_on_and_the_sample_before_the_range_counts(service: Service) -> None:
    for name, numbers in (("a", (100, 110, 120, 130)), ("b", (1000, 1010, 5, 15))):
        await service.write(*[point(n, timestamp=minute(at), tags={"i": name}) for at, n in enumerate(numbers)])
    window = {"end": minute(4), "aggregate": "increase"}
    assert await service.values(start=minute(0), every="1h", group_by=[], **window) == [55]
    assert await service.values(start=minute(0), every="1m", group_by=[], **window) == [0, 20, 15, 20]
    assert await service.values(start=minute(2), every="1m", group_by=[], **window) == [15, 20]
    assert await service.values(start=minute(2), every="1m", group_by=[], lookback="1s", **window) == [0, 20]


async def test_a_series_that_only_the_look_back_knows_is_carried_on(service: Service) -> None:
    await service.write(point(7, timestamp=at(-600)))
    window = {"start": at(0), "end": at(120), "every": "1m", "aggregate": "mean"}
    assert await service.values(fill="previous", **window) == [7, 7]
    assert (await service.answer(fill="previous", lookback="5m", **window))["series"] == []
    assert (await service.answer(fill="null", **window))["series"] == []


async def test_percentiles_lie_between_the_samples_in_proportion(service: Service) -> None:
    await few_samples(service)
    window = {"start": at(0), "end": at(240), "every": "60s", "aggregate": "percentile"}
    assert await service.values(percentile=95, **window) == [pytest.approx(19.05), 5, None, 9]
    assert await service.values(percentile=0, **window) == [1, 5, None, 9]
    assert await service.values(percentile=100, **window) == [20, 5, None, 9]
    assert await service.values(start=at(0), end=at(240), every="60s", aggregate="first") == [1, 5, None, 9]


async def test_changes_averages_and_the_largest_series(service: Service) -> None:
    for host, numbers in (("a", (1, 2, 4)), ("b", (10, 10, 40)), ("c", (5, 5, 5))):
        await service.write(*[point(n, timestamp=at(60 * i), tags={"host": host}) for i, n in enumerate(numbers)])
    window = {"start": at(0), "end": at(180), "every": "1m", "aggregate": "max"}
    one = window | {"tags": {"host": "b"}}
    assert await service.values(transform="derivative", **one) == [None, 0, 0.5]
    assert await service.values(transform="moving_average", window=2, **one) == [10, 10, 25]

    async def hosts(**query: Any) -> list[str]:
        return [each["tags"]["host"] for each in (await service.answer(**window | query))["series"]]

    assert await hosts(top=2) == ["b", "c"]
    assert await hosts(top=1, top_by="min") == ["b"]
    assert await hosts(filters=[{"tag": "host", "operator": "=~", "value": "a|b"}]) == ["a", "b"]
    assert await hosts(filters=[{"tag": "host", "operator": "!~", "value": "a|/"}]) == ["b", "c"]
    assert await hosts(filters=[{"tag": "host", "value": ["a", "c"]}]) == ["a", "c"]
    assert await hosts(filters=[{"tag": "host", "operator": "!=", "value": "a"}]) == ["b", "c"]
    assert await hosts(filters=[{"tag": "zone", "value": ""}]) == ["a", "b", "c"]
    assert await hosts(filters=[{"tag": "zone", "operator": "!=", "value": "x"}]) == ["a", "b", "c"]
    assert await hosts(filters=[{"tag": "zone", "operator": "!=", "value": ""}]) == []
    assert await hosts(filters=[{"tag": "host", "operator": "=~", "value": 'a/|b"[)] or true'}]) == []


async def test_buckets_start_at_whole_multiples_and_hold_the_range_alone(service: Service) -> None:
    await service.write(*[point(1, timestamp=at(seconds)) for seconds in (0, 30, 60, 90)])
    answer = await service.answer(start=at(30), end=at(90), aggregate="count", every="1m")
    assert answer["series"] == [{"tags": {}, "timestamps": [at(0), at(60)], "values": [1.0, 1.0]}]
    assert answer["every"] == "1m"


async def test_series_are_apart_unless_they_are_grouped(service: Service) -> None:
    for host, zone, value in (("a", "x", 1), ("b", "x", 3), ("c", "y", 10)):
        await service.write(point(value, timestamp=at(0), tags={"host": host, "zone": zone}))
    window = {"start": at(0), "end": at(60), "aggregate": "mean", "every": "1m"}

    async def means(**query: Any) -> list[tuple[dict[str, str], float]]:
        return [(each["tags"], each["values"][0]) for each in (await service.answer(**window | query))["series"]]

    assert await means() == [
        ({"host": "a", "zone": "x"}, 1),
        ({"host": "b", "zone": "x"}, 3),
        ({"host": "c", "zone": "y"}, 10),
    ]
    assert await means(group_by=["zone"]) == [({"zone": "x"}, 2), ({"zone": "y"}, 10)]
    assert await means(group_by=[]) == [({}, pytest.approx(14 / 3))]
    assert await means(tags={"zone": "x"}, group_by=[]) == [({}, 2)]
    assert await means(tags={"zone": 'x" or true or r.host == "'}) == []
    raw = (await service.answer(start=at(0), end=at(60), group_by=["zone"]))["series"]
    assert [(each["tags"], each["values"]) for each in raw] == [
        ({"zone": "x"}, [1, 3]),
        ({"zone": "y"}, [10]),
    ]


async def test_more_points_than_the_limit_are_said_to_be_more(service: Service) -> None:
    await service.write(*[point(number, timestamp=at(number)) for number in range(5)])
    assert await service.values(start=at(0)) == [0, 1, 2, 3, 4]
    answer = await service.answer(start=at(0), limit=3)
    assert (answer["series"][0]["values"], answer["truncated"]) == ([0, 1, 2], True)
    assert (await service.answer(start=at(0), limit=5))["truncated"] is False


@pytest.mark.parametrize("group_by", [None, ["b"], []])
async def test_whoever_asks_on_after_the_last_timestamp_gets_every_point_of_every_series(
    service: Service, group_by: list[str] | None
) -> None:
    tags = [{}, {"a": "x"}, {"a": "x", "b": "1"}, {"b": "2"}]
    sent = {(at(number), 10 * place + number) for number in range(6) for place in range(4) if (number + place) % 4}
    await service.write(*[point(value, timestamp=time, tags=tags[value // 10]) for time, value in sent])
    found, start, more = set(), at(0), True
    while more:
        answer = await service.answer(start=start, end=at(60), limit=5, group_by=group_by)
        page = [pair for each in answer["series"] for pair in zip(each["timestamps"], each["values"], strict=True)]
        assert len(page) <= 5
        assert not found & {*page}
        found |= {*page}
        more, start = answer["truncated"], timestamps.render(timestamps.instant(max(page)[0]) + 1)
    assert found == sent


async def test_of_more_series_of_one_time_than_the_limit_some_are_answered(service: Service) -> None:
    await service.write(*[point(1, timestamp=at(0), tags={"host": str(number)}) for number in range(5)])
    answer = await service.answer(start=at(0), limit=3)
    assert (sum(len(each["values"]) for each in answer["series"]), answer["truncated"]) == (3, True)


async def test_what_is_not_there_is_an_empty_answer(service: Service) -> None:
    await service.write(point(1))
    assert (await service.answer(measurement="nothing"))["series"] == []
    assert (await service.answer(field="nothing", aggregate="mean", every="1m"))["series"] == []
    assert (await service.answer(end="2000-01-01T00:00:00Z"))["series"] == []
    assert (await service.http.get("/series?measurement=nothing")).json() == {"series": [], "truncated": False}


async def test_a_sum_beyond_what_json_can_say_is_null(service: Service) -> None:
    await service.write(point(1.7e308, timestamp=at(0)), point(1.7e308, timestamp=at(1)))
    assert await service.values(start=at(0), end=at(60), aggregate="sum", every="1m") == [None]


async def test_short_buckets_need_no_short_look_back_where_nothing_looks_back(service: Service) -> None:
    first, second, end = at(0), at(0.001), at(0.003)
    await service.write(point(1, timestamp=first), point(3, timestamp=second))
    assert await service.values(start=first, end=end, aggregate="mean", every="1ms") == [1, 3, None]


@cases(
    "query",
    [
        {"aggregate": "mean"},
        {"every": "1m"},
        {"aggregate": "median", "every": "1m"},
        {"aggregate": "mean", "every": "1x"},
        {"aggregate": "mean", "every": "0s"},
        {"aggregate": "mean", "every": "1ms"},
        {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
        {"fill": "magic"},
        {"limit": 0},
        {"aggregate": "percentile", "every": "1m"},
        {"aggregate": "percentile", "every": "1m", "percentile": 101},
        {"aggregate": "mean", "every": "1m", "transform": "moving_average"},
        {"top": 3},
        {
            "aggregate": "mean",
            "every": "1ms",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-01T00:00:01Z",
            "fill": "previous",
        },
        {"filters": [{"tag": "a", "operator": "=~", "value": "("}]},
        {"unknown": 1},
        {"measurement": ""},
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(service: Service, query: dict[str, Any]) -> None:
    answer = await service.http.post("/query", json={"measurement": "m", "field": "v"} | query)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:opsbuddy:problem:invalid-request"), answer.text


NAMES = [
    "error",
    "result",
    "table",
    "name",
    "value",
    "a=b",
    "a,b",
    "a b",
    'a"b',
    "${x}",
    "a\\b",
    "故障",
    "r",
    "a/b",
    "=",
]
VALUES = ["error", "a=b", "a==b", "_field x", '"${x}"']


@pytest.mark.parametrize("name", NAMES)
async def test_a_tag_of_any_name_and_value_is_kept_and_narrows_and_groups(service: Service, name: str) -> None:
    await service.write(
        *(point(number, tags={name: value, "other": "x"}) for number, value in enumerate(VALUES)), point(99)
    )
    for number, value in enumerate(VALUES):
        found = (await service.answer(tags={name: value}))["series"]
        assert [(each["tags"], each["values"]) for each in found] == [({name: value, "other": "x"}, [float(number)])]
    others = (await service.answer(filters=[{"tag": name, "operator": "!=", "value": VALUES[1:]}]))["series"]
    assert sorted(each["values"] for each in others) == [[0.0], [99.0]]
    fitting = (await service.answer(filters=[{"tag": name, "operator": "=~", "value": "err.*|a=+b"}]))["series"]
    assert {each["tags"][name] for each in fitting} == {"a=b", "a==b", "error"}
    unlike = (await service.answer(filters=[{"tag": name, "operator": "!~", "value": ".+"}]))["series"]
    assert [each["values"] for each in unlike] == [[99.0]]
    groups = (await service.answer(group_by=[name], aggregate="max", every="1d", fill="none"))["series"]
    assert {each["tags"].get(name, ""): max(each["values"]) for each in groups} == {
        "": 99.0,
        **{value: float(number) for number, value in enumerate(VALUES)},
    }
