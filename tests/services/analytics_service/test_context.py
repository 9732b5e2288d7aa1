"""The lines around one log: the same on both stores."""

from typing import Any

import pytest

from tests.services.analytics_service.conftest import Service, entry

STAMP = "2026-11-01T10:00:00.123Z"


async def around(service: Service, log: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body = {name: log[name] for name in ("service", "timestamp", "event_id")} | changes
    answer = await service.http.post("/logs/context", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def messages(logs: list[dict[str, Any]]) -> list[str]:
    return [log["message"] for log in logs]


@pytest.fixture
async def filled(service: Service) -> Service:
    """Seven logs of one instant, one before, one after, and another service between them."""
    await service.send(entry("first", timestamp="2026-11-01T09:00:00Z", level="ERROR"))
    await service.send(
        *[entry(f"m{n}", timestamp=STAMP) for n in range(7)], entry("no", service="other", timestamp=STAMP)
    )
    await service.send(entry("last", timestamp="2026-11-02T10:00:00Z"))
    await service.archived()
    return service


async def test_the_lines_around_a_log_are_those_of_its_service_in_order(filled: Service) -> None:
    middle = (await filled.page(text="m3"))["logs"][0]
    near = await around(filled, middle, before=2, after=2)
    assert (messages(near["before"]), near["log"], messages(near["after"])) == (["m1", "m2"], middle, ["m4", "m5"])
    assert (near["more_before"], near["more_after"], near["coverage"]["complete"]) == (True, True, True)
    wide = await around(filled, middle)
    assert messages(wide["before"]) == ["first", "m0", "m1", "m2"]
    assert messages(wide["after"]) == ["m4", "m5", "m6", "last"]
    assert (wide["more_before"], wide["more_after"]) == (False, False)


async def test_asked_again_for_the_outermost_line_it_goes_on_without_a_gap(filled: Service) -> None:
    log = (await filled.page(text="last"))["logs"][0]
    seen = []
    while True:
        near = await around(filled, log, before=2, after=0)
        seen += reversed(messages(near["before"]))
        if not near["more_before"]:
            break
        log = near["before"][0]
    assert seen == ["m6", "m5", "m4", "m3", "m2", "m1", "m0", "first"]


async def test_a_log_that_is_not_there_is_a_problem_that_says_what_to_send(embedded: Service) -> None:
    await embedded.send(entry("x", timestamp=STAMP, event_id="e"))
    for change, status in (
        ({}, 200),
        ({"event_id": "f"}, 404),
        ({"service": "other"}, 404),
        ({"timestamp": "2026-11-01T10:00:02Z"}, 404),
        ({"before": 501}, 422),
        ({"before": -1}, 422),
        ({"service": "a\\b"}, 422),
        ({"level": "INFO"}, 422),
    ):
        body = {"service": "shop", "timestamp": STAMP, "event_id": "e"} | change
        answer = await embedded.http.post("/logs/context", json=body)
        assert answer.status_code == status, (change, answer.text)
