"""What an installation has to be able to do."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from opsbuddy_core.backup.archive import BackupError

# Those that keep something, in the order in which they are saved. A log goes from analytics into InfluxDB, which timeseries saves: what
# is under way in between is in the first archive, and to send it twice changes nothing.
KEEPING = ("analytics-service", "timeseries-service", "utility-service", "file-service")
MARK = (
    "day.json"  # which day of the demo is in the stores: without it a restored installation would be filled once more
)


@contextmanager
def ending(done: Callable[[], None], failed: Callable[[], None]) -> Iterator[None]:
    """Call `done` when the block is left, or `failed` when by an error. Raises BackupError with both sentences when that fails as well."""
    try:
        yield
    except BaseException as error:
        try:
            failed()
        except BackupError as also:
            raise BackupError(f"{error}\nNor could everything be brought back as it was: {also}") from error
        raise
    done()


class Installation(Protocol):
    """Services that can be asked to save and to restore what they keep."""

    def save(self, service: str, out: BinaryIO) -> None:
        """Write the archive of a service. Raises BackupError."""

    def restoring(self, *, force: bool) -> AbstractContextManager[None]:
        """Have the services stopped, and whatever they keep things in running, for as long as it is entered. Raises BackupError."""

    def restore(self, service: str, archive: Path | None, *, force: bool) -> None:
        """Restore a service from its archive, or only say by BackupError why that would be refused."""

    def mark(self) -> bytes | None:
        """Return the mark of the demo's day."""

    def set_mark(self, content: bytes) -> None: ...
