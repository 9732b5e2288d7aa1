"""The entry of the analytics service."""

from opsbuddy_analytics_service.factory import DISTRIBUTION, build
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_core.web.server import run


def main() -> None:
    """Run the service."""
    run(DISTRIBUTION, AnalyticsSettings, build)


if __name__ == "__main__":
    main()
