"""The lines that services wrote in the course of the day."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo.day.story import ENDPOINTS, FAULT, NEW, OLD, PODS, Story

Log = dict[str, Any]
TRACEBACK = """Startup failed
Traceback (most recent call last):
  File "opsbuddy_file_service/main.py", line 14, in main
    run(build(FileSettings()))
  File "opsbuddy_file_service/settings.py", line 41, in load
    return os.environ["OBJECT_STORE_URL"]
KeyError: 'OBJECT_STORE_URL'"""
RESTARTS = (
    4,
    14,
    34,
    74,
    154,
    314,
    614,
    914,
    1214,
    1514,
)  # seconds after the outage began: the pauses double, up to five minutes
CALLS = (  # and how long each takes, in ms
    ("GET", "/api/files", 8),
    ("POST", "/api/files/upload", 42),
    ("GET", "/api/utils/system/info", 3),
    ("POST", "/api/analytics/logs", 6),
    ("GET", "/api/timeseries/api/v1/query_range", 21),
)


def day(story: Story) -> list[Log]:
    """Return all lines, oldest first."""
    lines = [*_routine(story), *_incident(story)]
    lines = sorted(
        (line for line in lines if line["timestamp"] < _stamp(story.end)), key=lambda line: line["timestamp"]
    )
    return [
        {**line, "event_id": f"day-{story.seed}-{story.end:%Y%m%d%H%M}-{number}"} for number, line in enumerate(lines)
    ]


def _line(at: datetime, level: str, service: str, logger: str, message: str, **more: Any) -> Log:
    return {"timestamp": _stamp(at), "level": level, "service": service, "logger": logger, "message": message, **more}


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Habit:
    """What a service writes over and over: how often a minute, and the line."""

    service: str
    rate: float
    write: Callable[[Story, datetime, Random], Log | None]


def _routine(story: Story) -> Iterator[Log]:
    for number, habit in enumerate(HABITS):
        chance = story.chance(f"log {number}")
        at = story.begin
        while True:
            at += timedelta(seconds=chance.expovariate(habit.rate * story.busy(at) / 60))
            if at >= story.end:
                break
            if line := habit.write(story, at, chance):
                yield line


def _request(at: datetime, chance: Random, service: str, call: tuple[str, str, int], slow: float) -> Log:
    method, path, status = call
    took = round(chance.lognormvariate(0, 0.6) * slow, 1)
    level = "ERROR" if status >= 500 else "WARNING" if status >= 400 else "INFO"  # noqa: PLR2004 - classes of HTTP
    return _line(
        at, level, service, "access", f"{method} {path} {status} {took} ms", operation="request",
        request_id=f"{chance.getrandbits(64):016x}", data={"method": method, "path": path, "status": status, "duration_ms": took},
    )  # fmt: skip


def _gateway(story: Story, at: datetime, chance: Random) -> Log:
    method, path, slow = chance.choices(CALLS, [30, 22, 14, 26, 8])[0]
    if story.down(at) and path.startswith("/api/files"):
        reason = "connect_refused" if at < story.outage + timedelta(seconds=20) else "breaker_open"
        line = _request(at, chance, "gateway", (method, path, 503), 0.4)
        return line | {"message": f"{line['message']} {reason}", "data": line["data"] | {"reason": reason}}
    status = chance.choices([200, 404, 422], [985, 10, 5])[0]
    return _request(at, chance, "gateway", (method, path, status), slow)


def _files(story: Story, at: datetime, chance: Random) -> Log | None:
    if story.down(at):
        return None
    name = chance.choice(["receipt", "invoice", "export", "backup"]) + f"-{chance.randrange(10_000):04d}.pdf"
    size = int(chance.lognormvariate(11.5, 1.2))
    if chance.random() < 0.012:  # noqa: PLR2004 - now and then
        return _line(
            at,
            "WARNING",
            "file-service",
            "upload",
            f"Upload of {name} refused: larger than 100 MiB",
            operation="upload",
            data={"name": name},
        )
    return _line(
        at, "INFO", "file-service", "upload", f"Stored {name}", operation="upload", data={"name": name, "bytes": size}
    )


def _checkout(story: Story, at: datetime, chance: Random) -> Log:
    order = chance.randrange(70_000, 99_999)
    if story.down(at):
        return _line(
            at, "ERROR", "checkout", "receipts", f"Receipt of order {order} could not be stored: 503 from /api/files/upload",
            operation="store_receipt", data={"order": order, "status": 503, "attempt": chance.randrange(1, 4)},
        )  # fmt: skip
    if chance.random() < 0.006:  # noqa: PLR2004 - now and then
        return _line(
            at,
            "ERROR",
            "checkout",
            "payments",
            f"Card of order {order} declined by the bank",
            operation="pay",
            data={"order": order},
        )
    return _line(
        at,
        "INFO",
        "checkout",
        "orders",
        f"Order {order} paid",
        operation="pay",
        data={"order": order, "cents": chance.randrange(490, 25_000)},
    )


def _invoices(story: Story, at: datetime, chance: Random) -> Log:
    if story.down(at):
        waiting = story.queued(at)
        return _line(
            at,
            "WARNING",
            "invoices",
            "queue",
            f"{waiting} receipts wait to be stored",
            operation="store",
            data={"waiting": waiting},
        )
    return _line(at, "INFO", "invoices", "queue", f"Invoice {chance.randrange(10_000, 99_999)} sent", operation="send")


def _timeseries(_: Story, at: datetime, chance: Random) -> Log:
    points = chance.randrange(200, 900)
    return _line(
        at,
        "INFO",
        "timeseries-service",
        "write",
        f"{points} points written",
        operation="write",
        data={"points": points},
    )


def _operator(_: Story, at: datetime, chance: Random) -> Log:
    name = chance.choice(["gateway", "file-service", "utility-service", "analytics-service", "timeseries-service"])
    return _line(
        at, "DEBUG", "operator", "reconcile", f"{name} is as it should be", operation="reconcile", data={"name": name}
    )


HABITS = (
    Habit("gateway", 2.4, _gateway),
    Habit("file-service", 0.8, _files),
    Habit("checkout", 1.3, _checkout),
    Habit("invoices", 0.5, _invoices),
    Habit("timeseries-service", 0.3, _timeseries),
    Habit("operator", 0.1, _operator),
)


def _incident(story: Story) -> Iterator[Log]:
    yield _changed(story.rollout, OLD, NEW, "deployer")
    for number, pod in enumerate(PODS[NEW]):
        for seconds in RESTARTS:
            at = story.outage + timedelta(seconds=seconds + number * 1.7)
            if at < story.rollback:
                data = {"pod": pod, "version": NEW}
                yield _line(at, "ERROR", "file-service", "main", TRACEBACK, operation="start", data=data)
    for number, endpoint in enumerate(ENDPOINTS):
        at = story.outage + timedelta(seconds=7 + number * 3)
        message = f"Endpoint {endpoint} set aside for 30 s after 5 failures (reason connect_refused)"
        yield _line(at, "WARNING", "gateway", "endpoints", message, operation="set_aside", data={"endpoint": endpoint})
    breaker = {"operation": "breaker", "data": {"service": "file-service"}}
    opened = "Circuit breaker of file-service opened after 5 failures"
    yield _line(story.outage + timedelta(seconds=12), "ERROR", "gateway", "breaker", opened, **breaker)
    reason = f"file-service is not Ready: both pods of {NEW} stop 4 s after start ({FAULT})"
    yield _line(story.outage + timedelta(seconds=31), "ERROR", "operator", "judge", reason, operation="judge")
    yield _line(story.answered, "INFO", "oncall", "pager", "OpsBuddyServiceDown acknowledged by mara", operation="page")
    yield _changed(story.rollback, NEW, OLD, "mara")
    for number, pod in enumerate(PODS[OLD]):
        at = story.rollback + timedelta(seconds=21 + number * 4)
        data = {"pod": pod, "version": OLD}
        yield _line(at, "INFO", "file-service", "main", f"Version {OLD} answers", operation="start", data=data)
    yield _line(story.healed, "INFO", "gateway", "breaker", "Circuit breaker of file-service closed", **breaker)
    drained = f"Queue drained: {story.waiting} receipts stored"
    yield _line(story.healed + timedelta(seconds=40), "INFO", "invoices", "queue", drained, operation="store")


def _changed(at: datetime, old: str, new: str, by: str) -> Log:
    message = f"Image of file-service changed from {old} to {new}"
    return _line(
        at, "INFO", "operator", "reconcile", message, operation="rollout", data={"from": old, "to": new, "by": by}
    )
