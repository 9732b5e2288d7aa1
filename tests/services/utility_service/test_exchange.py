"""Configurations as YAML: out and in again unchanged, all or nothing, and nothing in it does more than carry values."""

from typing import Any

import pytest
import yaml

from tests.services.utility_service.conftest import Service

VALUES: list[Any] = [
    *(True, None, 0, -1500.0, 9007199254740993, 1e20, 0.1),
    *(
        "",
        "true",
        "null",
        "1",
        "1.5e3",
        "~",
        "2026-01-01",
        "yes",
        "0x1F",
        "1:30",
        "- a",
        "a: b",
        "# c",
        "é🚀\u2028\n\ttab",
    ),
    {"a": [1, {"b": None}], "": [], "1": "x"},
    [[], {}, "x" * 500],
]


async def import_(service: Service, document: str | bytes, **query: Any) -> Any:
    return await service.http.post("/configs/import", content=document, params=query)


async def test_what_is_exported_is_imported_unchanged(service: Service) -> None:
    for number, value in enumerate(VALUES):
        await service.create(f"n{number}", value=value, description=f"Nr. {number}: ja", tags=["a", "ü"])
    exported = (await service.http.get("/configs/export")).text
    before = (await service.http.get("/configs")).json()["configs"]
    again = (await import_(service, exported)).json()
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, len(VALUES))
    for entry in before:
        await service.http.delete(f"/configs/{entry['id']}", params={"purge": True})
    anew = (await import_(service, exported)).json()
    assert (anew["created"], anew["changed"], anew["unchanged"]) == (len(VALUES), 0, 0)
    after = (await service.http.get("/configs")).json()["configs"]
    kept = ("name", "category", "value", "description", "tags", "secret")
    assert [[entry[name] for name in kept] for entry in after] == [[entry[name] for name in kept] for entry in before]
    assert [repr(entry["value"]) for entry in after] == [repr(entry["value"]) for entry in before]


async def test_an_export_is_yaml_that_others_read_and_can_be_a_part(service: Service) -> None:
    await service.create("a", "x", value={"n": 1}, tags=["prod"])
    await service.create("b", "y")
    answer = await service.http.get("/configs/export", params={"category": "x"})
    assert answer.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(answer.text) == {
        "configs": [{"category": "x", "name": "a", "value": {"n": 1}, "tags": ["prod"]}]
    }


async def test_a_dry_run_says_what_would_be_and_changes_nothing(service: Service) -> None:
    await service.create("old", "c", value=1)
    document = "- {category: c, name: old, value: 2}\n- {category: c, name: new, value: 3}\n"
    report = (await import_(service, document, dry_run=True)).json()
    assert (report["dry_run"], report["created"], report["changed"]) == (True, 1, 1)
    assert await service.find() == ["old"]
    report = (await import_(service, document)).json()
    assert [each["outcome"] for each in report["results"]] == ["changed", "created"]
    assert await service.find() == ["new", "old"]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_one_entry_that_cannot_be_used_keeps_all_out(service: Service, dry_run: bool) -> None:
    await service.create("s", "c", value="tok-1", secret=True)
    for bad, field in (
        ("{category: c, name: b}", "configs[1].value"),
        ("{category: c, value: 1}", "configs[1].name"),
        ("{category: c, name: b, value: 1, colour: red}", "configs[1].colour"),
        ("{category: c, name: b, value: {1: x}}", "configs[1].value"),
        ('{category: c, name: b, value: "a\\0"}', "configs[1].value"),
        ("{category: c, name: b, value: 1e999}", "configs[1].value"),
        ("{category: c, name: a, value: 1}", "configs[1].name"),
        ("{category: c, name: s, value: '****'}", "configs[1].value"),
        ("{category: c, name: s, secret: false, value: x}", "configs[1].secret"),
        ("{category: c, name: new-secret, secret: true}", "configs[1].value"),
        ("plain text", "configs[1]"),
        ("{category: c, name: b, name: d, value: 1}", "configs[1].name"),
        ("{category: c, name: b, value: [0, !!binary aGk=]}", "configs[1].value[1]"),
        ("{category: c, name: b, value: !!timestamp 2026-01-01}", "configs[1].value"),
        ("{category: c, name: b, value: !!set {a}}", "configs[1].value"),
        ("{category: c, name: &n b, value: *n}", "configs[1].value"),
        ("{category: c, name: b, value: {[1]: x}}", "configs[1].value"),
    ):
        answer = await import_(service, f"- {{category: c, name: a, value: 1}}\n- {bad}\n", dry_run=dry_run)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), bad
        assert answer.json()["errors"][0]["field"] == field, bad
        assert await service.find() == ["s"]


async def test_yaml_that_does_more_than_carry_values_is_refused(service: Service) -> None:
    bomb = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{', '.join(['*a'] * 9)}]\n" for n in range(9))
    for document in (
        *(b"", b"configs: []", b"configs: 1", b"[", b"\xff", b"just text", b"\0"),
        b"- !!python/object/apply:os.system [id]",
        b"- &x {category: c, name: a, value: 1}\n- *x",
        b"[" * 5000,
        b"- {category: c, name: a, value: 1}\n---\n- {category: c, name: b, value: 1}\n",
        b"- {category: c, name: a, value: [" + b"1," * 200_000 + b"1]}",
        b"? " * 200_000,
        b"- {category: c, name: a, value: " + b"[" * 200 + b"]" * 200 + b"}",
        bomb.encode(),
    ):
        answer = await import_(service, document)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), document[:50]
    many = "\n".join(f"- {{category: c, name: n{n}, value: 1}}" for n in range(1001))
    assert (await import_(service, many)).status_code == 422
    assert await service.find() == []
