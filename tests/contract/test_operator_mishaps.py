"""What went wrong for users of other operators, tried on ours: each is refused, explained or works, and holds nothing else up."""

import asyncio
import json

import pytest

from opsbuddy_core.routes import CONFIG_MAP
from opsbuddy_operator.cluster.api import ConflictError
from opsbuddy_operator.cluster.client import connect
from tests.contract.apiserver import get, kubectl, refusal
from tests.contract.cluster import PATHS, SOON, gateway, kubelet
from tests.contract.test_operator import quiet, resource, serve_table
from tests.support.wait import eventually

pytestmark = pytest.mark.contract
SCALED = {
    "autoscaling": {"minReplicas": 2, "maxReplicas": 4, "cpu": {"targetUtilization": 70}},
    "resources": {"requests": {"cpu": "100m"}},
}
MONITORS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "plural": "servicemonitors", "listKind": "ServiceMonitorList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}


@pytest.fixture
def run(apiserver, namespace):
    """Run kubectl in the namespace."""

    def run(*arguments: str, document=None) -> str:
        return kubectl(apiserver, *arguments, "-n", namespace, document=document)

    return run


async def replicas(cluster, wanted: int):
    async def found():
        live = await cluster.get("deployments", "web")
        return live and live["spec"]["replicas"] == wanted

    await eventually(found, within=60, what=f"the Deployment has {wanted} replicas")


class TestScaling:
    """kubernetes/kubernetes#111781, kubernetes/kubernetes#79365."""

    async def test_kubectl_scale_changes_what_runs_and_an_apply_of_the_manifest_keeps_it(self, cluster, run):
        run("apply", "-f", "-", document=resource())
        await replicas(cluster, 1)
        run("scale", "obs", "web", "--replicas=3")
        await replicas(cluster, 3)
        async with kubelet(cluster):
            await cluster.until("web")
        run("apply", "-f", "-", document=resource())
        await cluster.until("web", "Progressing", "False", "RolledOut")
        assert (await cluster.get("deployments", "web"))["spec"]["replicas"] == 3

    async def test_an_autoscaled_service_begins_with_its_fewest_pods(self, cluster):
        await cluster.apply(resource(**SCALED))
        await replicas(cluster, 2)

    async def test_pods_scaled_to_nothing_behind_the_autoscaler_come_back(self, cluster, run):
        await cluster.apply(resource(**SCALED))
        await replicas(cluster, 2)
        run("scale", "deployment", "web", "--replicas=0")
        await replicas(cluster, 2)

    async def test_an_autoscaler_of_somebody_else_is_named_and_not_fought(self, cluster, run, running):
        await cluster.apply(resource())
        await replicas(cluster, 1)
        run("autoscale", "deployment", "web", "--name=theirs", "--min=3", "--max=4", "--cpu=50%")
        stalled = await cluster.until("web", "Stalled", reason="ForeignAutoscaler")
        assert "HorizontalPodAutoscaler theirs" in stalled["message"]
        await replicas(cluster, 3)
        before = await quiet(cluster, running)
        await asyncio.sleep(5)  # the autoscaler looks every two seconds
        assert running.writes() == before[0]
        assert (await cluster.get("deployments", "web"))["spec"]["replicas"] == 3
        await cluster.delete("horizontalpodautoscalers", "theirs")
        await replicas(cluster, 1)
        await cluster.until("web", "Stalled", "False")


