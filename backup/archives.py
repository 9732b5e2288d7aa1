"""The one file: a tar archive of the services' archives, with the same kind of manifest at its end. `tar -xf FILE` gives each to its own tool."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from backup.installation import KEEPING, MARK, Installation
from opsbuddy_core.backup.archive import BackupError, Writer, newer, unpack

WHOLE = "opsbuddy"  # in place of a service's name
Say = Callable[[str], None]


def save(installation: Installation, file: Path, say: Say) -> None:
    """Write the file, whole or not at all; only its owner may read it. Raises BackupError."""
    if file.exists():
        raise BackupError(f"{file} is there already: name another file.")
    with _beside(file) as folder:
        draft = folder / "draft"
        with draft.open("wb") as out:
            draft.chmod(0o600)
            with Writer(out, WHOLE, version("opsbuddy-core")) as archive:
                _fill(archive, installation, folder, say)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(file)
    say(f"saved in {file}: keep it as you keep keys, it opens every secret configuration")


def restore(installation: Installation, file: Path, say: Say, *, force: bool) -> None:
    """Restore all services; nothing is changed before the whole file was read and every service has said that it can be done. Raises BackupError."""
    with _beside(file) as folder:
        with file.open("rb") as source:
            manifest = unpack(source, folder)
        if manifest.service != WHOLE:
            raise BackupError(f"This is an archive of {manifest.service} alone: its own tool restores it.")
        if newer(manifest.version, version("opsbuddy-core")):
            raise BackupError(f"The archive is of version {manifest.version}: restore it with that version.")
        for service in KEEPING:
            _verify(service, folder / f"{service}.tar")
        mark = _mark(folder / MARK)
        with installation.restoring(force=force):
            for service in KEEPING:
                installation.restore(service, None, force=force)
            for service in KEEPING:
                installation.restore(service, folder / f"{service}.tar", force=force)
                say(f"{service:<20} restored")
            if mark:
                installation.set_mark(mark)
    say(f"restored as of {manifest.at}")


def _fill(archive: Writer, installation: Installation, folder: Path, say: Say) -> None:
    if mark := installation.mark():
        archive.add_bytes(MARK, mark)
    for service in KEEPING:
        part = folder / f"{service}.tar"
        with part.open("wb") as saved:
            installation.save(service, saved)
        _verify(service, part)  # a connection that breaks may look like the end
        archive.add_file(part.name, part)
        say(f"{service:<20} {part.stat().st_size:>12,} bytes")
        part.unlink()


def _mark(path: Path) -> bytes | None:
    if not path.exists():
        return None
    content = path.read_bytes()
    try:
        json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise BackupError(f"{MARK} of the archive cannot be read: it is damaged.") from error
    return content


def _verify(service: str, part: Path) -> None:
    """Raise BackupError unless the part is a whole archive of this service."""
    if not part.exists():
        raise BackupError(f"The archive has nothing of {service}.")
    with part.open("rb") as source:
        if (found := unpack(source, None).service) != service:
            raise BackupError(f"What should be the archive of {service} is one of {found}.")


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Yield a folder on the disk of the file: there is room for it there, and a rename is one step."""
    folder = file.absolute().with_name(f".{file.name}.draft")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
