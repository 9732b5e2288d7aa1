import html
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from opsbuddy_core import timestamps
from opsbuddy_ui_service.settings import UiSettings
from tests.support.fake_gateway import FakeGateway

JSON = {"content-type": "application/json"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
QUERY = ("POST", "/api/timeseries/query")


@pytest.fixture
def settings(gateway: FakeGateway) -> UiSettings:
    return UiSettings(gateway_url=gateway.url, gateway_timeout=30)  # what is tested here are answers, not waiting


def answer(gateway: FakeGateway, what: tuple[str, str], body: Any, status: int = 200) -> None:
    gateway.answers[what] = (status, JSON, json.dumps(body).encode())


def known(gateway: FakeGateway, *found: dict[str, Any]) -> None:
    answer(gateway, ("GET", "/api/timeseries/series"), {"series": found, "truncated": False})
    names = sorted({each["measurement"] for each in found})
    answer(gateway, ("GET", "/api/timeseries/measurements"), {"measurements": names})


def asked(gateway: FakeGateway) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in gateway.received if (each.method, each.path) == QUERY]


@pytest.fixture
def cpu(gateway: FakeGateway) -> FakeGateway:
    known(gateway, {"measurement": "cpu", "tags": {"host": "a"}, "fields": ["usage"]})
    one = {"tags": {"host": "a"}, "timestamps": ["2026-01-31T11:00:00.000Z"], "values": [0.5]}
    answer(gateway, QUERY, {"series": [one], "truncated": False})
    return gateway


async def test_without_a_metric_there_are_those_that_can_be_chosen_and_a_first_one(
    http: httpx2.AsyncClient, cpu: FakeGateway
) -> None:
    page = (await http.get("/timeseries?start=-6h")).text
    assert 'href="/timeseries?metric=cpu%2Fusage&amp;start=-6h"' in page
    assert '<option value="cpu/usage" selected>cpu · usage</option>' in page
    assert 'id="series"' in page
    assert "No metric is chosen yet" in page
    assert [query["measurement"] for query in asked(cpu)] == ["cpu", "cpu"]


async def test_without_a_metric_and_without_points_there_is_the_list_alone(
    http: httpx2.AsyncClient, cpu: FakeGateway
) -> None:
    answer(cpu, QUERY, {"series": [], "truncated": False})
    page = (await http.get("/timeseries")).text
    assert ('id="series"' in page, 'id="metrics-list"' in page, "No metric is chosen yet" in page) == (False, True, False)  # fmt: skip
    starts = [timestamps.parse(query["start"], timestamps.now()) for query in asked(cpu)]
    assert starts == sorted(starts, reverse=True)
    assert len(set(starts)) == 3, "an hour, a day and a week were looked at"


MOMENT = {"start": "2026-01-31T10:49:00Z", "end": "2026-01-31T11:34:00Z"}


