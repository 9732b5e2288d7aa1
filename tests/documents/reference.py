"""Pages of docs/reference: the fields of the custom resource from its CRD, and the settings of every program from the classes that read them."""

import json
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_core.settings import Settings
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_operator import crd
from opsbuddy_operator.settings import OperatorSettings
from opsbuddy_timeseries_service.settings import TimeseriesSettings
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_utility_service.settings import UtilitySettings

GENERATED = "<!-- Generated; run `make generate`. -->\n"
BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern")
PROGRAMS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "file-service": FileSettings,
    "utility-service": UtilitySettings,
    "analytics-service": AnalyticsSettings,
    "timeseries-service": TimeseriesSettings,
    "ui-service": UiSettings,
    "operator": OperatorSettings,
}


def resource() -> str:
    """Return the page of the custom resource: every field with its type, default, bounds and meaning, and the rules that span fields."""
    definition = yaml.safe_load(crd.text())
    version = definition["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    names = definition["spec"]["names"]
    parts = [
        GENERATED,
        f"# {names['kind']}\n",
        (
            f"`apiVersion: {definition['spec']['group']}/{version['name']}`, `kind: {names['kind']}`, short `{names['shortNames'][0]}`. "
            f"{schema['description']} A field in bold has to be there. What `status` says is explained in [Conditions](../conditions.md).\n"
        ),
    ]
    for part in ("spec", "status"):
        below = schema["properties"][part]
        parts += [f"## {part}\n", table(("field", "type", "default", "meaning"), _fields(below, "")), ""]
        if part == "spec":
            rules = list(dict.fromkeys(_rules(schema)))
            parts += ["## What is refused\n", *(f"- {_cell(rule)}" for rule in rules), ""]
    return "\n".join(parts)


def _fields(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path = prefix + name
        shown = f"`{path}`"
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        yield f"**{shown}**" if name in required else shown, _type(field), default, _meaning(field)
        yield from _fields(field, f"{path}.")
        items = field.get("items", field.get("additionalProperties"))
        if isinstance(items, dict):
            yield from _fields(items, f"{path}[]." if "items" in field else f"{path}.*.")


def _type(field: dict[str, Any]) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"map of {_type(field['additionalProperties'])}"
    return str(kind)


def _meaning(field: dict[str, Any]) -> str:
    words = [field.get("description", "")]
    if "enum" in field:
        words.append("One of " + ", ".join(f"`{value}`" for value in field["enum"]) + ".")
    words += [f"{bound}: `{field[bound]}`." for bound in BOUNDS if bound in field]
    return " ".join(filter(None, words))


def _rules(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _rules(each)
    elif isinstance(schema, dict):
        for rule in schema.get("x-kubernetes-validations", ()):
            yield rule.get("message", rule["rule"])
        for name, below in schema.items():
            if name != "x-kubernetes-validations":
                yield from _rules(below)


def settings() -> str:
    """Return the page of settings: what all programs read, then what each reads besides or with another default."""
    parts = [
        GENERATED,
        "# Settings\n",
        (
            "Each program reads environment variables and a file `.env` in its folder, and lists them with `--help`. "
            "A value that cannot be used ends the start with a line that names it; so does an `OPSBUDDY_` name that nothing reads.\n"
        ),
        (
            "All but the operator also send traces where the standard `OTEL_EXPORTER_OTLP_ENDPOINT` says so; "
            "these variables are read from the environment alone: [Follow a request](../how-to/trace.md).\n"
        ),
        "## Every program\n",
        table(("variable", "default", "meaning"), _variables(Settings)),
        "",
    ]
    for name, read in PROGRAMS.items():
        parts += [f"## {name}\n", table(("variable", "default", "meaning"), _variables(read, beside=Settings)), ""]
    return "\n".join(parts)


def _variables(read: type[Settings], beside: type[Settings] | None = None) -> Iterator[tuple[str, ...]]:
    known = {} if beside is None else beside.model_fields
    for field, info in read.model_fields.items():
        row = ", ".join(f"`{name}`" for name in _names(field, info)), _default(info), info.description or ""
        same = known.get(field)
        if same is None or row != (row[0], _default(same), same.description or ""):
            yield row


def _names(field: str, info: FieldInfo) -> list[str]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice).upper() for choice in alias.choices]
    return [(alias if isinstance(alias, str) else field).upper()]


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=False)
    if value in (None, "", PydanticUndefined) or isinstance(value, SecretStr):
        return ""
    return f"`{json.dumps(value, default=str)}`".replace('`"', "`").replace('"`', "`")


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
