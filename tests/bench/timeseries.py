"""The timeseries service with its embedded store as a process on one core, beside InfluxDB on the same core: points written, and series asked for."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlencode

import psutil

from tests.bench.figures import Figure, figure
from tests.bench.processes import MIB, beside_influxdb
from tests.bench.run import Run
from tests.support.influxdb import ORG, TOKEN

HOSTS, STEP, BATCH, BATCHES = 100, 10, 1000, 36  # a round of writing is an hour of hosts that report every ten seconds
SECOND, HOUR = 10**9, 3600
WRITE = "/api/v2/write?precision=ns"
TEXT, JSON = {"content-type": "text/plain"}, {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
AS_CSV = {"content-type": "application/vnd.flux", "accept": "application/csv", "authorization": f"Token {TOKEN}"}
FLUX = """from(bucket: "points") |> range(start: {start}, stop: {end})
  |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage") |> group(columns: ["host"])
  |> aggregateWindow(every: 1m, fn: mean)"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and a connection that is kept."""

    connection: http.client.HTTPConnection
    pid: int

    @property
    def memory(self) -> float:
        return float(psutil.Process(self.pid).memory_info().rss) / MIB

    def ask(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        self.connection.request("POST", path, body, dict(headers))
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status in {200, 204}, content[:500]
        return content


def measure(run: Run) -> list[Figure]:
    with beside_influxdb("timeseries-service", run.folder) as (running, influx, pid):
        setup = {"username": "bench", "password": "bench-password", "org": ORG, "bucket": "points", "token": TOKEN}
        influx.call("POST", "/api/v2/setup", setup)
        ours = Server(http.client.HTTPConnection("127.0.0.1", running.port, timeout=60), running.pid)
        theirs = Server(http.client.HTTPConnection("127.0.0.1", influx.port, timeout=60), pid)
        return _all(run, ours, theirs)


def _all(run: Run, ours: Server, theirs: Server) -> list[Figure]:
    idle = ours.memory, theirs.memory
    end = int(time.time()) // 60 * 60
    rounds = _rounds(end - HOUR)
    to_influx = f"{WRITE}&org={ORG}&bucket=points"
    written = run.interleaved(
        {
            "points written": lambda: _rate(ours, WRITE, next(rounds[0]), TEXT),
            "points written, InfluxDB": lambda: _rate(theirs, to_influx, next(rounds[1]), AS_CSV | TEXT),
        }
    )
    typed, promql, flux = _typed(ours, end), _promql(ours, end), _flux(theirs, end)
    asked = run.interleaved(
        {
            "typed query": lambda: _latency(run, typed),
            "PromQL": lambda: _latency(run, promql),
            "Flux": lambda: _latency(run, flux),
        }
    )
    question = f"mean by minute and host, {HOSTS} hosts, an hour of {3 * BATCH * BATCHES} points, p50"
    return [
        figure(
            f"durable points, line protocol, batches of {BATCH}",
            "/s",
            written["points written"],
            "InfluxDB's /api/v2/write",
            written["points written, InfluxDB"],
        ),
        figure(f"typed query: {question}", "ms", asked["typed query"], "InfluxDB's Flux", asked["Flux"]),
        figure(f"PromQL query_range: {question}", "ms", asked["PromQL"], "InfluxDB's Flux", asked["Flux"]),
        figure("memory, idle", "MiB", [idle[0]], "InfluxDB", [idle[1]]),
        figure("memory, at the end", "MiB", [ours.memory], "InfluxDB", [theirs.memory]),
    ]


def _rounds(start: int) -> tuple[Iterator[list[bytes]], Iterator[list[bytes]]]:
    """Return the same rounds of bodies for each side; every round has times of its own in the same hour."""
    made = [[_lines(start, number, first) for first in range(0, HOUR, HOUR // BATCHES)] for number in range(3)]
    return iter(made), iter(made)


def _lines(start: int, number: int, first: int) -> bytes:
    moments = range(start + first, start + first + HOUR // BATCHES, STEP)
    return "\n".join(
        f"cpu,host=host-{host},region=eu usage={(host * 7 + moment) % 100 / 100} {moment * SECOND + number * SECOND}"
        for moment in moments
        for host in range(HOSTS)
    ).encode()


def _rate(server: Server, path: str, bodies: Sequence[bytes], headers: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    for body in bodies:
        server.ask(path, body, headers)
    return len(bodies) * BATCH / (time.perf_counter() - begun)


def _latency(run: Run, ask: Callable[[], object]) -> float:
    """Return the median in milliseconds, one after the other."""
    found: list[float] = []
    deadline = time.perf_counter() + run.seconds
    while len(found) < 3 or time.perf_counter() < deadline:
        begun = time.perf_counter()
        ask()
        found.append((time.perf_counter() - begun) * 1000)
    return median(found)


def _typed(server: Server, end: int) -> Callable[[], object]:
    query = {
        "measurement": "cpu",
        "field": "usage",
        "start": end - HOUR,
        "end": end,
        "aggregate": "mean",
        "every": "1m",
        "group_by": ["host"],
    }
    body = json.dumps(query).encode()

    def ask() -> None:
        series = json.loads(server.ask("/query", body, JSON))["series"]
        assert {len(each["values"]) for each in series} == {HOUR // 60}
        assert len(series) == HOSTS

    return ask


def _promql(server: Server, end: int) -> Callable[[], object]:
    query = {
        "query": "avg by (host) (avg_over_time(cpu_usage[1m]))",
        "start": end - HOUR + 60,
        "end": end,
        "step": 60,
    }
    body = urlencode(query).encode()

    def ask() -> None:
        result = json.loads(server.ask("/api/v1/query_range", body, FORM))["data"]["result"]
        assert {len(each["values"]) for each in result} == {HOUR // 60}
        assert len(result) == HOSTS

    return ask


def _flux(server: Server, end: int) -> Callable[[], object]:
    query = FLUX.format(start=end - HOUR, end=end).encode()

    def ask() -> None:
        rows = server.ask(f"/api/v2/query?org={ORG}", query, AS_CSV).count(b"\n,_result,")
        assert rows == HOSTS * HOUR // 60

    return ask
