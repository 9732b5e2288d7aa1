"""Signing in at a gateway that asks for a credential, with real services behind it."""

import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from demo.__main__ import shifted
from demo.platform import load, processes, routes
from demo.supervisor import Supervisor, bin_dir
from tests.support.fake_gateway import FakeGateway, down
from tests.support.wait import eventually
from tests.ui.axe import axe_finds_nothing
from tests.ui.conftest import FIRST_OFFSET, SIZES, Ui, Watched, opened, picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
ROOT = Path(__file__).parents[2]
KEY = "5a" * 32
OTHER = 50  # beside the ports of the demo that all tests share
STARTED = ("gateway", "utility-service", "analytics-service", "ui-service")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """The addresses of gateway and web UI of a platform with an API key that shows its state to all. Two of its services do not run."""
    data = tmp_path_factory.mktemp("closed")
    offset = FIRST_OFFSET + OTHER + 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    resources = load(ROOT / "manifests" / "samples")
    for resource in resources:
        resource["spec"]["port"] += offset
        for entry in resource["spec"].get("env", []):
            entry["value"] = shifted(entry.get("value"), offset)
    known = f"robot:{hashlib.sha256(KEY.encode()).hexdigest()}:oncall"
    gateway = f"http://127.0.0.1:{8000 + offset}"
    added = {
        "gateway": {"AUTHENTICATION": "required", "API_KEYS": known},
        "ui-service": {"GATEWAY_URL": gateway, "REFRESH_SECONDS": "0.3", "SIGN_IN_FIRST": "false"},
    }
    (data / "routes.json").write_text(routes(resources).text())
    started = [
        replace(process, env={**process.env, **added.get(process.name, {})})
        for process in processes(resources, data)
        if process.name in STARTED
    ]
    supervisor = Supervisor(bin_dir(), data / "logs", lambda _: None)
    try:
        await supervisor.start(started)
        yield {"gateway": gateway, "ui": f"http://127.0.0.1:{3000 + offset}", "logs": str(data / "logs")}
    finally:
        await supervisor.stop()


def said(closed: dict[str, str]) -> str:
    """Return all that the services wrote."""
    return "".join(path.read_text() for path in Path(closed["logs"]).iterdir())


async def locked(page: Page) -> None:
    await expect(page.locator(".locked").first).to_contain_text("Locked")


async def write(page: Page, message: str) -> None:
    """Write a log by hand: an act that the gateway lets nobody do unasked."""
    form = page.locator("#entry-form")
    await form.get_by_label("Service", exact=True).fill("login-test")
    await form.get_by_label("Message", exact=True).fill(message)
    await form.get_by_role("button", name="Write log").click()


async def sign_in(page: Page, key: str = KEY) -> None:
    await page.get_by_label("API key or token (JWT)").fill(key)
    await page.locator("#sign-in").get_by_role("button", name="Sign in").click()


def complaints(watched: Watched) -> list[str]:
    """Return what a page complained of, besides refusals, which a browser notes too."""
    return [each for each in watched.complaints if "the server responded with a status of 401" not in each]


async def test_from_a_locked_page_through_the_sign_in_to_live_lines_and_out_again(
    browser: Browser, closed: dict[str, str]
) -> None:
    async with opened(browser, f"{closed['ui']}/analytics?tail=1&service=login-test") as watched:
        page = watched.page
        await locked(page)
        await page.screenshot(path=picture("locked-analytics"), full_page=True)
        await write(page, "nobody may")
        await expect(page.locator("#entry-wrong")).to_contain_text("you are not signed in")
        await page.locator(".locked").first.get_by_role("link", name="Sign in").click()
        await page.wait_for_url("**/login?*")
        await expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
        await sign_in(page, "a key that is none".replace(" ", "-"))
        wrong = page.locator("#credential-wrong")
        await expect(wrong).to_have_text("Not signed in. The API key is not known here.")
        await expect(page.get_by_label("API key or token (JWT)")).to_be_focused()
        await expect(page.get_by_label("API key or token (JWT)")).to_have_value("")
        await sign_in(page)
        await page.wait_for_url("**/analytics?tail=1&service=login-test")
        await expect(page.locator(".rail .account")).to_contain_text("Signed in with an API key")
        await expect(page.locator(".locked")).to_have_count(0)
        await expect(page.locator("#tail-state")).to_contain_text("Live")
        await write(page, "somebody may")
        await expect(page.locator("li.line")).to_contain_text(["somebody may"])
        [cookie] = await page.context.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("opsbuddy-session", True, "Lax")
        assert KEY not in json.dumps([cookie, page.url, await page.content()])
        assert "session" not in await page.evaluate("document.cookie")
        await page.locator(".rail .account").get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{closed['ui']}/")
        await expect(page.locator(".rail .account")).to_have_text("Sign in")
        assert await page.context.cookies() == []
        await page.go_back()
        await locked(page)
        assert "somebody may" not in await page.content()
        assert await page.evaluate("sessionStorage.getItem('calls')") is None or "somebody may" not in str(
            await page.evaluate("sessionStorage.getItem('calls')")
        )
        assert complaints(watched) == []
    assert KEY not in said(closed)


