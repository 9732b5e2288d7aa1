"""What the web UI's own API and first page say."""

from tests.contract.description.installation import SERVICES, Installation
from tests.support.wait import eventually


async def it_welcomes_and_shows_six_services_live(at: Installation) -> None:
    async def healthy() -> bool:
        services = (await at.ui.get("/api/services/status")).json()["services"]
        states = {entry["name"]: entry["status"] for entry in services if entry["name"] in SERVICES}
        assert states == dict.fromkeys(SERVICES, "healthy")
        return True

    await eventually(healthy, within=30, what="six healthy services")
    page = (await at.ui.get("/")).text
    assert "Welcome to OpsBuddy - AI driven oncall support" in page
    assert all(name in page for name in SERVICES)
