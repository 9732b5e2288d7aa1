"""What is shown of commands, configurations and the system. No I/O, no clock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, Literal

from opsbuddy_ui_service.searches.utility import Search
from opsbuddy_ui_service.views.figures import NONE, size

Mark = Literal["same", "gone", "new"]
HIDDEN = "(sealed, shown nowhere)"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of a command. `kind` as the service names types; blank bounds where there are none."""

    name: str
    kind: str
    required: bool
    default: str
    secret: bool
    hint: str
    least: str
    most: str
    longest: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command that may be run; `why_not` says why it cannot be at the moment. `timeout` in seconds."""

    id: str
    title: str
    category: str
    words: str
    timeout: str
    network: bool
    parameters: tuple[Parameter, ...]
    why_not: str

    @property
    def quick(self) -> bool:
        """Whether it can be run without a value."""
        return not any(parameter.required for parameter in self.parameters) and not self.why_not


@dataclass(frozen=True, slots=True)
class Commands:
    """All of them, and how a run is kept apart from the host."""

    isolation: str
    commands: tuple[Command, ...]
    chosen: Command | None

    @property
    def by_category(self) -> dict[str, list[Command]]:
        found: dict[str, list[Command]] = {}
        for command in self.commands:
            found.setdefault(command.category, []).append(command)
        return found


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration. `lines` is all of it as text, a thing a line, for comparing; `json` is what one edits, blank for a secret."""

    id: str
    name: str
    category: str
    description: str
    tags: tuple[str, ...]
    secret: bool
    version: int
    updated: datetime
    deleted: datetime | None
    actor: str
    json: str
    lines: tuple[str, ...]

    @property
    def etag(self) -> str:
        return f'"{self.id}.{self.version}"'

    @property
    def page(self) -> str:
        return f"/utility/configs/{self.id}"

    @property
    def short(self) -> str:
        """Its value on one line."""
        return HIDDEN if self.secret else " ".join(self.json.split())


@dataclass(frozen=True, slots=True)
class Configs:
    """A page of configurations, and where the next one is."""

    configs: tuple[Config, ...]
    following: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Step:
    """A version of a configuration, with what it changed in the one before."""

    config: Config
    changes: tuple[tuple[Mark, str], ...]


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system."""

    place: str
    total: str
    free: str
    percent: float


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the host."""

    pid: int
    name: str
    memory: str
    cpu: str
    threads: int


@dataclass(frozen=True, slots=True)
class System:
    """The figures of the system; numbers for the charts are None where nothing could be read."""

    at: datetime
    cpu: float | None
    memory: float | None
    load: float | None
    facts: tuple[tuple[str, str], ...]
    disks: tuple[Disk, ...]
    processes: tuple[Process, ...]
    unread: tuple[tuple[str, str], ...]


def commands(answer: Mapping[str, Any], chosen: str) -> Commands:
    """Return what `GET /system/commands` answered, for people."""
    all_of_them = tuple(_command(each) for each in answer["commands"])
    found = next((command for command in all_of_them if command.id == chosen), None)
    return Commands(answer["isolation"], all_of_them, found)


def configs(answer: Mapping[str, Any], search: Search) -> Configs:
    """Return what `GET /configs` answered, for people."""
    found, cursor = tuple(config(each) for each in answer["configs"]), answer.get("next_cursor")
    what = "configuration" if len(found) == 1 else "configurations"
    where = " in the trash" if search.trash else ""
    words = f"{len(found) or 'No'} {what}{where}{' on this page, more follow' if cursor else ''}"
    return Configs(found, search.address(cursor=cursor) if cursor else None, words)


def config(entry: Mapping[str, Any], identity: str = "") -> Config:
    """Return a configuration, or a version of one, for people."""
    secret, tags = entry["secret"], tuple(entry["tags"])
    text = "" if secret else json.dumps(entry["value"], ensure_ascii=False, indent=2)
    deleted = entry.get("deleted_at")
    head = (f"name: {entry['name']}", f"category: {entry['category']}", f"tags: {', '.join(tags)}")
    description = tuple(f"description: {line}" for line in entry["description"].splitlines() or [""])
    return Config(
        id=entry.get("id", identity),
        name=entry["name"],
        category=entry["category"],
        description=entry["description"],
        tags=tags,
        secret=secret,
        version=entry["version"],
        updated=datetime.fromisoformat(entry["updated_at"]),
        deleted=datetime.fromisoformat(deleted) if deleted else None,
        actor=entry.get("actor") or "",
        json=text,
        lines=(*head, *description, "value:", *(text.splitlines() or [HIDDEN])),
    )


