import gzip
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from opsbuddy_analytics_service.service import intake
from opsbuddy_core.errors import TooLargeError
from tests.services.analytics_service.conftest import Service, entry
from tests.support.cases import cases


async def test_the_described_request_for_a_single_log_works_as_written(embedded: Service) -> None:
    body = '{"timestamp":"2025-10-13T01:19:00Z","level":"INFO","logger":"test","message":"Test log","service":"test-service"}'
    answer = await embedded.http.post("/logs/single", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201
    found = await embedded.page(service="test-service")
    assert [(log["message"], log["timestamp"]) for log in found["logs"]] == [("Test log", "2025-10-13T01:19:00.000Z")]


@pytest.mark.parametrize("shape", ["object", "list", "lines"])
async def test_a_batch_comes_in_three_shapes(embedded: Service, shape: str) -> None:
    logs = [entry("a"), entry("b")]
    bodies: dict[str, tuple[str, str]] = {
        "object": (json.dumps({"logs": logs}), "application/json"),
        "list": (json.dumps(logs), "application/json"),
        "lines": ("\n".join(map(json.dumps, logs)) + "\n\n", "application/x-ndjson; charset=utf-8"),
    }
    body, media = bodies[shape]
    answer = await embedded.http.post("/logs", content=body.encode(), headers={"content-type": media})
    assert (answer.status_code, answer.json()) == (
        200,
        {"accepted": 2, "rejected": 0, "duplicates": 0, "errors": [], "dry_run": False},
    )
    assert sorted(await embedded.find()) == ["a", "b"]


async def test_valid_logs_of_a_batch_are_stored_and_invalid_ones_named(embedded: Service) -> None:
    wrong = [
        entry("x", level="LOUD"),
        {"message": "no more"},
        entry("x", host="a"),
        "no object",
        entry("x") | {"message": 5},
    ]
    answer = await embedded.http.post("/logs", json={"logs": [entry("good"), *wrong, entry("also good")]})
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["rejected"]) == (207, 2, 5)
    assert {each["index"] for each in body["errors"]} == {1, 2, 3, 4, 5}
    assert {each["field"] for each in body["errors"] if each["index"] == 1} == {"level"}
    assert {each["field"] for each in body["errors"] if each["index"] == 2} == {
        "timestamp",
        "level",
        "logger",
        "service",
    }
    assert [each["code"] for each in body["errors"] if each["index"] == 3] == ["unknown_field"]
    assert sorted(await embedded.find()) == ["also good", "good"]


async def test_a_batch_with_nothing_valid_is_a_problem_that_names_each(embedded: Service) -> None:
    answer = await embedded.http.post("/logs", json=[entry("x", level="LOUD"), entry("y", service="")])
    body = answer.json()
    assert (answer.status_code, body["type"]) == (422, "urn:opsbuddy:problem:invalid-request")
    assert [(each["index"], each["field"]) for each in body["errors"]] == [(0, "level"), (1, "service")]


