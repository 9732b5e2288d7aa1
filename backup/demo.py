"""The demo's folder: the tools of the services run as processes of this machine, with the settings that the demo gives."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from typing_extensions import override

from backup.commands import run
from backup.installation import MARK, Installation
from demo.platform import load, processes
from demo.supervisor import bin_dir
from opsbuddy_core.backup.archive import BackupError


class Demo(Installation):
    """What `make demo` keeps in its folder."""

    def __init__(self, root: Path, data: Path) -> None:
        self._data = data.absolute()
        found = processes(load(root / "manifests" / "samples"), self._data)
        self._environments = {process.name: dict(process.env) for process in found}

    @override
    def save(self, service: str, out: BinaryIO) -> None:
        if not self._data.is_dir():
            raise BackupError(
                f"Nothing is kept in {self._data}: the demo has not run, or keeps its state elsewhere (--data)."
            )
        self._run(service, "backup", stdout=out)

    @override
    @contextmanager
    def restoring(self, *, force: bool) -> Iterator[None]:
        self._data.mkdir(parents=True, exist_ok=True)
        yield

    @override
    def restore(self, service: str, archive: Path | None, *, force: bool) -> None:
        options = ["--force"] * force
        if archive is None:
            self._run(service, "restore", "--check", *options)
        else:
            with archive.open("rb") as source:
                self._run(service, "restore", *options, stdin=source)

    @override
    def mark(self) -> bytes | None:
        path = self._data / MARK
        return path.read_bytes() if path.exists() else None

    @override
    def set_mark(self, content: bytes) -> None:
        (self._data / MARK).write_bytes(content)

    def _run(
        self, service: str, *arguments: str, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None
    ) -> None:
        environment = {"PATH": os.environ["PATH"], **self._environments[service]}
        program = bin_dir() / f"opsbuddy-{service}"
        run([program, *arguments], folder=self._data.parent, environment=environment, stdin=stdin, stdout=stdout)