def history(answer: Mapping[str, Any], identity: str) -> tuple[Step, ...]:
    """Return the versions, newest first, each with what it changed."""
    versions = [config(entry, identity) for entry in answer["versions"]]
    steps = [Step(newer, _compared(older.lines, newer.lines)) for newer, older in pairwise(versions)]
    return (*steps, *(Step(first, ()) for first in versions[-1:]))


def system(info: Mapping[str, Any]) -> System:
    """Return what `GET /system/info` answered, for people."""
    host, container, service = (info.get(part) or {} for part in ("host", "container", "service"))
    cpu, memory, platform = (host.get(part) or {} for part in ("cpu", "memory", "platform"))
    load = cpu.get("load_average") or []
    inside = container.get("memory") or {}
    facts = (
        ("Host", platform.get("hostname") or NONE),
        ("System", " ".join(filter(None, (platform.get("system"), platform.get("release"), platform.get("machine"))))),
        ("Processors", str(cpu.get("count") or NONE)),
        ("Load over 1, 5, 15 min", ", ".join(f"{value:.2f}" for value in load) or NONE),
        ("Memory in use", _part(memory.get("used"), memory.get("total"))),
        ("Memory of the container", _part(inside.get("used"), inside.get("limit"), "no limit")),
        ("This service", f"{_size(service.get('memory'))} in {service.get('threads', NONE)} threads"),
    )
    return System(
        at=datetime.fromisoformat(info["measured_at"]),
        cpu=cpu.get("percent"),
        memory=memory.get("percent"),
        load=load[0] if load else None,
        facts=tuple((name, value) for name, value in facts if value),
        disks=tuple(
            Disk(disk["mountpoint"], _size(disk["total"]), _size(disk["free"]), disk["percent"])
            for disk in host.get("disks") or ()
        ),
        processes=tuple(
            Process(each["pid"], each["name"], _size(each["memory"]), f"{each['cpu_seconds']:.0f} s", each["threads"])
            for each in host.get("processes") or ()
        ),
        unread=tuple((each["part"], each["reason"]) for each in info.get("unavailable") or ()),
    )


def _command(entry: Mapping[str, Any]) -> Command:
    return Command(
        id=entry["id"],
        title=entry["title"],
        category=entry["category"],
        words=entry["command"],
        timeout=f"{entry['timeout']:g}",
        network=entry["network"],
        parameters=tuple(_parameter(each) for each in entry["params"]),
        why_not="" if entry["available"] else entry["unavailable_reason"] or "it is not installed",
    )


def _parameter(entry: Mapping[str, Any]) -> Parameter:
    bounds, default = entry["bounds"] or {}, entry["default"]
    below = bounds.get("under")
    hints = (
        entry["description"] if entry["description"].lower() != entry["name"] else "",
        f"below {', '.join(below)}" if below and below != ["/"] else "",
        f"{bounds['min']} to {bounds['max']}" if {"min", "max"} <= bounds.keys() else "",
    )
    return Parameter(
        name=entry["name"],
        kind=entry["type"],
        required=entry["required"],
        default="" if default is None else str(default),
        secret=entry["secret"],
        hint=", ".join(filter(None, hints)),
        least=str(bounds.get("min", "1" if entry["type"] == "port" else "")),
        most=str(bounds.get("max", "65535" if entry["type"] == "port" else "")),
        longest=str(bounds.get("max_length", "")),
        choices=tuple(map(str, bounds.get("values", ()))),
    )


def _compared(before: Sequence[str], after: Sequence[str]) -> tuple[tuple[Mark, str], ...]:
    lines: list[tuple[Mark, str]] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [("same", line) for line in before[a:b]]
        else:
            lines += [("gone", line) for line in before[a:b]] + [("new", line) for line in after[c:d]]
    return tuple(lines)


def _size(count: int | None) -> str:
    return NONE if count is None else size(count)


def _part(used: int | None, total: int | None, without: str = NONE) -> str:
    return NONE if used is None else f"{_size(used)} of {_size(total) if total else without}"