async def test_the_keyboard_alone_signs_in_and_out(browser: Browser, closed: dict[str, str]) -> None:
    async with opened(browser, f"{closed['ui']}/utility") as watched:
        page = watched.page
        await locked(page)
        await page.keyboard.press("Control+k")
        await page.keyboard.type("sign in")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/login?next=%2Futility")
        await expect(page.get_by_label("API key or token (JWT)")).to_be_focused()  # by itself, with the first frame
        await page.keyboard.type(KEY)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/utility")
        await expect(page.locator("#system .facts")).to_be_visible()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("sign out")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{closed['ui']}/")
        await expect(page.locator(".rail .account")).to_have_text("Sign in")


async def test_what_was_typed_can_be_shown_and_is_hidden_when_it_is_sent(
    browser: Browser, closed: dict[str, str]
) -> None:
    async with opened(browser, f"{closed['ui']}/login") as watched:
        page = watched.page
        field, reveal = (
            page.get_by_label("API key or token (JWT)"),
            page.get_by_role("button", name="Show what I typed"),
        )
        await expect(field).to_have_attribute("type", "password")
        await reveal.click()
        await expect(field).to_have_attribute("type", "text")
        await expect(reveal).to_have_attribute("aria-pressed", "true")
        await expect(field).to_be_focused()
        await reveal.click()
        await expect(field).to_have_attribute("type", "password")


async def test_tabs_follow_each_other_in_and_out(browser: Browser, closed: dict[str, str]) -> None:
    async with opened(browser, f"{closed['ui']}/utility") as watched:
        first = watched.page
        await locked(first)
        await first.locator("#creator summary, .locked").first.wait_for()
        second = await first.context.new_page()
        await second.goto(f"{closed['ui']}/files")
        await locked(second)
        await second.get_by_role("link", name="Sign in").first.click()
        await sign_in(second)
        await second.wait_for_url("**/files")
        await expect(first.locator(".locked")).to_have_count(0)
        await expect(first.locator("#system .facts")).to_be_visible()
        await second.locator(".rail .account").get_by_role("button", name="Sign out").click()
        await locked(first)


async def test_it_works_without_scripts(browser: Browser, closed: dict[str, str]) -> None:
    async with opened(browser, f"{closed['ui']}/utility", java_script_enabled=False) as watched:
        page = watched.page
        await page.locator(".rail .account").get_by_role("link", name="Sign in").click()
        await sign_in(page)
        await page.wait_for_url("**/utility")
        await page.locator(".rail .account").get_by_role("button", name="Sign out").click()
        await expect(page.locator(".rail .account")).to_have_text("Sign in")


async def test_a_session_that_ends_while_a_page_is_open_locks_what_is_asked_for_next(
    browser: Browser, closed: dict[str, str]
) -> None:
    async with opened(browser, f"{closed['ui']}/login?next=/utility") as watched:
        page = watched.page
        await sign_in(page)
        await expect(page.locator("#system .facts")).to_be_visible()
        await page.context.clear_cookies()
        await expect(page.locator("#system .locked")).to_contain_text("Locked")  # it is asked for every two seconds
        await expect(page.locator("#system .locked").get_by_role("link", name="Sign in")).to_be_visible()