class TestNames:
    """kubernetes-sigs/mcp-lifecycle-operator#85, agentgateway/agentgateway#2249."""

    async def test_a_resource_with_the_name_of_an_installed_operator_harms_nothing_of_it(self, cluster, run):
        name = "opsbuddy-operator"
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm"}
        metadata = {"name": name, "labels": labels}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
        rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": cluster.namespace}
        foreign = [
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"selector": {"matchLabels": labels}, "template": template}},
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 8080}]}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            rbac | {"kind": "Role", "rules": []},
            rbac | {"kind": "RoleBinding", "subjects": [subject], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}},
            {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": {"maxUnavailable": 1}},
        ]  # fmt: skip
        run("apply", "-f", "-", document=foreign)

        def seen():
            found = [json.loads(run("get", obj["kind"], name, "-o", "json")) for obj in foreign]
            return [{"uid": obj["metadata"]["uid"], "labels": obj["metadata"]["labels"], "owners": obj["metadata"].get("ownerReferences"),
                     "rest": [obj.get(part) for part in ("spec", "rules", "subjects", "roleRef")]} for obj in found]  # fmt: skip

        before = seen()
        await cluster.apply(resource(name, role="Gateway", disruptionBudget={"minAvailable": 2}))
        stalled = await cluster.until(name, "Stalled", reason="NameTaken")
        for obj in foreign:
            assert f"{obj['kind']} {name} exists and is not ours" in stalled["message"]
        assert seen() == before
        await cluster.delete("obs", name)

        async def gone():
            return await cluster.get("configmaps", CONFIG_MAP) is None

        await eventually(gone, within=SOON)
        assert seen() == before

    async def test_the_api_server_lets_no_apply_fall_on_what_took_an_objects_place(
        self, apiserver, cluster, run, monkeypatch
    ):
        monkeypatch.setenv("KUBECONFIG", str(apiserver))
        run("create", "serviceaccount", "other")
        for name in ("other", "nobody"):
            metadata = {"name": name, "namespace": cluster.namespace, "uid": "00000000-0000-0000-0000-000000000001"}
            async with connect(10) as api:
                with pytest.raises(ConflictError):
                    await api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


class TestLabels:
    """Altinity/clickhouse-operator#487, zakkg3/ClusterSecret#146."""

    async def test_nothing_of_the_resources_metadata_reaches_a_child_and_pruning_finds_them_all_the_same(
        self, cluster, run
    ):
        body = resource(**SCALED)
        body["metadata"]["labels"] = {"app.kubernetes.io/instance": "shop", "kustomize.toolkit.fluxcd.io/name": "shop"}
        run("apply", "-f", "-", document=body)

        async def made():
            return await cluster.get("horizontalpodautoscalers", "web")

        await eventually(made, within=SOON)
        plurals = ("deployments", "services", "serviceaccounts", "horizontalpodautoscalers")
        everything = str([await cluster.list(plural, "opsbuddy.dev/service=web") for plural in plurals])
        assert "shop" not in everything
        assert "last-applied-configuration" not in everything
        body["metadata"]["labels"] = dict.fromkeys(body["metadata"]["labels"], "other")
        run("apply", "-f", "-", document=body)
        run("apply", "-f", "-", document=resource() | {"metadata": body["metadata"]})

        async def pruned():
            return not await cluster.list("horizontalpodautoscalers")

        await eventually(pruned, within=SOON)

    @pytest.mark.parametrize("label", ["app.kubernetes.io/managed-by", "opsbuddy.dev/service"])
    async def test_a_label_of_a_child_that_a_tool_takes_over_is_put_back(self, cluster, label):
        await cluster.apply(resource())
        await cluster.until("web", "Progressing")
        kinds = ("deployments", "services", "serviceaccounts")
        before = [(await cluster.get(plural, "web"))["metadata"] for plural in kinds]
        for plural in kinds:
            await cluster.patch(plural, "web", {"metadata": {"labels": {label: "Helm"}}})

        async def put_back():
            found = [(await cluster.get(plural, "web"))["metadata"] for plural in kinds]
            assert [each["labels"] for each in found] == [each["labels"] for each in before]
            return [each["uid"] for each in found] == [each["uid"] for each in before]

        await eventually(put_back, within=SOON)
        assert (await cluster.condition("web", "Stalled"))["status"] == "False"


