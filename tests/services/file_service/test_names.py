import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_core.errors import InvalidRequestError
from opsbuddy_file_service.names import attachment, clean_name
from tests.services.file_service.conftest import Service
from tests.support.cases import cases

NAMES = [
    *("报告.txt", "plan-🚀.txt", "d\u2019été.txt", "ﬁle é.txt", "a;b=c.txt", "100%41.txt", "a+b c.txt", "x,y'z.txt"),
    *(".hidden", "CON", "-rf", "e\u0301.txt"),
]


@cases("name", NAMES)
async def test_any_name_is_kept_and_given_back(service: Service, name: str) -> None:
    record = await service.store(b"x", name)
    assert record["filename"] == unicodedata.normalize("NFC", name)
    answer = await service.http.get(f"/files/{record['id']}/download")
    assert (answer.status_code, answer.content) == (200, b"x")
    disposition = answer.headers["content-disposition"]
    assert disposition.isascii()
    assert unquote(disposition.rpartition("filename*=UTF-8''")[2]) == record["filename"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_quotes_that_browsers_escape_are_quotes_in_the_record(service: Service) -> None:
    assert (await service.store(b"x", "a%22b%22.txt"))["filename"] == 'a"b".txt'


@cases("name", ["../../etc/passwd", "C:\\\\temp\\\\passwd", "/passwd"])
async def test_folders_in_a_name_are_dropped(service: Service, name: str) -> None:
    assert (await service.store(b"x", name))["filename"] == "passwd"


@cases("name", ["..", ".", " ", "\u200b", "\u3000\u2060", "a/", "%0D%0Aset-cookie: x", "a\x01b", "é" * 128, "x" * 256])
async def test_names_that_are_none_are_refused_naming_file(service: Service, name: str) -> None:
    answer = await service.send(("file", name, b"x"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "file"
    assert service.kept == []


@given(st.text(max_size=300))
def test_a_clean_name_is_one_safe_segment_and_clean_already(name: str) -> None:
    try:
        clean = clean_name(name, "file")
    except InvalidRequestError:
        return
    assert "/" not in clean
    assert "\\" not in clean
    assert clean not in {"", ".", ".."}
    assert len(clean.encode()) <= 255
    assert clean_name(clean, "file") == clean


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("报告.txt", "__.txt"),
        ("报.bashrc", "_.bashrc"),
        ("plan-🚀.txt", "plan-_.txt"),
        ("d\u2019été.txt", "d_ete.txt"),
        ('100%41 "a"', "100_41 _a_"),
    ],
)
def test_the_name_for_old_clients_is_none_that_hides_a_file(name: str, plain: str) -> None:
    assert f'filename="{plain}"' in attachment(name)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80))
def test_a_disposition_is_one_ascii_line_that_decodes_to_the_name(name: str) -> None:
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    plain, _, extended = header.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert '"' not in plain
    assert "\\" not in plain
    assert "/" not in plain
    assert plain
    assert unquote(extended) == name
