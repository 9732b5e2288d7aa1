from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_ui_service.searches.files import PAGE, question, read, size_of

NOW = datetime(2026, 3, 1, 3, 13, 42, tzinfo=UTC)


def asked(query: str) -> dict[str, list[str]]:
    return parse_qs(question(read(parse_qsl(query)), NOW))


@pytest.mark.parametrize(
    ("query", "question"),
    [
        ("", {}),
        ("name=&type=&tag=&within=", {}),
        ("name=a%26b", {"name": ["a&b"]}),
        ("tag=kind%3Dreport&tag=x&tag=x", {"tag": ["kind=report", "x"]}),
        ("type=image", {"type": ["image/*"]}),
        ("type=text%2Fplain", {"type": ["text/plain"]}),
        ("min_size=10+kB&max_size=1.5MiB", {"min_size": ["10000"], "max_size": ["1572864"]}),
        ("within=24h", {"created_after": ["2026-02-28T03:13:42Z"]}),
        ("within=24h&created_after=2026-01-01T00:00:00Z", {"created_after": ["2026-01-01T00:00:00Z"]}),
        ("created_before=2026-01-01T00:00:00%2B05:45", {"created_before": ["2026-01-01T00:00:00+05:45"]}),
        ("sort=-size&cursor=abc", {"sort": ["-size"], "cursor": ["abc"]}),
        ("trash=true", {"trash": ["true"], "sort": ["-deleted"]}),
    ],
)
def test_an_address_is_asked_of_the_file_service_in_its_own_terms(query: str, question: dict[str, list[str]]) -> None:
    assert asked(query) == {"limit": [str(PAGE)], "sort": ["-created"]} | question


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("type=png", "type", "write text/*, image/*"),
        ("min_size=many", "min_size", "write a size such as"),
        ("min_size=2kB&max_size=1kB", "max_size", "smaller than the least"),
        ("created_after=yesterday", "created_after", "write a moment"),
        ("created_before=2026-01-01T00:00:00", "created_before", "write a moment"),
        ("within=1y", "within", "choose one of 1h"),
        ("sort=colour", "sort", "choose one of -created"),
        ("sort=deleted", "sort", "choose one of -created"),
        ("&".join(f"tag={number}" for number in range(11)), "tag", "at most 10"),
    ],
)
def test_what_cannot_be_asked_is_said_at_its_field_and_kept_as_typed(query: str, field: str, reason: str) -> None:
    search = read(parse_qsl(query))
    assert list(search.wrong) == [field]
    assert reason in search.wrong[field]
    assert sorted(search.parameters()) == sorted(parse_qsl(query))


def test_a_link_keeps_the_search_and_begins_anew() -> None:
    search = read(parse_qsl("name=a&tag=b&sort=size&cursor=x&within=7d"))
    address = urlsplit(search.with_tag("kind=report & more"))
    assert address.path == "/files"
    assert parse_qs(address.query) == {
        "name": ["a"],
        "tag": ["b", "kind=report & more"],
        "sort": ["size"],
        "within": ["7d"],
    }
    assert read(parse_qsl(urlsplit(search.address(cursor="y")).query)).cursor == "y"


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("1500", 1500), ("10 kB", 10_000), ("1.5 MiB", 1_572_864), ("2G", 2_000_000_000), ("7 bytes", 7)],
)
def test_a_size_is_read_as_people_write_it(text: str, count: int) -> None:
    assert size_of(text) == count


@pytest.mark.parametrize("text", ["-1", "1e3", "k", "10 kBB", "1,5 MB", "\N{ARABIC-INDIC DIGIT ONE} x", "9" * 16])
def test_what_is_no_size_is_none(text: str) -> None:
    assert size_of(text) is None


@given(
    st.lists(st.tuples(st.sampled_from(["name", "tag", "type", "min_size", "created_after", "sort", "x"]), st.text()))
)
def test_any_address_is_read_and_its_links_lead_to_the_same_search(parameters: list[tuple[str, str]]) -> None:
    search = read(parameters)
    again = read(parse_qsl(urlsplit(search.address(cursor=search.cursor)).query, keep_blank_values=True))
    assert again.parameters() == search.parameters()
    assert search.wrong or question(search, NOW)
