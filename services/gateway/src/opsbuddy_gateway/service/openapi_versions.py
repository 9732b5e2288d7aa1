"""OpenAPI 3.0 read as 3.1, whose schemas are JSON Schema: what 3.0 says in words of its own is said in the standard's."""

from typing import Any


def as_31(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as OpenAPI 3.1; raises ValueError for a version that is neither 3.0 nor 3.1."""
    version = str(document.get("openapi") or document.get("swagger"))
    if version.startswith("3.1"):
        return document
    if not version.startswith("3.0"):
        raise ValueError(f"its document is of OpenAPI {version[:16]}; 3.0 and 3.1 can be shown")
    translated: dict[str, Any] = _schemas(document)
    return translated


def _schemas(node: Any) -> Any:
    if isinstance(node, list):
        return [_schemas(each) for each in node]
    if not isinstance(node, dict):
        return node
    new = {key: _schemas(value) for key, value in node.items()}
    if new.get("nullable") is True and isinstance(new.get("type"), str):
        new["type"] = [new["type"], "null"]
        if isinstance(new.get("enum"), list) and None not in new["enum"]:
            new["enum"] = [*new["enum"], None]
    if isinstance(new.get("nullable"), bool):
        del new["nullable"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(new.get(exclusive), bool) and new.pop(exclusive) and bound in new:
            new[exclusive] = new.pop(bound)
    return new
