"""What the demo does when a service does not take its part of the day."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from demo.day import fill
from demo.day.files import File


def _gateway(*answers: web.Response) -> tuple[web.Application, list[bytes]]:
    """Return a gateway that gives these answers in turn, and the bodies that it was sent."""
    left, bodies = list(answers), list[bytes]()

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return left.pop(0)

    app = web.Application()
    app.router.add_route("POST", "/api/files/upload", answer)
    return app, bodies


def _later(seconds: int) -> web.Response:
    return web.json_response({"detail": "later"}, status=503, headers={"Retry-After": str(seconds)})


async def test_who_asks_to_come_later_is_sent_the_same_again() -> None:
    app, bodies = _gateway(_later(0), web.json_response({"id": "one"}))
    file = File("a.txt", b"kept whole", "text/plain", {})
    async with TestClient(TestServer(app)) as client:
        assert await fill._send(client, "POST", "/api/files/upload", form=lambda: fill._form(file)) == {"id": "one"}
    assert [b"kept whole" in body for body in bodies] == [True, True]


@pytest.mark.parametrize("answer", [_later(3600), web.json_response({"detail": "too long"}, status=413)])
async def test_who_refuses_or_wants_more_than_patience_is_named_with_the_way_out(answer: web.Response) -> None:
    app, bodies = _gateway(answer)
    async with TestClient(TestServer(app)) as client:
        with pytest.raises(fill.FillError, match=r"/api/files/upload did not take .* DEMO_DATA=0 starts without"):
            await fill._send(client, "POST", "/api/files/upload", json={})
    assert len(bodies) == 1


class Stores:
    """What a gateway was sent, by what tells one thing from another there. From the `cut`-th request on it refuses all."""

    def __init__(self) -> None:
        self.logs: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.files: Counter[str] = Counter()
        self.configs: Counter[str] = Counter()
        self.cut = 0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        self.cut -= 1
        if self.cut == 0:
            return web.json_response({"detail": "gone"}, status=500)
        take = {"/api/analytics/logs": self._logs, "/api/timeseries/api/v2/write": self._points}
        take |= {"/api/files/upload": self._file, "/api/files": self._list, "/api/utils/configs": self._config}
        return web.json_response(await take.get(request.path, self._config)(request))

    async def _logs(self, request: web.Request) -> dict[str, Any]:
        self.logs.update(log["event_id"] for log in await request.json())
        return {}

    async def _points(self, request: web.Request) -> dict[str, Any]:
        self.points.update((await request.text()).splitlines())
        return {}

    async def _file(self, request: web.Request) -> dict[str, Any]:
        self.files[str(getattr((await request.post())["file"], "filename", ""))] += 1
        return {}

    async def _list(self, _: web.Request) -> dict[str, Any]:
        return {"files": [{"filename": name} for name in self.files]}

    async def _config(self, request: web.Request) -> dict[str, Any]:
        self.configs[(await request.json())["name"]] += 1
        return {"id": "one"}


@pytest.mark.parametrize("cut", [1, 5, 9])
async def test_a_day_that_was_cut_off_is_sent_again_as_the_same_day(tmp_path: Path, cut: int) -> None:
    stores, whole = Stores(), Stores()
    stores.cut = cut
    async with TestClient(TestServer(stores.app())) as client:
        address = str(client.make_url("/"))
        with pytest.raises(fill.FillError):
            await fill.fill_once(address, tmp_path, {})
        mark = json.loads((tmp_path / fill.MARK).read_text())
        mark["end"] = "2026-01-31 12:00:00+00:00"  # as if that had been long ago
        (tmp_path / fill.MARK).write_text(json.dumps(mark))
        stores.logs.clear()
        stores.points.clear()
        story = await fill.fill_once(address, tmp_path, {})
        assert story is not None
        assert str(story.end) == mark["end"]
        assert await fill.fill_once(address, tmp_path, {}) is None
    async with TestClient(TestServer(whole.app())) as client:
        await fill.fill(str(client.make_url("/")), story)
    assert stores.logs == whole.logs
    assert stores.points == whole.points
    assert set(stores.files.values()) == {1}


@pytest.mark.parametrize(
    ("given", "said"),
    [({"DEMO_DATA": "no"}, "DEMO_DATA is 'no'"), ({"DEMO_SEED": "abc"}, "DEMO_SEED is 'abc'")],
    ids=["data", "seed"],
)
def test_what_it_is_filled_with_has_to_be_understood(given: dict[str, str], said: str) -> None:
    with pytest.raises(fill.FillError, match=said):
        fill.wanted(given)


def test_a_variable_that_is_there_but_empty_is_one_that_is_not() -> None:
    assert fill.wanted({"DEMO_DATA": "", "DEMO_SEED": ""}) == fill.wanted({})
    assert fill.wanted({"DEMO_DATA": "0"}) is None
