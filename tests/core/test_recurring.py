"""Work in the background that fails says so once, is tried less often, and says once that it works again."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.recurring import LONGEST_PAUSE, Recurring


async def works() -> None: ...


async def fails() -> None:
    raise UnavailableError("The database does not answer.", retry_after=3)


def told(logs: list[Any]) -> list[tuple[str, str, str]]:
    return [(entry["log_level"], entry["operation"], entry["event"]) for entry in logs]


async def test_an_outage_is_one_warning_when_it_begins_and_one_line_when_it_is_over() -> None:
    recurring = Recurring("purge", every=60)
    with capture_logs() as logs:
        for work in (works, *[fails] * 50, works, works):
            await recurring.once(work)
    assert told(logs) == [
        ("warning", "purge", "Work in the background fails; it is tried again"),
        ("info", "purge", "Work in the background succeeds again"),
    ]
    assert logs[0]["reason"] == "The database does not answer."
    assert logs[1]["failures"] == 50


async def test_a_second_outage_is_told_again() -> None:
    recurring = Recurring("purge", every=60)
    with capture_logs() as logs:
        for work in (fails, works, fails):
            await recurring.once(work)
    assert [level for level, _, _ in told(logs)] == ["warning", "info", "warning"]


async def test_pauses_double_while_it_fails_and_are_back_to_normal_afterwards() -> None:
    recurring = Recurring("purge", every=60)
    assert await recurring.once(works) == 60
    assert [await recurring.once(fails) for _ in range(5)] == [120, 240, 480, LONGEST_PAUSE, LONGEST_PAUSE]
    assert await recurring.once(works) == 60
    rare = Recurring("purge", every=3600)
    assert [await rare.once(work) for work in (works, fails, fails)] == [3600, 3600, 3600]
    for _ in range(2000):
        await recurring.once(fails)  # a weekend of it is no number that is too large


async def test_what_a_driver_raises_is_told_without_its_words_which_may_hold_what_users_stored() -> None:
    async def raises() -> None:
        raise ValueError("secret")

    with capture_logs() as logs:
        await Recurring("purge", every=60).once(raises)
    assert logs[0]["reason"] == "ValueError"
    assert "secret" not in str(logs)


async def test_it_is_done_again_and_again_until_it_is_cancelled() -> None:
    done = 0
    enough = asyncio.Event()

    async def count() -> None:
        nonlocal done
        done += 1
        if done == 3:
            enough.set()

    running = asyncio.create_task(Recurring("purge", every=0.001).run(count))
    await asyncio.wait_for(enough.wait(), 5)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()


@pytest.mark.parametrize("every", [0.0, 10.0])
async def test_an_interval_is_what_it_says(every: float) -> None:
    assert await Recurring("purge", every=every).once(works) == every
