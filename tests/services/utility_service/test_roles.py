"""Commands that are left to some: by the roles that the gateway verified."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from opsbuddy_utility_service.factory import build
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage import templates
from tests.support.apps import client
from tests.support.fake_launcher import FakeLauncher

OWN = """
commands:
- {id: restart, argv: [/bin/true, "{what}"], params: {what: {type: name}}, roles: [oncall, admin]}
- {id: uptime, argv: [uptime], roles: [oncall]}
"""
ASKED = {"template": "restart", "params": {"what": "web"}}


def verified(*roles: str) -> dict[str, str]:
    return {
        "x-opsbuddy-subject": "alice",
        "x-opsbuddy-auth-method": "JWT",
        "x-opsbuddy-roles": ",".join(roles),
    }


@pytest.fixture
def settings(tmp_path: Path) -> UtilitySettings:
    (tmp_path / "own.yaml").write_text(OWN)
    return UtilitySettings(data_dir=tmp_path, command_templates=tmp_path / "own.yaml")


@pytest.fixture
async def http(settings: UtilitySettings) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(build(settings, launcher=FakeLauncher())[0]) as http:
        yield http


async def run(http: httpx2.AsyncClient, document: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
    return await http.post("/system/execute", json=document, headers=headers)


@pytest.mark.parametrize("roles", [("admin",), ("oncall", "reader")])
async def test_one_of_the_roles_is_enough(http: httpx2.AsyncClient, roles: tuple[str, ...]) -> None:
    for document in (ASKED, {"command": "restart web"}, {"command": "/bin/true web"}):
        answer = await run(http, document, verified(*roles))
        assert (answer.status_code, answer.json().get("reason")) == (200, "ok"), answer.text


@pytest.mark.parametrize("roles", [(), ("reader",), ("ONCALL",), ("oncall2",)])
@pytest.mark.parametrize(("document", "field"), [(ASKED, "template"), ({"command": "/bin/true web"}, "command")])
async def test_who_lacks_them_gets_a_403_that_names_the_template_and_is_on_record(
    http: httpx2.AsyncClient, document: dict[str, Any], field: str, roles: tuple[str, ...]
) -> None:
    answer = await run(http, document, verified(*roles))
    problem = answer.json()
    assert (answer.status_code, problem["part"], problem["reason"]) == (403, "restart", "denied")
    assert problem["errors"][0]["field"] == field
    assert "alice lacks the role oncall or admin" in problem["detail"]
    (refused,) = (await http.get("/system/audit")).json()["runs"]
    assert (refused["reason"], refused["actor"], refused["command"]) == ("denied", "alice", "restart")


async def test_a_template_of_the_same_id_gives_a_built_in_command_roles_and_the_others_stay_open(
    http: httpx2.AsyncClient,
) -> None:
    assert (await run(http, {"command": "uptime"}, verified("reader"))).status_code == 403
    assert (await run(http, {"command": "ls -la"}, verified("reader"))).status_code == 200


async def test_without_access_control_everything_is_as_without_roles(http: httpx2.AsyncClient) -> None:
    assert (await run(http, ASKED, {})).status_code == 200


async def test_where_roles_are_required_who_was_not_verified_has_none(settings: UtilitySettings) -> None:
    strict = settings.model_copy(update={"command_roles_required": True})
    async with client(build(strict, launcher=FakeLauncher())[0]) as http:
        assert (await run(http, ASKED, {})).status_code == 403
        assert (await run(http, ASKED, {"x-opsbuddy-roles": "oncall"})).status_code == 403
        assert (await run(http, ASKED, verified("oncall"))).status_code == 200
        assert (await run(http, {"command": "ls -la"}, {})).status_code == 200


async def test_the_list_says_who_may_run_what(http: httpx2.AsyncClient) -> None:
    commands = {each["id"]: each["roles"] for each in (await http.get("/system/commands")).json()["commands"]}
    assert (commands["restart"], commands["uptime"], commands["df"]) == (["oncall", "admin"], ["oncall"], [])


@pytest.mark.parametrize("roles", ['"a,b"', '""', '"a b"', '"é"'])
def test_a_role_that_the_gateway_cannot_pass_on_ends_the_start(tmp_path: Path, roles: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"commands: [{{id: x, argv: [ls], roles: [{roles}]}}]")
    with pytest.raises(ValueError, match=r"own\.yaml: commands\.0\.roles\.0"):
        templates.load(file)
