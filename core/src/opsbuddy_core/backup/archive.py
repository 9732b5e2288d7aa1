"""The archive of a service: a tar file whose last member, manifest.json, has the size and the SHA-256 of each member before it.

manifest.json: {"format": 1, "service": "file-service", "version": "0.1.0", "at": "2026-01-01T00:00:00Z",
                "parts": {"tables.jsonl": {"bytes": 1, "sha256": "…"}, …}}
Whoever reads it believes nothing before the manifest has been compared with what came: an archive that was cut off has none.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Protocol, Self

FORMAT = 1
MANIFEST = "manifest.json"
PIECE = 1024 * 1024
SECRET_MODE = 0o600
NAME_BYTES = 255  # of a file, on any disk
WORDS = {
    "service": r"[a-z][a-z0-9-]{0,62}",
    "version": r"[\w.+-]{1,64}",
    "at": r"[\dTZ:.+-]{0,40}",
}  # a person is shown them
# What the standard library's tarfile raises, beside its own errors, for headers that nobody wrote in good faith; and json for depth.
UNREADABLE = (tarfile.TarError, EOFError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, MemoryError, RecursionError)  # fmt: skip


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


def unpack(source: IO[bytes], folder: Path | None) -> Manifest:
    """Write the members of an archive into `folder`, or only look whether it is whole.

    Raises BackupError when it is not whole, not as it was written, or of a newer format, whatever else the stream has; OSError of the disk.
    """
    try:
        return _unpack(source, folder)
    except UNREADABLE as error:
        words = error if isinstance(error, tarfile.TarError) else type(error).__name__
        raise BackupError(f"This is no archive of a back-up, or it is damaged ({words}).") from error


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


def _unpack(source: IO[bytes], folder: Path | None) -> Manifest:
    found: dict[str, dict[str, Any]] = {}
    manifest: Manifest | None = None
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for member in tar:
            name, content = _safe(member.name), tar.extractfile(member)
            if (
                content is None or member.issparse() or manifest or name in found
            ):  # sparse: a few bytes that fill any disk
                raise BackupError(f"{name} does not belong into an archive of a back-up.")
            if name == MANIFEST:
                manifest = _manifest(content.read(PIECE * 64))
            else:
                found[name] = _written(content, folder and folder / name)
    if manifest is None:
        raise BackupError("The archive was cut off: its manifest is missing.")
    for name in sorted(found.keys() | manifest.parts.keys()):
        if found.get(name) != manifest.parts.get(name):
            raise BackupError(f"The archive is damaged: {name} is not what was written.")
    return manifest


def _written(content: IO[bytes], path: Path | None) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with _new(path) if path else nullcontext() as out:
        while piece := content.read(PIECE):
            if out:
                out.write(piece)
            digest.update(piece)
            size += len(piece)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _new(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    except (FileExistsError, NotADirectoryError) as error:
        raise BackupError("A member has the name of another one's folder: this is no archive of a back-up.") from error
    return os.fdopen(file, "wb")


def _safe(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BackupError("A member's name leads out of the folder: this is no archive of a back-up.")
    if not name.isprintable() or any(len(part.encode()) > NAME_BYTES for part in path.parts):
        raise BackupError("A member has a name that no file can have: this is no archive of a back-up.")
    return str(path)


def _manifest(content: bytes) -> Manifest:
    try:
        document = json.loads(content)
        if document["format"] > FORMAT:
            raise BackupError(
                "The archive has a newer format than this program knows: restore it with a newer version."
            )
        manifest = Manifest(**{name: document[name] for name in Manifest.__dataclass_fields__})
        if not isinstance(manifest.parts, dict) or not all(re.fullmatch(WORDS[n], document[n]) for n in WORDS):
            raise ValueError("words")
    except UNREADABLE as error:
        raise BackupError("The archive's manifest cannot be read: it is damaged.") from error
    else:
        return manifest


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version.partition("+")[0])[:3]]
