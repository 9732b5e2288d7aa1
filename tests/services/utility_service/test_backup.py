"""Configurations with their history, the audit, and the keys of secrets: saved and restored into either database."""

import asyncio
import io
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from opsbuddy_core.backup.archive import BackupError, Writer, unpack
from opsbuddy_core.backup.tables import FILE
from opsbuddy_utility_service.backup import parts
from opsbuddy_utility_service.factory import build, sealer_of
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage.keys import OWN
from tests.services.utility_service.conftest import Service
from tests.support.apps import client
from tests.support.fake_launcher import FakeLauncher


def save(settings: UtilitySettings, draft: Path) -> bytes:
    out = io.BytesIO()
    draft.mkdir(exist_ok=True)
    with Writer(out, "utility-service", "0.1.0") as archive:
        for part in parts(settings):
            part.save(archive, draft)
    return out.getvalue()


def restore(settings: UtilitySettings, archive: bytes, draft: Path) -> None:
    unpack(io.BytesIO(archive), draft)
    settings.data_dir.mkdir(exist_ok=True)
    for part in parts(settings):
        if reason := part.hindrance(force=False):
            raise BackupError(reason)
    for part in parts(settings):
        part.load(draft)


async def test_everything_comes_back_and_secrets_open(service: Service, tmp_path: Path) -> None:
    made = await service.create("retention", value={"days": 30})
    await service.http.put(
        f"/configs/{made['id']}", json={"name": "retention", "category": "system", "value": {"days": 7}}
    )
    secret = await service.create("token", value="s3cret", secret=True)
    await service.http.post("/system/execute", json={"template": "uptime"})
    listed = (await service.http.get("/configs")).json()
    history = (await service.http.get(f"/configs/{made['id']}/history")).json()
    audited = await service.audited()

    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    other = UtilitySettings(data_dir=tmp_path / "other")
    await asyncio.to_thread(restore, other, archive, tmp_path / "unpacked")
    async with client(build(other, launcher=FakeLauncher())[0]) as http:
        assert (await http.get("/configs")).json() == listed
        assert (await http.get(f"/configs/{made['id']}/history")).json() == history
        assert (await Service(http, other, FakeLauncher()).audited()) == audited
        assert (await http.get("/system/audit/verify")).json()["valid"]
    assert sealer_of(other).ready
    assert (other.data_dir / OWN).read_bytes() == (service.settings.data_dir / OWN).read_bytes()
    assert (other.data_dir / OWN).stat().st_mode & 0o777 == 0o600
    assert secret["id"]


async def test_a_key_that_is_there_already_goes_on_to_seal_and_those_of_the_archive_open(
    service: Service, tmp_path: Path
) -> None:
    await service.create()
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    other = UtilitySettings(data_dir=tmp_path / "other")
    assert sealer_of(other).ready  # makes its own
    own = (other.data_dir / OWN).read_text()
    await asyncio.to_thread(restore, other, archive, tmp_path / "unpacked")
    assert (other.data_dir / OWN).read_text() == own + (service.settings.data_dir / OWN).read_text()


@pytest.mark.parametrize("own", [True, False], ids=["a key of its own", "none"])
async def test_a_restore_that_fails_leaves_the_keys_that_were_there(
    own: bool, service: Service, tmp_path: Path
) -> None:
    await service.create()
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    other = UtilitySettings(data_dir=tmp_path / "other")
    other.data_dir.mkdir()
    before = sealer_of(other).ready and (other.data_dir / OWN).read_bytes() if own else None
    unpack(io.BytesIO(archive), tmp_path / "unpacked")
    (tmp_path / "unpacked" / FILE).write_text('{"revision": "9999"}\n')
    with pytest.raises(BackupError, match="newer schema"):
        await asyncio.to_thread(lambda: [part.load(tmp_path / "unpacked") for part in parts(other)])
    assert ((other.data_dir / OWN).read_bytes() if (other.data_dir / OWN).exists() else None) == before


async def test_settings_that_lack_a_key_of_the_archive_are_told_so_before_anything_changes(
    service: Service, tmp_path: Path
) -> None:
    await service.create()
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    other = UtilitySettings(data_dir=tmp_path / "other", secret_keys=SecretStr(Fernet.generate_key().decode()))
    with pytest.raises(BackupError, match="1 of the archive's keys"):
        await asyncio.to_thread(restore, other, archive, tmp_path / "unpacked")
    async with client(build(other, launcher=FakeLauncher())[0]) as http:
        assert (await http.get("/configs")).json()["configs"] == []


def test_a_damaged_database_is_said_without_its_words(tmp_path: Path) -> None:
    settings = UtilitySettings(data_dir=tmp_path)
    settings.sqlite_path("utility").write_bytes(b"a secret, and no database" * 1000)
    part = parts(settings)[-1]
    with pytest.raises(BackupError, match=r"^The database is damaged; --force sets it aside\.$"):
        part.hindrance(force=False)
