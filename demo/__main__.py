"""The whole platform as local processes, from the sample resources: `make demo`, or `python -m demo --help`."""

import argparse
import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from demo.day.fill import FillError, fill_once
from demo.platform import HOST, Process, load, processes, routes
from demo.supervisor import StartError, Supervisor, bin_dir

ROOT = Path(__file__).resolve().parent.parent
NEEDED = {"INFLUXDB_HOST", "INFLUXDB_TOKEN"}


def main() -> int:
    """Run until Ctrl-C; exit code 1 when a port is taken or a service does not come up."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / ".demo", help="folder for state and logs (default: .demo)")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier demo kept")
    parser.add_argument("--port-offset", type=int, default=0, help="add this to every port")
    parser.add_argument(
        "--influxdb",
        action="store_true",
        help="keep logs and metrics in the InfluxDB that INFLUXDB_HOST, _PORT, _TOKEN, … name",
    )
    arguments = parser.parse_args()
    influxdb = {
        name: value for name, value in os.environ.items() if arguments.influxdb and name.startswith("INFLUXDB_")
    }
    if arguments.influxdb and not influxdb.keys() >= NEEDED:
        parser.error(f"--influxdb needs {' and '.join(sorted(NEEDED))} in the environment")
    resources = load(ROOT / "manifests" / "samples")
    for resource in resources:
        resource["spec"]["port"] += arguments.port_offset
        for entry in resource["spec"].get("env", []):
            entry["value"] = shifted(entry.get("value"), arguments.port_offset)
    started = processes(resources, arguments.data, influxdb)
    if taken := [process for process in started if not free(process.port)]:
        names = ", ".join(f"{process.port} ({process.name})" for process in taken)
        sys.stderr.write(f"These ports are in use: {names}. End what listens there, or add --port-offset 10000.\n")
        return 1
    if arguments.fresh:
        shutil.rmtree(arguments.data, ignore_errors=True)
    arguments.data.mkdir(parents=True, exist_ok=True)
    (arguments.data / "routes.json").write_text(routes(resources).text())
    return asyncio.run(run(started, arguments.data))


async def run(started: list[Process], data: Path) -> int:
    """Start, wait for the end, stop."""
    ended = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, ended.set)
    begun = time.monotonic()
    supervisor = Supervisor(bin_dir(), data / "logs", say)
    try:
        say(f"starting {len(started)} services; state and logs in {data}")
        await until(supervisor.start(started), ended)
        if not ended.is_set():
            await until(fill(started, data), ended)
        if not ended.is_set():
            ui = next(process for process in started if process.name == "ui-service")
            say(
                f"ready after {time.monotonic() - begun:.1f} s. Open {ui.url.replace(HOST, 'localhost')} - Ctrl-C ends everything."
            )
            await ended.wait()
    except (StartError, FillError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        say("ending")
        await supervisor.stop()
    return 0


async def fill(started: list[Process], data: Path) -> None:
    """Put a believable day into fresh stores, and say where its incident is."""
    gateway = next(process for process in started if process.name == "gateway")
    if story := await fill_once(gateway.url, data):
        at = story.outage.astimezone()
        say(
            f"filled with a day of logs, metrics, files and configurations; at {at:%H:%M} file-service went down (DEMO_DATA=0: start empty)"
        )


async def until(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> None:
    """Wait for the work, or for the wish to end before it is done."""
    task = asyncio.create_task(work)
    waiter = asyncio.create_task(ended.wait())
    await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if task.done():
        await task
    else:
        task.cancel()


def shifted(value: str | None, offset: int) -> str | None:
    """Move the port of every URL in a value."""
    return value and re.sub(r"(http://[^:/]+:)(\d+)", lambda found: f"{found[1]}{int(found[2]) + offset}", value)


def free(port: int) -> bool:
    """Tell whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) != 0


def say(line: str) -> None:
    """Tell the person who runs it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
