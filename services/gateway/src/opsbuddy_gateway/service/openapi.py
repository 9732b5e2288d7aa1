"""One OpenAPI document of several: each service's part moved under its route, its names made its own, whatever refers to them following."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from opsbuddy_gateway.service.openapi_versions import as_31

Document = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NAME_MAPS = frozenset(
    {
        "properties", "patternProperties", "$defs", "definitions", "dependentSchemas",
        "schemas", "responses", "requestBodies", "headers", "securitySchemes", "links", "callbacks", "pathItems",
        "content", "encoding", "examples", "parameters",
    }
)  # fmt: skip
"""Members whose keys are names that somebody chose, not words of OpenAPI or JSON Schema."""
VALUES = frozenset({"example", "default", "enum", "const", "value"})
"""Members whose content is data: what looks like a reference in there is none."""
COMPONENTS = "#/components/"
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")


def moved(document: Document, service: str) -> Document:
    """Return a service's document as a part of the whole: OpenAPI 3.1, component names that begin with the service's.

    Raises ValueError for a version that cannot be shown. References that lead nowhere become the schema that allows everything.
    """
    document = as_31(document)
    components = document.get("components") or {}
    known = {
        f"{COMPONENTS}{kind}/{name}": f"{COMPONENTS}{kind}/{renamed(service, name)}"
        for kind, named in components.items()
        if isinstance(named, dict)
        for name in named
    }
    whole: Document = _followed({"paths": document.get("paths") or {}, "components": components}, known, names=False)
    whole["components"] = {
        kind: {renamed(service, name): value for name, value in named.items()}
        for kind, named in whole["components"].items()
        if isinstance(named, dict) and named
    }
    whole["info"] = document["info"]
    inherited = document.get("security")
    for _, operation in operations(whole["paths"]):
        security = operation.get("security", inherited)
        if security is not None:
            operation["security"] = [
                {renamed(service, name): scopes for name, scopes in needed.items()} for needed in security
            ]
        operation.pop("servers", None)
        if "operationId" in operation:
            operation["operationId"] = f"{_NO_NAME.sub('_', service)}_{operation['operationId']}"
        operation["tags"] = [service]
    return whole


def under(paths: Document, prefix: str, rewrite: str, methods: frozenset[str] | None) -> Document:
    """Return the paths as clients of the gateway ask for them; those that no request on the route can reach are missing."""
    found: Document = {}
    for path, item in paths.items():
        if path == rewrite or path.startswith(rewrite + "/"):
            rest = path[len(rewrite) :]
            kept = {
                key: value
                for key, value in item.items()
                if key != "servers" and (key not in METHODS or (key != "trace" and _taken(key, methods)))
            }
            if any(key in METHODS for key in kept):
                found[prefix + ("" if rest == "/" and not rewrite else rest)] = kept
    return found


def operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, Document]]:
    """Yield each operation with its path."""
    for path, item in paths.items():
        for method in METHODS:
            if method in item:
                yield path, item[method]


def unique_ids(paths: Document) -> Document:
    """Return the paths with a number behind each operationId that was there already."""
    seen: set[str] = set()
    copied = {path: {key: dict(v) if key in METHODS else v for key, v in item.items()} for path, item in paths.items()}
    for _, operation in operations(copied):
        wanted = operation.get("operationId")
        if wanted is None:
            continue
        name, number = wanted, 2
        while name in seen:
            name, number = f"{wanted}_{number}", number + 1
        seen.add(name)
        operation["operationId"] = name
    return copied


def renamed(service: str, name: str) -> str:
    """Return a component's name in the whole document."""
    return f"{_NO_NAME.sub('_', service)}.{_NO_NAME.sub('_', name)}"


def _taken(method: str, methods: frozenset[str] | None) -> bool:
    return methods is None or method.upper() in methods


def _followed(node: Any, known: Mapping[str, str], *, names: bool) -> Any:
    """Return a copy whose references lead to the new names."""
    if isinstance(node, list):
        return [_followed(each, known, names=False) for each in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _followed(each, known, names=False) for name, each in node.items()}
    reference = node.get("$ref")
    if isinstance(reference, str) and reference not in known:
        return {"description": f"{reference} is not part of the service's document"}
    followed: Document = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str):
            followed[key] = known[value]
        elif key == "mapping" and isinstance(value, dict):
            followed[key] = {name: _mapped(target, known) for name, target in value.items()}
        elif key in VALUES or (key == "examples" and isinstance(value, list)):
            followed[key] = value
        else:
            followed[key] = _followed(value, known, names=key in NAME_MAPS and isinstance(value, dict))
    return followed


def _mapped(target: Any, known: Mapping[str, str]) -> Any:
    """Return where a discriminator leads: by reference, or by the bare name of a schema."""
    return known.get(target) or known.get(f"{COMPONENTS}schemas/{target}") or target
