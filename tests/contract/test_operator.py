"""What the operator promises, seen from outside: a real API server and its controllers, the operator as a process of its own."""

import asyncio
import base64

import pytest

from opsbuddy_core.routes import CONFIG_MAP, HASH_ANNOTATION, RoutingTable
from tests.contract.cluster import SOON, Cluster, GatewayStatus, gateway, kubelet
from tests.contract.operator_process import OperatorProcess
from tests.support.wait import eventually

pytestmark = pytest.mark.contract


def resource(name: str = "web", **spec):
    return {
        "apiVersion": "opsbuddy.dev/v1alpha1",
        "kind": "OpsBuddyService",
        "metadata": {"name": name},
        "spec": {"image": {"repository": "example.com/web", "tag": "1"}, "port": 8001} | spec,
    }


async def quiet(cluster: Cluster, running: OperatorProcess, seconds: float = 2.0):
    """Wait until nothing was written for some seconds."""
    loop = asyncio.get_running_loop()
    last, since = None, loop.time()

    async def still():
        nonlocal last, since
        now = running.writes(), await cluster.versions(), running.status()["queue"]
        if now != last:
            last, since = now, loop.time()
        return loop.time() - since > seconds

    await eventually(still, within=40, every=0.2, what="nothing is written")
    return last


async def serve_table(cluster: Cluster, door: GatewayStatus) -> RoutingTable:
    """Let the gateway take over the table that is there, and return it."""
    live = await cluster.get("configmaps", CONFIG_MAP)
    assert live, "there is no routing table yet"
    door.serves = live["metadata"]["annotations"][HASH_ANNOTATION]
    return RoutingTable.parse(live["data"]["routes.json"])


async def test_a_resource_gets_its_objects_and_a_status_and_is_not_touched_itself(cluster, running):
    async with kubelet(cluster):
        await cluster.apply(resource())
        ready = await cluster.until("web")
    assert ready["reason"] == "AllReady"
    live = await cluster.get("obs", "web")
    children = {
        p: await cluster.list(p, "opsbuddy.dev/service=web") for p in ("deployments", "services", "serviceaccounts")
    }
    assert {plural: len(found) for plural, found in children.items()} == {
        "deployments": 1,
        "services": 1,
        "serviceaccounts": 1,
    }
    for (child,) in children.values():
        assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [live["metadata"]["uid"]]
    assert "finalizers" not in live["metadata"]
    assert "annotations" not in live["metadata"]
    assert (live["status"]["observedGeneration"], live["status"]["replicas"]) == (1, 1)
    told = [
        event["reason"] for event in await cluster.list("events") if event["regarding"]["kind"] == "OpsBuddyService"
    ]
    assert "RolledOut" in told


async def test_a_settled_resource_costs_no_write(cluster, running):
    async with kubelet(cluster):
        await cluster.apply(
            resource(autoscaling={"maxReplicas": 3, "cpu": {}}, resources={"requests": {"cpu": "100m"}})
        )
        await cluster.until("web", "Available")
        before = await quiet(cluster, running)
        await cluster.patch("obs", "web", {"metadata": {"labels": {"looked": "at"}}})
        await cluster.patch("deployments", "web", {"metadata": {"labels": {"looked": "at"}}})
        after = await quiet(cluster, running, 3)
    assert after[0] == before[0]


async def test_edits_by_hand_are_undone_and_what_others_add_stays(cluster, running):
    await cluster.apply(resource(replicas=2))
    await cluster.until("web", "Progressing")
    added = {"labels": {"team": "blue"}, "annotations": {"example.com/note": "kept"}}
    container = {"name": "web", "image": "example.com/other:2"}
    strategic = {"spec": {"replicas": 5, "template": {"spec": {"containers": [container]}}}, "metadata": added}
    await cluster.session.patch(
        f"apis/apps/v1/namespaces/{cluster.namespace}/deployments/web",
        json=strategic,
        headers={"content-type": "application/strategic-merge-patch+json"},
    )

    async def undone():
        live = await cluster.get("deployments", "web")
        return live if live["spec"]["replicas"] == 2 else None

    live = await eventually(undone, within=SOON)
    assert [c["image"] for c in live["spec"]["template"]["spec"]["containers"]] == ["example.com/web:1"]
    assert live["metadata"]["labels"]["team"] == "blue"
    assert live["metadata"]["annotations"]["example.com/note"] == "kept"


