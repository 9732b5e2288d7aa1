"""Takes away what a Docker daemon of ours leaves on the machine, in particular one that was killed: processes, mounts, bridges, packet filter rules.

Reads the same environment as settings.sh. What belongs to another daemon is not touched: a process is ours by our state folder in its arguments,
a mount by lying in it, a bridge by its name or an address of our pool, a rule by naming such a bridge or address. Docker's chains have no owner;
they go when no other daemon runs in this network.
"""

import contextlib
import ipaddress
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

STATE = os.environ["CLUSTER_STATE"]
BRIDGE = os.environ["CLUSTER_BRIDGE"]
NODE_BRIDGE = os.environ["CLUSTER_NODE_BRIDGE"]
NETWORKS = [
    ipaddress.ip_network(os.environ["CLUSTER_POOL"]),
    ipaddress.ip_network(os.environ["CLUSTER_BRIDGE_ADDRESS"], strict=False),
]
DAEMONS = {"dockerd", "containerd", "containerd-shim-runc-v2", "containerd-shim", "docker-proxy"}
PROC = Path("/proc")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def arguments(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def pids() -> list[int]:
    return [int(p.name) for p in PROC.iterdir() if p.name.isdigit()]


def is_daemon(pid: int, *, ours: bool) -> bool:
    program, *rest = arguments(pid) or [""]
    mine = any(f"{STATE}/" in argument for argument in rest)
    return Path(program).name in DAEMONS and mine == ours


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(c) for f in (PROC / str(pid) / "task").glob("*/children") for c in f.read_text().split()]
    return []


def end_processes() -> None:
    """The first process of a container is a child of its shim, and the kernel ends a container's processes with its first."""
    daemons = [pid for pid in pids() if is_daemon(pid, ours=True)]
    doomed = [child for pid in daemons for child in children(pid)] + daemons
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any((PROC / str(pid) / "exe").exists() for pid in doomed) and time.monotonic() < deadline:
        time.sleep(0.05)


def unmount() -> None:
    escaped = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    targets = [target.encode().decode("unicode_escape") for target in escaped]
    for target in sorted((t for t in targets if t.startswith(f"{STATE}/")), reverse=True):
        run("umount", "-l", target)


def our_bridges() -> set[str]:
    links = json.loads(run("ip", "-j", "addr", "show", "type", "bridge").stdout or "[]")
    addresses = {link["ifname"]: [a["local"] for a in link.get("addr_info", [])] for link in links if "ifname" in link}
    return {
        name
        for name, owned in addresses.items()
        if name in {BRIDGE, NODE_BRIDGE} or any(in_our_networks(a) for a in owned)
    }


def in_our_networks(text: str) -> bool:
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_interface(text.partition(":")[0] if text.count(":") == 1 else text)
        return any(address.ip in network for network in NETWORKS if address.version == network.version)
    return False


def remove_bridges(bridges: set[str]) -> None:
    for bridge in bridges:
        for port in json.loads(run("ip", "-j", "link", "show", "master", bridge).stdout or "[]"):
            if "ifname" in port:
                run("ip", "link", "del", port["ifname"])
        run("ip", "link", "del", bridge)


def another_daemon_runs() -> bool:
    """Only in our own network namespace: each has packet filter tables of its own."""
    here = Path("/proc/self/ns/net").readlink()
    others = [pid for pid in pids() if is_daemon(pid, ours=False) and Path(arguments(pid)[0]).name == "dockerd"]
    for pid in others:
        with contextlib.suppress(OSError):
            if (PROC / str(pid) / "ns/net").readlink() == here:
                return True
    return False


def remove_rules(program: str, bridges: set[str], *, chains_too: bool) -> None:
    for table in ("filter", "nat"):
        lines = run(f"{program}-save", "-t", table).stdout.splitlines()
        for line in lines:
            rule = shlex.split(line)
            if rule[:1] != ["-A"]:
                continue
            ours = any(word in {*bridges, BRIDGE, NODE_BRIDGE} or in_our_networks(word) for word in rule)
            if ours or (chains_too and any(word.startswith("DOCKER") for word in rule)):
                run(program, "-w", "-t", table, "-D", *rule[1:])
        chains = [line[1:].split()[0] for line in lines if line.startswith(":DOCKER")]
        for chain in chains if chains_too else []:
            run(program, "-w", "-t", table, "-F", chain)
            run(program, "-w", "-t", table, "-X", chain)


def remove_cgroups(containers: list[str]) -> None:
    for container in containers:
        for top in Path("/sys/fs/cgroup").glob(f"**/docker/{container}"):
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()


def main() -> int:
    containers = [p.name for p in Path(STATE, "data/containers").glob("*")]
    end_processes()
    unmount()
    bridges = our_bridges()
    chains_too = not another_daemon_runs()
    for program in ("iptables", "ip6tables"):
        with contextlib.suppress(FileNotFoundError):
            remove_rules(program, bridges, chains_too=chains_too)
    remove_bridges(bridges)
    remove_cgroups(containers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
