"""A settled cluster costs the API server nothing."""

import asyncio
import re
import time
from typing import Any

import httpx2
import pytest

from tests.contract.cluster import CHILDREN, Cluster
from tests.contract.description.installation import PREFIXES
from tests.e2e.namespaces import leftovers
from tests.e2e.operator_pods import Operator
from tests.support.wait import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
WINDOW = 60  # seconds
WRITTEN = {
    *CHILDREN,
    "opsbuddyservices",
    "poddisruptionbudgets",
    "networkpolicies",
    "ingresses",
    "roles",
    "rolebindings",
    "events",
}
REQUESTS = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)


async def taken(api: httpx2.AsyncClient) -> dict[str, float]:
    """Return the writes that the API server took from anybody, of what the operator may write, by its own count."""
    counts: dict[str, float] = {}
    for labels, value in REQUESTS.findall((await api.get("metrics")).text):
        told = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if told["resource"] in WRITTEN and told["verb"] in {"POST", "PUT", "PATCH", "APPLY", "DELETE"}:
            what = f"{told['verb']} {told['resource']}/{told['subresource']}"
            counts[what] = counts.get(what, 0) + float(value)
    return counts


async def present(stack: Cluster, operator: Operator) -> dict[str, Any]:
    versions = {f"{plural} {name}": version for (plural, name), version in (await stack.versions()).items()}
    events = {event["metadata"]["name"]: event["metadata"]["resourceVersion"] for event in await stack.list("events")}
    return {"sent": await operator.writes(), "taken": await taken(stack.session), "events": events, **versions}


async def test_nobody_writes_for_a_minute_although_requests_come_in(stack, operator):
    """By the operator's count, by the API server's, and by the versions of all objects. The Lease alone is renewed."""
    before: dict[str, Any] = {}
    since = time.monotonic()

    async def settled() -> bool:
        nonlocal before, since
        assert not await leftovers(stack.session), "what other tests left behind is still being removed"
        now = await present(stack, operator)
        if now != before:
            before, since = now, time.monotonic()
        return time.monotonic() - since > 3

    await eventually(settled, within=120, every=0.5, what="nothing is written any more")
    assert sum(before["sent"].values()), "the operator counts nothing"
    assert sum(before["taken"].values()), "the API server counts nothing"
    until = time.monotonic() + WINDOW
    while time.monotonic() < until:
        for prefix in PREFIXES:
            await stack.session.get(f"api/v1/namespaces/{stack.namespace}/services/gateway:8000/proxy{prefix}")
        await asyncio.sleep(1)
    after = await present(stack, operator)
    assert after.pop("events").items() <= before.pop("events").items()  # old ones expire
    assert after == before
