"""InfluxDB 2 over HTTP: writes lines and says which ones it refuses, runs Flux.

Two calls by aiohttp, which is here anyway: the official client costs a second at start and 40 MB for the same (docs/decisions/influxdb-by-http.md).
"""

import asyncio
import csv
import io
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from opsbuddy_core.errors import DeadlineError, InvalidRequestError, UnavailableError
from opsbuddy_core.flux import Flux
from opsbuddy_core.settings import InfluxSettings

LIMIT = aiohttp.ClientTimeout(total=20, sock_connect=3)
FIRST = 3  # column with something of the row itself; a tag may be named like those before, result and table
MAX_ANSWER = 128 * 1024 * 1024  # bytes; a query that asks for more shall not take the process with it
csv.field_size_limit(MAX_ANSWER)  # a text of 65,536 characters has six times as many once they are escaped
REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
SET_UP_WRONG = {
    HTTPStatus.UNAUTHORIZED: "it does not accept the token (INFLUXDB_TOKEN)",
    HTTPStatus.FORBIDDEN: "the token may not do that with the bucket (INFLUXDB_TOKEN)",
    HTTPStatus.NOT_FOUND: "it has no such organization or bucket (INFLUXDB_ORG, INFLUXDB_DATABASE)",
}
DROPPED = re.compile(r"partial write: .* dropped=(\d{1,9})$", re.DOTALL)
CONVERT: dict[str, Callable[[str], Any]] = {
    "long": int,
    "unsignedLong": int,
    "double": float,
    "boolean": lambda text: text == "true",
}
Row = dict[str, Any]


class InfluxError(InvalidRequestError):
    """InfluxDB refuses what it was given, and would again."""


class Influx:
    """A connection pool to the bucket of the settings. Every failure is an OpsBuddyError: InfluxError for good, the others for now."""

    def __init__(self, settings: InfluxSettings) -> None:
        if not settings.influxdb_url:
            raise ValueError("INFLUXDB_HOST is not set")
        self._url = settings.influxdb_url
        self.bucket = settings.influxdb_database
        self._where = {"org": settings.influxdb_org, "bucket": settings.influxdb_database}
        token = settings.influxdb_token.get_secret_value() if settings.influxdb_token else ""
        self._headers = {"authorization": f"Token {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(self._url, headers=self._headers, timeout=LIMIT)

    async def stop(self) -> None:
        if self._session:
            await self._session.close()

    async def probe(self) -> None:
        """Raise when the bucket cannot be asked."""
        answer = orjson.loads(
            await self._call("GET", "/api/v2/buckets", {"org": self._where["org"], "name": self.bucket})
        )
        if not answer.get("buckets"):
            raise _unavailable(SET_UP_WRONG[HTTPStatus.NOT_FOUND])

    async def write(self, lines: Sequence[str]) -> list[tuple[int, str]]:
        """Write lines of line protocol in nanoseconds; return position and reason of those that are refused for good.

        A batch with such a line is halved until the line stands alone, or stands among such lines alone, of which the
        reason of the first is everybody's. What was written twice by that is the same point.
        """
        refused: list[tuple[int, str]] = []
        parts = [(0, len(lines))] if lines else []
        while parts:
            start, end = parts.pop()
            try:
                await self._write(lines[start:end])
            except InfluxError as error:
                if end - start in {1, _dropped(error.detail)}:
                    refused += [(place, error.detail) for place in range(start, end)]
                else:
                    middle = (start + end) // 2
                    parts += [(middle, end), (start, middle)]
        return refused

    async def query(self, flux: Flux) -> list[Row]:
        """Return the rows of all tables in order. Times are RFC 3339 texts; a line break in a text is LF, whatever was written."""
        document = {"query": str(flux), "type": "flux", "dialect": {"annotations": ["datatype"], "header": True}}
        raw = await self._call(
            "POST", "/api/v2/query", {"org": self._where["org"]}, orjson.dumps(document), "application/json"
        )
        return await asyncio.to_thread(rows, raw)

    async def _write(self, lines: Sequence[str]) -> None:
        body = "\n".join(lines).encode()
        await self._call("POST", "/api/v2/write", {**self._where, "precision": "ns"}, body, "text/plain; charset=utf-8")

    async def _call(
        self, method: str, path: str, query: dict[str, str], body: bytes | None = None, media: str | None = None
    ) -> bytes:
        if self._session is None:
            raise _unavailable("the connection is closed")
        headers = {"content-type": media} if media else {}
        data = None if body is None else io.BytesIO(body)  # goes out piece by piece, so that others have their turns
        try:
            async with self._session.request(method, path, params=query, data=data, headers=headers) as answer:
                content = await _content(answer)
        except TimeoutError as error:
            raise DeadlineError("InfluxDB did not answer in time.", retry_after=5) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unavailable(f"it cannot be reached ({type(error).__name__})") from error
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return content
        if answer.status in REFUSED:
            raise InfluxError(_message(content))
        if answer.status in SET_UP_WRONG:
            raise _unavailable(SET_UP_WRONG[HTTPStatus(answer.status)])
        raise _unavailable(f"it answers {answer.status}", answer.headers.get("retry-after", ""))


def _dropped(reason: str) -> int:
    """Return how many lines InfluxDB says it has left out, where it says so."""
    found = DROPPED.search(reason)
    return int(found[1]) if found else 0


def key(value: str) -> str:
    """Escape a measurement, a tag's key or value, or a field's key for line protocol."""
    return value.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")


def string(value: str) -> str:
    """Return a text as a field's value in line protocol."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rows(raw: bytes) -> list[Row]:
    """Read annotated CSV: tables one after the other, each with the types and the names of its columns."""
    found: list[Row] = []
    types: list[str] = []
    names: list[str] | None = None
    for line in csv.reader(io.StringIO(raw.decode(), newline="")):
        if not line:
            types, names = [], None
        elif line[0] == "#datatype":
            types, names = line, None
        elif names is None:
            names = line
        elif names[1:3] == ["error", "reference"]:
            raise InfluxError(line[1])
        else:
            cells = zip(names[FIRST:], types[FIRST:], line[FIRST:], strict=False)
            found.append({name: _value(kind, value) for name, kind, value in cells})
    return found


def _value(kind: str, value: str) -> Any:
    if kind == "string":
        return value.replace("\r\n", "\n")
    if value == "":
        return None
    convert = CONVERT.get(kind)
    return convert(value) if convert else value


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    left = MAX_ANSWER
    async for part in answer.content.iter_any():
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise InvalidRequestError(
                f"The answer has more than {MAX_ANSWER} bytes; ask for a shorter range or fewer series."
            )
    return b"".join(parts)


def _message(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace") or "no reason given"


def _unavailable(reason: str, retry_after: str = "") -> UnavailableError:
    seconds = float(retry_after) if retry_after.isdigit() else 5.0
    return UnavailableError(f"InfluxDB cannot be used: {reason}.", retry_after=seconds)
