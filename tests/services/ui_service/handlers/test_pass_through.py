import json
from collections.abc import AsyncIterator
from urllib.parse import unquote

import httpx2
import pytest

from tests.support.fake_gateway import FakeGateway

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "onward"),
    [
        ("GET", "/api/files?limit=5", "/api/files?limit=5"),
        ("POST", "/api/files/upload", "/api/files/upload"),
        ("GET", "/api/files/7f3c", "/api/files/7f3c"),
        ("GET", "/api/files/7f3c/download", "/api/files/7f3c/download"),
        ("DELETE", "/api/files/7f3c", "/api/files/7f3c"),
        ("GET", "/api/configs?category=system", "/api/utils/configs?category=system"),
        ("POST", "/api/configs", "/api/utils/configs"),
        ("GET", "/api/system/info", "/api/utils/system/info"),
        ("POST", "/api/system/execute", "/api/utils/system/execute"),
        ("PATCH", "/api/files/7f3c", "/api/files/7f3c"),
        ("PUT", "/api/utils/configs/a%2Fb?x=1", "/api/utils/configs/a%2Fb?x=1"),
        ("GET", "/api/timeseries/api/v1/labels", "/api/timeseries/api/v1/labels"),
        ("GET", "/api/analytics/metrics", "/api/analytics/metrics"),
        ("GET", "/api/analytics/stats", "/api/analytics/stats"),
    ],
)
async def test_a_request_and_its_answer_pass_through_the_gateway(
    http: httpx2.AsyncClient, gateway: FakeGateway, method: str, path: str, onward: str
) -> None:
    body = b"name=test&category=system&value=true" if method == "POST" else b""
    gateway.answers[method, unquote(onward.partition("?")[0])] = (
        207,
        JSON | {"etag": '"a"', "set-cookie": "x=1"},
        b'{"a": 1}',
    )
    form = {"content-type": "application/x-www-form-urlencoded"} if body else {}
    answer = await http.request(method, path, content=body, headers=form | {"x-request-id": "r-1"})
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (207, {"a": 1}, '"a"')
    assert "set-cookie" not in answer.headers
    [received] = gateway.received
    assert (received.method, received.path, received.body) == (method, onward, body)
    sent = {name.lower(): value for name, value in received.headers.items()}
    assert sent["x-request-id"] == "r-1"
    assert sent["traceparent"].startswith("00-")
    assert not body or sent["content-type"] == form["content-type"]


