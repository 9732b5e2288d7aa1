"""Moves what SQLite's write-ahead log holds into the file, on a thread of its own.

Left to SQLite the commit that makes the log too long does it, and whoever waits for that commit waits for the disk three times.
"""

import contextlib
import sqlite3
import threading

PAUSE = 0.2  # seconds in which commits come together
LONGEST = 4000  # pages (of 4 KiB)


class Checkpoints:
    """For the file of `connection`, which nobody else uses."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._committed, self._ended = threading.Event(), threading.Event()
        self._too_long = False
        self._thread = threading.Thread(target=self._work, name=name)
        self._thread.start()

    def committed(self, writer: sqlite3.Connection) -> None:
        """Say that the writer committed, on the writer's thread. A log that has become long in spite of all is moved here and now.

        It begins anew only when all of it was moved and nothing came in meanwhile, which while many write happens here alone.
        """
        self._committed.set()
        if self._too_long:
            self._too_long = False  # a reader may hold on to it; the thread looks again
            _move(writer)

    def stop(self) -> None:
        self._ended.set()
        self._committed.set()
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while self._committed.wait():
            self._committed.clear()  # before the look at the end: what `stop` sets after it is not taken away
            if self._ended.wait(PAUSE):
                return
            self._too_long = _move(self._connection) > LONGEST


def _move(connection: sqlite3.Connection) -> int:
    """Return how many pages the log has, those that were moved among them."""
    with contextlib.suppress(sqlite3.Error):  # a full or broken disk: the next commit says so to who waits for it
        pages: int = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
        return pages
    return 0
