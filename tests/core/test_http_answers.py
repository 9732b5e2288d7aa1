"""How the server frames an answer on its connection: by what the application says, the request's method and the version that the client speaks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from opsbuddy_core.web import protocol
from opsbuddy_core.web.cycle import AT_ONCE
from opsbuddy_core.web.head import Limits
from opsbuddy_core.web.protocol import limited

App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
OLD = b"GET / HTTP/1.0\r\n\r\n"


def answering(*pieces: bytes, status: int = 200, headers: Headers | None = None, complete: bool = True) -> App:
    """Return an application that sends these pieces of a body."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers or []})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if complete:
            await send({"type": "http.response.body", "body": b""})

    return app


@asynccontextmanager
async def serving(app: App, **settings: Any) -> AsyncIterator[int]:
    """Yield the port where the application is served."""
    config = Config(app, lifespan="off", log_config=None, **settings)
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    made = limited(Limits())
    server = await asyncio.get_running_loop().create_server(lambda: made(config, state, {}), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # for their last callbacks


@asynccontextmanager
async def connected(app: App, **settings: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with serving(app, **settings) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(10):
                yield reader, writer
        finally:
            writer.transport.abort()


async def said(app: App, request: bytes) -> bytes:
    """Return all that comes back until the server closes."""
    async with connected(app) as (reader, writer):
        writer.write(request)
        return await reader.read()


async def test_an_answer_of_unknown_length_is_chunked():
    assert await said(answering(b"abc", b"de"), LAST) == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )


async def test_an_answer_of_a_known_length_is_as_it_is():
    app = answering(b"abc", headers=[(b"Content-Length", b"3"), (b"X-Name", b"value, \xfc")])
    assert await said(app, LAST) == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 3\r\nx-name: value, \xfc\r\nconnection: close\r\n\r\nabc"
    )


@pytest.mark.parametrize("headers", [[], [(b"transfer-encoding", b"chunked")]])
async def test_to_http_1_0_nothing_is_chunked_and_the_end_of_the_connection_is_the_end_of_the_answer(headers: Headers):
    answer = await said(answering(b"abc", b"de", headers=headers), OLD)
    assert answer == b"HTTP/1.1 200 OK\r\ndate: today\r\nconnection: close\r\n\r\nabcde"


async def test_an_answer_to_http_1_0_that_breaks_off_ends_in_a_reset_because_an_end_would_look_complete():
    async with connected(answering(b"abc", complete=False)) as (reader, writer):
        writer.write(OLD)
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_an_answer_that_breaks_off_has_no_last_chunk():
    assert (await said(answering(b"abc", complete=False), GET)).endswith(b"3\r\nabc\r\n")


@pytest.mark.parametrize(
    ("method", "status", "length", "kept"),
    [
        (b"HEAD", 200, b"5", True),
        (b"HEAD", 200, None, False),
        (b"GET", 204, b"0", False),
        (b"GET", 204, None, False),
        (b"GET", 304, b"5", True),
        (b"GET", 304, None, False),
    ],
)
async def test_an_answer_without_a_body_has_none_whatever_the_application_sends(
    method: bytes, status: int, length: bytes | None, kept: bool
):
    app = answering(b"abcde", status=status, headers=[(b"content-length", length)] if length else [])
    answer = await said(app, GET.replace(b"GET", method) + LAST.replace(b"GET", method))
    assert answer.count(b"HTTP/1.1 %d " % status) == 2
    assert b"abc" not in answer
    assert b"transfer-encoding" not in answer
    assert (b"content-length: 5" in answer) is kept
    assert b"content-length: 0" not in answer


@pytest.mark.parametrize("declared", [b"2", b"9"])
async def test_a_body_of_another_length_than_the_application_said_is_cut(declared: bytes):
    answer = await said(answering(b"abc", headers=[(b"content-length", declared)]), GET + GET)
    assert answer.count(b"HTTP/1.1") == 1
    assert len(answer.partition(b"\r\n\r\n")[2]) < int(declared) or declared == b"2"


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\x00b"),
        (b"x\r\ny", b"a"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
    ],
)
async def test_a_header_field_that_would_split_the_answer_is_500_and_nothing_of_it_is_sent(
    header: tuple[bytes, bytes],
):
    answer = await said(answering(b"abc", headers=[(b"content-length", b"3"), header]), GET)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"cookie" not in answer
    assert b"abc" not in answer


