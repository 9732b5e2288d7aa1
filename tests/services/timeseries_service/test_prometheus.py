import json
import time
from typing import Any

import cramjam
import orjson
import pytest

from opsbuddy_core import timestamps
from opsbuddy_core.errors import DeadlineError, InvalidRequestError, OpsBuddyError, UnavailableError
from opsbuddy_timeseries_service.handlers.prometheus import failure
from tests.services.timeseries_service import remote
from tests.services.timeseries_service.conftest import Service, point
from tests.support.cases import cases

MS = int(time.time() * 1000)
NOW = MS / 1000


async def ask(service: Service, path: str, status: int = 200, **query: Any) -> Any:
    """The answer by GET, which the form has to equal; strict JSON."""
    got = await service.http.get(f"/api/v1/{path}", params=query)
    assert got.status_code == status, got.text
    if not path.startswith("label/"):
        posted = await service.http.post(f"/api/v1/{path}", data=query)
        assert posted.json() == got.json()
    return json.loads(got.content, parse_constant=pytest.fail)


async def values(service: Service, query: str, at: float = NOW) -> dict[tuple[tuple[str, str], ...], str]:
    data = (await ask(service, "query", query=query, time=at))["data"]
    assert data["resultType"] == "vector", data
    return {tuple(sorted(each["metric"].items())): each["value"][1] for each in data["result"]}


async def send(service: Service, *series: tuple[dict[str, str], list[tuple[int, float | bytes]]]) -> None:
    answer = await remote.write(service.http, *series)
    assert answer.status_code == 204, answer.text


async def test_numbers_that_are_not_finite_are_words_in_prometheus_answers_and_null_in_ours(service: Service) -> None:
    samples = [(MS - 3000, 1.0), (MS - 2000, float("nan")), (MS - 1000, float("inf")), (MS - 500, float("-inf"))]
    await send(service, ({"__name__": "odd"}, samples))
    answer = await ask(service, "query_range", query="odd", start=NOW - 3, end=NOW, step="1s")
    assert [value for _, value in answer["data"]["result"][0]["values"]] == ["1", "NaN", "+Inf", "-Inf"]
    assert await values(service, "odd / 0") == {(): "-Inf"}
    assert await values(service, "odd / 0", NOW - 2) == {(): "NaN"}
    matrix = (await ask(service, "query", query="odd[1m]", time=NOW))["data"]
    assert [value for _, value in matrix["result"][0]["values"]] == ["1", "NaN", "+Inf", "-Inf"]
    assert await service.values(measurement="odd", field="value") == [1.0, None, None, None]
    window = {"measurement": "odd", "field": "value", "every": "1h", "group_by": []}
    for aggregate in ("mean", "max", "min", "last"):
        found = await service.values(aggregate=aggregate, fill="none", **window)
        assert found == [1.0], aggregate


async def test_a_series_that_ended_is_gone_at_once_and_comes_back(service: Service) -> None:
    await send(service, ({"__name__": "up"}, [(MS - 30_000, 1.0), (MS - 20_000, remote.STALE), (MS - 5000, 2.0)]))
    assert await values(service, "up", NOW - 25) == {(("__name__", "up"),): "1"}
    assert await values(service, "up", NOW - 10) == {}
    assert await values(service, "up") == {(("__name__", "up"),): "2"}
    assert await values(service, "up", NOW + 400) == {}
    assert await values(service, "count_over_time(up[1m])") == {(): "2"}
    await send(service, ({"__name__": "up", "gone": "yes"}, [(MS - 20_000, remote.STALE)]))
    matrix = (await ask(service, "query", query="up[1m]", time=NOW))["data"]["result"]
    assert [[value for _, value in each["values"]] for each in matrix] == [["1", "2"]]


async def test_clamping_to_bounds_that_have_changed_places_gives_nothing(service: Service) -> None:
    await send(service, ({"__name__": "level"}, [(MS, 5.0)]))
    assert await values(service, "clamp(level, 1, 3)") == {(): "3"}
    assert await values(service, "clamp(level, 3, 1)") == {}


