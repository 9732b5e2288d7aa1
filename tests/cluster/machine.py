"""A place of its own for a cluster's scripts: a network namespace, a state folder, a cache; and what is left of it on the machine."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.programs import BIN

SCRIPTS = Path(__file__).parent


@dataclass(frozen=True)
class Place:
    """Where the scripts work. Only the network is apart: processes, mounts and cgroups are the machine's, so that a leak shows."""

    state: Path
    namespace: str
    environment: dict[str, str] = field(repr=False)

    def run(self, *command: str, within: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in the network of this place; a failure shows what it printed."""
        done = subprocess.run(self.command(*command), **self._how(), timeout=within, check=False)
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Run it in the background."""
        return subprocess.Popen(
            self.command(*command), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def script(
        self, name: str, *arguments: str, within: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return self.run(str(SCRIPTS / name), *arguments, within=within, check=check)

    def docker(self, *arguments: str) -> str:
        return self.run("docker", "--host", f"unix://{self.state}/docker.sock", *arguments).stdout.strip()

    def command(self, *command: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def _how(self) -> dict[str, object]:
        return {"env": self.environment, "capture_output": True, "text": True}

    def traces(self) -> dict[str, list[str]]:
        """What a daemon of this place has on the machine now, by kind."""
        return {
            "processes": processes(str(self.state)),
            "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if f"{self.state}/" in line],
            "links": re.findall(r"^\d+: ([^:@]+)", self.run("ip", "link").stdout, re.MULTILINE),
            "rules": self._rules("iptables-save") + self._rules("ip6tables-save"),
            "forwarding": [self.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip()],
            "lock": [] if self._lock_is_free() else ["held"],
        }

    def _rules(self, program: str) -> list[str]:
        """Return rules and chains without counters, and without empty tables: they come into being when one lists them."""
        lines = self.run(program).stdout.splitlines()
        return [line for line in lines if line.startswith("-A") or (line.startswith(":") and " - " in line)]

    def _lock_is_free(self) -> bool:
        cluster = self.environment["CLUSTER_NAME"]
        file = Path(self.environment["CLUSTER_CACHE"], f"{cluster}.lock")
        return not file.exists() or self.run("flock", "--nonblock", str(file), "true", check=False).returncode == 0


def processes(mark: str) -> list[str]:
    """Return the processes that have the mark in an argument or in their working folder's root."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            if mark in arguments and "pytest" not in arguments:
                found.append(f"{folder.name} {arguments.strip()[:120]}")
    return found


@contextmanager
def place(name: str) -> Iterator[Place]:
    """Make the place; whatever is left in it at the end is taken away, even when a test failed."""
    folder = Path(tempfile.mkdtemp(prefix="opsbuddy-"))  # short: a socket's path has 107 characters
    namespace = folder.name
    environment = {
        **os.environ,
        "CLUSTER_NAME": name,
        "CLUSTER_DAEMON": "own",
        "CLUSTER_STATE": str(folder / "state"),
        "CLUSTER_CACHE": str(folder / "cache"),
        "CLUSTER_BIN": str(BIN),
        "CLUSTER_KUBECONFIG": str(folder / "kubeconfig"),
    }
    for inherited in ("DOCKER_HOST", "CLUSTER_LOCK_HELD", "CLUSTER_STARTED", "KUBECONFIG"):
        environment.pop(inherited, None)
    subprocess.run(["ip", "netns", "add", namespace], check=True, timeout=10)
    here = Place(folder / "state", namespace, environment)
    try:
        here.run("ip", "link", "set", "lo", "up")
        yield here
    finally:
        here.script("docker-daemon.sh", "stop", check=False)
        subprocess.run(["ip", "netns", "delete", namespace], check=False, timeout=10)
        shutil.rmtree(folder, ignore_errors=True)
