"""The script that `helm test` runs, against servers that answer, fail, or are not there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.charts.helm import STACK
from tests.support.influxdb import free_port

SCRIPT = STACK / "files/stack_test.py"


class Gateway(ThreadingHTTPServer):
    """Answers each path with the statuses that a test gives it, the last one for ever; 404 for any other."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.answers: dict[str, list[int]] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        statuses = self.server.answers.get(self.path, [404])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        body = f"{self.path} says {status}".encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(gateway: Gateway, *paths: str, patience: float = 0) -> tuple[int, list[str]]:
    """Run the script; returns its exit code and the lines that it printed."""
    environment = {"GATEWAY": gateway.url, "PATHS": " ".join(paths), "PATIENCE_SECONDS": str(patience)}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def test_all_that_answer_are_named_and_the_exit_code_is_0(gateway):
    gateway.answers = {"/health": [200], "/api/files": [200]}
    assert ask(gateway, "/health", "/api/files") == (
        0,
        [f"{gateway.url}/health answers", f"{gateway.url}/api/files answers"],
    )


def test_one_that_fails_is_named_with_what_it_said_and_the_exit_code_is_1(gateway):
    gateway.answers = {"/health": [200], "/api/files": [503]}
    assert ask(gateway, "/health", "/api/files") == (
        1,
        [
            f"{gateway.url}/health answers",
            f"{gateway.url}/api/files does not answer: 503 /api/files says 503",
        ],
    )


def test_one_without_a_route_is_asked_at_its_own_address_and_named_when_nobody_listens(gateway):
    gateway.answers = {"/health": [200]}
    url = f"http://127.0.0.1:{free_port()}/health"
    code, lines = ask(gateway, "/health", url)
    assert code == 1
    assert lines[0] == f"{gateway.url}/health answers"
    assert lines[1].startswith(f"{url} does not answer: ")
    assert "refused" in lines[1]


def test_one_that_still_starts_is_waited_for(gateway):
    gateway.answers = {"/health": [503, 200]}
    assert ask(gateway, "/health", patience=20) == (0, [f"{gateway.url}/health answers"])
