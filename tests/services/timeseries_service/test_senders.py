"""What others send with: InfluxDB's own client, and a real Prometheus."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS

from tests.support.influxdb import Bucket, bucket, free_port, influxd  # noqa: F401 - fixtures
from tests.support.processes import Process
from tests.support.wait import eventually

SECONDS = int(time.time())


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    process = Process("opsbuddy_timeseries_service.main", {"DATA_DIR": str(tmp_path)}, tmp_path / "log")
    await process.start()
    yield process
    await process.end()


def send(url: str) -> None:
    """A point in each precision, compressed, as the client's documentation shows."""
    units = {WritePrecision.S: 1, WritePrecision.MS: 10**3, WritePrecision.US: 10**6, WritePrecision.NS: 10**9}
    with (
        InfluxDBClient(url, token="any", org="opsbuddy", enable_gzip=True) as client,
        client.write_api(write_options=SYNCHRONOUS) as api,
    ):
        for number, (unit, factor) in enumerate(units.items()):
            point = (
                Point("m")
                .tag("host", "a b")
                .field("v", float(number))
                .field("n", number)
                .time((SECONDS + number) * factor, unit)
            )
            api.write("opsbuddy", record=point, write_precision=unit)


@pytest.mark.process
async def test_influxdbs_own_client_writes_in_every_precision(process: Process) -> None:
    await asyncio.to_thread(send, process.url)
    async with httpx2.AsyncClient() as http:
        for field in ("v", "n"):
            query = {"measurement": "m", "field": field, "start": SECONDS - 1, "end": SECONDS + 60}
            answer = (await http.post(f"{process.url}/query", json=query)).json()
            assert [(each["tags"], each["values"]) for each in answer["series"]] == [({"host": "a b"}, [0, 1, 2, 3])]


@pytest.mark.influxdb
async def test_a_real_prometheus_sends_its_samples_and_finds_them_again(bucket: Bucket, tmp_path: Path) -> None:  # noqa: F811
    binary = shutil.which("prometheus")
    assert binary, "prometheus is missing: install it with tests/cluster/prerequisites.sh prometheus"
    service = Process(
        "opsbuddy_timeseries_service.main", {"DATA_DIR": str(tmp_path)} | bucket.environment(), tmp_path / "log"
    )
    await service.start()
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: it, static_configs: [{{targets: ['127.0.0.1:{service.port}', '127.0.0.1:1']}}]}}]\n"
        f"remote_write: [{{url: '{service.url}/api/v1/write', queue_config: {{batch_send_deadline: 1s}}}}]\n"
    )
    command = [binary, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    with (tmp_path / "prometheus.log").open("wb") as log:
        prometheus = await asyncio.create_subprocess_exec(
            *command, f"--web.listen-address=127.0.0.1:{port}", stdout=log, stderr=log
        )
    try:
        async with httpx2.AsyncClient() as http:

            async def up() -> bool:
                answer = await http.get(f"{service.url}/api/v1/query", params={"query": "sort(up)"})
                return [each["value"][1] for each in answer.json()["data"]["result"]] == ["0", "1"]

            await eventually(up, within=20, what="up of both targets is there")
            query = {"query": "count by (job) (process_resident_memory_bytes > 1e6)"}
            answer = (await http.get(f"{service.url}/api/v1/query", params=query)).json()
            assert [each["metric"] for each in answer["data"]["result"]] == [{"job": "it"}]
    finally:
        prometheus.terminate()
        await asyncio.wait_for(prometheus.wait(), 20)
        await service.end()
    said = (tmp_path / "prometheus.log").read_text()
    assert "non-recoverable" not in said, said[-3000:]