async def test_a_bound_that_is_no_number_leaves_no_number(embedded: Service) -> None:
    await send(embedded, ({"__name__": "level"}, [(MS, 5.0)]))
    for query in ("clamp(level, NaN, 3)", "clamp_min(level, NaN)", "clamp_max(level, NaN)"):
        assert await values(embedded, query) == {(): "NaN"}


async def test_a_comparison_keeps_the_labels_that_prometheus_keeps(embedded: Service) -> None:
    for name, number in (("used", 5.0), ("size", 4.0)):
        await send(embedded, ({"__name__": name, "job": "j", "disk": "d"}, [(MS, number)]))
    disk, job, name = ("disk", "d"), ("job", "j"), ("__name__", "used")
    assert await values(embedded, "used > size") == {(name, disk, job): "5"}
    assert await values(embedded, "used > on(job) size") == {(job,): "5"}
    assert await values(embedded, "used > ignoring(disk) size") == {(name, job): "5"}
    assert await values(embedded, "used > bool on(job) size") == {(job,): "1"}


async def test_series_that_follow_one_another_are_one_where_their_labels_become_the_same(embedded: Service) -> None:
    for pod, ago, number in (("p1", 600, 1.0), ("p2", 60, 2.0)):
        await send(embedded, ({"__name__": "up", "job": "j", "pod": pod}, [(MS - ago * 1000, number)]))
    for query in ("up * on(job) sum by (job) (up)", "up >= on(job) sum by (job) (up)"):
        found = (await ask(embedded, "query_range", query=query, start=NOW - 600, end=NOW, step=300))["data"]["result"]
        assert [each["metric"] for each in found] == [{"job": "j"}]
    await send(embedded, ({"__name__": "up", "job": "j", "pod": "p1"}, [(MS, 1.0)]))
    again = await ask(
        embedded, "query_range", 422, query="up - on(job) group by (job) (up)", start=NOW, end=NOW, step=60
    )
    assert again["errorType"] == "execution"
    assert await values(embedded, "nothing * on(job) up") == {}


async def test_label_values_heed_the_selectors(service: Service) -> None:
    await send(
        service, ({"__name__": "ma", "host": "h1"}, [(MS, 1.0)]), ({"__name__": "mb", "host": "h2"}, [(MS, 2.0)])
    )

    async def hosts(*matches: str) -> Any:
        return (await ask(service, "label/host/values", **{"match[]": list(matches)}))["data"]

    assert await hosts("ma") == ["h1"]
    assert await hosts("ma", "mb") == ["h1", "h2"]
    assert await hosts('{__name__=~"m."}') == ["h1", "h2"]
    assert await hosts("unknown") == []
    assert await hosts() == ["h1", "h2"]
    assert (await ask(service, "label/__name__/values"))["data"] == ["ma", "mb"]
    assert (await ask(service, "labels", **{"match[]": "ma"}))["data"] == ["__name__", "host"]
    series = await ask(service, "series", **{"match[]": ["ma", "mb"], "limit": 1})
    assert series == {"status": "success", "data": [{"__name__": "ma", "host": "h1"}]}
    early = {"match[]": "ma", "start": NOW - 500, "end": timestamps.render((MS - 60_000) * 10**6)}
    assert (await ask(service, "series", **early))["data"] == []
    assert (await ask(service, "query", query="1+1", time=NOW))["data"] == {
        "resultType": "scalar",
        "result": [NOW, "2"],
    }
    assert await values(service, 'ma{host=~"h"}') == {}
    assert await values(service, 'ma{host=~"h.+"}') == {(("__name__", "ma"), ("host", "h1")): "1"}
    assert await values(service, 'ma{host!="h2",pod=""}') == {(("__name__", "ma"), ("host", "h1")): "1"}
    by_text = await ask(service, "query", query="ma", time=timestamps.render(MS * 10**6))
    assert by_text == await ask(service, "query", query="ma", time=NOW)


