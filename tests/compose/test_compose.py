"""`docker compose up -d` on a real Docker daemon: the description, promise by promise, one service's death, and that `down` leaves nothing."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.compose.project import LABEL, NAME, URLS, compose, run, servers, traces
from tests.contract.description.installation import SERVICES, Installation, installation
from tests.contract.description.table import PROMISES, Promise
from tests.support.wait import eventually

SINCE = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}T00:00:00Z"  # a range that does not move while a test goes on
pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]
SERVERS = (*sorted(SERVICES), "influxdb")


@pytest.fixture(scope="module")
def up() -> Iterator[None]:
    """The platform, filled; nothing is left of it in the end, whatever failed."""
    try:
        compose("up", "-d")
        yield
    finally:
        compose("down", "--volumes")
    assert traces() == {"containers": [], "networks": [], "volumes": []}


@pytest.fixture
async def at(up: None) -> AsyncIterator[Installation]:
    async with installation(URLS) as opened:
        await eventually(lambda: answers(opened), within=60, every=0.2, what="the UI, the last that starts, is ready")
        yield opened


async def answers(opened: Installation) -> bool:
    with suppress(httpx2.TransportError):
        return (await opened.ui.get("/health/ready")).is_success
    return False


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.words)
async def test_compose_keeps(at: Installation, promise: Promise) -> None:
    await promise.keep(at)


async def test_the_day_of_the_demo_is_there(at: Installation) -> None:
    async def filled() -> bool:
        names = {entry["name"] for entry in (await at.gateway.get("/api/utils/configs")).json()["configs"]}
        logs = (await at.gateway.post("/api/analytics/logs/query", json={"service": "checkout", "limit": 1})).json()
        return bool(names and logs["logs"])

    await eventually(filled, within=60, every=0.5, what="configurations and logs of the day")


async def test_every_server_is_healthy_hardened_and_on_loopback(up: None) -> None:
    async def healthy() -> bool:
        states = {name: found["State"]["Health"]["Status"] for name, found in servers().items() if name in SERVERS}
        assert states == dict.fromkeys(SERVERS, "healthy")
        return True

    await eventually(healthy, within=60, every=1, what="every container healthy")
    running = servers()
    for name in SERVERS:
        found = running[name]
        host = found["HostConfig"]
        assert found["Config"]["User"] == "1000:1000", name
        assert host["ReadonlyRootfs"], name
        assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None), name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["RestartPolicy"]["Name"] == "unless-stopped", name
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}, name
        addresses = {entry["HostIp"] for bound in found["NetworkSettings"]["Ports"].values() for entry in bound or ()}
        assert addresses == {"127.0.0.1"}, name


async def test_a_killed_service_comes_back_with_what_it_kept(at: Installation) -> None:
    sent = await at.gateway.post("/api/files/upload", files={"file": ("kept.txt", b"kept")})
    assert sent.status_code == 201, sent.text
    address = f"/api/files/{sent.json()['id']}/download"
    await asyncio.to_thread(compose, "restart", "--timeout", "0", "file-service")

    async def served() -> bool:
        return (await at.gateway.get(address)).content == b"kept"

    await eventually(served, within=60, every=0.2, what="the file is served again")


async def test_what_was_destroyed_is_restored_from_one_file(at: Installation, tmp_path: Path) -> None:
    secret = {"name": "pager-token", "category": "security", "value": "s3cret", "secret": True}
    made = await at.gateway.post("/api/utils/configs", json=secret)
    assert made.status_code == 201, made.text
    ran = await at.gateway.post("/api/utils/system/execute", json={"template": "uptime"})
    assert ran.status_code == 200, ran.text
    archive = str(tmp_path / "all.tar")
    await eventually(day_was_sent, within=120, every=0.5, what="the whole day is there")
    before = await kept(at)
    await asyncio.to_thread(backup, "save", archive)
    await asyncio.to_thread(compose, "down", "--volumes")
    assert traces()["volumes"] == []
    await asyncio.to_thread(backup, "restore", archive)
    await eventually(lambda: answers(at), within=120, every=0.5, what="the restored UI is ready")
    after = await kept(at)
    for store, content in before.items():
        assert after[store] == content, store
    tool = ("exec", "-T", "utility-service", "opsbuddy-utility-service", "secret", "show", made.json()["id"])
    assert "s3cret" in await asyncio.to_thread(compose, *tool)
    assert (await at.gateway.get("/api/utils/system/audit/verify")).json()["valid"]


async def day_was_sent() -> bool:
    ended = ("--filter", "label=com.docker.compose.service=demo-day", "--filter", "status=exited")
    return bool(await asyncio.to_thread(run, "docker", "ps", "--all", "--quiet", "--filter", LABEL, *ended))


def backup(do: str, archive: str) -> None:
    run(sys.executable, "-m", "backup", do, "compose", archive, COMPOSE_PROJECT_NAME=NAME)


async def kept(at: Installation) -> dict[str, Any]:
    """Return what is in each store, as people see it."""
    files = (await at.gateway.get("/api/files", params={"limit": 1000})).json()["files"]
    contents = [(await at.gateway.get(f"/api/files/{file['id']}/download")).content for file in files]
    logs = {"service": "checkout", "limit": 1000, "order": "asc"}
    points = {"measurement": "queue", "field": "waiting", "aggregate": "sum", "every": "1d", "start": SINCE}
    found = {
        "files": list(zip(files, (hashlib.sha256(content).hexdigest() for content in contents), strict=True)),
        "configs": (await at.gateway.get("/api/utils/configs")).json()["configs"],
        "logs": (await at.gateway.post("/api/analytics/logs/query", json=logs)).json()["logs"],
        "points": (await at.gateway.post("/api/timeseries/query", json=points)).json()["series"],
        "audit": (await at.gateway.get("/api/utils/system/audit")).json(),
    }
    assert all(found.values()), "an empty store shows nothing"
    return found
