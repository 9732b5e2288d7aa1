"""Bodies that are slow, too large or no JSON: answered, in bounded time, by name."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import AfterValidator, BaseModel, Field
from starlette.types import Message

from opsbuddy_core.health import Health
from opsbuddy_core.settings import Settings
from opsbuddy_core.web import context
from opsbuddy_core.web.app import create_app
from tests.support.apps import client

JSON = (b"content-type", b"application/json")
LIMIT = 1000


def even(number: int) -> int:
    if number % 2:
        raise ValueError("is no even number")
    return number


class Pair(BaseModel):
    number: Annotated[int, AfterValidator(even)]
    name: Annotated[str, Field(pattern=r"^[^\n]*$")] = ""


@pytest.fixture
def app() -> FastAPI:
    routes = APIRouter()

    @routes.post("/pairs")
    async def create(pair: Pair) -> Pair:
        return pair

    settings = Settings(service_name="test-service", title="Test Service", max_body_bytes=LIMIT, body_idle_seconds=0.05)
    return create_app(settings, Health("Test Service", "opsbuddy-core", ()), [routes])


async def ask(app: FastAPI, pieces: Sequence[bytes], *headers: tuple[bytes, bytes]) -> tuple[int, Any, dict[str, str]]:
    """Send the head and these pieces of a body, then nothing more, and stay."""
    waiting: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    sent: list[Message] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/pairs",
        "raw_path": b"/pairs",
        "query_string": b"",
        "headers": [JSON, *headers],
    }
    async with asyncio.timeout(5):
        await app(scope, receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], json.loads(b"".join(each.get("body", b"") for each in sent[1:])), head


async def test_whoever_pauses_in_a_body_is_answered_and_let_go(app: FastAPI) -> None:
    for pieces in ([], [b'{"number"']):
        status, problem, head = await ask(app, pieces, (b"content-length", b"100"))
        assert (status, problem["type"]) == (408, "urn:opsbuddy:problem:request-timeout")
        assert head["connection"] == "close", "the rest of the body would be taken for a request"


async def test_a_pause_in_a_body_that_is_too_large_anyway_does_not_delay_the_answer_for_long(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "DRAIN_IDLE_SECONDS", 0.05)
    for pieces, header in (([b"{"], (b"content-length", b"9999999999")), ([b" " * 1001], (b"te", b"trailers"))):
        status, problem, head = await ask(app, pieces, header)
        assert (status, problem["type"], head["connection"]) == (413, "urn:opsbuddy:problem:too-large", "close")


async def test_a_body_without_an_end_is_read_for_a_bounded_time(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "DRAIN_SECONDS", 0.05)

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    async with asyncio.timeout(5):
        assert not await context.drain(receive)


async def test_who_asks_before_sending_too_much_is_answered_before(app: FastAPI) -> None:
    """Reading would be the permission to send."""
    status, _, head = await ask(app, [], (b"content-length", b"9999999999"), (b"expect", b"100-continue"))
    assert (status, head["connection"]) == (413, "close")


@pytest.mark.parametrize(
    ("body", "status", "field", "reason"),
    [
        (b"{", 400, "body", "no valid JSON: Expecting property name enclosed in double quotes at character 1"),
        (b"\xff", 400, "body", None),
        (b"[" * 900, 400, "body", None),
        (b'{"number": 1}', 422, "number", "is no even number"),
        (
            b'{"number": 2, "name": "a\\n"}',
            422,
            "name",
            "has characters that are not taken here, or another form than the description says",
        ),
        (b'{"number": 2, "name": "\\ud800"}', 422, "name", "is no text that UTF-8 can write"),
        (b"[]", 422, "body", "expected a JSON object"),
    ],
)
async def test_what_is_wrong_with_a_body_is_said_in_words_of_this_platform(
    app: FastAPI, body: bytes, status: int, field: str, reason: str | None
) -> None:
    async with client(app) as http:
        answer: httpx2.Response = await http.post("/pairs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert reason is None or error["reason"] == reason


async def test_a_packed_body_that_is_not_unpacked_here_is_415_naming_its_coding(app: FastAPI) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    async with client(app) as http:
        answer = await http.post("/pairs", content=gzip.compress(b'{"number": 2}'), headers=headers)
    assert (answer.status_code, "gzip" in answer.json()["detail"]) == (415, True)
