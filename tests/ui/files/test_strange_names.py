"""Names and contents of others are text, and stay in their place."""

import pytest
from playwright.async_api import Browser, expect

from tests.ui.conftest import picture
from tests.ui.files.acts import HOSTILE, HOSTILE_NAME, LONG, choose, fresh, page_of, payload, rows, store

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("width", [1440, 390])
async def test_whatever_others_stored_is_shown_as_text(browser: Browser, platform: dict[str, str], width: int) -> None:
    word = fresh()
    stored = await store(
        platform, f"{word}{HOSTILE_NAME}", HOSTILE.encode(), tags={HOSTILE: HOSTILE}, metadata={HOSTILE: HOSTILE}
    )
    async with page_of(browser, platform, f"/files?name={word}", width=width) as watched:
        page = watched.page
        page.on("dialog", lambda dialog: watched.complaints.append(dialog.message))
        await expect(rows(page).locator(".name > a")).to_have_text(stored["filename"])
        await expect(rows(page).locator(".tag")).to_have_text(f"{HOSTILE}={HOSTILE}")
        await choose(page, payload(f"{word}{HOSTILE_NAME}"))
        await page.get_by_role("button", name="Upload 1 file").click()
        await expect(rows(page)).to_have_count(2)
        await page.get_by_role("button", name=f"Delete {word}").last.click()
        await expect(page.get_by_role("status", name="What was done")).to_contain_text(HOSTILE_NAME)
        await page.get_by_role("button", name="Undo").click()
        await expect(rows(page)).to_have_count(2)
        await rows(page).locator(".name > a").first.click()
        await expect(page.locator(".preview, .one .soft").first).to_be_visible()
        await page.goto(f"{platform['ui-service']}/files/{stored['id']}")
        await expect(page.locator(".file-name")).to_have_text(stored["filename"])
        await expect(page.locator(".metadata")).to_contain_text(HOSTILE)
        await expect(page.locator(".preview")).to_have_text(HOSTILE)
        await page.get_by_text("Edit name, tags and metadata").click()
        await page.get_by_role("button", name="Discard what I typed").click()
        await expect(page.locator("#filename")).to_have_value(stored["filename"])
        assert await page.locator("main img, main script").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 320])
async def test_long_names_fit_a_phone_and_are_there_whole_by_one_tap(
    browser: Browser, platform: dict[str, str], width: int, theme: str
) -> None:
    word = fresh()
    name = word + LONG[len(word) :]
    long = "v" * 250
    file = await store(
        platform,
        name,
        b"m" * 4000,
        tags={"case": word, "n" * 200: long, "many": [f"{n}{long}" for n in range(20)]},
        metadata={"k" * 200: "w" * 4000},
    )
    after = await store(platform, f"{word}-after.txt")
    async with page_of(
        browser, platform, f"/files?name={word}&sort=created", width=width, color_scheme=theme
    ) as watched:
        page = watched.page
        wide = "document.documentElement.scrollWidth - innerWidth"
        assert await page.evaluate(wide) <= 0
        await page.get_by_text("Size, and exact time").click()
        assert await page.evaluate(wide) <= 0
        first = await rows(page).first.bounding_box()
        assert first
        assert first["height"] < 844
        for button in await rows(page).locator(".acts > *").all():
            await button.scroll_into_view_if_needed()
            box = await button.bounding_box()
            assert box
            assert box["height"] >= 44
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        await choose(page, payload(name))
        await expect(page.locator("#uploads li")).to_be_visible()
        await page.screenshot(path=picture(f"files-long-{theme}-{width}"), full_page=True)
        assert await page.evaluate(wide) <= 0
        await page.get_by_role("button", name=f"Delete {after['filename']}").click()
        await expect(page.get_by_role("status", name="What was done")).to_be_visible()
        assert await page.evaluate(wide) <= 0
        await rows(page).first.locator(".name > a").click()
        await expect(page.locator(".file-name")).to_have_text(name)
        assert (
            await page.locator(".file-name").evaluate(
                "name => { getSelection().selectAllChildren(name); return getSelection().toString(); }"
            )
            == name
        )
        await page.get_by_text("Edit name, tags and metadata").click()
        await page.screenshot(path=picture(f"file-long-{theme}-{width}"), full_page=True)
        assert await page.evaluate(wide) <= 0
        assert file["filename"] == name
