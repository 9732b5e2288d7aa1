"""Three replicas of the file service on PostgreSQL and S3: one truth behind the gateway, whichever replica answers and whichever dies."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.compose.project import LABEL, URLS, compose, run, traces
from tests.support import store_images
from tests.support.wait import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]
IMAGES = {"POSTGRES_IMAGE": store_images.POSTGRES, "S3_IMAGE": store_images.S3}
ENVIRONMENT = {**IMAGES, "FILE_PORT": "32101-32109", "UTILITY_PORT": "32111-32119", "DEMO_DATA": "0"}


def shared(*arguments: str) -> str:
    return compose("--env-file", "manifests/compose/shared.env", *arguments, **ENVIRONMENT)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    store_images.build(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def replicas(images: None) -> Iterator[dict[str, str]]:
    """The address of each replica by the name of its container; nothing is left of them in the end, whatever failed."""
    try:
        shared("up", "-d", "--scale", "file-service=3", "gateway")
        yield addresses()
    finally:
        shared("down", "--volumes")
    assert traces() == {"containers": [], "networks": [], "volumes": []}


@pytest.fixture
async def gateway(replicas: dict[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=URLS["gateway"], timeout=20) as client:

        async def all_known() -> bool:
            try:
                status = (await client.get("/status")).json()
            except httpx2.TransportError:  # the last that starts
                return False
            (files,) = [each for each in status["services"] if each["name"] == "file-service"]
            return len(files["endpoints"]) == 3

        await eventually(all_known, within=60, every=0.5, what="the gateway knows three replicas")
        yield client


def addresses() -> dict[str, str]:
    listed = run(
        "docker", "ps", "--quiet", "--filter", LABEL, "--filter", "label=com.docker.compose.service=file-service"
    )
    found = json.loads(run("docker", "inspect", *listed.split()))
    ports = {each["Name"].strip("/"): each["NetworkSettings"]["Ports"]["8001/tcp"][0]["HostPort"] for each in found}
    return {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


async def upload(gateway: httpx2.AsyncClient, content: bytes) -> str:
    sent = await gateway.post("/api/files/upload", files={"file": ("one.bin", content)})
    assert sent.status_code == 201, sent.text
    return str(sent.json()["id"])


async def test_a_file_sent_through_the_gateway_is_read_from_each_replica(
    gateway: httpx2.AsyncClient, replicas: dict[str, str]
) -> None:
    content = b"the same for all" * 100_000
    file_id = await upload(gateway, content)
    assert len(replicas) == 3
    async with httpx2.AsyncClient(timeout=20) as client:
        for name, address in replicas.items():
            read = await client.get(f"{address}/files/{file_id}/download")
            assert (read.status_code, read.content == content) == (200, True), name
            state = (await client.get(f"{address}/status")).json()["state"]
            assert (state["database"], state["object_store"], state["shared"]) == ("postgresql", "s3", True), name


async def test_nobody_who_reads_sees_that_a_replica_is_killed(
    gateway: httpx2.AsyncClient, replicas: dict[str, str]
) -> None:
    content = b"still there"
    file_id = await upload(gateway, content)
    killed, read = asyncio.Event(), 0

    async def reader() -> None:
        nonlocal read
        after = 0
        while after < 100:
            answer = await gateway.get(f"/api/files/{file_id}/download")
            assert (answer.status_code, answer.content) == (200, content), answer.text
            read += 1
            after += killed.is_set()

    async def reads() -> bool:
        return read > 20

    async def killer() -> None:
        await eventually(reads, within=20, every=0.01, what="reads are under way")
        await asyncio.to_thread(run, "docker", "kill", min(replicas))
        killed.set()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(reader())
        tasks.create_task(killer())
