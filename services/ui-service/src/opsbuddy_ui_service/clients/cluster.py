"""The OpsBuddyServices of the namespace, read from the API server with the rights of the pod's own service account."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp

from opsbuddy_core import documents
from opsbuddy_core.errors import MalformedError, OpsBuddyError, UnavailableError, UpstreamError
from opsbuddy_core.resource import API_VERSION, PLURAL
from opsbuddy_ui_service.clients.gateway import why
from opsbuddy_ui_service.models import resources
from opsbuddy_ui_service.models.resources import Resource
from opsbuddy_ui_service.settings import UiSettings

PAGE, PAGES = 50, 4  # resources in one answer, and answers
MOST_BYTES = 8 * 1024 * 1024  # of one answer
KEPT = 3.0  # seconds for which an answer, or why there is none, stands for all who ask
WORDS = 500  # characters of what the server says of itself


@dataclass(frozen=True, slots=True)
class Listing:
    """The resources in the order of their names; `complete` is false where there are more; `unclear` says in words which cannot be read."""

    found: tuple[Resource, ...]
    complete: bool = True
    unclear: tuple[str, ...] = ()


class Cluster(Protocol):
    """Where OpsBuddyServices are read from."""

    async def resources(self) -> Listing:
        """Return them. An OpsBuddyError says why they cannot be read."""
        ...


def cluster_of(settings: UiSettings) -> Cluster | None:
    """Return the cluster that this process runs in; None outside of one."""
    return ApiServer(settings) if settings.kubernetes_service_host and settings.pod_namespace else None


class ExpiredError(OpsBuddyError):
    """The list changed so much between two pages of it that it has to be read from its beginning."""


class DeniedError(OpsBuddyError):
    """There is nothing to identify with."""


class ApiServer:
    """The API server, asked when somebody looks and at most every few seconds. Token and authority are those in the files at that moment."""

    def __init__(self, settings: UiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        host, port = settings.kubernetes_service_host or "", settings.kubernetes_service_port
        self._server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        self._namespace = settings.pod_namespace or ""
        self._url = f"{self._server}/apis/{API_VERSION}/namespaces/{quote(self._namespace, safe='')}/{PLURAL}"
        self._account, self._limit, self._clock = settings.kubernetes_account, settings.kubernetes_timeout, clock
        self._asking = asyncio.Lock()
        self._kept: Listing | str | None = None
        self._at = 0.0

    async def resources(self) -> Listing:
        async with self._asking:
            if self._kept is None or self._clock() - self._at >= KEPT:
                self._kept = await self._attempt()
                self._at = self._clock()
            kept = self._kept
        if isinstance(kept, str):
            raise UnavailableError(kept, retry_after=KEPT)
        return kept

    async def _attempt(self) -> Listing | str:
        try:
            async with asyncio.timeout(self._limit):
                return await self._read()
        except TimeoutError:
            return f"The API server at {self._server} did not answer within {self._limit:g} s."
        except (aiohttp.ClientError, OSError) as error:
            return f"The API server at {self._server} cannot be reached: {_why(error)}."
        except OpsBuddyError as error:
            return error.detail

    async def _read(self) -> Listing:
        token, trust = await asyncio.to_thread(self._credentials)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust),
            headers={"authorization": f"Bearer {token}", "accept": "application/json", "accept-encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        ) as session:
            try:
                return await self._list(session)
            except ExpiredError:
                return await self._list(session)

    async def _list(self, session: aiohttp.ClientSession) -> Listing:
        items: list[Any] = []
        more = ""
        for _ in range(PAGES):
            page = await self._page(session, more)
            items += page["items"]
            if not (more := (page.get("metadata") or {}).get("continue") or ""):
                break
        found, unclear = resources.read(items)
        return Listing(tuple(sorted(found, key=lambda each: each.name)), complete=not more, unclear=unclear)

    async def _page(self, session: aiohttp.ClientSession, more: str) -> Mapping[str, Any]:
        asked = {"limit": str(PAGE)} | ({"continue": more} if more else {})
        async with session.get(self._url, params=asked, allow_redirects=False) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise UpstreamError(f"The list of OpsBuddyServices has more than {MOST_BYTES} bytes on one page.")
            status = answer.status
        document = _document(bytes(body))
        if status == HTTPStatus.OK and isinstance(document.get("items"), list):
            return document
        if status == HTTPStatus.GONE and more:
            raise ExpiredError("The list of OpsBuddyServices changed while it was read.")
        raise UpstreamError(self._refusal(status, document))

    def _credentials(self) -> tuple[str, ssl.SSLContext]:
        """Read both anew each time: the kubelet replaces the token within the hour, and the authority when it is renewed."""
        try:
            token = (self._account / "token").read_text().strip()
        except OSError as error:
            raise DeniedError(
                f"There is no token in {self._account}: the resource of this UI needs role: Console, which gives its pods one."
            ) from error
        authority = self._account / "ca.crt"
        try:
            trust = ssl.create_default_context(cafile=str(authority))
        except OSError as error:  # ssl.SSLError is one
            raise DeniedError(f"{authority} cannot be used to tell the API server: {why(error)}.") from error
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT  # on from Python 3.13; authorities of clusters lack what it wants
        return token, trust

    def _refusal(self, status: int, document: Mapping[str, Any]) -> str:
        said = document.get("message")
        own = f" It says: {said[:WORDS]}" if isinstance(said, str) and said else ""
        match status:
            case HTTPStatus.OK:
                return f"The API server at {self._server} answered with something that is no list."
            case HTTPStatus.UNAUTHORIZED:
                return f"The API server does not accept the token in {self._account}.{own}"
            case HTTPStatus.FORBIDDEN:
                return f"This UI may not list the OpsBuddyServices of {self._namespace}: its own resource needs role: Console.{own}"
            case HTTPStatus.NOT_FOUND:
                return f"The API server knows no OpsBuddyServices: the CRD is not installed.{own}"
            case _:
                return f"The API server answered {status}.{own}"


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = documents.loads(body)
    except MalformedError:
        return {}
    return document if isinstance(document, dict) else {}


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not one of the authority in ca.crt"
    return why(error)
