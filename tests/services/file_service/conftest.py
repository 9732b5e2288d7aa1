"""The file service on each of its databases: what holds for one has to hold for the other."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings
from tests.support import schema
from tests.support.apps import client
from tests.support.postgres import postgres, postgres_server  # noqa: F401 - fixtures
from tests.support.s3 import s3_bucket, s3_server  # noqa: F401 - fixtures

Part = tuple[str, str | None, bytes]


def form(*parts: Part) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a form: field, file name or None, content; in this order."""
    boundary, body = uuid4().hex, b""
    for name, filename, content in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"content-type": f"multipart/form-data; boundary={boundary}"}


@dataclass
class Service:
    """The running service, and what a test does with it."""

    http: httpx2.AsyncClient
    settings: FileSettings

    async def send(self, *parts: Part) -> httpx2.Response:
        body, headers = form(*parts)
        return await self.http.post("/files/upload", content=body, headers=headers)

    async def store(self, content: bytes = b"hello", name: str = "a.txt", **documents: Any) -> dict[str, Any]:
        texts = [(field, None, json.dumps(value).encode()) for field, value in documents.items()]
        answer = await self.send(("file", name, content), *texts)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def find(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.http.get("/files", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["files"]

    @property
    def kept(self) -> list[Path]:
        """Every file in the object store, half ones too."""
        return [path for path in (self.settings.data_dir / "files").rglob("*") if path.is_file()]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres") if request.param == "postgres" else None


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> FileSettings:
    return FileSettings(data_dir=tmp_path, database_url=database_url, max_file_bytes=6_000_000)


@pytest.fixture
async def service(settings: FileSettings) -> AsyncIterator[Service]:
    await schema.put(settings, "files", "opsbuddy_file_service")
    async with client(build(settings)[0]) as http:
        yield Service(http, settings)
