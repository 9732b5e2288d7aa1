"""Configurations, system information and commands."""

import httpx2

from tests.contract.description.installation import Installation, unique


async def a_configuration_is_created_read_updated_and_deleted(at: Installation) -> None:
    form = {"name": unique("test"), "category": "system", "value": "true"}
    made = await at.gateway.post("/api/utils/configs", data=form)
    assert made.status_code == 201, made.text
    address = f"/api/utils/configs/{made.json()['id']}"
    assert (await at.gateway.get(address)).json()["value"] is True
    changed = await at.gateway.put(address, json=form | {"value": {"retries": 3}})
    assert changed.status_code == 200, changed.text
    assert (await at.gateway.get(address)).json()["value"] == {"retries": 3}
    assert (await at.gateway.delete(address)).status_code == 204
    assert (await at.gateway.get(address)).status_code == 404


async def configurations_are_listed_on_the_services_own_port(at: Installation) -> None:
    service = at.on_port["utility-service"]
    name = unique("listed")
    made = await service.post("/configs", json={"name": name, "category": "system", "value": 1})
    assert made.status_code == 201, made.text
    assert name in {
        entry["name"] for entry in (await service.get("/configs", params={"limit": 1000})).json()["configs"]
    }


async def system_information_is_told(at: Installation) -> None:
    for answer in (
        await at.gateway.get("/api/utils/system/info"),
        await at.on_port["utility-service"].get("/system/info"),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.json()["host"]["cpu"]["count"] >= 1


async def execute(at: Installation, command: str) -> httpx2.Response:
    return await at.on_port["utility-service"].post("/system/execute", data={"command": command, "timeout": "30"})


async def a_command_is_executed(at: Installation) -> None:
    answer = await execute(at, "ls -la")
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["reason"] == "ok", result
    assert "total" in result["stdout"], result
    assert result["isolation"], result


async def only_allowed_commands_are_executed(at: Installation) -> None:
    for command in ("rm -rf /", "ls -la; id", "/bin/sh -c id"):
        answer = await execute(at, command)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json"), command
