"""What is deleted can be taken back."""

import pytest
from playwright.async_api import Browser, expect

from tests.ui.files.acts import api, found, fresh, page_of, rows, store

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_what_is_deleted_comes_back_by_undo_and_from_the_trash(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    for number in (1, 2):
        await store(platform, f"{word}-{number}.txt")
    async with page_of(browser, platform, f"/files?name={word}&sort=name") as watched:
        page = watched.page
        done = page.get_by_role("status", name="What was done")
        await page.get_by_role("button", name=f"Delete {word}-1.txt").click()
        await expect(rows(page)).to_have_count(1)
        await expect(done).to_contain_text(f"Deleted \u2068{word}-1.txt\u2069. It is in the trash.")
        await expect(page.get_by_role("link", name=f"{word}-2.txt", exact=True)).to_be_focused()
        assert len(await found(platform, word)) == 1
        await done.get_by_role("button", name="Undo").click()
        await expect(rows(page)).to_have_count(2)
        assert len(await found(platform, word)) == 2

        await page.get_by_role("link", name=f"{word}-1.txt", exact=True).click()
        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="Not among the files")).to_be_focused()
        await expect(page.get_by_text("is in the trash; POST")).to_be_visible()
        await page.reload()
        await page.get_by_role("button", name="Restore it from the trash").click()
        await expect(page.get_by_role("heading", name=f"{word}-1.txt")).to_be_visible()
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("link", name="Look into the trash").click()
        await page.get_by_role("button", name=f"Restore {word}-1.txt").click()
        await expect(done).to_contain_text("Restored")
        assert len(await found(platform, word)) == 2
        watched.complaints.clear()  # the browser itself writes down that an answer was 404


async def test_each_of_several_that_are_deleted_has_its_own_undo(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    for number in range(3):
        await store(platform, f"{word}-{number}.txt")
    async with page_of(browser, platform, f"/files?name={word}&sort=name") as watched:
        page = watched.page
        done = page.get_by_role("status", name="What was done")
        for number in range(3):
            await page.get_by_role("button", name=f"Delete {word}-{number}.txt").click()
            await expect(done).to_contain_text(f"Deleted \u2068{word}-{number}.txt\u2069.")
        await expect(done.get_by_role("button", name="Undo")).to_have_count(3)
        for number in (0, 2, 1):
            line = done.locator("div", has_text=f"{word}-{number}.txt")
            await line.get_by_role("button", name="Undo").click()
            await expect(page.get_by_role("link", name=f"{word}-{number}.txt", exact=True)).to_be_focused()
        await expect(done.get_by_role("button", name="Undo")).to_have_count(0)
        assert len(await found(platform, word)) == 3


async def test_a_file_that_someone_changed_meanwhile_is_not_deleted(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    file = await store(platform, f"{word}.txt")
    async with page_of(browser, platform, f"/files?name={word}") as watched:
        page = watched.page
        async with api(platform) as http:
            await http.patch(f"/files/{file['id']}", json={"tags": {"keep": word}})
        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("status", name="What was done")).to_contain_text("so it was not deleted")
        await expect(rows(page)).to_contain_text(f"keep={word}")
        assert len(await found(platform, word)) == 1
        watched.complaints.clear()  # the browser itself writes down that an answer was 412
