import asyncio

import pytest
from prometheus_client import REGISTRY

from opsbuddy_operator.cluster.api import RefusedError, TerminatingError, UnavailableError
from opsbuddy_operator.models import Key, Subject
from opsbuddy_operator.queue import Queue
from opsbuddy_operator.reconcile.workers import LEAVE_ALONE, Workers
from tests.support.wait import eventually

WEB, API, OTHER = Key(Subject.SERVICE, "t", "web"), Key(Subject.SERVICE, "t", "api"), Key(Subject.SERVICE, "u", "web")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Answers each key with what it was told to, and remembers who asked when."""

    def __init__(self) -> None:
        self.answers: dict[Key, Exception | float | None] = {}
        self.done: list[Key] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0

    async def __call__(self, key: Key) -> float | None:
        self.running += 1
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        self.done.append(key)
        answer = self.answers.get(key)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
async def parts():
    clock, work = Clock(), Work()
    queue = Queue(clock, lambda: 0.0)
    workers = Workers(queue, {Subject.SERVICE: work, Subject.ROUTES: work}, 2, clock)
    workers.start()
    yield clock, queue, work, workers
    await workers.stop(0.1)


async def idle(queue: Queue) -> None:
    async def nothing():
        return queue.schedule.depth == 0 and not queue.schedule.running

    await eventually(nothing, every=0)


async def test_success_may_ask_to_be_looked_at_again(parts):
    _, queue, work, _ = parts
    work.answers[WEB] = 30.0
    queue.add(WEB)
    await idle(queue)
    assert queue.schedule.delayed == {WEB: 30.0}


@pytest.mark.parametrize("error", [UnavailableError("down"), RefusedError("no"), TimeoutError(), ZeroDivisionError()])
async def test_whatever_fails_is_put_back_with_growing_pauses(parts, error):
    clock, queue, work, _ = parts
    work.answers[WEB] = error
    pauses = []
    queue.add(WEB)
    for _ in range(4):
        await idle(queue)
        pauses.append(queue.schedule.delayed[WEB] - clock.now)
        clock.now = queue.schedule.delayed[WEB]
        queue._changed.set()
        await asyncio.sleep(0)
    assert pauses == [0.5, 1, 2, 4]


async def test_what_is_done_put_back_and_left_is_counted_with_its_time(parts):
    _, queue, work, _ = parts

    def counted() -> list[float]:
        results = [
            REGISTRY.get_sample_value(
                "opsbuddy_operator_reconcile_seconds_count", {"subject": "service", "result": result}
            )
            for result in ("done", "retried", "left")
        ]
        waits = REGISTRY.get_sample_value("opsbuddy_operator_queue_wait_seconds_count", {"subject": "service"})
        retries = REGISTRY.get_sample_value("opsbuddy_operator_retries_total", {"subject": "service"})
        return [value or 0.0 for value in (*results, waits, retries)]

    before = counted()
    for answer in (None, RefusedError("no"), TerminatingError("going")):
        work.answers[WEB] = answer
        queue.add(WEB)
        await idle(queue)
    assert [after - earlier for after, earlier in zip(counted(), before, strict=True)] == [1, 1, 1, 3, 1]


async def test_a_pause_that_the_api_server_asks_for_holds_for_all(parts):
    clock, queue, work, _ = parts
    work.answers[WEB] = UnavailableError("slow down", retry_after=7)
    queue.add(WEB)
    await idle(queue)
    queue.add(API)
    for _ in range(5):
        await asyncio.sleep(0)
    assert work.done == [WEB]
    work.answers.clear()
    clock.now = 7.1
    queue._changed.set()

    async def both():
        return work.done in ([WEB, WEB, API], [WEB, API, WEB])

    await eventually(both, every=0)


async def test_in_a_namespace_that_is_being_deleted_nothing_more_is_tried(parts):
    clock, queue, work, _ = parts
    work.answers[WEB] = TerminatingError("being terminated")
    queue.add(WEB)
    await idle(queue)
    for key in (API, OTHER, WEB):
        queue.add(key)
    await idle(queue)
    assert work.done == [WEB, OTHER]
    clock.now = LEAVE_ALONE + 0.1
    work.answers.clear()
    queue._changed.set()

    async def tried_again():
        return sorted(work.done[2:]) == sorted([API, WEB])

    await eventually(tried_again, every=0)


async def test_the_end_waits_for_work_in_flight_and_takes_no_more(parts):
    _, queue, work, workers = parts
    work.gate.clear()
    queue.add(WEB)

    async def busy():
        return work.running == 1

    await eventually(busy, every=0)
    stopping = asyncio.create_task(workers.stop(5))
    queue.add(API)
    await asyncio.sleep(0)
    work.gate.set()
    await stopping
    assert work.done == [WEB]
    assert queue.schedule.depth == 1


async def test_an_abort_puts_back_what_was_being_done(parts):
    _, queue, work, workers = parts
    work.gate.clear()
    queue.add(WEB)

    async def busy():
        return work.running == 1

    await eventually(busy, every=0)
    workers.abort()

    async def back():
        return not queue.schedule.running and WEB in queue.schedule.delayed

    await eventually(back, every=0)
    assert work.done == []


async def test_it_can_start_again_after_an_abort(parts):
    _, queue, work, workers = parts
    workers.abort()
    workers.start()
    queue.add(WEB)
    await idle(queue)
    assert work.done == [WEB]
