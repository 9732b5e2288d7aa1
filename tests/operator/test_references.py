import asyncio

import pytest
import structlog

from opsbuddy_operator.cluster.api import ForbiddenError, UnavailableError
from opsbuddy_operator.models import Key, Ref, Subject
from opsbuddy_operator.reconcile.references import References
from tests.support.fake_cluster import FakeCluster
from tests.support.wait import eventually

DB = Ref("v1", "Secret", "t", "db")
WEB, API = Key(Subject.SERVICE, "t", "web"), Key(Subject.SERVICE, "t", "api")


def nobody(_: Key) -> None:
    """Is not interested in changes."""


def secret(**more):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "t"},
        "data": {"K": "MQ=="},
    } | more


@pytest.fixture
def cluster():
    return FakeCluster()


async def test_a_missing_one_has_no_hash(cluster):
    references = References(cluster, nobody, 5)
    assert await references.digests(WEB, {DB}) == ({DB: None}, {})


async def test_only_the_data_count(cluster):
    references = References(cluster, nobody, 0)
    cluster.put(secret())
    first, _ = await references.digests(WEB, {DB})
    cluster.put(secret(metadata={"name": "db", "namespace": "t", "labels": {"a": "b"}}))
    assert (await references.digests(WEB, {DB}))[0] == first
    cluster.put(secret(data={"K": "Mg=="}))
    assert (await references.digests(WEB, {DB}))[0] != first


async def test_what_was_read_a_moment_ago_is_not_read_again(cluster):
    references = References(cluster, nobody, 5)
    for key in (WEB, API, WEB):
        await references.digests(key, {DB})
    assert len(cluster.requests) == 1


async def test_a_change_brings_back_those_who_use_it_and_nobody_else(cluster):
    told: list[Key] = []
    references = References(cluster, told.append, 0.02)
    await references.digests(WEB, {DB})
    await references.digests(API, {DB})
    await references.digests(API, set())
    watch = asyncio.create_task(references.watch())
    cluster.put(secret())

    async def once():
        return told

    assert await eventually(once) == [WEB]
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_a_change_that_one_user_comes_across_is_told_to_all(cluster):
    told: list[Key] = []
    references = References(cluster, told.append, 0)
    await references.digests(WEB, {DB})
    await references.digests(API, {DB})
    cluster.put(secret())
    await references.digests(WEB, {DB})
    assert API in told


async def test_what_nobody_uses_is_forgotten(cluster):
    references = References(cluster, nobody, 0)
    await references.digests(WEB, {DB})
    references.forget(WEB)
    assert not references._known
    assert not references._used


async def test_one_that_may_not_be_read_keeps_its_hash_and_is_told(cluster):
    references = References(cluster, nobody, 0)
    cluster.put(secret())
    before, _ = await references.digests(WEB, {DB})
    cluster.fault = lambda *_: ForbiddenError("secrets is forbidden")
    assert await references.digests(WEB, {DB}) == (before, {DB: "secrets is forbidden"})


async def test_one_that_may_be_read_at_last_brings_back_those_who_use_it(cluster):
    told: list[Key] = []
    references = References(cluster, told.append, 0.02)
    cluster.put(secret())
    cluster.fault = lambda *_: ForbiddenError("secrets is forbidden")
    assert await references.digests(WEB, {DB}) == ({DB: None}, {DB: "secrets is forbidden"})
    cluster.fault = lambda *_: None
    await brought_back(references, told)
    assert (await references.digests(WEB, {DB}))[1] == {}


async def test_one_that_may_not_be_read_any_more_is_told_and_so_is_its_return(cluster):
    told: list[Key] = []
    references = References(cluster, told.append, 0.02)
    cluster.put(secret())
    before, _ = await references.digests(WEB, {DB})
    cluster.fault = lambda *_: ForbiddenError("secrets is forbidden")
    await brought_back(references, told)
    assert await references.digests(WEB, {DB}) == (before, {DB: "secrets is forbidden"})
    cluster.fault = lambda *_: None
    await brought_back(references, told)
    assert await references.digests(WEB, {DB}) == (before, {})


async def test_one_that_may_not_be_read_is_logged_once(cluster):
    references = References(cluster, nobody, 0.01)
    cluster.fault = lambda *_: ForbiddenError("secrets is forbidden")

    async def read_often():
        return len(cluster.requests) > 3

    with structlog.testing.capture_logs() as lines:
        await references.digests(WEB, {DB})
        watch = asyncio.create_task(references.watch())
        await eventually(read_often)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    assert [line["reason"] for line in lines] == ["secrets is forbidden"]


async def brought_back(references: References, told: list[Key]) -> None:
    """Watch until a change is told."""
    told.clear()
    watch = asyncio.create_task(references.watch())

    async def once():
        return told == [WEB]

    await eventually(once)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_keys_that_one_lacks_are_known_until_it_has_them(cluster):
    references, wanted = References(cluster, nobody, 0), {DB: frozenset({"K", "L", "M"})}
    await references.digests(WEB, {DB})
    assert references.lacking(wanted) == {}, "it lacks everything, and is called missing"
    cluster.put(secret())
    await references.digests(WEB, {DB})
    assert references.lacking(wanted) == {DB: {"L", "M"}}
    cluster.put(secret(data={"K": "MQ==", "L": ""}, binaryData={"M": "MQ=="}))
    await references.digests(WEB, {DB})
    assert references.lacking(wanted) == {}


async def test_of_one_that_may_not_be_read_no_key_is_called_missing(cluster):
    references = References(cluster, nobody, 0)
    cluster.put(secret())
    await references.digests(WEB, {DB})
    cluster.fault = lambda *_: ForbiddenError("secrets is forbidden")
    await references.digests(WEB, {DB})
    assert references.lacking({DB: frozenset({"L"})}) == {}


async def test_an_api_server_that_does_not_answer_is_no_missing_secret(cluster):
    references = References(cluster, nobody, 0)
    cluster.fault = lambda *_: UnavailableError("down")
    with pytest.raises(UnavailableError):
        await references.digests(WEB, {DB})


async def test_reading_goes_on_after_a_failure(cluster):
    told: list[Key] = []
    references = References(cluster, told.append, 0.02)
    await references.digests(WEB, {DB})
    cluster.fault = lambda *_: UnavailableError("down")
    watch = asyncio.create_task(references.watch())

    async def tried():
        return len(cluster.requests) > 2

    await eventually(tried)
    cluster.fault = lambda *_: None
    cluster.put(secret())

    async def once():
        return told == [WEB]

    await eventually(once)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_reads_are_spread(cluster):
    references = References(cluster, nobody, 0.01)
    await references.digests(WEB, {Ref("v1", "Secret", "t", f"s-{number}") for number in range(200)})
    cluster.requests.clear()
    watch = asyncio.create_task(references.watch())
    await asyncio.sleep(0.5)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert 3 <= len(cluster.requests) <= 11
