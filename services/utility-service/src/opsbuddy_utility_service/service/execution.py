"""One run of a command, from its record in the audit to its result."""

import asyncio
import hashlib
import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbuddy_utility_service.models.audit import Entry
from opsbuddy_utility_service.models.commands import Actor, Applied, CutBytes, Invocation, Reason, Result
from opsbuddy_utility_service.sandbox.order import Ended, Isolation, Order
from opsbuddy_utility_service.service.output import Kept
from opsbuddy_utility_service.storage.launcher import Running
from opsbuddy_utility_service.storage.templates import PATH

ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8"}
OF_ERRORS = 4  # of the output that is kept, one part in so many is for standard error
MARK = "\n[... {} bytes are cut here ...]\n"
Event = tuple[str, dict[str, Any]]


class Stream:
    """What came on one stream."""

    def __init__(self, room: int) -> None:
        self.kept = Kept(room // 2, room // 2)
        self.text: list[str] = []
        self.size, self.cut = 0, 0
        self.digest = hashlib.sha256()

    def take(self, data: bytes) -> str:
        self.size += len(data)
        self.digest.update(data)
        text = self.kept.take(data)
        self.text.append(text)
        return text

    def finish(self) -> str:
        """Return what follows the beginning: the mark where something is cut, and the end."""
        rest, self.cut, end = self.kept.finish()
        text = rest + (MARK.format(self.cut) if self.cut else "") + end
        self.text.append(text)
        return text


@dataclass(eq=False)
class Execution:
    """A run: what it is, who asked, and what came of it so far. `events` ends with None."""

    id: str
    invocation: Invocation
    actor: Actor
    timeout: float
    isolation: Isolation
    started_at: datetime

    def __post_init__(self) -> None:
        template = self.invocation.prepared.template
        errors = template.max_output // OF_ERRORS
        self.streams = {"stdout": Stream(template.max_output - errors), "stderr": Stream(errors)}
        self.cause: Reason | None = None
        self.running: Running | None = None
        self.result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()  # bounded by what is kept of the output
        started = {
            "id": self.id,
            "template": self.template_id,
            "command": self.command,
            "timeout": self.timeout,
            "isolation": self.applied.model_dump(),
            "started_at": self.started_at.isoformat(),
        }
        self._events.put_nowait(("started", started))

    def stop(self, cause: Reason) -> None:
        """Have it ended for this reason; the first one counts."""
        if self.cause is None and not self.result.done():
            self.cause = cause
            if self.running:
                self.running.stop()

    def launched(self, running: Running) -> None:
        """Let it begin, unless somebody stopped it meanwhile."""
        self.running = running
        if self.cause:
            running.stop()
        else:
            running.go()

    def take(self, stream: str, data: bytes) -> None:
        """Take output as it comes."""
        if text := self.streams[stream].take(data):
            self._events.put_nowait(("output", {"stream": stream, "text": text}))
        written = sum(each.size for each in self.streams.values())
        if written > self.invocation.prepared.template.max_written:
            self.stop("output_limit")

    def order(self) -> Order:
        prepared = self.invocation.prepared
        template = prepared.template
        return Order(
            program=prepared.program or "",
            argv=self.invocation.argv,
            env=ENVIRONMENT | template.env,
            cwd=prepared.cwd,
            timeout=self.timeout,
            grace=template.grace,
            address_space=template.address_space,
            network=template.network,
            read=list(prepared.read),
            write=template.write,
            browse=template.browse,
        )

    def began(self) -> Entry:
        """Return the record of the beginning."""
        details = {
            "address": self.actor.address,
            "argv": self.invocation.shown,
            "command": self.command,
            "isolation": self.isolation.level,
            "network": self.invocation.prepared.template.network,
            "program": self.invocation.prepared.program,
            "request_id": self.actor.request_id,
            "timeout": self.timeout,
        }
        return Entry("started", self.id, self.started_at, self.actor.name, self.template_id, "", details)

    def over(self, ended: Ended, at: datetime) -> tuple[Result, Entry]:
        """Return the result, and the record of the end."""
        for name, stream in self.streams.items():
            if text := stream.finish():
                self._events.put_nowait(("output", {"stream": name, "text": text}))
        reason = _reason(ended, self.cause)
        output, errors = self.streams["stdout"], self.streams["stderr"]
        duration = round(max(0.0, (at - self.started_at).total_seconds()), 6)
        result = Result(
            id=self.id,
            template=self.template_id,
            command=self.command,
            reason=reason,
            exit_code=ended.exit_code,
            signal=ended.signal,
            stdout="".join(output.text),
            stderr="".join(errors.text),
            cut_bytes=CutBytes(stdout=output.cut, stderr=errors.cut),
            stragglers=ended.stragglers,
            detail=_sentence(reason, ended, self),
            timeout=self.timeout,
            duration=duration,
            started_at=self.started_at,
            ended_at=at,
            isolation=self.applied,
        )
        details = {
            "duration": duration,
            "exit_code": ended.exit_code,
            "signal": ended.signal,
            "stragglers": ended.stragglers,
            "stdout_bytes": output.size,
            "stdout_sha256": output.digest.hexdigest(),
            "stderr_bytes": errors.size,
            "stderr_sha256": errors.digest.hexdigest(),
        }
        return result, Entry("ended", self.id, at, self.actor.name, self.template_id, reason, details)

    def finish(self, result: Result) -> None:
        """Say the result to everybody who waits for it."""
        self._events.put_nowait(("result", result.model_dump(mode="json", exclude={"stdout", "stderr"})))
        self._events.put_nowait(None)
        self.result.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Say that there is no result."""
        self._events.put_nowait(None)
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # somebody may wait for it, nobody has to

    async def next_event(self, within: float) -> Event | None:
        """Return `started`, each `output` as it comes, `result`, then None. `alive` when nothing came for so many seconds."""
        try:
            async with asyncio.timeout(within):
                return await self._events.get()
        except TimeoutError:
            return "alive", {}

    @property
    def template_id(self) -> str:
        return self.invocation.prepared.template.id

    @property
    def command(self) -> str:
        return shlex.join(self.invocation.shown)

    @property
    def applied(self) -> Applied:
        return Applied.model_validate(
            {
                "level": self.isolation.level,
                "network": self.invocation.prepared.template.network or not self.isolation.seccomp,
            }
        )


def _reason(ended: Ended, cause: Reason | None) -> Reason:
    if ended.cause == "lost":
        return "lost"
    if ended.cause == "not_started":
        return cause or "not_started"
    if cause == "output_limit" or (cause and ended.cause == "stopped"):
        return cause
    if ended.cause == "timeout":
        return "timeout"
    if ended.signal is not None:
        return "signal"
    return "ok" if ended.exit_code == 0 else "nonzero"


def _sentence(reason: Reason, ended: Ended, execution: Execution) -> str:
    template = execution.invocation.prepared.template
    said = {
        "ok": "It ended with exit code 0.",
        "nonzero": f"It ended with exit code {ended.exit_code}.",
        "signal": f"It was ended by signal {ended.signal}, which was not ours.",
        "timeout": f"It ran longer than {execution.timeout:g} s and was ended.",
        "output_limit": f"It wrote more than {template.max_written} bytes and was ended.",
        "cancelled": "It was ended because the caller went away, or the service is being shut down.",
        "lost": "What watched over it was killed; how it ended is not known.",
        "not_started": f"It could not be started: {ended.problem}.",
    }
    left = f" {ended.left} of its processes did not end yet." if ended.left else ""
    return said[reason] + left
