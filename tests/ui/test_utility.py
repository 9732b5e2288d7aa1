"""The utility page in a real browser: commands, configurations, the system."""

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.ui.axe import axe_finds_nothing
from tests.ui.conftest import Watched, opened, picture, ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;"
Platform = dict[str, str]
# charts with ink in their last column of pixels
AT_THE_EDGE = """[...document.querySelectorAll("ob-chart canvas")].filter(canvas =>
  canvas.getContext("2d").getImageData(canvas.width - 1, 0, 1, canvas.height).data.some(Boolean)).map(canvas => canvas.closest("ob-chart").outerHTML)"""


def fresh() -> str:
    """Return a word that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


@asynccontextmanager
async def api(platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{platform['ui-service']}/api/utils", timeout=30) as http:
        yield http


async def create(platform: Platform, name: str, value: Any, **members: Any) -> dict[str, Any]:
    async with api(platform) as http:
        answer = await http.post("/configs", json={"name": name, "category": "test", "value": value} | members)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


async def found(platform: Platform, text: str) -> list[dict[str, Any]]:
    async with api(platform) as http:
        configs: list[dict[str, Any]] = (await http.get("/configs", params={"q": text})).json()["configs"]
        return configs


@asynccontextmanager
async def page_of(browser: Browser, platform: Platform, path: str, **options: Any) -> AsyncIterator[Watched]:
    async with opened(browser, platform["ui-service"] + path, **options) as watched:
        await ready(watched.page)
        yield watched
        assert watched.complaints == []


def rows(page: Page) -> Locator:
    return page.locator("table.configs tbody tr")


def done(page: Page) -> Locator:
    return page.get_by_role("status", name="What was done")


async def test_a_quick_command_shows_its_output_and_how_it_ended(browser: Browser, platform: Platform) -> None:
    async with page_of(browser, platform, "/utility") as watched:
        page = watched.page
        await page.get_by_role("button", name="uptime", exact=True).click()
        run = page.locator(".run")
        await expect(run.locator("pre")).to_contain_text("load average")
        await expect(run.locator(".says")).to_have_text(
            re.compile(r"^Ended well\. It ended with exit code 0\. \d+\.\d\d s, isolation \w+\.$")
        )
        await page.get_by_role("button", name="df -h").click()
        await expect(page.locator(".run")).to_have_count(2)
        await expect(page.locator(".run pre").first).to_contain_text("Filesystem")


async def test_output_comes_while_the_command_runs_and_a_stop_ends_it(browser: Browser, platform: Platform) -> None:
    async with page_of(browser, platform, "/utility") as watched:
        page = watched.page
        stop = page.get_by_role("button", name="Stop")
        await expect(stop).to_be_hidden()
        await page.get_by_role("button", name="vmstat 1 5").click()
        await expect(page.locator(".run pre")).to_contain_text("procs")
        await expect(page.locator(".run .says")).to_contain_text("Runs, at most")
        await stop.click()
        await expect(page.locator(".run .says")).to_contain_text("Stopped by you after")
        await expect(stop).to_be_hidden()
        async with api(platform) as http:
            await expect(page.get_by_role("button", name="uptime", exact=True)).to_be_enabled()
            for _ in range(50):
                [run] = (await http.get("/system/audit", params={"template": "vmstat", "limit": 1})).json()["runs"]
                if run["closed"]:
                    break
            assert run["reason"] == "cancelled"


async def test_parameters_have_types_and_a_timeout_holds(browser: Browser, platform: Platform) -> None:
    async with page_of(browser, platform, "/utility") as watched:
        page = watched.page
        await page.get_by_role("combobox", name="Command", exact=True).select_option("process-status")
        pid = page.get_by_label("pid")
        await expect(pid).to_have_attribute("max", "4194304")
        assert page.url.endswith("/utility?template=process-status")
        await page.get_by_role("button", name="Run", exact=True).click()
        await expect(page.locator("#p-pid-wrong")).to_have_text("Write a value.")
        await expect(pid).to_be_focused()
        await pid.fill("0")
        await page.get_by_role("button", name="Run", exact=True).click()
        await expect(page.locator("#p-pid-wrong")).to_contain_text("1")
        await pid.fill("1")
        await page.get_by_role("button", name="Run", exact=True).click()
        await expect(page.locator(".run .says")).to_contain_text("Ended")
        await page.reload()
        await expect(page.get_by_label("pid")).to_be_visible()
        await page.get_by_role("combobox", name="Command", exact=True).select_option("vmstat")
        await page.get_by_label("Timeout, seconds").fill("1")
        await page.get_by_role("button", name="Run", exact=True).click()
        await expect(page.locator(".run .says").first).to_contain_text("Ended at its time limit.")


async def test_what_may_not_be_run_is_said_at_its_field(browser: Browser, platform: Platform) -> None:
    async with page_of(browser, platform, "/utility") as watched:
        page = watched.page
        words = page.get_by_label("Words, as the list of commands allows them")
        await words.fill("rm -rf /; echo <b>hi</b>")
        await words.press("Enter")
        await expect(page.locator(".run .says")).to_contain_text("Not run: ")
        await expect(words).to_have_value("rm -rf /; echo <b>hi</b>")
        await words.fill(f"echo '{HOSTILE.replace(chr(39), '')}'")
        await words.press("Enter")
        await expect(page.locator(".run pre").first).to_have_text(HOSTILE.replace("'", "") + "\n")
        assert await page.locator("main img, main script").count() == 0
        watched.complaints.clear()  # the browser itself writes down that an answer was 403


async def test_a_configuration_is_created_and_what_is_wrong_is_said_at_its_field(
    browser: Browser, platform: Platform
) -> None:
    word = fresh()
    async with page_of(browser, platform, f"/utility?q={word}") as watched:
        page = watched.page
        await page.get_by_text("Create a configuration").click()
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.locator("#c-name-wrong")).to_have_text("Write something.")
        await page.get_by_label("Name", exact=True).fill(word)
        await page.locator("#c-category").fill("test")
        value = page.get_by_label("Value: JSON, or text")
        for typed, kind in (("true", "true or false"), ("1.5", "a number"), ("a plain word", "a text"), ('{"a": 9007199254740993}', "an object")):  # fmt: skip
            await value.fill(typed)
            await expect(page.locator("#c-value-kind")).to_have_text(f"Kept as {kind}.")
        await value.fill('{"a": 1,}')
        await expect(page.locator("#c-value-wrong")).to_contain_text(
            "Line 1, character 9: a comma with nothing after it."
        )
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(value).to_be_focused()
        await value.fill('{"a": 9007199254740993}')
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(rows(page)).to_contain_text('{ "a": 9007199254740993 }')
        [made] = await found(platform, word)
        assert made["value"] == {"a": 9007199254740993}
        await page.get_by_text("Create a configuration").click()
        await page.get_by_label("Name", exact=True).fill(word)
        await page.locator("#c-category").fill("test")
        await value.fill("1")
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.locator("#c-name-wrong, #form-wrong").filter(has_text=word)).to_be_visible()
        watched.complaints.clear()  # the browser itself writes down that an answer was 409


async def test_a_change_shows_what_it_changes_and_history_takes_it_back(browser: Browser, platform: Platform) -> None:
    word = fresh()
    config = await create(platform, word, {"days": 30, "keep": True})
    async with page_of(browser, platform, f"/utility/configs/{config['id']}") as watched:
        page = watched.page
        await page.get_by_label("Value: JSON, or text").fill('{\n  "days": 14,\n  "keep": true\n}')
        await expect(page.locator("#compared li")).to_have_text(['\u2212  "days": 30,', '+  "days": 14,'])
        await page.get_by_role("button", name="Save").click()
        await expect(done(page)).to_have_text("Saved.")
        await expect(page.locator(".history > li")).to_have_count(2)
        await expect(page.locator(".history .diff li").first).to_contain_text('"days": 30')
        assert (await found(platform, word))[0]["value"] == {"days": 14, "keep": True}
        await page.get_by_role("button", name="Roll back to version 1").click()
        await expect(done(page)).to_contain_text("Rolled back to version 1; it is version 3 now.")
        assert (await found(platform, word))[0]["value"] == {"days": 30, "keep": True}
        await done(page).get_by_role("button", name="Undo").click()
        await expect(page.locator(".history > li")).to_have_count(4)
        assert (await found(platform, word))[0]["value"] == {"days": 14, "keep": True}


async def test_a_change_by_someone_else_meanwhile_is_said_and_not_overwritten(
    browser: Browser, platform: Platform
) -> None:
    word = fresh()
    config = await create(platform, word, "first")

    async def value() -> Any:
        return (await found(platform, word))[0]["value"]

    async with page_of(browser, platform, f"/utility/configs/{config['id']}") as watched:
        page = watched.page
        await page.get_by_label("Value: JSON, or text").fill("mine")
        async with api(platform) as http:
            await http.patch(f"/configs/{config['id']}", json={"value": "theirs"})
        await page.get_by_role("button", name="Save", exact=True).click()
        conflict = page.locator("#conflict")
        await expect(conflict).to_contain_text("(version 2). Nothing was saved and nothing is overwritten.")
        await expect(conflict.locator("li")).to_have_text(['\u2212"theirs"', '+"mine"'])
        assert await value() == "theirs"
        await conflict.get_by_role("button", name="Save mine over version 2").click()
        await expect(done(page)).to_have_text("Saved.")
        assert await value() == "mine"
        watched.complaints.clear()  # the browser itself writes down that an answer was 412


async def test_what_is_deleted_comes_back_by_undo_and_from_the_trash(browser: Browser, platform: Platform) -> None:
    word = fresh()
    await create(platform, word, 1)
    async with page_of(browser, platform, f"/utility?q={word}") as watched:
        page = watched.page
        await page.get_by_role("button", name=f"Delete {word}").click()
        await expect(page.get_by_text("No configuration is all of what is asked for")).to_be_visible()
        await done(page).get_by_role("button", name="Undo").click()
        await expect(rows(page)).to_have_count(1)
        await rows(page).get_by_role("link").click()
        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="Not among the configurations")).to_be_focused()
        await page.goto(f"{platform['ui-service']}/utility?trash=true&q={word}")
        await page.get_by_role("button", name=f"Restore {word}").click()
        await expect(done(page)).to_contain_text("Restored")
        assert len(await found(platform, word)) == 1


async def test_a_secret_is_shown_nowhere_and_kept_when_the_rest_changes(browser: Browser, platform: Platform) -> None:
    word = fresh()
    config = await create(platform, word, "tell-nobody", secret=True)
    async with page_of(browser, platform, f"/utility/configs/{config['id']}") as watched:
        page = watched.page
        assert "tell-nobody" not in await page.content()
        await page.get_by_label("Description").fill("changed")
        await page.get_by_role("button", name="Save").click()
        await expect(done(page)).to_have_text("Saved.")
        [now] = await found(platform, word)
        assert (now["description"], now["secret"], "value" in now) == ("changed", True, False)


@pytest.mark.parametrize("width", [1440, 768])
async def test_a_long_configuration_takes_no_room_from_what_stands_beside_it(
    browser: Browser, platform: Platform, width: int
) -> None:
    word = fresh()
    await create(platform, word, "short")
    await create(platform, word + "n" * 100, "v" * 3000, description="d" * 500)
    async with page_of(browser, platform, f"/utility?q={word}", width=width) as watched:
        row = rows(watched.page).filter(has=watched.page.get_by_role("link", name=word, exact=True))
        for part in (row.get_by_role("link"), row.get_by_role("button", name="Delete")):
            box = await part.bounding_box()
            assert box
            assert box["height"] < 40, "it is broken into several lines"


async def test_no_label_of_a_chart_is_cut_by_its_edge(browser: Browser, platform: Platform) -> None:
    async with opened(
        browser, platform["ui-service"] + "/utility"
    ) as watched:  # complains that the test reads a canvas
        page = watched.page
        await ready(page)
        chart = page.locator("[data-live-chart=load]")
        await chart.locator("summary").click()
        for number in (2, 3, 4):  # the time under the edge is another each time
            await expect(chart.locator("tbody tr")).to_have_count(number, timeout=30_000)
            assert await page.evaluate(AT_THE_EDGE) == []


async def test_the_charts_of_the_system_grow_while_one_looks(browser: Browser, platform: Platform) -> None:
    async with page_of(browser, platform, "/utility") as watched:
        page = watched.page
        chart = page.locator("[data-live-chart=load]")
        await chart.locator("summary").click()
        await expect(chart.locator("tbody tr")).to_have_count(3, timeout=30_000)
        await expect(page.locator("#system dt", has_text="Processors")).to_be_visible()
        await expect(page.get_by_role("table", name="File systems")).to_contain_text("%")


async def test_what_is_typed_and_open_stays_while_figures_come(browser: Browser, platform: Platform) -> None:
    async with page_of(browser, platform, "/utility") as watched:
        page = watched.page
        await page.get_by_text("Create a configuration").click()
        field = page.locator("#search [name=q]")
        await field.fill("abc")
        await field.evaluate("field => field.setSelectionRange(1, 1)")
        elements = await page.evaluate_handle("[document.querySelector('#creator'), document.activeElement]")
        before = await page.locator("#system").get_attribute("data-at") or ""
        await expect(page.locator("#system")).not_to_have_attribute("data-at", before, timeout=30_000)
        assert await elements.evaluate(
            "([open, field]) => [open.isConnected, open.open, document.activeElement === field, field.value, field.selectionStart]"
        ) == [True, True, True, "abc", 1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 320])
async def test_long_and_hostile_values_fit_a_phone(
    browser: Browser, platform: Platform, width: int, theme: str
) -> None:
    word = fresh()
    name = word + "n" * (128 - len(word))
    value = {"k" * 200: "v" * 4000, HOSTILE: HOSTILE}
    config = await create(platform, name, value, description="d" * 2000, tags=["t" * 64, HOSTILE])
    async with page_of(browser, platform, f"/utility?q={word}", width=width, color_scheme=theme) as watched:
        page = watched.page
        wide = "document.documentElement.scrollWidth - innerWidth"
        assert await page.evaluate(wide) <= 0
        row = await rows(page).first.bounding_box()
        assert row
        assert row["height"] < 640
        await page.get_by_label("Words, as the list of commands allows them").fill("echo " + "w" * 190)
        await page.get_by_role("button", name="Run", exact=True).click()
        await expect(page.locator(".run .says")).to_contain_text("Ended well.")
        await page.get_by_text("Create a configuration").click()
        await page.screenshot(path=picture(f"utility-long-{theme}-{width}"), full_page=True)
        assert await page.evaluate(wide) <= 0
        await page.goto(f"{platform['ui-service']}/utility/configs/{config['id']}")
        await expect(page.locator(".config-name")).to_have_text(name)
        await page.get_by_label("Value: JSON, or text").fill("w" * 4000)
        await expect(page.locator("#compared li").last).to_contain_text("www")
        await page.screenshot(path=picture(f"config-long-{theme}-{width}"), full_page=True)
        assert await page.evaluate(wide) <= 0
        assert await page.locator("main img, main script").count() == 0


async def test_what_a_command_prints_is_text(browser: Browser, platform: Platform) -> None:
    printed = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    async with page_of(browser, platform, "/utility") as watched:
        page = watched.page
        page.on("dialog", lambda dialog: watched.complaints.append(dialog.message))
        await page.get_by_label("Words, as the list of commands allows them").fill(f"echo '{printed}'")
        await page.get_by_role("button", name="Run", exact=True).click()
        await expect(page.locator(".run .says")).to_contain_text("Ended well.")
        await expect(page.locator(".run pre")).to_have_text(printed)
        await page.goto(f"{platform['ui-service']}/system")
        await page.locator("#responses-list summary", has_text="/api/utils/system/execute").click()
        await expect(page.locator("#responses-list")).to_contain_text(printed)
        assert await page.locator("main img, main script").count() == 0


async def test_each_of_several_that_are_deleted_has_its_own_undo(browser: Browser, platform: Platform) -> None:
    word = fresh()
    for number in range(2):
        await create(platform, f"{word}-{number}", number)
    async with page_of(browser, platform, f"/utility?q={word}") as watched:
        page = watched.page
        await page.get_by_role("button", name=f"Delete {word}-0").click()
        await expect(page.get_by_role("link", name=f"{word}-1", exact=True)).to_be_focused()
        await page.get_by_role("button", name=f"Delete {word}-1").click()
        await expect(done(page).get_by_role("button", name="Undo")).to_have_count(2)
        for number in range(2):
            await done(page).get_by_role("button", name="Undo").first.click()
            await expect(page.get_by_role("link", name=f"{word}-{number}", exact=True)).to_be_focused()
        assert len(await found(platform, word)) == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_the_midst_of_things(browser: Browser, platform: Platform, theme: str) -> None:
    config = await create(platform, fresh(), {"a": 1})
    async with page_of(browser, platform, "/utility?template=du", color_scheme=theme) as watched:
        page = watched.page

        await page.get_by_role("button", name="df -h").click()
        await expect(page.locator(".run .says")).to_contain_text("Ended well.")
        await page.get_by_text("Create a configuration").click()
        await page.get_by_label("Value: JSON, or text").fill("{")
        await axe_finds_nothing(page)
        await page.goto(f"{platform['ui-service']}/utility/configs/{config['id']}")
        await page.get_by_label("Value: JSON, or text").fill('{"a": 2}')
        async with api(platform) as http:
            await http.patch(f"/configs/{config['id']}", content=json.dumps({"value": 3}))
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("#conflict")).to_contain_text("Nothing was saved")
        await axe_finds_nothing(page)
        watched.complaints.clear()  # the browser itself writes down that an answer was 412
