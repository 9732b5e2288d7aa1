from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract import apiserver as server
from tests.contract.apiserver import kubectl
from tests.contract.cluster import Cluster, session
from tests.contract.operator_process import OperatorProcess, operator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("contract") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(180))  # the first one starts the server, on a machine that may be busy


@pytest.fixture(scope="session")
def apiserver() -> Iterator[Path]:
    """Kubeconfig of a real API server with controllers and the CRD."""
    with server.running() as kubeconfig:
        yield kubeconfig


@pytest.fixture
def namespace(apiserver: Path) -> str:
    """A fresh namespace; it stays, as does everything in it, until the server ends."""
    name = f"t-{uuid4().hex[:8]}"
    kubectl(apiserver, "create", "namespace", name)
    return name


@pytest.fixture(scope="module")
def running(apiserver: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator that serves the tests of a module."""
    # what other modules left has deadlines, whose writes would fall into counts here
    kubectl(apiserver, "delete", "opsbuddyservices", "--all", "--all-namespaces")
    with operator(
        apiserver, tmp_path_factory.mktemp("operator"), LEADER_ELECTION="false", REFERENCE_SECONDS="1"
    ) as process:
        yield process


@pytest.fixture
async def cluster(apiserver: Path, namespace: str, running: OperatorProcess) -> AsyncIterator[Cluster]:
    """A fresh namespace that the operator serves."""
    await running.ready()
    async with session(apiserver) as opened:
        made = Cluster(opened, namespace)
        yield made
        # likewise
        for left in await made.list("obs"):
            await made.delete("obs", left["metadata"]["name"])
