"""The CustomResourceDefinition, generated from the models of the resource: `make generate` writes it into crds/."""

from collections.abc import Mapping
from typing import Any

import yaml

from opsbuddy_core.resource import GROUP, KIND, PLURAL, VERSION, OpsBuddyServiceSpec, OpsBuddyServiceStatus
from opsbuddy_core.resource.types import RULES, rule
from opsbuddy_core.routes import CONFIG_MAP

NAME = f"{PLURAL}.{GROUP}"
_HEADER = "# Generated from the models of the resource; change those and run `make generate`.\n"
_DESCRIPTION = (
    "One service of the platform. The operator runs it as a Deployment with all that a production service needs around it, lets the "
    "gateway route to it, and scales it."
)
_NAME_RULE = rule(
    "self.metadata.name.matches('^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$')",
    "metadata.name becomes the name of a Service and a label: at most 50 characters, lower-case letters, digits and -, "
    "a letter first, no - at the end (DNS-1035); choose another name",
)
_RESERVED_RULE = rule(
    f"self.metadata.name != '{CONFIG_MAP}'",
    f"the name {CONFIG_MAP} is that of the gateway's routing table; choose another name",
)
_COLUMNS = (
    {
        "name": "Ready",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
        "description": "Whether the service runs as described.",
    },
    {
        "name": "Reason",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
        "description": "Why, in one word; the message is in status.conditions.",
    },
    {
        "name": "Replicas",
        "type": "integer",
        "jsonPath": ".status.readyReplicas",
        "description": "Pods that are ready.",
    },
    {
        "name": "Route",
        "type": "string",
        "jsonPath": ".spec.route.prefix",
        "description": "Path prefix at the gateway.",
    },
    {
        "name": "Image",
        "type": "string",
        "jsonPath": ".status.image",
        "priority": 1,
        "description": "Image that is being run.",
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
)


def definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["obs"],
                "categories": ["opsbuddy"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root()},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [dict(column) for column in _COLUMNS],
                }
            ],
        },
    }


def text() -> str:
    """Return the CRD as YAML, the same bytes for the same models."""
    body: str = yaml.safe_dump(definition(), sort_keys=False, width=140)
    return _HEADER + body


def _root() -> dict[str, Any]:
    return {
        "type": "object",
        "description": _DESCRIPTION,
        "required": ["spec"],
        RULES: [_NAME_RULE, _RESERVED_RULE],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": KIND},
            "metadata": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": 253}},  # bounds the cost of the rule above
            },
            "spec": _schema(OpsBuddyServiceSpec),
            "status": _schema(OpsBuddyServiceStatus),
        },
    }


def _schema(model: type[OpsBuddyServiceSpec | OpsBuddyServiceStatus]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    return structural(schema, schema.get("$defs", {}))


def structural(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema as Kubernetes wants it: references inlined, optional meaning absent rather than null."""
    merged = _resolved(schema, definitions)
    result = {key: value for key, value in merged.items() if key not in _DROPPED and (key, value) not in _EMPTY}
    if "properties" in result:
        result["properties"] = {name: structural(part, definitions) for name, part in result["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in result:
            result[key] = structural(result[key], definitions)
    return result


_DROPPED = ("$defs", "$ref", "title")
_EMPTY = (("additionalProperties", False), ("default", None))


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a reference, and a choice between something and null, by what they stand for; what stands beside them wins."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        return _resolved(target, definitions) | dict(schema)
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return _resolved(choices[0], definitions) | {key: value for key, value in schema.items() if key != "anyOf"}
    if len(choices) > 1:
        return dict(schema) | {"anyOf": choices}
    return dict(schema)
