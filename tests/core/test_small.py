"""Core stays small: a thing is there only if two deployables use it, each by itself or by another part of core."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core/src/opsbuddy_core"


def module(path: Path, below: Path) -> str:
    return ".".join(path.relative_to(below.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Return what a file imports, a name out of a module with the module's name before it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def test_no_module_of_core_is_for_one_deployable_alone() -> None:
    users = defaultdict(set)
    for source in (CORE, *ROOT.glob("operator/src/*"), *ROOT.glob("services/*/src/*")):
        for path in source.rglob("*.py"):
            for name in imported(path) - {module(path, source)}:
                users[name].add(source.name)
    modules = [module(path, CORE) for path in CORE.rglob("*.py") if path.name != "__init__.py"]
    lonely = {name: users[name] for name in modules if CORE.name not in users[name] and len(users[name]) < 2}
    assert lonely == {}
