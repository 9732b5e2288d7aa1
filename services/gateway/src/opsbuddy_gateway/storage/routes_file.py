"""The routing table as a file: the demo, compose, and the mounted ConfigMap as the fall-back of a cluster."""

import asyncio
from pathlib import Path

from opsbuddy_gateway.storage.routes import Offer

LARGEST = 4 * 1024 * 1024


class FileTable:
    """Looks at the file again and again: a mounted ConfigMap is replaced by a link swap that file watching misses."""

    def __init__(self, path: Path, poll_seconds: float) -> None:
        self._path, self._poll_seconds = path, poll_seconds

    async def run(self, offer: Offer) -> None:
        seen: tuple[int, int, int] | None = None
        first = True
        while True:
            stamp = await asyncio.to_thread(self._stamp)
            if stamp != seen or first:
                offer(await asyncio.to_thread(self.read), "file")
                seen, first = stamp, False
            await asyncio.sleep(self._poll_seconds)

    def read(self) -> str | None:
        """Return the text, or None when there is no file. A text that is no UTF-8 is refused later, as no valid table."""
        try:
            with self._path.open("rb") as file:
                return file.read(LARGEST).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return f"{self._path.name} cannot be read: {error.strerror}"

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
