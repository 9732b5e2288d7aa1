"""Reads templates of commands: the built-in ones, and those that the operator of the platform wrote, which come first."""

import os
import shutil
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from opsbuddy_utility_service.models.commands import Prepared
from opsbuddy_utility_service.models.templates import Template, TemplateFile

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SUFFIXES = (".yaml", ".yml")
MAX_FILE = 1024 * 1024
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is


def load(own: Path | None) -> list[Prepared]:
    """Return all templates. `own` is a YAML file, or a folder of them. ValueError: in plain words what cannot be used in which file."""
    found = [
        _prepared(template, path.parent) for path in _own_files(own) for template in _read(path.name, path.read_bytes())
    ]
    ids = [prepared.template.id for prepared in found]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"commands: the id {', '.join(twice)} is there twice")
    found += [_prepared(template, None) for template in _built_in() if template.id not in ids]
    return found


@cache
def _built_in() -> list[Template]:
    folder = files("opsbuddy_utility_service") / "commands"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return [
        each for entry in entries if entry.name.endswith(SUFFIXES) for each in _read(entry.name, entry.read_bytes())
    ]


def _own_files(own: Path | None) -> list[Path]:
    if own is None:
        return []
    if own.is_dir():  # a ConfigMap's folder holds its files a second time below names with dots
        return sorted(path for path in own.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))
    if not own.is_file():
        raise ValueError("there is no such file or folder")
    return [own]


def _read(name: str, content: bytes) -> list[Template]:
    if len(content) > MAX_FILE:
        raise ValueError(f"{name}: more than {MAX_FILE} bytes")
    try:
        document: Any = yaml.load(content, Loader=LOADER)  # noqa: S506 - a safe one
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        raise ValueError(f"{name}: no valid YAML{f' in line {place.line + 1}' if place else ''}") from None
    if isinstance(document, list):
        document = {"commands": document}
    try:
        return TemplateFile.model_validate(document).commands
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _prepared(template: Template, folder: Path | None) -> Prepared:
    """Find the program, and what an own template reads by what it says: its folder, and the files among its words."""
    here = "/" if folder is None else str(folder.resolve())
    cwd = template.cwd or here
    name = template.argv[0]
    program = str(Path(cwd) / name) if "/" in name else name
    found = shutil.which(program, path=PATH)
    read = list(template.read)
    for parameter in template.params.values():
        read += getattr(parameter, "under", [])
    if folder is not None:
        read += [word for word in template.argv[1:] if word.startswith("/") and os.path.isfile(word)]  # noqa: PTH113 - a word, no path of ours
        read += [here] if here != "/" else []
    if found:
        read.append(found)
    return Prepared(template, found, cwd, tuple(dict.fromkeys(read)), own=folder is not None)
