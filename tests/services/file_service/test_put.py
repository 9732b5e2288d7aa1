import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings
from tests.services.file_service.conftest import Service, form
from tests.support.apps import client
from tests.support.cases import cases

BYTES = {"content-type": "application/octet-stream"}


def digest(content: bytes, algorithm: str = "sha-256") -> str:
    raw = hashlib.new(algorithm.replace("-", ""), content).digest()
    return f"{algorithm}=:{base64.b64encode(raw).decode()}:"


async def test_a_body_is_stored_under_its_name_and_replaced_by_the_next(service: Service) -> None:
    made = await service.http.put("/files/report.txt", content=b"one")
    assert (made.status_code, made.json()["filename"], made.json()["version"]) == (201, "report.txt", 1)
    assert made.headers["location"] == f"/files/{made.json()['id']}"
    await service.http.patch("/files/report.txt", json={"tags": {"keep": "me"}})
    again = await service.http.put("/files/report.txt", content=b"two!")
    assert (again.status_code, again.json()["id"], again.json()["version"]) == (200, made.json()["id"], 3)
    assert (again.json()["size"], again.json()["tags"]) == (4, {"keep": "me"})
    by_id = await service.http.put(f"/files/{made.json()['id']}", content=b"three", headers=BYTES)
    assert (by_id.status_code, by_id.json()["sha256"]) == (200, hashlib.sha256(b"three").hexdigest())
    for reference in ("report.txt", made.json()["id"]):
        assert (await service.http.get(f"/files/{reference}/download")).content == b"three"
        assert (await service.http.get(f"/files/{reference}")).json() == by_id.json()
    assert len(service.kept) == 1
    assert (await service.http.delete("/files/report.txt")).status_code == 204
    assert (await service.http.get("/files/report.txt")).status_code == 404


@cases("name", ["报告.txt", "a;b=c %.txt", "upload", "trash", ".hidden", "d41d8cd98f00b204e9800998ecf8427e"])
async def test_any_name_is_a_name(service: Service, name: str) -> None:
    path = f"/files/{quote(name, safe='')}"
    assert (await service.http.put(path, content=b"x")).json()["filename"] == name
    assert (await service.http.get(f"{path}/download")).content == b"x"


async def test_a_name_that_several_files_have_is_a_conflict(service: Service) -> None:
    for _ in range(2):
        await service.store(b"x", "same.txt")
    for method in ("PUT", "GET", "PATCH", "DELETE"):
        answer = await service.http.request(method, "/files/same.txt", content=b"{}")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:opsbuddy:problem:conflict"), method
    assert len(service.kept) == 2


