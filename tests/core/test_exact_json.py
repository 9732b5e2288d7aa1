import json
import math
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_core.errors import InvalidRequestError
from opsbuddy_core.exact_json import BODY, MAX_DEPTH, parse, parse_object

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_that_both_databases_keep_comes_back_as_it_was_sent(value: Any) -> None:
    parsed = parse(json.dumps(value).encode(), "tags")
    assert parsed == value
    assert json.dumps(parsed) == json.dumps(value)
    assert parse(json.dumps(value, ensure_ascii=False).encode(), "tags") == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_is_sent_is_a_finite_value_or_a_refusal(document: bytes) -> None:
    with suppress(InvalidRequestError):
        value = parse(document, "tags")
        assert not isinstance(value, float) or math.isfinite(value)
        assert parse(json.dumps(value).encode(), "tags") == value


@pytest.mark.parametrize(
    ("document", "member", "word"),
    [
        ('{"metadata":{"n":NaN}}', "metadata.n", "NaN"),
        ('{"value":"\\u0000"}', "value", "NUL"),
        ('{"a":1,"a":2}', "a", "twice"),
        ('{"value":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "value", f"deeper than {MAX_DEPTH - 1} "),
    ],
)
def test_a_member_of_a_body_is_named_as_a_client_calls_it(document: str, member: str, word: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_object(document.encode(), BODY)
    (error,) = refused.value.errors
    assert error.field == member
    assert word in error.reason


def test_a_byte_order_mark_is_no_part_of_a_document() -> None:
    assert parse(b'\xef\xbb\xbf{"a":1}', "tags") == {"a": 1}


@pytest.mark.parametrize("odd", ['"' + '\\"' * 32_000, '"' * 64_000, '"\\' * 21_000, '{"a":' * 12_000, '["' * 32_000])
def test_the_largest_document_is_refused_in_a_moment_however_it_is_made(odd: str) -> None:
    begun = time.process_time()
    with pytest.raises(InvalidRequestError):
        parse(odd.encode(), "tags")
    assert time.process_time() - begun < 1, "others wait meanwhile"


@pytest.mark.parametrize(
    ("document", "place", "word"),
    [
        ('{"a":{"b":[1,"x\\u0000"]}}', "tags.a.b[1]", "NUL"),
        ('{"a":1e999}', "tags.a", "1e999"),
        ('{"a":[NaN]}', "tags.a[0]", "NaN"),
        ('{"a":{"b":1,"b":2}}', "tags.a.b", "twice"),
        ('{"a":18446744073709551616}', "tags.a", "18446744073709551616"),
        ('{"x":1,"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "tags.a", "deeper"),
        ("[" * 100_000, "tags", "bytes"),
        ("[1]", "tags", "object"),
        ("{]", "tags", "JSON"),
        (b"\xff", "tags", "UTF-8"),
    ],
)
def test_a_refusal_names_the_place_and_the_reason(document: str | bytes, place: str, word: str) -> None:
    raw = document if isinstance(document, bytes) else document.encode()
    with pytest.raises(InvalidRequestError) as refused:
        parse_object(raw, "tags")
    assert refused.value.errors[0].field == place
    assert word in refused.value.detail


def test_brackets_within_text_nest_nothing() -> None:
    assert parse(json.dumps({"a": '[[[["{{{{{{{{{{{{{{{{{' + "[" * 50}).encode(), "tags")["a"].startswith("[[[[")


def test_the_deepest_value_that_is_kept_has_the_depth_that_is_promised() -> None:
    assert parse(("[" * MAX_DEPTH + "]" * MAX_DEPTH).encode(), "tags") is not None
    with pytest.raises(InvalidRequestError):
        parse(("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).encode(), "tags")
