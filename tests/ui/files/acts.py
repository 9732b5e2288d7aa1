"""What a person does with files, and what the tests look at then."""

import base64
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from playwright.async_api import Browser, FilePayload, Locator, Page

from tests.ui.conftest import Watched, opened, ready

JSON = {"content-type": "application/json"}


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;.txt"


HOSTILE_NAME = HOSTILE.replace("/", "|")  # of a path, the last part is the name


LONG = ("a-name-without-any-space-" * 11)[:251] + ".txt"


def fresh() -> str:
    """Return a word that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


def payload(name: str, content: bytes = b"hello\n", kind: str = "text/plain") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": content}


@asynccontextmanager
async def api(platform: dict[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{platform['ui-service']}/api", timeout=30) as http:
        yield http


async def store(
    platform: dict[str, str], name: str, content: bytes = b"hello\n", kind: str = "text/plain", **documents: Any
) -> dict[str, Any]:
    async with api(platform) as http:
        data = {field: json.dumps(value) for field, value in documents.items()}
        answer = await http.post("/files/upload", data=data, files={"file": (name, content, kind)})
        assert answer.status_code == 201, answer.text
        stored: dict[str, Any] = answer.json()
        return stored


async def found(platform: dict[str, str], name: str) -> list[dict[str, Any]]:
    async with api(platform) as http:
        files: list[dict[str, Any]] = (await http.get("/files", params={"name": name})).json()["files"]
        return files


@asynccontextmanager
async def page_of(browser: Browser, platform: dict[str, str], path: str, **options: Any) -> AsyncIterator[Watched]:
    async with opened(browser, platform["ui-service"] + path, **options) as watched:
        await ready(watched.page)
        yield watched
        assert watched.complaints == []


def rows(page: Page) -> Locator:
    return page.locator("table.files tbody tr")


async def choose(page: Page, *files: FilePayload) -> None:
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose files").click()
    await (await chooser.value).set_files(list(files))
