"""Stands for the sandbox in tests of what the utility service decides: commands that say and end what the test tells them."""

import asyncio
from dataclasses import dataclass, field

from opsbuddy_core.errors import UnavailableError
from opsbuddy_utility_service.sandbox.order import Ended, Isolation, Order
from opsbuddy_utility_service.storage.launcher import Take


@dataclass
class FakeCommand:
    """A command that was ordered."""

    order: Order
    take: Take
    output: bytes | None = None
    end: "asyncio.Future[Ended]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    stopped: int = 0
    begun: bool = False
    ends_with: Ended = field(default_factory=lambda: Ended("exited", exit_code=0))

    def go(self) -> None:
        self.begun = True
        if self.output is not None:
            self.take("stdout", self.output)
            self.finish(self.ends_with)

    async def ended(self) -> Ended:
        return await asyncio.shield(self.end)

    def stop(self) -> None:
        self.stopped += 1
        self.finish(Ended("stopped", signal=15))

    def finish(self, ended: Ended) -> None:
        if not self.end.done():
            self.end.set_result(ended)


@dataclass
class FakeLauncher:
    """Every command that is not held says `output` and ends with `ended` as soon as it may begin."""

    level: str = "landlock"
    hold: bool = False
    works: bool = True
    output: bytes = b"done\n"
    ended: Ended = field(default_factory=lambda: Ended("exited", exit_code=0))
    commands: list[FakeCommand] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)

    async def isolation(self) -> Isolation:
        return Isolation(self.level, 7, seccomp=self.level != "rlimits")

    async def launch(self, order: Order, take: Take) -> FakeCommand:
        if not self.works:
            raise UnavailableError("Commands cannot be started at the moment.")
        command = FakeCommand(order, take, None if self.hold else self.output, ends_with=self.ended)
        self.commands.append(command)
        return command

    async def stop(self) -> None: ...
