import gzip
import hashlib

import pytest

from opsbuddy_core.errors import MalformedError, TooLargeError
from opsbuddy_core.web import bodies
from opsbuddy_core.web.bodies import gunzipped

NOISE = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(3 * bodies.STEP // 32))  # hardly packs
ONE, TWO = gzip.compress(b"one\n"), gzip.compress(b"two\n")


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        pytest.param(ONE, b"one\n", id="one member"),
        pytest.param(ONE + TWO, b"one\ntwo\n", id="two members"),
        pytest.param(ONE + gzip.compress(b"") + TWO, b"one\ntwo\n", id="an empty member between"),
        pytest.param(gzip.compress(b""), b"", id="nothing"),
        pytest.param(gzip.compress(b"x" * 1000), b"x" * 1000, id="as much as is taken"),
        pytest.param(gzip.compress(NOISE) + ONE, NOISE + b"one\n", id="longer than a step"),
    ],
)
def test_gzip_is_unpacked_however_many_members_it_has(packed: bytes, text: bytes) -> None:
    assert gunzipped(packed, max(1000, len(text))) == text


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"one\n", id="no gzip"),
        pytest.param(ONE[:-1], id="cut"),
        pytest.param(ONE + TWO[:-1], id="cut in the second member"),
        pytest.param(ONE[:-8] + bytes(8), id="wrong checksum"),
        pytest.param(ONE + b"junk", id="something follows"),
        pytest.param(gzip.compress(b"") * (bodies.MOST_MEMBERS + 1), id="too many members"),
    ],
)
def test_what_is_no_whole_gzip_is_refused(packed: bytes) -> None:
    with pytest.raises(MalformedError):
        gunzipped(packed, 1000)


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b"x" * 1001), gzip.compress(b"x" * 600) + gzip.compress(b"x" * 401)],
    ids=["one member", "two members"],  # they hold the time, which no two processes collect alike
)
def test_more_than_is_taken_is_refused_over_all_members(packed: bytes) -> None:
    with pytest.raises(TooLargeError):
        gunzipped(packed, 1000)
