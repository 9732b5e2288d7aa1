"""Starts processes, keeps them running, ends them: each with its own log file."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from demo.platform import Process

START_LIMIT = 60.0
STOP_LIMIT = 15.0
LONGEST_PAUSE = 30.0
Say = Callable[[str], None]


class StartError(Exception):
    """A process did not come up; the message says which, and what it said last."""


@dataclass(slots=True)
class Running:
    """A process with what is needed to start it again."""

    process: Process
    log: Path
    handle: asyncio.subprocess.Process | None = None
    restarts: int = 0
    watcher: asyncio.Task[None] | None = field(default=None, repr=False)


class Supervisor:
    """Runs the processes of the demo. `bin_dir` holds the console scripts."""

    def __init__(self, bin_dir: Path, logs: Path, say: Say) -> None:
        self._bin, self._logs, self._say = bin_dir, logs, say
        self._running: list[Running] = []
        self._stopping = False

    async def start(self, processes: Sequence[Process]) -> None:
        """Start all and wait until each is ready; raises StartError."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for process in processes:
            running = Running(process, self._logs / f"{process.name}.log")
            running.log.unlink(missing_ok=True)
            self._running.append(running)
            await self._spawn(running)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            await asyncio.gather(*(self._ready(running, session) for running in self._running))
        for running in self._running:
            running.watcher = asyncio.create_task(self._watch(running))

    async def stop(self) -> None:
        """End all processes: TERM, and KILL for what does not end within its time."""
        self._stopping = True
        for running in self._running:
            if running.watcher:
                running.watcher.cancel()
        await asyncio.gather(*(_end(running.handle) for running in self._running if running.handle))

    async def _spawn(self, running: Running) -> None:
        with running.log.open("ab") as log:
            running.handle = await asyncio.create_subprocess_exec(
                self._bin / running.process.program,
                env={**_clean_environment(), **running.process.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only the supervisor, which ends them in order
            )

    async def _ready(self, running: Running, session: aiohttp.ClientSession) -> None:
        try:
            async with asyncio.timeout(START_LIMIT):
                while not await _answers(session, running.process.url):
                    if running.handle and running.handle.returncode is not None:
                        raise StartError(
                            f"{running.process.name} ended at its start. Its last words:\n{_tail(running.log)}"
                        )
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise StartError(
                f"{running.process.name} was not ready within {START_LIMIT:g} s:\n{_tail(running.log)}"
            ) from error
        self._say(f"{running.process.name:<20} {running.process.url}")

    async def _watch(self, running: Running) -> None:
        """Start a process again when it ends, with growing pauses."""
        while not self._stopping and running.handle:
            code = await running.handle.wait()
            pause = min(2.0**running.restarts, LONGEST_PAUSE)
            running.restarts += 1
            self._say(
                f"{running.process.name} ended with exit code {code}; starting it again in {pause:g} s (log: {running.log})"
            )
            await asyncio.sleep(pause)
            await self._spawn(running)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/health/ready") as answer:
            return answer.ok
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _end(handle: asyncio.subprocess.Process) -> None:
    if handle.returncode is not None:
        return
    handle.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(handle.wait(), STOP_LIMIT)
    except TimeoutError:
        handle.kill()
        await handle.wait()


def _clean_environment() -> dict[str, str]:
    """Return what a process needs of ours: a setting that happens to be exported must not reach all six, where to send traces must."""
    kept = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"}
    return {
        name: value
        for name, value in os.environ.items()
        if name in kept or (name.startswith("OTEL_") and name != "OTEL_SERVICE_NAME")
    } | {"PYTHONUNBUFFERED": "1"}


def _tail(path: Path, lines: int = 15) -> str:
    text = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    return "\n".join(f"  {line}" for line in text) or "  (nothing)"


def bin_dir() -> Path:
    """Return the folder of the console scripts of this environment."""
    return Path(sys.executable).parent