async def test_a_child_that_somebody_deletes_comes_back(cluster, running):
    await cluster.apply(resource())
    await cluster.until("web", "Progressing")
    gone = (await cluster.get("services", "web"))["metadata"]["uid"]
    await cluster.delete("services", "web")

    async def back():
        live = await cluster.get("services", "web")
        return live and live["metadata"]["uid"] != gone

    await eventually(back, within=SOON)


async def test_an_autoscaler_comes_without_a_drop_is_not_fought_and_goes_with_its_field(cluster, running):
    scaled = {
        "autoscaling": {"minReplicas": 2, "maxReplicas": 9, "cpu": {}},
        "resources": {"requests": {"cpu": "100m"}},
    }
    async with kubelet(cluster):
        await cluster.apply(resource(replicas=4))
        await cluster.until("web")
        seen = []

        async def switched():
            seen.append((await cluster.get("deployments", "web"))["spec"]["replicas"])
            return await cluster.list("horizontalpodautoscalers")

        body = resource(**scaled)
        await cluster.apply(body)
        await eventually(switched, within=SOON, every=0.01)
        await cluster.patch("deployments", "web", {"spec": {"replicas": 7}}, "")  # as the autoscaler does
        before = await quiet(cluster, running)
        assert (await cluster.get("deployments", "web"))["spec"]["replicas"] == 7
        assert set(seen) == {4}
        await cluster.patch("obs", "web", {"metadata": {"annotations": {"touch": "1"}}})
        assert (await quiet(cluster, running))[0] == before[0]
        await cluster.apply(resource(replicas=3))

        async def fixed():
            replicas = (await cluster.get("deployments", "web"))["spec"]["replicas"]
            return replicas == 3 and not await cluster.list("horizontalpodautoscalers")

        await eventually(fixed, within=SOON)


async def test_strangers_with_our_names_are_left_alone_and_the_resource_heals_when_they_go(cluster, running):
    labels = {"app": "foreign"}
    container = {"name": "c", "image": "example.com/foreign:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    foreign = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    await cluster.create("deployments", foreign | {"spec": {"selector": {"matchLabels": labels}, "template": template}})
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    await cluster.create("services", service)
    before = await cluster.get("deployments", "web"), await cluster.get("services", "web")
    await cluster.apply(resource())
    stalled = await cluster.until("web", "Stalled", reason="NameTaken")
    assert "Deployment web exists and is not ours" in stalled["message"]
    assert "Service web exists and is not ours" in stalled["message"]
    after = await cluster.get("deployments", "web"), await cluster.get("services", "web")
    for one, other in zip(before, after, strict=True):
        assert (one["spec"], one["metadata"]["uid"]) == (other["spec"], other["metadata"]["uid"])
        assert "ownerReferences" not in other["metadata"]
    await cluster.delete("deployments", "web")
    await cluster.delete("services", "web")
    async with kubelet(cluster):
        await cluster.until("web", within=60)
    assert (await cluster.get("deployments", "web"))["metadata"]["ownerReferences"]


async def test_deleting_the_resource_spares_strangers(cluster, running):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    uid = (await cluster.create("services", service))["metadata"]["uid"]
    await cluster.apply(resource())
    await cluster.until("web", "Stalled", reason="NameTaken")
    await cluster.delete("obs", "web")

    async def cleaned():
        return not await cluster.list("serviceaccounts", "opsbuddy.dev/service=web")

    await eventually(cleaned, within=SOON)
    assert (await cluster.get("services", "web"))["metadata"]["uid"] == uid


async def test_the_claim_outlives_its_field_and_its_resource(cluster, running):
    storage = {"size": "1Gi", "mountPath": "/data"}

    async def claim():
        found = await cluster.list("persistentvolumeclaims")
        assert len(found) == 1
        return found[0]["metadata"]["uid"]

    async def mounted():
        live = await cluster.get("deployments", "web")
        assert live, "there is no Deployment yet"
        return any("persistentVolumeClaim" in volume for volume in live["spec"]["template"]["spec"].get("volumes", ()))

    async def unmounted():
        return not await mounted()

    await cluster.apply(resource(storage=storage))
    first = await eventually(claim, within=SOON)
    await eventually(mounted, within=SOON)
    await cluster.apply(resource())
    await eventually(unmounted, within=SOON)
    assert await claim() == first
    await cluster.apply(resource(storage=storage))
    await eventually(mounted, within=SOON)
    await cluster.delete("obs", "web")

    async def gone():
        return not await cluster.list("deployments")

    await eventually(gone, within=SOON)
    assert await claim() == first
    await cluster.apply(resource(storage=storage))

    await eventually(mounted, within=SOON)
    assert await claim() == first


async def test_a_secret_that_comes_changes_and_goes_rolls_the_pods_once_for_each_change(cluster, running):
    async def secret(value: str):
        encoded = base64.b64encode(value.encode()).decode()
        await cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"K": encoded}})

    async def template():
        return (await cluster.get("deployments", "web"))["spec"]["template"]["metadata"].get("annotations")

    async with kubelet(cluster):
        await cluster.apply(resource(envFrom=[{"secretRef": {"name": "db"}}], secrets=[{"name": "db"}]))
        stalled = await cluster.until("web", "Stalled", reason="ReferenceMissing")
        assert "Secret db" in stalled["message"]
        await secret("1")
        await cluster.until("web")
        first, generation = await template(), (await cluster.get("deployments", "web"))["metadata"]["generation"]
        await secret("2")

        async def rolled():
            return await template() != first

        await eventually(rolled, within=SOON)
        await quiet(cluster, running)
        assert (await cluster.get("deployments", "web"))["metadata"]["generation"] == generation + 1
        second, pods = await template(), {pod["metadata"]["uid"] for pod in await cluster.list("pods")}
        await cluster.delete("secrets", "db")
        await cluster.until("web", "Stalled", reason="ReferenceMissing")
        assert await template() == second
        assert {pod["metadata"]["uid"] for pod in await cluster.list("pods")} == pods
        assert "ReferenceMissing" in [event["reason"] for event in await cluster.list("events")]
    assert base64.b64encode(b"2").decode() not in running.log.read_text()


