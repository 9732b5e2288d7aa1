"""What tests put into their namespaces: the samples, cut down to what a test needs."""

import base64
from pathlib import Path
from typing import Any

import yaml

SAMPLES = Path(__file__).parents[2] / "manifests/samples"
TIGHT = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
USER = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}


def sample(name: str) -> dict[str, Any]:
    return yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())


def gateway(**spec: Any) -> dict[str, Any]:
    """Return the gateway of a namespace that has nothing else yet."""
    body = sample("gateway")
    body["spec"] = body["spec"] | {"env": []} | spec
    return body


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    """Return a service that keeps nothing: the utility service without its volume. A field set to None is left out."""
    body = sample("utility-service")
    body["metadata"] = {"name": name}
    without = {"route": None, "storage": None, "env": [{"name": "DATA_DIR", "value": "/tmp"}]}  # noqa: S108 - of the pod
    body["spec"] = {field: value for field, value in (body["spec"] | without | spec).items() if value is not None}
    return body


def secret(name: str, kind: str = "Opaque", **data: str) -> dict[str, Any]:
    """Return a Secret; a field's name has - for each _ of the argument."""
    fields = {key.replace("_", "-"): base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": fields}


def pod(name: str, command: list[str]) -> dict[str, Any]:
    """Return a pod under restricted pod security that runs a command of the operator's image."""
    image = sample("gateway")["spec"]["image"]["tag"]
    container = {
        "name": name,
        "image": f"opsbuddy-operator:{image}",
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "securityContext": TIGHT,
    }
    spec = {
        "containers": [container],
        "securityContext": USER,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
