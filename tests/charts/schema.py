"""values.schema.json of a chart, from its values.yaml and, for the services of the stack, from the CRD."""

import json
from typing import Any

from opsbuddy_core.tracing_settings import SAMPLERS
from opsbuddy_operator import crd
from tests.charts.values import Value, read

Schema = dict[str, Any]

PULL_POLICY = {"type": "string", "enum": ["Always", "IfNotPresent", "Never"]}
DIGEST = {"type": "string", "pattern": "^(sha256:[a-f0-9]{64})?$"}
NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}}
NAMESPACES = {
    "type": "array",
    "items": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
}
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECTS = {"type": "array", "items": {"type": "object"}}
VARIABLES = {"type": "array", "items": {"type": "object", "required": ["name"]}}
QUANTITY = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(m|k|[KMGTPE]i?)?$"}
AMOUNTS = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
RESOURCES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"requests": AMOUNTS, "limits": AMOUNTS, "claims": OBJECTS},
}

SECRET = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", "maxLength": 200}
KEY = {"type": "string", "pattern": "^[-._a-zA-Z0-9]+$", "maxLength": 253}
ALGORITHMS = [f"{kind}{bits}" for kind in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)] + ["EdDSA"]
ORIGIN = {"type": "string", "pattern": "^(\\*|https?://[a-zA-Z0-9.\\[\\]:-]+)$"}
HOST = {"type": "string", "pattern": "^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:]+\\])?$"}
RATE = {"type": "integer", "minimum": 0, "maximum": 100000}

BY_NAME: dict[str, Schema] = {
    "tag": {"type": "string"},
    "digest": DIGEST,
    "pullPolicy": PULL_POLICY,
    "imagePullSecrets": NAMES,
    "resources": RESOURCES,
    "extraEnv": VARIABLES,
    "tolerations": OBJECTS,
    "topologySpreadConstraints": OBJECTS,
    "nodeSelector": STRINGS,
    "labels": STRINGS,
    "annotations": STRINGS,
    "podLabels": STRINGS,
    "podAnnotations": STRINGS,
    "interval": {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"},
    "size": QUANTITY,
    "existingSecret": SECRET,
    "key": KEY,
    "secretKey": KEY,
}
"""What a value of this name may be, wherever it stands, when its default does not tell."""

BY_PATH: dict[str, dict[str, Schema]] = {
    "opsbuddy-operator": {
        "replicas": {"type": "integer", "minimum": 0, "maximum": 10},
        "watchNamespaces": NAMESPACES,
        "analyticsUrl": {"type": "string", "pattern": "^(https?://[^\\s/]+\\S*)?$"},
        "logLevel": {"type": "string", "enum": ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]},
        "workers": {"type": "integer", "minimum": 1, "maximum": 64},
        "networkPolicy.ingressFrom": OBJECTS,
    },
    "opsbuddy": {
        "services": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$"},
            "additionalProperties": {"$ref": "#/$defs/service"},
        },
        "dashboards.label": {"type": "string", "pattern": "^([a-z0-9][-a-z0-9.]*/)?[A-Za-z0-9][-A-Za-z0-9_.]*$"},
        "dashboards.labelValue": {"type": "string", "pattern": "^([A-Za-z0-9][-A-Za-z0-9_.]*)?$", "maxLength": 63},
        "dashboards.uiUrl": {"type": "string", "pattern": '^https?://[^\\s/"\\\\]+[^\\s"\\\\]*$'},
        "runbooks.url": {"type": "string", "pattern": '^[^\\s"\\\\]+$'},
        "gateway.tls.caKey": {**KEY, "pattern": "^[-._a-zA-Z0-9]*$"},
        "gateway.jwt.jwks.url": {"type": "string", "pattern": "^(https?://[^\\s/]+\\S*)?$"},
        "gateway.jwt.algorithms": {"type": "array", "items": {"enum": ALGORITHMS}, "uniqueItems": True},
        "gateway.jwt.rolesClaim": {"type": "string", "minLength": 1},
        "gateway.cors.origins": {"type": "array", "items": ORIGIN, "uniqueItems": True},
        "gateway.rateLimit.requestsPerSecond": RATE,
        "gateway.rateLimit.burst": RATE,
        "gateway.rateLimit.by": {"type": "string", "enum": ["ClientAddress", "Token"]},
        "tracing.endpoint": {"type": "string", "pattern": "^(https?://[^\\s/@]+(/\\S*)?)?$"},
        "tracing.sampler": {"type": "string", "enum": ["", *sorted(SAMPLERS)]},
        "tracing.samplerArgument": {"type": "string", "pattern": "^(0|1|[01]?\\.[0-9]+)?$"},
        "influxdb.retentionDays": {"type": "integer", "minimum": 0, "maximum": 36500},
        "influxdb.external.host": HOST,
        "influxdb.external.port": {"type": "integer", "minimum": 1, "maximum": 65535},
    },
}
"""Likewise for one value of one chart."""

