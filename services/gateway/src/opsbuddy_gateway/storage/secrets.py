"""Where keys come from: files, such as a mounted Secret, and addresses of identity providers."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import aiohttp

from opsbuddy_gateway.storage.bounded import read_at_most
from opsbuddy_gateway.storage.trouble import trouble

LARGEST_BYTES = 1024 * 1024


class SourceError(Exception):
    """It cannot be read now; says why, without any of its content."""


class Source(Protocol):
    """Something that holds keys."""

    name: str

    async def read(self) -> bytes:
        """Return what it holds; raises SourceError."""
        ...


class FileSource:
    """A file. One whose link is swapped, as in a mounted Secret, is read anew too."""

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, path.name

    async def read(self) -> bytes:
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes:
        """Return the content, at once."""
        try:
            with self._path.open("rb") as file:
                content = file.read(LARGEST_BYTES + 1)
        except OSError as error:
            raise SourceError(f"it cannot be read: {error.strerror}") from error
        if len(content) > LARGEST_BYTES:
            raise SourceError(f"it has more than {LARGEST_BYTES} bytes")
        return content


class UrlSource:
    """A document of an identity provider."""

    def __init__(self, url: str, limit_seconds: float) -> None:
        self._url, self._limit = url, limit_seconds
        self.name = url.partition("?")[0].rpartition("@")[2]

    async def read(self) -> bytes:
        try:
            async with (
                asyncio.timeout(self._limit),
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.get(self._url, allow_redirects=False) as answer,
            ):
                if answer.status != HTTPStatus.OK:
                    raise SourceError(f"it answers {answer.status}")
                content = await read_at_most(answer, LARGEST_BYTES)
        except TimeoutError:
            raise SourceError(f"it does not answer within {self._limit:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError(trouble(error)) from None
        if content is None:
            raise SourceError(f"it has more than {LARGEST_BYTES} bytes")
        return content
