"""The services of a namespace of a cluster, by kubectl and its current context: their tools run in their pods.

For a restore they have to be stopped: each OpsBuddyService is suspended, so that the operator lets its Deployment alone, and the Deployment is
scaled to 0. In place of the service a pod of the same template waits, with the same settings and volumes, in which the tool runs. Afterwards the
resource is not suspended any more, and the operator brings back what it asks for.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from typing_extensions import override

from backup.commands import LIMIT, run
from backup.installation import KEEPING, Installation, ending
from opsbuddy_core.backup.archive import BackupError

STOPPED = "opsbuddy.dev/stopped-for-restore"  # annotation: we suspended it, not its owner
SERVICE = "opsbuddy.dev/service"  # label of a service's pods
NOT_SERVING = ("args", "lifecycle", "livenessProbe", "ports", "readinessProbe", "startupProbe")  # of a container
PATIENCE = "--timeout=300s"
RESOURCES = tuple(f"opsbuddyservice/{service}" for service in KEEPING)
DEPLOYMENTS = tuple(f"deployment/{service}" for service in KEEPING)
PODS = tuple(f"pod/{service}-restore" for service in KEEPING)


class Cluster(Installation):
    """What runs in a namespace. `root`: where kubectl is called."""

    def __init__(self, root: Path, namespace: str) -> None:
        self._root, self._namespace = root, namespace

    @override
    def save(self, service: str, out: BinaryIO) -> None:
        self._exec(f"deployment/{service}", service, "backup", stdout=out)

    @override
    @contextmanager
    def restoring(self, *, force: bool) -> Iterator[None]:
        resources, deployments = self._get(*RESOURCES), self._get(*DEPLOYMENTS)
        for resource in resources:
            metadata = resource["metadata"]
            if resource["spec"].get("suspend") and STOPPED not in metadata.get("annotations", {}):
                raise BackupError(f"{metadata['name']} is suspended: set suspend to false first.")
        if not force and any(deployment["spec"].get("replicas") for deployment in deployments):
            raise BackupError("The services run; --force stops them and replaces what they keep.")
        with ending(self._start, self._start):
            self._stop()
            self._stand_in(deployments)
            yield

    @override
    def restore(self, service: str, archive: Path | None, *, force: bool) -> None:
        options, pod = ["--force"] * force, f"pod/{service}-restore"
        if archive is None:
            self._exec(pod, service, "restore", "--check", *options)
        else:
            with archive.open("rb") as source:
                self._exec(pod, service, "restore", *options, stdin=source)

    @override
    def mark(self) -> bytes | None:
        return None  # the demo's day is sent to no cluster

    @override
    def set_mark(self, content: bytes) -> None:
        """Do nothing: likewise."""

    def _stop(self) -> None:
        self._suspend(suspend=True)
        self._kubectl("wait", "--for=condition=Suspended=True", *RESOURCES, PATIENCE)
        self._kubectl("scale", "--replicas=0", *DEPLOYMENTS)
        self._kubectl("wait", "--for=delete", "pod", "-l", f"{SERVICE} in ({','.join(KEEPING)})", PATIENCE)

    def _start(self) -> None:
        self._kubectl("delete", "--ignore-not-found", *PODS, PATIENCE)
        self._suspend(suspend=False)
        self._kubectl("wait", "--for=condition=Suspended=False", *RESOURCES, PATIENCE)
        self._kubectl("wait", "--for=condition=Ready", *RESOURCES, PATIENCE)
        for deployment in DEPLOYMENTS:
            self._kubectl("rollout", "status", deployment, PATIENCE)

    def _suspend(self, *, suspend: bool) -> None:
        """With a note that it was us, which a second run finds when this one is killed."""
        patch = {
            "metadata": {"annotations": {STOPPED: "true" if suspend else None}},
            "spec": {"suspend": suspend or None},
        }
        for resource in RESOURCES:
            self._kubectl("patch", resource, "--type=merge", "-p", json.dumps(patch))

    def _stand_in(self, deployments: list[dict[str, Any]]) -> None:
        self._kubectl("delete", "--ignore-not-found", *PODS, PATIENCE)  # of a run that was killed
        with tempfile.TemporaryFile() as manifests:
            for deployment in deployments:
                manifests.write(json.dumps(stand_in(deployment)).encode() + b"\n")
            manifests.seek(0)
            self._kubectl("create", "-f", "-", stdin=manifests)
        self._kubectl("wait", "--for=condition=Ready", *PODS, PATIENCE)

    def _get(self, *what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._kubectl("get", *what, "-o", "json"))["items"]
        return found

    def _exec(
        self,
        where: str,
        service: str,
        *arguments: str,
        stdin: BinaryIO | None = None,
        stdout: BinaryIO | None = None,
    ) -> None:
        command = ["exec", *["-i"] * bool(stdin), where, "-c", service, "--", f"opsbuddy-{service}", *arguments]
        self._kubectl(*command, stdin=stdin, stdout=stdout)

    def _kubectl(self, *arguments: str, stdin: Any = None, stdout: BinaryIO | None = None) -> bytes:
        return run(["kubectl", "-n", self._namespace, *arguments], folder=self._root, stdin=stdin, stdout=stdout)


def stand_in(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the pod in which a service is restored: of its Deployment's template, but it serves nothing, and no Service finds it."""
    name, template = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]
    (service,) = (container for container in template["containers"] if container["name"] == name)
    idle = {field: value for field, value in service.items() if field not in NOT_SERVING}
    idle["command"] = ["sleep", str(LIMIT)]
    spec = {field: value for field, value in template.items() if field != "initContainers"} | {
        "containers": [idle],
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LIMIT,  # it ends, whatever becomes of who made it
        "terminationGracePeriodSeconds": 0,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{name}-restore"}, "spec": spec}
