"""The bucket of InfluxDB, saved while it is there, restored where there is none or when told to replace it."""

import asyncio
import io
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from opsbuddy_core.backup.archive import BackupError, Writer, unpack
from opsbuddy_timeseries_service.backup import parts
from opsbuddy_timeseries_service.factory import build
from opsbuddy_timeseries_service.influx import bucket as bucket_backup
from opsbuddy_timeseries_service.influx.bucket import FILE
from opsbuddy_timeseries_service.settings import TimeseriesSettings
from tests.services.timeseries_service.conftest import Service, point
from tests.support.apps import client
from tests.support.influxdb import Bucket, Influxd, fresh_bucket

pytestmark = [pytest.mark.influxdb, pytest.mark.timeout(60)]


@asynccontextmanager
async def serving(settings: TimeseriesSettings) -> AsyncIterator[Service]:
    async with client(build(settings)[0]) as http:
        yield Service(http)


def of(bucket: Bucket, folder: Path) -> TimeseriesSettings:
    return TimeseriesSettings(_env_file=None, data_dir=folder, log_level="ERROR", **bucket.settings())


def save(settings: TimeseriesSettings, draft: Path) -> bytes:
    out = io.BytesIO()
    draft.mkdir(exist_ok=True)
    with Writer(out, "timeseries-service", "0.1.0") as archive:
        for part in parts(settings):
            part.save(archive, draft)
    return out.getvalue()


def restore(settings: TimeseriesSettings, archive: bytes, draft: Path, *, force: bool = False) -> None:
    unpack(io.BytesIO(archive), draft)
    (part,) = parts(settings)
    if reason := part.hindrance(force=force):
        raise BackupError(reason)
    part.load(draft)


async def test_all_points_come_back_into_an_empty_bucket_and_it_takes_new_ones(
    bucket: Bucket, influxd: Influxd, tmp_path: Path
) -> None:
    async with serving(of(bucket, tmp_path)) as service:
        await service.write(*(point(float(n), tags={"n": str(n % 3)}) for n in range(100)), point("text", "other"))
        before = await service.answer()
    archive = await asyncio.to_thread(save, of(bucket, tmp_path), tmp_path / "draft")
    target = of(fresh_bucket(influxd), tmp_path)
    await asyncio.to_thread(restore, target, archive, tmp_path / "unpacked")
    async with serving(target) as service:
        assert (await service.answer())["series"] == before["series"]
        await service.write(point(1.0, "new"))
        assert await service.values(measurement="new") == [1.0]


async def test_a_bucket_with_data_is_replaced_only_when_told_so(bucket: Bucket, tmp_path: Path) -> None:
    settings = of(bucket, tmp_path)
    async with serving(settings) as service:
        await service.write(point(1.0))
        archive = await asyncio.to_thread(save, settings, tmp_path / "draft")
        await service.write(point(2.0), point("text", "other"))
        with pytest.raises(BackupError, match="has data already"):
            await asyncio.to_thread(restore, settings, archive, tmp_path / "one")
        await asyncio.to_thread(restore, settings, archive, tmp_path / "two", force=True)
        assert await service.values() == [1.0]


async def test_a_restore_that_fails_leaves_what_was_there(bucket: Bucket, tmp_path: Path) -> None:
    settings = of(bucket, tmp_path)
    async with serving(settings) as service:
        await service.write(point(1.0))
        archive = await asyncio.to_thread(save, settings, tmp_path / "draft")
        unpack(io.BytesIO(archive), tmp_path / "unpacked")
        (tmp_path / "unpacked" / FILE).write_text('{"retentionPolicies": "none that InfluxDB reads"}')
        with pytest.raises(BackupError, match="InfluxDB answers"):
            await asyncio.to_thread(parts(settings)[0].load, tmp_path / "unpacked")
        assert await service.values() == [1.0]


