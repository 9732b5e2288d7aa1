"""A file of 1 GiB up to the file service and down again; the baseline is nginx with the same client: WebDAV PUT, and static files by sendfile.

Ours is on disk, hashed and recorded when it is answered; nginx is done when the bytes are in the page cache. What either leaves there is
written out between the rounds.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.processes import MIB, Running, deployable, served
from tests.bench.run import Run
from tests.support.influxdb import free_port

SIZE = 1024
UP, DOWN, MEMORY = 0.25, 0.5, 150
DAV = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/nginx.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/other;
  fastcgi_temp_path {folder}/other;
  uwsgi_temp_path {folder}/other;
  scgi_temp_path {folder}/other;
  client_max_body_size 0;
  sendfile on;
  tcp_nopush on;
  server {{
    listen 127.0.0.1:{port};
    location /files/ {{ root {folder}; dav_methods PUT; create_full_put_path on; }}
    location /health {{ return 200 ok; }}
  }}
}}
"""


def measure(run: Run) -> list[Figure]:
    content = run.folder / "content.bin"
    with content.open("wb") as file:
        for _ in range(SIZE):
            file.write(os.urandom(MIB))
    environment = {"DATA_DIR": str(run.folder / "data"), "MAX_FILE_BYTES": str(2 * SIZE * MIB)}
    with deployable("file-service", run.folder, environment) as ours, _nginx(run.folder) as nginx:
        idle = ours.memory
        ours.forget_peak()
        addresses = {
            "ours": (f"http://127.0.0.1:{ours.port}/files/big.bin", "/download"),
            "nginx": (f"http://127.0.0.1:{nginx.port}/files/big.bin", ""),
        }
        up = run.rates({side: partial(_up, content, url) for side, (url, _) in addresses.items()})
        down = run.rates({side: partial(_down, url + suffix) for side, (url, suffix) in addresses.items()})
        most = ours.peak
    return [
        figure("1 GiB up", "MiB/s", _mib(up["ours"]), "nginx dav PUT", _mib(up["nginx"]), floor=UP),
        figure("1 GiB down", "MiB/s", _mib(down["ours"]), "nginx static GET", _mib(down["nginx"]), floor=DOWN),
        figure("memory of the service, idle", "MiB", [idle]),
        figure("memory of the service, most", "MiB", [most], ceiling=MEMORY),
    ]


def _mib(rates: list[float]) -> list[float]:
    return [rate * SIZE for rate in rates]


def _up(content: Path, url: str) -> float:
    taken = _curl("-T", str(content), url, expected=("200", "201", "204"))
    os.sync()
    return taken


def _down(url: str) -> float:
    return _curl(url, expected=("200",))


def _curl(*arguments: str, expected: tuple[str, ...]) -> float:
    """Return how long the transfer took."""
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", *arguments]
    status, seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert status in expected, f"{arguments[-1]}: {status}"
    return float(seconds)


@contextlib.contextmanager
def _nginx(folder: Path) -> Iterator[Running]:
    port, user = free_port(), "user root;" if os.geteuid() == 0 else ""
    (folder / "dav.conf").write_text(DAV.format(folder=folder, port=port, user=user))
    command = ["nginx", "-c", str(folder / "dav.conf"), "-p", str(folder), "-e", str(folder / "nginx.err")]
    with served(command, folder, f"http://127.0.0.1:{port}/health") as process:
        yield Running(port, process.pid)
