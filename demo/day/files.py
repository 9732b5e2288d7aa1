"""What people left behind in the course of the day: a runbook, the evidence of the incident, and the draft of its story."""

import csv
import io
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from demo.day import logs
from demo.day.story import FAULT, NEW, OLD, Story

WIDTH, HEIGHT, BAR = 360, 120, 6
GROUND, GOOD, BAD = 0, 1, 2
PALETTE = bytes((255, 253, 248, 133, 125, 108, 176, 38, 31))


@dataclass(frozen=True, slots=True)
class File:
    """A file to store."""

    name: str
    content: bytes
    media_type: str
    tags: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)


def day(story: Story, lines: list[logs.Log]) -> list[File]:
    """Return the files; `lines` are the logs of the day."""
    incident = f"{story.outage:%Y-%m-%d}-file-service"
    tags = {"service": "file-service", "incident": incident}
    minutes = _errors(story, lines)
    evidence = [line for line in lines if line["service"] == "file-service" and line["level"] == "ERROR"]
    startup = "\n".join(f"{line['timestamp']} {line['data']['pod']} {line['message']}" for line in evidence) + "\n"
    return [
        File("runbook-file-service.md", RUNBOOK.encode(), "text/markdown", {"kind": "runbook", "service": "file-service"}, {"owner": "storage"}),
        File(f"file-service-{NEW}-startup.log", startup.encode(), "text/plain", tags | {"kind": "evidence"}, {"pods": 2}),
        File("errors-by-minute.csv", _table(minutes), "text/csv", tags | {"kind": "evidence"}),
        File("errors-by-minute.png", _picture(minutes), "image/png", tags | {"kind": "evidence"}),
        File(f"{incident}.md", _report(story, minutes).encode(), "text/markdown", tags | {"kind": "report", "state": "draft"}, {"author": "mara"}),
    ]  # fmt: skip


def _errors(story: Story, lines: list[logs.Log]) -> list[tuple[str, int]]:
    """Return how many errors each minute of the hour around the incident had."""
    begin = story.rollout - timedelta(minutes=12)
    stamps = [f"{begin + timedelta(minutes=number):%Y-%m-%dT%H:%M}" for number in range(60)]
    counted = Counter(line["timestamp"][:16] for line in lines if line["level"] == "ERROR")
    return [(stamp, counted[stamp]) for stamp in stamps]


def _table(minutes: list[tuple[str, int]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([("minute_utc", "errors"), *minutes])
    return out.getvalue().encode()


def _picture(minutes: list[tuple[str, int]]) -> bytes:
    """Return the errors as bars: a PNG with a palette (W3C PNG, third edition, section 11)."""
    most = max(errors for _, errors in minutes) or 1
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(0)  # no filter
        for x in range(WIDTH):
            errors = minutes[x // BAR][1]
            filled = HEIGHT - y <= max(2, errors * (HEIGHT - 4) // most) and x % BAR < BAR - 1
            rows.append((BAD if errors > most // 4 else GOOD) if filled else GROUND)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", PALETTE), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _report(story: Story, minutes: list[tuple[str, int]]) -> str:
    minutes_down = int((story.healed - story.outage).total_seconds() // 60)
    return f"""# file-service down for {minutes_down} minutes
{story.outage:%Y-%m-%d %H:%M} to {story.healed:%H:%M} UTC. Draft.

| when (UTC) | what |
|---|---|
| {story.rollout:%H:%M} | image of file-service from {OLD} to {NEW}, by deployer |
| {story.outage:%H:%M} | both pods stop 4 s after start: {FAULT} |
| {story.answered:%H:%M} | the alert is acknowledged |
| {story.rollback:%H:%M} | rolled back to {OLD} |
| {story.healed:%H:%M} | file-service answers; {story.waiting} receipts are stored late, none is lost |

{sum(errors for _, errors in minutes)} errors in that hour. {NEW} reads a variable that no resource sets; the check before a rollout does not start the image.

What we change: start the image with the resource's own environment before it is rolled out.
"""


RUNBOOK = """# file-service does not answer
1. Home of OpsBuddy: since when, and what changed before it.
2. `kubectl describe opsbuddyservice file-service`: its conditions say why in words.
3. Analytics, service file-service, level ERROR, from five minutes before.
4. A new image? Set the one before it: `kubectl edit opsbuddyservice file-service`.
5. Senders keep what they could not store and send it again. Nothing has to be done by hand.
"""
