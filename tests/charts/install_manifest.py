"""manifests/install.yaml: the install without Helm, from the operator's chart."""

from typing import Any

import yaml

from tests.charts.helm import OPERATOR, render

NAMESPACE = "opsbuddy-system"
HEADER = f"""# The operator and its CRD, without Helm:   kubectl apply --server-side -f install.yaml
# Then the services of the stack:           kubectl apply -f samples/      in a namespace of your choice
# Generated from charts/opsbuddy-operator, into the namespace {NAMESPACE}; change the chart and run `make generate`.
"""
AT_CLUSTER_SCOPE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
FIRST = ("Namespace", "CustomResourceDefinition")


def text() -> str:
    """Return the file."""
    objects = [_namespace(), *render(OPERATOR, {"crds": {"keep": False}}, namespace=NAMESPACE, release="opsbuddy")]
    objects.sort(key=lambda obj: FIRST.index(obj["kind"]) if obj["kind"] in FIRST else len(FIRST))
    body: str = yaml.safe_dump_all([_without_helm(obj) for obj in objects], sort_keys=False, width=140)
    return HEADER + body


def _namespace() -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "opsbuddy", "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _without_helm(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = obj["metadata"]
    labels = {
        name: value
        for name, value in metadata["labels"].items()
        if name not in ("helm.sh/chart", "app.kubernetes.io/managed-by")
    }
    namespace = {} if obj["kind"] in AT_CLUSTER_SCOPE else {"namespace": NAMESPACE}
    if obj["kind"] == "Deployment":
        for name in ("helm.sh/chart", "app.kubernetes.io/managed-by"):
            obj["spec"]["template"]["metadata"]["labels"].pop(name)
    return {**obj, "metadata": {**metadata, **namespace, "labels": labels}}
