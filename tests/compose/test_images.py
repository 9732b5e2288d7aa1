"""Each image by itself, as `docker run -p PORT:PORT opsbuddy-<service>` starts it: no settings, no other service."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator

import httpx2
import pytest

from tests.compose.project import OFFSET, SERVICES, run
from tests.contract.description.installation import PORTS
from tests.support.wait import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(120)]
GRACE = 10  # seconds that `docker stop` gives unless told otherwise


@pytest.fixture(params=PORTS)
def service(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def container(service: str) -> Iterator[str]:
    name, port = f"opsbuddy-test-{uuid.uuid4().hex[:8]}", PORTS[service]
    published = f"127.0.0.1:{port + OFFSET}:{port}"
    try:
        run("docker", "run", "--detach", "--name", name, "--publish", published, SERVICES[service]["image"])
        yield name
    finally:
        run("docker", "rm", "--force", "--volumes", name)


async def test_an_image_alone_is_healthy_not_root_and_ends_when_it_is_told_to(service: str, container: str) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{PORTS[service] + OFFSET}", timeout=10) as http:

        async def healthy() -> bool:
            try:
                answer = await http.get("/health")
            except httpx2.TransportError:
                return False
            assert answer.status_code == 200, answer.text
            return bool(answer.json()["status"] == "healthy")

        await eventually(healthy, within=60, every=0.2, what=f"{service} answers on its port")
    assert run("docker", "exec", container, "id", "-u").strip() == "1000"
    begun = time.monotonic()
    await asyncio.to_thread(run, "docker", "stop", container)
    assert time.monotonic() - begun < GRACE
    state = json.loads(run("docker", "inspect", "--format", "{{json .State}}", container))
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False), run("docker", "logs", "--tail", "20", container)
