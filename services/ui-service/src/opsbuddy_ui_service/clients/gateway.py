"""The gateway, which all data comes through."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from opsbuddy_core import tracing
from opsbuddy_core.errors import DeadlineError, FieldError, OpsBuddyError, UnavailableError, UpstreamError
from opsbuddy_core.health import HealthReport
from opsbuddy_ui_service.models.status import GatewayStatus
from opsbuddy_ui_service.settings import UiSettings

M = TypeVar("M", bound=BaseModel)
MOST_BYTES = 4 * 1024 * 1024
CONNECT_LIMIT = 2.0
CREDENTIALS = frozenset({"authorization", "x-api-key"})
IDLE_LIMIT = 120.0  # between two pieces of an answer that is passed on


def brought(headers: Mapping[str, str]) -> bool:
    """Return whether a caller brought a credential of the gateway's. What a proxy in front of this service asked for and passed on is none."""
    return bool(headers.get("x-api-key")) or headers.get("authorization", "").lower().startswith("bearer ")


class Gateway(Protocol):
    """What the pages need of it. Each raises an `OpsBuddyError` that says why there is no answer."""

    async def status(self) -> GatewayStatus: ...

    async def health(self) -> HealthReport: ...

    async def check(self, name: str) -> Any: ...


class RefusedError(OpsBuddyError):
    """A service refused a request, in its own words; `answered` is the status it gave, `known` whether it was told who asks."""

    def __init__(self, answered: int, detail: str, errors: tuple[FieldError, ...], *, known: bool = False) -> None:
        super().__init__(detail, errors=errors)
        self.answered, self.known = answered, known


class HttpGateway:
    """The gateway at a URL."""

    def __init__(self, settings: UiSettings, spans: tracing.Tracing | None = None) -> None:
        self.url, self._limit = settings.gateway_url.rstrip("/"), settings.gateway_timeout
        self._spans = spans
        self._session: aiohttp.ClientSession

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Hold one pool of connections while the context is open; nothing can be asked outside of it."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=256, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT, sock_read=IDLE_LIMIT),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        ) as self._session:
            yield

    async def status(self) -> GatewayStatus:
        return await self._ask("/status", GatewayStatus)

    async def health(self) -> HealthReport:
        return await self._ask("/health", HealthReport)

    async def check(self, name: str) -> Any:
        """Have the gateway ask a service for its health now; return its part of the status. Raises RefusedError for one that it does not know."""
        return await self.fetch("POST", f"/status/{quote(name, safe='')}/check", headers={})

    @asynccontextmanager
    async def request(
        self, method: str, path: str, *, headers: Mapping[str, str], data: AsyncIterator[bytes] | bytes | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and hold its answer open; `path` begins with / and may have a query."""
        try:
            with tracing.call(self._spans, method, self.url + path) as call:
                async with self._session.request(
                    method,
                    self.url + path,
                    headers={**headers, **call.headers},
                    data=data,
                    allow_redirects=False,
                    skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
                ) as answer:
                    call.answered(answer.status)
                    yield answer
        except TimeoutError as error:
            raise DeadlineError(f"The gateway at {self.url} did not answer in time; try again.") from error
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise UnavailableError(
                f"The gateway at {self.url} cannot be reached: {why(error)}.", retry_after=2
            ) from error

    async def fetch(self, method: str, path: str, *, headers: Mapping[str, str], body: Any = None) -> Any:
        """Ask a service for JSON, with a body of JSON if there is one. Raises RefusedError for what it refuses, in its own words."""
        sent = {**headers, "accept": "application/json", "accept-encoding": "identity"}
        data = None
        if body is not None:
            sent["content-type"], data = "application/json", orjson.dumps(body)
        status, raw = await self._answer(method, path, sent, data)
        try:
            answer = orjson.loads(raw) if raw else None
        except orjson.JSONDecodeError as error:
            raise UpstreamError(
                f"{path.partition('?')[0]} answered {status} with something that is not JSON."
            ) from error
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refused(status, answer, path, headers)
        return answer

    async def beginning(self, path: str, limit: int, *, headers: Mapping[str, str]) -> bytes:
        """Return the first `limit` bytes of a content. Raises RefusedError for what the service refuses, in its own words."""
        asked = {**headers, "range": f"bytes=0-{limit - 1}", "accept-encoding": "identity"}
        status, raw = await self._answer("GET", path, asked, None)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refused(status, _problem(raw), path, headers)
        return raw[:limit]

    async def _ask(self, path: str, model: type[M]) -> M:
        status, body = await self._answer("GET", path, {"accept-encoding": "identity"}, None)
        if status not in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE):
            raise UpstreamError(f"{self.url}{path} answered {status} where 200 was expected.")
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise UpstreamError(
                f"{self.url}{path} answered something else than was expected: {where} {first['msg']}."
            ) from error

    async def _answer(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes | None
    ) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(self._limit),
                self.request(method, path, headers=headers, data=data) as answer,
            ):
                return answer.status, await _read(answer)
        except TimeoutError as error:
            raise DeadlineError(
                f"No answer from {self.url}{path.partition('?')[0]} within {self._limit:g} s."
            ) from error


def _refused(status: int, answer: Any, path: str, asked: Mapping[str, str]) -> RefusedError:
    problem = answer if isinstance(answer, dict) else {}
    detail = problem.get("detail") or f"{path.partition('?')[0]} answered {status}."
    errors = [each for each in problem.get("errors") or () if isinstance(each, dict)]
    named = tuple(FieldError(str(each.get("field", "")), str(each.get("reason", ""))) for each in errors)
    return RefusedError(status, str(detail), named, known=not CREDENTIALS.isdisjoint(asked))


def _problem(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise UpstreamError(f"The answer of {answer.url.path} has more than {MOST_BYTES} bytes.")
    return bytes(body)


def why(error: Exception) -> str:
    """Return what is wrong with a connection, without addresses of memory or stack."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return type(cause).__name__
