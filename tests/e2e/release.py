"""The release of the stack, by Helm and kubectl."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.charts import helm
from tests.contract.apiserver import kubectl

STACK = "opsbuddy"  # the namespace and the release
READY = ("wait", "--for=condition=Ready", "opsbuddyservices", "--all", "--timeout=85s")


@dataclass
class Release:
    """What is installed now."""

    kubeconfig: Path

    def helm(self, *arguments: str, values: Any = None) -> str:
        return helm.run(*arguments, "-n", STACK, "--kubeconfig", str(self.kubeconfig), values=values)

    def kubectl(self, *arguments: str) -> str:
        return kubectl(self.kubeconfig, "-n", STACK, *arguments)

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return objects of the release's namespace by their names."""
        items = json.loads(self.kubectl("get", *arguments, "-o", "json"))["items"]
        return {item["metadata"]["name"]: item for item in items}

    def uids(self, *arguments: str) -> dict[str, str]:
        return {name: item["metadata"]["uid"] for name, item in self.get(*arguments).items()}

    def values(self) -> Any:
        """Return the values that were given to it."""
        return json.loads(self.helm("get", "values", STACK, "-o", "json"))

    def revision(self) -> str:
        return str(json.loads(self.helm("status", STACK, "-o", "json"))["version"])
