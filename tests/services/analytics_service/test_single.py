"""Single logs: the quick way and the framework's give the same, and many at once share what a transaction costs."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from opsbuddy_analytics_service.models import NewLog
from opsbuddy_analytics_service.service.intake import plain_single
from opsbuddy_analytics_service.storage.embedded import SqliteJournal
from opsbuddy_analytics_service.storage.gathering import Gathering
from opsbuddy_analytics_service.storage.stores import Kept
from opsbuddy_core.errors import UnavailableError
from tests.services.analytics_service.conftest import Service, entry

ONE = "/logs/single"


async def test_the_quick_way_and_the_frameworks_give_the_same_answer(embedded: Service) -> None:
    log = entry("x", event_id="e-1")
    quick = await embedded.http.post(ONE, json=log)
    same = await embedded.http.post(ONE, json=log)
    slow = await embedded.http.post(ONE, json=log, headers={"idempotency-key": "k"})
    assert [each.status_code for each in (quick, same, slow)] == [201, 201, 201]
    assert set(quick.headers) == set(slow.headers)
    assert quick.headers["content-type"] == slow.headers["content-type"]
    assert quick.json() == {"accepted": 1, "duplicate": False, "event_id": "e-1", "dry_run": False}
    assert same.content == slow.content
    assert await embedded.find() == ["x"]


async def test_a_body_in_pieces_and_one_that_is_not_plain_are_each_stored_once(embedded: Service) -> None:
    raw = json.dumps(entry("in pieces")).encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield raw[:20]
        yield raw[20:]

    odd = json.dumps(entry("%", level="warn")).replace("%", "half \\ud83d").encode()
    answers = [await embedded.http.post(ONE, content=content) for content in (pieces(), odd, b"\xef\xbb\xbf" + raw)]
    assert [each.status_code for each in answers] == [201] * 3, [each.text for each in answers]
    assert sorted(await embedded.find()) == ["half \ufffd", "in pieces", "in pieces"]


@pytest.mark.parametrize("raw", [b"", b"{", b"5", b"[]", b"{}", b"null", b"\xff"])
def test_what_is_no_plain_log_is_left_to_the_judge(raw: bytes) -> None:
    assert plain_single(raw) is None


async def test_a_single_log_that_cannot_be_stored_is_a_problem_and_is_counted(
    embedded: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: SqliteJournal, __: Sequence[NewLog]) -> list[Kept]:
        raise UnavailableError("The journal is full.", retry_after=10, code="journal_full")

    monkeypatch.setattr(SqliteJournal, "append_one", full)
    answer = await embedded.http.post(ONE, json=entry("x"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert (answer.headers["content-type"], answer.json()["instance"]) == ("application/problem+json", ONE)
    text = (await embedded.http.get("/metrics", headers={"accept": "text/plain"})).text
    assert 'opsbuddy_http_requests_total{method="POST",route="/logs/single",status="503"}' in text


async def test_singles_at_once_are_all_stored_and_each_knows_its_own(embedded: Service) -> None:
    logs = [entry(f"m{n}", event_id=f"e{n % 40}") for n in range(60)]
    answers = await asyncio.gather(*(embedded.http.post(ONE, json=log) for log in logs))
    assert [each.json()["event_id"] for each in answers] == [log["event_id"] for log in logs]
    assert sum(each.json()["duplicate"] for each in answers) == 20
    assert len(await embedded.find()) == 40


class Groups:
    """Takes groups of logs when a test lets it."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.open = asyncio.Event()

    async def append(self, logs: Sequence[NewLog]) -> list[Kept]:
        self.seen.append([log.message for log in logs])
        await self.open.wait()
        if "bad" in self.seen[-1]:
            raise UnavailableError("no")
        return [Kept(log.message, duplicate=False) for log in logs]


def new(message: str) -> NewLog:
    return NewLog(1, "INFO", "l", message, "s", None, None, None, None, None)


async def test_what_comes_while_a_group_is_written_is_the_next_group() -> None:
    groups = Groups()
    gathering = Gathering(groups.append, lambda _: 1)
    first = asyncio.create_task(gathering.put(new("a")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(gathering.put(new(message))) for message in "bcd"]
    await asyncio.sleep(0)
    groups.open.set()
    assert [kept.event_id for kept in await asyncio.gather(first, *others)] == list("abcd")
    assert groups.seen == [["a"], ["b", "c", "d"]]


async def test_a_failure_reaches_all_of_its_group_and_none_after_it() -> None:
    groups = Groups()
    groups.open.set()
    gathering = Gathering(groups.append, lambda _: 1)
    failed = await asyncio.gather(*(gathering.put(new(m)) for m in ("good", "bad")), return_exceptions=True)
    assert [type(each) for each in failed] == [UnavailableError] * 2
    assert (await gathering.put(new("after"))).event_id == "after"


async def test_more_bytes_than_may_wait_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsbuddy_analytics_service.storage.gathering.MOST_WAITING", 2)
    groups = Groups()
    gathering = Gathering(groups.append, lambda _: 1)
    waiting = [asyncio.create_task(gathering.put(new(message))) for message in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await gathering.put(new("c"))
    groups.open.set()
    assert len(await asyncio.gather(*waiting)) == 2
    assert (await gathering.put(new("d"))).event_id == "d"