async def test_suspend_means_hands_off(cluster, running):
    await cluster.apply(resource(replicas=2))
    await cluster.until("web", "Progressing")
    await cluster.apply(resource(replicas=2, suspend=True))
    await cluster.until("web", "Suspended")
    await cluster.patch("deployments", "web", {"spec": {"replicas": 4}})
    await cluster.apply(resource(replicas=2, suspend=True, port=9001))
    await quiet(cluster, running)
    live = await cluster.get("deployments", "web")
    assert live["spec"]["replicas"] == 4
    await cluster.apply(resource(replicas=2, port=9001))

    async def taken_up():
        return (await cluster.get("deployments", "web"))["spec"]["replicas"] == 2

    await eventually(taken_up, within=SOON)


async def test_labels_of_the_resource_reach_no_child_and_changing_them_writes_nothing(cluster, running):
    body = resource()
    tracking = {
        "app.kubernetes.io/instance": "shop",
        "argocd.argoproj.io/instance": "shop",
        "app.kubernetes.io/managed-by": "Helm",
        "kustomize.toolkit.fluxcd.io/name": "shop",
    }
    notes = {"argocd.argoproj.io/tracking-id": "shop", "meta.helm.sh/release-name": "shop"}
    body["metadata"] |= {"labels": tracking, "annotations": notes}
    await cluster.apply(body)
    await cluster.until("web", "Progressing")
    before = await quiet(cluster, running)
    everything = str([await cluster.list(plural) for plural in ("deployments", "services", "serviceaccounts", "pods")])
    assert "shop" not in everything
    assert "Helm" not in everything
    body["metadata"] |= {"labels": dict.fromkeys(tracking, "other"), "annotations": dict.fromkeys(notes, "other")}
    await cluster.apply(body)
    after = await quiet(cluster, running)
    assert after[0] == before[0]


async def test_a_name_that_is_deleted_and_made_anew_gets_its_objects_anew(cluster, running):
    await cluster.apply(resource())
    await cluster.until("web", "Progressing")
    await cluster.delete("obs", "web")
    await cluster.apply(resource())

    async def anew():
        live = await cluster.get("obs", "web")
        found = [await cluster.get(plural, "web") for plural in ("deployments", "services", "serviceaccounts")]
        return all(
            child and child["metadata"]["ownerReferences"][0]["uid"] == live["metadata"]["uid"] for child in found
        )

    await eventually(anew, within=40)


async def test_one_refused_object_stops_no_other_and_is_not_tried_in_a_loop(cluster, running):
    ingress = {"host": "not a host!"}
    await cluster.apply(resource(ingress=ingress))
    stalled = await cluster.until("web", "Stalled", reason="ApiRefused")
    assert "Ingress web" in stalled["message"]
    assert await cluster.get("deployments", "web")
    before = running.metric("opsbuddy_operator_api_failures_total", kind="Ingress")
    for number in range(5):
        await cluster.patch("obs", "web", {"metadata": {"annotations": {"touch": str(number)}}})
        await asyncio.sleep(0.2)
    assert running.metric("opsbuddy_operator_api_failures_total", kind="Ingress") - before <= 1
    await cluster.apply(resource(ingress={"host": "web.example.com"}))
    await cluster.until("web", "Stalled", "False")


