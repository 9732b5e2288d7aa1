"""What clients, the log and the metrics are told when something goes wrong, and that nothing stays behind."""

import asyncio
import http.client
import io
import json
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from tests.services.gateway.conftest import session
from tests.services.gateway.process import Gateway, raw, route, running, table
from tests.services.gateway.upstream import Upstream, refusing
from tests.support.cases import cases
from tests.support.wait import eventually


async def problem(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = await answer.json(content_type=None)
    assert body["status"] == answer.status
    return answer.status, body["reason"]


async def test_an_unknown_path_names_the_prefixes_that_are_known(http: aiohttp.ClientSession):
    async with http.get("/api/nothing") as answer:
        body = await answer.json(content_type=None)
        assert (answer.status, body["prefixes"]) == (404, ["/api/files"])
        assert "/api/files" in body["detail"]


async def test_a_method_that_the_route_does_not_take_is_refused_with_those_it_takes(tmp_path, upstream: Upstream):
    async with (
        running(tmp_path, {"file-service": [upstream.address]}, route(methods=["GET"])) as gateway,
        session(gateway) as http,
    ):
        async with http.post("/api/files", data=b"x") as answer:
            assert await problem(answer) == (405, "method_not_allowed")
            assert answer.headers["allow"] == "GET, HEAD"
        async with http.head("/api/files") as answer:
            assert answer.status == 200


@cases(
    "head",
    [
        b"Host: a\r\nHost: b\r\n",
        b"Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Host: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
        b"Host: a\r\nContent-Length: x\r\n",
        b"Host: a\r\nContent-Length: -1\r\n",
        b"Host: a\r\nTransfer-Encoding: chunked, gzip\r\n",
        b"Host: a\r\nX: a\x00b\r\n",
        b"Host: a\r\n folded: x\r\n",
        b"",
        b"Host: a\r\n" + b"".join(b"x-%d: 1\r\n" % n for n in range(200)),
        b"Host: a\r\nx: " + b"y" * 70_000 + b"\r\n",
        b"Host: a\r\nx: " + b"y" * 700_000 + b"\r\n",
    ],
)
async def test_a_request_that_two_parties_could_read_differently_gets_a_problem(
    gateway: Gateway, upstream: Upstream, head: bytes
):
    answer = await raw(gateway.port, b"POST /api/files/x HTTP/1.1\r\nConnection: close\r\n" + head + b"\r\n")
    if answer:  # an endless header may be answered with a reset while it is still being sent
        assert answer[9:12] in (b"400", b"431"), answer
        assert b"application/problem+json" in answer
    assert not upstream.requests


async def test_a_service_without_endpoints_is_503_no_endpoint_and_does_not_open_the_circuit(tmp_path):
    async with running(tmp_path, {}, route()) as gateway, session(gateway) as http:
        for _ in range(8):
            async with http.get("/api/files") as answer:
                assert await problem(answer) == (503, "no_endpoint")
                assert answer.headers["retry-after"] == "1"
        assert (await gateway.service())["breaker"] == "closed"


@cases(
    ("name", "method", "expected"),
    [
        ("die", "POST", (502, "reset")),
        ("die", "GET", (502, "reset")),
        ("headonly", "POST", (502, "reset")),
        ("headonly", "GET", (502, "reset")),
        ("nonsense", "POST", (502, "bad_answer")),
    ],
)
async def test_a_service_that_breaks_off_is_502(
    http: aiohttp.ClientSession, name: str, method: str, expected: tuple[int, str]
):
    async with http.request(method, f"/api/files/{name}") as answer:
        assert await problem(answer) == expected


async def test_a_service_that_takes_no_connection_is_503_and_the_same_word_is_everywhere(tmp_path, capfd):
    async with Upstream.running() as gone:
        address = gone.address
    async with running(tmp_path, {"file-service": [address]}, route()) as gateway, session(gateway) as http:
        async with http.get("/api/files/x") as answer:
            assert await problem(answer) == (503, "connect_failed")
        metrics = await (await http.get("/metrics")).text()
    assert 'reason="connect_failed",route="/api/files",service="file-service",status="5xx"' in metrics
    assert '"reason":"connect_failed"' in capfd.readouterr().out


async def test_a_service_that_does_not_begin_to_answer_in_time_is_504(tmp_path, upstream: Upstream):
    async with (
        running(tmp_path, {"file-service": [upstream.address]}, route(timeoutSeconds=0.3)) as gateway,
        session(gateway) as http,
    ):
        begun = time.monotonic()
        async with http.get("/api/files/slow") as answer:
            assert await problem(answer) == (504, "timeout")
        assert time.monotonic() - begun < 1.5
        await asyncio.wait_for(upstream.gone.wait(), 2)


async def test_a_client_that_pauses_in_its_body_is_408_and_the_service_is_not_blamed(tmp_path, upstream: Upstream):
    async with running(
        tmp_path, {"file-service": [upstream.address]}, route(timeoutSeconds=5), body_idle_seconds=0.3
    ) as gateway:
        answer = await raw(
            gateway.port,
            b"POST /api/files/count HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc",
        )
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"reason":"client_slow"' in answer
        assert (await gateway.service())["requests"] == 0


@pytest.mark.parametrize(("rate", "status"), [(1000, 408), (0, 200), (10, 200)])
async def test_a_body_that_drips_is_408_unless_that_rate_is_enough(
    tmp_path, upstream: Upstream, rate: int, status: int
):
    async def drops():
        for _ in range(12):
            yield b"0123456789"
            await asyncio.sleep(0.05)  # the client is slow; that is the point

    async with (
        running(
            tmp_path, {"file-service": [upstream.address]}, route(), body_idle_seconds=0.2, body_least_rate=rate
        ) as gateway,
        session(gateway) as http,
        http.post("/api/files/count", data=drops()) as answer,
    ):
        assert answer.status == status
        if status == 408:
            assert await problem(answer) == (408, "client_slow")
            assert (await gateway.service())["requests"] == 0


async def test_a_service_that_takes_a_body_slowly_is_not_the_clients_slowness(tmp_path, upstream: Upstream):
    """While the service takes nothing, the client cannot send."""
    async with (
        running(
            tmp_path,
            {"file-service": [upstream.address]},
            route(),
            body_idle_seconds=0.2,
            body_least_rate=1_000_000,
        ) as gateway,
        session(gateway) as http,
    ):
        asyncio.get_running_loop().call_later(1, upstream.release.set)
        async with http.post("/api/files/late", data=io.BytesIO(bytes(20 << 20))) as answer:
            assert (answer.status, await answer.text()) == (200, str(20 << 20))


async def test_an_upload_that_takes_longer_than_the_deadline_for_the_answer_is_not_cut(tmp_path, upstream: Upstream):
    async def parts():
        for _ in range(8):
            yield b"x"
            await asyncio.sleep(0.1)  # the client is slow; that is the point

    async with (
        running(tmp_path, {"file-service": [upstream.address]}, route(timeoutSeconds=0.3)) as gateway,
        session(gateway) as http,
        http.post("/api/files/count", data=parts()) as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "8")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_that_leaves_ends_the_work_of_the_service_within_a_second(
    gateway: Gateway, upstream: Upstream, method: str
):
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"{method} /api/files/slow HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc".encode())
    await asyncio.wait_for(upstream.arrived.wait(), 5)
    writer.transport.abort()
    await asyncio.wait_for(upstream.gone.wait(), 1)