DEPENDENCY = "operator"  # what is in it goes to another chart, whose own schema is closed

READ_BY_OTHERS: dict[str, dict[str, Schema]] = {
    "opsbuddy-operator": {"enabled": {"type": "boolean", "description": "Read by a chart that depends on this one."}},
    "opsbuddy": {},
}
"""Further values at the root that have no default."""


def text(chart: str) -> str:
    """Return values.schema.json: closed wherever the chart itself reads the keys. A null would remove a default, so all are required."""
    root: Schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Values of the chart {chart}",
        **_closed({}),
    }
    groups = {"": root}
    for value in read(chart):
        parent, _, name = value.path.rpartition(".")
        groups[parent]["properties"][name] = made = _schema_of(chart, value)
        groups[parent].setdefault("required", []).append(name)
        if value.group:
            groups[value.path] = made
    root["properties"] |= READ_BY_OTHERS[chart]
    if chart == "opsbuddy":
        root["$defs"] = {"service": _service()}
    return json.dumps(root, indent=1) + "\n"


def _schema_of(chart: str, value: Value) -> Schema:
    described = {"description": value.description} if value.description else {}
    if value.group:
        return described | (
            _closed({}) if value.path.partition(".")[0] != DEPENDENCY else {"type": "object", "properties": {}}
        )
    types = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    name = value.path.rpartition(".")[2]
    by_default = {"type": types[type(value.default)]}
    if isinstance(value.default, str) and value.default:
        by_default["minLength"] = 1  # what may be empty is so by default, or is named above
    return described | (BY_PATH[chart].get(value.path) or BY_NAME.get(name) or by_default)


def _closed(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _service() -> Schema:
    spec = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    variable = {"type": ["string", "number", "boolean", "null"]}
    parts = {
        "enabled": {"type": "boolean"},
        "influxdb": {"type": "boolean"},
        "gateway": {"type": "boolean"},
        "database": _closed({"existingSecret": SECRET, "key": KEY}),
        "objectStore": _closed(
            {
                "url": {"type": "string", "pattern": "^(s3://[a-z0-9][a-z0-9.-]+(/\\S*)?)?$"},
                "endpoint": {"type": "string", "pattern": "^(https?://[^\\s/]+\\S*)?$"},
                "region": {"type": "string"},
                "existingSecret": SECRET,
                "accessKeyIdKey": KEY,
                "secretAccessKeyKey": KEY,
            }
        ),
        "sealingKeys": _closed({"existingSecret": SECRET, "key": KEY}),
        "sessionKeys": _closed({"existingSecret": SECRET, "key": KEY}),
        "env": {"type": "object", "additionalProperties": variable},
        "spec": _strict(spec),
    }
    return _closed(parts) | {"required": ["enabled", "spec"]}


def _strict(structural: Schema) -> Schema:
    """Return a structural schema as JSON schema: what Kubernetes would prune is an error, so that a typo is found before an install."""
    kept = {key: part for key, part in structural.items() if not key.startswith("x-kubernetes-") and key != "default"}
    if "properties" in kept:
        kept["properties"] = {name: _strict(part) for name, part in kept["properties"].items()}
        kept.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _strict(kept[key])
    if structural.get("x-kubernetes-int-or-string"):
        kept["type"] = ["integer", "string"]
        kept.pop("anyOf", None)
    return kept
