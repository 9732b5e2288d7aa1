"""Where figures are kept over time: the timeseries service."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol, Self

import aiohttp

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.trace import unsampled
from opsbuddy_gateway.storage.trouble import trouble

Point = dict[str, Any]
LIMIT_SECONDS = 10.0


class SeriesStore(Protocol):
    """Keeps points; one that is written twice is kept once."""

    async def write(self, points: Sequence[Point]) -> None:
        """Keep what can be kept, for good or not at all; raises UnavailableError when it has to be tried again."""
        ...


class HttpSeriesStore:
    """`POST /write` of the timeseries service."""

    _session: aiohttp.ClientSession

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/write"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=LIMIT_SECONDS, sock_connect=2), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def write(self, points: Sequence[Point]) -> None:
        try:
            async with self._session.post(
                self._url, json={"points": points}, headers={"traceparent": unsampled()}, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"The timeseries service: {trouble(error)}.") from None
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UnavailableError(f"The timeseries service answers {status}.")
