import time

from opsbuddy_analytics_service.service.own_logs import OwnLogs
from opsbuddy_core import timestamps
from tests.services.analytics_service.conftest import Service, entry


def ago(minutes: float) -> str:
    return timestamps.render(time.time_ns() - int(minutes * 60 * 10**9))


async def test_stats_cover_the_last_day_by_service_level_and_hour(embedded: Service) -> None:
    await embedded.send(
        entry("a", service="one", timestamp=ago(3)),
        entry("b", service="one", level="ERROR", timestamp=ago(65)),
        entry("c", service="two", level="CRITICAL", timestamp=ago(23 * 60)),
        entry("d", service="two", level="ERROR", timestamp=ago(25 * 60)),
        entry("e", service="two", level="WARNING", timestamp=ago(3)),
    )
    body = (await embedded.http.get("/stats")).json()
    assert (body["total"], body["errors"], body["error_rate"]) == (4, 2, 0.5)
    assert body["by_service"] == {"one": 2, "two": 2}
    assert body["by_level"] == {"DEBUG": 0, "INFO": 1, "WARNING": 1, "ERROR": 1, "CRITICAL": 1}
    hours = [(hour["total"], hour["errors"]) for hour in body["hourly"]]
    assert len(hours) == 24
    assert (hours[-1], hours[-2], hours[0] if hours[0][0] else hours[1]) == ((2, 0), (1, 1), (1, 1))


async def test_metrics_are_json_of_the_services_and_prometheus_on_demand(embedded: Service) -> None:
    await embedded.send(entry("a"), entry("b", level="ERROR"), entry("old", timestamp=ago(90)))
    body = (await embedded.http.get("/metrics")).json()
    assert [(each["service"], each["total"], each["errors"], each["error_rate"]) for each in body["services"]] == [
        ("shop", 2, 1, 0.5)
    ]
    assert body["ingestion"] == {"stored": 3, "duplicates": 0, "rejected": 0}
    wider = (await embedded.http.get("/metrics?minutes=120")).json()
    assert wider["total"] == 3
    browsers = await embedded.http.get("/metrics", headers={"accept": "application/json, text/plain, */*"})
    assert browsers.headers["content-type"] == "application/json"
    text = (await embedded.http.get("/metrics", headers={"accept": "text/plain;version=0.0.4"})).text
    assert "opsbuddy_analytics_logs_total" in text


async def test_a_duplicate_is_counted_once(embedded: Service) -> None:
    await embedded.send(entry("a", event_id="1"))
    await embedded.send(entry("a", event_id="1"))
    assert (await embedded.http.get("/stats")).json()["total"] == 1


async def test_the_service_keeps_its_own_records_but_not_those_of_ingestion() -> None:
    class Journal:
        kept: list[str]

        async def append(self, entries):
            self.kept = [each.message for each in entries]
            return []

    journal = Journal()
    own = OwnLogs(journal)
    record = {
        "timestamp": "2026-01-01T00:00:00Z",
        "level": "INFO",
        "logger": "access",
        "message": "m",
        "service": "analytics-service",
    }
    own.offer(record | {"message": "batch", "data": {"path": "/logs", "status": 200}})
    own.offer(record | {"message": "single", "data": {"path": "/logs/single", "status": 201}})
    own.offer(
        record
        | {"message": "query", "operation": None, "data": {"path": "/logs/query", "status": 200, "odd": object()}}
    )
    own.offer(record | {"message": "failed batch", "data": {"path": "/logs", "status": 503}})
    await own._keep()
    assert journal.kept == ["query", "failed batch"]
