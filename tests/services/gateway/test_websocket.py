"""WebSockets through the gateway, over real connections on both sides."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from opsbuddy_gateway.models import Address
from opsbuddy_gateway.storage import upstream_websocket
from opsbuddy_gateway.storage.upstream_websocket import Handshake, UpstreamSocket, WebSocketsConnector
from tests.services.gateway.process import Gateway, raw, route, running
from tests.services.gateway.upstream import Upstream, refusing
from tests.support.cases import cases
from tests.support.wait import eventually

PIECE, MANY = 60_000, 2000  # together more than all that stands between a sender and a reader


class Echo:
    """A service that says what it is told, closes when told to, and keeps how it was closed."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.closed: list[tuple[int | None, str | None]] = []
        self.port = 0

    async def talk(self, socket: ServerConnection) -> None:
        assert socket.request
        self.requests.append(socket.request)
        try:
            async for message in socket:
                if isinstance(message, str) and message.startswith("close "):
                    await socket.close(int(message.split()[1]), "as told")
                elif message == "break":
                    socket.transport.abort()
                else:
                    await socket.send(message)
        except ConnectionClosed:
            pass
        finally:
            self.closed.append((socket.close_code, socket.close_reason))

    async def was_closed(self) -> bool:
        return bool(self.closed)

    def choose(self, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((name for name in offered if name in ("v2", "v1")), None)

    def decide(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/files/refused"):
            return connection.respond(HTTPStatus.FORBIDDEN, "not you")
        return None


@asynccontextmanager
async def echoing() -> AsyncIterator[Echo]:
    echo = Echo()
    async with serve(
        echo.talk, "127.0.0.1", 0, select_subprotocol=echo.choose, process_request=echo.decide, compression=None
    ) as server:
        echo.port = next(iter(server.sockets)).getsockname()[1]
        yield echo


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with echoing() as service:
        yield service


@pytest.fixture
async def tunnel(tmp_path, echo: Echo) -> AsyncIterator[Gateway]:
    async with running(
        tmp_path, {"file-service": [f"127.0.0.1:{echo.port}"]}, route(), websocket_message_bytes=100_000
    ) as gateway:
        yield gateway


def opened(gateway: Gateway, path: str = "/api/files/ws", **options) -> connect:
    return connect(f"ws://127.0.0.1:{gateway.port}{path}", proxy=None, max_size=None, **options)


async def flooded(socket: ClientConnection | UpstreamSocket) -> None:
    """Send more than fits on the way; TimeoutError: the other end has stopped taking it."""
    for _ in range(MANY):
        await asyncio.wait_for(socket.send(bytes(PIECE)), 1)


async def ended(socket: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(5):
            await socket.recv()
    return socket.close_code, socket.close_reason


async def test_text_and_bytes_pass_both_ways_in_order(tunnel: Gateway):
    async with opened(tunnel) as socket:
        for message in ("käse", b"\x00\xff", "", "x" * 90_000):
            await socket.send(message)
            assert await socket.recv() == message


async def test_the_service_sees_the_path_the_query_and_who_asks(tunnel: Gateway, echo: Echo):
    headers = {"X-Request-ID": "abc", "Cookie": "a=1", "X-Forwarded-For": "6.6.6.6"}
    async with opened(tunnel, "/api/files/a%2Eb?x=%2f&&y", additional_headers=headers, origin="http://ui.test"):
        pass
    (request,) = echo.requests
    assert request.path == "/files/a%2Eb?x=%2f&&y"
    assert request.headers["Host"] == f"127.0.0.1:{tunnel.port}"
    assert (request.headers["X-Request-ID"], request.headers["Cookie"]) == ("abc", "a=1")
    assert (request.headers["X-Forwarded-For"], request.headers["Origin"]) == ("127.0.0.1", "http://ui.test")


async def test_what_stands_in_the_query_is_in_no_line_of_the_log(tmp_path, echo: Echo, capsys):
    async with running(tmp_path, {"file-service": [f"127.0.0.1:{echo.port}"]}, route()) as gateway:
        async with opened(gateway, "/api/files/ws?token=sesame"):
            pass
        with pytest.raises(InvalidStatus):
            await opened(gateway, "/api/files/refused?token=sesame")
    out = capsys.readouterr().out
    assert out.count("/api/files/ws") == out.count("/api/files/refused") == 1
    assert "sesame" not in out


async def test_the_subprotocol_is_the_one_that_the_service_chose(tunnel: Gateway):
    async with opened(tunnel, subprotocols=["v0", "v1"]) as socket:
        assert socket.subprotocol == "v1"
    async with opened(tunnel) as socket:
        assert socket.subprotocol is None


@cases("code", [1000, 1001, 1011, 3000, 4999])
async def test_a_close_of_the_service_reaches_the_client_with_its_code(tunnel: Gateway, code: int):
    async with opened(tunnel) as socket:
        await socket.send(f"close {code}")
        assert await ended(socket) == (code, "as told")


@pytest.mark.parametrize("code", [1000, 1008, 4001])
async def test_a_close_of_the_client_reaches_the_service_with_its_code(tunnel: Gateway, echo: Echo, code: int):
    async with opened(tunnel) as socket:
        await socket.close(code, "enough")
    await eventually(echo.was_closed)
    assert echo.closed == [(code, "enough")]


async def test_a_service_that_breaks_off_is_an_error_of_the_server(tunnel: Gateway):
    async with opened(tunnel) as socket:
        await socket.send("break")
        assert (await ended(socket))[0] == 1011


async def test_a_client_that_breaks_off_is_gone_for_the_service_within_a_second(tunnel: Gateway, echo: Echo):
    socket = await opened(tunnel)
    socket.transport.abort()
    await eventually(echo.was_closed, within=1)
    assert echo.closed[0][0] == 1011


async def test_a_service_that_does_not_read_stops_the_client_and_one_that_is_not_read_has_to_wait(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(upstream_websocket, "CLOSE_SECONDS", 0.2)
    sent: list[int] = []

    async def flood(socket: ServerConnection) -> None:
        if socket.request and "deaf" in socket.request.path:
            await socket.wait_closed()
        with suppress(ConnectionClosed):
            while len(sent) < MANY:
                await socket.send(bytes(PIECE))
                sent.append(PIECE)

    async with (
        serve(flood, "127.0.0.1", 0, compression=None, max_queue=1, close_timeout=0.1) as server,
        running(
            tmp_path, {"file-service": ["127.0.0.1:{1}".format(*next(iter(server.sockets)).getsockname())]}, route()
        ) as gateway,
    ):
        async with opened(gateway, "/api/files/deaf") as socket:
            with pytest.raises(TimeoutError):
                await flooded(socket)
            socket.transport.abort()
        async with opened(gateway, "/api/files/loud", max_queue=1) as socket:

            async def stands_still() -> bool:
                before = len(sent)
                await asyncio.sleep(1)  # a while in which nothing more goes out is what standing still means
                return 0 < len(sent) == before < MANY

            await eventually(stands_still, within=20)
            socket.transport.abort()


async def test_a_service_that_does_not_read_holds_up_no_close(monkeypatch):
    monkeypatch.setattr(upstream_websocket, "CLOSE_SECONDS", 0.2)
    async with serve(
        ServerConnection.wait_closed, "127.0.0.1", 0, compression=None, max_queue=1, close_timeout=0.1
    ) as server:
        _, port = next(iter(server.sockets)).getsockname()
        socket = await WebSocketsConnector(2, 1 << 20).open(Address("127.0.0.1", port), Handshake(b"/", "t", [], []))
        with pytest.raises(TimeoutError):
            await flooded(socket)
        async with asyncio.timeout(5):
            await socket.close(1011, "")


async def test_a_message_over_the_limit_closes_the_socket_and_says_why(tunnel: Gateway):
    async with opened(tunnel) as socket:
        await socket.send("x" * 200_000)
        assert (await ended(socket))[0] == 1009


async def test_a_refusal_of_the_service_is_the_answer_that_the_client_gets(tunnel: Gateway):
    with pytest.raises(InvalidStatus) as refused:
        await opened(tunnel, "/api/files/refused")
    assert (refused.value.response.status_code, refused.value.response.body) == (403, b"not you")
    assert (await tunnel.service())["breaker"] == "closed"


async def test_a_dead_endpoint_is_no_failure_that_a_client_sees(tmp_path, echo: Echo):
    with refusing() as dead:
        endpoints = {"file-service": [dead, f"127.0.0.1:{echo.port}"]}
        async with running(tmp_path, endpoints, route()) as gateway:
            for _ in range(6):
                async with opened(gateway) as socket:
                    await socket.send("x")
                    assert await socket.recv() == "x"


@cases(
    ("path", "status", "reason"),
    [
        ("/api/files/nonsense", 502, b"bad_answer"),
        ("/api/files/die", 502, b"reset"),
        ("/api/nothing", 404, b"no_route"),
    ],
)
async def test_what_cannot_be_opened_is_a_problem_with_its_reason(
    gateway: Gateway, path: str, status: int, reason: bytes
):
    with pytest.raises(InvalidStatus) as refused:
        await opened(gateway, path)
    response = refused.value.response
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.headers["x-gateway-reason"] == reason.decode()
    assert b'"reason":"%b"' % reason in response.body


async def test_a_service_that_does_not_accept_in_time_is_504(tmp_path, upstream: Upstream):
    endpoints = {"file-service": [upstream.address]}
    async with running(tmp_path, endpoints, route(timeoutSeconds=0.3)) as gateway:
        with pytest.raises(InvalidStatus) as refused:
            await opened(gateway, "/api/files/slow")
        assert refused.value.response.status_code == 504
        await asyncio.wait_for(upstream.gone.wait(), 1)


async def test_a_client_that_leaves_before_its_handshake_is_answered_ends_the_one_with_the_service_within_a_second(
    gateway: Gateway, upstream: Upstream
):
    opening = asyncio.ensure_future(opened(gateway, "/api/files/slow"))
    await asyncio.wait_for(upstream.arrived.wait(), 5)
    opening.cancel()
    await asyncio.wait_for(upstream.gone.wait(), 1)

    async def settled() -> bool:
        service = await gateway.service()
        return (service["breaker"], service["endpoints"][0]["state"]) == ("closed", "unknown")

    await eventually(settled)


async def test_there_are_no_more_sockets_than_allowed(tmp_path, echo: Echo):
    endpoints = {"file-service": [f"127.0.0.1:{echo.port}"]}
    async with running(tmp_path, endpoints, route(), max_websockets=1) as gateway, opened(gateway):
        with pytest.raises(InvalidStatus) as refused:
            await opened(gateway)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["x-gateway-reason"] == "too_many_websockets"


async def test_a_handshake_that_is_none_is_refused(tunnel: Gateway):
    head = b"GET /api/files/ws HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    answer = await raw(tunnel.port, head + b"Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: x\r\n\r\n")
    assert answer[9:12] in (b"400", b"426")
    answer = await raw(tunnel.port, head + b"Content-Length: 3\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 400")
