"""Every refusal has a code of the one table, at every door, in every answer and in the metric."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsbuddy_analytics_service.models import LogEntry, NewLog
from opsbuddy_analytics_service.models.reasons import CODES, REASONS
from opsbuddy_analytics_service.service import plain
from opsbuddy_analytics_service.service.intake import judge
from opsbuddy_analytics_service.service.metrics import REJECTED
from opsbuddy_core import documents
from tests.services.analytics_service.conftest import Service, entry

DEEP: Any = {}
for _ in range(20):
    DEEP = {"a": DEEP}
ODD: list[tuple[dict[str, Any], str, str]] = [
    ({"host": "a"}, "host", "unknown_field"),
    ({"message": 5}, "message", "wrong_type"),
    ({"logger": ""}, "logger", "empty"),
    ({"logger": "   "}, "logger", "empty"),
    ({"service": " "}, "service", "empty"),
    ({"service": "\u00a0\u2003"}, "service", "empty"),
    ({"service": "\u200b\ufeff"}, "service", "empty"),
    ({"logger": "\u3164"}, "logger", "empty"),
    ({"operation": "\u2060"}, "operation", "empty"),
    ({"message": "x" * 65_537}, "message", "too_long"),
    ({"service": "a\nb"}, "service", "bad_characters"),
    ({"service": "a\\b"}, "service", "bad_characters"),
    ({"logger": "a\u202eb"}, "logger", "bad_characters"),
    ({"level": "LOUD"}, "level", "level_unknown"),
    ({"timestamp": "yesterday"}, "timestamp", "timestamp_unreadable"),
    ({"timestamp": 5}, "timestamp", "timestamp_too_old"),
    ({"timestamp": "1970-01-01T00:00:00Z"}, "timestamp", "timestamp_too_old"),
    ({"timestamp": "2100-01-01T00:00:00Z"}, "timestamp", "timestamp_ahead"),
    ({"data": [1]}, "data", "data_invalid"),
    ({"data": DEEP}, "data", "data_too_deep"),
    ({"data": {"a": "x" * 65_536}}, "data", "data_too_large"),
]


@pytest.mark.parametrize(("changes", "field", "code"), ODD)
async def test_every_door_gives_the_same_verdict(
    embedded: Service, changes: dict[str, Any], field: str, code: str
) -> None:
    raw = json.dumps(entry("x") | changes).encode()
    good = json.dumps(entry("good")).encode()
    before = REJECTED.labels(code)._value.get()
    answers = [
        await embedded.http.post("/logs/single", content=raw),
        await embedded.http.post("/logs", content=b"[" + raw + b"," + good + b"]"),
        await embedded.http.post("/logs", content=raw + b"\n" + good, headers={"content-type": "application/x-ndjson"}),
    ]
    assert [answer.status_code for answer in answers] == [422, 207, 207]
    found = {(each["field"], each["code"]) for answer in answers for each in answer.json()["errors"]}
    assert found == {(field, code)}
    reasons = {each["reason"] for answer in answers for each in answer.json()["errors"]}
    assert all(each.isprintable() and "pattern" not in each for each in reasons), reasons
    assert REJECTED.labels(code)._value.get() - before == 3
    table = {each["code"] for each in (await embedded.http.get("/errors")).json()}
    assert code in table
    assert await embedded.find() == ["good", "good"]


async def test_a_missing_field_a_line_and_an_item_that_are_none_are_named(embedded: Service) -> None:
    lines = b'{"message": "x"}\nnot json\n5\n' + json.dumps(entry("good")).encode()
    answer = await embedded.http.post("/logs", content=lines, headers={"content-type": "application/x-ndjson"})
    seen = {(each["index"], each["code"]) for each in answer.json()["errors"]}
    assert seen == {(0, "missing"), (1, "not_json"), (2, "not_an_object")}


async def test_a_dry_run_judges_and_stores_nothing(embedded: Service) -> None:
    answer = await embedded.http.post("/logs?dry_run=1", json=[entry("a"), entry("b", level="LOUD")])
    body = answer.json()
    assert (answer.status_code, body["dry_run"], body["accepted"], body["rejected"]) == (207, True, 1, 1)
    assert (await embedded.http.post("/logs/single?dry_run=1", json=entry("a"))).status_code == 200
    assert await embedded.find() == []
    assert (await embedded.http.get("/metrics")).json()["ingestion"]["rejected"] == 0


async def test_a_key_with_another_body_is_refused_and_nothing_of_it_is_stored(embedded: Service) -> None:
    await embedded.send(entry("a"), **{"idempotency-key": "k1"})
    answer = await embedded.http.post("/logs", json=[entry("b")], headers={"idempotency-key": "k1"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "key_reused")
    assert await embedded.find() == ["a"]


async def test_a_byte_order_mark_spoils_nothing(embedded: Service) -> None:
    body = b"\xef\xbb\xbf" + json.dumps([entry("a")]).encode()
    assert (await embedded.http.post("/logs", content=body)).status_code == 200


texts = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.sampled_from(["", " ", "a\x00", "\\", "WARN", "info", "INFO", "x" * 257]),
    st.integers(),
)
stamps = st.one_of(texts, st.just("2026-01-01T00:00:00.5Z"), st.just("2026-01-01t00:00:61Z"), st.just(1_760_000_000))
data = st.one_of(texts, st.just({}), st.just({"a": [1, {"b": float("nan")}]}), st.just(DEEP), st.just({"n": 2**70}))
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": stamps,
        "level": texts,
        "logger": texts,
        "message": texts,
        "service": texts,
        "operation": texts,
        "data": data,
        "request_id": texts,
        "trace_id": texts,
        "event_id": texts,
        "host": texts,
    },
)


@given(ITEM, st.sets(st.sampled_from(["timestamp", "level", "logger", "message", "service"])))
def test_the_quick_way_says_what_the_judge_says(item: dict[str, Any], good: set[str]) -> None:
    item |= {name: value for name, value in entry("m").items() if name in good}
    verdict = judge(item)
    try:
        expected = LogEntry.model_validate(item)
    except ValidationError:
        assert not isinstance(verdict, NewLog)
        assert all(each.code in CODES for each in verdict)
    else:
        assert verdict == NewLog(*(getattr(expected, name) for name in NewLog._fields))


async def test_judging_and_storing_a_batch_takes_no_quadratic_time(embedded: Service) -> None:
    begun = time.monotonic()
    await embedded.send(*[entry(f"{i}") for i in range(5000)])
    assert time.monotonic() - begun < 5


def test_the_documentation_has_the_table() -> None:
    text = (Path(__file__).parents[3] / "docs/services/analytics-service.md").read_text()
    for each in REASONS:
        again = "later" if each.retry else "no"
        assert f"| `{each.code}` | {each.scope} | {each.status} | {again} | {each.meaning} |" in text


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def by_the_judge(item: dict[str, Any]) -> NewLog | None:
    """The judge alone, without any quick way."""
    try:
        entry_ = LogEntry.model_validate(documents.loads(dumped(item)))
    except ValidationError:
        return None
    return NewLog(*(getattr(entry_, name) for name in NewLog._fields))


GOOD = st.builds(
    lambda changes: entry("x", timestamp="2026-01-01T00:00:00.5Z", data={"a": 1}) | changes,
    st.one_of(ITEM, st.just({"operation": " "}), st.just({"event_id": ""}), st.just({"data": {"n": 1e300, "m": -0.0}})),
)


@given(st.lists(st.one_of(GOOD, ITEM), max_size=3), st.sampled_from(["list", "object", "more"]))
def test_the_compiled_way_says_what_the_judge_says(items: list[dict[str, Any]], shape: str) -> None:
    body = {"list": items, "object": {"logs": items}, "more": {"x": [1], "logs": items}}[shape]
    quick = plain.batch(dumped(body))
    verdicts = [by_the_judge(item) for item in items]
    assert quick is None or quick == verdicts
    for item, verdict in zip(items, verdicts, strict=True):
        assert plain.one(dumped(item)) in (None, verdict)


@pytest.mark.parametrize("number", ["1E400", "-0", "1.5e3", "123456789012345678901234567890", "0.1", "1e-7"])
def test_numbers_in_data_are_kept_alike_by_both_ways(number: str) -> None:
    raw = dumped(entry("x", data={"n": "%", "deep": [1]})).replace(b'"%"', number.encode())
    assert plain.one(raw) in (None, judge(documents.loads(raw)))


def test_what_every_sender_sends_goes_the_compiled_way() -> None:
    raw = dumped({"logs": [entry("x", data={"status": 200, "path": "/a"}, request_id="r")]})
    assert plain.batch(raw) is not None
