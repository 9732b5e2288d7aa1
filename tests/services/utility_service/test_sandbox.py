"""Commands for real: what they can reach, how they end, and that nothing of them is left."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from opsbuddy_utility_service.sandbox import landlock
from opsbuddy_utility_service.sandbox.order import Ended, Order
from opsbuddy_utility_service.storage.launcher import Running, SandboxLauncher, Take
from tests.support.processes import below, has_ended
from tests.support.wait import eventually

pytestmark = pytest.mark.process


class Commands:
    """Runs programs in the sandbox, and remembers what they wrote."""

    def __init__(self, launcher: SandboxLauncher) -> None:
        self.launcher = launcher
        self.output = b""

    def take(self, _: str, data: bytes) -> None:
        self.output = (self.output + data)[-100_000:]

    async def run(self, *argv: str, **members: Any) -> Ended:
        self.output = b""
        return await (await begin(self.launcher, order(*argv, **members), self.take)).ended()

    async def shell(self, script: str, **members: Any) -> Ended:
        return await self.run("/bin/sh", "-c", script, **members)


def order(*argv: str, **members: Any) -> Order:
    defaults: dict[str, Any] = {
        "env": {"PATH": "/usr/bin:/bin"},
        "cwd": "/",
        "timeout": 10,
        "grace": 0.3,
        "address_space": 4 * 1024**3,
        "network": False,
        "read": [],
        "write": [],
        "browse": [],
    }
    return Order(program=argv[0], argv=list(argv), **defaults | members)


async def begin(launcher: SandboxLauncher, wanted: Order, take: Take) -> Running:
    running = await launcher.launch(wanted, take)
    running.go()
    return running


@pytest.fixture
async def commands() -> AsyncIterator[Commands]:
    launcher = SandboxLauncher()
    yield Commands(launcher)
    await launcher.stop()


async def test_a_command_sees_an_empty_environment_no_input_and_no_other_files(commands: Commands) -> None:
    ended = await commands.shell("env; cat; ls /proc/self/fd; ulimit -c")
    lines = commands.output.decode().split()
    assert ended == Ended("exited", exit_code=0)
    assert {line for line in lines if "=" in line} <= {"PATH=/usr/bin:/bin", "PWD=/"}
    assert [line for line in lines if "=" not in line] == ["0", "1", "2", "3", "0"]  # 3 is the listing itself


@pytest.mark.parametrize(
    "script",
    [
        "cat {outside}",
        "ls {folder}",
        "echo x > {outside}",
        "echo x > /tmp/opsbuddy-escape",
        "rm {outside}",
        "mkdir {folder}/new",
        "cp /bin/true {folder}/program",
        "cat /proc/{service}/environ",
        "kill -9 {service}",
        "kill -9 $PPID",
        "mount -t tmpfs none /mnt",
        "unshare -r true",
        "chroot / true",
    ],
)
async def test_what_a_command_must_not_reach_is_refused(commands: Commands, tmp_path: Path, script: str) -> None:
    if (await commands.launcher.isolation()).level != "landlock":
        pytest.fail("this kernel has no Landlock; these tests need one that has")
    outside = tmp_path / "outside"
    outside.write_text("hidden")
    ended = await commands.shell(script.format(outside=outside, folder=tmp_path, service=os.getpid()))
    assert ended.exit_code not in {0, None}, commands.output
    assert b"hidden" not in commands.output
    assert outside.read_text() == "hidden"
    assert [path for path in (tmp_path / "new", tmp_path / "program") if path.exists()] == []


async def test_what_a_template_says_can_be_read_and_written_and_nothing_beside_it(
    commands: Commands, tmp_path: Path
) -> None:
    for name in ("read", "write", "list"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    places = {"read": [str(tmp_path / "read")], "write": [str(tmp_path / "write")], "browse": [str(tmp_path)]}
    script = "cat read/file; echo new > write/file; ls list; cat list/file; echo no > read/file"
    ended = await commands.shell(script, cwd=str(tmp_path), **places)
    assert commands.output.startswith(b"readfile\n")
    assert ended.exit_code != 0
    assert [(tmp_path / name / "file").read_text() for name in ("read", "write", "list")] == ["read", "new\n", "list"]


async def test_only_a_template_with_network_opens_sockets_to_others(commands: Commands) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    program = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('reached')"
    async with server:
        for network in (False, True):
            await commands.run("/usr/bin/python3", "-I", "-c", program, network=network)
            assert (b"reached" in commands.output) is network, commands.output


async def test_limits_hold(commands: Commands, tmp_path: Path) -> None:
    assert (await commands.shell("while :; do :; done", timeout=1)).cause in {"timeout", "exited"}
    script = f"head -c 100000000 /dev/zero > {tmp_path}/file"
    await commands.shell(script, write=[str(tmp_path)])
    assert (tmp_path / "file").stat().st_size <= 64 * 1024 * 1024
    program = "x = bytearray(1 << 30)"
    ended = await commands.run("/usr/bin/python3", "-I", "-c", program, address_space=256 * 1024**2)
    assert ended.exit_code == 1


async def test_a_program_that_cannot_be_started_is_said(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for program, said in (("/no/such/program", "No such file"), (str(tmp_path / "text"), "denied")):
        ended = await commands.run(program)
        assert ended.cause == "not_started"
        assert said in ended.problem
    assert (await commands.run("/bin/true", cwd="/no/such/folder")).cause == "not_started"


async def test_a_grandchild_in_a_session_of_its_own_holds_nothing_up_and_is_ended(commands: Commands) -> None:
    begun = time.monotonic()
    ended = await commands.shell("setsid sleep 60 & setsid sh -c 'trap \"\" TERM; sleep 61 & wait' & echo started")
    assert time.monotonic() - begun < 3
    assert commands.output == b"started\n"
    assert (ended.cause, ended.exit_code, ended.left) == ("exited", 0, 0)
    assert ended.stragglers >= 1
    await eventually(lambda: _nobody(commands.launcher), within=3, what="nothing of it is left")


async def _nobody(launcher: SandboxLauncher) -> bool:
    assert below(launcher.pids[0]) == []
    return True


@pytest.mark.parametrize(
    ("script", "signal"),
    [("exec sleep 30", 15), ("trap '' TERM; setsid sleep 31 & while :; do sleep 0.05; done", 9)],
    ids=["polite", "deaf"],
)
async def test_a_timeout_ends_the_whole_tree(commands: Commands, script: str, signal: int) -> None:
    begun = time.monotonic()
    ended = await commands.shell(script, timeout=0.5)
    assert time.monotonic() - begun < 4
    assert (ended.cause, ended.signal, ended.left) == ("timeout", signal, 0)
    await eventually(lambda: _nobody(commands.launcher), within=3, what="nothing of it is left")


async def test_a_flood_blocks_nobody_fills_no_memory_and_can_be_stopped(commands: Commands) -> None:
    before = psutil.Process().memory_info().rss
    running = await begin(commands.launcher, order("/usr/bin/yes"), commands.take)
    begun = time.monotonic()

    async def much() -> bool:
        return len(commands.output) >= 100_000

    await eventually(much, what="output comes")
    running.stop()
    ended = await running.ended()
    assert time.monotonic() - begun < 3
    assert (ended.cause, ended.signal) == ("stopped", 15)
    assert psutil.Process().memory_info().rss - before < 20 * 1024 * 1024
    await eventually(lambda: _nobody(commands.launcher), within=3, what="nothing of it is left")


async def test_a_command_does_nothing_before_the_word_and_nothing_at_all_when_it_is_called_off(
    commands: Commands, tmp_path: Path
) -> None:
    kept = order("/bin/sh", "-c", "echo it ran > file", cwd=str(tmp_path), read=[str(tmp_path)], write=[str(tmp_path)])
    ready, called_off = [await commands.launcher.launch(kept, commands.take) for _ in range(2)]

    async def prepared() -> bool:  # each with its keeper
        return len(below(commands.launcher.pids[0])) == 4

    await eventually(prepared, what="both are ready")
    called_off.stop()
    assert (await called_off.ended()).problem == "it was called off"
    assert not (tmp_path / "file").exists()
    ready.go()
    assert (await ready.ended()).exit_code == 0
    assert (tmp_path / "file").read_text() == "it ran\n"


async def test_a_file_that_takes_the_place_of_another_can_be_read_by_the_next_command(
    commands: Commands, tmp_path: Path
) -> None:
    place = tmp_path / "file"
    for text in ("first", "second", "third"):
        place.unlink(missing_ok=True)
        place.write_text(text)
        assert (await commands.run("/bin/cat", str(place), read=[str(place)])).exit_code == 0
        assert commands.output == text.encode()
    assert (await commands.run("/bin/cat", str(place))).exit_code == 1


def test_rules_are_kept_for_the_same_places_and_not_without_end(tmp_path: Path) -> None:
    rulesets = landlock.Rulesets()
    first = rulesets.of([str(tmp_path)], [], [])
    assert rulesets.of([str(tmp_path)], [], []) == first
    assert rulesets.of([], [str(tmp_path)], []) != first
    for number in range(2 * landlock.MOST_KEPT):
        rulesets.of([str(tmp_path / str(number))], [], [])
    kept = [ruleset for _, ruleset in rulesets._kept.values()]
    assert len(set(kept)) == landlock.MOST_KEPT
    for ruleset in kept:
        os.close(ruleset)


async def test_orphans_by_the_dozen_leave_no_zombies(commands: Commands) -> None:
    ended = await asyncio.gather(*(_orphan(commands.launcher) for _ in range(20)))
    assert {each.cause for each in ended} == {"exited"}
    await eventually(lambda: _nobody(commands.launcher), within=5, what="neither processes nor zombies are left")


async def _orphan(launcher: SandboxLauncher) -> Ended:
    running = await begin(launcher, order("/bin/sh", "-c", "setsid sleep 2 & setsid true & echo x"), lambda *_: None)
    return await running.ended()


async def test_a_launcher_that_was_killed_is_replaced_and_what_ran_is_ended(commands: Commands) -> None:
    running = await begin(commands.launcher, order("/bin/sleep", "60"), commands.take)

    async def sleeps() -> list[psutil.Process]:
        return below(commands.launcher.pids[0], "sleep")

    (sleeping,) = await eventually(sleeps, what="the command runs")
    keeper = sleeping.parent()
    assert keeper is not None
    keeper.kill()
    assert (await running.ended()).cause == "lost"
    await eventually(lambda: _nobody(commands.launcher), within=3, what="the command is gone with its keeper")
    launcher = psutil.Process(commands.launcher.pids[0])
    launcher.kill()

    async def dead() -> bool:
        return has_ended(launcher)

    await eventually(dead, what="the launcher is dead")
    assert (await commands.run("/bin/echo", "again")).exit_code == 0
    assert commands.output == b"again\n"
