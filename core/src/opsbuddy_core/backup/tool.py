"""What saves and restores all that a service keeps, at its command line and with its settings.

    opsbuddy-<service> backup >file.tar                    while it serves
    opsbuddy-<service> restore [--force] <file.tar         while it is stopped
    opsbuddy-<service> restore --check                     whether a restore would be refused for what is there

Exit code 1 and a sentence when it cannot be done; then nothing of what was there has changed.
"""

import argparse
import fcntl
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Protocol, Self, TypeVar

from opsbuddy_core.backup.archive import BackupError, Writer, newer, unpack
from opsbuddy_core.errors import OpsBuddyError

NAMES = ("backup", "restore")
DRAFT = ".backup-draft"  # beside the data: there is room for them there, and nowhere else in a container


class Keeping(Protocol):
    """Settings of a service that keeps something."""

    data_dir: Path

    @classmethod
    def load(cls) -> Self: ...


S = TypeVar("S", bound=Keeping)


class Part(Protocol):
    """Something that a service keeps."""

    def save(self, archive: Writer, draft: Path) -> None:
        """Add what is kept, as of one moment; `draft` is an empty folder for what has to be written before."""

    def hindrance(self, *, force: bool) -> str | None:
        """Say why nothing can be restored here: something is kept already (`force` allows that), or it is in use."""

    def load(self, folder: Path) -> None:
        """Put in place what the archive has, now in `folder`: all of it or, when it raises, nothing."""


def run(
    arguments: Sequence[str], distribution: str, settings_class: type[S], parts: Callable[[S], Sequence[Part]]
) -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog=distribution, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=NAMES)
    parser.add_argument("--force", action="store_true", help="restore: replace what is there")
    parser.add_argument("--check", action="store_true", help="restore: say whether it could be done, and read nothing")
    chosen = parser.parse_args(arguments)
    settings = settings_class.load()
    service = distribution.removeprefix("opsbuddy-")
    out = _only_ours()
    try:
        if chosen.check:
            _refuse(parts(settings), force=chosen.force)
            return 0
        with _draft(settings.data_dir) as draft:
            if chosen.what == "backup":
                _save(Writer(out, service, version(distribution)), parts(settings), draft)
            else:
                found = parts(settings)
                _refuse(found, force=chosen.force)
                _load(found, draft, service, version(distribution))
    except (BackupError, OpsBuddyError, OSError) as error:
        sys.stderr.write(f"{service}: {error.detail if isinstance(error, OpsBuddyError) else error}\n")
        return 1
    except sqlite3.Error as error:
        sys.stderr.write(f"{service}: a database cannot be used: {error}\n")
        return 1
    return 0


def _save(archive: Writer, parts: Sequence[Part], draft: Path) -> None:
    with archive:
        for part in parts:
            part.save(archive, draft)


def _refuse(parts: Sequence[Part], *, force: bool) -> None:
    for part in parts:
        if reason := part.hindrance(force=force):
            raise BackupError(reason)


def _load(parts: Sequence[Part], draft: Path, service: str, ours: str) -> None:
    try:
        manifest = unpack(sys.stdin.buffer, draft)
        if manifest.service != service:
            raise BackupError(f"This is an archive of {manifest.service}.")
        if newer(manifest.version, ours):
            raise BackupError(
                f"The archive is of version {manifest.version}, this is {ours}: restore it with that version."
            )
        for part in parts:
            part.load(draft)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise BackupError(f"The archive is damaged: it has what cannot be read ({type(error).__name__}).") from error


@contextmanager
def _draft(data: Path) -> Iterator[Path]:
    """Yield an empty folder, which is there for one run at a time: another one would take its pieces for its own, or remove them."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not os.access(data, os.W_OK):
            raise PermissionError
        held = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # a service that keeps nothing on a disk of its own may have none
        with tempfile.TemporaryDirectory(prefix="opsbuddy-backup-") as folder:
            yield Path(folder)
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise BackupError("Another back-up or restore runs here: wait until it has ended.") from error
    draft = data / DRAFT
    shutil.rmtree(draft, ignore_errors=True)  # of one that was killed
    try:
        draft.mkdir(mode=0o700)
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        os.close(held)


def _only_ours() -> BinaryIO:
    """Return what stdout was, and let everything else that prints go to stderr: a line of a log would spoil the archive."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out
