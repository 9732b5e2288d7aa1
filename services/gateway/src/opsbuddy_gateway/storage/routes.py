from collections.abc import Callable
from typing import Protocol

Offer = Callable[[str | None, str], None]
"""Takes a table's text, or None when there is none, and the name of the source."""


class TableSource(Protocol):
    """Reads the routing table, again whenever it changes."""

    async def run(self, offer: Offer) -> None:
        """Offer what is there now and every later version, until cancelled."""
        ...
