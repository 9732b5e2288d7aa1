"""Fetches what a service says of itself, within limits: a service may be slow, huge or malicious, the gateway's page is there all the same."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol, Self

import aiohttp

from opsbuddy_core import documents
from opsbuddy_core.errors import MalformedError
from opsbuddy_gateway.models import Address
from opsbuddy_gateway.storage.bounded import read_at_most

LARGEST_BYTES = 4 * 1024 * 1024
DEEPEST = 64
TRIED = 2
PATH = "/openapi.json"


class NoDocumentError(Exception):
    """There is none now; says why in a few words."""


class Documents(Protocol):
    """Where services describe themselves."""

    async def fetch(self, addresses: Sequence[Address]) -> dict[str, Any]:
        """Return the document of a service from one of its processes; raises NoDocumentError."""
        ...


class HttpDocuments:
    """`GET /openapi.json`, on a second process where the first does not answer."""

    _session: aiohttp.ClientSession

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=16, force_close=True), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def fetch(self, addresses: Sequence[Address]) -> dict[str, Any]:
        failure = NoDocumentError("no process of it is ready")
        for address in addresses[:TRIED]:
            try:
                return await self._from(f"http://{address}{PATH}")
            except NoDocumentError as error:
                failure = error
        raise failure

    async def _from(self, url: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._limit), self._session.get(url, allow_redirects=False) as answer:
                if answer.status != HTTPStatus.OK:
                    raise NoDocumentError(f"{PATH} answers {answer.status}")
                raw = await read_at_most(answer, LARGEST_BYTES)
        except TimeoutError:
            raise NoDocumentError(f"{PATH} is not answered within {self._limit:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise NoDocumentError("it takes no connection, or breaks it off") from None
        if raw is None:
            raise NoDocumentError(f"its document has more than {LARGEST_BYTES // 1024 // 1024} MiB")
        return await asyncio.to_thread(parsed, raw)


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the JSON object; raises NoDocumentError."""
    try:
        document = documents.loads(raw)
        documents.check(document, DEEPEST)
    except (ValueError, MalformedError) as error:
        raise NoDocumentError("its document is no JSON, or is nested too deep") from error
    if not isinstance(document, dict):
        raise NoDocumentError("its document is no JSON object")
    return document
