"""What is built, against a real API server: it takes it, keeps it, and lets go of what is left out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from opsbuddy_operator.decide.decision import decide
from opsbuddy_operator.decide.desired import desired
from opsbuddy_operator.decide.verdict import judge
from opsbuddy_operator.models import FIELD_MANAGER, HANDOVER_MANAGER, Decision, Object, Observed, ref
from tests.contract.apiserver import get, kubectl
from tests.contract.test_crd_rules import REQUESTS, manifest

pytestmark = pytest.mark.contract
INPUTS = sorted((Path(__file__).parents[1] / "data/operator/input").glob("*.yaml"))
KINDS = (
    "serviceaccounts,configmaps,persistentvolumeclaims,roles,rolebindings,networkpolicies,services,deployments,poddisruptionbudgets,"
    "horizontalpodautoscalers,ingresses"
)


@dataclass(frozen=True)
class Service:
    """One resource on the server, and the operator's part done by hand, step by step."""

    kubeconfig: Path
    namespace: str
    name: str

    def observed(self) -> Observed:
        resource = get(self.kubeconfig, "obs", self.name, "-n", self.namespace)
        selector = f"opsbuddy.dev/service={self.name}"
        children = get(self.kubeconfig, KINDS, "-n", self.namespace, "-l", selector)["items"]
        return Observed(resource, children=tuple(children), absent={"ServiceMonitor": "the API is not there"})

    def change(self, **spec: Any) -> None:
        """Apply the resource with this spec."""
        self._kubectl("apply", "-f", "-", document=manifest(self.name, **spec))

    def act(self) -> Decision:
        """Do what is decided; returns it."""
        decision = decide(self.observed())
        self._apply(decision.handover, HANDOVER_MANAGER)
        for patch in decision.repair:
            body = json.dumps({"spec": patch["spec"]})
            self._kubectl(
                "patch", patch["kind"], self.name, "--type=strategic", f"--field-manager={FIELD_MANAGER}", "-p", body
            )
        self._apply(decision.apply, FIELD_MANAGER, "--force-conflicts")
        for where in decision.delete:
            self._kubectl("delete", where.kind, where.name)
        return decision

    def live(self, kind: str) -> Any:
        return get(self.kubeconfig, kind, self.name, "-n", self.namespace)

    def edit(self, kind: str, body: Any, how: str = "merge") -> None:
        """Change an object by hand."""
        self._kubectl("patch", kind, self.name, f"--type={how}", "-p", json.dumps(body))

    def _apply(self, objects: Iterable[Object], manager: str, *more: str) -> None:
        """Apply all in one go, in this order: each start of kubectl takes its time."""
        if documents := list(objects):
            self._kubectl("apply", "--server-side", f"--field-manager={manager}", *more, "-f", "-", document=documents)

    def _kubectl(self, *arguments: str, document: Any = None) -> None:
        kubectl(self.kubeconfig, *arguments, "-n", self.namespace, document=document)


@pytest.fixture
def web(apiserver, namespace):
    service = Service(apiserver, namespace, "web")

    def start(**spec: Any) -> Service:
        service.change(**spec)
        service.act()
        return service

    return start


def container(service: Service) -> Any:
    return service.live("deployment")["spec"]["template"]["spec"]["containers"][0]


def revision(service: Service) -> int:
    """Count the changes of the Deployment's spec so far."""
    return int(service.live("deployment")["metadata"]["generation"])


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_what_is_built_is_accepted_and_applying_it_again_writes_nothing(apiserver, namespace, path):
    resource = yaml.safe_load(path.read_text())
    kubectl(apiserver, "apply", "-n", namespace, "-f", "-", document=resource)
    service = Service(apiserver, namespace, resource["metadata"]["name"])
    built = {obj["kind"] for obj in service.act().apply}
    assert built == {obj["kind"] for obj in desired(service.observed())} - {"ServiceMonitor"}
    first = {
        obj["kind"]: obj["metadata"]["resourceVersion"]
        for obj in service.observed().children
        if obj["kind"] in ("Service", "Ingress", "ConfigMap")
    }
    assert decide(service.observed()) == Decision(), "the server's way of writing looks like a change"
    service._apply([obj for obj in desired(service.observed()) if obj["kind"] in built], FIELD_MANAGER)
    again = {
        obj["kind"]: obj["metadata"]["resourceVersion"] for obj in service.observed().children if obj["kind"] in first
    }
    assert first == again


