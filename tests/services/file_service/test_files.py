import asyncio
from pathlib import Path

import httpx2
import pytest

from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings
from tests.services.file_service.conftest import Service
from tests.support.influxdb import free_port

HEADERS = ("content-length", "etag", "accept-ranges", "content-type", "content-disposition")


async def test_head_says_what_get_says(service: Service) -> None:
    record = await service.store(b"hello world")
    for path in (f"/files/{record['id']}/download", f"/files/{record['id']}", "/files"):
        head, get = await service.http.head(path), await service.http.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert [head.headers.get(name) for name in HEADERS] == [get.headers.get(name) for name in HEADERS]
    assert head.headers["content-length"] == str(len(get.content))
    download = await service.http.head(f"/files/{record['id']}/download")
    assert download.headers["content-length"] == "11"
    assert download.headers["etag"] == f'"{record["sha256"]}"'


@pytest.mark.parametrize("file_id", ["no-such", "00000000-0000-0000-0000-000000000000", "%00", "x" * 3000])
async def test_a_file_that_is_not_there_is_404_in_every_way(service: Service, file_id: str) -> None:
    for method, path in [("GET", ""), ("HEAD", ""), ("GET", "/download"), ("HEAD", "/download"), ("DELETE", "")]:
        answer = await service.http.request(method, f"/files/{file_id}{path}")
        assert answer.status_code == 404, (method, path)
    for method in ("PUT", "PATCH"):
        if method == "PUT" and file_id[:3] != "000":
            continue  # a name that there is not yet
        answer = await service.http.request(method, f"/files/{file_id}", json={"tags": {}})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_purged_file_is_gone_with_its_content(service: Service) -> None:
    record = await service.store(tags={"a": 1})
    assert len(service.kept) == 1
    answer = await service.http.delete(f"/files/{record['id']}", params={"purge": "true"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await service.http.delete(f"/files/{record['id']}")).status_code == 404
    assert (await service.http.get(f"/files/{record['id']}/download")).status_code == 404
    assert (await service.find(), service.kept) == ([], [])


async def test_changes_of_different_members_at_once_both_hold(service: Service) -> None:
    record = await service.store()
    path = f"/files/{record['id']}"
    await asyncio.gather(
        *(service.http.patch(path, json={f: {"n": 1}}) for f in ("tags", "metadata") for _ in range(5))
    )
    after = (await service.http.get(path)).json()
    assert (after["tags"], after["metadata"]) == ({"n": 1}, {"n": 1})


async def test_uploads_at_once_are_all_kept(service: Service) -> None:
    records = await asyncio.gather(*(service.store(b"%d" % n * 1000, f"{n}.txt") for n in range(20)))
    assert len(await service.find()) == 20
    for n, record in enumerate(records):
        assert (await service.http.get(f"/files/{record['id']}/download")).content == b"%d" % n * 1000


async def test_health_and_status_tell_the_truth_of_database_and_disk(service: Service) -> None:
    health = (await service.http.get("/health")).json()
    assert (health["status"], health["database"], health["service"]["name"]) == ("healthy", "healthy", "File Service")
    state = (await service.http.get("/status")).json()["state"]
    database = "postgresql" if service.settings.database_url else "sqlite"
    assert (state["database"], state["object_store"], state["shared"]) == (database, "file", False)


async def test_slashes_too_many_redirect_nowhere(service: Service) -> None:
    answer = await service.http.get("/files/")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_openapi_describes_form_and_filters(service: Service) -> None:
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    form = paths["/files/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"file", "tags", "metadata"}
    names = {parameter["name"] for parameter in paths["/files"]["get"]["parameters"]}
    times = {f"{word}_{side}" for word in ("created", "updated") for side in ("after", "before")}
    assert names == {"tag", "type", "name", "min_size", "max_size", "trash", "sort", "limit", "cursor"} | times


async def test_status_answers_without_the_database(tmp_path: Path) -> None:
    nobody = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    settings = FileSettings(data_dir=tmp_path, database_url=nobody)
    app = build(settings)[0]
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://test"
    ) as http:  # not started
        answer = await http.get("/status")
        assert (answer.status_code, answer.json()["usage"]) == (200, None)
        assert answer.json()["checks"]["database"] != "healthy"
        stored = await http.put("/files/a", content=b"x")
        assert (stored.status_code, stored.headers["content-type"]) == (503, "application/problem+json")
        assert int(stored.headers["retry-after"]) > 0
