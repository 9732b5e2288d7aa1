import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from opsbuddy_core.web.multipart import FormReader
from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings
from tests.services.file_service.conftest import Part, Service, form
from tests.support.apps import client
from tests.support.cases import cases
from tests.support.wait import eventually

FORM = {"content-type": "multipart/form-data; boundary=b"}


async def test_an_upload_answers_its_record_and_comes_back_byte_for_byte(service: Service) -> None:
    content = b"\xff\xd8\xff" + os.urandom(3_000_000)
    answer = await service.send(("file", "photo.jpg", content), ("tags", None, b'{"category":"logs"}'))
    record = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/files/{record['id']}"
    assert list(record) == [
        *("id", "filename", "content_type", "size", "sha256", "tags", "metadata", "created_at", "updated_at"),
        *("version", "deleted_at"),
    ]
    assert record["size"] == len(content)
    assert record["sha256"] == hashlib.sha256(content).hexdigest()
    assert (record["content_type"], record["tags"], record["metadata"]) == ("image/jpeg", {"category": "logs"}, {})
    assert (await service.http.get(f"/files/{record['id']}")).json() == record
    assert (await service.http.get(f"/files/{record['id']}/download")).content == content


async def test_an_empty_file_is_a_file(service: Service) -> None:
    record = await service.store(b"")
    assert record["size"] == 0
    assert (await service.http.get(f"/files/{record['id']}/download")).content == b""


async def test_fields_count_before_and_after_the_file(service: Service) -> None:
    tags: Part = ("tags", None, b'{"k":"v"}')
    metadata: Part = ("metadata", None, b'{"m":1}')
    file: Part = ("file", "o.txt", b"x")
    answers = [await service.send(tags, metadata, file), await service.send(file, metadata, tags)]
    assert [(a.json()["tags"], a.json()["metadata"]) for a in answers] == [({"k": "v"}, {"m": 1})] * 2


@cases(
    ("parts", "field"),
    [
        pytest.param([("file", "o.txt", os.urandom(2_000_000)), ("tags", None, b"[1]")], "tags", id="wrong tags after"),
        pytest.param([("tags", None, b"{"), ("file", "o.txt", b"x" * 500_000)], "tags", id="wrong tags before"),
        pytest.param([("tags", None, b"{}")], "file", id="no file"),
        pytest.param([("file", None, b"no file name")], "file", id="no file name"),
        pytest.param([("file", "", b"x")], "file", id="empty file name"),
        pytest.param([("file", "a", b"x"), ("file", "b", b"y")], "file", id="two files"),
        pytest.param([("file", "a", b"x"), ("tag", None, b"{}")], "tag", id="unknown field"),
        pytest.param([("file", "a", b"x"), ("tags", None, b"{}"), ("tags", None, b"{}")], "tags", id="twice"),
        pytest.param([("file", "a", b"x"), ("metadata", None, b"[" * 70_000)], "metadata", id="too much text"),
        pytest.param([("file", "a\\nb", b"x"), ("tags", None, b'{"":1}')], "tags", id="tag without name"),
        pytest.param([("file", "a", b"x"), ("tags", None, b'{"k":"%s"}' % (b"v" * 257))], "tags", id="long tag"),
        pytest.param(
            [("file", "a", b"x"), ("tags", None, b"{%s}" % b",".join(b'"t%d":1' % n for n in range(5000)))],
            "tags",
            id="5000 tags",
        ),
        pytest.param(
            [("file", "a", b"x"), ("tags", None, b'{"t":[%s]}' % b",".join(b"%d" % n for n in range(10_000)))],
            "tags",
            id="10000 values",
        ),
        pytest.param([("file", "a", b"x"), ("tags", None, b'{"k":"a\\nb"}')], "tags", id="control character in a tag"),
        pytest.param([("file", "a", b"x"), ("tags", None, b'{"\\u202ek":"v"}')], "tags", id="turned text in a tag"),
        pytest.param([("file", "fake\u202egpj.exe", b"x")], "file", id="turned text in the name"),
        pytest.param([("file", "1\u200f2.txt", b"x")], "file", id="a mark of direction in the name"),
        pytest.param([("file", "a\u2028b", b"x")], "file", id="line separator in the name"),
    ],
)
async def test_a_refused_form_names_the_field_and_leaves_nothing(
    service: Service, parts: list[Part], field: str
) -> None:
    answer = await service.send(*parts)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == field
    assert await service.find() == []
    assert service.kept == []


async def test_a_file_over_the_limit_is_413_and_leaves_nothing(service: Service) -> None:
    limit = service.settings.max_file_bytes
    assert (await service.send(("file", "a", bytes(limit)))).status_code == 201
    kept = service.kept
    answer = await service.send(("file", "b", bytes(limit + 1)))
    assert (answer.status_code, answer.json()["limit"]) == (413, limit)
    assert (await service.send(("file", "c", bytes(limit + 2_000_000)))).status_code == 413
    assert service.kept == kept


