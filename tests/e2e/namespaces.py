"""The namespaces that tests have for themselves."""

import httpx2

PREFIX = "e2e-"


async def leftovers(api: httpx2.AsyncClient) -> list[str]:
    """Return those that are still there: of tests that ran before, in another process too."""
    names = [item["metadata"]["name"] for item in (await api.get("api/v1/namespaces")).json()["items"]]
    return [name for name in names if name.startswith(PREFIX)]
