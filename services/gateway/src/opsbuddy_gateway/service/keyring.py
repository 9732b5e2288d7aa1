"""Keeps keys up to date in the background; what cannot be read or used changes nothing, the last good keys stay."""

import asyncio
from collections.abc import Callable

from opsbuddy_core.logs import get_logger
from opsbuddy_gateway.storage.secrets import Source, SourceError

log = get_logger("keys")
AGAIN_SECONDS = 5.0


class Followed:
    """One source and who takes what it holds. `take` raises ValueError for what cannot be used."""

    def __init__(self, source: Source, take: Callable[[bytes], None], every: float) -> None:
        self._source, self._take, self._every = source, take, every
        self._wanted = asyncio.Event()
        self._content: bytes | None = None
        self.problem: str | None = "it was not read yet"

    def want(self) -> None:
        """Read soon, not only when its time has come."""
        self._wanted.set()

    async def run(self) -> None:
        while True:
            await self.refresh()
            least = min(AGAIN_SECONDS, self._every)
            await asyncio.sleep(least)  # whoever wants it sooner waits as long, so that strangers cannot make it busy
            if self.problem is not None:
                continue
            try:
                async with asyncio.timeout(max(0.0, self._every - least)):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def refresh(self) -> None:
        """Read it now, and take it when it is another than before."""
        self._wanted.clear()
        before = self.problem
        try:
            content = await self._source.read()
            if content != self._content:
                self._take(content)
                self._content = content
                log.info("Keys taken over", operation="keys", source=self._source.name)
            self.problem = None
        except (SourceError, ValueError) as error:
            self.problem = str(error)
            if self.problem != before:
                log.error(  # noqa: TRY400 - the reason says it; a trace could show content
                    "Keys cannot be used; the last good ones stay",
                    operation="keys",
                    source=self._source.name,
                    reason=self.problem,
                )
