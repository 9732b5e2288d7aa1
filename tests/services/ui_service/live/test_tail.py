import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from opsbuddy_core.health import Health
from opsbuddy_ui_service.clients.gateway import HttpGateway
from opsbuddy_ui_service.handlers.streams import Streams
from opsbuddy_ui_service.live import tail as tails
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.live.tail import Batch, Condition, Held, Tail
from opsbuddy_ui_service.rendering.assets import Assets
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_ui_service.views.platform import Surroundings
from tests.support.closing import close


@dataclass
class Source:
    """An analytics service that has logs numbered from 1, gives each once after the id that a reader names, and can be cut."""

    logs: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)
    refusal: int = 0
    port: int = 0
    runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/api/analytics/logs/tail", self._follow)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        if self.runner:
            await close(self.runner)

    async def write(self, *messages: str) -> None:
        async with self.more:
            self.logs += messages
            self.more.notify_all()

    async def sever(self) -> None:
        """Cut every connection."""
        async with self.more:
            self.cut.set()
            self.more.notify_all()
            self.cut = asyncio.Event()

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        if self.refusal:
            return web.json_response({"detail": "level is none of DEBUG, INFO."}, status=self.refusal)
        last = request.headers.get("last-event-id", "")
        self.asked.append((request.query.get("service", ""), last))
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        place, known = len(self.logs), last.startswith("j-")
        await answer.write(b"retry: 1000\n\n")
        if last and not known:
            await answer.write(f'id: j-{place}\nevent: gap\ndata: {{"missed": null}}\n\n'.encode())
        elif known:
            place = int(last[2:])
        await answer.write(f": still here\nid: j-{place}\n\n".encode())
        cut = self.cut
        while not cut.is_set():
            for number, message in enumerate(self.logs[place:], place + 1):
                log = {"message": message, "event_id": str(number), "service": "a", "timestamp": "2026-01-01T00:00:00Z"}
                await answer.write(f"id: j-{number}\nevent: log\ndata: {json.dumps(log)}\n\n".encode())
            place = len(self.logs)
            async with self.more:
                while not cut.is_set() and len(self.logs) == place:
                    await self.more.wait()
        return answer


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    source = Source()
    await source.start()
    yield source
    await source.sever()
    await source.stop()


@pytest.fixture
async def gateway(source: Source, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpGateway]:
    monkeypatch.setattr(tails, "RETRY", 0.01)
    monkeypatch.setattr(tails, "PACE", 0.0)
    gateway = HttpGateway(UiSettings(gateway_url=f"http://127.0.0.1:{source.port}"))
    async with gateway.connected():
        yield gateway


async def until(
    batches: AsyncGenerator[Batch | Condition], done: Callable[[list[Batch | Condition]], bool]
) -> list[Batch | Condition]:
    """Return what came until it was enough."""
    came: list[Batch | Condition] = []
    async with asyncio.timeout(10):
        while not done(came):
            came.append(await anext(batches))
    return came


def messages(came: list[Batch | Condition]) -> list[str]:
    return [record["message"] for each in came if isinstance(each, Batch) for record in each.records]


async def test_each_log_comes_once_over_connections_that_break_and_nobody_is_told_of_them(
    source: Source, gateway: HttpGateway
) -> None:
    batches = Tail(gateway, {"service": "a b"}, {}, "").batches()
    assert await until(batches, bool) == [Condition("open", fresh=True)]
    came: list[Batch | Condition] = []
    for number in range(5):
        await source.write(f"line {number}", f"line {number}")  # twins are two logs
        came += await until(batches, lambda those: len(messages(those)) == 2)
        await source.sever()
        await source.write(f"meanwhile {number}")
        came += await until(batches, lambda those: len(messages(those)) == 1)
    await batches.aclose()
    assert messages(came) == source.logs
    assert not [each for each in came if isinstance(each, Condition) or each.gap]
    assert source.asked[0] == ("a b", "")
    assert source.asked[1][1] == "j-2"