async def test_a_bucket_that_is_missing_hinders_no_restore(bucket: Bucket, influxd: Influxd, tmp_path: Path) -> None:
    settings = of(bucket, tmp_path)
    async with serving(settings) as service:
        await service.write(point(1.0))
    archive = await asyncio.to_thread(save, settings, tmp_path / "draft")
    influxd.call("DELETE", f"/api/v2/buckets/{buckets(influxd, bucket.name)[bucket.name]}")
    await asyncio.to_thread(restore, settings, archive, tmp_path / "unpacked")
    async with serving(settings) as service:
        assert await service.values() == [1.0]


def buckets(influxd: Influxd, name: str) -> dict[str, str]:
    """Return the ids of the buckets whose name begins so."""
    found = influxd.call("GET", "/api/v2/buckets?limit=100")["buckets"]
    return {each["name"]: each["id"] for each in found if each["name"].startswith(name)}


@pytest.mark.parametrize("requests", range(1, 5))
async def test_nothing_is_lost_wherever_a_restore_is_killed_and_the_next_one_mends_it(
    requests: int, bucket: Bucket, influxd: Influxd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`requests`: how many that change something InfluxDB has had by then. What was there has a point more than the archive."""
    settings = of(bucket, tmp_path)
    async with serving(settings) as service:
        await service.write(point(1.0))
        archive = await asyncio.to_thread(save, settings, tmp_path / "draft")
        await service.write(point(2.0, "more"))
    (part,) = parts(settings)
    ask, left = part._ask, requests

    def mortal(method: str, path: str, *arguments: Any) -> Any:
        nonlocal left
        if left == 0 and method != "GET" and "query" not in path:
            raise BackupError("killed")
        left -= method != "GET"
        return ask(method, path, *arguments)

    monkeypatch.setattr(part, "_ask", mortal)
    unpack(io.BytesIO(archive), tmp_path / "one")
    with pytest.raises(BackupError, match=r"^killed$"):
        await asyncio.to_thread(part.load, tmp_path / "one")
    whole = []
    for name in buckets(influxd, bucket.name):
        async with serving(settings.model_copy(update={"influxdb_database": name})) as service:
            whole.append("more" in (await service.http.get("/measurements")).text)
    assert True in whole, "what was there is lost"

    with pytest.raises(BackupError, match="has data already"):
        await asyncio.to_thread(restore, settings, archive, tmp_path / "two")
    await asyncio.to_thread(restore, settings, archive, tmp_path / "three", force=True)
    assert list(buckets(influxd, bucket.name)) == [bucket.name]
    async with serving(settings) as service:
        assert await service.values() == [1.0]
        assert (await service.answer(measurement="more"))["series"] == []


async def test_what_a_busy_influxdb_could_not_do_is_asked_for_again(
    bucket: Bucket, influxd: Influxd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = of(bucket, tmp_path)
    async with serving(settings) as service:
        await service.write(point(1.0))
    archive = await asyncio.to_thread(save, settings, tmp_path / "draft")
    asked: dict[str, int] = {}
    urlopen = urllib.request.urlopen

    def busy(request: urllib.request.Request, timeout: float) -> Any:
        """Refuse the first of each kind."""
        method = request.get_method()
        asked[method] = asked.get(method, 0) + 1
        if asked[method] == 1 and method != "POST":
            raise urllib.error.HTTPError(request.full_url, 500, "", Message(), io.BytesIO(b"internal error"))
        return urlopen(request, timeout=timeout)

    monkeypatch.setattr(bucket_backup, "AGAIN", (0.0,))
    monkeypatch.setattr(urllib.request, "urlopen", busy)
    await asyncio.to_thread(restore, settings, archive, tmp_path / "unpacked", force=True)
    assert asked["PATCH"] == 3, "two names change, and one of them twice"
    async with serving(settings) as service:
        assert await service.values() == [1.0]
    assert list(buckets(influxd, bucket.name)) == [bucket.name]
