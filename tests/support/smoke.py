"""What every installation must do, whatever it runs on: asked through the gateway and the web UI alone."""

import inspect
import uuid
from dataclasses import dataclass

import httpx2

from tests.support.wait import eventually

SERVICES = {"gateway", "file-service", "utility-service", "analytics-service", "timeseries-service", "ui-service"}
PREFIXES = ("/api/files", "/api/utils", "/api/analytics", "/api/timeseries")


@dataclass(frozen=True, slots=True)
class Platform:
    """Where the gateway and the web UI answer."""

    gateway: httpx2.AsyncClient
    ui: httpx2.AsyncClient

    async def a_file_comes_back_as_it_was_sent(self) -> None:
        content = uuid.uuid4().bytes * 1000
        sent = await self.gateway.post(
            "/api/files/upload", files={"file": ("example.txt", content)}, data={"tags": '{"category":"logs"}'}
        )
        assert sent.status_code == 201, sent.text
        address = f"/api/files/{sent.json()['id']}"
        assert (await self.gateway.get(f"{address}/download")).content == content
        listed = (await self.gateway.get("/api/files")).json()["files"]
        assert sent.json()["id"] in {record["id"] for record in listed}
        assert (await self.gateway.delete(address)).status_code in {200, 204}
        assert (await self.gateway.get(address)).status_code == 404

    async def a_log_that_was_taken_is_found(self) -> None:
        service = f"smoke-{uuid.uuid4().hex[:8]}"
        entry = {
            "timestamp": "2025-10-13T01:19:00Z",
            "level": "INFO",
            "logger": "test",
            "message": "Test log",
            "service": service,
        }
        sent = await self.gateway.post("/api/analytics/logs/single", json=entry)
        assert sent.status_code in {200, 201, 202}, sent.text

        async def found() -> bool:
            answer = await self.gateway.post(
                "/api/analytics/logs/query", json={"service": service, "level": "INFO", "limit": 10}
            )
            return [log["message"] for log in answer.json()["logs"]] == ["Test log"]

        await eventually(found, what="the log is found")

    async def a_configuration_is_kept(self) -> None:
        name = f"smoke-{uuid.uuid4().hex[:8]}"
        made = await self.gateway.post("/api/utils/configs", data={"name": name, "category": "system", "value": "true"})
        assert made.status_code == 201, made.text
        assert (await self.gateway.get(f"/api/utils/configs/{made.json()['id']}")).json()["value"] is True

    async def system_information_is_told(self) -> None:
        assert (await self.gateway.get("/api/utils/system/info")).status_code == 200

    async def every_service_answers_through_the_gateway(self) -> None:
        for prefix in PREFIXES:
            answer = await self.gateway.get(f"{prefix}/health" if prefix != "/api/files" else prefix)
            assert answer.status_code == 200, f"{prefix}: {answer.text}"

    async def health_has_the_documented_shape(self) -> None:
        for client in (self.gateway, self.ui):
            answer = (await client.get("/health")).json()
            assert list(answer) == ["status", "service", "database", "timestamp"]
            assert answer["status"] == "healthy"

    async def the_ui_welcomes_and_shows_six_services_live(self) -> None:
        async def healthy() -> bool:
            services = (await self.ui.get("/api/services/status")).json()["services"]
            states = {entry["name"]: entry["status"] for entry in services if entry["name"] in SERVICES}
            assert states == dict.fromkeys(SERVICES, "healthy")
            return True

        await eventually(healthy, within=30, what="six healthy services")
        page = (await self.ui.get("/")).text
        assert "Welcome to OpsBuddy - AI driven oncall support" in page
        assert all(name in page for name in SERVICES)

    async def what_is_not_there_is_a_problem_document(self) -> None:
        answer = await self.gateway.get("/api/nothing/here")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


PROMISES = tuple(name for name, value in vars(Platform).items() if inspect.iscoroutinefunction(value))