async def test_two_lengths_are_500():
    answer = await said(answering(b"abc", headers=[(b"content-length", b"3"), (b"content-length", b"4")]), GET)
    assert answer.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(
    ("request_", "status", "headers", "expected"),
    [
        (LAST, 200, [], b"connection: close\r\ncontent-length: 3\r\n\r\nabc"),
        (LAST, 200, [(b"Content-Length", b"3")], b"content-length: 3\r\nconnection: close\r\n\r\nabc"),
        (OLD, 200, [], b"connection: close\r\ncontent-length: 3\r\n\r\nabc"),
        (
            LAST.replace(b"GET", b"HEAD"),
            200,
            [(b"content-length", b"3")],
            b"content-length: 3\r\nconnection: close\r\n\r\n",
        ),
        (LAST, 204, [], b"connection: close\r\n\r\n"),
    ],
)
async def test_a_whole_answer_has_its_length_and_the_same_rules(
    request_: bytes, status: int, headers: Headers, expected: bytes
):
    async def app(scope: Scope, _: Receive, send: Send) -> None:
        assert AT_ONCE in scope["extensions"]
        await send({"type": AT_ONCE, "status": status, "headers": headers, "body": b"abc"})

    answer = await said(app, request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.partition(b"date: today\r\n")[2] == expected


async def test_a_whole_answer_of_another_length_than_it_says_is_not_sent():
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": AT_ONCE, "status": 200, "headers": [(b"content-length", b"9")], "body": b"abc"})

    assert await said(app, GET) == b""


async def test_requests_sent_before_their_answers_are_answered_in_their_order_on_one_connection():
    async def app(scope: Scope, _: Receive, send: Send) -> None:
        if scope["path"] == "/0":
            await asyncio.sleep(0.05)  # the others would overtake it
        await answering(scope["raw_path"])(scope, _, send)

    requests = [GET.replace(b"/ ", b"/%d " % number) for number in range(5)]
    answer = await said(app, b"".join(requests) + LAST.replace(b"/ ", b"/5 "))
    assert [answer.find(b"\r\n/%d\r\n" % number) > 0 for number in range(6)] == [True] * 6
    places = [answer.find(b"\r\n/%d\r\n" % number) for number in range(6)]
    assert places == sorted(places)


async def test_the_head_goes_out_although_the_body_is_still_to_come():
    gate = asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await gate.wait()
        await send({"type": "http.response.body", "body": b"late"})

    async with connected(app) as (reader, writer):
        writer.write(LAST)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        gate.set()
        assert await reader.read() == b"4\r\nlate\r\n0\r\n\r\n"


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await answering(body)(_, receive, send)


POST = b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"


async def test_a_client_that_waits_for_leave_to_send_gets_it_once_the_body_is_wanted():
    async with connected(echo) as (reader, writer):
        writer.write(POST)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        assert (await reader.read()).endswith(b"4\r\nbody\r\n0\r\n\r\n")


async def test_a_client_that_waits_for_leave_to_send_gets_none_where_the_answer_is_there_without():
    answer = await said(answering(b"no", status=403), POST)
    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_http_1_0_knows_no_leave_to_send():
    answer = await said(echo, POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"body")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nbody")


async def test_white_space_around_a_value_is_no_part_of_it():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(json.dumps({name.decode(): value.decode() for name, value in scope["headers"]}).encode())(
            scope, receive, send
        )

    request = b'GET / HTTP/1.1\r\nHost:t \t\r\nIf-Match: \t"a b"  \r\nX-Empty:  \r\nConnection: close \r\n\r\n'
    assert b'{"host": "t", "if-match": "\\"a b\\"", "x-empty": "", "connection": "close"}' in await said(app, request)


async def test_a_connection_stays_for_the_next_request_until_it_was_idle_for_too_long():
    async with connected(answering(headers=[(b"content-length", b"0")]), timeout_keep_alive=1) as (reader, writer):
        for _ in range(2):
            writer.write(GET)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert await reader.read() == b""


async def test_an_application_that_closes_the_connection_does():
    answer = await said(answering(b"a", headers=[(b"connection", b"Close")]), GET)
    assert answer.count(b"connection: close\r\n") == 1


async def test_an_application_that_fails_before_its_answer_is_500():
    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise ValueError("not shown")

    answer = await said(app, GET)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"not shown" not in answer


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        (b"http://ops.test:8000/a%20b?c=d", ("/a b", b"/a%20b", b"c=d", b"ops.test:8000")),
        (b"http://ops.test", ("/", b"/", b"", b"ops.test")),
        (b"http://ops.test?c", ("/", b"/", b"c", b"ops.test")),
        (b"HTTP://me:secret@[::1]:80/a", ("/a", b"/a", b"", b"[::1]:80")),
        (b"/a?c", ("/a", b"/a", b"c", b"t")),
    ],
)
async def test_a_target_may_be_absolute_and_then_says_itself_whom_it_is_for(
    target: bytes, seen: tuple[str, bytes, bytes, bytes]
):
    scopes: list[Scope] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        scopes.append(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert b" 204 " in await said(app, LAST.replace(b" / ", b" " + target + b" "))
    scope = scopes[0]
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    assert (scope["path"], scope["raw_path"], scope["query_string"], *hosts) == seen


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("GET /files/\u62a5.txt HTTP/1.1\r\nhost: t\r\n\r\n", "percent-encoded"),
        ("G@T / HTTP/1.1\r\nhost: t\r\n\r\n", "Invalid method"),
        ("GET / HTTP/1.1\r\nhost : t\r\n\r\n", "Invalid header"),
    ],
)
async def test_what_is_no_http_is_refused_with_what_is_wrong_about_it(request_: str, words: str):
    async def app(_: Scope, __: Receive, ___: Send) -> None:
        pytest.fail("the application is not asked")

    answer = await said(app, request_.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert words in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_an_answer_that_closes_the_connection_reaches_a_client_that_writes_all_before_it_reads(version: bytes):
    async with connected(answering(b"no", status=403)) as (reader, writer):
        writer.write(b"POST / HTTP/%b\r\nHost: t\r\nConnection: close\r\nContent-Length: 20000000\r\n\r\n" % version)
        for _ in range(20):
            writer.write(bytes(1_000_000))
            await writer.drain()
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"no" in answer.partition(b"\r\n\r\n")[2]


async def test_a_client_that_never_stops_sending_is_cut_off_in_the_end(monkeypatch):
    monkeypatch.setattr(protocol, "LONGEST_LINGER_SECONDS", 0.5)
    async with connected(answering(b"no", status=403)) as (_, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 20000000\r\n\r\n")
        with pytest.raises(ConnectionError):  # noqa: PT012 - which of the writes sees it is chance
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)


UPGRADE = b"POST /%d HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_request_that_would_rather_speak_http_2_is_answered_in_http_1_1_with_its_body_on_a_connection_that_stays(
    step: int,
):
    requests = b"".join(
        (
            UPGRADE % 0 + b"Content-Length: 3\r\n\r\nabc",
            UPGRADE % 1 + b"Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n",
            UPGRADE.replace(b"POST", b"GET") % 2 + b"\r\n",
            b"POST /3 HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 3\r\n\r\nghi",
        )
    )
    async with connected(echo) as (reader, writer):
        for at in range(0, len(requests), step):
            writer.write(requests[at : at + step])
            await asyncio.sleep(0)
        answers = (await reader.read()).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [
        b"3\r\nabc\r\n0\r\n\r\n",
        b"3\r\ndef\r\n0\r\n\r\n",
        b"0\r\n\r\n",
        b"3\r\nghi\r\n0\r\n\r\n",
    ]


async def test_many_such_requests_at_once_are_answered_one_after_the_other():
    answer = await said(answering(), (UPGRADE.replace(b"POST", b"GET") % 0 + b"\r\n") * 2000 + LAST)
    assert answer.count(b"HTTP/1.1 200 ") == 2001
