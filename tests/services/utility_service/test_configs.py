import asyncio
import gzip
import json
from typing import Any

import pytest

from tests.services.utility_service.conftest import Service

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def test_a_form_as_curl_sends_it_creates_an_entry_that_comes_back(service: Service) -> None:
    answer = await service.http.post("/configs", content=b"name=test&category=system&value=true", headers=FORM)
    entry = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/configs/{entry['id']}"
    assert list(entry) == [
        *("id", "name", "category", "value", "description", "tags", "secret", "version", "updated_at", "created_at")
    ]
    assert (entry["name"], entry["category"], entry["value"], entry["description"]) == ("test", "system", True, "")
    assert (await service.http.get(f"/configs/{entry['id']}")).json() == entry
    assert (await service.http.get("/configs")).json() == {"configs": [entry], "next_cursor": None}


VALUES: list[tuple[str, Any]] = [
    ("true", True),
    ("null", None),
    ("42", 42),
    ("-1.5e3", -1500.0),
    ('"42"', "42"),
    ('{"a":[1,{}]}', {"a": [1, {}]}),
    ("9007199254740993", 9007199254740993),
    ("", ""),
    ("plain text", "plain text"),
    ("NaN", "NaN"),
    ("01", "01"),
    ("{a}", "{a}"),
    ("a=b&c é 🚀", "a=b&c é 🚀"),
]


async def test_the_value_of_a_form_is_json_where_it_reads_as_json_and_text_otherwise(service: Service) -> None:
    for number, (text, value) in enumerate(VALUES):
        fields = {"category": f"c{number}", "value": text, "description": "d"}
        encoded = await service.http.post("/configs", data=fields | {"name": "urlencoded"})
        parts = {name: (None, content) for name, content in (fields | {"name": "multipart"}).items()}
        multipart = await service.http.post("/configs", files=parts)
        document = await service.create("json", f"c{number}", value=value, description="d")
        for answer in (encoded.json(), multipart.json(), document):
            assert (answer["value"], answer["description"]) == (value, "d"), answer
            shown = (await service.http.get(f"/configs/{answer['id']}")).json()["value"]
            assert json.dumps(shown) == json.dumps(value)  # 1.0 stays 1.0, and true is not 1


async def test_a_number_is_written_as_it_was_meant(service: Service) -> None:
    for text, written in (
        ("-1.5e3", "-1500.0"),
        ("9007199254740993", "9007199254740993"),
        ("1e2", "100.0"),
        ("0.1", "0.1"),
    ):
        answer = await service.http.post("/configs", content=f"name={text}&category=n&value={text}", headers=FORM)
        assert f'"value":{written},' in answer.text
        assert f'"value":{written},' in (await service.http.get(f"/configs/{answer.json()['id']}")).text


WRONG_FORMS = [
    (b"category=c&value=1", "name"),
    (b"name=n&value=1", "category"),
    (b"name=n&category=c", "value"),
    (b"name=+&category=c&value=1", "name"),
    (b"name=%00&category=c&value=1", "name"),
    (b"name=a%0Ab&category=c&value=1", "name"),
    (b"name=" + b"n" * 129 + b"&category=c&value=1", "name"),
    (b"name=n&category=c&value=1&colour=red", "colour"),
    (b"name=n&name=m&category=c&value=1", "name"),
    (b"name=n&category=c&value=1&description=" + b"d" * 2001, "description"),
    (b"name=n&category=c&value=1&description=%00", "description"),
    (b"name=n&category=c&value=1e999", "value"),
    (b"name=n&category=c&value=" + b"9" * 5000, "value"),
    (b"name=n&category=c&value=" + b"[" * 5000 + b"]" * 5000, "value"),
    (b'name=n&category=c&value="%5Cu0000"', "value"),
    (b'name=n&category=c&value={"a":"%5Cud800"}', "value"),
    (b"name=n&category=c&value=%00", "value"),
    (b"name=n&category=c&value=" + b"v" * 66_000, "value"),
]


async def test_a_wrong_form_is_refused_naming_the_field(service: Service) -> None:
    for body, field in WRONG_FORMS:
        answer = await service.http.post("/configs", content=body, headers=FORM)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body
        assert answer.json()["errors"][0]["field"].startswith(field), body
        assert await service.find() == []


WRONG_DOCUMENTS = [
    ('{"name":1,"category":"c","value":1}', "name"),
    ('{"name":"n","category":null,"value":1}', "category"),
    ('{"name":"n","category":"c","value":1,"description":[]}', "description"),
    ('{"name":"n","category":"c","value":"a\\u0000"}', "value"),
    ('{"name":"n","category":"c","value":NaN}', "value"),
    ('{"name":"\\ud800","category":"c","value":1}', "name"),
    ('{"name":"n","category":"c","value":%s}' % ('{"a":' * 17 + "1" + "}" * 17), "value"),
    ("[]", "body"),
    ("{", "body"),
    ("", "body"),
]


