import logging

import kopf
import pytest
from kopf._cogs.clients import watching

from opsbuddy_operator.handlers.process import configure


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ("Request attempt #1 failed; will retry: GET https://x -> APIForbiddenError", "WARNING"),
        ("Request attempt #1 failed; escalating: GET https://x -> APIForbiddenError", "ERROR"),
    ],
)
def test_what_kopf_tries_again_is_no_error(caplog, monkeypatch, words, level):
    monkeypatch.setattr(logging.getLogger("kopf"), "level", logging.NOTSET)
    monkeypatch.setattr(logging.getLogger(watching.__name__), "filters", [])
    configure(kopf.OperatorSettings())
    logging.getLogger(watching.__name__).error(words)
    assert [record.levelname for record in caplog.records] == [level]