async def test_names_and_values_of_labels_are_found_among_more_series_than_a_query_may_mean(embedded: Service) -> None:
    lines = "\n".join(f"many,place=p{number},job=j{number % 3} v=1" for number in range(10_001))
    assert (await embedded.lines(lines)).status_code == 200
    assert (await ask(embedded, "label/job/values"))["data"] == ["j0", "j1", "j2"]
    assert (await ask(embedded, "label/__name__/values"))["data"] == ["many_v"]
    assert (await ask(embedded, "labels", **{"match[]": "many_v"}))["data"] == ["__name__", "job", "place"]
    assert (await ask(embedded, "series", 422, **{"match[]": "many_v"}))["errorType"] == "execution"
    assert (await ask(embedded, "query", 422, query="many_v"))["errorType"] == "execution"


async def test_points_of_one_millisecond_are_one_sample_the_last(service: Service) -> None:
    stamps = [(MS - 5000) * 10**6 + more for more in (0, 1, 999_999)] + [(MS - 1000) * 10**6]
    lines = "\n".join(f"fine v={value} {stamp}" for value, stamp in zip((1, 2, 3, 5), stamps, strict=True))
    assert (await service.lines(lines)).status_code == 200
    assert await values(service, "count_over_time(fine_v[1m])") == {(): "2"}
    for function in ("rate", "irate", "deriv", "delta", "stddev_over_time"):
        assert len(await values(service, f"{function}(fine_v[1m])")) == 1
        await ask(service, "query_range", query=f"{function}(fine_v[1m])", start=NOW - 6, end=NOW, step=1)


async def test_a_field_of_line_protocol_is_a_metric(service: Service) -> None:
    await service.lines(f'node_cpu,host=a user_time=1.5,value=2,note="x" {MS}000000')
    assert await values(service, "node_cpu_user_time") == {(("__name__", "node_cpu_user_time"), ("host", "a")): "1.5"}
    assert await values(service, "node_cpu") == {(("__name__", "node_cpu"), ("host", "a")): "2"}
    names = (await ask(service, "label/__name__/values"))["data"]
    assert names == ["node_cpu", "node_cpu_user_time"]


async def counters(service: Service) -> None:
    for name, numbers in (("a", (100, 110, 120, 130)), ("b", (1000, 1010, 5, 15))):
        samples: list[tuple[int, float | bytes]] = [
            (MS - 180_000 + 60_000 * at, float(number)) for at, number in enumerate(numbers)
        ]
        await send(service, ({"__name__": "k_total", "i": name, "job": "j"}, samples))


async def test_functions_and_operators_compute_as_prometheus_does(service: Service) -> None:
    await counters(service)
    a, b = (("i", "a"), ("job", "j")), (("i", "b"), ("job", "j"))
    found = await values(service, "increase(k_total[4m])")
    assert float(found[a]) == pytest.approx(40, rel=0.01)
    assert float(found[b]) == pytest.approx(25 * 4 / 3, rel=0.01)
    assert await values(service, "irate(k_total[4m]) * 60") == {a: "10", b: "10"}
    assert await values(service, "resets(k_total[4m])") == {a: "0", b: "1"}
    assert await values(service, "sum(k_total)") == {(): "145"}
    assert await values(service, "avg by (job) (k_total)") == {(("job", "j"),): "72.5"}
    assert await values(service, "max without (i) (k_total)") == {(("job", "j"),): "130"}
    assert await values(service, "count(k_total > 100)") == {(): "1"}
    assert await values(service, "topk(1, k_total)") == {(("__name__", "k_total"), *a): "130"}
    assert await values(service, "k_total - k_total offset 1m") == {a: "10", b: "10"}
    assert await values(service, "sum(k_total) / on() sum(k_total offset 1m)") == {(): "1.16"}
    assert await values(service, 'k_total{i="a"} or k_total') == {
        (("__name__", "k_total"), *a): "130",
        (("__name__", "k_total"), *b): "15",
    }
    assert await values(service, "-min_over_time(k_total[4m]) + 2 ^ 3 ^ 2") == {a: "412", b: "507"}
    assert await values(service, "quantile_over_time(0.5, k_total[4m])") == {a: "115", b: "507.5"}
    assert await values(service, "k_total == bool 130") == {a: "1", b: "0"}
    assert await values(service, 'absent(nothing{x="y"})') == {(("x", "y"),): "1"}
    answer = await ask(service, "query_range", query="sum(rate(k_total[2m]))", start=NOW - 60, end=NOW, step=30)
    assert [float(value) >= 0 for _, value in answer["data"]["result"][0]["values"]] == [True, True, True]


