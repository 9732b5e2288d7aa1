"""The UI service as a process with a gateway that tests control, the whole demo, and Debian's Chromium."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from tests.support.demo import demo
from tests.support.fake_gateway import SERVICES, FakeGateway, service
from tests.support.wait import eventually

ARTIFACTS = Path(__file__).parents[1] / ".artifacts"
# the engine without windows: a page of it costs the processors less than half of what one of the whole browser does
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
FIRST_OFFSET = 23_000  # of the ports of the demo: below the range from which the kernel gives ports away
PATIENCE = 30_000  # ms for a page on a busy machine; what has to be quick says so itself
expect.set_options(timeout=PATIENCE / 2)
SIZES = {1440: 900, 768: 1024, 390: 844, 320: 640}


@dataclass
class Ui:
    """The UI service as a process, which can be ended and started again on the same port."""

    gateway_url: str
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    more: dict[str, str] = field(default_factory=dict)  # settings besides

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        settings = {
            "SERVICE_HOST": "127.0.0.1",
            "SERVICE_PORT": str(self.port),
            "GATEWAY_URL": self.gateway_url,
            "REFRESH_SECONDS": "0.2",
            "GATEWAY_TIMEOUT": "0.5",
            "POD_NAMESPACE": "opsbuddy",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - forked in a moment
                [Path(sys.executable).with_name("opsbuddy-ui-service")],
                env=os.environ | settings | self.more,
                stdout=log,
                stderr=log,
            )
        async with httpx2.AsyncClient() as http:

            async def ready() -> bool:
                try:
                    return (await http.get(f"{self.url}/health/ready")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(ready, within=60, what=f"the UI service is ready; its log: {self.log}")

    def stop(self, within: float = 10) -> int:
        """End the process as Kubernetes does and return its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.terminate()
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@dataclass
class Watched:
    """A page, with what it complained about and where it asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.running() as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _ui(_gateway: FakeGateway, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ui]:
    ui = Ui(_gateway.url, tmp_path_factory.mktemp("ui") / "ui.log")
    await ui.start()
    yield ui
    ui.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(_gateway: FakeGateway) -> FakeGateway:
    """Return the gateway of the running UI service, with everything healthy."""
    _gateway.services = [service(name) for name in SERVICES]
    _gateway.healthy = True
    return _gateway


@pytest_asyncio.fixture(loop_scope="session")
async def ui(_ui: Ui, gateway: FakeGateway) -> AsyncIterator[Ui]:
    """Return the running UI service; it is started anew after a test that ended it."""
    if _ui.process is None:
        await _ui.start()
    yield _ui


def offset() -> int:
    """Return what this worker adds to the ports of its demo; up to 99 more are its own, too."""
    return FIRST_OFFSET + 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The address of each service of a demo that all tests of a worker share: let each use names of its own."""
    with demo(tmp_path_factory.mktemp("demo"), offset()) as addresses:
        yield addresses


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("Chromium is missing: install it (Debian: apt-get install chromium-headless-shell)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, width: int = 1440, **context: Any) -> AsyncIterator[Watched]:
    """Open a page in a fresh profile, in Berlin."""
    options: dict[str, Any] = {"timezone_id": "Europe/Berlin", "locale": "en-GB", "color_scheme": "light"} | context
    profile = await browser.new_context(viewport={"width": width, "height": SIZES[width]}, **options)
    page = await profile.new_page()
    page.set_default_timeout(PATIENCE)
    watched = Watched(page)
    watched.watch()
    try:
        await page.goto(url)
        yield watched
    finally:
        await profile.close()


async def ready(page: Page) -> None:
    """Wait until the page hears of the platform's state and its fonts are there."""
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.evaluate("document.fonts.ready")


def picture(name: str) -> Path:
    """Return where a picture of a page goes."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS / f"{name}.png"
