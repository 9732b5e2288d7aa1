"""Files are stored: several, dropped, with their progress, and not before what is typed is right."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Route, expect

from tests.ui.files.acts import choose, found, fresh, page_of, payload, rows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_several_files_go_at_once_with_their_tags_and_metadata(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    async with page_of(browser, platform, f"/files?name={word}") as watched:
        page = watched.page
        await page.get_by_label("Tags, a JSON object").fill(f'{{"case": "{word}", "n": [1, "two"]}}')
        await page.get_by_label("Metadata, a JSON object").fill('{"big": 9007199254740993, "host": {"name": "web-1"}}')
        await choose(page, *(payload(f"{word}-{number}.txt") for number in range(5)))
        await page.get_by_role("button", name="Upload 5 files").click()
        await expect(page.locator("#sent")).to_have_text("5 files stored.")
        await expect(rows(page)).to_have_count(5)
        await expect(page.get_by_role("heading", name="5 files")).to_be_visible()
        stored = await found(platform, word)
        assert {file["filename"] for file in stored} == {f"{word}-{number}.txt" for number in range(5)}
        for file in stored:
            assert file["tags"] == {"case": word, "n": [1, "two"]}
            assert file["metadata"] == {"big": 9007199254740993, "host": {"name": "web-1"}}
        await page.locator("#uploads").get_by_role("link", name="look at it").first.click()
        await page.wait_for_url(re.compile(r"/files/[0-9a-f-]{36}$"))


async def test_files_are_dropped_anywhere_on_the_page(browser: Browser, platform: dict[str, str]) -> None:
    word = fresh()
    async with page_of(browser, platform, f"/files?name={word}") as watched:
        page = watched.page
        data = await page.evaluate_handle(
            """word => { const data = new DataTransfer();
                 for (const n of [1, 2]) data.items.add(new File(["dropped " + n], `${word}-${n}.txt`, { type: "text/plain" }));
                 return data; }""",
            word,
        )
        await page.locator("#search").dispatch_event("dragover", {"dataTransfer": data})
        await expect(page.locator("#drop")).to_have_class(re.compile("over"))
        await page.locator("#search").dispatch_event("drop", {"dataTransfer": data})
        await expect(page.locator("#drop")).not_to_have_class(re.compile("over"))
        await page.get_by_role("button", name="Remove " + f"{word}-2.txt").click()
        await page.get_by_role("button", name="Upload 1 file").click()
        await expect(rows(page)).to_have_count(1)
        assert [file["filename"] for file in await found(platform, word)] == [f"{word}-1.txt"]


async def test_a_folder_that_is_dropped_is_said_not_to_go_and_the_files_beside_it_do(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    async with page_of(browser, platform, f"/files?name={word}") as watched:
        page = watched.page
        await page.evaluate(
            """word => {
                 const folder = { kind: "file", webkitGetAsEntry: () => ({ isDirectory: true, name: "day <b>" }), getAsFile: () => null };
                 const file = { kind: "file", webkitGetAsEntry: () => ({ isDirectory: false }), getAsFile: () => new File(["x"], `${word}.txt`) };
                 const event = new DragEvent("drop", { bubbles: true, cancelable: true });
                 Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items: [folder, file] } });
                 document.body.dispatchEvent(event);
               }""",
            word,
        )
        await expect(page.locator("#notice")).to_contain_text("day <b>\u2069 is a folder, which cannot be sent")
        await expect(page.get_by_role("button", name="Upload 1 file")).to_be_visible()


async def test_each_upload_shows_how_far_it_is_and_is_cancelled_on_its_own(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    async with page_of(browser, platform, f"/files?name={word}") as watched:
        page = watched.page
        await choose(
            page,
            payload(f"{word}-large.bin", bytes(4_000_000), "application/octet-stream"),
            payload(f"{word}-small.txt"),
        )
        network = await page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
        await network.send("Network.enable")
        await network.send("Network.emulateNetworkConditions", slow)
        await page.get_by_role("button", name="Upload 2 files").click()
        large = page.locator("#uploads li", has_text="large.bin")
        await expect(large.locator(".says")).to_have_text(re.compile(r"^[1-9]\d? %, .+ of 4\.0 MB$"))
        assert 0 < await large.locator("progress").evaluate("bar => bar.value / bar.max") < 1
        await large.get_by_role("button", name="Cancel").click()
        await expect(large.locator(".says")).to_have_text("Cancelled. Nothing of it was stored.")
        await expect(page.locator("#uploads li", has_text="small.txt").locator(".says")).to_contain_text("Stored")
        await network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
        await expect(rows(page)).to_have_count(1)
        assert [file["filename"] for file in await found(platform, word)] == [f"{word}-small.txt"]
        await large.get_by_role("button", name="Try").click()
        await expect(large.locator(".says")).to_contain_text("Stored")
        await expect(rows(page)).to_have_count(2)


async def test_files_that_wait_keep_the_tags_of_the_moment_they_were_sent(
    browser: Browser, platform: dict[str, str]
) -> None:
    word = fresh()
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    async with page_of(browser, platform, f"/files?name={word}") as watched:
        page = watched.page
        await page.route("**/api/files/upload", hold)
        await page.get_by_label("Tags, a JSON object").fill('{"case": "first"}')
        await choose(page, *(payload(f"{word}-{number}.txt") for number in range(5)))
        await page.get_by_role("button", name="Upload 5 files").click()
        await expect(page.locator("#uploads li[data-state=waiting]")).to_have_count(2)
        await page.get_by_label("Tags, a JSON object").fill('{"case": "of the ne')
        held.set()
        await expect(rows(page)).to_have_count(5)
        assert [file["tags"] for file in await found(platform, word)] == [{"case": "first"}] * 5


FAULTS = (
    ('{"a": 1,}', "Character 9: a comma with nothing after it."),
    ("{'a': 1}", "Character 2: expected a name in double quotes, found ' (texts stand between straight double quotes)."),
    ('{"a" 1}', "Character 6: expected : after the name, found 1."),
    ('{"a": yes}', "Character 7: expected a value, found yes; texts stand between double quotes."),
    ('{"a": 1\n "b": 2}', 'Line 2, character 2: expected , or }, found ".'),
    ('{"a": "x}', "Character 7: this text has no closing double quote."),
    ('{"a": 1, "a": 2}', "Character 10: the name a is there twice."),
    ('{"a": 01}', "Character 7: expected a value, found 0."),
    ('["a"]', 'Character 1: expected a JSON object, for example {"category": "logs"}.'),
    ('{"a": 1} x', "Character 10: expected the end, found x."),
    ('{"a": 12345678901234567890}', "Character 7: the number 12345678901234567890 is larger than numbers are kept; write it as a text."),
    ('{"": 1}', "Character 1: names and values of tags have 1 to 256 characters."),
    ('{"a": ' + "[" * 16, "Character 22: nested deeper than 16 levels."),
    ('{"\N{GRINNING FACE}": }', "Character 7: expected a value, found }."),
)  # fmt: skip


async def test_what_is_wrong_with_tags_is_said_while_one_types_and_nothing_is_sent(
    browser: Browser, platform: dict[str, str]
) -> None:
    async with page_of(browser, platform, "/files") as watched:
        page = watched.page
        await choose(page, payload(f"{fresh()}.txt"))
        field = page.get_by_label("Tags, a JSON object")
        for typed, said in FAULTS:
            await field.fill(typed)
            await expect(page.locator("#tags-wrong"), typed).to_have_text(said)
            await expect(field).to_have_attribute("aria-invalid", "true")
        await page.get_by_role("button", name="Upload 1 file").click()
        await expect(field).to_be_focused()
        assert not [url for url in watched.asked if url.endswith("/upload")]
        await field.fill(' {"a": [1.5e3, -0, true, null, "\\u00e9"], "b": {}} ')
        await expect(page.locator("#tags-wrong")).to_be_empty()
        await expect(field).not_to_have_attribute("aria-invalid", "true")


async def test_what_the_service_refuses_stays_with_its_reason(browser: Browser, platform: dict[str, str]) -> None:
    async with page_of(browser, platform, "/files") as watched:
        page = watched.page
        await choose(page, payload("a" * 252 + ".txt"))
        await page.get_by_role("button", name="Upload 1 file").click()
        await expect(page.locator("#uploads .says")).to_contain_text("its name has more than 255 bytes")
        await expect(page.locator("#uploads").get_by_role("button", name="Try")).to_be_visible()
        watched.complaints.clear()  # the browser itself writes down that an answer was 422
