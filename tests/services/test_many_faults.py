"""A request in which very much is wrong gets a short answer: to name each fault would take the memory and the time of everybody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from opsbuddy_analytics_service.factory import build as analytics
from opsbuddy_analytics_service.service import intake as logs
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_timeseries_service import intake as points
from opsbuddy_timeseries_service.factory import build as timeseries
from opsbuddy_timeseries_service.models.values import MAX_TAGS
from opsbuddy_timeseries_service.settings import TimeseriesSettings
from tests.support.apps import client

SHORT = 20_000  # bytes
MANY = b",".join(b'"k%d":1' % each for each in range(10_000))
LOG = b'"timestamp":"2026-01-31T12:00:00Z","level":"INFO","logger":"t","service":"s","message":"m"'


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    async with (
        client(analytics(AnalyticsSettings(_env_file=None, data_dir=tmp_path, log_level="ERROR"))[0]) as of_logs,
        client(timeseries(TimeseriesSettings(_env_file=None, data_dir=tmp_path, log_level="ERROR"))[0]) as of_points,
    ):
        yield {"analytics": of_logs, "timeseries": of_points}


@pytest.mark.parametrize(
    ("service", "path", "body", "field"),
    [
        ("analytics", "/logs/single", b"{%b,%b}" % (LOG, MANY), "log"),
        ("analytics", "/logs", b"[{%b,%b}]" % (LOG, MANY), "log"),
        ("analytics", "/logs/query", b"{%b}" % MANY, "body"),
        ("analytics", "/logs/context", b"{%b}" % MANY, "body"),
        ("analytics", "/logs/histogram", b"{%b}" % MANY, "body"),
        ("analytics", "/logs/facets", b"{%b}" % MANY, "body"),
        ("analytics", "/dead-letters/replay", b"{%b}" % MANY, "body"),
        ("timeseries", "/query", b'{"measurement":"m","field":"v",%b}' % MANY, "body"),
        ("timeseries", "/query", b'{"measurement":"m","field":"v","tags":{%b}}' % MANY, "tags"),
        ("timeseries", "/query", b'{"measurement":"m","field":"v","filters":[{%b}]}' % MANY, "filters.0"),
        ("timeseries", "/write", b'[{"measurement":"m","fields":{"v":1},"tags":{%b}}]' % MANY, "tags"),
        ("timeseries", "/write", b'[{"measurement":"m","fields":{%b}}]' % MANY.replace(b":1", b":[]"), "fields"),
        ("timeseries", "/write", b'[{"measurement":"m","fields":{"v":1},%b}]' % MANY, "point"),
    ],
    ids=lambda value: value[:40].decode() if isinstance(value, bytes) else value,
)
async def test_an_object_with_thousands_of_members_is_refused_as_one(
    http: dict[str, httpx2.AsyncClient], service: str, path: str, body: bytes, field: str
) -> None:
    answer = await http[service].post(path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert len(answer.content) < SHORT


async def test_of_many_faults_in_one_request_the_first_are_named_and_the_others_counted(
    http: dict[str, httpx2.AsyncClient],
) -> None:
    condition: dict[str, object] = {f"k{each}": 1 for each in range(90)}
    answer = await http["timeseries"].post(
        "/query", json={"measurement": "m", "field": "v", "filters": [condition] * 60}
    )
    document = answer.json()
    assert (answer.status_code, len(document["errors"])) == (422, 100)
    assert document["detail"].startswith("5520 fields cannot be used: filters.0.tag, ")
    assert " and 5420 more. " in document["detail"]


def test_of_many_wrong_items_all_are_counted_and_no_more_reasons_kept_than_are_shown() -> None:
    of_logs = logs.from_json(b"[%b]" % b",".join([b"{}"] * 5000))
    of_lines = logs.from_lines(b"\n".join([b"{}"] * 4000 + [b"no"] * 1000))
    of_points = points.from_json(b"[%b]" % b",".join([b"{}"] * 5000))
    for errors in (of_logs.rejections, of_lines.rejections, of_points.errors):
        assert len({each.index for each in errors}) == 5000
        assert [each.index for each in errors] == sorted(each.index for each in errors)
        assert len(errors) < 7000
    assert {each.field for each in of_logs.rejections[:5]} == {"timestamp", "level", "logger", "message", "service"}


def test_a_line_with_thousands_of_tags_or_fields_is_refused_as_one() -> None:
    many = ",".join(f"k{each}=1" for each in range(10_000))
    of_lines = points.from_lines(f"m,{many} v=1\nm {many}\nm v=1".encode(), "ns")
    reasons = [(each.index, each.field, each.reason) for each in of_lines.errors]
    assert reasons == [(0, "tags", f"has more than {MAX_TAGS} entries"), (1, "fields", "has more than 256 entries")]
    assert of_lines.positions == [2]
