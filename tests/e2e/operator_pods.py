"""The operator as it runs in the cluster: what it wrote, and what all of its pods said, also those that a test has ended."""

import json
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.contract.operator_process import writes
from tests.support.programs import BIN

NAME = "opsbuddy-operator"
SELECTOR = f"app.kubernetes.io/name={NAME}"
FIELDS = "{.metadata.namespace} {.metadata.name} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt}"


@dataclass
class OperatorPods:
    """Follows the operator's pods in every namespace: their logs into a folder, and how often their containers were started anew."""

    kubeconfig: Path
    folder: Path
    restarts: dict[str, int] = field(default_factory=dict)
    _followers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _watch: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._reader = threading.Thread(target=self._watch_on, daemon=True)
        self._reader.start()

    def stop(self) -> None:
        self._ended.set()
        while self._reader and self._reader.is_alive():
            if self._watch:
                self._watch.kill()
            self._reader.join(0.2)
        for process in self._followers.values():
            process.kill()
            process.wait()

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """Return what each pod logged; a line that is no record, such as one of a traceback, has the level TEXT."""
        return {
            path.stem: [
                json.loads(line) if line.startswith("{") else {"level": "TEXT", "message": line}
                for line in path.read_text().splitlines()
            ]
            for path in sorted(self.folder.glob("*.log"))
        }

    def _watch_on(self) -> None:
        """Begin anew when the API server has ended a watch, as it does after half an hour: the next one tells first what there is."""
        arguments = ("get", "pods", "-A", "-l", SELECTOR, "--watch", "-o", f"jsonpath={FIELDS}{{'\\n'}}")
        command = self._kubectl(*arguments)
        while not self._ended.wait(0.5 if self._watch else 0):
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as self._watch:
                self._read(self._watch)

    def _read(self, watch: subprocess.Popen[str]) -> None:
        assert watch.stdout
        with watch.stdout:
            for line in watch.stdout:
                namespace, name, *container = line.split()
                if container:
                    self.restarts[name] = int(container[0])
                if len(container) == 2 and name not in self._followers:
                    self._follow(namespace, name)

    def _follow(self, namespace: str, name: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            command = self._kubectl("logs", "--follow", "-n", namespace, name)
            self._followers[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL)

    def _kubectl(self, *arguments: str) -> list[str]:
        return [str(BIN / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]


@dataclass(frozen=True, slots=True)
class Operator:
    """The running operator, through the API server."""

    session: httpx2.AsyncClient
    namespace: str

    async def pods(self) -> list[dict[str, Any]]:
        """Return its pods that are not on their way out."""
        answer = await self.session.get(f"{self._api}/pods", params={"labelSelector": SELECTOR})
        return [pod for pod in answer.json()["items"] if "deletionTimestamp" not in pod["metadata"]]

    async def ready(self) -> list[str]:
        """Return the names of its ready pods."""
        return [pod["metadata"]["name"] for pod in await self.pods() if _ready(pod)]

    async def leader(self) -> str:
        """Return the name of the pod that holds the Lease."""
        leases = f"apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        lease = (await self.session.get(f"{leases}/{NAME}")).json()
        return lease["spec"]["holderIdentity"].rpartition("_")[0]

    async def writes(self) -> dict[str, float]:
        """Return the requests that wrote, by the leader's own count and without those for the Lease."""
        answer = await self.session.get(f"{self._api}/pods/{await self.leader()}:8080/proxy/metrics")
        return writes(answer.raise_for_status().text)

    @property
    def _api(self) -> str:
        return f"api/v1/namespaces/{self.namespace}"


def _ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
