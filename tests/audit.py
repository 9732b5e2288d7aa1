"""Looks at what is installed: `python -m tests.audit` checks it against the lock, writes a bill of materials, and asks for known vulnerabilities."""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
BILL = ROOT / "tests" / ".artifacts" / "sbom.json"
TOOLS = {"pip", "setuptools", "uv", "wheel"}
"""What makes the environment, and is pinned by the Makefile or comes with Python."""
UNKNOWN = 3
"""Exit code: everything that can be done without an advisory service is done and holds."""
SECONDS = 600


def main() -> int:
    """Return 0, 1 where something is wrong, or UNKNOWN where nobody could be asked for vulnerabilities."""
    text = LOCK.read_text()
    wrong = [*unpinned(text), *strangers(versions(text), installed())]
    if wrong:
        sys.stderr.write("\n".join(wrong) + "\nrun make lock, or make clean and make install\n")
        return 1
    sys.stdout.write(
        f"{len(versions(text))} packages are pinned by hash, and what is installed is what the lock says\n"
    )
    components = write_bill(BILL)
    sys.stdout.write(f"{BILL.relative_to(ROOT)}: {components} components\n")
    return ask()


def entries(lock: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, version and the rest of each entry of a requirements file."""
    for entry in lock.replace("\\\n", " ").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)(.*)", entry):
            yield normal(match[1]), match[2], match[3]


def versions(lock: str) -> dict[str, set[str]]:
    """Return the versions by name; a package can have one for each version of Python."""
    found: dict[str, set[str]] = {}
    for name, version, _ in entries(lock):
        found.setdefault(name, set()).add(version)
    return found


def unpinned(lock: str) -> list[str]:
    """Return a line for each package without a hash."""
    return [
        f"{name} {version} has no hash in the lock" for name, version, rest in entries(lock) if "sha256:" not in rest
    ]


def strangers(locked: Mapping[str, set[str]], present: Mapping[str, str]) -> list[str]:
    """Return a line for each installed package that is not what the lock says."""
    return [
        f"{name} {version} is installed, the lock has {', '.join(sorted(locked.get(name, ()))) or 'none of it'}"
        for name, version in sorted(present.items())
        if version not in locked.get(name, ())
    ]


def installed() -> dict[str, str]:
    """Return version by name of what is installed and neither ours nor a tool that makes the environment."""
    found = {normal(each.name): each.version for each in metadata.distributions()}
    return {name: version for name, version in found.items() if name not in TOOLS and not name.startswith("opsbuddy")}


def normal(name: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write_bill(target: Path) -> int:
    """Write a CycloneDX document of what is installed; returns how many components it has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # the generator's own validation takes ten times as long as the rest
    command = [
        _program("cyclonedx-py"),
        "environment",
        "--no-validate",
        "--output-reproducible",
        "--of",
        "JSON",
        "-o",
        str(target),
    ]
    subprocess.run([*command, sys.executable], check=True, capture_output=True, timeout=SECONDS)
    return len(json.loads(target.read_text())["components"])


def ask() -> int:
    """Ask an advisory service about everything in the lock, and say what it knows."""
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [
            _program("pip-audit"),
            "--requirement",
            str(LOCK),
            "--require-hashes",
            "--disable-pip",
            "--timeout",
            "5",
        ]
        command += [
            "--vulnerability-service",
            "osv",
            "--progress-spinner",
            "off",
            "--format",
            "json",
            "-o",
            str(answer),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
        if not answer.exists():
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            sys.stderr.write(
                f"no advisory service could be asked, so nothing is known about vulnerabilities: {last[:300]}\n"
            )
            return UNKNOWN
        known = [
            f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
            for package in json.loads(answer.read_text())["dependencies"]
            for found in package.get("vulns", ())
        ]
    sys.stdout.write("\n".join(known or ["no known vulnerability"]) + "\n")
    return 1 if known else 0


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__).parse_args()
    sys.exit(main())
