import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_file_service.media import HEAD_BYTES, sniff
from tests.services.file_service.conftest import Service


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


def package() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("content", "declared", "name", "found"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "text/html", "a.txt", "image/png"),
        (b"\xff\xd8\xff\xe0", None, "a", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBP", None, "a", "image/webp"),
        (b"MZ\x90\0", "image/png", "photo.png", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\2\1", "text/plain", "notes.txt", "application/x-executable"),
        (gzip.compress(b"x", mtime=0), "application/json", "a.log.gz", "application/gzip"),
        (tar(), None, "a.tar", "application/x-tar"),
        (package(), None, "a.zip", "application/zip"),
        (package(), DOCX, "a", DOCX),
        (package(), "image/png", "a.docx", DOCX),
        (b"%PDF-1.7", "text/plain", "a", "application/pdf"),
        (b"\0\1\2\3binary", "image/jpeg", "photo.jpg", "application/octet-stream"),
        (b"just text", "image/jpeg", "photo.jpg", "text/plain"),
        (b"just text", None, "a.md", "text/markdown"),
        (b'{"a":1}', "application/json", "a", "application/json"),
        (b'{"a":1}', None, "a.json", "application/json"),
        (b"a,b\n1,2\n", None, "a.csv", "text/csv"),
        ("déjà vu 🚀".encode(), "text/plain; charset=utf-8", "a", "text/plain; charset=utf-8"),
        ("déjà vu".encode("latin-1"), "text/plain; charset=latin-1", "a", "text/plain; charset=latin-1"),
        ("déjà vu".encode("latin-1"), None, "a", "application/octet-stream"),
        (b"\x1b[31mERROR\x1b[0m red\n", None, "a.log", "text/plain"),
        (b"  <!-- hi --><!DOCTYPE html><p>", "text/plain", "a.txt", "text/html"),
        (b"<svg xmlns='x'>", "text/plain", "a.txt", "image/svg+xml"),
        (b"<?xml version='1.0'?><!-- x --><svg>", "text/plain", "a.txt", "image/svg+xml"),
        (b"<?xml version='1.0'?><feed>", "application/atom+xml", "a", "application/atom+xml"),
        (b"", None, "empty.log", "text/plain"),
        (b"text", "no type", "a", "text/plain"),
        (b"text", "text/x; a=\r\nset-cookie", "a", "text/plain"),
    ],
)
async def test_the_type_is_what_the_content_is(content: bytes, declared: str | None, name: str, found: str) -> None:
    assert sniff(content[:HEAD_BYTES], declared, name) == found


async def test_the_record_and_the_download_have_the_sniffed_type(service: Service) -> None:
    record = await service.store(b"\x89PNG\r\n\x1a\n" + bytes(9000), "notes.txt")
    assert record["content_type"] == "image/png"
    assert (await service.http.get(f"/files/{record['id']}/download")).headers["content-type"] == "image/png"
    assert [file["id"] for file in await service.find(type="image/*")] == [record["id"]]


async def test_a_type_filter_ignores_parameters_and_case(service: Service) -> None:
    answer = await service.http.put("/files/a", content=b"text", headers={"content-type": "text/plain; charset=utf-8"})
    assert answer.json()["content_type"] == "text/plain; charset=utf-8"
    assert len(await service.find(type="Text/Plain")) == 1
    assert await service.find(type="text/plai") == []


@given(st.text(max_size=3000), st.integers(0, 3))
def test_text_is_text_wherever_the_head_ends(text: str, cut: int) -> None:
    raw = ("a" + "".join(letter for letter in text if letter.isprintable())).encode()
    assert sniff(raw[: len(raw) - cut], None, "x").partition("/")[0] in {"text", "image", "application"}
    assert sniff(b"log " + raw[: max(1, len(raw) - cut)], None, "x") == "text/plain"


@given(st.binary(max_size=HEAD_BYTES), st.text(max_size=30), st.text(max_size=30))
def test_any_bytes_have_some_type(head: bytes, declared: str, name: str) -> None:
    assert "/" in sniff(head, declared, name)


def test_many_comments_do_not_take_long() -> None:
    assert sniff(b"<!--a-->" * 500 + b"x", None, "a") == "text/plain"
