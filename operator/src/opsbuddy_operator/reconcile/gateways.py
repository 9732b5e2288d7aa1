"""Which routing table the gateways serve: each is asked for the hash on its `/status`."""

import asyncio
from typing import Protocol

import aiohttp
import orjson

LIMIT = 2.0
MAX_ANSWER = 1024 * 1024


class GatewayProbe(Protocol):
    """Asks one gateway."""

    async def serves(self, scheme: str, address: str, port: int) -> str | None:
        """Return the sha256 of the table that it serves, or None if it did not say; `scheme` is http or https."""
        ...


class HttpGatewayProbe:
    """Asks `GET <scheme>://<address>:<port>/status`, field `routes.sha256`.

    No certificate is checked: none has a pod's address, and nothing that is secret is sent or believed.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def serves(self, scheme: str, address: str, port: int) -> str | None:
        host = f"[{address}]" if ":" in address else address
        try:
            url = f"{scheme}://{host}:{port}/status"
            async with asyncio.timeout(LIMIT), self._session.get(url, ssl=False) as answer:
                status = orjson.loads(await _body(answer))
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError):
            return None
        routes = status.get("routes") if isinstance(status, dict) else None
        found = routes.get("sha256") if isinstance(routes, dict) else None
        return found if isinstance(found, str) else None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Read all of an answer, which comes in pieces; one that is too long is cut, and so cannot be understood."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER:
            break
    return bytes(body[:MAX_ANSWER])