class TestEnvironmentAndPorts:
    """stackabletech/hdfs-operator#497, kubernetes/kubernetes#113482, kubernetes/kubernetes#131147."""

    async def test_a_doubled_name_is_refused_by_name(self, apiserver, cluster):
        body = resource(env=[{"name": "FOO", "value": "1"}, {"name": "FOO", "value": "2"}])
        words = refusal(apiserver, "create", "-n", cluster.namespace, "-f", "-", document=body)
        assert "spec.env" in words

    async def test_what_a_pod_template_doubles_works_and_later_changes_go_through(self, cluster):
        doubled = [{"name": "FOO", "value": "1"}, {"name": "FOO", "value": "2"}]
        side = {
            "name": "side",
            "image": "x",
            "env": doubled,
            "ports": [{"name": "http", "containerPort": 8001}, {"name": "http2", "containerPort": 8001}],
        }
        own = {"name": "web", "env": [*doubled, {"name": "SERVICE_PORT", "value": "1"}], "ports": [{"name": "http", "containerPort": 9}]}  # fmt: skip
        users = [{"name": "LOG_LEVEL", "value": "DEBUG"}, {"name": "SERVICE_PORT", "value": "8001"}]
        spec = {"env": users, "podTemplate": {"spec": {"containers": [side, own]}}}
        await cluster.apply(resource(**spec))
        await cluster.until("web", "Stalled", "False")
        await cluster.apply(resource(**spec, image={"repository": "example.com/web", "tag": "2"}))

        async def rolled():
            found = (await cluster.get("deployments", "web"))["spec"]["template"]["spec"]["containers"]
            return found if found[0]["image"] == "example.com/web:2" else None

        found = await eventually(rolled, within=SOON)
        for container in found:
            names = [entry["name"] for entry in container["env"]]
            assert len(names) == len(set(names))
        assert [(port["name"], port["containerPort"]) for port in found[0]["ports"]] == [("http", 8001)]
        assert found[0]["name"] == "web", "the port's name means the first container that has it"

    async def test_what_no_pod_can_have_is_explained_and_holds_nothing_else_up(self, cluster):
        template = {"spec": {"containers": [{"name": "side", "image": "x", "ports": "many"}]}}
        await cluster.apply(resource(podTemplate=template, config={"environment": {"A": "1"}}))
        stalled = await cluster.until("web", "Stalled", reason="ApiRefused")
        assert "Deployment web" in stalled["message"]
        assert await cluster.get("services", "web")
        await cluster.apply(resource(podTemplate=template, config={"environment": {"A": "2"}}))

        async def through():
            return (await cluster.get("configmaps", "web"))["data"]["A"] == "2"

        await eventually(through, within=SOON)
        await cluster.apply(resource())
        await cluster.until("web", "Stalled", "False")

    async def test_a_changed_port_is_the_only_one_everywhere_and_so_is_the_way_back(self, cluster, run):
        async with gateway() as door, kubelet(cluster):
            await cluster.apply(resource("gateway", role="Gateway", port=door.port))

            async def settled(port: int):
                await serve_table(cluster, door)
                ready = await cluster.condition("web")
                table = (await cluster.get("configmaps", CONFIG_MAP))["data"]["routes.json"]
                return ready.get("status") == "True" and f'"port":{port}' in table.replace(" ", "")

            for port, old in ((8001, 9001), (9001, 8001), (8001, 9001)):
                await cluster.apply(resource(port=port, replicas=2, route={"prefix": "/api/web"}, networkPolicy={}))
                await eventually(lambda port=port: settled(port), within=40, every=0.2, what=f"settled on {port}")
                everything = run(
                    "get", "service,deployment,networkpolicy", "-l", "opsbuddy.dev/service=web", "-o", "json"
                )
                specs = json.dumps([obj["spec"] for obj in json.loads(everything)["items"]])
                table = (await cluster.get("configmaps", CONFIG_MAP))["data"]["routes.json"]
                assert str(old) not in specs + table
                assert str(port) in specs
                assert str(port) in table


