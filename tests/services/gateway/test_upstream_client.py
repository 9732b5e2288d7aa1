"""The client of the data path against services that answer byte by byte as a test wants it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsbuddy_gateway.models import Address, Reason, UpstreamFailureError
from opsbuddy_gateway.storage.upstream import UpstreamRequest
from opsbuddy_gateway.storage.upstream_answer import HIGH_WATER
from opsbuddy_gateway.storage.upstream_pool import PooledUpstream
from tests.services.gateway.upstream import refusing
from tests.support.wait import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Service:
    """Hands each connection to the script of the test."""

    def __init__(self, script) -> None:
        self.script, self.connections, self.heads = script, 0, []
        self.address = Address("127.0.0.1", 0)
        self.tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self.script(self, reader, writer)
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self.tasks.discard(task)

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        return self.heads[-1]


@asynccontextmanager
async def serving(script, *, connections: int = 8, idle: float = 5) -> AsyncIterator[tuple[Service, PooledUpstream]]:
    service = Service(script)
    server = await asyncio.start_server(service.accept, "127.0.0.1", 0)
    service.address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        async with asyncio.timeout(15), PooledUpstream(connections, 1, idle) as client:
            yield service, client
    finally:
        server.close()
        for task in list(service.tasks):
            task.cancel()
        await asyncio.gather(*service.tasks, return_exceptions=True)
        await asyncio.sleep(0)


def answering(*answers: bytes, close: bool = False):
    """A service that gives these answers in turn, then the last one again and again."""

    async def script(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            await service.head(reader)
            writer.write(answers[min(number, len(answers) - 1)])
            number += 1
            if close:
                return

    return script


def request(method: str = "GET", body: AsyncIterator[bytes] | None = None, **headers: str) -> UpstreamRequest:
    given_ = [(b"host", b"t"), *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())]
    return UpstreamRequest(method, b"/x", given_, body)


async def whole(client: PooledUpstream, address: Address, asked: UpstreamRequest, *, fresh: bool = False):
    """Return status, headers and body of an exchange."""
    answer = await client.send(address, asked, fresh=fresh)
    try:
        body = b""
        while piece := await answer.read():
            body += piece
        assert answer.taken
        return answer.status, answer.headers, body
    finally:
        answer.close()


async def failure(client: PooledUpstream, address: Address, asked: UpstreamRequest) -> UpstreamFailureError:
    with pytest.raises(UpstreamFailureError) as failed:
        await whole(client, address, asked)
    return failed.value


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_connection_is_used_again_the_last_one_first():
    async with serving(answering(OK)) as (service, client):
        for _ in range(5):
            assert await whole(client, service.address, request()) == (200, [(b"content-length", b"2")], b"ok")
        assert service.connections == 1
        await asyncio.gather(*(whole(client, service.address, request()) for _ in range(3)))
        assert service.connections == client.open == client.idle <= 3
        await whole(client, service.address, request(), fresh=True)
        assert client.open == service.connections


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        OK + b"\r\nrubbish",
    ],
)
async def test_a_connection_is_not_used_again_after_close_or_after_more_than_the_answer(answer: bytes):
    async with serving(answering(answer)) as (service, client):
        for number in (1, 2):
            assert (await whole(client, service.address, request()))[2] == b"ok"
            assert service.connections == number


async def test_an_idle_connection_is_closed_in_time_and_when_the_service_says_so():
    promised = b"HTTP/1.1 200 OK\r\nKeep-Alive: max=5, timeout=1\r\nContent-Length: 2\r\n\r\nok"
    for answer, idle in ((OK, 0.0), (promised, 60.0)):
        async with serving(answering(answer), idle=idle) as (service, client):
            await whole(client, service.address, request())
            await whole(client, service.address, request())
            assert service.connections == 2


async def test_a_connection_that_the_service_closed_while_idle_is_not_taken():
    async with serving(answering(OK, close=True)) as (service, client):
        await whole(client, service.address, request())

        async def none_left() -> bool:
            return client.open == 0

        await eventually(none_left)
        assert (await whole(client, service.address, request()))[2] == b"ok"


async def test_a_request_on_a_connection_that_is_being_closed_is_stale_and_no_failure_of_the_service():
    async def once(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await service.head(reader)
        writer.write(OK)
        await service.head(reader)

    async with serving(once) as (service, client):
        await whole(client, service.address, request())
        failed = await failure(client, service.address, request())
        assert (failed.reason, failed.sent, failed.stale) == (Reason.RESET, True, True)
        assert not (await failure_of_a_new_connection(client)).stale


async def failure_of_a_new_connection(client: PooledUpstream) -> UpstreamFailureError:
    async with serving(lambda service, reader, _: service.head(reader)) as (other, _):
        return await failure(client, other.address, request())


async def test_head_has_a_length_and_no_body_and_the_next_answer_is_the_next():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    async with serving(answering(head, OK, head, OK)) as (service, client):
        for _ in range(2):
            assert await whole(client, service.address, request("HEAD")) == (200, [(b"content-length", b"1000")], b"")
            assert (await whole(client, service.address, request()))[2] == b"ok"
        assert service.connections == 1


async def test_a_body_after_head_is_not_taken_for_an_answer():
    async with serving(answering(OK)) as (service, client):
        assert (await whole(client, service.address, request("HEAD")))[2] == b""
        assert (await whole(client, service.address, request()))[2] == b"ok"
        assert service.connections == 2


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_leaves_the_connection_in_step(status: int):
    head = b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status
    async with serving(answering(head if status == 304 else head.replace(b"Content-Length: 5\r\n", b""), OK)) as (
        service,
        client,
    ):
        assert (await whole(client, service.address, request()))[::2] == (status, b"")
        assert (await whole(client, service.address, request()))[2] == b"ok"
        assert service.connections == 1


async def test_interim_answers_are_passed_over():
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with serving(answering(interim + OK)) as (service, client):
        for _ in range(2):
            assert await whole(client, service.address, request()) == (200, [(b"content-length", b"2")], b"ok")
        assert service.connections == 1


async def test_trailers_are_dropped():
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nok\r\n0\r\nX-Late: 1\r\n\r\n"
    async with serving(answering(answer)) as (service, client):
        for _ in range(2):
            assert await whole(client, service.address, request()) == (200, [(b"transfer-encoding", b"chunked")], b"ok")
        assert service.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
        b"220 smtp ready\r\n",
    ],
)
async def test_what_is_no_answer_is_a_bad_answer(answer: bytes):
    async with serving(answering(answer)) as (service, client):
        failed = await failure(client, service.address, request())
        assert (failed.reason, failed.sent) == (Reason.BAD_ANSWER, True)
        await asyncio.sleep(0)
        assert client.idle == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: " + b"y" * 400_000,
    ],
)
async def test_an_answer_that_breaks_off_is_cut_after_what_came(answer: bytes):
    async with serving(answering(answer, close=True)) as (service, client):
        answered = await client.send(service.address, request(), fresh=False)
        assert await answered.read() == b"ok"
        with pytest.raises(UpstreamFailureError) as failed:
            await answered.read()
        answered.close()
        assert failed.value.reason is Reason.ANSWER_CUT
        assert client.idle == 0


@pytest.mark.parametrize(
    ("head", "waits"),
    [
        (b"Content-Length: 2\r\n", True),
        (b"Transfer-Encoding: chunked\r\n", False),
        (b"Connection: close\r\n", False),
    ],
)
async def test_a_head_waits_for_the_first_bytes_of_a_body_only_where_it_announces_its_length(head: bytes, waits: bool):
    seen = asyncio.Event()

    async def script(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await service.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        await seen.wait()
        writer.transport.abort()

    async with serving(script) as (service, client):
        asked = asyncio.create_task(client.send(service.address, request(), fresh=False))
        done, _ = await asyncio.wait({asked}, timeout=0.2)
        assert bool(done) is not waits
        seen.set()
        if waits:
            with pytest.raises(UpstreamFailureError) as failed:
                await asked
            assert (failed.value.reason, failed.value.sent) == (Reason.RESET, True)
        else:
            (await asked).close()


async def test_a_body_is_sent_with_its_length_or_in_chunks():
    async def script(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await service.head(reader)
            if b"chunked" in head:
                service.heads.append(await reader.readuntil(b"0\r\n\r\n"))
            else:
                service.heads.append(await reader.readexactly(5))
            writer.write(OK)

    async with serving(script) as (service, client):
        await whole(client, service.address, request("POST", pieces(b"ab", b"cde"), content_length="5"))
        await whole(client, service.address, request("POST", pieces(b"ab", b"cde")))
        assert service.heads[1::2] == [b"abcde", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"]
        assert service.connections == 1


async def test_a_body_of_another_length_than_promised_never_becomes_the_next_request():
    async with serving(answering(OK)) as (service, client):
        with suppress(UpstreamFailureError):
            await whole(client, service.address, request("POST", pieces(b"abc"), content_length="30"))
        assert (await whole(client, service.address, request()))[2] == b"ok"
        assert service.connections == 2


async def test_a_refusal_arrives_though_the_service_closes_while_the_body_is_still_being_sent():
    """Closed with data unread, the service's side sends a reset right behind its answer."""

    async def script(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await service.head(reader)
        writer.write(b"HTTP/1.1 413 Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2000):
            yield bytes(64 * 1024)

    async with serving(script) as (service, client):
        for _ in range(20):
            answer = await whole(client, service.address, request("POST", endless()))
            assert (answer[0], answer[2]) == (413, b"big")


async def test_a_service_that_does_not_read_stops_the_body_and_one_that_is_not_read_has_to_wait():
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 64 * 1024
            yield bytes(64 * 1024)

    written = 0

    async def script(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        reader._transport.pause_reading() if b"POST" in await service.head(reader) else None  # type: ignore[attr-defined]
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n%b\r\n" % bytes(65536))
            await writer.drain()
            written += 65536

    async def stands_still() -> bool:
        before = taken, written
        await asyncio.sleep(0.1)
        return before == (taken, written) and min(before) > 0

    async with serving(script) as (service, client):
        answer = await client.send(service.address, request("POST", endless()), fresh=False)
        await eventually(stands_still)
        assert max(taken, written) < 40 * HIGH_WATER
        assert len(await answer.read()) < 4 * HIGH_WATER
        answer.close()


async def test_a_cancelled_request_closes_its_connection():
    gone = asyncio.Event()

    async def script(service: Service, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await service.head(reader)
        with suppress(ConnectionError):
            await reader.read()
        gone.set()

    async with serving(script) as (service, client):
        sending = asyncio.create_task(client.send(service.address, request(), fresh=False))

        async def arrived() -> bool:
            return bool(service.heads)

        await eventually(arrived)
        sending.cancel()
        await asyncio.wait_for(gone.wait(), 1)
        await asyncio.sleep(0)
        assert client.open == 0


async def test_who_is_over_the_limit_waits_for_a_place_and_idle_ones_elsewhere_make_room():
    async with serving(answering(OK), connections=2) as (service, client), serving(answering(OK)) as (other, _):
        answers = [await client.send(service.address, request(), fresh=False) for _ in range(2)]
        waiting = [asyncio.create_task(whole(client, other.address, request())) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        waiting[0].cancel()
        for answer in answers:
            assert await answer.read() == b"ok"
            answer.close()
        assert [(await task)[2] for task in waiting[1:]] == [b"ok", b"ok"]
        assert client.open <= 2


async def test_nothing_was_sent_where_no_connection_stands():
    with refusing() as address:
        async with PooledUpstream(1, 1, 1) as client:
            host, _, port = address.partition(":")
            failed = await failure(client, Address(host, int(port)), request())
            assert (failed.reason, failed.sent) == (Reason.CONNECT_FAILED, False)
            assert client.open == 0


ANSWERS = [
    OK,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.sampled_from(ANSWERS), cuts=st.lists(st.integers(1, 60), max_size=6))
def test_it_does_not_matter_where_the_network_splits_an_answer(answer: bytes, cuts: list[int]):
    async def script(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await service.head(reader)
            begin = 0
            for cut in [*sorted(set(cuts)), len(answer)]:
                writer.write(answer[begin:cut])
                begin = max(begin, cut)
                await asyncio.sleep(0)

    async def twice() -> None:
        async with serving(script) as (service, client):
            for _ in range(2):
                assert (await whole(client, service.address, request()))[::2] == (200, b"ok")
            assert service.connections == 1

    asyncio.run(twice())


@settings(max_examples=30, deadline=None)
@given(
    data=st.lists(
        st.one_of(st.binary(max_size=30), st.sampled_from([*ANSWERS, b"HTTP/1.1 ", b"\r\n\r\n", b"Content-Length: 9"])),
        max_size=4,
    ).map(b"".join)
)
def test_whatever_a_service_sends_is_an_answer_or_a_failure_and_nothing_stays(data: bytes):
    async def once() -> None:
        async with serving(answering(data, close=True)) as (service, client):
            with suppress(UpstreamFailureError):
                status, _, _ = await whole(client, service.address, request())
                assert 200 <= status <= 599
            await asyncio.sleep(0)
            assert client.open == client.idle

    asyncio.run(once())
