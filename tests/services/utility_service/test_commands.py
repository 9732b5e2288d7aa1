"""What the service decides about commands: what it answers, what it records, how many it runs."""

import asyncio
import hashlib
import json
from typing import Any

import httpx2
import pytest

from opsbuddy_core.errors import UnavailableError
from opsbuddy_utility_service.factory import build
from opsbuddy_utility_service.models.audit import Entry, Record
from opsbuddy_utility_service.sandbox.order import Ended
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage.audit import SqlAudit
from tests.services.utility_service.conftest import Service
from tests.support.apps import client
from tests.support.fake_launcher import FakeLauncher
from tests.support.wait import eventually

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def execute(service: Service, **members: Any) -> httpx2.Response:
    return await service.http.post("/system/execute", json=members)


async def test_a_form_as_curl_sends_it_runs_the_command_and_says_how_it_ended(service: Service) -> None:
    answer = await service.http.post("/system/execute", content=b"command=ls -la&timeout=30", headers=FORM)
    result = answer.json()
    assert answer.status_code == 200
    assert (result["template"], result["command"], result["reason"]) == ("ls", "ls -la", "ok")
    assert (result["exit_code"], result["stdout"], result["timeout"]) == (0, "done\n", 30)
    assert result["isolation"] == {"level": "landlock", "network": False}
    assert service.launcher.commands[0].order.argv == ["ls", "-la"]
    assert service.launcher.commands[0].order.env == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
    }


REQUESTS = [
    (b'{"command":"df -h","timeout":5}', {"content-type": "application/json"}),
    (b'{"command":"df -h","timeout":5}', FORM),
    (b'{"template":"df","params":{},"timeout":5.0}', {}),
    (b"command=df%20-h&timeout=5", FORM),
    (b"template=df&params=%7B%7D&timeout=5", FORM),
]


async def test_every_form_of_a_request_is_taken(service: Service) -> None:
    for content, headers in REQUESTS:
        answer = await service.http.post("/system/execute", content=content, headers=headers)
        assert (answer.status_code, answer.json()["template"], answer.json()["timeout"]) == (200, "df", 5), answer.text


async def test_a_timeout_is_at_most_the_templates_own(service: Service) -> None:
    assert (await execute(service, command="uptime", timeout=3600)).json()["timeout"] == 30
    assert (await execute(service, command="uptime")).json()["timeout"] == 30
    assert service.launcher.commands[0].order.timeout == 30


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "command"),
    ({"command": "ls -la", "template": "ls"}, "command"),
    ({"command": 1}, "command"),
    ({"command": ["ls"]}, "command"),
    ({"template": {}}, "template"),
    ({"command": "ls '"}, "command"),
    ({"command": "ls -la", "params": {"a": 1}}, "params"),
    ({"template": "ls", "params": []}, "params"),
    ({"template": "ls", "params": {"x": 1}}, "params.x"),
    ({"command": "ls -la", "timeout": 0}, "timeout"),
    ({"command": "ls -la", "timeout": -1}, "timeout"),
    ({"command": "ls -la", "timeout": True}, "timeout"),
    ({"command": "ls -la", "timeout": [1]}, "timeout"),
    ({"command": "ls -la", "timeout": 1e9}, "timeout"),
    ({"command": "ls -la", "shell": True}, "shell"),
    ({"command": "ls -la\0"}, "command"),
    ({"command": "ping 127.0.0.1"}, "command"),
]


async def test_a_wrong_request_is_refused_naming_the_member_and_nothing_runs(service: Service) -> None:
    for members, field in WRONG:
        answer = await execute(service, **members)
        assert answer.headers["content-type"] == "application/problem+json", members
        assert (answer.status_code, answer.json()["errors"][0]["field"]) in {(422, field), (403, field)}, answer.text
        assert service.launcher.commands == []


WRONG_TIMEOUTS = [
    b"command=ls&timeout=nan",
    b"command=ls&timeout=abc",
    b"command=ls&timeout=1_0",
    "command=ls&timeout=٣".encode(),
    b"command=ls&timeout=inf",
    b"command=ls&timeout=1&timeout=2",
]


async def test_a_timeout_of_a_form_that_is_no_number_of_seconds_is_refused(service: Service) -> None:
    for body in WRONG_TIMEOUTS:
        answer = await service.http.post("/system/execute", content=body, headers=FORM)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "timeout"), body


