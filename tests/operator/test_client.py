import json

import pytest

from opsbuddy_operator.cluster.api import (
    AbsentError,
    ConflictError,
    ForbiddenError,
    RefusedError,
    TerminatingError,
    UnavailableError,
)
from opsbuddy_operator.cluster.client import translate

TERMINATING = {"message": "being terminated", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (400, {"message": "bad"}, RefusedError),
        (401, {}, UnavailableError),
        (403, {"message": "forbidden"}, ForbiddenError),
        (403, TERMINATING, TerminatingError),
        (404, {"details": {"kind": "deployments"}}, AbsentError),
        (404, {"details": {"kind": "namespaces"}}, TerminatingError),
        (408, {}, UnavailableError),
        (409, {}, ConflictError),
        (422, {"message": "invalid"}, RefusedError),
        (422, {"details": {"causes": [{"field": "metadata.uid"}]}}, ConflictError),
        (429, {}, UnavailableError),
        (500, {"message": "failed calling webhook"}, RefusedError),
        (502, "bad gateway", UnavailableError),
        (503, [], UnavailableError),
        (504, {}, UnavailableError),
    ],
)
def test_an_answer_is_the_failure_that_it_stands_for(status, answer, expected):
    assert type(translate(status, json.dumps(answer), {})) is expected


def test_of_words_that_repeat_a_whole_object_beginning_and_end_are_kept():
    words = f'Deployment "web" is invalid: {"x" * 100_000}: must be unique'
    kept = str(translate(422, json.dumps({"message": words}), {}))
    assert len(kept) < 1100
    assert kept.startswith('Deployment "web" is invalid')
    assert kept.endswith("must be unique")


def test_the_words_of_the_api_server_are_kept():
    assert str(translate(422, '{"message": "spec.port: required"}', {})) == "spec.port: required"
    assert "502" in str(translate(502, b"<html>", {}))


@pytest.mark.parametrize(
    ("value", "expected"), [("7", 7.0), ("Wed, 21 Oct 2026", None), (None, None), ("99999", 300.0)]
)
def test_a_pause_that_is_asked_for_is_heard(value, expected):
    headers = {} if value is None else {"Retry-After": value}
    failure = translate(429, "{}", headers)
    assert isinstance(failure, UnavailableError)
    assert failure.retry_after == expected
