"""One file: seen, changed, downloaded, copied."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.ui.files.acts import PNG, api, found, fresh, page_of, store

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_name_tags_and_metadata_are_seen_and_changed(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    file = await store(platform, f"{word}.txt", tags={"case": word}, metadata={"n": 9007199254740993, "gone": 1})
    async with page_of(browser, platform, f"/files/{file['id']}") as watched:
        page = watched.page
        await expect(page.locator(".metadata")).to_contain_text("9007199254740993")
        await page.get_by_text("Edit name, tags and metadata").click()
        await expect(page.get_by_label("Metadata, a JSON object")).to_have_value(
            '{\n  "n": 9007199254740993,\n  "gone": 1\n}'
        )
        await page.get_by_label("Name").fill(f"{word}-new.txt")
        await page.get_by_label("Tags, a JSON object").fill('{"case": "x"')
        await expect(page.locator("#tags-wrong")).to_have_text(
            "Character 13: expected , or }, found the end of the text."
        )
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_label("Tags, a JSON object")).to_be_focused()
        await page.get_by_label("Tags, a JSON object").fill(f'{{"case": "{word}", "seen": true}}')
        await page.get_by_label("Metadata, a JSON object").fill('{"n": 9007199254740993}')
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name=f"{word}-new.txt")).to_be_focused()
        await expect(page.get_by_role("status", name="What was done")).to_have_text("Saved.")
        await expect(page.locator(".one .tags")).to_contain_text("seen=true")
        await expect(page.get_by_text("Changed, version 2")).to_be_visible()
        [now] = await found(platform, word)
        assert now["tags"] == {"case": word, "seen": True}
        assert now["metadata"] == {"n": 9007199254740993}
        await page.get_by_text("Edit name, tags and metadata").click()
        await page.get_by_label("Name").fill("  ")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#filename-wrong")).to_have_text("its name is empty.")
        watched.complaints.clear()  # the browser itself writes down that an answer was 422
        await page.get_by_role("button", name="Discard what I typed").click()
        await expect(page.locator("#filename")).to_have_value(f"{word}-new.txt")


async def test_a_change_by_someone_else_meanwhile_is_said_and_not_overwritten(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    file = await store(platform, f"{word}.txt", tags={"state": "draft"})

    async def someone_else(state: str) -> None:
        async with api(platform) as http:
            assert (await http.patch(f"/files/{file['id']}", json={"tags": {"state": state}})).status_code == 200

    async def state() -> str:
        return str((await found(platform, word))[0]["tags"]["state"])

    async with page_of(browser, platform, f"/files/{file['id']}") as watched:
        page = watched.page
        tags = page.get_by_label("Tags, a JSON object")
        await page.get_by_text("Edit name, tags and metadata").click()
        await tags.fill('{"state": "mine"}')
        await someone_else("theirs")
        await page.get_by_role("button", name="Save", exact=True).click()
        conflict = page.locator("#conflict")
        await expect(conflict).to_contain_text("(version 2). Nothing was saved and nothing is overwritten.")
        await expect(conflict.locator("pre")).to_have_text('{\n  "state": "theirs"\n}')
        assert await state() == "theirs"
        await expect(tags).to_have_value('{"state": "mine"}')

        await someone_else("theirs again")
        await conflict.get_by_role("button", name="Save mine over version 2").click()
        await expect(conflict).to_contain_text("(version 3)")
        assert await state() == "theirs again"
        await conflict.get_by_role("button", name="Save mine over version 3").click()
        await expect(page.get_by_role("status", name="What was done")).to_have_text("Saved.")
        assert await state() == "mine"

        await page.get_by_text("Edit name, tags and metadata").click()
        await tags.fill('{"state": "mine again"}')
        await someone_else("theirs at last")
        await page.get_by_role("button", name="Save", exact=True).click()
        await conflict.get_by_role("button", name="Take theirs").click()
        await expect(page.locator(".one .tags")).to_have_text("state=theirs at last")
        await expect(tags).to_have_value('{\n  "state": "theirs at last"\n}')
        watched.complaints.clear()  # the browser itself writes down that answers were 412


async def test_text_and_images_are_shown_and_the_rest_is_said(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    text = await store(platform, f"{word}.log", "".join(f"line {n} é\r\n" for n in range(9000)).encode())
    image = await store(platform, f"{word}.png", PNG, "image/png")
    drawing = await store(
        platform,
        f"{word}.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="top.ran = 1"><script>top.ran = 1</script><rect width="40" height="40"/></svg>',
    )
    broken = await store(platform, f"{word}-broken.png", PNG[:20], "image/png")
    packed = await store(platform, f"{word}.gz", b"\x1f\x8b\x08" + bytes(20), "application/gzip")
    empty = await store(platform, f"{word}-empty.txt", b"")
    async with page_of(browser, platform, f"/files/{text['id']}") as watched:
        page = watched.page
        await expect(page.get_by_text("its first 64 KiB of")).to_be_visible()
        shown = await page.locator(".preview").text_content() or ""
        assert shown.startswith("line 0 é\nline 1 é\n")
        assert 60_000 < len(shown.replace("\n", "\r\n").encode()) <= 65_536
        box = page.locator(".preview")
        low = await box.evaluate("box => box.clientHeight")
        await page.get_by_role("button", name="Show all of it").click()
        assert await box.evaluate("box => box.clientHeight") > 10 * low
        await page.get_by_role("button", name="Show less").click()
        for file in (image, drawing):
            await page.goto(f"{platform['ui-service']}/files/{file['id']}")
            await expect(page.get_by_role("img", name=file["filename"])).to_be_visible()
            assert await page.locator(".picture img").evaluate("image => image.decode().then(() => image.naturalWidth)")
            assert await page.evaluate("window.ran") is None
        await page.goto(f"{platform['ui-service']}/files/{broken['id']}")
        await expect(page.get_by_text("This browser cannot show the image; download it.")).to_be_visible()
        await page.goto(f"{platform['ui-service']}/files/{packed['id']}")
        await expect(page.get_by_text("A file of the type application/gzip is not shown here")).to_be_visible()
        await page.goto(f"{platform['ui-service']}/files/{empty['id']}")
        await expect(page.get_by_text("The file is empty.")).to_be_visible()


async def test_a_download_has_the_content_and_the_name(
    browser: Browser, platform: dict[str, str], tmp_path: Path
) -> None:
    word = fresh()
    file = await store(platform, f"{word} naïve 故障.txt", b"\0\1 exactly this")
    for path in (f"/files?name={word}", f"/files/{file['id']}"):
        async with page_of(browser, platform, path) as watched:
            async with watched.page.expect_download() as download:
                await watched.page.get_by_role("link", name=re.compile("^Download")).click()
            got = await download.value
            assert got.suggested_filename == f"{word} naïve 故障.txt"
            await got.save_as(tmp_path / "got")
            assert (tmp_path / "got").read_bytes() == b"\0\1 exactly this"


async def test_link_and_command_are_copied(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    file = await store(platform, f"{word} it's.txt")
    here = f"{platform['ui-service']}/files/{file['id']}"
    allowed = {"permissions": ["clipboard-read", "clipboard-write"]}
    async with page_of(browser, platform, f"/files/{file['id']}", **allowed) as watched:
        page = watched.page
        for button, copied in (
            ("Copy link", here),
            (
                "Copy as curl",
                f"curl -o '{word} it'\"'\"'s.txt' {platform['ui-service']}/api/files/{file['id']}/download",
            ),
        ):
            await expect(page.get_by_role("button", name="Copied")).to_have_count(0)  # of the time before
            await page.get_by_role("button", name=button).click()
            await expect(page.get_by_role("button", name="Copied")).to_be_visible()
            assert await page.evaluate("navigator.clipboard.readText()") == copied
