"""Runs the tools of the services."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from opsbuddy_core.backup.archive import BackupError

OF_KUBECTL = "command terminated with exit code"  # after what the command itself said
LIMIT = 6 * 60 * 60  # seconds for one service


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> bytes:
    """Return what a program printed, unless `stdout` takes it. Raises BackupError with its last words when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            command,
            cwd=folder,
            env=environment,
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
            check=False,
        )
    except FileNotFoundError as error:
        raise BackupError(f"{command[0]} is missing: install it, or put its folder into PATH.") from error
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"{command[0]} did not end within {LIMIT} s.") from error
    if done.returncode:
        lines = [
            line
            for line in done.stderr.decode(errors="replace").splitlines()
            if line.strip() and not line.startswith(OF_KUBECTL)
        ]
        raise BackupError("\n".join(lines[-3:]) or f"{command[0]} ended with {done.returncode}.")
    return done.stdout or b""
