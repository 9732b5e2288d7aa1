"""The archive of a service: a tar file whose last member, manifest.json, has the size and the SHA-256 of each member before it.

manifest.json: {"format": 1, "service": "file-service", "version": "0.1.0", "at": "2026-01-01T00:00:00Z",
                "parts": {"tables.jsonl": {"bytes": 1, "sha256": "…"}, …}}
Whoever reads it believes nothing before the manifest has been compared with what came: an archive that was cut off has none.
"""

import hashlib
import io
import json
import re
import tarfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Protocol, Self

FORMAT = 1
MANIFEST = "manifest.json"
PIECE = 1024 * 1024
SECRET_MODE = 0o600


class BackupError(Exception):
    """A back-up cannot be made, or not be restored; the message says why and what to do."""


class Source(Protocol):
    """What can be read piece by piece: a file, or an object of a store."""

    def read(self, size: int, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds; `parts`: bytes and sha256 by name."""

    service: str
    version: str
    at: str
    parts: dict[str, dict[str, Any]]
    format: int = FORMAT


class Writer:
    """Writes an archive to a stream, which nobody has to be able to rewind. It is whole when the block ends without an error."""

    def __init__(self, out: BinaryIO, service: str, version: str) -> None:
        self._tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed at the end of the block
        now = datetime.now(UTC)
        self._seconds = int(now.timestamp())
        self._manifest = Manifest(service, version, now.isoformat(timespec="seconds").replace("+00:00", "Z"), {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self._finish()
        elif self._tar.fileobj is not None:
            self._tar.fileobj.close()  # without the manifest nobody takes it for whole

    @property
    def names(self) -> frozenset[str]:
        """Names of the members so far."""
        return frozenset(self._manifest.parts)

    def add(self, name: str, size: int, source: Source) -> None:
        """Add a member of this size. Raises BackupError when the source has less."""
        counted = _Counted(source)
        try:
            self._tar.addfile(self._member(name, size), counted)  # type: ignore[arg-type]  # only read() is called
        except OSError as error:
            raise BackupError(f"{name} could not be read to its end ({error}): begin again.") from error
        self._manifest.parts[name] = {"bytes": size, "sha256": counted.digest.hexdigest()}

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            self.add(name, path.stat().st_size, file)

    def add_bytes(self, name: str, content: bytes) -> None:
        self.add(name, len(content), io.BytesIO(content))

    def _finish(self) -> None:
        content = json.dumps(asdict(self._manifest), indent=1).encode()
        self._tar.addfile(self._member(MANIFEST, len(content)), io.BytesIO(content))
        self._tar.close()

    def _member(self, name: str, size: int) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, SECRET_MODE, self._seconds
        return member


def unpack(source: IO[bytes], folder: Path) -> Manifest:
    """Write the members of an archive into `folder`. Raises BackupError when it is not whole, not as it was written, or of a newer format."""
    found: dict[str, dict[str, Any]] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for member in tar:
                name, content = _safe(member.name), tar.extractfile(member)
                if content is None or manifest:
                    raise BackupError(f"{name} does not belong into an archive of a back-up.")
                if name == MANIFEST:
                    manifest = _manifest(content.read(PIECE * 64))
                else:
                    found[name] = _written(content, folder / name)
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"This is no archive of a back-up, or it is damaged ({error}).") from error
    if manifest is None:
        raise BackupError("The archive was cut off: its manifest is missing.")
    for name in sorted(found.keys() | manifest.parts.keys()):
        if found.get(name) != manifest.parts.get(name):
            raise BackupError(f"The archive is damaged: {name} is not what was written.")
    return manifest


def newer(version: str, than: str) -> bool:
    """Tell whether a version, like 0.1.0, is above another."""
    return _numbers(version) > _numbers(than)


class _Counted:
    def __init__(self, source: Source) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Return that many bytes unless the source ends: a store may give less at once."""
        pieces: list[bytes] = []
        while size and (piece := bytes(self._source.read(size))):
            pieces.append(piece)
            self.digest.update(piece)
            size -= len(piece)
        return b"".join(pieces)


def _written(content: IO[bytes], path: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        path.chmod(SECRET_MODE)
        while piece := content.read(PIECE):
            out.write(piece)
            digest.update(piece)
            size += len(piece)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _safe(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BackupError("A member's name leads out of the folder: this is no archive of a back-up.")
    return str(path)


def _manifest(content: bytes) -> Manifest:
    try:
        document = json.loads(content)
        if document["format"] > FORMAT:
            raise BackupError(
                "The archive has a newer format than this program knows: restore it with a newer version."
            )
        return Manifest(**{name: document[name] for name in Manifest.__dataclass_fields__})
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError("The archive's manifest cannot be read: it is damaged.") from error


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3]]