class TestEdits:
    """A label more in a selector selects nothing; of some fields the API server takes only one, whoever set it."""

    @pytest.mark.parametrize(
        ("kind", "edit"),
        [
            ("service", [{"op": "add", "path": "/spec/selector/x", "value": "y"}]),
            ("networkpolicy", [{"op": "add", "path": "/spec/podSelector/matchLabels/x", "value": "y"}]),
            ("networkpolicy", [{"op": "add", "path": "/spec/ingress/0/ports", "value": [{"port": 1}]}]),
            ("poddisruptionbudget", [{"op": "move", "from": "/spec/maxUnavailable", "path": "/spec/minAvailable"}]),
            ("deployment", [{"op": "replace", "path": "/spec/template/spec/containers/0/readinessProbe", "value": {"exec": {"command": ["x"]}}}]),
            ("deployment", [{"op": "replace", "path": "/spec/template/spec/containers/0/env/3", "value": {"name": "POD_NAME", "value": "x"}}]),
            ("deployment", [{"op": "replace", "path": "/spec/template/spec/volumes/0", "value": {"name": "tmp", "secret": {"secretName": "x"}}}]),
        ],
        ids=["service", "network policy", "ports", "disruption budget", "probe", "environment", "volume"],
    )  # fmt: skip
    async def test_what_somebody_puts_in_the_place_of_ours_goes_again(self, cluster, run, kind, edit):
        await cluster.apply(resource(disruptionBudget={"maxUnavailable": 1}, networkPolicy={}))
        await cluster.until("web", "Progressing")

        def spec():
            return json.loads(run("get", kind, "web", "-o", "json"))["spec"]

        before = spec()
        edited = run("patch", kind, "web", "--type=json", "-p", json.dumps(edit), "-o", "json")
        assert json.loads(edited)["spec"] != before

        async def undone():
            return spec() == before

        await eventually(undone, within=SOON, what=f"{kind} is as before")
        assert (await cluster.condition("web", "Stalled"))["status"] == "False"


class TestStorage:
    """OT-CONTAINER-KIT/redis-operator#1668, pingcap/tidb-operator#5651, strimzi/strimzi-kafka-operator#10818."""

    @pytest.fixture
    def bound(self, cluster, run):
        """Say for the claim that its volume is there, of a class that lets it grow, or not."""

        async def bound(name: str, *, grows: bool) -> None:
            storage_class = {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": name},
                "provisioner": "example.com/none",
            }
            run("apply", "-f", "-", document=storage_class | {"allowVolumeExpansion": grows})
            await cluster.apply(resource(storage={"size": "1Gi", "storageClass": name}))

            async def there():
                return await cluster.get("persistentvolumeclaims", "web")

            await eventually(there, within=SOON)
            source = {"driver": "example.com", "volumeHandle": cluster.namespace}
            volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": cluster.namespace}}
            spec = {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": name,
                "csi": source,
            }
            claim = {"namespace": cluster.namespace, "name": "web"}
            run("apply", "-f", "-", document=volume | {"spec": spec | {"claimRef": claim}})

            async def is_bound():
                return (await cluster.get("persistentvolumeclaims", "web"))["status"].get("phase") == "Bound"

            await eventually(is_bound, within=40)

        return bound

    def spec(self, name: str, size: str, **more):
        return resource(storage={"size": size, "storageClass": name}, **more)

    async def size(self, cluster):
        return (await cluster.get("persistentvolumeclaims", "web"))["spec"]["resources"]["requests"]["storage"]

    async def test_a_size_that_cannot_be_is_explained_while_the_rest_goes_on_and_the_way_back_is_open(
        self, cluster, running, bound
    ):
        await bound("fixed", grows=False)
        version = (await cluster.get("persistentvolumeclaims", "web"))["metadata"]["resourceVersion"]
        await cluster.apply(self.spec("fixed", "1024Mi"))
        await quiet(cluster, running)
        assert (await cluster.get("persistentvolumeclaims", "web"))["metadata"]["resourceVersion"] == version

        before = running.metric("opsbuddy_operator_api_failures_total", kind="PersistentVolumeClaim")
        await cluster.apply(self.spec("fixed", "2Gi", env=[{"name": "A", "value": "1"}]))
        stalled = await cluster.until("web", "Stalled", reason="StorageImmutable")
        assert "storage.size" in stalled["message"]
        env = (await cluster.get("deployments", "web"))["spec"]["template"]["spec"]["containers"][0]["env"]
        assert {"name": "A", "value": "1"} in env
        for number in range(10):
            await cluster.patch("obs", "web", {"metadata": {"annotations": {"touch": str(number)}}})
            await asyncio.sleep(0.2)
        assert running.metric("opsbuddy_operator_api_failures_total", kind="PersistentVolumeClaim") - before <= 3

        await cluster.apply(self.spec("fixed", "1Gi"))
        await cluster.until("web", "Stalled", "False")
        await cluster.apply(self.spec("fixed", "512Mi"))
        stalled = await cluster.until("web", "Stalled", reason="StorageImmutable")
        assert "storage.size" in stalled["message"]
        assert await self.size(cluster) == "1Gi"

    async def test_growth_by_hand_is_left_and_growth_that_has_not_come_about_can_be_taken_back(
        self, cluster, running, bound
    ):
        await bound("growing", grows=True)
        await cluster.apply(self.spec("growing", "2Gi"))

        async def grown():
            return await self.size(cluster) == "2Gi"

        await eventually(grown, within=SOON)
        await cluster.apply(self.spec("growing", "1500Mi"))

        async def taken_back():
            return await self.size(cluster) == "1500Mi"

        await eventually(taken_back, within=SOON)
        await cluster.until("web", "Stalled", "False")
        await cluster.patch("persistentvolumeclaims", "web", {"spec": {"resources": {"requests": {"storage": "3Gi"}}}})
        await quiet(cluster, running)
        assert await self.size(cluster) == "3Gi"
        assert (await cluster.condition("web", "Stalled"))["status"] == "False"


