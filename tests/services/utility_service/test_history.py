"""Versions, roll-back, conditions, tags and the trash of configurations."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.services.utility_service.conftest import Service


async def versions(service: Service, path: str) -> list[dict[str, Any]]:
    answer = await service.http.get(f"{path}/versions")
    assert answer.status_code == 200, answer.text
    return answer.json()["versions"]


async def test_each_change_is_a_version_that_can_be_read_and_gone_back_to(service: Service) -> None:
    entry = await service.create("a", value=1, description="first", tags=["x"])
    path = f"/configs/{entry['id']}"
    await service.http.patch(path, json={"value": 2}, headers={"x-opsbuddy-subject": "alice"})
    await service.http.put(path, json={"name": "b", "category": "other", "value": 3})
    history = await versions(service, path)
    assert [(each["version"], each["name"], each["value"], each["actor"]) for each in history] == [
        (3, "b", 3, "anonymous"),
        (2, "a", 2, "alice"),
        (1, "a", 1, "anonymous"),
    ]
    assert (await service.http.get(f"{path}/versions/1")).json() == history[2]
    back = await service.http.post(f"{path}/versions/1/restore")
    assert back.status_code == 200, back.text
    shown = back.json()
    assert (shown["version"], shown["name"], shown["category"], shown["value"]) == (4, "a", "system", 1)
    assert (shown["description"], shown["tags"]) == ("first", ["x"])
    assert len(await versions(service, path)) == 4


async def test_going_back_to_a_name_that_is_taken_changes_nothing(service: Service) -> None:
    entry = await service.create("a")
    path = f"/configs/{entry['id']}"
    await service.http.patch(path, json={"name": "b"})
    await service.create("a")
    assert (await service.http.post(f"{path}/versions/1/restore")).status_code == 409
    assert (await service.http.get(path)).json()["name"] == "b"
    assert len(await versions(service, path)) == 2


@pytest.mark.parametrize(("number", "status"), [("2", 404), ("0", 422), ("x", 422), (str(2**40), 422)])
async def test_a_version_that_is_not_there_is_said(service: Service, number: str, status: int) -> None:
    path = f"/configs/{(await service.create())['id']}/versions/{number}"
    for answer in (await service.http.get(path), await service.http.post(f"{path}/restore")):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_a_change_that_changes_nothing_is_no_version(service: Service) -> None:
    entry = await service.create(tags=["b", "a"])
    path = f"/configs/{entry['id']}"
    for answer in (await service.http.patch(path, json={}), await service.http.put(path, json=entry)):
        assert answer.json() == entry
    assert len(await versions(service, path)) == 1


async def test_only_so_many_versions_are_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsbuddy_utility_service.storage.configs.MAX_VERSIONS", 3)
    path = f"/configs/{(await service.create(value=0))['id']}"
    for value in range(1, 6):
        await service.http.patch(path, json={"value": value})
    assert [each["value"] for each in await versions(service, path)] == [5, 4, 3]


async def test_a_condition_lets_only_one_of_two_writers_win(service: Service) -> None:
    entry = await service.create(value=0)
    path = f"/configs/{entry['id']}"
    tag = (await service.http.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(service.http.patch(path, json={"value": value}, headers={"if-match": tag}) for value in range(1, 9))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    refused = next(answer for answer in answers if answer.status_code == 412)
    assert refused.headers["content-type"] == "application/problem+json"
    now = await service.http.get(path)
    assert now.json()["version"] == 2
    assert now.headers["etag"] != tag


async def test_conditions_hold_for_every_change(service: Service) -> None:
    entry = await service.create()
    path = f"/configs/{entry['id']}"
    requests: list[dict[str, Any]] = [
        {"method": "PUT", "url": path, "json": entry | {"value": 2}},
        {"method": "PATCH", "url": path, "json": {"value": 3}},
        {"method": "POST", "url": f"{path}/versions/1/restore"},
        {"method": "DELETE", "url": path},
        {"method": "DELETE", "url": path, "params": {"purge": True}},
    ]
    for request in requests:
        for tag in ('"other"', f'W/"{entry["id"]}.1"', '"a", "b"'):
            assert (await service.http.request(**request, headers={"if-match": tag})).status_code == 412
        wrong = await service.http.request(**request, headers={"if-match": "unquoted"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "If-Match")
    assert (await service.http.get(path)).json() == entry
    tag = (await service.http.get(path)).headers["etag"]
    assert (await service.http.patch(path, json={"value": 4}, headers={"if-match": f'"a", {tag}'})).status_code == 200
    assert (await service.http.patch(path, json={"value": 5}, headers={"if-match": "*"})).status_code == 200


async def test_what_a_client_has_already_is_not_sent_again(service: Service) -> None:
    path = f"/configs/{(await service.create())['id']}"
    tag = (await service.http.get(path)).headers["etag"]
    for header in (tag, f"W/{tag}", "*", f'"x", {tag}'):
        again = await service.http.get(path, headers={"if-none-match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await service.http.get(path, headers={"if-none-match": '"x"'})).status_code == 200
    for lines in ([tag, '"x"'], ['"x"', tag], [f'"x,y",,{tag},']):
        again = await service.http.get(path, headers=[("if-none-match", line) for line in lines])
        assert again.status_code == 304, lines
    for wrong in ('"x" "y"', '"x', ",", "x"):
        refused = await service.http.get(path, headers={"if-none-match": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "If-None-Match"), wrong


async def test_a_deleted_entry_waits_in_the_trash_and_comes_back_with_its_history(service: Service) -> None:
    entry = await service.create("a", value={"n": [1]})
    path = f"/configs/{entry['id']}"
    await service.http.patch(path, json={"value": 2})
    await service.http.delete(path)
    assert await service.find() == []
    (trashed,) = (await service.http.get("/configs", params={"trash": True})).json()["configs"]
    assert (trashed["id"], trashed["value"]) == (entry["id"], 2)
    assert trashed["deleted_at"]
    back = await service.http.post(f"{path}/restore")
    assert (back.status_code, back.json()["value"]) == (200, 2)
    assert "deleted_at" not in back.json()
    assert len(await versions(service, path)) == 2
    again = await service.http.post(f"{path}/restore")
    assert (again.status_code, again.json()) == (200, back.json())


async def test_who_asks_for_an_entry_in_the_trash_is_told_how_to_take_it_out(service: Service) -> None:
    path = f"/configs/{(await service.create())['id']}"
    await service.http.delete(path)
    for method, place in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/versions"),
        ("POST", "/versions/1/restore"),
    ):
        answer = await service.http.request(method, path + place, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, (method, place)
        assert f"POST {path}/restore" in answer.json()["detail"], (method, place)


async def test_a_name_that_was_taken_meanwhile_keeps_it_in_the_trash(service: Service) -> None:
    path = f"/configs/{(await service.create('a'))['id']}"
    await service.http.delete(path)
    other = await service.create("a")
    assert (await service.http.post(f"{path}/restore")).status_code == 409
    await service.http.delete(f"/configs/{other['id']}")
    assert (await service.http.post(f"{path}/restore")).status_code == 200


async def test_purge_removes_for_good_from_use_and_from_the_trash(service: Service) -> None:
    for trash in (False, True):
        path = f"/configs/{(await service.create())['id']}"
        if trash:
            await service.http.delete(path)
        assert (await service.http.delete(path, params={"purge": True})).status_code == 204
        for answer in (await service.http.get(path), await service.http.post(f"{path}/restore")):
            assert answer.status_code == 404
    assert (await service.http.get("/configs", params={"trash": True})).json()["configs"] == []


async def test_tags_are_kept_once_and_found(service: Service) -> None:
    await service.create("a", tags=["prod", "db", "prod", " eu "])
    form = {"name": "b", "category": "system", "value": "1"}
    await service.http.post("/configs", data=form | {"tags": "prod, eu_west"})
    await service.http.post("/configs", data=form | {"name": "c", "tags": '["staging"]'})
    listed = {entry["name"]: entry["tags"] for entry in (await service.http.get("/configs")).json()["configs"]}
    assert listed == {"a": ["db", "eu", "prod"], "b": ["eu_west", "prod"], "c": ["staging"]}
    assert await service.find(tag="prod") == ["a", "b"]
    assert await service.find(tag=["prod", "db"]) == ["a"]
    assert await service.find(tag="eu") == ["a"]
    assert await service.find(tag="e_") == []
    assert await service.find(q="STAG") == ["c"]


WRONG_TAGS: list[tuple[Any, str]] = [
    ("prod", "tags"),
    ([1], "tags[0]"),
    (["a", ""], "tags[1]"),
    (["a\nb"], "tags[0]"),
    (["t" * 65], "tags[0]"),
    ([f"t{n}" for n in range(10_000)], "tags"),
    ({"a": "b"}, "tags"),
]


async def test_wrong_tags_are_refused_naming_them(service: Service) -> None:
    for tags, field in WRONG_TAGS:
        answer: httpx2.Response = await service.http.post(
            "/configs", json={"name": "n", "category": "c", "value": 1, "tags": tags}
        )
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


READ_BY_PEOPLE = ["name", "category", "description", "tags"]


async def test_marks_that_turn_text_round_are_refused_where_people_read_it(service: Service) -> None:
    for field in READ_BY_PEOPLE:
        text: Any = "invoice\u202etxt.exe"
        members = {"name": "n", "category": "c", "value": text} | {field: [text] if field == "tags" else text}
        answer = await service.http.post("/configs", json=members)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"].startswith(field)