async def test_problems_pass_as_they_are(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    problem = json.dumps(
        {"type": "urn:opsbuddy:problem:not-found", "status": 404, "detail": "There is no file x."}
    ).encode()
    gateway.answers["GET", "/api/files/x"] = (404, {"content-type": "application/problem+json"}, problem)
    answer = await http.get("/api/files/x")
    assert (answer.status_code, answer.content) == (404, problem)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_gateway_that_is_gone_is_a_problem_that_says_so(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    await gateway.stop()
    answer = await http.get("/api/files")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:opsbuddy:problem:unavailable")
    assert gateway.url in answer.json()["detail"]
    assert answer.headers["retry-after"] == "2"


async def test_an_upload_of_unknown_length_arrives_whole(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(40):
            yield bytes([number]) * 65_536

    gateway.answers["POST", "/api/files/upload"] = (201, JSON, b"{}")
    answer = await http.post(
        "/api/files/upload", content=pieces(), headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 201
    assert gateway.received[0].body == b"".join(bytes([number]) * 65_536 for number in range(40))


@pytest.mark.parametrize(
    "path",
    [
        "/api/files/%2e%2e%2Futils%2Fsystem%2Fexecute",
        "/api/files/x/%2e%2e/%2e%2e/status",
        "/api/utils/%2e%2e/files",
        "/api/utils/%2e%2e%2f%2e%2e%2fstatus",
        "/api/other/x",
        "/api/filesystem/x",
    ],
)
async def test_a_name_cannot_lead_out_of_its_service(http: httpx2.AsyncClient, gateway: FakeGateway, path: str) -> None:
    service = path.split("/")[2]
    await http.get(path)
    for request in gateway.received:
        assert request.path.startswith(f"/api/{service}/")
        assert ".." not in request.path.split("/")


async def test_a_page_of_another_site_runs_no_command(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = await http.post("/api/system/execute", data={"command": "uptime"}, headers=headers)
        assert answer.status_code == 403
    assert not gateway.received


async def test_a_log_of_a_form_becomes_a_log_in_json(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    gateway.answers["POST", "/api/analytics/logs/single"] = (201, JSON, b'{"accepted": 1}')
    log = {
        "timestamp": "2025-10-13T01:19:00Z",
        "level": "INFO",
        "logger": "test",
        "message": "Test & message",
        "service": "t",
    }
    answer = await http.post("/api/analytics/logs", data=log | {"operation": "", "data": '{"n": 1}'})
    assert (answer.status_code, answer.json()) == (201, {"accepted": 1})
    [received] = gateway.received
    assert json.loads(received.body) == log | {"data": {"n": 1}}
    assert received.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("content", "status"), [(b"data=%7B", 422), (b"message=%ff", 400), (b"a=1&" * 30, 400), (b"x" * 600_000, 413)]
)
async def test_a_form_that_cannot_be_read_is_refused_here(
    http: httpx2.AsyncClient, gateway: FakeGateway, content: bytes, status: int
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.post("/api/analytics/logs", content=content, headers=form)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert not gateway.received


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/api/analytics/logs", b"level=INFO&message=first&message=second"),
        ("GET", "/api/analytics/logs?message=first&level=INFO&message=second", b""),
    ],
    ids=["of a form", "of an address"],
)
async def test_a_field_that_is_there_twice_is_named_and_none_of_both_is_dropped(
    http: httpx2.AsyncClient, gateway: FakeGateway, method: str, path: str, sent: bytes
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.request(method, path, content=sent, headers=form)
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["message"])
    assert not gateway.received


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "text/plain"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
    ids=["multipart", "text", "compressed"],
)
async def test_a_log_of_another_type_is_refused_with_those_that_are_taken(
    http: httpx2.AsyncClient, gateway: FakeGateway, headers: dict[str, str]
) -> None:
    answer = await http.post("/api/analytics/logs", content=b"level=INFO", headers=headers)
    assert answer.status_code == 415
    assert "application/x-www-form-urlencoded or as application/json" in answer.json()["detail"]
    assert not gateway.received


async def test_json_that_curl_sends_as_a_form_is_json(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    gateway.answers["POST", "/api/analytics/logs/single"] = (201, JSON, b"{}")
    form = {"content-type": "application/x-www-form-urlencoded"}
    await http.post("/api/analytics/logs", content=b'{"message": "a=b&c"}', headers=form)
    assert json.loads(gateway.received[0].body) == {"message": "a=b&c"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nope/x", 404),
        ("PUT", "/api/services/status", 405),
        ("DELETE", "/api/configs", 405),
        ("GET", "/api/system/execute", 405),
    ],
)
async def test_what_is_not_there_is_not_found_and_what_cannot_be_done_is_no_wrong_field(
    http: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    assert (await http.request(method, path)).status_code == status


async def test_logs_are_found_by_the_parameters_of_the_query(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    gateway.answers["POST", "/api/analytics/logs/query"] = (200, JSON, b'{"logs": []}')
    assert (await http.get("/api/analytics/logs?service=file-service&level=ERROR&limit=10")).json() == {"logs": []}
    assert json.loads(gateway.received[0].body) == {"service": "file-service", "level": "ERROR", "limit": "10"}


@pytest.mark.parametrize("path", ["/api/files", "/api/analytics/logs", "/api/timeseries/api/v1/labels", "/files"])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_who_asks_is_passed_on_whichever_way_it_is_said(
    http: httpx2.AsyncClient, gateway: FakeGateway, path: str, header: str
) -> None:
    await http.get(path, headers={header: "Bearer a.b.c"})
    [received] = gateway.received
    assert {name.lower(): value for name, value in received.headers.items()}.get(header.lower()) == "Bearer a.b.c"