def test_a_new_port_leaves_no_old_entry_anywhere(web):
    service = web(networkPolicy={})
    service.change(port=9001, networkPolicy={})
    assert service.act().repair == ()
    assert [entry["port"] for entry in service.live("service")["spec"]["ports"]] == [9001]
    assert container(service)["ports"] == [{"name": "http", "containerPort": 9001, "protocol": "TCP"}]
    for kind in ("service", "deployment", "networkpolicy"):
        live = service.live(kind)
        assert "8001" not in json.dumps(live["spec"])
    assert decide(service.observed()) == Decision()


def test_a_new_port_goes_through_although_somebody_holds_on_to_the_old_entry(web):
    service = web()
    service.edit("service", [{"op": "add", "path": "/spec/ports/0/appProtocol", "value": "http"}], "json")
    service.change(port=9001)
    assert len(service.act().repair) == 1
    assert [entry["port"] for entry in service.live("service")["spec"]["ports"]] == [9001]
    assert decide(service.observed()) == Decision()
    service.change(port=9002)
    service.act()
    assert [entry["port"] for entry in service.live("service")["spec"]["ports"]] == [9002]


@pytest.mark.parametrize("kind", ["service", "deployment"])
def test_a_port_that_is_changed_by_hand_is_put_back(web, kind):
    service = web()
    path = {"service": "/spec/ports/0/port", "deployment": "/spec/template/spec/containers/0/ports/0/containerPort"}[
        kind
    ]
    service.edit(kind, [{"op": "replace", "path": path, "value": 9999}], "json")
    service.act()
    assert "9999" not in json.dumps(service.live(kind)["spec"])
    assert decide(service.observed()) == Decision()


def test_a_sidecars_port_and_an_injected_label_stay(web):
    service = web()
    service.edit("service", {"metadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}}})
    template = {
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "injected", "image": "x", "ports": [{"containerPort": 15000}]}]}
            }
        }
    }
    service.edit("deployment", template, "strategic")
    assert decide(service.observed()) == Decision()
    service.change(env=[{"name": "A", "value": "b"}])
    service.act()
    names = [each["name"] for each in service.live("deployment")["spec"]["template"]["spec"]["containers"]]
    assert sorted(names) == ["injected", "web"]


def test_env_keeps_the_users_order_also_when_that_changes(web):
    def order() -> list[str]:
        return [entry["name"] for entry in container(service)["env"] if entry["name"] in "ABC"]

    service = web(env=[{"name": name, "value": "1"} for name in "CA"])
    assert order() == ["C", "A"]
    service.change(env=[{"name": name, "value": "1"} for name in "ABC"])
    service.act()
    assert order() == ["A", "B", "C"]


def test_a_value_becomes_a_reference_and_back(web):
    secret = {"valueFrom": {"secretKeyRef": {"name": "db", "key": "host"}}}
    service = web(env=[{"name": "HOST", "value": "db"}])
    for entry in ({"name": "HOST", **secret}, {"name": "HOST", "value": "db"}):
        service.change(env=[entry])
        service.act()
        assert container(service)["env"][-1] == entry


def test_an_entry_that_the_template_has_too_is_there_once(web):
    entries = [{"name": "LOG_LEVEL", "value": "1"}, {"name": "SERVICE_PORT", "value": "1"}]
    sidecar = {"name": "side", "image": "x", "ports": [{"name": "http", "containerPort": 8001}]}
    template = {"spec": {"containers": [{"name": "web", "env": entries}, sidecar]}}
    service = web(env=[{"name": "LOG_LEVEL", "value": "DEBUG"}], podTemplate=template)
    env = container(service)["env"]
    assert len({entry["name"] for entry in env}) == len(env)
    assert {"name": "LOG_LEVEL", "value": "DEBUG"} in env
    assert decide(service.observed()) == Decision()


