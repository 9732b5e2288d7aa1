"""When room is short: what is kept, what is refused, and what comes back from the dead."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from opsbuddy_analytics_service.factory import build
from opsbuddy_analytics_service.models import NewLog, Selection
from opsbuddy_analytics_service.service.intake import judge
from opsbuddy_analytics_service.service.names import ServiceNames
from opsbuddy_analytics_service.service.retention import Retention
from opsbuddy_analytics_service.storage.embedded import MIGRATIONS, PRUNED_AT_ONCE, SqliteJournal
from opsbuddy_core import timestamps
from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.sqlite import SqliteStore
from tests.services.analytics_service.conftest import Service, entry, settings
from tests.support.apps import client
from tests.support.influxdb import Bucket
from tests.support.wait import eventually

DAY = 86_400 * timestamps.SECOND
INFLUXDB: dict[bool, dict[str, str]] = {True: {"influxdb_host": "influxdb"}, False: {}}
ALL = Selection(timestamps.EARLIEST, 2**63 - 1)


def logs(name: str, number: int = 100) -> list[NewLog]:
    found = [judge(entry(f"{name} {n} " + "x" * 1000, trace_id=f"{name}{n}")) for n in range(number)]
    return [log for log in found if isinstance(log, NewLog)]


async def fill(journal: SqliteJournal) -> None:
    for n in range(20):
        await journal.append(logs(f"b{n}"))
        await journal.index()


async def test_the_oldest_logs_go_when_the_journal_is_too_large_and_the_index_with_them(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "logs.sqlite3", MIGRATIONS)
    await store.start()
    journal = SqliteJournal(store, most_bytes=2**20)
    await journal.begin(archived=False)
    with pytest.raises(UnavailableError) as refused:
        await fill(journal)
    assert (refused.value.retry_after, refused.value.extensions["code"]) == (10, "journal_full")
    assert await journal.prune_oversize(archived=True) == 0  # nothing of it is forwarded: all of it stays
    while await journal.prune_oversize(archived=False) == PRUNED_AT_ONCE:
        pass
    await journal.append(logs("last"))
    found = (await journal.page(ALL, 1000)).logs
    texts = (await journal.page(Selection(ALL.start, ALL.end, text="b0 "), 10)).logs
    await store.stop()
    assert {log.message.split()[0] for log in found} >= {"last"}
    assert texts == []


@pytest.mark.influxdb
async def test_dead_letters_are_listed_and_come_to_influxdb_once_its_reason_is_gone(
    bucket: Bucket, tmp_path: Path
) -> None:
    found = bucket.server.call("GET", f"/api/v2/buckets?name={bucket.name}")["buckets"][0]["id"]

    def keep(seconds: int) -> None:
        rule = {"type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": 86_400}
        bucket.server.call("PATCH", f"/api/v2/buckets/{found}", {"retentionRules": [rule]})

    keep(7 * 86_400)
    chosen = settings(tmp_path, **bucket.settings())
    async with client(build(chosen)[0]) as http:
        service = Service(http, chosen)
        await service.send(entry("old", timestamp="2025-10-13T01:19:00Z"), entry("new"))

        async def dead(number: int) -> bool:
            body = (await http.get("/dead-letters")).json()
            assert body["total"] == number, body
            return True

        async def said() -> bool:
            return len(await service.find(service="analytics-service")) == 1

        await eventually(lambda: dead(1), within=20)
        letter = (await http.get("/dead-letters")).json()["dead_letters"][0]
        assert letter["log"]["message"] == "old"
        assert letter["reason"]
        assert (await http.post("/dead-letters/replay", json={"ids": ["x"]})).status_code == 422
        assert (await http.post("/dead-letters/replay", json={"ids": ["7", "9" * 19]})).json() == {"replayed": 0}
        keep(0)
        assert (await http.post("/dead-letters/replay", json={"ids": [letter["id"]]})).json() == {"replayed": 1}
        await eventually(lambda: dead(0), within=20)
        await eventually(said, within=20)
        await service.archived()
        assert await service.find() == ["new", "old"]
        own = await service.find(service="analytics-service")
        assert own == ["InfluxDB refuses logs for good; they stay in the journal"]
        assert bucket.logs() == 2


async def test_names_of_services_end_somewhere_at_every_door(tmp_path: Path) -> None:
    chosen = settings(tmp_path, max_services=2)
    async with client(build(chosen)[0]) as http:
        service = Service(http, chosen)
        await service.send(entry("a", service="one"))
        mixed = [entry("b", service="two"), {"message": 5}, entry("c", service="three"), entry("d", service="one")]
        dry = await http.post("/logs?dry_run=1", json=mixed)
        answer = await http.post("/logs", json=mixed)
        assert [each.status_code for each in (dry, answer)] == [207, 207]
        assert {
            (each["index"], each["field"], each["code"]) for each in answer.json()["errors"] if each["index"] != 1
        } == {(2, "service", "too_many_services")}
        assert (answer.json()["accepted"], answer.json()["rejected"]) == (2, 2)
        for headers in ({}, {"idempotency-key": "k"}):
            single = await http.post("/logs/single", json=entry("e", service="four"), headers=headers)
            assert (single.status_code, single.json()["errors"][0]["code"]) == (422, "too_many_services")
        assert (await http.post("/logs/single", json=entry("f", service="two"))).status_code == 201
        assert set((await http.get("/stats")).json()["by_service"]) == {"one", "two"}
    async with client(build(chosen)[0]) as http:
        assert (await http.post("/logs", json=[entry("g", service="five")])).status_code == 422, "also after a start"


async def test_a_name_whose_logs_are_gone_makes_room(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "logs.sqlite3", MIGRATIONS)
    await store.start()
    journal = SqliteJournal(store)
    await journal.begin(archived=False)
    names = ServiceNames(journal, 1)
    first, second = (judge(entry("x", service=name)) for name in ("first", "second"))
    assert isinstance(first, NewLog)
    assert isinstance(second, NewLog)
    assert names.refused([first, second]) == {"second"}
    await journal.append([first])
    await names.refresh()
    assert names.refused([second]) == {"second"}
    await journal.prune_arrived(timestamps.now() + 1)
    await names.refresh()
    assert names.refused([second]) == frozenset()
    await store.stop()


@pytest.mark.parametrize(("archived", "days"), [(False, 30), (True, 1)])
async def test_logs_go_once_they_are_too_old_and_with_influxdb_only_those_that_it_has(
    tmp_path: Path, *, archived: bool, days: int
) -> None:
    store = SqliteStore(tmp_path / "logs.sqlite3", MIGRATIONS)
    await store.start()
    journal = SqliteJournal(store)
    await journal.begin(archived=archived)
    await journal.append(logs("a", 3))
    chosen = settings(tmp_path, log_retention_days=30, journal_keep_hours=24, **INFLUXDB[archived])

    async def left_after(passed: float) -> int:
        then = timestamps.now() + int(passed * DAY)
        await Retention(journal, chosen, ServiceNames(journal, 10), lambda: then).once()
        return len((await journal.page(ALL, 10)).logs)

    assert await left_after(days - 0.1) == 3
    assert await left_after(days + 0.1) == (3 if archived else 0)
    if archived:
        waiting = await journal.waiting(10)
        await journal.settle(waiting.upto, [log.time for log in waiting.logs], [])
        assert await left_after(days + 0.1) == 0
    await store.stop()


async def test_an_event_id_is_the_same_log_for_some_days_and_then_a_new_one(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "logs.sqlite3", MIGRATIONS)
    await store.start()
    journal = SqliteJournal(store)
    await journal.begin(archived=False)
    chosen = settings(tmp_path, log_retention_days=365, event_id_days=7)

    async def after(passed: float) -> int:
        then = timestamps.now() + int(passed * DAY)
        await Retention(journal, chosen, ServiceNames(journal, 10), lambda: then).once()
        log = judge(entry("again", event_id="e"))
        assert isinstance(log, NewLog)
        await journal.append([log])
        return len((await journal.page(ALL, 10)).logs)

    assert [await after(passed) for passed in (0, 0, 6.9, 7.1)] == [1, 1, 1, 2]
    await store.stop()


async def test_how_near_the_journal_is_to_its_limit_is_in_the_metrics(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "logs.sqlite3", MIGRATIONS)
    await store.start()
    journal = SqliteJournal(store, most_bytes=2**24)
    await journal.begin(archived=True)
    await journal.append(logs("waiting", 7))
    archived = settings(tmp_path, influxdb_host="influxdb")
    await Retention(journal, archived, ServiceNames(journal, 10)).once()
    sizes = await journal.sizes()
    await store.stop()
    shown = [REGISTRY.get_sample_value(f"opsbuddy_analytics_journal_{name}") for name in ("bytes", "limit_bytes")]
    assert shown == [sizes["bytes"], 2**24]
    assert REGISTRY.get_sample_value("opsbuddy_analytics_journal_waiting") == 7