@cases(
    ("content_type", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=" + "b" * 300, 400),
        ("application/json", 415),
        (None, 415),
    ],
)
async def test_what_is_no_form_is_refused(service: Service, content_type: str | None, status: int) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await service.http.post("/files/upload", content=b"{}", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert [entry["field"] for entry in answer.json()["errors"]] == ["content-type"]


async def test_a_form_that_is_cut_or_torn_is_refused_and_leaves_nothing(service: Service) -> None:
    body, headers = form(("file", "a", b"x" * 100_000))
    torn = body.replace(b"\r\n\r\n", b"\n", 1)
    unnamed = body.replace(b'name="file"; ', b"", 1)
    for wrong in (body[:50_000], body[:-6], torn, unnamed, b"", b"\r\n", b"no form at all"):
        answer = await service.http.post("/files/upload", content=wrong, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:opsbuddy:problem:malformed-request"), wrong[
            :80
        ]
        assert answer.json()["errors"][0]["field"] == "body"
    assert service.kept == []


async def test_more_uploads_at_once_than_allowed_are_told_to_come_again(settings: FileSettings) -> None:
    async with client(build(settings.model_copy(update={"max_uploads": 1}))[0]) as http:
        body, headers = form(("file", "a", b"x"))
        begun, finish = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield body[:-1]
            begun.set()
            await finish.wait()
            yield body[-1:]

        first = asyncio.create_task(http.post("/files/upload", content=slow(), headers=headers))
        await begun.wait()

        async def refused() -> bool:
            answer = await http.post("/files/upload", content=body, headers=headers)
            return answer.status_code == 503 and answer.headers["retry-after"] == "2"

        await eventually(refused)
        finish.set()
        assert (await first).status_code == 201
        assert (await http.post("/files/upload", content=body, headers=headers)).status_code == 201


@pytest.mark.parametrize("size", [1, 2, 7, 64])
async def test_the_reader_gives_the_same_parts_whatever_the_pieces(size: int) -> None:
    content = b"a\r\n--b\r\n--" + bytes(range(256)) + b"\r\n"
    body, headers = form(("tags", None, b"{}"), ("file", "a;b=c.bin", content), ("rest", None, b""))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    parts = [
        (part.name, part.filename, b"".join([chunk async for chunk in part.chunks]))
        async for part in FormReader(headers["content-type"], pieces()).parts()
    ]
    assert parts == [("tags", None, b"{}"), ("file", "a;b=c.bin", content), ("rest", None, b"")]


@cases(
    ("named", "name"),
    [
        pytest.param("filename*=UTF-8''%e6%8a%a5.txt", "报.txt", id="extended alone"),
        pytest.param("filename=\"=?utf-8?B?5oql?=\"; filename*=utf-8''%e6%8a%a5.txt", "报.txt", id="for the eyes too"),
        pytest.param("filename*=utf-8'zh'%e6%8a%a5.txt; filename=x", "报.txt", id="with a language"),
        pytest.param("filename=\"a; filename*=utf-8''b\"", "a; filename*=utf-8''b", id="part of a plain name"),
        pytest.param("filename=\"a\"; filename*=iso-8859-1''%A3", "a", id="another charset"),
    ],
)
async def test_a_name_that_a_client_writes_in_extended_form_is_read(service: Service, named: str, name: str) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="file"; {named}\r\n\r\nx\r\n--b--\r\n'.encode()
    answer = await service.http.post("/files/upload", content=body, headers=FORM)
    assert (answer.status_code, answer.json().get("filename")) == (201, name), answer.text


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("before", [b"", b"\r\n", b"This is a form.\r\n", b"--a--b\r\n" * 50])
async def test_what_stands_before_and_after_a_form_means_nothing(before: bytes, size: int) -> None:
    content = b"\r\n--c\r\n-"
    body = before + b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + content + b"\r\n--b--\r\nThat was it."

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    reader = FormReader(FORM["content-type"], pieces())
    assert [(part.name, b"".join([each async for each in part.chunks])) async for part in reader.parts()] == [
        ("a", content)
    ]


async def test_a_part_in_another_coding_is_refused_rather_than_kept_as_it_came(service: Service) -> None:
    head = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    answer = await service.http.post("/files/upload", content=head + b"eA==\r\n--b--\r\n", headers=FORM)
    assert (answer.status_code, service.kept) == (415, [])
    assert [entry["field"] for entry in answer.json()["errors"]] == ["file"]


async def _once(piece: bytes) -> AsyncIterator[bytes]:
    yield piece
