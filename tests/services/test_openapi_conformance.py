"""What each service's own OpenAPI document allows, and more than that, asked of the running service: it never fails, and answers as it says.

A service takes part by an entry in SERVICES; the seed is fixed, so that a failure comes again.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.processes import Process

SECONDS = 15
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


@dataclass(frozen=True)
class Service:
    """How a service is started, and which of its operations are left out because they do not end or cannot be made (`exclude`: regular expression of paths)."""

    module: str
    environment: dict[str, str] = field(default_factory=dict)
    exclude: str | None = None


SERVICES = {
    "analytics-service": Service("opsbuddy_analytics_service.main", exclude="^/logs/tail$"),
    "file-service": Service("opsbuddy_file_service.main", {"UPLOAD_IDLE_SECONDS": "5"}),
    "timeseries-service": Service(
        "opsbuddy_timeseries_service.main",
        exclude="^/api/v1/write$",  # protocol buffers in snappy, which are made by a test of its own
    ),
}


@pytest.mark.process
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_answers_whatever_its_document_allows_as_it_says(name: str, tmp_path: Path) -> None:
    service = SERVICES[name]
    process = Process(service.module, {"DATA_DIR": str(tmp_path)} | service.environment, tmp_path / "log")
    await process.start()
    try:
        code, output = await asyncio.to_thread(_run, service, process.url, tmp_path)
    finally:
        await process.end()
    assert code == 0, output[-12_000:]


def _run(service: Service, url: str, folder: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", "--seed", "1"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", "50"]
    command += ["--max-time", str(SECONDS), "--suppress-health-check", "all", "--no-color", "--request-timeout", "10"]
    if service.exclude:
        command += ["--exclude-path-regex", service.exclude]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout + done.stderr
