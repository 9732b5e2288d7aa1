"""What the demo does when a service does not take its part of the day."""

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
