import asyncio

import pytest

from opsbuddy_core.database import Database
from opsbuddy_file_service.factory import build
from opsbuddy_file_service.service.upkeep import Ages, Upkeep
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_file_service.storage.blobs import ObjectStore
from opsbuddy_file_service.storage.records import SqlRecords
from tests.services.file_service.conftest import Service
from tests.support.apps import client


async def test_a_deleted_file_is_in_the_trash_until_it_is_restored(service: Service) -> None:
    record = await service.store(b"keep me", tags={"a": 1})
    path = f"/files/{record['id']}"
    assert (await service.http.delete(path)).status_code == 204
    assert await service.find() == []
    for method, sub in [("GET", ""), ("HEAD", ""), ("GET", "/download"), ("PATCH", ""), ("DELETE", "")]:
        answer = await service.http.request(method, path + sub, content=b"{}" if method == "PATCH" else None)
        assert answer.status_code == 404, (method, sub)
    assert "restore" in (await service.http.get(path)).json()["detail"]
    (thrown,) = await service.find(trash="true", tag="a=1")
    assert thrown["deleted_at"]
    for _ in range(2):  # a retry finds it restored
        restored = await service.http.post(f"{path}/restore")
        assert (restored.status_code, restored.json()["deleted_at"], restored.json()["version"]) == (200, None, 3)
    assert await service.find(trash="true") == []
    assert (await service.http.get(f"{path}/download")).content == b"keep me"


async def test_the_trash_has_its_own_order_and_can_be_emptied(service: Service) -> None:
    ids = [(await service.store(b"x", f"{n}.txt"))["id"] for n in range(4)]
    for n in (2, 0, 3):
        await service.http.delete(f"/files/{ids[n]}")
    assert [file["id"] for file in await service.find(trash="true", sort="deleted")] == [ids[2], ids[0], ids[3]]
    page = (await service.http.get("/files?trash=true&sort=-deleted&limit=2")).json()
    rest = await service.find(trash="true", sort="-deleted", cursor=page["next_cursor"])
    assert [file["id"] for file in [*page["files"], *rest]] == [ids[3], ids[0], ids[2]]
    assert (await service.http.delete("/files")).status_code == 422
    assert (await service.http.delete("/files?trash=false")).status_code == 422
    assert (await service.http.delete("/files?trash=true")).json() == {"purged": 3, "left": 0}
    assert [file["id"] for file in await service.find()] == [ids[1]]
    assert len(service.kept) == 1
    assert (await service.http.post(f"/files/{ids[0]}/restore")).status_code == 404


async def test_purge_takes_one_file_out_of_the_trash_for_good(service: Service) -> None:
    record = await service.store()
    await service.http.delete(f"/files/{record['id']}")
    wrong = await service.http.delete(f"/files/{record['id']}?purge=true", headers={"if-match": '"x"'})
    assert wrong.status_code == 412
    assert (await service.http.delete(f"/files/{record['id']}?purge=true")).status_code == 204
    assert (await service.http.delete(f"/files/{record['id']}?purge=true")).status_code == 404
    assert (await service.find(trash="true"), service.kept) == ([], [])


async def test_a_name_in_the_trash_is_free(service: Service) -> None:
    first = (await service.http.put("/files/a.txt", content=b"1")).json()
    await service.http.delete("/files/a.txt")
    second = await service.http.put("/files/a.txt", content=b"2")
    assert second.status_code == 201
    assert (await service.http.post(f"/files/{first['id']}/restore")).status_code == 200
    assert (await service.http.get("/files/a.txt")).status_code == 409


async def test_without_a_trash_what_is_deleted_is_gone(settings: FileSettings) -> None:
    async with client(build(settings.model_copy(update={"trash_days": 0}))[0]) as http:
        service = Service(http, settings)
        record = await service.store()
        assert (await http.delete(f"/files/{record['id']}")).status_code == 204
        assert (await service.find(trash="true"), service.kept) == ([], [])


@pytest.mark.parametrize("replicas", [1, 2])
async def test_after_its_days_the_trash_is_purged_once(service: Service, replicas: int) -> None:
    kept = (await service.store(b"kept"))["id"]
    for n in range(5):
        await service.http.delete(f"/files/{(await service.store(b'%d' % n))['id']}")
    database = Database.of(service.settings, "files", "opsbuddy_file_service")
    async with database.running():
        records, store = SqlRecords(database), ObjectStore(service.settings.store_url)
        await Upkeep(records, store, Ages(orphan_seconds=3600, trash_days=1)).run()
        assert len(await service.find(trash="true")) == 5
        await asyncio.gather(*(Upkeep(records, store, Ages(3600, trash_days=-1)).run() for _ in range(replicas)))
        usage = await records.usage()
    assert (usage.files, usage.bytes, usage.trash_files) == (1, 4, 0)
    assert [file["id"] for file in await service.find()] == [kept]
    assert len(service.kept) == 1
