"""Requests that are refused before any service sees them, and that the refusal arrives."""

import asyncio
import json
import re
import time

import pytest
from prometheus_client import REGISTRY

from opsbuddy_gateway.models import Reason
from tests.services.gateway.process import Gateway, raw, route, running
from tests.services.gateway.upstream import Upstream
from tests.support.cases import cases

LINE = b"POST /api/files/x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /api/files/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@cases(
    "request_",
    [
        LINE + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        LINE + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        LINE + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        LINE + b"Content-Length: 3\r\nContent-Length: 0\r\n\r\nabc",
        LINE + b"Content-Length: 3, 3\r\n\r\nabc",
        LINE + b"Content-Length: +3\r\n\r\nabc",
        LINE + b"Content-Length: 0x3\r\n\r\nabc",
        LINE + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
        LINE + b"Content-Length : 3\r\n\r\nabc",
        LINE + b"Content-Length:\x0b3\r\n\r\nabc",
        LINE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        LINE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        LINE + b"Transfer-Encoding: identity\r\n\r\n",
        LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        LINE + b"Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n",
        LINE + b"X: a\r\n b\r\n\r\n",
        LINE + b"X: a\r\n\tContent-Length: 3\r\n\r\n",
        LINE + b"X: a\rContent-Length: 3\r\n\r\n",
        LINE + b"X: a\nContent-Length: 3\r\n\r\n",
        LINE + b"X: a\x00b\r\n\r\n",
        LINE + b"X Y: a\r\n\r\n",
        LINE + b": a\r\n\r\n",
        LINE + b"Host: b\r\n\r\n",
        LINE + b"Content_Length: 3\r\n\r\n",
        LINE + b"X_Forwarded_For: 1.2.3.4\r\n\r\n",
        b"GET /api/files/x HTTP/1.1\r\n\r\n",
        b"GET /api/files/x HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /api/files/x HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET /api/files/x HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /api/files/x HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET /api/files/x HTTP/1.1\nHost: a\n\n",
        b"GET /api/files/x y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/files/../x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/files/%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/files/.%2E/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/files/..%2fx HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/files%2fx HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/files/x%5c..%5cy HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/files/x%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /api/files/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /api/files/x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 9\r\n\r\n",
        LINE + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n",
        LINE + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"CONNECT /api/files/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        CHUNKED + b"3\r\nabc\n0\r\n\r\n",
        CHUNKED + b"3;x=\ny\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_two_parties_could_read_differently_is_400_and_nothing_behind_it_is_read(
    gateway: Gateway, upstream: Upstream, request_: bytes
):
    answer = await raw(gateway.port, request_ + NEXT)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), answer
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head.lower()
    assert len(re.findall(rb"HTTP/1\.1 \d", answer)) == 1
    problem = json.loads(body)
    assert (problem["status"], problem["reason"]) == (400, "bad_request")
    assert not [seen for seen in upstream.requests if "smuggled" in seen.target]


