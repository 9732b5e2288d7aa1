"""Secret configurations: never shown, never replaced by what stands for them, sealed where they are kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from pydantic import ValidationError
from sqlalchemy import text

from opsbuddy_core.errors import ConflictError
from opsbuddy_utility_service.factory import database_of
from opsbuddy_utility_service.service.secrets import Sealer
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage import keys
from opsbuddy_utility_service.tools import TOOLS
from tests.services.utility_service.conftest import Service

SECRET = "tok-1"
QUERIES = ("SELECT * FROM configs", "SELECT * FROM config_versions")


async def revealed(service: Service, config_id: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what the documented tool shows."""
    capsys.readouterr()
    database = database_of(service.settings)
    async with database.running():
        assert await TOOLS["secret", "show"](database, service.settings, config_id) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


async def stored(service: Service) -> str:
    database = database_of(service.settings)
    async with database.running(), database.reading() as connection:
        tables = [await connection.execute(text(query)) for query in QUERIES]
    return repr([row for table in tables for row in table.all()])


async def test_a_secret_survives_everything_that_is_done_to_the_entry_around_it(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await service.http.post("/configs", json={"name": "s", "category": "c", "value": SECRET, "secret": True})
    path, shown = f"/configs/{made.json()['id']}", [made.text]
    entry = (await service.http.get(path)).json()
    assert "value" not in entry
    changed = entry | {"description": "new"}
    for method in ("PUT", "PATCH"):
        answer = await service.http.request(method, path, json=changed | {"description": method})
        assert answer.status_code == 200, answer.text
        shown.append(answer.text)
        assert await revealed(service, entry["id"], capsys) == SECRET
    for masked in ("****", "••••••", "*", "[not shown]", "<redacted>", "tok-****", None, "", {"password": "***"}):
        for method in ("PUT", "PATCH"):
            answer = await service.http.request(method, path, json=changed | {"value": masked})
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "value"), (masked, answer.text)
    form = await service.http.patch(path, data={"value": "****"})
    assert (form.status_code, form.json()["errors"][0]["field"]) == (422, "value")
    shown += [(await service.http.post(f"{path}/versions/1/restore")).text]
    assert await revealed(service, entry["id"], capsys) == SECRET
    exported = (await service.http.get("/configs/export")).text
    imported = await service.http.post("/configs/import", content=exported)
    assert (imported.status_code, imported.json()["unchanged"]) == (200, 1), imported.text
    assert await revealed(service, entry["id"], capsys) == SECRET
    for method in ("PUT", "PATCH"):
        answer = await service.http.request(method, path, json=changed | {"secret": False, "value": "x"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "secret")
        shown.append(answer.text)
    assert await revealed(service, entry["id"], capsys) == SECRET
    shown += [exported, imported.text]
    for address in ("/configs", path, f"{path}/versions", f"{path}/versions/1", "/system/audit", "/configs?q=tok"):
        shown.append((await service.http.get(address)).text)
    assert SECRET not in "".join(shown)
    assert SECRET not in await stored(service)


async def test_a_value_that_really_looks_like_a_mask_is_set_by_saying_so(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = await service.create(value=SECRET, secret=True)
    answer = await service.http.patch(f"/configs/{entry['id']}", json={"value": "****", "literal": True})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert await revealed(service, entry["id"], capsys) == "****"
    plain = await service.create("plain", value="****")
    assert plain["value"] == "****"


async def test_an_entry_that_becomes_secret_is_sealed_with_all_of_its_past(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = await service.create(value="tok-0")
    path = f"/configs/{entry['id']}"
    await service.http.patch(path, json={"value": SECRET})
    answer = await service.http.patch(path, json={"secret": True})
    assert answer.status_code == 200, answer.text
    assert "tok-" not in answer.text + (await service.http.get(f"{path}/versions")).text + await stored(service)
    assert await revealed(service, entry["id"], capsys) == SECRET
    await service.http.post(f"{path}/versions/1/restore")
    assert await revealed(service, entry["id"], capsys) == "tok-0"
    assert "tok-" not in (await service.http.get(path)).text


async def test_secrets_of_any_json_type_come_back_from_the_tool(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("a", {"user": "u", "n": 9007199254740993}), ("b", "é🚀\n"), ("c", False), ("d", -1500.0)):
        entry = await service.create(name, value=value, secret=True)
        assert await revealed(service, entry["id"], capsys) == value


async def test_keys_are_changed_without_losing_a_secret(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = await service.create(value=SECRET, secret=True)
    old, new = (tmp_path / keys.OWN).read_text().strip(), Fernet.generate_key().decode()

    async def rotate(given: str) -> None:
        settings = service.settings.model_copy(update={"secret_keys": UtilitySettings(secret_keys=given).secret_keys})
        database = database_of(settings)
        async with database.running():
            assert await TOOLS["secret", "rotate"](database, settings, "") == 0

    await rotate(f"{new},{old}")
    sealed = service.settings.model_copy(update={"secret_keys": UtilitySettings(secret_keys=new).secret_keys})
    database = database_of(sealed)
    async with database.running():
        await TOOLS["secret", "show"](database, sealed, entry["id"])
        assert json.loads(capsys.readouterr().out.splitlines()[-1]) == SECRET
        with pytest.raises(ConflictError):
            await TOOLS["secret", "show"](database, service.settings, entry["id"])


def test_a_sealed_value_opens_only_in_its_own_entry_and_with_its_own_key() -> None:
    first, second = Sealer([Fernet.generate_key().decode()]), Sealer([Fernet.generate_key().decode()])
    sealed = first.seal("a", '"x"')
    assert first.open("a", sealed) == '"x"'
    for sealer, owner in ((first, "b"), (second, "a"), (Sealer([]), "a")):
        with pytest.raises(ConflictError):
            sealer.open(owner, sealed)


def test_the_own_key_is_made_once_and_readable_by_the_service_alone(tmp_path: Path) -> None:
    first = keys.load(None, None, tmp_path / "data")
    assert keys.load(None, None, tmp_path / "data") == first
    assert (tmp_path / "data" / keys.OWN).stat().st_mode & 0o777 == 0o600
    file = tmp_path / "keys"
    file.write_text(f"# new\n{Fernet.generate_key().decode()}\n\n{first[0]} # old\n")
    assert keys.load(None, file, tmp_path)[1] == first[0]
    assert len(keys.load(None, file, tmp_path)) == 2


def test_a_key_that_is_none_is_a_mistake_of_the_settings_that_does_not_show_it() -> None:
    with pytest.raises(ValidationError) as refused:
        UtilitySettings(secret_keys="hunter2")
    message = str(refused.value)
    assert "no Fernet key" in message
    assert "hunter2" not in message


async def test_exported_secrets_have_no_value(service: Service) -> None:
    await service.create(value=SECRET, secret=True)
    exported = yaml.safe_load((await service.http.get("/configs/export")).text)
    assert exported == {"configs": [{"category": "system", "name": "retention", "secret": True}]}
