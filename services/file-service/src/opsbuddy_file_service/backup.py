"""What the file service keeps, for an archive: the records, and the content of each."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from typing_extensions import override

from opsbuddy_core.backup.archive import BackupError, Writer
from opsbuddy_core.backup.tables import FILE, Tables
from opsbuddy_core.backup.tool import Part
from opsbuddy_core.database import Database
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_file_service.storage.blobs import PREFIX, ObjectStore
from opsbuddy_file_service.storage.tables import files, schema

ROUNDS = 10


def parts(settings: FileSettings) -> Sequence[Part]:
    """Return what is to be saved and restored."""
    tables = Tables(lambda: Database.of(settings, "files", "opsbuddy_file_service"), schema, [files])
    return [Files(tables, lambda: ObjectStore(settings.store_url))]


class Files(Part):
    """Records and contents that belong together, although files come and go meanwhile.

    Contents are copied after the records that name them. A file that was removed for good in between has no content any more: then the
    records are copied again, and what they name in addition, until the archive has the content of every record in it. A content that no
    record names, of a file that was removed, may be in it as well: the service removes those by itself.
    """

    def __init__(self, tables: Tables, store: Callable[[], ObjectStore]) -> None:
        self._tables, self._store = tables, store

    @override
    def save(self, archive: Writer, draft: Path) -> None:
        copied: set[str] = set()
        store = self._store()
        for _ in range(ROUNDS):
            self._tables.copy(draft)
            gone = [key for key in _keys(draft / FILE) if key not in copied and not _copied(archive, store, key)]
            if not gone:
                archive.add_file(FILE, draft / FILE)
                return
            copied |= {name for name in archive.names if name.startswith(f"{PREFIX}/")}
        raise BackupError(
            f"The content of {len(gone)} files is missing in the object store, the first {gone[0]}: look there first."
        )

    @override
    def hindrance(self, *, force: bool) -> str | None:
        return self._tables.hindrance(force=force)

    @override
    def load(self, folder: Path) -> None:
        """Contents first: what no record names yet does no harm, and the records change in one step."""
        store = self._store()
        for path in sorted((folder / PREFIX).rglob("*")):
            if path.is_file():
                store.put_file(path.relative_to(folder).as_posix(), path)
        self._tables.load(folder)


def _copied(archive: Writer, store: ObjectStore, key: str) -> bool:
    found = store.reader(key)
    if found is None:
        return False
    source, size = found
    try:
        archive.add(key, size, source)
    finally:
        source.close()
    return True


def _keys(path: Path) -> Iterator[str]:
    """Return the keys of contents that the copied records name."""
    position = None
    with path.open() as lines:
        for line in lines:
            document = json.loads(line)
            if isinstance(document, dict):
                position = document["columns"].index("key") if document.get("table") == files.name else None
            elif position is not None:
                yield document[position]
