"""A misspelt parameter is refused wherever it would silently answer something else; clients of other products send what they like."""

from pathlib import Path
from typing import Any

import pytest

from opsbuddy_analytics_service.factory import build as analytics
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_file_service.factory import build as files
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_timeseries_service.factory import build as timeseries
from opsbuddy_timeseries_service.settings import TimeseriesSettings
from opsbuddy_utility_service.factory import build as utility
from opsbuddy_utility_service.settings import UtilitySettings
from tests.support.apps import client

BUILT: dict[str, tuple[Any, Any]] = {
    "analytics": (analytics, AnalyticsSettings),
    "files": (files, FileSettings),
    "timeseries": (timeseries, TimeseriesSettings),
    "utility": (utility, UtilitySettings),
}
REFUSED = {
    "analytics": [
        ("GET", "/metrics?minuts=5", "minutes"),
        ("GET", "/stats?hours=5", "there are none"),
        ("POST", "/logs?dryrun=1", "dry_run"),
        ("POST", "/logs/single?dryrun=1", "dry_run"),
        ("GET", "/logs/tail?servise=shop", "service"),
        ("GET", "/dead-letters?limt=5", "limit"),
    ],
    "files": [
        ("GET", "/files?tags=a", "tag"),
        ("DELETE", "/files/00000000-0000-0000-0000-000000000000?purged=true", "purge"),
        ("DELETE", "/files?trash=true&purge=true", "trash"),
    ],
    "timeseries": [
        ("GET", "/series?measurment=cpu", "measurement"),
        ("GET", "/measurements?limit=5", "there are none"),
        ("POST", "/write?precison=ms", "precision"),
    ],
    "utility": [
        ("GET", "/configs?catgory=system", "category"),
        ("GET", "/configs/export?trash=true", "category"),
        ("GET", "/system/audit?user=ann", "actor"),
        ("GET", "/system/info?full=1", "there are none"),
    ],
}
TAKEN = [
    ("POST", "/api/v2/write?org=o&bucket=b&precision=ns&consistency=one", b"cpu v=1"),
    ("GET", "/api/v1/query?query=1&timeout=10s&stats=all&lookback_delta=5m", b""),
    ("GET", "/api/v1/labels?limit=5&grafana=1", b""),
]


@pytest.mark.parametrize("name", REFUSED)
async def test_a_parameter_that_there_is_not_is_refused_with_those_there_are(name: str, tmp_path: Path) -> None:
    build, settings = BUILT[name]
    made = settings(_env_file=None, data_dir=tmp_path, log_level="ERROR")
    async with client(build(made)[0]) as http:
        for method, path, known in REFUSED[name]:
            answer = await http.request(method, path, json=[] if method == "POST" else None)
            misspelt = path.rsplit("?", 1)[1].rsplit("&", 1)[-1].partition("=")[0]
            assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), path
            assert [error["field"] for error in answer.json()["errors"]] == [misspelt], path
            assert known in answer.json()["detail"], path


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/files/%FF"), ("GET", "/files/%FF/download"), ("PATCH", "/files/a%E2%28"), ("DELETE", "/files/%FF")],
)
async def test_a_name_in_a_path_that_does_not_decode_is_no_other_name(method: str, path: str, tmp_path: Path) -> None:
    """Read with a replacement character, it would find, and remove, what really has one in its name."""
    async with client(files(FileSettings(_env_file=None, data_dir=tmp_path, log_level="ERROR"))[0]) as http:
        assert (await http.put("http://test/files/%EF%BF%BD", content=b"x")).status_code == 201
        answer = await http.request(method, f"http://test{path}", json={} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "file_id"), answer.text
        assert (await http.get("http://test/files/%EF%BF%BD")).status_code == 200


async def test_the_doors_for_clients_of_other_products_take_what_those_send(tmp_path: Path) -> None:
    made = TimeseriesSettings(_env_file=None, data_dir=tmp_path, log_level="ERROR")
    async with client(timeseries(made)[0]) as http:
        for method, path, body in TAKEN:
            answer = await http.request(method, path, content=body)
            assert answer.status_code < 300, (path, answer.text)
