import asyncio
from http import HTTPStatus
from typing import Protocol, Self

import aiohttp

from opsbuddy_gateway.storage.trouble import trouble


class Probe(Protocol):
    """Asks for the health of one process."""

    async def ask(self, url: str) -> str | None:
        """Return what is wrong in a few words, or None; never raises."""
        ...


class HttpProbe:
    """A GET within a time limit; an error status is wrong."""

    _session: aiohttp.ClientSession

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=60), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, url: str) -> str | None:
        try:
            async with asyncio.timeout(self._limit), self._session.get(url, allow_redirects=False) as answer:
                await answer.content.read(65536)
                return None if answer.status < HTTPStatus.BAD_REQUEST else f"its health check answers {answer.status}"
        except TimeoutError:
            return f"no answer to its health check within {self._limit:g} s"
        except (aiohttp.ClientConnectorError, ConnectionError):
            return "takes no connection"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"its health check fails: {trouble(error)}"
