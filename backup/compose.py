"""The compose project: the tools of the services run in their containers. Which project and which files: COMPOSE_PROJECT_NAME, COMPOSE_FILE, .env."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from typing_extensions import override

from backup.commands import run
from backup.installation import KEEPING, Installation, ending
from opsbuddy_core.backup.archive import BackupError

OURS = ("ui-service", "gateway", *KEEPING)
MARK = "/data/day.json"


class Compose(Installation):
    """A project of docker-compose.yaml."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @override
    def save(self, service: str, out: BinaryIO) -> None:
        self._compose("exec", "-T", service, f"opsbuddy-{service}", "backup", stdout=out)

    @override
    @contextmanager
    def restoring(self, *, force: bool) -> Iterator[None]:
        ran = bool(self._compose("ps", "-q").strip())
        if ran and not force:
            raise BackupError(
                "The project is there: `docker compose down` first, or --force, which replaces what it keeps."
            )
        there = bool(self._compose("ps", "-q", "-a").strip())
        with ending(self._start, self._start if ran else self._stop if there else self._remove):
            if ran:
                self._compose("stop", *OURS)
            yield

    @override
    def restore(self, service: str, archive: Path | None, *, force: bool) -> None:
        restoring = [service, f"opsbuddy-{service}", "restore", *["--force"] * force]
        if archive is None:  # the first time, which starts what the service keeps things in
            self._compose("run", "--rm", "-T", *restoring, "--check")
        else:
            with archive.open("rb") as source:
                self._compose("run", "--rm", "-T", "--no-deps", *restoring, stdin=source)

    @override
    def mark(self) -> bytes | None:
        return (
            self._compose("run", "--rm", "-T", "--no-deps", "demo-day", "sh", "-c", f"cat {MARK} 2>/dev/null || true")
            or None
        )

    @override
    def set_mark(self, content: bytes) -> None:
        words = [
            "run",
            "--rm",
            "-T",
            "--no-deps",
            "demo-day",
            "sh",
            "-c",
            f'printf %s "$1" >{MARK}',
            "sh",
            content.decode(),
        ]
        self._compose(*words)

    def _start(self) -> None:
        self._compose("up", "-d")

    def _stop(self) -> None:
        self._compose("stop")

    def _remove(self) -> None:
        self._compose("down")

    def _compose(self, *arguments: str, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> bytes:
        return run([*_program(), *arguments], folder=self._root, stdin=stdin, stdout=stdout)


def _program() -> list[str]:
    """Return the plugin of docker where it has one, or the program of its own."""
    try:
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=60, check=False)  # noqa: S607 - on PATH
    except FileNotFoundError as error:
        raise BackupError("docker is missing: install it, or put its folder into PATH.") from error
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]
