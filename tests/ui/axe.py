"""What axe says of a page."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def axe_finds_nothing(page: Page, state: str = "") -> None:
    """Fail with axe's report where the page keeps somebody out; `state` says in which it was."""
    found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert found.violations_count == 0, f"{state}: {found.generate_report()}" if state else found.generate_report()
