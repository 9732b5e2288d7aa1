"""Runs commands: what the templates allow, recorded before and after, a bounded number at a time."""

import asyncio
import shlex
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from opsbuddy_core.errors import ForbiddenError, OpsBuddyError, TooManyRequestsError, UnavailableError
from opsbuddy_core.exact_json import refuse
from opsbuddy_core.logs import get_logger
from opsbuddy_utility_service.models.audit import Entry
from opsbuddy_utility_service.models.commands import Actor, Command, CommandList, CommandParameter, Prepared, Request
from opsbuddy_utility_service.models.templates import MAX_TIMEOUT, Parameter, Template
from opsbuddy_utility_service.sandbox.order import Ended, Isolation
from opsbuddy_utility_service.service.execution import Execution
from opsbuddy_utility_service.service.matching import denied, find
from opsbuddy_utility_service.storage.audit import Audit
from opsbuddy_utility_service.storage.launcher import Launcher, Running

LEVELS = ("rlimits", "seccomp", "landlock")  # each holds a command tighter than the one before
END_SECONDS = 15.0
LOST_AFTER = timedelta(seconds=MAX_TIMEOUT + 300)
AUDIT_TRIES = 5
log = get_logger("commands")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many commands run at once, the least isolation that they are run in, and whether roles are for verified callers alone: see `Actor.may`."""

    most: int
    isolation: str = "rlimits"
    verified: bool = False


class CommandService:
    """Commands by their templates, within the bounds."""

    def __init__(
        self,
        templates: Sequence[Prepared],
        launcher: Launcher,
        audit: Audit,
        bounds: Bounds,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._templates, self._launcher, self._audit = templates, launcher, audit
        self._bounds, self._clock = bounds, clock
        self._running: dict[Execution, asyncio.Task[None]] = {}
        self._closing = False

    async def list(self) -> CommandList:
        """Return what may be run."""
        try:
            level = (await self._launcher.isolation()).level
        except UnavailableError:
            level = None
        commands = sorted(map(_described, self._templates), key=lambda command: (command.category, command.id))
        return CommandList(commands=commands, isolation=level)

    async def start(self, request: Request, actor: Actor) -> Execution:
        """Start a command and return its run once that is recorded. What is not allowed is recorded as well."""
        try:
            invocation = find(request, self._templates)
            self._permit(invocation.prepared.template, request, actor)
        except ForbiddenError as error:
            await self._audit.append(self._refused(request, actor, str(error.extensions.get("part", ""))))
            raise
        if missing := invocation.prepared.missing:
            refuse("template" if request.template else "command", missing)
        isolation = await self._isolation()
        if self._closing or len(self._running) >= self._bounds.most:
            raise TooManyRequestsError(
                f"{len(self._running)} commands run already, which is the most; try again when one has ended.",
                retry_after=1,
            )
        timeout = invocation.prepared.template.timeout
        if request.timeout is not None:
            timeout = min(timeout, request.timeout)
        execution = Execution(str(uuid.uuid4()), invocation, actor, timeout, isolation, self._clock())
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(execution, recorded))
        self._running[execution] = task
        task.add_done_callback(lambda _: self._running.pop(execution, None))
        try:
            await asyncio.shield(recorded)
        except asyncio.CancelledError:
            execution.stop("cancelled")
            raise
        return execution

    async def status(self) -> dict[str, Any]:
        """Return what holds commands in, and how many run."""
        try:
            isolation: dict[str, Any] | None = (await self._launcher.isolation()).as_dict()
        except UnavailableError:
            isolation = None
        missing = [prepared.template.id for prepared in self._templates if prepared.missing]
        return {
            "isolation": isolation,
            "required_isolation": self._bounds.isolation,
            "running": len(self._running),
            "most": self._bounds.most,
            "templates": len(self._templates),
            "not_installed": missing,
        }

    async def close_lost(self, older: timedelta = LOST_AFTER) -> int:
        """Record the end of runs whose service ended without doing so; return how many. Those that are older have certainly ended."""
        own = {execution.id for execution in self._running}
        lost = [record for record in await self._audit.open(self._clock() - older) if record.run not in own]
        for record in lost:
            await self._audit.append(
                Entry("ended", record.run, self._clock(), record.actor, record.template, "lost", {})
            )
        return len(lost)

    async def close(self) -> None:
        """End all commands and wait until that is recorded."""
        self._closing = True
        for execution in self._running:
            execution.stop("cancelled")
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=END_SECONDS)
        await self._launcher.stop()

    def _permit(self, template: Template, request: Request, actor: Actor) -> None:
        """Raise ForbiddenError for who has none of the roles that the template names."""
        if not actor.may(template.roles, verified=self._bounds.verified):
            reason = f"{actor.name} lacks the role {' or '.join(template.roles)}"
            raise denied("template" if request.template else "command", template.id, reason)

    async def _isolation(self) -> Isolation:
        isolation = await self._launcher.isolation()
        if LEVELS.index(isolation.level) < LEVELS.index(self._bounds.isolation):
            raise UnavailableError(
                f"Commands are held in by {isolation.level} here, and COMMAND_ISOLATION requires {self._bounds.isolation}; none is run.",
                retry_after=300,
            )
        return isolation

    async def _run(self, execution: Execution, recorded: asyncio.Future[None]) -> None:
        ready = asyncio.create_task(self._launcher.launch(execution.order(), execution.take))  # while it is recorded
        try:
            begun = await self._audit.append(execution.began())
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it, and nothing runs
            recorded.set_exception(error)
            execution.fail(error)
            with suppress(OpsBuddyError):
                (await ready).stop()
            return
        recorded.set_result(None)
        ended = asyncio.create_task(_ended(execution, ready))
        log.info(
            "Command started",
            operation="execute",
            run=execution.id,
            command=execution.command,
            actor=execution.actor.name,
            audit_sequence=begun.sequence if begun else None,
            audit_hash=begun.hash if begun else None,
        )
        result, entry = execution.over(await ended, self._clock())
        await self._record_end(execution, entry)
        execution.finish(result)

    async def _record_end(self, execution: Execution, entry: Entry) -> None:
        """Add the record of the end; a database that fails for a moment is tried again. What stays open is closed as lost later."""
        for attempt in range(AUDIT_TRIES):
            try:
                record = await self._audit.append(entry)
            except OpsBuddyError:
                await asyncio.sleep(0.2 * 2**attempt)
                continue
            log.info(
                "Command ended",
                operation="execute",
                run=execution.id,
                reason=entry.reason,
                audit_sequence=record.sequence if record else None,
                audit_hash=record.hash if record else None,
            )
            return
        log.error("The end of a command could not be recorded", operation="execute", run=execution.id)

    def _refused(self, request: Request, actor: Actor, part: str) -> Entry:
        details = {"address": actor.address, "command": part, "request_id": actor.request_id}
        template = request.template if request.template in {each.template.id for each in self._templates} else ""
        return Entry("denied", str(uuid.uuid4()), self._clock(), actor.name, template or "", "denied", details)


async def _ended(execution: Execution, ready: asyncio.Task[Running]) -> Ended:
    """Let it begin, now that this is on record, and wait for its end."""
    try:
        running = await ready
    except OpsBuddyError as error:
        return Ended("not_started", problem=error.detail)
    execution.launched(running)
    return await running.ended()


def _described(prepared: Prepared) -> Command:
    template = prepared.template
    return Command(
        id=template.id,
        title=template.title or template.id,
        description=template.description,
        category=template.category,
        command=" ".join(word if "{" in word else shlex.quote(word) for word in template.argv),
        params=[_parameter(name, parameter) for name, parameter in template.params.items()],
        timeout=template.timeout,
        max_output=template.max_output,
        network=template.network,
        roles=template.roles,
        own=prepared.own,
        available=prepared.missing is None,
        unavailable_reason=prepared.missing,
    )


def _parameter(name: str, parameter: Parameter) -> CommandParameter:
    own = {"type", "description", "default", "secret"}
    return CommandParameter(
        name=name,
        type=parameter.type,
        description=parameter.description,
        required=parameter.default is None,
        default=None if parameter.secret else parameter.default,
        secret=parameter.secret,
        bounds=parameter.model_dump(exclude=own),
    )
