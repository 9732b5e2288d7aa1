"""manifests/samples are the services of the stack: applied beside it, they change nothing."""

from pathlib import Path

import pytest
import yaml

from tests.charts import helm, values

SAMPLES = sorted((values.CHARTS.parent / "manifests/samples").glob("*.yaml"))


@pytest.mark.charts
def test_the_chart_has_a_sample_of_each_service_and_no_other():
    rendered = helm.of_kind(helm.render(helm.STACK), "OpsBuddyService")
    assert {obj["metadata"]["name"] for obj in rendered} == {path.stem for path in SAMPLES}


@pytest.mark.charts
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_says_what_the_chart_says(path: Path):
    sample = yaml.safe_load(path.read_text())
    assert sample["spec"] == helm.one(helm.render(helm.STACK), "OpsBuddyService", path.stem)["spec"]