class TestWhatTheClusterLacksOrRefuses:
    """opensearch-project/opensearch-k8s-operator#1493, open-telemetry/opentelemetry-operator#2810."""

    async def test_an_absent_api_is_named_the_rest_runs_and_the_object_comes_with_the_api(self, apiserver, cluster):
        async with kubelet(cluster):
            await cluster.apply(resource(serviceMonitor={"labels": {"release": "prometheus"}}))
            stalled = await cluster.until("web", "Stalled", reason="ApiMissing")
            assert "monitoring.coreos.com/v1" in stalled["message"]
            await cluster.until("web", "Available", within=40)
            kubectl(apiserver, "apply", "-f", "-", document=MONITORS)
            try:
                await cluster.until("web", within=90)
                monitor = get(apiserver, "servicemonitors", "web", "-n", cluster.namespace)
                assert monitor["metadata"]["labels"]["release"] == "prometheus"
                assert monitor["metadata"]["ownerReferences"]
            finally:
                kubectl(apiserver, "delete", "crd", MONITORS["metadata"]["name"])

    async def test_what_an_admission_policy_refuses_is_told_in_its_words_until_it_lets_it_through(
        self, apiserver, cluster
    ):
        policy = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}]},
            "validations": [{"expression": "object.spec.replicas < 2", "message": "no more than one pod here"}],
        }  # fmt: skip
        selector = {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}}
        binding = {"policyName": cluster.namespace, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector}}  # fmt: skip
        metadata = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": cluster.namespace}}
        kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
        documents = [
            metadata | {"kind": kind, "spec": spec} for kind, spec in zip(kinds, (policy, binding), strict=True)
        ]
        kubectl(apiserver, "apply", "-f", "-", document=documents)

        async def enforced():
            labels = {"a": "b"}
            template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
            probe = {"selector": {"matchLabels": labels}, "replicas": 2, "template": template}
            body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "probe"}, "spec": probe}
            try:
                await cluster.create("deployments", body)
            except RuntimeError:
                return True
            await cluster.delete("deployments", "probe")
            return False

        await eventually(enforced, within=40, every=0.5)
        await cluster.apply(resource(replicas=2))
        stalled = await cluster.until("web", "Stalled", reason="ApiRefused")
        assert "no more than one pod here" in stalled["message"]
        assert "Deployment web" in stalled["message"]
        assert await cluster.get("services", "web")
        kubectl(apiserver, "delete", "-f", "-", document=documents)
        await cluster.until("web", "Stalled", "False", within=60)
        assert await cluster.get("deployments", "web")

    async def test_a_quota_that_has_no_room_for_the_routing_table_leaves_services_running(self, cluster, run):
        async def counted():
            hard = json.loads(run("get", "resourcequota", "none", "-o", "json")).get("status", {}).get("hard")
            return hard == {"count/configmaps": "0"}

        async with gateway() as door, kubelet(cluster):
            run("create", "quota", "none", "--hard=count/configmaps=0")
            await eventually(counted, within=40)
            await cluster.apply(resource("gateway", role="Gateway", port=door.port))
            await cluster.apply(resource(route={"prefix": "/api/web"}))
            await cluster.until("web", "Available", within=40)
            told = await cluster.until("web", "RoutesProgrammed", "False", "ApiRefused")
            assert CONFIG_MAP in told["message"]
            assert "quota" in told["message"]
            await cluster.until("gateway", "Stalled", reason="ApiRefused")
            run("delete", "resourcequota", "none")
            await cluster.until("gateway", "Stalled", "False", within=60)
            await serve_table(cluster, door)
            await cluster.until("web", within=60)


