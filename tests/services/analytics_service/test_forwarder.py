import asyncio
from dataclasses import replace

import pytest

from opsbuddy_analytics_service import factory
from opsbuddy_analytics_service.models import StoredLog
from opsbuddy_analytics_service.service.forwarder import Forwarder
from opsbuddy_analytics_service.storage.stores import Waiting
from opsbuddy_core.errors import UnavailableError
from tests.support.wait import eventually


def log(time: int) -> StoredLog:
    return StoredLog(time, time, "INFO", "l", f"m{time}", "s", None, None, None, None, f"e{time}")


class Source:
    """A journal in memory."""

    def __init__(self, *times: int, horizon: int = 0) -> None:
        self.logs = {time: log(time) for time in times}
        self.start, self.refused = horizon, []

    async def waiting(self, limit: int) -> Waiting:
        return Waiting([self.logs[time] for time in sorted(self.logs)][:limit], len(self.logs))

    async def horizon(self) -> int:
        return self.start

    async def move(self, times: list[int]) -> None:
        for time in times:
            self.logs[time + 100] = replace(self.logs.pop(time), time=time + 100)

    async def settle(self, _upto: int, forwarded: list[int], refused: list[tuple[int, str]]) -> None:
        self.refused += refused
        for time in [*forwarded, *(time for time, _ in refused)]:
            del self.logs[time]


class Target:
    """An archive in memory that overwrites, refuses, and fails."""

    def __init__(self) -> None:
        self.points: dict[int, StoredLog] = {}
        self.bad: set[int] = set()
        self.failures = 0
        self.lost_answers = 0

    async def taken(self, logs: list[StoredLog]) -> set[int]:
        return {
            each.time for each in logs if each.time in self.points and self.points[each.time].event_id != each.event_id
        }

    async def write(self, logs: list[StoredLog]) -> list[tuple[int, str]]:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("down", retry_after=0)
        self.points |= {each.time: each for each in logs if each.time not in self.bad}
        if self.lost_answers:
            self.lost_answers -= 1
            raise UnavailableError("the answer was lost", retry_after=0)
        return [(each.time, "bad") for each in logs if each.time in self.bad]


async def test_what_waits_is_forwarded_once() -> None:
    source, target = Source(1, 2), Target()
    forwarder = Forwarder(source, target)
    assert [await forwarder.once(), await forwarder.once()] == [2, 0]
    assert (sorted(target.points), source.logs) == ([1, 2], {})


async def test_a_failure_keeps_everything_waiting_and_a_lost_answer_doubles_nothing() -> None:
    source, target = Source(1, 2), Target()
    forwarder = Forwarder(source, target)
    target.failures, target.lost_answers = 1, 1
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await forwarder.once()
        assert sorted(source.logs) == [1, 2]
    await forwarder.once()
    assert [each.message for each in target.points.values()] == ["m1", "m2"]


async def test_a_failure_that_nobody_foresaw_is_shown_and_does_not_end_forwarding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opsbuddy_analytics_service.service.forwarder.IDLE", 0.01)
    monkeypatch.setattr("opsbuddy_analytics_service.service.forwarder.LONGEST_PAUSE", 0.01)
    source, target = Source(1, 2), Target()
    forwarder, write = Forwarder(source, target), target.write

    async def broken(_: list[StoredLog]) -> list[tuple[int, str]]:
        raise RuntimeError

    async def shown() -> bool:
        return forwarder.trouble == "An error inside: RuntimeError."

    async def forwarded() -> bool:
        return not source.logs and forwarder.trouble is None

    monkeypatch.setattr(target, "write", broken)
    task = asyncio.create_task(forwarder.run())
    try:
        await eventually(shown)
        monkeypatch.setattr(target, "write", write)
        await eventually(forwarded)
    finally:
        task.cancel()
    assert sorted(target.points) == [1, 2]


async def test_work_in_the_background_that_breaks_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "ANEW", 0.01)
    begun = []

    class Breaking:
        async def run(self) -> None:
            begun.append(1)
            if len(begun) < 3:
                raise RuntimeError

    await factory._going(Breaking())
    assert len(begun) == 3


async def test_a_refused_log_is_put_aside_with_its_reason_and_holds_nobody_up() -> None:
    source, target = Source(1, 2, 3), Target()
    target.bad = {2}
    await Forwarder(source, target).once()
    assert (sorted(target.points), source.refused, source.logs) == ([1, 3], [(2, "bad")], {})


async def test_a_latecomer_moves_aside_for_another_log_but_not_for_itself() -> None:
    source, target = Source(1, 2, horizon=10), Target()
    target.points = {1: replace(log(1), event_id="another"), 2: log(2)}
    forwarder = Forwarder(source, target)
    assert [await forwarder.once(), await forwarder.once()] == [2, 0]
    assert {time: each.event_id for time, each in target.points.items()} == {1: "another", 2: "e2", 101: "e1"}