async def test_programs_go_on_as_before(closed: dict[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=closed["ui"], timeout=20) as http:
        log: dict[str, Any] = {
            "timestamp": datetime.now(UTC).isoformat(),
            "level": "INFO",
            "logger": "test",
            "message": "by a program",
            "service": "login-test",
        }
        assert (await http.post("/api/analytics/logs", data=log)).status_code == 401
        assert (await http.post("/api/analytics/logs", data=log, headers={"x-api-key": KEY})).status_code == 201


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", list(SIZES))
async def test_the_pages_of_it_keep_nobody_out_and_fit_every_screen(
    browser: Browser, closed: dict[str, str], width: int, theme: str
) -> None:
    async def fits(name: str) -> None:
        await expect(page.get_by_text("Live", exact=True).first).to_be_visible()
        await page.evaluate("document.fonts.ready")
        await axe_finds_nothing(page, name)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        await page.screenshot(path=picture(f"{name}-{theme}-{width}"), full_page=True)

    async with opened(browser, f"{closed['ui']}/utility", width, color_scheme=theme) as watched:
        page = watched.page
        await locked(page)
        await fits("locked")
        await page.locator(".locked").first.get_by_role("link", name="Sign in").click()
        await sign_in(page, "wrong")
        await expect(page.locator("#credential-wrong")).to_contain_text("Not signed in")
        await fits("login-wrong")
        await sign_in(page)
        await page.wait_for_url("**/utility")
        await page.goto(f"{closed['ui']}/login?next=/utility")
        await expect(page.get_by_role("heading", name="Signed in with an API key")).to_be_visible()
        await fits("login-done")
        assert complaints(watched) == []


async def test_where_nobody_is_asked_the_page_says_so(browser: Browser, platform: dict[str, str]) -> None:
    url = f"{platform['ui-service']}/login"
    async with httpx2.AsyncClient() as http:

        async def heard() -> bool:
            return "Nobody needs to sign in" in (await http.get(url)).text

        await eventually(heard, within=20, what="the gateway said that it asks nobody")
    async with opened(browser, url) as watched:
        page = watched.page
        await expect(page.get_by_label("API key or token (JWT)")).to_have_count(0)
        await expect(page.locator(".account")).to_have_count(0)
        await axe_finds_nothing(page)


@pytest_asyncio.fixture(loop_scope="session")
async def gated(tmp_path: Path) -> AsyncIterator[Ui]:
    """The web UI as it comes, before a gateway that asks everybody: nothing is shown to who is not signed in."""
    async with FakeGateway.running() as gateway:
        gateway.key = KEY
        gateway.put(down("file-service"))
        ui = Ui(gateway.url, tmp_path / "ui.log")
        await ui.start()
        try:
            async with httpx2.AsyncClient(base_url=ui.url) as http:

                async def shut() -> bool:
                    return (await http.get("/")).status_code == 303

                await eventually(shut, within=20, what="the gateway said that it asks everybody")
            yield ui
        finally:
            ui.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_is_shown_before_the_sign_in_and_the_sign_in_says_nothing(
    browser: Browser, gated: Ui, theme: str
) -> None:
    async with opened(browser, f"{gated.url}/system?status=failed", 390, color_scheme=theme) as watched:
        page = watched.page
        await expect(page).to_have_url(f"{gated.url}/login?next=/system%3Fstatus%3Dfailed")
        await expect(page).to_have_title("Sign in · OpsBuddy")
        await expect(page.get_by_text("Nothing heard")).to_have_count(0)
        assert "file-service" not in await page.content()
        assert not [each for each in watched.asked if "/events" in each]
        await axe_finds_nothing(page)
        await page.screenshot(path=picture(f"login-shut-{theme}-390"), full_page=True)
        await sign_in(page)
        await page.wait_for_url("**/system?status=failed")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("file-service is down")
        assert complaints(watched) == []


async def test_an_open_page_whose_session_ends_says_so_and_goes_on_after_a_sign_in_elsewhere(
    browser: Browser, gated: Ui
) -> None:
    async with opened(browser, f"{gated.url}/login?next=/analytics") as watched:
        first = watched.page
        await sign_in(first)
        await first.wait_for_url("**/analytics")
        message = first.locator("#entry-form").get_by_label("Message", exact=True)
        await message.fill("not sent yet")
        await first.context.clear_cookies()
        gated.stop()  # which ends the stream; keys of its own make it know nobody
        await gated.start()
        await expect(first.locator("#old")).to_contain_text("You are not signed in any more")
        second = await first.context.new_page()
        await second.goto(f"{gated.url}/login")
        await sign_in(second)
        await expect(first.locator("#old")).to_be_empty()
        await expect(message).to_have_value("not sent yet")
