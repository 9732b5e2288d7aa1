"""Multipart uploads that a killed process left in a bucket: no listing of objects shows them, and they are paid for until somebody aborts them."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import aiohttp
from aws_request_signer import AwsRequestSigner
from yarl import URL

LIMIT = aiohttp.ClientTimeout(total=30, connect=3)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that nobody has completed."""

    key: str
    id: str
    begun: datetime


class Bucket:
    """The two requests that the object store's client does not know. Needs keys in the environment; an identity of the pod does not do."""

    def __init__(self, name: str, environment: Mapping[str, str] = os.environ) -> None:
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
        given = (environment.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"))
        endpoint = next(filter(None, given), f"https://s3.{region}.amazonaws.com")
        self._url = f"{endpoint.rstrip('/')}/{quote(name)}"
        key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
        token = environment.get("AWS_SESSION_TOKEN") or None
        self._signer = AwsRequestSigner(region, key, secret, "s3", session_token=token) if key and secret else None

    async def abort_unfinished(self, prefix: str, before: datetime) -> int:
        """Abort the uploads of keys with this prefix that began before; returns how many."""
        if self._signer is None:
            return 0
        aborted = 0
        async with aiohttp.ClientSession(timeout=LIMIT) as session:
            async for upload in self._uploads(session, prefix):
                if upload.begun <= before:
                    await self._ask(session, "DELETE", f"/{quote(upload.key)}", {"uploadId": upload.id})
                    aborted += 1
        return aborted

    async def _uploads(self, session: aiohttp.ClientSession, prefix: str) -> AsyncIterator[Upload]:
        place: dict[str, str] = {}
        while True:
            page = await self._ask(session, "GET", "", {"uploads": "", "prefix": prefix} | place)
            document = ET.fromstring(page)  # noqa: S314 - from the store that has all our files
            for element in document.iterfind("{*}Upload"):
                begun = datetime.fromisoformat(element.findtext("{*}Initiated", ""))
                yield Upload(element.findtext("{*}Key", ""), element.findtext("{*}UploadId", ""), begun)
            if document.findtext("{*}IsTruncated") != "true":
                return
            place = {
                "key-marker": document.findtext("{*}NextKeyMarker", ""),
                "upload-id-marker": document.findtext("{*}NextUploadIdMarker", ""),
            }

    async def _ask(self, session: aiohttp.ClientSession, method: str, path: str, query: dict[str, str]) -> bytes:
        assert self._signer  # noqa: S101 - the caller has looked
        url = f"{self._url}{path}?{urlencode(sorted(query.items()), quote_via=quote)}"
        headers = self._signer.sign_with_headers(method, url)
        async with session.request(method, URL(url, encoded=True), headers=headers) as answer:
            answer.raise_for_status()
            return await answer.read()
