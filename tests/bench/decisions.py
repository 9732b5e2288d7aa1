"""What the operator computes for one resource, without any cluster: the baseline is writing the same objects as JSON, and as YAML."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from opsbuddy_operator.decide.decision import decide
from opsbuddy_operator.decide.references import references
from opsbuddy_operator.decide.verdict import judge
from opsbuddy_operator.models import Observed
from tests.bench.figures import Figure, figure
from tests.bench.run import Run, timed
from tests.operator.objects import NOW, applied

RESOURCE = Path(__file__).parents[1] / "data/operator/input/full.yaml"
METADATA = {"namespace": "t", "uid": "00000000-0000-0000-0000-000000000001", "generation": 1}


def measure(run: Run) -> list[Figure]:
    resource = yaml.safe_load(RESOURCE.read_text())
    resource["metadata"] |= METADATA | {"creationTimestamp": "2026-01-01T00:00:00Z"}
    new = Observed(resource, references={name: name.name for name in references(resource)})
    settled = applied(new)
    objects = json.loads(json.dumps(decide(new).apply))
    assert len(objects) > 5, "the resource asks for nearly every kind"
    assert decide(settled).apply == (), "a settled resource needs nothing"
    works: dict[str, Callable[[], object]] = {
        "new": lambda: decide(new),
        "settled": lambda: decide(settled),
        "pass": lambda: (decide(settled), judge(settled, NOW)),
        "json": lambda: json.dumps(objects),
        "yaml": lambda: yaml.safe_dump_all(objects),
    }
    seen = run.rates({name: partial(timed, work) for name, work in works.items()})
    what = f"decide on a new resource ({len(objects)} objects)"
    return [
        figure(what, "/s", seen["new"], "yaml.safe_dump_all", seen["yaml"]),
        figure(what, "/s", seen["new"], "json.dumps", seen["json"]),
        figure("decide on a settled resource", "/s", seen["settled"], "json.dumps", seen["json"]),
        figure("decide and judge a settled resource", "/s", seen["pass"], "json.dumps", seen["json"]),
    ]
