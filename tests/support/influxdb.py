"""A real InfluxDB 2: one process for the session, a fresh bucket for each test."""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.programs import BIN

BINARY = BIN / "influxd"
ORG, TOKEN = "opsbuddy", "test-token"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Influxd:
    """A server in `folder` that can be stopped and started again; buckets stay."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(BINARY), "--http-bind-address", f"127.0.0.1:{self.port}", "--reporting-disabled", "--no-tasks"]
        command += ["--bolt-path", str(self.folder / "bolt"), "--engine-path", str(self.folder / "engine")]
        command += ["--sqlite-path", str(self.folder / "sqlite"), "--log-level", "error"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def call(self, method: str, path: str, document: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if document is None else json.dumps(document).encode(),
            {"content-type": "application/json", "authorization": f"Token {TOKEN}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
            raw = answer.read()
        return json.loads(raw) if raw.startswith(b"{") else raw.decode()

    def _wait(self) -> None:
        assert self.process
        deadline = time.monotonic() + 60
        while True:
            try:
                self.call("GET", "/health")
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError(
                        f"influxd does not answer: {(self.folder / 'log').read_text()[-2000:]}"
                    ) from None
                time.sleep(0.05)
            else:
                return


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own for one test, and how a service is told about it."""

    server: Influxd
    name: str

    def settings(self) -> dict[str, Any]:
        return {
            "influxdb_host": "127.0.0.1",
            "influxdb_port": self.server.port,
            "influxdb_token": TOKEN,
            "influxdb_org": ORG,
            "influxdb_database": self.name,
        }

    def environment(self) -> dict[str, str]:
        return {name.upper(): str(value) for name, value in self.settings().items()}

    def logs(self, service: str = "shop") -> int:
        """Return how many logs of a service there are; the analytics service's own come whenever it has something to say."""
        flux = (
            f'from(bucket: "{self.name}") |> range(start: 0, stop: 2100-01-01T00:00:00Z) |> filter(fn: (r) => '
            f'r._measurement == "logs" and r._field == "message" and r.service == "{service}") |> group() |> count()'
        )
        lines = self.server.call("POST", f"/api/v2/query?org={ORG}", {"query": flux, "type": "flux"}).split()
        return int(lines[1].split(",")[-1]) if len(lines) > 1 else 0


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """A running server."""
    if not BINARY.exists():
        raise AssertionError(f"{BINARY} is missing: make it with tests/cluster/build.sh influxdb")
    server = Influxd(tmp_path_factory.mktemp("influxd"))
    try:
        server.start()
        server.call(
            "POST",
            "/api/v2/setup",
            {"username": "test", "password": "test-password", "org": ORG, "bucket": "first", "token": TOKEN},
        )
        yield server
    finally:
        server.stop()


@pytest.fixture
def bucket(influxd: Influxd) -> Bucket:
    """An empty bucket on a server that runs, whatever the test before did to it."""
    return fresh_bucket(influxd)


def fresh_bucket(server: Influxd) -> Bucket:
    """Return an empty bucket; starts the server if it was stopped."""
    if server.process is None:
        server.start()
    organization = server.call("GET", f"/api/v2/orgs?org={ORG}")["orgs"][0]["id"]
    made = server.call(
        "POST", "/api/v2/buckets", {"orgID": organization, "name": f"t-{uuid4().hex[:12]}", "retentionRules": []}
    )
    return Bucket(server, made["name"])
