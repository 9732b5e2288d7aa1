"""The kind cluster with the whole stack, as tests/cluster/install.sh leaves it."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.contract.cluster import Cluster, session
from tests.e2e.failure import report
from tests.e2e.namespaces import PREFIX
from tests.e2e.operator_pods import Operator, OperatorPods
from tests.e2e.release import STACK, Release
from tests.support.programs import CACHE
from tests.ui.conftest import browser

__all__ = ["browser"]  # a fixture of the web UI's tests
KUBECONFIG = Path(os.environ.get("CLUSTER_KUBECONFIG", CACHE / "kubeconfig"))
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give them time, and put the look back over the whole run at its end."""
    for item in items:
        if item.get_closest_marker("e2e") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(180))
    items.sort(key=lambda item: "test_afterwards" in item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    outcome = yield
    if outcome.failed and outcome.when in ("setup", "call") and KUBECONFIG.exists():
        used = item.funcargs.get("cluster") if isinstance(item, pytest.Function) else None
        namespace = used.namespace if isinstance(used, Cluster) else STACK
        outcome.sections.append((f"namespace {namespace}", report(KUBECONFIG, namespace)))
    return outcome


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    if not KUBECONFIG.exists():
        pytest.fail("there is no cluster: bring it up with `make up`")
    return KUBECONFIG


@pytest.fixture(scope="session", autouse=True)
def operator_pods(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorPods]:
    """What the operator's pods do and say during the whole run."""
    pods = OperatorPods(kubeconfig, tmp_path_factory.mktemp("operator"))
    pods.start()
    yield pods
    pods.stop()


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with session(kubeconfig) as opened:
        yield opened


@pytest.fixture
def stack(api: httpx2.AsyncClient) -> Cluster:
    """The namespace of the stack."""
    return Cluster(api, STACK)


@pytest.fixture
def operator(api: httpx2.AsyncClient) -> Operator:
    return Operator(api, STACK)


@pytest.fixture(scope="session")
def release(kubeconfig: Path) -> Release:
    return Release(kubeconfig)


@pytest.fixture
async def cluster(api: httpx2.AsyncClient) -> AsyncIterator[Cluster]:
    """A fresh namespace that lets in nothing but restricted pods; it goes with all in it, and nobody waits for that."""
    name = f"{PREFIX}{uuid4().hex[:8]}"
    namespace = Cluster(api, name)
    await namespace.create("namespaces", {"metadata": {"name": name, "labels": RESTRICTED}})
    yield namespace
    await namespace.delete("namespaces", name)
