"""Logs as services send them, and the plain SQLite table that a reader would think of first."""

import json
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

from opsbuddy_analytics_service.models import FIELDS
from opsbuddy_core import timestamps

SERVICES = ("gateway", "file-service", "utility-service", "analytics-service", "timeseries-service", "ui-service")
LEVELS = ("INFO",) * 90 + ("DEBUG",) * 5 + ("WARNING",) * 4 + ("ERROR",)
TABLE = f"CREATE TABLE logs (id INTEGER PRIMARY KEY, {', '.join(FIELDS)})"
INSERT = f"INSERT INTO logs ({', '.join(FIELDS)}) VALUES ({', '.join('?' * len(FIELDS))})"  # noqa: S608 - fixed names


def items(number: int, first: int = 0) -> list[dict[str, Any]]:
    """Return so many logs of now, as JSON objects, counted from `first`."""
    dice = random.Random(first)  # noqa: S311 - the same logs every time
    now = time.time_ns()
    return [
        {
            "timestamp": timestamps.render(now + n * 1000),
            "level": dice.choice(LEVELS),
            "logger": "proxy",
            "message": f"Request {n} proxied in {dice.random():.3f} s",
            "service": dice.choice(SERVICES),
            "operation": "proxy",
            "data": {"method": "GET", "path": f"/api/files/{dice.getrandbits(64):x}", "status": 200},
            "request_id": f"{dice.getrandbits(128):032x}",
            "trace_id": f"{dice.getrandbits(128):032x}",
        }
        for n in range(first, first + number)
    ]


def rows(logs: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the logs for the plain table."""
    return [
        (*(json.dumps(log["data"]) if name == "data" else log.get(name) for name in FIELDS[:-1]), None) for log in logs
    ]


def plain(path: Path) -> sqlite3.Connection:
    """Make the plain table, as durable as ours: each commit reaches the disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(TABLE)
    return connection


def insert(connection: sqlite3.Connection, values: list[tuple[Any, ...]]) -> None:
    """Store in one transaction."""
    connection.execute("BEGIN")
    connection.executemany(INSERT, values)
    connection.execute("COMMIT")
