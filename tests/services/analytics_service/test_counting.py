"""Histogram, facets, projection and indexes: the same on each store, and whatever way is taken inside."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from opsbuddy_analytics_service.factory import build
from opsbuddy_analytics_service.models import Selection, StoredLog
from opsbuddy_analytics_service.service.forwarder import BATCH
from opsbuddy_analytics_service.storage import searching
from opsbuddy_analytics_service.storage.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_analytics_service.storage.influx import InfluxArchive
from opsbuddy_analytics_service.storage.schema import FIRST
from opsbuddy_core import timestamps
from opsbuddy_core.influx import Influx
from opsbuddy_core.sqlite import SqliteStore
from tests.services.analytics_service.conftest import Service, entry, settings
from tests.support.apps import client
from tests.support.influxdb import Bucket
from tests.support.wait import eventually

DAY = "2026-11-01"


async def histogram(service: Service, **query: object) -> dict:
    answer = await service.http.post("/logs/histogram", json={"service": "shop"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def filled(service: Service) -> Service:
    """Three minutes: 1, 2 and 3 logs, each second one an error."""
    logs = [
        entry(
            f"m{minute} {n}", timestamp=f"{DAY}T10:0{minute}:0{n}Z", level="ERROR" if n % 2 else "INFO", logger=f"l{n}"
        )
        for minute in range(3)
        for n in range(minute + 1)
    ]
    await service.send(*logs, entry("other", service="other", timestamp=f"{DAY}T10:01:00Z"))
    await service.archived()
    return service


@pytest.mark.parametrize("text", [None, "m"])  # counted at ingest, and counted by reading
async def test_a_histogram_counts_by_time_and_level_and_shows_empty_buckets(filled: Service, text: str | None) -> None:
    found = await histogram(filled, start=f"{DAY}T10:00:00Z", end=f"{DAY}T10:04:00Z", buckets=4, text=text)
    assert (found["width_seconds"], found["total"], found["coverage"]["complete"]) == (60, 6, True)
    assert [bucket["total"] for bucket in found["buckets"]] == [1, 2, 3, 0]
    assert [bucket["levels"]["ERROR"] for bucket in found["buckets"]] == [0, 1, 1, 0]
    assert found["buckets"][1]["start"] == f"{DAY}T10:01:00.000Z"


async def test_a_histogram_counts_logs_that_are_older_than_the_counts_that_are_kept(service: Service) -> None:
    old = timestamps.now() - 100 * 24 * 3600 * timestamps.SECOND
    await service.send(entry("old", timestamp=timestamps.render(old)), entry("new"))
    await service.archived()
    store = SqliteStore(service.settings.sqlite_path("logs"), MIGRATIONS)
    await store.start()
    await SqliteJournal(store).forget(0)
    await store.stop()
    found = await histogram(service, start=timestamps.render(old), buckets=200)
    assert (found["total"], found["coverage"]["complete"]) == (2, True)
    assert sum(bucket["total"] for bucket in found["buckets"]) == 2


async def test_a_histogram_of_seconds_and_one_of_everything_are_bounded(filled: Service) -> None:
    fine = await histogram(filled, start=f"{DAY}T10:02:00Z", end=f"{DAY}T10:02:03Z", buckets=10)
    assert (fine["width_seconds"], [bucket["total"] for bucket in fine["buckets"]]) == (1, [1, 1, 1])
    wide = await histogram(filled, start="1980-01-01T00:00:00Z", buckets=10)
    assert (len(wide["buckets"]) <= 10, wide["total"]) == (True, 6)
    empty = await filled.http.post("/logs/histogram", json={"start": f"{DAY}T10:02:00Z", "end": f"{DAY}T10:02:00Z"})
    assert empty.status_code == 422


@pytest.mark.parametrize("buckets", [2, 3, 60, 500])
@pytest.mark.parametrize("start", ["1980-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "2025-06-01T00:00:00Z"])
async def test_a_histogram_of_any_span_has_the_buckets_that_were_asked_for_at_most_and_all_logs(
    embedded: Service, start: str, buckets: int
) -> None:
    await embedded.send(entry("one", timestamp=f"{DAY}T10:00:00Z"))
    found = await histogram(embedded, start=start, buckets=buckets)
    assert (len(found["buckets"]) <= buckets, found["total"]) == (True, 1)


@pytest.mark.parametrize(("minutes", "shift"), [(60, 0), (60, 30), (59, 30), (1, 0), (1440, 0)])
async def test_a_histogram_of_an_aligned_range_has_as_many_buckets_as_were_asked_for_and_any_other_no_more(
    embedded: Service, minutes: int, shift: int
) -> None:
    start = timestamps.instant(f"{DAY}T00:00:00Z") + shift * timestamps.SECOND
    end = start + minutes * 60 * timestamps.SECOND
    found = await histogram(embedded, start=timestamps.render(start), end=timestamps.render(end), buckets=60)
    assert len(found["buckets"]) == {(60, 0): 60, (60, 30): 13, (59, 30): 60, (1, 0): 60, (1440, 0): 48}[minutes, shift]


async def test_a_histogram_of_one_bucket_is_refused_because_a_range_may_lie_across_an_edge(embedded: Service) -> None:
    answer = await embedded.http.post("/logs/histogram", json={"buckets": 1})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "buckets")


async def test_facets_are_the_most_frequent_values(filled: Service) -> None:
    query = {"start": f"{DAY}T00:00:00Z", "end": f"{DAY}T23:00:00Z", "limit": 2}
    found = (await filled.http.post("/logs/facets", json=query)).json()["facets"]
    assert found["service"] == [{"value": "shop", "count": 6}, {"value": "other", "count": 1}]
    assert found["level"] == [{"value": "INFO", "count": 5}, {"value": "ERROR", "count": 2}]
    assert found["logger"] == [{"value": "l0", "count": 3}, {"value": "l1", "count": 2}]
    assert found["operation"] == []
    narrow = (await filled.http.post("/logs/facets", json=query | {"text": "m2", "fields": ["level"]})).json()["facets"]
    assert narrow == {"level": [{"value": "INFO", "count": 2}, {"value": "ERROR", "count": 1}]}


NARROW: list[tuple[dict[str, str], int]] = [
    ({}, 6),
    ({"text": "m2"}, 3),
    ({"logger": "l1"}, 2),
    ({"level": "ERROR"}, 2),
    ({"logger": "l0", "text": "M1"}, 1),
    ({"logger": "l0", "text": "m1", "level": "ERROR"}, 0),
    ({"operation": "none"}, 0),
]


@pytest.mark.parametrize(("narrow", "total"), NARROW)
async def test_every_filter_counts_the_same_on_each_store(filled: Service, narrow: dict[str, str], total: int) -> None:
    span = {"start": f"{DAY}T10:00:00Z", "end": f"{DAY}T10:02:59Z"}
    assert (await histogram(filled, **span, **narrow, buckets=500))["total"] == total
    query = span | {"service": "shop", "fields": ["level", "logger"]} | narrow
    facets = (await filled.http.post("/logs/facets", json=query)).json()["facets"]
    assert [sum(each["count"] for each in facets[field]) for field in ("level", "logger")] == [total, total]


@pytest.mark.influxdb
@pytest.mark.timeout(120)
async def test_influxdb_counts_more_logs_than_an_answer_could_hold(bucket: Bucket) -> None:
    influx = Influx(settings(Path(), **bucket.settings()))
    archive = InfluxArchive(influx)
    begun, number, second = timestamps.parse(f"{DAY}T10:00:00Z"), 54_000, timestamps.SECOND
    empty = StoredLog(0, 0, "INFO", "l", "part", "shop", None, None, None, None, "e")
    logs = [replace(empty, time=begun + n * second // 100, operation=f"o{n % 2}") for n in range(number)]
    await influx.start()
    try:
        for first in range(0, number, BATCH):
            assert await archive.write(logs[first : first + BATCH]) == []
        whole = Selection(begun, begun + 540 * second)
        for selection in (whole, replace(whole, text="PART")):
            tally = await archive.histogram(selection, 60 * second)
            assert sorted(tally) == [(begun // second // 60 + n, "INFO", 6000) for n in range(9)]
        assert await archive.facets(whole, ["operation"], 2) == [
            ("operation", "o0", 27_000),
            ("operation", "o1", 27_000),
        ]
    finally:
        await influx.stop()


async def test_a_query_answers_the_fields_that_it_names(filled: Service) -> None:
    page = await filled.page(fields=["message", "level"], limit=1)
    assert page["logs"] == [{"message": "m2 2", "level": "INFO"}]
    assert (page["count"], isinstance(page["next_cursor"], str)) == (1, True)
    assert (await filled.http.post("/logs/query", json={"fields": ["password"]})).status_code == 422


@pytest.mark.parametrize("indexed", [0, 3, 8])
async def test_text_and_ids_are_found_whatever_is_indexed_by_then(
    tmp_path: Path, indexed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "FEW", -1)
    monkeypatch.setattr("opsbuddy_analytics_service.storage.embedded.INDEXED_AT_ONCE", indexed)
    async with client(build(settings(tmp_path, influxdb_host=None))[0]) as http:
        service = Service(http, settings(tmp_path))
        await service.send(*[entry(f"Order {n} of naïve Café", trace_id=f"t-{n}", request_id="r") for n in range(6)])
        await service.send(entry('"quoted" AND (x', level="ERROR", trace_id="r"))

        async def reached() -> bool:
            return (await http.get("/status")).json()["storage"]["journal"]["unindexed"] == 7 - min(indexed, 7)

        await eventually(reached) if indexed in (0, 8) else None
        assert await service.find(text="order 3") == ["Order 3 of naïve Café"]
        assert len(await service.find(text="of naïve")) == 6
        assert await service.find(text="naive") == []
        assert await service.find(text='ed" AND (x') == ['"quoted" AND (x']
        assert await service.find(text="of naïve café, but this is nowhere in any of the logs") == []
        assert await service.find(trace_id="t-4") == ["Order 4 of naïve Café"]
        assert await service.find(trace_id="r") == ['"quoted" AND (x']
        assert [len(await service.find(request_id="r", limit=4)), await service.find(trace_id="t")] == [4, []]
        assert await service.find(level="ERROR", service=None, text="quo") == ['"quoted" AND (x']


async def test_a_journal_of_the_first_kind_keeps_its_logs_and_what_was_forwarded(tmp_path: Path) -> None:
    path = tmp_path / "logs.sqlite3"
    old = sqlite3.connect(path)
    old.executescript(f"BEGIN; {FIRST}; PRAGMA user_version = 1; COMMIT;")
    rows = [(10**18 + n, 10**18 + n, "INFO", "l", f"m{n}", "shop", f"e{n}", n, int(n < 2)) for n in range(4)]
    statement = "INSERT INTO logs (time, timestamp, level, logger, message, service, event_id, received, state) VALUES"
    old.executemany(f"{statement} (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    old.commit()
    old.close()
    store = SqliteStore(path, MIGRATIONS)
    await store.start()
    journal = SqliteJournal(store)
    await journal.begin(archived=True)
    sizes = await journal.sizes()
    waiting = await journal.waiting(10)
    await store.stop()
    assert (sizes["kept"], [log.message for log in waiting.logs], waiting.upto) == (4, ["m2", "m3"], 4)
