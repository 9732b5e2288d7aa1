"""Sessions, attempts and what is pasted, without a server."""

import pytest
from cryptography.fernet import Fernet

from opsbuddy_ui_service.access.attempts import AT_ONCE, CLIENTS, EVERY, Attempts
from opsbuddy_ui_service.access.credential import Credential, read
from opsbuddy_ui_service.access.session import Sessions

KEYS = [Fernet.generate_key().decode()]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_ends_at_its_time_however_much_it_is_used() -> None:
    clock = Clock()
    sessions = Sessions(KEYS, 60, clock)
    session = sessions.begin(Credential("APIKey", "secret"))
    sealed = sessions.seal(session)
    for at in (1000, 1030, 1059.9):
        clock.now = at
        assert sessions.open(sealed) == session
    clock.now = 1060
    assert sessions.open(sealed) is None
    assert sessions.left(session) == 0


def test_nothing_of_a_credential_is_readable_where_it_is_kept_or_printed() -> None:
    session = Sessions(KEYS, 60).begin(Credential("APIKey", "secret"))
    assert "secret" not in Sessions(KEYS, 60).seal(session)
    assert "secret" not in repr(session)


def test_a_sealed_session_that_was_changed_opens_nothing() -> None:
    sessions = Sessions(KEYS, 60)
    sealed = sessions.seal(sessions.begin(Credential("APIKey", "secret")))
    for at in range(0, len(sealed) - 2, 7):
        other = "A" if sealed[at] != "A" else "B"
        assert sessions.open(sealed[:at] + other + sealed[at + 1 :]) is None, at


@pytest.mark.parametrize(
    ("pasted", "kind", "text"),
    [
        ("abc", "APIKey", "abc"),
        ("a.b.c", "APIKey", "a.b.c"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", "JWT", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."),
        ("bearer  eyJhbGciOiJub25lIn0.eyJx.x", "JWT", "eyJhbGciOiJub25lIn0.eyJx.x"),
    ],
)
def test_a_key_and_a_token_are_told_apart(pasted: str, kind: str, text: str) -> None:
    given = read(pasted)
    assert (given.kind, given.text) == (kind, text)


def test_attempts_come_back_with_time() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    assert [attempts.take("a") for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert attempts.take("a") == EVERY
    assert attempts.take("b") == 0
    clock.now += EVERY
    assert attempts.take("a") == 0
    assert attempts.take("a") == EVERY


def test_only_so_many_clients_are_remembered() -> None:
    attempts = Attempts(Clock())
    for number in range(3 * CLIENTS):
        attempts.take(str(number))
    assert len(attempts._buckets) == CLIENTS
