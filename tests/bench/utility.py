"""What the utility service costs: system information as many ask for it, and a command over the same program merely spawned."""

import http.client
import json
import subprocess
import time
from collections.abc import Callable
from statistics import median, quantiles

import psutil

from tests.bench.figures import Figure, figure
from tests.bench.processes import MIB, deployable
from tests.bench.run import Run

INFO_MS, COMMAND_MS = 10, 20
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PROGRAM = ["/bin/date"]
CONFIG = json.dumps({"name": "bench", "category": "bench", "value": True})


def measure(run: Run) -> list[Figure]:
    with deployable("utility-service", run.folder, {"DATA_DIR": str(run.folder / "data")}) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        idle = running.memory
        made = json.loads(_ask(connection, "POST", "/configs", CONFIG, {"Content-Type": "application/json"}))
        config = f"/configs/{made['id']}"
        seen = run.interleaved(
            {
                "/system/info": lambda: _latencies(run, lambda: _ask(connection, "GET", "/system/info")),
                "bare spawn": lambda: _latencies(run, _spawn),
                "command": lambda: _latencies(run, lambda: _execute(connection)),
                "configuration": lambda: _latencies(run, lambda: _ask(connection, "GET", config)),
            }
        )
        end, launcher = running.memory, _launcher(running.pid)
        connection.close()
    spawned, ran = seen["bare spawn"], seen["command"]
    more = [[_middle(mine) - _middle(bare), _p99(mine) - _p99(bare)] for mine, bare in zip(ran, spawned, strict=True)]
    return [
        figure("/system/info, p99", "ms", [_p99(each) for each in seen["/system/info"]], ceiling=INFO_MS),
        figure("/system/info, p50", "ms", [_middle(each) for each in seen["/system/info"]]),
        figure("a command more than a bare spawn, p50", "ms", [each[0] for each in more], ceiling=COMMAND_MS),
        figure("a command more than a bare spawn, p99", "ms", [each[1] for each in more]),
        figure("a command, p50", "ms", list(map(_middle, ran)), "bare spawn", list(map(_middle, spawned))),
        figure("a configuration read, p99", "ms", [_p99(each) for each in seen["configuration"]]),
        figure("memory of the service, idle", "MiB", [idle]),
        figure("memory of the service, at the end", "MiB", [end]),
        figure("memory of its launcher", "MiB", [launcher]),
    ]


def _latencies(run: Run, work: Callable[[], object]) -> list[float]:
    """Return milliseconds of each repetition, one after the other."""
    found: list[float] = []
    deadline = time.perf_counter() + run.seconds
    while len(found) < 2 or time.perf_counter() < deadline:
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1000)
    return found


def _spawn() -> None:
    subprocess.run(PROGRAM, capture_output=True, check=True)


def _execute(connection: http.client.HTTPConnection) -> None:
    result = json.loads(_ask(connection, "POST", "/system/execute", "command=date&timeout=30", FORM))
    assert result["reason"] == "ok", result


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status in {200, 201}, content
    return content


def _launcher(pid: int) -> float:
    return float(sum(child.memory_info().rss for child in psutil.Process(pid).children())) / MIB


def _middle(values: list[float]) -> float:
    return median(values)


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]
