"""Sends the day through the gateway: `make demo` does it at its first start."""

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from demo.day import configs, files, logs, metrics
from demo.day.story import Story, today

T = TypeVar("T")
LOGS, POINTS = 1000, 5000  # in one request
MARK = "day.json"  # in the folder of the demo's state: which day is in its stores
LIMIT = aiohttp.ClientTimeout(total=30)
PATIENCE = 90.0  # seconds of being told to come later


class FillError(Exception):
    """A service did not take its part of the day; the message says which and what it answered."""


async def fill_once(gateway: str, data: Path, environment: Mapping[str, str] = os.environ) -> Story | None:
    """Send a day, unless `data` says that there is one, or DEMO_DATA=0 that none is wanted. Returns the day that was sent."""
    if environment.get("DEMO_DATA", "1") == "0" or (data / MARK).exists():
        return None
    story = today(datetime.now(UTC), int(environment.get("DEMO_SEED", "7")))
    await fill(gateway, story)
    (data / MARK).write_text(json.dumps({"seed": story.seed, "begin": str(story.begin), "end": str(story.end)}) + "\n")
    return story


async def fill(gateway: str, story: Story) -> None:
    """Send the day. Raises FillError."""
    async with aiohttp.ClientSession(gateway, timeout=LIMIT) as session:
        lines = logs.day(story)
        await asyncio.gather(
            _logs(session, lines), _metrics(session, story), _files(session, story, lines), _configs(session)
        )


async def _logs(session: aiohttp.ClientSession, lines: list[logs.Log]) -> None:
    for batch in _batches(lines, LOGS):
        await _send(session, "POST", "/api/analytics/logs", json=batch)


async def _metrics(session: aiohttp.ClientSession, story: Story) -> None:
    for batch in _batches(metrics.day(story), POINTS):
        await _send(session, "POST", "/api/timeseries/api/v2/write?precision=ns", data="\n".join(batch))


async def _files(session: aiohttp.ClientSession, story: Story, lines: list[logs.Log]) -> None:
    for file in files.day(story, lines):
        await _send(session, "POST", "/api/files/upload", form=partial(_form, file))


def _form(file: files.File) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("tags", json.dumps(file.tags))
    form.add_field("metadata", json.dumps(file.metadata))
    form.add_field("file", file.content, filename=file.name, content_type=file.media_type)
    return form


async def _configs(session: aiohttp.ClientSession) -> None:
    known: dict[str, str] = {}
    for config in configs.CONFIGS:
        name = config["name"]
        if name in known:
            await _send(session, "PUT", f"/api/utils/configs/{known[name]}", json=config)
        else:
            known[name] = (await _send(session, "POST", "/api/utils/configs", json=config))["id"]


async def _send(
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    *,
    form: Callable[[], aiohttp.FormData] | None = None,
    **body: Any,
) -> Any:
    """Return what is answered; who asks to come later is asked again: requests that came while services started may have opened a circuit."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            async with session.request(method, path, **({"data": form()} if form else body)) as answer:
                said = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise FillError(
                f"{path} did not take its part of the day's data: {error}. DEMO_DATA=0 starts without."
            ) from error
        if answer.ok:
            return json.loads(said) if said else None
        later = answer.headers.get("Retry-After", "")
        if not later.isdecimal() or time.monotonic() + int(later) > deadline:
            raise FillError(
                f"{path} did not take its part of the day's data: {said[:500]}. DEMO_DATA=0 starts without."
            )
        await asyncio.sleep(max(0.5, int(later)))


def _batches(items: Iterable[T], size: int) -> Iterable[list[T]]:
    source = iter(items)
    while batch := list(itertools.islice(source, size)):
        yield batch
