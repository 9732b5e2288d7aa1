"""What a person does with logs, and what the tests look at then."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from playwright.async_api import Locator, Page, expect

WAIT = 15_000  # ms: the machine may be busy


def log(service: str, message: str, ago: float = 0, **members: Any) -> dict[str, Any]:
    """Return a log of so many seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return {
        "timestamp": at.isoformat(),
        "level": "INFO",
        "logger": "test",
        "message": message,
        "service": service,
    } | members


async def send(platform: dict[str, str], *logs: dict[str, Any]) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{platform['analytics-service']}/logs", json={"logs": logs})
        assert (answer.status_code, answer.json()["accepted"]) == (200, len(logs)), answer.text


def lines(page: Page) -> Locator:
    return page.locator(".lines .line")


def parameters(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


async def search(page: Page, **fields: str) -> None:
    """Fill in the form and send it."""
    form = page.get_by_role("search")
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        if name in ("service", "level"):
            await field.select_option(value)
        else:
            await field.fill(value)
    await form.get_by_role("button", name="Search").click()


async def live(page: Page) -> None:
    await expect(page.locator("#tail-state")).to_have_text("Live", timeout=WAIT)


async def renewed(page: Page, panel: str) -> None:
    """Have a panel asked for again, as its timer does, and wait until the answer is in its place."""
    await page.evaluate(
        """panel => new Promise(done => {
             document.addEventListener("htmx:after:swap", ({ target }) => { if (target.id === panel) done(); });
             htmx.trigger(`#${panel}`, "renew"); })""",
        panel,
    )
