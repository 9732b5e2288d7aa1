import re
from collections.abc import AsyncIterator, Sequence
from typing import Self

import aiohttp
from yarl import URL

from opsbuddy_gateway.models import Address, Reason, UpstreamFailureError
from opsbuddy_gateway.storage.upstream import UpstreamRequest

IDLE_SECONDS = 60  # shorter than the 75 s that our services keep an idle connection: the side that sends must be the one that closes
_NOT_ASCII = re.compile(rb"[^\x21-\x7e]")


class AiohttpUpstream:
    """aiohttp with everything off that a browser would want: cookies, redirects, decompression, headers of its own."""

    _pooled: aiohttp.ClientSession
    _fresh: aiohttp.ClientSession

    def __init__(self, connections: int, connect_seconds: float) -> None:
        self._connections = connections
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds)

    async def __aenter__(self) -> Self:
        self._pooled = self._session(aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_SECONDS))
        self._fresh = self._session(aiohttp.TCPConnector(limit=self._connections, force_close=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pooled.close()
        await self._fresh.close()

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            trust_env=False,
            max_line_size=16384,
            max_field_size=65536,
        )

    async def send(self, address: Address, request: UpstreamRequest, *, fresh: bool) -> "AiohttpAnswer":
        target = _NOT_ASCII.sub(lambda match: b"%%%02X" % ord(match[0]), request.target).decode("ascii")
        session = self._fresh if fresh else self._pooled
        try:
            answer = await session.request(
                request.method,
                URL(f"http://{address}{target}", encoded=True),
                headers=[(name.decode("latin-1"), _text(value)) for name, value in request.headers],
                data=request.body,
                allow_redirects=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamFailureError(Reason.CONNECT_FAILED, sent=False) from error
        except aiohttp.ClientResponseError as error:
            raise UpstreamFailureError(Reason.BAD_ANSWER, sent=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFailureError(Reason.RESET, sent=True) from error
        if not 200 <= answer.status <= 599:  # noqa: PLR2004 - 101 was not asked for, and beyond 599 there is no meaning
            answer.close()
            raise UpstreamFailureError(Reason.BAD_ANSWER, sent=True)
        return AiohttpAnswer(answer)


class AiohttpAnswer:
    """An answer whose head is there."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers: Sequence[tuple[bytes, bytes]] = [(name.lower(), value) for name, value in answer.raw_headers]

    async def chunks(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        try:
            while chunk := await content.readany():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFailureError(Reason.ANSWER_CUT, sent=True) from error

    def close(self) -> None:
        self._answer.close()


def _text(value: bytes) -> str:
    """Return a field's value so that aiohttp, which writes UTF-8, sends the same bytes; Latin-1 can only be sent as UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