@cases(
    "request_, named",
    [
        (LINE + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding"),
        (LINE + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n", "Content-Length"),
        (LINE + b"Host: b\r\n\r\n", "host"),
        (LINE + b"X: a\r\n b\r\n\r\n", "header value"),
        (LINE + b"X Y: a\r\n\r\n", "header"),
        (CHUNKED + b"0x3\r\n", "chunk size"),
        (b"GET /api/files?q=\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", "%C3%A9"),
        (b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "CONNECT"),
        (b"HELLO\r\n\r\n", "method"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "request line"),
    ],
)
async def test_what_cannot_be_read_is_answered_with_the_part_that_is_wrong(
    gateway: Gateway, request_: bytes, named: str
):
    detail = json.loads((await raw(gateway.port, request_)).partition(b"\r\n\r\n")[2])["detail"]
    assert named in detail
    assert "callback" not in detail


@cases(
    "head",
    [b"".join(b"x-%d: 1\r\n" % n for n in range(200)), b"x: " + b"y" * 70_000 + b"\r\n", b"x: " + b"y" * 5_000_000],
)
async def test_a_head_that_is_too_large_is_431_though_it_is_still_being_sent(gateway: Gateway, head: bytes):
    answer = await raw(gateway.port, LINE + head + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 "), answer[:200]
    assert b'"reason":"bad_request"' in answer


async def test_endless_trailers_are_431_and_trailers_are_no_header(gateway: Gateway, upstream: Upstream):
    answer = await raw(gateway.port, CHUNKED + b"0\r\nX: " + b"y" * 1_000_000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    await raw(gateway.port, CHUNKED.replace(b"a\r\n", b"a\r\nConnection: close\r\n", 1) + b"0\r\nX-Late: 1\r\n\r\n")
    assert upstream.requests[-1].header("x-late") is None


@pytest.mark.parametrize("sent", [b"GET /api/fi", LINE, LINE + b"X: y", b"\r\n"])
async def test_a_head_that_does_not_come_to_its_end_is_408(tmp_path, sent: bytes):
    async with running(tmp_path, {}, route(), header_seconds=0.2) as gateway:
        begun = time.monotonic()
        answer = await raw(gateway.port, sent)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"reason":"client_slow"' in answer
        assert time.monotonic() - begun < 2


async def test_a_head_that_comes_in_drops_has_one_limit_for_all_of_it(tmp_path):
    async with running(tmp_path, {}, route(), header_seconds=0.5) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)

        async def drip() -> None:
            for byte in LINE * 100:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        async with asyncio.timeout(3):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()
        writer.transport.abort()


async def test_a_connection_that_says_nothing_is_closed_without_a_word(tmp_path):
    async with running(tmp_path, {}, route(), header_seconds=0.2) as gateway:
        assert await raw(gateway.port, b"") == b""


async def test_an_open_connection_waits_longer_for_its_next_request_than_for_a_head(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route(), header_seconds=0.2) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        for _ in range(2):
            writer.write(b"GET /api/files/204 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            await asyncio.sleep(0.4)  # longer than the limit for a head: that is the point
        writer.transport.abort()


async def test_one_connection_too_many_is_told_so_and_a_place_that_becomes_free_is_used(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route(), max_connections=2) as gateway:
        held = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(2)]
        answer = await raw(gateway.port, b"GET /api/files/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
        assert b'"reason":"too_many_connections"' in answer
        for _, writer in held:
            writer.transport.abort()
        await asyncio.sleep(0.1)  # until the other side has noticed
        answer = await raw(gateway.port, b"GET /api/files/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_malformed_request_behind_a_good_one_does_not_take_its_answer(gateway: Gateway, upstream: Upstream):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET /api/files/slow HTTP/1.1\r\nHost: a\r\n\r\nGET  nonsense\r\n\r\n")
    await asyncio.wait_for(upstream.arrived.wait(), 5)
    upstream.release.set()
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"late")
    assert len(re.findall(rb"HTTP/1\.1 \d", answer)) == 1
    writer.transport.abort()


@pytest.mark.parametrize(
    "body", [b"\r\n", b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
async def test_an_upgrade_that_is_not_known_is_answered_in_http_and_its_body_arrives(gateway: Gateway, body: bytes):
    upgrade = (
        b"POST /api/files/count HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    )
    answer = await raw(gateway.port, upgrade + body)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n3" if b"abc" in body else b"\r\n\r\n0")


@cases(
    ("path", "reason"), [("/api/files/die", "reset"), ("/api/nothing", "no_route"), ("/api/files/..%2f", "bad_request")]
)
async def test_the_reason_is_the_same_word_in_the_header_and_in_the_document(gateway: Gateway, path: str, reason: str):
    request_ = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    head, _, body = (await raw(gateway.port, request_.encode())).partition(b"\r\n\r\n")
    assert f"x-gateway-reason: {reason}".encode() in head
    assert json.loads(body)["reason"] == reason


GET = b"GET /api/files/x HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "reason", "settings"),
    [
        (GET + b"Host: b\r\n\r\n", 400, "bad_request", {}),
        (b"nonsense\r\n\r\n", 400, "bad_request", {}),
        (GET + b"x: 1\r\n" * 200 + b"\r\n", 431, "bad_request", {}),
        (GET, 408, "client_slow", {"header_seconds": 0.2}),
        (GET + b"\r\n", 503, "too_many_connections", {"max_connections": 1}),
    ],
)
async def test_a_refusal_of_the_server_has_one_word_in_header_document_log_and_metric(
    tmp_path, capsys, sent: bytes, status: int, reason: str, settings: dict[str, float]
):
    def counted() -> float:
        labels = {"status": str(status), "reason": reason}
        return REGISTRY.get_sample_value("opsbuddy_http_refused_total", labels) or 0

    async with running(tmp_path, {}, route(), **settings) as gateway:
        _, held = await asyncio.open_connection("127.0.0.1", gateway.port)
        before = counted()
        head, _, body = (await raw(gateway.port, sent)).partition(b"\r\n\r\n")
        held.transport.abort()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"Request refused"' in line]
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nx-gateway-reason: %b" % reason.encode() in head
    assert json.loads(body)["reason"] == reason == Reason(reason)
    assert [line["data"]["reason"] for line in lines] == [reason]
    assert counted() == before + 1


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ("/api/files/x", {"route": "/api/files", "service": "", "status": "4xx", "reason": "method_not_allowed"}),
        ("/api/nothing", {"route": "", "service": "", "status": "4xx", "reason": "no_route"}),
        ("/api/files/..%2f", {"route": "", "service": "", "status": "4xx", "reason": "bad_request"}),
    ],
)
async def test_a_request_that_reaches_no_service_is_counted_with_its_reason(
    tmp_path, path: str, labels: dict[str, str]
):
    async with running(tmp_path, {}, route(methods=["PUT"])) as gateway:
        before = REGISTRY.get_sample_value("opsbuddy_gateway_requests_total", labels) or 0
        await raw(gateway.port, GET.replace(b"/api/files/x", path.encode()) + b"Connection: close\r\n\r\n")
        assert REGISTRY.get_sample_value("opsbuddy_gateway_requests_total", labels) == before + 1


@pytest.mark.parametrize(
    ("path", "body"), [("events", b"data: 1\n\ndata: 2\n\n"), ("until_close", b"until the end"), ("cut", None)]
)
async def test_a_client_of_http_1_0_gets_no_chunks_whatever_the_service_sends(
    gateway: Gateway, upstream: Upstream, path: str, body: bytes | None
):
    upstream.release.set()
    answer = await raw(gateway.port, f"GET /api/files/{path} HTTP/1.0\r\n\r\n".encode())
    if body is None:  # it broke off, and only a reset can say so
        assert not answer
        return
    head, _, got = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head
    assert got == body


async def test_a_client_of_http_1_0_that_names_no_host_reaches_the_service(gateway: Gateway, upstream: Upstream):
    """To the service HTTP/1.1 is spoken, which has to name one."""
    assert (await raw(gateway.port, b"GET /api/files/a HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert upstream.requests[-1].header("host") == f"127.0.0.1:{gateway.port}"


async def test_an_upload_that_pauses_is_cut_off_for_the_service_too(tmp_path, upstream: Upstream):
    async with running(
        tmp_path, {"file-service": [upstream.address]}, route(timeoutSeconds=5), body_idle_seconds=0.2
    ) as gateway:
        answer = await raw(gateway.port, LINE + b"Content-Length: 9\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"x-gateway-reason: client_slow" in answer
        await asyncio.wait_for(upstream.gone.wait(), 1)


async def test_an_answer_that_stands_still_is_cut(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route(), stream_idle_seconds=0.3) as gateway:
        answer = await raw(gateway.port, b"GET /api/files/events HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"data: 1" in answer
        assert not answer.endswith(b"0\r\n\r\n")
        await asyncio.wait_for(upstream.gone.wait(), 1)