async def test_a_wrong_document_is_refused_naming_the_member(service: Service) -> None:
    for document, field in WRONG_DOCUMENTS:
        headers = {"content-type": "application/json"}
        answer = await service.http.post("/configs", content=document.encode(), headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), document
        assert answer.json()["errors"][0]["field"] == field, document
        assert await service.find() == []


UNREADABLE = [
    (b"name=%ff&category=c&value=1", "not UTF-8"),
    (b"name=\xff&category=c&value=1", "not UTF-8"),
    (b"&".join(b"f%d=1" % n for n in range(30)), "more than 20 fields"),
]


async def test_a_form_that_cannot_be_read_is_400_saying_why(service: Service) -> None:
    for body, why in UNREADABLE:
        answer = await service.http.post("/configs", content=body, headers=FORM)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert why in answer.json()["detail"]
        assert answer.json()["errors"][0]["field"] == "body"


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
async def test_a_packed_body_is_415_naming_its_coding(service: Service, kind: str) -> None:
    headers = {"content-type": kind, "content-encoding": "gzip"}
    answer = await service.http.post("/configs", content=gzip.compress(b"name=a"), headers=headers)
    assert (answer.status_code, "gzip" in answer.json()["detail"]) == (415, True)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/json-patch+json", "application/yaml"])
async def test_a_body_of_another_type_is_415_naming_it_and_changes_nothing(service: Service, kind: str) -> None:
    entry = await service.create()
    path, headers = f"/configs/{entry['id']}", {"content-type": kind}
    for method, place in (("POST", "/configs"), ("PUT", path), ("PATCH", path), ("POST", "/system/execute")):
        answer = await service.http.request(method, place, content=b'{"name":"b"}', headers=headers)
        assert (answer.status_code, kind in answer.json()["detail"]) == (415, True), (method, place)
        assert answer.json()["errors"][0]["field"] == "content-type"
    assert (await service.http.get(path)).json() == entry


