import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2

from opsbuddy_ui_service.searches.utility import read
from opsbuddy_ui_service.views.utility import HIDDEN, commands, config, history, system
from tests.support.fake_gateway import FakeGateway

JSON = {"content-type": "application/json"}
ID = "6f1f2a52-6d1c-4b0f-9d58-0d2f4f1f7c11"
HOSTILE = "<script>alert(1)</script>\"'<img src=x onerror=alert(1)>"
AT = "2026-01-01T12:00:00.000000Z"
CONFIGS = "/api/utils/configs"


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "name": "retention",
        "category": "logs",
        "value": {"days": 30},
        "description": "",
        "tags": ["storage"],
        "secret": False,
        "version": 2,
        "created_at": AT,
        "updated_at": AT,
    } | changes


def parameter(**changes: Any) -> dict[str, Any]:
    return {
        "name": "lines",
        "type": "int",
        "description": "Lines",
        "required": True,
        "default": None,
        "secret": False,
        "bounds": {"min": 1, "max": 100},
    } | changes


def template(**changes: Any) -> dict[str, Any]:
    return {
        "id": "uptime",
        "title": "Since when it runs",
        "category": "machine",
        "command": "uptime",
        "params": [],
        "timeout": 30.0,
        "network": False,
        "available": True,
        "unavailable_reason": None,
    } | changes


INFO: dict[str, Any] = {"measured_at": AT, "host": {}, "container": {}, "service": {}, "unavailable": []}


def give(gateway: FakeGateway, *entries: dict[str, Any], templates: tuple[dict[str, Any], ...] = (template(),)) -> None:
    answers = {
        CONFIGS: {"configs": entries, "next_cursor": None},
        "/api/utils/system/commands": {"isolation": "landlock", "commands": templates},
        "/api/utils/system/info": INFO,
    }
    for path, answer in answers.items():
        gateway.answers["GET", path] = (200, JSON, json.dumps(answer).encode())


def test_an_address_is_asked_of_the_utility_service_and_its_links_keep_it() -> None:
    search = read(parse_qsl("q=a%26b&category=logs&tag=x&trash=true&cursor=c&template=df-path&p.path=/var/log"))
    assert parse_qs(search.question()) == {
        "limit": ["50"],
        "q": ["a&b"],
        "category": ["logs"],
        "tag": ["x"],
        "cursor": ["c"],
        "trash": ["true"],
    }
    assert (search.template, search.values) == ("df-path", {"path": "/var/log"})
    assert read(parse_qsl(urlsplit(search.address(cursor="c")).query)) == search


def test_a_version_shows_what_it_changed() -> None:
    versions = [entry(version=3, value=[1, 2]), entry(version=2, value=[1]), entry(version=1, name="old", value=[1])]
    newest, middle, first = history({"versions": versions}, ID)
    assert [line for line in newest.changes if line[0] != "same"] == [("gone", "  1"), ("new", "  1,"), ("new", "  2")]
    assert [line for line in middle.changes if line[0] != "same"] == [
        ("gone", "name: old"),
        ("new", "name: retention"),
    ]
    assert first.changes == ()


def test_a_secret_has_no_value_anywhere() -> None:
    secret = entry(secret=True)
    del secret["value"]
    shown = config(secret)
    assert (shown.json, shown.short, shown.lines[-1]) == ("", HIDDEN, HIDDEN)


def test_a_command_that_needs_a_value_or_is_not_there_has_no_quick_button() -> None:
    found = commands(
        {
            "isolation": "landlock",
            "commands": [
                template(),
                template(id="tail", params=[parameter()]),
                template(id="dig", available=False, unavailable_reason="dig is not installed"),
                template(id="ping", params=[parameter(required=False, default=3)]),
            ],
        },
        "tail",
    )
    assert [command.id for command in found.commands if command.quick] == ["uptime", "ping"]
    assert found.chosen
    [field] = found.chosen.parameters
    assert (field.kind, field.least, field.most, field.hint) == ("int", "1", "100", "1 to 100")


def test_figures_that_could_not_be_read_are_left_out_and_named() -> None:
    seen = system(INFO | {"unavailable": [{"part": "host.cpu", "reason": "no /proc"}]})
    assert (seen.cpu, seen.memory, seen.load, seen.unread) == (None, None, None, (("host.cpu", "no /proc"),))


async def test_what_others_stored_is_text(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    stored = entry(name=HOSTILE, category=HOSTILE, description=HOSTILE, tags=[HOSTILE], value={HOSTILE: HOSTILE})
    give(gateway, stored, templates=(template(title=HOSTILE, command=HOSTILE, params=[parameter(default=HOSTILE)]),))
    gateway.answers["GET", f"{CONFIGS}/{ID}"] = (200, JSON, json.dumps(stored).encode())
    versions = {"versions": [stored | {"actor": HOSTILE}, entry(version=1)]}
    gateway.answers["GET", f"{CONFIGS}/{ID}/versions"] = (200, JSON, json.dumps(versions).encode())
    for path in (f"/utility?q={HOSTILE}&template=uptime", f"/utility/configs/{ID}", f"/panels/utility/configs/{ID}"):
        page = await http.get(path)
        assert page.status_code == 200
        assert "&lt;script&gt;" in page.text
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


async def test_each_panel_fails_alone(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    give(gateway, entry())
    problem = json.dumps({"status": 504, "detail": "No figures within 3 s."}).encode()
    gateway.answers["GET", "/api/utils/system/info"] = (504, JSON, problem)
    page = (await http.get("/utility")).text
    assert page.count("does not answer here") == 1
    assert "No figures within 3 s." in page
    assert 'hx-get="/panels/utility/system"' in page
    assert "retention" in page
    assert 'data-run="uptime"' in page


async def test_where_there_is_nothing_the_page_says_how_the_first_gets_there(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    give(gateway)
    page = (await http.get("/utility")).text
    assert "/api/configs -d name=test -d category=system -d value=true" in page
    assert "No configuration is all of what is asked for" in (await http.get("/utility?q=none")).text
    assert "The trash is empty" in (await http.get("/utility?trash=true")).text


async def test_one_that_is_gone_is_said_with_the_way_to_the_trash(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    problem = json.dumps({"status": 404, "detail": "It is in the trash."}).encode()
    for path in (f"{CONFIGS}/{ID}", f"{CONFIGS}/{ID}/versions"):
        gateway.answers["GET", path] = (404, JSON, problem)
    page = await http.get(f"/utility/configs/{ID}")
    assert page.status_code == 404
    assert "It is in the trash." in page.text
    assert f'data-config-restore="{ID}"' in page.text
