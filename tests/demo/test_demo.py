"""What `make demo` says where it cannot start, and what it is filled with; that it runs the platform is shown by the tests of the description."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import httpx2
import pytest

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
    assert not (tmp_path / "data").exists()


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