async def test_quantiles_of_classic_histograms(service: Service) -> None:
    counts = {"0.1": 10.0, "0.5": 18.0, "+Inf": 20.0}
    await send(service, *[({"__name__": "h_bucket", "le": le}, [(MS, number)]) for le, number in counts.items()])
    assert await values(service, "histogram_quantile(0.5, h_bucket)") == {(): "0.1"}
    assert await values(service, "histogram_quantile(0.9, sum by (le) (h_bucket))") == {(): "0.5"}
    assert await values(service, "histogram_quantile(0.99, h_bucket)") == {(): "0.5"}


@cases(
    ("path", "query", "said"),
    [
        ("query", {}, "query"),
        ("query", {"query": "up{"}, "unexpected end"),
        ("query", {"query": "nope(up)"}, "nope"),
        ("query", {"query": "rate(up)"}, "range"),
        ("query", {"query": "up[5m:1m]"}, "subquery"),
        ("query", {"query": "up @ 5"}, "@"),
        ("query", {"query": "a * on(x) group_left() b"}, "group_left"),
        ("query", {"query": '{x=~".*"}'}, "empty text"),
        ("query", {"query": 'up{x=~"("}'}, "RE2"),
        ("query", {"query": "(" * 5000}, "nested deeper"),
        ("query", {"query": "1" + " + 1" * 300}, "operands"),
        ("query", {"query": "1 > 2"}, "bool"),
        ("query", {"query": "up", "time": "yesterday"}, "time"),
        ("query", {"query": "up", "time": "NaN"}, "time"),
        ("query", {"query": "up", "time": "1_000"}, "time"),
        ("query", {"query": "up", "time": "\uff11"}, "time"),
        ("query_range", {"query": "up", "start": 0, "end": 1, "step": "1_0"}, "step"),
        ("query_range", {"query": "up", "start": 2, "end": 1, "step": 1}, "end"),
        ("query_range", {"query": "up", "start": 0, "end": 11_001, "step": 1}, "11000"),
        ("query", {"query": "up", "time": MS}, "out of range"),
        ("query_range", {"query": "up", "start": 0, "end": 1, "step": 0}, "step"),
        ("query_range", {"query": "up[1m]", "start": 0, "end": 1, "step": 1}, "matrix"),
        ("series", {}, "match"),
        ("series", {"match[]": "up + 1"}, "selector"),
        ("labels", {"match[]": "{"}, "unexpected end"),
    ],
)
async def test_what_cannot_be_answered_is_said_in_the_apis_own_form(
    embedded: Service, path: str, query: dict[str, Any], said: str
) -> None:
    answer = await ask(embedded, path, 400, **query)
    assert (answer["status"], answer["errorType"]) == ("error", "bad_data")
    assert said in answer["error"]


async def test_as_many_steps_are_answered_as_prometheus_answers(embedded: Service) -> None:
    await send(embedded, ({"__name__": "up"}, [(MS, 1.0)]))
    found = await ask(embedded, "query_range", query="up", start=NOW - 11_000, end=NOW, step=1)
    assert found["data"]["result"][0]["values"] == [[NOW, "1"]]


@pytest.mark.parametrize("start", ["-62135596800", "-1e300", "0001-01-01T00:00:00Z"])
async def test_a_client_that_names_no_start_is_answered_from_the_beginning(embedded: Service, start: str) -> None:
    await send(embedded, ({"__name__": "up", "job": "it"}, [(MS, 1.0)]))
    query = {"match[]": "up", "start": start, "end": NOW}
    assert (await ask(embedded, "label/job/values", **query))["data"] == ["it"]
    assert (await ask(embedded, "series", **query))["data"] == [{"__name__": "up", "job": "it"}]
    assert (await ask(embedded, "query", query="1 + 1", time=start))["data"]["result"][1] == "2"