async def test_a_service_and_a_moment_lead_to_a_metric_that_has_points_of_it(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    fields = ["requests", "p95_ms"]
    known(gateway, *({"measurement": "http", "tags": {"service": name}, "fields": fields} for name in ("a", "b")))
    one = {"tags": {"service": "b"}, "timestamps": ["2026-01-31T11:00:00.000Z"], "values": [0.5]}
    answer(gateway, QUERY, {"series": [one], "truncated": False})
    led = await http.get("/timeseries", params={"service": "b", "about": "latency", **MOMENT})
    assert led.status_code == 303
    found = dict(parse_qsl(urlsplit(led.headers["location"]).query))
    assert found == {"metric": "http/p95_ms", "tag": "service=b", **MOMENT}
    [query] = asked(gateway)
    assert query["tags"] == {"service": "b"}


async def test_a_service_of_which_nothing_is_stored_leads_to_what_it_logged_then(
    http: httpx2.AsyncClient, cpu: FakeGateway
) -> None:
    led = await http.get("/timeseries", params={"service": "b", **MOMENT})
    assert led.status_code == 303
    assert urlsplit(led.headers["location"]).path == "/analytics"
    assert dict(parse_qsl(urlsplit(led.headers["location"]).query)) == {
        "service": "b",
        "instead": "metrics",
        **MOMENT,
    }
    assert not asked(cpu)


async def test_a_service_leads_nowhere_else_while_nobody_knows_what_is_stored(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    for what in (("GET", "/api/timeseries/series"), ("GET", "/api/timeseries/measurements"), QUERY):
        answer(gateway, what, {"status": 503, "detail": "timeseries-service has no healthy endpoint."}, 503)
    page = await http.get("/timeseries", params={"service": "b", **MOMENT})
    assert (page.status_code, "timeseries-service does not answer here" in page.text) == (200, True)


async def test_the_first_point_has_its_command(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    known(gateway)
    page = html.unescape((await http.get("/timeseries")).text)
    assert "There are no points yet." in page
    assert '{"points":[{"measurement":"cpu"' in page
    assert "/api/timeseries/write" in page


async def test_the_query_that_is_shown_is_the_one_that_was_asked(http: httpx2.AsyncClient, cpu: FakeGateway) -> None:
    page = html.unescape((await http.get("/timeseries?metric=cpu/usage&function=max&by=host&start=-24h")).text)
    [query] = asked(cpu)
    assert (query["measurement"], query["aggregate"], query["group_by"]) == ("cpu", "max", ["host"])
    shown = page.partition('aria-label="The query as JSON">')[2].partition("</pre>")[0]
    assert json.loads(shown) == query
    assert '<input type="checkbox" name="by" value="host" checked>' in page
    assert '<option value="max" selected>' in page


async def test_what_the_service_refuses_stands_at_its_field(http: httpx2.AsyncClient, cpu: FakeGateway) -> None:
    problem = {"status": 422, "detail": "No.", "errors": [{"field": "every", "reason": "gives 20000 buckets"}]}
    answer(cpu, QUERY, problem, 422)
    page = await http.get("/timeseries?metric=cpu/usage&every=1s&start=-7d")
    assert page.status_code == 200
    assert 'id="every-wrong">gives 20000 buckets</p>' in page.text
    assert 'value="1s"' in page.text
    assert "Nothing was asked: bucket gives 20000 buckets." in page.text
    assert 'id="query"' not in page.text


async def test_what_is_wrong_already_is_not_asked(http: httpx2.AsyncClient, cpu: FakeGateway) -> None:
    page = (await http.get("/timeseries?metric=cpu/usage&percentile=many&function=percentile")).text
    assert 'id="percentile-wrong">is no number</p>' in page
    assert not asked(cpu)


async def test_a_dead_service_takes_down_its_panels_alone(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    for what in (("GET", "/api/timeseries/series"), ("GET", "/api/timeseries/measurements"), QUERY):
        answer(gateway, what, {"status": 503, "detail": "timeseries-service has no healthy endpoint."}, 503)
    for path, panel in (
        ("/timeseries", "/panels/timeseries/metrics"),
        ("/timeseries?metric=cpu%2Fusage", "/panels/timeseries?metric=cpu%2Fusage"),
    ):
        page = await http.get(path)
        assert (page.status_code, "timeseries-service does not answer here" in page.text) == (200, True)
        assert f'hx-get="{panel}"' in page.text
        assert (await http.get(panel)).status_code == 200


async def test_what_others_stored_is_text(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    known(gateway, {"measurement": HOSTILE, "tags": {HOSTILE: HOSTILE}, "fields": [HOSTILE]})
    one = {"tags": {HOSTILE: HOSTILE}, "timestamps": ["2026-01-31T11:00:00.000Z"], "values": [HOSTILE]}
    answer(gateway, QUERY, {"series": [one], "truncated": False})
    for params in ({}, {"metric": f"{HOSTILE.replace('/', '%2F')}/x", "by": HOSTILE, "tag": f"{HOSTILE}={HOSTILE}"}):
        page = (await http.get("/timeseries", params=params)).text
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


async def test_a_range_that_ends_now_is_asked_again_and_an_old_one_is_not(
    http: httpx2.AsyncClient, cpu: FakeGateway
) -> None:
    moving = (await http.get("/panels/timeseries?metric=cpu/usage")).text
    still = (await http.get("/panels/timeseries?metric=cpu/usage&start=2026-01-31T10:00:00Z&end=2026-01-31T12:00:00Z")).text  # fmt: skip
    assert ("every 10s" in moving, "every 10s" in still) == (True, False)
