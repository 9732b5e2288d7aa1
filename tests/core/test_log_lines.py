"""The line that is written for every request: the documented shape, in order, and never lost."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from opsbuddy_core import logs, trace
from opsbuddy_core.logs import Line, configure, get_logger

PROGRAM = """
import asyncio, logging
from opsbuddy_core.logs import Line, configure
configure("toy", "INFO")
line = Line("access", "Request answered", operation="request")
async def work():
    for number in range({count}):
        line.write(logging.INFO, {{"number": number}}, None)
asyncio.run(work())
line.write(logging.INFO, {{"number": {count}}}, None)
{end}
"""


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, process = root.handlers[:], root.level, logs._process
    yield
    root.handlers[:], root.level, logs._process = handlers, level, process
    structlog.reset_defaults()


class Kept(list[dict[str, Any]]):
    def offer(self, record: dict[str, Any]) -> None:
        self.append(record)


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_it_has_the_shape_of_any_other_record_and_goes_where_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Kept()
    configure("gateway", "INFO", sink)
    here = trace.continued("req-1", None)
    token = trace.enter(here)
    Line("proxy", "Request proxied", operation="proxy").write(logging.WARNING, {"status": 502}, here)
    get_logger("proxy").warning("Request proxied", operation="proxy", status=502)
    trace.leave(token)
    logs.flush()
    fast, general = written(capsys)
    assert list(fast) == list(general)
    assert {**fast, "timestamp": ""} == {**general, "timestamp": ""}
    assert sink == [fast, general]


async def test_lines_of_one_turn_come_in_order_and_before_what_is_logged_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("gateway", "INFO")
    line = Line("proxy", "Request proxied", operation="proxy")
    for number in range(3):
        line.write(logging.INFO, {"number": number}, None)
    get_logger("x").info("m", number=3)
    line.write(logging.INFO, {"number": 4}, None)
    await asyncio.sleep(0)
    assert [entry["data"]["number"] for entry in written(capsys)] == [0, 1, 2, 3, 4]


async def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Kept()
    configure("gateway", "WARNING", sink)
    Line("proxy", "Request proxied", operation="proxy").write(logging.INFO, {}, None)
    logs.flush()
    assert not written(capsys)
    assert not sink


@pytest.mark.process
@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "raise ValueError"])
def test_no_line_is_lost_however_the_process_ends(end: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(count=5000, end=end)], capture_output=True, check=False, timeout=20
    )
    assert [json.loads(line)["data"]["number"] for line in ended.stdout.splitlines()] == list(range(5001))
