"""The compose project as a person starts it, on ports of its own."""

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.contract.description.installation import PORTS

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
NAME = "opsbuddy-test"
LABEL = f"label=com.docker.compose.project={NAME}"
OFFSET = 24000  # beside a demo, and below the range from which the kernel gives ports away
VARIABLES = {
    "ui-service": "UI_PORT",
    "gateway": "GATEWAY_PORT",
    "file-service": "FILE_PORT",
    "utility-service": "UTILITY_PORT",
    "analytics-service": "ANALYTICS_PORT",
    "timeseries-service": "TIMESERIES_PORT",
    "influxdb": "INFLUXDB_PORT",
}
URLS = {name: f"http://127.0.0.1:{port + OFFSET}" for name, port in PORTS.items()}


def run(*command: str, within: float = 300, **environment: str) -> str:
    """Return what a program printed; a failure shows all of it."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def compose(*arguments: str, within: float = 300, **environment: str) -> str:
    """Run docker compose on the project."""
    return run(*_program(), "--project-name", NAME, *arguments, within=within, **environment)


def servers() -> dict[str, dict[str, Any]]:
    """Return what the daemon says about each running container, by the name of its service."""
    found = json.loads(run("docker", "inspect", *run("docker", "ps", "--quiet", "--filter", LABEL).split()))
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}


def traces() -> dict[str, list[str]]:
    """Return what the daemon has of the project, by kind."""
    return {
        "containers": run("docker", "ps", "--all", "--quiet", "--filter", LABEL).split(),
        "networks": run("docker", "network", "ls", "--quiet", "--filter", LABEL).split(),
        "volumes": run("docker", "volume", "ls", "--quiet", "--filter", LABEL).split(),
    }


@functools.cache
def _program() -> tuple[str, ...]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=20, check=False)
    return ("docker", "compose") if plugin.returncode == 0 else ("docker-compose",)


@functools.cache
def _environment() -> dict[str, str]:
    script = ROOT / "tests/cluster/docker-daemon.sh"
    host = subprocess.run([script, "host"], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    ports = {VARIABLES[name]: str(port + OFFSET) for name, port in {**PORTS, "influxdb": 8086}.items()}
    return {**os.environ, **ports, **({"DOCKER_HOST": host} if host else {})}
