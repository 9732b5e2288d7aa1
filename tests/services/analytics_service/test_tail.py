"""The live tail: each log once, whatever it holds and however often the connection ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from opsbuddy_analytics_service.handlers.tail import frame
from opsbuddy_analytics_service.models import LogFilter, NewLog
from opsbuddy_analytics_service.service import tails
from opsbuddy_analytics_service.service.intake import judge
from opsbuddy_analytics_service.service.tails import Event, Tails
from opsbuddy_analytics_service.storage.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.sqlite import SqliteStore
from tests.services.analytics_service.conftest import entry
from tests.support.processes import Process

ALL = LogFilter()


class Stage:
    """A journal and its tails."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.journal = journal
        self.tails = Tails(journal, most=3, ping=0.05)
        journal.on_append = self.tails.poke

    async def send(self, *messages: str, **changes: Any) -> None:
        logs = [judge(entry(message, **changes)) for message in messages]
        await self.journal.append([log for log in logs if isinstance(log, NewLog)])


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    store = SqliteStore(tmp_path / "logs.sqlite3", MIGRATIONS)
    await store.start()
    journal = SqliteJournal(store)
    await journal.begin(archived=False)
    made = Stage(journal)
    task = asyncio.create_task(made.tails.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.stop()


async def take(events: AsyncIterator[Event], number: int) -> list[Event]:
    """Return the next events that are logs or gaps."""
    found: list[Event] = []
    async with asyncio.timeout(10):
        while len(found) < number:
            event = await anext(events)
            if event.log or event.gap:
                found.append(event)
    return found


def messages(events: list[Event]) -> list[str]:
    return [event.log.message if event.log else f"gap {event.missed}" for event in events]


def parsed(raw: str) -> list[dict[str, str]]:
    """Read frames as the standard of server-sent events says: CR, LF and CRLF all end a line."""
    found: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for line in raw.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        if not line:
            found += [current] if "data" in current else []
            current = {}
        elif name == "data" and "data" in current:
            current["data"] += "\n" + value.removeprefix(" ")
        elif name:
            current[name] = value.removeprefix(" ")
    return found


async def test_line_breaks_in_a_message_break_and_forge_no_event(stage: Stage) -> None:
    texts = ['Trace:\n  File "a.py"\n\nValueError: x', "p\rid: 999\revent: gap\rdata: forged", "last \u2028\x85"]
    async with aclosing(stage.tails.follow(ALL, None)) as events:
        await anext(events)
        await stage.send(*texts)
        seen = await take(events, 3)
    frames = parsed("".join(frame(event).decode() for event in seen))
    assert [each["event"] for each in frames] == ["log"] * 3
    assert [json.loads(each["data"])["message"] for each in frames] == texts
    assert "999" not in [each["id"] for each in frames]


async def test_over_reconnects_every_log_comes_exactly_once_twins_too(stage: Stage) -> None:
    last, seen = None, []
    for turn in range(4):
        async with aclosing(stage.tails.follow(ALL, last)) as events:
            last = (await anext(events)).id
            await stage.send(f"live {turn}", f"live {turn}")
            got = await take(events, 2 if turn == 0 else 4)
            last = got[-1].id
            seen += messages(got)
        await stage.send(f"between {turn}", f"between {turn}")
    expected = [text for n in range(4) for text in [f"live {n}"] * 2 + [f"between {n}"] * 2][:-2]
    assert seen == expected


@pytest.mark.parametrize("unknown", ["never", "1-1", "abc-", "-5", "0-99999999999999999999", "\u0661-1"])
async def test_an_unknown_id_is_one_gap_and_then_live_not_the_whole_history(stage: Stage, unknown: str) -> None:
    await stage.send("old 1", "old 2")
    async with aclosing(stage.tails.follow(ALL, unknown)) as events:
        first = await anext(events)
        await stage.send("new")
        assert (first.gap, first.missed) == (True, None)
        assert messages(await take(events, 1)) == ["new"]


async def test_a_reader_that_is_away_too_long_is_told_how_much_it_missed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "REPLAY", 3)
    async with aclosing(stage.tails.follow(ALL, None)) as events:
        last = (await anext(events)).id
    await stage.send(*[f"m{n}" for n in range(10)])
    async with aclosing(stage.tails.follow(ALL, last)) as events:
        assert messages(await take(events, 4)) == ["gap 7", "m7", "m8", "m9"]