@cases(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"logs": 5}', "application/json", 422),
        (b"5", "application/json", 422),
        (b"<a/>", "application/xml", 415),
        (b'{"logs": [' + b"1," * 50_001 + b"1]}", "application/json", 413),
        (b" " * (16 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
async def test_a_body_that_cannot_be_used_is_a_problem(
    embedded: Service, content: bytes, media: str, status: int
) -> None:
    answer = await embedded.http.post("/logs", content=content, headers={"content-type": media})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("content", "encoding", "status"),
    [
        (gzip.compress(json.dumps([entry("packed")]).encode()), "gzip", 200),
        (gzip.compress(b" " * (16 * 1024 * 1024 + 1)), "gzip", 413),
        (gzip.compress(b"[]", mtime=0)[:-4], "gzip", 400),
        (b"[]", "gzip", 400),
        (b"[]", "br", 415),
    ],
)
async def test_a_body_may_be_gzip_and_no_bomb(embedded: Service, content: bytes, encoding: str, status: int) -> None:
    headers = {"content-type": "application/json", "content-encoding": encoding}
    answer = await embedded.http.post("/logs", content=content, headers=headers)
    assert answer.status_code == status, answer.text


@cases(
    ("field", "value"),
    [
        ("message", "x" * 65_537),
        ("service", "a\nb"),
        ("service", "a\u202eb"),
        ("service", "a\u200fb"),
        ("logger", "a\u2066b"),
        ("operation", "a\u202ab"),
        ("request_id", "a\u2069b"),
        ("service", "x" * 129),
        ("logger", ""),
        ("data", [1]),
        ("data", {"a": "x" * 65_536}),
        ("event_id", "x" * 257),
        ("timestamp", True),
        ("timestamp", None),
        ("timestamp", "1969-12-31T00:00:00Z"),
        ("timestamp", "2026-02-30T00:00:00Z"),
        ("timestamp", "2100-01-01T00:00:00Z"),
    ],
)
async def test_a_field_out_of_its_limits_is_named(embedded: Service, field: str, value: Any) -> None:
    answer = await embedded.http.post("/logs/single", json=entry("x") | {field: value})
    assert answer.status_code == 422, answer.text
    assert {each["field"] for each in answer.json()["errors"]} == {field}


async def test_data_nested_too_deep_is_named(embedded: Service) -> None:
    deep: Any = {}
    for _ in range(20):
        deep = {"a": deep}
    result = await embedded.send(entry("good"), entry("deep", data=deep))
    assert [each["field"] for each in result["errors"]] == ["data"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "data_too_deep"),
        (b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", "data_too_deep"),
        (b'{"a":' + b"9" * 5000 + b"}", "data_invalid"),
    ],
    ids=["objects", "lists", "digits"],
)
@pytest.mark.parametrize("shape", ["batch", "lines"])
async def test_one_value_out_of_all_bounds_takes_no_neighbour_down(
    embedded: Service, shape: str, value: bytes, code: str
) -> None:
    odd = json.dumps(entry("odd", data="@")).encode().replace(b'"@"', value)
    items = [json.dumps(entry("a")).encode(), odd, json.dumps(entry("b")).encode()]
    body, media = (
        (b"[" + b",".join(items) + b"]", "application/json")
        if shape == "batch"
        else (b"\n".join(items), "application/x-ndjson")
    )
    answer = await embedded.http.post("/logs", content=body, headers={"content-type": media})
    assert answer.status_code == 207, answer.text
    assert [(each["index"], each["field"], each["code"]) for each in answer.json()["errors"]] == [(1, "data", code)]
    assert sorted(await embedded.find()) == ["a", "b"]


async def test_blank_lines_and_lines_over_the_number_cost_next_to_nothing() -> None:
    blank, many = b" \r\n" * 1_000_000, b"1\n" * 1_000_000
    begun = time.process_time()
    assert intake.from_lines(blank) == intake.Intake([], [], blank)
    with pytest.raises(TooLargeError):
        intake.from_lines(many)
    assert time.process_time() - begun < 1, "others wait meanwhile"


async def test_one_odd_character_takes_no_neighbour_down(service: Service) -> None:
    """A raw byte that is no UTF-8, half of a surrogate pair, a NUL."""
    texts = ['"ok1"', '"bad \\u00ff"', '"half \\ud83d"', '"cut\\u0000here"', '"ok2"']
    lines = [json.dumps(entry("%")).replace('"%"', text).encode() for text in texts]
    lines[1] = lines[1].replace(b"\\u00ff", b"\xff")
    answer = await service.http.post(
        "/logs", content=b"\n".join(lines), headers={"content-type": "application/x-ndjson"}
    )
    assert answer.json() == {"accepted": 5, "rejected": 0, "duplicates": 0, "errors": [], "dry_run": False}
    body = b'{"logs": [' + b",".join([lines[0], *lines[2:]]) + b"]}"
    answer = await service.http.post("/logs", content=body, headers={"content-type": "application/json"})
    assert answer.json()["accepted"] == 4
    await service.send(entry("after"))
    await service.archived()
    found = await service.find()
    twice = ["cut\ufffdhere", "half \ufffd", "ok1", "ok2"]
    assert sorted(found) == sorted([*twice, *twice, "after", "bad \ufffd"])
    assert await service.find(text="here") == ["cut\ufffdhere"] * 2


D = datetime(2026, 3, 5, 10, tzinfo=UTC)
DAY, EPOCH = D.strftime("%Y-%m-%d"), int(D.timestamp())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (f"{DAY}T15:45:34+05:45", f"{DAY}T10:00:34.000Z"),
        (f"{DAY}T15:45:34+0545", f"{DAY}T10:00:34.000Z"),
        (f"{DAY}T09:30:00-00:30", f"{DAY}T10:00:00.000Z"),
        (f"{DAY}T23:59:60Z", f"{DAY}T23:59:59.999999999Z"),
        (f"{DAY}T10:00:00", f"{DAY}T10:00:00.000Z"),
        (f"{DAY.lower()}t10:00:00z", f"{DAY}T10:00:00.000Z"),
        (f"{DAY} 10:00:00.123456Z", f"{DAY}T10:00:00.123456Z"),
        *[(EPOCH * unit, f"{DAY}T10:00:00.000Z") for unit in (1, 10**3, 10**6, 10**9)],
        *[(str(EPOCH * unit), f"{DAY}T10:00:00.000Z") for unit in (1, 10**3, 10**6, 10**9)],
        (EPOCH + 0.25, f"{DAY}T10:00:00.250Z"),
    ],
)
async def test_an_odd_but_real_timestamp_means_the_same_at_every_door(
    embedded: Service, written: Any, meant: str
) -> None:
    log = entry("x", timestamp=written)
    await embedded.send(log)
    await embedded.http.post("/logs/single", json=log)
    await embedded.http.post("/logs", content=json.dumps(log), headers={"content-type": "application/x-ndjson"})
    assert [each["timestamp"] for each in (await embedded.page())["logs"]] == [meant] * 3
    assert await embedded.find(start=written) == ["x"] * 3
    assert await embedded.find(end=written) == []


