import asyncio
import base64
import hashlib
import re
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_file_service.ranges import UnsatisfiableError, select
from tests.services.file_service.conftest import Service
from tests.support.cases import cases

TEXT = b"0123456789"


@cases(
    ("wanted", "got", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-5", b"2345", "bytes 2-5/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", TEXT, "bytes 0-9/10"),
        ("bytes=8-999", b"89", "bytes 8-9/10"),
        ("Bytes = 0-9", TEXT, "bytes 0-9/10"),
        ("bytes=99-,0-1", b"01", "bytes 0-1/10"),
    ],
)
async def test_a_range_is_206_with_its_place(service: Service, wanted: str, got: bytes, content_range: str) -> None:
    path = f"/files/{(await service.store(TEXT))['id']}/download"
    answer = await service.http.get(path, headers={"range": wanted})
    assert (answer.status_code, answer.content) == (206, got)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(got))
    assert "content-digest" not in answer.headers
    assert (await service.http.head(path, headers={"range": wanted})).headers["content-length"] == "10"


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=99-100", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416_with_the_size(service: Service, wanted: str) -> None:
    record = await service.store(TEXT)
    answer = await service.http.get(f"/files/{record['id']}/download", headers={"range": wanted})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")
    assert answer.headers["content-type"] == "application/problem+json"
    empty = await service.store(b"")
    assert (await service.http.get(f"/files/{empty['id']}/download", headers={"range": "bytes=0-"})).status_code == 416


@cases(
    "wanted",
    [
        "bytes=5-2",
        "bytes=a-b",
        "lines=0-1",
        "bytes=",
        "bytes=-",
        "bytes=0-1,x",
        "bytes=0-5,3-8",
        "bytes=" + "0-0," * 99,
    ],
)
async def test_a_range_that_is_not_understood_gives_the_whole(service: Service, wanted: str) -> None:
    record = await service.store(TEXT)
    answer = await service.http.get(f"/files/{record['id']}/download", headers={"range": wanted})
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["accept-ranges"] == "bytes"


async def test_several_ranges_are_parts_of_one_answer(service: Service) -> None:
    record = await service.store(TEXT)
    answer = await service.http.get(f"/files/{record['id']}/download", headers={"range": "bytes=0-1, 4-5, -1"})
    assert answer.status_code == 206
    assert len(answer.content) == int(answer.headers["content-length"])
    message = message_from_bytes(
        b"content-type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    )
    parts = [(part["content-range"], part.get_payload(decode=True)) for part in message.get_payload()]  # type: ignore[union-attr]
    assert parts == [("bytes 0-1/10", b"01"), ("bytes 4-5/10", b"45"), ("bytes 9-9/10", b"9")]


async def test_if_range_gives_parts_of_that_content_alone(service: Service) -> None:
    record = await service.store(TEXT)
    path, tag = f"/files/{record['id']}/download", f'"{record["sha256"]}"'
    for if_range, status in [(tag, 206), ('"other"', 200), (f"W/{tag}", 200), ("Sat, 01 Jan 2026 00:00:00 GMT", 200)]:
        answer = await service.http.get(path, headers={"range": "bytes=0-0", "if-range": if_range})
        assert answer.status_code == status, if_range


async def test_a_content_that_was_read_is_not_sent_again(service: Service) -> None:
    record = await service.store(TEXT)
    path = f"/files/{record['id']}/download"
    for method in ("GET", "HEAD"):
        first = await service.http.request(method, path)
        again = await service.http.request(method, path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert (await service.http.request(method, path, headers={"if-match": '"x"'})).status_code == 412


async def test_a_download_has_its_digest_and_no_browser_runs_it(service: Service) -> None:
    record = await service.store(b"<html><script>alert(1)</script>", "page.html")
    answer = await service.http.get(f"/files/{record['id']}/download")
    expected = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers["content-digest"] == answer.headers["repr-digest"] == f"sha-256=:{expected}:"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_readers_during_replacements_get_one_content_or_the_other_whole(service: Service) -> None:
    record = await service.store(bytes(300_000))
    path, done = f"/files/{record['id']}", False

    async def read_on() -> int:
        count = 0
        while not done or count < 3:
            answer = await service.http.get(f"{path}/download")
            assert answer.status_code == 200
            assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
            count += 1
        return count

    readers = [asyncio.create_task(read_on()) for _ in range(3)]
    for n in range(10):
        body = bytes([n]) * (200_000 + n)
        await service.http.put(path, content=body, headers={"content-type": "application/octet-stream"})
    done = True
    assert min(await asyncio.gather(*readers)) >= 3
    assert len(service.kept) == 1


@given(st.text(st.sampled_from("bytes=0123456789-, "), max_size=40), st.integers(0, 200))
def test_whatever_a_range_says_what_is_sent_lies_in_the_content(field: str, size: int) -> None:
    try:
        selection = select(field, size)
    except UnsatisfiableError:
        assert re.search(r"\d", field)
        return
    assert selection.spans
    for span in selection.spans:
        assert 0 <= span.start <= span.end <= size
        assert span.size or not selection.partial