async def test_a_client_that_leaves_in_the_middle_of_events_ends_them(gateway: Gateway, upstream: Upstream):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET /api/files/events HTTP/1.1\r\nHost: t\r\n\r\n")
    await reader.readuntil(b"data: 1")
    writer.transport.abort()
    await asyncio.wait_for(upstream.gone.wait(), 1)


async def test_a_client_that_leaves_in_the_middle_of_its_body_ends_the_upload(gateway: Gateway, upstream: Upstream):
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /api/files/count HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nabc")
    await asyncio.wait_for(upstream.arrived.wait(), 5)
    writer.transport.abort()
    await asyncio.wait_for(upstream.gone.wait(), 1)
    assert upstream.requests[-1].body == 3


@pytest.mark.parametrize("path", ["/api/files/early413", "/api/files/early413_closed"])
async def test_an_early_refusal_is_passed_on_ten_times_of_ten(gateway: Gateway, upstream: Upstream, path: str):
    for _ in range(10):
        status, body = await asyncio.to_thread(_send_all_then_read, gateway.port, path, 30 << 20)
        assert (status, body) == (413, b'{"status":413}')
    assert (await gateway.service())["breaker"] == "closed"


def _send_all_then_read(port: int, path: str, size: int) -> tuple[int, bytes]:
    """A client that reads nothing before it has written everything."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, bytes(size))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@cases(
    "path, size, status, reason",
    [
        ("/api/files/%2e%2e/x", 20 << 20, 400, "bad_request"),
        ("/api/nothing", 20 << 20, 413, "body_too_large"),
        ("/api/nothing", 60_000, 404, "no_route"),
    ],
)
async def test_a_refusal_reaches_a_client_that_writes_all_before_it_reads(
    gateway: Gateway, path: str, size: int, status: int, reason: str
):
    for _ in range(5):
        got, body = await asyncio.to_thread(_send_all_then_read, gateway.port, path, size)
        assert (got, json.loads(body)["reason"]) == (status, reason)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_413_for_a_client_that_writes_all_before_it_reads(
    tmp_path, upstream: Upstream, chunked: bool
):
    async with (
        running(tmp_path, {"file-service": [upstream.address]}, route(maxBodyBytes=1 << 20)) as gateway,
        session(gateway) as http,
    ):
        for _ in range(5):
            if chunked:

                async def parts():
                    for _ in range(40):
                        yield bytes(1 << 17)

                async with http.post("/api/files/count", data=parts()) as answer:
                    assert await problem(answer) == (413, "body_too_large")
            else:
                status, body = await asyncio.to_thread(_send_all_then_read, gateway.port, "/api/files/count", 5 << 20)
                assert status == 413
                assert b"body_too_large" in body
        assert (await gateway.service())["breaker"] == "closed"


@pytest.mark.process
async def test_after_thousands_of_aborted_requests_the_pool_is_as_before(gateway: Gateway, upstream: Upstream):
    async def abort(number: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /api/files/slow HTTP/1.1\r\nHost: t\r\n\r\n")
        await writer.drain()
        if number % 2:
            await asyncio.sleep(0)
        writer.transport.abort()

    for _ in range(10):
        await asyncio.gather(*(abort(number) for number in range(50)))

    async def nothing_in_flight() -> bool:
        async with session(gateway) as http:
            text = await (await http.get("/metrics")).text()
        return 'opsbuddy_gateway_requests_in_flight{service="file-service"} 0.0' in text

    await eventually(nothing_in_flight, within=10)
    async with session(gateway) as http, http.get("/api/files/x") as answer:
        assert answer.status == 200


async def test_before_the_first_table_the_gateway_is_not_ready(tmp_path: Path, upstream: Upstream):
    async with running(tmp_path, {}, route()) as gateway:
        assert (await gateway.status())["routes"]["count"] == 1
        assert table()


# --- Retries ---------------------------------------------------------------------------------------------------------


async def test_a_dead_endpoint_is_no_failure_that_a_client_sees(tmp_path, upstream: Upstream):
    with refusing() as address:
        async with (
            running(tmp_path, {"file-service": [address, upstream.address]}, route()) as gateway,
            session(gateway) as http,
        ):
            for number in range(60):
                async with http.request("POST" if number % 2 else "GET", "/api/files/count", data=b"abc") as answer:
                    assert answer.status == 200
            states = {entry["address"]: entry["state"] for entry in (await gateway.service())["endpoints"]}
            assert states[address] == "set_aside"


async def test_a_frozen_process_gets_no_requests_once_its_health_check_failed(tmp_path, upstream: Upstream):
    """It takes connections and says nothing: each request would wait until its route's time is up."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        addresses = [upstream.address, f"127.0.0.1:{frozen.getsockname()[1]}"]
        async with running(
            tmp_path, {"file-service": addresses}, route(), check_seconds=0.1, check_timeout_seconds=0.3
        ) as gateway:

            async def known() -> bool:
                return "unhealthy" in {each["state"] for each in (await gateway.service())["endpoints"]}

            await eventually(known, within=30, what="the frozen one is known")
            async with session(gateway) as http, asyncio.timeout(20):  # the route allows 30 s
                for _ in range(10):
                    async with http.get("/api/files/a") as answer:
                        assert answer.status == 200


