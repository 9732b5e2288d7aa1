"""What passes through in both directions, over real connections."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.services.gateway.process import Gateway, raw, route, running, table
from tests.services.gateway.upstream import Upstream
from tests.support.wait import eventually

MIB = 1 << 20


async def test_path_and_query_arrive_byte_for_byte(gateway: Gateway, upstream: Upstream):
    query = b"b=2&a=1&b=3&uploads&sig=%E9%FF&s=1;2&q=hello%20world&p=a+b&e=&x=%2f%2F&&t"
    await raw(
        gateway.port, b"GET /api/files/e%63ho/%E9?" + query + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    )
    assert upstream.requests[-1].target == "/files/e%63ho/%E9?" + query.decode()


async def test_headers_go_through_and_the_gateway_says_who_asked(http: aiohttp.ClientSession, upstream: Upstream):
    trace = "00-11111111111111111111111111111111-2222222222222222-01"
    given = {
        "X-Custom": "käse",
        "Connection": "keep-alive, x-hop",
        "X-Hop": "1",
        "X-Request-ID": "abc",
        "traceparent": trace,
        "X-Forwarded-For": "6.6.6.6",
    }
    async with http.get("/api/files/echo", headers=given) as answer:
        assert answer.headers["x-request-id"] == "abc"
    seen = upstream.requests[-1]
    assert seen.header("x-hop") is None
    assert seen.header("x-custom") == "käse".encode().decode("latin-1")
    assert seen.header("x-request-id") == "abc"
    assert seen.header("traceparent").split("-")[1] == "1" * 32
    assert seen.header("x-forwarded-for") == "127.0.0.1"
    assert seen.header("x-forwarded-prefix") == "/api/files"
    assert seen.header("host") == seen.header("x-forwarded-host") == f"127.0.0.1:{http._base_url.port}"
    assert [name for name, _ in seen.headers if name in ("accept-encoding", "user-agent")] == [
        "accept-encoding",
        "user-agent",
    ]


async def test_nothing_is_added_that_the_client_did_not_send(gateway: Gateway, upstream: Upstream):
    await raw(gateway.port, b"POST /api/files/x HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    names = {name for name, _ in upstream.requests[-1].headers}
    assert not names & {"user-agent", "accept", "accept-encoding", "content-type", "cookie"}
    assert upstream.requests[-1].header("content-length") == "0"


async def test_cookies_reach_the_client_and_never_another_one(http: aiohttp.ClientSession, upstream: Upstream):
    named = {"Host": "ops.test"}
    async with http.get("/api/files/cookies", headers=named) as answer:
        assert answer.headers.getall("set-cookie") == ["a=1; Path=/", "b=2"]
        assert "x-private" not in answer.headers
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as other:
        await other.get(f"http://127.0.0.1:{http._base_url.port}/api/files/echo", headers=named)
    assert upstream.requests[-1].header("cookie") is None


async def test_head_204_and_304_have_no_body_and_keep_the_connection_in_step(gateway: Gateway, upstream: Upstream):
    async with aiohttp.ClientSession(gateway.url, connector=aiohttp.TCPConnector(limit=1)) as one:
        for _ in range(10):
            async with one.get("/api/files/x") as got, one.head("/api/files/x") as head:
                length = got.headers["content-length"]
                assert int(length) == len(await got.read())
                assert abs(int(head.headers["content-length"]) - int(length)) <= 1
            for status in (204, 304, 200):
                async with one.get(f"/api/files/{status}") as answer:
                    assert answer.status == status
                    assert bool(await answer.read()) == (status == 200)


async def test_an_answer_that_ends_with_the_connection_arrives_whole(http: aiohttp.ClientSession):
    async with http.get("/api/files/until_close") as answer:
        assert await answer.text() == "until the end"


@pytest.mark.parametrize("name", ["cut", "cutlen"])
async def test_a_cut_answer_is_cut_for_the_client_too(http: aiohttp.ClientSession, name: str):
    async with http.get(f"/api/files/{name}") as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_events_pass_one_by_one(http: aiohttp.ClientSession, upstream: Upstream):
    async with http.get("/api/files/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        async with asyncio.timeout(5):
            assert await answer.content.readuntil(b"\n\n") == b"data: 1\n\n"
        upstream.release.set()
        assert await answer.content.read() == b"data: 2\n\n"


@pytest.mark.parametrize("chunked", [False, True])
async def test_the_service_sees_the_beginning_of_an_upload_before_its_end_is_sent(
    http: aiohttp.ClientSession, upstream: Upstream, chunked: bool
):
    last = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        async with asyncio.timeout(5):
            await last.wait()
        yield b"y" * 500

    headers = {} if chunked else {"Content-Length": "1500"}
    sending = asyncio.create_task(http.post("/api/files/count", data=parts(), headers=headers))
    await asyncio.wait_for(upstream.arrived.wait(), 5)
    last.set()
    async with await sending as answer:
        assert await answer.text() == "1500"
    assert (upstream.requests[-1].header("transfer-encoding") == "chunked") == chunked


@pytest.mark.process
async def test_bodies_of_50_mb_pass_in_both_directions_with_flat_memory(tmp_path, upstream: Upstream):
    file = tmp_path / "routes.json"
    file.write_text(table(route()))
    port = await _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from opsbuddy_gateway.main import main; main()",
        env={
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "ROUTES_FROM": f"file:{file}",
            "ENDPOINTS_FROM": f"static:file-service={upstream.address}",
        },
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        gateway = Gateway(port, None, file)  # type: ignore[arg-type]
        await eventually(gateway.is_ready, within=20)
        async with aiohttp.ClientSession(gateway.url) as http:
            await _pass(http)
            before = _resident(process.pid)
            for _ in range(3):
                await _pass(http)
            grown = _resident(process.pid) - before
        assert grown < 8 * MIB, f"memory grew by {grown / MIB:.1f} MiB"
    finally:
        process.terminate()
        assert await process.wait() == 0


async def _pass(http: aiohttp.ClientSession) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield bytes(MIB)

    async with http.post("/api/files/count", data=parts()) as answer:
        assert await answer.text() == str(50 * MIB)
    async with http.get("/api/files/big") as answer:
        assert sum([len(chunk) async for chunk in answer.content.iter_any()]) == 50 * MIB


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


async def _free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_a_slow_reader_slows_the_service_down(gateway: Gateway, upstream: Upstream):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
    try:
        writer.write(b"GET /api/files/big HTTP/1.1\r\nHost: t\r\n\r\n")
        await reader.readline()  # and no more: the buffers on the way fill up

        async def stands_still() -> bool:
            before = upstream.written
            await asyncio.sleep(0.2)
            return upstream.written == before > 0

        await eventually(stands_still)
        assert upstream.written < 30 << 20, "the rest waits in the service, not in the gateway"
    finally:
        writer.transport.abort()


async def test_a_redirect_that_the_service_makes_stays_on_the_clients_side(http: aiohttp.ClientSession):
    async with http.get("/api/files/redirect", headers={"Host": "ops.test:8000"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (307, "/api/files/there?a=1")
    async with http.get("/api/files/redirect") as answer:
        assert (answer.status, answer.url.raw_path_qs) == (200, "/api/files/there?a=1")


async def test_expect_100_continue_is_answered_only_when_the_body_is_wanted(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route(maxBodyBytes=10)) as gateway:
        head = b"POST /api/files/count HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        refused = await raw(gateway.port, head % 11)
        assert refused.startswith(b"HTTP/1.1 413")
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(head % 3)
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        writer.write(b"abc")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(1) == b"3"
        assert upstream.requests[-1].header("expect") is None
        writer.transport.abort()


async def test_a_target_in_other_bytes_than_ascii_is_no_5xx(gateway: Gateway):
    for line in (
        b"GET /api/files/\xe9 HTTP/1.1",
        b"GET /api/files?x=\xff\xfe HTTP/1.1",
        b"GET /api/files/%ff HTTP/1.1",
    ):
        answer = await raw(gateway.port, line + b"\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert answer[9:12] in (b"200", b"400"), line
