"""Pictures of every page of the web UI, from a demo with its believable day: `make screenshots` puts them into docs/screenshots.

The file service is stopped first, so that Home shows a trouble, its reason and its age.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import psutil
from playwright.async_api import Browser, Page, async_playwright, expect

from opsbuddy_ui_service.rendering.rail import RAIL
from tests.contract.description.installation import PORTS
from tests.support.demo import ROOT, demo
from tests.ui.conftest import ARGUMENTS, CHROMIUM, SIZES, opened

FOLDER = ROOT / "docs" / "screenshots"
OFFSET = 24_400
WIDTHS = (1440, 768, 390)
THEMES = ("light", "dark")
STOPPED = "file-service"


def main() -> None:
    """Write the pictures and say which."""
    if CHROMIUM is None:
        sys.exit("Chromium is missing: install it (Debian: apt-get install chromium-headless-shell)")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        say("starting a demo and filling it with a day")
        with demo(Path(data), OFFSET, environment={"DEMO_DATA": "1"}) as addresses:
            asyncio.run(_all(addresses["ui-service"], _listening(PORTS[STOPPED] + OFFSET)))


def say(line: str) -> None:
    """Tell the person who waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _listening(port: int) -> psutil.Process:
    return next(
        psutil.Process(each.pid)
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    )


async def _all(url: str, stopped: psutil.Process) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        addresses = [entry.address for entry in RAIL]
        for address in addresses[1:]:
            await _pictures(browser, url, address)
        stopped.suspend()
        try:
            async with opened(browser, url) as watched:
                await expect(watched.page.get_by_role("heading", name="Needs attention")).to_be_visible()
            await _pictures(browser, url, addresses[0])
        finally:
            stopped.resume()
        await browser.close()


async def _pictures(browser: Browser, url: str, address: str) -> None:
    name = address.strip("/") or "home"
    for width in WIDTHS:
        for theme in THEMES:
            async with opened(browser, url + address, width, color_scheme=theme) as watched:
                await _settled(watched.page)
                path = FOLDER / f"{name}-{theme}-{width}.png"
                await watched.page.screenshot(path=path, clip={"x": 0, "y": 0, "width": width, "height": SIZES[width]})
                say(str(path.relative_to(ROOT)))


async def _settled(page: Page) -> None:
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.evaluate("document.fonts.ready")


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.ui.screenshots", description=__doc__).parse_args()
    main()
