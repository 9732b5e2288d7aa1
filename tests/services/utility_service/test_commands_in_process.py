"""The service as a process of its own, with real commands: clients that leave, services that are killed, and life as process 1."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.influxdb import free_port
from tests.support.processes import below, has_ended
from tests.support.wait import eventually

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]  # each starts the service, some twice

OWN = """
commands:
- {id: long, argv: [sleep, "{seconds}"], params: {seconds: {type: int, min: 100}}}
- {id: orphan, argv: [/bin/sh, orphan.sh]}
- {id: flood, argv: [/usr/bin/yes]}
- {id: deaf, argv: [/bin/sh, -c, 'trap "" TERM PIPE; while :; do echo x; done']}
"""
ORPHAN = "setsid sleep 101 & setsid true & echo started"
NO_PRIVILEGES = ("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
AS_PROCESS_1 = ("unshare", *(() if os.geteuid() == 0 else ("-r",)), "--pid", "--fork", "--mount-proc", "--kill-child")


@dataclass
class Running:
    """The service, and the process that was started for it (which may be one that started it)."""

    process: asyncio.subprocess.Process
    http: httpx2.AsyncClient

    def below(self, name: str = "", status: str = "") -> list[psutil.Process]:
        return below(self.process.pid, name, status)

    async def execute(self, **members: Any) -> dict[str, Any]:
        answer = await self.http.post("/system/execute", json=members)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def audited(self) -> list[dict[str, Any]]:
        return (await self.http.get("/system/audit", params={"limit": 1000})).json()["runs"]

    async def nothing_runs(self) -> None:
        async def nothing() -> bool:
            own = [process for name in ("python", "python3", "python3.11") for process in self.below(name)]
            assert [each for each in self.below() if each not in own] == []
            assert self.below(status=psutil.STATUS_ZOMBIE) == []
            return True

        await eventually(nothing, within=5, what="neither commands nor zombies are left")


def _itself(pid: int, before: tuple[str, ...]) -> int:
    """Return the service: unshare stays as its parent, and waits for it without passing signals on."""
    return psutil.Process(pid).children()[0].pid if before == AS_PROCESS_1 else pid


@asynccontextmanager
async def running(folder: Path, *before: str) -> AsyncIterator[Running]:
    (folder / "own.yaml").write_text(OWN)
    (folder / "orphan.sh").write_text(ORPHAN)
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    settings = {
        "SERVICE_HOST": "127.0.0.1",
        "SERVICE_PORT": str(port),
        "DATA_DIR": str(folder / "data"),
        "COMMAND_TEMPLATES": str(folder / "own.yaml"),
    }
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *before,
            sys.executable,
            "-m",
            "opsbuddy_utility_service.main",
            env=kept | settings,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:

            async def ready() -> bool:
                assert process.returncode is None, (folder / "log").read_text()[-2000:]
                try:
                    return (await http.get("/health/ready")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(ready, within=60, what="the service is ready")
            yield Running(process, http)
    finally:
        if process.returncode is None:
            psutil.Process(_itself(process.pid, before)).terminate()
        await asyncio.wait_for(process.wait(), 30)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_client_that_leaves_ends_its_command_and_the_record_is_closed(tmp_path: Path, accept: str) -> None:
    async with running(tmp_path) as service:
        asked = asyncio.create_task(
            service.http.post("/system/execute", json={"command": "sleep 100"}, headers={"accept": accept})
        )

        async def runs() -> bool:
            return bool(service.below("sleep"))

        await eventually(runs, what="the command runs")
        asked.cancel()
        await service.nothing_runs()

        async def closed() -> bool:
            return [(run["closed"], run["reason"]) for run in await service.audited()] == [(True, "cancelled")]

        await eventually(closed, within=3, what="the record is closed")


async def test_a_service_that_is_killed_takes_its_command_with_it_and_closes_the_record_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as service:
        asked = asyncio.create_task(service.http.post("/system/execute", json={"command": "sleep 102"}))

        async def runs() -> list[psutil.Process]:
            return service.below("sleep")

        (sleeping,) = await eventually(runs, what="the command runs")
        service.process.send_signal(signal.SIGKILL)
        await service.process.wait()
        await asyncio.gather(asked, return_exceptions=True)

        async def gone() -> bool:
            return has_ended(sleeping)

        await eventually(gone, within=5, what="the command is gone")
    async with running(tmp_path) as service:

        async def lost() -> bool:
            return [run["reason"] for run in await service.audited()] == ["lost"]

        await eventually(lost, within=5, what="the record is closed as lost")
        assert (await service.http.get("/system/audit/verify")).json()["valid"] is True


async def test_as_process_1_it_leaves_neither_processes_nor_zombies(tmp_path: Path) -> None:
    async with running(tmp_path, *AS_PROCESS_1) as service:
        for _ in range(10):
            assert (await service.execute(command="orphan", timeout=5))["stdout"] == "started\n"
        for _ in range(2):
            assert (await service.execute(command="sleep 100", timeout=0.3))["reason"] == "timeout"
        assert (await service.execute(command="deaf", timeout=8))["reason"] in {"output_limit", "timeout"}
        await service.nothing_runs()
        runs = await service.audited()
        assert (len(runs), {run["closed"] for run in runs}) == (13, {True})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter the namespaces of another process")
async def test_as_process_1_it_collects_orphans_that_others_leave(tmp_path: Path) -> None:
    async with running(tmp_path, *AS_PROCESS_1) as service:
        (first,) = psutil.Process(service.process.pid).children()
        script = "setsid sleep 0.2 & setsid sh -c 'sleep 0.1 & sleep 0.3' & exit"
        entered = await asyncio.create_subprocess_exec("nsenter", "-t", str(first.pid), "-p", "-m", "sh", "-c", script)
        assert await entered.wait() == 0

        async def sleeping() -> bool:
            return not service.below("sleep") and not service.below("sh")

        await eventually(sleeping, within=5, what="the orphans have ended")
        await service.nothing_runs()
        assert (await service.execute(command="date"))["reason"] == "ok"


async def test_without_any_privilege_commands_are_held_in_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path, *NO_PRIVILEGES) as service:
        result = await service.execute(command="ls -la")
        assert (result["reason"], result["isolation"]["level"]) == ("ok", "landlock")
        assert "etc" in result["stdout"]
        assert (await service.execute(command="sleep 100", timeout=0.3))["reason"] == "timeout"
        await service.nothing_runs()


async def test_a_flood_is_answered_soon_in_little_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        await service.execute(command="date")
        before = psutil.Process(service.process.pid).memory_info().rss
        for _ in range(3):
            answer = await service.http.post("/system/execute", data={"command": "flood", "timeout": "8"})
            assert (answer.json()["reason"], len(answer.content) <= 68 * 1024) == ("output_limit", True)
            assert answer.json()["duration"] < 3
        assert psutil.Process(service.process.pid).memory_info().rss - before < 20 * 1024 * 1024
        await service.nothing_runs()


async def test_every_installed_built_in_command_that_needs_no_network_works_in_its_sandbox(tmp_path: Path) -> None:
    values = {"path": "/tmp", "pid": 1, "text": "hello", "file": "/etc/ssl/none.pem"}  # noqa: S108 - a folder that is everywhere
    async with running(tmp_path) as service:
        commands = (await service.http.get("/system/commands")).json()["commands"]
        chosen = [each for each in commands if each["available"] and not each["network"] and not each["own"]]
        assert len(chosen) > 20
        for command in chosen:
            if command["id"] in {"vmstat", "certificate-file"}:  # takes seconds; needs a file
                continue
            params = {each["name"]: values[each["name"]] for each in command["params"] if each["required"]}
            result = await service.execute(template=command["id"], params=params)
            said = (command["id"], result["reason"], result["stderr"])
            assert (
                result["reason"] == "ok"
                or "Permission denied" in result["stderr"]
                or "Not supported" in result["stderr"]
            ), said
            assert result["stdout"], said
