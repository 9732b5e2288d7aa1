import json
from typing import Any

from tests.services.file_service.conftest import Service
from tests.support.cases import cases

KEPT = [
    *('{"n":9007199254740993}', '{"n":-9223372036854775808}', '{"n":0.1,"m":-1.5e-300}', '{"b":[true,false,null]}'),
    *('{"k":{"deep":[{"er":"x"}]}}', '{"é 🚀 \\"q\\" $.a[0]":"\\u00e9\\ud83d\\ude80"}', "{}"),
]
JSON = {"content-type": "application/json"}
REFUSED = [
    *('{"n":"a\\u0000b"}', '{"a\\u0000":1}', '{"k":"\\ud800"}', '{"n":NaN}', '{"n":-Infinity}', '{"n":1e999}'),
    *('{"n":%s}' % ("9" * 5000), '{"n":9223372036854775808}', '{"n":0.12345678901234567891}', '{"a":1,"a":2}'),
    *('{"a":' + "[" * 5000 + "]" * 5000 + "}", '{"a":' * 17 + "1" + "}" * 17, '{"a":}', "[]", '"text"', "null"),
]


@cases("document", KEPT)
@cases("field", ["tags", "metadata"])
async def test_documents_come_back_exactly_as_sent(service: Service, field: str, document: str) -> None:
    sent = json.loads(document)
    uploaded = await service.send(("file", "a", b"x"), (field, None, document.encode()))
    assert uploaded.status_code == 201, uploaded.text
    name = uploaded.json()["id"]
    file = f"/files/{name}"
    assert (await service.http.get(file)).json()[field] == sent
    changed = await service.http.patch(file, content=b'{"%s":%s}' % (field.encode(), document.encode()))
    assert changed.json()[field] == sent
    assert [entry[field] for entry in await service.find() if entry["id"] == name] == [sent]


@cases("document", REFUSED)
@cases("field", ["tags", "metadata"])
async def test_what_cannot_be_kept_exactly_is_refused_naming_its_place(
    service: Service, field: str, document: str
) -> None:
    kept = service.kept
    answer = await service.send(("file", "a", b"x"), (field, None, document.encode()))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert service.kept == kept
    file = f"/files/{(await service.store())['id']}"
    for method in ("PUT",) if document == "null" else ("PATCH", "PUT"):  # a merge patch empties by null
        body = b'{"%s":%s}' % (field.encode(), document.encode())
        refused = await service.http.request(method, file, content=body, headers=JSON)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"].startswith((field, "body"))
    assert all(entry[field] == {} for entry in await service.find())


async def test_patch_merges_and_put_replaces(service: Service) -> None:
    record = await service.store(tags={"a": 1}, metadata={"m": 1})
    file = f"/files/{record['id']}"

    async def change(method: str, body: Any) -> tuple[Any, Any, Any]:
        answer = await service.http.request(method, file, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == (await service.http.get(file)).json()
        assert answer.json()["updated_at"] > record["updated_at"]
        return answer.json()["filename"], answer.json()["tags"], answer.json()["metadata"]

    tags = {"a": None, "b": [1, "two"]}
    assert await change("PATCH", {"tags": tags}) == ("a.txt", {"b": [1, "two"]}, {"m": 1})
    assert [f["id"] for f in await service.find(tag="b=two")] == [record["id"]]
    assert await service.find(tag="a=1") == []
    assert await change("PATCH", {"filename": "é/new.txt"}) == ("new.txt", {"b": [1, "two"]}, {"m": 1})
    assert await change("PATCH", {"metadata": {"o": {"p": 1, "q": 2}}}) == (
        "new.txt",
        {"b": [1, "two"]},
        {"m": 1, "o": {"p": 1, "q": 2}},
    )
    assert await change("PATCH", {"tags": None, "metadata": {"o": {"p": None}}}) == (
        "new.txt",
        {},
        {"m": 1, "o": {"q": 2}},
    )
    assert await change("PUT", {"metadata": {"n": 2}}) == ("new.txt", {}, {"n": 2})


@cases("body", ['{"size":1}', '{"tags":[]}', '{"filename":""}', "[]", "", "{", '{"filename":7}'])
async def test_a_wrong_change_is_refused_and_changes_nothing(service: Service, body: str) -> None:
    record = await service.store(tags={"a": 1})
    answer = await service.http.patch(f"/files/{record['id']}", content=body)
    assert answer.status_code == 422
    assert (await service.http.get(f"/files/{record['id']}")).json() == record


async def test_a_change_over_the_limit_is_413(service: Service) -> None:
    record = await service.store()
    answer = await service.http.patch(f"/files/{record['id']}", content=b" " * 300_000)
    assert answer.status_code == 413


async def test_a_packed_change_is_415(service: Service) -> None:
    record = await service.store()
    answer = await service.http.patch(f"/files/{record['id']}", content=b"x", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


@cases("kind", ["text/plain", "application/xml", "application/json-patch+json", "multipart/form-data; boundary=x"])
async def test_a_change_that_is_said_to_be_no_json_is_415_naming_its_type(service: Service, kind: str) -> None:
    record = await service.store()
    path = f"/files/{record['id']}"
    answer = await service.http.patch(path, content=b'{"tags":{"a":1}}', headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert kind.partition(";")[0] in answer.json()["detail"]
    assert (await service.http.get(path)).json() == record


@cases(
    "kind",
    [None, "application/json; charset=utf-8", "Application/Merge-Patch+JSON", "application/x-www-form-urlencoded"],
)
async def test_a_change_is_taken_as_json_however_clients_call_it(service: Service, kind: str | None) -> None:
    record = await service.store()
    headers = {"content-type": kind} if kind else {}
    answer = await service.http.patch(f"/files/{record['id']}", content=b'{"tags":{"a":1}}', headers=headers)
    assert (answer.status_code, answer.json()["tags"]) == (200, {"a": 1})
