"""The service's own container: environment, ports, probes, resources, security."""

from collections.abc import Iterable, Mapping
from typing import Any

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_core.resource.pod import Probe, Probes, Resources
from opsbuddy_core.routes import KEY
from opsbuddy_operator.manifests import volumes
from opsbuddy_operator.manifests.identity import Identity

PORT_NAME = "http"
# Readiness fails at once on SIGTERM; meanwhile the endpoint leaves every gateway, which watch for it, and for a gateway the rules of every
# node and load balancer, which take longer (Envoy Gateway waits 10 s at least).
DRAIN_SECONDS = {"Service": 5, "Gateway": 10, "Console": 5}
_REQUESTS = {"cpu": "25m", "memory": "96Mi"}


def container_name(identity: Identity) -> str:
    """Return the name of the container, the service's own."""
    return identity.name


def build(identity: Identity, spec: OpsBuddyServiceSpec) -> dict[str, Any]:
    """Return the container as the operator sets it."""
    container: dict[str, Any] = {
        "name": container_name(identity),
        "image": spec.image.reference,
        "imagePullPolicy": spec.image.pull_policy,
        "ports": [{"name": PORT_NAME, "containerPort": spec.port, "protocol": "TCP"}],
        "env": _env(identity, spec),
        "resources": _resources(spec.resources or Resources()),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",  # so that a crash explains itself in the status
        "volumeMounts": volumes.mounts(spec),
        **_probes(spec.probes or Probes(), spec.protocol),
    }
    if spec.env_from:
        container["envFrom"] = spec.env_from
    return container


def _env(identity: Identity, spec: OpsBuddyServiceSpec) -> list[dict[str, Any]]:
    prefix = "GATEWAY" if spec.role == "Gateway" else "SERVICE"
    ours = [
        {"name": f"{prefix}_HOST", "value": "0.0.0.0"},  # noqa: S104 - a pod listens on its own address
        {"name": f"{prefix}_PORT", "value": str(spec.port)},
        {"name": "OPSBUDDY_SERVICE", "value": identity.name},
        _from_field("POD_NAME", "metadata.name"),
        _from_field("POD_NAMESPACE", "metadata.namespace"),
        {"name": "DRAIN_SECONDS", "value": str(DRAIN_SECONDS[spec.role])},
    ]
    if spec.role == "Gateway":
        ours.append({"name": "ROUTES_FILE", "value": f"{volumes.ROUTES_PATH}/{KEY}"})
    names = sorted((spec.config.environment if spec.config else None) or {})
    configured = [
        {"name": name, "valueFrom": {"configMapKeyRef": {"name": identity.name, "key": name}}} for name in names
    ]
    users = [entry.model_dump(by_alias=True, exclude_none=True) for entry in spec.env or []]
    return _replaced([*ours, *configured], users)


def _replaced(ours: Iterable[dict[str, Any]], users: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the user's entries follow ours, one of each name: `$(NAME)` means an entry before it.

    An entry that replaces one of ours takes its place, so that all of the user's may refer to it. One that refers to others itself stays
    behind those.
    """
    entries = {entry["name"]: entry for entry in ours}
    for entry in users:
        if "$(" in entry.get("value", ""):
            entries.pop(entry["name"], None)
        entries[entry["name"]] = entry
    return list(entries.values())


def _from_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _resources(resources: Resources) -> dict[str, Any]:
    """Small requests where the user set none; a limit alone is the request too, by the rules of Kubernetes."""
    limits = resources.limits or {}
    defaults = {name: value for name, value in _REQUESTS.items() if name not in limits}
    result: dict[str, Any] = {"requests": _as_text({**defaults, **(resources.requests or {})})}
    if limits:
        result["limits"] = _as_text(limits)
    return result


def _as_text(quantities: Mapping[str, int | str]) -> dict[str, str]:
    return {name: str(value) for name, value in quantities.items()}


def _probes(probes: Probes, scheme: str) -> dict[str, Any]:
    """A start may take two minutes; a pod leaves the endpoints within seconds; only a long hang restarts it."""
    built = {
        "startupProbe": _probe(probes.startup, scheme, "/health/live", period=1, timeout=5, failures=120),
        "livenessProbe": _probe(probes.liveness, scheme, "/health/live", period=10, timeout=5, failures=6),
        "readinessProbe": _probe(probes.readiness, scheme, "/health/ready", period=2, timeout=2, failures=2),
    }
    return {name: probe for name, probe in built.items() if probe}


def _probe(
    wish: Probe | None, scheme: str, path: str, *, period: int, timeout: int, failures: int
) -> dict[str, Any] | None:
    wish = wish or Probe()
    if wish.disabled:
        return None
    return {
        "httpGet": {"path": wish.path or path, "port": PORT_NAME, "scheme": scheme},
        "initialDelaySeconds": wish.initial_delay_seconds or 0,
        "periodSeconds": wish.period_seconds or period,
        "timeoutSeconds": wish.timeout_seconds or timeout,
        "failureThreshold": wish.failure_threshold or failures,
    }
