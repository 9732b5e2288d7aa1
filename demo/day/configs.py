"""The configurations that people keep; a later value of the same name is a change of it."""

from typing import Any

Config = dict[str, Any]
SECRET = "not-a-real-token"  # noqa: S105 - so that there is one to be shown nowhere

PAGE = {"down": "2m", "slow": "15m", "errors": 0.05}
ROTA = {"primary": "mara", "secondary": "jonas", "hands_over": "Mon 09:00 UTC"}


def _config(category: str, name: str, value: Any, description: str, **more: Any) -> Config:
    return {"name": name, "category": category, "value": value, "description": description, **more}


CONFIGS = (
    _config("logs", "retention.days", 14, "Days that logs are kept", tags=["storage"]),
    _config("logs", "retention.days", 30, "Days that logs are kept; 30 since the audit asked for it", tags=["storage"]),
    _config("oncall", "rota.week", ROTA, "Who is on call"),
    _config("alerts", "page.after", PAGE, "When somebody is called", tags=["paging"]),
    _config(
        "alerts",
        "page.after",
        PAGE | {"slow": "10m"},
        "When somebody is called; slow after 10 minutes",
        tags=["paging"],
    ),
    _config("release", "freeze.deploys", False, "true: nothing is rolled out"),
    _config("release", "checkout.retry", {"attempts": 3, "pause_ms": 400}, "How checkout stores a receipt again"),
    _config("alerts", "pager.token", SECRET, "How the pager knows us", secret=True),
)
