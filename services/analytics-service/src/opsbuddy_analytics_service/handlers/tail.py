"""The live tail as server-sent events."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query
from starlette.responses import StreamingResponse

from opsbuddy_analytics_service.models import FIELDS, LogFilter
from opsbuddy_analytics_service.service.analytics import record
from opsbuddy_analytics_service.service.tails import Event, Tails
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", description="Where the reader was before")]


def router(tails: Tails) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["query"], dependencies=KNOWN_PARAMETERS)

    @routes.get(
        "/logs/tail",
        summary="Follow logs as they arrive",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def follow(wanted: Annotated[LogFilter, Query()], last_event_id: LastEventId = None) -> StreamingResponse:
        """Server-sent events: `log` with the log as JSON, each exactly once, also over reconnects with Last-Event-ID.

        `gap` tells how many logs were `missed`, null when that is unknown: the id is not of this journal. Comments keep the connection alive.
        """
        events = tails.follow(wanted, last_event_id)
        first = await anext(events)
        return StreamingResponse(_frames(first, events), headers=HEADERS, media_type="text/event-stream")

    return routes


async def _frames(first: Event, events: AsyncGenerator[Event]) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n" + frame(first)
    async with aclosing(events):
        async for event in events:
            yield frame(event)


def frame(event: Event) -> bytes:
    """Return an event as a frame. JSON leaves no line break in the data, whatever a log holds."""
    if event.log is not None:
        data = orjson.dumps(record(event.log, FIELDS).model_dump())
        return b"id: %s\nevent: log\ndata: %s\n\n" % (event.id.encode(), data)
    if event.gap:
        return b"id: %s\nevent: gap\ndata: %s\n\n" % (event.id.encode(), orjson.dumps({"missed": event.missed}))
    return b": still here\nid: %s\n\n" % event.id.encode()