async def test_what_is_not_allowed_is_a_403_that_names_the_part_and_is_on_record(service: Service) -> None:
    answer = await execute(service, command="ls -la /etc/shadow --password=hunter2")
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert (problem["part"], problem["reason"]) == ("/etc/shadow", "denied")
    assert "/etc/shadow" in problem["detail"]
    assert service.launcher.commands == []
    (refused,) = await service.audited()
    assert (refused["reason"], refused["closed"], refused["command"]) == ("denied", True, "/etc/shadow")
    assert "hunter2" not in json.dumps(refused)


async def test_a_value_that_is_not_allowed_is_refused_and_on_record_however_it_was_asked_for(service: Service) -> None:
    by_words = await execute(service, command="ls-folder /etc/shadow")
    by_name = await execute(service, template="ls-folder", params={"path": "/etc/shadow"})
    assert [answer.status_code for answer in (by_words, by_name)] == [403, 403]
    assert by_name.json()["errors"][0]["field"] == "params.path"
    assert [run["command"] for run in await service.audited(reason="denied")] == ["/etc/shadow", "/etc/shadow"]
    assert service.launcher.commands == []


async def test_a_run_is_on_record_before_it_starts_and_closed_after_it(service: Service) -> None:
    service.launcher.hold = True
    headers = {"x-forwarded-for": "10.1.2.3, 10.0.0.1", "x-opsbuddy-subject": "alice", "x-request-id": "r-1"}
    asked = asyncio.create_task(service.http.post("/system/execute", json={"command": "uptime"}, headers=headers))
    await eventually(lambda: _begun(service), what="the command starts")
    (open_run,) = await service.audited()
    assert (open_run["closed"], open_run["reason"], open_run["command"]) == (False, None, "uptime")
    assert (open_run["actor"], open_run["address"], open_run["request_id"]) == ("alice", "10.1.2.3", "r-1")
    service.launcher.commands[0].take("stdout", b"up\n")
    service.launcher.commands[0].finish(Ended("exited", exit_code=3))
    result = (await asked).json()
    assert (result["reason"], result["exit_code"]) == ("nonzero", 3)
    (closed,) = await service.audited()
    assert (closed["id"], closed["closed"], closed["reason"], closed["exit_code"]) == (result["id"], True, "nonzero", 3)
    assert closed["stdout_sha256"] == hashlib.sha256(b"up\n").hexdigest()


async def _begun(service: Service) -> bool:
    return any(command.begun for command in service.launcher.commands)


ENDS = [
    (Ended("exited", exit_code=0), "ok"),
    (Ended("exited", exit_code=1), "nonzero"),
    (Ended("exited", signal=9), "signal"),
    (Ended("timeout", signal=15), "timeout"),
    (Ended("timeout", exit_code=0), "timeout"),
    (Ended("not_started", problem="Permission denied"), "not_started"),
]


async def test_each_end_has_its_reason(service: Service) -> None:
    for ended, reason in ENDS:
        service.launcher.ended = ended
        answer = await execute(service, command="uptime")
        assert (answer.status_code, answer.json()["reason"]) == (200, reason)
        assert (await service.audited(reason=reason))[0]["id"] == answer.json()["id"]


async def test_a_command_that_writes_too_much_is_ended_and_the_answer_stays_small(service: Service) -> None:
    service.launcher.hold = True
    asked = asyncio.create_task(execute(service, command="uptime"))
    await eventually(lambda: _begun(service), what="the command starts")
    command = service.launcher.commands[0]
    for _ in range(64):
        command.take("stdout", b"y\n" * 8192)
    answer = await asked
    result = answer.json()
    assert (result["reason"], command.stopped) == ("output_limit", 1)
    assert len(answer.content) <= 64 * 1024 + 4096
    assert result["cut_bytes"]["stdout"] > 900_000
    assert f"{result['cut_bytes']['stdout']} bytes are cut here" in result["stdout"]


async def test_more_commands_than_may_run_are_refused_with_a_time_to_come_back(service: Service) -> None:
    service.launcher.hold = True
    asked = [asyncio.create_task(execute(service, command="uptime")) for _ in range(2)]

    async def both_run() -> bool:
        return len(service.launcher.commands) == 2

    await eventually(both_run, what="two commands run")
    refused = await execute(service, command="uptime")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.headers["content-type"] == "application/problem+json"
    for command in service.launcher.commands:
        command.finish(Ended("exited", exit_code=0))
    assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200, 200]
    service.launcher.hold = False
    assert (await execute(service, command="uptime")).status_code == 200
    assert len(await service.audited()) == 3


