"""The file of a SqliteStore, copied as of one moment while the service goes on writing to it."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from typing_extensions import override

from opsbuddy_core.backup.archive import BackupError, Writer
from opsbuddy_core.backup.tool import Part

SHARED_FIRST, SHARED_SIZE = 0x40000002, 510  # https://www.sqlite.org/src/file/src/os.h
BESIDE = ("-wal", "-shm", "")  # what SQLite keeps beside a file, and the file
RUNS = "The service runs: stop it first."


class SqliteFile(Part):
    """The file at `path`, of a schema that this program knows up to number `newest`."""

    def __init__(self, path: Path, newest: int) -> None:
        self._path, self._newest = path, newest

    @override
    def save(self, archive: Writer, draft: Path) -> None:
        if not self._path.exists():
            return
        copy = draft / self._path.name
        with closing(_open(self._path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)  # one step: one moment, and in WAL mode no writer waits for it
        archive.add_file(self._path.name, copy)
        copy.unlink()

    @override
    def hindrance(self, *, force: bool) -> str | None:
        if not self._path.exists():
            return None
        if not force:
            return f"There is data already ({self._path.name}); --force replaces it."
        return RUNS if in_use(self._path) else None

    @override
    def load(self, folder: Path) -> None:
        restored = folder / self._path.name
        if not restored.exists():
            if self._path.exists():
                raise BackupError(f"The archive has no {self._path.name}: what is there stays.")
            return
        with closing(_open(restored)) as copy:
            if copy.execute("PRAGMA user_version").fetchone()[0] > self._newest:
                raise BackupError(
                    "The archive has a newer schema than this program knows: restore it with a newer version."
                )
            copy.execute("PRAGMA journal_mode = DELETE")  # everything in the one file
        if self._path.exists():
            _fold(self._path)
        restored.replace(self._path)


def in_use(path: Path) -> bool:
    """Tell whether another process has the file open: in WAL mode SQLite holds a shared lock on these bytes for as long. Changes nothing."""
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, SHARED_SIZE, SHARED_FIRST)
        except (BlockingIOError, PermissionError):
            return True
    return False


def set_aside(path: Path) -> Path:
    """Give a damaged file, and what belongs to it, a name that nobody opens; returns that name.

    The file itself comes last: should this be cut short, the next attempt finds it still damaged, never a new one with the log of the old.
    """
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    _rename(path, aside)
    return aside


@contextmanager
def without(path: Path) -> Iterator[None]:
    """Set a damaged file aside for good, unless what is done meanwhile fails: then it is there again."""
    aside = set_aside(path)
    try:
        yield
    except BaseException:
        for suffix in BESIDE:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        _rename(aside, path)
        raise


def _rename(path: Path, to: Path) -> None:
    for suffix in BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(to.with_name(to.name + suffix))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=5, isolation_level=None)


def _fold(path: Path) -> None:
    """Leave nothing beside a file that is replaced: what is in its log goes into it, or it is damaged and goes aside. Raises BackupError when it is in use."""
    try:
        with closing(_open(path)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise BackupError(RUNS) from error
    except sqlite3.DatabaseError:
        set_aside(path)
