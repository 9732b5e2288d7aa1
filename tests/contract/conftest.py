from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract.apiserver import kubectl, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("contract") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(180))  # the first one starts the server, on a machine that may be busy


@pytest.fixture(scope="session")
def apiserver() -> Iterator[Path]:
    """Kubeconfig of a real API server with controllers and the CRD."""
    with running() as kubeconfig:
        yield kubeconfig


@pytest.fixture
def namespace(apiserver: Path) -> str:
    """A fresh namespace; it stays, as does everything in it, until the server ends."""
    name = f"t-{uuid4().hex[:8]}"
    kubectl(apiserver, "create", "namespace", name)
    return name