async def test_what_a_service_may_have_seen_is_repeated_only_when_that_does_no_harm(tmp_path, upstream: Upstream):
    async with Upstream.running() as other:
        addresses = [upstream.address, other.address]
        async with running(tmp_path, {"file-service": addresses}, route()) as gateway, session(gateway) as http:
            async with http.post("/api/files/die", data=b"x"):
                pass
            assert len(upstream.requests) + len(other.requests) == 1
            async with http.get("/api/files/die"):
                pass
            assert {bool(len(service.requests)) for service in (upstream, other)} == {True}


async def test_a_process_that_dies_between_head_and_body_is_no_failure_where_another_can_answer(
    tmp_path, upstream: Upstream
):
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(die, "127.0.0.1", 0) as dying:
        addresses = ["127.0.0.1:{1}".format(*dying.sockets[0].getsockname()), upstream.address]
        async with running(tmp_path, {"file-service": addresses}, route()) as gateway, session(gateway) as http:
            for _ in range(12):
                async with http.get("/api/files/count") as answer:
                    assert (answer.status, await answer.text()) == (200, "0")
            states = {entry["address"]: entry["state"] for entry in (await gateway.service())["endpoints"]}
            assert states[addresses[0]] == "set_aside"


@cases(
    "method, size, chunked, seen",
    [
        ("PUT", 3, False, {200}),
        ("PUT", 60_000, True, {200}),
        ("DELETE", 60_000, False, {200}),
        ("PUT", 200_000, False, {200, 502}),
        ("POST", 3, False, {200, 502}),
    ],
)
async def test_a_process_that_dies_in_the_middle_of_a_small_upload_is_no_failure_where_it_can_be_repeated(
    tmp_path, upstream: Upstream, method: str, size: int, chunked: bool, seen: set[int]
):
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(min(size, 50_000))
        writer.transport.abort()

    async def parts():
        for begin in range(0, size, 1000):
            yield bytes(min(1000, size - begin))

    async with await asyncio.start_server(die, "127.0.0.1", 0) as dying:
        addresses = ["127.0.0.1:{1}".format(*dying.sockets[0].getsockname()), upstream.address]
        async with running(tmp_path, {"file-service": addresses}, route()) as gateway, session(gateway) as http:
            answered = set()
            for _ in range(4):
                body = parts() if chunked else bytes(size)
                async with http.request(method, "/api/files/count", data=body) as answer:
                    answered.add(answer.status)
                    assert answer.status != 200 or await answer.text() == str(size)
    assert answered == seen


