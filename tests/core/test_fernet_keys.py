import pytest
from cryptography.fernet import Fernet

from opsbuddy_core import fernet_keys

FIRST, SECOND, THIRD = (Fernet.generate_key().decode() for _ in range(3))


def test_keys_are_read_in_their_order_from_lines_and_commas_without_comments() -> None:
    assert fernet_keys.parse(f"# since May\n{FIRST}, {SECOND}\n\n{THIRD} # the oldest\n") == [FIRST, SECOND, THIRD]
    assert fernet_keys.parse(" ,\n# none\n") == []


@pytest.mark.parametrize("wrong", ["hunter2", FIRST[:-4], "é" * 44], ids=["a word", "too short", "no base64"])
def test_what_is_no_key_is_named_by_its_place_and_not_shown(wrong: str) -> None:
    with pytest.raises(ValueError, match="key 2 is no Fernet key") as refused:
        fernet_keys.parse(f"{FIRST},{wrong}")
    assert wrong not in str(refused.value)
