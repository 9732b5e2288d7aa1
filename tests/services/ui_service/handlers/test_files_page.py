import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from opsbuddy_ui_service.views.figures import size
from opsbuddy_ui_service.views.files import file_of, preview
from tests.support.fake_gateway import FakeGateway

JSON = {"content-type": "application/json"}
ID = "6f1f2a52-6d1c-4b0f-9d58-0d2f4f1f7c11"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "filename": "example.txt",
        "content_type": "text/plain",
        "size": 1434,
        "sha256": "2c" * 32,
        "tags": {"category": "logs"},
        "metadata": {"host": "web-1"},
        "created_at": "2026-01-01T12:00:00.000000Z",
        "updated_at": "2026-01-01T12:00:00.000000Z",
        "version": 3,
        "deleted_at": None,
    } | changes


def answer(gateway: FakeGateway, *files: dict[str, Any], cursor: str | None = None) -> None:
    body = json.dumps({"files": files, "next_cursor": cursor}).encode()
    gateway.answers["GET", "/api/files"] = (200, JSON, body)


def one(gateway: FakeGateway, file: dict[str, Any], content: bytes = b"hello") -> None:
    gateway.answers["GET", f"/api/files/{ID}"] = (200, JSON, json.dumps(file).encode())
    gateway.answers["GET", f"/api/files/{ID}/download"] = (206, {"content-type": file["content_type"]}, content)


