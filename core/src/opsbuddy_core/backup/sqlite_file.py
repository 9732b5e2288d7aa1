"""The file of a SqliteStore, copied as of one moment while the service goes on writing to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from typing_extensions import override

from opsbuddy_core.backup.archive import BackupError, Writer
from opsbuddy_core.backup.tool import Part


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
        return None if _alone(self._path) else "The service runs: stop it first."

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
        for suffix in ("-wal", "-shm"):  # what belongs to the file that goes
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        restored.replace(self._path)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=5, isolation_level=None)


def _alone(path: Path) -> bool:
    """Tell whether nobody else has the file open: only then SQLite leaves its WAL mode."""
    try:
        with closing(sqlite3.connect(path, timeout=0.2, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        return False
    except sqlite3.DatabaseError:  # it is damaged, which is what people restore for
        return True
    return True
