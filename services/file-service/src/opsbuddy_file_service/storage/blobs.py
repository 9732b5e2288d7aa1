"""Contents of files: any store that obstore speaks to. A content is seen whole or not at all."""

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store, from_url

from opsbuddy_core.errors import OpsBuddyError, StorageFullError, UnavailableError
from opsbuddy_core.logs import get_logger
from opsbuddy_file_service.storage.unfinished import Bucket

PREFIX = "contents"
READ_BYTES = 256 * 1024
LOCAL_READ = 1024 * 1024
LOCAL_PART = 512 * 1024
LONGEST = timedelta(minutes=50)  # a client may be slow; each wait for the store itself is shorter
REMOTE_PART = 5 * 1024 * 1024  # S3 takes no smaller parts
log = get_logger("object_store")


class Blobs(Protocol):
    """Where contents are kept, under keys."""

    shared: bool

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None: ...
    async def get(self, key: str, start: int, end: int) -> AsyncIterator[bytes] | None: ...
    async def delete(self, key: str) -> None: ...
    def older_than(self, seconds: float) -> AsyncIterator[list[str]]: ...
    async def sweep_unfinished(self, seconds: float) -> int: ...
    async def probe(self) -> None: ...


class ObjectStore:
    """Contents in the store of a URL: file:///folder, s3://bucket/prefix, memory:///."""

    def __init__(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        self.kind = "s3" if scheme.startswith("s3") else scheme
        self.shared = self.kind == "s3"
        self._folder = Path(unquote(urlsplit(url).path)) if scheme == "file" else None
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._store = _s3(url) if self.shared else from_url(url)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store; durable when it returns, gone without a trace when `chunks` raises."""
        try:
            await obstore.put_async(
                self._store,
                key,
                chunks,
                chunk_size=LOCAL_PART if self._folder else REMOTE_PART,
                max_concurrency=2,  # what an upload may hold in memory
            )
            if self._folder:
                await asyncio.to_thread(_make_durable, self._folder / key)
        except (BaseError, OSError) as error:
            raise _failure(error) from error

    async def get(self, key: str, start: int, end: int) -> AsyncIterator[bytes] | None:
        """Return bytes `start` up to `end` of a content, piece by piece, or None when it is not there."""
        if start == end:
            return _nothing()
        try:
            if self._folder:
                return _read(await asyncio.to_thread((self._folder / key).open, "rb", 0), start, end)
            found = await obstore.get_async(self._store, key, options={"range": (start, end)})
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _failure(error) from error
        return _pieces(found)

    def reader(self, key: str) -> "tuple[BinaryIO | obstore.ReadableFile, int] | None":
        """Return a content to be read piece by piece, and its size, without asyncio; None when it is not there."""
        try:
            if self._folder:
                path = self._folder / key
                return path.open("rb"), path.stat().st_size
            found = obstore.open_reader(self._store, key)
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _failure(error) from error
        return found, found.size

    def put_file(self, key: str, path: Path) -> None:
        """Store what a file has, without asyncio; durable when it returns."""
        try:
            obstore.put(self._store, key, path, chunk_size=REMOTE_PART, max_concurrency=2)
            if self._folder:
                _make_durable(self._folder / key)
        except (BaseError, OSError) as error:
            raise _failure(error) from error

    async def delete(self, key: str) -> None:
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _failure(error) from error

    async def older_than(self, seconds: float) -> AsyncIterator[list[str]]:
        """Yield the keys of contents stored longer ago than that, some at a time."""
        limit = datetime.now(UTC) - timedelta(seconds=seconds)
        async for batch in obstore.list(self._store, PREFIX, chunk_size=500):
            yield [entry["path"] for entry in batch if entry["last_modified"] <= limit]

    async def sweep_unfinished(self, seconds: float) -> int:
        """Remove what interrupted writes left: halves in a folder, multipart uploads in a bucket. Returns how many."""
        if self._folder:
            return await asyncio.to_thread(_remove_unfinished, self._folder / PREFIX, time.time() - seconds)
        if not isinstance(self._store, S3Store):
            return 0
        prefix = "/".join(filter(None, (str(self._store.prefix or "").strip("/"), PREFIX)))
        limit = datetime.now(UTC) - timedelta(seconds=seconds)
        return await Bucket(self._store.config["bucket"]).abort_unfinished(f"{prefix}/", limit)

    async def probe(self) -> None:
        """Raise when the store cannot be asked."""
        if self._folder and not await asyncio.to_thread(os.access, self._folder, os.W_OK):
            raise PermissionError("the folder cannot be written")
        async for _ in obstore.list(self._store, PREFIX, chunk_size=1):
            return


def _s3(url: str) -> S3Store:
    """Return the store of a bucket; credentials, region and endpoint come from the AWS_* variables, or the identity of the pod."""
    return S3Store.from_url(
        url,
        client_options={
            "allow_http": True,  # where AWS_ENDPOINT_URL says so
            "connect_timeout": timedelta(seconds=3),
            "read_timeout": timedelta(seconds=30),
            "timeout": LONGEST,
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
    )


async def _nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


async def _read(file: io.FileIO, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield a part of an open file: obstore reads a folder by 8 KiB, and a content that is replaced meanwhile stays readable while it is open."""
    with file:
        while start < end:
            piece = await asyncio.to_thread(os.pread, file.fileno(), min(LOCAL_READ, end - start), start)
            if not piece:
                raise UnavailableError("The content is shorter than its record says.")
            start += len(piece)
            yield piece


async def _pieces(found: "obstore.GetResult") -> AsyncIterator[bytes]:
    async for piece in found.stream(min_chunk_size=READ_BYTES):
        yield bytes(piece)


def _make_durable(path: Path) -> None:
    for place in (path, path.parent, path.parent.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_unfinished(folder: Path, before: float) -> int:
    removed = 0
    for path in folder.rglob("*#*"):  # obstore writes beside the final name, with # and a number
        if path.stat().st_mtime <= before:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _failure(error: Exception) -> OpsBuddyError:
    if "No space left on device" in str(error):
        return StorageFullError("There is no space left for files; nothing was stored. Delete some, then try again.")
    log.error("The object store failed", operation="store", error=f"{type(error).__name__}: {str(error)[:300]}")
    return UnavailableError("Files cannot be stored or read at the moment; try again in a few seconds.", retry_after=3)
