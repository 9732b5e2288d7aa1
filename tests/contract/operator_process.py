"""The operator as a process of its own against the API server, and what tests ask of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.wait import eventually

WRITES = {"server_side_apply", "patch", "create", "replace", "delete"}


@dataclass
class OperatorProcess:
    kubeconfig: Path
    environment: dict[str, str]
    log: Path
    command: tuple[str, ...] = ("-c", "from opsbuddy_operator.main import main; main()")
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPSBUDDY_")}
        environment |= {"KUBECONFIG": str(self.kubeconfig), "SERVICE_HOST": "127.0.0.1", "SERVICE_PORT": str(self.port)}
        environment |= {"PYTHONFAULTHANDLER": "1"}  # a crash says where
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                env=environment | self.environment,
                cwd=self.log.parent,
                stdout=log,
                stderr=log,
            )

    def end(self, sig: int = signal.SIGTERM, within: float = 20) -> int:
        assert self.process
        self.process.send_signal(sig)
        return self.process.wait(within)

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            if self.process and self.process.poll() is not None:
                said = "\n".join(self.log.read_text().splitlines()[-30:])
                raise AssertionError(
                    f"the operator has ended with {self.process.returncode}; it said:\n{said}"
                ) from error
            raise

    async def ready(self) -> None:
        async def answers() -> bool:
            assert self.process
            assert self.process.poll() is None, self.log.read_text()
            try:
                return self.get("/health/ready")[0] == 200
            except OSError:
                return False

        await eventually(answers, within=60, what=f"the operator is ready; log:\n{self.log.read_text()}")

    def status(self) -> dict[str, Any]:
        return json.loads(self.get("/status")[1])

    def metric(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.get("/metrics")[1].decode())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def writes(self) -> dict[str, float]:
        """Requests that write, without the renewals of the Lease."""
        return writes(self.get("/metrics")[1].decode())

    def records(self, level: str | None = None) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines()
        records = [json.loads(line) if line.startswith("{") else {"level": "TEXT", "message": line} for line in lines]
        return [record for record in records if level is None or record["level"] == level]


def writes(metrics: str) -> dict[str, float]:
    """Return the requests that write by verb and kind, without the renewals of the Lease, from the text of /metrics."""
    return {
        f"{sample.labels['verb']} {sample.labels['kind']}": sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "opsbuddy_operator_api_requests_total"
        and sample.labels["verb"] in WRITES
        and sample.labels["kind"] != "Lease"
    }


@contextmanager
def operator(kubeconfig: Path, folder: Path, *command: str, **environment: str) -> Iterator[OperatorProcess]:
    """Run an operator, by another command if one is given; it is ended in the end, if it still runs."""
    process = OperatorProcess(kubeconfig, environment, folder / "operator.log")
    process.command = command or process.command
    process.start()
    try:
        yield process
    finally:
        if process.process and process.process.poll() is None:
            process.process.kill()
            process.process.wait()
