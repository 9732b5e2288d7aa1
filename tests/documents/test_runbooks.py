"""The commands of the runbooks are such as the programs take, and speak of what there is; what they find out, tests of the alerts and of each part show."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.charts.helm import STACK, of_kind, render
from tests.documents.runbook import ROOT, Step, names, sources, steps
from tests.support.programs import BIN

STEPS = list(steps())
SAMPLES = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "manifests" / "samples").glob("*.yaml"))]
PORTS = {each["metadata"]["name"]: each["spec"]["port"] for each in SAMPLES}
PREFIXES = {each["spec"]["route"]["prefix"]: each["metadata"]["name"] for each in SAMPLES if "route" in each["spec"]}
EVERYWHERE = {"/health", "/status", "/metrics"}
TEXT_TOOLS = {"grep", "tail", "wc"}
ADDRESS = re.compile(r"(?:http://)?localhost:(\d+)(/[^?]*)")
KINDS = {"obs", "pods", "events", "leases", "configmaps", "nodes", "hpa", "pvc"}
UNREACHABLE = re.compile(r"connection refused|was refused|unable to connect|couldn't get", re.IGNORECASE)


def of(program: str) -> list[Step]:
    return [each for each in STEPS if each.program == program]


def operations(service: str) -> set[tuple[str, str]]:
    """Return method and path of what a service answers, from the page that its OpenAPI document writes."""
    page = (ROOT / "docs" / "reference" / "http.md").read_text()
    part = re.search(rf"^## {service}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    listed = re.findall(r"^\| `(\w+) ([^`]+)` \|", part[1] if part else "", re.MULTILINE)
    return {*listed, *(("GET", path) for path in EVERYWHERE)}


def test_a_runbook_types_known_programs_alone() -> None:
    assert len(STEPS) > 60
    assert {each.program for each in STEPS} <= {"kubectl", "curl", "helm", *TEXT_TOOLS}


@pytest.mark.parametrize("step", of("curl"), ids=lambda step: f"{step.page}: {step.words[-1][:40]}")
def test_an_address_is_one_that_a_service_answers(step: Step) -> None:
    [(port, path)] = [found.groups() for word in step.words if (found := ADDRESS.match(word))]
    body = step.value("-d")
    method = step.value("-X") or ("POST" if body else "GET")
    service = next(name for name, each in PORTS.items() if each == int(port))
    if body:
        assert isinstance(json.loads(body), dict)
        assert step.value("-H") == "Content-Type: application/json"
    if service == "gateway" and path not in EVERYWHERE:
        prefix = next(each for each in PREFIXES if path.startswith(f"{each}/"))
        service, path = PREFIXES[prefix], path.removeprefix(prefix)
    assert (method, path) in operations(service)


def test_each_address_on_this_machine_is_forwarded_there_first() -> None:
    forwarded: dict[str, set[str]] = {}
    for step in STEPS:
        if step.words[:2] == ("kubectl", "port-forward"):
            forwarded.setdefault(step.page, set()).add(step.words[-1].partition(":")[0])
        elif step.program == "curl":
            port = next(found[1] for word in step.words if (found := ADDRESS.match(word)))
            assert port in forwarded.get(step.page, set()), f"{step.page} never forwards port {port}"


@pytest.mark.charts
def test_what_kubectl_is_asked_for_is_there() -> None:
    objects = render(STACK)
    deployments = {each["metadata"]["name"] for each in of_kind(objects, "Deployment")} | PORTS.keys()
    labelled = {
        f"{key}={value}"
        for each in objects
        for key, value in (
            each.get("spec", {}).get("template", {}).get("metadata", {}).get("labels")
            or each["metadata"].get("labels", {})
        ).items()
    }
    known = labelled | {f"opsbuddy.dev/service={name}" for name in (*PORTS, "$SERVICE")}
    for step in of("kubectl"):
        for word in step.words[1:]:
            kind, _, name = word.partition("/")
            if kind in {"deploy", "service"} and name:
                assert name in {*deployments, "opsbuddy-operator", "$SERVICE"}, f"{step.page}: no {word}"
        if label := step.value("-l"):
            assert label in known | {"app.kubernetes.io/managed-by=opsbuddy-operator"}, (
                f"{step.page}: nothing has {label}"
            )
        if step.words[1] in {"get", "describe"}:
            assert step.words[2] in KINDS, f"{step.page}: {step.words[2]}"
        if step.words[1] == "port-forward":
            assert int(step.words[-1].partition(":")[2]) == PORTS[step.words[2].partition("/")[2]]


@pytest.mark.charts
@pytest.mark.parametrize("step", of("kubectl"), ids=lambda step: f"{step.page}: {' '.join(step.words[1:4])}")
def test_kubectl_takes_the_command(step: Step, tmp_path: Path) -> None:
    """It is asked against nobody: what it does not understand it says before it looks for a server."""
    program = BIN / "kubectl"
    assert program.exists(), "kubectl is missing: make it with tests/cluster/build.sh kubectl"
    words = [word.replace("$SERVICE", "file-service") for word in step.words[1:]]
    nobody = [
        "--server=http://127.0.0.1:9",
        f"--cache-dir={tmp_path}",
        "--kubeconfig=/dev/null",
        "--request-timeout=2s",
    ]
    asked = [str(program), words[0], *nobody, *words[1:]]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert UNREACHABLE.search(done.stderr), f"{' '.join(step.words)}\n{done.stderr}"


def test_what_is_looked_for_in_an_output_is_what_the_programs_write() -> None:
    text = sources()
    sought = {(step.page, next(word for word in step.words[1:] if not word.startswith("-"))) for step in of("grep")}
    assert ("OpsBuddyRoutingTableRefused", "Routing table refused") in sought
    written = {"manager", "limits", "last state"}  # by kubectl itself
    for page, pattern in sought:
        for words in re.findall(r"[A-Za-z][A-Za-z ]{4,}", pattern):
            assert words in written or words in text, f"{page}: no program writes {words}"


def test_what_a_page_calls_by_name_has_that_name() -> None:
    text = sources()
    lost = []
    for page, word in names():
        if word in {"SERVICE", "helm"} or word.startswith("/"):
            continue
        last = re.sub(r":.*", "", word).rpartition(".")[2]
        if not re.search(rf"(?<![\w-]){re.escape(last)}(?![\w-])", text) and last.lower() not in text:
            lost.append(f"{page}: {word}")
    assert not lost, lost
