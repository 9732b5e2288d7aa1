"""The page of the services in a real browser."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.fake_api_server import FakeApiServer, failing, resource, written
from tests.support.fake_gateway import FakeGateway, down
from tests.ui.axe import axe_finds_nothing
from tests.ui.conftest import Ui, opened, picture, ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("width", [1440, 390, 320])
async def test_a_service_that_goes_down_says_why_while_the_page_is_open_and_an_open_row_stays_open(
    browser: Browser, ui: Ui, gateway: FakeGateway, width: int
) -> None:
    async with opened(browser, f"{ui.url}/services", width) as watched:
        page = watched.page
        await ready(page)
        row = page.locator("#row-file-service")
        await row.get_by_role("button", name="file-service", exact=True).click()
        await expect(page.locator("#card-file-service")).to_be_visible()
        gateway.put(down("file-service", reason="connection refused"))
        await expect(row.locator(".why")).to_contain_text("file-service has no ready pod")
        await expect(row.locator(".why")).to_contain_text("connection refused")
        await expect(page.locator("#card-file-service")).to_be_visible()
        await expect(row.locator(".route")).to_have_text("/api/files")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await axe_finds_nothing(page)


SERVICES = ["gateway", "file-service", "utility-service", "analytics-service", "timeseries-service", "ui-service"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer.running(tmp_path_factory.mktemp("cluster") / "account") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _inside(
    _gateway: FakeGateway, _server: FakeApiServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ui]:
    ui = Ui(_gateway.url, tmp_path_factory.mktemp("inside") / "ui.log", more=_server.environment)
    await ui.start()
    yield ui
    ui.stop()


@pytest.fixture
def server(_server: FakeApiServer) -> FakeApiServer:
    """Return the API server of the cluster, in which everything is well."""
    _server.answer = None
    _server.resources = [resource(name) for name in SERVICES]
    return _server


@pytest.fixture
def inside(_inside: Ui, server: FakeApiServer, gateway: FakeGateway) -> Ui:
    """Return the UI as it is in a pod of a cluster."""
    return _inside


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (768, "light"), (390, "dark"), (320, "light")])
async def test_in_a_cluster_whatever_resources_hold_fits_is_text_and_can_be_read_by_everybody(
    browser: Browser, inside: Ui, server: FakeApiServer, gateway: FakeGateway, width: int, theme: str
) -> None:
    evil = "<script>alert(1)</script>" + "x" * 600
    hostile = failing("file-service", evil, datetime.now(UTC), image={"repository": evil, "tag": evil})
    hostile["spec"]["route"] = {"prefix": "/api/" + "x" * 120}
    hostile["status"]["image"] = evil
    hostile["metadata"]["managedFields"].append(written(evil[:120], datetime.now(UTC), {f"f:{'y' * 200}": {}}))
    server.put(hostile, resource("a" * 60, port=1))
    gateway.put(down("file-service"))
    async with opened(browser, f"{inside.url}/services?service=file-service", width, color_scheme=theme) as watched:
        page = watched.page
        await ready(page)
        await expect(page.locator("#card-file-service")).to_contain_text("<script>alert(1)")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await page.screenshot(path=picture(f"services-cluster-{theme}-{width}"), full_page=True)
        await axe_finds_nothing(page)
        assert watched.complaints == []


async def test_a_resource_that_fails_shows_on_the_open_page_with_its_reason_and_heals(
    browser: Browser, inside: Ui, server: FakeApiServer
) -> None:
    async with opened(browser, f"{inside.url}/services") as watched:
        page = watched.page
        await ready(page)
        row = page.locator("#row-utility-service")
        await expect(row.locator(".made .state")).to_have_text("Ready")
        await row.get_by_role("button", name="utility-service", exact=True).click()
        await expect(page).to_have_url(f"{inside.url}/services?service=utility-service")
        server.put(failing("utility-service", "container exits with 1", datetime.now(UTC)))
        await expect(row.locator(".made .state")).to_have_text("Not ready")
        await expect(row.locator(".why")).to_have_text("PodFailing container exits with 1")
        await expect(page.locator("#card-utility-service")).to_be_visible()
        await page.reload()
        await expect(page.locator("#card-utility-service")).to_be_visible()
        server.resources = [resource(name) for name in SERVICES]
        await expect(row.locator(".made .state")).to_have_text("Ready")
        await row.get_by_role("button", name="utility-service", exact=True).click()
        await expect(page).to_have_url(f"{inside.url}/services")
        assert watched.complaints == []


async def test_when_the_api_server_refuses_the_gateways_part_stays_and_the_rest_comes_back_by_itself(
    browser: Browser, inside: Ui, server: FakeApiServer
) -> None:
    async with opened(browser, f"{inside.url}/services") as watched:
        page = watched.page
        await expect(page.locator(".resources tbody")).to_have_count(6)
        server.answer = (403, b'{"message": "opsbuddyservices is forbidden"}')
        await expect(page.locator("#resources-told")).to_contain_text("needs role: Console")
        await expect(page.locator(".routed tbody")).to_have_count(6)
        server.answer = None
        await expect(page.locator(".resources tbody")).to_have_count(6)
        assert watched.complaints == []
