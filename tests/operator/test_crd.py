from typing import Any

import pytest

from opsbuddy_core.resource import ConditionType, Reason
from opsbuddy_operator import crd
from opsbuddy_operator.crd import structural

SCHEMA = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def fields(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return every field at any depth with its path."""
    found = []
    for name, part in schema.get("properties", {}).items():
        found += [(f"{path}.{name}", part), *fields(part, f"{path}.{name}")]
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            found += fields(schema[inner], f"{path}[]")
    return found


FIELDS = [(path, field) for path, field in fields(SCHEMA) if not path.startswith(".metadata")]


@pytest.mark.parametrize(("path", "field"), FIELDS, ids=[path for path, _ in FIELDS])
def test_every_field_says_what_it_is_for_and_is_structural(path, field):
    assert len(field.get("description", "")) > 5, f"{path} has no description"
    assert field.keys().isdisjoint({"$ref", "title", "const", "nullable"})
    assert field.get("additionalProperties") is not False
    assert "default" not in field or field["default"] is not None
    if field.get("type") == "array":
        assert "x-kubernetes-list-type" in field, f"{path} does not say how its list is merged"


@pytest.mark.parametrize(
    "path", [".spec.replicas", ".status.replicas", ".status.selector", ".status.image", ".spec.route.prefix"]
)
def test_paths_that_columns_and_the_scale_subresource_name_exist(path):
    assert path in dict(FIELDS)


def test_a_reference_is_inlined_and_what_stands_beside_it_wins():
    definitions = {
        "Inner": {
            "type": "object",
            "description": "of the type",
            "title": "Inner",
            "properties": {"a": {"type": "integer"}},
        }
    }
    assert structural({"$ref": "#/$defs/Inner", "description": "of the field"}, definitions) == {
        "type": "object",
        "description": "of the field",
        "properties": {"a": {"type": "integer"}},
    }


def test_optional_means_absent_rather_than_null():
    choice = {"anyOf": [{"$ref": "#/$defs/X"}, {"type": "null"}], "default": None, "description": "d"}
    assert structural(choice, {"X": {"type": "string", "maxLength": 3}}) == {
        "type": "string",
        "maxLength": 3,
        "description": "d",
    }


def test_the_file_of_the_repository_is_what_the_models_say(pytestconfig):
    assert (pytestconfig.rootpath / "crds/opsbuddyservices.opsbuddy.dev.yaml").read_text() == crd.text()


def test_every_condition_and_reason_is_in_the_documentation(pytestconfig):
    text = (pytestconfig.rootpath / "docs/conditions.md").read_text()
    rows = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")}
    assert {*ConditionType, *Reason} <= rows