async def test_a_launcher_that_does_not_work_leaves_a_closed_record(service: Service) -> None:
    service.launcher.works = False
    result = (await execute(service, command="uptime")).json()
    assert result["reason"] == "not_started"
    assert [run["reason"] for run in await service.audited()] == ["not_started"]


async def test_what_cannot_be_recorded_is_called_off_before_it_begins(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: SqlAudit, __: Entry) -> Record:
        raise UnavailableError("The database does not answer.", retry_after=3)

    monkeypatch.setattr(SqlAudit, "append", fails)
    answer = await execute(service, command="uptime")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")

    async def called_off() -> bool:
        return [(command.begun, command.stopped) for command in service.launcher.commands] == [(False, 1)]

    await eventually(called_off, what="it is called off")


async def test_output_is_streamed_as_it_comes(service: Service) -> None:
    service.launcher.hold = True
    asked = asyncio.create_task(
        service.http.post("/system/execute", json={"command": "uptime"}, headers={"accept": "application/x-ndjson"})
    )
    await eventually(lambda: _begun(service), what="the command starts")
    command = service.launcher.commands[0]
    for data in (b"one\n", "zwölf".encode()[:3], "zwölf".encode()[3:]):
        command.take("stdout", data)
    command.take("stderr", b"oh\n")
    command.finish(Ended("exited", exit_code=0))
    answer = await asked
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert events[0]["event"] == "started"
    assert [event["text"] for event in events if event["event"] == "output"] == ["one\n", "zw", "ölf", "oh\n"]
    assert (events[-1]["event"], events[-1]["reason"]) == ("result", "ok")
    assert events[0]["id"] == events[-1]["id"]


async def test_server_sent_events_have_names_and_documents(service: Service) -> None:
    answer = await service.http.post(
        "/system/execute", json={"command": "uptime"}, headers={"accept": "text/event-stream"}
    )
    blocks = answer.text.strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["event: started", "event: output", "event: result"]
    assert json.loads(blocks[1].splitlines()[1].removeprefix("data: ")) == {"stream": "stdout", "text": "done\n"}


async def test_a_shutdown_ends_commands_and_closes_their_records(service: Service) -> None:
    settings = service.settings
    launcher = FakeLauncher(hold=True)
    async with client(build(settings, launcher=launcher)[0]) as http:
        asked = asyncio.create_task(http.post("/system/execute", json={"command": "uptime"}))

        async def begun() -> bool:
            return bool(launcher.commands)

        await eventually(begun, what="the command starts")
    assert launcher.commands[0].stopped == 1
    assert (await asked).json()["reason"] == "cancelled"
    assert [run["reason"] for run in await service.audited()] == ["cancelled"]


async def test_the_list_says_what_may_be_run_and_what_is_missing(service: Service) -> None:
    answer = (await service.http.get("/system/commands")).json()
    commands = {command["id"]: command for command in answer["commands"]}
    assert answer["isolation"] == "landlock"
    assert commands["ls"]["command"] == "ls -la"
    assert commands["certificate"]["network"] is True
    host, port = commands["certificate"]["params"]
    assert (host["name"], host["type"], host["required"]) == ("host", "host", True)
    assert (port["name"], port["required"], port["default"]) == ("port", False, 443)
    assert all(command["available"] == (command["unavailable_reason"] is None) for command in commands.values())
    status = (await service.http.get("/status")).json()["commands"]
    assert (status["isolation"]["level"], status["most"], status["running"]) == ("landlock", 2, 0)


async def test_less_isolation_than_required_runs_nothing(tmp_path: Any) -> None:
    settings = UtilitySettings(data_dir=tmp_path, command_isolation="landlock")
    launcher = FakeLauncher(level="rlimits")
    async with client(build(settings, launcher=launcher)[0]) as http:
        answer = await http.post("/system/execute", json={"command": "uptime"})
        assert answer.status_code == 503
        assert "COMMAND_ISOLATION" in answer.json()["detail"]
        assert launcher.commands == []
        assert (await http.get("/system/audit")).json()["runs"] == []
