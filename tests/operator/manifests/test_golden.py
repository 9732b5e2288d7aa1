"""All objects of whole resources, as YAML to be read: `pytest --update-golden` writes it anew."""

import json
import pkgutil
from pathlib import Path

import pytest
import yaml

from opsbuddy_operator import manifests
from opsbuddy_operator.decide.desired import desired
from opsbuddy_operator.decide.references import references
from opsbuddy_operator.models import Observed

DATA = Path(__file__).parents[2] / "data/operator"
INPUTS = sorted((DATA / "input").glob("*.yaml"))
NO_KIND = {"container", "difference", "identity", "lists", "merge", "pod_template", "stamp", "volumes"}


def _objects(path: Path) -> list[dict]:
    resource = yaml.safe_load(path.read_text())
    resource["metadata"] |= {"namespace": "t", "uid": "00000000-0000-0000-0000-000000000001"}
    found = {ref: f"hash of {ref.name}" for ref in references(resource)}
    return json.loads(json.dumps(desired(Observed(resource, references=found))))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_a_resource_becomes_the_objects_of_its_golden_file(path, request):
    text = yaml.safe_dump_all(_objects(path), sort_keys=False, width=140)
    golden = DATA / "output" / path.name
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text(), f"{golden.name} differs; if that is right, run pytest --update-golden"


def test_every_kind_that_is_built_is_in_a_golden_file():
    built = {module.name.replace("_", "") for module in pkgutil.iter_modules(manifests.__path__)} - {
        name.replace("_", "") for name in NO_KIND
    }
    assert built == {obj["kind"].lower() for path in INPUTS for obj in _objects(path)}