async def test_of_puts_at_once_on_a_new_name_one_file_comes(service: Service) -> None:
    answers = await asyncio.gather(*(service.http.put("/files/new.bin", content=b"%d" % n) for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    (file,) = await service.find()
    assert (file["version"], len(service.kept)) == (10, 1)
    only_new = {"if-none-match": "*"}
    answers = await asyncio.gather(
        *(service.http.put("/files/once.bin", content=b"x", headers=only_new) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 9
    assert len(service.kept) == 2
    assert (await service.http.put("/files/no.bin", content=b"x", headers={"if-match": "*"})).status_code == 412


async def test_a_content_may_be_replaced_on_its_own_tag(service: Service) -> None:
    record = await service.store(b"old")
    tag = (await service.http.head(f"/files/{record['id']}/download")).headers["etag"]
    for expected in (200, 412):
        answer = await service.http.put(f"/files/{record['id']}", content=b"new", headers=BYTES | {"if-match": tag})
        assert answer.status_code == expected


@cases(
    ("headers", "status"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-range": "bytes 0-1/3"}, 400),
        ({"content-digest": "sha-256=:AAAA:"}, 400),
        ({"content-digest": "md5=:AAAA:"}, 400),
        ({"content-digest": "sha-256=AAAA"}, 400),
        ({"content-digest": digest(b"other")}, 400),
        ({"repr-digest": digest(b"other", "sha-512")}, 400),
    ],
)
async def test_what_cannot_be_put_is_refused_and_leaves_nothing(
    service: Service, headers: dict[str, str], status: int
) -> None:
    record = await service.store(b"old")
    found, kept = await service.find(), service.kept
    for path in ("/files/new.txt", f"/files/{record['id']}"):
        answer = await service.http.put(path, content=b"new", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        if "digest" in str(headers):
            assert answer.json()["errors"][0]["field"] == next(iter(headers))
    assert await service.find() == found
    assert service.kept == kept


@cases("name", ["%00", "a%01b", "..", "%E2%80%AEgpj.exe", "%FF", "x" * 256])
async def test_a_name_that_is_none_is_refused_naming_it(service: Service, name: str) -> None:
    answer = await service.http.put(f"http://test/files/{name.replace('..', '%2E%2E')}", content=b"x")
    assert answer.status_code in {400, 404, 422}, answer.text
    if answer.status_code != 404:
        assert answer.json()["errors"][0]["field"] in {"name", "file_id"}
    assert await service.find() == []


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
async def test_a_right_digest_is_checked_and_the_sha256_comes_back(service: Service, algorithm: str) -> None:
    content = b"some bytes" * 1000
    raw = await service.http.put("/files/a", content=content, headers={"content-digest": digest(content, algorithm)})
    assert (raw.status_code, raw.json()["sha256"]) == (201, hashlib.sha256(content).hexdigest())
    body, headers = form(("file", "b", content))
    whole = await service.http.post(
        "/files/upload", content=body, headers=headers | {"content-digest": digest(body, algorithm)}
    )
    assert whole.status_code == 201
    part = body.replace(b'filename="b"', b'filename="b"\r\nContent-Digest: ' + digest(content, algorithm).encode())
    assert (await service.http.post("/files/upload", content=part, headers=headers)).status_code == 201
    for wrong in (part.replace(b"some", b"same", 1), body.replace(b"some", b"same", 1)):
        headers |= {"content-digest": digest(body)} if wrong == body else {}
        answer = await service.http.post(
            "/files/upload", content=wrong, headers=headers | {"repr-digest": digest(part)}
        )
        assert (answer.status_code, answer.json()["errors"][0]["field"][-6:]) == (400, "digest")
    assert len(service.kept) == 3


async def test_a_body_over_the_limit_is_413_whatever_length_it_announces(service: Service) -> None:
    limit = service.settings.max_file_bytes

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(limit // 100_000 + 1):
            yield bytes(100_000)

    for content in (bytes(limit + 1), pieces()):
        answer = await service.http.put("/files/big", content=content)
        assert (answer.status_code, answer.json()["limit"]) == (413, limit)
    assert (await service.find(), service.kept) == ([], [])


async def test_all_files_together_have_a_limit(settings: FileSettings) -> None:
    limited = settings.model_copy(update={"max_total_bytes": 1000})
    async with client(build(limited)[0]) as http:
        service = Service(http, limited)
        record = await service.store(bytes(600))
        for answer in (
            await http.put("/files/b", content=bytes(401)),
            await service.send(("file", "b", bytes(401))),
            await http.put(f"/files/{record['id']}", content=bytes(1001), headers=BYTES),
        ):
            assert (answer.status_code, answer.json()["limit"]) == (507, 1000)
        assert len(service.kept) == 1
        assert (await http.put(f"/files/{record['id']}", content=bytes(700), headers=BYTES)).status_code == 200
        answers = await asyncio.gather(*(http.put(f"/files/{n}", content=bytes(150)) for n in range(5)))
        assert sorted(answer.status_code for answer in answers) == [201] * 2 + [507] * 3
        assert len(service.kept) == 3
        assert (await http.get("/status")).json()["usage"] == {
            "files": 3,
            "bytes": 1000,
            "trash_files": 0,
            "trash_bytes": 0,
            "limit_bytes": 1000,
        }
        await http.delete(f"/files/{record['id']}")
        assert (await http.put("/files/c", content=b"x")).status_code == 507
        assert (await http.delete("/files?trash=true")).json() == {"purged": 1, "left": 0}
        assert (await http.put("/files/c", content=b"x")).status_code == 201


async def test_types_have_limits_of_their_own_by_what_the_content_is(settings: FileSettings) -> None:
    limited = settings.model_copy(update={"type_limits": "text/*=10, text/html=0, image/png = 0"})
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    async with client(build(limited)[0]) as http:
        service = Service(http, limited)
        for content, name, status in [
            (b"0123456789", "a.txt", 201),
            (b"0123456789a", "a.bin", 413),
            (b"<!-- x --><html>", "a.txt", 415),
            (png, "innocent.txt", 415),
            (bytes(100), "a.txt", 201),
        ]:
            answer = await service.send(("file", name, content))
            assert answer.status_code == status, (name, answer.text)
            if status > 201:
                assert answer.json()["errors"][0]["field"] == "file"
        assert len(service.kept) == 2


async def test_every_line_of_a_digest_is_checked(service: Service) -> None:
    right, wrong = digest(b"new"), digest(b"other", "sha-512")
    for lines in ((right, wrong), (wrong, right)):
        headers = [("content-digest", line) for line in lines]
        answer = await service.http.put("/files/a", content=b"new", headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "content-digest")
    answer = await service.http.put("/files/a", content=b"new", headers={"content-digest": f"{right};note=1"})
    assert answer.status_code == 201, answer.text
