import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from opsbuddy_core import shipping
from opsbuddy_core.shipping import DROPPED, LogShipper
from tests.support.wait import eventually


class Analytics:
    def __init__(self) -> None:
        self.status = 200
        self.batches: list[list[dict[str, Any]]] = []
        self.keys: list[str] = []
        self.lost_answers = 0
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        key = request.headers["idempotency-key"]
        if self.status == 200 and key not in self.keys:
            self.keys.append(key)
            self.batches.append(orjson.loads(await request.read())["logs"])
        if self.lost_answers:
            self.lost_answers -= 1
            request.transport.abort()
        return web.json_response({}, status=self.status)

    @property
    def numbers(self) -> list[int]:
        return [record["n"] for batch in self.batches for record in batch]


@pytest.fixture
async def analytics() -> AsyncIterator[Analytics]:
    service = Analytics()
    app = web.Application()
    app.router.add_post("/logs", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "INTERVAL", 0.01)


def dropped(reason: str) -> float:
    return DROPPED.labels(reason)._value.get()


async def test_records_arrive_in_order_and_in_batches(analytics: Analytics) -> None:
    shipper = LogShipper(analytics.url)
    for n in range(1200):
        shipper.offer({"n": n})
    await shipper.start()
    await eventually(lambda: _is(analytics.numbers, list(range(1200))))
    await shipper.stop()
    assert [len(batch) for batch in analytics.batches] == [500, 500, 200]


async def test_an_outage_loses_nothing_and_doubles_nothing(analytics: Analytics) -> None:
    analytics.status = 503
    shipper = LogShipper(analytics.url)
    await shipper.start()
    for n in range(10):
        shipper.offer({"n": n})
    await asyncio.sleep(0)
    analytics.status = 200
    await eventually(lambda: _is(analytics.numbers, list(range(10))))
    await shipper.stop()


async def test_a_batch_whose_answer_was_lost_is_the_same_batch_again(analytics: Analytics) -> None:
    analytics.lost_answers = 2
    shipper = LogShipper(analytics.url)
    await shipper.start()
    shipper.offer({"n": 0})
    await eventually(lambda: _is(analytics.numbers, [0]))
    for n in range(1, 5):
        shipper.offer({"n": n})
    await eventually(lambda: _is(analytics.numbers, list(range(5))))
    await shipper.stop()


async def test_what_is_left_is_shipped_at_the_end(analytics: Analytics) -> None:
    shipper = LogShipper(analytics.url)
    shipper.offer({"n": 1})
    await shipper.stop()
    assert analytics.numbers == [1]


async def test_a_full_queue_drops_the_oldest_and_counts_them(
    monkeypatch: pytest.MonkeyPatch, analytics: Analytics
) -> None:
    monkeypatch.setattr(shipping, "QUEUE_LIMIT", 3)
    before = dropped("queue_full")
    shipper = LogShipper(analytics.url)
    for n in range(5):
        shipper.offer({"n": n})
    await shipper.stop()
    assert analytics.numbers == [2, 3, 4]
    assert dropped("queue_full") - before == 2


async def test_refused_records_are_counted_and_not_sent_again(analytics: Analytics) -> None:
    analytics.status = 422
    before = dropped("refused")
    shipper = LogShipper(analytics.url)
    shipper.offer({"n": 1})
    await shipper.stop()
    assert dropped("refused") - before == 1


async def test_stopping_ends_in_time_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "FLUSH_LIMIT", 0.2)
    before = dropped("shutdown")
    shipper = LogShipper("http://127.0.0.1:9")
    shipper.offer({"n": 1})
    async with asyncio.timeout(5):
        await shipper.stop()
    assert dropped("shutdown") - before == 1


async def test_what_is_logged_after_the_end_is_counted(analytics: Analytics) -> None:
    shipper = LogShipper(analytics.url)
    await shipper.stop()
    before = dropped("shutdown")
    shipper.offer({"n": 1})
    assert dropped("shutdown") - before == 1


async def _is(seen: list[int], wanted: list[int]) -> bool:
    assert seen == wanted
    return True
