"""A real PostgreSQL: one cluster for the session, a fresh database for each test."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.support.influxdb import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _program(name: str) -> str:
    found = shutil.which(name) or (str(BINARIES[-1] / name) if BINARIES else None)
    assert found, f"{name} is missing: install PostgreSQL (Debian: apt-get install postgresql)"
    return found


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a cluster on loopback, whose files go when the session ends."""
    folder, port = Path(tempfile.mkdtemp(prefix="opsbuddy-postgres-")), free_port()
    # The server refuses to run as root, and needs a folder that its user may enter.
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    os.chown(folder, user.pw_uid, user.pw_gid)

    def run(*command: str) -> None:
        done = subprocess.run(command, user=user.pw_uid, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"

    data, options = str(folder / "data"), f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run(_program("initdb"), "-D", data, "-U", "opsbuddy", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "-N")
    try:
        run(_program("pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        yield f"postgresql://opsbuddy@127.0.0.1:{port}"
    finally:
        run(_program("pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def postgres(postgres_server: str) -> AsyncIterator[str]:
    """The URL of an empty database."""
    name = f"test_{uuid4().hex}"
    await _execute(postgres_server, f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    await _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(server: str, statement: str) -> None:
    async with asyncio.timeout(20):
        connection = await asyncpg.connect(f"{server}/postgres")  # type: ignore[no-untyped-call] # asyncpg has no annotations
        await connection.execute(statement)
        await connection.close()
