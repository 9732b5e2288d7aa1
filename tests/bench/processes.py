"""What is measured as a process of its own: a deployable, a proxy to compare it with, a service behind both."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.run import say
from tests.services.gateway.process import route, table
from tests.support.influxdb import Influxd, free_port

ROOT = Path(__file__).parents[2]
PREFIX, REWRITE = "/api/bench", "/files"
MIB = 1024 * 1024
HAPROXY = """
global
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  timeout connect 2s
  timeout client 75s
  timeout server 75s
frontend clients
  bind 127.0.0.1:{port}
  http-request replace-path ^/api/bench(.*) /files\\1
  default_backend service
backend service
  http-reuse always
  option httpchk GET /health
  server one 127.0.0.1:{upstream} check inter 5s
"""
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/nginx.log;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-other;
  uwsgi_temp_path {folder}/nginx-other;
  scgi_temp_path {folder}/nginx-other;
  client_max_body_size 0;
  keepalive_requests 10000000;
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port};
    location /api/bench/ {{
      proxy_pass http://service/files/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-Id $request_id;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }}
    location /health {{ return 200 ok; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that takes requests."""

    port: int
    pid: int

    @property
    def cpu_seconds(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    @property
    def memory(self) -> float:
        """Resident, in MiB."""
        return psutil.Process(self.pid).memory_info().rss / MIB

    def forget_peak(self) -> None:
        """Let `peak` count from now on (Linux)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    @property
    def peak(self) -> float:
        """Most that was resident, in MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def cores() -> tuple[set[int], set[int]]:
    """Return the core for the proxy, and those for everybody else; with a single core they share it."""
    every = sorted(os.sched_getaffinity(0))
    return {every[-1]}, set(every[:-1] or every)


@contextlib.contextmanager
def module(name: str, *arguments: str) -> Iterator[Running]:
    """Yield a module of this folder that prints its port and serves."""
    with _process([sys.executable, "-m", name, *arguments], ROOT, subprocess.PIPE) as process:
        assert process.stdout
        yield Running(int(process.stdout.readline()), process.pid)


@contextlib.contextmanager
def proxies(folder: Path, upstream: Running) -> Iterator[dict[str, Running]]:
    """Yield proxies before a service, on a core without it and the clients: the gateway, two bare ones, HAProxy and nginx where they are installed."""
    proxy, rest = cores()
    os.sched_setaffinity(upstream.pid, rest)
    os.sched_setaffinity(0, rest)
    port = str(upstream.port)
    with contextlib.ExitStack() as stack:
        found = {
            "gateway": stack.enter_context(gateway(folder, upstream.port)),
            "bare ASGI": stack.enter_context(module("tests.bench.bare_proxy", port)),
            "FastAPI route": stack.enter_context(module("tests.bench.framework_proxy", port)),
        }
        if shutil.which("haproxy"):
            found["haproxy"] = stack.enter_context(haproxy(folder, upstream.port))
        else:
            say("  HAProxy is not installed (Debian: apt-get install haproxy); it is left out")
        if shutil.which("nginx"):
            found["nginx"] = stack.enter_context(nginx(folder, upstream.port))
        else:
            say("  nginx is not installed (Debian: apt-get install nginx-light); it is left out")
        for running in found.values():
            for thread in psutil.Process(running.pid).threads():
                os.sched_setaffinity(thread.id, proxy)
        yield found


@contextlib.contextmanager
def gateway(folder: Path, upstream: int) -> Iterator[Running]:
    """Yield the gateway as it is shipped: access log, metrics, health checks."""
    routes = folder / "routes.json"
    routes.write_text(table(route(PREFIX, "bench", rewrite=REWRITE)))
    endpoints = f"static:bench=127.0.0.1:{upstream}"
    with deployable("gateway", folder, {"ROUTES_FROM": f"file:{routes}", "ENDPOINTS_FROM": endpoints}) as running:
        yield running


@contextlib.contextmanager
def haproxy(folder: Path, upstream: int) -> Iterator[Running]:
    """Yield HAProxy as it is run for the same: one thread, access log, health checks, a rewritten path."""
    port = free_port()
    (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, upstream=upstream))
    with (
        (folder / "haproxy.log").open("w") as log,
        _process(["haproxy", "-db", "-f", "haproxy.cfg"], folder, log.fileno()) as process,
    ):
        _wait(process, f"http://127.0.0.1:{port}/health")
        yield Running(port, process.pid)


@contextlib.contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[Running]:
    """Yield nginx as it is run for the same: one worker, access log, kept connections, a rewritten path."""
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "nginx.err")]
    with _process(command, folder, subprocess.DEVNULL) as process:
        _wait(process, f"http://127.0.0.1:{port}/health")
        (worker,) = psutil.Process(process.pid).children()
        yield Running(port, worker.pid)


@contextlib.contextmanager
def deployable(name: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """Yield one of the product's programs; its log goes to a file in the folder."""
    port = free_port()
    package = f"opsbuddy_{name.replace('-', '_')}"
    command = [sys.executable, "-c", f"from {package}.main import main; main()"]
    address = {"SERVICE_HOST": "127.0.0.1", "SERVICE_PORT": str(port)}
    with (
        (folder / f"{name}.log").open("w") as log,
        _process(command, folder, log.fileno(), {**address, **environment}) as process,
    ):
        _wait(process, f"http://127.0.0.1:{port}/health/ready")
        yield Running(port, process.pid)


@contextlib.contextmanager
def served(command: Sequence[str], folder: Path, health: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a program from the time on when it answers at that address."""
    with _process(command, folder, subprocess.DEVNULL) as process:
        _wait(process, health)
        yield process


@contextlib.contextmanager
def _process(
    command: Sequence[str], folder: Path, stdout: int, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}}
    with subprocess.Popen(command, cwd=folder, env={**kept, **(environment or {})}, stdout=stdout) as process:
        try:
            yield process
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - http to loopback
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{url} does not answer; the process {process.pid}: {process.poll()}") from error
            time.sleep(0.05)


@contextlib.contextmanager
def beside_influxdb(name: str, folder: Path) -> Iterator[tuple[Running, Influxd, int]]:
    """Yield a deployable, an InfluxDB to compare it with, and that one's pid: both on one core, this process on the others."""
    one, rest = cores()
    influx = Influxd(folder / "influx")
    influx.folder.mkdir()
    influx.start()
    try:
        with deployable(name, folder, {"DATA_DIR": str(folder / "data")}) as running:
            assert influx.process
            for pid in (running.pid, influx.process.pid):
                for thread in psutil.Process(pid).threads():
                    os.sched_setaffinity(thread.id, one)
            os.sched_setaffinity(0, rest)
            yield running, influx, influx.process.pid
    finally:
        influx.stop()
