"""What `make demo` says where it cannot start, and what it is filled with; that it runs the platform is shown by the tests of the description."""

import asyncio
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from demo.__main__ import free
from tests.contract.description.installation import PORTS
from tests.support.demo import demo as running

pytestmark = [pytest.mark.demo, pytest.mark.timeout(120)]
ROOT = Path(__file__).parents[2]


async def demo(*arguments: str) -> tuple[int | None, str]:
    """Run it, and return its exit code and what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INFLUXDB_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo", "--port-offset", "22000", *arguments,
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_taken_port_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 30004))
        taken.listen()
        code, said = await demo("--data", str(tmp_path / "data"))
    assert code == 1
    assert "30004 (timeseries-service)" in said
    assert ".venv/bin/python -m demo --port-offset 10000" in said
    assert not (tmp_path / "data").exists()


async def test_a_port_that_only_a_browser_would_find_taken_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as taken:  # as many development servers listen: `localhost` leads there first
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("::1", 25000))
        taken.listen()
        code, said = await demo("--data", str(tmp_path / "data"))
    assert code == 1
    assert "25000 (ui-service)" in said


@pytest.mark.parametrize("offset", ["70000", "-8100"])
async def test_ports_that_there_are_not_are_refused_with_those_that_there_are(offset: str) -> None:
    code, said = await demo("--port-offset", offset)
    assert code == 2
    assert "a number from -2999 to 57531" in said


async def test_a_folder_that_cannot_hold_its_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, said = await demo("--data", str(tmp_path / "file"))
    assert code == 1
    assert said == f"State cannot be kept in {tmp_path / 'file'}: File exists. Name another folder by --data.\n"


async def test_what_it_shall_be_filled_with_is_read_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_DATA", "no")
    code, said = await demo("--data", str(tmp_path / "data"))
    assert code == 1
    assert said.startswith("DEMO_DATA is 'no'")
    assert not (tmp_path / "data").exists()


def test_one_folder_has_one_demo_and_a_fresh_one_takes_it_from_nobody(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo", "--port-offset", "22000", "--data", str(tmp_path), "--fresh"]
    with running(tmp_path, 22_600):
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (second.returncode, (tmp_path / "file-service").exists()) == (1, True)
    assert second.stderr.startswith(f"Another demo keeps its state in {tmp_path}")


@pytest.mark.parametrize(
    ("sent", "ignored"),
    [(signal.SIGHUP, ""), (signal.SIGINT, "INT")],
    ids=["its terminal is closed", "Ctrl-C to what a script put into the background"],
)
def test_whatever_ends_it_ends_all_of_it(tmp_path: Path, sent: signal.Signals, ignored: str) -> None:
    master, terminal = pty.openpty()
    demo = [sys.executable, "-m", "demo", "--port-offset", "22900", "--data", str(tmp_path)]
    command = ["sh", "-c", f"trap '' {ignored}; exec \"$@\"", "sh", *demo] if ignored else demo
    process = subprocess.Popen(  # these tests may run under nohup, and the demo obeys that
        ["env", "--default-signal", *command],
        cwd=ROOT,
        env={**os.environ, "DEMO_DATA": "0"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    said = b""
    try:
        while b"ready after" not in said:
            said += os.read(master, 4096)
        os.close(master)  # what it says from now on fails
        process.send_signal(sent)
        assert process.wait(30) == 0
    finally:
        process.terminate()
        process.wait(30)
    assert all(free(port + 22_900) for port in PORTS.values())


def test_ctrl_c_before_there_is_anything_to_end_says_nothing(tmp_path: Path) -> None:
    """What it imports takes a second."""
    demo = ["env", "--default-signal", sys.executable, "-X", "importtime", "-m", "demo", "--data", str(tmp_path)]
    said = b""
    with subprocess.Popen(demo, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr
        for line in process.stderr:
            said += line
            if line.endswith(b" aiohttp.client\n"):  # of many that follow
                process.send_signal(signal.SIGINT)
    assert process.returncode == -signal.SIGINT
    assert b"aiohttp.client\n" in said
    assert b"Traceback" not in said


async def test_influxdb_without_its_address_is_asked_for(tmp_path: Path) -> None:
    code, said = await demo("--influxdb", "--data", str(tmp_path / "data"))
    assert code == 2
    assert "INFLUXDB_HOST and INFLUXDB_TOKEN" in said


async def test_help_explains() -> None:
    code, said = await demo("--help")
    assert code == 0
    assert "--port-offset" in said


def test_its_first_start_fills_it_with_a_day_and_the_next_one_adds_nothing(tmp_path: Path) -> None:
    def found(addresses: dict[str, str]) -> tuple[int, int, int, int]:
        with httpx2.Client(base_url=addresses["gateway"], timeout=20) as http:
            body = {"service": "checkout", "limit": 1000, "order": "asc"}
            logs = http.post("/api/analytics/logs/query", json=body).json()["logs"]
            files = http.get("/api/files").json()["files"]
            configs = http.get("/api/utils/configs").json()["configs"]
            question = {"measurement": "queue", "field": "waiting", "aggregate": "max", "every": "1d"}
            series = http.post("/api/timeseries/query", json=question).json()["series"]
        assert [log for log in logs if log["level"] == "ERROR"]
        return len(logs), len(files), len(configs), len(series)

    with running(tmp_path, 24_600, environment={"DEMO_DATA": "1"}) as addresses:
        first = found(addresses)
    assert min(first) > 0
    assert "file-service went down" in (tmp_path / "said").read_text()
    with running(tmp_path, 24_600, environment={"DEMO_DATA": "1"}) as addresses:
        assert found(addresses) == first
    assert "file-service went down" not in (tmp_path / "said").read_text()
