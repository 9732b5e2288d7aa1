"""Everything of the demo saved while it is written to, destroyed, and restored: `python -m backup`, as `make backup` and `make restore` run it."""

import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.demo import demo

SINCE = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}T00:00:00Z"  # a range that does not move while a test goes on
pytestmark = [pytest.mark.demo, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]
OFFSET = 22_300


def backup(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "backup", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def kept(http: httpx2.Client) -> dict[str, Any]:
    """Return what is in each store, as people see it."""
    files = http.get("/api/files", params={"limit": 1000}).json()["files"]
    configs = http.get("/api/utils/configs").json()["configs"]
    logs = {"service": "checkout", "limit": 1000, "order": "asc"}
    points = {"measurement": "queue", "field": "waiting", "aggregate": "sum", "every": "1d", "start": SINCE}
    return {
        "files": {
            file["id"]: (file, hashlib.sha256(http.get(f"/api/files/{file['id']}/download").content).hexdigest())
            for file in files
            if file["filename"] != "meanwhile"
        },
        "configs": {
            config["id"]: (config, http.get(f"/api/utils/configs/{config['id']}/history").json()) for config in configs
        },
        "logs": http.post("/api/analytics/logs/query", json=logs).json()["logs"],
        "points": http.post("/api/timeseries/query", json=points).json()["series"],
        "audit": http.get("/api/utils/system/audit").json(),
    }


@contextmanager
def writing(http: httpx2.Client) -> Iterator[list[str]]:
    """Store files for as long as it is entered; yields the ids of those that were acknowledged."""
    ended, stored = threading.Event(), []

    def write() -> None:
        while not ended.is_set():
            sent = http.post("/api/files/upload", files={"file": ("meanwhile", b"x" * 10_000)})
            assert sent.status_code == 201, sent.text
            stored.append(sent.json()["id"])
            http.delete(f"/api/files/{stored[-1]}") if len(stored) % 2 else None

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield stored
    finally:
        ended.set()
        writer.join()


def test_what_was_destroyed_is_there_again(tmp_path: Path) -> None:
    data, archive = tmp_path / "data", tmp_path / "all.tar"
    data.mkdir()
    place = ("demo", str(archive), "--data", str(data))
    with demo(data, OFFSET, environment={"DEMO_DATA": "1"}) as addresses:
        with httpx2.Client(base_url=addresses["gateway"], timeout=20) as http:
            secret = {"name": "pager", "category": "security", "value": "s3cret", "secret": True}
            sealed = http.post("/api/utils/configs", json=secret).json()["id"]
            assert http.post("/api/utils/system/execute", json={"template": "uptime"}).status_code == 200
            before = kept(http)
            with writing(http) as stored:
                code, said = backup("save", *place)
            assert code == 0, said
            assert len(stored) > 3, "nothing was written meanwhile"
        assert backup("restore", *place) == (
            1,
            "analytics-service: There is data already (logs.sqlite3); --force replaces it.\n",
        )
        assert backup("restore", *place, "--force") == (1, "analytics-service: The service runs: stop it first.\n")
    assert archive.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(data)

    damaged = bytearray(archive.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.tar").write_bytes(damaged)
    code, said = backup("restore", "demo", str(tmp_path / "damaged.tar"), "--data", str(data))
    assert (code, "damaged" in said, data.exists()) == (1, True, False), said

    code, said = backup("restore", *place)
    assert code == 0, said
    with demo(data, OFFSET, environment={"DEMO_DATA": "1"}) as addresses:
        assert "file-service went down" not in (data / "said").read_text(), "the day was sent once more"
        with httpx2.Client(base_url=addresses["gateway"], timeout=20) as http:
            after = kept(http)
            assert http.get("/api/utils/system/audit/verify").json()["valid"]
    for store, content in before.items():
        assert after[store] == content, store
    environment = {"DATA_DIR": str(data / "utility-service")}
    tool = [Path(sys.executable).with_name("opsbuddy-utility-service"), "secret", "show", sealed]
    shown = subprocess.run(tool, env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] in {'"s3cret"', "s3cret"}
