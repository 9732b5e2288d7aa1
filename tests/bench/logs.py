"""The analytics service as a process on one core: durable batches beside the same records written to InfluxDB, single logs, and questions to many logs
while more come in.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from statistics import quantiles
from typing import Any

import httpx2

from opsbuddy_analytics_service.models import StoredLog
from opsbuddy_analytics_service.service.intake import from_json
from opsbuddy_analytics_service.storage.influx import line
from opsbuddy_core import timestamps
from tests.bench.figures import Figure, figure
from tests.bench.log_entries import items
from tests.bench.processes import beside_influxdb
from tests.bench.run import ROUNDS, Run, say
from tests.support.influxdb import ORG, TOKEN, Influxd

BATCH, BATCHES = 1000, 20
MANY, COMING, SINGLES, SENDERS, SECONDS = 1_000_000, 2000, 1000, 64, 5
HOUR = 3600 * timestamps.SECOND
JSON = {"content-type": "application/json"}
QUESTIONS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "last 100": ("POST", "/logs/query", {"limit": 100}),
    "last 100 errors": ("POST", "/logs/query", {"level": "ERROR", "limit": 100}),
    "text in an hour, one log has it": ("POST", "/logs/query", {"text": "Request 123456 proxied"}),
    "text in an hour, no log has it": ("POST", "/logs/query", {"text": "connection refused"}),
    "/stats": ("GET", "/stats", None),
    "/metrics": ("GET", "/metrics", None),
}


def measure(run: Run) -> list[Figure]:
    with beside_influxdb("analytics-service", run.folder) as (running, influx, _):
        idle = running.memory
        found = asyncio.run(_all(running.port, influx))
        return [*found, figure("memory, idle", "MiB", [idle]), figure("memory, at the end", "MiB", [running.memory])]


async def _all(port: int, influx: Influxd) -> list[Figure]:
    setup = {"username": "bench", "password": "bench-password", "org": ORG, "bucket": "logs", "token": TOKEN}
    influx.call("POST", "/api/v2/setup", setup)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        ours, theirs = [], []
        for number in range(ROUNDS):
            say(f"  round {number + 1} of {ROUNDS}: batches of {BATCH}")
            bodies = [_body(first) for first in range(number * BATCH * BATCHES, (number + 1) * BATCH * BATCHES, BATCH)]
            ours.append(await _rate(http, "/logs", bodies, JSON))
            lines = [_lines(body) for body in bodies]
            write = f"http://127.0.0.1:{influx.port}/api/v2/write?org={ORG}&bucket=logs&precision=ns"
            theirs.append(await _rate(http, write, lines, {"authorization": f"Token {TOKEN}"}))
        say(f"  {SINGLES} single logs a second")
        singles = [await _singles(port) for _ in range(ROUNDS)]
        what = f"durable logs in batches of {BATCH}"
        return [
            figure(what, "/s", ours, floor=20_000),
            figure(what, "/s", ours, "InfluxDB's /api/v2/write", theirs, floor=0.25),
            figure(f"{SINGLES} single logs a second, p99", "ms", singles, ceiling=25),
            *await _questions(http),
        ]


async def _rate(http: httpx2.AsyncClient, url: str, bodies: Sequence[bytes], headers: dict[str, str]) -> float:
    begun = time.perf_counter()
    for body in bodies:
        answer = await http.post(url, content=body, headers=headers)
        assert answer.status_code < 300, answer.text
    return len(bodies) * BATCH / (time.perf_counter() - begun)


async def _singles(port: int) -> float:
    """Return the p99 from when each log was due, so that a sender that falls behind hides nothing."""
    requests = [_request(json.dumps(item).encode()) for item in items(SINGLES * SECONDS)]
    times: list[float] = []
    begun = time.perf_counter() + 0.2

    async def sender(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(first, len(requests), SENDERS):
            due = begun + number / SINGLES
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(requests[number])
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 201"), head
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
            times.append((time.perf_counter() - due) * 1000)
        writer.close()

    await asyncio.gather(*(sender(first) for first in range(SENDERS)))
    return quantiles(times, n=100)[98]


def _request(body: bytes) -> bytes:
    head = f"POST /logs/single HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _questions(http: httpx2.AsyncClient) -> list[Figure]:
    say(f"  storing {MANY} logs of the last hour")
    for first in range(0, MANY, BATCH):
        (await http.post("/logs", content=_body(first, spread=True), headers=JSON)).raise_for_status()
    while (await http.get("/status")).json()["storage"]["journal"]["unindexed"] > COMING:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.5)
    coming = asyncio.create_task(_more(http))
    found = []
    for what, (method, path, body) in QUESTIONS.items():
        say(f"  {what}, while {COMING}/s come in")
        hour = {"start": timestamps.render(time.time_ns() - HOUR)} if body and "text" in body else {}
        times = []
        for _ in range(100):
            begun = time.perf_counter()
            answer = await http.request(method, path, json=body and body | hour)
            times.append((time.perf_counter() - begun) * 1000)
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(0.02)
        found.append(
            figure(
                f"{what}, of {MANY} logs while {COMING}/s come in, p95", "ms", [quantiles(times, n=20)[18]], ceiling=50
            )
        )
    coming.cancel()
    with suppress(asyncio.CancelledError):
        await coming
    return found


async def _more(http: httpx2.AsyncClient) -> None:
    first = MANY
    while True:
        begun = time.perf_counter()
        (await http.post("/logs", content=_body(first), headers=JSON)).raise_for_status()
        first += BATCH
        await asyncio.sleep(max(0.0, BATCH / COMING - (time.perf_counter() - begun)))


def _body(first: int, *, spread: bool = False) -> bytes:
    batch = items(BATCH, first)
    if spread:
        begun, step = time.time_ns() - HOUR + HOUR // 60, HOUR * 58 // 60 // MANY
        for number, item in enumerate(batch, first):
            item["timestamp"] = timestamps.render(begun + number * step)
    return json.dumps({"logs": batch}).encode()


def _lines(body: bytes) -> bytes:
    """Return the same records as the forwarder would write them."""
    logs = from_json(body).entries
    return "\n".join(line(StoredLog(log.timestamp, *log[:-1], f"e{log.timestamp}")) for log in logs).encode()