async def test_three_equal_logs_of_one_millisecond_stay_three(service: Service) -> None:
    same = entry("again", timestamp="2026-01-01T00:00:00.123Z", level="ERROR")
    await service.send(same, same)
    await service.send(same)
    await service.archived()
    assert await service.find() == ["again"] * 3


async def test_a_latecomer_of_the_same_nanosecond_overwrites_nothing(service: Service) -> None:
    stamp = "2026-01-01T00:00:00.123456789Z"
    await service.send(*[entry(f"first {i}", timestamp=stamp) for i in range(3)])
    await service.archived()
    await service.send(*[entry(f"late {i}", timestamp=stamp) for i in range(3)])
    await service.archived()
    assert sorted(await service.find()) == ["first 0", "first 1", "first 2", "late 0", "late 1", "late 2"]


async def test_a_retry_with_an_event_id_is_the_same_log(service: Service) -> None:
    first = await service.send(entry("once", event_id="e-1"), entry("other", event_id="e-2"))
    await service.archived()
    again = await service.send(entry("once", event_id="e-1"), entry("once", event_id="e-1", service="another"))
    assert (first["duplicates"], again["accepted"], again["duplicates"]) == (0, 2, 1)
    await service.archived()
    assert sorted(await service.find()) == ["once", "other"]
    assert await service.find(service="another") == ["once"]


async def test_the_same_idempotency_key_stores_a_batch_once(embedded: Service) -> None:
    logs = [entry("a"), entry("a")]
    await embedded.send(*logs, **{"idempotency-key": "k1"})
    again = await embedded.send(*logs, **{"idempotency-key": "k1"})
    await embedded.send(*logs, **{"idempotency-key": "k2"})
    assert again["duplicates"] == 2
    assert await embedded.find() == ["a"] * 4


async def test_every_field_comes_back_as_it_was_sent(service: Service) -> None:
    sent = entry(
        'line 1\r\nline 2\rsame "line"\\ \t${x}',
        operation="create",
        data={"file_id": "f", "sizes": [1, 2.5, None], "nested": {"text": "a\r\nb ☃"}},
        request_id="r-1",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        event_id="e, = x",
        logger='a "logger"',
        service="a service, with=signs",
        timestamp="2026-01-01T00:00:00.123456789Z",
    )
    await service.send(sent)
    await service.archived()
    assert (await service.page(service=sent["service"]))["logs"] == [sent]


async def test_the_longest_and_oddest_messages_come_back_as_they_were_sent(service: Service) -> None:
    messages = [
        "x" * 65_536,
        "故" * 65_536,
        '"' * 65_535 + "\r",
        "\x01" * 65_535 + "\r",
        "\\" * 65_536,
        "\n" * 65_536,
        "",
        "\r",
        "a\u2028b\x85c\ufeff",
        "".join(map(chr, range(1, 33))),
    ]
    day = "2026-01-01T00:00:0"
    await service.send(*(entry(message, timestamp=f"{day}{place}Z") for place, message in enumerate(messages)))
    await service.archived()
    assert await service.find(order="asc") == messages
    assert (await service.http.get("/dead-letters")).json()["total"] == 0


async def test_a_batch_of_thousands_of_one_instant_is_stored_in_order(embedded: Service) -> None:
    now = entry("x")["timestamp"]
    begun = time.monotonic()
    await embedded.send(*[entry(f"{i:04d}", timestamp=now) for i in range(3000)])
    assert time.monotonic() - begun < 5
    assert await embedded.find(order="asc", limit=1000) == [f"{i:04d}" for i in range(1000)]


async def test_a_body_that_is_not_utf_8_is_said_to_be_so(embedded: Service) -> None:
    for path in ("/logs", "/logs/single"):
        answer = await embedded.http.post(path, content=json.dumps(entry("x")).encode("utf-16"))
        assert (answer.status_code, "it is not UTF-8" in answer.json()["detail"]) == (400, True), answer.text
        assert "str" not in answer.json()["detail"].split()
