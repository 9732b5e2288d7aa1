import json
from pathlib import Path

import pytest
import yaml

from opsbuddy_core.resource import OpsBuddyServiceSpec
from tests.contract.apiserver import ROOT, get, kubectl, refusal
from tests.contract.test_crd_rules import AUTOSCALING, REQUESTS, manifest

pytestmark = pytest.mark.contract
SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))


@pytest.fixture
def web(apiserver, namespace):
    """Apply a manifest of `web` with this spec; returns it as the server has it."""

    def apply(**spec):
        kubectl(apiserver, "apply", "-n", namespace, "-f", "-", document=manifest(**spec))
        return get(apiserver, "obs", "web", "-n", namespace)

    return apply


def test_kubectl_scale_works_although_the_resource_names_no_replicas(apiserver, namespace, web):
    assert "replicas" not in web()["spec"]
    kubectl(apiserver, "scale", "obs", "web", "--replicas=3", "-n", namespace)
    assert get(apiserver, "obs", "web", "-n", namespace)["spec"]["replicas"] == 3
    assert web()["spec"]["replicas"] == 3, "its own manifest is accepted as before and does not take the number back"


def test_scaling_what_is_autoscaled_is_refused_with_what_to_do(apiserver, namespace, web):
    web(autoscaling=AUTOSCALING, resources=REQUESTS)
    words = refusal(apiserver, "scale", "obs", "web", "--replicas=3", "-n", namespace)
    assert "replicas and autoscaling exclude each other" in words
    web(autoscaling=AUTOSCALING, resources=REQUESTS)


def test_a_number_that_was_scaled_to_goes_with_the_change_that_brings_an_autoscaler(apiserver, namespace, web):
    web()
    kubectl(apiserver, "scale", "obs", "web", "--replicas=3", "-n", namespace)
    document = manifest(autoscaling=AUTOSCALING, resources=REQUESTS)
    words = refusal(apiserver, "apply", "-n", namespace, "-f", "-", document=document)
    assert "replicas: null, where kubectl scale set them" in words
    change = {"spec": {"replicas": None, "autoscaling": AUTOSCALING, "resources": REQUESTS}}
    kubectl(apiserver, "patch", "obs/web", "-n", namespace, "--type=merge", "-p", json.dumps(change))
    spec = web(autoscaling=AUTOSCALING, resources=REQUESTS)["spec"]
    assert "replicas" not in spec


def test_the_scale_subresource_shows_counts_and_the_selector_of_the_pods(apiserver, namespace, web):
    web(replicas=2)
    status = {"status": {"replicas": 2, "selector": "opsbuddy.dev/service=web"}}
    kubectl(
        apiserver,
        "patch",
        "obs",
        "web",
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps(status),
    )
    path = f"/apis/opsbuddy.dev/v1alpha1/namespaces/{namespace}/opsbuddyservices/web/scale"
    scale = json.loads(kubectl(apiserver, "get", "--raw", path))
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, status["status"])


def test_status_is_a_subresource_and_only_that_writes_it(apiserver, namespace, web):
    web()
    kubectl(apiserver, "patch", "obs", "web", "-n", namespace, "--type=merge", "-p", '{"status": {"replicas": 5}}')
    assert "status" not in get(apiserver, "obs", "web", "-n", namespace)


def test_the_columns_answer_what_one_looks_for(apiserver, namespace, web):
    web()
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "PodFailing",
        "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"status": {"readyReplicas": 2, "image": "example.com/web:1", "conditions": [ready]}}
    kubectl(
        apiserver,
        "patch",
        "obs",
        "web",
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps(status),
    )
    heads, row = kubectl(apiserver, "get", "opsbuddy", "-n", namespace, "-o", "wide").splitlines()
    assert heads.split() == ["NAME", "READY", "REASON", "REPLICAS", "ROUTE", "IMAGE", "AGE"]
    assert row.split()[:-1] == ["web", "False", "PodFailing", "2", "/api/web", "example.com/web:1"]
    assert "IMAGE" not in kubectl(apiserver, "get", "obs", "-n", namespace)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("spec.route.circuitBreaker.openFor", "How long the circuit stays open"),
        ("spec.storage", "outlive"),
        ("spec.storage.onDelete", "What happens to the claim and its data"),
        ("status.conditions.reason", "in one stable word"),
    ],
)
def test_kubectl_explain_tells_of_nested_fields(apiserver, path, words):
    assert words in " ".join(kubectl(apiserver, "explain", f"obs.{path}").split())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_suits_the_server_and_the_model_alike(apiserver, namespace, path: Path):
    sample = yaml.safe_load(path.read_text())
    assert sample["metadata"] == {"name": path.stem}
    OpsBuddyServiceSpec.model_validate(sample["spec"])
    made = json.loads(
        kubectl(apiserver, "apply", "--server-side", "--dry-run=server", "-n", namespace, "-o", "json", "-f", str(path))
    )
    read = OpsBuddyServiceSpec.model_validate(made["spec"])
    assert read == OpsBuddyServiceSpec.model_validate(sample["spec"]), "the server's defaults are the model's"
