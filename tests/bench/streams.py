"""Large bodies through the gateway, in both directions: how fast, and that they do not pile up in its memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.bench.figures import Figure, figure
from tests.bench.processes import MIB, PREFIX, REWRITE, Running, module, proxies
from tests.bench.run import Run
from tests.bench.stream_load import SIZE, download, upload


@dataclass(frozen=True, slots=True)
class Seen:
    """One body in one direction."""

    rate: float  # MiB/s
    grown: float  # MiB that the proxy held at most, beyond what it had before


def measure(run: Run) -> list[Figure]:
    with module("tests.bench.stream_load") as upstream, proxies(run.folder, upstream) as found:
        sides = {"direct": upstream} | {side: found[side] for side in ("gateway", "haproxy", "nginx") if side in found}
        seen = {
            name: run.interleaved({f"{name}, {side}": partial(_seen, work, side, sides[side]) for side in sides})
            for name, work in (("up", upload), ("down", download))
        }
    return [figure for name in seen for figure in _figures(name, seen[name], list(sides)[1:])]


def _seen(work: Callable[[int, str], float], side: str, running: Running) -> Seen:
    before = running.memory
    running.forget_peak()
    seconds = work(running.port, f"{REWRITE if side == 'direct' else PREFIX}/{'up' if work is upload else 'down'}")
    return Seen(SIZE / MIB / seconds, running.peak - before)


def _figures(name: str, seen: dict[str, list[Seen]], proxies: list[str]) -> list[Figure]:
    rates = {side: [s.rate for s in seen[f"{name}, {side}"]] for side in ("direct", *proxies)}
    grown = {side: [s.grown for s in seen[f"{name}, {side}"]] for side in proxies}
    what, held = f"{SIZE // MIB} MiB {name}", f"memory for {SIZE // MIB} MiB {name}"
    found = [figure(what, "MiB/s", rates["gateway"], "direct", rates["direct"])]
    found += [
        figure(what, "MiB/s", rates["gateway"], against, rates[against]) for against in proxies if against != "gateway"
    ]
    against = "haproxy" if "haproxy" in proxies else ""
    return [*found, figure(held, "MiB", grown["gateway"], against, grown.get("haproxy", []))]
