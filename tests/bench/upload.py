"""How fast the file service stores files over HTTP; the baseline writes the same bytes to a file and waits for the disk."""

import http.client
import json
import os
import time
from functools import partial
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.processes import MIB, deployable
from tests.bench.run import Run

LARGE, SMALL = 64 * MIB, 16 * 1024
BOUNDARY = "bench"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="bench.bin"\r\n\r\n'.encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()


def measure(run: Run) -> list[Figure]:
    with deployable("file-service", run.folder, {"DATA_DIR": str(run.folder / "data")}) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        before = running.memory
        running.forget_peak()
        seen = {size: _seen(run, connection, size) for size in (LARGE, SMALL)}
        grown = running.peak - before
        connection.close()
    large, small = seen[LARGE], seen[SMALL]
    against = "write and fsync"
    return [
        figure(f"files of {LARGE // MIB} MiB", "MiB/s", _mib(large["ours"]), against, _mib(large["file"])),
        figure(f"files of {SMALL // 1024} KiB", "/s", small["ours"], against, small["file"]),
        figure("memory of the service while it stores them", "MiB", [grown]),
    ]


def _mib(rates: list[float]) -> list[float]:
    return [rate * LARGE / MIB for rate in rates]


def _seen(run: Run, connection: http.client.HTTPConnection, size: int) -> dict[str, list[float]]:
    content = os.urandom(size)
    path = run.folder / "baseline.bin"
    return run.rates({"ours": partial(_upload, connection, content), "file": partial(_write, path, content)})


def _upload(connection: http.client.HTTPConnection, content: bytes) -> float:
    """Store a file and take it away again; returns how long storing took."""
    begun = time.perf_counter()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(HEAD) + len(content) + len(END)),
    }
    connection.request("POST", "/files/upload", iter((HEAD, content, END)), headers)
    answer = connection.getresponse()
    body = answer.read()
    taken = time.perf_counter() - begun
    assert answer.status == 201, body
    connection.request("DELETE", f"/files/{json.loads(body)['id']}?purge=true")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 204
    return taken


def _write(path: Path, content: bytes) -> float:
    begun = time.perf_counter()
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    taken = time.perf_counter() - begun
    path.unlink()
    return taken
