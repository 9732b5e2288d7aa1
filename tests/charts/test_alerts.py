"""Alert rules and dashboards: Prometheus' own tools take them, they speak of metrics that there are, and each alert has its page."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.charts import promql
from tests.charts.declared import declared

ROOT = Path(__file__).parents[2]
RUNBOOKS, CASES = ROOT / "docs" / "runbooks", ROOT / "tests" / "data" / "charts" / "alerts"
ALERTS = {rule["alert"]: rule for rule in promql.rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in promql.rules() if "record" in rule}
OF_A_TARGET = {"namespace", "job", "instance", "le"}
ANY = {"", ".*"}

DECLARED = declared()
OPEN = {"namespace", "service", "route", "job", "instance", "pod"}
"""Labels whose values nobody knows beforehand."""


@pytest.mark.parametrize("expression", promql.expressions())
def test_rules_and_dashboards_speak_of_metrics_and_labels_that_there_are(expression):
    named = promql.selectors(re.sub(r"\w+:opsbuddy_\w+:\w+", "", expression))
    labels = {"namespace", "service"} if any(name in expression for name in RECORDED) else set()
    for selector in named:
        assert selector.metric in DECLARED, f"no process has {selector.metric}"
        of_metric = DECLARED[selector.metric]
        labels |= of_metric.keys()
        for label, values in selector.values.items():
            assert label in of_metric.keys() | OF_A_TARGET, f"{selector.metric} has no label {label}"
            if label not in OPEN:
                assert set(values) <= of_metric[label] | ANY, f"{selector.metric} never has {label} {values}"
    assert promql.grouped(expression) <= labels | OF_A_TARGET
    assert named or labels, f"nothing of it is looked at: {expression}"


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_since_when_and_where_to_read_on(alert):
    rule = ALERTS[alert]
    words = rule["annotations"]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.search(r"\b(minutes?|hours?)\b", words["summary"]), "since when?"
    assert not words["summary"].endswith(".")
    assert words["description"].endswith(".")
    assert words["runbook_url"] == f"docs/runbooks/{alert}.md"


def test_each_alert_has_a_runbook_and_each_runbook_an_alert():
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == ALERTS.keys()
    listed = re.findall(
        r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \| ([\w ]+) \|$", (RUNBOOKS / "README.md").read_text(), re.MULTILINE
    )
    assert listed == [(name, rule["labels"]["severity"], rule.get("for", "at once")) for name, rule in ALERTS.items()]


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_says_what_it_means_what_to_look_at_with_commands_and_how_it_ends(alert):
    text = (RUNBOOKS / f"{alert}.md").read_text()
    assert re.findall(r"^#+ (.*)$", text, re.MULTILINE) == [alert, "Look first", "Mend", "It ends"]
    assert text.split("\n")[2].startswith(f"**{ALERTS[alert]['labels']['severity']}.** ")
    assert text.count("```sh") >= 2
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (RUNBOOKS / link).exists(), link


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_tried_where_it_fires_and_where_it_is_silent(alert):
    tried = yaml.safe_load((CASES / f"{alert}.yaml").read_text())["tests"]
    outcomes = [bool(check["exp_samples"]) for case in tried for check in case["promql_expr_test"]]
    assert all(alert in check["expr"] for case in tried for check in case["promql_expr_test"])
    assert set(outcomes) == {True, False}
    assert {path.stem for path in CASES.iterdir()} == ALERTS.keys()


@pytest.mark.charts
def test_prometheus_takes_the_rules():
    assert promql.promtool("check", "rules", "--lint=all", "--lint-fatal", str(promql.RULES)) == ""


@pytest.mark.charts
@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should_and_is_silent_when_it_should_not(alert):
    assert promql.promtool("test", "rules", str(CASES / f"{alert}.yaml")) == ""


@pytest.mark.charts
def test_prometheus_can_read_every_expression_of_the_dashboards(tmp_path):
    rules = [{"record": f"panel:{n}", "expr": each} for n, each in enumerate(promql.expressions())]
    written = tmp_path / "rules.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert promql.promtool("check", "rules", str(written)) == ""


@pytest.mark.parametrize("path", promql.DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_one_that_grafana_can_take(path):
    board = json.loads(path.read_text())
    assert board["uid"] == f"opsbuddy-{path.stem}"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} lies on another panel"
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("panel", list(promql.panels()), ids=lambda panel: panel["title"])
def test_a_panel_has_a_unit_words_and_links_to_a_runbook_or_the_web_ui(panel):
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["description"].endswith(".")
    links = [link["url"] for link in panel["links"]]
    assert links
    for link in links:
        if link.startswith("docs/"):
            assert (ROOT / link).exists(), link
        else:
            assert urlsplit(link).path in {"/", "/analytics", "/system", "/timeseries"}, link


def test_every_alert_is_linked_from_a_panel():
    linked = {Path(link["url"]).stem for panel in promql.panels() for link in panel["links"]}
    assert ALERTS.keys() - linked == set()
