"""The page of the files in a real browser: what a person does with files."""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from tests.support.fake_gateway import FakeGateway
from tests.support.wait import eventually
from tests.ui.conftest import Ui, Watched, opened, picture
from tests.ui.test_every_page import RULES, ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
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


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_on_a_file_nor_in_the_midst_of_things(
    browser: Browser, platform: dict[str, str], theme: str
) -> None:
    word = fresh()
    file = await store(platform, f"{word}.txt", b"x\n" * 500, tags={"case": word}, metadata={"a": "b"})
    async with page_of(browser, platform, f"/files?name={word}&type=png", color_scheme=theme) as watched:
        page = watched.page

        async def nothing() -> None:
            result = await Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
            assert result.violations_count == 0, result.generate_report()

        await page.get_by_label("Tags, a JSON object").fill("{")
        await choose(page, payload("a.txt"), payload("b.txt"))
        await nothing()
        await page.goto(f"{platform['ui-service']}/files/{file['id']}")
        await page.get_by_text("Edit name, tags and metadata").click()
        async with api(platform) as http:
            await http.patch(f"/files/{file['id']}", json={"tags": {"state": "theirs"}})
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("#conflict")).to_contain_text("Nothing was saved")
        await nothing()
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

        await tab_to(page.get_by_role("button", name="Choose files"))
        async with page.expect_file_chooser() as chooser:
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
