"""The command line beside the service."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from opsbuddy_utility_service.tools import run


def test_a_new_key_is_one_that_the_service_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["secret", "key"]) == 0
    Fernet(capsys.readouterr().out.strip())


@pytest.mark.parametrize("arguments", [["audit", "show"], ["secret", "verify"], ["secret"], ["audit", "drop"]])
def test_what_there_is_no_tool_for_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.process
def test_the_audit_is_verified_at_the_command_line(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "opsbuddy_utility_service.main", "audit", "verify"]
    done = subprocess.run(program, env={"DATA_DIR": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        f"All 0 records are as they were written. Last: 0 {'0' * 64}",
    )
