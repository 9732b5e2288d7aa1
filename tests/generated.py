"""Files that are generated and kept in the repository: `python -m tests.generated check` compares them, `write` brings them up to date."""

import argparse
import difflib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from demo import platform
from opsbuddy_operator import crd
from tests.charts import helm, install_manifest, schema, values
from tests.documents import reference

ROOT = Path(__file__).parents[1]

Files = dict[str, Callable[[], str]]

FILES: Files = {
    "crds/opsbuddyservices.opsbuddy.dev.yaml": crd.text,
    "charts/opsbuddy-operator/files/opsbuddyservices.opsbuddy.dev.yaml": crd.text,
    "charts/opsbuddy/crds/opsbuddyservices.opsbuddy.dev.yaml": crd.text,
    **{f"charts/{chart}/values.schema.json": partial(schema.text, chart) for chart in values.NAMES},
    "manifests/compose/routes.json": lambda: platform.routes(platform.load(ROOT / "manifests" / "samples")).text(),
    **{f"charts/{chart}/README.md": partial(values.readme, chart) for chart in values.NAMES},
    "docs/reference/resource.md": reference.resource,
    "docs/reference/settings.md": reference.settings,
}
"""Path in the repository to the function that returns its text. Order matters where one reads another: earlier entries are written first."""

BY_HELM: Files = {"manifests/install.yaml": install_manifest.text}
"""Likewise, for what Helm makes of the files above. `check` leaves it to the tests of the charts, so that it needs no Helm."""


def _http() -> str:
    from tests.documents import interfaces  # noqa: PLC0415 - it imports every service

    return interfaces.http()


BY_SERVICES: Files = {"docs/reference/http.md": _http}
"""Likewise, for what the services say of themselves. `check` leaves it to a test, which has them imported."""


def check() -> int:
    """Print how the files differ from what would be generated; returns the exit code."""
    differences = [line for path, make in FILES.items() for line in difference(path, make())]
    if not differences:
        return 0
    sys.stderr.write("".join(differences) + "\ngenerated files are out of step: run make generate\n")
    return 1


def write() -> int:
    """Write what differs and say what was written; returns the exit code."""
    _bring_up_to_date(FILES | BY_SERVICES)
    if helm.binary() is None:
        sys.stderr.write(f"{', '.join(BY_HELM)} not looked at: {helm.MISSING}\n")
        return 1
    _bring_up_to_date(BY_HELM)
    return 0


def _bring_up_to_date(files: Files) -> None:
    for path, make in files.items():
        text = make()
        if difference(path, text):
            target = ROOT / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            sys.stdout.write(f"wrote {path}\n")


def difference(path: str, text: str) -> list[str]:
    """Return how a file of the repository differs from a text, as lines of a patch."""
    target = ROOT / path
    present = target.read_text() if target.exists() else ""
    return list(
        difflib.unified_diff(present.splitlines(keepends=True), text.splitlines(keepends=True), path, f"{path} (new)")
    )


if __name__ == "__main__":
    commands = {"check": check, "write": write}
    parser = argparse.ArgumentParser(prog="python -m tests.generated", description=__doc__)
    parser.add_argument("do", choices=commands)
    sys.exit(commands[parser.parse_args().do]())