async def test_a_page_lists_files_and_says_where_the_next_ones_are(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    answer(gateway, record(), cursor="abc==")
    page = await http.get("/files?name=exa&tag=category%3Dlogs")
    assert page.status_code == 200
    [received] = [each for each in gateway.received if each.path.startswith("/api/files")]
    asked = parse_qs(urlsplit(received.path).query)
    assert (asked["name"], asked["tag"], asked["limit"]) == (["exa"], ["category=logs"], ["50"])
    assert 'href="/files?tag=category%3Dlogs&amp;name=exa&amp;cursor=abc%3D%3D" rel="next"' in page.text
    assert f'data-delete="{ID}" data-etag="&#34;{ID}.3&#34;"' in page.text
    assert "1.4 kB" in page.text


async def test_what_others_stored_is_text(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    file = record(
        filename=HOSTILE, content_type=f"text/plain; x={HOSTILE}", tags={HOSTILE: HOSTILE}, metadata={HOSTILE: HOSTILE}
    )
    answer(gateway, file)
    one(gateway, file, HOSTILE.encode() + b"</pre></textarea>")
    for path in (f"/files?name={HOSTILE}&tag={HOSTILE}", f"/files/{ID}", f"/panels/files/{ID}"):
        page = (await http.get(path)).text
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert page.count("</textarea>") <= 2


async def test_a_search_that_cannot_be_asked_says_what_is_wrong_at_its_field(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    page = await http.get("/files?min_size=many")
    assert 'id="min_size-wrong">write a size such as 500, 10 kB or 1.5 MiB</p>' in page.text
    assert 'value="many"' in page.text
    assert "Nothing was searched: at least: write a size" in page.text
    assert not [each for each in gateway.received if each.path.startswith("/api/files")]


async def test_what_the_service_refuses_is_said_at_its_field(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    problem = {"status": 422, "detail": "No.", "errors": [{"field": "cursor", "reason": "it is none that we gave"}]}
    gateway.answers["GET", "/api/files"] = (422, JSON, json.dumps(problem).encode())
    page = await http.get("/files?cursor=x&name=a")
    assert page.status_code == 200
    assert "Nothing was searched: the page: it is none that we gave." in page.text
    assert '<a href="/files?name=a">Show the first page</a>' in page.text


async def test_a_dead_service_takes_down_its_panel_alone(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    problem = {"status": 503, "detail": "file-service has no healthy endpoint."}
    gateway.answers["GET", "/api/files"] = (503, JSON, json.dumps(problem).encode())
    gateway.answers["GET", f"/api/files/{ID}"] = (503, JSON, json.dumps(problem).encode())
    page = await http.get("/files?name=a")
    assert page.status_code == 200
    assert "file-service does not answer here" in page.text
    assert 'hx-get="/panels/files?name=a"' in page.text
    assert 'id="upload-form"' in page.text
    one_file = await http.get(f"/files/{ID}")
    assert (one_file.status_code, f'hx-get="/panels/files/{ID}"' in one_file.text) == (200, True)


async def test_where_there_is_nothing_the_page_says_how_the_first_file_gets_there(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    answer(gateway)
    assert "/api/files/upload -F &#34;file=@example.txt&#34;" in (await http.get("/files")).text
    assert "Take a condition away" in (await http.get("/files?name=none")).text
    assert "The trash is empty" in (await http.get("/files?trash=true")).text


async def test_of_a_text_its_beginning_is_shown(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    one(gateway, record(size=200_000), b"x" * 70_000)
    page = await http.get(f"/files/{ID}")
    [received] = [each for each in gateway.received if each.path.endswith("/download")]
    assert received.headers["Range"] == "bytes=0-65535"
    assert "its first 64 KiB of 200 kB" in page.text
    assert page.text.count("x" * 65_536) == 1
    assert "x" * 65_537 not in page.text


async def test_of_an_image_nothing_is_loaded_but_by_its_own_address(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    one(gateway, record(content_type="image/svg+xml", size=300))
    assert f'<img src="/api/files/{ID}/download" alt="example.txt"' in (await http.get(f"/files/{ID}")).text
    one(gateway, record(content_type="image/png", size=34_000_000))
    page = (await http.get(f"/files/{ID}")).text
    assert "<img" not in page
    assert "An image of 34 MB is not loaded by itself" in page
    assert not [each for each in gateway.received if each.path.endswith("/download")]


async def test_a_file_that_is_gone_is_said_with_the_way_to_the_trash(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    problem = {"status": 404, "detail": f"File {ID} is in the trash."}
    gateway.answers["GET", f"/api/files/{ID}"] = (404, JSON, json.dumps(problem).encode())
    page = await http.get(f"/files/{ID}")
    assert page.status_code == 404
    assert f"File {ID} is in the trash." in page.text
    assert f'data-restore="{ID}"' in page.text


async def test_a_name_in_the_address_cannot_lead_elsewhere(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    await http.get("/files/a%3Fb%23c")
    assert {each.path for each in gateway.received} <= {"/api/files/a%3Fb%23c"}


@pytest.mark.parametrize(
    ("beginning", "size", "text", "cut"),
    [
        (b"a\r\nb", 4, "a\nb", False),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}".encode()[:1], 2, "", True),
        (b"\xff\xfea\0b\0", 6, "ab", False),
        (b"\xef\xbb\xbfa", 4, "a", False),
        (b"a\x1b[31m\0\x7f", 8, "a\N{SYMBOL FOR ESCAPE}[31m\N{SYMBOL FOR NULL}\N{SYMBOL FOR DELETE}", False),
        (b"caf\xe9", 4, "caf\N{REPLACEMENT CHARACTER}", False),
    ],
)
def test_a_text_is_shown_as_it_is_read(beginning: bytes, size: int, text: str, cut: bool) -> None:
    seen = preview(file_of(record(size=size)), beginning)
    assert (seen.text, seen.cut) == (text, cut)


def test_a_tag_leads_to_the_files_that_have_it_as_the_service_finds_them() -> None:
    file = file_of(record(tags={"a": "x", "b": ["y", 2, None], "c": {"d": 1}, "e=f": True}))
    assert [(tag.words, tag.wanted) for tag in file.tags] == [
        ("a=x", "a=x"),
        ("b=y", "b=y"),
        ("b=2", "b=2"),
        ("b=null", "b=null"),
        ('c={"d": 1}', "c"),
        ("e=f=true", ""),
    ]


def test_the_command_of_a_file_cannot_be_turned_by_its_name() -> None:
    command = file_of(record(filename="$(reboot) 'x'.txt")).curl("http://localhost:3000")
    assert command == f"curl -o '$(reboot) '\"'\"'x'\"'\"'.txt' http://localhost:3000/api/files/{ID}/download"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_960, "10 kB"), (999_600, "1.0 MB"), (34_000_000, "34 MB")],
)
def test_a_size_is_short(count: int, words: str) -> None:
    assert size(count) == words