async def test_a_reader_goes_on_after_the_last_log_that_it_had(source: Source, gateway: HttpGateway) -> None:
    source.logs = ["one", "two", "three"]
    batches = Tail(gateway, {}, {}, "j-1").batches()
    came = await until(batches, lambda those: len(messages(those)) == 2)
    await batches.aclose()
    assert messages(came) == ["two", "three"]
    assert came[0] == Condition("open", fresh=False)
    assert [each.id for each in came if isinstance(each, Batch)][-1] == "j-3"


async def test_an_id_that_never_was_is_one_gap_and_then_what_comes(source: Source, gateway: HttpGateway) -> None:
    source.logs = ["history"] * 50
    batches = Tail(gateway, {}, {}, "other-7").batches()
    came = await until(batches, lambda those: any(isinstance(each, Batch) and each.gap for each in those))
    await source.write("live")
    came += await until(batches, lambda those: bool(messages(those)))
    await batches.aclose()
    assert [(each.gap, each.missed) for each in came if isinstance(each, Batch) and each.gap] == [(True, None)]
    assert messages(came) == ["live"]


async def test_a_service_that_is_gone_is_said_to_be_and_said_to_be_back(
    source: Source, gateway: HttpGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "PATIENCE", 0.05)
    batches = Tail(gateway, {}, {}, "").batches()
    await until(batches, bool)
    await source.sever()
    await source.stop()
    (lost,) = await until(batches, bool)
    assert isinstance(lost, Condition)
    assert (lost.state, "cannot be reached" in lost.words) == ("lost", True)
    await source.start()
    assert await until(batches, bool) == [Condition("open", fresh=False)]
    await batches.aclose()


async def test_a_search_that_the_service_refuses_ends_the_tail_with_its_words(
    source: Source, gateway: HttpGateway
) -> None:
    source.refusal = 422
    batches = Tail(gateway, {"level": "LOUD"}, {}, "").batches()
    assert await until(batches, bool) == [Condition("ended", words="level is none of DEBUG, INFO.")]
    await batches.aclose()


def test_what_comes_faster_than_it_is_taken_is_dropped_oldest_first_and_counted() -> None:
    held = Held()
    for number in range(tails.HELD + 42):
        held.add(f"j-{number}", f'{{"number": {number}}}')
    assert held.take() == Batch("", gap=True, missed=42)
    first = held.take()
    assert isinstance(first, Batch)
    assert [record["number"] for record in first.records] == list(range(42, 42 + tails.BATCH))
    assert first.id == f"j-{41 + tails.BATCH}"


def test_what_waits_is_bounded_by_its_bytes_too() -> None:
    held = Held()
    for number in range(200):
        held.add(f"j-{number}", '{"message": "' + "m" * 100_000 + '"}')
    assert held.size <= tails.HELD_BYTES
    gap = held.take()
    assert isinstance(gap, Batch)
    assert gap.missed == 200 - len(held.logs)
    while held.take():
        pass
    assert held.size == 0


async def test_the_stream_of_a_page_has_the_state_and_the_lines_and_what_a_log_says_stays_text(
    source: Source, gateway: HttpGateway
) -> None:
    settings = UiSettings(gateway_url=f"http://127.0.0.1:{source.port}")
    monitor = Monitor(gateway, Surroundings((), 5), 0.05)
    streams = Streams(monitor, Health("UI", "opsbuddy-ui-service"), Rendering(settings, Assets()), limit=1)
    async with monitor.running(), asyncio.timeout(10):
        events = streams.events("analytics", Tail(gateway, {}, {}, ""), "alert")
        seen: dict[str, str] = {}
        async for frame in events:
            kind = frame.decode().partition("\n")[0]
            seen.setdefault(kind, frame.decode())
            if kind == "event: tail":
                await source.write("<script>alert(1)</script>\nevent: gap")
            if {"event: state", "event: lines"} <= seen.keys():
                break
        await events.aclose()
    lines = seen["event: lines"]
    assert lines.split("\n")[1] == "id: j-1"
    assert "&lt;script&gt;<mark>alert</mark>(1)&lt;/script&gt;" in json.loads(lines.split("\n")[2][6:])["html"]
    assert "\nid:" not in seen["event: state"]
