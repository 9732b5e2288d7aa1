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


def wanted(environment: Mapping[str, str]) -> int | None:
    """Return the number of the day that DEMO_DATA and DEMO_SEED ask for, None for none. Raises FillError when they cannot be understood."""
    data, seed = environment.get("DEMO_DATA") or "1", environment.get("DEMO_SEED") or "7"
    if data not in {"0", "1"}:
        raise FillError(f"DEMO_DATA is {data!r}: it has to be 1, or 0 to leave all empty.")
    if not (seed.isascii() and seed.isdecimal()):
        raise FillError(f"DEMO_SEED is {seed!r}: it has to be a whole number, each of which is another day.")
    return int(seed) if data == "1" else None


async def fill_once(gateway: str, data: Path, environment: Mapping[str, str] = os.environ) -> Story | None:
    """Send a day, unless `data` says that there is one, or DEMO_DATA=0 that none is wanted. Returns the day that was sent.

    One that was cut off is sent again as the same day, so that nothing of it is there twice. Raises FillError.
    """
    seed, mark = wanted(environment), _mark(data)
    if seed is None or (mark and mark.get("sent", True)):
        return None
    story = Story(datetime.fromisoformat(mark["end"]), mark["seed"]) if mark else today(datetime.now(UTC), seed)
    _set_mark(data, story, sent=False)
    await fill(gateway, story)
    _set_mark(data, story, sent=True)
    return story


def _mark(data: Path) -> dict[str, Any] | None:
    path = data / MARK
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return found


def _set_mark(data: Path, story: Story, *, sent: bool) -> None:
    mark = {"seed": story.seed, "begin": str(story.begin), "end": str(story.end), "sent": sent}
    draft = data / f"{MARK}.draft"
    draft.write_text(json.dumps(mark) + "\n")
    draft.replace(data / MARK)


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
    there = {file["filename"] for file in (await _send(session, "GET", "/api/files?limit=1000"))["files"]}
    for file in files.day(story, lines):
        if file.name not in there:  # of a day that was cut off
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