async def test_a_slow_reader_is_told_of_its_gap_and_holds_nothing_up(stage: Stage) -> None:
    stage.tails._ring = tails.deque(maxlen=3)
    async with aclosing(stage.tails.follow(ALL, None)) as slow, aclosing(stage.tails.follow(ALL, None)) as quick:
        await stage.send("first")
        await anext(slow)
        await anext(quick)
        await stage.send("second")
        assert messages(await take(slow, 1)) == messages(await take(quick, 1)) == ["second"]
        for n in range(6):
            await stage.send(f"m{n}")
            assert messages(await take(quick, 1)) == [f"m{n}"]
        assert messages(await take(slow, 4)) == ["gap 3", "m3", "m4", "m5"]


async def test_a_filter_lets_through_what_a_query_would_find(stage: Stage) -> None:
    async with aclosing(stage.tails.follow(LogFilter(service="a", level="ERROR", text="Dis"), None)) as events:
        await anext(events)
        await stage.send("disk", service="a")
        await stage.send("disk", service="b", level="ERROR")
        await stage.send("the DISK", "other", service="a", level="ERROR")
        await stage.send("dis", service="a", level="ERROR")
        assert messages(await take(events, 2)) == ["the DISK", "dis"]


async def test_a_quiet_tail_shows_life_and_moves_its_id_on(stage: Stage) -> None:
    async with aclosing(stage.tails.follow(LogFilter(service="none"), None)) as events:
        first = await anext(events)
        await stage.send("not for this one")
        async with asyncio.timeout(10):
            while (event := await anext(events)).id == first.id:
                pass
    assert event.log is None
    raw = frame(event).decode()
    assert raw.startswith(":")
    assert parsed(raw) == []


async def test_tails_are_bounded_and_end_when_the_service_does(stage: Stage) -> None:
    opened = [stage.tails.follow(ALL, None) for _ in range(3)]
    for events in opened:
        await anext(events)
    with pytest.raises(UnavailableError):
        await anext(stage.tails.follow(ALL, None))
    await stage.tails.end()
    async with asyncio.timeout(10):
        for events in opened:
            assert [event async for event in events if event.log] == []
    assert stage.tails.readers == 0


@pytest.mark.process
@pytest.mark.timeout(60)
async def test_over_http_a_tail_follows_goes_on_and_does_not_keep_the_service_from_ending(tmp_path: Path) -> None:
    process = Process(
        "opsbuddy_analytics_service.main", {"DATA_DIR": str(tmp_path), "LOG_LEVEL": "ERROR"}, tmp_path / "log"
    )
    await process.start()
    try:
        async with httpx2.AsyncClient(base_url=process.url, timeout=20) as http:
            last = ""
            for turn in range(2):
                headers = {"last-event-id": last} if last else {}
                async with http.stream("GET", "/logs/tail?service=shop", headers=headers) as answer:
                    assert answer.headers["content-type"].startswith("text/event-stream")
                    lines = answer.aiter_lines()
                    while not (await anext(lines)).startswith("id: "):
                        pass
                    assert (
                        await http.post("/logs", json=[entry(f"m{turn}"), entry("no", service="b")])
                    ).status_code == 200
                    seen = [line async for line in _until(lines, "data: ")]
                    assert f'"message":"m{turn}"' in seen[-1]
                    last = next(line for line in reversed(seen) if line.startswith("id: ")).removeprefix("id: ")
            async with http.stream("GET", "/logs/tail", headers={"last-event-id": last}) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                begun = time.monotonic()
                assert await process.end() == 0
                assert time.monotonic() - begun < 10
    finally:
        await process.end()


async def _until(lines: AsyncIterator[str], start: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith(start):
            return
