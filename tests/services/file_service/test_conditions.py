import asyncio
from typing import Any

import pytest

from opsbuddy_file_service.conditions import Conditions
from tests.services.file_service.conftest import Service
from tests.support.cases import cases

BYTES = {"content-type": "application/octet-stream"}


async def test_a_record_that_was_read_is_not_sent_again(service: Service) -> None:
    record = await service.store()
    path = f"/files/{record['id']}"
    first = await service.http.get(path)
    assert first.headers["etag"] == f'"{record["id"]}.1"'
    for tags in (first.headers["etag"], "*", f'"other", W/{first.headers["etag"]}'):
        again = await service.http.get(path, headers={"if-none-match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await service.http.get(path, headers={"if-none-match": '"other"'})).status_code == 200
    await service.http.patch(path, json={"tags": {"a": 1}})
    assert (await service.http.get(path, headers={"if-none-match": first.headers["etag"]})).status_code == 200
    assert (await service.http.get(path, headers={"if-match": first.headers["etag"]})).status_code == 412


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "RAW"])
async def test_a_change_of_an_old_version_is_412_and_changes_nothing(service: Service, method: str) -> None:
    record = await service.store()
    path, old = f"/files/{record['id']}", f'"{record["id"]}.1"'
    await service.http.patch(path, json={"tags": {"a": 1}})
    before = (await service.http.get(path)).json()

    async def ask(tag: str) -> int:
        body: dict[str, Any] = {} if method == "DELETE" else {"json": {"metadata": {"m": 1}}}
        if method == "RAW":
            body = {"content": b"new", "headers": BYTES}
        headers = body.pop("headers", {}) | {"if-match": tag}
        verb = "PUT" if method == "RAW" else method
        answer = await service.http.request(verb, path, headers=headers, **body)
        if answer.status_code == 412:
            assert answer.json()["type"] == "urn:opsbuddy:problem:precondition-failed"
        return answer.status_code

    for tag in (old, f'W/"{record["id"]}.2"', '"x"'):
        assert await ask(tag) == 412, tag
        assert (await service.http.get(path)).json() == before
    assert len(service.kept) == 1
    assert await ask(f'"{record["id"]}.2"') in {200, 204}


async def test_of_changes_at_once_on_one_version_exactly_one_holds(service: Service) -> None:
    record = await service.store()
    path, headers = f"/files/{record['id']}", {"if-match": f'"{record["id"]}.1"'}
    answers = await asyncio.gather(
        *(service.http.patch(path, json={"tags": {"n": n}}, headers=headers) for n in range(8)),
        *(service.http.put(path, content=b"%d" % n, headers=headers | BYTES) for n in range(4)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 11
    assert (await service.http.get(path)).json()["version"] == 2
    assert len(service.kept) == 1


async def test_a_record_may_be_sent_back_as_it_was_read_until_it_changes(service: Service) -> None:
    record = await service.store(tags={"a": 1}, metadata={"m": 1})
    path = f"/files/{record['id']}"
    sent = record | {"tags": {"a": 2}}
    for method in ("PUT", "PATCH"):
        current = (await service.http.get(path)).json()
        answer = await service.http.request(method, path, json=current | {"tags": {"a": 2}})
        assert (answer.status_code, answer.json()["tags"], answer.json()["metadata"]) == (200, {"a": 2}, {"m": 1})
        assert (await service.http.request(method, path, json=sent)).status_code == 412
        wrong = await service.http.request(method, path, json=answer.json() | {"sha256": "0" * 64})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "sha256")


@cases("field", ["if-match", "if-none-match"])
@cases("value", ["abc", '"a" "b"', '"a', "", "*, *"])
async def test_a_field_that_is_no_list_of_tags_is_400_naming_it(service: Service, field: str, value: str) -> None:
    record = await service.store()
    for method in ("GET", "DELETE"):
        answer = await service.http.request(method, f"/files/{record['id']}", headers={field: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("value", ['"x", W/"a"', ', "x",, "a",', '"a",,', ' ,"a"'])
def test_a_list_of_tags_may_have_empty_members(value: str) -> None:
    assert Conditions.of({"if-none-match": value}).not_modified('"a"')
    assert not Conditions.of({"if-none-match": value}).not_modified('"b"')
