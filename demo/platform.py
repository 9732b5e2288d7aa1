"""Pure: from the sample resources to the processes that stand for them on one machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_core.routes import RoutingTable
from opsbuddy_operator.decide.routing import table

HOST = "127.0.0.1"
APPLIED = "1970-01-01T00:00:00Z"  # the operator ranks by it who came first to a prefix; here all came at once
INFLUXDB = "influxdb"  # the ConfigMap by which services of a cluster find it; without it each uses its embedded store
TOKEN_NAME = "INFLUXDB_TOKEN"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Process:
    """One service: its console script, the environment that it adds, and where it answers."""

    name: str
    port: int
    env: Mapping[str, str]

    @property
    def program(self) -> str:
        return f"opsbuddy-{self.name}"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def load(folder: Path) -> list[dict[str, Any]]:
    """Return the OpsBuddyService resources of a folder, in the order of their names."""
    documents = [
        document for path in sorted(folder.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())
    ]
    return [document for document in documents if document and document["kind"] == "OpsBuddyService"]


def routes(resources: Sequence[dict[str, Any]]) -> RoutingTable:
    """Return the routing table as the operator makes it when every service is ready."""
    names = {resource["metadata"]["name"] for resource in resources}
    applied = [
        {**resource, "metadata": {"creationTimestamp": APPLIED, **resource["metadata"]}} for resource in resources
    ]
    return table(applied, names, None)[0]


def processes(
    resources: Sequence[dict[str, Any]], data: Path, influxdb: Mapping[str, str] | None = None
) -> list[Process]:
    """Return the processes; services first, so that what asks them finds them. `influxdb` holds the INFLUXDB_* of one to use."""
    specs = {
        resource["metadata"]["name"]: OpsBuddyServiceSpec.model_validate(resource["spec"]) for resource in resources
    }
    endpoints = ";".join(f"{name}={HOST}:{spec.port}" for name, spec in sorted(specs.items()))
    found = []
    for name, spec in specs.items():
        env = {entry.name: _local(entry.value, specs) for entry in spec.env or () if entry.value is not None}
        env |= {key: _local(value, specs) for key, value in ((spec.config and spec.config.environment) or {}).items()}
        env |= _influxdb(spec, influxdb or {})
        if "DATA_DIR" in env or spec.storage:
            env["DATA_DIR"] = str(data / name)
        if spec.role == "Gateway":
            env |= {"GATEWAY_HOST": HOST, "GATEWAY_PORT": str(spec.port), "ROUTES_FROM": f"file:{data / 'routes.json'}"}
            env["ENDPOINTS_FROM"] = f"static:{endpoints}"
        else:
            env |= {"SERVICE_HOST": HOST, "SERVICE_PORT": str(spec.port)}
        found.append(Process(name, spec.port, env))
    return sorted(found, key=lambda process: (specs[process.name].route is None, process.port))


def _influxdb(spec: OpsBuddyServiceSpec, given: Mapping[str, str]) -> dict[str, str]:
    """Return what the ConfigMap of InfluxDB and the Secret with its token would give to a service that names them."""
    told = any(source.get("configMapRef", {}).get("name") == INFLUXDB for source in spec.env_from or ())
    env = {name: value for name, value in given.items() if told and name != TOKEN_NAME}
    if TOKEN_NAME in given and any(entry.name == TOKEN_NAME for entry in spec.env or ()):
        env[TOKEN_NAME] = given[TOKEN_NAME]
    return env


def _local(value: str, specs: Mapping[str, OpsBuddyServiceSpec]) -> str:
    """Turn the address of a service in the cluster into its address on this machine."""
    for name, spec in specs.items():
        value = value.replace(f"//{name}:{spec.port}", f"//{HOST}:{spec.port}")
    return value