def test_storage_comes_and_goes_with_its_rollout_strategy_and_the_claim_stays(web):
    service = web()
    for storage, strategy in (
        ({"size": "1Gi"}, {"type": "Recreate"}),
        (None, None),
        ({"size": "1Gi"}, {"type": "Recreate"}),
    ):
        service.change(storage=storage)
        service.act()
        found = service.live("deployment")["spec"]["strategy"]
        assert found == (
            strategy or {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}
        )
        assert decide(service.observed()) == Decision()
    assert service.live("persistentvolumeclaim")["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_an_equal_size_in_another_unit_is_not_written(web):
    service = web(storage={"size": "1Gi"})
    before = service.live("persistentvolumeclaim")["metadata"]["resourceVersion"]
    service.change(storage={"size": "1024Mi"})
    assert "PersistentVolumeClaim" not in [obj["kind"] for obj in service.act().apply]
    assert service.live("persistentvolumeclaim")["metadata"]["resourceVersion"] == before


def test_a_claim_that_cannot_grow_holds_nothing_else_up_and_the_way_back_is_open(web):
    service = web(storage={"size": "1Gi"})
    service.change(storage={"size": "2Gi"}, env=[{"name": "A", "value": "b"}])
    claim, deployment = decide(service.observed()).apply
    with pytest.raises(RuntimeError) as refused:
        service._apply([claim], FIELD_MANAGER)
    service._apply([deployment], FIELD_MANAGER)
    observed = replace(service.observed(), failures={ref(claim): str(refused.value)})
    stalled = next(
        each for each in judge(observed, datetime.now(UTC)).status["conditions"] if each["type"] == "Stalled"
    )
    assert (stalled["status"], stalled["reason"]) == ("True", "StorageImmutable")
    assert "storage.size 2Gi" in stalled["message"]
    service.change(storage={"size": "1Gi"}, env=[{"name": "A", "value": "b"}])
    assert decide(service.observed()) == Decision()


def test_an_autoscaler_takes_over_the_live_number_and_gives_it_back(web):
    service = web(replicas=3, resources=REQUESTS)
    service.change(autoscaling={"minReplicas": 2, "maxReplicas": 5, "cpu": {}}, resources=REQUESTS)
    assert len(service.act().handover) == 1
    assert service.live("deployment")["spec"]["replicas"] == 3
    assert decide(service.observed()) == Decision()
    kubectl(service.kubeconfig, "scale", "deployment", "web", "--replicas=4", "-n", service.namespace)
    assert decide(service.observed()) == Decision(), "the autoscaler's number is not ours to change"
    service.change(autoscaling=None, replicas=2, resources=REQUESTS)
    service.act()
    assert service.live("deployment")["spec"]["replicas"] == 2


def test_what_is_left_out_of_the_spec_leaves_the_objects(apiserver, namespace):
    full = yaml.safe_load((INPUTS[0].parent / "full.yaml").read_text())
    service = Service(apiserver, namespace, full["metadata"]["name"])
    service.change(**full["spec"])
    service.act()
    service.change(resources=REQUESTS)
    assert {ref.kind for ref in service.act().delete} == {
        "ConfigMap",
        "HorizontalPodAutoscaler",
        "Ingress",
        "NetworkPolicy",
        "PodDisruptionBudget",
    }
    assert {obj["kind"] for obj in service.observed().children} == {"ServiceAccount", "Service", "Deployment"}
    pod = service.live("deployment")["spec"]["template"]["spec"]
    assert {"nodeSelector", "tolerations", "affinity", "imagePullSecrets", "priorityClassName"}.isdisjoint(pod)
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp"]
    assert [each["name"] for each in pod["containers"]] == ["shop"]
