import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsbuddy_core.routes import Backend, RoutingTable, TableRoute, digest

prefixes = st.lists(st.from_regex(r"/api/[a-z]{1,8}", fullmatch=True), unique=True, max_size=8)


def table(names: list[str]) -> RoutingTable:
    return RoutingTable(routes=tuple(TableRoute(prefix=p, backends=(Backend(service="s", port=80),)) for p in names))


@given(prefixes, st.randoms())
def test_the_text_does_not_depend_on_the_order_of_the_routes(names: list[str], random: object) -> None:
    shuffled = names[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert table(names).text() == table(shuffled).text()


@given(prefixes)
def test_what_is_written_is_read_back(names: list[str]) -> None:
    written = table(names)
    assert RoutingTable.parse(written.text()) == written
    assert digest(RoutingTable.parse(written.text()).text()) == digest(written.text())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{", "JSON"),
        ('{"schemaVersion": 2, "routes": []}', "schemaVersion"),
        ('{"routes": [{"prefix": "/a", "backends": []}]}', "backends"),
        ('{"routes": [{"prefix": "a/", "backends": [{"service": "s", "port": 1}]}]}', "prefix"),
        ('{"routes": [], "more": 1}', "more"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_name(text: str, names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        RoutingTable.parse(text)


def test_a_prefix_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="/api/a"):
        table(["/api/a", "/api/a"])
