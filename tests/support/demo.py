"""The demo as a process, as `make demo` starts it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.contract.description.installation import PORTS

ROOT = Path(__file__).parents[2]
START = 90  # seconds


@contextmanager
def demo(
    folder: Path, offset: int, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[dict[str, str]]:
    """Yield the address of each service; state and logs are in `folder`. The ports are the usual ones plus `offset`.

    Its stores are empty unless `environment` has DEMO_DATA=1.
    """
    command = [sys.executable, "-m", "demo", "--port-offset", str(offset), "--data", str(folder), *arguments]
    said = folder / "said"
    with said.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "DEMO_DATA": "0", **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + START
            while "ready after" not in said.read_text():
                assert process.poll() is None, f"the demo ended at its start:\n{said.read_text()}"
                assert time.monotonic() < deadline, f"the demo is not ready:\n{said.read_text()}"
                threading.Event().wait(0.1)
            yield {name: f"http://127.0.0.1:{port + offset}" for name, port in PORTS.items()}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert process.returncode == 0, f"the demo ended with {process.returncode}:\n{said.read_text()}"