async def test_the_gateway_routes_what_is_ready_and_says_so(cluster, running):
    async with gateway() as door, kubelet(cluster, unready := {"b"}):
        await cluster.apply(resource("a", route={"prefix": "/api/a"}))
        await cluster.until("a", "RoutesProgrammed", "False", "NoGateway")
        assert await cluster.get("configmaps", CONFIG_MAP) is None
        await cluster.apply(resource("gateway", role="Gateway", port=door.port))
        await cluster.apply(resource("b", route={"prefix": "/api/b"}))
        await cluster.until("a", "RoutesProgrammed", "False", "WaitingForGateway")
        await cluster.until("b", "RoutesProgrammed", "False", "WaitingForEndpoint")

        async def table():
            return [route.prefix for route in (await serve_table(cluster, door)).routes]

        assert await table() == ["/api/a"]
        await cluster.until("a")
        await quiet(cluster, running)
        asked = door.asked
        await quiet(cluster, running, 3)
        assert door.asked == asked, "the gateway is asked although nobody waits"

        unready.clear()

        async def both():
            return await table() == ["/api/a", "/api/b"]

        await eventually(both, within=SOON)
        await cluster.until("b")
        unready.add("a")  # a route stays while its service restarts
        await cluster.until("a", status="False")
        assert await table() == ["/api/a", "/api/b"]
        await cluster.delete("obs", "a")

        async def left():
            return await table() == ["/api/b"]

        await eventually(left, within=SOON)


async def test_a_prefix_belongs_to_the_oldest_and_the_younger_takes_over_when_it_goes(cluster, running):
    async with gateway() as door, kubelet(cluster):
        await cluster.apply(resource("gateway", role="Gateway", port=door.port))
        await cluster.apply(resource("b", route={"prefix": "/api/x"}))
        await asyncio.sleep(1.1)  # creation times have seconds
        await cluster.apply(resource("a", route={"prefix": "/api/x"}))
        conflict = await cluster.until("a", "RoutesProgrammed", "False", "RouteConflict")
        assert "belongs to b" in conflict["message"]
        await cluster.delete("obs", "b")

        async def serve():
            await serve_table(cluster, door)
            return (await cluster.condition("a")).get("status") == "True"

        await eventually(serve, within=SOON)


async def test_a_table_that_somebody_edits_is_put_right_and_goes_with_the_last_gateway(cluster, running):
    async with gateway() as door, kubelet(cluster):
        await cluster.apply(resource("gateway", role="Gateway", port=door.port))

        async def there():
            return await cluster.get("configmaps", CONFIG_MAP)

        first = await eventually(there, within=SOON)
        await cluster.patch("configmaps", CONFIG_MAP, {"data": {"routes.json": "{}"}})

        async def right():
            return (await there())["data"] == first["data"]

        await eventually(right, within=SOON)
        await cluster.delete("obs", "gateway")

        async def gone():
            return await there() is None

        await eventually(gone, within=SOON)


async def test_a_namespace_can_be_deleted_quietly(cluster, running):
    for number in range(5):
        await cluster.apply(resource(f"disk-{number}", storage={"size": "1Gi"}))
        scaled = {"autoscaling": {"maxReplicas": 3, "cpu": {}}, "resources": {"requests": {"cpu": "100m"}}}
        await cluster.apply(resource(f"auto-{number}", **scaled))
    for number in range(5):
        await cluster.until(f"disk-{number}", "Progressing")
        await cluster.until(f"auto-{number}", "Progressing")
    errors = running.records("ERROR")
    await cluster.session.delete(f"api/v1/namespaces/{cluster.namespace}")

    async def gone():
        return (await cluster.session.get(f"api/v1/namespaces/{cluster.namespace}")).status_code == 404

    await eventually(gone, within=90, every=0.5)
    refused = [
        r for r in running.records() if r["message"] == "Refused" and r["data"]["namespace"] == cluster.namespace
    ]
    assert not refused
    assert running.records("ERROR") == errors

    async def forgotten():
        return running.status()["queue"]["depth"] == 0

    await eventually(forgotten, within=SOON)
    text = running.log.read_text()
    assert "Traceback" not in text
