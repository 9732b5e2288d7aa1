"""Logs: taken in, validated, found, counted."""

from tests.contract.description.installation import Installation, unique
from tests.support.wait import eventually

OLD = "2025-10-13T01:19:00Z"


def log(service: str, **more: object) -> dict[str, object]:
    return {"timestamp": OLD, "level": "INFO", "logger": "test", "message": "Test log", "service": service} | more


async def a_single_log_is_taken_and_found(at: Installation) -> None:
    service = unique("single")
    sent = await at.on_port["analytics-service"].post("/logs/single", json=log(service))
    assert sent.status_code in {200, 201, 202}, sent.text
    await found(at, {"service": service, "level": "INFO", "limit": 10}, ["Test log"])


async def a_batch_is_taken_and_queried_by_service_and_level(at: Installation) -> None:
    service = unique("batch")
    logs = [log(service, message="one"), log(service, level="ERROR", message="two"), log(service, message="three")]
    sent = await at.gateway.post("/api/analytics/logs", json={"logs": logs})
    assert sent.status_code == 200, sent.text
    await found(at, {"service": service, "level": "ERROR", "limit": 10}, ["two"])
    await found(at, {"service": service, "limit": 10}, ["one", "three", "two"])


async def three_equal_logs_of_one_instant_stay_three(at: Installation) -> None:
    service = unique("equal")
    sent = await at.gateway.post("/api/analytics/logs", json={"logs": [log(service)] * 3})
    assert sent.status_code == 200, sent.text
    await found(at, {"service": service, "limit": 10}, ["Test log"] * 3)


async def found(at: Installation, query: dict[str, object], messages: list[str]) -> None:
    async def there() -> bool:
        answer = await at.gateway.post("/api/analytics/logs/query", json=query)
        assert sorted(entry["message"] for entry in answer.json()["logs"]) == messages
        return True

    await eventually(there, within=20, what=f"{query} finds {messages}")


async def a_log_that_does_not_fit_the_schema_is_refused_by_its_place(at: Installation) -> None:
    service = unique("invalid")
    logs = [log(service, message="good"), log(service, level="LOUD"), log(service, timestamp="yesterday")]
    answer = await at.gateway.post("/api/analytics/logs", json={"logs": logs})
    assert answer.status_code == 207, answer.text
    assert {(error["index"], error["field"]) for error in answer.json()["errors"]} == {(1, "level"), (2, "timestamp")}
    await found(at, {"service": service, "limit": 10}, ["good"])


async def metrics_are_json_and_text_where_prometheus_asks(at: Installation) -> None:
    for client, path in ((at.gateway, "/api/analytics/metrics"), (at.on_port["analytics-service"], "/metrics")):
        assert isinstance((await client.get(path)).json(), dict)
        text = await client.get(path, headers={"accept": "text/plain"})
        assert text.headers["content-type"].startswith("text/plain")
        assert "# TYPE" in text.text


async def statistics_cover_a_day(at: Installation) -> None:
    for client, path in ((at.gateway, "/api/analytics/stats"), (at.on_port["analytics-service"], "/stats")):
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        assert "services" in answer.json()


async def every_service_ships_its_own_logs(at: Installation) -> None:
    async def there() -> bool:
        answer = await at.gateway.post("/api/analytics/logs/query", json={"service": "gateway", "limit": 1})
        return [bool(entry["logger"]) for entry in answer.json()["logs"]] == [True]

    await at.gateway.get("/api/files")
    await eventually(there, within=20, what="a log of the gateway is found")
