"""Template files: what is built in, what operators of the platform write, and what their mistakes are called."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from opsbuddy_core.resource.types import seconds
from opsbuddy_ui_service.clients.gateway import IDLE_LIMIT
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage.templates import load

ONE = "commands:\n- {id: tool, argv: [/bin/sh, tool.sh, '{n}'], params: {n: {type: int, max: 9}}}\n"


def test_the_built_in_ones_serve_every_part_of_on_call_work() -> None:
    found = load(None)
    categories = {prepared.template.category for prepared in found}
    assert {"disk", "memory", "network", "processes", "dns", "certificates"} <= categories
    assert {"ls", "uptime", "df", "free", "ps"} <= {prepared.template.id for prepared in found}
    assert all(prepared.template.title for prepared in found)
    assert not any(prepared.own or prepared.template.write for prepared in found)


def test_the_way_to_the_service_is_open_for_longer_than_any_built_in_one_may_run() -> None:
    longest = max(each.template.timeout + each.template.grace for each in load(None))
    sample = Path(__file__).parents[3] / "manifests/samples/utility-service.yaml"
    route = yaml.safe_load(sample.read_text())["spec"]["route"]
    assert longest < seconds(route.get("timeout", "30s")) < IDLE_LIMIT


def test_own_ones_come_first_run_where_their_file_is_and_take_the_place_of_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ONE)
    (tmp_path / "b.yml").write_text("- {id: uptime, argv: [uptime, -p]}\n")
    (tmp_path / "notes.txt").write_text("{")
    (tmp_path / "..data").mkdir()
    found = load(tmp_path)
    assert [(each.template.id, each.own) for each in found[:2]] == [("tool", True), ("uptime", True)]
    assert (found[0].program, found[0].cwd) == ("/bin/sh", str(tmp_path))
    assert str(tmp_path) in found[0].read
    assert [each.template.argv for each in found if each.template.id == "uptime"] == [["uptime", "-p"]]
    assert load(tmp_path / "a.yaml")[0].template.id == "tool"


def test_a_program_that_is_not_installed_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- {id: tool, argv: [no-such-program]}\n- {id: other, argv: [/no/such/program]}\n")
    said = [each.missing for each in load(tmp_path)[:2]]
    assert said[0] == "no-such-program is not installed where this service runs"
    assert said[1] == "/no/such/program is not installed where this service runs"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("commands: [", "no valid YAML"),
        ("commands: {}", "commands"),
        ("- {id: tool}", "argv"),
        ("- {id: Tool, argv: [a]}", "id"),
        ("- {id: tool, argv: []}", "argv"),
        ("- {id: tool, argv: ['{x}'], params: {x: {type: int}}}", "first word"),
        ("- {id: tool, argv: [a, '{x}']}", "no parameter is named x"),
        ("- {id: tool, argv: [a], params: {x: {type: int}}}", "x is not in argv"),
        ("- {id: tool, argv: [a, '{x}'], params: {x: {type: colour}}}", "params.x"),
        ("- {id: tool, argv: [a, '{x}'], params: {x: {type: regex, pattern: '('}}}", "no regular expression"),
        ("- {id: tool, argv: [a, '{x}'], params: {x: {type: regex, pattern: '(?!-)a'}}}", "look-around"),
        ("- {id: tool, argv: [a, '{x}'], params: {x: {type: regex, pattern: '(a)\\1'}}}", "backreferences"),
        ("- {id: tool, argv: [a, '{x}'], params: {x: {type: path, under: [etc]}}}", "under"),
        ("- {id: tool, argv: [a], timeout: 0}", "timeout"),
        ("- {id: tool, argv: [a], colour: red}", "colour"),
        ("- {id: tool, argv: [a]}\n- {id: tool, argv: [b]}", "tool is there twice"),
        ("- !!python/object/apply:os.system [id]", "no valid YAML"),
    ],
)
def test_a_mistake_in_a_file_is_said_with_file_and_place_before_anything_starts(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(ValidationError) as refused:
        UtilitySettings(command_templates=file)
    message = refused.value.errors()[0]["msg"]
    assert said in message
    assert "own.yaml" in message or "twice" in message


def test_a_file_that_is_not_there_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no such file"):
        UtilitySettings(command_templates=tmp_path / "none.yaml")