# --- Circuit breaker -------------------------------------------------------------------------------------------------


def breaking(**policy: float) -> dict[str, object]:
    return route(circuitBreaker={"failures": 5, "openSeconds": 0.6, **policy}, retries=0)


async def statuses(http: aiohttp.ClientSession, path: str, times: int) -> list[int]:
    found = []
    for _ in range(times):
        async with http.get(path) as answer:
            found.append(answer.status)
    return found


async def test_five_failures_open_the_circuit_and_it_closes_by_itself(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, breaking()) as gateway, session(gateway) as http:
        assert await statuses(http, "/api/files/503", 5) == [503] * 5
        seen = len(upstream.requests)
        async with http.get("/api/files/200") as answer:
            assert await problem(answer) == (503, "breaker_open")
            assert int(answer.headers["retry-after"]) >= 1
        assert len(upstream.requests) == seen, "nothing reaches the service"
        assert (await gateway.service())["breaker"] == "open"
        await eventually(lambda: _answers(http), within=5)
        assert await statuses(http, "/api/files/200", 5) == [200] * 5
        assert (await gateway.service())["breaker"] == "closed"


async def _answers(http: aiohttp.ClientSession) -> bool:
    async with http.get("/api/files/200") as answer:
        return answer.status == 200


async def test_who_finds_no_free_connection_is_told_so_and_the_service_is_not_blamed(tmp_path, upstream: Upstream):
    limits = {"upstream_connections": 1, "connect_timeout_seconds": 0.1}
    one = {"file-service": [upstream.address]}
    async with running(tmp_path, one, route(timeoutSeconds=5), **limits) as gateway, session(gateway) as http:
        held = asyncio.create_task(http.get("/api/files/slow"))
        await asyncio.wait_for(upstream.arrived.wait(), 5)
        for _ in range(6):
            async with http.get("/api/files/x") as answer:
                assert answer.status == 503
                assert answer.headers["x-gateway-reason"] == "too_many_connections"
                assert answer.headers["retry-after"] == "1"
        service = await gateway.service()
        upstream.release.set()
        (await held).release()
        async with http.get("/api/files/x") as answer:
            assert answer.status == 200
    assert (service["breaker"], service["endpoints"][0]["state"]) == ("closed", "unknown")
    assert len(upstream.requests) == 2


async def test_an_error_of_the_application_does_not_open_the_circuit(http: aiohttp.ClientSession, gateway: Gateway):
    assert await statuses(http, "/api/files/500", 8) == [500] * 8
    assert (await gateway.service())["breaker"] == "closed"


@pytest.mark.parametrize("probe", ["404", "left"])
async def test_a_probe_frees_its_place_however_it_ends(tmp_path, upstream: Upstream, probe: str):
    async with running(tmp_path, {"file-service": [upstream.address]}, breaking()) as gateway, session(gateway) as http:
        await statuses(http, "/api/files/503", 5)

        async def half_open() -> bool:
            return (await gateway.service())["breaker"] == "half_open"

        await eventually(half_open, within=5)
        if probe == "404":
            assert await statuses(http, "/api/files/404", 1) == [404]
        else:
            upstream.arrived.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"GET /api/files/slow HTTP/1.1\r\nHost: t\r\n\r\n")
            await asyncio.wait_for(upstream.arrived.wait(), 5)
            assert await statuses(http, "/api/files/200", 1) == [503], "one probe at a time"
            writer.transport.abort()
            await asyncio.wait_for(upstream.gone.wait(), 5)
            await eventually(lambda: _answers(http), within=2)
        assert await statuses(http, "/api/files/200", 5) == [200] * 5
        assert (await gateway.service())["breaker"] == "closed"
