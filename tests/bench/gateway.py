"""What the gateway costs: the same requests straight to a service, through the gateway, through bare proxies of its libraries, through HAProxy and nginx."""

from dataclasses import dataclass
from functools import partial

import uvloop

from tests.bench.figures import Figure, figure
from tests.bench.http_load import Load, load
from tests.bench.processes import PREFIX, REWRITE, Running, module, proxies
from tests.bench.run import Run

CONNECTIONS, PACED_CONNECTIONS = 32, 20
RATE = 1000
LEAST_RATE, LEAST_OF_NGINX, MOST_P50, MOST_P99 = 3000, 0.15, 1.0, 5.0  # the limits that the project has set itself


@dataclass(frozen=True, slots=True)
class Seen:
    """One side of one round."""

    full: Load
    paced: Load
    cpu: float  # microseconds of the proxy for a request
    memory: float


def measure(run: Run) -> list[Figure]:
    with module("tests.bench.http_load") as upstream, proxies(run.folder, upstream) as found:
        sides = {"direct": upstream} | found
        for side, running in sides.items():
            uvloop.run(load(running.port, _path(side), CONNECTIONS, 0, min(1, run.seconds)))  # warm up
        return _figures(
            run.interleaved({side: partial(_seen, side, running, run.seconds) for side, running in sides.items()})
        )


def _seen(side: str, running: Running, seconds: float) -> Seen:
    before = running.cpu_seconds
    full = uvloop.run(load(running.port, _path(side), CONNECTIONS, 0, seconds))
    cpu = (running.cpu_seconds - before) / full.requests * 1e6
    return Seen(
        full, uvloop.run(load(running.port, _path(side), PACED_CONNECTIONS, RATE, seconds)), cpu, running.memory
    )


def _path(side: str) -> str:
    return f"{REWRITE if side == 'direct' else PREFIX}/x"


def _figures(seen: dict[str, list[Seen]]) -> list[Figure]:
    ours, direct = seen["gateway"], seen["direct"]
    full = f"requests/s, {CONNECTIONS} connections"
    paced = f"at {RATE} requests/s"
    found = [
        figure(full, "/s", [s.full.per_second for s in ours], floor=LEAST_RATE),
        figure(f"added p50 {paced}", "ms", _added(ours, direct, "p50"), ceiling=MOST_P50),
        figure(f"p99 {paced}, through the gateway", "ms", [s.paced.p99 for s in ours], ceiling=MOST_P99),
        figure(full, "/s", [s.full.per_second for s in ours], "direct", [s.full.per_second for s in direct]),
        figure(f"p50 {paced}", "ms", [s.paced.p50 for s in ours], "direct", [s.paced.p50 for s in direct]),
        figure(f"p99 {paced}", "ms", [s.paced.p99 for s in ours], "direct", [s.paced.p99 for s in direct]),
    ]
    for against in (side for side in seen if side not in ("direct", "gateway")):
        other = seen[against]
        found += [
            figure(
                full,
                "/s",
                [s.full.per_second for s in ours],
                against,
                [s.full.per_second for s in other],
                floor=LEAST_OF_NGINX if against == "nginx" else None,
            ),
            figure("CPU of a request", "us", [s.cpu for s in ours], against, [s.cpu for s in other]),
            figure(f"added p50 {paced}", "ms", _added(ours, direct, "p50"), against, _added(other, direct, "p50")),
            figure(f"added p99 {paced}", "ms", _added(ours, direct, "p99"), against, _added(other, direct, "p99")),
            figure("memory", "MiB", [s.memory for s in ours], against, [s.memory for s in other]),
        ]
    return found


def _added(through: list[Seen], direct: list[Seen], percentile: str) -> list[float]:
    """Return what a proxy adds to a latency of the service, round by round."""
    pairs = zip(through, direct, strict=True)
    return [getattr(mine.paced, percentile) - getattr(other.paced, percentile) for mine, other in pairs]
