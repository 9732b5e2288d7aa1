"""For who cannot see the page, and who has no mouse."""

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.ui.axe import axe_finds_nothing
from tests.ui.conftest import picture
from tests.ui.files.acts import api, choose, fresh, page_of, payload, rows, store

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_on_a_file_nor_in_the_midst_of_things(
    browser: Browser, platform: dict[str, str], theme: str
) -> None:
    word = fresh()
    file = await store(platform, f"{word}.txt", b"x\n" * 500, tags={"case": word}, metadata={"a": "b"})
    async with page_of(browser, platform, f"/files?name={word}&type=png", color_scheme=theme) as watched:
        page = watched.page

        await page.get_by_label("Tags, a JSON object").fill("{")
        await choose(page, payload("a.txt"), payload("b.txt"))
        await axe_finds_nothing(page)
        await page.goto(f"{platform['ui-service']}/files/{file['id']}")
        await page.get_by_text("Edit name, tags and metadata").click()
        async with api(platform) as http:
            await http.patch(f"/files/{file['id']}", json={"tags": {"state": "theirs"}})
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("#conflict")).to_contain_text("Nothing was saved")
        await axe_finds_nothing(page)
        await page.screenshot(path=picture(f"file-conflict-{theme}"), full_page=True)
        watched.complaints.clear()  # the browser itself writes down that an answer was 412


async def test_the_keyboard_alone_stores_finds_deletes_and_takes_back(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    async with page_of(browser, platform, "/files") as watched:
        page = watched.page

        async def tab_to(target: Locator) -> None:
            for _ in range(80):
                if await target.evaluate("element => element === document.activeElement"):
                    return
                await page.keyboard.press("Tab")
            pytest.fail(f"Tab does not lead to {target}")

        # asked for early: a chooser that opens before the browser knows that somebody waits for it is nobody's
        async with page.expect_file_chooser() as chooser:
            await tab_to(page.get_by_role("button", name="Choose files"))
            await page.keyboard.press("Enter")
        await (await chooser.value).set_files([payload(f"{word}.txt")])
        await expect(page.get_by_role("button", name="Upload 1 file")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#sent")).to_have_text("1 file stored.")
        await page.locator("main").focus()
        await page.keyboard.press("/")
        await expect(page.get_by_label("Name, or a part of it")).to_be_focused()
        await page.keyboard.type(word)
        await page.keyboard.press("Enter")
        await expect(rows(page)).to_have_count(1)
        await tab_to(page.get_by_role("button", name=f"Delete {word}.txt"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("is all of what is asked for")).to_be_visible()
        await tab_to(page.get_by_role("button", name="Undo"))
        await page.keyboard.press("Enter")
        await expect(rows(page)).to_have_count(1)
