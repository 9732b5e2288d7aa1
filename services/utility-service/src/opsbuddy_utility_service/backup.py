"""What the utility service keeps, for an archive: configurations with their history, the audit, and the keys that open its secrets."""

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from opsbuddy_core import fernet_keys
from opsbuddy_core.backup.archive import BackupError, Writer
from opsbuddy_core.backup.tables import Tables
from opsbuddy_core.backup.tool import Part
from opsbuddy_utility_service.factory import database_of
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage import keys
from opsbuddy_utility_service.storage.tables import audit, configs, metadata, versions


def parts(settings: UtilitySettings) -> Sequence[Part]:
    """Return what is to be saved and restored."""
    return [Configurations(Tables(lambda: database_of(settings), metadata, [configs, versions, audit]), settings)]


class Configurations(Part):
    """The tables, and the keys of secrets in the clear: the archive is as secret as they are.

    Keys come first, because what they do not open is not to be put in place; those of an archive whose tables are refused go again.
    """

    def __init__(self, tables: Tables, settings: UtilitySettings) -> None:
        self._tables, self._settings = tables, settings
        self._given = bool(settings.secret_keys or settings.secret_keys_file)

    @override
    def save(self, archive: Writer, draft: Path) -> None:
        archive.add_bytes(keys.OWN, "".join(f"{key}\n" for key in self._keys()).encode())
        self._tables.save(archive, draft)

    @override
    def hindrance(self, *, force: bool) -> str | None:
        return self._tables.hindrance(force=force)

    @override
    def load(self, folder: Path) -> None:
        """Let the service have the keys of the archive. Raises BackupError where it is given others by its settings."""
        saved = fernet_keys.parse((folder / keys.OWN).read_text())
        if not self._given:
            with keys.added(self._settings.data_dir, saved):
                self._tables.load(folder)
        elif missing := len(set(saved) - set(self._keys())):
            raise BackupError(
                f"{missing} of the archive's keys for secrets are not in SECRET_KEYS or SECRET_KEYS_FILE: add them there, from {keys.OWN} in the archive."
            )
        else:
            self._tables.load(folder)

    def _keys(self) -> list[str]:
        return keys.load(self._settings.secret_keys, self._settings.secret_keys_file, self._settings.data_dir)
