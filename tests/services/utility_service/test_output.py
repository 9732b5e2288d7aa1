"""What is kept of a command's output: the beginning and the end, never more than there is room for, and what is cut is counted."""

import json

from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_utility_service.service.output import Kept, cost

CHUNKS = st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)), max_size=12)


def kept(chunks: list[bytes], head: int, tail: int) -> tuple[str, int, str]:
    stream = Kept(head, tail)
    beginning = "".join(stream.take(chunk) for chunk in chunks)
    rest, cut, end = stream.finish()
    return beginning + rest, cut, end


@given(CHUNKS, st.integers(0, 60), st.integers(0, 60))
def test_both_ends_fit_and_what_is_missing_is_counted(chunks: list[bytes], head: int, tail: int) -> None:
    first, cut, last = kept(chunks, head, tail)
    assert cost(first.encode()) <= head
    assert cost(last.encode()) <= tail
    whole = b"".join(chunks).decode("utf-8", "replace")
    assert whole.startswith(first)
    if "\ufffd" not in whole:
        assert whole.endswith(last)
        assert cut == len(whole.encode()) - len(first.encode()) - len(last.encode())
        if not cut:
            assert first + last == whole


@given(st.text())
def test_the_cost_of_text_is_what_json_makes_of_it(text: str) -> None:
    data = text.encode("utf-8", "replace")
    written = json.dumps(data.decode(), ensure_ascii=False).encode()
    assert cost(data) == len(written) - 2 - written.count(b"\x7f") * 0


def test_all_of_a_small_output_is_kept_and_characters_may_be_split_between_reads() -> None:
    text = "grüße 🚀\n"
    assert kept([bytes([byte]) for byte in text.encode()], 100, 100) == (text, 0, "")


def test_a_flood_is_cut_in_the_middle() -> None:
    first, cut, last = kept([b"begin\n", *[b"x" * 1000] * 1000, b"\nend"], 20, 20)
    assert first.startswith("begin\n")
    assert last.endswith("\nend")
    assert len(first) + cut + len(last) == 1_000_010


def test_zeros_do_not_make_the_answer_larger_than_there_is_room_for() -> None:
    first, cut, last = kept([b"\0" * 10_000], 600, 600)
    assert (len(first), cut, len(last)) == (100, 9800, 100)
