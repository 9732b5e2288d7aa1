import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_core.errors import MalformedError
from opsbuddy_gateway.service.routing import Snapshot, compiled, find, upstream_target
from tests.services.gateway.process import route, table

segments = st.sampled_from(["a", "b", "ab", "api", "x.y", "-"])
paths = st.lists(segments, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


def snapshot(*prefixes: str, rewrite: str = "/") -> Snapshot:
    return compiled(table(*(route(prefix, rewrite=rewrite) for prefix in prefixes)))


def naive(prefixes: set[str], path: str) -> str | None:
    """The rule, word for word: a prefix matches when all of its segments lead the path's; the one with most segments wins."""
    parts = path.split("/")
    fitting = [prefix for prefix in prefixes if parts[: len(prefix.split("/"))] == prefix.split("/")]
    return max(fitting, key=lambda prefix: len(prefix.split("/")), default=None)


@given(st.sets(paths, max_size=8), paths, st.sampled_from(["", "/", "/c", "//c"]))
def test_the_longest_prefix_on_whole_segments_wins(prefixes, path, tail):
    found = snapshot(*prefixes).match(path + tail)
    assert (found.prefix if found else None) == naive(prefixes, path + tail)


@pytest.mark.parametrize(
    ("rewrite", "raw", "target"),
    [
        ("/", b"/api/files", b"/"),
        ("/", b"/api/files/", b"/"),
        ("/", b"/api/files/a//b", b"/a//b"),
        ("/files", b"/api/files", b"/files"),
        ("/files", b"/api/files/", b"/files/"),
        ("/files", b"/api/files/a%2Fb%20c%E9", b"/files/a%2Fb%20c%E9"),
        ("/files", b"/api/%66iles/x%41", b"/files/x%41"),
        ("/api/files", b"/api/files/x", b"/api/files/x"),
    ],
)
def test_only_the_prefix_of_the_path_changes(rewrite, raw, target):
    found = find(snapshot("/api/files", rewrite=rewrite), raw, unquote(raw.decode(), errors="replace"))
    assert found is not None
    assert upstream_target(found, raw, b"") == target
    assert upstream_target(found, raw, b"b=2&a=%E9;&&") == target + b"?b=2&a=%E9;&&"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/api/files/../x", "/api/files/../x"),
        (b"/api/files/%2e%2e/x", "/api/files/../x"),
        (b"/api/files/a%2f..%2fb", "/api/files/a/../b"),
        (b"/api/files/./x", "/api/files/./x"),
        (b"/api/files/a\\b", "/api/files/a\\b"),
        (b"/api/files/a%00", "/api/files/a\0"),
        (b"/api/files%2fadmin/x", "/api/files/admin/x"),
        (b"/api/files/admin%2fx", "/api/files/admin/x"),
    ],
)
def test_a_path_that_a_service_could_read_as_another_one_is_refused(raw, path):
    with pytest.raises(MalformedError):
        find(snapshot("/api/files", "/api/files/admin"), raw, path)


def test_an_escaped_letter_does_not_lead_around_a_longer_prefix():
    found = find(snapshot("/api/files", "/api/files/admin"), b"/api/files/%61dmin/x", "/api/files/admin/x")
    assert found is not None
    assert found.prefix == "/api/files/admin"


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        json.dumps({"schemaVersion": 2, "routes": []}),
        table(route("/health")),
        table(route("/docs/x")),
        table(route("/a", timeoutSeconds=0)),
        table(route("/a"), route("/a")),
        table(route("/a", surprise=1)),
    ],
)
def test_a_table_that_does_not_validate_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        compiled(text)


def test_get_brings_head_along():
    found = compiled(table(route(methods=["GET", "POST"]))).match("/api/files")
    assert found is not None
    assert found.methods == {"GET", "HEAD", "POST"}
