"""What holds for every object of the charts, whatever the values: each set of values in ci/, and none at all."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts import helm
from tests.charts.cases import CASES, Case
from tests.charts.effects import rendered
from tests.charts.helm import Object, name_of, pods

pytestmark = pytest.mark.charts

LABELS = {
    "app.kubernetes.io/instance": "test",
    "app.kubernetes.io/version": "0.1.0",
    "app.kubernetes.io/part-of": "opsbuddy",
    "app.kubernetes.io/managed-by": "Helm",
}
ROLES = {"Role", "ClusterRole"}


@pytest.fixture(params=CASES, ids=str)
def case(request) -> Case:
    return request.param


@pytest.fixture
def objects(case) -> list[Object]:
    return rendered(case.chart, case.values)


def test_every_pod_passes_restricted_pod_security(objects):
    for name, _, spec in pods(objects):
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        assert not [volume for volume in spec.get("volumes", ()) if "hostPath" in volume], name
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


def test_every_container_asks_for_what_it_needs_and_has_a_limit_of_memory(objects):
    for name, _, spec in pods(objects):
        for container in spec["containers"]:
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name
    for obj in helm.of_kind(objects, "OpsBuddyService"):
        assert {"cpu", "memory"} <= obj["spec"]["resources"]["requests"].keys(), name_of(obj)
        assert "memory" in obj["spec"]["resources"]["limits"], name_of(obj)


def test_no_pod_gets_service_links(objects):
    """A Service called influxdb would set INFLUXDB_PORT to tcp://..."""
    assert [name for name, _, spec in pods(objects) if spec["enableServiceLinks"] is not False] == []


def test_only_pods_that_talk_to_the_api_server_have_a_token(objects):
    with_token = {name for name, _, spec in pods(objects) if spec["automountServiceAccountToken"]}
    assert with_token <= {"Deployment opsbuddy-operator", "Job opsbuddy-crd-upgrade"}
    for account in helm.of_kind(objects, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False, "whoever else uses the account gets none"


def test_every_object_and_every_pod_has_the_labels(objects):
    for obj in objects:
        assert obj["metadata"]["labels"].items() >= LABELS.items(), name_of(obj)
        assert obj["metadata"]["labels"]["helm.sh/chart"].endswith("-0.1.0"), name_of(obj)
    for name, metadata, _ in pods(objects):
        assert metadata["labels"].items() >= LABELS.items(), name
        assert metadata["labels"]["app.kubernetes.io/name"], name


def test_no_object_is_made_twice(objects):
    names = [(name_of(obj), obj["metadata"].get("namespace")) for obj in objects]
    assert sorted(names, key=str) == sorted(set(names), key=str)


def test_a_selector_finds_the_pods_it_is_meant_for_and_outlives_an_upgrade(objects):
    labels = [metadata["labels"] for _, metadata, _ in pods(objects)]
    for obj in objects:
        found = selector(obj)
        if found is not None:
            assert found.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}, name_of(obj)
            assert len([each for each in labels if found.items() <= each.items()]) == 1, name_of(obj)


def selector(obj: Object) -> Any:
    """The labels by which an object finds pods."""
    spec = obj.get("spec", {})
    if obj["kind"] == "Service":
        return spec["selector"]
    if obj["kind"] in {"Deployment", "PodDisruptionBudget"}:
        return spec["selector"]["matchLabels"]
    return spec["podSelector"]["matchLabels"] if obj["kind"] == "NetworkPolicy" else None


def test_what_is_secret_is_in_secrets_alone(objects):
    """Neither the data of a Secret nor anything that looks like a password or token of its own."""
    secrets = helm.of_kind(objects, "Secret")
    values = [value for secret in secrets for value in (secret.get("data") or {}).values()]
    values += [base64.b64decode(value).decode() for value in values]
    for obj in objects:
        if obj not in secrets:
            assert not [value for value in values if value in json.dumps(obj)], name_of(obj)
    for name, variables in environments(objects):
        for variable in variables:
            if any(word in variable["name"] for word in ("TOKEN", "PASSWORD")):
                assert "secretKeyRef" in variable.get("valueFrom", {}), f"{name}: {variable['name']}"


def environments(objects: list[Object]) -> Iterator[tuple[str, list[Any]]]:
    for name, _, spec in pods(objects):
        yield name, spec["containers"][0].get("env", [])
    for obj in helm.of_kind(objects, "OpsBuddyService"):
        yield name_of(obj), obj["spec"].get("env", [])


def test_no_rule_grants_more_than_it_names(objects):
    for obj in objects:
        if obj["kind"] in ROLES:
            granted = [
                word for rule in obj["rules"] for part in ("apiGroups", "resources", "verbs") for word in rule[part]
            ]
            assert not {"*", "escalate", "bind", "impersonate"} & set(granted), name_of(obj)


def test_every_binding_names_a_role_that_is_there_and_an_account_of_the_release(objects):
    accounts = {obj["spec"]["template"]["spec"].get("serviceAccountName") for obj in helm.of_kind(objects, "Job")}
    accounts |= {
        obj["spec"]["template"]["spec"].get("serviceAccountName") for obj in helm.of_kind(objects, "Deployment")
    }
    roles = {(obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace")) for obj in objects}
    for obj in objects:
        if obj["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            assert (obj["roleRef"]["kind"], obj["roleRef"]["name"], obj["metadata"].get("namespace")) in roles
            assert [subject["namespace"] for subject in obj["subjects"]] == ["test"], name_of(obj)
            assert {subject["name"] for subject in obj["subjects"]} <= accounts, name_of(obj)


def test_a_hook_goes_before_it_comes_again_and_ends_some_time(objects):
    for obj in objects:
        annotations = obj["metadata"].get("annotations", {})
        if "helm.sh/hook" in annotations:
            assert "before-hook-creation" in annotations["helm.sh/hook-delete-policy"], name_of(obj)
        if obj["kind"] == "Job":
            assert "helm.sh/hook" in annotations, f"{name_of(obj)} cannot be changed by an upgrade"
            assert obj["spec"]["activeDeadlineSeconds"] <= 600, name_of(obj)
            assert "backoffLimit" in obj["spec"], name_of(obj)


def test_images_and_credentials_come_from_the_registry_that_is_set_everywhere(case):
    registry = {"imageRegistry": "registry.example.com", "imagePullSecrets": ["shared"]}
    objects = rendered(case.chart, {**case.values, "global": registry})
    for name, _, spec in pods(objects):
        assert {"name": "shared"} in spec["imagePullSecrets"], name
        for container in spec["containers"]:
            own = container["name"] == "influxdb"  # its repository is complete, as values.yaml says
            assert container["image"].startswith("registry.example.com/") is not own, name
    for obj in helm.of_kind(objects, "OpsBuddyService"):
        assert obj["spec"]["image"]["repository"].startswith("registry.example.com/"), name_of(obj)
        assert "shared" in obj["spec"]["image"]["pullSecrets"], name_of(obj)
