"""Without the service, and without a file."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.fake_gateway import FakeGateway, down
from tests.support.wait import eventually
from tests.ui.conftest import Ui, opened, ready
from tests.ui.files.acts import JSON, found, fresh

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_a_dead_file_service_takes_down_its_list_alone_and_heals(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    problem = {"status": 503, "detail": "file-service has no healthy endpoint."}
    gateway.answers["GET", "/api/files"] = (503, JSON, json.dumps(problem).encode())
    async with opened(browser, f"{ui.url}/files?name=abc") as watched:
        page = watched.page
        await ready(page)
        await expect(page.locator("#files")).to_contain_text("file-service does not answer here.")
        await expect(page.locator("#files")).to_contain_text("file-service has no healthy endpoint.")
        await page.get_by_label("Name, or a part of it").fill("typed")
        gateway.answers["GET", "/api/files"] = (200, JSON, b'{"files": [], "next_cursor": null}')
        await expect(page.get_by_text("is all of what is asked for")).to_be_visible()
        await expect(page.get_by_label("Name, or a part of it")).to_have_value("typed")
        await page.goto(f"{ui.url}/files")
        await expect(page.locator("#files")).to_contain_text("There are no files yet.")
        await expect(page.locator("#files code")).to_have_text(
            f'curl -X POST {ui.url}/api/files/upload -F "file=@example.txt" -F "tags={{\\"category\\":\\"logs\\"}}"'
        )
        del gateway.answers["GET", "/api/files"]


async def test_an_open_list_does_not_stay_when_its_service_goes_and_is_there_again_with_it(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    gateway.answers["GET", "/api/files"] = (200, JSON, b'{"files": [], "next_cursor": null}')
    async with opened(browser, f"{ui.url}/files") as watched:
        page = watched.page
        await ready(page)
        await expect(page.locator("#files")).to_contain_text("There are no files yet.")
        await page.get_by_label("Name, or a part of it").fill("typed")
        gateway.answers["GET", "/api/files"] = (503, JSON, b'{"status": 503, "detail": "no endpoint"}')
        gateway.put(down("file-service"))
        await expect(page.locator("#files")).to_contain_text("file-service does not answer here.")
        await expect(page.get_by_label("Name, or a part of it")).to_be_focused()
        gateway.answers["GET", "/api/files"] = (200, JSON, b'{"files": [], "next_cursor": null}')
        await expect(page.locator("#files")).to_contain_text("There are no files yet.")
        await expect(page.get_by_label("Name, or a part of it")).to_have_value("typed")
        del gateway.answers["GET", "/api/files"]


@pytest.mark.parametrize(
    ("page_of", "panel", "asked"),
    [
        ("/files", "#files", "/api/files"),
        ("/utility", "#configs", "/api/utils/configs"),
    ],
    ids=["files", "configurations"],
)
async def test_without_the_gateway_an_open_list_says_since_when_and_is_there_again_with_it(
    browser: Browser, ui: Ui, gateway: FakeGateway, page_of: str, panel: str, asked: str
) -> None:
    gateway.answers["GET", asked] = (200, JSON, b'{"files": [], "configs": [], "next_cursor": null}')
    async with opened(browser, ui.url + page_of) as watched:
        page = watched.page
        await ready(page)
        there = page.locator(panel).get_by_text("There are no")
        await expect(there).to_be_visible()
        await gateway.stop()
        await expect(page.locator(panel)).to_contain_text(re.compile(r"Not heard since \d\d:\d\d, \d+ s ago\."))
        await expect(page.locator(panel)).not_to_contain_text("The rest of the page does")
        await gateway.start()
        await expect(there).to_be_visible()
    del gateway.answers["GET", asked]


async def test_an_old_list_says_how_old_it_is(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    gateway.answers["GET", "/api/files"] = (200, JSON, b'{"files": [], "next_cursor": null}')
    async with opened(browser, f"{ui.url}/files") as watched:
        page = watched.page
        await ready(page)
        age = page.locator("#files h2 .age")
        await expect(age).to_be_hidden()
        ui.stop(within=5)
        await expect(age).to_have_text(re.compile(r"^\d+ s ago$"))
        await ui.start()
        await expect(age).to_be_hidden(timeout=20_000)
    del gateway.answers["GET", "/api/files"]


async def test_the_command_of_the_empty_list_stores_a_file(platform: dict[str, str], tmp_path: Path) -> None:
    name = f"{fresh()}.txt"
    (tmp_path / name).write_text("from a shell")
    address = f"{platform['ui-service']}/api/files/upload"
    sent = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-X", "POST", address, "-F", f"file=@{name}", "-F", 'tags={"category":"logs"}', cwd=tmp_path
    )
    assert await sent.wait() == 0

    async def stored() -> bool:
        return [file["tags"] for file in await found(platform, name)] == [{"category": "logs"}]

    await eventually(stored, what="the file of the command is stored")
