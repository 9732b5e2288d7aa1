"""The service keeps to its own OpenAPI document, whatever it is asked."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.services.utility_service.test_commands_in_process import running

SECONDS = 15
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "unsupported_method", "allow_header_conformance", "missing_required_header"),
)


@pytest.mark.process
@pytest.mark.timeout(120)
async def test_every_answer_is_one_that_the_document_allows(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        asked = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{service.http.base_url}/openapi.json"),
            *("--max-time", str(SECONDS), "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS)),
            *("--no-color", "--warnings", "off", "--seed", "1", "--generation-database", "none"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asked.communicate()
        assert asked.returncode == 0, said.decode()[-6000:]
        await service.nothing_runs()
        assert (await service.http.get("/system/audit/verify")).json()["valid"] is True
        assert (await service.http.get("/health")).status_code == 200
