"""Files are found, and the address is the search."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from tests.ui.conftest import opened
from tests.ui.files.acts import PNG, fresh, page_of, rows, store

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_a_search_finds_by_tag_type_name_size_and_time(platform: dict[str, str]) -> None:
    word = fresh()
    await store(platform, f"{word}-a.txt", b"x" * 10, tags={"case": word, "kind": "small one"})
    await store(platform, f"{word}-b.png", PNG, "image/png", tags={"case": word})
    await store(platform, f"{word}-c.txt", b"x" * 20_000, tags={"case": word, "kind": ["big", "other"]})
    hour = timedelta(hours=1)
    async with httpx2.AsyncClient(base_url=platform["ui-service"], timeout=30) as http:

        async def names(**fields: str) -> str:
            page = (await http.get("/files", params={"name": word.upper()} | fields)).text
            return " ".join(re.findall(rf"<bdi title=[^>]*>{word}-(.)", page))

        assert await names() == "c b a"
        assert await names(tag=f"case={word}", sort="size") == "a b c"
        assert await names(tag="kind=small one") == "a"
        assert await names(tag="kind=big") == "c"
        assert await names(tag="kind") == "c a"
        assert await names(type="image/*") == "b"
        assert await names(type="text", sort="name") == "a c"
        assert await names(min_size="1 kB", max_size="20kB") == "c"
        assert await names(within="1h") == "c b a"
        assert await names(created_before="2020-01-01T00:00:00Z") == ""
        assert await names(created_after=(datetime.now(UTC) - hour).isoformat()) == "c b a"
        assert await names(created_after=(datetime.now(UTC) + hour).isoformat()) == ""


async def test_the_fields_of_a_search_are_its_address(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    await store(platform, f"{word}.txt", b"x" * 10, tags={"case": word, "kind": "small one"})
    async with page_of(browser, platform, "/files") as watched:
        page = watched.page
        fields = page.locator("#search")
        await fields.get_by_label("Name, or a part of it").fill(word)
        await fields.get_by_label("Tag", exact=True).fill(f"case={word}")
        await fields.get_by_label("Type").fill("text/*")
        await fields.get_by_role("combobox", name="Uploaded", exact=True).select_option("in the last hour")
        await fields.get_by_role("combobox", name="Order", exact=True).select_option("largest first")
        await page.get_by_text("Size, and exact time").click()
        await fields.get_by_label("At most").fill("1.5 kB")
        await fields.get_by_label("Uploaded before").fill("2030-01-01T01:00:00")  # in Berlin
        await fields.get_by_role("button", name="Search").click()
        await expect(rows(page)).to_have_count(1)
        assert parse_qs(urlsplit(page.url).query) == {
            "name": [word],
            "tag": [f"case={word}"],
            "type": ["text/*"],
            "within": ["1h"],
            "sort": ["-size"],
            "max_size": ["1.5 kB"],
            "created_before": ["2030-01-01T00:00:00.000Z"],
        }
        await page.goto(f"{platform['ui-service']}/files?name={word}")
        await rows(page).get_by_title("Files with kind=small one").click()
        await expect(fields.get_by_label("Tag", exact=True)).to_have_value("kind=small one")
        await expect(rows(page)).to_have_count(1)


async def test_back_and_reload_and_a_pasted_address_show_the_same_search(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    await store(platform, f"{word}-a.txt", tags={"case": word})
    await store(platform, f"{word}-b.png", PNG, "image/png")

    async def shows(page: Page, name: str, kind: str, before: str, *files: str) -> None:
        await expect(page.locator("#search [name=name]")).to_have_value(name)
        await expect(page.locator("#search [name=type]")).to_have_value(kind)
        await expect(page.locator("[data-moment=created_before]")).to_have_value(before)
        await expect(rows(page).locator(".name > a")).to_have_text([f"{word}-{file}" for file in files])
        await expect(page.locator("nav").first).to_be_visible()

    async with page_of(browser, platform, f"/files?name={word}") as watched:
        page = watched.page
        first = (word, "", "", "b.png", "a.txt")
        second = (word, "image/*", "2030-01-01T01:00", "b.png")
        before = await page.evaluate("history.length")
        await page.locator("#search [name=type]").fill("image/*")
        await page.get_by_text("Size, and exact time").click()
        await page.locator("[data-moment=created_before]").fill("2030-01-01T01:00:00")
        await page.get_by_role("button", name="Search").click()
        await shows(page, *second)
        assert await page.evaluate("history.length") == before + 1
        address = page.url
        assert "created_before=2030-01-01T00%3A00%3A00.000Z" in address
        await page.locator("nav").get_by_role("link", name="Home").click()
        await expect(page.locator("nav [aria-current]")).to_have_text("Home")
        await page.go_back()
        await shows(page, *second)
        await page.go_back()
        await shows(page, *first)
        await page.go_forward()
        await shows(page, *second)
        await page.reload()
        await shows(page, *second)
        assert await page.evaluate("history.length") == before + 2
    async with opened(browser, address) as watched:
        await shows(watched.page, *second)


async def test_pages_follow_one_another_and_each_file_is_there_once(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    for number in range(53):
        await store(platform, f"{word}-{number:02}.txt")
    async with page_of(browser, platform, f"/files?name={word}&sort=name") as watched:
        page = watched.page
        await expect(page.get_by_role("heading", name="50 files on this page, more follow")).to_be_visible()
        names = await rows(page).locator(".name > a").all_inner_texts()
        await page.get_by_role("link", name="Next page").click()
        await expect(page.get_by_role("heading", name="3 files on this page, the last")).to_be_visible()
        names += await rows(page).locator(".name > a").all_inner_texts()
        assert names == [f"{word}-{number:02}.txt" for number in range(53)]
        await page.get_by_role("link", name="First page").click()
        await expect(rows(page)).to_have_count(50)
        await page.goto(f"{platform['ui-service']}/files?cursor=abc")
        await expect(page.get_by_text("Nothing was searched: the page: it is none")).to_be_visible()
        await page.get_by_role("link", name="Show the first page").click()
        await expect(rows(page).first).to_be_visible()


async def test_what_is_typed_and_open_stays_while_the_page_is_kept_up_to_date(
    browser: Browser, platform: dict[str, str]
) -> None:
    async with page_of(browser, platform, "/files") as watched:
        page = watched.page
        await page.get_by_text("Size, and exact time").click()
        field = page.get_by_label("Name, or a part of it")
        await field.fill("abc")
        await field.evaluate("field => field.setSelectionRange(1, 1)")
        elements = await page.evaluate_handle(
            "[document.querySelector('#search details'), document.activeElement, document.querySelector('#files tr')]"
        )
        await page.evaluate(
            """() => new Promise(done => { let left = 3; const stream = new EventSource("/events?page=files");
                 stream.addEventListener("state", () => { if (!--left) { stream.close(); done(); } }); })"""
        )
        assert await elements.evaluate("elements => elements.every(element => element.isConnected)")
        assert await elements.evaluate(
            "([details, field]) => [details.open, document.activeElement === field, field.value, field.selectionStart]"
        ) == [True, True, "abc", 1]
