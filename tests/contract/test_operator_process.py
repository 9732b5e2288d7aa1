"""The operator as a process: restarts, replicas, rights, and an API server that says no."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import yaml
from aiohttp import web

from tests.charts import helm
from tests.contract.apiserver import CRD, install_crd, kill, kubectl, running, start_again
from tests.contract.cluster import SOON, Cluster, gateway, kubelet, session
from tests.contract.operator_process import OperatorProcess, operator
from tests.contract.test_operator import quiet, resource, serve_table
from tests.support.wait import eventually

pytestmark = pytest.mark.contract

ACCOUNT = "opsbuddy-operator"


@pytest.fixture
async def cluster(apiserver: Path, namespace: str) -> AsyncIterator[Cluster]:
    async with session(apiserver) as opened:
        yield Cluster(opened, namespace)


def alone(cluster: Cluster) -> dict[str, str]:
    """Settings of an operator that serves this namespace only."""
    return {"WATCH_NAMESPACES": cluster.namespace, "POD_NAMESPACE": cluster.namespace}


async def test_a_restart_writes_nothing(apiserver, cluster, tmp_path):
    async with gateway() as door, kubelet(cluster):
        with operator(apiserver, tmp_path, **alone(cluster)) as process:
            await process.ready()
            await cluster.apply(resource("gateway", role="Gateway", port=door.port))
            for number in range(5):
                await cluster.apply(
                    resource(f"s-{number}", route={"prefix": f"/api/{number}"}, storage={"size": "1Gi"})
                )

            async def serve():
                await serve_table(cluster, door)
                return [await cluster.until(f"s-{number}", within=0) for number in range(5)]

            await eventually(serve, within=40, every=0.3)
            await quiet(cluster, process)
            assert process.end() == 0
            before = await cluster.versions()
            process.start()
            await process.ready()

            async def leads():
                return process.status()["leads"]

            await eventually(leads, within=SOON)
            _, after, _ = await quiet(cluster, process, 4)
            assert process.writes() == {}
            assert after == before


async def test_killed_at_any_moment_it_goes_on_where_it_was(apiserver, cluster, tmp_path):
    with operator(apiserver, tmp_path, LEADER_ELECTION="false", **alone(cluster)) as process:
        await process.ready()
        for number in range(12):
            await cluster.apply(resource(f"s-{number}", config={"environment": {"A": "1"}}))
        for wave in range(3):

            async def begun(least: int = 3 * wave):
                return len(await cluster.list("deployments")) > least

            await eventually(begun, within=SOON, every=0.01)
            process.end(signal.SIGKILL)
            process.start()

        async def complete():
            counts = [
                len(await cluster.list(plural, "opsbuddy.dev/service"))
                for plural in ("deployments", "services", "configmaps")
            ]
            assert counts == [12, 12, 12]
            return [await cluster.until(f"s-{number}", "Progressing", within=0) for number in range(12)]

        await eventually(complete, within=40)


async def test_of_two_replicas_one_writes_and_the_other_takes_over(apiserver, cluster, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        operator(apiserver, tmp_path / "a", POD_NAME="a", **alone(cluster)) as one,
        operator(apiserver, tmp_path / "b", POD_NAME="b", **alone(cluster)) as other,
    ):
        await one.ready()
        await other.ready()

        async def leaders() -> list[OperatorProcess]:
            return [p for p in (one, other) if p.process and p.process.poll() is None and p.status()["leads"]]

        async def one_leads():
            found = await leaders()
            assert len(found) == 1
            return found[0]

        leader = await eventually(one_leads, within=SOON)
        standby = other if leader is one else one
        await cluster.apply(resource("first"))
        await cluster.until("first", "Progressing")
        assert standby.writes() == {}

        async def knows_it_too() -> bool:
            return sum(standby.status()["resources"].values()) == 1

        await eventually(knows_it_too, within=SOON, what="the standby has seen the resource too")

        assert leader.end() == 0
        begun = asyncio.get_running_loop().time()
        await cluster.apply(resource("second"))
        await cluster.until("second", "Progressing")
        assert asyncio.get_running_loop().time() - begun < 10, "a Lease that was let go is free at once"

        leader.start()
        await leader.ready()
        assert await leaders() == [standby]
        standby.end(signal.SIGKILL)
        begun = asyncio.get_running_loop().time()
        await cluster.apply(resource("third"))
        await cluster.until("third", "Progressing", within=40)
        assert asyncio.get_running_loop().time() - begun < 30
        assert leader.metric("opsbuddy_operator_leader") == 1
        assert not leader.records("ERROR")


async def test_a_leader_that_cannot_renew_stops_to_write(apiserver, cluster, tmp_path):
    with operator(apiserver, tmp_path, **alone(cluster)) as process:
        await process.ready()
        await cluster.apply(resource("first"))
        await cluster.until("first", "Progressing")
        lease = await cluster.get("leases", "opsbuddy-operator")
        somebody = {
            "holderIdentity": "somebody-else",
            "renewTime": lease["spec"]["renewTime"],
            "leaseDurationSeconds": 8,
        }
        await cluster.patch("leases", "opsbuddy-operator", {"spec": somebody})

        async def follows():
            return not process.status()["leads"]

        await eventually(follows, within=SOON)
        before = process.writes()
        await cluster.apply(resource("second"))
        await asyncio.sleep(3)  # nothing tells that nothing is written; a follower that wrote would do so within a pass
        assert process.writes() == before
        await cluster.until("second", "Progressing", within=40)  # somebody else never renews


def restricted(kubeconfig: Path, namespace: str, folder: Path, *more: str) -> Path:
    """Return a kubeconfig of the account that the chart makes for these namespaces, with the rights that it gives it and no other."""
    values = {"watchNamespaces": [namespace, *more], "crds": {"enabled": False}}
    made = helm.render(helm.OPERATOR, values, namespace=namespace)
    rights = [obj for obj in made if obj["kind"] in {"ServiceAccount", "Role", "RoleBinding"}]
    for obj in rights:
        obj["metadata"].setdefault("namespace", namespace)
    kubectl(kubeconfig, "apply", "-f", "-", document=rights)
    token = kubectl(kubeconfig, "create", "token", ACCOUNT, "-n", namespace).strip()
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


async def test_a_role_in_one_namespace_is_enough(apiserver, cluster, tmp_path):
    kubeconfig = restricted(apiserver, cluster.namespace, tmp_path)
    with operator(kubeconfig, tmp_path, **alone(cluster)) as process:
        await process.ready()
        async with gateway() as door, kubelet(cluster):
            body = {
                "route": {"prefix": "/api/web"},
                "secrets": [{"name": "db"}],
                "config": {"environment": {"A": "1"}},
                "disruptionBudget": {"minAvailable": 1},
                "networkPolicy": {},
                "ingress": {"host": "web.example.com"},
                "autoscaling": {"maxReplicas": 2, "cpu": {}},
                "resources": {"requests": {"cpu": "1"}},
            }
            await cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {}})
            await cluster.apply(resource("gateway", role="Gateway", port=door.port))
            await cluster.apply(resource("web", **body))
            await cluster.apply(resource("disk", storage={"size": "1Gi"}))

            async def serve():
                await serve_table(cluster, door)
                return [await cluster.until(name, within=0) for name in ("web", "gateway", "disk")]

            await eventually(serve, within=40)
            await cluster.apply(resource("web"))
            await quiet(cluster, process)
    assert "forbidden" not in process.log.read_text().lower()
    assert not process.records("ERROR")
    assert not process.records("TEXT")


async def test_a_namespace_that_is_deleted_with_its_rights_keeps_no_other_from_being_served(
    apiserver, cluster, tmp_path
):
    gone = f"{cluster.namespace}-gone"
    kubectl(apiserver, "create", "namespace", gone)
    kubeconfig = restricted(apiserver, cluster.namespace, tmp_path, gone)
    kubectl(apiserver, "delete", "rolebindings", "--all", "-n", gone)
    settings = {"WATCH_NAMESPACES": f"{gone},{cluster.namespace}", "POD_NAMESPACE": cluster.namespace}
    with operator(kubeconfig, tmp_path, **settings, AUDIT_SECONDS="1") as process:
        await process.ready()
        await cluster.apply(resource(serviceMonitor={}))
        await cluster.until("web", "Stalled", reason="ApiMissing")
        assert await cluster.get("deployments", "web")
        there = Cluster(cluster.session, gone)
        await there.apply(resource())
        restricted(apiserver, cluster.namespace, tmp_path, gone)
        await there.until("web", "Progressing", within=80)
    assert not process.records("TEXT")


async def test_other_namespaces_are_left_alone(apiserver, cluster, tmp_path):
    elsewhere = f"{cluster.namespace}-u"
    kubectl(apiserver, "create", "namespace", elsewhere)
    kubectl(apiserver, "apply", "-n", elsewhere, "-f", "-", document=resource())
    with operator(apiserver, tmp_path, LEADER_ELECTION="false", **alone(cluster)) as process:
        await process.ready()
        await cluster.apply(resource())
        await cluster.until("web", "Progressing")
        other = Cluster(cluster.session, elsewhere)
        assert not await other.list("deployments")
        assert "status" not in await other.get("obs", "web")
    await cluster.session.delete(f"api/v1/namespaces/{elsewhere}")


async def test_it_waits_for_the_crd_and_says_so(apiserver, cluster, tmp_path):
    """The server has the CRD already, so the rights to see it come late instead: the same wait."""
    kubeconfig = restricted(apiserver, cluster.namespace, tmp_path)
    kubectl(apiserver, "delete", "rolebinding", ACCOUNT, "-n", cluster.namespace)
    with operator(kubeconfig, tmp_path, **alone(cluster)) as process:

        async def waits():
            return any("does not serve" in record["message"] for record in process.records("WARNING"))

        await eventually(waits, within=30)
        assert process.get("/health/live")[0] == 200
        assert process.get("/health/ready")[0] == 503
        restricted(apiserver, cluster.namespace, tmp_path)
        await process.ready()
        await cluster.apply(resource())
        await cluster.until("web", "Progressing")


async def test_a_crd_that_is_deleted_and_comes_back_needs_no_restart(tmp_path):
    with running() as kubeconfig, operator(kubeconfig, tmp_path, LEADER_ELECTION="false") as process:
        await process.ready()
        async with session(kubeconfig) as opened:
            cluster = Cluster(opened, "default")
            await cluster.apply(resource("first"))
            await cluster.until("first", "Progressing")
            kubectl(kubeconfig, "delete", "-f", str(CRD))

            async def waits():
                return any("CRD" in record["message"] for record in process.records("WARNING"))

            await eventually(waits, within=60, what="it says that it waits for the CRD")
            assert process.get("/health/live")[0] == 200
            install_crd(kubeconfig)
            await cluster.apply(resource("second"))
            await cluster.until("second", "Progressing", within=60)
        assert process.end() == 0


async def test_an_autoscaler_without_metrics_is_told_when_patience_ends(apiserver, cluster, tmp_path):
    scaled = {"autoscaling": {"maxReplicas": 4, "cpu": {}}, "resources": {"requests": {"cpu": "100m"}}}
    settings = alone(cluster) | {"METRICS_PATIENCE_SECONDS": "3"}
    async with kubelet(cluster):
        with operator(apiserver, tmp_path, LEADER_ELECTION="false", **settings) as process:
            await process.ready()
            await cluster.apply(resource(**scaled))
            stalled = await cluster.until("web", "Stalled", reason="AutoscalerInactive", within=90)
            assert "metrics" in stalled["message"]
            assert (await cluster.condition("web"))["status"] == "False"


async def test_an_analytics_service_that_hangs_stops_no_work_and_gets_the_logs_in_the_end(apiserver, cluster, tmp_path):
    answers, taken = asyncio.Event(), []

    async def take(request: web.Request) -> web.Response:
        body = await request.json()
        await answers.wait()
        taken.extend(body["logs"])
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/logs", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        with operator(apiserver, tmp_path, LEADER_ELECTION="false", ANALYTICS_URL=url, **alone(cluster)) as process:
            await process.ready()
            await cluster.apply(resource())
            await cluster.until("web", "Progressing")
            assert taken == []
            answers.set()

            async def shipped() -> bool:
                return {"Starting", "Everything is known"} <= {log["message"] for log in taken}

            await eventually(shipped, within=60, what="its logs arrive")
            assert {log["service"] for log in taken} == {"operator"}
            assert process.metric("opsbuddy_logs_shipped_total") >= 2
            assert process.metric("opsbuddy_logs_dropped_total") == 0
            assert process.end() == 0
    finally:
        answers.set()
        await runner.cleanup()


async def test_kopf_run_works_too(apiserver, cluster, tmp_path):
    command = ("-m", "kopf", "run", "-m", "opsbuddy_operator", "-n", cluster.namespace)
    with operator(apiserver, tmp_path, *command, **alone(cluster)) as process:
        await process.ready()
        await cluster.apply(resource())
        await cluster.until("web", "Progressing")
        assert process.end() == 0
    assert "Traceback" not in process.log.read_text()


async def test_it_outlives_an_api_server_that_goes_away(apiserver, cluster, tmp_path):
    with operator(apiserver, tmp_path, AUDIT_SECONDS="2", **alone(cluster)) as process:
        await process.ready()
        await cluster.apply(resource("first", replicas=2))
        await cluster.until("first", "Progressing")
        command = await kill(apiserver)

        async def noticed():
            return not process.status()["leads"]

        try:
            await eventually(noticed, within=40)
            assert process.get("/health/live")[0] == 200
        finally:
            start_again(apiserver, command)

        async def answers():
            try:
                return (await cluster.session.get("readyz")).status_code == 200
            except httpx2.HTTPError:
                return False

        await eventually(answers, within=60)
        await cluster.patch("deployments", "first", {"spec": {"replicas": 5}})
        await cluster.apply(resource("second"))
        await cluster.until("second", "Progressing", within=90)

        async def undone():
            return (await cluster.get("deployments", "first"))["spec"]["replicas"] == 2

        await eventually(undone, within=SOON)
        assert process.process
        assert process.process.poll() is None
    assert "Traceback" not in process.log.read_text()
