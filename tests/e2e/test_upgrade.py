"""The release is upgraded, and rolled back to what it was."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.charts import helm
from tests.contract.apiserver import kubectl
from tests.e2e.release import READY, STACK, Release
from tests.e2e.resources import service
from tests.support.wait import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade found and what it left."""

    pods_before: dict[str, str]
    pods_after: dict[str, Any]


@pytest.fixture(scope="module")
def upgraded(release: Release) -> Iterator[Upgrade]:
    """The release with a value changed and two operators; rolled back in the end."""
    revision, before = release.revision(), release.uids("pods", "-l", "opsbuddy.dev/service")
    changed = ("--set", "services.utility-service.env.LOG_LEVEL=ERROR", "--set", "operator.replicas=2")
    release.helm("upgrade", STACK, str(helm.STACK), "--reuse-values", "--wait", "--timeout=100s", *changed)
    try:
        release.kubectl(
            "wait", "--for=jsonpath={.spec.template.spec.containers[0].env[?(@.name=='LOG_LEVEL')].value}=ERROR",
            "deployment/utility-service", "--timeout=20s",
        )  # fmt: skip
        release.kubectl("rollout", "status", "deployment/utility-service", "--timeout=60s")
        release.kubectl(*READY)
        yield Upgrade(before, release.get("pods", "-l", "opsbuddy.dev/service"))
    finally:
        release.helm("rollback", STACK, revision, "--wait", "--timeout=100s")
        release.kubectl(*READY)


def test_an_upgrade_changes_what_its_values_say_and_nothing_else(upgraded: Upgrade):
    """Of the pods of before, all run on but the one that was changed."""
    fresh = [pod for name, pod in upgraded.pods_after.items() if name not in upgraded.pods_before]
    assert [pod["metadata"]["labels"]["opsbuddy.dev/service"] for pod in fresh] == ["utility-service"]
    assert {"name": "LOG_LEVEL", "value": "ERROR"} in fresh[0]["spec"]["containers"][0]["env"]


async def test_of_two_operators_the_other_takes_over_within_seconds(upgraded, cluster, operator, kubeconfig):
    async def two() -> bool:
        return len(await operator.ready()) == 2 and await operator.leader() in await operator.ready()

    await eventually(two, within=60, every=0.5, what="two operators are ready and one leads")
    killed = await operator.leader()
    arguments = ("-n", STACK, "delete", "pod", killed, "--grace-period=0", "--force")
    await asyncio.to_thread(kubectl, kubeconfig, *arguments)
    begun = time.monotonic()
    await cluster.apply(service())
    await cluster.until("web", "Progressing", "True", within=20)
    assert await operator.leader() != killed
    assert time.monotonic() - begun < 20
    await cluster.until("web", within=60)
