"""Configurations as YAML, out and in. The YAML is JSON's types only: no dates, no yes and no, no references to other places."""

import json
import re
from typing import Any

import yaml
from typing_extensions import override

from opsbuddy_core import exact_json
from opsbuddy_core.errors import FieldError, InvalidRequestError
from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.configs import Config, Given
from opsbuddy_utility_service.service import members

MAX_IMPORT = 1024 * 1024
MAX_ENTRIES = 1000
MAX_NESTING = 60
PLAIN = {
    "tag:yaml.org,2002:bool": (re.compile(r"true|false", re.ASCII), "tf"),
    "tag:yaml.org,2002:null": (re.compile(r"null|~|", re.ASCII), ["n", "~", ""]),
    "tag:yaml.org,2002:int": (re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII), "-0123456789"),
    "tag:yaml.org,2002:float": (re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII), "-0123456789"),
}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as the base class has it
    depth = 0

    @override
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not taken")
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise yaml.YAMLError("nested too deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, (_pattern, _first) in PLAIN.items():
    _whole = re.compile(rf"^(?:{_pattern.pattern})$", re.ASCII)
    _Loader.add_implicit_resolver(_tag, _whole, list(_first))
    _Dumper.add_implicit_resolver(
        _tag, _whole, list(_first)
    )  # texts that would be read as something else get quotation marks


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return exact_json.parse(str(loader.construct_scalar(node)).encode(), f"line {node.start_mark.line + 1}")


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def export(configs: list[Config]) -> str:
    """Return the YAML. Secrets are without their value; an import of it keeps the one that is there."""
    entries = [
        {
            "category": config.category,
            "name": config.name,
            **({"secret": True} if config.secret else {"value": json.loads(config.value)}),
            **({"description": config.description} if config.description else {}),
            **({"tags": list(config.tags)} if config.tags else {}),
        }
        for config in configs
    ]
    return yaml.dump({"configs": entries}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=160)


def read(document: bytes) -> list[Given]:
    """Return the entries of an import. Raises InvalidRequestError that names all that cannot be used."""
    entries = _entries(document)
    found, problems, names = [], list[FieldError](), set[tuple[str | None, str | None]]()
    for index, entry in enumerate(entries):
        try:
            found.append(_entry(entry, f"configs[{index}]."))
            if (key := (found[-1].category, found[-1].name)) in names:
                refuse(f"configs[{index}].name", "this category and name are there twice")
            names.add(key)
        except InvalidRequestError as error:
            problems += error.errors
    if problems:
        raise invalid(problems)
    return found


def invalid(problems: list[FieldError]) -> InvalidRequestError:
    """Return the refusal of a whole import."""
    return InvalidRequestError(
        f"Nothing was imported: {len(problems)} of the members cannot be used. See errors for the reasons.",
        errors=problems[:100],
    )


def _entries(document: bytes) -> list[Any]:
    if len(document) > MAX_IMPORT:
        refuse("body", f"more than the {MAX_IMPORT} bytes that are taken")
    try:
        content = yaml.load(document.decode(), Loader=_Loader)  # noqa: S506 - a SafeLoader that knows even less
    except UnicodeDecodeError:
        refuse("body", "not UTF-8")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        refuse("body", f"no YAML that is taken here{f', in line {mark.line + 1}' if mark else ''}: no aliases, no tags")
    except RecursionError:
        refuse("body", "nested too deep")
    entries = content.get("configs") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries or len(entries) > MAX_ENTRIES:
        refuse("configs", f"expected a list of 1 to {MAX_ENTRIES} configurations")
    return entries


def _entry(entry: Any, place: str) -> Given:
    if not isinstance(entry, dict):
        refuse(place.rstrip("."), "expected name, category and value")
    _refuse_other_keys(entry, place.rstrip("."))
    if "value" in entry:
        entry = entry | {"value": exact_json.parse(json.dumps(entry["value"]).encode(), f"{place}value")}
    given = members.given(entry, place)
    for name in ("category", "name"):
        if getattr(given, name) is None:
            refuse(place + name, "it is missing")
    return given


def _refuse_other_keys(value: Any, place: str) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                refuse(place, "the names of members are texts; put others into quotation marks")
            _refuse_other_keys(each, f"{place}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _refuse_other_keys(each, f"{place}[{index}]")