async def test_a_data_source_finds_what_it_asks_for_when_it_is_set_up(embedded: Service) -> None:
    build = (await embedded.http.get("/api/v1/status/buildinfo")).json()
    assert (build["status"], build["data"]["version"].count(".")) == ("success", 2)
    for path, data in (("metadata", {}), ("rules", {"groups": []}), ("alerts", {"alerts": []})):
        assert (await embedded.http.get(f"/api/v1/{path}")).json() == {"status": "success", "data": data}


async def test_exemplars_are_none_and_their_query_is_checked(embedded: Service) -> None:
    assert (await ask(embedded, "query_exemplars", query="up", start=0, end=1))["data"] == []
    assert (await ask(embedded, "query_exemplars", 400, query="up{"))["errorType"] == "bad_data"


@cases(
    ("method", "path", "content", "status", "kind"),
    [
        ("GET", "/api/v1/targets", b"", 404, "not_found"),
        ("DELETE", "/api/v1/query", b"", 405, "bad_data"),
        ("POST", "/api/v1/label/job/values", b"", 405, "bad_data"),
        ("POST", "/api/v1/query", b"query=" + b"u" * 17 * 1024 * 1024, 413, "bad_data"),
    ],
)
async def test_failures_below_the_apis_path_have_its_form_whatever_they_are_of(
    embedded: Service, method: str, path: str, content: bytes, status: int, kind: str
) -> None:
    answer = await embedded.http.request(method, path, content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert ("allow" in answer.headers) == (status == 405)
    found = answer.json()
    assert (found.pop("status"), found.pop("errorType")) == ("error", kind)
    assert list(found) == ["error"]
    assert found["error"]


async def test_failures_beside_the_query_api_are_problem_documents(embedded: Service) -> None:
    for method, path, status in (("GET", "/api/v1/write", 405), ("GET", "/api/v1x/query", 404), ("GET", "/nix", 404)):
        answer = await embedded.http.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (DeadlineError("slow"), 503, "timeout"),
        (UnavailableError("away", retry_after=7), 503, "unavailable"),
        (InvalidRequestError("too large"), 422, "execution"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failure_of_the_store_has_its_kind_and_says_when_to_ask_again(
    error: OpsBuddyError, status: int, kind: str
) -> None:
    answer = failure(error, "/api/v1/query", {})
    assert (answer.status_code, orjson.loads(answer.body)["errorType"]) == (status, kind)
    assert answer.headers.get("retry-after") == {"timeout": "1", "unavailable": "7"}.get(kind)


@cases(
    ("content", "headers", "status"),
    [
        (b"\xff\xff\xff\xff\xff", {}, 400),
        (b"", {}, 400),
        (bytes(cramjam.snappy.compress_raw(b"\x0a\xff")), {}, 400),
        (bytes(cramjam.snappy.compress_raw(b"\x0a\x03\x0a\x01\x08")), {}, 400),
        (bytes(cramjam.snappy.compress_raw(b"\0" * (17 * 1024 * 1024))), {}, 413),
        (b"x", {"content-encoding": "gzip"}, 415),
        (b"x", {"content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, 415),
    ],
)
async def test_what_is_no_remote_write_is_a_problem(
    embedded: Service, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await embedded.http.post("/api/v1/write", content=content, headers=remote.HEADERS | headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


async def test_samples_that_cannot_be_kept_are_named_and_the_others_stored(service: Service) -> None:
    answer = await remote.write(
        service.http,
        ({"__name__": "good"}, [(MS, 1.0), (MS * 1000, 2.0)]),
        ({"host": "x"}, [(MS, 3.0)]),
        ({"__name__": "m", "_x": "y"}, [(MS, 3.0)]),
    )
    assert answer.status_code == 422
    assert [(each["index"], each["field"]) for each in answer.json()["errors"]] == [
        (1, "timestamp"),
        (2, "labels"),
        (3, "labels._x"),
    ]
    assert await values(service, "good") == {(("__name__", "good"),): "1"}


async def test_series_of_json_are_there_for_prometheus_too(service: Service) -> None:
    await service.write(point(5, "temperature", fields={"value": 21.5}, timestamp=MS))
    assert await values(service, "temperature") == {(("__name__", "temperature"),): "21.5"}