class TestNamespaces:
    """kubernetes-sigs/mcp-lifecycle-operator#300, emqx/emqx-operator#1260."""

    @pytest.mark.timeout(400)
    async def test_deleted_three_times_leaves_nothing_behind_in_the_operator(self, apiserver, cluster, running):
        await cluster.apply(resource("elsewhere"))
        await cluster.until("elsewhere", "Progressing")
        errors = running.records("ERROR")

        async def at_rest():
            status = running.status()
            return status["resources"]["Unknown"] == 0 and status["queue"] | {"delayed": 0} == {
                "depth": 0,
                "running": 0,
                "delayed": 0,
            }

        for number in range(3):
            name = f"{cluster.namespace}-{number}"
            kubectl(apiserver, "create", "namespace", name)
            for service in range(6):
                more = {"storage": {"size": "1Gi"}} if service % 2 else SCALED
                kubectl(apiserver, "apply", "-n", name, "-f", "-", document=resource(f"s-{service}", **more))
            await eventually(at_rest, within=60)
            kubectl(apiserver, "delete", "namespace", name, "--timeout=90s")
            await cluster.patch("obs", "elsewhere", {"spec": {"replicas": number + 2}})

            async def reached(wanted: int = number + 2):
                return (await cluster.get("deployments", "elsewhere"))["spec"]["replicas"] == wanted

            await eventually(reached, within=SOON)

        async def forgotten():
            status = running.status()
            return sum(status["resources"].values()) == 1 and status["queue"]["delayed"] <= 1

        await eventually(forgotten, within=60, what=f"only one resource is known: {running.status()}")
        assert running.records("ERROR") == errors
        assert "Traceback" not in running.log.read_text()


class TestNesting:
    @pytest.mark.parametrize("depth", [200, 1200, 5000])
    async def test_a_resource_nested_beyond_measure_is_explained_and_holds_nothing_else_up(self, cluster, depth):
        nested = '{"x":' * depth + "1" + "}" * depth
        deep = json.dumps(resource("deep", podTemplate={"spec": {"x": "DEEP"}})).replace('"DEEP"', nested)
        path = PATHS["obs"].format(f"namespaces/{cluster.namespace}/")
        answer = await cluster.session.post(path, content=deep, headers={"content-type": "application/json"})
        assert answer.status_code == 201, answer.text[:500]
        await cluster.apply(resource())
        async with kubelet(cluster):
            await cluster.until("web")

        async def explained():
            return "nested deeper than 100 levels" in (await cluster.session.get(f"{path}/deep")).text

        await eventually(explained, within=SOON)
        await cluster.session.delete(f"{path}/deep")  # or nobody could read what is left here
