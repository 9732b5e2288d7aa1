"""What is installed is what was locked, and the audit says so where it is not."""

from tests import audit

LOCK = 'one==1.0 \\\n    --hash=sha256:aa\ntwo-words==2.0 ; python_full_version < "3.12" \\\n    --hash=sha256:bb\nthree==3.0\n'


def test_a_package_without_a_hash_is_named() -> None:
    assert audit.unpinned(LOCK) == ["three 3.0 has no hash in the lock"]


def test_what_is_installed_beside_the_lock_is_named() -> None:
    locked = audit.versions(LOCK)
    assert audit.strangers(locked, {"one": "1.0", "two-words": "2.0"}) == []
    assert audit.strangers(locked, {"one": "1.1", "four": "4"}) == [
        "four 4 is installed, the lock has none of it",
        "one 1.1 is installed, the lock has 1.0",
    ]


def test_this_repository_pins_everything_by_hash() -> None:
    text = audit.LOCK.read_text()
    assert len(audit.versions(text)) > 100
    assert audit.unpinned(text) == []
