import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from opsbuddy_core import trace
from opsbuddy_core.logs import configure, get_logger


class Kept(list[dict[str, Any]]):
    def offer(self, record: dict[str, Any]) -> None:
        self.append(record)


@pytest.fixture
def sink() -> Kept:
    return Kept()


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_record_has_the_documented_shape(capsys: pytest.CaptureFixture[str], sink: Kept) -> None:
    configure("file_service", "INFO", sink)
    get_logger("service_name").info("Operation completed", operation="create", file_id="1", filename="example.txt")
    (line,) = written(capsys)
    assert list(line) == ["timestamp", "level", "logger", "message", "operation", "service", "data"]
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["logger"], line["service"]) == ("INFO", "service_name", "file_service")
    assert (line["message"], line["operation"]) == ("Operation completed", "create")
    assert line["data"] == {"file_id": "1", "filename": "example.txt"}


def test_records_of_libraries_have_it_too(capsys: pytest.CaptureFixture[str], sink: Kept) -> None:
    configure("file_service", "INFO", sink)
    logging.getLogger("uvicorn.error").warning("port %s", 80)
    (line,) = written(capsys)
    assert (line["message"], line["logger"], line["level"]) == ("port 80", "uvicorn.error", "WARNING")


def test_the_request_is_named(capsys: pytest.CaptureFixture[str], sink: Kept) -> None:
    configure("file_service", "INFO", sink)
    here = trace.continued("req-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    token = trace.enter(here)
    get_logger("x").info("m")
    trace.leave(token)
    (line,) = written(capsys)
    assert (line["request_id"], line["trace_id"]) == ("req-1", "0af7651916cd43dd8448eb211c80319c")


def test_values_of_secrets_are_not_written(capsys: pytest.CaptureFixture[str], sink: Kept) -> None:
    configure("file_service", "INFO", sink)
    get_logger("x").info("m", influxdb_token="s3cret", password="s3cret", Authorization="s3cret")
    assert "s3cret" not in capsys.readouterr().out
    assert "s3cret" not in json.dumps(sink)


def test_an_exception_is_one_line_and_the_level_is_kept(capsys: pytest.CaptureFixture[str], sink: Kept) -> None:
    configure("file_service", "INFO", sink)
    try:
        {}["missing"]
    except KeyError:
        get_logger("x").exception("It failed", operation="try")
    (line,) = written(capsys)
    assert line["level"] == "ERROR"
    assert "KeyError" in line["data"]["exception"]


def test_the_sink_gets_what_stdout_gets(capsys: pytest.CaptureFixture[str], sink: Kept) -> None:
    configure("file_service", "INFO", sink)
    get_logger("x").info("m", a=1)
    get_logger("x").debug("below the level")
    assert written(capsys) == sink