async def test_a_form_with_a_file_is_refused_naming_its_field(service: Service) -> None:
    answer = await service.http.post("/configs", files={"value": ("a.txt", b"x")}, data={"name": "a", "category": "c"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == "value"


@pytest.mark.parametrize("charset", ["undefined", "punycode", "utf-16", "no-such"])
async def test_a_multipart_form_is_utf_8_whatever_it_says(service: Service, charset: str) -> None:
    headers = {"content-type": f"multipart/form-data; boundary=b; charset={charset}"}
    part = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    for value, status in (("é".encode(), 201), ("é".encode("latin-1"), 422)):
        fields = [(b"name", b"n"), (b"category", b"c"), (b"value", value)]
        body = b"".join(part % field for field in fields) + b"--b--\r\n"
        answer = await service.http.post("/configs", content=body, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 201:
            assert answer.json()["value"] == "é"
        else:
            assert answer.json()["errors"][0]["field"] == "value"


async def test_a_multipart_form_that_is_cut_or_torn_changes_nothing(service: Service) -> None:
    entry = await service.create()
    part = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    whole = part % (b"description", b"new") + part % (b"value", b"7") + b"--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b"}
    for body in (b"--b\r\nnonsense", b"", whole[:-6], whole[:-12], whole[:70], whole.replace(b"\r\n\r\n", b"\n")):
        answer = await service.http.patch(f"/configs/{entry['id']}", content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), body
        assert answer.json()["errors"][0]["field"] == "body"
    assert (await service.http.get(f"/configs/{entry['id']}")).json() == entry
    changed = await service.http.patch(f"/configs/{entry['id']}", content=whole, headers=headers)
    assert (changed.json()["description"], changed.json()["value"]) == ("new", 7)


async def test_a_name_is_unique_in_its_category(service: Service) -> None:
    first = await service.create("a", "x")
    await service.create("a", "y")
    second = await service.create("b", "x", description="kept")
    answer = await service.http.post("/configs", json={"name": "a", "category": "x", "value": 1})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    renamed = await service.http.patch(f"/configs/{second['id']}", json={"name": "a"})
    assert renamed.status_code == 409
    assert (await service.http.get(f"/configs/{second['id']}")).json() == second
    again = await asyncio.gather(
        *(service.http.post("/configs", json={"name": "c", "category": "x", "value": n}) for n in range(8))
    )
    assert sorted(answer.status_code for answer in again) == [201] + [409] * 7
    assert (await service.http.get(f"/configs/{first['id']}")).json() == first


async def test_patch_sets_what_is_sent_and_put_sets_all(service: Service) -> None:
    entry = await service.create("a", "x", value={"n": 1}, description="d")
    path = f"/configs/{entry['id']}"
    patched = (await service.http.patch(path, json={"value": None})).json()
    assert (patched["value"], patched["description"], patched["name"]) == (None, "d", "a")
    assert patched["updated_at"] > entry["updated_at"]
    form = (await service.http.patch(path, content=b"value=7", headers=FORM)).json()
    assert form["value"] == 7
    put = (await service.http.put(path, json={"name": "b", "category": "y", "value": [1]})).json()
    assert (put["name"], put["category"], put["value"], put["description"]) == ("b", "y", [1], "")
    assert (put["id"], put["created_at"]) == (entry["id"], entry["created_at"])
    assert (await service.http.get(path)).json() == put
    assert await service.find(q="a") == []


async def test_what_was_read_can_be_sent_back_with_one_member_changed(service: Service) -> None:
    entry = await service.create()
    path = f"/configs/{entry['id']}"
    answer = await service.http.put(path, json=entry | {"description": "new", "id": "ignored"})
    assert answer.status_code == 200
    assert answer.json() | {"description": "", "updated_at": ""} == entry | {"updated_at": "", "version": 2}


async def test_put_without_a_member_is_refused_and_changes_nothing(service: Service) -> None:
    entry = await service.create()
    answer = await service.http.put(f"/configs/{entry['id']}", json={"name": "other", "category": "c"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "value")
    assert (await service.http.get(f"/configs/{entry['id']}")).json() == entry


async def test_changes_of_different_members_at_once_all_hold(service: Service) -> None:
    path = f"/configs/{(await service.create())['id']}"
    changes: list[dict[str, Any]] = [{"value": 2}, {"description": "d"}, {"name": "n"}, {"category": "c"}] * 4
    await asyncio.gather(*(service.http.patch(path, json=change) for change in changes))
    after = (await service.http.get(path)).json()
    assert [after[name] for name in ("value", "description", "name", "category")] == [2, "d", "n", "c"]


async def test_a_deleted_entry_is_gone_and_its_name_is_free(service: Service) -> None:
    entry = await service.create()
    answer = await service.http.delete(f"/configs/{entry['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "HEAD", "DELETE"):
        assert (await service.http.request(method, f"/configs/{entry['id']}")).status_code == 404
    await service.create()


NOT_THERE = ["none", "00000000-0000-0000-0000-000000000000", "%00"]


async def test_an_entry_that_is_not_there_is_404(service: Service) -> None:
    for entry_id in NOT_THERE:
        for method in ("GET", "PATCH", "DELETE"):
            answer = await service.http.request(method, f"/configs/{entry_id}", json={"value": 1})
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_listing_filters_by_category_and_text_in_any_case(service: Service) -> None:
    await service.create("Retention", "logs", description="Wie lange Élan hält, 100%")
    await service.create("retry_count", "http")
    await service.create("timeout", "http", value="retention")
    assert await service.find() == ["retry_count", "timeout", "Retention"]
    assert await service.find(category="http") == ["retry_count", "timeout"]
    assert await service.find(category="HTTP") == []
    assert await service.find(q="RET") == ["retry_count", "Retention"]
    assert await service.find(q="éLAN") == ["Retention"]
    assert await service.find(q="e\u0301lan") == ["Retention"]
    assert await service.find(q="y_c") == ["retry_count"]
    assert await service.find(q="0%") == ["Retention"]
    assert await service.find(q="retr", category="logs") == []


async def test_entries_are_found_however_a_letter_with_a_mark_was_typed(service: Service) -> None:
    """Names are kept composed; a Mac's file dialog, for one, gives them decomposed."""
    await service.create("e\u0301t\u00e9", "cafe\u0301", tags=["o\u0301"], description="u\u0308ber")
    for text in (
        {"q": "\u00e9te\u0301"},
        {"category": "cafe\u0301"},
        {"tag": "o\u0301"},
        {"q": "\u00fcber"},
        {"q": "u\u0308b"},
    ):
        assert await service.find(**text) == ["\u00e9t\u00e9"], text


async def test_pages_have_every_entry_once(service: Service) -> None:
    names = [(category, name) for category in "bac" for name in ("z", "a", "é", "m")]
    for category, name in names:
        await service.create(name, category)
    seen, query = [], {"limit": 5}
    while True:
        page = (await service.http.get("/configs", params=query)).json()
        seen += [(entry["category"], entry["name"]) for entry in page["configs"]]
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == sorted(names)


WRONG_QUERIES: list[tuple[dict[str, Any], str]] = [
    ({"cursor": "xyz"}, "cursor"),
    ({"cursor": "W10="}, "cursor"),
    ({"cursor": "WzEsMiwzXQ=="}, "cursor"),
    ({"cursor": "WyItY3JlYXRlZCIsMSwiaWQiXQ=="}, "cursor"),
    ({"tag": "a\nb"}, "tag"),
    ({"limit": 0}, "limit"),
    ({"q": "a\0"}, "q"),
    ({"category": "\0"}, "category"),
]


async def test_a_wrong_query_is_refused_naming_it(service: Service) -> None:
    for query, field in WRONG_QUERIES:
        answer = await service.http.get("/configs", params=query)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_health_and_status_tell_the_truth_of_the_database(service: Service) -> None:
    health = (await service.http.get("/health")).json()
    assert (health["status"], health["database"], health["service"]["name"]) == (
        "healthy",
        "healthy",
        "Utility Service",
    )
    state = (await service.http.get("/status")).json()["state"]
    shared = service.settings.database_url is not None
    assert (state["database"], state["shared"]) == ("postgresql" if shared else "sqlite", shared)
