"""All that a cluster's services keep, saved by one command while they serve, destroyed, and restored by one."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from backup.installation import KEEPING
from tests.e2e.forward import port_forward
from tests.e2e.release import STACK, Release
from tests.support.programs import BIN
from tests.support.wait import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
DROP_BUCKET = """
import json, os, urllib.request
buckets = "http://{INFLUXDB_HOST}:{INFLUXDB_PORT}/api/v2/buckets".format(**os.environ)
def ask(method, url):
    asked = urllib.request.Request(url, method=method, headers={"Authorization": "Token " + os.environ["INFLUXDB_TOKEN"]})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return answer.read()
(bucket,) = json.loads(ask("GET", buckets + "?name=" + os.environ["INFLUXDB_DATABASE"]))["buckets"]
ask("DELETE", buckets + "/" + bucket["id"])
"""


def backup(kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": f"{BIN}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "backup", *arguments, "--namespace", STACK]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def fill(http: httpx2.Client, name: str) -> dict[str, str]:
    """Store something by this name with each service; return the ids."""
    sent = http.post("/api/files/upload", files={"file": (name, b"kept" * 10_000)}, data={"tags": '{"of": "test"}'})
    config = {"name": name, "category": "security", "value": "s3cret", "secret": True}
    made = http.post("/api/utils/configs", json=config)
    log = {
        "service": name,
        "logger": "test",
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "message": "kept",
        "level": "ERROR",
    }
    point = {"measurement": name, "fields": {"v": 1.5}, "tags": {"of": "test"}}
    others = [
        http.post("/api/analytics/logs", json={"logs": [log]}),
        http.post("/api/timeseries/write", json={"points": [point]}),
        http.post("/api/utils/system/execute", json={"template": "uptime"}),
    ]
    answers = (sent, made, *others)
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200, 200], others[0].text
    return {"file": sent.json()["id"], "config": made.json()["id"]}


def kept(http: httpx2.Client, name: str, ids: dict[str, str]) -> dict[str, Any]:
    """Return what is kept of it, as people see it."""
    file, config = f"/api/files/{ids['file']}", f"/api/utils/configs/{ids['config']}"
    points = {"measurement": name, "field": "v", "start": "2020-01-01T00:00:00Z"}
    found = {
        "file": answered(http.get(file)).json(),
        "content": hashlib.sha256(answered(http.get(f"{file}/download")).content).hexdigest(),
        "config": answered(http.get(config)).json(),
        "history": answered(http.get(f"{config}/versions")).json(),
        "audit": answered(http.get("/api/utils/system/audit")).json(),
        "logs": answered(http.post("/api/analytics/logs/query", json={"service": name})).json()["logs"],
        "points": answered(http.post("/api/timeseries/query", json=points)).json()["series"],
    }
    assert all(found.values()), found
    return found


def answered(answer: httpx2.Response) -> httpx2.Response:
    assert answer.status_code == 200, answer.text
    return answer


def destroy(release: Release) -> None:
    for service in KEEPING:
        inside = ("exec", f"deployment/{service}", "-c", service, "--", "sh", "-c")
        release.kubectl(*inside, 'rm -rf "$DATA_DIR"/* "$DATA_DIR"/.[!.]*')
        assert release.kubectl(*inside, 'ls -A "$DATA_DIR"').strip() == ""
    timeseries = ("exec", "deployment/timeseries-service", "-c", "timeseries-service", "--")
    release.kubectl(*timeseries, "python", "-c", DROP_BUCKET)


async def test_what_was_destroyed_is_there_again(kubeconfig: Path, release: Release, tmp_path: Path) -> None:
    archive, name = str(tmp_path / "all.tar"), f"kept-{uuid4().hex[:8]}"
    specs = {service: item["spec"] for service, item in release.get("opsbuddyservices").items()}
    with (
        port_forward(kubeconfig, STACK, "service/gateway", 8000) as url,
        httpx2.Client(base_url=url, timeout=20) as http,
    ):
        ids = fill(http, name)

        async def there() -> dict[str, Any]:
            return kept(http, name, ids)

        before = await eventually(there, within=30, every=0.2, what="all that was stored is found")
        code, said = backup(kubeconfig, "save", "cluster", archive)
        assert code == 0, said
        refused = backup(kubeconfig, "restore", "cluster", archive)
        assert refused == (1, "The services run; --force stops them and replaces what they keep.\n")
        destroy(release)
        code, said = backup(kubeconfig, "restore", "cluster", archive, "--force")
        assert code == 0, said

        async def again() -> bool:
            assert kept(http, name, ids) == before
            return True

        await eventually(again, within=30, every=0.2, what="all of it is there again")
        show = ("exec", "deployment/utility-service", "-c", "utility-service", "--", "opsbuddy-utility-service")
        assert "s3cret" in release.kubectl(*show, "secret", "show", ids["config"])
        assert http.get("/api/utils/system/audit/verify").json()["valid"]
    assert {service: item["spec"] for service, item in release.get("opsbuddyservices").items()} == specs
    assert not [pod for pod in release.get("pods") if pod.endswith("-restore")]
