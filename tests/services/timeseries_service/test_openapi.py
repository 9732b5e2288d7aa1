"""The service asked what its own OpenAPI document allows, and what it does not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from tests.support.processes import Process

EXAMPLES = 15


@schemathesis.serializer("application/x-protobuf")
def any_bytes(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    process = Process("opsbuddy_timeseries_service.main", {"DATA_DIR": str(tmp_path)}, tmp_path / "log")
    await process.start()
    yield process
    await process.end()


@pytest.mark.process
@pytest.mark.timeout(120)
async def test_no_request_makes_the_service_fail(process: Process) -> None:
    schema = schemathesis.openapi.from_url(f"{process.url}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=[not_a_server_error], timeout=10)

        ask()
        asked += 1
    assert asked > 10
