"""The whole platform as local processes, from the sample resources: `make demo`, or `python -m demo --help`."""

import argparse
import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # what is imported below takes a second, in which Ctrl-C would show where it was
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from demo.day.fill import FillError, fill_once, wanted
from demo.platform import HOST, Process, load, processes, routes
from demo.supervisor import StartError, Supervisor, bin_dir

ROOT = Path(__file__).resolve().parent.parent
NEEDED = {"INFLUXDB_HOST", "INFLUXDB_TOKEN"}
LAST_PORT = 65535
LOOPBACK = ((socket.AF_INET, HOST), (socket.AF_INET6, "::1"))  # a browser asks both for localhost


def main() -> int:
    """Run until Ctrl-C; exit code 1 when a port is taken or a service does not come up."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
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
    ports = [resource["spec"]["port"] for resource in resources]
    least, most = 1 - min(ports), LAST_PORT - max(ports)
    if not least <= arguments.port_offset <= most:
        parser.error(f"--port-offset is a number from {least} to {most}: every port has to be one that there is")
    for resource in resources:
        resource["spec"]["port"] += arguments.port_offset
        for entry in resource["spec"].get("env", []):
            entry["value"] = shifted(entry.get("value"), arguments.port_offset)
    started = processes(resources, arguments.data, influxdb)
    try:
        wanted(os.environ)
        if taken := [process for process in started if not free(process.port)]:
            names = ", ".join(f"{process.port} ({process.name})" for process in taken)
            way_out = "end what listens there, or move every port: .venv/bin/python -m demo --port-offset 10000"
            raise StartError(f"These ports are in use: {names}. Either {way_out}")  # noqa: TRY301 - told as the others are
        with folder(arguments.data, fresh=arguments.fresh):
            (arguments.data / "routes.json").write_text(routes(resources).text())
            return asyncio.run(run(started, arguments.data))
    except (StartError, FillError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


@contextlib.contextmanager
def folder(data: Path, *, fresh: bool) -> Iterator[None]:
    """Have the folder to itself for as long as it is entered: stores that two demos write to would be neither's. Raises StartError."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        held = os.open(data, os.O_RDONLY)
    except OSError as error:
        raise StartError(f"State cannot be kept in {data}: {error.strerror}. Name another folder by --data.") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for kept in data.iterdir() if fresh else ():
            shutil.rmtree(kept) if kept.is_dir() and not kept.is_symlink() else kept.unlink()
        yield
    except BlockingIOError as error:
        raise StartError(
            f"Another demo keeps its state in {data}: end it, or name another folder by --data."
        ) from error
    finally:
        os.close(held)


async def run(started: list[Process], data: Path) -> int:
    """Start, wait for the end, stop."""
    ended = asyncio.Event()
    wishes = [signal.SIGINT, signal.SIGTERM]
    if (
        signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    ):  # it is, under nohup: then it stays when its terminal is closed
        wishes.append(signal.SIGHUP)
    for sig in wishes:
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
    return not any(_listens(family, host, port) for family, host in LOOPBACK)


def _listens(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            probe.settimeout(1)
            return probe.connect_ex((host, port)) == 0
    except OSError:  # a machine without IPv6
        return False


def say(line: str) -> None:
    """Tell the person who runs it, who may have closed the terminal."""
    with contextlib.suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
