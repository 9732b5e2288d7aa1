"""The stack as it was installed, through the doors that people use."""

import json
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, expect

from opsbuddy_core.resource import ConditionType
from tests.contract.apiserver import kubectl
from tests.contract.description.installation import PREFIXES, SERVICES, Installation, installation
from tests.contract.description.table import PROMISES
from tests.e2e.conftest import RESTRICTED
from tests.e2e.forward import port_forwards
from tests.e2e.release import READY, STACK
from tests.support.wait import eventually
from tests.ui.conftest import opened, picture

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def urls(kubeconfig) -> Iterator[dict[str, str]]:
    with port_forwards(kubeconfig, STACK) as forwarded:
        yield forwarded


@pytest.fixture
async def at(urls) -> AsyncIterator[Installation]:
    async with installation(urls) as opened:
        yield opened


def test_helm_calls_the_release_deployed(release):
    assert json.loads(release.helm("status", STACK, "-o", "json"))["info"]["status"] == "deployed"


def test_all_six_services_become_ready(release):
    said = release.kubectl(*READY)
    assert {line.split()[0].partition("/")[2] for line in said.splitlines()} == SERVICES


def test_helm_test_asks_every_service_through_the_gateway(release):
    said = release.helm("test", STACK, "--logs", "--timeout=100s")
    assert re.search(r"Phase: +Succeeded", said)
    asked = {*(prefix.removeprefix("/") for prefix in PREFIXES), "health", "ui-service"}
    assert {name for name in asked if re.search(rf"http://\S*{name}\S* answers", said)} == asked


def test_every_pod_passes_restricted_pod_security(kubeconfig):
    label = ("label", "--overwrite", "namespace", STACK, *(f"{name}={level}" for name, level in RESTRICTED.items()))
    kubectl(kubeconfig, *label, "--dry-run=server", "--warnings-as-errors")


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.words)
async def test_through_port_forwards_the_stack_keeps(at, promise):
    await promise.keep(at)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_ui_opens_in_a_browser_and_shows_six_services_live(browser: Browser, urls):
    async with opened(browser, urls["ui-service"]) as watched:
        page = watched.page
        await expect(page.get_by_text("Welcome to OpsBuddy - AI driven oncall support")).to_be_visible()
        await expect(page.locator("h1")).to_have_text(re.compile(r"All \w+ services are healthy\."), timeout=30_000)
        rows = page.locator(".services tbody")  # with a row for the database of the stack
        for name in SERVICES:
            await expect(rows.filter(has_text=name)).to_contain_text("Healthy", ignore_case=True)
        await page.screenshot(path=picture("cluster-home"), full_page=True)
        assert watched.complaints == []


@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_of_the_services_shows_the_six_resources_with_their_conditions(browser: Browser, urls):
    async with opened(browser, f"{urls['ui-service']}/services?service=gateway") as watched:
        page = watched.page
        for name in SERVICES:
            row = page.locator(f"#row-{name}")
            await expect(row.locator(".made .state")).to_have_text("Ready", timeout=60_000)
            await expect(row.locator(".seen .state")).to_have_text(re.compile("Healthy|Slow"), timeout=60_000)
            assert set(await row.locator(".conditions b").all_text_contents()) == set(ConditionType)
        await expect(page.locator("#card-gateway")).to_contain_text("Every pod has the newest version.")
        await expect(page.locator("#row-file-service .route")).to_contain_text("/api/files")
        await page.screenshot(path=picture("cluster-services"), full_page=True)
        assert watched.complaints == []


@pytest.mark.asyncio(loop_scope="session")
async def test_what_services_were_asked_is_a_chart_without_anybody_sending_metrics(browser: Browser, urls):
    asked = f"{urls['ui-service']}/timeseries?service=file-service&about=requests&start=-1h"
    async with opened(browser, "about:blank") as watched:
        page = watched.page

        async def drawn() -> bool:  # the gateway sends its figures each minute
            await page.goto(asked)
            return "metric=http%2Frequests" in page.url

        await eventually(drawn, within=150, every=2, what="the gateway's figures of file-service are a chart")
        await expect(page.locator("ob-chart canvas")).to_be_visible()
        await page.screenshot(path=picture("cluster-metrics"), full_page=True)
        assert watched.complaints == []
